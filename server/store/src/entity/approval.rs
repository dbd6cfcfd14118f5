//! Requests for approval.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "approvals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    /// Key of what it is for: no two that have not ended are for the same.
    #[sea_orm(column_type = "Text")]
    pub(crate) subject: String,
    pub(crate) vault_id: Uuid,
    /// Who asks.
    #[sea_orm(column_type = "Text")]
    pub(crate) principal: String,
    pub(crate) ends: i64,
    #[sea_orm(column_type = "Text")]
    pub(crate) body: String,
    pub(crate) revision: i64,
    #[sea_orm(column_type = "Blob")]
    pub(crate) tag: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
