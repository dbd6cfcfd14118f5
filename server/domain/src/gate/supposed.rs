//! The gate as it would judge if one rule were another: the same code, over stores that answer as the real ones do but
//! for that rule.
//!
//! What is supposed is authentic, because the gate believes nothing else, and is held in memory alone: nothing here
//! writes, and a gate that supposes something gives no permit, it only foresees.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use uuid::Uuid;

use super::{Gate, ModuleRuns, ShadowCounts};
use crate::{
    access_policy::AccessPolicy,
    grant::{Assignment, AssignmentCounts, AssignmentFilter, Scope},
    identity::{Session, Workload},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    permit::{Held, Permit},
    policy::ModuleDigest,
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::{GrantStore, IdentityStore, PolicyStore, StoreError, VaultStore},
    principal::{Grantee, Principal, PrincipalId},
    role::RoleDefinition,
    secret::Page,
    vault::{Vault, VaultEvidence},
};

/// One rule as it would be, tagged by the keyring.
#[derive(Clone)]
pub(crate) enum Supposition {
    /// One more assignment.
    Assignment(Assignment),
    /// An access policy in place of its grantee's.
    AccessPolicy(AccessPolicy),
    /// A vault with other settings.
    Vault(Arc<Vault>),
    /// Other modules attached to all vaults.
    Everywhere(Arc<InstallationPolicies>),
    /// A workload as it would be.
    Workload(Arc<Workload>),
}

/// The stores as they would answer.
struct Supposed {
    rule: Supposition,
    vaults: Arc<dyn VaultStore>,
    grants: Arc<dyn GrantStore>,
    attached: Arc<dyn PolicyStore>,
    identities: Arc<dyn IdentityStore>,
}

/// A gate that foresees under a supposition, and does nothing else.
pub(crate) struct SupposedGate(Gate);

impl std::ops::Deref for SupposedGate {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.0
    }
}

impl Gate {
    /// The gate as it would be if a rule were another.
    pub(crate) fn supposing(&self, rule: Supposition) -> SupposedGate {
        let supposed = Arc::new(Supposed {
            rule,
            vaults: Arc::clone(&self.vaults),
            grants: Arc::clone(&self.grants),
            attached: Arc::clone(&self.attached),
            identities: Arc::clone(&self.identities),
        });
        SupposedGate(Gate {
            own_issuer: self.own_issuer.clone(),
            vaults: Arc::clone(&supposed) as Arc<dyn VaultStore>,
            grants: Arc::clone(&supposed) as Arc<dyn GrantStore>,
            attached: Arc::clone(&supposed) as Arc<dyn PolicyStore>,
            objects: Arc::clone(&self.objects),
            identities: supposed,
            policies: Arc::clone(&self.policies),
            counts: Arc::clone(&self.counts),
            approvals: Arc::clone(&self.approvals),
            shadows: ShadowCounts::default(),
            runs: ModuleRuns::default(),
            keyring: Arc::clone(&self.keyring),
        })
    }
}

impl Supposed {
    fn with_assignment(&self, principal: &Principal, real: Arc<Vec<Assignment>>) -> Arc<Vec<Assignment>> {
        match &self.rule {
            Supposition::Assignment(new) if new.grantee.covers(principal) => {
                Arc::new(real.iter().chain([new]).cloned().collect())
            }
            _ => real,
        }
    }
}

#[async_trait]
impl VaultStore for Supposed {
    async fn vault(&self, name: &VaultName) -> Result<Option<Arc<Vault>>, StoreError> {
        let real = self.vaults.vault(name).await?;
        Ok(match (&self.rule, real) {
            (Supposition::Vault(other), Some(real)) if other.id == real.id => Some(Arc::clone(other)),
            (_, real) => real,
        })
    }

    async fn vaults(&self, deleted: bool) -> Result<Vec<Arc<Vault>>, StoreError> {
        self.vaults.vaults(deleted).await
    }

    async fn vault_names(&self, deleted: bool) -> Result<Vec<(VaultId, VaultName)>, StoreError> {
        self.vaults.vault_names(deleted).await
    }

    async fn names_of(&self, vaults: &BTreeSet<VaultId>) -> Result<HashMap<VaultId, VaultName>, StoreError> {
        self.vaults.names_of(vaults).await
    }

    async fn evidence(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError> {
        self.vaults.evidence(vault).await
    }

    async fn tells_of_deletion(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        revision: i64,
    ) -> Result<bool, StoreError> {
        self.vaults.tells_of_deletion(vault, kind, name, revision).await
    }
}

#[async_trait]
impl GrantStore for Supposed {
    async fn assignments(&self, principal: &Principal) -> Result<Arc<Vec<Assignment>>, StoreError> {
        Ok(self.with_assignment(principal, self.grants.assignments(principal).await?))
    }

