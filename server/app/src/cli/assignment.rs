//! `strongroom assignment`: what can be said.

use clap::Subcommand;

use super::Connection;

/// `strongroom assignment`
#[derive(Subcommand)]
pub(crate) enum AssignmentCommand {
    /// Give a role to somebody at a scope.
    Add {
        /// Role name, for example "Key Vault Secrets User".
        #[arg(long)]
        role: String,
        /// `/`, `/vaults/NAME` or `/vaults/NAME/secrets/NAME`.
        #[arg(long)]
        scope: String,
        /// A principal, `ISSUER#SUBJECT`.
        #[arg(long, group = "grantee")]
        principal: Option<String>,
        /// A group, `ISSUER#GROUP`.
        #[arg(long, group = "grantee")]
        group: Option<String>,
        /// A workload of this server, by client id.
        #[arg(long, group = "grantee")]
        workload: Option<String>,
        #[command(flatten)]
        connection: Connection,
    },
}
