//! What the command line says when something is missing: one line, and what to do.

use std::process::{Command, Stdio};

use crate::support::{Credential, Finished, Named, TestVault, binary, free_ports, python, run, run_to_end};

/// The only line on standard error of a command that failed.
fn complaint(finished: &Finished) -> &str {
    assert!(!finished.good, "it was to fail: {}", finished.out);
    assert!(!finished.err.contains('\u{1b}'), "no colours: {}", finished.err);
    assert_eq!(finished.err.lines().count(), 1, "one line: {}", finished.err);
    finished.err.trim_end()
}

#[tokio::test]
async fn an_untrusted_certificate_is_told_with_what_to_name() {
    let vault = TestVault::dev().await;
    let mut command = Command::new(binary());
    command.args(["secret", "get", "first", "--vault-url", &vault.vault_url("demo")]);
    let finished = run(&command, &Named::No);
    let line = complaint(&finished);
    assert!(line.contains("not trusted") && line.contains("--ca") && line.contains("VAULT_CA"), "{line}");
    // That of another server, and a file that is none.
    let other = vault.folder().join("other.pem");
    std::fs::write(&other, crate::support::client_certificate().0).unwrap();
    let none = vault.folder().join("none.pem");
    std::fs::write(&none, "none").unwrap();
    for (file, said) in [(&other, "of no authority in"), (&none, "holds no certificate in PEM")] {
        let finished = run(&vault.cli(&vault.app(), &["vault", "list", "--ca", file.to_str().unwrap()]), &Named::No);
        let line = complaint(&finished);
        assert!(line.contains(said) && line.contains(file.to_str().unwrap()), "{line}");
    }
    // An address that is none is told what it would be.
    let relative = vault.base.trim_start_matches("https://").to_owned();
    for wrong in [relative, vault.base.replacen("https", "http", 1), format!("{}/api/v1", vault.base)] {
        let mut command = vault.cli(&vault.app(), &["vault", "list"]);
        let finished = run(command.env("STRONGROOM_URL", &wrong), &Named::No);
        let line = complaint(&finished);
        assert!(line.contains(&format!("is it {}?", vault.base)), "{line}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_run_is_told() {
    let mut command = Command::new(binary());
    let address = format!("https://demo.vault.localhost:{}", free_ports());
    command.args(["secret", "get", "first", "--vault-url", &address]);
    let finished = run(&command, &Named::No);
    let line = complaint(&finished);
    assert!(line.contains("is the server running?"), "{line}");
}

#[tokio::test]
async fn a_refusal_names_the_role_and_in_development_the_way() {
    let vault = TestVault::dev().await;
    let cli = |who: &Credential, arguments: &[&str]| {
        let mut command = vault.cli(who, arguments);
        command.env("OPERATOR_CLIENT_ID", &vault.operator().id);
        run(&command, &Named::No)
    };
    for (arguments, role) in [
        (&["audit", "tail"][..], "Strongroom Auditor"),
        (&["vault", "create", "payments"], "Key Vault Contributor"),
        (
            &["assignment", "add", "--role", "Owner", "--scope", "/", "--workload", &vault.app().id],
            "Data Access Administrator",
        ),
    ] {
        let finished = cli(&vault.app(), arguments);
        let line = complaint(&finished);
        assert!(line.contains(role) && line.contains("as_operator"), "{line}");
    }
    let base = vault.base.clone();
    let finished = cli(&vault.app(), &["secret", "get", "first", "--vault-url", &base]);
    assert!(complaint(&finished).contains("names no vault"), "{}", finished.err);
}

#[tokio::test]
async fn an_unknown_vault_is_refused_in_the_words_for_a_foreign_one() {
    let vault = TestVault::dev().await;
    let ask = |name: &str| {
        let finished = run(
            &vault.cli(&vault.nobody(), &["secret", "get", "x", "--vault-url", &vault.vault_url(name)]),
            &Named::No,
        );
        let line = complaint(&finished).to_owned();
        assert!(
            line.contains(&format!("the vault at {} is either not there or closed", vault.vault_url(name))),
            "{line}"
        );
        // The decision's id differs, and the address is what was asked for.
        let line = line.replace(&vault.vault_url(name), "VAULT");
        let (before, after) = line.split_once("Decision: ").expect("the decision's id");
        format!("{before}{}", after.split_once(' ').expect("more").1)
    };
    assert_eq!(ask("demo"), ask("nowhere"));
    assert!(ask("nowhere").contains("or there is no such vault"));
}

#[tokio::test]
async fn a_value_is_never_an_argument_and_never_empty_by_mistake() {
    let vault = TestVault::dev().await;
    let app = vault.app();
    let finished = run(&vault.cli(&app, &["secret", "set", "q", "hello"]), &Named::No);
    let line = complaint(&finished);
    assert!(line.contains("never an argument") && line.contains("| strongroom secret set q"), "{line}");
    assert!(!line.contains("hello"), "and not shown again: {line}");
    let finished = run(&vault.cli(&app, &["secret", "set", "q"]), &Named::No);
    assert!(complaint(&finished).contains("--allow-empty"), "{}", finished.err);
    run(&vault.cli(&app, &["secret", "set", "q", "--allow-empty"]), &Named::No).expect_good();
    let finished = run(&vault.cli(&app, &["secret", "get", "DATABASE_URL"]), &Named::No);
    assert!(complaint(&finished).contains("is it DATABASE-URL?"), "{}", finished.err);
    let mut nowhere = vault.cli(&app, &["secret", "get", "q"]);
    nowhere.env_remove("VAULT_URL");
    let finished = run(&nowhere, &Named::No);
    assert!(complaint(&finished).contains("set VAULT_URL") && finished.err.contains("dev.env"), "{}", finished.err);
    // Without a name, the complaint does not list what the environment gives.
    let finished = run(&vault.cli(&app, &["secret", "get"]), &Named::No);
    assert!(
        !finished.good && !finished.err.contains("--ca") && !finished.err.contains("--client-id"),
        "{}",
        finished.err
    );
}

/// Types at a terminal of its own; prints what the terminal showed.
const TYPIST: &str = r#"
import os, pty, sys, time
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
def until(text):
    global shown
    while text not in shown:
        shown += os.read(terminal, 4096)
until(b"Value: ")
os.write(terminal, sys.argv[1].encode())
try:
    while True:
        more = os.read(terminal, 4096)
        if not more: break
        shown += more
except OSError:
    pass
print(shown.decode(), "ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"#;

#[tokio::test]
async fn what_is_typed_is_stored_and_not_shown() {
    let vault = TestVault::dev().await;
    let typed = |keys: &str| {
        let set = vault.cli(&vault.app(), &["secret", "set", "typed"]);
        let mut command = Command::new(python());
        command.args(["-c", TYPIST, keys]).arg(set.get_program()).args(set.get_args()).stdin(Stdio::null());
        command.envs(set.get_envs().filter_map(|(name, value)| Some((name, value?))));
        run(&command, &Named::No).expect_good()
    };
    let shown = typed("swordfisk\u{7f}h\r");
    assert!(shown.contains("/secrets/typed/") && shown.trim_end().ends_with("ended 0"), "{shown}");
    assert!(!shown.contains("sword"), "{shown}");
    let app = vault.token(&vault.app()).await;
    assert_eq!(vault.get(&app, "typed").await.expect(200).json()["value"], "swordfish");
    for (keys, why) in [("\r", "--allow-empty"), ("a\rb\r", "more than one line"), ("a\u{3}", "nothing was stored")] {
        let shown = typed(keys);
        assert!(shown.contains(why) && shown.trim_end().ends_with("ended 1"), "{why}: {shown}");
    }
    assert_eq!(vault.get(&app, "typed").await.expect(200).json()["value"], "swordfish", "and nothing else was");
}

/// As server/docs/cli.md lists them, and nothing is made where nothing was asked for.
#[tokio::test]
async fn what_goes_wrong_is_told_by_the_code_too() {
    let vault = TestVault::dev().await;
    let wrong = Credential { secret: "not-the-secret".to_owned(), ..vault.app() };
    let refused = run_to_end(&mut vault.cli(&wrong, &["secret", "get", "first"]));
    assert_eq!(refused.status.code(), Some(5), "{}", String::from_utf8_lossy(&refused.stderr));
    // Whoever reads has left: no panic, and the code of a program that SIGPIPE ended.
    for _ in 0..3 {
        vault.set(&vault.token(&vault.app()).await, "first", "v").await;
    }
    let mut query = vault.cli(&vault.operator(), &["audit", "query"]);
    let mut child = query.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.code() == Some(141) && said.is_empty(), "{:?} {said}", ended.status);
    // More records than are shown are spoken of.
    let few = run_to_end(&mut vault.cli(&vault.operator(), &["audit", "query", "--limit", "2"]));
    assert_eq!(few.stdout.iter().filter(|byte| **byte == b'\n').count(), 2);
    assert!(String::from_utf8_lossy(&few.stderr).contains("there are more than these 2"));
    let nowhere = vault.folder().join("nowhere");
    for command in [
        &["policy", "recover", "--vault", "demo", "--data"][..],
        &["seal", "rotate", "--data"],
        &["audit", "verify", "--data"],
    ] {
        let missing = run_to_end(Command::new(binary()).args(command).arg(&nowhere));
        let said = String::from_utf8_lossy(&missing.stderr);
        assert!(
            !missing.status.success() && said.contains("there is no database at") && said.contains("--config"),
            "{said}"
        );
        assert!(!nowhere.exists(), "nothing is made");
    }
}
