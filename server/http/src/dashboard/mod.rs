//! The dashboard: sign-in, pages, forms. The same use cases and the same gate as the API.
//!
//! A handler parses, calls one use case for its answer, and fills in a page of `strongroom-web`. A
//! page that needs several reads is several requests to the gate, each with a record of its own.
//! No page holds a secret's value but the answer to a reveal, and no page is ever cached.

mod audit;
mod command_line;
mod frame;
mod links;
mod problems;
mod secret;
mod secrets;
mod session;
mod sign_in;
#[cfg(test)]
mod tests;
mod vaults;
mod view;

use std::sync::Arc;

use strongroom_domain::{context::RequestContext, identity::Session};
use strongroom_web::{asset, content_security_policy};
use zeroize::Zeroizing;

use crate::{
    edge::Call,
    message::{Method, Request, Response},
    paths,
    problem::Problem,
    routes::Endpoint,
    services::Services,
};
use frame::Viewer;
use problems::Failure;

/// Reason of a record: a page was asked for without a session, and the answer led to sign-in.
pub(crate) const SESSION_MISSING: &str = "session-missing";

/// Whether a path of the base host belongs to the dashboard, so that problems are shown as pages.
pub(crate) fn is_page(path: &str) -> bool {
    const FIRST: [&str; 8] = ["vaults", "audit", "command-line", "sign-in", "sign-out", "signed-out", "auth", "assets"];
    match paths::segments(path).as_deref() {
        Ok([]) => true,
        Ok([first, ..]) => FIRST.iter().any(|page| first.eq_ignore_ascii_case(page)),
        Err(_) => false,
    }
}

/// The session behind the cookie, if there is one.
///
/// # Errors
/// 503 when the store cannot say.
pub(crate) async fn session(
    services: &Services,
    cookies: Option<&str>,
    now: i64,
) -> Result<Option<Arc<Session>>, Problem> {
    session::find(services, cookies, now).await
}

/// Where somebody without a session is led: to sign-in, which never leads anywhere by itself.
pub(crate) fn to_sign_in(method: Method, path: &str, query: &str) -> Response {
    Response { reason: SESSION_MISSING, ..redirect(links::sign_in(&links::ReturnTo::of(method, path, query))) }
}

/// A problem as a page, for whoever it is.
pub(crate) fn problem_page(ctx: &RequestContext, problem: &Problem) -> Response {
    problems::page(ctx, problem, None)
}

/// The pages.
///
/// # Errors
/// Only for routes that are not of the dashboard; everything else is answered with a page.
pub(crate) async fn page(services: &Arc<Services>, call: &Call, request: Request) -> Result<Response, Problem> {
    match call.endpoint {
        Endpoint::Asset => return bundled(call.parameter(0)),
        Endpoint::SignInPage => return sign_in::page(services, &request),
        Endpoint::SignInStart => return sign_in::start(services, call, &request).await,
        Endpoint::SignInCallback => return sign_in::callback(services, call, &request).await,
        Endpoint::SignedOut => return sign_in::signed_out(services),
        _ => {}
    }
    let Some(session) = call.session.as_deref() else { return Err(Problem::no_route()) };
    let viewer = Viewer { services, call, session };
    let answer = match call.endpoint {
        Endpoint::Home => Ok(redirect(links::VAULTS.to_owned())),
        Endpoint::VaultsPage => vaults::list(&viewer).await,
        Endpoint::SecretsPage => secrets::list(&viewer, &request).await,
        Endpoint::SecretPage | Endpoint::SecretVersionPage => secret::show(&viewer).await,
        Endpoint::SecretReveal => secret::reveal(&viewer, &request).await,
        Endpoint::AuditPage => audit::list(&viewer, &request).await,
        Endpoint::CommandLinePage => command_line::page(&viewer, &request),
        Endpoint::CommandLineAllow => command_line::allow(&viewer, &request).await,
        Endpoint::SignOut => session::sign_out(&viewer, &request).await,
        _ => Err(Problem::no_route().into()),
    };
    Ok(match answer {
        Ok(response) => response,
        Err(failure) => problems::answer(&viewer, failure).await,
    })
}

/// GET /assets/{file}: what was bundled and embedded, and nothing else.
fn bundled(file: &str) -> Result<Response, Problem> {
    let found = asset(file).ok_or_else(Problem::no_route)?;
    let keep = if found.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let body = Zeroizing::new(found.bytes.to_vec());
    Ok(Response { body, ..Response::empty(200) }
        .with("content-type", found.content_type.to_owned())
        .with("cache-control", keep.to_owned())
        .with("cross-origin-resource-policy", "same-origin".to_owned()))
}

/// A page with the headers that every page carries.
///
/// `Referrer-Policy` is `same-origin` and not `no-referrer`: with the latter, browsers send
/// `Origin: null` with our own forms too (Fetch, "append a request Origin header"), and a form of
/// ours could not be told from a foreign one. Nothing is sent to other origins either way.
fn html(status: u16, page: Zeroizing<String>) -> Response {
    let response = Response::html(status, page);
    [
        ("content-security-policy", content_security_policy()),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ]
    .into_iter()
    .fold(response, |response, (name, value)| response.with(name, value.to_owned()))
}

/// The answer with a rendered page.
fn rendered(status: u16, page: Result<impl Into<Zeroizing<String>>, strongroom_web::RenderError>) -> Response {
    match page {
        Ok(page) => html(status, page.into()),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Response { reason: "internal", ..html(500, Zeroizing::new("Internal error".to_owned())) }
        }
    }
}

/// A redirect to another page, not to be kept.
fn redirect(location: String) -> Response {
    Response::see_other(location).with("cache-control", "no-store".to_owned())
}
