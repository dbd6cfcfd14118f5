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
    decoding::{FoundRow, kept},
    entity::{
        condemned_key::{Column, Entity, Model},
        secret_version,
    },
    fault::{damaged, store_error},
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
        let found: Option<i64> = versions.into_tuple().one(&self.reader).await.map_err(|error| store_error(&error))?;
        Ok(found.is_some())
    }

    async fn condemn(&self, condemned: &Condemned) -> Result<(), StoreError> {
        let body = serde_json::to_string(condemned).map_err(|error| damaged(ROW, error))?;
        let row = Model { label: condemned.label(), body, tag: condemned.tag.clone() };
        let over = OnConflict::column(Column::Label).update_columns([Column::Body, Column::Tag]).to_owned();
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let insert = Entity::insert(row.into_active_model()).on_conflict(over).exec_without_returning(&transaction);
        insert.await.map_err(|error| store_error(&error))?;
        transaction.commit().await.map_err(|error| store_error(&error))?;
        writer.settle();
        Ok(())
    }

    async fn condemned(&self, after: Option<&str>, limit: usize) -> Result<Vec<Condemned>, StoreError> {
        let parse = |Model { label, body, tag }| {
            let row: Condemned = serde_json::from_str(&body).map_err(|error| damaged(ROW, error))?;
            // By its label it is forgotten once it was destroyed.
            if row.label() == label { Ok(Condemned { tag, ..row }) } else { Err(damaged(ROW, "it has another label")) }
        };
        let mut after = after.unwrap_or_default().to_owned();
        loop {
            let query = Entity::find().order_by_asc(Column::Label).filter(Column::Label.gt(after.as_str()));
            let query = query.limit(u64::try_from(limit).unwrap_or(1)).into_model::<FoundRow<Entity>>();
            let page = query.all(&self.reader).await.map_err(|error| store_error(&error))?;
            // Behind the last label lies what has none.
            let label = |found: &FoundRow<Entity>| match found {
                FoundRow::Read(label, _) | FoundRow::Unreadable(Some(label), _) => Some(label.clone()),
                FoundRow::Unreadable(None, _) => None,
            };
            let last = page.iter().rev().find_map(label);
            let found: Vec<_> = page.into_iter().filter_map(|found| kept(found.row().and_then(parse))).collect();
            match last {
                // A page of damaged rows alone is not the end.
                Some(last) if found.is_empty() => after = last,
                _ => return Ok(found),
            }
        }
    }

    async fn forget_condemned(&self, condemned: &Condemned) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let delete = Entity::delete_many()
            .filter(Column::Label.eq(condemned.label()))
            .filter(Column::Tag.eq(condemned.tag.clone()))
            .exec(&transaction);
        delete.await.map_err(|error| store_error(&error))?;
        transaction.commit().await.map_err(|error| store_error(&error))?;
        writer.settle();
        Ok(())
    }
}
