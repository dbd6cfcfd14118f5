//! What whoever approves is told of who signs the certificates of a vault, who is written to about them, and what is
//! taken back. Unlike other writes these say little of an object's attributes: what they set is sealed, or on a list.

use strongroom_crypto::x509::{CertificateFacts, Reason, Template};

use super::{Told, digest, line, word, words};
use crate::{
    approval::Content,
    contacts::{Contact, Contacts},
    issuer::{
        AcmeSettings, Administrator, AuthoritySettings, Challenge, IssuerPatch, IssuerSettings, Organization, Profile,
    },
    names::{ObjectName, ObjectVersion},
    revocation::serial_from,
    revocations::ToRevoke,
};

/// Of a new issuer all that it is `made` of, of one that is changed what is given. Never its password, nor a digest of
/// it: that there is one, or none any more.
pub(crate) fn issuer(given: &IssuerPatch, made: Option<&IssuerSettings>) -> Result<Content, serde_json::Error> {
    let IssuerPatch { provider, account_id, password, organization, settings, enabled } = given;
    let settings = made.or(settings.as_ref());
    let provider = settings.map(IssuerSettings::provider).or(provider.as_deref());
    let enabled = enabled.or(made.map(|_| true));
    let password = password.as_ref().map(|password| if password.is_empty() { "none" } else { "given" });
    let mut told = Told::default();
    told.some("enabled", enabled);
    told.some("provider", provider.map(line));
    told.some("account_id", account_id.as_deref().map(line));
    told.some("password", password);
    if let Some(Organization { id, admin_details }) = organization {
        told.one("organization", line(id.as_deref().unwrap_or_default()));
        told.all("administrators", &admin_details.iter().map(administrator).collect::<Vec<_>>());
    }
    match settings {
        Some(IssuerSettings::Authority(settings)) => told.authority(settings),
        Some(IssuerSettings::Acme(settings)) => told.acme(settings),
        None => {}
    }
    Content::of(&(enabled, provider, account_id, password, organization, settings), told.0)
}

/// All of them: they take the place of those that were there.
pub(crate) fn contacts(all: &Contacts) -> Result<Content, serde_json::Error> {
    let Contacts { contacts } = all;
    let contact = |Contact { email, name, phone }: &Contact| beside(&[Some(email), name.as_ref(), phone.as_ref()]);
    let mut told = Told::default();
    told.all("contacts", &contacts.iter().map(contact).collect::<Vec<_>>());
    Content::of(all, told.0)
}

/// Which certificate of an authority, and why.
pub(crate) fn revocation(what: &ToRevoke, reason: Reason) -> Result<Content, serde_json::Error> {
    let mut told = Told::default();
    told.one("reason", reason.as_str());
    let which = match what {
        ToRevoke::Serial(serial, version) => {
            told.one("serial", line(serial));
            let version = version.as_ref().map(ObjectVersion::as_str);
            told.some("version", version);
            ("serial", serial.clone(), version)
        }
        ToRevoke::Certificate(der) => {
            if let Ok(facts) = CertificateFacts::of(der) {
                told.some("serial", serial_from(&facts.serial).ok());
            }
            if let Ok(said) = Template::of(der) {
                told.one("subject", line(&said.subject));
                told.all("names", &words(&said.names.labelled()));
            }
            told.one("certificate", digest(der));
            ("certificate", digest(der), None)
        }
    };
    Content::of(&("revocation", which, reason.as_str()), told.0)
}

/// Why a version is taken back by an issuer elsewhere, and by which if it is named.
pub(crate) fn taken_back(issuer: Option<&ObjectName>, reason: Reason) -> Result<Content, serde_json::Error> {
    let issuer = issuer.map(ObjectName::as_str);
    let mut told = Told::default();
    told.one("reason", reason.as_str());
    told.some("issuer", issuer);
    Content::of(&("taken back", issuer, reason.as_str()), told.0)
}

impl Told {
    fn authority(&mut self, settings: &AuthoritySettings) {
        let AuthoritySettings { certificate, profile, max_days, crl_url } = settings;
        self.one("certificate", line(certificate));
        self.one(
            "profile",
            match profile {
                Profile::Server => "server",
                Profile::Client => "client",
                Profile::CodeSigning => "code-signing",
                Profile::Authority => "authority",
            },
        );
        // That there is no limit is what to look at.
        self.one("maxDays", max_days.map_or_else(|| "none".to_owned(), |days| days.to_string()));
        self.some("crlUrl", crl_url.as_deref().map(line));
    }

    fn acme(&mut self, settings: &AcmeSettings) {
        let AcmeSettings { directory, contacts, challenge, external_account, ca_bundle, renewal_information } =
            settings;
        self.one("directory", line(directory));
        self.all("contacts", &words(contacts));
        self.one(
            "challenge",
            match challenge {
                Challenge::Http01 => "http-01".to_owned(),
                Challenge::Dns01 { hook } => format!("dns-01 by {}", word(hook)),
            },
        );
        self.some("externalAccount", external_account.as_deref().map(line));
        self.some("caBundle", ca_bundle.as_ref().map(|bundle| format!("digest {}", digest(bundle.as_bytes()))));
        self.one("renewalInformation", renewal_information);
    }
}

