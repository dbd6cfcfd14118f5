//! Replays: what other policy modules would have made of recorded decisions of a vault. They decide nothing; results
//! are kept, so that they can be looked at again and shown to others.

use strongroom_domain::{
    action::Action,
    admin::{Altered, ChangedAlike, Counted, MAX_REPLAYED, PoliciesShown},
    gate::Ask,
    names::VaultName,
    policy::{AttachmentState, PolicyAttachment},
    policy_replay::PolicyReplay,
};
use strongroom_web::{
    Act, Body, Cell, Choice, Fact, Field, FieldKind, Form, Icon, Panel, PanelsPage, Row, Table, Tone, say,
};
use uuid::Uuid;

use super::{AttachedTo, Modules, attachments, badge_cell, word};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, SHORT, Sent},
        frame::{Place, Viewer, without_scheme},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal},
        rendered,
        snippets::{self, Commands},
        sort, view,
    },
    message::{Request, Response},
    problem::Problem,
};

/// Decisions that are asked again when nobody says how many.
const LAST: u32 = 200;
/// The headline where the records hold no decision.
fn nothing_to_ask() -> &'static str {
    say!("policies-replays-there-was-no-decision-to")
}
/// Decisions of a group that are linked.
const SAMPLES: usize = 3;
/// What is tried of an attachment besides its states.
const ROLLED_BACK: &str = "before";
const DETACHED: &str = "detached";

fn vault(viewer: &Viewer<'_>) -> Result<VaultName, Problem> {
    VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())
}

/// What a form holds.
struct Draft {
    /// One of the words for each attachment, in order.
    states: Vec<String>,
    json: String,
    last: String,
}

impl Draft {
    /// The usual question: what if those in shadow had a say.
    fn usual(shown: &PoliciesShown) -> Self {
        let of = |state| if state == AttachmentState::Shadow { AttachmentState::Enforce } else { state };
        let states = shown.policies.iter().map(|one| word(of(one.attachment.state)).to_owned());
        Self { states: states.collect(), json: String::new(), last: LAST.to_string() }
    }

    fn of_sent(sent: &Sent, shown: &PoliciesShown) -> Self {
        let states = (0..shown.policies.len()).map(|index| sent.text(&state_field(index)).to_owned());
        Self {
            states: states.collect(),
            json: sent.secret("policies").expose().to_owned(),
            last: sent.text("last").to_owned(),
        }
    }

    /// The attachments that are to be tried.
    fn candidate(&self, shown: &PoliciesShown) -> Result<Vec<PolicyAttachment>, Refusal> {
        let json = self.json.trim();
        if !json.is_empty() {
            return serde_json::from_str(json).map_err(|error| {
                Refusal::of_field("policies", say!("policies-replays-this-is-no-list-of", error = error))
            });
        }
        let mut candidate = Vec::new();
        for (index, (attachment, state)) in attachments(shown).into_iter().zip(&self.states).enumerate() {
            let tried = match (state.as_str(), attachment.previous.clone()) {
                (DETACHED, _) => continue,
                (ROLLED_BACK, Some(before)) => PolicyAttachment {
                    module: before.module,
                    settings: before.settings,
                    state: before.state,
                    ..attachment
                },
                (text, _) => {
                    let state = super::state_of(text);
                    let state = state.ok_or_else(|| {
                        Refusal::of_field(state_field(index), say!("policies-replays-there-is-no-such-state"))
                    })?;
                    PolicyAttachment { state, ..attachment }
                }
            };
            candidate.push(tried);
        }
        Ok(candidate)
    }
}

fn state_field(index: usize) -> String {
    format!("state-{}", index + 1)
}

/// GET /vaults/{vault}/replays
///
/// # Errors
/// The gate's denial, or why the results cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let kept = viewer.services.admin.list_replays(&viewer.call.ctx, &vault).await?;
    let shown = AttachedTo::Vault(vault.clone()).read(viewer, &viewer.further()?).await.ok();
    let draft = shown.as_ref().map(Draft::usual);
    Ok(list_page(viewer, &vault, &kept, shown.as_ref().zip(draft.as_ref()), None).await)
}

