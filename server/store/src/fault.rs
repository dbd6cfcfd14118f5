//! What goes wrong in a database, in the words of the ports.

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{self, error::ErrorKind},
};
use strongroom_domain::ports::StoreError;

/// A row that does not read, which Strongroom did not write, or a failure of the database itself.
pub(crate) fn store_error(error: &DbErr) -> StoreError {
    if is_undecodable(error) {
        StoreError::Damaged(error.to_string())
    } else {
        StoreError::Unavailable(error.to_string())
    }
}

/// Whether the database gave a row, and a cell of it holds what cannot stand there.
pub(crate) fn is_undecodable(error: &DbErr) -> bool {
    match error {
        // Nothing where something must be.
        DbErr::Type(_) => true,
        DbErr::Query(RuntimeErr::SqlxError(error)) => {
            matches!(&**error, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
        }
        _ => false,
    }
}

/// A failure of a question to the log, which has an end: SQLite is interrupted, PostgreSQL cancels (`query_canceled`).
pub(crate) fn unavailable_or_long(error: &DbErr) -> StoreError {
    let (DbErr::Exec(RuntimeErr::SqlxError(refused)) | DbErr::Query(RuntimeErr::SqlxError(refused))) = error else {
        return store_error(error);
    };
    match &**refused {
        sqlx::Error::Database(ended) if matches!(ended.code().as_deref(), Some("9" | "57014")) => StoreError::TooLong,
        _ => store_error(error),
    }
}

/// A row that does not parse. `what` names the row, never its content.
pub(crate) fn damaged(what: &str, why: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("{what}: {why}"))
}

/// Whether the database refused this one statement for what is in it (a constraint, a value it
/// cannot hold), so that the next statement may well succeed.
pub(crate) fn is_refusal(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) = error else {
        return false;
    };
    let sqlx::Error::Database(error) = &**error else { return false };
    match error.kind() {
        ErrorKind::UniqueViolation
        | ErrorKind::ForeignKeyViolation
        | ErrorKind::NotNullViolation
        | ErrorKind::CheckViolation => true,
        // Class 22 of SQLSTATE: data exceptions. SQLite's codes have at most four digits.
        _ => error.code().is_some_and(|code| code.len() == 5 && code.starts_with("22")),
    }
}

/// What is wrong with a row that does not parse, for keeping.
pub(crate) fn why_damaged(error: StoreError) -> String {
    match error {
        StoreError::Damaged(why) => why,
        other => other.to_string(),
    }
}
