//! A permit for a certificate pays for its rows and for those of its key and its secret, and for nothing else.

use std::collections::BTreeSet;

use strongroom_crypto::{SealedValue, key::KeySpec};
use strongroom_domain::{
    action::Action,
    certificate::{CertificatePolicy, CertificateState, CertificateVersion, ContentType},
    change::{Change, ChangeError, NameWrite},
    key::KeyProperties,
    names::{ObjectKind, ObjectVersion, VaultId},
    permit::ObjectRef,
    secret::{LifeState, SealedVersion, SecretMeta, VersionMeta},
    test_support::{
        permit, secret_ref,
        world::{demo, enabled, name},
    },
};
use uuid::Uuid;

const DELETED: LifeState = LifeState::Deleted { deleted_at: 1, purge_at: 2 };
const ACTIVE: LifeState = LifeState::Active;
use ObjectKind::{Certificate, Key, Secret};

fn object(kind: ObjectKind) -> ObjectRef {
    ObjectRef { kind, ..secret_ref(VaultId(Uuid::from_u128(1)), demo().unwrap(), Some(name("app").unwrap())) }
}

fn version(kind: ObjectKind) -> SealedVersion {
    let key = KeyProperties {
        spec: KeySpec::Rsa { bits: 2048 },
        operations: BTreeSet::new(),
        exportable: true,
        token: None,
        public: None,
    };
    let meta = VersionMeta {
        version: ObjectVersion::from_bytes([1; 16]),
        attributes: enabled(),
        created: 0,
        updated: 0,
        ordinal: 1,
        data_key_id: [0; 16],
        key: (kind != Secret).then(|| Box::new(key)),
        certificate: (kind == Certificate)
            .then(|| Box::new(CertificateVersion { content_type: ContentType::Pem, chain: Vec::new() })),
        tag: Vec::new(),
    };
    let sealed =
        SealedValue { data_key_id: [0; 16], wrapped_data_key: Vec::new(), ciphertext: Vec::new(), row_format: 1 };
    SealedVersion { meta, sealed }
}

fn write(kind: ObjectKind, judged: Option<i64>, life: LifeState, new: bool) -> NameWrite {
    let state = || {
        let policy = CertificatePolicy::default();
        Box::new(CertificateState {
            policy,
            policy_created: 0,
            policy_updated: 0,
            pending: None,
            newest: 1,
            renew_at: None,
            inquiry: None,
            revoked: Vec::new(),
            authority_since: None,
        })
    };
    let row = SecretMeta {
        name: name("app").unwrap(),
        life,
        current: ObjectVersion::from_bytes([1; 16]),
        revision: judged.map_or(77, |judged| judged + 1),
        managed: kind != Certificate,
        certificate: (kind == Certificate).then(state),
        rotation: None,
        tag: Vec::new(),
    };
    let new = if new { vec![version(kind)] } else { Vec::new() };
    NameWrite { kind, judged, name: row, new, updated: Vec::new() }
}

fn three(judged: Option<i64>, life: LifeState, new: bool) -> Vec<NameWrite> {
    [Certificate, Key, Secret].map(|kind| write(kind, judged, life, new)).into()
}

fn spend(action: Action, revision: Option<i64>, writes: Vec<NameWrite>) -> Result<(), ChangeError> {
    permit(Uuid::nil(), action, object(Certificate), revision).apply(Change::WriteCertificate(writes), ()).map(|_| ())
}

#[test]
fn a_certificate_is_written_with_its_key_and_its_secret() {
    use Action::*;
    let alone = |judged, new| vec![write(Certificate, judged, ACTIVE, new)];
    for (action, revision, writes) in [
        (CertificateCreate, None, three(None, ACTIVE, true)),
        (CertificateCreate, Some(4), three(Some(4), ACTIVE, true)),
        (CertificateCreate, None, alone(None, true)),
        (CertificateImport, None, three(None, ACTIVE, true)),
        (CertificateImport, Some(4), three(Some(4), ACTIVE, true)),
        (CertificatePendingMerge, Some(4), three(Some(4), ACTIVE, true)),
        (CertificateRenewIfDue, Some(4), three(Some(4), ACTIVE, true)),
        (CertificateIssue, Some(4), three(Some(4), ACTIVE, true)),
        (CertificateEnroll, Some(4), alone(Some(4), false)),
        (CertificateNoteRevoked, Some(4), alone(Some(4), false)),
        (CertificateRenewalPostpone, Some(4), alone(Some(4), false)),
        (CertificateRenewalPlan, Some(4), alone(Some(4), false)),
        (CertificateNearExpiry, Some(4), alone(Some(4), false)),
        (CertificateUpdate, Some(4), three(Some(4), ACTIVE, false)),
        (CertificatePolicyUpdate, Some(4), alone(Some(4), false)),
        (CertificatePendingUpdate, Some(4), alone(Some(4), false)),
        (CertificatePendingDelete, Some(4), alone(Some(4), false)),
        (CertificateDelete, Some(4), three(Some(4), DELETED, false)),
        (CertificateRecover, Some(4), three(Some(4), ACTIVE, false)),
        (CertificateRestore, None, three(None, ACTIVE, true)),
    ] {
        assert_eq!(spend(action, revision, writes), Ok(()), "{action:?}");
    }
}