/// POST /vaults/{vault}/replays
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be asked again.
pub(crate) async fn run(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let vault = vault(viewer)?;
    let shown = AttachedTo::Vault(vault.clone()).read(viewer, &viewer.further()?).await?;
    let draft = Draft::of_sent(&sent, &shown);
    let last = draft.last.parse::<usize>().ok().filter(|last| (1..=MAX_REPLAYED).contains(last));
    let last = last.ok_or_else(|| Refusal::of_field("last", say!("policies-replays-from-1-to-500-decisions")));
    let refusal = match last.and_then(|last| Ok((last, draft.candidate(&shown)?))) {
        Ok((last, candidate)) => match viewer.services.admin.replay(&viewer.call.ctx, &vault, &candidate, last).await {
            Ok(replay) => return Ok(redirect(links::replay(&vault, replay.id))),
            Err(error) => Refusal::of(error.into())?,
        },
        Err(refusal) => refusal,
    };
    let kept = viewer.services.admin.list_replays(&viewer.further()?, &vault).await?;
    Ok(list_page(viewer, &vault, &kept, Some((&shown, &draft)), Some(&refusal)).await)
}

async fn list_page(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    kept: &[PolicyReplay],
    candidate: Option<(&PoliciesShown, &Draft)>,
    refusal: Option<&Refusal>,
) -> Response {
    let place = Place::Vault(vault.clone()).below(say!("policies-replays-replays"));
    let mut offers = Offers::new(viewer, &place);
    let open = offers.open(&Ask::server(Action::PolicyReplay), say!("policies-replays-asking-decisions-again")).await;
    let (_, cannot) = offers.told();
    let mut main = vec![kept_panel(viewer, vault, kept)];
    match candidate.filter(|_| open) {
        Some((shown, draft)) => {
            let form = refusal::form(viewer, form(viewer, vault, shown, draft), refusal).await;
            main.insert(
                0,
                Panel::new(say!("policies-replays-what-if"), Body::Form(form))
                    .foot(say!("policies-replays-recorded-decisions-are-asked-again")),
            );
        }
        None if open => main.insert(
            0,
            Panel::new(
                say!("policies-replays-what-if"),
                Body::Text(vec![say!("policies-replays-what-is-attached-to-this").to_owned()]),
            ),
        ),
        None => {}
    }
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("policies-replays-what-other-policy-modules-would").to_owned()),
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands
                .server(&format!("policy replays run NAME --vault {vault} --state enforce"))
                .labelled(say!("policies-replays-ask-again")),
            commands
                .server(&format!("policy replays list --vault {vault}"))
                .labelled(say!("policies-replays-results-that-are-kept")),
            commands.curl_server("GET", &format!("/api/v1/vaults/{vault}/replays"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("policies-replays-replays-of-vault", vault = vault))
    };
    refusal::answer(&page, refusal)
}

fn form(viewer: &Viewer<'_>, vault: &VaultName, shown: &PoliciesShown, draft: &Draft) -> Form {
    let choice = |value: &str, label: &str, chosen: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        chosen: value == chosen,
    };
    let mut fields = Vec::new();
    for (index, (one, state)) in shown.policies.iter().zip(&draft.states).enumerate() {
        let mut choices = vec![
            choice("enforce", say!("policies-replays-enforced"), state),
            choice("shadow", say!("policies-replays-in-shadow-no-say"), state),
            choice("off", say!("policies-replays-off"), state),
            choice(DETACHED, say!("policies-replays-not-attached"), state),
        ];
        if one.attachment.previous.is_some() {
            choices.insert(3, choice(ROLLED_BACK, say!("policies-replays-as-before-its-last-change"), state));
        }
        let field = Field::new(&state_field(index), &one.attachment.name, FieldKind::Choice(choices));
        fields.push(field.required().hint(say!("policies-replays-now-state", state = word(one.attachment.state))));
    }
    fields.push(
        Field::code("policies", say!("policies-replays-or-all-attachments-json"), draft.json.as_str(), 4)
            .hint(say!("policies-replays-in-place-of-what-is")),
    );
    let most = u32::try_from(MAX_REPLAYED).unwrap_or(LAST);
    let last = FieldKind::Number { value: draft.last.clone(), min: 1, max: most };
    fields.push(Field::new("last", say!("policies-replays-newest-decisions"), last).required());
    Form {
        action: links::in_vault(vault, "replays", &[]),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("policies-replays-ask-them-again").to_owned(),
        ..Form::default()
    }
}

