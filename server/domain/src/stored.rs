//! Every row that the root key protects, as it is stored, and whether it is what was written: for whoever looks at all
//! of them, asked or not (`strongroom verify`, and the server by itself in [`crate::scrub`]).
//!
//! The log tells which row is the last, and only the key tells whether a row is what was written. Values are opened
//! and dropped at once: nothing here gives one out.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    grant::Assignment,
    identity::{Session, Workload},
    keyring::{Keyring, KeyringError, VaultKeys},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    policy::ModuleDigest,
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::StoreError,
    record::RowKind,
    role::RoleDefinition,
    secret::{SealedVersion, SecretMeta},
    vault::Vault,
};

/// One protected row.
#[derive(Debug)]
pub enum StoredRow {
    /// Something of the installation's own, sealed under the root key: its label and what is stored.
    Blob(String, Vec<u8>),
    /// A vault.
    Vault(Box<Vault>),
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
    /// The name of a secret, a key or a certificate.
    Name(ObjectKind, SecretMeta),
    /// A version of one, still sealed, and the name it is found under.
    Version(ObjectKind, ObjectName, Box<SealedVersion>),
}

/// A row as it was found. One that does not read is damaged.
#[derive(Debug)]
pub struct Found {
    /// Of which table.
    pub kind: RowKind,
    /// Its identity; of what is in a vault, that of the vault with the name.
    pub id: String,
    /// The vault that the name or version is in.
    pub inside: Option<VaultId>,
    /// What stands there.
    pub row: Result<StoredRow, StoreError>,
}

/// The row of a vault, looked up for what is in it.
#[derive(Debug)]
pub enum StoredVault {
    /// There it is.
    Standing(Box<Vault>),
    /// What is left of a purged one: nothing opens what is in it any more, and the server takes it away. That it was
    /// purged, and not only called so, is what the log says.
    Left,
}

/// All protected rows, as they stand in the database and past every cache.
#[async_trait]
pub trait StoredRows: Send + Sync {
    /// A walk over all of them, from the beginning.
    fn walk(&self) -> Box<dyn StoredWalk>;

    /// A vault's row.
    ///
    /// # Errors
    /// When it is damaged, or the database cannot be read.
    async fn stored_vault(&self, id: VaultId) -> Result<Option<StoredVault>, StoreError>;
}

/// A walk over all rows, a few at a time: nothing is held open between two portions.
#[async_trait]
pub trait StoredWalk: Send {
    /// The next rows; none at the end. After an error the same portion comes again.
    ///
    /// # Errors
    /// When the database cannot be read.
    async fn portion(&mut self) -> Result<Option<Vec<Found>>, StoreError>;
}

/// What was found of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is what was written.
    Authentic {
        /// Its value opens at its place.
        opened: bool,
    },
    /// It was edited, moved, or is damaged.
    Wrong,
    /// It is in a vault whose own row is wrong, so there is no key to check it with.
    Closed,
    /// It is in a vault that is not there.
    Orphan,
    /// It is left of a purged vault.
    Left,
}

/// A row that was looked at. Shown, it names the row to people, and nothing of what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Of which table.
    pub kind: RowKind,
    /// Its identity.
    pub id: String,
    /// The vault that it is, or is in, as far as that is known.
    pub vault: Option<VaultName>,
    /// What was found.
    pub verdict: Verdict,
}

impl Seen {
    /// What the row is called within its vault, and its version.
    pub(crate) fn object(&self) -> (Option<&str>, Option<&str>) {
        let mut parts = self.id.split('/').skip(1);
        let first = parts.next();
        // Only a secret's name is not qualified by its kind.
        let qualified = self.kind.is_of_object() && self.kind != RowKind::Secret;
        let name = if qualified { parts.next() } else { first };
        (name, parts.next())
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind.as_str();
        match (&self.vault, self.id.split_once('/')) {
            (Some(vault), Some((_, rest))) if self.kind != RowKind::AccessPolicy => write!(f, "{kind} {vault}/{rest}"),
            _ if self.kind == RowKind::TokenKeys => write!(f, "the installation's own {}", self.id),
            (Some(vault), _) if self.kind == RowKind::Vault => write!(f, "{kind} {} ({vault})", self.id),
            _ => write!(f, "{kind} {}", self.id),
        }
    }
}

/// What is known of the vault whose rows are looked at: they come one after the other.
enum Inside {
    Open(VaultName, Arc<VaultKeys>),
    Closed(Option<VaultName>),
    Left,
    Gone,
}

/// Looks at rows with the root key.
pub struct Inspector {
    keyring: Arc<Keyring>,
    rows: Arc<dyn StoredRows>,
    vault: Option<(VaultId, Inside)>,
}

