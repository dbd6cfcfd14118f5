//! Certificates that are renewed by their policies, told over the domain with its ports in memory and a clock that is
//! put forward.

use std::collections::BTreeMap;

use strongroom_crypto::key::{Curve, KeySpec, SignAlgorithm};
use strongroom_domain::{
    alert::{AlertKind, Failure},
    certificate::{IssuerReference, LifetimeAction, LifetimeWork, PolicyPatch, Trigger},
    certificates::{CertificateError, RENEWAL_PRINCIPAL, Renewed},
    grant::Scope,
    issuer::IssuerPatch,
    keys::KeyError,
    principal::Grantee,
    record::{Outcome, Record},
    role::Role,
    secret::{AttributePatch, SecretItem},
    test_support::world::name,
    vault::VaultUpdate,
};

use super::{
    certificates::{by, leaf, public},
    issuing::acme,
};
use crate::common::Demo;

const DAY: i64 = 86_400;
const NOTHING: Renewed = Renewed { certificates: 0, notices: 0, failed: 0, ask_at: None };

fn when(actions: &[(Trigger, LifetimeWork)]) -> Option<Vec<LifetimeAction>> {
    Some(actions.iter().map(|(trigger, work)| LifetimeAction { trigger: *trigger, work: *work }).collect())
}

fn renewed_before_end(days: u32) -> PolicyPatch {
    let lifetime_actions = when(&[(Trigger::DaysBefore(days), LifetimeWork::AutoRenew)]);
    PolicyPatch { lifetime_actions, ..by("Self") }
}

fn issuer(name: &str) -> Option<IssuerReference> {
    Some(IssuerReference { name: name.to_owned(), certificate_type: None, transparency: None })
}

impl Demo {
    async fn renew_what_is_due(&self) -> Renewed {
        self.world.certificates.do_what_is_due(&self.world.store, &*self.world.clock).await.unwrap()
    }

    fn days_pass(&self, days: i64) {
        self.world.clock.advance(days * DAY * 1000);
    }

    fn of_operation(&self, operation: &str, outcome: Outcome) -> Vec<Record> {
        let log = self.world.store.image().log;
        let records = log.into_iter().map(|logged| logged.record);
        records.filter(|record| record.operation == operation && record.outcome == outcome).collect()
    }

    async fn change_policy(&self, certificate: &str, patch: &PolicyPatch) -> SecretItem {
        let (ctx, name) = (self.request(), name(certificate).unwrap());
        self.world.certificates.update_policy(&ctx, &self.vault, &name, patch).await.unwrap().0
    }

    /// Names an issuer in the policy of a certificate that is gone then.
    async fn lose_issuer(&self, certificate: &str) {
        self.set_issuer("Nobody", &acme()).await.unwrap();
        self.change_policy(certificate, &PolicyPatch { issuer: issuer("Nobody"), ..PolicyPatch::default() }).await;
        let (ctx, gone) = (self.request(), name("Nobody").unwrap());
        self.world.issuers.delete(&ctx, &self.vault, &gone).await.unwrap();
    }

    async fn enable(&self, certificate: &str, enabled: bool) {
        let patch = AttributePatch { enabled: Some(enabled), ..AttributePatch::default() };
        let (ctx, name) = (self.request(), name(certificate).unwrap());
        self.world.certificates.update(&ctx, &self.vault, (&name, None), &patch, None).await.unwrap();
    }
}

