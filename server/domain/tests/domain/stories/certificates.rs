//! Certificates through their life, told over the domain with its ports in memory: three faces of one thing.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_crypto::{
    SystemEntropy,
    key::{Curve, KeySpec, PublicKey, SignAlgorithm, generate},
    x509::{AlternativeNames, CertificateFacts, ImportError, Imported, Template, Validity, self_signed},
};
use strongroom_domain::{
    action::Action,
    certificate::{ContentType, IssuerReference, PendingStatus, PolicyError, PolicyPatch},
    certificates::CertificateError,
    decision::DenyReason,
    grant::Scope,
    key::KeyOperation,
    keys::{KeyAt, KeyError, KeyRequest},
    names::ObjectKind,
    objects::ObjectError,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment, PolicyCertificateRequest},
    principal::Grantee,
    purge::Purger,
    record::{Outcome, RowKind},
    role::Role,
    rotation::RotationTerms,
    secret::{AttributePatch, LifeState, SecretItem},
    secrets::SecretError,
    test_support::{
        Verdict,
        world::{enabled, name, person},
    },
    vault::VaultSettings,
};

use super::certificate_chains::Authority;
use crate::common::Demo;

const EC: KeySpec = KeySpec::Ec { crv: Curve::P256 };
const DAY: i64 = 86_400;

pub(super) fn by(issuer: &str) -> PolicyPatch {
    PolicyPatch {
        spec: Some(EC),
        subject: Some("CN=app.example".to_owned()),
        names: Some(AlternativeNames { dns: vec!["app.example".to_owned()], ..AlternativeNames::default() }),
        content_type: Some(ContentType::Pem),
        issuer: Some(IssuerReference { name: issuer.to_owned(), certificate_type: None, transparency: None }),
        ..PolicyPatch::default()
    }
}

impl Demo {
    pub(super) async fn issue(&self, certificate: &str, policy: &PolicyPatch) -> Result<SecretItem, CertificateError> {
        let (ctx, name) = (self.request(), name(certificate).unwrap());
        let made = self.world.certificates.create(&ctx, &self.vault, &name, Some(policy), &enabled()).await;
        made.map(|(item, _)| item)
    }

    pub(super) async fn certificate(&self, certificate: &str) -> Result<SecretItem, CertificateError> {
        let name = name(certificate).unwrap();
        self.world.certificates.show(&self.request(), &self.vault, &name, None).await.map(|(item, _)| item)
    }

    pub(super) async fn key_of(&self, certificate: &str) -> Result<SecretItem, KeyError> {
        let name = name(certificate).unwrap();
        self.world.keys.show(&self.request(), &self.vault, &name, None).await.map(|(item, _)| item)
    }
}

pub(super) fn leaf(item: &SecretItem) -> CertificateFacts {
    CertificateFacts::of(item.version.certificate.as_ref().unwrap().leaf().unwrap()).unwrap()
}

pub(super) fn public(item: &SecretItem) -> PublicKey {
    item.version.key.as_ref().unwrap().public.clone().unwrap()
}

/// What an authority outside makes of a key that it is told of.
pub(super) fn signed_elsewhere(demo: &Demo, key: &strongroom_crypto::key::NewKey, months: u32, since: i64) -> Vec<u8> {
    let template = Template {
        subject: "CN=elsewhere".to_owned(),
        ..strongroom_domain::certificate::CertificatePolicy::default().template
    };
    let now = demo.request().seconds() + since;
    self_signed(&template, key, Validity::months(now, months).unwrap(), &SystemEntropy).unwrap()
}

fn whose_street_is_too_long(demo: &Demo, key: &strongroom_crypto::key::NewKey) -> Vec<u8> {
    let template = Template {
        subject: format!("CN=evil.example,2.5.4.15={}", "x".repeat(200)),
        ..strongroom_domain::certificate::CertificatePolicy::default().template
    };
    let validity = Validity::months(demo.request().seconds(), 1).unwrap();
    let mut der = self_signed(&template, key, validity, &SystemEntropy).unwrap();
    // Another attribute, with less room in it.
    let kind: &[u8] = &[6, 3, 0x55, 4, 15];
    while let Some(at) = der.windows(kind.len()).position(|window| window == kind) {
        der[at + 4] = 9;
    }
    der
}