#[test]
fn nothing_else_is_written_by_its_permit() {
    use Action::*;
    let changed = |change: fn(&mut Vec<NameWrite>)| {
        let mut writes = three(Some(4), ACTIVE, true);
        change(&mut writes);
        writes
    };
    for (what, action, writes) in [
        ("nothing", CertificateCreate, Vec::new()),
        ("a key alone", CertificateCreate, changed(|w| drop(w.remove(0)))),
        ("two keys", CertificateCreate, changed(|w| w[2] = write(Key, Some(4), ACTIVE, true))),
        ("two certificates", CertificateCreate, changed(|w| w[2] = write(Certificate, Some(4), ACTIVE, true))),
        ("another name", CertificateCreate, changed(|w| w[1].name.name = name("other").unwrap())),
        ("a secret that is not its own", CertificateCreate, changed(|w| w[2].name.managed = false)),
        ("a key with a policy", CertificateCreate, changed(|w| w[1].name.certificate = w[0].name.certificate.clone())),
        ("a certificate without a policy", CertificateCreate, changed(|w| w[0].name.certificate = None)),
        ("a revision that skips", CertificateCreate, changed(|w| w[1].name.revision += 1)),
        ("another revision than was judged", CertificateCreate, three(Some(5), ACTIVE, true)),
        ("a version of another kind", CertificateCreate, changed(|w| w[2].new = vec![version(Key)])),
        (
            "a key that points elsewhere",
            CertificateCreate,
            changed(|w| w[1].name.current = ObjectVersion::from_bytes([2; 16])),
        ),
        ("a life of its own", CertificateCreate, changed(|w| w[2].name.life = DELETED)),
        ("a deletion dressed as an import", CertificateImport, three(Some(4), DELETED, true)),
        ("a deletion dressed as a create", CertificateCreate, three(Some(4), DELETED, true)),
        ("a version made by an update", CertificateUpdate, three(Some(4), ACTIVE, true)),
        ("a version made by a deletion", CertificateDelete, three(Some(4), DELETED, true)),
        ("a recovery by a deletion's permit", CertificateDelete, three(Some(4), ACTIVE, false)),
        ("a restore over what is there", CertificateRestore, three(Some(4), ACTIVE, true)),
        ("a deletion dressed as a renewal", CertificateRenewIfDue, three(Some(4), DELETED, true)),
        ("a version made by a postponement", CertificateRenewalPostpone, changed(|w| w.truncate(1))),
        ("a key changed by a notice", CertificateNearExpiry, three(Some(4), ACTIVE, false)),
        ("a create by a read's permit", CertificateGet, three(Some(4), ACTIVE, true)),
        ("a create by a secret's permit", SecretSet, three(Some(4), ACTIVE, true)),
    ] {
        assert_eq!(spend(action, Some(4), writes), Err(ChangeError), "{what}");
    }
    // A secret's permit writes no row that belongs to a certificate.
    let mut managed = write(Secret, Some(4), ACTIVE, true);
    let (secret, version) = (managed.name, Box::new(managed.new.remove(0)));
    let spent =
        permit(Uuid::nil(), SecretSet, object(Secret), Some(4)).apply(Change::SetSecret { secret, version }, ());
    assert!(spent.is_err());
    let purge = |action, kind, companions| {
        let change = Change::PurgeSecret { vault_revision: 1, companions, assignments: Vec::new() };
        permit(Uuid::nil(), action, object(kind), Some(4)).apply(change, ()).is_ok()
    };
    assert!(purge(CertificatePurge, Certificate, vec![(Key, 1), (Secret, 2)]));
    assert!(!purge(CertificatePurge, Certificate, vec![(Key, 1), (Key, 2)]));
    assert!(!purge(SecretPurge, Secret, vec![(Key, 1)]), "a secret takes nothing along");
}
