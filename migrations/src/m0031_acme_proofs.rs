//! What certificate authorities look for (http-01, dns-01), until it is taken away.

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
        let mut label = canonical_text(manager, "label");
        let table = Table::create()
            .table("acme_proofs")
            .col(label.primary_key())
            .col(canonical_text(manager, "of_order"))
            .col(number("until"))
            .col(text("body"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(table).await?;
        let by_order = Index::create().name("acme_proofs_by_order").table("acme_proofs").col("of_order").to_owned();
        manager.create_index(by_order).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("acme_proofs").to_owned()).await
    }
}
