//! Rotation of keys, told over the domain with its ports in memory.

use strongroom_crypto::key::{Curve, DataAlgorithm, KeySpec};
use strongroom_domain::{
    keys::{Ciphertext, Cleartext, KeyAt, KeyError, KeyRequest, ROTATION_PRINCIPAL, Rotated, Sealing},
    names::VaultName,
    objects::ObjectError,
    record::{Outcome, Record},
    rotation::{RotationError, RotationTerms, Span, Trigger},
    secret::{AttributePatch, SecretItem},
    test_support::world::{BEGIN, enabled, name, person},
    vault::VaultSettings,
};

use crate::common::Demo;

const DAY: i64 = 86_400_000;
const EC: KeySpec = KeySpec::Ec { crv: Curve::P256 };

fn span(text: &str) -> Span {
    Span::parse(text).unwrap()
}

fn every(text: &str) -> RotationTerms {
    RotationTerms { rotate: Some(Trigger::AfterCreation(span(text))), ..RotationTerms::default() }
}

impl Demo {
    async fn put_key(&self, key: &str, spec: KeySpec) -> SecretItem {
        let request = KeyRequest { spec, hardware: false, operations: None };
        let made =
            self.world.keys.create(&self.request(), &self.vault, &name(key).unwrap(), &request, &enabled()).await;
        made.unwrap().0
    }

    /// Gives when it is due then, Unix seconds.
    async fn set_rotation(&self, key: &str, terms: &RotationTerms) -> Result<Option<i64>, KeyError> {
        self.world.keys.set_rotation_policy(&self.request(), &self.vault, &name(key).unwrap(), terms).await?;
        Ok(self.current_key(key).await.secret.rotation.unwrap().rotate_at)
    }

    async fn do_what_is_due(&self) -> Rotated {
        self.world.keys.do_what_is_due(&self.world.store, &*self.world.clock).await.unwrap()
    }

    /// Records of what the schedule did, by operation.
    fn done_by_schedule(&self, operation: &str) -> Vec<Record> {
        let log = self.world.store.image().log;
        let records = log.into_iter().map(|logged| logged.record);
        records.filter(|record| record.operation == operation && record.outcome == Outcome::Allowed).collect()
    }

    async fn ends(&self, key: &str, end: i64) {
        let patch = AttributePatch { expires: Some(end), ..AttributePatch::default() };
        let k = name(key).unwrap();
        self.world.keys.update(&self.request(), &self.vault, &k, None, &patch, None).await.unwrap();
    }

    async fn current_key(&self, key: &str) -> SecretItem {
        self.world.keys.show(&self.request(), &self.vault, &name(key).unwrap(), None).await.unwrap().0
    }
}

#[tokio::test]
async fn what_is_due_is_rotated_once_over_two_nodes_and_on_record() {
    let demo = Demo::start();
    let (first, other) = (demo.put_key("k", EC).await, demo.put_key("other", EC).await);
    let due = demo.set_rotation("k", &every("P30D")).await.unwrap();
    assert_eq!(due, Some(BEGIN / 1000 + 30 * DAY / 1000));
    assert_eq!(demo.do_what_is_due().await, Rotated::default());
    let twin = demo.on(demo.world.store.node("twin"));
    for world in [&demo.world, &twin.world] {
        world.clock.advance(30 * DAY);
    }
    let (one, two) = tokio::join!(demo.do_what_is_due(), twin.do_what_is_due());
    assert_eq!((one.keys + two.keys, one.failed + two.failed), (1, 0));
    let second = demo.current_key("k").await;
    assert_ne!(second.version.version, first.version.version);
    assert_eq!((second.version.ordinal, second.version.key.as_ref().unwrap().spec), (2, EC));
    assert_ne!(second.version.key.as_ref().unwrap().public, first.version.key.as_ref().unwrap().public);
    assert_eq!(demo.current_key("other").await.version.version, other.version.version);
    let told = demo.done_by_schedule("KeyRotateIfDue");
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].principal.as_ref().unwrap().subject, ROTATION_PRINCIPAL);
    assert_eq!(told[0].version.as_deref(), Some(second.version.version.as_str()));
    // A node that starts again goes on with what is stored.
    let again = demo.after_crash();
    again.world.clock.advance(59 * DAY);
    assert_eq!(again.do_what_is_due().await, Rotated::default());
    again.world.clock.advance(DAY);
    assert_eq!(again.do_what_is_due().await.keys, 1);
}

