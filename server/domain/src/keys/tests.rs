//! Who waits for a core, and what becomes of it.

use strongroom_crypto::key::SignAlgorithm;

use super::*;
use crate::{
    certificate::PolicyPatch,
    certificates::CertificateError,
    grant::Scope,
    principal::{Grantee, Principal},
    role::Role,
    test_support::world::{World, demo, enabled, name, person},
    vault::VaultSettings,
};

#[tokio::test]
async fn who_waits_for_too_many_operations_is_told_to_wait_and_it_is_on_record() {
    let (world, ada, vault, k) = with_key().await;
    let at = KeyAt { vault: &vault, name: &k, version: None };
    let sign = async || world.keys.sign(&world.request(&ada), at, SignAlgorithm::Ps256, vec![7; 32]).await;
    let turns: Vec<_> = (0..USES.waiting_of_one).map(|_| world.keys.cores.join(&ada.id).unwrap()).collect();
    assert!(matches!(sign().await, Err(KeyError::Busy { retry_after: 1 })));
    let record = world.store.image().log.last().unwrap().record.clone();
    assert_eq!((record.operation.as_str(), record.outcome), ("KeySign", Outcome::Failed));
    assert_eq!(record.reason, "throttled");
    let create = async || {
        let policy = PolicyPatch { subject: Some("CN=c".to_owned()), ..PolicyPatch::default() };
        let (ctx, c) = (world.request(&ada), name("c").unwrap());
        world.certificates.create(&ctx, &vault, &c, Some(&policy), &enabled()).await
    };
    let Err(CertificateError::Key(why)) = create().await else { panic!("certificates wait for the same cores") };
    assert!(matches!(*why, KeyError::Busy { retry_after: 1 }));
    let record = world.store.image().log.last().unwrap().record.clone();
    assert_eq!((record.operation.as_str(), record.reason.as_str()), ("CertificateCreate", "throttled"));
    drop(turns);
    sign().await.unwrap();
    create().await.unwrap();
}

/// A vault with an RSA key that ada may use, and nobody else.
async fn with_key() -> (World, Arc<Principal>, VaultName, ObjectName) {
    let (world, ada, vault, k) = (World::start().unwrap(), person("ada"), demo().unwrap(), name("k").unwrap());
    world.put_vault(&vault, VaultSettings::default()).unwrap();
    let grantee = Grantee::Principal { id: ada.id.clone() };
    world.put_grant(grantee, Role::Administrator, Scope::Server).unwrap();
    let request = KeyRequest { spec: KeySpec::Rsa { bits: 2048 }, hardware: false, operations: None };
    world.keys.create(&world.request(&ada), &vault, &k, &request, &enabled()).await.unwrap();
    (world, ada, vault, k)
}

/// A signature that waits for a core while something is done.
async fn sign_while<T>(
    (world, ada, vault, k): &(World, Arc<Principal>, VaultName, ObjectName),
    meanwhile: impl AsyncFnOnce() -> T,
) -> Result<(SecretItem, Vec<u8>), KeyError> {
    let places = Arc::clone(&world.keys.cores.places);
    let all = places.acquire_many_owned(u32::try_from(world.keys.cores.places.available_permits()).unwrap());
    let all = all.await.unwrap();
    let at = KeyAt { vault, name: k, version: None };
    let ctx = world.request(ada);
    let sign = world.keys.sign(&ctx, at, SignAlgorithm::Ps256, vec![7; 32]);
    let rest = async {
        while world.keys.cores.length() == 0 {
            tokio::task::yield_now().await;
        }
        meanwhile().await;
        drop(all);
    };
    tokio::join!(sign, rest).0
}

