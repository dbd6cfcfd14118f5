//! What a certificate and its chain say, for people who look for what is wrong with them (RFC 5280, section 6.1 as far
//! as it can be told without a root that is trusted). Judges nothing on the way of a request, and never says that a
//! certificate is to be trusted.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use der::Decode as _;
use x509_cert::{Certificate, name::Name};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    authority::AuthorityError,
    finding::Finding,
    issue::IssueError,
    read::{CertificateFacts, MAX_CHAIN, NotACertificate},
    subject::Subject,
    template::Template,
    within::keeps_constraints,
};
use crate::key::{Curve, PublicKey};

/// Fewest bits of an RSA key that is not weak (NIST SP 800-131A).
const LEAST_RSA: usize = 2048;

/// A certificate as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Where it stands in the document.
    pub place: usize,
    /// RFC 4514.
    pub subject: String,
    /// RFC 4514.
    pub issuer: String,
    /// Hexadecimal.
    pub serial: String,
    /// Alternative names, each with its sort before a colon.
    pub names: Vec<String>,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// Type and size, or the object identifier of a type that is not kept here.
    pub key: String,
    /// Name or object identifier of the algorithm.
    pub signature: String,
    /// Whether it may sign others.
    pub authority: bool,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// Looks at the certificates of a document, in the order in which they stand there, and at the key that stands beside
/// them. Gives them from the leaf to the root; what belongs to no chain comes last.
///
/// # Errors
/// [`NotACertificate`].
pub fn inspect(certificates: &[Vec<u8>], key: Option<&PublicKey>, now: i64) -> Result<Vec<Inspected>, NotACertificate> {
    if certificates.is_empty() || certificates.len() > MAX_CHAIN {
        return Err(NotACertificate);
    }
    let read = certificates.iter().map(|der| Looked::at(der));
    let mut left: Vec<Looked<'_>> = read.collect::<Result<_, _>>()?;
    for (place, looked) in left.iter_mut().enumerate() {
        looked.place = place;
    }
    let is_own = |looked: &Looked<'_>| key.is_some() && looked.facts.key.as_ref() == key;
    // The key's own; else one that signed no other.
    let signed_none = |looked: &Looked<'_>| {
        !left.iter().any(|other| other.place != looked.place && other.facts.issuer == looked.facts.subject)
    };
    let leaf = left.iter().position(is_own).or_else(|| left.iter().position(signed_none)).unwrap_or(0);
    let mut chain = vec![left.remove(leaf)];
    // Each is taken once, so a loop ends.
    while let Some(next) = chain.last().filter(|last| !last.is_root()).and_then(|last| last.issuer_among(&left)) {
        chain.push(left.remove(next));
    }
    let mut told = Vec::with_capacity(certificates.len());
    for (place, looked) in chain.iter().enumerate() {
        let mut findings = looked.findings(now);
        if place == 0 && key.is_some_and(|key| looked.facts.key.as_ref() != Some(key)) {
            findings.push(Finding::OtherKey);
        }
        if looked.place != place {
            findings.push(Finding::OutOfOrder);
        }
        let issuer = if looked.is_root() { Some(looked) } else { chain.get(place + 1) };
        match issuer {
            None if chain.iter().any(|one| one.facts.subject == looked.facts.issuer) => findings.push(Finding::Circle),
            None => findings.push(Finding::Incomplete),
            Some(issuer) => {
                match looked.is_signed_by(issuer) {
                    Some(true) => {}
                    Some(false) => findings.push(Finding::ForeignSignature),
                    None => findings.push(Finding::Unchecked(looked.signature())),
                }
                if !looked.is_root() && !issuer.parsed.is_ca() {
                    findings.push(Finding::IssuerIsNoAuthority);
                }
            }
        }
        findings.extend(of_path(&chain, place));
        told.push(looked.told(findings)?);
    }
    for looked in &left {
        let mut findings = looked.findings(now);
        findings.push(Finding::Stray);
        told.push(looked.told(findings)?);
    }
    Ok(told)
}

