//! Connections, and everything that is said differently to SQLite and to PostgreSQL when one is made.
//!
//! SQLite: write-ahead log, `synchronous = FULL` (a commit is on the disk before it returns),
//! foreign keys, content that is deleted is overwritten. PostgreSQL: every statement has an end.

use std::{
    net::IpAddr,
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqlxPostgresConnector, SqlxSqliteConnector};
use sqlx::{
    ConnectOptions, SqliteConnection,
    postgres::{PgConnectOptions, PgPoolOptions, PgSslMode},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::open::OpenError;

/// How long to wait for a connection, and SQLite for a lock.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a question to the log may take; on PostgreSQL every statement.
const STATEMENT: Duration = Duration::from_secs(15);
/// After how many of SQLite's steps it is asked whether a question still has time: some milliseconds at most.
const STEPS: i32 = 10_000;
/// How long to wait for a connection to PostgreSQL: whoever asks while it is away is refused soon, and
/// it is asked again with the next request.
pub(crate) const REACHED_WITHIN: Duration = Duration::from_millis(1500);
/// The session lock under which migrations run on PostgreSQL: "strongrm" as a number.
const MIGRATION_LOCK: i64 = 0x7374_726f_6e67_726d;

/// A SQLite file.
#[derive(Clone, Debug)]
pub(crate) struct FilePlace {
    pub(crate) path: PathBuf,
    options: SqliteConnectOptions,
}

/// Where a database is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A SQLite file.
    File(Box<FilePlace>),
    /// A PostgreSQL server.
    Server(Box<PgConnectOptions>),
}

/// Reads a database URL. The error never repeats it, because it may hold a password.
pub(crate) fn place(url: &str) -> Result<Place, OpenError> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| OpenError::Address("not a PostgreSQL URL".to_owned()))?
            .application_name("strongroom")
            .disable_statement_logging();
        return Ok(Place::Server(Box::new(options)));
    }
    if !url.starts_with("sqlite:") {
        return Err(OpenError::Address("it begins neither with sqlite: nor with postgres:".to_owned()));
    }
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(OpenError::Address("a database in memory cannot keep audit records".to_owned()));
    }
    let options = SqliteConnectOptions::from_str(url)
        .map_err(|_| OpenError::Address("not a SQLite URL".to_owned()))?
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    Ok(Place::File(Box::new(FilePlace { path: options.get_filename().to_owned(), options })))
}

/// Whether the way to the database is open to whoever sits between: it leads to another machine, and nothing makes sure
/// who answers there. Of a certificate for whatever name that is so too: authorities of the web count besides the given.
pub(crate) fn is_open_to_others(place: &Place) -> bool {
    let Place::Server(server) = place else { return false };
    let host = server.get_host();
    let here = server.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    !here && !matches!(server.get_ssl_mode(), PgSslMode::VerifyFull)
}

