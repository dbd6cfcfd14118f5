//! What is answered when the database fails in the middle of a batch, and that nothing is lost,
//! doubled or wedged afterwards.

use std::time::Duration;

use sqlx::{Connection, Executor};
use strongroom_domain::{
    ports::{AppendError, AuditLog},
    record::Settled,
};
use strongroom_store::{
    Store,
    verify::{Finding, verify_chain},
};

use crate::support::{Place, Started, note, on_both, run, set, version};

on_both!(
    a_failure_before_the_commit_is_rolled_back,
    a_failure_in_a_member_rolls_the_batch_back,
    a_log_that_can_be_read_and_not_written_is_found,
    a_failed_commit_is_ambiguous_until_asked,
    a_caller_that_goes_away_leaves_nothing_half_done,
    records_that_are_dropped_on_their_way_are_not_taken_for_written,
    what_acts_on_what_is_written_is_refused_and_named,
);

/// Statements that make inserting into a table fail, in the way that hurts most: SQLite ends the
/// whole transaction by itself, as it does when the disk is full.
fn failing_inserts(place: &Place, table: &str) -> Vec<String> {
    if place.is_sqlite() {
        return vec![format!(
            "CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ROLLBACK, 'the disk is gone'); END"
        )];
    }
    vec![
        "CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'the disk is gone'; END $$ LANGUAGE plpgsql"
            .to_owned(),
        format!("CREATE TRIGGER broken BEFORE INSERT ON {table} EXECUTE FUNCTION broken()"),
    ]
}

fn repaired(place: &Place, table: &str) -> String {
    if place.is_sqlite() { "DROP TRIGGER broken".to_owned() } else { format!("DROP TRIGGER broken ON {table}") }
}

/// Everything works, and the trail is whole.
async fn healthy(place: &Place, s: &Started, records: u64) {
    assert_eq!(s.put(set(s.secret("after"), None, &version(), b"x")).await, Settled::Recorded);
    assert_eq!(s.put(note("after")).await, Settled::Recorded);
    let report = verify_chain(&Store::open_read_only(&place.url).await.unwrap(), &[], &[]).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!(report.nodes[0].records, records + 2);
}

async fn breaks_on(place: Place, table: &str) {
    let s = place.start().await;
    let (old, new) = (version(), version());
    s.put(set(s.secret("a"), None, &old, b"1")).await;
    let batch = || vec![note("first"), set(s.secret("a"), Some(1), &new, b"2"), note("last")];
    let statements = failing_inserts(&place, table);
    place.tamper(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for _ in 0..2 {
        let batch = batch();
        let ids: Vec<_> = batch.iter().map(|e| e.record.id).collect();
        assert!(matches!(s.store.append(batch).await, Err(AppendError::RolledBack(_))));
        assert_eq!(s.store.durable(&ids).await.unwrap(), [false; 3]);
        assert_eq!(s.revision("a").await, Some(1));
        assert_eq!(s.read("a", &old, 1).await.unwrap().sealed.ciphertext, b"1");
    }
    place.tamper(&[&repaired(&place, table)]).await;
    assert_eq!(s.store.append(batch()).await.unwrap(), [Settled::Recorded; 3]);
    assert_eq!(s.revision("a").await, Some(2));
    healthy(&place, &s, 5).await;
}

async fn a_failure_before_the_commit_is_rolled_back(place: Place) {
    breaks_on(place, "audit_records").await;
}

async fn a_log_that_can_be_read_and_not_written_is_found(place: Place) {
    let s = place.start().await;
    s.put(note("before")).await;
    s.store.prove_writable().await.unwrap();
    let statements = failing_inserts(&place, "audit_fence");
    place.tamper(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert!(s.store.prove_writable().await.is_err());
    assert!(s.store.chain_head().await.unwrap().is_some());
    place.tamper(&[&repaired(&place, "audit_fence")]).await;
    s.store.prove_writable().await.unwrap();
    healthy(&place, &s, 2).await;
}

async fn a_failure_in_a_member_rolls_the_batch_back(place: Place) {
    breaks_on(place, "secret_versions").await;
}

async fn a_failed_commit_is_ambiguous_until_asked(place: Place) {
    let s = place.start().await;
    s.put(set(s.secret("a"), None, &version(), b"1")).await;
    let statements: &[&str] = if place.is_sqlite() {
        &[
            "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
            "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
            "CREATE TRIGGER broken AFTER INSERT ON audit_records BEGIN INSERT INTO child VALUES (1); END",
        ]
    } else {
        &[
            "CREATE FUNCTION broken() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'no'; END $$ LANGUAGE plpgsql",
            "CREATE CONSTRAINT TRIGGER broken AFTER INSERT ON audit_records DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION broken()",
        ]
    };
    place.tamper(statements).await;
    let entry = set(s.secret("a"), Some(1), &version(), b"2");
    let id = entry.record.id;
    assert!(matches!(s.store.append(vec![entry]).await, Err(AppendError::Ambiguous(_))));
    assert_eq!(s.store.durable(&[id]).await.unwrap(), [false]);
    assert_eq!(s.revision("a").await, Some(1));
    place.tamper(&[&repaired(&place, "audit_records")]).await;
    healthy(&place, &s, 2).await;
}

async fn a_caller_that_goes_away_leaves_nothing_half_done(place: Place) {
    let s = place.start().await;
    let entry = set(s.secret("a"), None, &version(), b"1");
    let id = entry.record.id;
    let append = s.store.append(vec![entry]);
    if place.is_sqlite() {
        let mut other = sqlx::SqliteConnection::connect(&place.url).await.unwrap();
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(200), append).await.is_err());
        other.execute("ROLLBACK").await.unwrap();
    } else {
        let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
        run(&mut other, "BEGIN; LOCK TABLE audit_records IN ACCESS EXCLUSIVE MODE").await;
        assert!(tokio::time::timeout(Duration::from_millis(200), append).await.is_err());
        run(&mut other, "ROLLBACK").await;
    }
    assert_eq!(s.store.durable(&[id]).await.unwrap(), [false]);
    assert_eq!(s.revision("a").await, None);
    healthy(&place, &s, 1).await;
}

