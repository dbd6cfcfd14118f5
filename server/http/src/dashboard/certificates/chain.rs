//! A chain, drawn from the leaf to the root, with what is wrong with each certificate of it. Says what stands there,
//! and never that something is to be trusted.

use strongroom_crypto::{
    key::PublicKey,
    x509::{Finding, Inspected, NotACertificate, inspect},
};
use strongroom_web::{Body, ChainLink, Fact, Icon, Panel, Tone};

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
        1 => "one certificate, from the leaf to the root".to_owned(),
        count => format!("{count} certificates, from the leaf to the root"),
    };
    Panel::new("Chain", Body::Chain(links)).note(note)
}

fn is_stray(certificate: &Inspected) -> bool {
    certificate.findings.contains(&Finding::Stray)
}

fn link(place: usize, certificate: &Inspected) -> ChainLink {
    let own = certificate.issuer == certificate.subject;
    let word = match (is_stray(certificate), place, own) {
        (true, ..) => "Not of the chain",
        (_, 0, true) => "Leaf, signed by itself",
        (_, 0, false) => "Leaf",
        (_, _, true) => "Root",
        (_, _, false) => "Authority",
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
        facts.push(Fact::text("Names", certificate.names.join(", ")));
    }
    let moment = |at| view::moment(at).text;
    facts.extend([
        Fact::text("Valid", format!("{} to {}", moment(certificate.not_before), moment(certificate.not_after))),
        Fact::text("Key", format!("{}, signed by {}", certificate.key, certificate.signature)),
        Fact::code("Serial number", certificate.serial.clone()),
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
    let words = "Whoever does not have it cannot follow the chain. Roots are often left out on purpose.";
    ChainLink {
        title: called(&last.issuer),
        place: "Not here".to_owned(),
        icon: Icon::Unknown,
        tone: Tone::Planned,
        findings: Vec::new(),
        facts: vec![Fact::text("Ends here", words)],
    }
}

fn called(name: &str) -> String {
    if name.is_empty() { "(no subject)".to_owned() } else { name.to_owned() }
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
