//! What can be said of everything that has a name in a vault: secrets, keys, certificates.

use std::path::PathBuf;

use clap::Subcommand;

use super::VaultAt;

/// The steps of life that secrets, keys and certificates share.
#[derive(Subcommand)]
pub(crate) enum LifeCommand {
    /// List names, never what is kept under them.
    List {
        /// Those that are deleted and not purged yet.
        #[arg(long)]
        deleted: bool,
        #[command(flatten)]
        at: VaultAt,
    },
    /// List the versions of a name, the newest first, never what they hold.
    Versions {
        /// Name.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Soft delete a name with all its versions.
    Delete {
        /// Name.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Bring a deleted name back, with all its versions.
    Recover {
        /// Name.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Remove a deleted name for good. On a terminal the name is asked for.
    Purge {
        /// Name.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Write a name with all its versions, sealed, to a file that this vault alone can read.
    Backup {
        /// Name.
        name: String,
        /// File to write, for its owner alone; `-` for standard output.
        #[arg(long)]
        file: PathBuf,
        /// Replace the file if it is there.
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Bring a name back from a backup file; it must be free.
    Restore {
        /// File that a backup was written to; `-` for standard input.
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        at: VaultAt,
    },
}
