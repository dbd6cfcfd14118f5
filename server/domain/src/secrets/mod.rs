//! The use cases of secrets. Each conducts one operation: gate, store, keyring, record.
//!
//! Nothing here may answer without a permit spent and a record written, and no error may tell more
//! than the caller could find out anyway.

mod copy;
mod read;
mod write;

use std::sync::Arc;

use strongroom_crypto::Entropy;

use crate::{
    context::RequestContext,
    decision::Denial,
    gate::{Ask, Case, Gate, Judgement},
    keyring::{Keyring, KeyringError, VaultKeys},
    names::{ObjectName, ObjectVersion},
    ports::{SecretStore, StoreError},
    record::{HowItWent, NoRecord, Outcome, Recorder},
    secret::{AttributeError, Page, SecretItem, VaultFacts},
    vault::Vault,
};

/// How often a request is judged anew because its object changed meanwhile.
const ATTEMPTS: usize = 4;
/// Most lines of a page (Azure: 25).
pub const MAX_PAGE: usize = 25;

/// Why an operation on secrets did not happen.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The gate said no.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// There is no such vault. Told only to those who may see all vaults.
    #[error("there is no such vault")]
    VaultNotFound,
    /// There is no such active secret, or no such version of it.
    #[error("a secret with (name/id) {} was not found in this key vault", id(.0, .1.as_ref()))]
    NotFound(ObjectName, Option<ObjectVersion>),
    /// There is no such soft-deleted secret.
    #[error("deleted secret not found: {0}")]
    DeletedNotFound(ObjectName),
    /// The name is soft deleted and cannot be used again before it is purged.
    #[error("the secret {0} is deleted but recoverable")]
    DeletedButRecoverable(ObjectName),
    /// The version is disabled.
    #[error("the secret is disabled")]
    Disabled,
    /// Nothing in this vault can be purged before its time.
    #[error("the vault is protected against purging")]
    PurgeProtected,
    /// An active secret has the name already.
    #[error("a secret {0} exists in this key vault already")]
    Exists(ObjectName),
    /// The blob is not a backup of this vault, or was changed.
    #[error("the backup is malformed, was changed, or is of another vault or installation")]
    BadBackup,
    /// More versions than a backup holds.
    #[error("the secret has more than 500 versions, or its versions are too long together, to be backed up")]
    TooMuchToBackUp,
    /// Attributes outside the documented limits.
    #[error(transparent)]
    Invalid(#[from] AttributeError),
    /// The object keeps changing under the request.
    #[error("the secret is being changed by others")]
    Contended,
    /// A stored row is not what Strongroom wrote, or stands where it was not written.
    #[error("stored data fails its authentication")]
    Tampered,
    /// The store or a source of randomness is not available.
    #[error("the store is unavailable")]
    Unavailable,
    /// The audit record could not be made durable.
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
}

fn id(name: &ObjectName, version: Option<&ObjectVersion>) -> String {
    version.map_or_else(|| name.to_string(), |version| format!("{name}/{version}"))
}

impl HowItWent for SecretError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Denied(denial) => return denial.how(),
            Self::VaultNotFound => "vault-not-found",
            Self::NotFound(..) => "not-found",
            Self::DeletedNotFound(_) => "deleted-not-found",
            Self::DeletedButRecoverable(_) => "deleted-but-recoverable",
            Self::Disabled => "disabled",
            Self::PurgeProtected => "purge-protected",
            Self::Exists(_) => "exists",
            Self::BadBackup => "bad-backup",
            Self::TooMuchToBackUp => "too-much-to-back-up",
            Self::Invalid(_) => "invalid",
            Self::Contended => "contended",
            Self::Tampered => "tampered",
            Self::Unavailable => "unavailable",
            Self::NoRecord(_) => "no-record",
        };
        (Outcome::Failed, reason)
    }
}

impl From<KeyringError> for SecretError {
    fn from(error: KeyringError) -> Self {
        tracing::error!(%error, "the keyring refused");
        match error {
            KeyringError::Tampered => Self::Tampered,
            KeyringError::Seal(_) | KeyringError::Entropy(_) | KeyringError::Canonical(_) => Self::Unavailable,
        }
    }
}

impl From<StoreError> for SecretError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store refused");
        match error {
            StoreError::Damaged(_) => Self::Tampered,
            StoreError::Unavailable(_) | StoreError::Stale => Self::Unavailable,
        }
    }
}

/// A listing as the caller gets it.
pub type SecretPage = (Page<SecretItem>, VaultFacts);

/// The use cases with what they conduct.
pub struct Secrets {
    /// The gate.
    pub gate: Arc<Gate>,
    /// Sealed rows.
    pub store: Arc<dyn SecretStore>,
    /// Seals and opens.
    pub keyring: Arc<Keyring>,
    /// Writes records, releases answers.
    pub recorder: Recorder,
    /// Versions and nonces.
    pub entropy: Arc<dyn Entropy>,
}

/// A permitted case in a vault that exists.
struct InVault {
    case: Case,
    vault: Arc<Vault>,
    keys: Arc<VaultKeys>,
}

impl Secrets {
    /// Asks the gate; a denial is recorded before it is told.
    async fn admit(&self, ctx: &RequestContext, ask: Ask<'_>) -> Result<InVault, SecretError> {
        match self.gate.judge(ctx, &ask).await {
            Judgement::Permitted(mut case) => match case.vault.take() {
                Some((vault, keys)) => Ok(InVault { case: *case, vault, keys }),
                None => Err(self.refuse(ctx, *case, SecretError::VaultNotFound).await),
            },
            Judgement::Denied(record, denial) => Err(self
                .recorder
                .release(ctx, *record, denial)
                .await
                .map_or_else(SecretError::NoRecord, SecretError::Denied)),
        }
    }

    /// Records that a permitted operation cannot be done, then says why.
    async fn refuse(&self, ctx: &RequestContext, case: Case, why: SecretError) -> SecretError {
        let held = case.permit.hold(Err::<(), _>(why));
        match self.recorder.release(ctx, case.record, held).await {
            Ok(Err(why)) => why,
            // Unreachable by construction: what was held is an error.
            Ok(Ok(())) => SecretError::Unavailable,
            Err(no_record) => SecretError::NoRecord(no_record),
        }
    }
}

impl From<&Vault> for VaultFacts {
    fn from(vault: &Vault) -> Self {
        Self { recovery_level: vault.settings.recovery_level(), recoverable_days: vault.settings.retention_days }
    }
}
