//! GET /policy/attached/{where}/{attachment}: a module as it is attached somewhere, what it decided or would have
//! decided lately, and what can be done with it.

use strongroom_domain::{
    action::Action,
    admin::{AttachmentShown, PoliciesShown},
    gate::{Ask, ShadowSeen},
    policy::{AttachedBefore, AttachmentState},
};
use strongroom_web::{Act, Body, Cell, Fact, Field, Form, Icon, Panel, PanelsPage, Row, Snippet, Table, say};

use super::{AttachedTo, Modules, addressed, badge, badge_cell, denials, enforce, fared, replays, word};
use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        links,
        offers::Offers,
        refusal::{self, Refusal},
        snippets::{self, Commands},
        vault_forms::force_field,
    },
    message::Response,
    problem::Problem,
    routes::Endpoint,
};

/// # Errors
/// The gate's denial, or why what is attached cannot be read.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let (to, name) = addressed(viewer)?;
    let shown = to.read_for(viewer, &name).await?;
    page(viewer, &to, &shown, &name, None).await
}

/// The page, with why an act was refused.
pub(super) async fn page(
    viewer: &Viewer<'_>,
    to: &AttachedTo,
    all: &PoliciesShown,
    name: &str,
    refusal: Option<&Refusal>,
) -> Result<Response, Failure> {
    let index = all.policies.iter().position(|one| one.attachment.name == name);
    let Some((index, shown)) = index.and_then(|index| Some((index, all.policies.get(index)?))) else {
        return Err(Problem::no_route().into());
    };
    let attachment = &shown.attachment;
    let modules = Modules::told(viewer).await;
    let place = Place::Attachment(to.clone(), name.to_owned());
    let mut offers = Offers::new(viewer, &place);
    let open = offers.open(&to.ask_to_change(), say!("policies-attachment-changing-what-is-attached")).await;
    let replays = Act::link(say!("policies-attachment-replay"), links::replays(to), Icon::Compare);
    offers.offer(&Ask::server(Action::PolicyReplayRead), replays).await;
    let (replays, cannot) = offers.told();
    let acts = Acts { to, name, token: viewer.form_token(), revision: all.revision };
    let mut main = vec![decides(attachment.state, if open { acts.states(shown) } else { Vec::new() })];
    if attachment.state != AttachmentState::Off || shown.shadow != ShadowSeen::default() {
        main.push(match attachment.state {
            AttachmentState::Enforce => denials::enforced(viewer, to, shown).await,
            AttachmentState::Off | AttachmentState::Shadow => denials::in_shadow(viewer, &shown.shadow).await,
        });
    }
    let settings = Panel::new(
        say!("policies-attachment-settings"),
        Body::Snippets(vec![Snippet::new(say!("policies-attachment-settings-as-json"), pretty(&attachment.settings))]),
    );
    main.push(if open { settings.acts(acts.settings()) } else { settings });
    if let Some(before) = &attachment.previous {
        let panel = previous(before, &modules);
        main.push(if open { panel.acts(acts.roll_back()) } else { panel });
    }
    let rolls_back = viewer.call.endpoint == Endpoint::AttachmentRollBackForm;
    if let Some(box_of_force) = force_field(refusal).filter(|_| open && rolls_back) {
        let form = Form {
            action: links::attachment_act(to, name, "roll-back"),
            csrf_token: Some(viewer.form_token()),
            fields: vec![box_of_force, Field::hidden("revision", all.revision.to_string())],
            submit: say!("policies-attachment-roll-back").to_owned(),
            danger: true,
            cancel_href: Some(links::attachment(to, name)),
            ..Form::default()
        };
        let form = refusal::form(viewer, form, refusal).await;
        main.insert(0, Panel::new(say!("policies-attachment-roll-back"), Body::Form(form)));
    }
    let mut aside = vec![details(to, shown, &modules), fared::panel(shown)];
    let may_ask_again = all.policies.len() > 1 && viewer.may(&Ask::server(Action::PolicyReplay)).await;
    let tries = if may_ask_again { acts.tries(all, index) } else { Vec::new() };
    aside.push(order(&acts, all, index, open, tries));
    if attachment.state != AttachmentState::Enforce {
        aside.insert(0, enforce::ready(to, shown));
    }
    aside.push(commands(viewer, to, shown));
    let page = PanelsPage {
        badges: vec![badge(attachment.state)],
        lead: Some(lead(to, all, index, &modules)),
        acts: replays.into_iter().chain(if open { acts.detach() } else { Vec::new() }).collect(),
        cannot,
        notices: refusal.map(|refusal| refusal.sentence().to_owned()).into_iter().collect(),
        main,
        aside,
        ..PanelsPage::new(viewer.shell(&place).await, name)
    };
    Ok(refusal::answer(&page, refusal))
}