fn kept_panel(viewer: &Viewer<'_>, vault: &VaultName, kept: &[PolicyReplay]) -> Panel {
    let row = |replay: &PolicyReplay| {
        let Counted { newly_allowed, newly_denied, .. } = &replay.counted;
        Row::new(vec![
            Cell::When {
                moment: view::moment_millis(replay.at),
                href: Some(links::replay(vault, replay.id)),
                small: Some(replay.by.subject.clone()),
            },
            Cell::text(tried(replay)),
            Cell::text(view::grouped(replay.replayed)),
            changed(Tone::Bad, Icon::Ban, *newly_denied, say!("policies-replays-would-be-denied")),
            changed(Tone::Good, Icon::Check, *newly_allowed, say!("policies-replays-would-be-allowed")),
        ])
    };
    if kept.is_empty() {
        return Panel::new(
            say!("policies-replays-results"),
            Body::Text(vec![say!("policies-replays-nothing-was-asked-again-yet").to_owned()]),
        );
    }
    let rows = kept.iter().map(row).collect();
    let columns = [
        say!("policies-replays-when"),
        say!("policies-replays-tried"),
        say!("policies-replays-decisions"),
        say!("policies-replays-newly-denied"),
        say!("policies-replays-newly-allowed"),
    ];
    let own = Some(say!("policies-replays-newest-first-of-50-kept"));
    sort::panel(viewer, say!("policies-replays-results"), "results", Table::new(&columns, rows), own)
}

fn changed(tone: Tone, icon: Icon, count: u64, words: &str) -> Cell {
    if count == 0 {
        Cell::None(say!("policies-replays-none").to_owned())
    } else {
        Cell::badge(tone, icon, &format!("{} {words}", view::grouped(count)))
    }
}

/// `two-person enforce, geo-fence shadow`.
fn tried(PolicyReplay { candidate, everywhere, .. }: &PolicyReplay) -> String {
    let told = match candidate.is_empty() {
        true => say!("policies-replays-none-attached").to_owned(),
        false => candidate.iter().map(|one| format!("{} {}", one.name, word(one.state))).collect::<Vec<_>>().join(", "),
    };
    if *everywhere { say!("policies-replays-to-all-vaults-told", told = told) } else { told }
}

