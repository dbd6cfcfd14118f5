//! What the log says about all rows, in brief: enough to make sure of those that are as they should be, and to name the
//! others, which [`super::expected`] then looks at in full.
//!
//! Of a name it holds its last revision and a sum over the versions that were written. A sum is of keyed hashes, whose key
//! nobody has who writes rows: it comes out by chance once in 2^64. What is not told by a revision that follows the one
//! before, or by a sum that comes out, is never taken for good here.
//!
//! Memory is bounded, however many rows there are: held is a share of all names, as large as fits. For every further
//! share the log is asked again.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    hash::{BuildHasher as _, RandomState},
};

use strongroom_domain::record::{ChangedRow, RowKind};

use super::{
    VerifyReport,
    compare::{Judged, Ledger},
    expected::{Absent, At, Place, RowFault, ends, place_of, vault_of},
};

/// How many names are held at a time unless somebody says otherwise: about 22 MiB.
pub(super) const HELD: usize = 7 << 16;

/// Which names are held: those that stand in between, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    from: Place,
    to: Place,
}

impl Share {
    const WHOLE: Self = Self { from: 0, to: Place::MAX };

    fn holds(self, name: Place) -> bool {
        (self.from..=self.to).contains(&name)
    }

    /// A smaller one with the same beginning; none of what cannot be smaller.
    fn narrowed(self) -> Option<Self> {
        let width = self.to - self.from;
        (width > 0).then(|| Self { to: self.from + width / 4 * 3, ..self })
    }

    /// What comes behind it: as wide as it, or twice as wide.
    fn next(self, wider: bool) -> Option<Self> {
        let (from, width) = (self.to.checked_add(1)?, self.to - self.from);
        let width = if wider { width.saturating_mul(2).saturating_add(1) } else { width };
        Some(Self { from, to: from.saturating_add(width) })
    }
}

/// What is known of a name.
struct Name {
    revision: i64,
    /// Of what the log says was written, less what is found.
    sum: u64,
    /// Index of the vault it lies in, from 1.
    vault: u32,
    /// How much of it is there: itself and its versions.
    found: u32,
    kind: RowKind,
    gone: bool,
    seen: bool,
    /// Only the whole story tells.
    unclear: bool,
}

/// What was collected of a share.
pub(super) struct Sketch {
    most: usize,
    share: Share,
    hashes: RandomState,
    /// Whether records come in the order in which things happened: of one node they do.
    ordered: bool,
    /// Vaults are held always: what lies in one that is gone is gone with it.
    names: HashMap<Place, Name>,
    /// By their ids, from 1.
    vaults: HashMap<String, u32>,
    /// What is there and no record tells of.
    unrecorded: HashSet<Place>,
}

impl Sketch {
    /// Holds so many names at most.
    pub(super) fn holding(most: usize, ordered: bool) -> Self {
        let (names, vaults, unrecorded) = (HashMap::new(), HashMap::new(), HashSet::new());
        Self { most, share: Share::WHOLE, hashes: RandomState::new(), ordered, names, vaults, unrecorded }
    }

    /// The next share, which is to be learned; none when all was held.
    fn next(&self) -> Option<Self> {
        let share = self.share.next(self.held().saturating_mul(2) <= self.most)?;
        Some(Self { share, ..Self::holding(self.most, self.ordered) })
    }

    /// How many names are held, besides vaults.
    fn held(&self) -> usize {
        self.names.len().saturating_sub(self.vaults.len())
    }

    /// Lets go of names until the rest fits.
    fn fit(&mut self) {
        while self.held() > self.most
            && let Some(share) = self.share.narrowed()
        {
            self.share = share;
            self.names.retain(|place, name| name.kind == RowKind::Vault || share.holds(*place));
        }
    }

