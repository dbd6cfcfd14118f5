//! Keys in a hardware token: made there, and destroyed there once their name is purged.
//!
//! The token is asked in turns of its own: as many at once as it has sessions, so many waiting, and never on an
//! asynchronous thread. RSA keys, which take a token seconds to make, are made one after another, so that whoever
//! makes some leaves the sessions to those who use keys. A token that hangs holds up no key that is here.

use std::{
    collections::HashSet,
    sync::{Arc, MutexGuard, PoisonError},
};

use strongroom_crypto::{
    Entropy,
    key::{KeySpec, KeyToken, NewKey, TokenDraw, TokenTrouble, make_in_token},
};
use uuid::Uuid;

use super::{
    KeyError, Keys, Made,
    queue::{Limits, Queue},
};
use crate::{
    condemned::{Condemned, CondemnedKeys, label},
    context::RequestContext,
    key::TokenShare,
    names::{ObjectKind, VaultId},
    objects::ObjectError,
    ports::StoreError,
    principal::{Principal, PrincipalId},
    record::{Outcome, Record},
    secret::SecretFacts,
    time::{Clock, uuid_v7},
};

/// Name of the system principal in records.
pub const PRINCIPAL: &str = "token-keys";
/// What a destruction is called in records.
const OPERATION: &str = "TokenKeyDestroy";
/// What is written down of a purge that did not happen is forgotten after so many seconds.
const FORGOTTEN_AFTER: i64 = 3600;
/// Most that are looked at in one run; the next run goes on.
const BATCH: usize = 500;

/// One slow key at a time.
const MAKING: Limits = Limits { at_once: 1, waiting: 64, waiting_of_one: 4, retry_after: 2 };

/// A token that is configured.
pub(super) struct Hardware {
    pub(super) token: Arc<dyn KeyToken>,
    pub(super) queue: Queue,
    making: Queue,
}

impl Hardware {
    pub(super) fn new(token: Arc<dyn KeyToken>, limits: Limits) -> Self {
        let queue = Queue::new(Limits { at_once: token.sessions(), ..limits });
        Self { token, queue, making: Queue::new(MAKING) }
    }

    /// Does something with the token when its turn has come.
    async fn work<T: Send + 'static>(
        &self,
        queue: &Queue,
        principal: &PrincipalId,
        work: impl FnOnce(&dyn KeyToken) -> T + Send + 'static,
    ) -> Result<T, KeyError> {
        let token = Arc::clone(&self.token);
        let turn = queue.join(principal)?;
        queue.run(turn, move || work(&*token)).await
    }
}

/// What a run of destructions did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Destroyed {
    /// Names and vaults of which nothing is in the token any more.
    pub done: usize,
    /// Those of which something may still be there: tried again in the next run.
    pub left: usize,
}

/// What the token has of a name that is new, with a version that is there or nowhere in it.
pub(super) fn new_share(here: bool, entropy: &dyn Entropy) -> Result<Option<TokenShare>, KeyError> {
    if !here {
        return Ok(None);
    }
    let mut random = [0; 16];
    entropy.fill(&mut random).map_err(|_| ObjectError::Unavailable)?;
    Ok(Some(TokenShare { family: Uuid::from_bytes(random), here }))
}

/// What the token has of a name with its next version, of which this is what it would have were the name new.
pub(super) fn share(before: Option<&SecretFacts>, new: Option<TokenShare>) -> Option<TokenShare> {
    let known = before.and_then(|facts| facts.version.as_ref()?.key.as_ref()?.token);
    known.map(|known| TokenShare { family: known.family, here: new.is_some() }).or(new)
}

impl Keys {
    /// The same with a token for the types with -HSM.
    #[must_use]
    pub fn with_token(self, token: Arc<dyn KeyToken>) -> Self {
        Self { hardware: Some(Arc::new(Hardware::new(token, super::USES))), ..self }
    }

