//! What can be said about workload identities.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use uuid::Uuid;

use super::{Enabling, ServerAt};

/// `strongroom identity`
#[derive(Subcommand)]
pub(crate) enum IdentityCommand {
    /// List workload identities.
    List {
        #[command(flatten)]
        at: ServerAt,
    },
    /// Show one with its credentials, never a client secret.
    Show {
        /// Client id or name.
        workload: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Make one; prints its first client secret, this once, unless told to make none.
    Create {
        /// Name shown to people.
        name: String,
        /// Make no client secret: for those that use a certificate or a federation.
        #[arg(long)]
        no_secret: bool,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Rename, disable or enable one. Holds on the next request: one that is disabled gets no token, and its tokens count
    /// for nothing.
    Update {
        /// Client id or name.
        workload: String,
        /// New name.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        enabling: Enabling,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Delete one with its credentials. Holds on the next request; cannot be undone.
    Delete {
        /// Client id or name.
        workload: String,
        /// Also the one that this command acts as.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Client secrets.
    #[command(subcommand)]
    Secret(IdentitySecretCommand),
    /// Certificates, with whose key it signs its own assertions.
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// Federations: tokens of another issuer that stand for it.
    #[command(subcommand)]
    Federation(FederationCommand),
}

/// `strongroom identity secret`
#[derive(Subcommand)]
pub(crate) enum IdentitySecretCommand {
    /// Make a client secret and print it, this once.
    Add {
        /// Client id or name.
        workload: String,
        /// What people call it.
        #[arg(long)]
        name: Option<String>,
        /// Days until it expires, at most 730; 180 when absent.
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=730))]
        days: Option<u16>,
        /// In place of all other client secrets, which count no more.
        #[arg(long)]
        replace: bool,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Take a client secret away. Holds on the next request for a token.
    Remove(CredentialOf),
}

/// `strongroom identity certificate`
#[derive(Subcommand)]
pub(crate) enum CertificateCommand {
    /// Register a certificate (RSA). The private key stays with the client.
    Add {
        /// Client id or name.
        workload: String,
        /// PEM file with the certificate alone; `-` for standard input.
        file: PathBuf,
        /// What people call it; its subject when absent.
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Take a certificate away.
    Remove(CredentialOf),
}

/// `strongroom identity federation`
#[derive(Subcommand)]
pub(crate) enum FederationCommand {
    /// Let tokens of an issuer stand for the workload. The issuer must be configured.
    Add {
        /// Client id or name.
        workload: String,
        /// Exact issuer of the tokens.
        #[arg(long)]
        issuer: String,
        /// Exact subject of the tokens.
        #[arg(long, group = "whose")]
        subject: Option<String>,
        /// Subject in which `*` stands for any characters but `:`.
        #[arg(long, group = "whose")]
        subject_pattern: Option<String>,
        /// Exact audience of the tokens.
        #[arg(long, default_value = "api://AzureADTokenExchange")]
        audience: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Take a federation away.
    Remove(CredentialOf),
}

/// A credential of a workload.
#[derive(Args)]
pub(crate) struct CredentialOf {
    /// Client id or name of the workload.
    pub(crate) workload: String,
    /// Id of the credential, as `identity show` prints it.
    pub(crate) credential: Uuid,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}
