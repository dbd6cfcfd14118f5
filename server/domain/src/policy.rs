//! The port through which the gate asks policy modules, and what crosses it.
//!
//! A policy module sees who asks, from where, for what, and when. It must never see a secret
//! value, so no type here can carry one. Whatever goes wrong behind the port is a
//! [`PolicyFailure`], and the gate turns every failure into a denial.

mod answer;
mod count;
mod request;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

pub use answer::{AlertSeverity, Effect, Obligation, PolicyAnswer, Said};
pub use count::{CountFact, LONGEST_COUNT, MOST_COUNTED, RecentRequests};
pub use request::{
    FactValue, ObjectState, PolicyApproval, PolicyCertificate, PolicyCertificateRequest, PolicyConnection,
    PolicyKeyOperation, PolicyObject, PolicyPrincipal, PolicyRequest, PolicyTls, RECORDED_FOR_1_0,
};

use crate::{time::micros, vault::SettingsError};

/// Why nothing is detached or rolled back.
const NOT_ATTACHED: &str = "no policy module is attached under this name; one that records and denials call everywhere/NAME is attached to all vaults (strongroom policy detach NAME --all-vaults)";

/// SHA-256 of a module's bytes. Attachments pin modules by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleDigest(pub [u8; 32]);

impl std::fmt::Display for ModuleDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl std::str::FromStr for ModuleDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| NotADigest)?;
        <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| NotADigest)
    }
}

/// A text is not a module's digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a module digest is 32 bytes, in hexadecimal")]
pub struct NotADigest;

impl std::fmt::Debug for ModuleDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ModuleDigest({self})")
    }
}

impl Serialize for ModuleDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ModuleDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| serde::de::Error::custom("a module digest is 32 bytes"))
    }
}

/// Whether an attached module is asked at all, and whether its answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttachmentState {
    /// The module is not asked.
    Off,
    /// The module is asked after the decision is made; what it would have said is counted and on record.
    Shadow,
    /// A denial by the module denies the request.
    Enforce,
}

/// One module attached to a vault. A guard can only narrow what grants allow; in the access mode
/// `modules` one with authority grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyAttachment {
    /// Name shown to people; unique within the vault.
    pub name: String,
    /// The exact module, by the hash of its bytes.
    pub module: ModuleDigest,
    /// Settings as a JSON document, at most [`MAX_SETTINGS_BYTES`] long.
    pub settings: String,
    /// Asked or not.
    pub state: AttachmentState,
    /// Whether its `allow` grants in the access mode `modules`. Elsewhere it is a guard like any other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authority: bool,
    /// What was attached under this name before, for a rollback. Kept by the server: what a caller says here
    /// does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<AttachedBefore>,
}

/// A module that another version, or another setting, was put in the place of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedBefore {
    /// The module.
    pub module: ModuleDigest,
    /// Its settings.
    pub settings: String,
    /// Whether it was asked.
    pub state: AttachmentState,
    /// Whether its `allow` granted; not of one that was remembered before this was.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub authority: bool,
}

impl PolicyAttachment {
    /// The attachments as they follow on others: each remembers what stood in its place.
    #[must_use]
    pub fn following(mut new: Vec<Self>, before: &[Self]) -> Vec<Self> {
        for attachment in &mut new {
            let old = before.iter().find(|old| old.name == attachment.name);
            attachment.previous = old.and_then(|old| {
                if (old.module, &old.settings, old.authority)
                    == (attachment.module, &attachment.settings, attachment.authority)
                {
                    old.previous.clone()
                } else {
                    Some(old.version())
                }
            });
        }
        new
    }

    /// The attachments with the one of this name as it was before: module, settings, state, and whether it granted.
    /// A guard that comes back is no authority because what stood in its place was one.
    ///
    /// # Errors
    /// [`SettingsError`] when there is none, or nothing stood in its place.
    pub fn rolled_back(attachments: &[Self], name: &str) -> Result<Vec<Self>, SettingsError> {
        let mut attachments = attachments.to_vec();
        let attachment = attachments.iter_mut().find(|attachment| attachment.name == name);
        let attachment = attachment.ok_or(SettingsError(NOT_ATTACHED))?;
        let now = attachment.version();
        let before = attachment.previous.replace(now);
        let before =
            before.ok_or(SettingsError(
            "no other module and no other settings were attached under this name before, so there is no way back; its state is changed by enforce and shadow",
        ))?;
        let AttachedBefore { module, settings, state, authority } = before;
        (attachment.module, attachment.settings) = (module, settings);
        (attachment.state, attachment.authority) = (state, authority);
        Ok(attachments)
    }

    /// These attachments without the one of this name.
    ///
    /// # Errors
    /// [`SettingsError`] when there is none.
    pub fn without(attachments: &[Self], name: &str) -> Result<Vec<Self>, SettingsError> {
        let rest: Vec<_> = attachments.iter().filter(|attachment| attachment.name != name).cloned().collect();
        if rest.len() == attachments.len() {
            return Err(SettingsError(NOT_ATTACHED));
        }
        Ok(rest)
    }

    fn version(&self) -> AttachedBefore {
        AttachedBefore {
            module: self.module,
            settings: self.settings.clone(),
            state: self.state,
            authority: self.authority,
        }
    }
}

/// Longest settings document of an attachment, in bytes.
pub const MAX_SETTINGS_BYTES: usize = 16 * 1024;

