//! Certificates of an authority that speaks ACME: Let's Encrypt's own test authority, pebble, with the DNS that comes with it.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::{Ask, Certificates, Outside, client, free_ports, run_to_end};

/// Key id and key of the account that the authority knows already.
const BINDING: (&str, &str) = ("kid-1", "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W");
/// An address of this machine at which nothing answers.
const NOBODY: &str = "127.0.0.77";
const PATIENCE: Duration = Duration::from_secs(60);

/// The authority and its DNS, ended with the value.
struct Authority {
    programs: Vec<Child>,
    http: Client,
    directory: String,
    management: String,
    dns: String,
}

impl Authority {
    /// Looks for answers on the third port, by names that the DNS says are here.
    async fn start(folder: &Path, certificates: &Certificates, [port, dns_port, challenge_port]: [u16; 3]) -> Self {
        let here = |port: u16| format!("127.0.0.1:{port}");
        let config = json!({ "pebble": {
            "listenAddress": here(port), "managementListenAddress": here(port + 1),
            "certificate": certificates.certificate, "privateKey": certificates.key,
            "httpPort": challenge_port, "tlsPort": 1, "ocspResponderURL": "",
            "externalAccountBindingRequired": true, "externalAccountMACKeys": { BINDING.0: BINDING.1 },
            "retryAfter": { "authz": 1, "order": 1 },
        }});
        let file = folder.join("pebble.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut dns = Command::new("pebble-challtestsrv");
        dns.args(["-defaultIPv6", "", "-defaultIPv4", "127.0.0.1", "-http01", "", "-https01", "", "-tlsalpn01", ""]);
        dns.args(["-dns01", &here(dns_port), "-management", &here(dns_port + 1)]);
        let mut pebble = Command::new("pebble");
        pebble.arg("-config").arg(&file).args(["-dnsserver", &here(dns_port)]);
        // At once, without a proof that is still good, and with every seventh number refused.
        pebble.envs([("PEBBLE_VA_NOSLEEP", "1"), ("PEBBLE_AUTHZREUSE", "0"), ("PEBBLE_WFE_NONCEREJECT", "5")]);
        let start = |command: &mut Command, log: &str| {
            let log = std::fs::File::create(folder.join(log)).unwrap();
            let errors = log.try_clone().unwrap();
            let name = format!("{:?}: tests/run installs it", command.get_program());
            command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect(&name)
        };
        let programs = vec![start(&mut dns, "dns.log"), start(&mut pebble, "pebble.log")];
        let authority = Self {
            programs,
            http: client(&certificates.ca_pem()),
            directory: format!("https://localhost:{port}/dir"),
            management: format!("https://localhost:{}", port + 1),
            dns: format!("http://127.0.0.1:{}", dns_port + 1),
        };
        let begun = Instant::now();
        while authority.ask(Method::GET, &authority.directory).try_send().await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "{}", std::fs::read_to_string(folder.join("pebble.log")).unwrap());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        authority
    }

    fn ask(&self, method: Method, url: &str) -> Ask {
        Ask::new(&self.http, method, url)
    }

    /// Where a name is from now on.
    async fn point(&self, name: &str, address: &str) {
        let body = json!({ "host": format!("{name}."), "addresses": [address] });
        self.ask(Method::POST, &format!("{}/add-a", self.dns)).json(&body).send().await.expect(200);
    }

