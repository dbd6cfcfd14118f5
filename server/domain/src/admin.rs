//! The use cases of the installation: vaults, assignments, workloads, audit records.
//!
//! Management is role-based alone, goes through the same gate as data, and nobody can grant what
//! they do not hold.

use std::sync::Arc;

use strongroom_crypto::{Entropy, SecretText};

use crate::{
    action::Action,
    change::Change,
    context::RequestContext,
    decision::{Denial, DenyReason},
    gate::{Ask, Case, Gate, Judgement},
    grant::{Assignment, Scope, Target},
    identity::{ClientSecretHash, Federation, Workload},
    keyring::{Keyring, KeyringError},
    names::{ObjectKind, ObjectName, VaultId, VaultName},
    network::MAX_NETWORK_RULES,
    policy::{MAX_SETTINGS_BYTES, PolicyEngine},
    ports::{AuditLog, GrantStore, StoreError, VaultStore},
    principal::Grantee,
    record::{HowItWent, NoRecord, Outcome, Record, RecordFilter, Recorder},
    role::Role,
    secret::Page,
    time::uuid_v4,
    vault::{Vault, VaultSettings},
};

/// Most modules attached to a vault.
pub const MAX_ATTACHMENTS: usize = 16;

/// Why an operation on the installation did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The gate said no.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The name is taken.
    #[error("there is a vault of this name already")]
    VaultExists,
    /// There is no such vault.
    #[error("there is no such vault")]
    VaultNotFound,
    /// The role has actions that the granting principal does not hold at the scope.
    #[error("you cannot grant what you do not hold: {}", .0.name())]
    GrantsMoreThanHeld(Role),
    /// Settings outside the documented limits.
    #[error("{0}")]
    Invalid(&'static str),
    /// A stored row is not what Strongroom wrote.
    #[error("stored data fails its authentication")]
    Tampered,
    /// The store or a source of randomness is not available.
    #[error("the store is unavailable")]
    Unavailable,
    /// The audit record could not be made durable.
    #[error(transparent)]
    NoRecord(#[from] NoRecord),
}

impl HowItWent for AdminError {
    fn how(&self) -> (Outcome, &str) {
        let reason = match self {
            Self::Denied(denial) => return denial.how(),
            Self::VaultExists => "vault-exists",
            Self::VaultNotFound => "vault-not-found",
            Self::GrantsMoreThanHeld(_) => "grants-more-than-held",
            Self::Invalid(_) => "invalid",
            Self::Tampered => "tampered",
            Self::Unavailable => "unavailable",
            Self::NoRecord(_) => "no-record",
        };
        (Outcome::Failed, reason)
    }
}

impl From<KeyringError> for AdminError {
    fn from(error: KeyringError) -> Self {
        tracing::error!(%error, "the keyring refused");
        match error {
            KeyringError::Tampered => Self::Tampered,
            KeyringError::Seal(_) | KeyringError::Entropy(_) | KeyringError::Canonical(_) => Self::Unavailable,
        }
    }
}

impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store refused");
        match error {
            StoreError::Damaged(_) => Self::Tampered,
            StoreError::Unavailable(_) | StoreError::Stale => Self::Unavailable,
        }
    }
}

/// Where an assignment is to apply, in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeRequest {
    /// The whole installation.
    Server,
    /// A vault.
    Vault(VaultName),
    /// A secret of a vault.
    Secret(VaultName, ObjectName),
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
    /// Policy modules, to check settings before they bite.
    pub policies: Arc<dyn PolicyEngine>,
    /// Wraps vault keys and tags rows.
    pub keyring: Arc<Keyring>,
    /// Writes records, releases answers.
    pub recorder: Recorder,
    /// Identities and keys.
    pub entropy: Arc<dyn Entropy>,
}

