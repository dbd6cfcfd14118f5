//! What certificate authorities look for to see that a name is ours: an answer that this installation shows over plain HTTP
//! (http-01 of RFC 8555), or a record in the DNS (dns-01).
//!
//! None of it is secret. A row is written before anything is put anywhere and goes when it was taken away, so that nothing
//! is left behind whatever happens in between, and every node shows the answers of all. Rows are authenticated: whoever can
//! write the database alone must not be able to have an authority certify our names for an account of his own.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    keyring::{Keyring, KeyringError},
    ports::StoreError,
};

/// Most proofs at once, over all nodes.
pub const MOST: usize = 4000;
/// How long one stays at most, in seconds: longer than an order.
const LIFETIME: i64 = 86_400;
/// Lengths of a token (RFC 8555 wants 128 bits at least), and longest of everything else.
const TOKENS: std::ops::RangeInclusive<usize> = 16..=128;
const MAX_TEXT: usize = 512;

/// Where a proof is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofKind {
    /// At `/.well-known/acme-challenge/TOKEN` of the name, on port 80.
    Http01,
    /// In a TXT record below the name.
    Dns01,
}

impl ProofKind {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::Dns01 => "dns-01",
        }
    }
}

impl std::fmt::Display for ProofKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The program that puts it into the DNS, by its name in the configuration; none for an answer of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<String>,
    /// The token, or the name of the record.
    pub place: String,
    /// What is found there.
    pub value: String,
    /// The order that it is for.
    pub order: String,
    /// When it counts no more, Unix seconds.
    pub until: i64,
    /// Authenticates the rest.
    #[serde(skip)]
    pub tag: Vec<u8>,
}

impl Proof {
    /// What it is known by: a token has one answer, a record may have many values.
    #[must_use]
    pub fn label(&self) -> String {
        match self.kind() {
            ProofKind::Http01 => label_of_token(&self.place),
            ProofKind::Dns01 => format!("dns-01/{}/{}", self.place, self.value),
        }
    }

    /// Where it is found.
    #[must_use]
    pub fn kind(&self) -> ProofKind {
        if self.hook.is_some() { ProofKind::Dns01 } else { ProofKind::Http01 }
    }

    /// What the tag covers.
    ///
    /// # Errors
    /// None in practice: the fields are plain data.
    pub fn authenticated(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// What the answer for a token is known by.
#[must_use]
pub fn label_of_token(token: &str) -> String {
    format!("http-01/{token}")
}

/// Whether a text can be a token: what is asked for and is none, is looked for nowhere.
#[must_use]
pub fn is_token(text: &str) -> bool {
    TOKENS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Where proofs are written down.
#[async_trait]
pub trait ProofStore: Send + Sync {
    /// Writes one down, in place of the one with the same label; not when there are `most` others.
    ///
    /// # Errors
    /// When the store refuses.
    async fn put_proof(&self, proof: &Proof, most: usize) -> Result<bool, StoreError>;

    /// The one with this label. Never from a cache.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn proof(&self, label: &str) -> Result<Option<Proof>, StoreError>;

    /// Those of an order.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn proofs_of(&self, order: &str) -> Result<Vec<Proof>, StoreError>;

    /// Some of those whose time was over at `now` (Unix seconds), at most `limit`.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn lapsed_proofs(&self, now: i64, limit: usize) -> Result<Vec<Proof>, StoreError>;

    /// Forgets one.
    ///
    /// # Errors
    /// When the store refuses.
    async fn forget_proof(&self, proof: &Proof) -> Result<(), StoreError>;
}

/// Why a proof is not written down.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// A token, record or value that is none.
    #[error("what the authority wants to be shown is not of the form that it has")]
    Form,
    /// Too many.
    #[error("there are too many proofs for certificate authorities at once")]
    TooMany,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It could not be authenticated.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
}

/// Proofs as they are written down and found again.
pub struct Proofs {
    keyring: Arc<Keyring>,
    store: Arc<dyn ProofStore>,
}

impl Proofs {
    /// Kept there, authenticated with this.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, store: Arc<dyn ProofStore>) -> Self {
        Self { keyring, store }
    }

    /// Writes down what is about to be shown for an order: here, or by the program of this name.
    ///
    /// # Errors
    /// [`ProofError`].
    pub async fn note(
        &self,
        hook: Option<&str>,
        (place, value): (&str, &str),
        order: &str,
        now: i64,
    ) -> Result<Proof, ProofError> {
        let is_place = match hook {
            None => is_token(place),
            Some(_) => (1..=MAX_TEXT).contains(&place.len()) && place.bytes().all(|byte| byte.is_ascii_graphic()),
        };
        let is_value = (1..=MAX_TEXT).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_place || !is_value || order.len() > MAX_TEXT {
            return Err(ProofError::Form);
        }
        let (place, value, order) = (place.to_owned(), value.to_owned(), order.to_owned());
        let hook = hook.map(str::to_owned);
        let mut proof = Proof { hook, place, value, order, until: now + LIFETIME, tag: Vec::new() };
        proof.tag = self.keyring.tag_proof(&proof)?;
        if self.store.put_proof(&proof, MOST).await? { Ok(proof) } else { Err(ProofError::TooMany) }
    }

    /// What is answered to whoever asks for a token over plain HTTP.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn answer(&self, token: &str, now: i64) -> Result<Option<String>, StoreError> {
        if !is_token(token) {
            return Ok(None);
        }
        let found = self.store.proof(&label_of_token(token)).await?;
        let is_it = |proof: &Proof| proof.hook.is_none() && proof.place == token && proof.until > now;
        Ok(found.filter(is_it).and_then(|proof| self.verified(proof)).map(|proof| proof.value))
    }

