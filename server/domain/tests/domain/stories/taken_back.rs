//! A version that an issuer elsewhere issued, and takes back.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use strongroom_crypto::x509::Reason;
use strongroom_domain::{
    certificate::{IssuerReference, PolicyPatch},
    certificates::{CertificateError, Certificates},
    grant::Scope,
    issuance::{Answer, CertificateIssuer, NotTakenBack, Order, Outcome, TakenBack},
    issuer::{AcmeSettings, IssuerPatch, IssuerSettings},
    objects::ObjectError,
    principal::Grantee,
    record::Outcome as Recorded,
    revocations::Standing,
    role::Role,
    secret::SecretItem,
    test_support::world::{name, person},
};

use super::certificates::by;
use crate::common::Demo;

/// An authority elsewhere, what it was to take back, and why it does not.
#[derive(Default)]
struct Elsewhere {
    taken: Mutex<Vec<(Vec<u8>, Reason)>>,
    trouble: Mutex<Option<&'static str>>,
}

#[async_trait]
impl CertificateIssuer for Elsewhere {
    async fn ask(&self, _order: &Order<'_>) -> Answer {
        Outcome::Failed { code: "asked", message: String::new(), retry_at: None }.into()
    }

    async fn take_back(&self, what: &TakenBack<'_>) -> Result<(), NotTakenBack> {
        self.taken.lock().unwrap().push((what.certificate.to_vec(), what.reason));
        match *self.trouble.lock().unwrap() {
            Some(code) => Err(NotTakenBack { code, message: "no".to_owned() }),
            None => Ok(()),
        }
    }
}

impl Demo {
    /// The issuer `far`, and a version of `app` that it issued, as far as its policy says.
    async fn with_far(&self, elsewhere: &Arc<Elsewhere>) -> Certificates {
        let directory = "https://ca.example/directory".to_owned();
        let far = IssuerPatch {
            provider: Some("ACME".to_owned()),
            settings: Some(IssuerSettings::Acme(AcmeSettings { directory, ..AcmeSettings::default() })),
            ..IssuerPatch::default()
        };
        self.world.issuers.set(&self.request(), &self.vault, &name("far").unwrap(), &far).await.unwrap();
        self.issue("app", &by("Self")).await.unwrap();
        let issuer = IssuerReference { name: "far".to_owned(), certificate_type: None, transparency: None };
        let patch = PolicyPatch { issuer: Some(issuer), ..PolicyPatch::default() };
        let app = name("app").unwrap();
        self.world.certificates.update_policy(&self.request(), &self.vault, &app, &patch).await.unwrap();
        self.world.certificates_by(elsewhere.clone())
    }

    /// How that went on record.
    fn revoking(&self) -> Vec<(Recorded, String)> {
        let log = self.world.store.image().log.into_iter().map(|logged| logged.record);
        let of = log.filter(|record| record.operation == "CertificateVersionRevoke");
        of.map(|record| (record.outcome, record.reason)).collect()
    }

    async fn stands(&self) -> Standing {
        self.world.revoking.standing(&self.vault, &self.certificate("app").await.unwrap()).await
    }
}

