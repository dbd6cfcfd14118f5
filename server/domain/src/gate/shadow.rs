//! Modules in shadow: asked when the decision is made, and without a say in it.
//!
//! What each would have said goes on record, is counted, and the newest denials are kept as samples. They have a
//! budget of time together, finding and loading them included; who is not heard within it is counted too, and
//! slows nobody down. A module that runs in the server's own process cannot be interrupted, so there the budget
//! may be exceeded by what one module's fuel takes.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use strongroom_crypto::sha256;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{Gate, Trace, attached::Attached, runs::Fared};
use crate::{
    context::RequestContext,
    decision::{Stage, StageEffect},
    names::VaultId,
    policy::{Effect, ModuleDigest, PolicyAttachment, PolicyFailure, PolicyRequest},
};

/// What all modules in shadow may add to one answer.
pub const SHADOW_BUDGET: Duration = Duration::from_millis(5);
/// How many of the newest denials in shadow are kept of an attachment.
pub const SHADOW_SAMPLES: usize = 10;
/// Most attachments that are counted; beyond, counting starts anew.
const MAX_COUNTED: usize = 4096;
/// Reason of a module that was not asked within the budget.
const OVER_BUDGET: &str = "over-budget";
/// How the stage of a module in shadow begins in a trace; its attachment's name follows.
pub(crate) const SHADOW_STAGE: &str = "shadow:";

/// How often one module in shadow would have said what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShadowCount {
    /// Nothing against the request.
    pub would_allow: u64,
    /// The request would have been denied.
    pub would_deny: u64,
    /// No opinion.
    pub would_abstain: u64,
    /// There was no usable answer, so the request would have been denied.
    pub would_fail: u64,
    /// It was not asked, or did not answer, within the budget.
    pub over_budget: u64,
}

/// A request that a module in shadow would have denied. The rest is in its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowSample {
    /// The decision, as it is on record.
    pub decision: Uuid,
    /// When, Unix milliseconds.
    pub at: i64,
    /// Why it would have been denied.
    pub reason: String,
}

/// What is known of one module in shadow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowSeen {
    /// When the first of them was counted, Unix milliseconds; none before any was.
    pub since: Option<i64>,
    /// How often it would have said what.
    pub count: ShadowCount,
    /// What it would have denied last, the newest first: at most [`SHADOW_SAMPLES`].
    pub samples: VecDeque<ShadowSample>,
}

/// The vault, or all vaults, and the attachment's name.
type Key = (Option<VaultId>, String);

/// What was seen of one module under one set of settings: under others it would have said something else.
#[derive(Debug)]
struct Counted {
    module: ModuleDigest,
    /// Their digest.
    settings: [u8; 32],
    seen: ShadowSeen,
}

impl Counted {
    fn is_of(&self, attachment: &PolicyAttachment) -> bool {
        self.module == attachment.module && self.settings == sha256(attachment.settings.as_bytes())
    }
}

/// What this node saw since it started: of the vault, or of all vaults, by attachment. Another module or other settings
/// are counted anew, and so is what was detached and is attached again.
#[derive(Debug, Default)]
pub struct ShadowCounts(Mutex<HashMap<Key, Counted>>);

impl ShadowCounts {
    /// What was seen of an attachment as it is now.
    #[must_use]
    pub fn of(&self, vault: Option<VaultId>, attachment: &PolicyAttachment) -> ShadowSeen {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = counted.get(&(vault, attachment.name.clone())).filter(|counted| counted.is_of(attachment));
        counted.map(|counted| counted.seen.clone()).unwrap_or_default()
    }

    /// Forgets what is not attached any more, so that it does not come back with the name.
    pub(crate) fn keep_attached(&self, vault: Option<VaultId>, policies: &[PolicyAttachment]) {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.retain(|(of, name), one| {
            *of != vault || policies.iter().any(|attachment| attachment.name == *name && one.is_of(attachment))
        });
    }

    fn note(&self, now: i64, attached: &Attached<'_>, what: impl FnOnce(&mut ShadowSeen)) {
        let attachment = attached.attachment;
        let key = (attached.vault, attachment.name.clone());
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.len() >= MAX_COUNTED && !counted.contains_key(&key) {
            counted.clear();
        }
        let anew = || Counted {
            module: attachment.module,
            settings: sha256(attachment.settings.as_bytes()),
            seen: ShadowSeen { since: Some(now), ..ShadowSeen::default() },
        };
        let one = counted.entry(key).or_insert_with(anew);
        if !one.is_of(attachment) {
            *one = anew();
        }
        what(&mut one.seen);
    }
}

