//! `strongroom certificate issuer` and `strongroom certificate contacts`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::VaultAt;

/// `strongroom certificate issuer`
#[derive(Subcommand)]
pub(crate) enum IssuerCommand {
    /// Set up who issues certificates of the vault: an authority kept in a vault, or an ACME server.
    Set {
        /// Name of the issuer, as policies name it.
        name: String,
        #[command(flatten)]
        issuer: Box<IssuerGiven>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// List the issuers of the vault.
    List {
        #[command(flatten)]
        at: VaultAt,
    },
    /// Show an issuer; never its key.
    Show {
        /// Name of the issuer.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Take an issuer away, at once and for good.
    Delete {
        /// Name of the issuer.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
}

/// Who is to issue.
#[derive(Args)]
pub(crate) struct IssuerGiven {
    /// An authority kept in a vault: the name of its certificate, or `VAULT/NAME`. You need sign on its key.
    #[arg(long, required_unless_present = "acme", conflicts_with = "acme")]
    pub(crate) authority: Option<String>,
    /// What the authority signs for it.
    #[arg(long, value_enum, default_value = "server", conflicts_with = "acme")]
    pub(crate) profile: ProfileGiven,
    /// The longest validity of what the authority signs, in days.
    #[arg(long, conflicts_with = "acme")]
    pub(crate) max_days: Option<u32>,
    /// Where the authority's list of revoked certificates is found.
    #[arg(long, conflicts_with = "acme")]
    pub(crate) crl_url: Option<String>,
    /// An ACME server: address of its directory.
    #[arg(long)]
    pub(crate) acme: Option<String>,
    /// Mail address of the account there; may be given several times.
    #[arg(long = "contact", requires = "acme")]
    pub(crate) contacts: Vec<String>,
    /// Prove names by the DNS, with this hook of the server's configuration; over HTTP when absent.
    #[arg(long, requires = "acme")]
    pub(crate) dns_hook: Option<String>,
    /// Key id of an external account binding.
    #[arg(long, requires = "acme", requires = "eab_key_file")]
    pub(crate) eab_key_id: Option<String>,
    /// File with the key of the external account binding, in base64url.
    #[arg(long, requires = "eab_key_id")]
    pub(crate) eab_key_file: Option<PathBuf>,
    /// File with the certificates (PEM) that the directory's connection is checked with.
    #[arg(long, requires = "acme")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Set it up and let nothing be issued by it yet.
    #[arg(long)]
    pub(crate) disabled: bool,
}

/// What an authority signs.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ProfileGiven {
    /// TLS servers, which may be clients of each other: DNS names and addresses.
    Server,
    /// TLS clients: DNS names, mail addresses, user principal names and URIs.
    Client,
    /// Signing code: no names beside the subject's.
    CodeSigning,
    /// Authorities below it, and nothing else.
    Authority,
}

/// `strongroom certificate contacts`
#[derive(Subcommand)]
pub(crate) enum ContactsCommand {
    /// Say who is told about the certificates of the vault: all of them.
    Set {
        /// Mail address; may be given several times.
        #[arg(long = "email", required = true)]
        emails: Vec<String>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Show who is told.
    Show {
        #[command(flatten)]
        at: VaultAt,
    },
    /// Tell nobody any more.
    Delete {
        #[command(flatten)]
        at: VaultAt,
    },
}
