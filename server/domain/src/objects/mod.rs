//! What can be done with every named object of a vault, whatever its kind: read what is known of it,
//! list, soft delete, recover, purge, back up, restore. Secrets, keys and certificates add what is theirs.
//! What is done to a certificate is done to the key and the secret of its name in the same change.
//!
//! Each use case conducts one operation: gate, store, keyring, record. Nothing here may answer without a
//! permit spent and a record written, and no error may tell more than the caller could find out anyway.

mod across;
mod authority;
mod companions;
mod copy;
mod duplicate;
mod ending;
mod life;
mod read;
mod search;
mod verbs;
mod whole;
mod write;

use std::sync::Arc;

use strongroom_crypto::{Entropy, x509::ImportError};

pub(crate) use authority::SigningKey;
pub(crate) use companions::{Companions, Faces, Finished};
pub use copy::RestorePlace;
pub use ending::{Ahead, ENDING, EndingSoon, MAX_VAULTS_AT_ONCE};
pub(crate) use read::{active, deleted};
pub use search::{FoundOfKind, MAX_VAULTS_SEARCHED, NAME_SEARCH, Searched};
pub use verbs::Verbs;
pub(crate) use whole::{opened_whole, spent};
pub(crate) use write::{NewVersion, VersionPatch, first_revision};

use crate::{
    action::Action,
    condemned::CondemnedKeys,
    context::RequestContext,
    decision::Denial,
    gate::{Ask, Case, Gate, Judgement, Proposed},
    key::ImpossibleOperations,
    keyring::{Keyring, KeyringError, VaultKeys},
    names::{ObjectKind, ObjectName, ObjectVersion},
    permit::Held,
    ports::{ObjectStore, StoreError},
    record::{HowItWent, NoRecord, Outcome, Record, Recorder},
    secret::{AttributeError, LifeState, Page, SecretItem, VaultFacts},
    vault::Vault,
};

/// How often a request is judged anew because its object changed meanwhile.
pub(crate) const ATTEMPTS: usize = 4;
/// How long a judgement may wait for a core or a token, in microseconds. Whoever waits longer is judged again before
/// anything is done: a key that was disabled or deleted meanwhile, a role that was taken away or has ended, serve no
/// more.
const JUDGED_FOR: u64 = 100_000;
/// Reason of a record: whoever asks has to prove again who they are.
pub const NEEDS_PROOF: &str = "step-up-required";
/// Most lines of a page (Azure: 25).
pub const MAX_PAGE: usize = 25;

/// Why an operation on an object did not happen. The wire says which kind of object it was.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// The gate said no.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// There is no such vault. Told only to those who may see all vaults.
    #[error("there is no such vault")]
    VaultNotFound,
    /// There is no active object of the name, or no such version of it.
    #[error("{} was not found", id(.0, .1.as_ref()))]
    NotFound(ObjectName, Option<ObjectVersion>),
    /// There is no soft-deleted object of the name.
    #[error("deleted {0} was not found")]
    DeletedNotFound(ObjectName),
    /// The name is soft deleted and cannot be used again before it is purged.
    #[error("{0} is deleted but recoverable")]
    DeletedButRecoverable(ObjectName),
    /// The version is disabled.
    #[error("the version is disabled")]
    Disabled,
    /// It is the key or the secret of a certificate, and changes with it alone.
    #[error("{0} belongs to the certificate of its name and changes with it alone")]
    Managed(ObjectName),
    /// A key or a secret that is no certificate's has the name that one of a certificate would have.
    #[error("there is a {} of this name already, which a certificate of the name would need", .0.as_str())]
    NameTaken(ObjectKind),
    /// A word of addresses.
    #[error("a {} cannot be named {}: in its address the word is reserved for something else", .0.as_str(), .1)]
    Reserved(ObjectKind, ObjectName),
    /// Another certificate has the same issuer and serial number.
    #[error(
        "another certificate of this vault is by the same issuer with the same serial number: no authority makes such, and \
         neither can be told from the other"
    )]
    DuplicateSerial,
    /// Nothing in this vault can be purged before its time.
    #[error("the vault is protected against purging")]
    PurgeProtected,
    /// An active object has the name already.
    #[error("{0} exists already")]
    Exists(ObjectName),
    /// The blob is not a backup of this vault, or was changed.
    #[error("the backup is malformed, was changed, or is of another vault or installation")]
    BadBackup,
    /// A certificate in the backup names somebody in a way that nobody could judge.
    #[error("the backup is not restored: {0}")]
    Unsaid(ImportError),
    /// A version of it is in a hardware token, which it never leaves.
    #[error(
        "a version of {0} is in a hardware token, which no backup can hold: the token is backed up by its own means"
    )]
    InToken(ObjectName),
    /// More versions than a backup holds.
    #[error("there are more than 500 versions, or they are too long together, to be backed up")]
    TooMuchToBackUp,
    /// Attributes outside the documented limits.
    #[error(transparent)]
    Invalid(#[from] AttributeError),
    /// Of a key: it cannot do what it should be used for.
    #[error(transparent)]
    Impossible(#[from] ImpossibleOperations),
    /// The secret of a certificate is kept in a form from which there is no way to the one asked for.
    #[error(
        "a certificate that is kept as PFX is given as PEM, and no other is given in another form than it is kept in"
    )]
    OtherForm,
    /// Somebody changed it since whoever asks looked at it.
    #[error("it was changed since it was looked at")]
    OtherRevision,
    /// It is done for whoever proved a moment ago who they are, and they did not.
    #[error("it needs a sign-in of just now")]
    NeedsProof,
    /// The object keeps changing under the request.
    #[error("it is being changed by others")]
    Contended,
    /// As much of the kind is under way as may be.
    #[error("too many restores are under way")]
    Busy,
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

