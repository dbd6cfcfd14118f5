//! `/api/v1/access` and `/api/v1/assignments/{id}/uses`: who has access to a place by which grant, when it was last used,
//! and for what.

use std::collections::BTreeSet;

use serde::Serialize;
use strongroom_domain::{
    action::Action,
    admin::{
        AdminError, Gone, GrantShown, GrantState, GrantedBy, GrantsPage, GrantsWanted, LastUsed, ScopeRequest,
        UsedActions, WorkloadLabels,
    },
    context::RequestContext,
    principal::{Grantee, PrincipalId},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{access_policies::Shown, grantee::scope, grantee_labels, id_parameter, page_limit};
use crate::{
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

/// Longest text that a name is searched by, bytes.
const MAX_TEXT: usize = 256;

/// A grant: a role that is assigned, or an access policy of a vault.
#[derive(Serialize, ToSchema)]
#[schema(as = Grant)]
pub(crate) struct View<'a> {
    #[schema(value_type = shapes::Grantee)]
    grantee: &'a Grantee,
    /// Name of the workload that the grantee is; for who may see workloads.
    #[serde(skip_serializing_if = "Option::is_none")]
    grantee_name: Option<&'a str>,
    /// Of a role that is assigned, the assignment.
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<Uuid>,
    /// Of an access policy, its vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    vault: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Shown<'a>>,
    scope: &'a str,
    /// Unix milliseconds; of an access policy a millisecond later for each change of it.
    created_at: i64,
    /// Unix milliseconds; it does not end when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<i64>,
    /// When a request that was allowed last rested on it, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<i64>,
    /// Who asked then; of a group's grant for who may read the audit log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<shapes::PrincipalId>)]
    last_used_by: Option<&'a PrincipalId>,
    /// Since when no request rested on it, Unix milliseconds. Absent, as `last_used_at` is, while that is not known: records
    /// are counted anew when the server starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_used_from: Option<i64>,
    /// `unused` (for 90 days), `orphan`, `asleep` (the vault's access mode does not ask for it) and `over` (it has ended).
    states: Vec<&'static str>,
    /// Of an orphan, what is gone: `issuer` (it is not configured), `workload` or `vault`.
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<&'static str>,
}

/// A page of grants.
#[derive(Serialize, ToSchema)]
#[schema(as = GrantPage)]
pub(crate) struct Page<'a> {
    value: Vec<View<'a>>,
    /// To be given back as `after`. A page may have fewer grants than it could, and the next one more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<&'a str>,
    /// What the caller may not see of it: `above` (roles given above the scope), `access-policies` (of a vault at least) and
    /// `users` (who of a group used a grant).
    hidden: Vec<&'static str>,
}

impl<'a> View<'a> {
    fn of(shown: &'a GrantShown, labels: &'a WorkloadLabels, own_issuer: &str) -> Self {
        let name = match &shown.grantee {
            Grantee::Principal { id } => labels.name(id, own_issuer),
            Grantee::Group { .. } => None,
        };
        let (assignment, role, role_id, vault, permissions) = match &shown.by {
            GrantedBy::Role { assignment, id, name } => {
                (Some(*assignment), Some(name.as_str()), Some(id.id()), None, None)
            }
            GrantedBy::Policy { vault, permissions } => {
                (None, None, None, Some(vault.as_str()), Some(Shown::from(permissions)))
            }
        };
        let (last_used_at, last_used_by, not_used_from) = match &shown.last_used {
            LastUsed::At { at, by } => (Some(*at), by.as_ref(), None),
            LastUsed::NotSince(moment) => (None, None, Some(*moment)),
            LastUsed::NotKnown => (None, None, None),
        };
        Self {
            grantee: &shown.grantee,
            grantee_name: name,
            assignment,
            role,
            role_id,
            vault,
            permissions,
            scope: &shown.scope,
            created_at: shown.given_at,
            ends_at: shown.ends_at,
            last_used_at,
            last_used_by,
            not_used_from,
            states: words(&shown.states),
            gone: shown.gone.map(Gone::as_str),
        }
    }
}

