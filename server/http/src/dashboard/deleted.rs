//! Deletion of secrets, keys and certificates: what it means, what is deleted until when, recovery, purge.

use std::collections::BTreeMap;

use strongroom_domain::{
    names::{ObjectName, VaultName},
    secret::{LifeState, SecretItem, VaultFacts},
};
use strongroom_web::{Act, Body, Cell, Fact, Form, Icon, Paging, Panel, PanelsPage, Row, Tab, Table, Tone, say};

use super::{
    Failure,
    before_deletion::{self, Readers},
    form::{SHORT, Sent},
    frame::{Place, Viewer},
    kinds::Kind,
    links,
    offers::Offers,
    readers, redirect,
    refusal::{self, Refusal},
    rendered,
    secret::Named,
    secrets::{cursor, following},
    snippets::{self, Commands},
    sort::Sort,
    view,
};
use crate::{
    message::{Request, Response},
    page_tokens::PageTokens,
    problem::Problem,
};

/// A purge date this near, in seconds, needs a look: 7 days.
const SOON: i64 = 7 * SECONDS_A_DAY;
const SECONDS_A_DAY: i64 = 86_400;

const COLUMNS: [&str; 5] = ["Name", "Deleted", "Purged", "Tags", ""];
/// The same for who may read the log.
const WITH_WHO: [&str; 7] = ["Name", "Deleted", "Deleted by", "Readers before", "Purged", "Tags", ""];

