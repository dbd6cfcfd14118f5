//! GET /vaults/{vault}/secrets: names and dates of a vault's secrets, page by page, or those with a
//! text in their name. Never a value.

use strongroom_domain::{
    names::{ObjectName, VaultName},
    secret::SecretItem,
    secrets::MAX_PAGE,
};
use strongroom_web::{SecretRow, SecretsPage};

use super::{
    Failure,
    frame::{Place, Viewer},
    links, rendered, view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Pages of the list that one search goes through. The list is read like any other list: every page
/// is judged and recorded.
const SEARCH_PAGES: usize = 8;
/// Longest text to search for, in characters: no name is longer.
const MAX_QUERY: usize = 127;

/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let query = search_text(request)?;
    let after = cursor(request)?;
    let read = read(viewer, &vault, &query, after.clone()).await?;
    let now = viewer.now();
    let rows: Vec<SecretRow> = read.items.iter().map(|item| row(&vault, item, now)).collect();
    let untouched = rows.is_empty() && query.is_empty() && after.is_none();
    let address = viewer.services.addresses.vault(&vault);
    let page = SecretsPage {
        shell: viewer.shell(&Place::Secrets(vault.clone())).await,
        vault: vault.to_string(),
        search_action: links::secrets(&vault),
        rows,
        next_href: read.next.as_ref().map(|next| links::secrets_page(&vault, &query, Some(next))),
        first_href: after.map(|_| links::secrets_page(&vault, &query, None)),
        partial: (!query.is_empty() && read.next.is_some()).then(|| {
            format!("Only {} names have been searched so far; the next page searches on from there.", read.searched)
        }),
        create_command: untouched.then(|| format!("strongroom secret set first-secret --vault-url {address}")),
        query,
    };
    Ok(rendered(200, page.render()))
}

fn search_text(request: &Request) -> Result<String, Problem> {
    let text = request.query("q").unwrap_or_default().trim();
    if text.chars().count() > MAX_QUERY {
        return Err(Problem::bad_parameter(format!("A search has at most {MAX_QUERY} characters.")));
    }
    Ok(text.to_owned())
}

fn cursor(request: &Request) -> Result<Option<ObjectName>, Problem> {
    match request.query("after") {
        None | Some("") => Ok(None),
        Some(text) => ObjectName::parse(text)
            .map(Some)
            .map_err(|_| Problem::bad_parameter("The page after this name cannot be shown: it is not a name.")),
    }
}

/// What was found and how far it was looked for.
struct Found {
    items: Vec<SecretItem>,
    next: Option<ObjectName>,
    searched: usize,
}

/// One page of the list; with a search, as many pages as it takes to fill one, up to [`SEARCH_PAGES`].
async fn read(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    query: &str,
    after: Option<ObjectName>,
) -> Result<Found, Failure> {
    let secrets = &viewer.services.secrets;
    let wanted = query.to_ascii_lowercase();
    let pages = if query.is_empty() { 1 } else { SEARCH_PAGES };
    let mut found = Found { items: Vec::new(), next: after, searched: 0 };
    for turn in 0..pages {
        let further;
        let ctx = if turn == 0 {
            &viewer.call.ctx
        } else {
            further = viewer.further()?;
            &further
        };
        let (page, _) = secrets.list(ctx, vault, false, found.next.as_ref(), MAX_PAGE).await?;
        found.searched += page.items.len();
        found.next = page.next.as_deref().and_then(|next| ObjectName::parse(next).ok());
        found.items.extend(page.items.into_iter().filter(|item| item.secret.name.as_str().contains(&wanted)));
        if found.next.is_none() || found.items.len() >= MAX_PAGE {
            break;
        }
    }
    Ok(found)
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
