//! A policy module from its file to a denial: uploaded, tried in shadow, enforced, rolled back, and undone on
//! the machine when it locks everybody out. And the process that it runs in, killed.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, Credential, Database, Outside, TestVault, run_to_end};

fn cli(vault: &TestVault, who: &Credential, arguments: &[&str]) -> Result<String, String> {
    let output = run_to_end(&mut vault.cli(who, arguments));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Stores a value in `demo`.
async fn put(vault: &TestVault, token: &str, name: &str) -> Answer {
    let ask = vault.ask(Method::PUT, &format!("/secrets/{name}")).bearer(token);
    ask.json(&json!({ "value": "v" })).send().await
}

/// A module that ships, with bytes of its own: one more custom section is another module that does the same.
fn another(name: &str, folder: &Path) -> PathBuf {
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../policy-plugins/{name}/{name}.wasm"));
    let mut bytes = std::fs::read(shipped).unwrap();
    bytes.extend_from_slice(b"\x00\x05\x04mine");
    let file = folder.join("mine.wasm");
    std::fs::write(&file, bytes).unwrap();
    file
}

#[tokio::test]
async fn a_module_goes_from_its_file_to_a_denial_and_back() {
    let vault = TestVault::dev().await;
    let (operator, app) = (vault.operator(), vault.app());
    let (token, operator_token) = (vault.token(&app).await, vault.token(&operator).await);
    let folder = tempfile::tempdir().unwrap();
    let file = another("naming-convention", folder.path());
    let file = file.to_str().unwrap();

    assert!(cli(&vault, &app, &["policy", "push", file]).unwrap_err().contains("ForbiddenByRbac"));
    let digest = cli(&vault, &operator, &["policy", "push", file]).unwrap();
    assert_eq!(digest.len(), 64);
    assert_eq!(cli(&vault, &operator, &["policy", "push", file]).unwrap(), digest, "the same again is the same");
    let junk = folder.path().join("junk.wasm");
    std::fs::write(&junk, b"\0asm\x0d\0\x01\0 and no more").unwrap();
    let refused = cli(&vault, &operator, &["policy", "push", junk.to_str().unwrap()]).unwrap_err();
    assert!(refused.contains("not a WebAssembly component"), "{refused}");
    let listed = cli(&vault, &operator, &["policy", "list"]).unwrap();
    assert!(listed.contains(&digest) && listed.contains("ships"), "{listed}");
    let ambiguous = ["policy", "attach", "names", "--vault", "demo", "--module", "naming-convention"];
    assert!(cli(&vault, &operator, &ambiguous).unwrap_err().contains("by its digest"));
    let text = vault.folder().join("doc.txt");
    std::fs::write(&text, "Dear colleagues,").unwrap();
    let said = cli(&vault, &operator, &["policy", "push", text.to_str().unwrap()]).unwrap_err();
    assert!(said.contains("is a text, and a policy module is a WebAssembly component"), "{said}");
    assert!(cli(&vault, &operator, &["policy", "show", &digest[..12]]).unwrap().contains(&digest));

    // Documents that modules read: written, shown as they were written, and for administrators alone.
    std::fs::write(&text, "one.example\ntwo.example\n").unwrap();
    let document = |rest: &[&str]| cli(&vault, &operator, &[&["policy", "document"][..], rest].concat());
    let written = ["put", "hosts", text.to_str().unwrap()];
    assert!(
        cli(&vault, &app, &[&["policy", "document"][..], &written].concat()).unwrap_err().contains("ForbiddenByRbac")
    );
    document(&written).unwrap();
    assert!(document(&["list"]).unwrap().contains("hosts"));
    assert_eq!(document(&["show", "hosts"]).unwrap(), "one.example\ntwo.example");
    document(&["remove", "hosts"]).unwrap();
    assert!(document(&["show", "hosts"]).unwrap_err().contains("no such document"));

    // In shadow: counted, on record, and nobody is kept out.
    let settings = r#"{"allowed_names":["nothing-*"]}"#;
    let attach = ["policy", "attach", "names", "--vault", "demo", "--module", &digest, "--settings"];
    let refused = cli(&vault, &operator, &[&attach[..], &[r#"{"no":"such"}"#]].concat()).unwrap_err();
    assert!(
        refused.contains("names is refused") && refused.contains("schema at /no: additionalProperties"),
        "the place and the rule: {refused}"
    );
    cli(&vault, &operator, &[&attach[..], &[settings]].concat()).unwrap();
    let attached = ["policy", "attached", "--vault", "demo", "--output", "json"];
    let mut shadow = Value::Null;
    // A machine under load may take more than the budget: then it is not heard, and asked again.
    for _ in 0..20 {
        vault.set(&token, "db", "v").await;
        let shown: Value = serde_json::from_str(&cli(&vault, &operator, &attached).unwrap()).unwrap();
        let all = shown["policies"].as_array().unwrap();
        shadow = all.iter().find(|one| one["attachment"]["name"] == "names").unwrap()["shadow"].clone();
        if shadow["would_deny"] == 1 {
            break;
        }
    }
    assert_eq!(shadow["would_deny"], 1, "{shadow}");
    assert_eq!(shadow["samples"][0]["reason"], "name-not-allowed", "{shadow}");
    let records = vault.records(&operator_token).await;
    let decision = records.iter().find(|record| record["id"] == shadow["samples"][0]["decision"]).unwrap();
    let stage = decision["trace"].as_array().unwrap().iter().find(|stage| stage["stage"] == "shadow:names").unwrap();
    assert_eq!((&stage["effect"], &stage["reason"]), (&"would-deny".into(), &"name-not-allowed".into()));

    // Enforced: from the next request on.
    let at = ["names", "--vault", "demo"];
    cli(&vault, &operator, &[&["policy", "enforce"][..], &at].concat()).unwrap();
    let denied = put(&vault, &token, "other").await;
    assert_eq!(denied.problem(), "403 Forbidden/ForbiddenByPolicy");
    assert!(denied.text().contains("name-not-allowed"), "{}", denied.text());
    let why = cli(&vault, &operator, &["policy", "why", denied.request_id()]).unwrap();
    assert!(why.contains("policy:names: deny, name-not-allowed") && why.contains(&digest), "{why}");
    assert!(why.contains("fuel ") && why.contains(" µs"), "what it cost: {why}");
    assert!(cli(&vault, &app, &["policy", "why", denied.request_id()]).is_err(), "it is for who may read the log");
    // The same of a request that nobody makes.
    let described = ["policy", "why", "--as", &app.id, "--action", "SecretSet", "--object", "demo/secrets/other"];
    let foreseen = cli(&vault, &operator, &described).unwrap();
    assert!(foreseen.starts_with("denied SecretSet: name-not-allowed"), "{foreseen}");
    assert!(foreseen.contains("policy:names: deny, name-not-allowed") && foreseen.contains(" µs"), "{foreseen}");
    assert!(cli(&vault, &app, &described).unwrap_err().contains("ForbiddenByRbac"));
    // What would allow it: the command does what it says, and a replay foretells it.
    let wanted = ["policy", "why", denied.request_id(), "--would-allow", "--output", "json"];
    let explained: Value = serde_json::from_str(&cli(&vault, &operator, &wanted).unwrap()).unwrap();
    let changes = explained["now"]["would_allow"]["changes"].as_array().unwrap();
    let shadow = changes.iter().find(|change| change["change"] == "set names to shadow").expect("a change");
    assert_eq!(shadow["newly_allowed"], 1, "{shadow}");
    assert_eq!(shadow["groups"][0]["samples"][0], denied.request_id(), "{shadow}");
    let told = cli(&vault, &operator, &["policy", "why", denied.request_id(), "--would-allow"]).unwrap();
    assert!(told.contains("  strongroom policy shadow names --vault demo"), "{told}");
    let run = [
        "policy",
        "replays",
        "run",
        "names",
        "--vault",
        "demo",
        "--settings",
        r#"{"allowed_names":["other"]}"#,
        "--output",
        "json",
    ];
    let replay: Value = serde_json::from_str(&cli(&vault, &operator, &run).unwrap()).unwrap();
    assert_eq!((&replay["newly_allowed"], &replay["newly_denied"]), (&1.into(), &0.into()), "{replay}");
    let id = replay["id"].as_str().unwrap();
    assert!(cli(&vault, &operator, &["policy", "replays", "list", "--vault", "demo"]).unwrap().contains(id));
    let shown = ["policy", "replays", "show", id, "--vault", "demo", "--output", "json"];
    assert_eq!(serde_json::from_str::<Value>(&cli(&vault, &operator, &shown).unwrap()).unwrap(), replay);
    assert!(cli(&vault, &app, &shown).unwrap_err().contains("ForbiddenByRbac"));
    assert!(cli(&vault, &operator, &["policy", "remove", &digest]).unwrap_err().contains("attached somewhere"));

    // Other settings, and back.
    cli(&vault, &operator, &[&attach[..], &[r#"{"allowed_names":["db"]}"#]].concat()).unwrap();
    vault.set(&token, "db", "v2").await;
    let back = run_to_end(&mut vault.cli(&operator, &[&["policy", "rollback"][..], &at].concat()));
    let told = String::from_utf8_lossy(&back.stderr);
    let before = format!("({digest}) with settings {settings}, in the state enforce");
    assert!(told.contains("going back to module naming-convention ") && told.contains(&before), "{told}");
    assert_eq!(put(&vault, &token, "db").await.problem(), "403 Forbidden/ForbiddenByPolicy");
    cli(&vault, &operator, &[&["policy", "detach"][..], &at].concat()).unwrap();
    vault.set(&token, "db", "v3").await;
    cli(&vault, &operator, &["policy", "remove", &digest]).unwrap();

    // All vaults.
    let everywhere = ["policy", "attach", "all", "--all-vaults", "--module", "naming-convention", "--state", "enforce"];
    cli(&vault, &operator, &[&everywhere[..], &["--settings", settings]].concat()).unwrap();
    assert_eq!(put(&vault, &token, "db").await.problem(), "403 Forbidden/ForbiddenByPolicy");
    cli(&vault, &operator, &["policy", "shadow", "all", "--all-vaults"]).unwrap();
    vault.set(&token, "db", "v4").await;
}

/// What denies everything, its owners included, is turned off on the machine, with the server stopped.
#[tokio::test]
async fn a_lock_out_is_undone_on_the_machine() {
    let mut vault = TestVault::dev().await;
    let (operator, token) = (vault.operator(), vault.token(&vault.app()).await);
    let settings = r#"{"allowed_names":["nothing-*"]}"#;
    let attach = ["policy", "attach", "names", "--vault", "demo", "--module", "naming-convention"];
    cli(&vault, &operator, &[&attach[..], &["--state", "enforce", "--settings", settings]].concat()).unwrap();
    assert_eq!(put(&vault, &token, "db").await.problem(), "403 Forbidden/ForbiddenByPolicy");

    let mine = another("naming-convention", vault.folder());
    let digest = cli(&vault, &operator, &["policy", "push", mine.to_str().unwrap()]).unwrap();

    let recover = |vault: &TestVault| {
        let data = vault.data();
        let arguments = ["policy", "recover", "--vault", "demo", "--data", data.to_str().unwrap()];
        run_to_end(&mut vault.cli(&operator, &arguments))
    };
    assert!(!recover(&vault).status.success(), "the running server has the database");
    vault.stop();
    let said = recover(&vault);
    let said = (String::from_utf8_lossy(&said.stdout).into_owned(), String::from_utf8_lossy(&said.stderr).into_owned());
    assert!(said.0.contains("off now:") && said.0.contains("names"), "{said:?}");
    // A module is checked on demand like everything else, its bytes included.
    let verify = |vault: &TestVault| {
        let data = vault.data();
        let output = run_to_end(&mut vault.cli(&operator, &["verify", "--data", data.to_str().unwrap()]));
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = verify(&vault);
    assert!(code == Some(0) && !said.contains("not covered"), "{code:?} {said}");
    let mut database = Database::open(&vault).await;
    database.flip("policy_modules", "module", "TRUE").await;
    let (code, said) = verify(&vault);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(&format!("policy module {digest} is not what was written")), "{said}");
    database.flip("policy_modules", "module", "TRUE").await;
    database.close().await;

    vault.start().await.unwrap();
    let (token, operator_token) = (vault.token(&vault.app()).await, vault.token(&operator).await);
    vault.set(&token, "db", "v").await;
    let records = vault.records(&operator_token).await;
    let record = records.iter().find(|record| record["operation"] == "PolicyRecover").unwrap();
    assert_eq!((&record["vault"], &record["principal"]["subject"]), (&"demo".into(), &"policy-recover".into()));
}

/// The server's policy child, by its command line.
fn child_of(server: u32) -> Option<i32> {
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
        (status.contains(&format!("PPid:\t{server}\n")) && command.ends_with("\0policy-process\0decide\0"))
            .then_some(pid)
    })
}

/// `kill -9` of the policy child under load: requests are judged or denied, none passes unjudged.
#[tokio::test]
async fn a_killed_policy_child_lets_nothing_pass() {
    let vault = TestVault::dev().await;
    let (operator, token) = (vault.operator(), vault.token(&vault.app()).await);
    vault.set(&token, "allowed", "v").await;
    let settings = r#"{"allowed_names":["allowed"]}"#;
    let attach = ["policy", "attach", "names", "--vault", "demo", "--module", "naming-convention"];
    cli(&vault, &operator, &[&attach[..], &["--state", "enforce", "--settings", settings]].concat()).unwrap();
    for round in 0..3 {
        let first = child_of(vault.process()).expect("a policy child");
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert!(Command::new("kill").args(["-9", &first.to_string()]).status().unwrap().success());
        let killed = Instant::now();
        let mut answered = 0;
        while killed.elapsed() < Duration::from_millis(500) {
            let (bad, good) = tokio::join!(put(&vault, &token, "other"), put(&vault, &token, "allowed"));
            assert_eq!(bad.problem(), "403 Forbidden/ForbiddenByPolicy", "round {round}");
            answered += usize::from(good.status == 200);
        }
        assert!(answered > 0, "round {round}: nothing was judged within half a second");
        assert!(child_of(vault.process()).is_some_and(|next| next != first));
    }
}

/// Modules come in with a signature by a listed key, or not at all.
#[tokio::test]
async fn a_server_that_demands_signatures_takes_no_other_module() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let outside = Outside::start_configured(|text, folder| {
        let public = folder.join("modules.pub");
        std::fs::write(&public, key.public_key_pem()).unwrap();
        format!("policy_signers = [\"{}\"]\n{text}", public.display())
    })
    .await;
    let vault = &outside.vault;
    let operator = outside.api_token("operator").await;
    let file = another("naming-convention", vault.folder());
    let (module, private) = (std::fs::read(&file).unwrap(), vault.folder().join("key.pem"));
    let push = async |signature: &str| {
        let ask = vault.ask_base(Method::POST, &format!("/api/v1/policy-modules{signature}")).bearer(&operator);
        ask.bytes("application/wasm", module.clone()).send().await
    };
    assert_eq!(push("").await.problem(), "400 BadParameter");
    assert!(push("").await.text().contains("not signed"), "{}", push("").await.text());
    assert!(push(&format!("?signature={}", "A".repeat(86))).await.text().contains("not signed"));
    assert!(push("?signature=short").await.text().contains("64 bytes"));

    std::fs::write(&private, key.serialize_pem()).unwrap();
    let mut sign = Command::new(crate::support::binary());
    sign.args(["policy", "sign"]).arg(&file).arg("--key").arg(&private);
    assert!(run_to_end(&mut sign).status.success());
    let signature = std::fs::read(vault.folder().join("mine.wasm.sig")).unwrap();
    let made = push(&format!("?signature={}", BASE64URL_NOPAD.encode(&signature))).await.expect(201).json();
    assert_eq!((&made["name"], &made["ships"]), (&"naming-convention".into(), &false.into()));
    assert!(vault.log().contains("need a signature by one of 1 keys"), "{}", vault.log());
}

#[tokio::test]
async fn the_server_says_where_modules_run() {
    let vault = TestVault::dev().await;
    let log = vault.log();
    assert!(log.contains("policy modules run in a process of their own: seccomp in force, Landlock in force"), "{log}");
}
