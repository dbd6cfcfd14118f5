//! What counts once and was used, against what the log says of its uses. Whoever deletes or edits the row that
//! remembers an assertion can have it count again; its use is on record, and so is every further one.
//!
//! Needs no clock: what had expired by the last use on record was let go with that use, and everything else must be
//! there. A use again is found for as long as the log is kept if both uses are of one node; of several nodes, while the
//! assertion has not expired. A row that no record tells of lets nothing in and is not judged.
//!
//! Memory is bounded by what was used within the life of an assertion, as the table is.

use std::collections::{HashMap, hash_map::Entry};

use futures_util::TryStreamExt as _;
use sea_orm::{DatabaseTransaction, EntityTrait as _, QueryOrder as _};
use strongroom_domain::{identity::ASSERTION_RETRY_SECONDS, ports::StoreError, record::UsedOnce};

use super::{Finding, VerifyReport, walk::database};
use crate::{
    decoding::FoundRow,
    entity::used_assertion::{self, Model},
};

/// How far the clocks of two nodes may lie apart before uses look as if they were further apart than a repetition.
const CLOCKS: i64 = 60;
/// From how many on those that have expired are let go.
const FEW: usize = 1024;

/// What is wrong with what remembers a use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnceFault {
    /// It has not expired, and its row is not there.
    Missing,
    /// Its row has other times than any use on record.
    Edited,
    /// It counted again, later than a client's own repetition does.
    Again {
        /// Between its first and its last use.
        seconds: i64,
    },
}

/// The uses of one assertion in one life of its `jti`.
struct Uses {
    first: i64,
    last: i64,
    /// A repetition may be by another assertion of the same `jti`: the row keeps the end of the first.
    expires: (i64, i64),
}

/// What the log says was used.
#[derive(Default)]
pub(super) struct Once {
    uses: HashMap<String, Uses>,
    /// The last use of all.
    newest: i64,
    /// From how many on they are looked through again.
    many: usize,
}

impl Once {
    /// Takes in what a record says was used.
    pub(super) fn learn(&mut self, new: &UsedOnce, report: &mut VerifyReport) {
        self.newest = self.newest.max(new.used);
        let fresh = Uses { first: new.used, last: new.used, expires: (new.expires, new.expires) };
        match self.uses.entry(new.id.clone()) {
            Entry::Vacant(none) => {
                none.insert(fresh);
            }
            Entry::Occupied(mut known) => {
                let uses = known.get_mut();
                if new.used > uses.expires.1 {
                    // It was forgotten by then, as it should be.
                    *uses = fresh;
                } else if new.expires >= uses.first {
                    uses.add(new, report);
                }
            }
        }
        if self.uses.len() > self.many.max(FEW) {
            let newest = self.newest;
            self.uses.retain(|_, uses| uses.expires.1 >= newest);
            self.many = self.uses.len().saturating_mul(2);
        }
    }

    /// Compares the table with it; what is wrong goes into the report.
    pub(super) async fn compare(
        mut self,
        moment: &DatabaseTransaction,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let rows = used_assertion::Entity::find().order_by_asc(used_assertion::Column::IdHash);
        let rows = rows.into_model::<FoundRow<used_assertion::Entity>>();
        let mut rows = rows.stream(moment).await.map_err(database)?;
        while let Some(found) = rows.try_next().await.map_err(database)? {
            match found {
                FoundRow::Read(_, row) => self.judge(&row, report),
                FoundRow::Unreadable(key, row) => {
                    key.and_then(|key| self.uses.remove(&UsedOnce::id_of(&key)));
                    report.add(row.into());
                }
            }
        }
        let newest = self.newest;
        let mut missing: Vec<String> =
            self.uses.into_iter().filter(|(_, uses)| uses.expires.0 >= newest).map(|(id, _)| id).collect();
        missing.sort_unstable();
        for id in missing {
            report.add(Finding::UsedOnce { id, fault: OnceFault::Missing });
        }
        Ok(())
    }

    fn judge(&mut self, row: &Model, report: &mut VerifyReport) {
        let id = UsedOnce::id_of(&row.id_hash);
        let Some(uses) = self.uses.remove(&id) else { return };
        let as_told =
            (uses.first..=uses.last).contains(&row.used) && (uses.expires.0..=uses.expires.1).contains(&row.expires);
        if !as_told {
            report.add(Finding::UsedOnce { id, fault: OnceFault::Edited });
        }
    }
}

impl Uses {
    fn add(&mut self, new: &UsedOnce, report: &mut VerifyReport) {
        let longest = ASSERTION_RETRY_SECONDS.saturating_add(CLOCKS);
        let told = self.last.saturating_sub(self.first) > longest;
        (self.first, self.last) = (self.first.min(new.used), self.last.max(new.used));
        self.expires = (self.expires.0.min(new.expires), self.expires.1.max(new.expires));
        let seconds = self.last.saturating_sub(self.first);
        if seconds > longest && !told {
            report.add(Finding::UsedOnce { id: new.id.clone(), fault: OnceFault::Again { seconds } });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_of(id: &str, used: i64, expires: i64) -> UsedOnce {
        UsedOnce { id: id.to_owned(), used, expires }
    }

    #[test]
    fn a_use_again_is_found_and_a_repetition_is_none() {
        let told = |uses: &[(i64, i64)]| {
            let (mut once, mut report) = (Once::default(), VerifyReport::default());
            uses.iter().for_each(|(used, expires)| once.learn(&use_of("a", *used, *expires), &mut report));
            report.findings
        };
        assert_eq!(told(&[(1000, 1600), (1030, 1600)]), []);
        assert_eq!(told(&[(1030, 1600), (1000, 1600)]), [], "of two nodes, whose chains come one after the other");
        assert_eq!(told(&[(1000, 1600), (1601, 2200)]), [], "its jti counts again once it has expired");
        assert_eq!(told(&[(1601, 2200), (1000, 1600)]), [], "in whatever order it is read");
        let again = |seconds| vec![Finding::UsedOnce { id: "a".into(), fault: OnceFault::Again { seconds } }];
        assert_eq!(told(&[(1000, 1600), (1500, 1600), (1550, 1600)]), again(500), "once, however often");
        let steps: Vec<(i64, i64)> = (0..10).map(|step| (1000 + 30 * step, 1600)).collect();
        assert_eq!(told(&steps), again(120), "nor by steps that are each as short as a repetition");
    }

    #[test]
    fn what_has_expired_is_let_go() {
        let (mut once, mut report) = (Once::default(), VerifyReport::default());
        for used in 0..100_000_i64 {
            once.learn(&use_of(&used.to_string(), used, used + 600), &mut report);
        }
        assert!(once.uses.len() <= 2 * FEW + 1200, "{}", once.uses.len());
        assert!((99_400..100_000).all(|used: i64| once.uses.contains_key(&used.to_string())));
        assert_eq!(report.findings, []);
    }
}
