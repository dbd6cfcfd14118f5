//! The contract of `ObjectStore` for certificates with their keys and secrets: written together or not at all.

use strongroom_crypto::{
    Entropy, SeededEntropy, SystemEntropy,
    key::{Curve, KeySpec, generate},
    x509::{CertificateFacts, Template, Validity, self_signed},
};
use strongroom_domain::{
    action::Action,
    certificate::{CertificatePolicy, CertificateState, CertificateVersion, ContentType},
    change::{Change, NameWrite},
    names::{ObjectKind, ObjectVersion, VaultId},
    permit::ObjectRef,
    ports::{AuditLog as _, ObjectStore, PurgeSchedule, StoreError},
    record::{Entry, Settled},
    secret::{LifeState, SecretMeta, VersionMeta},
    test_support,
};

use strongroom_store::{Store, StoreOptions};

use crate::support::{Place, Started, entry, name, on_both, options, permit, properties, sealed, set, version};

on_both!(
    all_three_are_written_or_none,
    what_is_a_certificates_alone_comes_back,
    all_three_go_together_and_once,
    certificates_are_found_by_issuer_and_serial_number,
    of_one_issuer_and_serial_number_there_is_one_certificate,
    two_that_came_in_before_that_are_still_changed,
);

const KINDS: [ObjectKind; 3] = [ObjectKind::Certificate, ObjectKind::Key, ObjectKind::Secret];

fn certificate(s: &Started) -> ObjectRef {
    ObjectRef { kind: ObjectKind::Certificate, ..s.secret("app") }
}

fn state() -> CertificateState {
    let policy = CertificatePolicy::default();
    CertificateState {
        policy,
        policy_created: 1,
        policy_updated: 2,
        pending: None,
        newest: 1,
        renew_at: None,
        inquiry: None,
        revoked: Vec::new(),
        authority_since: None,
    }
}

fn write(kind: ObjectKind, judged: Option<i64>, current: &ObjectVersion, life: LifeState, new: bool) -> NameWrite {
    let own = kind == ObjectKind::Certificate;
    let name = SecretMeta {
        name: name("app"),
        life,
        current: current.clone(),
        revision: judged.unwrap_or(0) + 1,
        managed: !own,
        certificate: own.then(|| Box::new(state())),
        rotation: None,
        tag: vec![8; 32],
    };
    let mut made = sealed(current, 1, kind.as_str().as_bytes());
    made.meta.key = (kind != ObjectKind::Secret).then(|| Box::new(properties()));
    made.meta.certificate = own
        .then(|| Box::new(CertificateVersion { content_type: ContentType::Pem, chain: vec![vec![1, 2, 3], vec![4]] }));
    NameWrite { kind, judged, name, new: if new { vec![made] } else { Vec::new() }, updated: Vec::new() }
}

fn create(s: &Started, judged: [Option<i64>; 3], current: &ObjectVersion) -> Entry {
    let writes =
        KINDS.into_iter().zip(judged).map(|(kind, judged)| write(kind, judged, current, LifeState::Active, true));
    let permit = permit(Action::CertificateCreate, certificate(s), judged[0]);
    entry(permit, Change::WriteCertificate(writes.collect()))
}

async fn revisions(s: &Started) -> [Option<i64>; 3] {
    let mut found = [None; 3];
    for (slot, kind) in found.iter_mut().zip(KINDS) {
        let facts = s.store.facts(s.vault, kind, &name("app"), None).await.unwrap();
        *slot = facts.map(|facts| facts.secret.revision);
    }
    found
}

async fn all_three_are_written_or_none(place: Place) {
    let s = place.start().await;
    // A secret of the name stands there already.
    assert_eq!(s.put(set(s.secret("app"), None, &version(), b"mine")).await, Settled::Recorded);
    assert_eq!(s.put(create(&s, [None; 3], &version())).await, Settled::Conflict);
    assert_eq!(revisions(&s).await, [None, None, Some(1)]);
    let other = place_like(&place).await;
    let s = other.start().await;
    let first = version();
    assert_eq!(s.put(create(&s, [None; 3], &first)).await, Settled::Recorded);
    assert_eq!(revisions(&s).await, [Some(1); 3]);
    let second = version();
    // Judged on another revision of its key.
    assert_eq!(s.put(create(&s, [Some(1), Some(2), Some(1)], &second)).await, Settled::Conflict);
    assert_eq!(revisions(&s).await, [Some(1); 3]);
    assert_eq!(s.put(create(&s, [Some(1); 3], &second)).await, Settled::Recorded);
    for kind in KINDS {
        let facts = s.store.facts(s.vault, kind, &name("app"), None).await.unwrap().unwrap();
        assert_eq!((&facts.secret.current, facts.secret.revision), (&second, 2), "{kind:?}");
    }
}

