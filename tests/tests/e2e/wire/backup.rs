//! Backup and restore on the wire: everything comes back, to its own vault alone, or nothing changes.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestVault};

struct Story {
    vault: TestVault,
    app: String,
    operator: String,
}

impl Story {
    async fn begin() -> Self {
        let vault = TestVault::dev().await;
        let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
        Self { vault, app, operator }
    }

    async fn backup(&self, name: &str) -> Answer {
        self.vault.ask(Method::POST, &format!("/secrets/{name}/backup")).bearer(&self.app).send().await
    }

    async fn blob(&self, name: &str) -> String {
        self.backup(name).await.expect(200).json()["value"].as_str().unwrap().to_owned()
    }

    async fn restore(&self, body: &Value) -> Answer {
        self.vault.ask(Method::POST, "/secrets/restore").bearer(&self.app).json(body).send().await
    }

    async fn purge(&self, name: &str) {
        for path in [format!("/secrets/{name}"), format!("/deletedsecrets/{name}")] {
            let answer = self.vault.ask(Method::DELETE, &path).bearer(&self.app).send().await;
            assert!(answer.status < 300, "{}", answer.text());
        }
    }

    async fn versions(&self, name: &str) -> Value {
        let path = format!("/secrets/{name}/versions");
        self.vault.ask(Method::GET, &path).bearer(&self.app).send().await.expect(200).json()["value"].clone()
    }
}

#[tokio::test]
async fn a_backup_brings_everything_back_and_shows_nothing() {
    let story = Story::begin().await;
    let full = json!({ "value": "first-value", "contentType": "text/plain", "tags": { "team": "payments" },
        "attributes": { "nbf": 1, "exp": 4_000_000_000_i64 } });
    story.vault.ask(Method::PUT, "/secrets/Kept").bearer(&story.app).json(&full).send().await.expect(200);
    let newest = story.vault.set(&story.app, "kept", "second-value").await;
    let before = story.versions("kept").await;
    let answer = story.backup("kept").await.expect(200);
    let record = story.vault.record_of(&story.operator, &answer).await;
    assert_eq!((&record["operation"], &record["outcome"]), (&json!("SecretBackup"), &json!("allowed")));
    let blob = answer.json()["value"].as_str().unwrap().to_owned();
    assert!(blob.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "base64url without padding");
    let bytes = data_encoding::BASE64URL_NOPAD.decode(blob.as_bytes()).unwrap();
    for plain in ["first-value", "second-value", "payments", "Kept", "kept"] {
        assert!(!bytes.windows(plain.len()).any(|w| w == plain.as_bytes()), "{plain}");
    }

    let taken = story.restore(&json!({ "value": blob })).await;
    assert_eq!(taken.problem(), "409 Conflict");
    story.vault.ask(Method::DELETE, "/secrets/kept").bearer(&story.app).send().await.expect(200);
    let deleted = story.restore(&json!({ "value": blob })).await;
    assert_eq!(deleted.problem(), "409 Conflict/ObjectIsDeletedButRecoverable");
    assert_eq!(story.backup("kept").await.problem(), "404 SecretNotFound");
    story.vault.ask(Method::DELETE, "/deletedsecrets/kept").bearer(&story.app).send().await.expect(204);

    let restored = story.restore(&json!({ "value": format!("{blob}=") })).await.expect(200);
    let record = story.vault.record_of(&story.operator, &restored).await;
    assert_eq!((&record["operation"], &record["object"]), (&json!("SecretRestore"), &json!("kept")));
    let restored = restored.json();
    assert_eq!(restored["id"], newest["id"], "the latest version, with its id");
    assert!(restored["value"].is_null(), "who may restore may not read");
    assert_eq!(story.versions("kept").await, before, "ids, attributes, times and tags");
    assert_eq!(story.vault.get(&story.app, "kept").await.expect(200).json()["value"], "second-value");
}

#[tokio::test]
async fn what_is_no_backup_of_this_vault_is_refused_and_changes_nothing() {
    let story = Story::begin().await;
    story.vault.set(&story.app, "kept", "x").await;
    let blob = story.blob("kept").await;
    story.purge("kept").await;
    story.vault.create_vault(&story.operator, &json!({ "name": "second" })).await;
    let grant =
        json!({ "client_id": story.vault.app().id, "role": "Key Vault Administrator", "scope": "/vaults/second" });
    story.vault.assign(&story.operator, &grant).await;
    let ask = story.vault.ask_vault("second", Method::POST, "/secrets/restore?api-version=7.6").bearer(&story.app);
    let there = ask.json(&json!({ "value": blob })).send().await;
    let other = Story::begin().await;
    let elsewhere = other.restore(&json!({ "value": blob })).await;
    for (story, answer, vault) in [(&story, there, "second"), (&other, elsewhere, "demo")] {
        assert_eq!(answer.problem(), "400 BadParameter", "{vault}");
        let record = story.vault.record_of(&story.operator, &answer).await;
        assert_eq!((&record["vault"], &record["reason"]), (&json!(vault), &json!("bad-backup")));
    }

    let changed = |at: usize| {
        let mut bytes = data_encoding::BASE64URL_NOPAD.decode(blob.as_bytes()).unwrap();
        bytes[at] ^= 0x20;
        data_encoding::BASE64URL_NOPAD.encode(&bytes)
    };
    for body in [
        json!({ "value": changed(0) }),
        json!({ "value": changed(20) }),
        json!({ "value": changed(blob.len() / 2) }),
        json!({ "value": &blob[..blob.len() / 2] }),
        json!({ "value": "not base64url!" }),
        json!({ "value": "" }),
        json!({ "value": "A".repeat(1_000_000) }),
        json!({ "value": null }),
        json!({ "value": 7 }),
        json!({}),
        json!([]),
    ] {
        let answer = story.restore(&body).await;
        let shown: String = body.to_string().chars().take(60).collect();
        assert_eq!(answer.problem(), "400 BadParameter", "{shown}");
        let record = story.vault.record_of(&story.operator, &answer).await;
        assert_eq!((&record["operation"], &record["outcome"]), (&json!("SecretRestore"), &json!("failed")), "{shown}");
    }
    assert_eq!(story.vault.get(&story.app, "kept").await.problem(), "404 SecretNotFound");
    story.restore(&json!({ "value": blob })).await.expect(200);
}

/// A backup may be longer than any other body, but only for somebody who is known.
#[tokio::test]
async fn a_long_backup_is_taken_from_those_who_are_known_alone() {
    let story = Story::begin().await;
    for number in 0..40 {
        story.vault.set(&story.app, "long", &format!("{number:025600}")).await;
    }
    let blob = story.blob("long").await;
    assert!(blob.len() > 1024 * 1024, "{}", blob.len());
    story.purge("long").await;
    let body = json!({ "value": blob });
    let anonymous = story.vault.ask(Method::POST, "/secrets/restore").json(&body).try_send().await;
    if let Ok(answer) = anonymous {
        assert_eq!(answer.problem(), "401 Unauthorized");
    }
    let nobody = story.vault.token(&story.vault.nobody()).await;
    let denied = story.vault.ask(Method::POST, "/secrets/restore").bearer(&nobody).json(&body).send().await;
    assert_eq!(denied.problem(), "403 Forbidden/ForbiddenByRbac");
    story.restore(&body).await.expect(200);
    assert_eq!(story.vault.get(&story.app, "long").await.expect(200).json()["value"], format!("{:025600}", 39));
}
