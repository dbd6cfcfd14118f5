//! How attached modules fared within the last day: how long they took, how often they denied, and what kept them from
//! answering.
//!
//! For people: nothing is judged by it. This node saw it since it started, and says since when: what it did not see must
//! never pass for nothing.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use super::{Trace, attached::Attached};
use crate::{
    context::RequestContext,
    names::VaultId,
    policy::{Effect, ModuleDigest, PolicyAnswer, PolicyAttachment, PolicyFailure},
};

/// An hour in milliseconds: what is seen is forgotten by the hour.
const HOUR: i64 = 3_600_000;
/// For how many of them it is kept.
const HOURS: i64 = 24;
/// Most attachments that are watched; beyond, watching starts anew.
const MAX_WATCHED: usize = 4096;

/// What came of asking a module once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fared {
    /// It let the request through, or has no say.
    Passed,
    /// It denied, and that counts.
    Denied,
    /// It gave no usable answer.
    Failed(PolicyFailure),
    /// In shadow: it was not heard within the budget.
    OverBudget,
}

impl Fared {
    /// What an answer comes to; none for a request that the module does not want to see.
    pub(super) fn of(answer: &Result<PolicyAnswer, PolicyFailure>, counts: bool) -> Option<Self> {
        match answer {
            Ok(answer) if answer.is_unasked() => None,
            Ok(answer) if counts && answer.effect == Effect::Deny => Some(Self::Denied),
            Ok(_) => Some(Self::Passed),
            Err(failure) => Some(Self::Failed(*failure)),
        }
    }
}

/// A module that was asked.
#[derive(Debug)]
pub(super) struct Ran {
    vault: Option<VaultId>,
    name: String,
    module: ModuleDigest,
    fared: Fared,
    micros: Option<u64>,
}

impl Trace {
    /// Notes how a module fared, where somebody makes the request.
    pub(super) fn ran(&mut self, attached: &Attached<'_>, fared: Option<Fared>, micros: Option<u64>) {
        let Some(fared) = fared.filter(|_| self.is_of_a_request()) else { return };
        let PolicyAttachment { name, module, .. } = attached.attachment;
        self.runs.push(Ran { vault: attached.vault, name: name.clone(), module: *module, fared, micros });
    }
}

/// The newest request that a module gave no usable answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureSeen {
    /// The decision, as it is on record.
    pub decision: Uuid,
    /// When, Unix milliseconds.
    pub at: i64,
    /// What was wrong.
    pub failure: PolicyFailure,
}

/// How a module fared within the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsSeen {
    /// Since when it is watched, Unix milliseconds; none before it was asked at all.
    pub since: Option<i64>,
    /// How often it was asked.
    pub asked: u64,
    /// How often it denied, enforced.
    pub denied: u64,
    /// Within how many microseconds 99 of 100 runs ended; none where none was timed.
    pub p99: Option<u64>,
    /// How often it gave no usable answer, by what was wrong.
    pub failed: BTreeMap<PolicyFailure, u64>,
    /// How often it was not heard within the budget of modules in shadow.
    pub over_budget: u64,
    /// The newest of its failures.
    pub newest: Option<FailureSeen>,
}

/// One hour of a module.
#[derive(Debug, Default)]
struct Hour {
    number: i64,
    asked: u64,
    denied: u64,
    failed: BTreeMap<PolicyFailure, u64>,
    over_budget: u64,
    /// How many runs took as long, by [`step_of`].
    took: BTreeMap<u8, u64>,
}

/// A module that is watched: another one under the same name begins anew.
#[derive(Debug)]
struct Watched {
    module: ModuleDigest,
    since: i64,
    hours: VecDeque<Hour>,
    newest: Option<FailureSeen>,
}

/// What this node saw since it started: of the vault, or of all vaults, by attachment.
#[derive(Debug, Default)]
pub struct ModuleRuns(Mutex<HashMap<(Option<VaultId>, String), Watched>>);

impl ModuleRuns {
    /// How the module of an attachment fared within the day before now (Unix milliseconds).
    #[must_use]
    pub fn of(&self, vault: Option<VaultId>, attachment: &PolicyAttachment, now: i64) -> RunsSeen {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let watched = watched.get(&(vault, attachment.name.clone()));
        watched.filter(|one| one.module == attachment.module).map(|one| one.told(now)).unwrap_or_default()
    }

    /// Forgets what is not attached any more, so that it does not come back with the name.
    pub(crate) fn keep_attached(&self, vault: Option<VaultId>, policies: &[PolicyAttachment]) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|(of, name), one| {
            *of != vault || policies.iter().any(|known| known.name == *name && known.module == one.module)
        });
    }

    pub(super) fn note(&self, ctx: &RequestContext, runs: Vec<Ran>) {
        if runs.is_empty() {
            return;
        }
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for Ran { vault, name, module, fared, micros } in runs {
            let key = (vault, name);
            if watched.len() >= MAX_WATCHED && !watched.contains_key(&key) {
                watched.clear();
            }
            let anew = || Watched { module, since: ctx.now, hours: VecDeque::new(), newest: None };
            let one = watched.entry(key).or_insert_with(anew);
            if one.module != module {
                *one = anew();
            }
            one.note(ctx.request_id, ctx.now, fared, micros);
        }
    }
}

