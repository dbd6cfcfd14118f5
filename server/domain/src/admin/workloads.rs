//! Use cases of workload identities and their credentials.
//!
//! A client secret is told once and never again. Whoever gives a workload a credential can act as it,
//! so that takes everything the workload holds, and may hold where modules grant or others approved: nobody grants what
//! they do not hold. Nor does anybody take
//! the last way in away by taking it from the workload that is it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use strongroom_crypto::{ClientCertificate, SecretText};
use uuid::Uuid;

use super::{AdminError, Administration};
use crate::{
    access_policy::{AccessMode, all_of_a_vault},
    action::Action,
    change::Change,
    context::RequestContext,
    gate::Ask,
    grant::Scope,
    identity::{CertificateCredential, ClientSecretHash, Federation, MAX_CREDENTIALS, Workload},
    names::ObjectName,
    principal::{Principal, PrincipalId, PrincipalKind},
    role::RoleRef,
    secret::Page,
    text::deceives,
    time::uuid_v4,
    vault::MAX_VAULTS,
};

/// How often a request is judged anew because its workload changed meanwhile.
const ATTEMPTS: usize = 4;
/// Most workloads on a page.
pub const MAX_WORKLOAD_PAGE: usize = 100;
/// Longest life of a client secret, in seconds: two years, as Azure's portal has it.
pub const MAX_SECRET_SECONDS: i64 = 730 * 86_400;
/// Life of a client secret of which nobody says when it ends, in seconds: half a year, as Azure's portal suggests. None
/// is made without an end; those of earlier releases have what they were made with.
pub const DEFAULT_SECRET_SECONDS: i64 = 180 * 86_400;

/// What is said of workloads beside their client ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadLabels {
    /// What people call them.
    pub names: BTreeMap<Uuid, String>,
    /// Those that were deleted.
    pub gone: BTreeSet<Uuid>,
}

impl WorkloadLabels {
    /// The name of a principal that is a workload of the installation whose issuer this is. Whoever another issuer calls
    /// by the same id has none.
    #[must_use]
    pub fn name(&self, principal: &PrincipalId, own_issuer: &str) -> Option<&str> {
        self.names.get(&principal.workload_of(own_issuer)?).map(String::as_str)
    }

    /// Whether a principal was a workload of the installation whose issuer this is.
    #[must_use]
    pub fn is_gone(&self, principal: &PrincipalId, own_issuer: &str) -> bool {
        principal.workload_of(own_issuer).is_some_and(|id| self.gone.contains(&id))
    }
}

/// A client secret to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewSecret {
    /// What people call it.
    pub name: Option<String>,
    /// Unix seconds from which it no longer counts; [`DEFAULT_SECRET_SECONDS`] from now when nothing is said.
    pub expires: Option<i64>,
}

/// One change of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadEdit {
    /// Another name; disabled, or enabled again.
    Update {
        /// The name, if it is to change.
        name: Option<String>,
        /// Whether it is enabled, if that is to change.
        enabled: Option<bool>,
    },
    /// One more client secret.
    AddSecret(NewSecret),
    /// A new client secret in place of all others.
    ReplaceSecrets(NewSecret),
    /// One client secret less.
    RemoveSecret(Uuid),
    /// One more certificate, with what people call it.
    AddCertificate(Box<ClientCertificate>, Option<String>),
    /// One certificate less.
    RemoveCertificate(Uuid),
    /// One more federation.
    AddFederation(Federation),
    /// One federation less.
    RemoveFederation(Uuid),
}

impl WorkloadEdit {
    fn action(&self) -> Action {
        match self {
            Self::Update { .. } => Action::WorkloadUpdate,
            _ => Action::WorkloadCredential,
        }
    }

    /// Whether it gives anybody a way to become the workload, a credential or the use of those that a disabled one has,
    /// or takes its name, which another could then bear to be given what is meant for this one.
    fn gives(&self, before: &Workload) -> bool {
        match self {
            Self::Update { name, enabled } => {
                let renames = name.as_ref().is_some_and(|name| *name != before.name);
                renames || (*enabled == Some(true) && !before.enabled)
            }
            _ => self.lets_in(),
        }
    }

