//! Use case: everything that grants access at a place, who has it by which grant, and when it was last used. Of others, so
//! for those who may read the assignments there; access policies, and the grants of places above, are shown to those who
//! may read them as well, and everybody else is told that they are hidden.
//!
//! When a grant was last used is counted from records. What is not known is said not to be known, never taken for unused:
//! people take away what is unused.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use uuid::Uuid;

use super::{
    AdminError, Administration, WorkloadLabels,
    assignments::{ScopeRequest, shown},
    names::Names,
};
use crate::{
    access_policy::{AccessPolicy, ObjectPermissions},
    action::Action,
    context::RequestContext,
    decision::{Stage, StageEffect},
    gate::{Ask, Judgement},
    grant::{Assignment, AssignmentFilter, MAX_LOOKED_THROUGH, Scope},
    names::{VaultId, VaultName},
    ports::StoreError,
    principal::{Grantee, PrincipalId},
    record::{LastUse, OperationsUsed, UsedGrant},
    role::{RoleDefinition, RoleRef},
    vault::Vault,
};

/// From when on what is not used is called unused, milliseconds.
pub const UNUSED_AFTER: i64 = 90 * 24 * 60 * 60 * 1000;
/// Most grants of one page.
pub const MAX_GRANTS_SHOWN: usize = 1000;
/// Grants that are read at once where some of them are looked for.
const AT_ONCE: usize = 500;
/// By which word access policies are found where roles are.
const POLICY: &str = "access policy";

/// What is to be said of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrantState {
    /// It was not used for [`UNUSED_AFTER`], though it was there.
    Unused,
    /// Nobody can come by it, or it is for a vault that is gone.
    Orphan,
    /// The access mode of the vault does not ask for it.
    Asleep,
    /// It has ended.
    Over,
}

impl GrantState {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Unused, Self::Orphan, Self::Asleep, Self::Over];

    /// The word for it, as it is asked for and told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Orphan => "orphan",
            Self::Asleep => "asleep",
            Self::Over => "over",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is not there any more of an orphan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// No issuer of this name is configured.
    Issuer,
    /// The workload was deleted.
    Workload,
    /// The vault was purged.
    Vault,
}

impl Gone {
    /// The word for it, as it is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Workload => "workload",
            Self::Vault => "vault",
        }
    }
}

/// What gives access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantedBy {
    /// A role that is assigned.
    Role {
        /// The assignment.
        assignment: Uuid,
        /// Its role definition.
        id: RoleRef,
        /// Name of the role; the id of one that is gone.
        name: String,
    },
    /// An access policy of a vault.
    Policy {
        /// Of which.
        vault: VaultName,
        /// What it allows.
        permissions: ObjectPermissions,
    },
}

/// When a grant was last used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastUsed {
    /// Then.
    At {
        /// Unix milliseconds.
        at: i64,
        /// Who used it, for those who may read the audit log; and where it is of one principal alone, they.
        by: Option<PrincipalId>,
    },
    /// Not from this moment on, Unix milliseconds. What was before is not known, or the grant was not there.
    NotSince(i64),
    /// Nobody knows: the records are still being counted.
    NotKnown,
}

impl LastUsed {
    /// Whether it is known not to be used for so long.
    fn is_long_ago(&self, now: i64) -> bool {
        let (Self::At { at: last, .. } | Self::NotSince(last)) = self else { return false };
        *last <= now.saturating_sub(UNUSED_AFTER)
    }
}

/// A grant: who has which access where, and what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantShown {
    /// Who.
    pub grantee: Grantee,
    /// By what.
    pub by: GrantedBy,
    /// Where; a vault that is gone has its id in the name's place.
    pub scope: String,
    /// Since when, Unix milliseconds. Of an access policy when it was made, later by a millisecond for each change.
    pub given_at: i64,
    /// When it ends, Unix milliseconds. None for no end.
    pub ends_at: Option<i64>,
    /// When it was last used.
    pub last_used: LastUsed,
    /// What is to be said of it.
    pub states: BTreeSet<GrantState>,
    /// Of an orphan, what is gone.
    pub gone: Option<Gone>,
}

/// What of everything is hidden from who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HiddenGrants {
    /// Roles that are given above the scope, and reach it.
    Above,
    /// Access policies, of one vault at least.
    Policies,
    /// Who of a group used a grant.
    Users,
}

