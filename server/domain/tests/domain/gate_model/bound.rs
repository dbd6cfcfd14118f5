//! A permit pays for one sort of change, on one object, after one revision.

use strongroom_domain::{
    action::Action,
    change::{Change, ChangeError, PutTokenKeys},
    grant::{Assignment, Scope},
    identity::{Session, UsedAssertion},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    permit::ObjectRef,
    ports::SealedBlob,
    principal::Grantee,
    role::Role,
    secret::{LifeState, SealedVersion, SecretMeta, VersionMeta},
    test_support::{
        permit, secret_ref, server_ref,
        world::{demo, enabled, name, person},
    },
    vault::{Vault, VaultSettings},
};
use uuid::Uuid;

const VAULT: VaultId = VaultId(Uuid::from_u128(1));
const OTHER_VAULT: VaultId = VaultId(Uuid::from_u128(2));
const DELETED: LifeState = LifeState::Deleted { deleted_at: 1, purge_at: 2 };

fn at_provider() -> Change {
    let token = UsedAssertion { id_hash: [0; 32], used: 0, expires: 1 };
    Change::EndSessionsAtProvider { sessions: vec![[0; 32]], token }
}

fn version(last: u8) -> ObjectVersion {
    ObjectVersion::from_bytes([last; 16])
}

fn row(secret: &str, life: LifeState, revision: i64) -> SecretMeta {
    SecretMeta {
        name: name(secret).unwrap(),
        life,
        current: version(1),
        revision,
        managed: false,
        certificate: None,
        rotation: None,
        tag: Vec::new(),
    }
}

fn set(secret: &str, life: LifeState, revision: i64, sealed_as: u8) -> Change {
    let meta = VersionMeta {
        version: version(sealed_as),
        attributes: enabled(),
        created: 0,
        updated: 0,
        ordinal: 1,
        data_key_id: [0; 16],
        key: None,
        certificate: None,
        tag: Vec::new(),
    };
    let sealed = strongroom_crypto::SealedValue {
        data_key_id: [0; 16],
        wrapped_data_key: Vec::new(),
        ciphertext: Vec::new(),
        row_format: 1,
    };
    Change::SetSecret { secret: row(secret, life, revision), version: Box::new(SealedVersion { meta, sealed }) }
}

fn update(secret: &str, revision: i64) -> Change {
    let Change::SetSecret { secret, version } = set(secret, LifeState::Active, revision, 1) else { unreachable!() };
    Change::UpdateSecret { secret, version: Box::new(version.meta) }
}

fn restore(secret: &str, state: LifeState, versions: &[u8]) -> Change {
    let sealed = |number| match set(secret, state, 1, number) {
        Change::SetSecret { version, .. } => *version,
        _ => unreachable!(),
    };
    Change::RestoreSecret { secret: row(secret, state, 77), versions: versions.iter().copied().map(sealed).collect() }
}

fn life(secret: &str, life: LifeState, revision: i64) -> Change {
    Change::SetSecretLife { secret: row(secret, life, revision) }
}

fn grant(scope: Scope) -> Change {
    let grantee = Grantee::Principal { id: person("ada").id.clone() };
    let id = Uuid::from_u128(3);
    Change::AddAssignment(Box::new(Assignment {
        id,
        grantee,
        role: Role::Reader.into(),
        scope,
        created_at: 0,
        ends_at: None,
        tag: Vec::new(),
    }))
}

fn vault(name: &str) -> Change {
    Change::PutVault(Box::new(Vault {
        id: VAULT,
        name: VaultName::parse(name).unwrap(),
        settings: VaultSettings::default(),
        revision: 1,
        created_at: 0,
        wrapped_key: Vec::new(),
        life: LifeState::Active,
        tag: Vec::new(),
    }))
}

/// The same as it is made.
fn new_vault(name: &str) -> Change {
    let Change::PutVault(vault) = vault(name) else { unreachable!() };
    Change::MakeVault { vault, beside: 1 }
}

