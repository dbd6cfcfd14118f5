//! Exit codes that mean something of their own. Everything else that goes wrong is 1; clap says 2.

use std::process::ExitCode;

/// What a command found out, where a script may want to tell it from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exit {
    /// 3: something is not as it was written.
    #[error("the audit log does not verify")]
    Findings,
    /// 4: nothing is wrong, as far as can be told without a checkpoint from outside the database.
    #[error(
        "no checkpoint kept outside the database was compared: a log that was cut off or written anew would look the same"
    )]
    Unanchored,
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Findings => 3,
            Self::Unanchored => 4,
        })
    }
}
