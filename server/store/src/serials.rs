//! Certificates by issuer and serial number, so that two that contradict each other are found without looking at all.
//!
//! What they are found by is a copy of what is authenticated beside it. Who edits it hides a certificate from this alone.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbErr, DerivePartialModel, EntityTrait, QueryFilter, QuerySelect,
    sea_query::Expr,
};
use strongroom_domain::{
    certificate::CertificateVersion,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId},
    ports::StoreError,
};
use uuid::Uuid;

use crate::{
    entity::secret_version,
    fault::{damaged, is_undecodable, store_error},
    rows,
};

/// Rows of one look for those that were never looked at.
const PORTION: u64 = 200;

#[derive(DerivePartialModel)]
#[sea_orm(entity = "secret_version::Entity")]
struct Place {
    name: String,
    version: String,
}

pub(crate) async fn issued_as(
    db: &impl ConnectionTrait,
    vault: VaultId,
    issued_as: &str,
    limit: usize,
) -> Result<Vec<(ObjectName, ObjectVersion)>, StoreError> {
    let rows = secret_version::Entity::find()
        .filter(secret_version::Column::VaultId.eq(vault.0))
        .filter(secret_version::Column::IssuedAs.eq(issued_as))
        .limit(u64::try_from(limit).unwrap_or(u64::MAX))
        .into_partial_model::<Place>()
        .all(db)
        .await
        .map_err(|error| store_error(&error))?;
    let place = |row: Place| {
        let name = row.name.split_once('/').filter(|(kind, _)| *kind == ObjectKind::Certificate.as_str());
        let name = name.and_then(|(_, name)| ObjectName::parse(name).ok());
        let version = ObjectVersion::parse(&row.version).ok();
        name.zip(version).ok_or_else(|| damaged("certificate version", "its place is none"))
    };
    rows.into_iter().map(place).collect()
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "secret_version::Entity")]
struct Unnoted {
    vault_id: Uuid,
    name: String,
    version: String,
    certificate: Option<String>,
}

/// Notes it for those that were stored before it was noted. What cannot be read is left to whoever verifies.
pub(crate) async fn note(db: &DatabaseConnection) -> Result<(), DbErr> {
    loop {
        let rows = secret_version::Entity::find()
            .filter(secret_version::Column::Certificate.is_not_null())
            .filter(secret_version::Column::IssuedAs.is_null())
            .limit(PORTION)
            .into_partial_model::<Unnoted>()
            .all(db)
            .await;
        let rows = match rows {
            // A row that somebody edited keeps no server from starting.
            Err(error) if is_undecodable(&error) => {
                tracing::warn!(%error, "not every certificate could be noted by its serial number");
                return Ok(());
            }
            rows => rows?,
        };
        if rows.is_empty() {
            return Ok(());
        }
        for row in rows {
            let certificate = row.certificate.as_deref();
            let certificate = certificate.and_then(|text| serde_json::from_str::<CertificateVersion>(text).ok());
            let noted = certificate.as_ref().map(rows::issued_as).unwrap_or_default();
            secret_version::Entity::update_many()
                .col_expr(secret_version::Column::IssuedAs, Expr::value(noted))
                .filter(secret_version::Column::VaultId.eq(row.vault_id))
                .filter(secret_version::Column::Name.eq(row.name))
                .filter(secret_version::Column::Version.eq(row.version))
                // Not over what another node wrote meanwhile.
                .filter(secret_version::Column::IssuedAs.is_null())
                .exec(db)
                .await?;
        }
    }
}
