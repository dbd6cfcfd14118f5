//! Exit codes that mean something of their own, as server/docs/cli.md lists them. Everything else that goes
//! wrong is 1; clap says 2.

use std::process::ExitCode;

use reqwest::StatusCode;
use strongroom_domain::{admin::AdminError, ports::StoreError};

use crate::client::{NoToken, Refused};

/// What a command found out, where a script may want to tell it from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Exit {
    /// 3: something is not as it was written.
    #[error("the audit log does not verify")]
    Findings,
    /// 3: a row is not what was written there.
    #[error("what is stored does not verify")]
    Edited,
    /// 3: the server left out of its answer what is damaged.
    #[error("not all of it could be shown; whoever runs the server: strongroom verify --config FILE")]
    Damaged,
    /// 4: nothing is wrong, as far as can be told without a checkpoint from outside the database.
    #[error(
        "no checkpoint kept outside the database was compared: a log that was cut off or written anew would look the same"
    )]
    Unanchored,
    /// 3: a module is not what somebody signed.
    #[error("the signature does not hold: the module is another one, or the key is")]
    NotSigned,
    /// 3: a module says something else of a recorded decision than it said then.
    #[error("not every answer is the one that is on record")]
    NotReproduced,
    /// 3: a signature is not the key's over these bytes.
    #[error("it does not verify")]
    BadSignature,
    /// 3: a certificate, or its place in a chain, is not as it should be.
    #[error("something is wrong with what was looked at: each `wrong` above says what")]
    Flawed,
    /// 3: the root key at hand is not the one that the stored keys are wrapped by.
    #[error(
        "the root key at hand does not open every key: --config or --data names another place of it, and a backup may have \
         the one that is needed"
    )]
    NotOpened,
    /// 3: there is no root key at hand that could be tried; what is under it says why.
    #[error("the stored keys were not tried, because there is no root key for them here")]
    NoRootKey,
    /// 8: an issuer has not made it yet.
    #[error("it is not there yet")]
    Pending,
    /// 126: the program that `run` was to start is there and could not be started.
    #[error("it cannot be run")]
    NotRun,
    /// 127: the program that `run` was to start is not there.
    #[error("there is no such program")]
    NoProgram,
}

/// What a command found out before it asked for anything, as the server would have said it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Found {
    /// 2: what was said does not go with what is there.
    #[error("{0}")]
    Misused(String),
    /// 6: nothing has that name.
    #[error("{0}")]
    Nothing(String),
    /// 7: something else is in the way.
    #[error("{0}")]
    Conflict(String),
}

impl Exit {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Findings
            | Self::Edited
            | Self::Damaged
            | Self::NotSigned
            | Self::NotReproduced
            | Self::BadSignature
            | Self::Flawed
            | Self::NotOpened
            | Self::NoRootKey => 3,
            Self::Unanchored => 4,
            Self::Pending => 8,
            Self::NotRun => 126,
            Self::NoProgram => 127,
        })
    }
}

/// The code that an error ends the program with.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    if let Some(exit) = error.downcast_ref::<Exit>() {
        return exit.code();
    }
    match error.downcast_ref::<Found>() {
        Some(Found::Misused(_)) => return ExitCode::from(2),
        Some(Found::Nothing(_)) => return ExitCode::from(6),
        Some(Found::Conflict(_)) => return ExitCode::from(7),
        None => {}
    }
    // Found out without the server, which is not running.
    if let Some(AdminError::VaultNotFound) = error.downcast_ref::<AdminError>() {
        return ExitCode::from(6);
    }
    // What cannot be read because somebody else wrote it is found out as well.
    if let Some(StoreError::Damaged(_)) = error.downcast_ref::<StoreError>() {
        return Exit::Edited.code();
    }
    if error.downcast_ref::<NoToken>().is_some() {
        return ExitCode::from(5);
    }
    match error.downcast_ref::<Refused>().map(|refused| refused.status) {
        Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => ExitCode::from(5),
        Some(StatusCode::NOT_FOUND) => ExitCode::from(6),
        Some(StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED) => ExitCode::from(7),
        _ => ExitCode::FAILURE,
    }
}
