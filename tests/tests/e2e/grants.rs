//! Who may do what, as it is said over the management API and the command line, and how soon it holds.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Credential, TestVault, run_to_end};

/// Runs a command of the program; gives what it printed.
fn cli(vault: &TestVault, who: &Credential, arguments: &[&str]) -> Result<String, String> {
    let output = run_to_end(&mut vault.cli(who, arguments));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[tokio::test]
async fn a_role_is_given_listed_and_taken_away_by_the_command_line() {
    let vault = TestVault::dev().await;
    let (operator, app, nobody) = (vault.operator(), vault.app(), vault.nobody());
    let (app_token, nobody_token) = (vault.token(&app).await, vault.token(&nobody).await);
    vault.set(&app_token, "db", "v").await;
    assert_eq!(vault.get(&nobody_token, "db").await.problem(), "403 Forbidden/ForbiddenByRbac");

    let add = ["assignment", "add", "--role", "Key Vault Secrets User", "--scope", "/vaults/demo/secrets/db"];
    let add = [&add[..], &["--workload", &nobody.id, "--until", "2099-01-01T00:00:00Z"]].concat();
    assert!(
        cli(&vault, &app, &add).unwrap_err().contains("ForbiddenByRbac"),
        "an administrator of data gives no roles"
    );
    let id = cli(&vault, &operator, &add).unwrap();
    assert_eq!(vault.get(&nobody_token, "db").await.expect(200).json()["value"], "v", "from the next request on");

    let access = ["access", "list", "--scope", "/vaults/demo", "--output", "json"];
    let used: Value = serde_json::from_str(&cli(&vault, &operator, &access).unwrap()).unwrap();
    let line = used.as_array().unwrap().iter().find(|line| line["assignment"] == id.as_str()).unwrap();
    assert!(line["role"] == "Key Vault Secrets User" && line["last_used_at"].is_i64(), "{line}");
    assert!(cli(&vault, &nobody, &["access", "list"]).unwrap_err().contains("ForbiddenByRbac"));
    let list = ["assignment", "list", "--scope", "/vaults/demo", "--output", "json"];
    let listed: Value = serde_json::from_str(&cli(&vault, &operator, &list).unwrap()).unwrap();
    let line = listed.as_array().unwrap().iter().find(|line| line["id"] == id.as_str()).unwrap();
    assert_eq!(line["scope"], "/vaults/demo/secrets/db");
    assert_eq!(line["role_id"], "4633458b-17de-408a-b874-0445c86b69e6", "Azure's own id");
    assert_eq!(line["ends_at"], 4_070_908_800_000_i64);
    assert!(cli(&vault, &operator, &add).unwrap_err().contains("RoleAssignmentExists"), "the same is not given twice");
    let stranger = ["assignment", "add", "--role", "Key Vault Reader", "--scope", "/vaults/demo", "--workload"];
    let stranger = [&stranger[..], &["00000000-0000-4000-8000-000000000404"]].concat();
    assert!(cli(&vault, &operator, &stranger).unwrap_err().contains("PrincipalNotFound"));
    let later = ["assignment", "add", "--role", "Key Vault Reader", "--scope", "/vaults/demo"];
    let later = [&later[..], &["--group", "https://later.example#ops"]].concat();
    let said = run_to_end(&mut vault.cli(&operator, &later));
    let warning = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && warning.contains("No issuer https://later.example"), "{warning}");
    let orphans = cli(&vault, &operator, &["access", "list", "--above", "--state", "orphan"]).unwrap();
    assert!(orphans.contains("https://later.example#ops") && orphans.lines().count() == 2, "{orphans}");
    let known = format!("The one that is: https://127.0.0.1:{}.", vault.port + 1);
    assert!(warning.contains(&known), "it names those that are: {warning}");
    let of_nobody = cli(&vault, &operator, &["assignment", "list", "--workload", &nobody.id]).unwrap();
    assert_eq!(of_nobody.lines().filter(|line| line.contains("Key Vault Secrets User")).count(), 1, "{of_nobody}");
    assert!(cli(&vault, &operator, &["assignment", "show", &id]).unwrap().contains("/vaults/demo/secrets/db"));

    assert!(cli(&vault, &nobody, &["assignment", "remove", &id]).unwrap_err().contains("ForbiddenByRbac"));
    cli(&vault, &operator, &["assignment", "remove", &id]).unwrap();
    assert_eq!(vault.get(&nobody_token, "db").await.problem(), "403 Forbidden/ForbiddenByRbac");
    let operator_token = vault.token(&operator).await;
    let removed = vault
        .records(&operator_token)
        .await
        .into_iter()
        .find(|r| r["operation"] == "RoleAssignmentDelete" && r["outcome"] == "allowed");
    assert_eq!(removed.unwrap()["status"], 204, "as answered");
    let gone = cli(&vault, &operator, &["assignment", "remove", &id]).unwrap_err();
    assert!(gone.contains("RoleAssignmentNotFound"), "{gone}");
}

