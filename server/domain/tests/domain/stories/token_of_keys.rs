//! Keys in a hardware token, with one that is played here: made after the gate, bound to their rows, destroyed after
//! their purge alone.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use strongroom_crypto::{
    SeededEntropy,
    key::{
        Curve, DataAlgorithm, KeySpec, KeyToken, OperationError, PrivateKey, PublicKey, SignAlgorithm, TokenCipher,
        TokenKeyId, TokenTrouble, generate,
    },
};
use strongroom_domain::{
    condemned::CondemnedKeys,
    grant::Scope,
    keys::{Destroyed, KeyAt, KeyError, KeyRequest, Keys},
    names::{ObjectKind, ObjectName, VaultName},
    objects::ObjectError,
    principal::Grantee,
    record::{NoRecord, Outcome},
    role::Role,
    secret::SecretItem,
    test_support::{
        Fault, Image,
        world::{enabled, name, person},
    },
    vault::VaultSettings,
};
use zeroize::Zeroizing;

use crate::common::Demo;

/// Keys by their ids, with their labels.
#[derive(Default)]
struct Played {
    keys: Mutex<Vec<(TokenKeyId, String, PrivateKey)>>,
    away: AtomicBool,
    /// There is room for no other key.
    full: AtomicBool,
    /// RSA keys are not done as long as it is.
    busy: AtomicBool,
    /// RSA keys that are being made.
    making: AtomicUsize,
}

impl Played {
    fn there(&self) -> Result<(), TokenTrouble> {
        if self.away.load(Ordering::SeqCst) { Err(TokenTrouble::Unreachable) } else { Ok(()) }
    }

    fn count(&self) -> usize {
        self.keys.lock().unwrap().len()
    }
}

impl KeyToken for Played {
    fn make(&self, spec: KeySpec, label: &str, id: &TokenKeyId) -> Result<Option<PublicKey>, TokenTrouble> {
        self.there()?;
        if self.full.load(Ordering::SeqCst) {
            return Err(TokenTrouble::Full);
        }
        if matches!(spec, KeySpec::Rsa { .. }) {
            self.making.fetch_add(1, Ordering::SeqCst);
            while self.busy.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
        }
        let made = generate(spec, &SeededEntropy::new(1)).map_err(|_| TokenTrouble::Lacks)?;
        let key = PrivateKey::open(spec, &made.private).map_err(|_| TokenTrouble::Lacks)?;
        self.keys.lock().unwrap().push((*id, label.to_owned(), key));
        Ok(made.public)
    }

