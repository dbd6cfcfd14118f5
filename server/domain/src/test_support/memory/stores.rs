//! Vaults, grants, workloads, sessions, modules, sealed keys and what is due, as the image has them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, atomic::Ordering},
};

use async_trait::async_trait;
use uuid::Uuid;

use super::{MemoryStore, page};
use crate::{
    access_policy::AccessPolicy,
    action::Action,
    approval::ApprovalRequest,
    condemned::{Condemned, CondemnedKeys},
    grant::{Assignment, AssignmentCounts, AssignmentFilter, Scope},
    identity::{Session, Workload},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    permit::{Held, Permit},
    policy::{MOST_COUNTED, ModuleDigest, RecentRequests},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::{
        ApprovalStore, DueAction, DueObject, GrantStore, IdentityStore, PolicyStore, PurgeSchedule, RequestCounts,
        RotationSchedule, SealStore, SealedBlob, StoreError, VaultStore,
    },
    principal::{Grantee, Principal, PrincipalId},
    proofs::{Proof, ProofStore},
    record::{ChangedRow, Record, RowKind},
    role::{RoleDefinition, RoleRef},
    rotation,
    seal::SealedKeys,
    secret::{LifeState, Page, SecretMeta},
    vault::{Vault, VaultEvidence},
};

#[async_trait]
impl VaultStore for MemoryStore {
    async fn vault(&self, name: &VaultName) -> Result<Option<Arc<Vault>>, StoreError> {
        self.pause().await;
        Ok(self.durable().vaults.get(name.as_str()).cloned())
    }

    async fn vaults(&self, deleted: bool) -> Result<Vec<Arc<Vault>>, StoreError> {
        self.pause().await;
        self.node.listed.fetch_add(1, Ordering::SeqCst);
        let is_deleted = |vault: &&Arc<Vault>| vault.life != LifeState::Active;
        Ok(self.durable().vaults.values().filter(|vault| is_deleted(vault) == deleted).cloned().collect())
    }

    async fn vault_names(&self, deleted: bool) -> Result<Vec<(VaultId, VaultName)>, StoreError> {
        Ok(self.vaults(deleted).await?.iter().map(|vault| (vault.id, vault.name.clone())).collect())
    }

    async fn names_of(&self, vaults: &BTreeSet<VaultId>) -> Result<HashMap<VaultId, VaultName>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        let named = durable.vaults.values().filter(|vault| vaults.contains(&vault.id));
        Ok(named.map(|vault| (vault.id, vault.name.clone())).collect())
    }

    async fn evidence(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        let told = durable.log.iter().filter_map(|l| l.record.revision.zip(l.record.vault_change));
        let told: Vec<_> = told.filter(|(_, change)| change.vault == vault).collect();
        Ok(told.iter().map(|(revision, _)| *revision).max().map(|revision| VaultEvidence {
            revision,
            purge_protection: told.iter().any(|(_, change)| change.purge_protection),
        }))
    }

    async fn tells_of_deletion(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        revision: i64,
    ) -> Result<bool, StoreError> {
        self.pause().await;
        let (row, id, durable) = (RowKind::of(kind), ChangedRow::object_id(vault, kind, name), self.durable());
        let mut told = durable.log.iter().rev().flat_map(|l| l.record.changed.iter().map(move |changed| (l, changed)));
        let last = told.find(|(_, changed)| changed.row == row && changed.id == id);
        Ok(last.is_some_and(|(l, changed)| {
            let operation = l.record.operation.as_str();
            let deletes = [Action::SecretDelete, Action::KeyDelete, Action::CertificateDelete]
                .iter()
                .any(|action| action.operation() == operation);
            deletes && !changed.gone && changed.revision == revision
        }))
    }
}

#[async_trait]
impl PurgeSchedule for MemoryStore {
    async fn due_objects(
        &self,
        now: i64,
        after: Option<&DueObject>,
        limit: usize,
    ) -> Result<Vec<DueObject>, StoreError> {
        self.pause().await;
        // The objects of certificates go with those.
        Ok(self.due(after, limit, |meta| is_due(meta.life, now) && !meta.managed))
    }