#[tokio::test]
async fn access_policies_grant_what_they_say_in_the_modes_that_ask_them() {
    let vault = TestVault::dev().await;
    let (operator, nobody) = (vault.operator(), vault.nobody());
    let (app_token, nobody_token) = (vault.token(&vault.app()).await, vault.token(&nobody).await);
    let operator_token = vault.token(&operator).await;
    vault.set(&app_token, "db", "v").await;
    let switch = async |mode: &str| {
        let ask = vault.ask_base(Method::PATCH, "/api/v1/vaults/demo").bearer(&operator_token);
        ask.json(&json!({ "access_mode": mode })).send().await
    };
    assert_eq!(switch("access-policy").await.problem(), "409 Conflict/LocksEverybodyOut");
    let set = ["access-policy", "set", "demo", "--workload", &nobody.id, "--secret-permissions", "get,list"];
    cli(&vault, &operator, &set).unwrap();
    assert_eq!(vault.get(&nobody_token, "db").await.problem(), "403 Forbidden/ForbiddenByRbac", "not in this mode");
    let sleeps = |list: &[&str]| cli(&vault, &operator, list).unwrap().contains("(asleep)");
    let lists = [&["access-policy", "list", "demo"][..], &["assignment", "list", "--scope", "/vaults/demo"]];
    assert_eq!(lists.map(sleeps), [true, false]);
    let switched = switch("access-policy").await.expect(200).json();
    assert_eq!(switched["settings"]["access_mode"], "access-policy");
    let told = switched["warnings"].to_string();
    assert!(told.contains("Role assignments") && told.contains("The way back is the access mode rbac"), "{told}");
    assert_eq!(lists.map(sleeps), [false, true]);
    assert_eq!(vault.get(&nobody_token, "db").await.expect(200).json()["value"], "v");
    assert_eq!(vault.get(&app_token, "db").await.problem(), "403 Forbidden/ForbiddenByPolicy", "roles do not count");
    assert_eq!(switch("rbac").await.problem(), "403 Forbidden/ForbiddenByPolicy", "it would let its author in");
    let listed = cli(&vault, &operator, &["access-policy", "list", "demo"]).unwrap();
    assert!(listed.contains(&format!("nobody ({})", nobody.id)) && listed.contains("get, list"), "{listed}");
    let key = async |path: &str, body: serde_json::Value| {
        vault.ask(Method::POST, path).bearer(&nobody_token).json(&body).send().await
    };
    let ec = json!({ "kty": "EC" });
    assert_eq!(key("/keys/k/create", ec.clone()).await.problem(), "403 Forbidden/ForbiddenByPolicy", "secrets alone");
    let set = ["access-policy", "set", "demo", "--workload", &nobody.id, "--key-permissions", "create,SIGN,wrapkey"];
    cli(&vault, &operator, &set).unwrap();
    key("/keys/k/create", ec).await.expect(200);
    let digest = data_encoding::BASE64URL_NOPAD.encode(&[7; 32]);
    key("/keys/k//sign", json!({ "alg": "ES256", "value": digest })).await.expect(200);
    let read = vault.ask(Method::GET, "/keys/k").bearer(&nobody_token).send().await;
    assert_eq!(read.problem(), "403 Forbidden/ForbiddenByPolicy");
    assert_eq!(vault.get(&nobody_token, "db").await.problem(), "403 Forbidden/ForbiddenByPolicy", "all was replaced");
    let listed = cli(&vault, &operator, &["access-policy", "list", "demo"]).unwrap();
    assert!(listed.contains("create, wrapKey, sign"), "{listed}");
    let wrong = ["access-policy", "set", "demo", "--workload", &nobody.id, "--key-permissions", "set"];
    assert!(cli(&vault, &operator, &wrong).unwrap_err().contains("getrotationpolicy"), "it says which there are");
    cli(&vault, &operator, &["access-policy", "remove", "demo", "--workload", &nobody.id]).unwrap();
    let denied = vault.get(&nobody_token, "db").await;
    assert_eq!(denied.problem(), "403 Forbidden/ForbiddenByRbac", "who holds nothing is told of no vault");
    assert!(denied.text().contains("or there is no such vault"), "{}", denied.text());
    assert_eq!(vault.record_of(&operator_token, &denied).await["reason"], "no-access-policy");
}

