//! What is past its purge date or due for something with a key or a certificate, and the remains of purged vaults.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationDef,
};
use strongroom_domain::{
    names::{ObjectName, VaultId, VaultName},
    ports::{DueAction, DueObject, PurgeSchedule, RotationSchedule, StoreError},
    rotation::LifetimeAction,
};

use crate::{
    Store,
    decoding::{FoundRow, kept},
    entity::{secret, vault},
    fault::{damaged, store_error},
    rows,
};

/// Most names of one look.
const MAX_DUE: u64 = 1000;

fn at_most(limit: usize) -> u64 {
    u64::try_from(limit).map_or(MAX_DUE, |limit| Ord::min(limit, MAX_DUE))
}

/// What is left of purged vaults. The key is gone from such a row; one that has it was only called
/// purged, by somebody else, and is left alone.
pub(crate) fn remains() -> Condition {
    Condition::all().add(vault::Column::State.eq(rows::PURGED)).add(vault::Column::WrappedKey.eq(Vec::<u8>::new()))
}

fn vault_of_secret() -> RelationDef {
    secret::Entity::belongs_to(vault::Entity).from(secret::Column::VaultId).to(vault::Column::Id).into()
}

/// All vaults but the remains of those that were purged. Also one with nothing in these columns: no comparison with
/// that is true, nor is its contrary.
pub(crate) fn standing() -> Condition {
    Condition::any().add(remains().not()).add(vault::Column::State.is_null()).add(vault::Column::WrappedKey.is_null())
}

/// The name of a vault.
#[derive(FromQueryResult)]
struct Named {
    name: String,
}

fn names_of(vaults: Vec<FoundRow<vault::Entity, Named>>) -> Vec<VaultName> {
    let name = |Named { name }: Named| rows::vault_name(&name);
    vaults.into_iter().filter_map(|found| kept(found.row().and_then(name))).collect()
}

/// What names an object.
#[derive(FromQueryResult)]
struct Due {
    vault: String,
    kind: String,
    name: String,
    display: String,
}

/// The name within a qualified one.
fn unqualified(qualified: &str) -> &str {
    qualified.rsplit_once('/').map_or(qualified, |(_, name)| name)
}

#[async_trait]
impl PurgeSchedule for Store {
    async fn due_objects(
        &self,
        now: i64,
        after: Option<&DueObject>,
        limit: usize,
    ) -> Result<Vec<DueObject>, StoreError> {
        // The objects of certificates go with those.
        let due = Condition::all()
            .add(secret::Column::PurgeAt.lte(now))
            .add(secret::Column::State.eq(rows::DELETED))
            .add(secret::Column::Managed.eq(false));
        self.due(due, after, limit).await
    }

    async fn due_vaults(&self, now: i64) -> Result<Vec<VaultName>, StoreError> {
        let found = vault::Entity::find()
            .select_only()
            .columns([vault::Column::Id, vault::Column::Name])
            .filter(vault::Column::State.eq(rows::DELETED))
            .filter(vault::Column::PurgeAt.lte(now))
            .order_by_asc(vault::Column::Name)
            .limit(MAX_DUE)
            .into_model::<FoundRow<vault::Entity, Named>>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        Ok(names_of(found))
    }

    async fn sweep(&self, limit: usize) -> Result<bool, StoreError> {
        let purged = vault::Entity::find().select_only().columns([vault::Column::Id, vault::Column::Name]);
        let purged = purged.filter(remains()).limit(MAX_DUE).into_model::<FoundRow<vault::Entity, Named>>();
        let purged = purged.all(&self.reader).await.map_err(|e| store_error(&e))?;
        let readable = |found| if let FoundRow::Read(id, _) = found { Some(id) } else { None };
        let called_purged: Vec<_> = purged.into_iter().filter_map(readable).collect();
        if called_purged.is_empty() {
            return Ok(false);
        }
        // Whoever writes to the database can call any vault purged; the log tells which ones were.
        let told = self.told().await?;
        let Some(id) = called_purged.iter().copied().find(|id| told.purged(VaultId(*id))) else {
            for vault in called_purged {
                tracing::error!(%vault, "a vault's row calls it purged and the audit log does not; nothing of it is removed");
            }
            return Err(damaged("vault", "its row calls it purged, and no record tells of that"));
        };
        drop(told);
        let mut writer = self.writer.lock().await;
        let transaction = writer.begin(self.caches()).await?;
        let some = secret::Entity::find()
            .select_only()
            .column(secret::Column::Name)
            .filter(secret::Column::VaultId.eq(id))
            .limit(at_most(limit))
            .into_query();
        let gone = secret::Entity::delete_many()
            .filter(secret::Column::VaultId.eq(id))
            .filter(secret::Column::Name.in_subquery(some))
            .exec(&transaction)
            .await
            .map_err(|e| store_error(&e))?
            .rows_affected;
        if gone == 0 {
            vault::Entity::delete_many()
                .filter(vault::Column::Id.eq(id))
                .filter(remains())
                .exec(&transaction)
                .await
                .map_err(|e| store_error(&e))?;
        }
        transaction.commit().await.map_err(|e| store_error(&e))?;
        writer.settle();
        Ok(true)
    }
}

