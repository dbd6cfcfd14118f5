//! The edge: one request in, one answer out, and no way around either identity or the record.
//!
//! Order: host, credential, route, input, handler. A request that reaches its answer without a
//! record gets one here, so no route escapes the audit log. Never looks into a secret.

use std::{net::IpAddr, sync::Arc};

use strongroom_domain::{
    context::{Answers, RequestContext, Wire},
    entrance::command_line::TOKEN_PREFIX,
    identity::Session,
    names::{ObjectKind, ObjectName, VaultName},
    principal::Principal,
    record::{Outcome, Record},
    sign_in::TokenRejected,
    time::uuid_v7,
};
use strongroom_web::messages::{Language, speaking};
use tokio::sync::oneshot;
use tracing::Instrument as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    agent::Program,
    api, dashboard,
    message::{Method, Request, Response},
    paths::{self, Host},
    problem::{self, Problem},
    routes::{self, Access, Endpoint, Found, Site},
    services::Services,
};

/// Says for how many seconds an answer may be kept, where a policy module bounds it.
const KEEP_FOR: &str = "x-strongroom-keep-for";
/// Longest request body in bytes: a value of 25,600 bytes may be six times as long in JSON escapes,
/// and tags come on top.
pub const MAX_BODY: usize = 256 * 1024;

/// What the connection gave, not yet looked at.
pub struct RawRequest {
    /// Method as sent.
    pub method: String,
    /// `Host` header or the authority of an absolute target; empty when missing or given twice.
    pub authority: String,
    /// Path as sent.
    pub path: String,
    /// Query as sent, without `?`.
    pub query: String,
    /// Selected headers.
    pub authorization: Option<Zeroizing<String>>,
    /// `Cookie`.
    pub cookies: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `x-ms-client-request-id`.
    pub client_request_id: Option<String>,
    /// `Accept-Language`.
    pub accept_language: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// The body, or why the request could not be read.
    pub body: Body,
    /// Address of the client.
    pub client: IpAddr,
    /// Name of the listener.
    pub listener: &'static str,
    /// What else is known of the connection.
    pub wire: Arc<Wire>,
}

/// The body of a request.
pub enum Body {
    /// All of it.
    Read(Zeroizing<Vec<u8>>),
    /// It will not come.
    Unreadable(Unreadable),
    /// It is still on its way. Who does not need it answers without, and drops this.
    Arriving(oneshot::Receiver<Result<Zeroizing<Vec<u8>>, Unreadable>>),
}

impl Body {
    async fn complete(self) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        match self {
            Self::Read(body) => Ok(body),
            Self::Unreadable(why) => Err(why),
            // The client is gone when nobody reads from it any more.
            Self::Arriving(body) => body.await.unwrap_or(Err(Unreadable::Broken)),
        }
    }
}

/// Why a request could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// The head is longer than any request needs.
    HeadTooLarge,
    /// A trusted proxy does not say who the client is.
    Forwarded,
    /// The body is longer than [`MAX_BODY`], or than a backup can be where one is restored.
    BodyTooLarge,
    /// The body broke off or is malformed.
    Broken,
    /// The body is too slow.
    Timeout,
    /// The caller sends another long one.
    Crowded,
}

impl From<Unreadable> for Problem {
    fn from(why: Unreadable) -> Self {
        match why {
            Unreadable::HeadTooLarge => Self::head_too_large(),
            Unreadable::Forwarded => Self::unknown_client(),
            Unreadable::BodyTooLarge => Self::body_too_large(),
            Unreadable::Broken => Self::bad_parameter("The request body could not be read."),
            Unreadable::Timeout => Self::timeout(),
            Unreadable::Crowded => Self::throttled(1),
        }
    }
}

/// What a handler knows besides the request.
pub struct Call {
    /// Who, from where, when.
    pub ctx: RequestContext,
    /// Parameters of the path, in order.
    pub parameters: Vec<String>,
    /// The dashboard session, on routes that need one.
    pub session: Option<Arc<Session>>,
    /// The route.
    pub endpoint: Endpoint,
    /// The client draws random bytes for a symmetric key whose bytes it is not given (`api::wire::inventive`).
    pub invents_symmetric_keys: bool,
    /// The sort of program that it says it comes from; decides nothing.
    pub program: Option<Program>,
}