    fn sign(&self, id: &TokenKeyId, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, TokenTrouble> {
        self.there()?;
        let keys = self.keys.lock().unwrap();
        let (_, _, key) = keys.iter().find(|(known, ..)| known == id).ok_or(TokenTrouble::Missing)?;
        key.sign(algorithm, digest).map_err(|_| TokenTrouble::Refused)
    }

    fn rsa_decrypt(&self, _: &TokenKeyId, _: DataAlgorithm, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenTrouble> {
        Err(TokenTrouble::Lacks)
    }

    fn encrypt(&self, _: &TokenKeyId, _: TokenCipher<'_>, _: &[u8]) -> Result<Vec<u8>, TokenTrouble> {
        Err(TokenTrouble::Lacks)
    }

    fn decrypt(&self, _: &TokenKeyId, _: TokenCipher<'_>, _: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenTrouble> {
        Err(TokenTrouble::Lacks)
    }

    fn discard(&self, _: KeySpec, id: &TokenKeyId) -> Result<(), TokenTrouble> {
        self.there()?;
        self.keys.lock().unwrap().retain(|(known, ..)| known != id);
        Ok(())
    }

    fn destroy(&self, label: &str) -> Result<usize, TokenTrouble> {
        self.there()?;
        let mut keys = self.keys.lock().unwrap();
        let before = keys.len();
        keys.retain(|(_, known, _)| !known.starts_with(label));
        Ok(before - keys.len())
    }

    fn look(&self) -> Result<(), TokenTrouble> {
        self.there()
    }

    fn is_reachable(&self) -> bool {
        self.there().is_ok()
    }

    fn sessions(&self) -> usize {
        2
    }
}

const EC: KeySpec = KeySpec::Ec { crv: Curve::P256 };

struct Story {
    demo: Demo,
    keys: Keys,
    token: Arc<Played>,
}

impl Story {
    fn begin() -> Self {
        let (demo, token) = (Demo::start(), Arc::new(Played::default()));
        let keys = Keys::new(demo.world.objects.clone()).with_token(token.clone());
        Self { demo, keys, token }
    }

    async fn make(&self, key: &str, hardware: bool) -> Result<SecretItem, KeyError> {
        self.make_of(EC, key, hardware).await
    }

    async fn make_of(&self, spec: KeySpec, key: &str, hardware: bool) -> Result<SecretItem, KeyError> {
        let request = KeyRequest { spec, hardware, operations: None };
        let (ctx, key) = (self.demo.request(), name(key).unwrap());
        self.keys.create(&ctx, &self.demo.vault, &key, &request, &enabled()).await.map(|(item, _)| item)
    }

    async fn sign(&self, key: &ObjectName) -> Result<Vec<u8>, KeyError> {
        let at = KeyAt { vault: &self.demo.vault, name: key, version: None };
        let signed = self.keys.sign(&self.demo.request(), at, SignAlgorithm::Es256, vec![7; 32]).await;
        signed.map(|(_, signature)| signature)
    }

    /// Makes a slow key; while the token is at it, something is done, and three seconds pass.
    async fn slowly<T>(
        &self,
        making: impl Future<Output = Result<T, KeyError>>,
        meanwhile: impl AsyncFnOnce(),
    ) -> Result<T, KeyError> {
        let before = self.token.making.load(Ordering::SeqCst);
        self.token.busy.store(true, Ordering::SeqCst);
        let meanwhile = async {
            while self.token.making.load(Ordering::SeqCst) == before {
                tokio::task::yield_now().await;
            }
            meanwhile().await;
            self.demo.world.clock.advance(3000);
            self.token.busy.store(false, Ordering::SeqCst);
        };
        tokio::join!(making, meanwhile).0
    }

    async fn destroy(&self) -> Destroyed {
        self.keys.destroy_condemned(&self.demo.world.store, &*self.demo.world.clock).await.unwrap()
    }

    /// The last destruction on record.
    fn told(&self) -> (Outcome, String) {
        let image = self.demo.world.store.image();
        let mut records = image.log.iter().rev().map(|logged| &logged.record);
        let record = records.find(|record| record.operation == "TokenKeyDestroy").unwrap();
        (record.outcome, record.reason.clone())
    }

    /// How many are on record.
    fn destructions(&self) -> usize {
        let log = self.demo.world.store.image().log;
        log.iter().filter(|logged| logged.record.operation == "TokenKeyDestroy").count()
    }
}

#[tokio::test]
async fn a_full_token_makes_no_key_and_serves_those_that_are_in_it() {
    let story = Story::begin();
    story.make("k", true).await.unwrap();
    story.token.full.store(true, Ordering::SeqCst);
    let full = story.make("other", true).await;
    assert!(matches!(full, Err(KeyError::Operation(OperationError::Token(TokenTrouble::Full)))), "{full:?}");
    let newest = story.demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!((newest.outcome, newest.reason.as_str()), (Outcome::Failed, "token-full"));
    story.sign(&name("k").unwrap()).await.unwrap();
    assert_eq!(story.token.count(), 1);
}

#[tokio::test]
async fn a_key_in_a_token_is_condemned_before_its_purge_and_destroyed_after_it() {
    let story = Story::begin();
    let (k, other) = (name("k").unwrap(), name("other").unwrap());
    let first = story.make("k", true).await.unwrap();
    let share = first.version.key.as_ref().unwrap().token.unwrap();
    assert!(share.here);
    story.make("other", true).await.unwrap();
    story.keys.rotate(&story.demo.request(), &story.demo.vault, &k).await.unwrap();
    let last = story.make("k", false).await.unwrap().version.key.unwrap();
    assert_eq!((last.in_token(), last.token.unwrap().family), (false, share.family), "later versions know of it");
    assert_eq!(story.token.count(), 3);
    let backup = story.keys.backup(&story.demo.request(), &story.demo.vault, &k).await;
    assert!(matches!(backup, Err(KeyError::Object(ObjectError::InToken(_)))));

    story.keys.delete(&story.demo.request(), &story.demo.vault, &k).await.unwrap();
    assert_eq!((story.destroy().await, story.token.count()), (Destroyed::default(), 3), "soft deleted");
    story.keys.purge(&story.demo.request(), &story.demo.vault, &k).await.unwrap();
    story.token.away.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(story.destroy().await, Destroyed { done: 0, left: 1 });
    }
    assert_eq!(story.told(), (Outcome::Failed, "token-unreachable".to_owned()));
    story.token.away.store(false, Ordering::SeqCst);
    assert_eq!(story.destroy().await, Destroyed { done: 1, left: 0 });
    assert_eq!(story.told(), (Outcome::Allowed, "purged".to_owned()));
    let after = (story.destructions(), story.token.count());
    assert_eq!(after, (2, 1), "the first failure is on record, and the end");
    assert_eq!(story.destroy().await, Destroyed::default());
    story.sign(&other).await.unwrap();
}

#[tokio::test]
async fn nothing_is_destroyed_for_a_row_that_was_edited_or_a_purge_that_did_not_happen() {
    let story = Story::begin();
    let (k, store) = (name("k").unwrap(), story.demo.world.store.clone());
    story.make("k", true).await.unwrap();
    story.make("other", true).await.unwrap();
    story.keys.delete(&story.demo.request(), &story.demo.vault, &k).await.unwrap();
    let fail = story.demo.world.store.image();
    story.keys.purge(&story.demo.request(), &story.demo.vault, &k).await.unwrap();
    let condemned = store.condemned(None, 10).await.unwrap().remove(0);
    // As it is when the program ended before the purge was committed.
    store.meddle(|image| {
        let written = image.condemned.clone();
        image.objects = fail.objects;
        image.condemned = written;
    });
    assert_eq!((story.destroy().await, story.token.count()), (Destroyed::default(), 2));
    assert_eq!(store.condemned(None, 10).await.unwrap().len(), 1);
    story.demo.world.clock.advance(3_601_000);
    story.destroy().await;
    assert!(store.condemned(None, 10).await.unwrap().is_empty(), "forgotten");

    // A name whose version is lost is damaged, not purged.
    store.condemn(&condemned).await.unwrap();
    let of_k = |image: &mut Image| {
        let row = image.objects.iter_mut().find(|((_, kind, _), row)| *kind == ObjectKind::Key && row.meta.name == k);
        std::mem::take(&mut row.unwrap().1.versions)
    };
    let versions = store.meddle(of_k);
    assert!(!versions.is_empty());
    assert_eq!((story.destroy().await, story.token.count()), (Destroyed::default(), 2));

    let mut forged = condemned;
    forged.key = Some((name("other").unwrap(), uuid::Uuid::nil()));
    store.condemn(&forged).await.unwrap();
    for _ in 0..2 {
        assert_eq!(story.destroy().await, Destroyed { done: 0, left: 1 });
    }
    assert_eq!((story.destructions(), story.token.count()), (1, 2), "on record once");
    assert_eq!(story.told(), (Outcome::Failed, "tampered".to_owned()));
}

#[tokio::test]
async fn a_vault_takes_its_keys_in_the_token_along_and_only_one_that_has_some_is_written_down() {
    let story = Story::begin();
    let (world, vault) = (&story.demo.world, &story.demo.vault);
    let owner = Grantee::Principal { id: story.demo.ada.id.clone() };
    world.put_grant(owner, Role::Owner, Scope::Server).unwrap();
    let other = VaultName::parse("other").unwrap();
    world.put_vault(&other, VaultSettings::default()).unwrap();
    let spec = KeyRequest { spec: EC, hardware: true, operations: None };
    story.keys.create(&story.demo.request(), &other, &name("kept").unwrap(), &spec, &enabled()).await.unwrap();
    let bare = VaultName::parse("bare").unwrap();
    world.put_vault(&bare, VaultSettings::default()).unwrap();
    world.admin.delete_vault(&story.demo.request(), &bare).await.unwrap();
    world.admin.purge_vault(&story.demo.request(), &bare).await.unwrap();
    assert!(world.store.condemned(None, 10).await.unwrap().is_empty(), "nothing of it is in a token");

    story.make("k", true).await.unwrap();
    story.make("l", true).await.unwrap();
    // By now it is in software, and what was before is in the token.
    story.make("l", false).await.unwrap();
    world.admin.delete_vault(&story.demo.request(), vault).await.unwrap();
    let deleted = world.store.image();
    world.admin.purge_vault(&story.demo.request(), vault).await.unwrap();
    let purged = world.store.image();
    // As it is when the program ended before the purge was committed.
    world.store.meddle(|image| {
        image.vaults.clone_from(&deleted.vaults);
        image.objects.clone_from(&deleted.objects);
    });
    assert_eq!((story.destroy().await, story.token.count()), (Destroyed::default(), 3));
    world.store.meddle(|image| {
        image.vaults.clone_from(&purged.vaults);
        image.objects.clone_from(&purged.objects);
    });
    assert_eq!(story.destroy().await, Destroyed { done: 1, left: 0 });
    assert_eq!((story.told(), story.token.count()), ((Outcome::Allowed, "purged".to_owned()), 1));
}

#[tokio::test]
async fn making_slow_keys_leaves_the_sessions_to_those_who_use_keys() {
    let story = Story::begin();
    let k = name("k").unwrap();
    story.make("k", true).await.unwrap();
    story.token.busy.store(true, Ordering::SeqCst);
    let rsa = KeySpec::Rsa { bits: 2048 };
    let meanwhile = async {
        while story.token.making.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let signed = story.sign(&k).await;
        let made = story.make("quick", true).await;
        let at_once = story.token.making.load(Ordering::SeqCst);
        story.token.busy.store(false, Ordering::SeqCst);
        (signed.is_ok(), made.is_ok(), at_once)
    };
    let make = |key| story.make_of(rsa, key, true);
    let (a, b, c, d, e, meanwhile) = tokio::join!(make("a"), make("b"), make("c"), make("d"), make("e"), meanwhile);
    assert_eq!(meanwhile, (true, true, 1));
    assert!([a, b, c, d].iter().all(Result::is_ok));
    assert!(matches!(e, Err(KeyError::Busy { .. })), "four of one caller wait, and no more");
}

#[tokio::test]
async fn whoever_waited_for_the_token_is_judged_again_and_leaves_nothing_in_it_without_the_right() {
    let story = Story::begin();
    let (rsa, k) = (KeySpec::Rsa { bits: 2048 }, name("k").unwrap());
    let count = || (story.token.count(), story.token.making.load(Ordering::SeqCst));
    let kept = story.slowly(story.make_of(rsa, "k", true), async || ()).await.unwrap();
    assert_eq!(count(), (1, 1), "judged twice, and made once");
    let rotate = async || {
        let ctx = story.demo.request();
        story.keys.rotate(&ctx, &story.demo.vault, &k).await.map(|(item, _)| item)
    };
    let next = story.slowly(rotate(), async || ()).await.unwrap();
    assert_eq!((next.version.ordinal, count()), (kept.version.ordinal + 1, (2, 2)));

    let grants = story.demo.world.store.image().assignments;
    let lose = async || story.demo.world.store.meddle(|image| image.assignments.clear());
    let made = story.slowly(story.make_of(rsa, "other", true), lose).await;
    assert!(matches!(made, Err(KeyError::Object(ObjectError::Denied(_)))), "{made:?}");
    story.demo.world.store.meddle(|image| image.assignments.clone_from(&grants));
    let rotated = story.slowly(rotate(), lose).await;
    assert!(matches!(rotated, Err(KeyError::Object(ObjectError::Denied(_)))), "{rotated:?}");
    assert_eq!(count(), (2, 4), "what nobody may have was destroyed");
    let last = story.demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!((last.operation.as_str(), last.outcome), ("KeyRotate", Outcome::Denied));
}

#[tokio::test]
async fn a_name_that_somebody_made_meanwhile_has_one_family_in_the_token() {
    let story = Story::begin();
    let rsa = KeySpec::Rsa { bits: 2048 };
    let making = story.make_of(rsa, "k", true);
    let second = story.slowly(making, async || drop(story.make("k", true).await.unwrap())).await.unwrap();
    assert_eq!(second.version.ordinal, 2);
    assert_eq!((story.token.count(), story.token.making.load(Ordering::SeqCst)), (2, 2), "made again for the family");
    let family = second.version.key.unwrap().token.unwrap().family.simple().to_string();
    let keys = story.token.keys.lock().unwrap();
    assert!(keys.iter().all(|(_, label, _)| label.contains(&family)), "a purge finds both");
}

#[tokio::test(start_paused = true)]
async fn a_key_of_which_no_version_was_written_is_destroyed_unless_nobody_knows_whether_it_was() {
    let story = Story::begin();
    story.demo.world.store.set_disk_full(true);
    let made = story.make("k", true).await;
    assert!(matches!(made, Err(KeyError::Object(ObjectError::NoRecord(NoRecord::NotWritten)))), "{made:?}");
    assert_eq!(story.token.count(), 0);
    story.demo.world.store.set_disk_full(false);
    story.demo.world.store.order(Fault::Ambiguous { done: true, after: Duration::from_secs(3600) });
    let made = story.make("k", true).await;
    assert!(matches!(made, Err(KeyError::Object(ObjectError::NoRecord(NoRecord::Unknown)))), "{made:?}");
    assert_eq!(story.token.count(), 1, "the version may be there");
}

#[tokio::test]
async fn a_node_without_a_token_says_that_it_does_not_answer() {
    let story = Story::begin();
    let k = name("k").unwrap();
    story.make("k", true).await.unwrap();
    let without = Keys::new(story.demo.world.objects.clone());
    assert!(!without.has_token() && story.keys.has_token());
    let at = KeyAt { vault: &story.demo.vault, name: &k, version: None };
    let signed = without.sign(&story.demo.request(), at, SignAlgorithm::Es256, vec![7; 32]).await;
    let Err(KeyError::Operation(OperationError::Token(why))) = signed else { panic!("it signed") };
    assert_eq!(why, TokenTrouble::Unreachable);
    let record = story.demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "token-unreachable"));
}

#[tokio::test]
async fn what_is_not_written_is_not_left_in_the_token_and_what_is_exchanged_there_signs_nothing() {
    let story = Story::begin();
    let stranger = story.demo.world.request(&person("stranger"));
    let request = KeyRequest { spec: EC, hardware: true, operations: None };
    let k = name("k").unwrap();
    let made = story.keys.create(&stranger, &story.demo.vault, &k, &request, &enabled()).await;
    assert!(matches!(made, Err(KeyError::Object(ObjectError::Denied(_)))));
    assert_eq!(story.token.count(), 0, "made only for who may have it");
    story.make("k", true).await.unwrap();
    story.make("other", true).await.unwrap();
    story.sign(&k).await.unwrap();
    {
        let mut keys = story.token.keys.lock().unwrap();
        let (one, rest) = keys.split_first_mut().unwrap();
        std::mem::swap(&mut one.2, &mut rest[0].2);
    }
    let signed = story.sign(&k).await;
    assert!(matches!(signed, Err(KeyError::Operation(OperationError::Token(TokenTrouble::Exchanged)))), "{signed:?}");
    let record = story.demo.world.store.image().log.last().unwrap().record.clone();
    assert_eq!(record.reason, "tampered");
}
