//! Vaults, and what the audit log says of them.

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
    entity::{audit_record, vault},
    fault::{unavailable, why_damaged},
    rows,
};

/// Most records of changes that are looked at: the last one tells all, and those that came in
/// together with it may stand before it.
const CHANGES: u64 = 100;

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
        let found = audit_record::Entity::find()
            .filter(audit_record::Column::VaultId.eq(vault.0))
            .order_by_desc(audit_record::Column::At)
            .limit(CHANGES)
            .all(&self.reader)
            .await
            .map_err(|e| unavailable(&e))?;
        let mut evidence: Option<VaultEvidence> = None;
        for row in &found {
            let record = rows::record(row)?;
            // The column only leads here; what counts is the body, which the chain is over.
            let Some((revision, change)) =
                record.revision.zip(record.vault_change).filter(|(_, change)| change.vault == vault)
            else {
                continue;
            };
            let told = evidence.get_or_insert(VaultEvidence { revision, purge_protection: false });
            told.revision = told.revision.max(revision);
            told.purge_protection |= change.purge_protection;
        }
        Ok(evidence)
    }
}
