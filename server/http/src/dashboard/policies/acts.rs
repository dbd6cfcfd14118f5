//! What is done with an attachment at the press of a button: its state, its place in the order, a step back, and its
//! end. Each names the revision that was on the page, so that two people at once do not undo each other.

use strongroom_domain::policy::AttachmentState;
use strongroom_web::{Body, Field, Form, Panel, PanelsPage, say};

use super::{AttachedTo, addressed, attachment, attachments, enforce, state_of};
use crate::{
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links, redirect,
        refusal::{self, Refusal},
        snippets::{self, Commands},
    },
    message::{Request, Response},
    problem::Problem,
    routes::Endpoint,
};

/// POST to one of an attachment's forms.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn act(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let (to, name) = addressed(viewer)?;
    match change(viewer, &to, &name, &sent).await {
        Ok(()) if viewer.call.endpoint == Endpoint::DetachForm => Ok(redirect(links::POLICY.to_owned())),
        Ok(()) => Ok(redirect(links::attachment(&to, &name))),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            let shown = to.read(viewer, &viewer.further()?).await?;
            match viewer.call.endpoint {
                Endpoint::AttachmentStateForm if state_of(sent.text("state")) == Some(AttachmentState::Enforce) => {
                    enforce::page(viewer, &to, &shown, &name, Some(&refusal)).await
                }
                Endpoint::DetachForm => Ok(detach_page(viewer, &to, &name, shown.revision, Some(&refusal)).await),
                _ => attachment::page(viewer, &to, &shown, &name, Some(&refusal)).await,
            }
        }
    }
}

async fn change(viewer: &Viewer<'_>, to: &AttachedTo, name: &str, sent: &Sent) -> Result<(), Failure> {
    let revision = sent.number("revision", say!("policies-acts-the-revision"))?;
    if viewer.call.endpoint == Endpoint::AttachmentRollBackForm {
        return to.roll_back(viewer, revision, name, sent.ticked("force")).await;
    }
    let shown = to.read(viewer, &viewer.further()?).await?;
    let mut policies = attachments(&shown);
    let index = policies.iter().position(|one| one.name == name).ok_or_else(Problem::no_route)?;
    match viewer.call.endpoint {
        Endpoint::AttachmentStateForm => {
            let state = state_of(sent.text("state"))
                .ok_or_else(|| Problem::bad_parameter(say!("policies-acts-there-is-no-such-state")))?;
            if let Some(one) = shown.policies.get(index).filter(|_| state == AttachmentState::Enforce) {
                enforce::check(viewer, one, sent)?;
            }
            if let Some(attachment) = policies.get_mut(index) {
                attachment.state = state;
            }
        }
        Endpoint::AttachmentOrderForm => {
            let other = match sent.text("to") {
                "earlier" => index.checked_sub(1),
                "later" => index.checked_add(1).filter(|other| *other < policies.len()),
                _ => None,
            };
            let other = other.ok_or_else(|| Problem::bad_parameter(say!("policies-acts-there-is-no-such-place")))?;
            policies.swap(index, other);
        }
        _ => {
            if sent.text("confirm") != name {
                return Err(refusal::unconfirmed("detached", name).into());
            }
            policies.remove(index);
        }
    }
    to.put(viewer, revision, policies, sent.ticked("force")).await
}

/// GET /policy/attached/{where}/{attachment}/detach
///
/// # Errors
/// The gate's denial, or why what is attached cannot be read.
pub(crate) async fn ask_detach(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let (to, name) = addressed(viewer)?;
    let shown = to.read_for(viewer, &name).await?;
    Ok(detach_page(viewer, &to, &name, shown.revision, None).await)
}

async fn detach_page(
    viewer: &Viewer<'_>,
    to: &AttachedTo,
    name: &str,
    revision: i64,
    refusal: Option<&Refusal>,
) -> Response {
    let form = Form {
        action: links::attachment_act(to, name, "detach"),
        csrf_token: Some(viewer.form_token()),
        fields: vec![refusal::confirm_field(name), Field::hidden("revision", revision.to_string())],
        submit: say!("policies-acts-detach").to_owned(),
        danger: true,
        cancel_href: Some(links::attachment(to, name)),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let commands = Commands::of_installation(viewer.services);
    let place = Place::Attachment(to.clone(), name.to_owned()).below(say!("policies-acts-detach"));
    let page = PanelsPage {
        lead: Some(say!("policies-acts-from-the-next-request-on").to_owned()),
        main: vec![Panel::new(say!("policies-acts-confirm"), Body::Form(form))],
        aside: vec![snippets::panel(vec![commands.server(&format!("policy detach {name} {}", to.option()))])],
        ..PanelsPage::new(
            viewer.shell(&place).await,
            say!("policies-acts-detach-name-from-words", name = name, words = to.words()),
        )
    };
    refusal::answer(&page, refusal)
}
