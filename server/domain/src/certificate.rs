//! Certificates as data: the policy that a name's certificates are made by, the operation that is under way for it,
//! and what of a version is a certificate alone. Never a private key.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strongroom_crypto::{
    key::{KeySpec, PublicKey},
    x509::{AlternativeNames, CertificateFacts, Constraints, ImportError, Template, TemplateError, Usage, Validity},
};

use crate::{
    key::{KeyOperation, KeyProperties},
    names::ObjectVersion,
    revocation::{RevokedCertificate, remembered_as},
};

/// Longest validity in months.
pub const MAX_MONTHS: u32 = 1200;
/// The issuer that is the certificate itself.
pub const SELF: &str = "Self";
/// The issuer that nobody here knows: the request goes out, the certificate is merged in.
pub const UNKNOWN: &str = "Unknown";

/// In which form the secret of a certificate gives it out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContentType {
    /// Base64 of PKCS#12 without a password.
    #[default]
    #[serde(rename = "application/x-pkcs12")]
    Pkcs12,
    /// PEM.
    #[serde(rename = "application/x-pem-file")]
    Pem,
}

impl ContentType {
    /// Its media type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pkcs12 => "application/x-pkcs12",
            Self::Pem => "application/x-pem-file",
        }
    }

    /// By its media type.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pkcs12, Self::Pem].into_iter().find(|form| form.as_str().eq_ignore_ascii_case(text))
    }
}

/// The key of a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPolicy {
    /// Type and size.
    pub spec: KeySpec,
    /// Whether the private key is in what the secret gives out.
    pub exportable: bool,
    /// Whether the next version keeps the key.
    pub reuse: bool,
}

/// When something is to happen to a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// When so many hundredths of its lifetime are over.
    Percentage(u8),
    /// So many days before it expires.
    DaysBefore(u32),
}

/// What is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LifetimeWork {
    /// A new version.
    AutoRenew,
    /// Mail.
    EmailContacts,
}

impl LifetimeWork {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutoRenew => "AutoRenew",
            Self::EmailContacts => "EmailContacts",
        }
    }
}

/// What is to happen in the life of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifetimeAction {
    /// When.
    pub trigger: Trigger,
    /// What.
    pub work: LifetimeWork,
}

/// Who signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerReference {
    /// `Self`, `Unknown` or the name of one that was set up.
    pub name: String,
    /// Sort of certificate, in the issuer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_type: Option<String>,
    /// Whether it is to be published in transparency logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transparency: Option<bool>,
}

/// How the certificates of a name are made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatePolicy {
    /// The key.
    pub key: KeyPolicy,
    /// Form of the secret.
    pub content_type: ContentType,
    /// What the certificate says.
    pub template: Template,
    /// For how long it is valid.
    pub validity_months: u32,
    /// What happens in its life.
    pub lifetime_actions: Vec<LifetimeAction>,
    /// Who signs.
    pub issuer: IssuerReference,
}

impl Default for CertificatePolicy {
    /// What Azure assumes of what is not said.
    fn default() -> Self {
        Self {
            key: KeyPolicy { spec: KeySpec::Rsa { bits: 2048 }, exportable: true, reuse: false },
            content_type: ContentType::Pkcs12,
            template: Template {
                subject: String::new(),
                names: AlternativeNames::default(),
                extended_usages: vec!["1.3.6.1.5.5.7.3.1".to_owned(), "1.3.6.1.5.5.7.3.2".to_owned()],
                usages: BTreeSet::from([Usage::DigitalSignature, Usage::KeyEncipherment]),
                ca: false,
                path_length: None,
                constraints: Constraints::default(),
            },
            validity_months: 12,
            lifetime_actions: vec![LifetimeAction { trigger: Trigger::Percentage(80), work: LifetimeWork::AutoRenew }],
            issuer: IssuerReference { name: UNKNOWN.to_owned(), certificate_type: None, transparency: None },
        }
    }
}

