//! Use cases of role assignments. Nobody can grant what they do not hold, nor for longer than they
//! hold it; the last Owner of the installation stays.

use std::{collections::HashSet, fmt, sync::Arc};

use uuid::Uuid;

use super::{
    ASSIGNMENT_PREVIEW, AdminError, Administration, content, giving_up::gives_up, names::Names, vaults::ATTEMPTS,
};
use crate::{
    action::Action,
    approval::Content,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case},
    grant::{Assignment, AssignmentFilter, Scope, Target},
    names::{ObjectKind, ObjectName, VaultName},
    ports::StoreError,
    principal::{Grantee, Principal, PrincipalId, SYSTEM_ISSUER},
    role::{Permissions, Role, RoleDefinition, RoleRef},
    secret::{LAST_SECOND, Page},
    time::uuid_v4,
};

const OF_THE_INSTALLATION: &str =
    "everything that the role permits concerns the installation as a whole: it is assigned at / and nowhere below";

/// Where an assignment applies, in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeRequest {
    /// The whole installation.
    Server,
    /// A vault.
    Vault(VaultName),
    /// A secret of a vault.
    Secret(VaultName, ObjectName),
    /// A key of a vault.
    Key(VaultName, ObjectName),
    /// A certificate of a vault.
    Certificate(VaultName, ObjectName),
}

impl fmt::Display for ScopeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("/"),
            Self::Vault(vault) => write!(f, "/vaults/{vault}"),
            Self::Secret(vault, name) => write!(f, "/vaults/{vault}/secrets/{name}"),
            Self::Key(vault, name) => write!(f, "/vaults/{vault}/keys/{name}"),
            Self::Certificate(vault, name) => write!(f, "/vaults/{vault}/certificates/{name}"),
        }
    }
}

impl ScopeRequest {
    /// An action on what is at this scope.
    pub(super) fn ask(&self, action: Action) -> Ask<'_> {
        match self {
            Self::Server => Ask::server(action),
            Self::Vault(vault) => Ask::vault(action, vault),
            Self::Secret(vault, name) => Ask::secret(action, vault, name),
            Self::Key(vault, name) => Ask::object(ObjectKind::Key, action, vault, name),
            Self::Certificate(vault, name) => Ask::object(ObjectKind::Certificate, action, vault, name),
        }
    }

    /// The vault that it is or that it lies in.
    #[must_use]
    pub fn vault(&self) -> Option<&VaultName> {
        match self {
            Self::Server => None,
            Self::Vault(vault) | Self::Secret(vault, _) | Self::Key(vault, _) | Self::Certificate(vault, _) => {
                Some(vault)
            }
        }
    }

    /// Whether the other scope is this one or below it.
    fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Server, _) => true,
            (Self::Vault(vault), other) => other.vault() == Some(vault),
            _ => self == other,
        }
    }

    /// The scope that a permitted case is about; none when the vault does not exist.
    pub(super) fn resolve(&self, case: &Case) -> Option<Scope> {
        let vault = case.vault.as_ref().map(|(vault, _)| vault.id);
        Some(match self {
            Self::Server => Scope::Server,
            Self::Vault(_) => Scope::Vault { vault: vault? },
            Self::Secret(_, name) => Scope::Object { vault: vault?, kind: ObjectKind::Secret, name: name.clone() },
            Self::Key(_, name) => Scope::Object { vault: vault?, kind: ObjectKind::Key, name: name.clone() },
            Self::Certificate(_, name) => {
                Scope::Object { vault: vault?, kind: ObjectKind::Certificate, name: name.clone() }
            }
        })
    }
}

/// A role as the caller names it. A name is looked up only once the caller may grant at the scope, so that
/// nobody else learns which there are.
#[derive(Clone, Debug)]
pub enum WantedRole {
    /// This one.
    Known(RoleRef),
    /// The one of this name or id, built in or custom.
    Named(String),
}

impl From<RoleRef> for WantedRole {
    fn from(role: RoleRef) -> Self {
        Self::Known(role)
    }
}

impl From<Role> for WantedRole {
    fn from(role: Role) -> Self {
        Self::Known(role.into())
    }
}

/// What is to be granted.
#[derive(Clone, Debug)]
pub struct NewAssignment {
    /// Identity, if the caller chooses it.
    pub id: Option<Uuid>,
    /// For whom.
    pub grantee: Grantee,
    /// Which role definition.
    pub role: WantedRole,
    /// When it ends, Unix milliseconds.
    pub ends_at: Option<i64>,
}

