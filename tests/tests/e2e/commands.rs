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
    assert_eq!(json(&vault, &operator, &["vault", "purge", "payments", "--yes"])["purged"], "payments");
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
    assert!(code == 6 && err.contains("no secret no-such"), "{err}");

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

#[tokio::test]
async fn what_is_known_of_a_version_is_said_when_it_is_made_and_changed_later() {
    let vault = TestVault::dev().await;
    let app = vault.app();
    let value = vault.folder().join("value");
    std::fs::write(&value, "hush").unwrap();
    let set = ["secret", "set", "db", "--value-file", value.to_str().unwrap()];
    let said = ["--expires", "2099-01-31", "--not-before", "2020-01-31T12:00:00+01:00", "--disabled", "--tag", "a=b"];
    let (code, out, err) = cli(&vault, &app, &[&set[..], &said, &["--output", "json"]].concat());
    assert!(
        code == 0 && err.contains("2099-01-31 is taken for its first moment in UTC, 2099-01-31T00:00:00Z"),
        "{err}"
    );
    let made: Value = serde_json::from_str(&out).unwrap();
    let attributes = &made["attributes"];
    assert_eq!((&attributes["exp"], &attributes["nbf"]), (&4_073_500_800_i64.into(), &1_580_468_400.into()));
    assert_eq!((&attributes["enabled"], &made["tags"]["a"]), (&false.into(), &"b".into()));
    assert_eq!(cli(&vault, &app, &["secret", "get", "db"]).0, 5, "disabled");

    assert_eq!(cli(&vault, &app, &["secret", "update", "db"]).0, 1, "a change says what changes");
    let (code, _, err) = cli(&vault, &app, &["secret", "update", "db", "--expires", "soon"]);
    assert!(code == 2 && err.contains("2027-01-31T18:00:00Z"), "{err}");
    let change =
        ["--enabled", "true", "--expires", "2098-01-31T00:00:00Z", "--content-type", "text/plain", "--tag", "c=d"];
    let shown = good(&vault, &app, &[&["secret", "update", "db"][..], &change].concat());
    assert!(shown.contains("2098-01-31") && shown.contains("text/plain") && shown.contains("c=d"), "{shown}");
    assert!(!shown.contains("a=b") && !shown.contains("hush"), "{shown}");
    assert_eq!(good(&vault, &app, &["secret", "get", "db"]), "hush");
    let version = made["id"].as_str().unwrap().rsplit('/').next().unwrap();
    let shown = json(&vault, &app, &["secret", "update", "db", "--version", version, "--no-tags"]);
    assert_eq!((&shown["tags"], &shown["contentType"]), (&Value::Null, &"text/plain".into()));
}

