//! Workload identities over API and command line: what is changed holds on the next request.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Answer, Credential, Named, TestVault, client_certificate, hosts_file, python, run, run_to_end, tests_folder,
};

async fn api(vault: &TestVault, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let ask = vault.ask_base(method, &format!("/api/v1/workloads{path}")).bearer(token);
    match body {
        Some(body) => ask.json(&body).send().await,
        None => ask.send().await,
    }
}

async fn exchange(vault: &TestVault, who: &Credential) -> Answer {
    let scope = format!("{}/.default", vault.base);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", who.id.as_str()),
        ("client_secret", who.secret.as_str()),
        ("scope", scope.as_str()),
    ];
    vault.ask_base(Method::POST, "/adfs/oauth2/token").form(&form).send().await
}

#[tokio::test]
async fn what_is_changed_holds_on_the_next_request() {
    let vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let app = vault.app();
    let path = format!("/{}", app.id);
    let token = vault.token(&app).await;
    let list = async |token: &str| vault.ask(Method::GET, "/secrets").bearer(token).send().await;
    let token_of = async |who: &Credential| {
        exchange(&vault, who).await.expect(200).json()["access_token"].as_str().unwrap().to_owned()
    };
    list(&token).await.expect(200);

    api(&vault, &operator, Method::PATCH, &path, Some(json!({ "enabled": false }))).await.expect(200);
    assert_eq!(list(&token).await.problem(), "403 Forbidden/ForbiddenByPolicy");
    // Told to whoever has a credential that is right, and to nobody else.
    let refused = exchange(&vault, &app).await.expect(400);
    assert_eq!(
        (&refused.json()["error_codes"], &refused.json()["error"]),
        (&json!([7_000_112]), &json!("unauthorized_client"))
    );
    let record = vault.record_of(&operator, &refused).await;
    assert_eq!((&record["outcome"], &record["reason"]), (&json!("unauthenticated"), &json!("workload-disabled")));
    exchange(&vault, &Credential { secret: "srs_wrong".into(), ..app.clone() }).await.expect(401);
    api(&vault, &operator, Method::PATCH, &path, Some(json!({ "enabled": true }))).await.expect(200);
    list(&token).await.expect(403);
    let token = token_of(&app).await;
    list(&token).await.expect(200);

    let secrets = format!("{path}/secrets");
    let added = api(&vault, &operator, Method::POST, &secrets, Some(json!({ "name": "second" }))).await.expect(201);
    assert_eq!(added.header("cache-control"), Some("no-store"));
    let record = vault.record_of(&operator, &added).await;
    assert_eq!((&record["operation"], &record["object"]), (&json!("WorkloadSecretAdd"), &json!(app.id)));
    let added = added.json();
    let second = Credential { secret: added["client_secret"].as_str().unwrap().to_owned(), ..app.clone() };
    let of_second = token_of(&second).await;
    list(&of_second).await.expect(200);
    let shown = api(&vault, &operator, Method::GET, &path, None).await.expect(200);
    assert!(!shown.text().contains("client_secret") && !shown.text().contains("hash"), "{}", shown.text());
    let credential = added["credential"].as_str().unwrap();
    let remove = format!("{path}/secrets/{credential}");
    api(&vault, &operator, Method::DELETE, &remove, None).await.expect(204);
    exchange(&vault, &second).await.expect(401);
    list(&of_second).await.expect(403);
    list(&token).await.expect(200);
    assert_eq!(api(&vault, &operator, Method::DELETE, &remove, None).await.problem(), "404 NotFound");

    let replaced = json!({ "replace": true });
    let replaced = api(&vault, &operator, Method::POST, &secrets, Some(replaced)).await.expect(201);
    let third = replaced.json()["client_secret"].as_str().unwrap().to_owned();
    exchange(&vault, &app).await.expect(401);
    list(&token).await.expect(403);
    let token = token_of(&Credential { secret: third, ..app.clone() }).await;
    list(&token).await.expect(200);

    api(&vault, &operator, Method::DELETE, &path, None).await.expect(204);
    assert_eq!(list(&token).await.problem(), "403 Forbidden/ForbiddenByPolicy");
    assert_eq!(api(&vault, &operator, Method::GET, &path, None).await.problem(), "404 NotFound");
}

