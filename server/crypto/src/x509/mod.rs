//! X.509 certificates that users keep in a vault (RFC 5280): what one shall say, signing it with its own key,
//! asking an authority for it (RFC 2986), and taking it in and handing it out with its private key as PKCS#12
//! (RFC 7292) or PEM.
//!
//! Names, extensions and documents are encoded by RustCrypto's `x509-cert` and `p12-keystore`; every signature is
//! AWS-LC's, by [`crate::key`]. Must never decide whether to trust a certificate. Copies that `p12-keystore` makes of
//! a private key while it writes are out of reach of zeroizing; they live as long as the call.

mod authority;
mod ber;
mod bundle;
#[cfg(test)]
mod chain_tests;
mod constraints;
mod crl;
mod encryption;
mod finding;
mod import;
mod inspect;
mod issue;
mod order;
mod pfx;
mod read;
mod sound;
mod subject;
mod template;
#[cfg(test)]
mod tests;
mod within;

pub use authority::{AuthorityError, Wanted, issue};
pub use bundle::{BundleError, pem, pkcs12};
pub use constraints::{Constraints, Subtrees};
pub use crl::{List, ListError, Reason, Revoked, list_addresses, list_id, revocation_list};
pub use finding::Finding;
pub use import::{Document, EncryptedKey, ImportError, Imported, MAX_IMPORT, private_key_of_pkcs12};
pub use inspect::{Inspected, inspect, is_issued_by};
pub use issue::{IssueError, Validity, algorithm_of, request, self_signed};
pub use order::{in_order, own_of};
pub use read::{CertificateFacts, NotACertificate, certificates_in, key_of_request, thumbprint};
pub use sound::sound;
pub use subject::{Subject, SubjectError};
pub use template::{AlternativeNames, MAX_NAMES, Template, TemplateError, Usage};