/// Why a policy is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No certificate can say that.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// None, or more than [`MAX_MONTHS`].
    #[error("validity_months must be a whole number from 1 to 1200")]
    Validity,
    /// A symmetric key.
    #[error("the key of a certificate is of the type RSA or EC")]
    Key,
    /// A trigger outside of the lifetime, or too many.
    #[error(
        "a lifetime action has a percentage from 1 to 99 or from 1 to validity_months x 27 days before expiry, and \
         there are at most 8"
    )]
    LifetimeAction,
    /// A text of the issuer that is empty or too long.
    #[error("the issuer's name and certificate type have 1 to 127 characters")]
    Issuer,
}

impl CertificatePolicy {
    /// Checks the documented limits.
    ///
    /// # Errors
    /// The first [`PolicyError`] that applies.
    pub fn check(&self) -> Result<(), PolicyError> {
        self.template.check()?;
        if !(1..=MAX_MONTHS).contains(&self.validity_months) {
            return Err(PolicyError::Validity);
        }
        if matches!(self.key.spec, KeySpec::Oct { .. }) {
            return Err(PolicyError::Key);
        }
        let within = |action: &LifetimeAction| match action.trigger {
            Trigger::Percentage(percentage) => (1..=99).contains(&percentage),
            Trigger::DaysBefore(days) => (1..=self.validity_months * 27).contains(&days),
        };
        if self.lifetime_actions.len() > 8 || !self.lifetime_actions.iter().all(within) {
            return Err(PolicyError::LifetimeAction);
        }
        let issuer = [Some(&self.issuer.name), self.issuer.certificate_type.as_ref()];
        if !issuer.into_iter().flatten().all(|text| (1..=127).contains(&text.len()) && !text.contains('\0')) {
            return Err(PolicyError::Issuer);
        }
        Ok(())
    }

    /// The same for what is to be made by it, and not of what others made.
    ///
    /// # Errors
    /// The first [`PolicyError`] that applies.
    pub fn check_to_make(&self) -> Result<(), PolicyError> {
        self.check()?;
        Ok(self.template.check_signing()?)
    }

    /// What the key may be used for: what the certificate says, in the words of keys (Azure), as far as a key of the
    /// type can.
    #[must_use]
    pub fn operations(&self) -> BTreeSet<KeyOperation> {
        use KeyOperation::{Decrypt, Encrypt, Sign, UnwrapKey, Verify, WrapKey};
        let of = |usage: &Usage| -> &'static [KeyOperation] {
            match usage {
                Usage::DigitalSignature | Usage::KeyCertSign | Usage::NonRepudiation | Usage::CrlSign => {
                    &[Sign, Verify]
                }
                Usage::KeyEncipherment => &[WrapKey, UnwrapKey],
                Usage::DataEncipherment => &[Encrypt, Decrypt],
                Usage::EncipherOnly => &[Encrypt],
                Usage::DecipherOnly => &[Decrypt],
                Usage::KeyAgreement => &[],
            }
        };
        // A certificate without a word of usages may be used for anything: its key for what is usual.
        let usual = || Self::default().template.usages;
        let usages = Some(&self.template.usages).filter(|said| !said.is_empty()).cloned().unwrap_or_else(usual);
        let said: BTreeSet<KeyOperation> = usages.iter().flat_map(of).copied().collect();
        said.intersection(&KeyOperation::possible(self.key.spec)).copied().collect()
    }

    /// The key of the next version, before there is one.
    #[must_use]
    pub fn next_key(&self) -> KeyProperties {
        KeyProperties {
            spec: self.key.spec,
            operations: self.operations(),
            exportable: self.key.exportable,
            public: None,
            token: None,
        }
    }

    /// By which a certificate that is there would be made, and for how many days it is valid from now on (Unix seconds).
    ///
    /// # Errors
    /// [`ImportError`] when it cannot be read, or names somebody in a way that nobody could judge.
    pub fn as_in(&self, certificate: &[u8], now: i64) -> Result<(Self, u32), ImportError> {
        let template = Template::in_full(certificate)?;
        let facts = CertificateFacts::of(certificate).map_err(|_| ImportError::Damaged)?;
        let days = facts.not_after.saturating_sub(now).div_euclid(86_400);
        Ok((Self { template, ..self.clone() }, u32::try_from(days).unwrap_or(0)))
    }

    /// For how many days a certificate is valid that is made now (Unix seconds).
    #[must_use]
    pub fn days_from(&self, now: i64) -> u32 {
        let end = Validity::months(now, self.validity_months).map_or(now, |validity| validity.not_after);
        u32::try_from((end - now).div_euclid(86_400)).unwrap_or(0)
    }
}

