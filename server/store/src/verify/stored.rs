//! Every row that the root key protects, as it is stored, for whoever holds that key and checks them all:
//! the log tells which row is the last, and only the key tells whether a row is what was written.
//!
//! Reads row by row and changes nothing. Each table is read as it is when its turn comes, not all in one
//! moment: whether a row is authentic does not depend on the others.

use std::collections::HashSet;

use futures_util::TryStreamExt as _;
use sea_orm::{
    DatabaseConnection, EntityTrait, FromQueryResult, Iterable as _, PrimaryKeyToColumn, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, Select,
};
use strongroom_domain::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    grant::Assignment,
    identity::{Session, Workload},
    names::{ObjectKind, ObjectName, VaultId},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::StoreError,
    record::{ChangedRow, RowKind},
    role::RoleDefinition,
    secret::{SealedVersion, SecretMeta},
    vault::Vault,
};
use uuid::Uuid;

use super::{AuditReader, compare::kind_of};
use crate::{
    decoding::{FoundRow, KeyOf},
    entity::{
        access_policy, approval, assignment, installation_policies, policy_document, policy_module, policy_replay,
        role_definition, secret, secret_version, session, vault, workload,
    },
    fault::store_error,
    purge::{remains, standing},
    reading::row,
    rows,
};

/// One protected row.
#[derive(Debug)]
pub enum StoredRow {
    /// A vault.
    Vault(Vault),
    /// A workload.
    Workload(Workload),
    /// An assignment.
    Assignment(Assignment),
    /// A custom role definition.
    Role(RoleDefinition),
    /// An access policy.
    AccessPolicy(AccessPolicy),
    /// An uploaded policy module with its bytes.
    PolicyModule(PolicyModule, Vec<u8>),
    /// A document that policy modules read.
    PolicyDocument(PolicyDocument),
    /// The result of a replay.
    PolicyReplay(Box<PolicyReplay>),
    /// The modules that are attached to every vault.
    InstallationPolicies(InstallationPolicies),
    /// A request for approval.
    Approval(ApprovalRequest),
    /// A session.
    Session(Session),
    /// The name of a secret or a key.
    Name(VaultId, ObjectKind, SecretMeta),
    /// A version of one, still sealed, and the name it is found under.
    Version(VaultId, ObjectKind, ObjectName, Box<SealedVersion>),
}

/// A row as it was found: of which table, its identity, and what stands there.
pub type Found = (RowKind, String, Result<StoredRow, StoreError>);