/// Two renewals with a failure between: the version in use stays as long as there is no other, and nobody helps.
#[tokio::test]
async fn a_certificate_is_renewed_in_time_and_again_after_a_failure() {
    let demo = Demo::start();
    let tags = BTreeMap::from([("owner".to_owned(), "web".to_owned())]);
    let first = demo.issue("app", &renewed_before_end(30)).await.unwrap();
    let (app, patch) = (name("app").unwrap(), AttributePatch { tags: Some(tags.clone()), ..AttributePatch::default() });
    let ctx = demo.request();
    demo.world.certificates.update(&ctx, &demo.vault, (&app, None), &patch, None).await.unwrap();
    // At 335 days, and up to a day of that earlier.
    demo.world.clock.advance(334 * DAY * 1000 - 1000);
    assert_eq!(demo.renew_what_is_due().await, NOTHING);
    demo.world.clock.advance(DAY * 1000 + 1000);
    assert_eq!(demo.renew_what_is_due().await, Renewed { certificates: 1, ..NOTHING });
    let second = demo.certificate("app").await.unwrap();
    assert_eq!((second.version.ordinal, leaf(&second).not_after - leaf(&first).not_after), (2, 335 * DAY));
    assert_ne!(public(&first), public(&second), "a new key, as the policy says");
    assert_eq!((&second.version.attributes.tags, second.version.attributes.enabled), (&tags, true));
    let secret = demo.get("app", None).await.unwrap();
    assert_eq!(secret.meta.version, second.version.version);
    assert!(demo.get("app", Some(&first.version.version)).await.is_ok(), "and the last one stays");
    let told = demo.of_operation("CertificateRenewIfDue", Outcome::Allowed);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].principal.as_ref().unwrap().subject, RENEWAL_PRINCIPAL);
    assert_eq!(told[0].version.as_deref(), Some(second.version.version.as_str()));

    // An issuer that is not there. What is in use is as it was, and the next attempt survives the node.
    demo.lose_issuer("app").await;
    demo.days_pass(335);
    let mut alerts = demo.world.certificates.alerts().listen();
    assert_eq!(demo.renew_what_is_due().await, Renewed { failed: 1, ..NOTHING });
    let after = demo.certificate("app").await.unwrap();
    assert_eq!(after.version, second.version);
    assert_eq!(demo.get("app", None).await.unwrap().value.expose(), secret.value.expose());
    let rotation = after.secret.rotation.clone().unwrap();
    let failed = rotation.failed.unwrap();
    assert_eq!((failed.count, failed.reason.as_str(), failed.last), (1, "invalid", demo.request().seconds()));
    let alert = alerts.try_recv().unwrap();
    assert_eq!(
        (alert.certificate.as_str(), alert.at, alert.expires),
        ("app", failed.last, after.version.attributes.expires)
    );
    let (outcome, reason, next) = (Outcome::Failed, "invalid".to_owned(), rotation.rotate_at);
    assert_eq!(alert.kind, AlertKind::NotRenewed(Failure { outcome, reason, failures: 1, next }));
    assert!(alerts.try_recv().is_err(), "one");
    let pause = rotation.rotate_at.unwrap() - failed.last;
    assert!((675..=900).contains(&pause), "{pause}");
    assert_eq!(demo.of_operation("CertificateRenewIfDue", Outcome::Failed).len(), 1);
    let again = demo.after_crash();
    again.world.clock.advance(670 * DAY * 1000);
    assert_eq!(again.renew_what_is_due().await, NOTHING, "not before its time");
    again.world.clock.advance(901 * 1000);
    assert_eq!(again.renew_what_is_due().await, Renewed { failed: 1, ..NOTHING });
    let later = again.certificate("app").await.unwrap().secret.rotation.unwrap();
    assert_eq!(later.failed.as_ref().unwrap().count, 2);
    assert!(later.rotate_at.unwrap() - later.failed.unwrap().last > 900, "the later the more often it failed");

    // Another policy is tried at once, and the key stays where it says so.
    let patch = PolicyPatch { issuer: issuer("Self"), reuse: Some(true), ..PolicyPatch::default() };
    again.change_policy("app", &patch).await;
    assert_eq!(again.renew_what_is_due().await, Renewed { certificates: 1, ..NOTHING });
    let third = again.certificate("app").await.unwrap();
    assert_eq!((third.version.ordinal, public(&third)), (3, public(&second)));
    assert!(third.secret.rotation.as_ref().unwrap().failed.is_none(), "what failed is over");
    assert_eq!(again.renew_what_is_due().await, NOTHING);
}

