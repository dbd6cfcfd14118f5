//! Keys beside secrets: names of both kinds stand in one table, the name of a key qualified as `key/NAME`
//! so that a secret and a key of one name do not meet, and what is a key alone stands beside its versions.

use sea_orm_migration::prelude::*;

use crate::columns::text;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Everything from before is a secret.
        let mut kind = text("kind");
        kind.default("secret");
        manager.alter_table(Table::alter().table("secrets").add_column(kind).to_owned()).await?;
        let of_a_key = ColumnDef::new("key").text().to_owned();
        manager.alter_table(Table::alter().table("secret_versions").add_column(of_a_key).to_owned()).await?;
        let by_kind = Index::create()
            .name("secrets_by_kind")
            .table("secrets")
            .col("vault_id")
            .col("kind")
            .col("state")
            .col("name")
            .to_owned();
        manager.create_index(by_kind).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("secrets_by_kind").table("secrets").to_owned()).await?;
        manager.alter_table(Table::alter().table("secret_versions").drop_column("key").to_owned()).await?;
        manager.alter_table(Table::alter().table("secrets").drop_column("kind").to_owned()).await
    }
}
