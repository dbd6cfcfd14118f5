//! Using a key: sign, verify, encrypt, decrypt, wrap, unwrap. The private part is opened behind the permit,
//! and nobody sees what came of it before the record is durable.

use std::sync::Arc;

use strongroom_crypto::{
    Plaintext,
    key::{DataAlgorithm, Family, OperationError, PrivateKey, Sealed, SignAlgorithm, TokenTrouble},
};

use super::{
    KeyError, Keys,
    opened::Place,
    opening::{Opening, Source, opened},
    queue::Turn,
    uses::{Sealing, action_of, fitting, usable},
};
use crate::{
    action::Action,
    context::RequestContext,
    gate::Ask,
    key::{KeyAlgorithm, KeyOperation, KeyProperties},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultName},
    objects::{ATTEMPTS, InVault, ObjectError, active},
    permit::Held,
    ports::StoreError,
    record::Record,
    secret::SecretItem,
};

/// Most random bytes of one request (Azure: 128).
pub const MAX_RANDOM_BYTES: usize = 128;

/// Which key, and which version of it; the current one when none is named.
#[derive(Clone, Copy)]
pub struct KeyAt<'a> {
    /// Where.
    pub vault: &'a VaultName,
    /// What.
    pub name: &'a ObjectName,
    /// Which.
    pub version: Option<&'a ObjectVersion>,
}

/// What goes into decrypting besides the algorithm.
#[derive(Clone, Debug, Default)]
pub struct Ciphertext {
    /// The ciphertext.
    pub value: Vec<u8>,
    /// Initialization vector.
    pub iv: Option<Vec<u8>>,
    /// Additional authenticated data.
    pub aad: Option<Vec<u8>>,
    /// Tag.
    pub tag: Option<Vec<u8>>,
}

/// What is to be encrypted or wrapped.
pub struct Cleartext {
    /// The data, or the key to wrap.
    pub value: Plaintext,
    /// Initialization vector, where the algorithm takes one.
    pub iv: Option<Vec<u8>>,
    /// Additional authenticated data.
    pub aad: Option<Vec<u8>>,
}

