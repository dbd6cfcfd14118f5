//! Every row that the root key protects, as it is stored, for whoever holds that key and checks them all:
//! the log tells which row is the last, and only the key tells whether a row is what was written.
//!
//! Reads in pages and changes nothing. Each table is read as it is when its turn comes, not all in one
//! moment: whether a row is authentic does not depend on the others.

use std::collections::HashSet;

use sea_orm::{
    DatabaseConnection, EntityTrait, FromQueryResult, IntoIdentity, QueryFilter as _, QuerySelect as _,
    sea_query::IntoValueTuple,
};
use strongroom_domain::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    grant::Assignment,
    identity::{Session, Workload},
    names::{ObjectKind, ObjectName, VaultId},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    ports::StoreError,
    record::{ChangedRow, RowKind},
    role::RoleDefinition,
    secret::{SealedVersion, SecretMeta},
    vault::Vault,
};
use uuid::Uuid;

use super::{AuditReader, compare::kind_of};
use crate::{
    entity::{
        access_policy, approval, assignment, installation_policies, policy_document, policy_module, role_definition,
        secret, secret_version, session, vault, workload,
    },
    fault::unavailable,
    purge::remains,
    rows,
};

/// Rows of one SELECT.
const PAGE: u64 = 500;

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
        let vaults = vault::Entity::find().filter(remains().not());
        each(
            database,
            vaults,
            vault::Column::Id,
            |row| row.id,
            |row| {
                let (id, name) = (row.id, row.name.clone());
                let vault = rows::vault(row).map(StoredRow::Vault);
                // The name is not to be believed, but tells people which one is meant.
                let shown = if vault.is_ok() { id.to_string() } else { format!("{id} ({})", name.escape_debug()) };
                see((RowKind::Vault, shown, vault));
            },
        )
        .await?;
        each(
            database,
            workload::Entity::find(),
            workload::Column::ClientId,
            |row| row.client_id,
            |row| {
                see((RowKind::Workload, row.client_id.to_string(), rows::workload(row).map(StoredRow::Workload)));
            },
        )
        .await?;
        each(
            database,
            assignment::Entity::find(),
            assignment::Column::Id,
            |row| row.id,
            |row| {
                see((RowKind::Assignment, row.id.to_string(), rows::assignment(row).map(StoredRow::Assignment)));
            },
        )
        .await?;
        each(
            database,
            role_definition::Entity::find(),
            role_definition::Column::Id,
            |row| row.id,
            |row| {
                see((RowKind::RoleDefinition, row.id.to_string(), rows::role(row).map(StoredRow::Role)));
            },
        )
        .await?;
        let key = (access_policy::Column::VaultId, access_policy::Column::GranteeKey);
        each(
            database,
            access_policy::Entity::find(),
            key,
            |row| (row.vault_id, row.grantee_key.clone()),
            |row| {
                let id = ChangedRow::access_policy_id_of(VaultId(row.vault_id), &row.grantee_key);
                see((RowKind::AccessPolicy, id, rows::access_policy(row).map(StoredRow::AccessPolicy)));
            },
        )
        .await?;
        each(
            database,
            session::Entity::find(),
            session::Column::IdHash,
            |row| row.id_hash.clone(),
            |row| {
                let id = <[u8; 32]>::try_from(row.id_hash.as_slice())
                    .map_or_else(|_| "of a wrong length".to_owned(), |hash| ChangedRow::session_id(&hash));
                see((RowKind::Session, id, rows::session(row).map(StoredRow::Session)));
            },
        )
        .await?;
        each(
            database,
            approval::Entity::find(),
            approval::Column::Id,
            |row| row.id,
            |row| {
                see((RowKind::Approval, row.id.to_string(), rows::approval(row).map(StoredRow::Approval)));
            },
        )
        .await?;
        self.policies(&mut see).await?;
        self.secrets(&mut see).await
    }

    async fn policies(&self, see: &mut impl FnMut(Found)) -> Result<(), StoreError> {
        let database = &self.connection;
        let all = policy_module::Entity::find().select_only().column(policy_module::Column::Digest);
        let all: Vec<String> = all.into_tuple().all(database).await.map_err(|e| unavailable(&e))?;
        // One at a time: each may be megabytes long.
        for digest in all {
            let row = policy_module::Entity::find_by_id(digest).one(database).await.map_err(|e| unavailable(&e))?;
            let Some(row) = row else { continue };
            let found = rows::policy_module(&row.digest, &row.body, row.revision, row.tag);
            let found = found.map(|module| StoredRow::PolicyModule(module, row.module));
            see((RowKind::PolicyModule, row.digest, found));
        }
        for row in policy_document::Entity::find().all(database).await.map_err(|e| unavailable(&e))? {
            let name = row.name.clone();
            see((RowKind::PolicyDocument, name, rows::policy_document(row).map(StoredRow::PolicyDocument)));
        }
        for row in installation_policies::Entity::find().all(database).await.map_err(|e| unavailable(&e))? {
            let id = row.id.clone();
            let found = rows::installation_policies(row).map(StoredRow::InstallationPolicies);
            see((RowKind::InstallationPolicies, id, found));
        }
        Ok(())
    }

    async fn secrets(&self, see: &mut impl FnMut(Found)) -> Result<u64, StoreError> {
        // After the vaults were shown: what is purged meanwhile was among them.
        let purged = vault::Entity::find().select_only().column(vault::Column::Id).filter(remains());
        let purged: Vec<Uuid> = purged.into_tuple().all(&self.connection).await.map_err(|e| unavailable(&e))?;
        let purged: HashSet<Uuid> = purged.into_iter().collect();
        let mut left = 0_u64;
        let key = (secret::Column::VaultId, secret::Column::Name);
        let of = |row: &secret::Model| (row.vault_id, row.name.clone());
        each(&self.connection, secret::Entity::find(), key, of, |row| {
            if purged.contains(&row.vault_id) {
                left = left.saturating_add(1);
                return;
            }
            let (vault, id) = (VaultId(row.vault_id), format!("{}/{}", row.vault_id, row.name));
            let found = rows::name_of(&row.kind, &row.name, &row.display)
                .and_then(|(kind, _)| Ok(StoredRow::Name(vault, kind, rows::secret_meta(&row)?)));
            see((kind_of(&row.name), id, found));
        })
        .await?;
        use secret_version::Column::{Name, VaultId as Vault, Version};
        let of = |row: &secret_version::Model| (row.vault_id, row.name.clone(), row.version.clone());
        each(&self.connection, secret_version::Entity::find(), (Vault, Name, Version), of, |row| {
            if purged.contains(&row.vault_id) {
                left = left.saturating_add(1);
                return;
            }
            let (vault, id) = (VaultId(row.vault_id), format!("{}/{}/{}", row.vault_id, row.name, row.version));
            let word = kind_of(&row.name);
            let (kind, name) = match row.name.split_once('/') {
                Some((kind, name)) => (kind, name),
                None => (ObjectKind::Secret.as_str(), row.name.as_str()),
            };
            let version = rows::name_of(kind, &row.name, name).and_then(|(kind, name)| {
                Ok(StoredRow::Version(vault, kind, name, Box::new(rows::sealed_version(row)?)))
            });
            see((word, id, version));
        })
        .await?;
        Ok(left)
    }
}

/// Shows every row of a table in the order of its key.
async fn each<E, C, K>(
    database: &DatabaseConnection,
    select: sea_orm::Select<E>,
    columns: C,
    key: impl Fn(&E::Model) -> K,
    mut see: impl FnMut(E::Model),
) -> Result<(), StoreError>
where
    E: EntityTrait,
    E::Model: FromQueryResult + Send + Sync,
    C: IntoIdentity + Clone,
    K: IntoValueTuple,
{
    let mut after = None;
    loop {
        let mut cursor = select.clone().cursor_by(columns.clone());
        if let Some(after) = after.take() {
            cursor.after(after);
        }
        let page = cursor.first(PAGE).all(database).await.map_err(|e| unavailable(&e))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(key(last));
        page.into_iter().for_each(&mut see);
    }
}
