//! Requests for approval. Never cached: what was refused a moment ago does not count any more, on any node.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use strongroom_domain::{
    action::Action,
    approval::{ApprovalRequest, MAX_IN_VAULT},
    permit::{Held, Permit},
    ports::{ApprovalStore, StoreError},
    principal::PrincipalId,
};
use uuid::Uuid;

use crate::{
    Store,
    decoding::each_row,
    entity::approval::{Column, Entity},
    fault::{damaged, store_error},
    reading::row,
    rows,
};

#[async_trait]
impl ApprovalStore for Store {
    async fn approval_for(&self, subject: &str, now: i64) -> Result<Option<ApprovalRequest>, StoreError> {
        let found = Entity::find().filter(Column::Subject.eq(subject)).filter(Column::Ends.gt(now));
        row(found, &self.reader).await?.map(rows::approval).transpose()
    }

    async fn approval(&self, id: Uuid) -> Result<Option<ApprovalRequest>, StoreError> {
        row(Entity::find_by_id(id), &self.reader).await?.map(rows::approval).transpose()
    }

    async fn approvals_of(&self, principal: &PrincipalId, now: i64) -> Result<Vec<ApprovalRequest>, StoreError> {
        let found = Entity::find().filter(Column::Principal.eq(rows::approval_principal(principal)));
        let found = each_row(found.filter(Column::Ends.gt(now)), &self.reader).await?;
        found.into_iter().map(|row| row.and_then(rows::approval)).collect()
    }

    async fn approvals(&self, permit: Permit, now: i64) -> Held<Result<Vec<ApprovalRequest>, StoreError>> {
        let vault = permit.object().vault.as_ref().map(|(id, _)| *id);
        let (Action::ApprovalRead, Some(vault)) = (permit.action(), vault) else {
            return permit.hold(Err(damaged("permit", "it is for something else")));
        };
        let found = Entity::find()
            .filter(Column::VaultId.eq(vault.0))
            .filter(Column::Ends.gt(now))
            .order_by_asc(Column::Id)
            .limit(MAX_IN_VAULT)
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))
            .and_then(|all| all.into_iter().map(rows::approval).collect());
        permit.hold(found)
    }
}
