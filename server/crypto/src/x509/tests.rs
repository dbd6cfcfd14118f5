use std::{collections::BTreeSet, net::IpAddr};

use der::Decode as _;
use rustls_pki_types::CertificateDer;
use x509_cert::name::Name;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate, X509CertificationRequest};

use super::*;
use crate::{
    entropy::SeededEntropy,
    key::{Curve, KeySpec, generate},
};

const NOW: i64 = 1_767_225_600;

#[test]
fn hosts_that_a_subject_alone_names_are_asked_for_by_name() {
    let plain = Template { names: AlternativeNames::default(), ..template() };
    let asked = |subject: &str| {
        let subject = subject.to_owned();
        Template { subject, ..plain.clone() }.with_hosts_of_subject().names.labelled()
    };
    assert_eq!(asked("CN=App.example,O=Example"), ["dns:app.example"]);
    assert_eq!(asked("CN=*.app.example"), ["dns:*.app.example"]);
    for nobody in ["CN=Payments", "CN=Ada Lovelace. Esq", "O=app.example", "CN=localhost"] {
        assert!(asked(nobody).is_empty(), "{nobody}");
    }
    assert_eq!(template().with_hosts_of_subject(), template(), "names that are there are all");
    let authority = Template { ca: true, ..plain };
    assert_eq!(authority.with_hosts_of_subject(), authority);
}

#[test]
fn of_usages_is_read_what_a_certificate_says_and_nothing_where_it_says_nothing() {
    let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SeededEntropy::new(1)).ok().unwrap();
    for usages in [BTreeSet::new(), BTreeSet::from([Usage::DigitalSignature])] {
        let said = Template { usages, ..template() };
        let validity = Validity::months(NOW, 1).unwrap();
        let der = self_signed(&said, &key, validity, &SeededEntropy::new(2)).unwrap();
        assert_eq!(Template::of(&der).unwrap().usages, said.usages);
    }
}

fn template() -> Template {
    Template {
        subject: "CN=app.example, O=\"Example, Ltd\", DC=example, DC=com, C=DE".to_owned(),
        names: AlternativeNames {
            dns: vec!["app.example".to_owned(), "*.app.example".to_owned()],
            emails: vec!["ops@app.example".to_owned()],
            upns: vec!["ada@app.example".to_owned()],
            uris: vec!["spiffe://app.example/web".to_owned()],
            addresses: vec!["192.0.2.7".parse::<IpAddr>().unwrap(), "2001:db8::7".parse().unwrap()],
        },
        extended_usages: vec!["1.3.6.1.5.5.7.3.1".to_owned(), "1.3.6.1.5.5.7.3.2".to_owned()],
        usages: BTreeSet::from([Usage::DigitalSignature, Usage::KeyEncipherment]),
        ca: false,
        path_length: None,
        constraints: Constraints::default(),
    }
}

fn specs() -> Vec<KeySpec> {
    let curves = Curve::ALL.into_iter().map(|crv| KeySpec::Ec { crv });
    curves.chain([KeySpec::Rsa { bits: 2048 }]).collect()
}

#[test]
fn a_certificate_says_what_was_asked_and_verifies_with_its_own_key() {
    for spec in specs() {
        let key = generate(spec, &SeededEntropy::new(1)).ok().unwrap();
        let validity = Validity::months(NOW, 12).unwrap();
        let der = self_signed(&template(), &key, validity, &SeededEntropy::new(2)).unwrap();
        let facts = CertificateFacts::of(&der).unwrap();
        assert_eq!((facts.not_before, facts.not_after), (NOW - 600, NOW + 365 * 86_400), "{spec:?}");
        assert_eq!((facts.key, facts.subject), (key.public, facts.issuer));
        let (_, parsed) = X509Certificate::from_der(&der).unwrap();
        assert_eq!(parsed.subject().to_string(), "C=DE, DC=com, DC=example, O=Example, Ltd, CN=app.example");
        assert_eq!(parsed.raw_serial().len(), 16);
        assert!(!parsed.is_ca() && parsed.basic_constraints().unwrap().unwrap().critical);
        let usage = parsed.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature() && usage.value.key_encipherment());
        assert!(!usage.value.key_cert_sign());
        let extended = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.server_auth && extended.client_auth && !extended.code_signing);
        let names = &parsed.subject_alternative_name().unwrap().unwrap().value.general_names;
        assert_eq!(names.len(), 7);
        assert!(names.contains(&GeneralName::DNSName("*.app.example")));
        assert!(names.contains(&GeneralName::IPAddress(&[192, 0, 2, 7])));
        assert!(names.iter().any(|name| matches!(name, GeneralName::OtherName(oid, value)
            if oid.to_id_string() == "1.3.6.1.4.1.311.20.2.3" && value.ends_with(b"ada@app.example"))));
        if spec != (KeySpec::Ec { crv: Curve::P256K }) {
            let anchor = CertificateDer::from(der);
            let mut roots = rustls::RootCertStore::empty();
            assert!(roots.add(anchor).is_ok(), "{spec:?}");
        }
    }
}

