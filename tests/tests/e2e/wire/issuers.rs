//! Issuers and contacts on the wire: kept and given out as Azure does, without what is secret of them.

use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, TestVault, run_to_end, scratch};

struct Story {
    vault: TestVault,
    app: String,
    operator: String,
}

impl Story {
    async fn begin() -> Self {
        let vault = TestVault::dev().await;
        let (app, operator) = (vault.token(&vault.app()).await, vault.token(&vault.operator()).await);
        Self { vault, app, operator }
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.vault.ask(method, path).bearer(&self.app).send().await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.vault.ask(method, path).bearer(&self.app).json(body).send().await
    }

    /// A certificate that signs itself and may sign others.
    async fn authority(&self, name: &str) {
        let policy = json!({
            "key_props": { "kty": "EC", "crv": "P-256", "exportable": false },
            "x509_props": {
                "subject": format!("CN={name}"), "ekus": [], "key_usage": ["keyCertSign", "cRLSign"],
                "basic_constraints": { "ca": true }, "validity_months": 24,
            },
            "issuer": { "name": "Self" },
        });
        let path = format!("/certificates/{name}/create");
        self.send(Method::POST, &path, &json!({ "policy": policy })).await.expect(202);
    }
}

#[tokio::test]
async fn issuers_and_contacts_are_kept_as_azure_keeps_them() {
    let story = Story::begin().await;
    let base = format!("{}/certificates", story.vault.vault_url("demo"));
    let people = json!({ "contacts": [{ "email": "ops@app.example", "name": "Ops" }, { "email": "b@app.example" }] });
    assert_eq!(story.ask(Method::GET, "/certificates/contacts").await.problem(), "404 CertificateContactsNotFound");
    let set = story.send(Method::PUT, "/certificates/contacts", &people).await.expect(200);
    assert_eq!(set.json(), json!({ "id": format!("{base}/contacts"), "contacts": people["contacts"] }));
    assert_eq!(story.ask(Method::GET, "/certificates/contacts").await.expect(200).json(), set.json());
    let record = story.vault.record_of(&story.operator, &set).await;
    assert_eq!((&record["operation"], &record["status"]), (&json!("CertificateContactsSet"), &json!(200)), "{record}");
    let none = story.send(Method::PUT, "/certificates/contacts", &json!({ "contacts": [{ "email": "nobody" }] })).await;
    assert_eq!(none.problem(), "400 BadParameter");
    assert_eq!(story.ask(Method::DELETE, "/certificates/contacts").await.expect(200).json(), set.json());
    assert_eq!(story.ask(Method::DELETE, "/certificates/contacts").await.problem(), "404 CertificateContactsNotFound");

    story.authority("Root").await;
    let issuer = json!({
        "provider": "strongroom-ca",
        "credentials": { "account_id": "acc", "pwd": "never-given-back" },
        "org_details": { "id": "root", "admin_details": [{ "first_name": "A", "email": "ops@app.example" }] },
    });
    let set = story.send(Method::PUT, "/certificates/issuers/Inside", &issuer).await.expect(200);
    let shown = set.json();
    assert_eq!(shown["id"], json!(format!("{base}/issuers/Inside")));
    assert_eq!((&shown["provider"], &shown["credentials"]), (&json!("Strongroom-CA"), &json!({ "account_id": "acc" })));
    assert_eq!((&shown["org_details"]["zip"], &shown["attributes"]["enabled"]), (&json!(0), &json!(true)));
    assert_eq!(shown["settings"]["certificate"], "root");
    let got = story.ask(Method::GET, "/certificates/issuers/inside").await.expect(200);
    assert_eq!(got.json(), shown);
    for answer in [&set, &got] {
        assert!(!answer.text().contains("never-given-back"));
    }
    let record = story.vault.record_of(&story.operator, &set).await;
    assert_eq!(
        (&record["operation"], &record["object"]),
        (&json!("CertificateIssuerSet"), &json!("inside")),
        "{record}"
    );
    let settings = json!({ "kind": "authority", "certificate": "root", "profile": "client", "maxDays": 30 });
    let after = json!({ "settings": settings, "attributes": { "enabled": false } });
    let updated = story.send(Method::PATCH, "/certificates/issuers/inside", &after).await.expect(200).json();
    assert_eq!((&updated["attributes"]["enabled"], &updated["settings"]), (&json!(false), &settings));
    assert_eq!(
        (&updated["org_details"], &updated["id"]),
        (&shown["org_details"], &shown["id"]),
        "what is absent stays"
    );
    story.send(Method::PUT, "/certificates/issuers/another", &issuer).await.expect(200);
    let first = story.ask(Method::GET, "/certificates/issuers?maxresults=1").await.expect(200).json();
    assert_eq!(first["value"], json!([{ "id": format!("{base}/issuers/another"), "provider": "Strongroom-CA" }]));
    assert!(first["nextLink"].as_str().unwrap().starts_with(&format!("{base}/issuers?")));

    let refused = async |body: Value| story.send(Method::PUT, "/certificates/issuers/other", &body).await;
    let unknown = refused(json!({ "provider": "DigiCert" })).await;
    assert_eq!(unknown.problem(), "400 BadParameter");
    assert!(unknown.text().contains("Strongroom-CA") && unknown.text().contains("ACME"), "{}", unknown.text());
    for id in ["nothing", "elsewhere/root", "a/b/c", ""] {
        let answer = refused(json!({ "provider": "Strongroom-CA", "org_details": { "id": id } })).await;
        assert_eq!(answer.problem(), "400 BadParameter", "{id}");
    }
    let missing = story.send(Method::PATCH, "/certificates/issuers/other", &json!({ "attributes": {} })).await;
    assert_eq!(missing.problem(), "404 CertificateIssuerNotFound");
    assert_eq!(
        story.ask(Method::DELETE, "/certificates/issuers/another").await.expect(200).json()["provider"],
        "Strongroom-CA"
    );
    assert_eq!(
        story.ask(Method::GET, "/certificates/issuers/another").await.problem(),
        "404 CertificateIssuerNotFound"
    );
}

