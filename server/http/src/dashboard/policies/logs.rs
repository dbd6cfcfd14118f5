//! What a module said for the log lately, and what kept it from answering: from the records, which hold both.

use std::collections::BTreeSet;

use strongroom_domain::{
    action::Action,
    decision::{Stage, StageEffect},
    gate::Ask,
    policy::ModuleDigest,
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Body, Cell, Panel, Row, Table, say};

use crate::dashboard::{Failure, audit, frame::Viewer, links, view};

/// How far back, in milliseconds: a day.
const BACK: i64 = 86_400_000;
/// Records that are looked through, and denials besides: what fails closed stands there.
const LOOKED_THROUGH: usize = 500;
const DENIALS: usize = 200;
/// Most that are shown.
const SHOWN: usize = 50;

/// Messages and failures of the last day; a sentence for who may not read the records.
pub(super) async fn panel(viewer: &Viewer<'_>, digest: &ModuleDigest) -> Result<Panel, Failure> {
    fn title() -> &'static str {
        say!("policies-logs-messages-and-failures")
    }
    let said = |words: &str| Panel::new(title(), Body::Text(vec![words.to_owned()]));
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return Ok(said(say!("policies-logs-hidden")));
    }
    let newest = RecordFilter {
        from: Some(viewer.call.ctx.now.saturating_sub(BACK)),
        limit: LOOKED_THROUGH,
        ..RecordFilter::default()
    };
    let denials = RecordFilter { outcome: Some(Outcome::Denied), limit: DENIALS, ..newest.clone() };
    let Ok(page) = viewer.services.admin.query_audit(&viewer.further()?, newest).await else {
        return Ok(said(say!("policies-logs-not-read")));
    };
    let (mut found, whole) = (page.items, page.next.is_none());
    if !whole {
        let Ok(page) = viewer.services.admin.query_audit(&viewer.further()?, denials).await else {
            return Ok(said(say!("policies-logs-not-read")));
        };
        found.extend(page.items);
    }
    let mut seen = BTreeSet::new();
    found.retain(|record| seen.insert(record.id));
    found.sort_by_key(|record| std::cmp::Reverse((record.at, record.id)));
    let module = digest.to_string();
    let told: Vec<(&Record, &Stage)> = found
        .iter()
        .flat_map(|record| record.trace.iter().map(move |stage| (record, stage)))
        .filter(|(_, stage)| is_of(stage, &module) && (fails(stage) || !stage.messages.is_empty()))
        .take(SHOWN)
        .collect();
    let looked = if whole {
        say!("policies-logs-all-of-the-last-day").to_owned()
    } else {
        say!("policies-logs-looked-through", looked_through = LOOKED_THROUGH, denials = DENIALS)
    };
    if told.is_empty() {
        return Ok(said(say!("policies-logs-nothing")).foot(looked));
    }
    let rows = told.into_iter().map(|(record, stage)| row(record, stage)).collect();
    let table = Table::new(&["When", "Attachment", "Object", "Reason", "Said", "Fuel"], rows);
    Ok(Panel::new(title(), Body::Table(table)).foot(looked))
}

fn row(record: &Record, stage: &Stage) -> Row {
    let attachment = stage.stage.split_once(':').map_or(stage.stage.as_str(), |(_, name)| name);
    Row::new(vec![
        Cell::When {
            moment: view::moment_millis(record.at),
            href: Some(links::why(record.id)),
            small: Some(record.operation.clone()),
        },
        Cell::text(attachment),
        Cell::text(audit::object(record)),
        Cell::Code(stage.reason.clone()),
        if stage.messages.is_empty() {
            Cell::None(say!("policies-logs-no-answer").to_owned())
        } else {
            Cell::text(stage.messages.join(" | "))
        },
        match stage.fuel {
            Some(fuel) => Cell::text(view::grouped(fuel)),
            None => Cell::None(say!("policies-logs-not-known").to_owned()),
        },
    ])
}

/// Whether a stage is of this module: it begins with its digest what it tells.
fn is_of(stage: &Stage, module: &str) -> bool {
    let of_a_module = stage.stage.starts_with("policy:") || stage.stage.starts_with("shadow:");
    of_a_module && stage.detail.as_deref().is_some_and(|detail| detail.starts_with(module))
}

/// Whether it gave no usable answer: every answer tells what fuel it took. One that came behind a denial was not to be
/// asked.
fn fails(stage: &Stage) -> bool {
    let over_budget = stage.effect == StageEffect::NotAsked && stage.reason == "over-budget";
    let denies = matches!(stage.effect, StageEffect::Deny | StageEffect::WouldDeny);
    stage.fuel.is_none() && (denies || over_budget)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_from_denials_and_from_who_was_not_asked() {
        let stage = |effect, reason: &str, fuel| Stage { fuel, ..Stage::new("policy:guard", effect, reason) };
        assert!(fails(&stage(StageEffect::Deny, "policy-trap", None)));
        assert!(fails(&stage(StageEffect::WouldDeny, "policy-out-of-fuel", None)));
        assert!(fails(&stage(StageEffect::NotAsked, "over-budget", None)));
        assert!(!fails(&stage(StageEffect::NotAsked, "behind-a-denial", None)));
        assert!(!fails(&stage(StageEffect::Deny, "not-now", Some(12))));
        let of = stage(StageEffect::Deny, "policy-trap", None).with_detail("abc a sentence".to_owned());
        assert!(is_of(&of, "abc") && !is_of(&of, "abd"));
        assert!(!is_of(&Stage::new("network", StageEffect::Deny, "x").with_detail("abc".to_owned()), "abc"));
    }
}
