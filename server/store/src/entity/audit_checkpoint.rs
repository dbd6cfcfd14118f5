//! One signed checkpoint of the whole log.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_checkpoints")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) size: i64,
    #[sea_orm(column_type = "Blob")]
    pub(crate) root: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub(crate) heads: String,
    pub(crate) at: i64,
    #[sea_orm(column_type = "Text")]
    pub(crate) key_id: String,
    #[sea_orm(column_type = "Blob")]
    pub(crate) signature: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
