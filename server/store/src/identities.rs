//! Workloads and sessions.

use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, sea_query::Expr};
use strongroom_domain::{
    action::Action,
    identity::{Session, Workload},
    permit::{Held, Permit},
    ports::{IdentityStore, StoreError},
    principal::PrincipalId,
    secret::Page,
};
use uuid::Uuid;

use crate::{
    Store,
    caches::weight_of_workload,
    decoding::{FoundRow, kept},
    entity::{session, workload},
    fault::{damaged, store_error, why_damaged},
    reading::row,
    rows,
    search::contains,
};

/// Sessions of one SELECT.
const PAGE: u64 = 500;

impl Store {
    async fn page_of_workloads(&self, after: Option<Uuid>, limit: usize) -> Result<Page<Arc<Workload>>, StoreError> {
        let wanted = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let mut query = workload::Entity::find().order_by_asc(workload::Column::ClientId).limit(wanted);
        if let Some(after) = after {
            query = query.filter(workload::Column::ClientId.gt(after));
        }
        let found = query.all(&self.reader).await.map_err(|e| store_error(&e))?;
        let more = found.len() > limit;
        let items = found
            .into_iter()
            .take(limit)
            .map(|row| rows::workload(row).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| more).map(|workload| workload.client_id.to_string());
        Ok(Page { items, next })
    }

    /// The sessions among those of a filter that are meant by what is authenticated of them.
    async fn sessions_that(
        &self,
        among: Expr,
        is_meant: impl Fn(&Session) -> bool,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        while let Some((page, last)) = self.page_of_sessions(after, PAGE, Some(among.clone())).await? {
            after = Some(last);
            // What does not read at all lets nobody in.
            let read = page.into_iter().filter_map(|row| rows::session_whatever_its_columns(row.ok()?).ok());
            found.extend(read.filter(|session| is_meant(session)).map(Arc::new));
        }
        Ok(found)
    }

    /// The rows whose body holds this member, which the database looks for: one whose columns say something else must be
    /// found by whoever ends it. A quote within a text of the body is escaped, so that no text looks like a member.
    fn holding(&self, member: &str, value: &impl serde::Serialize) -> Result<Expr, StoreError> {
        let part = format!("\"{member}\":{}", rows::json(value)?);
        Ok(contains(self.reader.get_database_backend(), Expr::col(session::Column::Body), part))
    }

    /// Sessions in order of what is found by, each by itself, with the last one's place; none behind the last one.
    async fn page_of_sessions(
        &self,
        after: Option<Vec<u8>>,
        limit: u64,
        among: Option<Expr>,
    ) -> Result<Option<(Vec<Result<session::Model, StoreError>>, Vec<u8>)>, StoreError> {
        let query = page_of(after, among).limit(limit).into_model::<FoundRow<session::Entity>>();
        let page = query.all(&self.reader).await.map_err(|e| store_error(&e))?;
        let last = page.last().and_then(|last| match last {
            FoundRow::Read(id_hash, _) | FoundRow::Unreadable(Some(id_hash), _) => Some(id_hash.clone()),
            FoundRow::Unreadable(None, _) => None,
        });
        Ok(last.map(|last| (page.into_iter().map(FoundRow::row).collect(), last)))
    }
}

/// Sessions after one of them, in order of what is found by.
fn page_of(after: Option<Vec<u8>>, among: Option<Expr>) -> Select<session::Entity> {
    // After nothing means after no bytes: what is no bytes at all is nobody's session, and leaves no place to go on.
    session::Entity::find()
        .filter(session::Column::IdHash.gt(after.unwrap_or_default()))
        .filter(Condition::all().add_option(among))
        .order_by_asc(session::Column::IdHash)
}

/// Those of a principal.
fn of_principal(principal: &PrincipalId) -> Expr {
    session::Column::Principal.eq(rows::principal_key(principal))
}

#[async_trait]
impl IdentityStore for Store {
    async fn workload(&self, client_id: Uuid) -> Result<Option<Arc<Workload>>, StoreError> {
        let one =
            async || row(workload::Entity::find_by_id(client_id), &self.reader).await?.map(rows::workload).transpose();
        let Some(caches) = self.caches() else { return Ok(one().await?.map(Arc::new)) };
        let all = async |limit| {
            let rows = workload::Entity::find().limit(limit).into_model::<FoundRow<workload::Entity>>();
            let rows = rows.all(&self.reader).await.map_err(|e| store_error(&e))?;
            let entry = |found| match found {
                FoundRow::Read(id, row) => Some((id, rows::workload(row).map(Arc::new).map_err(why_damaged))),
                // Without an id it is nobody's.
                FoundRow::Unreadable(id, why) => Some((id?, Err(why.to_string()))),
            };
            Ok((rows.len(), rows.into_iter().filter_map(entry).collect()))
        };
        caches.workloads.find(&client_id, all, one, weight_of_workload).await
    }

    async fn workloads(
        &self,
        permit: Permit,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Arc<Workload>>, StoreError>> {
        if permit.action() != Action::WorkloadRead {
            return permit.hold(Err(damaged("permit", "it is for something else")));
        }
        let page = self.page_of_workloads(after, limit).await;
        permit.hold(page)
    }

    async fn sessions(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError> {
        self.sessions_that(of_principal(principal), |session| session.principal.id == *principal).await
    }

    async fn sessions_to_end(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError> {
        let among = self.holding("id", principal)?;
        self.sessions_that(among, |session| session.principal.id == *principal).await
    }

    async fn all_sessions(&self, after: Option<[u8; 32]>, limit: usize) -> Result<Vec<Session>, StoreError> {
        let (mut found, mut after) = (Vec::new(), after.map(Vec::from));
        while let Some((page, last)) = self.page_of_sessions(after, limit as u64, None).await? {
            after = Some(last);
            found.extend(page.into_iter().filter_map(|row| kept(row.and_then(rows::session))));
            // A page of damaged rows alone is not the end.
            if !found.is_empty() {
                break;
            }
        }
        Ok(found)
    }

    async fn sessions_at(&self, issuer: &str, provider_session: &str) -> Result<Vec<Arc<Session>>, StoreError> {
        let is_there = |session: &Session| {
            session.principal.id.issuer == issuer && session.provider_session.as_deref() == Some(provider_session)
        };
        self.sessions_that(self.holding("provider_session", &provider_session)?, is_there).await
    }

    async fn session(&self, id_hash: &[u8; 32]) -> Result<Option<Arc<Session>>, StoreError> {
        if let Some(session) = self.caches().and_then(|caches| caches.session(id_hash)) {
            return Ok(Some(session));
        }
        let ticket = self.caches().map(|caches| (caches, caches.session_ticket(id_hash)));
        let found = row(session::Entity::find_by_id(id_hash.to_vec()), &self.reader).await?;
        let found = found.map(rows::session).transpose()?.map(Arc::new);
        if let (Some((caches, ticket)), Some(session)) = (ticket, &found) {
            caches.put_session(ticket, session);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait as _, Database, QueryTrait as _};

    use super::*;

    /// Whoever looks at their own sessions must not read those of everybody.
    #[tokio::test]
    async fn the_sessions_of_somebody_are_found_by_an_index() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        strongroom_migrations::migrate(&database).await.unwrap();
        let ada = PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() };
        let query = page_of(None, Some(of_principal(&ada))).limit(PAGE).into_query();
        let mut asked = database.get_database_backend().build(&query);
        asked.sql = format!("EXPLAIN QUERY PLAN {}", asked.sql);
        let rows = database.query_all_raw(asked).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
        assert!(plan.join("; ").contains("sessions_by_principal"), "{plan:?}");
    }
}