async fn place_like(place: &Place) -> Place {
    if place.is_sqlite() { Place::sqlite() } else { Place::postgres().await.unwrap() }
}

async fn what_is_a_certificates_alone_comes_back(place: Place) {
    let s = place.start().await;
    let first = version();
    s.put(create(&s, [None; 3], &first)).await;
    for _ in 0..2 {
        let own = s.store.facts(s.vault, ObjectKind::Certificate, &name("app"), None).await.unwrap().unwrap();
        let meta = own.version.as_ref().unwrap();
        assert_eq!((own.secret.managed, own.secret.certificate.as_deref()), (false, Some(&state())));
        assert_eq!(meta.certificate.as_ref().unwrap().chain, [vec![1, 2, 3], vec![4]]);
        let key = s.store.facts(s.vault, ObjectKind::Key, &name("app"), None).await.unwrap().unwrap();
        assert!(key.secret.managed && key.secret.certificate.is_none());
        let permit = permit(Action::CertificateCreate, certificate(&s), Some(1));
        let (permit, read) = test_support::open(s.store.read_to_change(permit, &first).await);
        assert_eq!((permit.revision(), read.unwrap().sealed.ciphertext.as_slice()), (Some(1), &b"certificate"[..]));
    }
    let stale = permit(Action::CertificateCreate, certificate(&s), Some(7));
    let (_, read) = test_support::open(s.store.read_to_change(stale, &first).await);
    assert!(matches!(read, Err(StoreError::Stale)));
}

async fn all_three_go_together_and_once(place: Place) {
    let s = place.start().await;
    let first = version();
    s.put(create(&s, [None; 3], &first)).await;
    let deleted = LifeState::Deleted { deleted_at: 10, purge_at: 20 };
    let writes = KINDS.into_iter().map(|kind| write(kind, Some(1), &first, deleted, false)).collect();
    let delete = permit(Action::CertificateDelete, certificate(&s), Some(1));
    assert_eq!(s.put(entry(delete, Change::WriteCertificate(writes))).await, Settled::Recorded);
    let due = s.store.due_objects(20, None, 10).await.unwrap();
    let kinds: Vec<_> = due.iter().map(|due| due.kind).collect();
    assert_eq!(kinds, [ObjectKind::Certificate], "what goes with it is not due by itself");
    let purge = |key: i64| {
        let companions = vec![(ObjectKind::Key, key), (ObjectKind::Secret, 2)];
        let change = Change::PurgeSecret { vault_revision: 1, companions, assignments: Vec::new() };
        entry(permit(Action::CertificatePurge, certificate(&s), Some(2)), change)
    };
    assert_eq!(s.put(purge(1)).await, Settled::Conflict);
    assert_eq!(revisions(&s).await, [Some(2); 3], "not one of them went");
    assert_eq!(s.put(purge(2)).await, Settled::Recorded);
    assert_eq!(revisions(&s).await, [None; 3]);
}

/// A certificate of its own, with how it was issued.
fn issued() -> (Vec<u8>, String) {
    issued_with(&SystemEntropy)
}

/// The same whose serial number is drawn from here.
fn issued_with(serials: &dyn Entropy) -> (Vec<u8>, String) {
    let spec = KeySpec::Ec { crv: Curve::P256 };
    let key = generate(spec, &SystemEntropy).ok().unwrap();
    let template = Template { subject: "CN=one".to_owned(), ..CertificatePolicy::default().template };
    let leaf = self_signed(&template, &key, Validity::months(1_800_000_000, 1).unwrap(), serials).unwrap();
    let issued_as = CertificateFacts::of(&leaf).unwrap().issued_as();
    (leaf, issued_as)
}

async fn certificates_are_found_by_issuer_and_serial_number(place: Place) {
    let s = place.start().await;
    let ((leaf, first), (_, second)) = (issued(), issued());
    let version = version();
    let with = |chain| Some(Box::new(CertificateVersion { content_type: ContentType::Pem, chain }));
    let waits = || {
        let mut own = write(ObjectKind::Certificate, None, &version, LifeState::Active, true);
        own.new[0].meta.certificate = with(Vec::new());
        entry(permit(Action::CertificateCreate, certificate(&s), None), Change::WriteCertificate(vec![own]))
    };
    let finished = async {
        let facts = s.store.facts(s.vault, ObjectKind::Certificate, &name("app"), None).await.unwrap().unwrap();
        let meta = VersionMeta { certificate: with(vec![leaf]), ..facts.version.clone().unwrap() };
        let own = write(ObjectKind::Certificate, Some(1), &version, LifeState::Active, false);
        let own = NameWrite { updated: vec![meta], ..own };
        let merge = permit(Action::CertificatePendingMerge, certificate(&s), Some(1));
        entry(merge, Change::WriteCertificate(vec![own]))
    };
    let found = async |store: &Store, issued_as: &str| store.issued_as(s.vault, issued_as, 9).await.unwrap();
    // One that waits, and is finished later.
    assert_eq!(s.put(waits()).await, Settled::Recorded);
    assert!(found(&s.store, &first).await.is_empty());
    assert_eq!(s.put(finished.await).await, Settled::Recorded);
    let here = [(name("app"), version.clone())];
    assert_eq!(found(&s.store, &first).await, here);
    assert!(found(&s.store, &second).await.is_empty());
    let elsewhere = VaultId(crate::support::id());
    assert!(s.store.issued_as(elsewhere, &first, 9).await.unwrap().is_empty(), "of that vault alone");
    // From before it was noted: found once somebody has started a server.
    place.tamper(&["UPDATE secret_versions SET issued_as = NULL"]).await;
    assert!(found(&s.store, &first).await.is_empty());
    let vault = s.vault;
    drop(s);
    let store = Store::open(&place.url, options()).await.unwrap();
    assert_eq!(store.issued_as(vault, &first, 9).await.unwrap(), here);
}

