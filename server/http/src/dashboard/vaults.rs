//! The vaults that a person may list, and the page of one.

use std::sync::Arc;

use strongroom_domain::{
    access_policy::AccessMode,
    action::Action,
    admin::{KeptBack, VaultListing, VaultsWanted},
    gate::Ask,
    names::{ObjectKind, VaultName},
    network::NetworkAction,
    policy::PolicyAttachment,
    role::Role,
    vault::{Vault, VaultSettings},
};
use strongroom_web::{
    Act, Body, Cell, Fact, Field, Form, Icon, Paging, Panel, PanelsPage, Row, Snippet, Table, Tone, say,
};

use super::{
    Failure, access, endings,
    frame::{Place, Viewer},
    kept_back,
    kinds::Kind,
    links,
    offers::Offers,
    overview, pins,
    policies::{self, AttachedTo},
    rendered,
    snippets::{self, Commands},
    sort::Sort,
    vault_rows::{self, Around},
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Name of the vault in the command that an empty list shows.
pub(super) const FIRST_VAULT: &str = "first-vault";

/// What a damaged vault means, and who can find out more.
pub(super) fn damage_words() -> &'static str {
    say!("vaults-what-is-stored-of-it")
}

/// One line for each vault that is left out of a list.
pub(super) fn notices(damaged: &[VaultName]) -> Vec<String> {
    damaged.iter().map(|name| say!("vaults-vault-name-is-left-out", name = name, damaged = damage_words())).collect()
}

const COLUMNS: [&str; 9] = [
    "Name",
    "Secrets, keys, certificates",
    "Near their end",
    "Denials, 24 h",
    "Access by",
    "Purge protection",
    "Owners",
    TAGS,
    "",
];
const TAGS: &str = "Tags";
/// What only a page of the list knows, so that it cannot be sorted by it.
const APART: [&str; 4] = ["Secrets, keys, certificates", "Near their end", "Denials, 24 h", "Owners"];
/// Vaults on a page.
const PAGE: usize = 25;
/// Most vaults that are read to be sorted otherwise than by name.
const SORTED: usize = 200;
/// Longest part of a name that is searched for.
const MAX_WORDS: usize = 24;

/// What a vault is sorted by.
fn sorted_by(vault: &Arc<Vault>, column: &str) -> Option<String> {
    let settings = &vault.settings;
    match column {
        "access-by" => Some(mode_words(settings.access_mode).to_owned()),
        "purge-protection" => Some(if settings.purge_protection { "0" } else { "1" }.to_owned()),
        "tags" if settings.tags.is_empty() => None,
        "tags" => serde_json::to_string(&settings.tags).ok(),
        _ => Some(vault.name.to_string()),
    }
}

/// A page of the list.
struct Listed {
    vaults: Vec<Arc<Vault>>,
    damaged: Vec<VaultName>,
    kept_back: Vec<KeptBack>,
    /// The name behind which the next page begins.
    next: Option<VaultName>,
    /// The pages around one that is sorted otherwise than by name.
    paging: Option<Paging>,
    notice: Option<String>,
}

async fn read(viewer: &Viewer<'_>, words: &str, after: Option<&VaultName>, sort: &Sort<'_>) -> Result<Listed, Failure> {
    let (after, limit) = if sort.is_set() { (None, SORTED) } else { (after, PAGE) };
    let wanted = VaultsWanted { words, after, limit };
    let (VaultListing { mut vaults, damaged, kept_back }, next) =
        viewer.services.admin.list_vaults_page(&viewer.call.ctx, wanted).await?;
    let notice = sort.notice(vaults.len(), next.is_some());
    let paging = sort.arrange(&mut vaults, sorted_by);
    let next = next.filter(|_| paging.is_none());
    Ok(Listed { vaults, damaged, kept_back, next, paging, notice })
}

