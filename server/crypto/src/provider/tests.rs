//! One contract for every provider.

use super::*;
use crate::entropy::SeededEntropy;

struct Case {
    /// The provider, and one that has another secret.
    provider: Box<dyn RootKeyProvider>,
    other: Box<dyn RootKeyProvider>,
    /// What no error may contain.
    secret: &'static str,
}

const PASSPHRASE: &str = "correct horse battery staple";
const ENCODED: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const OTHER: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

fn passphrase(text: &str) -> Box<dyn RootKeyProvider> {
    Box::new(PassphraseProvider::new(SecretText::new(text.to_owned())).ok().unwrap())
}

fn environment(text: &str) -> Box<dyn RootKeyProvider> {
    Box::new(GivenProvider::environment(SecretText::new(text.to_owned())))
}

fn credential(folder: &Path, name: &str, text: &str) -> Box<dyn RootKeyProvider> {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    Box::new(GivenProvider::credential(&path).ok().unwrap())
}

fn cases(folder: &Path) -> Vec<Case> {
    let file = |name| Box::new(FileProvider(folder.join(name))) as Box<dyn RootKeyProvider>;
    vec![
        Case { provider: file("a.key"), other: file("b.key"), secret: "no secret in a path" },
        Case {
            provider: passphrase(PASSPHRASE),
            other: passphrase("another passphrase altogether"),
            secret: PASSPHRASE,
        },
        Case { provider: environment(ENCODED), other: environment(OTHER), secret: ENCODED },
        Case { provider: credential(folder, "one", ENCODED), other: credential(folder, "two", OTHER), secret: ENCODED },
    ]
}

#[test]
fn every_provider_gives_the_key_it_made_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    for Case { provider, other, secret } in cases(folder.path()) {
        let (made, parameters) = provider.create(&SeededEntropy::new(1)).ok().unwrap();
        assert!(!parameters.contains(secret));
        for _ in 0..2 {
            assert_eq!(provider.open(&parameters).ok().unwrap().id(), made.id(), "{}", provider.name());
        }
        let (another, _) = other.create(&SeededEntropy::new(2)).ok().unwrap();
        assert_ne!(another.id(), made.id(), "{}", provider.name());
        if let Ok(wrong) = other.open(&parameters) {
            assert_ne!(wrong.id(), made.id(), "{}", provider.name());
        }
    }
}

#[test]
fn every_error_is_one_line_without_the_secret() {
    let folder = tempfile::tempdir().unwrap();
    let errors = [
        FileProvider(folder.path().join("none")).open("").err(),
        passphrase(PASSPHRASE).open("").err(),
        passphrase(PASSPHRASE).open("{\"kdf\":\"x\"}").err(),
        environment("hunter2").open("").err(),
        environment(&ENCODED[1..]).open("").err(),
        GivenProvider::credential(&folder.path().join("none")).err(),
        credential(folder.path(), "short", "hunter2").open("").err(),
    ];
    for error in errors {
        let text = error.unwrap().to_string();
        assert!(!text.contains('\n') && !text.contains("hunter2") && !text.contains(PASSPHRASE), "{text}");
    }
}

#[test]
fn a_given_key_is_a_key_file_or_its_second_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.key");
    let made = RootKey::create_file(&path, &SeededEntropy::new(1)).ok().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.lines().nth(1).unwrap().to_owned();
    for given in [text.clone(), text.trim_end().to_owned(), line.clone(), format!("{line}\n")] {
        assert_eq!(environment(&given).open("").ok().unwrap().id(), made.id());
    }
    for damaged in [text.replace("v1", "v2"), text.replacen(&line[..1], "!", 1), format!("{text}x"), line.repeat(2)] {
        assert!(matches!(environment(&damaged).open(""), Err(RootKeyError::NotAKey("environment"))), "{damaged}");
    }
}

#[test]
fn a_credential_that_others_can_read_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credential");
    std::fs::write(&path, ENCODED).unwrap();
    for (mode, good) in [(0o400, true), (0o440, true), (0o404, false), (0o420, false), (0o600, true), (0o644, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(GivenProvider::credential(&path).is_ok(), good, "{mode:o}");
    }
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(GivenProvider::credential(&link), Err(RootKeyError::SymbolicLink(_))));
}
