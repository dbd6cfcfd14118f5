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
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Snippet, Table, Tone};

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
const FIRST_VAULT: &str = "first-vault";

/// What a damaged vault means, and who can find out more.
pub(super) const DAMAGED: &str = "What is stored of it fails its authentication, so nobody gets in. Whoever runs the server: strongroom verify --config FILE.";

/// One line for each vault that is left out of a list.
pub(super) fn notices(damaged: &[VaultName]) -> Vec<String> {
    damaged.iter().map(|name| format!("Vault {name} is left out. {DAMAGED}")).collect()
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
        let new = Act::primary("New vault", links::NEW_VAULT, Icon::Plus);
        offers.offer(&Ask::vault(Action::VaultCreate, &name), new).await;
    }
    let (mut acts, cannot) = offers.told();
    let creates = !acts.is_empty();
    acts.push(Act::link("Deleted vaults", links::DELETED_VAULTS, Icon::Trash));
    let token = viewer.form_token();
    let first = viewer.pins.first(&vaults);
    let rows = first.iter().map(|vault| {
        let settings = &vault.settings;
        Row::new(vec![
            Cell::Link {
                text: vault.name.to_string(),
                href: links::vault(&vault.name),
                small: viewer.pins.has(vault).then(|| "Pinned".to_owned()),
            },
            Cell::text(mode_words(settings.access_mode)),
            protection(settings),
            Cell::Code(services.addresses.vault(&vault.name)),
            if settings.tags.is_empty() { Cell::None("None".into()) } else { Cell::Tags(view::tags(&settings.tags)) },
            Cell::Acts(vec![pins::act(viewer, vault, &token)]),
        ])
    });
    let rows: Vec<Row> = rows.collect();
    let headline = match rows.len() {
        0 => "No vault you may list".to_owned(),
        1 => "One vault".to_owned(),
        count => format!("{count} vaults"),
    };
    let commands = Commands::of_installation(services);
    let body = if rows.is_empty() {
        Body::Empty {
            headline: "There is nothing here that you may see.".to_owned(),
            text: "Somebody who administers this installation can make a vault or give you a role in one.".to_owned(),
            command: creates.then(|| Snippet {
                label: "Command that makes a vault".to_owned(),
                ..commands.server(&format!("vault create {FIRST_VAULT}"))
            }),
        }
    } else {
        let table = Table::new(&COLUMNS, rows);
        Body::Table(Sort::of(viewer, request, &COLUMNS).table(table, &["Address for clients"]))
    };
    let stranger = vaults.is_empty() && !creates && !services.admin.holds_something(&viewer.call.ctx).await?;
    let panel = if stranger { overview::no_role(viewer) } else { Panel::new("Vaults", body) };
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
        AccessMode::Rbac => "Roles",
        AccessMode::AccessPolicy => "Access policies",
        AccessMode::Layered => "Roles and access policies",
        AccessMode::Modules => "Policy modules",
    }
}

