//! GET /search: one search over the names and tags of everything that this person may list, in all vaults: one record, and
//! words where it did not look at everything. With `as=list` it is what the palette shows while somebody types: the same
//! search, in JSON.

use std::sync::Arc;

use serde_json::json;
use strongroom_domain::{
    action::Action,
    admin::{MAX_WORKLOAD_PAGE, VaultListing},
    gate::Ask,
    names::{ObjectKind, VaultName},
    objects::{FoundOfKind, MAX_VAULTS_SEARCHED, ObjectError},
    policy::PolicyAttachment,
    record::{IdPrefix, RecordFilter},
    search::Search,
    vault::Vault,
};
use strongroom_web::{Body, Cell, Field, Form, Icon, NavPage, Panel, PanelsPage, Row, Snippet, Table, say};

use super::{
    Failure,
    frame::{Place, Viewer},
    kept_back,
    kinds::Kind,
    links,
    policies::AttachedTo,
    rendered,
    secret_filter::Filter,
    snippets::{self, Commands},
    sort, view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Longest text to search for, in characters.
const MAX_QUERY: usize = 127;
/// Most secrets, keys and certificates that are shown, of each.
const MOST: usize = 50;
/// Most vaults for which commands are told.
const MOST_VAULTS_TOLD: usize = 8;
/// Most pages of vaults that are judged for a search.
const MOST_PAGES: usize = 24;

/// Pages to go to by their names.
fn go_to() -> [(&'static str, &'static str); 20] {
    [
        (say!("search-overview"), links::OVERVIEW),
        (say!("search-vaults"), links::VAULTS),
        (say!("search-new-vault"), links::NEW_VAULT),
        (say!("search-deleted-vaults"), links::DELETED_VAULTS),
        (say!("search-access-assignments"), links::ACCESS),
        (say!("search-access-effective"), links::GRANTS),
        (say!("search-remove-unused-access"), links::UNUSED_GRANTS),
        (say!("search-give-a-role"), links::NEW_ASSIGNMENT),
        (say!("search-roles"), links::ROLES),
        (say!("search-new-role"), links::NEW_ROLE),
        (say!("search-workloads"), links::WORKLOADS),
        (say!("search-new-workload"), links::NEW_WORKLOAD),
        (say!("search-policy-modules"), links::POLICY),
        (say!("search-upload-a-policy-module"), links::MODULE_UPLOAD),
        (say!("search-policy-documents"), links::DOCUMENTS),
        (say!("search-new-policy-document"), links::NEW_DOCUMENT),
        (say!("search-why"), links::WHY),
        (say!("search-audit"), links::AUDIT),
        (say!("search-settings"), links::SETTINGS),
        (say!("search-your-sessions-and-appearance"), links::ME),
    ]
}

/// # Errors
/// 400 for a text too long; 503 when the vaults cannot be read.
pub(super) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let query = request.query("q").unwrap_or_default().trim().to_owned();
    if query.chars().count() > MAX_QUERY {
        return Err(Problem::bad_parameter(say!("search-a-search-has-at-most", max_query = MAX_QUERY)).into());
    }
    let VaultListing { vaults, kept_back, .. } = viewer.services.admin.list_vaults(&viewer.call.ctx).await?;
    let (hits, mut notices) = find(viewer, &query, &vaults).await?;
    if !query.is_empty() {
        notices.extend(kept_back::notice(&kept_back));
    }
    if request.query("as") == Some("list") {
        let found: Vec<_> = hits.iter().map(Hit::told).collect();
        let body = json!({ "found": found, "notices": notices });
        return Ok(Response::json(200, &body).with("cache-control", "no-store".to_owned()));
    }
    Ok(page(viewer, query, &vaults, (hits, notices), kept_back::panel(&kept_back)).await)
}

/// What was found, and what was not searched.
async fn find(viewer: &Viewer<'_>, query: &str, vaults: &[Arc<Vault>]) -> Result<(Vec<Hit>, Vec<String>), Failure> {
    let wanted = query.to_lowercase();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let has = |text: &str| text.to_lowercase().contains(&wanted);
    let mut rows = Vec::new();
    let mut notices = Vec::new();
    if !query.is_empty() {
        if IdPrefix::parse(query).is_some() && viewer.may(&Ask::server(Action::AuditRead)).await {
            rows.push(decision(viewer, query, &wanted).await);
        }
        for (name, href) in go_to().iter().filter(|(name, _)| has_all(name, &words)) {
            rows.push(page_line(name, href));
        }
        for vault in vaults.iter() {
            let tags = &vault.settings.tags;
            if has(vault.name.as_str()) || tags.iter().any(|(name, value)| has(name) || has(value)) {
                rows.push(line(
                    Icon::Server,
                    say!("search-vault"),
                    vault.name.as_str(),
                    &links::vault(&vault.name),
                    view::tags_cell(tags),
                ));
            }
        }
        objects(viewer, query, vaults, (&mut rows, &mut notices)).await?;
        pages_of_vaults(viewer, &words, vaults, &mut rows).await;
        attachments(&wanted, vaults, &mut rows);
        if viewer.may(&Ask::server(Action::WorkloadRead)).await
            && let Ok(page) = viewer.services.admin.list_workloads(&viewer.further()?, None, MAX_WORKLOAD_PAGE).await
        {
            for workload in page.items.iter().filter(|w| has(&w.name) || w.client_id.to_string().contains(&wanted)) {
                let small = Cell::Code(workload.client_id.to_string());
                rows.push(line(
                    Icon::Workload,
                    say!("search-workload"),
                    &workload.name,
                    &links::workload(workload.client_id),
                    small,
                ));
            }
        }
    }
    Ok((rows, notices))
}

