//! A server that nobody owns: set up once, by the code of its terminal and a real provider; and locked for good,
//! whatever somebody with the database makes of what it keeps of that.

use std::process::Command;

use reqwest::Method;

use crate::support::{Database, Named, Outside, TestVault, binary, node_script, run, run_to_end, verify};

const DOOR: &str = "label = 'first-provider-v1'";

/// What `strongroom setup-code` says.
fn setup_code(vault: &TestVault) -> Result<String, String> {
    let config = vault.folder().join("strongroom.toml");
    let said = run_to_end(Command::new(binary()).args(["setup-code", "--output", "json", "--config"]).arg(config));
    if !said.status.success() {
        return Err(String::from_utf8_lossy(&said.stderr).into_owned());
    }
    let told: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    Ok(told["code"].as_str().expect("a code").to_owned())
}

/// Neither the page nor its form is there, whatever the code.
async fn is_shut(vault: &TestVault, code: &str) {
    assert_eq!(vault.ask_base(Method::GET, "/setup").send().await.status, 404);
    let form = [
        ("csrf_token", "setup"),
        ("code", code),
        ("name", "other"),
        ("label", "Other"),
        ("issuer", "https://login.example"),
        ("client_id", "x"),
        ("subject", "mallory"),
    ];
    let tried = vault.ask_base(Method::POST, "/setup").header("origin", &vault.base).form(&form).send().await;
    assert_eq!(tried.status, 404, "{}", tried.text());
}

#[tokio::test]
async fn a_server_of_nobody_is_set_up_once_and_no_row_opens_it_again() {
    let mut outside = Outside::start_configured(|text, _| text.split("[[issuers]]").next().unwrap().to_owned()).await;
    let printed = outside.vault.log();
    assert!(printed.contains("Nobody owns this installation yet"), "{printed}");
    assert!(!printed.contains("Setup code, once"), "no code where the output is kept");
    // As it was before, for whoever would put it back.
    outside.vault.stop();
    let mut database = Database::open(&outside.vault).await;
    let bytes = format!("SELECT 'x''' || hex(bytes) || '''' FROM sealed_blobs WHERE {DOOR}");
    let [before]: [String; 1] = database.texts(&bytes).await.try_into().expect("one row");
    database.close().await;
    outside.vault.start().await.expect("a later start finds the same door");

    let code = setup_code(&outside.vault).expect("a code");
    let mut command = node_script("browser/setup.mjs");
    command.env("BASE", &outside.vault.base).env("PROVIDER", outside.issuer()).env("CODE", &code);
    let said = run(&command, &Named::No).expect_good();
    assert!(said.ends_with("done\n"), "{said}");
    is_shut(&outside.vault, &code).await;
    let why = setup_code(&outside.vault).expect_err("none any more");
    assert!(why.contains("was set up"), "{why}");

    // Put back to before, with a code file of before too: what the log says counts.
    let vault = &mut outside.vault;
    vault.stop();
    assert!(verify(vault).good);
    let mut database = Database::open(vault).await;
    let [after]: [String; 1] = database.texts(&bytes).await.try_into().expect("one row");
    database.change(1, &format!("UPDATE sealed_blobs SET bytes = {before}, revision = 0 WHERE {DOOR}")).await;
    database.close().await;
    std::fs::remove_file(vault.data().join("setup-code")).expect("the code file");
    vault.start().await.expect("there is an Owner");
    let code = setup_code(vault).expect("a code, which opens nothing");
    is_shut(vault, &code).await;
    vault.stop();
    assert!(!verify(vault).good, "an older row is found");

    // Taken away.
    let mut database = Database::open(vault).await;
    database.change(1, &format!("DELETE FROM sealed_blobs WHERE {DOOR}")).await;
    database.close().await;
    vault.start().await.expect("there is an Owner");
    is_shut(vault, &code).await;
    vault.stop();
    let found = verify(vault);
    assert!(!found.good && found.said.contains("first-provider-v1 was deleted"), "{}", found.said);
    assert!(!found.said.contains("assignment"), "what the same record wrote besides is there: {}", found.said);

    // Taken away together with its Owner: nothing is begun anew.
    let mut database = Database::open(vault).await;
    database.run("DELETE FROM assignments").await;
    database.close().await;
    let why = vault.start().await.expect_err("nobody could manage it");
    assert!(why.contains("nobody could manage this installation"), "{why}");

    // Edited: the server does not go on with what was not sealed here.
    let mut database = Database::open(vault).await;
    let row = format!("INSERT INTO sealed_blobs (label, bytes, revision) VALUES ('first-provider-v1', {after}, 1)");
    database.change(1, &row).await;
    database.flip("sealed_blobs", "bytes", DOOR).await;
    database.close().await;
    let why = vault.start().await.expect_err("it is not what was sealed");
    assert!(why.contains("is not as it was sealed"), "{why}");
}
