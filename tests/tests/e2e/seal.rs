//! The seal: where the root key comes from, how another one takes its place, and what the process does
//! for the keys in its memory.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use reqwest::Method;
use serde_json::json;

use crate::support::{
    Certificates, Database, MANAGED, Server, TestVault, binary, client, free_ports, run_to_end, scratch,
};

fn seal(vault: &TestVault, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(binary());
    command.arg("seal").args(arguments).arg("--data").arg(vault.data());
    let output = run_to_end(&mut command);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

fn key_id(status: &str) -> String {
    let line = status.lines().find_map(|line| line.strip_prefix("root key")).expect("the root key's id");
    line.trim().to_owned()
}

/// Two vaults, with something in them, and what is left of a purged one.
async fn furnished() -> (TestVault, String) {
    let vault = TestVault::dev().await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    for name in ["other", "purged"] {
        vault.create_vault(&operator, &json!({ "name": name })).await;
    }
    vault.set(&app, "kept", "kept").await;
    // Its secret stays as a row without a key until it is swept, minutes later.
    let left = vault.ask_vault("purged", Method::PUT, "/secrets/left?api-version=7.6").bearer(&operator);
    left.json(&json!({ "value": "left" })).send().await.expect(200);
    for (path, status) in [("vaults", 200), ("deletedvaults", 204)] {
        let purge = vault.ask_base(Method::DELETE, &format!("/api/v1/{path}/purged")).bearer(&operator);
        purge.send().await.expect(status);
    }
    (vault, app)
}

#[tokio::test]
async fn a_rotation_changes_the_root_key_and_nothing_else() {
    let (mut vault, app) = furnished().await;
    let (good, before) = seal(&vault, &["status"]);
    assert!(good && before.contains("vault keys 2 wrapped by"), "beside a running server: {before}");
    let (good, refused) = seal(&vault, &["rotate"]);
    assert!(!good && refused.contains("in use by another process"), "{refused}");
    // What is left of a purged vault was written so, and waits to be taken away.
    let whole = run_to_end(Command::new(binary()).args(["verify", "--data"]).arg(vault.data()));
    let said = String::from_utf8_lossy(&whole.stdout);
    assert!(said.contains("2 rows are left of purged vaults") && !said.contains("not what was written"), "{said}");
    assert_ne!(whole.status.code(), Some(3), "{said}");
    vault.stop();
    let mut database = Database::open(&vault).await;
    let versions = "SELECT hex(ciphertext) || hex(wrapped_data_key) || hex(tag) FROM secret_versions";
    let (data, old) = (database.texts(versions).await, std::fs::read(vault.data().join("root.key")).unwrap());
    database.close().await;

    let (good, said) = seal(&vault, &["rotate"]);
    assert!(good, "{said}");
    let (good, after) = seal(&vault, &["status"]);
    assert!(good && after.contains("vault keys 2 wrapped by"), "{after}");
    assert_ne!(key_id(&before), key_id(&after));
    let verified = run_to_end(Command::new(binary()).args(["audit", "verify", "--data"]).arg(vault.data()));
    let verified = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.ends_with("the audit log verifies\n"), "{verified}");
    assert!(!verified.contains("not covered"), "what a command wrote waits for no server to be covered: {verified}");
    let mut database = Database::open(&vault).await;
    assert_eq!(database.texts(versions).await, data, "no value and no version is touched");
    database.close().await;
    vault.start().await.unwrap();
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "kept", "an old token still counts");
    let app = vault.token(&vault.app()).await;
    vault.set(&app, "new", "new").await;
    let operator = vault.token(&vault.operator()).await;
    let records = vault.records(&operator).await;
    let rotated = records.iter().find(|record| record["operation"] == "SealRotate").expect("it is on record");
    assert_eq!((&rotated["outcome"], &rotated["object"]), (&json!("allowed"), &json!(key_id(&after))));
    vault.stop();

    let whole = run_to_end(Command::new(binary()).args(["verify", "--data"]).arg(vault.data()));
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stdout));

    // The old key is kept, and opens nothing any more.
    let kept = vault.data().join(format!("root.key.{}", key_id(&before)));
    assert_eq!(std::fs::read(&kept).unwrap(), old);
    std::fs::copy(&kept, vault.data().join("root.key")).unwrap();
    let (good, said) = seal(&vault, &["status"]);
    assert!(!good && said.contains("not tried"), "what opens nothing is no success: {said}");
    let why = vault.start().await.unwrap_err();
    assert!(why.contains("is not the root key of this database") && why.contains(&key_id(&before)), "{why}");
}

