//! `strongroom policy`: a module from an empty folder to its tests, its signature, and what it would change.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{TestVault, binary, run_to_end, scratch, tests_folder};

/// Runs a command of the program in a folder: its exit code, what it printed, what it complained.
fn policy(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(binary());
    // What compilers keep is kept, from one run of the tests to the next; the standard library is there already when
    // the modules that ship were rebuilt.
    let kept = tests_folder().join("../policy-plugins/target/wasm");
    command.current_dir(folder).arg("policy").args(arguments).env("CARGO_TARGET_DIR", kept);
    // A first build takes minutes: it may compile the standard library.
    let output = command.stdin(Stdio::null()).output().expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn good(folder: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = policy(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {err}\n{out}");
    out
}

/// Processor time of all commands that were run to their end, with those that they ran.
fn seconds_of_children() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name, which may hold anything: `cutime` and `cstime`, in hundredths.
    let (_, fields) = text.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(13).take(2).map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

/// Replaces a text of a file, which must be there.
fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{}", file.display());
    std::fs::write(file, text.replace(from, to)).unwrap();
}

/// What is the same for every language.
fn begin_test_change_and_sign(lang: &str, source: &str, reason: &str) -> tempfile::TempDir {
    let folder = scratch();
    let here = folder.path();
    let begun = good(here, &["new", "first-rule", "--lang", lang]);
    assert!(begun.contains("strongroom policy test first-rule"), "{begun}");
    let (code, _, err) = policy(here, &["new", "first-rule"]);
    assert!(code == 1 && err.contains("nothing was written"), "nothing is overwritten: {err}");
    assert_eq!(policy(here, &["new", "../outside"]).0, 1);

    let tested = good(here, &["test", "first-rule"]);
    assert!(
        tested.contains(", 0 failed") && tested.contains("abstain") && !tested.contains("no case expects"),
        "{tested}"
    );
    let shown: Value = serde_json::from_str(&good(here, &["inspect", "first-rule", "--output", "json"])).unwrap();
    assert_eq!((&shown["name"], &shown["contract"]), (&"first-rule".into(), &"1.0.0".into()));
    assert_eq!(shown["exports"], serde_json::json!(["strongroom:policy/guard@1.0.0"]));
    assert_eq!(shown["settings_schema"]["type"], "object");

    // What the module does is no longer what its cases say.
    edit(&here.join("first-rule").join(source), reason, "another-reason");
    let (code, out, err) = policy(here, &["test", "first-rule"]);
    assert!(code == 1 && out.contains("1 failed") && out.contains("another-reason"), "{out} {err}");
    edit(&here.join("first-rule").join(source), "another-reason", reason);
    // From an edit to its tests, warm. A clock tells what else the machine does, so the processor's time is held: 2.6 s
    // of a debug build of this program, a third of that for compiling the WebAssembly.
    let before = seconds_of_children();
    good(here, &["test", "first-rule"]);
    let took = seconds_of_children() - before;
    assert!(took < 5.0, "{lang}: {took:.1} s");

    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    std::fs::write(here.join("key.pem"), key.serialize_pem()).unwrap();
    std::fs::write(here.join("key.pub"), key.public_key_pem()).unwrap();
    let module = "first-rule/first-rule.wasm";
    good(here, &["sign", module, "--key", "key.pem"]);
    good(here, &["verify", module, "--public-key", "key.pub"]);
    let mut bytes = std::fs::read(here.join(module)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(here.join(module), bytes).unwrap();
    assert_eq!(policy(here, &["verify", module, "--public-key", "key.pub"]).0, 3);
    folder
}

/// The example of the README in the place of what a new module begins with, judged by the README's case.
fn becomes_the_example_of_the_readme(module: &Path) {
    let readme = include_str!("../../../policy-plugins/README.md");
    let (_, section) = readme.split_once("### Keys by algorithm and size").unwrap();
    let between = |from: &str, to: &str| section.split_once(from).unwrap().1.split_once(to).unwrap().0;
    let source = module.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    let (before, after) = text.split_once("    fn decide(").unwrap();
    let (_, after) = after.split_once("    fn validate(").unwrap();
    std::fs::write(&source, format!("{before}{}    fn validate({after}", between("```rust\n", "```"))).unwrap();
    let secrets = "&[\"Microsoft.KeyVault/vaults/secrets/getSecret/action\"]";
    edit(&source, secrets, &format!("&[{}]", between(".actions(&[", "])")));
    let golden = module.join("golden.json");
    let mut cases: Value = serde_json::from_slice(&std::fs::read(&golden).unwrap()).unwrap();
    let mut case: Value = serde_json::from_str(between("```json\n", "```")).unwrap();
    case["settings"] = cases["cases"][0]["settings"].clone();
    let mut good = case.clone();
    good["with"]["key_operation"]["algorithm"] = "PS256".into();
    (good["name"], good["effect"], good["reason_code"]) = ("PSS".into(), "abstain".into(), "good-algorithm".into());
    cases["cases"] = vec![case, good].into();
    std::fs::write(&golden, cases.to_string()).unwrap();
}

/// What a command of the operator prints. Each module is compiled when it is asked for first, which goes on
/// behind a client that has waited long enough: on a busy machine the next one finds it done.
fn patiently(vault: &TestVault, arguments: &[&str]) -> String {
    let operator = vault.operator();
    let once = || vault.cli(&operator, arguments).stdin(Stdio::null()).output().unwrap();
    let done = |output: &std::process::Output| {
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() || said.contains("timed out"), "{arguments:?}: {said}");
        output.status.success()
    };
    let output = (0..6).map(|_| once()).find(done).expect("an answer");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What the guide goes on with, by its own words: looked at, measured, tried in shadow, replayed, enforced, changed and
/// rolled back.
async fn goes_the_way_of_the_guide(here: &Path) {
    let vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    vault.set(&token, "prod-db", "guided-value").await;
    good(here, &["build", "first-rule"]);
    let case = ["first-rule", "--case", "a member reads", "--cases", "first-rule/golden.json"];
    let explained = good(here, &[&["explain"][..], &case].concat());
    assert!(explained.contains("member") && explained.contains("principal.groups"), "{explained}");
    let measured = good(here, &[&["bench"][..], &case, &["--rounds", "50"]].concat());
    assert!(measured.contains("50 decisions"), "{measured}");

    let cli = |arguments: &[&str]| patiently(&vault, arguments);
    let read = async || vault.get(&token, "prod-db").await;
    let at = ["payments-only", "--vault", "demo"];
    let digest = cli(&["policy", "push", here.join("first-rule/first-rule.wasm").to_str().unwrap()]);
    let attach = |guarded: &str| {
        let settings = format!(r#"{{"guarded":["{guarded}"],"group":"payments"}}"#);
        cli(&[&["policy", "attach"][..], &at, &["--module", &digest, "--settings", &settings]].concat());
    };
    attach("prod-*");
    let mut decisions = String::new();
    // A machine under load may take more than the budget of shadows, and what was not asked is not on record.
    for _ in 0..20 {
        assert_eq!(read().await.status, 200, "in shadow nobody is kept out");
        decisions = cli(&["audit", "query"]);
        if decisions.contains("would-deny") {
            break;
        }
    }
    assert!(cli(&["policy", "attached", "--vault", "demo"]).contains("payments-only"));
    std::fs::write(here.join("decisions.jsonl"), &decisions).unwrap();
    let settings = r#"{"guarded":["prod-*"],"group":"payments"}"#;
    let replay = ["replay", "first-rule", "decisions.jsonl", "--attachment", "payments-only", "--settings", settings];
    let replayed = good(here, &[&replay[..], &["--output", "json"]].concat());
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    assert!(replayed["totals"]["newly denied"].as_u64() >= Some(1), "{replayed}");

    cli(&[&["policy", "enforce"][..], &at].concat());
    let denied = read().await;
    assert_eq!(denied.problem(), "403 Forbidden/ForbiddenByPolicy");
    assert!(denied.text().contains("not-a-member"), "{}", denied.text());
    attach("test-*");
    assert_eq!(read().await.status, 200);
    cli(&[&["policy", "rollback"][..], &at].concat());
    assert_eq!(read().await.problem(), "403 Forbidden/ForbiddenByPolicy");
    cli(&[&["policy", "detach"][..], &at].concat());
    assert_eq!(read().await.status, 200);
}

#[tokio::test]
async fn a_module_in_rust_comes_from_an_empty_folder_to_a_signature_and_to_a_vault() {
    let folder = begin_test_change_and_sign("rust", "src/lib.rs", "not-a-member");
    goes_the_way_of_the_guide(folder.path()).await;
    becomes_the_example_of_the_readme(&folder.path().join("first-rule"));
    let tested = good(folder.path(), &["test", "first-rule"]);
    assert!(tested.contains(", 0 failed"), "{tested}");
}

#[test]
fn a_module_in_c_comes_from_an_empty_folder_to_a_signature() {
    begin_test_change_and_sign("c", "policy.c", "people-not-allowed");
}

#[tokio::test]
async fn recorded_decisions_are_asked_again_and_say_what_would_change() {
    let vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    vault.set(&token, "db", "replayed-value").await;
    vault.set(&token, "cache", "replayed-value").await;
    let exported = run_to_end(&mut vault.cli(&vault.operator(), &["audit", "query"]));
    let records = vault.folder().join("records.jsonl");
    std::fs::write(&records, &exported.stdout).unwrap();
    let asked = |settings: &str| {
        let records = records.to_str().unwrap();
        let arguments = ["replay", "naming-convention", records, "--settings", settings, "--output", "json"];
        serde_json::from_str::<Value>(&good(vault.folder(), &arguments)).unwrap()
    };
    let same = asked("{}");
    assert!(same["totals"]["same"].as_u64().unwrap() >= 2, "{same}");
    assert_eq!(
        (&same["totals"]["newly denied"], &same["totals"]["other reason"]),
        (&Value::Null, &Value::Null),
        "{same}"
    );
    let stricter = asked(r#"{"forbidden_names":["db*"]}"#);
    assert_eq!(stricter["totals"]["newly denied"], 1, "{stricter}");
    let changed =
        stricter["groups"].as_array().unwrap().iter().find(|group| group["change"] == "newly denied").unwrap();
    assert_eq!((&changed["object"], &changed["after"]), (&"demo/db".into(), &"deny name-forbidden".into()));
    assert!(!stricter.to_string().contains("replayed-value"));

    // The same of an export, which holds them as they are chained; and a file without a record says nothing.
    let mut chained = Vec::new();
    for _ in 0..100 {
        // It goes as far as the newest checkpoint.
        chained = run_to_end(&mut vault.cli(&vault.operator(), &["audit", "export"])).stdout;
        if String::from_utf8_lossy(&chained).contains(r#"\"object\":\"cache\""#) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    std::fs::write(&records, &chained).unwrap();
    let of_export = asked(r#"{"forbidden_names":["db*"]}"#);
    assert_eq!(of_export["totals"]["newly denied"], 1, "{of_export}");
    assert!(of_export["totals"]["same"].as_u64().unwrap() >= 1, "{of_export}");
    std::fs::write(&records, chained.split_inclusive(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let mut nothing = Command::new(binary());
    nothing.args(["policy", "replay", "naming-convention"]).arg(&records).args(["--settings", "{}"]);
    let nothing = run_to_end(nothing.current_dir(vault.folder()));
    let said = String::from_utf8_lossy(&nothing.stderr);
    assert!(!nothing.status.success() && said.contains("no line of"), "{said}");

    // One of them, looked at closely.
    let record = String::from_utf8(exported.stdout).unwrap();
    let record: Value = record
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|record| record["object"] == "db" && record["operation"] == "SecretSet")
        .unwrap();
    std::fs::write(vault.folder().join("input.json"), record["input"].to_string()).unwrap();
    let settings = r#"{"forbidden_names":["db*"]}"#;
    let explained =
        good(vault.folder(), &["explain", "naming-convention", "--request", "input.json", "--settings", settings]);
    assert!(explained.contains("name-forbidden") && explained.contains("object.name"), "{explained}");
    decisions_under_an_older_module_are_reproduced(&vault, &token).await;
}

/// A module that ships, as another one that does the same: with a custom section of its own.
fn version(vault: &TestVault, name: &str) -> PathBuf {
    let shipped = tests_folder().join("../policy-plugins/naming-convention/naming-convention.wasm");
    let mut bytes = std::fs::read(shipped).unwrap();
    bytes.extend_from_slice(b"\x00\x05\x04");
    bytes.extend_from_slice(name.as_bytes());
    let file = vault.folder().join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// Decisions by one version of a module, then by another with other settings, beside one that wants facts: the log says
/// of each what it was asked, and the same module gives the same answer to the last bit. Of what was not recorded
/// nothing is guessed, and what was changed in the file is found.
async fn decisions_under_an_older_module_are_reproduced(vault: &TestVault, token: &str) {
    let cli = |arguments: &[&str]| patiently(vault, arguments);
    let attach = |name: &str, module: &str, settings: &str| {
        let at = ["policy", "attach", name, "--vault", "demo", "--state", "enforce", "--module", module];
        cli(&[&at[..], &["--settings", settings]].concat());
    };
    let put = async |name: &str| {
        let ask = vault.ask(reqwest::Method::PUT, &format!("/secrets/{name}")).bearer(token);
        ask.json(&serde_json::json!({ "value": "reproduced-value" })).send().await
    };
    let first = version(vault, "one1");
    let second = version(vault, "two2");
    let old = cli(&["policy", "push", first.to_str().unwrap()]);
    let new = cli(&["policy", "push", second.to_str().unwrap()]);
    attach("rate", "rate-guard", r#"{"per_minute":9000}"#);
    attach("versioned", &old, r#"{"forbidden_names":["tmp*"]}"#);
    let denied = put("tmp-1").await.request_id().to_owned();
    vault.set(token, "db", "reproduced-value").await;
    attach("versioned", &new, r#"{"forbidden_names":["db*"]}"#);
    let denied_by_new = put("db-2").await.request_id().to_owned();
    vault.set(token, "tmp-1", "reproduced-value").await;

    let file = vault.folder().join("reproduced.jsonl");
    let recorded = cli(&["audit", "query"]);
    assert!(recorded.contains(&denied) && recorded.contains(&denied_by_new));
    let reproduce = |recorded: &str, modules: &[&str]| {
        std::fs::write(&file, recorded).unwrap();
        let arguments = [&["reproduce", file.to_str().unwrap()][..], modules, &["--output", "json"]].concat();
        let (code, out, err) = policy(vault.folder(), &arguments);
        (code, serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{err}")))
    };
    let (code, all) = reproduce(&recorded, &["one1", "two2"]);
    assert_eq!((code, &all["different"], &all["indeterminate"]), (0, &serde_json::json!([]), &serde_json::json!({})));
    // Four writes, each judged by both modules at least.
    assert!(all["reproduced"].as_u64().unwrap() >= 8 && all["decisions"].as_u64().unwrap() >= 4, "{all}");
    let of_file = |shown: &Value| shown["indeterminate"].as_object().unwrap().clone();

    // Without the old version what it said cannot be told, and the rest can.
    let (code, without) = reproduce(&recorded, &["two2"]);
    assert!(code == 0 && of_file(&without).keys().all(|why| why.contains(&old)), "{without}");
    assert!(without["reproduced"].as_u64() < all["reproduced"].as_u64(), "{without}");
    // A fact, or what attached a module, that is not on record is not guessed.
    let mut lines: Vec<Value> = recorded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |lines: &[Value]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let edit = |lines: &[Value], change: &dyn Fn(&mut Value)| {
        let mut lines = lines.to_vec();
        change(lines.iter_mut().find(|record| record["id"] == denied.as_str()).unwrap());
        text(&lines)
    };
    let forgotten = edit(&lines, &|record| record["input"]["facts"] = serde_json::json!({}));
    let (code, shown) = reproduce(&forgotten, &["one1", "two2"]);
    assert!(code == 0 && of_file(&shown).keys().any(|why| why.contains("the fact count/")), "{shown}");
    // Edited, an answer is another one.
    let edited = edit(&lines, &|record| record["input"]["object"]["name"] = "tmq-1".into());
    let (code, shown) = reproduce(&edited, &["one1", "two2"]);
    assert_eq!((code, &shown["different"][0]["decision"]), (3, &denied.as_str().into()), "{shown}");
    assert_eq!(shown["different"][0]["again"]["effect"], "allow", "{shown}");
    lines.retain(|record| record["attached"].is_null());
    let (code, shown) = reproduce(&text(&lines), &["one1", "two2"]);
    assert!(code == 0 && shown["reproduced"] == 0 && !of_file(&shown).is_empty(), "{shown}");
    assert!(!recorded.contains("reproduced-value"), "never a value");

    // What an alert is: a line in the log, with nothing in it that a caller chose; its sentence is in the record alone.
    attach("rate", "rate-guard", r#"{"per_minute":1}"#);
    // The second of them, however long ago the last one was.
    put("ok-3").await;
    let denied = put("ok-3").await;
    assert_eq!(denied.problem(), "403 Forbidden/ForbiddenByPolicy");
    vault.log_says(denied.request_id()).await;
    let log = vault.log();
    let alert = log.lines().find(|line| line.contains(denied.request_id())).unwrap();
    for said in ["WARN", "a policy module alerts", "severity=\"medium\"", "policy=rate", "code=too-many-requests"] {
        assert!(alert.contains(said), "{said}: {alert}");
    }
    assert!(!log.contains("A principal is kept out"), "{alert}");
    let record = cli(&["audit", "query"]);
    let record = record.lines().find(|line| line.contains(denied.request_id())).unwrap();
    assert!(record.contains(r#""do":"alert""#) && record.contains("A principal is kept out"), "{record}");
}
