//! One version of a secret, a key or a certificate, sealed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secret_versions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) vault_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub(crate) name: String,
    #[sea_orm(primary_key, auto_increment = false, column_type = "Text")]
    pub(crate) version: String,
    pub(crate) ordinal: i64,
    #[sea_orm(column_type = "Text")]
    pub(crate) attributes: String,
    pub(crate) created: i64,
    pub(crate) updated: i64,
    #[sea_orm(column_type = "Blob")]
    pub(crate) data_key_id: Vec<u8>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) wrapped_data_key: Vec<u8>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) row_format: i64,
    #[sea_orm(column_type = "Text", nullable)]
    pub(crate) key: Option<String>,
    #[sea_orm(column_type = "Text", nullable)]
    pub(crate) certificate: Option<String>,
    /// Of a certificate: issuer and serial number, to find others by. Copied from what stands beside it; empty as long as
    /// there is none.
    #[sea_orm(column_type = "Text", nullable)]
    pub(crate) issued_as: Option<String>,
    #[sea_orm(column_type = "Blob")]
    pub(crate) tag: Vec<u8>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
