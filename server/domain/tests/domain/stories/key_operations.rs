//! Keys in use, told over the domain with its ports in memory.

use std::collections::BTreeSet;

use strongroom_crypto::{
    Plaintext,
    key::{Curve, DataAlgorithm, KeySpec, OperationError, SignAlgorithm},
};
use strongroom_domain::{
    admin::AdminError,
    decision::DenyReason,
    grant::Scope,
    key::{KeyAlgorithm, KeyOperation},
    keys::{Ciphertext, Cleartext, KeyAt, KeyError, KeyRequest, LIFETIME_MILLIS, Sealing, WindowEnd},
    names::{ObjectKind, ObjectName},
    objects::ObjectError,
    principal::Grantee,
    record::Outcome,
    role::Role,
    secret::{AttributePatch, SecretAttributes, SecretItem},
    test_support::world::{BEGIN, enabled, name, person},
    vault::VaultUpdate,
};

use crate::common::Demo;

const EC: KeySpec = KeySpec::Ec { crv: Curve::P256 };
const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };
const OCT: KeySpec = KeySpec::Oct { bits: 256 };
const NOW: i64 = BEGIN / 1000;

struct Story {
    demo: Demo,
    key: ObjectName,
}

impl Story {
    async fn of(spec: KeySpec) -> Self {
        Self::with(spec, None, &enabled()).await
    }

    async fn with(spec: KeySpec, operations: Option<BTreeSet<KeyOperation>>, attributes: &SecretAttributes) -> Self {
        let (demo, key) = (Demo::start(), name("k").unwrap());
        let request = KeyRequest { spec, hardware: false, operations };
        demo.world.keys.create(&demo.request(), &demo.vault, &key, &request, attributes).await.unwrap();
        Self { demo, key }
    }

    fn at(&self) -> KeyAt<'_> {
        KeyAt { vault: &self.demo.vault, name: &self.key, version: None }
    }

    async fn sign(&self, algorithm: SignAlgorithm, digest: &[u8]) -> Result<Vec<u8>, KeyError> {
        let ctx = self.demo.request();
        self.demo.world.keys.sign(&ctx, self.at(), algorithm, digest.to_vec()).await.map(|(_, signature)| signature)
    }

    async fn verify(&self, algorithm: SignAlgorithm, digest: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
        let ctx = self.demo.request();
        let (digest, signature) = (digest.to_vec(), signature.to_vec());
        self.demo.world.keys.verify(&ctx, self.at(), algorithm, digest, signature).await.map(|(_, good)| good)
    }

    async fn encrypt(&self, operation: Sealing, algorithm: DataAlgorithm, text: &[u8]) -> Result<Ciphertext, KeyError> {
        let ctx = self.demo.request();
        let text = Cleartext { value: Plaintext::from_slice(text), iv: None, aad: None };
        let (_, sealed) = self.demo.world.keys.encrypt(&ctx, self.at(), operation, algorithm, text).await?;
        Ok(Ciphertext { value: sealed.value, iv: sealed.iv, aad: None, tag: sealed.tag })
    }

    async fn decrypt(
        &self,
        operation: Sealing,
        algorithm: DataAlgorithm,
        sealed: Ciphertext,
    ) -> Result<Vec<u8>, KeyError> {
        let ctx = self.demo.request();
        let opened = self.demo.world.keys.decrypt(&ctx, self.at(), operation, algorithm, sealed).await;
        opened.map(|(_, text)| text.expose().to_vec())
    }

    async fn update(&self, patch: AttributePatch) -> SecretItem {
        let ctx = self.demo.request();
        let updated = self.demo.world.keys.update(&ctx, &self.demo.vault, &self.key, None, &patch, None).await;
        updated.unwrap().0
    }

    /// The newest record.
    fn told(&self) -> (String, Outcome, String, Option<String>) {
        let record = self.demo.world.store.image().log.last().unwrap().record.clone();
        (record.operation, record.outcome, record.reason, record.algorithm)
    }
}