/// What is wrong with a certificate by those above it, and with an authority by those below (RFC 5280, section 6.1.4).
fn of_path(chain: &[Looked<'_>], place: usize) -> Vec<Finding> {
    let mut found = Vec::new();
    let Some((looked, above)) = chain.get(place..).and_then(<[_]>::split_first) else { return found };
    // One that issued itself, as for another key, is neither counted nor held to names.
    let between = chain.get(1..place).unwrap_or_default().iter().filter(|one| !one.is_root()).count();
    if let Some(most) = looked.path_length().filter(|most| u32::try_from(between).unwrap_or(u32::MAX) > *most) {
        found.push(Finding::PathTooLong(most));
    }
    if place > 0 && looked.is_root() {
        return found;
    }
    for authority in above {
        match authority.lets_through(looked, place == 0) {
            Ok(()) => {}
            Err(AuthorityError::OutsideConstraints) => found.push(Finding::OutsideConstraints(authority.called())),
            Err(_) => found.push(Finding::UnknownConstraints(authority.called())),
        }
    }
    found
}

/// Whether a certificate names an authority as its issuer and is signed by its key.
///
/// # Errors
/// [`NotACertificate`].
pub fn is_issued_by(certificate: &[u8], authority: &[u8]) -> Result<bool, NotACertificate> {
    let (certificate, authority) = (Looked::at(certificate)?, Looked::at(authority)?);
    let named = certificate.facts.issuer == authority.facts.subject;
    Ok(named && certificate.is_signed_by(&authority) == Some(true))
}

/// Whether a certificate is signed by the key of another, whatever their names; none when the algorithm is not known here.
pub(super) fn signature_fits(certificate: &[u8], issuer: &[u8]) -> Option<bool> {
    let (certificate, issuer) = (Looked::at(certificate).ok()?, Looked::at(issuer).ok()?);
    certificate.is_signed_by(&issuer)
}

/// A certificate that was read.
struct Looked<'a> {
    der: &'a [u8],
    parsed: X509Certificate<'a>,
    facts: CertificateFacts,
    place: usize,
}

impl<'a> Looked<'a> {
    fn at(der: &'a [u8]) -> Result<Self, NotACertificate> {
        let facts = CertificateFacts::of(der)?;
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        Ok(Self { der, parsed, facts, place: 0 })
    }

    fn is_root(&self) -> bool {
        self.facts.issuer == self.facts.subject
    }

    /// The one of its issuer's name whose key fits; else one of its name.
    fn issuer_among(&self, others: &[Self]) -> Option<usize> {
        let named = |other: &&Self| other.facts.subject == self.facts.issuer;
        let fits = others.iter().position(|other| named(&other) && self.is_signed_by(other) == Some(true));
        fits.or_else(|| others.iter().position(|other| named(&other)))
    }

    /// Whether it is signed by the key of another; none when the algorithm is not known here.
    fn is_signed_by(&self, issuer: &Self) -> Option<bool> {
        let key = issuer.parsed.public_key();
        let algorithm = verification(&self.parsed.signature_algorithm.algorithm.to_id_string(), &issuer.facts, || {
            key.algorithm.algorithm.to_id_string()
        })?;
        let key = UnparsedPublicKey::new(algorithm, &*key.subject_public_key.data);
        let signed: &[u8] = self.parsed.tbs_certificate.as_ref();
        Some(key.verify(signed, &self.parsed.signature_value.data).is_ok())
    }

    /// How many authorities it allows below it, if it says so.
    fn path_length(&self) -> Option<u32> {
        self.parsed.basic_constraints().ok().flatten()?.value.path_len_constraint
    }

    /// Whether its key usage is for signing certificates; none when it says nothing of that.
    fn may_sign(&self) -> Option<bool> {
        Some(self.parsed.key_usage().ok().flatten()?.value.key_cert_sign())
    }

