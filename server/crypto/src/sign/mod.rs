//! Signatures: Ed25519 for the audit trail, ECDSA P-256 for the tokens this installation issues.
//!
//! Private keys leave only as PKCS#8 inside a [`crate::Plaintext`], to be sealed. Must never sign
//! with a key made for another use.

mod audit;
pub(crate) mod p256;
mod token;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub use audit::{AuditSigner, verify_audit_signature, verify_named_audit_signature};
pub use token::{PublicJwk, TokenSigner};

use crate::canonical::sha256;
use crate::entropy::EntropyError;

/// Why there is no signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// No key could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The bytes are not a PKCS#8 private key of the expected kind.
    #[error("the signing key is not a private key of the expected kind")]
    Rejected,
}

/// The thumbprint of a JSON Web Key (RFC 7638): SHA-256 of its required members, in base64url.
pub(crate) fn thumbprint(required_members: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(required_members.as_bytes()))
}