#[tokio::test]
async fn bad_input_is_refused_and_changes_nothing() {
    let vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let path = format!("/{}", vault.app().id);
    let before = api(&vault, &operator, Method::GET, &path, None).await.expect(200).json();
    let (certificate, key) = client_certificate();
    let federation =
        |subject: &str| json!({ "issuer": "https://ci.example", "subject_pattern": subject, "audience": "a" });
    for (below, body) in [
        ("/secrets", json!({ "expires": 1 })),
        ("/secrets", json!({ "expires": i64::MAX })),
        ("/secrets", json!({ "expires": "tomorrow" })),
        ("/secrets", json!({ "name": "" })),
        ("/secrets", json!({ "secret": "of my own" })),
        ("/certificates", json!({})),
        ("/certificates", json!({ "certificate": "-----BEGIN CERTIFICATE-----" })),
        ("/certificates", json!({ "certificate": format!("{certificate}{key}") })),
        ("/certificates", json!({ "certificate": format!("{certificate}{certificate}") })),
        ("/federations", federation("*")),
        ("/federations", json!({ "issuer": "https://ci.example", "audience": "a" })),
        ("/federations", json!({ "issuer": "i", "subject": "s", "subject_pattern": "p", "audience": "a" })),
        ("/federations", json!({ "issuer": "", "subject": "s", "audience": "a" })),
    ] {
        let answer = api(&vault, &operator, Method::POST, &format!("{path}{below}"), Some(body.clone())).await;
        assert_eq!(answer.problem(), "400 BadParameter", "{below} {body}");
        assert!(!answer.text().contains("PRIVATE KEY"));
        vault.record_of(&operator, &answer).await;
    }
    for odd in ["/x", "/00000000-0000-0000-0000-000000000000"] {
        assert_eq!(api(&vault, &operator, Method::GET, odd, None).await.problem(), "404 NotFound");
    }
    assert_eq!(api(&vault, &operator, Method::GET, &path, None).await.expect(200).json(), before);
}

/// Azure's own library signs with the registered certificate, as for Entra and as for AD FS.
#[tokio::test]
async fn python_with_a_certificate() {
    let vault = TestVault::dev().await;
    let operator = vault.token(&vault.operator()).await;
    let (certificate, key) = client_certificate();
    let both = vault.folder().join("client.pem");
    std::fs::write(&both, format!("{certificate}{key}")).unwrap();
    let hosts = hosts_file(vault.folder(), "127.0.0.1 vault.localhost demo.vault.localhost");
    let python = |tenant: &str, kind: &str| {
        let mut command = std::process::Command::new(python());
        command.arg(tests_folder().join("sdk/python/lifecycle.py")).arg(kind);
        command.envs(&vault.env).env("AZURE_TENANT_ID", tenant).env("CLIENT_CERTIFICATE", &both);
        run(&command, &Named::By(hosts.clone()))
    };
    let refused = python(vault.tenant(), "certificate");
    assert!(!refused.good && refused.err.contains("AADSTS70021"), "not registered yet: {}", refused.err);
    let path = format!("/{}/certificates", vault.app().id);
    let added = api(&vault, &operator, Method::POST, &path, Some(json!({ "certificate": certificate }))).await;
    let credential = added.expect(201).json()["credential"].as_str().unwrap().to_owned();
    for (tenant, kind) in [(vault.tenant(), "certificate"), ("adfs", "certificate-adfs")] {
        let said = python(tenant, kind).expect_good();
        assert!(said.ends_with("done\n"), "{said}");
    }
    let records = vault.records(&operator).await;
    let exchanged = records.iter().find(|r| r["operation"] == "Authentication" && r["outcome"] == "allowed").unwrap();
    assert_eq!(exchanged["trace"][0]["detail"], json!(credential), "the record names the credential");
    api(&vault, &operator, Method::DELETE, &format!("{path}/{credential}"), None).await.expect(204);
    assert!(!python(vault.tenant(), "certificate").good);
}

