//! What giving a role, or setting an access policy, would change: before and after, and what of that was refused lately.
//! Nothing is written, and whether whoever asks may give it at all is judged when it is given.

use std::collections::BTreeSet;

use strongroom_domain::{
    access_policy::{ObjectPermission, ObjectPermissions},
    action::Action,
    admin::{AssignmentShown, NewAssignment, RoleShown, ScopeRequest, WantedRole},
    decision::DenyReason,
    gate::Ask,
    names::{ObjectKind, VaultName},
    principal::Grantee,
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Body, Cell, Icon, Panel, Row, Table, Tone, say};

use crate::dashboard::{form::Sent, frame::Viewer, view};

/// Assignments of the grantee that are looked at.
const HELD: usize = 200;
/// Denials that are looked through.
const DENIALS: u16 = 1000;
/// How the actions begin that say who may do what: those that are asked of an object that is no secret, key or certificate.
const AUTHORIZATION: &str = "Microsoft.Authorization/";
/// How far back, in milliseconds: a day.
const BACK: i64 = 86_400_000;

/// Whether a form was sent to see what it would do.
pub(super) fn is_asked_for(sent: &Sent) -> bool {
    sent.text("step") == "preview"
}

/// What a role would change.
pub(super) async fn of_role(viewer: &Viewer<'_>, new: &NewAssignment, at: &ScopeRequest) -> Vec<Panel> {
    let title = say!("access-preview-before-and-after");
    let untold = |why: &str| vec![Panel::new(title, Body::Text(vec![why.to_owned()]))];
    let roles = roles(viewer, at).await;
    let wanted = match &new.role {
        WantedRole::Known(role) => roles.iter().find(|shown| shown.id == role.id()),
        WantedRole::Named(text) => {
            roles.iter().find(|shown| shown.name.eq_ignore_ascii_case(text) || shown.id.to_string() == *text)
        }
    };
    let Some(wanted) = wanted else { return untold(say!("access-preview-the-role-is-not-known")) };
    let Some((held, all)) = held(viewer, &new.grantee, at).await else {
        return untold(say!("access-preview-what-they-hold-is-not"));
    };
    let known: Vec<&RoleShown> =
        held.iter().filter_map(|one| roles.iter().find(|role| role.id == one.assignment.role.id())).collect();
    let has = |action: Action| known.iter().any(|role| role.permissions().allows(action));
    let given = |action: &Action| reaches(*action, at) && wanted.permissions().allows(*action);
    let gained: Vec<Action> = Action::ALL.iter().copied().filter(given).filter(|action| !has(*action)).collect();
    let mut rows: Vec<Row> = held
        .iter()
        .map(|AssignmentShown { assignment, role, scope, .. }| {
            let held = |tone| Cell::Badge {
                tone,
                icon: Icon::Check,
                text: role.clone(),
                small: Some(where_and_until(scope, assignment.ends_at)),
            };
            Row::new(vec![held(Tone::Plain), held(Tone::Plain)])
        })
        .collect();
    rows.push(Row::new(vec![
        Cell::None(say!("access-preview-nothing").to_owned()),
        Cell::Badge {
            tone: Tone::Planned,
            icon: Icon::Hourglass,
            text: wanted.name.clone(),
            small: Some(where_and_until(&at.to_string(), new.ends_at)),
        },
    ]));
    let before_and_after = Panel::new(title, Body::Table(Table::new(&["Before", "After"], rows)))
        .note(say!("access-preview-nothing-is-written-yet"))
        .foot(if all {
            say!("access-preview-groups-aside")
        } else {
            say!("access-preview-below-the-installation-alone")
        });
    let names: BTreeSet<&str> = gained.iter().map(|action| action.data_action()).collect();
    let mut said = vec![denied(viewer, &new.grantee, at, &gained, &DenyReason::NoRole).await];
    said.extend(asleep(viewer, at).await);
    vec![before_and_after, gains(names.into_iter().map(str::to_owned).collect(), &said)]
}