    /// Whether keys of the types with -HSM can be made here.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.hardware.is_some()
    }

    /// Whether the token of keys answered the last time. Where there is none, nothing is wrong.
    #[must_use]
    pub fn token_is_reachable(&self) -> bool {
        self.hardware.as_ref().is_none_or(|hardware| hardware.token.is_reachable())
    }

    /// Whether it did not because it takes no PIN.
    #[must_use]
    pub fn token_refuses_pin(&self) -> bool {
        self.hardware.as_ref().is_some_and(|hardware| hardware.token.refuses_pin())
    }

    /// Looks whether the token answers, so that it is known before anybody needs it. Does nothing without one.
    pub async fn look_at_token(&self) {
        if let Some(hardware) = &self.hardware {
            let token = Arc::clone(&hardware.token);
            // What is wrong is told by the token itself, once.
            let _ = tokio::task::spawn_blocking(move || token.look()).await;
        }
    }

    pub(super) fn hardware(&self) -> Result<&Arc<Hardware>, KeyError> {
        self.hardware.as_ref().ok_or(KeyError::NoHardware)
    }

    pub(super) async fn make_in_token(
        &self,
        ctx: &RequestContext,
        vault: VaultId,
        family: Uuid,
        spec: KeySpec,
    ) -> Result<NewKey, KeyError> {
        let drawn = TokenDraw::draw(&*self.objects.entropy).map_err(|_| ObjectError::Unavailable)?;
        let label = label(vault, Some(family));
        let work = move |token: &dyn KeyToken| make_in_token(token, spec, &label, &drawn);
        let hardware = self.hardware()?;
        let queue = if spec.is_slow_to_make() { &hardware.making } else { &hardware.queue };
        Ok(hardware.work(queue, &ctx.principal.id, work).await?.map_err(TokenFailed)?)
    }

    /// Destroys a key of which no version came to be, if it is in the token. What cannot be destroyed now stays there,
    /// where nothing refers to it.
    pub(super) async fn discard(&self, made: Made) {
        let Made { key, family: Some(_) } = made else { return };
        let (Some(id), spec) = (key.token_id(), key.spec) else { return };
        let Ok(hardware) = self.hardware() else { return };
        let token = Arc::clone(&hardware.token);
        // Without a turn: whoever has a turn too many to wait must not leave a key behind.
        let done = tokio::task::spawn_blocking(move || token.discard(spec, &id)).await;
        if !matches!(done, Ok(Ok(()))) {
            tracing::error!("a key of which no version came to be is left in the hardware token");
        }
    }

    /// Destroys in the token what purges left there, with a record each. What fails is tried again in the next
    /// run; the first failure of each is on record.
    ///
    /// # Errors
    /// When the store cannot say, or a record cannot be written; the next run goes on.
    pub async fn destroy_condemned(
        &self,
        store: &dyn CondemnedKeys,
        clock: &dyn Clock,
    ) -> Result<Destroyed, StoreError> {
        let mut done = Destroyed::default();
        let Some(hardware) = &self.hardware else { return Ok(done) };
        let mut after: Option<String> = None;
        loop {
            let found = store.condemned(after.as_deref(), BATCH).await?;
            for condemned in &found {
                if self.objects.keyring.verify_condemned(condemned).is_err() {
                    self.fail(condemned, "tampered", clock, &mut done).await?;
                    continue;
                }
                let there = match self.is_still_there(condemned).await {
                    // Nothing is destroyed on the word of a damaged row, and it keeps nothing else in the token.
                    Err(StoreError::Damaged(_)) => {
                        self.fail(condemned, "tampered", clock, &mut done).await?;
                        continue;
                    }
                    told => told?,
                };
                if !there {
                    self.destroy(hardware, store, condemned, clock, &mut done).await?;
                } else if clock.now_millis().div_euclid(1000) - condemned.at > FORGOTTEN_AFTER {
                    store.forget_condemned(condemned).await?;
                }
            }
            after = found.last().map(Condemned::label);
            if found.len() < BATCH {
                return Ok(done);
            }
        }
    }

    /// Whether the purge has not happened, or not yet.
    async fn is_still_there(&self, condemned: &Condemned) -> Result<bool, StoreError> {
        let Some((name, family)) = &condemned.key else {
            let found = self.objects.gate.vaults.vault(&condemned.vault_name).await?;
            return Ok(found.is_some_and(|vault| vault.id == condemned.vault));
        };
        let facts = self.objects.store.facts(condemned.vault, ObjectKind::Key, name, None).await?;
        let Some(facts) = facts else { return Ok(false) };
        // A name without what it points to is damaged: nothing is destroyed on its word.
        let Some(key) = facts.version.as_ref().and_then(|version| version.key.as_ref()) else { return Ok(true) };
        Ok(key.token.is_some_and(|share| share.family == *family))
    }

    async fn destroy(
        &self,
        hardware: &Hardware,
        store: &dyn CondemnedKeys,
        condemned: &Condemned,
        clock: &dyn Clock,
        done: &mut Destroyed,
    ) -> Result<(), StoreError> {
        let (token, label) = (Arc::clone(&hardware.token), condemned.label());
        let asked = tokio::task::spawn_blocking(move || token.destroy(&label)).await;
        if asked.unwrap_or(Err(TokenTrouble::Unreachable)).is_err() {
            return self.fail(condemned, "token-unreachable", clock, done).await;
        }
        self.undestroyed().remove(&condemned.label());
        self.note_destruction(condemned, (Outcome::Allowed, "purged"), clock).await?;
        store.forget_condemned(condemned).await?;
        done.done += 1;
        Ok(())
    }

    /// Tells of a failure, and puts it on record, the first time.
    async fn fail(
        &self,
        condemned: &Condemned,
        why: &'static str,
        clock: &dyn Clock,
        done: &mut Destroyed,
    ) -> Result<(), StoreError> {
        done.left += 1;
        if !self.undestroyed().insert(condemned.label()) {
            return Ok(());
        }
        let label = condemned.label();
        tracing::error!(%label, why, "purged keys could not be destroyed in the hardware token: it is tried again");
        self.note_destruction(condemned, (Outcome::Failed, why), clock).await
    }

    fn undestroyed(&self) -> MutexGuard<'_, HashSet<String>> {
        self.undestroyed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn note_destruction(
        &self,
        condemned: &Condemned,
        (outcome, reason): (Outcome, &str),
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        let unavailable = |error: &dyn std::fmt::Display| StoreError::Unavailable(error.to_string());
        let now = clock.now_millis();
        let id = uuid_v7(now, &*self.objects.entropy).map_err(|error| unavailable(&error))?;
        let loopback = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
        let ctx = RequestContext::new(id, Arc::new(Principal::system(PRINCIPAL)), loopback, "internal", now);
        let mut record = Record::of(&ctx, OPERATION);
        record.vault = Some(condemned.vault_name.as_str().to_owned());
        record.kind = Some(ObjectKind::Key.as_str().to_owned());
        record.object = condemned.key.as_ref().map(|(name, _)| name.as_str().to_owned());
        record.outcome = outcome;
        reason.clone_into(&mut record.reason);
        self.objects.recorder.note_event(record).await.map_err(|error| unavailable(&error))
    }
}

/// A token's trouble when it makes a key.
struct TokenFailed(TokenTrouble);

impl From<TokenFailed> for KeyError {
    fn from(failed: TokenFailed) -> Self {
        Self::Operation(failed.0.into())
    }
}