#[test]
fn a_request_asks_for_the_same() {
    for spec in specs() {
        let key = generate(spec, &SeededEntropy::new(1)).ok().unwrap();
        let der = request(&template(), &key).unwrap();
        let (rest, parsed) = X509CertificationRequest::from_der(&der).unwrap();
        assert!(rest.is_empty());
        assert_eq!(
            parsed.certification_request_info.subject.to_string(),
            "C=DE, DC=com, DC=example, O=Example, Ltd, CN=app.example"
        );
        assert_eq!(parsed.requested_extensions().unwrap().count(), 4);
    }
}

#[test]
fn months_go_by_the_calendar() {
    let at = |text: &str| time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).unwrap();
    for (from, months, until) in [
        ("2026-01-31T10:00:00Z", 1, "2026-02-28T10:00:00Z"),
        ("2027-12-31T10:00:00Z", 2, "2028-02-29T10:00:00Z"),
        ("2026-11-15T10:00:00Z", 12, "2027-11-15T10:00:00Z"),
        ("2026-01-01T00:00:00Z", 1200, "2126-01-01T00:00:00Z"),
    ] {
        let validity = Validity::months(at(from).unix_timestamp(), months).unwrap();
        assert_eq!(validity.not_after, at(until).unix_timestamp(), "{from} and {months} months");
    }
    assert_eq!(Validity::months(at("9999-06-01T00:00:00Z").unix_timestamp(), 12), None);
}