    /// Those of an order.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn of_order(&self, order: &str) -> Result<Vec<Proof>, StoreError> {
        let found = self.store.proofs_of(order).await?;
        Ok(found.into_iter().filter(|proof| proof.order == order).filter_map(|proof| self.verified(proof)).collect())
    }

    /// Some of those whose time is over.
    ///
    /// # Errors
    /// When the store cannot say.
    pub async fn lapsed(&self, now: i64, limit: usize) -> Result<Vec<Proof>, StoreError> {
        let found = self.store.lapsed_proofs(now, limit).await?;
        Ok(found.into_iter().filter(|proof| proof.until <= now).filter_map(|proof| self.verified(proof)).collect())
    }

    /// It was taken away.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn forget(&self, proof: &Proof) -> Result<(), StoreError> {
        self.store.forget_proof(proof).await
    }

    /// A row that somebody else wrote is shown to nobody, and no program is called with it.
    fn verified(&self, proof: Proof) -> Option<Proof> {
        let verified = self.keyring.verify_proof(&proof);
        verified.inspect_err(|error| tracing::error!(%error, "a proof for a certificate authority was edited")).ok()?;
        Some(proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::world::World;

    const TOKEN: &str = "a-token_of-sixteen";

    #[tokio::test]
    async fn an_answer_is_shown_for_its_time_to_whoever_knows_the_token() {
        let world = World::start().unwrap();
        let proofs = Proofs::new(Arc::clone(&world.keyring), Arc::new(world.store.clone()));
        let shown = proofs.note(None, (TOKEN, "answer"), "order", 100).await.unwrap();
        assert_eq!(proofs.answer(TOKEN, 100).await.unwrap().as_deref(), Some("answer"));
        assert_eq!(proofs.answer("another-token-of-ours", 100).await.unwrap(), None);
        assert_eq!(proofs.answer("../x", 100).await.unwrap(), None);
        assert_eq!(proofs.answer(TOKEN, 100 + LIFETIME).await.unwrap(), None, "its time is over");
        assert_eq!(proofs.lapsed(100 + LIFETIME, 5).await.unwrap(), std::slice::from_ref(&shown));
        proofs.forget(&shown).await.unwrap();
        assert_eq!(proofs.answer(TOKEN, 100).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_record_has_many_values_and_an_order_knows_its_own() {
        let world = World::start().unwrap();
        let proofs = Proofs::new(Arc::clone(&world.keyring), Arc::new(world.store.clone()));
        let record = "_acme-challenge.a.example";
        for (value, order) in [("one", "first"), ("two", "first"), ("three", "second")] {
            proofs.note(Some("hook"), (record, value), order, 0).await.unwrap();
        }
        let values = |found: Vec<Proof>| found.into_iter().map(|proof| proof.value).collect::<Vec<_>>();
        assert_eq!(values(proofs.of_order("first").await.unwrap()), ["one", "two"]);
        assert_eq!(values(proofs.of_order("third").await.unwrap()), Vec::<String>::new());
        for (hook, place, value) in [
            (None, "short", "answer"),
            (None, "a/token/of/sixteen", "answer"),
            (Some("hook"), "a name", "value"),
            (Some("hook"), record, "a\nvalue"),
            (Some("hook"), record, ""),
        ] {
            let refused = proofs.note(hook, (place, value), "order", 0).await;
            assert!(matches!(refused, Err(ProofError::Form)), "{place} {value}");
        }
    }

    #[tokio::test]
    async fn a_row_that_somebody_else_wrote_is_shown_to_nobody() {
        let world = World::start().unwrap();
        let proofs = Proofs::new(Arc::clone(&world.keyring), Arc::new(world.store.clone()));
        let shown = proofs.note(None, (TOKEN, "answer"), "order", 0).await.unwrap();
        let forged = Proof { value: "of another account".to_owned(), ..shown };
        assert!(world.store.put_proof(&forged, MOST).await.unwrap());
        assert_eq!(proofs.answer(TOKEN, 0).await.unwrap(), None);
        assert_eq!(proofs.of_order("order").await.unwrap(), []);
    }
}