/// GET /vaults/{vault}/replays/{id}
///
/// # Errors
/// The gate's denial, or why the result cannot be read.
pub(crate) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = vault(viewer)?;
    let id = Uuid::try_parse(viewer.call.parameter(1)).map_err(|_| Problem::no_route())?;
    let replay = viewer.services.admin.show_replay(&viewer.call.ctx, &vault, id).await?;
    let modules = Modules::told(viewer).await;
    let PolicyReplay { counted, replayed, .. } = &replay;
    let mut notices = Vec::new();
    if counted.cut {
        notices.push(say!("policies-replays-time-was-up-before-all").to_owned());
    }
    if counted.indeterminate > 0 {
        let count = view::grouped(counted.indeterminate);
        notices.push(say!("policies-replays-of-count-it-cannot-be", count = count));
    }
    let reviews = viewer.may(&Ask::server(Action::PolicyReplayReview)).await;
    let commands = Commands::of_installation(viewer.services);
    let place = Place::Vault(vault.clone()).below(say!("policies-replays-replay"));
    let page = PanelsPage {
        lead: Some(say!("policies-replays-replay-on-the-newest-decisions", replay = tried(&replay), vault = vault)),
        acts: vec![Act::link(
            say!("policies-replays-all-replays"),
            links::in_vault(&vault, "replays", &[]),
            Icon::Records,
        )],
        notices,
        main: vec![groups(viewer, &vault, &replay, reviews), candidate_panel(&replay, &modules)],
        aside: vec![
            Panel::new(
                say!("policies-replays-result"),
                Body::Facts(vec![
                    Fact::text(say!("policies-replays-asked-again"), view::grouped(*replayed)),
                    fact(
                        say!("policies-replays-newly-denied"),
                        changed(Tone::Bad, Icon::Ban, counted.newly_denied, say!("policies-replays-would-be-denied")),
                    ),
                    fact(
                        say!("policies-replays-newly-allowed"),
                        changed(
                            Tone::Good,
                            Icon::Check,
                            counted.newly_allowed,
                            say!("policies-replays-would-be-allowed"),
                        ),
                    ),
                    Fact::text(say!("policies-replays-cannot-be-told"), view::grouped(counted.indeterminate)),
                    Fact::text(say!("policies-replays-records-that-are-no-decisions"), view::grouped(counted.left_out)),
                    Fact::moment(say!("policies-replays-when"), Some(view::moment_millis(replay.at)), ""),
                    fact(
                        say!("policies-replays-by"),
                        Cell::Text {
                            text: replay.by.subject.clone(),
                            small: Some(without_scheme(&replay.by.issuer).to_owned()),
                        },
                    ),
                    Fact::text(say!("policies-replays-compared-with-revision"), replay.settings_revision.to_string()),
                ]),
            ),
            snippets::panel(vec![
                commands.server(&format!("policy replays show {id} --vault {vault}")),
                commands
                    .server(&format!("policy replays review {id} --vault {vault} --group 1"))
                    .labelled(say!("policies-replays-review")),
                commands.curl_server("GET", &format!("/api/v1/vaults/{vault}/replays/{id}"), None),
            ]),
        ],
        ..PanelsPage::new(viewer.shell(&place).await, headline(counted, *replayed))
    };
    Ok(rendered(200, page.render()))
}

fn fact(name: &str, value: Cell) -> Fact {
    Fact { name: name.to_owned(), value }
}

fn headline(counted: &Counted, replayed: u64) -> String {
    let changed = counted.newly_allowed.saturating_add(counted.newly_denied);
    let told = replayed.saturating_sub(counted.indeterminate);
    if replayed == 0 {
        let why = if counted.cut { say!("policies-replays-time-was-up-before-any") } else { nothing_to_ask() };
        return why.to_owned();
    }
    if told == 0 {
        return say!("policies-replays-of-none-of-replayed-decisions", replayed = view::grouped(replayed));
    }
    let how_many = if changed == 0 { "none".to_owned() } else { view::grouped(changed) };
    let which = match (counted.indeterminate, counted.cut) {
        (0, false) => "",
        (0, true) => say!("policies-replays-that-were-asked-again"),
        (_, false) => say!("policies-replays-that-can-be-told"),
        (_, true) => say!("policies-replays-that-were-asked-again-and"),
    };
    say!("policies-replays-it-would-change-how-many", how_many = how_many, told = view::grouped(told), which = which)
}

