//! A chain, drawn from the leaf to the root, with what is wrong with each certificate of it. Says what stands there,
//! and never that something is to be trusted.

use strongroom_crypto::{
    key::PublicKey,
    x509::{Finding, Inspected, NotACertificate, inspect},
};
use strongroom_web::{Body, ChainLink, Fact, Icon, Panel, Tone, say};

use crate::dashboard::view;

/// The panel of a chain, beside whose private key it stands if there is one.
pub(in crate::dashboard) fn panel(
    certificates: &[Vec<u8>],
    key: Option<&PublicKey>,
    now: i64,
) -> Result<Panel, NotACertificate> {
    Ok(drawn(&inspect(certificates, key, now)?))
}

/// The panel of what was looked at already.
pub(super) fn drawn(found: &[Inspected]) -> Panel {
    let mut links: Vec<ChainLink> = Vec::with_capacity(found.len() + 1);
    let chained = found.iter().filter(|one| !is_stray(one)).count();
    for (place, certificate) in found.iter().enumerate() {
        links.push(link(place, certificate));
        if place + 1 == chained && certificate.findings.contains(&Finding::Incomplete) {
            links.push(missing(certificate));
        }
    }
    let note = match chained {
        1 => say!("certificates-chain-one-certificate-from-the-leaf").to_owned(),
        count => say!("certificates-chain-count-certificates-from-the-leaf", count = count),
    };
    Panel::new(say!("certificates-chain-chain"), Body::Chain(links)).note(note)
}

fn is_stray(certificate: &Inspected) -> bool {
    certificate.findings.contains(&Finding::Stray)
}

fn link(place: usize, certificate: &Inspected) -> ChainLink {
    let own = certificate.issuer == certificate.subject;
    let word = match (is_stray(certificate), place, own) {
        (true, ..) => say!("certificates-chain-not-of-the-chain"),
        (_, 0, true) => say!("certificates-chain-leaf-signed-by-itself"),
        (_, 0, false) => say!("certificates-chain-leaf"),
        (_, _, true) => say!("certificates-chain-root"),
        (_, _, false) => say!("certificates-chain-authority"),
    };
    // Where a chain ends is drawn as a place of its own.
    let findings: Vec<&Finding> =
        certificate.findings.iter().filter(|finding| **finding != Finding::Incomplete).collect();
    let (tone, icon) = match findings.is_empty() {
        true => (Tone::Plain, if place == 0 { Icon::Certificate } else { Icon::Lock }),
        false => (Tone::Bad, Icon::Warning),
    };
    let mut facts = Vec::new();
    if !certificate.names.is_empty() {
        facts.push(Fact::text(say!("certificates-chain-names"), certificate.names.join(", ")));
    }
    let moment = |at| view::moment(at).text;
    facts.extend([
        Fact::text(
            say!("certificates-chain-valid"),
            say!(
                "certificates-chain-not-before-to-not-after",
                not_before = moment(certificate.not_before),
                not_after = moment(certificate.not_after)
            ),
        ),
        Fact::text(
            say!("certificates-chain-key"),
            say!(
                "certificates-chain-key-signed-by-signature",
                key = certificate.key,
                signature = certificate.signature
            ),
        ),
        Fact::code(say!("certificates-chain-serial-number"), certificate.serial.clone()),
    ]);
    ChainLink {
        title: called(&certificate.subject),
        place: word.to_owned(),
        icon,
        tone,
        findings: findings.into_iter().map(sentence).collect(),
        facts,
    }
}

/// The place of an issuer that is not here.
fn missing(last: &Inspected) -> ChainLink {
    let words = say!("certificates-chain-whoever-does-not-have-it");
    ChainLink {
        title: called(&last.issuer),
        place: say!("certificates-chain-not-here").to_owned(),
        icon: Icon::Unknown,
        tone: Tone::Planned,
        findings: Vec::new(),
        facts: vec![Fact::text(say!("certificates-chain-ends-here"), words)],
    }
}

fn called(name: &str) -> String {
    if name.is_empty() { say!("certificates-chain-no-subject").to_owned() } else { name.to_owned() }
}

pub(super) fn sentence(finding: &Finding) -> String {
    let text = finding.to_string();
    let mut letters = text.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(subject: &str, issuer: &str, findings: &[Finding]) -> Inspected {
        Inspected {
            place: 0,
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            serial: "01".to_owned(),
            names: Vec::new(),
            not_before: 0,
            not_after: 1,
            key: "EC P-256".to_owned(),
            signature: "ECDSA with SHA-256".to_owned(),
            authority: false,
            findings: findings.to_vec(),
        }
    }

    #[test]
    fn a_chain_without_its_root_ends_at_a_place_that_is_empty_and_before_what_does_not_belong_to_it() {
        let found = [
            certificate("CN=leaf", "CN=middle", &[]),
            certificate("CN=middle", "CN=root", &[Finding::Incomplete, Finding::Expired]),
            certificate("", "CN=other", &[Finding::Stray]),
        ];
        let Body::Chain(links) = drawn(&found).body else { panic!("a chain") };
        let told: Vec<_> = links.iter().map(|link| (link.title.as_str(), link.place.as_str(), link.tone)).collect();
        assert_eq!(
            told,
            [
                ("CN=leaf", "Leaf", Tone::Plain),
                ("CN=middle", "Authority", Tone::Bad),
                ("CN=root", "Not here", Tone::Planned),
                ("(no subject)", "Not of the chain", Tone::Bad),
            ]
        );
        assert_eq!(links[1].findings, ["It has expired."]);
    }
}