/// What of a policy a caller gives; the rest stays as it is, or is what Azure assumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is a part of the policy")]
pub struct PolicyPatch {
    pub spec: Option<KeySpec>,
    pub exportable: Option<bool>,
    pub reuse: Option<bool>,
    pub content_type: Option<ContentType>,
    pub subject: Option<String>,
    pub names: Option<AlternativeNames>,
    pub extended_usages: Option<Vec<String>>,
    pub usages: Option<BTreeSet<Usage>>,
    pub ca: Option<bool>,
    pub path_length: Option<Option<u8>>,
    pub constraints: Option<Constraints>,
    pub validity_months: Option<u32>,
    pub lifetime_actions: Option<Vec<LifetimeAction>>,
    pub issuer: Option<IssuerReference>,
}

impl PolicyPatch {
    /// The policy as it would be.
    #[must_use]
    pub fn over(&self, stored: &CertificatePolicy) -> CertificatePolicy {
        let said = &stored.template;
        let ca = self.ca.unwrap_or(said.ca);
        // What was said of an authority goes with it.
        let (length, names) = if ca { (said.path_length, Some(&said.constraints)) } else { (None, None) };
        // An authority is for everything that those above it are for, unless it is said otherwise.
        let everything = (ca && !said.ca).then(Vec::new);
        let usages = self.usages.clone().filter(|usages| !ca || !usages.is_empty());
        let without_word = || self.ca.map_or_else(|| said.usages.clone(), |ca| usages_without_word(ca, &said.usages));
        CertificatePolicy {
            key: KeyPolicy {
                spec: self.spec.unwrap_or(stored.key.spec),
                exportable: self.exportable.unwrap_or(stored.key.exportable),
                reuse: self.reuse.unwrap_or(stored.key.reuse),
            },
            content_type: self.content_type.unwrap_or(stored.content_type),
            template: Template {
                subject: self.subject.as_ref().unwrap_or(&said.subject).clone(),
                names: self.names.as_ref().unwrap_or(&said.names).clone(),
                extended_usages: self
                    .extended_usages
                    .clone()
                    .or(everything)
                    .unwrap_or_else(|| said.extended_usages.clone()),
                usages: usages.unwrap_or_else(without_word),
                ca,
                path_length: self.path_length.unwrap_or(length),
                constraints: self.constraints.as_ref().or(names).cloned().unwrap_or_default(),
            },
            validity_months: self.validity_months.unwrap_or(stored.validity_months),
            lifetime_actions: self.lifetime_actions.as_ref().unwrap_or(&stored.lifetime_actions).clone(),
            issuer: self.issuer.as_ref().unwrap_or(&stored.issuer).clone(),
        }
    }
}

/// The usages of a certificate of which nobody said any, but whether it is an authority: what was stored, as far as it goes
/// with that.
fn usages_without_word(ca: bool, stored: &BTreeSet<Usage>) -> BTreeSet<Usage> {
    let signing = BTreeSet::from([Usage::KeyCertSign, Usage::CrlSign]);
    if ca {
        return if stored.contains(&Usage::KeyCertSign) { stored.clone() } else { signing };
    }
    let rest: BTreeSet<Usage> = stored.difference(&signing).copied().collect();
    let of_authority_alone = rest.is_empty() && !stored.is_empty();
    if of_authority_alone { CertificatePolicy::default().template.usages } else { rest }
}

/// How an operation on a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PendingStatus {
    /// It waits for the certificate that belongs to its request.
    InProgress,
    /// The version is there.
    Completed,
    /// Somebody called it off.
    Cancelled,
    /// The issuer would not.
    Failed,
}

/// The last operation that was begun for a name, until it is deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingOperation {
    /// Names it.
    pub request_id: String,
    /// The version that it makes.
    pub version: ObjectVersion,
    /// Who is to sign.
    pub issuer: String,
    /// The request (PKCS#10), DER.
    #[serde(with = "base64")]
    pub request: Vec<u8>,
    /// How it stands.
    pub status: PendingStatus,
    /// Whether the version is to be enabled once it is there.
    pub enabled: bool,
    /// Whether its key is a new one though the policy says to keep the one before, because others have that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gives_up_key: bool,
    /// How it stands with an issuer of the vault, if one is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolment: Option<Enrolment>,
}