/// What an access policy would change: it takes the place of the one that is there.
pub(super) async fn of_policy(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    grantee: &Grantee,
    (held, new): (&ObjectPermissions, &ObjectPermissions),
) -> Vec<Panel> {
    let words = |permission: ObjectPermission| {
        let (kind, word) = permission.words();
        format!("{kind}: {word}")
    };
    let listed = |of: &ObjectPermissions| of.iter().map(words).collect::<BTreeSet<String>>();
    let (before, after) = (listed(held), listed(new));
    let none = || Cell::None(say!("access-preview-nothing").to_owned());
    let badge = |tone, icon, text: &String| Cell::badge(tone, icon, text);
    let rows = before.union(&after).map(|text| {
        let stays = after.contains(text);
        Row::new(match (before.contains(text), stays) {
            (true, true) => vec![badge(Tone::Plain, Icon::Check, text), badge(Tone::Plain, Icon::Check, text)],
            (true, false) => {
                let taken = Cell::badge(Tone::Bad, Icon::Ban, say!("access-preview-taken-away"));
                vec![badge(Tone::Plain, Icon::Check, text), taken]
            }
            (false, _) => vec![none(), badge(Tone::Planned, Icon::Hourglass, text)],
        })
    });
    let rows: Vec<Row> = rows.collect();
    let body = if rows.is_empty() {
        Body::Text(vec![say!("access-preview-no-permission-before-and-none").to_owned()])
    } else {
        Body::Table(Table::new(&["Before", "After"], rows))
    };
    let is_new = |permission| new.contains(permission) && !held.contains(permission);
    let newly = |action: &Action| ObjectPermission::of(*action).is_some_and(is_new);
    let gained: Vec<Action> = Action::ALL.iter().copied().filter(newly).collect();
    let at = ScopeRequest::Vault(vault.clone());
    let said = denied(viewer, grantee, &at, &gained, &DenyReason::NoAccessPolicy).await;
    let before_and_after = Panel::new(say!("access-preview-before-and-after"), body)
        .note(say!("access-preview-nothing-is-written-yet"))
        .foot(say!("access-preview-other-policies-aside"));
    let names = after.difference(&before).cloned().collect();
    vec![before_and_after, gains(names, &[said])]
}

/// What is gained.
fn gains(names: Vec<String>, said: &[String]) -> Panel {
    let body = if names.is_empty() {
        Body::Text(vec![say!("access-preview-nothing-is-gained").to_owned()])
    } else {
        let row = |name: String| Row::new(vec![Cell::Code(name)]);
        Body::Table(Table::new(&["Action"], names.into_iter().map(row).collect()))
    };
    Panel::new(say!("access-preview-what-is-gained"), body).foot(said.join(" "))
}

fn where_and_until(scope: &str, ends_at: Option<i64>) -> String {
    match ends_at {
        Some(end) => say!("access-preview-at-scope-until", scope = scope, end = view::moment_millis(end).text),
        None => say!("access-preview-at-scope", scope = scope),
    }
}

/// The roles that whoever asks may see: those of the installation, or those of the vault.
async fn roles(viewer: &Viewer<'_>, at: &ScopeRequest) -> Vec<RoleShown> {
    let scope = match at.vault() {
        _ if viewer.may(&Ask::server(Action::RoleRead)).await => ScopeRequest::Server,
        Some(vault) if viewer.may(&Ask::vault(Action::RoleRead, vault)).await => ScopeRequest::Vault(vault.clone()),
        _ => return Vec::new(),
    };
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    viewer.services.admin.list_roles(&ctx, &scope).await.unwrap_or_default()
}

/// What the grantee holds at the scope and above, and whether that is all of it; none where it may not be seen.
async fn held(viewer: &Viewer<'_>, grantee: &Grantee, at: &ScopeRequest) -> Option<(Vec<AssignmentShown>, bool)> {
    let scope = match at.vault() {
        _ if viewer.may(&Ask::server(Action::AssignmentRead)).await => ScopeRequest::Server,
        Some(vault) if viewer.may(&Ask::vault(Action::AssignmentRead, vault)).await => {
            ScopeRequest::Vault(vault.clone())
        }
        _ => return None,
    };
    let ctx = viewer.further().ok()?;
    let page = viewer.services.admin.list_assignments(&ctx, &scope, Some(grantee.clone()), None, HELD).await.ok()?;
    let (now, at) = (viewer.call.ctx.now, at.to_string());
    let counts = |one: &AssignmentShown| one.assignment.counts_at(now) && lies_above(&one.scope, &at);
    let all = scope == ScopeRequest::Server && page.next.is_none();
    Some((page.items.into_iter().filter(counts).collect(), all))
}