fn protection(settings: &VaultSettings) -> Cell {
    match settings.purge_protection {
        true => Cell::badge(Tone::Good, Icon::Lock, "Protected"),
        false => Cell::text("Off"),
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
        .offer(&Ask::secrets(Action::SecretList, &name), Act::primary("Secrets", links::secrets(&name), Icon::Lock))
        .await;
    let keys = Act::link("Keys", links::keys(&name), Icon::Key);
    offers.offer(&Kind::Key.ask(Action::KeyList, &name), keys).await;
    let certificates = Act::link("Certificates", links::certificates(&name), Icon::Certificate);
    offers.offer(&Kind::Certificate.ask(Action::CertificateList, &name), certificates).await;
    let new = Act::link("New secret", links::new_secret(&name), Icon::Plus);
    offers.offer(&Ask::secrets(Action::SecretSet, &name), new).await;
    let replays = Act::link("Replays", links::in_vault(&name, "replays", &[]), Icon::Compare);
    offers.offer(&Ask::server(Action::PolicyReplayRead), replays).await;
    let delete = Act::link("Delete", links::in_vault(&name, "delete", &[]), Icon::Trash);
    offers.offer(&Ask::vault(Action::VaultDelete, &name), delete).await;
    let (mut acts, mut cannot) = offers.told();
    acts.push(pins::act(viewer, &vault, &viewer.form_token()));
    let ending = endings::look(viewer, std::slice::from_ref(&vault)).await;
    let changes = if viewer.may(&Ask::server(Action::AuditRead)).await {
        overview::changes_of_a_day(viewer, &name).await
    } else {
        cannot.push(
            "What was changed here is hidden: seeing it needs the role Strongroom Auditor on the installation."
                .to_owned(),
        );
        None
    };
    let here = [ending.panel, changes, Some(network(&vault)), Some(modules(&vault))];
    let commands = Commands::of_installation(viewer.services);
    let settings = &vault.settings;
    let page = PanelsPage {
        badges: if settings.purge_protection {
            vec![(Tone::Good, Icon::Lock, "Purge protected".to_owned())]
        } else {
            Vec::new()
        },
        lead: Some(format!("Access by {}.", mode_words(settings.access_mode).to_lowercase())),
        tags: view::tags(&settings.tags),
        acts,
        cannot,
        notices: ending.notices,
        main: here.into_iter().flatten().collect(),
        aside: vec![
            Panel::new("Details", Body::Facts(facts(viewer, &vault))).acts(vec![Act::link(
                "Settings",
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
    let refused = if refused.is_empty() { Cell::None("None".to_owned()) } else { Cell::text(refused.join(", ")) };
    let region = settings.region.clone().map_or_else(|| Cell::None("Not set".to_owned()), Cell::text);
    vec![
        Fact::code("Address for clients", viewer.services.addresses.vault(&vault.name)),
        Fact::text("Access by", mode_words(settings.access_mode)),
        Fact::text("Deleted items", format!("Recoverable for {} days", settings.retention_days)),
        Fact { name: "Purge protection".to_owned(), value: protection(settings) },
        Fact { name: "Algorithms switched off".to_owned(), value: refused },
        Fact { name: "Region".to_owned(), value: region },
        Fact::moment("Created", Some(view::moment_millis(vault.created_at)), ""),
        Fact::text("Revision", vault.revision.to_string()),
        Fact::code("Identity", vault.id.to_string()),
    ]
}

fn network(vault: &Vault) -> Panel {
    let rules = &vault.settings.network;
    let denied = rules.default_action == NetworkAction::Deny;
    let words = match (rules.rules.len(), denied) {
        (0, false) => "Reachable from everywhere: there are no network rules.".to_owned(),
        (0, true) => "Reachable from nowhere: there is no rule, and the default is to deny.".to_owned(),
        (count, _) => {
            let rules = if count == 1 { "One rule".to_owned() } else { format!("{count} rules") };
            format!("{rules}; what no rule fits is {}.", if denied { "denied" } else { "allowed" })
        }
    };
    let open = Act::link("Network rules", links::in_vault(&vault.name, "network", &[]), Icon::Pencil);
    Panel::new("Network", Body::Text(vec![words])).acts(vec![open])
}

fn modules(vault: &Vault) -> Panel {
    let attached = &vault.settings.policies;
    let all = vec![Act::link("Policy modules", links::POLICY, Icon::Module)];
    if attached.is_empty() {
        let none = Body::Text(vec!["No policy module of its own is asked about requests here.".into()]);
        return Panel::new("Policy modules", none).acts(all);
    }
    let to = AttachedTo::Vault(vault.name.clone());
    let rows = attached.iter().map(|attachment| {
        let role = if attachment.authority { "may grant and refuse" } else { "may refuse" };
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
    Panel::new("Policy modules", Body::Table(Table::new(&["Attachment", "State", "Settings"], rows.collect())))
        .note("asked in this order; any refusal counts")
        .acts(all)
}