    /// Its root, PEM.
    async fn root(&self) -> String {
        self.ask(Method::GET, &format!("{}/roots/0", self.management)).send().await.expect(200).text()
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        for program in &mut self.programs {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// A program that tells the DNS of the tests what it is told, and what it was called with.
fn hook(folder: &Path) -> String {
    let (file, calls) = (folder.join("dns-hook"), folder.join("calls"));
    let script = format!(
        r#"#!/bin/sh
echo "$1 $2 $(env | cut -d= -f1 | grep -v -e PWD -e _ -e SHLVL | sort | tr '\n' ' ')" >> {calls}
case $1 in
    present) exec curl -sS -d "{{\"host\":\"$2.\",\"value\":\"$3\"}}" "$DNS/set-txt" ;;
    cleanup) exec curl -sS -d "{{\"host\":\"$2.\"}}" "$DNS/clear-txt" ;;
esac
"#,
        calls = calls.display()
    );
    std::fs::write(&file, script).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file.display().to_string()
}

struct Story {
    outside: Outside,
    authority: Authority,
    token: String,
}

impl Story {
    async fn start() -> Self {
        let (port, dns_port) = (free_ports(), free_ports());
        let configured = |text: &str, folder: &Path| {
            let (before, rest) = text.split_once("listen = \"127.0.0.1:").unwrap();
            let (main, rest) = rest.split_once('"').unwrap();
            let challenges = main.parse::<u16>().unwrap() + 1;
            format!(
                r#"{before}{rest}
[[listeners]]
name = "main"
address = "127.0.0.1:{main}"

[[listeners]]
name = "acme"
address = "127.0.0.1:{challenges}"
acme = true

[acme]
directories = ["https://localhost:{port}/dir"]
private_addresses = true

[[acme.hooks]]
name = "script"
program = "{hook}"
environment = {{ PATH = "/usr/bin:/bin", DNS = "http://127.0.0.1:{dns}" }}
"#,
                hook = hook(folder),
                dns = dns_port + 1,
            )
        };
        let outside = Outside::start_configured(configured).await;
        let vault = &outside.vault;
        let ports = [port, dns_port, vault.port + 1];
        let authority = Authority::start(vault.folder(), &outside.certificates, ports).await;
        let token = outside.api_token("operator").await;
        let grant = json!({
            "issuer": outside.issuer(), "subject": "operator", "role": "Key Vault Administrator", "scope": "/",
        });
        vault.assign(&token, &grant).await;
        vault.create_vault(&token, &json!({ "name": "demo" })).await;
        Self { outside, authority, token }
    }

    async fn put_issuer(&self, name: &str, challenge: &Value) {
        let body = json!({
            "provider": "ACME",
            "credentials": { "account_id": BINDING.0, "pwd": BINDING.1 },
            "settings": {
                "kind": "acme", "directory": self.authority.directory, "contacts": ["ops@example.com"],
                "externalAccount": BINDING.0, "challenge": challenge,
                "caBundle": String::from_utf8(self.outside.certificates.ca_pem()).unwrap(),
            },
        });
        let ask = self.outside.vault.ask(Method::PUT, &format!("/certificates/issuers/{name}"));
        ask.bearer(&self.token).json(&body).send().await.expect(200);
    }