/// Why a module gave no usable answer. Each one denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyFailure {
    /// No module with the pinned digest is loaded.
    #[error("the attached module is not available")]
    Missing,
    /// The module trapped.
    #[error("the module trapped")]
    Trap,
    /// The module ran out of fuel: too long, deterministically.
    #[error("the module ran out of fuel")]
    OutOfFuel,
    /// The wall-clock backstop killed it. Not replayable.
    #[error("the module was stopped by the clock")]
    TimedOut,
    /// It asked for more memory, tables or stack than it may have.
    #[error("the module went over its memory limit")]
    MemoryLimit,
    /// It answered outside the contract (counts, sizes, codes).
    #[error("the module's answer breaks the contract")]
    BadAnswer,
    /// It refuses its settings.
    #[error("the module refuses its settings")]
    BadSettings,
    /// It wants a fact that could not be gathered.
    #[error("a fact that the module wants could not be gathered")]
    FactUnavailable,
    /// The host itself could not evaluate (pool exhausted, engine gone).
    #[error("the policy host is not available")]
    Unavailable,
    /// It was not found, compiled and loaded in the time that a request waits for that. Not replayable.
    #[error("the attached module was not ready in time")]
    NotReady,
}

/// Why an attachment is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{failure}{}{}", if .sentence.is_some() { ": " } else { "" }, .sentence.as_deref().unwrap_or_default())]
pub struct Unfit {
    /// What went wrong.
    pub failure: PolicyFailure,
    /// The module's own sentence against its settings, short and without control characters. It may repeat
    /// them, so it is for whoever gave them, and for no log.
    pub sentence: Option<String>,
}

impl From<PolicyFailure> for Unfit {
    fn from(failure: PolicyFailure) -> Self {
        Self { failure, sentence: None }
    }
}

impl PolicyFailure {
    /// Whether another moment or another machine may bring another answer, so that nothing follows from this one.
    #[must_use]
    pub fn is_of_the_moment(self) -> bool {
        matches!(self, Self::TimedOut | Self::NotReady | Self::Unavailable)
    }

    /// Machine-readable reason used in decisions and audit records.
    #[must_use]
    pub fn reason_code(self) -> &'static str {
        match self {
            Self::Missing => "policy-missing",
            Self::Trap => "policy-trap",
            Self::OutOfFuel => "policy-out-of-fuel",
            Self::TimedOut => "policy-timed-out",
            Self::MemoryLimit => "policy-memory-limit",
            Self::BadAnswer => "policy-bad-answer",
            Self::BadSettings => "policy-bad-settings",
            Self::FactUnavailable => "policy-fact-unavailable",
            Self::Unavailable => "policy-unavailable",
            Self::NotReady => "policy-not-ready",
        }
    }
}

/// When a module is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyStage {
    /// With the network rules: it judges the connection alone.
    Network,
    /// Last, when everything else has let the request through.
    #[default]
    Request,
}

/// What the gate has to know of a module before it can ask it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyNeeds {
    /// When it is asked.
    pub stage: PolicyStage,
    /// Names of the facts that it wants to see, as `policy.wit` lists them.
    pub facts: Vec<String>,
}

/// Evaluates attached modules. Implementations are pure functions of their arguments.
#[async_trait]
pub trait PolicyEngine: Send + Sync {
    /// What the module with this digest needs; none when it cannot be had. Finding and loading it may take long: who
    /// asks says for how long it is waited for, and who stops waiting does not end it.
    async fn needs(&self, module: &ModuleDigest) -> Option<Arc<PolicyNeeds>>;

    /// Whether a module that is ready wants to see an action at all; one that cannot say so may.
    fn wants(&self, _module: &ModuleDigest, _action: &str) -> bool {
        true
    }

    /// Asks one attached module about a batch of requests; answers are in the same order and number.
    ///
    /// # Errors
    /// Any [`PolicyFailure`]; the caller must deny.
    async fn decide(
        &self,
        attachment: &PolicyAttachment,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure>;

    /// Asks several attached modules about one request, in order, up to and including the first one that
    /// denies or gives no usable answer. There is one answer for each module that was asked.
    async fn judge(&self, attachments: &[&PolicyAttachment], request: &PolicyRequest) -> Vec<Said> {
        let mut judged = Vec::with_capacity(attachments.len());
        for attachment in attachments {
            let began = Instant::now();
            let answer = self
                .decide(attachment, std::slice::from_ref(request))
                .await
                .and_then(|answers| answers.into_iter().next().ok_or(PolicyFailure::BadAnswer));
            let last = answer.as_ref().map_or(true, |answer| answer.effect == Effect::Deny);
            judged.push(Said { answer, micros: Some(micros(began.elapsed())) });
            if last {
                break;
            }
        }
        judged
    }

    /// Whether a module with this digest can be had and accepts these settings.
    ///
    /// # Errors
    /// [`Unfit`]: [`PolicyFailure::Missing`], [`PolicyFailure::BadSettings`], or what evaluating ran into.
    async fn check(&self, attachment: &PolicyAttachment) -> Result<(), Unfit>;

    /// Whether a module that can be had would not be asked about a request, because it does not want to see such ones.
    fn passes_over(&self, _module: &ModuleDigest, _request: &PolicyRequest) -> bool {
        false
    }
}
