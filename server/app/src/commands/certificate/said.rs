//! Whom a certificate names, by itself: an authority may have certified something else than the policy asks for, and what is
//! presented to clients is the certificate.

use data_encoding::BASE64;
use serde_json::Value;
use strongroom_crypto::x509::{Subject, Template};

use super::text;
use crate::commands::listed;

/// Subject and alternative names.
type Named = (String, String);

/// Whom the certificate names, and beside it whom the policy asks for where that is somebody else. Of a version without a
/// certificate it is the policy that says it.
pub(super) fn named(certificate: &Value) -> (Named, String) {
    let asked = by_policy(certificate);
    let Some(said) = by_itself(certificate) else { return (asked, String::new()) };
    let other = if said == asked { String::new() } else { joined([&asked.0, &asked.1]) };
    (said, other)
}

fn by_itself(certificate: &Value) -> Option<Named> {
    let der = BASE64.decode(certificate.get("cer")?.as_str()?.as_bytes()).ok()?;
    let Template { subject, names, .. } = Template::of(&der).ok()?;
    let addresses: Vec<String> = names.addresses.iter().map(ToString::to_string).collect();
    Some((
        subject,
        joined(names.dns.iter().chain(&names.emails).chain(&addresses).chain(&names.uris).chain(&names.upns)),
    ))
}

fn by_policy(certificate: &Value) -> Named {
    let subject = text(certificate, "/policy/x509_props/subject");
    let sorts = ["dns_names", "emails", "ipAddresses", "uris", "upns"];
    let names = sorts.map(|sort| listed(certificate, &format!("/policy/x509_props/sans/{sort}")));
    // As a certificate says it.
    (Subject::parse(&subject).map_or(subject, |subject| subject.to_string()), joined(&names))
}

fn joined<'a>(parts: impl IntoIterator<Item = &'a String>) -> String {
    let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use strongroom_crypto::{DevAuthority, SystemEntropy, x509::certificates_in};

    use super::*;

    #[test]
    fn a_certificate_is_told_by_what_it_says_and_the_policy_beside_it() {
        let now = time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let authority = DevAuthority::create("CA", now, &SystemEntropy).unwrap();
        let issued = authority.issue_server(&["app.example".to_owned()], &[], now, 30, &SystemEntropy).unwrap();
        let der = certificates_in(issued.0.as_bytes()).unwrap().swap_remove(0);
        let subject = Template::of(&der).unwrap().subject;
        let shown = |host: &str, leaf: Option<&[u8]>| {
            let policy = json!({ "x509_props": { "subject": subject.clone(), "sans": { "dns_names": [host] } } });
            named(&json!({ "policy": policy, "cer": leaf.map(|der| BASE64.encode(der)) }))
        };
        let by = |host: &str| (subject.clone(), host.to_owned());
        assert_eq!(shown("app.example", Some(der.as_slice())), (by("app.example"), String::new()));
        let ((_, names), asked) = shown("other.example", Some(der.as_slice()));
        assert!(names == "app.example" && asked.ends_with("other.example"), "{names} {asked}");
        assert_eq!(shown("other.example", None), (by("other.example"), String::new()), "none is there yet");
    }
}
