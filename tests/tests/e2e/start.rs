//! Starting: what goes wrong gets one clear line, what was there stays, what is printed works.

use std::{net::TcpListener, path::Path, process::Command};

use reqwest::Method;

use crate::support::{
    Database, MANAGED, Named, TestVault, binary, dev_command, free_ports, hosts_file, run, run_to_end, scratch,
    shared_hosts,
};

/// The only line that a failed start says.
fn one_line(command: &mut Command) -> String {
    let output = run_to_end(command);
    assert!(!output.status.success(), "it was to fail");
    let said = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "one line: {said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "and nothing else");
    assert!(lines[0].starts_with("strongroom: "), "{said}");
    lines[0].to_owned()
}

#[test]
fn a_taken_port_is_named() {
    let folder = scratch();
    for (offset, taken) in [(0, "server"), (1, "development identity provider")] {
        let port = free_ports();
        let _listener = TcpListener::bind(("127.0.0.1", port + offset)).unwrap();
        let data = folder.path().join("data");
        let line = one_line(&mut dev_command(&data, port));
        assert!(!data.exists(), "a start that fails here leaves nothing behind");
        assert!(line.contains(&format!("127.0.0.1:{}", port + offset)) && line.contains("in use"), "{taken}: {line}");
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let folder = scratch();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    for data in [file.join("data"), file, "/proc/strongroom".into()] {
        let line = one_line(&mut dev_command(&data, free_ports()));
        assert!(line.contains(&format!("the data directory {} cannot be written", data.display())), "{line}");
    }
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let mut vault = TestVault::dev().await;
    vault.stop();
    let mut database = Database::open(&vault).await;
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_from_a_later_release', 0)";
    database.change(1, newer).await;
    database.close().await;
    let line = one_line(&mut dev_command(&vault.data(), vault.port));
    assert!(line.contains("m9999_from_a_later_release") && line.contains("newer"), "{line}");
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let vault = TestVault::dev().await;
    let line = one_line(&mut dev_command(&vault.data(), free_ports()));
    assert!(line.contains("in use by another process") && line.contains("`strongroom dev`"), "{line}");
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "still", "there").await;
}

#[tokio::test]
async fn a_second_start_keeps_everything() {
    let mut vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "kept", "kept").await;
    let environment = std::fs::read(vault.data().join("dev.env")).unwrap();
    let ca = std::fs::read(vault.data().join("ca.pem")).unwrap();
    vault.stop();
    vault.start().await.unwrap();
    assert_eq!(std::fs::read(vault.data().join("dev.env")).unwrap(), environment);
    assert_eq!(std::fs::read(vault.data().join("ca.pem")).unwrap(), ca);
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "kept", "an old token still counts");
    let app = vault.token(&vault.app()).await;
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "kept");
    assert_eq!(
        vault.ask(Method::GET, "/secrets").bearer(&app).send().await.json()["value"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn secrets_are_for_the_owner_of_the_directory_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let vault = TestVault::dev().await;
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&vault.data()), 0o700);
    for name in ["root.key", "dev.env", "ca.key", "server.key"] {
        assert_eq!(mode(&vault.data().join(name)), 0o600, "{name}");
    }
}

