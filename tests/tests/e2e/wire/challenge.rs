//! The first answer that every SDK gets.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, TestVault};

/// What an answer says apart from when and to whom.
fn essence(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let own = ["date", "x-ms-request-id"];
    let mut headers: Vec<_> =
        answer.headers.iter().filter(|(name, _)| !own.contains(&name.as_str())).cloned().collect();
    headers.sort();
    (answer.status, headers, answer.text())
}

#[tokio::test]
async fn the_challenge_has_the_exact_form_that_clients_parse() {
    let vault = TestVault::dev().await;
    let expected = format!("Bearer authorization=\"{}/{}\", resource=\"{}\"", vault.base, vault.tenant(), vault.base);

    for ask in [
        vault.ask(Method::GET, "/secrets/x"),
        // The first request of an SDK keeps its body back.
        vault.ask(Method::PUT, "/secrets/x").header("content-length", "0"),
        vault.ask_base(Method::GET, "/api/v1/vaults"),
    ] {
        let answer = ask.send().await;
        assert_eq!(answer.header("www-authenticate"), Some(expected.as_str()));
        assert_eq!(answer.problem(), "401 Unauthorized");
        assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000;includeSubDomains"));
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("AKV10000: Request is missing a Bearer or PoP token."), "{message}");
    }
}

#[tokio::test]
async fn without_a_token_nothing_can_be_told_apart() {
    let vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    vault.set(&token, "known", "value").await;
    let known = essence(&vault.ask(Method::GET, "/secrets/known").send().await);

    let asks = [
        ("another secret", vault.ask(Method::GET, "/secrets/unknown")),
        ("a vault that is not there", vault.ask_vault("nothing-here", Method::GET, "/secrets/known?api-version=7.6")),
        ("a label that is no vault's name", vault.ask_vault("x", Method::GET, "/secrets/known?api-version=7.6")),
        ("no api-version", vault.ask_vault("demo", Method::GET, "/secrets/known")),
        ("a path that is not there", vault.ask(Method::GET, "/nothing")),
        ("a method that is not there", vault.ask(Method::DELETE, "/secrets")),
        ("a name that is none", vault.ask(Method::GET, "/secrets/not_a_name")),
        ("a body that is no JSON", vault.ask(Method::PUT, "/secrets/known").bytes("application/json", b"{".to_vec())),
    ];
    for (what, ask) in asks {
        assert_eq!(essence(&ask.send().await), known, "{what}");
    }
}

#[tokio::test]
async fn a_bad_token_gets_the_challenge_again_and_a_record() {
    let vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    let (signed, _) = app.rsplit_once('.').unwrap();
    let header_alone = format!("{}.e30.", app.split('.').next().unwrap());
    for (what, token) in [
        ("an empty signature", format!("{signed}.")),
        ("another signature", format!("{signed}.{}", "A".repeat(86))),
        ("no claims", header_alone),
        ("no token", "nonsense".to_owned()),
        // {"alg":"none"} . {"sub":"x"} .
        ("an unsigned token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.".to_owned()),
        ("a long token", "a.".repeat(20_000)),
    ] {
        let answer = vault.ask(Method::GET, "/secrets/x").bearer(&token).send().await;
        // The framework may end a request head of 40 kB before anybody looks at it.
        if token.len() > 16_384 && answer.status != 401 {
            assert!([400, 431].contains(&answer.status), "{what}: {}", answer.status);
            continue;
        }
        assert_eq!(answer.problem(), "401 Unauthorized", "{what}");
        assert!(answer.header("www-authenticate").is_some(), "{what}");
        let record = vault.record_of(&operator, &answer).await;
        assert_eq!((&record["outcome"], &record["principal_kind"]), (&json!("unauthenticated"), &json!("anonymous")));
    }
    for scheme in ["Basic dTpw", "Bearer", "bearer", ""] {
        let answer = vault.ask(Method::GET, "/secrets/x").header("authorization", scheme).send().await;
        assert_eq!(answer.problem(), "401 Unauthorized", "{scheme:?}");
    }
}

#[tokio::test]
async fn a_host_of_somebody_else_is_not_served() {
    let vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    for host in ["evil.example", "vault.localhost", "a.demo.vault.localhost", "127.0.0.1"] {
        let ask = vault.ask(Method::GET, "/secrets/x").header("host", host).bearer(&app);
        let answer = ask.send().await;
        assert_eq!(answer.problem(), "421 MisdirectedRequest", "{host}");
        assert_eq!(vault.record_of(&operator, &answer).await["reason"], "foreign-host");
    }
}
