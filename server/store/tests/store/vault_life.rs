//! Deleted and purged vaults, what the log says of them, and what is past its purge date.

use sqlx::{Connection, Executor};
use strongroom_domain::{
    action::Action,
    change::Change,
    condemned::{Condemned, CondemnedKeys},
    grant::{Assignment, Scope},
    identity::Workload,
    key::{KeyProperties, TokenShare},
    names::{ObjectKind, VaultId, VaultName},
    permit::ObjectRef,
    ports::{DueObject, GrantStore, IdentityStore, ObjectStore, PurgeSchedule, StoreError, VaultStore},
    principal::{Grantee, Principal, PrincipalId, PrincipalKind},
    record::{Entry, Settled},
    role::Role,
    secret::LifeState,
    test_support,
    vault::{Vault, VaultEvidence},
};
use strongroom_store::LogVerdict;
use uuid::Uuid;

use crate::support::{
    Place, Started, entry, id, life, name, on_both, permit, properties, purge, put_vault, set, set_with, vault, version,
};

on_both!(
    a_deleted_vault_is_kept_apart,
    a_purge_takes_key_grants_and_secrets,
    a_purge_of_a_secret_takes_its_grants_and_minds_the_vault,
    the_log_tells_of_every_change,
    no_column_hides_a_change_of_a_vault,
    a_vault_that_only_its_row_calls_purged_keeps_everything,
    the_log_tells_what_is_soft_deleted,
    an_edited_record_of_a_change_tells_nothing,
    a_log_that_became_shorter_tells_nothing,
    a_log_that_contradicts_itself_tells_nothing,
    what_is_due_is_named_in_order,
    what_is_condemned_is_kept_until_it_is_forgotten,
    a_vault_with_keys_in_a_token_is_known_by_any_of_their_versions,
    a_database_of_the_release_before_gets_the_table_of_what_is_condemned,
);

fn of(vault: &Vault) -> ObjectRef {
    ObjectRef { vault: Some((vault.id, vault.name.clone())), kind: ObjectKind::Vault, name: None }
}

/// The same vault, deleted, one revision on.
fn deleted(vault: &Vault, purge_at: i64) -> Vault {
    Vault { life: LifeState::Deleted { deleted_at: 1, purge_at }, revision: vault.revision + 1, ..vault.clone() }
}

/// A change of a vault with a record that tells of it.
fn put(action: Action, after: &Vault) -> Entry {
    let permit = permit(action, of(after), Some(after.revision - 1));
    let mut entry = entry(permit, Change::PutVault(Box::new(after.clone())));
    entry.record.revision = Some(after.revision);
    entry.record.vault_change = Some(after.as_changed());
    entry
}

async fn gone(s: &Started, vault: &Vault) -> Settled {
    s.put(entry(permit(Action::VaultPurge, of(vault), Some(vault.revision)), Change::PurgeVault)).await
}

async fn found(s: &Started, text: &str) -> Option<Vault> {
    s.store.vault(&VaultName::parse(text).unwrap()).await.unwrap().map(|v| (*v).clone())
}

async fn a_deleted_vault_is_kept_apart(place: Place) {
    let s = place.start().await;
    let vault = found(&s, "demo").await.unwrap();
    let deleted = deleted(&vault, 50);
    assert_eq!(s.put(put(Action::VaultDelete, &deleted)).await, Settled::Recorded);
    assert_eq!(s.put(put(Action::VaultDelete, &deleted)).await, Settled::Conflict);
    assert_eq!(found(&s, "demo").await, Some(deleted.clone()));
    assert_eq!(s.store.vaults(false).await.unwrap().len(), 0);
    assert_eq!(*s.store.vaults(true).await.unwrap()[0], deleted);
    assert_eq!(s.put(put_vault(&crate::support::vault("demo"))).await, Settled::Conflict, "the name is taken");
    let back = Vault { life: LifeState::Active, revision: 3, ..deleted };
    assert_eq!(s.put(put(Action::VaultRecover, &back)).await, Settled::Recorded);
    assert_eq!(found(&s, "demo").await, Some(back));
    assert_eq!(s.store.vaults(true).await.unwrap().len(), 0);
}

fn grant(scope: Scope) -> Assignment {
    let grantee = Grantee::Group { issuer: "i".into(), group: "g".into() };
    Assignment { id: id(), grantee, role: Role::Reader.into(), scope, created_at: 3, ends_at: None, tag: vec![5; 32] }
}

