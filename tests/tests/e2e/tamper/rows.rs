//! Rows of secrets, vaults, assignments and workloads.

use reqwest::Method;
use serde_json::json;

use super::Pristine;
use crate::support::{Credential, Database, TestVault};

const DEMO: &str = "vault_id = (SELECT id FROM vaults WHERE name = 'demo')";
const OTHER: &str = "vault_id = (SELECT id FROM vaults WHERE name = 'other')";

/// What to do to the database before the server starts again.
enum Edit {
    /// Statements, each with how many rows it changes; zero for those about tables.
    Sql(Vec<(u64, String)>),
    /// Flips one bit of a column (table, column, condition).
    Flip(&'static str, &'static str, String),
}

impl Edit {
    async fn apply(&self, vault: &TestVault) {
        let mut database = Database::open(vault).await;
        match self {
            Self::Sql(statements) => {
                for (rows, statement) in statements {
                    match rows {
                        0 => drop(database.run(statement).await),
                        rows => database.change(*rows, statement).await,
                    }
                }
            }
            Self::Flip(table, column, condition) => database.flip(table, column, condition).await,
        }
        database.close().await;
    }
}

fn sql(rows: u64, statement: String) -> Edit {
    Edit::Sql(vec![(rows, statement)])
}

/// Exchanges columns between two rows of `secret_versions`; what stays in place is the key.
fn swap(columns: &[&str], one: &str, other: &str) -> Edit {
    // Rows are found by what they were, because they change on the way.
    let [one, other] = [one, other].map(|condition| condition.replace("FROM secret_versions", "FROM kept"));
    let take = |to: &str, from: &str| {
        let assign = columns.iter().map(|column| format!("{column} = (SELECT {column} FROM kept WHERE {from})"));
        format!("UPDATE secret_versions SET {} WHERE {to}", assign.collect::<Vec<_>>().join(", "))
    };
    Edit::Sql(vec![
        (0, "CREATE TABLE kept AS SELECT * FROM secret_versions".to_owned()),
        (1, take(&one, &other)),
        (1, take(&other, &one)),
        (0, "DROP TABLE kept".to_owned()),
    ])
}

const SEALED: [&str; 3] = ["data_key_id", "wrapped_data_key", "ciphertext"];
const WHOLE: [&str; 9] = [
    "ordinal",
    "attributes",
    "created",
    "updated",
    "data_key_id",
    "wrapped_data_key",
    "ciphertext",
    "row_format",
    "tag",
];

/// The row of a version, counted from the oldest.
fn version(vault: &str, name: &str, number: u8) -> String {
    let all = format!("SELECT version FROM secret_versions WHERE {vault} AND name = '{name}'");
    format!("{vault} AND name = '{name}' AND version = ({all} ORDER BY ordinal LIMIT 1 OFFSET {number})")
}

/// Two vaults with secrets of the same names, one of them disabled.
async fn furnished() -> TestVault {
    let vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    vault.create_vault(&operator, &json!({ "name": "other" })).await;
    vault
        .assign(
            &operator,
            &json!({ "client_id": vault.app().id, "role": "Key Vault Administrator", "scope": "/vaults/other" }),
        )
        .await;
    pair(&vault, &app, "").await;
    vault.set(&app, "control", "control").await;
    let off = json!({ "value": "off-1", "attributes": { "enabled": false } });
    vault.ask(Method::PUT, "/secrets/off").bearer(&app).json(&off).send().await.expect(200);
    vault
}

/// A secret with two versions, one with one, and a namesake of the first in the other vault.
async fn pair(vault: &TestVault, app: &str, number: &str) {
    let (alpha, beta) = (format!("alpha{number}"), format!("beta{number}"));
    vault.set(app, &alpha, "alpha-1").await;
    vault.set(app, &alpha, "alpha-2").await;
    vault.set(app, &beta, "beta-1").await;
    let body = json!({ "value": "other-alpha" });
    let path = format!("/secrets/{alpha}?api-version=7.6");
    vault.ask_vault("other", Method::PUT, &path).bearer(app).json(&body).send().await.expect(200);
}

/// Changes the row of a name in `demo`.
fn state(set: &str, name: &str) -> Edit {
    sql(1, format!("UPDATE secrets SET {set} WHERE {DEMO} AND name = '{name}'"))
}

/// Changes the row of the only version of a name in `demo`.
fn content(set: &str, name: &str) -> Edit {
    sql(1, format!("UPDATE secret_versions SET {set} WHERE {DEMO} AND name = '{name}'"))
}

