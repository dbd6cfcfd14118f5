//! The command line: what can be said, and which command does it. One file per noun.

mod access;
mod access_policy;
mod approval;
mod assignment;
mod attachment;
mod attributes;
mod audit;
pub(crate) mod certificate;
pub(crate) mod certificate_policy;
mod document;
mod identity;
pub(crate) mod issuer;
mod key;
mod life;
mod moment;
mod network;
mod policy;
mod replays;
mod role;
mod run;
mod seal;
mod secret;
mod session;
mod token;
mod vault;

use std::{net::SocketAddr, path::PathBuf};

pub(crate) use access::AccessCommand;
pub(crate) use access_policy::AccessPolicyCommand;
pub(crate) use approval::{ApprovalAnswer, ApprovalCommand};
pub(crate) use assignment::{AssignmentCommand, Whom};
pub(crate) use attachment::{AttachmentAt, AttachmentCommand, StateWord, Which};
pub(crate) use attributes::{ChangedAttributes, ChangedTags, Enabling, NewAttributes, Versioned};
pub(crate) use audit::{AuditCommand, DecisionId, Filter as AuditFilter, VerifyArgs, VerifyWith};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
pub(crate) use document::DocumentCommand;
pub(crate) use identity::{
    CertificateCommand, CredentialOf, FederationCommand, IdentityCommand, IdentitySecretCommand,
};
pub(crate) use key::{
    KeyCommand, KeyGiven, OpenArgs, PublicForm, RotationCommand, RotationGiven, SealArgs, SealedForm, SignatureForm,
    Through,
};
pub(crate) use life::LifeCommand;
pub(crate) use moment::Moment;
pub(crate) use network::{NetworkChange, NetworkCommand, NetworkWord};
pub(crate) use policy::{AsIf, DescribedRequest, Language, PolicyCommand, Question, SupposedState};
pub(crate) use replays::ReplaysCommand;
pub(crate) use role::RoleCommand;
pub(crate) use run::RunArgs;
pub(crate) use seal::{At as SealAt, SealCommand};
pub(crate) use secret::{SecretCommand, SecretImport};
pub(crate) use session::SessionCommand;
pub(crate) use token::{TokenCommand, TokenKeysCommand};
pub(crate) use vault::{VaultChange, VaultCommand, VaultGiven};

use crate::{commands, dev, policy_process::PolicyIsolation, serve, setup_code};

/// A self-hosted vault whose rules its owners can program.
#[derive(Parser)]
#[command(name = "strongroom", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a development server with sample people, a sample workload and a vault `demo`.
    Dev(DevArgs),
    /// Start the server by a configuration file.
    Serve(ServeArgs),
    /// Show a one-time code with which the first provider and administrator of a new installation are named.
    ///
    /// To be run where the server runs, as the user that it runs as. The code counts once and for half an hour, and in
    /// place of one that was shown before.
    SetupCode {
        /// Configuration of the server (TOML).
        #[arg(long)]
        config: PathBuf,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
    },
    /// Sign in for later commands: in the browser, or with the client credentials of the environment.
    Login(LoginArgs),
    /// End the login.
    Logout {
        #[command(flatten)]
        at: ServerAt,
    },
    /// Show whom the server takes this command line for.
    Whoami {
        #[command(flatten)]
        at: ServerAt,
    },
    /// Store, read, list, delete, recover, back up and import secrets.
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Make, import, use, list, delete, recover and back up keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Make, show, export, merge, list, delete, recover and back up certificates.
    #[command(subcommand)]
    Certificate(certificate::CertificateCommand),
    /// Run a command with secrets in its environment, and nowhere else.
    Run(RunArgs),
    /// Make, list, change, delete and recover vaults.
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Who has access by which grant, and when it was last used.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Give, list and take away roles.
    #[command(subcommand)]
    Assignment(AssignmentCommand),
    /// Workload identities and their credentials.
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Dashboard sessions: end those of somebody.
    #[command(subcommand)]
    Session(SessionCommand),
    /// Tokens: what is wrong with one, and the keys that sign them.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Role definitions: list, make, change and delete.
    #[command(subcommand)]
    Role(RoleCommand),
    /// Say who may do what in a vault whose access mode asks access policies.
    #[command(subcommand)]
    AccessPolicy(AccessPolicyCommand),
    /// Say from where a vault can be reached.
    #[command(subcommand)]
    Network(NetworkCommand),
    /// Policy modules: write, test and sign them; upload, attach, try in shadow, enforce and roll back.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Approve or refuse what policy modules want a second person for.
    #[command(subcommand)]
    Approval(ApprovalCommand),
    /// Show and verify audit records.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Verify everything that is stored, on demand: the log, every row against it, and with the root key that
    /// each row is what was written and each value opens.
    ///
    /// Works beside a running server. Ends with 0, 1, 3 and 4 as `audit verify` does.
    Verify {
        #[command(flatten)]
        at: SealAt,
        #[command(flatten)]
        with: VerifyWith,
    },
    /// Show and change the root key.
    #[command(subcommand)]
    Seal(SealCommand),
    /// Print the completions of a shell.
    Completions {
        /// Which one.
        #[arg(value_enum)]
        shell: ShellName,
    },
    /// Print the route table.
    #[command(hide = true)]
    Routes,
}