/// How an operation stands with the issuer that is asked for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// When the issuer is asked next, Unix seconds.
    pub ask_at: i64,
    /// How often it was asked.
    pub asked: u32,
    /// What the issuer wants to know again. Not secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// What the issuer said against it last, or at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
}

/// What an issuer says against an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// A short word.
    pub code: String,
    /// A sentence for whoever may see the certificate.
    pub message: String,
}

/// What of a name is a certificate's alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateState {
    /// How its next version is made.
    pub policy: CertificatePolicy,
    /// When the policy was made, Unix seconds.
    pub policy_created: i64,
    /// When it was changed last, Unix seconds.
    pub policy_updated: i64,
    /// The last operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingOperation>,
    /// Ordinal of the newest version, finished or not.
    pub newest: i64,
    /// When the authority wishes the current version to be renewed, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_at: Option<i64>,
    /// How the authority that signed the current version is asked again when it wants it renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inquiry: Option<Inquiry>,
    /// Versions that their issuer elsewhere took back, because somebody here asked for it. What an authority of a vault
    /// took back is on its list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<RevokedVersion>,
    /// Of an authority: the revision of its name at which a version came that is wider than the one before, of another
    /// signer or brought with another key. Issuers that were set before sign by none from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_since: Option<i64>,
}

/// A version that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedVersion {
    /// Which.
    pub version: ObjectVersion,
    /// When, and why.
    pub revoked: RevokedCertificate,
}

impl RevokedVersion {
    /// Whether it still says something: until it would have ended, and for ever that others have its key.
    #[must_use]
    pub fn counts(&self, now: i64) -> bool {
        self.revoked.ends.is_none_or(|ends| ends > now) || self.revoked.reason.is_compromise()
    }
}

/// What is known of when an authority wants a version renewed, and when it is asked again (RFC 9773).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inquiry {
    /// The issuer that had it signed, by which it is asked.
    pub issuer: String,
    /// When it is asked next, Unix seconds.
    pub ask_at: i64,
    /// The window that it suggested last, of which a moment was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// From when to when an authority wants a version renewed, Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what it says")]
pub struct Window {
    pub begin: i64,
    pub end: i64,
}

impl CertificateState {
    /// When an issuer is asked for the operation that waits, if one is.
    #[must_use]
    pub fn asks_at(&self) -> Option<i64> {
        self.in_progress()?.enrolment.as_ref().map(|enrolment| enrolment.ask_at)
    }

    /// When and why a version was taken back by its issuer elsewhere.
    #[must_use]
    pub fn revoked(&self, version: &ObjectVersion) -> Option<&RevokedCertificate> {
        self.revoked.iter().find(|one| one.version == *version).map(|one| &one.revoked)
    }

    /// Whether a version was taken back because others have its key, which this is.
    #[must_use]
    pub fn is_compromised(&self, key: &PublicKey) -> bool {
        let names = remembered_as(key);
        let has_it = |kept: &String| names.contains(kept);
        let of_it = |one: &RevokedCertificate| one.reason.is_compromise() && one.key.as_ref().is_some_and(has_it);
        self.revoked.iter().any(|one| of_it(&one.revoked))
    }

    /// The same with one more. What says nothing any more is let go of.
    #[must_use]
    pub fn with_revoked(&self, version: &ObjectVersion, revoked: RevokedCertificate, now: i64) -> Self {
        let mut after = self.clone();
        after.revoked.retain(|one| one.version != *version && one.counts(now));
        after.revoked.push(RevokedVersion { version: version.clone(), revoked });
        after
    }

    /// The operation that waits for something.
    #[must_use]
    pub fn in_progress(&self) -> Option<&PendingOperation> {
        self.pending.as_ref().filter(|pending| pending.status == PendingStatus::InProgress)
    }
}

/// What of a version is a certificate's alone. Its key's public half stands beside it, as of a version of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateVersion {
    /// Form of the secret.
    pub content_type: ContentType,
    /// The certificates in DER, leaf first; none until the version is finished.
    #[serde(with = "base64_list")]
    pub chain: Vec<Vec<u8>>,
}

