//! What an authority of a vault has revoked: written down, signed, published, and signed again before anybody misses it.

use std::net::{IpAddr, Ipv4Addr};

use strongroom_crypto::x509::{CertificateFacts, Reason, Usage};
use strongroom_domain::{
    certificate::PolicyPatch,
    grant::Scope,
    issuer::{AuthoritySettings, IssuerPatch, IssuerSettings},
    names::ObjectKind,
    objects::ObjectError,
    principal::Grantee,
    record::Outcome,
    revocation::{
        COUNTS_FOR, MADE_AGAIN_AFTER, MAX_LISTS, RevocationInvalid, Revocations, SignedList, TRIED_AGAIN_AFTER,
        serial_from,
    },
    revocations::{Issued, PublishError, RevocationError, Standing, ToRevoke},
    role::Role,
    test_support::world::{self, name, person},
};

use super::certificates::{by, leaf};
use crate::common::Demo;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

pub(super) fn authority() -> PolicyPatch {
    PolicyPatch {
        subject: Some("CN=Root".to_owned()),
        names: Some(Default::default()),
        ca: Some(true),
        extended_usages: Some(Vec::new()),
        usages: Some([Usage::KeyCertSign, Usage::CrlSign].into()),
        exportable: Some(false),
        validity_months: Some(120),
        ..by("Self")
    }
}

impl Demo {
    /// A vault with an authority and one certificate of it, DER.
    pub(super) async fn with_authority() -> (Self, Vec<u8>) {
        let demo = Self::with_unused_authority().await;
        let der = demo.signed_by_it("app").await;
        (demo, der)
    }

    pub(super) async fn with_unused_authority() -> Self {
        let demo = Self::start();
        demo.issue("root", &authority()).await.unwrap();
        demo.have_sign("inside", AuthoritySettings { certificate: "root".to_owned(), ..Default::default() }).await;
        demo
    }

    /// Makes an authority an issuer.
    pub(super) async fn have_sign(&self, issuer: &str, settings: AuthoritySettings) {
        let given = IssuerPatch {
            provider: Some("Strongroom-CA".to_owned()),
            settings: Some(IssuerSettings::Authority(settings)),
            ..IssuerPatch::default()
        };
        self.world.issuers.set(&self.request(), &self.vault, &name(issuer).unwrap(), &given).await.unwrap();
    }

    async fn signed_by_it(&self, certificate: &str) -> Vec<u8> {
        self.signed_as(certificate, &by("inside")).await
    }

    pub(super) async fn signed_as(&self, certificate: &str, policy: &PolicyPatch) -> Vec<u8> {
        self.issue(certificate, policy).await.unwrap();
        let done = self.world.certificates.do_what_is_due(&self.world.store, &*self.world.clock).await.unwrap();
        assert_eq!(done.certificates, 1);
        let item = self.certificate(certificate).await.unwrap();
        item.version.certificate.as_ref().unwrap().leaf().unwrap().to_vec()
    }

    pub(super) async fn revoke(&self, what: ToRevoke, reason: Reason) -> Result<Revocations, RevocationError> {
        let (ctx, root) = (self.request(), name("root").unwrap());
        self.world.revoking.revoke(&ctx, &self.vault, &root, &what, reason).await.map(|shown| shown.all)
    }

    pub(super) async fn revocations(&self) -> Result<Revocations, RevocationError> {
        let root = name("root").unwrap();
        self.world.revoking.show(&self.request(), &self.vault, &root).await.map(|shown| shown.all)
    }

    /// Asks for a list by its address, as somebody does whom nobody knows.
    pub(super) async fn fetch(&self, address: &str) -> Result<Option<Vec<u8>>, PublishError> {
        let path = address.strip_prefix("https://vault.localhost:8443/crl/").unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let [vault, authority, list] = parts[..] else { panic!("{address}") };
        let found = self.world.revoking.published(CLIENT, (vault, authority, list)).await?;
        Ok(found.map(|list| list.der.clone()))
    }

    async fn standing(&self, certificate: &str) -> Standing {
        self.world.revoking.standing(&self.vault, &self.certificate(certificate).await.unwrap()).await
    }

