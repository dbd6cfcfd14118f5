//! Soft-deleted secrets: what there is until when, recovery, purge.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectName, VaultName},
    secret::{LifeState, SecretItem, VaultFacts},
    secrets::MAX_PAGE,
};
use strongroom_web::{Act, Body, Cell, Fact, Form, Icon, Paging, Panel, PanelsPage, Row, Table, Tone};

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    links,
    offers::Offers,
    redirect,
    refusal::{self, Refusal},
    rendered,
    secret::Named,
    secrets::cursor,
    snippets::{self, Commands},
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// A purge date this near, in seconds, needs a look: 7 days.
const SOON: i64 = 7 * 86_400;

/// GET /vaults/{vault}/deleted
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let after = cursor(request)?;
    let ctx = &viewer.call.ctx;
    let (page, facts) = viewer.services.secrets.list(ctx, &vault, true, after.as_ref(), MAX_PAGE).await?;
    let place = Place::Deleted(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let recover = offers.open(&Ask::secrets(Action::SecretRecover, &vault), "Recover").await;
    let purge = purgeable(facts) && offers.open(&Ask::secrets(Action::SecretPurge, &vault), "Purge").await;
    let (_, cannot) = offers.told();
    let token = viewer.form_token();
    let rows = page.items.iter().map(|item| {
        let name = &item.secret.name;
        let mut acts = Vec::new();
        if recover {
            let action = links::deleted_act(&vault, name, "recover");
            acts.push(Act::post("Recover", name.as_str(), action, &token, Icon::Undo));
        }
        if purge {
            acts.push(Act::link(&format!("Purge {name}"), links::deleted_act(&vault, name, "purge"), Icon::Trash));
        }
        let (deleted, purged) = dates(item, viewer.now());
        let tags = if item.version.attributes.tags.is_empty() {
            Cell::None("None".to_owned())
        } else {
            Cell::Tags(view::tags(&item.version.attributes.tags))
        };
        Row::new(vec![Cell::text(name.to_string()), deleted, purged, tags, Cell::Acts(acts)])
    });
    let rows: Vec<Row> = rows.collect();
    let next = page.next.as_deref();
    let whole = next.is_none() && after.is_none();
    let headline = match (rows.len(), whole) {
        (0, true) => format!("No deleted secrets in {vault}"),
        (1, true) => format!("One deleted secret in {vault}"),
        (count, true) => format!("{count} deleted secrets in {vault}"),
        (_, false) => format!("Deleted secrets in {vault}"),
    };
    let body = if rows.is_empty() {
        Body::Empty {
            headline: if whole { "Nothing is deleted here." } else { "There is nothing more." }.to_owned(),
            text: format!("What is deleted stays here for {} days and can be recovered.", facts.recoverable_days),
            command: None,
        }
    } else {
        let mut table = Table::new(&["Name", "Deleted", "Purged", "Tags", ""], rows);
        table.paging = Paging {
            words: format!("{} on this page", table.rows.len()),
            first_href: after.map(|_| links::deleted(&vault)),
            next_href: next.map(|next| links::in_vault(&vault, "deleted", &[("after", Some(next))])),
        };
        Body::Table(table)
    };
    let commands = Commands::of_vault(viewer.services, &vault);
    let page = PanelsPage {
        lead: Some(format!("Recoverable until the purge date; {}", view::purge_words(facts))),
        cannot,
        main: vec![
            Panel::new("Deleted secrets", body).note("by name"),
            snippets::panel(vec![
                commands.vault("secret list --deleted"),
                commands.curl_vault("GET", "/deletedsecrets", None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// When it was deleted, and when it will be purged.
fn dates(item: &SecretItem, now: i64) -> (Cell, Cell) {
    match item.secret.life {
        LifeState::Active => (Cell::None("Not deleted".to_owned()), Cell::None("Never".to_owned())),
        LifeState::Deleted { deleted_at, purge_at } => {
            let purged = if purge_at - now <= SOON {
                let (tone, icon) = (Tone::Warn, Icon::Hourglass);
                Cell::Badge { tone, icon, text: view::moment(purge_at).text, small: None }
            } else {
                Cell::Moment(view::moment(purge_at))
            };
            (Cell::Moment(view::moment(deleted_at)), purged)
        }
    }
}

fn purgeable(facts: VaultFacts) -> bool {
    facts.recovery_level.contains("Purgeable")
}

/// POST /vaults/{vault}/deleted/{name}/recover
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn recover(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, _) = viewer.services.secrets.recover(&viewer.call.ctx, &vault, &name).await?;
    Ok(redirect(links::secret(&vault, &item.secret.name, None)))
}

/// GET /vaults/{vault}/deleted/{name}/purge
///
/// # Errors
/// The gate's denial, or why the secret cannot be shown.
pub(super) async fn ask_purge(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, facts) = viewer.services.secrets.get_deleted(&viewer.call.ctx, &vault, &name).await?;
    Ok(purge_page(viewer, &vault, &item, facts, None).await)
}

/// POST /vaults/{vault}/deleted/{name}/purge: gone for good, once its name was typed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(super) async fn purge(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    if ObjectName::parse(sent.text("confirm")).ok().as_ref() != Some(&name) {
        let look = viewer.further()?;
        let (item, facts) = viewer.services.secrets.get_deleted(&look, &vault, &name).await?;
        let refusal = Refusal::of(refusal::unconfirmed("purged", item.secret.name.display()).into())?;
        return Ok(purge_page(viewer, &vault, &item, facts, Some(&refusal)).await);
    }
    viewer.services.secrets.purge(&viewer.call.ctx, &vault, &name).await?;
    Ok(redirect(links::deleted(&vault)))
}

async fn purge_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    item: &SecretItem,
    facts: VaultFacts,
    refusal: Option<&Refusal>,
) -> Response {
    let name = &item.secret.name;
    let place = Place::Deleted(vault.clone()).below(format!("Purge {name}"));
    let (deleted, purged) = dates(item, viewer.now());
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let facts_panel = Panel::new(
        "Deleted secret",
        Body::Facts(vec![Fact::text("Name", name.to_string()), fact("Deleted", deleted), fact("Purged", purged)]),
    );
    let confirm = if purgeable(facts) {
        let form = Form {
            action: links::deleted_act(vault, name, "purge"),
            csrf_token: Some(viewer.form_token()),
            fields: vec![refusal::confirm_field(name.display())],
            submit: "Purge for good".to_owned(),
            danger: true,
            cancel_href: Some(links::deleted(vault)),
            ..Form::default()
        };
        Panel::new("Confirm", Body::Form(refusal::form(viewer, form, refusal).await))
    } else {
        Panel::new(
            "Confirm",
            Body::Text(vec!["This vault is purge protected: nothing is purged before its date.".into()]),
        )
    };
    let commands = Commands::of_vault(viewer.services, vault);
    let page = PanelsPage {
        lead: Some(
            "All its versions and every grant at exactly this secret are removed. Nothing brings them back.".to_owned(),
        ),
        main: vec![facts_panel, confirm],
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("secret purge {name}")),
            commands.curl_vault("DELETE", &format!("/deletedsecrets/{name}"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, format!("Purge {name} for good?"))
    };
    refusal::answer(&page, refusal)
}
