//! Role definitions and assignments on a vault's host, as Azure's administration packages ask for
//! them (Key Vault REST 7.4 and later, RBAC; Azure has it for Managed HSM alone).
//!
//! The scope `/` is the vault, `/secrets/{name}` one secret, `/keys/{name}` one key, `/certificates/{name}` one
//! certificate. What is given here applies in this vault and nowhere else; whatever applies to the installation is
//! managed at the base.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::{AssignmentShown, NewAssignment, NewRole, RoleShown, ScopeRequest},
    names::{ObjectName, VaultName},
    principal::{Grantee, PrincipalId},
    role::RoleRef,
};
use uuid::Uuid;

use super::{
    manage::grantee::{bounded, with_an_issuer, workload},
    wire::{self, Pages},
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

const ASSIGNMENTS: &str = "/providers/Microsoft.Authorization/roleAssignments";
/// How Azure begins the ids of definitions.
const DEFINITION_ID: &str = "Microsoft.KeyVault/providers/Microsoft.Authorization/roleDefinitions/";
/// Before a group in the place of a principal's id.
const GROUP: &str = "group:";
const PAGE: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing<T> {
    value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_link: Option<String>,
}

/// `RoleAssignment` and `RoleDefinition` of the specification.
#[derive(Serialize)]
struct Resource<T> {
    id: String,
    name: Uuid,
    #[serde(rename = "type")]
    kind: &'static str,
    properties: T,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssignmentProperties {
    principal_id: String,
    role_definition_id: String,
    scope: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DefinitionProperties<'a> {
    role_name: &'a str,
    description: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    permissions: [Permission; 1],
    assignable_scopes: Vec<String>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Permission {
    actions: Vec<String>,
    not_actions: Vec<String>,
    data_actions: Vec<String>,
    not_data_actions: Vec<String>,
}

#[derive(Deserialize)]
struct Body<T> {
    properties: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAssignmentProperties {
    role_definition_id: String,
    principal_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewDefinitionProperties {
    #[serde(default)]
    role_name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    permissions: Option<Vec<Permission>>,
    #[serde(default)]
    assignable_scopes: Option<Vec<String>>,
}

/// A scope of this API, in the installation's terms.
fn scope(vault: &VaultName, text: &str) -> Result<ScopeRequest, Problem> {
    let wrong =
        || Problem::bad_parameter("A scope is / for the vault, /secrets/{name}, /keys/{name} or /certificates/{name}.");
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [] => Ok(ScopeRequest::Vault(vault.clone())),
        [kind, name] if kind.eq_ignore_ascii_case("secrets") => {
            Ok(ScopeRequest::Secret(vault.clone(), ObjectName::parse(name).map_err(|_| wrong())?))
        }
        [kind, name] if kind.eq_ignore_ascii_case("keys") => {
            Ok(ScopeRequest::Key(vault.clone(), ObjectName::parse(name).map_err(|_| wrong())?))
        }
        [kind, name] if kind.eq_ignore_ascii_case("certificates") => {
            Ok(ScopeRequest::Certificate(vault.clone(), ObjectName::parse(name).map_err(|_| wrong())?))
        }
        _ => Err(wrong()),
    }
}

/// A scope of the installation in the terms of this vault; none when it lies in another.
fn local(vault: &VaultName, scope: &str) -> Option<String> {
    if scope == "/" {
        return Some("/".to_owned());
    }
    let rest = scope.strip_prefix("/vaults/")?.strip_prefix(vault.as_str())?;
    match rest {
        "" => Some("/".to_owned()),
        _ => rest.starts_with('/').then(|| rest.to_owned()),
    }
}

fn scope_of(call: &Call, vault: &VaultName) -> Result<ScopeRequest, Problem> {
    scope(vault, call.parameter(0))
}

/// Where a definition is written: for the vault as a whole, as in Azure.
fn whole_vault(call: &Call, vault: &VaultName) -> Result<ScopeRequest, Problem> {
    match scope_of(call, vault)? {
        whole @ ScopeRequest::Vault(_) => Ok(whole),
        _ => Err(Problem::bad_parameter("Role definitions are written at the scope /.")),
    }
}

fn id(call: &Call) -> Result<Uuid, Problem> {
    Uuid::try_parse(call.parameter(1)).map_err(|_| Problem::bad_parameter("A name is a UUID."))
}

/// A workload by its client id, as Azure knows its service principals; everybody else with issuer.
fn principal(services: &Services, text: &str) -> Result<Grantee, Problem> {
    if let Ok(client_id) = Uuid::try_parse(text) {
        return Ok(workload(services, client_id));
    }
    let (text, group) = text.strip_prefix(GROUP).map_or((text, false), |rest| (rest, true));
    let (issuer, name) = text.rsplit_once('#').ok_or_else(|| {
        Problem::bad_parameter("principalId is a workload's client id, ISSUER#SUBJECT, or group:ISSUER#GROUP.")
    })?;
    let (issuer, name) = (bounded(issuer.to_owned())?, bounded(name.to_owned())?);
    Ok(if group {
        Grantee::Group { issuer, group: name }
    } else {
        Grantee::Principal { id: PrincipalId { issuer, subject: name } }
    })
}

fn principal_id(services: &Services, grantee: &Grantee) -> String {
    match grantee {
        Grantee::Principal { id } if workload_id(services, id).is_some() => id.subject.clone(),
        Grantee::Principal { id } => id.to_string(),
        Grantee::Group { issuer, group } => format!("{GROUP}{issuer}#{group}"),
    }
}

fn workload_id(services: &Services, id: &PrincipalId) -> Option<Uuid> {
    (id.issuer == services.objects.gate.own_issuer).then(|| Uuid::try_parse(&id.subject).ok()).flatten()
}

fn assignment(services: &Services, vault: &VaultName, shown: &AssignmentShown) -> Resource<AssignmentProperties> {
    let AssignmentShown { assignment, scope, .. } = shown;
    let scope = local(vault, scope).unwrap_or_else(|| scope.clone());
    Resource {
        id: format!("{}{ASSIGNMENTS}/{}", scope.trim_end_matches('/'), assignment.id),
        name: assignment.id,
        kind: "Microsoft.Authorization/roleAssignments",
        properties: AssignmentProperties {
            principal_id: principal_id(services, &assignment.grantee),
            role_definition_id: format!("{DEFINITION_ID}{}", assignment.role.id()),
            scope,
        },
    }
}

fn definition<'a>(vault: &VaultName, role: &'a RoleShown) -> Resource<DefinitionProperties<'a>> {
    let permission = Permission {
        actions: role.actions.clone(),
        not_actions: role.not_actions.clone(),
        data_actions: role.data_actions.clone(),
        not_data_actions: role.not_data_actions.clone(),
    };
    Resource {
        id: format!("{DEFINITION_ID}{}", role.id),
        name: role.id,
        kind: "Microsoft.Authorization/roleDefinitions",
        properties: DefinitionProperties {
            role_name: &role.name,
            description: &role.description,
            kind: if role.custom { "CustomRole" } else { "AKVBuiltInRole" },
            permissions: [permission],
            assignable_scopes: role.assignable_scopes.iter().filter_map(|scope| local(vault, scope)).collect(),
        },
    }
}

/// GET /{scope}/providers/Microsoft.Authorization/roleAssignments: at the scope and below it.
/// `$filter` is `atScope()` or `principalId eq '{id}'`.
pub(crate) async fn list_assignments(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let at = scope_of(call, vault)?;
    let (mut here, mut of) = (false, None);
    if request.has_query("$filter") {
        let filter = request.query("$filter").unwrap_or_default().trim();
        match filter.split_once(" eq ") {
            None if filter.eq_ignore_ascii_case("atScope()") => here = true,
            Some((name, value)) if name.trim().eq_ignore_ascii_case("principalId") => {
                of = Some(principal(services, value.trim().trim_matches('\''))?);
            }
            _ => return Err(Problem::bad_parameter("$filter is atScope() or principalId eq '{id}'.")),
        }
    }
    let wanted = at.to_string();
    let path = format!("{}{ASSIGNMENTS}", local(vault, &wanted).unwrap_or_default().trim_end_matches('/'));
    let pages = Pages::of(services, vault, path, request);
    let after = pages.after(|text| Uuid::try_parse(text).ok())?;
    let page = services.admin.list_assignments(&call.ctx, &at, of, after, PAGE).await?;
    let value = page.items.iter().filter(|shown| !here || shown.scope == wanted);
    let mut next_link = pages.next_link(page.next.as_deref())?;
    if let (Some(link), Some(filter)) = (&mut next_link, request.query("$filter")) {
        // Clients follow the link as it is.
        link.extend(["&$filter="].into_iter().chain(url::form_urlencoded::byte_serialize(filter.as_bytes())));
    }
    Ok(Response::json(200, &Listing { value: value.map(|a| assignment(services, vault, a)).collect(), next_link }))
}

/// PUT /{scope}/providers/Microsoft.Authorization/roleAssignments/{name}
pub(crate) async fn create_assignment(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let (at, id) = (scope_of(call, vault)?, id(call)?);
    let NewAssignmentProperties { role_definition_id, principal_id } =
        wire::body::<Body<NewAssignmentProperties>>(request)?.properties;
    let role = role_definition_id.rsplit('/').next().and_then(|id| Uuid::try_parse(id).ok());
    let role = role.ok_or_else(|| Problem::bad_parameter("roleDefinitionId ends in a role definition's id."))?;
    let new = NewAssignment {
        id: Some(id),
        grantee: with_an_issuer(principal(services, &principal_id)?)?,
        role: RoleRef::by_id(role).into(),
        ends_at: None,
    };
    let added = services.admin.add_assignment(&call.ctx, new, &at).await?;
    Ok(Response::json(201, &assignment(services, vault, &added)))
}

/// GET /{scope}/providers/Microsoft.Authorization/roleAssignments/{name}
pub(crate) async fn get_assignment(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let shown = services.admin.show_assignment(&call.ctx, id(call)?, &scope_of(call, vault)?).await?;
    Ok(Response::json(200, &assignment(services, vault, &shown)))
}

/// DELETE /{scope}/providers/Microsoft.Authorization/roleAssignments/{name}
pub(crate) async fn delete_assignment(
    services: &Services,
    call: &Call,
    vault: &VaultName,
) -> Result<Response, Problem> {
    let shown = services.admin.remove_assignment(&call.ctx, id(call)?, &scope_of(call, vault)?).await?;
    Ok(Response::json(200, &assignment(services, vault, &shown)))
}

/// GET /{scope}/providers/Microsoft.Authorization/roleDefinitions: built in, and custom ones that may
/// be assigned at the scope, above it or below it.
pub(crate) async fn list_definitions(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let at = scope_of(call, vault)?;
    if request.has_query("$filter")
        && !request.query("$filter").is_some_and(|filter| filter.trim().eq_ignore_ascii_case("atScopeAndBelow()"))
    {
        return Err(Problem::bad_parameter("$filter is atScopeAndBelow()."));
    }
    let roles = services.admin.list_roles(&call.ctx, &at).await?;
    let value = roles.iter().map(|role| definition(vault, role)).collect();
    Ok(Response::json(200, &Listing { value, next_link: None }))
}

/// GET /{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}
pub(crate) async fn get_definition(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let role = services.admin.show_role(&call.ctx, id(call)?, Some(&scope_of(call, vault)?)).await?;
    Ok(Response::json(200, &definition(vault, &role)))
}

/// PUT /{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}: makes or replaces.
pub(crate) async fn put_definition(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let (at, id) = (whole_vault(call, vault)?, id(call)?);
    let properties = wire::body::<Body<NewDefinitionProperties>>(request)?.properties;
    let mut permissions = properties.permissions.unwrap_or_default().into_iter();
    let (permission, more) = (permissions.next().unwrap_or_default(), permissions.next());
    if more.is_some() {
        return Err(Problem::bad_parameter("A role definition has one element in permissions."));
    }
    let scopes = properties.assignable_scopes.unwrap_or_default();
    let assignable_scopes = match scopes.is_empty() {
        true => vec![at.clone()],
        false => scopes.iter().map(|text| scope(vault, text)).collect::<Result<_, _>>()?,
    };
    let new = NewRole {
        name: properties.role_name.unwrap_or_default(),
        description: properties.description.unwrap_or_default(),
        actions: permission.actions,
        not_actions: permission.not_actions,
        data_actions: permission.data_actions,
        not_data_actions: permission.not_data_actions,
        assignable_scopes,
    };
    let role = services.admin.put_role(&call.ctx, Some(id), &new, Some(&at)).await?;
    Ok(Response::json(201, &definition(vault, &role)))
}

/// DELETE /{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}
pub(crate) async fn delete_definition(
    services: &Services,
    call: &Call,
    vault: &VaultName,
) -> Result<Response, Problem> {
    let role = services.admin.delete_role(&call.ctx, id(call)?, Some(&whole_vault(call, vault)?)).await?;
    Ok(Response::json(200, &definition(vault, &role)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_the_vaults_own_and_come_back() {
        let vault = VaultName::parse("demo").unwrap();
        for (text, means) in [
            ("", "/vaults/demo"),
            ("/", "/vaults/demo"),
            ("secrets/db", "/vaults/demo/secrets/db"),
            ("keys/db", "/vaults/demo/keys/db"),
            ("certificates/db", "/vaults/demo/certificates/db"),
        ] {
            let scope = scope(&vault, text).unwrap();
            assert_eq!(scope.to_string(), means);
            assert_eq!(local(&vault, means).unwrap().trim_start_matches('/'), text.trim_start_matches('/'));
        }
        for wrong in
            ["/keys", "/secrets", "/keys/k/v", "/secrets/a/b", "/vaults/other", "subscriptions/1", "/secrets/a_b"]
        {
            assert!(scope(&vault, wrong).is_err(), "{wrong}");
        }
        assert_eq!(local(&vault, "/"), Some("/".to_owned()));
        for other in ["/vaults/demo2", "/vaults/other/secrets/db"] {
            assert_eq!(local(&vault, other), None);
        }
    }
}
