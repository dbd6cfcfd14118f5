//! Places for work that costs much: so many at once, one for each caller at a time, and no wait without end.
//!
//! One caller has one place at a time and waits for it, so that many requests of one are served one after another,
//! and whoever takes long keeps nobody out but themselves and, when all places are taken, whoever comes next.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::principal::PrincipalId;

/// How long a caller waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// The places for a sort of work.
#[derive(Clone)]
pub struct Places {
    places: Arc<Semaphore>,
    /// Whose turn it is, for each caller that has a place or waits for one.
    turns: Arc<Mutex<HashMap<PrincipalId, Weak<Turn<()>>>>>,
}

/// A place; given back when dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _turn: OwnedMutexGuard<()>,
}

impl Places {
    /// So many places.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(count)), turns: Arc::default() }
    }

    /// A place, once the caller has none and there is one; none when that takes too long.
    pub async fn enter(&self, caller: &PrincipalId) -> Option<Place> {
        let place = async {
            let turn = self.turn(caller).lock_owned().await;
            let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some(Place { _permit: permit, _turn: turn })
        };
        tokio::time::timeout(PATIENCE, place).await.ok().flatten()
    }

    fn turn(&self, caller: &PrincipalId) -> Arc<Turn<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(caller).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::new(()));
        turns.insert(caller.clone(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn caller(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://issuer.example".to_owned(), subject: subject.to_owned() }
    }

    #[tokio::test]
    async fn a_caller_has_one_place_and_keeps_nobody_out() {
        let places = Places::new(8);
        let (a, b) = (caller("a"), caller("b"));
        let own = places.enter(&a).await.unwrap();
        let mut next = Box::pin(places.enter(&a));
        assert!(next.as_mut().now_or_never().is_none(), "it waits for its turn");
        let other = places.enter(&b).await.unwrap();
        drop(own);
        assert!(next.await.is_some());
        drop(other);
        drop(places.enter(&caller("c")).await);
        assert!(places.turns.lock().unwrap().len() <= 2, "who left is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_no_more_places_than_said_and_nobody_waits_without_end() {
        let places = Places::new(3);
        let mut inside = Vec::new();
        for number in 0..3 {
            inside.push(places.enter(&caller(&number.to_string())).await.unwrap());
        }
        assert!(places.enter(&caller("late")).await.is_none(), "ten seconds later");
        inside.pop();
        assert!(places.enter(&caller("late")).await.is_some());
    }
}
