//! Workloads and sessions.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::EntityTrait;
use strongroom_domain::{
    identity::{Session, Workload},
    ports::{IdentityStore, StoreError},
};
use uuid::Uuid;

use crate::{
    Store,
    entity::{session, workload},
    fault::unavailable,
    rows,
};

#[async_trait]
impl IdentityStore for Store {
    async fn workload(&self, client_id: Uuid) -> Result<Option<Arc<Workload>>, StoreError> {
        if let Some(workload) = self.caches().and_then(|caches| caches.workload(&client_id)) {
            return Ok(Some(workload));
        }
        let ticket = self.caches().map(|caches| (caches, caches.workload_ticket(&client_id)));
        let row = workload::Entity::find_by_id(client_id).one(&self.reader).await.map_err(|e| unavailable(&e))?;
        let found = row.map(rows::workload).transpose()?.map(Arc::new);
        if let (Some((caches, ticket)), Some(workload)) = (ticket, &found) {
            caches.put_workload(ticket, workload);
        }
        Ok(found)
    }

    async fn session(&self, id_hash: &[u8; 32]) -> Result<Option<Arc<Session>>, StoreError> {
        if let Some(session) = self.caches().and_then(|caches| caches.session(id_hash)) {
            return Ok(Some(session));
        }
        let ticket = self.caches().map(|caches| (caches, caches.session_ticket(id_hash)));
        let row = session::Entity::find_by_id(id_hash.to_vec()).one(&self.reader).await.map_err(|e| unavailable(&e))?;
        let found = row.map(rows::session).transpose()?.map(Arc::new);
        if let (Some((caches, ticket)), Some(session)) = (ticket, &found) {
            caches.put_session(ticket, session);
        }
        Ok(found)
    }
}