/// The vault `demo` at a revision.
fn vault_at(revision: i64, life: LifeState) -> Change {
    let Change::PutVault(vault) = vault("demo") else { unreachable!() };
    Change::PutVault(Box::new(Vault { revision, life, ..*vault }))
}

fn demo_vault() -> ObjectRef {
    object(Some(VAULT), ObjectKind::Vault, None)
}

fn token_keys(before: i64, after: i64) -> Change {
    let blob = |revision| SealedBlob { bytes: vec![1], revision };
    Change::PutTokenKeys(Box::new(PutTokenKeys { label: "tokens", before: blob(before), after: blob(after) }))
}

fn finish_setup(before: i64, scope: Scope) -> Change {
    let blob = |revision| SealedBlob { bytes: vec![1], revision };
    let put = PutTokenKeys { label: strongroom_domain::setup::LABEL, before: blob(before), after: blob(before + 1) };
    let Change::AddAssignment(owner) = grant(scope) else { unreachable!() };
    let owner = Assignment { role: Role::Owner.into(), ..*owner };
    Change::FinishSetup { put: Box::new(put), owner: Box::new(owner) }
}

fn command_line() -> Change {
    let session = Session {
        id_hash: [0; 32],
        principal: (*person("ada")).clone(),
        display_name: String::new(),
        created: 0,
        expires: 1,
        provider_session: None,
        authenticated: None,
        begun: None,
        tag: Vec::new(),
    };
    let code = UsedAssertion { id_hash: [1; 32], used: 0, expires: 1 };
    Change::BeginCommandLine { session: Box::new(session), code, allowed_from: [2; 32] }
}

fn spend(action: Action, object: ObjectRef, revision: Option<i64>, change: Change) -> Result<(), ChangeError> {
    permit(Uuid::nil(), action, object, revision).apply(change, ()).map(|_| ())
}

fn db() -> ObjectRef {
    secret_ref(VAULT, demo().unwrap(), Some(name("db").unwrap()))
}

fn object(vault: Option<VaultId>, kind: ObjectKind, text: Option<&str>) -> ObjectRef {
    let name = text.map(|text| ObjectName::parse(text).unwrap());
    ObjectRef { vault: vault.map(|id| (id, demo().unwrap())), kind, name }
}

#[test]
fn a_change_on_the_permitted_object_fits() {
    use Action::*;
    let active = LifeState::Active;
    let good = [
        (SecretSet, db(), None, set("db", active, 77, 1)),
        (SecretSet, db(), Some(4), set("DB", active, 5, 1)),
        (SecretUpdate, db(), Some(4), update("Db", 5)),
        (SecretRestore, db(), None, restore("DB", active, &[2, 1])),
        (SecretDelete, db(), Some(4), life("db", DELETED, 5)),
        (SecretRecover, db(), Some(4), life("db", active, 5)),
        (
            SecretPurge,
            db(),
            Some(4),
            Change::PurgeSecret { vault_revision: 1, companions: Vec::new(), assignments: Vec::new() },
        ),
        (VaultCreate, object(None, ObjectKind::Vault, Some("payments")), None, new_vault("payments")),
        (VaultUpdate, object(Some(VAULT), ObjectKind::Vault, None), Some(4), vault_at(5, active)),
        (VaultDelete, object(Some(VAULT), ObjectKind::Vault, None), Some(4), vault_at(5, DELETED)),
        (VaultRecover, object(Some(VAULT), ObjectKind::Vault, None), Some(4), vault_at(5, active)),
        (VaultPurge, object(Some(VAULT), ObjectKind::Vault, None), Some(4), Change::PurgeVault),
        (AssignmentAdd, server_ref(), None, grant(Scope::Server)),
        (AssignmentAdd, object(Some(VAULT), ObjectKind::Vault, None), Some(1), grant(Scope::Vault { vault: VAULT })),
        (
            AssignmentAdd,
            db(),
            Some(1),
            grant(Scope::Object { vault: VAULT, kind: ObjectKind::Secret, name: name("Db").unwrap() }),
        ),
        (SessionChange, server_ref(), None, Change::EndSession { id_hash: [0; 32] }),
        (SessionChange, server_ref(), None, command_line()),
        (TokenKeyRotate, server_ref(), None, token_keys(4, 5)),
        (TokenKeyRevoke, server_ref(), None, token_keys(4, 5)),
        (TokenKeyRetire, server_ref(), None, token_keys(4, 5)),
        (SessionRevoke, server_ref(), None, Change::EndSessions(vec![[0; 32]])),
        (SetupFinish, server_ref(), None, finish_setup(0, Scope::Server)),
        (SessionChange, server_ref(), None, at_provider()),
    ];
    for (action, object, revision, change) in good {
        let shown = format!("{action:?} {change:?}");
        assert_eq!(spend(action, object, revision, change), Ok(()), "{shown}");
    }
}

