//! A dashboard session.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub(crate) id_hash: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub(crate) body: String,
    pub(crate) expires: i64,
    #[sea_orm(column_type = "Blob")]
    pub(crate) tag: Vec<u8>,
    #[sea_orm(column_type = "Text")]
    pub(crate) principal: Option<String>,
    #[sea_orm(column_type = "Text")]
    pub(crate) provider_session: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
