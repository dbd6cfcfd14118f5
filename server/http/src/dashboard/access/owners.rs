//! The owners of a vault: whom to ask for access to it. For those who may read its assignments; everybody else hears what
//! it takes.

use std::{collections::BTreeMap, sync::Arc};

use strongroom_domain::{
    access_policy::AccessMode,
    action::Action,
    admin::{AssignmentShown, ScopeRequest},
    gate::Ask,
    grant::Scope,
    names::{VaultId, VaultName},
    principal::Grantee,
    role::RoleRef,
    vault::Vault,
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, say};

use super::whom;
use crate::dashboard::{frame::Viewer, links, sort};

fn title() -> &'static str {
    say!("access-owners-owners")
}
/// Most that are named.
const SHOWN: usize = 10;
/// Most assignments that are read for a list of vaults.
const LOOKED_THROUGH: usize = 500;

/// Who may give access to a vault.
pub(crate) async fn panel(viewer: &Viewer<'_>, vault: &Vault) -> Panel {
    if !viewer.may(&Ask::vault(Action::AssignmentRead, &vault.name)).await {
        return told(say!("access-owners-owners-are-hidden-seeing-them"));
    }
    let mode = vault.settings.access_mode;
    let Some(mut owners) = read(viewer, &ScopeRequest::Vault(vault.name.clone()), mode).await else {
        return told(say!("access-owners-the-owners-could-not-be"));
    };
    let mut foot = Vec::new();
    if viewer.may(&Ask::server(Action::AssignmentRead)).await {
        match read(viewer, &ScopeRequest::Server, mode).await {
            Some(above) => owners.extend(above),
            None => foot.push(say!("access-owners-those-of-the-installation-could").to_owned()),
        }
    } else {
        foot.push(say!("access-owners-those-of-the-installation-are").to_owned());
    }
    if mode == AccessMode::Modules {
        foot.push(say!("access-owners-what-is-in-it-is").to_owned());
    }
    let more = owners.len().saturating_sub(SHOWN);
    if more > 0 {
        foot.insert(0, say!("access-owners-more-more-may-give-access", more = more));
    }
    owners.truncate(SHOWN);
    let all = Act::link(say!("access-owners-vault-access"), links::in_vault(&vault.name, "access", &[]), Icon::Group);
    let panel =
        Panel::new(title(), body(viewer, &owners).await).note(say!("access-owners-may-give-access")).acts(vec![all]);
    if foot.is_empty() { panel } else { panel.foot(foot.join(" ")) }
}

/// Whom to ask after a denial: who may give access in the vault that it was about, or on the installation. Those of the
/// installation can mend what keeps everybody out of the vault as well.
pub(crate) async fn to_ask(viewer: &Viewer<'_>, vault: Option<&VaultName>) -> Panel {
    if let Some(name) = vault
        && viewer.may(&Ask::vault(Action::AssignmentRead, name)).await
        && let Some(vault) = visible(viewer, name).await
    {
        return panel(viewer, &vault).await;
    }
    if !viewer.may(&Ask::server(Action::AssignmentRead)).await {
        let hidden = match vault {
            Some(_) => say!("access-owners-owners-are-hidden-seeing-them"),
            None => say!("access-owners-those-of-the-installation-are"),
        };
        return told(hidden);
    }
    let Some(mut owners) = read(viewer, &ScopeRequest::Server, AccessMode::Rbac).await else {
        return told(say!("access-owners-those-of-the-installation-could"));
    };
    let more = owners.len().saturating_sub(SHOWN);
    owners.truncate(SHOWN);
    let panel = Panel::new(title(), body(viewer, &owners).await).note(say!("access-owners-may-give-access"));
    let mut foot = Vec::new();
    if more > 0 {
        foot.push(say!("access-owners-more-more-may-give-access", more = more));
    }
    if vault.is_some() {
        foot.push(say!("access-owners-those-of-the-vault-are-not-told").to_owned());
    }
    if foot.is_empty() { panel } else { panel.foot(foot.join(" ")) }
}

/// A vault, for whoever may see its settings.
async fn visible(viewer: &Viewer<'_>, name: &VaultName) -> Option<Arc<Vault>> {
    let found = viewer.services.admin.vaults_at_hand(&viewer.call.ctx, 0, |_, other| other == name).await;
    found.ok()?.0.into_iter().next()
}

/// Who may give access by an assignment of a vault's own and by a built-in role, by vault, and whether not all assignments
/// were looked at; for a list of vaults. None where they cannot be read.
pub(crate) async fn by_vault(viewer: &Viewer<'_>) -> Option<(BTreeMap<VaultId, Vec<String>>, bool)> {
    let ctx = viewer.further().ok()?;
    let page =
        viewer.services.admin.list_assignments(&ctx, &ScopeRequest::Server, None, None, LOOKED_THROUGH).await.ok()?;
    let gives = |role: RoleRef| matches!(role, RoleRef::BuiltIn(role) if role.allows(Action::AssignmentAdd));
    let of_vaults: Vec<(VaultId, &Grantee)> = page
        .items
        .iter()
        .map(|shown| &shown.assignment)
        .filter(|assignment| gives(assignment.role) && assignment.counts_at(viewer.call.ctx.now))
        .filter_map(|assignment| match assignment.scope {
            Scope::Vault { vault } => Some((vault, &assignment.grantee)),
            _ => None,
        })
        .collect();
    let names = whom::names(viewer, of_vaults.iter().map(|(_, grantee)| *grantee)).await;
    let mut owners: BTreeMap<VaultId, Vec<String>> = BTreeMap::new();
    for (vault, grantee) in of_vaults {
        owners.entry(vault).or_default().push(whom::words(grantee, &names));
    }
    Some((owners, page.next.is_some()))
}

fn told(words: &str) -> Panel {
    Panel::new(title(), Body::Text(vec![words.to_owned()]))
}

/// Each scope is a request of its own to the gate.
async fn read(viewer: &Viewer<'_>, at: &ScopeRequest, mode: AccessMode) -> Option<Vec<AssignmentShown>> {
    viewer.services.admin.who_gives_access(&viewer.further().ok()?, at, mode).await.ok()
}

async fn body(viewer: &Viewer<'_>, owners: &[AssignmentShown]) -> Body {
    if owners.is_empty() {
        return Body::Text(vec![say!("access-owners-nobody-of-whom-you-may").to_owned()]);
    }
    let names = whom::names(viewer, owners.iter().map(|owner| &owner.assignment.grantee)).await;
    let rows = owners.iter().map(|AssignmentShown { assignment, role, .. }| {
        let at = if assignment.scope == Scope::Server {
            say!("access-owners-on-the-installation")
        } else {
            say!("access-owners-on-this-vault")
        };
        Row::new(vec![
            whom::cell(viewer, &assignment.grantee, &names),
            Cell::Link { text: role.clone(), href: links::role(assignment.role.id()), small: Some(at.to_owned()) },
        ])
    });
    Body::Table(sort::table(viewer, "owners", Table::new(&["Who", "Role"], rows.collect())))
}
