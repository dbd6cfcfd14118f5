//! Where a passphrase comes from: a prompt, a credential, an open file descriptor. Never an argument or a
//! variable, which others on the machine can read.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _, Write as _},
};

use anyhow::{Context as _, bail};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use strongroom_crypto::SecretText;
use zeroize::Zeroizing;

use super::credential_path;

/// Longest passphrase in bytes.
const LIMIT: u64 = 4096;

/// Reads a passphrase: `prompt`, `credential:NAME` or `fd:NUMBER`. One newline at the end is dropped.
pub(crate) fn read(from: &str) -> anyhow::Result<SecretText> {
    match from.split_once(':') {
        None if from == "prompt" => prompt(),
        Some(("credential", name)) => {
            let text = strongroom_crypto::provider::read_credential(&credential_path(name)?)?;
            Ok(trimmed(text.expose()))
        }
        Some(("fd", number)) => {
            let number: u32 = number.parse().with_context(|| format!("{from:?} names no file descriptor"))?;
            let file = File::open(format!("/dev/fd/{number}"))
                .with_context(|| format!("the file descriptor {number} of the passphrase is not open"))?;
            first_line(file)
        }
        _ => bail!("a passphrase comes from `prompt`, `credential:NAME` or `fd:NUMBER`, not from {from:?}"),
    }
}

fn trimmed(text: &str) -> SecretText {
    SecretText::new(text.strip_suffix('\n').unwrap_or(text).to_owned())
}

fn first_line(file: File) -> anyhow::Result<SecretText> {
    let mut line = Zeroizing::new(String::with_capacity(LIMIT as usize + 1));
    BufReader::new(file.take(LIMIT)).read_line(&mut line).context("the passphrase cannot be read")?;
    Ok(trimmed(&line))
}

/// Asks at the terminal without showing what is typed.
fn prompt() -> anyhow::Result<SecretText> {
    let terminal = || File::options().read(true).write(true).open("/dev/tty");
    let tty =
        terminal().context("there is no terminal to ask for the passphrase at (passphrase_from names another way)")?;
    let shown = tcgetattr(&tty)?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&tty, OptionalActions::Flush, &hidden)?;
    let asked = (&tty).write_all(b"Passphrase of the root key: ").map_err(anyhow::Error::from);
    let line = asked.and_then(|()| first_line(tty.try_clone()?));
    // Shown again whatever happened.
    tcsetattr(&tty, OptionalActions::Flush, &shown)?;
    let _ = (&tty).write_all(b"\n");
    line
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn a_passphrase_comes_through_a_descriptor() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"correct horse battery staple\nmore").unwrap();
        drop(writer);
        let read = read(&format!("fd:{}", reader.as_raw_fd())).unwrap();
        assert_eq!(read.expose(), "correct horse battery staple");
    }

    #[test]
    fn other_ways_are_refused() {
        for from in ["", "env:X", "hunter2hunter2", "fd:", "fd:-1", "fd:../x", "fd:4294967295", "credential:../x"] {
            assert!(read(from).is_err(), "{from}");
        }
    }
}
