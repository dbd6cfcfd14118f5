//! Keys of the types with -HSM: made in the token, used in the token, destroyed there, and bound to their places in the
//! database.

use std::{path::Path, process::Command};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Hsm, becomes, make_vault, ready};
use crate::support::{Answer, Database, Named, Outside, TestVault, hosts_file, python, run, run_to_end, tests_folder};

/// A server with a token for keys and a root key in a file.
struct Story {
    outside: Outside,
    hsm: Hsm,
    operator: String,
}

impl Story {
    async fn begin() -> Self {
        let mut hsm = None;
        let configured = |text: &str, folder: &Path| {
            let made = Hsm::in_folder(folder);
            // The machine may be busy; making a big RSA key has a limit of its own.
            let section = made.section().replace("answer_seconds = 1", "answer_seconds = 5");
            hsm = Some(made);
            format!("{text}\n{section}")
        };
        let outside = Outside::start_configured(configured).await;
        let operator = outside.api_token("operator").await;
        let issuer = outside.issuer().to_owned();
        let grant = json!({ "issuer": issuer, "subject": "operator", "role": "Key Vault Administrator", "scope": "/" });
        outside.vault.assign(&operator, &grant).await;
        assert_eq!(make_vault(&outside.vault, &operator, "demo").await, 201);
        Self { outside, hsm: hsm.unwrap(), operator }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let path = format!("{path}?api-version=7.6");
        self.outside.vault.ask_vault("demo", method, &path).bearer(&self.operator).json(body).send().await
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        let path = format!("{path}?api-version=7.6");
        self.outside.vault.ask_vault("demo", method, &path).bearer(&self.operator).send().await
    }

    async fn make(&self, name: &str, body: &Value) -> Value {
        self.send(Method::POST, &format!("/keys/{name}/create"), body).await.expect(200).json()
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body).await
    }

    /// A script through Azure's packages for Python, as an app that may use the keys of `demo`.
    async fn through_python(&self, script: &str) {
        let vault = &self.outside.vault;
        let made = vault.ask_base(Method::POST, "/api/v1/workloads").bearer(&self.operator);
        let made = made.json(&json!({ "name": "app", "secret": true })).send().await.expect(201).json();
        let grant =
            json!({ "client_id": made["client_id"], "role": "Key Vault Crypto Officer", "scope": "/vaults/demo" });
        vault.assign(&self.operator, &grant).await;
        let hosts = hosts_file(vault.folder(), "127.0.0.1 vault.localhost demo.vault.localhost");
        let mut command = Command::new(python());
        command
            .arg(tests_folder().join(script))
            .env("VAULT_URL", vault.vault_url("demo"))
            .env("AZURE_AUTHORITY_HOST", &vault.base)
            .env("AZURE_TENANT_ID", "adfs")
            .env("AZURE_CLIENT_ID", made["client_id"].as_str().unwrap())
            .env("AZURE_CLIENT_SECRET", made["client_secret"].as_str().unwrap())
            .env("REQUESTS_CA_BUNDLE", &self.outside.certificates.ca);
        let said = run(&command, &Named::By(hosts)).expect_good();
        assert!(said.ends_with("done\n"), "{said}");
    }

    async fn delete_vault(&self, path: &str) -> Answer {
        self.outside.vault.ask_base(Method::DELETE, path).bearer(&self.operator).send().await
    }

    /// The server destroys by itself what was purged.
    async fn objects_become(&self, count: usize) {
        for _ in 0..500 {
            if self.objects() == count {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{} keys stay in the token:\n{}", self.objects(), self.outside.vault.log());
    }

    /// How many keys of this server are in the token, without its mark.
    fn objects(&self) -> usize {
        let mut count = 0;
        let mut folders = vec![self.hsm.folder.join("tokens")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "object")
                    && path.file_name().is_some_and(|name| name != "token.object")
                {
                    count += 1;
                }
            }
        }
        count - 1
    }
}

fn b64(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}

