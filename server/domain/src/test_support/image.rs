//! What a store holds durably, as plain data: the rows, and the log with its chain.
//!
//! Public fields on purpose: a test plays the adversary who can write to the database.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use strongroom_crypto::{chain, x509::CertificateFacts};
use uuid::Uuid;

use crate::{
    access_policy::{AccessPolicy, MAX_ACCESS_POLICIES},
    action::Action,
    approval::{ApprovalRequest, MAX_IN_VAULT, MAX_OF_PRINCIPAL, MAX_OF_STRANGERS},
    change::{Change, NameWrite, PermittedChange, Remaining},
    condemned::Condemned,
    grant::{Assignment, AssignmentCounts, Scope},
    identity::{ASSERTION_RETRY_SECONDS, Session, UsedAssertion, Workload},
    issuer::MAX_ISSUERS,
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId},
    permit::Permit,
    policy::{ModuleDigest, PolicyAttachment},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule, has_room},
    policy_replay::PolicyReplay,
    ports::SealedBlob,
    principal::Grantee,
    proofs::Proof,
    record::{Checkpoint, Entry, Record, Settled},
    role::{RoleDefinition, RoleRef},
    secret::{SealedVersion, SecretMeta, VersionMeta},
    vault::Vault,
};

/// A name's row with its versions' rows.
#[derive(Clone, Debug)]
pub struct NameRow {
    /// The name.
    pub meta: SecretMeta,
    /// Its versions.
    pub versions: BTreeMap<ObjectVersion, Arc<SealedVersion>>,
}

/// One record as logged: its bytes as written, and the chain's head behind it.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Which node's chain.
    pub node: String,
    /// Position in that chain, from 1.
    pub seq: u64,
    /// Record id.
    pub id: Uuid,
    /// The record's JSON, as hashed.
    pub body: Vec<u8>,
    /// Head of the chain after this record.
    pub head: [u8; 32],
    /// The record again, parsed.
    pub record: Record,
}

/// A change that really happened, noted from the change itself and not from its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The request whose permit was spent.
    pub request: Uuid,
    /// What the permit allowed.
    pub action: Action,
    /// Object, canonical.
    pub name: Option<String>,
    /// The version made, if one was.
    pub version: Option<ObjectVersion>,
    /// Revision of the object's row afterwards.
    pub revision: Option<i64>,
}

/// Everything that survives a crash.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Vaults by canonical name.
    pub vaults: BTreeMap<String, Arc<Vault>>,
    /// Grants.
    pub assignments: Vec<Assignment>,
    /// Custom role definitions by id.
    pub roles: BTreeMap<Uuid, RoleDefinition>,
    /// Uploaded policy modules with their bytes.
    pub policy_modules: BTreeMap<ModuleDigest, (PolicyModule, Vec<u8>)>,
    /// Documents that policy modules read, by name.
    pub policy_documents: BTreeMap<String, PolicyDocument>,
    /// Results of replays, by place.
    pub policy_replays: BTreeMap<i64, PolicyReplay>,
    /// Modules that are attached to every vault.
    pub installation_policies: Arc<InstallationPolicies>,
    /// Access policies by vault and key of the grantee.
    pub access_policies: BTreeMap<(VaultId, String), AccessPolicy>,
    /// Requests for approval by id.
    pub approvals: BTreeMap<Uuid, ApprovalRequest>,
    /// Workloads by client id.
    pub workloads: HashMap<Uuid, Arc<Workload>>,
    /// Sessions by the hash of their cookie.
    pub sessions: HashMap<[u8; 32], Arc<Session>>,
    /// Assertions that were exchanged, by their hash.
    pub used_assertions: HashMap<[u8; 32], UsedAssertion>,
    /// What is sealed under the root key, by label.
    pub blobs: BTreeMap<String, SealedBlob>,
    /// Secrets and keys by vault, kind and canonical name.
    pub objects: BTreeMap<(VaultId, ObjectKind, String), NameRow>,
    /// What is to be destroyed in a hardware token, by its label there.
    pub condemned: BTreeMap<String, Condemned>,
    /// Proofs for certificate authorities, by label.
    pub proofs: BTreeMap<String, Proof>,
    /// The log, in the order of commits.
    pub log: Vec<Logged>,
    /// Checkpoints.
    pub checkpoints: Vec<Checkpoint>,
    /// Every change there ever was. Not part of a real store: tests compare the log with it.
    pub happened: Vec<Happened>,
}

