//! What is kept in memory for hot reads, and when it is dropped.
//!
//! Only for a SQLite database, which this process owns alone: nobody else can change a row, so
//! every change passes [`Caches::forget`], after its commit and before its answer. Staleness bound:
//! none after an acknowledged change. A change whose outcome is unknown drops everything it touches
//! when it becomes unknown and everything there is once it is known. On PostgreSQL, where other
//! nodes write too, there are no caches.
//!
//! Holds metadata and sealed rows; never a plaintext. Vaults and workloads are held as whole tables,
//! so that names that do not exist cost what others cost; of secrets and keys nothing is held for those.

use std::{mem::size_of, sync::Arc};

use strongroom_domain::{
    access_policy::AccessPolicy,
    certificate::CertificateState,
    change::{Change, PermittedChange},
    grant::Assignment,
    identity::{Session, Workload},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    permit::ObjectRef,
    policy::PolicyAttachment,
    policy_module::InstallationPolicies,
    role::RoleDefinition,
    secret::{SealedVersion, SecretFacts, SecretMeta, VersionMeta},
    vault::{MAX_VAULTS, Vault},
};
use uuid::Uuid;

use crate::{
    cache::{ExactCache, Ticket},
    directory::Directory,
};

/// Most versions of a name that are kept; reads of older ones go to the database.
const MAX_VERSIONS: usize = 8;

/// Most workloads that are kept as a whole; with more, each is asked for by itself.
const MAX_WORKLOADS: usize = 4096;

/// A name with the versions that were asked for lately, all of one revision.
#[derive(Clone)]
struct Known {
    secret: SecretMeta,
    versions: Vec<KnownVersion>,
}

#[derive(Clone)]
struct KnownVersion {
    version: ObjectVersion,
    facts: Option<Arc<SecretFacts>>,
    sealed: Option<Arc<SealedVersion>>,
}

type ObjectKey = (VaultId, ObjectKind, ObjectName);

/// Where the assignments of a principal are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// All there are.
    Everything,
    /// On the installation and in the vault, if there is one.
    Within(Option<VaultId>),
}

type GranteeKeys = (Reach, Vec<String>);

/// All caches.
pub(crate) struct Caches {
    objects: ExactCache<ObjectKey, Arc<Known>>,
    /// Whole, because the time of an answer must not tell which names there are.
    pub(crate) vaults: Directory<VaultName, Vault>,
    /// By reach and all keys of a principal; any grant drops all, because grants are rare.
    assignments: ExactCache<GranteeKeys, Arc<Vec<Assignment>>>,
    roles: ExactCache<Uuid, Arc<RoleDefinition>>,
    /// The modules of all vaults: one entry.
    policies: ExactCache<(), Arc<InstallationPolicies>>,
    /// By vault and all keys of a principal; any change drops all.
    access_policies: ExactCache<(VaultId, Vec<String>), Arc<Vec<AccessPolicy>>>,
    /// Whole, for the same reason.
    pub(crate) workloads: Directory<Uuid, Workload>,
    sessions: ExactCache<[u8; 32], Arc<Session>>,
}

