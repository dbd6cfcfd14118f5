//! Who read several secrets in the day before they were deleted, or before now, and who deleted them: from the audit log, by
//! one bounded question for all of them.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::VaultName,
    record::{Outcome, Record, RecordFilter, Tally},
    secret::{LifeState, SecretItem},
};
use strongroom_web::{Cell, RowReads, say};

use super::{Failure, audit, audit_filter::COUNTED, frame::Viewer, view};

/// Most records that are read for one question.
const MOST: usize = 1000;
/// The same for a list.
const FOR_A_LIST: usize = 300;
const MILLIS_A_DAY: i64 = 86_400_000;
/// Reads are counted by the quarter of an hour.
const QUARTER: i64 = 15 * 60_000;
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

/// The same for a list, which is looked at often: from the newest reads alone, and from the time in which the log counts
/// some. A vault that is written to and hardly read would be looked through for each look at its list.
///
/// # Errors
/// Why the log cannot be read.
pub(super) async fn readers_lately(viewer: &Viewer<'_>, vault: &VaultName) -> Result<Readers, Failure> {
    let until = (viewer.call.ctx.now.div_euclid(QUARTER) + 1) * QUARTER;
    let filter = RecordFilter {
        look_through: Some(COUNTED),
        ..asked(vault, Action::SecretGet, Some((until - MILLIS_A_DAY, until)), 1)
    };
    let counted = viewer.services.admin.tally_audit(&viewer.further()?, filter, QUARTER).await?;
    let (within, older) = match counted.as_deref().map(newest) {
        Some(Some(found)) => found,
        Some(None) => return Ok(Readers { of: BTreeMap::new(), last: BTreeMap::new(), more: false }),
        None => return Ok(Readers { of: BTreeMap::new(), last: BTreeMap::new(), more: true }),
    };
    let (records, more) = read(viewer, vault, Action::SecretGet, (Some(within), FOR_A_LIST)).await?;
    Ok(told(viewer, &records, more || older, |_| true).await)
}

/// The time in which the newest reads are that a list is made of, and whether there are older ones; none where there are
/// none.
fn newest(counted: &[Tally]) -> Option<((i64, i64), bool)> {
    let mut quarters = BTreeMap::new();
    for tally in counted.iter().filter(|tally| tally.records > 0) {
        let records: &mut u64 = quarters.entry(tally.from).or_default();
        *records = records.saturating_add(tally.records);
    }
    let (oldest, newest) = (*quarters.first_key_value()?.0, *quarters.last_key_value()?.0);
    let mut seen = 0_u64;
    let from = quarters.iter().rev().find(|(_, records)| {
        seen = seen.saturating_add(**records);
        seen >= FOR_A_LIST as u64
    });
    let from = from.map_or(oldest, |(from, _)| *from);
    Some(((from, newest + QUARTER), from > oldest))
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
    let filter = asked(vault, action, within, most);
    let page = viewer.services.admin.query_audit(&viewer.further()?, filter).await?;
    Ok((page.items, page.next.is_some()))
}

fn asked(vault: &VaultName, action: Action, within: Option<(i64, i64)>, most: usize) -> RecordFilter {
    RecordFilter {
        outcome: Some(Outcome::Allowed),
        vault: Some(vault.to_string()),
        operation: Some(action.operation().to_owned()),
        from: within.map(|(from, _)| from),
        until: within.map(|(_, until)| until),
        limit: most,
        ..RecordFilter::default()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(quarter: i64, records: u64) -> Tally {
        Tally { from: quarter * QUARTER, outcome: Outcome::Allowed, challenge: false, records }
    }

    #[test]
    fn a_list_looks_no_further_back_than_its_reads_go() {
        assert_eq!(newest(&[]), None);
        assert_eq!(newest(&[counted(3, 0)]), None);
        let few = [counted(1, 2), counted(7, 1)];
        assert_eq!(newest(&few), Some(((QUARTER, 8 * QUARTER), false)));
        let many = [counted(1, 2), counted(5, 299), counted(7, 1)];
        assert_eq!(newest(&many), Some(((5 * QUARTER, 8 * QUARTER), true)));
    }
}