/// Whether what is given at one scope counts at the other.
fn lies_above(scope: &str, at: &str) -> bool {
    scope == "/" || at.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a role at the scope can permit the action anywhere.
fn reaches(action: Action, at: &ScopeRequest) -> bool {
    let kind = match at {
        ScopeRequest::Server => return true,
        ScopeRequest::Vault(_) => return action.applies_below_installation(),
        ScopeRequest::Secret(..) => ObjectKind::Secret,
        ScopeRequest::Key(..) => ObjectKind::Key,
        ScopeRequest::Certificate(..) => ObjectKind::Certificate,
    };
    if action.is_data() {
        return action.object_kind() == kind;
    }
    action.data_action().starts_with(AUTHORIZATION)
}

/// How many of the grantee's denials of the last day were of what would be gained.
async fn denied(
    viewer: &Viewer<'_>,
    grantee: &Grantee,
    at: &ScopeRequest,
    gained: &[Action],
    reason: &DenyReason,
) -> String {
    let Grantee::Principal { id } = grantee else { return say!("access-preview-denials-of-a-group").to_owned() };
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return say!("access-preview-denials-hidden").to_owned();
    }
    let filter = RecordFilter {
        outcome: Some(Outcome::Denied),
        vault: at.vault().map(ToString::to_string),
        whole_principal: Some(id.clone()),
        from: Some(viewer.call.ctx.now.saturating_sub(BACK)),
        limit: usize::from(DENIALS),
        ..RecordFilter::default()
    };
    let found = match viewer.further() {
        Ok(ctx) => viewer.services.admin.query_audit(&ctx, filter).await.ok(),
        Err(_) => None,
    };
    let Some(found) = found else { return say!("access-preview-denials-not-read").to_owned() };
    let object = match at {
        ScopeRequest::Server | ScopeRequest::Vault(_) => None,
        ScopeRequest::Secret(_, name) | ScopeRequest::Key(_, name) | ScopeRequest::Certificate(_, name) => Some(name),
    };
    let of_it = |record: &&Record| {
        let there = object.is_none_or(|name| {
            record.object.as_deref().is_some_and(|object| object.eq_ignore_ascii_case(name.as_str()))
        });
        there && record.reason == reason.code() && gained.iter().any(|action| action.operation() == record.operation)
    };
    let count: u64 = found.items.iter().filter(of_it).map(|record| record.count.unwrap_or(1)).sum();
    let count = view::grouped(count);
    if found.next.is_some() {
        say!("access-preview-at-least-denials", count = count, most = view::grouped(u64::from(DENIALS)))
    } else {
        say!("access-preview-denials", count = count)
    }
}

/// What of a role does not count there, because the vault does not ask roles for its contents.
async fn asleep(viewer: &Viewer<'_>, at: &ScopeRequest) -> Option<String> {
    let name = at.vault()?;
    let vault = viewer.vaults().await.into_iter().find(|vault| vault.name == *name)?;
    (!vault.settings.access_mode.asks_roles()).then(|| say!("access-preview-roles-are-not-asked").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_above_counts_below() {
        for (scope, at, above) in [
            ("/", "/vaults/a", true),
            ("/vaults/a", "/vaults/a", true),
            ("/vaults/a", "/vaults/a/secrets/x", true),
            ("/vaults/a", "/vaults/ab", false),
            ("/vaults/a/secrets/x", "/vaults/a", false),
            ("/vaults/a", "/", false),
        ] {
            assert_eq!(lies_above(scope, at), above, "{scope} {at}");
        }
    }
}
