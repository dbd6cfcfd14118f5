//! Assignments, found by the keys of a principal.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use strongroom_domain::{
    grant::Assignment,
    ports::{GrantStore, StoreError},
    principal::{Grantee, Principal},
};

use crate::{Store, entity::assignment, fault::unavailable, rows};

/// Most keys in one statement: far below every bind limit.
const KEYS_PER_SELECT: usize = 1000;

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
}
