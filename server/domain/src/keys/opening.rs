//! Opening the private part of a key, behind the permit: from its row, by the keyring or in its token.

use std::sync::Arc;

use strongroom_crypto::key::{KeyToken, OperationError, PrivateKey, TokenTrouble};

use super::KeyError;
use crate::{
    key::KeyProperties,
    keyring::{Keyring, VaultKeys},
    names::ObjectKind,
    objects::ObjectError,
    secret::{SealedVersion, SecretItem},
};

/// Where a key is opened from.
pub(super) enum Source {
    /// Its row.
    Row(Arc<SealedVersion>),
    /// What is kept opened.
    Kept(Arc<PrivateKey>),
}

/// What opening a row takes.
pub(super) struct Opening {
    pub(super) keyring: Arc<Keyring>,
    pub(super) keys: Arc<VaultKeys>,
    pub(super) item: SecretItem,
    pub(super) token: Option<Arc<dyn KeyToken>>,
}

impl Opening {
    pub(super) fn open(&self, row: &SealedVersion, properties: &KeyProperties) -> Result<PrivateKey, KeyError> {
        let version = &self.item.version;
        // Metadata was judged from one row and the key comes from another read of it.
        if row.meta != *version || row.sealed.data_key_id != version.data_key_id {
            return Err(ObjectError::Tampered.into());
        }
        let name = &self.item.secret.name;
        let private = self.keyring.open(&self.keys, ObjectKind::Key, name, &version.version, &row.sealed);
        let private = private.map_err(ObjectError::from)?;
        let opened = if properties.in_token() {
            // Made by a node with a token; that this one has none is no fault of who asks.
            let token = self.token.clone().ok_or(OperationError::Token(TokenTrouble::Unreachable))?;
            PrivateKey::in_token(properties.spec, properties.public.clone(), &private, token)
        } else {
            PrivateKey::open(properties.spec, &private).ok()
        };
        Ok(opened.ok_or(ObjectError::Tampered)?)
    }
}

pub(super) fn opened(key: Option<&PrivateKey>) -> Result<&PrivateKey, OperationError> {
    // Not opened: the algorithm is for another type of key than this one.
    key.ok_or(OperationError::Algorithm)
}