fn object(vault: VaultId, text: &str) -> Scope {
    Scope::Object { vault, kind: ObjectKind::Secret, name: name(text) }
}

/// Grants of every scope in the vault, in another one and on everything.
async fn put_grants(s: &Started, other: &Vault) {
    let whole = |vault: VaultId, text: &str| ObjectRef {
        vault: Some((vault, VaultName::parse(text).unwrap())),
        kind: ObjectKind::Vault,
        name: None,
    };
    let in_other = test_support::secret_ref(other.id, other.name.clone(), Some(name("a")));
    for (on, revision, scope) in [
        (test_support::server_ref(), None, Scope::Server),
        (whole(s.vault, "demo"), Some(1), Scope::Vault { vault: s.vault }),
        (whole(other.id, "other"), Some(1), Scope::Vault { vault: other.id }),
        (s.secret("a"), s.revision("a").await, object(s.vault, "A")),
        (s.secret("ab"), None, object(s.vault, "ab")),
        (in_other, None, object(other.id, "a")),
    ] {
        let change = Change::AddAssignment(Box::new(grant(scope)));
        assert_eq!(s.put(entry(permit(Action::AssignmentAdd, on, revision), change)).await, Settled::Recorded);
    }
}

async fn scopes(s: &Started) -> Vec<Scope> {
    let anybody = Principal {
        id: PrincipalId { issuer: "i".into(), subject: "x".into() },
        kind: PrincipalKind::User,
        groups: vec!["g".into()],
        claims: std::collections::BTreeMap::new(),
        token: None,
        ends: None,
    };
    s.store.assignments(&anybody).await.unwrap().iter().map(|a| a.scope.clone()).collect()
}

async fn a_purge_takes_key_grants_and_secrets(place: Place) {
    let s = place.start().await;
    let other = vault("other");
    s.put(put_vault(&other)).await;
    for n in 0..7 {
        s.put(set(s.secret(&format!("s{n}")), None, &version(), b"x")).await;
    }
    put_grants(&s, &other).await;
    assert_eq!(scopes(&s).await.len(), 6);
    let demo = found(&s, "demo").await.unwrap();
    assert_eq!(gone(&s, &demo).await, Settled::Conflict, "only what is deleted is purged");
    let demo = deleted(&demo, 50);
    s.put(put(Action::VaultDelete, &demo)).await;
    assert_eq!(gone(&s, &demo).await, Settled::Recorded);
    assert_eq!(gone(&s, &demo).await, Settled::Conflict, "once");
    assert_eq!(scopes(&s).await, [Scope::Server, Scope::Vault { vault: other.id }, object(other.id, "a")]);
    assert_eq!(found(&s, "demo").await, None);
    assert_eq!(s.store.vaults(true).await.unwrap().len(), 0);
    // The name is free at once, whatever is still to be swept.
    let again = vault("demo");
    assert_eq!(s.put(put_vault(&again)).await, Settled::Recorded);
    assert!(verified(&place).await, "what is to be swept is not taken for a vault that came back");
    let mut sweeps = 0;
    while s.store.sweep(3).await.unwrap() {
        sweeps += 1;
    }
    assert_eq!(sweeps, 4, "3 and 3 and 1 names, then the vault itself");
    assert_eq!(s.store.facts(s.vault, ObjectKind::Secret, &name("s0"), None).await.unwrap(), None);
    assert_eq!(found(&s, "demo").await, Some(again));
    assert_eq!(found(&s, "other").await, Some(other));
    assert!(verified(&place).await, "what went with the vault is not missed");
}

async fn a_vault_that_only_its_row_calls_purged_keeps_everything(place: Place) {
    let s = place.start().await;
    let other = vault("other");
    s.put(put_vault(&other)).await;
    s.put(set(s.secret("a"), None, &version(), b"x")).await;
    let other = deleted(&other, 50);
    s.put(put(Action::VaultDelete, &other)).await;
    assert_eq!(gone(&s, &other).await, Settled::Recorded);
    let key = if place.is_sqlite() { "x''" } else { "''::bytea" };
    let called_purged = format!("UPDATE vaults SET state = 'purged', wrapped_key = {key} WHERE name = 'demo'");
    place.tamper(&[called_purged.as_str()]).await;
    while s.store.sweep(3).await.is_ok_and(|more| more) {}
    assert!(matches!(s.store.sweep(3).await, Err(StoreError::Damaged(_))), "what was purged went, and this is left");
    let kept = s.store.facts(s.vault, ObjectKind::Secret, &name("a"), None).await.unwrap();
    assert!(kept.is_some());
    assert!(!verified(&place).await, "and the check of the log finds it");
    s.store.judge_log(LogVerdict::Contradicted);
    assert!(s.store.sweep(3).await.is_err());
}

