//! Certificates that were made elsewhere come in by the same gate: read for nobody who may not, and judged by what they
//! say.

use strongroom_crypto::{
    Plaintext, SeededEntropy, SystemEntropy,
    key::{Curve, KeySpec, NewKey, generate},
    x509::{ImportError, Imported, Template, Validity, self_signed},
};
use strongroom_domain::{
    backup::Backup,
    certificate::{CertificatePolicy, PolicyPatch},
    certificates::CertificateError,
    context::RequestContext,
    names::ObjectKind,
    objects::ObjectError,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    record::Outcome,
    secret::SecretItem,
    test_support::{
        Verdict,
        world::{enabled, name, person},
    },
    vault::VaultSettings,
};

use super::certificates::by;
use crate::common::Demo;

impl Demo {
    fn elsewhere(&self, since: i64) -> Imported {
        let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SystemEntropy).ok().unwrap();
        let subject = "CN=elsewhere.example".to_owned();
        let template = Template { subject, ..CertificatePolicy::default().template };
        let validity = Validity::months(self.request().seconds() + since, 1).unwrap();
        let leaf = self_signed(&template, &key, validity, &SystemEntropy).unwrap();
        Imported { key, chain: vec![leaf] }
    }

    async fn import(
        &self,
        ctx: &RequestContext,
        read: impl FnOnce() -> Result<Imported, ImportError> + Send + 'static,
        given: &PolicyPatch,
    ) -> Result<SecretItem, CertificateError> {
        let name = name("app").unwrap();
        let made = self.world.certificates.import(ctx, (&self.vault, &name), read, given, &enabled()).await;
        made.map(|(item, _)| item)
    }
}

#[tokio::test]
async fn what_is_imported_is_read_for_those_alone_who_may_and_says_itself_what_it_is() {
    let demo = Demo::start();
    let stranger = demo.world.request(&person("stranger"));
    let read = || -> Result<Imported, ImportError> { panic!("nobody reads it") };
    let denied = demo.import(&stranger, read, &PolicyPatch::default()).await;
    assert!(matches!(denied, Err(CertificateError::Object(ObjectError::Denied(_)))));
    let image = demo.world.store.image();
    let record = image.record(stranger.request_id).unwrap();
    assert!(record.operation == "CertificateImport" && record.outcome == Outcome::Denied);

    let given = PolicyPatch { subject: Some("CN=harmless".to_owned()), ..PolicyPatch::default() };
    let (ctx, brought) = (demo.request(), demo.elsewhere(0));
    let leaf = brought.chain.clone();
    let made = demo.import(&ctx, || Ok(brought), &given).await.unwrap();
    assert_eq!(made.version.certificate.as_ref().unwrap().chain, leaf);
    let state = made.secret.certificate.as_ref().unwrap();
    assert_eq!((state.policy.template.subject.as_str(), &state.pending), ("CN=elsewhere.example", &None));
    let secret = demo.get("app", Some(&made.version.version)).await.unwrap();
    assert!(secret.secret.managed, "with its key and its secret");

    let over = demo.elsewhere(-400 * 86_400);
    let refused = demo.import(&demo.request(), || Ok(over), &given).await;
    assert!(matches!(refused, Err(CertificateError::Expired(_))));
    let coming = demo.elsewhere(400 * 86_400);
    let refused = demo.import(&demo.request(), || Ok(coming), &given).await;
    assert!(matches!(refused, Err(CertificateError::NotYetValid(_))));
    let ctx = demo.request();
    let refused = demo.import(&ctx, || Err(ImportError::Password), &given).await;
    assert!(matches!(refused, Err(CertificateError::Import(ImportError::Password))));
    let image = demo.world.store.image();
    let record = image.record(ctx.request_id).unwrap();
    assert_eq!((record.operation.as_str(), record.object.as_deref()), ("CertificateImport", Some("app")));
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Failed, "invalid"));
    assert_eq!(record.trace.last().map(|stage| stage.stage.as_str()), Some("grants"), "so far it was judged");
    assert_eq!(
        demo.world.certificates.show(&demo.request(), &demo.vault, &name("app").unwrap(), None).await.unwrap().0,
        made
    );
}

