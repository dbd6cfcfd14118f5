//! Rows put back to an older, authentic state, or put back after their end, are found by the log.

use strongroom_crypto::{AuditSigner, SeededEntropy};
use strongroom_domain::{
    action::Action,
    change::Change,
    identity::{Session, UsedAssertion},
    names::ObjectKind,
    permit::ObjectRef,
    principal::Principal,
    record::{Entry, RowKind, Settled, UsedOnce},
    secret::{LifeState, SecretMeta},
    test_support,
};
use strongroom_store::{
    Store,
    verify::{Finding, OnceFault, RowFault, VerifyReport, verify_chain},
};

use crate::{
    seal::{blob, token_keys},
    support::{Place, Started, entry, life, on_both, permit, purge, record, sealed, set, version},
};

on_both!(
    untouched_rows_agree_with_the_log,
    a_secret_put_back_to_an_older_row_is_found,
    a_version_put_back_alone_is_found,
    a_purged_secret_that_is_back_is_found,
    deleted_rows_are_missed,
    a_vault_put_back_or_inserted_is_found,
    an_ended_session_that_is_back_is_found,
    token_keys_that_were_put_back_are_found,
    a_key_put_back_alone_or_inserted_is_found,
    rows_from_before_are_counted_and_not_accused,
    what_remembers_a_used_assertion_is_missed,
);

const KEEP: [&str; 3] = [
    "CREATE TABLE kept_secrets AS SELECT * FROM secrets",
    "CREATE TABLE kept_versions AS SELECT * FROM secret_versions",
    "CREATE TABLE kept_vaults AS SELECT * FROM vaults",
];

async fn verified(place: &Place) -> VerifyReport {
    let signer = AuditSigner::generate(&SeededEntropy::new(1)).ok().unwrap();
    let reader = Store::open_read_only(&place.url).await.unwrap();
    let report = verify_chain(&reader, &[signer.public_key()], &[]).await.unwrap();
    // However little it may hold at a time, it finds the same.
    let little = verify_chain(&reader.holding(1), &[signer.public_key()], &[]).await.unwrap();
    let told = |report: &VerifyReport| {
        let mut findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        findings.sort();
        (findings, report.rows, report.untracked)
    };
    assert_eq!(told(&little), told(&report));
    report
}

fn faults(report: &VerifyReport) -> Vec<(RowKind, RowFault)> {
    let fault = |finding: &Finding| match finding {
        Finding::Row { row, fault, .. } => (*row, *fault),
        other => panic!("{other}"),
    };
    report.findings.iter().map(fault).collect()
}

/// Two secrets, the first of them with two versions.
async fn furnished(s: &Started) {
    let first = version();
    s.put(set(s.secret("alpha"), None, &first, b"one")).await;
    s.put(set(s.secret("beta"), None, &version(), b"one")).await;
}

/// A name made anew begins at another revision than its predecessor.
fn made_again(s: &Started, object: &str, revision: i64) -> Entry {
    let (object, version) = (s.secret(object), version());
    let secret = SecretMeta {
        name: object.name.clone().unwrap(),
        life: LifeState::Active,
        current: version.clone(),
        revision,
        managed: false,
        certificate: None,
        rotation: None,
        tag: vec![8; 32],
    };
    let version = Box::new(sealed(&version, 1, b"again"));
    entry(permit(Action::SecretSet, object, None), Change::SetSecret { secret, version })
}

async fn untouched_rows_agree_with_the_log(place: Place) {
    let s = place.start().await;
    furnished(&s).await;
    let current = version();
    s.put(set(s.secret("alpha"), Some(1), &current, b"two")).await;
    let deleted = LifeState::Deleted { deleted_at: 1, purge_at: 2 };
    s.put(life(s.secret("alpha"), 2, &current, deleted)).await;
    s.put(purge(s.secret("alpha"), 3)).await;
    s.put(made_again(&s, "alpha", 900)).await;
    let report = verified(&place).await;
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!((report.rows, report.untracked), (5, 0), "vault, two names, two versions");
}

async fn a_secret_put_back_to_an_older_row_is_found(place: Place) {
    let s = place.start().await;
    furnished(&s).await;
    place.tamper(&KEEP).await;
    s.put(set(s.secret("alpha"), Some(1), &version(), b"two")).await;
    place
        .tamper(&[
            "DELETE FROM secrets WHERE name = 'alpha'",
            "INSERT INTO secrets SELECT * FROM kept_secrets WHERE name = 'alpha'",
            "INSERT INTO secret_versions SELECT v.* FROM kept_versions v LEFT JOIN secret_versions n \
             ON n.version = v.version WHERE n.version IS NULL",
        ])
        .await;
    let found = faults(&verified(&place).await);
    assert!(found.contains(&(RowKind::Secret, RowFault::Older { found: 1, recorded: 2 })), "{found:?}");
}

