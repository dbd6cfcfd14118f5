//! What the fields of an issuer hold. The key of an external account binding is in none of them once it was sent.

use strongroom_crypto::SecretText;
use strongroom_domain::{
    issuer::{
        ACME, AUTHORITY, AcmeSettings, AuthoritySettings, Challenge, IssuerInvalid, IssuerPatch, IssuerSettings,
        Profile,
    },
    issuers::{IssuerError, ShownIssuer},
};
use strongroom_web::{Field, FieldKind, say};

use super::show::signs;
use crate::dashboard::{form::Sent, refusal::Refusal};

/// How names are proven: what is sent, what is shown.
fn challenges() -> [(&'static str, &'static str); 2] {
    [("http-01", say!("issuers-draft-an-answer-over-http-http")), ("dns-01", say!("issuers-draft-a-record-in-the-dns"))]
}

/// What a profile is called where it is sent.
const PROFILES: [(&str, Profile); 4] = [
    ("server", Profile::Server),
    ("client", Profile::Client),
    ("code-signing", Profile::CodeSigning),
    ("authority", Profile::Authority),
];

/// What the fields of a form hold.
pub(super) struct Draft {
    pub(super) acme: bool,
    pub(super) name: String,
    certificate: String,
    profile: String,
    max_days: String,
    crl_url: String,
    directory: String,
    contacts: String,
    challenge: String,
    hook: String,
    external: String,
    bundle: String,
    renewal_information: bool,
    enabled: bool,
}

impl Draft {
    /// What a form for a new issuer begins with.
    pub(super) fn usual(acme: bool) -> Self {
        let settings = match acme {
            true => IssuerSettings::Acme(AcmeSettings::default()),
            false => IssuerSettings::Authority(AuthoritySettings::default()),
        };
        Self::of_settings(&settings, true)
    }

    pub(super) fn of(issuer: &ShownIssuer) -> Self {
        Self::of_settings(&issuer.settings, issuer.item.version.attributes.enabled)
    }

    fn of_settings(settings: &IssuerSettings, enabled: bool) -> Self {
        let (mut authority, mut acme) = (AuthoritySettings::default(), AcmeSettings::default());
        match settings {
            IssuerSettings::Authority(settings) => authority = settings.clone(),
            IssuerSettings::Acme(settings) => acme = settings.clone(),
        }
        let (challenge, hook) = match acme.challenge {
            Challenge::Http01 => (0, String::new()),
            Challenge::Dns01 { hook } => (1, hook),
        };
        Self {
            acme: matches!(settings, IssuerSettings::Acme(_)),
            name: String::new(),
            certificate: authority.certificate,
            profile: PROFILES.iter().find(|(_, known)| *known == authority.profile).map_or("", |(word, _)| word).into(),
            max_days: authority.max_days.map(|days| days.to_string()).unwrap_or_default(),
            crl_url: authority.crl_url.unwrap_or_default(),
            directory: acme.directory,
            contacts: acme.contacts.join("\n"),
            challenge: challenges().get(challenge).map_or("", |(word, _)| word).into(),
            hook,
            external: acme.external_account.unwrap_or_default(),
            bundle: acme.ca_bundle.unwrap_or_default(),
            renewal_information: acme.renewal_information,
            enabled,
        }
    }

    pub(super) fn of_sent(sent: &Sent) -> Self {
        let line = |name| sent.text(name).to_owned();
        let lines = |name| sent.secret(name).expose().trim().to_owned();
        Self {
            acme: sent.text("provider") == ACME,
            name: line("name"),
            certificate: line("certificate"),
            profile: line("profile"),
            max_days: line("max-days"),
            crl_url: line("crl-url"),
            directory: line("directory"),
            contacts: lines("contacts"),
            challenge: line("challenge"),
            hook: line("hook"),
            external: line("external"),
            bundle: lines("bundle"),
            renewal_information: sent.ticked("renewal-information"),
            enabled: sent.ticked("enabled"),
        }
    }

    /// What the form says.
    ///
    /// # Errors
    /// The field that cannot be read.
    pub(super) fn patch(&self, sent: &Sent) -> Result<IssuerPatch, Refusal> {
        let patch = IssuerPatch { enabled: Some(self.enabled), ..IssuerPatch::default() };
        if !self.acme {
            let settings = IssuerSettings::Authority(self.authority()?);
            return Ok(IssuerPatch { provider: Some(AUTHORITY.to_owned()), settings: Some(settings), ..patch });
        }
        // Without a key id there is no binding, and nothing of one is kept. A key that was not typed stays.
        let key = sent.secret("external-key");
        let password = match self.external.is_empty() {
            true => Some(SecretText::new(String::new())),
            false => (!key.is_empty()).then(|| SecretText::new(key.expose().trim().to_owned())),
        };
        Ok(IssuerPatch {
            provider: Some(ACME.to_owned()),
            account_id: Some(self.external.clone()),
            password,
            settings: Some(IssuerSettings::Acme(self.acme()?)),
            ..patch
        })
    }

