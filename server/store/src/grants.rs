//! Assignments, found by the keys of a principal.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use strongroom_domain::{
    access_policy::AccessPolicy,
    action::Action,
    grant::{Assignment, AssignmentCounts, AssignmentFilter, MAX_LOOKED_THROUGH, Scope},
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
    caches::Reach,
    decoding::{each_row, kept},
    entity::{access_policy, assignment, role_definition},
    fault::{damaged, store_error},
    reading::row,
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
        self.granted(principal, Reach::Everything).await
    }

    async fn assignments_reaching(
        &self,
        principal: &Principal,
        vault: Option<VaultId>,
    ) -> Result<Arc<Vec<Assignment>>, StoreError> {
        self.granted(principal, Reach::Within(vault)).await
    }

    async fn assignment_counts(&self, scope: &Scope, grantee: &Grantee) -> Result<AssignmentCounts, StoreError> {
        counts(&self.reader, scope, grantee).await.map_err(|e| store_error(&e))
    }

    async fn role_definition(&self, id: Uuid) -> Result<Option<Arc<RoleDefinition>>, StoreError> {
        if let Some(role) = self.caches().and_then(|caches| caches.role(&id)) {
            return Ok(Some(role));
        }
        let ticket = self.caches().map(|caches| (caches, caches.role_ticket(&id)));
        let found = row(role_definition::Entity::find_by_id(id), &self.reader).await?;
        let found = found.map(rows::role).transpose()?.map(Arc::new);
        if let (Some((caches, ticket)), Some(role)) = (ticket, &found) {
            caches.put_role(ticket, role);
        }
        Ok(found)
    }

    async fn role_definitions(&self) -> Result<Vec<RoleDefinition>, StoreError> {
        let rows = role_definition::Entity::find().order_by_asc(role_definition::Column::Id).all(&self.reader);
        rows.await.map_err(|e| store_error(&e))?.into_iter().map(rows::role).collect()
    }

    async fn role_in_use(&self, id: Uuid) -> Result<bool, StoreError> {
        let used = assignment::Entity::find().filter(assignment::Column::RoleId.eq(id)).limit(1).one(&self.reader);
        Ok(used.await.map_err(|e| store_error(&e))?.is_some())
    }

    async fn access_policies(
        &self,
        vault: VaultId,
        principal: &Principal,
    ) -> Result<Arc<Vec<AccessPolicy>>, StoreError> {
        let key = (vault, keys_of(principal));
        if let Some(found) = self.caches().and_then(|caches| caches.access_policies(&key)) {
            return Ok(found);
        }
        let ticket = self.caches().map(|caches| (caches, caches.access_policies_ticket(&key)));
        let mut found = Vec::new();
        for some in key.1.chunks(KEYS_PER_SELECT) {
            let rows = access_policy::Entity::find()
                .filter(access_policy::Column::VaultId.eq(vault.0))
                .filter(access_policy::Column::GranteeKey.is_in(storable(some)))
                .order_by_asc(access_policy::Column::GranteeKey);
            let rows = each_row(rows, &self.reader).await?;
            found.extend(rows.into_iter().filter_map(|row| kept(row.and_then(rows::access_policy))));
        }
        let found = Arc::new(found);
        if let Some((caches, ticket)) = ticket {
            caches.put_access_policies(&key, ticket, &found);
        }
        Ok(found)
    }

    async fn access_policies_everywhere(
        &self,
        principal: &Principal,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError> {
        let keys = keys_of(principal);
        let mut found = Vec::new();
        for some in keys.chunks(KEYS_PER_SELECT) {
            let left = limit.saturating_sub(found.len());
            let rows = access_policy::Entity::find()
                .filter(access_policy::Column::GranteeKey.is_in(storable(some)))
                .order_by_asc(access_policy::Column::VaultId)
                .limit(u64::try_from(left).unwrap_or(u64::MAX));
            let rows = each_row(rows, &self.reader).await?;
            found.extend(rows.into_iter().filter_map(|row| kept(row.and_then(rows::access_policy))));
        }
        Ok(found)
    }

    async fn all_access_policies(&self, vault: VaultId) -> Result<Vec<AccessPolicy>, StoreError> {
        let rows = access_policy::Entity::find()
            .filter(access_policy::Column::VaultId.eq(vault.0))
            .order_by_asc(access_policy::Column::GranteeKey)
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        rows.into_iter().map(rows::access_policy).collect()
    }

    async fn assignment(&self, id: Uuid) -> Result<Option<Assignment>, StoreError> {
        row(assignment::Entity::find_by_id(id), &self.reader).await?.map(rows::assignment).transpose()
    }

    async fn installation_assignments(&self) -> Result<Vec<Assignment>, StoreError> {
        let there = assignment::Entity::find()
            .filter(assignment::Column::ScopeKey.eq(Scope::Server.key()))
            .order_by_asc(assignment::Column::Id);
        let rows = each_row(there, &self.reader).await?;
        Ok(rows.into_iter().filter_map(|row| kept(row.and_then(rows::assignment))).collect())
    }

    async fn assignments_at(&self, scope: &Scope) -> Result<Vec<Assignment>, StoreError> {
        let rows = assignment::Entity::find().filter(assignment::Column::ScopeKey.eq(scope.key()));
        let rows = rows.all(&self.reader).await.map_err(|e| store_error(&e))?;
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

    async fn assignments_within(
        &self,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Assignment>, StoreError> {
        self.find_assignments(filter, after, limit.clamp(1, MAX_LOOKED_THROUGH)).await
    }

    async fn access_policies_in(
        &self,
        vaults: &BTreeSet<VaultId>,
        after: Option<(VaultId, &str)>,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError> {
        use access_policy::Column;

        let later = after.map(|(vault, key)| {
            let of_vault = Condition::all().add(Column::VaultId.eq(vault.0)).add(Column::GranteeKey.gt(key));
            Condition::any().add(Column::VaultId.gt(vault.0)).add(of_vault)
        });
        let ids: Vec<Uuid> = vaults.iter().map(|vault| vault.0).collect();
        let mut found = Vec::new();
        for some in ids.chunks(KEYS_PER_SELECT) {
            let left = limit.saturating_sub(found.len());
            let wanted = Condition::all().add(Column::VaultId.is_in(some.iter().copied())).add_option(later.clone());
            let rows = access_policy::Entity::find()
                .filter(wanted)
                .order_by_asc(Column::VaultId)
                .order_by_asc(Column::GranteeKey)
                .limit(u64::try_from(left).unwrap_or(u64::MAX))
                .all(&self.reader)
                .await
                .map_err(|e| store_error(&e))?;
            for row in rows {
                found.push(rows::access_policy(row)?);
            }
        }
        Ok(found)
    }
}

impl Store {
    /// The assignments of a principal within reach, of which there are few even where others gave it many.
    async fn granted(&self, principal: &Principal, reach: Reach) -> Result<Arc<Vec<Assignment>>, StoreError> {
        let key = (reach, keys_of(principal));
        if let Some(found) = self.caches().and_then(|caches| caches.assignments(&key)) {
            return Ok(found);
        }
        let ticket = self.caches().map(|caches| (caches, caches.assignments_ticket(&key)));
        let mut found = Vec::new();
        for some in key.1.chunks(KEYS_PER_SELECT) {
            let mut rows = assignment::Entity::find()
                .filter(assignment::Column::GranteeKey.is_in(storable(some)))
                .order_by_asc(assignment::Column::Id);
            if let Reach::Within(vault) = reach {
                let on_all = assignment::Column::ScopeKey.eq(Scope::Server.key());
                let in_vault = vault.map(|vault| at_or_below(&Scope::Vault { vault }));
                rows = rows.filter(Condition::any().add(on_all).add_option(in_vault));
            }
            // One that is damaged grants nothing, as one that is not authentic.
            let rows = each_row(rows, &self.reader).await?;
            found.extend(rows.into_iter().filter_map(|row| kept(row.and_then(rows::assignment))));
        }
        let found = Arc::new(found);
        if let Some((caches, ticket)) = ticket {
            caches.put_assignments(&key, ticket, &found);
        }
        Ok(found)
    }

    /// Rows are found by their keys, and matched by their authenticated bodies: in order until a page is full.
    async fn find_assignments(
        &self,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Assignment>, StoreError> {
        let key = filter.grantee.as_ref().map(Grantee::key);
        if key.as_ref().is_some_and(|key| key.contains('\0')) {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let mut wanted = Condition::all().add_option(key.map(|key| assignment::Column::GranteeKey.eq(key)));
        let scopes = scopes_of(filter);
        let narrow = scopes.is_some();
        wanted = wanted.add_option(scopes);
        let mut pages = Pages { wanted, after, ids: None };
        if narrow {
            pages.look_up(&self.reader).await?;
        }
        let mut items: Vec<Assignment> = Vec::new();
        loop {
            let rows = pages.next(&self.reader).await?;
            if rows.is_empty() {
                return Ok(Page { items, next: None });
            }
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
        }
    }
}

/// Reads rows in order of their ids, some at a time.
struct Pages {
    wanted: Condition,
    after: Option<Uuid>,
    /// Of few rows, the ids in order: a database that is told to begin with the lowest id may walk through all rows for
    /// it, the bodies of others included, instead of by the index of their scopes.
    ids: Option<Vec<Uuid>>,
}

impl Pages {
    async fn look_up(&mut self, database: &DatabaseConnection) -> Result<(), StoreError> {
        let ids = assignment::Entity::find()
            .select_only()
            .column(assignment::Column::Id)
            .filter(self.wanted.clone())
            .filter(Condition::all().add_option(self.after.map(|after| assignment::Column::Id.gt(after))));
        let mut ids: Vec<Uuid> = ids.into_tuple().all(database).await.map_err(|e| store_error(&e))?;
        ids.sort_unstable();
        ids.reverse();
        self.ids = Some(ids);
        Ok(())
    }

    async fn next(&mut self, database: &DatabaseConnection) -> Result<Vec<assignment::Model>, StoreError> {
        let rows = assignment::Entity::find().order_by_asc(assignment::Column::Id);
        let rows = match &mut self.ids {
            Some(ids) => {
                let rest = ids.len().saturating_sub(usize::try_from(ROWS_PER_SELECT).unwrap_or(usize::MAX));
                rows.filter(assignment::Column::Id.is_in(ids.split_off(rest)))
            }
            None => {
                let after = self.after.map(|after| assignment::Column::Id.gt(after));
                rows.filter(self.wanted.clone()).filter(Condition::all().add_option(after)).limit(ROWS_PER_SELECT)
            }
        };
        let rows = rows.all(database).await.map_err(|e| store_error(&e))?;
        self.after = rows.last().map(|row| row.id).or(self.after);
        Ok(rows)
    }
}

/// By which keys of a principal its grants are found: each once, in order.
fn keys_of(principal: &Principal) -> Vec<String> {
    let mut keys = Grantee::keys_of(principal);
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// PostgreSQL cannot hold a text with a null character, so there is no grant under it.
fn storable(keys: &[String]) -> impl Iterator<Item = &String> {
    keys.iter().filter(|key| !key.contains('\0'))
}

/// The rows at these scopes; none when all are wanted.
fn scopes_of(filter: &AssignmentFilter) -> Option<Condition> {
    let within = filter.within.as_ref().filter(|within| **within != Scope::Server).map(at_or_below);
    let at = (!filter.at.is_empty())
        .then(|| assignment::Column::ScopeKey.is_in(filter.at.iter().map(Scope::key)))
        .map(|at| Condition::all().add(at));
    match (within, at) {
        (None, None) => None,
        (within, at) => Some(Condition::all().add_option(within).add_option(at)),
    }
}

/// The rows at a scope and below it, or at the installation itself alone.
pub(crate) fn at_or_below(scope: &Scope) -> Condition {
    let key = scope.key();
    if let Scope::Vault { .. } = scope {
        // Every key of a vault is as long as another, so what begins with one is it or goes on with a slash; and behind
        // the slash comes the zero.
        let after = format!("{key}0");
        return Condition::all().add(assignment::Column::ScopeKey.gte(key)).add(assignment::Column::ScopeKey.lt(after));
    }
    Condition::all().add(assignment::Column::ScopeKey.eq(key))
}

impl Store {
    /// How many assignments are for principals whose issuer ends so and is not `own`: the workloads of this
    /// installation under an address that it had before. For a warning, so rows are not authenticated.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn assignments_under_other_addresses(&self, ending: &str, own: &str) -> Result<u64, StoreError> {
        let found = assignment::Entity::find()
            .filter(assignment::Column::GranteeKey.like(format!("p\n%{ending}\n%")))
            .filter(assignment::Column::GranteeKey.not_like(format!("p\n{own}\n%")));
        found.count(&self.reader).await.map_err(|e| store_error(&e))
    }
}

async fn counts(db: &impl ConnectionTrait, scope: &Scope, grantee: &Grantee) -> Result<AssignmentCounts, DbErr> {
    let place = scope.vault().map_or(Scope::Server, |vault| Scope::Vault { vault });
    let there = assignment::Entity::find().filter(at_or_below(&place));
    let of_grantee = there.clone().filter(assignment::Column::GranteeKey.eq(grantee.key()));
    Ok(AssignmentCounts { of_grantee: of_grantee.count(db).await?, of_all: there.count(db).await? })
}

/// Checks that the same role is not given to the same grantee at the same scope until the same end already, and that
/// there is room for one more.
pub(crate) async fn may_be_added(db: &DatabaseTransaction, new: &Assignment) -> Result<(), Obstacle> {
    let alike = assignment::Entity::find()
        .filter(assignment::Column::GranteeKey.eq(new.grantee.key()))
        .filter(assignment::Column::ScopeKey.eq(new.scope.key()));
    let alike = each_row(alike, db).await?;
    let twin = |row: Result<assignment::Model, StoreError>| {
        row.and_then(rows::assignment).is_ok_and(|other| (other.role, other.ends_at) == (new.role, new.ends_at))
    };
    let room = counts(db, &new.scope, &new.grantee).await?.leave_room();
    if alike.into_iter().any(twin) || !room { Err(Obstacle::Conflict) } else { Ok(()) }
}