impl HowItWent for ObjectError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Denied(denial) => return denial.how(),
            Self::NeedsProof => return (Outcome::Denied, NEEDS_PROOF),
            Self::VaultNotFound => "vault-not-found",
            Self::NotFound(..) => "not-found",
            Self::DeletedNotFound(_) => "deleted-not-found",
            Self::DeletedButRecoverable(_) => "deleted-but-recoverable",
            Self::Disabled => "disabled",
            Self::Managed(_) => "managed",
            Self::NameTaken(_) => "name-taken",
            Self::DuplicateSerial => "duplicate-serial",
            Self::PurgeProtected => "purge-protected",
            Self::Exists(_) => "exists",
            Self::BadBackup => "bad-backup",
            Self::InToken(_) => "in-token",
            Self::TooMuchToBackUp => "too-much-to-back-up",
            Self::Invalid(_) | Self::Impossible(_) | Self::OtherForm | Self::Unsaid(_) | Self::Reserved(..) => {
                "invalid"
            }
            Self::OtherRevision => "other-revision",
            Self::Contended => "contended",
            Self::Busy => "throttled",
            Self::Tampered => "tampered",
            Self::Unavailable => "unavailable",
            Self::NoRecord(_) => "no-record",
        };
        (Outcome::Failed, reason)
    }
}

impl From<KeyringError> for ObjectError {
    fn from(error: KeyringError) -> Self {
        tracing::error!(%error, "the keyring refused");
        match error {
            KeyringError::Tampered => Self::Tampered,
            KeyringError::Seal(_)
            | KeyringError::Entropy(_)
            | KeyringError::Unreachable
            | KeyringError::Canonical(_) => Self::Unavailable,
        }
    }
}

impl From<StoreError> for ObjectError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store refused");
        match error {
            StoreError::Damaged(_) => Self::Tampered,
            StoreError::Unavailable(_) | StoreError::TooLong | StoreError::Stale => Self::Unavailable,
        }
    }
}

/// A listing as the caller gets it.
pub type ObjectPage = (Page<SecretItem>, VaultFacts);

/// The use cases with what they conduct.
pub struct Objects {
    /// The gate.
    pub gate: Arc<Gate>,
    /// Sealed rows.
    pub store: Arc<dyn ObjectStore>,
    /// Seals and opens.
    pub keyring: Arc<Keyring>,
    /// Writes records, releases answers.
    pub recorder: Recorder,
    /// Versions and nonces.
    pub entropy: Arc<dyn Entropy>,
    /// Where what a restore makes is made.
    pub restores: RestorePlace,
    /// Keys in a hardware token that are to be destroyed there.
    pub condemned: Arc<dyn CondemnedKeys>,
}

