//! A server with a data directory: started by `dev` or `serve`, asked by hand, looked into by stories.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{
    API_VERSION, Answer, Ask, binary, client, free_ports, requests::trusting_anybody, scratch, server::Server,
};

/// A workload's pair.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) id: String,
    pub(crate) secret: String,
}

enum Mode {
    Dev,
    Serve(PathBuf),
}

/// A server of its own, with everything a story needs to talk to it.
pub(crate) struct TestVault {
    mode: Mode,
    server: Option<Server>,
    http: Client,
    /// Where the server listens.
    pub(crate) port: u16,
    /// `https://vault.localhost:PORT`.
    pub(crate) base: String,
    /// What `dev.env` exports; empty for `serve`.
    pub(crate) env: BTreeMap<String, String>,
    folder: tempfile::TempDir,
}

impl TestVault {
    /// `strongroom dev` on a fresh data directory.
    pub(crate) async fn dev() -> Self {
        Self::dev_with(|_| Vec::new()).await
    }

    /// The same with more arguments, for which something may be put into the folder.
    pub(crate) async fn dev_with(arguments: impl FnOnce(&Path) -> Vec<String>) -> Self {
        let folder = scratch();
        let arguments = arguments(folder.path());
        // Somebody else may take a port between looking and listening.
        let mut last = String::new();
        for _ in 0..5 {
            let port = free_ports();
            match Self::start_dev(&folder, port, &arguments).await {
                Ok((server, http, env)) => {
                    let base = format!("https://vault.localhost:{port}");
                    return Self { mode: Mode::Dev, server: Some(server), http, port, base, env, folder };
                }
                Err(why) if why.contains("cannot be listened on") => last = why,
                Err(why) => panic!("{why}"),
            }
        }
        panic!("no port: {last}");
    }

    /// The same on a disk of its own of so many MiB, which [`TestVault::fill_disk`] fills.
    pub(crate) async fn dev_on_small_disk(size: usize) -> Self {
        let folder = scratch();
        let port = free_ports();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        let mut command = on_small_disk(&dev_command(&data, port), folder.path(), size);
        let (server, http, env) =
            Self::start_by(&mut command, &folder, port).await.unwrap_or_else(|why| panic!("{why}"));
        let base = format!("https://vault.localhost:{port}");
        Self { mode: Mode::Dev, server: Some(server), http, port, base, env, folder }
    }

    /// Takes every byte that is left on the small disk.
    pub(crate) fn fill_disk(&self) {
        self.to_disk("fill");
    }

    /// Gives the bytes back.
    pub(crate) fn free_disk(&self) {
        self.to_disk("free");
    }

