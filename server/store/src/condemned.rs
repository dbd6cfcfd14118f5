//! What is to be destroyed in a hardware token.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict};
use strongroom_domain::{
    condemned::{Condemned, CondemnedKeys},
    names::VaultId,
    ports::StoreError,
};

use crate::{
    Store,
    entity::{
        condemned_key::{Column, Entity, Model},
        secret_version,
    },
    fault::{damaged, unavailable},
};

/// What such a row is called where one is damaged.
const ROW: &str = "condemned key";
/// What the properties of a key hold when its name has something in a token, as `serde_json` writes them.
const IN_TOKEN: &str = r#"%"token":{%"#;

#[async_trait]
impl CondemnedKeys for Store {
    async fn has_token_keys(&self, vault: VaultId) -> Result<bool, StoreError> {
        let versions = secret_version::Entity::find()
            .select_only()
            .column(secret_version::Column::Ordinal)
            .filter(secret_version::Column::VaultId.eq(vault.0))
            .filter(secret_version::Column::Key.like(IN_TOKEN));
        let found: Option<i64> = versions.into_tuple().one(&self.reader).await.map_err(|error| unavailable(&error))?;
        Ok(found.is_some())
    }

    async fn condemn(&self, condemned: &Condemned) -> Result<(), StoreError> {
        let body = serde_json::to_string(condemned).map_err(|error| damaged(ROW, error))?;
        let row = Model { label: condemned.label(), body, tag: condemned.tag.clone() };
        let over = OnConflict::column(Column::Label).update_columns([Column::Body, Column::Tag]).to_owned();
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let insert = Entity::insert(row.into_active_model()).on_conflict(over).exec_without_returning(&transaction);
        insert.await.map_err(|error| unavailable(&error))?;
        transaction.commit().await.map_err(|error| unavailable(&error))?;
        writer.settle();
        Ok(())
    }

    async fn condemned(&self, after: Option<&str>, limit: usize) -> Result<Vec<Condemned>, StoreError> {
        let mut query = Entity::find().order_by_asc(Column::Label).limit(u64::try_from(limit).unwrap_or(1));
        if let Some(after) = after {
            query = query.filter(Column::Label.gt(after));
        }
        let rows = query.all(&self.reader).await.map_err(|error| unavailable(&error))?;
        let parse = |Model { body, tag, .. }| {
            let row: Condemned = serde_json::from_str(&body).map_err(|error| damaged(ROW, error))?;
            Ok(Condemned { tag, ..row })
        };
        rows.into_iter().map(parse).collect()
    }

    async fn forget_condemned(&self, condemned: &Condemned) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let delete = Entity::delete_many()
            .filter(Column::Label.eq(condemned.label()))
            .filter(Column::Tag.eq(condemned.tag.clone()))
            .exec(&transaction);
        delete.await.map_err(|error| unavailable(&error))?;
        transaction.commit().await.map_err(|error| unavailable(&error))?;
        writer.settle();
        Ok(())
    }
}
