//! The commands of certificates, against OpenSSL in both directions.

use std::{os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use crate::support::{TestVault, run_to_end};

struct Story {
    vault: TestVault,
}

impl Story {
    fn folder(&self) -> &Path {
        self.vault.folder()
    }

    fn cli(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = run_to_end(&mut self.vault.cli(&self.vault.app(), arguments));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.cli(arguments);
        assert_eq!(code, 0, "{arguments:?}: {err}");
        out
    }

    /// What is shown where something is wrong with it.
    #[track_caller]
    fn flawed(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.cli(arguments);
        assert_eq!(code, 3, "{arguments:?}: {err}");
        out
    }

    /// Looks once, as cron would: what is new is written and somebody told, until they have heard it.
    fn files_are_kept(&self) {
        let watch = ["certificate", "watch", "web", "--folder", "tls", "--once", "--", "sh", "-c"];
        let look = |hook: &str| self.cli(&[&watch[..], &[hook]].concat());
        let (code, _, err) = look("exit 3");
        assert!(code == 1 && err.contains("is run again"), "{err}");
        let told = r#"echo "$STRONGROOM_CERTIFICATE $STRONGROOM_CERTIFICATE_PATH$AZURE_CLIENT_SECRET" >> told"#;
        for _ in 0..2 {
            let (code, _, err) = look(told);
            assert_eq!(code, 0, "{err}");
        }
        let heard = std::fs::read_to_string(self.folder().join("told")).unwrap();
        assert_eq!(heard, "web tls/current\n", "once for the version, and without a credential");
        let public = |from: &str| self.openssl(&format!("{from} -noout -pubkey"));
        let key = || self.openssl("pkey -in tls/current/key.pem -pubout");
        let first = key();
        assert_eq!(public("x509 -in tls/current/chain.pem"), first);

        self.good(&["certificate", "create", "web"]);
        let (code, _, err) = look(told);
        assert!(code == 0 && err.contains("is in tls/current now"), "{err}");
        assert_eq!(public("x509 -in tls/current/chain.pem"), key());
        assert_ne!(key(), first);
        // Without an answer what is there stays; and a PFX goes to a file.
        let nowhere =
            ["certificate", "watch", "web", "--folder", "tls", "--once", "--vault-url", "https://127.0.0.1:1"];
        assert_eq!(self.cli(&nowhere).0, 1);
        assert_ne!(key(), first);
        self.good(&["certificate", "watch", "pfx", "--file", "kept.p12", "--once", "--mode", "640"]);
        assert!(self.openssl("pkcs12 -in kept.p12 -passin pass: -nodes").contains("BEGIN PRIVATE KEY"));
        let mode = std::fs::metadata(self.folder().join("kept.p12")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        let (code, _, err) = self.cli(&["certificate", "watch", "kept", "--file", "kept.pem", "--once"]);
        assert!(code == 1 && err.contains("stays in the vault"), "{err}");
    }

    #[track_caller]
    fn openssl(&self, line: &str) -> String {
        let mut command = Command::new("openssl");
        let output = run_to_end(command.args(line.split(' ')).current_dir(self.folder()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{line}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }
}

#[tokio::test]
async fn a_certificate_is_made_exported_and_taken_by_openssl() {
    let story = Story { vault: TestVault::dev().await };
    let id =
        story.good(&["certificate", "create", "web", "--subject", "CN=web.example, O=Example", "--dns", "web.example"]);
    assert!(id.contains("/certificates/web/"), "{id}");
    story.good(&["certificate", "export", "web", "--out", "web.pem"]);
    let mode = std::fs::metadata(story.folder().join("web.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "a private key is in it");
    assert!(story.openssl("x509 -in web.pem -noout -subject").contains("CN = web.example"));
    story.openssl("pkey -in web.pem -noout");
    std::fs::write(story.folder().join("leaf.pem"), story.good(&["certificate", "export", "web", "--public"])).unwrap();
    assert_eq!(story.openssl("verify -CAfile leaf.pem web.pem"), "web.pem: OK\n");
    story.good(&["certificate", "create", "pfx", "--dns", "pfx.example", "--format", "pfx", "--type", "RSA"]);
    story.good(&["certificate", "export", "pfx", "--out", "a.pfx"]);
    assert!(story.openssl("pkcs12 -in a.pfx -passin pass: -nodes").contains("BEGIN PRIVATE KEY"));

    // It is taken in as it went out, and one that is encrypted with its password.
    story.good(&["certificate", "import", "again", "--file", "web.pem", "--tag", "from=web"]);
    story.good(&["certificate", "export", "again", "--out", "again.pem"]);
    let read = |file: &str| std::fs::read(story.folder().join(file)).unwrap();
    assert!(read("again.pem") == read("web.pem"), "the same key and certificate");
    story.openssl("pkcs12 -export -in web.pem -passout pass:open -out web.pfx");
    std::fs::write(story.folder().join("password"), "open\n").unwrap();
    let import = ["certificate", "import", "kept", "--file", "web.pfx", "--not-exportable"];
    let (code, _, err) = story.cli(&import);
    assert!(code == 1 && err.contains("no password was given"), "{err}");
    story.good(&[&import[..], &["--password-file", "password"]].concat());
    story.good(&["certificate", "export", "kept", "--out", "kept.pfx"]);
    let kept = story.openssl("pkcs12 -in kept.pfx -passin pass: -nodes");
    assert!(kept.contains("BEGIN CERTIFICATE") && !kept.contains("PRIVATE"), "{kept}");

    // Disabled, and with it its secret; and one that names nobody is not taken in.
    let updated = story.good(&["certificate", "update", "again", "--enabled", "false", "--no-tags"]);
    assert!(updated.contains("false") && !updated.contains("from=web"), "{updated}");
    let (code, _, err) = story.cli(&["certificate", "export", "again"]);
    assert!(code == 5 && err.contains("certificate update again --enabled true"), "disabled: {err}");
    story.openssl("req -x509 -newkey rsa:2048 -nodes -subj / -keyout n.pem -out nobody.pem -days 9");
    let both = [read("n.pem"), read("nobody.pem")].concat();
    std::fs::write(story.folder().join("nobody.pem"), both).unwrap();
    let (code, _, err) = story.cli(&["certificate", "import", "nobody", "--file", "nobody.pem"]);
    assert!(code == 1 && err.contains("names nobody: have it issued with one"), "{err}");

    // The stored policy makes the next version.
    let next = story.good(&["certificate", "create", "web"]);
    assert_ne!(next, id);
    let (code, _, err) = story.cli(&["certificate", "create", "web", "--months", "2"]);
    assert!(code == 2 && err.contains("--months") && err.contains("policy set web"), "{err}");
    assert_eq!(story.good(&["certificate", "versions", "web"]).matches("true").count(), 2);
    // Now, and what is kept of the last one is kept: not that it is disabled.
    story.good(&["certificate", "update", "web", "--tag", "owner=me", "--disable"]);
    assert_ne!(story.good(&["certificate", "renew", "web"]), next);
    assert_eq!(story.good(&["certificate", "versions", "web"]).matches("true").count(), 2);
    assert!(story.good(&["certificate", "show", "web"]).contains("owner=me"));
    assert_eq!(story.cli(&["certificate", "renew", "none"]).0, 6, "there is none of the name");
    story.files_are_kept();
    let inspected = story.good(&["certificate", "inspect", "web"]);
    assert!(inspected.starts_with("CN=web.example,O=Example\n"), "{inspected}");
    assert!(inspected.contains("dns:web.example") && inspected.contains("its private key"), "{inspected}");
    assert!(!inspected.contains("wrong") && !inspected.contains("PRIVATE"), "{inspected}");
    let next = story.good(&["certificate", "renew", "web"]);
    let shown = story.good(&["certificate", "show", "web"]);
    assert!(shown.contains("web.example") && !shown.contains("PRIVATE"), "{shown}");
    assert!(shown.contains("at 80% of its lifetime"), "{shown}");
    let policy =
        story.good(&["certificate", "policy", "set", "web", "--renew-before", "30d", "--upn", "ada@web.example"]);
    assert!(policy.contains("30 days before it ends") && policy.contains("ada@web.example"), "{policy}");
    assert_eq!(story.good(&["certificate", "policy", "show", "web"]), policy);
    assert_eq!(story.good(&["certificate", "versions", "web"]).matches("true").count(), 4, "none is made for it");
    story.good(&["certificate", "backup", "web", "--file", "web.backup"]);
    story.good(&["certificate", "delete", "web"]);
    assert!(story.good(&["certificate", "list", "--deleted"]).contains("web"));
    story.good(&["certificate", "purge", "web", "--yes"]);
    assert_eq!(story.good(&["certificate", "restore", "--file", "web.backup"]), next);

    // A request, signed by an authority of OpenSSL's.
    story.good(&[
        "certificate",
        "create",
        "house-ca",
        "--subject",
        "CN=House",
        "--authority",
        "--path-length",
        "0",
        "--permit-dns",
        "issued.example",
    ]);
    story.good(&["certificate", "issuer", "set", "house", "--authority", "house-ca", "--max-days", "9"]);
    assert!(story.good(&["certificate", "issuer", "list"]).contains("Strongroom-CA"));
    assert!(story.good(&["certificate", "issuer", "show", "house"]).contains("house-ca"));
    story.good(&["certificate", "create", "issued", "--dns", "issued.example", "--issuer", "house"]);
    std::fs::write(story.folder().join("issued.pem"), story.good(&["certificate", "export", "issued"])).unwrap();
    std::fs::write(story.folder().join("ca.pem"), story.good(&["certificate", "export", "house-ca", "--public"]))
        .unwrap();
    story.openssl("verify -CAfile ca.pem issued.pem");
    let list =
        || std::fs::write(story.folder().join("crl.pem"), story.good(&["certificate", "crl", "house-ca"])).unwrap();
    list();
    story.openssl("verify -crl_check -CAfile ca.pem -CRLfile crl.pem issued.pem");
    let revoke = ["certificate", "revoke", "house-ca", "--certificate", "issued", "--reason", "superseded"];
    assert!(story.good(&revoke).contains("revoked"));
    assert!(story.good(&["certificate", "revocations", "house-ca"]).contains("superseded"));
    for look in
        [&["certificate", "show", "issued"][..], &["certificate", "list"], &["certificate", "versions", "issued"]]
    {
        assert!(story.good(look).contains("Z (superseded)"), "{look:?}");
    }
    let (code, out, _) = story.cli(&["certificate", "inspect", "issued"]);
    assert!(code == 3 && out.contains("it was revoked on"), "{out}");
    list();
    let refused = ["verify", "-crl_check", "-CAfile", "ca.pem", "-CRLfile", "crl.pem", "issued.pem"];
    let refused = run_to_end(Command::new("openssl").current_dir(story.folder()).args(refused));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("certificate revoked"), "{refused:?}");
    // Others have its key: the next version has a new one, whatever is said, and tells why.
    let compromised = ["certificate", "revoke", "house-ca", "--certificate", "issued", "--reason", "keyCompromise"];
    story.good(&compromised);
    let (kept, key) =
        (["--issuer", "house", "--reuse-key", "--replace-policy"], ["key", "export", "issued", "--format", "pem"]);
    let before = story.good(&key);
    story.good(&[&["certificate", "create", "issued", "--dns", "issued.example"][..], &kept].concat());
    assert_ne!(story.good(&key), before);
    assert!(story.good(&["certificate", "pending", "show", "issued"]).contains("revoked as compromised"));
    let (code, _, err) = story.cli(&["certificate", "create", "other", "--dns", "other.example", "--issuer", "house"]);
    assert!(code != 0 && err.contains("outside-constraints"), "{err}");
    // Nobody waits for what failed, and everybody who looks is told why.
    for look in [&["certificate", "show", "other"][..], &["certificate", "pending", "show", "other"]] {
        let shown = story.good(look);
        assert!(shown.contains("outside-constraints") && !shown.contains("for its authority"), "{shown}");
    }
    let (code, _, err) = story.cli(&["certificate", "export", "other"]);
    assert!(code == 1 && err.contains("outside-constraints") && !err.contains("merge"), "{err}");
    assert!(story.good(&["certificate", "list"]).contains("other"));
    story.good(&["certificate", "pending", "delete", "other"]);
    assert_eq!(story.cli(&["certificate", "pending", "show", "other"]).0, 6);
    story.good(&["certificate", "issuer", "delete", "house"]);
    story.good(&["certificate", "contacts", "set", "--email", "ops@app.example"]);
    assert!(story.good(&["certificate", "contacts", "show"]).contains("ops@app.example"));
    story.good(&["certificate", "contacts", "delete"]);

    let request = story.good(&["certificate", "create", "asked", "--dns", "asked.example", "--issuer", "Unknown"]);
    assert_eq!(story.good(&["certificate", "request", "asked"]), request);
    for export in [&["certificate", "export", "asked"][..], &["certificate", "export", "asked", "--public"]] {
        let (code, _, err) = story.cli(export);
        assert!(code == 1 && err.contains("waits for its authority") && err.contains("merge asked"), "{err}");
    }
    std::fs::write(story.folder().join("asked.csr"), request + "\n").unwrap();
    story.openssl(
        "req -x509 -newkey rsa:2048 -nodes -subj /CN=Authority -keyout authority.key -out authority.pem -days 30",
    );
    story.openssl(
        "x509 -req -in asked.csr -copy_extensions copy -CA authority.pem -CAkey authority.key -CAcreateserial -days 9 -out asked.pem",
    );
    let (code, _, err) = story.cli(&["certificate", "merge", "asked", "--file", "authority.pem"]);
    assert!(code == 1 && err.contains("key of the pending request"), "{err}");
    story.good(&["certificate", "merge", "asked", "--file", "asked.pem"]);
    std::fs::write(story.folder().join("out.pem"), story.good(&["certificate", "export", "asked"])).unwrap();
    assert_eq!(story.openssl("verify -CAfile authority.pem out.pem"), "out.pem: OK\n");
    // Drawn from the leaf to the root, whatever the order; and what is wrong is said.
    let alone = story.flawed(&["certificate", "inspect", "asked"]);
    assert!(alone.contains("incomplete") && alone.contains("its private key"), "{alone}");
    story.good(&["certificate", "inspect", "asked", "--root", "authority.pem"]);
    story.flawed(&["certificate", "inspect", "--file", "authority.pem", "--root", "nobody.pem"]);
    std::fs::write(story.folder().join("turned.pem"), [read("authority.pem"), read("out.pem")].concat()).unwrap();
    let turned = story.flawed(&["certificate", "inspect", "--file", "turned.pem"]);
    assert!(turned.contains("\n\u{2514}\u{2500} CN=Authority\n"), "{turned}");
    assert_eq!((turned.matches("out of order").count(), turned.matches("incomplete").count()), (2, 0), "{turned}");
    std::fs::write(story.folder().join("crossed.pem"), [read("n.pem"), read("authority.pem")].concat()).unwrap();
    story.openssl("req -x509 -newkey rsa:1024 -nodes -subj /CN=Weak -keyout weak.key -out weak.pem -days 2");
    for (file, said) in [("crossed.pem", "another certificate"), ("weak.pem", "RSA of 1024 bits")] {
        let inspected = story.flawed(&["certificate", "inspect", "--file", file]);
        assert!(inspected.contains(said), "{inspected}");
    }
    let url = url::Url::parse(&story.vault.env["STRONGROOM_URL"]).unwrap();
    let server = format!("127.0.0.1:{}", url.port().unwrap());
    let shown = |host: &str| story.cli(&["certificate", "inspect", "--connect", &server, "--host", host]).1;
    assert!(!shown("demo.vault.localhost").contains("is not for"), "the server's own");
    assert!(shown("elsewhere.example").contains("it is not for elsewhere.example"));
    let (code, _, err) = story.cli(&["certificate", "inspect", "--file", "asked.csr"]);
    assert!(code == 1 && !err.is_empty(), "{err}");
    let (code, _, err) = story.cli(&["certificate", "cancel", "asked"]);
    assert!(code == 1 && err.contains("not in progress"), "{err}");
}