#[tokio::test]
async fn a_custom_role_is_made_assigned_changed_and_deleted_by_the_command_line() {
    let vault = TestVault::dev().await;
    let (operator, nobody) = (vault.operator(), vault.nobody());
    let (app_token, nobody_token) = (vault.token(&vault.app()).await, vault.token(&nobody).await);
    vault.set(&app_token, "db", "v").await;
    let file = vault.folder().join("role.json");
    let write = |data_action: &str| {
        let role = json!({ "name": "Peeker", "data_actions": [data_action], "assignable_scopes": ["/vaults/demo"] });
        std::fs::write(&file, role.to_string()).unwrap();
    };
    let file_text = file.to_str().unwrap();
    write("Microsoft.KeyVault/vaults/secrets/getSecret/action");
    let id = cli(&vault, &operator, &["role", "create", "--file", file_text]).unwrap();
    let add = ["assignment", "add", "--role", "peeker", "--scope", "/vaults/demo", "--workload", &nobody.id];
    let assignment = cli(&vault, &operator, &add).unwrap();
    assert_eq!(vault.get(&nobody_token, "db").await.expect(200).json()["value"], "v");
    let listed = cli(&vault, &operator, &["assignment", "list", "--scope", "/vaults/demo"]).unwrap();
    assert!(listed.contains("Peeker"), "{listed}");
    write("Microsoft.KeyVault/vaults/secrets/readMetadata/action");
    cli(&vault, &operator, &["role", "update", "Peeker", "--file", file_text]).unwrap();
    assert_eq!(vault.get(&nobody_token, "db").await.problem(), "403 Forbidden/ForbiddenByRbac", "at once");
    assert!(cli(&vault, &operator, &["role", "delete", &id]).unwrap_err().contains("RoleDefinitionHasAssignments"));
    cli(&vault, &operator, &["assignment", "remove", &assignment]).unwrap();
    cli(&vault, &operator, &["role", "delete", &id]).unwrap();
    assert!(cli(&vault, &operator, &["role", "show", &id]).unwrap_err().contains("RoleDefinitionNotFound"));
    assert!(cli(&vault, &operator, &["role", "list"]).unwrap().contains("Key Vault Crypto Service Release User"));
}

