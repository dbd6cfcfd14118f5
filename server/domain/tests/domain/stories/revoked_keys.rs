//! What comes of a revocation beside the list: keys that others have are certified no more, an authority that was revoked
//! signs no more, and what a crash left unsigned is signed.

use std::time::Duration;

use strongroom_crypto::{
    Plaintext, SystemEntropy,
    key::{Curve, KeySpec, NewKey, generate},
    x509::{CertificateFacts, Imported, Reason},
};
use strongroom_domain::{
    certificate::{IssuerReference, PendingOperation, PendingStatus, PolicyPatch},
    certificates::AUTHORITY_REVOKED,
    issuer::{AuthoritySettings, MAX_ISSUERS, Profile},
    record::Outcome,
    revocation::{MADE_AGAIN_AFTER, Revocations},
    revocations::{Issued, Revoking, Shelf, ToRevoke},
    test_support::{
        Fault,
        world::{enabled, name},
    },
};

use super::{
    certificates::{by, public, signed_elsewhere},
    revocation::{authority, point},
};
use crate::common::Demo;

impl Demo {
    async fn pending(&self, certificate: &str) -> PendingOperation {
        let name = name(certificate).unwrap();
        let (item, _) = self.world.certificates.pending(&self.request(), &self.vault, &name).await.unwrap();
        item.secret.certificate.unwrap().pending.unwrap()
    }

    /// Why an issuer does not issue it.
    async fn refused(&self, certificate: &str) -> String {
        let done = self.world.certificates.do_what_is_due(&self.world.store, &*self.world.clock).await.unwrap();
        assert_eq!((done.certificates, done.failed), (0, 1));
        let pending = self.pending(certificate).await;
        assert_eq!(pending.status, PendingStatus::Failed);
        pending.enrolment.unwrap().trouble.unwrap().code
    }
}

fn serial(certificate: &[u8]) -> ToRevoke {
    ToRevoke::Serial(data_encoding::HEXLOWER.encode(&CertificateFacts::of(certificate).unwrap().serial), None)
}

#[tokio::test]
async fn a_key_that_others_have_is_not_kept_whatever_the_policy_says() {
    let (demo, first) = Demo::with_authority().await;
    let kept = PolicyPatch { reuse: Some(true), ..by("inside") };
    let key = async || public(&demo.certificate("app").await.unwrap());
    let lost = key().await;
    demo.revoke(ToRevoke::Certificate(first.clone()), Reason::Superseded).await.unwrap();
    demo.signed_as("app", &kept).await;
    assert_eq!(key().await, lost, "a certificate that is not needed any more says nothing of its key");
    assert!(!demo.pending("app").await.gives_up_key);

    // It is the one of before that was revoked, and the one in use has its key.
    demo.revoke(ToRevoke::Certificate(first), Reason::KeyCompromise).await.unwrap();
    let third = demo.signed_as("app", &kept).await;
    assert_ne!(key().await, lost);
    assert!(demo.pending("app").await.gives_up_key, "and its operation says so");
    let image = demo.world.store.image();
    let records = image.log.iter().filter(|logged| logged.record.operation == "CertificateCreate");
    let told = records.filter(|logged| logged.record.details.contains_key("key")).count();
    assert_eq!(told, 1, "and so does the record");
    let next = key().await;
    demo.signed_as("app", &kept).await;
    assert_eq!((key().await, demo.pending("app").await.gives_up_key), (next.clone(), false), "nobody has that one");

    // By its number alone the key is found where the certificate is kept.
    let all = demo.revoke(serial(&third), Reason::CaCompromise).await.unwrap();
    assert_eq!(all.compromised.len(), 2);
    demo.signed_as("app", &kept).await;
    assert_ne!(key().await, next);
}