/// Why there is no connection, with the server's name.
pub(crate) fn refused(error: &sqlx::Error, options: &PgConnectOptions) -> OpenError {
    let server = match options.get_socket() {
        Some(socket) => format!("at {}", socket.display()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    match error {
        // Database errors name users and databases, never passwords.
        sqlx::Error::Database(error) => OpenError::Refused { server, reason: error.message().replace('\n', " ") },
        sqlx::Error::PoolTimedOut => OpenError::Unreachable { server, reason: "it does not answer".to_owned() },
        error => OpenError::Unreachable { server, reason: error.to_string().replace('\n', " ") },
    }
}

/// The one connection that writes.
pub(crate) async fn writer(place: &Place) -> Result<DatabaseConnection, OpenError> {
    match place {
        Place::File(file) => {
            let options = file
                .options
                .clone()
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .pragma("secure_delete", "ON");
            sqlite(file, options, 1).await
        }
        Place::Server(server) => postgres(server.as_ref().clone().options(limits()), 1).await,
    }
}

/// Connections that only read.
pub(crate) async fn readers(place: &Place, count: u32) -> Result<DatabaseConnection, OpenError> {
    match place {
        Place::File(file) => sqlite(file, file.options.clone().pragma("query_only", "ON"), count).await,
        Place::Server(server) => {
            let read_only = ("default_transaction_read_only", "on");
            postgres(server.as_ref().clone().options(limits()).options([read_only]), count).await
        }
    }
}

/// Connections that look through the log. A question that takes longer than [`STATEMENT`] ends in an error, on
/// SQLite by its own means, because a question that nobody waits for any more goes on there; see
/// [`crate::fault::unavailable_or_long`].
pub(crate) async fn log_readers(place: &Place, count: u32) -> Result<DatabaseConnection, OpenError> {
    log_readers_within(place, count, STATEMENT).await
}

async fn log_readers_within(place: &Place, count: u32, within: Duration) -> Result<DatabaseConnection, OpenError> {
    let Place::File(file) = place else { return readers(place, count).await };
    let pool = pool(count)
        .after_connect(move |connection, _| Box::pin(bound(connection, within)))
        .before_acquire(move |connection, _| Box::pin(async move { bound(connection, within).await.map(|()| true) }));
    connected(file, pool, file.options.clone().pragma("query_only", "ON")).await
}

/// Gives whatever is asked on this connection from now on an end.
async fn bound(connection: &mut SqliteConnection, within: Duration) -> sqlx::Result<()> {
    let begun = Instant::now();
    connection.lock_handle().await?.set_progress_handler(STEPS, move || begun.elapsed() < within);
    Ok(())
}

/// One connection that reads beside a running server, and takes nothing from it.
pub(crate) async fn auditor(place: &Place) -> Result<DatabaseConnection, OpenError> {
    match place {
        Place::File(file) => {
            if !file.path.is_file() {
                return Err(OpenError::Missing(file.path.clone()));
            }
            let options = file.options.clone().read_only(true).pragma("query_only", "ON");
            match sqlite(file, options.clone(), 1).await {
                Ok(connection) => Ok(connection),
                // A copy on a medium that cannot be written: without a log beside it nothing can change it.
                Err(_) if !wal_of(file).exists() => sqlite(file, options.immutable(true), 1).await,
                Err(error) => Err(error),
            }
        }
        Place::Server(server) => {
            postgres(server.as_ref().clone().options([("default_transaction_read_only", "on")]), 1).await
        }
    }
}

fn wal_of(file: &FilePlace) -> PathBuf {
    let mut name = file.path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// The connection for migrations: may take its time.
pub(crate) async fn migrator(place: &Place) -> Result<DatabaseConnection, OpenError> {
    match place {
        Place::File(_) => writer(place).await,
        Place::Server(server) => postgres(server.as_ref().clone(), 1).await,
    }
}

/// Waits until no other node migrates; the lock ends with the connection. SQLite needs none,
/// because the file has one owner.
pub(crate) async fn lock_migrations(database: &DatabaseConnection) -> Result<(), DbErr> {
    if database.get_database_backend() == DbBackend::Postgres {
        database.execute_unprepared(&format!("SELECT pg_advisory_lock({MIGRATION_LOCK})")).await?;
    }
    Ok(())
}

pub(crate) fn limits() -> [(&'static str, &'static str); 3] {
    [
        ("statement_timeout", "15s"),
        ("lock_timeout", "5s"),
        // A node that was cut off must not hold the chain's lock for longer.
        ("idle_in_transaction_session_timeout", "10s"),
    ]
}

async fn sqlite(file: &FilePlace, options: SqliteConnectOptions, count: u32) -> Result<DatabaseConnection, OpenError> {
    connected(file, pool(count), options).await
}

fn pool(count: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(count)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        // A connection to a file does not go away by itself; asking costs a round to its thread.
        .test_before_acquire(false)
}

async fn connected(
    file: &FilePlace,
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
) -> Result<DatabaseConnection, OpenError> {
    let pool = pool.connect_with(options).await.map_err(|error| match &error {
        sqlx::Error::Database(refused) if refused.message().contains("not a database") => {
            OpenError::Unusable("the file is not a SQLite database".to_owned())
        }
        _ => OpenError::Unwritable { path: file.path.clone(), reason: error.to_string().replace('\n', " ") },
    })?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

async fn postgres(options: PgConnectOptions, count: u32) -> Result<DatabaseConnection, OpenError> {
    let pool = PgPoolOptions::new().max_connections(count).acquire_timeout(REACHED_WITHIN);
    let pool = match pool.connect_with(options.clone()).await {
        Ok(pool) => pool,
        // A pool tries until its time is over and does not say what came of it.
        Err(sqlx::Error::PoolTimedOut) => {
            let tried = tokio::time::timeout(REACHED_WITHIN, options.connect()).await;
            let why = tried.ok().and_then(Result::err).unwrap_or(sqlx::Error::PoolTimedOut);
            return Err(refused(&why, &options));
        }
        Err(error) => return Err(refused(&error, &options)),
    };
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sea_orm::Statement;
    use strongroom_domain::ports::StoreError;

    async fn pragma(database: &DatabaseConnection, name: &str) -> String {
        let ask = Statement::from_string(DbBackend::Sqlite, format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}"));
        database.query_one_raw(ask).await.unwrap().unwrap().try_get_by_index(0).unwrap()
    }

    /// What durability and purging rest on.
    #[tokio::test]
    async fn sqlite_is_set_up_to_keep_its_promises() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&format!("sqlite://{}", folder.path().join("db").display())).unwrap();
        let writer = writer(&place).await.unwrap();
        for (name, value) in
            [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("secure_delete", "1")]
        {
            assert_eq!(pragma(&writer, name).await, value, "{name}");
        }
        let readers = readers(&place, 1).await.unwrap();
        assert_eq!(pragma(&readers, "query_only").await, "1");
        assert!(readers.execute_unprepared("CREATE TABLE t (a)").await.is_err());
    }

    #[test]
    fn a_way_to_another_machine_is_open_unless_its_certificate_is_checked() {
        for (url, open) in [
            ("postgres://u@db.example/v", true),
            ("postgres://u@db.example/v?sslmode=require", true),
            ("postgres://u@db.example/v?sslmode=verify-ca", true),
            ("postgres://u@192.0.2.7/v?sslmode=disable", true),
            ("postgres://u@db.example/v?sslmode=verify-full", false),
            ("postgres://u@localhost/v?sslmode=disable", false),
            ("postgres://u@127.0.0.1:5433/v?sslmode=disable", false),
            ("postgres://u@[::1]/v?sslmode=disable", false),
            ("postgres:///v?host=/run/postgresql&sslmode=disable", false),
            ("sqlite:///d/strongroom.db", false),
        ] {
            assert_eq!(is_open_to_others(&place(url).unwrap()), open, "{url}");
        }
    }

    /// A look through the log that takes too long ends, whoever waits for it, and the connection goes on.
    #[tokio::test]
    async fn a_question_to_the_log_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&format!("sqlite://{}", folder.path().join("db").display())).unwrap();
        writer(&place).await.unwrap();
        let readers = log_readers_within(&place, 1, Duration::from_millis(100)).await.unwrap();
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
        for _ in 0..2 {
            let ask = Statement::from_string(DbBackend::Sqlite, endless);
            let ended = readers.query_one_raw(ask).await.unwrap_err();
            assert!(matches!(crate::fault::unavailable_or_long(&ended), StoreError::TooLong), "{ended}");
            assert_eq!(pragma(&readers, "query_only").await, "1", "the next question has a time of its own");
        }
    }
}
