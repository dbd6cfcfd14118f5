//! How many long answers are in memory at once: backups, of up to 16 MiB each.
//!
//! A place is taken before anything is read, and kept until the client has taken a long answer. One caller has one
//! at a time and waits for it: so many backups at once are made one after another, and whoever takes theirs slowly
//! keeps nobody else waiting.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use strongroom_domain::principal::PrincipalId;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::{message::Response, problem::Problem};

/// How many are in memory at once.
const PLACES: usize = 8;
/// An answer of up to so many bytes gives its place back as soon as it is written; connections hold as much anyway.
const SHORT: usize = 256 * 1024;
/// How long a caller waits for a place.
const PATIENCE: Duration = Duration::from_secs(10);

/// The places for long answers.
#[derive(Clone)]
pub struct LongAnswers {
    places: Arc<Semaphore>,
    /// Whose turn it is, for each caller that has a place or waits for one.
    turns: Arc<Mutex<HashMap<PrincipalId, Weak<Turn<()>>>>>,
}

impl Default for LongAnswers {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(PLACES)), turns: Arc::default() }
    }
}

/// A place among the long answers; given back when dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _turn: OwnedMutexGuard<()>,
}

impl LongAnswers {
    /// A place, once the caller has none and there is one.
    ///
    /// # Errors
    /// 429 when that takes too long.
    pub(crate) async fn enter(&self, caller: &PrincipalId) -> Result<Place, Problem> {
        let place = async {
            let turn = self.turn(caller).lock_owned().await;
            let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some(Place { _permit: permit, _turn: turn })
        };
        tokio::time::timeout(PATIENCE, place).await.ok().flatten().ok_or_else(|| Problem::throttled(1))
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

impl Response {
    /// Keeps the place until the client has taken the answer, if it is a long one.
    pub(crate) fn in_place(self, place: Place) -> Self {
        let place = (self.body.len() > SHORT).then_some(place);
        Self { place, ..self }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use zeroize::Zeroizing;

    use super::*;

    fn caller(subject: &str) -> PrincipalId {
        PrincipalId { issuer: "https://issuer.example".to_owned(), subject: subject.to_owned() }
    }

    #[tokio::test]
    async fn a_caller_has_one_place_and_keeps_nobody_out() {
        let answers = LongAnswers::default();
        let (a, b) = (caller("a"), caller("b"));
        let own = answers.enter(&a).await.ok().unwrap();
        let mut next = Box::pin(answers.enter(&a));
        assert!(next.as_mut().now_or_never().is_none(), "it waits for its turn");
        let other = answers.enter(&b).await.ok().unwrap();
        drop(own);
        assert!(next.await.is_ok());
        drop(other);
        drop(answers.enter(&caller("c")).await);
        assert!(answers.turns.lock().unwrap().len() <= 2, "who left is forgotten");
    }

    #[tokio::test]
    async fn there_are_no_more_places_than_said() {
        let answers = LongAnswers::default();
        let mut inside = Vec::new();
        for number in 0..PLACES {
            inside.push(answers.enter(&caller(&number.to_string())).await.ok().unwrap());
        }
        assert!(answers.enter(&caller("late")).now_or_never().is_none());
        inside.pop();
        assert!(answers.enter(&caller("late")).await.is_ok());
    }

    #[tokio::test]
    async fn a_short_answer_gives_its_place_back_at_once() {
        let answers = LongAnswers::default();
        for (length, kept) in [(SHORT, false), (SHORT + 1, true)] {
            let place = answers.enter(&caller("a")).await.ok().unwrap();
            let answer = Response { body: Zeroizing::new(vec![b'x'; length]), ..Response::empty(200) }.in_place(place);
            assert_eq!(answers.enter(&caller("a")).now_or_never().is_none(), kept, "{length}");
            drop(answer);
        }
    }
}
