//! The root key in a variable, for containers, and how it leaves the environment.
//!
//! What stands in the environment of a process can be read in `/proc` for as long as it runs, and a program
//! cannot overwrite it without unsafe code. So this process replaces itself, under the same process id, by
//! itself without the variable, and gives the key on through a pipe. Whoever started it (a container
//! runtime, a shell) still knows the variable: prefer a file or a credential where there is one.

use std::{
    io::{Read as _, Write as _},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::Context as _;
use strongroom_crypto::SecretText;
use zeroize::{Zeroize as _, Zeroizing};

/// The variable.
pub(crate) const VARIABLE: &str = "STRONGROOM_ROOT_KEY";
/// Says to the replaced process that the key waits on standard input.
const ON_STDIN: &str = "STRONGROOM_ROOT_KEY_ON_STDIN";
/// Commands that may need the key; the others leave their standard input alone.
const COMMANDS: [&str; 4] = ["serve", "dev", "seal", "verify"];
/// Longest text.
const LIMIT: u64 = 4096;

static TAKEN: OnceLock<Zeroizing<String>> = OnceLock::new();

/// To be called first in the program, before any thread. Returns in a process without the variable.
pub(crate) fn take() -> anyhow::Result<()> {
    if !std::env::args_os().nth(1).is_some_and(|command| COMMANDS.iter().any(|known| command == *known)) {
        return Ok(());
    }
    if let Ok(text) = std::env::var(VARIABLE) {
        return Err(replace(text));
    }
    if std::env::var_os(ON_STDIN).is_some() {
        let mut text = Zeroizing::new(String::with_capacity(LIMIT as usize));
        std::io::stdin().lock().take(LIMIT).read_to_string(&mut text).context("the root key on standard input")?;
        let _ = TAKEN.set(text);
    }
    Ok(())
}

/// What was taken out of the environment.
pub(crate) fn taken() -> Option<SecretText> {
    TAKEN.get().map(|text| SecretText::new(text.as_str().to_owned()))
}

/// Replaces this process; returns only when that fails.
fn replace(mut text: String) -> anyhow::Error {
    let pipe = || -> std::io::Result<std::io::PipeReader> {
        let (reader, mut writer) = std::io::pipe()?;
        // A pipe holds more than the longest text, so nobody has to read meanwhile.
        let bytes = text.as_bytes();
        writer.write_all(bytes.get(..LIMIT as usize).unwrap_or(bytes))?;
        Ok(reader)
    };
    let piped = pipe();
    text.zeroize();
    let program = piped.and_then(|reader| Ok((reader, std::env::current_exe()?)));
    let (reader, program) = match program {
        Ok(ready) => ready,
        Err(error) => return anyhow::Error::from(error).context("the root key cannot be taken out of the environment"),
    };
    let error = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env_remove(VARIABLE)
        .env(ON_STDIN, "1")
        .stdin(Stdio::from(reader))
        .exec();
    anyhow::Error::from(error).context("the root key cannot be taken out of the environment")
}
