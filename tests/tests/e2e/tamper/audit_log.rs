//! The audit log under the hands of somebody who may write the database: `audit verify` finds it.

use reqwest::Method;

use super::Pristine;
use crate::support::{Database, TestVault, verify};

/// Some thirty records, stopped in good order, so all of them are covered by a signed checkpoint.
async fn with_records() -> Pristine {
    let vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    for number in 0..12 {
        vault.set(&app, &format!("secret-{number}"), "x").await;
        vault.get(&app, &format!("secret-{number}")).await.expect(200);
    }
    Pristine::of(vault)
}

/// A record in the middle of the chain: by its position.
const MIDDLE: &str = "(SELECT max(seq) / 2 FROM audit_records)";

/// A statement, with how many rows it is to change where that is known.
type Edit = (Option<u64>, String);

#[tokio::test]
async fn an_untouched_log_verifies_stopped_and_running() {
    let mut pristine = with_records().await;
    let stopped = verify(&pristine.vault);
    assert!(stopped.good, "{}", stopped.said);
    pristine.vault.start().await.unwrap();
    let running = verify(&pristine.vault);
    assert!(running.good, "{}", running.said);
}

#[tokio::test]
async fn every_edit_of_the_log_is_found() {
    let pristine = with_records().await;
    let middle = format!("(SELECT id FROM audit_records WHERE seq = {MIDDLE})");
    let next = format!("(SELECT id FROM audit_records WHERE seq = {MIDDLE} + 1)");
    let cut = "(SELECT max(seq) - 5 FROM audit_records)";
    let drop_tail = |cut: &str| {
        vec![
            (None, "DELETE FROM audit_checkpoints".to_owned()),
            (None, "DELETE FROM audit_segments".to_owned()),
            (None, "DELETE FROM audit_tree".to_owned()),
            (Some(5), format!("DELETE FROM audit_records WHERE seq > {cut}")),
        ]
    };
    let one = |statement: String| vec![(Some(1), statement)];
    let cases: Vec<(&str, Vec<Edit>)> = vec![
        (
            "a record edited",
            one(format!("UPDATE audit_records SET body = replace(body, 'allowed', 'denied ') WHERE id = {middle}")),
        ),
        ("a record blanked", one(format!("UPDATE audit_records SET body = '{{}}' WHERE id = {middle}"))),
        ("a copied column changed", one(format!("UPDATE audit_records SET outcome = 'denied' WHERE id = {middle}"))),
        ("a record moved in time", one(format!("UPDATE audit_records SET at = at - 1 WHERE id = {middle}"))),
        ("a record dropped", one(format!("DELETE FROM audit_records WHERE id = {middle}"))),
        (
            "a record added beside the chain",
            one(format!(
                "INSERT INTO audit_records (id, at, outcome, vault, object, principal, body)
                 SELECT randomblob(16), at, outcome, vault, object, principal, body FROM audit_records WHERE id = {middle}"
            )),
        ),
        (
            "two records exchanged",
            vec![
                (None, format!("CREATE TABLE kept AS SELECT * FROM audit_records WHERE id IN ({middle}, {next})")),
                (Some(1), format!("UPDATE audit_records SET body = (SELECT body FROM kept WHERE id = {next}) WHERE id = {middle}")),
                (Some(1), format!("UPDATE audit_records SET body = (SELECT body FROM kept WHERE id = {middle}) WHERE id = {next}")),
                (None, "DROP TABLE kept".to_owned()),
            ],
        ),
        (
            "two positions exchanged",
            vec![
                (None, format!("CREATE TABLE kept AS SELECT {MIDDLE} AS seq")),
                (Some(1), "UPDATE audit_records SET seq = -1 WHERE seq = (SELECT seq FROM kept)".to_owned()),
                (Some(1), "UPDATE audit_records SET seq = seq - 1 WHERE seq = (SELECT seq + 1 FROM kept)".to_owned()),
                (Some(1), "UPDATE audit_records SET seq = (SELECT seq + 1 FROM kept) WHERE seq = -1".to_owned()),
                (None, "DROP TABLE kept".to_owned()),
            ],
        ),
        ("a link's hash changed", one(format!("UPDATE audit_records SET head = zeroblob(32) WHERE seq = {MIDDLE}"))),
        ("the end cut off, with its checkpoints", drop_tail(cut)),
        (
            "everything cut off",
            vec![
                (None, "DELETE FROM audit_records".to_owned()),
                (None, "DELETE FROM audit_checkpoints".to_owned()),
            ],
        ),
        (
            "a checkpoint signed by nobody",
            vec![(None, "UPDATE audit_checkpoints SET signature = zeroblob(64)".to_owned())],
        ),
        ("a checkpoint over another tree", one("UPDATE audit_checkpoints SET root = zeroblob(32) WHERE size = (SELECT max(size) FROM audit_checkpoints)".to_owned())),
    ];
    for (what, statements) in cases {
        pristine.restore();
        let mut database = Database::open(&pristine.vault).await;
        for (rows, statement) in statements {
            match rows {
                Some(rows) => database.change(rows, &statement).await,
                None => drop(database.run(&statement).await),
            }
        }
        database.close().await;
        let verification = verify(&pristine.vault);
        assert_eq!(verification.code, Some(3), "{what} is found:\n{}", verification.said);
        assert!(verification.said.contains("the audit log does not verify"), "{what}:\n{}", verification.said);
        assert!(verification.said.contains(named(what)), "{what} is named:\n{}", verification.said);
    }
    pristine.restore();
    assert!(verify(&pristine.vault).good, "and put back, it verifies again");
}

