//! A private certificate authority for the development server, and leaf certificates from it.
//!
//! X.509 as RFC 5280 asks: what OpenSSL, Python's strict checks, Node and rustls accept. Must never
//! serve an installation that is not marked as development.

use std::net::IpAddr;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::entropy::{Entropy, EntropyError, draw};
use crate::secret::SecretText;
use crate::sign::{SignerError, p256};

/// Ten years, with their leap days.
const AUTHORITY_DAYS: i64 = 3652;
/// What clients accept at most for a server certificate.
pub const MAX_LEAF_DAYS: u16 = 397;
/// Names and addresses one certificate may hold.
const MAX_SUBJECTS: usize = 100;
/// The longest common name (RFC 5280, ub-common-name).
const MAX_COMMON_NAME: usize = 64;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// No key or serial number could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// No name at all, too many, or one that a certificate cannot hold.
    #[error("{0:?} cannot be the name in a certificate")]
    Name(String),
    /// Not one to 397 days, or beyond the calendar.
    #[error("a server certificate is valid for 1 to {MAX_LEAF_DAYS} days")]
    Lifetime,
    /// The stored authority is not a certificate and its P-256 private key in PEM.
    #[error("the development authority's certificate or key is damaged: {0}")]
    Authority(String),
    /// The certificate could not be written.
    #[error("the certificate could not be built: {0}")]
    Build(String),
}

impl From<SignerError> for TlsError {
    fn from(error: SignerError) -> Self {
        match error {
            SignerError::Entropy(error) => Self::Entropy(error),
            SignerError::Rejected => Self::Build("no usable key could be drawn".to_owned()),
        }
    }
}

/// The certificate authority of one development installation. Fill the fields to load a stored one.
pub struct DevAuthority {
    /// The self-signed certificate, to be trusted by clients.
    pub ca_cert_pem: String,
    /// Its private key (PKCS#8, PEM).
    pub ca_key_pem: SecretText,
}

impl DevAuthority {
    /// Makes a new authority called `name`, valid for ten years from `not_before`, that may sign
    /// server certificates and no further authorities.
    ///
    /// # Errors
    /// [`TlsError`] when the name does not fit, the moment is out of range or no key can be drawn.
    pub fn create(name: &str, not_before: OffsetDateTime, entropy: &dyn Entropy) -> Result<Self, TlsError> {
        if name.is_empty() || name.chars().count() > MAX_COMMON_NAME {
            return Err(TlsError::Name(name.to_owned()));
        }
        let key = new_key(entropy)?;
        let mut params = new_params(not_before, AUTHORITY_DAYS, entropy)?;
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&*key).map_err(build_error)?;
        Ok(Self { ca_cert_pem: certificate.pem(), ca_key_pem: SecretText::new(key.serialize_pem()) })
    }

    /// Issues a server certificate for `dns_names` and `ips`, valid for `days` from `not_before`.
    /// Gives the certificate (PEM, without the authority's) and its new private key (PKCS#8, PEM).
    ///
    /// # Errors
    /// [`TlsError`] when a name, the lifetime or the stored authority is unusable.
    pub fn issue_server(
        &self,
        dns_names: &[String],
        ips: &[IpAddr],
        not_before: OffsetDateTime,
        days: u16,
        entropy: &dyn Entropy,
    ) -> Result<(String, SecretText), TlsError> {
        if !(1..=MAX_LEAF_DAYS).contains(&days) {
            return Err(TlsError::Lifetime);
        }
        let issuer = self.issuer()?;
        let key = new_key(entropy)?;
        let mut params = new_params(not_before, i64::from(days), entropy)?;
        params.subject_alt_names = subject_alt_names(dns_names, ips)?;
        params.distinguished_name = dns_names
            .iter()
            .find(|name| name.len() <= MAX_COMMON_NAME)
            .map_or_else(|| common_name("Strongroom development server"), |name| common_name(name));
        // Explicit, because only then a subject key identifier is written.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&*key, &issuer).map_err(build_error)?;
        Ok((certificate.pem(), SecretText::new(key.serialize_pem())))
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, TlsError> {
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(self.ca_key_pem.expose(), &PKCS_ECDSA_P256_SHA256)
            .map_err(authority_error)?;
        Issuer::from_ca_cert_pem(&self.ca_cert_pem, key).map_err(authority_error)
    }
}

fn new_key(entropy: &dyn Entropy) -> Result<Zeroizing<KeyPair>, TlsError> {
    let pkcs8 = p256::to_pkcs8(&p256::generate(entropy)?)?;
    KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.as_slice().into(), &PKCS_ECDSA_P256_SHA256)
        .map(Zeroizing::new)
        .map_err(build_error)
}

/// What every certificate here has: a random serial number, its lifetime and the issuer's key id.
fn new_params(not_before: OffsetDateTime, days: i64, entropy: &dyn Entropy) -> Result<CertificateParams, TlsError> {
    // 127 random bits: positive, and never zero in front where DER would shorten it.
    let mut serial: [u8; 16] = draw(entropy)?;
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    let mut params = CertificateParams::default();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.not_before = not_before;
    params.not_after = not_before.checked_add(Duration::days(days)).ok_or(TlsError::Lifetime)?;
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn subject_alt_names(dns_names: &[String], ips: &[IpAddr]) -> Result<Vec<SanType>, TlsError> {
    let count = dns_names.len() + ips.len();
    if !(1..=MAX_SUBJECTS).contains(&count) {
        return Err(TlsError::Name(format!("a list of {count} names")));
    }
    let names = dns_names.iter().map(|name| {
        Some(name)
            .filter(|name| is_dns_name(name))
            .and_then(|name| Ia5String::try_from(name.as_str()).ok())
            .map(SanType::DnsName)
            .ok_or_else(|| TlsError::Name(name.clone()))
    });
    let addresses = ips.iter().map(|ip| Ok(SanType::IpAddress(*ip)));
    names.chain(addresses).collect()
}

/// Whether `name` is a host name as certificates hold it, with at most a wildcard in front
/// (RFC 5280 section 4.2.1.6, RFC 6125 section 6.4.3).
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(is_label)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn build_error(error: rcgen::Error) -> TlsError {
    TlsError::Build(error.to_string())
}

fn authority_error(error: rcgen::Error) -> TlsError {
    TlsError::Authority(error.to_string())
}

#[cfg(test)]
mod tests;
