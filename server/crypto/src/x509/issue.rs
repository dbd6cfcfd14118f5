//! Signing: a certificate with its own key, or a request to an authority.

use std::time::Duration;

use der::{
    Any, DateTime, Decode, Document, Encode, Tag,
    asn1::{BitString, ObjectIdentifier, SetOfVec, UintRef},
};
use signature::Keypair;
use spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, SubjectPublicKeyInfoOwned,
    SubjectPublicKeyInfoRef,
};
use time::{Date, Month, OffsetDateTime};
use x509_cert::{
    attr::Attribute,
    builder::{self, Builder, CertificateBuilder, profile::BuilderProfile},
    certificate::TbsCertificate,
    ext::{
        Extension, ToExtension,
        pkix::{AuthorityKeyIdentifier, SubjectKeyIdentifier},
    },
    name::Name,
    request::{CertReq, CertReqInfo, ExtensionReq, Version},
    serial_number::SerialNumber,
    time::{Time, Validity as Window},
};

use super::template::Template;
use crate::{
    entropy::Entropy,
    key::{Curve, KeySpec, NewKey, PrivateKey, PublicKey, SignAlgorithm},
    secret::Plaintext,
};

/// How far a certificate's validity begins before it is made, in seconds: clocks differ (Azure does the same).
const BACKDATED: i64 = 600;

/// A certificate or a request could not be made of what was checked. Says nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the certificate could not be encoded or signed")]
pub struct IssueError;

impl From<der::Error> for IssueError {
    fn from(_: der::Error) -> Self {
        Self
    }
}

impl From<builder::Error> for IssueError {
    fn from(_: builder::Error) -> Self {
        Self
    }
}

/// From when until when a certificate is valid, Unix seconds, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Begin.
    pub not_before: i64,
    /// End.
    pub not_after: i64,
}

impl Validity {
    /// So many months from `now` on by the calendar, and some minutes before; none when that leaves the calendar.
    /// A day that the last month has not becomes its last one.
    #[must_use]
    pub fn months(now: i64, months: u32) -> Option<Self> {
        let begin = OffsetDateTime::from_unix_timestamp(now).ok()?;
        let total = i64::from(begin.year()) * 12 + i64::from(u8::from(begin.month())) - 1 + i64::from(months);
        let year = i32::try_from(total.div_euclid(12)).ok().filter(|year| *year <= 9999)?;
        let month = Month::try_from(u8::try_from(total.rem_euclid(12)).ok()? + 1).ok()?;
        let day = begin.day().min(month.length(year));
        let end = begin.replace_date(Date::from_calendar_date(year, month, day).ok()?);
        Some(Self { not_before: now - BACKDATED, not_after: end.unix_timestamp() })
    }

    pub(super) fn window(self) -> Result<Window, IssueError> {
        let time = |seconds: i64| -> Result<Time, IssueError> {
            let seconds = u64::try_from(seconds).map_err(|_| IssueError)?;
            Ok(Time::from(DateTime::from_unix_duration(Duration::from_secs(seconds))?))
        };
        Ok(Window::new(time(self.not_before)?, time(self.not_after)?))
    }
}

/// What signs, as the builder of certificates wants to know it. The key itself stays outside.
pub(super) struct Signer {
    pub(super) algorithm: SignAlgorithm,
    pub(super) public: Public,
}

#[derive(Clone)]
pub(super) struct Public(pub(super) Vec<u8>);

impl EncodePublicKey for Public {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.0.as_slice())?)
    }
}

impl Keypair for Signer {
    type VerifyingKey = Public;

    fn verifying_key(&self) -> Public {
        self.public.clone()
    }
}

impl DynSignatureAlgorithmIdentifier for Signer {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(identifier(self.algorithm))
    }
}

/// The algorithm that a key signs certificates and requests with; none of a symmetric one.
#[must_use]
pub fn algorithm_of(spec: KeySpec) -> Option<SignAlgorithm> {
    Some(match spec {
        KeySpec::Rsa { .. } => SignAlgorithm::Rs256,
        KeySpec::Ec { crv: Curve::P256 } => SignAlgorithm::Es256,
        KeySpec::Ec { crv: Curve::P256K } => SignAlgorithm::Es256K,
        KeySpec::Ec { crv: Curve::P384 } => SignAlgorithm::Es384,
        KeySpec::Ec { crv: Curve::P521 } => SignAlgorithm::Es512,
        KeySpec::Oct { .. } => return None,
    })
}

