//! Vaults.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, Statement,
};
use strongroom_domain::{
    names::{VaultId, VaultName},
    ports::{StoreError, VaultStore},
    vault::{MAX_VAULTS, Vault, VaultEvidence},
};
use uuid::Uuid;

use crate::{
    Store,
    apply::Obstacle,
    caches::weight_of_vault,
    entity::vault,
    fault::{damaged, unavailable, why_damaged},
    purge::remains,
    reading::row,
    rows,
};

/// The rows of a list of vaults, in order of their names: one more than there may be, so that who must see all sees
/// whether that is what it got.
fn listed(deleted: bool) -> Select<vault::Entity> {
    vault::Entity::find()
        .filter(vault::Column::State.eq(if deleted { rows::DELETED } else { rows::ACTIVE }))
        .order_by_asc(vault::Column::Name)
        .limit(u64::try_from(MAX_VAULTS).unwrap_or(u64::MAX).saturating_add(1))
}

/// Held while a vault is made: "SRVAULT" and a version.
const MAKING: i64 = 0x5352_5641_554c_5401;

/// Checks that there is room for one more vault. Two that are made at the same moment wait for one another; SQLite has
/// one writer anyhow.
pub(crate) async fn may_be_added(db: &DatabaseTransaction) -> Result<(), Obstacle> {
    if db.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT pg_advisory_xact_lock($1)";
        db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, lock, [MAKING.into()])).await?;
    }
    let there = vault::Entity::find().filter(remains().not()).count(db).await?;
    if there < u64::try_from(MAX_VAULTS).unwrap_or(u64::MAX) { Ok(()) } else { Err(Obstacle::Conflict) }
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
            // What remains of a purged vault is found by nobody, and there may be more of that than vaults.
            let named = vault::Entity::find().filter(remains().not()).limit(limit);
            let rows = named.all(&self.reader).await.map_err(|e| unavailable(&e))?;
            // Nor is a row whose name is none.
            let entry = |row: vault::Model| {
                let name = VaultName::parse(&row.name).ok().filter(|name| name.as_str() == row.name)?;
                Some((name, rows::vault(row).map(Arc::new).map_err(why_damaged)))
            };
            Ok((rows.len(), rows.into_iter().filter_map(entry).collect()))
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
