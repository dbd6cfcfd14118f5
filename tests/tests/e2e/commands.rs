//! The command line of a day: vaults and secrets from their making to their purge, by commands alone.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::{Credential, Named, TestVault, python, run, run_to_end};

/// Runs a command of the program: its exit code, what it printed, what it complained.
fn cli(vault: &TestVault, who: &Credential, arguments: &[&str]) -> (i32, String, String) {
    let output = run_to_end(&mut vault.cli(who, arguments));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (output.status.code().expect("an exit code"), text(&output.stdout), text(&output.stderr))
}

/// What a command printed that succeeded.
#[track_caller]
fn good(vault: &TestVault, who: &Credential, arguments: &[&str]) -> String {
    let (code, out, err) = cli(vault, who, arguments);
    assert_eq!(code, 0, "{arguments:?}: {err}");
    out
}

#[track_caller]
fn json(vault: &TestVault, who: &Credential, arguments: &[&str]) -> Value {
    serde_json::from_str(&good(vault, who, &[arguments, &["--output", "json"]].concat())).expect("JSON")
}

#[tokio::test]
async fn a_vault_lives_is_deleted_comes_back_and_is_purged_by_the_command_line() {
    let vault = TestVault::dev().await;
    let operator = vault.operator();
    let create = ["vault", "create", "payments", "--tag", "team=pay", "--tag", "stage=test", "--region", "north"];
    assert!(good(&vault, &operator, &create).starts_with("https://payments."));
    let listed = good(&vault, &operator, &["vault", "list"]);
    assert!(listed.contains("demo") && listed.contains("payments") && listed.contains("north"), "{listed}");
    let update = ["vault", "update", "payments", "--tag", "team=core", "--remove-tag", "stage"];
    let updated = good(&vault, &operator, &update);
    assert!(updated.contains("team=core") && !updated.contains("stage") && updated.contains("90 days"), "{updated}");
    let shown = json(&vault, &operator, &["vault", "show", "payments"]);
    assert_eq!(shown["settings"]["tags"], serde_json::json!({ "team": "core" }));
    assert_eq!((&shown["settings"]["region"], &shown["settings"]["retention_days"]), (&"north".into(), &90.into()));
    assert_eq!(cli(&vault, &operator, &["vault", "update", "payments"]).0, 2, "a change says what changes");
    let (code, _, err) = cli(&vault, &operator, &["vault", "update", "payments", "--remove-tag", "stage"]);
    assert!(code == 1 && err.contains("no tag stage"), "{err}");

    assert_eq!(cli(&vault, &vault.nobody(), &["vault", "delete", "payments"]).0, 5, "denied");
    let deleted = good(&vault, &operator, &["vault", "delete", "payments"]);
    assert!(deleted.contains("payments is deleted and recoverable until 20"), "{deleted}");
    assert!(!good(&vault, &operator, &["vault", "list"]).contains("payments"));
    let listed = good(&vault, &operator, &["vault", "list", "--deleted"]);
    assert!(listed.contains("payments"), "{listed}");
    assert_eq!(cli(&vault, &operator, &["vault", "create", "payments"]).0, 7, "its name stays taken");
    assert!(good(&vault, &operator, &["vault", "show", "payments", "--deleted"]).contains("recoverable until"));
    assert!(good(&vault, &operator, &["vault", "recover", "payments"]).starts_with("https://payments."));
    assert!(good(&vault, &operator, &["vault", "list"]).contains("payments"));
    good(&vault, &operator, &["vault", "delete", "payments"]);
    let (code, _, err) = cli(&vault, &operator, &["vault", "purge", "payments"]);
    assert!(code == 1 && err.contains("--yes"), "{err}");
    good(&vault, &operator, &["vault", "purge", "payments", "--yes"]);
    assert_eq!(cli(&vault, &operator, &["vault", "show", "payments", "--deleted"]).0, 6, "it is gone");

    good(&vault, &operator, &["vault", "update", "demo", "--purge-protection"]);
    good(&vault, &operator, &["vault", "delete", "demo"]);
    assert_ne!(cli(&vault, &operator, &["vault", "purge", "demo", "--yes"]).0, 0, "protected");
}