#[tokio::test]
async fn a_certificate_has_a_key_and_a_secret_of_its_name_and_version() {
    let demo = Demo::start();
    let made = demo.issue("App", &by("Self")).await.unwrap();
    let (certificate, key) = (demo.certificate("app").await.unwrap(), demo.key_of("app").await.unwrap());
    assert_eq!(certificate, made);
    let facts = leaf(&certificate);
    let now = demo.request().seconds();
    assert_eq!((facts.not_before, facts.not_after), (now - 600, now + 365 * DAY));
    let window = |item: &SecretItem| (item.version.attributes.not_before, item.version.attributes.expires);
    assert_eq!(window(&certificate), (Some(facts.not_before), Some(facts.not_after)));
    assert_eq!((window(&key), facts.key), (window(&certificate), Some(public(&key))));
    let secret = demo.get("app", Some(&certificate.version.version)).await.unwrap();
    assert_eq!((&key.version.version, &secret.meta.version), (&made.version.version, &made.version.version));
    assert!(key.secret.managed && secret.secret.managed && !certificate.secret.managed);
    assert_eq!(secret.meta.attributes.content_type.as_deref(), Some("application/x-pem-file"));
    assert!(secret.value.expose().starts_with("-----BEGIN PRIVATE KEY-----"));

    // The key is used as any other, for what the certificate says.
    let operations: Vec<_> = key.version.key.as_ref().unwrap().operations.iter().copied().collect();
    assert_eq!(operations, [KeyOperation::Sign, KeyOperation::Verify]);
    let app = name("app").unwrap();
    let at = KeyAt { vault: &demo.vault, name: &app, version: None };
    let (_, signature) = demo.world.keys.sign(&demo.request(), at, SignAlgorithm::Es256, vec![7; 32]).await.unwrap();
    assert!(public(&certificate).verify(SignAlgorithm::Es256, &[7; 32], &signature).unwrap());

    // One change, one record, and it tells of all three rows.
    let image = demo.world.store.image();
    let record = &image.log.iter().find(|l| l.record.operation == "CertificateCreate").unwrap().record;
    let rows: Vec<_> = record.changed.iter().map(|row| row.row).collect();
    assert_eq!(rows, [RowKind::Certificate, RowKind::Key, RowKind::Secret]);
    assert_eq!(record.version.as_deref(), Some(made.version.version.as_str()));
    assert_eq!(record.revision, Some(made.secret.revision));
}

#[tokio::test]
async fn the_secret_of_a_certificate_says_what_was_before_and_comes_as_pem_where_it_is_kept_as_pfx() {
    let demo = Demo::start();
    let kept_as = |form: ContentType, exportable: bool| {
        let mut policy = by("Self");
        (policy.content_type, policy.exportable) = (Some(form), Some(exportable));
        policy
    };
    let first = demo.issue("app", &kept_as(ContentType::Pkcs12, true)).await.unwrap();
    let second = demo.issue("app", &kept_as(ContentType::Pkcs12, false)).await.unwrap();
    let third = demo.issue("app", &kept_as(ContentType::Pem, true)).await.unwrap();
    let app = name("app").unwrap();
    let get = async |of: &SecretItem, form: Option<ContentType>| {
        let version = Some(&of.version.version);
        demo.world.secrets.get_as(&demo.request(), &demo.vault, &app, version, form).await
    };
    let kept = get(&first, None).await.unwrap();
    assert!(kept.previous.is_none() && !kept.value.expose().starts_with("-----"));
    let given = get(&first, Some(ContentType::Pem)).await.unwrap();
    assert_eq!(given.meta.attributes.content_type.as_deref(), Some("application/x-pem-file"));
    let now = demo.request().seconds();
    let taken = Imported::from_pem(given.value.expose().as_bytes(), "", true, now).ok().unwrap();
    assert_eq!((taken.key.public, taken.chain.len()), (Some(public(&first)), 1));

    // What is not exportable is in no form.
    let given = get(&second, Some(ContentType::Pem)).await.unwrap();
    assert_eq!(given.previous.as_ref(), Some(&first.version.version));
    assert!(given.value.expose().starts_with("-----BEGIN CERTIFICATE-----") && !given.value.expose().contains("KEY"));

    let given = get(&third, Some(ContentType::Pem)).await.unwrap();
    assert_eq!(given.previous.as_ref(), Some(&second.version.version));
    assert!(given.value.expose().starts_with("-----BEGIN PRIVATE KEY-----"));
    assert!(matches!(get(&third, Some(ContentType::Pkcs12)).await, Err(SecretError::OtherForm)));
    let last = demo.world.store.image().log.pop().unwrap().record;
    assert_eq!(
        (last.operation.as_str(), last.outcome, last.reason.as_str()),
        ("SecretGet", Outcome::Failed, "invalid")
    );

    // Of a secret that is no certificate's it says nothing.
    demo.set("db", "v").await.unwrap();
    let db = name("db").unwrap();
    let form = Some(ContentType::Pem);
    let plain = demo.world.secrets.get_as(&demo.request(), &demo.vault, &db, None, form).await.unwrap();
    assert_eq!((plain.value.expose(), plain.previous), ("v", None));
}

