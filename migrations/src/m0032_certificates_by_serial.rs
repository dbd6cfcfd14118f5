//! By what certificates of one issuer and serial number are found, and an index of those of which it was never noted:
//! those from before, of which there are none any more soon after.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const INDEXES: [(&str, &str); 2] = [
    ("certificates_by_serial", "(vault_id, issued_as) WHERE issued_as IS NOT NULL"),
    ("certificates_to_note", "(vault_id, name, version) WHERE certificate IS NOT NULL AND issued_as IS NULL"),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let issued_as = ColumnDef::new("issued_as").text().to_owned();
        manager.alter_table(Table::alter().table("secret_versions").add_column(issued_as).to_owned()).await?;
        for (name, of) in INDEXES {
            let index = format!("CREATE INDEX {name} ON secret_versions {of}");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, _) in INDEXES {
            manager.drop_index(Index::drop().name(name).table("secret_versions").to_owned()).await?;
        }
        manager.alter_table(Table::alter().table("secret_versions").drop_column("issued_as").to_owned()).await
    }
}
