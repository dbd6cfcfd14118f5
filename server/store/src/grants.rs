//! Assignments, found by the keys of a principal.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Statement,
};
use strongroom_domain::{
    access_policy::AccessPolicy,
    action::Action,
    grant::{Assignment, AssignmentFilter, Scope},
    names::VaultId,
    permit::{Held, Permit},
    ports::{GrantStore, StoreError},
    principal::{Grantee, Principal},
    role::RoleDefinition,
    secret::Page,
};
use uuid::Uuid;

use crate::{
    Store,
    apply::Obstacle,
    entity::{access_policy, assignment, role_definition},
    fault::{damaged, unavailable},
    rows,
};

/// Most keys in one statement: far below every bind limit.
const KEYS_PER_SELECT: usize = 1000;
/// Rows that a listing reads at once.
const ROWS_PER_SELECT: u64 = 500;
/// Most lines of a page.
const MAX_PAGE: usize = 1000;

#[async_trait]
impl GrantStore for Store {
    async fn assignments(&self, principal: &Principal) -> Result<Arc<Vec<Assignment>>, StoreError> {
        let mut keys = Grantee::keys_of(principal);
        keys.sort_unstable();
        keys.dedup();
        if let Some(found) = self.caches().and_then(|caches| caches.assignments(&keys)) {
            return Ok(found);
        }
        let ticket = self.caches().map(|caches| (caches, caches.assignments_ticket(&keys)));
        let mut found = Vec::new();
        for some in keys.chunks(KEYS_PER_SELECT) {
            // PostgreSQL cannot hold such a text, so there is no grant under it.
            let some = some.iter().filter(|key| !key.contains('\0'));
            let rows = assignment::Entity::find()
                .filter(assignment::Column::GranteeKey.is_in(some))
                .order_by_asc(assignment::Column::Id)
                .all(&self.reader)
                .await
                .map_err(|e| unavailable(&e))?;
            for row in rows {
                found.push(rows::assignment(row)?);
            }
        }
        let found = Arc::new(found);
        if let Some((caches, ticket)) = ticket {
            caches.put_assignments(&keys, ticket, &found);
        }
        Ok(found)
    }

    async fn role_definition(&self, id: Uuid) -> Result<Option<Arc<RoleDefinition>>, StoreError> {
        if let Some(role) = self.caches().and_then(|caches| caches.role(&id)) {
            return Ok(Some(role));
        }
        let ticket = self.caches().map(|caches| (caches, caches.role_ticket(&id)));
        let row = role_definition::Entity::find_by_id(id).one(&self.reader).await.map_err(|e| unavailable(&e))?;
        let found = row.map(rows::role).transpose()?.map(Arc::new);
        if let (Some((caches, ticket)), Some(role)) = (ticket, &found) {
            caches.put_role(ticket, role);
        }
        Ok(found)
    }

    async fn role_definitions(&self) -> Result<Vec<RoleDefinition>, StoreError> {
        let rows = role_definition::Entity::find().order_by_asc(role_definition::Column::Id).all(&self.reader);
        rows.await.map_err(|e| unavailable(&e))?.into_iter().map(rows::role).collect()
    }

    async fn role_in_use(&self, id: Uuid) -> Result<bool, StoreError> {
        let used = assignment::Entity::find().filter(assignment::Column::RoleId.eq(id)).limit(1).one(&self.reader);
        Ok(used.await.map_err(|e| unavailable(&e))?.is_some())
    }

    async fn access_policies(
        &self,
        vault: VaultId,
        principal: &Principal,
    ) -> Result<Arc<Vec<AccessPolicy>>, StoreError> {
        let mut keys = Grantee::keys_of(principal);
        keys.sort_unstable();
        keys.dedup();
        let key = (vault, keys);
        if let Some(found) = self.caches().and_then(|caches| caches.access_policies(&key)) {
            return Ok(found);
        }
        let ticket = self.caches().map(|caches| (caches, caches.access_policies_ticket(&key)));
        let mut found = Vec::new();
        for some in key.1.chunks(KEYS_PER_SELECT) {
            let some = some.iter().filter(|key| !key.contains('\0'));
            let rows = access_policy::Entity::find()
                .filter(access_policy::Column::VaultId.eq(vault.0))
                .filter(access_policy::Column::GranteeKey.is_in(some))
                .order_by_asc(access_policy::Column::GranteeKey)
                .all(&self.reader)
                .await
                .map_err(|e| unavailable(&e))?;
            for row in rows {
                found.push(rows::access_policy(row)?);
            }
        }
        let found = Arc::new(found);
        if let Some((caches, ticket)) = ticket {
            caches.put_access_policies(&key, ticket, &found);
        }
        Ok(found)
    }