#[tokio::test]
async fn an_algorithm_that_is_switched_off_signs_no_certificate_no_request_and_no_renewal() {
    let demo = Demo::start();
    demo.issue("app", &renewed_before_end(30)).await.unwrap();
    let made = demo.of_operation("CertificateCreate", Outcome::Allowed);
    assert_eq!(made[0].algorithm.as_deref(), Some("ES256"));
    demo.world.put_grant(Grantee::Principal { id: demo.ada.id.clone() }, Role::Owner, Scope::Server).unwrap();
    let refused_algorithms = Some([SignAlgorithm::Es256.into()].into());
    let update = VaultUpdate { refused_algorithms, ..VaultUpdate::default() };
    demo.world.admin.update_vault(&demo.request(), &demo.vault, None, &update).await.unwrap();
    for issuer in ["Self", "Unknown"] {
        let Err(CertificateError::Key(why)) = demo.issue("other", &by(issuer)).await else { panic!("it was made") };
        assert!(matches!(*why, KeyError::AlgorithmRefused(_)), "{why}");
    }
    demo.days_pass(335);
    assert_eq!(demo.renew_what_is_due().await, Renewed { failed: 1, ..NOTHING });
    let failed = demo.of_operation("CertificateRenewIfDue", Outcome::Failed).remove(0);
    assert_eq!((failed.reason.as_str(), failed.algorithm.as_deref()), ("algorithm-refused", Some("ES256")));
    let p384 = PolicyPatch { spec: Some(KeySpec::Ec { crv: Curve::P384 }), ..by("Self") };
    demo.issue("other", &p384).await.unwrap();
}

/// A renewal would find out, when nobody thinks of the change any more.
#[tokio::test]
async fn a_policy_names_no_issuer_that_is_not_there() {
    let demo = Demo::start();
    let made = demo.issue("app", &by("Self")).await.unwrap();
    let (app, nobody) = (name("app").unwrap(), PolicyPatch { issuer: issuer("Nobody"), ..PolicyPatch::default() });
    let (certificates, none) = (&demo.world.certificates, AttributePatch::default());
    let by_policy = certificates.update_policy(&demo.request(), &demo.vault, &app, &nobody).await;
    let beside = certificates.update(&demo.request(), &demo.vault, (&app, None), &none, Some(&nobody)).await;
    for refused in [by_policy, beside] {
        assert!(matches!(refused.map(drop), Err(CertificateError::NoSuchIssuer(name)) if name == "Nobody"));
    }
    assert_eq!(demo.certificate("app").await.unwrap().secret.revision, made.secret.revision, "nothing was changed");
    // One that went away meanwhile keeps nobody from changing the rest.
    demo.lose_issuer("app").await;
    demo.change_policy("app", &PolicyPatch { validity_months: Some(3), ..nobody }).await;
}

#[tokio::test]
async fn two_nodes_renew_once_and_fail_without_trying_twice_as_soon() {
    let demo = Demo::start();
    demo.issue("app", &renewed_before_end(30)).await.unwrap();
    let twin = demo.on(demo.world.store.node("twin"));
    let both = async |demo: &Demo, twin: &Demo| {
        let (one, two) = tokio::join!(demo.renew_what_is_due(), twin.renew_what_is_due());
        (one.certificates + two.certificates, one.failed + two.failed)
    };
    for node in [&demo, &twin] {
        node.days_pass(335);
    }
    assert_eq!(both(&demo, &twin).await, (1, 0));
    assert_eq!(demo.certificate("app").await.unwrap().version.ordinal, 2);
    demo.lose_issuer("app").await;
    for node in [&demo, &twin] {
        node.days_pass(335);
    }
    let alerts = [&demo, &twin].map(|node| node.world.certificates.alerts().listen());
    let (renewed, failed) = both(&demo, &twin).await;
    assert!(renewed == 0 && failed >= 1, "{failed}");
    let rotation = demo.certificate("app").await.unwrap().secret.rotation.unwrap();
    assert_eq!(rotation.failed.unwrap().count, 1, "one attempt, whoever made it");
    assert_eq!(alerts.iter().map(|heard| heard.len()).sum::<usize>(), 1, "and one alert");
}

