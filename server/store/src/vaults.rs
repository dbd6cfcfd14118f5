//! Vaults.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select};
use strongroom_domain::{
    names::{VaultId, VaultName},
    ports::{StoreError, VaultStore},
    vault::{MAX_VAULTS, Vault, VaultEvidence},
};
use uuid::Uuid;

use crate::{
    Store,
    caches::weight_of_vault,
    entity::vault,
    fault::{damaged, unavailable, why_damaged},
    reading::row,
    rows,
};

/// The rows of a list of vaults, in order of their names.
fn listed(deleted: bool) -> Select<vault::Entity> {
    vault::Entity::find()
        .filter(vault::Column::State.eq(if deleted { rows::DELETED } else { rows::ACTIVE }))
        .order_by_asc(vault::Column::Name)
        .limit(u64::try_from(MAX_VAULTS).unwrap_or(u64::MAX))
}

#[async_trait]
impl VaultStore for Store {
    async fn vault(&self, name: &VaultName) -> Result<Option<Arc<Vault>>, StoreError> {
        let one = async || {
            let named = vault::Entity::find().filter(vault::Column::Name.eq(name.as_str()));
            row(named, &self.reader).await?.map(rows::vault).transpose()
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
        let rows = listed(deleted).all(&self.reader);
        rows.await.map_err(|e| unavailable(&e))?.into_iter().map(|row| rows::vault(row).map(Arc::new)).collect()
    }

    async fn vault_names(&self, deleted: bool) -> Result<Vec<(VaultId, VaultName)>, StoreError> {
        let names = listed(deleted).select_only().columns([vault::Column::Id, vault::Column::Name]);
        let names: Vec<(Uuid, String)> = names.into_tuple().all(&self.reader).await.map_err(|e| unavailable(&e))?;
        let named =
            |(id, name): (Uuid, String)| Ok((VaultId(id), VaultName::parse(&name).map_err(|e| damaged("vault", e))?));
        names.into_iter().map(named).collect()
    }

    async fn evidence(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError> {
        self.told_of(vault).await
    }
}
