//! Azure's own packages, unmodified, through the whole life of secrets, keys and certificates.

use std::process::Command;

use reqwest::Method;
use serde_json::json;

use crate::support::{
    FEDERATION_AUDIENCE, Named, Outside, TestVault, az, hosts_file, node_script, python, run, rust_program,
    tests_folder,
};

fn python_script(script: &str, argument: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(tests_folder().join(script)).arg(argument);
    command
}

fn az_script(sign_in: &str) -> Command {
    let mut command = Command::new(tests_folder().join("sdk/az/lifecycle.sh"));
    command.arg(sign_in).arg(az());
    command
}

/// Runs with the variables that `dev.env` exports and the one line that glibc needs.
fn through(vault: &TestVault, command: &mut Command) {
    let hosts = hosts_file(vault.folder(), "127.0.0.1 vault.localhost demo.vault.localhost");
    let said = run(command, &Named::By(hosts)).expect_good();
    assert!(said.ends_with("done\n"), "{said}");
}

#[tokio::test]
async fn python_with_a_client_secret() {
    let vault = TestVault::dev().await;
    through(&vault, python_script("sdk/python/lifecycle.py", "secret").envs(&vault.env));
}

#[tokio::test]
async fn python_told_nothing_but_the_environment() {
    let vault = TestVault::dev().await;
    for kind in ["plain", "environment", "default"] {
        through(&vault, python_script("sdk/python/lifecycle.py", kind).envs(&vault.env));
    }
}

/// Keys of every type by every algorithm, checked with Python's cryptography in both directions.
#[tokio::test]
async fn python_with_keys() {
    let vault = TestVault::dev().await;
    through(&vault, python_script("sdk/python/keys.py", "").envs(&vault.env));
}

/// The same with Node's OpenSSL.
#[tokio::test]
async fn javascript_with_keys() {
    let vault = TestVault::dev().await;
    through(&vault, node_script("sdk/js/keys.mjs").envs(&vault.env));
}

/// Certificates, their keys and their secrets, checked with Python's cryptography.
#[tokio::test]
async fn python_with_certificates() {
    let vault = TestVault::dev().await;
    through(&vault, python_script("sdk/python/certificates.py", "").envs(&vault.env));
}

/// The same through Azure's JavaScript package, checked with OpenSSL; what was exported serves real clients.
#[tokio::test]
async fn javascript_with_certificates() {
    let vault = TestVault::dev().await;
    through(&vault, node_script("sdk/js/certificates.mjs").envs(&vault.env));
}

/// Roles of a vault, by the package that Azure has for its Managed HSM.
#[tokio::test]
async fn python_gives_roles_and_takes_them_away() {
    let vault = TestVault::dev().await;
    let operator = vault.operator();
    let mut command = python_script("sdk/python/access_control.py", "");
    command.envs(&vault.env).env("OWNER_CLIENT_ID", &operator.id).env("OWNER_CLIENT_SECRET", &operator.secret);
    through(&vault, &mut command);
}

#[tokio::test]
async fn az_with_a_client_secret() {
    let vault = TestVault::dev().await;
    through(&vault, az_script("secret").envs(&vault.env));
}

#[tokio::test]
async fn javascript_with_a_client_secret() {
    let vault = TestVault::dev().await;
    through(&vault, node_script("sdk/js/lifecycle.mjs").arg("secret").envs(&vault.env));
}

#[tokio::test]
async fn javascript_told_nothing_but_the_environment() {
    let vault = TestVault::dev().await;
    for kind in ["plain", "environment", "default"] {
        through(&vault, node_script("sdk/js/lifecycle.mjs").arg(kind).envs(&vault.env));
    }
}

#[tokio::test]
async fn rust_with_a_client_secret() {
    let vault = TestVault::dev().await;
    through(&vault, rust_program().arg("secret").envs(&vault.env));
}

/// A workload that proves itself by a token of the real provider, as in a cluster or a CI system: exchanged for one
/// of ours, or as it is.
#[tokio::test]
async fn all_with_a_federated_token() {
    let outside = Outside::start().await;
    let vault = &outside.vault;
    let operator = outside.api_token("operator").await;
    vault.create_vault(&operator, &json!({ "name": "demo" })).await;
    let workload = outside.federated_workload(&operator, "payments-api").await;
    vault
        .assign(
            &operator,
            &json!({ "client_id": workload, "role": "Key Vault Administrator", "scope": "/vaults/demo" }),
        )
        .await;
    let token = vault.folder().join("federated-token");
    std::fs::write(&token, outside.token("payments-api", FEDERATION_AUDIENCE).await).unwrap();

    let environment = |command: &mut Command| {
        command
            .env("VAULT_URL", vault.vault_url("demo"))
            .env("AZURE_AUTHORITY_HOST", &vault.base)
            .env("AZURE_TENANT_ID", "adfs")
            .env("AZURE_CLIENT_ID", &workload)
            .env("AZURE_FEDERATED_TOKEN_FILE", &token)
            .env("REQUESTS_CA_BUNDLE", &outside.certificates.ca)
            .env("SSL_CERT_FILE", &outside.certificates.ca)
            .env("NODE_EXTRA_CA_CERTS", &outside.certificates.ca);
    };
    let python = python_script("sdk/python/lifecycle.py", "workload");
    let mut javascript = node_script("sdk/js/lifecycle.mjs");
    javascript.arg("workload");
    let mut rust = rust_program();
    rust.arg("workload");
    for mut command in [python, javascript, rust, az_script("federated")] {
        environment(&mut command);
        through(vault, &mut command);
    }

    let itself = json!({ "issuer": outside.issuer(), "subject": "payments-api", "role": "Key Vault Administrator", "scope": "/vaults/demo" });
    vault.assign(&operator, &itself).await;
    let mut javascript = node_script("sdk/js/lifecycle.mjs");
    javascript.arg("token");
    for mut command in [python_script("sdk/python/lifecycle.py", "token"), javascript] {
        environment(&mut command);
        command.env("ACCESS_TOKEN", outside.api_token("payments-api").await);
        through(vault, &mut command);
    }

    // What a module asks for, the SDK asks the credential for, and goes on by itself.
    let sources = include_str!("../../../policy-plugins/require-mfa/require-mfa.wasm.sources");
    let module = sources.lines().last().and_then(|line| line.split(' ').next()).expect("a digest");
    let settings = json!({ "acr": ["urn:example:two-factors"], "workloads": true, "actions": ["*/getSecret/*"] });
    let attachment = json!({
        "name": "two-factors", "module": module, "settings": settings.to_string(), "state": "enforce",
    });
    let change = vault.ask_base(Method::PATCH, "/api/v1/vaults/demo").bearer(&operator);
    change.json(&json!({ "policies": [attachment] })).send().await.expect(200);
    let mut command = python_script("sdk/python/step_up.py", "");
    environment(&mut command);
    command.env("ACCESS_TOKEN", outside.api_token("payments-api").await);
    command.env("STRONGER_TOKEN", outside.stronger_api_token("payments-api").await);
    through(vault, &mut command);
}
