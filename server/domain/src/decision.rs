//! Decisions: what the gate concluded and how, in a form that can be shown, recorded and judged again.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    action::Action,
    approval::ApprovalRequest,
    names::VaultName,
    policy::{Effect, ModuleDigest, Obligation, PolicyAnswer, PolicyFailure},
};

/// What one stage of the gate said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageEffect {
    /// Nothing against the request.
    Allow,
    /// The request must not go through.
    Deny,
    /// A policy module has no opinion: nothing against the request, and nothing for it.
    Abstain,
    /// A policy module was not asked: it does not want to see such a request, one before it denied, or, in shadow, there
    /// was no time for it.
    NotAsked,
    /// A module in shadow has nothing against the request.
    WouldAllow,
    /// A module in shadow would have denied the request, or given no answer.
    WouldDeny,
    /// A module in shadow has no opinion.
    WouldAbstain,
}

impl StageEffect {
    /// As on the wire and in records, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Abstain => "abstain",
            Self::NotAsked => "not asked",
            Self::WouldAllow => "would allow",
            Self::WouldDeny => "would deny",
            Self::WouldAbstain => "would abstain",
        }
    }
}

/// One stage of a decision's trace, in the order in which they were judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// `vault`, `network`, `identity`, `grants`, `access-policy`, `object`, `policy:<attachment>`, `modules`,
    /// `approvals`, `documents`, `search` (what was looked through), `state` (of the object, behind the gate, of a described request alone), `described` (whom and what a caller asked about) or `shadow:<attachment>`; an attachment to all vaults is `everywhere/<attachment>`.
    pub stage: String,
    /// What it said.
    pub effect: StageEffect,
    /// Machine-readable reason.
    pub reason: String,
    /// A sentence or the evidence (assignment id, module digest), if there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Fuel burnt by a policy module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Attributes that a policy module says its answer rests on. Records of earlier releases have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub relied_on: Vec<String>,
    /// What a policy module wanted done besides, and what therefore was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
    /// What a policy module said for the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
}

impl Stage {
    /// A stage without more to say.
    #[must_use]
    pub fn new(stage: impl Into<String>, effect: StageEffect, reason: impl Into<String>) -> Self {
        let (stage, reason) = (stage.into(), reason.into());
        let (messages, obligations, relied_on) = (Vec::new(), Vec::new(), Vec::new());
        Self { stage, effect, reason, detail: None, fuel: None, relied_on, obligations, messages }
    }

    /// What a policy module said, as it stands in records; a failure stands there as the denial that it is.
    #[must_use]
    pub fn of_module(
        stage: impl Into<String>,
        module: ModuleDigest,
        said: Result<PolicyAnswer, PolicyFailure>,
    ) -> Self {
        let answer = match said {
            Ok(answer) => answer,
            Err(failure) => {
                let failed = Self::new(stage, StageEffect::Deny, failure.reason_code());
                return failed.with_detail(module.to_string());
            }
        };
        let effect = match answer.effect {
            _ if answer.is_unasked() => StageEffect::NotAsked,
            Effect::Allow => StageEffect::Allow,
            Effect::Deny => StageEffect::Deny,
            Effect::Abstain => StageEffect::Abstain,
        };
        let detail = format!("{module} {}", answer.sentence).trim_end().to_owned();
        let (fuel, messages, obligations) = (Some(answer.fuel), answer.messages, answer.obligations);
        let said = Self::new(stage, effect, answer.reason_code).with_detail(detail);
        Self { fuel, relied_on: answer.relied_on, messages, obligations, ..said }
    }

    /// The same, with a sentence or the evidence.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<Option<String>>) -> Self {
        Self { detail: detail.into(), ..self }
    }
}

/// Why a request was denied. Says what a person can act on and nothing that helps to guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DenyReason {
    /// The vault's network rules do not let the client's address, which this is, or listener in.
    Network(IpAddr),
    /// The workload is disabled or gone.
    Identity,
    /// No assignment allows the action here.
    NoRole,
    /// No access policy allows the action here.
    NoAccessPolicy,
    /// No policy module with authority allows the action here.
    NoAuthority,
    /// A policy module said no.
    Policy {
        /// Name of the attachment; empty when the caller is a stranger to the vault, who is told none.
        attachment: String,
        /// The module's reason code.
        code: String,
        /// The module's public sentence.
        sentence: String,
        /// How the caller would have to sign in for another answer, if the module says that this would do.
        step_up: Option<Box<StepUp>>,
        /// Whose approval would do, if the module says that this would.
        approval: Option<Box<ApprovalWanted>>,
    },
    /// A policy module gave no usable answer.
    PolicyFailed {
        /// Name of the attachment.
        attachment: String,
        /// What went wrong.
        failure: PolicyFailure,
    },
    /// This one, of a caller who holds nothing in the vault: who is told what everybody is told of a vault that does
    /// not exist.
    Concealed(Box<DenyReason>),
    /// What was to be judged is not what Strongroom wrote.
    Tampered,
    /// The facts could not be read.
    Unavailable,
}

/// How a caller would have to sign in: by one of each list that is not empty, and so long ago at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepUp {
    /// Authentication context classes.
    pub acr: Vec<String>,
    /// Authentication methods.
    pub amr: Vec<String>,
    /// Seconds.
    pub max_age: Option<u32>,
}

