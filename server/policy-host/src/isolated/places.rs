//! Who may put a question to the child next.
//!
//! The child has as many places as threads, so what has a place runs and nothing waits inside, where it could not be
//! passed by or taken back. A place is held until the child has answered, whether anybody still waits for it or not:
//! what somebody gave up waiting for runs all the same, and is counted. Places are given out vault by vault in turn,
//! and no vault ever holds all of them, so the modules of one cannot keep those of another from being asked.
//! What decides comes before what is in shadow, which gets few places, and of a vault whose modules in shadow are
//! slow, none for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// What a question in shadow may take before its vault pauses: what the gate waits for one at most.
const SLOW: Duration = Duration::from_millis(5);
/// For how many times as long as it took, then.
const PAUSE: u32 = 10;

/// Whether an answer decides something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Somebody waits for it.
    Decides,
    /// It only tells what would be.
    Shadow,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Party {
    /// For which vault; empty for none.
    pub(crate) vault: Arc<str>,
    pub(crate) urgency: Urgency,
}

/// The places of a child.
pub(crate) struct Places(Arc<Mutex<Board>>);

/// Leave to ask one question, until it is dropped.
pub(crate) struct Place {
    /// None when it was not given out after all.
    board: Option<Arc<Mutex<Board>>>,
    party: Party,
    since: Instant,
}

struct Board {
    /// How many there are, and how many of them what is in shadow may have.
    all: Limit,
    of_shadows: Limit,
    /// Those that wait, by what they wait with.
    deciding: Line,
    shadows: Line,
    /// Vaults whose modules in shadow were slow, and until when nothing more is asked of them.
    pausing: HashMap<Arc<str>, Instant>,
}

/// So many at once, and of one vault one less, where there is more than one.
struct Limit {
    most: usize,
    held: usize,
    by: HashMap<Arc<str>, usize>,
}

/// Those that wait, by vault: each vault once in `turns`.
#[derive(Default)]
struct Line {
    turns: VecDeque<Arc<str>>,
    waiting: HashMap<Arc<str>, VecDeque<oneshot::Sender<Place>>>,
}

impl Places {
    /// So many places, of which so many are for what is in shadow.
    pub(crate) fn new(most: usize, of_shadows: usize) -> Self {
        Self(Arc::new(Mutex::new(Board {
            all: Limit::new(most),
            of_shadows: Limit::new(of_shadows),
            deciding: Line::default(),
            shadows: Line::default(),
            pausing: HashMap::new(),
        })))
    }

    /// Waits for a place. Who stops waiting leaves nothing behind.
    pub(crate) async fn take(&self, party: &Party) -> Option<Place> {
        if party.urgency == Urgency::Shadow {
            loop {
                let pause = lock(&self.0).pauses_until(&party.vault, Instant::now());
                let Some(until) = pause else { break };
                tokio::time::sleep_until(until.into()).await;
            }
        }
        let place = {
            let mut board = lock(&self.0);
            let place = board.line(party.urgency).join(&party.vault);
            board.serve(&self.0);
            place
        };
        place.await.ok()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(shared) = self.board.take() else { return };
        let mut board = lock(&shared);
        board.give_back(&self.party, self.since.elapsed());
        board.serve(&shared);
    }
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    fn line(&mut self, urgency: Urgency) -> &mut Line {
        match urgency {
            Urgency::Decides => &mut self.deciding,
            Urgency::Shadow => &mut self.shadows,
        }
    }

