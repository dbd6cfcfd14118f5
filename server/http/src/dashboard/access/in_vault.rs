//! GET /vaults/{vault}/access: everything that grants something in a vault, in one place: its own
//! assignments, those of the installation that reach it, its access policies. What the access mode does
//! not ask is shown as not in use.

use strongroom_domain::{
    access_policy::AccessPolicy, action::Action, admin::ScopeRequest, gate::Ask, grant::Scope, names::VaultName,
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, PanelsPage, Row, Table, say};

use super::{assignments, whom};
use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        links,
        offers::Offers,
        rendered,
        snippets::{self, Commands},
        sort,
        vaults::mode_words,
    },
    message::Response,
    problem::Problem,
};

/// Most assignments that are shown here; the list under Access pages through all.
const MOST: usize = 200;

/// # Errors
/// The gate's denial, or why the assignments cannot be read.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let admin = &viewer.services.admin;
    let at = ScopeRequest::Vault(vault.clone());
    let own = admin.list_assignments(&viewer.call.ctx, &at, None, None, MOST).await?;
    let place = Place::VaultAccess(vault.clone());
    let mut notices = Vec::new();
    if own.next.is_some() {
        notices.push(say!("access-in-vault-only-the-first-most-assignments", most = MOST));
    }
    let mode = match admin.show_vault(&viewer.further()?, &vault).await {
        Ok(vault) => vault.settings.access_mode,
        Err(_) => {
            notices.push(say!("access-in-vault-the-vaults-access-mode-could").to_owned());
            Default::default()
        }
    };
    let mut offers = Offers::new(viewer, &place);
    let new = links::asked(links::NEW_ASSIGNMENT, &[("scope", Some(&format!("/vaults/{vault}")))]);
    offers
        .offer(
            &Ask::vault(Action::AssignmentAdd, &vault),
            Act::primary(say!("access-in-vault-give-a-role"), new, Icon::Plus),
        )
        .await;
    let put = links::in_vault(&vault, "access-policy", &[]);
    offers
        .offer(
            &Ask::vault(Action::AccessPolicyWrite, &vault),
            Act::link(say!("access-in-vault-set-access-policy"), put.clone(), Icon::Plus),
        )
        .await;
    let removable = offers.open(&Ask::vault(Action::AssignmentRemove, &vault), say!("access-in-vault-remove")).await;
    let (mut acts, cannot) = offers.told();
    let writable = acts.iter().any(|act| matches!(act, Act::Link { href, .. } if *href == put));
    let reaching = [("scope", Some(at.to_string())), ("above", Some("true".to_owned()))];
    let reaching: Vec<(&str, Option<&str>)> = reaching.iter().map(|(name, value)| (*name, value.as_deref())).collect();
    acts.push(Act::link(say!("access-in-vault-who-uses-it"), links::asked(links::GRANTS, &reaching), Icon::Try));

    notices.extend(assignments::warnings(viewer, own.items.iter().map(|shown| &shown.assignment.grantee)).await);
    let unused = |asked: bool| (!asked).then_some(say!("access-in-vault-not-in-use-here-for"));
    let mut main = Vec::new();
    let table = assignments::table(viewer, &own.items, removable).await;
    let panel = Panel::new(say!("access-in-vault-roles-at-this-vault-and"), body(viewer, "roles", table));
    main.push(noted(panel, unused(mode.asks_roles())));
    match admin.list_assignments(&viewer.further()?, &ScopeRequest::Server, None, None, MOST).await {
        Ok(all) => {
            let inherited: Vec<_> = all.items.into_iter().filter(|a| a.assignment.scope == Scope::Server).collect();
            let table = assignments::table(viewer, &inherited, false).await;
            main.push(noted(
                Panel::new(say!("access-in-vault-roles-at-the-installation"), body(viewer, "inherited", table)),
                unused(mode.asks_roles()),
            ));
        }
        Err(_) => notices.push(say!("access-in-vault-roles-given-at-the-installation").to_owned()),
    }
    match admin.list_access_policies(&viewer.further()?, &vault).await {
        Ok(shown) => {
            let table = policy_table(viewer, &vault, &shown.policies, writable).await;
            notices.extend(assignments::warnings(viewer, shown.policies.iter().map(|policy| &policy.grantee)).await);
            if mode.asks_access_policies() && shown.policies.iter().all(|policy| policy.permissions.is_empty()) {
                notices.push(say!("access-in-vault-nobody-can-use-what-is").to_owned());
            }
            let note = shown.asleep.then_some(say!("access-in-vault-not-in-use-here-the"));
            main.push(noted(
                Panel::new(say!("access-in-vault-access-policies"), body(viewer, "policies", table)),
                note,
            ));
        }
        Err(_) => notices.push(say!("access-in-vault-the-access-policies-of-this").to_owned()),
    }
    let commands = Commands::of_installation(viewer.services);
    main.push(snippets::panel(vec![
        commands
            .server(&format!("assignment list --scope /vaults/{vault}"))
            .labelled(say!("access-in-vault-list-assignments")),
        commands.server(&format!("access-policy list {vault}")).labelled(say!("access-in-vault-list-access-policies")),
        commands.curl_server("GET", &format!("/api/v1/assignments?scope=/vaults/{vault}"), None),
    ]));
    let page = PanelsPage {
        lead: Some(say!("access-in-vault-access-by-mode-network-rules", mode = mode_words(mode).to_lowercase())),
        acts,
        cannot,
        notices,
        main,
        ..PanelsPage::new(viewer.shell(&place).await, say!("access-in-vault-access-to-vault", vault = vault))
    };
    Ok(rendered(200, page.render()))
}

