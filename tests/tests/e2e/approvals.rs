//! What takes two, from the refusal of an app to the consent of somebody else on the command line, and back.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Answer, Credential, TestVault, run_to_end};

fn cli(vault: &TestVault, who: &Credential, arguments: &[&str]) -> Result<Value, String> {
    let mut command = vault.cli(who, arguments);
    let output = run_to_end(command.args(["--output", "json"]));
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

/// The id of the request that a denial names.
fn request_in(denied: &Answer) -> String {
    let text = denied.json()["error"]["message"].as_str().unwrap().to_owned();
    let (_, id) = text.split_once("Approval request: ").unwrap_or_else(|| panic!("{text}"));
    id.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn an_app_reads_once_somebody_else_agreed_and_not_by_its_own_word() {
    let mut vault = TestVault::dev().await;
    let (operator, app) = (vault.operator(), vault.app());
    let (token, operator_token) = (vault.token(&app).await, vault.token(&operator).await);
    vault.set(&token, "db", "hunter2").await;
    let settings = r#"{"actions":["*/getSecret/*"],"valid_for":600}"#;
    // By its digest, so that the server has to compile this one alone.
    let listed = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../policy-plugins/two-person/two-person.wasm.sources");
    let listed = std::fs::read_to_string(listed).unwrap();
    let digest = listed.lines().last().unwrap().split_whitespace().next().unwrap();
    let attach = ["policy", "attach", "two", "--vault", "demo", "--module", digest, "--state", "enforce"];
    let attached = run_to_end(&mut vault.cli(&operator, &[&attach[..], &["--settings", settings]].concat()));
    assert!(attached.status.success(), "{}", String::from_utf8_lossy(&attached.stderr));

    // Refused, with the id of a request; asked again it is the same one.
    let denied = vault.get(&token, "db").await;
    assert_eq!(denied.problem(), "403 Forbidden/ApprovalRequired");
    let id = request_in(&denied);
    assert_eq!(request_in(&vault.get(&token, "db").await), id);

    // Somebody with a role for it and nothing else.
    let made = cli(&vault, &operator, &["identity", "create", "second"]).unwrap();
    let part = |name: &str| made[name].as_str().unwrap().to_owned();
    let second = Credential { id: part("client_id"), secret: part("client_secret") };
    let grant = ["approval", "grant", &id, "--vault", "demo"];
    assert!(cli(&vault, &second, &grant).unwrap_err().contains("Strongroom Approver"), "the role that is missing");
    let role = |who: &str| json!({ "client_id": who, "role": "Strongroom Approver", "scope": "/vaults/demo" });
    vault.assign(&operator_token, &role(&second.id)).await;
    vault.assign(&operator_token, &role(&app.id)).await;
    assert_eq!(vault.get(&vault.token(&second).await, "db").await.problem(), "403 Forbidden/ForbiddenByRbac");

    let own = cli(&vault, &app, &grant).unwrap_err();
    assert!(own.contains("it is your own"), "{own}");
    let waiting = cli(&vault, &second, &["approval", "list", "--vault", "demo"]).unwrap();
    assert_eq!((&waiting["value"][0]["id"], &waiting["value"][0]["state"]), (&json!(id), &json!("waiting")));
    assert_eq!(waiting["value"][0]["principal"]["subject"], app.id);
    assert_eq!(waiting["value"][0]["principal_name"], "sample-app", "who is to agree sees who asks");
    assert_eq!(waiting["value"][0]["policy_enforced"], true);
    let long = cli(&vault, &second, &[&grant[..], &["--seconds", "601"]].concat()).unwrap_err();
    assert!(long.contains("seconds"), "{long}");
    let granted = cli(&vault, &second, &[&grant[..], &["--seconds", "300"]].concat()).unwrap();
    let (from, until) = (&granted["approvals"][0]["granted"], &granted["approvals"][0]["until"]);
    assert_eq!(until.as_i64().unwrap() - from.as_i64().unwrap(), 300);
    assert_eq!(vault.get(&token, "db").await.expect(200).json()["value"], "hunter2");

    // It outlives the server, and ends when it is taken back.
    vault.stop();
    vault.start().await.unwrap();
    let token = vault.token(&app).await;
    vault.get(&token, "db").await.expect(200);
    cli(&vault, &second, &["approval", "refuse", &id, "--vault", "demo"]).unwrap();
    let denied = vault.get(&token, "db").await;
    assert_eq!(denied.problem(), "403 Forbidden/ApprovalRequired");
    assert!(denied.text().contains("which somebody refused"), "{}", denied.text());

    // What nobody asks for any more does not wait for ever: it says so.
    let detach = run_to_end(&mut vault.cli(&operator, &["policy", "detach", "two", "--vault", "demo"]));
    assert!(detach.status.success(), "{}", String::from_utf8_lossy(&detach.stderr));
    let left = run_to_end(&mut vault.cli(&second, &["approval", "list", "--vault", "demo"]));
    let shown = String::from_utf8_lossy(&left.stdout);
    assert!(shown.contains("no longer asked for") && shown.contains("refused by second ("), "{shown}");

    let records = vault.records(&vault.token(&operator).await).await;
    let of = |operation: &str| records.iter().filter(|record| record["operation"] == operation).collect::<Vec<_>>();
    let (grants, refusals) = (of("ApprovalGrant"), of("ApprovalRefuse"));
    let outcomes: Vec<_> = grants.iter().map(|record| (&record["outcome"], &record["reason"])).collect();
    assert!(outcomes.contains(&(&json!("failed"), &json!("own-approval"))), "{outcomes:?}");
    let denied = of("ApprovalDecide");
    assert!(denied.iter().any(|record| record["principal"]["subject"] == second.id && record["reason"] == "no-role"));
    assert_eq!(grants.iter().filter(|record| record["outcome"] == "allowed").count(), 1);
    assert_eq!((refusals.len(), &refusals[0]["object"]), (1, &json!(id)));
    // Every row is the one that the log tells of, those that a denial opened included.
    vault.stop();
    let data = vault.data();
    let verified = run_to_end(&mut vault.cli(&operator, &["verify", "--data", data.to_str().unwrap()]));
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
