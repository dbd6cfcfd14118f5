//! What the fields of an issuer hold. The key of an external account binding is in none of them once it was sent.

use strongroom_crypto::SecretText;
use strongroom_domain::{
    issuer::{
        ACME, AUTHORITY, AcmeSettings, AuthoritySettings, Challenge, IssuerInvalid, IssuerPatch, IssuerSettings,
        Profile,
    },
    issuers::{IssuerError, ShownIssuer},
};
use strongroom_web::{Field, FieldKind};

use super::show::signs;
use crate::dashboard::{form::Sent, refusal::Refusal};

/// How names are proven: what is sent, what is shown.
const CHALLENGES: [(&str, &str); 2] =
    [("http-01", "An answer over HTTP (http-01)"), ("dns-01", "A record in the DNS, by a hook (dns-01)")];

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
            challenge: CHALLENGES.get(challenge).map_or("", |(word, _)| word).into(),
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
            profile: profile.ok_or_else(|| Refusal::of_field("profile", "There is no such profile."))?,
            max_days,
            crl_url: given(&self.crl_url),
        })
    }

    fn acme(&self) -> Result<AcmeSettings, Refusal> {
        let challenge = match self.challenge.as_str() {
            "http-01" => Challenge::Http01,
            "dns-01" => Challenge::Dns01 { hook: self.hook.clone() },
            _ => return Err(Refusal::of_field("challenge", "There is no such way to prove names.")),
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
                Field::line("name", "Name", self.name.clone(), 127)
                    .required()
                    .hint("1 to 127 letters, digits and hyphens; not Self, nor Unknown. Policies name it so."),
            );
        }
        let enabled = Field::check("enabled", "Enabled", self.enabled).hint("By a disabled one nothing is signed.");
        let provider = Field::hidden("provider", if self.acme { ACME } else { AUTHORITY });
        fields.extend(if self.acme { self.acme_fields(is_new) } else { self.authority_fields() });
        fields.extend([enabled, provider]);
        fields
    }

    fn authority_fields(self) -> Vec<Field> {
        let profiles = PROFILES.map(|(word, profile)| (word, signs(profile)));
        vec![
            Field::line("certificate", "Certificate of the authority", self.certificate, 255).required().hint(
                "Its name in this vault, or VAULT/NAME. It takes sign on its key: nobody gives what they do not hold.",
            ),
            Field::choice("profile", "Signs", &profiles, &self.profile).required(),
            Field::line("max-days", "Longest validity, days", self.max_days, 5)
                .hint("Empty for as long as the authority itself is valid."),
            Field::line("crl-url", "Address of its list of revoked certificates", self.crl_url, 512)
                .hint("Empty for the list that this server signs and publishes."),
        ]
    }

    fn acme_fields(self, is_new: bool) -> Vec<Field> {
        let key_hint = match is_new {
            true => "In base64url, with a key id alone. It is sealed, and shown to nobody.",
            false => "In base64url. Empty for the one that is kept; without a key id none is.",
        };
        vec![
            Field::line("directory", "Directory", self.directory, 512)
                .required()
                .hint("Its https address, for example https://acme.example/directory."),
            Field::lines("contacts", "Mail addresses of the account", self.contacts, 2).hint("One a line."),
            Field::choice("challenge", "Names are proven by", &CHALLENGES, &self.challenge).required(),
            Field::line("hook", "Hook", self.hook, 64)
                .hint("For dns-01: the name of one in the server's configuration."),
            Field::line("external", "Key id of an external account binding", self.external, 512),
            Field::new("external-key", "Key of the external account binding", FieldKind::Password).hint(key_hint),
            Field::check("renewal-information", "Ask it when to renew (ARI)", self.renewal_information)
                .hint("Where it offers that, what it says counts beside the policy."),
            Field::code("bundle", "Certificates that its connection is checked with, PEM", self.bundle, 4)
                .hint("Empty for the usual ones."),
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
