//! Policy modules that owners upload, and the modules that are attached to every vault.
//!
//! A module is its bytes, known by their digest; what is kept beside them is authenticated. Nothing here
//! runs a module: see the port [`crate::policy::PolicyEngine`].

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    policy::{AttachmentState, ModuleDigest, PolicyAttachment, PolicyNeeds},
    principal::PrincipalId,
    vault::{SettingsError, check_attachments},
};

/// Largest module, in bytes.
pub const MAX_MODULE_BYTES: usize = 4 * 1024 * 1024;
/// Most uploaded modules of an installation.
pub const MAX_MODULES: usize = 200;
/// Most bytes of all uploaded modules together.
pub const MAX_ALL_MODULES_BYTES: u64 = 256 * 1024 * 1024;

/// What is known of a module that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyModule {
    /// SHA-256 of its bytes, by which everything refers to it.
    pub digest: ModuleDigest,
    /// How long it is, in bytes.
    pub size: u64,
    /// Name, as it says itself.
    pub name: String,
    /// Version, as it says itself.
    pub version: String,
    /// One sentence, as it says itself.
    pub summary: String,
    /// Who uploaded it.
    pub uploaded_by: PrincipalId,
    /// When, Unix milliseconds; also the revision of the row.
    pub uploaded_at: i64,
    /// Ed25519 signature of the bytes, base64url, as it came with them. Whether it has to be there and by whom
    /// it has to be, a server judges by its own configuration whenever it loads the module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl PolicyModule {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// Whether there is room for one more module of this size.
#[must_use]
pub fn has_room<'a>(size: u64, others: impl IntoIterator<Item = &'a PolicyModule>) -> bool {
    let (mut count, mut bytes) = (0_usize, size);
    for other in others {
        count = count.saturating_add(1);
        bytes = bytes.saturating_add(other.size);
    }
    count < MAX_MODULES && bytes <= MAX_ALL_MODULES_BYTES
}

/// What a module says about itself, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFacts {
    /// SHA-256 of its bytes.
    pub digest: ModuleDigest,
    /// Version of the contract that it exports; empty where it was not looked at.
    pub contract: String,
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// JSON Schema of its settings.
    pub settings_schema: String,
    /// Which actions it wants to see.
    pub actions: Vec<String>,
    /// Which objects it wants to see, as patterns over `KIND/NAME`.
    pub objects: Vec<String>,
    /// When it is asked, and which facts it is given.
    pub needs: PolicyNeeds,
}

/// What one run of a module may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModuleLimits {
    /// Fuel, about one per WebAssembly instruction.
    pub fuel: u64,
    /// Linear memory, in bytes.
    pub memory_bytes: u64,
    /// Stack, in bytes.
    pub stack_bytes: u64,
    /// How long it runs at most by the clock, whatever fuel it has left.
    pub backstop: Duration,
    /// Messages for the log that one answer may hold; further ones are dropped.
    pub messages: u64,
    /// Obligations of one answer; more deny.
    pub obligations: u64,
}

/// Why a module is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// No module has this digest.
    #[error("there is no such module")]
    Missing,
    /// What is wrong with it, for who wrote it.
    #[error("{0}")]
    Refused(String),
    /// It lacks a signature that is demanded, or has one that does not hold.
    #[error("it is not signed by a key that this server's configuration lists")]
    NotSigned,
    /// It cannot be looked at now.
    #[error("the policy host is not available: {0}")]
    Unavailable(String),
}

/// Knows modules: compiles them, in a process of its own, and says what they say about themselves.
#[async_trait]
pub trait ModuleLibrary: Send + Sync {
    /// Takes in a module that is being uploaded, with its signature if it has one.
    ///
    /// # Errors
    /// [`LibraryError`].
    async fn admit(&self, bytes: Arc<[u8]>, signature: Option<&[u8]>) -> Result<ModuleFacts, LibraryError>;

    /// What a module says about itself, wherever it comes from.
    ///
    /// # Errors
    /// [`LibraryError`].
    async fn facts(&self, module: &ModuleDigest) -> Result<ModuleFacts, LibraryError>;

    /// Whether keys are listed, one of which has to have signed what is taken in.
    fn judges_signatures(&self) -> bool;

    /// What one run of a module may take.
    fn limits(&self) -> ModuleLimits;

    /// Forgets a module that was removed.
    async fn forget(&self, module: &ModuleDigest);

    /// The modules that ship with the product, with their lengths in bytes.
    fn shipped(&self) -> Vec<(ModuleDigest, u64)>;
}

/// Modules that are asked about requests in every vault, and about making one, before the vault's own.
/// They can only narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallationPolicies {
    /// In order.
    pub policies: Vec<PolicyAttachment>,
    /// Counts changes; 0 before the first one.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl InstallationPolicies {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Checks the limits.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn check(&self) -> Result<(), SettingsError> {
        check_attachments(&self.policies)?;
        if self.policies.iter().any(|attachment| attachment.authority) {
            return Err(SettingsError("a module grants in the vault that it is attached to, never in all of them"));
        }
        Ok(())
    }
}

/// Attachments with every module off: what undoes policies that lock everybody out.
#[must_use]
pub fn all_off(policies: &[PolicyAttachment]) -> Vec<PolicyAttachment> {
    policies.iter().map(|attachment| PolicyAttachment { state: AttachmentState::Off, ..attachment.clone() }).collect()
}
