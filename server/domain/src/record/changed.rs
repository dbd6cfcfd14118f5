//! What a record says about the rows its change wrote: enough to tell later whether a row is the one
//! that was written last.
//!
//! Written from the change itself, in one place, so that no operation can forget it. Names rows by
//! their identity, never by what people call them, and holds no value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    change::{Change, NameWrite, PermittedChange},
    grant::Assignment,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId},
};

/// Bytes of a digest: enough to tell the few states one row ever had from each other.
const DIGEST_BYTES: usize = 8;
/// Identity of the one row that there is of its kind.
pub const INSTALLATION: &str = "installation";

/// Which table a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowKind {
    /// A vault; its id.
    Vault,
    /// The name of a secret; vault id and canonical name.
    Secret,
    /// The name of a key; vault id, `key` and canonical name.
    Key,
    /// The name of a certificate; vault id, `certificate` and canonical name.
    Certificate,
    /// Who issues certificates for a vault; vault id, `issuer` and canonical name.
    Issuer,
    /// Who is told about the certificates of a vault; vault id, `contacts` and their one name.
    Contacts,
    /// What an authority of a vault has revoked; vault id, `revocations` and canonical name.
    Revocations,
    /// An assignment; its id.
    Assignment,
    /// A custom role definition; its id.
    RoleDefinition,
    /// An access policy; vault id and a digest of whom it is for.
    AccessPolicy,
    /// An uploaded policy module; its digest.
    PolicyModule,
    /// A document that policy modules read; its name.
    PolicyDocument,
    /// The result of a replay; its place.
    PolicyReplay,
    /// The modules attached to every vault; `installation`.
    InstallationPolicies,
    /// A request for approval; its id.
    Approval,
    /// A workload; its client id.
    Workload,
    /// A dashboard session; a digest of its hash.
    Session,
    /// The keys that sign tokens, or the door of the setup; the label of the sealed document.
    TokenKeys,
}

impl RowKind {
    /// Of the name of an object of a vault.
    #[must_use]
    pub fn of(kind: ObjectKind) -> Self {
        match kind {
            ObjectKind::Key => Self::Key,
            ObjectKind::Certificate => Self::Certificate,
            ObjectKind::Issuer => Self::Issuer,
            ObjectKind::Contacts => Self::Contacts,
            ObjectKind::Revocations => Self::Revocations,
            _ => Self::Secret,
        }
    }

    /// Whether it is of the name of something that a vault holds.
    #[must_use]
    pub fn is_of_object(self) -> bool {
        matches!(self, Self::Secret | Self::Key | Self::Certificate | Self::Issuer | Self::Contacts | Self::Revocations)
    }

    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::Secret => "secret",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::Issuer => "issuer",
            Self::Contacts => "contacts",
            Self::Revocations => "revocations",
            Self::Assignment => "assignment",
            Self::RoleDefinition => "role definition",
            Self::AccessPolicy => "access policy",
            Self::PolicyModule => "policy module",
            Self::PolicyDocument => "policy document",
            Self::PolicyReplay => "policy replay",
            Self::InstallationPolicies => "policies of all vaults",
            Self::Approval => "approval request",
            Self::Workload => "workload",
            Self::Session => "session",
            Self::TokenKeys => "token keys",
        }
    }
}

/// One row as a change left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedRow {
    /// Which table.
    pub row: RowKind,
    /// Identity of the row, see [`RowKind`].
    pub id: String,
    /// Revision of the row after the change; one more than the last one when it is gone.
    pub revision: i64,
    /// The vault that the row goes with when it is purged, where its identity does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// The row is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Digest of the row's tag, where the row has no revision of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Versions of the name that were written, with digests of their tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub versions: BTreeMap<String, String>,
}

impl ChangedRow {
    /// A row that was written.
    #[must_use]
    pub fn written(row: RowKind, id: String, revision: i64) -> Self {
        Self { row, id, revision, within: None, gone: false, digest: None, versions: BTreeMap::new() }
    }

    /// A row that was taken away.
    #[must_use]
    pub fn gone(row: RowKind, id: String, revision: i64) -> Self {
        Self { gone: true, ..Self::written(row, id, revision) }
    }

    /// Adds a version of the name.
    #[must_use]
    pub fn with_version(mut self, version: &ObjectVersion, tag: &[u8]) -> Self {
        self.versions.insert(version.as_str().to_owned(), tag_digest(tag));
        self
    }

    /// Identity of a name's row.
    #[must_use]
    pub fn object_id(vault: VaultId, kind: ObjectKind, name: &ObjectName) -> String {
        format!("{}/{}", vault.0, kind.qualify(name))
    }

    /// Identity of an access policy's row: names nobody.
    #[must_use]
    pub fn access_policy_id(policy: &AccessPolicy) -> String {
        Self::access_policy_id_of(policy.vault, &policy.grantee.key())
    }

