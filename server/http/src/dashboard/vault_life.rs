//! The life of a vault: delete, recover, purge.

use strongroom_domain::{
    action::Action, admin::VaultListing, gate::Ask, names::VaultName, secret::LifeState, vault::Vault,
};
use strongroom_web::{Act, Body, Cell, Fact, Form, Icon, Panel, PanelsPage, Row, Table, say};

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    kept_back, links,
    offers::Offers,
    redirect,
    refusal::{self, Refusal},
    rendered,
    snippets::{self, Commands},
    sort::Sort,
    vaults, view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

const SECONDS_A_DAY: i64 = 86_400;

fn vault_name(viewer: &Viewer<'_>) -> Result<VaultName, Problem> {
    VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// GET /vaults/{vault}/delete
///
/// # Errors
/// The gate's denial, or why the vault cannot be shown.
pub(super) async fn ask_delete(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let name = vault_name(viewer)?;
    let vault = viewer.services.admin.show_vault(&viewer.call.ctx, &name).await?;
    Ok(delete_page(viewer, &vault, None).await)
}

/// POST /vaults/{vault}/delete: soft delete, once its name was typed: it takes everything in it along.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn delete(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let name = vault_name(viewer)?;
    let is_named = VaultName::parse(sent.text("confirm")).ok().as_ref() == Some(&name);
    if let Err(refusal) = refusal::for_good(viewer, &sent, is_named, (say!("vault-life-deleted-word"), name.as_str())) {
        let vault = viewer.services.admin.show_vault(&viewer.further()?, &name).await?;
        return Ok(delete_page(viewer, &vault, Some(&refusal)).await);
    }
    viewer.services.admin.delete_vault(&viewer.call.ctx, &name).await?;
    Ok(redirect(links::DELETED_VAULTS.to_owned()))
}