#[tokio::test]
async fn a_signature_is_on_record_with_its_algorithm_and_version() {
    let story = Story::of(EC).await;
    let signature = story.sign(SignAlgorithm::Es256, &[7; 32]).await.unwrap();
    assert_eq!(story.told(), ("KeySign".into(), Outcome::Allowed, "ok".into(), Some("ES256".into())));
    let image = story.demo.world.store.image();
    let record = &image.log.last().unwrap().record;
    assert!(record.version.is_some());
    let text = serde_json::to_string(record).unwrap();
    assert!(!text.contains(&"07".repeat(32)) && !text.contains("BwcHBw"), "no digest on record");
    assert!(story.verify(SignAlgorithm::Es256, &[7; 32], &signature).await.unwrap());
    assert!(!story.verify(SignAlgorithm::Es256, &[8; 32], &signature).await.unwrap());
    let wrong = story.sign(SignAlgorithm::Es384, &[7; 48]).await;
    let said = wrong.unwrap_err().to_string();
    assert_eq!(said, "the algorithm ES384 does not fit the key or the operation; those that do: ES256");
    assert_eq!(story.told(), ("KeySign".into(), Outcome::Failed, "invalid".into(), Some("ES384".into())));
}

#[tokio::test]
async fn an_algorithm_that_is_switched_off_does_nothing_for_anybody_until_it_is_switched_on() {
    let story = Story::of(RSA).await;
    let sealed = story.encrypt(Sealing::Data, DataAlgorithm::Rsa15, &[9; 32]).await.unwrap();
    let world = &story.demo.world;
    let grantee = Grantee::Principal { id: story.demo.ada.id.clone() };
    world.put_grant(grantee.clone(), Role::Contributor, Scope::Server).unwrap();
    let switch = async |refused: Vec<KeyAlgorithm>| {
        let refused_algorithms = Some(refused.into_iter().collect());
        let update = VaultUpdate { refused_algorithms, ..VaultUpdate::default() };
        world.admin.update_vault(&story.demo.request(), &story.demo.vault, None, &update).await.map(drop)
    };
    switch(KeyAlgorithm::weak().chain([SignAlgorithm::Rs256.into()]).collect()).await.unwrap();
    let refused = story.decrypt(Sealing::Data, DataAlgorithm::Rsa15, sealed.clone()).await;
    assert!(matches!(refused, Err(KeyError::AlgorithmRefused(_))), "what was encrypted before is an oracle too");
    assert_eq!(story.told(), ("KeyDecrypt".into(), Outcome::Failed, "algorithm-refused".into(), Some("RSA1_5".into())));
    let refused = story.encrypt(Sealing::Key, DataAlgorithm::RsaOaep, &[9; 32]).await;
    assert!(matches!(refused, Err(KeyError::AlgorithmRefused(_))));
    let refused = story.sign(SignAlgorithm::Rs256, &[7; 32]).await;
    assert!(matches!(refused, Err(KeyError::AlgorithmRefused(_))));
    story.sign(SignAlgorithm::Ps256, &[7; 32]).await.unwrap();
    story.encrypt(Sealing::Data, DataAlgorithm::RsaOaep256, &[9; 32]).await.unwrap();
    let lifted = switch(Vec::new()).await;
    assert!(matches!(lifted, Err(AdminError::LiftsOwnRestriction(_))), "who uses keys lifts what restricts them");
    let fewer = switch(KeyAlgorithm::weak().collect()).await;
    assert!(matches!(fewer, Err(AdminError::LiftsOwnRestriction(_))));
    world.put_grant(grantee, Role::Owner, Scope::Server).unwrap();
    switch(Vec::new()).await.unwrap();
    assert_eq!(story.decrypt(Sealing::Data, DataAlgorithm::Rsa15, sealed).await.unwrap(), [9; 32]);
}

