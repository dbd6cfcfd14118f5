//! A certificate authority whose key is kept here: signs what it may sign, and nothing that no verifier would take.
//!
//! What the authority's own certificate and those above it say (RFC 5280: the end of its validity, the length of the path
//! below it, the names it may certify) is enforced before anything is signed. Whom it signs for is judged elsewhere.

use der::{
    Decode, Encode,
    asn1::{Ia5String, OctetString},
};
use spki::{SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::{
    Certificate,
    builder::{self, Builder, CertificateBuilder, profile::BuilderProfile},
    certificate::TbsCertificate,
    ext::{
        Extension, ToExtension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage, KeyUsage, KeyUsages,
            SubjectKeyIdentifier,
            crl::dp::DistributionPoint,
            name::{DistributionPointName, GeneralName},
        },
    },
    name::Name,
    request::CertReq,
    serial_number::SerialNumber,
};

use super::{
    issue::{IssueError, Public, Signer, Validity, algorithm_of, sign},
    subject::Subject,
    template::{Template, Usage},
    within::{keeps_constraints, with_accounts},
};
use crate::{
    entropy::Entropy,
    key::{KeySpec, PrivateKey},
    secret::Plaintext,
};

/// Octets of a serial number: as many as RFC 5280 (4.1.2.2) allows, all but two bits of them random.
const SERIAL: usize = 20;
/// The extended usage that stands for all of them.
const ANY_USAGE: &str = "2.5.29.37.0";

/// Why an authority does not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Its certificate does not make it one.
    #[error("the certificate of the authority may not sign others")]
    NotAnAuthority,
    /// It, or one above it, has ended or not begun.
    #[error("the certificate of the authority, or of one above it, has expired or is not valid yet")]
    NotValid,
    /// No further authority may stand below it.
    #[error("the path below the authority is too short for another authority")]
    PathTooLong,
    /// A use that it, or one above it, is not for.
    #[error("the authority, or one above it, is not for the extended key usages that are asked for")]
    OutsideUsages,
    /// A name that it, or one above it, may not certify.
    #[error("a name is outside of the name constraints of the authority")]
    OutsideConstraints,
    /// Its own name, or that of one above it.
    #[error("what is below the authority may not have its name as a subject, nor that of an authority above it")]
    Namesake,
    /// Its name constraints are of a kind that is not understood here.
    #[error("the authority has name constraints of a kind that is not enforced here, so it signs nothing")]
    UnknownConstraints,
    /// It could not be encoded or signed.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<der::Error> for AuthorityError {
    fn from(_: der::Error) -> Self {
        Self::Issue(IssueError)
    }
}

impl From<builder::Error> for AuthorityError {
    fn from(_: builder::Error) -> Self {
        Self::Issue(IssueError)
    }
}

/// What an authority is asked to sign.
pub struct Wanted<'a> {
    /// The request (PKCS#10), DER: of it the public key alone counts.
    pub request: &'a [u8],
    /// What the certificate shall say.
    pub template: &'a Template,
    /// For how long it shall be valid; cut to that of the authority and of those above it.
    pub validity: Validity,
    /// Where the authority's list of revoked certificates is found.
    pub crl_url: Option<&'a str>,
    /// Unix seconds.
    pub now: i64,
}

/// Signs a certificate by the first of `chain`, whose key this is. Gives it in DER.
///
/// # Errors
/// [`AuthorityError`].
pub fn issue(
    chain: &[Vec<u8>],
    (spec, private): (KeySpec, &Plaintext),
    wanted: &Wanted<'_>,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, AuthorityError> {
    let chain = chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>()?;
    let authority = chain.first().ok_or(AuthorityError::NotAnAuthority)?;
    let validity = cut(&chain, wanted)?;
    may_sign(&chain, wanted.template)?;
    let subject = wanted.template.name()?;
    if !subject.is_empty() && chain.iter().any(|above| are_namesakes(above.tbs_certificate().subject(), &subject)) {
        return Err(AuthorityError::Namesake);
    }
    let held = with_accounts(wanted.template)?;
    for above in &chain {
        keeps_constraints(above, &held)?;
        keeps_usages(above, wanted.template)?;
    }
    let algorithm = algorithm_of(spec).ok_or(IssueError)?;
    let key = PrivateKey::open(spec, private).map_err(|_| IssueError)?;
    let info = authority.tbs_certificate().subject_public_key_info().to_der()?;
    let subject_key: SubjectPublicKeyInfoOwned = CertReq::from_der(wanted.request)?.info.public_key;
    let mut serial = [0u8; SERIAL];
    entropy.fill(&mut serial).map_err(|_| IssueError)?;
    let [first, ..] = &mut serial;
    *first = (*first & 0x7f) | 0x40;
    let profile = Signed {
        template: wanted.template,
        subject,
        issuer: authority.tbs_certificate().subject().clone(),
        key_id: key_id(authority)?,
        crl_url: wanted.crl_url,
    };
    let mut certificate =
        CertificateBuilder::new(profile, SerialNumber::new(&serial)?, validity.window()?, subject_key)?;
    let signer = Signer { algorithm, public: Public(info) };
    let message = certificate.finalize(&signer)?;
    let signature = sign(&key, algorithm, &message)?;
    Ok(certificate.assemble(signature, &signer)?.to_der()?)
}

