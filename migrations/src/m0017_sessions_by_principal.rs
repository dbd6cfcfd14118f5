//! Whose a session is, so that people can see and end all of theirs.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Issuer and subject in one text. Sessions from before have none and end within hours.
        let whose = Table::alter().table("sessions").add_column(ColumnDef::new("principal").text()).to_owned();
        manager.alter_table(whose).await?;
        let index = Index::create().name("sessions_by_principal").table("sessions").col("principal").to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("sessions_by_principal").table("sessions").to_owned()).await?;
        manager.alter_table(Table::alter().table("sessions").drop_column("principal").to_owned()).await
    }
}
