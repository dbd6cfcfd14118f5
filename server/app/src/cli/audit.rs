//! `strongroom audit`: what can be said.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use strongroom_domain::record::IdPrefix;

use super::{Connection, JsonAlone, Output, seal::At};

/// `strongroom audit`
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Print the newest records, oldest first.
    Tail {
        /// How many, 1 to 1,000.
        #[arg(long, short = 'n', visible_alias = "limit", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        lines: u16,
        /// Go on with new records until interrupted.
        #[arg(long, short = 'f')]
        follow: bool,
        /// Cut nothing, and show the whole decision id.
        #[arg(long)]
        wide: bool,
        /// Also requests without a credential, as every client library sends first, and your own reading of the
        /// log. Without a filter that asks for them they are left out, and standard error says so.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        filter: Filter,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Print records as JSON lines, newest first.
    Query {
        #[command(flatten)]
        filter: Filter,
        /// Stop after this many.
        #[arg(long, short = 'n', visible_alias = "lines", default_value_t = 1000)]
        limit: usize,
        /// How to print: these are JSON in any case.
        #[arg(long, value_enum, default_value = "json")]
        output: JsonAlone,
        #[command(flatten)]
        connection: Connection,
    },
    /// Print the whole log up to its newest checkpoint, as JSON lines that `verify --export` can check.
    Export {
        /// How to print: these are JSON in any case.
        #[arg(long, value_enum, default_value = "json")]
        output: JsonAlone,
        #[command(flatten)]
        connection: Connection,
    },
    /// Print the receipt of a record: its proof, to be checked anywhere.
    Receipt {
        /// The decision id, or its beginning as `audit tail` shows it.
        id: DecisionId,
        /// How to print: these are JSON in any case.
        #[arg(long, value_enum, default_value = "json")]
        output: JsonAlone,
        #[command(flatten)]
        connection: Connection,
    },
    /// Check a receipt offline, and print its record; or each of a bundle of receipts, as the dashboard's audit page gives
    /// it. Ends with 3 when one does not hold.
    VerifyReceipt {
        /// File with the receipt.
        file: PathBuf,
        /// Public audit key: the file that holds it, or its 64 hexadecimal digits as the dashboard's settings show them.
        #[arg(long)]
        public_key: PathBuf,
        /// How to print: a record is JSON in any case.
        #[arg(long, value_enum, default_value = "json")]
        output: JsonAlone,
    },
    /// Verify the audit log and compare every row with it, offline, with public keys alone.
    ///
    /// The log is that of the database which the server's configuration names (--config), or which is in its data
    /// directory (--data); or a file that `audit export` wrote (--export), which needs neither.
    ///
    /// Ends with 0 when everything fits and was compared with checkpoints kept outside the database, 3 when
    /// something does not fit, 4 when everything fits but no such checkpoint was there to compare with, and
    /// 1 when it could not be checked. An export that ends before the newest anchor is either older or cut off: that
    /// is 3, unless --until-own-checkpoint accepts it.
    Verify(VerifyArgs),
}

/// What is verified, and with what it is compared.
#[derive(Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) at: At,
    /// Address of another database than the one in the data directory. Refused with a password in it, because others on
    /// the machine see it here.
    #[arg(long, conflicts_with = "config")]
    pub(crate) database: Option<String>,
    /// Where such an address is kept: `file:/PATH` (mode 0600), `credential:NAME`, or `environment`, which is the
    /// variable STRONGROOM_DATABASE.
    #[arg(long, conflicts_with_all = ["config", "database"])]
    pub(crate) database_from: Option<String>,
    /// Instead of a database: a file of `audit export`.
    #[arg(long, conflicts_with_all = ["database", "database_from", "witness"])]
    pub(crate) export: Option<PathBuf>,
    /// Accept an exported log that ends before the newest anchor, as one does that was made earlier: it is checked up
    /// to its own checkpoint, and where the anchors go on is told, no finding.
    #[arg(long, requires = "export")]
    pub(crate) until_own_checkpoint: bool,
    #[command(flatten)]
    pub(crate) with: VerifyWith,
}

/// With what a log is compared.
#[derive(Args)]
pub(crate) struct VerifyWith {
    /// Anchor file: checkpoints kept outside the database; the data directory's `anchors.jsonl` when absent.
    #[arg(long)]
    pub(crate) anchors: Option<PathBuf>,
    /// Public audit key: the file that holds it, or its 64 hexadecimal digits; the data directory's `audit.pub` when absent.
    #[arg(long)]
    pub(crate) public_key: Option<PathBuf>,
    /// Address of a witness: what it keeps is compared too.
    #[arg(long)]
    pub(crate) witness: Option<String>,
    /// File with a bearer token for the witness.
    #[arg(long, requires = "witness")]
    pub(crate) witness_token_file: Option<PathBuf>,
    /// Certificate authority to trust besides the system's when the witness is asked (PEM file).
    #[arg(long, requires = "witness")]
    pub(crate) witness_ca: Option<PathBuf>,
}

/// A decision's id, or the beginning of one.
#[derive(Clone, Debug)]
pub(crate) struct DecisionId(pub(crate) String);

impl std::str::FromStr for DecisionId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_end_matches('…');
        let known = IdPrefix::parse(text).map(|_| Self(text.to_ascii_lowercase()));
        known.ok_or_else(|| {
            format!("it is a decision's id, or its beginning of at least {} characters", IdPrefix::LEAST)
        })
    }
}

/// Which records.
#[derive(Args, Clone)]
pub(crate) struct Filter {
    /// Only this outcome: allowed, denied, failed, unauthenticated.
    #[arg(long)]
    pub(crate) outcome: Option<String>,
    /// Only this vault.
    #[arg(long)]
    pub(crate) vault: Option<String>,
    /// Only what is about this: part of an object's name, a vault, VAULT/NAME or VAULT/KIND/NAME.
    #[arg(long)]
    pub(crate) object: Option<String>,
    /// Only principals whose subject contains this, or the one of ISSUER#SUBJECT.
    #[arg(long)]
    pub(crate) principal: Option<String>,
    /// Only this workload of the server, by client id or name.
    #[arg(long, conflicts_with = "principal")]
    pub(crate) workload: Option<String>,
    /// Only this operation, for example SecretGet; upper and lower case are the same.
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// Only this reason, for example no-role.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Only requests from this address.
    #[arg(long)]
    pub(crate) client: Option<std::net::IpAddr>,
    /// Only what is about a thing of this kind: secret, key, certificate, issuer, contacts, revocations, vault, server,
    /// workload.
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Only the record of this decision; the beginning of its id as `audit tail` shows it will do.
    #[arg(long)]
    pub(crate) id: Option<DecisionId>,
    /// From this moment on (RFC 3339, or Unix milliseconds).
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Until this moment, not included.
    #[arg(long)]
    pub(crate) until: Option<String>,
}