impl Watched {
    fn note(&mut self, decision: Uuid, now: i64, fared: Fared, micros: Option<u64>) {
        let number = now.div_euclid(HOUR);
        if self.hours.back().is_none_or(|last| last.number < number) {
            self.hours.push_back(Hour { number, ..Hour::default() });
        }
        while self.hours.front().is_some_and(|first| first.number <= number.saturating_sub(HOURS)) {
            self.hours.pop_front();
        }
        // Of a clock that was put back it goes on with the hour that it knows.
        let Some(hour) = self.hours.back_mut() else { return };
        hour.asked = hour.asked.saturating_add(1);
        match fared {
            Fared::Passed => {}
            Fared::Denied => hour.denied = hour.denied.saturating_add(1),
            Fared::OverBudget => hour.over_budget = hour.over_budget.saturating_add(1),
            Fared::Failed(failure) => {
                let count = hour.failed.entry(failure).or_default();
                *count = count.saturating_add(1);
                self.newest = Some(FailureSeen { decision, at: now, failure });
            }
        }
        if let Some(micros) = micros {
            let count = hour.took.entry(step_of(micros)).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn told(&self, now: i64) -> RunsSeen {
        let oldest = now.div_euclid(HOUR).saturating_sub(HOURS);
        let mut seen = RunsSeen { since: Some(self.since), ..RunsSeen::default() };
        let mut took: BTreeMap<u8, u64> = BTreeMap::new();
        for hour in self.hours.iter().filter(|hour| hour.number > oldest) {
            seen.asked = seen.asked.saturating_add(hour.asked);
            seen.denied = seen.denied.saturating_add(hour.denied);
            seen.over_budget = seen.over_budget.saturating_add(hour.over_budget);
            add_up(&mut seen.failed, &hour.failed);
            add_up(&mut took, &hour.took);
        }
        seen.p99 = p99(&took);
        seen.newest = self.newest.filter(|newest| newest.at.div_euclid(HOUR) > oldest);
        seen
    }
}

fn add_up<K: Ord + Copy>(all: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, count) in more {
        let sum = all.entry(*key).or_default();
        *sum = sum.saturating_add(*count);
    }
}

/// Times are told apart in steps of at most a quarter: four to each doubling, and exactly below eight microseconds.
fn step_of(micros: u64) -> u8 {
    let micros = micros.min(u64::from(u32::MAX));
    if micros < 4 {
        return u8::try_from(micros).unwrap_or_default();
    }
    let octave = u64::from(micros.ilog2());
    let quarter = (micros >> (octave - 2)) & 3;
    u8::try_from((octave - 1) * 4 + quarter).unwrap_or(u8::MAX)
}

/// The longest time of a step, in microseconds.
fn longest(step: u8) -> u64 {
    let (octave, quarter) = (u32::from(step / 4), u64::from(step % 4));
    if octave == 0 { quarter } else { ((quarter + 5) << (octave - 1)) - 1 }
}

fn p99(took: &BTreeMap<u8, u64>) -> Option<u64> {
    let all: u64 = took.values().sum();
    let most = all.saturating_sub(all / 100);
    let mut seen = 0_u64;
    let step = took.iter().find(|(_, count)| {
        seen = seen.saturating_add(**count);
        seen >= most
    });
    step.map(|(step, _)| longest(*step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched() -> Watched {
        Watched { module: ModuleDigest([1; 32]), since: 0, hours: VecDeque::new(), newest: None }
    }

    #[test]
    fn steps_are_told_by_their_longest_time() {
        for micros in (0..=9).chain([10, 99, 1_000, 44_180, 1_000_000, u64::from(u32::MAX)]) {
            let told = longest(step_of(micros));
            assert!(told >= micros && told <= micros + micros / 4, "{micros}: {told}");
            assert!(step_of(told) == step_of(micros) && step_of(told + 1) >= step_of(micros), "{micros}");
        }
        assert_eq!(step_of(u64::MAX), step_of(u64::from(u32::MAX)));
    }

    #[test]
    fn one_slow_run_of_a_hundred_is_left_out() {
        let mut one = watched();
        assert_eq!(one.told(0).p99, None);
        for _ in 0..99 {
            one.note(Uuid::nil(), 0, Fared::Passed, Some(3));
        }
        one.note(Uuid::nil(), 0, Fared::Denied, Some(5_000));
        let told = one.told(0);
        assert_eq!((told.asked, told.denied, told.p99), (100, 1, Some(3)));
        one.note(Uuid::nil(), 0, Fared::Passed, Some(5_000));
        one.note(Uuid::nil(), 0, Fared::Passed, None);
        assert!(one.told(0).p99.unwrap() >= 5_000);
    }

    #[test]
    fn what_was_longer_than_a_day_ago_is_forgotten() {
        let mut one = watched();
        one.note(Uuid::nil(), HOUR, Fared::Failed(PolicyFailure::Trap), Some(1));
        one.note(Uuid::max(), 20 * HOUR, Fared::OverBudget, None);
        let told = one.told(24 * HOUR);
        assert_eq!((told.asked, told.over_budget, told.failed.get(&PolicyFailure::Trap)), (2, 1, Some(&1)));
        assert_eq!(told.newest.map(|newest| newest.failure), Some(PolicyFailure::Trap));
        let later = one.told(25 * HOUR);
        assert_eq!((later.asked, later.failed.len(), later.newest), (1, 0, None));
        // A clock that was put back counts on.
        one.note(Uuid::nil(), 2 * HOUR, Fared::Denied, None);
        assert_eq!(one.told(25 * HOUR).denied, 1);
        one.note(Uuid::nil(), 60 * HOUR, Fared::Passed, None);
        assert_eq!((one.hours.len(), one.told(60 * HOUR).asked, one.told(90 * HOUR).asked), (1, 1, 0));
    }
}
