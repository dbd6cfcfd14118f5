//! Who may connect to a PostgreSQL database beside Strongroom. Whoever may, without a right on any table, can take the
//! locks by which nodes know of each other, and every connection there is. PostgreSQL lets everybody in by default.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};

const ASK: &str = "SELECT has_database_privilege('public', current_database(), 'CONNECT') AS everybody, \
                   quote_ident(current_database()) AS database, quote_ident(current_user) AS own";

#[derive(FromQueryResult)]
struct Access {
    everybody: bool,
    database: String,
    own: String,
}

/// The statements that let nobody but this role connect, where everybody may now.
pub(crate) async fn to_keep_out(database: &impl ConnectionTrait) -> Result<Option<String>, DbErr> {
    if database.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let found = Access::find_by_statement(Statement::from_string(DbBackend::Postgres, ASK)).one(database).await?;
    // A role that does not own the database may connect to it because everybody may.
    let statements = |Access { database, own, .. }: &Access| {
        format!("GRANT CONNECT ON DATABASE {database} TO {own}; REVOKE CONNECT ON DATABASE {database} FROM PUBLIC;")
    };
    Ok(found.filter(|access| access.everybody).as_ref().map(statements))
}