fn body(viewer: &Viewer<'_>, name: &str, table: Table) -> Body {
    if table.rows.is_empty() {
        Body::Text(vec![say!("access-in-vault-none").to_owned()])
    } else {
        Body::Table(sort::table(viewer, name, table))
    }
}

fn noted(panel: Panel, note: Option<&str>) -> Panel {
    match note {
        Some(note) => panel.note(note),
        None => panel,
    }
}

async fn policy_table(viewer: &Viewer<'_>, vault: &VaultName, all: &[AccessPolicy], writable: bool) -> Table {
    let names = whom::names(viewer, all.iter().map(|policy| &policy.grantee)).await;
    let rows = all.iter().map(|policy| {
        let mut acts = Vec::new();
        if writable {
            let parts = whom::parts(viewer, &policy.grantee);
            let query: Vec<(&str, Option<&str>)> =
                parts.iter().map(|(name, value)| (*name, Some(value.as_str()))).collect();
            acts.push(Act::link(
                say!("access-in-vault-change"),
                links::in_vault(vault, "access-policy", &query),
                Icon::Pencil,
            ));
            acts.push(Act::link(
                say!("access-in-vault-remove"),
                links::in_vault(vault, "access-policy/remove", &query),
                Icon::Trash,
            ));
        }
        let secrets: Vec<&str> = policy.permissions.secrets.iter().map(|permission| permission.as_str()).collect();
        let keys: Vec<&str> = policy.permissions.keys.iter().map(|permission| permission.as_str()).collect();
        let of_certificates = policy.permissions.certificates.iter();
        let certificates: Vec<&str> = of_certificates.map(|permission| permission.as_str()).collect();
        Row::new(vec![
            whom::cell(viewer, &policy.grantee, &names),
            if secrets.is_empty() {
                Cell::None(say!("access-in-vault-none-2").into())
            } else {
                Cell::text(secrets.join(", "))
            },
            if keys.is_empty() {
                Cell::None(say!("access-in-vault-none-2").into())
            } else {
                Cell::text(keys.join(", "))
            },
            if certificates.is_empty() {
                Cell::None(say!("access-in-vault-none-2").into())
            } else {
                Cell::text(certificates.join(", "))
            },
            Cell::Acts(acts),
        ])
    });
    Table::new(
        &["Who", "Permissions on secrets", "Permissions on keys", "Permissions on certificates", ""],
        rows.collect(),
    )
}
