//! Since when the current version of a name is there, beside the name, so that the overview counts old secrets by vault
//! without reading a version of each. A copy of what stands in the version, whose own is the one that is authenticated.

use sea_orm_migration::{prelude::*, sea_orm::ConnectionTrait};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const AGES: &str = "secrets_by_age";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let made = ColumnDef::new("made").big_integer().to_owned();
        manager.alter_table(Table::alter().table("secrets").add_column(made).to_owned()).await?;
        let database = manager.get_connection();
        let noted = "UPDATE secrets SET made = (SELECT created FROM secret_versions \
                     WHERE secret_versions.vault_id = secrets.vault_id AND secret_versions.name = secrets.name \
                     AND secret_versions.version = secrets.current)";
        database.execute_unprepared(noted).await?;
        // All that is asked for, so that no index of less is taken for it.
        let index = format!("CREATE INDEX {AGES} ON secrets (vault_id, kind, state, managed, made)");
        database.execute_unprepared(&index).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(AGES).table("secrets").to_owned()).await?;
        manager.alter_table(Table::alter().table("secrets").drop_column("made").to_owned()).await
    }
}
