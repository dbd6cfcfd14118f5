//! What can be said about dashboard sessions.

use clap::Subcommand;

use super::ServerAt;

/// `strongroom session`
#[derive(Subcommand)]
pub(crate) enum SessionCommand {
    /// End all dashboard sessions of somebody, at once. Whoever their provider still lets in can sign in again.
    End {
        /// Issuer of the person, as it stands in records.
        #[arg(long)]
        issuer: String,
        /// Their subject at the issuer.
        #[arg(long)]
        subject: String,
        #[command(flatten)]
        at: ServerAt,
    },
}
