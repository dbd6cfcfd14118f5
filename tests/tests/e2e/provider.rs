//! Tokens of an issuer that is not ours: a certified OpenID Provider with keys that turn.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, FEDERATION_AUDIENCE, Outside};

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