#[tokio::test]
async fn a_dotenv_file_is_looked_at_and_then_imported() {
    let vault = TestVault::dev().await;
    let (app, token) = (vault.app(), vault.token(&vault.app()).await);
    let file = vault.folder().join("app.env");
    let path = file.to_str().unwrap();
    let import = ["secret", "import", path, "--prefix", "app-", "--tag", "from=app.env"];
    let dry = [&import[..], &["--dry-run"]].concat();
    std::fs::write(&file, "# comment\nexport DATABASE_URL=\"sql://u:p#1\"\nAPI_KEY='s3cr$t' # more\nPLAIN=abc\n")
        .unwrap();
    let said = good(&vault, &app, &dry);
    assert!(said.contains("app-DATABASE-URL") && said.contains("created") && !said.contains("s3cr"), "{said}");
    assert!(!good(&vault, &app, &["secret", "list"]).contains("app-"), "a dry run writes nothing");
    let changes = |said: &Value| -> Vec<String> {
        said.as_array().unwrap().iter().map(|line| line["change"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(changes(&json(&vault, &app, &import)), ["created", "created", "created"]);
    assert_eq!(good(&vault, &app, &["secret", "get", "app-DATABASE-URL"]), "sql://u:p#1");
    assert_eq!(good(&vault, &app, &["secret", "get", "app-API-KEY"]), "s3cr$t");

    let tagged = serde_json::json!({ "value": "old", "tags": { "team": "pay" }, "contentType": "text/plain" });
    let set = vault.ask(reqwest::Method::PUT, "/secrets/app-PLAIN").bearer(&token).json(&tagged);
    set.send().await.expect(200);
    assert_eq!(changes(&json(&vault, &app, &dry)), ["unchanged", "unchanged", "change"]);
    assert_eq!(good(&vault, &app, &["secret", "get", "app-PLAIN"]), "old");
    assert_eq!(changes(&json(&vault, &app, &import)), ["unchanged", "unchanged", "changed"]);
    let plain = vault.get(&token, "app-PLAIN").await.expect(200).json();
    let tags = serde_json::json!({ "team": "pay", "from": "app.env" });
    assert_eq!((&plain["value"], &plain["tags"]), (&"abc".into(), &tags), "what it has stays, and the new one comes");
    assert_eq!(json(&vault, &app, &["secret", "versions", "app-API-KEY"]).as_array().unwrap().len(), 1);

    good(&vault, &app, &["secret", "delete", "app-PLAIN"]);
    std::fs::write(&file, "NEW=1\nPLAIN=abc\n").unwrap();
    let (code, _, err) = cli(&vault, &app, &import);
    assert!(code == 7 && err.contains("app-PLAIN") && err.contains("recover"), "{err}");
    std::fs::write(&file, "NEW=1\nA_B=1\na.b=2\n").unwrap();
    let (code, _, err) = cli(&vault, &app, &import);
    assert!(code == 1 && err.contains("the same secret"), "{err}");
    std::fs::write(&file, "NEW=1\nBAD='hush\n").unwrap();
    let (code, _, err) = cli(&vault, &app, &import);
    assert!(code == 1 && err.contains("line 2") && !err.contains("hush"), "{err}");
    assert!(!good(&vault, &app, &["secret", "list"]).contains("app-NEW"), "nothing was written");
    std::fs::write(&file, "NEW=1\n").unwrap();
    assert_eq!(cli(&vault, &vault.nobody(), &import).0, 5);
}

#[tokio::test]
async fn a_command_runs_with_secrets_in_its_environment() {
    let vault = TestVault::dev().await;
    let (app, token) = (vault.app(), vault.token(&vault.app()).await);
    let first = vault.set(&token, "db", "first value").await;
    let version = first["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    vault.set(&token, "db", "second\nvalue").await;
    let pinned = format!("OLD=db@{version}");
    let shown = r#"printf '%s|%s|%s' "$DB" "$OLD" "${AZURE_CLIENT_SECRET-gone}"; exit 7"#;
    let (code, out, err) = cli(&vault, &app, &["run", "--env", "DB=db", "--env", &pinned, "--", "sh", "-c", shown]);
    assert_eq!((code, out.as_str()), (7, "second\nvalue|first value|gone"), "{err}");
    let keep = ["run", "--keep-credential", "--env", "DB=db", "--", "sh", "-c", "test -n \"$AZURE_CLIENT_SECRET\""];
    assert_eq!(cli(&vault, &app, &keep).0, 0);
    let started = vault.folder().join("started");
    let touch = ["run", "--env", "DB=db", "--env", "NO=no-such", "--", "touch", started.to_str().unwrap()];
    let (code, _, err) = cli(&vault, &app, &touch);
    assert!(code == 6 && err.contains("NO: ") && !started.exists(), "{err}");
    assert_eq!(cli(&vault, &vault.nobody(), &["run", "--env", "DB=db", "--", "true"]).0, 5);
    assert_eq!(cli(&vault, &app, &["run", "--env", "DB=db", "--", "no-such-command"]).0, 127);
    assert_eq!(cli(&vault, &app, &["run", "--env", "DB=db", "--", "/"]).0, 126);

    // A signal to the program is one to the command.
    let script = "trap 'exit 42' TERM; : > ready; while :; do sleep 0.05; done";
    let mut child = vault.cli(&app, &["run", "--env", "DB=db", "--", "sh", "-c", script]).spawn().unwrap();
    let ready = vault.folder().join("ready");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !ready.exists() && std::time::Instant::now() < until {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let told = std::process::Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &child.id().to_string()]).status();
    assert!(told.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(42));
}

#[tokio::test]
async fn the_tail_fits_a_terminal_and_says_so_when_nothing_fits() {
    let vault = TestVault::dev().await;
    let (operator, token) = (vault.operator(), vault.token(&vault.app()).await);
    let long = "n".repeat(127);
    vault.set(&token, &long, "v").await;
    let denied = vault.get(&vault.token(&vault.nobody()).await, &long).await;
    assert_eq!(denied.problem(), "403 Forbidden/ForbiddenByRbac");
    let tail = good(&vault, &operator, &["audit", "tail", "--vault", "demo"]);
    assert!(tail.lines().count() >= 3 && tail.contains("denied"), "{tail}");
    assert!(tail.lines().all(|line| line.chars().count() <= 120), "{tail}");
    let (code, out, err) = cli(&vault, &operator, &["audit", "tail", "--principal", "nobody-at-all"]);
    assert_eq!(code, 0);
    assert!(
        out.lines().count() <= 1 && err.contains("nobody-at-all") && err.contains("identity list"),
        "{out} / {err}"
    );
}

#[test]
fn completions_are_there_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run_to_end(std::process::Command::new(crate::support::binary()).args(["completions", shell]));
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && script.contains("strongroom") && script.contains("access-policy"),
            "{shell}"
        );
        if shell == "bash" {
            let mut bash = std::process::Command::new("bash");
            bash.args(["-c", "eval \"$(\"$0\" completions bash)\" && complete -p strongroom"])
                .arg(crate::support::binary());
            assert!(run_to_end(&mut bash).status.success());
        }
    }
}