#[tokio::test]
async fn data_and_keys_go_through_under_their_own_permissions() {
    for (spec, data, wrap) in [
        (RSA, DataAlgorithm::RsaOaep256, DataAlgorithm::RsaOaep256),
        (OCT, DataAlgorithm::A256Gcm, DataAlgorithm::A256Kw),
    ] {
        let story = Story::of(spec).await;
        for (operation, algorithm) in [(Sealing::Data, data), (Sealing::Key, wrap)] {
            let sealed = story.encrypt(operation, algorithm, &[9; 32]).await.unwrap();
            assert_eq!(story.decrypt(operation, algorithm, sealed.clone()).await.unwrap(), [9; 32]);
            let mut bad = sealed;
            bad.value[3] ^= 1;
            let failed = story.decrypt(operation, algorithm, bad).await;
            assert!(matches!(failed, Err(KeyError::Operation(OperationError::Failed))));
            assert_eq!(story.told().2, "operation-failed");
        }
    }
    let story = Story::of(OCT).await;
    let swapped = story.encrypt(Sealing::Data, DataAlgorithm::A256Kw, &[9; 32]).await;
    assert!(matches!(swapped, Err(KeyError::Unfit { fitting, .. }) if fitting == ["A256GCM", "A256CBC", "A256CBCPAD"]));
    let swapped = story.encrypt(Sealing::Key, DataAlgorithm::A256Gcm, &[9; 32]).await;
    assert!(matches!(swapped, Err(KeyError::Unfit { fitting, .. }) if fitting == ["A256KW"]));
    let foreign = story.encrypt(Sealing::Data, DataAlgorithm::RsaOaep, &[9; 32]).await;
    assert!(matches!(foreign, Err(KeyError::Unfit { .. })));
}

#[tokio::test]
async fn a_key_does_what_its_key_ops_say() {
    let only = |operation| Some(BTreeSet::from([operation]));
    let story = Story::with(RSA, only(KeyOperation::Verify), &enabled()).await;
    let refused = story.sign(SignAlgorithm::Rs256, &[1; 32]).await;
    assert!(matches!(refused, Err(KeyError::NotPermitted { operation: KeyOperation::Sign, .. })));
    assert_eq!(story.told().2, "operation-not-permitted");
    assert!(!story.verify(SignAlgorithm::Rs256, &[1; 32], &[0; 256]).await.unwrap());
    let story = Story::with(RSA, only(KeyOperation::WrapKey), &enabled()).await;
    let refused = story.encrypt(Sealing::Data, DataAlgorithm::RsaOaep, b"x").await;
    assert!(matches!(refused, Err(KeyError::NotPermitted { operation: KeyOperation::Encrypt, .. })));
    story.encrypt(Sealing::Key, DataAlgorithm::RsaOaep, b"x").await.unwrap();
    let refused = story.decrypt(Sealing::Key, DataAlgorithm::RsaOaep, Ciphertext::default()).await;
    assert!(matches!(refused, Err(KeyError::NotPermitted { operation: KeyOperation::UnwrapKey, .. })));
}

/// Azure: outside of nbf and exp only decrypt, unwrap and verify work; a disabled key does nothing.
#[tokio::test]
async fn outside_its_window_a_key_only_undoes() {
    for (window, told) in [
        (SecretAttributes { not_before: Some(NOW + 100), ..enabled() }, WindowEnd::NotBefore(NOW + 100)),
        (SecretAttributes { expires: Some(NOW), ..enabled() }, WindowEnd::Expires(NOW)),
    ] {
        let story = Story::with(RSA, None, &window).await;
        let signed = story.sign(SignAlgorithm::Rs256, &[1; 32]).await;
        let Err(KeyError::OutsideWindow { operation: KeyOperation::Sign, end }) = signed else { panic!("it signed") };
        assert_eq!(end, told);
        for operation in [Sealing::Data, Sealing::Key] {
            let sealed = story.encrypt(operation, DataAlgorithm::RsaOaep, b"x").await;
            assert!(matches!(sealed, Err(KeyError::OutsideWindow { .. })));
            let tried = story.decrypt(operation, DataAlgorithm::RsaOaep, Ciphertext::default()).await;
            assert!(matches!(tried, Err(KeyError::Operation(OperationError::Failed))), "it was tried");
        }
        assert!(!story.verify(SignAlgorithm::Rs256, &[1; 32], &[0; 256]).await.unwrap());
    }
    let story = Story::with(RSA, None, &SecretAttributes { enabled: false, ..enabled() }).await;
    assert!(matches!(story.verify(SignAlgorithm::Rs256, &[1; 32], &[0; 256]).await, Err(KeyError::Disabled(_))));
    let tried = story.decrypt(Sealing::Data, DataAlgorithm::RsaOaep, Ciphertext::default()).await;
    assert!(matches!(tried, Err(KeyError::Disabled(KeyOperation::Decrypt))));
}

