//! Replays: what other policy modules would have made of recorded decisions of a vault. They decide nothing; results
//! are kept, so that they can be looked at again and shown to others.

use strongroom_domain::{
    action::Action,
    admin::{Counted, MAX_REPLAYED, PoliciesShown},
    gate::Ask,
    policy::{AttachmentState, PolicyAttachment},
    policy_replay::PolicyReplay,
    vault::MAX_ATTACHMENTS,
};
use strongroom_web::{Act, Body, Cell, Choice, Field, FieldKind, Form, Icon, Panel, PanelsPage, Row, Table, Tone, say};

use super::{AttachedTo, attachments, word};
use crate::{
    dashboard::{
        Failure,
        form::{LONG, Sent},
        frame::{Place, Viewer},
        links,
        offers::Offers,
        redirect,
        refusal::{self, Refusal},
        snippets::{self, Commands},
        sort, view,
    },
    message::{Request, Response},
    problem::Problem,
};

/// Decisions that are asked again when nobody says how many.
const LAST: u32 = 200;
/// What is tried of an attachment besides its states.
const ROLLED_BACK: &str = "before";
const DETACHED: &str = "detached";

/// Whose decisions are asked again: those of a vault with other modules of its own, or those of all vaults with others of
/// all.
pub(super) fn whose(viewer: &Viewer<'_>) -> Result<AttachedTo, Problem> {
    AttachedTo::parse(viewer.call.parameter(0)).ok_or_else(Problem::no_route)
}

/// A page of them.
pub(super) fn place(of: &AttachedTo, title: &str) -> Place {
    match of {
        AttachedTo::Vault(vault) => Place::Vault(vault.clone()).below(title),
        AttachedTo::Everywhere => Place::Policies.below(title),
    }
}

/// What the form sends that asks again with two attachments in each other's place.
pub(super) fn swapped(all: &PoliciesShown, (one, other): (usize, usize)) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for (index, shown) in all.policies.iter().enumerate() {
        let place = if index == one {
            other
        } else if index == other {
            one
        } else {
            index
        };
        fields.push((state_field(index), word(shown.attachment.state).to_owned()));
        fields.push((place_field(index), (place + 1).to_string()));
    }
    fields.push(("last".to_owned(), LAST.to_string()));
    fields
}

/// What a form holds.
struct Draft {
    /// One of the words for each attachment, in order.
    states: Vec<String>,
    /// Where each of them is asked, from 1.
    places: Vec<String>,
    json: String,
    last: String,
}

impl Draft {
    /// The usual question: what if those in shadow had a say.
    fn usual(shown: &PoliciesShown) -> Self {
        let of = |state| if state == AttachmentState::Shadow { AttachmentState::Enforce } else { state };
        let states = shown.policies.iter().map(|one| word(of(one.attachment.state)).to_owned());
        let places = (1..=shown.policies.len()).map(|place| place.to_string()).collect();
        Self { states: states.collect(), places, json: String::new(), last: LAST.to_string() }
    }

