//! GET /policy/attached/{where}/{attachment}/enforce: whether somebody looked at what would change were a module
//! enforced. The form that enforces it goes on once all of that was reviewed, or by an emergency: with a reason, which
//! is on record with what was not reviewed.

use strongroom_domain::{
    admin::{AttachmentShown, PoliciesShown},
    policy::AttachmentState,
    policy_replay::Reviewed,
    record::MAX_STATED_REASON,
};
use strongroom_web::{Act, Body, Cell, Fact, Field, Form, Icon, Panel, PanelsPage, Tone, say};

use super::{AttachedTo, addressed, badge, word};
use crate::{
    dashboard::{
        Failure,
        form::Sent,
        frame::{Place, Viewer},
        links,
        refusal::{self, Refusal},
        snippets::{self, Commands},
        vault_forms::force_field,
        view,
    },
    message::Response,
    problem::Problem,
};

/// The field that takes why it cannot wait.
const REASON: &str = "reason";

/// # Errors
/// The gate's denial, or why what is attached cannot be read.
pub(crate) async fn ask(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let (to, name) = addressed(viewer)?;
    let shown = to.read_for(viewer, &name).await?;
    page(viewer, &to, &shown, &name, None).await
}

/// Whether an attachment that is not enforced may come to be by this form: all that would change was reviewed, or why it
/// is enforced all the same is said, which the record then tells.
pub(super) fn check(viewer: &Viewer<'_>, shown: &AttachmentShown, sent: &Sent) -> Result<(), Failure> {
    if shown.attachment.state == AttachmentState::Enforce || is_reviewed(shown) {
        return Ok(());
    }
    if sent.text(REASON).is_empty() {
        return Err(Problem::not_reviewed(sentence(shown.reviewed.as_ref())).into());
    }
    viewer
        .call
        .ctx
        .state_reason(sent.text(REASON))
        .map_err(|unfit| Failure::from(Problem::bad_parameter(unfit.to_string())))
}

pub(super) fn is_reviewed(shown: &AttachmentShown) -> bool {
    shown.reviewed.is_some_and(|reviewed| reviewed.is_complete())
}

/// How far what would change was looked at, in a sentence.
fn sentence(reviewed: Option<&Reviewed>) -> String {
    match reviewed {
        None => say!("policies-enforce-no-replay-tried-it").to_owned(),
        Some(Reviewed { groups: 0, untold: 0, .. }) => say!("policies-enforce-nothing-would-change").to_owned(),
        Some(Reviewed { open: 0, untold: 0, groups, .. }) => say!("policies-enforce-all-reviewed", groups = groups),
        Some(Reviewed { open: 0, untold, .. }) => {
            say!("policies-enforce-untold", untold = view::grouped(*untold))
        }
        Some(Reviewed { open, groups, .. }) => say!("policies-enforce-not-reviewed", open = open, groups = groups),
    }
}

/// What is known of it before it is enforced, with the way to the replay.
pub(super) fn ready(to: &AttachedTo, shown: &AttachmentShown) -> Panel {
    let reviewed = shown.reviewed.as_ref();
    let (tone, icon, text) = if is_reviewed(shown) {
        (Tone::Good, Icon::Check, say!("policies-enforce-reviewed"))
    } else {
        (Tone::Planned, Icon::Hourglass, say!("policies-enforce-open"))
    };
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let mut facts = vec![fact(say!("policies-enforce-change-groups"), Cell::badge(tone, icon, text))];
    let mut acts = Vec::new();
    if let Some(reviewed) = reviewed {
        let (href, small) = (links::replay(to, reviewed.replay), Some(to.title()));
        let moment = view::moment_millis(reviewed.at);
        facts
            .push(fact(say!("policies-enforce-newest-replay"), Cell::When { moment, href: Some(href.clone()), small }));
        let done = reviewed.groups.saturating_sub(reviewed.open);
        facts.push(Fact::text(
            say!("policies-enforce-groups-reviewed"),
            say!("policies-enforce-done-of-groups", done = done, groups = reviewed.groups),
        ));
        acts.push(Act::link(say!("policies-enforce-review"), href, Icon::Compare));
    }
    let again =
        if reviewed.is_some() { say!("policies-enforce-ask-again") } else { say!("policies-enforce-replay-it-first") };
    acts.push(Act::link(again, links::replays(to), Icon::Try));
    Panel::new(say!("policies-enforce-ready-to-enforce"), Body::Facts(facts)).foot(sentence(reviewed)).acts(acts)
}

/// The page, with why enforcing was refused.
pub(super) async fn page(
    viewer: &Viewer<'_>,
    to: &AttachedTo,
    all: &PoliciesShown,
    name: &str,
    refusal: Option<&Refusal>,
) -> Result<Response, Failure> {
    let shown = all.policies.iter().find(|one| one.attachment.name == name).ok_or_else(Problem::no_route)?;
    let reviewed = is_reviewed(shown);
    let mut fields = Vec::new();
    if !reviewed {
        let most = u32::try_from(MAX_STATED_REASON).unwrap_or(u32::MAX);
        fields.push(
            Field::line(REASON, say!("policies-enforce-why-it-cannot-wait"), "", most)
                .required()
                .hint(say!("policies-enforce-the-record-tells-it")),
        );
    }
    fields.push(Field::hidden("state", word(AttachmentState::Enforce)));
    fields.push(Field::hidden("revision", all.revision.to_string()));
    fields.extend(force_field(refusal));
    let submit = if reviewed { say!("policies-enforce-enforce") } else { say!("policies-enforce-emergency") };
    let form = Form {
        action: links::attachment_act(to, name, "state"),
        csrf_token: Some(viewer.form_token()),
        fields,
        submit: submit.to_owned(),
        danger: !reviewed,
        cancel_href: Some(links::attachment(to, name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let title = if reviewed { say!("policies-enforce-confirm") } else { say!("policies-enforce-emergency-enforce") };
    let commands = Commands::of_installation(viewer.services);
    let place = Place::Attachment(to.clone(), name.to_owned()).below(say!("policies-enforce-enforce"));
    let page = PanelsPage {
        badges: vec![badge(shown.attachment.state)],
        lead: Some(say!("policies-enforce-what-it-denies-is-denied", words = to.words())),
        main: vec![ready(to, shown), Panel::new(title, Body::Form(form))],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("policy attached {}", to.option())),
            commands.server(&format!("policy enforce {name} {}", to.option())),
        ])],
        ..PanelsPage::new(viewer.shell(&place).await, say!("policies-enforce-enforce-name", name = name))
    };
    Ok(refusal::answer(&page, refusal))
}

#[cfg(test)]
mod tests {
    use strongroom_domain::names::VaultId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_left_to_review_is_said() {
        let of = |groups, open, untold| {
            let (replay, vault) = (Uuid::nil(), VaultId(Uuid::nil()));
            sentence(Some(&Reviewed { replay, vault, at: 1, decisions: 200, groups, open, untold }))
        };
        assert!(sentence(None).contains("No replay"));
        assert!(of(0, 0, 0).contains("nothing"));
        assert!(of(4, 2, 0).contains("2 of 4"));
        assert!(of(4, 2, 9).contains("2 of 4"));
        assert!(of(100, 0, 9).contains('9'));
        assert!(of(4, 0, 0).contains("All 4"));
    }
}
