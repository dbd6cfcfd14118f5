//! The command line: what can be said, and which command does it.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{commands, dev, serve};

/// A self-hosted vault whose rules its owners can program.
#[derive(Parser)]
#[command(name = "strongroom", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a development server with sample people, a sample workload and a vault `demo`.
    Dev(DevArgs),
    /// Start the server by a configuration file.
    Serve(ServeArgs),
    /// Store, read, list and delete secrets.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Make vaults.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Give roles.
    #[command(subcommand)]
    Assignment(AssignmentCommand),
    /// Show and verify audit records.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Print the route table.
    #[command(hide = true)]
    Routes,
}

/// Options of `strongroom dev`.
#[derive(Args)]
pub(crate) struct DevArgs {
    /// Address to listen on; the development identity provider takes the next port, on loopback.
    #[arg(long, default_value = "127.0.0.1:8443")]
    pub(crate) listen: SocketAddr,
    /// Data directory.
    #[arg(long, default_value = "strongroom-data")]
    pub(crate) data: PathBuf,
}

/// Options of `strongroom serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML).
    #[arg(long)]
    pub(crate) config: PathBuf,
}

/// How a command reaches the server, and as whom.
#[derive(Args)]
pub(crate) struct Connection {
    /// Base address of the server.
    #[arg(long, env = "STRONGROOM_URL", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// Certificate authority to trust besides the system's (PEM file).
    #[arg(long, env = "VAULT_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Client id of the workload to act as.
    #[arg(long, env = "AZURE_CLIENT_ID", hide_env_values = true)]
    pub(crate) client_id: Option<String>,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For machines.
    Json,
}

/// Where a vault is.
#[derive(Args)]
pub(crate) struct VaultAt {
    /// Address of the vault, for example https://demo.vault.localhost:8443.
    #[arg(long, env = "VAULT_URL", hide_env_values = true)]
    pub(crate) vault_url: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

/// `strongroom secret`
#[derive(Subcommand)]
pub(crate) enum SecretCommand {
    /// Store a new version. The value is read from standard input or a file, never from an argument.
    Set {
        /// Name of the secret.
        name: String,
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
}

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
    /// Verify the audit chain offline, with public keys alone.
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

pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Dev(args) => dev::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Secret(command) => commands::secret::run(command).await,
        Command::Vault(command) => commands::vault::run(command).await,
        Command::Assignment(command) => commands::assignment::run(command).await,
        Command::Audit(command) => commands::audit::run(command).await,
        Command::Routes => commands::routes::run(),
    }
}
