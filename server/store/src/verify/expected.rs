//! What the log says about rows, in full: collected while the log is read, asked row by row afterwards. For those rows
//! that [`super::sketch`] could not make sure of.
//!
//! Does not rely on the order in which several nodes' chains are walked: the revisions of one row run
//! without a gap from its making to its end, and a row that is made again begins somewhere else. So
//! the changes of one row form runs, and the run that does not end with the row's end is the living one.
//!
//! Memory: some hundred bytes for each of these rows that ever was, and so many at a time.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use strongroom_crypto::sha256;
use strongroom_domain::record::{ChangedRow, Outcome, Record, RowKind};

use super::{
    Finding, VerifyReport,
    compare::{Judged, Ledger},
};

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
/// Where a name stands among all: the beginning of its key.
pub(super) type Place = u64;
type Digest = [u8; 16];

/// Changes of one row without a gap.
#[derive(Clone, Copy, Debug)]
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
    /// One, nearly always.
    run: Run,
    others: Box<[Run]>,
}

/// Revision of the name and digest of the version's tag when it was written.
type Written = (i64, Digest);

struct Version {
    name: Key,
    seen: bool,
    /// Once, nearly always.
    written: Written,
    earlier: Box<[Written]>,
    at: At,
}

/// A row that should be there.
pub(super) struct Absent {
    pub(super) at: At,
    /// Whether a version is absent, and not the row itself.
    pub(super) version: bool,
}

/// How many names, and how many versions of them, are held at a time: about 25 MiB.
pub(super) const HELD: usize = 7 << 14;

/// What was collected of some names.
pub(super) struct Expected {
    most: usize,
    /// Which names.
    only: HashSet<Place>,
    /// Those that are left for another time.
    later: Vec<Place>,
    /// Vaults are held always: what lies in one that is gone is gone with it.
    rows: HashMap<Key, Row>,
    versions: HashMap<Key, Version>,
    vaults: HashMap<String, u32>,
    /// Changes were recorded before records told of rows: a row without a record proves nothing.
    untracked: bool,
}

/// Operations that changed rows before records told which.
const EARLY: [&str; 7] =
    ["SecretSet", "SecretDelete", "SecretRecover", "SecretPurge", "VaultPut", "RoleAssignmentCreate", "WorkloadCreate"];

fn key(kind: RowKind, id: &str) -> Key {
    shortened(&format!("{}:{id}", kind.as_str()))
}

