//! Uploaded policy modules, and the modules that are attached to every vault.

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
        let mut digest = canonical_text(manager, "digest");
        let modules = Table::create()
            .table("policy_modules")
            .col(digest.primary_key())
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            // Last, so that reading the others reads none of it.
            .col(bytes("module"))
            .to_owned();
        manager.create_table(modules).await?;
        let mut id = canonical_text(manager, "id");
        let attached = Table::create()
            .table("installation_policies")
            .col(id.primary_key())
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(attached).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("installation_policies").to_owned()).await?;
        manager.drop_table(Table::drop().table("policy_modules").to_owned()).await
    }
}
