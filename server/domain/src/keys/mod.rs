//! The use cases of keys. What they share with every other kind of object is in [`crate::objects`]; here
//! is how keys come to be and how they are used. A private part leaves by none of them.

mod forge;
mod hardware;
mod import;
mod opened;
mod opening;
mod operate;
mod queue;
mod rotate;
#[cfg(test)]
mod tests;
mod uses;
mod workers;

use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex},
};

use strongroom_crypto::key::{KeyParts, KeyRejected, KeySpec, NewKey, OperationError, TokenTrouble};
use uuid::Uuid;

pub use crate::objects::ObjectPage as KeyPage;
use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case, Proposed},
    key::{KeyAlgorithm, KeyOperation, KeyProperties, TokenShare},
    keys::{
        hardware::Hardware,
        opened::OpenedKeys,
        queue::{Busy, Limits},
    },
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    objects::{ATTEMPTS, InVault, NewVersion, ObjectError, ObjectPage, Objects, Verbs, VersionPatch, common_life},
    record::{HowItWent, NoRecord, Outcome},
    rotation::RotationError,
    secret::{AttributePatch, LifeState, SecretAttributes, SecretItem, VaultFacts},
};
pub(crate) use forge::Forge;
pub use hardware::{Destroyed, PRINCIPAL as TOKEN_PRINCIPAL};
pub use import::Import;
pub use opened::{LIFETIME_MILLIS, MAX_KEYS};
pub use operate::{Ciphertext, Cleartext, KeyAt, MAX_RANDOM_BYTES};
pub(crate) use queue::{Queue, Turn};
pub use rotate::{PRINCIPAL as ROTATION_PRINCIPAL, Rotated};
pub(crate) use uses::usable;
pub use uses::{Sealing, WindowEnd, action_of};

/// Why an operation on keys did not happen.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// For a reason that other objects have too.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// A key in hardware was asked for, and no hardware is configured.
    #[error("no hardware provider is configured: keys of the types with -HSM cannot be made here")]
    NoHardware,
    /// A key from elsewhere was to be put into hardware.
    #[error(
        "keys of the types with -HSM are made in the hardware token: one that was outside cannot be imported into it"
    )]
    NotMadeInHardware,
    /// The key is not one that can be made or kept.
    #[error(transparent)]
    Rejected(#[from] KeyRejected),
    /// The version is disabled.
    #[error("operation {} is not allowed on a disabled key", .0.as_str())]
    Disabled(KeyOperation),
    /// The key is not valid yet or has expired. Told, with when, to those alone who may use it so.
    #[error("operation {} is not allowed on a key that {end}", .operation.as_str())]
    OutsideWindow {
        /// What was asked for.
        operation: KeyOperation,
        /// The end of the window that the request was beyond.
        end: WindowEnd,
    },
    /// The key may not be used for that.
    #[error("operation {} is not permitted on this key, which is for {}", .operation.as_str(), those(.permitted))]
    NotPermitted {
        /// What was asked for.
        operation: KeyOperation,
        /// What may be: its `key_ops`.
        permitted: BTreeSet<KeyOperation>,
    },
    /// The vault refuses the algorithm.
    #[error("operations by {0} are switched off in this vault")]
    AlgorithmRefused(KeyAlgorithm),
    /// The algorithm is one of other keys, or for another operation.
    #[error("the algorithm {algorithm} does not fit the key or the operation{}", also(.fitting))]
    Unfit {
        /// The algorithm.
        algorithm: KeyAlgorithm,
        /// Those that would do, by their names on the wire.
        fitting: Vec<&'static str>,
    },
    /// The operation was not done.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// A rotation policy outside the rules.
    #[error(transparent)]
    Rotation(#[from] RotationError),
    /// Nothing is due with the key.
    #[error("nothing is due with the key")]
    NotDue,
    /// More or fewer random bytes than are given.
    #[error("count must be a whole number from 1 to 128")]
    RandomCount,
    /// As many keys are being made, or as many operations wait for a core, as may at a time.
    #[error("too many keys are being made or used: try again in {retry_after} s")]
    Busy {
        /// Seconds after which to try again.
        retry_after: u32,
    },
}

/// The algorithms to use instead, at the end of a sentence.
fn also(fitting: &[&str]) -> String {
    if fitting.is_empty() { String::new() } else { format!("; those that do: {}", fitting.join(", ")) }
}

/// Operations by their names.
fn those(operations: &BTreeSet<KeyOperation>) -> String {
    let names: Vec<&str> = operations.iter().map(|operation| operation.as_str()).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

impl HowItWent for KeyError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Object(error) => return error.how(),
            Self::NoHardware => "no-hardware",
            Self::NotMadeInHardware => "not-made-in-hardware",
            Self::Operation(OperationError::Token(TokenTrouble::Unreachable)) => "token-unreachable",
            Self::Operation(OperationError::Token(TokenTrouble::Full)) => "token-full",
            Self::Operation(OperationError::Token(TokenTrouble::Missing)) => "token-lacks-key",
            Self::Operation(OperationError::Token(TokenTrouble::Exchanged)) => "tampered",
            Self::Rejected(KeyRejected::Generation) => "unavailable",
            Self::Disabled(_) => "key-disabled",
            Self::OutsideWindow { .. } => "outside-window",
            Self::NotPermitted { .. } => "operation-not-permitted",
            Self::AlgorithmRefused(_) => "algorithm-refused",
            Self::Operation(OperationError::Failed) => "operation-failed",
            Self::Rejected(_) | Self::Unfit { .. } | Self::Operation(_) | Self::RandomCount | Self::Rotation(_) => {
                "invalid"
            }
            Self::NotDue => "not-due",
            Self::Busy { .. } => "throttled",
        };
        (Outcome::Failed, reason)
    }
}

