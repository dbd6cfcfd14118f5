//! What whoever approves a write is told of it: all that is agreed to, so that two that differ never look alike.
//!
//! For people alone; nothing is judged by it. Never a value nor key material; of a key its digest. Bounded: of what is
//! too long as much as fits, how much more there is, and a digest of all of it.

pub(crate) mod signing;

use std::{collections::BTreeMap, fmt::Display};

use data_encoding::HEXLOWER;
use serde::Serialize;
use strongroom_crypto::{
    key::KeySpec,
    x509::{Constraints, Subtrees, Template, Usage},
};

use crate::{
    certificate::{CertificatePolicy, IssuerReference, LifetimeAction, Trigger},
    policy::PolicyRequest,
    record::MAX_DETAIL,
    secret::{SealedVersion, VersionMeta},
};

/// Of a restore: so many versions are told one by one.
const MAX_VERSIONS: usize = 8;

/// What modules see of a write, with its content type, and what a certificate's policy and the versions of a backup
/// say besides.
pub(super) fn told(
    seen: &PolicyRequest,
    content_type: Option<&str>,
    policy: Option<&CertificatePolicy>,
    versions: &[SealedVersion],
) -> Result<BTreeMap<String, String>, serde_json::Error> {
    let mut told = Told::default();
    let object = &seen.object;
    told.some("enabled", object.enabled);
    told.some("nbf", object.not_before);
    told.some("exp", object.expires);
    told.some("content_type", content_type.map(line));
    told.all("tags", &tags(&object.tags));
    if let Some(key) = &seen.key_operation {
        told.some("algorithm", key.algorithm.as_ref());
        told.one("kty", &key.key_type);
        told.some("key_size", key.key_size);
        told.some("crv", key.curve.as_ref());
        told.all("key_ops", &key.key_ops);
        told.one("exportable", key.exportable);
    }
    if let Some(request) = &seen.certificate_request {
        told.one("subject", line(&request.subject));
        told.one("issuer", line(&request.issuer));
        told.all("names", &words(&request.names));
        told.some("validity_days", request.validity_days);
    }
    if let Some(policy) = policy {
        told.policy(policy);
    }
    told.versions(versions)?;
    Ok(told.0)
}

/// Tags that are others now, with their values; none where all are as they were.
pub(crate) fn changed_tags(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Option<String> {
    let gone = before.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("{} removed", word(name)));
    let now = after.iter().filter(|(name, value)| before.get(*name) != Some(*value));
    let changed: Vec<_> = gone.chain(now.map(|(name, value)| format!("{}={}", word(name), word(value)))).collect();
    (!changed.is_empty()).then(|| listed(&changed))
}

#[derive(Default)]
struct Told(BTreeMap<String, String>);

impl Told {
    fn one(&mut self, name: &str, told: impl Display) {
        self.0.insert(name.to_owned(), bounded(told.to_string()));
    }

    fn some(&mut self, name: &str, told: Option<impl Display>) {
        if let Some(told) = told {
            self.one(name, told);
        }
    }

    /// All of a list; nothing of one with nothing in it.
    fn all(&mut self, name: &str, entries: &[String]) {
        if !entries.is_empty() {
            self.0.insert(name.to_owned(), listed(entries));
        }
    }

    /// Taken apart by name, so that what a policy comes to say is not forgotten here.
    fn policy(&mut self, policy: &CertificatePolicy) {
        let CertificatePolicy { key, content_type, template, validity_months, lifetime_actions, issuer } = policy;
        let key = format!("{}, exportable: {}, reuse_key: {}", spec(key.spec), key.exportable, key.reuse);
        self.one("key_props", key);
        self.one("content_type", content_type.as_str());
        let Template { subject, names, extended_usages, usages, ca, path_length, constraints } = template;
        self.one("subject", line(subject));
        self.all("names", &words(&names.labelled()));
        self.all("ekus", &words(extended_usages));
        let usages: Vec<_> = usages.iter().copied().map(Usage::as_str).map(str::to_owned).collect();
        self.all("key_usage", &usages);
        if *ca {
            self.one("ca", ca);
        }
        self.some("path_length", *path_length);
        let Constraints { permitted, excluded } = constraints;
        self.all("permitted", &subtrees(permitted));
        self.all("excluded", &subtrees(excluded));
        self.one("validity_months", validity_months);
        let actions: Vec<_> = lifetime_actions.iter().map(lifetime_action).collect();
        self.all("lifetime_actions", &actions);
        let IssuerReference { name, certificate_type, transparency } = issuer;
        self.one("issuer", line(name));
        self.some("cty", certificate_type.as_deref().map(line));
        self.some("cert_transparency", *transparency);
    }

