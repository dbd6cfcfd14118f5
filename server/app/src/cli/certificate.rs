//! `strongroom certificate`: what can be said.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::certificate_policy::{CertificatePolicyCommand, LifetimeGiven};
use super::issuer::{ContactsCommand, IssuerCommand};
use super::{ChangedTags, Enabling, LifeCommand, VaultAt, Versioned, tag};

/// How long somebody waits for an issuer.
#[derive(Args)]
pub(crate) struct Patience {
    /// Seconds to wait for an issuer at most; what is not there then is left to the server, and the command ends with 8.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u16).range(..=3600))]
    pub(crate) wait: u16,
}

/// `strongroom certificate`
#[derive(Subcommand)]
pub(crate) enum CertificateCommand {
    #[command(flatten)]
    Life(LifeCommand),
    /// Make a certificate, or a new version of one: signed with its own key, or a request for an authority.
    #[command(alias = "issue")]
    Create {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        certificate: Box<CertificateGiven>,
        #[command(flatten)]
        patience: Patience,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Make the next version now, by the stored policy and with the tags of the last one.
    Renew {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        patience: Patience,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Keep files that have the current version with its private key, and run a command when they have another one.
    Watch {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        watched: Box<Watched>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Show a chain from the leaf to the root, and what is wrong with it.
    Inspect {
        /// Name of the certificate; without it `--file` or `--connect` says what is looked at.
        name: Option<String>,
        /// Version; the current one when absent.
        #[arg(long, conflicts_with_all = ["file", "connect"])]
        version: Option<String>,
        /// A file instead, in PEM, DER or PFX, with its private key or without; `-` for standard input. Nothing is sent.
        #[arg(long, conflicts_with_all = ["name", "connect"])]
        file: Option<PathBuf>,
        /// What a server shows instead, `HOST:PORT` of any that speaks TLS.
        #[arg(long, value_parser = endpoint, conflicts_with = "name")]
        connect: Option<(String, u16)>,
        /// Host that it should be for; that of `--connect` when absent.
        #[arg(long)]
        host: Option<String>,
        /// File with the roots that are trusted, in PEM: the chain has to lead to one of them, which it need not have itself.
        #[arg(long)]
        root: Option<PathBuf>,
        /// File with the password that the file is encrypted with.
        #[arg(long, requires = "file")]
        password_file: Option<PathBuf>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Take in a certificate with its chain and its private key, made elsewhere.
    Import {
        /// Name of the certificate.
        name: String,
        /// File with all of it, PFX or PEM; `-` for standard input.
        #[arg(long)]
        file: PathBuf,
        /// File with the password that the PFX or the key is encrypted with; none when absent.
        #[arg(long)]
        password_file: Option<PathBuf>,
        /// Keep the private key in the vault: the secret holds the certificate alone.
        #[arg(long)]
        not_exportable: bool,
        /// Tag, `NAME=VALUE`; may be given several times.
        #[arg(long = "tag", value_parser = tag)]
        tags: Vec<String>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Show a certificate with its policy; all of it with `--output json`.
    Show {
        #[command(flatten)]
        certificate: Versioned,
        #[command(flatten)]
        at: VaultAt,
    },
    /// How the next version is made, and when.
    #[command(subcommand)]
    Policy(CertificatePolicyCommand),
    /// Disable or enable a version, or replace its tags. Its key and its secret go with it.
    Update {
        #[command(flatten)]
        certificate: Versioned,
        #[command(flatten)]
        enabling: Enabling,
        #[command(flatten)]
        tags: ChangedTags,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Write a certificate with its chain and, where it may leave, its private key.
    Export {
        #[command(flatten)]
        certificate: Versioned,
        /// File to write, for its owner alone; standard output when absent.
        #[arg(long)]
        out: Option<PathBuf>,
        /// The certificate alone, in PEM, which anybody may have.
        #[arg(long)]
        public: bool,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Write the request (PEM) of a certificate that waits for its authority.
    Request {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Bring in the certificate that an authority made for the request.
    Merge {
        /// Name of the certificate.
        name: String,
        /// File with the certificate and its chain, PEM or DER; `-` for standard input.
        #[arg(long)]
        file: PathBuf,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Who issues certificates of the vault.
    #[command(subcommand)]
    Issuer(IssuerCommand),
    /// Who is told about certificates of the vault.
    #[command(subcommand)]
    Contacts(ContactsCommand),
    /// Say that a certificate, signed by an authority of the vault or by an ACME server, is not to be taken any more. For good.
    Revoke {
        /// Name of the authority's certificate; with --at-issuer of the one that is revoked, or `NAME/VERSION` of it.
        authority: String,
        #[command(flatten)]
        revoked: RevokedGiven,
        /// Why: unspecified, keyCompromise, cACompromise, affiliationChanged, superseded, cessationOfOperation,
        /// privilegeWithdrawn or aACompromise.
        #[arg(long, default_value = "unspecified")]
        reason: String,
        /// With --at-issuer: the issuer that is asked, by its name in the vault, where the policy names another one by now.
        #[arg(long, requires = "at_issuer")]
        issuer: Option<String>,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Show what an authority of the vault has revoked, and where everybody finds the list of it.
    Revocations {
        /// Name of the authority's certificate.
        authority: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Write the lists of revoked certificates (PEM) of an authority of the vault, one for each key that it signed with.
    Crl {
        /// Name of the authority's certificate.
        authority: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Call off a certificate that waits for its authority.
    Cancel {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// The last operation that was begun for a certificate.
    #[command(subcommand)]
    Pending(PendingCommand),
}

/// `strongroom certificate pending`
#[derive(Subcommand)]
pub(crate) enum PendingCommand {
    /// Show how it stands, and why it failed.
    Show {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
    /// Forget it.
    Delete {
        /// Name of the certificate.
        name: String,
        #[command(flatten)]
        at: VaultAt,
    },
}

/// What is revoked.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RevokedGiven {
    /// A certificate of the vault by its name, or `NAME/VERSION`.
    #[arg(long)]
    pub(crate) certificate: Option<String>,
    /// A file with the certificate, PEM or DER; `-` for standard input.
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,
    /// A serial number in hexadecimal digits, signed by the authority's current version.
    #[arg(long)]
    pub(crate) serial: Option<String>,
    /// The certificate named, by the ACME server that issued it.
    #[arg(long)]
    pub(crate) at_issuer: bool,
}

/// What an authority and all below it may sign.
#[derive(Args)]
pub(crate) struct ConstraintsGiven {
    /// How many authorities may stand between it and what is signed at the end: 0 for none.
    #[arg(long, requires = "authority")]
    pub(crate) path_length: Option<u8>,
    /// Domain whose names may be signed, with all below it; may be given several times, and then no other may.
    #[arg(long, requires = "authority")]
    pub(crate) permit_dns: Vec<String>,
    /// Host, or domain with a dot in front, whose mail addresses may be signed; the same.
    #[arg(long, requires = "authority")]
    pub(crate) permit_email: Vec<String>,
    /// Network whose addresses may be signed, for example 10.0.0.0/8; the same.
    #[arg(long, requires = "authority")]
    pub(crate) permit_ip: Vec<String>,
    /// Domain whose names may not be signed; may be given several times.
    #[arg(long, requires = "authority")]
    pub(crate) exclude_dns: Vec<String>,
    /// Host, or domain with a dot in front, whose mail addresses may not be signed.
    #[arg(long, requires = "authority")]
    pub(crate) exclude_email: Vec<String>,
    /// Network whose addresses may not be signed.
    #[arg(long, requires = "authority")]
    pub(crate) exclude_ip: Vec<String>,
}

/// Files that are kept, and who is told of them.
#[derive(Args)]
pub(crate) struct Watched {
    /// File for all of it, as the policy of the certificate says: PEM with the key first, or PFX. It is replaced as a whole.
    #[arg(long, required_unless_present = "folder", conflicts_with = "folder")]
    pub(crate) file: Option<PathBuf>,
    /// Folder in which `current` links to a folder with chain.pem, key.pem and bundle.pem, or bundle.pfx; the link is
    /// switched as a whole.
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,
    /// Mode of the files: 600, or 640 for their group as well. They belong to who runs this.
    #[arg(long, default_value = "600", value_parser = mode)]
    pub(crate) mode: u32,
    /// Look once and end, for cron and timers.
    #[arg(long)]
    pub(crate) once: bool,
    /// Seconds between looks, a tenth less or more.
    #[arg(long, default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) every: u64,
    /// Seconds that the command may take.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) hook_seconds: u64,
    /// Command to run when there is another version, and what it is given; run again until it ends well.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) hook: Vec<OsString>,
}

/// `HOST:PORT`; an IPv6 address in brackets.
fn endpoint(text: &str) -> Result<(String, u16), &'static str> {
    let wrong = "it is HOST:PORT";
    let (host, port) = text.rsplit_once(':').ok_or(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = port.parse().map_err(|_| wrong)?;
    if host.is_empty() { Err(wrong) } else { Ok((host.to_owned(), port)) }
}

/// Private keys are for their owner, and for a group that it says.
fn mode(text: &str) -> Result<u32, &'static str> {
    match text.trim_start_matches('0') {
        "600" => Ok(0o600),
        "640" => Ok(0o640),
        _ => Err("it is 600 or 640: a private key is in the files"),
    }
}

/// A certificate that is to be made. Where nothing is said: by the policy that is stored. What has a value of its own when
/// absent is filled in later, because what was said of a name that is there must be told from what was not.
#[derive(Args)]
pub(crate) struct CertificateGiven {
    /// Subject, for example `CN=app.example, O=Example`.
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// DNS name; may be given several times.
    #[arg(long = "dns")]
    pub(crate) dns: Vec<String>,
    /// Mail address; may be given several times.
    #[arg(long = "email")]
    pub(crate) emails: Vec<String>,
    /// IP address; may be given several times.
    #[arg(long = "ip")]
    pub(crate) addresses: Vec<String>,
    /// URI; may be given several times.
    #[arg(long = "uri")]
    pub(crate) uris: Vec<String>,
    /// User principal name; may be given several times.
    #[arg(long = "upn")]
    pub(crate) upns: Vec<String>,
    /// Who signs: `Self` (when absent), `Unknown` for a request that is signed elsewhere, or an issuer of the vault.
    #[arg(long)]
    pub(crate) issuer: Option<String>,
    /// Type of the key: RSA, or EC (when absent).
    #[arg(long = "type")]
    pub(crate) kty: Option<String>,
    /// Bits, of RSA (2048, 3072, 4096).
    #[arg(long)]
    pub(crate) size: Option<u64>,
    /// Curve, of EC: P-256, P-256K, P-384 or P-521.
    #[arg(long)]
    pub(crate) curve: Option<String>,
    /// For how many months it is valid; 12 when absent.
    #[arg(long)]
    pub(crate) months: Option<u32>,
    #[command(flatten)]
    pub(crate) lifetime: LifetimeGiven,
    /// Make it an authority, which signs other certificates: keyCertSign and cRLSign, no extended usage, and a key that
    /// stays in the vault.
    #[arg(long, conflicts_with_all = ["usages", "extended"])]
    pub(crate) authority: bool,
    #[command(flatten)]
    pub(crate) constraints: ConstraintsGiven,
    /// Usage of the key; may be given several times. digitalSignature and keyEncipherment when absent.
    #[arg(long = "usage")]
    pub(crate) usages: Vec<String>,
    /// Extended usage as an object identifier; may be given several times. Server and client when absent.
    #[arg(long = "eku")]
    pub(crate) extended: Vec<String>,
    /// In which form the secret gives it out; PEM when absent.
    #[arg(long, value_enum)]
    pub(crate) format: Option<BundleForm>,
    /// Keep the private key in the vault: the secret holds the certificate alone.
    #[arg(long)]
    pub(crate) not_exportable: bool,
    /// Keep the key of the version before.
    #[arg(long)]
    pub(crate) reuse_key: bool,
    /// Of a name that is there: make the whole policy anew, as it is said here, with what stands for itself in place of the
    /// rest. Without it such a name takes no option that says what is made.
    #[arg(long)]
    pub(crate) replace_policy: bool,
    /// Tag, `NAME=VALUE`; may be given several times.
    #[arg(long = "tag", value_parser = tag)]
    pub(crate) tags: Vec<String>,
}

/// A document that holds a certificate with its key.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum BundleForm {
    /// PKCS#12 with an empty password.
    Pfx,
    /// PEM, the key first.
    Pem,
}

impl BundleForm {
    /// As policies name it.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Pfx => "application/x-pkcs12",
            Self::Pem => "application/x-pem-file",
        }
    }
}
