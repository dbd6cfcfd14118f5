//! Who read a secret lately: what a deletion would break.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectName, VaultName},
    record::{Outcome, RecordFilter},
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, say};

use super::{audit, frame::Viewer, links, sort, view};

const MILLIS_A_DAY: i64 = 86_400_000;
/// Most records that are read to name who read a secret.
const READERS_FROM: usize = 1000;
/// Most records that are read to name who made its versions.
const MAKERS_FROM: usize = 200;

/// How often versions of a secret were read lately.
pub(super) struct Reads {
    counts: BTreeMap<String, u64>,
    /// Whether these are all.
    all: bool,
}

impl Reads {
    /// Of one version, and whether that is all of them.
    pub(super) fn of(&self, version: &str) -> (u64, bool) {
        (self.counts.get(version).copied().unwrap_or_default(), self.all)
    }
}

/// Reads of the last 24 hours by version, for who may know it; none for others.
pub(super) async fn by_version(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Option<Reads> {
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return None;
    }
    let records = viewer.services.admin.query_audit(&viewer.further().ok()?, reads(viewer, vault, name)).await.ok()?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for record in &records.items {
        if let Some(version) = &record.version {
            *counts.entry(version.clone()).or_default() += record.count.unwrap_or(1);
        }
    }
    Some(Reads { counts, all: records.next.is_none() })
}

/// What was read of a secret in the last 24 hours.
fn reads(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> RecordFilter {
    RecordFilter {
        outcome: Some(Outcome::Allowed),
        vault: Some(vault.to_string()),
        object: Some(name.as_str().to_owned()),
        whole_name: true,
        operation: Some(Action::SecretGet.operation().to_owned()),
        from: Some(viewer.call.ctx.now - MILLIS_A_DAY),
        limit: READERS_FROM,
        ..RecordFilter::default()
    }
}

/// Who made each version, as far as it is among the newest records of that, for who may know it.
pub(super) async fn makers(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> BTreeMap<String, String> {
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return BTreeMap::new();
    }
    let filter = RecordFilter {
        operation: Some(Action::SecretSet.operation().to_owned()),
        from: None,
        limit: MAKERS_FROM,
        ..reads(viewer, vault, name)
    };
    let Ok(ctx) = viewer.further() else { return BTreeMap::new() };
    let Ok(records) = viewer.services.admin.query_audit(&ctx, filter).await else { return BTreeMap::new() };
    let names = audit::names(viewer, records.items.iter()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let made = records.items.iter().filter_map(|record| {
        let (who, _) = audit::told(record, own_issuer, &names);
        Some((record.version.clone()?, who))
    });
    made.collect()
}

/// Who read the secret in the last 24 hours, for who may know it.
pub(super) async fn panel(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Panel {
    let title = say!("readers-read-in-the-last-24");
    let told = |words: &str| Panel::new(title, Body::Text(vec![words.to_owned()]));
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return told(say!("readers-readers-are-hidden-seeing-them"));
    }
    let filter = reads(viewer, vault, name);
    let Ok(ctx) = viewer.further() else { return told(say!("readers-the-readers-could-not-be")) };
    let Ok(records) = viewer.services.admin.query_audit(&ctx, filter).await else {
        return told(say!("readers-the-readers-could-not-be-looked"));
    };
    let names = audit::names(viewer, records.items.iter()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    // A subject means something at its issuer only.
    let mut counts: BTreeMap<(String, (String, Option<String>)), u64> = BTreeMap::new();
    for record in records.items.iter().filter(|r| r.object.as_deref() == Some(name.as_str())) {
        let who = audit::told(record, own_issuer, &names);
        *counts.entry((record.principal_kind.clone(), who)).or_default() += record.count.unwrap_or(1);
    }
    if counts.is_empty() {
        return told(say!("readers-nobody-read-it"));
    }
    let rows = counts
        .into_iter()
        .map(|((kind, (who, at)), count)| Row::new(vec![view::who(&kind, who, at), Cell::text(view::grouped(count))]));
    let table = sort::table(viewer, "readers", Table::new(&["Who", "Reads"], rows.collect()));
    let panel = Panel::new(title, Body::Table(table)).acts(vec![Act::link(
        say!("readers-open-in-audit"),
        links::audit_of_secret(vault, name),
        Icon::Records,
    )]);
    if records.next.is_some() {
        panel.foot(say!("readers-only-the-last-readers-from", readers_from = READERS_FROM))
    } else {
        panel
    }
}
