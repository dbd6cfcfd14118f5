//! What can be said about dashboard sessions.

use clap::Subcommand;

use super::ServerAt;

/// `strongroom session`
#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// End all dashboard sessions of somebody, at once, and say how many. Whoever their provider still lets in can sign in
    /// again. Ends with 6 when nobody of that issuer and subject is signed in.
    End {
        /// Issuer of the person, letter for letter as it stands in records (`strongroom audit tail --output json`).
        #[arg(long)]
        issuer: String,
        /// Their subject at the issuer.
        #[arg(long)]
        subject: String,
        #[command(flatten)]
        at: ServerAt,
    },
}
