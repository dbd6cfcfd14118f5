//! Bad input: a documented status, nothing changed, and a record of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ask, TestVault};

/// Everything that one of these requests could have changed.
async fn state(vault: &TestVault, token: &str) -> (Value, Value, Value) {
    let list = async |path: &str| {
        let answer = vault.ask(Method::GET, path).bearer(token).send().await;
        if answer.status == 200 { answer.json()["value"].clone() } else { Value::Null }
    };
    (list("/secrets").await, list("/deletedsecrets").await, list("/secrets/kept/versions").await)
}

fn put(vault: &TestVault, body: Vec<u8>) -> Ask {
    vault.ask(Method::PUT, "/secrets/kept").bytes("application/json", body)
}

fn put_json(vault: &TestVault, body: &Value) -> Ask {
    put(vault, body.to_string().into_bytes())
}

#[tokio::test]
async fn bad_input_is_refused_changes_nothing_and_is_on_record() {
    let vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    vault.set(&app, "kept", "kept").await;
    let before = state(&vault, &app).await;

    let bad = "400 BadParameter";
    let tags = |count: usize| (0..count).map(|n| (format!("tag{n}"), json!("x"))).collect::<serde_json::Map<_, _>>();
    let deep = format!("{{\"value\":\"x\",\"tags\":{}{}}}", "{\"a\":".repeat(5000), "1".to_owned() + &"}".repeat(5000));
    let at = |method: Method, path: &str| vault.ask_vault("demo", method, path);
    let asks: Vec<(&str, Ask, &str)> = vec![
        ("no api-version", at(Method::GET, "/secrets/kept"), bad),
        ("an empty api-version", at(Method::GET, "/secrets/kept?api-version="), bad),
        ("an unknown api-version", at(Method::GET, "/secrets/kept?api-version=1.0"), bad),
        ("api-version twice", at(Method::GET, "/secrets/kept?api-version=7.6&api-version=7.5"), bad),
        ("a name with an underscore", vault.ask(Method::GET, "/secrets/not_a_name"), bad),
        ("a name of 128 characters", vault.ask(Method::GET, &format!("/secrets/{}", "n".repeat(128))), bad),
        ("a name with an encoded slash", vault.ask(Method::GET, "/secrets/a%2Fb"), bad),
        ("a name encoded twice", vault.ask(Method::GET, "/secrets/%256b"), bad),
        ("a name that is not UTF-8", vault.ask(Method::GET, "/secrets/%FF"), bad),
        ("an encoding that is none", vault.ask(Method::GET, "/secrets/%zz"), bad),
        ("a name with a null", vault.ask(Method::DELETE, "/secrets/kept%00"), bad),
        ("a version that is none", vault.ask(Method::GET, "/secrets/kept/latest"), bad),
        ("a version of 33 digits", vault.ask(Method::GET, &format!("/secrets/kept/{}", "0".repeat(33))), bad),
        ("no body", vault.ask(Method::PUT, "/secrets/kept").header("content-length", "0"), bad),
        ("no JSON", put(&vault, b"{\"value\":".to_vec()), bad),
        ("two documents", put(&vault, b"{\"value\":\"x\"}{}".to_vec()), bad),
        ("deep JSON", put(&vault, deep.into_bytes()), bad),
        (
            "deep JSON that nobody reads",
            put(&vault, format!("{{\"value\":\"x\",\"y\":{}1{}}}", "[".repeat(64), "]".repeat(64)).into_bytes()),
            bad,
        ),
        ("bytes that are not UTF-8", put(&vault, b"{\"value\":\"\xff\xfe\"}".to_vec()), bad),
        ("half of a surrogate pair", put(&vault, b"{\"value\":\"\\ud800\"}".to_vec()), bad),
        ("a list", put_json(&vault, &json!([])), bad),
        ("no value", put_json(&vault, &json!({})), bad),
        ("a value of null", put_json(&vault, &json!({ "value": null })), bad),
        ("a value that is a number", put_json(&vault, &json!({ "value": 5 })), bad),
        ("a value given twice", put(&vault, b"{\"value\":\"a\",\"value\":\"b\"}".to_vec()), bad),
        ("25,601 bytes", put_json(&vault, &json!({ "value": "a".repeat(25_601) })), bad),
        ("25,602 bytes in fewer characters", put_json(&vault, &json!({ "value": "ä".repeat(12_801) })), bad),
        ("16 tags", put_json(&vault, &json!({ "value": "x", "tags": tags(16) })), bad),
        ("a tag that is a number", put_json(&vault, &json!({ "value": "x", "tags": { "a": 1 } })), bad),
        ("a tag name of 257", put_json(&vault, &json!({ "value": "x", "tags": { "a".repeat(257): "" } })), bad),
        ("a tag value of 257", put_json(&vault, &json!({ "value": "x", "tags": { "a": "b".repeat(257) } })), bad),
        ("a content type of 256", put_json(&vault, &json!({ "value": "x", "contentType": "c".repeat(256) })), bad),
        ("an end before 1970", put_json(&vault, &json!({ "value": "x", "attributes": { "exp": -5 } })), bad),
        ("a begin before 1970", put_json(&vault, &json!({ "value": "x", "attributes": { "nbf": -5 } })), bad),
        ("an end that is a fraction", put_json(&vault, &json!({ "value": "x", "attributes": { "exp": 1.5 } })), bad),
        ("an end without end", put(&vault, b"{\"value\":\"x\",\"attributes\":{\"exp\":1e400}}".to_vec()), bad),
        ("enabled in words", put_json(&vault, &json!({ "value": "x", "attributes": { "enabled": "yes" } })), bad),
        ("a body of 300 KiB", put(&vault, vec![b' '; 300 * 1024]), "413 RequestEntityTooLarge"),
        (
            "a method unknown here",
            vault.ask(Method::from_bytes(b"FROB").unwrap(), "/secrets/kept"),
            "405 MethodNotAllowed",
        ),
        ("PUT on the list", vault.ask(Method::PUT, "/secrets/").json(&json!({ "value": "x" })), "405 MethodNotAllowed"),
        ("a path that is not there", vault.ask(Method::GET, "/nowhere/kept"), "404 NotFound"),
        (
            "a head of 40 KiB",
            vault.ask(Method::GET, "/secrets/kept").header("x-long", &"a".repeat(40_000)),
            "431 RequestHeaderFieldsTooLarge",
        ),
        ("a long path", vault.ask(Method::GET, &format!("/{}", "a/".repeat(3000))), "414 UriTooLong"),
    ];
    for (what, ask, expected) in asks {
        let answer = ask.bearer(&app).send().await;
        assert_eq!(answer.problem(), expected, "{what}");
        assert!(!answer.text().contains("kept\""), "{what}: no value comes back");
        let record = vault.record_of(&operator, &answer).await;
        assert_eq!(record["outcome"], "failed", "{what}: {record}");
        assert_eq!(record["principal"]["subject"], vault.app().id.as_str(), "{what}");
    }
    assert_eq!(state(&vault, &app).await, before, "nothing has changed");
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "kept");
}