/// A permitted case in a vault that exists.
pub(crate) struct InVault {
    pub(crate) case: Case,
    pub(crate) vault: Arc<Vault>,
    pub(crate) keys: Arc<VaultKeys>,
}

impl Objects {
    /// Asks the gate; a denial is recorded before it is told. What was changed since the caller looked at it is not
    /// changed by them: the permit is of the revision that is compared here.
    pub(crate) async fn admit(&self, ctx: &RequestContext, ask: Ask<'_>) -> Result<InVault, ObjectError> {
        match self.gate.judge(ctx, &ask).await {
            Judgement::Permitted(mut case) => match case.vault.take() {
                Some(_) if ctx.lacks_proof() && needs_proof(&ask, &case) => {
                    Err(self.refuse(ctx, *case, ObjectError::NeedsProof).await)
                }
                Some(_) if is_other(ctx, &ask, &case) => Err(self.refuse(ctx, *case, ObjectError::OtherRevision).await),
                Some((vault, keys)) => Ok(InVault { case: *case, vault, keys }),
                None => Err(self.refuse(ctx, *case, ObjectError::VaultNotFound).await),
            },
            Judgement::Denied(record, denial) => Err(self
                .gate
                .turn_away(&self.recorder, ctx, *record, denial)
                .await
                .map_or_else(ObjectError::NoRecord, ObjectError::Denied)),
        }
    }

    /// Whether what was judged when the ticks said this is to be judged again, and if so, by the time it is now.
    pub(crate) fn is_judged_too_long_ago(&self, ctx: &RequestContext, ticks: u64) -> bool {
        let late = self.was_too_long_ago(ticks);
        if late {
            ctx.judge_by(self.recorder.now_millis());
        }
        late
    }

    /// Whether more time has passed since the ticks said this than a judgement may be old.
    pub(crate) fn was_too_long_ago(&self, ticks: u64) -> bool {
        self.recorder.ticks_micros().saturating_sub(ticks) > JUDGED_FOR
    }