    /// Gives out the places that are free.
    fn serve(&mut self, shared: &Arc<Mutex<Self>>) {
        while self.all.held < self.all.most {
            let (all, of_shadows) = (&self.all, &self.of_shadows);
            let decides = self.deciding.next(|vault| all.has_room_for(vault));
            let next = decides.map(|(vault, sender)| (vault, sender, Urgency::Decides)).or_else(|| {
                let next = self.shadows.next(|vault| all.has_room_for(vault) && of_shadows.has_room_for(vault));
                next.map(|(vault, sender)| (vault, sender, Urgency::Shadow))
            });
            let Some((vault, sender, urgency)) = next else { break };
            let party = Party { vault, urgency };
            let place = Place { board: Some(Arc::clone(shared)), party: party.clone(), since: Instant::now() };
            match sender.send(place) {
                Ok(()) => {
                    self.all.take(&party.vault);
                    if urgency == Urgency::Shadow {
                        self.of_shadows.take(&party.vault);
                    }
                }
                // Nobody waits any more. Nothing is to be given back, least of all while this is locked.
                Err(mut place) => place.board = None,
            }
        }
    }

    fn give_back(&mut self, party: &Party, took: Duration) {
        self.all.give_back(&party.vault);
        if party.urgency == Urgency::Shadow {
            self.of_shadows.give_back(&party.vault);
            if took > SLOW {
                let now = Instant::now();
                self.pausing.retain(|_, until| *until > now);
                self.pausing.insert(Arc::clone(&party.vault), now + took * PAUSE);
            }
        }
    }

    fn pauses_until(&self, vault: &str, now: Instant) -> Option<Instant> {
        self.pausing.get(vault).copied().filter(|until| *until > now)
    }
}

impl Limit {
    fn new(most: usize) -> Self {
        Self { most, held: 0, by: HashMap::new() }
    }

    fn has_room_for(&self, vault: &str) -> bool {
        let of_one = self.most.saturating_sub(1).max(1);
        self.held < self.most && self.by.get(vault).is_none_or(|held| *held < of_one)
    }

    fn take(&mut self, vault: &Arc<str>) {
        self.held = self.held.saturating_add(1);
        let held = self.by.entry(Arc::clone(vault)).or_default();
        *held = held.saturating_add(1);
    }

    fn give_back(&mut self, vault: &str) {
        self.held = self.held.saturating_sub(1);
        match self.by.get_mut(vault) {
            Some(held) if *held > 1 => *held = held.saturating_sub(1),
            _ => {
                self.by.remove(vault);
            }
        }
    }
}

impl Line {
    fn join(&mut self, vault: &Arc<str>) -> oneshot::Receiver<Place> {
        let (sender, place) = oneshot::channel();
        let waiting = self.waiting.entry(Arc::clone(vault)).or_default();
        if waiting.is_empty() {
            self.turns.push_back(Arc::clone(vault));
        } else {
            // Where no place comes free, those who gave up are not kept.
            waiting.retain(|other| !other.is_closed());
        }
        waiting.push_back(sender);
        place
    }

    /// The next one that may have a place and still wants it.
    fn next(&mut self, may: impl Fn(&str) -> bool) -> Option<(Arc<str>, oneshot::Sender<Place>)> {
        for _ in 0..self.turns.len() {
            let vault = self.turns.pop_front()?;
            let Some(waiting) = self.waiting.get_mut(&vault) else { continue };
            waiting.retain(|sender| !sender.is_closed());
            if !waiting.is_empty() && !may(&vault) {
                self.turns.push_back(vault);
                continue;
            }
            let first = waiting.pop_front();
            if waiting.is_empty() {
                self.waiting.remove(&vault);
            } else {
                self.turns.push_back(Arc::clone(&vault));
            }
            if let Some(first) = first {
                return Some((vault, first));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Place>> + 'a>>;

    fn waits<'a>(places: &'a Places, vault: &str, urgency: Urgency) -> Waiting<'a> {
        let party = Party { vault: vault.into(), urgency };
        let mut waiting: Waiting<'a> = Box::pin(async move { places.take(&party).await });
        assert!(has(&mut waiting).is_none(), "{vault} is to wait");
        waiting
    }

    fn has(waiting: &mut Waiting<'_>) -> Option<Place> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => place,
            Poll::Pending => None,
        }
    }

