//! The use cases of the installation: vaults, assignments, workloads, audit records.
//!
//! Management is role-based alone, goes through the same gate as data, and nobody can grant what
//! they do not hold. One file per aggregate; what they share is here.

mod access;
mod approvals;
mod assignments;
mod audit;
mod effective;
mod foresee;
mod givers;
mod giving_up;
mod holdings;
mod names;
mod network_hits;
mod own_denial;
mod owners;
mod policies;
mod policy_documents;
mod replays;
mod roles;
mod root_key;
mod sessions;
mod state;
mod token_keys;
mod tokens;
mod used_actions;
mod vault_life;
mod vaults;
mod workloads;
mod would_allow;

use std::{collections::BTreeSet, sync::Arc};

pub use access::{AccessPoliciesShown, AccessPolicyGiven};
pub use approvals::{ApprovalLacking, ApprovalsShown};
pub use assignments::{AssignmentShown, NewAssignment, ScopeRequest, WantedRole};
pub use audit::{Looks, MAX_RECEIPTS, MAX_STRETCHES};
pub use effective::{
    Gone, GrantShown, GrantState, GrantedBy, GrantsPage, GrantsWanted, HiddenGrants, LastUsed, MAX_GRANTS_SHOWN,
    UNUSED_AFTER,
};
pub use foresee::Described;
pub use holdings::{Holdings, MAX_HOLDINGS, PolicyHeld};
pub use network_hits::{NetworkHits, RuleHits};
pub use own_denial::OwnDenial;
pub use policies::{AttachmentShown, ModuleShown, PoliciesShown, Recovered, recover_policies};
pub use roles::{NewRole, RoleShown};
pub use root_key::RootKeyShown;
use serde::Serialize;
pub use sessions::{EndedSessions, MAX_ENDED_SESSIONS};
use strongroom_crypto::Entropy;
pub use token_keys::TokenKeyring;
pub use used_actions::UsedActions;
pub use vaults::{ChangedVault, KeptBack, KeptBy, VaultListing, VaultsWanted, recover_network};
pub use workloads::{
    ChangedWorkload, DEFAULT_SECRET_SECONDS, MAX_SECRET_SECONDS, MAX_WORKLOAD_PAGE, NewSecret, WorkloadEdit,
    WorkloadLabels,
};
pub use would_allow::{
    About, Altered, ChangedAlike, Counted, Explained, MAX_REPLAYED, NotYours, Possible, SingleChange, Which, WouldAllow,
};

use crate::{
    approval::Content,
    change::{Change, Spent},
    condemned::CondemnedKeys,
    context::RequestContext,
    decision::{Denial, StageEffect},
    gate::{Ask, Case, Gate, Judgement, POLICY_STAGE},
    identity::FederationError,
    key::KeyAlgorithm,
    keyring::{Keyring, KeyringError},
    places::{Place, Places},
    policy::{PolicyEngine, Unfit},
    policy_module::ModuleLibrary,
    ports::{AuditLog, GrantStore, PolicyStore, StoreError, VaultStore},
    record::{HowItWent, NoRecord, Outcome, Record, Recorder},
    role::DefinitionError,
    vault::SettingsError,
};

/// What somebody would do in the management of a vault, for whoever is asked to agree.
fn content(ctx: &RequestContext, all: &impl Serialize, tell: impl FnOnce(&mut Record)) -> Result<Content, AdminError> {
    let mut told = Record::of(ctx, "");
    tell(&mut told);
    Content::of(all, told.details).map_err(|error| {
        tracing::error!(%error, "what is asked for cannot be told");
        AdminError::Unavailable
    })
}

/// What records call it when somebody looks at what giving a role would change, or an access policy.
pub const ASSIGNMENT_PREVIEW: &str = "RoleAssignmentPreview";
/// See [`ASSIGNMENT_PREVIEW`].
pub const ACCESS_POLICY_PREVIEW: &str = "AccessPolicyPreview";
/// The status of a page that shows what a change would do, where the change itself leads elsewhere.
const SHOWN: u16 = 200;

/// How many read many rows at once: fewer than a node has connections for reading, so that the others are judged.
pub const LISTINGS: usize = 2;

