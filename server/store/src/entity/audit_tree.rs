//! The root of one perfect subtree of the log's Merkle tree.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_tree")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) level: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) place: i64,
    #[sea_orm(column_type = "Blob")]
    pub(crate) root: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