/// Statements that drop every record, and say nothing.
fn dropping_records(place: &Place) -> Vec<Vec<String>> {
    if place.is_sqlite() {
        return [
            "CREATE TRIGGER broken AFTER INSERT ON audit_records BEGIN DELETE FROM audit_records WHERE id = NEW.id; END",
            "CREATE TRIGGER broken BEFORE INSERT ON audit_records BEGIN SELECT RAISE(IGNORE); END",
        ]
        .map(|one| vec![one.to_owned()])
        .into();
    }
    vec![
        vec![
            "CREATE OR REPLACE FUNCTION broken() RETURNS trigger AS $$ BEGIN RETURN NULL; END $$ LANGUAGE plpgsql"
                .to_owned(),
            "CREATE TRIGGER broken BEFORE INSERT ON audit_records FOR EACH ROW EXECUTE FUNCTION broken()".to_owned(),
        ],
        vec!["CREATE RULE broken AS ON INSERT TO audit_records DO INSTEAD NOTHING".to_owned()],
    ]
}

async fn records_that_are_dropped_on_their_way_are_not_taken_for_written(place: Place) {
    let s = place.start().await;
    for statements in dropping_records(&place) {
        place.tamper(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
        for batch in [vec![note("one")], vec![note("one"), set(s.secret("a"), None, &version(), b"1"), note("two")]] {
            let appended = s.store.append(batch).await;
            assert!(
                matches!(&appended, Err(AppendError::RolledBack(why)) if why.contains("does not keep the records")),
                "{statements:?}: {appended:?}"
            );
        }
        assert_eq!(s.revision("a").await, None);
        place.tamper(&[&undone(&place, &statements)]).await;
    }
    healthy(&place, &s, 1).await;
}

fn undone(place: &Place, statements: &[String]) -> String {
    if statements.iter().any(|statement| statement.contains("RULE")) {
        return "DROP RULE broken ON audit_records".to_owned();
    }
    repaired(place, "audit_records")
}

async fn what_acts_on_what_is_written_is_refused_and_named(place: Place) {
    let s = place.start().await;
    s.store.close().await.unwrap();
    drop(s);
    let mut cases = dropping_records(&place);
    cases.push(vec!["CREATE VIEW broken AS SELECT * FROM audit_records".to_owned()]);
    for statements in cases {
        place.tamper(&statements.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let refused = Store::open(&place.url, crate::support::options()).await.err().unwrap().to_string();
        assert!(refused.contains("\"broken\"") && refused.contains("no release"), "{refused}");
        let reader = Store::open_read_only(&place.url).await.unwrap();
        let report = verify_chain(&reader, &[], &[]).await.unwrap();
        assert!(
            matches!(report.findings.as_slice(), [Finding::Foreign { what }] if what.contains("broken")),
            "{:?}",
            report.findings
        );
        let undo = match statements.first().is_some_and(|first| first.contains("VIEW")) {
            true => "DROP VIEW broken".to_owned(),
            false => undone(&place, &statements),
        };
        place.tamper(&[&undo]).await;
    }
    place.open().await;
}

/// The server's process for our connection dies while the batch waits for a lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_connection_is_rolled_back() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
    run(&mut other, "BEGIN; LOCK TABLE audit_records IN ACCESS EXCLUSIVE MODE").await;
    let store = s.store.clone();
    let batch = vec![set(s.secret("a"), None, &version(), b"1"), note("last")];
    let ids: Vec<_> = batch.iter().map(|e| e.record.id).collect();
    let appending = tokio::spawn(async move { store.append(batch).await });
    kill_waiting(&mut other).await;
    assert!(matches!(appending.await.unwrap(), Err(AppendError::RolledBack(_))));
    run(&mut other, "ROLLBACK").await;
    assert_eq!(s.store.durable(&ids).await.unwrap(), [false; 2]);
    assert_eq!(s.revision("a").await, None);
    healthy(&place, &s, 1).await;
}

/// Kills our connection as soon as it waits for a lock.
async fn kill_waiting(admin: &mut sqlx::PgConnection) {
    const WAITING: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                           WHERE wait_event_type = 'Lock' AND datname = current_database()";
    for _ in 0..200 {
        let (killed,): (i64,) = sqlx::query_as(WAITING).fetch_one(&mut *admin).await.unwrap();
        if killed > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody waited for a lock");
}

const COMMIT_WAITS_NO_MORE: &str = "DROP TRIGGER slow ON audit_records";
const COMMIT_WAITS: [&str; 2] = [
    "CREATE FUNCTION slow() RETURNS trigger AS $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$ LANGUAGE plpgsql",
    "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON audit_records DEFERRABLE INITIALLY DEFERRED \
     FOR EACH ROW EXECUTE FUNCTION slow()",
];

/// A commit that was given up is still under way: asking about it waits, and then tells the truth.
#[tokio::test(flavor = "multi_thread")]
async fn asking_waits_for_a_commit_that_still_happens() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    place.tamper(&COMMIT_WAITS).await;
    let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
    run(&mut other, "BEGIN; SELECT pg_advisory_xact_lock(4711)").await;
    let entry = set(s.secret("a"), None, &version(), b"1");
    let id = entry.record.id;
    assert!(tokio::time::timeout(Duration::from_millis(300), s.store.append(vec![entry])).await.is_err());
    let store = s.store.clone();
    let asking = tokio::spawn(async move { store.durable(&[id]).await });
    tokio::time::sleep(Duration::from_millis(3000)).await;
    assert!(!asking.is_finished(), "an answer now would be a guess");
    run(&mut other, "ROLLBACK").await;
    assert_eq!(asking.await.unwrap().unwrap(), [true]);
    assert_eq!(s.revision("a").await, Some(1));
    place.tamper(&[COMMIT_WAITS_NO_MORE]).await;
    healthy(&place, &s, 2).await;
}

/// The connection dies in COMMIT: unknown, and asking finds out.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_killed_in_commit_is_ambiguous() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    place.tamper(&COMMIT_WAITS).await;
    let mut other = sqlx::PgConnection::connect(&place.url).await.unwrap();
    run(&mut other, "BEGIN; SELECT pg_advisory_xact_lock(4711)").await;
    let entry = set(s.secret("a"), None, &version(), b"1");
    let id = entry.record.id;
    let store = s.store.clone();
    let appending = tokio::spawn(async move { store.append(vec![entry]).await });
    kill_waiting(&mut other).await;
    assert!(matches!(appending.await.unwrap(), Err(AppendError::Ambiguous(_))));
    assert_eq!(s.store.durable(&[id]).await.unwrap(), [false]);
    run(&mut other, "ROLLBACK").await;
    place.tamper(&[COMMIT_WAITS_NO_MORE]).await;
    healthy(&place, &s, 1).await;
}

/// Two nodes write one database, each its own chain; a revision is won once.
#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_a_database_and_never_a_revision() {
    let Some(place) = Place::postgres().await else { return };
    let s = place.start().await;
    let options = strongroom_store::StoreOptions { node: "node-2".into(), ..crate::support::options() };
    let second = Store::open(&place.url, options).await.unwrap();
    s.put(set(s.secret("a"), None, &version(), b"0")).await;
    for judged in 1..20 {
        let one = s.store.append(vec![set(s.secret("a"), Some(judged), &version(), b"1")]);
        let two = second.append(vec![set(s.secret("a"), Some(judged), &version(), b"2")]);
        let (one, two) = tokio::join!(one, two);
        let won = [one.unwrap()[0], two.unwrap()[0]].into_iter().filter(|s| *s == Settled::Recorded).count();
        assert_eq!(won, 1);
    }
    assert_eq!(s.revision("a").await, Some(20));
    let report = verify_chain(&Store::open_read_only(&place.url).await.unwrap(), &[], &[]).await.unwrap();
    assert!(report.is_intact(), "{:?}", report.findings);
    assert_eq!(report.nodes.iter().map(|n| n.records).sum::<u64>(), 21);
}