#[tokio::test]
async fn a_secret_lives_is_backed_up_deleted_and_comes_back_by_the_command_line() {
    let vault = TestVault::dev().await;
    let (app, token) = (vault.app(), vault.token(&vault.app()).await);
    vault.set(&token, "db", "the-first-value").await;
    vault.set(&token, "db", "the-second-value").await;
    let versions = json(&vault, &app, &["secret", "versions", "db"]);
    assert_eq!(versions.as_array().unwrap().len(), 2);
    let shown = good(&vault, &app, &["secret", "versions", "db"]);
    assert!(shown.lines().count() == 3 && !shown.contains("value"), "{shown}");
    let (code, _, err) = cli(&vault, &app, &["secret", "versions", "no-such"]);
    assert!(code == 0 && err.contains("no secret no-such"), "{err}");

    let file = vault.folder().join("db.backup");
    let path = file.to_str().unwrap();
    good(&vault, &app, &["secret", "backup", "db", "--file", path]);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let blob = std::fs::read(&file).unwrap();
    assert!(!blob.windows(5).any(|some| some == b"value"), "sealed");
    let (code, _, err) = cli(&vault, &app, &["secret", "backup", "db", "--file", path]);
    assert!(code == 1 && err.contains("--overwrite"), "{err}");
    assert_eq!(std::fs::read(&file).unwrap(), blob);
    good(&vault, &app, &["secret", "backup", "db", "--file", path, "--overwrite"]);
    assert_eq!(cli(&vault, &app, &["secret", "restore", "--file", path]).0, 7, "its name is taken");

    assert!(good(&vault, &app, &["secret", "delete", "db"]).contains("recoverable until 2"));
    assert!(good(&vault, &app, &["secret", "list", "--deleted"]).contains("db"));
    assert_eq!(cli(&vault, &app, &["secret", "get", "db"]).0, 6);
    assert!(good(&vault, &app, &["secret", "recover", "db"]).contains("/secrets/db"));
    assert_eq!(good(&vault, &app, &["secret", "get", "db"]), "the-second-value");

    good(&vault, &app, &["secret", "delete", "db"]);
    let (code, _, err) = cli(&vault, &app, &["secret", "purge", "db"]);
    assert!(code == 1 && err.contains("--yes"), "{err}");
    // On a terminal the name is typed: a wrong one does nothing.
    assert!(on_a_terminal(&vault, &app, &["secret", "purge", "db"], "da\\n").contains("nothing was done"));
    assert!(good(&vault, &app, &["secret", "list", "--deleted"]).contains("db"));
    assert!(on_a_terminal(&vault, &app, &["secret", "purge", "db"], "db\\n").contains("db is purged"));
    assert!(!good(&vault, &app, &["secret", "list", "--deleted"]).contains("db"));
    good(&vault, &app, &["secret", "restore", "--file", path]);
    assert_eq!(json(&vault, &app, &["secret", "versions", "db"]), versions, "the same versions");
    assert_eq!(good(&vault, &app, &["secret", "get", "db"]), "the-second-value");
    let (code, _, err) = cli(&vault, &app, &["secret", "delete", ".."]);
    assert!(code == 1 && err.contains("not a name"), "{err}");
}

/// Runs a command on a terminal of its own, types something when it asks, and gives all that stood there.
fn on_a_terminal(vault: &TestVault, who: &Credential, arguments: &[&str], typed: &str) -> String {
    const SCRIPT: &str = "import os, pty, sys\n\
        typed = sys.argv[1].replace('\\\\n', '\\n').encode()\n\
        process, terminal = pty.fork()\n\
        if process == 0: os.execv(sys.argv[2], sys.argv[2:])\n\
        seen = b''\n\
        while b'to go on: ' not in seen: seen += os.read(terminal, 1024)\n\
        os.write(terminal, typed)\n\
        try:\n\
        \x20   while some := os.read(terminal, 1024): seen += some\n\
        except OSError: pass\n\
        os.waitpid(process, 0)\n\
        print(seen.decode())\n";
    let told = vault.cli(who, arguments);
    let mut command = std::process::Command::new(python());
    command.args(["-c", SCRIPT, typed]).arg(told.get_program()).args(told.get_args());
    for (name, value) in told.get_envs() {
        command.env(name, value.unwrap());
    }
    command.current_dir(vault.folder());
    run(&command, &Named::No).expect_good()
}
