//! An index of the certificates of which nobody has worked out yet when they are renewed: those from before there was
//! renewal, of which there are none any more soon after.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const NAME: &str = "certificates_to_plan";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = format!(
            "CREATE INDEX {NAME} ON secrets (vault_id, name) WHERE certificate IS NOT NULL AND rotation IS NULL"
        );
        manager.get_connection().execute_unprepared(&index).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(NAME).table("secrets").to_owned()).await
    }
}