    /// Its object changed each time it was judged. Judged once more, so that this is told to those alone who may know
    /// it, and is on record like everything else that did not happen.
    pub(crate) async fn contended<E>(&self, ctx: &RequestContext, ask: Ask<'_>) -> E
    where
        E: HowItWent + From<ObjectError>,
    {
        match self.admit(ctx, ask).await {
            Ok(InVault { case, .. }) => self.refuse(ctx, case, ObjectError::Contended.into()).await,
            Err(why) => why.into(),
        }
    }

    /// Records that a permitted operation cannot be done, then says why.
    pub(crate) async fn refuse<E>(&self, ctx: &RequestContext, case: Case, why: E) -> E
    where
        E: HowItWent + From<ObjectError>,
    {
        self.fail(ctx, case.record, case.permit.hold(Err(why))).await
    }

    /// The same for what failed before all of it could be judged, by the record of what was.
    pub(crate) async fn refuse_early<E>(&self, ctx: &RequestContext, record: Record, why: E) -> E
    where
        E: HowItWent + From<ObjectError>,
    {
        self.fail(ctx, record, Held::without_permit(ctx.request_id, Err(why))).await
    }

    async fn fail<E>(&self, ctx: &RequestContext, record: Record, held: Held<Result<(), E>>) -> E
    where
        E: HowItWent + From<ObjectError>,
    {
        match self.recorder.release(ctx, record, held).await {
            Ok(Err(why)) => why,
            // Unreachable by construction: what was held is an error.
            Ok(Ok(())) => ObjectError::Unavailable.into(),
            Err(no_record) => ObjectError::NoRecord(no_record).into(),
        }
    }
}

/// Whether what is there is at another revision than the one that was seen. What is not there is told otherwise.
fn is_other(ctx: &RequestContext, ask: &Ask<'_>, case: &Case) -> bool {
    let present = case.facts.as_deref().filter(|facts| facts.secret.life == LifeState::Active);
    let expected = ctx.expected_revision(ask.action);
    present.zip(expected).is_some_and(|(facts, expected)| facts.secret.revision != expected)
}

/// Whether it takes a service down, lets something answer again that did not, or gives out the private key of a certificate.
fn needs_proof(ask: &Ask<'_>, case: &Case) -> bool {
    let Some(facts) = case.facts.as_deref().filter(|facts| facts.secret.life == LifeState::Active) else {
        return false;
    };
    match ask.action {
        Action::SecretDelete | Action::KeyDelete | Action::CertificateDelete => true,
        Action::SecretUpdate | Action::KeyUpdate | Action::CertificateUpdate => {
            let is_off = facts.version.as_ref().is_some_and(|version| !version.attributes.enabled);
            is_off && matches!(ask.proposed, Some(Proposed::Patch(patch)) if patch.enabled == Some(true))
        }
        Action::SecretGet => facts.secret.managed,
        _ => false,
    }
}

impl From<&Vault> for VaultFacts {
    fn from(vault: &Vault) -> Self {
        Self { recovery_level: vault.settings.recovery_level(), recoverable_days: vault.settings.retention_days }
    }
}

/// An outcome in the words of a kind's own errors.
pub(crate) fn in_its_words<T, E: From<ObjectError>>(outcome: Result<T, ObjectError>) -> Result<T, E> {
    outcome.map_err(E::from)
}

/// Gives a kind's use cases the steps of life that all kinds share.
macro_rules! common_life {
    ($type:ty, $verbs:expr, $error:ty) => {
        impl $type {
            /// What is known of a version, or of the current one, without what is sealed.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn show(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                name: &ObjectName,
                version: Option<&ObjectVersion>,
            ) -> Result<(SecretItem, VaultFacts), $error> {
                $crate::objects::in_its_words(self.objects.show($verbs, ctx, vault, name, version).await)
            }

            /// A soft-deleted name.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn get_deleted(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                name: &ObjectName,
            ) -> Result<(SecretItem, VaultFacts), $error> {
                $crate::objects::in_its_words(self.objects.get_deleted($verbs, ctx, vault, name).await)
            }

            /// Active or soft-deleted names in order, after `after`.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn list(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                deleted: bool,
                after: Option<&ObjectName>,
                limit: usize,
            ) -> Result<ObjectPage, $error> {
                $crate::objects::in_its_words(self.objects.list($verbs, ctx, vault, deleted, after, limit).await)
            }

            /// Active names that are like this, at most `limit`.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn search(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                search: &$crate::search::Search,
                limit: usize,
            ) -> Result<$crate::objects::Searched, $error> {
                $crate::objects::in_its_words(self.objects.search($verbs, ctx, vault, search, limit).await)
            }

            /// The versions of a name. A name that does not exist has none, as in Azure.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn versions(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                name: &ObjectName,
                after: Option<&ObjectVersion>,
                limit: usize,
            ) -> Result<ObjectPage, $error> {
                $crate::objects::in_its_words(self.objects.versions($verbs, ctx, vault, name, after, limit).await)
            }

            /// Soft delete of the name with all its versions.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn delete(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                name: &ObjectName,
            ) -> Result<(SecretItem, VaultFacts), $error> {
                $crate::objects::in_its_words(self.objects.delete($verbs, ctx, vault, name).await)
            }

            /// Takes a soft-deleted name back into use.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn recover(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                name: &ObjectName,
            ) -> Result<(SecretItem, VaultFacts), $error> {
                $crate::objects::in_its_words(self.objects.recover($verbs, ctx, vault, name).await)
            }

            /// Removes a soft-deleted name for good.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn purge(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                name: &ObjectName,
            ) -> Result<(), $error> {
                $crate::objects::in_its_words(self.objects.purge($verbs, ctx, vault, name).await)
            }

            /// A sealed blob with all versions.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn backup(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                name: &ObjectName,
            ) -> Result<Vec<u8>, $error> {
                $crate::objects::in_its_words(self.objects.backup($verbs, ctx, vault, name).await)
            }

            /// Makes a name again from a backup, with all its versions as they were.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($error), "`].")]
            pub async fn restore(
                &self,
                ctx: &RequestContext,
                vault: &VaultName,
                blob: &[u8],
            ) -> Result<(SecretItem, VaultFacts), $error> {
                $crate::objects::in_its_words(self.objects.restore($verbs, ctx, vault, blob).await)
            }
        }
    };
}
pub(crate) use common_life;
