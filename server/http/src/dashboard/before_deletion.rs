//! Who read several secrets in the day before they were deleted, or before now, and who deleted them: from the audit log, by
//! one bounded question for all of them.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::VaultName,
    record::{Outcome, Record, RecordFilter},
    secret::{LifeState, SecretItem},
};
use strongroom_web::{Cell, RowReads, say};

use super::{Failure, audit, frame::Viewer, view};

/// Most records that are read for one question.
const MOST: usize = 1000;
/// The same for a list.
const FOR_A_LIST: usize = 300;
const MILLIS_A_DAY: i64 = 86_400_000;
/// Readers that are named.
const NAMED: usize = 3;

/// Who read what, by canonical name.
pub(super) struct Readers {
    of: BTreeMap<String, BTreeSet<String>>,
    /// When each was read last, Unix milliseconds.
    last: BTreeMap<String, i64>,
    /// There were more reads than are read here.
    more: bool,
}

impl Readers {
    /// When one was read last, and who read it, for a row of a list.
    pub(super) fn row(&self, name: &str) -> RowReads {
        let (readers, names) = match self.cell(name) {
            Cell::Text { text, small } => (text, small),
            Cell::None(text) => (text, None),
            _ => (String::new(), None),
        };
        let last = self.last.get(name).map(|at| view::moment_millis(*at));
        let unread = if self.more { say!("before-deletion-not-known") } else { say!("before-deletion-not-in-24-h") };
        RowReads { last, unread: unread.to_owned(), readers, names }
    }

    /// Those of one name.
    pub(super) fn cell(&self, name: &str) -> Cell {
        let readers: Vec<&str> = self.of.get(name).into_iter().flatten().map(String::as_str).collect();
        match (readers.len(), self.more) {
            (0, true) => Cell::None(say!("before-deletion-not-known").to_owned()),
            (0, false) => Cell::None(say!("before-deletion-nobody").to_owned()),
            (count, more) => Cell::Text {
                text: format!("{count}{}", if more { "+" } else { "" }),
                small: Some(readers.into_iter().take(NAMED).collect::<Vec<_>>().join(", ")),
            },
        }
    }
}

/// Whether the viewer may know.
pub(super) async fn is_open(viewer: &Viewer<'_>) -> bool {
    viewer.may(&Ask::server(Action::AuditRead)).await
}

/// Who read any secret of the vault in the last 24 hours.
///
/// # Errors
/// Why the log cannot be read.
pub(super) async fn readers_now(viewer: &Viewer<'_>, vault: &VaultName) -> Result<Readers, Failure> {
    readers_of_a_day(viewer, vault, MOST).await
}

/// The same for a list, which is looked at often: from the newest reads alone.
///
/// # Errors
/// Why the log cannot be read.
pub(super) async fn readers_lately(viewer: &Viewer<'_>, vault: &VaultName) -> Result<Readers, Failure> {
    readers_of_a_day(viewer, vault, FOR_A_LIST).await
}

async fn readers_of_a_day(viewer: &Viewer<'_>, vault: &VaultName, most: usize) -> Result<Readers, Failure> {
    let now = viewer.call.ctx.now;
    let (records, more) = read(viewer, vault, Action::SecretGet, (Some((now - MILLIS_A_DAY, now)), most)).await?;
    Ok(told(viewer, &records, more, |_| true).await)
}

/// Who read these secrets in the 24 hours before each was deleted.
///
/// # Errors
/// Why the log cannot be read.
pub(super) async fn readers_before(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    items: &[SecretItem],
) -> Result<Readers, Failure> {
    let deleted = items.iter().filter_map(|item| match item.secret.life {
        LifeState::Deleted { deleted_at, .. } => Some((item.secret.name.as_str(), (deleted_at + 1) * 1000)),
        LifeState::Active => None,
    });
    let deleted: BTreeMap<&str, i64> = deleted.collect();
    let (Some(first), Some(last)) = (deleted.values().min(), deleted.values().max()) else {
        return Ok(Readers { of: BTreeMap::new(), last: BTreeMap::new(), more: false });
    };
    let (records, more) = read(viewer, vault, Action::SecretGet, (Some((first - MILLIS_A_DAY, *last)), MOST)).await?;
    let within = |record: &Record| {
        let at = record.object.as_deref().and_then(|name| deleted.get(name));
        at.is_some_and(|at| (at - MILLIS_A_DAY..=*at).contains(&record.at))
    };
    Ok(told(viewer, &records, more, within).await)
}

/// Who deleted what last, by canonical name.
///
/// # Errors
/// Why the log cannot be read.
pub(super) async fn deleters(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    deletion: Action,
) -> Result<BTreeMap<String, Cell>, Failure> {
    let (records, _) = read(viewer, vault, deletion, (None, MOST)).await?;
    let names = audit::names(viewer, records.iter()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let mut by = BTreeMap::new();
    // The newest come first.
    for record in &records {
        if let Some(name) = &record.object {
            by.entry(name.clone()).or_insert_with(|| {
                let (who, small) = audit::told(record, own_issuer, &names);
                view::who(&record.principal_kind, who, small)
            });
        }
    }
    Ok(by)
}

async fn read(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    action: Action,
    (within, most): (Option<(i64, i64)>, usize),
) -> Result<(Vec<Record>, bool), Failure> {
    let filter = RecordFilter {
        outcome: Some(Outcome::Allowed),
        vault: Some(vault.to_string()),
        operation: Some(action.operation().to_owned()),
        from: within.map(|(from, _)| from),
        until: within.map(|(_, until)| until),
        limit: most,
        ..RecordFilter::default()
    };
    let page = viewer.services.admin.query_audit(&viewer.further()?, filter).await?;
    Ok((page.items, page.next.is_some()))
}

async fn told(viewer: &Viewer<'_>, records: &[Record], more: bool, counts: impl Fn(&Record) -> bool) -> Readers {
    let names = audit::names(viewer, records.iter()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let mut of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut last = BTreeMap::new();
    // The newest come first.
    for record in records.iter().filter(|record| counts(record)) {
        if let Some(name) = &record.object {
            last.entry(name.clone()).or_insert(record.at);
            let (who, _) = audit::told(record, own_issuer, &names);
            of.entry(name.clone()).or_default().insert(who);
        }
    }
    Readers { of, last, more }
}