/// A name's row is borne out by its last change alone, and by none of an earlier life of the name.
async fn the_log_tells_what_is_soft_deleted(place: Place) {
    let s = place.start().await;
    let v = version();
    let told =
        async |revision| s.store.tells_of_deletion(s.vault, ObjectKind::Secret, &name("a"), revision).await.unwrap();
    // As the use case names it.
    let change = async |judged, state: LifeState| {
        let mut entry = life(s.secret("a"), judged, &v, state);
        let action = if state == LifeState::Active { Action::SecretRecover } else { Action::SecretDelete };
        action.operation().clone_into(&mut entry.record.operation);
        assert_eq!(s.put(entry).await, Settled::Recorded);
    };
    let away = LifeState::Deleted { deleted_at: 1, purge_at: 2 };
    s.put(set(s.secret("a"), None, &v, b"x")).await;
    assert!(!told(1).await);
    change(1, away).await;
    assert!(told(2).await && !told(1).await && !told(3).await);
    assert!(!s.store.tells_of_deletion(s.vault, ObjectKind::Key, &name("a"), 2).await.unwrap(), "of another kind");
    change(2, LifeState::Active).await;
    place.tamper(&["UPDATE audit_records SET vault_id = NULL, vault = NULL, object = NULL, at = 0"]).await;
    assert!(!told(2).await && !told(3).await, "whatever the columns say");
    change(3, away).await;
    assert!(told(4).await && !told(2).await);
    assert_eq!(s.put(purge(s.secret("a"), 4)).await, Settled::Recorded);
    assert!(!told(4).await && !told(5).await);
    s.store.judge_log(LogVerdict::Contradicted);
    assert!(s.store.tells_of_deletion(s.vault, ObjectKind::Secret, &name("a"), 4).await.is_err());
}

/// Whether log and rows agree.
async fn verified(place: &Place) -> bool {
    let reader = strongroom_store::Store::open_read_only(&place.url).await.unwrap();
    let report = strongroom_store::verify::verify_chain(&reader, &[], &[]).await.unwrap();
    report.findings.iter().for_each(|finding| println!("{finding}"));
    report.is_intact()
}

async fn a_purge_of_a_secret_takes_its_grants_and_minds_the_vault(place: Place) {
    let s = place.start().await;
    let other = vault("other");
    s.put(put_vault(&other)).await;
    let v = version();
    s.put(set(s.secret("a"), None, &v, b"x")).await;
    put_grants(&s, &other).await;
    s.put(life(s.secret("a"), 1, &v, LifeState::Deleted { deleted_at: 1, purge_at: 2 })).await;
    // The vault is another one than was judged: protected, for all we know.
    let changed = Vault { revision: 2, ..found(&s, "demo").await.unwrap() };
    s.put(put(Action::VaultUpdate, &changed)).await;
    assert_eq!(s.put(purge(s.secret("a"), 2)).await, Settled::Conflict);
    assert_eq!(scopes(&s).await.len(), 6, "a conflict takes nothing");
    let assignments = s.store.assignments_at(&object(s.vault, "A")).await.unwrap();
    assert_eq!(assignments.len(), 1);
    for (assignments, settled) in [(Vec::new(), Settled::Conflict), (assignments, Settled::Recorded)] {
        let judged = permit(Action::SecretPurge, s.secret("a"), Some(2));
        let change = Change::PurgeSecret { vault_revision: 2, companions: Vec::new(), assignments };
        assert_eq!(s.put(entry(judged, change)).await, settled, "all grants at it are named");
    }
    let left = scopes(&s).await;
    assert_eq!(left.len(), 5);
    assert!(!left.contains(&object(s.vault, "a")) && left.contains(&object(s.vault, "ab")));
    assert!(verified(&place).await, "the record names the grants that went");
}

