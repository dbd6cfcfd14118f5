//! `strongroom secret`: what can be said.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ChangedAttributes, LifeCommand, NewAttributes, VaultAt, Versioned, tag};

/// `strongroom secret`
#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    #[command(flatten)]
    Life(LifeCommand),
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
        #[command(flatten)]
        attributes: NewAttributes,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Change what is known of a version, never its value: disable or enable it, move its moments, replace its tags
    /// or its content type.
    Update {
        #[command(flatten)]
        secret: Versioned,
        #[command(flatten)]
        change: ChangedAttributes,
        /// Content type.
        #[arg(long)]
        content_type: Option<String>,
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
    /// Tag of all that is created or changed, `NAME=VALUE`; may be given several times. What a changed one has
    /// besides stays.
    #[arg(long = "tag", value_parser = tag)]
    pub(crate) tags: Vec<String>,
}
