//! One audit record: its body as it is hashed, copies for filters, and its place in its node's hash chain.
//!
//! A record without a place was not written by a node; see `verify`.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_records")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) at: i64,
    #[sea_orm(column_type = "Text")]
    pub(crate) outcome: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) vault: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub(crate) object: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub(crate) principal: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub(crate) body: String,
    pub(crate) vault_id: Option<Uuid>,
    #[sea_orm(column_type = "Text")]
    pub(crate) node: Option<String>,
    pub(crate) seq: Option<i64>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) record_hash: Option<Vec<u8>>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) head: Option<Vec<u8>>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
