//! Identities that Strongroom keeps itself: workloads with their credentials, and dashboard sessions.
//!
//! Credentials are stored as keyed hashes only; a session is stored as the hash of its cookie.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::principal::{Principal, PrincipalId, TokenOrigin};

/// Most client secrets, certificates and federations of a workload, of each sort (Azure: 20 federations).
pub const MAX_CREDENTIALS: usize = 20;
/// Of how many it is remembered that they gave a workload a credential.
pub const MAX_GIVERS: usize = 32;

/// A client secret of a workload, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretHash {
    /// Identity of the credential, shown in records.
    pub id: Uuid,
    /// Keyed hash (HMAC-SHA256) of the secret.
    pub hash: Vec<u8>,
    /// Unix seconds from which it no longer counts.
    pub expires: Option<i64>,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Since when it exists, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
}

/// A certificate whose private key a workload signs its own assertions with (RFC 7523, Entra's `x5t`).
/// Trusted because it was registered: no authority is asked, and its chain does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateCredential {
    /// Identity of the credential, shown in records.
    pub id: Uuid,
    /// What people call it; its subject when nothing was said.
    pub name: String,
    /// SHA-1 of the certificate (`x5t`): finds the certificate and proves nothing.
    pub sha1: Vec<u8>,
    /// SHA-256 of the certificate (`x5t#S256`).
    pub sha256: Vec<u8>,
    /// RSA public key (PKCS#1 DER).
    pub public_key: Vec<u8>,
    /// Unix seconds before which it does not count.
    pub not_before: i64,
    /// Unix seconds from which it no longer counts.
    pub expires: i64,
    /// Since when it is registered, Unix seconds.
    pub created: i64,
}

/// A federation: tokens of a foreign issuer that stand for the workload (RFC 7523 client assertions).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Federation {
    /// Exact issuer of the assertion.
    pub issuer: String,
    /// Exact subject of the assertion, unless it is a pattern.
    pub subject: String,
    /// Exact audience of the assertion.
    pub audience: String,
    /// Whether `*` in `subject` stands for any characters but `:`, none included.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pattern: bool,
}

/// A federation is not one that can be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FederationError {
    /// A part is empty, too long or not printable.
    #[error("a federation's issuer, subject and audience have 1 to 256 printable characters")]
    Text,
    /// Too wide a pattern.
    #[error("a subject pattern begins with 8 characters that are no asterisk and has at most 4 asterisks")]
    Pattern,
}

impl Federation {
    /// Identity: made of what it says, so the same federation cannot be registered twice.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let text = format!("{}\n{}\n{}\n{}", self.issuer, self.subject, self.audience, self.pattern);
        let mut bytes = [0u8; 16];
        bytes.iter_mut().zip(strongroom_crypto::sha256(text.as_bytes())).for_each(|(to, from)| *to = from);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }

    /// Checks lengths, characters and how much a pattern lets in.
    ///
    /// # Errors
    /// [`FederationError`].
    pub fn check(&self) -> Result<(), FederationError> {
        let good =
            |text: &String| !text.is_empty() && text.chars().count() <= 256 && !text.chars().any(char::is_control);
        if ![&self.issuer, &self.subject, &self.audience].into_iter().all(good) {
            return Err(FederationError::Text);
        }
        let literal = self.subject.chars().take_while(|c| *c != '*').count();
        let wide = literal < 8 || self.subject.matches('*').count() > 4;
        if self.pattern && self.subject.contains('*') && wide { Err(FederationError::Pattern) } else { Ok(()) }
    }

    /// Whether an assertion's subject is meant: byte by byte, or by the pattern.
    #[must_use]
    pub fn covers_subject(&self, subject: &str) -> bool {
        if self.pattern { matches_pattern(&self.subject, subject) } else { self.subject == subject }
    }
}

/// `*` stands for any characters but `:`, because issuers separate the parts of a subject by colons
/// (`repo:owner/name:ref:refs/heads/main`) and a part must not be able to pose as several.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let (patterns, texts): (Vec<&str>, Vec<&str>) = (pattern.split(':').collect(), text.split(':').collect());
    patterns.len() == texts.len() && patterns.iter().zip(&texts).all(|(pattern, text)| matches_part(pattern, text))
}

