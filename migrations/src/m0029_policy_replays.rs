//! Results of replays, in a fixed number of places.

use sea_orm_migration::prelude::*;

use crate::columns::{bytes, number, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut slot = number("slot");
        let replays = Table::create()
            .table("policy_replays")
            .col(slot.primary_key())
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(replays).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("policy_replays").to_owned()).await
    }
}
