//! Use cases of role definitions. Nobody writes a definition with more in it than they hold where it
//! could be assigned, so that nobody gains by it, whoever has it already.

use std::sync::Arc;

use uuid::Uuid;

use super::{AdminError, Administration, ScopeRequest, content, is_other, names::Names};
use crate::{
    action::Action,
    approval::Content,
    change::Change,
    context::RequestContext,
    gate::{Ask, Case},
    grant::Scope,
    names::ObjectKind,
    record::Record,
    role::{Half, Patterns, Permissions, Role, RoleDefinition, RoleRef},
    time::uuid_v4,
};

/// A role definition as its author writes it.
#[derive(Clone, Debug, Default)]
pub struct NewRole {
    /// Name.
    pub name: String,
    /// For people.
    pub description: String,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Exceptions.
    pub not_actions: Vec<String>,
    /// Patterns of data actions.
    pub data_actions: Vec<String>,
    /// Exceptions.
    pub not_data_actions: Vec<String>,
    /// Where it may be assigned.
    pub assignable_scopes: Vec<ScopeRequest>,
}

/// A role definition for people: built in or custom, scopes in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleShown {
    /// Identity.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// For people.
    pub description: String,
    /// Made by an owner, not built in.
    pub custom: bool,
    /// Patterns of actions.
    pub actions: Vec<String>,
    /// Exceptions.
    pub not_actions: Vec<String>,
    /// Patterns of data actions.
    pub data_actions: Vec<String>,
    /// Exceptions.
    pub not_data_actions: Vec<String>,
    /// Where it may be assigned.
    pub assignable_scopes: Vec<String>,
    /// Grows with every change; 0 of one that is built in.
    pub revision: i64,
}

impl RoleShown {
    /// What it permits.
    #[must_use]
    pub fn permissions(&self) -> Permissions<'_> {
        Permissions {
            actions: Half { granted: Patterns::Custom(&self.actions), excluded: Patterns::Custom(&self.not_actions) },
            data: Half {
                granted: Patterns::Custom(&self.data_actions),
                excluded: Patterns::Custom(&self.not_data_actions),
            },
        }
    }

    fn built_in(role: Role) -> Self {
        let permissions = role.permissions();
        let list = |patterns: crate::role::Patterns<'static>| patterns.iter().map(str::to_owned).collect();
        Self {
            id: role.id(),
            name: role.name().to_owned(),
            description: role.description().to_owned(),
            custom: false,
            actions: list(permissions.actions.granted),
            not_actions: list(permissions.actions.excluded),
            data_actions: list(permissions.data.granted),
            not_data_actions: list(permissions.data.excluded),
            assignable_scopes: vec!["/".to_owned()],
            revision: 0,
        }
    }

    /// As it is seen at a scope: where else it may be assigned is not for those who look there.
    fn custom(role: &RoleDefinition, names: &Names, within: &Scope) -> Self {
        let seen = role.assignable_scopes.iter().filter(|scope| scope.meets(within));
        Self {
            id: role.id,
            name: role.name.clone(),
            description: role.description.clone(),
            custom: true,
            actions: role.actions.clone(),
            not_actions: role.not_actions.clone(),
            data_actions: role.data_actions.clone(),
            not_data_actions: role.not_data_actions.clone(),
            assignable_scopes: seen.map(|scope| names.scope(scope)).collect(),
            revision: role.revision,
        }
    }
}

impl Administration {
    /// The role definition of this name or id, if there is one. Only for use cases that have been permitted:
    /// which roles there are is not for everybody.
    pub(super) async fn role_named(&self, text: &str) -> Result<Option<RoleRef>, AdminError> {
        if let Some(role) = Role::by_name(text) {
            return Ok(Some(role.into()));
        }
        if let Ok(id) = Uuid::try_parse(text) {
            return Ok(Some(RoleRef::by_id(id)));
        }
        let key = text.to_ascii_lowercase();
        let all = self.grants.role_definitions().await?;
        Ok(all.iter().find(|role| role.name_key() == key).map(|role| RoleRef::Custom(role.id)))
    }

