//! The ports: what the domain needs from the world. Few, and named for the need.
//!
//! Every implementation runs the contract suite of its port. Reads of judged metadata take no
//! permit, because the gate needs them to judge; everything that touches a sealed value, lists
//! objects or shows records takes one.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::Arc,
};

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    access_policy::AccessPolicy,
    approval::ApprovalRequest,
    grant::{Assignment, AssignmentCounts, AssignmentFilter, Scope},
    identity::{Session, Workload},
    names::{ObjectKind, ObjectName, ObjectVersion, VaultId, VaultName},
    permit::{Held, Permit, Permits},
    policy::{ModuleDigest, RecentRequests},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    principal::{Grantee, Principal, PrincipalId},
    record::{
        ChainedRecord, Checkpoint, Denials, Entry, News, Proof, Record, RecordFilter, Repeats, Settled,
        StretchToVerify, Tally, TreeCheckpoint, UsedGrant, Uses, VerifiedStretch,
    },
    role::RoleDefinition,
    rotation::LifetimeAction,
    seal::SealedKeys,
    search::{Found, Search},
    secret::{Endings, Page, SealedVersion, SecretFacts, SecretItem, VersionMeta},
    vault::{Vault, VaultEvidence},
};

/// A store could not do its work. Says what for the log; never shown to a caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is not reachable, is full, or refused.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// It took longer than a question may take.
    #[error("the store was asked what takes too long")]
    TooLong,
    /// A row does not parse: written by somebody else, or damaged.
    #[error("a stored row is damaged: {0}")]
    Damaged(String),
    /// The row changed after it was judged.
    #[error("the row changed after it was judged")]
    Stale,
}

/// How appending a batch failed.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing of the batch is in the database, for certain.
    #[error("the batch was rolled back: {0}")]
    RolledBack(String),
    /// The database did not say whether the commit happened. [`AuditLog::durable`] can tell.
    #[error("the commit's outcome is unknown: {0}")]
    Ambiguous(String),
}

/// Most records of a page of a chain.
pub const MAX_CHAIN_PAGE: usize = 500;

/// The append-only audit log, and with it every change: one transaction carries both.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Writes a batch in one durable transaction: every member's change (in a savepoint of its own)
    /// and record, or neither; last, this node's hash chain is extended over the batch's records,
    /// in order. Answers are in the order of the batch.
    ///
    /// A member whose object no longer has the permitted revision is left out and answered
    /// [`Settled::Conflict`]; the others go on.
    ///
    /// # Errors
    /// [`AppendError`]; then no member may be answered as recorded without asking
    /// [`AuditLog::durable`].
    async fn append(&self, batch: Vec<Entry>) -> Result<Vec<Settled>, AppendError>;

    /// Whether each record is durably stored. Must not answer from a cache, nor while the commit
    /// in question may still happen.
    ///
    /// # Errors
    /// When the database cannot say.
    async fn durable(&self, records: &[Uuid]) -> Result<Vec<bool>, StoreError>;

    /// Records, newest first; `before` is a record id from an earlier page.
    async fn query(&self, permit: Permit, filter: RecordFilter) -> Held<Result<Page<Record>, StoreError>>;

    /// The same records with those folded into one line that say the same of the same: at most `limit` lines of at most
    /// [`MAX_FOLDED`](crate::record::MAX_FOLDED) records. Pages are stretches of the log, so what repeats on two of them
    /// is a line on each.
    async fn repeats(&self, permit: Permit, filter: RecordFilter) -> Held<Result<Page<Repeats>, StoreError>>;

    /// How many records the filter takes (its page aside), by outcome and by stretches of so many
    /// milliseconds, in order of time; none where more would have to be looked through for it than
    /// the filter says.
    async fn tally(
        &self,
        permit: Permit,
        filter: RecordFilter,
        stretch: i64,
    ) -> Held<Result<Option<Vec<Tally>>, StoreError>>;

    /// How often each principal was denied for each reason since a moment (Unix milliseconds, to the minute).
    async fn denials(&self, permit: Permit, from: i64) -> Held<Result<Denials, StoreError>>;

    /// When these grants were last used, by what is counted of the records; none while they are still being counted.
    /// Whoever asks holds what is told until it is on record that it was asked for.
    ///
    /// # Errors
    /// When the database cannot say.
    async fn uses(&self, grants: &[UsedGrant]) -> Result<Option<Uses>, StoreError>;

    /// Who asked for the first time since a moment (Unix milliseconds), and from which addresses for the first time; none
    /// where that is not known, or not yet.
    async fn news(&self, permit: Permit, since: i64) -> Held<Result<Option<News>, StoreError>>;

    /// Records of a node's chain as they are chained, after the position `after`, at most `limit`
    /// (1 to [`MAX_CHAIN_PAGE`]).
    async fn chain(
        &self,
        permit: Permit,
        node: &str,
        after: u64,
        limit: usize,
    ) -> Held<Result<Vec<ChainedRecord>, StoreError>>;

    /// Verifies the records of a stretch of time: each as it was written, the links between them, and what is signed of
    /// them. As many of the newest as are verified at once.
    async fn verify_stretch(
        &self,
        permit: Permit,
        stretch: &StretchToVerify,
    ) -> Held<Result<VerifiedStretch, StoreError>>;

    /// The newest checkpoint of the whole log, if there is one.
    async fn checkpoint(&self, permit: Permit) -> Held<Result<Option<TreeCheckpoint>, StoreError>>;

    /// The proof that a record is in the log.
    async fn receipt(&self, permit: Permit, record: Uuid) -> Held<Result<Proof, StoreError>>;

    /// The same of several, in their order.
    async fn receipts(&self, permit: Permit, records: &[Uuid]) -> Held<Result<Vec<Proof>, StoreError>>;

    /// Makes something small of this node's own durable, in the way of every batch: whether a record could be written
    /// now. It is no record, and changes nothing that anybody is shown.
    ///
    /// # Errors
    /// When the database cannot, or this node may not.
    async fn prove_writable(&self) -> Result<(), StoreError>;

    /// Position and head of this node's chain, if it has begun.
    ///
    /// # Errors
    /// When the database cannot say.
    async fn chain_head(&self) -> Result<Option<(u64, [u8; 32])>, StoreError>;

    /// Stores a signed checkpoint of this node's chain.
    ///
    /// # Errors
    /// When the database refuses.
    async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError>;
}

