//! Audit records, the hash chain of every node over them, and signed checkpoints.

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
        let records = Table::create()
            .table("audit_records")
            .col(id("id").primary_key())
            .col(number("at"))
            .col(text("outcome"))
            // Copies out of the body, shortened and folded, for filters only.
            .col(ColumnDef::new("vault").text())
            .col(ColumnDef::new("object").text())
            .col(ColumnDef::new("principal").text())
            .col(text("body"))
            .to_owned();
        manager.create_table(records).await?;
        for (name, first) in [
            ("audit_records_by_time", None),
            ("audit_records_by_outcome", Some("outcome")),
            ("audit_records_by_vault", Some("vault")),
        ] {
            let mut index = Index::create().name(name).table("audit_records").to_owned();
            if let Some(first) = first {
                index.col(first);
            }
            manager.create_index(index.col("at").col("id").to_owned()).await?;
        }

        // The primary key makes a fork impossible: a node has one record at each position.
        let chain = Table::create()
            .table("audit_chain")
            .col(canonical_text(manager, "node"))
            .col(number("seq"))
            .col(id("record_id").unique_key())
            .col(bytes("record_hash"))
            .col(bytes("head"))
            .primary_key(Index::create().col("node").col("seq"))
            .to_owned();
        manager.create_table(chain).await?;

        let checkpoints = Table::create()
            .table("checkpoints")
            .col(canonical_text(manager, "node"))
            .col(number("seq"))
            .col(bytes("head"))
            .col(number("at"))
            .col(text("key_id"))
            .col(bytes("signature"))
            .primary_key(Index::create().col("node").col("seq"))
            .to_owned();
        manager.create_table(checkpoints).await?;

        // Written by whoever must know that an earlier transaction has come to its end.
        let fence = Table::create()
            .table("audit_fence")
            .col(canonical_text(manager, "node").primary_key())
            .col(number("raised"))
            .to_owned();
        manager.create_table(fence).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_fence", "checkpoints", "audit_chain", "audit_records"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
