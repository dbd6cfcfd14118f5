//! When a key gets a new version by itself and when notice is given of its end.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const TIMES: [(&str, &str); 2] = [("secrets_by_rotation", "rotate_at"), ("secrets_by_notice", "notify_at")];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = |column: &mut ColumnDef| Table::alter().table("secrets").add_column(column.to_owned()).to_owned();
        manager.alter_table(add(ColumnDef::new("rotation").text())).await?;
        for (index, time) in TIMES {
            manager.alter_table(add(ColumnDef::new(time).big_integer())).await?;
            manager.create_index(Index::create().name(index).table("secrets").col(time).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = |column: &'static str| Table::alter().table("secrets").drop_column(column).to_owned();
        for (index, time) in TIMES {
            manager.drop_index(Index::drop().name(index).table("secrets").to_owned()).await?;
            manager.alter_table(drop(time)).await?;
        }
        manager.alter_table(drop("rotation")).await
    }
}
