//! Small reads that several parts share, on whatever connection they are given.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DerivePartialModel, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use strongroom_domain::ports::StoreError;

use crate::{decoding::each_row, entity::audit_record, fault::store_error, rows};

/// The row of a key, for queries that can find one at most. Not by `one`, which binds a limit: SQLite looks at what is
/// bound while it plans a statement, and so plans such a one anew each time.
pub(crate) async fn row<E: EntityTrait>(
    key: Select<E>,
    database: &impl ConnectionTrait,
) -> Result<Option<E::Model>, StoreError> {
    each_row(key, database).await?.into_iter().next().transpose()
}

/// A record's place in its node's chain, without the record.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "audit_record::Entity")]
pub(crate) struct LinkRow {
    pub(crate) seq: Option<i64>,
    pub(crate) record_hash: Option<Vec<u8>>,
    pub(crate) head: Option<Vec<u8>>,
}

/// Position and head of a node's chain, if it has begun.
pub(crate) async fn head_of(
    database: &impl ConnectionTrait,
    node: &str,
) -> Result<Option<(u64, [u8; 32])>, StoreError> {
    use audit_record::Column;

    audit_record::Entity::find()
        .filter(Column::Node.eq(node))
        .filter(Column::Seq.is_not_null())
        .order_by_desc(Column::Seq)
        .limit(1)
        .into_partial_model::<LinkRow>()
        .one(database)
        .await
        .map_err(|e| store_error(&e))?
        .map(|link| rows::position(link.seq, link.head.as_deref()))
        .transpose()
}

/// Places after `after`, in order, at most `limit`.
pub(crate) async fn links_after(
    database: &impl ConnectionTrait,
    node: &str,
    after: i64,
    limit: u64,
) -> Result<Vec<LinkRow>, StoreError> {
    use audit_record::Column;

    audit_record::Entity::find()
        .filter(Column::Node.eq(node))
        .filter(Column::Seq.gt(after))
        .order_by_asc(Column::Seq)
        .limit(limit)
        .into_partial_model::<LinkRow>()
        .all(database)
        .await
        .map_err(|e| store_error(&e))
}