    async fn assignments_reaching(
        &self,
        principal: &Principal,
        vault: Option<VaultId>,
    ) -> Result<Arc<Vec<Assignment>>, StoreError> {
        Ok(self.with_assignment(principal, self.grants.assignments_reaching(principal, vault).await?))
    }

    async fn assignment_counts(&self, scope: &Scope, grantee: &Grantee) -> Result<AssignmentCounts, StoreError> {
        self.grants.assignment_counts(scope, grantee).await
    }

    async fn role_definition(&self, id: Uuid) -> Result<Option<Arc<RoleDefinition>>, StoreError> {
        self.grants.role_definition(id).await
    }

    async fn role_definitions(&self) -> Result<Vec<RoleDefinition>, StoreError> {
        self.grants.role_definitions().await
    }

    async fn role_in_use(&self, id: Uuid) -> Result<bool, StoreError> {
        self.grants.role_in_use(id).await
    }

    async fn access_policies(
        &self,
        vault: VaultId,
        principal: &Principal,
    ) -> Result<Arc<Vec<AccessPolicy>>, StoreError> {
        let real = self.grants.access_policies(vault, principal).await?;
        Ok(match &self.rule {
            Supposition::AccessPolicy(new) if new.vault == vault && new.grantee.covers(principal) => {
                let others = real.iter().filter(|policy| policy.grantee != new.grantee);
                Arc::new(others.chain([new]).cloned().collect())
            }
            _ => real,
        })
    }

    async fn access_policies_everywhere(
        &self,
        principal: &Principal,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError> {
        self.grants.access_policies_everywhere(principal, limit).await
    }

    async fn all_access_policies(&self, vault: VaultId) -> Result<Vec<AccessPolicy>, StoreError> {
        self.grants.all_access_policies(vault).await
    }

    async fn assignment(&self, id: Uuid) -> Result<Option<Assignment>, StoreError> {
        self.grants.assignment(id).await
    }

    async fn installation_assignments(&self) -> Result<Vec<Assignment>, StoreError> {
        self.grants.installation_assignments().await
    }

    async fn list_assignments(
        &self,
        permit: Permit,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Assignment>, StoreError>> {
        self.grants.list_assignments(permit, filter, after, limit).await
    }

    async fn assignments_within(
        &self,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Assignment>, StoreError> {
        self.grants.assignments_within(filter, after, limit).await
    }

    async fn access_policies_in(
        &self,
        vaults: &BTreeSet<VaultId>,
        after: Option<(VaultId, &str)>,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError> {
        self.grants.access_policies_in(vaults, after, limit).await
    }

    async fn assignments_at(&self, scope: &Scope) -> Result<Vec<Assignment>, StoreError> {
        self.grants.assignments_at(scope).await
    }
}

#[async_trait]
impl PolicyStore for Supposed {
    async fn installation_policies(&self) -> Result<Arc<InstallationPolicies>, StoreError> {
        match &self.rule {
            Supposition::Everywhere(other) => Ok(Arc::clone(other)),
            _ => self.attached.installation_policies().await,
        }
    }

    async fn policy_modules(&self) -> Result<Vec<PolicyModule>, StoreError> {
        self.attached.policy_modules().await
    }

    async fn policy_module(&self, digest: &ModuleDigest) -> Result<Option<(PolicyModule, Vec<u8>)>, StoreError> {
        self.attached.policy_module(digest).await
    }

    async fn policy_documents(&self) -> Result<Vec<PolicyDocument>, StoreError> {
        self.attached.policy_documents().await
    }

    async fn policy_document(&self, name: &str) -> Result<Option<PolicyDocument>, StoreError> {
        self.attached.policy_document(name).await
    }

    async fn policy_replays(&self) -> Result<Vec<PolicyReplay>, StoreError> {
        self.attached.policy_replays().await
    }
}

#[async_trait]
impl IdentityStore for Supposed {
    async fn workload(&self, client_id: Uuid) -> Result<Option<Arc<Workload>>, StoreError> {
        match &self.rule {
            Supposition::Workload(other) if other.client_id == client_id => Ok(Some(Arc::clone(other))),
            _ => self.identities.workload(client_id).await,
        }
    }

    async fn workloads(
        &self,
        permit: Permit,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Arc<Workload>>, StoreError>> {
        self.identities.workloads(permit, after, limit).await
    }

    async fn sessions(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError> {
        self.identities.sessions(principal).await
    }

    async fn sessions_to_end(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError> {
        self.identities.sessions_to_end(principal).await
    }

    async fn all_sessions(&self, after: Option<[u8; 32]>, limit: usize) -> Result<Vec<Session>, StoreError> {
        self.identities.all_sessions(after, limit).await
    }

    async fn sessions_at(&self, issuer: &str, provider_session: &str) -> Result<Vec<Arc<Session>>, StoreError> {
        self.identities.sessions_at(issuer, provider_session).await
    }

    async fn session(&self, id_hash: &[u8; 32]) -> Result<Option<Arc<Session>>, StoreError> {
        self.identities.session(id_hash).await
    }
}