fn flip(column: &'static str, name: &str) -> Edit {
    Edit::Flip("secret_versions", column, version(DEMO, name, 0))
}

/// What is done to a pair of secrets of its own, and which of the two it touches.
type Touch = (&'static str, fn(&str, &str) -> Edit, &'static [&'static str]);

const TOUCHES: [Touch; 20] = [
    ("a bit of the ciphertext", |_, beta| flip("ciphertext", beta), &["beta"]),
    ("a bit of the wrapped key", |_, beta| flip("wrapped_data_key", beta), &["beta"]),
    ("a bit of the key's id", |_, beta| flip("data_key_id", beta), &["beta"]),
    ("a bit of a version's tag", |_, beta| flip("tag", beta), &["beta"]),
    (
        "a bit of a name's tag",
        |alpha, _| Edit::Flip("secrets", "tag", format!("{DEMO} AND name = '{alpha}'")),
        &["alpha"],
    ),
    (
        "a value cut short",
        |_, beta| content("ciphertext = substr(ciphertext, 1, length(ciphertext) - 1)", beta),
        &["beta"],
    ),
    ("no value", |_, beta| content("ciphertext = x''", beta), &["beta"]),
    ("no tag", |_, beta| content("tag = x''", beta), &["beta"]),
    ("another row format", |_, beta| content("row_format = row_format + 1", beta), &["beta"]),
    ("another time of making", |_, beta| content("created = created - 1", beta), &["beta"]),
    ("attributes that are no JSON", |_, beta| content("attributes = '{'", beta), &["beta"]),
    (
        "values of two names swapped",
        |alpha, beta| swap(&SEALED, &version(DEMO, alpha, 1), &version(DEMO, beta, 0)),
        &["alpha", "beta"],
    ),
    (
        "whole rows of two names swapped",
        |alpha, beta| swap(&WHOLE, &version(DEMO, alpha, 1), &version(DEMO, beta, 0)),
        &["alpha", "beta"],
    ),
    (
        "values of two versions swapped",
        |alpha, _| swap(&SEALED, &version(DEMO, alpha, 0), &version(DEMO, alpha, 1)),
        &["alpha"],
    ),
    (
        "whole rows of two versions swapped",
        |alpha, _| swap(&WHOLE, &version(DEMO, alpha, 0), &version(DEMO, alpha, 1)),
        &["alpha"],
    ),
    (
        "whole rows of two vaults swapped",
        |alpha, _| swap(&WHOLE, &version(DEMO, alpha, 1), &version(OTHER, alpha, 0)),
        &["alpha"],
    ),
    (
        "an older version made the current one",
        |alpha, _| {
            let older = format!("SELECT version FROM secret_versions WHERE {}", version(DEMO, alpha, 0));
            state(&format!("current = ({older})"), alpha)
        },
        &["alpha"],
    ),
    ("an earlier revision", |alpha, _| state("revision = revision - 1", alpha), &["alpha"]),
    ("a name spelt otherwise", |alpha, _| state("display = upper(display)", alpha), &["alpha"]),
    (
        "the current version gone",
        |alpha, _| sql(1, format!("DELETE FROM secret_versions WHERE {}", version(DEMO, alpha, 1))),
        &["alpha"],
    ),
];

/// Every touch has a pair of secrets of its own, so that one start shows all of them.
#[tokio::test]
async fn a_touched_secret_is_found_and_never_read_wrongly() {
    let mut vault = furnished().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    for number in 0..TOUCHES.len() {
        pair(&vault, &app, &number.to_string()).await;
    }
    vault.stop();
    for (number, (_, edit, _)) in TOUCHES.iter().enumerate() {
        edit(&format!("alpha{number}"), &format!("beta{number}")).apply(&vault).await;
    }
    let enabled = r#"attributes = replace(attributes, '"enabled":false', '"enabled":true')"#;
    content(enabled, "off").apply(&vault).await;
    vault.start().await.unwrap();

    let mut refused = vec![("a disabled secret enabled", vault.get(&app, "off").await, "off".to_owned())];
    for (number, (what, _, touched)) in TOUCHES.into_iter().enumerate() {
        for (one, value) in [("alpha", "alpha-2"), ("beta", "beta-1")] {
            let name = format!("{one}{number}");
            let answer = vault.get(&app, &name).await;
            if touched.contains(&one) {
                refused.push((what, answer, name));
            } else {
                assert_eq!(answer.expect(200).json()["value"], value, "{what}: others go on");
            }
        }
    }
    assert_eq!(vault.get(&app, "control").await.expect(200).json()["value"], "control");
    let records = vault.records(&operator).await;
    for (what, answer, name) in &refused {
        assert_eq!(answer.problem(), "500 InternalError", "{what}: {name}");
        let record = records.iter().find(|record| record["id"] == answer.request_id()).expect("a record");
        assert_eq!((&record["operation"], &record["object"]), (&json!("SecretGet"), &json!(name)), "{what}");
        assert_ne!(record["outcome"], "allowed", "{what}: {record}");
        assert_eq!(record["reason"], "tampered", "{what}: {record}");
    }
    assert_eq!(refused.len(), TOUCHES.len() + 3);
}

#[tokio::test]
async fn a_deleted_secret_is_not_brought_back_by_hand() {
    let vault = furnished().await;
    let app = vault.token(&vault.app()).await;
    vault.ask(Method::DELETE, "/secrets/beta").bearer(&app).send().await.expect(200);
    let mut pristine = Pristine::of(vault);
    let back = format!(
        "UPDATE secrets SET deleted_at = NULL, purge_at = NULL,
         state = (SELECT state FROM secrets WHERE {DEMO} AND name = 'alpha') WHERE {DEMO} AND name = 'beta'"
    );
    sql(1, back).apply(&pristine.vault).await;
    pristine.vault.start().await.unwrap();
    let answer = pristine.vault.get(&app, "beta").await;
    assert_eq!(answer.problem(), "500 InternalError");
    assert!(!answer.text().contains("beta-1"));
}

/// What is done to a vault of its own, beside an untouched one.
type VaultTouch = (&'static str, fn(&str, &str) -> Edit);

const VAULT_TOUCHES: [VaultTouch; 6] = [
    ("settings without the policy", |one, other| {
        vault_row(one, &format!("settings = {}", of_vault("settings", other)))
    }),
    ("a bit of the wrapped key", |one, _| Edit::Flip("vaults", "wrapped_key", format!("name = '{one}'"))),
    ("a bit of the tag", |one, _| Edit::Flip("vaults", "tag", format!("name = '{one}'"))),
    ("an earlier revision", |one, _| vault_row(one, "revision = revision - 1")),
    ("the key of another vault", |one, other| {
        vault_row(one, &format!("wrapped_key = {}", of_vault("wrapped_key", other)))
    }),
    ("two vaults under each other's names", |one, other| {
        let rename = |from: &str, to: &str| (1, format!("UPDATE vaults SET name = '{to}' WHERE name = '{from}'"));
        Edit::Sql(vec![rename(one, "swapping"), rename(other, one), rename("swapping", other)])
    }),
];

fn vault_row(name: &str, set: &str) -> Edit {
    sql(1, format!("UPDATE vaults SET {set} WHERE name = '{name}'"))
}

fn of_vault(column: &str, name: &str) -> String {
    format!("(SELECT {column} FROM vaults WHERE name = '{name}')")
}

#[tokio::test]
async fn touched_vaults_let_nobody_in() {
    let mut vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let demo = vault.ask_base(Method::GET, "/api/v1/vaults/demo").bearer(&operator).send().await.expect(200).json();
    let module = &demo["settings"]["policies"];
    assert!(module[0].is_object(), "the demo vault has a module: {demo}");
    for number in 0..VAULT_TOUCHES.len() {
        for (name, policies) in [(format!("vault-{number}"), module), (format!("other-{number}"), &json!([]))] {
            vault.create_vault(&operator, &json!({ "name": name, "policies": policies })).await;
            let body = json!({ "value": "control" });
            let path = "/secrets/control?api-version=7.6";
            vault.ask_vault(&name, Method::PUT, path).bearer(&operator).json(&body).send().await.expect(200);
        }
    }
    vault.stop();
    for (number, (_, edit)) in VAULT_TOUCHES.iter().enumerate() {
        edit(&format!("vault-{number}"), &format!("other-{number}")).apply(&vault).await;
    }
    vault.start().await.unwrap();
    let listed = vault.ask_base(Method::GET, "/api/v1/vaults").bearer(&operator).send().await.expect(200).json();
    let damaged = |name: &str| listed["damaged"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    assert!(damaged("vault-0") && damaged("vault-2") && !damaged("other-0"), "{listed}");
    let mut answers = Vec::new();
    for (number, (what, _)) in VAULT_TOUCHES.into_iter().enumerate() {
        for (method, path) in
            [(Method::GET, "/secrets/control"), (Method::GET, "/secrets"), (Method::DELETE, "/secrets/control")]
        {
            let path = format!("{path}?api-version=7.6");
            let ask = vault.ask_vault(&format!("vault-{number}"), method, &path).bearer(&operator);
            answers.push((what, path, ask.send().await));
        }
        let untouched = vault.ask_vault(&format!("other-{number}"), Method::GET, "/secrets/control?api-version=7.6");
        let status = untouched.bearer(&operator).send().await.status;
        assert_eq!(status, if what.contains("each other") { 500 } else { 200 }, "{what}: others go on");
    }
    // Who holds nothing there does not learn that there is something damaged.
    let app = vault.token(&vault.app()).await;
    let path = "/secrets/control?api-version=7.6";
    let missing = vault.ask_vault("missing", Method::GET, path).bearer(&app).send().await;
    let of_missing = missing.text().replace(missing.request_id(), "ID");
    assert_eq!((missing.status, of_missing.contains("or there is no such vault")), (403, true), "{of_missing}");
    let mut concealed = Vec::new();
    for number in 0..VAULT_TOUCHES.len() {
        let answer = vault.ask_vault(&format!("vault-{number}"), Method::GET, path).bearer(&app).send().await;
        assert_eq!((answer.status, answer.text().replace(answer.request_id(), "ID")), (403, of_missing.clone()));
        concealed.push(answer);
    }
    let records = vault.records(&operator).await;
    for answer in &concealed {
        let record = records.iter().find(|record| record["id"] == answer.request_id()).expect("a record");
        assert_eq!((&record["outcome"], &record["reason"]), (&json!("denied"), &json!("tampered")), "{record}");
    }
    for (what, path, answer) in &answers {
        assert_eq!(answer.problem(), "500 InternalError", "{what}: {path}");
        let record = records.iter().find(|record| record["id"] == answer.request_id()).expect("a record");
        assert_ne!(record["outcome"], "allowed", "{what}: {record}");
    }
}

/// What is done to the rows of a workload that may do everything in `demo`, beside one that may do nothing.
type GrantTouch = (&'static str, fn(&str, &str) -> Edit);

const GRANT_TOUCHES: [GrantTouch; 6] = [
    ("a copy for somebody else", |granted, nobody| {
        let copy = format!(
            "SELECT randomblob(16), {}, {}, tag",
            handed("grantee_key", granted, nobody),
            handed("body", granted, nobody)
        );
        sql(
            1,
            format!(
                "INSERT INTO assignments (id, grantee_key, body, tag) {copy} FROM assignments WHERE {}",
                of(granted)
            ),
        )
    }),
    ("a copy for somebody else under the same body", |granted, nobody| {
        let copy = format!("SELECT randomblob(16), {}, body, tag", handed("grantee_key", granted, nobody));
        sql(
            1,
            format!(
                "INSERT INTO assignments (id, grantee_key, body, tag) {copy} FROM assignments WHERE {}",
                of(granted)
            ),
        )
    }),
    ("a row handed over", |granted, nobody| {
        let (key, body) = (handed("grantee_key", granted, nobody), handed("body", granted, nobody));
        assignment(granted, &format!("grantee_key = {key}, body = {body}"))
    }),
    ("a wider role", |granted, _| assignment(granted, "body = replace(body, 'Key Vault Administrator', 'Owner')")),
    ("a body that is no JSON", |granted, _| assignment(granted, "body = '{'")),
    ("no tag", |granted, _| assignment(granted, "tag = x''")),
];

/// A column in which one workload's id stands in the place of another's.
fn handed(column: &str, from: &str, to: &str) -> String {
    format!("replace({column}, '{from}', '{to}')")
}

/// The assignment of a workload.
fn of(granted: &str) -> String {
    format!("grantee_key LIKE '%{granted}'")
}

fn assignment(granted: &str, set: &str) -> Edit {
    sql(1, format!("UPDATE assignments SET {set} WHERE {}", of(granted)))
}

/// A pair of workloads for each of so many touches: one that may do everything in `demo`, one that may do nothing.
async fn workloads(vault: &TestVault, operator: &str, touches: usize) -> Vec<[Credential; 2]> {
    let mut pairs = Vec::new();
    for number in 0..touches {
        let make = async |name: &str| {
            let ask = vault.ask_base(Method::POST, "/api/v1/workloads").bearer(operator);
            let made = ask.json(&json!({ "name": format!("{name}-{number}") })).send().await.expect(201).json();
            let part = |name: &str| made[name].as_str().expect("a text").to_owned();
            Credential { id: part("client_id"), secret: part("client_secret") }
        };
        let pair = [make("granted").await, make("nobody").await];
        let role = json!({ "client_id": pair[0].id, "role": "Key Vault Administrator", "scope": "/vaults/demo" });
        vault.assign(operator, &role).await;
        pairs.push(pair);
    }
    pairs
}

#[tokio::test]
async fn touched_assignments_grant_nothing() {
    let mut vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    vault.set(&app, "control", "control").await;
    let pairs = workloads(&vault, &operator, GRANT_TOUCHES.len()).await;
    vault.stop();
    for ((_, edit), [granted, nobody]) in GRANT_TOUCHES.iter().zip(&pairs) {
        edit(&granted.id, &nobody.id).apply(&vault).await;
    }
    vault.start().await.unwrap();
    let mut answers = Vec::new();
    for ((what, _), [granted, nobody]) in GRANT_TOUCHES.into_iter().zip(&pairs) {
        let nobody = vault.token(nobody).await;
        answers.push((what, vault.get(&nobody, "control").await));
        // The wider role lets nobody manage; what was granted in earnest may be lost with it, never widened.
        let granted = vault.token(granted).await;
        let ask = vault.ask_base(Method::POST, "/api/v1/vaults").bearer(&granted).json(&json!({ "name": "mine-now" }));
        answers.push((what, ask.send().await));
    }
    assert_eq!(vault.get(&app, "control").await.expect(200).json()["value"], "control", "others go on");
    let records = vault.records(&operator).await;
    for (what, answer) in &answers {
        assert!([403, 500, 503].contains(&answer.status), "{what}: {}", answer.text());
        let record = records.iter().find(|record| record["id"] == answer.request_id()).expect("a record");
        assert_ne!(record["outcome"], "allowed", "{what}: {record}");
    }
}

const WORKLOAD_TOUCHES: [GrantTouch; 3] = [
    ("the credentials of another workload", |granted, nobody| {
        let other = format!("SELECT {} FROM workloads WHERE {}", handed("body", nobody, granted), row_of(nobody));
        sql(1, format!("UPDATE workloads SET body = ({other}) WHERE {}", row_of(granted)))
    }),
    ("another name", |granted, _| {
        sql(1, format!("UPDATE workloads SET body = replace(body, 'granted-', 'favoured-') WHERE {}", row_of(granted)))
    }),
    ("no tag", |granted, _| sql(1, format!("UPDATE workloads SET tag = x'' WHERE {}", row_of(granted)))),
];

fn row_of(workload: &str) -> String {
    format!("(lower(hex(client_id)) = replace('{workload}', '-', '') OR client_id = '{workload}')")
}

#[tokio::test]
async fn touched_workloads_get_no_token() {
    let mut vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let pairs = workloads(&vault, &operator, WORKLOAD_TOUCHES.len()).await;
    vault.stop();
    for ((_, edit), [granted, nobody]) in WORKLOAD_TOUCHES.iter().zip(&pairs) {
        edit(&granted.id, &nobody.id).apply(&vault).await;
    }
    vault.start().await.unwrap();
    let path = format!("/{}/oauth2/v2.0/token", vault.tenant());
    let scope = format!("{}/.default", vault.base);
    let mut answers = Vec::new();
    for ((what, _), [granted, nobody]) in WORKLOAD_TOUCHES.into_iter().zip(&pairs) {
        for secret in [&granted.secret, &nobody.secret] {
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", granted.id.as_str()),
                ("client_secret", secret.as_str()),
                ("scope", scope.as_str()),
            ];
            answers.push((what, vault.ask_base(Method::POST, &path).form(&form).send().await));
        }
        vault.token(nobody).await;
    }
    let records = vault.records(&operator).await;
    for (what, answer) in &answers {
        assert!([401, 503].contains(&answer.status), "{what}: {}", answer.text());
        let record = records.iter().find(|record| record["id"] == answer.request_id()).expect("a record");
        assert_ne!(record["outcome"], "allowed", "{what}: {record}");
    }
}

#[tokio::test]
async fn touched_keys_keep_the_server_from_starting() {
    let mut pristine = Pristine::of(furnished().await);
    for label in ["audit-signing-key-v1-development", "token-signing-key-v1-development"] {
        pristine.restore();
        Edit::Flip("sealed_blobs", "bytes", format!("label = '{label}'")).apply(&pristine.vault).await;
        let why = pristine.vault.start().await.unwrap_err();
        assert!(why.contains("is not the one of this database"), "{label}: {why}");
    }
    pristine.restore();
    let key = pristine.vault.data().join("root.key");
    let mut bytes = std::fs::read(&key).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&key, bytes).unwrap();
    let why = pristine.vault.start().await.unwrap_err();
    assert!(why.contains("root key") || why.contains("root.key"), "{why}");
}
