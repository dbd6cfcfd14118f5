//! Assignments, workloads and dashboard sessions.
//!
//! What is authenticated as a whole is stored as a whole (`body`, JSON), next to the columns by
//! which it is found.

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
        let assignments = Table::create()
            .table("assignments")
            .col(id("id").primary_key())
            .col(canonical_text(manager, "grantee_key"))
            .col(text("body"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(assignments).await?;
        let by_grantee =
            Index::create().name("assignments_by_grantee").table("assignments").col("grantee_key").to_owned();
        manager.create_index(by_grantee).await?;

        let workloads = Table::create()
            .table("workloads")
            .col(id("client_id").primary_key())
            .col(text("body"))
            .col(number("revision"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(workloads).await?;

        let sessions = Table::create()
            .table("sessions")
            .col(bytes("id_hash").primary_key())
            .col(text("body"))
            .col(number("expires"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(sessions).await?;
        let by_end = Index::create().name("sessions_by_end").table("sessions").col("expires").to_owned();
        manager.create_index(by_end).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["sessions", "workloads", "assignments"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