impl HiddenGrants {
    /// The word for it, as it is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Policies => "access-policies",
            Self::Users => "users",
        }
    }
}

/// Which grants are asked for. Everything that is said must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantsWanted {
    /// Those too that are given above the scope and reach it.
    pub above: bool,
    /// Only of whom a name contains this: subject, group, issuer, or what people call the workload.
    pub who: Option<String>,
    /// Only by roles whose name contains this, or by access policies where their words do.
    pub role: Option<String>,
    /// Only of this state.
    pub state: Option<GrantState>,
}

impl GrantsWanted {
    fn all(&self) -> bool {
        self.who.is_none() && self.role.is_none() && self.state.is_none()
    }
}

/// A page of grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantsPage {
    /// They.
    pub items: Vec<GrantShown>,
    /// Where the next page begins: there may be more.
    pub next: Option<String>,
    /// What is hidden.
    pub hidden: BTreeSet<HiddenGrants>,
}

/// Up to where grants were looked through. They come in this order: the assignments at the scope and below it by their
/// ids, those above it, and the access policies by vault and grantee.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reached {
    Here(Option<Uuid>),
    Above(Option<Uuid>),
    Policies(Option<(VaultId, String)>),
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(None) => f.write_str("here"),
            Self::Here(Some(id)) => write!(f, "here {id}"),
            Self::Above(None) => f.write_str("above"),
            Self::Above(Some(id)) => write!(f, "above {id}"),
            Self::Policies(None) => f.write_str("policies"),
            Self::Policies(Some((vault, key))) => {
                write!(f, "policies {vault} {}", key.replace('\n', " "))
            }
        }
    }
}

impl Reached {
    fn parse(text: &str) -> Option<Self> {
        let (sort, rest) = text.split_once(' ').map_or((text, None), |(sort, rest)| (sort, Some(rest)));
        match (sort, rest) {
            ("here", None) => Some(Self::Here(None)),
            ("above", None) => Some(Self::Above(None)),
            ("policies", None) => Some(Self::Policies(None)),
            ("here", Some(id)) => Some(Self::Here(Some(Uuid::try_parse(id).ok()?))),
            ("above", Some(id)) => Some(Self::Above(Some(Uuid::try_parse(id).ok()?))),
            ("policies", Some(rest)) if !rest.contains(char::is_control) => {
                let (vault, key) = rest.split_once(' ')?;
                // No issuer has a space.
                let key = key.replacen(' ', "\n", 2);
                Some(Self::Policies(Some((VaultId(Uuid::try_parse(vault).ok()?), key))))
            }
            _ => None,
        }
    }

    /// Behind all access policies of a vault, which tells of none of them.
    fn behind(vault: VaultId) -> Self {
        Self::Policies(Some((VaultId(Uuid::from_u128(vault.0.as_u128().saturating_add(1))), String::new())))
    }
}

/// A grant that is looked at, with up to where that is.
struct Looked {
    reached: Reached,
    grant: GrantShown,
    used_as: UsedGrant,
    /// The vault whose access mode says whether it counts.
    vault: Option<VaultId>,
    /// Whether it permits something with what is in a vault, by a role.
    by_role_on_contents: bool,
}

/// One request as it looks through grants.
struct Looking<'a> {
    admin: &'a Administration,
    ctx: &'a RequestContext,
    wanted: &'a GrantsWanted,
    knows_issuer: &'a (dyn Fn(&str) -> bool + Send + Sync),
    within: Scope,
    above: Vec<Scope>,
    names: Names,
    /// Roles that permit something with what is in a vault.
    of_contents: BTreeSet<Uuid>,
    /// Those whose access policies are looked at.
    with_policies: BTreeSet<VaultId>,
    readable: HashMap<VaultId, bool>,
    vaults: HashMap<VaultId, Option<Arc<Vault>>>,
    tells_users: bool,
    hidden: BTreeSet<HiddenGrants>,
}

