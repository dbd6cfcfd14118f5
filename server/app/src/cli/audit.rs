//! `strongroom audit`: what can be said.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Connection, Output};

/// `strongroom audit`
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the newest records, oldest first.
    Tail {
        /// How many.
        #[arg(long, short = 'n', default_value_t = 20)]
        lines: usize,
        /// Only this outcome: allowed, denied, failed, unauthenticated.
        #[arg(long)]
        outcome: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Verify the audit log and compare every row with it, offline, with public keys alone.
    ///
    /// Ends with 0 when everything fits and was compared with checkpoints kept outside the database, 3 when
    /// something does not fit, 4 when everything fits but no such checkpoint was there to compare with, and
    /// 1 when it could not be checked.
    Verify {
        /// Data directory.
        #[arg(long, default_value = "strongroom-data")]
        data: PathBuf,
        /// Database address, when it is not in the data directory.
        #[arg(long)]
        database: Option<String>,
        /// Anchor file: checkpoints kept outside the database.
        #[arg(long)]
        anchors: Option<PathBuf>,
        /// File with the public audit key; the data directory's `audit.pub` when absent.
        #[arg(long)]
        public_key: Option<PathBuf>,
    },
}
