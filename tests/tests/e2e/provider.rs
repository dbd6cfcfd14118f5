//! Tokens of an issuer that is not ours: a certified OpenID Provider with keys that turn.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, FEDERATION_AUDIENCE, Outside, TestVault, run_to_end};

/// A vault `demo` in which the machine `payments-api` may read and write.
async fn with_demo(outside: &Outside) -> String {
    let operator = outside.api_token("operator").await;
    outside.vault.create_vault(&operator, &json!({ "name": "demo" })).await;
    let assignment = json!({
        "issuer": outside.issuer(), "subject": "payments-api",
        "role": "Key Vault Secrets Officer", "scope": "/vaults/demo",
    });
    outside.vault.assign(&operator, &assignment).await;
    operator
}

#[tokio::test]
async fn a_foreign_token_counts_for_what_its_subject_was_granted() {
    let outside = Outside::start().await;
    let vault = &outside.vault;
    let token = outside.api_token("payments-api").await;
    let operator = outside.api_token("operator").await;
    let answer = vault.get(&token, "db").await;
    assert_eq!(answer.problem(), "403 Forbidden/ForbiddenByRbac", "before there is a vault, let alone a grant");
    vault.record_of(&operator, &answer).await;

    with_demo(&outside).await;
    vault.set(&token, "db", "from outside").await;
    let read = vault.get(&token, "db").await.expect(200);
    assert_eq!(read.json()["value"], "from outside");
    let record = vault.record_of(&operator, &read).await;
    assert_eq!(record["principal"], json!({ "issuer": outside.issuer(), "subject": "payments-api" }));
    assert_eq!(record["principal_kind"], "workload");

    let stranger = outside.api_token("stranger").await;
    assert_eq!(vault.get(&stranger, "db").await.problem(), "403 Forbidden/ForbiddenByRbac");
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused_with_the_challenge() {
    let outside = Outside::start().await;
    let vault = &outside.vault;
    let operator = with_demo(&outside).await;
    for audience in [&*format!("{}/", vault.base), "https://other.example", FEDERATION_AUDIENCE] {
        let token = outside.token("payments-api", audience).await;
        let answer = vault.get(&token, "db").await;
        assert_eq!(answer.problem(), "401 Unauthorized", "{audience}");
        assert!(answer.text().contains("AKV10022: Invalid audience"), "{}", answer.text());
        assert!(answer.header("www-authenticate").is_some());
        let record = vault.record_of(&operator, &answer).await;
        assert_eq!(
            (&record["outcome"], &record["reason"]),
            (&json!("unauthenticated"), &json!("token-wrong-audience"))
        );
    }
}

#[tokio::test]
async fn keys_turn_and_tokens_go_on() {
    let outside = Outside::start().await;
    let vault = &outside.vault;
    with_demo(&outside).await;
    let old = outside.api_token("payments-api").await;
    vault.set(&old, "turning", "x").await;
    outside.rotate(false).await;
    let new = outside.api_token("payments-api").await;
    let key_id = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(key_id(&old), key_id(&new), "another key signs");
    // An unknown key makes the server fetch again, but not more often than every half minute.
    let until = Instant::now() + Duration::from_secs(45);
    while vault.get(&new, "turning").await.status == 401 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    vault.get(&new, "turning").await.expect(200);
    vault.get(&old, "turning").await.expect(200);
}

async fn exchange(outside: &Outside, client_id: &str, assertion: &str) -> Answer {
    let tenant_of = outside.vault.ask(Method::GET, "/secrets").send().await.expect(401);
    let authority = tenant_of.header("www-authenticate").unwrap().split('"').nth(1).unwrap().to_owned();
    let path = format!("{}/oauth2/v2.0/token", authority.strip_prefix(&outside.vault.base).unwrap());
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", &format!("{}/.default", outside.vault.base)),
    ];
    outside.vault.ask_base(Method::POST, &path).form(&form).send().await
}

