//! `strongroom policy document`: what can be said.

use std::path::PathBuf;

use clap::Subcommand;

use super::ServerAt;

/// `strongroom policy document`
#[derive(Subcommand)]
pub(crate) enum DocumentCommand {
    /// Write a document, new or in place of the one of this name: at most 4096 bytes, and nothing secret.
    ///
    /// It stands in the record of every decision that it was given for.
    Put {
        /// Name: a-z, 0-9 and -. Modules ask for `document/NAME`.
        name: String,
        /// The text; - for standard input.
        file: PathBuf,
        #[command(flatten)]
        at: ServerAt,
    },
    /// List the documents.
    List {
        #[command(flatten)]
        at: ServerAt,
    },
    /// Print a document, as it was written.
    Show {
        /// Its name.
        name: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Remove a document. Modules that ask for it see that there is none.
    Remove {
        /// Its name.
        name: String,
        #[command(flatten)]
        at: ServerAt,
    },
}
