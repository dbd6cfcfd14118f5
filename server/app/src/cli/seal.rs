//! `strongroom seal`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Output;
use crate::seal::Provider;

/// Which installation.
#[derive(Args)]
pub(crate) struct At {
    /// Configuration of the server (TOML).
    #[arg(long, conflicts_with = "data")]
    pub(crate) config: Option<PathBuf>,
    /// Data directory, with the key file `root.key` and the embedded database in it.
    #[arg(long, default_value = "strongroom-data")]
    pub(crate) data: PathBuf,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

/// `strongroom seal`
#[derive(Subcommand)]
pub(crate) enum SealCommand {
    /// Show the root key in use, and which keys it wraps. Works beside a running server.
    ///
    /// Ends with 3 when the root key at hand does not open all of them.
    Status {
        #[command(flatten)]
        at: At,
    },
    /// Wrap every key by a new root key. No server may run on the database meanwhile.
    ///
    /// Without --to, the key file is replaced by a new one in its place; the old one is kept beside it. With
    /// --to, the new key comes from there, and the configuration must name that provider afterwards. What was
    /// interrupted is begun again with the same command.
    Rotate {
        #[command(flatten)]
        at: At,
        /// Provider of the new key.
        #[arg(long, value_enum)]
        to: Option<Provider>,
        /// For `file`: the new key file. Made when it is not there.
        #[arg(long)]
        file: Option<PathBuf>,
        /// For `credential`: its name.
        #[arg(long)]
        credential: Option<String>,
        /// For `passphrase`: `prompt`, `credential:NAME` or `fd:NUMBER`.
        #[arg(long)]
        passphrase_from: Option<String>,
        /// For `pkcs11`: the label of the key in the token that `[pkcs11]` names. Made when it is not there.
        #[arg(long)]
        key_label: Option<String>,
    },
    /// Make a key file, for giving its content as a credential or a variable.
    Generate {
        /// The file; must not exist.
        file: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
}
