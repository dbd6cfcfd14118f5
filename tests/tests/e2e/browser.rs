//! The dashboard in a real browser, with and without script, at both providers.

use std::process::Command;

use serde_json::json;

use crate::support::{Named, Outside, TestVault, binary, example, node_script, run, run_to_end};

const SECRET: &str = "browser-story";
/// With what a page could get wrong: mark-up, quotes, more than one line, letters of another script.
const VALUE: &str = "hunter2 <b>&amp;</b> \"'\n  zażółć 🔐";

/// Chromium resolves names below localhost by itself.
fn told(command: &mut Command) {
    let said = run(command, &Named::No).expect_good();
    assert!(said.ends_with("done\n"), "{said}");
}

async fn walk(argument: Option<&str>) {
    let vault = TestVault::dev().await;
    let token = vault.token(&vault.app()).await;
    vault.set(&token, SECRET, VALUE).await;
    let mut command = node_script("browser/dashboard.mjs");
    command.args(argument).env("BASE", &vault.base).env("VAULT", "demo").env("SECRET", SECRET).env("VALUE", VALUE);
    told(&mut command);

    // What the person did, as the API tells it.
    let operator = vault.token(&vault.operator()).await;
    let records = vault.records(&operator).await;
    let count = |operation: &str, subject: &str, outcome: &str| {
        let alike = |r: &&serde_json::Value| {
            r["operation"] == operation && r["principal"]["subject"] == subject && r["outcome"] == outcome
        };
        records.iter().filter(alike).count()
    };
    // By keyboard it is revealed once more, which takes script and another sign-in.
    let with_script = usize::from(argument.is_none());
    assert_eq!(count("SecretGet", "ada", "allowed"), 1 + with_script, "one reveal is one read");
    assert_eq!(count("SecretGet", "edsger", "allowed"), 0);
    assert!(count("SecretList", "edsger", "denied") >= 1);
    let begun = count("SessionBegin", "ada", "allowed");
    assert_eq!(begun, 4 + with_script);
    assert!(count("SessionEnd", "ada", "allowed") >= begun, "each has ended");
    assert!(!json!(records).to_string().contains("hunter2"), "no record holds a value");
}

#[tokio::test]
async fn a_person_finds_reveals_and_leaves() {
    walk(None).await;
}

#[tokio::test]
async fn a_person_does_the_same_without_script() {
    walk(Some("without-script")).await;
}

#[tokio::test]
async fn every_page_is_accessible_at_every_width() {
    let vault = TestVault::dev().await;
    let routes = run_to_end(Command::new(binary()).arg("routes"));
    assert!(routes.status.success());
    let routes = String::from_utf8(routes.stdout).expect("text");
    let samples = tempfile::tempdir().expect("a folder");
    assert!(run_to_end(Command::new(example("samples")).arg(samples.path())).status.success());
    let mut command = node_script("browser/pages.mjs");
    told(command.env("BASE", &vault.base).env("ROUTES", routes).env("SAMPLES", samples.path()));
}

#[tokio::test]
async fn vaults_secrets_and_access_are_managed_with_and_without_script() {
    let vault = TestVault::dev().await;
    told(node_script("browser/tasks.mjs").env("BASE", &vault.base));
}

#[tokio::test]
async fn people_sign_in_at_a_real_provider_and_out_of_it_by_keyboard_alone_too() {
    // What cannot be undone asks for more than the password.
    let terms = "groups_claim = \"groups\"\nstep_up_acr = [\"urn:example:two-factors\"]\nstep_up_amr = [\"otp\"]";
    let outside = Outside::start_configured(|text, _| text.replace("groups_claim = \"groups\"", terms)).await;
    let operator = outside.api_token("operator").await;
    outside.vault.create_vault(&operator, &json!({ "name": "demo" })).await;
    for script in ["browser/real_provider.mjs", "browser/keyboard.mjs"] {
        told(node_script(script).env("BASE", &outside.vault.base).env("PROVIDER", outside.issuer()));
    }
    let records = outside.vault.records(&operator).await;
    let by_provider = |r: &&serde_json::Value| r["operation"] == "SessionEndByProvider" && r["outcome"] == "allowed";
    let subjects: Vec<_> = records.iter().filter(by_provider).map(|r| r["principal"]["subject"].clone()).collect();
    assert!(subjects.iter().all(|subject| subject == "ada") && !subjects.is_empty(), "{subjects:?}");
}