    /// Asks for a version, and waits until that has come to its end.
    async fn make(&self, name: &str, policy: &Value) -> Value {
        let vault = &self.outside.vault;
        let ask = vault.ask(Method::POST, &format!("/certificates/{name}/create"));
        ask.bearer(&self.token).json(policy).send().await.expect(202);
        let begun = Instant::now();
        loop {
            let ask = vault.ask(Method::GET, &format!("/certificates/{name}/pending")).bearer(&self.token);
            let pending = ask.send().await.expect(200).json();
            if pending["status"] != "inProgress" {
                return pending;
            }
            assert!(begun.elapsed() < PATIENCE, "{pending}\n{}", vault.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The current version: its serial number, once openssl has verified it against the authority's root.
    async fn verified(&self, name: &str, host: &str) -> String {
        let vault = &self.outside.vault;
        let ask = vault.ask(Method::GET, &format!("/secrets/{name}")).bearer(&self.token);
        let pem = ask.send().await.expect(200).json()["value"].as_str().unwrap().to_owned();
        std::fs::write(vault.folder().join("served.pem"), &pem).unwrap();
        std::fs::write(vault.folder().join("root.pem"), self.authority.root().await).unwrap();
        let openssl = |line: &str| {
            let output = run_to_end(Command::new("openssl").args(line.split(' ')).current_dir(vault.folder()));
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let verify = format!("verify -CAfile root.pem -untrusted served.pem -verify_hostname {host} served.pem");
        assert_eq!(openssl(&verify), "served.pem: OK\n");
        let key = (openssl("pkey -in served.pem -pubout"), openssl("x509 -in served.pem -noout -pubkey"));
        assert_eq!(key.0, key.1, "the key is that of the certificate");
        openssl("x509 -in served.pem -noout -serial")
    }
}

fn policy(issuer: &str, names: &[&str]) -> Value {
    json!({ "policy": {
        "issuer": { "name": issuer },
        "key_props": { "kty": "EC", "crv": "P-256", "exportable": true },
        "secret_props": { "contentType": "application/x-pem-file" },
        "x509_props": { "subject": format!("CN={}", names[0]), "sans": { "dns_names": names } },
    }})
}

#[tokio::test]
async fn a_certificate_of_an_acme_authority_is_issued_renewed_and_kept_when_that_fails() {
    let story = Story::start().await;
    let vault = &story.outside.vault;
    story.put_issuer("by-http", &json!({ "type": "http-01" })).await;
    story.put_issuer("by-dns", &json!({ "type": "dns-01", "hook": "script" })).await;

    // By an answer of ours, at a listener that has nothing else to say.
    let web = ["web.example.com", "www.example.com"];
    let done = story.make("web", &policy("by-http", &web)).await;
    assert_eq!(done["status"], "completed", "{done}");
    let first = story.verified("web", "www.example.com").await;
    let here = |path: &str| format!("http://127.0.0.1:{}{path}", vault.port + 1);
    for path in ["/", "/healthz", "/secrets/web", "/.well-known/acme-challenge/a-token-that-nobody-has"] {
        let answer = story.authority.ask(Method::GET, &here(path)).send().await;
        assert_eq!((answer.status, answer.text().as_str()), (404, ""), "{path}");
        assert!(answer.header("x-ms-request-id").is_some(), "{path}");
    }

    // By the operator's program, which gets what is stated and nothing else.
    let done = story.make("any", &policy("by-dns", &["*.any.example.com"])).await;
    assert_eq!(done["status"], "completed", "{done}");
    story.verified("any", "some.any.example.com").await;
    let record = "_acme-challenge.any.example.com DNS PATH";
    let calls = || std::fs::read_to_string(vault.folder().join("calls")).unwrap();
    let begun = Instant::now();
    while calls().lines().count() < 2 {
        assert!(begun.elapsed() < PATIENCE, "{}", calls());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(calls(), format!("present {record} \ncleanup {record} \n"));

    // The next version, by the account that is there.
    let done = story.make("web", &json!({})).await;
    assert_eq!(done["status"], "completed", "{done}");
    let second = story.verified("web", "web.example.com").await;
    assert_ne!(first, second);

    // A name that leads elsewhere: the failure is told, and what is served stays.
    story.authority.point("www.example.com", NOBODY).await;
    let failed = story.make("web", &json!({})).await;
    let told = failed["error"]["message"].as_str().unwrap_or_default();
    assert!(told.contains("could not prove www.example.com by http-01: it could not connect"), "{failed}");
    assert_eq!(story.verified("web", "web.example.com").await, second);
    // Taken back by the account that ordered it, which is shown from then on.
    let asked = vault.ask(Method::POST, "/certificates/web/revoke").bearer(&story.token);
    let asked = asked.json(&json!({ "at_issuer": true, "reason": "superseded" })).send().await.expect(200);
    assert_eq!(asked.json()["revocation"]["reason"], "superseded");
    let shown = vault.ask(Method::GET, "/certificates/web").bearer(&story.token).send().await.expect(200).json();
    assert_eq!(shown["revocation"]["status"], "revoked", "{shown}");
    let serial = second.trim().strip_prefix("serial=").unwrap();
    let status = format!("{}/cert-status-by-serial/{serial}", story.authority.management);
    let status = story.authority.ask(Method::GET, &status).send().await.expect(200).json();
    assert_eq!(status["Status"], "Revoked", "{status}");
    assert!(!vault.log().contains(BINDING.1) && !failed.to_string().contains(BINDING.1));
}
