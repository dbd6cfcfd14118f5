//! The life of a vault over the management API, and what no edit of the database can take from it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Database, TestVault};

struct Story {
    vault: TestVault,
    operator: String,
    app: String,
}

impl Story {
    /// A vault `payments` with a secret, which the sample workload administers.
    async fn begin() -> Self {
        let vault = TestVault::dev().await;
        let (operator, app) = (vault.token(&vault.operator()).await, vault.token(&vault.app()).await);
        let settings =
            json!({ "name": "payments", "tags": { "team": "blue" }, "region": "north", "retention_days": 7 });
        vault.create_vault(&operator, &settings).await;
        let role =
            json!({ "client_id": vault.app().id, "role": "Key Vault Administrator", "scope": "/vaults/payments" });
        vault.assign(&operator, &role).await;
        let story = Self { vault, operator, app };
        story.secret(Method::PUT, "/secrets/db?api-version=7.6", Some(json!({ "value": "kept" }))).await.expect(200);
        story
    }

    async fn secret(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let ask = self.vault.ask_vault("payments", method, path).bearer(&self.app);
        if let Some(body) = body { ask.json(&body).send().await } else { ask.send().await }
    }

    async fn manage(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let ask = self.vault.ask_base(method, &format!("/api/v1/{path}")).bearer(&self.operator);
        if let Some(body) = body { ask.json(&body).send().await } else { ask.send().await }
    }

    async fn patch(&self, if_match: &str, body: Value) -> Answer {
        let ask = self.vault.ask_base(Method::PATCH, "/api/v1/vaults/payments").bearer(&self.operator).json(&body);
        ask.header("if-match", if_match).send().await
    }
}

#[tokio::test]
async fn settings_change_by_what_is_given_and_at_the_revision_that_is_named() {
    let story = Story::begin().await;
    let shown = story.manage(Method::GET, "vaults/Payments", None).await.expect(200);
    assert_eq!(shown.header("etag"), Some("\"1\""));
    let shown = shown.json();
    assert_eq!((&shown["name"], &shown["revision"]), (&json!("payments"), &json!(1)));
    assert_eq!(shown["settings"]["tags"], json!({ "team": "blue" }));
    assert_eq!(shown["recovery_level"], "CustomizedRecoverable+Purgeable");
    let changed = story.patch("\"1\"", json!({ "tags": { "team": "red" } })).await.expect(200);
    assert_eq!(changed.header("etag"), Some("\"2\""));
    let settings = &changed.json()["settings"];
    assert_eq!((&settings["tags"]["team"], &settings["region"]), (&json!("red"), &json!("north")));
    for (if_match, body, answer) in [
        ("\"1\"", json!({ "tags": {} }), "412 PreconditionFailed"),
        ("\"two\"", json!({ "tags": {} }), "400 BadParameter"),
        ("*", json!({ "colour": "blue" }), "400 BadParameter"),
        ("*", json!({ "retention_days": 90 }), "400 BadParameter"),
        ("*", json!({ "tags": { "": "x" } }), "400 BadParameter"),
        ("*", json!({ "region": "x".repeat(65) }), "400 BadParameter"),
        ("*", json!([]), "400 BadParameter"),
    ] {
        assert_eq!(story.patch(if_match, body.clone()).await.problem(), answer, "{if_match} {body}");
    }
    let unchanged = story.manage(Method::GET, "vaults/payments", None).await.json();
    assert_eq!((&unchanged["revision"], &unchanged["settings"]), (&json!(2), settings));
    let missing = story.manage(Method::GET, "vaults/nowhere", None).await;
    assert_eq!(missing.problem(), "404 VaultNotFound");
    assert_eq!(story.manage(Method::GET, "vaults/not--a-name", None).await.problem(), "400 BadParameter");
}

