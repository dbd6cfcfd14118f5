//! How often each version of a key was used lately, and when last: from the audit log, by one bounded question.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    names::{ObjectName, VaultName},
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Cell, say};

use super::{frame::Viewer, view};

const MILLIS_A_DAY: i64 = 86_400_000;
/// Most records of a key that are read.
const MOST: usize = 1000;
/// What counts as a use.
const USES: [Action; 6] =
    [Action::KeySign, Action::KeyVerify, Action::KeyEncrypt, Action::KeyDecrypt, Action::KeyWrap, Action::KeyUnwrap];

/// Uses by version.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Uses {
    /// In the last 24 hours.
    counts: BTreeMap<String, u64>,
    /// The last one, Unix milliseconds.
    last: BTreeMap<String, i64>,
    /// The records that were read do not reach back 24 hours.
    counted_in_part: bool,
    /// There are older records that were not read.
    more: bool,
}

impl Uses {
    /// Of records with the newest first.
    fn of(records: &[Record], more: bool, now: i64) -> Self {
        let mut uses = Self { more, ..Self::default() };
        let since = now - MILLIS_A_DAY;
        for record in records.iter().filter(|record| is_use(record)) {
            let Some(version) = &record.version else { continue };
            uses.last.entry(version.clone()).or_insert(record.at);
            if record.at >= since {
                *uses.counts.entry(version.clone()).or_default() += record.count.unwrap_or(1);
            }
        }
        uses.counted_in_part = more && records.last().is_some_and(|oldest| oldest.at >= since);
        uses
    }

    /// How often a version was used in the last 24 hours, and when last.
    pub(super) fn cells(&self, version: &str) -> [Cell; 2] {
        let count = view::grouped(self.counts.get(version).copied().unwrap_or_default());
        let count = if self.counted_in_part { say!("key-uses-count-or-more", count = count) } else { count };
        let last = match self.last.get(version) {
            Some(at) => Cell::Moment(view::moment_millis(*at)),
            None if self.more => Cell::None(say!("key-uses-not-lately").to_owned()),
            None => Cell::None(say!("key-uses-never").to_owned()),
        };
        [Cell::text(count), last]
    }
}

fn is_use(record: &Record) -> bool {
    USES.iter().any(|action| action.operation() == record.operation)
}

/// Uses of a key, for who may read the log; none where it cannot be read.
pub(super) async fn by_version(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Option<Uses> {
    let filter = RecordFilter {
        outcome: Some(Outcome::Allowed),
        vault: Some(vault.to_string()),
        object: Some(name.as_str().to_owned()),
        whole_name: true,
        limit: MOST,
        ..RecordFilter::default()
    };
    let page = viewer.services.admin.query_audit(&viewer.further().ok()?, filter).await.ok()?;
    Some(Uses::of(&page.items, page.next.is_some(), viewer.call.ctx.now))
}