impl Call {
    /// Whether the route's path begins with this segment.
    pub(crate) fn path_begins(&self, segment: &str) -> bool {
        let route = routes::ROUTES.iter().find(|route| route.endpoint == self.endpoint);
        route.is_some_and(|route| route.template.split('/').nth(1) == Some(segment))
    }

    /// A parameter of the path; empty when the route has none at this place.
    #[must_use]
    pub fn parameter(&self, index: usize) -> &str {
        self.parameters.get(index).map_or("", String::as_str)
    }
}

/// Answers a request. Runs to its end whatever the client does.
pub async fn answer(services: Arc<Services>, raw: RawRequest) -> Response {
    let now = services.clock.now_millis();
    let Ok(request_id) = uuid_v7(now, &*services.entropy) else {
        return Problem::internal().respond(&services.addresses);
    };
    let client_request_id = raw.client_request_id.clone().filter(|id| printable(id));
    let host = services.addresses.classify(&raw.authority);
    let json = matches!(host, Host::Vault(_)) || !dashboard::is_page(&raw.path);
    let client = raw.client;
    // Whatever is logged on the way carries the id under which the request is on record, and what was asked for
    // by kind: never a path, a name or a value.
    let span = tracing::info_span!("request", id = %request_id, operation = tracing::field::Empty);
    let chosen = dashboard::language(raw.cookies.as_deref());
    let language = chosen.unwrap_or_else(|| Language::of_header(raw.accept_language.as_deref()));
    let answer = dispatch(&services, raw, &host, (request_id, now), &span).instrument(span.clone());
    let mut response = speaking(language, answer).await;
    common_headers(&mut response, request_id, client_request_id, json);
    if matches!(host, Host::Vault(_)) {
        response.headers.push(("x-ms-keyvault-network-info", network_info(client)));
    }
    response
}

/// Answers what never came to be a request, or whose handling ended in a fault: of it is known where it came from.
pub(crate) async fn unparsed(
    services: Arc<Services>,
    client: IpAddr,
    listener: &'static str,
    wire: Arc<Wire>,
    problem: Problem,
) -> Response {
    anonymous(services, client, listener, wire, "Request", Err(problem)).await
}

/// Gives an answer that knows no principal and no vault, with a record of it like every other one.
pub(crate) async fn anonymous(
    services: Arc<Services>,
    client: IpAddr,
    listener: &'static str,
    wire: Arc<Wire>,
    operation: &'static str,
    result: Result<Response, Problem>,
) -> Response {
    let now = services.clock.now_millis();
    let Ok(request_id) = uuid_v7(now, &*services.entropy) else {
        return Problem::internal().respond(&services.addresses);
    };
    let arrival = Arrival { request_id, client, listener, wire, now, began: services.clock.ticks_micros() };
    let span = tracing::info_span!("request", id = %request_id, operation);
    let ctx = arrival.anonymous();
    let recorded = finish(&services, &ctx, None, operation, result, false);
    let mut response = recorded.instrument(span).await;
    common_headers(&mut response, request_id, None, true);
    response
}

/// Where a vault sees its caller come from, in Azure's form: what network rules judge, told to the caller alone.
fn network_info(client: IpAddr) -> String {
    let client = client.to_canonical();
    let (connection, family) = match client {
        IpAddr::V4(_) => ("Ipv4", "InterNetwork"),
        IpAddr::V6(_) => ("Ipv6", "InterNetworkV6"),
    };
    format!("conn_type={connection};addr={client};act_addr_fam={family};")
}

/// A policy module bounds how long the answer may be kept: the client is told, and no cache on the way may keep any of
/// it, because none would throw it away in time.
fn shorten(response: &mut Response, seconds: u32) {
    response.headers.retain(|(name, _)| *name != "cache-control");
    response.headers.push(("cache-control", "no-store".to_owned()));
    response.headers.push((KEEP_FOR, seconds.to_string()));
}

fn printable(id: &str) -> bool {
    id.len() <= 128 && id.bytes().all(|b| b.is_ascii_graphic())
}

