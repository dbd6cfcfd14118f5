//! Records that say the same of the same, folded into lines: one line for a thousand denials of one worker.

use std::collections::HashMap;

use super::{Outcome, Record};
use crate::principal::PrincipalId;

/// Most records that are folded for one page.
pub const MAX_FOLDED: usize = 4000;

/// Records of the same who, operation, object, outcome and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// The newest of them.
    pub newest: Record,
    /// When the first of them arrived, Unix milliseconds.
    pub first: i64,
    /// How many there are.
    pub records: u64,
    /// How many requests they stand for: a record of a flood counts as all of it.
    pub requests: u64,
}

/// What records have in common that are folded into one line.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sort {
    principal: Option<PrincipalId>,
    principal_kind: String,
    operation: String,
    vault: Option<String>,
    kind: Option<String>,
    object: Option<String>,
    outcome: Outcome,
    reason: String,
}

impl Sort {
    fn of(record: &Record) -> Self {
        Self {
            principal: record.principal.clone(),
            principal_kind: record.principal_kind.clone(),
            operation: record.operation.clone(),
            vault: record.vault.clone(),
            kind: record.kind.clone(),
            object: record.object.clone(),
            outcome: record.outcome,
            reason: record.reason.clone(),
        }
    }
}

/// Folds records, the newest first, into so many lines.
#[derive(Debug)]
pub struct Folding {
    lines: Vec<Repeats>,
    places: HashMap<Sort, usize>,
    most: usize,
}

impl Folding {
    /// Room for so many lines.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { lines: Vec::new(), places: HashMap::new(), most }
    }

    /// Takes the next older record. False where it begins a line that there is no room for: then it is not taken, and a
    /// next page begins with it.
    pub fn take(&mut self, record: Record) -> bool {
        let sort = Sort::of(&record);
        let requests = record.count.unwrap_or(1);
        if let Some(line) = self.places.get(&sort).and_then(|place| self.lines.get_mut(*place)) {
            line.records = line.records.saturating_add(1);
            line.requests = line.requests.saturating_add(requests);
            line.first = line.first.min(record.at);
            return true;
        }
        if self.lines.len() >= self.most {
            return false;
        }
        self.places.insert(sort, self.lines.len());
        self.lines.push(Repeats { first: record.at, records: 1, requests, newest: record });
        true
    }

    /// The lines, by the newest of each, the newest first.
    #[must_use]
    pub fn told(self) -> Vec<Repeats> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: i64, operation: &str, count: Option<u64>) -> Record {
        let mut record: Record = serde_json::from_str(
            r#"{"id":"01900000-0000-7000-8000-000000000001","at":1,"principal_kind":"workload","client":"::1","listener":"main","operation":"","outcome":"denied","reason":"no-role","duration_micros":0}"#,
        )
        .unwrap();
        (record.at, record.operation, record.count) = (at, operation.to_owned(), count);
        record
    }

    #[test]
    fn what_says_the_same_is_one_line_until_there_is_no_room_for_another() {
        let mut folding = Folding::new(2);
        for (at, operation, count, taken) in [
            (9, "SecretGet", None, true),
            (8, "SecretSet", None, true),
            (7, "SecretGet", Some(50), true),
            (6, "KeySign", None, false),
            (5, "SecretGet", None, true),
        ] {
            assert_eq!(folding.take(record(at, operation, count)), taken, "{at}");
        }
        let lines = folding.told();
        let told = lines.iter().map(|line| (line.newest.at, line.first, line.records, line.requests));
        assert_eq!(told.collect::<Vec<_>>(), [(9, 5, 3, 52), (8, 8, 1, 1)]);
    }

    #[test]
    fn another_reason_or_another_issuer_is_another_line() {
        let mut folding = Folding::new(9);
        let by = |issuer: &str| Some(PrincipalId { issuer: issuer.to_owned(), subject: "ada".to_owned() });
        for (principal, reason) in [(by("i"), "no-role"), (by("j"), "no-role"), (by("i"), "network"), (None, "network")]
        {
            assert!(folding.take(Record { principal, reason: reason.to_owned(), ..record(1, "SecretGet", None) }));
        }
        assert_eq!(folding.told().len(), 4);
    }
}