/// The chain is broken at this record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain of a node is broken at its position {0}")]
pub struct BrokenChain(pub u64);

impl Image {
    /// How many assignments there are where one at this scope would be added.
    pub(crate) fn assignment_counts(&self, scope: &Scope, grantee: &Grantee) -> AssignmentCounts {
        let there = || self.assignments.iter().filter(|a| a.scope.vault() == scope.vault());
        let of_grantee = there().filter(|a| a.grantee == *grantee).count() as u64;
        AssignmentCounts { of_grantee, of_all: there().count() as u64 }
    }

    /// Position and head of a node's chain.
    #[must_use]
    pub fn head(&self, node: &str) -> Option<(u64, [u8; 32])> {
        self.log.iter().rev().find(|l| l.node == node).map(|l| (l.seq, l.head))
    }

    /// The record of this id.
    #[must_use]
    pub fn record(&self, id: Uuid) -> Option<&Record> {
        self.log.iter().find(|l| l.id == id).map(|l| &l.record)
    }

    /// Computes every node's chain anew.
    ///
    /// # Errors
    /// The first record that does not follow from the ones before it.
    pub fn verify_chain(&self, installation: &[u8; 16]) -> Result<(), BrokenChain> {
        let mut heads: HashMap<&str, (u64, [u8; 32])> = HashMap::new();
        for logged in &self.log {
            let (next, head) =
                heads.entry(&logged.node).or_insert_with(|| (1, chain::genesis(installation, &logged.node)));
            let expected = chain::extend(head, *next, &chain::record_hash(logged.id.as_bytes(), &logged.body));
            if logged.seq != *next || logged.head != expected {
                return Err(BrokenChain(logged.seq));
            }
            (*next, *head) = (*next + 1, expected);
        }
        Ok(())
    }

    /// A batch as one transaction: a savepoint for each member, the chain extended last.
    pub(super) fn apply(&mut self, installation: &[u8; 16], node: &str, batch: &[Entry]) -> Vec<Settled> {
        let settled: Vec<Settled> = batch.iter().map(|entry| self.apply_member(entry)).collect();
        let (mut seq, mut head) =
            self.head(node).map_or_else(|| (1, chain::genesis(installation, node)), |(seq, head)| (seq + 1, head));
        let recorded = batch.iter().zip(&settled).filter(|(_, s)| **s == Settled::Recorded);
        for (entry, _) in recorded {
            let Ok(body) = serde_json::to_vec(&entry.record) else { continue };
            let (id, record) = (entry.record.id, entry.record.clone());
            head = chain::extend(&head, seq, &chain::record_hash(id.as_bytes(), &body));
            self.log.push(Logged { node: node.to_owned(), seq, id, body, head, record });
            seq += 1;
        }
        settled
    }

    fn apply_member(&mut self, entry: &Entry) -> Settled {
        // What a unique index on the record's id does.
        if self.record(entry.record.id).is_some() || self.happened.iter().any(|h| h.request == entry.record.id) {
            return Settled::Refused;
        }
        match &entry.change {
            None => Settled::Recorded,
            Some(change) if !self.stands(change.permit()) => Settled::Conflict,
            Some(change) => {
                let Some(spent) = change.spends() else { return self.apply_change(change) };
                let id = spent.request.id;
                if self.approvals.get(&id).map(|before| before.revision) != Some(spent.replaces) {
                    return Settled::Conflict;
                }
                let settled = self.apply_change(change);
                if settled == Settled::Recorded {
                    self.approvals.insert(id, spent.request.clone());
                }
                settled
            }
        }
    }

    /// Whether the permitted object still has the permitted revision.
    fn stands(&self, permit: &Permit) -> bool {
        let object = permit.object();
        let now = match (object.kind, &object.vault, &object.name) {
            (kind, Some((vault, _)), Some(name)) if kind.is_in_vault() => {
                self.objects.get(&(*vault, object.kind, name.as_str().to_owned())).map(|row| row.meta.revision)
            }
            (ObjectKind::Vault, Some((_, name)), _) => self.vaults.get(name.as_str()).map(|v| v.revision),
            (ObjectKind::Workload, _, Some(name)) => {
                Uuid::try_parse(name.as_str()).ok().and_then(|id| self.workloads.get(&id)).map(|w| w.revision)
            }
            (ObjectKind::Vault, None, Some(name)) => self.vaults.get(name.as_str()).map(|v| v.revision),
            _ => return true,
        };
        now == permit.revision()
    }