impl Caches {
    /// Caches that hold at most about `bytes`, most of it for secrets and keys.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            objects: ExactCache::new(bytes / 2),
            vaults: Directory::new(bytes / 8, MAX_VAULTS),
            assignments: ExactCache::new(bytes / 8),
            roles: ExactCache::new(bytes / 16),
            // One entry, in a half of one of sixteen shards: so large that as many attachments as there may be, with
            // what they were before, still fit.
            policies: ExactCache::new(bytes),
            access_policies: ExactCache::new(bytes / 8),
            workloads: Directory::new(bytes / 8, MAX_WORKLOADS),
            sessions: ExactCache::new(bytes / 8),
        }
    }

    /// Drops what a change touches.
    pub(crate) fn forget(&self, change: &PermittedChange) {
        match change.change() {
            Change::SetSecret { .. }
            | Change::PutWhole { .. }
            | Change::UpdateSecret { .. }
            | Change::RestoreSecret { .. }
            | Change::SetSecretLife { .. } => {
                self.forget_object(change.permit().object());
            }
            Change::WriteCertificate(writes) => {
                let object = change.permit().object();
                writes.iter().for_each(|write| self.forget_object(&ObjectRef { kind: write.kind, ..object.clone() }));
            }
            Change::PurgeSecret { companions, .. } => {
                let object = change.permit().object();
                self.forget_object(object);
                companions
                    .iter()
                    .for_each(|(kind, _)| self.forget_object(&ObjectRef { kind: *kind, ..object.clone() }));
                self.assignments.clear();
            }
            Change::MakeVault { .. } | Change::PutVault(_) => self.vaults.clear(),
            Change::PurgeVault => {
                self.vaults.clear();
                self.objects.clear();
                self.assignments.clear();
                self.access_policies.clear();
            }
            Change::AddAssignment(_) | Change::RemoveAssignment { .. } | Change::FinishSetup { .. } => {
                self.assignments.clear();
            }
            Change::PutRole { role, .. } | Change::DeleteRole(role) => self.roles.invalidate(&role.id),
            Change::PutAccessPolicy { .. } | Change::RemoveAccessPolicy(_) => self.access_policies.clear(),
            // Asked for when it is loaded, and then kept by the policy host.
            Change::PutPolicyModule { .. } | Change::DeletePolicyModule(_) => {}
            Change::PutInstallationPolicies(_) => self.policies.clear(),
            Change::PutWorkload { .. } | Change::DeleteWorkload { .. } => self.workloads.clear(),
            // Never kept.
            Change::PutApproval { .. }
            | Change::PutPolicyDocument { .. }
            | Change::DeletePolicyDocument(_)
            | Change::PutPolicyReplay { .. }
            | Change::UseAssertion(_)
            | Change::PutTokenKeys(_) => {}
            Change::Reseal(_) => self.vaults.clear(),
            Change::BeginSession(session) | Change::BeginCommandLine { session, .. } => {
                self.sessions.invalidate(&session.id_hash)
            }
            Change::EndSession { id_hash } => self.sessions.invalidate(id_hash),
            Change::EndSessions(sessions) | Change::EndSessionsAtProvider { sessions, .. } => {
                sessions.iter().for_each(|id_hash| self.sessions.invalidate(id_hash));
            }
        }
    }

    fn forget_object(&self, object: &ObjectRef) {
        match (&object.vault, &object.name) {
            (Some((vault, _)), Some(name)) => self.objects.invalidate(&(*vault, object.kind, name.clone())),
            _ => self.objects.clear(),
        }
    }

    /// Drops everything.
    pub(crate) fn forget_all(&self) {
        self.objects.clear();
        self.vaults.clear();
        self.assignments.clear();
        self.roles.clear();
        self.policies.clear();
        self.access_policies.clear();
        self.workloads.clear();
        self.sessions.clear();
    }

    pub(crate) fn assignments(&self, key: &GranteeKeys) -> Option<Arc<Vec<Assignment>>> {
        self.assignments.get(key)
    }

    pub(crate) fn assignments_ticket(&self, key: &GranteeKeys) -> Ticket {
        self.assignments.ticket(key)
    }

    pub(crate) fn put_assignments(&self, key: &GranteeKeys, ticket: Ticket, found: &Arc<Vec<Assignment>>) {
        let weight = key.1.iter().map(String::len).sum::<usize>() + (size_of::<Assignment>() + 256) * (found.len() + 1);
        self.assignments.put(key, ticket, Arc::clone(found), weight);
    }

    pub(crate) fn role(&self, id: &Uuid) -> Option<Arc<RoleDefinition>> {
        self.roles.get(id)
    }

    pub(crate) fn role_ticket(&self, id: &Uuid) -> Ticket {
        self.roles.ticket(id)
    }

    pub(crate) fn put_role(&self, ticket: Ticket, role: &Arc<RoleDefinition>) {
        let lists = [&role.actions, &role.not_actions, &role.data_actions, &role.not_data_actions];
        let patterns: usize = lists.into_iter().flatten().map(|pattern| 24 + pattern.len()).sum();
        let weight = size_of::<RoleDefinition>() + role.name.len() + role.description.len() + patterns;
        self.roles.put(&role.id, ticket, Arc::clone(role), weight + 64 * role.assignable_scopes.len());
    }

    pub(crate) fn policies(&self) -> Option<Arc<InstallationPolicies>> {
        self.policies.get(&())
    }

    pub(crate) fn policies_ticket(&self) -> Ticket {
        self.policies.ticket(&())
    }

    pub(crate) fn put_policies(&self, ticket: Ticket, found: &Arc<InstallationPolicies>) {
        let weight = 256 + found.policies.iter().map(weight_of_attachment).sum::<usize>();
        self.policies.put(&(), ticket, Arc::clone(found), weight);
    }

    pub(crate) fn access_policies(&self, key: &(VaultId, Vec<String>)) -> Option<Arc<Vec<AccessPolicy>>> {
        self.access_policies.get(key)
    }

    pub(crate) fn access_policies_ticket(&self, key: &(VaultId, Vec<String>)) -> Ticket {
        self.access_policies.ticket(key)
    }

    pub(crate) fn put_access_policies(
        &self,
        key: &(VaultId, Vec<String>),
        ticket: Ticket,
        found: &Arc<Vec<AccessPolicy>>,
    ) {
        let weight = key.1.iter().map(String::len).sum::<usize>() + 512 * (found.len() + 1);
        self.access_policies.put(key, ticket, Arc::clone(found), weight);
    }

    pub(crate) fn session(&self, id_hash: &[u8; 32]) -> Option<Arc<Session>> {
        self.sessions.get(id_hash)
    }

    pub(crate) fn session_ticket(&self, id_hash: &[u8; 32]) -> Ticket {
        self.sessions.ticket(id_hash)
    }

    pub(crate) fn put_session(&self, ticket: Ticket, session: &Arc<Session>) {
        let groups: usize = session.principal.groups.iter().map(|g| 24 + g.len()).sum();
        let claims: usize = session.principal.claims.iter().map(|(k, v)| 64 + k.len() + v.len()).sum();
        self.sessions.put(&session.id_hash, ticket, Arc::clone(session), size_of::<Session>() + groups + claims + 256);
    }

    pub(crate) fn object_ticket(&self, vault: VaultId, kind: ObjectKind, name: &ObjectName) -> Ticket {
        self.objects.ticket(&(vault, kind, name.clone()))
    }

    pub(crate) fn facts(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Option<Arc<SecretFacts>> {
        let known = self.objects.get(&(vault, kind, name.clone()))?;
        let version = version.unwrap_or(&known.secret.current);
        known.versions.iter().find(|k| k.version == *version)?.facts.clone()
    }

    /// The sealed version with the revision of its name.
    pub(crate) fn sealed(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        version: &ObjectVersion,
    ) -> Option<(i64, Arc<SealedVersion>)> {
        let known = self.objects.get(&(vault, kind, name.clone()))?;
        let sealed = known.versions.iter().find(|k| k.version == *version)?.sealed.clone()?;
        Some((known.secret.revision, sealed))
    }

    /// Keeps facts of a version that exists.
    pub(crate) fn put_facts(&self, of: (VaultId, ObjectKind), ticket: Ticket, facts: &Arc<SecretFacts>) {
        let Some(meta) = &facts.version else { return };
        let (secret, version) = (facts.secret.clone(), meta.version.clone());
        self.put_version(of, secret, ticket, version, |known| known.facts = Some(Arc::clone(facts)));
    }

    /// Keeps a sealed version.
    pub(crate) fn put_sealed(
        &self,
        of: (VaultId, ObjectKind),
        ticket: Ticket,
        secret: SecretMeta,
        sealed: &Arc<SealedVersion>,
    ) {
        let version = sealed.meta.version.clone();
        self.put_version(of, secret, ticket, version, |known| known.sealed = Some(Arc::clone(sealed)));
    }

    fn put_version(
        &self,
        (vault, kind): (VaultId, ObjectKind),
        secret: SecretMeta,
        ticket: Ticket,
        version: ObjectVersion,
        fill: impl FnOnce(&mut KnownVersion),
    ) {
        let key = (vault, kind, secret.name.clone());
        self.objects.put_with(&key, ticket, |present| {
            // The ticket says that nothing changed, so what is there has the same revision; compared
            // all the same, because it costs nothing.
            let mut known = match present {
                Some(known) if known.secret.revision == secret.revision => Arc::unwrap_or_clone(known),
                _ => Known { secret, versions: Vec::new() },
            };
            let place = known.versions.iter().position(|k| k.version == version);
            let mut entry = match place {
                Some(place) => known.versions.remove(place),
                None => KnownVersion { version, facts: None, sealed: None },
            };
            fill(&mut entry);
            known.versions.push(entry);
            if known.versions.len() > MAX_VERSIONS {
                known.versions.remove(0);
            }
            let state = known.secret.certificate.as_deref().map_or(0, weight_of_state);
            let weight = 512 + state + known.versions.iter().map(KnownVersion::weight).sum::<usize>();
            (Arc::new(known), weight)
        });
    }
}

