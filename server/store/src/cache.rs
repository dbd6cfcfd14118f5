//! A bounded cache that is exact: after an invalidation nobody gets the old value.
//!
//! The danger is a reader who loads a row, is overtaken by a change and its invalidation, and then
//! puts the old row in. So a reader takes a [`Ticket`] before it loads, and a put counts only if
//! its shard has seen no invalidation since; both are compared under the shard's lock.
//!
//! Must never hold a plaintext. Bounded by weight: what was not used lately goes first.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Enough that two cores seldom meet.
pub(crate) const SHARDS: usize = 16;

/// The state of a shard before a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket(u64);

/// Two halves instead of a list: when the young half is full it becomes the old one, and what was
/// in the old half and not asked for since is gone. Nearly least-recently-used, and constant time.
struct Shard<K, V> {
    generation: u64,
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    young_weight: usize,
}

impl<K: Hash + Eq, V> Shard<K, V> {
    fn take(&mut self, key: &K) -> Option<(V, usize)> {
        if let Some((value, weight)) = self.young.remove(key) {
            self.young_weight = self.young_weight.saturating_sub(weight);
            return Some((value, weight));
        }
        self.old.remove(key)
    }

    fn insert(&mut self, key: K, value: V, weight: usize, half: usize) {
        if self.young_weight.saturating_add(weight) > half {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
        self.young_weight = self.young_weight.saturating_add(weight);
        self.young.insert(key, (value, weight));
    }
}

/// The cache.
pub(crate) struct ExactCache<K, V> {
    shards: Box<[Mutex<Shard<K, V>>]>,
    hasher: RandomState,
    /// Most weight in one half of one shard.
    half: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> ExactCache<K, V> {
    /// A cache that holds at most about `weight`.
    pub(crate) fn new(weight: usize) -> Self {
        let shard = || Mutex::new(Shard { generation: 0, young: HashMap::new(), old: HashMap::new(), young_weight: 0 });
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hasher: RandomState::new(),
            half: weight / (2 * SHARDS),
        }
    }

    fn shard(&self, key: &K) -> Option<MutexGuard<'_, Shard<K, V>>> {
        let place = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        self.shards.get(place).map(lock)
    }

    /// The value, if it is there and current.
    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut shard = self.shard(key)?;
        if let Some((value, _)) = shard.young.get(key) {
            return Some(value.clone());
        }
        let (value, weight) = shard.old.remove(key)?;
        shard.insert(key.clone(), value.clone(), weight, self.half);
        Some(value)
    }

    /// To be taken before the row is loaded.
    pub(crate) fn ticket(&self, key: &K) -> Ticket {
        Ticket(self.shard(key).map_or(0, |shard| shard.generation))
    }

    /// Puts a loaded value in, unless something was invalidated since the ticket. `merge` gets
    /// what is there already and gives the value with its weight.
    pub(crate) fn put_with(&self, key: &K, ticket: Ticket, merge: impl FnOnce(Option<V>) -> (V, usize)) {
        let Some(mut shard) = self.shard(key) else { return };
        if shard.generation != ticket.0 {
            return;
        }
        let present = shard.take(key).map(|(value, _)| value);
        let (value, weight) = merge(present);
        if weight <= self.half {
            shard.insert(key.clone(), value, weight, self.half);
        }
    }

    /// Puts a loaded value in, unless something was invalidated since the ticket.
    pub(crate) fn put(&self, key: &K, ticket: Ticket, value: V, weight: usize) {
        self.put_with(key, ticket, |_| (value, weight));
    }

    /// Drops one key; loads that began earlier will not bring it back.
    pub(crate) fn invalidate(&self, key: &K) {
        if let Some(mut shard) = self.shard(key) {
            shard.generation = shard.generation.wrapping_add(1);
            shard.take(key);
        }
    }

    /// Drops everything; loads that began earlier will bring nothing back.
    pub(crate) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.generation = shard.generation.wrapping_add(1);
            shard.young.clear();
            shard.old.clear();
            shard.young_weight = 0;
        }
    }
}

/// A panic under the lock would leave at worst an entry out: every step is a whole one.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_load_that_an_invalidation_overtook_is_not_kept() {
        let cache = ExactCache::new(1 << 20);
        let ticket = cache.ticket(&1);
        cache.invalidate(&1);
        cache.put(&1, ticket, "old", 1);
        assert_eq!(cache.get(&1), None);
        let ticket = cache.ticket(&1);
        cache.put(&1, ticket, "new", 1);
        assert_eq!(cache.get(&1), Some("new"));
        let ticket = cache.ticket(&1);
        cache.clear();
        cache.put(&1, ticket, "older", 1);
        assert_eq!(cache.get(&1), None);
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let cache = ExactCache::new(2 * SHARDS * 10);
        for n in 0..10_000u32 {
            let ticket = cache.ticket(&n);
            cache.put(&n, ticket, n, 1);
            let again = cache.ticket(&0);
            cache.put_with(&0, again, |present| (present.unwrap_or(0), 1));
        }
        assert_eq!(cache.get(&0), Some(0));
        let kept = (0..10_000u32).filter(|n| cache.get(n).is_some()).count();
        assert!(kept <= 2 * SHARDS * 10, "{kept} entries are more than the bound");
        let ticket = cache.ticket(&7);
        cache.put(&7, ticket, 7, 11);
        assert_eq!(cache.get(&7), None, "what is heavier than a half is not kept");
    }

    proptest! {
        /// Against a model without bounds: whatever is found is what was put last and not invalidated.
        #[test]
        fn never_stale(steps in prop::collection::vec((0u8..4, 0u8..6, any::<u16>()), 0..200)) {
            let cache = ExactCache::new(2 * SHARDS * 3);
            let mut model: HashMap<u8, u16> = HashMap::new();
            let mut waiting: HashMap<u8, (Ticket, u16)> = HashMap::new();
            for (step, key, value) in steps {
                match step {
                    0 => {
                        let truth = *model.entry(key).or_insert(value);
                        waiting.insert(key, (cache.ticket(&key), truth));
                    }
                    1 => if let Some((ticket, loaded)) = waiting.remove(&key) {
                        cache.put(&key, ticket, loaded, 1);
                    },
                    2 => {
                        model.insert(key, value);
                        cache.invalidate(&key);
                    }
                    _ => if let Some(found) = cache.get(&key) {
                        prop_assert_eq!(Some(&found), model.get(&key));
                    },
                }
            }
        }
    }
}