impl CertificateVersion {
    /// The certificate itself, once there is one.
    #[must_use]
    pub fn leaf(&self) -> Option<&[u8]> {
        self.chain.first().map(Vec::as_slice)
    }
}

pub(crate) mod base64 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&data_encoding::BASE64.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        data_encoding::BASE64.decode(text.as_bytes()).map_err(|_| D::Error::custom("not base64"))
    }
}

mod base64_list {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(list: &[Vec<u8>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(|bytes| data_encoding::BASE64.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<u8>>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let bytes = texts.iter().map(|text| data_encoding::BASE64.decode(text.as_bytes()));
        bytes.collect::<Result<_, _>>().map_err(|_| D::Error::custom("not base64"))
    }
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::{key::Curve, x509::Reason};

    use super::*;

    /// Pins the form: it is authenticated as written and kept for as long as the certificate.
    #[test]
    fn state_and_version_keep_their_form() {
        let state = CertificateState {
            policy: CertificatePolicy::default(),
            policy_created: 1,
            policy_updated: 2,
            pending: Some(PendingOperation {
                request_id: "r".to_owned(),
                version: ObjectVersion::from_bytes([7; 16]),
                issuer: SELF.to_owned(),
                request: vec![1, 2],
                status: PendingStatus::InProgress,
                enabled: true,
                gives_up_key: false,
                enrolment: None,
            }),
            newest: 3,
            renew_at: None,
            inquiry: None,
            revoked: Vec::new(),
            authority_since: None,
        };
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"policy":{"key":{"spec":{"kty":"RSA","bits":2048},"exportable":true,"reuse":false},"#,
                r#""content_type":"application/x-pkcs12","template":{"subject":"","names":{},"#,
                r#""extended_usages":["1.3.6.1.5.5.7.3.1","1.3.6.1.5.5.7.3.2"],"#,
                r#""usages":["digitalSignature","keyEncipherment"],"ca":false},"validity_months":12,"#,
                r#""lifetime_actions":[{"trigger":{"percentage":80},"work":"AutoRenew"}],"issuer":{"name":"Unknown"}},"#,
                r#""policy_created":1,"policy_updated":2,"pending":{"request_id":"r","#,
                r#""version":"07070707070707070707070707070707","issuer":"Self","request":"AQI=","#,
                r#""status":"inProgress","enabled":true},"newest":3}"#
            )
        );
        assert_eq!(serde_json::from_str::<CertificateState>(&text).unwrap(), state);
        let version = CertificateVersion { content_type: ContentType::Pem, chain: vec![vec![1, 2], vec![3]] };
        let text = serde_json::to_string(&version).unwrap();
        assert_eq!(text, r#"{"content_type":"application/x-pem-file","chain":["AQI=","Aw=="]}"#);
        assert_eq!(serde_json::from_str::<CertificateVersion>(&text).unwrap(), version);
    }

    #[test]
    fn a_version_that_was_taken_back_is_remembered_until_it_would_have_ended() {
        let state = CertificateState {
            policy: CertificatePolicy::default(),
            policy_created: 1,
            policy_updated: 2,
            pending: None,
            newest: 2,
            renew_at: None,
            inquiry: None,
            revoked: Vec::new(),
            authority_since: None,
        };
        let [one, other] = [1, 2].map(|number| ObjectVersion::from_bytes([number; 16]));
        let revoked = |at, ends| RevokedCertificate {
            serial: "01".to_owned(),
            at,
            reason: Reason::Superseded,
            ends: Some(ends),
            key: None,
        };
        let state = state.with_revoked(&one, revoked(10, 100), 10);
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<CertificateState>(&text).unwrap(), state);
        assert_eq!(state.revoked(&one).map(|one| one.at), Some(10));
        assert_eq!(state.revoked(&other), None);
        let state = state.with_revoked(&other, revoked(100, 200), 100);
        assert_eq!((state.revoked.len(), state.revoked(&one)), (1, None));
    }

    #[test]
    fn a_policy_has_its_limits() {
        let good = CertificatePolicy {
            template: Template { subject: "CN=app".to_owned(), ..CertificatePolicy::default().template },
            ..CertificatePolicy::default()
        };
        assert_eq!(good.check(), Ok(()));
        let bad = |change: fn(&mut CertificatePolicy)| {
            let mut policy = good.clone();
            change(&mut policy);
            policy.check().unwrap_err()
        };
        assert_eq!(bad(|p| p.validity_months = 0), PolicyError::Validity);
        assert_eq!(bad(|p| p.validity_months = 1201), PolicyError::Validity);
        assert_eq!(bad(|p| p.key.spec = KeySpec::Oct { bits: 256 }), PolicyError::Key);
        assert_eq!(bad(|p| p.template.subject = String::new()), PolicyError::Template(TemplateError::Nameless));
        assert_eq!(bad(|p| p.issuer.name = String::new()), PolicyError::Issuer);
        for trigger in
            [Trigger::Percentage(0), Trigger::Percentage(100), Trigger::DaysBefore(0), Trigger::DaysBefore(325)]
        {
            let action = LifetimeAction { trigger, work: LifetimeWork::AutoRenew };
            let policy = CertificatePolicy { lifetime_actions: vec![action], ..good.clone() };
            assert_eq!(policy.check(), Err(PolicyError::LifetimeAction), "{trigger:?}");
        }
    }

    #[test]
    fn an_authority_can_sign_and_nothing_else_can() {
        use Usage::{CrlSign, DigitalSignature, KeyCertSign};
        let usual = CertificatePolicy::default();
        let after = |stored: &CertificatePolicy, ca: Option<bool>, usages: Option<&[Usage]>| {
            let usages = usages.map(|usages| usages.iter().copied().collect());
            let subject = Some("CN=a".to_owned());
            PolicyPatch { subject, ca, usages, ..PolicyPatch::default() }.over(stored)
        };
        let said = |policy: &CertificatePolicy| {
            let usages: Vec<Usage> = policy.template.usages.iter().copied().collect();
            (usages, policy.template.extended_usages.len(), policy.check_to_make())
        };
        let root = after(&usual, Some(true), None);
        assert_eq!(said(&root), (vec![KeyCertSign, CrlSign], 0, Ok(())));
        assert_eq!(after(&usual, Some(true), Some(&[])), root, "named none");
        assert_eq!(said(&after(&root, None, None)), said(&root));
        // What others made says what it says.
        let mut odd = usual.clone();
        odd.template.usages = BTreeSet::from([KeyCertSign]);
        assert_eq!(after(&odd, None, None).template.usages, odd.template.usages);
        assert_eq!(after(&root, Some(false), None).template.usages, usual.template.usages);
        for (stored, ca, usages, wrong) in [
            (&usual, Some(true), &[DigitalSignature][..], TemplateError::MayNotSign),
            (&root, None, &[CrlSign][..], TemplateError::MayNotSign),
            (&usual, None, &[DigitalSignature, KeyCertSign][..], TemplateError::SignsWithoutAuthority),
            (&root, Some(false), &[CrlSign][..], TemplateError::SignsWithoutAuthority),
        ] {
            let policy = after(stored, ca, Some(usages));
            assert_eq!(policy.check_to_make(), Err(PolicyError::Template(wrong)), "{usages:?}");
            assert_eq!(policy.check(), Ok(()), "of others it is taken");
        }
    }

    #[test]
    fn usages_become_operations_as_far_as_the_key_can() {
        use KeyOperation::{Decrypt, Encrypt, Sign, UnwrapKey, Verify, WrapKey};
        let mut policy = CertificatePolicy::default();
        assert_eq!(policy.operations(), BTreeSet::from([Sign, Verify, WrapKey, UnwrapKey]));
        policy.template.usages = BTreeSet::new();
        assert_eq!(policy.operations(), BTreeSet::from([Sign, Verify, WrapKey, UnwrapKey]), "nothing is said");
        policy.template.usages = BTreeSet::from([Usage::DataEncipherment, Usage::KeyAgreement]);
        assert_eq!(policy.operations(), BTreeSet::from([Encrypt, Decrypt]));
        policy.key.spec = KeySpec::Ec { crv: Curve::P256 };
        assert_eq!(policy.operations(), BTreeSet::new());
        policy.template.usages = BTreeSet::from([Usage::DigitalSignature, Usage::KeyEncipherment]);
        assert_eq!(policy.operations(), BTreeSet::from([Sign, Verify]));
    }
}