#[tokio::test]
async fn the_next_version_is_the_current_one_and_the_last_one_stays() {
    let demo = Demo::start();
    let first = demo.issue("app", &by("Self")).await.unwrap();
    demo.world.clock.advance(30 * DAY * 1000);
    // No policy: the stored one.
    let (ctx, app) = (demo.request(), name("app").unwrap());
    let (second, _) = demo.world.certificates.create(&ctx, &demo.vault, &app, None, &enabled()).await.unwrap();
    assert_eq!((second.version.ordinal, second.secret.revision), (2, first.secret.revision + 1));
    assert_ne!(public(&first), public(&second), "a new key");
    assert_eq!(leaf(&second).not_after - leaf(&first).not_after, 30 * DAY);
    let (page, _) = demo.world.keys.versions(&demo.request(), &demo.vault, &app, None, 25).await.unwrap();
    assert_eq!(page.items.len(), 2);
    assert!(demo.get("app", Some(&first.version.version)).await.is_ok());
    let kept = PolicyPatch { reuse: Some(true), ..by("Self") };
    let third = demo.issue("app", &kept).await.unwrap();
    assert_eq!(public(&third), public(&second), "the same key, because the policy says so");
    let other = PolicyPatch { spec: Some(KeySpec::Ec { crv: Curve::P384 }), ..kept };
    assert_ne!(public(&demo.issue("app", &other).await.unwrap()), public(&third), "not of another type");
    let (ctx, new) = (demo.request(), name("new").unwrap());
    let unknown = demo.world.certificates.create(&ctx, &demo.vault, &new, None, &enabled()).await;
    assert!(matches!(unknown, Err(CertificateError::NoPolicy)));
}

/// A key that may not leave stood in the secret of the next version, as soon as the policy said that it may.
#[tokio::test]
async fn a_key_that_stays_here_stays_when_it_is_used_again() {
    let demo = Demo::start();
    let stays = PolicyPatch { exportable: Some(false), ..by("Self") };
    let first = demo.issue("app", &stays).await.unwrap();
    // The default policy, which a given one is laid over, lets keys leave.
    for exportable in [None, Some(true)] {
        let again = PolicyPatch { reuse: Some(true), exportable, ..by("Self") };
        let refused = demo.issue("app", &again).await;
        assert!(matches!(refused, Err(CertificateError::KeyStaysHere)), "{refused:?}");
    }
    let again = PolicyPatch { reuse: Some(true), ..stays };
    let second = demo.issue("app", &again).await.unwrap();
    assert_eq!(public(&first), public(&second), "it is used again where it stays");
    assert!(!second.version.key.unwrap().exportable);
    let new = demo.issue("app", &by("Self")).await.unwrap();
    assert_ne!(public(&new), public(&first), "a new one may leave");
}

#[tokio::test]
async fn its_key_and_its_secret_change_with_it_alone() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    let (app, before) = (name("app").unwrap(), demo.world.store.image().happened.len());
    let managed = |error: ObjectError| assert!(matches!(error, ObjectError::Managed(_)), "{error}");
    managed(demo.set("app", "value").await.map(drop).unwrap_err());
    managed(demo.delete_in(&demo.request(), "app").await.map(drop).unwrap_err());
    let patch = AttributePatch { enabled: Some(false), ..AttributePatch::default() };
    let (ctx, vault) = (demo.request(), &demo.vault);
    managed(demo.world.secrets.update(&ctx, vault, &app, None, &patch).await.map(drop).unwrap_err());
    managed(demo.world.secrets.backup(&demo.request(), vault, &app).await.map(drop).unwrap_err());
    let of_key = |error: KeyError| match error {
        KeyError::Object(error) => managed(error),
        other => panic!("{other}"),
    };
    let request = KeyRequest { spec: EC, hardware: false, operations: None };
    of_key(demo.world.keys.create(&demo.request(), vault, &app, &request, &enabled()).await.map(drop).unwrap_err());
    of_key(demo.world.keys.update(&demo.request(), vault, &app, None, &patch, None).await.map(drop).unwrap_err());
    of_key(demo.world.keys.delete(&demo.request(), vault, &app).await.map(drop).unwrap_err());
    of_key(demo.world.keys.backup(&demo.request(), vault, &app).await.map(drop).unwrap_err());
    of_key(demo.world.keys.rotate(&demo.request(), vault, &app).await.map(drop).unwrap_err());
    let ctx = demo.request();
    let rotating = demo.world.keys.set_rotation_policy(&ctx, vault, &app, &RotationTerms::default()).await;
    of_key(rotating.map(drop).unwrap_err());
    assert_eq!(demo.world.store.image().happened.len(), before);

    let tags = Some(BTreeMap::from([("owner".to_owned(), "me".to_owned())]));
    let patch = AttributePatch { enabled: Some(false), tags: tags.clone(), ..AttributePatch::default() };
    let ctx = demo.request();
    let (after, _) = demo.world.certificates.update(&ctx, vault, (&app, None), &patch, None).await.unwrap();
    let key = demo.key_of("app").await.unwrap();
    for item in [&after, &key] {
        assert_eq!((item.version.attributes.enabled, Some(&item.version.attributes.tags)), (false, tags.as_ref()));
    }
    assert!(matches!(demo.get("app", None).await, Err(SecretError::Disabled)));

    demo.world.certificates.delete(&demo.request(), vault, &app).await.unwrap();
    managed(demo.recover_in(&demo.request(), "app").await.map(drop).unwrap_err());
    managed(demo.purge_in(&demo.request(), "app").await.unwrap_err());
}