/// RFC 8017, appendix C and RFC 5758, section 3.2.
pub(super) fn identifier(algorithm: SignAlgorithm) -> AlgorithmIdentifierOwned {
    const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
    const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
    const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
    const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
    match algorithm {
        SignAlgorithm::Es384 => AlgorithmIdentifierOwned { oid: ECDSA_SHA384, parameters: None },
        SignAlgorithm::Es512 => AlgorithmIdentifierOwned { oid: ECDSA_SHA512, parameters: None },
        SignAlgorithm::Es256 | SignAlgorithm::Es256K => {
            AlgorithmIdentifierOwned { oid: ECDSA_SHA256, parameters: None }
        }
        _ => AlgorithmIdentifierOwned { oid: RSA_SHA256, parameters: Some(Any::null()) },
    }
}

/// A signature as certificates hold it: of a curve `SEQUENCE { r, s }` (RFC 3279, section 2.2.3).
pub(super) fn sign(key: &PrivateKey, algorithm: SignAlgorithm, message: &[u8]) -> Result<BitString, IssueError> {
    let digest = algorithm.digest_of(message).map_err(|_| IssueError)?;
    let signature = key.sign(algorithm, &digest).map_err(|_| IssueError)?;
    let bytes = match key.spec() {
        KeySpec::Ec { .. } => {
            let (r, s) = signature.split_at_checked(signature.len() / 2).ok_or(IssueError)?;
            let numbers = [UintRef::new(r)?.to_der()?, UintRef::new(s)?.to_der()?].concat();
            Any::new(Tag::Sequence, numbers)?.to_der()?
        }
        _ => signature,
    };
    Ok(BitString::from_bytes(&bytes)?)
}

struct SelfSigned<'a> {
    template: &'a Template,
    subject: Name,
}

impl BuilderProfile for SelfSigned<'_> {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        subject_key: SubjectPublicKeyInfoRef<'_>,
        issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let subject = tbs.subject();
        let mut extensions = self.template.extensions(subject)?;
        extensions.push((&SubjectKeyIdentifier::try_from(subject_key)?).to_extension(subject, &extensions)?);
        extensions.push((&AuthorityKeyIdentifier::try_from(issuer_key)?).to_extension(subject, &extensions)?);
        Ok(extensions)
    }
}

/// A key that signs, opened.
fn opened(spec: KeySpec, private: &Plaintext, public: &PublicKey) -> Result<(PrivateKey, Vec<u8>), IssueError> {
    let key = PrivateKey::open(spec, private).map_err(|_| IssueError)?;
    Ok((key, public.spki().map_err(|_| IssueError)?))
}

/// A certificate that is signed with its own key, in DER. Its serial number has 126 random bits.
///
/// # Errors
/// [`IssueError`].
pub fn self_signed(
    template: &Template,
    key: &NewKey,
    validity: Validity,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, IssueError> {
    let public = key.public.as_ref().ok_or(IssueError)?;
    let algorithm = algorithm_of(key.spec).ok_or(IssueError)?;
    let (opened, spki) = opened(key.spec, &key.private, public)?;
    let mut serial = [0u8; 16];
    entropy.fill(&mut serial).map_err(|_| IssueError)?;
    // Positive, and as long as all others.
    let [first, ..] = &mut serial;
    *first = (*first & 0x7f) | 0x40;
    let subject = template.name()?;
    let profile = SelfSigned { template, subject };
    let info = SubjectPublicKeyInfoOwned::from_der(&spki)?;
    let serial = SerialNumber::new(&serial)?;
    let mut certificate = CertificateBuilder::new(profile, serial, validity.window()?, info)?;
    let signer = Signer { algorithm, public: Public(spki) };
    let message = certificate.finalize(&signer)?;
    let signature = sign(&opened, algorithm, &message)?;
    Ok(certificate.assemble(signature, &signer)?.to_der()?)
}

/// A request for a certificate (PKCS#10, RFC 2986), in DER.
///
/// # Errors
/// [`IssueError`].
pub fn request(template: &Template, key: &NewKey) -> Result<Vec<u8>, IssueError> {
    let public = key.public.as_ref().ok_or(IssueError)?;
    let algorithm = algorithm_of(key.spec).ok_or(IssueError)?;
    let (opened, spki) = opened(key.spec, &key.private, public)?;
    let subject = template.name()?;
    let mut attributes: SetOfVec<Attribute> = SetOfVec::new();
    attributes.insert(Attribute::try_from(ExtensionReq(template.extensions(&subject)?))?)?;
    let public_key = SubjectPublicKeyInfoOwned::from_der(&spki)?;
    let info = CertReqInfo { version: Version::V1, subject, public_key, attributes };
    let signature = sign(&opened, algorithm, &info.to_der()?)?;
    Ok(CertReq { info, algorithm: identifier(algorithm), signature }.to_der()?)
}
