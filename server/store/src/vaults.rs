//! Vaults.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use strongroom_domain::{
    names::{VaultId, VaultName},
    ports::{StoreError, VaultStore},
    vault::{MAX_VAULTS, Vault, VaultEvidence},
};

use crate::{
    Store,
    caches::weight_of_vault,
    entity::vault,
    fault::{unavailable, why_damaged},
    rows,
};

#[async_trait]
impl VaultStore for Store {
    async fn vault(&self, name: &VaultName) -> Result<Option<Arc<Vault>>, StoreError> {
        let one = async || {
            let row = vault::Entity::find().filter(vault::Column::Name.eq(name.as_str())).one(&self.reader);
            row.await.map_err(|e| unavailable(&e))?.map(rows::vault).transpose()
        };
        let Some(caches) = self.caches() else { return Ok(one().await?.map(Arc::new)) };
        let all = async |limit| {
            let rows = vault::Entity::find().limit(limit).all(&self.reader).await.map_err(|e| unavailable(&e))?;
            // A row whose name is none is found by nobody: the remains of a purged vault.
            let entry = |row: vault::Model| {
                let name = VaultName::parse(&row.name).ok().filter(|name| name.as_str() == row.name)?;
                Some((name, rows::vault(row).map(Arc::new).map_err(why_damaged)))
            };
            Ok(rows.into_iter().filter_map(entry).collect())
        };
        caches.vaults.find(name, all, one, weight_of_vault).await
    }

    async fn vaults(&self, deleted: bool) -> Result<Vec<Arc<Vault>>, StoreError> {
        let rows = vault::Entity::find()
            .filter(vault::Column::State.eq(if deleted { rows::DELETED } else { rows::ACTIVE }))
            .order_by_asc(vault::Column::Name)
            .limit(u64::try_from(MAX_VAULTS).unwrap_or(u64::MAX))
            .all(&self.reader);
        rows.await.map_err(|e| unavailable(&e))?.into_iter().map(|row| rows::vault(row).map(Arc::new)).collect()
    }

    async fn evidence(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError> {
        self.told_of(vault).await
    }
}