#[tokio::test]
async fn it_takes_no_name_that_a_key_or_a_secret_has() {
    let demo = Demo::start();
    demo.set("taken", "value").await.unwrap();
    let refused = demo.issue("taken", &by("Self")).await;
    assert!(matches!(refused, Err(CertificateError::Object(ObjectError::NameTaken(ObjectKind::Secret)))));
    assert_eq!(demo.get("taken", None).await.unwrap().value.expose(), "value");
    // Deleted it is taken still.
    demo.delete_in(&demo.request(), "taken").await.unwrap();
    let refused = demo.issue("taken", &by("Self")).await;
    assert!(matches!(refused, Err(CertificateError::Object(ObjectError::NameTaken(ObjectKind::Secret)))));
    demo.purge_in(&demo.request(), "taken").await.unwrap();
    demo.issue("taken", &by("Self")).await.unwrap();
}

#[tokio::test]
async fn all_three_die_and_come_back_together() {
    let demo = Demo::start();
    let made = demo.issue("app", &by("Self")).await.unwrap();
    let (vault, app) = (&demo.vault, name("app").unwrap());
    let blob = demo.world.certificates.backup(&demo.request(), vault, &app).await.unwrap();
    let value = demo.get("app", None).await.unwrap().value;
    demo.world.certificates.delete(&demo.request(), vault, &app).await.unwrap();
    assert!(matches!(demo.certificate("app").await, Err(CertificateError::Object(ObjectError::NotFound(..)))));
    assert!(demo.key_of("app").await.is_err() && demo.get("app", None).await.is_err());
    let again = demo.issue("app", &by("Self")).await;
    assert!(matches!(again, Err(CertificateError::Object(ObjectError::DeletedButRecoverable(_)))));
    demo.world.certificates.recover(&demo.request(), vault, &app).await.unwrap();
    assert_eq!(demo.get("app", None).await.unwrap().value.expose(), value.expose());
    assert_eq!(public(&demo.key_of("app").await.unwrap()), public(&made));

    // Grants at each of the three go with them.
    let id = demo.world.store.image().vaults["demo"].id;
    let grantee = Grantee::Principal { id: person("grace").id.clone() };
    for kind in [ObjectKind::Certificate, ObjectKind::Key, ObjectKind::Secret] {
        let scope = Scope::Object { vault: id, kind, name: app.clone() };
        demo.world.put_grant(grantee.clone(), Role::Reader, scope).unwrap();
    }
    demo.world.certificates.delete(&demo.request(), vault, &app).await.unwrap();
    let ctx = demo.request();
    demo.world.certificates.purge(&ctx, vault, &app).await.unwrap();
    let image = demo.world.store.image();
    assert!(image.objects.is_empty());
    assert!(image.assignments.iter().all(|assignment| assignment.grantee != grantee));
    let gone = image.record(ctx.request_id).unwrap().changed.iter().filter(|row| row.gone).count();
    assert_eq!(gone, 6);

    let (restored, _) = demo.world.certificates.restore(&demo.request(), vault, &blob).await.unwrap();
    assert_eq!((&restored.version.version, leaf(&restored)), (&made.version.version, leaf(&made)));
    assert_eq!(restored.secret.certificate.as_ref().unwrap().policy.key.spec, EC);
    assert_eq!(demo.get("app", None).await.unwrap().value.expose(), value.expose(), "made again of what was kept");
    let key = demo.key_of("app").await.unwrap();
    assert_eq!(public(&key), public(&made));
    assert_eq!(restored.secret.rotation, made.secret.rotation, "it is renewed when it would have been");
    assert!(key.secret.rotation.is_none(), "and its key with it alone");
    let twice = demo.world.certificates.restore(&demo.request(), vault, &blob).await;
    assert!(matches!(twice, Err(CertificateError::Object(ObjectError::Exists(_)))));
    let crossed = demo.world.secrets.restore(&demo.request(), vault, &blob).await;
    assert!(matches!(crossed, Err(ObjectError::BadBackup)), "a certificate's backup is none of a secret");
}