/// The words by which a falsification is told from every other.
fn named(what: &str) -> &'static str {
    match what {
        "a record edited" | "a record blanked" | "two records exchanged" => "was edited",
        "a copied column changed" | "a record moved in time" => "was hidden",
        "a record dropped" => "records were dropped",
        "a record added beside the chain" => "inserted from outside",
        "two positions exchanged" => "were exchanged",
        "a link's hash changed" => "is not what was chained there",
        "the end cut off, with its checkpoints" | "everything cut off" => "was cut",
        "a checkpoint signed by nobody" | "a checkpoint over another tree" => "is not signed by any known key",
        other => panic!("{other} has no words"),
    }
}

/// A log that went on from an older state is refused by the node that knows better; where it is signed
/// all the same, the checkpoint kept elsewhere shows both pasts.
#[tokio::test]
async fn a_forked_log_is_named_and_not_signed_where_it_is_known() {
    let mut pristine = with_records().await;
    let vault = &mut pristine.vault;
    vault.start().await.unwrap();
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "secret-0", "one past").await;
    vault.stop();
    let anchors = vault.data().join("anchors.jsonl");
    let kept = std::fs::read(&anchors).unwrap();
    pristine.restore();
    let vault = &mut pristine.vault;
    for (known, words) in [(true, "was cut"), (false, "was forked")] {
        if known {
            std::fs::write(&anchors, &kept).unwrap();
        } else {
            std::fs::remove_file(&anchors).unwrap();
        }
        vault.start().await.unwrap();
        if !known {
            // At least as far as the other past went.
            for number in 0..8 {
                vault.set(&app, &format!("secret-{number}"), "another past").await;
            }
        }
        vault.stop();
        std::fs::write(&anchors, &kept).unwrap();
        let verification = verify(vault);
        assert_eq!(verification.code, Some(3), "{words}: {}", verification.said);
        assert!(verification.said.contains(words), "{words}: {}", verification.said);
        let whole = verification.said.contains("nothing else is wrong");
        assert_eq!(whole, known, "an older state is told from another past: {}", verification.said);
        if known {
            assert!(vault.log().contains("forked"), "the server says so: {}", vault.log());
        }
    }
}

