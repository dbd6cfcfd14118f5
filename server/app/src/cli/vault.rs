//! `strongroom vault`: what can be said.

use clap::Subcommand;

use super::Connection;

/// `strongroom vault`
#[derive(Subcommand)]
pub(crate) enum VaultCommand {
    /// Make a vault.
    Create {
        /// Name: 3 to 24 letters, digits and single hyphens.
        name: String,
        /// Network that may reach it (CIDR); may be given several times. None: from everywhere.
        #[arg(long = "allow-network")]
        networks: Vec<String>,
        /// Days that deleted objects stay recoverable, 7 to 90.
        #[arg(long, default_value_t = 90)]
        retention_days: u16,
        /// Refuse every purge before its time. Cannot be switched off again.
        #[arg(long)]
        purge_protection: bool,
        /// Policy module to attach, `NAME=SETTINGS` where NAME is a shipped module and SETTINGS JSON.
        #[arg(long = "policy")]
        policies: Vec<String>,
        #[command(flatten)]
        connection: Connection,
    },
}