/// The chain is OpenSSL's to judge.
#[tokio::test]
async fn an_authority_in_the_vault_issues_what_openssl_believes() {
    let story = Story::begin().await;
    story.authority("ca").await;
    let issuer = json!({
        "provider": "Strongroom-CA",
        "settings": { "kind": "authority", "certificate": "ca", "crlUrl": "http://ca.example/ca.crl" },
    });
    story.send(Method::PUT, "/certificates/issuers/house", &issuer).await.expect(200);
    let policy = json!({
        "key_props": { "kty": "EC", "crv": "P-256" }, "secret_props": { "contentType": "application/x-pem-file" },
        "x509_props": { "subject": "CN=app.example", "sans": { "dns_names": ["app.example"] }, "ekus": ["1.3.6.1.5.5.7.3.1"] },
        "issuer": { "name": "house" },
    });
    let begun =
        story.send(Method::POST, "/certificates/app/create", &json!({ "policy": policy })).await.expect(202).json();
    assert_eq!(begun["status"], "inProgress");
    let mut operation = Value::Null;
    for _ in 0..200 {
        operation = story.ask(Method::GET, "/certificates/app/pending").await.expect(200).json();
        if operation["status"] != "inProgress" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(operation["status"], "completed", "{operation}");
    let folder = scratch();
    let ca = story.ask(Method::GET, "/certificates/ca").await.expect(200).json();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", ca["cer"].as_str().unwrap());
    let document = story.ask(Method::GET, "/secrets/app").await.expect(200).json();
    std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
    std::fs::write(folder.path().join("app.pem"), document["value"].as_str().unwrap()).unwrap();
    let openssl = |arguments: &[&str]| {
        let output = run_to_end(Command::new("openssl").current_dir(folder.path()).args(arguments));
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    openssl(&[
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "app.example",
        "-CAfile",
        "ca.pem",
        "app.pem",
    ]);
    let text = openssl(&["x509", "-in", "app.pem", "-noout", "-text"]);
    assert!(
        text.contains("URI:http://ca.example/ca.crl")
            && (text.contains("Issuer: CN = ca") || text.contains("Issuer: CN=ca")),
        "{text}"
    );
    let serial = openssl(&["x509", "-in", "app.pem", "-noout", "-serial"]);
    assert_eq!(serial.trim().len(), "serial=".len() + 40, "20 octets: {serial}");

    // What it revokes is on a list that everybody gets who knows where.
    let given = json!({ "certificate": document["value"], "reason": "keyCompromise" });
    assert_eq!(story.send(Method::POST, "/certificates/ca/revoke", &given).await.problem(), "400 BadParameter");
    let der = story.ask(Method::GET, "/certificates/app").await.expect(200).json()["cer"].clone();
    let given = json!({ "certificate": der, "reason": "keyCompromise" });
    let shown = story.send(Method::POST, "/certificates/ca/revoke", &given).await.expect(200);
    let record = story.vault.record_of(&story.operator, &shown).await;
    assert_eq!((&record["operation"], &record["object"]), (&json!("CertificateRevoke"), &json!("ca")), "{record}");
    let list = shown.json()["lists"][0].clone();
    assert_eq!(list["revoked"][0]["reason"], "keyCompromise", "{list}");
    // Also of one whose list is published elsewhere.
    let kept = story.ask(Method::GET, "/certificates/app").await.expect(200).json()["revocation"].clone();
    assert_eq!((&kept["status"], &kept["reason"]), (&json!("revoked"), &json!("keyCompromise")), "{kept}");
    assert_eq!(story.ask(Method::GET, "/certificates/ca/revocations").await.expect(200).json()["lists"][0], list);
    let path = list["url"].as_str().unwrap().strip_prefix(&story.vault.base).unwrap().to_owned();
    let published = story.vault.ask_base(Method::GET, &path).send().await.expect(200);
    assert_eq!(published.header("content-type"), Some("application/pkix-crl"));
    std::fs::write(
        folder.path().join("ca.crl"),
        format!("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", list["crl"].as_str().unwrap()),
    )
    .unwrap();
    assert!(openssl(&["crl", "-in", "ca.crl", "-noout", "-text", "-CAfile", "ca.pem"]).contains("Key Compromise"));
    let elsewhere = path.replace("/ca/", "/app/");
    assert_eq!(story.vault.ask_base(Method::GET, &elsewhere).send().await.status, 404);
}