    async fn all_access_policies(&self, vault: VaultId) -> Result<Vec<AccessPolicy>, StoreError> {
        let rows = access_policy::Entity::find()
            .filter(access_policy::Column::VaultId.eq(vault.0))
            .order_by_asc(access_policy::Column::GranteeKey)
            .all(&self.reader)
            .await
            .map_err(|e| unavailable(&e))?;
        rows.into_iter().map(rows::access_policy).collect()
    }

    async fn assignment(&self, id: Uuid) -> Result<Option<Assignment>, StoreError> {
        let row = assignment::Entity::find_by_id(id).one(&self.reader).await.map_err(|e| unavailable(&e))?;
        row.map(rows::assignment).transpose()
    }

    async fn installation_assignments(&self) -> Result<Vec<Assignment>, StoreError> {
        let filter = AssignmentFilter { at: vec![Scope::Server], ..AssignmentFilter::default() };
        Ok(self.find_assignments(&filter, None, usize::MAX).await?.items)
    }

    async fn assignments_at(&self, scope: &Scope) -> Result<Vec<Assignment>, StoreError> {
        let rows = assignment::Entity::find().filter(assignment::Column::ScopeKey.eq(scope.key()));
        let rows = rows.all(&self.reader).await.map_err(|e| unavailable(&e))?;
        rows.into_iter().map(rows::assignment).collect()
    }

    async fn list_assignments(
        &self,
        permit: Permit,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Assignment>, StoreError>> {
        if permit.action() != Action::AssignmentRead {
            return permit.hold(Err(damaged("permit", "it is for something else")));
        }
        let found = self.find_assignments(filter, after, limit.clamp(1, MAX_PAGE)).await;
        permit.hold(found)
    }
}

impl Store {
    /// Scopes are matched by the authenticated body: rows are read in order until a page is full. Listing is rare; judging goes by grantee.
    async fn find_assignments(
        &self,
        filter: &AssignmentFilter,
        mut after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Assignment>, StoreError> {
        let key = filter.grantee.as_ref().map(Grantee::key);
        if key.as_ref().is_some_and(|key| key.contains('\0')) {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let mut items: Vec<Assignment> = Vec::new();
        loop {
            let mut rows = assignment::Entity::find().order_by_asc(assignment::Column::Id).limit(ROWS_PER_SELECT);
            if let Some(key) = &key {
                rows = rows.filter(assignment::Column::GranteeKey.eq(key));
            }
            if let Some(after) = after {
                rows = rows.filter(assignment::Column::Id.gt(after));
            }
            let rows = rows.all(&self.reader).await.map_err(|e| unavailable(&e))?;
            let last = rows.last().map(|row| row.id);
            for row in rows {
                let found = rows::assignment(row)?;
                if !filter.matches(&found) {
                    continue;
                }
                if items.len() == limit {
                    let next = items.last().map(|item| item.id.to_string());
                    return Ok(Page { items, next });
                }
                items.push(found);
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(Page { items, next: None }),
            }
        }
    }
}

/// Whoever adds an assignment on PostgreSQL takes this lock until the end of the transaction.
const ADDING: i64 = 0x5352_4153_5347_4e01;

/// Checks that the same role is not given to the same grantee at the same scope until the same end already. Two
/// that are added at the same moment wait for one another; SQLite has one writer anyhow.
pub(crate) async fn no_twin(db: &DatabaseTransaction, new: &Assignment) -> Result<(), Obstacle> {
    if db.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT pg_advisory_xact_lock($1)";
        db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, lock, [ADDING.into()])).await?;
    }
    let alike = assignment::Entity::find()
        .filter(assignment::Column::GranteeKey.eq(new.grantee.key()))
        .filter(assignment::Column::ScopeKey.eq(new.scope.key()))
        .all(db)
        .await?;
    let twin = |row| rows::assignment(row).is_ok_and(|other| (other.role, other.ends_at) == (new.role, new.ends_at));
    if alike.into_iter().any(twin) { Err(Obstacle::Conflict) } else { Ok(()) }
}
