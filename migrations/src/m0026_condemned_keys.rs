//! Keys in a hardware token that are to be destroyed there.

use sea_orm_migration::prelude::*;

use crate::columns::{bytes, canonical_text, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut label = canonical_text(manager, "label");
        let table = Table::create()
            .table("condemned_keys")
            .col(label.primary_key())
            .col(text("body"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("condemned_keys").to_owned()).await
    }
}
