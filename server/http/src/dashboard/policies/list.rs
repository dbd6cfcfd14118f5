//! GET /policy: which modules there are, and where they are attached, in the order in which they are asked.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    admin::{AttachmentShown, ModuleShown, VaultListing},
    gate::{Ask, ShadowSeen},
    policy::{AttachmentState, ModuleDigest},
    role::Role,
    vault::Vault,
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, PanelsPage, Row, Table, say};

use super::{AttachedTo, Modules, badge_cell, fared, refused, short};
use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        kept_back, links,
        offers::Offers,
        rendered,
        snippets::{self, Commands},
        sort::Sort,
        view,
    },
    message::{Request, Response},
    problem::Problem,
};

const COLUMNS: [&str; 5] = ["Module", "Version", "Uploaded by", "Signature", "Attached"];

/// What is attached in one place.
pub(super) struct Attached {
    pub(super) to: AttachedTo,
    pub(super) policies: Vec<AttachmentShown>,
}

/// # Errors
/// 503 when the vaults cannot be read or the record cannot be written.
pub(crate) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let VaultListing { vaults, kept_back, .. } = viewer.services.admin.list_vaults(&viewer.call.ctx).await?;
    let mut notices = Vec::new();
    let mut places = Vec::new();
    if viewer.may(&Ask::server(Action::PolicyRead)).await {
        match viewer.services.admin.show_policies(&viewer.further()?, None).await {
            Ok(shown) => places.push(Attached { to: AttachedTo::Everywhere, policies: shown.policies }),
            Err(error) => notices.push(unread(say!("policies-list-what-is-attached-to-all"), error)),
        }
    } else {
        notices.push(hidden(say!("policies-list-what-is-attached-to-all-vaults"), Action::PolicyRead));
    }
    places.extend(vaults.iter().map(|vault| of_vault(viewer, vault)));
    places.retain(|place| !place.policies.is_empty());
    // Whether nothing is attached that is not among them.
    let whole = notices.is_empty() && kept_back.is_empty();
    let modules = if viewer.may(&Ask::server(Action::PolicyModuleRead)).await {
        let read = viewer.services.admin.list_modules(&viewer.further()?).await;
        read.map(Modules).map_err(|error| notices.push(unread(say!("policies-list-the-modules"), error))).ok()
    } else {
        notices.push(hidden(say!("policies-list-the-modules-are"), Action::PolicyModuleRead));
        None
    };
    let place = Place::Policies;
    let mut offers = Offers::new(viewer, &place);
    let upload = Act::primary(say!("policies-list-upload-module"), links::MODULE_UPLOAD, Icon::Upload);
    offers.offer(&Ask::server(Action::PolicyModuleWrite), upload).await;
    let documents = Act::link(say!("policies-list-documents"), links::DOCUMENTS, Icon::Records);
    offers.offer(&Ask::server(Action::PolicyDocumentRead), documents).await;
    let (acts, cannot) = offers.told();
    let names = modules.unwrap_or_default();
    let mut main: Vec<Panel> = places.iter().map(|place| attached(place, &names)).collect();
    if main.is_empty() {
        main.push(nothing_attached());
    }
    main.extend(kept_back::panel(&kept_back));
    if !names.0.is_empty() {
        main.push(listed(viewer, &names, (places.as_slice(), whole), &Sort::of(viewer, request, &COLUMNS)));
    }
    main.extend(refused::lately(viewer).await);
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("policies-list-a-module-says-allow-deny").to_owned()),
        acts,
        cannot,
        notices,
        main,
        aside: vec![snippets::panel(vec![
            commands.server("policy list").labelled(say!("policies-list-list-modules")),
            commands.server("policy attached --all-vaults").labelled(say!("policies-list-what-is-attached-to-all")),
            commands.server("policy attached --vault NAME").labelled(say!("policies-list-what-is-attached-to-a")),
            commands.curl_server("GET", "/api/v1/policy-modules", None),
        ])],
        ..PanelsPage::new(
            viewer.shell_with(&place, &vaults).await,
            kept_back::headline(headline(&places, whole), &kept_back),
        )
    };
    Ok(rendered(200, page.render()))
}

fn hidden(what: &str, action: Action) -> String {
    let role = Role::least_for(action).map_or(Role::Owner.name(), |role| role.name());
    say!("policies-list-what-hidden-seeing-this-needs", what = what, role = role)
}

fn unread(what: &str, error: impl Into<Problem>) -> String {
    say!("policies-list-what-could-not-be-read", what = what, reason = error.into().reason)
}

pub(super) fn of_vault(viewer: &Viewer<'_>, vault: &Vault) -> Attached {
    let seen = &viewer.services.admin.gate.shadows;
    let policies = vault.settings.policies.iter().map(|attachment| AttachmentShown {
        shadow: seen.of(Some(vault.id), attachment),
        attachment: attachment.clone(),
        reviewed: None,
        runs: viewer.services.admin.gate.runs.of(Some(vault.id), attachment, viewer.call.ctx.now),
    });
    Attached { to: AttachedTo::Vault(vault.name.clone()), policies: policies.collect() }
}

