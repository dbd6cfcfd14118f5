//! `strongroom policy replays`: what can be said.

use clap::Subcommand;

use super::{Connection, Output, StateWord, Which};

/// `strongroom policy replays`
#[derive(Subcommand)]
pub(crate) enum ReplaysCommand {
    /// Have the server ask a vault's newest decisions again, with one attachment changed or added, and keep what would
    /// change. No rule is changed.
    Run {
        /// Name of the attachment.
        name: String,
        /// The vault whose decisions are asked again; of all vaults, where only that is said.
        #[arg(long, required_unless_present = "all_vaults")]
        vault: Option<String>,
        /// The attachment is one to all vaults.
        #[arg(long)]
        all_vaults: bool,
        /// Digest of the module, its beginning, or its name; the attached one when absent.
        #[arg(long)]
        module: Option<String>,
        /// Settings as JSON; `{}` for a new attachment, what they are otherwise.
        #[arg(long)]
        settings: Option<String>,
        /// In which state it is tried.
        #[arg(long, value_enum, default_value = "enforce")]
        state: StateWord,
        /// Place in the order, from 1; where it is, or at the end, when absent.
        #[arg(long)]
        place: Option<usize>,
        /// Its allow grants, in the access mode `modules`; one that is attached keeps what it has.
        #[arg(long)]
        authority: bool,
        /// How many of the newest decisions are asked again.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=500))]
        last: u16,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// List the replays of a vault that are kept, the newest first: 50 of all vaults together.
    List {
        #[command(flatten)]
        which: Which,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Say that you have looked at groups of what a replay found, by their numbers as `show` tells them. For a person.
    Review {
        /// Its id.
        id: String,
        #[command(flatten)]
        which: Which,
        /// Number of a group, from 1; can be given several times.
        #[arg(long, required = true)]
        group: Vec<u16>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show what a replay found.
    Show {
        /// Its id.
        id: String,
        #[command(flatten)]
        which: Which,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
}
