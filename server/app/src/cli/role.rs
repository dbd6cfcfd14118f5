//! `strongroom role`: what can be said.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Connection, Output, ServerAt};

/// `strongroom role`
#[derive(Subcommand)]
pub(crate) enum RoleCommand {
    /// List role definitions, built in and custom.
    List {
        /// Only those that may be assigned at this scope or below it.
        #[arg(long, default_value = "/")]
        scope: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show one role definition.
    Show {
        /// Name or id.
        role: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Make a custom role definition. Prints its id.
    Create {
        /// JSON file: name, description, actions, not_actions, data_actions, not_data_actions,
        /// assignable_scopes.
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Replace a custom role definition. Holds from the next request on.
    Update {
        /// Name or id.
        role: String,
        /// JSON file, as for `create`.
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Delete a custom role definition that nobody is assigned.
    Delete {
        /// Name or id.
        role: String,
        #[command(flatten)]
        at: ServerAt,
    },
}