/// Bytes that are sealed under the root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedBlob {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Counts changes of what is sealed; a new root key changes nothing of it. 0 for what never changes.
    pub revision: i64,
}

/// What the root key wraps.
#[async_trait]
pub trait SealStore: Send + Sync {
    /// All of it, as it is stored.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn sealed_keys(&self) -> Result<SealedKeys, StoreError>;

    /// What is sealed under a label. Never from a cache.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn sealed_blob(&self, label: &str) -> Result<Option<SealedBlob>, StoreError>;
}

/// Vaults.
#[async_trait]
pub trait VaultStore: Send + Sync {
    /// One vault by name.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn vault(&self, name: &VaultName) -> Result<Option<Arc<Vault>>, StoreError>;

    /// All vaults that are in use, or all that are soft deleted, by name. There are at most
    /// [`crate::vault::MAX_VAULTS`].
    ///
    /// # Errors
    /// When the store cannot say.
    async fn vaults(&self, deleted: bool) -> Result<Vec<Arc<Vault>>, StoreError>;

    /// The same without what is in their settings, which may be much.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn vault_names(&self, deleted: bool) -> Result<Vec<(VaultId, VaultName)>, StoreError>;

    /// The names of these vaults, in use or soft deleted, as many of them as there are.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn names_of(&self, vaults: &BTreeSet<VaultId>) -> Result<HashMap<VaultId, VaultName>, StoreError>;

    /// What the audit log says of a vault; none when it tells of no change of it. Must not answer
    /// from the vault's row nor from a cache.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn evidence(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError>;

    /// Whether the audit log says that the last change of a name was its soft delete, and left its row at this
    /// revision. Must not answer from the name's row nor from a cache.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn tells_of_deletion(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        revision: i64,
    ) -> Result<bool, StoreError>;
}

/// An object that something is to be done with, because its date has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueObject {
    /// Where.
    pub vault: VaultName,
    /// What.
    pub kind: ObjectKind,
    /// Its name.
    pub name: ObjectName,
}