fn headline(places: &[Attached], whole: bool) -> String {
    let all = places.iter().flat_map(|place| &place.policies);
    let of = |state| all.clone().filter(|one| one.attachment.state == state).count();
    let (enforced, shadow) = (of(AttachmentState::Enforce), of(AttachmentState::Shadow));
    match (enforced, shadow, all.clone().count()) {
        (0, 0, 0) if !whole => say!("policies-list-none-that-you-may-see").to_owned(),
        (0, 0, 0) => say!("policies-list-no-policy-module-is-attached").to_owned(),
        (0, 0, _) => say!("policies-list-no-policy-module-is-asked").to_owned(),
        (enforced, 0, _) => say!("policies-list-enforced-enforced", enforced = counted(enforced)),
        (0, shadow, _) => say!("policies-list-shadow-in-shadow-none-enforced", shadow = counted(shadow)),
        (enforced, shadow, _) => {
            say!("policies-list-enforced-enforced-shadow-in-shadow", enforced = counted(enforced), shadow = shadow)
        }
    }
}

fn counted(count: usize) -> String {
    if count == 1 {
        say!("policies-list-one-policy-module").to_owned()
    } else {
        say!("policies-list-count-policy-modules", count = count)
    }
}

fn nothing_attached() -> Panel {
    Panel::new(
        say!("policies-list-attached"),
        Body::Empty {
            headline: say!("policies-list-no-module-is-attached-that").to_owned(),
            text: say!("policies-list-attach-one-in-shadow-first").to_owned(),
            command: None,
        },
    )
}

fn attached(place: &Attached, modules: &Modules) -> Panel {
    let row = |(index, shown): (usize, &AttachmentShown)| {
        let AttachmentShown { attachment, runs, .. } = shown;
        Row::new(vec![
            Cell::link(attachment.name.clone(), links::attachment(&place.to, &attachment.name)),
            badge_cell(attachment.state, attachment.authority.then(|| say!("policies-list-with-authority").to_owned())),
            modules.cell(&attachment.module),
            Cell::text((index + 1).to_string()),
            fared::p99(runs),
            fared::denials(shown),
            fared::answers(attachment.state, runs),
        ])
    };
    let rows = place.policies.iter().enumerate().map(row).collect();
    let columns = ["Attachment", "State", "Module", "Asked as", "p99, 24 h", "Denials, 24 h", "Answers"];
    let table = Table::new(&columns, rows);
    let panel = Panel::new(&place.to.title(), Body::Table(table)).foot(say!("policies-list-seen-by-this-node"));
    match place.to {
        AttachedTo::Everywhere => panel.note(say!("policies-list-asked-first-in-every-vault")),
        AttachedTo::Vault(_) => panel,
    }
}

/// How often a module in shadow would have denied, as far as this node knows.
pub(super) fn seen(shadow: &ShadowSeen) -> Cell {
    let count = shadow.count;
    let denied = count.would_deny.saturating_add(count.would_fail);
    let asked = denied.saturating_add(count.would_allow).saturating_add(count.would_abstain);
    if asked == 0 {
        return Cell::None(say!("policies-list-nothing-seen-yet").to_owned());
    }
    let unanswered = (count.would_fail > 0)
        .then(|| say!("policies-list-would-fail-of-them-without", would_fail = view::grouped(count.would_fail)));
    let since = shadow.since.map(|since| say!("policies-list-since-since", since = view::moment_millis(since).text));
    let small: Vec<String> = unanswered.into_iter().chain(since).collect();
    let small = (!small.is_empty()).then(|| small.join(", "));
    Cell::Text {
        text: say!("policies-list-denied-of-asked", denied = view::grouped(denied), asked = view::grouped(asked)),
        small,
    }
}

/// The modules, those of one name together. Whether the places are all there are is told beside them.
fn listed(viewer: &Viewer<'_>, modules: &Modules, (places, whole): (&[Attached], bool), sort: &Sort<'_>) -> Panel {
    let mut attached: BTreeMap<ModuleDigest, usize> = BTreeMap::new();
    for one in places.iter().flat_map(|place| &place.policies) {
        *attached.entry(one.attachment.module).or_default() += 1;
    }
    let judged = viewer.services.admin.library.judges_signatures();
    let row = |module: &ModuleShown| {
        let ModuleShown { facts, uploaded, .. } = module;
        let count = attached.get(&facts.digest).copied().unwrap_or_default();
        Row::new(vec![
            Cell::Link {
                text: facts.name.clone(),
                href: links::module(&facts.digest),
                small: Some(facts.summary.clone()),
            },
            Cell::Text { text: facts.version.clone(), small: Some(short(&facts.digest)) },
            match uploaded {
                None => Cell::text(say!("policies-list-ships")),
                Some((by, at)) => Cell::Text { text: by.subject.clone(), small: Some(view::moment_millis(*at).text) },
            },
            fared::signature(module, judged),
            if count == 0 && !whole {
                Cell::None(say!("policies-list-nowhere-that-you-may-see").to_owned())
            } else if count == 0 {
                Cell::None(say!("policies-list-nowhere").to_owned())
            } else {
                Cell::text(count.to_string())
            },
        ])
    };
    let rows = modules.0.iter().map(row).collect();
    Panel::new(say!("policies-list-modules"), Body::Table(sort.table(Table::new(&COLUMNS, rows), &[])))
        .note(say!("policies-list-known-by-the-digest-of"))
        .foot(say!("policies-list-attached-in-how-many-places"))
}
