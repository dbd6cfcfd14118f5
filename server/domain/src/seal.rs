//! The seal: which root key the installation is sealed under, and how another one takes its place.
//!
//! Everything under the root key is a key itself: vault keys, signing keys, and the installation's MAC
//! keys, which therefore outlive it. A rotation wraps all of them anew in one transaction with its record,
//! so it happened wholly or not at all; no value, no version and no tag but the vaults' own is touched.

use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, OpenError, Plaintext, RootCipher, RootKey};

use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    gate,
    keyring::{Keyring, KeyringError},
    ports::{SealStore, StoreError},
    record::{NoRecord, Recorder},
    vault::Vault,
};

/// What is known of a root key in the clear. Authenticated, once the key has opened what it wraps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKeyFact {
    /// Fingerprint of the key.
    pub key_id: String,
    /// Provider that gave it when it was taken into use.
    pub provider: String,
    /// What the provider needs to give it again; public.
    pub parameters: String,
    /// Since when everything is sealed under it, Unix milliseconds.
    pub since: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl RootKeyFact {
    /// The bytes that `tag` authenticates.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// Everything that is wrapped by the root key, at one moment.
#[derive(Clone, Debug, Default)]
pub struct SealedKeys {
    /// The root key in use; none in an installation from before this was written down.
    pub root_key: Option<RootKeyFact>,
    /// Sealed blobs by label.
    pub blobs: Vec<(String, Vec<u8>)>,
    /// Every vault.
    pub vaults: Vec<Vault>,
}

/// One wrapped thing, before and after.
#[derive(Clone, Debug)]
pub struct Rewrapped<T> {
    /// As it must still be stored, or nothing happens.
    pub before: Vec<u8>,
    /// As it is stored afterwards.
    pub after: T,
}

/// Everything wrapped anew: what one transaction writes.
#[derive(Clone, Debug)]
pub struct Reseal {
    /// Blobs: label, and the sealed bytes.
    pub blobs: Vec<(String, Rewrapped<Vec<u8>>)>,
    /// Vaults; what must still be stored is the wrapped key.
    pub vaults: Vec<Rewrapped<Vault>>,
    /// The root key that is in use afterwards.
    pub root_key: RootKeyFact,
    /// Id of the one that was.
    pub retired: String,
}

/// How many keys were wrapped anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// Vault keys.
    pub vaults: usize,
    /// Keys of the installation.
    pub blobs: usize,
}

/// Why the root key was not rotated. Everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The new key is the one in use.
    #[error("the new root key is the one in use")]
    SameKey,
    /// Something does not open under the root key in use.
    #[error("{0} does not open under the root key in use: verify the installation before its root key is changed")]
    Unopened(String),
    /// A vault or a key came or changed meanwhile.
    #[error("something was sealed or changed meanwhile: no other process may use the database during a rotation")]
    Contended,
    /// The keyring refuses.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The store cannot say.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no record of it, so it did not happen, unless its fate is unknown.
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
}

/// Seals everything under a new root key.
///
/// Whoever calls holds the root key in use, which is the proof that this rests on: the keyring has it, and
/// everything is opened with it before anything is written.
///
/// # Errors
/// [`RotateError`].
pub async fn rotate(
    ctx: &RequestContext,
    keyring: &Keyring,
    store: &dyn SealStore,
    recorder: &Recorder,
    new: &dyn RootCipher,
    facts: (&str, &str),
    entropy: &dyn Entropy,
) -> Result<Rotated, RotateError> {
    let retired = keyring.root_key_id();
    if new.id() == retired {
        return Err(RotateError::SameKey);
    }
    let sealed = store.sealed_keys().await?;
    let (provider, parameters) = facts;
    let mut root_key = RootKeyFact {
        key_id: new.id(),
        provider: provider.to_owned(),
        parameters: parameters.to_owned(),
        since: ctx.now,
        tag: Vec::new(),
    };
    root_key.tag = keyring.tag_root_key(&root_key)?;
    let mut blobs = Vec::with_capacity(sealed.blobs.len());
    for (label, before) in sealed.blobs {
        let after = keyring.reseal_blob(&label, &before, new, entropy);
        let after = after.map_err(|error| unopened(error, || format!("the sealed {label}")))?;
        blobs.push((label, Rewrapped { before, after }));
    }
    let mut vaults = Vec::with_capacity(sealed.vaults.len());
    for vault in sealed.vaults {
        let after = keyring.rewrap_vault(&vault, new, entropy);
        let after = after.map_err(|error| unopened(error, || format!("the key of vault {}", vault.name.as_str())))?;
        vaults.push(Rewrapped { before: vault.wrapped_key, after });
    }
    let rotated = Rotated { vaults: vaults.len(), blobs: blobs.len() };
    let gate::Case { permit, mut record, .. } = gate::holder_of_root_key(ctx, Action::SealRotate);
    record.object = Some(root_key.key_id.clone());
    let change = Change::Reseal(Box::new(Reseal { blobs, vaults, root_key, retired }));
    let (change, held) = permit.apply(change, rotated).map_err(|_| RotateError::Contended)?;
    recorder.commit(ctx, record, change, held).await?.ok_or(RotateError::Contended)
}

/// What does not open is named; a token that does not answer, the old one's or the new one's, says nothing of it.
fn unopened(error: KeyringError, what: impl FnOnce() -> String) -> RotateError {
    match error {
        KeyringError::Tampered => RotateError::Unopened(what()),
        other => RotateError::Keyring(other),
    }
}

/// Labels under which the installation's own MAC keys are sealed.
pub const CONTROL_KEY: &str = "control-rows-key-v1";
/// See [`CONTROL_KEY`].
pub const CREDENTIALS_KEY: &str = "client-secrets-key-v1";

/// The secrets of the installation's MAC keys.
pub struct MacSecrets {
    /// Authenticates control rows.
    pub control: Plaintext,
    /// Hashes client secrets.
    pub credentials: Plaintext,
}

impl MacSecrets {
    /// New ones, for a new installation.
    ///
    /// # Errors
    /// When no randomness is available.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, KeyringError> {
        let draw = || strongroom_crypto::MacKey::generate_secret(entropy);
        Ok(Self { control: draw()?, credentials: draw()? })
    }

    /// Those of an installation from the time when they were derived from its root key.
    #[must_use]
    pub fn derived(root: &RootKey, installation: crate::names::InstallationId) -> Self {
        let secret = |purpose| root.mac_secret(purpose, installation.0.as_bytes());
        Self { control: secret("control-rows-v1"), credentials: secret("client-secrets-v1") }
    }

    /// Opens the stored ones.
    ///
    /// # Errors
    /// [`OpenError`] when they are sealed under another root key.
    pub fn open(
        root: &dyn RootCipher,
        installation: crate::names::InstallationId,
        control: &[u8],
        credentials: &[u8],
    ) -> Result<Self, OpenError> {
        let open = |label, sealed| root.open_blob(label, installation.0.as_bytes(), sealed);
        Ok(Self { control: open(CONTROL_KEY, control)?, credentials: open(CREDENTIALS_KEY, credentials)? })
    }
}
