//! The dashboard: sign-in, pages, forms. Same use cases and gate as the API.

use std::sync::Arc;

use strongroom_domain::{context::RequestContext, identity::Session};

use crate::{
    edge::Call,
    message::{Method, Request, Response},
    problem::Problem,
    services::Services,
};

/// Whether a path of the base host is a page for people.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/"
        || ["/vaults", "/audit", "/sign-in", "/sign-out", "/signed-out", "/auth/", "/assets/"]
            .iter()
            .any(|prefix| path.starts_with(prefix))
}

/// The session behind the cookie, if there is one.
pub(crate) async fn session(
    services: &Services,
    cookies: Option<&str>,
    now: i64,
) -> Result<Option<Arc<Session>>, Problem> {
    let _ = (services, cookies, now);
    Ok(None)
}

/// Where somebody without a session is led.
pub(crate) fn to_sign_in(method: Method, path: &str) -> Result<Response, Problem> {
    let _ = (method, path);
    Ok(Response::see_other("/sign-in".to_owned()))
}

/// A problem as a page.
pub(crate) fn problem_page(services: &Services, ctx: &RequestContext, problem: &Problem) -> Response {
    let _ = ctx;
    problem.respond(&services.addresses)
}

/// The pages.
pub(crate) async fn page(services: &Arc<Services>, call: &Call, request: Request) -> Result<Response, Problem> {
    let _ = (services, call, request);
    Err(Problem::no_route())
}