fn lead(to: &AttachedTo, all: &PoliciesShown, index: usize, modules: &Modules) -> String {
    let module = all.policies.get(index).map(|one| modules.called(&one.attachment.module)).unwrap_or_default();
    let of = match all.policies.len() {
        1 => say!("policies-attachment-the-only-one-there").to_owned(),
        count => say!("policies-attachment-asked-as-number-index-of", index = index + 1, count = count),
    };
    say!("policies-attachment-module-attached-to-words-of", module = module, words = to.words(), of = of)
}

/// What its answers count for, and how that is changed.
fn decides(state: AttachmentState, acts: Vec<Act>) -> Panel {
    let sentence = match state {
        AttachmentState::Off => say!("policies-attachment-it-is-not-asked"),
        AttachmentState::Shadow => {
            say!("policies-attachment-it-is-asked-about-every")
        }
        AttachmentState::Enforce => {
            say!("policies-attachment-what-it-denies-is-denied")
        }
    };
    Panel::new(say!("policies-attachment-what-it-decides"), Body::Text(vec![sentence.to_owned()])).acts(acts)
}

fn previous(before: &AttachedBefore, modules: &Modules) -> Panel {
    let settings =
        Fact { name: say!("policies-attachment-settings").to_owned(), value: Cell::Code(before.settings.clone()) };
    let facts = vec![
        Fact { name: say!("policies-attachment-module").to_owned(), value: modules.cell(&before.module) },
        Fact { name: say!("policies-attachment-state").to_owned(), value: badge_cell(before.state, None) },
        settings,
    ];
    Panel::new(say!("policies-attachment-before"), Body::Facts(facts))
        .note(say!("policies-attachment-what-a-roll-back-puts"))
        .foot(say!("policies-attachment-the-last-change-of-module"))
}

fn details(to: &AttachedTo, shown: &AttachmentShown, modules: &Modules) -> Panel {
    let attachment = &shown.attachment;
    let facts = vec![
        Fact { name: say!("policies-attachment-module").to_owned(), value: modules.cell(&attachment.module) },
        Fact::code(say!("policies-attachment-digest"), attachment.module.to_string()),
        match to {
            AttachedTo::Everywhere => Fact::text(
                say!("policies-attachment-attached-to"),
                say!("policies-attachment-all-vaults-and-making-one"),
            ),
            AttachedTo::Vault(vault) => Fact {
                name: say!("policies-attachment-attached-to").to_owned(),
                value: Cell::link(vault.to_string(), links::vault(vault)),
            },
        },
        Fact::text(say!("policies-attachment-state"), word(attachment.state)),
        Fact::text(
            say!("policies-attachment-authority"),
            if attachment.authority {
                say!("policies-attachment-its-allow-grants-in-the")
            } else {
                say!("policies-attachment-none-it-only-narrows")
            },
        ),
    ];
    Panel::new(say!("policies-attachment-details"), Body::Facts(facts))
}

/// Which are asked before it and after it.
fn order(acts: &Acts<'_>, all: &PoliciesShown, index: usize, open: bool, tries: Vec<Act>) -> Panel {
    let row = |(place, one): (usize, &AttachmentShown)| {
        let cells = vec![
            Cell::Link {
                text: one.attachment.name.clone(),
                href: links::attachment(acts.to, &one.attachment.name),
                small: Some(say!("policies-attachment-number-place", place = place + 1)),
            },
            badge_cell(one.attachment.state, None),
            fared::p99(&one.runs),
        ];
        Row { cells, marked: place == index }
    };
    let rows = all.policies.iter().enumerate().map(row).collect();
    let panel = Panel::new(
        say!("policies-attachment-order"),
        Body::Table(Table::new(&["Attachment", "State", "p99, 24 h"], rows)),
    );
    let panel = panel.foot(say!("policies-attachment-the-first-that-denies-decides"));
    let moves = if open && all.policies.len() > 1 { acts.order(index, all.policies.len()) } else { Vec::new() };
    panel.acts(moves.into_iter().chain(tries).collect())
}