async fn the_log_tells_of_every_change(place: Place) {
    let s = place.start().await;
    assert_eq!(s.store.evidence(s.vault).await.unwrap(), None, "made before records told");
    let mut demo = found(&s, "demo").await.unwrap();
    for protection in [false, true, true] {
        demo.revision += 1;
        demo.settings.purge_protection = protection;
        assert_eq!(s.put(put(Action::VaultUpdate, &demo)).await, Settled::Recorded);
        let told = s.store.evidence(s.vault).await.unwrap();
        assert_eq!(told, Some(VaultEvidence { revision: demo.revision, purge_protection: protection }));
        assert!(told.unwrap().supports(&demo));
    }
    assert_eq!(s.store.evidence(VaultId(id())).await.unwrap(), None);
    // Hidden from its column, the log verifies no more.
    assert!(verified(&place).await);
    place.tamper(&["UPDATE audit_records SET vault_id = NULL"]).await;
    assert!(!verified(&place).await);
}

/// Whoever can write the database can empty every column that is a copy, and make records look old.
async fn no_column_hides_a_change_of_a_vault(place: Place) {
    let s = place.start().await;
    let mut demo = found(&s, "demo").await.unwrap();
    for number in 0..120 {
        demo.revision += 1;
        demo.settings.purge_protection = number == 0;
        assert_eq!(s.put(put(Action::VaultUpdate, &demo)).await, Settled::Recorded);
    }
    place.tamper(&["UPDATE audit_records SET vault_id = NULL, vault = NULL, object = NULL, at = 0"]).await;
    let all = Some(VaultEvidence { revision: 121, purge_protection: true });
    assert_eq!(s.store.evidence(s.vault).await.unwrap(), all, "the first of many changes counts as well");
    demo.revision += 1;
    assert_eq!(s.put(put(Action::VaultUpdate, &demo)).await, Settled::Recorded);
    let all = Some(VaultEvidence { revision: 122, purge_protection: true });
    assert_eq!(s.store.evidence(s.vault).await.unwrap(), all, "and so does what came since the last look");
}

async fn an_edited_record_of_a_change_tells_nothing(place: Place) {
    let s = place.start().await;
    let mut demo = found(&s, "demo").await.unwrap();
    demo.revision += 1;
    demo.settings.purge_protection = true;
    assert_eq!(s.put(put(Action::VaultUpdate, &demo)).await, Settled::Recorded);
    let edit = "UPDATE audit_records SET body = replace(body, \
         '\"purge_protection\":true}', '\"purge_protection\":false}')";
    place.tamper(&[edit]).await;
    assert!(matches!(s.store.evidence(s.vault).await, Err(StoreError::Damaged(_))), "its link has another hash");
}

async fn a_log_that_became_shorter_tells_nothing(place: Place) {
    let s = place.start().await;
    assert!(s.store.evidence(s.vault).await.is_ok());
    place.tamper(&["UPDATE audit_records SET node = NULL, seq = NULL"]).await;
    assert!(matches!(s.store.evidence(s.vault).await, Err(StoreError::Damaged(_))));
}

/// A record that is gone is found by the check of the whole log: nothing is purged without it.
async fn a_log_that_contradicts_itself_tells_nothing(place: Place) {
    let s = place.start().await;
    let mut demo = found(&s, "demo").await.unwrap();
    demo.revision += 1;
    assert_eq!(s.put(put(Action::VaultUpdate, &demo)).await, Settled::Recorded);
    s.store.judge_log(LogVerdict::Contradicted);
    assert!(matches!(s.store.evidence(s.vault).await, Err(StoreError::Damaged(_))));
    s.store.judge_log(LogVerdict::Pending);
    let (told, ()) = tokio::join!(s.store.evidence(s.vault), async { s.store.judge_log(LogVerdict::Intact) });
    assert_eq!(told.unwrap().map(|told| told.revision), Some(demo.revision), "it waits for the first check");
}

