//! A person's command line: in the browser, by a real provider and by the one of development, and back out.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Named, Outside, TestVault, binary, node_script, run, run_to_end};

/// The command line of somebody whose environment has no credential.
struct Person<'a> {
    vault: &'a TestVault,
    ca: PathBuf,
}

impl Person<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env("STRONGROOM_URL", &self.vault.base)
            .env("VAULT_URL", self.vault.vault_url("demo"))
            .env("VAULT_CA", &self.ca)
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env_remove("AZURE_CLIENT_ID")
            .env_remove("AZURE_CLIENT_SECRET")
            .env_remove("AZURE_AUTHORITY_HOST")
            .current_dir(self.vault.folder());
        command
    }

    fn runtime(&self) -> PathBuf {
        self.vault.folder().join("runtime")
    }

    /// What it says when it succeeds; its exit code and complaint otherwise.
    fn says(&self, arguments: &[&str]) -> Result<String, (Option<i32>, String)> {
        let output = run_to_end(&mut self.command(arguments));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err((output.status.code(), text(&output.stderr)))
        }
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let said = self.says(&[arguments, &["--output", "json"]].concat()).expect("it succeeds");
        serde_json::from_str(&said).expect("JSON")
    }

    /// Runs `login` and does in the browser what it says.
    fn login(&self, provider: Option<&str>, answer: &str) -> Result<String, String> {
        let mut login = self
            .command(&["login", "--no-browser"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        let mut said = BufReader::new(login.stderr.take().expect("a pipe"));
        let address = after(&mut said, "Sign in in your browser: ");
        let comparison = after(&mut said, "Allow it there if the page shows ");
        let mut browser = node_script("browser/login.mjs");
        browser.env("BASE", &self.vault.base).env("ADDRESS", &address).env("COMPARISON", comparison);
        browser.env("PROVIDER", provider.unwrap_or_default()).env("ANSWER", answer);
        let shown = run(&browser, &Named::No);
        if !shown.good {
            let _ = login.kill();
        }
        assert!(shown.expect_good().ends_with("done\n"));
        ended(login, said)
    }

    fn kept(&self) -> Vec<PathBuf> {
        let folder = self.runtime().join("strongroom");
        std::fs::read_dir(folder)
            .map_or_else(|_| Vec::new(), |all| all.map(|entry| entry.expect("a file").path()).collect())
    }
}

fn after(said: &mut impl std::io::BufRead, beginning: &str) -> String {
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    line.trim_end().strip_prefix(beginning).unwrap_or_else(|| panic!("{line}")).to_owned()
}

fn ended(login: Child, said: BufReader<impl std::io::Read>) -> Result<String, String> {
    let complaint: String = said.lines().map(|line| format!("{}\n", line.expect("a line"))).collect();
    let output = login.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(text) } else { Err(complaint) }
}

fn mode(path: &Path) -> u32 {
    path.metadata().expect("it is there").permissions().mode() & 0o777
}

