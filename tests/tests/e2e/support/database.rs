//! The embedded database in the hands of somebody who may write it: what an attacker with a copy of
//! the file, or a broken disk, could do. Only while the server is stopped.

use sqlx::{
    AssertSqlSafe, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::TestVault;

/// A connection that may write anything.
pub(crate) struct Database(SqliteConnection);

impl Database {
    pub(crate) async fn open(vault: &TestVault) -> Self {
        let options = SqliteConnectOptions::new().filename(vault.data().join("strongroom.db")).foreign_keys(false);
        Self(SqliteConnection::connect_with(&options).await.expect("the database"))
    }

    /// Runs a statement that is to change this many rows.
    #[track_caller]
    pub(crate) fn change(&mut self, rows: u64, statement: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut self.0).await;
            let changed = done.unwrap_or_else(|error| panic!("{place}: {error}")).rows_affected();
            assert_eq!(changed, rows, "{place}: {statement}");
        }
    }

    pub(crate) async fn rows(&mut self, query: &str) -> Vec<SqliteRow> {
        sqlx::query(AssertSqlSafe(query)).fetch_all(&mut self.0).await.expect("rows")
    }

    /// The first column of the only row.
    pub(crate) async fn text(&mut self, query: &str) -> String {
        let rows = self.rows(query).await;
        assert_eq!(rows.len(), 1, "{query}");
        rows[0].get(0)
    }

    pub(crate) async fn close(self) {
        self.0.close().await.expect("to close the database");
    }
}
