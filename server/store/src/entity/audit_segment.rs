//! One leaf of the log's Merkle tree: a run of positions of one node's chain.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_segments")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) place: i64,
    #[sea_orm(column_type = "Text")]
    pub(crate) node: String,
    pub(crate) first: i64,
    pub(crate) last: i64,
    #[sea_orm(column_type = "Blob")]
    pub(crate) head: Vec<u8>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) root: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