/// Of one issuer with one serial number there is one certificate in a vault; the same one again is no other.
#[tokio::test]
async fn two_certificates_of_one_issuer_and_serial_number_are_not_both_taken_in() {
    let demo = Demo::start();
    let spec = KeySpec::Ec { crv: Curve::P256 };
    // As many draws give the same serial number.
    let signed = |key: &NewKey, serial: u64| {
        let template = Template { subject: "CN=one".to_owned(), ..CertificatePolicy::default().template };
        let validity = Validity::months(demo.request().seconds(), 1).unwrap();
        self_signed(&template, key, validity, &SeededEntropy::new(serial)).unwrap()
    };
    let copy = |key: &NewKey| NewKey {
        spec,
        private: Plaintext::new(key.private.expose().to_vec()),
        public: key.public.clone(),
    };
    let given = PolicyPatch::default();
    let (first, second) = (generate(spec, &SystemEntropy).ok().unwrap(), generate(spec, &SystemEntropy).ok().unwrap());
    let leaf = signed(&first, 1);
    for _ in 0..2 {
        let brought = Imported { key: copy(&first), chain: vec![leaf.clone()] };
        demo.import(&demo.request(), || Ok(brought), &given).await.unwrap();
    }
    let app = demo.certificate("app").await.unwrap();
    let brought = Imported { chain: vec![signed(&second, 1)], key: copy(&second) };
    let ctx = demo.request();
    let refused = demo.import(&ctx, || Ok(brought), &given).await;
    assert!(matches!(refused, Err(CertificateError::Object(ObjectError::DuplicateSerial))), "{refused:?}");
    let image = demo.world.store.image();
    assert_eq!(image.record(ctx.request_id).unwrap().reason, "duplicate-serial");
    assert_eq!(demo.certificate("app").await.unwrap(), app, "nothing was stored");

    let waiting = demo.issue("web", &by("Unknown")).await.unwrap();
    let own = demo.own_key(&waiting);
    let merge = async |chain: Vec<Vec<u8>>| {
        let (ctx, web) = (demo.request(), name("web").unwrap());
        demo.world.certificates.merge(&ctx, &demo.vault, &web, &chain, None, None).await
    };
    let refused = merge(vec![signed(&own, 1)]).await.err();
    assert!(matches!(refused, Some(CertificateError::Object(ObjectError::DuplicateSerial))), "{refused:?}");
    let pending = demo.certificate("web").await.unwrap().secret.certificate.unwrap();
    assert!(pending.in_progress().is_some(), "it waits still");
    merge(vec![signed(&own, 2)]).await.unwrap();
    // What was taken away for good is no other either, and comes back from its backup as long as no other came in.
    let (ctx, app) = (demo.request(), name("app").unwrap());
    let backup = demo.world.certificates.backup(&ctx, &demo.vault, &app).await.unwrap();
    let restore = async || demo.world.certificates.restore(&demo.request(), &demo.vault, &backup).await;
    let gone = async || {
        demo.world.certificates.delete(&demo.request(), &demo.vault, &app).await.unwrap();
        demo.world.certificates.purge(&demo.request(), &demo.vault, &app).await.unwrap();
    };
    gone().await;
    restore().await.unwrap();
    gone().await;
    let (brought, other) = (Imported { chain: vec![signed(&second, 1)], key: second }, name("other").unwrap());
    let place = (&demo.vault, &other);
    let taken = demo.world.certificates.import(&demo.request(), place, || Ok(brought), &given, &enabled()).await;
    assert!(taken.is_ok(), "{taken:?}");
    let refused = restore().await.err();
    assert!(matches!(refused, Some(CertificateError::Object(ObjectError::DuplicateSerial))), "{refused:?}");
}

/// In addresses the words stand for something else, so nobody could ask for such a certificate, and whoever deletes it
/// would delete something else.
#[tokio::test]
async fn no_certificate_takes_a_word_of_its_addresses_for_its_name() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    let backup = demo.world.certificates.backup(&demo.request(), &demo.vault, &name("app").unwrap()).await.unwrap();
    let (keyring, entropy) = (&demo.world.keyring, &*demo.world.entropy);
    let vault = demo.world.gate.vaults.vault(&demo.vault).await.unwrap().unwrap();
    let keys = keyring.verified_vault_keys(&vault).await.unwrap();
    for word in ["contacts", "Issuers", "RESTORE"] {
        let reserved = name(word).unwrap();
        let is_refused = |refused: Option<CertificateError>| {
            assert!(
                matches!(refused, Some(CertificateError::Object(ObjectError::Reserved(..)))),
                "{word}: {refused:?}"
            );
        };
        is_refused(demo.issue(word, &by("Self")).await.err());
        let (ctx, place) = (demo.request(), (&demo.vault, &reserved));
        let read = || -> Result<Imported, ImportError> { panic!("nobody reads it") };
        let imported = demo.world.certificates.import(&ctx, place, read, &PolicyPatch::default(), &enabled()).await;
        is_refused(imported.err());
        // A backup from before they were refused.
        let opened = keyring.open_backup(&keys, &backup).unwrap();
        let mut older = Backup::decode(&opened).unwrap();
        for version in &mut older.versions {
            let (kind, of) = (ObjectKind::Certificate, &version.meta.version);
            let value = keyring.open(&keys, kind, &older.name, of, &version.sealed).unwrap();
            version.sealed = keyring.seal(&keys, kind, &reserved, of, &value, entropy).unwrap();
            version.meta.data_key_id = version.sealed.data_key_id;
        }
        older.name = reserved;
        let blob = keyring.seal_backup(&keys, &older.encode().unwrap(), entropy).unwrap();
        is_refused(demo.world.certificates.restore(&demo.request(), &demo.vault, &blob).await.err());
    }
    let names: Vec<String> = demo.world.store.image().objects.keys().map(|(_, _, name)| name.to_string()).collect();
    assert!(names.iter().all(|name| name == "app"), "{names:?}");
}

#[tokio::test]
async fn modules_judge_what_an_imported_certificate_says_and_are_asked_once() {
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
    let given = PolicyPatch { subject: Some("CN=harmless".to_owned()), ..PolicyPatch::default() };
    let brought = demo.elsewhere(0);
    let refused = demo.import(&demo.request(), || Ok(brought), &given).await;
    assert!(matches!(refused, Err(CertificateError::Object(ObjectError::Denied(_)))));
    let asked = demo.world.policies.asked();
    let [asked] = asked.as_slice() else { panic!("once") };
    assert_eq!(asked.certificate_request.as_ref().unwrap().subject, "CN=elsewhere.example");
    assert!(demo.world.store.image().happened.is_empty());
}