#[test]
fn names_are_read_as_people_write_them() {
    for (text, canonical) in [
        ("", ""),
        ("CN=app", "CN=app"),
        ("  cn = app , O=Example ;c=DE ", "CN=app,O=Example,C=DE"),
        ("E=ops@example.com, S=Bavaria", "emailAddress=ops@example.com,ST=Bavaria"),
        (r#"CN="Example, ""the"" Ltd" , OU=x"#, r#"CN=Example\, \"the\" Ltd,OU=x"#),
        (r"CN=a\2Cb\+c\ ", r"CN=a\,b\+c\ "),
        ("OU=Sales+CN=J.  Smith, DC=example, DC=net", "OU=Sales+CN=J.  Smith,DC=example,DC=net"),
        ("OID.2.5.4.15=Private, 1.3.6.1.4.1.99.1=x", "2.5.4.15=Private,1.3.6.1.4.1.99.1=x"),
        ("CN=Zo\u{eb}", "CN=Zo\u{eb}"),
        // Attributes that have a name elsewhere, and none here.
        ("1.3.6.1.5.5.7.3.1=c, 1.3.6.1.4.1.311.60.2.1.3=DE", "1.3.6.1.5.5.7.3.1=c,1.3.6.1.4.1.311.60.2.1.3=DE"),
    ] {
        let subject = Subject::parse(text).unwrap();
        assert_eq!(subject.to_string(), canonical, "{text}");
        assert_eq!(Subject::parse(canonical).unwrap(), subject, "and back");
        let name = subject.to_name().unwrap();
        // What was joined by `+` is in the order of DER.
        assert_eq!(Subject::of(&name).unwrap().to_name().unwrap(), name, "as it stands in a certificate");
    }
    // A common name "Zoë" in two octets for each letter, as old Windows authorities write it.
    let bmp = b"\x30\x11\x31\x0f\x30\x0d\x06\x03\x55\x04\x03\x1e\x06\0Z\0o\0\xeb";
    assert_eq!(Subject::of(&Name::from_der(bmp).unwrap()).unwrap().to_string(), "CN=Zo\u{eb}");
    for (text, error) in [
        ("app", SubjectError::Syntax),
        ("CN=app,", SubjectError::Syntax),
        ("CN=\"app", SubjectError::Syntax),
        ("CN=\"app\"x", SubjectError::Syntax),
        (r"CN=app\", SubjectError::Syntax),
        (r"CN=app\g", SubjectError::Syntax),
        ("XY=app", SubjectError::Attribute),
        ("CN=", SubjectError::Value),
        ("C=Germany", SubjectError::Value),
        ("CN=#0402", SubjectError::Value),
        ("CN=a\nb", SubjectError::Value),
    ] {
        assert_eq!(Subject::parse(text), Err(error), "{text}");
    }
    assert_eq!(Subject::parse(&format!("CN={}", "x".repeat(65))), Err(SubjectError::Value));
    assert_eq!(Subject::parse(&"CN=x,".repeat(40)), Err(SubjectError::TooLong));
}

#[test]
fn what_a_certificate_cannot_say_is_refused() {
    let names = |names: AlternativeNames| Template { names, ..template() }.check();
    let dns = |name: &str| names(AlternativeNames { dns: vec![name.to_owned()], ..AlternativeNames::default() });
    assert_eq!(template().check(), Ok(()));
    for good in ["a", "a-b.example", "*.example.com", "_acme.example", "xn--bcher-kva.example"] {
        assert_eq!(dns(good), Ok(()), "{good}");
    }
    for bad in ["", "a..b", "-a.b", "a.*.b", "*", "b\u{fc}cher.example", "a b", "a.", "a\0b", "http://a"] {
        assert_eq!(dns(bad), Err(TemplateError::Dns), "{bad}");
    }
    let emails = vec!["ops".to_owned()];
    assert_eq!(names(AlternativeNames { emails, ..AlternativeNames::default() }), Err(TemplateError::Email));
    let uris = vec!["no uri".to_owned()];
    assert_eq!(names(AlternativeNames { uris, ..AlternativeNames::default() }), Err(TemplateError::Uri));
    let many = vec!["a".to_owned(); MAX_NAMES + 1];
    assert_eq!(names(AlternativeNames { dns: many, ..AlternativeNames::default() }), Err(TemplateError::TooMany));
    let nameless = Template { subject: String::new(), names: AlternativeNames::default(), ..template() };
    assert_eq!(nameless.check(), Err(TemplateError::Nameless));
    let odd = Template { extended_usages: vec!["serverAuth".to_owned()], ..template() };
    assert_eq!(odd.check(), Err(TemplateError::ExtendedUsage));
}

/// Whatever is asked about a certificate reads its chain.
#[test]
fn an_extended_usage_is_written_in_one_way_alone() {
    let with = |oid: &str| Template { extended_usages: vec![oid.to_owned()], ..template() }.check();
    assert_eq!(with("1.3.6.1.5.5.7.3.1"), Ok(()));
    for other in ["1.3.6.1.5.5.07.3.1", "01.3.6.1", "1.3.6.1.5.5.7.3.1.", " 1.3.6.1", "1.3.6.1.505.7.05.7.3.1"] {
        assert_eq!(with(other), Err(TemplateError::ExtendedUsage), "{other}");
    }
}

#[test]
fn a_chain_has_an_end_in_bytes_and_so_has_a_serial_number() {
    let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SeededEntropy::new(1)).ok().unwrap();
    let dns = (10..100).map(|number| format!("{number}{}.example", "a".repeat(55))).collect();
    let long = Template { names: AlternativeNames { dns, ..AlternativeNames::default() }, ..template() };
    let validity = || Validity::months(NOW, 1).unwrap();
    let der = self_signed(&long, &key, validity(), &SeededEntropy::new(2)).unwrap();
    assert!((6_200..8_100).contains(&der.len()), "{}", der.len());
    assert_eq!(CertificateFacts::of_chain(&vec![der.clone(); 3]).map(|facts| facts.len()), Ok(3));
    assert_eq!(CertificateFacts::of_chain(&vec![der; 4]), Err(NotACertificate));
    let short = self_signed(&template(), &key, validity(), &SeededEntropy::new(2)).unwrap();
    assert_eq!(CertificateFacts::of_chain(&vec![short.clone(); 17]), Err(NotACertificate));
    for (more, good) in [(0, true), (5, true), (6, false)] {
        assert_eq!(CertificateFacts::of(&with_longer_serial(&short, more)).is_ok(), good, "{more}");
    }
}

/// A certificate whose serial number of 16 octets has some more.
fn with_longer_serial(certificate: &[u8], more: u8) -> Vec<u8> {
    let mut longer = certificate.to_vec();
    // Both sequences around it say their lengths in two octets; the version stands before it.
    for length in [2, 6] {
        let before = u16::from_be_bytes([longer[length], longer[length + 1]]);
        longer[length..length + 2].copy_from_slice(&(before + u16::from(more)).to_be_bytes());
    }
    assert_eq!(longer[13..15], [2, 16], "a serial number of 16 octets");
    longer[14] += more;
    longer.splice(16..16, vec![1; usize::from(more)]);
    longer
}

#[test]
fn certificates_are_found_in_every_form_that_clients_send() {
    let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SeededEntropy::new(1)).ok().unwrap();
    let der = self_signed(&template(), &key, Validity::months(NOW, 1).unwrap(), &SeededEntropy::new(2)).unwrap();
    let pem = pem(None, &[der.clone(), der.clone()]);
    let text = data_encoding::BASE64.encode(&der);
    let twice = data_encoding::BASE64.encode(pem.expose().as_bytes());
    assert_eq!(certificates_in(&der), Ok(vec![der.clone()]));
    assert_eq!(certificates_in(text.as_bytes()), Ok(vec![der.clone()]));
    assert_eq!(certificates_in(pem.expose().as_bytes()), Ok(vec![der.clone(), der.clone()]));
    assert_eq!(certificates_in(twice.as_bytes()), Ok(vec![der.clone(), der.clone()]));
    let with_key = super::pem(Some(&key.private), std::slice::from_ref(&der));
    for bad in [&b""[..], b"text", &der[..100], &[der.as_slice(), &[0]].concat(), with_key.expose().as_bytes()] {
        assert_eq!(certificates_in(bad), Err(NotACertificate));
    }
    assert_eq!(certificates_in(super::pem(None, &vec![der; 17]).expose().as_bytes()), Err(NotACertificate));
}

