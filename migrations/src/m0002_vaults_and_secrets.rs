//! Vaults, names of secrets, and their versions.

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
        let vaults = Table::create()
            .table("vaults")
            .col(id("id").primary_key())
            .col(canonical_text(manager, "name").unique_key())
            .col(text("settings"))
            .col(number("revision"))
            .col(number("created_at"))
            .col(bytes("wrapped_key"))
            .col(bytes("tag"))
            .to_owned();
        manager.create_table(vaults).await?;

        let secrets = Table::create()
            .table("secrets")
            .col(id("vault_id"))
            .col(canonical_text(manager, "name"))
            .col(text("display"))
            .col(text("state"))
            .col(ColumnDef::new("deleted_at").big_integer())
            .col(ColumnDef::new("purge_at").big_integer())
            .col(canonical_text(manager, "current"))
            .col(number("revision"))
            .col(bytes("tag"))
            .primary_key(Index::create().col("vault_id").col("name"))
            .foreign_key(ForeignKey::create().from("secrets", "vault_id").to("vaults", "id"))
            .to_owned();
        manager.create_table(secrets).await?;
        let by_state = Index::create()
            .name("secrets_by_state")
            .table("secrets")
            .col("vault_id")
            .col("state")
            .col("name")
            .to_owned();
        manager.create_index(by_state).await?;

        let versions = Table::create()
            .table("secret_versions")
            .col(id("vault_id"))
            .col(canonical_text(manager, "name"))
            .col(canonical_text(manager, "version"))
            .col(number("ordinal"))
            .col(text("attributes"))
            .col(number("created"))
            .col(number("updated"))
            .col(bytes("data_key_id"))
            .col(bytes("wrapped_data_key"))
            .col(bytes("ciphertext"))
            .col(number("row_format"))
            .col(bytes("tag"))
            .primary_key(Index::create().col("vault_id").col("name").col("version"))
            // A purge takes the versions along: no version without its name's row.
            .foreign_key(
                ForeignKey::create()
                    .from("secret_versions", ("vault_id", "name"))
                    .to("secrets", ("vault_id", "name"))
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .to_owned();
        manager.create_table(versions).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["secret_versions", "secrets", "vaults"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}
