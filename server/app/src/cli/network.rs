//! `strongroom network`: what can be said.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Connection, Output};

/// What is done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NetworkWord {
    /// It goes on to roles and policies.
    Allow,
    /// It is denied, whoever asks.
    Deny,
}

impl NetworkWord {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// A change of a vault's network rules.
#[derive(Args)]
pub(crate) struct NetworkChange {
    /// Go on even if you could not reach the vault any more from where you are. The record says so.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

/// `strongroom network`
#[derive(Subcommand)]
pub(crate) enum NetworkCommand {
    /// List the rules of a vault. The first that fits decides; when none fits, the default action.
    List {
        /// Name of the vault.
        vault: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Replace all rules and the default action.
    Set {
        /// Name of the vault.
        vault: String,
        /// File of JSON as `network list --output json` prints it.
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        change: NetworkChange,
    },
    /// Add a rule about a network, a listener or both.
    Add {
        /// Name of the vault.
        vault: String,
        /// What is done when it fits.
        #[arg(value_enum)]
        action: NetworkWord,
        /// Network or address, for example 10.0.0.0/8.
        #[arg(required_unless_present = "listener")]
        network: Option<String>,
        /// Name of the listener that the connection came over.
        #[arg(long)]
        listener: Option<String>,
        /// When it ends, for example 2027-01-31T00:00:00Z. Without: it does not end.
        #[arg(long)]
        until: Option<String>,
        /// Place in the list, from 1. Without: the last one.
        #[arg(long)]
        at: Option<usize>,
        #[command(flatten)]
        change: NetworkChange,
    },
    /// Take a rule away.
    Remove {
        /// Name of the vault.
        vault: String,
        /// Place in the list, from 1.
        place: usize,
        #[command(flatten)]
        change: NetworkChange,
    },
    /// Say what is done when no rule fits.
    Default {
        /// Name of the vault.
        vault: String,
        /// What is done.
        #[arg(value_enum)]
        action: NetworkWord,
        #[command(flatten)]
        change: NetworkChange,
    },
}
