//! Certificates by issuer and serial number, so that two that contradict each other are found without looking at all.
//!
//! What they are found by is a copy of what is authenticated beside it. Who edits it hides a certificate from this alone.

use std::collections::BTreeSet;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, DerivePartialModel,
    EntityTrait, QueryFilter, QuerySelect, Statement, sea_query::Expr,
};
use strongroom_domain::{
    certificate::CertificateVersion,
    change::{Change, PermittedChange},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId},
    ports::StoreError,
    record::Entry,
    secret::VersionMeta,
};
use uuid::Uuid;

use crate::{
    apply::Obstacle,
    entity::secret_version,
    fault::{damaged, is_undecodable, store_error},
    lock, rows,
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

/// The certificates that a change writes, each with what it is found by.
fn written(change: &PermittedChange) -> Vec<(String, &[u8])> {
    let Change::WriteCertificate(writes) = change.change() else { return Vec::new() };
    let own = writes.iter().filter(|write| write.kind == ObjectKind::Certificate);
    let versions = own.flat_map(|write| write.new.iter().map(|version| &version.meta).chain(&write.updated));
    let issued = |meta: &VersionMeta| meta.certificate.as_deref().map(rows::issued_as).filter(|by| !by.is_empty());
    versions.filter_map(|meta| Some((issued(meta)?, meta.certificate.as_deref()?.leaf()?))).collect()
}

/// Waits for the turn of a batch to write certificates: on all nodes, those of one issuer and serial number are written
/// one after the other. Taken in one order, before anything else is locked, so that no two wait for one another. SQLite
/// has one writer anyhow.
pub(crate) async fn take_turns(db: &DatabaseTransaction, batch: &[Entry]) -> Result<(), DbErr> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let turns = batch.iter().filter_map(|entry| entry.change.as_ref()).flat_map(|change| {
        let vault = change.permit().object().vault.as_ref().map(|(id, _)| id.0.simple().to_string());
        let vault = vault.unwrap_or_default();
        written(change).into_iter().map(move |(issued_as, _)| lock::number(&vault, &issued_as))
    });
    for turn in turns.collect::<BTreeSet<i64>>() {
        let lock = "SELECT pg_advisory_xact_lock($1)";
        db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, lock, [turn.into()])).await?;
    }
    Ok(())
}

#[derive(DerivePartialModel)]
#[sea_orm(entity = "secret_version::Entity")]
struct Known {
    certificate: Option<String>,
}

/// A conflict when the vault has another certificate of the issuer and serial number of one that is written and is not
/// there yet. What cannot be read is another. Two that came in before this was looked for can still be changed and taken
/// away.
pub(crate) async fn contradict_none(
    db: &DatabaseTransaction,
    vault: VaultId,
    change: &PermittedChange,
) -> Result<(), Obstacle> {
    for (issued_as, leaf) in written(change) {
        let rows = secret_version::Entity::find()
            .filter(secret_version::Column::VaultId.eq(vault.0))
            .filter(secret_version::Column::IssuedAs.eq(issued_as))
            .limit(PORTION)
            .into_partial_model::<Known>()
            .all(db)
            .await?;
        let same = |row: &Known| {
            let known = row.certificate.as_deref();
            let known = known.and_then(|text| serde_json::from_str::<CertificateVersion>(text).ok());
            known.as_ref().and_then(|known| known.leaf()) == Some(leaf)
        };
        if !rows.is_empty() && !rows.iter().any(same) {
            return Err(Obstacle::Conflict);
        }
    }
    Ok(())
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