fn commands(viewer: &Viewer<'_>, to: &AttachedTo, shown: &AttachmentShown) -> Panel {
    let commands = Commands::of_installation(viewer.services);
    let (name, option) = (&shown.attachment.name, to.option());
    let path = match to {
        AttachedTo::Everywhere => "/api/v1/policies".to_owned(),
        AttachedTo::Vault(vault) => format!("/api/v1/vaults/{vault}/policies"),
    };
    let one =
        |label: &str, command: &str| commands.server(&format!("policy {command} {name} {option}")).labelled(label);
    let mut snippets = vec![
        commands.server(&format!("policy attached {option}")).labelled(say!("policies-attachment-show")),
        one(say!("policies-attachment-enforce"), "enforce"),
        one(say!("policies-attachment-shadow"), "shadow"),
    ];
    if shown.attachment.previous.is_some() {
        snippets.push(one(say!("policies-attachment-roll-back"), "rollback"));
    }
    snippets.push(one(say!("policies-attachment-detach"), "detach"));
    snippets.push(commands.curl_server("GET", &path, None));
    snippets::panel(snippets)
}

/// What can be done, as forms of the revision that was read.
struct Acts<'a> {
    to: &'a AttachedTo,
    name: &'a str,
    token: String,
    revision: i64,
}

impl Acts<'_> {
    fn post(&self, label: &str, act: &str, icon: Icon, field: Option<(&str, &str)>) -> Act {
        let revision = ("revision".to_owned(), self.revision.to_string());
        let field = field.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Act::Post {
            label: label.to_owned(),
            of: self.name.to_owned(),
            action: links::attachment_act(self.to, self.name, act),
            csrf_token: self.token.clone(),
            icon: Some(icon),
            fields: field.into_iter().chain([revision]).collect(),
        }
    }

    /// What was not reviewed is enforced from a page of its own, which says so.
    fn states(&self, shown: &AttachmentShown) -> Vec<Act> {
        let now = shown.attachment.state;
        [
            (AttachmentState::Enforce, say!("policies-attachment-enforce"), Icon::Check),
            (AttachmentState::Shadow, say!("policies-attachment-shadow"), Icon::Shadow),
            (AttachmentState::Off, say!("policies-attachment-turn-off"), Icon::Off),
        ]
        .into_iter()
        .filter(|(state, ..)| *state != now)
        .map(|(state, label, icon)| {
            if state == AttachmentState::Enforce && !enforce::is_reviewed(shown) {
                return Act::link(label, links::attachment_act(self.to, self.name, "enforce"), icon);
            }
            self.post(label, "state", icon, Some(("state", word(state))))
        })
        .collect()
    }

    fn order(&self, index: usize, count: usize) -> Vec<Act> {
        let up = (index > 0)
            .then(|| self.post(say!("policies-attachment-earlier"), "order", Icon::Up, Some(("to", "earlier"))));
        let down = (index + 1 < count)
            .then(|| self.post(say!("policies-attachment-later"), "order", Icon::Down, Some(("to", "later"))));
        up.into_iter().chain(down).collect()
    }

    /// What a replay with another order would change: decides nothing.
    fn tries(&self, all: &PoliciesShown, index: usize) -> Vec<Act> {
        let others = [
            (index.checked_sub(1), say!("policies-attachment-replay-it-earlier")),
            (
                index.checked_add(1).filter(|other| *other < all.policies.len()),
                say!("policies-attachment-replay-it-later"),
            ),
        ];
        let tried = others.into_iter().filter_map(|(other, label)| Some((other?, label)));
        tried
            .map(|(other, label)| Act::Post {
                label: label.to_owned(),
                of: self.name.to_owned(),
                action: links::replays(self.to),
                csrf_token: self.token.clone(),
                icon: Some(Icon::Compare),
                fields: replays::swapped(all, (index, other)),
            })
            .collect()
    }

    fn settings(&self) -> Vec<Act> {
        vec![Act::link(
            say!("policies-attachment-change"),
            links::attachment_act(self.to, self.name, "settings"),
            Icon::Pencil,
        )]
    }

    fn roll_back(&self) -> Vec<Act> {
        vec![self.post(say!("policies-attachment-roll-back"), "roll-back", Icon::Undo, None)]
    }

    fn detach(&self) -> Vec<Act> {
        vec![Act::link(
            say!("policies-attachment-detach"),
            links::attachment_act(self.to, self.name, "detach"),
            Icon::Trash,
        )]
    }
}

/// Settings as people read them; as they are when they are no JSON.
pub(super) fn pretty(settings: &str) -> String {
    serde_json::from_str::<serde_json::Value>(settings)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| settings.to_owned())
}
