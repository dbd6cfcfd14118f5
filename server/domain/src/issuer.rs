//! Who issues certificates for a vault, as data: how an issuer is asked, and what Azure's clients say of one.
//!
//! An issuer is sealed as a whole, as one JSON document at its place. Its password and what it keeps of its account
//! leave that document towards the issuer alone, and never in an answer.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strongroom_crypto::{Plaintext, SecretText, x509::certificates_in};
use url::Url;

use crate::names::{ObjectName, VaultId, VaultName};

/// Most issuers of a vault.
pub const MAX_ISSUERS: usize = 100;
/// Most administrators of an issuer.
const MAX_ADMINISTRATORS: usize = 10;
/// Longest text that an issuer or a contact has, in bytes.
const MAX_TEXT: usize = 512;
/// Longest password of an issuer, in bytes.
const MAX_PASSWORD: usize = 4096;
/// Longest certificates that the connection to a directory is checked with, in bytes.
const MAX_BUNDLE: usize = 64 * 1024;
/// Most changes of an authority in one life of its name.
const MAX_CHANGES: i64 = 4096;
/// Room for a document, so that it does not grow while it is written and leave copies behind.
const ROOM: usize = 160 * 1024;

/// The provider that is a certificate authority kept in a vault.
pub const AUTHORITY: &str = "Strongroom-CA";
/// The provider that speaks RFC 8555.
pub const ACME: &str = "ACME";

/// How an issuer is asked; by its provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum IssuerSettings {
    /// An authority kept in a vault signs.
    Authority(AuthoritySettings),
    /// An authority elsewhere is asked by RFC 8555.
    Acme(AcmeSettings),
}

/// What a certificate of an authority is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// TLS servers, which may be clients of each other.
    #[default]
    Server,
    /// TLS clients.
    Client,
    /// Signing code.
    CodeSigning,
    /// Authorities below it, and nothing else.
    Authority,
}

impl Profile {
    /// The extended usages that a certificate of it may have.
    #[must_use]
    pub fn extended_usages(self) -> &'static [&'static str] {
        match self {
            Self::Server => &["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            Self::Client => &["1.3.6.1.5.5.7.3.2"],
            Self::CodeSigning => &["1.3.6.1.5.5.7.3.3"],
            Self::Authority => &[],
        }
    }

    /// The sorts of names that a certificate of it may have beside those of its subject: whoever logs on by the name of a user or
    /// of a workload is not made by who may have servers certified.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Server => &["dns", "ip"],
            Self::Client => &["dns", "email", "upn", "uri"],
            Self::CodeSigning | Self::Authority => &[],
        }
    }
}

/// An authority kept in a vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthoritySettings {
    /// Its certificate: a name in the issuer's own vault, or `vault/name`. Azure's wire: `org_details.id`.
    #[serde(default)]
    pub certificate: String,
    /// What its certificates are for.
    #[serde(default)]
    pub profile: Profile,
    /// The longest validity in days; none: as long as the authority's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_days: Option<u32>,
    /// Where its list of revoked certificates is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl_url: Option<String>,
}

/// How somebody proves to an ACME server that a name is theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Challenge {
    /// By an answer over HTTP.
    #[default]
    #[serde(rename = "http-01")]
    Http01,
    /// By a record in the DNS, which a hook sets. The hook is one of the server's configuration, by its name: nobody
    /// sends a command by the API.
    #[serde(rename = "dns-01")]
    Dns01 {
        /// Name of the hook.
        hook: String,
    },
}

/// An authority that is asked by RFC 8555. The key of an external account binding is the issuer's password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcmeSettings {
    /// Address of the directory. Azure's wire: `org_details.id`.
    #[serde(default)]
    pub directory: String,
    /// Mail addresses of the account. Azure's wire: those of `org_details.admin_details`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    /// How names are proven.
    #[serde(default)]
    pub challenge: Challenge,
    /// Key id of an external account binding. Azure's wire: `credentials.account_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<String>,
    /// Certificates (PEM) that the directory's connection is checked with, in place of the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
    /// Whether the directory is asked when to renew (ARI), where it offers that.
    #[serde(default = "yes")]
    pub renewal_information: bool,
}

fn yes() -> bool {
    true
}

