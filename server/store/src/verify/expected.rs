//! What the log says about every row: collected while the log is walked, asked row by row afterwards.
//!
//! Does not rely on the order in which several nodes' chains are walked: the revisions of one row run
//! without a gap from its making to its end, and a row that is made again begins somewhere else. So
//! the changes of one row form runs, and the run that does not end with the row's end is the living one.
//!
//! Memory: some hundred bytes for each row that ever was.

use std::collections::HashMap;

use strongroom_crypto::sha256;
use strongroom_domain::record::{ChangedRow, Outcome, Record, RowKind};

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFault {
    /// It has an earlier revision than the last one on record: an older row was put back.
    Older {
        /// Its revision.
        found: i64,
        /// The last revision on record.
        recorded: i64,
    },
    /// It has a later revision than any on record.
    Ahead {
        /// Its revision.
        found: i64,
        /// The last revision on record.
        recorded: i64,
    },
    /// It is not as it was written last, though its revision is.
    NotLast,
    /// It was taken away, by the log, and is there.
    Back,
    /// It is there, by the log, and is not.
    Missing,
    /// A cell of it holds what cannot stand there.
    Unreadable,
    /// No record tells of it.
    Unrecorded,
}

/// Where a record stands: index of its node, position.
pub(super) type At = (u16, u64);
type Key = [u8; 16];
type Digest = [u8; 16];

/// Changes of one row without a gap.
#[derive(Clone, Copy)]
struct Run {
    first: i64,
    last: i64,
    gone: bool,
    digest: Option<Digest>,
    at: At,
}

struct Row {
    kind: RowKind,
    /// Index of the vault it lies in.
    parent: Option<u32>,
    seen: bool,
    runs: Vec<Run>,
}

struct Version {
    name: Key,
    seen: bool,
    /// Revision of the name and digest of the version's tag, each time it was written.
    written: Vec<(i64, Digest)>,
    at: At,
}

/// A row that should be there.
pub(super) struct Absent {
    pub(super) at: At,
    /// Whether a version is absent, and not the row itself.
    pub(super) version: bool,
}

/// All that was collected.
#[derive(Default)]
pub(super) struct Expected {
    rows: HashMap<Key, Row>,
    versions: HashMap<Key, Version>,
    vaults: HashMap<String, u32>,
    /// Changes were recorded before records told of rows: a row without a record proves nothing.
    pub(super) untracked: bool,
}

/// Operations that changed rows before records told which.
const EARLY: [&str; 7] =
    ["SecretSet", "SecretDelete", "SecretRecover", "SecretPurge", "VaultPut", "RoleAssignmentCreate", "WorkloadCreate"];

fn key(kind: RowKind, id: &str) -> Key {
    shortened(&format!("{}:{id}", kind.as_str()))
}

fn version_key(id: &str, version: &str) -> Key {
    shortened(&format!("version:{id}/{version}"))
}

fn shortened(text: &str) -> Key {
    sha256(text.as_bytes()).first_chunk().copied().unwrap_or_default()
}

/// Digests are compared as written; what is no digest equals none.
fn digest(text: &str) -> Digest {
    text.as_bytes().try_into().unwrap_or_default()
}

impl Expected {
    /// Takes in what a record says.
    pub(super) fn learn(&mut self, at: At, record: &Record) {
        // A denial changes nothing, but opens a request for approval.
        let opens = |changed: &ChangedRow| changed.row == RowKind::Approval;
        if record.outcome != Outcome::Allowed && (record.changed.is_empty() || !record.changed.iter().all(opens)) {
            return;
        }
        if record.changed.is_empty() && record.revision.is_some() && EARLY.contains(&record.operation.as_str()) {
            self.untracked = true;
        }
        for changed in &record.changed {
            self.row(at, changed);
        }
    }

    fn row(&mut self, at: At, changed: &ChangedRow) {
        let parent = match changed.row {
            RowKind::Secret | RowKind::Key | RowKind::Certificate | RowKind::AccessPolicy => {
                changed.id.split_once('/').map(|(vault, _)| self.vault(vault))
            }
            RowKind::Vault => Some(self.vault(&changed.id)),
            _ => changed.within.as_deref().map(|vault| self.vault(vault)),
        };
        let name = key(changed.row, &changed.id);
        let row = self.rows.entry(name).or_insert_with(|| Row {
            kind: changed.row,
            parent,
            seen: false,
            runs: Vec::with_capacity(1),
        });
        let run = Run {
            first: changed.revision,
            last: changed.revision,
            gone: changed.gone,
            digest: changed.digest.as_deref().map(digest),
            at,
        };
        if changed.row == RowKind::Session {
            row.take_session(run);
        } else {
            row.take(run);
        }
        for (version, tag) in &changed.versions {
            let written = (changed.revision, digest(tag));
            let entry = self.versions.entry(version_key(&changed.id, version)).or_insert_with(|| Version {
                name,
                seen: false,
                written: Vec::with_capacity(1),
                at,
            });
            entry.at = at;
            // The usual case: the same life of the name, later on.
            let same_life = |before: i64| row.runs.iter().any(|run| run.holds(before) && run.holds(written.0));
            match entry.written.last_mut() {
                Some(last) if last.0 <= written.0 && same_life(last.0) => *last = written,
                _ => entry.written.push(written),
            }
        }
    }

