//! What modules see of writes, of what writes lead to, and of what a schedule does: as it would be, never as it was.

use std::collections::BTreeSet;

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use strongroom_crypto::{
    Plaintext, SecretText,
    key::{Curve, DataAlgorithm, KeySpec, SignAlgorithm},
};
use strongroom_domain::{
    alert::{AlertKind, Failure},
    certificate::{LifetimeAction, LifetimeWork, PolicyPatch, Trigger},
    certificates::Renewed,
    issuer::AuthoritySettings,
    key::KeyOperation,
    keys::{Ciphertext, Cleartext, KeyAt, KeyRequest, ROTATION_PRINCIPAL, Rotated, Sealing},
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment, PolicyRequest},
    record::{Outcome, Record},
    rotation::{self, RotationTerms, Span},
    secret::{AttributePatch, SecretAttributes},
    test_support::{
        Verdict,
        world::{BEGIN, enabled, name},
    },
    vault::VaultSettings,
};

use super::{
    certificates::by,
    issuing::{authority, root},
};
use crate::common::Demo;

const DAY: i64 = 86_400;
const BEGAN: i64 = BEGIN / 1000;

fn attached(name: &str, authority: bool) -> PolicyAttachment {
    PolicyAttachment {
        name: name.to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority,
        previous: None,
    }
}

fn guarded() -> Demo {
    let policies = vec![attached("guard", false)];
    let demo = Demo::with(VaultSettings { policies, ..VaultSettings::default() });
    demo.says(Verdict::Says(Effect::Allow));
    demo
}

impl Demo {
    fn says(&self, verdict: Verdict) {
        self.world.policies.answer("guard", verdict);
    }

    fn asked_last(&self) -> PolicyRequest {
        self.world.policies.asked().pop().unwrap()
    }

    fn newest(&self, operation: &str) -> Record {
        let log = self.world.store.image().log;
        log.into_iter().map(|logged| logged.record).rfind(|record| record.operation == operation).unwrap()
    }

    async fn put_guarded_key(&self) {
        let request = KeyRequest { spec: KeySpec::Ec { crv: Curve::P256 }, hardware: false, operations: None };
        let k = name("k").unwrap();
        self.world.keys.create(&self.request(), &self.vault, &k, &request, &enabled()).await.unwrap();
    }
}

#[tokio::test]
async fn of_an_update_of_a_key_they_see_what_it_could_be_used_for() {
    let demo = guarded();
    demo.put_guarded_key().await;
    let (k, only) = (name("k").unwrap(), BTreeSet::from([KeyOperation::Verify]));
    let (keys, nothing) = (&demo.world.keys, AttributePatch::default());
    keys.update(&demo.request(), &demo.vault, &k, None, &nothing, Some(&only)).await.unwrap();
    assert_eq!(demo.asked_last().key_operation.unwrap().key_ops, ["verify"]);
    let both = BTreeSet::from([KeyOperation::Sign, KeyOperation::Verify]);
    demo.says(Verdict::Says(Effect::Deny));
    assert!(keys.update(&demo.request(), &demo.vault, &k, None, &nothing, Some(&both)).await.is_err());
    assert_eq!(demo.asked_last().key_operation.unwrap().key_ops.len(), 2, "and not what it can be used for now");
}

#[tokio::test]
async fn of_a_use_of_a_key_they_see_algorithm_and_key_and_nothing_that_goes_through_it() {
    let demo = guarded();
    let operations = Some(KeyOperation::ALL.into_iter().collect());
    let request = KeyRequest { spec: KeySpec::Oct { bits: 256 }, hardware: false, operations };
    let (k, keys) = (name("k").unwrap(), &demo.world.keys);
    keys.create(&demo.request(), &demo.vault, &k, &request, &enabled()).await.unwrap();
    let at = KeyAt { vault: &demo.vault, name: &k, version: None };
    let (text, digest, by) = (b"for the caller alone, this text".to_vec(), vec![0xc7; 32], DataAlgorithm::A256Gcm);
    let (_, mac) = keys.sign(&demo.request(), at, SignAlgorithm::Hs256, digest.clone()).await.unwrap();
    let cleartext = Cleartext { value: Plaintext::from_slice(&text), iv: None, aad: None };
    let (_, sealed) = keys.encrypt(&demo.request(), at, Sealing::Data, by, cleartext).await.unwrap();
    let seen = demo.asked_last().key_operation.unwrap();
    assert_eq!((seen.algorithm.as_deref(), seen.key_type.as_str(), seen.key_size), (Some("A256GCM"), "oct", Some(256)));
    let ciphertext = Ciphertext { value: sealed.value.clone(), iv: sealed.iv, aad: None, tag: sealed.tag };
    keys.decrypt(&demo.request(), at, Sealing::Data, by, ciphertext).await.unwrap();
    assert_eq!(demo.asked_last().action, "Microsoft.KeyVault/vaults/keys/decrypt/action");

    let log = demo.world.store.image().log;
    let mut said: Vec<String> = log.into_iter().map(|logged| String::from_utf8(logged.body).unwrap()).collect();
    said.push(format!("{:?}", demo.world.policies.asked()));
    for hidden in [text, digest, mac, sealed.value] {
        let listed = format!("{hidden:?}");
        let forms = [HEXLOWER.encode(&hidden), BASE64URL_NOPAD.encode(&hidden), BASE64_NOPAD.encode(&hidden), listed];
        for form in forms.into_iter().chain(String::from_utf8(hidden)) {
            assert!(!said.iter().any(|said| said.contains(form.trim_matches(['[', ']']))), "{form}");
        }
    }
}