fn common_headers(response: &mut Response, request_id: Uuid, client_request_id: Option<String>, json: bool) {
    // A handler may forbid every copy, as the token endpoint must (RFC 6749 section 5.1).
    let stricter = response.headers.iter().any(|(name, _)| *name == "cache-control");
    let mut add = |name, value: &str| response.headers.push((name, value.to_owned()));
    add("strict-transport-security", "max-age=31536000;includeSubDomains");
    add("x-content-type-options", "nosniff");
    add("x-ms-request-id", &request_id.to_string());
    if json {
        if !stricter {
            add("cache-control", "no-cache");
        }
        add("pragma", "no-cache");
        add("expires", "-1");
        add("x-ms-keyvault-service-version", concat!("strongroom/", env!("CARGO_PKG_VERSION")));
        if let Some(id) = client_request_id {
            add("x-ms-client-request-id", &id);
        }
    }
}

async fn dispatch(
    services: &Arc<Services>,
    raw: RawRequest,
    host: &Host,
    (request_id, now): (Uuid, i64),
    span: &tracing::Span,
) -> Response {
    let method = Method::parse(&raw.method);
    let parsed = parse(&raw);
    let vault = if let Host::Vault(vault) = host { vault.as_ref() } else { None };
    let began = services.clock.ticks_micros();
    let wire = Arc::clone(&raw.wire);
    let arrival = Arrival { request_id, client: raw.client, listener: raw.listener, wire, now, began };
    let site = match host {
        Host::Base => Site::Base,
        Host::Vault(_) => Site::Vault,
        // Whoever looks after a machine may know it by its address alone.
        Host::Foreign if method == Method::Get && matches!(raw.path.as_str(), "/healthz" | "/readyz") => {
            let endpoint = if raw.path == "/healthz" { Endpoint::Health } else { Endpoint::Ready };
            return api::health::answer(services, endpoint);
        }
        Host::Foreign => {
            return finish(services, &arrival.anonymous(), vault, "Request", Err(Problem::misdirected()), false).await;
        }
    };
    let found = match &parsed {
        Ok((path, _)) => routes::find(site, method, path),
        Err(_) => Found::Nothing,
    };
    let (access, operation) = match &found {
        Found::Route(route, _) => (route.access, api::operation(route.endpoint)),
        // A vault's host tells nobody which paths it has.
        _ if site == Site::Vault || raw.path.starts_with("/api/") => (Access::Bearer, "Request"),
        _ => (Access::Public, "Request"),
    };
    span.record("operation", operation);
    if let Found::Route(route, _) = &found
        && matches!(route.endpoint, Endpoint::Health | Endpoint::Ready)
    {
        // Probes are not recorded.
        return api::health::answer(services, route.endpoint);
    }
    // A cookie comes from a browser alone: whoever mistyped an address is shown a page.
    let browser = matches!(found, Found::Nothing) && method == Method::Get && raw.cookies.is_some();
    let page = access == Access::Session || (access == Access::Public && (browser || dashboard::is_page(&raw.path)));
    let answers = Answers {
        success: match &found {
            Found::Route(route, _) => api::success_status(route.endpoint),
            _ => 200,
        },
        otherwise: if page { problem::status_of_page } else { problem::status_of },
    };
    let mut session = None;
    let ctx = match access {
        Access::Public => arrival.anonymous(),
        Access::Bearer => match authenticate(services, raw.authorization.as_ref(), now).await {
            Ok(principal) => arrival.of(principal),
            Err(problem) => return finish(services, &arrival.anonymous(), vault, operation, Err(problem), false).await,
        },
        Access::Session => match dashboard::session(services, raw.cookies.as_deref(), now).await {
            Ok(Some(found)) => {
                let ctx = arrival.of(Arc::new(found.principal.clone()));
                session = Some(found);
                if method == Method::Get { ctx.looking() } else { ctx }
            }
            Ok(None) => {
                let told = (raw.origin.as_deref(), raw.content_type.as_deref());
                let typed = method == Method::Post && told.0 == Some(services.addresses.base());
                let body = if typed { raw.body.complete().await.ok() } else { None };
                let kept =
                    body.and_then(|body| dashboard::without_session(services, (&raw.path, &raw.query), told, &body));
                let leads = kept.unwrap_or_else(|| dashboard::to_sign_in(method, &raw.path, &raw.query));
                return finish(services, &arrival.anonymous(), vault, operation, Ok(leads), true).await;
            }
            Err(problem) => return finish(services, &arrival.anonymous(), vault, operation, Err(problem), true).await,
        },
    };
    let (path, query) = match parsed {
        Ok(parsed) => parsed,
        Err(problem) => return finish(services, &ctx, vault, operation, Err(problem), page).await,
    };
    let (route, parameters) = match found {
        Found::Route(route, parameters) => (route, parameters),
        // A tab that is opened once more asks for the address that a form was sent to.
        Found::OtherMethod if page && method == Method::Get => {
            return finish(services, &ctx, vault, operation, Ok(dashboard::to_page_of_form(&raw.path)), page).await;
        }
        Found::OtherMethod => {
            return finish(
                services,
                &ctx,
                vault,
                operation,
                Err(Problem::method_not_allowed(&shown(&raw.method))),
                page,
            )
            .await;
        }
        Found::Nothing => return finish(services, &ctx, vault, operation, Err(Problem::no_route()), page).await,
    };
    let body = match raw.body.complete().await {
        Ok(body) => body,
        Err(error) => return finish(services, &ctx, vault, operation, Err(error.into()), page).await,
    };
    let invents_symmetric_keys = raw.user_agent.as_deref().is_some_and(api::wire::inventive::invents_symmetric_keys);
    let program = raw.user_agent.as_deref().and_then(Program::of);
    let request = Request {
        method,
        path,
        query,
        authorization: raw.authorization,
        cookies: raw.cookies,
        origin: raw.origin,
        content_type: raw.content_type,
        if_match: raw.if_match,
        client_request_id: raw.client_request_id,
        body,
        client: raw.client,
    };
    let call = Call {
        ctx: ctx.answered(answers),
        parameters,
        session,
        endpoint: route.endpoint,
        invents_symmetric_keys,
        program,
    };
    let result = match (route.site, route.access) {
        (Site::Vault, _) => api::vault_site(services, &call, vault.cloned(), request).await,
        (Site::Base, _) => api::base_site(services, &call, request).await,
    };
    let told = (operation, api::unrecorded(route));
    finish_about(services, &call.ctx, (vault, named(route.template, &call)), told, result, page).await
}

