//! The installation itself: one row of facts, and what is sealed under its root key.

use sea_orm_migration::prelude::*;

use crate::columns::{bytes, id, number, text};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let installation = Table::create()
            .table("installation")
            // Only the row 1 can exist: a database holds one installation.
            .col(number("slot").primary_key().check(Expr::col("slot").eq(1)))
            .col(id("id"))
            .col(number("created_at"))
            .col(ColumnDef::new("development").boolean().not_null())
            .to_owned();
        manager.create_table(installation).await?;
        let sealed =
            Table::create().table("sealed_blobs").col(text("label").primary_key()).col(bytes("bytes")).to_owned();
        manager.create_table(sealed).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["sealed_blobs", "installation"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
