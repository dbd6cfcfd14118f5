//! Every row that the root key protects, as it is stored, for whoever holds that key and checks them all: see
//! [`strongroom_domain::stored`].
//!
//! Reads a few rows at a time, in the order of their keys, and changes nothing. Each portion is read as it is when its
//! turn comes, not all in one moment: whether a row is authentic does not depend on the others.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait, ExprTrait as _, Iterable as _, PrimaryKeyToColumn,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Select,
    sea_query::{Expr, IntoValueTuple as _, ValueTuple},
};
use strongroom_domain::{
    names::{ObjectKind, VaultId},
    ports::StoreError,
    record::{ChangedRow, RowKind},
    stored::{Found, StoredRow, StoredRows, StoredVault, StoredWalk},
};
use uuid::Uuid;

use super::{AuditReader, compare::kind_of};
use crate::{
    Store,
    decoding::{FoundRow, KeyOf},
    entity::{
        access_policy, approval, assignment, installation_policies, policy_document, policy_module, policy_replay,
        role_definition, sealed_blob, secret, secret_version, session, vault, workload,
    },
    fault::store_error,
    purge::standing,
    reading::row,
    rows,
};

/// Rows of a portion.
const PORTION: u64 = 100;
/// Most characters of a name that are shown.
const MAX_SHOWN: usize = 200;
/// Policy modules of a portion: each may be megabytes long.
const MODULES: u64 = 1;

#[async_trait]
impl StoredRows for AuditReader {
    fn walk(&self) -> Box<dyn StoredWalk> {
        Box::new(Walk::over(&self.connection))
    }

    async fn stored_vault(&self, id: VaultId) -> Result<Option<StoredVault>, StoreError> {
        stored_vault(&self.connection, id).await
    }
}

/// Past every cache, and on the connections on which no request waits but those for the log.
#[async_trait]
impl StoredRows for Store {
    fn walk(&self) -> Box<dyn StoredWalk> {
        Box::new(Walk::over(&self.log_reader))
    }

    async fn stored_vault(&self, id: VaultId) -> Result<Option<StoredVault>, StoreError> {
        stored_vault(&self.log_reader, id).await
    }
}

async fn stored_vault(database: &DatabaseConnection, id: VaultId) -> Result<Option<StoredVault>, StoreError> {
    let Some(found) = row(vault::Entity::find_by_id(id.0), database).await? else { return Ok(None) };
    if found.state == rows::PURGED && found.wrapped_key.is_empty() {
        return Ok(Some(StoredVault::Left));
    }
    rows::vault(found).map(|vault| Some(StoredVault::Standing(Box::new(vault))))
}

/// Which table a walk is at: vaults come before what is in them.
#[derive(Clone, Copy)]
enum Table {
    Blobs,
    Vaults,
    Workloads,
    Assignments,
    Roles,
    AccessPolicies,
    Sessions,
    Approvals,
    PolicyModules,
    PolicyDocuments,
    PolicyReplays,
    InstallationPolicies,
    Names,
    Versions,
}

impl Table {
    const ALL: [Self; 14] = [
        Self::Blobs,
        Self::Vaults,
        Self::Workloads,
        Self::Assignments,
        Self::Roles,
        Self::AccessPolicies,
        Self::Sessions,
        Self::Approvals,
        Self::PolicyModules,
        Self::PolicyDocuments,
        Self::PolicyReplays,
        Self::InstallationPolicies,
        Self::Names,
        Self::Versions,
    ];
}

/// Where a walk is: behind a key of a table, and so many rows further that do not read.
struct Walk {
    database: DatabaseConnection,
    table: usize,
    after: Option<ValueTuple>,
    skip: u64,
}

impl Walk {
    fn over(database: &DatabaseConnection) -> Self {
        Self { database: database.clone(), table: 0, after: None, skip: 0 }
    }