impl From<(Grantee, Role)> for NewAssignment {
    fn from((grantee, role): (Grantee, Role)) -> Self {
        Self { id: None, grantee, role: role.into(), ends_at: None }
    }
}

/// An assignment with its scope in names; a vault that is gone has its id in the name's place.
#[derive(Clone, Debug)]
pub struct AssignmentShown {
    /// The assignment.
    pub assignment: Assignment,
    /// Name of its role; the id of one that is gone.
    pub role: String,
    /// Its scope.
    pub scope: String,
    /// Whether what it permits on a vault's contents does not count, because the vault's access mode does not ask roles.
    /// Told where the assignments of a vault are listed.
    pub asleep: bool,
}

impl Administration {
    /// Gives a role to somebody. The granting principal must hold everything in it at the scope, and
    /// at least until the new assignment ends.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn add_assignment(
        &self,
        ctx: &RequestContext,
        new: impl Into<NewAssignment>,
        scope: &ScopeRequest,
    ) -> Result<AssignmentShown, AdminError> {
        let NewAssignment { id, grantee, role, ends_at } = new.into();
        if ends_at.is_some_and(|end| end <= ctx.now) {
            return Err(AdminError::Invalid("the end of an assignment lies in the future"));
        }
        if ends_at.is_some_and(|end| end.div_euclid(1000) > LAST_SECOND) {
            return Err(AdminError::Invalid(
                "an assignment ends on 9999-12-31 at the latest; without an end it has none",
            ));
        }
        let asked = self.asked_for(ctx, id, &grantee, (&role, scope), ends_at).await?;
        let ask = Ask { content: Some(&asked), ..scope.ask(Action::AssignmentAdd) };
        let mut case = self.admit(ctx, ask).await?;
        let Some(resolved) = scope.resolve(&case) else {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        };
        let bootstrap = crate::gate::may_bootstrap(ctx, Action::AssignmentAdd);
        let (role, custom) = match self.wanted_role(ctx, &role, &resolved).await {
            Ok(found) => found,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let (name, wanted) = match (role, &custom) {
            (RoleRef::BuiltIn(role), _) => (role.name().to_owned(), role.permissions()),
            (_, Some(custom)) => (custom.name.clone(), custom.permissions()),
            (RoleRef::Custom(_), None) => return Err(AdminError::RoleNotFound),
        };
        if resolved != Scope::Server && wanted.concern_the_installation_alone() {
            return Err(self.refuse(ctx, case, AdminError::Invalid(OF_THE_INSTALLATION)).await);
        }
        if !bootstrap && !self.holds(ctx, wanted, resolved.target(), ends_at).await? {
            return Err(self.refuse(ctx, case, AdminError::GrantsMoreThanHeld(name)).await);
        }
        if let Err(why) = self.can_be_assigned(&grantee, role, &resolved, ends_at).await {
            return Err(self.refuse(ctx, case, why).await);
        }
        let id = match id {
            Some(id) if self.grants.assignment(id).await?.is_some() => {
                return Err(self.refuse(ctx, case, AdminError::AssignmentExists).await);
            }
            Some(id) => id,
            None => uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?,
        };
        let mut assignment =
            Assignment { id, grantee, role, scope: resolved, created_at: ctx.now, ends_at, tag: Vec::new() };
        assignment.tag = self.keyring.tag_assignment(&assignment)?;
        let change = Change::AddAssignment(Box::new(assignment.clone()));
        let shown =
            AssignmentShown { assignment: assignment.clone(), role: name, scope: scope.to_string(), asleep: false };
        case.record.detail_assignment(&assignment, &shown.role, &shown.scope);
        if let Some(shown) = self.change(ctx, case, 1, change, shown).await? {
            return Ok(shown);
        }
        let Assignment { grantee, scope, .. } = &assignment;
        if self.has_twin(grantee, role, scope, ends_at).await? {
            return Err(AdminError::AssignmentExists);
        }
        if !self.grants.assignment_counts(scope, grantee).await?.leave_room() {
            return Err(AdminError::TooManyAssignments);
        }
        // Its vault or its role definition changed meanwhile.
        Err(AdminError::Contended)
    }

    /// Whether whoever asks may see beforehand what giving a role would change: judged as giving it is, and nothing is
    /// given. What only giving finds out, as that they hold less than it, is not looked at.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn preview_assignment(
        &self,
        ctx: &RequestContext,
        new: &NewAssignment,
        scope: &ScopeRequest,
    ) -> Result<(), AdminError> {
        let NewAssignment { id, grantee, role, ends_at } = new;
        let asked = self.asked_for(ctx, *id, grantee, (role, scope), *ends_at).await?;
        let ask = Ask { content: Some(&asked), ..scope.ask(Action::AssignmentAdd) };
        let case = self.admit_preview(ctx, ask, ASSIGNMENT_PREVIEW).await?;
        if scope.resolve(&case).is_none() {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        }
        self.previewed(ctx, case).await
    }

    /// What is asked for, for whoever has to agree: the role as it is defined now, or as it was named where there is
    /// none. Says nothing to who asks.
    async fn asked_for(
        &self,
        ctx: &RequestContext,
        id: Option<Uuid>,
        grantee: &Grantee,
        (role, scope): (&WantedRole, &ScopeRequest),
        ends_at: Option<i64>,
    ) -> Result<Content, AdminError> {
        let (named, found) = match role {
            WantedRole::Known(role) => (String::new(), Some(*role)),
            WantedRole::Named(text) => (text.clone(), self.role_named(text).await.unwrap_or_default()),
        };
        let custom = match found {
            Some(RoleRef::Custom(id)) => self.custom_role(id).await.unwrap_or_default(),
            _ => None,
        };
        let name = match (found, &custom) {
            (Some(RoleRef::BuiltIn(role)), _) => role.name().to_owned(),
            (_, Some(custom)) => custom.name.clone(),
            (Some(RoleRef::Custom(id)), None) => id.to_string(),
            (None, None) => named,
        };
        let (scope, revision) = (scope.to_string(), custom.map(|role| role.revision));
        let role_id = match found {
            Some(RoleRef::Custom(id)) => Some(id),
            _ => None,
        };
        content(ctx, &(id, grantee, &name, role_id, revision, &scope, ends_at), |told| {
            told.detail_grant(grantee, (&name, found), &scope, ends_at);
        })
    }

    /// Assignments at a scope and below it, in order of their ids, after `after` (exclusive).
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_assignments(
        &self,
        ctx: &RequestContext,
        scope: &ScopeRequest,
        grantee: Option<Grantee>,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Page<AssignmentShown>, AdminError> {
        let case = self.admit(ctx, scope.ask(Action::AssignmentRead)).await?;
        let Some(within) = scope.resolve(&case) else {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        };
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let sleeping = case.vault.as_ref().is_some_and(|(vault, _)| !vault.settings.access_mode.asks_roles());
        let mut names = self.names().await?;
        let roles = match self.grants.role_definitions().await {
            Ok(roles) => roles,
            // One definition that is damaged hides no assignments: they are shown with the ids of their roles.
            Err(StoreError::Damaged(_)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let of_contents = roles.iter().filter(|role| role.permissions().concern_contents()).map(|role| role.id);
        let of_contents: HashSet<Uuid> = of_contents.collect();
        names.roles = roles.into_iter().map(|role| (role.id, role.name)).collect();
        let filter = AssignmentFilter { within: Some(within), grantee, ..AssignmentFilter::default() };
        let held = self.grants.list_assignments(case.permit, &filter, after, limit).await;
        let held = held.map(|page| {
            let Page { items, next } = page?;
            // A line that Strongroom did not write grants nothing, and is not shown as if it did.
            if items.iter().any(|assignment| self.keyring.verify_assignment(assignment).is_err()) {
                return Err(AdminError::Tampered);
            }
            let concerns_contents = |role| match role {
                RoleRef::BuiltIn(role) => role.permissions().concern_contents(),
                RoleRef::Custom(id) => of_contents.contains(&id),
            };
            let items = items.into_iter().map(|assignment| {
                let asleep = sleeping && concerns_contents(assignment.role);
                AssignmentShown { asleep, ..shown(assignment, &names) }
            });
            Ok(Page { items: items.collect(), next })
        });
        self.recorder.release(ctx, case.record, held).await?
    }

    /// One assignment, at a scope or below it.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_assignment(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        within: &ScopeRequest,
    ) -> Result<AssignmentShown, AdminError> {
        let (case, found) = self.admit_on_assignment(ctx, Action::AssignmentRead, id, within).await?;
        let held = case.permit.hold(found.ok_or(AdminError::AssignmentNotFound));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Takes a role away that is assigned at a scope or below it. Whoever holds an Owner role on the installation loses it only while somebody
    /// else is left with one that has no end. People may give up what they hold by name, unless that lifts a restriction
    /// of theirs.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn remove_assignment(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        within: &ScopeRequest,
    ) -> Result<AssignmentShown, AdminError> {
        for _ in 0..ATTEMPTS {
            let (mut case, found) = self.admit_on_assignment(ctx, Action::AssignmentRemove, id, within).await?;
            let Some(found) = found else {
                return Err(self.refuse(ctx, case, AdminError::AssignmentNotFound).await);
            };
            let assignment = &found.assignment;
            let mut remaining = None;
            if assignment.role == Role::Owner && assignment.scope == Scope::Server {
                remaining = match self.another_owner(ctx, |other| other.id == assignment.id).await {
                    Ok(other) => Some(other),
                    Err(why) => return Err(self.refuse(ctx, case, why).await),
                };
            }
            if gives_up(&case)
                && let Err(why) = self.may_give_up(ctx, assignment).await
            {
                return Err(self.refuse(ctx, case, why).await);
            }
            case.record.detail_assignment(assignment, &found.role, &found.scope);
            let change = Change::RemoveAssignment { assignment: Box::new(assignment.clone()), remaining };
            // Gone meanwhile, or who was to remain is.
            if let Some(done) = self.change(ctx, case, 1, change, found).await? {
                return Ok(done);
            }
        }
        let (case, _) = self.admit_on_assignment(ctx, Action::AssignmentRemove, id, within).await?;
        Err(self.refuse(ctx, case, AdminError::Contended).await)
    }

    /// Admits an action on an assignment where it applies. One that does not exist within the scope that
    /// was asked about is judged there, so that only those learn of its absence who may see all.
    pub(super) async fn admit_on_assignment(
        &self,
        ctx: &RequestContext,
        action: Action,
        id: Uuid,
        within: &ScopeRequest,
    ) -> Result<(Case, Option<AssignmentShown>), AdminError> {
        let found = self.grants.assignment(id).await?;
        let Some(assignment) = found.filter(|a| self.keyring.verify_assignment(a).is_ok()) else {
            return Ok((self.admit(ctx, within.ask(action)).await?, None));
        };
        let names = self.names_for([&assignment]).await?;
        let vault = assignment.scope.vault().map(|id| names.vaults.get(&id).cloned());
        let scope = match (&assignment.scope, vault) {
            (Scope::Vault { .. }, Some(Some(vault))) => ScopeRequest::Vault(vault),
            (Scope::Object { kind: ObjectKind::Key, name, .. }, Some(Some(vault))) => {
                ScopeRequest::Key(vault, name.clone())
            }
            (Scope::Object { kind: ObjectKind::Certificate, name, .. }, Some(Some(vault))) => {
                ScopeRequest::Certificate(vault, name.clone())
            }
            (Scope::Object { name, .. }, Some(Some(vault))) => ScopeRequest::Secret(vault, name.clone()),
            (Scope::Server, _) => ScopeRequest::Server,
            // Its vault is gone, and with it everything that it granted.
            _ => return Ok((self.admit(ctx, within.ask(action)).await?, None)),
        };
        if !within.contains(&scope) {
            return Ok((self.admit(ctx, within.ask(action)).await?, None));
        }
        let of = shown(assignment.clone(), &names);
        let asked = content(ctx, &assignment, |told| told.detail_assignment(&assignment, &of.role, &of.scope))?;
        let ask = Ask { content: Some(&asked), assignment: Some(&assignment), ..scope.ask(action) };
        let case = self.admit(ctx, ask).await?;
        // Its vault may have been purged and made again in between.
        let same = scope.resolve(&case).as_ref() == Some(&assignment.scope);
        Ok((case, same.then_some(of)))
    }

    /// The role that is wanted at a scope, with its definition if it is a custom one. One that has nothing
    /// to do with the scope is as if it were not there to those who may not read all definitions.
    async fn wanted_role(
        &self,
        ctx: &RequestContext,
        wanted: &WantedRole,
        at: &Scope,
    ) -> Result<(RoleRef, Option<Arc<RoleDefinition>>), AdminError> {
        let (role, missing) = match wanted {
            WantedRole::Known(role) => (Some(*role), AdminError::RoleNotFound),
            WantedRole::Named(text) => (self.role_named(text).await?, AdminError::NoSuchRoleName),
        };
        match role {
            None => Err(missing),
            Some(role @ RoleRef::BuiltIn(_)) => Ok((role, None)),
            Some(role @ RoleRef::Custom(id)) => match self.custom_role(id).await? {
                Some(custom) if custom.assignable_at(at) => Ok((role, Some(custom))),
                Some(custom) if custom.touches(at) || self.may(ctx, &Ask::server(Action::RoleRead)).await => {
                    Err(AdminError::NotAssignableHere)
                }
                _ => Err(missing),
            },
        }
    }

    /// A custom role definition that Strongroom wrote.
    pub(super) async fn custom_role(&self, id: Uuid) -> Result<Option<Arc<RoleDefinition>>, AdminError> {
        let found = self.grants.role_definition(id).await?;
        Ok(found.filter(|role| role.id == id && self.keyring.verify_role(role).is_ok()))
    }

    /// Whether there can be such an assignment: its grantee can be somebody, it is not there yet, and there is room.
    pub(super) async fn can_be_assigned(
        &self,
        grantee: &Grantee,
        role: RoleRef,
        scope: &Scope,
        ends_at: Option<i64>,
    ) -> Result<(), AdminError> {
        if !self.can_be(grantee).await? {
            return Err(AdminError::GranteeNotFound);
        }
        if self.has_twin(grantee, role, scope, ends_at).await? {
            return Err(AdminError::AssignmentExists);
        }
        if !self.grants.assignment_counts(scope, grantee).await?.leave_room() {
            return Err(AdminError::TooManyAssignments);
        }
        Ok(())
    }

    /// Whether the same is granted already, until the same end.
    async fn has_twin(
        &self,
        grantee: &Grantee,
        role: RoleRef,
        scope: &Scope,
        ends_at: Option<i64>,
    ) -> Result<bool, AdminError> {
        let (id, groups) = match grantee {
            Grantee::Principal { id } => (id.clone(), Vec::new()),
            Grantee::Group { issuer, group } => {
                (PrincipalId { issuer: issuer.clone(), subject: String::new() }, vec![group.clone()])
            }
        };
        let stands_for = Principal { id, groups, ..Principal::anonymous() };
        Ok(self.grants.assignments_reaching(&stands_for, scope.vault()).await?.iter().any(|other| {
            (&other.grantee, other.role, &other.scope, other.ends_at) == (grantee, role, scope, ends_at)
                && self.keyring.verify_assignment(other).is_ok()
        }))
    }

    /// Whether there can be such a grantee: a workload kept here, or whoever another issuer says.
    pub(super) async fn can_be(&self, grantee: &Grantee) -> Result<bool, AdminError> {
        let (issuer, subject) = match grantee {
            Grantee::Principal { id } => (&id.issuer, Some(&id.subject)),
            Grantee::Group { issuer, .. } => (issuer, None),
        };
        if *issuer == SYSTEM_ISSUER {
            return Ok(false);
        }
        if *issuer != self.gate.own_issuer {
            return Ok(true);
        }
        let client_id = subject.and_then(|text| Uuid::try_parse(text).ok().filter(|id| id.to_string() == *text));
        let Some(client_id) = client_id else { return Ok(false) };
        Ok(self.gate.identities.workload(client_id).await?.is_some())
    }

    /// Whether the principal holds all of this at the target, by authentic grants that last until
    /// `end` at least.
    pub(super) async fn holds(
        &self,
        ctx: &RequestContext,
        wanted: Permissions<'_>,
        target: Target<'_>,
        end: Option<i64>,
    ) -> Result<bool, AdminError> {
        let assignments = self.grants.assignments_reaching(&ctx.principal, target.vault).await?;
        let (mut held, mut custom) = (Vec::new(), Vec::new());
        let lasting = assignments.iter().filter(|a| a.concerns(&ctx.principal, target, ctx.now) && a.lasts_until(end));
        for assignment in lasting.filter(|a| self.keyring.verify_assignment(a).is_ok()) {
            match assignment.role {
                RoleRef::BuiltIn(role) => held.push(role.permissions()),
                RoleRef::Custom(id) => {
                    custom.extend(self.custom_role(id).await?.filter(|role| role.assignable_at(&assignment.scope)));
                }
            }
        }
        held.extend(custom.iter().map(|role| role.permissions()));
        Ok(wanted.within(&held))
    }
}

pub(super) fn shown(assignment: Assignment, names: &Names) -> AssignmentShown {
    let role = match assignment.role {
        RoleRef::BuiltIn(role) => role.name().to_owned(),
        RoleRef::Custom(id) => names.roles.get(&id).cloned().unwrap_or_else(|| id.to_string()),
    };
    let scope = names.scope(&assignment.scope);
    AssignmentShown { assignment, role, scope, asleep: false }
}