/// What is past its purge date. For the job that purges alone: names, and never part of an answer,
/// so it takes no permit; what it names is judged before anything happens to it.
#[async_trait]
pub trait PurgeSchedule: Send + Sync {
    /// Soft-deleted objects of active vaults, without the keys and secrets that go with a certificate, whose purge date is at or before `now` (Unix
    /// seconds), in an order of vault, kind and name, after `after` (exclusive).
    ///
    /// # Errors
    /// When the store cannot say.
    async fn due_objects(
        &self,
        now: i64,
        after: Option<&DueObject>,
        limit: usize,
    ) -> Result<Vec<DueObject>, StoreError>;

    /// Soft-deleted vaults whose purge date is at or before `now` (Unix seconds).
    ///
    /// # Errors
    /// When the store cannot say.
    async fn due_vaults(&self, now: i64) -> Result<Vec<VaultName>, StoreError>;

    /// Removes at most `limit` names that were left behind by a purged vault: sealed under a key that
    /// is gone. Gives whether there was anything left to remove. A vault that only its own row calls purged, and
    /// the audit log does not, keeps everything.
    ///
    /// # Errors
    /// When the store refuses; [`StoreError::Damaged`] when nothing is left but vaults of which the log tells no purge.
    async fn sweep(&self, limit: usize) -> Result<bool, StoreError>;
}

/// What a schedule is asked for: what is due at a moment, of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueAction {
    /// Of which objects.
    pub kind: ObjectKind,
    /// What is to be done with them.
    pub action: LifetimeAction,
    /// Unix seconds: what is due then or was before.
    pub now: i64,
}

/// With which keys and certificates something is due. For the job that does it alone: names, and never part of an answer, so
/// it takes no permit; what it names is judged before anything happens to it.
#[async_trait]
pub trait RotationSchedule: Send + Sync {
    /// Active vaults with active objects of which that is due, each once, in order of their names.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn vaults_with_due(&self, due: DueAction) -> Result<Vec<VaultName>, StoreError>;

    /// Active objects of one active vault of which that is due, in order of their names, after `after` (exclusive).
    ///
    /// # Errors
    /// When the store cannot say.
    async fn due_in(
        &self,
        vault: &VaultName,
        due: DueAction,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Result<Vec<DueObject>, StoreError>;
}

/// Assignments.
#[async_trait]
pub trait GrantStore: Send + Sync {
    /// All assignments that may cover this principal (its own, and those of its groups).
    ///
    /// # Errors
    /// When the store cannot say.
    async fn assignments(&self, principal: &Principal) -> Result<Arc<Vec<Assignment>>, StoreError>;

    /// Those of them on the installation and, if one is named, in a vault: all that can reach what is there. For
    /// judging, which must not grow slower by what the principal was given elsewhere.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn assignments_reaching(
        &self,
        principal: &Principal,
        vault: Option<VaultId>,
    ) -> Result<Arc<Vec<Assignment>>, StoreError>;

    /// How many assignments there are where one at this scope would be added. Never from a cache.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn assignment_counts(&self, scope: &Scope, grantee: &Grantee) -> Result<AssignmentCounts, StoreError>;

    /// One custom role definition.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn role_definition(&self, id: Uuid) -> Result<Option<Arc<RoleDefinition>>, StoreError>;

    /// All custom role definitions, in order of their ids: at most some hundred.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn role_definitions(&self) -> Result<Vec<RoleDefinition>, StoreError>;

    /// Whether an assignment refers to a custom role definition.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn role_in_use(&self, id: Uuid) -> Result<bool, StoreError>;

