//! Use case: who one is here and what one holds. Of the caller alone, so it needs no role; what is told is what
//! the gate would count, and nothing of others.

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use super::{
    AdminError, Administration,
    assignments::{AssignmentShown, shown},
};
use crate::{
    access_policy::{AccessPolicy, ObjectPermissions},
    context::RequestContext,
    grant::Assignment,
    names::{VaultId, VaultName},
    principal::{Grantee, PrincipalKind},
    vault::MAX_VAULTS,
};

/// Most assignments, and most access policies, that are told.
pub const MAX_HOLDINGS: usize = 200;

/// An access policy that covers the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyHeld {
    /// In which vault.
    pub vault: VaultName,
    /// For whom: the caller, or a group of theirs.
    pub grantee: Grantee,
    /// What it allows.
    pub permissions: ObjectPermissions,
}

/// What a principal is called here and what it holds.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    /// What a workload kept here is called.
    pub name: Option<String>,
    /// Roles, and where.
    pub assignments: Vec<AssignmentShown>,
    /// Access policies of vaults whose access mode asks them.
    pub access_policies: Vec<PolicyHeld>,
    /// Whether there are more than [`MAX_HOLDINGS`] of one of them.
    pub more: bool,
}

impl Administration {
    /// What the caller is called and holds now; on record as `SessionShow`.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn holdings(&self, ctx: &RequestContext) -> Result<Holdings, AdminError> {
        self.identified_to(ctx, "SessionShow", self.held(ctx)).await
    }

    /// Whether the caller holds anything at all, without a record: for a page that has its own.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn holds_something(&self, ctx: &RequestContext) -> Result<bool, AdminError> {
        let held = self.held(ctx).await?;
        Ok(!held.assignments.is_empty() || !held.access_policies.is_empty())
    }

    async fn held(&self, ctx: &RequestContext) -> Result<Holdings, AdminError> {
        let principal = &ctx.principal;
        let mut held = Holdings { name: self.own_name(ctx).await?, ..Holdings::default() };
        let _place = self.listing(ctx).await?;
        let counts = |assignment: &&Assignment| {
            assignment.counts_at(ctx.now)
                && assignment.grantee.covers(principal)
                && self.keyring.verify_assignment(assignment).is_ok()
        };
        let all = self.grants.assignments(principal).await?;
        let counting: Vec<_> = all.iter().filter(counts).collect();
        let names = self.names_for(counting.iter().copied()).await?;
        held.assignments.extend(counting.into_iter().map(|assignment| shown(assignment.clone(), &names)));
        held.assignments.sort_by(|a, b| (&a.scope, &a.role).cmp(&(&b.scope, &b.role)));
        let (access_policies, cut) = self.policies_held(ctx).await?;
        held.access_policies = access_policies;
        held.more = cut || held.assignments.len() > MAX_HOLDINGS || held.access_policies.len() > MAX_HOLDINGS;
        held.assignments.truncate(MAX_HOLDINGS);
        held.access_policies.truncate(MAX_HOLDINGS);
        Ok(held)
    }

    /// The access policies that cover the caller, in order of vault, and whether there are more than were looked at.
    async fn policies_held(&self, ctx: &RequestContext) -> Result<(Vec<PolicyHeld>, bool), AdminError> {
        let found = self.grants.access_policies_everywhere(&ctx.principal, MAX_VAULTS).await?;
        let counts = |policy: &AccessPolicy| {
            policy.grantee.covers(&ctx.principal) && self.keyring.verify_access_policy(policy).is_ok()
        };
        let cut = found.len() >= MAX_VAULTS;
        let mut by_vault: BTreeMap<VaultId, Vec<AccessPolicy>> = BTreeMap::new();
        for policy in found.into_iter().filter(counts) {
            by_vault.entry(policy.vault).or_default().push(policy);
        }
        let mut held = Vec::new();
        if by_vault.is_empty() {
            return Ok((held, cut));
        }
        for (id, name) in self.vaults.vault_names(false).await? {
            let Some(policies) = by_vault.remove(&id) else { continue };
            let vault = self.vaults.vault(&name).await?.filter(|vault| vault.id == id);
            if !vault.is_some_and(|vault| vault.settings.access_mode.asks_access_policies()) {
                continue;
            }
            held.extend(policies.into_iter().map(|AccessPolicy { grantee, permissions, .. }| PolicyHeld {
                vault: name.clone(),
                grantee,
                permissions,
            }));
            if held.len() > MAX_HOLDINGS {
                break;
            }
        }
        Ok((held, cut))
    }

    /// What a workload kept here is called; none for everybody else.
    async fn own_name(&self, ctx: &RequestContext) -> Result<Option<String>, AdminError> {
        let id = &ctx.principal.id;
        if ctx.principal.kind != PrincipalKind::Workload || id.issuer != self.gate.own_issuer {
            return Ok(None);
        }
        let Ok(client_id) = Uuid::try_parse(&id.subject) else { return Ok(None) };
        let found: Option<Arc<_>> = self.gate.identities.workload(client_id).await?;
        Ok(found
            .filter(|workload| self.keyring.verify_workload(workload).is_ok())
            .map(|workload| workload.name.clone()))
    }
}
