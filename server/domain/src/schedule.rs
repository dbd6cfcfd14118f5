//! What the schedules of keys and of certificates share: the walk over what is due, in which vaults take turns, and the
//! requests in whose name it is done. Nothing here acts.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use strongroom_crypto::Entropy;

use crate::{
    context::RequestContext,
    names::{ObjectKind, ObjectName, VaultName},
    objects::ObjectError,
    ports::{DueAction, DueObject, RotationSchedule, StoreError},
    principal::Principal,
    rotation::LifetimeAction,
    time::{Clock, uuid_v7},
};

/// Objects of one turn of a vault.
const TURN: usize = 20;
/// A vault is walked through again in the same run this long after it was begun, in milliseconds: as often as where
/// others have nothing that takes long.
const AGAIN_AFTER: i64 = 300_000;

/// Where the walk through a vault is.
struct Walk {
    /// Unix milliseconds.
    began: i64,
    /// What is done with its objects now: one action with all of them, then the next.
    action: usize,
    after: Option<ObjectName>,
}

/// A walk over what is due. Vaults take turns, so that one with much to do keeps no other waiting for longer than its
/// turn. In a vault everything is named in order, and once in a walk, also when it stays due.
pub(crate) struct Due<'a> {
    schedule: &'a dyn RotationSchedule,
    kind: ObjectKind,
    actions: &'static [LifetimeAction],
    walks: HashMap<VaultName, Walk>,
    /// Those whose turn is still to come in this round.
    round: VecDeque<VaultName>,
    /// What is left of the turn of a vault.
    turn: VecDeque<(LifetimeAction, DueObject)>,
}

impl<'a> Due<'a> {
    pub(crate) fn new(
        schedule: &'a dyn RotationSchedule,
        kind: ObjectKind,
        actions: &'static [LifetimeAction],
    ) -> Self {
        let (walks, round, turn) = (HashMap::new(), VecDeque::new(), VecDeque::new());
        Self { schedule, kind, actions, walks, round, turn }
    }

    /// The next of them, and what is to be done with it; none when every vault was walked through a short while ago.
    pub(crate) async fn next(&mut self, clock: &dyn Clock) -> Result<Option<(LifetimeAction, DueObject)>, StoreError> {
        loop {
            if let Some(due) = self.turn.pop_front() {
                return Ok(Some(due));
            }
            if let Some(vault) = self.round.pop_front() {
                self.take_turn(vault, clock).await?;
                continue;
            }
            self.begin_round(clock).await?;
            if self.round.is_empty() {
                return Ok(None);
            }
        }
    }

    fn wanted(&self, action: LifetimeAction, clock: &dyn Clock) -> DueAction {
        DueAction { kind: self.kind, action, now: clock.now_millis().div_euclid(1000) }
    }

    async fn begin_round(&mut self, clock: &dyn Clock) -> Result<(), StoreError> {
        let mut vaults = Vec::new();
        for action in self.actions {
            vaults.extend(self.schedule.vaults_with_due(self.wanted(*action, clock)).await?);
        }
        vaults.sort_unstable();
        vaults.dedup();
        let now = clock.now_millis();
        vaults.retain(|vault| match self.walks.get(vault) {
            Some(walk) => walk.action < self.actions.len() || now.saturating_sub(walk.began) >= AGAIN_AFTER,
            None => true,
        });
        self.round = vaults.into();
        Ok(())
    }

    /// As much of a vault as it has a turn for, of one action.
    async fn take_turn(&mut self, vault: VaultName, clock: &dyn Clock) -> Result<(), StoreError> {
        let begun = || Walk { began: clock.now_millis(), action: 0, after: None };
        let mut walk = self.walks.remove(&vault).filter(|walk| walk.action < self.actions.len()).unwrap_or_else(begun);
        while let Some(action) = self.actions.get(walk.action) {
            let due = self.schedule.due_in(&vault, self.wanted(*action, clock), walk.after.as_ref(), TURN).await?;
            let Some(last) = due.last() else {
                (walk.action, walk.after) = (walk.action + 1, None);
                continue;
            };
            walk.after = Some(last.name.clone());
            self.turn = due.into_iter().map(|due| (*action, due)).collect();
            break;
        }
        self.walks.insert(vault, walk);
        Ok(())
    }
}

