//! Somebody writes the database of a running server, so that records are not kept or not signed: nobody is
//! answered, and service returns by itself when the cause goes.

use std::time::{Duration, Instant};

use reqwest::Method;

use crate::support::{Database, TestVault, verify};

/// How soon a node whose records cannot be covered says that it is not ready.
const RED_WITHIN: Duration = Duration::from_secs(8);
/// How soon it is ready again once the cause is gone.
const BACK_WITHIN: Duration = Duration::from_secs(15);

async fn until_ready(vault: &TestVault, wanted: bool, within: Duration) {
    let begun = Instant::now();
    while (vault.ask_base(Method::GET, "/readyz").send().await.status == 200) != wanted {
        assert!(begun.elapsed() < within, "ready={wanted} takes longer than {within:?}: {}", vault.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Reads until the node says that it is not ready. What is covered at the very moment of a change may be covered by
/// what was read before it, and is found with the next record.
async fn until_found(vault: &TestVault, app: &str) {
    let begun = Instant::now();
    while vault.ask_base(Method::GET, "/readyz").send().await.status == 200 {
        assert!(begun.elapsed() < RED_WITHIN, "it is not found within {RED_WITHIN:?}: {}", vault.log());
        vault.get(app, "kept").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A read while records cannot be kept.
async fn refuses(vault: &TestVault, app: &str) {
    let read = vault.get(app, "kept").await;
    assert!(read.status == 503 && !read.text().contains("walked-value"), "{}: {}", read.status, read.text());
}

#[tokio::test]
async fn a_trigger_that_drops_records_stops_the_answers() {
    let mut vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "kept", "walked-value").await;
    let mut database = Database::open(&vault).await;
    database
        .run("CREATE TRIGGER evil AFTER INSERT ON audit_records BEGIN DELETE FROM audit_records WHERE id = NEW.id; END")
        .await;
    refuses(&vault, &app).await;
    until_ready(&vault, false, RED_WITHIN).await;
    let running = verify(&vault);
    assert_eq!(running.code, Some(3), "{}", running.said);
    assert!(running.said.contains("\"evil\" on \"audit_records\""), "{}", running.said);
    vault.stop();
    let refused = vault.start().await.unwrap_err();
    assert!(refused.contains("no release of this program makes"), "{refused}");
    database.run("DROP TRIGGER evil").await;
    database.close().await;
    vault.start().await.unwrap();
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "walked-value");
    vault.stop();
    let stopped = verify(&vault);
    assert!(stopped.good, "{}", stopped.said);
}

#[tokio::test]
async fn records_that_cannot_be_covered_stop_the_answers_and_cannot_be_taken_away() {
    let mut vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "kept", "walked-value").await;
    let mut database = Database::open(&vault).await;
    database.run("CREATE TABLE kept_tree AS SELECT * FROM audit_tree").await;
    let breaking = "UPDATE audit_tree SET root = zeroblob(32)";
    let mending = "UPDATE audit_tree SET root = (SELECT root FROM kept_tree k \
                   WHERE k.level = audit_tree.level AND k.place = audit_tree.place)";
    database.run(breaking).await;
    until_found(&vault, &app).await;
    refuses(&vault, &app).await;
    let broken = verify(&vault);
    assert_eq!(broken.code, Some(3), "{}", broken.said);
    assert!(broken.said.contains("nodes of the Merkle tree are not"), "{}", broken.said);
    database.run(mending).await;
    until_ready(&vault, true, BACK_WITHIN).await;
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "walked-value");

    // What is read before it is found, and taken away once the server was killed.
    tokio::time::sleep(Duration::from_secs(3)).await;
    database.run("DROP TABLE kept_tree").await;
    database.run("CREATE TABLE kept_tree AS SELECT * FROM audit_tree").await;
    database.run(breaking).await;
    let read = vault.get(&app, "kept").await.expect(200);
    until_found(&vault, &app).await;
    vault.kill();
    let id = read.request_id().replace('-', "");
    let cut = format!("DELETE FROM audit_records WHERE seq >= (SELECT seq FROM audit_records WHERE id = x'{id}')");
    assert!(database.run(&cut).await > 0);
    database.run(mending).await;
    database.close().await;
    let verification = verify(&vault);
    assert_eq!(verification.code, Some(3), "{}", verification.said);
    assert!(verification.said.contains("was cut"), "{}", verification.said);
    // Nor is the rest believed by the next start.
    vault.start().await.unwrap();
    until_ready(&vault, false, RED_WITHIN).await;
    refuses(&vault, &app).await;
    vault.stop();
}