    /// The next rows of a table in the order of its key.
    async fn rows<E: EntityTrait>(
        &mut self,
        select: Select<E>,
        limit: u64,
        show: impl Fn(FoundRow<E>) -> Found,
    ) -> Result<Vec<Found>, StoreError>
    where
        KeyOf<E>: Clone,
    {
        let keys = || E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
        let mut select = keys().fold(select, |select, key| select.order_by_asc(key));
        if let Some(after) = self.after.clone() {
            let key = Expr::tuple(keys().map(|key| key.into_expr()));
            select = select.filter(key.gt(Expr::tuple(after.into_iter().map(Expr::value))));
        }
        let found = select.limit(limit).offset(self.skip).into_model::<FoundRow<E>>().all(&self.database);
        let found = found.await.map_err(|e| store_error(&e))?;
        if u64::try_from(found.len()).unwrap_or(u64::MAX) < limit {
            (self.table, self.after, self.skip) = (self.table.saturating_add(1), None, 0);
        } else {
            for one in &found {
                match one {
                    FoundRow::Read(key, _) => (self.after, self.skip) = (Some(key.clone().into_value_tuple()), 0),
                    // Its key may stand elsewhere in the order than what it reads as.
                    FoundRow::Unreadable(..) => self.skip = self.skip.saturating_add(1),
                }
            }
        }
        Ok(found.into_iter().map(show).collect())
    }

    /// The next rows of a table of the installation's own.
    async fn control<E: EntityTrait>(
        &mut self,
        (kind, limit): (RowKind, u64),
        id: impl Fn(&KeyOf<E>) -> String,
        read: impl Fn(E::Model) -> Result<StoredRow, StoreError>,
    ) -> Result<Vec<Found>, StoreError>
    where
        KeyOf<E>: Clone,
    {
        self.rows(E::find(), limit, |found| {
            let id = id_of(&found, &id);
            Found { kind, id, inside: None, row: found.row().and_then(&read) }
        })
        .await
    }

    async fn vaults(&mut self) -> Result<Vec<Found>, StoreError> {
        // What is left of a purged vault is on its way out, and under no key any more.
        self.rows(vault::Entity::find().filter(standing()), PORTION, |found| {
            let (id, name) = match &found {
                FoundRow::Read(id, row) => (id.to_string(), Some(row.name.clone())),
                FoundRow::Unreadable(_, row) => (row.place.clone(), None),
            };
            let row = found.row().and_then(rows::vault).map(Box::new).map(StoredRow::Vault);
            // The name is not to be believed, but tells people which one is meant.
            let name = name.filter(|_| row.is_err()).map(|name| format!(" ({})", shown(&name)));
            Found { kind: RowKind::Vault, id: id + &name.unwrap_or_default(), inside: None, row }
        })
        .await
    }

    async fn names(&mut self) -> Result<Vec<Found>, StoreError> {
        self.rows(secret::Entity::find(), PORTION, |found| {
            let (kind, id, inside) = match &found {
                FoundRow::Read((vault, name), _) | FoundRow::Unreadable(Some((vault, name)), _) => {
                    (kind_of(name), format!("{vault}/{}", shown(name)), Some(VaultId(*vault)))
                }
                FoundRow::Unreadable(None, row) => (RowKind::Secret, row.place.clone(), None),
            };
            let row = found.row().and_then(|row| {
                let (kind, _) = rows::name_of(&row.kind, &row.name, &row.display)?;
                Ok(StoredRow::Name(kind, rows::secret_meta(&row)?))
            });
            Found { kind, id, inside, row }
        })
        .await
    }

    async fn versions(&mut self) -> Result<Vec<Found>, StoreError> {
        self.rows(secret_version::Entity::find(), PORTION, |found| {
            let (kind, id, inside) = match &found {
                FoundRow::Read((vault, name, version), _) | FoundRow::Unreadable(Some((vault, name, version)), _) => {
                    let id = format!("{vault}/{}/{}", shown(name), shown(version));
                    (kind_of(name), id, Some(VaultId(*vault)))
                }
                FoundRow::Unreadable(None, row) => (RowKind::Secret, row.place.clone(), None),
            };
            Found { kind, id, inside, row: found.row().and_then(version) }
        })
        .await
    }

