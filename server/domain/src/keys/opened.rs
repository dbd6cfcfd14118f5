//! Opened keys, kept for a while so that hot signing does not open a key each time.
//!
//! In the memory of this process alone, at most [`MAX_KEYS`], each for [`LIFETIME_MILLIS`] from when it was
//! opened, however often it is used. A key is given out for exactly the revision of its name that the gate
//! has just judged, from rows that are read at every request: a disabled, deleted, updated or rotated key
//! has another revision, so what was kept of it serves no request on any node that is judged from that moment on,
//! and who waited long for a core is judged again ([`super::operate`]). Out of memory it goes when it is looked
//! for in vain, or at the latest at the next sweep after its lifetime.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use strongroom_crypto::key::PrivateKey;

use crate::names::{ObjectName, ObjectVersion, VaultId};

/// Most keys.
pub const MAX_KEYS: usize = 256;
/// How long a key is kept, in milliseconds.
pub const LIFETIME_MILLIS: i64 = 300_000;

/// Which version of which key.
pub(super) type Place = (VaultId, ObjectName, ObjectVersion);

struct Kept {
    revision: i64,
    since: i64,
    key: Arc<PrivateKey>,
}

/// The keys.
#[derive(Default)]
pub(super) struct OpenedKeys(Mutex<HashMap<Place, Kept>>);

impl OpenedKeys {
    fn kept(&self) -> MutexGuard<'_, HashMap<Place, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key as it is at this revision of its name. One of another revision, or too old, is dropped.
    pub(super) fn get(&self, place: &Place, revision: i64, now: i64) -> Option<Arc<PrivateKey>> {
        let mut kept = self.kept();
        let found = kept.get(place)?;
        if found.revision == revision && is_fresh(found, now) {
            return Some(Arc::clone(&found.key));
        }
        kept.remove(place);
        None
    }

    /// Keeps a key that was opened at this revision.
    pub(super) fn put(&self, place: Place, revision: i64, now: i64, key: &Arc<PrivateKey>) {
        let mut kept = self.kept();
        if kept.len() >= MAX_KEYS && !kept.contains_key(&place) {
            let oldest = kept.iter().min_by_key(|(_, kept)| kept.since).map(|(place, _)| place.clone());
            if let Some(oldest) = oldest {
                kept.remove(&oldest);
            }
        }
        kept.insert(place, Kept { revision, since: now, key: Arc::clone(key) });
    }

    /// Drops what is past its lifetime; gives how many are left.
    pub(super) fn sweep(&self, now: i64) -> usize {
        let mut kept = self.kept();
        kept.retain(|_, kept| is_fresh(kept, now));
        kept.len()
    }
}

/// A clock that went back makes a key old, not young for ever.
fn is_fresh(kept: &Kept, now: i64) -> bool {
    (0..LIFETIME_MILLIS).contains(&now.saturating_sub(kept.since))
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::{
        SeededEntropy,
        key::{KeySpec, generate},
    };
    use uuid::Uuid;

    use super::*;

    fn place(number: u8) -> Place {
        let name = ObjectName::parse("k").unwrap();
        (VaultId(Uuid::nil()), name, ObjectVersion::from_bytes([number; 16]))
    }

    fn key() -> Arc<PrivateKey> {
        let spec = KeySpec::Oct { bits: 128 };
        let made = generate(spec, &SeededEntropy::new(1)).ok().unwrap();
        Arc::new(PrivateKey::open(spec, &made.private).ok().unwrap())
    }

    #[test]
    fn a_key_serves_its_revision_and_its_lifetime_alone() {
        let opened = OpenedKeys::default();
        opened.put(place(1), 7, 1000, &key());
        assert!(opened.get(&place(1), 7, 1000 + LIFETIME_MILLIS - 1).is_some());
        assert!(opened.get(&place(1), 8, 1001).is_none(), "another revision");
        assert!(opened.get(&place(1), 7, 1001).is_none(), "and it is gone");
        opened.put(place(1), 7, 1000, &key());
        assert!(opened.get(&place(1), 7, 1000 + LIFETIME_MILLIS).is_none(), "used or not");
        opened.put(place(1), 7, 1000, &key());
        assert!(opened.get(&place(1), 7, 999).is_none(), "the clock went back");
    }

    #[test]
    fn there_are_only_so_many_and_a_sweep_leaves_none_that_is_old() {
        let opened = OpenedKeys::default();
        let key = key();
        for number in 0..=MAX_KEYS {
            let name = ObjectName::parse(&format!("k{number}")).unwrap();
            opened.put((VaultId(Uuid::nil()), name, place(1).2), 1, i64::try_from(number).unwrap(), &key);
        }
        assert_eq!(opened.sweep(1000), MAX_KEYS);
        let first = (VaultId(Uuid::nil()), ObjectName::parse("k0").unwrap(), place(1).2);
        assert!(opened.get(&first, 1, 1000).is_none(), "the oldest went");
        assert_eq!(opened.sweep(LIFETIME_MILLIS + 1000), 0);
        assert_eq!(Arc::strong_count(&key), 1, "nothing holds on to a key");
    }
}