    async fn due_vaults(&self, now: i64) -> Result<Vec<VaultName>, StoreError> {
        self.pause().await;
        Ok(self.durable().vaults.values().filter(|v| is_due(v.life, now)).map(|v| v.name.clone()).collect())
    }

    async fn sweep(&self, _: usize) -> Result<bool, StoreError> {
        // A purge leaves nothing behind here.
        Ok(false)
    }
}

#[async_trait]
impl CondemnedKeys for MemoryStore {
    async fn has_token_keys(&self, vault: VaultId) -> Result<bool, StoreError> {
        self.pause().await;
        let image = self.durable();
        let mut versions =
            image.objects.iter().filter(|((of, ..), _)| *of == vault).flat_map(|(_, row)| row.versions.values());
        Ok(versions.any(|version| version.meta.key.as_ref().is_some_and(|key| key.token.is_some())))
    }

    async fn condemn(&self, condemned: &Condemned) -> Result<(), StoreError> {
        self.pause().await;
        self.meddle(|image| image.condemned.insert(condemned.label(), condemned.clone()));
        Ok(())
    }

    async fn condemned(&self, after: Option<&str>, limit: usize) -> Result<Vec<Condemned>, StoreError> {
        self.pause().await;
        let later = |label: &&String| after.is_none_or(|after| label.as_str() > after);
        let all = self.durable().condemned.clone();
        Ok(all.iter().filter(|(label, _)| later(label)).take(limit).map(|(_, found)| found.clone()).collect())
    }

    async fn forget_condemned(&self, condemned: &Condemned) -> Result<(), StoreError> {
        self.pause().await;
        self.meddle(|image| image.condemned.remove(&condemned.label()));
        Ok(())
    }
}

#[async_trait]
impl ProofStore for MemoryStore {
    async fn put_proof(&self, proof: &Proof, most: usize) -> Result<bool, StoreError> {
        self.pause().await;
        Ok(self.meddle(|image| {
            let fits = image.proofs.contains_key(&proof.label()) || image.proofs.len() < most;
            fits.then(|| image.proofs.insert(proof.label(), proof.clone())).is_some()
        }))
    }

    async fn proof(&self, label: &str) -> Result<Option<Proof>, StoreError> {
        self.pause().await;
        Ok(self.durable().proofs.get(label).cloned())
    }

    async fn proofs_of(&self, order: &str) -> Result<Vec<Proof>, StoreError> {
        self.pause().await;
        Ok(self.durable().proofs.values().filter(|proof| proof.order == order).cloned().collect())
    }

    async fn lapsed_proofs(&self, now: i64, limit: usize) -> Result<Vec<Proof>, StoreError> {
        self.pause().await;
        Ok(self.durable().proofs.values().filter(|proof| proof.until <= now).take(limit).cloned().collect())
    }

    async fn forget_proof(&self, proof: &Proof) -> Result<(), StoreError> {
        self.pause().await;
        self.meddle(|image| {
            if image.proofs.get(&proof.label()) == Some(proof) {
                image.proofs.remove(&proof.label());
            }
        });
        Ok(())
    }
}

#[async_trait]
impl RotationSchedule for MemoryStore {
    async fn vaults_with_due(&self, due: DueAction) -> Result<Vec<VaultName>, StoreError> {
        self.pause().await;
        let mut vaults: Vec<_> = self.due_for(due).into_iter().map(|object| object.vault).collect();
        vaults.dedup();
        Ok(vaults)
    }

    async fn due_in(
        &self,
        vault: &VaultName,
        due: DueAction,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<DueObject>, StoreError> {
        self.pause().await;
        let mut objects = self.due_for(due);
        objects
            .retain(|object| object.vault == *vault && after.is_none_or(|after| object.name.as_str() > after.as_str()));
        objects.truncate(limit);
        Ok(objects)
    }
}

impl MemoryStore {
    fn due_for(&self, due: DueAction) -> Vec<DueObject> {
        let wanted =
            |meta: &SecretMeta| meta.life == LifeState::Active && rotation::is_looked_at(meta, due.action, due.now);
        let mut objects = self.due(None, usize::MAX, wanted);
        objects.retain(|object| object.kind == due.kind);
        objects
    }

