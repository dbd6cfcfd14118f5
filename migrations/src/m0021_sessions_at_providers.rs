//! Which session at a provider a session came from, so that the provider can end it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Issuer and `sid` in one text. Sessions from before have none and end within hours.
        let came = Table::alter().table("sessions").add_column(ColumnDef::new("provider_session").text()).to_owned();
        manager.alter_table(came).await?;
        let index = Index::create().name("sessions_at_providers").table("sessions").col("provider_session").to_owned();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("sessions_at_providers").table("sessions").to_owned()).await?;
        manager.alter_table(Table::alter().table("sessions").drop_column("provider_session").to_owned()).await
    }
}
