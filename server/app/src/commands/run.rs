//! `strongroom run`: a command with secrets in its environment.
//!
//! The command takes the place of this program: signals reach it and its exit code is what is seen, and nothing
//! is left in memory here. Must never write a value anywhere but into that environment.

use std::{ffi::OsStr, io::ErrorKind, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, bail};
use strongroom_domain::names::{ObjectName, ObjectVersion};
use zeroize::Zeroizing;

use crate::{cli::RunArgs, client::VaultClient, exit::Exit};

/// What the credential of this program is called; the command gets it only if told so.
const CREDENTIAL: &str = "AZURE_CLIENT_SECRET";

/// A variable and the secret that it gets.
#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    variable: &'a str,
    secret: &'a str,
    version: Option<&'a str>,
}

pub(crate) async fn run(args: RunArgs) -> anyhow::Result<()> {
    let wanted = args.variables.iter().map(|text| wanted(text)).collect::<anyhow::Result<Vec<_>>>()?;
    for (place, one) in wanted.iter().enumerate() {
        if wanted.iter().take(place).any(|other| other.variable == one.variable) {
            bail!("{} is given twice", one.variable);
        }
    }
    let (program, arguments) = args.command.split_first().context("there is no command")?;
    let vault = VaultClient::connect(&args.vault_url, &args.connection).await?;
    // All of them before anything is started.
    let mut values = Vec::with_capacity(wanted.len());
    for one in &wanted {
        let value = vault.value(one.secret, one.version).await.with_context(|| one.variable.to_owned())?;
        if value.contains('\0') {
            bail!("{}: the value has a NUL character, which no variable can have", one.variable);
        }
        values.push((one.variable, value));
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

fn wanted(text: &str) -> anyhow::Result<Wanted<'_>> {
    let (variable, secret) =
        text.split_once('=').with_context(|| format!("{text} is not NAME=SECRET or NAME=SECRET@VERSION"))?;
    let begins = variable.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins || !variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        bail!("{variable} is not the name of a variable: letters, digits and _, no digit first");
    }
    let (secret, version) = match secret.split_once('@') {
        Some((secret, version)) => (secret, Some(version)),
        None => (secret, None),
    };
    ObjectName::parse(secret).with_context(|| format!("{secret} is not the name of a secret"))?;
    if let Some(version) = version {
        ObjectVersion::parse(version).with_context(|| format!("{version} is not a version"))?;
    }
    Ok(Wanted { variable, secret, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_names_its_secret_and_perhaps_a_version() {
        let version = "0123456789abcdef0123456789abcdef";
        assert_eq!(wanted("DB_URL=db-url").unwrap(), Wanted { variable: "DB_URL", secret: "db-url", version: None });
        let pinned = format!("_a1=db@{version}");
        assert_eq!(wanted(&pinned).unwrap(), Wanted { variable: "_a1", secret: "db", version: Some(version) });
        for bad in ["", "A", "=db", "1A=db", "A-B=db", "A=", "A=d/b", "A=..", "A=db@", "A=db@latest", "A=db@@"] {
            assert!(wanted(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_program_that_cannot_be_is_told_from_one_that_is_not() {
        let why = |program: &str| *become_it(OsStr::new(program), &[], &[], false).downcast_ref::<Exit>().unwrap();
        assert_eq!(why("no-such-program-anywhere"), Exit::NoProgram);
        assert_eq!(why("/"), Exit::NotRun);
    }
}
