//! Ending the sessions of somebody else: of a person who left, or whose machine was taken. Whoever their provider still
//! lets in can sign in again, which the page says. It never lists who is signed in.

use strongroom_domain::{admin::EndedSessions, principal::PrincipalId};
use strongroom_web::{Body, Fact, Field, Form, Panel, PanelsPage, say};

use super::known::Known;
use crate::{
    api::manage::grantee::bounded,
    dashboard::{
        Failure,
        form::{SHORT, Sent},
        frame::{Place, Viewer},
        links,
        refusal::{self, Refusal},
        rendered,
        snippets::{self, Commands, quoted},
    },
    message::{Request, Response},
};

/// GET /access/end-sessions[?issuer=&subject=]
///
/// # Errors
/// None.
pub(crate) async fn ask(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let filled = |name: &str| request.query(name).unwrap_or_default().to_owned();
    Ok(page(viewer, (&filled("issuer"), &filled("subject")), None).await)
}

/// POST /access/end-sessions: all of one person's, at once and on every node.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why none can be ended.
pub(crate) async fn end(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let (issuer, subject) = (sent.text("issuer"), sent.text("subject"));
    let end = async {
        let of = PrincipalId { issuer: bounded(issuer.to_owned())?, subject: bounded(subject.to_owned())? };
        Ok::<_, Failure>(viewer.services.admin.end_sessions(&viewer.call.ctx, &of).await?)
    };
    match end.await {
        Ok(ended) => Ok(done(viewer, (issuer, subject), ended).await),
        Err(failure) => Ok(page(viewer, (issuer, subject), Some(&Refusal::of(failure)?)).await),
    }
}

fn place() -> Place {
    Place::Access.below(say!("access-sessions-end-sessions"))
}

fn commands(viewer: &Viewer<'_>, (issuer, subject): (&str, &str)) -> Panel {
    let or = |text: &str, word: &str| if text.is_empty() { word.to_owned() } else { quoted(text) };
    let commands = Commands::of_installation(viewer.services);
    let body = serde_json::json!({ "issuer": issuer, "subject": subject }).to_string();
    snippets::panel(vec![
        commands.server(&format!("session end --issuer {} --subject {}", or(issuer, "ISSUER"), or(subject, "SUBJECT"))),
        commands.curl_server("POST", "/api/v1/sessions/end", Some(&body)),
    ])
}

async fn page(viewer: &Viewer<'_>, (issuer, subject): (&str, &str), refusal: Option<&Refusal>) -> Response {
    let known = Known::of(viewer, None).await;
    let form = Form {
        action: links::END_SESSIONS.to_owned(),
        csrf_token: Some(viewer.form_token()),
        fields: vec![
            Field::line("issuer", say!("access-sessions-issuer"), issuer, 256)
                .required()
                .hint(say!("access-sessions-as-it-stands-in-records"))
                .known(&known.issuers),
            Field::line("subject", say!("access-sessions-subject"), subject, 256).required().known(&known.subjects),
        ],
        submit: say!("access-sessions-end-all-their-sessions").to_owned(),
        danger: true,
        cancel_href: Some(links::ACCESS.to_owned()),
        ..Form::default()
    };
    let form = refusal::form(viewer, form, refusal).await;
    let page = PanelsPage {
        lead: Some(say!("access-sessions-they-count-for-nothing-from").to_owned()),
        main: vec![Panel::new(say!("access-sessions-whose"), Body::Form(form))],
        aside: vec![commands(viewer, (issuer, subject))],
        ..PanelsPage::new(viewer.shell(&place()).await, say!("access-sessions-end-the-sessions-of-somebody"))
    };
    refusal::answer(&page, refusal)
}

async fn done(viewer: &Viewer<'_>, (issuer, subject): (&str, &str), ended: EndedSessions) -> Response {
    let EndedSessions { ended, more } = ended;
    let facts = vec![
        Fact::code(say!("access-sessions-issuer"), issuer),
        Fact::code(say!("access-sessions-subject"), subject),
        Fact::text(say!("access-sessions-ended"), ended.to_string()),
    ];
    let headline = match ended {
        0 => say!("access-sessions-nobody-of-this-issuer").to_owned(),
        1 => say!("access-sessions-one-session-was-ended").to_owned(),
        ended => say!("access-sessions-ended-sessions-were-ended", ended = ended),
    };
    let page = PanelsPage {
        lead: Some(say!("access-sessions-whoever-their-provider-still-lets").to_owned()),
        notices: more.then(|| say!("access-sessions-there-are-more-send-it").to_owned()).into_iter().collect(),
        main: vec![Panel::new(say!("access-sessions-what-was-done"), Body::Facts(facts))],
        aside: vec![commands(viewer, (issuer, subject))],
        ..PanelsPage::new(viewer.shell(&place()).await, headline)
    };
    rendered(200, page.render())
}
