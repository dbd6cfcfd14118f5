//! Secrets, keys and certificates: metadata for judging, sealed versions, listings.

use std::{ops::Range, sync::Arc};

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, DerivePartialModel, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationDef, Select,
    sea_query::{Expr, IntoCondition},
};
use strongroom_domain::{
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId},
    permit::{Held, Permit, Permits},
    ports::{ObjectStore, StoreError},
    search::{Found, Search},
    secret::{Endings, Page, SealedVersion, SecretFacts, SecretItem, VersionMeta},
};

use crate::{
    Store,
    entity::{secret, secret_version},
    fault::{damaged, store_error},
    rows::{self, VersionRow},
};

/// Most lines of a page.
const MAX_PAGE: usize = 1000;

/// Versions of a name; which of them the condition says.
fn versions_where(condition: impl Fn() -> Condition + Send + Sync + 'static) -> RelationDef {
    secret::Entity::belongs_to(secret_version::Entity)
        .from((secret::Column::VaultId, secret::Column::Name))
        .to((secret_version::Column::VaultId, secret_version::Column::Name))
        .on_condition(move |_, _| condition())
        .into()
}

pub(crate) fn current() -> RelationDef {
    versions_where(|| {
        Expr::col((secret_version::Entity, secret_version::Column::Version))
            .eq(Expr::col((secret::Entity, secret::Column::Current)))
            .into_condition()
    })
}

fn exactly(version: &ObjectVersion) -> RelationDef {
    let version = version.as_str().to_owned();
    versions_where(move || {
        Expr::col((secret_version::Entity, secret_version::Column::Version)).eq(version.as_str()).into_condition()
    })
}

/// One row at most, by its key. To be asked for with `all`: `one` binds a limit, and SQLite plans a statement anew
/// whenever a limit is bound, which costs more than the read.
fn row_of(vault: VaultId, kind: ObjectKind, name: &ObjectName) -> Select<secret::Entity> {
    secret::Entity::find_by_id((vault.0, kind.qualify(name)))
}