    /// Whether the Owner that must remain is still there, as it was found.
    fn remains(&self, remaining: Option<&Remaining>) -> bool {
        remaining.is_none_or(|Remaining { assignment, workload }| {
            self.assignments.iter().any(|a| a.id == *assignment)
                && workload.is_none_or(|(id, revision)| {
                    self.workloads.get(&id).is_some_and(|workload| workload.revision == revision)
                })
        })
    }

    fn apply_change(&mut self, change: &PermittedChange) -> Settled {
        let permit = change.permit();
        let object = permit.object();
        let name = object.name.as_ref().map(ObjectName::as_str);
        let slot = object.vault.as_ref().zip(name).map(|((vault, _), name)| (*vault, object.kind, name.to_owned()));
        let mut done = Happened {
            request: permit.request_id(),
            action: permit.action(),
            name: name.map(str::to_owned),
            version: None,
            revision: None,
        };
        match (change.change(), slot) {
            (Change::SetSecret { secret, version }, Some(slot)) => {
                let row = self
                    .objects
                    .entry(slot)
                    .or_insert_with(|| NameRow { meta: secret.clone(), versions: BTreeMap::new() });
                row.meta = secret.clone();
                row.versions.insert(version.meta.version.clone(), Arc::new((**version).clone()));
                (done.version, done.revision) = (Some(version.meta.version.clone()), Some(secret.revision));
            }
            (Change::PutWhole { secret, version }, Some(slot)) => {
                let of_kind = |(vault, kind, _): &&(VaultId, ObjectKind, String)| *vault == slot.0 && *kind == slot.1;
                let is_bounded = permit.revision().is_none() && slot.1 != ObjectKind::Revocations;
                if is_bounded && self.objects.keys().filter(of_kind).count() >= MAX_ISSUERS {
                    return Settled::Conflict;
                }
                let versions = BTreeMap::from([(version.meta.version.clone(), Arc::new((**version).clone()))]);
                self.objects.insert(slot, NameRow { meta: secret.clone(), versions });
                (done.version, done.revision) = (Some(version.meta.version.clone()), Some(secret.revision));
            }
            (Change::UpdateSecret { secret, version }, Some(slot)) => {
                let Some(row) = self.objects.get_mut(&slot) else { return Settled::Conflict };
                let Some(sealed) = row.versions.get_mut(&version.version) else { return Settled::Conflict };
                *sealed = Arc::new(SealedVersion { meta: (**version).clone(), sealed: sealed.sealed.clone() });
                row.meta = secret.clone();
                (done.version, done.revision) = (Some(version.version.clone()), Some(secret.revision));
            }
            (Change::RestoreSecret { secret, versions }, Some(slot)) => {
                let versions =
                    versions.iter().map(|v| (v.meta.version.clone(), Arc::new(v.clone()))).collect::<BTreeMap<_, _>>();
                self.objects.insert(slot, NameRow { meta: secret.clone(), versions });
                (done.version, done.revision) = (Some(secret.current.clone()), Some(secret.revision));
            }
            (Change::SetSecretLife { secret }, Some(slot)) => {
                let Some(row) = self.objects.get_mut(&slot) else { return Settled::Conflict };
                row.meta = secret.clone();
                done.revision = Some(secret.revision);
            }
            (Change::PurgeSecret { vault_revision, companions, assignments }, Some(slot)) => {
                let of = |kind| (slot.0, kind, slot.2.clone());
                let mut going = vec![slot.clone()];
                going.extend(companions.iter().map(|(kind, _)| of(*kind)));
                let here = |a: &&Assignment| matches!(&a.scope, Scope::Object { vault, kind, name } if going.contains(&(*vault, *kind, name.as_str().to_owned())));
                let mut granted: Vec<Assignment> = self.assignments.iter().filter(here).cloned().collect();
                let mut named = assignments.clone();
                granted.sort_by_key(|a| a.id);
                named.sort_by_key(|a| a.id);
                let moved = companions
                    .iter()
                    .any(|(kind, judged)| self.objects.get(&of(*kind)).map(|row| row.meta.revision) != Some(*judged));
                if self.vaults.values().any(|v| v.id == slot.0 && v.revision != *vault_revision)
                    || granted != named
                    || moved
                    || self.objects.remove(&slot).is_none()
                {
                    return Settled::Conflict;
                }
                self.objects.retain(|slot, _| !going.contains(slot));
                self.assignments.retain(|a| !granted.contains(a));
            }
            (Change::WriteCertificate(writes), Some(slot)) => {
                let of = |kind| (slot.0, kind, slot.2.clone());
                let moved =
                    |write: &NameWrite| self.objects.get(&of(write.kind)).map(|row| row.meta.revision) != write.judged;
                if writes.iter().any(moved) || writes.iter().any(|write| self.contradicts(slot.0, write)) {
                    return Settled::Conflict;
                }
                for write in writes {
                    let blank = || NameRow { meta: write.name.clone(), versions: BTreeMap::new() };
                    let row = self.objects.entry(of(write.kind)).or_insert_with(blank);
                    row.meta = write.name.clone();
                    for version in &write.new {
                        row.versions.insert(version.meta.version.clone(), Arc::new(version.clone()));
                    }
                    for meta in &write.updated {
                        let Some(sealed) = row.versions.get_mut(&meta.version) else { return Settled::Conflict };
                        *sealed = Arc::new(SealedVersion { meta: meta.clone(), sealed: sealed.sealed.clone() });
                    }
                }
                done.revision = writes.first().map(|own| own.name.revision);
                done.version = writes.first().and_then(|own| {
                    own.new
                        .first()
                        .map(|version| &version.meta)
                        .or(own.updated.first())
                        .map(|meta| meta.version.clone())
                });
            }
            (Change::PurgeVault, _) => {
                let Some((id, name)) = &object.vault else { return Settled::Refused };
                self.vaults.remove(name.as_str());
                self.objects.retain(|(vault, ..), _| vault != id);
                self.assignments.retain(|a| a.scope.vault() != Some(*id));
                self.access_policies.retain(|(vault, _), _| vault != id);
                self.approvals.retain(|_, request| request.subject.vault != *id);
            }
            (Change::MakeVault { beside, .. }, _) if self.vaults.len() >= *beside => return Settled::Conflict,
            (Change::MakeVault { vault, .. } | Change::PutVault(vault), _) => {
                self.vaults.insert(vault.name.as_str().to_owned(), Arc::new((**vault).clone()));
                done.revision = Some(vault.revision);
            }
            (Change::AddAssignment(assignment), _) if matches!(assignment.role, RoleRef::Custom(id) if !self.roles.contains_key(&id)) =>
            {
                return Settled::Conflict;
            }
            (Change::AddAssignment(new), _) => {
                let alike = |other: &Assignment| {
                    (&other.grantee, other.role, &other.scope, other.ends_at)
                        == (&new.grantee, new.role, &new.scope, new.ends_at)
                };
                if self.assignments.iter().any(alike) || !self.assignment_counts(&new.scope, &new.grantee).leave_room()
                {
                    return Settled::Conflict;
                }
                self.assignments.push((**new).clone());
            }
            (Change::RemoveAssignment { assignment, remaining }, _) => {
                if !self.assignments.iter().any(|a| a.id == assignment.id) || !self.remains(remaining.as_ref()) {
                    return Settled::Conflict;
                }
                self.assignments.retain(|a| a.id != assignment.id);
            }
            (Change::PutRole { role, replaces }, _) => {
                let named = self.roles.values().any(|other| other.id != role.id && other.name_key() == role.name_key());
                if named
                    || self.roles.get(&role.id).map(|before| before.revision) != *replaces
                    || !role.fits_beside(self.roles.values())
                {
                    return Settled::Conflict;
                }
                self.roles.insert(role.id, (**role).clone());
            }
            (Change::DeleteRole(role), _) => {
                let used = self.assignments.iter().any(|a| a.role == RoleRef::Custom(role.id));
                if used || self.roles.get(&role.id).map(|before| before.revision) != Some(role.revision) {
                    return Settled::Conflict;
                }
                self.roles.remove(&role.id);
            }
            (Change::PutAccessPolicy { policy, replaces }, _) => {
                let slot = (policy.vault, policy.grantee.key());
                let here = self.access_policies.keys().filter(|(vault, _)| *vault == policy.vault).count();
                if self.access_policies.get(&slot).map(|before| before.revision) != *replaces
                    || (replaces.is_none() && here >= MAX_ACCESS_POLICIES)
                {
                    return Settled::Conflict;
                }
                self.access_policies.insert(slot, (**policy).clone());
            }
            (Change::RemoveAccessPolicy(policy), _) => {
                let slot = (policy.vault, policy.grantee.key());
                if self.access_policies.get(&slot).map(|before| before.revision) != Some(policy.revision) {
                    return Settled::Conflict;
                }
                self.access_policies.remove(&slot);
            }
            (Change::PutPolicyModule { module, bytes, replaces }, _) => {
                let all = || self.policy_modules.values().map(|(module, _)| module);
                if self.policy_modules.get(&module.digest).map(|(before, _)| before.uploaded_at) != *replaces
                    || (replaces.is_none() && !has_room(module.size, all()))
                {
                    return Settled::Conflict;
                }
                self.policy_modules.insert(module.digest, ((**module).clone(), bytes.to_vec()));
            }
            (Change::DeletePolicyModule(module), _) => {
                let of_it = |a: &PolicyAttachment| {
                    a.module == module.digest || a.previous.as_ref().is_some_and(|p| p.module == module.digest)
                };
                let attached = self.vaults.values().flat_map(|vault| &vault.settings.policies);
                if attached.chain(&self.installation_policies.policies).any(of_it)
                    || self.policy_modules.remove(&module.digest).is_none()
                {
                    return Settled::Conflict;
                }
            }
            (Change::PutPolicyDocument { document, replaces }, _) => {
                if self.policy_documents.get(&document.name).map(|before| before.revision) != *replaces
                    || !document.fits_beside(self.policy_documents.values())
                {
                    return Settled::Conflict;
                }
                self.policy_documents.insert(document.name.clone(), (**document).clone());
            }
            (Change::DeletePolicyDocument(document), _) => {
                if self.policy_documents.get(&document.name).map(|before| before.revision) != Some(document.revision) {
                    return Settled::Conflict;
                }
                self.policy_documents.remove(&document.name);
            }
            (Change::PutPolicyReplay { replay, replaces }, _) => {
                if self.policy_replays.get(&replay.slot).map(|before| before.revision) != *replaces {
                    return Settled::Conflict;
                }
                self.policy_replays.insert(replay.slot, (**replay).clone());
            }
            (Change::PutInstallationPolicies(policies), _) => {
                if self.installation_policies.revision.saturating_add(1) != policies.revision {
                    return Settled::Conflict;
                }
                self.installation_policies = Arc::new((**policies).clone());
            }
            (Change::PutApproval { request, replaces, now }, _) => {
                let vault = request.subject.vault;
                if replaces.is_none() {
                    self.approvals.retain(|_, old| old.subject.vault != vault || old.ends > *now);
                    let key = request.subject.key();
                    let here = self.approvals.values().filter(|old| old.subject.vault == vault);
                    let own = here.clone().filter(|old| old.subject.principal == request.subject.principal);
                    let full = here.clone().count() as u64 >= MAX_IN_VAULT;
                    let strangers = here.clone().filter(|old| old.stranger).count() as u64;
                    if own.count() as u64 >= MAX_OF_PRINCIPAL
                        || (request.stranger && (full || strangers >= MAX_OF_STRANGERS))
                        || here.clone().any(|old| old.subject.key() == key)
                    {
                        return Settled::Conflict;
                    }
                    if full {
                        let oldest = here.filter(|old| old.gives_way()).min_by_key(|old| (old.ends, old.id));
                        let Some(oldest) = oldest.map(|old| old.id) else { return Settled::Conflict };
                        self.approvals.remove(&oldest);
                    }
                }
                if self.approvals.get(&request.id).map(|before| before.revision) != *replaces {
                    return Settled::Conflict;
                }
                self.approvals.insert(request.id, (**request).clone());
            }
            (Change::PutWorkload { remaining, .. } | Change::DeleteWorkload { remaining }, _)
                if !self.remains(remaining.as_ref()) =>
            {
                return Settled::Conflict;
            }
            (Change::PutWorkload { workload, .. }, _) => {
                self.workloads.insert(workload.client_id, Arc::new((**workload).clone()));
            }
            (Change::DeleteWorkload { .. }, _) => {
                let id = name.and_then(|name| Uuid::try_parse(name).ok());
                if id.and_then(|id| self.workloads.remove(&id)).is_none() {
                    return Settled::Conflict;
                }
            }
            (Change::UseAssertion(used), _) => {
                if !self.counts_once(used) {
                    return Settled::Conflict;
                }
            }
            (Change::EndSessionsAtProvider { sessions, token }, _) => {
                if self.used_assertions.get(&token.id_hash).is_some_and(|known| known.expires >= token.used) {
                    return Settled::Conflict;
                }
                self.used_assertions.insert(token.id_hash, *token);
                self.sessions.retain(|id_hash, _| !sessions.contains(id_hash));
            }
            (Change::Reseal(reseal), _) => {
                for (label, blob) in &reseal.blobs {
                    match self.blobs.get_mut(label) {
                        Some(kept) if kept.bytes == blob.before => kept.bytes.clone_from(&blob.after),
                        _ => return Settled::Conflict,
                    }
                }
                for vault in &reseal.vaults {
                    self.vaults.insert(vault.after.name.as_str().to_owned(), Arc::new(vault.after.clone()));
                }
            }
            (Change::PutTokenKeys(put), _) => {
                if self.blobs.get(put.label) != Some(&put.before) {
                    return Settled::Conflict;
                }
                self.blobs.insert(put.label.to_owned(), put.after.clone());
            }
            (Change::FinishSetup { put, owner }, _) => {
                if self.blobs.get(put.label) != Some(&put.before) {
                    return Settled::Conflict;
                }
                self.blobs.insert(put.label.to_owned(), put.after.clone());
                self.assignments.push((**owner).clone());
            }
            (Change::BeginCommandLine { session, code, allowed_from }, _) => {
                self.used_assertions.retain(|_, known| known.expires >= code.used);
                if !self.sessions.contains_key(allowed_from) || self.used_assertions.contains_key(&code.id_hash) {
                    return Settled::Conflict;
                }
                self.used_assertions.insert(code.id_hash, *code);
                self.sessions.insert(session.id_hash, Arc::new((**session).clone()));
            }
            (Change::BeginSession(session), _) => {
                if self.sessions.contains_key(&session.id_hash) {
                    return Settled::Conflict;
                }
                self.sessions.insert(session.id_hash, Arc::new((**session).clone()));
            }
            (Change::EndSession { id_hash }, _) => {
                self.sessions.remove(id_hash);
            }
            (Change::EndSessions(sessions), _) => self.sessions.retain(|id_hash, _| !sessions.contains(id_hash)),
            (
                Change::SetSecret { .. }
                | Change::PutWhole { .. }
                | Change::WriteCertificate(_)
                | Change::UpdateSecret { .. }
                | Change::RestoreSecret { .. }
                | Change::SetSecretLife { .. }
                | Change::PurgeSecret { .. },
                None,
            ) => return Settled::Refused,
        }
        self.happened.push(done);
        Settled::Recorded
    }

