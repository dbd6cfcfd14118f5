//! `/api/v1/assignments`.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::{AssignmentShown, NewAssignment, ScopeRequest, WantedRole, WorkloadLabels},
    principal::Grantee,
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    Listing,
    grantee::{Whom, scope, told_of, warnings},
    grantee_labels, id_parameter, page_limit,
};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddAssignment {
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    client_id: Option<Uuid>,
    /// Name or id of a role definition.
    role: String,
    /// `/`, `/vaults/{vault}`, or `/vaults/{vault}/` with `secrets/{name}`, `keys/{name}` or `certificates/{name}`.
    scope: String,
    /// Unix milliseconds.
    #[serde(default)]
    ends_at: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Assignment)]
pub(crate) struct AssignmentView<'a> {
    id: Uuid,
    #[schema(value_type = shapes::Grantee)]
    grantee: &'a Grantee,
    /// Name of the workload that the grantee is; for who may see workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    grantee_name: Option<&'a str>,
    /// Whether the grantee was a workload of this installation and was deleted: what it was given counts for nobody.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    grantee_deleted: bool,
    role: &'a str,
    role_id: Uuid,
    scope: &'a str,
    /// Whether what it permits on the vault's contents does not count, because the vault's access mode does not ask roles;
    /// told where the assignments of a vault are listed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    asleep: bool,
    /// Unix milliseconds.
    created_at: i64,
    /// Unix milliseconds; it does not end when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl<'a> AssignmentView<'a> {
    fn of(shown: &'a AssignmentShown) -> Self {
        let AssignmentShown { assignment, role, scope, asleep } = shown;
        Self {
            id: assignment.id,
            grantee: &assignment.grantee,
            grantee_name: None,
            grantee_deleted: false,
            role,
            role_id: assignment.role.id(),
            scope,
            asleep: *asleep,
            created_at: assignment.created_at,
            ends_at: assignment.ends_at,
            warnings: Vec::new(),
        }
    }

    fn labelled(self, labels: &'a WorkloadLabels, own_issuer: &str) -> Self {
        let (grantee_name, grantee_deleted) = told_of(self.grantee, labels, own_issuer);
        Self { grantee_name, grantee_deleted, ..self }
    }
}

/// POST /api/v1/assignments
pub(crate) async fn add(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let AddAssignment { issuer, subject, group, client_id, role, scope: at, ends_at } = wire::body(request)?;
    let at = scope(&at)?;
    let grantee = Whom { issuer, subject, group, client_id }.grantee_to_be(services)?;
    let new = NewAssignment { id: None, grantee, role: WantedRole::Named(role), ends_at };
    let added = services.admin.add_assignment(&call.ctx, new, &at).await?;
    let warnings = warnings(services, call, &added.assignment.grantee).await;
    Ok(Response::json(201, &AssignmentView { warnings, ..AssignmentView::of(&added) }))
}

/// GET /api/v1/assignments: at a scope and below, of everybody or of one grantee.
pub(crate) async fn list(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let at = scope(request.query("scope").unwrap_or("/"))?;
    let grantee = Whom::of_query(request)?.map(|whom| whom.grantee(services)).transpose()?;
    let after = match request.query("after") {
        Some(text) => Some(Uuid::try_parse(text).map_err(|_| Problem::bad_parameter("after is an assignment's id."))?),
        None => None,
    };
    let limit = page_limit(request)?;
    let page = services.admin.list_assignments(&call.ctx, &at, grantee, after, limit).await?;
    let labels = grantee_labels(services, call, page.items.iter().map(|shown| &shown.assignment.grantee)).await;
    let own_issuer = &services.objects.gate.own_issuer;
    let value = page.items.iter().map(|shown| AssignmentView::of(shown).labelled(&labels, own_issuer)).collect();
    Ok(Response::json(200, &Listing { value, next: page.next }))
}

/// GET /api/v1/assignments/{id}
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let shown = services.admin.show_assignment(&call.ctx, id_parameter(call)?, &ScopeRequest::Server).await?;
    let labels = grantee_labels(services, call, std::iter::once(&shown.assignment.grantee)).await;
    let own_issuer = &services.objects.gate.own_issuer;
    Ok(Response::json(200, &AssignmentView::of(&shown).labelled(&labels, own_issuer)))
}

/// DELETE /api/v1/assignments/{id}
pub(crate) async fn remove(services: &Services, call: &Call) -> Result<Response, Problem> {
    services.admin.remove_assignment(&call.ctx, id_parameter(call)?, &ScopeRequest::Server).await?;
    Ok(Response::empty(204))
}
