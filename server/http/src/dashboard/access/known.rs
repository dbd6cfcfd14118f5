//! What a form about a grant can offer to choose from: those who are known, and where something can be granted. Only
//! what whoever asks may see anyway; everything else can be typed.

use std::collections::BTreeMap;
use strongroom_web::say;

use strongroom_domain::{
    action::Action,
    admin::{AssignmentShown, ScopeRequest},
    gate::Ask,
    names::VaultName,
    principal::{Grantee, PrincipalId},
};

use super::own_issuer;
use crate::dashboard::frame::Viewer;

/// Most of each that a form offers.
const MOST: usize = 100;

/// Values of a field with what is said of each beside it.
pub(in crate::dashboard) type Offered = BTreeMap<String, String>;

/// What is known.
#[derive(Default)]
pub(in crate::dashboard) struct Known {
    /// Client ids, by what people call the workload.
    pub(in crate::dashboard) workloads: Offered,
    pub(in crate::dashboard) issuers: Offered,
    pub(in crate::dashboard) subjects: Offered,
    pub(super) groups: Offered,
    pub(super) scopes: Offered,
}

impl Known {
    /// For a form about one vault, or about any place.
    pub(in crate::dashboard) async fn of(viewer: &Viewer<'_>, vault: Option<&VaultName>) -> Self {
        let mut known = Self::default();
        let own = &viewer.call.ctx.principal;
        known.person(&own.id, "you");
        for group in &own.groups {
            known.groups.insert(group.clone(), say!("access-known-yours-at-issuer", issuer = own.id.issuer));
        }
        for provider in viewer.services.sign_in.providers() {
            known.issuers.insert(provider.issuer, provider.name);
        }
        known.scopes.insert("/".to_owned(), say!("access-known-the-installation").to_owned());
        for vault in viewer.vaults().await.into_iter().take(MOST) {
            known
                .scopes
                .insert(format!("/vaults/{}", vault.name), say!("access-known-the-vault-with-all-that").to_owned());
        }
        for AssignmentShown { assignment, scope, .. } in assignments(viewer, vault).await {
            match &assignment.grantee {
                Grantee::Principal { id } if id.issuer == own_issuer(viewer) => {}
                Grantee::Principal { id } => known.person(id, &say!("access-known-at-issuer", issuer = id.issuer)),
                Grantee::Group { issuer, group } => {
                    known.issuers.entry(issuer.clone()).or_default();
                    known
                        .groups
                        .entry(group.clone())
                        .or_insert_with(|| say!("access-known-at-issuer", issuer = issuer));
                }
            }
            known.scopes.entry(scope).or_insert_with(|| say!("access-known-granted-at-already").to_owned());
        }
        if viewer.may(&Ask::server(Action::WorkloadRead)).await
            && let Ok(ctx) = viewer.further()
            && let Ok(page) = viewer.services.admin.list_workloads(&ctx, None, MOST).await
        {
            known.workloads = page.items.iter().map(|one| (one.client_id.to_string(), one.name.clone())).collect();
        }
        known
    }

    fn person(&mut self, id: &PrincipalId, said: &str) {
        self.issuers.entry(id.issuer.clone()).or_default();
        self.subjects.entry(id.subject.clone()).or_insert_with(|| said.to_owned());
    }
}

/// Assignments that name others, as far as they may be seen: nothing is asked that would be refused.
async fn assignments(viewer: &Viewer<'_>, vault: Option<&VaultName>) -> Vec<AssignmentShown> {
    let at = match vault {
        _ if viewer.may(&Ask::server(Action::AssignmentRead)).await => ScopeRequest::Server,
        Some(vault) if viewer.may(&Ask::vault(Action::AssignmentRead, vault)).await => {
            ScopeRequest::Vault(vault.clone())
        }
        _ => return Vec::new(),
    };
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let listed = viewer.services.admin.list_assignments(&ctx, &at, None, None, MOST).await;
    listed.map(|page| page.items).unwrap_or_default()
}
