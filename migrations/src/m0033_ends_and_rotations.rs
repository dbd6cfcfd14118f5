//! Indexes by which the overview finds what ends soon in each vault, and counts rotations that are late.
//!
//! When a version ends stands in its attributes alone, so the first index is over expressions: no copy can be edited to
//! hide an end, and there is nothing to copy in older databases. The end stands before every text that a caller wrote,
//! and nothing in such a text can look like it, because a quotation mark in it is escaped. A row that somebody edited
//! into something else has no end, or none that is right, and keeps no server from starting.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const VERSIONS: &str = "versions_by_end";
const ROTATIONS: &str = "rotations_by_vault";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        // Kind, end, and whether there is one.
        let (kind, end, ends) = match database.get_database_backend() {
            DbBackend::Postgres => (
                "substr(name, 1, strpos(name, '/'))",
                "CAST(substring(attributes, '\"expires\":([0-9]{1,18})') AS bigint)",
                "strpos(attributes, '\"expires\":null') = 0",
            ),
            _ => (
                "substr(name, 1, instr(name, '/'))",
                "CAST(substr(attributes, instr(attributes, '\"expires\":') + 10, 18) AS INTEGER)",
                "instr(attributes, '\"expires\":null') = 0",
            ),
        };
        for index in [
            format!(
                "CREATE INDEX {VERSIONS} ON secret_versions (vault_id, ({kind}), ({end}), name, version) WHERE {ends}"
            ),
            format!(
                "CREATE INDEX {ROTATIONS} ON secrets (vault_id, kind, state, rotate_at) WHERE rotate_at IS NOT NULL"
            ),
        ] {
            database.execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in [(VERSIONS, "secret_versions"), (ROTATIONS, "secrets")] {
            manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
        }
        Ok(())
    }
}