    /// The same, from the columns of a row.
    #[must_use]
    pub fn access_policy_id_of(vault: VaultId, grantee_key: &str) -> String {
        format!("{}/{}", vault.0, tag_digest(grantee_key.as_bytes()))
    }

    /// Identity of a session's row: not the hash that the database finds it by.
    #[must_use]
    pub fn session_id(id_hash: &[u8; 32]) -> String {
        tag_digest(id_hash)
    }
}

/// A digest that tells authentication tags of one row apart, hexadecimal.
#[must_use]
pub fn tag_digest(tag: &[u8]) -> String {
    let digest = strongroom_crypto::sha256(tag);
    digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

impl PermittedChange {
    /// The rows this change writes, as they are afterwards.
    #[must_use]
    pub fn rows(&self) -> Vec<ChangedRow> {
        let mut rows = self.rows_of_change();
        rows.extend(self.spends().map(|spent| approval(&spent.request)));
        rows
    }

    fn rows_of_change(&self) -> Vec<ChangedRow> {
        let permit = self.permit();
        let vault = permit.object().vault.as_ref().map(|(id, _)| *id);
        let of = permit.object().kind;
        let kind = RowKind::of(of);
        let next = permit.revision().map_or(0, |revision| revision.saturating_add(1));
        if let (Change::PurgeSecret { companions, assignments, .. }, Some(vault), Some(name)) =
            (self.change(), vault, &permit.object().name)
        {
            let gone =
                |kind, after| ChangedRow::gone(RowKind::of(kind), ChangedRow::object_id(vault, kind, name), after);
            let with_it = companions.iter().map(|(kind, judged)| gone(*kind, judged.saturating_add(1)));
            let grants = assignments.iter().map(assignment_gone);
            return std::iter::once(gone(of, next)).chain(with_it).chain(grants).collect();
        }
        if let (Change::WriteCertificate(writes), Some(vault)) = (self.change(), vault) {
            return writes.iter().map(|write| write.row(vault)).collect();
        }
        let row = match (self.change(), vault) {
            (Change::SetSecret { secret, version } | Change::PutWhole { secret, version }, Some(vault)) => {
                let id = ChangedRow::object_id(vault, of, &secret.name);
                ChangedRow::written(kind, id, secret.revision).with_version(&version.meta.version, &version.meta.tag)
            }
            (Change::UpdateSecret { secret, version }, Some(vault)) => {
                let id = ChangedRow::object_id(vault, of, &secret.name);
                ChangedRow::written(kind, id, secret.revision).with_version(&version.version, &version.tag)
            }
            (Change::RestoreSecret { secret, versions }, Some(vault)) => {
                let id = ChangedRow::object_id(vault, of, &secret.name);
                let row = ChangedRow::written(kind, id, secret.revision);
                versions.iter().fold(row, |row, version| row.with_version(&version.meta.version, &version.meta.tag))
            }
            (Change::SetSecretLife { secret }, Some(vault)) => {
                ChangedRow::written(kind, ChangedRow::object_id(vault, of, &secret.name), secret.revision)
            }
            // These came above; without a vault and a name there is none.
            (Change::PurgeSecret { .. } | Change::WriteCertificate(_), Some(_)) => return Vec::new(),
            (
                Change::WriteCertificate(_)
                | Change::SetSecret { .. }
                | Change::PutWhole { .. }
                | Change::UpdateSecret { .. }
                | Change::RestoreSecret { .. }
                | Change::SetSecretLife { .. }
                | Change::PurgeSecret { .. }
                | Change::PurgeVault,
                None,
            ) => return Vec::new(),
            (Change::PurgeVault, Some(vault)) => ChangedRow::gone(RowKind::Vault, vault.0.to_string(), next),
            (Change::MakeVault { vault, .. } | Change::PutVault(vault), _) => {
                ChangedRow::written(RowKind::Vault, vault.id.0.to_string(), vault.revision)
            }
            (Change::AddAssignment(new), _) => assignment_written(new),
            (Change::PutRole { role, .. }, _) => {
                ChangedRow::written(RowKind::RoleDefinition, role.id.to_string(), role.revision)
            }
            (Change::DeleteRole(role), _) => {
                ChangedRow::gone(RowKind::RoleDefinition, role.id.to_string(), role.revision.saturating_add(1))
            }
            (Change::RemoveAssignment { assignment, .. }, _) => assignment_gone(assignment),
            (Change::PutAccessPolicy { policy, .. }, _) => {
                ChangedRow::written(RowKind::AccessPolicy, ChangedRow::access_policy_id(policy), policy.revision)
            }
            (Change::RemoveAccessPolicy(policy), _) => {
                let after = policy.revision.saturating_add(1);
                ChangedRow::gone(RowKind::AccessPolicy, ChangedRow::access_policy_id(policy), after)
            }
            (Change::PutApproval { request, .. }, _) => approval(request),
            (Change::PutPolicyModule { module, .. }, _) => {
                ChangedRow::written(RowKind::PolicyModule, module.digest.to_string(), module.uploaded_at)
            }
            (Change::DeletePolicyModule(module), _) => {
                let after = module.uploaded_at.saturating_add(1);
                ChangedRow::gone(RowKind::PolicyModule, module.digest.to_string(), after)
            }
            (Change::PutPolicyDocument { document, .. }, _) => {
                ChangedRow::written(RowKind::PolicyDocument, document.name.clone(), document.revision)
            }
            (Change::DeletePolicyDocument(document), _) => {
                let after = document.revision.saturating_add(1);
                ChangedRow::gone(RowKind::PolicyDocument, document.name.clone(), after)
            }
            (Change::PutPolicyReplay { replay, .. }, _) => {
                ChangedRow::written(RowKind::PolicyReplay, replay.slot.to_string(), replay.revision)
            }
            (Change::PutInstallationPolicies(policies), _) => {
                ChangedRow::written(RowKind::InstallationPolicies, INSTALLATION.to_owned(), policies.revision)
            }
            (Change::PutWorkload { workload, .. }, _) => {
                ChangedRow::written(RowKind::Workload, workload.client_id.to_string(), workload.revision)
            }
            (Change::DeleteWorkload { .. }, _) => match &permit.object().name {
                Some(client_id) => ChangedRow::gone(RowKind::Workload, client_id.as_str().to_owned(), next),
                None => return Vec::new(),
            },
            (Change::PutTokenKeys(put), _) => {
                ChangedRow::written(RowKind::TokenKeys, put.label.to_owned(), put.after.revision)
            }
            (Change::FinishSetup { put, owner }, _) => {
                return vec![
                    ChangedRow::written(RowKind::TokenKeys, put.label.to_owned(), put.after.revision),
                    assignment_written(owner),
                ];
            }
            // Forgotten by itself once it has expired, and told apart from rows: see `UsedOnce`.
            (Change::UseAssertion(_), _) => return Vec::new(),
            // No revision changes; a vault put back to before is wrapped by a key that is not in use.
            (Change::Reseal(_), _) => return Vec::new(),
            (Change::BeginSession(session) | Change::BeginCommandLine { session, .. }, _) => {
                ChangedRow::written(RowKind::Session, ChangedRow::session_id(&session.id_hash), 1)
            }
            (Change::EndSession { id_hash }, _) => session_gone(id_hash),
            (Change::EndSessions(sessions) | Change::EndSessionsAtProvider { sessions, .. }, _) => {
                return sessions.iter().map(session_gone).collect();
            }
        };
        vec![row]
    }
}

impl NameWrite {
    fn row(&self, vault: VaultId) -> ChangedRow {
        let id = ChangedRow::object_id(vault, self.kind, &self.name.name);
        let row = ChangedRow::written(RowKind::of(self.kind), id, self.name.revision);
        let written = self.new.iter().map(|version| &version.meta).chain(&self.updated);
        written.fold(row, |row, meta| row.with_version(&meta.version, &meta.tag))
    }
}

fn approval(request: &ApprovalRequest) -> ChangedRow {
    ChangedRow {
        within: Some(request.subject.vault.0.to_string()),
        ..ChangedRow::written(RowKind::Approval, request.id.to_string(), request.revision)
    }
}

fn session_gone(id_hash: &[u8; 32]) -> ChangedRow {
    ChangedRow::gone(RowKind::Session, ChangedRow::session_id(id_hash), 2)
}

fn assignment_written(new: &Assignment) -> ChangedRow {
    ChangedRow {
        digest: Some(tag_digest(&new.tag)),
        within: new.scope.vault().map(|vault| vault.0.to_string()),
        ..ChangedRow::written(RowKind::Assignment, new.id.to_string(), new.created_at)
    }
}

/// An id may be chosen by the caller and so come again: its next life begins later.
fn assignment_gone(assignment: &Assignment) -> ChangedRow {
    let after = assignment.created_at.saturating_add(1);
    ChangedRow::gone(RowKind::Assignment, assignment.id.to_string(), after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pins the form: records are hashed as written and read for as long as they are kept.
    #[test]
    fn a_changed_row_keeps_its_form() {
        let version = ObjectVersion::from_bytes([7; 16]);
        let row = ChangedRow::written(RowKind::Secret, "v/n".to_owned(), 3).with_version(&version, b"tag");
        let digest = tag_digest(b"tag");
        assert_eq!(digest.len(), 16);
        let text = serde_json::to_string(&row).unwrap();
        let expected = format!(
            r#"{{"row":"secret","id":"v/n","revision":3,"versions":{{"07070707070707070707070707070707":"{digest}"}}}}"#
        );
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<ChangedRow>(&text).unwrap(), row);
        let gone = ChangedRow::gone(RowKind::Session, "s".to_owned(), 2);
        assert_eq!(serde_json::to_string(&gone).unwrap(), r#"{"row":"session","id":"s","revision":2,"gone":true}"#);
    }
}
