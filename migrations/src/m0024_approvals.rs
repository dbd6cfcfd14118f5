//! Requests for approval: one for each principal, operation and object that has not ended.

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
        let mut subject = canonical_text(manager, "subject");
        let table = Table::create()
            .table("approvals")
            .col(id("id").primary_key())
            .col(subject.unique_key())
            .col(id("vault_id"))
            .col(text("principal"))
            .col(number("ends"))
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(table).await?;
        let by_vault = Index::create().name("approvals_by_vault").table("approvals").col("vault_id").to_owned();
        manager.create_index(by_vault).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("approvals").to_owned()).await
    }
}