fn administrator(one: &Administrator) -> String {
    let Administrator { first_name, last_name, email, phone } = one;
    beside(&[first_name.as_ref(), last_name.as_ref(), email.as_ref(), phone.as_ref()])
}

fn beside(texts: &[Option<&String>]) -> String {
    texts.iter().flatten().map(|text| word(text)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use strongroom_crypto::SecretText;

    use super::*;

    fn patch(settings: Option<IssuerSettings>) -> IssuerPatch {
        IssuerPatch { settings, ..IssuerPatch::default() }
    }

    fn differ(all: Vec<Content>) {
        let count = all.len();
        let (digests, told): (BTreeSet<_>, BTreeSet<_>) = all.into_iter().map(Content::into_parts).unzip();
        assert_eq!((digests.len(), told.len()), (count, count), "{told:?}");
    }

    #[test]
    fn whatever_of_an_issuer_differs_is_told() {
        let authority = |change: fn(&mut AuthoritySettings)| {
            let mut settings = AuthoritySettings { certificate: "root".to_owned(), ..AuthoritySettings::default() };
            change(&mut settings);
            IssuerSettings::Authority(settings)
        };
        let acme = |change: fn(&mut AcmeSettings)| {
            let directory = "https://ca.example/directory".to_owned();
            let mut settings = AcmeSettings { directory, ..AcmeSettings::default() };
            change(&mut settings);
            IssuerSettings::Acme(settings)
        };
        let all = [
            authority(|_| {}),
            authority(|settings| settings.certificate = "other/root".to_owned()),
            authority(|settings| settings.profile = Profile::Authority),
            authority(|settings| settings.max_days = Some(30)),
            authority(|settings| settings.crl_url = Some("http://crl.example/a".to_owned())),
            acme(|_| {}),
            acme(|settings| settings.directory = "https://other.example/directory".to_owned()),
            acme(|settings| settings.contacts.push("a@b.example".to_owned())),
            acme(|settings| settings.challenge = Challenge::Dns01 { hook: "zone".to_owned() }),
            acme(|settings| settings.external_account = Some("kid".to_owned())),
            acme(|settings| settings.ca_bundle = Some("one".to_owned())),
            acme(|settings| settings.ca_bundle = Some("two".to_owned())),
            acme(|settings| settings.renewal_information = false),
        ];
        let mut told: Vec<_> = all.into_iter().map(|settings| issuer(&patch(Some(settings)), None).unwrap()).collect();
        let changes: [fn(&mut IssuerPatch); 8] = [
            |_| {},
            |patch| patch.provider = Some("ACME".to_owned()),
            |patch| patch.account_id = Some("kid".to_owned()),
            |patch| patch.password = Some(SecretText::new("one".to_owned())),
            |patch| patch.password = Some(SecretText::new(String::new())),
            |patch| patch.enabled = Some(false),
            |patch| patch.organization = Some(Organization { id: Some("root".to_owned()), admin_details: Vec::new() }),
            |patch| {
                let email = Some("a@b.example".to_owned());
                let admin_details = vec![Administrator { email, ..Administrator::default() }];
                patch.organization = Some(Organization { id: None, admin_details });
            },
        ];
        for change in changes {
            let mut given = patch(None);
            change(&mut given);
            told.push(issuer(&given, None).unwrap());
        }
        differ(told);
        let password = |text: &str| IssuerPatch { password: Some(SecretText::new(text.to_owned())), ..patch(None) };
        assert_eq!(issuer(&password("one"), None).unwrap(), issuer(&password("two"), None).unwrap(), "it is a value");
    }

    #[test]
    fn whoever_is_written_to_is_told() {
        let one = |email: &str, name: Option<&str>, phone: Option<&str>| {
            let (name, phone) = (name.map(str::to_owned), phone.map(str::to_owned));
            contacts(&Contacts { contacts: vec![Contact { email: email.to_owned(), name, phone }] }).unwrap()
        };
        differ(vec![
            one("a@b.example", None, None),
            one("c@d.example", None, None),
            one("a@b.example", Some("Ada"), None),
            one("a@b.example", None, Some("+1 555 0100")),
        ]);
    }

    #[test]
    fn which_certificate_is_revoked_and_why_is_told() {
        let version = |byte| Some(ObjectVersion::from_bytes([byte; 16]));
        let serial = |serial: &str, version| ToRevoke::Serial(serial.to_owned(), version);
        let of = |what: &ToRevoke, reason| revocation(what, reason).unwrap();
        differ(vec![
            of(&serial("0a", None), Reason::Superseded),
            of(&serial("0a", None), Reason::KeyCompromise),
            of(&serial("0b", None), Reason::Superseded),
            of(&serial("0a", version(1)), Reason::Superseded),
            of(&serial("0a", version(2)), Reason::Superseded),
            of(&ToRevoke::Certificate(vec![1]), Reason::Superseded),
            of(&ToRevoke::Certificate(vec![2]), Reason::Superseded),
            taken_back(None, Reason::Superseded).unwrap(),
            taken_back(None, Reason::KeyCompromise).unwrap(),
            taken_back(Some(&ObjectName::parse("far").unwrap()), Reason::Superseded).unwrap(),
        ]);
    }
}
