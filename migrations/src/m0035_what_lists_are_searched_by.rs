//! Tags, dates and whether it is enabled, of the current version of a name, beside the name, so that the lists of a vault are
//! searched and sorted without reading a version of each. Copies of what stands in the version, whose own are the ones that
//! are authenticated; `noted` says of which revision of the row they are, so that an older release that knows nothing of
//! them leaves none that are wrong.
//!
//! On SQLite an index holds all of it, and a search reads nothing else. PostgreSQL indexes no text of that length, and reads
//! the rows of the vault.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const SEARCHED: &str = "secrets_searched";
const NUMBERS: [&str; 5] = ["noted", "updated", "starts", "ends", "enabled"];
const LABELS: &str = "labels";

/// A moment in attributes as they are stored, if there is one. Nothing that a caller wrote can look like the name of one,
/// because a quotation mark in it is escaped; what somebody edited into something else keeps no server from starting.
fn moment(backend: DbBackend, name: &str) -> String {
    match backend {
        DbBackend::Postgres => {
            format!("CAST(substring(v.attributes, '\"{name}\":(-?[0-9]{{1,18}})') AS bigint)")
        }
        _ => {
            let behind = name.len() + 3;
            format!(
                "CASE WHEN instr(v.attributes, '\"{name}\":null') = 0 THEN \
                 CAST(substr(v.attributes, instr(v.attributes, '\"{name}\":') + {behind}, 18) AS INTEGER) END"
            )
        }
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in NUMBERS {
            let column = ColumnDef::new(name).big_integer().to_owned();
            manager.alter_table(Table::alter().table("secrets").add_column(column).to_owned()).await?;
        }
        let labels = ColumnDef::new(LABELS).text().to_owned();
        manager.alter_table(Table::alter().table("secrets").add_column(labels).to_owned()).await?;
        let database = manager.get_connection();
        let backend = database.get_database_backend();
        let (found, tags) = match backend {
            DbBackend::Postgres => {
                ("strpos", "lower(substr(v.attributes, strpos(v.attributes, '\"tags\":') + 7) COLLATE \"C\")")
            }
            _ => ("instr", "lower(substr(v.attributes, instr(v.attributes, '\"tags\":') + 7))"),
        };
        let (starts, ends) = (moment(backend, "not_before"), moment(backend, "expires"));
        let noted = format!(
            "UPDATE secrets SET noted = revision, updated = v.updated, starts = {starts}, ends = {ends}, \
             enabled = CASE WHEN {found}(v.attributes, '\"enabled\":true') > 0 THEN 1 ELSE 0 END, labels = {tags} \
             FROM secret_versions AS v WHERE v.vault_id = secrets.vault_id AND v.name = secrets.name \
             AND v.version = secrets.current"
        );
        database.execute_unprepared(&noted).await?;
        if backend == DbBackend::Postgres {
            return Ok(());
        }
        let index = format!(
            "CREATE INDEX {SEARCHED} ON secrets \
             (vault_id, kind, state, name, revision, noted, enabled, starts, ends, made, updated, labels)"
        );
        database.execute_unprepared(&index).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_connection().get_database_backend() != DbBackend::Postgres {
            manager.drop_index(Index::drop().name(SEARCHED).table("secrets").to_owned()).await?;
        }
        for name in NUMBERS.into_iter().chain([LABELS]) {
            manager.alter_table(Table::alter().table("secrets").drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}