/// Signs in, works on both hosts, signs out, and is nobody again.
async fn story(vault: &TestVault, ca: PathBuf, provider: Option<&str>, issuer: &str) {
    std::fs::create_dir(vault.folder().join("runtime")).expect("a folder");
    let person = Person { vault, ca };
    let (code, complaint) = person.says(&["whoami"]).expect_err("nobody yet");
    assert_eq!(code, Some(1));
    assert!(complaint.contains("strongroom login --server"), "{complaint}");

    let refused = person.login(provider, "Refuse").expect_err("it was refused");
    assert!(refused.contains("it was refused in the browser"), "{refused}");
    assert!(person.kept().is_empty());

    let said = person.login(provider, "Allow").expect("it was allowed");
    assert!(said.starts_with("Signed in as Ada Lovelace until "), "{said}");
    let [kept]: [PathBuf; 1] = person.kept().try_into().expect("one file");
    assert_eq!((mode(&kept), mode(kept.parent().unwrap())), (0o600, 0o700));
    let token: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    let token = token["token"].as_str().expect("a token").to_owned();
    assert!(!said.contains(&token));

    let me = person.json(&["whoami"]);
    assert_eq!((&me["issuer"], &me["subject"], &me["kind"]), (&json!(issuer), &json!("ada"), &json!("user")));
    assert_eq!(me["groups"], json!(["vault-admins"]));
    let id = me["roles"][0]["id"].as_str().expect("the id of the assignment");
    assert_eq!(me["roles"], json!([{ "id": id, "role": "Owner", "scope": "/", "group": "vault-admins" }]));
    // As in the dashboard: what her group owns, on the server's host and on a vault's.
    let vaults = person.json(&["vault", "list"]);
    assert!(vaults.to_string().contains("demo"), "{vaults}");
    person.says(&["secret", "list"]).expect("the vault's host takes it too");
    let read = vault.get(&token, "not-there").await;
    assert_eq!(read.problem(), "404 SecretNotFound");
    let record = vault.record_of(&token, &read).await;
    assert_eq!(record["principal"], json!({ "issuer": issuer, "subject": "ada" }));
    let begun = vault.records(&token).await;
    let begun = begun.iter().find(|record| record["operation"] == "CommandLineSignIn").expect("it is on record");
    assert_eq!((&begun["outcome"], &begun["principal"]["subject"]), (&json!("allowed"), &json!("ada")));
    assert!(!json!(begun).to_string().contains(&token));
    // No cookie: the pages lead to sign-in.
    let cookie = format!("__Host-session={token}");
    assert_eq!(vault.ask_base(Method::GET, "/vaults").header("cookie", &cookie).send().await.status, 303);

    let said = person.says(&["logout"]).expect("it is told");
    assert_eq!(said, "Ada Lovelace is signed out.\n");
    assert!(person.kept().is_empty());
    assert_eq!(vault.get(&token, "not-there").await.status, 401, "at once");
    assert!(person.says(&["whoami"]).is_err());
    assert!(person.says(&["logout"]).expect("twice is fine").starts_with("Nobody is signed in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_by_a_real_provider_and_out_again() {
    let outside = Outside::start().await;
    let operator = outside.api_token("operator").await;
    outside.vault.create_vault(&operator, &json!({ "name": "demo" })).await;
    let ca = outside.certificates.ca.clone();
    story(&outside.vault, ca, Some(outside.issuer()), outside.issuer()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_in_development_and_out_again() {
    let vault = TestVault::dev().await;
    let issuer = format!("https://127.0.0.1:{}", vault.port + 1);
    story(&vault, PathBuf::from(&vault.env["VAULT_CA"]), None, &issuer).await;
}

/// Without a browser: the secret is exchanged once, and later commands need none.
#[tokio::test]
async fn client_credentials_are_exchanged_once() {
    let vault = TestVault::dev().await;
    std::fs::create_dir(vault.folder().join("runtime")).expect("a folder");
    let person = Person { vault: &vault, ca: PathBuf::from(&vault.env["VAULT_CA"]) };
    let operator = vault.operator();
    let login = run_to_end(
        person
            .command(&["login", "--client-credentials"])
            .env("AZURE_CLIENT_ID", &operator.id)
            .env("AZURE_CLIENT_SECRET", &operator.secret),
    );
    assert!(login.status.success(), "{}", String::from_utf8_lossy(&login.stderr));
    let me = person.json(&["whoami"]);
    assert_eq!((&me["subject"], &me["kind"]), (&json!(operator.id), &json!("workload")));
    let [kept]: [PathBuf; 1] = person.kept().try_into().expect("one file");
    assert!(!std::fs::read_to_string(&kept).unwrap().contains(&operator.secret), "the secret is not kept");
    // What the environment says counts before what is kept.
    let app = vault.app();
    let mut as_app = person.command(&["whoami", "--output", "json"]);
    let said = run_to_end(as_app.env("AZURE_CLIENT_ID", &app.id).env("AZURE_CLIENT_SECRET", &app.secret));
    let me: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!((&me["subject"], &me["name"]), (&json!(app.id), &json!("sample-app")));
    let id = me["roles"][0]["id"].as_str().expect("the id of the assignment");
    assert_eq!(me["roles"], json!([{ "id": id, "role": "Key Vault Administrator", "scope": "/vaults/demo" }]));
    assert!(me["tenant"].is_string() && me["expires_at"].as_i64() > Some(0), "{me}");
    // Somebody else could have written it.
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (_, complaint) = person.says(&["whoami"]).expect_err("not a file of theirs alone");
    assert!(complaint.contains("log in again"), "{complaint}");
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o600)).unwrap();
    person.says(&["logout"]).expect("a token without a session is forgotten");
    assert!(person.kept().is_empty());
}
