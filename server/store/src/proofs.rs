//! What certificate authorities look for.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::OnConflict,
};
use strongroom_domain::{
    ports::StoreError,
    proofs::{Proof, ProofStore},
};

use crate::{
    Store,
    decoding::{each_row, kept},
    entity::acme_proof::{Column, Entity, Model},
    fault::{damaged, store_error},
};

/// What such a row is called where one is damaged.
const ROW: &str = "proof for a certificate authority";

fn parse(Model { label, of_order, until, body, tag }: Model) -> Result<Proof, StoreError> {
    let proof: Proof = serde_json::from_str(&body).map_err(|error| damaged(ROW, error))?;
    // By these it is found and forgotten.
    let is_kept_so = proof.label() == label && proof.order == of_order && proof.until == until;
    if is_kept_so { Ok(Proof { tag, ..proof }) } else { Err(damaged(ROW, "it is kept as another one")) }
}

impl Store {
    async fn found_proofs(&self, select: Select<Entity>) -> Result<Vec<Proof>, StoreError> {
        let found = each_row(select.order_by_asc(Column::Label), &self.reader).await?;
        Ok(found.into_iter().filter_map(|row| kept(row.and_then(parse))).collect())
    }
}

#[async_trait]
impl ProofStore for Store {
    async fn put_proof(&self, proof: &Proof, most: usize) -> Result<bool, StoreError> {
        let body = serde_json::to_string(proof).map_err(|error| damaged(ROW, error))?;
        let (label, of_order, until, tag) = (proof.label(), proof.order.clone(), proof.until, proof.tag.clone());
        let others = Entity::find().filter(Column::Label.ne(label.as_str()));
        let row = Model { label, of_order, until, body, tag };
        let replaced = [Column::OfOrder, Column::Until, Column::Body, Column::Tag];
        let over = OnConflict::column(Column::Label).update_columns(replaced).to_owned();
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let there = others.count(&transaction).await.map_err(|error| store_error(&error))?;
        let has_room = there < u64::try_from(most).unwrap_or(u64::MAX);
        if has_room {
            let insert = Entity::insert(row.into_active_model()).on_conflict(over).exec_without_returning(&transaction);
            insert.await.map_err(|error| store_error(&error))?;
        }
        transaction.commit().await.map_err(|error| store_error(&error))?;
        writer.settle();
        Ok(has_room)
    }

    async fn proof(&self, label: &str) -> Result<Option<Proof>, StoreError> {
        let found = self.found_proofs(Entity::find().filter(Column::Label.eq(label))).await?;
        Ok(found.into_iter().next())
    }

    async fn proofs_of(&self, order: &str) -> Result<Vec<Proof>, StoreError> {
        self.found_proofs(Entity::find().filter(Column::OfOrder.eq(order))).await
    }

    async fn lapsed_proofs(&self, now: i64, limit: usize) -> Result<Vec<Proof>, StoreError> {
        let select = Entity::find().filter(Column::Until.lte(now)).limit(u64::try_from(limit).unwrap_or(1));
        self.found_proofs(select).await
    }

    async fn forget_proof(&self, proof: &Proof) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let delete = Entity::delete_many()
            .filter(Column::Label.eq(proof.label()))
            .filter(Column::Tag.eq(proof.tag.clone()))
            .exec(&transaction);
        delete.await.map_err(|error| store_error(&error))?;
        transaction.commit().await.map_err(|error| store_error(&error))?;
        writer.settle();
        Ok(())
    }
}