/// On the one thread of this story, as on one of a server: while a restore makes its documents, others are served.
#[tokio::test]
async fn a_restore_of_documents_keeps_nobody_waiting() {
    let demo = Demo::start();
    let policy = PolicyPatch { content_type: Some(ContentType::Pkcs12), ..by("Self") };
    for _ in 0..3 {
        demo.issue("app", &policy).await.unwrap();
    }
    let (vault, app) = (&demo.vault, name("app").unwrap());
    let blob = demo.world.certificates.backup(&demo.request(), vault, &app).await.unwrap();
    demo.world.certificates.delete(&demo.request(), vault, &app).await.unwrap();
    demo.world.certificates.purge(&demo.request(), vault, &app).await.unwrap();
    demo.set("db", "v").await.unwrap();

    let ctx = demo.request();
    let mut restore = std::pin::pin!(demo.world.certificates.restore(&ctx, vault, &blob));
    let mut served = 0;
    let restored = loop {
        tokio::select! {
            biased;
            restored = &mut restore => break restored,
            got = demo.get("db", None) => {
                got.unwrap();
                served += 1;
            }
        }
    };
    restored.unwrap();
    assert!(served >= 20, "{served} reads were answered meanwhile");
}

#[tokio::test(start_paused = true)]
async fn who_finds_no_place_to_restore_is_told_before_anything_is_made() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    let (vault, app) = (&demo.vault, name("app").unwrap());
    let blob = demo.world.certificates.backup(&demo.request(), vault, &app).await.unwrap();
    demo.world.certificates.delete(&demo.request(), vault, &app).await.unwrap();
    demo.world.certificates.purge(&demo.request(), vault, &app).await.unwrap();
    let taken = demo.world.objects.restores.enter(&person("grace").id).await.unwrap();
    let ctx = demo.request();
    let refused = demo.world.certificates.restore(&ctx, vault, &blob).await;
    assert!(matches!(refused, Err(CertificateError::Object(ObjectError::Busy))));
    let record = demo.world.store.image().record(ctx.request_id).unwrap().clone();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "throttled"));
    drop(taken);
    demo.world.certificates.restore(&demo.request(), vault, &blob).await.unwrap();
}

#[tokio::test]
async fn the_schedule_purges_a_certificate_with_all_that_is_its() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    demo.world.certificates.delete(&demo.request(), &demo.vault, &name("app").unwrap()).await.unwrap();
    demo.world.clock.advance(91 * DAY * 1000);
    let world = &demo.world;
    let purger = Purger {
        schedule: &world.store,
        objects: &world.objects,
        admin: &world.admin,
        clock: &*world.clock,
        entropy: &*world.entropy,
    };
    let done = purger.run().await.unwrap();
    assert_eq!((done.objects, done.failed), (1, 0));
    assert!(world.store.image().objects.is_empty());
}

#[tokio::test]
async fn a_request_goes_out_and_the_certificate_is_merged_in() {
    let demo = Demo::start();
    let waiting = demo.issue("app", &by("Unknown")).await.unwrap();
    let pending = waiting.secret.certificate.as_ref().unwrap().pending.clone().unwrap();
    assert_eq!((pending.status, &pending.version), (PendingStatus::InProgress, &waiting.version.version));
    assert!(!pending.request.is_empty() && !waiting.version.attributes.enabled);
    assert!(demo.key_of("app").await.is_err() && demo.get("app", None).await.is_err(), "there is nothing yet");
    let again = demo.issue("app", &by("Self")).await;
    assert!(matches!(again, Err(CertificateError::InProgress(_))));
    let (vault, app) = (&demo.vault, name("app").unwrap());
    let patch = AttributePatch { enabled: Some(true), ..AttributePatch::default() };
    let ctx = demo.request();
    let early = demo.world.certificates.update(&ctx, vault, (&app, None), &patch, None).await;
    assert!(matches!(early, Err(CertificateError::Unfinished)));

    // An authority that signs for another key, and one whose certificate is past.
    let other = generate(EC, &SystemEntropy).ok().unwrap();
    let merge = |certificates: Vec<Vec<u8>>| {
        let ctx = demo.request();
        let app = app.clone();
        let certificates_of = &demo.world.certificates;
        async move { certificates_of.merge(&ctx, vault, &app, &certificates, None, None).await }
    };
    assert!(matches!(merge(vec![signed_elsewhere(&demo, &other, 1, 0)]).await, Err(CertificateError::OtherKey)));
    assert!(matches!(merge(vec![b"text".to_vec()]).await, Err(CertificateError::NotACertificate(_))));
    // Only the vault has the key, so the authority is played with the vault's own key and its rows.
    let own = demo.own_key(&waiting);
    let past = signed_elsewhere(&demo, &own, 1, -90 * DAY);
    let refused = merge(vec![past]).await.unwrap_err();
    assert!(matches!(&refused, CertificateError::Expired(_)) && refused.to_string().contains('Z'), "{refused}");
    let coming = signed_elsewhere(&demo, &own, 1, 90 * DAY);
    assert!(matches!(merge(vec![coming]).await, Err(CertificateError::NotYetValid(_))));
    // A street longer than one can be said here: nobody would see the name beside it.
    let street = whose_street_is_too_long(&demo, &own);
    let refused = merge(vec![street]).await;
    assert!(matches!(&refused, Err(CertificateError::Import(ImportError::Unsaid(part))) if part.starts_with("STREET")));
    assert!(demo.certificate("app").await.unwrap().version.certificate.unwrap().chain.is_empty(), "nothing was stored");

    let authority = Authority::new(&demo, "Authority");
    let (good, root) = (authority.certifies(&own), authority.root);
    let (merged, _) = merge(vec![root.clone(), good.clone()]).await.unwrap();
    assert_eq!(merged.version.version, waiting.version.version);
    assert_eq!(merged.version.certificate.as_ref().unwrap().chain, [good, root], "the leaf first");
    assert!(merged.version.attributes.enabled);
    assert_eq!(merged.secret.certificate.as_ref().unwrap().pending.as_ref().unwrap().status, PendingStatus::Completed);
    assert_eq!(public(&demo.key_of("app").await.unwrap()), public(&waiting));
    let pem = demo.get("app", None).await.unwrap().value;
    assert_eq!(pem.expose().matches("BEGIN CERTIFICATE").count(), 2);
    assert!(matches!(merge(vec![]).await, Err(CertificateError::NoPending(_))));
}

