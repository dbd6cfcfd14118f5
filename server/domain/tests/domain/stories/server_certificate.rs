//! The certificate that the server itself shows is read through the gate, and nothing else is by that way.

use strongroom_domain::{
    certificates::{CertificateError, SERVER_PRINCIPAL},
    objects::ObjectError,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyAttachment},
    record::{Outcome, Record},
    secret::AttributePatch,
    test_support::{Verdict, world::name},
    vault::VaultSettings,
};

use super::certificates::by;
use crate::common::Demo;

impl Demo {
    async fn for_server(&self, certificate: &str) -> Result<String, CertificateError> {
        let name = name(certificate).unwrap();
        let read = self.world.certificates.for_server(&self.vault, &name, &*self.world.clock).await;
        read.map(|(_, document)| document.expose().to_owned())
    }

    fn last_of_server(&self) -> Record {
        let log = self.world.store.image().log;
        let of_server = |record: &Record| record.principal.as_ref().is_some_and(|who| who.subject == SERVER_PRINCIPAL);
        let last = log.into_iter().map(|logged| logged.record).rfind(of_server).unwrap();
        assert_eq!(last.principal.as_ref().unwrap().issuer, "strongroom");
        last
    }
}

#[tokio::test]
async fn the_server_reads_its_certificate_on_record_and_is_judged_by_modules() {
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
    assert!(demo.for_server("app").await.is_err(), "there is none yet");
    demo.issue("app", &by("Self")).await.unwrap();
    let document = demo.for_server("app").await.unwrap();
    assert!(document.contains("PRIVATE KEY") && document.contains("CERTIFICATE"));
    let record = demo.last_of_server();
    assert_eq!((record.operation.as_str(), record.outcome), ("SecretGet", Outcome::Allowed));
    let asked = demo.world.policies.asked().pop().unwrap();
    assert_eq!((asked.principal.kind.as_str(), asked.object.name.as_str()), ("system", "app"));

    // A new version is what is read next.
    demo.issue("app", &by("Self")).await.unwrap();
    assert_ne!(demo.for_server("app").await.unwrap(), document);

    demo.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    assert!(matches!(demo.for_server("app").await, Err(CertificateError::Object(ObjectError::Denied(_)))));
    assert_eq!(demo.last_of_server().outcome, Outcome::Denied);
    demo.world.policies.answer("guard", Verdict::Says(Effect::Allow));

    let disabled = AttributePatch { enabled: Some(false), ..AttributePatch::default() };
    let app = name("app").unwrap();
    demo.world.certificates.update(&demo.request(), &demo.vault, (&app, None), &disabled, None).await.unwrap();
    assert!(matches!(demo.for_server("app").await, Err(CertificateError::Object(ObjectError::Disabled))));
    demo.set("password", "x").await.unwrap();
    assert!(matches!(demo.for_server("password").await, Err(CertificateError::Object(ObjectError::NotFound(..)))));
}