impl From<Busy> for KeyError {
    fn from(busy: Busy) -> Self {
        Self::Busy { retry_after: busy.retry_after }
    }
}

/// What a new key shall be, besides its attributes.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// Type and size.
    pub spec: KeySpec,
    /// In hardware.
    pub hardware: bool,
    /// What it may be used for; none for what is usual for its type.
    pub operations: Option<BTreeSet<KeyOperation>>,
}

/// Operations with private RSA keys, and signing and encoding of certificates: more than any client has connections, and
/// no more than some seconds' work.
const USES: Limits = Limits { at_once: 1, waiting: 1024, waiting_of_one: 256, retry_after: 1 };

/// Of these, in hand for each core.
const IN_HAND: usize = 8;

/// The use cases with what they conduct.
pub struct Keys {
    objects: Arc<Objects>,
    forge: Arc<Forge>,
    opened: Arc<OpenedKeys>,
    cores: Arc<Queue>,
    hardware: Option<Arc<Hardware>>,
    /// Labels of what could not be destroyed in the token the last time.
    undestroyed: Mutex<HashSet<String>>,
}

common_life!(Keys, Verbs::KEYS, KeyError);

impl Keys {
    /// Over what all kinds of objects share.
    #[must_use]
    pub fn new(objects: Arc<Objects>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let queue = Queue::new(Limits { at_once: cores.saturating_mul(IN_HAND), ..USES });
        let cores = Arc::new(queue.worked_by(cores));
        Self {
            objects,
            forge: Arc::default(),
            opened: Arc::default(),
            cores,
            hardware: None,
            undestroyed: Mutex::default(),
        }
    }

    /// Where all keys are made, those of certificates too: few slow ones at a time.
    pub(crate) fn forge(&self) -> Arc<Forge> {
        Arc::clone(&self.forge)
    }

    /// Where everybody waits for a core, certificates too.
    pub(crate) fn cores(&self) -> Arc<Queue> {
        Arc::clone(&self.cores)
    }

    /// Drops opened keys that are past their lifetime (Unix milliseconds); gives how many are kept on.
    pub fn sweep(&self, now: i64) -> usize {
        self.opened.sweep(now)
    }

