//! Vaults.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use strongroom_domain::{
    names::VaultName,
    ports::{StoreError, VaultStore},
    vault::Vault,
};

use crate::{Store, entity::vault, fault::unavailable, rows};

/// Most vaults of a listing.
const MAX_VAULTS: u64 = 1000;

#[async_trait]
impl VaultStore for Store {
    async fn vault(&self, name: &VaultName) -> Result<Option<Arc<Vault>>, StoreError> {
        if let Some(vault) = self.caches().and_then(|caches| caches.vault(name)) {
            return Ok(Some(vault));
        }
        let ticket = self.caches().map(|caches| (caches, caches.vault_ticket(name)));
        let row = vault::Entity::find().filter(vault::Column::Name.eq(name.as_str())).one(&self.reader);
        let found = row.await.map_err(|e| unavailable(&e))?.map(rows::vault).transpose()?.map(Arc::new);
        if let (Some((caches, ticket)), Some(vault)) = (ticket, &found) {
            caches.put_vault(ticket, vault);
        }
        Ok(found)
    }

    async fn vaults(&self) -> Result<Vec<Arc<Vault>>, StoreError> {
        let rows = vault::Entity::find().order_by_asc(vault::Column::Name).limit(MAX_VAULTS).all(&self.reader);
        rows.await.map_err(|e| unavailable(&e))?.into_iter().map(|row| rows::vault(row).map(Arc::new)).collect()
    }
}