    pub(super) fn recorded(&self, operation: &str, outcome: Outcome) -> usize {
        let log = self.world.store.image().log;
        log.iter().filter(|logged| logged.record.operation == operation && logged.record.outcome == outcome).count()
    }
}

/// The address of the list that a certificate names.
pub(super) fn point(certificate: &[u8]) -> String {
    let begin = certificate.windows(8).position(|window| window == b"https://").unwrap();
    let text: Vec<u8> = certificate[begin..].iter().copied().take_while(u8::is_ascii_graphic).collect();
    let text = String::from_utf8(text).unwrap();
    text[..text.find(".crl").unwrap() + 4].to_owned()
}

pub(super) fn signed(all: &Revocations) -> &SignedList {
    all.lists[0].signed.as_ref().unwrap()
}

#[tokio::test]
async fn what_is_revoked_is_on_the_published_list_at_once() {
    let (demo, der) = Demo::with_authority().await;
    let address = point(&der);
    let empty = demo.revocations().await.unwrap();
    assert_eq!((empty.lists.len(), empty.lists[0].revoked.len()), (1, 0), "its first certificate begins the list");
    assert_eq!(demo.fetch(&address).await.unwrap().as_deref(), Some(&*signed(&empty).der));

    assert_eq!(demo.standing("app").await, Standing::NotRevoked);
    let after = demo.revoke(ToRevoke::Certificate(der.clone()), Reason::KeyCompromise).await.unwrap();
    assert_eq!(demo.standing("app").await, Standing::Revoked(after.lists[0].revoked[0].clone()), "shown at once");
    assert_eq!(demo.standing("root").await, Standing::NotRevoked, "it names no list");
    let (list, now) = (&after.lists[0], demo.request().seconds());
    let facts = strongroom_crypto::x509::CertificateFacts::of(&der).unwrap();
    assert_eq!(list.revoked[0].serial, data_encoding::HEXLOWER.encode(&facts.serial));
    assert_eq!((list.revoked[0].reason, list.revoked[0].ends), (Reason::KeyCompromise, Some(facts.not_after)));
    assert!(signed(&after).number > signed(&empty).number && signed(&after).next_update == now + COUNTS_FOR);
    assert_eq!(demo.fetch(&address).await.unwrap().as_deref(), Some(&*signed(&after).der), "nobody waits for it");
    assert_eq!(demo.revocations().await.unwrap(), after);

    // By its number, of one that is not kept here; again is nothing new.
    demo.revoke(ToRevoke::Serial("0abc".to_owned(), None), Reason::Unspecified).await.unwrap();
    let again = demo.revoke(ToRevoke::Serial("0abc".to_owned(), None), Reason::Superseded).await.unwrap();
    assert_eq!((again.lists[0].revoked.len(), again.lists[0].revoked[1].reason), (2, Reason::Superseded));
    assert_eq!(demo.recorded("CertificateRevoke", Outcome::Allowed), 3);
    let signatures = demo.recorded("CertificateAuthoritySign", Outcome::Allowed);
    assert_eq!(signatures, 1 + 1 + 3, "a certificate and four lists, each on record at the authority's name");
}

