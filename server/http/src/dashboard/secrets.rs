//! GET /vaults/{vault}/secrets: names and dates of a vault's secrets, page by page, or those that a
//! filter takes. Never a value.

use strongroom_domain::{
    action::Action,
    context::RequestContext,
    gate::Ask,
    names::{ObjectName, VaultName},
    objects::Searched,
    search::{MOST_LOOKED_THROUGH, Search},
    secret::SecretItem,
    secrets::MAX_PAGE,
};
use strongroom_web::{Act, BulkForm, Choice, Icon, Paging, PostForm, SecretRow, SecretsPage, say};

use super::{
    Failure, before_deletion, bulk,
    form::Sent,
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

/// How many are read to be sorted by what only their page knows.
const SORTED_HERE: usize = sort::PAGES * MAX_PAGE;
/// What the list can be sorted by.
const COLUMNS: [&str; 5] = ["Name", "State", "Updated", "Expires", "Tags"];

/// GET /vaults/{vault}/secrets
///
/// # Errors
/// The gate's denial, or why the list cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let page = page(viewer, request, None).await?;
    Ok(rendered(200, page.render()))
}

/// The list once more after what was to be done with several could not be: with what was sent, and why.
///
/// # Errors
/// As of the list.
pub(super) async fn again(
    viewer: &Viewer<'_>,
    request: &Request,
    (sent, problem): (&Sent, &Problem),
) -> Result<Response, Failure> {
    let page = page(viewer, request, Some((sent, problem))).await?;
    Ok(Response { reason: problem.reason, ..rendered(problem.status, page.render()) })
}

async fn page(
    viewer: &Viewer<'_>,
    request: &Request,
    refused: Option<(&Sent, &Problem)>,
) -> Result<SecretsPage, Failure> {
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let filter = Filter::of(request)?;
    let sort = Sort::of(viewer, request, &COLUMNS);
    let tokens = PageTokens { services: viewer.services, vault: &vault, listing: Kind::Secret.plural() };
    let after = cursor(request, &tokens, &sort)?;
    // A form that was refused is on record as that: the list is read beside it.
    let beside = refused.map(|_| viewer.further()).transpose()?;
    let ctx = beside.as_ref().unwrap_or(&viewer.call.ctx);
    let found = read(viewer, ctx, (Kind::Secret, &vault), (&filter, &sort), after.clone()).await?;
    let now = viewer.now();
    let next = following(&tokens, found.next.as_ref(), &sort)?;
    let partial = found.notice(&sort);
    let paging = found.paging.unwrap_or_else(|| Paging {
        first_href: after.as_ref().map(|_| filter.address(Kind::Secret, &vault, None)),
        next_href: next.map(|next| filter.address(Kind::Secret, &vault, Some(&next))),
        ..Paging::default()
    });
    let filtered = filter.is_set();
    let untouched = found.items.is_empty() && !filtered && after.is_none();
    let address = viewer.services.addresses.vault(&vault);
    let place = Place::Secrets(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let new = Act::primary(say!("secrets-new-secret"), links::new_secret(&vault), Icon::Plus);
    offers.offer(&Ask::secrets(Action::SecretSet, &vault), new).await;
    let import = Act::link(say!("secrets-import"), links::in_vault(&vault, "import-secrets", &[]), Icon::Upload);
    offers.offer(&Ask::secrets(Action::SecretSet, &vault), import).await;
    // Offered by what is true of the vault; each that is chosen is judged by itself.
    let several = !found.items.is_empty();
    let updates = Ask::secrets(Action::SecretUpdate, &vault);
    let may_update = several && offers.open(&updates, say!("secrets-change-several")).await;
    let deletes = Ask::secrets(Action::SecretDelete, &vault);
    let may_delete = several && offers.open(&deletes, say!("secrets-delete-several")).await;
    let may_change = may_update || may_delete;
    let audits = several && offers.open(&Ask::server(Action::AuditRead), say!("secrets-seeing-reads")).await;
    let readers = if audits { before_deletion::readers_lately(viewer, &vault).await.ok() } else { None };
    let row = |item: &SecretItem| SecretRow {
        reads: readers.as_ref().map(|readers| readers.row(item.secret.name.as_str())),
        ..row(&vault, item, now)
    };
    let rows: Vec<SecretRow> = found.items.iter().map(row).collect();
    let (acts, cannot) = offers.told();
    let commands = Commands::of_vault(viewer.services, &vault);
    Ok(SecretsPage {
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
                    chosen: refused.map_or(at == 0, |(sent, _)| sent.text("act") == *value),
                })
                .collect(),
            error: refused.map(|(_, problem)| problem.message.clone()),
            tag: refused.map(|(sent, _)| sent.text("tag").to_owned()).unwrap_or_default(),
            tag_value: refused.map(|(sent, _)| sent.text("tag-value").to_owned()).unwrap_or_default(),
            chosen: refused.map(|(sent, _)| sent.each("secret").map(str::to_owned).collect()).unwrap_or_default(),
        }),
        rows,
        acts,
        cannot,
        // They lead to the page of the request, which is not the list's after a form.
        sorts: if refused.is_some() { Vec::new() } else { sort.heads(&COLUMNS, &[]) },
        kept: sort.kept(),
        next_href: paging.next_href,
        first_href: paging.first_href,
        partial,
        create_command: untouched.then(|| format!("strongroom secret set first-secret --vault-url {address}")),
        copy_as: filter.commands(&commands, Kind::Secret, "/secrets"),
        filter: filter.shown(),
    })
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
    /// In the list's own order: where it goes on.
    pub(super) next: Option<ObjectName>,
    /// There is more of it, in any order.
    pub(super) more: bool,
    /// There are more names than one search looks through.
    pub(super) in_part: bool,
    /// The pages around this one, where the store sorted it.
    pub(super) paging: Option<Paging>,
}

