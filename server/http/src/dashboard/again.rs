//! A form that went stale while it was open: the session was renewed or has ended, or a sign-in of just now is needed.
//! Nothing is done; the form comes back with what was typed, and says what to do. It is the page that the form stands
//! on, filled in, or where that cannot be shown a page that keeps what was sent. Secrets and files are never sent back.
//!
//! Nothing here acts, and what was typed can reach nothing that does: [`Typed`] is no [`super::form::Sent`].

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use strongroom_web::{Field, FieldKind, Form, KeptPage, PostForm, say};
use zeroize::Zeroizing;

use super::{
    SESSION_MISSING,
    form::Typed,
    frame::{Place, Viewer},
    handled, links, question, rendered, step_up,
};
use crate::{
    edge::Call,
    message::{Method, Request, Response},
    paths,
    routes::{self, Found, Site},
    services::Services,
};

/// Most rows of names with values that are looked for.
const MOST_ROWS: usize = 100;
/// What says how it is sent, or that somebody is sure: it is never sent along unseen.
const SEEN_ONLY: [&str; 4] = ["step", "force", "sure", "confirm"];

/// Why a form was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stale {
    /// Its page was shown to another session.
    Session,
    /// The person has to prove again who they are.
    StepUp,
}

impl Stale {
    fn reason(self) -> &'static str {
        match self {
            Self::Session => "foreign-form",
            Self::StepUp => step_up::REASON,
        }
    }

    fn sentence(self) -> String {
        match self {
            Self::Session => say!("again-your-session-was-renewed").to_owned(),
            Self::StepUp => say!("again-it-needs-a-sign-in", minutes = step_up::FRESH_SECONDS / 60),
        }
    }
}

/// What was typed into a form that was not done, on the way to the page that shows it again.
pub(super) struct Kept {
    why: Stale,
    path: Vec<String>,
    typed: Typed,
    /// Where the person signs in again, in a tab of its own.
    sign_in: Option<String>,
    taken: AtomicBool,
}

impl Kept {
    /// The form with what was typed, if it is the one that was sent.
    pub(super) fn put_into(&self, form: Form) -> Form {
        let path = form.action.split('?').next().unwrap_or_default();
        let is_it = form.csrf_token.is_some() && paths::segments(path).is_ok_and(|path| path == self.path);
        if !is_it || self.taken.swap(true, Ordering::AcqRel) {
            return form;
        }
        let mut form = form;
        let placed: BTreeSet<&str> = self
            .typed
            .told()
            .map(|(name, _)| name)
            .filter(|name| form.fields.iter().any(|field| takes(field, name)))
            .collect();
        for field in &mut form.fields {
            self.fill(field);
        }
        // What this page does not ask for, another choice on it would: it goes along.
        let left = self.typed.told().filter(|(name, _)| !placed.contains(name) && !SEEN_ONLY.contains(name));
        form.fields.extend(left.map(|(name, value)| Field::hidden(name, value)));
        let beside = self.sign_in.clone().map(|href| (say!("again-sign-in-in-another-tab").to_owned(), href));
        Form { error: Some(self.why.sentence()), beside, ..form }
    }

    fn fill(&self, field: &mut Field) {
        let typed = self.typed.get(&field.name);
        match &mut field.kind {
            FieldKind::Line { value, .. }
            | FieldKind::Lines { value, .. }
            | FieldKind::Code { value, .. }
            | FieldKind::Number { value, .. }
            | FieldKind::Moment { value }
            | FieldKind::Hidden { value } => {
                if let Some(typed) = typed {
                    *value = typed;
                }
            }
            FieldKind::Check { checked } => *checked = typed.is_some(),
            FieldKind::Choice(choices) => {
                if let Some(typed) = typed.filter(|typed| choices.iter().any(|choice| choice.value == *typed)) {
                    for choice in choices {
                        choice.chosen = choice.value == typed;
                    }
                }
            }
            FieldKind::Pairs(rows) => {
                let part = |part, index| self.typed.get(&format!("{}-{part}-{index}", field.name));
                let row = |index| part("name", index).map(|name| (name, part("value", index).unwrap_or_default()));
                let typed: Vec<(String, String)> = (1..=MOST_ROWS).map_while(row).collect();
                if !typed.is_empty() {
                    *rows = typed;
                }
            }
            FieldKind::Secret | FieldKind::Password => {
                if self.typed.held_secret(&field.name) {
                    field.error = Some(say!("again-type-it-once-more").to_owned());
                }
            }
            FieldKind::File { .. } => {
                if self.typed.left_out() {
                    field.error = Some(say!("again-choose-it-once-more").to_owned());
                }
            }
        }
    }