impl Keys {
    /// POST …/sign: a signature over a digest.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn sign(
        &self,
        ctx: &RequestContext,
        at: KeyAt<'_>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
    ) -> Result<(SecretItem, Vec<u8>), KeyError> {
        let digest = Arc::new(digest);
        let work = move |_: &KeyProperties, key: Option<&PrivateKey>| opened(key)?.sign(algorithm, &digest);
        self.operate(ctx, at, KeyOperation::Sign, algorithm.into(), true, (work, |_, _| ())).await
    }

    /// POST …/verify: whether a signature over a digest is the key's.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn verify(
        &self,
        ctx: &RequestContext,
        at: KeyAt<'_>,
        algorithm: SignAlgorithm,
        digest: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<(SecretItem, bool), KeyError> {
        let given = Arc::new((digest, signature));
        let private = algorithm.family() == Family::Oct;
        let work = move |properties: &KeyProperties, key: Option<&PrivateKey>| match &properties.public {
            Some(public) => public.verify(algorithm, &given.0, &given.1),
            None => opened(key)?.verify(algorithm, &given.0, &given.1),
        };
        let told = |good: &bool, record: &mut Record| record.detail("signature", if *good { "good" } else { "wrong" });
        self.operate(ctx, at, KeyOperation::Verify, algorithm.into(), private, (work, told)).await
    }

    /// POST …/encrypt and …/wrapkey.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn encrypt(
        &self,
        ctx: &RequestContext,
        at: KeyAt<'_>,
        operation: Sealing,
        algorithm: DataAlgorithm,
        text: Cleartext,
    ) -> Result<(SecretItem, Sealed), KeyError> {
        let (text, entropy) = (Arc::new(text), Arc::clone(&self.objects.entropy));
        let private = !algorithm.is_rsa();
        let work = move |properties: &KeyProperties, key: Option<&PrivateKey>| {
            operation.check(algorithm)?;
            let Cleartext { value, iv, aad } = &*text;
            match &properties.public {
                Some(_) if iv.is_some() || aad.is_some() => Err(OperationError::Parameter),
                Some(public) => {
                    let value = public.encrypt(algorithm, value.expose())?;
                    if let Some(key) = key {
                        key.check_decrypts(algorithm)?;
                    }
                    Ok(Sealed { value, iv: None, tag: None })
                }
                None => opened(key)?.encrypt(algorithm, value.expose(), iv.as_deref(), aad.as_deref(), &*entropy),
            }
        };
        self.operate(ctx, at, operation.forwards(), algorithm.into(), private, (work, |_, _| ())).await
    }

    /// POST …/decrypt and …/unwrapkey.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn decrypt(
        &self,
        ctx: &RequestContext,
        at: KeyAt<'_>,
        operation: Sealing,
        algorithm: DataAlgorithm,
        sealed: Ciphertext,
    ) -> Result<(SecretItem, Plaintext), KeyError> {
        let sealed = Arc::new(sealed);
        let work = move |_: &KeyProperties, key: Option<&PrivateKey>| {
            operation.check(algorithm)?;
            let Ciphertext { value, iv, aad, tag } = &*sealed;
            opened(key)?.decrypt(algorithm, value, iv.as_deref(), aad.as_deref(), tag.as_deref())
        };
        self.operate(ctx, at, operation.backwards(), algorithm.into(), true, (work, |_, _| ())).await
    }

    /// POST /rng: random bytes.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn random_bytes(
        &self,
        ctx: &RequestContext,
        vault: &VaultName,
        count: usize,
    ) -> Result<Plaintext, KeyError> {
        if !(1..=MAX_RANDOM_BYTES).contains(&count) {
            return Err(KeyError::RandomCount);
        }
        let ask = Ask::objects(ObjectKind::Key, Action::RandomBytes, vault);
        let InVault { case, .. } = self.objects.admit(ctx, ask).await?;
        let mut bytes = vec![0; count];
        let drawn = self.objects.entropy.fill(&mut bytes).map_err(|_| ObjectError::Unavailable);
        let held = case.permit.hold(drawn.map(|()| Plaintext::new(bytes)));
        Ok(self.objects.recorder.release(ctx, case.record, held).await.map_err(ObjectError::from)??)
    }

    async fn operate<T: Send + 'static>(
        &self,
        ctx: &RequestContext,
        at: KeyAt<'_>,
        operation: KeyOperation,
        algorithm: KeyAlgorithm,
        private: bool,
        (work, told): (
            impl Fn(&KeyProperties, Option<&PrivateKey>) -> Result<T, OperationError> + Clone + Send + 'static,
            fn(&T, &mut Record),
        ),
    ) -> Result<(SecretItem, T), KeyError> {
        let ask = || Ask {
            version: at.version,
            algorithm: Some(algorithm.as_str()),
            ..Ask::object(ObjectKind::Key, action_of(operation), at.vault, at.name)
        };
        let mut turn: Option<Turn> = None;
        for _ in 0..ATTEMPTS {
            let InVault { mut case, vault, keys } = self.objects.admit(ctx, ask()).await?;
            let judged = self.objects.recorder.ticks_micros();
            if vault.settings.refused_algorithms.contains(&algorithm) {
                return Err(self.objects.refuse(ctx, case, KeyError::AlgorithmRefused(algorithm)).await);
            }
            let Some(item) = active(case.facts.as_deref()) else {
                let missing = ObjectError::NotFound(at.name.clone(), at.version.cloned());
                return Err(self.objects.refuse(ctx, case, missing.into()).await);
            };
            let Some(properties) = item.version.key.clone() else {
                return Err(self.objects.refuse(ctx, case, ObjectError::Tampered.into()).await);
            };
            case.record.version = Some(item.version.version.as_str().to_owned());
            if let Err(why) = usable(&item.version.attributes, &properties, operation, ctx.judged_seconds()) {
                return Err(self.objects.refuse(ctx, case, why).await);
            }
            let revision = item.secret.revision;
            // What its token could not open again is not sealed to a key, so the token may have to be asked.
            let seals = matches!(operation, KeyOperation::Encrypt | KeyOperation::WrapKey);
            let private = private || (seals && properties.in_token());
            let waits_for = match (private, properties.in_token(), &self.hardware) {
                (true, true, Some(hardware)) => Some(&hardware.queue),
                (true, false, _) if properties.spec.family() == Family::Rsa => Some(&*self.cores),
                _ => None,
            };
            // The turn is taken before anything is read, and kept for the next round.
            turn = match (waits_for, turn.take()) {
                (Some(queue), Some(turn)) if turn.is_of(queue) => Some(turn),
                (Some(queue), _) => {
                    let began = self.objects.recorder.ticks_micros();
                    let come = match queue.turn(&ctx.principal.id).await {
                        Ok(come) => come,
                        Err(why) => return Err(self.objects.refuse(ctx, case, why).await),
                    };
                    if self.objects.is_judged_too_long_ago(ctx, began) {
                        turn = Some(come);
                        continue;
                    }
                    Some(come)
                }
                (None, _) => None,
            };
            let place: Place = (vault.id, item.secret.name.clone(), item.version.version.clone());
            let kept = if private { self.opened.get(&place, revision, ctx.now) } else { None };
            let held = if private && kept.is_none() {
                let read = self.objects.store.read(case.permit, &item.version.version).await;
                if read.inspect(|read| matches!(read, Err(StoreError::Stale))) {
                    continue;
                }
                read.map(|read| -> Result<Option<Source>, ObjectError> { Ok(Some(Source::Row(read?))) })
            } else {
                case.permit.hold(Ok(kept.map(Source::Kept)))
            };
            let opening = Opening {
                keyring: Arc::clone(&self.objects.keyring),
                keys,
                item: item.clone(),
                token: self.hardware.as_ref().map(|hardware| Arc::clone(&hardware.token)),
            };
            let (cache, now, work) = (Arc::clone(&self.opened), ctx.now, work.clone());
            let objects = Arc::clone(&self.objects);
            let too_late = move || objects.was_too_long_ago(judged);
            let held = in_turn(turn.take(), held, too_late, move |source: Result<Option<Source>, ObjectError>| {
                let key = match source? {
                    Some(Source::Row(row)) => {
                        let key = Arc::new(opening.open(&row, &properties)?);
                        cache.put(place, revision, now, &key);
                        Some(key)
                    }
                    Some(Source::Kept(key)) => Some(key),
                    None => None,
                };
                work(&properties, key.as_deref()).map_err(|why| match why {
                    OperationError::Algorithm => {
                        KeyError::Unfit { algorithm, fitting: fitting(properties.spec, operation) }
                    }
                    why => why.into(),
                })
            })
            .await?;
            let held = match held {
                Ok(held) => held,
                Err(late) => {
                    self.objects.is_judged_too_long_ago(ctx, judged);
                    turn = Some(late);
                    continue;
                }
            };
            held.inspect(|done| match done {
                Ok(done) => told(done, &mut case.record),
                Err(KeyError::Operation(OperationError::Token(TokenTrouble::Exchanged))) => {
                    let (vault, key) = (at.vault.as_str(), item.secret.name.as_str());
                    let version = item.version.version.as_str();
                    tracing::error!(vault, key, version, "the hardware token has another key in this one's place");
                }
                Err(_) => {}
            });
            let done = self.objects.recorder.release(ctx, case.record, held).await;
            return Ok((item, done.map_err(ObjectError::from)??));
        }
        Err(self.objects.contended(ctx, ask()).await)
    }
}

/// Works on what is held; what takes long, in its turn, which comes back when that is too late.
async fn in_turn<S: Send + 'static, T: Send + 'static>(
    turn: Option<Turn>,
    held: Held<S>,
    too_late: impl FnOnce() -> bool + Send + 'static,
    work: impl FnOnce(S) -> Result<T, KeyError> + Send + 'static,
) -> Result<Result<Held<Result<T, KeyError>>, Turn>, KeyError> {
    match turn {
        Some(turn) => turn.run_unless(too_late, move || held.map(work)).await,
        None => Ok(Ok(held.map(work))),
    }
}
