//! A small table as a whole in memory, so that a name that is not in it costs exactly what one that
//! is costs: nothing. Otherwise the time of an answer would tell which names exist.
//!
//! Bounded: a table that is too large is remembered as such, and then each key is asked for by
//! itself, found or not, and both are kept alike. Exact like [`ExactCache`], because it is made of it.

use std::{collections::HashMap, hash::Hash, sync::Arc};

use strongroom_domain::ports::StoreError;
use tokio::sync::Mutex;

use crate::cache::{ExactCache, SHARDS};

/// Weight of a key that is not there.
const ABSENT: usize = 96;

/// A row, or why it is damaged: one damaged row must not hide the others.
pub(crate) type Entry<V> = Result<Arc<V>, String>;

/// How many rows were read, and what they are.
pub(crate) type Loaded<K, V> = (usize, Vec<(K, Entry<V>)>);

enum Snapshot<K, V> {
    Whole(HashMap<K, Entry<V>>),
    TooLarge,
}

/// The cache of one table.
pub(crate) struct Directory<K, V> {
    whole: ExactCache<(), Arc<Snapshot<K, V>>>,
    each: ExactCache<K, Option<Arc<V>>>,
    /// One load at a time: the others find what it brought.
    loading: Mutex<()>,
    budget: usize,
    rows: usize,
}

impl<K: Hash + Eq + Clone, V> Directory<K, V> {
    /// A directory of at most `rows` rows and about `budget` bytes.
    pub(crate) fn new(budget: usize, rows: usize) -> Self {
        Self {
            // It holds one entry, in one half of one shard.
            whole: ExactCache::new(budget.saturating_mul(2 * SHARDS)),
            each: ExactCache::new(budget),
            loading: Mutex::new(()),
            budget,
            rows,
        }
    }

    /// Drops everything: the writer calls it after each change of the table.
    pub(crate) fn clear(&self) {
        self.whole.clear();
        self.each.clear();
    }

    /// Finds a row. `all` reads at most as many rows as it is told, and says how many it read: one that is left out
    /// counts, or a table that was cut off would pass for a whole one. `one` reads the row of the key.
    pub(crate) async fn find(
        &self,
        key: &K,
        all: impl AsyncFnOnce(u64) -> Result<Loaded<K, V>, StoreError>,
        one: impl AsyncFnOnce() -> Result<Option<V>, StoreError>,
        weight: impl Fn(&V) -> usize,
    ) -> Result<Option<Arc<V>>, StoreError> {
        if let Snapshot::Whole(rows) = &*self.snapshot(all, &weight).await? {
            return rows.get(key).cloned().transpose().map_err(StoreError::Damaged);
        }
        if let Some(known) = self.each.get(key) {
            return Ok(known);
        }
        let ticket = self.each.ticket(key);
        let found = one().await?.map(Arc::new);
        self.each.put(key, ticket, found.clone(), ABSENT + found.as_deref().map_or(0, weight));
        Ok(found)
    }

    async fn snapshot(
        &self,
        all: impl AsyncFnOnce(u64) -> Result<Loaded<K, V>, StoreError>,
        weight: &impl Fn(&V) -> usize,
    ) -> Result<Arc<Snapshot<K, V>>, StoreError> {
        if let Some(known) = self.whole.get(&()) {
            return Ok(known);
        }
        let _loading = self.loading.lock().await;
        if let Some(known) = self.whole.get(&()) {
            return Ok(known);
        }
        let ticket = self.whole.ticket(&());
        let (read, rows) = all(u64::try_from(self.rows).unwrap_or(u64::MAX).saturating_add(1)).await?;
        let total: usize = rows.iter().map(|(_, row)| ABSENT + row.as_deref().map_or(ABSENT, weight)).sum();
        let fits = read.max(rows.len()) <= self.rows && total <= self.budget;
        let snapshot = Arc::new(if fits { Snapshot::Whole(rows.into_iter().collect()) } else { Snapshot::TooLarge });
        self.whole.put(&(), ticket, Arc::clone(&snapshot), if fits { total } else { 1 });
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Table {
        rows: Vec<(u32, &'static str)>,
        loads: Cell<usize>,
        asked: Cell<usize>,
    }

    impl Table {
        fn of(rows: &[(u32, &'static str)]) -> Self {
            Self { rows: rows.to_vec(), loads: Cell::new(0), asked: Cell::new(0) }
        }

        async fn find(&self, directory: &Directory<u32, String>, key: u32) -> Option<String> {
            let all = async |limit: u64| {
                self.loads.set(self.loads.get() + 1);
                let rows: Vec<_> = self.rows.iter().take(usize::try_from(limit).unwrap()).collect();
                // Left out as the remains of something are.
                let kept = rows.iter().filter(|(_, value)| *value != "remains");
                Ok((rows.len(), kept.map(|(key, value)| (*key, Ok(Arc::new((*value).to_owned())))).collect()))
            };
            let one = async || {
                self.asked.set(self.asked.get() + 1);
                Ok(self.rows.iter().find(|(k, _)| *k == key).map(|(_, value)| (*value).to_owned()))
            };
            directory.find(&key, all, one, String::len).await.unwrap().map(|found| (*found).clone())
        }
    }

    #[tokio::test]
    async fn rows_that_are_left_out_do_not_make_a_whole_of_a_part() {
        let table = Table::of(&[(1, "remains"), (2, "remains"), (3, "three"), (4, "four")]);
        let directory = Directory::new(1 << 16, 2);
        for (key, there) in [(3, true), (4, true), (1, true), (5, false)] {
            assert_eq!(table.find(&directory, key).await.is_some(), there, "{key}");
        }
    }

    #[tokio::test]
    async fn what_is_there_and_what_is_not_cost_the_same() {
        let (directory, table) = (Directory::new(1 << 16, 10), Table::of(&[(1, "one"), (2, "two")]));
        assert_eq!(table.find(&directory, 1).await.as_deref(), Some("one"));
        for key in 2..100 {
            assert_eq!(table.find(&directory, key).await.is_some(), key == 2);
        }
        assert_eq!((table.loads.get(), table.asked.get()), (1, 0));
        directory.clear();
        table.find(&directory, 9).await;
        assert_eq!(table.loads.get(), 2, "a change is seen");
    }

    #[tokio::test]
    async fn a_table_that_is_too_large_is_asked_row_by_row_and_once() {
        for (budget, rows) in [(1 << 16, 1), (200, 10)] {
            let (directory, table) = (Directory::new(budget, rows), Table::of(&[(1, "one"), (2, "two")]));
            for _ in 0..3 {
                assert_eq!(table.find(&directory, 1).await.as_deref(), Some("one"));
                assert_eq!(table.find(&directory, 7).await, None);
            }
            assert_eq!(table.loads.get(), 1);
            if budget > 200 {
                assert_eq!(table.asked.get(), 2, "once each, found or not");
            }
        }
    }

    #[tokio::test]
    async fn a_load_that_a_change_overtook_is_not_kept() {
        let (directory, table) = (Directory::<u32, String>::new(1 << 16, 10), Table::of(&[(1, "new")]));
        let overtaken = async |_: u64| {
            directory.clear();
            Ok((1, vec![(1, Ok(Arc::new("old".to_owned())))]))
        };
        let found = directory.find(&1, overtaken, async || Ok(None), String::len).await.unwrap();
        assert_eq!(found.as_deref().map(String::as_str), Some("old"), "as it was when it was asked");
        assert_eq!(table.find(&directory, 1).await.as_deref(), Some("new"));
    }
}
