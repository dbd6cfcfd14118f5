//! GET /vaults/{vault}/replays/{id}: what one replay found, group by group, and who looked at it. It decided nothing.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    admin::{Altered, ChangedAlike, Counted},
    gate::Ask,
    policy::PolicyAttachment,
    policy_replay::PolicyReplay,
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Table, Tone, say};
use uuid::Uuid;

use super::{
    AttachedTo, Modules, badge_cell,
    replays::{changed, place, tried, whose},
};
use crate::{
    dashboard::{
        Failure, audit,
        form::{SHORT, Sent},
        frame::{Viewer, without_scheme},
        links, redirect, rendered,
        snippets::{self, Commands},
        sort, view,
    },
    message::{Request, Response},
    problem::Problem,
};

/// Decisions of a group that are linked.
const SAMPLES: usize = 3;

/// The headline where the records hold no decision.
fn nothing_to_ask() -> &'static str {
    say!("policies-replay-there-was-no-decision-to")
}

/// GET /vaults/{vault}/replays/{id}
///
/// # Errors
/// The gate's denial, or why the result cannot be read.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let of = whose(viewer)?;
    let id = Uuid::try_parse(viewer.call.parameter(1)).map_err(|_| Problem::no_route())?;
    let replay = viewer.services.admin.show_replay(&viewer.call.ctx, of.vault(), id).await?;
    let modules = Modules::told(viewer).await;
    let PolicyReplay { counted, replayed, .. } = &replay;
    let mut notices = Vec::new();
    if counted.cut {
        notices.push(say!("policies-replay-time-was-up-before-all").to_owned());
    }
    if counted.indeterminate > 0 {
        let count = view::grouped(counted.indeterminate);
        notices.push(say!("policies-replay-of-count-it-cannot-be", count = count));
    }
    let reviews = viewer.may(&Ask::server(Action::PolicyReplayReview)).await;
    let who: Vec<_> = counted.groups.iter().filter_map(|group| audit::principal_of(&group.principal)).collect();
    let names = audit::names_of(viewer, &who.iter().collect::<Vec<_>>()).await;
    let commands = Commands::of_installation(viewer.services);
    let (place, option) = (place(&of, say!("policies-replay-replay")), of.option());
    let page = PanelsPage {
        lead: Some(say!("policies-replay-replay-on-the-newest-decisions", replay = tried(&replay), vault = of.title())),
        acts: vec![Act::link(say!("policies-replay-all-replays"), links::replays(&of), Icon::Records)],
        notices,
        main: vec![
            matrix(counted, *replayed),
            groups(viewer, &of, &replay, reviews, &names),
            candidate_panel(&replay, &modules),
        ],
        aside: vec![
            Panel::new(
                say!("policies-replay-result"),
                Body::Facts(vec![
                    Fact::text(say!("policies-replay-asked-again"), view::grouped(*replayed)),
                    Fact::text(say!("policies-replay-cannot-be-told"), view::grouped(counted.indeterminate)),
                    Fact::text(say!("policies-replay-records-that-are-no-decisions"), view::grouped(counted.left_out)),
                    Fact::moment(say!("policies-replays-when"), Some(view::moment_millis(replay.at)), ""),
                    fact(
                        say!("policies-replay-by"),
                        Cell::Text {
                            text: replay.by.subject.clone(),
                            small: Some(without_scheme(&replay.by.issuer).to_owned()),
                        },
                    ),
                    Fact::text(say!("policies-replay-compared-with-revision"), replay.settings_revision.to_string()),
                ]),
            ),
            snippets::panel(vec![
                commands.server(&format!("policy replays show {id} {option}")),
                commands
                    .server(&format!("policy replays review {id} {option} --group 1"))
                    .labelled(say!("policies-replay-review")),
                commands.curl_server("GET", &format!("/api/v1/vaults/{}/replays/{id}", of.segment()), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline(counted, *replayed))
    };
    Ok(rendered(200, page.render()))
}

/// What becomes of what was allowed, and of what was denied.
fn matrix(counted: &Counted, replayed: u64) -> Panel {
    let Counted { newly_allowed, newly_denied, indeterminate, stay_allowed, stay_denied, .. } = counted;
    let altered = newly_allowed.saturating_add(*newly_denied).saturating_add(*indeterminate);
    // Results of earlier releases do not tell what stays.
    let known = stay_allowed.saturating_add(*stay_denied) == replayed.saturating_sub(altered);
    let stays = |count: u64, words: &str| match known {
        true => Cell::Text { text: view::grouped(count), small: Some(words.to_owned()) },
        false => Cell::None(say!("policies-replay-not-known").to_owned()),
    };
    let rows = vec![
        Row::new(vec![
            Cell::text(say!("policies-replay-allowed-now")),
            stays(*stay_allowed, say!("policies-replay-stay-allowed")),
            changed(Tone::Bad, Icon::Ban, *newly_denied, say!("policies-replay-newly-denied")),
        ]),
        Row::new(vec![
            Cell::text(say!("policies-replay-denied-now")),
            changed(Tone::Good, Icon::Check, *newly_allowed, say!("policies-replay-newly-allowed")),
            stays(*stay_denied, say!("policies-replay-stay-denied")),
        ]),
    ];
    let table = Table::new(&["Now", "With it allowed", "With it denied"], rows);
    Panel::new(say!("policies-replay-what-becomes-of-them"), Body::Table(table))
}

fn fact(name: &str, value: Cell) -> Fact {
    Fact { name: name.to_owned(), value }
}

fn headline(counted: &Counted, replayed: u64) -> String {
    let changed = counted.newly_allowed.saturating_add(counted.newly_denied);
    let told = replayed.saturating_sub(counted.indeterminate);
    if replayed == 0 {
        let why = if counted.cut { say!("policies-replay-time-was-up-before-any") } else { nothing_to_ask() };
        return why.to_owned();
    }
    if told == 0 {
        return say!("policies-replay-of-none-of-replayed-decisions", replayed = view::grouped(replayed));
    }
    let how_many = if changed == 0 { "none".to_owned() } else { view::grouped(changed) };
    let which = match (counted.indeterminate, counted.cut) {
        (0, false) => "",
        (0, true) => say!("policies-replay-that-were-asked-again"),
        (_, false) => say!("policies-replay-that-can-be-told"),
        (_, true) => say!("policies-replay-that-were-asked-again-and"),
    };
    say!("policies-replay-it-would-change-how-many", how_many = how_many, told = view::grouped(told), which = which)
}

fn groups(
    viewer: &Viewer<'_>,
    of: &AttachedTo,
    replay: &PolicyReplay,
    reviews: bool,
    names: &BTreeMap<Uuid, String>,
) -> Panel {
    fn title() -> &'static str {
        say!("policies-replay-what-would-change")
    }
    let groups = &replay.counted.groups;
    if groups.is_empty() {
        return Panel::new(title(), Body::Text(vec![say!("policies-replay-nothing-that-can-be-told").to_owned()]));
    }
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let row = |(index, group): (usize, &ChangedAlike)| {
        let (tone, icon, word) = match group.altered {
            Altered::NewlyDenied => (Tone::Shadow, Icon::Ban, say!("policies-replay-would-deny")),
            Altered::NewlyAllowed => (Tone::Shadow, Icon::Check, say!("policies-replay-would-allow")),
            Altered::Indeterminate => (Tone::Planned, Icon::Unknown, say!("policies-replay-cannot-be-told")),
        };
        let samples = group.samples.iter().take(SAMPLES).map(|id| {
            let digits: String = id.simple().to_string().chars().rev().take(6).collect();
            let label = format!("…{}", digits.chars().rev().collect::<String>());
            Act::link(&label, links::why(*id), Icon::Records)
        });
        Row::new(vec![
            Cell::badge(tone, icon, word),
            Cell::Text {
                text: audit::principal_words(&group.principal, own_issuer, names),
                small: Some(group.operation.clone()),
            },
            Cell::text(group.object.clone()),
            Cell::Code(group.reason.clone()),
            Cell::text(view::grouped(group.count)),
            Cell::Acts(samples.collect()),
            reviewed(viewer, of, replay, (index + 1, group), reviews),
        ])
    };
    let rows = groups.iter().enumerate().map(row).collect();
    let table = Table::new(&["Change", "Who", "Object", "Reason", "Count", "Decisions", "Review"], rows);
    let told = replay.reviewed();
    let done = told.groups.saturating_sub(told.open);
    let note = if groups.len() == 1 {
        say!("policies-replay-one-group", done = done)
    } else {
        say!("policies-replay-groups-groups-the-largest-first", groups = groups.len(), done = done)
    };
    sort::panel(viewer, title(), "changes", table, Some(&note))
}

/// Who looked at a group and when, or the button that says so of oneself.
fn reviewed(
    viewer: &Viewer<'_>,
    of: &AttachedTo,
    replay: &PolicyReplay,
    (number, group): (usize, &ChangedAlike),
    reviews: bool,
) -> Cell {
    match replay.review_of(number) {
        Some(review) => {
            Cell::When { moment: view::moment_millis(review.at), href: None, small: Some(review.by.subject.clone()) }
        }
        None if reviews => Cell::Acts(vec![Act::Post {
            label: say!("policies-replay-mark-as-reviewed").to_owned(),
            of: format!("{} {} {}", group.principal, group.operation, group.object),
            action: format!("{}/review", links::replay(of, replay.id)),
            csrf_token: viewer.form_token(),
            icon: Some(Icon::Check),
            fields: vec![("group".to_owned(), number.to_string())],
        }]),
        None => Cell::None(say!("policies-replay-not-reviewed").to_owned()),
    }
}

/// POST /vaults/{vault}/replays/{id}/review: one has looked at what would change alike.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why it cannot be written.
pub(crate) async fn review(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let of = whose(viewer)?;
    let id = Uuid::try_parse(viewer.call.parameter(1)).map_err(|_| Problem::no_route())?;
    let group: usize = sent.number("group", say!("policies-replay-the-group"))?;
    viewer.services.admin.review_replay(&viewer.call.ctx, of.vault(), id, &[group]).await?;
    Ok(redirect(links::replay(&of, id)))
}

fn candidate_panel(PolicyReplay { candidate, everywhere, .. }: &PolicyReplay, modules: &Modules) -> Panel {
    let row = |(index, one): (usize, &PolicyAttachment)| {
        Row::new(vec![
            Cell::Text { text: one.name.clone(), small: Some(say!("policies-replay-number-index", index = index + 1)) },
            badge_cell(one.state, None),
            modules.cell(&one.module),
            Cell::Code(one.settings.clone()),
        ])
    };
    let rows: Vec<Row> = candidate.iter().enumerate().map(row).collect();
    let body = match rows.is_empty() {
        true if *everywhere => Body::Text(vec![say!("policies-replay-no-module-of-all-vaults").to_owned()]),
        true => Body::Text(vec![say!("policies-replay-no-module-of-the-vaults").to_owned()]),
        false => Body::Table(Table::new(&["Attachment", "State", "Module", "Settings"], rows)),
    };
    let place = if *everywhere { say!("policies-replay-to-all-vaults") } else { say!("policies-replay-to-the-vault") };
    Panel::new(say!("policies-replay-what-was-tried"), body)
        .note(say!("policies-replay-in-place-of-what-was", place = place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_and_what_was_not_reached_is_not_said_to_stay() {
        let of = |newly_denied, indeterminate, cut| Counted { newly_denied, indeterminate, cut, ..Counted::default() };
        for (counted, replayed, expected) in [
            (of(0, 0, false), 0, "There was no decision to ask again"),
            (of(0, 0, true), 0, "Time was up before any decision was asked again"),
            (of(0, 0, false), 200, "It would change none of 200 decisions"),
            (of(3, 0, false), 200, "It would change 3 of 200 decisions"),
            (of(0, 200, false), 200, "Of none of 200 decisions it can be told"),
            (of(0, 150, false), 200, "It would change none of 50 decisions that can be told"),
            (of(1, 0, true), 20, "It would change 1 of 20 decisions that were asked again"),
            (of(1, 5, true), 20, "It would change 1 of 15 decisions that were asked again and can be told"),
        ] {
            assert_eq!(headline(&counted, replayed), expected);
        }
    }
}
