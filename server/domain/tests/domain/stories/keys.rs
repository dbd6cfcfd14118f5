//! Keys through their life, told over the domain with its ports in memory.

use std::collections::BTreeSet;

use strongroom_crypto::key::{Curve, KeyParts, KeyRejected, KeySpec, PublicKey, RsaComponents};
use strongroom_domain::{
    context::RequestContext,
    decision::DenyReason,
    key::KeyOperation,
    keys::{Import, KeyError, KeyRequest},
    names::ObjectKind,
    objects::ObjectError,
    record::Outcome,
    secret::{AttributePatch, LifeState, SecretItem},
    test_support::world::{enabled, name, person},
};

use crate::common::Demo;

fn a(spec: KeySpec) -> KeyRequest {
    KeyRequest { spec, hardware: false, operations: None }
}

const EC: KeySpec = KeySpec::Ec { crv: Curve::P256 };

impl Demo {
    async fn make(&self, key: &str, request: &KeyRequest) -> Result<SecretItem, KeyError> {
        let made = self.world.keys.create(&self.request(), &self.vault, &name(key).unwrap(), request, &enabled()).await;
        made.map(|(item, _)| item)
    }

    async fn key(&self, key: &str) -> Result<SecretItem, KeyError> {
        let got = self.world.keys.show(&self.request(), &self.vault, &name(key).unwrap(), None).await;
        got.map(|(item, _)| item)
    }
}

/// An RSA key whose parts fit together, and whose first factor is the product of two numbers of 512 bits.
fn with_a_factor_that_is_no_prime() -> RsaComponents {
    let part = |name: &str| {
        let line =
            include_str!("composite_factor.txt").lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        data_encoding::HEXLOWER.decode(line.unwrap().as_bytes()).unwrap()
    };
    let secret = |name: &str| zeroize::Zeroizing::new(part(name));
    let (d, p, q) = (secret("d"), secret("p"), secret("q"));
    let (dp, dq, qi) = (secret("dp"), secret("dq"), secret("qi"));
    RsaComponents { n: part("n"), e: vec![1, 0, 1], d, p, q, dp, dq, qi }
}

#[tokio::test]
async fn an_imported_rsa_key_is_of_primes_and_whoever_may_not_import_makes_nobody_look() {
    let demo = Demo::start();
    let import = async |ctx: &RequestContext, parts: KeyParts| {
        let brought = Import { parts, hardware: false, operations: None };
        demo.world.keys.import(ctx, &demo.vault, &name("weak").unwrap(), brought, &enabled()).await.map(drop)
    };
    let composite = with_a_factor_that_is_no_prime;
    let short = || RsaComponents { n: vec![0xc1; 128], ..composite() };
    let torn = || RsaComponents { n: vec![0xc1; 256], ..composite() };
    let brought: [(&dyn Fn() -> KeyParts, _); 4] = [
        (&|| KeyParts::Rsa(composite()), KeyRejected::Weak),
        (&|| KeyParts::Rsa(short()), KeyRejected::Size),
        (&|| KeyParts::Rsa(torn()), KeyRejected::Inconsistent),
        (&|| KeyParts::Oct(zeroize::Zeroizing::new(vec![7; 15])), KeyRejected::Size),
    ];
    for (parts, why) in brought {
        let ctx = demo.request();
        let Err(KeyError::Rejected(refused)) = import(&ctx, parts()).await else { panic!("{why:?}") };
        assert_eq!(refused, why);
        let image = demo.world.store.image();
        let record = image.record(ctx.request_id).unwrap();
        assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "invalid"));
        assert!(image.objects.is_empty(), "nothing is kept");
        // To whom it is not allowed, nobody says what is wrong with it.
        let stranger = demo.world.request(&person("stranger"));
        assert!(matches!(import(&stranger, parts()).await, Err(KeyError::Object(ObjectError::Denied(_)))));
    }
}

