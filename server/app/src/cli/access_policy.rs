//! `strongroom access-policy`: what can be said.

use clap::Subcommand;

use super::{Connection, Output, Whom};

/// `strongroom access-policy`
#[derive(Subcommand)]
pub(crate) enum AccessPolicyCommand {
    /// Give somebody permissions on the secrets of a vault, in place of those they have.
    Set {
        /// Name of the vault.
        vault: String,
        #[command(flatten)]
        whom: Whom,
        /// Permissions: get, list, set, delete, recover, backup, restore, purge; or all.
        #[arg(long = "secret-permissions", num_args = 1.., value_delimiter = ',', required = true)]
        secrets: Vec<String>,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the access policies of a vault.
    List {
        /// Name of the vault.
        vault: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Take somebody's permissions away. Holds from the next request on.
    Remove {
        /// Name of the vault.
        vault: String,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        connection: Connection,
    },
}
