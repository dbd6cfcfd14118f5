//! What a module said no to lately: from the records where it decides, from what this node counted where it does not.

use std::collections::BTreeSet;

use strongroom_domain::{
    action::Action,
    admin::AttachmentShown,
    decision::StageEffect,
    gate::{Ask, ShadowSeen},
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Body, Cell, Panel, Row, Table, say};

use super::AttachedTo;
use crate::dashboard::{audit, frame::Viewer, links, sort, view};

/// Denials that are looked through.
const LOOKED_THROUGH: usize = 200;
/// Denials that are shown.
const SHOWN: usize = 10;
/// How far back, in milliseconds: a day.
const BACK: i64 = 86_400_000;

/// What it would have denied in shadow.
pub(super) async fn in_shadow(viewer: &Viewer<'_>, shadow: &ShadowSeen) -> Panel {
    let counts = counted(shadow);
    let since = shadow.since.map(|since| say!("policies-denials-since-since", since = view::moment_millis(since).text));
    let note = &say!("policies-denials-seen-by-the-node-that", since = since.unwrap_or_default());
    if shadow.samples.is_empty() {
        return Panel::new(say!("policies-denials-in-shadow"), Body::Text(vec![counts])).note(note);
    }
    let readable = viewer.may(&Ask::server(Action::AuditRead)).await;
    // One request may be judged more than once.
    let mut told = BTreeSet::new();
    let samples = shadow.samples.iter().filter(|sample| told.insert((sample.decision, sample.reason.clone())));
    let rows = samples.map(|sample| {
        Row::new(vec![
            Cell::Moment(view::moment_millis(sample.at)),
            Cell::Code(sample.reason.clone()),
            decision(sample.decision, readable),
        ])
    });
    let table = sort::table(viewer, "shadow", Table::new(&["Would have denied", "Reason", "Decision"], rows.collect()));
    Panel::new(say!("policies-denials-in-shadow"), Body::Table(table)).note(note).foot(counts)
}

/// The counts as a sentence.
fn counted(shadow: &ShadowSeen) -> String {
    let count = shadow.count;
    let counts = [
        (count.would_deny, say!("policies-denials-would-have-been-denied")),
        (count.would_fail, say!("policies-denials-would-have-been-denied-for")),
        (count.would_allow, say!("policies-denials-it-had-nothing-against")),
        (count.would_abstain, say!("policies-denials-it-had-no-opinion-on")),
        (count.over_budget, say!("policies-denials-were-not-asked-within-the")),
    ];
    let words: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", view::grouped(*count)))
        .collect();
    if words.is_empty() {
        say!("policies-denials-no-request-was-seen-yet").to_owned()
    } else {
        say!("policies-denials-of-the-requests-seen-words", words = words.join(", "))
    }
}

fn decision(id: uuid::Uuid, readable: bool) -> Cell {
    if readable { Cell::link(id.to_string(), links::why(id)) } else { Cell::Code(id.to_string()) }
}

/// What it denied within a day; a sentence for who may not read the records.
pub(super) async fn enforced(viewer: &Viewer<'_>, to: &AttachedTo, shown: &AttachmentShown) -> Panel {
    fn title() -> &'static str {
        say!("policies-denials-denied-in-the-last-day")
    }
    let said = |words: &str| Panel::new(title(), Body::Text(vec![words.to_owned()]));
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return said(say!("policies-denials-hidden-seeing-this-needs-the"));
    }
    let filter = RecordFilter {
        outcome: Some(Outcome::Denied),
        vault: to.vault().map(|vault| vault.as_str().to_owned()),
        from: Some(viewer.call.ctx.now - BACK),
        limit: LOOKED_THROUGH,
        ..RecordFilter::default()
    };
    let Ok(ctx) = viewer.further() else { return said(say!("policies-denials-the-records-could-not-be")) };
    let Ok(found) = viewer.services.admin.query_audit(&ctx, filter).await else {
        return said(say!("policies-denials-the-records-could-not-be"));
    };
    let whole = found.next.is_none();
    let stage = match to {
        AttachedTo::Everywhere => format!("policy:everywhere/{}", shown.attachment.name),
        AttachedTo::Vault(_) => format!("policy:{}", shown.attachment.name),
    };
    let by_it = |record: &&Record| reason(record, &stage).is_some();
    let denied: Vec<&Record> = found.items.iter().filter(by_it).collect();
    let names = audit::names(viewer, denied.iter().copied()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let rows: Vec<Row> = denied
        .iter()
        .take(SHOWN)
        .map(|record| {
            Row::new(vec![
                Cell::When {
                    moment: view::moment_millis(record.at),
                    href: Some(links::why(record.id)),
                    small: Some(record.operation.clone()),
                },
                audit::who(record, own_issuer, &names),
                Cell::text(audit::object(record)),
                Cell::Code(reason(record, &stage).unwrap_or_default().to_owned()),
            ])
        })
        .collect();
    let looked = if whole {
        String::new()
    } else {
        say!("policies-denials-only-the-last-looked-through", looked_through = LOOKED_THROUGH)
    };
    if rows.is_empty() {
        return said(&say!("policies-denials-it-denied-nothing-looked", looked = looked));
    }
    let count = if denied.len() == 1 {
        say!("policies-denials-one-request").to_owned()
    } else {
        say!("policies-denials-denied-requests", denied = denied.len())
    };
    let table = sort::table(viewer, "denied", Table::new(&["When", "Who", "Object", "Reason"], rows));
    Panel::new(title(), Body::Table(table)).foot(format!("{count}{looked}"))
}

/// Why a module denied, if it was this one.
fn reason<'a>(record: &'a Record, stage: &str) -> Option<&'a str> {
    let found = record.trace.iter().find(|one| one.stage == stage && one.effect == StageEffect::Deny)?;
    Some(&found.reason)
}