fn serve_command(folder: &Path, data: &Path, more: &str) -> Command {
    let config = folder.join("serve.toml");
    let port = free_ports();
    let text = format!(
        "base = \"https://vault.localhost:{port}\"\nlisten = \"127.0.0.1:{port}\"\ndata = \"{data}\"\n{more}\n\
         [tls]\ncertificate = \"{dev}/server.pem\"\nkey = \"{dev}/server.key\"\n{MANAGED}",
        data = data.display(),
        dev = folder.join("data").display(),
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(binary());
    command.arg("serve").arg("--config").arg(config);
    command
}

/// What the configuration alone gets wrong, and an installation that nobody could manage.
#[tokio::test]
async fn a_configuration_that_is_not_right_leaves_nothing_behind() {
    let mut vault = TestVault::dev().await;
    vault.stop();
    let data = vault.folder().join("made-by-nobody");
    for (good, bad, named) in [
        ("base = \"https://", "base = \"http://", "line 1: `base` is not right: expected https://HOST"),
        ("[[administrators]]", "[[administrator]]", "there is no key `administrator`"),
        ("group = ", "subject = \"ada\"\ngroup = ", "either a subject or a group"),
        ("groups_claim = ", "# groups_claim = ", "no `groups_claim` or `claims_as_groups` of its [[providers]]"),
    ] {
        let mut command = serve_command(vault.folder(), &data, "");
        let config = vault.folder().join("serve.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        assert!(text.contains(good), "{good}: {text}");
        std::fs::write(&config, text.replace(good, bad)).unwrap();
        let line = one_line(&mut command);
        assert!(line.contains(named), "{line}");
        assert!(!data.exists(), "{named}");
    }
}

#[tokio::test]
async fn development_is_for_ever() {
    let mut vault = TestVault::dev().await;
    vault.stop();
    let line = one_line(&mut serve_command(vault.folder(), &vault.data(), ""));
    assert!(line.contains("development installation for ever"), "{line}");
    vault.start().await.unwrap();
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "untouched", "x").await;
}

#[tokio::test]
async fn clearing_the_development_mark_in_the_database_opens_nothing() {
    let mut vault = TestVault::dev().await;
    vault.stop();
    let mut database = Database::open(&vault).await;
    database.change(1, "UPDATE installation SET development = 0").await;
    database.close().await;
    let line = one_line(&mut serve_command(vault.folder(), &vault.data(), ""));
    assert!(line.contains("has no audit-signing-key-v1"), "{line}");
    let mut database = Database::open(&vault).await;
    database.run("UPDATE sealed_blobs SET label = replace(label, '-development', '')").await;
    database.close().await;
    let line = one_line(&mut serve_command(vault.folder(), &vault.data(), ""));
    assert!(line.contains("root key"), "{line}");
}

/// An installation that has keys of its own is never taken for one from before it had any.
#[tokio::test]
async fn a_database_without_its_root_keys_row_is_refused_and_left_as_it_is() {
    let mut vault = TestVault::dev().await;
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "kept", "kept").await;
    vault.stop();
    let sealed = "SELECT hex(bytes) FROM sealed_blobs ORDER BY label";
    let mut database = Database::open(&vault).await;
    let before = database.texts(sealed).await;
    database.run("CREATE TABLE kept_root_keys AS SELECT * FROM root_keys").await;
    database.change(1, "DELETE FROM root_keys").await;
    database.close().await;
    for _ in 0..2 {
        let refused = vault.start().await.unwrap_err();
        assert!(refused.contains("root_keys was changed by hand"), "{refused}");
    }
    let mut database = Database::open(&vault).await;
    assert_eq!(database.texts(sealed).await, before);
    database.run("INSERT INTO root_keys SELECT * FROM kept_root_keys").await;
    database.run("DROP TABLE kept_root_keys").await;
    database.close().await;
    vault.start().await.unwrap();
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "kept");
}

#[tokio::test]
async fn a_mistake_in_the_configuration_is_named() {
    let mut vault = TestVault::dev().await;
    vault.stop();
    let fresh = vault.folder().join("fresh");
    let line = one_line(&mut serve_command(vault.folder(), &fresh, "administrator = \"me\""));
    assert!(line.contains("serve.toml") && line.contains("administrator"), "{line}");
    let line = one_line(Command::new(binary()).args(["serve", "--config", "/nowhere/strongroom.toml"]));
    assert!(line.contains("/nowhere/strongroom.toml"), "{line}");
    let managed = serve_command(vault.folder(), &fresh, "");
    let config = vault.folder().join("serve.toml");
    let provider =
        "\n[[providers]]\nname = \"corp\"\nlabel = \"Corp\"\nissuer = \"https://login.example\"\nclient_id = \"x\"\n";
    let nobody = std::fs::read_to_string(&config).unwrap().replace(MANAGED, provider);
    std::fs::write(&config, nobody).unwrap();
    let line = one_line(&mut { managed });
    assert!(line.contains("[[administrators]]") && line.contains("The first hour"), "{line}");
    let line = one_line(&mut serve_command(vault.folder(), &fresh, "database = \"mysql://u:hunter2@h/d\""));
    assert!(line.contains("database address") && !line.contains("hunter2"), "no password in it: {line}");
}

