//! Policy modules that were uploaded, those that are attached to every vault, the documents that modules read, and what
//! replays found.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, EntityTrait, FromQueryResult, QueryOrder, QuerySelect};
use strongroom_domain::{
    policy::ModuleDigest,
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::{PolicyStore, StoreError},
    record::INSTALLATION,
};

use crate::{
    Store,
    decoding::FoundRow,
    entity::{installation_policies, policy_document, policy_module, policy_replay},
    fault::store_error,
    reading::row,
    rows,
};

/// What is kept of a module, but its bytes.
#[derive(FromQueryResult)]
struct Known {
    digest: String,
    body: String,
    revision: i64,
    tag: Vec<u8>,
}

/// What is known of all modules, each by itself.
pub(crate) async fn modules(
    database: &impl ConnectionTrait,
) -> Result<Vec<Result<PolicyModule, StoreError>>, StoreError> {
    use policy_module::Column::{Body, Digest, Revision, Tag};
    let all = policy_module::Entity::find().select_only().columns([Digest, Body, Revision, Tag]).order_by_asc(Digest);
    let all = all.into_model::<FoundRow<policy_module::Entity, Known>>().all(database);
    let module = |Known { digest, body, revision, tag }: Known| rows::policy_module(&digest, &body, revision, tag);
    Ok(all.await.map_err(|e| store_error(&e))?.into_iter().map(|found| found.row().and_then(module)).collect())
}

#[async_trait]
impl PolicyStore for Store {
    async fn installation_policies(&self) -> Result<Arc<InstallationPolicies>, StoreError> {
        if let Some(found) = self.caches().and_then(|caches| caches.policies()) {
            return Ok(found);
        }
        let ticket = self.caches().map(|caches| (caches, caches.policies_ticket()));
        let found = row(installation_policies::Entity::find_by_id(INSTALLATION), &self.reader).await?;
        let found = found.map(rows::installation_policies).transpose()?;
        let found = Arc::new(found.unwrap_or_default());
        if let Some((caches, ticket)) = ticket {
            caches.put_policies(ticket, &found);
        }
        Ok(found)
    }

    async fn policy_modules(&self) -> Result<Vec<PolicyModule>, StoreError> {
        modules(&self.reader).await?.into_iter().collect()
    }

    async fn policy_module(&self, digest: &ModuleDigest) -> Result<Option<(PolicyModule, Vec<u8>)>, StoreError> {
        let found = row(policy_module::Entity::find_by_id(digest.to_string()), &self.reader).await?;
        let Some(row) = found else { return Ok(None) };
        let module = rows::policy_module(&row.digest, &row.body, row.revision, row.tag)?;
        Ok(Some((module, row.module)))
    }

    async fn policy_documents(&self) -> Result<Vec<PolicyDocument>, StoreError> {
        let all = policy_document::Entity::find().order_by_asc(policy_document::Column::Name);
        let all = all.all(&self.reader).await.map_err(|e| store_error(&e))?;
        all.into_iter().map(rows::policy_document).collect()
    }

    async fn policy_document(&self, name: &str) -> Result<Option<PolicyDocument>, StoreError> {
        let row = policy_document::Entity::find_by_id(name).one(&self.reader);
        row.await.map_err(|e| store_error(&e))?.map(rows::policy_document).transpose()
    }

    async fn policy_replays(&self) -> Result<Vec<PolicyReplay>, StoreError> {
        let all = policy_replay::Entity::find().order_by_asc(policy_replay::Column::Slot);
        let all = all.all(&self.reader).await.map_err(|e| store_error(&e))?;
        all.into_iter().map(rows::policy_replay).collect()
    }
}