#[async_trait]
impl ObjectStore for Store {
    async fn facts(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<Arc<SecretFacts>>, StoreError> {
        let Some(caches) = self.caches() else {
            return Ok(self.load_facts(vault, kind, name, version).await?.map(Arc::new));
        };
        if let Some(facts) = caches.facts(vault, kind, name, version) {
            return Ok(Some(facts));
        }
        let ticket = caches.object_ticket(vault, kind, name);
        let facts = self.load_facts(vault, kind, name, version).await?.map(Arc::new);
        if let Some(facts) = &facts {
            caches.put_facts((vault, kind), ticket, facts);
        }
        Ok(facts)
    }

    async fn version_metas(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        limit: usize,
    ) -> Result<Vec<VersionMeta>, StoreError> {
        let found = row_of(vault, kind, name)
            .join(JoinType::InnerJoin, versions_where(Condition::all))
            .order_by_asc(secret_version::Column::Ordinal)
            .limit(u64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(1))
            .into_partial_model::<NameWithVersion>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        found.into_iter().filter_map(|row| row.version).map(rows::version_meta).collect()
    }

    async fn issued_as(
        &self,
        vault: VaultId,
        issued_as: &str,
        limit: usize,
    ) -> Result<Vec<(ObjectName, ObjectVersion)>, StoreError> {
        crate::serials::issued_as(&self.reader, vault, issued_as, limit).await
    }

    async fn read(&self, permit: Permit, version: &ObjectVersion) -> Held<Result<Arc<SealedVersion>, StoreError>> {
        let sealed = self.sealed(&permit, version).await;
        permit.hold(sealed)
    }

    async fn read_to_change(
        &self,
        permit: Permit,
        version: &ObjectVersion,
    ) -> Held<(Permit, Result<Arc<SealedVersion>, StoreError>)> {
        let sealed = self.sealed(&permit, version).await;
        permit.hold_with(sealed)
    }

    async fn all_versions(&self, permit: Permit, limit: usize) -> Held<Result<Vec<SealedVersion>, StoreError>> {
        let versions = self.whole(&permit, limit).await;
        permit.hold(versions)
    }

    async fn list(
        &self,
        permit: Permit,
        deleted: bool,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>> {
        let page = self.names(&permit, deleted, after, limit).await;
        permit.hold(page)
    }

    async fn versions(
        &self,
        permit: Permit,
        after: Option<&ObjectVersion>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>> {
        let page = self.versions_of(&permit, after, limit).await;
        permit.hold(page)
    }

    async fn ending(
        &self,
        permits: Permits,
        within: Range<i64>,
        behind: i64,
        limit: usize,
        counted: bool,
    ) -> Held<Result<Endings, StoreError>> {
        let endings = self.endings(&permits, within, behind, limit, counted).await;
        permits.hold(endings)
    }

    async fn search(&self, permits: Permits, search: &Search, limit: usize) -> Held<Result<Found, StoreError>> {
        let found = self.searched(&permits, search, limit.clamp(1, MAX_PAGE)).await;
        permits.hold(found)
    }
}

/// A name with the metadata of one version.
#[derive(DerivePartialModel)]
pub(crate) struct NameWithVersion {
    #[sea_orm(nested)]
    pub(crate) name: secret::Model,
    #[sea_orm(nested)]
    version: Option<VersionRow>,
}

/// A name with one version, sealed value and all.
#[derive(DerivePartialModel)]
struct NameWithSealed {
    #[sea_orm(nested)]
    name: secret::Model,
    #[sea_orm(nested)]
    version: Option<secret_version::Model>,
}

pub(crate) fn item(row: NameWithVersion) -> Result<SecretItem, StoreError> {
    let version = row.version.ok_or_else(|| damaged("secret", "it has no current version"))?;
    let (secret, version) = rows::current_of(&row.name, version)?;
    Ok(SecretItem { secret, version })
}

/// Cuts off the one row too many that was asked for, and says where the next page begins.
fn page(
    rows: Vec<NameWithVersion>,
    limit: usize,
    key: impl Fn(&SecretItem) -> &str,
) -> Result<Page<SecretItem>, StoreError> {
    let more = rows.len() > limit;
    let items = rows.into_iter().take(limit).map(item).collect::<Result<Vec<_>, _>>()?;
    let next = if more { items.last().map(|last| key(last).to_owned()) } else { None };
    Ok(Page { items, next })
}

fn one_more(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)
}

/// A page of names with their current versions, and one more.
pub(crate) fn listing(
    vault: VaultId,
    kind: ObjectKind,
    deleted: bool,
    after: Option<&ObjectName>,
    limit: usize,
) -> Select<secret::Entity> {
    let mut query = secret::Entity::find()
        .filter(secret::Column::VaultId.eq(vault.0))
        .filter(secret::Column::Kind.eq(kind.as_str()))
        .filter(secret::Column::State.eq(if deleted { rows::DELETED } else { rows::ACTIVE }));
    if let Some(after) = after {
        query = query.filter(secret::Column::Name.gt(kind.qualify(after)));
    }
    query.join(JoinType::LeftJoin, current()).order_by_asc(secret::Column::Name).limit(one_more(limit))
}

impl Store {
    async fn load_facts(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<SecretFacts>, StoreError> {
        let found = row_of(vault, kind, name)
            .join(JoinType::LeftJoin, version.map_or_else(current, exactly))
            .into_partial_model::<NameWithVersion>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        let Some(row) = found.into_iter().next() else { return Ok(None) };
        Ok(Some(match row.version {
            Some(version) => {
                let (secret, version) = rows::current_of(&row.name, version)?;
                SecretFacts { secret, version: Some(version) }
            }
            None => SecretFacts { secret: rows::secret_meta(&row.name)?, version: None },
        }))
    }

    async fn sealed(&self, permit: &Permit, version: &ObjectVersion) -> Result<Arc<SealedVersion>, StoreError> {
        let (Some((vault, _)), Some(name), Some(judged)) =
            (&permit.object().vault, &permit.object().name, permit.revision())
        else {
            return Err(StoreError::Stale);
        };
        let kind = permit.object().kind;
        let ticket = self.caches().map(|caches| (caches, caches.object_ticket(*vault, kind, name)));
        if let Some((caches, _)) = ticket
            && let Some((revision, sealed)) = caches.sealed(*vault, kind, name, version)
        {
            return if revision == judged { Ok(sealed) } else { Err(StoreError::Stale) };
        }
        // One statement, so revision and version are of the same moment.
        let row = row_of(*vault, kind, name)
            .join(JoinType::LeftJoin, exactly(version))
            .into_partial_model::<NameWithSealed>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?
            .into_iter()
            .next()
            .filter(|row| row.name.revision == judged)
            .ok_or(StoreError::Stale)?;
        let version = row.version.ok_or_else(|| damaged("secret", "the version that was judged is not there"))?;
        let sealed = Arc::new(rows::sealed_version(version)?);
        if let Some((caches, ticket)) = ticket {
            caches.put_sealed((*vault, kind), ticket, rows::secret_meta(&row.name)?, &sealed);
        }
        Ok(sealed)
    }

    async fn whole(&self, permit: &Permit, limit: usize) -> Result<Vec<SealedVersion>, StoreError> {
        let (Some((vault, _)), Some(name), Some(judged)) =
            (&permit.object().vault, &permit.object().name, permit.revision())
        else {
            return Err(StoreError::Stale);
        };
        let kind = permit.object().kind;
        let found = row_of(*vault, kind, name)
            .join(JoinType::InnerJoin, versions_where(Condition::all))
            .filter(secret::Column::Revision.eq(judged))
            .order_by_asc(secret_version::Column::Ordinal)
            .limit(u64::try_from(limit.clamp(1, MAX_PAGE)).unwrap_or(1))
            .into_partial_model::<NameWithSealed>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        if found.is_empty() {
            return Err(StoreError::Stale);
        }
        found.into_iter().filter_map(|row| row.version).map(rows::sealed_version).collect()
    }

    async fn names(
        &self,
        permit: &Permit,
        deleted: bool,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Page<SecretItem>, StoreError> {
        let Some((vault, _)) = &permit.object().vault else { return Err(StoreError::Stale) };
        let kind = permit.object().kind;
        let limit = limit.clamp(1, MAX_PAGE);
        let found = listing(*vault, kind, deleted, after, limit)
            .into_partial_model::<NameWithVersion>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        page(found, limit, |item| item.secret.name.as_str())
    }

    async fn versions_of(
        &self,
        permit: &Permit,
        after: Option<&ObjectVersion>,
        limit: usize,
    ) -> Result<Page<SecretItem>, StoreError> {
        let (Some((vault, _)), Some(name)) = (&permit.object().vault, &permit.object().name) else {
            return Err(StoreError::Stale);
        };
        let (kind, limit) = (permit.object().kind, limit.clamp(1, MAX_PAGE));
        let mut query = row_of(*vault, kind, name).join(JoinType::InnerJoin, versions_where(Condition::all));
        if let Some(after) = after {
            let ordinal = secret_version::Entity::find()
                .select_only()
                .column(secret_version::Column::Ordinal)
                .filter(secret_version::Column::VaultId.eq(vault.0))
                .filter(secret_version::Column::Name.eq(kind.qualify(name)))
                .filter(secret_version::Column::Version.eq(after.as_str()));
            let ordinal = Expr::SubQuery(None, Box::new(ordinal.into_query().into()));
            query = query.filter(Expr::col((secret_version::Entity, secret_version::Column::Ordinal)).lt(ordinal));
        }
        let found = query
            .order_by_desc(secret_version::Column::Ordinal)
            .limit(one_more(limit))
            .into_partial_model::<NameWithVersion>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        page(found, limit, |item| item.version.version.as_str())
    }
}
