//! Network rules of a vault: two listeners told apart, and a lock-out that is not made by mistake.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Ask, Outside, TestVault, run_to_end};

const API_VERSION: &str = "7.6";

/// Asks the vault `payments` for its secrets, over the listener on this port.
async fn secrets(outside: &Outside, token: &str, port: u16) -> Answer {
    let vault = &outside.vault;
    let url = format!("https://payments.vault.localhost:{port}/secrets?api-version={API_VERSION}");
    let host = format!("payments.vault.localhost:{}", vault.port);
    Ask::new(vault.http(), Method::GET, &url).header("host", &host).bearer(token).send().await
}

#[tokio::test]
async fn two_listeners_are_told_apart() {
    let outside = Outside::start_on_two_listeners().await;
    let vault = &outside.vault;
    let operator = outside.api_token("operator").await;
    let (public, private) = (vault.port, vault.port + 1);
    vault.create_vault(&operator, &json!({ "name": "payments" })).await;
    for port in [public, private] {
        secrets(&outside, &operator, port).await.expect(200);
    }

    let only_private = json!({
        "default_action": "deny",
        "rules": [{ "action": "allow", "network": "127.0.0.0/8", "listener": "private" }],
    });
    let change = async |body: &Value| {
        let ask = vault.ask_base(Method::PATCH, "/api/v1/vaults/payments").bearer(&operator);
        ask.json(body).send().await
    };
    let refused = change(&json!({ "network": only_private })).await;
    assert_eq!(refused.problem(), "409 Conflict/LocksAuthorOut", "the operator comes over the public one");
    secrets(&outside, &operator, public).await.expect(200);
    let forced = change(&json!({ "network": only_private, "force": true })).await.expect(200);
    assert_eq!(forced.json()["settings"]["network"], only_private);

    let denied = secrets(&outside, &operator, public).await;
    assert_eq!(denied.problem(), "403 Forbidden/ForbiddenByFirewall");
    let allowed = secrets(&outside, &operator, private).await.expect(200);
    let of_denied = vault.record_of(&operator, &denied).await;
    assert_eq!((&of_denied["listener"], &of_denied["outcome"]), (&json!("public"), &json!("denied")));
    assert_eq!(of_denied["reason"], "network-not-allowed");
    assert_eq!(of_denied["trace"][0]["detail"], "default action");
    let of_allowed = vault.record_of(&operator, &allowed).await;
    assert_eq!((&of_allowed["listener"], &of_allowed["outcome"]), (&json!("private"), &json!("allowed")));
    let of_forced = vault.record_of(&operator, &forced).await;
    assert_eq!(of_forced["trace"].as_array().unwrap().last().unwrap()["reason"], "lock-out-forced");

    let micros = vault.records(&operator).await.into_iter().filter_map(|record| record["duration_micros"].as_u64());
    assert!(micros.into_iter().any(|micros| micros % 1000 != 0), "durations are told to the microsecond");

    // Without a credential the rules show nothing, and the record says which vault was meant.
    let url = format!("{}/secrets?api-version={API_VERSION}", vault.vault_url("payments"));
    let anonymous = Ask::new(vault.http(), Method::GET, &url).send().await.expect(401);
    let record = vault.record_of(&operator, &anonymous).await;
    assert_eq!((&record["vault"], &record["outcome"]), (&json!("payments"), &json!("unauthenticated")));
    let absent = Ask::new(vault.http(), Method::GET, &url.replace("payments", "absent")).send().await.expect(401);
    assert_eq!(absent.text(), anonymous.text());
    assert_eq!(vault.record_of(&operator, &absent).await["vault"], "absent");
}

#[tokio::test]
async fn rules_are_kept_by_the_command_line() {
    let vault = TestVault::dev().await;
    let (operator, token) = (vault.operator(), vault.token(&vault.app()).await);
    vault.set(&token, "db", "v").await;
    let network = |arguments: &[&str]| {
        let output = run_to_end(&mut vault.cli(&operator, &[&["network"], arguments].concat()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    };
    let locked_out = network(&["default", "demo", "deny"]).unwrap_err();
    assert!(locked_out.contains("LocksAuthorOut") && locked_out.contains("--force"), "{locked_out}");
    network(&["add", "demo", "allow", "127.0.0.0/8", "--until", "2099-01-01T00:00:00Z"]).unwrap();
    network(&["add", "demo", "deny", "10.0.0.66", "--at", "1"]).unwrap();
    network(&["add", "demo", "allow", "--listener", "private"]).unwrap();
    let locked_out = network(&["default", "demo", "deny"]).unwrap_err();
    assert!(locked_out.contains("LocksAuthorOut") && locked_out.contains("once rule 2 has ended"), "{locked_out}");
    network(&["default", "demo", "deny", "--force"]).unwrap();
    vault.get(&token, "db").await.expect(200);

    let listed: Value = serde_json::from_str(&network(&["list", "demo", "--output", "json"]).unwrap()).unwrap();
    let expected = json!({ "default_action": "deny", "rules": [
        { "action": "deny", "network": "10.0.0.66/32" },
        { "action": "allow", "network": "127.0.0.0/8", "ends_at": 4_070_908_800_000_i64 },
        { "action": "allow", "listener": "private" },
    ]});
    assert_eq!(listed, expected);
    let table = network(&["list", "demo"]).unwrap();
    assert!(table.contains("10.0.0.66/32") && table.lines().last().unwrap().contains("default"), "{table}");

    assert!(network(&["remove", "demo", "2"]).unwrap_err().contains("LocksAuthorOut"));
    assert!(network(&["remove", "demo", "4"]).unwrap_err().contains("there is no rule 4"));
    network(&["remove", "demo", "1", "--force"]).unwrap();
    network(&["remove", "demo", "1", "--force"]).unwrap();
    assert_eq!(vault.get(&token, "db").await.problem(), "403 Forbidden/ForbiddenByFirewall");
    assert!(network(&["default", "demo", "allow"]).unwrap_err().contains("ForbiddenByFirewall"), "for everybody");
}

#[tokio::test]
async fn rules_are_replaced_from_a_file() {
    let vault = TestVault::dev().await;
    let file = vault.folder().join("rules.json");
    let rules = json!({ "default_action": "allow", "rules": [{ "action": "deny", "network": "192.0.2.0/24" }] });
    std::fs::write(&file, rules.to_string()).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let operator = vault.operator();
    let set = run_to_end(&mut vault.cli(&operator, &["network", "set", "demo", "--file", &file]));
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let list = run_to_end(&mut vault.cli(&operator, &["network", "list", "demo", "--output", "json"]));
    assert_eq!(serde_json::from_slice::<Value>(&list.stdout).unwrap(), rules);
}