#[tokio::test]
async fn many_keys_that_are_due_in_a_vault_do_not_keep_those_of_the_next_waiting() {
    let mut demo = Demo::start();
    for number in 0..30 {
        let key = format!("k{number}");
        demo.put_key(&key, EC).await;
        demo.set_rotation(&key, &every("P30D")).await.unwrap();
    }
    demo.vault = VaultName::parse("next").unwrap();
    demo.world.put_vault(&demo.vault, VaultSettings::default()).unwrap();
    demo.put_key("other", EC).await;
    demo.set_rotation("other", &every("P30D")).await.unwrap();
    demo.world.clock.advance(30 * DAY);
    assert_eq!(demo.do_what_is_due().await.keys, 31);
    let told = demo.done_by_schedule("KeyRotateIfDue");
    let place = told.iter().position(|record| record.vault.as_deref() == Some("next")).unwrap();
    assert_eq!(place, 20, "after one turn of the vault before");
}

#[tokio::test]
async fn a_rotated_key_goes_on_as_it_was_and_old_versions_decrypt() {
    let demo = Demo::start();
    let spec = KeySpec::Oct { bits: 256 };
    let first = demo.put_key("k", spec).await;
    let k = name("k").unwrap();
    let text = Cleartext { value: strongroom_crypto::Plaintext::from_slice(b"data"), iv: None, aad: None };
    let at = KeyAt { vault: &demo.vault, name: &k, version: None };
    let (_, sealed) =
        demo.world.keys.encrypt(&demo.request(), at, Sealing::Data, DataAlgorithm::A256Gcm, text).await.unwrap();
    demo.set_rotation("k", &RotationTerms { expiry: Some(span("P1Y")), ..every("P90D") }).await.unwrap();
    demo.world.clock.advance(DAY);
    let (second, _) = demo.world.keys.rotate(&demo.request(), &demo.vault, &k).await.unwrap();
    let (before, after) = (first.version.key.unwrap(), second.version.key.unwrap());
    assert_eq!((after.spec, &after.operations), (before.spec, &before.operations));
    assert_eq!(second.version.attributes.expires, Some(BEGIN / 1000 + DAY / 1000 + 365 * DAY / 1000));
    assert_eq!(
        second.secret.rotation.unwrap().rotate_at,
        Some(BEGIN / 1000 + 91 * DAY / 1000),
        "from the new version on"
    );
    let old = KeyAt { version: Some(&first.version.version), ..at };
    let sealed = Ciphertext { value: sealed.value, iv: sealed.iv, aad: None, tag: sealed.tag };
    let opened = demo.world.keys.decrypt(&demo.request(), old, Sealing::Data, DataAlgorithm::A256Gcm, sealed).await;
    assert_eq!(opened.unwrap().1.expose(), b"data");
}

#[tokio::test]
async fn a_policy_follows_the_end_of_the_current_version() {
    let demo = Demo::start();
    demo.put_key("k", EC).await;
    let terms = RotationTerms {
        rotate: Some(Trigger::BeforeExpiry(span("P30D"))),
        expiry: Some(span("P2Y")),
        ..RotationTerms::default()
    };
    assert_eq!(demo.set_rotation("k", &terms).await.unwrap(), None, "this version has no end");
    let end = BEGIN / 1000 + 40 * DAY / 1000;
    demo.ends("k", end).await;
    demo.world.clock.advance(10 * DAY - 1000);
    assert_eq!(demo.do_what_is_due().await.keys, 0);
    demo.world.clock.advance(1000);
    assert_eq!(demo.do_what_is_due().await.keys, 1);
    let refused = demo.set_rotation("k", &every("P6D")).await;
    assert!(matches!(refused, Err(KeyError::Rotation(RotationError::TooSoon))));
    let missing = demo.set_rotation("none", &every("P30D")).await;
    assert!(matches!(missing, Err(KeyError::Object(ObjectError::NotFound(..)))));
}