/// The decision whose id was typed, or the beginning of it: a denial leads to its why.
async fn decision(viewer: &Viewer<'_>, query: &str, wanted: &str) -> Hit {
    let filter = RecordFilter { id: IdPrefix::parse(wanted), limit: 2, ..RecordFilter::default() };
    let found = match viewer.further() {
        Ok(ctx) => viewer.services.admin.query_audit(&ctx, filter).await.ok(),
        Err(_) => None,
    };
    let href = match found.as_ref().map(|page| page.items.as_slice()) {
        Some([record]) => links::decision(record),
        // The page of what was typed names them, or says that there is none.
        _ => links::entry(wanted),
    };
    line(Icon::Records, say!("search-decision"), query, &href, Cell::None(say!("search-none").into()))
}

/// Whether every one of the words occurs.
fn has_all(text: &str, words: &[&str]) -> bool {
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word))
}

/// Pages of the vaults, by their names and the vault's: those alone that would be shown. A vault's name by itself finds the
/// vault and not each of its pages.
async fn pages_of_vaults(viewer: &Viewer<'_>, words: &[&str], vaults: &[Arc<Vault>], rows: &mut Vec<Hit>) {
    let mut judged = 0;
    for vault in vaults {
        let place = Place::Vault(vault.name.clone());
        for (ask, NavPage { label, href, .. }) in place.pages().into_iter().chain(further_pages(&vault.name)) {
            let is_named = words.iter().any(|word| has_all(&label, &[*word]));
            let called = say!("search-vault-page", vault = vault.name, page = label);
            if !is_named || !has_all(&called, words) {
                continue;
            }
            if judged == MOST_PAGES {
                return;
            }
            judged += 1;
            if viewer.may(&ask).await {
                rows.push(page_line(&called, &href));
            }
        }
    }
}

/// Those that do not stand in the sidebar.
fn further_pages(vault: &VaultName) -> Vec<(Ask<'_>, NavPage)> {
    let page = |label: &str, page: &str| NavPage {
        label: label.to_owned(),
        waiting: None,
        href: links::in_vault(vault, page, &[]),
        current: false,
        lacks: None,
    };
    vec![
        (Ask::objects(ObjectKind::Issuer, Action::IssuerList, vault), page(say!("search-issuers"), "issuers")),
        (Kind::Key.ask(Action::KeyListDeleted, vault), page(say!("search-deleted-keys"), "deleted-keys")),
        (
            Kind::Certificate.ask(Action::CertificateListDeleted, vault),
            page(say!("search-deleted-certificates"), "deleted-certificates"),
        ),
        (Kind::Secret.ask(Action::SecretSet, vault), page(say!("search-new-secret"), "new-secret")),
        (Kind::Key.ask(Action::KeyCreate, vault), page(say!("search-new-key"), "new-key")),
        (
            Kind::Certificate.ask(Action::CertificateCreate, vault),
            page(say!("search-new-certificate"), "new-certificate"),
        ),
        (Ask::server(Action::PolicyReplay), page(say!("search-replays"), "replays")),
    ]
}

/// Policy modules by the names that they are attached by. What the modules that there are call themselves is told by those
/// alone, and starting each of them is no answer to a letter that somebody types: their page has its own entry.
fn attachments(wanted: &str, vaults: &[Arc<Vault>], rows: &mut Vec<Hit>) {
    for vault in vaults {
        let named = |attachment: &&PolicyAttachment| attachment.name.to_lowercase().contains(wanted);
        for attachment in vault.settings.policies.iter().filter(named) {
            let name = say!("search-vault-page", vault = vault.name, page = attachment.name);
            let href = links::attachment(&AttachedTo::Vault(vault.name.clone()), &attachment.name);
            rows.push(line(
                Icon::Module,
                say!("search-attachment"),
                &name,
                &href,
                Cell::None(say!("search-none").into()),
            ));
        }
    }
}

