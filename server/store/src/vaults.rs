//! Vaults.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QueryResult, QuerySelect, Select,
};
use strongroom_domain::{
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    ports::{StoreError, VaultStore},
    record::{ChangedRow, RowKind},
    vault::{MAX_VAULTS, Vault, VaultEvidence},
};
use uuid::Uuid;

use crate::{
    Store,
    caches::weight_of_vault,
    decoding::{FoundRow, each_row, kept},
    directory::Entry,
    entity::vault,
    fault::{store_error, why_damaged},
    purge::standing,
    reading::row,
    rows,
};

/// Most ids of one question.
const IDS_PER_SELECT: usize = 1000;

/// The rows of a list of vaults, in order of their names: one more than there may be, so that who must see all sees
/// whether that is what it got.
fn listed(deleted: bool) -> Select<vault::Entity> {
    vault::Entity::find()
        .filter(vault::Column::State.eq(if deleted { rows::DELETED } else { rows::ACTIVE }))
        .order_by_asc(vault::Column::Name)
        .limit(u64::try_from(MAX_VAULTS).unwrap_or(u64::MAX).saturating_add(1))
}

/// What names a vault.
#[derive(FromQueryResult)]
struct Name {
    id: Uuid,
    name: String,
}

/// A row with its name, which may read where others of its cells do not.
struct Named {
    name: Option<String>,
    row: FoundRow<vault::Entity>,
}

impl FromQueryResult for Named {
    fn from_query_result(row: &QueryResult, pre: &str) -> Result<Self, DbErr> {
        Ok(Self { name: row.try_get(pre, "name").ok(), row: FoundRow::from_query_result(row, pre)? })
    }
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
            let named = vault::Entity::find().filter(standing()).limit(limit).into_model::<Named>();
            let rows = named.all(&self.reader).await.map_err(|e| store_error(&e))?;
            let read = rows.len();
            let mut entries: HashMap<VaultName, Entry<Vault>> = HashMap::with_capacity(read);
            for Named { name, row } in rows {
                // Nor is a row whose name is none. One that is spelt in other letters is damaged, and stands where it
                // was, so that its name is not taken for free.
                let Some(name) = name.and_then(|name| VaultName::parse(&name).ok()) else { continue };
                let found = row.row().and_then(rows::vault).map(Arc::new).map_err(why_damaged);
                let twice = |known: &mut Entry<Vault>| *known = Err("more than one row has its name".to_owned());
                entries.entry(name).and_modify(twice).or_insert(found);
            }
            Ok((read, entries.into_iter().collect()))
        };
        caches.vaults.find(name, all, one, weight_of_vault).await
    }

    async fn vaults(&self, deleted: bool) -> Result<Vec<Arc<Vault>>, StoreError> {
        let rows = each_row(listed(deleted), &self.reader).await?;
        Ok(rows.into_iter().filter_map(|row| kept(row.and_then(rows::vault))).map(Arc::new).collect())
    }

    async fn vault_names(&self, deleted: bool) -> Result<Vec<(VaultId, VaultName)>, StoreError> {
        self.named(listed(deleted)).await
    }

    async fn names_of(&self, vaults: &BTreeSet<VaultId>) -> Result<HashMap<VaultId, VaultName>, StoreError> {
        let ids: Vec<Uuid> = vaults.iter().map(|vault| vault.0).collect();
        let mut found = HashMap::new();
        for some in ids.chunks(IDS_PER_SELECT) {
            let these = vault::Entity::find().filter(standing()).filter(vault::Column::Id.is_in(some.iter().copied()));
            found.extend(self.named(these).await?);
        }
        Ok(found)
    }

    async fn evidence(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError> {
        self.told_of(vault).await
    }

    async fn tells_of_deletion(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        revision: i64,
    ) -> Result<bool, StoreError> {
        let id = ChangedRow::object_id(vault, kind, name);
        Ok(self.told().await?.deleted(vault, RowKind::of(kind), &id, revision))
    }
}

impl Store {
    /// Identities and names of these vaults, without what is in their settings.
    async fn named(&self, these: Select<vault::Entity>) -> Result<Vec<(VaultId, VaultName)>, StoreError> {
        let names = these.select_only().columns([vault::Column::Id, vault::Column::Name]);
        let names = names.into_model::<FoundRow<vault::Entity, Name>>().all(&self.reader);
        let named = |Name { id, name }: Name| Ok((VaultId(id), rows::vault_name(&name)?));
        let names = names.await.map_err(|e| store_error(&e))?;
        Ok(names.into_iter().filter_map(|found| kept(found.row().and_then(named))).collect())
    }
}