#[tokio::test]
async fn every_type_is_made_and_shows_its_public_half_alone() {
    let demo = Demo::start();
    let mut specs: Vec<_> = Curve::ALL.into_iter().map(|crv| KeySpec::Ec { crv }).collect();
    specs.extend([KeySpec::Rsa { bits: 2048 }, KeySpec::Oct { bits: 128 }, KeySpec::Oct { bits: 256 }]);
    for (number, spec) in specs.into_iter().enumerate() {
        let item = demo.make(&format!("k{number}"), &a(spec)).await.unwrap();
        let key = item.version.key.as_deref().unwrap();
        assert_eq!((key.spec, key.exportable), (spec, false));
        assert_eq!(key.operations, KeyOperation::default_for(spec));
        match (&key.public, spec) {
            (Some(PublicKey::Rsa { n, e }), KeySpec::Rsa { bits }) => {
                assert_eq!((n.len() * 8, e.as_slice()), (usize::from(bits), [1, 0, 1].as_slice()));
            }
            (Some(PublicKey::Ec { crv, x, y }), KeySpec::Ec { .. }) => {
                assert_eq!((x.len(), y.len()), (crv.field_len(), crv.field_len()));
            }
            (None, KeySpec::Oct { .. }) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(demo.key(&format!("k{number}")).await.unwrap(), item);
    }
}

#[tokio::test]
async fn a_key_lives_beside_a_secret_of_its_name() {
    let demo = Demo::start();
    demo.set("twin", "value").await.unwrap();
    let first = demo.make("Twin", &a(EC)).await.unwrap();
    let second = demo.make("twin", &a(KeySpec::Ec { crv: Curve::P384 })).await.unwrap();
    assert_eq!(second.secret.name.display(), "Twin", "ids were given out with the first spelling");
    assert_eq!((second.secret.revision, second.version.ordinal), (first.secret.revision + 1, 2));
    let (ctx, twin) = (demo.request(), name("twin").unwrap());
    let (deleted, _) = demo.world.keys.delete(&ctx, &demo.vault, &twin).await.unwrap();
    assert!(matches!(deleted.secret.life, LifeState::Deleted { .. }));
    assert_eq!(demo.get("twin", None).await.unwrap().value.expose(), "value");
    let again = demo.make("twin", &a(EC)).await;
    assert!(matches!(again, Err(KeyError::Object(ObjectError::DeletedButRecoverable(_)))));
    demo.world.keys.recover(&demo.request(), &demo.vault, &twin).await.unwrap();
    let (page, _) = demo.world.keys.versions(&demo.request(), &demo.vault, &twin, None, 25).await.unwrap();
    assert_eq!(page.items.len(), 2);
    demo.world.keys.delete(&demo.request(), &demo.vault, &twin).await.unwrap();
    demo.world.keys.purge(&demo.request(), &demo.vault, &twin).await.unwrap();
    assert!(matches!(demo.key("twin").await, Err(KeyError::Object(ObjectError::NotFound(..)))));
    assert_eq!(demo.get("twin", None).await.unwrap().value.expose(), "value");
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_before_anything_happens() {
    let demo = Demo::start();
    let hardware = KeyRequest { hardware: true, ..a(EC) };
    assert!(matches!(demo.make("k", &hardware).await, Err(KeyError::NoHardware)));
    let impossible = KeyRequest { operations: Some(BTreeSet::from([KeyOperation::Encrypt])), ..a(EC) };
    assert!(matches!(demo.make("k", &impossible).await, Err(KeyError::Object(ObjectError::Impossible(_)))));
    let odd = a(KeySpec::Rsa { bits: 1024 });
    assert!(matches!(demo.make("k", &odd).await, Err(KeyError::Rejected(KeyRejected::Size))));
    assert!(demo.world.store.image().happened.is_empty());
}

#[tokio::test]
async fn operations_and_attributes_are_changed_without_the_key() {
    let demo = Demo::start();
    let made = demo.make("k", &a(EC)).await.unwrap();
    let patch = AttributePatch { enabled: Some(false), ..AttributePatch::default() };
    let operations = BTreeSet::from([KeyOperation::Verify]);
    let (ctx, k) = (demo.request(), name("k").unwrap());
    let (after, _) = demo.world.keys.update(&ctx, &demo.vault, &k, None, &patch, Some(&operations)).await.unwrap();
    let (before, now) = (made.version.key.unwrap(), after.version.key.unwrap());
    assert_eq!((now.spec, &now.public, &now.operations), (before.spec, &before.public, &operations));
    assert!(!after.version.attributes.enabled);
    assert_eq!(demo.key("k").await.unwrap().version.key.as_deref(), Some(&*now), "what is public can be read still");
    let wrong = BTreeSet::from([KeyOperation::WrapKey]);
    let refused =
        demo.world.keys.update(&demo.request(), &demo.vault, &k, None, &AttributePatch::default(), Some(&wrong)).await;
    assert!(matches!(refused, Err(KeyError::Object(ObjectError::Impossible(_)))));
}

#[tokio::test]
async fn a_backup_of_one_kind_is_none_of_another() {
    let demo = Demo::start();
    demo.make("k", &a(EC)).await.unwrap();
    demo.set("s", "value").await.unwrap();
    let (k, s) = (name("k").unwrap(), name("s").unwrap());
    let of_key = demo.world.keys.backup(&demo.request(), &demo.vault, &k).await.unwrap();
    let of_secret = demo.world.secrets.backup(&demo.request(), &demo.vault, &s).await.unwrap();
    let before = demo.key("k").await.unwrap();
    demo.world.keys.delete(&demo.request(), &demo.vault, &k).await.unwrap();
    demo.world.keys.purge(&demo.request(), &demo.vault, &k).await.unwrap();
    let crossed = demo.world.secrets.restore(&demo.request(), &demo.vault, &of_key).await;
    assert!(matches!(crossed, Err(ObjectError::BadBackup)));
    let crossed = demo.world.keys.restore(&demo.request(), &demo.vault, &of_secret).await;
    assert!(matches!(crossed, Err(KeyError::Object(ObjectError::BadBackup))));
    let (restored, _) = demo.world.keys.restore(&demo.request(), &demo.vault, &of_key).await.unwrap();
    assert_eq!((restored.version.version, restored.version.key), (before.version.version, before.version.key));
}

#[tokio::test]
async fn who_may_not_make_keys_burns_no_core() {
    let demo = Demo::start();
    let (stranger, k) = (person("mallory"), name("k").unwrap());
    let ctx = demo.world.request(&stranger);
    let spec = KeySpec::Rsa { bits: 4096 };
    let refused = demo.world.keys.create(&ctx, &demo.vault, &k, &a(spec), &enabled()).await;
    let Err(KeyError::Object(ObjectError::Denied(denial))) = refused else { panic!("not denied") };
    assert_eq!(denial.reason, DenyReason::NoRole);
    let image = demo.world.store.image();
    let record = image.record(ctx.request_id).unwrap();
    assert_eq!(
        (record.outcome, record.operation.as_str(), record.kind.as_deref()),
        (Outcome::Denied, "KeyCreate", Some("key"))
    );
}

#[tokio::test]
async fn a_caller_who_queues_too_many_is_told_when_to_come_back() {
    let demo = Demo::start();
    let slow = a(KeySpec::Rsa { bits: 2048 });
    let names: Vec<_> = (0..6).map(|number| format!("k{number}")).collect();
    let all = futures_util::future::join_all(names.iter().map(|key| demo.make(key, &slow))).await;
    let made = all.iter().filter(|made| made.is_ok()).count();
    let busy: Vec<_> = all.iter().filter(|made| matches!(made, Err(KeyError::Busy { retry_after: 1.. }))).collect();
    assert_eq!((made, busy.len()), (4, 2));
    let image = demo.world.store.image();
    let refused = image.log.iter().filter(|l| l.record.reason == "throttled").count();
    assert_eq!(refused, 2, "and each is on record");
    assert!(demo.make("later", &slow).await.is_ok());
}

/// A key's row under another name or as another kind of object is no key.
#[tokio::test]
async fn a_row_that_was_moved_does_not_pass() {
    let demo = Demo::start();
    demo.make("one", &a(EC)).await.unwrap();
    demo.set("two", "value").await.unwrap();
    let vault = demo.world.store.image().vaults["demo"].id;
    let of = |kind, name: &str| (vault, kind, name.to_owned());
    let untouched = demo.world.store.image();
    for (from, to) in [
        (of(ObjectKind::Key, "one"), of(ObjectKind::Key, "two")),
        (of(ObjectKind::Secret, "two"), of(ObjectKind::Key, "two")),
        (of(ObjectKind::Key, "one"), of(ObjectKind::Secret, "one")),
    ] {
        demo.world.store.meddle(|image| {
            *image = untouched.clone();
            let row = image.objects[&from].clone();
            image.objects.insert(to.clone(), row);
        });
        let found = match to.1 {
            ObjectKind::Key => demo.key(&to.2).await.map(drop).unwrap_err(),
            _ => KeyError::Object(demo.get(&to.2, None).await.map(drop).unwrap_err()),
        };
        let KeyError::Object(ObjectError::Denied(denial)) = found else { panic!("{found:?}") };
        assert_eq!(denial.reason, DenyReason::Tampered, "{from:?} as {to:?}");
    }
}