    /// The access policies of a vault that may cover this principal.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn access_policies(
        &self,
        vault: VaultId,
        principal: &Principal,
    ) -> Result<Arc<Vec<AccessPolicy>>, StoreError>;

    /// The access policies of all vaults that may cover this principal, in order of vault, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn access_policies_everywhere(
        &self,
        principal: &Principal,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError>;

    /// All access policies of a vault, in a stable order, for judging changes of them.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn all_access_policies(&self, vault: VaultId) -> Result<Vec<AccessPolicy>, StoreError>;

    /// One assignment by its id, for judging what is to be done with it.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn assignment(&self, id: Uuid) -> Result<Option<Assignment>, StoreError>;

    /// The assignments on the installation itself, for judging whether one may go.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn installation_assignments(&self) -> Result<Vec<Assignment>, StoreError>;

    /// Assignments in order of their ids, after `after` (exclusive).
    async fn list_assignments(
        &self,
        permit: Permit,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Assignment>, StoreError>>;

    /// The same without a permit, for whoever holds what is made of it until that is on record: at most
    /// [`crate::grant::MAX_LOOKED_THROUGH`].
    ///
    /// # Errors
    /// When the store cannot say.
    async fn assignments_within(
        &self,
        filter: &AssignmentFilter,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Assignment>, StoreError>;

    /// The access policies of these vaults, in order of vault and of the keys of their grantees, after one of them
    /// (exclusive), at most `limit`. For whoever holds what is made of it until that is on record.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn access_policies_in(
        &self,
        vaults: &BTreeSet<VaultId>,
        after: Option<(VaultId, &str)>,
        limit: usize,
    ) -> Result<Vec<AccessPolicy>, StoreError>;

    /// All assignments at exactly this scope, for taking them away together with what they
    /// are about. Never from a cache.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn assignments_at(&self, scope: &Scope) -> Result<Vec<Assignment>, StoreError>;
}

/// Counts what is on record, for the modules that want to know.
#[async_trait]
pub trait RequestCounts: Send + Sync {
    /// How many requests like these there are on record. What waits to be recorded is not counted yet.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn count_recent(&self, requests: &RecentRequests) -> Result<u64, StoreError>;
}

/// Requests for approval.
#[async_trait]
pub trait ApprovalStore: Send + Sync {
    /// The request for this subject that has not ended at `now` (Unix seconds), by the subject's key. Never from a
    /// cache: what was refused a moment ago does not count any more.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn approval_for(&self, subject: &str, now: i64) -> Result<Option<ApprovalRequest>, StoreError>;

    /// One request by its id, ended or not.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn approval(&self, id: Uuid) -> Result<Option<ApprovalRequest>, StoreError>;

    /// The requests of a principal that have not ended at `now`, in all vaults: for whoever is to become it.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn approvals_of(&self, principal: &PrincipalId, now: i64) -> Result<Vec<ApprovalRequest>, StoreError>;

    /// The requests in the permitted vault that have not ended at `now`, in order of their ids: at most
    /// [`crate::approval::MAX_IN_VAULT`].
    async fn approvals(&self, permit: Permit, now: i64) -> Held<Result<Vec<ApprovalRequest>, StoreError>>;
}

/// Policy modules that were uploaded, those that are attached to every vault, and the documents that modules read.
#[async_trait]
pub trait PolicyStore: Send + Sync {
    /// The modules that are attached to every vault; the default before the first change.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn installation_policies(&self) -> Result<Arc<InstallationPolicies>, StoreError>;

    /// What is known of every uploaded module, in order of digest: at most
    /// [`crate::policy_module::MAX_MODULES`].
    ///
    /// # Errors
    /// When the store cannot say.
    async fn policy_modules(&self) -> Result<Vec<PolicyModule>, StoreError>;

    /// One uploaded module with its bytes, for running it. Neither is verified here.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn policy_module(&self, digest: &ModuleDigest) -> Result<Option<(PolicyModule, Vec<u8>)>, StoreError>;

    /// Every document that policy modules read, in order of name: at most
    /// [`crate::policy_document::MAX_DOCUMENTS`].
    ///
    /// # Errors
    /// When the store cannot say.
    async fn policy_documents(&self) -> Result<Vec<PolicyDocument>, StoreError>;

    /// One of them. Never from a cache: modules judge by it.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn policy_document(&self, name: &str) -> Result<Option<PolicyDocument>, StoreError>;

    /// The results of replays that are kept, in order of their places: at most
    /// [`crate::policy_replay::MAX_REPLAYS`].
    ///
    /// # Errors
    /// When the store cannot say.
    async fn policy_replays(&self) -> Result<Vec<PolicyReplay>, StoreError>;
}

