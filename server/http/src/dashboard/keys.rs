//! The keys of a vault: names, kinds and dates, page by page, or those that a filter takes.

use strongroom_domain::{action::Action, names::VaultName, secret::SecretItem};
use strongroom_web::{Act, Body, Cell, Field, FieldKind, Form, Icon, Paging, Panel, PanelsPage, Row, Table};

use super::{
    Failure,
    frame::{Place, Viewer},
    kinds::Kind,
    links,
    offers::Offers,
    rendered,
    secret_filter::Filter,
    secret_forms::vault,
    secrets::{Found, cursor, read},
    snippets::{self, Commands},
    view,
};
use crate::message::{Request, Response};

/// GET /vaults/{vault}/keys
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let filter = Filter::of(request)?;
    let after = cursor(request)?;
    let found = read(viewer, Kind::Key, &vault, &filter, after.clone()).await?;
    let place = Place::Keys(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let new = Act::primary("New key", links::in_vault(&vault, "new-key", &[]), Icon::Plus);
    offers.offer(&Kind::Key.ask(Action::KeyCreate, &vault), new).await;
    let (acts, cannot) = offers.told();
    let (set, whole) = (filter.is_set(), found.next.is_none() && after.is_none());
    let notices = (set && found.next.is_some())
        .then(|| format!("Only {} names have been searched so far; the next page searches on.", found.searched));
    let paging = Paging {
        words: format!("{} on this page", found.items.len()),
        first_href: after.map(|_| filter.address(Kind::Key, &vault, None)),
        next_href: found.next.as_ref().map(|next| filter.address(Kind::Key, &vault, Some(next))),
    };
    let commands = Commands::of_vault(viewer.services, &vault);
    let shown = filter.shown();
    let headline = headline(&vault, found.items.len(), whole, &shown.words);
    let searchable = !found.items.is_empty() || set || paging.first_href.is_some();
    let choice = |name: &str, label: &str, choices| Field::new(name, label, FieldKind::Choice(choices));
    let form = Form {
        action: links::keys(&vault),
        fields: vec![
            Field::line("q", "Search names", shown.query, 127).hint("part of a name"),
            Field::line("tag", "Tag", shown.tag, 513).hint("name, or name=value"),
            choice("state", "State", shown.states),
            choice("expires", "Expires", shown.expiries),
        ],
        submit: "Search".to_owned(),
        cancel_href: set.then(|| links::keys(&vault)),
        ..Form::default()
    };
    let page = PanelsPage {
        lead: Some("No private part ever leaves the vault: keys are used where they are.".to_owned()),
        acts,
        cannot,
        notices: notices.into_iter().collect(),
        filter: searchable.then_some(form),
        main: vec![
            Panel::new("Keys", body(viewer, &vault, found, paging, &shown.words)),
            snippets::panel(vec![commands.vault("key list"), commands.curl_vault("GET", "/keys", None)]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

fn headline(vault: &VaultName, count: usize, whole: bool, words: &str) -> String {
    let words = if words.is_empty() { String::new() } else { format!(" {words}") };
    match (whole, count) {
        (true, 0) => format!("No keys in {vault}{words}"),
        (true, 1) => format!("One key in {vault}{words}"),
        (true, count) => format!("{count} keys in {vault}{words}"),
        (false, _) => format!("Keys in {vault}{words}"),
    }
}

fn body(viewer: &Viewer<'_>, vault: &VaultName, found: Found, paging: Paging, words: &str) -> Body {
    if found.items.is_empty() {
        let (headline, text) = match (words, paging.first_href.is_some()) {
            ("", false) => ("No keys yet.", "A key is made here, or imported by the command line: key import."),
            ("", true) => ("There is nothing more.", "The list ended before this page."),
            _ => ("No key is like that.", "Only names and metadata are searched, and only those you may list."),
        };
        return Body::Empty { headline: headline.to_owned(), text: text.to_owned(), command: None };
    }
    let rows = found.items.iter().map(|item| row(viewer, vault, item)).collect();
    Body::Table(Table { paging, ..Table::new(&["Name", "State", "For", "Updated", "Expires", "Tags"], rows) })
}

fn row(viewer: &Viewer<'_>, vault: &VaultName, item: &SecretItem) -> Row {
    let (name, version) = (&item.secret.name, &item.version);
    let (tone, icon, text) = view::state_badge(view::state(&version.attributes, viewer.now()));
    let key = version.key.as_ref();
    Row::new(vec![
        Cell::Link {
            text: name.to_string(),
            href: links::key(vault, name, None),
            small: key.map(|key| view::kind_of(key)),
        },
        Cell::Badge { tone, icon, text, small: None },
        Cell::text(key.map(|key| super::key::operations(&key.operations)).unwrap_or_default()),
        Cell::Moment(view::moment(version.updated)),
        version
            .attributes
            .expires
            .map_or_else(|| Cell::None("Never".to_owned()), |expires| Cell::Moment(view::moment(expires))),
        view::tags_cell(&version.attributes.tags),
    ])
}
