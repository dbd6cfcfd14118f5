//! POST /ask-approval: somebody asks that others approve what a page was denied for.
//!
//! The page is opened once more in their name, this time as a request that asks: its denial opens the request for
//! approval. Only by a form of ours, because a link alone, of whomever, must ask for nothing.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    Failure,
    form::{SHORT, Sent},
    frame::Viewer,
    links::ReturnTo,
    problems, redirect, session, shown, viewer,
};
use crate::{
    edge::Call,
    message::{Method, Request, Response},
    paths,
    problem::Problem,
    routes::{self, Found, Site},
    services::Services,
};

/// # Errors
/// Only without a session; everything else is answered with a page.
pub(super) async fn ask(services: &Arc<Services>, call: &Call, request: &Request) -> Result<Response, Problem> {
    let viewer = viewer(services, call, request)?;
    let response = match asked(services, &viewer, request).await {
        Ok(response) => response,
        Err(failure) => problems::answer(&viewer, failure).await,
    };
    Ok(session::in_use(services, request.cookies.as_deref(), call.ctx.now, response))
}

async fn asked(services: &Arc<Services>, viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, SHORT)?;
    let page = ReturnTo::parse(sent.text("page")).ok_or_else(Problem::no_route)?;
    let (path, query) = page.as_str().split_once('?').unwrap_or((page.as_str(), ""));
    let (path, query) = (paths::segments(path).map_err(Problem::from)?, paths::query(query).map_err(Problem::from)?);
    let Found::Route(route, parameters) = routes::find(Site::Base, Method::Get, &path) else {
        return Err(Problem::no_route().into());
    };
    let call = Call {
        ctx: viewer.further()?,
        parameters,
        session: viewer.call.session.clone(),
        endpoint: route.endpoint,
        invents_symmetric_keys: false,
        program: None,
    };
    let again = Request {
        method: Method::Get,
        path,
        query,
        authorization: None,
        cookies: request.cookies.clone(),
        origin: None,
        content_type: None,
        if_match: None,
        client_request_id: None,
        body: Zeroizing::default(),
        client: request.client,
    };
    // What it says is shown by the page itself, with the request that waits now.
    drop(shown(services, &call, again).await?);
    Ok(redirect(page.as_str().to_owned()))
}
