//! `strongroom access-policy`: what can be said.

use clap::{Args, Subcommand};

use super::{Connection, Output, ServerAt, Whom};

/// `strongroom access-policy`
#[derive(Subcommand)]
pub(crate) enum AccessPolicyCommand {
    /// Give somebody permissions on what is in a vault, in place of all that they have.
    Set {
        /// Name of the vault.
        vault: String,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        permissions: PermissionsGiven,
        #[command(flatten)]
        at: ServerAt,
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
        at: ServerAt,
    },
}

/// At least one of them; a kind that is not named gets none.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct PermissionsGiven {
    /// On secrets: get, list, set, delete, recover, backup, restore, purge; or all.
    #[arg(long = "secret-permissions", num_args = 1.., value_delimiter = ',')]
    pub(crate) secrets: Vec<String>,
    /// On keys: get, list, update, create, import, delete, recover, backup, restore, purge, encrypt, decrypt,
    /// wrapKey, unwrapKey, sign, verify, rotate, release, getrotationpolicy, setrotationpolicy; or all.
    #[arg(long = "key-permissions", num_args = 1.., value_delimiter = ',')]
    pub(crate) keys: Vec<String>,
    /// On certificates: get, list, update, create, import, delete, recover, backup, restore, purge, managecontacts,
    /// manageissuers, getissuers, listissuers, setissuers, deleteissuers; or all.
    #[arg(long = "certificate-permissions", num_args = 1.., value_delimiter = ',')]
    pub(crate) certificates: Vec<String>,
}
