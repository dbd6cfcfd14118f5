//! The root keys that the installation was and is sealed under. Which key, from which provider, since
//! when, and what the provider needs to give it again; never the key.

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
        let root_keys = Table::create()
            .table("root_keys")
            .col(text("key_id").primary_key())
            .col(text("provider"))
            .col(text("parameters"))
            .col(number("since"))
            .col(ColumnDef::new("retired_at").big_integer())
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(root_keys).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("root_keys").to_owned()).await
    }
}