#[tokio::test]
async fn what_an_authority_signs_elsewhere_is_told_of_once_and_left_to_people() {
    let demo = Demo::start();
    demo.issue("app", &by("Self")).await.unwrap();
    // At 80 hundredths it would be renewed.
    let unknown = PolicyPatch { issuer: issuer("Unknown"), ..PolicyPatch::default() };
    demo.change_policy("app", &unknown).await;
    demo.days_pass(291);
    assert_eq!(demo.renew_what_is_due().await, NOTHING);
    demo.days_pass(1);
    let mut alerts = demo.world.certificates.alerts().listen();
    assert_eq!(demo.renew_what_is_due().await, Renewed { notices: 1, ..NOTHING });
    assert_eq!(demo.renew_what_is_due().await, NOTHING, "once");
    assert_eq!((alerts.try_recv().unwrap().kind, alerts.len()), (AlertKind::EndsSoon, 0));
    let told = demo.of_operation("CertificateNearExpiry", Outcome::Allowed);
    let current = demo.certificate("app").await.unwrap();
    assert_eq!((told.len(), told[0].version.as_deref()), (1, Some(current.version.version.as_str())));
    assert_eq!(current.version.ordinal, 1);
    // Somebody sees to it: the request goes out, and nothing is told again because of it.
    let (ctx, app) = (demo.request(), name("app").unwrap());
    let enabled = strongroom_domain::test_support::world::enabled();
    demo.world.certificates.create(&ctx, &demo.vault, &app, None, &enabled).await.unwrap();
    assert_eq!(demo.renew_what_is_due().await, NOTHING);
}

#[tokio::test]
async fn who_wants_to_be_told_is_told_before_the_renewal() {
    let demo = Demo::start();
    let lifetime_actions = when(&[
        (Trigger::DaysBefore(60), LifetimeWork::EmailContacts),
        (Trigger::DaysBefore(30), LifetimeWork::AutoRenew),
    ]);
    demo.issue("app", &PolicyPatch { lifetime_actions, ..by("Self") }).await.unwrap();
    demo.days_pass(305);
    assert_eq!(demo.renew_what_is_due().await, Renewed { notices: 1, ..NOTHING });
    demo.days_pass(30);
    assert_eq!(demo.renew_what_is_due().await, Renewed { certificates: 1, ..NOTHING });
    demo.days_pass(305);
    assert_eq!(demo.renew_what_is_due().await, Renewed { notices: 1, ..NOTHING }, "of the next one too");
}

/// Whoever is woken reads why.
#[tokio::test]
async fn a_renewal_by_an_issuer_that_is_disabled_says_so() {
    let demo = Demo::start();
    demo.issue("app", &renewed_before_end(30)).await.unwrap();
    demo.set_issuer("far", &acme()).await.unwrap();
    demo.change_policy("app", &PolicyPatch { issuer: issuer("far"), ..PolicyPatch::default() }).await;
    let off = IssuerPatch { enabled: Some(false), ..IssuerPatch::default() };
    demo.world.issuers.update(&demo.request(), &demo.vault, &name("far").unwrap(), &off).await.unwrap();
    demo.days_pass(340);
    assert_eq!(demo.renew_what_is_due().await, Renewed { failed: 1, ..NOTHING });
    let rotation = demo.certificate("app").await.unwrap().secret.rotation.unwrap();
    assert_eq!(rotation.failed.unwrap().reason, "issuer-disabled");
    let told = demo.of_operation("CertificateRenewIfDue", Outcome::Failed);
    assert_eq!(told.last().unwrap().reason, "issuer-disabled");
}

#[tokio::test]
async fn what_is_disabled_or_deleted_is_not_renewed_until_it_is_back() {
    let demo = Demo::start();
    for certificate in ["disabled", "deleted"] {
        demo.issue(certificate, &renewed_before_end(30)).await.unwrap();
    }
    demo.enable("disabled", false).await;
    let (ctx, deleted) = (demo.request(), name("deleted").unwrap());
    demo.world.certificates.delete(&ctx, &demo.vault, &deleted).await.unwrap();
    demo.days_pass(340);
    assert_eq!(demo.renew_what_is_due().await, NOTHING);
    demo.enable("disabled", true).await;
    demo.world.certificates.recover(&demo.request(), &demo.vault, &deleted).await.unwrap();
    assert_eq!(demo.renew_what_is_due().await, Renewed { certificates: 2, ..NOTHING });
}

