//! Certificates on the wire: their life, and what OpenSSL and TLS make of them.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestVault, client, free_ports, run_to_end, scratch};

struct Story {
    vault: TestVault,
    app: String,
    operator: String,
    folder: tempfile::TempDir,
}

impl Story {
    async fn begin() -> Self {
        let vault = TestVault::dev().await;
        let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
        Self { vault, app, operator, folder: scratch() }
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.vault.ask(method, path).bearer(&self.app).send().await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.vault.ask(method, path).bearer(&self.app).json(body).send().await
    }

    async fn issue(&self, name: &str, policy: Value) -> Answer {
        let body = json!({ "policy": policy });
        self.send(Method::POST, &format!("/certificates/{name}/create"), &body).await.expect(202)
    }

    async fn json(&self, path: &str) -> Value {
        self.ask(Method::GET, path).await.expect(200).json()
    }

    async fn count(&self, path: &str) -> usize {
        self.json(path).await["value"].as_array().unwrap().len()
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Standard output of an `openssl` that succeeds.
    fn openssl(&self, arguments: &[&str]) -> String {
        let output = run_to_end(Command::new("openssl").current_dir(self.folder.path()).args(arguments));
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn policy(issuer: &str) -> Value {
    json!({
        "key_props": { "kty": "EC", "crv": "P-256", "exportable": true },
        "secret_props": { "contentType": "application/x-pem-file" },
        "x509_props": {
            "subject": "CN=app.example, O=Example, C=DE",
            "sans": {
                "dns_names": ["app.example", "*.app.example"], "emails": ["ops@app.example"],
                "upns": ["ada@app.example"], "ipAddresses": ["127.0.0.1"],
            },
            "ekus": ["1.3.6.1.5.5.7.3.1"],
            "key_usage": ["digitalSignature"],
            "validity_months": 3,
        },
        "lifetime_actions": [{ "trigger": { "days_before_expiry": 30 }, "action": { "action_type": "EmailContacts" } }],
        "issuer": { "name": issuer },
    })
}

#[tokio::test]
async fn a_certificate_lives_and_dies_as_azure_says() {
    let story = Story::begin().await;
    let answer = story.issue("App", policy("Self")).await;
    let begun = answer.json();
    assert_eq!((&begun["status"], &begun["target"]), (&json!("inProgress"), &Value::Null), "as Azure answers it");
    let operation = story.json("/certificates/app/pending").await;
    assert_eq!(begun["request_id"], operation["request_id"]);
    let base = format!("{}/certificates/App", story.vault.vault_url("demo"));
    assert_eq!((&operation["id"], &operation["target"]), (&json!(format!("{base}/pending")), &json!(base)));
    assert_eq!((&operation["status"], &operation["issuer"]["name"]), (&json!("completed"), &json!("Self")));
    let request = operation["request_id"].as_str().unwrap();
    assert!(answer.header("location").unwrap().starts_with(&format!("{base}/pending?api-version=")));
    assert!(answer.header("location").unwrap().ends_with(&format!("&request_id={request}")));
    assert_eq!(answer.header("retry-after"), Some("10"));
    let record = story.vault.record_of(&story.operator, &answer).await;
    assert_eq!((&record["operation"], &record["status"]), (&json!("CertificateCreate"), &json!(202)), "{record}");
    assert_eq!(story.json(&format!("/certificates/app/pending?request_id={request}")).await, operation);
    let other = story.ask(Method::GET, "/certificates/app/pending?request_id=other").await;
    assert_eq!(other.problem(), "404 PendingCertificateNotFound");

    let made = story.json("/certificates/APP/").await;
    let id = made["id"].as_str().unwrap();
    let version = id.strip_prefix(&format!("{base}/")).unwrap();
    let face = |kind: &str| json!(format!("{}/{kind}/App/{version}", story.vault.vault_url("demo")));
    assert_eq!((&made["kid"], &made["sid"]), (&face("keys"), &face("secrets")));
    assert_eq!((&made["contentType"], &made["pending"]["id"]), (&json!("application/x-pem-file"), &operation["id"]));
    let der = BASE64.decode(made["cer"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(made["attributes"]["enabled"], true);
    let shown = &made["policy"];
    assert_eq!(shown["id"], json!(format!("{base}/policy")));
    let asked = policy("Self");
    assert_eq!(shown["x509_props"]["sans"], asked["x509_props"]["sans"]);
    assert_eq!(shown["lifetime_actions"], asked["lifetime_actions"]);
    assert_eq!(
        shown["key_props"],
        json!({ "kty": "EC", "crv": "P-256", "key_size": 256, "exportable": true, "reuse_key": false })
    );
    assert_eq!(story.json("/certificates/app/policy").await, *shown);

    // The certificate is what OpenSSL says it is.
    let file = story.file("app.der", &der);
    let text = story.openssl(&["x509", "-inform", "der", "-in", "app.der", "-noout", "-text"]);
    for part in [
        "Subject: C = DE, O = Example, CN = app.example",
        "DNS:app.example, DNS:*.app.example",
        "email:ops@app.example",
        "IP Address:127.0.0.1",
        "CA:FALSE",
        "TLS Web Server Authentication",
        "X509v3 Authority Key Identifier",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let sha1 =
        story.openssl(&["x509", "-inform", "der", "-in", file.to_str().unwrap(), "-noout", "-fingerprint", "-sha1"]);
    let sha1: String = sha1.split('=').nth(1).unwrap().trim().replace(':', "");
    let thumbprint = data_encoding::HEXUPPER.decode(sha1.as_bytes()).unwrap();
    assert_eq!(made["x5t"], json!(BASE64URL_NOPAD.encode(&thumbprint)));

    // The other two faces.
    let secret = story.json(&format!("/secrets/app/{version}")).await;
    assert_eq!((&secret["kid"], &secret["managed"]), (&made["kid"], &json!(true)));
    assert_eq!(
        (&secret["contentType"], &secret["attributes"]["exp"]),
        (&made["contentType"], &made["attributes"]["exp"])
    );
    let key = story.json(&format!("/keys/app/{version}")).await;
    assert_eq!((&key["managed"], &key["key"]["key_ops"]), (&json!(true), &json!(["sign", "verify"])));
    for path in ["/keys", "/secrets"] {
        let lines = story.json(path).await;
        let line = lines["value"].as_array().unwrap().iter().find(|line| line["managed"] == true);
        assert!(line.is_some(), "{path} shows it as managed: {lines}");
    }
    for path in ["/secrets/app", "/keys/app"] {
        let refused = story.ask(Method::DELETE, path).await;
        assert_eq!(refused.problem(), "403 Forbidden", "{path}");
        assert_eq!(story.vault.record_of(&story.operator, &refused).await["reason"], "managed");
    }
    let refused = story.send(Method::PUT, "/secrets/app", &json!({ "value": "mine" })).await;
    assert_eq!(refused.problem(), "403 Forbidden");

    let patch = json!({ "attributes": { "enabled": false }, "tags": { "team": "payments" } });
    let updated = story.send(Method::PATCH, &format!("/certificates/app/{version}"), &patch).await.expect(200).json();
    assert_eq!((&updated["attributes"]["enabled"], &updated["tags"]["team"]), (&json!(false), &json!("payments")));
    let disabled = story.ask(Method::GET, "/secrets/app").await;
    assert_eq!(disabled.problem(), "403 Forbidden/SecretDisabled");
    let patch = json!({ "x509_props": { "validity_months": 2 }, "issuer": { "name": "self" } });
    let changed = story.send(Method::PATCH, "/certificates/app/policy", &patch).await.expect(200).json();
    assert_eq!((&changed["x509_props"]["validity_months"], &changed["issuer"]["name"]), (&json!(2), &json!("Self")));
    assert_eq!(changed["x509_props"]["subject"], shown["x509_props"]["subject"], "what is absent stays");

    let deleted = story.ask(Method::DELETE, "/certificates/app/pending").await.expect(200).json();
    assert_eq!(deleted["request_id"], operation["request_id"]);
    let gone = story.ask(Method::GET, "/certificates/app/pending").await;
    assert_eq!(gone.problem(), "404 PendingCertificateNotFound");
    story.send(Method::POST, "/certificates/app/create", &json!({})).await.expect(202);
    assert_eq!((story.count("/certificates/app/versions").await, story.count("/certificates").await), (2, 1));

    let backup = story.ask(Method::POST, "/certificates/app/backup").await.expect(200).json();
    let value = story.json("/secrets/app").await["value"].clone();
    let deleted = story.ask(Method::DELETE, "/certificates/app").await.expect(200).json();
    assert!(deleted["recoveryId"].as_str().unwrap().ends_with("/deletedcertificates/App"));
    assert_eq!(story.ask(Method::GET, "/certificates/app").await.problem(), "404 CertificateNotFound");
    assert_eq!(story.ask(Method::GET, "/secrets/app").await.problem(), "404 SecretNotFound");
    let again = story.send(Method::POST, "/certificates/app/create", &json!({ "policy": policy("Self") })).await;
    assert_eq!(again.problem(), "409 Conflict/ObjectIsDeletedButRecoverable");
    assert_eq!(story.json("/deletedcertificates/app").await, deleted);
    assert_eq!(story.count("/deletedcertificates").await, 1);
    assert_eq!(story.ask(Method::POST, "/deletedsecrets/app/recover").await.problem(), "403 Forbidden");
    story.ask(Method::POST, "/deletedcertificates/app/recover").await.expect(200);
    assert_eq!(story.json("/secrets/app").await["value"], value);
    story.ask(Method::DELETE, "/certificates/app/versions").await.expect(200);
    story.ask(Method::DELETE, "/deletedcertificates/app").await.expect(204);
    assert_eq!(story.ask(Method::GET, "/deletedkeys/app").await.problem(), "404 KeyNotFound");
    let restored = story.send(Method::POST, "/certificates/restore", &backup).await.expect(200).json();
    assert_eq!(story.json("/certificates/app").await, restored);
    assert_eq!(story.json("/secrets/app").await["value"], value);
    assert_eq!(story.json(&format!("/certificates/app/{version}")).await["cer"], made["cer"]);
}

/// A TLS server of OpenSSL with these files; ends with the value.
struct TlsServer(Child);

impl Drop for TlsServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(file: &Path, port: u16) -> TlsServer {
    let mut command = Command::new("openssl");
    command.args(["s_server", "-www", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-pass", "pass:"]);
    command.arg("-cert").arg(file).arg("-key").arg(file);
    TlsServer(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("openssl"))
}

#[tokio::test]
async fn what_comes_out_serves_tls_as_a_file_of_either_form() {
    let story = Story::begin().await;
    for (number, (key, form)) in [
        (json!({ "kty": "RSA", "key_size": 2048 }), "application/x-pkcs12"),
        (json!({ "kty": "RSA", "key_size": 3072 }), "application/x-pem-file"),
        (json!({ "kty": "EC", "crv": "P-256" }), "application/x-pkcs12"),
        (json!({ "kty": "EC", "crv": "P-384" }), "application/x-pem-file"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("tls-{number}");
        let mut wanted = policy("Self");
        wanted["key_props"] = key.clone();
        wanted["secret_props"]["contentType"] = json!(form);
        story.issue(&name, wanted).await;
        let value = story.json(&format!("/secrets/{name}")).await["value"].as_str().unwrap().to_owned();
        let (file, leaf) = if form == "application/x-pkcs12" {
            let file = story.file(&format!("{name}.pfx"), &BASE64.decode(value.as_bytes()).unwrap());
            let path = file.to_str().unwrap().to_owned();
            let path = path.as_str();
            let said = story.openssl(&["pkcs12", "-in", path, "-passin", "pass:", "-nodes"]);
            assert!(said.contains("BEGIN PRIVATE KEY"), "{key}: {said}");
            (file, story.openssl(&["pkcs12", "-in", path, "-passin", "pass:", "-clcerts", "-nokeys"]))
        } else {
            let file = story.file(&format!("{name}.pem"), value.as_bytes());
            let path = file.to_str().unwrap().to_owned();
            (file, story.openssl(&["x509", "-in", &path]))
        };
        let leaf = &leaf[leaf.find("-----BEGIN").unwrap()..];
        story.file("leaf.pem", leaf.as_bytes());
        let verified =
            story.openssl(&["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "leaf.pem", "leaf.pem"]);
        assert_eq!(verified, "leaf.pem: OK\n", "{key}");

        let port = free_ports();
        let _server = serve(&file, port);
        // Trusts this certificate alone, and checks the name (webpki).
        let browser = client(leaf.as_bytes());
        let mut page = None;
        for _ in 0..200 {
            match browser.get(format!("https://www.app.example:{port}/")).send().await {
                Ok(answer) => {
                    page = Some(answer.text().await.unwrap_or_default());
                    break;
                }
                Err(error) if error.is_connect() && format!("{error:?}").contains("refused") => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(error) => panic!("{key} as {form}: {error:?}"),
            }
        }
        assert!(page.is_some_and(|page| page.contains("TLSv1.3")), "{key} as {form}");
        let foreign = browser.get(format!("https://other.example:{port}/")).send().await;
        assert!(foreign.is_err(), "another name is not in it");
    }
    let mut kept = policy("Self");
    kept["key_props"] = json!({ "kty": "RSA", "exportable": false });
    kept["secret_props"]["contentType"] = json!("application/x-pkcs12");
    story.issue("kept", kept).await;
    let value = story.json("/secrets/kept").await["value"].as_str().unwrap().to_owned();
    story.file("kept.pfx", &BASE64.decode(value.as_bytes()).unwrap());
    let said = story.openssl(&["pkcs12", "-in", "kept.pfx", "-passin", "pass:", "-nodes"]);
    assert!(said.contains("BEGIN CERTIFICATE") && !said.contains("PRIVATE"), "{said}");
}

#[tokio::test]
async fn a_request_goes_out_and_the_certificate_of_an_authority_comes_in() {
    let story = Story::begin().await;
    let operation = story.issue("app", policy("Unknown")).await.json();
    assert_eq!((&operation["status"], &operation["target"]), (&json!("inProgress"), &Value::Null));
    assert!(operation["status_details"].as_str().unwrap().contains("Please Perform Merge"));
    let waiting = story.json("/certificates/app").await;
    assert_eq!((&waiting["attributes"]["enabled"], &waiting["cer"]), (&json!(false), &Value::Null));
    assert_eq!((story.count("/certificates").await, story.count("/certificates?includePending=true").await), (0, 1));
    let again = story.send(Method::POST, "/certificates/app/create", &json!({ "policy": policy("Self") })).await;
    assert_eq!(again.problem(), "409 Conflict");

    // An authority of OpenSSL's signs what was asked for.
    story.file("app.csr", &BASE64.decode(operation["csr"].as_str().unwrap().as_bytes()).unwrap());
    let subject = ["-subj", "/CN=Authority", "-days", "30", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"];
    story.openssl(&[&["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"][..], &subject].concat());
    story.openssl(&["req", "-inform", "der", "-in", "app.csr", "-verify", "-noout"]);
    let sign = ["-req", "-inform", "der", "-in", "app.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    let rest = ["-days", "20", "-copy_extensions", "copyall", "-out", "app.pem"];
    story.openssl(&[&["x509"][..], &sign, &rest].concat());
    let read = |name: &str| std::fs::read_to_string(story.folder.path().join(name)).unwrap();
    let (leaf, authority) = (read("app.pem"), read("ca.pem"));

    let foreign = story.send(Method::POST, "/certificates/app/pending/merge", &json!({ "x5c": [authority] })).await;
    assert_eq!(foreign.problem(), "400 BadParameter");
    assert!(foreign.text().contains("for the key of the pending request"), "{}", foreign.text());
    let damaged = story.send(Method::POST, "/certificates/app/pending/merge", &json!({ "x5c": ["AAAA"] })).await;
    assert_eq!(damaged.problem(), "400 BadParameter");
    // Azure's packages send base64 of PEM.
    let x5c = [BASE64.encode(leaf.as_bytes()), BASE64.encode(authority.as_bytes())];
    let answer = story.send(Method::POST, "/certificates/app/pending/merge", &json!({ "x5c": x5c })).await.expect(201);
    let record = story.vault.record_of(&story.operator, &answer).await;
    assert_eq!((&record["operation"], &record["status"]), (&json!("CertificatePendingMerge"), &json!(201)));
    let merged = answer.json();
    assert_eq!((&merged["id"], &merged["attributes"]["enabled"]), (&waiting["id"], &json!(true)));
    assert_eq!(story.json("/certificates/app/pending").await["status"], "completed");
    let value = story.json("/secrets/app").await["value"].as_str().unwrap().to_owned();
    story.file("out.pem", value.as_bytes());
    assert_eq!(story.openssl(&["verify", "-CAfile", "ca.pem", "out.pem"]), "out.pem: OK\n");
    assert_eq!(value.matches("BEGIN CERTIFICATE").count(), 2, "with its chain");
    let twice = story.send(Method::POST, "/certificates/app/pending/merge", &json!({ "x5c": x5c })).await;
    assert_eq!(twice.problem(), "404 PendingCertificateNotFound");

    // The next one with the number of this one contradicts it, and is called off.
    let next = story.issue("app", policy("Unknown")).await.json();
    story.file("app.csr", &BASE64.decode(next["csr"].as_str().unwrap().as_bytes()).unwrap());
    let serial = story.openssl(&["x509", "-in", "app.pem", "-noout", "-serial"]);
    let serial = serial.trim().replace("serial=", "0x");
    let sign =
        ["-req", "-inform", "der", "-in", "app.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", &serial];
    story.openssl(&[&["x509"][..], &sign, &["-days", "20", "-out", "next.pem"]].concat());
    let x5c = [BASE64.encode(read("next.pem").as_bytes())];
    let duplicate = story.send(Method::POST, "/certificates/app/pending/merge", &json!({ "x5c": x5c })).await;
    assert_eq!(duplicate.problem(), "409 Conflict");
    assert!(duplicate.text().contains("the same issuer with the same serial number"), "{}", duplicate.text());
    assert_eq!(story.vault.record_of(&story.operator, &duplicate).await["reason"], "duplicate-serial");
    let cancel = json!({ "cancellation_requested": true });
    let cancelled = story.send(Method::PATCH, "/certificates/app/pending", &cancel).await.expect(200).json();
    assert_eq!((&cancelled["status"], &cancelled["cancellation_requested"]), (&json!("cancelled"), &json!(true)));
    let twice = story.send(Method::PATCH, "/certificates/app/pending", &cancel).await;
    assert_eq!(twice.problem(), "400 BadParameter");
    assert_eq!(story.json("/certificates/app").await["id"], merged["id"], "the one in use stays");
}

#[tokio::test]
async fn what_certificates_cannot_be_is_refused_and_on_record() {
    let story = Story::begin().await;
    let with = |path: &str, value: Value| {
        let mut policy = policy("Self");
        *policy.pointer_mut(path).unwrap() = value;
        json!({ "policy": policy })
    };
    let bad = "400 BadParameter";
    for (what, body, expected) in [
        ("no policy", json!({}), bad),
        ("a policy that is a text", json!({ "policy": "Self" }), bad),
        ("an issuer that nobody set up", with("/issuer/name", json!("DigiCert")), bad),
        ("a key in hardware", with("/key_props/kty", json!("RSA-HSM")), bad),
        ("a symmetric key", with("/key_props/kty", json!("oct")), bad),
        ("a curve that nobody knows", with("/key_props/crv", json!("P-999")), bad),
        ("a form that nobody knows", with("/secret_props/contentType", json!("text/plain")), bad),
        ("a subject that is none", with("/x509_props/subject", json!("app.example")), bad),
        ("a subject that is too long", with("/x509_props/subject", json!(format!("CN={}", "x".repeat(3000)))), bad),
        ("a name that is none", with("/x509_props/sans/dns_names", json!(["not a name"])), bad),
        ("101 names", with("/x509_props/sans/dns_names", json!(vec!["a.example"; 101])), bad),
        ("an address that is none", with("/x509_props/sans/ipAddresses", json!(["1.2.3"])), bad),
        ("a usage that nobody knows", with("/x509_props/key_usage", json!(["everything"])), bad),
        ("an extended usage in words", with("/x509_props/ekus", json!(["serverAuth"])), bad),
        ("no month", with("/x509_props/validity_months", json!(0)), bad),
        ("less than no month", with("/x509_props/validity_months", json!(-1)), bad),
        ("a hundred and one years", with("/x509_props/validity_months", json!(1212)), bad),
        (
            "two triggers",
            with("/lifetime_actions/0/trigger", json!({ "lifetime_percentage": 80, "days_before_expiry": 1 })),
            bad,
        ),
        ("a trigger after the end", with("/lifetime_actions/0/trigger", json!({ "days_before_expiry": 99_999 })), bad),
        ("an order of one's own", json!({ "policy": policy("Self"), "preserveCertOrder": true }), bad),
        (
            "what services of Azure manage",
            json!({ "policy": { "issuer": { "name": "Self" }, "platformManaged": { "certificateUsage": "tls" } } }),
            bad,
        ),
        ("times of one's own", json!({ "policy": policy("Self"), "attributes": { "exp": 4_000_000_000_i64 } }), bad),
    ] {
        let answer = story.send(Method::POST, "/certificates/a/create", &body).await;
        assert_eq!(answer.problem(), expected, "{what}: {}", answer.text());
        let record = story.vault.record_of(&story.operator, &answer).await;
        assert_eq!((&record["outcome"], &record["status"]), (&json!("failed"), &json!(400)), "{what}: {record}");
    }
    for (name, step) in [("Contacts", "create"), ("issuers", "create"), ("restore", "import")] {
        let body = json!({ "policy": policy("Self"), "value": "AAAA" });
        let answer = story.send(Method::POST, &format!("/certificates/{name}/{step}"), &body).await;
        assert!(answer.problem() == bad && answer.text().contains("reserved"), "{name}: {}", answer.text());
        let record = story.vault.record_of(&story.operator, &answer).await;
        assert_eq!((&record["outcome"], &record["status"]), (&json!("failed"), &json!(400)), "{name}: {record}");
    }
    story.send(Method::PUT, "/secrets/taken", &json!({ "value": "mine" })).await.expect(200);
    let taken = story.send(Method::POST, "/certificates/taken/create", &json!({ "policy": policy("Self") })).await;
    assert_eq!(taken.problem(), "409 Conflict");
    assert_eq!(story.json("/secrets/taken").await["value"], "mine");
    for (method, path, expected) in [
        (Method::GET, "/certificates/a", "404 CertificateNotFound"),
        (Method::GET, "/certificates/a/policy", "404 CertificateNotFound"),
        (Method::GET, "/certificates/a/pending", "404 PendingCertificateNotFound"),
        (Method::DELETE, "/certificates/a/pending", "404 CertificateNotFound"),
        (Method::GET, "/deletedcertificates/a", "404 CertificateNotFound"),
        (Method::GET, "/certificates?includePending=maybe", bad),
        (Method::PUT, "/certificates/a", "405 MethodNotAllowed"),
    ] {
        assert_eq!(story.ask(method, path).await.problem(), expected, "{path}");
    }
    assert_eq!((story.count("/certificates").await, story.count("/keys").await), (0, 0), "nothing was made");
}

#[tokio::test]
async fn what_openssl_writes_is_taken_in_and_given_out_again() {
    let story = Story::begin().await;
    let subject = ["-subj", "/CN=Authority", "-days", "30", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"];
    story.openssl(&[&["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"][..], &subject].concat());
    let request = ["-subj", "/C=DE/O=Example/CN=brought.example", "-addext", "subjectAltName=DNS:brought.example"];
    story.openssl(
        &[&["req", "-newkey", "rsa:2048", "-nodes", "-keyout", "own.key", "-out", "own.csr"][..], &request].concat(),
    );
    let sign = [
        "-req",
        "-in",
        "own.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-copy_extensions",
        "copyall",
    ];
    story.openssl(&[&["x509", "-days", "9", "-out", "own.pem"][..], &sign].concat());
    let path = |name: &str| story.folder.path().join(name);
    let read = |name: &str| std::fs::read(path(name)).unwrap();
    let own = ["pkcs12", "-export", "-inkey", "own.key", "-in", "own.pem", "-certfile", "ca.pem"];
    let forms: [(&str, &[&str]); 4] = [
        ("modern.pfx", &["-passout", "pass:s\u{e9}cret"]),
        (
            "legacy.pfx",
            &[
                "-passout",
                "pass:s\u{e9}cret",
                "-certpbe",
                "PBE-SHA1-3DES",
                "-keypbe",
                "PBE-SHA1-3DES",
                "-macalg",
                "sha1",
            ],
        ),
        ("mixed.pfx", &["-passout", "pass:s\u{e9}cret", "-certpbe", "NONE", "-keypbe", "AES-128-CBC"]),
        ("empty.pfx", &["-passout", "pass:"]),
    ];
    for (file, how) in forms {
        story.openssl(&[&own[..], how, &["-out", file]].concat());
        let password = if file == "empty.pfx" { "" } else { "s\u{e9}cret" };
        let name = file.trim_end_matches(".pfx");
        let value = BASE64.encode(&read(file));
        let body = json!({ "value": value, "pwd": password, "tags": { "from": file } });
        let at = format!("/certificates/{name}/import");
        let answer = story.send(Method::POST, &at, &body).await.expect(200);
        let record = story.vault.record_of(&story.operator, &answer).await;
        assert_eq!(record["operation"], "CertificateImport", "{record}");
        let made = answer.json();
        assert_eq!(made["policy"]["issuer"]["name"], "Unknown", "{file}");
        let said = &made["policy"]["x509_props"];
        assert_eq!(
            (&said["subject"], &said["sans"]["dns_names"]),
            (&json!("CN=brought.example,O=Example,C=DE"), &json!(["brought.example"]))
        );
        let out = story.json(&format!("/secrets/{name}")).await["value"].as_str().unwrap().to_owned();
        story.file("out.pfx", &BASE64.decode(out.as_bytes()).unwrap());
        let all = story.openssl(&["pkcs12", "-in", "out.pfx", "-passin", "pass:", "-nodes"]);
        assert_eq!(all.matches("BEGIN CERTIFICATE").count(), 2, "{file}: with its chain");
        story.file("out.pem", &all.as_bytes()[all.find("-----BEGIN").unwrap()..]);
        if !password.is_empty() {
            let wrong = json!({ "value": value, "pwd": "other" });
            let refused = story.send(Method::POST, &at, &wrong).await;
            assert_eq!(refused.problem(), "400 BadParameter");
            assert!(refused.text().contains("password is wrong"), "{file}: {}", refused.text());
        }
    }
    let pem = [read("own.key"), read("ca.pem"), read("own.pem")].concat();
    let body = json!({ "value": String::from_utf8(pem).unwrap() });
    let made = story.send(Method::POST, "/certificates/pem/import", &body).await.expect(200).json();
    assert_eq!(made["contentType"], "application/x-pem-file");
    story.file("out.pem", story.json("/secrets/pem").await["value"].as_str().unwrap().as_bytes());
    assert_eq!(story.openssl(&["verify", "-CAfile", "ca.pem", "out.pem"]), "out.pem: OK\n", "the leaf is the first");

    // Whoever signed one stands behind it, or the others as they stood.
    story.openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=other",
        "-keyout",
        "other.key",
        "-out",
        "other.pem",
    ]);
    let text = |parts: &[&str]| json!(String::from_utf8(parts.iter().flat_map(|part| read(part)).collect()).unwrap());
    let cross = ["-CA", "other.pem", "-CAkey", "other.key", "-CAcreateserial", "-days", "9", "-out", "cross.pem"];
    story.openssl(&[&["x509", "-in", "ca.pem"][..], &cross].concat());
    let mixed = text(&["own.key", "other.pem", "cross.pem", "own.pem"]);
    for (keep, order) in [(false, ["own.pem", "cross.pem", "other.pem"]), (true, ["own.pem", "other.pem", "cross.pem"])]
    {
        let body = json!({ "value": mixed, "preserveCertOrder": keep });
        story.send(Method::POST, "/certificates/order/import", &body).await.expect(200);
        let kept = story.json("/secrets/order").await["value"].as_str().unwrap().to_owned();
        let places = order.map(|file| kept.find(std::str::from_utf8(&read(file)).unwrap().trim()).unwrap());
        assert!(places.is_sorted(), "preserveCertOrder {keep}");
    }

    // The key stays here when the policy says so, and an encrypted key is opened.
    story.openssl(&["pkcs8", "-topk8", "-in", "own.key", "-out", "locked.key", "-passout", "pass:open"]);
    let locked = String::from_utf8([read("own.pem"), read("locked.key")].concat()).unwrap();
    let policy = json!({ "key_props": { "exportable": false }, "x509_props": { "subject": "CN=harmless" } });
    let body = json!({ "value": locked, "pwd": "open", "policy": policy });
    let made = story.send(Method::POST, "/certificates/stays/import", &body).await.expect(200).json();
    assert_eq!(made["policy"]["x509_props"]["subject"], "CN=brought.example,O=Example,C=DE", "as the certificate says");
    assert!(!story.json("/secrets/stays").await["value"].as_str().unwrap().contains("PRIVATE"));
    story.ask(Method::DELETE, "/certificates/stays").await.expect(200);
    assert_eq!(
        story.send(Method::POST, "/certificates/stays/import", &body).await.problem(),
        "409 Conflict/ObjectIsDeletedButRecoverable"
    );

    // What is not right says so, and nothing is kept.
    story.openssl(&["x509", "-in", "own.csr", "-req", "-signkey", "own.key", "-days", "-1", "-out", "past.pem"]);
    story.openssl(&[
        "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-keyout", "weak.key", "-out", "weak.pem",
    ]);
    // An encrypted key that asks for 4,294,967,295 rounds of PBKDF2.
    let bomb = concat!(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
        "MH4wWgYJKoZIhvcNAQUNME0wLAYJKoZIhvcNAQUMMB8ECHNhbHRzYWx0AgUA/////zAMBggqhkiG9w0CCQUAMB0GCWCGSAFl",
        "AwQBKgQQAAAAAAAAAAAAAAAAAAAAAAQgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let pfx = read("modern.pfx");
    for (what, value, said) in [
        ("half a PFX", json!(BASE64.encode(&pfx[..pfx.len() / 2])), "damaged"),
        ("a document that asks for millions of rounds", json!(bomb), "fewer iterations"),
        ("no base64", json!("%%%"), "damaged"),
        ("no PFX", json!(BASE64.encode(b"text")), "damaged"),
        ("a document that is too long", json!(BASE64.encode(&vec![0; 25_601])), "more than 25600 bytes"),
        ("no key", text(&["own.pem"]), "no private key"),
        ("a key that is too weak", text(&["weak.key", "weak.pem"]), "2048"),
        ("two keys", text(&["own.key", "other.key", "own.pem"]), "more than one private key"),
        ("the key of another", text(&["other.key", "own.pem"]), "for its private key"),
        ("a key alone", text(&["own.key"]), "for its private key"),
        ("one that is over", text(&["own.key", "past.pem"]), "has expired: it was valid until 20"),
        ("one that is nobody's issuer", text(&["own.key", "own.pem", "ca.pem", "weak.pem"]), "does not belong"),
    ] {
        let refused = story
            .send(Method::POST, "/certificates/bad/import", &json!({ "value": value, "pwd": "s\u{e9}cret" }))
            .await;
        assert_eq!(refused.problem(), "400 BadParameter", "{what}");
        assert!(refused.text().contains(said), "{what}: {}", refused.text());
        let record = story.vault.record_of(&story.operator, &refused).await;
        assert_eq!(
            (record["operation"].as_str(), record["outcome"].as_str(), record["status"].as_i64()),
            (Some("CertificateImport"), Some("failed"), Some(400)),
            "{what}"
        );
    }
    assert_eq!(story.ask(Method::GET, "/certificates/bad").await.problem(), "404 CertificateNotFound");
}
