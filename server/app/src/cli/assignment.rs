//! `strongroom assignment`: what can be said.

use clap::{Args, Subcommand};

use super::{Connection, Output};

/// Whom a grant is for.
#[derive(Args)]
#[group(id = "grantee", multiple = false)]
pub(crate) struct Whom {
    /// A principal, `ISSUER#SUBJECT`.
    #[arg(long)]
    pub(crate) principal: Option<String>,
    /// A group, `ISSUER#GROUP`.
    #[arg(long)]
    pub(crate) group: Option<String>,
    /// A workload of this server, by client id or name.
    #[arg(long)]
    pub(crate) workload: Option<String>,
}

/// `strongroom assignment`
#[derive(Subcommand)]
pub(crate) enum AssignmentCommand {
    /// Give a role to somebody at a scope. Prints the assignment's id.
    Add {
        /// Role by name or id, for example "Key Vault Secrets User".
        #[arg(long)]
        role: String,
        /// `/`, `/vaults/NAME` or `/vaults/NAME/secrets/NAME`.
        #[arg(long)]
        scope: String,
        /// When it ends, for example 2027-01-31T00:00:00Z. Without: it does not end.
        #[arg(long)]
        until: Option<String>,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the assignments at a scope and below it, of everybody or of one grantee.
    List {
        /// `/`, `/vaults/NAME` or `/vaults/NAME/secrets/NAME`.
        #[arg(long, default_value = "/")]
        scope: String,
        #[command(flatten)]
        whom: Whom,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show one assignment.
    Show {
        /// Id of the assignment.
        id: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Take a role away. Holds from the next request on.
    Remove {
        /// Id of the assignment.
        id: String,
        #[command(flatten)]
        connection: Connection,
    },
}