#[tokio::test]
async fn the_command_line_manages_them() {
    let vault = TestVault::dev().await;
    let say = |arguments: &[&str]| {
        let mut command = vault.cli(&vault.operator(), arguments);
        command.arg("--output").arg("json");
        let said = run(&command, &Named::No).expect_good();
        serde_json::from_str::<Value>(&said).unwrap_or(Value::Null)
    };
    let made = say(&["identity", "create", "payments"]);
    let id = made["client_id"].as_str().unwrap().to_owned();
    let first = Credential { id: id.clone(), secret: made["client_secret"].as_str().unwrap().to_owned() };
    exchange(&vault, &first).await.expect(200);
    let listed = say(&["identity", "list"]);
    assert!(listed.as_array().unwrap().iter().any(|workload| workload["name"] == "payments"));
    let second = say(&["identity", "secret", "add", &id, "--name", "ci", "--days", "30"]);
    let expires = second["secrets"][1]["expires"].as_i64().unwrap();
    assert!(expires > second["secrets"][1]["created"].as_i64().unwrap() + 29 * 86_400);
    say(&["identity", "secret", "remove", &id, made["secrets"][0]["id"].as_str().unwrap()]);
    exchange(&vault, &first).await.expect(401);
    let pem = vault.folder().join("certificate.pem");
    let (certificate, key) = client_certificate();
    std::fs::write(&pem, &certificate).unwrap();
    let certificate = say(&["identity", "certificate", "add", &id, pem.to_str().unwrap()]);
    say(&["identity", "certificate", "remove", &id, certificate["credential"].as_str().unwrap()]);
    std::fs::write(&pem, key).unwrap();
    let refused = vault.cli(&vault.operator(), &["identity", "certificate", "add", &id, pem.to_str().unwrap()]);
    assert!(run(&refused, &Named::No).err.contains("private key"));
    let federation = ["--issuer", "https://ci.example", "--subject-pattern", "repo:acme/app:ref:refs/heads/*"];
    let federation = say(&[&["identity", "federation", "add", &id], federation.as_slice()].concat());
    assert_eq!(federation["federations"][0]["subject_pattern"], "repo:acme/app:ref:refs/heads/*");
    let warning = federation["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("No issuer https://ci.example is configured"), "{warning}");
    let refused = ["identity", "federation", "add", &id, "--issuer", "ci", "--subject", "app"];
    let refused = run(&vault.cli(&vault.operator(), &refused), &Named::No);
    assert!(!refused.good && refused.err.contains("is an https address"), "{}", refused.err);
    let removed = say(&["identity", "federation", "remove", &id, federation["credential"].as_str().unwrap()]);
    assert_eq!((&removed["removed"], &removed["client_id"]), (&federation["credential"], &json!(id)));
    assert_eq!(say(&["identity", "update", &id, "--name", "api", "--disable"])["enabled"], false);
    assert_eq!(say(&["identity", "show", &id])["name"], "api");
    // Another of the name is made, with a warning; and a session of nobody is not ended in silence.
    let twin = run(&vault.cli(&vault.operator(), &["identity", "create", "api", "--no-secret"]), &Named::No);
    assert!(
        twin.good && twin.err.contains("warning: api is also the name of") && twin.err.contains(&id),
        "{}",
        twin.err
    );
    let nobody = ["session", "end", "--issuer", "https://nowhere.example", "--subject", "nobody"];
    let ended = run_to_end(&mut vault.cli(&vault.operator(), &nobody));
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(
        ended.status.code() == Some(6) && told.contains("no session of https://nowhere.example#nobody was there"),
        "{told}"
    );
    assert_eq!(say(&["identity", "delete", &id])["deleted"], id.as_str());
    let gone = run(&vault.cli(&vault.operator(), &["identity", "show", &id]), &Named::No);
    assert!(!gone.good && gone.err.contains("no such workload identity"), "{}", gone.err);
}

/// A lost `dev.env` brings new secrets for the same sample workloads, and takes the old ones away.
#[tokio::test]
async fn a_lost_development_file_leaves_no_forgotten_secret() {
    let mut vault = TestVault::dev().await;
    let (app, operator) = (vault.app(), vault.token(&vault.operator()).await);
    let names = async |vault: &TestVault, token: &str| {
        let listed = api(vault, token, Method::GET, "", None).await.expect(200).json();
        let mut names: Vec<_> =
            listed["value"].as_array().unwrap().iter().map(|w| w["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let before = names(&vault, &operator).await;
    vault.stop();
    std::fs::remove_file(vault.data().join("dev.env")).unwrap();
    vault.start().await.unwrap();
    exchange(&vault, &app).await.expect(401);
    api(&vault, &operator, Method::GET, "", None).await.expect(403);
    let text = std::fs::read_to_string(vault.data().join("dev.env")).unwrap();
    let part = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("export {name}='"))).unwrap();
        line.trim_end_matches('\'').to_owned()
    };
    let operator = Credential { id: part("OPERATOR_CLIENT_ID"), secret: part("OPERATOR_CLIENT_SECRET") };
    let operator = vault.token(&operator).await;
    assert_eq!(names(&vault, &operator).await, before, "the same workloads");
    let fresh = Credential { id: part("AZURE_CLIENT_ID"), secret: part("AZURE_CLIENT_SECRET") };
    assert_eq!(fresh.id, app.id);
    let token = vault.token(&fresh).await;
    vault.ask(Method::GET, "/secrets").bearer(&token).send().await.expect(200);
}

#[tokio::test]
async fn who_is_refused_too_often_is_told_to_wait() {
    let vault = TestVault::dev().await;
    let wrong = Credential { secret: "srs_wrong".into(), ..vault.app() };
    let mut answers = Vec::new();
    for _ in 0..40 {
        answers.push(exchange(&vault, &wrong).await);
    }
    let last = answers.pop().unwrap().expect(429);
    assert_eq!(last.header("retry-after"), Some("1"));
    assert_eq!(last.json()["error_codes"], json!([90055]));
    assert!(answers.iter().all(|answer| matches!(answer.status, 401 | 429)));
    assert!(answers.iter().filter(|answer| answer.status == 401).count() >= 20);
    exchange(&vault, &vault.app()).await.expect(200);
}