fn place(name: &Key) -> Place {
    name.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// Where a row stands among all.
pub(super) fn place_of(kind: RowKind, id: &str) -> Place {
    place(&key(kind, id))
}

/// The vault that a changed row lies in, or is.
pub(super) fn vault_of(changed: &ChangedRow) -> Option<&str> {
    match changed.row {
        kind if kind.is_of_object() || kind == RowKind::AccessPolicy => {
            changed.id.split_once('/').map(|(vault, _)| vault)
        }
        RowKind::Vault => Some(&changed.id),
        _ => changed.within.as_deref(),
    }
}

/// Whether rows of a kind go by themselves, when their time has come.
pub(super) fn ends(kind: RowKind) -> bool {
    matches!(kind, RowKind::Session | RowKind::Approval)
}

/// What a record says was changed. A denial changes nothing, but opens a request for approval.
pub(super) fn changed(outcome: Outcome, changed: &[ChangedRow]) -> &[ChangedRow] {
    let opens = |changed: &ChangedRow| changed.row == RowKind::Approval;
    if outcome == Outcome::Allowed || changed.iter().all(opens) { changed } else { &[] }
}

/// Whether a record is of a change, and of a time before records told which rows it wrote.
pub(super) fn is_early(record: &Record) -> bool {
    record.outcome == Outcome::Allowed
        && record.changed.is_empty()
        && record.revision.is_some()
        && EARLY.contains(&record.operation.as_str())
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
    /// Of these names, and so many of them and of their versions at a time.
    pub(super) fn of(only: HashSet<Place>, most: usize, untracked: bool) -> Self {
        let (rows, versions, vaults) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { most, only, later: Vec::new(), rows, versions, vaults, untracked }
    }

    /// The names that are left for another time.
    pub(super) fn later(self) -> Vec<Place> {
        self.later
    }

    /// Leaves names for later until the versions of the others fit.
    fn fit(&mut self) {
        while self.versions.len() > self.most && self.only.len() > 1 {
            let half = self.only.iter().copied().skip(self.only.len() / 2).collect::<HashSet<_>>();
            self.only.retain(|name| !half.contains(name));
            self.later.extend(half);
            self.rows.retain(|name, row| row.kind == RowKind::Vault || self.only.contains(&place(name)));
            self.versions.retain(|_, version| self.only.contains(&place(&version.name)));
        }
    }

    fn row(&mut self, at: At, changed: &ChangedRow) {
        let name = key(changed.row, &changed.id);
        if changed.row != RowKind::Vault && !self.only.contains(&place(&name)) {
            return;
        }
        let parent = vault_of(changed).map(|vault| self.vault(vault));
        let run = Run {
            first: changed.revision,
            last: changed.revision,
            gone: changed.gone,
            digest: changed.digest.as_deref().map(digest),
            at,
        };
        let kind = changed.row;
        let row = match self.rows.entry(name) {
            Entry::Vacant(none) => none.insert(Row { kind, parent, seen: false, run, others: Box::default() }),
            Entry::Occupied(known) => {
                let row = known.into_mut();
                if kind == RowKind::Session {
                    row.take_session(run)
                } else {
                    row.take(run)
                }
                row
            }
        };
        for (version, tag) in &changed.versions {
            let written = (changed.revision, digest(tag));
            match self.versions.entry(version_key(&changed.id, version)) {
                Entry::Vacant(none) => {
                    none.insert(Version { name, seen: false, written, earlier: Box::default(), at });
                }
                Entry::Occupied(known) => known.into_mut().take(row, written, at),
            }
        }
    }

    fn vault(&mut self, id: &str) -> u32 {
        let next = u32::try_from(self.vaults.len()).unwrap_or(u32::MAX);
        *self.vaults.entry(id.to_owned()).or_insert(next)
    }
}

impl Ledger for Expected {
    fn learn(&mut self, at: At, changed: &[ChangedRow]) {
        changed.iter().for_each(|changed| self.row(at, changed));
        self.fit();
    }

    fn is_first(&self) -> bool {
        false
    }

    fn holds(&self, kind: RowKind, id: &str) -> bool {
        self.only.contains(&place_of(kind, id))
    }

    fn judge(&mut self, kind: RowKind, id: &str, revision: Option<i64>, tag: &str) -> Option<RowFault> {
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

    fn judge_version(&mut self, kind: RowKind, id: &str, version: &str, tag: &str) -> Option<RowFault> {
        let name = key(kind, id);
        let Some(row) = self.rows.get(&name) else { return Some(RowFault::Unrecorded) };
        let Some(run) = row.living() else { return Some(RowFault::Back) };
        let Some(known) = self.versions.get_mut(&version_key(id, version)) else { return Some(RowFault::Unrecorded) };
        known.seen = true;
        let of_this_life = known.written().filter(|(revision, _)| run.holds(*revision));
        match of_this_life.max_by_key(|(revision, _)| *revision) {
            Some((_, recorded)) if recorded == digest(tag) => None,
            Some(_) => Some(RowFault::NotLast),
            // Of an earlier life of the name: that one was purged.
            None => Some(RowFault::Back),
        }
    }

    fn tell(&mut self, report: &mut VerifyReport, Judged { kind: row, id, version, fault }: Judged) {
        match fault {
            None => report.rows = report.rows.saturating_add(1),
            // Written before records told of rows.
            Some(RowFault::Unrecorded) if self.untracked => report.untracked = report.untracked.saturating_add(1),
            Some(fault) => {
                let id = version.map_or_else(|| id.clone(), |version| format!("{id}/{version}"));
                report.add(Finding::Row { row, id, fault });
            }
        }
    }

    fn is_absent(&self, kind: RowKind, id: &str, version: Option<&str>) -> bool {
        let name = key(kind, id);
        match version {
            _ if !self.only.contains(&place(&name)) => false,
            None => self.rows.get(&name).is_some_and(|row| !row.seen && row.living().is_some()),
            Some(version) => self.versions.get(&version_key(id, version)).is_some_and(|version| !version.seen),
        }
    }

    fn absent(&self) -> Vec<Absent> {
        let gone: Vec<u32> = self
            .rows
            .values()
            .filter(|row| row.kind == RowKind::Vault && row.living().is_none())
            .filter_map(|row| row.parent)
            .collect();
        let expected = |row: &Row| !ends(row.kind) && !row.parent.is_some_and(|vault| gone.contains(&vault));
        let here = |name: &Key| self.only.contains(&place(name));
        let rows = self.rows.iter().filter(|(name, row)| !row.seen && here(name) && expected(row));
        let rows = rows.filter_map(|(_, row)| row.living());
        let versions = self.versions.values().filter(|version| {
            // An absent name is one finding, whatever its versions.
            let name = self.rows.get(&version.name).filter(|name| name.seen).and_then(Row::living);
            !version.seen && name.is_some_and(|run| version.written().any(|(at, _)| run.holds(at)))
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
    fn runs(&self) -> impl Iterator<Item = &Run> {
        std::iter::once(&self.run).chain(&self.others)
    }

    /// Has these runs, and the last of them before all.
    fn put(&mut self, last: Run, others: Vec<Run>) {
        self.run = last;
        if !(others.is_empty() && self.others.is_empty()) {
            self.others = others.into_boxed_slice();
        }
    }

    fn take(&mut self, run: Run) {
        if self.runs().any(|known| known.holds(run.first)) {
            return;
        }
        if self.others.is_empty() && self.run.join(&run) {
            return;
        }
        let (mut run, mut runs) = (run, self.runs().copied().collect::<Vec<_>>());
        // What it follows, and what follows it: chains of several nodes come one after the other.
        if let Some(before) = runs.iter().position(|known| known.last.checked_add(1) == Some(run.first)) {
            let mut known = runs.swap_remove(before);
            known.join(&run);
            run = known;
        }
        if let Some(after) = runs.iter().position(|known| run.last.checked_add(1) == Some(known.first)) {
            let known = runs.swap_remove(after);
            run.join(&known);
        }
        self.put(run, runs);
    }

    /// A session has no revisions: it begins, and it ends. One that begins after its end, on record, is there
    /// again; a code of the command line could once be exchanged twice, and logs tell of it for ever.
    fn take_session(&mut self, run: Run) {
        if self.run.gone && !run.gone {
            self.run = run;
        } else {
            self.take(run);
        }
    }

    /// The life that has not ended. Of several (which no honest log has) the one written last.
    fn living(&self) -> Option<Run> {
        if self.kind == RowKind::PolicyDocument {
            return self.latest().filter(|run| !run.gone);
        }
        self.runs().filter(|run| !run.gone).max_by_key(|run| run.at.1).copied()
    }

    /// Of a document: what was written of it last. A replacement once had the clock for a revision, and logs tell of
    /// it for ever: such a life did not end, another took its place. One node's chain tells the order, of several the
    /// revisions do.
    fn latest(&self) -> Option<Run> {
        let of_one_node = self.runs().all(|run| run.at.0 == self.run.at.0);
        let latest = self.runs().max_by_key(|run| if of_one_node { (0, run.at.1) } else { (run.last, 0) });
        latest.copied()
    }
}

impl Version {
    fn written(&self) -> impl Iterator<Item = Written> {
        std::iter::once(self.written).chain(self.earlier.iter().copied())
    }

    /// Written again. The usual case: in the same life of its name, later on.
    fn take(&mut self, name: &Row, written: Written, at: At) {
        let same_life = |run: &Run| run.holds(self.written.0) && run.holds(written.0);
        if self.written.0 > written.0 || !name.runs().any(same_life) {
            self.earlier = self.earlier.iter().copied().chain([self.written]).collect();
        }
        (self.written, self.at) = (written, at);
    }
}

#[cfg(test)]
mod tests;