impl Default for AcmeSettings {
    fn default() -> Self {
        Self {
            directory: String::new(),
            contacts: Vec::new(),
            challenge: Challenge::default(),
            external_account: None,
            ca_bundle: None,
            renewal_information: true,
        }
    }
}

/// Why an issuer or contacts are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuerInvalid {
    /// Nobody here speaks with such a provider.
    #[error("there is no certificate provider of this name here: it is one of {AUTHORITY} and {ACME}")]
    Provider,
    /// A name that stands for none.
    #[error("an issuer is not called Self or Unknown: a policy that names these asks no issuer of the vault")]
    Name,
    /// Settings of another provider.
    #[error("the settings are those of another provider")]
    OtherProvider,
    /// No authority is named.
    #[error(
        "the settings' certificate (or org_details.id) must name the certificate of the authority: name or vault/name"
    )]
    Authority,
    /// Not a number of days.
    #[error("maxDays must be from 1 to 36500")]
    Days,
    /// Not an address.
    #[error("crlUrl must be an http or https address in ASCII of at most 512 characters")]
    CrlUrl,
    /// Not an address.
    #[error("the settings' directory (or org_details.id) must be an https address of an ACME directory")]
    Directory,
    /// Not mail addresses.
    #[error("contacts and administrators have mail addresses in ASCII, and an issuer has at most 10 of them")]
    Mail,
    /// Not a name of a hook.
    #[error("the hook of a dns-01 challenge is named by 1 to 64 letters, digits and hyphens")]
    Hook,
    /// Half of an external account binding.
    #[error(
        "an external account binding has a key id (externalAccount or credentials.account_id) and a key \
         (credentials.pwd), both or none"
    )]
    ExternalAccount,
    /// Not certificates.
    #[error("caBundle must hold certificates in PEM, 64 KiB at most")]
    Bundle,
    /// A text that is too long or holds what is no text.
    #[error("a text is longer than 512 characters, a password than 4096, or holds control characters")]
    Text,
    /// Too many.
    #[error("there are more than 50 contacts")]
    TooManyContacts,
    /// None.
    #[error("contacts must hold at least one contact with an email")]
    NoContacts,
}

/// Somebody at the organisation of an issuer, in Azure's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what it says")]
pub struct Administrator {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// The organisation of an issuer, in Azure's words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// What the issuer calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Who is asked there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub admin_details: Vec<Administrator>,
}

/// Which authority of its name an issuer was made for: whoever named it could sign with this one, and with no other that
/// came to have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityLife {
    /// Its vault. One made again under an old name is another vault.
    pub vault: VaultId,
    /// Revision of its certificate's name at that moment.
    pub revision: i64,
}

impl AuthorityLife {
    /// Whether it is the one that stands here now, or has stood here since a revision. A renewed one is; one made again
    /// after a purge is not, because the revisions of a name begin at random.
    #[must_use]
    pub fn is_of(&self, vault: VaultId, revision: i64, since: Option<i64>) -> bool {
        let on = revision.checked_sub(self.revision);
        let was_judged = since.is_none_or(|since| since <= self.revision);
        self.vault == vault && was_judged && on.is_some_and(|on| (0..=MAX_CHANGES).contains(&on))
    }
}

/// An issuer, whole.
#[derive(Serialize, Deserialize)]
pub struct Issuer {
    /// How it is asked.
    pub settings: IssuerSettings,
    /// Azure: `credentials.account_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Azure: `org_details`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<Organization>,
    /// Azure: `credentials.pwd`. Never in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "secret")]
    pub password: Option<SecretText>,
    /// What the issuer gave to be kept for the next question, such as the key of an account. Never in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "secret")]
    pub account: Option<SecretText>,
    /// Of an authority kept in a vault: which one it was when it was judged. One that was stored before that was kept has
    /// none, and signs nothing until it is set again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<AuthorityLife>,
}

/// What an issuer gave to be kept, with how it is asked.
pub struct KeptAccount {
    /// How it is asked.
    pub settings: IssuerSettings,
    /// What it gave. Nobody is shown it.
    pub account: SecretText,
}