#[tokio::test]
async fn who_waited_long_for_a_core_is_judged_again_before_the_key_is_used() {
    let story = with_key().await;
    let (world, ada, vault, k) = &story;
    sign_while(&story, async || world.clock.advance(3000)).await.unwrap();
    let off = AttributePatch { enabled: Some(false), ..AttributePatch::default() };
    let on = AttributePatch { enabled: Some(true), ..AttributePatch::default() };
    let disabled = sign_while(&story, async || {
        world.keys.update(&world.request(ada), vault, k, None, &off, None).await.unwrap();
        world.clock.advance(3000);
    });
    assert!(matches!(disabled.await, Err(KeyError::Disabled(KeyOperation::Sign))));
    world.keys.update(&world.request(ada), vault, k, None, &on, None).await.unwrap();

    let purged = sign_while(&story, async || {
        world.keys.delete(&world.request(ada), vault, k).await.unwrap();
        world.keys.purge(&world.request(ada), vault, k).await.unwrap();
        world.clock.advance(3000);
    });
    assert!(matches!(purged.await, Err(KeyError::Object(ObjectError::NotFound(..)))));
    let last = world.store.image().log.last().unwrap().record.clone();
    assert_eq!((last.operation.as_str(), last.reason.as_str()), ("KeySign", "not-found"));
}

#[tokio::test]
async fn who_lost_the_role_while_waiting_gets_nothing() {
    let story = with_key().await;
    let (world, ..) = &story;
    let lost = sign_while(&story, async || {
        world.store.meddle(|image| image.assignments.clear());
        world.clock.advance(3000);
    });
    assert!(matches!(lost.await, Err(KeyError::Object(ObjectError::Denied(_)))));
}

#[tokio::test]
async fn what_ends_by_the_clock_while_somebody_waits_has_ended() {
    let mut story = with_key().await;
    let wait = async |story: &_, seconds: i64| {
        let (world, ..): &(World, Arc<Principal>, VaultName, ObjectName) = story;
        sign_while(story, async || world.clock.advance(seconds * 1000)).await
    };
    let until = async |story: &(World, Arc<Principal>, VaultName, ObjectName), end: i64| {
        let (world, ada, vault, k) = story;
        let ends = AttributePatch { expires: Some(end), ..AttributePatch::default() };
        world.keys.update(&world.request(ada), vault, k, None, &ends, None).await.unwrap();
    };
    let now = story.0.request(&story.1).seconds();
    until(&story, now + 60).await;
    wait(&story, 3).await.unwrap();
    assert!(matches!(wait(&story, 60).await, Err(KeyError::OutsideWindow { end: WindowEnd::Expires(_), .. })));
    let last = story.0.store.image().log.last().unwrap().record.clone();
    assert_eq!(last.at, (now + 3) * 1000, "the record says when the request arrived");
    until(&story, now + 6000).await;

    let ends = Some(now + 63 + 60);
    let expiring = Arc::new(Principal { ends, ..(*story.1).clone() });
    let ada = std::mem::replace(&mut story.1, expiring);
    wait(&story, 3).await.unwrap();
    assert!(matches!(wait(&story, 60).await, Err(KeyError::Object(ObjectError::Denied(_)))), "a token that ended");
    story.1 = ada;

    let (world, ada, ..) = &story;
    world.store.meddle(|image| image.assignments.clear());
    let grantee = Grantee::Principal { id: ada.id.clone() };
    let mut role = world.put_grant(grantee, Role::Administrator, Scope::Server).unwrap();
    role.ends_at = Some(world.request(ada).now + 60_000);
    role.tag = world.keyring.tag_assignment(&role).unwrap();
    world.store.meddle(|image| image.assignments = vec![role]);
    wait(&story, 3).await.unwrap();
    assert!(matches!(wait(&story, 60).await, Err(KeyError::Object(ObjectError::Denied(_)))), "a role that ended");
}