#[tokio::test]
async fn when_a_window_ends_is_told_to_who_may_use_the_key_and_to_nobody_else() {
    let story = Story::with(RSA, None, &SecretAttributes { expires: Some(NOW), ..enabled() }).await;
    let said = story.sign(SignAlgorithm::Rs256, &[1; 32]).await.unwrap_err().to_string();
    let moment = "expired at 2026-01-01T00:00:00Z (exp 1767225600)";
    assert_eq!(said, format!("operation sign is not allowed on a key that {moment}"));
    let (world, k) = (&story.demo.world, name("k").unwrap());
    let at = KeyAt { vault: &story.demo.vault, name: &k, version: None };
    for role in [None, Some(Role::Reader)] {
        let other = person(if role.is_some() { "reader" } else { "stranger" });
        if let Some(role) = role {
            world.put_grant(Grantee::Principal { id: other.id.clone() }, role, Scope::Server).unwrap();
        }
        let denied = world.keys.sign(&world.request(&other), at, SignAlgorithm::Rs256, vec![1; 32]).await;
        let Err(KeyError::Object(denied @ ObjectError::Denied(_))) = denied else { panic!("told {role:?}") };
        assert!(!denied.to_string().contains("1767225600"), "{denied}");
    }
}

#[tokio::test]
async fn an_opened_key_is_kept_for_its_revision_and_its_lifetime() {
    let story = Story::of(EC).await;
    let keys = &story.demo.world.keys;
    let sign = async || story.sign(SignAlgorithm::Es256, &[7; 32]).await;
    sign().await.unwrap();
    assert_eq!(keys.sweep(BEGIN), 1);
    // With the sealed part gone from the database, only what is kept can sign.
    let sealed = story.demo.world.store.image();
    story.demo.world.store.meddle(|image| {
        let row = image.objects.values_mut().next().unwrap();
        for version in row.versions.values_mut() {
            let mut broken = (**version).clone();
            broken.sealed.ciphertext.clear();
            *version = std::sync::Arc::new(broken);
        }
    });
    sign().await.unwrap();
    story.demo.world.clock.advance(LIFETIME_MILLIS);
    assert!(matches!(sign().await, Err(KeyError::Object(ObjectError::Tampered))), "opened anew after its lifetime");
    story.demo.world.store.meddle(|image| *image = sealed);
    sign().await.unwrap();
    assert_eq!(keys.sweep(BEGIN + 2 * LIFETIME_MILLIS), 0, "and a sweep leaves nothing behind");
}

/// Two nodes over one database: what one of them changes holds for the other at once.
#[tokio::test]
async fn disabling_deleting_and_a_new_version_hold_on_all_nodes_at_once() {
    let story = Story::of(EC).await;
    let twin = Story { demo: story.demo.on(story.demo.world.store.node("twin")), key: story.key.clone() };
    let digest = [7; 32];
    twin.sign(SignAlgorithm::Es256, &digest).await.unwrap();
    let before = story.update(AttributePatch { enabled: Some(false), ..AttributePatch::default() }).await;
    assert!(matches!(twin.sign(SignAlgorithm::Es256, &digest).await, Err(KeyError::Disabled(_))));
    story.update(AttributePatch { enabled: Some(true), ..AttributePatch::default() }).await;
    let signature = twin.sign(SignAlgorithm::Es256, &digest).await.unwrap();

    let request = KeyRequest { spec: EC, hardware: false, operations: None };
    let world = &story.demo.world;
    world.keys.create(&story.demo.request(), &story.demo.vault, &story.key, &request, &enabled()).await.unwrap();
    let by_new = twin.sign(SignAlgorithm::Es256, &digest).await.unwrap();
    assert!(!story.verify(SignAlgorithm::Es256, &digest, &signature).await.unwrap(), "the new version is current");
    assert!(story.verify(SignAlgorithm::Es256, &digest, &by_new).await.unwrap());
    let old = KeyAt { version: Some(&before.version.version), ..story.at() };
    let (_, good) =
        world.keys.verify(&story.demo.request(), old, SignAlgorithm::Es256, digest.to_vec(), signature).await.unwrap();
    assert!(good, "and the old one still verifies");

    world.keys.delete(&story.demo.request(), &story.demo.vault, &story.key).await.unwrap();
    let gone = twin.sign(SignAlgorithm::Es256, &digest).await;
    assert!(matches!(gone, Err(KeyError::Object(ObjectError::NotFound(..)))));
}

