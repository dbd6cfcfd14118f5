//! Renewal information (RFC 9773): how an authority names a certificate, and when it wants that one renewed.

use instant_acme::{CertificateIdentifier, RenewalInfo};
use rustls_pki_types::Der;
use x509_parser::{certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer as _};

/// By which a directory with renewal information knows a certificate; none for one without a key identifier of its issuer.
pub(crate) fn certificate_id(certificate: &[u8]) -> Option<CertificateIdentifier<'static>> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let key = certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityKeyIdentifier(of) => of.key_identifier.as_ref().map(|id| id.0),
        _ => None,
    })?;
    let serial = certificate.tbs_certificate.raw_serial();
    Some(CertificateIdentifier::new(Der::from_slice(key), Der::from_slice(serial)).into_owned())
}

/// The moment in the suggested window at which a certificate is renewed (Unix seconds), drawn with `random`: a window that
/// has begun is still drawn from as a whole, and what has passed is at once. None for a window that is none, or that begins
/// when the certificate has ended.
pub(crate) fn moment(suggested: &RenewalInfo, certificate: &[u8], now: i64, random: u64) -> Option<i64> {
    let (begin, end) =
        (suggested.suggested_window.start.unix_timestamp(), suggested.suggested_window.end.unix_timestamp());
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let expires = certificate.validity().not_after.timestamp();
    if begin >= end || begin >= expires {
        return None;
    }
    let width = u128::from(end.min(expires).abs_diff(begin));
    let drawn = i64::try_from(width * u128::from(random) / u128::from(u64::MAX)).ok()?;
    Some(begin.saturating_add(drawn).max(now))
}