    /// What the page is asked for: some pages show their form by what was chosen before.
    fn query(&self) -> Vec<(String, String)> {
        let told = self.typed.told().filter(|(name, _)| !SEEN_ONLY.contains(name));
        told.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Whether a field of the page is the one of this name.
fn takes(field: &Field, name: &str) -> bool {
    match field.kind {
        FieldKind::Pairs(_) => {
            let rest = name.strip_prefix(field.name.as_str()).unwrap_or_default();
            rest.starts_with("-name-") || rest.starts_with("-value-")
        }
        _ => field.name == name,
    }
}

/// The answer to a form that is ours and must not be done as it came; none for any other request.
pub(super) async fn stale(viewer: &Viewer<'_>, request: &Request) -> Option<Response> {
    if request.method != Method::Post {
        return None;
    }
    let typed = typed(viewer, request)?;
    let why = if !super::form::is_of(viewer, typed.token()) {
        Stale::Session
    } else if step_up::is_asked_for(viewer.call.endpoint) && !step_up::is_proven(viewer) {
        Stale::StepUp
    } else {
        return None;
    };
    Some(again(viewer, request, typed, why).await)
}

/// The answer to a form that needs a sign-in of just now for what was chosen in it.
pub(super) async fn for_step_up(viewer: &Viewer<'_>, request: &Request) -> Response {
    match typed(viewer, request) {
        Some(typed) => again(viewer, request, typed, Stale::StepUp).await,
        None => step_up::page(viewer).await,
    }
}

fn typed(viewer: &Viewer<'_>, request: &Request) -> Option<Typed> {
    let base = viewer.services.addresses.base();
    Typed::of(base, request.origin.as_deref(), request.content_type.as_deref(), &request.body)
}

async fn again(viewer: &Viewer<'_>, request: &Request, typed: Typed, why: Stale) -> Response {
    let sign_in = match why {
        Stale::Session => None,
        Stale::StepUp => step_up::href(viewer, None),
    };
    let kept = Kept { why, path: request.path.clone(), typed, sign_in, taken: AtomicBool::new(false) };
    if let Some(page) = page_of_form(viewer, request, &kept).await {
        return Response { status: 403, reason: why.reason(), ..page };
    }
    let place = Place::of(viewer.call);
    let action = format!("/{}", request.path.iter().map(|part| links::in_path(part)).collect::<Vec<_>>().join("/"));
    let page = KeptPage {
        shell: Some(viewer.shell(&place).await),
        sentences: vec![why.sentence()],
        sign_in_href: kept.sign_in.clone(),
        post: PostForm { action, csrf_token: viewer.form_token() },
        fields: fields(&kept.typed),
        left_out: kept.typed.left_out(),
        copy_as: question::commands(viewer, &place),
    };
    Response { reason: why.reason(), ..rendered(403, page.render()) }
}

fn fields(typed: &Typed) -> Vec<(String, String)> {
    typed.told().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The page that the form stands on with what was typed; none where it cannot be shown, or shows no such form. Reading
/// it is a request of its own to the gate.
async fn page_of_form(viewer: &Viewer<'_>, request: &Request, kept: &Kept) -> Option<Response> {
    let path = paths::segments(viewer.here.as_str().split('?').next()?).ok()?;
    let Found::Route(route, parameters) = routes::find(Site::Base, Method::Get, &path) else { return None };
    let call = Call {
        ctx: viewer.further().ok()?.looking(),
        parameters,
        session: viewer.call.session.clone(),
        endpoint: route.endpoint,
        invents_symmetric_keys: false,
        program: viewer.call.program,
    };
    let page = Request {
        method: Method::Get,
        path,
        query: kept.query(),
        authorization: None,
        cookies: request.cookies.clone(),
        origin: None,
        content_type: None,
        if_match: None,
        client_request_id: None,
        body: Zeroizing::default(),
        client: request.client,
    };
    let looking = Viewer {
        services: viewer.services,
        call: &call,
        session: viewer.session,
        look: viewer.look,
        pins: viewer.pins.clone(),
        here: viewer.here.clone(),
        undo: None,
        kept: Some(kept),
    };
    let answer = handled(&looking, &page).await.ok()?;
    kept.taken.load(Ordering::Acquire).then_some(answer)
}

/// What somebody sent whose session has ended, kept in the page that leads to sign-in; none where nothing was typed, or
/// it was no form of ours.
pub(crate) fn without_session(
    services: &Services,
    (path, query): (&str, &str),
    (origin, content_type): (Option<&str>, Option<&str>),
    body: &[u8],
) -> Option<Response> {
    let typed = Typed::of(services.addresses.base(), origin, content_type, body)?;
    let fields = fields(&typed);
    if fields.is_empty() && !typed.left_out() {
        return None;
    }
    let page = KeptPage {
        shell: None,
        sentences: vec![say!("again-you-are-not-signed-in").to_owned()],
        sign_in_href: Some(links::sign_in(&links::ReturnTo::of(Method::Post, path, query))),
        post: PostForm { action: path.to_owned(), csrf_token: typed.token().to_owned() },
        fields,
        left_out: typed.left_out(),
        copy_as: Vec::new(),
    };
    Some(Response { reason: SESSION_MISSING, ..rendered(403, page.render()) })
}

#[cfg(test)]
mod tests {
    use strongroom_web::Choice;

    use super::*;

    const BASE: &str = "https://vault.localhost:8443";

    fn kept(body: &str) -> Kept {
        let body = format!("csrf_token=old&{body}");
        let kind = Some("application/x-www-form-urlencoded");
        Kept {
            why: Stale::Session,
            path: vec!["new-vault".into()],
            typed: Typed::of(BASE, Some(BASE), kind, body.as_bytes()).unwrap(),
            sign_in: None,
            taken: AtomicBool::new(false),
        }
    }

    fn form() -> Form {
        let number = FieldKind::Number { value: "90".into(), min: 7, max: 90 };
        Form {
            action: "/new-vault".into(),
            csrf_token: Some("new".into()),
            fields: vec![
                Field::line("name", "Name", "", 24),
                Field::new("days", "Days", number),
                Field::check("on", "On", true),
                Field::choice("mode", "Mode", &[("a", "A"), ("b", "B")], "a"),
                Field::new("tag", "Tags", FieldKind::Pairs(vec![(String::new(), String::new())])),
                Field::new("value", "Value", FieldKind::Secret),
                Field::hidden("revision", "9"),
            ],
            ..Form::default()
        }
    }

    #[test]
    fn a_form_holds_what_was_typed_and_the_revision_that_it_was_typed_for() {
        let kept = kept("name=safe&days=7&mode=b&tag-name-1=a&tag-value-1=1&value=s3cr3t&revision=3&other=x&force=yes");
        let filled = kept.put_into(form());
        let text = format!("{filled:?}");
        for part in ["\"safe\"", "\"7\"", "checked: false", "(\"a\", \"1\")", "value: \"3\"", "value: \"x\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("s3cr3t") && !text.contains("force"), "{text}");
        let chosen = |choice: &Choice| choice.chosen.then(|| choice.value.clone());
        let choices = filled.fields.iter().find_map(|field| match &field.kind {
            FieldKind::Choice(choices) => choices.iter().find_map(chosen),
            _ => None,
        });
        assert_eq!(choices.as_deref(), Some("b"));
        assert!(filled.fields.iter().any(|field| field.name == "value" && field.error.is_some()), "it is asked for");
        assert!(filled.error.is_some());
        assert!(kept.put_into(form()).error.is_none(), "once");
    }

    #[test]
    fn another_form_is_left_alone() {
        let kept = kept("name=safe");
        let other = Form { action: "/new-vault/other".into(), ..form() };
        assert!(kept.put_into(other).error.is_none());
        assert!(kept.put_into(Form { csrf_token: None, ..form() }).error.is_none());
        assert!(kept.put_into(form()).error.is_some());
    }
}