/// GET /vaults[?q=&after=&sort=]
///
/// # Errors
/// 400 for a search that is too long; 503 when the vaults cannot be read or the record cannot be written.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let services = viewer.services;
    let words = request.query("q").unwrap_or_default().trim().to_lowercase();
    if words.chars().count() > MAX_WORDS {
        return Err(Problem::bad_parameter(say!("vaults-a-name-has-at-most", most = MAX_WORDS)).into());
    }
    let after = request.query("after").and_then(|after| VaultName::parse(after).ok());
    let sort = Sort::of(viewer, request, &COLUMNS);
    let Listed { mut vaults, damaged, kept_back, next, paging, notice } =
        read(viewer, &words, after.as_ref(), &sort).await?;
    let whole = next.is_none() && after.is_none() && paging.is_none() && words.is_empty();
    if whole {
        vaults = viewer.pins.first(&vaults);
    }
    let place = Place::Vaults;
    let mut offers = Offers::new(viewer, &place);
    if let Ok(name) = VaultName::parse(FIRST_VAULT) {
        let new = Act::primary(say!("vaults-new-vault"), links::NEW_VAULT, Icon::Plus);
        offers.offer(&Ask::vault(Action::VaultCreate, &name), new).await;
    }
    let around = Around::of(viewer, &vaults, &mut offers).await;
    let (mut acts, cannot) = offers.told();
    let creates = !acts.is_empty();
    acts.push(Act::link(say!("vaults-deleted-vaults"), links::DELETED_VAULTS, Icon::Trash));
    let token = viewer.form_token();
    // A column of which no vault has anything is left out.
    let tagged = vaults.iter().any(|vault| !vault.settings.tags.is_empty());
    let columns: Vec<&str> = COLUMNS.into_iter().filter(|column| tagged || *column != TAGS).collect();
    let rows: Vec<Row> = vaults.iter().map(|vault| row(viewer, vault, &around, (token.as_str(), tagged))).collect();
    let headline = match rows.len() {
        _ if !whole => say!("vaults-vaults").to_owned(),
        0 => say!("vaults-no-vault-you-may-list").to_owned(),
        1 => say!("vaults-one-vault").to_owned(),
        count => say!("vaults-count-vaults", count = count),
    };
    let commands = Commands::of_installation(services);
    let searched = !words.is_empty();
    let filter = (searched || !whole || rows.len() > 1).then(|| Form {
        action: links::VAULTS.to_owned(),
        fields: std::iter::once(
            Field::line("q", say!("vaults-search-names"), words.clone(), 24).hint(say!("vaults-part-of-a-name")),
        )
        .chain(sort.kept().into_iter().map(|(name, value)| Field::hidden(&name, value)))
        .collect(),
        submit: say!("vaults-search").to_owned(),
        cancel_href: searched.then(|| links::VAULTS.to_owned()),
        ..Form::default()
    });
    let none = rows.is_empty();
    let body = if none && searched {
        Body::Empty {
            headline: say!("vaults-no-vault-is-like-that").to_owned(),
            text: say!("vaults-only-names-are-searched").to_owned(),
            command: None,
        }
    } else if none {
        Body::Empty {
            headline: say!("vaults-there-is-nothing-here-that").to_owned(),
            text: say!("vaults-somebody-who-administers-this-installation").to_owned(),
            command: creates.then(|| Snippet {
                label: say!("vaults-command-that-makes-a-vault").to_owned(),
                ..commands.server(&format!("vault create {FIRST_VAULT}"))
            }),
        }
    } else {
        let own = Paging {
            words: say!("vaults-count-on-this-page", count = rows.len()),
            first_href: after.as_ref().map(|_| links::asked(links::VAULTS, &[("q", Some(words.as_str()))])),
            next_href: next.as_ref().map(|next| {
                links::asked(links::VAULTS, &[("q", Some(words.as_str())), ("after", Some(next.as_str()))])
            }),
        };
        let sorts = sort.heads(&columns, &APART);
        Body::Table(Table { sorts, paging: paging.unwrap_or(own), ..Table::new(&columns, rows) })
    };
    let alone = none && !searched && after.is_none();
    let stranger = alone && !creates && !services.admin.holds_something(&viewer.call.ctx).await?;
    let panel = if stranger {
        overview::no_role(viewer)
    } else {
        Panel::new(say!("vaults-vaults"), body).foot(say!("vaults-near-its-end-is-the-last-fifth"))
    };
    let copy = vec![commands.server("vault list"), commands.curl_server("GET", "/api/v1/vaults", None)];
    let headline = if whole { kept_back::headline(headline, &kept_back) } else { headline };
    let page = PanelsPage {
        acts,
        cannot,
        notices: notices(&damaged).into_iter().chain(notice).collect(),
        filter,
        main: [Some(panel), kept_back::panel(&kept_back), Some(snippets::panel(copy))].into_iter().flatten().collect(),
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

fn row(viewer: &Viewer<'_>, vault: &Arc<Vault>, around: &Around, (token, tagged): (&str, bool)) -> Row {
    let settings = &vault.settings;
    let mut cells = vec![
        Cell::Link {
            text: vault.name.to_string(),
            href: links::vault(&vault.name),
            small: viewer.pins.has(vault).then(|| say!("vaults-pinned").to_owned()),
        },
        around.contents(&vault.name),
        around.nearing(&vault.name),
        around.denied(&vault.name),
        Cell::text(mode_words(settings.access_mode)),
        protection(settings),
        around.owned(vault),
    ];
    cells.extend(tagged.then(|| view::tags_cell(&settings.tags)));
    cells.push(Cell::Acts(vec![pins::act(viewer, vault, token)]));
    Row::new(cells)
}

/// What grants requests, in words.
pub(super) fn mode_words(mode: AccessMode) -> &'static str {
    match mode {
        AccessMode::Rbac => say!("vaults-roles"),
        AccessMode::AccessPolicy => say!("vaults-access-policies"),
        AccessMode::Layered => say!("vaults-roles-and-access-policies"),
        AccessMode::Modules => say!("vaults-policy-modules"),
    }
}

