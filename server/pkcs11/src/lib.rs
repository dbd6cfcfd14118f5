//! A token behind PKCS#11 (OASIS, Cryptographic Token Interface 2.40 and 3.x): the root key in a hardware module, and
//! the keys of vaults whose types end with -HSM.
//!
//! The module is a library of the token's vendor that is loaded into this process. It is not ours to trust
//! with time: it may wait for a cable, a network or a person. So every call of it happens on a thread of this
//! crate's own, whoever asks waits for a bounded time ([`Settings::limit`]), and a call that never comes back costs
//! a thread (at most a few) and not the server.
//!
//! - A session that is lost is opened anew, with the PIN read anew; when that fails, the module is initialized
//!   anew. A token that was away is back with the next call.
//! - A PIN that was refused is never given to the token again, because tokens lock themselves after some tries.
//! - There is no unsafe code here: cryptoki loads the module and keeps its pointers, see `module`.
//!
//! Must never hold a key of the token, log a PIN, or tell a forged ciphertext from a token that is away by
//! anything but the token's own answer to a question whose answer is known.

mod error;
mod keys;
mod mechanisms;
mod module;
mod pin;
mod root;
mod session;
mod worker;

use std::{path::PathBuf, time::Duration};

pub use error::TokenError;
pub use keys::TokenKeys;
pub use pin::{Pin, ReadPin};
pub use root::Pkcs11Provider;
pub use worker::Token;

/// Which token of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenName {
    /// The one with this label. No two may have it.
    Label(String),
    /// The one in the slot of this number.
    Slot(u64),
}

impl std::fmt::Display for TokenName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(label) => write!(f, "{label:?}"),
            Self::Slot(number) => write!(f, "in slot {number}"),
        }
    }
}

/// How a token is reached.
pub struct Settings {
    /// The vendor's library; an absolute path.
    pub module: PathBuf,
    /// Which token.
    pub token: TokenName,
    /// The user's PIN.
    pub pin: Pin,
    /// How long whoever asks waits at most, for one call.
    pub limit: Duration,
}