/// A policy whose versions would not expire is denied when it is set, and what a schedule would make when it is due.
#[tokio::test]
async fn of_rotations_they_see_the_version_that_would_come_and_a_denial_leaves_the_one_in_use() {
    let demo = guarded();
    demo.put_guarded_key().await;
    demo.says(Verdict::WantsExpiry);
    let (k, keys) = (name("k").unwrap(), &demo.world.keys);
    let span = |text: &str| Some(Span::parse(text).unwrap());
    let rotate = span("P30D").map(rotation::Trigger::AfterCreation);
    let endless = RotationTerms { rotate, ..RotationTerms::default() };
    assert!(keys.rotate(&demo.request(), &demo.vault, &k).await.is_err());
    assert!(keys.set_rotation_policy(&demo.request(), &demo.vault, &k, &endless).await.is_err());
    let ending = RotationTerms { expiry: span("P90D"), ..endless };
    keys.set_rotation_policy(&demo.request(), &demo.vault, &k, &ending).await.unwrap();
    assert_eq!(demo.asked_last().object.expires, Some(BEGAN + 90 * DAY));

    demo.world.clock.advance(30 * DAY * 1000);
    demo.says(Verdict::Says(Effect::Deny));
    let run = async || keys.do_what_is_due(&demo.world.store, &*demo.world.clock).await.unwrap();
    assert_eq!(run().await, Rotated { failed: 1, ..Rotated::default() });
    let asked = demo.asked_last();
    assert_eq!((asked.principal.kind.as_str(), asked.principal.subject.as_str()), ("system", ROTATION_PRINCIPAL));
    assert_eq!(asked.object.expires, Some(BEGAN + 120 * DAY));
    assert_eq!(demo.newest("KeyRotateIfDue").outcome, Outcome::Denied);
    demo.says(Verdict::Says(Effect::Allow));
    let shown = keys.show(&demo.request(), &demo.vault, &k, None).await.unwrap().0;
    assert_eq!(shown.version.ordinal, 1);
    assert_eq!(run().await, Rotated { keys: 1, ..Rotated::default() }, "it is due still");
}

#[tokio::test]
async fn of_another_policy_they_see_the_certificate_it_would_make_and_they_judge_its_renewal() {
    let demo = guarded();
    let lifetime_actions =
        Some(vec![LifetimeAction { trigger: Trigger::DaysBefore(30), work: LifetimeWork::AutoRenew }]);
    let first = demo.issue("app", &PolicyPatch { lifetime_actions, ..by("Self") }).await.unwrap();
    let (app, certificates) = (name("app").unwrap(), &demo.world.certificates);
    let longer = PolicyPatch { validity_months: Some(120), ..PolicyPatch::default() };
    demo.says(Verdict::Says(Effect::Deny));
    assert!(certificates.update_policy(&demo.request(), &demo.vault, &app, &longer).await.is_err());
    let asked = demo.asked_last();
    assert!(asked.certificate_request.unwrap().validity_days > Some(3600));
    assert_eq!(asked.key_operation.unwrap().curve.as_deref(), Some("P-256"));

    demo.says(Verdict::Says(Effect::Allow));
    let owner = std::collections::BTreeMap::from([("owner".to_owned(), "web".to_owned())]);
    let tagged = AttributePatch { tags: Some(owner.clone()), ..AttributePatch::default() };
    certificates.update(&demo.request(), &demo.vault, (&app, None), &tagged, None).await.unwrap();
    demo.world.clock.advance(336 * DAY * 1000);
    demo.says(Verdict::Says(Effect::Deny));
    let run = async || certificates.do_what_is_due(&demo.world.store, &*demo.world.clock).await.unwrap();
    let mut alerts = certificates.alerts().listen();
    assert_eq!(run().await, Renewed { failed: 1, ..Renewed::default() });
    assert_eq!(demo.newest("CertificateRenewIfDue").outcome, Outcome::Denied);
    let alert = alerts.try_recv().unwrap().kind;
    assert!(matches!(alert, AlertKind::NotRenewed(Failure { outcome: Outcome::Denied, .. })), "{alert:?}");
    assert_eq!(demo.newest("CertificateRenewalPostpone").outcome, Outcome::Allowed);
    let asked = demo.asked_last();
    assert_eq!((asked.object.tags, asked.principal.kind.as_str()), (owner, "system"));
    assert!(asked.certificate_request.is_some());
    demo.says(Verdict::Says(Effect::Allow));
    assert_eq!(demo.certificate("app").await.unwrap().version.version, first.version.version);
    assert_eq!(run().await, Renewed::default(), "not before its time");
    demo.world.clock.advance(DAY * 1000);
    assert_eq!(run().await, Renewed { certificates: 1, ..Renewed::default() });
}

