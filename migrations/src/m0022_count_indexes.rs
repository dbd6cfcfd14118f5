//! Indexes by which recent requests are counted for policy modules, so that a long log makes no count slow.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The outcome stands before the time, so that a flood of one outcome is not looked at for another.
const INDEXES: [(&str, &str); 2] = [("audit_records_by_principal", "principal"), ("audit_records_by_object", "object")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        for (name, column) in INDEXES {
            let index = format!(
                "CREATE INDEX {name} ON audit_records (vault, {column}, outcome, at) \
                 WHERE vault IS NOT NULL AND {column} IS NOT NULL"
            );
            database.execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            manager.drop_index(Index::drop().name(name).table("audit_records").to_owned()).await?;
        }
        Ok(())
    }
}
