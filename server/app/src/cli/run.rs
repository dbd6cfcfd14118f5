//! `strongroom run`: what can be said.

use std::ffi::OsString;

use clap::Args;

use super::Connection;

/// Options of `strongroom run`.
#[derive(Args)]
pub(crate) struct RunArgs {
    /// Variable and the secret that it gets, in its current version or the one named; may be given several times.
    #[arg(long = "env", value_name = "NAME=SECRET[@VERSION]", required = true)]
    pub(crate) variables: Vec<String>,
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
