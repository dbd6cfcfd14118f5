//! Who may connect to a PostgreSQL database beside Strongroom. Whoever may, without a right on any table, can take the
//! locks by which nodes know of each other, and every connection there is. PostgreSQL lets everybody in by default.

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement};

/// Superusers and the owner of the database come in whatever is said; the roles that PostgreSQL brings itself can be lent to
/// one, and none of them logs in.
const ASK: &str = "SELECT has_database_privilege('public', current_database(), 'CONNECT') AS everybody, \
    quote_ident(current_database()) AS database, quote_ident(current_user) AS own, \
    coalesce((SELECT string_agg(quote_ident(rolname), ', ' ORDER BY rolname) FROM pg_catalog.pg_roles \
        WHERE rolcanlogin AND NOT rolsuper AND rolname <> current_user \
        AND oid <> (SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()) \
        AND has_database_privilege(oid, current_database(), 'CONNECT')), '') AS others";

#[derive(FromQueryResult)]
struct Access {
    everybody: bool,
    database: String,
    own: String,
    others: String,
}

/// Who else may connect.
pub(crate) enum Strangers {
    /// Everybody. With the statements that let nobody but this role.
    Everybody(String),
    /// These roles. With the statement that shuts them out.
    Some(String, String),
}

/// Who may connect beside this role.
pub(crate) async fn strangers(database: &impl ConnectionTrait) -> Result<Option<Strangers>, DbErr> {
    if database.get_database_backend() != DbBackend::Postgres {
        return Ok(None);
    }
    let found = Access::find_by_statement(Statement::from_string(DbBackend::Postgres, ASK)).one(database).await?;
    Ok(found.and_then(|Access { everybody, database, own, others }| {
        if everybody {
            // A role that does not own the database may connect to it because everybody may.
            return Some(Strangers::Everybody(format!(
                "GRANT CONNECT ON DATABASE {database} TO {own}; REVOKE CONNECT ON DATABASE {database} FROM PUBLIC;"
            )));
        }
        let shut_out = format!("REVOKE CONNECT ON DATABASE {database} FROM {others};");
        (!others.is_empty()).then_some(Strangers::Some(others, shut_out))
    }))
}
