//! `strongroom verify`: what nobody asks for is checked on demand, beside a running server too.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use reqwest::Method;

use super::Pristine;
use crate::support::{Database, TestVault, binary, run_to_end, verify};

/// A server looks at everything a few seconds after its start.
const FOUND_WITHIN: Duration = Duration::from_secs(30);

/// Exit code and what was printed.
fn verify_all(vault: &TestVault) -> (Option<i32>, String) {
    let output = run_to_end(Command::new(binary()).args(["verify", "--data"]).arg(vault.data()));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("walked-value"), "{said}");
    (output.status.code(), said)
}

#[tokio::test]
async fn what_is_not_what_was_written_is_named_on_demand() {
    let vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    for name in ["one", "two", "three"] {
        vault.set(&app, name, "walked-value").await;
    }
    vault.set(&app, "one", "walked-value, again").await;
    let mut pristine = {
        let pristine = Pristine::of(vault);
        let (code, said) = verify_all(&pristine.vault);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("4 values open at their places"), "{said}");
        pristine
    };
    // The log knows revisions and tags of rows, so these are seen with the root key alone.
    for (edit, named) in [
        (
            "UPDATE secret_versions SET ciphertext = CAST(substr(ciphertext, 1, length(ciphertext) - 1) AS BLOB) WHERE name = 'two'",
            "secret demo/two/",
        ),
        (
            "UPDATE secret_versions SET wrapped_data_key = (SELECT wrapped_data_key FROM secret_versions WHERE name = 'three') WHERE name = 'two'",
            "secret demo/two/",
        ),
        ("UPDATE secret_versions SET attributes = '{' WHERE name = 'three'", "secret demo/three/"),
        ("UPDATE secrets SET display = 'THREE' WHERE name = 'three'", "secret demo/three is"),
        ("UPDATE vaults SET settings = replace(settings, '90', '91') WHERE name = 'demo'", "vault "),
        (
            "UPDATE workloads SET body = replace(body, 'sample-app', 'sample-apq') WHERE body LIKE '%sample-app%'",
            "workload ",
        ),
    ] {
        pristine.restore();
        let mut database = Database::open(&pristine.vault).await;
        database.change(1, edit).await;
        database.close().await;
        let by_log = verify(&pristine.vault);
        assert_eq!(by_log.code, Some(0), "{edit}: {}", by_log.said);
        let (code, said) = verify_all(&pristine.vault);
        assert_eq!(code, Some(3), "{edit}: {said}");
        let told = said.lines().any(|line| line.contains(named) && line.contains("is not what was written there"));
        assert!(told, "{edit}: {said}");
    }
    // A vault that is only called purged is missing, as one whose row was taken out. What is spelt in other letters, or a
    // text where bytes belong, reads as what was written and is found by nobody.
    for edit in [
        "UPDATE vaults SET name = 'DEMO' WHERE name = 'demo'",
        "UPDATE secrets SET current = upper(current) WHERE name = 'one'",
        "UPDATE secrets SET vault_id = CAST(vault_id AS TEXT) WHERE name = 'two'",
        "UPDATE vaults SET state = 'purged', wrapped_key = x'' WHERE name = 'demo'",
        "DELETE FROM vaults WHERE name = 'demo'",
    ] {
        pristine.restore();
        let mut database = Database::open(&pristine.vault).await;
        database.run("PRAGMA foreign_keys = OFF").await;
        database.change(1, edit).await;
        database.close().await;
        let (code, said) = verify_all(&pristine.vault);
        assert_eq!(code, Some(3), "{edit}: {said}");
    }
    // One vault that does not even read hides nothing else.
    pristine.restore();
    let mut database = Database::open(&pristine.vault).await;
    database.change(1, "UPDATE vaults SET purge_at = 1 WHERE name = 'demo'").await;
    assert!(database.run("UPDATE assignments SET scope_key = ''").await > 0);
    database.run("UPDATE sessions SET principal = NULL").await;
    database.close().await;
    let (code, said) = verify_all(&pristine.vault);
    assert_eq!(code, Some(3), "{said}");
    let broken: Vec<_> = said.lines().filter(|line| line.contains("is not what was written there")).collect();
    assert!(broken.iter().any(|line| line.starts_with("vault ") && line.contains("(demo)")), "{said}");
    assert!(broken.iter().any(|line| line.starts_with("assignment ")), "{said}");
    assert!(said.contains("rows are in vaults that are not authentic"), "{said}");
    // Whose database it is, and which root key is in use, does not read: nothing else can be checked, and that is found.
    for edit in ["UPDATE installation SET created_at = 'once'", "UPDATE root_keys SET since = 'once'"] {
        pristine.restore();
        let mut database = Database::open(&pristine.vault).await;
        database.change(1, edit).await;
        database.close().await;
        let (code, said) = verify_all(&pristine.vault);
        assert_eq!(code, Some(3), "{edit}: {said}");
    }
    // What the server does not start without.
    pristine.restore();
    let mut database = Database::open(&pristine.vault).await;
    database.change(1, "DELETE FROM sealed_blobs WHERE label = 'token-signing-key-v1-development'").await;
    database.close().await;
    let (code, said) = verify_all(&pristine.vault);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("token-signing-key-v1-development is missing"), "{said}");
    // A server finds by itself what nobody asks for.
    pristine.restore();
    let mut database = Database::open(&pristine.vault).await;
    let zeroed = "UPDATE secret_versions SET ciphertext = zeroblob(length(ciphertext)) WHERE name = 'two'";
    database.change(1, zeroed).await;
    database.close().await;
    pristine.vault.start().await.unwrap();
    let begun = Instant::now();
    while pristine.vault.ask_base(Method::GET, "/readyz").send().await.expect(200).json()["stored"] != "damaged" {
        assert!(begun.elapsed() < FOUND_WITHIN, "{}", pristine.vault.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let log = pristine.vault.log();
    let named = log.lines().any(|line| line.contains("not what was written there") && line.contains("demo/two/"));
    assert!(named, "{log}");
    pristine.vault.stop();
    pristine.restore();
    let mut vault = pristine.vault;
    vault.start().await.unwrap();
    let (code, said) = verify_all(&vault);
    assert_eq!(code, Some(0), "beside a running server: {said}");
}
