//! The root key in a token, with SoftHSM2: it never leaves the token, and a token that is away, hangs or
//! refuses its PIN is one clear line, a readiness that says so, and a return without a restart. Keys of vaults in the
//! same token are in `keys`.

mod keys;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::json;

use crate::{
    seal::Sealed,
    support::{Outside, TestVault, binary, run_to_end, tests_folder},
};

const TOKEN: &str = "strongroom";
const PIN: &str = "correct-pin";

/// SoftHSM2 with a token of its own, behind the tests' module (`tests/hsm/module.c`).
struct Hsm {
    folder: PathBuf,
}

impl Hsm {
    fn in_folder(parent: &Path) -> Self {
        let folder = parent.join("hsm");
        std::fs::create_dir_all(folder.join("tokens")).unwrap();
        let conf = format!("directories.tokendir = {}/tokens\nobjectstore.backend = file\n", folder.display());
        std::fs::write(folder.join("softhsm2.conf"), conf).unwrap();
        let hsm = Self { folder };
        hsm.add_token(TOKEN);
        hsm.write_pin(PIN);
        let source = tests_folder().join("hsm/module.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(hsm.module()).arg(&source);
        done(compiler.arg(format!("-DFOLDER=\"{}\"", hsm.folder.display())).arg("-ldl"));
        hsm
    }

    fn add_token(&self, label: &str) {
        let mut tool = Command::new("softhsm2-util");
        tool.env("SOFTHSM2_CONF", self.folder.join("softhsm2.conf"));
        done(tool.args(["--init-token", "--free", "--label", label, "--so-pin", "so-pin-12", "--pin", PIN]));
    }

    fn module(&self) -> PathBuf {
        self.folder.join("module.so")
    }

    fn write_pin(&self, pin: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.join("pin");
        std::fs::write(&path, format!("{pin}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn section(&self) -> String {
        let folder = self.folder.display();
        format!(
            "[pkcs11]\nmodule = \"{folder}/module.so\"\ntoken = \"{TOKEN}\"\npin_from = \"file:{folder}/pin\"\n\
             answer_seconds = 1\n"
        )
    }

    fn unplug(&self) {
        std::fs::rename(self.folder.join("tokens"), self.folder.join("away")).unwrap();
        std::fs::create_dir(self.folder.join("tokens")).unwrap();
    }

    fn plug_in(&self) {
        std::fs::remove_dir_all(self.folder.join("tokens")).unwrap();
        std::fs::rename(self.folder.join("away"), self.folder.join("tokens")).unwrap();
    }

    /// The slot of the only token.
    fn slot(&self) -> u64 {
        let mut tool = Command::new("softhsm2-util");
        let output = run_to_end(tool.env("SOFTHSM2_CONF", self.folder.join("softhsm2.conf")).arg("--show-slots"));
        let said = String::from_utf8(output.stdout).unwrap();
        let slot = said.lines().find_map(|line| line.strip_prefix("Slot ")).expect("a slot");
        slot.trim().parse().expect("its number")
    }

    fn log_ins(&self) -> usize {
        std::fs::read(self.folder.join("logins")).map_or(0, |log| log.len())
    }
}

fn done(command: &mut Command) {
    let output = run_to_end(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `strongroom seal ARGUMENTS --config FILE`.
fn seal(config: &Path, arguments: &[&str]) -> (bool, String) {
    let output = run_to_end(Command::new(binary()).arg("seal").args(arguments).arg("--config").arg(config));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.success(), said)
}

async fn ready(vault: &TestVault) -> (u16, String) {
    let answer = vault.ask_base(Method::GET, "/readyz").send().await;
    (answer.status, answer.json()["status"].as_str().unwrap_or_default().to_owned())
}

/// Nobody asks for the root key meanwhile: the server looks for itself.
async fn becomes(vault: &TestVault, status: u16) -> String {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let (found, said) = ready(vault).await;
        if found == status {
            return said;
        }
        assert!(Instant::now() < until, "it stays {found}, {said}:\n{}", vault.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn make_vault(vault: &TestVault, operator: &str, name: &str) -> u16 {
    let made = vault.ask_base(Method::POST, "/api/v1/vaults").bearer(operator).json(&json!({ "name": name }));
    made.send().await.status
}

/// For some time after a failure the token is not even asked.
async fn until_made(vault: &TestVault, operator: &str, name: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while make_vault(vault, operator, name).await != 201 {
        assert!(Instant::now() < until, "the token does not come back:\n{}", vault.log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn secret(vault: &TestVault, operator: &str, name: &str) -> u16 {
    let ask = vault.ask_vault(name, Method::GET, "/secrets/kept?api-version=7.6").bearer(operator);
    ask.send().await.status
}

#[tokio::test]
async fn a_root_key_in_a_token_stays_there_and_a_token_that_was_away_is_back_without_a_restart() {
    let mut hsm = None;
    let configured = |text: &str, folder: &Path| {
        let made = Hsm::in_folder(folder);
        let text = format!("{text}\n[seal]\nprovider = \"pkcs11\"\nkey_label = \"first\"\n{}", made.section());
        hsm = Some(made);
        text
    };
    let mut outside = Outside::start_configured(configured).await;
    let hsm = hsm.unwrap();
    let operator = outside.api_token("operator").await;
    let issuer = outside.issuer().to_owned();
    let vault = &mut outside.vault;
    let config = vault.folder().join("strongroom.toml");
    assert_eq!(hsm.log_ins(), 1, "one session, one log-in");
    let grant = json!({ "issuer": issuer, "subject": "operator", "role": "Key Vault Administrator", "scope": "/" });
    vault.assign(&operator, &grant).await;
    assert_eq!(ready(vault).await.0, 200);
    for name in ["hot", "cold"] {
        assert_eq!(make_vault(vault, &operator, name).await, 201);
        let put = vault.ask_vault(name, Method::PUT, "/secrets/kept?api-version=7.6").bearer(&operator);
        put.json(&json!({ "value": name })).send().await.expect(200);
    }
    assert!(!vault.data().join("root.key").exists());
    let (good, status) = seal(&config, &["status"]);
    assert!(good && status.contains("pkcs11") && status.contains("vault keys 2 wrapped by"), "{status}");

    // After a restart only the vault that was used has its key in memory.
    vault.stop();
    vault.start().await.unwrap();
    assert_eq!(secret(vault, &operator, "hot").await, 200);
    hsm.unplug();
    let said = becomes(vault, 503).await;
    assert_eq!(said, "the token of the root key does not answer");
    assert_eq!(secret(vault, &operator, "cold").await, 503, "a key that is not in memory");
    assert_eq!(secret(vault, &operator, "hot").await, 200, "what needs no root key goes on");
    assert_eq!(make_vault(vault, &operator, "new").await, 503);
    hsm.plug_in();
    becomes(vault, 200).await;
    assert_eq!(secret(vault, &operator, "cold").await, 200);
    assert_eq!(make_vault(vault, &operator, "new").await, 201);

    // A module that hangs holds nobody up.
    std::fs::write(hsm.folder.join("hang"), "").unwrap();
    let begun = Instant::now();
    assert_eq!(make_vault(vault, &operator, "later").await, 503);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(secret(vault, &operator, "hot").await, 200);
    assert_eq!(ready(vault).await, (503, said));
    std::fs::remove_file(hsm.folder.join("hang")).unwrap();
    until_made(vault, &operator, "later").await;
    assert_eq!(ready(vault).await.0, 200);

    // The session is lost and the PIN wrong: it is given once, until somebody corrects it.
    hsm.write_pin("wrong");
    hsm.unplug();
    assert_eq!(make_vault(vault, &operator, "last").await, 503);
    let before = hsm.log_ins();
    hsm.plug_in();
    while !vault.log().contains("refuses the PIN") {
        assert_eq!(make_vault(vault, &operator, "last").await, 503);
    }
    for _ in 0..2 {
        // Longer than the server repeats what it was told last.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(make_vault(vault, &operator, "last").await, 503);
    }
    assert_eq!(hsm.log_ins(), before + 1, "a wrong PIN is given once");
    assert_eq!(ready(vault).await, (503, "the token of the root key refuses the PIN".to_owned()));
    hsm.write_pin(PIN);
    until_made(vault, &operator, "last").await;
    assert_eq!(ready(vault).await.0, 200);
    assert!(!vault.log().contains(PIN), "no PIN is in the log");
    vault.stop();
}

#[tokio::test]
async fn a_root_key_moves_between_files_and_tokens_and_what_is_wrong_with_a_token_is_one_line() {
    let sealed = Sealed::new("");
    let hsm = Hsm::in_folder(&sealed.path(""));
    let section = hsm.section();
    let configure = |seal: &str, section: &str| sealed.configure(&format!("{seal}\n{section}"));
    let in_token = |label: &str| format!("[seal]\nprovider = \"pkcs11\"\nkey_label = \"{label}\"");
    let run = |arguments: &str| {
        let output = run_to_end(&mut sealed.command("", arguments, ""));
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    };
    let rotate = |to: &str| {
        let (good, said) = run(&format!("seal rotate --to {to}"));
        assert!(good && said.contains("are wrapped by the root key"), "{to}: {said}");
    };

    // From a file into the token, to another key there, back to a file.
    configure("", &section);
    assert!(sealed.start("", "").await.unwrap().stop().success());
    rotate("pkcs11 --key-label one");
    assert!(sealed.one_line("", "").contains("is not the root key of this database"));
    configure(&in_token("one"), &section);
    assert!(sealed.start("", "").await.unwrap().stop().success());
    let (good, said) = run("seal rotate --to pkcs11 --key-label one");
    assert!(!good && said.contains("the new root key is the one in use"), "{said}");
    rotate("pkcs11 --key-label two");
    let line = sealed.one_line("", "");
    assert!(line.contains("the key \"one\" in the token \"strongroom\" has the id"), "{line}");
    configure(&in_token("two"), &section);
    let (good, said) = run("seal status");
    assert!(good && said.contains("provider   pkcs11") && said.contains("own keys   4 wrapped by"), "{said}");
    let (good, said) = run("verify");
    assert!(good, "{said}");

    // What is wrong is one line, and a wrong PIN is given once.
    configure(&in_token("three"), &section);
    assert!(sealed.one_line("", "").contains("has no secret key with the label \"three\""));
    configure(&in_token("two"), &section.replace(TOKEN, "other"));
    assert!(sealed.one_line("", "").contains("there is no token \"other\""));
    configure(&in_token("two"), &section.replace("module.so", "none.so"));
    assert!(sealed.one_line("", "").contains("none.so\" cannot be used: No such file"));
    configure(&in_token("two"), "");
    assert!(sealed.one_line("", "").contains("[pkcs11] names none"));
    configure(&in_token("two"), &section.replace("file:", ""));
    let line = sealed.one_line("", "");
    assert!(
        line.contains("pin_from of [pkcs11]") && !line.contains("hsm/pin"),
        "what stands there may be a PIN: {line}"
    );
    configure(&in_token("two"), &section);
    let before = hsm.log_ins();
    hsm.write_pin("wrong-pin");
    let line = sealed.one_line("", "");
    assert!(line.contains("refuses the PIN") && !line.contains("wrong-pin"), "{line}");
    assert_eq!(hsm.log_ins(), before + 1);
    std::fs::write(hsm.folder.join("hang"), "").unwrap();
    hsm.write_pin(PIN);
    assert!(sealed.one_line("", "").contains("has not come back in time"));
    std::fs::remove_file(hsm.folder.join("hang")).unwrap();
    let slot = hsm.slot();
    hsm.add_token(TOKEN);
    assert!(sealed.one_line("", "").contains("2 tokens have the label"));

    // The PIN by a variable, which does not stay in the environment, and the token by its slot.
    let by_slot = section.replace(&format!("token = \"{TOKEN}\""), &format!("slot = {slot}"));
    let from = by_slot.lines().find(|line| line.starts_with("pin_from")).unwrap().to_owned();
    configure(&in_token("two"), &by_slot.replace(&from, "pin_from = \"environment\""));
    assert!(sealed.one_line("", "").contains("STRONGROOM_PKCS11_PIN is not set"));
    let server = sealed.start(&format!("STRONGROOM_PKCS11_PIN={PIN}"), "").await.unwrap();
    let environment = std::fs::read(format!("/proc/{}/environ", server.id())).unwrap();
    assert!(!environment.is_empty() && !String::from_utf8_lossy(&environment).contains(PIN));
    assert!(server.stop().success());
    configure(&in_token("two"), &by_slot);
    rotate(&format!("file --file {}", sealed.path("back.key").display()));
    sealed.configure(&format!("[seal]\nfile = \"{}\"", sealed.path("back.key").display()));
    assert!(sealed.start("", "").await.unwrap().stop().success());
}
