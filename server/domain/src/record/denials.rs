//! Who was denied how often, and why, counted: what an overview tells of a night.

use std::collections::HashMap;

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
}

/// Denials since a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Denials {
    /// The most frequent first.
    pub alike: Vec<DeniedAlike>,
    /// Only the newest were counted, so each may have been denied more often and earlier, and others besides.
    pub in_part: bool,
}

/// Counts denials.
#[derive(Debug, Default)]
pub struct DenialCount(HashMap<(Option<PrincipalId>, String), (u64, i64)>);

impl DenialCount {
    /// So many more of one sort, the first of them at this moment. Whether it is the first of its sort.
    pub fn add(&mut self, principal: Option<PrincipalId>, reason: String, records: u64, first: i64) -> bool {
        let mut is_new = false;
        let (counted, since) = self.0.entry((principal, reason)).or_insert_with(|| {
            is_new = true;
            (0, first)
        });
        *counted = counted.saturating_add(records);
        *since = first.min(*since);
        is_new
    }

    /// All that another one counted.
    pub fn add_all(&mut self, other: &Self) {
        for ((principal, reason), (records, first)) in &other.0 {
            self.add(principal.clone(), reason.clone(), *records, *first);
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
        let alike =
            alike.map(|((principal, reason), (records, first))| DeniedAlike { principal, reason, records, first });
        let mut alike: Vec<_> = alike.collect();
        alike.sort_by(|one, other| {
            let by_count = other.records.cmp(&one.records).then(one.first.cmp(&other.first));
            by_count.then_with(|| one.reason.cmp(&other.reason))
        });
        alike.truncate(MOST_TOLD);
        Denials { alike, in_part }
    }
}