async fn what_is_due_is_named_in_order(place: Place) {
    let s = place.start().await;
    let away = vault("away");
    s.put(put_vault(&away)).await;
    for (n, purge_at) in [(0, Some(10)), (1, Some(20)), (2, None), (3, Some(5)), (4, Some(10))] {
        let (text, v) = (format!("S{n}"), version());
        s.put(set(s.secret(&text), None, &v, b"x")).await;
        if let Some(purge_at) = purge_at {
            s.put(life(s.secret(&text), 1, &v, LifeState::Deleted { deleted_at: 1, purge_at })).await;
        }
    }
    let v = version();
    s.put(set(s.key("S3"), None, &v, b"x")).await;
    s.put(life(s.key("S3"), 1, &v, LifeState::Deleted { deleted_at: 1, purge_at: 10 })).await;
    let due = async |now, after: Option<&DueObject>, limit| {
        let due = s.store.due_objects(now, after, limit).await.unwrap();
        due.iter().map(|d| format!("{} {}/{}", d.kind.as_str(), d.vault, d.name)).collect::<Vec<_>>()
    };
    assert_eq!(due(10, None, 10).await, ["key demo/S3", "secret demo/S0", "secret demo/S3", "secret demo/S4"]);
    assert_eq!(due(10, None, 2).await, ["key demo/S3", "secret demo/S0"]);
    let after = DueObject { vault: VaultName::parse("demo").unwrap(), kind: ObjectKind::Secret, name: name("s3") };
    assert_eq!(due(10, Some(&after), 2).await, ["secret demo/S4"]);
    let after = DueObject { kind: ObjectKind::Key, ..after };
    assert_eq!(due(10, Some(&after), 2).await, ["secret demo/S0", "secret demo/S3"]);
    assert_eq!(due(4, None, 10).await, Vec::<String>::new());
    // Edited by somebody else: what can still be named is tried, and nothing keeps the others from their turn.
    place
        .tamper(&[
            "UPDATE secrets SET display = 'ANOTHER' WHERE name = 's0'",
            "UPDATE secrets SET kind = 'nothing' WHERE name = 's3'",
            "UPDATE secrets SET purge_at = 1 WHERE name = 's2'",
        ])
        .await;
    assert_eq!(due(10, None, 10).await, ["key demo/S3", "secret demo/s0", "secret demo/S4"]);
    s.put(put(Action::VaultDelete, &deleted(&away, 7))).await;
    let demo = found(&s, "demo").await.unwrap();
    s.put(put(Action::VaultDelete, &deleted(&demo, 8))).await;
    assert_eq!(due(10, None, 10).await, Vec::<String>::new(), "what is in a deleted vault goes with it");
    for (now, names) in [(6, vec![]), (7, vec!["away"]), (8, vec!["away", "demo"])] {
        let due = s.store.due_vaults(now).await.unwrap();
        assert_eq!(due.iter().map(VaultName::as_str).collect::<Vec<_>>(), names);
    }
}

/// With the tables gone, whatever is answered cost no read: names and ids that exist, and those that
/// do not, asked for the first time.
#[tokio::test]
async fn a_name_that_is_not_there_costs_what_one_that_is_costs() {
    let place = Place::sqlite();
    let s = place.start().await;
    let app = Workload {
        client_id: id(),
        name: "app".into(),
        enabled: true,
        secrets: Vec::new(),
        certificates: Vec::new(),
        federations: Vec::new(),
        created: Some(1),
        generation: 0,
        registered: std::collections::BTreeMap::new(),
        givers: Vec::new(),
        revision: 1,
        tag: vec![4; 32],
    };
    let made = permit(Action::WorkloadCreate, test_support::server_ref(), None);
    s.put(entry(made, Change::PutWorkload { workload: Box::new(app.clone()), remaining: None })).await;
    assert_eq!(found(&s, "whatever").await, None);
    assert_eq!(s.store.workload(Uuid::nil()).await.unwrap(), None);
    place.tamper(&["ALTER TABLE vaults RENAME TO v", "ALTER TABLE workloads RENAME TO w"]).await;
    assert!(found(&s, "demo").await.is_some());
    assert_eq!(s.store.workload(app.client_id).await.unwrap().as_deref(), Some(&app));
    for n in 0..50 {
        assert_eq!(found(&s, &format!("unknown-{n}")).await, None);
        assert_eq!(s.store.workload(id()).await.unwrap(), None);
    }
}

/// One row that is damaged hides no other, and is not taken for missing.
#[tokio::test]
async fn a_damaged_row_is_damaged_alone() {
    let place = Place::sqlite();
    let s = place.start().await;
    s.put(put_vault(&vault("other"))).await;
    let mut database = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
    database.execute("UPDATE vaults SET settings = '{' WHERE name = 'other'").await.unwrap();
    assert!(found(&s, "demo").await.is_some());
    let damaged = s.store.vault(&VaultName::parse("other").unwrap()).await;
    assert!(matches!(damaged, Err(StoreError::Damaged(_))));
}

