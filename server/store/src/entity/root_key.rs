//! The root keys that the installation was and is sealed under: what is known of them in the clear.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "root_keys")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub(crate) key_id: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) provider: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) parameters: String,
    pub(crate) since: i64,
    pub(crate) retired_at: Option<i64>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) tag: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