/// Why an operation on the installation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The gate said no.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The name is taken.
    #[error("there is a vault of this name already")]
    VaultExists,
    /// The name is taken by a soft-deleted vault.
    #[error("there is a soft-deleted vault of this name; recover or purge it, or wait for its purge date")]
    VaultDeletedButRecoverable,
    /// There is no such vault.
    #[error("there is no such vault")]
    VaultNotFound,
    /// There is no such audit record.
    #[error("there is no such audit record")]
    RecordNotFound,
    /// No checkpoint covers the record yet.
    #[error("no checkpoint covers the record yet; the next one will, within seconds")]
    NotCovered,
    /// There is no such workload identity.
    #[error("there is no such workload identity")]
    WorkloadNotFound,
    /// The workload identity has no such credential.
    #[error("the workload identity has no such credential")]
    CredentialNotFound,
    /// The workload identity has the credential already.
    #[error("the {0} is registered already for this workload identity")]
    CredentialExists(&'static str),
    /// There is no such soft-deleted vault.
    #[error("there is no such deleted vault")]
    DeletedVaultNotFound,
    /// The vault cannot be purged before its time.
    #[error("the vault is protected against purging")]
    PurgeProtected,
    /// The installation has as many vaults as it may have.
    #[error(
        "there are at most 1000 vaults, deleted ones included, and the last 50 are for those who may assign roles on the installation"
    )]
    TooManyVaults,
    /// The role has actions that the granting principal does not hold at the scope.
    #[error("you cannot grant what you do not hold yourself, at this scope and for as long: {0}")]
    GrantsMoreThanHeld(String),
    /// Nobody can ever be this grantee: its issuer is this installation, which has no such identity.
    #[error("there is no such identity in this installation")]
    GranteeNotFound,
    /// There is no role of the name that an assignment asks for.
    #[error("there is no role of this name")]
    NoSuchRoleName,
    /// There is no such role definition.
    #[error("there is no such role definition")]
    RoleNotFound,
    /// There is a role definition of this name or id.
    #[error("there is a role definition of this name or id already")]
    RoleExists,
    /// Assignments refer to the role definition.
    #[error("the role definition is in use: remove its assignments first")]
    RoleInUse,
    /// There are as many custom role definitions as there may be.
    #[error("there are at most 500 custom role definitions, and at most 20 that are assignable in one vault alone")]
    TooManyRoles,
    /// The role definition's assignable scopes do not contain the scope.
    #[error("the role definition is not assignable at this scope")]
    NotAssignableHere,
    /// The access policy has permissions that its author does not hold by role on the vault, without an end.
    #[error("you cannot give permissions that you do not hold yourself by a role on the vault, without an end")]
    PermitsMoreThanHeld,
    /// Only who holds every data action of the vault by role decides which module grants.
    #[error(
        "only who holds every data action of the vault by a role, without an end, can let a policy module grant access to it"
    )]
    AuthorityNotHeld,
    /// What policy modules may grant a workload, or others approved for it, is more than who would become it holds.
    #[error(
        "policy modules or approvals may let this workload do more than you: who gives it a credential, enables or renames it \
         holds every data action of all vaults in the access mode modules by roles, without an end, and it has no approval \
         that counts now; or an Owner of the installation does it"
    )]
    MayBeGrantedMore,
    /// The change would allow its author more in the vault than before.
    #[error("nobody lifts their own restriction: {0}")]
    LiftsOwnRestriction(OwnRestriction),
    /// In the new access mode nobody could be granted anything.
    #[error(
        "in this access mode nobody would have access: give somebody an access policy, or attach an enforced module with authority, first"
    )]
    LocksEverybodyOut,
    /// After the change, or once a rule has ended, its author could not reach the vault from where they ask.
    #[error(
        "from where you ask now, this change would lock you out of the vault{0}: allow your address or listener too, without an end, or force it (\"force\": true, --force)"
    )]
    LocksAuthorOut(crate::network::ShutOut),
    /// There is no such access policy.
    #[error("there is no access policy for this grantee")]
    AccessPolicyNotFound,
    /// The vault has as many access policies as it may.
    #[error("a vault has at most 1024 access policies")]
    TooManyAccessPolicies,
    /// A module is missing, refuses its settings, or gives no usable answer when it is tried.
    #[error("the policy attachment {name} is refused: {why}")]
    AttachmentRefused {
        /// Name of the attachment.
        name: String,
        /// What went wrong.
        why: Unfit,
    },
    /// There is no such policy module.
    #[error("there is no such policy module")]
    ModuleNotFound,
    /// The module ships with the product.
    #[error("this module ships with the product, so it is always there")]
    ModuleShips,
    /// Attachments refer to the module.
    #[error(
        "the policy module is attached somewhere, or a rollback there would need it: detach what `strongroom policy attached` shows of it, of each vault and of all vaults (strongroom policy detach NAME --vault VAULT, or --all-vaults), deleted vaults included"
    )]
    ModuleInUse,
    /// What was uploaded is no policy module.
    #[error("{0}")]
    ModuleRefused(String),
    /// The server's configuration demands a signature that the module does not have.
    #[error("the policy module is not signed by a key that this server's configuration lists")]
    ModuleNotSigned,
    /// The module is kept with a signature already, and nothing tells which of the two holds.
    #[error(
        "the policy module is kept with another signature, and this server lists no keys (policy_signers) that would tell which one holds: list them and push again, or remove the module first"
    )]
    ModuleSignedOtherwise,
    /// There are as many policy modules as there may be.
    #[error(
        "there are at most 200 uploaded policy modules, of 256 MiB together: remove some that are attached nowhere"
    )]
    TooManyModules,
    /// No module is attached under this name.
    #[error("no policy module is attached under this name")]
    AttachmentNotFound,
    /// There is no such document.
    #[error("there is no such document for policy modules")]
    DocumentNotFound,
    /// There are as many documents as there may be.
    #[error("there are at most 32 documents for policy modules, of 64 KiB together")]
    TooManyDocuments,
    /// There is no such result of a replay any more.
    #[error("there is no such replay, or newer ones have taken its place")]
    ReplayNotFound,
    /// There is no such request for approval, or it has ended.
    #[error("there is no such request for approval, or it has ended")]
    ApprovalNotFound,
    /// Nobody answers their own request.
    #[error("somebody else has to answer this request: it is your own")]
    OwnApproval,
    /// Somebody else refused.
    #[error(
        "somebody else refused this request: until that ends, only they or an Owner of the installation can answer it"
    )]
    ApprovalRefused,
    /// There is no such assignment.
    #[error("there is no such assignment")]
    AssignmentNotFound,
    /// There is such an assignment already: its twin, or one of its id.
    #[error(
        "this is assigned already: the same role at the same scope to the same grantee until the same end, or an assignment of this id"
    )]
    AssignmentExists,
    /// The vault, or the installation itself, has as many assignments as it may, or as many of the grantee.
    #[error(
        "a vault has at most 2000 role assignments, and at most 100 of one grantee, as has the installation itself; those that have ended count too: remove some first"
    )]
    TooManyAssignments,
    /// The last Owner of the installation without an end cannot be taken away.
    #[error("this is the last Owner of the installation: make somebody else Owner, without an end, first")]
    LastOwner,
    /// A new key that signs tokens waits for its time already.
    #[error("a new key is announced already and will sign within ten minutes; revoking takes effect at once")]
    TokenKeyAnnounced,
    /// Settings outside the documented limits.
    #[error("{0}")]
    Invalid(&'static str),
    /// A role definition that cannot be one.
    #[error(transparent)]
    Definition(DefinitionError),
    /// The caller asked for a change of another revision than there is.
    #[error("the vault is at another revision")]
    OtherRevision,
    /// The vault or workload keeps changing under the request.
    #[error("it is being changed by others")]
    Contended,
    /// A stored row is not what Strongroom wrote.
    #[error("stored data fails its authentication")]
    Tampered,
    /// The log is too long for the question.
    #[error(
        "looking through the log for this takes too long: ask about one vault, one outcome or a shorter stretch of time"
    )]
    TooMuchToLookThrough,
    /// The caller has as much under way as one may have, or everybody together.
    #[error("too many questions like this one are under way")]
    Busy,
    /// The store or a source of randomness is not available.
    #[error("the store is unavailable")]
    Unavailable,
    /// The audit record could not be made durable.
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
}

