//! A program of the command line asks a person who is signed in to let it act as them.
//!
//! The page says who, where and for how long, and shows what the program shows too, so that nobody allows
//! what somebody else began. Nothing is given out by opening a link: allowing is a form of ours.

use strongroom_domain::entrance::command_line::{CommandLineRequest, LOOPBACK_PATH};
use strongroom_web::{CommandLinePage, PostForm, content_security_policy_leading_to, say};
use url::form_urlencoded;

use super::{
    Failure,
    form::{SHORT, Sent},
    frame,
    frame::Viewer,
    html, links, redirect,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// GET /command-line
///
/// # Errors
/// 400 for an address that is not on loopback, or parameters of another shape.
pub(super) fn page(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let asked = read(|name| request.query(name).map(str::to_owned))?;
    let account = viewer.account();
    let page = CommandLinePage {
        host: frame::host(viewer.services).to_owned(),
        development: viewer.services.development,
        name: account.name,
        detail: account.detail,
        comparison: asked.comparison(),
        allow: PostForm { action: links::COMMAND_LINE.to_owned(), csrf_token: viewer.form_token() },
        redirect_uri: asked.redirect_uri.clone(),
        state: asked.state.clone(),
        challenge: asked.challenge.clone(),
        cancel_href: back(viewer, &asked, ("error", "access_denied")),
    };
    let rendered = page.render().map_err(|error| {
        tracing::error!(%error, "a page could not be rendered");
        Problem::internal()
    })?;
    let mut response = html(200, rendered.into());
    // Browsers hold the redirect that answers the form against `form-action`: it may lead to this program.
    let policy = content_security_policy_leading_to(asked.redirect_uri.trim_end_matches(LOOPBACK_PATH));
    for (name, value) in &mut response.headers {
        if *name == "content-security-policy" {
            value.clone_from(&policy);
        }
    }
    Ok(response)
}

/// POST /command-line: back to the program, with a code.
///
/// # Errors
/// 403 for a form that is not ours, 400 for one of another shape, 503 when it cannot be recorded.
pub(super) async fn allow(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let asked = read(|name| sent.given(name))?;
    let entrance = &viewer.services.entrance;
    let code = entrance.allow_command_line(&viewer.call.ctx, viewer.session, &asked).await?;
    Ok(redirect(back(viewer, &asked, ("code", code.expose()))))
}

fn read(field: impl Fn(&str) -> Option<String>) -> Result<CommandLineRequest, Problem> {
    let field = |name: &str| field(name).unwrap_or_default();
    CommandLineRequest::check(&field("redirect_uri"), &field("code_challenge"), &field("state"))
        .map_err(|error| Problem::bad_parameter(say!("command-line-this-is-not-a-request", error = error)))
}

/// The program's address with an answer (RFC 6749 section 4.1.2), and who gives it (RFC 9207).
fn back(viewer: &Viewer<'_>, asked: &CommandLineRequest, (name, value): (&str, &str)) -> String {
    let base = viewer.services.addresses.base();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .append_pair("state", &asked.state)
        .append_pair("iss", base)
        .finish();
    format!("{}?{query}", asked.redirect_uri)
}