    /// Whether somebody may know a credential afterwards, or one counts again that somebody knows.
    fn lets_in(&self) -> bool {
        match self {
            Self::Update { enabled, .. } => *enabled == Some(true),
            Self::AddSecret(_) | Self::ReplaceSecrets(_) | Self::AddCertificate(..) | Self::AddFederation(_) => true,
            Self::RemoveSecret(_) | Self::RemoveCertificate(_) | Self::RemoveFederation(_) => false,
        }
    }

    /// The operation name of audit records.
    fn operation(&self) -> &'static str {
        match self {
            Self::Update { enabled: Some(true), .. } => "WorkloadEnable",
            Self::Update { enabled: Some(false), .. } => "WorkloadDisable",
            Self::Update { .. } => "WorkloadUpdate",
            Self::AddSecret(_) => "WorkloadSecretAdd",
            Self::ReplaceSecrets(_) => "WorkloadSecretReplace",
            Self::RemoveSecret(_) => "WorkloadSecretRemove",
            Self::AddCertificate(..) => "WorkloadCertificateAdd",
            Self::RemoveCertificate(_) => "WorkloadCertificateRemove",
            Self::AddFederation(_) => "WorkloadFederationAdd",
            Self::RemoveFederation(_) => "WorkloadFederationRemove",
        }
    }
}

/// A changed workload. A client secret that was made is in here once and nowhere else.
pub struct ChangedWorkload {
    /// The workload after the change.
    pub workload: Workload,
    /// The credential that was made.
    pub credential: Option<Uuid>,
    /// The client secret that was made.
    pub secret: Option<SecretText>,
}

