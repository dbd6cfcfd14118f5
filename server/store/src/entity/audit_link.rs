//! One link of a node's hash chain.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_chain")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub(crate) node: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) seq: i64,
    pub(crate) record_id: Uuid,
    #[sea_orm(column_type = "Blob")]
    pub(crate) record_hash: Vec<u8>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) head: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {
    #[sea_orm(
        belongs_to = "super::audit_record::Entity",
        from = "Column::RecordId",
        to = "super::audit_record::Column::Id"
    )]
    Record,
}

impl ActiveModelBehavior for ActiveModel {}
