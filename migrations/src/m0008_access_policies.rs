//! Access policies of vaults.

use sea_orm_migration::prelude::*;

use crate::columns::{bytes, canonical_text, id, number, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let policies = Table::create()
            .table("access_policies")
            .col(id("vault_id"))
            .col(canonical_text(manager, "grantee_key"))
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            .primary_key(Index::create().col("vault_id").col("grantee_key"))
            // They go with their vault.
            .foreign_key(
                ForeignKey::create()
                    .from("access_policies", "vault_id")
                    .to("vaults", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(policies).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("access_policies").to_owned()).await
    }
}