    fn of_sent(sent: &Sent, shown: &PoliciesShown) -> Self {
        let states = (0..shown.policies.len()).map(|index| sent.text(&state_field(index)).to_owned());
        let places = (0..shown.policies.len())
            .map(|index| sent.given(&place_field(index)).unwrap_or_else(|| (index + 1).to_string()));
        Self {
            states: states.collect(),
            places: places.collect(),
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
        let drafted = self.states.iter().zip(&self.places);
        for (index, (attachment, (state, place))) in attachments(shown).into_iter().zip(drafted).enumerate() {
            let place = place.parse::<usize>().ok().filter(|place| (1..=MAX_ATTACHMENTS).contains(place));
            let place = place
                .ok_or_else(|| Refusal::of_field(place_field(index), say!("policies-replays-a-place-is-a-number")))?;
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
            candidate.push((place, tried));
        }
        candidate.sort_by_key(|(place, _)| *place);
        Ok(candidate.into_iter().map(|(_, tried)| tried).collect())
    }
}

fn place_field(index: usize) -> String {
    format!("place-{}", index + 1)
}

fn state_field(index: usize) -> String {
    format!("state-{}", index + 1)
}

/// GET /vaults/{vault}/replays
///
/// # Errors
/// The gate's denial, or why the results cannot be read.
pub(crate) async fn list(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let of = whose(viewer)?;
    let kept = viewer.services.admin.list_replays(&viewer.call.ctx, of.vault()).await?;
    let shown = of.read(viewer, &viewer.further()?).await.ok();
    let draft = shown.as_ref().map(Draft::usual);
    Ok(list_page(viewer, &of, &kept, shown.as_ref().zip(draft.as_ref()), None).await)
}

/// POST /vaults/{vault}/replays
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be asked again.
pub(crate) async fn run(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let of = whose(viewer)?;
    let shown = of.read(viewer, &viewer.further()?).await?;
    let draft = Draft::of_sent(&sent, &shown);
    let last = draft.last.parse::<usize>().ok().filter(|last| (1..=MAX_REPLAYED).contains(last));
    let last = last.ok_or_else(|| Refusal::of_field("last", say!("policies-replays-from-1-to-500-decisions")));
    let refusal = match last.and_then(|last| Ok((last, draft.candidate(&shown)?))) {
        Ok((last, candidate)) => {
            let (admin, ctx) = (&viewer.services.admin, &viewer.call.ctx);
            let made = match &of {
                AttachedTo::Everywhere => admin.replay_everywhere(ctx, of.vault(), &candidate, last).await,
                AttachedTo::Vault(vault) => admin.replay(ctx, vault, &candidate, last).await,
            };
            match made {
                Ok(replay) => return Ok(redirect(links::replay(&of, replay.id))),
                Err(error) => Refusal::of(error.into())?,
            }
        }
        Err(refusal) => refusal,
    };
    let kept = viewer.services.admin.list_replays(&viewer.further()?, of.vault()).await?;
    Ok(list_page(viewer, &of, &kept, Some((&shown, &draft)), Some(&refusal)).await)
}

async fn list_page(
    viewer: &Viewer<'_>,
    of: &AttachedTo,
    kept: &[PolicyReplay],
    candidate: Option<(&PoliciesShown, &Draft)>,
    refusal: Option<&Refusal>,
) -> Response {
    let place = place(of, say!("policies-replays-replays"));
    let mut offers = Offers::new(viewer, &place);
    let open = offers.open(&Ask::server(Action::PolicyReplay), say!("policies-replays-asking-decisions-again")).await;
    if let AttachedTo::Vault(_) = of {
        let all = links::replays(&AttachedTo::Everywhere);
        let all = Act::link(say!("policies-replays-modules-of-all-vaults"), all, Icon::Module);
        offers.offer(&Ask::server(Action::PolicyRead), all).await;
    }
    let (acts, cannot) = offers.told();
    let mut main = vec![kept_panel(viewer, of, kept)];
    match candidate.filter(|_| open) {
        Some((shown, draft)) => {
            let form = refusal::form(viewer, form(viewer, of, shown, draft), refusal).await;
            main.insert(
                0,
                Panel::new(say!("policies-replays-what-if"), Body::Form(form)).note(of.title()).foot(match of {
                    AttachedTo::Everywhere => say!("policies-replays-in-place-of-those-of-all"),
                    AttachedTo::Vault(_) => say!("policies-replays-recorded-decisions-are-asked-again"),
                }),
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
    let option = of.option();
    let page = PanelsPage {
        lead: Some(say!("policies-replays-what-other-policy-modules-would").to_owned()),
        acts,
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands
                .server(&format!("policy replays run NAME {option} --state enforce"))
                .labelled(say!("policies-replays-ask-again")),
            commands
                .server(&format!("policy replays list {option}"))
                .labelled(say!("policies-replays-results-that-are-kept")),
            commands.curl_server("GET", &format!("/api/v1/vaults/{}/replays", of.segment()), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("policies-replays-replays-of-vault", vault = of.title()))
    };
    refusal::answer(&page, refusal)
}

fn form(viewer: &Viewer<'_>, of: &AttachedTo, shown: &PoliciesShown, draft: &Draft) -> Form {
    let choice = |value: &str, label: &str, chosen: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        chosen: value == chosen,
    };
    let mut fields = Vec::new();
    let drafted = draft.states.iter().zip(&draft.places);
    for (index, (one, (state, place))) in shown.policies.iter().zip(drafted).enumerate() {
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
        if shown.policies.len() > 1 {
            let max = u32::try_from(MAX_ATTACHMENTS).unwrap_or(u32::MAX);
            let kind = FieldKind::Number { value: place.clone(), min: 1, max };
            let label = say!("policies-replays-place-of-name", name = one.attachment.name);
            fields.push(Field::new(&place_field(index), &label, kind).required());
        }
    }
    fields.push(
        Field::code("policies", say!("policies-replays-or-all-attachments-json"), draft.json.as_str(), 4)
            .hint(say!("policies-replays-in-place-of-what-is")),
    );
    let most = u32::try_from(MAX_REPLAYED).unwrap_or(LAST);
    let last = FieldKind::Number { value: draft.last.clone(), min: 1, max: most };
    fields.push(Field::new("last", say!("policies-replays-newest-decisions"), last).required());
    Form {
        action: links::replays(of),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: say!("policies-replays-ask-them-again").to_owned(),
        ..Form::default()
    }
}

fn kept_panel(viewer: &Viewer<'_>, of: &AttachedTo, kept: &[PolicyReplay]) -> Panel {
    let row = |replay: &PolicyReplay| {
        let Counted { newly_allowed, newly_denied, .. } = &replay.counted;
        Row::new(vec![
            Cell::When {
                moment: view::moment_millis(replay.at),
                href: Some(links::replay(of, replay.id)),
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
    let table = Table::new(&["When", "Tried", "Decisions", "Newly denied", "Newly allowed"], rows);
    let own = Some(say!("policies-replays-newest-first-of-50-kept"));
    sort::panel(viewer, say!("policies-replays-results"), "results", table, own)
}

pub(super) fn changed(tone: Tone, icon: Icon, count: u64, words: &str) -> Cell {
    if count == 0 {
        Cell::None(say!("policies-replays-none").to_owned())
    } else {
        Cell::badge(tone, icon, &format!("{} {words}", view::grouped(count)))
    }
}

/// `two-person enforce, geo-fence shadow`.
pub(super) fn tried(PolicyReplay { candidate, everywhere, .. }: &PolicyReplay) -> String {
    let told = match candidate.is_empty() {
        true => say!("policies-replays-none-attached").to_owned(),
        false => candidate.iter().map(|one| format!("{} {}", one.name, word(one.state))).collect::<Vec<_>>().join(", "),
    };
    if *everywhere { say!("policies-replays-to-all-vaults-told", told = told) } else { told }
}