async fn delete_page(viewer: &Viewer<'_>, vault: &Vault, refusal: Option<&Refusal>) -> Response {
    let name = &vault.name;
    let days = i64::from(vault.settings.retention_days);
    let until = view::moment(viewer.now() + days * SECONDS_A_DAY).text;
    let form = Form {
        action: links::in_vault(name, "delete", &[]),
        csrf_token: Some(viewer.form_token()),
        fields: refusal::for_good_fields(name.as_str()),
        submit: say!("vault-life-delete-recoverable-until-until", until = until),
        danger: true,
        cancel_href: Some(links::vault(name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("vault-life-every-read-of-everything-in", until = until)),
        main: vec![Panel::new(say!("vault-life-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("vault delete {name}")),
            commands.curl_server("DELETE", &format!("/api/v1/vaults/{name}"), None),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::Vault(name.clone()).below(say!("vault-life-delete"))).await,
            say!("vault-life-delete-name", name = name),
        )
    };
    refusal::answer(&page, refusal)
}

const COLUMNS: [&str; 4] = ["Name", "Deleted", "Purged", ""];

/// GET /deleted-vaults
///
/// # Errors
/// 503 when the vaults cannot be read or the record cannot be written.
pub(super) async fn list_deleted(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let VaultListing { vaults, damaged, kept_back } =
        viewer.services.admin.list_deleted_vaults(&viewer.call.ctx).await?;
    let token = viewer.form_token();
    let mut rows = Vec::new();
    let place = Place::DeletedVaults;
    let mut offers = Offers::new(viewer, &place);
    for vault in &vaults {
        let name = &vault.name;
        let (deleted, purged) = dates(vault);
        let mut acts = Vec::new();
        if offers.open(&Ask::vault(Action::VaultRecover, name), say!("vault-life-recover")).await {
            let action = links::deleted_vault_act(name, "recover");
            acts.push(Act::post(say!("vault-life-recover"), name.as_str(), action, &token, Icon::Undo));
        }
        let purges = Ask::vault(Action::VaultPurge, name);
        if !vault.settings.purge_protection && offers.open(&purges, say!("vault-life-purge")).await {
            acts.push(Act::link(
                &say!("vault-life-purge-name", name = name),
                links::deleted_vault_act(name, "purge"),
                Icon::Trash,
            ));
        }
        rows.push(Row::new(vec![Cell::text(name.to_string()), deleted, purged, Cell::Acts(acts)]));
    }
    let headline = match rows.len() {
        0 => say!("vault-life-no-deleted-vaults").to_owned(),
        1 => say!("vault-life-one-deleted-vault").to_owned(),
        count => say!("vault-life-count-deleted-vaults", count = count),
    };
    let body = if rows.is_empty() {
        Body::Empty {
            headline: say!("vault-life-nothing-is-deleted-that-you").to_owned(),
            text: say!("vault-life-a-deleted-vault-stays-here").to_owned(),
            command: None,
        }
    } else {
        Body::Table(Sort::of(viewer, request, &COLUMNS).table(Table::new(&COLUMNS, rows), &[]))
    };
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        cannot: offers.told().1,
        notices: vaults::notices(&damaged),
        main: [
            Some(Panel::new(say!("vault-life-deleted-vaults"), body)),
            kept_back::deleted(&kept_back),
            Some(snippets::panel(vec![
                commands.server("vault list --deleted"),
                commands.curl_server("GET", "/api/v1/deletedvaults", None),
            ])),
        ]
        .into_iter()
        .flatten()
        .collect(),
        ..PanelsPage::new(viewer.shell(&place).await, kept_back::headline(headline, &kept_back))
    };
    Ok(rendered(200, page.render()))
}

fn dates(vault: &Vault) -> (Cell, Cell) {
    match vault.life {
        LifeState::Active => {
            (Cell::None(say!("vault-life-not-deleted").to_owned()), Cell::None(say!("vault-life-never").to_owned()))
        }
        LifeState::Deleted { deleted_at, purge_at } => {
            (Cell::Moment(view::moment(deleted_at)), Cell::Moment(view::moment(purge_at)))
        }
    }
}

/// POST /deleted-vaults/{vault}/recover
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn recover(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let name = vault_name(viewer)?;
    viewer.services.admin.recover_vault(&viewer.call.ctx, &name).await?;
    Ok(redirect(links::vault(&name)))
}

/// GET /deleted-vaults/{vault}/purge
///
/// # Errors
/// The gate's denial, or why the vault cannot be shown.
pub(super) async fn ask_purge(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let name = vault_name(viewer)?;
    let vault = viewer.services.admin.show_deleted_vault(&viewer.call.ctx, &name).await?;
    Ok(purge_page(viewer, &vault, None).await)
}

/// POST /deleted-vaults/{vault}/purge: gone for good, once its name was typed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(super) async fn purge(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let name = vault_name(viewer)?;
    let is_named = VaultName::parse(sent.text("confirm")).ok().as_ref() == Some(&name);
    if let Err(refusal) = refusal::for_good(viewer, &sent, is_named, (say!("vault-life-purged-word"), name.as_str())) {
        let vault = viewer.services.admin.show_deleted_vault(&viewer.further()?, &name).await?;
        return Ok(purge_page(viewer, &vault, Some(&refusal)).await);
    }
    viewer.services.admin.purge_vault(&viewer.call.ctx, &name).await?;
    Ok(redirect(links::DELETED_VAULTS.to_owned()))
}

async fn purge_page(viewer: &Viewer<'_>, vault: &Vault, refusal: Option<&Refusal>) -> Response {
    let name = &vault.name;
    let (deleted, purged) = dates(vault);
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let facts = Body::Facts(vec![
        Fact::text(say!("vault-life-name"), name.to_string()),
        fact(say!("vault-life-deleted"), deleted),
        fact(say!("vault-life-purged"), purged),
    ]);
    let form = Form {
        action: links::deleted_vault_act(name, "purge"),
        csrf_token: Some(viewer.form_token()),
        fields: refusal::for_good_fields(name.as_str()),
        submit: say!("vault-life-purge-for-good").to_owned(),
        danger: true,
        cancel_href: Some(links::DELETED_VAULTS.to_owned()),
        ..Form::default()
    };
    let confirm = if vault.settings.purge_protection {
        Body::Text(vec![say!("vault-life-this-vault-is-purge-protected").to_owned()])
    } else {
        Body::Form(refusal::form(viewer, form, refusal).await)
    };
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("vault-life-its-key-goes-first-everything").to_owned()),
        main: vec![
            Panel::new(say!("vault-life-deleted-vault"), facts),
            Panel::new(say!("vault-life-confirm"), confirm),
        ],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("vault purge {name}")),
            commands.curl_server("DELETE", &format!("/api/v1/deletedvaults/{name}"), None),
        ])],
        ..PanelsPage::new(
            viewer.shell(&Place::DeletedVaults.below(say!("vault-life-purge-name", name = name))).await,
            say!("vault-life-purge-name-for-good", name = name),
        )
    };
    refusal::answer(&page, refusal)
}
