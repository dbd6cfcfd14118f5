//! The rows of the audit page: records one by one, or one row for all that say the same of the same, which leads to each
//! of them. What repeats is only folded within the stretch of the log that a page goes through.

use std::collections::BTreeMap;

use strongroom_domain::{
    admin::AdminError,
    context::RequestContext,
    record::{MAX_FOLDED, Outcome as Ended, Record, Repeats},
};
use strongroom_web::{Act, Alike, AuditRow, Outcome, PrincipalKind, say};
use uuid::Uuid;

use super::{audit, audit_filter::Asked, frame::Viewer, links, view};

/// What a page shows.
pub(super) struct Listed {
    lines: Vec<Line>,
    /// The last record that was gone through, where there may be more.
    pub(super) next: Option<String>,
    folded: bool,
}

/// A record, and how many there are like it.
struct Line {
    record: Record,
    alike: Option<Repeated>,
}

/// More than one record that say the same.
struct Repeated {
    first: i64,
    records: u64,
    requests: u64,
}

impl From<Record> for Line {
    fn from(record: Record) -> Self {
        Self { record, alike: None }
    }
}

impl From<Repeats> for Line {
    fn from(Repeats { newest, first, records, requests }: Repeats) -> Self {
        Self { record: newest, alike: (records > 1).then_some(Repeated { first, records, requests }) }
    }
}

/// Asks the log as the address says.
///
/// # Errors
/// [`AdminError`].
pub(super) async fn ask(viewer: &Viewer<'_>, ctx: &RequestContext, asked: &Asked) -> Result<Listed, AdminError> {
    let (admin, filter, folded) = (&viewer.services.admin, asked.filter.clone(), asked.folds());
    let (lines, next) = if folded {
        let page = admin.repeats(ctx, filter).await?;
        (page.items.into_iter().map(Line::from).collect(), page.next)
    } else {
        let page = admin.query_audit(ctx, filter).await?;
        (page.items.into_iter().map(Line::from).collect(), page.next)
    };
    Ok(Listed { lines, next, folded })
}

impl Listed {
    /// Whether nothing was found, and nothing is left to look through.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.next.is_none()
    }

    /// How many rows there are.
    pub(super) fn rows_len(&self) -> usize {
        self.lines.len()
    }

    /// How many records the rows stand for.
    pub(super) fn records_len(&self) -> u64 {
        self.lines.iter().map(|line| line.alike.as_ref().map_or(1, |alike| alike.records)).sum()
    }

    /// The newest record of each row.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.lines.iter().map(|line| &line.record)
    }

    /// How many records are folded, in words; none where none are.
    pub(super) fn folded(&self) -> Option<String> {
        self.folded.then(|| view::grouped(self.records_len()))
    }

    /// That more repeats may be on the next page, where this one ended before it was full.
    pub(super) fn folded_in_part(&self, page: usize) -> Option<String> {
        let ended = self.folded && self.next.is_some() && self.lines.len() < page;
        let most = u64::try_from(MAX_FOLDED).unwrap_or(u64::MAX);
        ended.then(|| say!("audit-lines-folded-in-part", most = view::grouped(most)))
    }

    /// The rows as they are shown.
    pub(super) fn rows(&self, asked: &Asked, own_issuer: &str, names: &BTreeMap<Uuid, String>) -> Vec<AuditRow> {
        let shown = |line: &Line| {
            let alike = line.alike.as_ref().map(|repeated| Alike {
                count: view::grouped(repeated.requests),
                first: view::moment_millis(repeated.first).text,
                href: each(asked, &line.record, repeated.first),
            });
            AuditRow { alike, ..row(&line.record, own_issuer, names) }
        };
        self.lines.iter().map(shown).collect()
    }
}

/// To the same list folded, or one by one.
pub(super) fn other_way(asked: &Asked) -> Act {
    let (label, folds) =
        if asked.folds() { (say!("audit-lines-show-each"), None) } else { (say!("audit-lines-group"), Some("yes")) };
    Act::Link {
        label: label.to_owned(),
        href: asked.address(links::AUDIT, &[("group", folds)]),
        icon: None,
        primary: false,
    }
}

/// The records of a row one by one: by all of what they have in common, from the first to the newest.
fn each(asked: &Asked, newest: &Record, first: i64) -> String {
    let principal = newest.principal.as_ref().map(ToString::to_string);
    let (from, until) = (Asked::moment(first), Asked::moment(newest.at.saturating_add(1)));
    let others = [
        ("group", None),
        ("range", None),
        ("outcome", Some(newest.outcome.as_str())),
        ("principal", principal.as_deref()),
        ("operation", Some(newest.operation.as_str())),
        ("reason", Some(newest.reason.as_str())),
        ("vault", newest.vault.as_deref()),
        // What is no name is no part of one either.
        ("object", newest.object.as_deref().filter(|object| !object.contains('/'))),
        ("from", Some(from.as_str())),
        ("until", Some(until.as_str())),
    ];
    asked.address(links::AUDIT, &others)
}

fn row(record: &Record, own_issuer: &str, names: &BTreeMap<Uuid, String>) -> AuditRow {
    let view::AuditTime { date, time, iso } = view::audit_time(record.at);
    AuditRow {
        date,
        time,
        iso,
        outcome: match record.outcome {
            _ if record.is_challenge() => Outcome::Challenged,
            Ended::Allowed => Outcome::Allowed,
            Ended::Denied => Outcome::Denied,
            Ended::Failed => Outcome::Failed,
            Ended::Unauthenticated => Outcome::Unauthenticated,
        },
        reason: reason(record),
        principal_kind: match record.principal_kind.as_str() {
            "user" => PrincipalKind::Person,
            "workload" => PrincipalKind::Workload,
            "system" => PrincipalKind::System,
            _ => PrincipalKind::Unknown,
        },
        principal: audit::named(record.principal.as_ref(), &record.principal_kind, own_issuer, names),
        action: record.operation.clone(),
        object: audit::object(record),
        status: record.status,
        address: (!record.client.is_empty()).then(|| record.client.clone()),
        href: links::entry(record.id),
        why_href: (record.outcome == Ended::Denied).then(|| links::why(record.id)),
        decision_id: record.id.to_string(),
        alike: None,
    }
}

fn reason(record: &Record) -> Option<String> {
    let reason = Some(record.reason.as_str()).filter(|reason| !reason.is_empty() && *reason != "ok");
    if let Some(stated) = &record.stated_reason {
        return Some(reason.map_or_else(|| format!("“{stated}”"), |reason| format!("{reason}, “{stated}”")));
    }
    match (reason, record.count) {
        (reason, None) => reason.map(str::to_owned),
        (reason, Some(count)) => {
            let reason = reason.unwrap_or("counted");
            Some(say!("audit-lines-reason-count-times", reason = reason, count = view::grouped(count)))
        }
    }
}
