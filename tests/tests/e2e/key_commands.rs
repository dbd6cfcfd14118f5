//! The commands of keys, against OpenSSL and ssh-keygen in both directions.

use std::{path::Path, process::Command};

use crate::support::{TestVault, run_to_end};

struct Story {
    vault: TestVault,
}

impl Story {
    async fn begin() -> Self {
        Self { vault: TestVault::dev().await }
    }

    fn folder(&self) -> &Path {
        self.vault.folder()
    }

    fn cli(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = run_to_end(&mut self.vault.cli(&self.vault.app(), arguments));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    #[track_caller]
    fn good(&self, line: &str) -> String {
        let (code, out, err) = self.cli(&line.split(' ').collect::<Vec<_>>());
        assert_eq!(code, 0, "{line}: {err}");
        out
    }

    #[track_caller]
    fn other(&self, line: &str) -> String {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap());
        let output = run_to_end(command.args(words).current_dir(self.folder()));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{line}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder().join(name), bytes).unwrap();
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder().join(name)).unwrap()
    }
}

#[tokio::test]
async fn a_file_is_signed_here_and_verified_by_openssl_and_back() {
    let story = Story::begin().await;
    let text = b"a release\n".repeat(100_000);
    story.file("release", &text);
    story.good("key create signer --type RSA --size 2048 --tag team=pay");
    story.good("key sign signer --algorithm RS256 --file release --out release.sig");
    story.file("signer.pem", story.good("key export signer").as_bytes());
    let said = story.other("openssl dgst -sha256 -verify signer.pem -signature release.sig release");
    assert!(said.contains("Verified OK"), "{said}");
    story.good("key verify signer --algorithm RS256 --signature release.sig --file release");
    // In JSON it says which version signed: that one verifies, whatever is current then.
    let signed = story.good("key sign signer --algorithm RS256 --file release --output json");
    assert!(signed.contains("/keys/signer/") && signed.contains(r#""alg":"RS256""#), "{signed}");
    story.file("signed.json", signed.as_bytes());
    story.good("key rotate signer");
    let said = story.good("key verify signer --algorithm RS256 --signature signed.json --file release");
    assert!(said.starts_with("good: signed by version "), "{said}");
    let (code, _, err) = story.cli(
        &"key verify signer --algorithm RS256 --signature release.sig --file release".split(' ').collect::<Vec<_>>(),
    );
    assert!(code == 3 && err.contains("--version names another one"), "{err}");
    story.file("release", b"another");
    let (code, _, err) = story.cli(&[
        "key",
        "verify",
        "signer",
        "--algorithm",
        "RS256",
        "--signature",
        "release.sig",
        "--file",
        "release",
    ]);
    assert!(code == 3 && err.contains("not that of the key's current version"), "{err}");
    let (code, _, err) =
        story.cli(&["key", "sign", "signer", "--algorithm", "RS256", "--file", "release", "--out", "release.sig"]);
    assert!(code == 1 && !err.is_empty(), "a file that is there is not replaced");

    story.other("openssl genrsa -traditional -out own.pem 3072");
    story.good("key import own --file own.pem");
    story.other("openssl dgst -sha512 -sign own.pem -out own.sig release");
    story.good("key verify own --algorithm RS512 --signature own.sig --file release");
    let jwk = story.good("key export own --format jwk");
    assert!(jwk.contains("\"kty\":\"RSA\"") && !jwk.contains("\"d\"") && jwk.contains("/keys/own/"), "{jwk}");
    story.good("key create bitcoin --curve P-256K");
    assert!(story.good("key export bitcoin --format jwk").contains(r#""crv":"secp256k1""#));

    // Elliptic signatures have two forms, of which OpenSSL takes one.
    for (curve, algorithm, digest) in [("P-256", "ES256", "sha256"), ("P-521", "ES512", "sha512")] {
        let (key, sig) = (format!("ec-{algorithm}"), format!("{algorithm}.sig"));
        story.good(&format!("key create {key} --curve {curve}"));
        story.good(&format!("key sign {key} --algorithm {algorithm} --format der --file release --out {sig}"));
        story.file("ec.pem", story.good(&format!("key export {key}")).as_bytes());
        let said = story.other(&format!("openssl dgst -{digest} -verify ec.pem -signature {sig} release"));
        assert!(said.contains("Verified OK"), "{said}");
        story.good(&format!("key verify {key} --algorithm {algorithm} --format der --signature {sig} --file release"));
    }
    story.other("openssl ecparam -name prime256v1 -genkey -noout -out theirs.pem");
    story.good("key import theirs --file theirs.pem");
    story.other("openssl dgst -sha256 -sign theirs.pem -out theirs.sig release");
    story.good("key verify theirs --algorithm ES256 --format der --signature theirs.sig --file release");
    let verify = "key verify theirs --algorithm ES256 --signature theirs.sig --file release";
    let (code, _, err) = story.cli(&verify.split(' ').collect::<Vec<_>>());
    assert!(code == 1 && err.contains("--format der"), "{err}");
}

#[tokio::test]
async fn what_openssl_encrypts_to_a_key_it_decrypts_and_files_come_back() {
    let story = Story::begin().await;
    story.file("plain", b"four and twenty");
    story.good("key create box --type RSA");
    story.file("box.pem", story.good("key export box").as_bytes());
    let switch = |change: [&str; 2]| {
        let command = ["vault", "update", "demo", change[0], change[1]];
        let output = run_to_end(&mut story.vault.cli(&story.vault.operator(), &command));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(switch(["--refuse-algorithm", "weak"]).contains("A256CBCPAD, RSA-OAEP, RSA1_5"));
    let (code, _, err) = story.cli(&["key", "encrypt", "box", "--algorithm", "RSA1_5", "--file", "plain"]);
    assert!(code != 0 && err.contains("switched off in this vault"), "{err}");
    assert!(switch(["--accept-algorithm", "RSA1_5"]).contains("A256CBCPAD, RSA-OAEP"), "what is not named stays");
    story.good("key encrypt box --algorithm RSA1_5 --file plain");
    story.other("openssl pkeyutl -encrypt -pubin -inkey box.pem -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -in plain -out theirs");
    story.good("key decrypt box --algorithm RSA-OAEP-256 --format raw --file theirs --out opened");
    assert_eq!(story.bytes("opened"), b"four and twenty");
    let (code, _, err) = story.cli(&["key", "decrypt", "box", "--algorithm", "RSA-OAEP-256", "--file", "theirs"]);
    assert!(code == 1 && err.contains("--format raw"), "{err}");

    story.good("key create shared --type oct --size 256");
    story.good("key encrypt shared --algorithm A256GCM --file plain --out sealed.json");
    story.good("key create shared --type oct --size 256");
    assert_eq!(story.good("key decrypt shared --file sealed.json"), "four and twenty", "by its version");
    let (code, _, err) = story.cli(&["key", "decrypt", "shared", "--algorithm", "A128GCM", "--file", "sealed.json"]);
    assert!(code == 1 && err.contains("by A256GCM, and --algorithm is A128GCM"), "{err}");
    story.file("dek", &[7; 32]);
    story.good("key wrap shared --algorithm A256KW --file dek --out wrapped.json");
    story.good("key unwrap shared --algorithm A256KW --file wrapped.json --out unwrapped");
    assert_eq!(story.bytes("unwrapped"), [7; 32]);
}

#[tokio::test]
async fn keys_of_every_form_come_in_and_their_public_halves_go_out() {
    let story = Story::begin().await;
    story.file("plain", b"data");
    for (name, make) in [
        ("sec1", "openssl ecparam -name prime256v1 -genkey -noout -out sec1"),
        ("pkcs8", "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out pkcs8"),
        ("der", "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -outform DER -out der"),
    ] {
        story.other(make);
        story.good(&format!("key import {name} --file {name}"));
        story.file(&format!("{name}.pub"), story.good(&format!("key export {name} --format ssh")).as_bytes());
        let fingerprint = story.other(&format!("ssh-keygen -lf {name}.pub"));
        assert!(fingerprint.contains("(ECDSA)"), "{fingerprint}");
        let form = if name == "der" { "-inform DER " } else { "" };
        let theirs = story.other(&format!("openssl pkey {form}-in {name} -pubout"));
        assert_eq!(story.good(&format!("key export {name}")), theirs.trim());
    }
    story.file("password", b"secret\n");
    story.file("wrong", b"other\n");
    story.other("openssl genpkey -algorithm RSA -aes256 -pass pass:secret -out lockedPEM");
    story.other(
        "openssl pkcs8 -topk8 -in lockedPEM -passin pass:secret -passout pass:secret -outform DER -out lockedDER",
    );
    for form in ["PEM", "DER"] {
        let import = format!("key import locked{form} --file locked{form}");
        let fails = |line: &str, said: &str| {
            let (code, _, err) = story.cli(&line.split(' ').collect::<Vec<_>>());
            assert!(code == 1 && err.contains(said), "{err}");
        };
        fails(&import, "encrypted: give --password-file FILE");
        fails(&format!("{import} --password-file wrong"), "the password is wrong");
        story.good(&format!("{import} --password-file password"));
        let theirs = story.other("openssl pkey -in lockedPEM -passin pass:secret -pubout");
        assert_eq!(story.good(&format!("key export locked{form}")), theirs.trim());
    }
    story.other("openssl genpkey -algorithm RSA-PSS -out pss");
    story.good("key import pss --file pss");
    assert!(
        story.good("key get pss --output json").contains(r#""key_ops":["sign","verify"]"#),
        "as the file restricts it"
    );
    let (code, _, err) = story.cli(&["key", "import", "pss", "--file", "pss", "--op", "decrypt"]);
    assert!(code == 1 && err.contains("RSASSA-PSS"), "{err}");
    story.other("openssl genrsa -out small 1024");
    let (code, _, err) = story.cli(&["key", "import", "small", "--file", "small"]);
    assert!(code != 0 && err.contains("size"), "{err}");
}

#[tokio::test]
async fn a_key_lives_and_is_purged_by_the_command_line() {
    let story = Story::begin().await;
    assert!(story.good("key create k --curve P-384").contains("/keys/k/"));
    std::fs::write(story.vault.folder().join("text"), "text").unwrap();
    let (code, _, err) = story.cli(&["key", "sign", "k", "--algorithm", "ES256", "--file", "text"]);
    assert!(code == 1 && err.contains("those that do: ES384"), "{err}");
    let updated = story.good("key update k --enabled false --op verify --expires 2099-01-31T00:00:00Z");
    assert!(updated.contains("2099-01-31") && updated.contains("EC, P-384") && updated.contains("verify"), "{updated}");
    assert!(story.good("key get k --output json").contains(r#""key_ops":["verify"]"#));
    let shown = story.good("key get k");
    assert!(shown.contains("EC, P-384") && shown.contains("verify") && !shown.contains('{'), "{shown}");
    let (code, _, err) = story.cli(&["key", "create", "r", "--type", "RSA", "--curve", "P-256"]);
    assert!(code == 1 && err.contains("RSA keys have a size"), "{err}");
    assert_eq!(story.cli(&["key", "update", "k"]).0, 1, "a change says what changes");
    let listed = story.good("key list");
    assert!(listed.contains("false") && listed.contains("2099-01-31") && listed.contains("EC, P-384"), "{listed}");
    assert_eq!(story.good("key versions k").lines().count(), 2);
    assert!(story.good("key rotation-policy show k").contains("P30D"));
    story.good("key rotation-policy set k --rotate-after P90D --expiry P1Y");
    let shown = story.good("key rotation-policy show k");
    assert!(shown.contains("P90D after it was made: 20") && !shown.contains('{'), "{shown}");
    // What is not said stays; nothing said changes nothing.
    story.good("key rotation-policy set k --notify-before-expiry P20D");
    assert_eq!(story.cli(&["key", "rotation-policy", "set", "k"]).0, 2);
    let shown = story.good("key rotation-policy show k");
    assert!(shown.contains("P90D after") && shown.contains("P20D before") && shown.contains("P1Y"), "{shown}");
    let shown = story.good("key rotation-policy set k --no-rotate --no-expiry");
    assert!(shown.contains("none by itself") && shown.contains("without end") && shown.contains("P20D"), "{shown}");
    story.good("key rotation-policy set k --rotate-after P90D --expiry P1Y");
    let policy = story.good("key rotation-policy show k --output json");
    assert!(policy.contains(r#""timeAfterCreate":"P90D""#) && policy.contains(r#""expiryTime":"P1Y""#), "{policy}");
    assert!(story.good("key rotate k").contains("/keys/k/"));
    assert_eq!(story.good("key versions k").lines().count(), 3);
    story.good("key backup k --file k.backup");
    assert!(story.good("key delete k").contains("recoverable until"));
    assert!(story.good("key list --deleted").contains('k'));
    story.good("key recover k");
    story.good("key delete k");
    story.good("key purge k --yes");
    assert_eq!(story.cli(&["key", "get", "k"]).0, 6, "not found");
    assert_eq!(story.cli(&["key", "versions", "k"]).0, 6, "not found either");
    let (code, _, err) = story.cli(&["key", "get", "https://demo.vault.localhost/keys/k/0a"]);
    assert!(code == 1 && err.contains("is it k?"), "{err}");
    assert!(story.good("key restore --file k.backup").contains("/keys/k/"));
    let (code, _, err) = story.cli(&["key", "create", "hard", "--type", "RSA-HSM"]);
    assert!(code != 0 && err.contains("hardware"), "{err}");
    story.good("key create sized --type oct --size 192 --op wrapKey");
    assert!(story.good("key get sized").contains("oct, 192 bits"));
    let (code, _, err) = story.cli(&["key", "encrypt", "sized", "--algorithm", "A192GCM", "--file", "text"]);
    assert!(code == 5 && err.contains("which is for wrapKey") && err.contains("key update NAME --op"), "{err}");
    assert!(!err.contains(".;"), "{err}");
}