/// Secrets, keys and certificates. Of which kind the permitted object is, the permit says.
#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Metadata for judging: the name, and the version asked for or the current one.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn facts(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> Result<Option<Arc<SecretFacts>>, StoreError>;

    /// Metadata for judging of all versions of a name, in the order they were made, at most `limit`.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn version_metas(
        &self,
        vault: VaultId,
        kind: ObjectKind,
        name: &ObjectName,
        limit: usize,
    ) -> Result<Vec<VersionMeta>, StoreError>;

    /// Versions of certificates of a vault, deleted ones too, that were issued as this
    /// ([`strongroom_crypto::x509::CertificateFacts::issued_as`]), at most `limit`. For finding what would contradict a new
    /// one: names, never part of an answer, and to be looked at as what is stored by whoever asks.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn issued_as(
        &self,
        vault: VaultId,
        issued_as: &str,
        limit: usize,
    ) -> Result<Vec<(ObjectName, ObjectVersion)>, StoreError>;

    /// The sealed version, if the name's row still has the permitted revision
    /// ([`StoreError::Stale`] otherwise).
    async fn read(&self, permit: Permit, version: &ObjectVersion) -> Held<Result<Arc<SealedVersion>, StoreError>>;

    /// The same for an operation that goes on to change the name: the permit comes back with what was read.
    async fn read_to_change(
        &self,
        permit: Permit,
        version: &ObjectVersion,
    ) -> Held<(Permit, Result<Arc<SealedVersion>, StoreError>)>;

    /// The sealed versions of the permitted name, in the order they were made, at most `limit`, if the
    /// name's row still has the permitted revision ([`StoreError::Stale`] otherwise).
    async fn all_versions(&self, permit: Permit, limit: usize) -> Held<Result<Vec<SealedVersion>, StoreError>>;

    /// Names with their current version, in order of name, after `after` (exclusive, canonical).
    /// `deleted` chooses between active and soft-deleted names.
    async fn list(
        &self,
        permit: Permit,
        deleted: bool,
        after: Option<&ObjectName>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>>;

    /// Versions of the permitted name, the newest first, from before `after` on (exclusive): in the order in which they
    /// were made, which seconds do not tell. None when the name has no version `after`.
    async fn versions(
        &self,
        permit: Permit,
        after: Option<&ObjectVersion>,
        limit: usize,
    ) -> Held<Result<Page<SecretItem>, StoreError>>;

    /// Active objects in the vaults that the permits are for, of their kind, whose current version ends within these
    /// seconds, the first to end first; those that belong to a certificate are left out, because it ends with them. At
    /// most `limit` versions are looked at. With them, how many in each vault are behind a moment (Unix seconds), and, if
    /// they are to be counted, how many there are.
    async fn ending(
        &self,
        permits: Permits,
        within: Range<i64>,
        behind: i64,
        limit: usize,
        counted: bool,
    ) -> Held<Result<Endings, StoreError>>;

    /// Active objects in the vaults that the permits are for, of their kind, that are like what is searched for, in its
    /// order, at most `limit`. All names are looked through, up to [`crate::search::MOST_LOOKED_THROUGH`] over all of the
    /// vaults. What is found may be fewer than there was room for, although there is more.
    async fn search(&self, permits: Permits, search: &Search, limit: usize) -> Held<Result<Found, StoreError>>;
}

/// Identities and sessions.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// One workload.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn workload(&self, client_id: Uuid) -> Result<Option<Arc<Workload>>, StoreError>;

    /// Workloads in order of client id, after `after` (exclusive).
    async fn workloads(
        &self,
        permit: Permit,
        after: Option<Uuid>,
        limit: usize,
    ) -> Held<Result<Page<Arc<Workload>>, StoreError>>;

    /// The sessions of a principal, in no order; expired ones may be given too. Found without a look at those of others,
    /// by a column that is not authenticated: one whose column was edited may be missing, and counts for nothing.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn sessions(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError>;

    /// The same by what is authenticated of them, so that none is hidden from whoever ends them.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn sessions_to_end(&self, principal: &PrincipalId) -> Result<Vec<Arc<Session>>, StoreError>;

    /// All sessions in order of their hashes, after `after` (exclusive), without those that cannot be read and so
    /// count for nothing. For ending those of issuers that are no more.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn all_sessions(&self, after: Option<[u8; 32]>, limit: usize) -> Result<Vec<Session>, StoreError>;

    /// The sessions that came from one session at a provider, in no order and by what is authenticated of them; expired ones
    /// may be given too.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn sessions_at(&self, issuer: &str, provider_session: &str) -> Result<Vec<Arc<Session>>, StoreError>;

    /// One session by the hash of its cookie; expired ones may be given too.
    ///
    /// # Errors
    /// When the store cannot say.
    async fn session(&self, id_hash: &[u8; 32]) -> Result<Option<Arc<Session>>, StoreError>;
}