    fn takes(places: &Places, vault: &str, urgency: Urgency) -> Place {
        let party = Party { vault: vault.into(), urgency };
        let mut waiting: Waiting<'_> = Box::pin(places.take(&party));
        let place = has(&mut waiting).expect(vault);
        drop(waiting);
        place
    }

    #[test]
    fn no_vault_holds_all_places_and_each_gets_its_turn() {
        let places = Places::new(3, 1);
        let held = [takes(&places, "greedy", Urgency::Decides), takes(&places, "greedy", Urgency::Decides)];
        let mut more = [waits(&places, "greedy", Urgency::Decides), waits(&places, "greedy", Urgency::Decides)];
        // One place is left for whoever else comes, at once.
        let neighbour = takes(&places, "neighbour", Urgency::Decides);
        let mut next = waits(&places, "neighbour", Urgency::Decides);
        let mut third = waits(&places, "third", Urgency::Decides);
        drop(held);
        // Two came free: the first of the greedy waits longest; then it is another's turn.
        assert!(has(&mut more[0]).is_some());
        assert!(has(&mut next).is_some());
        assert!(has(&mut third).is_some(), "those were given back at once");
        drop(neighbour);
        assert!(has(&mut more[1]).is_some());
    }

    #[test]
    fn what_is_in_shadow_comes_last_and_never_has_every_place() {
        let places = Places::new(4, 2);
        let shadow = takes(&places, "one", Urgency::Shadow);
        let mut another = waits(&places, "one", Urgency::Shadow);
        let other = takes(&places, "other", Urgency::Shadow);
        let mut third = waits(&places, "third", Urgency::Shadow);
        let deciding = [takes(&places, "other", Urgency::Decides), takes(&places, "third", Urgency::Decides)];
        let mut decides = waits(&places, "one", Urgency::Decides);
        drop(other);
        assert!(has(&mut third).is_none(), "what decides comes first");
        let decides = has(&mut decides).expect("a place");
        drop(deciding);
        let third = has(&mut third).expect("a place of the shadows is free");
        assert!(has(&mut another).is_none(), "of one vault one less");
        drop((shadow, third, decides));
        assert!(has(&mut another).is_some());
    }

    #[test]
    fn who_gives_up_leaves_nothing_behind() {
        let places = Places::new(1, 1);
        let held = takes(&places, "vault", Urgency::Decides);
        for _ in 0..100 {
            drop(waits(&places, "vault", Urgency::Decides));
        }
        let last = waits(&places, "vault", Urgency::Decides);
        assert_eq!(lock(&places.0).deciding.waiting.values().map(VecDeque::len).sum::<usize>(), 1);
        drop(held);
        // Given to somebody who goes before taking it, it is free again.
        drop(last);
        drop(takes(&places, "other", Urgency::Shadow));
        let board = lock(&places.0);
        assert!(board.all.held == 0 && board.all.by.is_empty() && board.of_shadows.by.is_empty());
        assert!(board.deciding.turns.is_empty() && board.deciding.waiting.is_empty());
    }

    #[test]
    fn a_vault_whose_shadows_are_slow_pauses() {
        let places = Places::new(2, 1);
        let party = Party { vault: "slow".into(), urgency: Urgency::Shadow };
        let mut board = lock(&places.0);
        let now = Instant::now();
        board.give_back(&party, SLOW);
        assert_eq!(board.pauses_until("slow", now), None);
        board.give_back(&party, SLOW * 2);
        assert!(board.pauses_until("slow", now + SLOW * PAUSE).is_some());
        assert_eq!(board.pauses_until("slow", Instant::now() + SLOW * 2 * PAUSE), None);
        assert_eq!(board.pauses_until("other", now), None);
        board.give_back(&Party { urgency: Urgency::Decides, vault: "other".into() }, SLOW * 9);
        assert_eq!(board.pauses_until("other", now), None);
    }
}