    fn vault(&mut self, id: &str) -> u32 {
        let next = u32::try_from(self.vaults.len()).unwrap_or(u32::MAX);
        *self.vaults.entry(id.to_owned()).or_insert(next)
    }

    /// Judges a row that is there. `revision` is none for rows that have none; then `tag` is compared.
    pub(super) fn judge(&mut self, kind: RowKind, id: &str, revision: Option<i64>, tag: &str) -> Option<RowFault> {
        let Some(row) = self.rows.get_mut(&key(kind, id)) else { return Some(RowFault::Unrecorded) };
        row.seen = true;
        let Some(run) = row.living() else { return Some(RowFault::Back) };
        if let Some(found) = revision {
            let recorded = run.last;
            return match found.cmp(&recorded) {
                std::cmp::Ordering::Less => Some(RowFault::Older { found, recorded }),
                std::cmp::Ordering::Greater => Some(RowFault::Ahead { found, recorded }),
                std::cmp::Ordering::Equal => None,
            };
        }
        (run.digest.is_some_and(|recorded| recorded != digest(tag))).then_some(RowFault::NotLast)
    }

    /// Judges a version that is there, of a name that is there.
    pub(super) fn judge_version(&mut self, kind: RowKind, id: &str, version: &str, tag: &str) -> Option<RowFault> {
        let name = key(kind, id);
        let Some(row) = self.rows.get(&name) else { return Some(RowFault::Unrecorded) };
        let Some(run) = row.living() else { return Some(RowFault::Back) };
        let Some(known) = self.versions.get_mut(&version_key(id, version)) else { return Some(RowFault::Unrecorded) };
        known.seen = true;
        let of_this_life = known.written.iter().filter(|(revision, _)| run.holds(*revision));
        match of_this_life.max_by_key(|(revision, _)| *revision) {
            Some((_, recorded)) if *recorded == digest(tag) => None,
            Some(_) => Some(RowFault::NotLast),
            // Of an earlier life of the name: that one was purged.
            None => Some(RowFault::Back),
        }
    }

    /// Rows that should be there and were not judged. Sessions and requests for approval end by themselves.
    pub(super) fn absent(&self) -> Vec<Absent> {
        let gone: Vec<u32> = self
            .rows
            .values()
            .filter(|row| row.kind == RowKind::Vault && row.living().is_none())
            .filter_map(|row| row.parent)
            .collect();
        let ends = |kind| matches!(kind, RowKind::Session | RowKind::Approval);
        let expected = |row: &Row| !ends(row.kind) && !row.parent.is_some_and(|vault| gone.contains(&vault));
        let rows = self.rows.values().filter(|row| !row.seen && expected(row)).filter_map(Row::living);
        let versions = self.versions.values().filter(|version| {
            // An absent name is one finding, whatever its versions.
            let name = self.rows.get(&version.name).filter(|name| name.seen).and_then(Row::living);
            !version.seen && name.is_some_and(|run| version.written.iter().any(|(at, _)| run.holds(*at)))
        });
        rows.map(|run| Absent { at: run.at, version: false })
            .chain(versions.map(|version| Absent { at: version.at, version: true }))
            .collect()
    }
}

impl Run {
    fn holds(&self, revision: i64) -> bool {
        (self.first..=self.last).contains(&revision)
    }

    /// What follows at once joins.
    fn join(&mut self, later: &Self) -> bool {
        if self.last.checked_add(1) != Some(later.first) {
            return false;
        }
        (self.last, self.gone, self.digest, self.at) = (later.last, later.gone, later.digest, later.at);
        true
    }
}

impl Row {
    fn take(&mut self, run: Run) {
        if self.runs.iter().any(|known| known.holds(run.first)) {
            return;
        }
        let mut run = run;
        // What it follows, and what follows it: chains of several nodes come one after the other.
        if let Some(before) = self.runs.iter().position(|known| known.last.checked_add(1) == Some(run.first)) {
            let mut known = self.runs.swap_remove(before);
            known.join(&run);
            run = known;
        }
        if let Some(after) = self.runs.iter().position(|known| run.last.checked_add(1) == Some(known.first)) {
            let known = self.runs.swap_remove(after);
            run.join(&known);
        }
        self.runs.push(run);
    }

    /// A session has no revisions: it begins, and it ends. One that begins after its end, on record, is there
    /// again; a code of the command line could once be exchanged twice, and logs tell of it for ever.
    fn take_session(&mut self, run: Run) {
        match self.runs.last_mut() {
            Some(known) if known.gone && !run.gone => *known = run,
            _ => self.take(run),
        }
    }

    /// The life that has not ended. Of several (which no honest log has) the one written last.
    fn living(&self) -> Option<Run> {
        self.runs.iter().filter(|run| !run.gone).max_by_key(|run| run.at.1).copied()
    }
}

#[cfg(test)]
mod tests;
