//! The name of a secret, a key or a certificate, with its life and its current version.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secrets")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) vault_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub(crate) name: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) kind: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) display: String,
    #[sea_orm(column_type = "Text")]
    pub(crate) state: String,
    pub(crate) deleted_at: Option<i64>,
    pub(crate) purge_at: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub(crate) current: String,
    pub(crate) revision: i64,
    pub(crate) managed: bool,
    #[sea_orm(column_type = "Text", nullable)]
    pub(crate) certificate: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub(crate) rotation: Option<String>,
    pub(crate) rotate_at: Option<i64>,
    pub(crate) notify_at: Option<i64>,
    /// Since when the current version is there, copied from it for counting; none where nobody noted it.
    pub(crate) made: Option<i64>,
    /// The revision of which the copies below are, by which lists are searched and sorted. They are copied from the current
    /// version, whose own are authenticated; none, or another one, where the row was last written by who copies nothing.
    pub(crate) noted: Option<i64>,
    pub(crate) updated: Option<i64>,
    pub(crate) starts: Option<i64>,
    pub(crate) ends: Option<i64>,
    /// 1 or 0.
    pub(crate) enabled: Option<i64>,
    /// The tags as they stand in the attributes, in small letters.
    #[sea_orm(column_type = "Text", nullable)]
    pub(crate) labels: Option<String>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) tag: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
