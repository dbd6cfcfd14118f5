//! What the root key wraps, and the one transaction in which all of it is wrapped anew.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use strongroom_domain::{
    change::PutTokenKeys,
    ports::{SealStore, SealedBlob, StoreError},
    seal::{Reseal, RootKeyFact, SealedKeys},
    vault::Vault,
};
use uuid::Uuid;

use crate::{
    Store,
    apply::{Obstacle, exactly_one},
    decoding::FoundRow,
    entity::{root_key, sealed_blob, vault},
    fault::store_error,
    installation::put,
    purge::standing,
    rows,
    verify::AuditReader,
};

/// Rows of one SELECT.
const PAGE: u64 = 500;

#[async_trait]
impl SealStore for Store {
    async fn sealed_keys(&self) -> Result<SealedKeys, StoreError> {
        sealed_keys(&self.reader).await
    }

    async fn sealed_blob(&self, label: &str) -> Result<Option<SealedBlob>, StoreError> {
        blob(&self.reader, label).await
    }
}

#[async_trait]
impl SealStore for AuditReader {
    async fn sealed_keys(&self) -> Result<SealedKeys, StoreError> {
        sealed_keys(&self.connection).await
    }

    async fn sealed_blob(&self, label: &str) -> Result<Option<SealedBlob>, StoreError> {
        blob(&self.connection, label).await
    }
}

impl AuditReader {
    /// What the installation itself is sealed by, without the vaults: their rows are looked at one by one,
    /// and a damaged one must not hide the others.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn installation_keys(&self) -> Result<SealedKeys, StoreError> {
        let root_key = current(&self.connection).await?;
        let blobs = sealed_blob::Entity::find().order_by_asc(sealed_blob::Column::Label);
        let blobs = blobs.into_model::<FoundRow<sealed_blob::Entity>>().all(&self.connection);
        // One that does not read opens as little as one that is empty.
        let blob = |found: FoundRow<sealed_blob::Entity>| match found {
            FoundRow::Read(label, row) => (label, row.bytes),
            FoundRow::Unreadable(label, why) => (label.unwrap_or(why.place), Vec::new()),
        };
        let blobs = blobs.await.map_err(|e| store_error(&e))?.into_iter().map(blob).collect();
        Ok(SealedKeys { root_key, blobs, vaults: Vec::new() })
    }
}

impl Store {
    /// The root key in use; none in an installation from before it was written down.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn root_key(&self) -> Result<Option<RootKeyFact>, StoreError> {
        current(&self.reader).await
    }

    /// Writes down which root key is in use, with blobs that are sealed under it, all or nothing. For an
    /// installation in which it is not written down yet.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when it is, or when a blob of one of these labels is there; otherwise when the
    /// database refuses.
    pub async fn adopt_root_key(&self, fact: &RootKeyFact, blobs: &[(&str, &[u8])]) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let labels = blobs.iter().map(|(label, _)| *label);
        let there = sealed_blob::Entity::find().filter(sealed_blob::Column::Label.is_in(labels));
        let there = there.count(&transaction).await.map_err(|e| store_error(&e))?;
        if there > 0 || current(&transaction).await?.is_some() {
            transaction.rollback().await.map_err(|e| store_error(&e))?;
            writer.settle();
            return Err(StoreError::Stale);
        }
        for (label, bytes) in blobs {
            put(&transaction, label, bytes).await?;
        }
        put_fact(&transaction, fact).await?;
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(())
    }
}

fn row(fact: &RootKeyFact) -> root_key::Model {
    root_key::Model {
        key_id: fact.key_id.clone(),
        provider: fact.provider.clone(),
        parameters: fact.parameters.clone(),
        since: fact.since,
        retired_at: None,
        tag: fact.tag.clone(),
    }
}

pub(crate) async fn put_fact(database: &impl ConnectionTrait, fact: &RootKeyFact) -> Result<(), StoreError> {
    let insert = root_key::Entity::insert(row(fact).into_active_model());
    insert.exec_without_returning(database).await.map_err(|e| store_error(&e))?;
    Ok(())
}

async fn current(database: &impl ConnectionTrait) -> Result<Option<RootKeyFact>, StoreError> {
    let row = root_key::Entity::find()
        .filter(root_key::Column::RetiredAt.is_null())
        .order_by_desc(root_key::Column::Since)
        .one(database)
        .await
        .map_err(|e| store_error(&e))?;
    Ok(row.map(|row| RootKeyFact {
        key_id: row.key_id,
        provider: row.provider,
        parameters: row.parameters,
        since: row.since,
        tag: row.tag,
    }))
}

