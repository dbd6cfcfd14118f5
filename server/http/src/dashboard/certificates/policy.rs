//! How the next version of a certificate is made: in words, and as a form that makes a certificate or changes its
//! policy.

use std::{collections::BTreeSet, net::IpAddr};

use strongroom_crypto::x509::{AlternativeNames, Constraints, Subtrees, Usage};
use strongroom_domain::certificate::{
    CertificatePolicy, ContentType, IssuerReference, LifetimeAction, LifetimeWork, MAX_MONTHS, PolicyPatch, SELF,
    Trigger, UNKNOWN,
};
use strongroom_web::{Fact, Field, FieldKind, say};

use crate::dashboard::{form::Sent, key_forms, refusal::Refusal, view};

/// Kinds of keys to choose from: what is sent, what is shown.
fn kinds() -> [(&'static str, &'static str); 7] {
    [
        ("EC P-256", say!("certificates-policy-ec-p-256-small-and")),
        ("EC P-384", "EC P-384"),
        ("EC P-521", "EC P-521"),
        ("EC P-256K", say!("certificates-policy-ec-p-256k-secp256k1")),
        ("RSA 2048", say!("certificates-policy-rsa-2048-what-old-programs")),
        ("RSA 3072", "RSA 3072"),
        ("RSA 4096", "RSA 4096"),
    ]
}

/// In which form a secret gives a certificate out: what is sent, what is shown.
pub(super) fn forms() -> [(&'static str, &'static str); 2] {
    [("application/x-pem-file", "PEM"), ("application/x-pkcs12", say!("certificates-policy-pfx-without-a-password"))]
}

/// Usages that are sorted under more people's words than the wire's.
fn usage_words(usage: Usage) -> &'static str {
    match usage {
        Usage::DigitalSignature => say!("certificates-policy-digital-signature"),
        Usage::NonRepudiation => say!("certificates-policy-non-repudiation"),
        Usage::KeyEncipherment => say!("certificates-policy-key-encipherment"),
        Usage::DataEncipherment => say!("certificates-policy-data-encipherment"),
        Usage::KeyAgreement => say!("certificates-policy-key-agreement"),
        Usage::KeyCertSign => say!("certificates-policy-certificate-signing"),
        Usage::CrlSign => say!("certificates-policy-signing-of-revocation-lists"),
        Usage::EncipherOnly => say!("certificates-policy-encipher-only"),
        Usage::DecipherOnly => say!("certificates-policy-decipher-only"),
    }
}

/// A policy in words.
pub(super) fn facts(policy: &CertificatePolicy) -> Vec<Fact> {
    let said = &policy.template;
    let usages: Vec<&str> = said.usages.iter().map(|usage| usage_words(*usage)).collect();
    let none_or = |name: &str, text: String| {
        Fact::text(name, if text.is_empty() { say!("certificates-policy-none").to_owned() } else { text })
    };
    let issuer = match policy.issuer.name.as_str() {
        SELF => say!("certificates-policy-itself").to_owned(),
        UNKNOWN => say!("certificates-policy-an-authority-elsewhere-its-request").to_owned(),
        other => other.to_owned(),
    };
    let actions: Vec<String> = policy.lifetime_actions.iter().map(action_line).collect();
    let form = forms().iter().find(|(sent, _)| *sent == policy.content_type.as_str()).map_or("", |(_, label)| label);
    let mut facts = vec![
        Fact::text(say!("certificates-policy-signed-by"), issuer),
        none_or(say!("certificates-policy-subject"), said.subject.clone()),
        none_or(say!("certificates-policy-names"), said.names.labelled().join(", ")),
        Fact::text(say!("certificates-policy-key"), view::key_kind(policy.key.spec)),
        Fact::text(
            say!("certificates-policy-the-next-key"),
            if policy.key.reuse { say!("certificates-policy-the-same") } else { say!("certificates-policy-made-anew") },
        ),
        Fact::text(
            say!("certificates-policy-private-key"),
            if policy.key.exportable {
                say!("certificates-policy-may-be-exported")
            } else {
                say!("certificates-policy-stays-in-the-vault")
            },
        ),
        none_or(say!("certificates-policy-usages"), usages.join(", ")),
        none_or(say!("certificates-policy-extended-usages"), said.extended_usages.join(", ")),
    ];
    if said.ca {
        let below = said
            .path_length
            .map_or_else(|| say!("certificates-policy-any-number").to_owned(), |count| count.to_string());
        facts.extend([
            Fact::text(say!("certificates-policy-authorities-below-it"), below),
            Fact::text(
                say!("certificates-policy-names-that-it-may-certify"),
                subtrees(&said.constraints.permitted, say!("certificates-policy-any")),
            ),
            Fact::text(
                say!("certificates-policy-names-that-it-may-not"),
                subtrees(&said.constraints.excluded, say!("certificates-policy-none")),
            ),
        ]);
    }
    facts.extend([
        Fact::text(say!("certificates-policy-valid-for"), months(policy.validity_months)),
        none_or(say!("certificates-policy-in-its-life"), actions.join("; ")),
        Fact::text(say!("certificates-policy-handed-out-as"), form),
    ]);
    facts
}