#[async_trait]
impl RotationSchedule for Store {
    async fn vaults_with_due(&self, due: DueAction) -> Result<Vec<VaultName>, StoreError> {
        let vaults =
            secret::Entity::find().select_only().column(secret::Column::VaultId).filter(condition(due)).into_query();
        let found = vault::Entity::find()
            .select_only()
            .columns([vault::Column::Id, vault::Column::Name])
            .filter(vault::Column::State.eq(rows::ACTIVE))
            .filter(vault::Column::Id.in_subquery(vaults))
            .order_by_asc(vault::Column::Name)
            .into_model::<FoundRow<vault::Entity, Named>>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        Ok(names_of(found))
    }

    async fn due_in(
        &self,
        vault: &VaultName,
        due: DueAction,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<DueObject>, StoreError> {
        let after = after.map(|name| DueObject { vault: vault.clone(), kind: due.kind, name: name.clone() });
        let wanted = condition(due).add(vault::Column::Name.eq(vault.as_str()));
        self.due(wanted, after.as_ref(), limit).await
    }
}

/// Rows of active names of which it is due.
fn condition(due: DueAction) -> Condition {
    let when = match due.action {
        LifetimeAction::Rotate => secret::Column::RotateAt.lte(due.now),
        LifetimeAction::Notify => secret::Column::NotifyAt.lte(due.now),
        // As the index of them says it.
        LifetimeAction::Plan => secret::Column::Rotation.is_null().and(secret::Column::Certificate.is_not_null()),
    };
    Condition::all()
        .add(when)
        .add(secret::Column::Kind.eq(due.kind.as_str()))
        .add(secret::Column::State.eq(rows::ACTIVE))
}

impl Store {
    /// Objects of active vaults, in order of vault and qualified name.
    async fn due(
        &self,
        wanted: Condition,
        after: Option<&DueObject>,
        limit: usize,
    ) -> Result<Vec<DueObject>, StoreError> {
        let mut query = secret::Entity::find()
            .select_only()
            .columns([secret::Column::VaultId, secret::Column::Name, secret::Column::Kind, secret::Column::Display])
            .column_as(vault::Column::Name, "vault")
            .join(JoinType::InnerJoin, vault_of_secret())
            .filter(wanted)
            .filter(vault::Column::State.eq(rows::ACTIVE));
        if let Some(after) = after {
            let (vault, name) = (after.vault.as_str(), after.kind.qualify(&after.name));
            let later = vault::Column::Name.eq(vault).and(secret::Column::Name.gt(name));
            query = query.filter(Condition::any().add(vault::Column::Name.gt(vault)).add(later));
        }
        let found = query
            .order_by_asc(vault::Column::Name)
            .order_by_asc(secret::Column::Name)
            .limit(at_most(limit))
            .into_model::<FoundRow<secret::Entity, Due>>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        let parse = |Due { vault, kind, name: qualified, display }: Due| {
            let vault = rows::vault_name(&vault)?;
            // What is wrong with its spelling is found, and put on record, by whoever reads the row to do it.
            let (kind, name) = rows::name_of(&kind, &qualified, &display)
                .or_else(|_| rows::name_of(&kind, &qualified, unqualified(&qualified)))?;
            Ok(DueObject { vault, kind, name })
        };
        Ok(found.into_iter().filter_map(|found| kept(found.row().and_then(parse))).collect())
    }
}