#[tokio::test]
async fn limits_are_reached_before_they_are_passed() {
    let vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    let tags: serde_json::Map<_, _> = (0..15).map(|n| (format!("{n:0256}"), json!("v".repeat(256)))).collect();
    for (name, body) in [
        ("bytes", json!({ "value": "a".repeat(25_600) })),
        ("characters", json!({ "value": "ä".repeat(12_800) })),
        // Six bytes of JSON for each byte of value.
        ("escapes", json!({ "value": "\u{1}".repeat(25_600) })),
        ("empty", json!({ "value": "" })),
        ("tags", json!({ "value": "x", "tags": tags })),
        ("type", json!({ "value": "x", "contentType": "c".repeat(255) })),
        ("unknown", json!({ "value": "x", "unknown": { "fields": "are ignored, as Azure does" } })),
        ("times", json!({ "value": "x", "attributes": { "nbf": 0, "exp": 4_102_444_800_i64 } })),
    ] {
        let answer = vault.ask(Method::PUT, &format!("/secrets/{name}")).bearer(&app).json(&body).send().await;
        answer.expect(200);
        let read = vault.get(&app, name).await.expect(200).json();
        assert_eq!(
            (&read["value"], &read["tags"]),
            (&body["value"], body.get("tags").unwrap_or(&Value::Null)),
            "{name}"
        );
    }
    let name = "n".repeat(127);
    vault.set(&app, &name, "longest name").await;
    assert_eq!(vault.get(&app, &name).await.expect(200).json()["value"], "longest name");
}