    /// Whether its name constraints let a certificate through, as verifiers read them: they have none for users and URIs, and
    /// take the name of a subject for a host only where the last of a chain has no other.
    fn lets_through(&self, other: &Self, is_last: bool) -> Result<(), AuthorityError> {
        if matches!(self.parsed.name_constraints(), Ok(None)) {
            return Ok(());
        }
        let mut said = Template::of(other.der).map_err(|_| IssueError)?;
        let subject = Subject::parse(&said.subject).map_err(|_| IssueError)?;
        said.names.emails.extend(subject.emails().map(str::to_owned));
        (said.names.upns, said.names.uris) = (Vec::new(), Vec::new());
        if !is_last || !said.names.dns.is_empty() {
            said.subject = String::new();
        }
        keeps_constraints(&Certificate::from_der(self.der)?, &said)
    }

    /// Its subject, for people.
    fn called(&self) -> String {
        Name::from_der(&self.facts.subject).map(|name| name.to_string()).unwrap_or_default()
    }

    /// Name or object identifier of the algorithm of its signature.
    fn signature(&self) -> String {
        let oid = self.parsed.signature_algorithm.algorithm.to_id_string();
        algorithm_name(&oid).map_or(oid, str::to_owned)
    }

    /// What is wrong with it by itself.
    fn findings(&self, now: i64) -> Vec<Finding> {
        let mut found = Vec::new();
        if now > self.facts.not_after {
            found.push(Finding::Expired);
        }
        if now < self.facts.not_before {
            found.push(Finding::NotYetValid);
        }
        if let Some(PublicKey::Rsa { n, .. }) = &self.facts.key
            && bits(n) < LEAST_RSA
        {
            found.push(Finding::WeakKey(bits(n)));
        }
        // Nobody relies on what a root says of itself.
        if let Some(weak) = weak(&self.parsed.signature_algorithm.algorithm.to_id_string()).filter(|_| !self.is_root())
        {
            found.push(Finding::WeakSignature(weak));
        }
        match (self.parsed.is_ca(), self.may_sign()) {
            (false, Some(true)) => found.push(Finding::SignsWithoutAuthority),
            (true, Some(false)) => found.push(Finding::MayNotSign),
            _ => {}
        }
        found
    }

    fn told(&self, findings: Vec<Finding>) -> Result<Inspected, NotACertificate> {
        let name = |der: &[u8]| Name::from_der(der).map(|name| name.to_string()).map_err(|_| NotACertificate);
        let said = Template::of(self.der)?.names;
        let sorts = [("dns", said.dns), ("email", said.emails), ("upn", said.upns), ("uri", said.uris)];
        let texts =
            sorts.into_iter().flat_map(|(sort, names)| names.into_iter().map(move |name| format!("{sort}:{name}")));
        let addresses = said.addresses.iter().map(|address| format!("ip:{address}"));
        Ok(Inspected {
            place: self.place,
            subject: name(&self.facts.subject)?,
            issuer: name(&self.facts.issuer)?,
            serial: data_encoding::HEXLOWER.encode(self.parsed.raw_serial()),
            names: texts.chain(addresses).collect(),
            not_before: self.facts.not_before,
            not_after: self.facts.not_after,
            key: match &self.facts.key {
                Some(PublicKey::Rsa { n, .. }) => format!("RSA {}", bits(n)),
                Some(PublicKey::Ec { crv, .. }) => format!("EC {}", crv.as_str()),
                None => self.parsed.public_key().algorithm.algorithm.to_id_string(),
            },
            signature: self.signature(),
            authority: self.parsed.is_ca(),
            findings,
        })
    }
}

/// Bits of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    (number.len() * 8).saturating_sub(usize::try_from(unused).unwrap_or(0))
}

fn algorithm_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113549.1.1.11" => "RSA with SHA-256",
        "1.2.840.113549.1.1.12" => "RSA with SHA-384",
        "1.2.840.113549.1.1.13" => "RSA with SHA-512",
        "1.2.840.113549.1.1.10" => "RSA-PSS",
        "1.2.840.10045.4.3.2" => "ECDSA with SHA-256",
        "1.2.840.10045.4.3.3" => "ECDSA with SHA-384",
        "1.2.840.10045.4.3.4" => "ECDSA with SHA-512",
        "1.3.101.112" => "Ed25519",
        other => return weak(other),
    })
}

/// Signatures over hashes of which collisions were made.
fn weak(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113549.1.1.2" => "RSA with MD2",
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "RSA with SHA-1",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        _ => return None,
    })
}