fn months(count: u32) -> String {
    if count == 1 {
        say!("certificates-policy-1-month").to_owned()
    } else {
        say!("certificates-policy-count-months", count = count)
    }
}

/// `renew at 80%`, `notify 30 days before`.
fn action_line(action: &LifetimeAction) -> String {
    let work = match action.work {
        LifetimeWork::AutoRenew => "renew",
        LifetimeWork::EmailContacts => "notify",
    };
    match action.trigger {
        Trigger::Percentage(percentage) => {
            say!("certificates-policy-work-at-percentage", work = work, percentage = percentage)
        }
        Trigger::DaysBefore(days) => say!("certificates-policy-work-days-days-before", work = work, days = days),
    }
}

fn read_action(line: &str) -> Option<LifetimeAction> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (work, rest) = words.split_first()?;
    let work = match work.to_ascii_lowercase().as_str() {
        "renew" => LifetimeWork::AutoRenew,
        "notify" => LifetimeWork::EmailContacts,
        _ => return None,
    };
    let trigger = match rest {
        ["at", percentage] => Trigger::Percentage(percentage.strip_suffix('%')?.parse().ok()?),
        [days, "day" | "days", "before"] => Trigger::DaysBefore(days.parse().ok()?),
        _ => return None,
    };
    Some(LifetimeAction { trigger, work })
}

/// What the fields of a policy hold.
#[derive(Clone)]
pub(super) struct Draft {
    subject: String,
    dns: String,
    emails: String,
    addresses: String,
    uris: String,
    upns: String,
    issuer: String,
    /// The issuer that is stored, so that what a form does not show of it stays.
    issuer_was: String,
    months: String,
    kind: String,
    exportable: bool,
    reuse: bool,
    form: String,
    usages: BTreeSet<&'static str>,
    extended: String,
    ca: bool,
    /// Whether it is one as it is stored, so that who makes it one need not say what an authority has.
    ca_was: bool,
    path_length: String,
    permitted: String,
    excluded: String,
    actions: String,
}

impl Draft {
    /// What a form for a new certificate begins with.
    pub(super) fn usual() -> Self {
        let usual = CertificatePolicy::default();
        Self {
            issuer: SELF.to_owned(),
            issuer_was: String::new(),
            kind: kinds()[0].0.to_owned(),
            form: ContentType::Pem.as_str().to_owned(),
            ..Self::of(&usual)
        }
    }

    pub(super) fn of(policy: &CertificatePolicy) -> Self {
        let (said, names) = (&policy.template, &policy.template.names);
        let addresses: Vec<String> = names.addresses.iter().map(ToString::to_string).collect();
        let actions: Vec<String> = policy.lifetime_actions.iter().map(action_line).collect();
        Self {
            subject: said.subject.clone(),
            dns: names.dns.join("\n"),
            emails: names.emails.join("\n"),
            addresses: addresses.join("\n"),
            uris: names.uris.join("\n"),
            upns: names.upns.join("\n"),
            issuer: policy.issuer.name.clone(),
            issuer_was: policy.issuer.name.clone(),
            months: policy.validity_months.to_string(),
            kind: view::key_kind(policy.key.spec),
            exportable: policy.key.exportable,
            reuse: policy.key.reuse,
            form: policy.content_type.as_str().to_owned(),
            usages: said.usages.iter().map(|usage| usage.as_str()).collect(),
            extended: said.extended_usages.join("\n"),
            ca: said.ca,
            ca_was: said.ca,
            path_length: said.path_length.map(|count| count.to_string()).unwrap_or_default(),
            permitted: named(&said.constraints.permitted).join("\n"),
            excluded: named(&said.constraints.excluded).join("\n"),
            actions: actions.join("\n"),
        }
    }