fn bytes(value: &Value) -> Vec<u8> {
    data_encoding::BASE64URL_NOPAD.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

/// openssl with files of these names and contents; gives what it wrote to `out`, if it was content.
fn openssl(folder: &Path, arguments: &str, files: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    for (name, content) in files {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let output = run_to_end(Command::new("openssl").current_dir(folder).args(arguments.split_whitespace()));
    output.status.success().then(|| std::fs::read(folder.join("out")).unwrap_or_default())
}

/// `SubjectPublicKeyInfo` of an RSA key of 2048 bits with the exponent 65537.
fn spki(key: &Value) -> Vec<u8> {
    let head = "30820122300d06092a864886f70d01010105000382010f003082010a0282010100";
    let head = data_encoding::HEXLOWER.decode(head.as_bytes()).unwrap();
    [head, bytes(&key["key"]["n"]), vec![2, 3, 1, 0, 1]].concat()
}

async fn signs(story: &Story, name: &str, algorithms: &[(&str, usize)]) {
    for (algorithm, length) in algorithms {
        let digest = b64(&vec![7; *length]);
        let body = json!({ "alg": algorithm, "value": digest });
        let signed = story.post(&format!("/keys/{name}//sign"), &body).await.expect(200).json();
        for (digest, valid) in [(digest.clone(), true), (b64(&vec![8; *length]), false)] {
            let body = json!({ "alg": algorithm, "digest": digest, "value": signed["value"] });
            // In software, by the public half.
            let verified = story.post(&format!("/keys/{name}//verify"), &body).await.expect(200).json();
            assert_eq!(verified["value"], valid, "{name} {algorithm}");
        }
    }
}

#[tokio::test]
async fn keys_in_a_token_are_made_and_used_there() {
    let story = Story::begin().await;
    let folder = story.outside.vault.folder().to_owned();
    for size in [2048, 4096] {
        let key = story.make(&format!("rsa-{size}"), &json!({ "kty": "RSA-HSM", "key_size": size })).await;
        assert_eq!((&key["key"]["kty"], &key["key"]["e"]), (&json!("RSA-HSM"), &json!("AQAB")));
        assert_eq!(bytes(&key["key"]["n"]).len(), size / 8);
        assert_eq!((&key["attributes"]["hsmPlatform"], &key["attributes"]["key_size"]), (&json!("1"), &json!(size)));
        signs(&story, &format!("rsa-{size}"), &[("RS256", 32), ("PS512", 64)]).await;
    }
    signs(&story, "rsa-2048", &[("RS384", 48), ("RS512", 64), ("PS256", 32), ("PS384", 48)]).await;
    for (curve, algorithm, length) in
        [("P-256", "ES256", 32), ("P-384", "ES384", 48), ("P-521", "ES512", 64), ("P-256K", "ES256K", 32)]
    {
        let key = story.make(curve, &json!({ "kty": "EC-HSM", "crv": curve })).await;
        assert_eq!((&key["key"]["kty"], &key["key"]["crv"]), (&json!("EC-HSM"), &json!(curve)));
        signs(&story, curve, &[(algorithm, length)]).await;
    }

    // No room for another one: those that are there serve, and nobody is told that the token is away.
    std::fs::write(story.hsm.folder.join("full"), "").unwrap();
    let full = story.post("/keys/more/create", &json!({ "kty": "EC-HSM", "crv": "P-256" })).await.expect(507).json();
    assert_eq!(full["error"]["innererror"]["code"], "TokenFull");
    signs(&story, "P-256", &[("ES256", 32)]).await;
    assert_eq!(ready(&story.outside.vault).await.0, 200);
    std::fs::remove_file(story.hsm.folder.join("full")).unwrap();

    // OpenSSL knows the signature, and what it encrypts is decrypted in the token.
    let rsa = story.ask(Method::GET, "/keys/rsa-2048/").await.expect(200).json();
    let body = json!({ "alg": "RS256", "value": b64(&[7; 32]) });
    let signature = bytes(&story.post("/keys/rsa-2048//sign", &body).await.expect(200).json()["value"]);
    let verify = "pkeyutl -verify -pubin -keyform DER -inkey key -in digest -sigfile signature -pkeyopt digest:sha256";
    let files: [(&str, &[u8]); 3] = [("key", &spki(&rsa)), ("digest", &[7; 32]), ("signature", &signature)];
    assert!(openssl(&folder, verify, &files).is_some(), "openssl knows it");
    assert!(openssl(&folder, verify, &[("digest", &[8; 32])]).is_none());
    let encrypt = "pkeyutl -encrypt -pubin -keyform DER -inkey key -in text -out out -pkeyopt rsa_padding_mode:oaep";
    let sealed = openssl(&folder, encrypt, &[("text", b"from openssl")]).unwrap();
    let body = json!({ "alg": "RSA-OAEP", "value": b64(&sealed) });
    let opened = story.post("/keys/rsa-2048//decrypt", &body).await.expect(200).json();
    assert_eq!(bytes(&opened["value"]), b"from openssl");
    let body = json!({ "alg": "RSA1_5", "value": b64(&[9; 32]) });
    let wrapped = story.post("/keys/rsa-2048//wrapkey", &body).await.expect(200).json();
    let body = json!({ "alg": "RSA1_5", "value": wrapped["value"] });
    let unwrapped = story.post("/keys/rsa-2048//unwrapkey", &body).await.expect(200).json();
    assert_eq!(bytes(&unwrapped["value"]), [9; 32]);
    // What the token lacks is said, and what is wrong with a ciphertext is not.
    let body = json!({ "alg": "RSA-OAEP-256", "value": b64(&sealed) });
    let lacks = story.post("/keys/rsa-2048//decrypt", &body).await.expect(400);
    assert!(lacks.text().contains("lacks the algorithm"), "{}", lacks.text());
    // So it is not encrypted by it either, although the public half is here.
    for there in ["encrypt", "wrapkey"] {
        let lacks = story.post(&format!("/keys/rsa-4096//{there}"), &body).await.expect(400);
        assert!(lacks.text().contains("lacks the algorithm"), "{}", lacks.text());
    }
    let mut forged = sealed.clone();
    forged[7] ^= 1;
    let body = json!({ "alg": "RSA-OAEP", "value": b64(&forged) });
    let failed = story.post("/keys/rsa-2048//decrypt", &body).await.expect(400);
    assert!(failed.text().contains("The operation failed"), "{}", failed.text());

    for size in [128, 192, 256] {
        let name = format!("oct-{size}");
        let key = story.make(&name, &json!({ "kty": "oct-HSM", "key_size": size })).await;
        assert_eq!((&key["key"]["kty"], key["key"]["k"].is_null()), (&json!("oct-HSM"), true));
        for (algorithm, text) in [("GCM", &b"data"[..]), ("CBC", &[5; 32]), ("CBCPAD", b"data")] {
            let algorithm = format!("A{size}{algorithm}");
            let body = json!({ "alg": algorithm, "value": b64(text) });
            let mut sealed = story.post(&format!("/keys/{name}//encrypt"), &body).await.expect(200).json();
            assert_ne!(bytes(&sealed["value"]), text);
            sealed["alg"] = json!(algorithm);
            let opened = story.post(&format!("/keys/{name}//decrypt"), &sealed).await.expect(200).json();
            assert_eq!(bytes(&opened["value"]), text, "{algorithm}");
            if algorithm.ends_with("GCM") {
                sealed["aad"] = json!(b64(b"other"));
                story.post(&format!("/keys/{name}//decrypt"), &sealed).await.expect(400);
            }
        }
        let algorithm = format!("A{size}KW");
        let body = json!({ "alg": algorithm, "value": b64(&[6; 24]) });
        let wrapped = story.post(&format!("/keys/{name}//wrapkey"), &body).await.expect(200).json();
        let mut body = json!({ "alg": algorithm, "value": wrapped["value"] });
        let unwrapped = story.post(&format!("/keys/{name}//unwrapkey"), &body).await.expect(200).json();
        assert_eq!(bytes(&unwrapped["value"]), [6; 24]);
        body["value"] = json!(b64(&[6; 32]));
        story.post(&format!("/keys/{name}//unwrapkey"), &body).await.expect(400);
    }
    // Two RSA keys, four on curves, and three objects for each symmetric one.
    assert_eq!(story.objects(), 2 + 4 + 3 * 3);
    let refused = story.post("/keys/mac/create", &json!({ "kty": "oct-HSM", "key_ops": ["sign"] })).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    let import = json!({ "key": { "kty": "oct-HSM", "k": b64(&[1; 32]) } });
    let refused = story.send(Method::PUT, "/keys/imported", &import).await.expect(400);
    assert!(refused.text().contains("cannot be imported"), "{}", refused.text());

    // What holds for keys in software holds here.
    let off = json!({ "attributes": { "enabled": false } });
    story.send(Method::PATCH, "/keys/P-256/", &off).await.expect(200);
    let body = json!({ "alg": "ES256", "value": b64(&[7; 32]) });
    assert_eq!(story.post("/keys/P-256//sign", &body).await.problem(), "403 Forbidden/KeyDisabled");
    story.through_python("sdk/python/hardware_keys.py").await;
    // Those of the packages are destroyed with their names.
    story.objects_become(2 + 4 + 3 * 3).await;
    let record = story.outside.vault.log();
    assert!(!record.contains(super::PIN), "no PIN is in the log");
}

#[tokio::test]
async fn keys_in_a_token_are_tried_in_development_and_told_from_those_in_software() {
    let mut hsm = None;
    let vault = TestVault::dev_with(|folder| {
        let made = Hsm::in_folder(folder);
        let (module, pin) = (made.module(), made.folder.join("pin"));
        hsm = Some(made);
        let options = ["--pkcs11-module", "--pkcs11-token", "--pkcs11-pin-file"].into_iter();
        let values = [module.display().to_string(), super::TOKEN.to_owned(), pin.display().to_string()];
        options.zip(values).flat_map(|(option, value)| [option.to_owned(), value]).collect()
    });
    let vault = vault.await;
    let cli = |line: &str| {
        let output = run_to_end(&mut vault.cli(&vault.app(), &line.split(' ').collect::<Vec<_>>()));
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    };
    let (good, said) = cli("key create hard --type EC-HSM");
    assert!(good, "{said}");
    for command in ["key get hard", "key list", "key versions hard"] {
        let (_, said) = cli(command);
        assert!(said.contains("EC-HSM, P-256, in the hardware token"), "{command}: {said}");
    }
    // A version in software takes its place only if that is said.
    let (good, said) = cli("key create hard --type EC");
    assert!(!good && said.contains("--leave-hardware"), "{said}");
    let (good, said) = cli("key create hard --type EC --leave-hardware");
    assert!(good, "{said}");
    let (_, said) = cli("key get hard");
    assert!(said.contains("EC, P-256") && !said.contains("token"), "{said}");
}

#[tokio::test]
async fn keys_in_a_token_are_bound_to_their_places_and_destroyed_with_them() {
    let mut story = Story::begin().await;
    let ec = json!({ "kty": "EC-HSM" });
    let first = story.make("one", &ec).await;
    story.make("two", &ec).await;
    assert_eq!(story.objects(), 2);
    let digest = b64(&[7; 32]);
    let sign = json!({ "alg": "ES256", "value": digest });

    // A new version is in the token too; the old one goes on verifying, and one in software may follow.
    let second = story.post("/keys/one/rotate", &json!({})).await.expect(200).json();
    assert_eq!(second["key"]["kty"], "EC-HSM");
    assert_ne!(second["key"]["x"], first["key"]["x"]);
    story.make("one", &json!({ "kty": "EC" })).await;
    assert_eq!(story.objects(), 3);
    let old = first["key"]["kid"].as_str().unwrap().rsplit_once("/keys/").unwrap().1.to_owned();
    story.post(&format!("/keys/{old}/sign"), &sign).await.expect(200);
    let refused = story.ask(Method::POST, "/keys/one/backup").await.expect(400);
    assert!(refused.text().contains("no backup can hold"), "{}", refused.text());

    // The token is pulled: keys there are out of reach and nothing else is.
    story.make("here", &json!({ "kty": "EC" })).await;
    assert_eq!(make_vault(&story.outside.vault, &story.operator, "brief").await, 201);
    let brief = story.outside.vault.ask_vault("brief", Method::POST, "/keys/k/create?api-version=7.6");
    brief.bearer(&story.operator).json(&ec).send().await.expect(200);
    assert_eq!(story.objects(), 4);
    story.hsm.unplug();
    assert_eq!(becomes(&story.outside.vault, 503).await, "the token of keys does not answer");
    assert_eq!(story.post("/keys/two//sign", &sign).await.problem(), "503 ServiceUnavailable");
    assert_eq!(story.post("/keys/new/create", &ec).await.problem(), "503 ServiceUnavailable");
    story.post("/keys/here//sign", &sign).await.expect(200);
    story.ask(Method::GET, "/keys/two").await.expect(200);
    // Purged while it is away: destroyed when it is back.
    story.ask(Method::DELETE, "/keys/one").await.expect(200);
    story.ask(Method::DELETE, "/deletedkeys/one").await.expect(204);
    for path in ["/api/v1/vaults/brief", "/api/v1/deletedvaults/brief"] {
        let gone = story.delete_vault(path).await;
        assert!(gone.status < 300, "{}", gone.text());
    }
    story.outside.vault.log_says("could not be destroyed in the hardware token").await;
    story.hsm.plug_in();
    becomes(&story.outside.vault, 200).await;
    story.post("/keys/two//sign", &sign).await.expect(200);
    story.outside.vault.log_says("destroyed purged keys in the hardware token").await;
    // All versions of the purged key, the key of the purged vault, and no other key.
    story.objects_become(1).await;
    story.post("/keys/two//sign", &sign).await.expect(200);

    // What is soft deleted is still there, and comes back.
    story.ask(Method::DELETE, "/keys/two").await.expect(200);
    assert_eq!(story.objects(), 1);
    story.ask(Method::POST, "/deletedkeys/two/recover").await.expect(200);
    story.post("/keys/two//sign", &sign).await.expect(200);

    // Purged while the token is away, and a row of the same name is damaged then: the others are destroyed all the same.
    story.make("three", &ec).await;
    for name in ["a", "b", "c"] {
        story.make(name, &ec).await;
    }
    assert_eq!(story.objects(), 5);
    story.hsm.unplug();
    for name in ["a", "b", "c"] {
        story.ask(Method::DELETE, &format!("/keys/{name}")).await.expect(200);
        story.ask(Method::DELETE, &format!("/deletedkeys/{name}")).await.expect(204);
        story.make(name, &json!({ "kty": "EC" })).await;
    }
    story.outside.vault.stop();
    story.hsm.plug_in();

    // Rows that are swapped give no other key's signature.
    let mut database = Database::open(&story.outside.vault).await;
    database.run("CREATE TABLE kept AS SELECT * FROM secret_versions").await;
    for (to, from) in [("key/two", "key/three"), ("key/three", "key/two")] {
        let other = |column| format!("{column} = (SELECT {column} FROM kept WHERE name = '{from}')");
        let set = [other("wrapped_data_key"), other("ciphertext")].join(", ");
        database.change(1, &format!("UPDATE secret_versions SET {set} WHERE name = '{to}'")).await;
    }
    database.run("DROP TABLE kept").await;
    database.change(1, "UPDATE secrets SET rotation = 'nothing that can be read' WHERE name = 'key/b'").await;
    database.close().await;
    story.outside.vault.start().await.unwrap();
    story.objects_become(3).await;
    for name in ["two", "three"] {
        let answer = story.post(&format!("/keys/{name}//sign"), &sign).await;
        assert_eq!(answer.status, 500, "{}", answer.text());
    }

    // Somebody with the PIN puts keys of their own in the places of others: one that is in use, one that is not, and one
    // of which the token itself says nothing bad.
    for name in ["used", "known", "there"] {
        story.make(name, &json!({ "kty": "oct-HSM", "key_size": 256 })).await;
    }
    story.make("rsa", &json!({ "kty": "RSA-HSM", "key_size": 2048 })).await;
    let encrypt = |name: &str| (format!("/keys/{name}//encrypt"), json!({ "alg": "A256GCM", "value": b64(b"data") }));
    let wrap = |name: &str| (format!("/keys/{name}//wrapkey"), json!({ "alg": "A256KW", "value": b64(&[6; 32]) }));
    let (path, body) = encrypt("used");
    story.post(&path, &body).await.expect(200);
    let unwrap = json!({ "alg": "RSA-OAEP", "value": b64(&[5; 256]) });
    // A pair takes the token long to make: its last one stays for the others.
    let rsa = [
        ("made there", "wrapkey", json!({ "alg": "RSA-OAEP", "value": digest })),
        ("", "unwrapkey", unwrap.clone()),
        ("", "decrypt", unwrap),
        ("", "sign", json!({ "alg": "RS256", "value": digest })),
    ];
    let rsa = rsa.map(|(value, operation, body)| (value, (format!("/keys/rsa//{operation}"), body)));
    let known = [encrypt("used"), encrypt("known"), wrap("known")].map(|request| ("Known", request));
    let there = [encrypt("there"), wrap("there")].map(|request| ("made there", request));
    for (value, (path, body)) in known.into_iter().chain(there).chain(rsa) {
        let file = story.hsm.folder.join("exchange");
        if !value.is_empty() {
            std::fs::write(&file, value).unwrap();
        }
        let first = story.post(&path, &body).await;
        if !value.is_empty() {
            std::fs::remove_file(&file).unwrap();
        }
        for answer in [first, story.post(&path, &body).await] {
            assert_eq!(answer.status, 500, "{path}: {}", answer.text());
        }
    }
    story.outside.vault.log_says("the hardware token has another key in this one's place").await;
    assert_eq!(ready(&story.outside.vault).await.0, 200);
    story.outside.vault.stop();
}
