//! Bounds on how many rows there may be. They are kept in the transaction that adds one: two requests that each count
//! before either writes would both find room.
//!
//! Whoever adds something bounded waits for everybody else who does, on all nodes, until that transaction is over, and
//! takes its turn before it locks anything else, so that no two wait for one another. SQLite has one writer anyhow.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, FromQueryResult, PaginatorTrait,
    QueryFilter, Select, Statement,
    sea_query::{Expr, ExprTrait as _, Func},
};
use strongroom_domain::{
    access_policy::MAX_ACCESS_POLICIES,
    change::{Change, PermittedChange},
    issuer::MAX_ISSUERS,
    names::{ObjectKind, VaultId, VaultName},
    policy_document::PolicyDocument,
    policy_module::{PolicyModule, has_room},
    ports::StoreError,
    record::Entry,
    role::RoleDefinition,
};

use crate::{
    apply::Obstacle,
    decoding::{each_row, kept},
    entity::{access_policy, policy_document, role_definition, secret, vault},
    fault::damaged,
    policies,
    purge::standing,
    rows,
};

/// The lock of whoever adds something: "SRASSGN" and a version.
const ADDING: i64 = 0x5352_4153_5347_4e01;

/// Whether there may be only so many of what a change adds.
fn is_bounded(change: &PermittedChange) -> bool {
    matches!(
        change.change(),
        Change::MakeVault { .. }
            | Change::AddAssignment(_)
            | Change::PutRole { .. }
            | Change::PutAccessPolicy { replaces: None, .. }
            | Change::PutPolicyModule { replaces: None, .. }
            | Change::PutPolicyDocument { .. }
            | Change::PutApproval { replaces: None, .. }
            | Change::PutWhole { .. }
    )
}

/// Waits for the turn of a batch that adds something.
pub(crate) async fn take_turn(db: &DatabaseTransaction, batch: &[Entry]) -> Result<(), DbErr> {
    if db.get_database_backend() == DbBackend::Postgres
        && batch.iter().filter_map(|entry| entry.change.as_ref()).any(is_bounded)
    {
        let lock = "SELECT pg_advisory_xact_lock($1)";
        db.execute_raw(Statement::from_sql_and_values(DbBackend::Postgres, lock, [ADDING.into()])).await?;
    }
    Ok(())
}

/// A conflict unless there are fewer rows than so many.
async fn fewer_than<E>(db: &DatabaseTransaction, rows: Select<E>, most: usize) -> Result<(), Obstacle>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
{
    let there = rows.count(db).await?;
    room(there < u64::try_from(most).unwrap_or(u64::MAX))
}

fn room(there_is: bool) -> Result<(), Obstacle> {
    if there_is { Ok(()) } else { Err(Obstacle::Conflict) }
}

/// A vault's name is not free either while it stands in a row in other letters: somebody edited that row.
pub(crate) async fn for_vault(db: &DatabaseTransaction, name: &VaultName, beside: usize) -> Result<(), Obstacle> {
    let folded = Expr::expr(Func::lower(Expr::col(vault::Column::Name))).eq(name.as_str());
    let edited = vault::Entity::find().filter(folded).filter(vault::Column::Name.ne(name.as_str()));
    if edited.count(db).await? > 0 {
        return Err(Obstacle::Unwritable(damaged("vault", "its name stands in a row in other letters")));
    }
    fewer_than(db, vault::Entity::find().filter(standing()), beside).await
}

pub(crate) async fn for_access_policy(db: &DatabaseTransaction, vault: VaultId) -> Result<(), Obstacle> {
    let here = access_policy::Entity::find().filter(access_policy::Column::VaultId.eq(vault.0));
    fewer_than(db, here, MAX_ACCESS_POLICIES).await
}

/// Of contacts there is one row, by its name. What an authority has revoked stays when it goes: if there could be only so
/// many, whoever makes and purges authorities would keep others from signing and revoking.
pub(crate) async fn for_issuer(db: &DatabaseTransaction, vault: VaultId, kind: ObjectKind) -> Result<(), Obstacle> {
    if kind == ObjectKind::Revocations {
        return Ok(());
    }
    let here = secret::Entity::find()
        .filter(secret::Column::VaultId.eq(vault.0))
        .filter(secret::Column::Kind.eq(kind.as_str()));
    fewer_than(db, here, MAX_ISSUERS).await
}

/// Rows are read for what is counted of them in their bodies: some hundred at most.
pub(crate) async fn for_role(db: &DatabaseTransaction, role: &RoleDefinition) -> Result<(), Obstacle> {
    let all = each_row(role_definition::Entity::find(), db).await?;
    let all: Vec<RoleDefinition> = all.into_iter().filter_map(|row| kept(row.and_then(rows::role))).collect();
    room(role.fits_beside(&all))
}

pub(crate) async fn for_document(db: &DatabaseTransaction, document: &PolicyDocument) -> Result<(), Obstacle> {
    let all = each_row(policy_document::Entity::find(), db).await?;
    let document_of = |row: Result<_, StoreError>| kept(row.and_then(rows::policy_document));
    let all: Vec<PolicyDocument> = all.into_iter().filter_map(document_of).collect();
    room(document.fits_beside(&all))
}

pub(crate) async fn for_module(db: &DatabaseTransaction, module: &PolicyModule) -> Result<(), Obstacle> {
    let all: Vec<PolicyModule> = policies::modules(db).await?.into_iter().filter_map(kept).collect();
    room(has_room(module.size, &all))
}