/// A policy that was changed since says nothing of what the versions of a backup are.
#[tokio::test]
async fn of_a_restored_certificate_they_see_what_it_says_and_what_the_next_would() {
    let demo = guarded();
    demo.issue("app", &by("Self")).await.unwrap();
    let (app, certificates) = (name("app").unwrap(), &demo.world.certificates);
    let other = PolicyPatch { subject: Some("CN=other.example".to_owned()), ..PolicyPatch::default() };
    certificates.update_policy(&demo.request(), &demo.vault, &app, &other).await.unwrap();
    let blob = certificates.backup(&demo.request(), &demo.vault, &app).await.unwrap();
    certificates.delete(&demo.request(), &demo.vault, &app).await.unwrap();
    certificates.purge(&demo.request(), &demo.vault, &app).await.unwrap();
    demo.world.clock.advance(100 * DAY * 1000);
    let before = demo.world.policies.asked().len();
    certificates.restore(&demo.request(), &demo.vault, &blob).await.unwrap();
    let asked = demo.world.policies.asked().split_off(before);
    let seen: Vec<_> = asked.into_iter().filter_map(|request| request.certificate_request).collect();
    let subjects: Vec<_> = seen.iter().map(|request| request.subject.as_str()).collect();
    assert_eq!(subjects, ["CN=app.example", "CN=other.example"]);
    assert!(seen[0].validity_days < Some(300) && seen[1].validity_days > Some(360), "{seen:?}");
    assert_eq!(seen[0].issuer, "Self");
}

/// The modules of the authority's vault, whose vault it may be for which it signs.
#[tokio::test]
async fn of_what_an_authority_signs_they_see_the_certificate() {
    let demo = guarded();
    demo.issue("root", &root()).await.unwrap();
    demo.set_issuer("inside", &authority(AuthoritySettings::default())).await.unwrap();
    demo.issue("app", &by("inside")).await.unwrap();
    demo.says(Verdict::Says(Effect::Deny));
    let run = async || demo.world.certificates.do_what_is_due(&demo.world.store, &*demo.world.clock).await.unwrap();
    assert_eq!(run().await, Renewed { failed: 1, ..Renewed::default() });
    assert_eq!(demo.newest("CertificateAuthoritySign").outcome, Outcome::Denied);
    let asked = demo.asked_last();
    assert_eq!((asked.object.name.as_str(), asked.principal.kind.as_str()), ("root", "system"));
    let certificate = asked.certificate_request.unwrap();
    assert_eq!((certificate.issuer.as_str(), certificate.subject.as_str()), ("inside", "CN=app.example"));
    assert_eq!(certificate.names, ["dns:app.example"]);
    assert!(certificate.validity_days > Some(360));
}

