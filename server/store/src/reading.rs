//! Small reads that several parts share, on whatever connection they are given.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use strongroom_domain::ports::StoreError;

use crate::{entity::audit_link, fault::unavailable, rows};

/// Position and head of a node's chain, if it has begun.
pub(crate) async fn head_of(
    database: &impl ConnectionTrait,
    node: &str,
) -> Result<Option<(u64, [u8; 32])>, StoreError> {
    audit_link::Entity::find()
        .filter(audit_link::Column::Node.eq(node))
        .order_by_desc(audit_link::Column::Seq)
        .one(database)
        .await
        .map_err(|e| unavailable(&e))?
        .map(|link| rows::position(link.seq, &link.head))
        .transpose()
}