/// Secrets, keys and certificates in all vaults.
async fn objects(
    viewer: &Viewer<'_>,
    query: &str,
    vaults: &[Arc<Vault>],
    (rows, notices): (&mut Vec<Hit>, &mut Vec<String>),
) -> Result<(), Failure> {
    if vaults.is_empty() {
        return Ok(());
    }
    let names: Vec<VaultName> = vaults.iter().map(|vault| vault.name.clone()).collect();
    let search = Search { words: query.to_owned(), in_tags: true, now: viewer.now(), ..Search::default() };
    let kinds = match viewer.services.objects.search_all(&viewer.further()?, &names, &search, MOST).await {
        Ok(kinds) => kinds,
        Err(why @ (ObjectError::Denied(_) | ObjectError::NoRecord(_))) => return Err(why.into()),
        // What is found besides is shown all the same.
        Err(_) => {
            notices.push(say!("search-secrets-keys-and-certificates-could").to_owned());
            return Ok(());
        }
    };
    for FoundOfKind { kind, items, .. } in &kinds {
        let (kind, icon, word) = match kind {
            ObjectKind::Key => (Kind::Key, Icon::Key, say!("search-key")),
            ObjectKind::Certificate => (Kind::Certificate, Icon::Certificate, say!("search-certificate")),
            _ => (Kind::Secret, Icon::Lock, say!("search-secret")),
        };
        rows.extend(items.iter().map(|(vault, item)| {
            let name = &item.secret.name;
            let tags = view::tags_cell(&item.version.attributes.tags);
            line(icon, word, &format!("{vault}/{name}"), &kind.href(vault, name), tags)
        }));
    }
    if kinds.iter().any(|kind| kind.more) {
        notices.push(say!("search-there-is-more-like-that").to_owned());
    }
    if kinds.iter().any(|kind| kind.in_part) {
        notices.push(say!("search-not-all-names-were-looked").to_owned());
    }
    if vaults.len() > MAX_VAULTS_SEARCHED {
        notices.push(say!("search-only-the-first-vaults-were", searched = MAX_VAULTS_SEARCHED));
    }
    let kept_back = kinds.iter().map(|kind| kind.kept_back).max().unwrap_or(0);
    if kept_back > 0 {
        notices.push(say!("search-policy-modules-gave-no-answer", vaults = kept_back));
    }
    Ok(())
}

async fn page(
    viewer: &Viewer<'_>,
    query: String,
    vaults: &[Arc<Vault>],
    (hits, notices): (Vec<Hit>, Vec<String>),
    kept_back: Option<Panel>,
) -> Response {
    let rows: Vec<Row> = hits.into_iter().map(Hit::row).collect();
    let headline = match (query.as_str(), rows.len()) {
        ("", _) => say!("search-search").to_owned(),
        (query, 0) => say!("search-nothing-with-query", query = query),
        (query, 1) => say!("search-one-thing-with-query", query = query),
        (query, count) => say!("search-count-things-with-query", count = count, query = query),
    };
    let body = if rows.is_empty() {
        Body::Text(vec![say!("search-names-and-tags-are-searched").to_owned()])
    } else {
        Body::Table(sort::table(viewer, "found", Table::new(&["Name", "Kind", "Tags"], rows)))
    };
    let copy_as = snippets::panel(copy_as(viewer, &query, vaults));
    let kept_back = kept_back.filter(|_| !query.is_empty());
    let page = PanelsPage {
        notices,
        filter: Some(Form {
            action: links::SEARCH.to_owned(),
            fields: vec![
                Field::line("q", say!("search-names-and-tags"), query, 127).hint(say!("search-part-of-a-name-or")),
            ],
            submit: say!("search-search").to_owned(),
            ..Form::default()
        }),
        main: [Some(Panel::new(say!("search-found"), body)), kept_back, Some(copy_as)].into_iter().flatten().collect(),
        ..PanelsPage::new(viewer.shell_with(&Place::Elsewhere, vaults).await, headline)
    };
    rendered(200, page.render())
}

/// Commands for the same: the API has a list for each kind and each vault.
fn copy_as(viewer: &Viewer<'_>, query: &str, vaults: &[Arc<Vault>]) -> Vec<Snippet> {
    let filter = Filter::of_words(query);
    let of_vault = |vault: &Arc<Vault>| {
        let commands = Commands::of_vault(viewer.services, &vault.name);
        filter
            .commands(&commands, Kind::Secret, "/secrets")
            .into_iter()
            .next()
            .map(|snippet| snippet.labelled(vault.name.as_str()))
    };
    let vaults_alone = || vec![Commands::of_installation(viewer.services).server("vault list")];
    let told: Vec<Snippet> = vaults.iter().take(MOST_VAULTS_TOLD).filter_map(of_vault).collect();
    if told.is_empty() { vaults_alone() } else { told }
}

/// Something that was found.
struct Hit {
    icon: Icon,
    kind: &'static str,
    name: String,
    href: String,
    tags: Cell,
}

impl Hit {
    fn row(self) -> Row {
        let kind = Cell::Who { icon: self.icon, kind: String::new(), name: self.kind.to_owned(), small: None };
        Row::new(vec![Cell::link(self.name, self.href), kind, self.tags])
    }

    fn told(&self) -> serde_json::Value {
        json!({ "kind": self.kind, "name": self.name, "href": self.href })
    }
}

fn page_line(name: &str, href: &str) -> Hit {
    line(Icon::Records, say!("search-page"), name, href, Cell::None(say!("search-none").into()))
}

fn line(icon: Icon, kind: &'static str, name: &str, href: &str, tags: Cell) -> Hit {
    Hit { icon, kind, name: name.to_owned(), href: href.to_owned(), tags }
}
