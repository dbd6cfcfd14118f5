//! The keys that sign the tokens of this installation: which one signs when, and how long each stays published.
//!
//! A key is published before it signs, so that every node and everybody who caches the key set knows it by
//! then; it stays published until the last token it signed has expired, and is then destroyed. All of them are
//! kept in one sealed document, so a change of them is one row. A private key must never leave this module but
//! to sign or to be sealed.

use std::sync::Arc;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, Plaintext, PublicJwk, SignerError, TokenSigner};
use zeroize::Zeroizing;

use crate::{
    keyring::{Keyring, KeyringError},
    ports::SealedBlob,
};

/// How long a token counts, in seconds.
pub const TOKEN_SECONDS: i64 = 3600;
/// How long a new key is published before it signs, in milliseconds.
pub const ANNOUNCED_MILLIS: i64 = 10 * 60_000;
/// How far the clocks of nodes may differ, in milliseconds: a key stays this much longer than its last token.
pub const SKEW_MILLIS: i64 = 60_000;
/// How often a node looks at the stored keys, in milliseconds: so long may a revoked key still count elsewhere.
pub const LOOK_MILLIS: u64 = 5_000;
/// A node that has not seen the stored keys for this long signs nothing: it might not know the next key.
pub const STALE_MILLIS: i64 = ANNOUNCED_MILLIS / 2;
/// Name of the system principal that rotates by age, in records.
pub const PRINCIPAL: &str = "token-key-schedule";
/// Most keys of a document: one is announced each ten minutes at most, and stays for little more than an hour.
const MAX_KEYS: usize = 16;

/// One key.
#[derive(Clone)]
pub struct TokenKey {
    /// The key.
    pub signer: Arc<TokenSigner>,
    /// Since when it is published, Unix milliseconds.
    pub announced: i64,
    /// From when on it signs, Unix milliseconds.
    pub signs_from: i64,
}

/// What a key does at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKeyState {
    /// Published, does not sign yet.
    Announced,
    /// Signs.
    Signing,
    /// Signs no more; tokens that it signed still count.
    Retired,
}

/// What may be told of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKeyFacts {
    /// Name of the key (RFC 7638).
    pub key_id: String,
    /// What it does.
    pub state: TokenKeyState,
    /// Since when it is published, Unix milliseconds.
    pub announced: i64,
    /// From when on it signs, Unix milliseconds.
    pub signs_from: i64,
    /// When it goes, Unix milliseconds; none as long as no other takes its place.
    pub published_until: Option<i64>,
}

/// What is asked of the keys does not fit them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeysError {
    /// A new key waits for its time already.
    #[error("a new key is announced already and will sign within ten minutes")]
    Announced,
    /// No key could be drawn.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// All keys, in the order in which they sign. Never empty.
#[derive(Clone)]
pub struct TokenKeys {
    revision: i64,
    keys: Vec<TokenKey>,
}

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    revision: i64,
    #[serde(borrow)]
    keys: Vec<Line<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    announced: i64,
    signs_from: i64,
    /// PKCS#8 in base64; borrowed, so that no copy of a private key stays behind.
    pkcs8: &'a str,
}

impl TokenKeys {
    /// The first key of an installation; it signs at once.
    #[must_use]
    pub fn first(signer: TokenSigner, now: i64) -> Self {
        let key = TokenKey { signer: Arc::new(signer), announced: now, signs_from: now };
        Self { revision: 0, keys: vec![key] }
    }

    /// Opens the stored keys. A document from the time when there was one key for ever holds that key alone,
    /// which counts from when the installation was made.
    ///
    /// # Errors
    /// [`KeyringError::Tampered`] when it is not what was sealed here, or has another revision than its row.
    pub fn open(keyring: &Keyring, label: &str, stored: &SealedBlob, made_at: i64) -> Result<Self, KeyringError> {
        let opened = keyring.open_blob(label, &stored.bytes)?;
        let keys = Self::decode(&opened, made_at).ok_or(KeyringError::Tampered)?;
        if keys.revision == stored.revision { Ok(keys) } else { Err(KeyringError::Tampered) }
    }