/// Everything after the first comment of what `dev` prints is a script; this runs it as it stands.
#[tokio::test]
async fn every_printed_command_works_as_printed() {
    let vault = TestVault::dev().await;
    let log = vault.log();
    let (greeting, commands) = log.split_once("\n# ").expect("commands after a comment");
    for shown in [&vault.base, &vault.vault_url("demo")] {
        assert!(greeting.contains(shown.as_str()), "{greeting}");
    }
    let (banner, logs) = commands.split_once("\nPY\n").expect("the end of the last command");
    assert!(!logs.contains('\u{1b}'), "no colours where there is no terminal: {logs}");
    let script = format!("# {banner}\nPY\n");
    // What the one line for glibc is to do was done by `tests/run` where this test may not do it.
    let skip = |line: &&str| !(shared_hosts() && line.contains("/etc/hosts"));
    let script: String = script.lines().filter(skip).map(|line| format!("{line}\n")).collect();
    let path = vault.folder().join("as-printed.sh");
    std::fs::write(&path, &script).unwrap();

    let mut shell = as_printed(&path, vault.folder());
    // As on a machine that has never installed these packages.
    shell.env("PIP_NO_CACHE_DIR", "1").env_remove("PIP_FIND_LINKS");
    let said = run(&shell, &Named::By(hosts_file(vault.folder(), ""))).expect_good();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.contains(&"hello"), "the CLI: {said}");
    assert!(lines.iter().filter(|line| line.contains(r#""value":"hello""#)).count() >= 1, "curl: {said}");
    assert!(said.ends_with("hello from Python\n"), "Python: {said}");
    let app = vault.token(&vault.app()).await;
    for name in ["first", "second", "third"] {
        vault.get(&app, name).await.expect(200);
    }
}

/// A shell for a script; `sudo` stands for what it does in the namespace of `Named::By`.
fn as_printed(script: &Path, folder: &Path) -> Command {
    use std::os::unix::fs::PermissionsExt as _;
    let programs = folder.join("programs");
    std::fs::create_dir_all(&programs).unwrap();
    std::fs::write(programs.join("sudo"), "#!/bin/sh\nexec \"$@\"\n").unwrap();
    std::fs::set_permissions(programs.join("sudo"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = vec![programs, binary().parent().unwrap().to_owned()];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let mut shell = Command::new("sh");
    shell.arg("-e").arg(script).current_dir(folder).env("PATH", std::env::join_paths(path).unwrap());
    shell
}

/// The README's commands, but for where the server is.
#[tokio::test]
async fn the_commands_of_the_readme_work_in_their_order() {
    let vault = TestVault::dev().await;
    let readme = std::fs::read_to_string(crate::support::tests_folder().join("../README.md")).unwrap();
    let block = readme.split("```sh\n").find(|block| block.starts_with(". strongroom-data")).expect("the block");
    let script = block.split("```").next().unwrap();
    let script = script.replace("strongroom-data", "data").replace(":8443", &format!(":{}", vault.port));
    let script = script.replace(":8444", &format!(":{}", vault.port + 1));
    let path = vault.folder().join("readme.sh");
    std::fs::write(&path, script.replace("$PWD/target/debug:", "")).unwrap();
    let ran = run(&as_printed(&path, vault.folder()), &Named::No);
    assert!(!ran.err.contains("warning"), "{}", ran.err);
    let said = ran.expect_good();
    for part in ["https://payments.vault.localhost", "/secrets/db-password/", "RoleAssignmentCreate"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_development_server_for_other_machines_has_to_be_asked_for() {
    let folder = scratch();
    let data = folder.path().join("data");
    let dev = |listen: &str| {
        let mut command = Command::new(binary());
        command.args(["dev", "--listen", listen, "--data"]).arg(&data);
        command
    };
    let line = one_line(&mut dev(&format!("0.0.0.0:{}", free_ports())));
    assert!(line.contains("--expose") && line.contains("password"), "{line}");
    assert!(!data.exists());
    let wrong = run_to_end(&mut dev("8443"));
    let said = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && said.contains("127.0.0.1:8443"), "{said}");
    let line = one_line(Command::new(binary()).arg("serve"));
    assert!(line.contains("--config") && line.contains("operations.md"), "{line}");
}

/// The same clients without the line in the hosts file: the CLI and curl do not need it.
#[tokio::test]
async fn the_command_line_needs_no_hosts_file() {
    let mut vault = TestVault::dev().await;
    let value = vault.folder().join("value");
    std::fs::write(&value, "from a file\n").unwrap();
    let app = vault.app();
    let set = vault.cli(&app, &["secret", "set", "by-cli", "--value-file", value.to_str().unwrap(), "--tag", "a=b"]);
    let id = run(&set, &Named::No).expect_good();
    assert!(id.starts_with(&format!("{}/secrets/by-cli/", vault.vault_url("demo"))), "{id}");
    assert_eq!(run(&vault.cli(&app, &["secret", "get", "by-cli"]), &Named::No).expect_good(), "from a file\n");
    let listed = run(&vault.cli(&app, &["secret", "list"]), &Named::No).expect_good();
    assert!(listed.contains("by-cli") && !listed.contains("from a file"), "{listed}");
    let url = run(&vault.cli(&vault.operator(), &["vault", "create", "second-vault"]), &Named::No).expect_good();
    assert_eq!(url.trim(), vault.vault_url("second-vault"));
    let grant =
        ["assignment", "add", "--role", "Key Vault Secrets User", "--scope", "/vaults/second-vault", "--workload"];
    run(&vault.cli(&vault.operator(), &[&grant[..], &[&app.id]].concat()), &Named::No).expect_good();
    let empty = run(&vault.cli(&app, &["secret", "list", "--vault-url", url.trim()]), &Named::No).expect_good();
    assert!(!empty.contains("by-cli"), "{empty}");
    run(&vault.cli(&app, &["secret", "delete", "by-cli"]), &Named::No).expect_good();
    let gone = run(&vault.cli(&app, &["secret", "get", "by-cli"]), &Named::No);
    assert!(!gone.good && gone.out.is_empty() && gone.err.contains("SecretNotFound"), "{}", gone.err);
    let denied = run(&vault.cli(&vault.nobody(), &["secret", "get", "by-cli"]), &Named::No);
    assert!(!denied.good && denied.err.contains("ForbiddenByRbac"), "{}", denied.err);

    let tail = run(&vault.cli(&vault.operator(), &["audit", "tail", "--output", "json", "-n", "50"]), &Named::No);
    let tail = tail.expect_good();
    let records: Vec<serde_json::Value> = tail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (operation, outcome) in [
        ("SecretSet", "allowed"),
        ("SecretGet", "allowed"),
        ("SecretDelete", "allowed"),
        ("VaultPut", "allowed"),
        ("RoleAssignmentCreate", "allowed"),
        ("SecretGet", "failed"),
        ("SecretGet", "denied"),
    ] {
        assert!(
            records.iter().any(|r| r["operation"] == operation && r["outcome"] == outcome),
            "{operation} {outcome}: {tail}"
        );
    }
    assert!(!tail.contains("from a file"), "no record holds a value");
    let verified = run(&vault.cli(&app, &["audit", "verify", "--data", vault.data().to_str().unwrap()]), &Named::No);
    verified.expect_good();

    vault.stop();
    vault.start().await.unwrap();
    let log = vault.log();
    let hosts = log.lines().rfind(|line| line.contains("/etc/hosts")).expect("the line for other clients");
    assert!(hosts.contains("second-vault.vault.localhost"), "every vault is in it: {hosts}");
}
