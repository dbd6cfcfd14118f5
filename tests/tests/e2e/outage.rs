//! Records cannot be written: 503, not ready within two seconds, nothing secret leaves; and service
//! returns by itself when the cause goes.

use std::{
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;

use crate::support::{API_VERSION, Ask, Outside, Server, TestVault, binary, free_ports, run_to_end};

/// How soon a node that cannot record says that it is not ready.
const RED_WITHIN: Duration = Duration::from_secs(2);
/// How soon it is ready again once the cause is gone.
const BACK_WITHIN: Duration = Duration::from_secs(20);

async fn is_ready(vault: &TestVault) -> bool {
    vault.ask_base(Method::GET, "/readyz").send().await.status == 200
}

async fn until_ready(vault: &TestVault, wanted: bool, within: Duration) {
    let begun = Instant::now();
    while is_ready(vault).await != wanted {
        assert!(begun.elapsed() < within, "ready={wanted} takes longer than {within:?}: {}", vault.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reads and writes while records cannot be written: side by side, because each waits for the database for a while.
async fn refuses(vault: &TestVault, app: &str) {
    let set = vault.ask(Method::PUT, "/secrets/lost").bearer(app).json(&json!({ "value": "x".repeat(20_000) }));
    let list = vault.ask(Method::GET, "/secrets").bearer(app);
    let (read, set, list) = tokio::join!(vault.get(app, "kept"), set.send(), list.send());
    assert_eq!(read.status, 503, "{}", read.text());
    assert!(!read.text().contains("walked-value"));
    assert_eq!(set.status, 503);
    assert!(list.status == 503 && !list.text().contains("kept"), "{}", list.text());
}

async fn serves(vault: &TestVault, app: &str) {
    assert_eq!(vault.get(app, "kept").await.expect(200).json()["value"], "walked-value");
    vault.get(app, "lost").await.expect(404);
    vault.set(app, "after", "walked-value").await;
}

#[tokio::test]
async fn a_full_disk_is_survived() {
    let mut vault = TestVault::dev_on_small_disk(12).await;
    let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
    vault.set(&app, "kept", "walked-value").await;
    for _ in 0..2 {
        vault.fill_disk();
        // What room the log file has left is used up first.
        let full = async {
            loop {
                let set = vault
                    .ask(Method::PUT, "/secrets/filler")
                    .bearer(&app)
                    .json(&json!({ "value": "x".repeat(20_000) }));
                if set.send().await.status == 503 {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), full).await.expect("the disk is full");
        let found = Instant::now();
        until_ready(&vault, false, RED_WITHIN).await;
        assert!(found.elapsed() < RED_WITHIN);
        let read = vault.get(&app, "kept").await;
        assert!(read.status == 503 && !read.text().contains("walked-value"), "{}", read.text());
        vault.free_disk();
        until_ready(&vault, true, BACK_WITHIN).await;
        serves(&vault, &app).await;
    }
    let records = vault.records(&operator).await;
    assert!(records.iter().any(|record| record["operation"] == "AuditResume"), "the log says when it went on");
    let exported = run_to_end(&mut vault.cli(&vault.operator(), &["audit", "export"]));
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    std::fs::write(vault.folder().join("export"), exported.stdout).unwrap();
    vault.stop();
    let mut verify = Command::new(binary());
    verify.args(["audit", "verify", "--export", "export", "--public-key"]).arg(vault.data().join("audit.pub"));
    let verified = run_to_end(verify.current_dir(vault.folder()));
    let said = String::from_utf8_lossy(&verified.stdout);
    assert_eq!(verified.status.code(), Some(4), "everything fits, and there is nothing to compare with: {said}");
}

/// A throwaway PostgreSQL that can be stopped.
struct Cluster {
    folder: tempfile::TempDir,
    binaries: PathBuf,
    port: u16,
}

impl Cluster {
    fn start() -> Self {
        let versions = std::fs::read_dir("/usr/lib/postgresql").expect("an installed PostgreSQL");
        let newest = versions.map(|version| version.unwrap().path()).max().expect("a version");
        let folder = tempfile::Builder::new().prefix("strongroom-pg-").tempdir().unwrap();
        let cluster = Self { folder, binaries: newest.join("bin"), port: free_ports() };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let data = cluster.data();
        let arguments = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "-D"];
        run(cluster.as_postgres("initdb").args(arguments).arg(&data));
        cluster.resume();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn as_postgres(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    }

    fn resume(&self) {
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", self.port);
        let log = self.folder.path().join("log");
        let mut command = self.as_postgres("pg_ctl");
        run(command.arg("-D").arg(self.data()).args(["-s", "-w", "-o", &options, "start", "-l"]).arg(log));
    }

    fn stop(&self) {
        run(self.as_postgres("pg_ctl").arg("-D").arg(self.data()).args(["-s", "-w", "-m", "immediate", "stop"]));
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.as_postgres("pg_ctl");
        let _ = stop.arg("-D").arg(self.data()).args(["-s", "-m", "immediate", "stop"]).current_dir("/").status();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn run(command: &mut Command) {
    let status = command.current_dir(Path::new("/")).stdout(std::process::Stdio::null()).status().expect("it starts");
    assert!(status.success(), "{command:?}: {status}");
}

/// What is attached to a vault on one node decides on every other one within a second. The change comes at once or, when
/// its notice is lost, later: so one of a few changes has to be there in time, and all of them in the end.
async fn a_second_node_follows(outside: &Outside, operator: &str) {
    const WITHIN: Duration = Duration::from_secs(1);
    let vault = &outside.vault;
    let (folder, port) = (vault.folder().join("second"), free_ports());
    std::fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
    std::fs::copy(vault.data().join("root.key"), folder.join("root.key")).unwrap();
    let text = std::fs::read_to_string(vault.folder().join("strongroom.toml")).unwrap();
    let text = text
        .replace(&format!("listen = \"127.0.0.1:{}\"", vault.port), &format!("listen = \"127.0.0.1:{port}\""))
        .replace(&format!("data = \"{}\"", vault.data().display()), &format!("data = \"{}\"", folder.display()));
    let config = folder.join("strongroom.toml");
    std::fs::write(&config, format!("node = \"node-2\"\n{text}")).unwrap();
    let mut command = Command::new(binary());
    let mut second = Server::spawn(command.arg("serve").arg("--config").arg(&config), &folder.join("log"));
    let ready = second.ready(vault.http(), &format!("https://vault.localhost:{port}/healthz")).await;
    ready.unwrap_or_else(|why| panic!("{why}"));

    let listed = vault.ask_base(Method::GET, "/api/v1/policy-modules").bearer(operator).send().await.expect(200).json();
    let listed = listed["value"].as_array().expect("modules").clone();
    let module = listed.iter().find(|module| module["name"] == "naming-convention").expect("it ships");
    let forbid = async |names: &str| {
        let policies = json!([{
            "name": "names",
            "module": module["digest"],
            "settings": json!({ "forbidden_names": [names] }).to_string(),
            "state": "enforce",
        }]);
        let change = vault.ask_base(Method::PATCH, "/api/v1/vaults/demo").bearer(operator);
        change.json(&json!({ "policies": policies })).send().await.expect(200);
        Instant::now()
    };
    let set_on_second = async |name: &str| {
        let url = format!("https://demo.vault.localhost:{port}/secrets/{name}?api-version={API_VERSION}");
        let set = Ask::new(vault.http(), Method::PUT, &url).bearer(operator);
        let set = set.header("host", &format!("demo.vault.localhost:{}", vault.port));
        set.json(&json!({ "value": "walked-value" })).send().await
    };
    set_on_second("no-first").await.expect(200);
    let mut soonest = Duration::MAX;
    for (round, names) in ["first", "second", "third", "fourth", "fifth"].iter().enumerate() {
        let changed = forbid(&format!("no-{names}")).await;
        while set_on_second(&format!("no-{names}")).await.status != 403 {
            assert!(changed.elapsed() < Duration::from_secs(20), "it does not follow");
        }
        // The first one compiles the module there as well.
        if round > 0 {
            soonest = soonest.min(changed.elapsed());
            if soonest < WITHIN {
                break;
            }
        }
    }
    assert!(soonest < WITHIN, "{soonest:?}");
    let detach = vault.ask_base(Method::PATCH, "/api/v1/vaults/demo").bearer(operator);
    detach.json(&json!({ "policies": [] })).send().await.expect(200);
    assert!(second.stop().success());
}

#[tokio::test]
async fn a_database_that_is_away_is_survived() {
    let cluster = Cluster::start();
    let mut outside = Outside::start_with(&format!("database = \"{}\"", cluster.url())).await;
    let operator = outside.api_token("operator").await;
    let vault = &outside.vault;
    vault.create_vault(&operator, &json!({ "name": "demo" })).await;
    vault
        .assign(&operator, &json!({ "issuer": outside.issuer(), "subject": "operator", "role": "Key Vault Administrator", "scope": "/" }))
        .await;
    vault.set(&operator, "kept", "walked-value").await;
    let config = vault.folder().join("strongroom.toml");
    let twin = vault.folder().join("twin.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let elsewhere = format!("listen = \"127.0.0.1:{}\"", free_ports());
    std::fs::write(&twin, text.replace(&format!("listen = \"127.0.0.1:{}\"", vault.port), &elsewhere)).unwrap();
    for (arguments, config, why) in [
        (&["serve"][..], &twin, "a node named node-1 is at work on this database already"),
        (&["seal", "rotate"], &config, "servers are at work on this database: stop all of them first"),
    ] {
        let output = run_to_end(Command::new(binary()).args(arguments).arg("--config").arg(config));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why) && said.lines().count() == 1, "{said}");
    }
    a_second_node_follows(&outside, &operator).await;
    for _ in 0..2 {
        cluster.stop();
        // Nobody asks for anything, and still it says so.
        until_ready(vault, false, RED_WITHIN).await;
        refuses(vault, &operator).await;
        cluster.resume();
        until_ready(vault, true, BACK_WITHIN).await;
        serves(vault, &operator).await;
    }
    let records = vault.records(&operator).await;
    assert!(records.iter().any(|record| record["operation"] == "AuditResume"), "the log says when it went on");
    outside.vault.stop();
    let rotated = run_to_end(Command::new(binary()).args(["seal", "rotate", "--config"]).arg(&config));
    assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
    let recover = ["network", "recover", "demo", "--allow", "10.0.0.0/8", "--config"];
    let recovered = run_to_end(Command::new(binary()).args(recover).arg(&config));
    let said = String::from_utf8_lossy(&recovered.stdout);
    assert!(said.contains("the first rule of demo lets 10.0.0.0/8 in now") && said.contains("recorded as"), "{said}");
    let data = outside.vault.data();
    let mut command = Command::new(binary());
    command.args(["audit", "verify", "--config"]).arg(&config);
    let output = run_to_end(&mut command);
    let said = String::from_utf8_lossy(&output.stdout);
    let what = format!("verifying the log in postgres://127.0.0.1:{}/postgres by the public key", cluster.port);
    assert!(output.status.success() && said.starts_with(&what), "{said}");
    // By the address alone, which is no argument when it holds a password.
    let verify = |way: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["audit", "verify"]).args(way).arg("--data").arg(&data);
        run_to_end(command.env("STRONGROOM_DATABASE", cluster.url()))
    };
    assert!(verify(&["--database-from", "environment"]).status.success());
    assert!(verify(&["--database", &cluster.url()]).status.success());
    let refused = verify(&["--database", &cluster.url().replace("postgres@", "postgres:hunter2@")]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("--database-from") && !said.contains("hunter2"), "{said}");

    // A node to which nobody brought the root key.
    let text = std::fs::read_to_string(&config).unwrap();
    let elsewhere = outside.vault.folder().join("elsewhere");
    let (from, to) = (data.display().to_string(), elsewhere.display().to_string());
    std::fs::write(&config, text.replace(&from, &to)).unwrap();
    let second = run_to_end(Command::new(binary()).args(["serve", "--config"]).arg(&config));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && said.contains("Copy the key file there"), "{said}");
    assert!(!elsewhere.join("root.key").exists(), "and none is made");
}
