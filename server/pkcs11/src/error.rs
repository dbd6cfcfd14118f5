//! What can be wrong with a token. Each is one line that names what to look at, and none holds a PIN.

use std::path::PathBuf;

use cryptoki::error::Error;

use crate::TokenName;

/// Why a token did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The module is not a library that this process may load.
    #[error("the PKCS#11 module {path:?} cannot be used: {why}")]
    Module {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such token.
    #[error("there is no token {0} behind the PKCS#11 module: is it plugged in and initialized?")]
    NoToken(TokenName),
    /// Which one is meant is not clear.
    #[error("{1} tokens have the label {0}: name the slot instead")]
    Ambiguous(TokenName, usize),
    /// The PIN cannot be read.
    #[error("the PIN of the token cannot be read: {0}")]
    Pin(String),
    /// The PIN is wrong. It was given once.
    #[error(
        "the token {0} refuses the PIN. It was given once and is not given again, because tokens lock after some tries: correct it where it is read from"
    )]
    PinRefused(TokenName),
    /// The token has locked its PIN.
    #[error("the token {0} has locked its PIN after too many wrong tries: its security officer has to set it anew")]
    PinLocked(TokenName),
    /// One more wrong PIN would lock the token.
    #[error(
        "the token {0} would lock its PIN at the next wrong try, so no PIN was given: log in to it once with its own tool"
    )]
    LastTry(TokenName),
    /// The key is not there.
    #[error("the token {token} has no secret key with the label {label:?}")]
    NoKey {
        /// The token.
        token: TokenName,
        /// The key's label.
        label: String,
    },
    /// Which key is meant is not clear.
    #[error("the token {token} has {count} secret keys with the label {label:?}: labels of keys must be unique")]
    AmbiguousKey {
        /// The token.
        token: TokenName,
        /// The key's label.
        label: String,
        /// How many there are.
        count: usize,
    },
    /// The key is not one for this.
    #[error("the key {label:?} in the token {token} cannot be a root key: {why}")]
    UnfitKey {
        /// The token.
        token: TokenName,
        /// The key's label.
        label: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The call has not come back in time.
    #[error("the token {0} does not answer: a call has not come back in time")]
    Hangs(TokenName),
    /// The token, or its module, refused.
    #[error("the token {token} does not do what it is asked: {why}")]
    Failed {
        /// The token.
        token: TokenName,
        /// The function, and its return value as the standard names it.
        why: String,
    },
}

impl TokenError {
    pub(crate) fn failed(token: &TokenName, error: &Error) -> Self {
        Self::Failed { token: token.clone(), why: said(error) }
    }

    /// Whether a new session, or a module that is initialized anew, may help.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::NoToken(_) | Self::NoKey { .. } | Self::Failed { .. })
    }
}

/// A module's answer in a few words. What cryptoki says of return values is the standard's text, which is long.
pub(crate) fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(value, function) => format!("{function:?} returned {value:?}"),
        other => other.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}