#[tokio::test]
async fn every_operation_passes_the_gate_by_its_own_action() {
    let story = Story::of(RSA).await;
    let app = person("app");
    let grantee = Grantee::Principal { id: app.id.clone() };
    story.demo.world.put_grant(grantee, Role::CryptoServiceEncryptionUser, Scope::Server).unwrap();
    let (world, at) = (&story.demo.world, story.at());
    let text = || Cleartext { value: Plaintext::from_slice(b"x"), iv: None, aad: None };
    let ctx = world.request(&app);
    world.keys.encrypt(&ctx, at, Sealing::Key, DataAlgorithm::RsaOaep, text()).await.unwrap();
    let ctx = world.request(&app);
    let refused = world.keys.encrypt(&ctx, at, Sealing::Data, DataAlgorithm::RsaOaep, text()).await;
    assert!(matches!(refused, Err(KeyError::Object(ObjectError::Denied(d))) if d.reason == DenyReason::NoRole));
    let ctx = world.request(&app);
    let refused = world.keys.sign(&ctx, at, SignAlgorithm::Rs256, vec![1; 32]).await;
    assert!(matches!(refused, Err(KeyError::Object(ObjectError::Denied(d))) if d.reason == DenyReason::NoRole));
    let ctx = world.request(&app);
    let refused = world.keys.random_bytes(&ctx, &story.demo.vault, 8).await.map(drop);
    assert!(matches!(refused, Err(KeyError::Object(ObjectError::Denied(d))) if d.reason == DenyReason::NoRole));
}

#[tokio::test]
async fn random_bytes_are_given_in_the_number_asked_for() {
    let demo = Demo::start();
    for count in [1, 128] {
        let bytes = demo.world.keys.random_bytes(&demo.request(), &demo.vault, count).await.unwrap();
        assert_eq!(bytes.len(), count);
    }
    for count in [0, 129, usize::MAX] {
        let refused = demo.world.keys.random_bytes(&demo.request(), &demo.vault, count).await.map(drop);
        assert!(matches!(refused, Err(KeyError::RandomCount)));
    }
}

#[tokio::test]
async fn a_role_on_one_key_opens_that_key_only() {
    let story = Story::of(EC).await;
    let world = &story.demo.world;
    let other = name("other").unwrap();
    let request = KeyRequest { spec: EC, hardware: false, operations: None };
    world.keys.create(&story.demo.request(), &story.demo.vault, &other, &request, &enabled()).await.unwrap();
    story.demo.set("k", "a secret of the same name").await.unwrap();
    let app = person("app");
    let vault = world.store.image().vaults["demo"].id;
    let scope = Scope::Object { vault, kind: ObjectKind::Key, name: story.key.clone() };
    world.put_grant(Grantee::Principal { id: app.id.clone() }, Role::Administrator, scope).unwrap();
    let digest = vec![7; 32];
    world.keys.sign(&world.request(&app), story.at(), SignAlgorithm::Es256, digest.clone()).await.unwrap();
    let at = KeyAt { name: &other, ..story.at() };
    let refused = world.keys.sign(&world.request(&app), at, SignAlgorithm::Es256, digest).await;
    assert!(matches!(refused, Err(KeyError::Object(ObjectError::Denied(_)))));
    let refused = world.secrets.get(&world.request(&app), &story.demo.vault, &story.key, None).await;
    assert!(matches!(refused, Err(ObjectError::Denied(_))), "the secret of that name is another object");
}