/// What was signed when the server had another name is found by its vault and its list, which stay.
#[tokio::test]
async fn what_is_revoked_is_shown_so_under_another_name_of_the_server() {
    let (demo, der) = Demo::with_authority().await;
    demo.revoke(ToRevoke::Certificate(der), Reason::Superseded).await.unwrap();
    let mut app = demo.certificate("app").await.unwrap();
    // Of one that an authority of another vault signed nothing else tells.
    app.version.certificate.as_mut().unwrap().chain.truncate(1);
    let (objects, clock) = (demo.world.objects.clone(), demo.world.clock.clone());
    let base = Some("https://moved.example".to_owned());
    let moved = Revoking { objects, clock, base, shelf: Shelf::default() };
    assert!(moved.standing(&demo.vault, &app).await.revoked().is_some());
}

/// On another list it would stand and be taken all the same.
#[tokio::test]
async fn by_its_number_a_certificate_comes_on_the_list_of_the_key_that_signed_it() {
    let (demo, old) = Demo::with_authority().await;
    demo.issue("root", &authority()).await.unwrap();
    let new = demo.signed_as("next", &by("inside")).await;
    let unknown = || ToRevoke::Serial("0abc".to_owned(), None);
    for (what, on_each) in [(serial(&old), [1, 0]), (serial(&new), [1, 1]), (unknown(), [1, 2])] {
        let all = demo.revoke(what, Reason::Superseded).await.unwrap();
        assert_eq!(all.lists.iter().map(|list| list.revoked.len()).collect::<Vec<_>>(), on_each);
    }
    let ends: Vec<_> =
        demo.revocations().await.unwrap().lists[1].revoked.iter().map(|one| one.ends.is_some()).collect();
    assert_eq!(ends, [true, false], "of what is not kept nobody knows more");
}

/// What was written down of one that is gone stays, and there is no end to making more of them.
#[tokio::test]
async fn authorities_that_come_and_go_keep_no_other_from_revoking() {
    let demo = Demo::start();
    let (ctx, unknown) = (|| demo.request(), ToRevoke::Serial("0abc".to_owned(), None));
    for number in 0..=MAX_ISSUERS {
        let called = format!("ca-{number}");
        demo.issue(&called, &authority()).await.unwrap();
        let named = name(&called).unwrap();
        let shown = demo.world.revoking.revoke(&ctx(), &demo.vault, &named, &unknown, Reason::Superseded).await;
        assert_eq!(shown.unwrap().all.lists.len(), 1, "{called}");
        demo.world.certificates.delete(&ctx(), &demo.vault, &named).await.unwrap();
        demo.world.certificates.purge(&ctx(), &demo.vault, &named).await.unwrap();
    }
}

/// Who has the key has a certificate made for it elsewhere, or by itself, and brings it under another name.
#[tokio::test]
async fn an_authority_certifies_no_key_again_that_others_have() {
    let demo = Demo::with_unused_authority().await;
    let key = generate(KeySpec::Ec { crv: Curve::P256 }, &SystemEntropy).ok().unwrap();
    let copy =
        || NewKey { spec: key.spec, private: Plaintext::from_slice(key.private.expose()), public: key.public.clone() };
    let bring = async |certificate: &str| {
        let brought = Imported { key: copy(), chain: vec![signed_elsewhere(&demo, &key, 12, 0)] };
        let issuer = IssuerReference { name: "inside".to_owned(), certificate_type: None, transparency: None };
        let given = PolicyPatch { reuse: Some(true), issuer: Some(issuer), ..PolicyPatch::default() };
        let (ctx, name) = (demo.request(), name(certificate).unwrap());
        let certificates = &demo.world.certificates;
        certificates.import(&ctx, (&demo.vault, &name), || Ok(brought), &given, &enabled()).await.unwrap();
        certificates.create(&demo.request(), &demo.vault, &name, None, &enabled()).await.unwrap();
    };
    bring("one").await;
    let done = demo.world.certificates.do_what_is_due(&demo.world.store, &*demo.world.clock).await.unwrap();
    assert_eq!(done.certificates, 1);
    let one = demo.certificate("one").await.unwrap();
    assert_eq!(Some(public(&one)), key.public);
    let der = one.version.certificate.as_ref().unwrap().leaf().unwrap().to_vec();
    demo.revoke(ToRevoke::Certificate(der), Reason::KeyCompromise).await.unwrap();
    bring("two").await;
    assert_eq!(demo.refused("two").await, "key-compromised");
    assert_eq!(demo.recorded("CertificateAuthoritySign", Outcome::Failed), 1, "on record at the authority");
    // Long after all that was revoked has left the lists, too.
    demo.world.clock.advance(400 * 86_400_000);
    for _ in 0..2 {
        demo.world.clock.advance(MADE_AGAIN_AFTER * 1000);
        demo.world.revoking.do_what_is_due(&demo.world.store).await.unwrap();
    }
    assert!(demo.revocations().await.unwrap().lists[0].revoked.is_empty());
    bring("three").await;
    let certificates = &demo.world.certificates;
    certificates.do_what_is_due(&demo.world.store, &*demo.world.clock).await.unwrap();
    let trouble = demo.pending("three").await.enrolment.unwrap().trouble.unwrap();
    assert_eq!(trouble.code, "key-compromised");
}