/// The object that a route of a vault names, as it was asked for: on record also where the request was not understood.
fn named(template: &str, call: &Call) -> Option<(ObjectKind, ObjectName)> {
    let mut segments = template.split('/').skip(1);
    let kind = match segments.next()? {
        "secrets" | "deletedsecrets" => ObjectKind::Secret,
        "keys" | "deletedkeys" => ObjectKind::Key,
        "certificates" if template.starts_with("/certificates/issuers") => {
            segments.next();
            ObjectKind::Issuer
        }
        "certificates" | "deletedcertificates" => ObjectKind::Certificate,
        _ => return None,
    };
    let name = segments.next().filter(|segment| *segment == "{name}").map(|_| call.parameter(0))?;
    Some((kind, ObjectName::parse(name).ok()?))
}

/// What is known of a request before it is known who asks.
#[derive(Clone)]
struct Arrival {
    request_id: Uuid,
    client: IpAddr,
    listener: &'static str,
    wire: Arc<Wire>,
    now: i64,
    began: u64,
}

impl Arrival {
    fn of(&self, principal: Arc<Principal>) -> RequestContext {
        RequestContext::new(self.request_id, principal, self.client, self.listener, self.now)
            .over(Arc::clone(&self.wire))
            .begun(self.began)
    }

    fn anonymous(&self) -> RequestContext {
        self.of(Arc::new(Principal::anonymous()))
    }
}

type Parsed = (Vec<String>, Vec<(String, String)>);

fn parse(raw: &RawRequest) -> Result<Parsed, Problem> {
    Ok((paths::segments(&raw.path)?, paths::query(&raw.query)?))
}

fn shown(method: &str) -> String {
    method.chars().filter(char::is_ascii_alphabetic).take(16).collect()
}

