//! Certificates with private keys that were made elsewhere, as PKCS#12 (RFC 7292) or PEM (RFC 7468): read with bounds,
//! put in order, and believed only where key and certificate belong together.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::{
    pfx::{Contents, Opener},
    read::{CertificateFacts, MAX_CHAIN},
};
use crate::key::{KeyRejected, NewKey, PrivateParts};

/// Longest document in bytes: that of the longest secret.
pub const MAX_IMPORT: usize = 25_600;
/// Longest password in bytes.
const MAX_PASSWORD: usize = 1024;

/// A certificate with its key, ready to be kept.
pub struct Imported {
    /// The key.
    pub key: NewKey,
    /// The certificates in DER, the key's own first.
    pub chain: Vec<Vec<u8>>,
}

/// Why a document is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Longer than [`MAX_IMPORT`], or more certificates than a chain has.
    #[error("the document has more than 25600 bytes or 16 certificates")]
    TooLong,
    /// Not what it should be.
    #[error("the document is damaged, or not a PFX or PEM of the kinds that can be read")]
    Damaged,
    /// Opening it would take too long.
    #[error(
        "the document asks for more rounds of key derivation than are done for one: write it with fewer iterations"
    )]
    TooSlow,
    /// The password does not open it.
    #[error("the password is wrong, or the document was changed")]
    Password,
    /// No private key.
    #[error("the document holds no private key")]
    NoKey,
    /// More than one private key.
    #[error("the document holds more than one private key")]
    SeveralKeys,
    /// A key of a type that is not kept here.
    #[error(transparent)]
    Key(#[from] KeyRejected),
    /// None of the certificates is the key's.
    #[error("none of the certificates in the document is for its private key")]
    OtherKey,
}

impl Imported {
    /// Reads PKCS#12. `keep_order` leaves the others behind the key's own certificate as they stand in the document;
    /// without it whoever signed one comes after it. Takes up to seconds, most of them to try the password and to
    /// look whether the factors of an RSA key are primes.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn from_pkcs12(document: &[u8], password: &str, keep_order: bool) -> Result<Self, ImportError> {
        if document.len() > MAX_IMPORT {
            return Err(ImportError::TooLong);
        }
        if password.len() > MAX_PASSWORD {
            return Err(ImportError::Password);
        }
        Self::of(Opener::new(password).pkcs12(document)?, keep_order)
    }

    /// Reads PEM: one private key, encrypted (PKCS#8) or not, and certificates, in any order. Otherwise as
    /// [`Self::from_pkcs12`].
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn from_pem(text: &[u8], password: &str, keep_order: bool) -> Result<Self, ImportError> {
        if text.len() > MAX_IMPORT {
            return Err(ImportError::TooLong);
        }
        if password.len() > MAX_PASSWORD {
            return Err(ImportError::Password);
        }
        let text = std::str::from_utf8(text).map_err(|_| ImportError::Damaged)?;
        let mut contents = Contents::default();
        for (label, der) in blocks(text)? {
            match label {
                "CERTIFICATE" if contents.certificates.len() >= MAX_CHAIN => return Err(ImportError::TooLong),
                "CERTIFICATE" => contents.certificates.push(der.to_vec()),
                "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" | "ENCRYPTED PRIVATE KEY"
                    if contents.key.is_some() =>
                {
                    return Err(ImportError::SeveralKeys);
                }
                "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => contents.key = Some(der),
                "ENCRYPTED PRIVATE KEY" => contents.key = Some(Opener::new(password).key(&der)?),
                // Parameters of curves and the like.
                _ => {}
            }
        }
        Self::of(contents, keep_order)
    }

    fn of(contents: Contents, keep_order: bool) -> Result<Self, ImportError> {
        let Contents { key, certificates } = contents;
        let key = match PrivateParts::from_der(&key.ok_or(ImportError::NoKey)?)? {
            PrivateParts::Rsa(parts) => NewKey::from_rsa(&parts)?,
            PrivateParts::Ec(parts) => NewKey::from_ec(&parts)?,
        };
        let mut known: Vec<(CertificateFacts, Vec<u8>)> = Vec::with_capacity(certificates.len());
        for der in certificates {
            let facts = CertificateFacts::of(&der).map_err(|_| ImportError::Damaged)?;
            if !known.iter().any(|(_, other)| *other == der) {
                known.push((facts, der));
            }
        }
        let own = known.iter().position(|(facts, _)| facts.key.is_some() && facts.key == key.public);
        let mut chain = vec![known.remove(own.ok_or(ImportError::OtherKey)?)];
        // Whoever signed the last one comes next; each is taken once, so a loop ends.
        while let Some(next) = chain.last().filter(|_| !keep_order).and_then(|(last, _)| {
            let is_root = last.issuer == last.subject;
            known.iter().position(|(facts, _)| !is_root && facts.subject == last.issuer)
        }) {
            chain.push(known.remove(next));
        }
        // Last, because it takes longest.
        if key.spec.is_slow_to_make() {
            key.check_primes()?;
        }
        Ok(Self { key, chain: chain.into_iter().chain(known).map(|(_, der)| der).collect() })
    }
}

/// A label, and what is in its block.
type Block<'a> = (&'a str, Zeroizing<Vec<u8>>);

/// The blocks of PEM. What stands between them is text (RFC 7468, section 2).
fn blocks(text: &str) -> Result<Vec<Block<'_>>, ImportError> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        // Allocated as a whole: nothing of it is left behind while it grows.
        let mut encoded = Zeroizing::new(Vec::with_capacity(text.len()));
        loop {
            let line = lines.next().ok_or(ImportError::Damaged)?;
            if let Some(end) = line.strip_prefix("-----END ") {
                if end.strip_suffix("-----") != Some(label) {
                    return Err(ImportError::Damaged);
                }
                break;
            }
            encoded.extend(line.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        }
        let mut der = Zeroizing::new(vec![0; BASE64.decode_len(encoded.len()).map_err(|_| ImportError::Damaged)?]);
        let length = BASE64.decode_mut(&encoded, &mut der).map_err(|_| ImportError::Damaged)?;
        der.truncate(length);
        found.push((label, der));
    }
    Ok(found)
}