impl Administration {
    /// Grants at a scope and below it, after `after` (the `next` of the page before). `knows_issuer` says whether an issuer
    /// is configured. At most [`MAX_LOOKED_THROUGH`] grants are looked at, so a page may have fewer than it could, and the
    /// next one goes on.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn list_grants(
        &self,
        ctx: &RequestContext,
        scope: &ScopeRequest,
        wanted: &GrantsWanted,
        (after, limit): (Option<&str>, usize),
        knows_issuer: &(dyn Fn(&str) -> bool + Send + Sync),
    ) -> Result<GrantsPage, AdminError> {
        let mut case = self.admit(ctx, scope.ask(Action::AssignmentRead)).await?;
        let Some(within) = scope.resolve(&case) else {
            return Err(self.refuse(ctx, case, AdminError::VaultNotFound).await);
        };
        let _place = match self.listing(ctx).await {
            Ok(place) => place,
            Err(why) => return Err(self.refuse(ctx, case, why).await),
        };
        let Some(from) = after.map_or(Some(Reached::Here(None)), Reached::parse) else {
            return Err(self.refuse(ctx, case, AdminError::Invalid("after is the next of the page before")).await);
        };
        let found = async {
            let mut looking = self.looking(ctx, scope, within, wanted, knows_issuer).await?;
            let page = looking.page(from, limit.clamp(1, MAX_GRANTS_SHOWN)).await?;
            let (readable, asked) = (looking.readable.values().filter(|may| **may).count(), looking.readable.len());
            Ok::<_, AdminError>((page, format!("{}: {readable} of {asked}", Action::AccessPolicyRead.operation())))
        };
        let found = found.await.map(|(page, told)| {
            case.record.trace.push(Stage::new("grants", StageEffect::Allow, "judged-one-by-one").with_detail(told));
            page
        });
        self.recorder.release(ctx, case.record, case.permit.hold(found)).await?
    }

    async fn looking<'a>(
        &'a self,
        ctx: &'a RequestContext,
        scope: &ScopeRequest,
        within: Scope,
        wanted: &'a GrantsWanted,
        knows_issuer: &'a (dyn Fn(&str) -> bool + Send + Sync),
    ) -> Result<Looking<'a>, AdminError> {
        let mut names = self.names().await?;
        let roles: Vec<RoleDefinition> = match self.grants.role_definitions().await {
            Ok(roles) => roles,
            // One definition that is damaged hides no grants: they are shown with the ids of their roles.
            Err(StoreError::Damaged(_)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let of_contents =
            roles.iter().filter(|role| role.permissions().concern_contents()).map(|role| role.id).collect();
        names.roles = roles.into_iter().map(|role| (role.id, role.name)).collect();
        let with_policies: BTreeSet<VaultId> = match &within {
            Scope::Server => self.vaults.vault_names(false).await?.into_iter().map(|(id, _)| id).collect(),
            Scope::Vault { vault } => [*vault].into(),
            Scope::Object { vault, .. } if wanted.above => [*vault].into(),
            Scope::Object { .. } => BTreeSet::new(),
        };
        let mut looking = Looking {
            admin: self,
            ctx,
            wanted,
            knows_issuer,
            within,
            above: Vec::new(),
            names,
            of_contents,
            with_policies,
            readable: HashMap::new(),
            vaults: HashMap::new(),
            tells_users: self.may(ctx, &Ask::server(Action::AuditRead)).await,
            hidden: BTreeSet::new(),
        };
        looking.look_above(scope).await;
        if let (Some(vault), false) = (looking.within.vault(), looking.with_policies.is_empty()) {
            looking.may_read_policies(vault).await;
        }
        Ok(looking)
    }
}

