//! Certificates that were made elsewhere come in by the same gate: read for nobody who may not, and judged by what they
//! say.

use strongroom_crypto::{
    SystemEntropy,
    key::{Curve, KeySpec, generate},
    x509::{ImportError, Imported, Template, Validity, self_signed},
};
use strongroom_domain::{
    certificate::{CertificatePolicy, PolicyPatch},
    certificates::CertificateError,
    context::RequestContext,
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
    assert!(matches!(refused, Err(CertificateError::NotValidNow)));
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