    fn versions(&mut self, versions: &[SealedVersion]) -> Result<(), serde_json::Error> {
        let all = versions.iter().map(|version| of_version(&version.meta)).collect::<Result<Vec<_>, _>>()?;
        let (single, more) = all.split_at(all.len().min(MAX_VERSIONS));
        for (number, version) in (1..).zip(single) {
            self.one(&format!("version {number}"), version);
        }
        if !more.is_empty() {
            self.one(
                "versions",
                format_args!("and {} more, digest {}", more.len(), digest(more.join("\n").as_bytes())),
            );
        }
        Ok(())
    }
}

fn of_version(version: &VersionMeta) -> Result<String, serde_json::Error> {
    let attributes = &version.attributes;
    let moment = |name: &str, at: Option<i64>| at.map(|at| format!("{name}: {at}"));
    let mut told = vec![format!("enabled: {}", attributes.enabled)];
    told.extend(moment("nbf", attributes.not_before));
    told.extend(moment("exp", attributes.expires));
    told.extend(attributes.content_type.as_deref().map(|form| format!("content type: {}", word(form))));
    told.extend(tags(&attributes.tags).into_iter().map(|tag| format!("tag {tag}")));
    if let Some(key) = &version.key {
        let operations: Vec<_> = key.operations.iter().map(|operation| operation.as_str()).collect();
        told.push(format!("{} {}", key.type_name(), spec(key.spec)));
        told.push(format!("key_ops: {}", operations.join(" ")));
        told.push(format!("exportable: {}", key.exportable));
        told.push(format!("key digest {}", digest_of(key)?));
    }
    if let Some(leaf) = version.certificate.as_ref().and_then(|certificate| certificate.leaf()) {
        told.push(format!("certificate digest {}", digest(leaf)));
        if let Ok(said) = Template::of(leaf) {
            told.push(format!("subject: {}", line(&said.subject)));
            told.extend(words(&said.names.labelled()));
        }
    }
    Ok(told.join(", "))
}

fn tags(tags: &BTreeMap<String, String>) -> Vec<String> {
    tags.iter().map(|(name, value)| format!("{}={}", word(name), word(value))).collect()
}

fn subtrees(Subtrees { dns, emails, networks }: &Subtrees) -> Vec<String> {
    let sorts = [("dns", dns), ("email", emails), ("ip", networks)];
    sorts.into_iter().flat_map(|(sort, names)| names.iter().map(move |name| word(&format!("{sort}:{name}")))).collect()
}

fn lifetime_action(LifetimeAction { trigger, work }: &LifetimeAction) -> String {
    match trigger {
        Trigger::Percentage(part) => format!("{} at {part} %", work.as_str()),
        Trigger::DaysBefore(days) => format!("{} {days} days before expiry", work.as_str()),
    }
}

fn spec(spec: KeySpec) -> String {
    match spec {
        KeySpec::Rsa { bits } => format!("RSA {bits}"),
        KeySpec::Ec { crv } => format!("EC {}", crv.as_str()),
        KeySpec::Oct { bits } => format!("oct {bits}"),
    }
}

fn words(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| word(text)).collect()
}

/// A text of somebody's among others: in quotes unless nobody could take a part of it for something else.
fn word(text: &str) -> String {
    plain_or_quoted(text, "._:/@*+-")
}

/// The same of one that stands alone.
fn line(text: &str) -> String {
    plain_or_quoted(text, "._:/@*+- =,")
}

fn plain_or_quoted(text: &str, plain: &str) -> String {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || plain.contains(c)) {
        text.to_owned()
    } else {
        format!("\"{}\"", text.escape_debug())
    }
}

fn bounded(told: String) -> String {
    let Some((end, _)) = told.char_indices().nth(MAX_DETAIL) else { return told };
    let (shown, rest) = told.split_at_checked(end).unwrap_or_default();
    format!("{shown}… and {} more characters, digest {}", rest.chars().count(), digest(told.as_bytes()))
}

fn listed(entries: &[String]) -> String {
    let all = entries.join(", ");
    let (mut shown, mut told) = (0_usize, String::new());
    for entry in entries {
        let next = if shown == 0 { entry.clone() } else { format!("{told}, {entry}") };
        if next.chars().count() > MAX_DETAIL {
            break;
        }
        (shown, told) = (shown.saturating_add(1), next);
    }
    match entries.len().saturating_sub(shown) {
        0 => told,
        _ if shown == 0 => bounded(all),
        more => format!("{told} and {more} more, digest {}", digest(all.as_bytes())),
    }
}

fn digest_of(of: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(digest(&serde_json::to_vec(of)?))
}

fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&strongroom_crypto::sha256(bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strongroom_crypto::x509::AlternativeNames;

    use super::*;
    use crate::{
        certificate::LifetimeWork,
        policy::{PolicyKeyOperation, PolicyObject},
    };

    fn of(seen: &PolicyRequest, policy: Option<&CertificatePolicy>) -> BTreeMap<String, String> {
        told(seen, None, policy, &[]).unwrap()
    }

    fn tagged(value: &str) -> PolicyRequest {
        let tags = BTreeMap::from([("owner".to_owned(), value.to_owned())]);
        PolicyRequest { object: PolicyObject { tags, ..PolicyObject::default() }, ..PolicyRequest::default() }
    }

    fn key(change: impl FnOnce(&mut PolicyKeyOperation)) -> PolicyRequest {
        let mut key = PolicyKeyOperation {
            algorithm: None,
            key_type: "RSA".to_owned(),
            key_size: Some(2048),
            curve: None,
            key_ops: vec!["sign".to_owned()],
            exportable: false,
        };
        change(&mut key);
        PolicyRequest { key_operation: Some(key), ..PolicyRequest::default() }
    }

    #[test]
    fn whatever_of_a_key_or_its_attributes_differs_is_told() {
        let all = [
            tagged("prod"),
            tagged("dev"),
            tagged("prod, other=dev"),
            tagged(&"x".repeat(5000)),
            tagged(&format!("{}y", "x".repeat(4999))),
            key(|_| {}),
            key(|key| key.key_size = Some(4096)),
            key(|key| key.curve = Some("P-256".to_owned())),
            key(|key| key.exportable = true),
            key(|key| key.key_ops.push("verify".to_owned())),
            key(|key| key.algorithm = Some("RS256".to_owned())),
        ];
        let told: BTreeSet<_> = all.iter().map(|seen| of(seen, None)).collect();
        assert_eq!(told.len(), all.len(), "{told:?}");
        assert!(told.iter().flat_map(BTreeMap::values).all(|text| text.chars().count() < 2 * MAX_DETAIL));
        assert_eq!(of(&tagged("prod, other=dev"), None).get("tags").unwrap(), r#"owner="prod, other=dev""#);
    }

    #[test]
    fn a_content_type_is_told_and_deceives_nobody() {
        let of = |form| told(&PolicyRequest::default(), form, None, &[]).unwrap();
        assert_eq!(of(None).get("content_type"), None);
        assert_eq!(of(Some("text/plain")).get("content_type").unwrap(), "text/plain");
        assert_eq!(of(Some("app\u{202e}xslx")).get("content_type").unwrap(), r#""app\u{202e}xslx""#);
    }

    #[test]
    fn whatever_a_policy_says_otherwise_is_told() {
        let changes: [fn(&mut CertificatePolicy); 16] = [
            |_| {},
            |policy| policy.key.exportable = false,
            |policy| policy.key.reuse = true,
            |policy| policy.key.spec = KeySpec::Rsa { bits: 4096 },
            |policy| policy.content_type = crate::certificate::ContentType::Pem,
            |policy| policy.template.subject = "CN=a".to_owned(),
            |policy| {
                policy.template.names = AlternativeNames { dns: vec!["a.example".to_owned()], ..Default::default() };
            },
            |policy| policy.template.extended_usages.truncate(1),
            |policy| policy.template.usages = BTreeSet::from([Usage::KeyCertSign]),
            |policy| policy.template.ca = true,
            |policy| policy.template.path_length = Some(1),
            |policy| policy.template.constraints.permitted.dns.push("a.example".to_owned()),
            |policy| policy.validity_months = 13,
            |policy| {
                let after = Trigger::DaysBefore(80);
                policy.lifetime_actions = vec![LifetimeAction { trigger: after, work: LifetimeWork::EmailContacts }];
            },
            |policy| policy.issuer.name = "Self".to_owned(),
            |policy| policy.issuer.certificate_type = Some("EV".to_owned()),
        ];
        let mut told = BTreeSet::new();
        for change in changes {
            let mut policy = CertificatePolicy::default();
            change(&mut policy);
            told.insert(of(&PolicyRequest::default(), Some(&policy)));
        }
        assert_eq!(told.len(), changes.len(), "{told:?}");
    }

    #[test]
    fn a_long_list_says_how_many_more_and_which() {
        let entries = |last: &str| (0..100).map(|n| format!("name-{n}")).chain([last.to_owned()]).collect::<Vec<_>>();
        let (one, other) = (listed(&entries("a")), listed(&entries("b")));
        assert!(one.starts_with("name-0, name-1, ") && one.contains(" more, digest "), "{one}");
        assert_ne!(one, other);
    }
}