impl Administration {
    /// Makes a vault.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_vault(
        &self,
        ctx: &RequestContext,
        name: &VaultName,
        settings: VaultSettings,
    ) -> Result<Arc<Vault>, AdminError> {
        check_settings(&settings)?;
        let case = self.admit(ctx, Ask { kind: ObjectKind::Vault, ..Ask::vault(Action::VaultCreate, name) }).await?;
        if case.vault.is_some() {
            return Err(self.refuse(ctx, case, AdminError::VaultExists).await);
        }
        for attachment in &settings.policies {
            if let Err(failure) = self.policies.check(attachment).await {
                tracing::warn!(%failure, attachment = %attachment.name, "a vault's attachment is refused");
                let why = AdminError::Invalid("a policy attachment names no loaded module or has settings it refuses");
                return Err(self.refuse(ctx, case, why).await);
            }
        }
        let id = VaultId(uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?);
        let wrapped_key = self.keyring.new_vault_key(id, &*self.entropy)?;
        let mut vault =
            Vault { id, name: name.clone(), settings, revision: 1, created_at: ctx.now, wrapped_key, tag: Vec::new() };
        vault.tag = self.keyring.tag_vault(&vault)?;
        let vault = Arc::new(vault);
        self.change(ctx, case, 1, Change::PutVault(Box::new((*vault).clone())), vault)
            .await?
            .ok_or(AdminError::VaultExists)
    }

    /// The vaults that the caller may see the settings of. Judged vault by vault; one record for all.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_vaults(&self, ctx: &RequestContext) -> Result<Vec<Arc<Vault>>, AdminError> {
        let mut seen = Vec::new();
        for vault in self.vaults.vaults().await? {
            match self.gate.judge(ctx, &Ask::vault(Action::VaultRead, &vault.name)).await {
                Judgement::Permitted(case) => seen.extend(case.vault.map(|(vault, _)| vault)),
                Judgement::Denied(record, denial) => match denial.inspect(|d| d.reason.clone()) {
                    DenyReason::Unavailable => return Err(AdminError::Unavailable),
                    // Not about this vault: the caller does not count at all any more.
                    DenyReason::Identity => return Err(self.recorder.release(ctx, *record, denial).await?.into()),
                    _ => {}
                },
            }
        }
        let Case { permit, mut record, .. } = self.gate.proven(ctx, Action::VaultRead);
        "VaultList".clone_into(&mut record.operation);
        record.kind = Some(ObjectKind::Vault.as_str().to_owned());
        self.recorder.release(ctx, record, permit.hold(Ok(seen))).await?
    }

    /// The vaults that the caller may see the settings of, judged vault by vault and without a record:
    /// for the navigation around a page that has its own. Never an answer by itself.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn visible_vaults(&self, ctx: &RequestContext) -> Result<Vec<Arc<Vault>>, AdminError> {
        let mut seen = Vec::new();
        for vault in self.vaults.vaults().await? {
            let ask = Ask::vault(Action::VaultRead, &vault.name);
            if let Judgement::Permitted(case) = self.gate.judge(ctx, &ask).await {
                seen.extend(case.vault.map(|(vault, _)| vault));
            }
        }
        Ok(seen)
    }

    /// Whether the gate would allow something now, without a record: for showing or leaving out what
    /// leads there. Whoever goes there is judged and recorded.
    pub async fn may(&self, ctx: &RequestContext, ask: &Ask<'_>) -> bool {
        matches!(self.gate.judge(ctx, ask).await, Judgement::Permitted(_))
    }

    /// Gives a role to somebody. The granting principal must hold every action of it at the scope.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn add_assignment(
        &self,
        ctx: &RequestContext,
        grantee: Grantee,
        role: Role,
        scope: &ScopeRequest,
    ) -> Result<Assignment, AdminError> {
        let ask = match scope {
            ScopeRequest::Server => Ask::server(Action::AssignmentAdd),
            ScopeRequest::Vault(vault) => Ask::vault(Action::AssignmentAdd, vault),
            ScopeRequest::Secret(vault, name) => Ask::secret(Action::AssignmentAdd, vault, name),
        };
        let case = self.admit(ctx, ask).await?;
        let vault = case.vault.as_ref().map(|(vault, _)| vault.id);
        let (resolved, target) = match (scope, vault) {
            (ScopeRequest::Server, _) => (Scope::Server, Target { vault: None, kind: ObjectKind::Server, name: None }),
            (ScopeRequest::Vault(_), Some(vault)) => {
                (Scope::Vault { vault }, Target { vault: Some(vault), kind: ObjectKind::Vault, name: None })
            }
            (ScopeRequest::Secret(_, name), Some(vault)) => (
                Scope::Object { vault, kind: ObjectKind::Secret, name: name.clone() },
                Target { vault: Some(vault), kind: ObjectKind::Secret, name: Some(name) },
            ),
            (_, None) => return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await),
        };
        let bootstrap = crate::gate::may_bootstrap(ctx, Action::AssignmentAdd);
        if !bootstrap && !self.holds(ctx, role, target).await? {
            return Err(self.refuse(ctx, case, AdminError::GrantsMoreThanHeld(role)).await);
        }
        let id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let mut assignment = Assignment { id, grantee, role, scope: resolved, created_at: ctx.now, tag: Vec::new() };
        assignment.tag = self.keyring.tag_assignment(&assignment)?;
        let change = Change::AddAssignment(Box::new(assignment.clone()));
        self.change(ctx, case, 1, change, assignment).await?.ok_or(AdminError::Unavailable)
    }

    /// Makes a workload with one client secret, which is told this once and never again.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_workload(
        &self,
        ctx: &RequestContext,
        name: &str,
        federations: Vec<Federation>,
    ) -> Result<(Workload, SecretText), AdminError> {
        if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
            return Err(AdminError::Invalid("a workload's name has 1 to 128 printable characters"));
        }
        if federations.len() > 20 {
            return Err(AdminError::Invalid("a workload has at most 20 federations"));
        }
        let case = self.admit(ctx, Ask::server(Action::WorkloadCreate)).await?;
        let client_id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let secret = strongroom_crypto::new_client_secret(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let hash =
            strongroom_crypto::hash_client_secret(self.keyring.credentials(), &client_id.to_string(), secret.expose());
        let id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let mut workload = Workload {
            client_id,
            name: name.to_owned(),
            enabled: true,
            secrets: vec![ClientSecretHash { id, hash: hash.to_vec(), expires: None }],
            federations,
            revision: 1,
            tag: Vec::new(),
        };
        workload.tag = self.keyring.tag_workload(&workload)?;
        let change = Change::PutWorkload(Box::new(workload.clone()));
        self.change(ctx, case, 1, change, (workload, secret)).await?.ok_or(AdminError::Unavailable)
    }

    /// Audit records, newest first.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn query_audit(&self, ctx: &RequestContext, filter: RecordFilter) -> Result<Page<Record>, AdminError> {
        let case = self.admit(ctx, Ask::server(Action::AuditRead)).await?;
        let held = self.audit.query(case.permit, filter).await.map(|page| page.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Whether the principal holds everything in `role` at the target, by grants that are authentic.
    async fn holds(&self, ctx: &RequestContext, role: Role, target: Target<'_>) -> Result<bool, AdminError> {
        let assignments = self.grants.assignments(&ctx.principal).await?;
        let held: Vec<Role> = assignments
            .iter()
            .filter(|a| a.grantee.covers(&ctx.principal) && a.scope.covers(target))
            .filter(|a| self.keyring.verify_assignment(a).is_ok())
            .map(|a| a.role)
            .collect();
        Ok(role.data_actions().iter().all(|wanted| held.iter().any(|role| role.covers(wanted))))
    }

    async fn admit(&self, ctx: &RequestContext, ask: Ask<'_>) -> Result<Case, AdminError> {
        match self.gate.judge(ctx, &ask).await {
            Judgement::Permitted(case) => Ok(*case),
            Judgement::Denied(record, denial) => Err(self
                .recorder
                .release(ctx, *record, denial)
                .await
                .map_or_else(AdminError::NoRecord, AdminError::Denied)),
        }
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

    async fn change<T>(
        &self,
        ctx: &RequestContext,
        mut case: Case,
        revision: i64,
        change: Change,
        answer: T,
    ) -> Result<Option<T>, AdminError> {
        case.record.revision = Some(revision);
        let (change, held) = case.permit.apply(change, answer).map_err(|error| {
            tracing::error!(%error, "a change did not fit its permit");
            AdminError::Unavailable
        })?;
        Ok(self.recorder.commit(ctx, case.record, change, held).await?)
    }
}

fn check_settings(settings: &VaultSettings) -> Result<(), AdminError> {
    if !(7..=90).contains(&settings.retention_days) {
        return Err(AdminError::Invalid("soft-delete retention is 7 to 90 days"));
    }
    if settings.network.allow.len() > MAX_NETWORK_RULES {
        return Err(AdminError::Invalid("there are more than 1000 network rules"));
    }
    if settings.policies.len() > MAX_ATTACHMENTS {
        return Err(AdminError::Invalid("there are more than 16 policy attachments"));
    }
    let mut names: Vec<&str> = settings.policies.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let well_named = |name: &str| ObjectName::parse(name).is_ok();
    if names.len() != settings.policies.len() || !names.iter().all(|n| well_named(n)) {
        return Err(AdminError::Invalid("policy attachments have distinct names of letters, digits and hyphens"));
    }
    if settings.policies.iter().any(|p| p.settings.len() > MAX_SETTINGS_BYTES) {
        return Err(AdminError::Invalid("a policy attachment's settings are longer than 16 KiB"));
    }
    Ok(())
}