/// From before there was renewal, and after a change of the policy with an older version.
#[tokio::test]
async fn a_certificate_without_times_gets_them() {
    let demo = Demo::start();
    let first = demo.issue("app", &renewed_before_end(30)).await.unwrap();
    demo.issue("app", &renewed_before_end(30)).await.unwrap();
    let patch = AttributePatch { tags: Some(BTreeMap::new()), ..AttributePatch::default() };
    let policy = PolicyPatch {
        lifetime_actions: when(&[(Trigger::DaysBefore(90), LifetimeWork::AutoRenew)]),
        ..PolicyPatch::default()
    };
    let (ctx, app) = (demo.request(), name("app").unwrap());
    let older = (&app, Some(&first.version.version));
    demo.world.certificates.update(&ctx, &demo.vault, older, &patch, Some(&policy)).await.unwrap();
    assert!(demo.certificate("app").await.unwrap().secret.rotation.is_none());
    assert_eq!(demo.renew_what_is_due().await, NOTHING, "nothing is due, and from now on it is known when");
    let rotation = demo.certificate("app").await.unwrap().secret.rotation.unwrap();
    let earlier = leaf(&first).not_after - 90 * DAY - rotation.rotate_at.unwrap();
    assert!((0..=DAY).contains(&earlier), "{earlier}");
    assert_eq!(demo.of_operation("CertificateRenewalPlan", Outcome::Allowed).len(), 1);
    demo.days_pass(275);
    assert_eq!(demo.renew_what_is_due().await, Renewed { certificates: 1, ..NOTHING });
}

/// What was made together is not renewed together, wherever and however often it is worked out.
#[tokio::test]
async fn certificates_of_one_day_are_renewed_over_a_day_and_a_restart_changes_nothing_of_that() {
    let demo = Demo::start();
    let names: Vec<String> = (0..12).map(|number| format!("app{number}")).collect();
    for certificate in &names {
        demo.issue(certificate, &renewed_before_end(30)).await.unwrap();
    }
    let times = async |demo: &Demo| {
        let mut times = Vec::new();
        for certificate in &names {
            times.push(demo.certificate(certificate).await.unwrap().secret.rotation.unwrap().rotate_at.unwrap());
        }
        times
    };
    let before = times(&demo).await;
    let end = leaf(&demo.certificate("app0").await.unwrap()).not_after - 30 * DAY;
    assert!(before.iter().all(|at| (end - DAY..=end).contains(at)), "{before:?}");
    let (first, last) = (before.iter().min().unwrap(), before.iter().max().unwrap());
    assert!(last - first > DAY / 4, "{before:?}");
    let again = demo.after_crash();
    again.change_policy("app0", &PolicyPatch { exportable: Some(true), ..PolicyPatch::default() }).await;
    assert_eq!(times(&again).await, before);
    again.world.clock.advance((first - again.request().seconds()) * 1000);
    assert_eq!(again.renew_what_is_due().await, Renewed { certificates: 1, ..NOTHING });
}

/// Times are authenticated with the name: who edits them makes nothing happen earlier, and keeps nothing else from it.
#[tokio::test]
async fn times_that_were_edited_renew_nothing() {
    let demo = Demo::start();
    for certificate in ["edited", "other"] {
        demo.issue(certificate, &renewed_before_end(30)).await.unwrap();
    }
    demo.world.store.meddle(|image| {
        let rows = image.objects.values_mut().filter(|row| row.meta.name.as_str() == "edited");
        rows.filter_map(|row| row.meta.rotation.as_deref_mut()).for_each(|rotation| rotation.rotate_at = Some(0));
    });
    assert_eq!(demo.renew_what_is_due().await, Renewed { failed: 1, ..NOTHING });
    demo.days_pass(335);
    assert_eq!(demo.renew_what_is_due().await, Renewed { certificates: 1, failed: 1, ..NOTHING });
    let denied = demo.of_operation("CertificateRenewIfDue", Outcome::Denied);
    assert_eq!(denied.len(), 2, "each time on record");
}