    /// Whether the vault has another certificate of the issuer and serial number of one that is written.
    fn contradicts(&self, vault: VaultId, write: &NameWrite) -> bool {
        let leaf = |meta: &VersionMeta| Some(meta.certificate.as_deref()?.leaf()?.to_vec());
        let issued = |leaf: &[u8]| CertificateFacts::of(leaf).ok().map(|facts| facts.issued_as());
        let of_vault = self.objects.iter().filter(|((place, ..), _)| *place == vault);
        let known: Vec<Vec<u8>> =
            of_vault.flat_map(|(_, row)| row.versions.values().filter_map(|version| leaf(&version.meta))).collect();
        let written = write.new.iter().map(|version| &version.meta).chain(&write.updated).filter_map(leaf);
        let is_new = |one: &Vec<u8>| !known.contains(one);
        let by =
            |one: Vec<u8>| issued(&one).is_some_and(|by| known.iter().any(|other| issued(other).as_ref() == Some(&by)));
        written.filter(is_new).any(by)
    }

    /// Remembers an assertion; false when it was used before.
    fn counts_once(&mut self, used: &UsedAssertion) -> bool {
        self.used_assertions.retain(|_, known| known.expires >= used.used);
        let known = *self.used_assertions.entry(used.id_hash).or_insert(*used);
        used.used - known.used <= ASSERTION_RETRY_SECONDS
    }
}