impl Administration {
    /// Makes a workload, with one client secret when asked for.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn create_workload(
        &self,
        ctx: &RequestContext,
        name: &str,
        federations: Vec<Federation>,
        secret: Option<NewSecret>,
    ) -> Result<ChangedWorkload, AdminError> {
        let case = self.admit(ctx, Ask::server(Action::WorkloadCreate)).await?;
        let client_id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let edits = federations.into_iter().map(WorkloadEdit::AddFederation);
        let edits = std::iter::once(WorkloadEdit::Update { name: Some(name.to_owned()), enabled: None })
            .chain(edits)
            .chain(secret.map(WorkloadEdit::AddSecret));
        let workload = Workload { created: Some(ctx.seconds()), ..Workload::new(client_id, "") };
        let mut made = ChangedWorkload { workload, credential: None, secret: None };
        for edit in edits {
            if let Err(why) = self.edit(&mut made, &edit, ctx.seconds()) {
                return Err(self.refuse(ctx, case, why).await);
            }
            if edit.lets_in() {
                made.workload.note_giver(&ctx.principal.id);
            }
        }
        let mut case = case;
        case.record.object = Some(client_id.to_string());
        case.record.detail_workload(None, Some(&made.workload));
        made.workload.tag = self.keyring.tag_workload(&made.workload)?;
        let change = Change::PutWorkload { workload: Box::new(made.workload.clone()), remaining: None };
        self.change(ctx, case, 1, change, made).await?.ok_or(AdminError::Unavailable)
    }

    /// One workload.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_workload(&self, ctx: &RequestContext, client_id: Uuid) -> Result<Arc<Workload>, AdminError> {
        let name = name_of(client_id)?;
        let case = self.admit(ctx, Ask::workload(Action::WorkloadRead, &name)).await?;
        let found = case.workload.ok_or(AdminError::WorkloadNotFound);
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    /// What people call these workloads, for who may see workloads; without a record: for the labels of a
    /// page that has its own, never an answer by itself. One that is gone has no name.
    pub async fn workload_names(
        &self,
        ctx: &RequestContext,
        client_ids: impl IntoIterator<Item = Uuid>,
    ) -> BTreeMap<Uuid, String> {
        if !self.may(ctx, &Ask::server(Action::WorkloadRead)).await {
            return BTreeMap::new();
        }
        self.labels(client_ids).await.names
    }

    /// The same with those that are gone, which is told to whoever may see what names them: a grant of nobody is theirs
    /// to remove. There is nothing to enumerate, because client ids are drawn at random.
    pub async fn workload_labels(
        &self,
        ctx: &RequestContext,
        client_ids: impl IntoIterator<Item = Uuid>,
    ) -> WorkloadLabels {
        let mut labels = self.labels(client_ids).await;
        if !labels.names.is_empty() && !self.may(ctx, &Ask::server(Action::WorkloadRead)).await {
            labels.names.clear();
        }
        labels
    }

    /// What is known of these workloads, for whoever may know it. One that cannot be read, or whose row was edited, has no
    /// name and is not gone.
    pub(super) async fn labels(&self, client_ids: impl IntoIterator<Item = Uuid>) -> WorkloadLabels {
        let mut labels = WorkloadLabels::default();
        for client_id in client_ids.into_iter().collect::<BTreeSet<_>>() {
            match self.gate.identities.workload(client_id).await {
                Ok(Some(workload)) if self.keyring.verify_workload(&workload).is_ok() => {
                    labels.names.insert(client_id, workload.name.clone());
                }
                Ok(None) => {
                    labels.gone.insert(client_id);
                }
                Ok(Some(_)) | Err(_) => {}
            }
        }
        labels
    }

    /// Workloads in order of client id, after `after` (exclusive), at most [`MAX_WORKLOAD_PAGE`].
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_workloads(
        &self,
        ctx: &RequestContext,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<Arc<Workload>>, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::WorkloadRead)).await?;
        "WorkloadList".clone_into(&mut case.record.operation);
        let held = self.gate.identities.workloads(case.permit, after, limit.clamp(1, MAX_WORKLOAD_PAGE)).await;
        let held = held.map(|page| {
            let page = page.map_err(AdminError::from)?;
            match page.items.iter().all(|workload| self.keyring.verify_workload(workload).is_ok()) {
                true => Ok(page),
                false => Err(AdminError::Tampered),
            }
        });
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Changes a workload. Holds on the next request.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn change_workload(
        &self,
        ctx: &RequestContext,
        client_id: Uuid,
        edit: &WorkloadEdit,
    ) -> Result<ChangedWorkload, AdminError> {
        let name = name_of(client_id)?;
        for _ in 0..ATTEMPTS {
            let mut case = self.admit(ctx, Ask::workload(edit.action(), &name)).await?;
            edit.operation().clone_into(&mut case.record.operation);
            let Some(found) = case.workload.clone() else {
                return Err(self.refuse(ctx, case, AdminError::WorkloadNotFound).await);
            };
            if edit.gives(&found)
                && let Err(why) = self.may_become(ctx, client_id).await
            {
                return Err(self.refuse(ctx, case, why).await);
            }
            let mut changed = ChangedWorkload { workload: (*found).clone(), credential: None, secret: None };
            if let Err(why) = self.edit(&mut changed, edit, ctx.seconds()) {
                return Err(self.refuse(ctx, case, why).await);
            }
            if edit.lets_in() {
                changed.workload.note_giver(&ctx.principal.id);
            }
            let remaining = match self.remaining_without(ctx, &found, Some(&changed.workload)).await {
                Ok(remaining) => remaining,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            changed.workload.revision = changed.workload.revision.saturating_add(1);
            changed.workload.tag = self.keyring.tag_workload(&changed.workload)?;
            case.record.version = changed.credential.map(|id| id.to_string());
            case.record.detail_workload(Some(&found), Some(&changed.workload));
            let revision = changed.workload.revision;
            let change = Change::PutWorkload { workload: Box::new(changed.workload.clone()), remaining };
            if let Some(done) = self.change(ctx, case, revision, change, changed).await? {
                return Ok(done);
            }
        }
        Err(self.contended(ctx, Ask::workload(edit.action(), &name)).await)
    }

    /// Deletes a workload with its credentials: its tokens count for nothing from the next request on.
    /// Its client id is never given to another.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn delete_workload(&self, ctx: &RequestContext, client_id: Uuid) -> Result<(), AdminError> {
        let name = name_of(client_id)?;
        for _ in 0..ATTEMPTS {
            let mut case = self.admit(ctx, Ask::workload(Action::WorkloadDelete, &name)).await?;
            let Some(found) = case.workload.clone() else {
                return Err(self.refuse(ctx, case, AdminError::WorkloadNotFound).await);
            };
            let remaining = match self.remaining_without(ctx, &found, None).await {
                Ok(remaining) => remaining,
                Err(why) => return Err(self.refuse(ctx, case, why).await),
            };
            case.record.detail_workload(Some(&found), None);
            let change = Change::DeleteWorkload { remaining };
            if self.change(ctx, case, found.revision, change, ()).await?.is_some() {
                return Ok(());
            }
        }
        Err(self.contended(ctx, Ask::workload(Action::WorkloadDelete, &name)).await)
    }

    /// Whether the caller holds everything that the workload holds, so that becoming it gains nothing.
    pub(super) async fn may_become(&self, ctx: &RequestContext, client_id: Uuid) -> Result<(), AdminError> {
        let id = PrincipalId { issuer: self.gate.own_issuer.clone(), subject: client_id.to_string() };
        if ctx.principal.id == id || crate::gate::may_bootstrap(ctx, Action::WorkloadCredential) {
            return Ok(());
        }
        let workload = Principal { id, kind: PrincipalKind::Workload, ..Principal::anonymous() };
        for assignment in self.grants.assignments(&workload).await?.iter() {
            let custom = match assignment.role {
                RoleRef::BuiltIn(_) => None,
                RoleRef::Custom(id) => self.custom_role(id).await?,
            };
            let (name, wanted) = match (assignment.role, &custom) {
                (RoleRef::BuiltIn(role), _) => (role.name(), role.permissions()),
                (RoleRef::Custom(_), Some(role)) => (role.name.as_str(), role.permissions()),
                // A definition that is gone permits nothing.
                (RoleRef::Custom(_), None) => continue,
            };
            if !self.holds(ctx, wanted, assignment.scope.target(), assignment.ends_at).await? {
                return Err(AdminError::GrantsMoreThanHeld(name.to_owned()));
            }
        }
        // Deleted ones too: they can be recovered, and their access policies with them.
        let (active, deleted) = (self.vaults.vaults(false).await?, self.vaults.vaults(true).await?);
        if active.len().max(deleted.len()) > MAX_VAULTS {
            // Not all of them were read, and the others may hold more for it.
            return Err(AdminError::TooMuchToLookThrough);
        }
        for vault in active.iter().chain(&deleted) {
            let scope = Scope::Vault { vault: vault.id };
            let policies = self.grants.access_policies(vault.id, &workload).await?;
            for permission in policies.iter().flat_map(|policy| policy.permissions.iter()) {
                if !self.holds(ctx, permission.as_permissions(), scope.target(), None).await? {
                    return Err(AdminError::PermitsMoreThanHeld);
                }
            }
        }
        // An Owner of the installation could be given all of it.
        if self.gate.owns_installation(ctx).await? {
            return Ok(());
        }
        // What modules would let it do is not known beforehand.
        for vault in active.iter().chain(&deleted).filter(|vault| vault.settings.access_mode == AccessMode::Modules) {
            let scope = Scope::Vault { vault: vault.id };
            if !self.holds(ctx, all_of_a_vault(), scope.target(), None).await? {
                return Err(AdminError::MayBeGrantedMore);
            }
        }
        // What others approved is for the workload alone, whatever else somebody holds.
        for request in self.gate.approvals.approvals_of(&workload.id, ctx.seconds()).await? {
            self.keyring.verify_approval(&request)?;
            if request.counting(ctx.seconds()).next().is_some() {
                return Err(AdminError::MayBeGrantedMore);
            }
        }
        Ok(())
    }

    fn edit(&self, to: &mut ChangedWorkload, edit: &WorkloadEdit, now: i64) -> Result<(), AdminError> {
        let workload = &mut to.workload;
        match edit {
            WorkloadEdit::Update { name, enabled } => {
                if let Some(name) = name {
                    named(name)?.clone_into(&mut workload.name);
                }
                if workload.enabled && *enabled == Some(false) {
                    workload.generation = workload.generation.saturating_add(1);
                }
                workload.enabled = enabled.unwrap_or(workload.enabled);
            }
            WorkloadEdit::AddSecret(new) => {
                let (stored, secret) = self.new_secret(workload.client_id, new, now)?;
                to.credential = Some(stored.id);
                to.secret = Some(secret);
                add(&mut workload.secrets, stored)?;
            }
            WorkloadEdit::ReplaceSecrets(new) => {
                let (stored, secret) = self.new_secret(workload.client_id, new, now)?;
                to.credential = Some(stored.id);
                to.secret = Some(secret);
                workload.secrets = vec![stored];
            }
            WorkloadEdit::RemoveSecret(id) => to.credential = remove(&mut workload.secrets, |known| known.id, *id)?,
            WorkloadEdit::AddCertificate(certificate, name) => {
                if workload.certificates.iter().any(|known| known.sha256 == certificate.sha256) {
                    return Err(AdminError::CredentialExists("certificate"));
                }
                if certificate.not_after <= now {
                    return Err(AdminError::Invalid("the certificate has expired"));
                }
                let subject: String = certificate.subject.chars().filter(|c| !c.is_control()).take(128).collect();
                let name = match name {
                    Some(name) => named(name)?.to_owned(),
                    None => subject,
                };
                let id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
                to.credential = Some(id);
                let stored = CertificateCredential {
                    id,
                    name,
                    sha1: certificate.sha1.to_vec(),
                    sha256: certificate.sha256.to_vec(),
                    public_key: certificate.public_key.clone(),
                    not_before: certificate.not_before,
                    expires: certificate.not_after,
                    created: now,
                };
                add(&mut workload.certificates, stored)?;
            }
            WorkloadEdit::RemoveCertificate(id) => {
                to.credential = remove(&mut workload.certificates, |known| known.id, *id)?;
            }
            WorkloadEdit::AddFederation(federation) => {
                federation.check()?;
                if federation.issuer == self.gate.own_issuer {
                    return Err(AdminError::Invalid("a workload cannot be federated with this installation itself"));
                }
                if workload.federations.iter().any(|known| known.id() == federation.id()) {
                    return Err(AdminError::CredentialExists("federation"));
                }
                to.credential = Some(federation.id());
                add(&mut workload.federations, federation.clone())?;
                let registered = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
                workload.registered.insert(federation.id(), registered);
            }
            WorkloadEdit::RemoveFederation(id) => {
                to.credential = remove(&mut workload.federations, Federation::id, *id)?;
                workload.registered.remove(id);
            }
        }
        Ok(())
    }

    fn new_secret(
        &self,
        client_id: Uuid,
        new: &NewSecret,
        now: i64,
    ) -> Result<(ClientSecretHash, SecretText), AdminError> {
        let expires = new.expires.unwrap_or_else(|| now.saturating_add(DEFAULT_SECRET_SECONDS));
        if expires <= now || expires > now.saturating_add(MAX_SECRET_SECONDS) {
            return Err(AdminError::Invalid("a client secret expires in the future, at most two years ahead"));
        }
        let name = match &new.name {
            Some(name) => Some(named(name)?.to_owned()),
            None => None,
        };
        let id = uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let secret = strongroom_crypto::new_client_secret(&*self.entropy).map_err(|_| AdminError::Unavailable)?;
        let hash =
            strongroom_crypto::hash_client_secret(self.keyring.credentials(), &client_id.to_string(), secret.expose());
        Ok((ClientSecretHash { id, hash: hash.to_vec(), expires: Some(expires), name, created: Some(now) }, secret))
    }
}

/// The client id as the name of an object.
pub(super) fn name_of(client_id: Uuid) -> Result<ObjectName, AdminError> {
    ObjectName::parse(&client_id.to_string()).map_err(|_| AdminError::WorkloadNotFound)
}

fn named(name: &str) -> Result<&str, AdminError> {
    // A name that looks like another's, or like none, would be given what was meant for that one.
    if name.trim() != name || !(1..=128).contains(&name.chars().count()) || name.chars().any(deceives) {
        return Err(AdminError::Invalid(
            "names of workloads and credentials have 1 to 128 visible characters, with no space around them",
        ));
    }
    Ok(name)
}

fn add<T>(to: &mut Vec<T>, new: T) -> Result<(), AdminError> {
    if to.len() >= MAX_CREDENTIALS {
        return Err(AdminError::Invalid("a workload has at most 20 credentials of each sort"));
    }
    to.push(new);
    Ok(())
}

fn remove<T>(from: &mut Vec<T>, id_of: impl Fn(&T) -> Uuid, id: Uuid) -> Result<Option<Uuid>, AdminError> {
    let before = from.len();
    from.retain(|known| id_of(known) != id);
    if from.len() == before { Err(AdminError::CredentialNotFound) } else { Ok(Some(id)) }
}
