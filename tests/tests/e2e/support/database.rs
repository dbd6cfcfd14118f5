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
    pub(crate) async fn change(&mut self, rows: u64, statement: &str) {
        assert_eq!(self.run(statement).await, rows, "{statement}");
    }

    /// Runs a statement; gives how many rows it changed.
    pub(crate) async fn run(&mut self, statement: &str) -> u64 {
        let done = sqlx::query(AssertSqlSafe(statement)).execute(&mut self.0).await;
        done.unwrap_or_else(|error| panic!("{error}: {statement}")).rows_affected()
    }

    /// Flips one bit in the middle of a column of one row.
    pub(crate) async fn flip(&mut self, table: &str, column: &str, condition: &str) {
        let rows = self.rows(&format!("SELECT {column} FROM {table} WHERE {condition}")).await;
        assert_eq!(rows.len(), 1, "{table} where {condition}");
        let mut bytes: Vec<u8> = rows[0].get(0);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.change(1, &format!("UPDATE {table} SET {column} = x'{hex}' WHERE {condition}")).await;
    }

    /// The texts of the first column, in order.
    pub(crate) async fn texts(&mut self, query: &str) -> Vec<String> {
        self.rows(query).await.iter().map(|row| row.get(0)).collect()
    }

    async fn rows(&mut self, query: &str) -> Vec<SqliteRow> {
        sqlx::query(AssertSqlSafe(query)).fetch_all(&mut self.0).await.expect("rows")
    }

    pub(crate) async fn close(self) {
        self.0.close().await.expect("to close the database");
    }
}
