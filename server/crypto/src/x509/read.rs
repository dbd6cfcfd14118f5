//! Reading certificates that others made. Bounded before it is parsed, and believed in nothing.

use std::net::IpAddr;

use aws_lc_rs::digest;
use der::Decode as _;
use x509_cert::{
    ext::pkix::name::{GeneralName as Strict, GeneralNames},
    name::Name,
};
use x509_parser::{
    der_parser::{der::parse_der, oid::Oid},
    pem::Pem,
    prelude::{FromDer, GeneralName, X509Certificate, X509CertificationRequest},
    public_key::PublicKey as Parsed,
    x509::SubjectPublicKeyInfo,
};

use super::{
    constraints::Constraints,
    import::ImportError,
    subject::{Subject, left_out},
    template::{AlternativeNames, Template, Usage},
};
use crate::key::{Curve, PublicKey};

/// The user principal name of a smart card logon (Microsoft).
const UPN: &str = "1.3.6.1.4.1.311.20.2.3";
/// Longest certificate in bytes.
const MAX_CERTIFICATE: usize = 16 * 1024;
/// Longest chain in bytes: it is read with whatever is asked about the certificate.
const MAX_CHAIN_BYTES: usize = 24 * 1024;
/// Longest serial number in octets as it is encoded (RFC 5280, 4.1.2.2: 20, and one that says it is positive).
const MAX_SERIAL: usize = 21;
/// Most certificates of a chain.
pub(super) const MAX_CHAIN: usize = 16;

/// Bytes that are no certificate, or more than a chain may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is not an X.509 certificate in DER, base64 or PEM, or it is longer than a certificate (16 KiB) or a chain (24 KiB) may be"
)]
pub struct NotACertificate;

/// What matters of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Subject, DER.
    pub subject: Vec<u8>,
    /// Issuer, DER.
    pub issuer: Vec<u8>,
    /// Serial number, as its octets stand there.
    pub serial: Vec<u8>,
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
        if !rest.is_empty() || parsed.raw_serial().len() > MAX_SERIAL {
            return Err(NotACertificate);
        }
        Ok(Self {
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            serial: parsed.raw_serial().to_vec(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            key: public_key(parsed.public_key()),
        })
    }

    /// Issuer and serial number in one short text: what no authority gives to two certificates.
    #[must_use]
    pub fn issued_as(&self) -> String {
        let length = u64::try_from(self.issuer.len()).unwrap_or(u64::MAX).to_be_bytes();
        data_encoding::HEXLOWER.encode(&crate::sha256(&[&length[..], &self.issuer, &self.serial].concat()))
    }

    /// Reads the certificates of a chain, in their order.
    ///
    /// # Errors
    /// [`NotACertificate`], also when all of them together are longer than a chain may be.
    pub fn of_chain(chain: &[Vec<u8>]) -> Result<Vec<Self>, NotACertificate> {
        if chain.len() > MAX_CHAIN || chain.iter().map(Vec::len).sum::<usize>() > MAX_CHAIN_BYTES {
            return Err(NotACertificate);
        }
        chain.iter().map(|certificate| Self::of(certificate)).collect()
    }
}

/// The key that a request (PKCS#10) in DER is for, if it is of a type that can be kept here.
#[must_use]
pub fn key_of_request(request: &[u8]) -> Option<PublicKey> {
    let (_, parsed) = X509CertificationRequest::from_der(request).ok()?;
    public_key(&parsed.certification_request_info.subject_pki)
}

