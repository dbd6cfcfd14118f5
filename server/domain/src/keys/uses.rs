//! What a key may be used for: by its operations, its time, and the algorithms that fit it.

use std::fmt;

use strongroom_crypto::key::{DataAlgorithm, KeySpec, OperationError, SignAlgorithm};

use super::KeyError;
use crate::{
    action::Action,
    key::{KeyOperation, KeyProperties},
    secret::SecretAttributes,
    time::utc,
};

/// Encrypting data or wrapping keys: the same work under different permissions and with different algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// Data.
    Data,
    /// Keys.
    Key,
}

impl Sealing {
    pub(super) fn check(self, algorithm: DataAlgorithm) -> Result<(), OperationError> {
        let fits = match self {
            Self::Data => algorithm.encrypts(),
            Self::Key => algorithm.wraps(),
        };
        if fits { Ok(()) } else { Err(OperationError::Algorithm) }
    }

    pub(super) fn forwards(self) -> KeyOperation {
        match self {
            Self::Data => KeyOperation::Encrypt,
            Self::Key => KeyOperation::WrapKey,
        }
    }

    pub(super) fn backwards(self) -> KeyOperation {
        match self {
            Self::Data => KeyOperation::Decrypt,
            Self::Key => KeyOperation::UnwrapKey,
        }
    }
}

/// The algorithms that a key takes for an operation, by their names on the wire.
pub(super) fn fitting(spec: KeySpec, operation: KeyOperation) -> Vec<&'static str> {
    let data = |does: fn(DataAlgorithm) -> bool| {
        let fits = DataAlgorithm::ALL.iter().filter(move |one| one.fits(spec) && does(**one));
        fits.map(|one| one.as_str()).collect()
    };
    match operation {
        KeyOperation::Sign | KeyOperation::Verify => {
            SignAlgorithm::ALL.iter().filter(|one| one.fits(spec)).map(|one| one.as_str()).collect()
        }
        KeyOperation::Encrypt | KeyOperation::Decrypt => data(DataAlgorithm::encrypts),
        KeyOperation::WrapKey | KeyOperation::UnwrapKey => data(DataAlgorithm::wraps),
    }
}

/// Whether a key may be used so now (Azure: outside of nbf and exp only decrypt, unwrap and verify).
pub(crate) fn usable(
    attributes: &SecretAttributes,
    properties: &KeyProperties,
    operation: KeyOperation,
    now: i64,
) -> Result<(), KeyError> {
    use KeyOperation::{Decrypt, UnwrapKey, Verify};
    if !attributes.enabled {
        return Err(KeyError::Disabled(operation));
    }
    let early = attributes.not_before.filter(|begin| now < *begin).map(WindowEnd::NotBefore);
    let late = attributes.expires.filter(|end| now >= *end).map(WindowEnd::Expires);
    if let Some(end) = early.or(late).filter(|_| !matches!(operation, Decrypt | UnwrapKey | Verify)) {
        return Err(KeyError::OutsideWindow { operation, end });
    }
    if !properties.operations.contains(&operation) {
        return Err(KeyError::NotPermitted { operation, permitted: properties.operations.clone() });
    }
    Ok(())
}

/// An end of the window in which a key makes something new. Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowEnd {
    /// Its `nbf`: not yet.
    NotBefore(i64),
    /// Its `exp`: not any more.
    Expires(i64),
}

impl fmt::Display for WindowEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBefore(at) => write!(f, "is not valid before {} (nbf {at})", utc(*at)),
            Self::Expires(at) => write!(f, "expired at {} (exp {at})", utc(*at)),
        }
    }
}

/// The action that an operation is judged as.
#[must_use]
pub fn action_of(operation: KeyOperation) -> Action {
    match operation {
        KeyOperation::Encrypt => Action::KeyEncrypt,
        KeyOperation::Decrypt => Action::KeyDecrypt,
        KeyOperation::Sign => Action::KeySign,
        KeyOperation::Verify => Action::KeyVerify,
        KeyOperation::WrapKey => Action::KeyWrap,
        KeyOperation::UnwrapKey => Action::KeyUnwrap,
    }
}
