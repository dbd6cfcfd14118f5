//! Who was denied how often, and why, counted: what an overview tells of a night.

use std::collections::HashMap;

use uuid::Uuid;

use crate::principal::PrincipalId;

/// Most sorts of denials that are told of.
const MOST_TOLD: usize = 1000;

/// Denials of one principal for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedAlike {
    /// Who was denied; none where nobody knows.
    pub principal: Option<PrincipalId>,
    /// Machine-readable reason.
    pub reason: String,
    /// How often.
    pub records: u64,
    /// The first time, Unix milliseconds.
    pub first: i64,
    /// The newest of them.
    pub newest: Uuid,
}

/// Denials since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denials {
    /// The most frequent first.
    pub alike: Vec<DeniedAlike>,
    /// Only the newest were counted, so each may have been denied more often and earlier, and others besides.
    pub in_part: bool,
}

/// Of one sort.
#[derive(Clone, Copy, Debug)]
struct Counted {
    records: u64,
    first: i64,
    newest: Uuid,
}

/// Counts denials.
#[derive(Debug, Default)]
pub struct DenialCount(HashMap<(Option<PrincipalId>, String), Counted>);

impl DenialCount {
    /// So many more of one sort by this decision, at this moment. Whether it is the first of its sort.
    pub fn add(
        &mut self,
        principal: Option<PrincipalId>,
        reason: String,
        records: u64,
        (decision, at): (Uuid, i64),
    ) -> bool {
        self.add_counted((principal, reason), Counted { records, first: at, newest: decision })
    }

    fn add_counted(&mut self, sort: (Option<PrincipalId>, String), more: Counted) -> bool {
        let mut is_new = false;
        let counted = self.0.entry(sort).or_insert_with(|| {
            is_new = true;
            Counted { records: 0, ..more }
        });
        counted.records = counted.records.saturating_add(more.records);
        counted.first = counted.first.min(more.first);
        // Ids begin with the moment (RFC 9562, version 7).
        counted.newest = counted.newest.max(more.newest);
        is_new
    }

    /// All that another one counted.
    pub fn add_all(&mut self, other: &Self) {
        for (sort, counted) in &other.0 {
            self.add_counted(sort.clone(), *counted);
        }
    }

    /// How many sorts there are.
    #[must_use]
    pub fn sorts(&self) -> usize {
        self.0.len()
    }

    /// What was counted.
    #[must_use]
    pub fn told(self, in_part: bool) -> Denials {
        let alike = self.0.into_iter();
        let alike = alike.map(|((principal, reason), Counted { records, first, newest })| DeniedAlike {
            principal,
            reason,
            records,
            first,
            newest,
        });
        let mut alike: Vec<_> = alike.collect();
        alike.sort_by(|one, other| {
            let by_count = other.records.cmp(&one.records).then(one.first.cmp(&other.first));
            by_count.then_with(|| one.reason.cmp(&other.reason))
        });
        alike.truncate(MOST_TOLD);
        Denials { alike, in_part }
    }
}