/// Killed at any moment, there is one key that opens everything, and the next start finds it.
#[tokio::test]
async fn a_rotation_that_is_killed_happened_or_did_not() {
    let (mut vault, _) = furnished().await;
    let operator = vault.token(&vault.operator()).await;
    for number in 0..30 {
        vault.create_vault(&operator, &json!({ "name": format!("vault-{number}") })).await;
    }
    vault.stop();
    let mut outcomes = std::collections::BTreeSet::new();
    // As late as it takes: a loaded machine rotates later.
    for round in 0..100u64 {
        if round >= 24 && outcomes.len() == 2 {
            break;
        }
        let (good, status) = seal(&vault, &["status"]);
        assert!(good, "{status}");
        let before = key_id(&status);
        let mut child = Command::new(binary())
            .args(["seal", "rotate", "--data"])
            .arg(vault.data())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(round * 8)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let (good, status) = seal(&vault, &["status"]);
        assert!(good && status.contains("vault keys 32 wrapped by"), "round {round}: {status}");
        outcomes.insert(key_id(&status) == before);
    }
    vault.start().await.unwrap();
    let app = vault.token(&vault.app()).await;
    assert_eq!(vault.get(&app, "kept").await.expect(200).json()["value"], "kept");
    assert_eq!(outcomes.len(), 2, "some were killed before and some after it happened: {outcomes:?}");
}

/// A server of `serve` with what `[seal]` says, through a shell that can pass descriptors and variables.
pub(crate) struct Sealed {
    folder: tempfile::TempDir,
    config: PathBuf,
    port: u16,
    http: reqwest::Client,
}

impl Sealed {
    pub(crate) fn new(seal: &str) -> Self {
        let folder = scratch();
        let certificates = Certificates::make(folder.path());
        let port = free_ports();
        let sealed =
            Self { config: folder.path().join("serve.toml"), port, http: client(&certificates.ca_pem()), folder };
        sealed.configure(seal);
        sealed
    }