/// What of their own somebody would lift, and who can do it in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnRestriction {
    /// That the access mode of a vault does not ask for what they hold.
    #[error(
        "in this access mode you could do more in the vault than you can now, so somebody who gains nothing by it has to \
         change it, for instance a Key Vault Contributor of this vault who holds nothing else there"
    )]
    AccessMode,
    /// That they have no such permission by an access policy.
    #[error(
        "this access policy would be your own, so somebody else has to give it who holds these permissions by a role on the \
         vault, for instance another Owner of it"
    )]
    AccessPolicy,
    /// What a policy module denies them, or an algorithm that is switched off.
    #[error(
        "what is taken away or changed restricts you as well, so an Owner of the installation has to do it, or, unless \
         modules grant access there, somebody who may do nothing with what is in the vault"
    )]
    Guard,
    /// That policy modules bind them, which whoever may do nothing in a vault may lift.
    #[error(
        "you may change the settings of a vault where this role binds you to what its policy modules deny, so somebody else \
         has to take it from you, for instance a Key Vault Data Access Administrator there"
    )]
    OwnRole,
    /// What a policy module denies them in all vaults.
    #[error("what is taken away or changed restricts everybody, so an Owner of the installation has to do it")]
    GuardOfAll,
}

impl HowItWent for AdminError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Denied(denial) => return denial.how(),
            Self::VaultExists => "vault-exists",
            Self::VaultDeletedButRecoverable => "vault-deleted-but-recoverable",
            Self::VaultNotFound => "vault-not-found",
            Self::RecordNotFound => "record-not-found",
            Self::NotCovered => "not-covered-yet",
            Self::WorkloadNotFound => "workload-not-found",
            Self::CredentialNotFound => "credential-not-found",
            Self::CredentialExists(_) => "credential-exists",
            Self::DeletedVaultNotFound => "deleted-vault-not-found",
            Self::PurgeProtected => "purge-protected",
            Self::TooManyVaults => "too-many-vaults",
            Self::GrantsMoreThanHeld(_) => "grants-more-than-held",
            Self::AttachmentRefused { .. } => "attachment-refused",
            Self::ModuleNotFound => "module-not-found",
            Self::ModuleShips => "module-ships",
            Self::ModuleInUse => "module-in-use",
            Self::ModuleRefused(_) => "module-refused",
            Self::ModuleNotSigned => "module-not-signed",
            Self::ModuleSignedOtherwise => "module-signed-otherwise",
            Self::TooManyModules => "too-many-modules",
            Self::AttachmentNotFound => "attachment-not-found",
            Self::DocumentNotFound => "document-not-found",
            Self::TooManyDocuments => "too-many-documents",
            Self::ReplayNotFound => "replay-not-found",
            Self::ApprovalNotFound => "approval-not-found",
            Self::OwnApproval => "own-approval",
            Self::ApprovalRefused => "approval-refused",
            Self::AssignmentNotFound => "assignment-not-found",
            Self::AssignmentExists => "assignment-exists",
            Self::TooManyAssignments => "too-many-assignments",
            Self::LastOwner => "last-owner",
            Self::PermitsMoreThanHeld => "permits-more-than-held",
            Self::AuthorityNotHeld => "authority-not-held",
            Self::MayBeGrantedMore => "may-be-granted-more",
            Self::LiftsOwnRestriction(_) => "lifts-own-restriction",
            Self::LocksEverybodyOut => "locks-everybody-out",
            Self::LocksAuthorOut(_) => "locks-author-out",
            Self::AccessPolicyNotFound => "access-policy-not-found",
            Self::TooManyAccessPolicies => "too-many-access-policies",
            Self::GranteeNotFound => "grantee-not-found",
            Self::NoSuchRoleName => "no-such-role-name",
            Self::RoleNotFound => "role-not-found",
            Self::RoleExists => "role-exists",
            Self::RoleInUse => "role-in-use",
            Self::TooManyRoles => "too-many-roles",
            Self::NotAssignableHere => "not-assignable-here",
            Self::TokenKeyAnnounced => "token-key-announced",
            Self::Invalid(_) | Self::Definition(_) => "invalid",
            Self::OtherRevision => "other-revision",
            Self::Contended => "contended",
            Self::Tampered => "tampered",
            Self::TooMuchToLookThrough => "too-much-to-look-through",
            Self::Busy => "throttled",
            Self::Unavailable => "unavailable",
            Self::NoRecord(_) => "no-record",
        };
        (Outcome::Failed, reason)
    }
}