/// Neither what was asked for nor what the version before says is stored, so modules see neither.
#[tokio::test]
async fn a_merge_is_judged_by_what_its_certificate_says() {
    let guard = PolicyAttachment {
        name: "guard".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() });
    demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));
    let waiting = demo.issue("app", &by("Unknown")).await.unwrap();
    let leaf = signed_elsewhere(&demo, &demo.own_key(&waiting), 1, 0);
    let (ctx, app) = (demo.request(), name("app").unwrap());
    let (merged, _) =
        demo.world.certificates.merge(&ctx, &demo.vault, &app, std::slice::from_ref(&leaf), None, None).await.unwrap();
    let asked = demo.world.policies.asked().pop().unwrap();
    let stored = &merged.version.attributes;
    assert_eq!((asked.object.not_before, asked.object.expires), (stored.not_before, stored.expires));
    assert_eq!(asked.object.enabled, Some(stored.enabled));
    let said = Template::of(&leaf).unwrap();
    let request = asked.certificate_request.unwrap();
    assert_eq!((request.names, request.issuer.as_str()), (said.names.labelled(), "Unknown"));
    assert!(request.validity_days.is_some_and(|days| days > 0) && asked.key_operation.is_some());
}

#[tokio::test]
async fn the_version_in_use_stays_until_the_next_one_is_there() {
    let demo = Demo::start();
    let first = demo.issue("app", &by("Self")).await.unwrap();
    let waiting = demo.issue("app", &by("Unknown")).await.unwrap();
    assert_ne!(waiting.version.version, first.version.version);
    assert_eq!(demo.certificate("app").await.unwrap().version, first.version);
    let (vault, app) = (&demo.vault, name("app").unwrap());
    let (cancelled, _) = demo.world.certificates.cancel(&demo.request(), vault, &app).await.unwrap();
    assert_eq!(cancelled.secret.certificate.unwrap().pending.unwrap().status, PendingStatus::Cancelled);
    let twice = demo.world.certificates.cancel(&demo.request(), vault, &app).await;
    assert!(matches!(twice, Err(CertificateError::NotInProgress)));
    demo.world.certificates.delete_pending(&demo.request(), vault, &app).await.unwrap();
    let twice = demo.world.certificates.delete_pending(&demo.request(), vault, &app).await;
    assert!(matches!(twice, Err(CertificateError::NoPending(_))));

    let waiting = demo.issue("app", &by("Unknown")).await.unwrap();
    assert_eq!(waiting.version.ordinal, 3, "no ordinal comes twice");
    let good = signed_elsewhere(&demo, &demo.own_key(&waiting), 1, 0);
    let ctx = demo.request();
    let (merged, _) = demo.world.certificates.merge(&ctx, vault, &app, &[good], None, None).await.unwrap();
    assert_eq!(demo.certificate("app").await.unwrap().version, merged.version);
    assert_eq!(demo.key_of("app").await.unwrap().version.version, merged.version.version);
}

