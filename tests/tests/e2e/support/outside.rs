//! The real OpenID Provider, and a server by `serve --config` that trusts it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use reqwest::Method;
use serde_json::json;

use super::{Ask, Certificates, TestVault, free_ports, node_script, scratch};

/// Audience of assertions that stand for a workload of ours.
pub(crate) const FEDERATION_AUDIENCE: &str = "api://AzureADTokenExchange";

struct Provider {
    process: Child,
    issuer: String,
}

impl Provider {
    fn start(certificates: &Certificates, base: &str) -> Self {
        let mut command: Command = node_script("provider/provider.mjs");
        let mut process = command
            .env("PROVIDER_CERTIFICATE", &certificates.certificate)
            .env("PROVIDER_KEY", &certificates.key)
            .env("PROVIDER_AUDIENCE", base)
            .env("PROVIDER_RELYING_PARTY", base)
            .env("PROVIDER_CA", &certificates.ca)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("node starts");
        let said = BufReader::new(process.stdout.take().expect("its output")).lines();
        let issuer = said
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ready ").map(str::to_owned))
            .expect("the provider comes up");
        Self { process, issuer }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A vault server and the provider it trusts.
pub(crate) struct Outside {
    provider: Provider,
    pub(crate) vault: TestVault,
    pub(crate) certificates: Certificates,
}

impl Outside {
    /// Starts both. `operator` of the provider owns the installation, and so does its group of
    /// people `vault-admins`.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with more lines at the top of the configuration.
    pub(crate) async fn start_with(lines: &str) -> Self {
        Self::start_by(|text, _, _| format!("{lines}\n{text}")).await
    }

    /// The same with what becomes of the configuration and the folder that everything is in.
    pub(crate) async fn start_configured(configured: impl FnOnce(&str, &Path) -> String) -> Self {
        Self::start_by(|text, _, folder| configured(text, folder)).await
    }

    /// The same with two listeners, `public` and `private`, which is on the next port.
    pub(crate) async fn start_on_two_listeners() -> Self {
        Self::start_by(|text, port, _| {
            let listener = |name, port| format!("[[listeners]]\nname = \"{name}\"\naddress = \"127.0.0.1:{port}\"\n");
            let rest = text.replace(&format!("listen = \"127.0.0.1:{port}\""), "");
            format!("{rest}\n{}{}", listener("public", port), listener("private", port + 1))
        })
        .await
    }

    async fn start_by(configured: impl FnOnce(&str, u16, &Path) -> String) -> Self {
        let folder = scratch();
        let certificates = Certificates::make(folder.path());
        let port = free_ports();
        let base = format!("https://vault.localhost:{port}");
        let provider = Provider::start(&certificates, &base);
        let secret = folder.path().join("dashboard.secret");
        std::fs::write(&secret, "dashboard-secret-of-at-least-32-characters\n").expect("a file");
        let config = folder.path().join("strongroom.toml");
        let text = configuration(folder.path(), port, &certificates, &provider.issuer);
        std::fs::write(&config, configured(&text, port, folder.path())).expect("a file");
        let vault = TestVault::serve(folder, &config, port, &certificates.ca_pem()).await;
        Self { provider, vault, certificates }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.provider.issuer
    }

    /// A signed token of a machine, for this audience.
    pub(crate) async fn token(&self, machine: &str, audience: &str) -> String {
        self.token_by(machine, audience, "").await
    }

    /// A token for the vault server, got with a second factor.
    pub(crate) async fn stronger_api_token(&self, machine: &str) -> String {
        self.token_by(machine, &self.vault.base, "123456").await
    }

    async fn token_by(&self, machine: &str, audience: &str, code: &str) -> String {
        let url = format!("{}/token", self.issuer());
        let secret = format!("{machine}-secret-of-at-least-32-characters");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", machine),
            ("client_secret", &secret),
            ("scope", "secrets"),
            ("resource", audience),
            ("code", code),
        ];
        let answer = Ask::new(self.vault.http(), Method::POST, &url).form(&form).send().await.expect(200);
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// A token for the vault server.
    pub(crate) async fn api_token(&self, machine: &str) -> String {
        self.token(machine, &self.vault.base).await
    }

    /// Makes a workload of the vault server for which a machine's tokens stand; gives its client id.
    pub(crate) async fn federated_workload(&self, operator: &str, machine: &str) -> String {
        let federation = json!({ "issuer": self.issuer(), "subject": machine, "audience": FEDERATION_AUDIENCE });
        let body = json!({ "name": machine, "federations": [federation] });
        let ask = self.vault.ask_base(Method::POST, "/api/v1/workloads").bearer(operator).json(&body);
        ask.send().await.expect(201).json()["client_id"].as_str().expect("a client id").to_owned()
    }

    /// New signing keys at the provider; with `drop`, the old ones are gone at once.
    pub(crate) async fn rotate(&self, drop: bool) {
        let url = format!("{}/_test/rotate{}", self.issuer(), if drop { "?drop" } else { "" });
        Ask::new(self.vault.http(), Method::POST, &url).send().await.expect(200);
    }
}

fn configuration(folder: &Path, port: u16, certificates: &Certificates, issuer: &str) -> String {
    let at = |path: &Path| path.display().to_string();
    format!(
        r#"
base = "https://vault.localhost:{port}"
listen = "127.0.0.1:{port}"
data = "{data}"
trusted_ca = "{ca}"

[tls]
certificate = "{certificate}"
key = "{key}"

[[issuers]]
issuer = "{issuer}"
kind = "workload"

[[providers]]
name = "real"
label = "The real provider"
issuer = "{issuer}"
client_id = "dashboard"
client_secret_file = "{secret}"
groups_claim = "groups"

[[administrators]]
issuer = "{issuer}"
subject = "operator"

[[administrators]]
issuer = "{issuer}"
group = "vault-admins"
"#,
        data = at(&folder.join("data")),
        ca = at(&certificates.ca),
        certificate = at(&certificates.certificate),
        key = at(&certificates.key),
        secret = at(&folder.join("dashboard.secret")),
    )
}