#[tokio::test]
async fn a_deleted_key_is_not_rotated_and_a_recovered_one_is() {
    let demo = Demo::start();
    demo.put_key("k", EC).await;
    demo.set_rotation("k", &every("P30D")).await.unwrap();
    let k = name("k").unwrap();
    demo.world.keys.delete(&demo.request(), &demo.vault, &k).await.unwrap();
    demo.world.clock.advance(31 * DAY);
    assert_eq!(demo.do_what_is_due().await, Rotated::default());
    demo.world.keys.recover(&demo.request(), &demo.vault, &k).await.unwrap();
    assert_eq!(demo.do_what_is_due().await.keys, 1);
}

#[tokio::test]
async fn what_is_restored_has_no_policy_and_notice_of_its_end_all_the_same() {
    let demo = Demo::start();
    demo.put_key("k", EC).await;
    demo.set_rotation("k", &every("P30D")).await.unwrap();
    demo.ends("k", BEGIN / 1000 + 40 * DAY / 1000).await;
    let k = name("k").unwrap();
    let backup = demo.world.keys.backup(&demo.request(), &demo.vault, &k).await.unwrap();
    demo.world.keys.delete(&demo.request(), &demo.vault, &k).await.unwrap();
    demo.world.keys.purge(&demo.request(), &demo.vault, &k).await.unwrap();
    demo.world.keys.restore(&demo.request(), &demo.vault, &backup).await.unwrap();
    assert_eq!(demo.world.keys.rotation_policy(&demo.request(), &demo.vault, &k).await.unwrap().1, None);
    demo.world.clock.advance(31 * DAY);
    let done = demo.do_what_is_due().await;
    assert_eq!((done.keys, done.notices), (0, 1));
}

#[tokio::test]
async fn notice_of_an_end_is_given_once_and_again_for_another_end() {
    let demo = Demo::start();
    demo.put_key("k", EC).await;
    demo.put_key("endless", EC).await;
    demo.ends("k", BEGIN / 1000 + 100 * DAY / 1000).await;
    let twin = demo.on(demo.world.store.node("twin"));
    for world in [&demo.world, &twin.world] {
        world.clock.advance(70 * DAY - 1000);
    }
    assert_eq!(demo.do_what_is_due().await, Rotated::default(), "30 days before, as usual, and not earlier");
    for world in [&demo.world, &twin.world] {
        world.clock.advance(1000);
    }
    let (one, two) = tokio::join!(demo.do_what_is_due(), twin.do_what_is_due());
    assert_eq!((one.notices + two.notices, one.keys + two.keys, one.failed + two.failed), (1, 0, 0));
    let told = demo.done_by_schedule("KeyNearExpiry");
    let current = demo.current_key("k").await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].object.as_deref(), told[0].version.as_deref()),
        (Some("k"), Some(current.version.version.as_str()))
    );
    demo.world.clock.advance(DAY);
    assert_eq!(demo.do_what_is_due().await, Rotated::default(), "it was given");
    // Other attributes are no other end.
    let (patch, k) = (AttributePatch { enabled: Some(false), ..AttributePatch::default() }, name("k").unwrap());
    demo.world.keys.update(&demo.request(), &demo.vault, &k, None, &patch, None).await.unwrap();
    assert_eq!(demo.do_what_is_due().await, Rotated::default());
    demo.ends("k", BEGIN / 1000 + 101 * DAY / 1000).await;
    assert_eq!(demo.do_what_is_due().await.notices, 1);
}