#[tokio::test]
async fn a_list_is_made_again_long_before_it_lapses_once_over_many_nodes() {
    let (demo, der) = Demo::with_authority().await;
    let after = demo.revoke(ToRevoke::Certificate(der.clone()), Reason::Superseded).await.unwrap();
    let other = world::revoking(&demo.world.objects, demo.world.clock.clone());
    let run = async || demo.world.revoking.do_what_is_due(&demo.world.store).await.unwrap();
    assert_eq!(run().await, Issued::default());
    let mut before = signed(&after).clone();
    for _ in 0..10 {
        demo.world.clock.advance(MADE_AGAIN_AFTER * 1000);
        let (here, there) = tokio::join!(
            demo.world.revoking.do_what_is_due(&demo.world.store),
            other.do_what_is_due(&demo.world.store)
        );
        assert_eq!(here.unwrap().authorities + there.unwrap().authorities, 1);
        let all = demo.revocations().await.unwrap();
        let now = demo.request().seconds();
        assert_eq!((all.lists[0].revoked.len(), signed(&all).next_update), (1, now + COUNTS_FOR));
        assert!(signed(&all).number > before.number && before.next_update > now + 5 * 86_400);
        before = signed(&all).clone();
    }
    // Twelve months later the certificate has ended by itself. It is on one list more, and then on none.
    demo.world.clock.advance(365 * 86_400_000);
    for left in [1, 0] {
        demo.world.clock.advance(MADE_AGAIN_AFTER * 1000);
        assert_eq!(run().await, Issued { authorities: 1, failed: 0 });
        assert_eq!(demo.revocations().await.unwrap().lists[0].revoked.len(), left);
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_signed_is_tried_again_and_what_was_revoked_stays_written_down() {
    let (demo, der) = Demo::with_authority().await;
    let root = name("root").unwrap();
    demo.world.certificates.delete(&demo.request(), &demo.vault, &root).await.unwrap();
    demo.world.clock.advance(MADE_AGAIN_AFTER * 1000);
    let run = async || demo.world.revoking.do_what_is_due(&demo.world.store).await.unwrap();
    assert_eq!(run().await, Issued { authorities: 0, failed: 1 });
    assert_eq!(run().await, Issued::default(), "not before its time");
    assert!(demo.fetch(&point(&der)).await.unwrap().is_some(), "the last one counts for days");
    let revoked = demo.revoke(ToRevoke::Certificate(der.clone()), Reason::KeyCompromise).await.unwrap();
    assert_eq!(revoked.lists[0].revoked.len(), 1, "its versions are still known");
    demo.world.certificates.recover(&demo.request(), &demo.vault, &root).await.unwrap();
    demo.world.clock.advance(TRIED_AGAIN_AFTER * 1000);
    assert_eq!(run().await, Issued { authorities: 1, failed: 0 });
    let all = demo.revocations().await.unwrap();
    let now = demo.request().seconds();
    assert_eq!((signed(&all).this_update, signed(&all).made()), (now - 600, now), "clocks differ");
    assert_eq!(all.lists[0].revoked.len(), 1);
}

#[tokio::test]
async fn an_authority_revokes_what_it_signed_and_nothing_else_and_who_may_is_said_by_a_role() {
    let (demo, der) = Demo::with_authority().await;
    let stranger = demo.issue("stranger", &by("Self")).await.unwrap();
    let foreign = stranger.version.certificate.as_ref().unwrap().leaf().unwrap().to_vec();
    let refused = demo.revoke(ToRevoke::Certificate(foreign), Reason::Superseded).await;
    assert!(matches!(refused, Err(RevocationError::Invalid(RevocationInvalid::OtherAuthority))), "{refused:?}");
    let serial = || ToRevoke::Serial("01".to_owned(), None);
    for none in ["stranger", "nothing"] {
        let (ctx, none) = (demo.request(), name(none).unwrap());
        let refused = demo.world.revoking.revoke(&ctx, &demo.vault, &none, &serial(), Reason::Superseded).await;
        let why = refused.err().map(|why| why.to_string());
        assert!(why.as_ref().is_some_and(|why| why.starts_with("there is no certificate of an authority")), "{why:?}");
    }
    let (reader, officer) = (person("reader"), person("officer"));
    let vault = demo.world.store.image().vaults[demo.vault.as_str()].id;
    for (who, role) in [(&reader, Role::Reader), (&officer, Role::CertificatesOfficer)] {
        let grantee = Grantee::Principal { id: who.id.clone() };
        demo.world.put_grant(grantee, role, Scope::Vault { vault }).unwrap();
    }
    let root = name("root").unwrap();
    let as_of = async |who| {
        let ctx = demo.world.request(who);
        demo.world
            .revoking
            .revoke(&ctx, &demo.vault, &root, &ToRevoke::Certificate(der.clone()), Reason::Superseded)
            .await
    };
    assert!(matches!(as_of(&reader).await, Err(RevocationError::Object(ObjectError::Denied(_)))));
    assert_eq!(demo.revocations().await.unwrap().lists[0].revoked.len(), 0);
    as_of(&officer).await.unwrap();
    assert_eq!(demo.revocations().await.unwrap().lists[0].revoked.len(), 1);
}

#[tokio::test]
async fn a_new_key_of_an_authority_has_a_list_of_its_own_and_the_old_one_goes_on() {
    let (demo, der) = Demo::with_authority().await;
    let first = leaf(&demo.certificate("root").await.unwrap());
    demo.issue("root", &authority()).await.unwrap();
    assert_ne!(leaf(&demo.certificate("root").await.unwrap()).key, first.key);
    let next = demo.signed_by_it("next").await;
    assert_ne!(point(&der), point(&next));
    let all = demo.revoke(ToRevoke::Certificate(der.clone()), Reason::Superseded).await.unwrap();
    assert_eq!((all.lists.len(), all.lists[0].revoked.len(), all.lists[1].revoked.len()), (2, 1, 0));
    for address in [point(&der), point(&next)] {
        assert!(demo.fetch(&address).await.unwrap().is_some());
    }
}

/// It would lapse with the certificate of before, while what is signed with the key goes on.
#[tokio::test]
async fn a_list_goes_on_with_the_newest_certificate_of_its_key() {
    for signs in [true, false] {
        let demo = Demo::start();
        let short = PolicyPatch { reuse: Some(true), validity_months: Some(1), ..authority() };
        demo.issue("root", &short).await.unwrap();
        demo.have_sign("inside", AuthoritySettings { certificate: "root".to_owned(), ..Default::default() }).await;
        demo.signed_by_it("app").await;
        let old = demo.certificate("root").await.unwrap();
        let before = leaf(&old);
        demo.issue("root", &PolicyPatch { validity_months: Some(120), ..short }).await.unwrap();
        assert_eq!(leaf(&demo.certificate("root").await.unwrap()).key, before.key);
        if signs {
            let next = CertificateFacts::of(&demo.signed_by_it("next").await).unwrap();
            // Also what is revoked by the version of before, which ends first, stays so.
            let what = ToRevoke::Serial(serial_from(&next.serial).unwrap(), Some(old.version.version));
            demo.revoke(what, Reason::KeyCompromise).await.unwrap();
            demo.world.clock.advance(40 * 86_400_000);
            demo.world.revoking.do_what_is_due(&demo.world.store).await.unwrap();
            assert_eq!(demo.revocations().await.unwrap().lists[0].revoked.len(), 1);
        } else {
            demo.world.clock.advance(27 * 86_400_000);
            demo.world.revoking.do_what_is_due(&demo.world.store).await.unwrap();
            assert!(signed(&demo.revocations().await.unwrap()).next_update > before.not_after);
        }
        let all = demo.revocations().await.unwrap();
        assert!(all.lists.len() == 1 && all.lists[0].ends > before.not_after, "{signs}");
    }
}

#[tokio::test]
async fn what_was_revoked_is_heard_of_while_the_vault_is_soft_deleted() {
    let (demo, der) = Demo::with_authority().await;
    let revoked = demo.revoke(ToRevoke::Certificate(der.clone()), Reason::KeyCompromise).await.unwrap();
    demo.world.put_grant(Grantee::Principal { id: demo.ada.id.clone() }, Role::Owner, Scope::Server).unwrap();
    demo.world.admin.delete_vault(&demo.request(), &demo.vault).await.unwrap();
    demo.world.clock.advance(120_000);
    assert_eq!(demo.fetch(&point(&der)).await.unwrap().as_deref(), Some(&*signed(&revoked).der));
    assert!(demo.revocations().await.is_err(), "and nothing else of it");
}

#[tokio::test]
async fn nothing_is_signed_that_could_not_be_revoked() {
    let (demo, _) = Demo::with_authority().await;
    for key in 1..MAX_LISTS {
        demo.issue("root", &authority()).await.unwrap();
        point(&demo.signed_by_it(&format!("app-{key}")).await);
    }
    demo.issue("root", &authority()).await.unwrap();
    demo.issue("late", &by("inside")).await.unwrap();
    let done = demo.world.certificates.do_what_is_due(&demo.world.store, &*demo.world.clock).await.unwrap();
    assert_eq!((done.certificates, done.failed), (0, 1));
    let late = name("late").unwrap();
    let (item, _) = demo.world.certificates.pending(&demo.request(), &demo.vault, &late).await.unwrap();
    let pending = item.secret.certificate.as_ref().unwrap().pending.clone().unwrap();
    assert_eq!(pending.enrolment.unwrap().trouble.unwrap().code, "no-revocation-list");
}

#[tokio::test]
async fn strangers_learn_of_no_vault_and_no_authority_by_asking_for_lists_and_ask_so_often() {
    let (demo, der) = Demo::with_authority().await;
    let address = point(&der);
    let (head, list) = address.rsplit_once('/').unwrap();
    let vault = head.split('/').rev().nth(1).unwrap();
    for wrong in [
        head.replace(vault, "00000000000000000000000000000000"),
        head.replace(vault, &vault.to_uppercase().replace('0', "A")),
        head.replace("/root", "/app"),
        head.replace("/root", "/nothing"),
        head.replace("/root", "/ROOT"),
    ] {
        assert_eq!(demo.fetch(&format!("{wrong}/{list}")).await.unwrap(), None, "{wrong}");
    }
    for wrong in ["", "x.crl", "00000000000000000000000000000000.crl", list.strip_suffix(".crl").unwrap()] {
        assert_eq!(demo.fetch(&format!("{head}/{wrong}")).await.unwrap(), None, "{wrong}");
    }
    assert_eq!(demo.recorded("CertificateRevocationListPublish", Outcome::Allowed), 0, "nothing was opened");
    let guess = format!("{head}/00000000000000000000000000000000.crl");
    let mut refused = 0;
    for _ in 0..60 {
        refused += usize::from(matches!(demo.fetch(&guess).await, Err(PublishError::TooMany(_))));
    }
    assert!(refused >= 25, "{refused}");
    demo.world.clock.advance(60_000);
    for _ in 0..100 {
        assert!(demo.fetch(&address).await.unwrap().is_some(), "what is kept is given to everybody");
    }
    assert_eq!(demo.recorded("CertificateRevocationListPublish", Outcome::Allowed), 1);
}

/// Who writes into the database takes nothing off a list.
#[tokio::test]
async fn an_older_or_another_authoritys_list_in_its_place_is_found() {
    let (demo, der) = Demo::with_authority().await;
    let row = |kind: ObjectKind| {
        let image = demo.world.store.image();
        let key = image.objects.keys().find(|(_, of, _)| *of == kind).unwrap().clone();
        (key.clone(), image.objects[&key].clone())
    };
    let (place, empty) = row(ObjectKind::Revocations);
    demo.revoke(ToRevoke::Certificate(der.clone()), Reason::KeyCompromise).await.unwrap();
    // The sealed document of before under the row of now.
    demo.world.store.meddle(|image| {
        let now = image.objects.get_mut(&place).unwrap();
        let before = empty.versions.values().next().unwrap();
        for version in now.versions.values_mut() {
            let mut mixed = (**version).clone();
            mixed.sealed = before.sealed.clone();
            *version = mixed.into();
        }
    });
    let found = demo.revocations().await;
    assert!(matches!(found, Err(RevocationError::Object(ObjectError::Tampered | ObjectError::Denied(_)))), "{found:?}");
    assert_eq!(demo.fetch(&point(&der)).await.unwrap(), None, "and nobody is given it");
    assert_eq!(demo.standing("app").await, Standing::Unknown, "which does not look like a good one");
    // A time at which it is due that nobody wrote.
    demo.world.store.meddle(|image| {
        let now = image.objects.get_mut(&place).unwrap();
        *now = empty.clone();
        now.meta.rotation.as_mut().unwrap().rotate_at = None;
    });
    assert!(matches!(demo.revocations().await, Err(RevocationError::Object(_))));
}
