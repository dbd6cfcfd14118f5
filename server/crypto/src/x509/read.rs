//! Reading certificates that others made. Bounded before it is parsed, and believed in nothing.

use aws_lc_rs::digest;
use x509_parser::{
    pem::Pem,
    prelude::{FromDer, X509Certificate},
    public_key::PublicKey as Parsed,
};

use crate::key::{Curve, PublicKey};

/// Longest certificate in bytes.
const MAX_CERTIFICATE: usize = 32 * 1024;
/// Most certificates of a chain.
const MAX_CHAIN: usize = 16;

/// Bytes that are no certificate, or more than a chain may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an X.509 certificate in DER, base64 or PEM, or it is longer than a certificate may be")]
pub struct NotACertificate;

/// What matters of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Subject, DER.
    pub subject: Vec<u8>,
    /// Issuer, DER.
    pub issuer: Vec<u8>,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// Its key, if it is of a type that can be kept here.
    pub key: Option<PublicKey>,
}

impl CertificateFacts {
    /// Reads one certificate in DER, with nothing behind it.
    ///
    /// # Errors
    /// [`NotACertificate`].
    pub fn of(certificate: &[u8]) -> Result<Self, NotACertificate> {
        if certificate.len() > MAX_CERTIFICATE {
            return Err(NotACertificate);
        }
        let (rest, parsed) = X509Certificate::from_der(certificate).map_err(|_| NotACertificate)?;
        if !rest.is_empty() {
            return Err(NotACertificate);
        }
        Ok(Self {
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            key: public_key(&parsed),
        })
    }
}

fn public_key(certificate: &X509Certificate<'_>) -> Option<PublicKey> {
    let info = certificate.public_key();
    match info.parsed().ok()? {
        Parsed::RSA(key) => {
            let number = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
            Some(PublicKey::Rsa { n: number(key.modulus), e: number(key.exponent) })
        }
        Parsed::EC(point) => {
            let curve = match info.algorithm.parameters.as_ref()?.as_oid().ok()?.to_id_string().as_str() {
                "1.2.840.10045.3.1.7" => Curve::P256,
                "1.3.132.0.10" => Curve::P256K,
                "1.3.132.0.34" => Curve::P384,
                "1.3.132.0.35" => Curve::P521,
                _ => return None,
            };
            PublicKey::from_point(curve, point.data())
        }
        _ => None,
    }
}

/// SHA-1 of a certificate in DER: the name `x5t` (RFC 7515, section 4.1.7). Finds it, proves nothing.
#[must_use]
pub fn thumbprint(certificate: &[u8]) -> [u8; 20] {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    digest.as_ref().try_into().unwrap_or_default()
}

/// The certificates that a caller gave as DER, as base64 of DER, or as PEM with one or more of them; also as base64
/// of such a text, because two of Azure's packages send PEM so.
///
/// # Errors
/// [`NotACertificate`] when there are none, too many, or something else among them.
pub fn certificates_in(given: &[u8]) -> Result<Vec<Vec<u8>>, NotACertificate> {
    if given.is_empty() || given.len() > 2 * MAX_CHAIN * MAX_CERTIFICATE {
        return Err(NotACertificate);
    }
    if CertificateFacts::of(given).is_ok() {
        return Ok(vec![given.to_vec()]);
    }
    if given.windows(11).any(|window| window == b"-----BEGIN ") {
        let parts = Pem::iter_from_buffer(given).take(MAX_CHAIN + 1);
        let found = parts.map(|part| match part {
            Ok(part) if part.label == "CERTIFICATE" && CertificateFacts::of(&part.contents).is_ok() => {
                Ok(part.contents)
            }
            _ => Err(NotACertificate),
        });
        let found = found.collect::<Result<Vec<_>, _>>()?;
        return if found.is_empty() || found.len() > MAX_CHAIN { Err(NotACertificate) } else { Ok(found) };
    }
    let text: Vec<u8> = given.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let inner = data_encoding::BASE64.decode(&text).map_err(|_| NotACertificate)?;
    // Shorter each time, so this ends.
    certificates_in(&inner)
}