impl Found {
    /// What is said where not everything was looked at.
    pub(super) fn notice(&self, sort: &Sort<'_>) -> Option<String> {
        let most = usize::try_from(MOST_LOOKED_THROUGH).unwrap_or(usize::MAX);
        if self.paging.is_some() || !sort.is_set() {
            let searched = || say!("secrets-only-searched-names-have-been", searched = MOST_LOOKED_THROUGH);
            return sort.notice(most, self.in_part).or_else(|| self.in_part.then(searched));
        }
        sort.notice(self.items.len(), self.more || self.in_part)
    }
}

/// One page of a list; with a filter, of what is like that among all names, and sorted where the store can.
pub(super) async fn read(
    viewer: &Viewer<'_>,
    ctx: &RequestContext,
    (kind, vault): (Kind, &VaultName),
    (filter, sort): (&Filter, &Sort<'_>),
    after: Option<ObjectName>,
) -> Result<Found, Failure> {
    if !filter.is_set() && !sort.is_set() {
        let (page, _) = kind.list(viewer, ctx, vault, false, after.as_ref()).await?;
        let next = page.next.as_deref().and_then(|next| ObjectName::parse(next).ok());
        return Ok(Found { items: page.items, more: next.is_some(), next, in_part: false, paging: None });
    }
    let search = Search { after, ..filter.search(viewer.now()) };
    let Some((by, descending)) = sort.asked() else {
        let limit = if sort.is_set() { SORTED_HERE } else { MAX_PAGE };
        let Searched { items, more, in_part, next } = kind.search(viewer, ctx, vault, (&search, limit)).await?;
        return Ok(Found { items, next, more, in_part, paging: None });
    };
    let mut from = sort.from();
    let page = |from: usize| Search { by, descending, from: u64::try_from(from).unwrap_or(u64::MAX), ..search.clone() };
    let mut found = kind.search(viewer, ctx, vault, (&page(from), MAX_PAGE)).await?;
    // Beyond the last is the first page.
    if found.items.is_empty() && !found.more && from > 0 {
        from = 0;
        found = kind.search(viewer, &viewer.further()?, vault, (&page(from), MAX_PAGE)).await?;
    }
    let Searched { items, more, in_part, .. } = found;
    Ok(Found { items, next: None, more, in_part, paging: Some(sort.around(from, more)) })
}

fn row(vault: &VaultName, item: &SecretItem, now: i64) -> SecretRow {
    let (name, version) = (&item.secret.name, &item.version);
    SecretRow {
        name: name.to_string(),
        href: links::secret(vault, name, None),
        content_type: version.attributes.content_type.clone(),
        state: view::state(&version.attributes, now),
        updated: view::moment(version.updated),
        made: Some(say!("secrets-version-rotated", version = version.ordinal, day = view::day(version.created))),
        expires: version.attributes.expires.map(view::moment),
        tags: view::tags(&version.attributes.tags),
        reads: None,
    }
}