fn public_key(info: &SubjectPublicKeyInfo<'_>) -> Option<PublicKey> {
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

impl Template {
    /// What a certificate says, as far as a template can say it: to be shown. A subject whose parts have no text here
    /// stays empty. What is judged by it is read by [`Self::in_full`].
    ///
    /// # Errors
    /// [`NotACertificate`].
    pub fn of(certificate: &[u8]) -> Result<Self, NotACertificate> {
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| NotACertificate)?;
        let subject = Name::from_der(parsed.subject().as_raw()).map_err(|_| NotACertificate)?;
        let subject = Subject::of(&subject).map(|subject| subject.to_string()).unwrap_or_default();
        let mut names = AlternativeNames::default();
        let found = parsed.subject_alternative_name().map_err(|_| NotACertificate)?;
        for name in found.iter().flat_map(|extension| &extension.value.general_names) {
            match name {
                GeneralName::DNSName(name) => names.dns.push((*name).to_owned()),
                GeneralName::RFC822Name(name) => names.emails.push((*name).to_owned()),
                GeneralName::URI(name) => names.uris.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => names.addresses.extend(address(bytes)),
                GeneralName::OtherName(kind, value) if kind.to_id_string() == UPN => names.upns.extend(text(value)),
                _ => {}
            }
        }
        let extended = parsed.extended_key_usage().map_err(|_| NotACertificate)?;
        let extended = extended.map(|extension| extension.value);
        let known = |oid: &'static str, said: bool| said.then(|| oid.to_owned());
        let extended_usages = extended.map_or_else(Vec::new, |said| {
            let named = [
                known("1.3.6.1.5.5.7.3.1", said.server_auth),
                known("1.3.6.1.5.5.7.3.2", said.client_auth),
                known("1.3.6.1.5.5.7.3.3", said.code_signing),
                known("1.3.6.1.5.5.7.3.4", said.email_protection),
                known("1.3.6.1.5.5.7.3.8", said.time_stamping),
                known("1.3.6.1.5.5.7.3.9", said.ocsp_signing),
                known("2.5.29.37.0", said.any),
            ];
            named.into_iter().flatten().chain(said.other.iter().map(Oid::to_id_string)).collect()
        });
        // None without the extension, and then it may be used for anything (RFC 5280, section 4.2.1.3).
        let flags = parsed.key_usage().map_err(|_| NotACertificate)?.map_or(0, |extension| extension.value.flags);
        let constraints = parsed.basic_constraints().map_err(|_| NotACertificate)?;
        let path_length = constraints.filter(|said| said.value.ca).and_then(|said| said.value.path_len_constraint);
        let path_length = path_length.map(|most| u8::try_from(most).unwrap_or(u8::MAX));
        let usages = Usage::ALL.into_iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1);
        Ok(Self {
            subject,
            names,
            extended_usages,
            usages: usages.map(|(_, usage)| usage).collect(),
            ca: parsed.is_ca(),
            path_length,
            constraints: if parsed.is_ca() { name_constraints(&parsed) } else { Constraints::default() },
        })
    }
}

impl Template {
    /// What a certificate that others made says of whom it names, in full: whoever judges it by its names must not miss
    /// one that a verifier reads.
    ///
    /// # Errors
    /// [`ImportError::Damaged`] for what is no certificate, and [`ImportError::Unsaid`] with the kind of the first part
    /// that a template cannot say.
    pub fn in_full(certificate: &[u8]) -> Result<Self, ImportError> {
        let template = Self::of(certificate).map_err(|_| ImportError::Damaged)?;
        let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| ImportError::Damaged)?;
        let subject = Name::from_der(parsed.subject().as_raw()).map_err(|_| ImportError::Damaged)?;
        if let Some(part) = left_out(&subject) {
            return Err(ImportError::Unsaid(part));
        }
        let found = parsed.extensions().iter().find(|extension| extension.oid.to_id_string() == "2.5.29.17");
        if let Some(part) = found.and_then(|found| unsaid(found.value, &template.names)) {
            return Err(ImportError::Unsaid(part));
        }
        Ok(template)
    }
}

/// What of alternative names a template does not say.
fn unsaid(extension: &[u8], said: &AlternativeNames) -> Option<String> {
    let Ok(names) = GeneralNames::from_der(extension) else {
        return Some("a subject alternative name that is not encoded as RFC 5280 has it".to_owned());
    };
    let of_name = |name: &Strict| match name {
        Strict::DirectoryName(_) => Some("a directoryName".to_owned()),
        Strict::EdiPartyName(_) => Some("an ediPartyName".to_owned()),
        Strict::RegisteredId(oid) => Some(format!("the registeredID {oid}")),
        Strict::OtherName(other) if other.type_id.to_string() != UPN => {
            Some(format!("an otherName of the type {}", other.type_id))
        }
        Strict::IpAddress(octets) => {
            address(octets.as_bytes()).is_none().then(|| "an IP address of neither 4 nor 16 octets".to_owned())
        }
        Strict::OtherName(_) | Strict::Rfc822Name(_) | Strict::DnsName(_) | Strict::UniformResourceIdentifier(_) => {
            None
        }
    };
    let part = names.iter().find_map(of_name);
    // Two readers that do not find as many see two certificates.
    part.or_else(|| (names.len() != said.len()).then(|| "a user principal name that is no text".to_owned()))
}

/// Name constraints, as far as a template can say them.
fn name_constraints(certificate: &X509Certificate<'_>) -> Constraints {
    let found = certificate.extensions().iter().find(|extension| extension.oid.to_id_string() == "2.5.29.30");
    found.and_then(|found| Constraints::of(found.value)).unwrap_or_default()
}

/// The text of an `otherName`, in its tag.
fn text(value: &[u8]) -> Option<String> {
    let (_, tagged) = parse_der(value).ok()?;
    let (_, text) = parse_der(tagged.as_slice().ok()?).ok()?;
    text.as_str().ok().map(str::to_owned)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
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
