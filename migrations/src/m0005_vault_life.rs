//! Soft-deleted vaults, scheduled purges, and what a purge looks for: the audit records of a vault's
//! changes, and the grants at or below a scope.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::columns::canonical_text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let number = |name: &'static str| ColumnDef::new(name).big_integer().to_owned();
        add(manager, "vaults", ColumnDef::new("state").text().not_null().default("active").to_owned()).await?;
        add(manager, "vaults", number("deleted_at")).await?;
        add(manager, "vaults", number("purge_at")).await?;
        add(manager, "audit_records", ColumnDef::new("vault_id").uuid().to_owned()).await?;
        add(manager, "assignments", canonical_text(manager, "scope_key").default("").to_owned()).await?;
        let database = manager.get_connection();
        database.execute_unprepared(scope_keys(database.get_database_backend())).await?;
        // Partial, so that the rows that are not meant cost nothing. Both databases say it alike.
        for index in [
            "CREATE INDEX audit_records_by_vault_id ON audit_records (vault_id, at) WHERE vault_id IS NOT NULL",
            "CREATE INDEX secrets_by_purge ON secrets (purge_at) WHERE purge_at IS NOT NULL",
            "CREATE INDEX assignments_by_scope ON assignments (scope_key)",
        ] {
            database.execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        for index in ["audit_records_by_vault_id", "secrets_by_purge", "assignments_by_scope"] {
            database.execute_unprepared(&format!("DROP INDEX {index}")).await?;
        }
        for (table, column) in [
            ("assignments", "scope_key"),
            ("audit_records", "vault_id"),
            ("vaults", "purge_at"),
            ("vaults", "deleted_at"),
            ("vaults", "state"),
        ] {
            manager.alter_table(Table::alter().table(table).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

async fn add(manager: &SchemaManager<'_>, table: &'static str, column: ColumnDef) -> Result<(), DbErr> {
    // One column a statement: SQLite takes no more.
    manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await
}

/// Fills in the keys of the scopes that are there: `/`, `/vaults/ID`, `/vaults/ID/secrets/NAME`.
fn scope_keys(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::Postgres => {
            "UPDATE assignments SET scope_key = COALESCE(CASE (body::json)->'scope'->>'type' \
             WHEN 'server' THEN '/' \
             WHEN 'vault' THEN '/vaults/' || ((body::json)->'scope'->>'vault') \
             ELSE '/vaults/' || ((body::json)->'scope'->>'vault') || '/' || ((body::json)->'scope'->>'kind') || 's/' \
             || lower((body::json)->'scope'->>'name') END, '')"
        }
        _ => {
            "UPDATE assignments SET scope_key = COALESCE(CASE json_extract(body, '$.scope.type') \
             WHEN 'server' THEN '/' \
             WHEN 'vault' THEN '/vaults/' || json_extract(body, '$.scope.vault') \
             ELSE '/vaults/' || json_extract(body, '$.scope.vault') || '/' || json_extract(body, '$.scope.kind') \
             || 's/' || lower(json_extract(body, '$.scope.name')) END, '') WHERE json_valid(body)"
        }
    }
}
