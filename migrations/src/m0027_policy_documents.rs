//! Documents that policy modules read.

use sea_orm_migration::prelude::*;

use crate::columns::{bytes, canonical_text, number, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut name = canonical_text(manager, "name");
        let documents = Table::create()
            .table("policy_documents")
            .col(name.primary_key())
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(documents).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("policy_documents").to_owned()).await
    }
}