pub(super) fn key_id(authority: &Certificate) -> Result<OctetString, AuthorityError> {
    if let Some((_, SubjectKeyIdentifier(id))) = authority.tbs_certificate().get_extension::<SubjectKeyIdentifier>()? {
        return Ok(id);
    }
    let info = authority.tbs_certificate().subject_public_key_info().to_der()?;
    let SubjectKeyIdentifier(id) = SubjectKeyIdentifier::try_from(SubjectPublicKeyInfoRef::from_der(&info)?)?;
    Ok(id)
}

/// The validity within that of each of the chain: nobody takes what outlives one of them.
fn cut(chain: &[Certificate], wanted: &Wanted<'_>) -> Result<Validity, AuthorityError> {
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    let mut cut = wanted.validity;
    for above in chain {
        let own = above.tbs_certificate().validity();
        let (begin, end) = (seconds(own.not_before), seconds(own.not_after));
        if !(begin..=end).contains(&wanted.now) {
            return Err(AuthorityError::NotValid);
        }
        cut = Validity { not_before: cut.not_before.max(begin), not_after: cut.not_after.min(end) };
    }
    if cut.not_before < cut.not_after { Ok(cut) } else { Err(AuthorityError::NotValid) }
}

fn may_sign(chain: &[Certificate], template: &Template) -> Result<(), AuthorityError> {
    // How many authorities stand between one of the chain and what is signed.
    let mut between = 0u8;
    for authority in chain {
        let found = authority.tbs_certificate().get_extension::<BasicConstraints>()?;
        let (_, constraints) = found.ok_or(AuthorityError::NotAnAuthority)?;
        if !constraints.ca {
            return Err(AuthorityError::NotAnAuthority);
        }
        let usages = authority.tbs_certificate().get_extension::<KeyUsage>()?;
        if usages.is_some_and(|(_, KeyUsage(usages))| !usages.contains(KeyUsages::KeyCertSign)) {
            return Err(AuthorityError::NotAnAuthority);
        }
        let below = between.saturating_add(u8::from(template.ca));
        if constraints.path_len_constraint.is_some_and(|most| below > most) {
            return Err(AuthorityError::PathTooLong);
        }
        between = between.saturating_add(1);
    }
    let signs = [Usage::KeyCertSign, Usage::CrlSign].iter().any(|usage| template.usages.contains(usage));
    if signs && !template.ca { Err(AuthorityError::NotAnAuthority) } else { Ok(()) }
}

/// Whether verifiers may take one name for the other (RFC 5280, section 7.1): lists of revoked certificates and further
/// certificates are found by the name of an authority, so nobody below it may sign under that.
fn are_namesakes(one: &Name, other: &Name) -> bool {
    let folded = |name: &Name| {
        let said = Subject::of(name).ok()?.to_string().to_lowercase();
        Some(said.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    one == other || folded(one).is_some_and(|one| folded(other) == Some(one))
}

/// Whether a certificate is for nothing that one above it is not for, as verifiers take the extended usages of a chain.
fn keeps_usages(above: &Certificate, template: &Template) -> Result<(), AuthorityError> {
    let Some((_, ExtendedKeyUsage(allowed))) = above.tbs_certificate().get_extension::<ExtendedKeyUsage>()? else {
        return Ok(());
    };
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    let asked = &template.extended_usages;
    // Without any, a certificate is good for everything; an authority is for what those above it are.
    let says = template.ca || !asked.is_empty();
    let is_any = allowed.iter().any(|usage| usage == ANY_USAGE);
    if is_any || (says && asked.iter().all(|usage| allowed.contains(usage))) {
        Ok(())
    } else {
        Err(AuthorityError::OutsideUsages)
    }
}

struct Signed<'a> {
    template: &'a Template,
    subject: Name,
    issuer: Name,
    key_id: OctetString,
    crl_url: Option<&'a str>,
}

impl BuilderProfile for Signed<'_> {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        subject_key: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> builder::Result<Vec<Extension>> {
        let subject = tbs.subject();
        let mut extensions = self.template.extensions(subject)?;
        extensions.push((&SubjectKeyIdentifier::try_from(subject_key)?).to_extension(subject, &extensions)?);
        let above = AuthorityKeyIdentifier {
            key_identifier: Some(self.key_id.clone()),
            authority_cert_issuer: None,
            authority_cert_serial_number: None,
        };
        extensions.push((&above).to_extension(subject, &extensions)?);
        if let Some(url) = self.crl_url {
            let name = GeneralName::UniformResourceIdentifier(Ia5String::new(url)?);
            let point = DistributionPoint {
                distribution_point: Some(DistributionPointName::FullName(vec![name])),
                reasons: None,
                crl_issuer: None,
            };
            extensions.push((&CrlDistributionPoints(vec![point])).to_extension(subject, &extensions)?);
        }
        Ok(extensions)
    }
}
