//! `strongroom run`: a command with secrets in its environment.
//!
//! The command takes the place of this program: signals reach it and its exit code is what is seen, and nothing
//! is left in memory here. Must never write a value anywhere but into that environment.

use std::{ffi::OsStr, io::ErrorKind, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use crate::{cli::RunArgs, client::VaultClient, exit::Exit};

/// What the credential of this program is called; the command gets it only if told so.
const CREDENTIAL: &str = "AZURE_CLIENT_SECRET";

pub(crate) async fn run(args: RunArgs) -> anyhow::Result<()> {
    let wanted = &args.variables;
    for (place, one) in wanted.iter().enumerate() {
        if wanted.iter().take(place).any(|other| other.variable == one.variable) {
            bail!("{} is given twice", one.variable);
        }
    }
    let (program, arguments) = args.command.split_first().context("there is no command")?;
    let vault = VaultClient::connect(&args.vault_url, &args.connection).await?;
    // All of them before anything is started.
    let mut values = Vec::with_capacity(wanted.len());
    for one in wanted {
        let value = vault.value(&one.secret, one.version.as_deref()).await.with_context(|| one.variable.clone())?;
        if value.contains('\0') {
            bail!("{}: the value has a NUL character, which no variable can have", one.variable);
        }
        values.push((one.variable.as_str(), value));
    }
    Err(become_it(program, arguments, &values, args.keep_credential))
}

/// Takes the place of this program; comes back only with the reason why not.
fn become_it(
    program: &OsStr,
    arguments: &[std::ffi::OsString],
    values: &[(&str, Zeroizing<String>)],
    keep_credential: bool,
) -> anyhow::Error {
    let mut command = Command::new(program);
    command.args(arguments);
    if !keep_credential {
        command.env_remove(CREDENTIAL);
    }
    command.envs(values.iter().map(|(name, value)| (*name, value.as_str())));
    let error = command.exec();
    let exit = if error.kind() == ErrorKind::NotFound { Exit::NoProgram } else { Exit::NotRun };
    anyhow::Error::new(exit).context(program.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_cannot_be_is_told_from_one_that_is_not() {
        let why = |program: &str| *become_it(OsStr::new(program), &[], &[], false).downcast_ref::<Exit>().unwrap();
        assert_eq!(why("no-such-program-anywhere"), Exit::NoProgram);
        assert_eq!(why("/"), Exit::NotRun);
    }
}