    fn authority(&self) -> Result<AuthoritySettings, Refusal> {
        let profile = PROFILES.iter().find(|(word, _)| *word == self.profile).map(|(_, profile)| *profile);
        let max_days = match self.max_days.as_str() {
            "" => None,
            days => Some(days.parse().map_err(|_| Refusal::of_field("max-days", IssuerInvalid::Days.to_string()))?),
        };
        Ok(AuthoritySettings {
            certificate: self.certificate.clone(),
            profile: profile
                .ok_or_else(|| Refusal::of_field("profile", say!("issuers-draft-there-is-no-such-profile")))?,
            max_days,
            crl_url: given(&self.crl_url),
        })
    }

    fn acme(&self) -> Result<AcmeSettings, Refusal> {
        let challenge = match self.challenge.as_str() {
            "http-01" => Challenge::Http01,
            "dns-01" => Challenge::Dns01 { hook: self.hook.clone() },
            _ => return Err(Refusal::of_field("challenge", say!("issuers-draft-there-is-no-such-way"))),
        };
        let contacts = self.contacts.split(['\n', ',']).map(str::trim).filter(|line| !line.is_empty());
        Ok(AcmeSettings {
            directory: self.directory.clone(),
            contacts: contacts.map(str::to_owned).collect(),
            challenge,
            external_account: given(&self.external),
            ca_bundle: given(&self.bundle),
            renewal_information: self.renewal_information,
        })
    }

    pub(super) fn fields(self, is_new: bool) -> Vec<Field> {
        let mut fields = Vec::new();
        if is_new {
            fields.push(
                Field::line("name", say!("issuers-draft-name"), self.name.clone(), 127)
                    .required()
                    .hint(say!("issuers-draft-1-to-127-letters-digits")),
            );
        }
        let enabled = Field::check("enabled", say!("issuers-draft-enabled"), self.enabled)
            .hint(say!("issuers-draft-by-a-disabled-one-nothing"));
        let provider = Field::hidden("provider", if self.acme { ACME } else { AUTHORITY });
        fields.extend(if self.acme { self.acme_fields(is_new) } else { self.authority_fields() });
        fields.extend([enabled, provider]);
        fields
    }

    fn authority_fields(self) -> Vec<Field> {
        let profiles = PROFILES.map(|(word, profile)| (word, signs(profile)));
        vec![
            Field::line("certificate", say!("issuers-draft-certificate-of-the-authority"), self.certificate, 255)
                .required()
                .hint(say!("issuers-draft-its-name-in-this-vault")),
            Field::choice("profile", say!("issuers-draft-signs"), &profiles, &self.profile).required(),
            Field::line("max-days", say!("issuers-draft-longest-validity-days"), self.max_days, 5)
                .hint(say!("issuers-draft-empty-for-as-long-as")),
            Field::line("crl-url", say!("issuers-draft-address-of-its-list-of"), self.crl_url, 512)
                .hint(say!("issuers-draft-empty-for-the-list-that")),
        ]
    }

    fn acme_fields(self, is_new: bool) -> Vec<Field> {
        let key_hint = match is_new {
            true => say!("issuers-draft-in-base64url-with-a-key"),
            false => say!("issuers-draft-in-base64url-empty-for-the"),
        };
        vec![
            Field::line("directory", say!("issuers-draft-directory"), self.directory, 512)
                .required()
                .hint(say!("issuers-draft-its-https-address-for-example")),
            Field::lines("contacts", say!("issuers-draft-mail-addresses-of-the-account"), self.contacts, 2)
                .hint(say!("issuers-draft-one-a-line")),
            Field::choice("challenge", say!("issuers-draft-names-are-proven-by"), &challenges(), &self.challenge)
                .required(),
            Field::line("hook", say!("issuers-draft-hook"), self.hook, 64)
                .hint(say!("issuers-draft-for-dns-01-the-name")),
            Field::line("external", say!("issuers-draft-key-id-of-an-external"), self.external, 512),
            Field::new("external-key", say!("issuers-draft-key-of-the-external-account"), FieldKind::Password)
                .hint(key_hint),
            Field::check("renewal-information", say!("issuers-draft-ask-it-when-to-renew"), self.renewal_information)
                .hint(say!("issuers-draft-where-it-offers-that-what")),
            Field::code("bundle", say!("issuers-draft-certificates-that-its-connection-is"), self.bundle, 4)
                .hint(say!("issuers-draft-empty-for-the-usual-ones")),
        ]
    }
}

fn given(text: &str) -> Option<String> {
    Some(text).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The field that is to blame.
pub(super) fn blamed(error: &IssuerError) -> Option<&'static str> {
    Some(match error {
        IssuerError::NoSuchAuthority(_) | IssuerError::NotAnAuthority(_) => "certificate",
        IssuerError::Invalid(invalid) => match invalid {
            IssuerInvalid::Authority => "certificate",
            IssuerInvalid::Days => "max-days",
            IssuerInvalid::CrlUrl => "crl-url",
            IssuerInvalid::Directory => "directory",
            IssuerInvalid::Mail => "contacts",
            IssuerInvalid::Hook => "hook",
            IssuerInvalid::ExternalAccount => "external",
            IssuerInvalid::Bundle => "bundle",
            _ => return None,
        },
        _ => return None,
    })
}
