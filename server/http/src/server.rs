//! The listener: actix and rustls around the edge. Bounds what a connection may cost; turns the
//! framework's request into a [`RawRequest`] and hands it to a task of its own, so that a client
//! that hangs up cancels nothing half-way.

use std::{net::TcpListener, sync::Arc, time::Duration};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::Server,
    http::{StatusCode, header},
    web,
};
use futures_util::StreamExt as _;
use zeroize::Zeroizing;

use crate::{
    edge::{self, BodyError, MAX_BODY, RawRequest},
    message::Response,
    services::Services,
};

/// Seconds a client has for the request head, and again for the body.
const CLIENT_TIME: Duration = Duration::from_secs(10);
/// Seconds an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Most connections a worker serves at once.
const MAX_CONNECTIONS: usize = 4096;
/// Seconds that requests under way have when the server stops.
const STOP_TIME: u64 = 20;

/// Starts the server on a bound listener. HTTP/1.1 only: actix-http still brings h2 0.3
/// (RUSTSEC-2026-0258), so the TLS configuration must not offer `h2`.
///
/// # Errors
/// When the listener cannot be used.
pub fn serve(
    services: Arc<Services>,
    listener: TcpListener,
    name: &'static str,
    tls: rustls::ServerConfig,
    workers: usize,
) -> std::io::Result<Server> {
    let shared = web::Data::from(services);
    Ok(HttpServer::new(move || {
        App::new().app_data(shared.clone()).default_service(web::to(
            move |services: web::Data<Services>, request: HttpRequest, payload: web::Payload| {
                handle(services.into_inner(), request, payload, name)
            },
        ))
    })
    .workers(workers)
    .max_connections(MAX_CONNECTIONS)
    .client_request_timeout(CLIENT_TIME)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(STOP_TIME)
    .disable_signals()
    .listen_rustls_0_23(listener, tls)?
    .run())
}

async fn handle(
    services: Arc<Services>,
    request: HttpRequest,
    payload: web::Payload,
    listener: &'static str,
) -> HttpResponse {
    let head_only = request.method() == actix_web::http::Method::HEAD;
    let Some(peer) = request.peer_addr() else {
        return HttpResponse::new(StatusCode::BAD_REQUEST);
    };
    let mut raw = head(&request, peer.ip(), listener);
    raw.body = match tokio::time::timeout(CLIENT_TIME, read_body(payload)).await {
        Ok(body) => body,
        Err(_) => Err(BodyError::Timeout),
    };
    let client = raw.client;
    match tokio::spawn(edge::answer(services, raw)).await {
        Ok(response) => render(response, head_only),
        Err(error) => {
            tracing::error!(%error, %client, "a request ended in a fault");
            HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn head(request: &HttpRequest, client: std::net::IpAddr, listener: &'static str) -> RawRequest {
    let text = |name: &str| {
        let mut values = request.headers().get_all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().map(str::to_owned),
            _ => None,
        }
    };
    let authority = match request.uri().authority() {
        Some(authority) => authority.as_str().to_owned(),
        None => text("host").unwrap_or_default(),
    };
    RawRequest {
        method: request.method().as_str().to_owned(),
        authority,
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        authorization: text(header::AUTHORIZATION.as_str()).map(Zeroizing::new),
        cookies: text(header::COOKIE.as_str()),
        origin: text(header::ORIGIN.as_str()),
        content_type: text(header::CONTENT_TYPE.as_str()),
        if_match: text(header::IF_MATCH.as_str()),
        client_request_id: text("x-ms-client-request-id"),
        body: Ok(Zeroizing::default()),
        client,
        listener,
    }
}

async fn read_body(mut payload: web::Payload) -> Result<Zeroizing<Vec<u8>>, BodyError> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| BodyError::Broken)?;
        let wanted = body.len() + chunk.len();
        if wanted > MAX_BODY {
            return Err(BodyError::TooLarge);
        }
        if wanted > body.capacity() {
            // Grows by copying into a new buffer, so that the old one is wiped.
            let mut grown = Zeroizing::new(Vec::with_capacity(wanted.next_power_of_two()));
            grown.extend_from_slice(&body);
            body = grown;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn render(response: Response, head_only: bool) -> HttpResponse {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    for (name, value) in &response.headers {
        builder.append_header((*name, value.as_str()));
    }
    if head_only {
        return builder.finish();
    }
    builder.body(response.body.to_vec())
}