impl Looking<'_> {
    /// Finds out which places above the scope are looked at.
    async fn look_above(&mut self, scope: &ScopeRequest) {
        let Some(vault) = scope.vault().filter(|_| self.wanted.above) else { return };
        let mut places = vec![(Ask::server(Action::AssignmentRead), Scope::Server)];
        if let Scope::Object { vault: id, .. } = &self.within {
            places.push((Ask::vault(Action::AssignmentRead, vault), Scope::Vault { vault: *id }));
        }
        for (ask, place) in places {
            match self.admin.gate.judge(self.ctx, &ask).await {
                Judgement::Permitted(_) => self.above.push(place),
                Judgement::Denied(..) => {
                    self.hidden.insert(HiddenGrants::Above);
                }
            }
        }
    }

    /// Whether the access policies of a vault may be read.
    async fn may_read_policies(&mut self, vault: VaultId) -> bool {
        if let Some(known) = self.readable.get(&vault) {
            return *known;
        }
        let may = match self.names.vaults.get(&vault) {
            Some(name) => {
                let ask = Ask::vault(Action::AccessPolicyRead, name);
                matches!(self.admin.gate.judge(self.ctx, &ask).await, Judgement::Permitted(_))
            }
            None => false,
        };
        if !may {
            self.hidden.insert(HiddenGrants::Policies);
        }
        self.readable.insert(vault, may);
        may
    }

    async fn page(&mut self, from: Reached, limit: usize) -> Result<GrantsPage, AdminError> {
        let (mut from, mut left) = (from, MAX_LOOKED_THROUGH);
        let at_once = if self.wanted.all() { limit.saturating_add(1).min(AT_ONCE) } else { AT_ONCE };
        let (mut items, mut last) = (Vec::new(), None);
        let next = 'looking: loop {
            let (looked, on) = self.some(&from, at_once.min(left)).await?;
            left = left.saturating_sub(looked.len().max(1));
            for Looked { reached, grant, .. } in self.sifted(looked).await? {
                if items.len() == limit {
                    break 'looking last;
                }
                last = Some(reached);
                items.push(grant);
            }
            match on {
                Some(on) if left > 0 => from = on,
                on => break on,
            }
        };
        if !self.tells_users && items.iter().any(|grant: &GrantShown| matches!(grant.grantee, Grantee::Group { .. })) {
            self.hidden.insert(HiddenGrants::Users);
        }
        Ok(GrantsPage { items, next: next.map(|next| next.to_string()), hidden: self.hidden.clone() })
    }

    /// Some grants from there on, and where it goes on.
    async fn some(&mut self, from: &Reached, most: usize) -> Result<(Vec<Looked>, Option<Reached>), AdminError> {
        let (filter, after) = match from {
            Reached::Policies(after) => return self.some_policies(after.as_ref(), most).await,
            Reached::Above(_) if self.above.is_empty() => return Ok((Vec::new(), Some(Reached::Policies(None)))),
            Reached::Above(after) => {
                (AssignmentFilter { at: self.above.clone(), ..AssignmentFilter::default() }, *after)
            }
            Reached::Here(after) => {
                (AssignmentFilter { within: Some(self.within.clone()), ..AssignmentFilter::default() }, *after)
            }
        };
        let is_here = matches!(from, Reached::Here(_));
        let reached = |id: Option<Uuid>| if is_here { Reached::Here(id) } else { Reached::Above(id) };
        let page = self.admin.grants.assignments_within(&filter, after, most).await?;
        let on = match page.items.last().filter(|_| page.next.is_some()) {
            Some(last) => reached(Some(last.id)),
            None if is_here => Reached::Above(None),
            None => Reached::Policies(None),
        };
        let mut looked = Vec::new();
        for assignment in page.items {
            // A line that Strongroom did not write grants nothing, and is not shown as if it did.
            if self.admin.keyring.verify_assignment(&assignment).is_err() {
                return Err(AdminError::Tampered);
            }
            let reached = reached(Some(assignment.id));
            looked.push(self.of_assignment(assignment, reached));
        }
        Ok((looked, Some(on)))
    }

    async fn some_policies(
        &mut self,
        after: Option<&(VaultId, String)>,
        most: usize,
    ) -> Result<(Vec<Looked>, Option<Reached>), AdminError> {
        let after = after.map(|(vault, key)| (*vault, key.as_str()));
        let read = self.admin.grants.access_policies_in(&self.with_policies, after, most).await?;
        let more = read.len() >= most;
        let (mut looked, mut last) = (Vec::new(), None);
        for policy in read {
            if !self.with_policies.contains(&policy.vault) || self.admin.keyring.verify_access_policy(&policy).is_err()
            {
                return Err(AdminError::Tampered);
            }
            if !self.may_read_policies(policy.vault).await {
                last = Some(Reached::behind(policy.vault));
                continue;
            }
            let reached = Reached::Policies(Some((policy.vault, policy.grantee.key())));
            last = Some(reached.clone());
            if let Some(name) = self.names.vaults.get(&policy.vault) {
                looked.push(of_policy(policy, name, reached));
            }
        }
        Ok((looked, last.filter(|_| more)))
    }

    fn of_assignment(&self, assignment: Assignment, reached: Reached) -> Looked {
        let by_role_on_contents = match assignment.role {
            RoleRef::BuiltIn(role) => role.permissions().concern_contents(),
            RoleRef::Custom(id) => self.of_contents.contains(&id),
        };
        // Above a vault it is asked about for that vault.
        let vault = assignment.scope.vault().or(self.within.vault());
        let gone = assignment.scope.vault().filter(|vault| !self.names.vaults.contains_key(vault)).map(|_| Gone::Vault);
        let of = shown(assignment, &self.names);
        let Assignment { id, grantee, role, created_at, ends_at, .. } = of.assignment;
        let mut states = BTreeSet::new();
        if ends_at.is_some_and(|end| end <= self.ctx.now) {
            states.insert(GrantState::Over);
        }
        Looked {
            reached,
            used_as: UsedGrant::Assignment(id),
            vault,
            by_role_on_contents,
            grant: GrantShown {
                grantee,
                by: GrantedBy::Role { assignment: id, id: role, name: of.role },
                scope: of.scope,
                given_at: created_at,
                ends_at,
                last_used: LastUsed::NotKnown,
                states,
                gone,
            },
        }
    }

    /// Those of them that are wanted, with everything that is to be said of them.
    async fn sifted(&mut self, mut looked: Vec<Looked>) -> Result<Vec<Looked>, AdminError> {
        if let Some(role) = self.wanted.role.as_deref().map(str::to_lowercase) {
            looked.retain(|one| match &one.grant.by {
                GrantedBy::Role { name, .. } => name.to_lowercase().contains(&role),
                GrantedBy::Policy { .. } => POLICY.contains(&role),
            });
        }
        let labels = self.labels(&looked).await;
        if let Some(who) = self.wanted.who.as_deref().map(str::to_lowercase) {
            let own_issuer = &self.admin.gate.own_issuer;
            looked.retain(|one| is_like(&one.grant.grantee, &who, &labels, own_issuer));
        }
        for one in &mut looked {
            if self.is_asleep(one).await? {
                one.grant.states.insert(GrantState::Asleep);
            }
            one.grant.gone = one.grant.gone.or_else(|| self.who_is_gone(&one.grant.grantee, &labels));
            if one.grant.gone.is_some() {
                one.grant.states.insert(GrantState::Orphan);
            }
        }
        let before = self.wanted.state.filter(|state| *state != GrantState::Unused);
        looked.retain(|one| before.is_none_or(|state| one.grant.states.contains(&state)));
        self.tell_uses(&mut looked).await;
        looked.retain(|one| self.wanted.state.is_none_or(|state| one.grant.states.contains(&state)));
        Ok(looked)
    }

    async fn labels(&self, looked: &[Looked]) -> WorkloadLabels {
        let own_issuer = &self.admin.gate.own_issuer;
        let ids: Vec<Uuid> = looked
            .iter()
            .filter_map(|one| match &one.grant.grantee {
                Grantee::Principal { id } => id.workload_of(own_issuer),
                Grantee::Group { .. } => None,
            })
            .collect();
        self.admin.workload_labels(self.ctx, ids).await
    }

    /// Whether the access mode of its vault does not ask for it.
    async fn is_asleep(&mut self, one: &Looked) -> Result<bool, AdminError> {
        let by_role = matches!(one.grant.by, GrantedBy::Role { .. });
        let Some(id) = one.vault.filter(|_| !by_role || one.by_role_on_contents) else { return Ok(false) };
        if !self.vaults.contains_key(&id) {
            let vault = match self.names.vaults.get(&id) {
                Some(name) => self.admin.vaults.vault(name).await?.filter(|vault| vault.id == id),
                None => None,
            };
            self.vaults.insert(id, vault);
        }
        let vault = self.vaults.get(&id).and_then(Option::as_ref);
        Ok(vault.map(|vault| vault.settings.access_mode).is_some_and(|mode| match by_role {
            true => !mode.asks_roles(),
            false => !mode.asks_access_policies(),
        }))
    }

    fn who_is_gone(&self, grantee: &Grantee, labels: &WorkloadLabels) -> Option<Gone> {
        let own_issuer = &self.admin.gate.own_issuer;
        let (Grantee::Principal { id: PrincipalId { issuer, .. } } | Grantee::Group { issuer, .. }) = grantee;
        if issuer != own_issuer {
            return (!(self.knows_issuer)(issuer)).then_some(Gone::Issuer);
        }
        match grantee {
            Grantee::Principal { id } => labels.is_gone(id, own_issuer).then_some(Gone::Workload),
            Grantee::Group { .. } => None,
        }
    }

    async fn tell_uses(&self, looked: &mut [Looked]) {
        let asked: Vec<UsedGrant> = looked.iter().map(|one| one.used_as.clone()).collect();
        let uses = match self.admin.audit.uses(&asked).await {
            Ok(Some(uses)) => uses,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "when grants were last used could not be counted");
                return;
            }
        };
        for (one, operations) in looked.iter_mut().zip(uses.of) {
            let grant = &mut one.grant;
            grant.last_used = match newest(operations, grant.given_at) {
                Some(LastUse { at, by, .. }) => {
                    let told = self.tells_users || matches!(grant.grantee, Grantee::Principal { .. });
                    LastUsed::At { at, by: Some(by).filter(|_| told) }
                }
                None => LastUsed::NotSince(uses.since.max(grant.given_at)),
            };
            if grant.last_used.is_long_ago(self.ctx.now) {
                grant.states.insert(GrantState::Unused);
            }
        }
    }
}