    /// The built-in definitions, and the custom ones that may be assigned somewhere at or below a scope.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_roles(&self, ctx: &RequestContext, scope: &ScopeRequest) -> Result<Vec<RoleShown>, AdminError> {
        let case = self.admit(ctx, scope.ask(Action::RoleRead)).await?;
        let Some(within) = scope.resolve(&case) else {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        };
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let names = self.names().await?;
        let custom = self.grants.role_definitions().await?;
        let found = if custom.iter().any(|role| self.keyring.verify_role(role).is_err()) {
            Err(AdminError::Tampered)
        } else {
            let built_in = Role::ALL.iter().map(|role| RoleShown::built_in(*role));
            let custom =
                custom.iter().filter(|role| role.touches(&within)).map(|role| RoleShown::custom(role, &names, &within));
            Ok(built_in.chain(custom).collect())
        };
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    /// One definition: one that may be assigned somewhere at or below the scope `at`, if that is given.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn show_role(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        at: Option<&ScopeRequest>,
    ) -> Result<RoleShown, AdminError> {
        let mut custom = self.custom_role(id).await?;
        // Before anybody is admitted, no more is read than the one definition and its places.
        let names = self.names_of(custom.iter().flat_map(|role| &role.assignable_scopes)).await?;
        let (case, within) = match at {
            Some(at) => {
                let case = self.admit(ctx, at.ask(Action::RoleRead)).await?;
                let Some(within) = at.resolve(&case) else {
                    return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
                };
                custom = custom.filter(|role| role.touches(&within));
                (case, within)
            }
            None => {
                let home = custom.as_ref().map_or(ScopeRequest::Server, |role| home(&scopes_of(role, &names)));
                let case = self.admit(ctx, home.ask(Action::RoleRead)).await?;
                let Some(within) = home.resolve(&case) else {
                    return Err(self.refuse(ctx, case, AdminError::RoleNotFound).await);
                };
                (case, within)
            }
        };
        let built_in = Role::by_id(id).map(RoleShown::built_in);
        let found = built_in.or_else(|| custom.map(|role| RoleShown::custom(&role, &names, &within)));
        let held = case.permit.hold(found.ok_or(AdminError::RoleNotFound));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Makes a custom definition (`id` none, or one that is not there), or replaces one. Its author
    /// holds everything in it, without an end, wherever it may be assigned. With `at`, only one that is
    /// at home there is replaced.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_role(
        &self,
        ctx: &RequestContext,
        id: Option<Uuid>,
        new: &NewRole,
        at: Option<&ScopeRequest>,
    ) -> Result<RoleShown, AdminError> {
        self.write_role(ctx, id, new, (at, None)).await
    }

    /// Replaces a custom definition, at this revision alone.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn put_role_at(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        new: &NewRole,
        expected: i64,
    ) -> Result<RoleShown, AdminError> {
        self.write_role(ctx, Some(id), new, (None, Some(expected))).await
    }

    async fn write_role(
        &self,
        ctx: &RequestContext,
        id: Option<Uuid>,
        new: &NewRole,
        (at, expected): (Option<&ScopeRequest>, Option<i64>),
    ) -> Result<RoleShown, AdminError> {
        let asked = asked_for(ctx, id, new)?;
        let id = match id {
            Some(id) => id,
            None => uuid_v4(&*self.entropy).map_err(|_| AdminError::Unavailable)?,
        };
        let there = self.custom_role(id).await?;
        let names = self.names_of(there.iter().flat_map(|role| &role.assignable_scopes)).await?;
        let at_home = |role: &Arc<RoleDefinition>| at.is_none_or(|at| home(&scopes_of(role, &names)) == *at);
        let before = there.filter(at_home);
        let mut scopes = new.assignable_scopes.clone();
        scopes.extend(before.iter().flat_map(|role| scopes_of(role, &names)));
        let home_of_all = home(&scopes);
        let ask = Ask { content: Some(&asked), ..home_of_all.ask(Action::RoleWrite) };
        let mut case = self.admit(ctx, ask).await?;
        // One at a time, so that nobody writes more of them at once than there may be.
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        if is_other(expected, before.as_ref().map(|before| before.revision)) {
            return Err(self.refuse(ctx, case, AdminError::OtherRevision).await);
        }
        let (role, replaces) = match self.definition(ctx, id, new, before.as_deref()).await {
            Ok(role) => (role, before.as_ref().map(|before| before.revision)),
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        if !in_home(&case, &role) {
            return Err(self.refuse(ctx, case, AdminError::Contended).await);
        }
        // Whoever writes it named each of these places.
        let shown = RoleShown::custom(&role, &self.names_of(&role.assignable_scopes).await?, &Scope::Server);
        let was = before.as_ref().map(|before| RoleShown::custom(before, &names, &Scope::Server));
        tell(&mut case.record, was.as_ref(), Some(&shown));
        let change = Change::PutRole { role: Box::new(role.clone()), replaces };
        self.change(ctx, case, role.revision, change, shown).await?.ok_or(AdminError::Contended)
    }

    /// Deletes a custom definition that nobody is assigned. With `at`, only one that is at home there.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn delete_role(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        at: Option<&ScopeRequest>,
    ) -> Result<RoleShown, AdminError> {
        let found = self.custom_role(id).await?;
        let names = self.names_of(found.iter().flat_map(|role| &role.assignable_scopes)).await?;
        let its = found.as_ref().map_or(ScopeRequest::Server, |role| home(&scopes_of(role, &names)));
        let named = found.as_ref().map(|role| role.name.clone());
        let asked = content(ctx, &(id, found.as_ref().map(|role| role.revision)), |told| {
            told.detail_told("name", named, None);
            told.detail("id", id);
        })?;
        let ask = Ask { content: Some(&asked), ..at.unwrap_or(&its).ask(Action::RoleDelete) };
        let mut case = self.admit(ctx, ask).await?;
        if at.is_some_and(|at| at.resolve(&case).is_none()) {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        }
        let Some(role) = found.as_ref().filter(|role| in_home(&case, role)) else {
            let wider = at.and_then(|at| at.resolve(&case)).zip(found).is_some_and(|(at, role)| role.touches(&at));
            let why = match Role::by_id(id) {
                Some(_) => AdminError::Invalid("built-in roles stay"),
                None if wider => AdminError::Invalid("the role definition may be assigned elsewhere too"),
                None => AdminError::RoleNotFound,
            };
            return Err(self.refuse(ctx, case, why).await);
        };
        if self.grants.role_in_use(id).await? {
            return Err(self.refuse(ctx, case, AdminError::RoleInUse).await);
        }
        let shown = RoleShown::custom(role, &names, &Scope::Server);
        tell(&mut case.record, Some(&shown), None);
        let change = Change::DeleteRole(Box::new(RoleDefinition::clone(role)));
        // Assigned, changed or deleted meanwhile.
        self.change(ctx, case, role.revision.saturating_add(1), change, shown).await?.ok_or(AdminError::Contended)
    }

    async fn definition(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        new: &NewRole,
        before: Option<&RoleDefinition>,
    ) -> Result<RoleDefinition, AdminError> {
        let all = self.grants.role_definitions().await?;
        let key = new.name.to_ascii_lowercase();
        let foreign = before.is_none() && (Role::by_id(id).is_some() || all.iter().any(|role| role.id == id));
        if foreign || all.iter().any(|role| role.id != id && role.name_key() == key) {
            return Err(AdminError::RoleExists);
        }
        let mut assignable_scopes = Vec::new();
        for scope in &new.assignable_scopes {
            assignable_scopes.push(self.scope_named(scope).await?);
        }
        let mut role = RoleDefinition {
            id,
            name: new.name.clone(),
            description: new.description.clone(),
            actions: new.actions.clone(),
            not_actions: new.not_actions.clone(),
            data_actions: new.data_actions.clone(),
            not_data_actions: new.not_data_actions.clone(),
            assignable_scopes,
            revision: before.map_or(ctx.now, |before| before.revision.saturating_add(1)),
            tag: Vec::new(),
        };
        role.check()?;
        if !role.fits_beside(&all) {
            return Err(AdminError::TooManyRoles);
        }
        for scope in &role.assignable_scopes {
            if !self.holds(ctx, role.permissions(), scope.target(), None).await? {
                return Err(AdminError::GrantsMoreThanHeld(role.name));
            }
        }
        role.tag = self.keyring.tag_role(&role)?;
        Ok(role)
    }

    async fn scope_named(&self, scope: &ScopeRequest) -> Result<Scope, AdminError> {
        let Some(vault) = scope.vault() else { return Ok(Scope::Server) };
        let vault = self.vaults.vault(vault).await?.ok_or(AdminError::VaultNotFound)?.id;
        Ok(match scope {
            ScopeRequest::Secret(_, name) => Scope::Object { vault, kind: ObjectKind::Secret, name: name.clone() },
            ScopeRequest::Key(_, name) => Scope::Object { vault, kind: ObjectKind::Key, name: name.clone() },
            ScopeRequest::Certificate(_, name) => {
                Scope::Object { vault, kind: ObjectKind::Certificate, name: name.clone() }
            }
            _ => Scope::Vault { vault },
        })
    }
}