    fn row(&mut self, changed: &ChangedRow) {
        let place = place_of(changed.row, &changed.id);
        if changed.row != RowKind::Vault && !self.share.holds(place) {
            return;
        }
        let next = u32::try_from(self.vaults.len().saturating_add(1)).unwrap_or(u32::MAX);
        let vault = vault_of(changed).map_or(0, |vault| match self.vaults.get(vault) {
            Some(known) => *known,
            None => *self.vaults.entry(vault.to_owned()).or_insert(next),
        });
        let versions = changed.versions.iter().map(|(version, tag)| self.hashes.hash_one((version, tag)));
        let written = versions.fold(0_u64, u64::wrapping_add);
        // What has a revision is told by it.
        let digest = changed.digest.as_deref().filter(|_| changed.row == RowKind::Assignment);
        let digest = digest.map(|digest| self.hashes.hash_one(digest));
        let name = match self.names.entry(place) {
            Entry::Vacant(none) => none.insert(Name {
                revision: changed.revision,
                sum: 0,
                vault,
                found: 0,
                kind: changed.row,
                gone: true,
                seen: false,
                unclear: false,
            }),
            Entry::Occupied(known) => known.into_mut().then(changed, self.ordered),
        };
        if name.revision != changed.revision {
            return;
        }
        if name.gone {
            name.sum = 0;
        }
        name.gone = changed.gone;
        // A row has versions or a digest; of the latter the last one counts.
        name.sum = match (name.gone, digest) {
            (true, _) => 0,
            (false, Some(digest)) => digest,
            (false, None) => name.sum.wrapping_add(written),
        };
    }

    /// What is to be looked at in full, and the next share. What is as it should be goes into the report.
    pub(super) fn conclude(self, report: &mut VerifyReport) -> (Vec<Place>, Option<Self>) {
        let next = self.next();
        let gone: HashSet<u32> = self
            .names
            .values()
            .filter(|name| name.kind == RowKind::Vault && name.gone)
            .map(|name| name.vault)
            .collect();
        let mut unclear: Vec<Place> = self.unrecorded.into_iter().collect();
        for (place, name) in self.names.into_iter().filter(|(place, _)| self.share.holds(*place)) {
            let as_told = match (name.seen, name.gone) {
                (true, false) => name.sum == 0,
                (true, true) => false,
                (false, true) => name.found == 0,
                (false, false) => name.found == 0 && (ends(name.kind) || gone.contains(&name.vault)),
            };
            if name.unclear || !as_told {
                unclear.push(place);
            } else {
                report.rows = report.rows.saturating_add(u64::from(name.found));
            }
        }
        (unclear, next)
    }
}

impl Name {
    /// What comes after it. Unless it plainly does, the name is unclear from then on.
    fn then(&mut self, changed: &ChangedRow, ordered: bool) -> &mut Self {
        let follows = self.revision.checked_add(1) == Some(changed.revision);
        let begins_again = self.gone && !changed.gone;
        if changed.row == RowKind::Session {
            // A session has no revisions, and its end may be told twice.
            let again = changed.revision <= self.revision && !begins_again;
            self.unclear |= !(follows || begins_again || again);
            if again {
                return self;
            }
        } else {
            self.unclear |= !((follows && !self.gone) || (begins_again && !follows && ordered));
        }
        self.revision = changed.revision;
        self
    }
}

impl Ledger for Sketch {
    fn learn(&mut self, _: At, changed: &[ChangedRow]) {
        changed.iter().for_each(|changed| self.row(changed));
        self.fit();
    }

    fn is_first(&self) -> bool {
        self.share.from == 0
    }

    fn holds(&self, kind: RowKind, id: &str) -> bool {
        self.share == Share::WHOLE || self.share.holds(place_of(kind, id))
    }

    fn judge(&mut self, kind: RowKind, id: &str, revision: Option<i64>, tag: &str) -> Option<RowFault> {
        let Some(name) = self.names.get_mut(&place_of(kind, id)) else { return Some(RowFault::Unrecorded) };
        // Two rows at one place are looked at one by one.
        name.unclear |= name.seen || name.kind != kind;
        (name.seen, name.found) = (true, name.found.saturating_add(1));
        match revision {
            Some(revision) => name.unclear |= name.revision != revision,
            None if name.sum != 0 => name.sum = name.sum.wrapping_sub(self.hashes.hash_one(tag)),
            None => {}
        }
        None
    }

    fn judge_version(&mut self, kind: RowKind, id: &str, version: &str, tag: &str) -> Option<RowFault> {
        let Some(name) = self.names.get_mut(&place_of(kind, id)) else { return Some(RowFault::Unrecorded) };
        name.found = name.found.saturating_add(1);
        name.sum = name.sum.wrapping_sub(self.hashes.hash_one((version, tag)));
        None
    }

    fn tell(&mut self, _: &mut VerifyReport, Judged { kind, id, fault, .. }: Judged) {
        if fault.is_some() {
            let place = place_of(kind, &id);
            match self.names.get_mut(&place) {
                Some(known) => known.unclear = true,
                None => {
                    self.unrecorded.insert(place);
                }
            }
        }
    }

    fn absent(&self) -> Vec<Absent> {
        Vec::new()
    }

    fn is_absent(&self, _: RowKind, _: &str, _: Option<&str>) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