/// What is left of somebody who is gone is seen, and the command that takes it away is there to copy.
#[tokio::test]
async fn grants_of_a_deleted_identity_are_marked_and_told_how_to_remove() {
    let vault = TestVault::dev().await;
    let operator = vault.operator();
    let made =
        run_to_end(&mut vault.cli(&operator, &["vault", "create", "payments", "--access-mode", "access-policy"]));
    let hint = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && hint.contains("strongroom access-policy set payments"), "{hint}");
    let modules = cli(&vault, &operator, &["vault", "create", "other", "--access-mode", "modules"]).unwrap_err();
    assert!(modules.contains("--authority"), "{modules}");

    let made = cli(&vault, &operator, &["identity", "create", "brief", "--output", "json"]).unwrap();
    let id = serde_json::from_str::<Value>(&made).unwrap()["client_id"].as_str().unwrap().to_owned();
    let add = ["assignment", "add", "--role", "Key Vault Reader", "--scope", "/vaults/payments", "--workload", "brief"];
    let assignment = cli(&vault, &operator, &add).unwrap();
    let set = ["access-policy", "set", "payments", "--workload", "brief", "--secret-permissions", "get"];
    cli(&vault, &operator, &set).unwrap();
    let assignments = ["assignment", "list", "--scope", "/vaults/payments"];
    let policies = ["access-policy", "list", "payments"];
    assert!(!cli(&vault, &operator, &assignments).unwrap().contains("deleted"));
    cli(&vault, &operator, &["identity", "delete", "brief"]).unwrap();
    for (list, way) in [
        (&assignments[..], format!("strongroom assignment remove {assignment}")),
        (&policies[..], format!("strongroom access-policy remove payments --workload {id}")),
    ] {
        let listed = run_to_end(&mut vault.cli(&operator, list));
        let (shown, said) = (String::from_utf8_lossy(&listed.stdout), String::from_utf8_lossy(&listed.stderr));
        assert!(shown.contains(&format!("{id} (identity deleted)")) && said.contains(&way), "{shown} {said}");
        let json = cli(&vault, &operator, &[list, &["--output", "json"]].concat()).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()[0]["grantee_deleted"], true, "{json}");
    }
    cli(&vault, &operator, &["assignment", "remove", &assignment]).unwrap();
    cli(&vault, &operator, &["access-policy", "remove", "payments", "--workload", &id]).unwrap();
    assert!(!cli(&vault, &operator, &policies).unwrap().contains(&id));
}

/// Who may give, and may not look around: an id takes no look, and what ships is known to everybody.
#[tokio::test]
async fn ids_and_shipped_modules_are_taken_from_who_may_not_look_names_up() {
    let vault = TestVault::dev().await;
    let (operator, nobody, app) = (vault.operator(), vault.nobody(), vault.app());
    for role in ["Key Vault Data Access Administrator", "Key Vault Contributor"] {
        let add = ["assignment", "add", "--role", role, "--scope", "/vaults/demo", "--workload", &nobody.id];
        cli(&vault, &operator, &add).unwrap();
    }
    let add = ["assignment", "add", "--role", "Key Vault Contributor", "--scope", "/vaults/demo", "--workload"];
    let told = cli(&vault, &nobody, &[&add[..], &["sample-app"]].concat()).unwrap_err();
    assert!(told.contains("its client id says the same") && !told.contains("Owner"), "{told}");
    cli(&vault, &nobody, &[&add[..], &[&app.id]].concat()).unwrap();

    let attach = ["policy", "attach", "names", "--vault", "demo", "--module"];
    let told = cli(&vault, &nobody, &[&attach[..], &["mine"]].concat()).unwrap_err();
    assert!(
        told.contains("its whole digest") && told.contains("naming-convention") && !told.contains("Owner"),
        "{told}"
    );
    let attached = cli(&vault, &nobody, &[&attach[..], &["naming-convention"]].concat()).unwrap();
    assert!(attached.contains("module naming-convention ("), "{attached}");
}

/// A name is looked up for those alone who may grant: to all others one answer looks like another.
#[tokio::test]
async fn nobody_else_learns_which_roles_there_are() {
    let vault = TestVault::dev().await;
    let (operator, nobody) = (vault.token(&vault.operator()).await, vault.token(&vault.nobody()).await);
    let body = json!({
        "name": "Merger Reader", "assignable_scopes": ["/vaults/demo"],
        "data_actions": ["Microsoft.KeyVault/vaults/secrets/readMetadata/action"],
    });
    vault.ask_base(Method::POST, "/api/v1/roles").bearer(&operator).json(&body).send().await.expect(201);
    let ask = async |token: &str, role: &str| {
        let body = json!({ "role": role, "scope": "/vaults/demo", "group": "g", "issuer": "https://later.example" });
        vault.ask_base(Method::POST, "/api/v1/assignments").bearer(token).json(&body).send().await
    };
    for role in ["Merger Reader", "Nothing", "Owner"] {
        assert_eq!(ask(&nobody, role).await.problem(), "403 Forbidden/ForbiddenByRbac", "{role}");
    }
    let missing = ask(&operator, "Nothing").await;
    assert_eq!(missing.problem(), "400 BadParameter");
    assert!(missing.text().contains("Built-in roles"), "{}", missing.text());
    ask(&operator, "merger reader").await.expect(201);
}