impl From<SettingsError> for AdminError {
    fn from(SettingsError(why): SettingsError) -> Self {
        Self::Invalid(why)
    }
}

impl From<KeyringError> for AdminError {
    fn from(error: KeyringError) -> Self {
        tracing::error!(%error, "the keyring refused");
        match error {
            KeyringError::Tampered => Self::Tampered,
            KeyringError::Seal(_)
            | KeyringError::Entropy(_)
            | KeyringError::Unreachable
            | KeyringError::Canonical(_) => Self::Unavailable,
        }
    }
}

impl From<FederationError> for AdminError {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::Text => {
                Self::Invalid("a federation's issuer, subject and audience have 1 to 256 printable characters")
            }
            FederationError::Pattern => Self::Invalid(
                "a subject pattern begins with 8 characters that are no asterisk and has at most 4 asterisks",
            ),
        }
    }
}

impl From<DefinitionError> for AdminError {
    fn from(error: DefinitionError) -> Self {
        Self::Definition(error)
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store refused");
        match error {
            StoreError::Damaged(_) => Self::Tampered,
            StoreError::TooLong => Self::TooMuchToLookThrough,
            StoreError::Unavailable(_) | StoreError::Stale => Self::Unavailable,
        }
    }
}

/// The use cases with what they conduct.
pub struct Administration {
    /// The gate.
    pub gate: Arc<Gate>,
    /// Vaults.
    pub vaults: Arc<dyn VaultStore>,
    /// Assignments.
    pub grants: Arc<dyn GrantStore>,
    /// Records.
    pub audit: Arc<dyn AuditLog>,
    /// Who may look through the records now: that costs much where the log is long.
    pub looks: Looks,
    /// Who may list what many rows say now: a caller does it once at a time.
    pub listings: Places,
    /// Policy modules, to check settings before they bite.
    pub policies: Arc<dyn PolicyEngine>,
    /// The keys that sign tokens.
    pub token_keys: TokenKeyring,
    /// Compiles policy modules and knows what they say about themselves.
    pub library: Arc<dyn ModuleLibrary>,
    /// Uploaded policy modules.
    pub modules: Arc<dyn PolicyStore>,
    /// Keys of a purged vault that are to be destroyed in the hardware token.
    pub condemned: Arc<dyn CondemnedKeys>,
    /// Wraps vault keys and tags rows.
    pub keyring: Arc<Keyring>,
    /// Writes records, releases answers.
    pub recorder: Recorder,
    /// Identities and keys.
    pub entropy: Arc<dyn Entropy>,
}