/// Whoever makes an issuer chooses the address of the list.
#[tokio::test]
async fn a_list_of_another_authority_says_nothing_for_what_this_one_signed() {
    let demo = Demo::with_unused_authority().await;
    let stranger = PolicyPatch { subject: Some("CN=Stranger".to_owned()), ..authority() };
    demo.issue("stranger", &stranger).await.unwrap();
    demo.have_sign("strange", AuthoritySettings { certificate: "stranger".to_owned(), ..Default::default() }).await;
    let crl_url = Some(point(&demo.signed_as("app", &by("strange")).await));
    let above = AuthoritySettings { certificate: "root".to_owned(), profile: Profile::Authority, ..Default::default() };
    demo.have_sign("above", AuthoritySettings { crl_url, ..above }).await;
    let issuer = IssuerReference { name: "above".to_owned(), certificate_type: None, transparency: None };
    let between = PolicyPatch { subject: Some("CN=Between".to_owned()), issuer: Some(issuer), ..authority() };
    let revoked = demo.signed_as("between", &between).await;
    demo.have_sign("below", AuthoritySettings { certificate: "between".to_owned(), ..Default::default() }).await;
    demo.signed_as("web", &by("below")).await;

    demo.revoke(ToRevoke::Certificate(revoked), Reason::CaCompromise).await.unwrap();
    demo.issue("other", &by("below")).await.unwrap();
    assert_eq!(demo.refused("other").await, AUTHORITY_REVOKED);
    let shown = demo.certificate("between").await.unwrap();
    assert!(demo.world.revoking.standing(&demo.vault, &shown).await.revoked().is_some());
}

#[tokio::test]
async fn an_authority_that_was_revoked_signs_its_lists_and_nothing_else_until_it_is_renewed() {
    // Found by the address of the list; and where that is elsewhere, by who signed it.
    for crl_url in [None, Some("http://lists.example/root.crl".to_owned())] {
        let demo = Demo::with_unused_authority().await;
        let above =
            AuthoritySettings { certificate: "root".to_owned(), profile: Profile::Authority, ..Default::default() };
        demo.have_sign("above", AuthoritySettings { crl_url, ..above }).await;
        let issuer = IssuerReference { name: "above".to_owned(), certificate_type: None, transparency: None };
        let between = PolicyPatch { subject: Some("CN=Between".to_owned()), issuer: Some(issuer), ..authority() };
        let revoked = demo.signed_as("between", &between).await;
        demo.have_sign("below", AuthoritySettings { certificate: "between".to_owned(), ..Default::default() }).await;
        let app = demo.signed_as("app", &by("below")).await;

        demo.revoke(ToRevoke::Certificate(revoked), Reason::Superseded).await.unwrap();
        demo.issue("other", &by("below")).await.unwrap();
        assert_eq!(demo.refused("other").await, AUTHORITY_REVOKED);
        let image = demo.world.store.image();
        let refused = image.log.iter().filter(|logged| logged.record.reason == AUTHORITY_REVOKED);
        let refused: Vec<_> =
            refused.map(|logged| (&*logged.record.operation, logged.record.object.as_deref())).collect();
        assert!(refused.contains(&("CertificateAuthoritySign", Some("between"))), "{refused:?}");

        // What it signed before is taken by whoever has not heard; what it revokes of that is said all the same.
        demo.world.clock.advance(MADE_AGAIN_AFTER * 1000);
        let made = demo.world.revoking.do_what_is_due(&demo.world.store).await.unwrap();
        assert_eq!(made, Issued { authorities: 2, failed: 0 });
        assert!(demo.fetch(&point(&app)).await.unwrap().is_some());

        demo.signed_as("between", &between).await;
        demo.signed_as("third", &by("below")).await;
    }
}