    pub(super) fn of_sent(sent: &Sent) -> Self {
        let line = |name| sent.text(name).to_owned();
        let lines = |name| sent.secret(name).expose().to_owned();
        let ticked = |usage: &Usage| sent.ticked(&usage_field(*usage));
        Self {
            subject: line("subject"),
            dns: lines("dns"),
            emails: lines("emails"),
            addresses: lines("addresses"),
            uris: lines("uris"),
            upns: lines("upns"),
            issuer: line("issuer"),
            issuer_was: line("issuer-was"),
            months: line("months"),
            kind: line("kind"),
            exportable: sent.ticked("exportable"),
            reuse: sent.ticked("reuse"),
            form: line("form"),
            usages: Usage::ALL.iter().filter(|usage| ticked(usage)).map(|usage| usage.as_str()).collect(),
            extended: lines("extended"),
            ca: sent.ticked("ca"),
            ca_was: !sent.text("ca-was").is_empty(),
            path_length: line("path-length"),
            permitted: lines("permitted"),
            excluded: lines("excluded"),
            actions: lines("actions"),
        }
    }

    /// What the form says.
    ///
    /// # Errors
    /// The field that cannot be read.
    pub(super) fn patch(&self) -> Result<PolicyPatch, Refusal> {
        let (spec, hardware) = key_forms::spec(&self.kind)
            .ok_or_else(|| Refusal::of_field("kind", say!("certificates-policy-there-is-no-such-kind")))?;
        if hardware {
            return Err(Refusal::of_field("kind", say!("certificates-policy-keys-of-certificates-are-made")));
        }
        let address = |text: String| {
            text.parse::<IpAddr>().map_err(|_| {
                Refusal::of_field("addresses", say!("certificates-policy-text-is-no-ip-address", text = text))
            })
        };
        let action = |text: String| {
            let words = say!("certificates-policy-text-is-none-for-example", text = text);
            read_action(&text).ok_or_else(|| Refusal::of_field("actions", words))
        };
        let months = self.months.parse();
        let issuer = [SELF, UNKNOWN].into_iter().find(|known| known.eq_ignore_ascii_case(&self.issuer));
        let issuer = issuer.unwrap_or(&self.issuer);
        Ok(PolicyPatch {
            spec: Some(spec),
            exportable: Some(self.exportable),
            reuse: Some(self.reuse),
            content_type: Some(
                ContentType::parse(&self.form)
                    .ok_or_else(|| Refusal::of_field("form", say!("certificates-policy-there-is-no-such-form")))?,
            ),
            subject: Some(self.subject.clone()),
            names: Some(AlternativeNames {
                dns: listed(&self.dns),
                emails: listed(&self.emails),
                upns: listed(&self.upns),
                uris: listed(&self.uris),
                addresses: listed(&self.addresses).into_iter().map(address).collect::<Result<_, _>>()?,
            }),
            extended_usages: self.extended_usages(),
            usages: self.usages(),
            ca: Some(self.ca),
            path_length: Some(self.below()?),
            constraints: Some(Constraints {
                permitted: subtrees_in("permitted", &self.permitted)?,
                excluded: subtrees_in("excluded", &self.excluded)?,
            }),
            validity_months: Some(
                months
                    .map_err(|_| Refusal::of_field("months", say!("certificates-policy-a-certificate-is-valid-for")))?,
            ),
            lifetime_actions: Some(listed(&self.actions).into_iter().map(action).collect::<Result<_, _>>()?),
            issuer: (issuer != self.issuer_was).then(|| IssuerReference {
                name: issuer.to_owned(),
                certificate_type: None,
                transparency: None,
            }),
        })
    }

    /// Usages; none are said where an authority is made by its tick alone.
    fn usages(&self) -> Option<BTreeSet<Usage>> {
        let signing = [Usage::KeyCertSign, Usage::CrlSign];
        let mut usages: BTreeSet<Usage> = self.usages.iter().filter_map(|name| Usage::parse(name)).collect();
        match (self.ca_was, self.ca) {
            (false, true) if usages == CertificatePolicy::default().template.usages => return None,
            (false, true) => usages.extend(signing),
            (true, false) => usages.retain(|usage| !signing.contains(usage)),
            _ => {}
        }
        Some(usages)
    }

    /// The same of extended usages.
    fn extended_usages(&self) -> Option<Vec<String>> {
        let said = listed(&self.extended);
        let untouched = self.ca && !self.ca_was && said == CertificatePolicy::default().template.extended_usages;
        (!untouched).then_some(said)
    }

    /// How many authorities may stand below one.
    fn below(&self) -> Result<Option<u8>, Refusal> {
        let words = say!("certificates-policy-how-many-authorities-may-stand");
        match self.path_length.as_str() {
            "" => Ok(None),
            count => count.parse().map(Some).map_err(|_| Refusal::of_field("path-length", words)),
        }
    }