#[tokio::test]
async fn a_deleted_vault_keeps_its_name_comes_back_and_goes_for_good() {
    let story = Story::begin().await;
    let deleted = story.manage(Method::DELETE, "vaults/payments", None).await.expect(200).json();
    let days = deleted["scheduled_purge_at"].as_i64().unwrap() - deleted["deleted_at"].as_i64().unwrap();
    assert_eq!(days, 7 * 86_400_000);
    assert!(deleted["deleted_at"].as_i64() > deleted["created_at"].as_i64().map(|made| made - 1_000), "{deleted}");
    // Its data plane answers as a vault that never was.
    let (gone, never) = (
        story.secret(Method::GET, "/secrets/db?api-version=7.6", None).await,
        story.vault.ask_vault("nowhere", Method::GET, "/secrets/db?api-version=7.6").bearer(&story.app).send().await,
    );
    assert_eq!(
        (gone.problem(), never.problem()),
        ("403 Forbidden/ForbiddenByRbac".into(), "403 Forbidden/ForbiddenByRbac".into())
    );
    assert_eq!(story.manage(Method::GET, "vaults/payments", None).await.problem(), "404 VaultNotFound");
    let again = story.manage(Method::POST, "vaults", Some(json!({ "name": "PAYMENTS" }))).await;
    assert_eq!(again.problem(), "409 Conflict/VaultIsDeletedButRecoverable");
    let listed = story.manage(Method::GET, "deletedvaults", None).await.expect(200).json();
    assert_eq!(listed["value"][0]["name"], "payments");
    assert_eq!(story.manage(Method::GET, "deletedvaults/payments", None).await.expect(200).json(), listed["value"][0]);
    let names = |list: Value| list["value"].as_array().unwrap().iter().map(|v| v["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(story.manage(Method::GET, "vaults", None).await.json()), ["demo"]);

    story.manage(Method::POST, "deletedvaults/payments/recover", None).await.expect(200);
    let back = story.secret(Method::GET, "/secrets/db?api-version=7.6", None).await.expect(200).json();
    assert_eq!(back["value"], "kept");
    for path in ["deletedvaults/payments", "deletedvaults/demo"] {
        assert_eq!(story.manage(Method::DELETE, path, None).await.problem(), "404 VaultNotFound", "in use");
    }

    story.manage(Method::DELETE, "vaults/payments", None).await.expect(200);
    let purged = story.manage(Method::DELETE, "deletedvaults/payments", None).await.expect(204);
    assert_eq!(story.vault.record_of(&story.operator, &purged).await["operation"], "VaultPurge");
    assert_eq!(story.manage(Method::GET, "deletedvaults/payments", None).await.problem(), "404 VaultNotFound");
    story.vault.create_vault(&story.operator, &json!({ "name": "payments" })).await;
    let nothing = story.secret(Method::GET, "/secrets/db?api-version=7.6", None).await;
    assert_eq!(nothing.problem(), "403 Forbidden/ForbiddenByRbac", "its grants went along");
}

/// Purge protection cannot be turned off over the API, and an older row of the vault, put back by
/// hand, does not bring back the time before it was on.
#[tokio::test]
async fn purge_protection_outlives_every_edit_of_the_database() {
    let mut story = Story::begin().await;
    story.vault.stop();
    let mut database = Database::open(&story.vault).await;
    database.run("CREATE TABLE kept AS SELECT * FROM vaults WHERE name = 'payments'").await;
    database.close().await;
    story.vault.start().await.unwrap();
    story.patch("*", json!({ "purge_protection": true })).await.expect(200);
    assert_eq!(story.patch("*", json!({ "purge_protection": false })).await.problem(), "400 BadParameter");
    story.secret(Method::DELETE, "/secrets/db?api-version=7.6", None).await.expect(200);
    let purge = || story.secret(Method::DELETE, "/deletedsecrets/db?api-version=7.6", None);
    assert_eq!(purge().await.problem(), "403 Forbidden/ForbiddenByPolicy");

    story.vault.stop();
    let mut database = Database::open(&story.vault).await;
    let columns = ["settings", "revision", "wrapped_key", "tag", "state", "deleted_at", "purge_at"];
    let back = columns.map(|c| format!("{c} = (SELECT {c} FROM kept)")).join(", ");
    database.change(1, &format!("UPDATE vaults SET {back} WHERE name = 'payments'")).await;
    database.close().await;
    story.vault.start().await.unwrap();
    let refused = story.secret(Method::DELETE, "/deletedsecrets/db?api-version=7.6", None).await;
    assert_eq!(refused.problem(), "500 InternalError");
    let record = story.vault.record_of(&story.operator, &refused).await;
    assert_eq!((&record["outcome"], &record["reason"]), (&json!("denied"), &json!("tampered")));
    story.manage(Method::DELETE, "vaults/payments", None).await.expect(200);
    let refused = story.manage(Method::DELETE, "deletedvaults/payments", None).await;
    assert_eq!(refused.problem(), "500 InternalError", "nor by way of a change on top of the older row");
    story.manage(Method::POST, "deletedvaults/payments/recover", None).await.expect(200);
    story.secret(Method::POST, "/deletedsecrets/db/recover?api-version=7.6", None).await.expect(200);
    let kept = story.secret(Method::GET, "/secrets/db?api-version=7.6", None).await.expect(200).json();
    assert_eq!(kept["value"], "kept", "nothing is lost");
}
