//! Certificates beside secrets and keys: what of a name and of a version is a certificate's alone, and which keys and
//! secrets go with one.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Nothing from before belongs to a certificate.
        let managed = ColumnDef::new("managed").boolean().not_null().default(false).to_owned();
        manager.alter_table(Table::alter().table("secrets").add_column(managed).to_owned()).await?;
        for table in ["secrets", "secret_versions"] {
            let certificate = ColumnDef::new("certificate").text().to_owned();
            manager.alter_table(Table::alter().table(table).add_column(certificate).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["secret_versions", "secrets"] {
            manager.alter_table(Table::alter().table(table).drop_column("certificate").to_owned()).await?;
        }
        manager.alter_table(Table::alter().table("secrets").drop_column("managed").to_owned()).await
    }
}