/// A certificate by itself, under a name of its own.
fn brought(s: &Started, under: &str, leaf: Vec<u8>) -> Entry {
    let mut own = write(ObjectKind::Certificate, None, &version(), LifeState::Active, true);
    own.name.name = name(under);
    own.new[0].meta.certificate =
        Some(Box::new(CertificateVersion { content_type: ContentType::Pem, chain: vec![leaf] }));
    let object = ObjectRef { kind: ObjectKind::Certificate, ..s.secret(under) };
    entry(permit(Action::CertificateImport, object, None), Change::WriteCertificate(vec![own]))
}

async fn of_one_issuer_and_serial_number_there_is_one_certificate(place: Place) {
    let s = place.start().await;
    // Two keys, and as many draws for the serial number.
    let ((first, of_first), (second, of_second)) =
        (issued_with(&SeededEntropy::new(1)), issued_with(&SeededEntropy::new(1)));
    assert!(first != second && of_first == of_second);
    assert_eq!(s.put(brought(&s, "one", first.clone())).await, Settled::Recorded);
    assert_eq!(s.put(brought(&s, "other", second.clone())).await, Settled::Conflict);
    assert_eq!(s.put(brought(&s, "copy", first)).await, Settled::Recorded, "the same is no other");
    // In one batch, and on two nodes at once, too.
    let pair = |by: u64| [issued_with(&SeededEntropy::new(by)).0, issued_with(&SeededEntropy::new(by)).0];
    let [third, fourth] = pair(2);
    let batch = vec![brought(&s, "third", third), brought(&s, "fourth", fourth)];
    assert_eq!(s.store.append(batch).await.unwrap(), [Settled::Recorded, Settled::Conflict]);
    if place.is_sqlite() {
        return;
    }
    let second = StoreOptions { node: "second".to_owned(), ..options() };
    let elsewhere = Store::open(&place.url, second).await.unwrap();
    for round in 0..4 {
        let [here, there] = pair(3 + round);
        let (here, there) =
            (brought(&s, &format!("here-{round}"), here), brought(&s, &format!("there-{round}"), there));
        let (here, there) = tokio::join!(s.store.append(vec![here]), elsewhere.append(vec![there]));
        let both = [here.unwrap()[0], there.unwrap()[0]];
        assert_eq!(both.iter().filter(|settled| **settled == Settled::Recorded).count(), 1, "{both:?}");
    }
}

async fn two_that_came_in_before_that_are_still_changed(place: Place) {
    let s = place.start().await;
    let [first, second] = [issued_with(&SeededEntropy::new(1)).0, issued_with(&SeededEntropy::new(1)).0];
    assert_eq!(s.put(brought(&s, "one", first)).await, Settled::Recorded);
    place.tamper(&["UPDATE secret_versions SET issued_as = NULL"]).await;
    assert_eq!(s.put(brought(&s, "other", second)).await, Settled::Recorded, "it was not looked for");
    let noted = "SELECT issued_as FROM secret_versions WHERE name = 'certificate/other'";
    place.tamper(&[&format!("UPDATE secret_versions SET issued_as = ({noted})")]).await;
    let facts = s.store.facts(s.vault, ObjectKind::Certificate, &name("one"), None).await.unwrap().unwrap();
    let meta = facts.version.clone().unwrap();
    let mut own = write(ObjectKind::Certificate, Some(1), &meta.version, LifeState::Active, false);
    own.name.name = name("one");
    let own = NameWrite { updated: vec![meta], ..own };
    let object = ObjectRef { kind: ObjectKind::Certificate, ..s.secret("one") };
    let change = entry(permit(Action::CertificatePendingMerge, object, Some(1)), Change::WriteCertificate(vec![own]));
    assert_eq!(s.put(change).await, Settled::Recorded);
}