/// Whoever judges by names must not miss one.
#[test]
fn a_name_that_cannot_be_said_is_not_passed_over() {
    let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SeededEntropy::new(1)).ok().unwrap();
    let mut said = template();
    said.subject = format!("CN=app.example,2.5.4.15={}", "x".repeat(200));
    said.names.dns = vec!["abc".to_owned()];
    said.names.uris = vec!["spiffe://evil.example".to_owned()];
    let der = self_signed(&said, &key, Validity::months(NOW, 1).unwrap(), &SeededEntropy::new(2)).unwrap();
    assert_eq!(Template::in_full(&der), Ok(Template::of(&der).unwrap()));
    // The same with some octets as another authority might write them.
    let with = |old: &[u8], new: &[u8]| {
        assert_eq!(old.len(), new.len());
        let (mut other, mut at) = (der.clone(), 0);
        while let Some(found) = other[at..].windows(old.len()).position(|window| window == old) {
            other[at + found..][..new.len()].copy_from_slice(new);
            at += found + new.len();
        }
        assert_ne!(other, der);
        Template::in_full(&other)
    };
    let directory = b"\xa4\x15\x30\x13\x31\x11\x30\x0f\x06\x03\x55\x04\x03\x0c\x08evil.com";
    let cases: [(&[u8], &[u8], &str); 8] = [
        (b"\x06\x03\x55\x04\x0f", b"\x06\x03\x55\x04\x09", "STREET in its subject"),
        (b"\x06\x03\x55\x04\x03\x0c", b"\x06\x03\x55\x04\x03\x04", "CN in its subject"),
        (b"\x86\x15spiffe://evil.example", directory, "a directoryName"),
        (b"\x82\x03abc", b"\x88\x03abc", "the registeredID 2.17.98.99"),
        (b"\x82\x03abc", b"\x87\x03abc", "an IP address"),
        (b"\x82\x03abc", b"\x82\x03\xc3\xa4c", "not encoded as RFC 5280"),
        (b"\x82\x37\x14\x02\x03", b"\x82\x37\x14\x02\x04", "otherName of the type 1.3.6.1.4.1.311.20.2.4"),
        (b"\x0c\x0fada@app.example", b"\x04\x0fada@app.example", "a user principal name"),
    ];
    for (old, new, part) in cases {
        let why = with(old, new).unwrap_err();
        assert!(matches!(&why, ImportError::Unsaid(said) if said.contains(part)), "{part}: {why}");
    }
}

#[test]
fn a_document_holds_the_key_only_where_it_may_leave() {
    let key = generate(KeySpec::Ec { crv: Curve::P384 }, &SeededEntropy::new(1)).ok().unwrap();
    let der = self_signed(&template(), &key, Validity::months(NOW, 1).unwrap(), &SeededEntropy::new(2)).unwrap();
    let written = pkcs12(Some(&key.private), std::slice::from_ref(&der), "app").unwrap();
    let read = p12_keystore::Pkcs12Archive::from_pkcs12(written.expose(), "").unwrap();
    assert_eq!(read.keys[0].key.as_der(), key.private.expose());
    assert_eq!(read.certs[0].cert.as_der(), der);
    let without = pkcs12(None, std::slice::from_ref(&der), "app").unwrap();
    let read = p12_keystore::Pkcs12Archive::from_pkcs12(without.expose(), "").unwrap();
    assert_eq!((read.keys.len(), read.certs.len()), (0, 1));
    let text = pem(Some(&key.private), std::slice::from_ref(&der));
    assert!(text.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(!pem(None, &[der]).expose().contains("PRIVATE"));
}
