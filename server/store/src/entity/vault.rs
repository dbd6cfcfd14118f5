//! A vault and its settings.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vaults")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    #[sea_orm(column_type = "Text")]
    pub(crate) name: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) settings: String,
    pub(crate) revision: i64,
    pub(crate) created_at: i64,
    #[sea_orm(column_type = "Blob")]
    pub(crate) wrapped_key: Vec<u8>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) tag: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub(crate) state: String,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) purge_at: Option<i64>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