#[test]
fn any_other_change_does_not_fit() {
    use Action::*;
    let active = LifeState::Active;
    let in_other_vault =
        || grant(Scope::Object { vault: OTHER_VAULT, kind: ObjectKind::Secret, name: name("db").unwrap() });
    let bad = [
        ("another name", SecretSet, db(), Some(4), set("other", active, 5, 1)),
        ("another revision", SecretSet, db(), Some(4), set("db", active, 6, 1)),
        ("another sort of action", SecretDelete, db(), Some(4), set("db", active, 5, 1)),
        ("a read", SecretGet, db(), Some(4), set("db", active, 5, 1)),
        ("a row that points elsewhere", SecretSet, db(), Some(4), set("db", active, 5, 2)),
        ("a deletion dressed as a set", SecretSet, db(), Some(4), set("db", DELETED, 5, 1)),
        (
            "a set on the collection",
            SecretSet,
            object(Some(VAULT), ObjectKind::Secret, None),
            None,
            set("db", active, 1, 1),
        ),
        (
            "a set without a vault",
            SecretSet,
            object(None, ObjectKind::Secret, Some("db")),
            None,
            set("db", active, 1, 1),
        ),
        ("a restore over what is there", SecretRestore, db(), Some(76), restore("db", active, &[1])),
        ("a restore of another name", SecretRestore, db(), None, restore("other", active, &[1])),
        ("a restore without its current version", SecretRestore, db(), None, restore("db", active, &[2])),
        ("a restore as deleted", SecretRestore, db(), None, restore("db", DELETED, &[1])),
        ("a restore by a set's permit", SecretSet, db(), None, restore("db", active, &[1])),
        ("an update of what was not there", SecretUpdate, db(), None, update("db", 5)),
        ("an update of another name", SecretUpdate, db(), Some(4), update("other", 5)),
        ("an update after another revision", SecretUpdate, db(), Some(4), update("db", 6)),
        ("an update by a set's permit", SecretSet, db(), Some(4), update("db", 5)),
        ("a set by an update's permit", SecretUpdate, db(), Some(4), set("db", active, 5, 1)),
        ("a recovery by a deletion's permit", SecretDelete, db(), Some(4), life("db", active, 5)),
        ("a deletion by a recovery's permit", SecretRecover, db(), Some(4), life("db", DELETED, 5)),
        ("a deletion of what was not there", SecretDelete, db(), None, life("db", DELETED, 1)),
        (
            "a purge of what was not there",
            SecretPurge,
            db(),
            None,
            Change::PurgeSecret { vault_revision: 1, companions: Vec::new(), assignments: Vec::new() },
        ),
        (
            "a purge by a deletion's permit",
            SecretDelete,
            db(),
            Some(4),
            Change::PurgeSecret { vault_revision: 1, companions: Vec::new(), assignments: Vec::new() },
        ),
        (
            "a purge of a vault",
            SecretPurge,
            object(Some(VAULT), ObjectKind::Vault, Some("db")),
            Some(4),
            Change::PurgeSecret { vault_revision: 1, companions: Vec::new(), assignments: Vec::new() },
        ),
        ("another vault", VaultCreate, object(None, ObjectKind::Vault, Some("payments")), None, new_vault("other")),
        (
            "a vault that is there",
            VaultCreate,
            object(Some(VAULT), ObjectKind::Vault, None),
            Some(1),
            new_vault("demo"),
        ),
        ("a change for a new one", VaultCreate, object(None, ObjectKind::Vault, Some("demo")), None, vault("demo")),
        ("an update that deletes", VaultUpdate, demo_vault(), Some(4), vault_at(5, DELETED)),
        ("an update that skips", VaultUpdate, demo_vault(), Some(4), vault_at(6, active)),
        ("an update of what was not there", VaultUpdate, demo_vault(), None, vault_at(1, active)),
        ("an update of another vault", VaultUpdate, demo_vault(), Some(0), vault("payments")),
        ("a deletion that keeps", VaultDelete, demo_vault(), Some(4), vault_at(5, active)),
        ("a recovery that deletes", VaultRecover, demo_vault(), Some(4), vault_at(5, DELETED)),
        ("a recovery by an update's sort of row", VaultCreate, demo_vault(), Some(4), vault_at(5, active)),
        ("a vault's purge by a deletion's permit", VaultDelete, demo_vault(), Some(4), Change::PurgeVault),
        ("a vault's purge by a secret's", SecretPurge, db(), Some(4), Change::PurgeVault),
        (
            "a secret's purge by a vault's",
            VaultPurge,
            demo_vault(),
            Some(4),
            Change::PurgeSecret { vault_revision: 4, companions: Vec::new(), assignments: Vec::new() },
        ),
        ("a wider scope", AssignmentAdd, db(), Some(4), grant(Scope::Server)),
        ("the whole vault", AssignmentAdd, db(), Some(4), grant(Scope::Vault { vault: VAULT })),
        ("a secret of another vault", AssignmentAdd, db(), Some(4), in_other_vault()),
        (
            "another vault's scope",
            AssignmentAdd,
            object(Some(VAULT), ObjectKind::Vault, None),
            Some(1),
            grant(Scope::Vault { vault: OTHER_VAULT }),
        ),
        ("token keys that skip a revision", TokenKeyRotate, server_ref(), None, token_keys(4, 6)),
        ("token keys that go back", TokenKeyRotate, server_ref(), None, token_keys(4, 4)),
        ("token keys by a look at them", TokenKeyRead, server_ref(), None, token_keys(4, 5)),
        ("token keys by a root key's permit", SealRotate, server_ref(), None, token_keys(4, 5)),
        ("token keys of a vault", TokenKeyRotate, demo_vault(), Some(4), token_keys(4, 5)),
        (
            "sessions of others by the permit for one's own",
            SessionChange,
            server_ref(),
            None,
            Change::EndSessions(vec![]),
        ),
        ("a setup by another's permit", AssignmentAdd, server_ref(), None, finish_setup(0, Scope::Server)),
        ("a setup that was done", SetupFinish, server_ref(), None, finish_setup(1, Scope::Server)),
        ("a setup of a vault", SetupFinish, server_ref(), None, finish_setup(0, Scope::Vault { vault: VAULT })),
        ("a session of the command line by another's permit", SessionRevoke, server_ref(), None, command_line()),
        ("a session by a grant's permit", AssignmentAdd, server_ref(), None, Change::EndSession { id_hash: [0; 32] }),
    ];
    for (what, action, object, revision, change) in bad {
        assert_eq!(spend(action, object, revision, change), Err(ChangeError), "{what}");
    }
}