#[tokio::test]
async fn a_key_that_may_not_leave_is_not_in_the_secret() {
    let demo = Demo::start();
    let policy = PolicyPatch { exportable: Some(false), ..by("Self") };
    let made = demo.issue("app", &policy).await.unwrap();
    let value = demo.get("app", None).await.unwrap().value;
    assert!(value.expose().contains("BEGIN CERTIFICATE") && !value.expose().contains("PRIVATE"));
    assert!(!made.version.key.unwrap().exportable);
    // It comes back so from a backup too.
    let (vault, app) = (&demo.vault, name("app").unwrap());
    let blob = demo.world.certificates.backup(&demo.request(), vault, &app).await.unwrap();
    demo.world.certificates.delete(&demo.request(), vault, &app).await.unwrap();
    demo.world.certificates.purge(&demo.request(), vault, &app).await.unwrap();
    demo.world.certificates.restore(&demo.request(), vault, &blob).await.unwrap();
    assert_eq!(demo.get("app", None).await.unwrap().value.expose(), value.expose());
}

#[tokio::test]
async fn a_policy_is_changed_for_the_next_version() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    demo.world.clock.advance(1000 * DAY);
    let (vault, app) = (&demo.vault, name("app").unwrap());
    let patch = PolicyPatch { validity_months: Some(1), ..PolicyPatch::default() };
    let (after, _) = demo.world.certificates.update_policy(&demo.request(), vault, &app, &patch).await.unwrap();
    let state = after.secret.certificate.as_deref().unwrap();
    assert_eq!((state.policy.validity_months, state.policy.template.subject.as_str()), (1, "CN=app.example"));
    assert!(state.policy_updated > state.policy_created);
    let (shown, _) = demo.world.certificates.policy(&demo.request(), vault, &app).await.unwrap();
    assert_eq!(shown.secret, after.secret);
    let bad = PolicyPatch { validity_months: Some(0), ..PolicyPatch::default() };
    let refused = demo.world.certificates.update_policy(&demo.request(), vault, &app, &bad).await;
    assert!(matches!(refused, Err(CertificateError::Policy(PolicyError::Validity))));
    let (next, _) = demo.world.certificates.create(&demo.request(), vault, &app, None, &enabled()).await.unwrap();
    let month = leaf(&next).not_after - demo.request().seconds();
    assert!((28 * DAY..=31 * DAY).contains(&month), "{month}");
}

#[tokio::test]
async fn who_may_what_is_said_by_azures_roles() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    let id = demo.world.store.image().vaults["demo"].id;
    let app = name("app").unwrap();
    let (officer, user) = (person("officer"), person("user"));
    for (who, role) in [(&officer, Role::CertificatesOfficer), (&user, Role::CertificateUser)] {
        let grantee = Grantee::Principal { id: who.id.clone() };
        demo.world.put_grant(grantee, role, Scope::Vault { vault: id }).unwrap();
    }
    let denied = |error: CertificateError| match error {
        CertificateError::Object(ObjectError::Denied(denial)) => assert_eq!(denial.reason, DenyReason::NoRole),
        other => panic!("{other}"),
    };
    let certificates = &demo.world.certificates;
    // An officer makes certificates and does not see their private keys.
    let ctx = demo.world.request(&officer);
    certificates.create(&ctx, &demo.vault, &app, Some(&by("Self")), &enabled()).await.unwrap();
    assert!(matches!(demo.get_in(&demo.world.request(&officer), "app", None).await, Err(SecretError::Denied(_))));
    // A user takes them with their keys, and changes nothing.
    certificates.show(&demo.world.request(&user), &demo.vault, &app, None).await.unwrap();
    demo.get_in(&demo.world.request(&user), "app", None).await.unwrap();
    let ctx = demo.world.request(&user);
    denied(certificates.create(&ctx, &demo.vault, &app, Some(&by("Self")), &enabled()).await.map(drop).unwrap_err());
    denied(certificates.delete(&demo.world.request(&user), &demo.vault, &app).await.map(drop).unwrap_err());
    denied(certificates.cancel(&demo.world.request(&user), &demo.vault, &app).await.map(drop).unwrap_err());
    let image = demo.world.store.image();
    let record = image.record(ctx.request_id).unwrap();
    assert_eq!((record.outcome, record.kind.as_deref()), (Outcome::Denied, Some("certificate")));
    assert_eq!(record.operation, Action::CertificateCreate.operation());
}