    pub(crate) fn configure(&self, seal: &str) {
        let folder = self.folder.path().display();
        let text = format!(
            "base = \"https://vault.localhost:{port}\"\nlisten = \"127.0.0.1:{port}\"\ndata = \"{folder}/data\"\n\
             {seal}\n[tls]\ncertificate = \"{folder}/server.pem\"\nkey = \"{folder}/server.key\"\n{MANAGED}",
            port = self.port,
        );
        std::fs::write(&self.config, text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `before` is what stands in front of the program, `after` what follows its arguments.
    pub(crate) fn command(&self, before: &str, arguments: &str, after: &str) -> Command {
        let mut command = Command::new("sh");
        let (program, config) = (binary(), self.config.display().to_string());
        let line = format!("{before} exec {} {arguments} --config {config} {after}", program.display());
        command.arg("-c").arg(line).current_dir(self.folder.path());
        command
    }

    pub(crate) async fn start(&self, before: &str, after: &str) -> Result<Server, String> {
        let mut server = Server::spawn(&mut self.command(before, "serve", after), &self.path("server.log"));
        server.ready(&self.http, &format!("https://vault.localhost:{}/healthz", self.port)).await?;
        Ok(server)
    }

    pub(crate) fn one_line(&self, before: &str, after: &str) -> String {
        let output = run_to_end(&mut self.command(before, "serve", after));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.trim().lines().count() == 1, "one line: {said}");
        said
    }
}

#[tokio::test]
async fn a_passphrase_opens_what_it_sealed_and_no_other_does() {
    let sealed = Sealed::new("[seal]\nprovider = \"passphrase\"\npassphrase_from = \"fd:3\"");
    std::fs::write(sealed.path("right"), "correct horse battery staple\n").unwrap();
    std::fs::write(sealed.path("wrong"), "correct horse battery stapler\n").unwrap();
    std::fs::write(sealed.path("short"), "hunter2\n").unwrap();
    for _ in 0..2 {
        assert!(sealed.start("", "3<right").await.unwrap().stop().success());
    }
    assert!(!sealed.path("data/root.key").exists());
    let line = sealed.one_line("", "3<wrong");
    assert!(line.contains("the passphrase is wrong") && !line.contains("horse"), "{line}");
    let line = sealed.one_line("", "3<short");
    assert!(line.contains("at least 16") && !line.contains("hunter2"), "{line}");
    assert!(sealed.one_line("", "").contains("file descriptor 3"));

    // To a credential, and back to a file, offline.
    std::fs::create_dir(sealed.path("credentials")).unwrap();
    let generate = |file: &Path| run_to_end(Command::new(binary()).args(["seal", "generate"]).arg(file));
    assert!(generate(&sealed.path("credentials/key")).status.success());
    let credentials = format!("CREDENTIALS_DIRECTORY={}/credentials", sealed.folder.path().display());
    let to = "seal rotate --to credential --credential key";
    let output = run_to_end(&mut sealed.command(&credentials, to, "3<right"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(sealed.one_line("", "3<right").contains("passphrase"), "the old provider opens nothing any more");
    sealed.configure("[seal]\nprovider = \"credential\"\ncredential = \"key\"");
    assert!(sealed.start(&credentials, "").await.unwrap().stop().success());
    let to = format!("seal rotate --to file --file {}", sealed.path("moved.key").display());
    assert!(run_to_end(&mut sealed.command(&credentials, &to, "")).status.success());
    sealed.configure(&format!("[seal]\nfile = \"{}\"", sealed.path("moved.key").display()));
    assert!(sealed.start("", "").await.unwrap().stop().success());
}

/// The process's own entry in `/proc`.
fn proc(server: &Server, name: &str) -> Vec<u8> {
    std::fs::read(format!("/proc/{}/{name}", server.id())).expect("an entry in /proc")
}

#[tokio::test]
async fn a_root_key_from_the_environment_does_not_stay_there() {
    let sealed = Sealed::new("[seal]\nprovider = \"environment\"");
    assert!(sealed.one_line("", "").contains("STRONGROOM_ROOT_KEY, which is not set"));
    let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    let before = format!("STRONGROOM_ROOT_KEY={key}");
    for _ in 0..2 {
        let server = sealed.start(&before, "").await.unwrap();
        for name in ["environ", "cmdline"] {
            let entry = proc(&server, name);
            assert!(!entry.is_empty());
            assert!(!String::from_utf8_lossy(&entry).contains(&key[..16]), "{name}");
        }
        assert!(server.stop().success());
    }
    let line = sealed.one_line("STRONGROOM_ROOT_KEY=hunter2", "");
    assert!(line.contains("holds no root key") && !line.contains("hunter2"), "{line}");
    let other = key.replace('B', "C");
    assert!(sealed.one_line(&format!("STRONGROOM_ROOT_KEY={other}"), "").contains("not the root key of this database"));
}

#[tokio::test]
async fn the_process_leaves_no_core_and_locks_its_keys() {
    let sealed = Sealed::new("");
    let server = sealed.start("ulimit -c unlimited 2>/dev/null;", "").await.unwrap();
    let text = |name| String::from_utf8(proc(&server, name)).unwrap();
    let limits = text("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().rev().take(3).collect::<Vec<_>>(), ["bytes", "0", "0"], "{core}");
    let status = text("status");
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let privileged = u64::from_str_radix(&field("CapEff:"), 16).unwrap() & (1 << 14) != 0;
    let locked: u64 = field("VmLck:").trim_end_matches(" kB").trim().parse().unwrap();
    let log = std::fs::read_to_string(sealed.path("server.log")).unwrap();
    assert!(locked > 0 || (!privileged && log.contains("not locked")), "locked where the system allows, or said");
    // Root owns the entries of a process that may not be dumped, whoever runs it.
    let owner = |path: String| std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(path).unwrap());
    assert_eq!(owner(format!("/proc/{}/environ", server.id())), 0);
}