/// What became of a module's wish that other people approve.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalWanted {
    /// Whether who asks is a stranger to the vault. They are told of no request, because which ones there are would tell
    /// them which objects there are.
    pub of_stranger: bool,
    /// The request they can grant; none where there are as many as may be, or it could not be opened.
    pub request: Option<Uuid>,
    /// Until when nobody is asked anew, Unix seconds, because somebody refused.
    pub refused_until: Option<i64>,
    /// Whether one would be opened, had whoever only looks asked for it.
    pub askable: bool,
    /// What is to be written with the record of the denial.
    pub(crate) writes: Option<Box<ApprovalWrite>>,
}

/// A request for approval that is written with the record of a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApprovalWrite {
    pub(crate) request: ApprovalRequest,
    /// Revision of the one it replaces.
    pub(crate) replaces: Option<i64>,
    pub(crate) vault: VaultName,
}

/// For [`crate::context::Answers::otherwise`]: in place of the reason of a denial that another sign-in could
/// lift. No reason code of a module has a colon.
pub const STEP_UP: &str = "policy:step-up";

/// Whether a trace ends in a denial that another sign-in could lift.
pub(crate) fn asks_for_step_up(trace: &[Stage]) -> bool {
    let wants = |obligation: &Obligation| matches!(obligation, Obligation::StepUp { .. });
    // Behind it may stand what modules in shadow would have said.
    let judged = trace.iter().rfind(|stage| matches!(stage.effect, StageEffect::Allow | StageEffect::Deny));
    judged.is_some_and(|last| last.effect == StageEffect::Deny && last.obligations.iter().any(wants))
}

/// For how many seconds an answer may be kept, by the strictest module that let the request through and said so.
/// What those in shadow would have said shortens nothing.
pub(crate) fn lifetime(trace: &[Stage]) -> Option<u32> {
    let passed = |stage: &&Stage| matches!(stage.effect, StageEffect::Allow | StageEffect::Abstain);
    let said = trace.iter().filter(passed).flat_map(|stage| &stage.obligations);
    said.filter_map(|obligation| match obligation {
        Obligation::ShortenLifetime { seconds } => Some(*seconds),
        _ => None,
    })
    .min()
}

/// What everybody is told of a vault that does not exist.
const OF_NO_VAULT: &DenyReason = &DenyReason::NoRole;

impl DenyReason {
    /// The reason that the caller is told. The record has the true one.
    #[must_use]
    pub fn told(&self) -> &Self {
        match self {
            Self::Concealed(_) => OF_NO_VAULT,
            reason => reason,
        }
    }

    /// The reason that the record has.
    pub(crate) fn truly(&self) -> &Self {
        match self {
            Self::Concealed(reason) => reason,
            reason => reason,
        }
    }

    /// Whether the caller can do something about it: sign in more strongly, or have somebody approve.
    pub(crate) fn can_be_met(&self) -> bool {
        matches!(self, Self::Policy { step_up, approval, .. } if step_up.is_some() || approval.is_some())
    }

    /// Whose approval would lift the denial, if anybody's would.
    #[must_use]
    pub fn approval(&self) -> Option<&ApprovalWanted> {
        match self {
            Self::Policy { approval, .. } => approval.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn approval_mut(&mut self) -> Option<&mut ApprovalWanted> {
        match self {
            Self::Policy { approval, .. } => approval.as_deref_mut(),
            _ => None,
        }
    }

    /// The same without the name of the module, for a stranger to the vault who can do something about it.
    pub(crate) fn without_name(self) -> Self {
        match self {
            Self::Policy { code, sentence, step_up, approval, .. } => {
                Self::Policy { attachment: String::new(), code, sentence, step_up, approval }
            }
            reason => reason,
        }
    }

    /// Machine-readable reason, for the record. [`DenyReason::told`] has one for the caller.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Network(_) => "network-not-allowed",
            Self::Identity => "identity-disabled",
            Self::NoRole => "no-role",
            Self::NoAccessPolicy => "no-access-policy",
            Self::NoAuthority => "no-authority",
            Self::Policy { code, .. } => code,
            Self::PolicyFailed { failure, .. } => failure.reason_code(),
            Self::Concealed(reason) => reason.code(),
            Self::Tampered => "tampered",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A denial as the caller may see it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is denied: {}", action.operation(), reason.told().code())]
pub struct Denial {
    /// Decision id.
    pub request_id: Uuid,
    /// What was asked.
    pub action: Action,
    /// Why not.
    pub reason: DenyReason,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record is verified as it was written: what earlier releases did not write must not come into it.
    #[test]
    fn what_a_module_relied_on_is_on_record_and_an_earlier_record_stays_as_it_is() {
        let answer = PolicyAnswer {
            effect: Effect::Deny,
            reason_code: "no".to_owned(),
            sentence: "No.".to_owned(),
            relied_on: vec!["object.tags.owner".to_owned(), "time".to_owned()],
            messages: Vec::new(),
            obligations: Vec::new(),
            fuel: 7,
        };
        let stage = Stage::of_module("policy:rule", ModuleDigest([1; 32]), Ok(answer));
        let text = serde_json::to_string(&stage).unwrap();
        assert!(text.contains(r#""relied_on":["object.tags.owner","time"]"#), "{text}");
        assert_eq!(serde_json::from_str::<Stage>(&text).unwrap(), stage);
        let earlier = r#"{"stage":"policy:rule","effect":"deny","reason":"no","detail":"01 No.","fuel":7}"#;
        let read: Stage = serde_json::from_str(earlier).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), earlier);
    }
}
