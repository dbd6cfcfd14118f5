//! One Merkle tree over the audit log of all nodes, and its signed checkpoints.
//!
//! Checkpoints of single nodes (`checkpoints`) stay where they are and stay verifiable.

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
        // The leaves: a leaf's place is given out once, so two writers cannot make two trees.
        let segments = Table::create()
            .table("audit_segments")
            .col(number("place").primary_key())
            .col(canonical_text(manager, "node"))
            .col(number("first"))
            .col(number("last"))
            .col(bytes("head"))
            .col(bytes("root"))
            .to_owned();
        manager.create_table(segments).await?;
        let by_node = Index::create()
            .name("audit_segments_by_node")
            .table("audit_segments")
            .col("node")
            .col("last")
            .unique()
            .to_owned();
        manager.create_index(by_node).await?;

        // Roots of perfect subtrees, level 0 being the leaves: written once, never changed.
        let tree = Table::create()
            .table("audit_tree")
            .col(number("level"))
            .col(number("place"))
            .col(bytes("root"))
            .primary_key(Index::create().col("level").col("place"))
            .to_owned();
        manager.create_table(tree).await?;

        let checkpoints = Table::create()
            .table("audit_checkpoints")
            .col(number("size").primary_key())
            .col(bytes("root"))
            .col(text("heads"))
            .col(number("at"))
            .col(text("key_id"))
            .col(bytes("signature"))
            .to_owned();
        manager.create_table(checkpoints).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_checkpoints", "audit_tree", "audit_segments"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
