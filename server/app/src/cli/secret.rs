//! `strongroom secret`: what can be said.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::VaultAt;

/// `strongroom secret`
#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    /// Store a new version. The value is asked for, or read from a pipe or file, never from an argument.
    Set {
        /// Name of the secret.
        name: String,
        /// What stands where no value belongs.
        #[arg(hide = true)]
        misplaced: Vec<String>,
        /// Store an empty value, which is refused otherwise.
        #[arg(long)]
        allow_empty: bool,
        /// File with the value; `-` or nothing for standard input. One newline at the end is dropped.
        #[arg(long)]
        value_file: Option<PathBuf>,
        /// Content type.
        #[arg(long)]
        content_type: Option<String>,
        /// Tag, `NAME=VALUE`; may be given several times.
        #[arg(long = "tag")]
        tags: Vec<String>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Print a value: the current version, or the one named.
    Get {
        /// Name of the secret.
        name: String,
        /// Version.
        #[arg(long)]
        version: Option<String>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// List secrets, never their values.
    List {
        /// Those that are deleted and not purged yet.
        #[arg(long)]
        deleted: bool,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Soft delete a secret with all its versions.
    Delete {
        /// Name of the secret.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// List the versions of a secret, the newest first, never their values.
    Versions {
        /// Name of the secret.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Bring a deleted secret back, with all its versions.
    Recover {
        /// Name of the secret.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Remove a deleted secret for good. On a terminal its name is asked for.
    Purge {
        /// Name of the secret.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Write a secret with all its versions, sealed, to a file that this vault alone can read.
    Backup {
        /// Name of the secret.
        name: String,
        /// File to write, for its owner alone.
        #[arg(long)]
        file: PathBuf,
        /// Replace the file if it is there.
        #[arg(long)]
        overwrite: bool,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Bring a secret back from a backup file, under its name, which must be free.
    Restore {
        /// File that `secret backup` wrote.
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Store what a `.env` file says: names that are new, and values that have changed.
    Import {
        #[command(flatten)]
        import: SecretImport,
        #[command(flatten)]
        at: VaultAt,
    },
}

/// What is imported, and how.
#[derive(Args)]
pub(crate) struct SecretImport {
    /// File of `NAME=VALUE` lines.
    pub(crate) file: PathBuf,
    /// Say what would be created and changed, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Store empty values, which are refused otherwise.
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// What the secrets' names begin with.
    #[arg(long, default_value = "")]
    pub(crate) prefix: String,
}