    async fn of(&mut self, table: Table) -> Result<Vec<Found>, StoreError> {
        let of = |kind| (kind, PORTION);
        match table {
            Table::Blobs => {
                let blob = |row: sealed_blob::Model| Ok(StoredRow::Blob(row.label, row.bytes));
                self.control::<sealed_blob::Entity>(of(RowKind::TokenKeys), |name| shown(name), blob).await
            }
            Table::Vaults => self.vaults().await,
            Table::Workloads => {
                let workload = |row| rows::workload(row).map(StoredRow::Workload);
                self.control::<workload::Entity>(of(RowKind::Workload), Uuid::to_string, workload).await
            }
            Table::Assignments => {
                let assignment = |row| rows::assignment(row).map(StoredRow::Assignment);
                self.control::<assignment::Entity>(of(RowKind::Assignment), Uuid::to_string, assignment).await
            }
            Table::Roles => {
                let role = |row| rows::role(row).map(StoredRow::Role);
                self.control::<role_definition::Entity>(of(RowKind::RoleDefinition), Uuid::to_string, role).await
            }
            Table::AccessPolicies => {
                let id = |(vault, key): &(Uuid, String)| ChangedRow::access_policy_id_of(VaultId(*vault), key);
                let policy = |row| rows::access_policy(row).map(StoredRow::AccessPolicy);
                self.control::<access_policy::Entity>(of(RowKind::AccessPolicy), id, policy).await
            }
            Table::Sessions => {
                let session = |row| rows::session(row).map(StoredRow::Session);
                self.control::<session::Entity>(of(RowKind::Session), |hash| session_id(hash), session).await
            }
            Table::Approvals => {
                let approval = |row| rows::approval(row).map(StoredRow::Approval);
                self.control::<approval::Entity>(of(RowKind::Approval), Uuid::to_string, approval).await
            }
            Table::PolicyModules => {
                let module = |row: policy_module::Model| {
                    let module = rows::policy_module(&row.digest, &row.body, row.revision, row.tag)?;
                    Ok(StoredRow::PolicyModule(module, row.module))
                };
                let kind = (RowKind::PolicyModule, MODULES);
                self.control::<policy_module::Entity>(kind, |name| shown(name), module).await
            }
            Table::PolicyDocuments => {
                let document = |row| rows::policy_document(row).map(StoredRow::PolicyDocument);
                self.control::<policy_document::Entity>(of(RowKind::PolicyDocument), |name| shown(name), document).await
            }
            Table::PolicyReplays => {
                let replay = |row| rows::policy_replay(row).map(Box::new).map(StoredRow::PolicyReplay);
                self.control::<policy_replay::Entity>(of(RowKind::PolicyReplay), i64::to_string, replay).await
            }
            Table::InstallationPolicies => {
                let policies = |row| rows::installation_policies(row).map(StoredRow::InstallationPolicies);
                let kind = of(RowKind::InstallationPolicies);
                self.control::<installation_policies::Entity>(kind, |name| shown(name), policies).await
            }
            Table::Names => self.names().await,
            Table::Versions => self.versions().await,
        }
    }
}

#[async_trait]
impl StoredWalk for Walk {
    async fn portion(&mut self) -> Result<Option<Vec<Found>>, StoreError> {
        while let Some(table) = Table::ALL.get(self.table) {
            let found = self.of(*table).await?;
            if !found.is_empty() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

fn session_id(hash: &[u8]) -> String {
    <[u8; 32]>::try_from(hash).map_or_else(|_| "of a wrong length".to_owned(), |hash| ChangedRow::session_id(&hash))
}

fn version(row: secret_version::Model) -> Result<StoredRow, StoreError> {
    let (kind, name) = match row.name.split_once('/') {
        Some((kind, name)) => (kind, name),
        None => (ObjectKind::Secret.as_str(), row.name.as_str()),
    };
    let (kind, name) = rows::name_of(kind, &row.name, name)?;
    Ok(StoredRow::Version(kind, name, Box::new(rows::sealed_version(row)?)))
}

/// A text of a key for people, whatever somebody wrote there.
fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect()
}

/// The identity of a row, or what stands in its place.
fn id_of<E: EntityTrait>(found: &FoundRow<E>, id: impl Fn(&KeyOf<E>) -> String) -> String {
    match found {
        FoundRow::Read(key, _) | FoundRow::Unreadable(Some(key), _) => id(key),
        FoundRow::Unreadable(None, row) => row.place.clone(),
    }
}