#[tokio::test]
async fn a_version_is_taken_back_by_its_issuer_and_that_is_remembered() {
    let (demo, elsewhere) = (Demo::start(), Arc::new(Elsewhere::default()));
    let certificates = demo.with_far(&elsewhere).await;
    let app = name("app").unwrap();
    let revoke = async |reason| {
        let at = (&app, None);
        certificates.revoke_at_issuer(&demo.request(), &demo.vault, at, None, reason).await.map(|(item, _)| item)
    };
    let leaf = demo.certificate("app").await.unwrap().version.certificate.unwrap().chain[0].clone();
    for (code, reason) in [("acme-unreachable", "issuer-unreachable"), ("acme-reason-refused", "not-revoked")] {
        *elsewhere.trouble.lock().unwrap() = Some(code);
        let refused = revoke(Reason::Superseded).await;
        assert!(matches!(refused, Err(CertificateError::IssuerUnreachable(_) | CertificateError::NotRevoked(_))));
        let told = demo.revoking();
        assert_eq!(told[told.len() - 2].0, Recorded::Allowed, "that it was asked for");
        assert_eq!(told[told.len() - 1], (Recorded::Failed, reason.to_owned()), "and what came of it");
        assert_eq!(demo.stands().await, Standing::NotRevoked);
    }
    *elsewhere.trouble.lock().unwrap() = None;
    let first = revoke(Reason::Superseded).await.unwrap();
    let Standing::Revoked(one) = demo.stands().await else { panic!("it is revoked") };
    assert_eq!((one.reason, one.at), (Reason::Superseded, demo.request().seconds()));
    assert_eq!(elsewhere.taken.lock().unwrap().last(), Some(&(leaf, Reason::Superseded)));

    // Once more, nobody is asked; the next version is another one, and this one stays revoked.
    let asked = elsewhere.taken.lock().unwrap().len();
    revoke(Reason::KeyCompromise).await.unwrap();
    assert_eq!(elsewhere.taken.lock().unwrap().len(), asked);
    demo.issue("app", &by("Self")).await.unwrap();
    assert_eq!(demo.stands().await, Standing::NotRevoked);
    let version = Some(&first.version.version);
    let (before, _) = certificates.show(&demo.request(), &demo.vault, &app, version).await.unwrap();
    assert_eq!(demo.world.revoking.standing(&demo.vault, &before).await, Standing::Revoked(one));
}

#[tokio::test]
async fn a_key_that_others_have_is_not_used_again_whatever_the_policy_says() {
    let (demo, elsewhere) = (Demo::start(), Arc::new(Elsewhere::default()));
    let certificates = demo.with_far(&elsewhere).await;
    let app = name("app").unwrap();
    let again = async || {
        let policy = PolicyPatch { reuse: Some(true), ..by("Self") };
        demo.issue("app", &policy).await.unwrap().version.key.unwrap().public.unwrap()
    };
    let first = again().await;
    assert_eq!(again().await, first);
    // Of the version before; the one in use has the same key.
    let (versions, _) = certificates.versions(&demo.request(), &demo.vault, &app, None, 25).await.unwrap();
    let of_it = |item: &&SecretItem| item.version.ordinal == 2;
    let before = versions.items.iter().find(of_it).unwrap().version.version.clone();
    let (far, at) = (name("far").unwrap(), (&app, Some(&before)));
    let ctx = demo.request();
    certificates.revoke_at_issuer(&ctx, &demo.vault, at, Some(&far), Reason::KeyCompromise).await.unwrap();
    let next = again().await;
    assert_ne!(next, first);
    assert_eq!(again().await, next);
}

#[tokio::test]
async fn who_may_have_it_taken_back_is_said_by_a_role_and_whom_to_ask_by_the_policy() {
    let (demo, elsewhere) = (Demo::start(), Arc::new(Elsewhere::default()));
    let certificates = demo.with_far(&elsewhere).await;
    let (reader, officer, app) = (person("reader"), person("officer"), name("app").unwrap());
    let vault = demo.world.store.image().vaults[demo.vault.as_str()].id;
    for (who, role) in [(&reader, Role::Reader), (&officer, Role::CertificatesOfficer)] {
        let grantee = Grantee::Principal { id: who.id.clone() };
        demo.world.put_grant(grantee, role, Scope::Vault { vault }).unwrap();
    }
    let as_of = async |who, issuer: Option<&str>| {
        let (ctx, issuer) = (demo.world.request(who), issuer.map(|issuer| name(issuer).unwrap()));
        certificates.revoke_at_issuer(&ctx, &demo.vault, (&app, None), issuer.as_ref(), Reason::Superseded).await
    };
    assert!(matches!(as_of(&reader, None).await, Err(CertificateError::Object(ObjectError::Denied(_)))));
    assert!(matches!(as_of(&officer, Some("none")).await, Err(CertificateError::NoSuchIssuer(_))));
    assert!(elsewhere.taken.lock().unwrap().is_empty());
    let told = demo.revoking();
    assert_eq!(told.len(), 2, "what is known here is the request's own outcome: {told:?}");
    assert_eq!(told[1], (Recorded::Failed, "invalid".to_owned()));
    as_of(&officer, Some("far")).await.unwrap();
    assert_eq!(elsewhere.taken.lock().unwrap().len(), 1);
}