/// GET /vaults/{vault}/deleted and /deleted-keys
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request, kind: Kind) -> Result<Response, Failure> {
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let sort = Sort::of(viewer, request, &WITH_WHO);
    let tokens = PageTokens { services: viewer.services, vault: &vault, listing: kind.deleted() };
    let after = cursor(request, &tokens, &sort)?;
    let ctx = &viewer.call.ctx;
    let (mut page, facts) = kind.list(viewer, ctx, &vault, true, after.as_ref()).await?;
    let mut turns = 0;
    while let Some(next) = sort.reads_on(page.next.as_ref(), &mut turns) {
        let next = ObjectName::parse(&next).ok();
        let (more, _) = kind.list(viewer, &viewer.further()?, &vault, true, next.as_ref()).await?;
        page.items.extend(more.items);
        page.next = more.next;
    }
    let place = Place::Deleted(vault.clone(), kind);
    let mut offers = Offers::new(viewer, &place);
    let recover = offers.open(&kind.ask(kind.recovering(), &vault), say!("deleted-recover")).await;
    let purge =
        view::is_purgeable(facts) && offers.open(&kind.ask(kind.purging(), &vault), say!("deleted-purge")).await;
    let who = who(viewer, kind, &vault, &page.items).await;
    match &who {
        Ok(Some(_)) => {}
        Ok(None) => offers.note(say!("deleted-who-is-hidden")),
        Err(_) => offers.note(say!("deleted-who-could-not-be-read")),
    }
    let who = who.ok().flatten();
    let (_, cannot) = offers.told();
    let token = viewer.form_token();
    let rows = page.items.iter().map(|item| {
        let name = &item.secret.name;
        let mut acts = Vec::new();
        if recover {
            let action = links::deleted_act(kind, &vault, name, "recover");
            acts.push(Act::post(say!("deleted-recover"), name.as_str(), action, &token, Icon::Undo));
        }
        if purge {
            acts.push(Act::link(
                &say!("deleted-purge-name", name = name),
                links::deleted_act(kind, &vault, name, "purge"),
                Icon::Trash,
            ));
        }
        let (deleted, purged) = dates(item, viewer.now());
        let tags = view::tags_cell(&item.version.attributes.tags);
        let mut cells = vec![Cell::text(name.to_string()), deleted];
        cells.extend(who.as_ref().into_iter().flat_map(|who| who.cells(name)));
        cells.extend([purged, tags, Cell::Acts(acts)]);
        Row::new(cells)
    });
    let rows: Vec<Row> = rows.collect();
    let next = page.next.as_deref().and_then(|next| ObjectName::parse(next).ok());
    let next = following(&tokens, next.as_ref(), &sort)?;
    let whole = page.next.is_none() && after.is_none();
    let (word, plural) = (kind.word(), kind.plural());
    let headline = match (rows.len(), whole) {
        (0, true) => say!("deleted-no-deleted-plural-in-vault", plural = plural, vault = vault),
        (1, true) => say!("deleted-one-deleted-word-in-vault", word = word, vault = vault),
        (count, true) => say!("deleted-count-deleted-plural-in-vault", count = count, plural = plural, vault = vault),
        (_, false) => say!("deleted-deleted-plural-in-vault", plural = plural, vault = vault),
    };
    let body = if rows.is_empty() {
        Body::Empty {
            headline: if whole {
                say!("deleted-nothing-is-deleted-here")
            } else {
                say!("deleted-there-is-nothing-more")
            }
            .to_owned(),
            text: say!("deleted-what-is-deleted-stays-here", recoverable_days = facts.recoverable_days),
            command: None,
        }
    } else {
        let mut table = Table::new(if who.is_some() { &WITH_WHO } else { &COLUMNS[..] }, rows);
        table.paging = Paging {
            words: say!("deleted-rows-on-this-page", rows = table.rows.len()),
            first_href: after.map(|_| links::deleted(kind, &vault)),
            next_href: next.map(|next| links::in_vault(&vault, kind.deleted(), &[("after", Some(&next))])),
        };
        Body::Table(sort.table(table, &[]))
    };
    let commands = Commands::of_vault(viewer.services, &vault);
    let page = PanelsPage {
        lead: Some(say!("deleted-recoverable-until-the-purge-date", facts = view::purge_words(facts))),
        cannot,
        notices: sort.notice(page.items.len(), page.next.is_some()).into_iter().collect(),
        tabs: tabs(&vault, kind),
        main: vec![
            Panel::new(&say!("deleted-deleted-plural", plural = plural), body).note(say!("deleted-by-name")),
            snippets::panel(vec![
                commands.vault(&format!("{word} list --deleted")),
                commands.curl_vault("GET", &format!("/deleted{plural}"), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// Who deleted what is listed, and who read it before: of secrets, whose values are what is read.
struct Who {
    by: BTreeMap<String, Cell>,
    readers: Option<Readers>,
}

impl Who {
    fn cells(&self, name: &ObjectName) -> [Cell; 2] {
        let untold = || Cell::None(say!("deleted-not-on-record").to_owned());
        let by = self.by.get(name.as_str()).cloned().unwrap_or_else(untold);
        [by, self.readers.as_ref().map_or_else(untold, |readers| readers.cell(name.as_str()))]
    }
}

/// None for who may not read the log.
async fn who(viewer: &Viewer<'_>, kind: Kind, vault: &VaultName, items: &[SecretItem]) -> Result<Option<Who>, Failure> {
    if items.is_empty() {
        return Ok(Some(Who { by: BTreeMap::new(), readers: None }));
    }
    if !before_deletion::is_open(viewer).await {
        return Ok(None);
    }
    let by = before_deletion::deleters(viewer, vault, kind.deleting()).await?;
    let readers = match kind {
        Kind::Secret => Some(before_deletion::readers_before(viewer, vault, items).await?),
        Kind::Key | Kind::Certificate => None,
    };
    Ok(Some(Who { by, readers }))
}

/// The same of the other kinds.
fn tabs(vault: &VaultName, shown: Kind) -> Vec<Tab> {
    let tab = |kind: Kind, label: &str| Tab {
        label: label.to_owned(),
        href: links::deleted(kind, vault),
        current: kind == shown,
    };
    vec![
        tab(Kind::Secret, say!("deleted-secrets")),
        tab(Kind::Key, say!("deleted-keys")),
        tab(Kind::Certificate, say!("deleted-certificates")),
    ]
}

/// When it was deleted, and when it will be purged.
fn dates(item: &SecretItem, now: i64) -> (Cell, Cell) {
    match item.secret.life {
        LifeState::Active => {
            (Cell::None(say!("deleted-not-deleted").to_owned()), Cell::None(say!("deleted-never").to_owned()))
        }
        LifeState::Deleted { deleted_at, purge_at } => {
            let purged = if purge_at - now <= SOON {
                let (tone, icon) = (Tone::Warn, Icon::Hourglass);
                Cell::Due { tone, icon, text: say!("deleted-soon").to_owned(), moment: view::moment(purge_at) }
            } else {
                Cell::Moment(view::moment(purge_at))
            };
            (Cell::Moment(view::moment(deleted_at)), purged)
        }
    }
}

/// POST /vaults/{vault}/deleted/{name}/recover, and of a key
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn recover(viewer: &Viewer<'_>, request: &Request, kind: Kind) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    kind.recover(viewer, &vault, &name).await?;
    Ok(redirect(kind.href(&vault, &name)))
}

/// GET /vaults/{vault}/deleted/{name}/purge
///
/// # Errors
/// The gate's denial, or why the secret cannot be shown.
pub(super) async fn ask_purge(viewer: &Viewer<'_>, kind: Kind) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, facts) = kind.get_deleted(viewer, &viewer.call.ctx, &vault, &name).await?;
    Ok(purge_page(viewer, kind, &vault, &item, facts, None).await)
}

/// POST /vaults/{vault}/deleted/{name}/purge: gone for good, once its name was typed.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be removed.
pub(super) async fn purge(viewer: &Viewer<'_>, request: &Request, kind: Kind) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    let is_named = ObjectName::parse(sent.text("confirm")).ok().as_ref() == Some(&name);
    if let Err(refusal) = refusal::for_good(viewer, &sent, is_named, (say!("deleted-purged-word"), name.display())) {
        let look = viewer.further()?;
        let (item, facts) = kind.get_deleted(viewer, &look, &vault, &name).await?;
        return Ok(purge_page(viewer, kind, &vault, &item, facts, Some(&refusal)).await);
    }
    kind.purge(viewer, &vault, &name).await?;
    Ok(redirect(links::deleted(kind, &vault)))
}

async fn purge_page(
    viewer: &Viewer<'_>,
    kind: Kind,
    vault: &VaultName,
    item: &SecretItem,
    facts: VaultFacts,
    refusal: Option<&Refusal>,
) -> Response {
    let name = &item.secret.name;
    let place = Place::Deleted(vault.clone(), kind).below(say!("deleted-purge-name", name = name));
    let (deleted, purged) = dates(item, viewer.now());
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let facts_panel = Panel::new(
        &say!("deleted-deleted-word", word = kind.word()),
        Body::Facts(vec![
            Fact::text(say!("deleted-name"), name.to_string()),
            fact(say!("deleted-deleted"), deleted),
            fact(say!("deleted-purged"), purged),
        ]),
    );
    let confirm = if view::is_purgeable(facts) {
        let form = Form {
            action: links::deleted_act(kind, vault, name, "purge"),
            csrf_token: Some(viewer.form_token()),
            fields: refusal::for_good_fields(name.display()),
            submit: say!("deleted-purge-for-good").to_owned(),
            danger: true,
            cancel_href: Some(links::deleted(kind, vault)),
            ..Form::default()
        };
        Panel::new(say!("deleted-confirm"), Body::Form(refusal::form(viewer, form, refusal).await))
    } else {
        Panel::new(say!("deleted-confirm"), Body::Text(vec![say!("deleted-this-vault-is-purge-protected").into()]))
    };
    let commands = Commands::of_vault(viewer.services, vault);
    let page = PanelsPage {
        lead: Some(say!("deleted-all-its-versions-and-every", word = kind.word())),
        main: vec![facts_panel, confirm],
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("{} purge {name}", kind.word())),
            commands.curl_vault("DELETE", &format!("/deleted{}/{name}", kind.plural()), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("deleted-purge-name-for-good", name = name))
    };
    refusal::answer(&page, refusal)
}

/// GET /vaults/{vault}/secrets/{name}/delete, and of a key: what a deletion means here, and who would miss it.
///
/// # Errors
/// The gate's denial, or why the secret cannot be shown.
pub(super) async fn ask_delete(viewer: &Viewer<'_>, kind: Kind) -> Result<Response, Failure> {
    let Named { vault, name, .. } = Named::of(viewer)?;
    let (item, facts) = kind.show(viewer, &vault, &name).await?;
    let SecretItem { secret, .. } = item;
    let name = secret.name;
    let VaultFacts { recoverable_days, .. } = facts;
    let until = view::moment(viewer.now() + i64::from(recoverable_days) * SECONDS_A_DAY).text;
    let (word, plural) = (kind.word(), kind.plural());
    let place = match kind {
        Kind::Secret => Place::Secret(vault.clone(), name.clone(), None),
        Kind::Key => Place::Key(vault.clone(), name.clone(), None),
        Kind::Certificate => Place::Certificate(vault.clone(), name.clone(), None),
    };
    let place = place.below(say!("deleted-delete"));
    let form = Form {
        action: format!("{}/delete", kind.href(&vault, &name)),
        csrf_token: Some(viewer.form_token()),
        submit: say!("deleted-delete-recoverable-until-until", until = until),
        danger: true,
        cancel_href: Some(kind.href(&vault, &name)),
        ..Form::default()
    };
    let mut main = Vec::new();
    if kind == Kind::Secret {
        main.push(readers::panel(viewer, &vault, &name).await);
    }
    main.push(Panel::new(say!("deleted-confirm"), Body::Form(form)));
    let commands = Commands::of_vault(viewer.services, &vault);
    let page = PanelsPage {
        lead: Some(say!("deleted-all-its-versions-go-with", until = until, facts = view::purge_words(facts))),
        main,
        aside: vec![snippets::panel(vec![
            commands.vault(&format!("{word} delete {name}")),
            commands.curl_vault("DELETE", &format!("/{plural}/{name}"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("deleted-delete-name", name = name))
    };
    Ok(rendered(200, page.render()))
}

/// POST /vaults/{vault}/secrets/{name}/delete, and of a key
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(super) async fn delete(viewer: &Viewer<'_>, request: &Request, kind: Kind) -> Result<Response, Failure> {
    Sent::accept(viewer, request, SHORT)?;
    let Named { vault, name, .. } = Named::of(viewer)?;
    kind.delete(viewer, &vault, &name).await?;
    Ok(redirect(links::deleted(kind, &vault)))
}
