//! Making a request and a certificate of a policy that was accepted, and reading both again.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use strongroom_crypto::SeededEntropy;
use strongroom_crypto::key::{Curve, KeySpec, NewKey, generate};
use strongroom_crypto::x509::{CertificateFacts, Subject, Template, Validity, request, self_signed};
use x509_parser::prelude::{FromDer, X509CertificationRequest};

static KEY: LazyLock<NewKey> =
    LazyLock::new(|| generate(KeySpec::Ec { crv: Curve::P256 }, &SeededEntropy::new(1)).ok().expect("a key"));

/// What is accepted can be said, and comes back as it was said.
pub(crate) fn assert_can_be_said(template: &Template, months: u32) {
    let request = request(template, &KEY).expect("a request that says what was accepted");
    let (rest, read) = X509CertificationRequest::from_der(&request).expect("a request that others read");
    assert!(rest.is_empty());
    assert!(read.requested_extensions().is_some(), "it asks for extensions");

    let Some(validity) = Validity::months(1_767_225_600, months) else { return };
    let certificate = self_signed(template, &KEY, validity, &SeededEntropy::new(2));
    let certificate = certificate.expect("a certificate that says what was accepted");
    // Longer than others are read, and then not kept.
    let Ok(facts) = CertificateFacts::of(&certificate) else {
        assert!(certificate.len() > 16 * 1024, "it is read unless it is too long");
        return;
    };
    assert_eq!(facts.key, KEY.public);
    let said = Template::of(&certificate).expect("it is read");
    assert_eq!(said.names, template.names);
    let purposes = |template: &Template| template.extended_usages.iter().cloned().collect::<BTreeSet<_>>();
    assert_eq!((purposes(&said), said.ca), (purposes(template), template.ca));
    assert_eq!(said.path_length, template.path_length.filter(|_| template.ca));
    assert_eq!(said.usages, template.usages);
    // The parts that stand side by side are sorted in DER, so the text may be another; that one stays.
    let subject = |template: &Template| Subject::parse(&template.subject).expect("a subject");
    assert_eq!(subject(&said).is_empty(), subject(template).is_empty(), "{}", template.subject);
    let again = self_signed(&said, &KEY, validity, &SeededEntropy::new(2)).expect("what was read can be said again");
    let again = Template::of(&again).expect("it is read");
    assert_eq!(again.subject, said.subject);
    assert_eq!((again.path_length, again.constraints), (said.path_length, said.constraints));
}
