//! The token endpoint, in the forms that Azure's identity libraries use.

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, Credential, TestVault, binary, run_to_end};

async fn exchange(vault: &TestVault, path: &str, who: &Credential, scope: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", who.id.as_str()),
        ("client_secret", who.secret.as_str()),
        ("scope", scope),
        // Azure's libraries announce these; they are accepted and ignored.
        ("client_info", "1"),
        ("claims", r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#),
    ];
    vault.ask_base(Method::POST, path).form(&form).send().await
}

#[tokio::test]
async fn every_address_of_the_endpoint_gives_a_token_that_counts() {
    let vault = TestVault::dev().await;
    let tenant = vault.tenant().to_owned();
    let scope = format!("{}/.default", vault.base);
    for path in [
        format!("/{tenant}/oauth2/v2.0/token"),
        format!("/{tenant}/oauth2/v2.0/token?client-request-id=1"),
        "/adfs/oauth2/token".to_owned(),
        format!("/{tenant}/oauth2/token"),
    ] {
        let answer = exchange(&vault, &path, &vault.app(), &scope).await.expect(200);
        assert_eq!(answer.header("cache-control").unwrap_or_default().split(',').next(), Some("no-store"), "{path}");
        let body = answer.json();
        assert_eq!(body["token_type"], "Bearer", "{path}");
        assert!(body["expires_in"].is_number(), "{path}");
        let token = body["access_token"].as_str().unwrap();
        vault.ask(Method::GET, "/secrets").bearer(token).send().await.expect(200);
    }
}

#[tokio::test]
async fn discovery_leads_to_the_endpoint_and_to_the_keys() {
    let vault = TestVault::dev().await;
    let tenant = vault.tenant().to_owned();
    let get = async |path: &str| vault.ask_base(Method::GET, path).send().await.expect(200).json();
    for (path, token_path) in [
        (format!("/{tenant}/v2.0/.well-known/openid-configuration"), format!("/{tenant}/oauth2/v2.0/token")),
        ("/adfs/.well-known/openid-configuration".to_owned(), "/adfs/oauth2/token".to_owned()),
    ] {
        let document = get(&path).await;
        let part = |name: &str| document[name].as_str().unwrap_or_else(|| panic!("{path} has no {name}")).to_owned();
        assert_eq!(part("token_endpoint"), format!("{}{token_path}", vault.base));
        assert!(part("authorization_endpoint").starts_with(&vault.base));
        assert!(part("issuer").starts_with("https://"));
        let keys = get(part("jwks_uri").strip_prefix(&vault.base).unwrap()).await;
        assert!(!keys["keys"].as_array().unwrap().is_empty());
        assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["d"].is_null()), "public halves only");
    }
    vault.ask_base(Method::GET, "/other/v2.0/.well-known/openid-configuration").send().await.expect(404);
}

/// Without what differs in every answer.
fn timeless(mut body: Value) -> Value {
    for name in ["trace_id", "correlation_id", "timestamp"] {
        body[name] = Value::Null;
    }
    let description = body["error_description"].as_str().unwrap_or_default();
    body["error_description"] = description.split(" Trace ID").next().unwrap_or_default().into();
    body
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_look_alike() {
    let vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let scope = format!("{}/.default", vault.base);
    let path = format!("/{}/oauth2/v2.0/token", vault.tenant());
    let app = vault.app();

    let wrong = Credential { secret: vault.nobody().secret, ..app.clone() };
    let known = exchange(&vault, &path, &wrong, &scope).await.expect(401);
    assert_eq!(known.json()["error"], "invalid_client");
    assert!(known.json()["error_description"].as_str().unwrap().starts_with("AADSTS7000215"), "{}", known.text());
    assert_eq!(vault.record_of(&operator, &known).await["outcome"], "unauthenticated");

    let strangers = [
        Credential { id: uuid::Uuid::new_v4().to_string(), secret: app.secret.clone() },
        Credential { id: "not-a-client-id".to_owned(), secret: app.secret.clone() },
        Credential { id: app.id.clone(), secret: "short".to_owned() },
    ];
    for stranger in strangers {
        let answer = exchange(&vault, &path, &stranger, &scope).await.expect(401);
        assert_eq!(timeless(answer.json()), timeless(known.json()), "{}", stranger.id);
        assert_eq!(vault.record_of(&operator, &answer).await["outcome"], "unauthenticated");
    }
}

#[tokio::test]
async fn a_malformed_token_request_says_what_is_wrong_and_is_recorded() {
    let vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let app = vault.app();
    let scope = format!("{}/.default", vault.base);
    let path = format!("/{}/oauth2/v2.0/token", vault.tenant());
    let good = [
        ("grant_type", "client_credentials"),
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_str()),
        ("scope", scope.as_str()),
    ];
    let without = |name: &str| good.iter().filter(|(n, _)| *n != name).copied().collect::<Vec<_>>();
    let with = |name, value| [without(name), vec![(name, value)]].concat();
    for (what, form, expected) in [
        ("no grant type", without("grant_type"), (400, "invalid_request")),
        ("another grant type", with("grant_type", "password"), (400, "unsupported_grant_type")),
        ("no client", without("client_id"), (400, "invalid_request")),
        ("no credential", without("client_secret"), (401, "invalid_client")),
        ("another scope", with("scope", "https://other.example/.default"), (400, "invalid_scope")),
        ("a client twice", [good.to_vec(), vec![("client_id", "x")]].concat(), (400, "invalid_request")),
    ] {
        let answer = vault.ask_base(Method::POST, &path).form(&form).send().await;
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!((answer.status, error.as_str()), expected, "{what}: {}", answer.text());
        vault.record_of(&operator, &answer).await;
    }
    let answer = vault.ask_base(Method::POST, "/someone-else/oauth2/v2.0/token").form(&good).send().await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")), "another tenant");
    let answer = vault.ask_base(Method::POST, &path).bytes("application/x-www-form-urlencoded", vec![0xff; 64]).send();
    assert_eq!(answer.await.status, 400, "bytes that are no form");
    let huge = vec![b'a'; 300 * 1024];
    let answer = vault.ask_base(Method::POST, &path).bytes("application/x-www-form-urlencoded", huge).send().await;
    assert_eq!(answer.status, 413, "a form without end");
    vault.record_of(&operator, &answer).await;
}

