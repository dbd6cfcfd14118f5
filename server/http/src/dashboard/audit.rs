//! GET /audit: what was decided, newest first.

use strongroom_domain::{
    names::ObjectKind,
    record::{Outcome as Ended, Record, RecordFilter},
    secret::Page,
};
use strongroom_web::{AuditFilter, AuditPage, AuditRow, ChainBadge, Outcome, PrincipalKind};

use super::{
    Failure,
    frame::{Place, Viewer, without_scheme},
    links, rendered, view,
};
use crate::{
    api::manage::audit::audit_filter,
    message::{Request, Response},
    problem::Problem,
    services::{ChainStatus, Reached, Verified},
};

/// Records on a page.
const PAGE: usize = 50;
/// Digits of a hash that are shown.
const HASH_DIGITS: usize = 8;

/// # Errors
/// The gate's denial, or why the records cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let filter = audit_filter(request, (PAGE, PAGE))?;
    let outcome = match filter.outcome {
        None => None,
        Some(outcome) => Some(
            Outcome::from_query(outcome.as_str())
                .ok_or_else(|| Problem::bad_parameter("outcome is allowed, denied or failed."))?,
        ),
    };
    // The page has no field for a vault: a filter that cannot be seen must not be in force.
    let filter = RecordFilter { vault: None, operation: None, id: None, from: None, until: None, ..filter };
    let (principal, object) = (filter.principal.clone(), filter.object.clone());
    let address = |before: Option<&str>| {
        links::audit(outcome.map(Outcome::as_query), principal.as_deref(), object.as_deref(), before)
    };
    let first_href = filter.before.map(|_| address(None));
    let Page { items, next } = viewer.services.admin.query_audit(&viewer.call.ctx, filter).await?;
    let own_issuer = &viewer.services.secrets.gate.own_issuer;
    let page = AuditPage {
        shell: viewer.shell(&Place::Audit).await,
        rows: items.iter().map(|record| row(record, own_issuer)).collect(),
        next_href: next.as_deref().map(|next| address(Some(next))),
        first_href,
        chain: chain((viewer.services.chain)()),
        partial: (outcome == Some(Outcome::Failed))
            .then(|| "Requests without a valid credential are listed without an outcome filter only.".to_owned()),
        filter: AuditFilter {
            action: links::AUDIT.to_owned(),
            outcome,
            principal: principal.unwrap_or_default(),
            object: object.unwrap_or_default(),
        },
    };
    Ok(rendered(200, page.render()))
}

fn row(record: &Record, own_issuer: &str) -> AuditRow {
    let view::AuditTime { date, time, iso } = view::audit_time(record.at);
    AuditRow {
        date,
        time,
        iso,
        outcome: match record.outcome {
            Ended::Allowed => Outcome::Allowed,
            Ended::Denied => Outcome::Denied,
            Ended::Failed | Ended::Unauthenticated => Outcome::Failed,
        },
        reason: reason(record),
        principal_kind: match record.principal_kind.as_str() {
            "user" => PrincipalKind::Person,
            "workload" => PrincipalKind::Workload,
            "system" => PrincipalKind::System,
            _ => PrincipalKind::Unknown,
        },
        principal: match &record.principal {
            None => "not known".to_owned(),
            Some(id) if id.issuer == own_issuer || record.principal_kind == "system" => id.subject.clone(),
            // A subject means something at its issuer only.
            Some(id) => format!("{} at {}", id.subject, without_scheme(&id.issuer)),
        },
        action: record.operation.clone(),
        object: object(record),
        status: record.status,
        address: (!record.client.is_empty()).then(|| record.client.clone()),
        decision_id: record.id.to_string(),
    }
}

fn reason(record: &Record) -> Option<String> {
    let reason = Some(record.reason.as_str()).filter(|reason| !reason.is_empty() && *reason != "ok");
    if let Some(stated) = &record.stated_reason {
        return Some(reason.map_or_else(|| format!("“{stated}”"), |reason| format!("{reason}, “{stated}”")));
    }
    match (reason, record.count) {
        (reason, None) => reason.map(str::to_owned),
        (reason, Some(count)) => Some(format!("{}, {} times", reason.unwrap_or("counted"), view::grouped(count))),
    }
}

/// `demo/secrets/db-password`, `demo`, or what of the installation it was.
fn object(record: &Record) -> String {
    let secret = record.kind.as_deref() == Some(ObjectKind::Secret.as_str());
    match (record.vault.as_deref(), record.object.as_deref()) {
        (Some(vault), Some(name)) if secret => format!("{vault}/secrets/{name}"),
        (Some(vault), None) if secret => format!("{vault}/secrets"),
        (Some(vault), _) => vault.to_owned(),
        (None, Some(name)) => name.to_owned(),
        (None, None) => "installation".to_owned(),
    }
}

fn chain(status: ChainStatus) -> ChainBadge {
    let short = |head: &str| head.chars().take(HASH_DIGITS).collect::<String>();
    match status.verified {
        None => ChainBadge::NotVerified {
            head_position: (status.position > 0).then(|| view::grouped(status.position)),
            head_hash: (!status.head.is_empty()).then(|| short(&status.head)),
        },
        Some(Verified { at, verdict: Ok(Reached { position, head }) }) => ChainBadge::Verified {
            head_position: view::grouped(position),
            head_hash: short(&head),
            at: view::moment_millis(at),
        },
        Some(Verified { at, verdict: Err(finding) }) => ChainBadge::Broken { finding, at: view::moment_millis(at) },
    }
}