/// A policy, of which the names have no small bound, and a request that repeats them.
fn weight_of_state(state: &CertificateState) -> usize {
    let names: usize = state.policy.template.names.labelled().iter().map(|name| name.len() + 32).sum();
    let request = state.pending.as_ref().map_or(0, |pending| pending.request.len());
    2048 + state.policy.template.subject.len() + names + request
}

impl KnownVersion {
    fn weight(&self) -> usize {
        let facts = self.facts.as_ref().and_then(|f| f.version.as_ref()).map_or(0, |meta| 512 + weight_of(meta));
        let sealed = self.sealed.as_ref().map_or(0, |s| weight_of(&s.meta) + 128 + s.sealed.ciphertext.len());
        128 + facts + sealed
    }
}

pub(crate) fn weight_of_vault(vault: &Vault) -> usize {
    let settings = &vault.settings;
    let policies: usize = settings.policies.iter().map(weight_of_attachment).sum();
    let tags: usize = settings.tags.iter().map(|(name, value)| 64 + name.len() + value.len()).sum();
    size_of::<Vault>() + 96 * settings.network.rules.len() + policies + tags + vault.wrapped_key.len()
}

fn weight_of_attachment(attachment: &PolicyAttachment) -> usize {
    let before = attachment.previous.as_ref().map_or(0, |before| 64 + before.settings.len());
    128 + attachment.name.len() + attachment.settings.len() + before
}

pub(crate) fn weight_of_workload(workload: &Workload) -> usize {
    let federations: usize =
        workload.federations.iter().map(|f| 72 + f.issuer.len() + f.subject.len() + f.audience.len()).sum();
    let certificates: usize = workload.certificates.iter().map(|c| 256 + c.name.len() + c.public_key.len()).sum();
    size_of::<Workload>() + workload.name.len() + federations + certificates + 192 * workload.secrets.len()
}

fn weight_of(meta: &VersionMeta) -> usize {
    let tags: usize = meta.attributes.tags.iter().map(|(k, v)| 64 + k.len() + v.len()).sum();
    // A public RSA key of 4096 bits and what surrounds it.
    let key = meta.key.as_ref().map_or(0, |_| 768);
    // As long in memory as in the row, or shorter.
    let certificate =
        meta.certificate.as_ref().map_or(0, |c| 64 + c.chain.iter().map(|der| 24 + der.len()).sum::<usize>());
    size_of::<VersionMeta>() + tags + key + certificate + meta.attributes.content_type.as_ref().map_or(0, String::len)
}