/// What of an issuer a caller gives; what is absent stays as it is.
#[derive(Default)]
#[expect(missing_docs, reason = "each is a part of the issuer")]
pub struct IssuerPatch {
    pub provider: Option<String>,
    pub account_id: Option<String>,
    pub password: Option<SecretText>,
    pub organization: Option<Organization>,
    pub settings: Option<IssuerSettings>,
    pub enabled: Option<bool>,
}

impl IssuerSettings {
    /// The provider's name.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        match self {
            Self::Authority(_) => AUTHORITY,
            Self::Acme(_) => ACME,
        }
    }

    /// What is not said otherwise, of a provider.
    ///
    /// # Errors
    /// [`IssuerInvalid::Provider`].
    pub fn of(provider: &str) -> Result<Self, IssuerInvalid> {
        if provider.eq_ignore_ascii_case(AUTHORITY) {
            Ok(Self::Authority(AuthoritySettings::default()))
        } else if provider.eq_ignore_ascii_case(ACME) {
            Ok(Self::Acme(AcmeSettings::default()))
        } else {
            Err(IssuerInvalid::Provider)
        }
    }

    /// Takes from Azure's words what is not said yet.
    fn adopt(&mut self, account_id: Option<&str>, organization: Option<&Organization>) {
        let id = organization.and_then(|organization| organization.id.as_deref()).unwrap_or_default();
        match self {
            Self::Authority(authority) if authority.certificate.is_empty() => id.clone_into(&mut authority.certificate),
            Self::Authority(_) => {}
            Self::Acme(acme) => {
                if acme.directory.is_empty() {
                    id.clone_into(&mut acme.directory);
                }
                if acme.contacts.is_empty() {
                    let people = organization.map_or(&[][..], |organization| &organization.admin_details);
                    acme.contacts = people.iter().filter_map(|one| one.email.clone()).collect();
                }
                if acme.external_account.is_none() {
                    acme.external_account = account_id.map(str::to_owned);
                }
            }
        }
    }

    /// Forgets what the organisation says, before another is taken.
    fn forget_organization(&mut self) {
        match self {
            Self::Authority(authority) => authority.certificate.clear(),
            Self::Acme(acme) => {
                acme.directory.clear();
                acme.contacts.clear();
            }
        }
    }

    fn check(&self) -> Result<(), IssuerInvalid> {
        match self {
            Self::Authority(authority) => authority.check(),
            Self::Acme(acme) => acme.check(),
        }
    }
}

impl AuthoritySettings {
    /// Where its certificate is; the vault is the issuer's own unless another is named.
    ///
    /// # Errors
    /// [`IssuerInvalid::Authority`].
    pub fn place(&self) -> Result<(Option<VaultName>, ObjectName), IssuerInvalid> {
        let (vault, name) = match self.certificate.split_once('/') {
            Some((vault, name)) => (Some(VaultName::parse(vault).map_err(|_| IssuerInvalid::Authority)?), name),
            None => (None, self.certificate.as_str()),
        };
        Ok((vault, ObjectName::parse(name).map_err(|_| IssuerInvalid::Authority)?))
    }

    fn check(&self) -> Result<(), IssuerInvalid> {
        self.place()?;
        if self.max_days.is_some_and(|days| !(1..=36_500).contains(&days)) {
            return Err(IssuerInvalid::Days);
        }
        let is_address = |address: &String| is_address(address, &["http", "https"]);
        if self.crl_url.as_ref().is_some_and(|address| !is_address(address)) {
            return Err(IssuerInvalid::CrlUrl);
        }
        Ok(())
    }
}

impl AcmeSettings {
    fn check(&self) -> Result<(), IssuerInvalid> {
        if !is_address(&self.directory, &["https"]) {
            return Err(IssuerInvalid::Directory);
        }
        if self.contacts.len() > MAX_ADMINISTRATORS || !self.contacts.iter().all(|address| is_mail(address)) {
            return Err(IssuerInvalid::Mail);
        }
        if let Challenge::Dns01 { hook } = &self.challenge {
            let letters = hook.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if !letters || !(1..=64).contains(&hook.len()) {
                return Err(IssuerInvalid::Hook);
            }
        }
        if self.external_account.as_ref().is_some_and(|id| !is_text(id) || id.is_empty()) {
            return Err(IssuerInvalid::Text);
        }
        let holds_certificates = |bundle: &String| {
            bundle.len() <= MAX_BUNDLE && certificates_in(bundle.as_bytes()).is_ok_and(|found| !found.is_empty())
        };
        if self.ca_bundle.as_ref().is_some_and(|bundle| !holds_certificates(bundle)) {
            return Err(IssuerInvalid::Bundle);
        }
        Ok(())
    }
}

