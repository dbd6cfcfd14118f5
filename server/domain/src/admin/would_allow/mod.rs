//! What would let a denied request through: each single change of a rule, tried by the gate itself on rules as they
//! would be, that the caller could make now.
//!
//! Nothing is written. A change is shown because the gate, judging with it, lets the request through, and because the
//! gate and the rules of management would let the caller make it; of the others no more is told than what the caller
//! lacks. How many recorded decisions a change would alter besides is counted from the records alone.

mod candidates;
mod grants;
mod recorded;
mod settings;
mod trials;

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use candidates::Candidate;
pub use candidates::{SingleChange, Which};
use recorded::GROUPS;
pub use recorded::{Altered, ChangedAlike, Counted, MAX_REPLAYED};
pub(super) use recorded::{REPLAY_GROUPS, WhatChanges};

use super::{AdminError, Administration, Described, foresee::request_of};
use crate::{
    action::Action,
    context::RequestContext,
    decision::{Denial, DenyReason},
    gate::{Ask, Foreseen, Judgement, Supposition},
    names::VaultName,
    ports::StoreError,
    record::{HowItWent, IdPrefix, Outcome, Record, RecordFilter},
    role::Role,
    vault::Vault,
};

/// Most changes that are tried, those of settings apart.
const MAX_TRIED: usize = 32;
/// Most changes of the settings of one attachment that are told, the narrowest that let the request through.
const MAX_SETTINGS: usize = 6;
/// Most of them that take the rule away for others too.
const MAX_LIFTING: usize = 1;
/// How long is tried and counted in all; what is not reached by then is not told, and that it was cut is.
const PATIENCE: Duration = Duration::from_secs(8);

/// Which request is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// One that is described.
    Described(Box<Described>),
    /// That of a recorded denial: as it is on record, by the rules and the objects as they are now.
    Decision(Uuid),
}

/// A change that the caller may make, and that would let the request through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Possible {
    /// The change.
    pub change: SingleChange,
    /// What it would make of recorded decisions.
    pub recorded: Counted,
    /// Whether it takes the rule away for others too, who are nothing like the request: a guard that is set aside, or
    /// settings after which it judges them no more.
    pub lifts_rule: bool,
}

/// A change that would let the request through, and that is not the caller's to make.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NotYours {
    /// Of what sort: see [`SingleChange::sort`].
    pub sort: &'static str,
    /// Why not, machine-readable.
    pub why: String,
    /// The built-in role with which it would be, if one would do.
    pub role: Option<&'static str>,
}

/// What would let a request through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WouldAllow {
    /// By whoever asked.
    pub changes: Vec<Possible>,
    /// By somebody else.
    pub not_yours: Vec<NotYours>,
    /// Of which sorts the changes were that were tried, in that order: see [`SingleChange::sort`].
    pub tried: Vec<&'static str>,
    /// Whether other people's approval would lift the denial, as the module that denied says.
    pub by_approval: bool,
    /// The request for approval that they could grant, where one is open.
    pub approval: Option<Uuid>,
    /// How many decisions were asked again for each change, of the newest records of the vault; the fewest, where time
    /// was up.
    pub replayed: usize,
    /// Whether time was up before all was tried and counted.
    pub cut: bool,
}

/// A request and its answer as things are, with what would change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The request.
    pub described: Described,
    /// What the gate says of it now.
    pub foreseen: Foreseen,
    /// Of a denial: what would let it through.
    pub would_allow: WouldAllow,
}

/// A candidate with the rules as they would be.
struct Trial {
    change: SingleChange,
    /// None for a change of the object alone, which is asked as if it were so.
    rule: Option<Supposition>,
    /// Why the caller may not make it.
    may: Result<(), AdminError>,
    /// See [`Possible::lifts_rule`].
    lifts_rule: bool,
}

