//! The keys of a vault: names, kinds and dates, page by page, or those that a filter takes.

use strongroom_domain::{action::Action, names::VaultName, secret::SecretItem};
use strongroom_web::{Act, Body, Cell, Icon, Panel, PanelsPage, Row, say};

use super::{
    Failure,
    frame::{Place, Viewer},
    kinds::Kind,
    links,
    object_list::Listed,
    offers::Offers,
    rendered,
    secret_forms::vault,
    snippets, view,
};
use crate::message::{Request, Response};

const COLUMNS: [&str; 6] = ["Name", "State", "For", "Updated", "Expires", "Tags"];

/// GET /vaults/{vault}/keys
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let listed = Listed::read(viewer, request, (Kind::Key, &COLUMNS), &vault).await?;
    let place = Place::Keys(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let new = Act::primary(say!("keys-new-key"), links::in_vault(&vault, "new-key", &[]), Icon::Plus);
    offers.offer(&Kind::Key.ask(Action::KeyCreate, &vault), new).await;
    let import = Act::link(say!("keys-import"), links::in_vault(&vault, "import-key", &[]), Icon::Upload);
    offers.offer(&Kind::Key.ask(Action::KeyImport, &vault), import).await;
    let restore = Act::link(say!("keys-restore"), links::in_vault(&vault, "restore-key", &[]), Icon::Undo);
    offers.offer(&Kind::Key.ask(Action::KeyRestore, &vault), restore).await;
    let (acts, cannot) = offers.told();
    let body = body(viewer, &vault, &listed);
    let page = PanelsPage {
        lead: Some(say!("keys-no-private-part-ever-leaves").to_owned()),
        acts,
        cannot,
        notices: listed.notices,
        filter: listed.filter,
        main: vec![Panel::new(say!("keys-keys"), body), snippets::panel(listed.copy_as)],
        ..PanelsPage::new(viewer.shell(&place).await, listed.headline)
    };
    Ok(rendered(200, page.render()))
}

fn body(viewer: &Viewer<'_>, vault: &VaultName, listed: &Listed<'_>) -> Body {
    if listed.found.items.is_empty() {
        return listed.empty(Kind::Key, say!("keys-a-key-is-made-here"));
    }
    listed.table(&COLUMNS, listed.found.items.iter().map(|item| row(viewer, vault, item)).collect())
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
            .map_or_else(|| Cell::None(say!("keys-never").to_owned()), |expires| Cell::Moment(view::moment(expires))),
        view::tags_cell(&version.attributes.tags),
    ])
}