/// A node that did not come back from `work`, as soon as what it left is as `left` says.
async fn interrupted(
    start: impl AsyncFn() -> Demo,
    work: impl AsyncFn(&Demo),
    left: impl Fn(&Revocations) -> bool,
) -> Demo {
    for done in 0..20 {
        let demo = start().await;
        for _ in 0..done {
            demo.world.store.order(Fault::Slow(Duration::ZERO));
        }
        for _ in 0..100 {
            demo.world.store.order(Fault::RolledBack);
        }
        work(&demo).await;
        let again = demo.after_crash();
        if again.revocations().await.is_ok_and(|all| left(&all)) {
            return again;
        }
    }
    panic!("it never stops there");
}

#[tokio::test]
async fn what_a_crash_left_unsigned_is_signed_by_the_next_round() {
    let revoked = interrupted(
        async || Demo::with_authority().await.0,
        async |demo: &Demo| {
            // Reading it is recorded, which may be what does not come to its end.
            let Ok(app) = demo.certificate("app").await else { return };
            let der = app.version.certificate.as_ref().unwrap().leaf().unwrap().to_vec();
            drop(demo.revoke(ToRevoke::Certificate(der), Reason::KeyCompromise).await);
        },
        |all| all.lists[0].revoked.len() == 1,
    )
    .await;
    let before = revoked.revocations().await.unwrap().lists[0].signed.clone().unwrap();
    let made = revoked.world.revoking.do_what_is_due(&revoked.world.store).await.unwrap();
    assert_eq!(made, Issued { authorities: 1, failed: 0 });
    let after = revoked.revocations().await.unwrap().lists[0].signed.clone().unwrap();
    assert!(after.number > before.number && after.der.len() > before.der.len(), "it says one more");

    let begun = async || {
        let start = async || {
            let demo = Demo::with_unused_authority().await;
            demo.issue("app", &by("inside")).await.unwrap();
            demo
        };
        let work = async |demo: &Demo| {
            drop(demo.world.certificates.do_what_is_due(&demo.world.store, &*demo.world.clock).await);
        };
        interrupted(start, work, |all| all.lists[0].signed.is_none()).await
    };
    let demo = begun().await;
    let made = demo.world.revoking.do_what_is_due(&demo.world.store).await.unwrap();
    assert_eq!(made, Issued { authorities: 1, failed: 0 });
    assert!(demo.revocations().await.unwrap().lists[0].signed.is_some());

    // Whoever signs before the next round does it: no certificate names a list that is not there.
    let demo = begun().await;
    demo.world.clock.advance(200_000);
    let done = demo.world.certificates.do_what_is_due(&demo.world.store, &*demo.world.clock).await.unwrap();
    assert_eq!(done.certificates, 1);
    let app = demo.certificate("app").await.unwrap();
    let address = point(app.version.certificate.as_ref().unwrap().leaf().unwrap());
    assert!(demo.fetch(&address).await.unwrap().is_some());
}
