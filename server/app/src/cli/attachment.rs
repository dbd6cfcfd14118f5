//! `strongroom policy`, for those who operate: modules on a server, and where they are attached.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Connection, Output, ReplaysCommand, SealAt, ServerAt};

/// A vault, or all of them.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Which {
    /// The vault.
    #[arg(long)]
    pub(crate) vault: Option<String>,
    /// All vaults, and making one.
    #[arg(long)]
    pub(crate) all_vaults: bool,
}

/// One attachment.
#[derive(Args)]
pub(crate) struct AttachmentAt {
    /// Name of the attachment.
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) server: ServerAt,
}

/// Whether an attached module is asked, and whether its answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateWord {
    /// Not asked.
    Off,
    /// Asked after the decision; counted and on record, without a say.
    Shadow,
    /// A denial by it denies.
    Enforce,
}

impl StateWord {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::Enforce => "enforce",
        }
    }
}

/// `strongroom policy`, for those who operate.
#[derive(Subcommand)]
pub(crate) enum AttachmentCommand {
    /// Upload a module. Prints its digest, by which it is attached.
    ///
    /// Its signature, FILE.sig, goes with it if there is one: see `policy sign`. Servers may demand one.
    Push {
        /// The module (a WebAssembly component).
        file: PathBuf,
        #[command(flatten)]
        at: ServerAt,
    },
    /// List the modules of a server: those that ship and those that were uploaded.
    List {
        #[command(flatten)]
        at: ServerAt,
    },
    /// Show a module with the schema of its settings.
    Show {
        /// Digest, its beginning, or name.
        module: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Get the file of an uploaded module back, with its signature beside it if it has one.
    Pull {
        /// Digest, its beginning, or name.
        module: String,
        /// Where to put it; a file that is there is not replaced. DIGEST.wasm when absent.
        #[arg(long, short, value_name = "FILE")]
        out: Option<PathBuf>,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Remove an uploaded module that is attached nowhere.
    Remove {
        /// Digest, its beginning, or name.
        module: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// List what is attached, in order, and what modules in shadow would have said.
    Attached {
        #[command(flatten)]
        which: Which,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Attach a module, or another version or other settings under a name that is attached.
    ///
    /// A new attachment begins in shadow unless --state says otherwise; one that is there keeps its state.
    Attach {
        #[command(flatten)]
        at: AttachmentAt,
        /// Digest of the module, its beginning, or its name.
        #[arg(long)]
        module: String,
        /// Settings as JSON; `{}` for a new attachment, what they are otherwise.
        #[arg(long)]
        settings: Option<String>,
        /// Asked or not.
        #[arg(long, value_enum)]
        state: Option<StateWord>,
        /// Place in the order, from 1; at the end when absent.
        #[arg(long)]
        place: Option<usize>,
        /// Its allow grants, in the access mode `modules`.
        #[arg(long)]
        authority: bool,
        /// Attach it even if it denies the connection that you ask over.
        #[arg(long)]
        force: bool,
    },
    /// Detach a module. Of a vault nothing is read for it, so it works where a module denies to look.
    Detach {
        #[command(flatten)]
        at: AttachmentAt,
    },
    /// Ask an attached module without giving it a say.
    Shadow {
        #[command(flatten)]
        at: AttachmentAt,
    },
    /// Let denials of an attached module deny.
    Enforce {
        #[command(flatten)]
        at: AttachmentAt,
        /// Even if it denies the connection that you ask over.
        #[arg(long)]
        force: bool,
    },
    /// Go back to the module and the settings that were attached under the name before, in the state they had then.
    ///
    /// The step back is that of the last change of module or settings. A change of state alone is no step: what
    /// `policy enforce` did is undone by `policy shadow`, and the other way round. What it goes back to is told first;
    /// `policy attached --output json` shows it as `previous`.
    Rollback {
        #[command(flatten)]
        at: AttachmentAt,
        /// Even if what comes back denies the connection that you ask over.
        #[arg(long)]
        force: bool,
    },
    /// Recorded decisions, asked again by the server with other modules or settings.
    #[command(subcommand)]
    Replays(ReplaysCommand),
    /// On the server's machine: turn off every module of a vault, when policies lock everybody out.
    ///
    /// Needs the root key, and is on record. Nothing is detached. With the embedded database the server has to
    /// be stopped first.
    Recover {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        at: SealAt,
    },
}
