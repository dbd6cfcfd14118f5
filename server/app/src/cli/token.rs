//! What can be said about tokens.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Connection, Output};

/// `strongroom token`
#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Say check by check why a token is accepted or not, and what to change. For administrators. The
    /// token is read from standard input or a file, never from an argument.
    Explain {
        /// File with the token; `-` or nothing for standard input.
        #[arg(long)]
        file: Option<PathBuf>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
}
