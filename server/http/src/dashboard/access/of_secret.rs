//! Who can read a secret, as far as the viewer may see what grants it: roles at the secret, its vault and the installation,
//! and access policies of the vault, each where the vault's access mode asks for it.

use strongroom_domain::{
    action::Action,
    admin::{AssignmentShown, ScopeRequest},
    gate::Ask,
    names::{ObjectName, VaultName},
    principal::Grantee,
    role::{Role, RoleRef},
};
use strongroom_web::{Body, Cell, Panel, Row, Table, say};

use super::{assignments::end, whom};
use crate::dashboard::{Failure, frame::Viewer, links, sort};

/// Most assignments of a scope that are looked through.
const MOST: usize = 200;

/// Something that lets somebody read it.
struct Way {
    grantee: Grantee,
    by: Cell,
    place: String,
    ends_at: Option<i64>,
}

/// The panel of the secret's page.
pub(crate) async fn panel(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Panel {
    let title = say!("access-of-secret-who-can-read-it");
    let told = |words: String| Panel::new(title, Body::Text(vec![words]));
    let vaults = viewer.vaults().await;
    let mode = vaults.iter().find(|known| known.name == *vault).map(|known| known.settings.access_mode);
    let Some(mode) = mode else {
        return told(say!("access-of-secret-hidden-with-the-vault").to_owned());
    };
    let (roles, policies) = (mode.asks_roles(), mode.asks_access_policies());
    if !roles && !policies {
        return told(say!("access-of-secret-a-policy-module-decides").to_owned());
    }
    for (asked, action) in [(roles, Action::AssignmentRead), (policies, Action::AccessPolicyRead)] {
        if asked && !viewer.may(&Ask::vault(action, vault)).await {
            let role = Role::least_for(action).map_or(Role::Owner.name(), |role| role.name());
            return told(say!("access-of-secret-readers-hidden", role = role));
        }
    }
    let Ok((ways, missing)) = ways(viewer, vault, name, (roles, policies)).await else {
        return told(say!("access-of-secret-could-not-be-read").to_owned());
    };
    if ways.is_empty() {
        return told(say!("access-of-secret-nobody").to_owned());
    }
    let names = whom::names(viewer, ways.iter().map(|way| &way.grantee)).await;
    let rows = ways.into_iter().map(|Way { grantee, by, place, ends_at }| {
        let who = whom::cell(viewer, &grantee, &names);
        Row::new(vec![who, by, Cell::Code(place), end(ends_at, viewer.call.ctx.now)])
    });
    let table = sort::table(viewer, "granted", Table::new(&["Who", "By", "Where", "Until"], rows.collect()));
    let refusing = match roles && policies {
        true => say!("access-of-secret-both-are-needed"),
        false => say!("access-of-secret-others-may-refuse"),
    };
    Panel::new(title, Body::Table(table)).foot(missing.unwrap_or_else(|| refusing.to_owned()))
}

/// What lets somebody read it, and what was not looked through.
async fn ways(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    name: &ObjectName,
    (roles, policies): (bool, bool),
) -> Result<(Vec<Way>, Option<String>), Failure> {
    let admin = &viewer.services.admin;
    let (mut ways, mut missing) = (Vec::new(), None);
    if roles {
        let reaching = [format!("/vaults/{vault}"), format!("/vaults/{vault}/secrets/{name}")];
        let mut scopes = vec![ScopeRequest::Vault(vault.clone())];
        if viewer.may(&Ask::server(Action::AssignmentRead)).await {
            // Those of the vault are among those of the installation, but there may be too many of others.
            scopes.push(ScopeRequest::Server);
        } else {
            missing = Some(say!("access-of-secret-installation-hidden").to_owned());
        }
        for (at, scope) in scopes.iter().enumerate() {
            let page = admin.list_assignments(&viewer.further()?, scope, None, None, MOST).await?;
            if page.next.is_some() {
                missing = Some(say!("access-of-secret-not-all", most = MOST));
            }
            let of_here = |shown: &AssignmentShown| {
                let reaches = reaching.iter().any(|scope| scope.eq_ignore_ascii_case(&shown.scope));
                if at == 0 { reaches } else { shown.scope == "/" }
            };
            ways.extend(page.items.into_iter().filter(of_here).filter_map(by_role));
        }
    }
    if policies {
        let shown = admin.list_access_policies(&viewer.further()?, vault).await?;
        let reading = shown.policies.into_iter().filter(|policy| policy.allows(Action::SecretGet));
        ways.extend(reading.map(|policy| Way {
            grantee: policy.grantee,
            by: Cell::link(say!("access-of-secret-access-policy"), links::in_vault(vault, "access", &[])),
            place: format!("/vaults/{vault}"),
            ends_at: None,
        }));
    }
    Ok((ways, missing))
}

/// An assignment of a role that lets read values. What a custom one holds stands on its page.
fn by_role(AssignmentShown { assignment, role, scope, .. }: AssignmentShown) -> Option<Way> {
    let small = match assignment.role {
        RoleRef::BuiltIn(role) if role.allows(Action::SecretGet) => None,
        RoleRef::BuiltIn(_) => return None,
        RoleRef::Custom(_) => Some(say!("access-of-secret-if-it-holds-that").to_owned()),
    };
    Some(Way {
        by: Cell::Link { text: role, href: links::role(assignment.role.id()), small },
        grantee: assignment.grantee,
        place: scope,
        ends_at: assignment.ends_at,
    })
}