/// A database as the first release left it: the keys of scopes are filled in.
#[tokio::test]
async fn grants_of_an_older_schema_get_their_scope() {
    for place in [Some(Place::sqlite()), Place::postgres().await].into_iter().flatten() {
        let s = place.start().await;
        let other = vault("other");
        s.put(put_vault(&other)).await;
        put_grants(&s, &other).await;
        let before = scopes(&s).await;
        s.store.close().await.unwrap();
        drop(s);
        place
            .tamper(&[
                "DROP INDEX audit_records_by_vault_id",
                "DROP INDEX secrets_by_purge",
                "DROP INDEX assignments_by_scope",
                "ALTER TABLE assignments DROP COLUMN scope_key",
                "ALTER TABLE audit_records DROP COLUMN vault_id",
                "ALTER TABLE vaults DROP COLUMN purge_at",
                "ALTER TABLE vaults DROP COLUMN deleted_at",
                "ALTER TABLE vaults DROP COLUMN state",
                "DELETE FROM seaql_migrations WHERE version = 'm0005_vault_life'",
            ])
            .await;
        let started = Started { store: place.open().await, vault: other.id, installation: Uuid::nil() };
        assert_eq!(scopes(&started).await, before, "and every key fits its body, or the row would be damaged");
        assert_eq!(found(&started, "demo").await.unwrap().life, LifeState::Active);
    }
}

async fn what_is_condemned_is_kept_until_it_is_forgotten(place: Place) {
    let s = place.start().await;
    let condemned = |number: u128, key: Option<u128>| Condemned {
        vault: VaultId(Uuid::from_u128(number)),
        vault_name: VaultName::parse("demo").unwrap(),
        key: key.map(|family| (name("k"), Uuid::from_u128(family))),
        at: 7,
        tag: vec![1; 32],
    };
    let (whole, one, other) = (condemned(1, None), condemned(1, Some(2)), condemned(2, Some(1)));
    for row in [&other, &one, &whole] {
        s.store.condemn(row).await.unwrap();
    }
    let again = Condemned { at: 8, tag: vec![2; 32], ..one.clone() };
    s.store.condemn(&again).await.unwrap();
    let all = s.store.condemned(None, 10).await.unwrap();
    assert_eq!(all, [whole.clone(), again.clone(), other.clone()], "in order, the second time in place of the first");
    assert_eq!(s.store.condemned(Some(&whole.label()), 1).await.unwrap(), std::slice::from_ref(&again));
    s.store.forget_condemned(&one).await.unwrap();
    assert_eq!(s.store.condemned(None, 10).await.unwrap().len(), 3, "another row than was done is kept");
    s.store.forget_condemned(&again).await.unwrap();
    assert_eq!(s.store.condemned(None, 10).await.unwrap(), [whole, other]);
}

async fn a_vault_with_keys_in_a_token_is_known_by_any_of_their_versions(place: Place) {
    let s = place.start().await;
    assert!(!s.store.has_token_keys(s.vault).await.unwrap());
    s.put(set(s.key("here"), None, &version(), b"x")).await;
    assert!(!s.store.has_token_keys(s.vault).await.unwrap());
    let share = TokenShare { family: Uuid::nil(), here: true };
    let in_token = KeyProperties { token: Some(share), ..properties() };
    s.put(set_with(s.key("there"), None, &version(), b"x", Some(in_token))).await;
    assert!(s.store.has_token_keys(s.vault).await.unwrap());
    assert!(!s.store.has_token_keys(VaultId(Uuid::from_u128(1))).await.unwrap());
}

/// As the release before left it, with every step but the last.
async fn a_database_of_the_release_before_gets_the_table_of_what_is_condemned(place: Place) {
    let s = place.start().await;
    s.store.close().await.unwrap();
    drop(s);
    let last = "DELETE FROM seaql_migrations WHERE version = 'm0026_condemned_keys'";
    place.tamper(&["DROP TABLE condemned_keys", last]).await;
    let store = place.open().await;
    assert_eq!(store.condemned(None, 1).await.unwrap(), []);
}
