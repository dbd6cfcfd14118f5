//! `strongroom assignment`: what can be said.

use clap::{Args, Subcommand};

use super::{Connection, Moment, Output, ServerAt};

/// Whom a grant is for.
#[derive(Args)]
#[group(id = "grantee", multiple = false)]
pub(crate) struct Whom {
    /// Somebody whom an issuer signs in, `ISSUER#SUBJECT`: `https://login.example#8b1a`. The issuer stands there letter for
    /// letter as its tokens, and records, have it; `strongroom whoami` shows your own.
    #[arg(long, value_parser = of_issuer)]
    pub(crate) principal: Option<String>,
    /// A group of an issuer, `ISSUER#GROUP`: `https://login.example#app-team`.
    #[arg(long, value_parser = of_issuer)]
    pub(crate) group: Option<String>,
    /// A workload of this server, by client id or name (`strongroom identity list`).
    #[arg(long)]
    pub(crate) workload: Option<String>,
}

/// Somebody of an issuer as it was written, if it is one.
fn of_issuer(text: &str) -> Result<String, &'static str> {
    const WRONG: &str =
        "it is ISSUER#NAME, for example https://login.example#app-team, and `strongroom whoami` shows yours";
    if text.contains('#') { Ok(text.to_owned()) } else { Err(WRONG) }
}

/// `strongroom assignment`
#[derive(Subcommand)]
pub(crate) enum AssignmentCommand {
    /// Give a role to somebody at a scope; prints the assignment's id
    ///
    /// For example:
    ///
    ///   strongroom assignment add --role "Key Vault Secrets User" --group https://login.example#app-team
    ///     --scope /vaults/payments --until 2027-01-31
    ///
    ///   strongroom assignment add --role "Key Vault Crypto User" --workload signer
    ///     --scope /vaults/payments/keys/release
    #[command(verbatim_doc_comment)]
    Add {
        /// Role by name or id, for example "Key Vault Secrets User".
        #[arg(long)]
        role: String,
        /// Where it holds: everywhere, `/`; in a vault, `/vaults/payments`; for one object alone,
        /// `/vaults/payments/secrets/db-password`, and likewise with `keys` or `certificates`.
        #[arg(long)]
        scope: String,
        /// When it ends: 2027-01-31T18:00:00Z, or a date, which is its first moment in UTC. Without: it does not end.
        #[arg(long, value_name = "WHEN")]
        until: Option<Moment>,
        #[command(flatten)]
        whom: Whom,
        #[command(flatten)]
        at: ServerAt,
    },
    /// List the assignments at a scope and below it, of everybody or of one grantee.
    List {
        /// `/`, `/vaults/NAME` or `/vaults/NAME/secrets/NAME` (`keys`, `certificates`).
        #[arg(long, default_value = "/")]
        scope: String,
        #[command(flatten)]
        whom: Whom,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Show one assignment.
    Show {
        /// Id of the assignment.
        id: String,
        /// How to print.
        #[arg(long, value_enum, default_value = "table")]
        output: Output,
        #[command(flatten)]
        connection: Connection,
    },
    /// Take a role away, or give one of your own up (`strongroom whoami` names them). Holds from the next request on.
    Remove {
        /// Id of the assignment.
        id: String,
        #[command(flatten)]
        at: ServerAt,
    },
}
