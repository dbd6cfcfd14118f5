//! The issuers of a vault: how each is asked, whether it is on, and what it signs.

use strongroom_domain::{
    action::Action,
    certificate::{SELF, UNKNOWN},
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultName},
    secret::SecretItem,
    secrets::MAX_PAGE,
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, PanelsPage, Row, Table, Tone, say};

use super::{View, provider_words, tabs, uses::Uses};
use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        links,
        offers::Offers,
        rendered,
        secret_forms::vault,
        snippets::{self, Commands},
        sort, view,
    },
    message::Response,
};

/// Pages that are read: a vault has no more than a hundred.
const PAGES: usize = 8;

const COLUMNS: [&str; 5] = ["Name", "Signs by", "State", "Used by", "Changed"];

/// GET /vaults/{vault}/issuers
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let issuers = read(viewer, &vault).await?;
    let place = Place::Issuers(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let ask = Ask::objects(ObjectKind::Issuer, Action::IssuerSet, &vault);
    let new = Act::primary(say!("issuers-list-new-issuer"), links::in_vault(&vault, "new-issuer", &[]), Icon::Plus);
    offers.offer(&ask, new).await;
    let uses = Uses::read(viewer, &mut offers, &vault).await;
    let (acts, cannot) = offers.told();
    let used = |name: &str| {
        uses.as_ref()
            .map_or_else(|| Cell::None(say!("issuers-list-not-shown-to-you").to_owned()), |uses| uses.cell(name))
    };
    let built_in = [
        (SELF, say!("issuers-list-the-certificates-own-key-at")),
        (UNKNOWN, say!("issuers-list-whoever-is-given-the-request")),
    ];
    let rows = built_in.iter().map(|(name, how)| {
        Row::new(vec![
            Cell::text(*name),
            Cell::text(*how),
            Cell::badge(Tone::Good, Icon::Check, say!("issuers-list-always-there")),
            used(name),
            Cell::None(say!("issuers-list-never").to_owned()),
        ])
    });
    let rows = rows.chain(issuers.iter().map(|item| row(&vault, item, used(item.secret.name.as_str())))).collect();
    let commands = Commands::of_vault(viewer.services, &vault);
    let headline = match issuers.len() {
        0 => say!("issuers-list-no-issuer-was-set-up", vault = vault),
        1 => say!("issuers-list-one-issuer-in-vault", vault = vault),
        count => say!("issuers-list-count-issuers-in-vault", count = count, vault = vault),
    };
    let page = PanelsPage {
        lead: Some(say!("issuers-list-the-policy-of-a-certificate").to_owned()),
        acts,
        cannot,
        tabs: tabs(&vault, View::Issuers),
        main: vec![
            Panel::new(
                say!("issuers-list-issuers"),
                Body::Table(sort::table(viewer, "issuers", Table::new(&COLUMNS, rows))),
            ),
            snippets::panel(vec![
                commands.vault("certificate issuer list"),
                commands.curl_vault("GET", "/certificates/issuers", None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

async fn read(viewer: &Viewer<'_>, vault: &VaultName) -> Result<Vec<SecretItem>, Failure> {
    let issuers = &viewer.services.issuers;
    let (mut page, _) = issuers.list(&viewer.call.ctx, vault, None, MAX_PAGE).await?;
    let mut items = std::mem::take(&mut page.items);
    for _ in 1..PAGES {
        let Some(after) = page.next.as_deref().and_then(|next| ObjectName::parse(next).ok()) else { break };
        (page, _) = issuers.list(&viewer.further()?, vault, Some(&after), MAX_PAGE).await?;
        items.append(&mut page.items);
    }
    Ok(items)
}

fn row(vault: &VaultName, item: &SecretItem, used: Cell) -> Row {
    let provider = item.version.attributes.content_type.clone().unwrap_or_default();
    Row::new(vec![
        Cell::link(item.secret.name.display(), links::issuer(vault, &item.secret.name)),
        Cell::Text { text: provider_words(&provider).to_owned(), small: Some(provider) },
        state(item.version.attributes.enabled),
        used,
        Cell::Moment(view::moment(item.version.updated)),
    ])
}

fn state(enabled: bool) -> Cell {
    match enabled {
        true => Cell::badge(Tone::Good, Icon::Check, say!("issuers-list-enabled")),
        false => Cell::badge(Tone::Plain, Icon::Off, say!("issuers-list-disabled")),
    }
}