impl AuditReader {
    /// Shows every row; vaults come before what is in them. A row that does not read is damaged.
    ///
    /// Gives how many rows are left of purged vaults: nothing opens them any more, and the server takes them away. That
    /// such a vault was purged, and not only called so, is what the log says.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stored_rows(&self, mut see: impl FnMut(Found)) -> Result<u64, StoreError> {
        let database = &self.connection;
        // What is left of a purged vault is on its way out, and under no key any more.
        each(database, vault::Entity::find().filter(standing()), |found| {
            let (id, name) = match &found {
                FoundRow::Read(id, row) => (id.to_string(), Some(row.name.clone())),
                FoundRow::Unreadable(_, row) => (row.place.clone(), None),
            };
            let vault = found.row().and_then(rows::vault).map(StoredRow::Vault);
            // The name is not to be believed, but tells people which one is meant.
            let name = name.filter(|_| vault.is_err()).map(|name| format!(" ({})", name.escape_debug()));
            see((RowKind::Vault, id + &name.unwrap_or_default(), vault));
        })
        .await?;
        each(database, workload::Entity::find(), |found| {
            let id = id_of(&found, Uuid::to_string);
            see((RowKind::Workload, id, found.row().and_then(rows::workload).map(StoredRow::Workload)));
        })
        .await?;
        each(database, assignment::Entity::find(), |found| {
            let id = id_of(&found, Uuid::to_string);
            see((RowKind::Assignment, id, found.row().and_then(rows::assignment).map(StoredRow::Assignment)));
        })
        .await?;
        each(database, role_definition::Entity::find(), |found| {
            let id = id_of(&found, Uuid::to_string);
            see((RowKind::RoleDefinition, id, found.row().and_then(rows::role).map(StoredRow::Role)));
        })
        .await?;
        each(database, access_policy::Entity::find(), |found| {
            let id = id_of(&found, |(vault, key)| ChangedRow::access_policy_id_of(VaultId(*vault), key));
            see((RowKind::AccessPolicy, id, found.row().and_then(rows::access_policy).map(StoredRow::AccessPolicy)));
        })
        .await?;
        each(database, session::Entity::find(), |found| {
            let id = id_of(&found, |hash| {
                <[u8; 32]>::try_from(hash.as_slice())
                    .map_or_else(|_| "of a wrong length".to_owned(), |hash| ChangedRow::session_id(&hash))
            });
            see((RowKind::Session, id, found.row().and_then(rows::session).map(StoredRow::Session)));
        })
        .await?;
        each(database, approval::Entity::find(), |found| {
            let id = id_of(&found, Uuid::to_string);
            see((RowKind::Approval, id, found.row().and_then(rows::approval).map(StoredRow::Approval)));
        })
        .await?;
        self.policies(&mut see).await?;
        self.secrets(&mut see).await
    }

    async fn policies(&self, see: &mut impl FnMut(Found)) -> Result<(), StoreError> {
        let database = &self.connection;
        let modules = policy_module::Entity::find().select_only().column(policy_module::Column::Digest);
        let modules = modules.into_model::<FoundRow<policy_module::Entity, Digest>>().all(database);
        for found in modules.await.map_err(|e| store_error(&e))? {
            let digest = match found {
                FoundRow::Read(digest, _) => digest,
                FoundRow::Unreadable(_, row) => {
                    see((RowKind::PolicyModule, row.place.clone(), Err(row.into())));
                    continue;
                }
            };
            // One at a time: each may be megabytes long.
            let found = row(policy_module::Entity::find_by_id(digest.clone()), database).await.transpose();
            let Some(found) = found else { continue };
            let found = found.and_then(|row| {
                let module = rows::policy_module(&row.digest, &row.body, row.revision, row.tag)?;
                Ok(StoredRow::PolicyModule(module, row.module))
            });
            match found {
                Err(StoreError::Unavailable(why)) => return Err(StoreError::Unavailable(why)),
                found => see((RowKind::PolicyModule, digest, found)),
            }
        }
        each(database, policy_document::Entity::find(), |found| {
            let name = id_of(&found, String::clone);
            let document = found.row().and_then(rows::policy_document).map(StoredRow::PolicyDocument);
            see((RowKind::PolicyDocument, name, document));
        })
        .await?;
        each(database, policy_replay::Entity::find(), |found| {
            let slot = id_of(&found, i64::to_string);
            let replay = found.row().and_then(rows::policy_replay);
            see((RowKind::PolicyReplay, slot, replay.map(Box::new).map(StoredRow::PolicyReplay)));
        })
        .await?;
        each(database, installation_policies::Entity::find(), |found| {
            let id = id_of(&found, String::clone);
            let policies = found.row().and_then(rows::installation_policies).map(StoredRow::InstallationPolicies);
            see((RowKind::InstallationPolicies, id, policies));
        })
        .await
    }

    async fn secrets(&self, see: &mut impl FnMut(Found)) -> Result<u64, StoreError> {
        // After the vaults were shown: what is purged meanwhile was among them.
        let purged = vault::Entity::find().select_only().column(vault::Column::Id).filter(remains());
        let purged = purged.into_model::<FoundRow<vault::Entity, VaultKey>>().all(&self.connection);
        let purged: HashSet<Uuid> = purged
            .await
            .map_err(|e| store_error(&e))?
            .into_iter()
            .filter_map(|found| if let FoundRow::Read(id, _) = found { Some(id) } else { None })
            .collect();
        let mut left = 0_u64;
        each(&self.connection, secret::Entity::find(), |found| {
            let (kind, id) = match &found {
                FoundRow::Read((vault, ..), _) if purged.contains(vault) => {
                    left = left.saturating_add(1);
                    return;
                }
                FoundRow::Read((vault, name), _) | FoundRow::Unreadable(Some((vault, name)), _) => {
                    (kind_of(name), format!("{vault}/{name}"))
                }
                FoundRow::Unreadable(None, row) => (RowKind::Secret, row.place.clone()),
            };
            let name = found.row().and_then(|row| {
                let (kind, _) = rows::name_of(&row.kind, &row.name, &row.display)?;
                Ok(StoredRow::Name(VaultId(row.vault_id), kind, rows::secret_meta(&row)?))
            });
            see((kind, id, name));
        })
        .await?;
        each(&self.connection, secret_version::Entity::find(), |found| {
            let (kind, id) = match &found {
                FoundRow::Read((vault, ..), _) if purged.contains(vault) => {
                    left = left.saturating_add(1);
                    return;
                }
                FoundRow::Read((vault, name, version), _) | FoundRow::Unreadable(Some((vault, name, version)), _) => {
                    (kind_of(name), format!("{vault}/{name}/{version}"))
                }
                FoundRow::Unreadable(None, row) => (RowKind::Secret, row.place.clone()),
            };
            see((kind, id, found.row().and_then(version)));
        })
        .await?;
        Ok(left)
    }
}

#[derive(FromQueryResult)]
struct Digest {
    #[expect(dead_code, reason = "the key is what is asked for")]
    digest: String,
}

#[derive(FromQueryResult)]
struct VaultKey {
    #[expect(dead_code, reason = "the key is what is asked for")]
    id: Uuid,
}

fn version(row: secret_version::Model) -> Result<StoredRow, StoreError> {
    let (kind, name) = match row.name.split_once('/') {
        Some((kind, name)) => (kind, name),
        None => (ObjectKind::Secret.as_str(), row.name.as_str()),
    };
    let (kind, name) = rows::name_of(kind, &row.name, name)?;
    Ok(StoredRow::Version(VaultId(row.vault_id), kind, name, Box::new(rows::sealed_version(row)?)))
}

/// The identity of a row, or what stands in its place.
fn id_of<E: EntityTrait>(found: &FoundRow<E>, id: impl Fn(&KeyOf<E>) -> String) -> String {
    match found {
        FoundRow::Read(key, _) | FoundRow::Unreadable(Some(key), _) => id(key),
        FoundRow::Unreadable(None, row) => row.place.clone(),
    }
}

/// Shows every row of a table in the order of its key.
async fn each<E: EntityTrait>(
    database: &DatabaseConnection,
    select: Select<E>,
    mut see: impl FnMut(FoundRow<E>),
) -> Result<(), StoreError> {
    let keys = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    let select = keys.fold(select, |select, key| select.order_by_asc(key)).into_model::<FoundRow<E>>();
    let mut rows = select.stream(database).await.map_err(|e| store_error(&e))?;
    while let Some(found) = rows.try_next().await.map_err(|e| store_error(&e))? {
        see(found);
    }
    Ok(())
}