#[tokio::test]
async fn of_a_restore_they_see_every_version_that_differs() {
    let demo = guarded();
    let (db, secrets) = (name("db").unwrap(), &demo.world.secrets);
    let set = async |expires| {
        let attributes = SecretAttributes { expires, ..enabled() };
        let value = SecretText::new("value".to_owned());
        secrets.set(&demo.request(), &demo.vault, &db, &attributes, value).await.unwrap();
    };
    for expires in [None, None, Some(BEGAN + DAY)] {
        set(expires).await;
    }
    let blob = secrets.backup(&demo.request(), &demo.vault, &db).await.unwrap();
    demo.delete_in(&demo.request(), "db").await.unwrap();
    demo.purge_in(&demo.request(), "db").await.unwrap();
    demo.says(Verdict::WantsExpiry);
    assert!(secrets.restore(&demo.request(), &demo.vault, &blob).await.is_err(), "an older version never ends");
    let denied = demo.newest("SecretRestore");
    assert_eq!(denied.outcome, Outcome::Denied);
    assert_eq!(denied.input.unwrap().object.expires, None, "what is on record is what was denied");
    assert_eq!(denied.trace.iter().filter(|stage| stage.stage == "policy:guard").count(), 1);

    demo.says(Verdict::Says(Effect::Allow));
    let before = demo.world.policies.asked().len();
    secrets.restore(&demo.request(), &demo.vault, &blob).await.unwrap();
    let asked = demo.world.policies.asked().split_off(before);
    // Of the two that are alike each is asked about; the current one once.
    let ends: Vec<_> = asked.iter().map(|request| request.object.expires).collect();
    assert_eq!(ends, [Some(BEGAN + DAY), None, None]);
}

/// Where roles grant, that a module with authority has no opinion of one version denies nothing, and so ends nothing.
#[tokio::test]
async fn of_a_restore_they_see_what_is_behind_a_version_that_no_authority_allows() {
    let policies = vec![attached("owner", true), attached("guard", false)];
    let demo = Demo::with(VaultSettings { policies, ..VaultSettings::default() });
    demo.says(Verdict::Says(Effect::Abstain));
    demo.world.policies.answer("owner", Verdict::LikesExpiry);
    let (db, secrets) = (name("db").unwrap(), &demo.world.secrets);
    for (enabled, expires) in [(false, None), (true, None), (true, Some(BEGAN + DAY))] {
        let attributes = SecretAttributes { enabled, expires, ..self::enabled() };
        let value = SecretText::new("value".to_owned());
        secrets.set(&demo.request(), &demo.vault, &db, &attributes, value).await.unwrap();
    }
    let blob = secrets.backup(&demo.request(), &demo.vault, &db).await.unwrap();
    demo.delete_in(&demo.request(), "db").await.unwrap();
    demo.purge_in(&demo.request(), "db").await.unwrap();
    demo.says(Verdict::EnabledAlone);
    assert!(secrets.restore(&demo.request(), &demo.vault, &blob).await.is_err(), "the oldest is disabled");
    assert_eq!(demo.newest("SecretRestore").input.unwrap().object.enabled, Some(false));
    demo.says(Verdict::Says(Effect::Abstain));
    secrets.restore(&demo.request(), &demo.vault, &blob).await.unwrap();
}

/// A backup takes every version out of the vault, so each is judged, and one that is denied keeps all of them in.
#[tokio::test]
async fn of_a_backup_they_see_every_version_that_leaves() {
    let demo = guarded();
    let (db, secrets) = (name("db").unwrap(), &demo.world.secrets);
    let mut versions = Vec::new();
    for expires in [Some(BEGAN + DAY), None, Some(BEGAN + DAY)] {
        let attributes = SecretAttributes { expires, ..enabled() };
        let value = SecretText::new("value".to_owned());
        versions.push(secrets.set(&demo.request(), &demo.vault, &db, &attributes, value).await.unwrap().meta.version);
    }
    let before = demo.world.policies.asked().len();
    let blob = secrets.backup(&demo.request(), &demo.vault, &db).await;
    assert!(blob.is_ok());
    let asked = demo.world.policies.asked().split_off(before);
    let seen: Vec<_> = asked.iter().map(|request| (request.object.version.clone(), request.object.expires)).collect();
    let named = |number: usize| Some(versions[number].as_str().to_owned());
    let ends = Some(BEGAN + DAY);
    assert_eq!(seen, [(None, ends), (named(0), ends), (named(1), None)], "the current one once");

    demo.says(Verdict::WantsExpiry);
    assert!(secrets.backup(&demo.request(), &demo.vault, &db).await.is_err(), "an older version never ends");
    let denied = demo.newest("SecretBackup");
    assert_eq!((denied.outcome, denied.reason.as_str()), (Outcome::Denied, "expiry"));
    assert_eq!(denied.input.unwrap().object.version, named(1), "what is on record is what was denied");
    assert_eq!(denied.trace.iter().filter(|stage| stage.stage == "policy:guard").count(), 1);
    secrets.get(&demo.request(), &demo.vault, &db, None).await.unwrap();

    // Without a usable answer to any of them nothing leaves.
    demo.says(Verdict::Fails(strongroom_domain::policy::PolicyFailure::OutOfFuel));
    assert!(secrets.backup(&demo.request(), &demo.vault, &db).await.is_err());
}
