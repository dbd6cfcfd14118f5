//! What waits for other people's approval in a vault: who asks for what, and granting or refusing it.
//!
//! Nobody answers their own request: the use case refuses it, and the page does not offer it.

use strongroom_domain::{
    action::Action,
    admin::ApprovalsShown,
    approval::{ApprovalRequest, ApprovalState, Verdict},
    gate::Ask,
    names::VaultName,
    principal::PrincipalId,
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Tone, say};
use uuid::Uuid;

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::{Place, Viewer, without_scheme},
    links,
    offers::Offers,
    redirect, rendered,
    snippets::{self, Commands},
    view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// A shorter time for which somebody may agree, in seconds.
const AN_HOUR: u32 = 3600;

/// GET /vaults/{vault}/approvals
///
/// # Errors
/// The gate's denial, or why the requests cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let shown = viewer.services.admin.list_approvals(&viewer.call.ctx, &vault).await?;
    let place = Place::Approvals(vault.clone());
    let mut offers = Offers::new(viewer, &place);
    let open = offers.open(&Ask::vault(Action::ApprovalDecide, &vault), say!("approvals-answering-requests")).await;
    let (_, cannot) = offers.told();
    let now = viewer.now();
    let mut requests: Vec<&ApprovalRequest> = shown.requests.iter().collect();
    // What waits for somebody comes first, and of that what ends first.
    requests.sort_by_key(|request| (request.state(now) != ApprovalState::Waiting, request.ends));
    let waiting = requests.iter().filter(|request| request.state(now) == ApprovalState::Waiting).count();
    let headline = match waiting {
        0 => say!("approvals-nothing-waits-for-approval-in", vault = vault),
        1 => say!("approvals-one-request-waits-for-approval", vault = vault),
        count => say!("approvals-count-requests-wait-for-approval", count = count, vault = vault),
    };
    let mut main: Vec<Panel> = requests.iter().map(|request| panel(viewer, &vault, &shown, request, open)).collect();
    if main.is_empty() {
        main.push(Panel::new(
            say!("approvals-requests"),
            Body::Empty {
                headline: say!("approvals-nobody-asks-for-anything").to_owned(),
                text: say!("approvals-a-policy-module-that-wants").to_owned(),
                command: None,
            },
        ));
    }
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        lead: Some(say!("approvals-each-is-for-one-person").to_owned()),
        cannot,
        main,
        aside: vec![snippets::panel(vec![
            commands.server(&format!("approval list --vault {vault}")),
            commands.server(&format!("approval grant ID --vault {vault}")).labelled(say!("approvals-grant")),
            commands.server(&format!("approval refuse ID --vault {vault}")).labelled(say!("approvals-refuse")),
            commands.curl_server("GET", &format!("/api/v1/vaults/{vault}/approvals"), None),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// One request: who asks for what, who said what to it, and what can be said.
fn panel(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    shown: &ApprovalsShown,
    request: &ApprovalRequest,
    open: bool,
) -> Panel {
    let now = viewer.now();
    let subject = &request.subject;
    let who = |id: &PrincipalId| called(viewer, shown, id);
    let state = request.state(now);
    let (tone, icon, word) = match state {
        ApprovalState::Waiting => (Tone::Planned, Icon::Hourglass, say!("approvals-waits")),
        ApprovalState::Granted => (Tone::Good, Icon::Check, say!("approvals-granted")),
        ApprovalState::Refused => (Tone::Bad, Icon::Ban, say!("approvals-refused")),
    };
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let object = match (&subject.name, &subject.version) {
        (Some(name), Some(version)) => {
            say!("approvals-kind-name-version-version", kind = subject.kind.as_str(), name = name, version = version)
        }
        (Some(name), None) => format!("{} {name}", subject.kind.as_str()),
        (None, _) => format!("{vault}, {}", subject.kind.as_str()),
    };
    let small = (!shown.enforced.contains(&request.attachment)).then(|| say!("approvals-has-no-say-in-the").to_owned());
    let mut facts = vec![
        fact(say!("approvals-state"), Cell::badge(tone, icon, word)),
        fact(say!("approvals-who-asks"), who(&subject.principal)),
        Fact::code(say!("approvals-for"), subject.action.operation()),
        Fact::text(say!("approvals-with"), object),
    ];
    facts.extend(request.details.iter().map(|(name, value)| Fact::text(name, value.clone())));
    facts.push(fact(say!("approvals-wanted-by"), Cell::Text { text: request.attachment.clone(), small }));
    let counting = request.counting(now).count();
    facts.push(Fact::text(
        say!("approvals-approvals"),
        say!("approvals-counting-of-approvers", counting = counting, approvers = request.approvers),
    ));
    for approval in request.counting(now) {
        facts.push(fact(say!("approvals-approved-by"), who(&approval.by)));
        facts.push(Fact::moment(say!("approvals-counts-until"), Some(view::moment(approval.until)), ""));
    }
    if let Some(refusal) = &request.refusal {
        facts.push(fact(say!("approvals-refused-by"), who(&refusal.by)));
        facts.push(Fact::moment(say!("approvals-not-asked-anew-until"), Some(view::moment(refusal.until)), ""));
    }
    facts.push(Fact::moment(say!("approvals-opened"), Some(view::moment(request.opened)), ""));
    facts.push(Fact::moment(say!("approvals-ends"), Some(view::moment(request.ends)), ""));
    let of = subject.name.as_ref().map(|name| say!("approvals-of-name", name = name)).unwrap_or_default();
    let title = say!(
        "approvals-operation-of-by-subject",
        operation = subject.action.operation(),
        of = of,
        subject = subject.principal.subject
    );
    let own = subject.principal == viewer.session.principal.id;
    let panel = Panel::new(&title, Body::Facts(facts)).note(say!("approvals-request-id", id = request.id));
    let panel = if open { panel.acts(acts(viewer, vault, request, state, own)) } else { panel };
    if own { panel.foot(say!("approvals-it-is-your-own-somebody")) } else { panel }
}

fn called(viewer: &Viewer<'_>, shown: &ApprovalsShown, id: &PrincipalId) -> Cell {
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    match shown.labels.name(id, own_issuer) {
        Some(name) => view::who("workload", name.to_owned(), Some(id.subject.clone())),
        None if id.issuer == *own_issuer => view::who("workload", id.subject.clone(), None),
        None => view::who("user", id.subject.clone(), Some(without_scheme(&id.issuer).to_owned())),
    }
}

fn acts(
    viewer: &Viewer<'_>,
    vault: &VaultName,
    request: &ApprovalRequest,
    state: ApprovalState,
    own: bool,
) -> Vec<Act> {
    let of = say!(
        "approvals-operation-by-subject",
        operation = request.subject.action.operation(),
        subject = request.subject.principal.subject
    );
    let post = |label: &str, act: &str, icon, seconds: Option<u32>| Act::Post {
        label: label.to_owned(),
        of: of.clone(),
        action: links::in_vault(vault, &format!("approvals/{}/{act}", request.id), &[]),
        csrf_token: viewer.form_token(),
        icon: Some(icon),
        fields: seconds.map(|seconds| ("seconds".to_owned(), seconds.to_string())).into_iter().collect(),
    };
    let mut acts = Vec::new();
    if !own && state != ApprovalState::Granted {
        acts.push(post(
            &say!("approvals-grant-for-valid-for", valid_for = span(request.valid_for)),
            "grant",
            Icon::Check,
            None,
        ));
        if request.valid_for > AN_HOUR {
            acts.push(post(say!("approvals-grant-for-1-h"), "grant", Icon::Check, Some(AN_HOUR)));
        }
    }
    if !own && state != ApprovalState::Refused {
        acts.push(post(say!("approvals-refuse"), "refuse", Icon::Ban, None));
    }
    acts
}

/// `90 s`, `15 min`, `2 h`, `3 d`, where it is a whole number of them.
fn span(seconds: u32) -> String {
    const UNITS: [(u32, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
    let unit = UNITS.into_iter().find(|(length, _)| seconds > 0 && seconds.is_multiple_of(*length));
    unit.map_or_else(|| format!("{seconds} s"), |(length, unit)| format!("{} {unit}", seconds / length))
}

/// POST /vaults/{vault}/approvals/{id}/grant and /refuse
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why it cannot be answered.
pub(super) async fn answer(viewer: &Viewer<'_>, request: &Request, verdict: Verdict) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let vault = VaultName::parse(viewer.call.parameter(0)).map_err(|_| Problem::no_route())?;
    let id = Uuid::try_parse(viewer.call.parameter(1)).map_err(|_| Problem::no_route())?;
    let seconds = sent.given("seconds").map(|_| sent.number("seconds", say!("approvals-the-time"))).transpose()?;
    viewer.services.admin.answer_approval(&viewer.call.ctx, &vault, id, verdict, seconds).await?;
    Ok(redirect(links::in_vault(&vault, "approvals", &[])))
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_time_is_told_in_the_unit_that_it_is_whole_in() {
        for (seconds, words) in [(0, "0 s"), (90, "90 s"), (900, "15 min"), (7200, "2 h"), (259_200, "3 d")] {
            assert_eq!(span(seconds), words);
        }
    }
}