#[tokio::test]
async fn whoever_waits_for_a_new_key_or_certificate_is_judged_again_before_it_is_there() {
    let (world, ada, vault, _) = with_key().await;
    let places = Arc::clone(&world.keys.cores.places);
    let all = u32::try_from(places.available_permits()).unwrap();
    let policy = PolicyPatch { subject: Some("CN=c".to_owned()), ..PolicyPatch::default() };
    let create = async |lost: bool| {
        let all = Arc::clone(&places).acquire_many_owned(all).await.unwrap();
        let (ctx, c) = (world.request(&ada), name(if lost { "lost" } else { "kept" }).unwrap());
        let certificate = async { world.certificates.create(&ctx, &vault, &c, Some(&policy), &enabled()).await };
        let meanwhile = async {
            while world.keys.cores.length() == 0 {
                tokio::task::yield_now().await;
            }
            if lost {
                world.store.meddle(|image| image.assignments.clear());
            }
            world.clock.advance(3000);
            drop(all);
        };
        tokio::join!(certificate, meanwhile).0
    };
    create(false).await.unwrap();
    let before = world.store.image().objects.len();
    let Err(CertificateError::Object(ObjectError::Denied(_))) = create(true).await else { panic!("made all the same") };
    assert_eq!(world.store.image().objects.len(), before);
    let last = world.store.image().log.last().unwrap().record.clone();
    assert_eq!((last.operation.as_str(), last.outcome), ("CertificateCreate", Outcome::Denied));
}

#[tokio::test]
async fn records_say_what_was_made_changed_and_found_and_no_value() {
    let (world, ada, vault, k) = with_key().await;
    let last = || world.store.image().log.last().unwrap().record.clone();
    let told = |record: &crate::record::Record| {
        record.details.iter().map(|(name, told)| format!("{name}: {told}")).collect::<Vec<_>>().join("; ")
    };
    let all = "encrypt, decrypt, sign, verify, wrapKey, unwrapKey";
    assert_eq!(told(&last()), format!("key_ops: {all}; key_size: 2048; kty: RSA"));
    let tags = [("team".to_owned(), "hush".to_owned())].into();
    let patch = AttributePatch {
        enabled: Some(false),
        expires: Some(4_000_000_000),
        tags: Some(tags),
        ..AttributePatch::default()
    };
    let verify_only = [KeyOperation::Verify].into();
    world.keys.update(&world.request(&ada), &vault, &k, None, &patch, Some(&verify_only)).await.unwrap();
    let changed = format!("enabled: true -> false; exp: none -> 4000000000; key_ops: {all} -> verify; tags: team");
    assert_eq!(told(&last()), changed, "of tags the names alone");
    let patch = AttributePatch { enabled: Some(true), ..AttributePatch::default() };
    world.keys.update(&world.request(&ada), &vault, &k, None, &patch, None).await.unwrap();
    assert_eq!(told(&last()), "enabled: false -> true", "nothing of what stayed");
    let at = KeyAt { vault: &vault, name: &k, version: None };
    let verify = world.keys.verify(&world.request(&ada), at, SignAlgorithm::Ps256, vec![7; 32], vec![1; 256]).await;
    assert!(!verify.unwrap().1);
    assert_eq!(told(&last()), "signature: wrong");
    let terms = crate::rotation::RotationTerms {
        rotate: Some(crate::rotation::Trigger::AfterCreation(crate::rotation::Span::parse("P90D").unwrap())),
        ..crate::rotation::RotationTerms::usual()
    };
    world.keys.set_rotation_policy(&world.request(&ada), &vault, &k, &terms).await.unwrap();
    assert_eq!(told(&last()), "expiryTime: none; notify: P30D before expiry; rotate: P90D after creation");
    // What did not happen is not told of.
    let sign = world.keys.sign(&world.request(&ada), at, SignAlgorithm::Ps256, vec![7; 32]).await;
    assert!(matches!(sign, Err(KeyError::NotPermitted { operation: KeyOperation::Sign, .. })));
    assert_eq!(told(&last()), "");
    let mut record = last();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q"] {
        record.detail(name, "ä".repeat(1000));
    }
    assert_eq!(record.details.len(), crate::record::MAX_DETAILS);
    assert!(record.details.values().all(|told| told.chars().count() == crate::record::MAX_DETAIL + 1));
}
