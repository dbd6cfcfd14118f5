//! Assertions that workloads signed themselves and exchanged for a token: each counts once.

use sea_orm_migration::prelude::*;

use crate::columns::{bytes, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let used = Table::create()
            .table("used_assertions")
            .col(bytes("id_hash").primary_key())
            .col(number("used"))
            .col(number("expires"))
            .to_owned();
        manager.create_table(used).await?;
        let by_end = Index::create().name("used_assertions_by_end").table("used_assertions").col("expires").to_owned();
        manager.create_index(by_end).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("used_assertions").to_owned()).await
    }
}