async fn blob(database: &impl ConnectionTrait, label: &str) -> Result<Option<SealedBlob>, StoreError> {
    let row = sealed_blob::Entity::find_by_id(label.to_owned()).one(database).await.map_err(|e| store_error(&e))?;
    Ok(row.map(|row| SealedBlob { bytes: row.bytes, revision: row.revision }))
}

/// What is sealed by label.
async fn blobs(database: &impl ConnectionTrait) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let blobs = sealed_blob::Entity::find().order_by_asc(sealed_blob::Column::Label).all(database);
    Ok(blobs.await.map_err(|e| store_error(&e))?.into_iter().map(|row| (row.label, row.bytes)).collect())
}

async fn sealed_keys(database: &impl ConnectionTrait) -> Result<SealedKeys, StoreError> {
    let blobs = blobs(database).await?;
    let mut vaults: Vec<Vault> = Vec::new();
    let mut after = Uuid::nil();
    loop {
        let page = vault::Entity::find()
            .filter(vault::Column::Id.gt(after))
            // What is left of a purged vault has no key any more.
            .filter(standing())
            .order_by_asc(vault::Column::Id)
            .limit(PAGE)
            .all(database)
            .await
            .map_err(|e| store_error(&e))?;
        let Some(last) = page.last() else { break };
        after = last.id;
        for row in page {
            vaults.push(rows::vault(row)?);
        }
    }
    Ok(SealedKeys { root_key: current(database).await?, blobs, vaults })
}

/// Writes everything that was wrapped anew. Anything that is not as it was read, or that came meanwhile, is
/// a conflict of the whole.
pub(crate) async fn reseal(db: &DatabaseTransaction, reseal: &Reseal) -> Result<(), Obstacle> {
    let all = |counted: u64, written: usize| {
        if u64::try_from(written).is_ok_and(|written| written == counted) { Ok(()) } else { Err(Obstacle::Conflict) }
    };
    all(sealed_blob::Entity::find().count(db).await?, reseal.blobs.len())?;
    all(vault::Entity::find().filter(standing()).count(db).await?, reseal.vaults.len())?;
    for (label, blob) in &reseal.blobs {
        let update = sealed_blob::Entity::update_many()
            .set(sealed_blob::ActiveModel { bytes: Set(blob.after.clone()), ..Default::default() })
            .filter(sealed_blob::Column::Label.eq(label.as_str()))
            .filter(sealed_blob::Column::Bytes.eq(blob.before.clone()));
        exactly_one(update.exec(db).await?.rows_affected)?;
    }
    for vault in &reseal.vaults {
        let set = vault::ActiveModel {
            wrapped_key: Set(vault.after.wrapped_key.clone()),
            tag: Set(vault.after.tag.clone()),
            ..Default::default()
        };
        let update = vault::Entity::update_many()
            .set(set)
            .filter(vault::Column::Id.eq(vault.after.id.0))
            .filter(vault::Column::Revision.eq(vault.after.revision))
            .filter(vault::Column::WrappedKey.eq(vault.before.clone()));
        exactly_one(update.exec(db).await?.rows_affected)?;
    }
    let retire = root_key::Entity::update_many()
        .set(root_key::ActiveModel { retired_at: Set(Some(reseal.root_key.since)), ..Default::default() })
        .filter(root_key::Column::KeyId.eq(reseal.retired.as_str()))
        .filter(root_key::Column::RetiredAt.is_null());
    exactly_one(retire.exec(db).await?.rows_affected)?;
    // A key that was in use before comes back under its old id.
    root_key::Entity::delete_many()
        .filter(root_key::Column::KeyId.eq(reseal.root_key.key_id.as_str()))
        .exec(db)
        .await?;
    root_key::Entity::insert(row(&reseal.root_key).into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// Writes other keys that sign tokens, if the stored ones are still those that were read.
pub(crate) async fn put_token_keys(db: &DatabaseTransaction, put: &PutTokenKeys) -> Result<(), Obstacle> {
    let after = sealed_blob::ActiveModel {
        bytes: Set(put.after.bytes.clone()),
        revision: Set(put.after.revision),
        ..Default::default()
    };
    let update = sealed_blob::Entity::update_many()
        .set(after)
        .filter(sealed_blob::Column::Label.eq(put.label))
        .filter(sealed_blob::Column::Revision.eq(put.before.revision))
        .filter(sealed_blob::Column::Bytes.eq(put.before.bytes.clone()));
    exactly_one(update.exec(db).await?.rows_affected)
}
