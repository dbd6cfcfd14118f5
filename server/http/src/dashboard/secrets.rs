//! GET /vaults/{vault}/secrets: names and dates of a vault's secrets, page by page, or those that a
//! filter takes. Never a value.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectName, VaultName},
    secret::SecretItem,
    secrets::MAX_PAGE,
};
use strongroom_web::{Act, BulkForm, Choice, Icon, Paging, PostForm, SecretRow, SecretsPage, say};

use super::{
    Failure, bulk,
    frame::{Place, Viewer},
    kinds::Kind,
    links,
    offers::Offers,
    rendered,
    secret_filter::Filter,
    snippets::Commands,
    sort::{self, Sort},
    view,
};
use crate::{
    message::{Request, Response},
    page_tokens::PageTokens,
    problem::Problem,
};

/// Pages of the list that one search goes through. The list is read like any other list: every page
/// is judged and recorded.
const SEARCH_PAGES: usize = sort::PAGES;
/// What the list can be sorted by.
const COLUMNS: [&str; 5] = ["Name", "State", "Updated", "Expires", "Tags"];

/// GET /vaults/{vault}/secrets
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let filter = Filter::of(request)?;
    let sort = Sort::of(viewer, request, &COLUMNS);
    let tokens = PageTokens { services: viewer.services, vault: &vault, listing: Kind::Secret.plural() };
    let after = cursor(request, &tokens, &sort)?;
    let mut read = read(viewer, Kind::Secret, &vault, (&filter, &sort), after.clone()).await?;
    let now = viewer.now();
    let next = following(&tokens, read.next.as_ref(), &sort)?;
    let sorted = sort.notice(read.items.len(), read.next.is_some());
    let paging = sort.arrange(&mut read.items, |item, column| key(item, column, now)).unwrap_or_else(|| Paging {
        first_href: after.as_ref().map(|_| filter.address(Kind::Secret, &vault, None)),
        next_href: next.map(|next| filter.address(Kind::Secret, &vault, Some(&next))),
        ..Paging::default()
    });
    let rows: Vec<SecretRow> = read.items.iter().map(|item| row(&vault, item, now)).collect();
    let filtered = filter.is_set();
    let untouched = rows.is_empty() && !filtered && after.is_none();
    let address = viewer.services.addresses.vault(&vault);
    let place = Place::Secrets(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let new = Act::primary(say!("secrets-new-secret"), links::new_secret(&vault), Icon::Plus);
    offers.offer(&Ask::secrets(Action::SecretSet, &vault), new).await;
    let (acts, cannot) = offers.told();
    // Offered by what is true of the vault; each that is chosen is judged by itself.
    let may_change = viewer.may(&Ask::secrets(Action::SecretUpdate, &vault)).await
        || viewer.may(&Ask::secrets(Action::SecretDelete, &vault)).await;
    let commands = Commands::of_vault(viewer.services, &vault);
    let page = SecretsPage {
        shell: viewer.shell(&place).await,
        vault: vault.to_string(),
        search_action: links::secrets(&vault),
        bulk: (!rows.is_empty() && may_change).then(|| BulkForm {
            post: PostForm { action: links::bulk_secrets(&vault), csrf_token: viewer.form_token() },
            acts: bulk::acts()
                .iter()
                .enumerate()
                .map(|(at, (value, label))| Choice {
                    value: (*value).to_owned(),
                    label: (*label).to_owned(),
                    chosen: at == 0,
                })
                .collect(),
        }),
        rows,
        acts,
        cannot,
        sorts: sort.heads(&COLUMNS, &[]),
        kept: sort.kept(),
        next_href: paging.next_href,
        first_href: paging.first_href,
        partial: sorted.or_else(|| {
            (filtered && read.next.is_some())
                .then(|| say!("secrets-only-searched-names-have-been", searched = read.searched))
        }),
        create_command: untouched.then(|| format!("strongroom secret set first-secret --vault-url {address}")),
        copy_as: vec![commands.vault("secret list"), commands.curl_vault("GET", "/secrets", None)],
        filter: filter.shown(),
    };
    Ok(rendered(200, page.render()))
}

/// Where a page of a list begins. One that is sorted otherwise has its pages by number.
///
/// # Errors
/// 400 for what is no token of this list.
pub(super) fn cursor(
    request: &Request,
    tokens: &PageTokens<'_>,
    sort: &Sort<'_>,
) -> Result<Option<ObjectName>, Problem> {
    match request.query("after") {
        None | Some("") => Ok(None),
        Some(token) => tokens
            .open(token, |name| ObjectName::parse(name).ok())
            .map(|name| Some(name).filter(|_| !sort.is_set()))
            .ok_or_else(|| Problem::bad_parameter(say!("secrets-this-page-is-not-one"))),
    }
}

/// The token of the page that follows, if one does.
///
/// # Errors
/// 500 without randomness.
pub(super) fn following(
    tokens: &PageTokens<'_>,
    next: Option<&ObjectName>,
    sort: &Sort<'_>,
) -> Result<Option<String>, Problem> {
    next.filter(|_| !sort.is_set()).map(|next| tokens.seal(next.as_str())).transpose()
}

/// What was found and how far it was looked for.
pub(super) struct Found {
    pub(super) items: Vec<SecretItem>,
    pub(super) next: Option<ObjectName>,
    pub(super) searched: usize,
}

/// One page of a list; with a filter, as many pages as it takes to fill one, up to [`SEARCH_PAGES`], and as many as that
/// to be sorted.
pub(super) async fn read(
    viewer: &Viewer<'_>,
    kind: Kind,
    vault: &VaultName,
    (filter, sort): (&Filter, &Sort<'_>),
    after: Option<ObjectName>,
) -> Result<Found, Failure> {
    let pages = if filter.is_set() || sort.is_set() { SEARCH_PAGES } else { 1 };
    let mut found = Found { items: Vec::new(), next: after, searched: 0 };
    for turn in 0..pages {
        let further;
        let ctx = if turn == 0 {
            &viewer.call.ctx
        } else {
            further = viewer.further()?;
            &further
        };
        let (page, _) = kind.list(viewer, ctx, vault, false, found.next.as_ref()).await?;
        found.searched += page.items.len();
        found.next = page.next.as_deref().and_then(|next| ObjectName::parse(next).ok());
        found.items.extend(page.items.into_iter().filter(|item| filter.takes(item, viewer.now())));
        if found.next.is_none() || (found.items.len() >= MAX_PAGE && !sort.is_set()) {
            break;
        }
    }
    Ok(found)
}

/// What a secret is sorted by.
fn key(item: &SecretItem, column: &str, now: i64) -> Option<String> {
    let version = &item.version;
    match column {
        "state" => Some(view::state_badge(view::state(&version.attributes, now)).2),
        "updated" => Some(version.updated.to_string()),
        "expires" => version.attributes.expires.map(|expires| expires.to_string()),
        "tags" => view::tags_cell(&version.attributes.tags).sorted_by(),
        _ => Some(item.secret.name.to_string()),
    }
}

fn row(vault: &VaultName, item: &SecretItem, now: i64) -> SecretRow {
    let (name, version) = (&item.secret.name, &item.version);
    SecretRow {
        name: name.to_string(),
        href: links::secret(vault, name, None),
        content_type: version.attributes.content_type.clone(),
        state: view::state(&version.attributes, now),
        updated: view::moment(version.updated),
        expires: version.attributes.expires.map(view::moment),
        tags: view::tags(&version.attributes.tags),
    }
}
