//! The vaults that a person may list, and the page of one.

use strongroom_domain::{
    access_policy::AccessMode,
    action::Action,
    admin::VaultListing,
    gate::Ask,
    names::VaultName,
    network::NetworkAction,
    vault::{Vault, VaultSettings},
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone, say};

use super::{
    Failure, access, endings,
    frame::{Place, Viewer},
    kinds::Kind,
    links,
    offers::Offers,
    overview, pins,
    policies::{self, AttachedTo},
    rendered,
    snippets::{self, Commands},
    sort::Sort,
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

const COLUMNS: [&str; 6] = ["Name", "Access by", "Purge protection", "Address for clients", "Tags", ""];

/// GET /vaults
///
/// # Errors
/// 503 when the vaults cannot be read or the record cannot be written.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let services = viewer.services;
    let VaultListing { vaults, damaged } = services.admin.list_vaults(&viewer.call.ctx).await?;
    let place = Place::Vaults;
    let mut offers = Offers::new(viewer, &place);
    if let Ok(name) = VaultName::parse(FIRST_VAULT) {
        let new = Act::primary(say!("vaults-new-vault"), links::NEW_VAULT, Icon::Plus);
        offers.offer(&Ask::vault(Action::VaultCreate, &name), new).await;
    }
    let (mut acts, cannot) = offers.told();
    let creates = !acts.is_empty();
    acts.push(Act::link(say!("vaults-deleted-vaults"), links::DELETED_VAULTS, Icon::Trash));
    let token = viewer.form_token();
    let first = viewer.pins.first(&vaults);
    let rows = first.iter().map(|vault| {
        let settings = &vault.settings;
        Row::new(vec![
            Cell::Link {
                text: vault.name.to_string(),
                href: links::vault(&vault.name),
                small: viewer.pins.has(vault).then(|| say!("vaults-pinned").to_owned()),
            },
            Cell::text(mode_words(settings.access_mode)),
            protection(settings),
            Cell::Code(services.addresses.vault(&vault.name)),
            if settings.tags.is_empty() {
                Cell::None(say!("vaults-none").into())
            } else {
                Cell::Tags(view::tags(&settings.tags))
            },
            Cell::Acts(vec![pins::act(viewer, vault, &token)]),
        ])
    });
    let rows: Vec<Row> = rows.collect();
    let headline = match rows.len() {
        0 => say!("vaults-no-vault-you-may-list").to_owned(),
        1 => say!("vaults-one-vault").to_owned(),
        count => say!("vaults-count-vaults", count = count),
    };
    let commands = Commands::of_installation(services);
    let body = if rows.is_empty() {
        Body::Empty {
            headline: say!("vaults-there-is-nothing-here-that").to_owned(),
            text: say!("vaults-somebody-who-administers-this-installation").to_owned(),
            command: creates.then(|| Snippet {
                label: say!("vaults-command-that-makes-a-vault").to_owned(),
                ..commands.server(&format!("vault create {FIRST_VAULT}"))
            }),
        }
    } else {
        let table = Table::new(&COLUMNS, rows);
        Body::Table(Sort::of(viewer, request, &COLUMNS).table(table, &["Address for clients"]))
    };
    let stranger = vaults.is_empty() && !creates && !services.admin.holds_something(&viewer.call.ctx).await?;
    let panel = if stranger { overview::no_role(viewer) } else { Panel::new(say!("vaults-vaults"), body) };
    let page = PanelsPage {
        acts,
        cannot,
        notices: notices(&damaged),
        main: vec![
            panel,
            snippets::panel(vec![commands.server("vault list"), commands.curl_server("GET", "/api/v1/vaults", None)]),
        ],
        ..PanelsPage::new(viewer.shell_with(&place, &vaults).await, headline)
    };
    Ok(rendered(200, page.render()))
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
    let here = [ending.panel, changes, Some(network(&vault)), Some(modules(&vault))];
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

fn modules(vault: &Vault) -> Panel {
    let attached = &vault.settings.policies;
    let all = vec![Act::link(say!("vaults-policy-modules"), links::POLICY, Icon::Module)];
    if attached.is_empty() {
        let none = Body::Text(vec![say!("vaults-no-policy-module-of-its").into()]);
        return Panel::new(say!("vaults-policy-modules"), none).acts(all);
    }
    let to = AttachedTo::Vault(vault.name.clone());
    let rows = attached.iter().map(|attachment| {
        let role = if attachment.authority { say!("vaults-may-grant-and-refuse") } else { say!("vaults-may-refuse") };
        Row::new(vec![
            Cell::Link {
                text: attachment.name.clone(),
                href: links::attachment(&to, &attachment.name),
                small: Some(role.to_owned()),
            },
            policies::badge_cell(attachment.state, None),
            Cell::Code(attachment.settings.clone()),
        ])
    });
    Panel::new(
        say!("vaults-policy-modules"),
        Body::Table(Table::new(&["Attachment", "State", "Settings"], rows.collect())),
    )
    .note(say!("vaults-asked-in-this-order-any"))
    .acts(all)
}
