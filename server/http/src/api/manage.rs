//! The management API under `/api/v1`: vaults, assignments, workloads, audit records.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::ScopeRequest,
    grant::{Assignment, Scope},
    identity::Federation,
    names::{ObjectName, VaultName},
    network::NetworkRules,
    policy::PolicyAttachment,
    principal::{Grantee, PrincipalId},
    record::{Outcome, Record, RecordFilter},
    role::Role,
    secret::Page,
    vault::{DEFAULT_RETENTION_DAYS, Vault, VaultSettings},
};
use uuid::Uuid;

use super::wire;
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// Records on a page of the audit API: default and most.
const AUDIT_PAGE: (usize, usize) = (100, 1000);

#[derive(Serialize)]
struct VaultView<'a> {
    name: &'a str,
    url: String,
    id: String,
    settings: &'a VaultSettings,
    recovery_level: &'static str,
    created_at: i64,
}

impl<'a> VaultView<'a> {
    fn of(services: &Services, vault: &'a Vault) -> Self {
        Self {
            name: vault.name.as_str(),
            url: services.addresses.vault(&vault.name),
            id: vault.id.to_string(),
            settings: &vault.settings,
            recovery_level: vault.settings.recovery_level(),
            created_at: vault.created_at,
        }
    }
}

#[derive(Serialize)]
struct List<T> {
    value: Vec<T>,
}

/// GET /api/v1/vaults
pub(crate) async fn list_vaults(services: &Services, call: &Call) -> Result<Response, Problem> {
    let vaults = services.admin.list_vaults(&call.ctx).await?;
    let value = vaults.iter().map(|vault| VaultView::of(services, vault)).collect();
    Ok(Response::json(200, &List { value }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateVault {
    name: String,
    #[serde(default)]
    network: NetworkRules,
    #[serde(default)]
    policies: Vec<PolicyAttachment>,
    #[serde(default = "default_retention")]
    retention_days: u16,
    #[serde(default)]
    purge_protection: bool,
}

fn default_retention() -> u16 {
    DEFAULT_RETENTION_DAYS
}

/// POST /api/v1/vaults
pub(crate) async fn create_vault(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: CreateVault = wire::body(request)?;
    let name = vault_name(&body.name)?;
    let settings = VaultSettings {
        network: body.network,
        policies: body.policies,
        retention_days: body.retention_days,
        purge_protection: body.purge_protection,
    };
    let vault = services.admin.create_vault(&call.ctx, &name, settings).await?;
    Ok(Response::json(201, &VaultView::of(services, &vault)))
}

fn vault_name(text: &str) -> Result<VaultName, Problem> {
    VaultName::parse(text).map_err(|error| Problem::bad_parameter(format!("{error}.")))
}

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
pub(crate) async fn add_assignment(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateWorkload {
    name: String,
    #[serde(default)]
    federations: Vec<Federation>,
}

#[derive(Serialize)]
struct NewWorkload<'a> {
    client_id: Uuid,
    name: &'a str,
    /// Told this once.
    client_secret: &'a str,
}

/// POST /api/v1/workloads
pub(crate) async fn create_workload(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: CreateWorkload = wire::body(request)?;
    let long = |f: &Federation| [&f.issuer, &f.subject, &f.audience].into_iter().any(|t| t.is_empty() || t.len() > 256);
    if body.federations.iter().any(long) {
        return Err(Problem::bad_parameter("A federation's issuer, subject and audience have 1 to 256 characters."));
    }
    let (workload, secret) = services.admin.create_workload(&call.ctx, &body.name, body.federations).await?;
    let view = NewWorkload { client_id: workload.client_id, name: &workload.name, client_secret: secret.expose() };
    Ok(Response::json(201, &view))
}

#[derive(Serialize)]
struct AuditList<'a> {
    value: &'a [Record],
    next: Option<&'a str>,
}

/// GET /api/v1/audit
pub(crate) async fn query_audit(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let filter = audit_filter(request, AUDIT_PAGE)?;
    let Page { items, next } = services.admin.query_audit(&call.ctx, filter).await?;
    Ok(Response::json(200, &AuditList { value: &items, next: next.as_deref() }))
}

/// Reads the filters of the audit list, for the API and the dashboard alike.
pub(crate) fn audit_filter(request: &Request, (default, most): (usize, usize)) -> Result<RecordFilter, Problem> {
    let given = |name| request.query(name).filter(|text| !text.is_empty());
    let bounded = |name| match given(name) {
        Some(text) if text.len() > 256 => Err(Problem::bad_parameter(format!("{name} is longer than 256 bytes."))),
        other => Ok(other.map(str::to_owned)),
    };
    let outcome = match given("outcome") {
        Some(text) => Some(
            Outcome::parse(text)
                .ok_or_else(|| Problem::bad_parameter("outcome is allowed, denied, failed or unauthenticated."))?,
        ),
        None => None,
    };
    let before = match given("before") {
        Some(text) => Some(Uuid::try_parse(text).map_err(|_| Problem::bad_parameter("before is a record's id."))?),
        None => None,
    };
    let limit = match given("limit") {
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| Problem::bad_parameter(format!("limit is a whole number from 1 to {most}.")))?,
        None => default,
    };
    Ok(RecordFilter {
        outcome,
        vault: bounded("vault")?,
        object: bounded("object")?.map(|o| o.to_ascii_lowercase()),
        principal: bounded("principal")?,
        before,
        limit,
    })
}
