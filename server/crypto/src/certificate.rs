//! Certificates that clients register to sign their own assertions with (RFC 7523).
//!
//! Reads what matters of one X.509 certificate (RFC 5280): its fingerprints, its RSA key, how long it
//! is valid. Must never decide whether to trust it: it is trusted because somebody with the right to
//! do so registered it. Must never take in a private key.

use aws_lc_rs::digest;
use x509_parser::{pem::Pem, prelude::X509Certificate, public_key::PublicKey};

/// Longest PEM text that is looked at, in bytes.
pub const MAX_CERTIFICATE_LEN: usize = 16 * 1024;

/// Why a text is not a certificate that can be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not PEM with exactly one certificate, or too long.
    #[error("this is not one X.509 certificate in PEM")]
    NotACertificate,
    /// There is a private key in the text, which nobody but the client may have.
    #[error("this holds a private key: keep it to yourself and send the certificate alone")]
    PrivateKey,
    /// Another key than RSA.
    #[error("the certificate's key is not RSA, the only sort that Azure's clients sign with")]
    NotRsa,
    /// Fewer than 2048 bits, or more than 8192.
    #[error("the certificate's RSA key has not 2048 to 8192 bits")]
    KeySize,
}

/// What matters of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its subject, for people.
    pub subject: String,
    /// SHA-1 of its DER form: the name `x5t` of RFC 7515. Finds it, proves nothing.
    pub sha1: [u8; 20],
    /// SHA-256 of its DER form: `x5t#S256`.
    pub sha256: [u8; 32],
    /// RSA public key (PKCS#1 DER, RFC 8017 A.1.1).
    pub public_key: Vec<u8>,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
}

impl ClientCertificate {
    /// Reads PEM text with exactly one certificate.
    ///
    /// # Errors
    /// [`CertificateError`].
    pub fn from_pem(text: &[u8]) -> Result<Self, CertificateError> {
        if text.len() > MAX_CERTIFICATE_LEN {
            return Err(CertificateError::NotACertificate);
        }
        let mut found = None;
        for part in Pem::iter_from_buffer(text) {
            let part = part.map_err(|_| CertificateError::NotACertificate)?;
            if part.label.ends_with("PRIVATE KEY") {
                return Err(CertificateError::PrivateKey);
            }
            if part.label != "CERTIFICATE" || found.replace(part.contents).is_some() {
                return Err(CertificateError::NotACertificate);
            }
        }
        Self::from_der(&found.ok_or(CertificateError::NotACertificate)?)
    }

    fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, parsed) = x509_parser::parse_x509_certificate(der).map_err(|_| CertificateError::NotACertificate)?;
        if !rest.is_empty() {
            return Err(CertificateError::NotACertificate);
        }
        let public_key = rsa_key(&parsed)?;
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der);
        Ok(Self {
            subject: parsed.subject().to_string(),
            sha1: sha1.as_ref().try_into().map_err(|_| CertificateError::NotACertificate)?,
            sha256: crate::sha256(der),
            public_key,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }
}

fn rsa_key(certificate: &X509Certificate<'_>) -> Result<Vec<u8>, CertificateError> {
    let info = certificate.public_key();
    match info.parsed() {
        Ok(PublicKey::RSA(key)) if (2048..=8192).contains(&key.key_size()) => Ok(info.subject_public_key.data.to_vec()),
        Ok(PublicKey::RSA(_)) => Err(CertificateError::KeySize),
        _ => Err(CertificateError::NotRsa),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Self-signed by `openssl req -x509 -newkey rsa:2048 -subj "/CN=payments"`.
    const RSA: &str = include_str!("certificate/rsa-2048.pem");
    const SMALL: &str = include_str!("certificate/rsa-1024.pem");
    const EC: &str = include_str!("certificate/p256.pem");

    #[test]
    fn what_openssl_says_of_a_certificate_is_what_is_read() {
        let read = ClientCertificate::from_pem(RSA.as_bytes()).unwrap();
        let hex = |bytes: &[u8]| data_encoding::HEXUPPER.encode(bytes);
        assert_eq!(read.subject, "CN=payments");
        assert_eq!(hex(&read.sha1), include_str!("certificate/rsa-2048.sha1").trim());
        assert_eq!(hex(&read.sha256), include_str!("certificate/rsa-2048.sha256").trim());
        assert_eq!(read.not_after - read.not_before, 3650 * 86_400);
        // SEQUENCE of two INTEGERs, 2048 bits.
        assert!(read.public_key.starts_with(&[0x30, 0x82]) && read.public_key.len() == 270);
    }

    #[test]
    fn other_keys_and_other_texts_are_refused() {
        use CertificateError::{KeySize, NotACertificate, NotRsa, PrivateKey};
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for (text, error) in [
            (SMALL.to_owned(), KeySize),
            (EC.to_owned(), NotRsa),
            (String::new(), NotACertificate),
            ("no certificate".to_owned(), NotACertificate),
            (format!("{RSA}{RSA}"), NotACertificate),
            (format!("{RSA}{key}"), PrivateKey),
            (format!("{key}{RSA}"), PrivateKey),
            (RSA.replace("MII", "MIJ"), NotACertificate),
            (" ".repeat(MAX_CERTIFICATE_LEN + 1), NotACertificate),
        ] {
            assert_eq!(ClientCertificate::from_pem(text.as_bytes()).err(), Some(error), "{text}");
        }
    }
}