#[tokio::test]
async fn every_api_version_in_use_is_answered() {
    let vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "versions", "x").await;
    for version in ["2015-06-01", "2016-10-01", "7.0", "7.4", "7.6-preview.2", "7.6", "2025-07-01", "2026-04-01"] {
        for name in ["api-version", "api%2Dversion", "api%2dversion"] {
            let path = format!("/secrets/versions/?{name}={version}");
            vault.ask_vault("demo", Method::GET, &path).bearer(&app).send().await.expect(200);
        }
    }
}

#[tokio::test]
async fn management_refuses_bad_input_too() {
    let vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let app = vault.token(&vault.app()).await;
    let bad = "400 BadParameter";
    for (path, body, expected) in [
        ("/api/v1/vaults", json!({}), bad),
        ("/api/v1/vaults", json!({ "name": "x" }), bad),
        ("/api/v1/vaults", json!({ "name": "1abc" }), bad),
        ("/api/v1/vaults", json!({ "name": "a--b" }), bad),
        ("/api/v1/vaults", json!({ "name": "good-name", "retention_days": 6 }), bad),
        ("/api/v1/vaults", json!({ "name": "good-name", "retention_days": 91 }), bad),
        ("/api/v1/vaults", json!({ "name": "good-name", "unknown": true }), bad),
        ("/api/v1/vaults", json!({ "name": "good-name", "network": { "allow": ["10.0.0.0/33"] } }), bad),
        ("/api/v1/vaults", json!({ "name": "demo" }), "409 Conflict"),
        (
            "/api/v1/assignments",
            json!({ "role": "Emperor", "scope": "/", "issuer": "https://i.example", "subject": "s" }),
            bad,
        ),
        (
            "/api/v1/assignments",
            json!({ "role": "Owner", "scope": "vaults", "issuer": "https://i.example", "subject": "s" }),
            bad,
        ),
        ("/api/v1/assignments", json!({ "role": "Owner", "scope": "/", "issuer": "https://i.example" }), bad),
        ("/api/v1/assignments", json!({ "role": "Owner", "scope": "/", "issuer": "", "subject": "s" }), bad),
        ("/api/v1/assignments", json!({ "role": "Owner", "scope": "/", "issuer": "ISSUER", "group": "GROUP" }), bad),
        (
            "/api/v1/assignments",
            json!({ "role": "Owner", "scope": "/vaults/nowhere", "issuer": "https://i.example", "subject": "s" }),
            "404 VaultNotFound",
        ),
        ("/api/v1/workloads", json!({ "name": "" }), bad),
        ("/api/v1/workloads", json!({ "name": "x".repeat(1000) }), bad),
    ] {
        let answer = vault.ask_base(Method::POST, path).bearer(&operator).json(&body).send().await;
        assert_eq!(answer.problem(), expected, "{path} {body}");
        assert_eq!(vault.record_of(&operator, &answer).await["outcome"], "failed", "{path} {body}");
    }
    // Who may use a vault may not manage the installation.
    for (path, body) in [
        ("/api/v1/vaults", json!({ "name": "mine-now" })),
        (
            "/api/v1/assignments",
            json!({ "role": "Owner", "scope": "/vaults/demo", "issuer": "https://i.example", "subject": "s" }),
        ),
        ("/api/v1/workloads", json!({ "name": "mine" })),
    ] {
        let answer = vault.ask_base(Method::POST, path).bearer(&app).json(&body).send().await;
        assert_eq!(answer.problem(), "403 Forbidden/ForbiddenByRbac", "{path}");
        assert_eq!(vault.record_of(&operator, &answer).await["outcome"], "denied", "{path}");
    }
    let answer = vault.ask_base(Method::GET, "/api/v1/audit").bearer(&app).send().await;
    assert_eq!(answer.problem(), "403 Forbidden/ForbiddenByRbac");
    for query in ["limit=0", "limit=1001", "limit=x", "outcome=perhaps", "before=yesterday"] {
        let answer = vault.ask_base(Method::GET, &format!("/api/v1/audit?{query}")).bearer(&operator).send().await;
        assert_eq!(answer.problem(), bad, "{query}");
    }
}