    fn to_disk(&self, what: &str) {
        let wish = self.folder().join(what);
        std::fs::write(&wish, "").expect("a wish");
        let until = Instant::now() + Duration::from_secs(20);
        while wish.exists() {
            assert!(Instant::now() < until, "nobody does {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    async fn start_dev(
        folder: &tempfile::TempDir,
        port: u16,
        arguments: &[String],
    ) -> Result<(Server, Client, BTreeMap<String, String>), String> {
        Self::start_by(dev_command(&folder.path().join("data"), port).args(arguments), folder, port).await
    }

    async fn start_by(
        command: &mut Command,
        folder: &tempfile::TempDir,
        port: u16,
    ) -> Result<(Server, Client, BTreeMap<String, String>), String> {
        let data = folder.path().join("data");
        let mut server = Server::spawn(command.current_dir(folder), &folder.path().join("server.log"));
        // The CA comes into being while the server starts, and `ca.pem` is complete before it listens.
        server.ready(&trusting_anybody(), &format!("https://vault.localhost:{port}/healthz")).await?;
        // On the small disk it is a copy, which follows.
        let until = Instant::now() + Duration::from_secs(20);
        while !data.join("dev.env").exists() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let env = exports(&data.join("dev.env"));
        let http = client(&std::fs::read(&env["VAULT_CA"]).expect("the CA file"));
        Ok((server, http, env))
    }

    /// `strongroom serve` by a configuration; `ca` is what its certificate is to be judged by.
    pub(crate) async fn serve(folder: tempfile::TempDir, config: &Path, port: u16, ca: &[u8]) -> Self {
        let http = client(ca);
        let base = format!("https://vault.localhost:{port}");
        let mode = Mode::Serve(config.to_owned());
        let mut vault = Self { mode, server: None, http, port, base, env: BTreeMap::new(), folder };
        vault.start().await.unwrap_or_else(|why| panic!("{why}"));
        vault
    }

    /// Starts the server again on the same data. Gives its last words if it does not come up.
    pub(crate) async fn start(&mut self) -> Result<(), String> {
        assert!(self.server.is_none(), "the server runs");
        let mut command = match &self.mode {
            Mode::Dev => dev_command(&self.data(), self.port),
            Mode::Serve(config) => {
                let mut command = Command::new(binary());
                command.arg("serve").arg("--config").arg(config);
                command
            }
        };
        let mut server = Server::spawn(command.current_dir(&self.folder), &self.folder.path().join("server.log"));
        server.ready(&self.http, &format!("{}/healthz", self.base)).await?;
        self.server = Some(server);
        Ok(())
    }

    /// Stops the server in good order.
    pub(crate) fn stop(&mut self) {
        let status = self.server.take().expect("a running server").stop();
        assert!(status.success(), "a server that is asked to stop does so without a fault: {status}");
    }

    /// Sends a signal and goes on.
    pub(crate) fn signal(&self, name: &str) {
        self.server.as_ref().expect("a running server").signal(name);
    }

    /// Waits until the server has printed something.
    pub(crate) async fn log_says(&self, text: &str) {
        for _ in 0..500 {
            if self.log().contains(text) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("the server does not say {text:?}:\n{}", self.log());
    }

    /// Waits for the server's end.
    pub(crate) async fn ended_within(&mut self, time: std::time::Duration) -> std::process::ExitStatus {
        self.server.take().expect("a running server").ended_within(time)
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.server.take().expect("a running server").kill();
    }

    /// The server's process id.
    pub(crate) fn process(&self) -> u32 {
        self.server.as_ref().expect("a running server").id()
    }

    pub(crate) fn http(&self) -> &Client {
        &self.http
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Everything the server has printed.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.env["INSTALLATION_ID"]
    }

    fn credential(&self, id: &str, secret: &str) -> Credential {
        Credential { id: self.env[id].clone(), secret: self.env[secret].clone() }
    }

    /// The sample workload: Key Vault Administrator on `demo`.
    pub(crate) fn app(&self) -> Credential {
        self.credential("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
    }

    /// A workload without any grant.
    pub(crate) fn nobody(&self) -> Credential {
        self.credential("NOBODY_CLIENT_ID", "NOBODY_CLIENT_SECRET")
    }

    /// Owner of the installation.
    pub(crate) fn operator(&self) -> Credential {
        self.credential("OPERATOR_CLIENT_ID", "OPERATOR_CLIENT_SECRET")
    }

    /// A token from our own token endpoint.
    pub(crate) async fn token(&self, who: &Credential) -> String {
        let answer = self
            .ask_base(Method::POST, &format!("/{}/oauth2/v2.0/token", self.tenant()))
            .form(&[
                ("grant_type", "client_credentials"),
                ("client_id", &who.id),
                ("client_secret", &who.secret),
                ("scope", &format!("{}/.default", self.base)),
            ])
            .send()
            .await
            .expect(200);
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// `https://NAME.vault.localhost:PORT`.
    pub(crate) fn vault_url(&self, vault: &str) -> String {
        format!("https://{vault}.vault.localhost:{}", self.port)
    }

    /// A request to a vault's host. `path` is sent as it stands.
    pub(crate) fn ask_vault(&self, vault: &str, method: Method, path: &str) -> Ask {
        Ask::new(&self.http, method, &format!("{}{path}", self.vault_url(vault)))
    }

    /// The same with an api-version.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let separator = if path.contains('?') { '&' } else { '?' };
        self.ask_vault("demo", method, &format!("{path}{separator}api-version={API_VERSION}"))
    }

    /// A request to the base host.
    pub(crate) fn ask_base(&self, method: Method, path: &str) -> Ask {
        Ask::new(&self.http, method, &format!("{}{path}", self.base))
    }

    /// Stores a value in `demo` and gives the bundle.
    pub(crate) async fn set(&self, token: &str, name: &str, value: &str) -> Value {
        self.ask(Method::PUT, &format!("/secrets/{name}"))
            .bearer(token)
            .json(&json!({ "value": value }))
            .send()
            .await
            .expect(200)
            .json()
    }

    /// Asks `demo` for the current value.
    pub(crate) async fn get(&self, token: &str, name: &str) -> Answer {
        self.ask(Method::GET, &format!("/secrets/{name}")).bearer(token).send().await
    }

    /// Makes a vault.
    pub(crate) async fn create_vault(&self, operator: &str, settings: &Value) {
        self.ask_base(Method::POST, "/api/v1/vaults").bearer(operator).json(settings).send().await.expect(201);
    }

    /// Gives a role.
    pub(crate) async fn assign(&self, operator: &str, assignment: &Value) {
        self.ask_base(Method::POST, "/api/v1/assignments").bearer(operator).json(assignment).send().await.expect(201);
    }

    /// A command of the program with the environment of `dev.env`, as this workload.
    pub(crate) fn cli(&self, who: &Credential, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).envs(&self.env).current_dir(self.folder());
        command.env("AZURE_CLIENT_ID", &who.id).env("AZURE_CLIENT_SECRET", &who.secret);
        command
    }
}

/// The command in a mount namespace of its own, where the data directory is a small disk. What a story
/// reads of it (certificates, `dev.env`) is copied to where it sees it. Wishes are files beside it.
fn on_small_disk(command: &Command, folder: &Path, size: usize) -> Command {
    const SCRIPT: &str = r#"
        set -e
        mkdir outside && mount --bind data outside && mount -t tmpfs -o size="$0"m,mode=700 small data
        (while [ -d outside ]; do
            cp -u data/*.pem data/*.pub outside/ 2>/dev/null || true
            cp -u data/dev.env whole.env 2>/dev/null && mv whole.env outside/dev.env || true
            if [ -e fill ]; then
                dd if=/dev/zero of=data/ballast bs=64k 2>/dev/null || true
                dd if=/dev/zero of=data/crumbs bs=512 2>/dev/null || true
                rm fill
            fi
            if [ -e free ]; then rm -f data/ballast data/crumbs free; fi
            sleep 0.02
        done) </dev/null >/dev/null 2>&1 &
        exec "$@"
    "#;
    let mut outer = Command::new("unshare");
    outer.arg("--mount");
    if !matches!(std::env::var("STRONGROOM_TEST_HOSTS").as_deref(), Ok("mount")) {
        outer.arg("--map-root-user");
    }
    outer.args(["sh", "-c", SCRIPT]).arg(size.to_string()).arg(command.get_program()).args(command.get_args());
    outer.current_dir(folder);
    outer
}

/// The command a newcomer gives.
pub(crate) fn dev_command(data: &Path, port: u16) -> Command {
    let mut command = Command::new(binary());
    command.arg("dev").arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--data").arg(data);
    command
}

/// Reads `export NAME='VALUE'` lines, as a shell would; fails on anything else.
fn exports(path: &Path) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(path).expect("dev.env");
    let line = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        let value = value.strip_prefix('\'')?.strip_suffix('\'')?;
        Some((name.to_owned(), value.replace("'\\''", "'")))
    };
    let said = text.lines().filter(|line| !line.starts_with('#') && !line.starts_with("as_operator()"));
    said.map(|l| line(l).unwrap_or_else(|| panic!("dev.env has the line {l:?}"))).collect()
}