    pub(super) fn fields(self) -> Vec<Field> {
        let several = |name: &str, label: &str, value: String| Field::lines(name, label, value, 2);
        let known = [
            (SELF.to_owned(), say!("certificates-policy-its-own-key-signs-it").to_owned()),
            (UNKNOWN.to_owned(), say!("certificates-policy-a-request-goes-out-the").to_owned()),
        ];
        let mut fields = vec![
            Field::line("subject", say!("certificates-policy-subject"), self.subject, 1024)
                .hint(say!("certificates-policy-for-example-cn-app-example")),
            several("dns", say!("certificates-policy-dns-names"), self.dns)
                .hint(say!("certificates-policy-one-a-line-for-example")),
            several("addresses", say!("certificates-policy-ip-addresses"), self.addresses),
            several("emails", say!("certificates-policy-mail-addresses"), self.emails),
            several("uris", "URIs", self.uris),
            several("upns", say!("certificates-policy-user-principal-names"), self.upns),
            Field::line("issuer", say!("certificates-policy-signed-by"), self.issuer, 127)
                .required()
                .hint(say!("certificates-policy-self-unknown-for-an-authority"))
                .known(known.iter().map(|(name, said)| (name, said))),
            Field::hidden("issuer-was", self.issuer_was),
            Field::new(
                "months",
                say!("certificates-policy-valid-for-months"),
                FieldKind::Number { value: self.months, min: 1, max: MAX_MONTHS },
            )
            .required(),
            Field::choice("kind", say!("certificates-policy-key"), &kinds(), &self.kind).required(),
            Field::check("reuse", say!("certificates-policy-keep-the-key-when-it"), self.reuse),
            Field::check("exportable", say!("certificates-policy-the-private-key-may-be"), self.exportable)
                .hint(say!("certificates-policy-if-not-the-secret-of")),
            Field::choice("form", say!("certificates-policy-handed-out-as"), &forms(), &self.form).required(),
        ];
        for usage in Usage::ALL {
            let ticked = self.usages.contains(usage.as_str());
            fields.push(Field::check(&usage_field(usage), usage_words(usage), ticked));
        }
        fields.extend([
            Field::hidden("ca-was", if self.ca_was { "yes" } else { "" }),
            Field::check("ca", say!("certificates-policy-it-is-an-authority-and"), self.ca)
                .hint(say!("certificates-policy-it-can-then-sign-certificates")),
            Field::line("path-length", say!("certificates-policy-authorities-below-it"), self.path_length, 3)
                .hint(say!("certificates-policy-of-an-authority-how-many")),
            several("permitted", say!("certificates-policy-names-that-it-may-certify"), self.permitted)
                .hint(say!("certificates-policy-of-an-authority-one-a")),
            several("excluded", say!("certificates-policy-names-that-it-may-not"), self.excluded)
                .hint(say!("certificates-policy-of-an-authority-written-alike")),
            several("extended", say!("certificates-policy-extended-usages"), self.extended)
                .hint(say!("certificates-policy-object-identifiers-1-3-6")),
            several("actions", say!("certificates-policy-in-its-life"), self.actions)
                .hint(say!("certificates-policy-one-a-line-renew-at")),
        ]);
        fields
    }
}

/// Names of constraints in a line.
pub(in crate::dashboard) fn subtrees(names: &Subtrees, none: &str) -> String {
    if names.is_empty() { none.to_owned() } else { named(names).join(", ") }
}

/// Names of constraints, each with its kind.
fn named(names: &Subtrees) -> Vec<String> {
    let kinds = [("dns", &names.dns), ("email", &names.emails), ("network", &names.networks)];
    kinds.into_iter().flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind}:{name}"))).collect()
}

/// The same, read.
fn subtrees_in(field: &str, text: &str) -> Result<Subtrees, Refusal> {
    let mut names = Subtrees::default();
    for line in listed(text) {
        let (kind, name) = line.split_once(':').unwrap_or_default();
        match kind {
            "dns" => names.dns.push(name.to_owned()),
            "email" => names.emails.push(name.to_owned()),
            "network" => names.networks.push(name.to_owned()),
            _ => {
                let words = say!("certificates-policy-line-is-none-for-example", line = line);
                return Err(Refusal::of_field(field, words));
            }
        }
    }
    Ok(names)
}

fn usage_field(usage: Usage) -> String {
    format!("usage-{}", usage.as_str())
}