impl Inspector {
    /// One that asks these rows for the vaults of what it is shown.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, rows: Arc<dyn StoredRows>) -> Self {
        Self { keyring, rows, vault: None }
    }

    /// Whether a row is what was written. Its value, if it has one, is opened and dropped.
    ///
    /// # Errors
    /// When that cannot be said: the database or the root key's token does not answer.
    pub async fn inspect(&mut self, found: Found) -> Result<Seen, StoreError> {
        let Found { kind, id, inside, row } = found;
        let row = match row {
            Err(StoreError::Unavailable(why)) => return Err(StoreError::Unavailable(why)),
            row => row.ok(),
        };
        let (vault, verdict) = match inside {
            Some(inside) => self.in_vault(inside, row).await?,
            None => {
                let vault = match &row {
                    Some(StoredRow::Vault(vault)) => Some(vault.name.clone()),
                    _ => None,
                };
                (vault, verdict(self.control_row(row).await)?)
            }
        };
        Ok(Seen { kind, id, vault, verdict })
    }

    async fn in_vault(
        &mut self,
        id: VaultId,
        row: Option<StoredRow>,
    ) -> Result<(Option<VaultName>, Verdict), StoreError> {
        if self.vault.as_ref().is_none_or(|(known, _)| *known != id) {
            self.vault = None;
            let inside = self.vault_of(id).await?;
            self.vault = Some((id, inside));
        }
        Ok(match &self.vault {
            Some((_, Inside::Open(name, keys))) => (Some(name.clone()), verdict(self.opens(keys, row))?),
            Some((_, Inside::Closed(name))) => (name.clone(), Verdict::Closed),
            Some((_, Inside::Left)) => (None, Verdict::Left),
            Some((_, Inside::Gone)) | None => (None, Verdict::Orphan),
        })
    }

    async fn vault_of(&self, id: VaultId) -> Result<Inside, StoreError> {
        let vault = match self.rows.stored_vault(id).await {
            Ok(Some(StoredVault::Standing(vault))) => Arc::new(*vault),
            Ok(Some(StoredVault::Left)) => return Ok(Inside::Left),
            Ok(None) => return Ok(Inside::Gone),
            Err(StoreError::Unavailable(why)) => return Err(StoreError::Unavailable(why)),
            Err(_) => return Ok(Inside::Closed(None)),
        };
        let name = vault.name.clone();
        match self.keyring.passing_vault_keys(&vault).await {
            Ok(keys) => Ok(Inside::Open(name, keys)),
            Err(error) => verdict(Err(error)).map(|_| Inside::Closed(Some(name))),
        }
    }

    /// A name or a version. The value is dropped, and with it wiped, where it was opened.
    fn opens(&self, keys: &VaultKeys, row: Option<StoredRow>) -> Result<bool, KeyringError> {
        match row {
            Some(StoredRow::Name(kind, meta)) => {
                self.keyring.verify_name(keys, kind, &meta.name, &meta).map(|()| false)
            }
            Some(StoredRow::Version(kind, name, version)) => {
                self.keyring.verify_version(keys, kind, &name, &version.meta)?;
                self.keyring.open(keys, kind, &name, &version.meta.version, &version.sealed)?;
                Ok(true)
            }
            _ => Err(KeyringError::Tampered),
        }
    }

    async fn control_row(&self, row: Option<StoredRow>) -> Result<bool, KeyringError> {
        let keyring = &self.keyring;
        match row {
            Some(StoredRow::Blob(label, sealed)) => {
                keyring.apart(move |keyring| keyring.open_blob(&label, &sealed).map(|_| ())).await
            }
            Some(StoredRow::Vault(vault)) => keyring.passing_vault_keys(&Arc::new(*vault)).await.map(|_| ()),
            Some(StoredRow::Workload(workload)) => keyring.verify_workload(&workload),
            Some(StoredRow::Assignment(assignment)) => keyring.verify_assignment(&assignment),
            Some(StoredRow::Role(role)) => keyring.verify_role(&role),
            Some(StoredRow::AccessPolicy(policy)) => keyring.verify_access_policy(&policy),
            Some(StoredRow::PolicyModule(module, bytes)) => {
                keyring.verify_policy_module(&module)?;
                let digest = ModuleDigest(strongroom_crypto::sha256(&bytes));
                if digest == module.digest { Ok(()) } else { Err(KeyringError::Tampered) }
            }
            Some(StoredRow::PolicyDocument(document)) => keyring.verify_policy_document(&document),
            Some(StoredRow::PolicyReplay(replay)) => keyring.verify_policy_replay(&replay),
            Some(StoredRow::InstallationPolicies(policies)) => keyring.verify_installation_policies(&policies),
            Some(StoredRow::Approval(request)) => keyring.verify_approval(&request),
            Some(StoredRow::Session(session)) => keyring.verify_session(&session),
            Some(StoredRow::Name(..) | StoredRow::Version(..)) | None => Err(KeyringError::Tampered),
        }
        .map(|()| false)
    }
}

/// What the keyring's word comes to. A token that does not answer says nothing of a row.
fn verdict(judged: Result<bool, KeyringError>) -> Result<Verdict, StoreError> {
    match judged {
        Ok(opened) => Ok(Verdict::Authentic { opened }),
        Err(error @ KeyringError::Unreachable) => Err(StoreError::Unavailable(error.to_string())),
        Err(_) => Ok(Verdict::Wrong),
    }
}
