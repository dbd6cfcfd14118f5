//! The certificates of a vault: whose they are, until when, and whether they are renewed by themselves.

use strongroom_crypto::x509::Template;
use strongroom_domain::{action::Action, names::VaultName, secret::SecretItem};
use strongroom_web::{Act, Body, Cell, Icon, Panel, PanelsPage, Row, say};

use super::state_cell;
use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        issuers::{View, tabs},
        kinds::Kind,
        links,
        object_list::Listed,
        offers::Offers,
        rendered,
        secret_forms::vault,
        snippets, view,
    },
    message::{Request, Response},
};

const COLUMNS: [&str; 6] = ["Name", "State", "Signed by", "Expires", "Renewed", "Tags"];

/// GET /vaults/{vault}/certificates
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(crate) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let listed = Listed::read(viewer, request, (Kind::Certificate, &COLUMNS), &vault).await?;
    let place = Place::Certificates(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let at = |page| links::in_vault(&vault, page, &[]);
    let new = Act::primary(say!("certificates-list-new-certificate"), at("new-certificate"), Icon::Plus);
    offers.offer(&Kind::Certificate.ask(Action::CertificateCreate, &vault), new).await;
    let import = Act::link(say!("certificates-list-import"), at("import-certificate"), Icon::Upload);
    offers.offer(&Kind::Certificate.ask(Action::CertificateImport, &vault), import).await;
    let (acts, cannot) = offers.told();
    let body = body(viewer, &vault, &listed).await;
    let page = PanelsPage {
        lead: Some(say!("certificates-list-each-with-a-key-and").to_owned()),
        acts,
        cannot,
        tabs: tabs(&vault, View::Certificates),
        notices: listed.notices,
        filter: listed.filter,
        main: vec![Panel::new(say!("certificates-list-certificates"), body), snippets::panel(listed.copy_as)],
        ..PanelsPage::new(viewer.shell(&place).await, listed.headline)
    };
    Ok(rendered(200, page.render()))
}

async fn body(viewer: &Viewer<'_>, vault: &VaultName, listed: &Listed<'_>) -> Body {
    if listed.found.items.is_empty() {
        let how = say!("certificates-list-one-is-made-here-or");
        return listed.empty(Kind::Certificate, how);
    }
    let mut rows = Vec::with_capacity(listed.found.items.len());
    for item in &listed.found.items {
        let standing = viewer.services.revoking.standing(vault, item).await;
        rows.push(row(vault, item, state_cell(item, &standing, viewer.now())));
    }
    listed.table(&COLUMNS, rows)
}

fn row(vault: &VaultName, item: &SecretItem, state: Cell) -> Row {
    let (name, version) = (&item.secret.name, &item.version);
    let leaf = version.certificate.as_ref().and_then(|certificate| certificate.leaf());
    let said = leaf.and_then(|leaf| Template::of(leaf).ok());
    let said = said.as_ref().or_else(|| item.secret.certificate.as_ref().map(|state| &state.policy.template));
    let issuer = item.secret.certificate.as_ref().map(|state| state.policy.issuer.name.clone());
    let renewed = item.secret.rotation.as_ref().and_then(|rotation| rotation.rotate_at);
    let moment = |at: Option<i64>, none: &str| {
        at.map_or_else(|| Cell::None(none.to_owned()), |at| Cell::Moment(view::moment(at)))
    };
    Row::new(vec![
        Cell::Link { text: name.to_string(), href: links::certificate(vault, name, None), small: said.map(whose) },
        state,
        Cell::text(issuer.unwrap_or_default()),
        moment(version.attributes.expires, say!("certificates-list-not-yet-known")),
        moment(renewed, say!("certificates-list-by-hand")),
        view::tags_cell(&version.attributes.tags),
    ])
}

/// Whom a certificate is for, in a line.
pub(super) fn whose(said: &Template) -> String {
    match (said.subject.as_str(), said.names.labelled().first()) {
        ("", None) => say!("certificates-list-names-nobody").to_owned(),
        ("", Some(first)) => first.clone(),
        (subject, _) => subject.to_owned(),
    }
}