async fn a_version_put_back_alone_is_found(place: Place) {
    let s = place.start().await;
    furnished(&s).await;
    place.tamper(&["UPDATE secret_versions SET tag = ordinal_tag.tag FROM (SELECT secrets.tag AS tag FROM secrets WHERE name = 'alpha') AS ordinal_tag WHERE name = 'beta'"]).await;
    assert_eq!(faults(&verified(&place).await), [(RowKind::Secret, RowFault::NotLast)]);
}

async fn a_purged_secret_that_is_back_is_found(place: Place) {
    let s = place.start().await;
    furnished(&s).await;
    let current = version();
    s.put(set(s.secret("alpha"), Some(1), &current, b"two")).await;
    s.put(life(s.secret("alpha"), 2, &current, LifeState::Deleted { deleted_at: 1, purge_at: 2 })).await;
    place.tamper(&KEEP).await;
    s.put(purge(s.secret("alpha"), 3)).await;
    assert!(verified(&place).await.is_intact());
    place
        .tamper(&[
            "INSERT INTO secrets SELECT * FROM kept_secrets WHERE name = 'alpha'",
            "INSERT INTO secret_versions SELECT * FROM kept_versions WHERE name = 'alpha'",
        ])
        .await;
    assert!(faults(&verified(&place).await).contains(&(RowKind::Secret, RowFault::Back)));
}

async fn a_key_put_back_alone_or_inserted_is_found(place: Place) {
    let s = place.start().await;
    furnished(&s).await;
    s.put(set(s.key("alpha"), None, &version(), b"one")).await;
    assert!(verified(&place).await.is_intact(), "a secret and a key of one name are two rows");
    place.tamper(&["UPDATE secret_versions SET tag = other.tag FROM (SELECT tag FROM secrets WHERE name = 'alpha') AS other WHERE name = 'key/alpha'"]).await;
    assert_eq!(faults(&verified(&place).await), [(RowKind::Key, RowFault::NotLast)]);
    place
        .tamper(&[
            "DELETE FROM secrets WHERE name = 'key/alpha'",
            "INSERT INTO secrets (vault_id, name, display, state, deleted_at, purge_at, current, revision, tag, kind) \
             SELECT vault_id, 'key/beta', display, state, deleted_at, purge_at, current, revision, tag, 'key' \
             FROM secrets WHERE name = 'beta'",
        ])
        .await;
    let found = faults(&verified(&place).await);
    assert!(found.contains(&(RowKind::Key, RowFault::Missing)), "{found:?}");
    assert!(found.contains(&(RowKind::Key, RowFault::Unrecorded)), "{found:?}");
}

async fn deleted_rows_are_missed(place: Place) {
    let s = place.start().await;
    furnished(&s).await;
    s.put(set(s.secret("alpha"), Some(1), &version(), b"two")).await;
    place.tamper(&["DELETE FROM secret_versions WHERE name = 'alpha' AND ordinal = 1"]).await;
    let report = verified(&place).await;
    assert_eq!(faults(&report), [(RowKind::Secret, RowFault::Missing)]);
    assert!(report.findings[0].to_string().contains("/alpha/"), "{}", report.findings[0]);
    place.tamper(&["DELETE FROM secret_versions WHERE name = 'beta'", "DELETE FROM secrets WHERE name = 'beta'"]).await;
    let report = verified(&place).await;
    assert!(report.findings.iter().any(|f| f.to_string().ends_with("/beta was deleted: it is there, by the log")));
}

async fn a_vault_put_back_or_inserted_is_found(place: Place) {
    let s = place.start().await;
    place.tamper(&["UPDATE vaults SET revision = 0"]).await;
    let older = RowFault::Older { found: 0, recorded: 1 };
    assert_eq!(faults(&verified(&place).await), [(RowKind::Vault, older)]);
    place.tamper(&["UPDATE vaults SET revision = 2"]).await;
    let ahead = RowFault::Ahead { found: 2, recorded: 1 };
    assert_eq!(faults(&verified(&place).await), [(RowKind::Vault, ahead)]);
    let other = uuid::Uuid::from_u128(0xffff_0000_0000);
    let other = if place.is_sqlite() { format!("x'{}'", other.simple()) } else { format!("'{other}'") };
    let insert = format!(
        "INSERT INTO vaults (id, name, settings, revision, created_at, wrapped_key, tag) \
         SELECT {other}, 'other', settings, revision, created_at, wrapped_key, tag FROM vaults"
    );
    place.tamper(&["UPDATE vaults SET revision = 1", &insert]).await;
    assert_eq!(faults(&verified(&place).await), [(RowKind::Vault, RowFault::Unrecorded)]);
    drop(s);
}

