//! The schema of the database, as steps that are applied once each, in order.
//!
//! One file per step. Expand, then contract: a step adds what the next release needs; what an
//! older release still reads goes away one release later. A step that was released never changes,
//! and none imports an entity, because entities move on and steps do not. The same steps make the
//! schema on SQLite and on PostgreSQL.

#![expect(
    elided_lifetimes_in_paths,
    reason = "the trait of a step hides the lifetime of its manager, and its implementations must do alike"
)]

mod columns;
mod m0001_installation;
mod m0002_vaults_and_secrets;
mod m0003_identities;
mod m0004_audit;
mod m0005_vault_life;
mod m0007_used_assertions;
mod m0008_access_policies;
mod m0009_root_keys;
mod m0010_audit_tree;
mod m0011_role_definitions;
mod m0012_token_keys;
mod m0013_one_row_per_record;
mod m0016_keys;
mod m0017_sessions_by_principal;
mod m0018_policy_modules;
mod m0019_keys_rotation;
mod m0020_certificates;
mod m0021_sessions_at_providers;
mod m0022_count_indexes;
mod m0024_approvals;
mod m0025_access_policies_by_grantee;
mod m0026_condemned_keys;
mod m0027_policy_documents;
mod m0028_certificates_to_plan;
mod m0029_policy_replays;
mod m0030_audit_indexes;
mod m0031_acme_proofs;
mod m0032_certificates_by_serial;
mod m0033_ends_and_rotations;
mod m0034_ages_of_secrets;
mod m0035_what_lists_are_searched_by;
mod m0036_audit_by_reason_address_and_kind;

use sea_orm_migration::{
    MigrationTrait, MigratorTrait, SchemaManager, SchemaManagerConnection,
    sea_orm::{ConnectionTrait, DatabaseConnection, DbErr},
};

/// Knows every step.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_installation::Migration),
            Box::new(m0002_vaults_and_secrets::Migration),
            Box::new(m0003_identities::Migration),
            Box::new(m0004_audit::Migration),
            Box::new(m0005_vault_life::Migration),
            Box::new(m0007_used_assertions::Migration),
            Box::new(m0008_access_policies::Migration),
            Box::new(m0009_root_keys::Migration),
            Box::new(m0010_audit_tree::Migration),
            Box::new(m0011_role_definitions::Migration),
            Box::new(m0012_token_keys::Migration),
            Box::new(m0013_one_row_per_record::Migration),
            Box::new(m0016_keys::Migration),
            Box::new(m0017_sessions_by_principal::Migration),
            Box::new(m0018_policy_modules::Migration),
            Box::new(m0019_keys_rotation::Migration),
            Box::new(m0020_certificates::Migration),
            Box::new(m0021_sessions_at_providers::Migration),
            Box::new(m0022_count_indexes::Migration),
            Box::new(m0024_approvals::Migration),
            Box::new(m0025_access_policies_by_grantee::Migration),
            Box::new(m0026_condemned_keys::Migration),
            Box::new(m0027_policy_documents::Migration),
            Box::new(m0028_certificates_to_plan::Migration),
            Box::new(m0029_policy_replays::Migration),
            Box::new(m0030_audit_indexes::Migration),
            Box::new(m0031_acme_proofs::Migration),
            Box::new(m0032_certificates_by_serial::Migration),
            Box::new(m0033_ends_and_rotations::Migration),
            Box::new(m0034_ages_of_secrets::Migration),
            Box::new(m0035_what_lists_are_searched_by::Migration),
            Box::new(m0036_audit_by_reason_address_and_kind::Migration),
        ]
    }
}

/// The table in which applied steps are written down.
const APPLIED: &str = "seaql_migrations";

/// How the schema of a database stands to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Steps are missing; none at all were applied when the database is empty.
    Behind,
    /// Every step is applied and no other.
    Current,
    /// A newer program has been here.
    Newer {
        /// The newest step the database has.
        database: String,
        /// The newest step this program knows.
        program: String,
    },
}

/// Looks how the schema stands. Changes nothing, so it works on a read-only connection.
///
/// # Errors
/// When the database cannot be read.
pub async fn standing(database: &DatabaseConnection) -> Result<Standing, DbErr> {
    let known: Vec<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    let manager = SchemaManager::new(SchemaManagerConnection::Connection(database));
    if !manager.has_table(APPLIED).await? {
        return Ok(Standing::Behind);
    }
    let backend = database.get_database_backend();
    let all = format!("SELECT version FROM {APPLIED} ORDER BY version");
    let rows = database.query_all_raw(sea_orm_migration::sea_orm::Statement::from_string(backend, all)).await?;
    let applied = rows.iter().map(|row| row.try_get::<String>("", "version")).collect::<Result<Vec<_>, _>>()?;
    if let Some(foreign) = applied.iter().rev().find(|step| !known.contains(step)) {
        return Ok(Standing::Newer { database: foreign.clone(), program: known.last().cloned().unwrap_or_default() });
    }
    Ok(if applied.len() == known.len() { Standing::Current } else { Standing::Behind })
}

/// Whether the first step, which makes the table of the installation, was ever applied here.
///
/// # Errors
/// When the database cannot say.
pub async fn was_made(database: &DatabaseConnection) -> Result<bool, DbErr> {
    SchemaManager::new(SchemaManagerConnection::Connection(database)).has_table("installation").await
}

/// Applies the steps that are missing.
///
/// # Errors
/// When a step fails. A step is one transaction, so it happened wholly or not at all.
pub async fn migrate(database: &DatabaseConnection) -> Result<(), DbErr> {
    Migrator::up(database, None).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are the order: a step inserted out of order would never run on old databases.
    #[test]
    fn steps_are_named_in_their_order() {
        let names: Vec<String> = Migrator::migrations().iter().map(|s| s.name().to_owned()).collect();
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(names, sorted);
    }
}
