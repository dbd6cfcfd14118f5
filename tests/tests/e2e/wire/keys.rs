//! Keys on the wire: their life, their use, and what is refused.

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

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.vault.ask(method, path).bearer(&self.app).send().await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.vault.ask(method, path).bearer(&self.app).json(body).send().await
    }

    async fn make(&self, name: &str, body: Value) -> Value {
        self.send(Method::POST, &format!("/keys/{name}/create"), &body).await.expect(200).json()
    }

    /// The path of an operation with a version that `make` gave.
    fn at(key: &Value, operation: &str) -> String {
        let kid = key["key"]["kid"].as_str().unwrap();
        let path = kid.split_once("/keys/").unwrap().1;
        format!("/keys/{path}/{operation}")
    }
}

fn b64(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

#[tokio::test]
async fn a_key_lives_and_dies_as_azure_says() {
    let story = Story::begin().await;
    let body = json!({ "kty": "EC", "crv": "P-384", "key_ops": ["sign"], "tags": { "team": "payments" },
        "attributes": { "exp": 4_000_000_000_i64 } });
    let made = story.make("Signing", body).await;
    let key = &made["key"];
    let kid = key["kid"].as_str().unwrap();
    assert!(kid.starts_with(&format!("{}/keys/Signing/", story.vault.vault_url("demo"))), "{kid}");
    assert_eq!((&key["kty"], &key["crv"], &key["key_ops"]), (&json!("EC"), &json!("P-384"), &json!(["sign"])));
    assert_eq!((key["x"].as_str().unwrap().len(), key["y"].as_str().unwrap().len()), (64, 64));
    assert!(key["d"].is_null() && key["n"].is_null(), "the public half alone");
    let attributes = &made["attributes"];
    assert_eq!((&attributes["enabled"], &attributes["exp"]), (&json!(true), &json!(4_000_000_000_i64)));
    assert_eq!((&attributes["exportable"], &attributes["hsmPlatform"]), (&json!(false), &json!("0")));
    assert_eq!(made["tags"], json!({ "team": "payments" }));

    let second = story.make("signing", json!({ "kty": "RSA" })).await;
    assert_eq!(second["key"]["e"], "AQAB");
    assert_eq!(story.ask(Method::GET, "/keys/SIGNING/").await.expect(200).json(), second, "the current version");
    let path = Story::at(&made, "").trim_end_matches('/').to_owned();
    assert_eq!(story.ask(Method::GET, &path).await.expect(200).json(), made);

    let patch = json!({ "key_ops": ["verify"], "attributes": { "enabled": false } });
    let updated = story.send(Method::PATCH, &path, &patch).await.expect(200).json();
    assert_eq!((&updated["key"]["key_ops"], &updated["attributes"]["enabled"]), (&json!(["verify"]), &json!(false)));
    assert_eq!(updated["tags"], json!({ "team": "payments" }), "what is absent stays");

    let versions = story.ask(Method::GET, "/keys/signing/versions").await.expect(200).json();
    assert_eq!(versions["value"].as_array().unwrap().len(), 2);
    let listed = story.ask(Method::GET, "/keys").await.expect(200).json();
    let line = &listed["value"][0];
    assert_eq!((&line["kty"], &line["attributes"]["key_size"]), (&json!("RSA"), &json!(2048)));
    assert!(line["kid"].as_str().unwrap().ends_with("/keys/Signing") && line["key"].is_null(), "{line}");
    assert!(
        story.ask(Method::GET, "/secrets").await.expect(200).json()["value"]
            .as_array()
            .unwrap()
            .iter()
            .all(|secret| !secret["id"].as_str().unwrap().ends_with("igning"))
    );

    let backup = story.ask(Method::POST, "/keys/signing/backup").await.expect(200).json();
    let deleted = story.ask(Method::DELETE, "/keys/signing").await.expect(200).json();
    assert!(deleted["recoveryId"].as_str().unwrap().ends_with("/deletedkeys/Signing"));
    assert!(deleted["scheduledPurgeDate"].as_i64() > deleted["deletedDate"].as_i64());
    assert_eq!(story.ask(Method::GET, "/keys/signing").await.problem(), "404 KeyNotFound");
    let again = story.send(Method::POST, "/keys/signing/create", &json!({ "kty": "EC" })).await;
    assert_eq!(again.problem(), "409 Conflict/ObjectIsDeletedButRecoverable");
    assert_eq!(again.json()["error"]["innererror"]["code"], "ObjectIsDeletedButRecoverable");
    assert_eq!(story.ask(Method::GET, "/deletedkeys/signing").await.expect(200).json(), deleted);
    assert_eq!(story.ask(Method::GET, "/deletedkeys").await.expect(200).json()["value"].as_array().unwrap().len(), 1);
    story.ask(Method::POST, "/deletedkeys/signing/recover").await.expect(200);
    story.ask(Method::DELETE, "/keys/signing").await.expect(200);
    story.ask(Method::DELETE, "/deletedkeys/signing").await.expect(204);
    assert_eq!(story.ask(Method::GET, "/deletedkeys/signing").await.problem(), "404 KeyNotFound");
    let restored = story.send(Method::POST, "/keys/restore", &backup).await.expect(200).json();
    assert_eq!(restored["key"], second["key"], "with its versions as they were");
    assert_eq!(story.ask(Method::GET, &path).await.expect(200).json()["key"], updated["key"]);
}

#[tokio::test]
async fn keys_are_used_and_each_use_is_on_record_with_its_algorithm() {
    let story = Story::begin().await;
    let rsa = story.make("rsa", json!({ "kty": "RSA", "key_size": 2048 })).await;
    let digest = b64(&[7; 32]);
    let sign = json!({ "alg": "PS256", "value": digest });
    let signed = story.send(Method::POST, &Story::at(&rsa, "sign"), &sign).await.expect(200);
    let record = story.vault.record_of(&story.operator, &signed).await;
    assert_eq!((&record["operation"], &record["algorithm"]), (&json!("KeySign"), &json!("PS256")), "{record}");
    assert!(!record.to_string().contains(&digest), "nothing of what is signed");
    let signed = signed.json();
    assert_eq!(signed["kid"], rsa["key"]["kid"]);
    let verify = |value: &Value| json!({ "alg": "PS256", "digest": digest, "value": value });
    let path = Story::at(&rsa, "verify");
    assert_eq!(
        story.send(Method::POST, &path, &verify(&signed["value"])).await.expect(200).json(),
        json!({ "value": true })
    );
    let other = json!(b64(&[1; 256]));
    let wrong = story.send(Method::POST, &path, &verify(&other)).await.expect(200);
    assert_eq!(wrong.json(), json!({ "value": false }));
    let record = story.vault.record_of(&story.operator, &wrong).await;
    assert_eq!(record["details"], json!({ "signature": "wrong" }), "{record}");
    let import = json!({ "key": { "kty": "dog" } });
    let refused = story.send(Method::PUT, "/keys/stray", &import).await.expect(400);
    let record = story.vault.record_of(&story.operator, &refused).await;
    assert_eq!((&record["kind"], &record["object"]), (&json!("key"), &json!("stray")), "{record}");

    for (there, back, algorithm) in [("encrypt", "decrypt", "RSA1_5"), ("wrapkey", "unwrapkey", "RSA-OAEP-256")] {
        let body = json!({ "alg": algorithm, "value": b64(b"data") });
        // The empty version that one of the SDKs sends means the current one.
        let sealed = story.send(Method::POST, &format!("/keys/rsa//{there}"), &body).await.expect(200).json();
        let body = json!({ "alg": algorithm, "value": sealed["value"] });
        let opened = story.send(Method::POST, &Story::at(&rsa, back), &body).await.expect(200).json();
        assert_eq!(opened["value"], b64(b"data"));
    }
    let oct = story.make("oct", json!({ "kty": "oct", "key_size": 256 })).await;
    assert!(oct["key"]["k"].is_null());
    assert_eq!((&oct["attributes"]["key_size"], &oct["attributes"]["hsmPlatform"]), (&json!(256), &json!("0")));
    let body = json!({ "alg": "A256GCM", "value": b64(b"data"), "aad": b64(b"aad") });
    let mut sealed = story.send(Method::POST, &Story::at(&oct, "encrypt"), &body).await.expect(200).json();
    assert_eq!(sealed["aad"], b64(b"aad"));
    sealed["alg"] = json!("A256GCM");
    let opened = story.send(Method::POST, &Story::at(&oct, "decrypt"), &sealed).await.expect(200).json();
    assert_eq!(opened["value"], b64(b"data"));
    let random = story.send(Method::POST, "/rng", &json!({ "count": 32 })).await.expect(200).json();
    assert_eq!(random["value"].as_str().unwrap().len(), 43);

    // What is weak is switched off for the vault.
    let switch = async |names: &[&str]| {
        let change = json!({ "refused_algorithms": names });
        let ask = story.vault.ask_base(Method::PATCH, "/api/v1/vaults/demo").bearer(&story.operator);
        ask.json(&change).send().await
    };
    assert_eq!(switch(&["RSA1_5", "RSA9"]).await.problem(), "400 BadParameter");
    let settings = switch(&["RSA1_5", "RSA-OAEP"]).await.expect(200).json();
    assert_eq!(settings["settings"]["refused_algorithms"], json!(["RSA-OAEP", "RSA1_5"]));
    for (operation, algorithm) in [("decrypt", "RSA1_5"), ("encrypt", "RSA-OAEP"), ("unwrapkey", "RSA1_5")] {
        let body = json!({ "alg": algorithm, "value": b64(&[1; 256]) });
        let refused = story.send(Method::POST, &Story::at(&rsa, operation), &body).await;
        assert_eq!(refused.problem(), "403 Forbidden/ForbiddenByPolicy", "{operation}");
        let record = story.vault.record_of(&story.operator, &refused).await;
        assert_eq!(
            (&record["reason"], &record["algorithm"]),
            (&json!("algorithm-refused"), &json!(algorithm)),
            "{record}"
        );
        assert_eq!(record["status"].as_u64(), Some(403), "{record}");
    }
    let body = json!({ "alg": "RSA-OAEP-256", "value": b64(b"data") });
    story.send(Method::POST, &Story::at(&rsa, "encrypt"), &body).await.expect(200);
}

#[tokio::test]
async fn a_key_is_rotated_by_hand_and_its_policy_is_kept() {
    let story = Story::begin().await;
    let first =
        story.make("Turning", json!({ "kty": "RSA", "key_ops": ["encrypt", "decrypt"], "tags": { "a": "b" } })).await;
    let sealed = story
        .send(Method::POST, "/keys/turning//encrypt", &json!({ "alg": "RSA-OAEP-256", "value": b64(b"data") }))
        .await
        .expect(200)
        .json();
    let usual = story.ask(Method::GET, "/keys/turning/rotationpolicy").await.expect(200).json();
    let notice = json!({ "trigger": { "timeBeforeExpiry": "P30D" }, "action": { "type": "Notify" } });
    assert_eq!((&usual["lifetimeActions"], &usual["attributes"]), (&json!([notice]), &json!({})));
    let rotate = json!({ "trigger": { "timeAfterCreate": "P90D" }, "action": { "type": "rotate" } });
    let given = json!({ "lifetimeActions": [rotate], "attributes": { "expiryTime": "P2Y" } });
    let set = story.send(Method::PUT, "/keys/turning/rotationpolicy", &given).await.expect(200);
    let record = story.vault.record_of(&story.operator, &set).await;
    assert_eq!((&record["operation"], &record["object"]), (&json!("KeyRotationPolicySet"), &json!("turning")));
    let set = set.json();
    assert_eq!(set["id"], format!("{}/keys/Turning/rotationpolicy", story.vault.vault_url("demo")));
    assert_eq!(set["lifetimeActions"][0]["action"]["type"], "Rotate");
    assert_eq!((&set["lifetimeActions"][1], &set["attributes"]["expiryTime"]), (&notice, &json!("P2Y")));
    assert!(set["attributes"]["created"].is_i64() && set["attributes"]["updated"].is_i64(), "{set}");
    assert_eq!(story.ask(Method::GET, "/keys/turning/rotationpolicy").await.expect(200).json(), set);

    let rotated = story.ask(Method::POST, "/keys/turning/rotate").await.expect(200);
    let record = story.vault.record_of(&story.operator, &rotated).await;
    let rotated = rotated.json();
    let version = rotated["key"]["kid"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!((&record["operation"], &record["version"]), (&json!("KeyRotate"), &json!(version)), "{record}");
    assert_ne!((&rotated["key"]["kid"], &rotated["key"]["n"]), (&first["key"]["kid"], &first["key"]["n"]));
    assert_eq!((&rotated["key"]["key_ops"], &rotated["tags"]), (&first["key"]["key_ops"], &first["tags"]));
    assert!(rotated["attributes"]["exp"].as_i64() > rotated["attributes"]["created"].as_i64(), "{rotated}");
    assert!(first["attributes"]["exp"].is_null());
    let body = json!({ "alg": "RSA-OAEP-256", "value": sealed["value"] });
    let opened = story.send(Method::POST, &Story::at(&first, "decrypt"), &body).await.expect(200).json();
    assert_eq!(opened["value"], b64(b"data"), "the old version goes on decrypting");

    for (what, body) in [
        (
            "too soon",
            json!({ "lifetimeActions": [{ "trigger": { "timeAfterCreate": "P6D" }, "action": { "type": "Rotate" } }] }),
        ),
        ("an end that is too near", json!({ "attributes": { "expiryTime": "P27D" } })),
        ("no duration", json!({ "attributes": { "expiryTime": "soon" } })),
        (
            "no such action",
            json!({ "lifetimeActions": [{ "trigger": { "timeAfterCreate": "P60D" }, "action": { "type": "Purge" } }] }),
        ),
    ] {
        let refused = story.send(Method::PUT, "/keys/turning/rotationpolicy", &body).await;
        assert_eq!(refused.problem(), "400 BadParameter", "{what}");
    }
    assert_eq!(
        story.ask(Method::GET, "/keys/turning/rotationpolicy").await.expect(200).json(),
        set,
        "nothing has changed"
    );
    assert_eq!(story.ask(Method::POST, "/keys/none/rotate").await.problem(), "404 KeyNotFound");
    // What is refused altogether: no key leaves, and there is no hardware whose word would count.
    assert_eq!(story.ask(Method::GET, "/keys/turning//attestation").await.problem(), "404 NotFound");
    assert_eq!(
        story.send(Method::POST, "/keys/turning//release", &json!({ "target": "t" })).await.problem(),
        "404 NotFound"
    );
}

#[tokio::test]
async fn what_keys_cannot_do_is_refused_and_on_record() {
    let story = Story::begin().await;
    let ec = story.make("ec", json!({ "kty": "EC", "key_ops": ["verify"] })).await;
    let off = story.make("off", json!({ "kty": "EC", "attributes": { "enabled": false } })).await;
    let late = story.make("late", json!({ "kty": "EC", "attributes": { "exp": 1 } })).await;
    let oct = story.make("oct", json!({ "kty": "oct" })).await;
    let (sign, digest) = (|key| Story::at(key, "sign"), b64(&[7; 32]));
    let es256 = json!({ "alg": "ES256", "value": digest });
    let new = |name: &str| format!("/keys/{name}/create");
    let before = story.ask(Method::GET, "/keys").await.expect(200).json();
    for (what, method, path, body, problem, inner) in [
        (
            "an operation it lacks",
            Method::POST,
            sign(&ec),
            es256.clone(),
            "403 Forbidden/KeyOperationForbidden",
            "KeyOperationForbidden",
        ),
        ("disabled", Method::POST, sign(&off), es256.clone(), "403 Forbidden/KeyDisabled", "KeyDisabled"),
        ("expired", Method::POST, sign(&late), es256.clone(), "403 Forbidden", ""),
        ("no such key", Method::POST, "/keys/none//sign".into(), es256.clone(), "404 KeyNotFound", ""),
        (
            "another curve's algorithm",
            Method::POST,
            Story::at(&ec, "verify"),
            json!({ "alg": "ES384", "digest": b64(&[7; 48]), "value": "AA" }),
            "400 BadParameter",
            "",
        ),
        (
            "a digest of another length",
            Method::POST,
            Story::at(&ec, "verify"),
            json!({ "alg": "ES256", "digest": b64(&[7; 31]), "value": "AA" }),
            "400 BadParameter",
            "",
        ),
        ("no algorithm", Method::POST, sign(&ec), json!({ "alg": "none", "value": digest }), "400 BadParameter", ""),
        ("no base64url", Method::POST, sign(&ec), json!({ "alg": "ES256", "value": "+/" }), "400 BadParameter", ""),
        (
            "a nonce of one's own",
            Method::POST,
            Story::at(&oct, "encrypt"),
            json!({ "alg": "A256GCM", "value": "AA", "iv": b64(&[0; 12]) }),
            "400 BadParameter",
            "",
        ),
        ("RSA of 1024 bits", Method::POST, new("a"), json!({ "kty": "RSA", "key_size": 1024 }), "400 BadParameter", ""),
        (
            "another exponent",
            Method::POST,
            new("a"),
            json!({ "kty": "RSA", "public_exponent": 3 }),
            "400 BadParameter",
            "",
        ),
        ("no such curve", Method::POST, new("a"), json!({ "kty": "EC", "crv": "P-224" }), "400 BadParameter", ""),
        ("no such type", Method::POST, new("a"), json!({ "kty": "OKP" }), "400 BadParameter", ""),
        ("hardware", Method::POST, new("a"), json!({ "kty": "EC-HSM" }), "400 BadParameter", ""),
        (
            "a key that leaves",
            Method::POST,
            new("a"),
            json!({ "kty": "EC", "attributes": { "exportable": true } }),
            "400 BadParameter",
            "",
        ),
        (
            "an operation of RSA",
            Method::POST,
            new("a"),
            json!({ "kty": "EC", "key_ops": ["wrapKey"] }),
            "400 BadParameter",
            "",
        ),
        (
            "half a key",
            Method::PUT,
            "/keys/a".into(),
            json!({ "key": { "kty": "EC", "crv": "P-256", "x": b64(&[1; 32]), "y": b64(&[2; 32]) } }),
            "400 BadParameter",
            "",
        ),
        (
            "a point off the curve",
            Method::PUT,
            "/keys/a".into(),
            json!({ "key": { "kty": "EC", "crv": "P-256", "x": b64(&[1; 32]), "y": b64(&[2; 32]), "d": b64(&[3; 32]) } }),
            "400 BadParameter",
            "",
        ),
        ("too many random bytes", Method::POST, "/rng".into(), json!({ "count": 129 }), "400 BadParameter", ""),
    ] {
        let answer = story.send(method, &path, &body).await;
        assert_eq!(answer.problem(), problem, "{what}: {}", answer.text());
        assert_eq!(answer.json()["error"]["innererror"]["code"].as_str().unwrap_or_default(), inner, "{what}");
        let record = story.vault.record_of(&story.operator, &answer).await;
        assert_eq!(record["outcome"], "failed", "{what}: {record}");
        assert_eq!(record["status"].as_u64(), Some(u64::from(answer.status)), "{what}: {record}");
    }
    assert_eq!(story.ask(Method::GET, "/keys").await.expect(200).json(), before, "nothing has changed");
}

#[tokio::test]
async fn who_makes_too_many_keys_at_a_time_is_told_when_to_try_again() {
    let story = std::sync::Arc::new(Story::begin().await);
    let making: Vec<_> = (0..10)
        .map(|number| {
            let story = std::sync::Arc::clone(&story);
            let body = json!({ "kty": "RSA", "key_size": 3072 });
            tokio::spawn(async move { story.send(Method::POST, &format!("/keys/k{number}/create"), &body).await })
        })
        .collect();
    let mut refused = Vec::new();
    let mut made = 0;
    for answer in making {
        let answer = answer.await.unwrap();
        if answer.status == 200 {
            made += 1;
        } else {
            refused.push(answer);
        }
    }
    assert!(made >= 4 && !refused.is_empty(), "{made} of 10 were made");
    for answer in &refused {
        assert_eq!(answer.problem(), "429 Throttled");
        assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() > 0);
        let record = story.vault.record_of(&story.operator, answer).await;
        assert_eq!((&record["reason"], &record["status"]), (&json!("throttled"), &json!(429)), "{record}");
    }
    let listed = story.ask(Method::GET, "/keys").await.expect(200).json();
    assert_eq!(listed["value"].as_array().unwrap().len(), made, "what was refused is not there");
    story.make("after", json!({ "kty": "RSA" })).await;
}

/// A private key's row that was touched opens for nobody; a moved one is found by its place.
#[tokio::test]
async fn a_touched_or_moved_key_signs_nothing() {
    let mut story = Story::begin().await;
    let one = story.make("one", json!({ "kty": "EC" })).await;
    let two = story.make("two", json!({ "kty": "EC" })).await;
    story.vault.stop();
    let mut database = crate::support::Database::open(&story.vault).await;
    let row = |name: &str| format!("name = 'key/{name}'");
    database.flip("secret_versions", "ciphertext", &row("one")).await;
    // It may do more than its maker said.
    let widen =
        format!(r#"UPDATE secret_versions SET key = replace(key, '"sign"', '"encrypt","sign"') WHERE {}"#, row("two"));
    database.change(1, &widen).await;
    database.close().await;
    story.vault.start().await.unwrap();
    story.app = story.vault.token(&story.vault.app()).await;
    for key in [&one, &two] {
        let body = json!({ "alg": "ES256", "value": b64(&[7; 32]) });
        let answer = story.send(Method::POST, &Story::at(key, "sign"), &body).await;
        assert_eq!(answer.problem(), "500 InternalError", "{}", answer.text());
    }
}
