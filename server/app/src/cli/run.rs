//! `strongroom run`: what can be said.

use std::{ffi::OsString, str::FromStr};

use clap::Args;
use strongroom_domain::names::{ObjectName, ObjectVersion};

use super::Connection;

/// Options of `strongroom run`.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// Variable and the secret that it gets, in its current version or the one named; may be given several times.
    #[arg(long = "env", value_name = "NAME=SECRET[@VERSION]", required = true)]
    pub(crate) variables: Vec<Wanted>,
    /// Leave AZURE_CLIENT_SECRET in the command's environment.
    #[arg(long)]
    pub(crate) keep_credential: bool,
    /// Address of the vault, for example https://demo.vault.localhost:8443.
    #[arg(long, env = "VAULT_URL", hide_env_values = true, default_value = "", hide_default_value = true)]
    pub(crate) vault_url: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The command, and what it is given.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// A variable and the secret that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) variable: String,
    pub(crate) secret: String,
    pub(crate) version: Option<String>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (variable, secret) = text.split_once('=').ok_or("it is NAME=SECRET or NAME=SECRET@VERSION")?;
        let begins = variable.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !begins || !variable.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("{variable} is not the name of a variable: letters, digits and _, no digit first"));
        }
        let (secret, version) = match secret.split_once('@') {
            Some((secret, version)) => (secret, Some(version)),
            None => (secret, None),
        };
        ObjectName::parse(secret).map_err(|_| format!("{secret} is not the name of a secret"))?;
        if let Some(version) = version {
            ObjectVersion::parse(version).map_err(|_| format!("{version} is not a version"))?;
        }
        Ok(Self { variable: variable.to_owned(), secret: secret.to_owned(), version: version.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_names_its_secret_and_perhaps_a_version() {
        let wanted = |variable: &str, secret: &str, version: Option<&str>| Wanted {
            variable: variable.to_owned(),
            secret: secret.to_owned(),
            version: version.map(str::to_owned),
        };
        let version = "0123456789abcdef0123456789abcdef";
        assert_eq!("DB_URL=db-url".parse(), Ok(wanted("DB_URL", "db-url", None)));
        assert_eq!(format!("_a1=db@{version}").parse(), Ok(wanted("_a1", "db", Some(version))));
        for bad in ["", "A", "=db", "1A=db", "A-B=db", "A=", "A=d/b", "A=..", "A=db@", "A=db@latest", "A=db@@"] {
            assert!(bad.parse::<Wanted>().is_err(), "{bad}");
        }
    }
}