/// How signatures of an algorithm are verified with a key.
fn verification(
    oid: &str,
    issuer: &CertificateFacts,
    type_of_key: impl FnOnce() -> String,
) -> Option<&'static dyn VerificationAlgorithm> {
    let curve = match &issuer.key {
        Some(PublicKey::Ec { crv, .. }) => Some(*crv),
        _ => None,
    };
    Some(match (oid, curve, &issuer.key) {
        ("1.2.840.113549.1.1.11", _, Some(PublicKey::Rsa { .. })) => {
            &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY
        }
        ("1.2.840.113549.1.1.12", _, Some(PublicKey::Rsa { .. })) => &signature::RSA_PKCS1_2048_8192_SHA384,
        ("1.2.840.113549.1.1.13", _, Some(PublicKey::Rsa { .. })) => {
            &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY
        }
        ("1.2.840.113549.1.1.5", _, Some(PublicKey::Rsa { .. })) => {
            &signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY
        }
        ("1.2.840.10045.4.3.2", Some(Curve::P256), _) => &signature::ECDSA_P256_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", Some(Curve::P256), _) => &signature::ECDSA_P256_SHA384_ASN1,
        ("1.2.840.10045.4.3.2", Some(Curve::P256K), _) => &signature::ECDSA_P256K1_SHA256_ASN1,
        ("1.2.840.10045.4.3.2", Some(Curve::P384), _) => &signature::ECDSA_P384_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", Some(Curve::P384), _) => &signature::ECDSA_P384_SHA384_ASN1,
        ("1.2.840.10045.4.3.2", Some(Curve::P521), _) => &signature::ECDSA_P521_SHA256_ASN1,
        ("1.2.840.10045.4.3.3", Some(Curve::P521), _) => &signature::ECDSA_P521_SHA384_ASN1,
        ("1.2.840.10045.4.3.4", Some(Curve::P521), _) => &signature::ECDSA_P521_SHA512_ASN1,
        ("1.3.101.112", None, None) if type_of_key() == "1.3.101.112" => &signature::ED25519,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256};

    use super::*;
    use crate::{
        entropy::SeededEntropy,
        key::{KeySpec, NewKey, generate},
        x509::{Constraints, Template, Usage, Validity, self_signed},
    };

    const NOW: i64 = 1_800_000_000;

    fn own(seed: u64, name: &str) -> (Vec<u8>, NewKey) {
        let entropy = SeededEntropy::new(seed);
        let key = generate(KeySpec::Ec { crv: Curve::P256 }, &entropy).ok().unwrap();
        let template = Template {
            subject: format!("CN={name}"),
            names: crate::x509::AlternativeNames { dns: vec![name.to_owned()], ..Default::default() },
            extended_usages: Vec::new(),
            usages: std::collections::BTreeSet::from([Usage::DigitalSignature]),
            ca: false,
            path_length: None,
            constraints: Constraints::default(),
        };
        (self_signed(&template, &key, Validity::months(NOW, 1).unwrap(), &entropy).unwrap(), key)
    }

    /// A certificate by an authority; a root without one.
    fn issued<'a>(name: &str, ca: bool, by: Option<&Issuer<'_, KeyPair>>) -> (Vec<u8>, Issuer<'a, KeyPair>) {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = if ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::ExplicitNoCa };
        let made = match by {
            Some(issuer) => params.signed_by(&key, issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        (made.der().to_vec(), Issuer::new(params, key))
    }

    fn told(certificates: &[Vec<u8>], key: Option<&PublicKey>, now: i64) -> Vec<(String, Vec<Finding>)> {
        let inspected = inspect(certificates, key, now).unwrap();
        inspected.into_iter().map(|certificate| (certificate.subject, certificate.findings)).collect()
    }

    fn good(name: &str) -> (String, Vec<Finding>) {
        bad(name, &[])
    }

    fn bad(name: &str, findings: &[Finding]) -> (String, Vec<Finding>) {
        (format!("CN={name}"), findings.to_vec())
    }

    #[test]
    fn a_certificate_tells_what_it_says_and_when_it_counts() {
        let (der, key) = own(1, "app.example");
        let inspected = inspect(std::slice::from_ref(&der), key.public.as_ref(), NOW).unwrap();
        let [one] = inspected.as_slice() else { panic!("one") };
        assert_eq!((one.subject.as_str(), one.issuer.as_str()), ("CN=app.example", "CN=app.example"));
        assert_eq!(one.names, ["dns:app.example"]);
        assert_eq!(
            (one.key.as_str(), one.signature.as_str(), one.authority),
            ("EC P-256", "ECDSA with SHA-256", false)
        );
        assert_eq!(one.findings, []);
        assert!((one.not_before..one.not_after).contains(&NOW));
        let at = |now| told(std::slice::from_ref(&der), None, now).remove(0).1;
        assert_eq!(at(one.not_after + 1), [Finding::Expired]);
        assert_eq!(at(one.not_before - 1), [Finding::NotYetValid]);
        let other = own(2, "other.example").1;
        assert_eq!(
            told(std::slice::from_ref(&der), other.public.as_ref(), NOW),
            [bad("app.example", &[Finding::OtherKey])]
        );
        let mut touched = der.clone();
        *touched.last_mut().unwrap() ^= 1;
        assert_eq!(told(&[touched], None, NOW), [bad("app.example", &[Finding::ForeignSignature])]);
        assert!(inspect(&[], None, NOW).is_err() && inspect(&[vec![1, 2, 3]], None, NOW).is_err());
    }

    #[test]
    fn a_chain_is_told_from_the_leaf_to_the_root_whatever_its_order() {
        let (root, by_root) = issued("root", true, None);
        let (middle, by_middle) = issued("middle", true, Some(&by_root));
        let (leaf, by_leaf) = issued("leaf", false, Some(&by_middle));
        let all = [leaf.clone(), middle.clone(), root.clone()];
        assert_eq!(told(&all, None, NOW), ["leaf", "middle", "root"].map(good));
        let turned = told(&[root.clone(), middle.clone(), leaf.clone()], None, NOW);
        let places = [("leaf", true), ("middle", false), ("root", true)];
        let expected = places.map(|(name, moved)| bad(name, if moved { &[Finding::OutOfOrder] } else { &[] }));
        assert_eq!(turned, expected);
        assert_eq!(
            told(&[leaf.clone(), middle.clone()], None, NOW),
            [good("leaf"), bad("middle", &[Finding::Incomplete])]
        );
        let (stray, _) = own(3, "stray");
        let with_stray = told(&[leaf.clone(), middle.clone(), root.clone(), stray], None, NOW);
        assert_eq!(with_stray.last(), Some(&bad("stray", &[Finding::Stray])));
        // Another authority of the same name, and one that signed without being one.
        let (namesake, _) = issued("middle", true, Some(&by_root));
        let foreign = told(&[leaf.clone(), namesake.clone(), root.clone()], None, NOW);
        assert_eq!(foreign[0], bad("leaf", &[Finding::ForeignSignature]));
        let both = told(&[leaf, namesake, middle, root], None, NOW);
        assert_eq!(both[0], bad("leaf", &[]), "the one that signed it, of two of the name");
        let (below, _) = issued("below", false, Some(&by_leaf));
        let leaf_again = all[0].clone();
        assert_eq!(told(&[below, leaf_again], None, NOW)[0], bad("below", &[Finding::IssuerIsNoAuthority]));
    }

    #[test]
    fn a_loop_ends_and_is_named() {
        let (_, by_a) = issued("a", true, None);
        let (b, by_b) = issued("b", true, Some(&by_a));
        let (a, _) = issued("a", true, Some(&by_b));
        for all in [[a.clone(), b.clone()], [b, a]] {
            let told = told(&all, None, NOW);
            assert!(told.len() == 2 && told[1].1.contains(&Finding::Circle), "{told:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_fall_over(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), place in 0usize..400, bit in 0u8..8) {
            let _ = inspect(&[bytes], None, NOW);
            let (mut der, _) = own(4, "app.example");
            if let Some(byte) = der.get_mut(place) {
                *byte ^= 1 << bit;
            }
            let _ = inspect(&[der], None, NOW);
        }
    }
}