/// Options of `strongroom dev`.
#[derive(Args)]
pub(crate) struct DevArgs {
    /// Address to listen on; the development identity provider takes the next port, on loopback.
    #[arg(long, default_value = "127.0.0.1:8443", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Listen on an address that other machines reach. Whoever reaches it is Ada: nobody has a password here.
    #[arg(long)]
    pub(crate) expose: bool,
    /// Data directory.
    #[arg(long, default_value = "strongroom-data")]
    pub(crate) data: PathBuf,
    /// Where policy modules run. By default in a process of their own that seccomp and Landlock hold.
    #[arg(long, value_enum)]
    pub(crate) policy_isolation: Option<PolicyIsolation>,
    #[command(flatten)]
    pub(crate) token: DevToken,
}

/// A hardware token, or SoftHSM2, for keys of the types with -HSM.
#[derive(Args)]
pub(crate) struct DevToken {
    /// Library of the token's vendor (PKCS#11), for keys of the types with -HSM; operations.md has the commands that
    /// make a token of SoftHSM2.
    #[arg(long, value_name = "FILE", requires_all = ["pkcs11_token", "pkcs11_pin_file"])]
    pub(crate) pkcs11_module: Option<PathBuf>,
    /// Label of the token.
    #[arg(long, value_name = "LABEL", requires = "pkcs11_module")]
    pub(crate) pkcs11_token: Option<String>,
    /// File with its PIN, which nobody else may read.
    #[arg(long, value_name = "FILE", requires = "pkcs11_module")]
    pub(crate) pkcs11_pin_file: Option<PathBuf>,
}

/// Options of `strongroom serve`.
#[derive(Args)]
pub(crate) struct ServeArgs {
    /// Configuration file (TOML), described in server/docs/operations.md.
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
    /// Where policy modules run. Goes before `policy_isolation` in the configuration.
    #[arg(long, value_enum)]
    pub(crate) policy_isolation: Option<PolicyIsolation>,
}

/// How a command reaches the server, and as whom.
#[derive(Args)]
pub(crate) struct Connection {
    /// Base address of the server.
    #[arg(long, env = "STRONGROOM_URL", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// Certificate authority to trust besides the system's (PEM file).
    #[arg(long, env = "VAULT_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
    /// Client id of the workload to act as.
    #[arg(long, env = "AZURE_CLIENT_ID", hide_env_values = true)]
    pub(crate) client_id: Option<String>,
}

/// Options of `strongroom login`.
#[derive(Args)]
pub(crate) struct LoginArgs {
    /// Exchange AZURE_CLIENT_ID and AZURE_CLIENT_SECRET now, so that later commands need no secret.
    #[arg(long)]
    pub(crate) client_credentials: bool,
    /// Only print the address to open; open no browser.
    #[arg(long, conflicts_with = "client_credentials")]
    pub(crate) no_browser: bool,
    #[command(flatten)]
    pub(crate) server: ServerAt,
}

/// How a result is printed that is JSON in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum JsonAlone {
    /// For machines.
    Json,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For machines.
    Json,
}

/// A shell that can complete commands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ShellName {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
}

/// Which server, and how to print.
#[derive(Args)]
pub(crate) struct ServerAt {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

/// Where a vault is.
#[derive(Args)]
pub(crate) struct VaultAt {
    /// Address of the vault, for example https://demo.vault.localhost:8443. In development the file
    /// dev.env of the data directory sets `VAULT_URL` and the rest: source it.
    #[arg(long, env = "VAULT_URL", hide_env_values = true, default_value = "", hide_default_value = true)]
    pub(crate) vault_url: String,
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// How to print.
    #[arg(long, value_enum, default_value = "table")]
    pub(crate) output: Output,
}

/// A tag as it was written, if it is one.
fn tag(text: &str) -> Result<String, &'static str> {
    if text.contains('=') { Ok(text.to_owned()) } else { Err("a tag is NAME=VALUE") }
}

/// An address to listen on.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it is ADDRESS:PORT, for example 127.0.0.1:8443")
}

impl Cli {
    /// Reads the command line; ends the program with help or a complaint if it says nothing that can be done.
    pub(crate) fn read() -> Self {
        let mut command = Self::command();
        command.build();
        plain_usage(&mut command);
        let matches = command.get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    /// Whether the program serves, and does not just do one thing.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self.command, Command::Dev(_) | Command::Serve(_))
    }
}

/// Fixes each usage line to what the command itself says: left alone, a complaint's usage also shows
/// every option that the environment gives, as if it had to be there.
fn plain_usage(command: &mut clap::Command) {
    let usage = command.render_usage().to_string();
    *command = std::mem::take(command).override_usage(usage.trim_start_matches("Usage: ").to_owned()).mut_subcommands(
        |mut below| {
            plain_usage(&mut below);
            below
        },
    );
}

pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Dev(args) => dev::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::SetupCode { config, output } => setup_code::run(&config, output),
        Command::Login(args) => commands::login::login(args).await,
        Command::Logout { at } => commands::login::logout(&at).await,
        Command::Whoami { at } => commands::login::whoami(&at).await,
        Command::Secret(command) => commands::secret::run(command).await,
        Command::Key(command) => commands::key::run(command).await,
        Command::Certificate(command) => commands::certificate::run(command).await,
        Command::Run(args) => commands::run::run(args).await,
        Command::Completions { shell } => commands::completions::run(shell),
        Command::Vault(command) => commands::vault::run(command).await,
        Command::Role(command) => commands::role::run(command).await,
        Command::AccessPolicy(command) => commands::access_policy::run(command).await,
        Command::Access(command) => commands::access::run(command).await,
        Command::Assignment(command) => commands::assignment::run(command).await,
        Command::Session(command) => commands::session::run(command).await,
        Command::Token(command) => commands::token::run(command).await,
        Command::Identity(command) => commands::identity::run(command).await,
        Command::Network(command) => commands::network::run(command).await,
        Command::Policy(command) => commands::policy::run(command).await,
        Command::Approval(command) => commands::approval::run(command).await,
        Command::Audit(command) => commands::audit::run(command).await,
        Command::Verify { at, with } => commands::verify::run(at, with).await,
        Command::Seal(command) => commands::seal::run(command).await,
        Command::Routes => commands::routes::run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let below: Vec<_> = command.get_subcommands().filter(|below| !below.is_hide_set()).collect();
        if below.is_empty() {
            found.push(path.to_owned());
        }
        for below in below {
            leaves(below, &format!("{path} {}", below.get_name()), found);
        }
    }

    #[test]
    fn every_command_is_in_the_documents() {
        let mut found = Vec::new();
        leaves(&Cli::command(), "strongroom", &mut found);
        let documents = include_str!("../../../docs/cli.md");
        found.retain(|path| !documents.contains(&format!("| `{path}`")) && !documents.contains(&format!("| `{path} ")));
        assert!(found.is_empty(), "server/docs/cli.md does not say: {found:?}");
    }

    /// The words of a line as a shell would read it, up to a comment or where its output goes.
    fn words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for c in line.chars() {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '\'' | '"') => {
                    quote = Some(c);
                    word.get_or_insert_default();
                }
                (None, '#' | '>') if word.is_none() => break,
                (None, c) if c.is_whitespace() => words.extend(word.take()),
                (_, c) => word.get_or_insert_default().push(c),
            }
        }
        words.extend(word);
        words
    }

    #[test]
    fn every_command_of_the_guide_is_one() {
        let guide = include_str!("../../../../policy-plugins/README.md");
        let blocks = guide.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```"));
        let lines = blocks.flat_map(|(block, _)| block.lines()).filter(|line| line.starts_with("strongroom "));
        let mut read = 0;
        for line in lines {
            let words = words(line);
            assert!(Cli::command().try_get_matches_from(&words).is_ok(), "{line}: {words:?}");
            read += 1;
        }
        assert!(read >= 15, "{read} commands");
    }

    fn without_output(command: &clap::Command, path: &str, found: &mut Vec<String>) {
        let mut below = command.get_subcommands().filter(|below| !below.is_hide_set()).peekable();
        let prints = command.get_arguments().any(|argument| argument.get_id() == "output");
        if below.peek().is_none() && !prints {
            found.push(path.to_owned());
        }
        for below in below {
            without_output(below, &format!("{path} {}", below.get_name()), found);
        }
    }

    /// Servers have no result, the output of `run` is its command's, and completions are a shell's.
    #[test]
    fn every_other_command_prints_json() {
        let mut found = Vec::new();
        without_output(&Cli::command(), "strongroom", &mut found);
        let none = ["dev", "serve", "run", "completions"].map(|name| format!("strongroom {name}"));
        assert_eq!(found, none, "commands without --output json");
    }

    #[test]
    fn what_is_malformed_is_no_command_line() {
        let whom = ["assignment", "list", "--principal", "bob"];
        let tag = ["vault", "update", "demo", "--tag", "foo"];
        for (wrong, said) in [(&whom[..], "ISSUER#NAME"), (&tag[..], "NAME=VALUE")] {
            let read = Cli::command().try_get_matches_from(["strongroom"].iter().chain(wrong));
            let why = read.err().map(|error| (error.exit_code(), error.to_string()));
            assert!(why.as_ref().is_some_and(|(code, why)| *code == 2 && why.contains(said)), "{wrong:?}: {why:?}");
        }
        for variable in ["DB", "1A=x", "A=d/b"] {
            let run = ["strongroom", "run", "--env", variable, "--", "true"];
            let code = Cli::command().try_get_matches_from(run).err().map(|error| error.exit_code());
            assert_eq!(code, Some(2), "{variable}");
        }
    }

    #[test]
    fn the_command_line_does_not_contradict_itself() {
        Cli::command().debug_assert();
    }
}
