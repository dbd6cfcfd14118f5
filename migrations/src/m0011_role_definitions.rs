//! Custom role definitions, and which of them an assignment refers to.

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
        let roles = Table::create()
            .table("role_definitions")
            .col(id("id").primary_key())
            .col(canonical_text(manager, "name_key").unique_key())
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(roles).await?;
        // Assignments from before refer to built-in roles alone, so none needs to be filled in.
        let refer = Table::alter().table("assignments").add_column(ColumnDef::new("role_id").uuid()).to_owned();
        manager.alter_table(refer).await?;
        let by_role = Index::create().name("assignments_by_role").table("assignments").col("role_id").to_owned();
        manager.create_index(by_role).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("assignments_by_role").table("assignments").to_owned()).await?;
        manager.alter_table(Table::alter().table("assignments").drop_column("role_id").to_owned()).await?;
        manager.drop_table(Table::drop().table("role_definitions").to_owned()).await
    }
}