    /// Objects of active vaults, in order of vault, kind and name.
    fn due(&self, after: Option<&DueObject>, limit: usize, wanted: impl Fn(&SecretMeta) -> bool) -> Vec<DueObject> {
        let durable = self.durable();
        let active = durable.vaults.values().filter(|vault| vault.life == LifeState::Active);
        let mut due: Vec<_> = active
            .flat_map(|vault| {
                let rows = durable.objects.iter().filter(|((id, ..), row)| *id == vault.id && wanted(&row.meta));
                rows.map(|((_, kind, _), row)| DueObject {
                    vault: vault.name.clone(),
                    kind: *kind,
                    name: row.meta.name.clone(),
                })
            })
            .collect();
        let key = |due: &DueObject| (due.vault.clone(), due.kind, due.name.as_str().to_owned());
        due.sort_by_key(key);
        due.into_iter().filter(|d| after.is_none_or(|after| key(after) < key(d))).take(limit).collect()
    }
}

fn is_due(life: LifeState, now: i64) -> bool {
    matches!(life, LifeState::Deleted { purge_at, .. } if purge_at <= now)
}

#[async_trait]
impl GrantStore for MemoryStore {
    async fn assignments(&self, principal: &Principal) -> Result<Arc<Vec<Assignment>>, StoreError> {
        self.pause().await;
        let all = self.durable().assignments.clone();
        Ok(Arc::new(all.into_iter().filter(|a| a.grantee.covers(principal)).collect()))
    }

    async fn assignments_reaching(
        &self,
        principal: &Principal,
        vault: Option<VaultId>,
    ) -> Result<Arc<Vec<Assignment>>, StoreError> {
        let reaches = |scope: &Scope| scope.vault().is_none() || scope.vault() == vault;
        let all = self.assignments(principal).await?;
        Ok(Arc::new(all.iter().filter(|a| reaches(&a.scope)).cloned().collect()))
    }

    async fn assignment_counts(&self, scope: &Scope, grantee: &Grantee) -> Result<AssignmentCounts, StoreError> {
        self.pause().await;
        Ok(self.durable().assignment_counts(scope, grantee))
    }

    async fn role_definition(&self, id: Uuid) -> Result<Option<Arc<RoleDefinition>>, StoreError> {
        self.pause().await;
        Ok(self.durable().roles.get(&id).cloned().map(Arc::new))
    }

    async fn role_definitions(&self) -> Result<Vec<RoleDefinition>, StoreError> {
        self.pause().await;
        Ok(self.durable().roles.values().cloned().collect())
    }

    async fn role_in_use(&self, id: Uuid) -> Result<bool, StoreError> {
        self.pause().await;
        Ok(self.durable().assignments.iter().any(|a| a.role == RoleRef::Custom(id)))
    }

    async fn access_policies(
        &self,
        vault: VaultId,
        principal: &Principal,
    ) -> Result<Arc<Vec<AccessPolicy>>, StoreError> {
        let all = self.all_access_policies(vault).await?;
        Ok(Arc::new(all.into_iter().filter(|p| p.grantee.covers(principal)).collect()))
    }

    async fn access_policies_everywhere(
        &self,
        principal: &Principal,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        let own = durable.access_policies.values().filter(|policy| policy.grantee.covers(principal));
        Ok(own.take(limit).cloned().collect())
    }

    async fn all_access_policies(&self, vault: VaultId) -> Result<Vec<AccessPolicy>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        Ok(durable.access_policies.iter().filter(|((v, _), _)| *v == vault).map(|(_, p)| p.clone()).collect())
    }

    async fn assignment(&self, id: Uuid) -> Result<Option<Assignment>, StoreError> {
        self.pause().await;
        Ok(self.durable().assignments.iter().find(|a| a.id == id).cloned())
    }