#[tokio::test]
async fn a_federated_assertion_is_exchanged_for_a_token_of_ours() {
    let outside = Outside::start().await;
    let vault = &outside.vault;
    let operator = with_demo(&outside).await;
    let workload = outside.federated_workload(&operator, "payments-api").await;
    vault
        .assign(&operator, &json!({ "client_id": workload, "role": "Key Vault Secrets User", "scope": "/vaults/demo" }))
        .await;
    vault.set(&outside.api_token("payments-api").await, "db", "x").await;

    let assertion = outside.token("payments-api", FEDERATION_AUDIENCE).await;
    let answer = exchange(&outside, &workload, &assertion).await.expect(200);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    vault.get(&token, "db").await.expect(200);
    let record = vault.record_of(&operator, &answer).await;
    assert_eq!((&record["operation"], &record["outcome"]), (&json!("Authentication"), &json!("allowed")));

    let other_subject = outside.token("stranger", FEDERATION_AUDIENCE).await;
    let other_audience = outside.token("payments-api", "https://other.example").await;
    let access_token = outside.api_token("payments-api").await;
    for (token, check) in [
        (&assertion, None),
        (&other_subject, Some("federation subject")),
        // The provider gives it as an access token, which is looked at before whom it is for.
        (&other_audience, Some("typ")),
    ] {
        let body = json!({ "token": token, "client_id": workload });
        let failing = explained(&outside, &operator, token, body).await;
        assert_eq!(failing.first().map(|(check, _)| check.as_str()), check, "{failing:?}");
    }
    let (signed, _) = assertion.rsplit_once('.').unwrap();
    for (what, assertion) in [
        ("another subject", other_subject),
        ("another audience", other_audience),
        ("an access token", access_token),
        ("a changed signature", format!("{signed}.{}", "A".repeat(86))),
        ("no assertion at all", "x.y.z".to_owned()),
    ] {
        let answer = exchange(&outside, &workload, &assertion).await.expect(401);
        assert_eq!(answer.json()["error"], "invalid_client", "{what}");
        let record = vault.record_of(&operator, &answer).await;
        assert_eq!(record["outcome"], "unauthenticated", "{what}");
    }
}

/// Which checks of a token fail, each with its advice, as the API says it to an administrator.
async fn failing(outside: &Outside, operator: &str, token: &str) -> Vec<(String, String)> {
    explained(outside, operator, token, json!({ "token": token })).await
}

async fn explained(outside: &Outside, operator: &str, token: &str, body: Value) -> Vec<(String, String)> {
    let ask = outside.vault.ask_base(Method::POST, "/api/v1/token/explain").bearer(operator);
    let answer = ask.json(&body).send().await.expect(200);
    let record = outside.vault.record_of(operator, &answer).await;
    assert_eq!(record["operation"], "TokenExplain");
    assert!(!record.to_string().contains(token), "the token is not in the record");
    let explanation = answer.json();
    let checks = explanation["checks"].as_array().expect("checks");
    let failed: Vec<_> = checks.iter().filter(|check| check["state"] == "failed").collect();
    assert_eq!(explanation["accepted"].as_bool(), Some(failed.is_empty()), "{explanation}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    failed.iter().map(|check| (text(&check["check"]), text(&check["advice"]))).collect()
}

#[tokio::test]
async fn a_token_is_explained_check_by_check_and_what_to_change() {
    let outside = Outside::start().await;
    let operator = with_demo(&outside).await;
    let good = outside.api_token("payments-api").await;
    assert_eq!(failing(&outside, &operator, &good).await, []);

    let elsewhere = outside.token("payments-api", "https://other.example").await;
    let (head, rest) = good.split_once('.').expect("a token");
    let (claims, _) = rest.split_once('.').expect("a token");
    let foreign_signature = elsewhere.rsplit('.').next().expect("a signature");
    let mut claims_of_nobody: Value =
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    claims_of_nobody["iss"] = json!("https://nobody.example");
    let claims_of_nobody = data_encoding::BASE64URL_NOPAD.encode(claims_of_nobody.to_string().as_bytes());
    let cases = [
        (elsewhere.clone(), "aud"),
        (format!("{head}.{claims}.{foreign_signature}"), "signature"),
        (format!("{head}.{claims_of_nobody}.{foreign_signature}"), "issuer"),
        ("no.token".to_owned(), "shape"),
    ];
    for (token, check) in &cases {
        let failing = failing(&outside, &operator, token).await;
        let (first, advice) = failing.first().unwrap_or_else(|| panic!("{check} fails"));
        assert_eq!(first, check, "{failing:?}");
        assert!(advice.len() > 20, "{check}: says what to change: {advice:?}");
    }
    let ask = outside.vault.ask_base(Method::POST, "/api/v1/token/explain").bearer(&good);
    let denied = ask.json(&json!({ "token": good })).send().await;
    assert_eq!(denied.status, 403, "only who administers may ask: {}", denied.text());
}

#[tokio::test]
async fn the_command_line_explains_a_token_and_says_no_by_its_exit() {
    let vault = TestVault::dev().await;
    let (operator, file) = (vault.operator(), vault.folder().join("token"));
    let explain = |token: &str| {
        std::fs::write(&file, format!("Bearer {token}\n")).unwrap();
        run_to_end(&mut vault.cli(&operator, &["token", "explain", "--file", file.to_str().unwrap()]))
    };
    let good = vault.token(&vault.app()).await;
    let accepted = explain(&good);
    assert!(accepted.status.success(), "{}", String::from_utf8_lossy(&accepted.stderr));
    let (start, signature) = good.rsplit_once('.').unwrap();
    let other: String = signature.chars().rev().collect();
    let refused = explain(&format!("{start}.{other}"));
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    let line = said.lines().find(|line| line.trim_start().starts_with("signature")).expect("the check");
    assert!(line.contains("failed"), "{said}");
    assert!(!said.contains(&other), "nothing of the token itself is repeated");
}