pub(crate) async fn authenticate(
    services: &Services,
    authorization: Option<&Zeroizing<String>>,
    now: i64,
) -> Result<Arc<Principal>, Problem> {
    let token = bearer(authorization).ok_or_else(Problem::missing_token)?;
    if token.starts_with(TOKEN_PREFIX) {
        let session = command_line_session(services, authorization, now).await?;
        return session
            .map(|s| Arc::new(s.principal.clone()))
            .ok_or(TokenRejected::Invalid("token-session-over").into());
    }
    Ok(services.authenticator.authenticate(token, now).await?)
}

/// The session of the command line behind a bearer token, if it is of one.
pub(crate) async fn command_line_session(
    services: &Services,
    authorization: Option<&Zeroizing<String>>,
    now: i64,
) -> Result<Option<Arc<Session>>, Problem> {
    match bearer(authorization) {
        Some(token) => Ok(services.entrance.command_line_session(token, now).await?),
        None => Ok(None),
    }
}

pub(crate) fn bearer(authorization: Option<&Zeroizing<String>>) -> Option<&str> {
    let (scheme, token) = authorization?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn finish(
    services: &Services,
    ctx: &RequestContext,
    vault: Option<&VaultName>,
    operation: &str,
    result: Result<Response, Problem>,
    page: bool,
) -> Response {
    finish_about(services, ctx, (vault, None), (operation, operation), result, page).await
}

/// Turns a result into an answer, and makes sure that there is a record of it: of what was asked for, or of what was done
/// where nothing says otherwise.
async fn finish_about(
    services: &Services,
    ctx: &RequestContext,
    (vault, object): (Option<&VaultName>, Option<(ObjectKind, ObjectName)>),
    (asked, done): (&str, &str),
    result: Result<Response, Problem>,
    page: bool,
) -> Response {
    let (mut response, reason) = match result {
        Ok(response) => {
            let reason = response.reason;
            (response, reason)
        }
        Err(mut problem) => {
            let reason = problem.reason;
            // By it, whoever may read the records finds out why.
            if problem.status == 403 && !problem.message.contains("Decision: ") {
                problem.message.push_str(&format!("\r\nDecision: {}", ctx.request_id));
            }
            let response =
                if page { dashboard::problem_page(ctx, &problem) } else { problem.respond(&services.addresses) };
            (response, reason)
        }
    };
    if let Some(seconds) = ctx.lifetime() {
        shorten(&mut response, seconds);
    }
    if ctx.is_recorded() {
        if ctx.recorded_status().is_some_and(|recorded| recorded != response.status) {
            tracing::error!(request = %ctx.request_id, status = response.status, "the record has another status");
        }
        return response;
    }
    let single = match response.status {
        _ if !ctx.principal.is_anonymous() => true,
        ..400 => services.flood.admit_read(ctx.now),
        _ => services.flood.admit(ctx.now),
    };
    if !single {
        return response;
    }
    let mut record = Record::of(ctx, asked);
    record.status = Some(response.status);
    // As the host names it: whether there is such a vault was not looked at.
    record.vault = vault.map(|vault| vault.as_str().to_owned());
    if let Some((kind, name)) = object {
        record.kind = Some(kind.as_str().to_owned());
        record.object = Some(name.as_str().to_owned());
    }
    reason.clone_into(&mut record.reason);
    record.outcome = match response.status {
        // Led to sign-in: nothing was shown.
        _ if reason == dashboard::SESSION_MISSING => Outcome::Unauthenticated,
        401 => Outcome::Unauthenticated,
        403 => Outcome::Denied,
        400.. => Outcome::Failed,
        _ => Outcome::Allowed,
    };
    if record.outcome == Outcome::Allowed {
        done.clone_into(&mut record.operation);
    }
    match services.recorder.note(ctx, record).await {
        Ok(()) => response,
        Err(no_record) => {
            tracing::error!(%no_record, "a request could not be recorded");
            // A request without a credential learns nothing from being asked for one; everything else waits for its
            // record, or whether a token counts could be tried without a trace.
            match (response.status, Problem::from(no_record)) {
                (401, _) if reason == "token-missing" => response,
                (_, problem) if page => dashboard::problem_page(ctx, &problem),
                (_, problem) => problem.respond(&services.addresses),
            }
        }
    }
}