/// A database put back as a whole is authentic in every row; the anchors beside it know better.
#[tokio::test]
async fn an_older_database_is_found_by_its_anchors() {
    let mut pristine = with_records().await;
    pristine.vault.start().await.unwrap();
    let app = pristine.vault.token(&pristine.vault.app()).await;
    pristine.vault.set(&app, "secret-0", "newer").await;
    pristine.vault.stop();
    for name in ["strongroom.db", "strongroom.db-wal", "strongroom.db-shm"] {
        let (old, now) = (pristine.vault.folder().join("pristine").join(name), pristine.vault.data().join(name));
        if old.exists() {
            std::fs::copy(old, now).unwrap();
        } else if now.exists() {
            std::fs::remove_file(now).unwrap();
        }
    }
    let verification = verify(&pristine.vault);
    assert!(!verification.good, "{}", verification.said);
}

/// Nothing is wrong, and nothing proves it: that is said, and scripts can tell.
#[tokio::test]
async fn without_anchors_the_verdict_is_another() {
    let pristine = with_records().await;
    std::fs::remove_file(pristine.vault.data().join("anchors.jsonl")).unwrap();
    let verification = verify(&pristine.vault);
    assert_eq!(verification.code, Some(4), "{}", verification.said);
    assert!(
        verification.said.contains("no checkpoint kept outside the database was compared"),
        "{}",
        verification.said
    );
    assert!(!verification.said.contains("the audit log verifies"), "{}", verification.said);
}

#[tokio::test]
async fn an_empty_log_is_a_finding() {
    let pristine = with_records().await;
    let mut database = Database::open(&pristine.vault).await;
    // Rows too, so that nothing but the empty log is left to find.
    for table in [
        "secret_versions",
        "secrets",
        "vaults",
        "assignments",
        "workloads",
        "sessions",
        "audit_records",
        "audit_checkpoints",
        "audit_segments",
        "audit_tree",
    ] {
        database.run(&format!("DELETE FROM {table}")).await;
    }
    database.close().await;
    std::fs::remove_file(pristine.vault.data().join("anchors.jsonl")).unwrap();
    let verification = verify(&pristine.vault);
    assert_eq!(verification.code, Some(3), "{}", verification.said);
    assert!(verification.said.contains("there is no record at all"), "{}", verification.said);
}

/// Each row was authentic once; the log knows that it is not the last one.
#[tokio::test]
async fn single_rows_put_back_are_found_by_the_log() {
    let mut vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "rotated", "leaked").await;
    vault.set(&app, "purged", "leaked").await;
    vault.stop();
    let mut database = Database::open(&vault).await;
    for table in ["secrets", "secret_versions"] {
        database.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}")).await;
    }
    database.close().await;
    vault.start().await.unwrap();
    vault.set(&app, "rotated", "new").await;
    vault.ask(Method::DELETE, "/secrets/purged").bearer(&app).send().await.expect(200);
    vault.ask(Method::DELETE, "/deletedsecrets/purged").bearer(&app).send().await.expect(204);
    vault.stop();
    assert_eq!(verify(&vault).code, Some(0));

    let mut database = Database::open(&vault).await;
    database.change(1, "DELETE FROM secrets WHERE name = 'rotated'").await;
    database.change(1, "INSERT INTO secrets SELECT * FROM kept_secrets WHERE name = 'rotated'").await;
    database.change(1, "INSERT INTO secrets SELECT * FROM kept_secrets WHERE name = 'purged'").await;
    database.change(1, "INSERT INTO secret_versions SELECT * FROM kept_secret_versions WHERE name = 'purged'").await;
    database.close().await;
    let verification = verify(&vault);
    assert_eq!(verification.code, Some(3), "{}", verification.said);
    for (row, what) in [("/rotated was put back", "is on record"), ("/purged was put back", "taken away, by the log")] {
        let found = verification.said.lines().any(|line| line.contains(row) && line.contains(what));
        assert!(found, "{row}: {}", verification.said);
    }
}
