//! The root key, the PIN of a token or the address of the database in a variable, for containers, and how it leaves the
//! environment.
//!
//! What stands in the environment of a process can be read in `/proc` for as long as it runs, and a program
//! cannot overwrite it without unsafe code. So this process replaces itself, under the same process id, by
//! itself without the variables, and gives them on through a pipe. Whoever started it (a container
//! runtime, a shell) still knows them: prefer a file or a credential where there is one.

use std::{
    io::{Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::Context as _;
use strongroom_crypto::SecretText;
use zeroize::Zeroizing;

/// The variable of the root key.
pub(crate) const ROOT_KEY: &str = "STRONGROOM_ROOT_KEY";
/// The variable of a token's PIN.
pub(crate) const PIN: &str = "STRONGROOM_PKCS11_PIN";
/// The variable of the database's address, which may hold a password.
pub(crate) const DATABASE: &str = "STRONGROOM_DATABASE";
/// All that are taken.
const VARIABLES: [&str; 3] = [ROOT_KEY, PIN, DATABASE];
/// Says to the replaced process that they wait on standard input.
const ON_STDIN: &str = "STRONGROOM_ROOT_KEY_ON_STDIN";
/// Commands that may need them; the others leave their standard input alone.
const COMMANDS: [&[&str]; 7] = [
    &["serve"],
    &["dev"],
    &["seal"],
    &["verify"],
    &["audit", "verify"],
    &["policy", "recover"],
    &["network", "recover"],
];
/// Longest text of one.
const LIMIT: usize = 4096;
/// Longest text of all: each stands behind its name and before a zero byte, which no variable can hold.
const ALL_LIMIT: u64 = 4 * LIMIT as u64;

static TAKEN: OnceLock<Zeroizing<String>> = OnceLock::new();

/// To be called first in the program, before any thread. Returns in a process without the variables.
pub(crate) fn take() -> anyhow::Result<()> {
    let words: Vec<_> = std::env::args_os().skip(1).take(2).collect();
    if !COMMANDS.iter().any(|known| known.iter().eq(words.iter().take(known.len()))) {
        return Ok(());
    }
    if VARIABLES.iter().any(|variable| std::env::var(variable).is_ok()) {
        return Err(replace(&packed(|variable| std::env::var(variable).ok().map(Zeroizing::new))));
    }
    if std::env::var_os(ON_STDIN).is_some() {
        let mut text = Zeroizing::new(String::with_capacity(ALL_LIMIT as usize + 1));
        let read = std::io::stdin().lock().take(ALL_LIMIT).read_to_string(&mut text);
        read.context("what was taken out of the environment on standard input")?;
        let _ = TAKEN.set(text);
    }
    Ok(())
}

/// What was taken out of the environment.
pub(crate) fn taken(variable: &str) -> Option<SecretText> {
    unpacked(TAKEN.get()?, variable).map(|text| SecretText::new(text.to_owned()))
}

fn packed(value: impl Fn(&str) -> Option<Zeroizing<String>>) -> Zeroizing<Vec<u8>> {
    let mut all = Zeroizing::new(Vec::with_capacity(ALL_LIMIT as usize));
    for variable in VARIABLES {
        let Some(value) = value(variable) else { continue };
        all.extend_from_slice(variable.as_bytes());
        all.push(b'=');
        // Cut, a text that is too long is not what it should be, and nothing of it is ever shown.
        let cut = (0..=LIMIT.min(value.len())).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
        all.extend_from_slice(value.get(..cut).unwrap_or_default().as_bytes());
        all.push(0);
    }
    all
}

fn unpacked<'a>(all: &'a str, variable: &str) -> Option<&'a str> {
    all.split('\0').find_map(|one| one.strip_prefix(variable)?.strip_prefix('='))
}

/// Replaces this process; returns only when that fails.
fn replace(all: &[u8]) -> anyhow::Error {
    let pipe = || -> std::io::Result<std::io::PipeReader> {
        let (reader, mut writer) = std::io::pipe()?;
        // A pipe holds more than the longest text, so nobody has to read meanwhile.
        writer.write_all(all)?;
        Ok(reader)
    };
    let program = pipe().and_then(|reader| Ok((reader, std::env::current_exe()?)));
    let (reader, program) = match program {
        Ok(ready) => ready,
        Err(error) => return anyhow::Error::from(error).context("the environment cannot be emptied of its secrets"),
    };
    let mut command = Command::new(program);
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    let error = command.args(std::env::args_os().skip(1)).env(ON_STDIN, "1").stdin(Stdio::from(reader)).exec();
    anyhow::Error::from(error).context("the environment cannot be emptied of its secrets")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_out_as_it_went_in() {
        let all = |key: Option<&str>, pin: Option<&str>| {
            let value = |variable: &str| if variable == ROOT_KEY { key } else { pin };
            let packed = packed(|variable| value(variable).map(|text| Zeroizing::new(text.to_owned())));
            let text = String::from_utf8(packed.to_vec()).unwrap();
            (unpacked(&text, ROOT_KEY).map(str::to_owned), unpacked(&text, PIN).map(str::to_owned))
        };
        for (key, pin) in [
            (Some("strongroom-root-key-v1\nAAAA=\n"), None),
            (None, Some("12=34 ä")),
            (Some(""), Some("STRONGROOM_ROOT_KEY=x")),
            (None, None),
        ] {
            assert_eq!(all(key, pin), (key.map(str::to_owned), pin.map(str::to_owned)));
        }
        let long = "ä".repeat(LIMIT);
        let (key, pin) = all(Some(&long), Some(&long));
        assert_eq!((key.unwrap().len(), pin.unwrap().len()), (LIMIT, LIMIT));
    }
}