/// A request of the installation itself, for one thing that is due.
pub(crate) fn own_request(
    principal: &str,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<RequestContext, StoreError> {
    own_request_at(principal, clock.now_millis(), entropy)
}

/// The same, at a time (Unix milliseconds).
pub(crate) fn own_request_at(principal: &str, now: i64, entropy: &dyn Entropy) -> Result<RequestContext, StoreError> {
    let id = uuid_v7(now, entropy).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let principal = Arc::new(Principal::system(principal));
    Ok(RequestContext::new(id, principal, IpAddr::V4(Ipv4Addr::LOCALHOST), "internal", now))
}

/// Whether what any object may meet went wrong with the one that was due. Where nothing was to be done any more
/// (somebody deleted it), it did not; what would go wrong with all that follow breaks off the run.
pub(crate) fn fails_for_good(error: &ObjectError) -> Result<bool, StoreError> {
    match error {
        ObjectError::NotFound(..) | ObjectError::VaultNotFound => Ok(false),
        ObjectError::Unavailable | ObjectError::NoRecord(_) => Err(StoreError::Unavailable(error.to_string())),
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::test_support::ManualClock;

    const ACTIONS: [LifetimeAction; 2] = [LifetimeAction::Rotate, LifetimeAction::Notify];

    /// Vaults with so many objects that are due for rotation, and stay so; all of them from this moment on.
    struct Schedule(Mutex<Vec<(&'static str, usize)>>);

    impl Schedule {
        fn of(&self, vault: &VaultName) -> usize {
            let vaults = self.0.lock().unwrap();
            vaults.iter().find(|(name, _)| *name == vault.as_str()).map_or(0, |(_, objects)| *objects)
        }
    }

    #[async_trait]
    impl RotationSchedule for Schedule {
        async fn vaults_with_due(&self, due: DueAction) -> Result<Vec<VaultName>, StoreError> {
            let vaults = self.0.lock().unwrap();
            let some = vaults.iter().filter(|(_, objects)| *objects > 0 && due.action == LifetimeAction::Rotate);
            Ok(some.map(|(name, _)| VaultName::parse(name).unwrap()).collect())
        }

        async fn due_in(
            &self,
            vault: &VaultName,
            due: DueAction,
            after: Option<&ObjectName>,
            limit: usize,
        ) -> Result<Vec<DueObject>, StoreError> {
            let names = (0..self.of(vault)).map(|number| ObjectName::parse(&format!("k{number:04}")).unwrap());
            let later = names.filter(|name| {
                due.action == LifetimeAction::Rotate && after.is_none_or(|after| name.as_str() > after.as_str())
            });
            Ok(later.take(limit).map(|name| DueObject { vault: vault.clone(), kind: due.kind, name }).collect())
        }
    }

    #[tokio::test]
    async fn a_vault_with_much_to_do_keeps_no_other_waiting_for_longer_than_its_turn() {
        let schedule = Schedule(Mutex::new(vec![("aaa", 100), ("bbb", 3), ("ccc", 45)]));
        let clock = ManualClock::at(0);
        let mut due = Due::new(&schedule, ObjectKind::Key, &ACTIONS);
        let mut done: Vec<(String, String)> = Vec::new();
        while let Some((action, object)) = due.next(&clock).await.unwrap() {
            assert_eq!(action, LifetimeAction::Rotate);
            done.push((object.vault.as_str().to_owned(), object.name.as_str().to_owned()));
        }
        let turns: Vec<(&str, usize)> =
            done.chunk_by(|one, next| one.0 == next.0).map(|turn| (turn[0].0.as_str(), turn.len())).collect();
        let (a, b, c) = (("aaa", TURN), ("bbb", 3), ("ccc", TURN));
        assert_eq!(turns, [a, b, c, a, c, a, ("ccc", 5), ("aaa", 40)]);
        let mut once = done.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), done.len(), "each once, though all of them stay due");
    }

    #[tokio::test]
    async fn what_becomes_due_while_another_vault_has_much_to_do_does_not_wait_for_the_end_of_it() {
        let schedule = Schedule(Mutex::new(vec![("aaa", 1000), ("bbb", 1)]));
        let clock = ManualClock::at(0);
        let mut due = Due::new(&schedule, ObjectKind::Key, &ACTIONS);
        let mut done = Vec::new();
        while let Some((_, object)) = due.next(&clock).await.unwrap() {
            // A second each.
            clock.advance(1000);
            done.push(object.vault.as_str().to_owned());
            if done.len() == 30 {
                schedule.0.lock().unwrap().push(("ccc", 1));
            }
            if done.len() == 2000 {
                schedule.0.lock().unwrap().retain(|(name, _)| *name != "aaa");
            }
        }
        let places = |vault: &str| {
            let all = done.iter().enumerate().filter(|(_, name)| *name == vault);
            all.map(|(place, _)| place).collect::<Vec<_>>()
        };
        // The round that has begun ends, and those before it have their turn.
        assert!(places("ccc")[0] <= 30 + 2 * TURN, "{:?}", places("ccc"));
        for vault in ["bbb", "ccc"] {
            let gaps: Vec<usize> = places(vault).windows(2).map(|two| two[1] - two[0]).collect();
            assert!(gaps.len() >= 5, "what failed is tried again meanwhile: {gaps:?}");
            let every = usize::try_from(AGAIN_AFTER / 1000).unwrap();
            assert!(gaps.iter().all(|gap| (every..=every + 2 * TURN).contains(gap)), "{gaps:?}");
        }
    }
}