fn matches_part(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        // The earliest place leaves the most for what follows.
        match text.find(piece) {
            Some(at) => text = text.get(at + piece.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last)
}

/// A workload identity (Azure: service principal).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Client id, also the subject of its tokens.
    pub client_id: Uuid,
    /// Name shown to people.
    pub name: String,
    /// A disabled workload gets no token, and its tokens count for nothing.
    pub enabled: bool,
    /// Client secrets.
    pub secrets: Vec<ClientSecretHash>,
    /// Federations.
    pub federations: Vec<Federation>,
    /// Certificates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateCredential>,
    /// Since when it exists, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<i64>,
    /// How often it was disabled: tokens of an earlier time count for nothing, also once it is enabled again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub generation: i64,
    /// A random id for each federation by its own id, made when it is registered: the same one registered
    /// again is another credential. Federations from before have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub registered: BTreeMap<Uuid, Uuid>,
    /// Who gave it a credential, or had it enabled again: they may know one, and are not somebody else than it. The last
    /// [`MAX_GIVERS`]; those of earlier releases are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub givers: Vec<PrincipalId>,
    /// Counts changes; authenticated.
    pub revision: i64,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Workload {
    /// The credential that a federation is, as tokens name it.
    #[must_use]
    pub fn credential_of(&self, federation: &Federation) -> Uuid {
        let id = federation.id();
        self.registered.get(&id).copied().unwrap_or(id)
    }

    /// Whether a token still counts that was made from this: its credential is there, and the workload was
    /// not disabled since. The end of a client secret or certificate ends no token.
    #[must_use]
    pub fn stands_behind(&self, token: TokenOrigin) -> bool {
        let id = token.credential;
        token.generation == self.generation
            && (self.secrets.iter().any(|known| known.id == id)
                || self.certificates.iter().any(|known| known.id == id)
                || self.federations.iter().any(|known| self.credential_of(known) == id))
    }

    /// Whether it could get a token at this moment (Unix seconds), as far as is known here.
    #[must_use]
    pub fn can_come(&self, now: i64) -> bool {
        self.enabled
            && (self.secrets.iter().any(|secret| secret.expires.is_none_or(|expires| now < expires))
                || self.certificates.iter().any(|certificate| now < certificate.expires)
                || !self.federations.is_empty())
    }

    /// An enabled workload without credentials, not tagged yet.
    #[must_use]
    pub fn new(client_id: Uuid, name: &str) -> Self {
        Self {
            client_id,
            name: name.to_owned(),
            enabled: true,
            secrets: Vec::new(),
            federations: Vec::new(),
            certificates: Vec::new(),
            created: None,
            generation: 0,
            registered: BTreeMap::new(),
            givers: Vec::new(),
            revision: 1,
            tag: Vec::new(),
        }
    }

    /// Notes who gave it a credential.
    pub fn note_giver(&mut self, who: &PrincipalId) {
        self.givers.retain(|known| known != who);
        self.givers.push(who.clone());
        let beyond = self.givers.len().saturating_sub(MAX_GIVERS);
        self.givers.drain(..beyond);
    }

    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// How long the same assertion may be exchanged again, in seconds: clients send one twice when an
/// answer was lost, and from several threads at once.
pub const ASSERTION_RETRY_SECONDS: i64 = 30;

/// A workload's own assertion (RFC 7523, `jti`) that was exchanged for a token. It counts once, and
/// again within [`ASSERTION_RETRY_SECONDS`]; kept until it has expired. A code of the command line that was
/// exchanged is kept in the same way, and counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedAssertion {
    /// SHA-256 over client id and `jti`, or over a code's seed.
    pub id_hash: [u8; 32],
    /// When it is exchanged, Unix seconds.
    pub used: i64,
    /// When it expires, Unix seconds: until then it is remembered.
    pub expires: i64,
}

/// A dashboard session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of the cookie's random value: the database cannot be used to sign in.
    pub id_hash: [u8; 32],
    /// Who signed in.
    pub principal: Principal,
    /// Name to greet the person with; never identifies.
    pub display_name: String,
    /// Unix seconds.
    pub created: i64,
    /// Unix seconds: the absolute end.
    pub expires: i64,
    /// The session at the provider that it began from (OpenID Connect `sid`), if it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_session: Option<String>,
    /// When the person last proved to the provider who they are, Unix seconds, if it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authenticated: Option<i64>,
    /// Where it began, for the person to tell theirs apart; none of one from before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    /// HMAC-SHA256 over everything above, under a key of the installation.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

/// Where a session began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Address of the client.
    pub client: IpAddr,
    /// Whether a program of the command line has it, and no browser.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub command_line: bool,
    /// The sort of browser and system that it said it was, in our own words; decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

impl Session {
    /// The bytes that `tag` authenticates: the canonical JSON of all other fields.
    ///
    /// # Errors
    /// None in practice: the fields are plain data. Kept as a result so that nothing can panic.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn federation(subject: &str, pattern: bool) -> Federation {
        Federation { issuer: "https://ci.example".into(), subject: subject.into(), audience: "a".into(), pattern }
    }

    #[test]
    fn a_pattern_covers_no_more_than_it_says() {
        let branches = federation("repo:acme/app:ref:refs/heads/*", true);
        for (subject, covered) in [
            ("repo:acme/app:ref:refs/heads/main", true),
            ("repo:acme/app:ref:refs/heads/feature/x", true),
            ("repo:acme/app:ref:refs/heads/", true),
            ("repo:acme/app:ref:refs/tags/v1", false),
            ("repo:acme/app2:ref:refs/heads/main", false),
            ("repo:acme/app:ref:refs/heads/main:environment:prod", false),
            ("Repo:acme/app:ref:refs/heads/main", false),
            ("xrepo:acme/app:ref:refs/heads/main", false),
        ] {
            assert_eq!(branches.covers_subject(subject), covered, "{subject}");
        }
        let middle = federation("repo:acme/*:environment:*-prod", true);
        assert!(middle.covers_subject("repo:acme/app:environment:eu-prod"));
        assert!(!middle.covers_subject("repo:acme/app:environment:eu-production"));
        assert!(!middle.covers_subject("repo:acme/x:environment:y:environment:eu-prod"), "a part poses as several");
        let exact = federation("repo:acme/*", false);
        assert!(!exact.covers_subject("repo:acme/app"), "an asterisk is only a letter where no pattern was meant");
        assert!(exact.covers_subject("repo:acme/*"));
    }

    #[test]
    fn wide_patterns_and_odd_texts_are_refused() {
        for wide in ["*", "repo:*", "x*", "repo:acme/*a*b*c*d*"] {
            assert_eq!(federation(wide, true).check(), Err(FederationError::Pattern), "{wide}");
        }
        for odd in ["", "a\nb", &"s".repeat(257)] {
            assert_eq!(federation(odd, false).check(), Err(FederationError::Text));
        }
        assert_eq!(federation("repo:acme/*", true).check(), Ok(()));
        assert_ne!(federation("repo:acme/*", true).id(), federation("repo:acme/*", false).id());
    }

    /// Rows written before certificates, patterns and dates keep their tags.
    #[test]
    fn the_canonical_form_of_old_rows_stays() {
        let mut workload = Workload::new(Uuid::from_u128(1), "app");
        workload.secrets =
            vec![ClientSecretHash { id: Uuid::from_u128(2), hash: vec![3], expires: None, name: None, created: None }];
        workload.federations = vec![federation("s", false)];
        let text = String::from_utf8(workload.authenticated().unwrap()).unwrap();
        let old = r#"{"client_id":"00000000-0000-0000-0000-000000000001","name":"app","enabled":true,"secrets":[{"id":"00000000-0000-0000-0000-000000000002","hash":[3],"expires":null}],"federations":[{"issuer":"https://ci.example","subject":"s","audience":"a"}],"revision":1}"#;
        assert_eq!(text, old);
        assert_eq!(serde_json::from_str::<Workload>(old).unwrap(), workload);
    }

    /// What a pattern means, said another way: try every way to fill the asterisks.
    fn reference(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => reference(rest, text),
            (Some(('*', rest)), Some((c, left))) => reference(rest, text) || (*c != ':' && reference(pattern, left)),
            (Some((p, rest)), Some((c, left))) => p == c && reference(rest, left),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_what_the_reference_says(pattern in "[ab:*]{0,10}", text in "[ab:]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(
                federation(&pattern, true).covers_subject(&text),
                reference(&chars(&pattern), &chars(&text))
            );
        }
    }
}