fn groups(viewer: &Viewer<'_>, vault: &VaultName, replay: &PolicyReplay, reviews: bool) -> Panel {
    fn title() -> &'static str {
        say!("policies-replays-what-would-change")
    }
    let groups = &replay.counted.groups;
    if groups.is_empty() {
        return Panel::new(title(), Body::Text(vec![say!("policies-replays-nothing-that-can-be-told").to_owned()]));
    }
    let row = |(index, group): (usize, &ChangedAlike)| {
        let (tone, icon, word) = match group.altered {
            Altered::NewlyDenied => (Tone::Shadow, Icon::Ban, say!("policies-replays-would-deny")),
            Altered::NewlyAllowed => (Tone::Shadow, Icon::Check, say!("policies-replays-would-allow")),
            Altered::Indeterminate => (Tone::Planned, Icon::Unknown, say!("policies-replays-cannot-be-told")),
        };
        let samples = group.samples.iter().take(SAMPLES).map(|id| {
            let digits: String = id.simple().to_string().chars().rev().take(6).collect();
            let label = format!("…{}", digits.chars().rev().collect::<String>());
            Act::link(&label, links::why(*id), Icon::Records)
        });
        Row::new(vec![
            Cell::badge(tone, icon, word),
            Cell::Text { text: group.principal.clone(), small: Some(group.operation.clone()) },
            Cell::text(group.object.clone()),
            Cell::Code(group.reason.clone()),
            Cell::text(view::grouped(group.count)),
            Cell::Acts(samples.collect()),
            reviewed(viewer, vault, replay, (index + 1, group), reviews),
        ])
    };
    let rows = groups.iter().enumerate().map(row).collect();
    let table = Table::new(&["Change", "Who", "Object", "Reason", "Count", "Decisions", "Review"], rows);
    let told = replay.reviewed();
    let done = told.groups.saturating_sub(told.open);
    let note = if groups.len() == 1 {
        say!("policies-replays-one-group", done = done)
    } else {
        say!("policies-replays-groups-groups-the-largest-first", groups = groups.len(), done = done)
    };
    sort::panel(viewer, title(), "changes", table, Some(&note))
}

/// Who looked at a group and when, or the button that says so of oneself.
fn reviewed(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    replay: &PolicyReplay,
    (number, group): (usize, &ChangedAlike),
    reviews: bool,
) -> Cell {
    match replay.review_of(number) {
        Some(review) => {
            Cell::When { moment: view::moment_millis(review.at), href: None, small: Some(review.by.subject.clone()) }
        }
        None if reviews => Cell::Acts(vec![Act::Post {
            label: say!("policies-replays-mark-as-reviewed").to_owned(),
            of: format!("{} {} {}", group.principal, group.operation, group.object),
            action: links::in_vault(vault, &format!("replays/{}/review", replay.id), &[]),
            csrf_token: viewer.form_token(),
            icon: Some(Icon::Check),
            fields: vec![("group".to_owned(), number.to_string())],
        }]),
        None => Cell::None(say!("policies-replays-not-reviewed").to_owned()),
    }
}

/// POST /vaults/{vault}/replays/{id}/review: one has looked at what would change alike.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why it cannot be written.
pub(crate) async fn review(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let vault = vault(viewer)?;
    let id = Uuid::try_parse(viewer.call.parameter(1)).map_err(|_| Problem::no_route())?;
    let group: usize = sent.number("group", say!("policies-replays-the-group"))?;
    viewer.services.admin.review_replay(&viewer.call.ctx, &vault, id, &[group]).await?;
    Ok(redirect(links::replay(&vault, id)))
}

fn candidate_panel(PolicyReplay { candidate, everywhere, .. }: &PolicyReplay, modules: &Modules) -> Panel {
    let row = |(index, one): (usize, &PolicyAttachment)| {
        Row::new(vec![
            Cell::Text {
                text: one.name.clone(),
                small: Some(say!("policies-replays-number-index", index = index + 1)),
            },
            badge_cell(one.state, None),
            modules.cell(&one.module),
            Cell::Code(one.settings.clone()),
        ])
    };
    let rows: Vec<Row> = candidate.iter().enumerate().map(row).collect();
    let body = match rows.is_empty() {
        true if *everywhere => Body::Text(vec![say!("policies-replays-no-module-of-all-vaults").to_owned()]),
        true => Body::Text(vec![say!("policies-replays-no-module-of-the-vaults").to_owned()]),
        false => Body::Table(Table::new(&["Attachment", "State", "Module", "Settings"], rows)),
    };
    let place =
        if *everywhere { say!("policies-replays-to-all-vaults") } else { say!("policies-replays-to-the-vault") };
    Panel::new(say!("policies-replays-what-was-tried"), body)
        .note(say!("policies-replays-in-place-of-what-was", place = place))
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
