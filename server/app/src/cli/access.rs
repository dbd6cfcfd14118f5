//! `strongroom access`: what can be said.

use clap::{Subcommand, ValueEnum};

use super::{Connection, Output};

/// What is to be said of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GrantWord {
    /// No request rested on it for 90 days.
    Unused,
    /// Nobody can come by it: its issuer is not configured, its workload was deleted, or its vault is gone.
    Orphan,
    /// The access mode of the vault does not ask for it.
    Asleep,
    /// It has ended.
    Over,
}

impl GrantWord {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Orphan => "orphan",
            Self::Asleep => "asleep",
            Self::Over => "over",
        }
    }
}

/// `strongroom access`
#[derive(Subcommand)]
pub(crate) enum AccessCommand {
    /// List who has access at a scope and below it, by which role or access policy, and when it was last used
    ///
    /// For example, what nobody used in a vault for 90 days:
    ///
    ///   strongroom access list --scope /vaults/payments --state unused
    #[command(verbatim_doc_comment)]
    List {
        /// `/`, `/vaults/NAME` or `/vaults/NAME/secrets/NAME` (`keys`, `certificates`).
        #[arg(long, default_value = "/")]
        scope: String,
        /// Roles given above the scope, which reach it, too.
        #[arg(long)]
        above: bool,
        /// Only of whom a name contains this: subject, group, issuer, or the name of a workload.
        #[arg(long, value_name = "TEXT")]
        who: Option<String>,
        /// Only by roles whose name contains this, or by access policies where `access policy` does.
        #[arg(long, value_name = "TEXT")]
        role: Option<String>,
        /// Only what is so.
        #[arg(long, value_enum)]
        state: Option<GrantWord>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show what an assignment was used for within the last 90 days
    ///
    /// With --as-role it prints a role definition that holds no more than that, to look at and to make a role of:
    ///
    ///   strongroom access used 0190aaaa-0000-7000-8000-000000000009 --as-role "Ledger reader" > role.json
    #[command(verbatim_doc_comment)]
    Used {
        /// Id of the assignment.
        id: String,
        /// Print a role definition of this name, for `strongroom role create --file FILE`.
        #[arg(long, value_name = "NAME")]
        as_role: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
}