    /// POST /keys/{name}/create: a new version, the current one from now on.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn create(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        request: &KeyRequest,
        attributes: &SecretAttributes,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        if request.hardware {
            self.hardware()?;
        }
        self.put(ctx, (vault, name), Action::KeyCreate, Source::default(), request, attributes).await
    }

    /// PATCH /keys/{name}/{version}: other attributes or operations for a version, or for the current one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn update(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
        patch: &AttributePatch,
        operations: Option<&BTreeSet<KeyOperation>>,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        let patch = VersionPatch { attributes: patch, operations };
        Ok(self.objects.update(Verbs::KEYS, ctx, vault, (name, version), patch).await?)
    }

    /// The material of a version with these properties: what was made already, as long as it fits, or a new key.
    async fn material<'a>(
        &self,
        ctx: &RequestContext,
        source: &'a mut Source,
        vault: VaultId,
        properties: &KeyProperties,
    ) -> Result<&'a NewKey, KeyError> {
        let mut made = source.made.take();
        if let Some(unfit) = made.take_if(|made| !made.fits(properties)) {
            self.discard(unfit).await;
        }
        let made = match (made, source.parts.take(), properties.token) {
            (Some(made), ..) => made,
            (None, Some(parts), _) => Made { key: self.looked_at(&ctx.principal.id, parts).await?, family: None },
            (None, None, Some(TokenShare { family, here: true })) => {
                let key = self.make_in_token(ctx, vault, family, properties.spec).await?;
                Made { key, family: Some(family) }
            }
            (None, None, _) => {
                let entropy = Arc::clone(&self.objects.entropy);
                Made { key: self.forge.make(properties.spec, &ctx.principal.id, entropy).await?, family: None }
            }
        };
        Ok(&source.made.insert(made).key)
    }

    /// Commits a new version. Without an answer it is tried again.
    async fn commit_version(
        &self,
        ctx: &RequestContext,
        case: Case,
        change: Change,
        item: SecretItem,
        source: &mut Source,
    ) -> Result<Option<SecretItem>, ObjectError> {
        let committed = self.objects.change(ctx, case, change, item).await;
        if matches!(committed, Ok(Some(_)) | Err(ObjectError::NoRecord(NoRecord::Unknown))) {
            // The version has the key. Where it is not known whether it was written, it may have it.
            source.made = None;
        }
        committed
    }

    /// Destroys what was made and is no version's: what is in the token alone would stay there.
    async fn discard_unused(&self, source: Source) {
        if let Some(made) = source.made {
            self.discard(made).await;
        }
    }

    async fn put(
        &self,
        ctx: &RequestContext,
        place: (&VaultName, &ObjectName),
        action: Action,
        mut source: Source,
        request: &KeyRequest,
        attributes: &SecretAttributes,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        let done = self.put_from(ctx, place, action, &mut source, request, attributes).await;
        self.discard_unused(source).await;
        done
    }

    async fn put_from(
        &self,
        ctx: &RequestContext,
        (vault, name): (&VaultName, &ObjectName),
        action: Action,
        source: &mut Source,
        request: &KeyRequest,
        attributes: &SecretAttributes,
    ) -> Result<(SecretItem, VaultFacts), KeyError> {
        attributes.check().map_err(ObjectError::from)?;
        let usual = || KeyOperation::default_for(request.spec);
        let operations = request.operations.clone().unwrap_or_else(usual);
        let token = hardware::new_share(request.hardware, &*self.objects.entropy)?;
        let would_be = KeyProperties { spec: request.spec, operations, exportable: false, public: None, token };
        would_be.check_operations().map_err(ObjectError::from)?;
        let proposed = Some(Proposed::Whole(attributes));
        let ask = || Ask { proposed, key: Some(&would_be), ..Ask::object(ObjectKind::Key, action, vault, name) };
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask()).await?;
            if case.facts.as_ref().is_some_and(|f| f.secret.life != LifeState::Active) {
                let taken = ObjectError::DeletedButRecoverable(name.clone());
                return Err(self.objects.refuse(ctx, case, taken.into()).await);
            }
            if case.facts.as_ref().is_some_and(|f| f.secret.managed) {
                return Err(self.objects.refuse(ctx, case, ObjectError::Managed(name.clone()).into()).await);
            }
            let facts = case.facts.clone();
            let token = hardware::share(facts.as_deref(), would_be.token);
            let planned = KeyProperties { token, ..would_be.clone() };
            // Made only for who may have it, and once as long as it fits, however often it is judged.
            let began = self.objects.recorder.ticks_micros();
            let key = match self.material(ctx, source, vault.id, &planned).await {
                Ok(key) => key,
                Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
            };
            if self.objects.is_judged_too_long_ago(ctx, began) {
                continue;
            }
            let properties = KeyProperties { spec: key.spec, public: key.public.clone(), ..planned.clone() };
            let new = NewVersion { attributes, key: Some(properties), value: &key.private };
            let (item, change) = self.objects.new_version(Verbs::KEYS, ctx, &keys, name, new, facts.as_deref())?;
            case.record.version = Some(item.version.version.as_str().to_owned());
            case.record.detail_key(&planned, attributes);
            if let Some(item) = self.commit_version(ctx, case, change, item, source).await? {
                return Ok((item, VaultFacts::from(&*vault)));
            }
        }
        Err(self.objects.contended(ctx, ask()).await)
    }
}

/// Where the material of a new version comes from.
#[derive(Default)]
struct Source {
    /// Brought from elsewhere; without it, a key is made.
    parts: Option<KeyParts>,
    /// What came of that, until a version has it.
    made: Option<Made>,
}

/// A key that is no version's yet.
struct Made {
    key: NewKey,
    /// Of one in the token: the family that it was made for.
    family: Option<Uuid>,
}

impl Made {
    /// Whether it can be a version with these properties. The current version may be of another type by now, and in the
    /// token the name may have another family.
    fn fits(&self, properties: &KeyProperties) -> bool {
        let family = properties.token.filter(|share| share.here).map(|share| share.family);
        self.key.spec == properties.spec && self.family == family
    }
}