    fn decode(document: &Plaintext, made_at: i64) -> Option<Self> {
        let Ok(document) = serde_json::from_slice::<Document<'_>>(document.expose()) else {
            return Some(Self::first(TokenSigner::from_pkcs8(document.expose()).ok()?, made_at));
        };
        let read = |line: &Line<'_>| {
            let pkcs8 = Zeroizing::new(BASE64.decode(line.pkcs8.as_bytes()).ok()?);
            let signer = Arc::new(TokenSigner::from_pkcs8(&pkcs8).ok()?);
            Some(TokenKey { signer, announced: line.announced, signs_from: line.signs_from })
        };
        let keys: Vec<TokenKey> = document.keys.iter().map(read).collect::<Option<_>>()?;
        let bounded = (1..=MAX_KEYS).contains(&keys.len());
        let ordered = keys.iter().zip(keys.iter().skip(1)).all(|(one, next)| one.signs_from <= next.signs_from);
        (bounded && ordered).then_some(Self { revision: document.revision, keys })
    }

    /// The document to be sealed.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn to_document(&self) -> Result<Plaintext, serde_json::Error> {
        let encoded: Vec<Zeroizing<String>> =
            self.keys.iter().map(|key| Zeroizing::new(BASE64.encode(&key.signer.pkcs8_der()))).collect();
        // All of it at once: a buffer that grows leaves copies behind.
        let room: usize = encoded.iter().map(|pkcs8| pkcs8.len() + 128).sum();
        let mut bytes = Vec::with_capacity(64 + room);
        let lines = self.keys.iter().zip(&encoded).map(|(key, pkcs8)| Line {
            announced: key.announced,
            signs_from: key.signs_from,
            pkcs8: pkcs8.as_str(),
        });
        serde_json::to_writer(&mut bytes, &Document { revision: self.revision, keys: lines.collect() })?;
        Ok(Plaintext::new(bytes))
    }

    /// Counts changes; authenticated by the seal, and on record with each of them.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// All of them, in the order in which they sign.
    #[must_use]
    pub fn keys(&self) -> &[TokenKey] {
        &self.keys
    }

    /// The newest key.
    #[must_use]
    pub fn newest(&self) -> Option<&TokenKey> {
        self.keys.last()
    }

    /// Which key signs, as a place in [`TokenKeys::keys`]. A clock that is behind gets the oldest one.
    #[must_use]
    pub fn signing(&self, now: i64) -> usize {
        self.keys.iter().rposition(|key| key.signs_from <= now).unwrap_or(0)
    }

    /// The public keys whose tokens may count, the one that signs among them.
    #[must_use]
    pub fn published(&self, now: i64) -> Vec<PublicJwk> {
        self.alive(now).map(|key| key.signer.jwk()).collect()
    }

    /// What may be told of the keys.
    #[must_use]
    pub fn facts(&self, now: i64) -> Vec<TokenKeyFacts> {
        let signing = self.signing(now);
        let facts = |(place, key): (usize, &TokenKey)| TokenKeyFacts {
            key_id: key.signer.key_id(),
            state: match place.cmp(&signing) {
                std::cmp::Ordering::Less => TokenKeyState::Retired,
                std::cmp::Ordering::Equal => TokenKeyState::Signing,
                std::cmp::Ordering::Greater => TokenKeyState::Announced,
            },
            announced: key.announced,
            signs_from: key.signs_from,
            published_until: self.end(place),
        };
        self.keys.iter().enumerate().map(facts).collect()
    }

    /// Whether the newest key has signed for so long that another one is due.
    #[must_use]
    pub fn is_due(&self, now: i64, max_age_millis: i64) -> bool {
        self.newest().is_some_and(|key| key.signs_from.saturating_add(max_age_millis) <= now)
    }

    /// The keys with a new one announced, and without those that have ended.
    ///
    /// # Errors
    /// [`TokenKeysError::Announced`] when one is; nothing is gained by another.
    pub fn rotated(&self, now: i64, entropy: &dyn Entropy) -> Result<Self, TokenKeysError> {
        if self.newest().is_some_and(|key| key.signs_from > now) {
            return Err(TokenKeysError::Announced);
        }
        let signer = Arc::new(TokenSigner::generate(entropy)?);
        let new = TokenKey { signer, announced: now, signs_from: now.saturating_add(ANNOUNCED_MILLIS) };
        Ok(self.next(self.alive(now).cloned().chain([new]).collect()))
    }

    /// A new key in the place of all others, at once: every token that was issued counts no more.
    ///
    /// # Errors
    /// [`TokenKeysError::Signer`].
    pub fn revoked(&self, now: i64, entropy: &dyn Entropy) -> Result<Self, TokenKeysError> {
        let signer = Arc::new(TokenSigner::generate(entropy)?);
        Ok(self.next(vec![TokenKey { signer, announced: now, signs_from: now }]))
    }

    /// The keys without those that have ended, if there are any.
    #[must_use]
    pub fn without_ended(&self, now: i64) -> Option<Self> {
        let alive: Vec<TokenKey> = self.alive(now).cloned().collect();
        (alive.len() < self.keys.len()).then(|| self.next(alive))
    }

    fn next(&self, keys: Vec<TokenKey>) -> Self {
        Self { revision: self.revision.saturating_add(1), keys }
    }

    /// When a key goes: its last token was signed when the next key began.
    fn end(&self, place: usize) -> Option<i64> {
        let next = self.keys.get(place.checked_add(1)?)?;
        Some(next.signs_from.saturating_add(TOKEN_SECONDS * 1000 + SKEW_MILLIS))
    }

    fn alive(&self, now: i64) -> impl Iterator<Item = &TokenKey> {
        let ended = move |place| self.end(place).is_some_and(|end| end <= now);
        self.keys.iter().enumerate().filter(move |(place, _)| !ended(*place)).map(|(_, key)| key)
    }
}