#[tokio::test]
async fn modules_see_what_is_asked_for_before_there_is_a_key() {
    let guard = PolicyAttachment {
        name: "guard".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let demo = Demo::with(VaultSettings { policies: vec![guard], ..VaultSettings::default() });
    demo.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    let policy = PolicyPatch { subject: Some("CN = *.other.example , O=Other".to_owned()), ..by("Self") };
    let refused = demo.issue("app", &policy).await;
    assert!(matches!(refused, Err(CertificateError::Object(ObjectError::Denied(_)))));
    let asked = demo.world.policies.asked().pop().unwrap();
    let expected = PolicyCertificateRequest {
        subject: "CN=*.other.example,O=Other".to_owned(),
        names: vec!["dns:app.example".to_owned()],
        issuer: "Self".to_owned(),
        validity_days: Some(365),
    };
    assert_eq!((asked.certificate_request, asked.object.kind.as_str()), (Some(expected), "certificate"));
    let key = asked.key_operation.unwrap();
    assert_eq!((key.key_type.as_str(), key.curve.as_deref(), key.exportable), ("EC", Some("P-256"), true));
    assert!(asked.object.expires.is_some(), "and until when it would be valid");
    assert!(demo.world.store.image().happened.is_empty());
}

#[tokio::test]
async fn what_no_certificate_can_be_made_of_is_refused() {
    let demo = Demo::start();
    let nameless = PolicyPatch { subject: Some(String::new()), names: Some(AlternativeNames::default()), ..by("Self") };
    assert!(matches!(demo.issue("app", &nameless).await, Err(CertificateError::Policy(PolicyError::Template(_)))));
    let elsewhere = demo.issue("app", &by("DigiCert")).await;
    assert!(matches!(elsewhere, Err(CertificateError::NoSuchIssuer(_))));
    let symmetric = PolicyPatch { spec: Some(KeySpec::Oct { bits: 256 }), ..by("Self") };
    assert!(matches!(demo.issue("app", &symmetric).await, Err(CertificateError::Policy(PolicyError::Key))));
    assert!(demo.world.store.image().happened.is_empty());
}

/// A row of one of the three in another's place, or an older state of it, does not pass.
#[tokio::test]
async fn a_row_that_was_moved_or_edited_does_not_pass() {
    let demo = Demo::start();
    demo.issue("one", &by("Self")).await.unwrap();
    demo.issue("two", &by("Self")).await.unwrap();
    let vault = demo.world.store.image().vaults["demo"].id;
    let untouched = demo.world.store.image();
    let of = |kind, name: &str| (vault, kind, name.to_owned());
    let tampered = |error: CertificateError| match error {
        CertificateError::Object(ObjectError::Denied(denial)) => denial.reason == DenyReason::Tampered,
        CertificateError::Object(ObjectError::Tampered) => true,
        _ => false,
    };
    demo.world.store.meddle(|image| {
        let row = image.objects[&of(ObjectKind::Certificate, "one")].clone();
        image.objects.insert(of(ObjectKind::Certificate, "two"), row);
    });
    assert!(tampered(demo.certificate("two").await.unwrap_err()));
    // Set free of its certificate by an edit.
    demo.world.store.meddle(|image| {
        *image = untouched.clone();
        image.objects.get_mut(&of(ObjectKind::Secret, "one")).unwrap().meta.managed = false;
    });
    assert!(matches!(demo.get("one", None).await, Err(SecretError::Denied(_))));
    let ctx = demo.request();
    let refused = demo.world.certificates.delete(&ctx, &demo.vault, &name("one").unwrap()).await;
    assert!(tampered(refused.map(drop).unwrap_err()));
    // Another policy written into the row.
    demo.world.store.meddle(|image| {
        *image = untouched.clone();
        let row = image.objects.get_mut(&of(ObjectKind::Certificate, "one")).unwrap();
        row.meta.certificate.as_mut().unwrap().policy.template.subject = "CN=evil".to_owned();
    });
    assert!(tampered(demo.certificate("one").await.unwrap_err()));
}

impl Demo {
    /// The private key of a version, as only somebody has who holds the root key.
    pub(super) fn own_key(&self, item: &SecretItem) -> strongroom_crypto::key::NewKey {
        let image = self.world.store.image();
        let vault = Arc::clone(&image.vaults["demo"]);
        let keys = self.world.keyring.vault_keys(&vault).unwrap();
        let slot = (vault.id, ObjectKind::Certificate, item.secret.name.as_str().to_owned());
        let version = &image.objects[&slot].versions[&item.version.version];
        let place = (&item.secret.name, &item.version.version);
        let private =
            self.world.keyring.open(&keys, ObjectKind::Certificate, place.0, place.1, &version.sealed).unwrap();
        let key = item.version.key.as_ref().unwrap();
        strongroom_crypto::key::NewKey { spec: key.spec, private, public: key.public.clone() }
    }
}

#[tokio::test]
async fn a_life_state_reaches_all_three() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    let (deleted, _) =
        demo.world.certificates.delete(&demo.request(), &demo.vault, &name("app").unwrap()).await.unwrap();
    let LifeState::Deleted { purge_at, .. } = deleted.secret.life else { panic!("not deleted") };
    let image = demo.world.store.image();
    assert_eq!(image.objects.len(), 3);
    for row in image.objects.values() {
        assert!(matches!(row.meta.life, LifeState::Deleted { purge_at: at, .. } if at == purge_at));
    }
}
