//! Versions of policy modules that were refused lately: by whom they were sent, and why they were not taken. What was
//! refused is kept nowhere, so the records are all there is.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, say};

use crate::dashboard::{audit, frame::Viewer, links, view};

/// How far back, in milliseconds: 30 days.
const BACK: i64 = 30 * 86_400_000;
/// Most that are shown.
const SHOWN: usize = 10;
/// Digits of a digest that are shown.
const DIGITS: usize = 12;

/// Those of the last 30 days, each with its why; none for who may not read the records, or when none was refused.
pub(super) async fn lately(viewer: &Viewer<'_>) -> Option<Panel> {
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return None;
    }
    let mut refused = Vec::new();
    // By the gate, and by what looks at modules.
    for outcome in [Outcome::Denied, Outcome::Failed] {
        let filter = RecordFilter {
            operation: Some(Action::PolicyModuleWrite.operation().to_owned()),
            outcome: Some(outcome),
            from: Some(viewer.call.ctx.now - BACK),
            limit: SHOWN,
            ..RecordFilter::default()
        };
        let ctx = viewer.further().ok()?;
        refused.extend(viewer.services.admin.query_audit(&ctx, filter).await.ok()?.items);
    }
    if refused.is_empty() {
        return None;
    }
    refused.sort_by_key(|record| std::cmp::Reverse(record.at));
    refused.truncate(SHOWN);
    let names = audit::names(viewer, refused.iter()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let rows = refused.iter().map(|record| {
        Row::new(vec![
            Cell::Moment(view::moment_millis(record.at)),
            module(record),
            audit::who(record, own_issuer, &names),
            Cell::Code(record.reason.clone()),
            Cell::Acts(vec![Act::link(say!("policies-refused-why"), links::decision(record), Icon::Records)]),
        ])
    });
    let table = Table::new(&["When", "Module", "Sent by", "Reason", ""], rows.collect());
    Some(
        Panel::new(say!("policies-refused-refused-in-the-last-30"), Body::Table(table))
            .note(say!("policies-refused-uploads-the-newest-first")),
    )
}

/// The digest of what was sent, as far as it was looked at.
fn module(record: &Record) -> Cell {
    let digest = record.object.as_deref().and_then(|digest| digest.get(..DIGITS));
    digest.map_or_else(
        || Cell::None(say!("policies-refused-not-looked-at").to_owned()),
        |digest| Cell::Code(digest.to_owned()),
    )
}