#[tokio::test]
async fn what_is_rotated_in_time_is_not_said_to_end() {
    let demo = Demo::start();
    demo.put_key("k", EC).await;
    let terms = RotationTerms { expiry: Some(span("P90D")), ..every("P80D") }.with_usual_notice();
    demo.set_rotation("k", &terms).await.unwrap();
    demo.ends("k", BEGIN / 1000 + 90 * DAY / 1000).await;
    demo.world.clock.advance(85 * DAY);
    let done = demo.do_what_is_due().await;
    assert_eq!((done.keys, done.notices), (1, 0), "both were due, and the new version ends later");
}

#[tokio::test]
async fn a_rotation_puts_nothing_back_into_use_and_needs_its_permission() {
    let demo = Demo::start();
    demo.put_key("k", EC).await;
    let (patch, k) = (AttributePatch { enabled: Some(false), ..AttributePatch::default() }, name("k").unwrap());
    demo.world.keys.update(&demo.request(), &demo.vault, &k, None, &patch, None).await.unwrap();
    let (next, _) = demo.world.keys.rotate(&demo.request(), &demo.vault, &k).await.unwrap();
    assert!(!next.version.attributes.enabled);
    let stranger = || demo.world.request(&person("mallory"));
    let refused = demo.world.keys.rotate(&stranger(), &demo.vault, &k).await;
    assert!(matches!(refused, Err(KeyError::Object(ObjectError::Denied(_)))));
    let refused = demo.world.keys.set_rotation_policy(&stranger(), &demo.vault, &k, &every("P30D")).await;
    assert!(matches!(refused, Err(KeyError::Object(ObjectError::Denied(_)))));
    assert_eq!(demo.world.keys.rotation_policy(&demo.request(), &demo.vault, &k).await.unwrap().1, None);
    let none = name("none").unwrap();
    let missing = demo.world.keys.rotate(&demo.request(), &demo.vault, &none).await;
    assert!(matches!(missing, Err(KeyError::Object(ObjectError::NotFound(..)))));
}

#[tokio::test]
async fn a_policy_that_was_edited_rotates_nothing_and_keeps_no_other_key_from_its_rotation() {
    let demo = Demo::start();
    let edited: Vec<String> = (0..12).map(|number| format!("a{number}")).collect();
    for key in edited.iter().map(String::as_str).chain(["z"]) {
        demo.put_key(key, EC).await;
        demo.set_rotation(key, &every("P30D")).await.unwrap();
    }
    let untouched = demo.world.store.image();
    let early = |policy: bool| {
        demo.world.store.meddle(|image| {
            for row in image.objects.values_mut().filter(|row| row.meta.name.as_str() != "z") {
                let rotation = row.meta.rotation.as_deref_mut().unwrap();
                rotation.rotate_at = Some(BEGIN / 1000);
                if policy {
                    rotation.policy.as_mut().unwrap().terms = every("P7D");
                }
            }
        });
    };
    for policy in [false, true] {
        early(policy);
        assert_eq!(demo.do_what_is_due().await, Rotated { failed: 12, ..Rotated::default() });
        let refused = demo.world.keys.rotate(&demo.request(), &demo.vault, &name("a0").unwrap()).await;
        assert!(matches!(refused, Err(KeyError::Object(ObjectError::Denied(_)))), "nor for anybody");
    }
    demo.world.clock.advance(30 * DAY);
    assert_eq!(demo.do_what_is_due().await, Rotated { keys: 1, failed: 12, notices: 0 });
    assert_eq!(demo.current_key("z").await.version.ordinal, 2);
    let log = demo.world.store.image().log;
    let refused = log
        .iter()
        .filter(|logged| logged.record.operation == "KeyRotateIfDue" && logged.record.outcome == Outcome::Denied);
    assert_eq!(refused.count(), 36, "each time on record");
    // A policy that was taken away is found when the key is used.
    demo.world.store.meddle(|image| *image = untouched);
    demo.world.store.meddle(|image| image.objects.values_mut().for_each(|row| row.meta.rotation = None));
    assert_eq!(demo.do_what_is_due().await, Rotated::default());
    let k = name("z").unwrap();
    assert!(demo.world.keys.show(&demo.request(), &demo.vault, &k, None).await.is_err());
}