impl Issuer {
    /// A new one.
    ///
    /// # Errors
    /// [`IssuerInvalid`].
    pub fn made(given: &IssuerPatch) -> Result<Self, IssuerInvalid> {
        let usual = IssuerSettings::of(given.provider.as_deref().unwrap_or_default())?;
        let (account_id, organization, password) = (None, None, None);
        Self { settings: usual, account_id, organization, password, account: None, authority: None }.changed(given)
    }

    /// With what is given in place of what was there. Of an account of another provider or directory nothing is kept.
    ///
    /// # Errors
    /// [`IssuerInvalid`].
    pub fn changed(mut self, given: &IssuerPatch) -> Result<Self, IssuerInvalid> {
        let before = self.asked_at();
        if let Some(provider) = &given.provider {
            let usual = IssuerSettings::of(provider)?;
            if usual.provider() != self.settings.provider() {
                self.settings = usual;
            }
        }
        match &given.settings {
            Some(settings) if settings.provider() != self.settings.provider() => {
                return Err(IssuerInvalid::OtherProvider);
            }
            Some(settings) => self.settings = settings.clone(),
            None => {
                if given.organization.is_some() {
                    self.settings.forget_organization();
                }
                if let (IssuerSettings::Acme(acme), Some(_)) = (&mut self.settings, &given.account_id) {
                    acme.external_account = None;
                }
            }
        }
        let copy = |text: &SecretText| SecretText::new(text.expose().to_owned());
        if let Some(organization) = &given.organization {
            self.organization = Some(organization.clone());
        }
        if let Some(account_id) = &given.account_id {
            self.account_id = Some(account_id.clone()).filter(|id| !id.is_empty());
        }
        if let Some(password) = &given.password {
            self.password = Some(copy(password)).filter(|password| !password.is_empty());
        }
        self.settings.adopt(self.account_id.as_deref(), self.organization.as_ref());
        if before.is_some() && self.asked_at() != before {
            self.account = None;
        }
        self.check()?;
        Ok(self)
    }

    /// In the place of another. Gives what that one had kept of an account, with how it is asked, if this one has no use
    /// for it.
    #[must_use]
    pub fn in_place_of(mut self, before: Self) -> (Self, Option<KeptAccount>) {
        if before.asked_at().is_some() && before.asked_at() == self.asked_at() {
            self.account = before.account;
            return (self, None);
        }
        let Self { settings, account, .. } = before;
        (self, account.map(|account| KeptAccount { settings, account }))
    }

    /// Where an account of it is.
    fn asked_at(&self) -> Option<(String, Option<String>)> {
        match &self.settings {
            IssuerSettings::Acme(acme) => Some((acme.directory.clone(), acme.external_account.clone())),
            IssuerSettings::Authority(_) => None,
        }
    }

    fn check(&self) -> Result<(), IssuerInvalid> {
        self.settings.check()?;
        let people = self.organization.as_ref().map_or(&[][..], |organization| &organization.admin_details);
        let id = self.organization.as_ref().and_then(|organization| organization.id.as_ref());
        let names = people.iter().flat_map(|one| [&one.first_name, &one.last_name, &one.phone]).flatten();
        if !names.chain(id).chain(&self.account_id).all(|text| is_text(text))
            || self.password.as_ref().is_some_and(|password| password.len() > MAX_PASSWORD)
        {
            return Err(IssuerInvalid::Text);
        }
        let mails = people.iter().filter_map(|one| one.email.as_ref()).filter(|address| !address.is_empty());
        if people.len() > MAX_ADMINISTRATORS || !mails.into_iter().all(|address| is_mail(address)) {
            return Err(IssuerInvalid::Mail);
        }
        if let IssuerSettings::Acme(acme) = &self.settings
            && acme.external_account.is_some() != self.password.as_ref().is_some_and(|password| !password.is_empty())
        {
            return Err(IssuerInvalid::ExternalAccount);
        }
        Ok(())
    }

