//! `strongroom approval`: what can be said.

use clap::{Args, Subcommand};

use super::ServerAt;

/// Which request, and for how long somebody's word counts.
#[derive(Args)]
pub(crate) struct ApprovalAnswer {
    /// Id of the request, as the denial and `approval list` tell it, or its beginning of at least 6 characters.
    pub(crate) id: String,
    /// Name of the vault.
    #[arg(long)]
    pub(crate) vault: String,
    /// For so many seconds, from 60 on; when absent, for as long as the policy module lets an approval count.
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u32>,
    #[command(flatten)]
    pub(crate) at: ServerAt,
}

/// `strongroom approval`
#[derive(Subcommand)]
pub(crate) enum ApprovalCommand {
    /// List the requests for approval in a vault that have not ended.
    List {
        /// Name of the vault.
        #[arg(long)]
        vault: String,
        #[command(flatten)]
        at: ServerAt,
    },
    /// Approve what somebody else asks for: this principal, this operation, this object, for a while.
    Grant(ApprovalAnswer),
    /// Refuse what somebody else asks for, and take back what was approved. For a while nobody is asked anew.
    Refuse(ApprovalAnswer),
}
