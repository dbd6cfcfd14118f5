//! `/api/v1/roles`: role definitions, built in and custom.

use serde::{Deserialize, Serialize};
use strongroom_domain::admin::{NewRole, RoleShown};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{List, grantee::scope, id_parameter};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutRoleDefinition)]
pub(crate) struct Body {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    actions: Vec<String>,
    #[serde(default)]
    not_actions: Vec<String>,
    #[serde(default)]
    data_actions: Vec<String>,
    #[serde(default)]
    not_data_actions: Vec<String>,
    assignable_scopes: Vec<String>,
}

impl Body {
    fn role(self) -> Result<NewRole, Problem> {
        Ok(NewRole {
            name: self.name,
            description: self.description,
            actions: self.actions,
            not_actions: self.not_actions,
            data_actions: self.data_actions,
            not_data_actions: self.not_data_actions,
            assignable_scopes: self.assignable_scopes.iter().map(|text| scope(text)).collect::<Result<_, _>>()?,
        })
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = RoleDefinition)]
pub(crate) struct View<'a> {
    id: Uuid,
    name: &'a str,
    description: &'a str,
    custom: bool,
    actions: &'a [String],
    not_actions: &'a [String],
    data_actions: &'a [String],
    not_data_actions: &'a [String],
    assignable_scopes: &'a [String],
}

impl<'a> View<'a> {
    fn of(role: &'a RoleShown) -> Self {
        Self {
            id: role.id,
            name: &role.name,
            description: &role.description,
            custom: role.custom,
            actions: &role.actions,
            not_actions: &role.not_actions,
            data_actions: &role.data_actions,
            not_data_actions: &role.not_data_actions,
            assignable_scopes: &role.assignable_scopes,
        }
    }
}

/// GET /api/v1/roles: built in, and custom ones that may be assigned somewhere at or below a scope.
pub(crate) async fn list(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let at = scope(request.query("scope").unwrap_or("/"))?;
    let roles = services.admin.list_roles(&call.ctx, &at).await?;
    Ok(Response::json(200, &List { value: roles.iter().map(View::of).collect() }))
}

/// POST /api/v1/roles
pub(crate) async fn create(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let new = wire::body::<Body>(request)?.role()?;
    let role = services.admin.put_role(&call.ctx, None, &new, None).await?;
    Ok(Response::json(201, &View::of(&role)))
}

/// GET /api/v1/roles/{id}
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let role = services.admin.show_role(&call.ctx, id_parameter(call)?, None).await?;
    Ok(Response::json(200, &View::of(&role)))
}

/// PUT /api/v1/roles/{id}: makes or replaces.
pub(crate) async fn put(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let id = id_parameter(call)?;
    let new = wire::body::<Body>(request)?.role()?;
    let role = services.admin.put_role(&call.ctx, Some(id), &new, None).await?;
    Ok(Response::json(200, &View::of(&role)))
}

/// DELETE /api/v1/roles/{id}
pub(crate) async fn delete(services: &Services, call: &Call) -> Result<Response, Problem> {
    services.admin.delete_role(&call.ctx, id_parameter(call)?, None).await?;
    Ok(Response::empty(204))
}
