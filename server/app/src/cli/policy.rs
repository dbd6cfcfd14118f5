//! `strongroom policy`: what can be said.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{AttachmentCommand, Connection, DecisionId, DocumentCommand, Moment, Output};

/// `strongroom policy`
#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    #[command(flatten)]
    Operate(AttachmentCommand),
    /// Documents that modules read, by the fact `document/NAME`.
    #[command(subcommand)]
    Document(DocumentCommand),
    /// Say why a request was answered as it was, or how one would be that nobody makes
    ///
    /// Every stage and every module, from the record of a decision; or, with --as, from what holds now.
    ///
    /// For example:
    ///
    ///   strongroom policy why 01a21e51-2a02-781a
    ///
    ///   strongroom policy why --as https://login.example#8b1a --group app-team
    ///     --action SecretGet --object payments/secrets/db-password --from 192.0.2.7
    ///
    ///   strongroom policy why 01a21e51-2a02-781a --would-allow
    #[command(verbatim_doc_comment)]
    Why {
        /// The decision id: a denial names it, and so does the audit log. Its beginning as `audit tail` shows it
        /// will do.
        #[arg(conflicts_with = "who")]
        id: Option<DecisionId>,
        #[command(flatten)]
        described: DescribedRequest,
        /// Of a denial: say which single change of yours would let it through now, with the command that makes it and
        /// what it would make of recorded decisions.
        #[arg(long)]
        would_allow: bool,
        /// How many of the newest decisions on the vault are asked again for each change.
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(0..=500), requires = "would_allow")]
        last: u16,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Begin a module in a new folder: a template with settings, cases and all it is built from.
    New {
        /// Name of the module and of the folder: a-z, 0-9 and -.
        name: String,
        /// In which language.
        #[arg(long, value_enum, default_value = "rust")]
        lang: Language,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Build the module of a folder to NAME.wasm in it.
    Build {
        /// The folder.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Load a module as the server would, and say what it is.
    Inspect {
        #[command(flatten)]
        module: ModuleArg,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Run golden cases against a module. Builds the folder's first.
    Test {
        /// The folder, with `golden.json` in it.
        #[arg(default_value = ".")]
        folder: PathBuf,
        /// Test this module as it is, and build nothing: a file or the name of one that ships.
        #[arg(long)]
        module: Option<String>,
        /// File with the cases, when it is not the folder's `golden.json`.
        #[arg(long)]
        cases: Option<PathBuf>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Ask a module about one request and show everything there is to see.
    Explain {
        #[command(flatten)]
        module: ModuleArg,
        #[command(flatten)]
        question: Question,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Measure what one decision costs on this machine.
    Bench {
        #[command(flatten)]
        module: ModuleArg,
        #[command(flatten)]
        question: Question,
        /// How many decisions.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        rounds: u32,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Ask a module about decisions that were recorded, and say what it would change.
    Replay {
        #[command(flatten)]
        module: ModuleArg,
        /// Recorded decisions: the lines of `audit export` or `audit query`.
        records: PathBuf,
        /// The settings to try.
        #[arg(long, default_value = "{}")]
        settings: String,
        /// Name of the attachment whose answers are compared; the module's own name when absent.
        #[arg(long)]
        attachment: Option<String>,
        /// Only decisions on this vault.
        #[arg(long)]
        vault: Option<String>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Have modules say again what is on record of them, from the records alone, and compare to the last bit. Ends with 3
    /// when an answer is another one.
    Reproduce {
        /// Recorded decisions, and the changes that attached the modules: the lines of `audit export` or `audit query`.
        records: PathBuf,
        /// Modules besides those that ship: files, or folders in which one was built.
        modules: Vec<String>,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Sign a module with an Ed25519 key, into FILE.sig.
    Sign {
        /// The module.
        file: PathBuf,
        /// Private key (PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` makes it).
        #[arg(long)]
        key: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Check the signature of a module, FILE.sig. Ends with 3 when it does not hold.
    Verify {
        /// The module.
        file: PathBuf,
        /// Public key (PEM, as `openssl pkey -pubout` makes it).
        #[arg(long)]
        public_key: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
}

/// A language that modules are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, with the SDK.
    Rust,
    /// C, with a header of the contract.
    C,
}

/// A request that nobody makes.
#[derive(Args)]
pub(crate) struct DescribedRequest {
    /// Who would ask: `ISSUER#SUBJECT`, as records have it, or a workload of this server by client id or name.
    #[arg(long = "as", id = "who", value_name = "WHO", requires_all = ["action", "object"])]
    pub(crate) who: Option<String>,
    /// A group of theirs, as the issuer would name it. May be given again.
    #[arg(long = "group", requires = "who")]
    pub(crate) groups: Vec<String>,
    /// A claim of theirs, NAME=VALUE, as modules see it. May be given again.
    #[arg(long = "claim", requires = "who")]
    pub(crate) claims: Vec<String>,
    /// What they would ask for: the operation, as records name it (SecretGet, KeySign, VaultPatch).
    #[arg(long, requires = "who")]
    pub(crate) action: Option<String>,
    /// Of what: VAULT, VAULT/secrets, VAULT/secrets/NAME or VAULT/secrets/NAME/VERSION (keys, certificates).
    #[arg(long, requires = "who")]
    pub(crate) object: Option<String>,
    /// By which algorithm, of an operation with a key: PS256, A256KW.
    #[arg(long, requires = "who")]
    pub(crate) algorithm: Option<String>,
    /// From which address; from yours when absent.
    #[arg(long = "from", requires = "who")]
    pub(crate) client: Option<String>,
    /// By which listener; by that of your connection when absent.
    #[arg(long, requires = "who")]
    pub(crate) listener: Option<String>,
    /// When they would ask, by the rules as they are now; now when absent.
    #[arg(long, requires = "who", value_name = "MOMENT")]
    pub(crate) at: Option<Moment>,
    #[command(flatten)]
    pub(crate) as_if: AsIf,
}

/// What modules are told of the object where that is not to be as it is stored.
#[derive(Args)]
pub(crate) struct AsIf {
    /// As if the object had this tag, NAME=VALUE, and none that is not given. May be given again.
    #[arg(long = "tag", requires = "who", help_heading = "What if the object were another")]
    pub(crate) tags: Vec<String>,
    /// As if it had no tags.
    #[arg(long, requires = "who", conflicts_with = "tags", help_heading = "What if the object were another")]
    pub(crate) no_tags: bool,
    /// As if it were there, soft deleted, or not there.
    #[arg(long, requires = "who", value_enum, help_heading = "What if the object were another")]
    pub(crate) state: Option<SupposedState>,
    /// As if it were enabled.
    #[arg(long, requires = "who", conflicts_with = "disabled", help_heading = "What if the object were another")]
    pub(crate) enabled: bool,
    /// As if it were disabled.
    #[arg(long, requires = "who", help_heading = "What if the object were another")]
    pub(crate) disabled: bool,
    /// As if it counted from this time on.
    #[arg(long, requires = "who", help_heading = "What if the object were another")]
    pub(crate) not_before: Option<Moment>,
    /// As if it counted until this time.
    #[arg(long, requires = "who", help_heading = "What if the object were another")]
    pub(crate) expires: Option<Moment>,
    /// As if it had no end.
    #[arg(long, requires = "who", conflicts_with = "expires", help_heading = "What if the object were another")]
    pub(crate) no_expiry: bool,
}

/// Whether an object is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SupposedState {
    Active,
    Deleted,
    Absent,
}

/// Which module.
#[derive(Args)]
pub(crate) struct ModuleArg {
    /// The module: a file, a folder with one built in it, or the name of one that ships.
    pub(crate) module: String,
}

/// What a module is asked.
#[derive(Args)]
pub(crate) struct Question {
    /// File with a request, as an audit record has it under `input`.
    #[arg(long, required_unless_present = "case", conflicts_with = "case")]
    pub(crate) request: Option<PathBuf>,
    /// Settings of the attachment.
    #[arg(long, default_value = "{}", conflicts_with = "case")]
    pub(crate) settings: String,
    /// A golden case, by its name, with its settings.
    #[arg(long)]
    pub(crate) case: Option<String>,
    /// File with the cases.
    #[arg(long, default_value = "golden.json")]
    pub(crate) cases: PathBuf,
}
