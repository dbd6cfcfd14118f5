//! `strongroom vault`: what can be said.

use clap::{Args, Subcommand};

use super::{ServerAt, tag};

/// Access modes by the names that the API has for them.
const MODES: [&str; 4] = ["rbac", "access-policy", "layered", "modules"];

/// `strongroom vault`
#[derive(Subcommand)]
pub(crate) enum VaultCommand {
    /// Make a vault.
    Create {
        /// Name: 3 to 24 letters, digits and single hyphens.
        name: String,
        #[command(flatten)]
        given: VaultGiven,
        #[command(flatten)]
        at: ServerAt,
    },
    /// List the vaults that you may know of.
    List {
        /// Those that are deleted and not purged yet.
        #[arg(long)]
        deleted: bool,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Show a vault and its settings.
    Show {
        /// Name of the vault.
        name: String,
        /// It is deleted and not purged yet.
        #[arg(long)]
        deleted: bool,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Change settings of a vault; those that are not named stay as they are.
    Update {
        /// Name of the vault.
        name: String,
        #[command(flatten)]
        change: VaultChange,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Soft delete a vault with all that is in it. Its name stays taken.
    Delete {
        /// Name of the vault.
        name: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Bring a deleted vault back, with all that was in it.
    Recover {
        /// Name of the vault.
        name: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Remove a deleted vault and all that was in it for good. On a terminal its name is asked for.
    Purge {
        /// Name of the vault.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        at: ServerAt,
    },
}

/// Settings of a new vault.
#[derive(Args)]
pub(crate) struct VaultGiven {
    /// Network that may reach it (CIDR); may be given several times. None: from everywhere.
    #[arg(long = "allow-network")]
    pub(crate) networks: Vec<String>,
    /// Days that deleted objects stay recoverable, 7 to 90. Cannot be changed later.
    #[arg(long, default_value_t = 90)]
    pub(crate) retention_days: u16,
    /// Refuse every purge before its time. Cannot be switched off again.
    #[arg(long)]
    pub(crate) purge_protection: bool,
    /// Policy module to attach, `NAME=SETTINGS` where NAME is a shipped module and SETTINGS JSON.
    #[arg(long = "policy")]
    pub(crate) policies: Vec<String>,
    /// Tag, `NAME=VALUE`; may be given several times.
    #[arg(long = "tag", value_parser = tag)]
    pub(crate) tags: Vec<String>,
    /// Label of a region; says nothing about where data is.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// What must allow a request to its data.
    #[arg(long, value_parser = MODES, default_value = "rbac")]
    pub(crate) access_mode: String,
    /// Algorithm that no key of the vault is used by, for example RSA1_5; `weak` for all that are weak. May be given
    /// several times.
    #[arg(long = "refuse-algorithm")]
    pub(crate) refused: Vec<String>,
    /// Make it even if you cannot reach it from where you are.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What changes.
#[derive(Args)]
#[group(id = "vault_change", required = true, multiple = true)]
pub(crate) struct VaultChange {
    /// Refuse every purge before its time. Cannot be switched off again.
    #[arg(long)]
    pub(crate) purge_protection: bool,
    /// Tag to add or change, `NAME=VALUE`; may be given several times.
    #[arg(long = "tag", value_parser = tag)]
    pub(crate) tags: Vec<String>,
    /// Name of a tag to take away; may be given several times.
    #[arg(long = "remove-tag")]
    pub(crate) removed_tags: Vec<String>,
    /// Label of a region; empty for none.
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// What must allow a request to its data.
    #[arg(long, value_parser = MODES)]
    pub(crate) access_mode: Option<String>,
    /// Algorithm to switch off for the keys of the vault, for example RSA1_5; `weak` for all that are weak. May be
    /// given several times.
    #[arg(long = "refuse-algorithm")]
    pub(crate) refused: Vec<String>,
    /// Algorithm to switch on again; may be given several times.
    #[arg(long = "accept-algorithm")]
    pub(crate) accepted: Vec<String>,
}
