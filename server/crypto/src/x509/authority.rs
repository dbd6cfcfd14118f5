//! A certificate authority whose key is kept here: signs what it may sign, and nothing that no verifier would take.
//!
//! What the authority's own certificate and those above it say (RFC 5280: the end of its validity, the length of the path
//! below it, the names it may certify) is enforced before anything is signed. Whom it signs for is judged elsewhere.

use std::net::IpAddr;

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
            NameConstraints, SubjectKeyIdentifier,
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
    for above in &chain {
        keeps_constraints(above, wanted.template)?;
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
        subject: wanted.template.name()?,
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

/// Whether all names of a certificate are within the constraints of one above it (RFC 5280, 4.2.1.10).
fn keeps_constraints(above: &Certificate, template: &Template) -> Result<(), AuthorityError> {
    let Some((_, constraints)) = above.tbs_certificate().get_extension::<NameConstraints>()? else { return Ok(()) };
    let permitted: Vec<GeneralName> = bases(constraints.permitted_subtrees);
    let excluded: Vec<GeneralName> = bases(constraints.excluded_subtrees);
    let understood = |name: &GeneralName| {
        matches!(name, GeneralName::DnsName(_) | GeneralName::Rfc822Name(_) | GeneralName::IpAddress(_))
    };
    if !permitted.iter().chain(&excluded).all(understood) {
        return Err(AuthorityError::UnknownConstraints);
    }
    let (names, subject) = (&template.names, Subject::parse(&template.subject).map_err(|_| IssueError)?);
    // What is called by a name in its subject alone is taken for it by some.
    let dns = names.dns.iter().map(String::as_str).chain(subject.common_names().filter_map(as_host));
    let mut all: Vec<Asked<'_>> = dns.map(Asked::Dns).collect();
    all.extend(names.emails.iter().map(String::as_str).chain(subject.emails()).map(Asked::Mail));
    all.extend(names.addresses.iter().map(|address| Asked::Address(*address)));
    for name in &all {
        let of_its_kind = || permitted.iter().filter(|base| name.is_of_kind(base));
        let outside = of_its_kind().next().is_some() && !of_its_kind().any(|base| name.is_within(base));
        if outside || excluded.iter().any(|base| name.may_be_within(base)) {
            return Err(AuthorityError::OutsideConstraints);
        }
    }
    Ok(())
}

fn bases(subtrees: Option<x509_cert::ext::pkix::constraints::name::GeneralSubtrees>) -> Vec<GeneralName> {
    subtrees.unwrap_or_default().into_iter().map(|subtree| subtree.base).collect()
}

/// A name that is asked for.
enum Asked<'a> {
    Dns(&'a str),
    Mail(&'a str),
    Address(IpAddr),
}

impl Asked<'_> {
    fn is_of_kind(&self, base: &GeneralName) -> bool {
        matches!(
            (self, base),
            (Self::Dns(_), GeneralName::DnsName(_))
                | (Self::Mail(_), GeneralName::Rfc822Name(_))
                | (Self::Address(_), GeneralName::IpAddress(_))
        )
    }

    fn is_within(&self, base: &GeneralName) -> bool {
        match (self, base) {
            (Self::Dns(name), GeneralName::DnsName(base)) => name.is_ascii() && is_below(name, base.as_str()),
            (Self::Mail(mail), GeneralName::Rfc822Name(base)) => {
                let (base, host) = (base.as_str(), mail.rsplit_once('@').map_or("", |(_, host)| host));
                match base.strip_prefix('.') {
                    _ if base.contains('@') => mail.eq_ignore_ascii_case(base),
                    Some(domain) => host.len() > domain.len() && is_below(host, domain),
                    None => host.eq_ignore_ascii_case(base),
                }
            }
            (Self::Address(address), GeneralName::IpAddress(base)) => {
                let octets = match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let Some((net, mask)) = base.as_bytes().split_at_checked(octets.len()) else { return false };
                mask.len() == octets.len()
                    && octets.iter().zip(net).zip(mask).all(|((octet, net), mask)| octet & mask == net & mask)
            }
            _ => false,
        }
    }

    /// Whether a verifier may take it for a name within: what is excluded must not be reached by another way to say it.
    fn may_be_within(&self, base: &GeneralName) -> bool {
        if let (Self::Dns(name), GeneralName::DnsName(domain)) = (self, base)
            && may_be_below(name, domain.as_str())
        {
            return true;
        }
        self.is_within(base)
    }
}

/// What a client may take for a host in a common name; none for one of words or for a single one, which names nobody
/// elsewhere.
fn as_host(common: &str) -> Option<&str> {
    let name = common.trim();
    let name = name.strip_suffix('.').unwrap_or(name);
    let of_words = name.contains(' ') && !name.contains(STARS);
    (!of_words && name.contains(|letter: char| is_dot(letter) || STARS.contains(&letter))).then_some(name)
}

/// The star and what compatibility makes of it (NFKC).
const STARS: [char; 3] = ['*', '\u{fe61}', '\u{ff0a}'];

/// Whether compatibility (NFKC) or IDNA (RFC 3490, section 3.1) makes a dot of it.
fn is_dot(letter: char) -> bool {
    matches!(
        letter,
        '.' | '\u{2024}'..='\u{2026}'
            | '\u{2488}'..='\u{249b}'
            | '\u{3002}'
            | '\u{33c2}'
            | '\u{33c7}'
            | '\u{33d8}'
            | '\u{fe12}'
            | '\u{fe19}'
            | '\u{fe30}'
            | '\u{fe52}'
            | '\u{ff0e}'
            | '\u{ff61}'
            | '\u{1f100}'
    )
}

/// Whether a host that is no plain one may stand for one in a domain: a star for the label below its own, and letters
/// that are not ASCII, or a star elsewhere, for whatever a client makes of them.
fn may_be_below(host: &str, domain: &str) -> bool {
    let is_plain = |host: &str| host.is_ascii() && !host.contains('*');
    match host.strip_prefix("*.") {
        Some(parent) if is_plain(parent) => is_below(domain.strip_prefix('.').unwrap_or(domain), parent),
        None if is_plain(host) => false,
        _ => true,
    }
}

/// Whether a host is a domain or below it. A star may come to stand for anything below.
fn is_below(host: &str, domain: &str) -> bool {
    let domain = domain.strip_prefix('.').unwrap_or(domain);
    let host = host.strip_prefix("*.").unwrap_or(host);
    let (host, domain) = (host.to_ascii_lowercase(), domain.to_ascii_lowercase());
    domain.is_empty() || host == domain || host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_within_a_domain_a_host_or_a_network() {
        for (host, domain, within) in [
            ("app.example", "example", true),
            ("app.example", ".app.example", true),
            ("*.app.example", "app.example", true),
            ("evilapp.example", "app.example", false),
            ("APP.Example", "app.EXAMPLE", true),
            ("example", "app.example", false),
        ] {
            assert_eq!(is_below(host, domain), within, "{host} {domain}");
        }
        for (host, domain, may) in [
            ("*.app.example", "secret.app.example", true),
            ("*.app.example", ".SECRET.app.example", true),
            ("*.app.example", "other.example", false),
            ("*.secret.app.example", "app.example", false),
            ("app.example", "secret.app.example", false),
            ("a.*.example", "other.example", true),
            ("\u{17f}ecret.app.example", "secret.app.example", true),
        ] {
            assert_eq!(may_be_below(host, domain), may, "{host} {domain}");
        }
        let mail = |base: &str| GeneralName::Rfc822Name(Ia5String::new(base).unwrap());
        let asked = Asked::Mail("ops@app.example");
        assert!(asked.is_within(&mail("app.example")) && asked.is_within(&mail(".example")));
        assert!(asked.is_within(&mail("ops@app.example")));
        assert!(!asked.is_within(&mail("example")) && !asked.is_within(&mail(".app.example")));
        let net = |bytes: &[u8]| GeneralName::IpAddress(OctetString::new(bytes).unwrap());
        let asked = Asked::Address("10.1.2.3".parse().unwrap());
        assert!(asked.is_within(&net(&[10, 0, 0, 0, 255, 0, 0, 0])));
        assert!(!asked.is_within(&net(&[10, 2, 0, 0, 255, 255, 0, 0])));
        assert!(!asked.is_within(&net(&[10, 0, 0, 0])), "half of a network is none");
    }
}
