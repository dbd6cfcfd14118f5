//! `/api/v1/assignments`.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::ScopeRequest,
    grant::{Assignment, Scope},
    names::ObjectName,
    principal::{Grantee, PrincipalId},
    role::Role,
};
use uuid::Uuid;

use super::vault_name;
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AddAssignment {
    /// Issuer and subject of a principal, or issuer and group.
    #[serde(default)]
    issuer: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    group: Option<String>,
    /// Instead: the client id of a workload kept here.
    #[serde(default)]
    client_id: Option<Uuid>,
    role: String,
    scope: String,
}

#[derive(Serialize)]
struct AssignmentView<'a> {
    id: Uuid,
    grantee: &'a Grantee,
    role: &'static str,
    scope: &'a Scope,
    created_at: i64,
}

/// POST /api/v1/assignments
pub(crate) async fn add(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: AddAssignment = wire::body(request)?;
    let role = Role::by_name(&body.role).ok_or_else(|| {
        let names: Vec<_> = Role::ALL.iter().map(|role| role.name()).collect();
        Problem::bad_parameter(format!("There is no role of this name. Roles: {}.", names.join(", ")))
    })?;
    let scope = scope(&body.scope)?;
    let grantee = grantee(services, body)?;
    let assignment = services.admin.add_assignment(&call.ctx, grantee, role, &scope).await?;
    let Assignment { id, grantee, role, scope, created_at, .. } = &assignment;
    let view = AssignmentView { id: *id, grantee, role: role.name(), scope, created_at: *created_at };
    Ok(Response::json(201, &view))
}

fn grantee(services: &Services, body: AddAssignment) -> Result<Grantee, Problem> {
    let bounded = |text: String| {
        if (1..=256).contains(&text.len()) && !text.chars().any(char::is_control) {
            Ok(text)
        } else {
            Err(Problem::bad_parameter("Issuer, subject and group have 1 to 256 printable characters."))
        }
    };
    match (body.client_id, body.issuer, body.subject, body.group) {
        (Some(client_id), None, None, None) => {
            let issuer = services.secrets.gate.own_issuer.clone();
            Ok(Grantee::Principal { id: PrincipalId { issuer, subject: client_id.to_string() } })
        }
        (None, Some(issuer), Some(subject), None) => {
            Ok(Grantee::Principal { id: PrincipalId { issuer: bounded(issuer)?, subject: bounded(subject)? } })
        }
        (None, Some(issuer), None, Some(group)) => {
            Ok(Grantee::Group { issuer: bounded(issuer)?, group: bounded(group)? })
        }
        _ => {
            Err(Problem::bad_parameter("Name the grantee by client_id, by issuer and subject, or by issuer and group."))
        }
    }
}

/// `/`, `/vaults/{vault}` or `/vaults/{vault}/secrets/{name}`.
fn scope(text: &str) -> Result<ScopeRequest, Problem> {
    let wrong = || Problem::bad_parameter("A scope is /, /vaults/{vault} or /vaults/{vault}/secrets/{name}.");
    let parts: Vec<&str> = text.strip_prefix('/').ok_or_else(wrong)?.split('/').collect();
    match parts.as_slice() {
        [""] => Ok(ScopeRequest::Server),
        ["vaults", vault] => Ok(ScopeRequest::Vault(vault_name(vault)?)),
        ["vaults", vault, "secrets", name] => {
            Ok(ScopeRequest::Secret(vault_name(vault)?, ObjectName::parse(name).map_err(|_| wrong())?))
        }
        _ => Err(wrong()),
    }
}