    async fn installation_assignments(&self) -> Result<Vec<Assignment>, StoreError> {
        self.pause().await;
        Ok(self.durable().assignments.iter().filter(|a| a.scope == Scope::Server).cloned().collect())
    }

    async fn assignments_at(&self, scope: &Scope) -> Result<Vec<Assignment>, StoreError> {
        self.pause().await;
        Ok(self.durable().assignments.iter().filter(|a| a.scope == *scope).cloned().collect())
    }

    async fn list_assignments(
        &self,
        permit: Permit,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Assignment>, StoreError>> {
        self.pause().await;
        if permit.action() != Action::AssignmentRead {
            return permit.hold(Err(StoreError::Damaged("a permit for something else".to_owned())));
        }
        let found = self.assignments_within(filter, after, limit).await;
        permit.hold(found)
    }

    async fn assignments_within(
        &self,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Assignment>, StoreError> {
        self.pause().await;
        let mut all = self.durable().assignments.clone();
        all.sort_by_key(|a| a.id);
        let found = all.into_iter().filter(|a| after.is_none_or(|after| a.id > after) && filter.matches(a));
        Ok(page(found, limit, |a| a.id.to_string()))
    }

    async fn access_policies_in(
        &self,
        vaults: &BTreeSet<VaultId>,
        after: Option<(VaultId, &str)>,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        let here = durable.access_policies.iter().filter(|((vault, _), _)| vaults.contains(vault));
        let later = here.filter(|((vault, key), _)| after.is_none_or(|after| (*vault, key.as_str()) > after));
        Ok(later.take(limit).map(|(_, policy)| policy.clone()).collect())
    }
}

#[async_trait]
impl SealStore for MemoryStore {
    async fn sealed_keys(&self) -> Result<SealedKeys, StoreError> {
        self.pause().await;
        let durable = self.durable();
        let blobs = durable.blobs.iter().map(|(label, blob)| (label.clone(), blob.bytes.clone())).collect();
        Ok(SealedKeys { root_key: None, blobs, vaults: durable.vaults.values().map(|v| (**v).clone()).collect() })
    }

    async fn sealed_blob(&self, label: &str) -> Result<Option<SealedBlob>, StoreError> {
        self.pause().await;
        Ok(self.durable().blobs.get(label).cloned())
    }
}

#[async_trait]
impl RequestCounts for MemoryStore {
    async fn count_recent(&self, of: &RecentRequests) -> Result<u64, StoreError> {
        self.pause().await;
        let counted = |record: &&Record| {
            let object = |(kind, name): &(String, String)| {
                record.kind.as_ref() == Some(kind) && record.object.as_ref() == Some(name)
            };
            record.vault.as_ref() == Some(&of.vault)
                && record.at >= of.from
                && of.outcome.is_none_or(|outcome| record.outcome == outcome)
                && of.principal.as_ref().is_none_or(|principal| record.principal.as_ref() == Some(principal))
                && of.object.as_ref().is_none_or(object)
        };
        let count = self.durable().log.iter().map(|logged| &logged.record).filter(counted).count() as u64;
        Ok(count.min(MOST_COUNTED))
    }
}

#[async_trait]
impl ApprovalStore for MemoryStore {
    async fn approval_for(&self, subject: &str, now: i64) -> Result<Option<ApprovalRequest>, StoreError> {
        self.pause().await;
        let image = self.durable();
        let found = image.approvals.values().find(|request| request.ends > now && request.subject.key() == subject);
        Ok(found.cloned())
    }

    async fn approval(&self, id: Uuid) -> Result<Option<ApprovalRequest>, StoreError> {
        self.pause().await;
        Ok(self.durable().approvals.get(&id).cloned())
    }

    async fn approvals_of(&self, principal: &PrincipalId, now: i64) -> Result<Vec<ApprovalRequest>, StoreError> {
        self.pause().await;
        let image = self.durable();
        let theirs = |request: &&ApprovalRequest| request.subject.principal == *principal && request.ends > now;
        Ok(image.approvals.values().filter(theirs).cloned().collect())
    }

    async fn approvals(&self, permit: Permit, now: i64) -> Held<Result<Vec<ApprovalRequest>, StoreError>> {
        self.pause().await;
        let vault = permit.object().vault.as_ref().map(|(id, _)| *id);
        if permit.action() != Action::ApprovalRead {
            return permit.hold(Err(StoreError::Damaged("a permit for something else".to_owned())));
        }
        let found = {
            let image = self.durable();
            let here = |request: &&ApprovalRequest| Some(request.subject.vault) == vault && request.ends > now;
            image.approvals.values().filter(here).cloned().collect()
        };
        permit.hold(Ok(found))
    }
}

#[async_trait]
impl PolicyStore for MemoryStore {
    async fn installation_policies(&self) -> Result<Arc<InstallationPolicies>, StoreError> {
        self.pause().await;
        Ok(Arc::clone(&self.durable().installation_policies))
    }

    async fn policy_modules(&self) -> Result<Vec<PolicyModule>, StoreError> {
        self.pause().await;
        Ok(self.durable().policy_modules.values().map(|(module, _)| module.clone()).collect())
    }

    async fn policy_module(&self, digest: &ModuleDigest) -> Result<Option<(PolicyModule, Vec<u8>)>, StoreError> {
        self.pause().await;
        Ok(self.durable().policy_modules.get(digest).cloned())
    }

    async fn policy_documents(&self) -> Result<Vec<PolicyDocument>, StoreError> {
        self.pause().await;
        Ok(self.durable().policy_documents.values().cloned().collect())
    }

    async fn policy_document(&self, name: &str) -> Result<Option<PolicyDocument>, StoreError> {
        self.pause().await;
        Ok(self.durable().policy_documents.get(name).cloned())
    }

    async fn policy_replays(&self) -> Result<Vec<PolicyReplay>, StoreError> {
        self.pause().await;
        Ok(self.durable().policy_replays.values().cloned().collect())
    }
}

#[async_trait]
impl IdentityStore for MemoryStore {
    async fn workload(&self, client_id: Uuid) -> Result<Option<Arc<Workload>>, StoreError> {
        self.pause().await;
        Ok(self.durable().workloads.get(&client_id).cloned())
    }

    async fn workloads(
        &self,
        permit: Permit,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Arc<Workload>>, StoreError>> {
        self.pause().await;
        if permit.action() != Action::WorkloadRead {
            return permit.hold(Err(StoreError::Damaged("a permit for something else".to_owned())));
        }
        let mut items: Vec<_> = self.durable().workloads.values().cloned().collect();
        items.sort_by_key(|workload| workload.client_id);
        items.retain(|workload| after.is_none_or(|after| workload.client_id > after));
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|workload| workload.client_id.to_string());
        permit.hold(Ok(Page { items, next }))
    }

    async fn sessions(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        Ok(durable.sessions.values().filter(|session| session.principal.id == *principal).cloned().collect())
    }

    async fn sessions_to_end(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError> {
        self.sessions(principal).await
    }

    async fn all_sessions(&self, after: Option<[u8; 32]>, limit: usize) -> Result<Vec<Session>, StoreError> {
        self.pause().await;
        let mut all: Vec<Session> = self.durable().sessions.values().map(|session| (**session).clone()).collect();
        all.sort_by_key(|session| session.id_hash);
        all.retain(|session| after.is_none_or(|after| session.id_hash > after));
        all.truncate(limit);
        Ok(all)
    }

    async fn sessions_at(&self, issuer: &str, provider_session: &str) -> Result<Vec<Arc<Session>>, StoreError> {
        self.pause().await;
        let durable = self.durable();
        let of = |session: &&Arc<Session>| {
            session.principal.id.issuer == issuer && session.provider_session.as_deref() == Some(provider_session)
        };
        Ok(durable.sessions.values().filter(of).cloned().collect())
    }

    async fn session(&self, id_hash: &[u8; 32]) -> Result<Option<Arc<Session>>, StoreError> {
        self.pause().await;
        Ok(self.durable().sessions.get(id_hash).cloned())
    }
}