/// The last use of all, of those since the grant was given: an access policy that is made again is another one.
fn newest(operations: OperationsUsed, given_at: i64) -> Option<LastUse> {
    operations.into_values().max_by_key(|used| used.at).filter(|used| used.at >= given_at)
}

fn of_policy(policy: AccessPolicy, vault: &VaultName, reached: Reached) -> Looked {
    let used_as = UsedGrant::of_policy(vault, &policy);
    let AccessPolicy { vault: id, grantee, permissions, revision, .. } = policy;
    Looked {
        reached,
        used_as,
        vault: Some(id),
        by_role_on_contents: false,
        grant: GrantShown {
            grantee,
            by: GrantedBy::Policy { vault: vault.clone(), permissions },
            scope: format!("/vaults/{vault}"),
            given_at: revision,
            ends_at: None,
            last_used: LastUsed::NotKnown,
            states: BTreeSet::new(),
            gone: None,
        },
    }
}

/// Whether a name of theirs contains the text, which is in small letters.
fn is_like(grantee: &Grantee, text: &str, labels: &WorkloadLabels, own_issuer: &str) -> bool {
    let contains = |name: &str| name.to_lowercase().contains(text);
    match grantee {
        Grantee::Principal { id } => {
            contains(&id.subject) || contains(&id.issuer) || labels.name(id, own_issuer).is_some_and(contains)
        }
        Grantee::Group { issuer, group } => contains(group) || contains(issuer),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_known_is_never_called_unused() {
        let now = 200 * 24 * 60 * 60 * 1000;
        let long_ago = now - UNUSED_AFTER;
        let at = |at| LastUsed::At { at, by: None };
        for (last, expected) in [
            (LastUsed::NotKnown, false),
            (LastUsed::NotSince(long_ago), true),
            (LastUsed::NotSince(long_ago + 1), false),
            (at(long_ago), true),
            (at(long_ago + 1), false),
        ] {
            assert_eq!(last.is_long_ago(now), expected, "{last:?}");
        }
    }

    #[test]
    fn words_are_read_back() {
        for state in GrantState::ALL {
            assert_eq!(GrantState::parse(state.as_str()), Some(state));
        }
        assert_eq!(GrantState::parse("used"), None);
        for wrong in ["", "there", "here x", "policies x y", "policies", "here ", "policies \u{7} y"] {
            assert_eq!(Reached::parse(wrong).is_some(), wrong == "policies", "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn where_a_page_ends_the_next_one_goes_on(
            id: u128, subject in "[a-z #]{1,12}", above: bool, whole: bool,
        ) {
            let id = Uuid::from_u128(id);
            let grantee = Grantee::Principal {
                id: PrincipalId { issuer: "https://idp.example/a b".replace(' ', ""), subject },
            };
            let all = [
                if above { Reached::Above(Some(id)) } else { Reached::Here(Some(id)) },
                if above { Reached::Above(None) } else { Reached::Here(None) },
                Reached::Policies(Some((VaultId(id), grantee.key()))),
                if whole { Reached::behind(VaultId(id)) } else { Reached::Policies(None) },
            ];
            for reached in all {
                prop_assert_eq!(Reached::parse(&reached.to_string()), Some(reached));
            }
        }
    }
}
