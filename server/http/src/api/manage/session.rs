//! `/api/v1/session`: sessions of the command line, and who a caller is. A token is told once, where it begins.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    admin::{AssignmentShown, Holdings, PolicyHeld},
    entrance::EntranceError,
    principal::{Grantee, Principal},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::access_policies::Shown;
use crate::{
    api::wire,
    edge::{self, Call},
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginSession {
    /// What the browser brought back.
    #[schema(value_type = String)]
    code: wire::Value,
    /// The verifier whose SHA-256 was the challenge (RFC 7636).
    #[schema(value_type = String)]
    code_verifier: wire::Value,
    /// Where the browser brought it to.
    redirect_uri: String,
}

/// Has no `Debug`: it holds the token.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionBegun<'a> {
    token_type: &'static str,
    access_token: &'a str,
    /// Seconds.
    expires_in: i64,
    #[serde(flatten)]
    whose: WhoAmI<'a>,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
pub(crate) struct WhoAmI<'a> {
    issuer: &'a str,
    subject: &'a str,
    /// `user` or `workload`.
    kind: &'static str,
    groups: &'a [String],
    /// What to greet a person with, or what a workload kept here is called; never identifies.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// When the session or the token ends, Unix milliseconds. Absent when that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

impl<'a> WhoAmI<'a> {
    fn of(principal: &'a Principal) -> Self {
        Self {
            issuer: &principal.id.issuer,
            subject: &principal.id.subject,
            kind: principal.kind.as_str(),
            groups: &principal.groups,
            name: None,
            expires_at: None,
        }
    }

    fn of_session(session: &'a strongroom_domain::identity::Session) -> Self {
        Self {
            name: Some(&session.display_name),
            expires_at: Some(session.expires.saturating_mul(1000)),
            ..Self::of(&session.principal)
        }
    }
}

/// Who asks, and what they hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me<'a> {
    #[serde(flatten)]
    who: WhoAmI<'a>,
    /// Id of the installation: the tenant of its token endpoint.
    tenant: &'a str,
    /// Roles that count now, at most 200.
    roles: Vec<RoleHeld<'a>>,
    /// Access policies in vaults whose access mode asks them, at most 200.
    access_policies: Vec<PolicyView<'a>>,
    /// Whether there are more of one of them.
    more: bool,
}

/// A role that the caller holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleHeld<'a> {
    /// Id of the assignment.
    id: Uuid,
    role: &'a str,
    scope: &'a str,
    /// The group that it is given to, when not to the caller alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    /// When it ends, Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<i64>,
}

/// An access policy that covers the caller.
#[derive(Serialize, ToSchema)]
pub(crate) struct PolicyView<'a> {
    vault: &'a str,
    /// The group that it is for, when not for the caller alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    permissions: Shown<'a>,
}

fn group(grantee: &Grantee) -> Option<&str> {
    match grantee {
        Grantee::Group { group, .. } => Some(group),
        Grantee::Principal { .. } => None,
    }
}

impl<'a> Me<'a> {
    fn of(who: WhoAmI<'a>, tenant: &'a str, held: &'a Holdings) -> Self {
        let role = |shown: &'a AssignmentShown| RoleHeld {
            id: shown.assignment.id,
            role: &shown.role,
            scope: &shown.scope,
            group: group(&shown.assignment.grantee),
            ends_at: shown.assignment.ends_at,
        };
        let policy = |policy: &'a PolicyHeld| PolicyView {
            vault: policy.vault.as_str(),
            group: group(&policy.grantee),
            permissions: Shown::from(&policy.permissions),
        };
        Self {
            who,
            tenant,
            roles: held.assignments.iter().map(role).collect(),
            access_policies: held.access_policies.iter().map(policy).collect(),
            more: held.more,
        }
    }
}

/// POST /api/v1/session: a code that a person allowed, for a token.
pub(crate) async fn begin(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: BeginSession = wire::body(request)?;
    let (code, verifier) = (body.code.0.expose(), body.code_verifier.0.expose());
    let begun = services.entrance.begin_command_line(&call.ctx, code, verifier, &body.redirect_uri).await;
    let begun = begun.map_err(|error| match error {
        EntranceError::Credential(_) => Problem::invalid_code(),
        other => other.into(),
    })?;
    let session = &begun.session;
    let answer = SessionBegun {
        token_type: "Bearer",
        access_token: begun.token.expose(),
        expires_in: session.expires.saturating_sub(session.created),
        whose: WhoAmI::of_session(session),
    };
    Ok(Response::json(200, &answer).with("cache-control", "no-store".to_owned()))
}

/// GET /api/v1/session: whom a request with this token is of.
pub(crate) async fn show(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let held = services.admin.holdings(&call.ctx).await?;
    let session = edge::command_line_session(services, request.authorization.as_ref(), call.ctx.now).await?;
    let who = match &session {
        Some(session) => WhoAmI::of_session(session),
        None => WhoAmI {
            name: held.name.as_deref(),
            expires_at: edge::bearer(request.authorization.as_ref())
                .and_then(|token| services.authenticator.ends(token)),
            ..WhoAmI::of(&call.ctx.principal)
        },
    };
    Ok(Response::json(200, &Me::of(who, services.addresses.tenant(), &held)))
}

/// DELETE /api/v1/session: ends the session of this token, at once.
pub(crate) async fn end(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let session = edge::command_line_session(services, request.authorization.as_ref(), call.ctx.now).await?;
    let session =
        session.ok_or_else(|| Problem::bad_parameter("This token is of no session: it counts until it expires."))?;
    services.entrance.end_command_line(&call.ctx, &session).await?;
    Ok(Response::empty(204))
}