/// What a definition was and is now, for the record of a change.
fn tell(record: &mut Record, before: Option<&RoleShown>, after: Option<&RoleShown>) {
    record.detail_told("name", before.map(|role| role.name.clone()), after.map(|role| role.name.clone()));
    if let Some(role) = before.or(after) {
        record.detail("id", role.id);
    }
    let mut list = |name, of: fn(&RoleShown) -> &Vec<String>| {
        record.detail_list(name, before.map(of).map(Vec::as_slice), after.map(of).map(Vec::as_slice));
    };
    list("actions", |role| &role.actions);
    list("not_actions", |role| &role.not_actions);
    list("data_actions", |role| &role.data_actions);
    list("not_data_actions", |role| &role.not_data_actions);
    list("assignable_scopes", |role| &role.assignable_scopes);
}

/// What a definition would say, for whoever has to agree.
fn asked_for(ctx: &RequestContext, id: Option<Uuid>, new: &NewRole) -> Result<Content, AdminError> {
    let NewRole { name, description, actions, not_actions, data_actions, not_data_actions, assignable_scopes } = new;
    let scopes: Vec<String> = assignable_scopes.iter().map(ToString::to_string).collect();
    let lists = [
        ("actions", actions),
        ("not_actions", not_actions),
        ("data_actions", data_actions),
        ("not_data_actions", not_data_actions),
        ("assignable_scopes", &scopes),
    ];
    content(ctx, &(id, name, description, &lists), |told| {
        told.detail_told("name", Some(name.clone()), None);
        told.detail_told("id", id.map(|id| id.to_string()), None);
        for (list, patterns) in lists {
            told.detail_list(list, None, Some(patterns));
        }
    })
}

/// The assignable scopes in names; what lies in a vault that is gone counts as the installation's.
fn scopes_of(role: &RoleDefinition, names: &Names) -> Vec<ScopeRequest> {
    let named = |scope: &Scope| {
        let vault = scope.vault().and_then(|id| names.vaults.get(&id).cloned());
        vault.map_or(ScopeRequest::Server, ScopeRequest::Vault)
    };
    role.assignable_scopes.iter().map(named).collect()
}

/// Where one must be allowed to write a definition: in the vault in which all its scopes lie, or else
/// on the installation.
fn home(scopes: &[ScopeRequest]) -> ScopeRequest {
    match scopes.first().and_then(ScopeRequest::vault) {
        Some(first) if scopes.iter().all(|scope| scope.vault() == Some(first)) => ScopeRequest::Vault(first.clone()),
        _ => ScopeRequest::Server,
    }
}

/// Whether the permitted place is that of the definition: a vault may have been made again meanwhile.
fn in_home(case: &Case, role: &RoleDefinition) -> bool {
    match &case.vault {
        None => true,
        Some((vault, _)) => role.assignable_scopes.iter().all(|scope| scope.vault() == Some(vault.id)),
    }
}