    /// The document that is sealed.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn to_document(&self) -> Result<Plaintext, serde_json::Error> {
        document(self)
    }

    /// Reads what was sealed.
    ///
    /// # Errors
    /// When it is no issuer.
    pub fn of_document(document: &Plaintext) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(document.expose())
    }
}

pub(crate) fn document(value: &impl Serialize) -> Result<Plaintext, serde_json::Error> {
    let mut bytes = Vec::with_capacity(ROOM);
    match serde_json::to_writer(&mut bytes, value) {
        Ok(()) => Ok(Plaintext::new(bytes)),
        Err(error) => {
            drop(Plaintext::new(bytes));
            Err(error)
        }
    }
}

pub(crate) fn is_text(text: &str) -> bool {
    text.len() <= MAX_TEXT && !text.chars().any(char::is_control)
}

pub(crate) fn is_mail(address: &str) -> bool {
    let parts = address.split_once('@').filter(|(local, host)| !local.is_empty() && !host.contains('@'));
    let graphic = address.bytes().all(|byte| byte.is_ascii_graphic() && !br#"<>,;:"\"#.contains(&byte));
    graphic && address.len() <= 254 && parts.is_some_and(|(_, host)| !host.is_empty())
}

/// An absolute address without a name or a password in it.
fn is_address(address: &str, schemes: &[&str]) -> bool {
    let graphic = address.bytes().all(|byte| byte.is_ascii_graphic());
    let fits = |url: &Url| {
        schemes.contains(&url.scheme())
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    };
    graphic && address.len() <= MAX_TEXT && Url::parse(address).is_ok_and(|url| fits(&url))
}

mod secret {
    use super::{Deserialize, Deserializer, SecretText, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Option<SecretText>, serializer: S) -> Result<S::Ok, S::Error> {
        match text {
            Some(text) => serializer.serialize_some(text.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(SecretText::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> SecretText {
        SecretText::new(text.to_owned())
    }

    fn organization(id: &str, email: &str) -> Organization {
        let one = Administrator { email: Some(email.to_owned()), ..Administrator::default() };
        Organization { id: Some(id.to_owned()), admin_details: vec![one] }
    }

    fn acme() -> IssuerPatch {
        IssuerPatch {
            provider: Some("acme".to_owned()),
            account_id: Some("kid-1".to_owned()),
            password: Some(text("c2VjcmV0")),
            organization: Some(organization("https://ca.example/directory", "ops@app.example")),
            ..IssuerPatch::default()
        }
    }

    /// Pins the form: it is sealed and kept for as long as the issuer.
    #[test]
    fn azures_words_become_settings_and_the_document_keeps_its_form() {
        let issuer = Issuer::made(&acme()).unwrap();
        let document = issuer.to_document().unwrap();
        assert_eq!(
            std::str::from_utf8(document.expose()).unwrap(),
            concat!(
                r#"{"settings":{"kind":"acme","directory":"https://ca.example/directory","#,
                r#""contacts":["ops@app.example"],"challenge":{"type":"http-01"},"externalAccount":"kid-1","#,
                r#""renewalInformation":true},"account_id":"kid-1","#,
                r#""organization":{"id":"https://ca.example/directory","admin_details":[{"email":"ops@app.example"}]},"#,
                r#""password":"c2VjcmV0"}"#
            )
        );
        let again = Issuer::of_document(&document).unwrap();
        assert_eq!(again.settings, issuer.settings);
        assert_eq!(again.password.unwrap().expose(), "c2VjcmV0");

        let authority = IssuerPatch {
            provider: Some("Strongroom-CA".to_owned()),
            organization: Some(Organization { id: Some("vault-a/root".to_owned()), admin_details: Vec::new() }),
            ..IssuerPatch::default()
        };
        let IssuerSettings::Authority(settings) = Issuer::made(&authority).unwrap().settings else { panic!() };
        let (vault, name) = settings.place().unwrap();
        assert_eq!((vault.unwrap().as_str(), name.as_str(), settings.profile), ("vault-a", "root", Profile::Server));
    }

    #[test]
    fn an_account_goes_with_its_directory() {
        let known = || Issuer { account: Some(text("{}")), ..Issuer::made(&acme()).unwrap() };
        let enabled = IssuerPatch { enabled: Some(false), ..IssuerPatch::default() };
        assert!(known().changed(&enabled).unwrap().account.is_some());
        let (same, parted) = Issuer::made(&acme()).unwrap().in_place_of(known());
        assert!(same.account.is_some() && parted.is_none(), "it is the account of both");
        let elsewhere = organization("https://other.example/directory", "ops@app.example");
        let other = Issuer::made(&IssuerPatch { organization: Some(elsewhere), ..acme() }).unwrap();
        let (other, parted) = other.in_place_of(known());
        assert!(other.account.is_none());
        assert_eq!(parted.unwrap().settings, known().settings, "where the account is that is given up");
        let other = organization("https://other.example/directory", "ops@app.example");
        let moved = IssuerPatch { organization: Some(other), ..IssuerPatch::default() };
        let moved = known().changed(&moved).unwrap();
        assert!(moved.account.is_none());
        let IssuerSettings::Acme(settings) = moved.settings else { panic!() };
        assert_eq!(settings.directory, "https://other.example/directory");
        assert_eq!(settings.external_account.as_deref(), Some("kid-1"));
    }

    #[test]
    fn an_external_account_binding_is_given_up_by_an_empty_one() {
        let bound = Issuer { account: Some(text("{}")), ..Issuer::made(&acme()).unwrap() };
        let without = AcmeSettings { directory: "https://ca.example/directory".to_owned(), ..AcmeSettings::default() };
        let given = IssuerPatch {
            account_id: Some(String::new()),
            password: Some(text("")),
            settings: Some(IssuerSettings::Acme(without)),
            ..IssuerPatch::default()
        };
        let unbound = bound.changed(&given).unwrap();
        assert!(unbound.account_id.is_none() && unbound.password.is_none());
        assert!(unbound.account.is_none(), "the account was another's");
        let IssuerSettings::Acme(settings) = unbound.settings else { panic!() };
        assert_eq!(settings.external_account, None);
    }

    #[test]
    fn what_no_issuer_can_be_is_refused() {
        let refused = |change: fn(&mut IssuerPatch)| {
            let mut given = acme();
            change(&mut given);
            Issuer::made(&given).err()
        };
        assert_eq!(refused(|given| given.provider = Some("DigiCert".to_owned())), Some(IssuerInvalid::Provider));
        assert_eq!(refused(|given| given.provider = None), Some(IssuerInvalid::Provider));
        assert_eq!(refused(|given| given.password = None), Some(IssuerInvalid::ExternalAccount));
        assert_eq!(refused(|given| given.account_id = None), Some(IssuerInvalid::ExternalAccount));
        assert_eq!(refused(|given| given.organization = None), Some(IssuerInvalid::Directory));
        for bad in ["http://ca.example/d", "https://a:b@ca.example/d", "ca.example", "https://ca.example/ d"] {
            let mut given = acme();
            given.organization = Some(organization(bad, "a@b.example"));
            assert_eq!(Issuer::made(&given).err(), Some(IssuerInvalid::Directory), "{bad}");
        }
        assert_eq!(
            refused(|given| given.organization = Some(organization("https://ca.example/d", "nobody"))),
            Some(IssuerInvalid::Mail)
        );
        let settings = |settings: AcmeSettings| {
            let given = IssuerPatch {
                settings: Some(IssuerSettings::Acme(AcmeSettings {
                    directory: "https://ca.example/d".to_owned(),
                    ..settings
                })),
                account_id: None,
                password: None,
                ..acme()
            };
            Issuer::made(&given).err()
        };
        assert_eq!(settings(AcmeSettings::default()), None);
        let hook = Challenge::Dns01 { hook: "rm -rf".to_owned() };
        assert_eq!(settings(AcmeSettings { challenge: hook, ..AcmeSettings::default() }), Some(IssuerInvalid::Hook));
        let bundle = Some("no certificate".to_owned());
        assert_eq!(
            settings(AcmeSettings { ca_bundle: bundle, ..AcmeSettings::default() }),
            Some(IssuerInvalid::Bundle)
        );
        assert_eq!(
            refused(|given| given.settings = Some(IssuerSettings::Authority(AuthoritySettings::default()))),
            Some(IssuerInvalid::OtherProvider)
        );
    }
}