impl Administration {
    /// What the gate says of a request that nobody makes, and what single change would let it through. For whom
    /// [`Administration::foresee`] is, and on record in the same way.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn explain(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        about: &About,
        last: usize,
    ) -> Result<Explained, AdminError> {
        let case = self.admit_foreseeing(ctx, vault).await?;
        // It looks through the records, and tries much.
        let Some(_place) = self.looks.enter(&ctx.principal.id).await else {
            return Err(self.refuse(ctx, case, AdminError::Busy).await);
        };
        let described = match about {
            About::Described(described) => Ok((**described).clone()),
            About::Decision(id) => self.described_by(ctx, vault, *id).await,
        };
        let (case, described) = self.asked_about(ctx, case, described).await?;
        let found = self.explained(ctx, vault, described, last).await;
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    async fn explained(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        described: Described,
        last: usize,
    ) -> Result<Explained, AdminError> {
        let theirs = described.request(ctx);
        let mut foreseen = self.gate.foresee(&theirs, &described.ask(vault)).await;
        foreseen.state = self.state_stage(ctx, vault, &described, &foreseen).await;
        let mut would_allow = WouldAllow::default();
        if foreseen.denied.is_some() {
            let until = Instant::now() + PATIENCE;
            let (trials, cut) =
                self.trials(ctx, &theirs, vault, &described, (&foreseen, &mut would_allow.tried), until).await?;
            would_allow.cut = cut;
            let wanted = foreseen.denied.as_ref().and_then(|reason| reason.truly().approval());
            would_allow.by_approval = wanted.is_some();
            // What would be opened first is not there, and of what was refused nobody is asked for a while.
            let open = wanted.filter(|wanted| wanted.writes.is_none() && wanted.refused_until.is_none());
            would_allow.approval = open.and_then(|wanted| wanted.request);
            let records = if trials.iter().any(|trial| trial.may.is_ok()) {
                self.newest_decisions(ctx, Some(vault), last).await?
            } else {
                Vec::new()
            };
            let mut fewest = None;
            for Trial { change, rule, may, lifts_rule } in trials {
                match may {
                    Ok(()) => {
                        let recorded = self
                            .replayed(
                                ctx,
                                &records,
                                WhatChanges { change: Some(&change), rule: rule.as_ref(), groups: GROUPS },
                                until,
                            )
                            .await;
                        would_allow.cut |= recorded.cut;
                        let asked = usize::try_from(recorded.asked).unwrap_or(usize::MAX);
                        // Where time was up, the fewest that a change was held against.
                        fewest = Some(fewest.map_or(asked, |fewest: usize| fewest.min(asked)));
                        would_allow.changes.push(Possible { change, recorded, lifts_rule });
                    }
                    Err(why) => would_allow.not_yours.push(not_yours(&change, &why)),
                }
            }
            would_allow.replayed = fewest.unwrap_or(0);
            // What concerns others the most stands last.
            would_allow.changes.sort_by_key(|possible| possible.lifts_rule);
            would_allow.not_yours.sort();
            would_allow.not_yours.dedup();
        }
        Ok(Explained { described, foreseen, would_allow })
    }

    /// The changes that would let the request through, each judged by the gate with it in place.
    async fn trials(
        &self,
        ctx: &RequestContext,
        theirs: &RequestContext,
        name: &VaultName,
        described: &Described,
        (foreseen, tried): (&Foreseen, &mut Vec<&'static str>),
        until: Instant,
    ) -> Result<(Vec<Trial>, bool), AdminError> {
        let Some(vault) = self.vaults.vault(name).await? else { return Err(AdminError::VaultNotFound) };
        self.keyring.verify_vault(&vault)?;
        let mut found = Vec::new();
        let candidates = self.candidates(&vault, theirs, described, foreseen).await?;
        for (number, candidate) in candidates.into_iter().enumerate() {
            if number >= MAX_TRIED || Instant::now() >= until {
                return Ok((found, true));
            }
            if !tried.contains(&candidate.sort()) {
                tried.push(candidate.sort());
            }
            match candidate {
                Candidate::OtherSettings(attachment, which) => {
                    let offered = self.other_settings(&attachment, which, foreseen).await;
                    let (mut told, mut lifting) = (0, 0);
                    for change in offered {
                        if told >= MAX_SETTINGS || Instant::now() >= until {
                            break;
                        }
                        let Some(mut trial) = self.settled(ctx, theirs, &vault, described, change).await? else {
                            continue;
                        };
                        trial.lifts_rule = self.lifts_rule(&attachment, &trial.change, foreseen).await;
                        if trial.lifts_rule {
                            lifting += 1;
                        } else {
                            told += 1;
                        }
                        if !trial.lifts_rule || lifting <= MAX_LIFTING {
                            found.push(trial);
                        }
                    }
                }
                candidate => found.extend(self.settled(ctx, theirs, &vault, described, candidate).await?),
            }
        }
        Ok((found, false))
    }

    /// Whether the gate lets the request through with this rule in place.
    async fn lets_through(&self, theirs: &RequestContext, ask: &Ask<'_>, rule: Supposition) -> bool {
        self.gate.supposing(rule).foresee(theirs, ask).await.denied.is_none()
    }

    /// Whether the gate lets the caller do something of management.
    async fn may_manage(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Result<(), AdminError> {
        match self.gate.foresee(ctx, ask).await.denied {
            None => Ok(()),
            Some(reason) => Err(AdminError::Denied(Denial { request_id: ctx.request_id, action: ask.action, reason })),
        }
    }

    /// The request of a recorded denial on this vault.
    async fn described_by(&self, ctx: &RequestContext, vault: &VaultName, id: Uuid) -> Result<Described, AdminError> {
        let record = self.recorded_request(ctx, vault, id).await?;
        if record.outcome != Outcome::Denied {
            return Err(AdminError::Invalid("what would allow a request is asked of one that was denied"));
        }
        request_of(&record)
    }

    /// A record of this vault.
    pub(super) async fn recorded_request(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        id: Uuid,
    ) -> Result<Record, AdminError> {
        let filter = RecordFilter { id: Some(IdPrefix::from(id)), limit: 1, ..RecordFilter::default() };
        let found = self.records(ctx, filter).await?.into_iter().next();
        found.filter(|record| record.vault.as_deref() == Some(vault.as_str())).ok_or(AdminError::RecordNotFound)
    }

    /// Records for this use case, which tells of them what it counts.
    async fn records(&self, ctx: &RequestContext, filter: RecordFilter) -> Result<Vec<Record>, AdminError> {
        let Judgement::Permitted(case) = self.gate.judge(ctx, &Ask::server(Action::AuditRead)).await else {
            return Err(AdminError::Unavailable);
        };
        let held = self.audit.query(case.permit, filter).await;
        // What comes of them is held by the permit of the caller's question until that is on record.
        held.inspect(|found| match found {
            Ok(page) => Ok(page.items.clone()),
            Err(StoreError::TooLong) => Err(AdminError::TooMuchToLookThrough),
            Err(StoreError::Damaged(_)) => Err(AdminError::Tampered),
            Err(StoreError::Unavailable(_) | StoreError::Stale) => Err(AdminError::Unavailable),
        })
    }
}

/// What of a change that is not the caller's they may know.
fn not_yours(change: &SingleChange, why: &AdminError) -> NotYours {
    let role = match why {
        AdminError::Denied(Denial { action, reason: DenyReason::NoRole, .. }) => {
            Role::least_for(*action).map(Role::name)
        }
        AdminError::LiftsOwnRestriction(_) if change.is_of_modules() => Some(Role::Owner.name()),
        AdminError::GrantsMoreThanHeld(_) | AdminError::PermitsMoreThanHeld => change.role_to_hold(),
        _ => None,
    };
    NotYours { sort: change.sort(), why: why.how().1.to_owned(), role }
}

/// A vault with other settings: what is supposed of it.
pub(super) fn supposed_vault(
    keyring: &crate::keyring::Keyring,
    vault: &Vault,
    settings: crate::vault::VaultSettings,
) -> Result<Supposition, AdminError> {
    // Of the same revision: the log has to bear it out.
    let mut other = Vault { settings, ..vault.clone() };
    other.tag = keyring.tag_vault(&other)?;
    Ok(Supposition::Vault(std::sync::Arc::new(other)))
}