fn key_of(token: &str) -> String {
    let head = data_encoding::BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
    serde_json::from_slice::<Value>(&head).unwrap()["kid"].as_str().unwrap().to_owned()
}

async fn published(vault: &TestVault) -> Vec<String> {
    let path = format!("/{}/discovery/v2.0/keys", vault.tenant());
    let keys = vault.ask_base(Method::GET, &path).send().await.expect(200).json();
    keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// A key is announced, survives a restart and a new root key, and then all are revoked by the command line.
#[tokio::test]
async fn signing_keys_are_published_before_they_sign_and_revoked_at_once() {
    let mut vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    let first = published(&vault).await;
    assert_eq!(first, [key_of(&app)]);
    let rotate = vault.ask_base(Method::POST, "/api/v1/token/keys/rotate").bearer(&operator).send().await.expect(200);
    let states: Vec<_> = rotate.json()["value"].as_array().unwrap().iter().map(|key| key["state"].clone()).collect();
    assert_eq!(states, ["signing", "announced"]);
    let record = vault.record_of(&operator, &rotate).await;
    assert_eq!((&record["operation"], &record["outcome"]), (&"TokenKeyRotate".into(), &"allowed".into()));
    let both = published(&vault).await;
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    assert_eq!(record["object"], both[1].as_str());
    assert_eq!(key_of(&vault.token(&vault.app()).await), first[0], "the new one waits for its time");
    let again = vault.ask_base(Method::POST, "/api/v1/token/keys/rotate").bearer(&operator).send().await;
    assert_eq!(again.problem(), "409 Conflict/TokenKeyAnnounced");

    vault.stop();
    let rotated = run_to_end(std::process::Command::new(binary()).args(["seal", "rotate", "--data"]).arg(vault.data()));
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    vault.start().await.unwrap();
    assert_eq!(published(&vault).await, both);
    vault.ask(Method::GET, "/secrets").bearer(&app).send().await.expect(200);

    let refused = run_to_end(&mut vault.cli(&vault.app(), &["token", "keys", "revoke", "--yes"]));
    assert_eq!(refused.status.code(), Some(5));
    let revoked = run_to_end(&mut vault.cli(&vault.operator(), &["token", "keys", "revoke", "--yes"]));
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    let left = published(&vault).await;
    assert_eq!(left.len(), 1);
    assert!(!both.contains(&left[0]));
    for token in [&app, &operator] {
        assert_eq!(vault.ask(Method::GET, "/secrets").bearer(token).send().await.status, 401, "issued before");
    }
    let app = vault.token(&vault.app()).await;
    assert_eq!(key_of(&app), left[0]);
    vault.ask(Method::GET, "/secrets").bearer(&app).send().await.expect(200);
    let listed = run_to_end(&mut vault.cli(&vault.operator(), &["token", "keys", "list", "--output", "json"]));
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["value"][0]["key_id"], left[0].as_str());
}