fn words(states: &BTreeSet<GrantState>) -> Vec<&'static str> {
    states.iter().map(|state| state.as_str()).collect()
}

/// What a query asks for.
pub(crate) fn wanted(request: &Request) -> Result<GrantsWanted, Problem> {
    let text = |name: &str| {
        let given = request.query(name).map(str::trim).filter(|text| !text.is_empty());
        match given {
            Some(text) if text.len() > MAX_TEXT || text.chars().any(char::is_control) => {
                Err(Problem::bad_parameter("What a name is searched by has at most 256 printable characters."))
            }
            given => Ok(given.map(str::to_owned)),
        }
    };
    let above = match request.query("above") {
        None | Some("" | "false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::bad_parameter("above is true or false.")),
    };
    let state = match text("state")? {
        None => None,
        Some(word) => match GrantState::parse(&word) {
            Some(state) => Some(state),
            None => return Err(Problem::bad_parameter("state is unused, orphan, asleep or over.")),
        },
    };
    Ok(GrantsWanted { above, who: text("who")?, role: text("role")?, state })
}

/// Grants at a place, for a page of them.
pub(crate) async fn grants(
    services: &Services,
    ctx: &RequestContext,
    at: &ScopeRequest,
    wanted: &GrantsWanted,
    page: (Option<&str>, usize),
) -> Result<GrantsPage, AdminError> {
    let knows = |issuer: &str| services.authenticator.knows(issuer) || services.sign_in.knows(issuer);
    services.admin.list_grants(ctx, at, wanted, page, &knows).await
}

/// GET /api/v1/access: at a scope and below it, and above it if that is said.
pub(crate) async fn list(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let at = scope(request.query("scope").unwrap_or("/"))?;
    let (wanted, limit) = (wanted(request)?, page_limit(request)?);
    let page = grants(services, &call.ctx, &at, &wanted, (request.query("after"), limit)).await?;
    let labels = grantee_labels(services, call, page.items.iter().map(|shown| &shown.grantee)).await;
    let own_issuer = &services.objects.gate.own_issuer;
    let value = page.items.iter().map(|shown| View::of(shown, &labels, own_issuer)).collect();
    let hidden = page.hidden.iter().map(|hidden| hidden.as_str()).collect();
    Ok(Response::json(200, &Page { value, next: page.next.as_deref(), hidden }))
}

/// What an assignment was used for within the last 90 days, and the actions that a role for no more than that holds.
#[derive(Serialize, ToSchema)]
#[schema(as = AssignmentUses)]
pub(crate) struct UsesView<'a> {
    assignment: Uuid,
    role: &'a str,
    scope: &'a str,
    operations: Vec<UseView<'a>>,
    /// On vaults and the installation.
    actions: Vec<&'static str>,
    /// On what is in a vault.
    data_actions: Vec<&'static str>,
    /// Since when all uses are known, Unix milliseconds. Absent while records are still being counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_from: Option<i64>,
}

/// An operation that an assignment was used for.
#[derive(Serialize, ToSchema)]
#[schema(as = AssignmentUse)]
pub(crate) struct UseView<'a> {
    /// As records call it.
    operation: &'a str,
    /// Its action; absent where the operation is none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'static str>,
    /// Unix milliseconds.
    last_used_at: i64,
}

/// GET /api/v1/assignments/{id}/uses
pub(crate) async fn uses(services: &Services, call: &Call) -> Result<Response, Problem> {
    let used = services.admin.used_actions(&call.ctx, id_parameter(call)?, &ScopeRequest::Server).await?;
    let operations = used.operations.iter().map(|(operation, at)| UseView {
        operation,
        action: UsedActions::action(operation).map(Action::data_action),
        last_used_at: *at,
    });
    let view = UsesView {
        assignment: used.of.assignment.id,
        role: &used.of.role,
        scope: &used.of.scope,
        operations: operations.collect(),
        actions: used.patterns(false).into_iter().collect(),
        data_actions: used.patterns(true).into_iter().collect(),
        known_from: used.known_from,
    };
    Ok(Response::json(200, &view))
}