fn protection(settings: &VaultSettings) -> Cell {
    match settings.purge_protection {
        true => Cell::badge(Tone::Good, Icon::Lock, say!("vaults-protected")),
        false => Cell::text(say!("vaults-off")),
    }
}

/// GET /vaults/{vault}
///
/// # Errors
/// The gate's denial, or why the vault cannot be shown.
pub(super) async fn home(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let name = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let vault = viewer.services.admin.show_vault(&viewer.call.ctx, &name).await?;
    let place = Place::Vault(name.clone());
    let mut offers = Offers::new(viewer, &place);
    offers
        .offer(
            &Ask::secrets(Action::SecretList, &name),
            Act::primary(say!("vaults-secrets"), links::secrets(&name), Icon::Lock),
        )
        .await;
    let keys = Act::link(say!("vaults-keys"), links::keys(&name), Icon::Key);
    offers.offer(&Kind::Key.ask(Action::KeyList, &name), keys).await;
    let certificates = Act::link(say!("vaults-certificates"), links::certificates(&name), Icon::Certificate);
    offers.offer(&Kind::Certificate.ask(Action::CertificateList, &name), certificates).await;
    let new = Act::link(say!("vaults-new-secret"), links::new_secret(&name), Icon::Plus);
    offers.offer(&Ask::secrets(Action::SecretSet, &name), new).await;
    let replays = Act::link(say!("vaults-replays"), links::in_vault(&name, "replays", &[]), Icon::Compare);
    offers.offer(&Ask::server(Action::PolicyReplayRead), replays).await;
    let delete = Act::link(say!("vaults-delete"), links::in_vault(&name, "delete", &[]), Icon::Trash);
    offers.offer(&Ask::vault(Action::VaultDelete, &name), delete).await;
    let around = Around::of(viewer, std::slice::from_ref(&vault), &mut offers).await;
    let (mut acts, mut cannot) = offers.told();
    let waiting = viewer.services.admin.waiting_approvals(&viewer.call.ctx, &vault).await?;
    if waiting > 0 {
        let words = say!("vaults-count-requests-wait", count = waiting);
        acts.insert(0, Act::primary(&words, links::in_vault(&name, "approvals", &[]), Icon::Hourglass));
    }
    acts.push(pins::act(viewer, &vault, &viewer.form_token()));
    let ending = endings::look(viewer, std::slice::from_ref(&vault)).await;
    let changes = if viewer.may(&Ask::server(Action::AuditRead)).await {
        overview::changes_of_a_day(viewer, &name).await
    } else {
        cannot.push(say!("vaults-what-was-changed-here-is").to_owned());
        None
    };
    let here = [ending.panel, changes, Some(network(&vault)), Some(modules(viewer, &vault).await)];
    let commands = Commands::of_installation(viewer.services);
    let settings = &vault.settings;
    let page = PanelsPage {
        badges: if settings.purge_protection {
            vec![(Tone::Good, Icon::Lock, say!("vaults-purge-protected").to_owned())]
        } else {
            Vec::new()
        },
        lead: Some(say!("vaults-access-by-access-mode", access_mode = mode_words(settings.access_mode).to_lowercase())),
        tags: view::tags(&settings.tags),
        acts,
        cannot,
        notices: ending.unread.map(str::to_owned).into_iter().collect(),
        main: here.into_iter().flatten().collect(),
        aside: vec![
            inside(&vault, &around),
            Panel::new(say!("vaults-details"), Body::Facts(facts(viewer, &vault))).acts(vec![Act::link(
                say!("vaults-settings"),
                links::in_vault(&name, "settings", &[]),
                Icon::Pencil,
            )]),
            access::owners::panel(viewer, &vault).await,
            snippets::panel(vec![
                commands.server(&format!("vault show {name}")),
                commands.curl_server("GET", &format!("/api/v1/vaults/{name}"), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, name.to_string())
    };
    Ok(rendered(200, page.render()))
}

/// How much is in a vault, and what goes on there.
fn inside(vault: &Vault, around: &Around) -> Panel {
    let name = &vault.name;
    let fact = |label: &str, value| Fact { name: label.to_owned(), value };
    let counted = |kind, href: String| match around.count(name, kind) {
        Some(count) => Cell::link(vault_rows::counted(count), href),
        None => Cell::None(say!("vaults-hidden").to_owned()),
    };
    let facts = vec![
        fact(say!("vaults-secrets"), counted(ObjectKind::Secret, links::secrets(name))),
        fact(say!("vaults-keys"), counted(ObjectKind::Key, links::keys(name))),
        fact(say!("vaults-certificates"), counted(ObjectKind::Certificate, links::certificates(name))),
        fact(say!("vaults-near-their-end"), around.nearing(name)),
        fact(say!("vaults-denials-in-24-h"), around.denied(name)),
    ];
    Panel::new(say!("vaults-in-it"), Body::Facts(facts))
}

fn facts(viewer: &Viewer<'_>, vault: &Vault) -> Vec<Fact> {
    let settings = &vault.settings;
    let refused: Vec<&str> = settings.refused_algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let refused =
        if refused.is_empty() { Cell::None(say!("vaults-none").to_owned()) } else { Cell::text(refused.join(", ")) };
    let region = settings.region.clone().map_or_else(|| Cell::None(say!("vaults-not-set").to_owned()), Cell::text);
    vec![
        Fact::code(say!("vaults-address-for-clients"), viewer.services.addresses.vault(&vault.name)),
        Fact::text(say!("vaults-access-by"), mode_words(settings.access_mode)),
        Fact::text(
            say!("vaults-deleted-items"),
            say!("vaults-recoverable-for-retention-days-days", retention_days = settings.retention_days),
        ),
        Fact { name: say!("vaults-purge-protection").to_owned(), value: protection(settings) },
        Fact { name: say!("vaults-algorithms-switched-off").to_owned(), value: refused },
        Fact { name: say!("vaults-region").to_owned(), value: region },
        Fact::moment(say!("vaults-created"), Some(view::moment_millis(vault.created_at)), ""),
        Fact::text(say!("vaults-revision"), vault.revision.to_string()),
        Fact::code(say!("vaults-identity"), vault.id.to_string()),
    ]
}

fn network(vault: &Vault) -> Panel {
    let rules = &vault.settings.network;
    let denied = rules.default_action == NetworkAction::Deny;
    let words = match (rules.rules.len(), denied) {
        (0, false) => say!("vaults-reachable-from-everywhere-there-are").to_owned(),
        (0, true) => say!("vaults-reachable-from-nowhere-there-is").to_owned(),
        (count, _) => {
            let rules =
                if count == 1 { say!("vaults-one-rule").to_owned() } else { say!("vaults-count-rules", count = count) };
            say!("vaults-rules-what-no-rule-fits", rules = rules, else_of = if denied { "denied" } else { "allowed" })
        }
    };
    let open = Act::link(say!("vaults-network-rules"), links::in_vault(&vault.name, "network", &[]), Icon::Pencil);
    Panel::new(say!("vaults-network"), Body::Text(vec![words])).acts(vec![open])
}

/// What is asked about requests here, in its order: what is attached to all vaults, and then what is attached to this one.
async fn modules(viewer: &Viewer<'_>, vault: &Vault) -> Panel {
    let all = vec![Act::link(say!("vaults-policy-modules"), links::POLICY, Icon::Module)];
    let (above, said) = everywhere(viewer).await;
    let own = vault.settings.policies.iter().map(|one| (AttachedTo::Vault(vault.name.clone()), one.clone()));
    let attached: Vec<(AttachedTo, PolicyAttachment)> =
        above.into_iter().map(|one| (AttachedTo::Everywhere, one)).chain(own).collect();
    if attached.is_empty() {
        let none = Body::Text(vec![say!("vaults-no-policy-module-of-its").into()]);
        let panel = Panel::new(say!("vaults-policy-modules"), none).acts(all);
        return said.into_iter().fold(panel, |panel, said| panel.foot(said));
    }
    let rows = attached.iter().map(|(to, attachment)| {
        let role = match (to, attachment.authority) {
            (AttachedTo::Everywhere, _) => say!("vaults-attached-to-all-vaults"),
            (_, true) => say!("vaults-may-grant-and-refuse"),
            (_, false) => say!("vaults-may-refuse"),
        };
        Row::new(vec![
            Cell::Link {
                text: attachment.name.clone(),
                href: links::attachment(to, &attachment.name),
                small: Some(role.to_owned()),
            },
            policies::badge_cell(attachment.state, None),
            Cell::Code(attachment.settings.clone()),
        ])
    });
    let panel = Panel::new(
        say!("vaults-policy-modules"),
        Body::Table(Table::new(&["Attachment", "State", "Settings"], rows.collect())),
    )
    .note(say!("vaults-asked-in-this-order-any"))
    .acts(all);
    said.into_iter().fold(panel, |panel, said| panel.foot(said))
}

/// What is attached to all vaults, or why that is not told.
async fn everywhere(viewer: &Viewer<'_>) -> (Vec<PolicyAttachment>, Option<String>) {
    if !viewer.may(&Ask::server(Action::PolicyRead)).await {
        let role = Role::least_for(Action::PolicyRead).map_or(Role::Owner.name(), Role::name);
        return (Vec::new(), Some(say!("vaults-what-is-attached-to-all-is-hidden", role = role)));
    }
    let unread = (Vec::new(), Some(say!("vaults-what-is-attached-to-all-could-not").to_owned()));
    let Ok(ctx) = viewer.further() else { return unread };
    match viewer.services.admin.show_policies(&ctx, None).await {
        Ok(shown) => (shown.policies.into_iter().map(|one| one.attachment).collect(), None),
        Err(_) => unread,
    }
}
