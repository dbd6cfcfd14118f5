//! The port through which the gate asks policy modules, and what crosses it.
//!
//! A policy module sees who asks, from where, for what, and when. It must never see a secret
//! value, so no type here can carry one. Whatever goes wrong behind the port is a
//! [`PolicyFailure`], and the gate turns every failure into a denial.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// SHA-256 of a module's bytes. Attachments pin modules by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleDigest(pub [u8; 32]);

impl std::fmt::Display for ModuleDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

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
}

/// Longest settings document of an attachment, in bytes.
pub const MAX_SETTINGS_BYTES: usize = 16 * 1024;

/// Who asks, as a module sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPrincipal {
    /// Issuer of the token or sign-in.
    pub issuer: String,
    /// Subject within the issuer.
    pub subject: String,
    /// `user` or `workload`.
    pub kind: String,
    /// Groups, as the issuer's configured mapping gives them.
    pub groups: Vec<String>,
    /// Selected claims as text (`acr`, `amr`, ...).
    pub claims: BTreeMap<String, String>,
}

/// From where the request came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyConnection {
    /// Client address without port.
    pub client_address: String,
    /// Name of the listener that took the connection.
    pub listener: String,
}

/// What is asked for. Metadata only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyObject {
    /// Vault name, canonical.
    pub vault: String,
    /// `secret`, `key`, `certificate` or `vault`.
    pub kind: String,
    /// Object name, canonical; empty for operations on the whole collection.
    pub name: String,
    /// Version when one was named.
    pub version: Option<String>,
    /// Tags: on a write the ones asked for, otherwise the stored ones.
    pub tags: BTreeMap<String, String>,
    /// Enabled: on a write as asked for, otherwise as stored.
    pub enabled: Option<bool>,
    /// Not before, Unix seconds.
    pub not_before: Option<i64>,
    /// Expires, Unix seconds.
    pub expires: Option<i64>,
}

/// One request as a module judges it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRequest {
    /// Who.
    pub principal: PolicyPrincipal,
    /// From where.
    pub connection: PolicyConnection,
    /// Azure data action, for example `Microsoft.KeyVault/vaults/secrets/getSecret/action`.
    pub action: String,
    /// What.
    pub object: PolicyObject,
    /// When, Unix seconds. Modules have no clock of their own.
    pub time: i64,
}

/// What a module says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing against it.
    Allow,
    /// The request must not go through.
    Deny,
    /// The module has no opinion on such requests.
    Abstain,
}

/// A module's answer to one request. Texts are capped by the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyAnswer {
    /// The verdict.
    pub effect: Effect,
    /// Machine-readable reason, `[a-z0-9-]{1,64}`.
    pub reason_code: String,
    /// One sentence for a person, at most 256 characters.
    pub sentence: String,
    /// Attributes the answer rests on, for example `object.tags.owner`.
    pub relied_on: Vec<String>,
    /// Lines for the log, at most 8 of 256 characters.
    pub messages: Vec<String>,
    /// Fuel the decision burnt (the whole batch's).
    pub fuel: u64,
}

/// Why a module gave no usable answer. Each one denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
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
    /// The host itself could not evaluate (pool exhausted, engine gone).
    #[error("the policy host is not available")]
    Unavailable,
}

impl PolicyFailure {
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
            Self::Unavailable => "policy-unavailable",
        }
    }
}

/// Evaluates attached modules. Implementations are pure functions of their arguments.
#[async_trait]
pub trait PolicyEngine: Send + Sync {
    /// Asks one attached module about a batch of requests; answers are in the same order and number.
    ///
    /// # Errors
    /// Any [`PolicyFailure`]; the caller must deny.
    async fn decide(
        &self,
        attachment: &PolicyAttachment,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure>;

    /// Whether a module with this digest is loaded and accepts these settings.
    ///
    /// # Errors
    /// [`PolicyFailure::Missing`], [`PolicyFailure::BadSettings`], or what evaluating ran into.
    async fn check(&self, attachment: &PolicyAttachment) -> Result<(), PolicyFailure>;
}