impl ShadowSeen {
    fn sample(&mut self, ctx: &RequestContext, reason: &str) {
        self.samples.truncate(SHADOW_SAMPLES - 1);
        self.samples.push_front(ShadowSample { decision: ctx.request_id, at: ctx.now, reason: reason.to_owned() });
    }
}

/// What is left of the time that modules in shadow have for one answer.
pub(super) struct ShadowBudget(Duration);

impl Default for ShadowBudget {
    fn default() -> Self {
        Self(SHADOW_BUDGET)
    }
}

impl ShadowBudget {
    /// None: nobody is asked.
    pub(super) fn spent() -> Self {
        Self(Duration::ZERO)
    }

    /// What comes of some work, if it is done in time.
    pub(super) async fn within<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        if self.0.is_zero() {
            return None;
        }
        let began = Instant::now();
        let done = timeout(self.0, work).await.ok();
        self.0 = self.0.saturating_sub(began.elapsed());
        done
    }
}

impl Gate {
    pub(super) async fn ask_shadows(
        &self,
        ctx: &RequestContext,
        shadows: &[Attached<'_>],
        request: &PolicyRequest,
        budget: &mut ShadowBudget,
        trace: &mut Trace,
    ) {
        if trace.ahead {
            return;
        }
        for attached in shadows {
            let attachment = attached.attachment;
            let asked = async {
                let said = self.policies.judge(&[attachment], request).await;
                said.into_iter().next().unwrap_or_else(|| PolicyFailure::BadAnswer.into())
            };
            let said = budget.within(asked).await;
            let name = format!("{SHADOW_STAGE}{}", attached.shown());
            trace.took(&name, said.as_ref().and_then(|said| said.micros));
            let fared = match &said {
                Some(said) => Fared::of(&said.answer, false),
                None => Some(Fared::OverBudget),
            };
            trace.ran(attached, fared, said.as_ref().and_then(|said| said.micros));
            let answer = said.map(|said| said.answer);
            let stage = |effect, reason: &str| Stage::new(name, effect, reason);
            let module = attachment.module.to_string();
            let (counts, sampled) = (trace.is_of_a_request(), !trace.of_many);
            let note = |what: &dyn Fn(&mut ShadowSeen)| {
                if counts {
                    self.shadows.note(ctx.now, attached, what);
                }
            };
            trace.stages.push(match answer {
                Some(Ok(answer)) => {
                    let effect = match answer.effect {
                        _ if answer.is_unasked() => StageEffect::NotAsked,
                        Effect::Allow => StageEffect::WouldAllow,
                        Effect::Deny => StageEffect::WouldDeny,
                        Effect::Abstain => StageEffect::WouldAbstain,
                    };
                    note(&|seen: &mut ShadowSeen| match effect {
                        StageEffect::WouldDeny => {
                            seen.count.would_deny += 1;
                            if sampled {
                                seen.sample(ctx, &answer.reason_code);
                            }
                        }
                        StageEffect::WouldAbstain => seen.count.would_abstain += 1,
                        StageEffect::WouldAllow => seen.count.would_allow += 1,
                        // What it does not want to see says nothing of it.
                        _ => {}
                    });
                    let detail = format!("{module} {}", answer.sentence).trim_end().to_owned();
                    let stage = stage(effect, &answer.reason_code).with_detail(detail);
                    let (fuel, messages, obligations) = (Some(answer.fuel), answer.messages, answer.obligations);
                    Stage { fuel, relied_on: answer.relied_on, messages, obligations, ..stage }
                }
                Some(Err(failure)) => {
                    note(&|seen: &mut ShadowSeen| {
                        seen.count.would_fail += 1;
                        if sampled {
                            seen.sample(ctx, failure.reason_code());
                        }
                    });
                    stage(StageEffect::WouldDeny, failure.reason_code()).with_detail(module)
                }
                None => {
                    note(&|seen: &mut ShadowSeen| seen.count.over_budget += 1);
                    stage(StageEffect::NotAsked, OVER_BUDGET).with_detail(module)
                }
            });
        }
    }
}
