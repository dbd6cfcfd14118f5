//! Sealing, authenticating, signing and deriving for Strongroom: bytes in, bytes out.
//!
//! # The key hierarchy
//!
//! ```text
//! root key (256 bits, from a provider: file, passphrase, credential, environment; or in a token, which keeps it)
//!   ├─ vault key            one per vault, stored wrapped by a key derived from the root key
//!   │    ├─ data key        one per stored version, stored wrapped by a key derived from the vault key
//!   │    │    └─ value      AES-256-GCM; of a key, its private part
//!   │    └─ MAC keys        HKDF, one per purpose: metadata that is judged
//!   └─ blobs                signing keys and the installation's MAC keys (control rows, client secrets)
//! ```
//!
//! Every ciphertext names its place (installation, vault, kind, name, version, data-key id, row
//! format) as associated data, so a row that was moved, renamed or rolled into another vault does
//! not open. No key is used for two purposes: each use derives its own with HKDF-SHA256.
//!
//! # What this crate never does
//!
//! - No input or output, except reading and creating the root key file and reading a credential.
//! - No clock: every moment is an argument. No hidden randomness where the caller can supply it:
//!   keys and nonces come from [`Entropy`] (only the per-signature nonce of ECDSA is drawn by AWS-LC).
//! - No knowledge of HTTP, SQL, principals or permissions.
//! - No secret in a type that can be printed, serialized, compared or cloned by accident.
//! - No reason for a failed opening: whatever was changed, the answer is [`OpenError::Tampered`].

pub mod certificate;
pub mod chain;
pub mod credential;
pub mod entropy;
pub mod envelope;
pub mod key;
pub mod mac;
pub mod merkle;
pub mod provider;
pub mod root;
pub mod root_cipher;
pub mod secret;
pub mod sign;
pub mod tls;
pub mod tree;
pub mod x509;

mod canonical;
mod derive;
mod gcm;
mod key_file;
#[cfg(test)]
mod known_answers;

pub use canonical::sha256;
pub use certificate::{CertificateError, ClientCertificate};
pub use chain::CheckpointBody;
pub use credential::{hash_client_secret, new_client_secret, verify_client_secret};
#[cfg(any(test, feature = "test-support"))]
pub use entropy::SeededEntropy;
pub use entropy::{Entropy, EntropyError, SystemEntropy};
pub use envelope::{
    MAX_BACKUP_LEN, MAX_PLAINTEXT_LEN, OpenError, Place, PlaceParts, ROW_FORMAT, SealError, SealedValue, VaultKey,
    WrappedKey,
};
pub use mac::MacKey;
pub use provider::{FileProvider, GivenProvider, PassphraseProvider, RootKeyProvider};
pub use root::{RootKey, RootKeyError};
pub use root_cipher::{RootCipher, RootUse};
pub use secret::{NotUtf8, Plaintext, SecretText};
pub use sign::{
    AuditSigner, PublicJwk, SignerError, TokenSigner, verify_audit_signature, verify_named_audit_signature,
};
pub use tls::{DevAuthority, TlsError};
