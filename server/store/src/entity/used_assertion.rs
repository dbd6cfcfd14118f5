//! An assertion that was exchanged for a token.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "used_assertions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Blob")]
    pub(crate) id_hash: Vec<u8>,
    pub(crate) used: i64,
    pub(crate) expires: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