/// What the gate would say to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// It would be let through.
    Open,
    /// What stands before the policy modules would refuse it, for this reason (its code).
    Obstacle(String),
    /// A policy module would refuse it.
    ByModule,
}

/// Whether something is at another revision than whoever changes it saw, which is 0 for what was not there. Two people at
/// once must not undo each other's work.
fn is_other(expected: Option<i64>, present: Option<i64>) -> bool {
    expected.is_some_and(|expected| expected != present.unwrap_or_default())
}

impl Administration {
    /// Whether the gate would allow something now, without a record: for showing or leaving out what
    /// leads there. Whoever goes there is judged and recorded.
    pub async fn may(&self, ctx: &RequestContext, ask: &Ask<'_>) -> bool {
        matches!(self.gate.judge_ahead(ctx, ask).await, Judgement::Permitted(_))
    }

    /// Why the gate would not let something come as far as the policy modules now, without a record; none
    /// when it would. Modules judge what is sent, which nobody knows before it is filled in.
    pub async fn obstacle(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Option<String> {
        match self.ahead(ctx, ask).await {
            Ahead::Obstacle(reason) => Some(reason),
            Ahead::Open | Ahead::ByModule => None,
        }
    }

    /// What the gate would say to something now, without a record. Promises nothing for the next request.
    pub async fn ahead(&self, ctx: &RequestContext, ask: &Ask<'_>) -> Ahead {
        match self.gate.judge_ahead(ctx, ask).await {
            Judgement::Permitted(_) => Ahead::Open,
            Judgement::Denied(record, _) => {
                // Behind it may stand what modules in shadow would have said.
                match record.trace.into_iter().rfind(|stage| stage.effect == StageEffect::Deny) {
                    Some(last) if !last.stage.starts_with(POLICY_STAGE) => Ahead::Obstacle(last.reason),
                    _ => Ahead::ByModule,
                }
            }
        }
    }

    /// The algorithms that the vault refuses whoever is let as far as the policy modules with this now, without a record:
    /// what a page need not offer. None for all others.
    pub async fn refused_algorithms(&self, ctx: &RequestContext, ask: &Ask<'_>) -> BTreeSet<KeyAlgorithm> {
        match self.gate.judge_ahead(ctx, ask).await {
            Judgement::Permitted(case) => {
                case.vault.map(|(vault, _)| vault.settings.refused_algorithms.clone()).unwrap_or_default()
            }
            Judgement::Denied(..) => BTreeSet::new(),
        }
    }

    async fn admit(&self, ctx: &RequestContext, ask: Ask<'_>) -> Result<Case, AdminError> {
        match self.gate.judge(ctx, &ask).await {
            Judgement::Permitted(case) => Ok(*case),
            Judgement::Denied(record, denial) => Err(self
                .gate
                .turn_away(&self.recorder, ctx, *record, denial)
                .await
                .map_or_else(AdminError::NoRecord, AdminError::Denied)),
        }
    }

    /// Judges a change that somebody wants to see beforehand, as the change would be. Nobody is asked to approve it, and its
    /// record has a name of its own: whoever reads the log must not take what was looked at for what was done.
    async fn admit_preview(
        &self,
        ctx: &RequestContext,
        ask: Ask<'_>,
        operation: &'static str,
    ) -> Result<Case, AdminError> {
        ctx.look();
        match self.gate.judge_ahead(ctx, &ask).await {
            Judgement::Permitted(mut case) => {
                operation.clone_into(&mut case.record.operation);
                Ok(*case)
            }
            Judgement::Denied(mut record, denial) => {
                operation.clone_into(&mut record.operation);
                let denied = self.gate.turn_away(&self.recorder, ctx, *record, denial).await;
                Err(denied.map_or_else(AdminError::NoRecord, AdminError::Denied))
            }
        }
    }

    /// Records that it may be seen.
    async fn previewed(&self, ctx: &RequestContext, case: Case) -> Result<(), AdminError> {
        let Case { permit, mut record, .. } = case;
        record.status = Some(SHOWN);
        self.recorder.release(ctx, record, permit.hold(Ok::<_, AdminError>(()))).await?
    }

    /// A place to read many rows. A caller has one at a time and does not wait for it without end.
    async fn listing(&self, ctx: &RequestContext) -> Result<Place, AdminError> {
        self.listings.enter(&ctx.principal.id).await.ok_or(AdminError::Busy)
    }

    async fn refuse(&self, ctx: &RequestContext, case: Case, why: AdminError) -> AdminError {
        let held = case.permit.hold(Err::<(), _>(why));
        match self.recorder.release(ctx, case.record, held).await {
            Ok(Err(why)) => why,
            // Unreachable by construction: what was held is an error.
            Ok(Ok(())) => AdminError::Unavailable,
            Err(no_record) => AdminError::NoRecord(no_record),
        }
    }

    /// It changed each time it was judged. Judged once more, so that this is told to those alone who may know it, and is
    /// on record like everything else that did not happen.
    async fn contended(&self, ctx: &RequestContext, ask: Ask<'_>) -> AdminError {
        match self.admit(ctx, ask).await {
            Ok(case) => self.refuse(ctx, case, AdminError::Contended).await,
            Err(why) => why,
        }
    }

    async fn change<T>(
        &self,
        ctx: &RequestContext,
        mut case: Case,
        revision: i64,
        change: Change,
        answer: T,
    ) -> Result<Option<T>, AdminError> {
        case.record.revision = Some(revision);
        case.record.vault_change = match (&change, &case.vault) {
            (Change::MakeVault { vault, .. } | Change::PutVault(vault), _) => Some(vault.as_changed()),
            (Change::PurgeVault, Some((vault, _))) => Some(vault.as_changed()),
            _ => None,
        };
        let attached = match &change {
            Change::PutVault(vault) => Some((Some(vault.id), vault.settings.policies.clone())),
            Change::PutInstallationPolicies(all) => Some((None, all.policies.clone())),
            _ => None,
        };
        let (change, held) = case.permit.apply(change, answer).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            AdminError::Unavailable
        })?;
        let change = match case.spends {
            Some(rests_on) => {
                let mut request = rests_on.spent(ctx.seconds());
                request.tag = self.keyring.tag_approval(&request)?;
                change.spending(Spent { request, replaces: rests_on.revision }).map_err(|error| {
                    tracing::error!(%error, "an approval is not of the change that rests on it");
                    AdminError::Unavailable
                })?
            }
            None => change,
        };
        let done = self.recorder.commit(ctx, case.record, change, held).await?;
        if let (Some(_), Some((vault, policies))) = (&done, attached) {
            self.gate.shadows.keep_attached(vault, &policies);
            self.gate.runs.keep_attached(vault, &policies);
        }
        Ok(done)
    }
}
