//! What can be said about tokens.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Connection, Output, ServerAt};

/// `strongroom token`
#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Say check by check why a token is accepted or not, and what to change. For administrators. The
    /// token is read from standard input or a file, never from an argument.
    Explain {
        /// File with the token; `-` or nothing for standard input.
        #[arg(long)]
        file: Option<PathBuf>,
        /// The workload that it is to stand for, by name or client id: explained as an assertion at the token endpoint,
        /// against the federations and certificates of the workload, and not as a bearer token.
        #[arg(long, value_name = "WORKLOAD")]
        workload: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// The keys that sign the tokens of this server.
    #[command(subcommand)]
    Keys(TokenKeysCommand),
}

/// `strongroom token keys`
#[derive(Subcommand)]
pub(crate) enum TokenKeysCommand {
    /// Which keys there are, in the order in which they sign.
    List {
        #[command(flatten)]
        at: ServerAt,
    },
    /// Announce a new key: published now, it signs in ten minutes; the one before stays until its last token
    /// has expired. Happens by itself too, by age.
    Rotate {
        #[command(flatten)]
        at: ServerAt,
    },
    /// Put a new key in the place of all others at once, when one may be known to somebody else. No token
    /// that was issued so far counts any more; clients get new ones by themselves.
    Revoke {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        at: ServerAt,
    },
}
