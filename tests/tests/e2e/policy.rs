//! `strongroom policy`: a module from an empty folder to its tests, its signature, and what it would change.

use std::{
    path::Path,
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
    assert_eq!(shown["settings_schema"]["type"], "object");

    // What the module does is no longer what its cases say.
    edit(&here.join("first-rule").join(source), reason, "another-reason");
    let (code, out, err) = policy(here, &["test", "first-rule"]);
    assert!(code == 1 && out.contains("1 failed") && out.contains("another-reason"), "{out} {err}");
    edit(&here.join("first-rule").join(source), "another-reason", reason);
    good(here, &["test", "first-rule"]);

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

#[test]
fn a_module_in_rust_comes_from_an_empty_folder_to_a_signature() {
    let folder = begin_test_change_and_sign("rust", "src/lib.rs", "not-a-member");
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
}