/// Entries of a field of several lines.
fn listed(text: &str) -> Vec<String> {
    text.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_form_is_filled_in_with_says_the_same_policy() {
        let mut policy = CertificatePolicy::default();
        policy.template.subject = "CN=app.example".to_owned();
        policy.template.names.dns = vec!["app.example".to_owned(), "*.app.example".to_owned()];
        policy.template.names.addresses = vec![IpAddr::from([192, 0, 2, 7])];
        policy
            .lifetime_actions
            .push(LifetimeAction { trigger: Trigger::DaysBefore(14), work: LifetimeWork::EmailContacts });
        policy.issuer.certificate_type = Some("EV".to_owned());
        let Ok(patch) = Draft::of(&policy).patch() else { panic!("it is one") };
        assert_eq!(patch.over(&policy), policy, "and keeps what the form does not show");
        policy.template.ca = true;
        policy.template.path_length = Some(0);
        policy.template.constraints.permitted.dns = vec!["app.example".to_owned()];
        policy.template.constraints.excluded.networks = vec!["2001:db8::/32".to_owned()];
        let Ok(patch) = Draft::of(&policy).patch() else { panic!("it is one") };
        assert_eq!(
            patch.over(&CertificatePolicy { issuer: policy.issuer.clone(), ..CertificatePolicy::default() }),
            policy
        );
        let other = Draft { issuer: "self".to_owned(), ..Draft::of(&policy) };
        let Ok(patch) = other.patch() else { panic!("it is one") };
        assert_eq!(patch.over(&policy).issuer.name, SELF);
    }

    #[test]
    fn whoever_ticks_that_it_is_an_authority_makes_one_that_can_sign() {
        let made = |draft: Draft, stored: &CertificatePolicy| {
            let Ok(patch) = Draft { subject: "CN=House".to_owned(), ..draft }.patch() else { panic!("it is one") };
            let policy = patch.over(stored);
            assert_eq!(policy.check_to_make(), Ok(()));
            policy
        };
        let (usual, signing) = (CertificatePolicy::default(), BTreeSet::from([Usage::KeyCertSign, Usage::CrlSign]));
        let root = made(Draft { ca: true, ..Draft::usual() }, &usual);
        assert_eq!((&root.template.usages, root.template.extended_usages.len()), (&signing, 0));
        let chosen = BTreeSet::from([Usage::DigitalSignature.as_str()]);
        let both = made(Draft { ca: true, usages: chosen, ..Draft::usual() }, &usual).template.usages;
        assert_eq!(both.len(), 3, "what was chosen, and what an authority has");
        assert_eq!(made(Draft::of(&root), &root).template.usages, signing);
        assert!(made(Draft { ca: false, ..Draft::of(&root) }, &root).template.usages.is_disjoint(&signing));
    }

    #[test]
    fn what_happens_in_a_life_is_read_as_it_is_written() {
        for line in ["renew at 80%", "renew 30 days before", "notify at 1%", "notify 1 days before"] {
            assert_eq!(read_action(line).map(|action| action_line(&action)).as_deref(), Some(line));
        }
        for other in ["", "renew", "renew 80%", "renew at 80", "mail at 80%", "renew at 300%", "renew -1 days before"] {
            assert_eq!(read_action(other), None, "{other}");
        }
    }

    #[test]
    fn a_field_that_cannot_be_read_is_named() {
        let usual = || Draft { dns: "a.example".to_owned(), ..Draft::usual() };
        assert!(usual().patch().is_ok());
        for (draft, words) in [
            (Draft { kind: "oct 1".to_owned(), ..usual() }, "There is no such kind of key."),
            (Draft { kind: "EC-HSM P-256".to_owned(), ..usual() }, "Keys of certificates are made in software."),
            (Draft { months: "soon".to_owned(), ..usual() }, "A certificate is valid for 1 to 1200 months."),
            (Draft { addresses: "a.example".to_owned(), ..usual() }, "“a.example” is no IP address."),
            (Draft { form: "text".to_owned(), ..usual() }, "There is no such form."),
            (
                Draft { permitted: "app.example".to_owned(), ..usual() },
                "“app.example” is none: for example dns:app.example or network:10.0.0.0/8.",
            ),
            (
                Draft { path_length: "-1".to_owned(), ..usual() },
                "How many authorities may stand below it is a number from 0 to 255, or nothing.",
            ),
        ] {
            assert_eq!(draft.patch().err().map(|refusal| refusal.sentence().to_owned()).as_deref(), Some(words));
        }
    }
}
