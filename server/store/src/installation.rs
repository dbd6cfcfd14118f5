//! What the database knows about itself: one installation, and what is sealed under its root key.
//!
//! Whether an installation is one for development is written when it is made. There is no way to
//! change it afterwards, and there must never be one: it is what keeps `serve` away from databases
//! whose keys were made for a demonstration.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait, sea_query::OnConflict};
use strongroom_domain::{names::InstallationId, ports::StoreError, seal::RootKeyFact};
use uuid::Uuid;

use crate::{
    Store,
    entity::{installation, sealed_blob},
    fault::{damaged, store_error},
    reading::row,
};

/// The slot of the only row.
const SLOT: i64 = 1;
/// Longest label of a sealed blob.
const MAX_LABEL: usize = 64;
/// Longest sealed blob in bytes.
const MAX_BLOB: usize = 64 * 1024;

/// The installation a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Identity; the tenant of its token endpoint.
    pub id: InstallationId,
    /// When it was made, Unix milliseconds.
    pub created_at: i64,
    /// Whether it is for development, for ever.
    pub development: bool,
}

pub(crate) async fn load(database: &impl ConnectionTrait) -> Result<Option<Installation>, StoreError> {
    let row = row(installation::Entity::find_by_id(SLOT), database).await?;
    Ok(row.map(|row| Installation {
        id: InstallationId(row.id),
        created_at: row.created_at,
        development: row.development,
    }))
}

impl Store {
    /// The installation, if one was made.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn installation(&self) -> Result<Option<Installation>, StoreError> {
        load(&self.reader).await
    }

    /// Makes the installation together with its first sealed blobs, all or nothing. The identity and
    /// the development mark are final.
    ///
    /// # Errors
    /// [`StoreError::Stale`] when there is an installation already, or keys of one whose row is gone: those are
    /// never written over. Otherwise when the database refuses.
    pub async fn create_installation(
        &self,
        id: Uuid,
        created_at: i64,
        development: bool,
        blobs: &[(&str, &[u8])],
    ) -> Result<Installation, StoreError> {
        self.create_installation_sealed(id, created_at, development, blobs, None).await
    }

    /// The same, with what is known of the root key that the blobs are sealed under.
    ///
    /// # Errors
    /// As [`Store::create_installation`].
    pub async fn create_installation_sealed(
        &self,
        id: Uuid,
        created_at: i64,
        development: bool,
        blobs: &[(&str, &[u8])],
        root_key: Option<&RootKeyFact>,
    ) -> Result<Installation, StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let row = installation::Model { slot: SLOT, id, created_at, development };
        let mut insert = sea_orm::QueryTrait::into_query(installation::Entity::insert(row.into_active_model()));
        insert.on_conflict(OnConflict::new().do_nothing().to_owned());
        let made = transaction.execute(&insert).await.map_err(|e| store_error(&e))?.rows_affected();
        let left = sealed_blob::Entity::find().count(&transaction).await.map_err(|e| store_error(&e))?;
        if made == 0 || left > 0 {
            transaction.rollback().await.map_err(|e| store_error(&e))?;
            writer.settle();
            return Err(StoreError::Stale);
        }
        for (label, bytes) in blobs {
            put(&transaction, label, bytes).await?;
        }
        if let Some(fact) = root_key {
            crate::seal::put_fact(&transaction, fact).await?;
        }
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(Installation { id: InstallationId(id), created_at, development })
    }

    /// Stores bytes that are sealed already, unless there is something under the label.
    ///
    /// # Errors
    /// When label or bytes are too long, or the database refuses.
    pub async fn add_sealed_blob(&self, label: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let row = blob_row(label, bytes)?;
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let there = OnConflict::column(sealed_blob::Column::Label).do_nothing().to_owned();
        let insert = sealed_blob::Entity::insert(row.into_active_model()).on_conflict(there);
        match insert.exec_without_returning(&transaction).await {
            Ok(_) | Err(DbErr::RecordNotInserted) => {}
            Err(error) => return Err(store_error(&error)),
        }
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(())
    }

    /// Stores bytes that are sealed already, in place of what was under the label.
    ///
    /// # Errors
    /// When label or bytes are too long, or the database refuses.
    pub async fn put_sealed_blob(&self, label: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        put(&transaction, label, bytes).await?;
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(())
    }
}

fn blob_row(label: &str, bytes: &[u8]) -> Result<sealed_blob::Model, StoreError> {
    if label.is_empty() || label.len() > MAX_LABEL || bytes.len() > MAX_BLOB {
        return Err(damaged("sealed blob", "its label or its bytes are too long"));
    }
    Ok(sealed_blob::Model { label: label.to_owned(), bytes: bytes.to_vec(), revision: 0 })
}

pub(crate) async fn put(database: &impl ConnectionTrait, label: &str, bytes: &[u8]) -> Result<(), StoreError> {
    let row = blob_row(label, bytes)?;
    let over = OnConflict::column(sealed_blob::Column::Label).update_column(sealed_blob::Column::Bytes).to_owned();
    sealed_blob::Entity::insert(row.into_active_model())
        .on_conflict(over)
        .exec_without_returning(database)
        .await
        .map_err(|e| store_error(&e))?;
    Ok(())
}