async fn an_ended_session_that_is_back_is_found(place: Place) {
    let s = place.start().await;
    let object = || ObjectRef { vault: None, kind: ObjectKind::Server, name: None };
    let change = |change| entry(permit(Action::SessionChange, object(), None), change);
    let session = Session {
        id_hash: [1; 32],
        principal: Principal::system("test"),
        display_name: "Ada".into(),
        created: 5,
        expires: 100,
        provider_session: None,
        authenticated: None,
        begun: None,
        tag: vec![1; 32],
    };
    s.put(change(Change::BeginSession(Box::new(session)))).await;
    assert!(verified(&place).await.is_intact());
    place.tamper(&["CREATE TABLE kept_sessions AS SELECT * FROM sessions"]).await;
    s.put(change(Change::EndSession { id_hash: [1; 32] })).await;
    assert!(verified(&place).await.is_intact());
    place.tamper(&["INSERT INTO sessions SELECT * FROM kept_sessions"]).await;
    assert_eq!(faults(&verified(&place).await), [(RowKind::Session, RowFault::Back)]);
}

/// A database that was written before records told of rows.
async fn rows_from_before_are_counted_and_not_accused(place: Place) {
    let s = place.start().await;
    let mut early = set(s.secret("early"), None, &version(), b"one");
    early.record.changed.clear();
    "SecretSet".clone_into(&mut early.record.operation);
    early.record.revision = Some(1);
    s.put(early).await;
    let report = verified(&place).await;
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!((report.rows, report.untracked), (1, 2), "the vault; a name and its version");
    s.put(Entry { record: record("Nothing"), change: None }).await;
    s.put(set(s.secret("early"), Some(1), &version(), b"two")).await;
    place.tamper(&["UPDATE secrets SET revision = 1"]).await;
    let found = faults(&verified(&place).await);
    assert_eq!(found, [(RowKind::Secret, RowFault::Older { found: 1, recorded: 2 })], "what changed since is judged");
}

/// Whoever knows a key that was revoked, and may write the database, would bring it back.
async fn token_keys_that_were_put_back_are_found(place: Place) {
    let s = place.start().await;
    s.store.put_sealed_blob("tokens", b"one").await.unwrap();
    s.put(token_keys(blob(b"one", 0), blob(b"two", 1))).await;
    s.put(token_keys(blob(b"two", 1), blob(b"three", 2))).await;
    assert_eq!(faults(&verified(&place).await), []);
    for revision in [0, 1] {
        place.tamper(&[&format!("UPDATE sealed_blobs SET revision = {revision} WHERE label = 'tokens'")]).await;
        let older = RowFault::Older { found: revision, recorded: 2 };
        assert_eq!(faults(&verified(&place).await), [(RowKind::TokenKeys, older)]);
    }
    place.tamper(&["DELETE FROM sealed_blobs WHERE label = 'tokens'"]).await;
    assert_eq!(faults(&verified(&place).await), [(RowKind::TokenKeys, RowFault::Missing)]);
}

async fn what_remembers_a_used_assertion_is_missed(place: Place) {
    let s = place.start().await;
    let exchange = async |byte: u8, used: i64| {
        let used = UsedAssertion { id_hash: [byte; 32], used, expires: used + 600 };
        let permit = permit(Action::TokenIssue, test_support::server_ref(), None);
        assert_eq!(s.put(entry(permit, Change::UseAssertion(used))).await, Settled::Recorded);
    };
    let faults = async || {
        let findings = verified(&place).await.findings;
        let fault = |finding| match finding {
            Finding::UsedOnce { id, fault } => (id, fault),
            other => panic!("{other}"),
        };
        findings.into_iter().map(fault).collect::<Vec<_>>()
    };
    let id = |byte: u8| UsedOnce::id_of(&[byte; 32]);
    exchange(1, 1000).await;
    exchange(2, 1010).await;
    exchange(2, 1020).await;
    exchange(3, 1601).await;
    assert_eq!(faults().await, [], "the first had expired when the last one came");
    place.tamper(&["UPDATE used_assertions SET used = 1600 WHERE used = 1010"]).await;
    assert_eq!(faults().await, [(id(2), OnceFault::Edited)]);
    place.tamper(&["UPDATE used_assertions SET used = 1010, expires = 900 WHERE used = 1600"]).await;
    assert_eq!(faults().await, [(id(2), OnceFault::Edited)]);
    place.tamper(&["DELETE FROM used_assertions"]).await;
    assert_eq!(faults().await, [(id(2), OnceFault::Missing), (id(3), OnceFault::Missing)]);
    exchange(3, 1800).await;
    assert_eq!(faults().await, [(id(3), OnceFault::Again { seconds: 199 })], "for as long as the log is kept");
}