/// A node's copy of the keys: what signs, what is published, what verifies.
pub trait TokenKeyHolder: Send + Sync {
    /// Takes the keys as they are stored at `now` (Unix milliseconds). An earlier revision than the one it
    /// holds is not taken: an older row was put back.
    fn hold(&self, keys: TokenKeys, now: i64);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strongroom_crypto::{RootKey, SeededEntropy};

    use super::*;
    use crate::names::InstallationId;

    const DAY: i64 = 86_400_000;

    fn first() -> TokenKeys {
        TokenKeys::first(TokenSigner::generate(&SeededEntropy::new(1)).unwrap(), 0)
    }

    fn ids(keys: &TokenKeys, now: i64) -> Vec<String> {
        keys.published(now).into_iter().map(|jwk| jwk.kid).collect()
    }

    fn states(keys: &TokenKeys, now: i64) -> Vec<TokenKeyState> {
        keys.facts(now).into_iter().map(|facts| facts.state).collect()
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_until_its_last_token_expired() {
        use TokenKeyState::{Announced, Retired, Signing};
        let keys = first().rotated(DAY, &SeededEntropy::new(2)).unwrap();
        let change = DAY + ANNOUNCED_MILLIS;
        let end = change + TOKEN_SECONDS * 1000 + SKEW_MILLIS;
        assert_eq!(states(&keys, DAY), [Signing, Announced]);
        assert_eq!(states(&keys, change - 1), [Signing, Announced]);
        assert_eq!(states(&keys, change), [Retired, Signing]);
        assert_eq!(keys.facts(DAY)[0].published_until, Some(end));
        assert_eq!(ids(&keys, DAY).len(), 2, "at once");
        assert_eq!(ids(&keys, end - 1).len(), 2);
        assert_eq!(ids(&keys, end), [keys.keys[1].signer.key_id()]);
        assert!(keys.without_ended(end - 1).is_none());
        let left = keys.without_ended(end).unwrap();
        assert_eq!((left.keys.len(), left.revision), (1, 2), "the private key is destroyed");
    }

    #[test]
    fn only_one_key_waits_at_a_time() {
        let keys = first().rotated(5, &SeededEntropy::new(2)).unwrap();
        let again = keys.rotated(5 + ANNOUNCED_MILLIS - 1, &SeededEntropy::new(3));
        assert_eq!(again.err(), Some(TokenKeysError::Announced));
        assert!(keys.rotated(5 + ANNOUNCED_MILLIS, &SeededEntropy::new(3)).is_ok());
        assert!(!keys.is_due(5 + ANNOUNCED_MILLIS + DAY - 1, DAY));
        assert!(keys.is_due(5 + ANNOUNCED_MILLIS + DAY, DAY));
    }

    #[test]
    fn revoking_leaves_nothing_of_before() {
        let keys = first().rotated(5, &SeededEntropy::new(2)).unwrap();
        let revoked = keys.revoked(6, &SeededEntropy::new(3)).unwrap();
        assert_eq!((states(&revoked, 6), revoked.revision), (vec![TokenKeyState::Signing], 2));
        assert!(!ids(&keys, 6).contains(&ids(&revoked, 6)[0]));
    }

    #[test]
    fn a_clock_that_is_behind_still_signs() {
        assert_eq!(TokenKeys { revision: 0, ..first().revoked(100, &SeededEntropy::new(3)).unwrap() }.signing(50), 0);
    }

    #[test]
    fn the_document_is_opened_as_it_was_sealed_and_at_its_revision_alone() {
        let root = RootKey::generate(&SeededEntropy::new(4)).unwrap();
        let keyring = Keyring::new(root, InstallationId(uuid::Uuid::from_u128(1)));
        let keys = first().rotated(DAY, &SeededEntropy::new(2)).unwrap();
        let seal = |plain: &Plaintext| keyring.seal_blob("token", plain, &SeededEntropy::new(5)).unwrap();
        let stored = SealedBlob { bytes: seal(&keys.to_document().unwrap()), revision: 1 };
        let again = TokenKeys::open(&keyring, "token", &stored, 7).unwrap();
        assert_eq!((again.facts(DAY), again.revision), (keys.facts(DAY), 1));
        for (label, revision) in [("token", 0), ("token", 2), ("audit", 1)] {
            let other = SealedBlob { revision, ..stored.clone() };
            assert!(TokenKeys::open(&keyring, label, &other, 7).is_err(), "{label} {revision}");
        }
        // From before there was more than one.
        let old = SealedBlob { bytes: seal(&keys.keys[0].signer.to_pkcs8()), revision: 0 };
        let old = TokenKeys::open(&keyring, "token", &old, 7).unwrap();
        assert_eq!((old.keys[0].signs_from, ids(&old, 7)), (7, vec![keys.keys[0].signer.key_id()]));
        for garbage in ["", "{}", r#"{"revision":0,"keys":[]}"#, r#"{"revision":0,"keys":[{"announced":1}]}"#] {
            let garbage = SealedBlob { bytes: seal(&Plaintext::from_slice(garbage.as_bytes())), revision: 0 };
            assert!(TokenKeys::open(&keyring, "token", &garbage, 7).is_err());
        }
    }

    proptest! {
        /// Whatever happens when: what signs at any moment was published ten minutes before, unless everything
        /// was revoked, and whatever was signed in the last hour still verifies.
        #[test]
        fn tokens_always_verify(steps in prop::collection::vec((0i64..3 * 3_600_000, any::<bool>()), 1..12)) {
            let mut keys = first();
            let mut now = 0i64;
            for (seed, (pause, prune)) in (10u64..).zip(steps) {
                let signed_by = keys.keys[keys.signing(now)].signer.key_id();
                let signed_at = now;
                now += pause;
                if let Ok(next) = keys.rotated(now, &SeededEntropy::new(seed)) {
                    keys = next;
                } else if prune {
                    keys = keys.without_ended(now).unwrap_or(keys);
                }
                let published = ids(&keys, now);
                if now < signed_at + TOKEN_SECONDS * 1000 {
                    prop_assert!(published.contains(&signed_by));
                }
                let signing = &keys.keys[keys.signing(now)];
                prop_assert!(published.contains(&signing.signer.key_id()));
                prop_assert!(signing.signs_from == 0 || now - signing.announced >= ANNOUNCED_MILLIS);
                prop_assert!(keys.keys.len() <= MAX_KEYS);
            }
        }
    }
}
