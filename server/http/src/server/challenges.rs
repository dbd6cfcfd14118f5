//! The door for certificate authorities: `GET /.well-known/acme-challenge/TOKEN` in plain HTTP (RFC 8555, section 8.3).
//!
//! Whoever asks for a token of an order that is under way is told its answer, which is no secret; everything else is not
//! found. Reads no body and no header, knows no principal, and leads to nothing else of this server.

use std::convert::Infallible;

use actix_http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;

use super::guard::Caller;
use crate::services::Services;

/// Where an authority looks.
const PLACE: &str = "/.well-known/acme-challenge/";

pub(super) async fn handle(services: &Services, request: &Request) -> Result<Response<Bytes>, Infallible> {
    let Some(caller) = request.conn_data::<Caller>().cloned() else {
        return Ok(Response::with_body(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()));
    };
    // Over when this answers; a body is not waited for.
    let turn = caller.begin(0);
    turn.body_is_complete();
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    let token = request.uri().path().strip_prefix(PLACE).filter(|_| asks);
    let answer = match token {
        None => Ok(None),
        Some(token) => services.proofs.answer(token, services.clock.now_millis().div_euclid(1000)).await,
    };
    let (status, body) = match answer {
        Ok(Some(answer)) => (StatusCode::OK, answer),
        Ok(None) => (StatusCode::NOT_FOUND, String::new()),
        Err(error) => {
            tracing::error!(%error, "a certificate authority was not shown what it looks for");
            (StatusCode::SERVICE_UNAVAILABLE, String::new())
        }
    };
    let body = if *request.method() == Method::HEAD { Bytes::new() } else { Bytes::from(body) };
    caller.answered(body.len());
    let mut response = Response::with_body(status, body);
    let plain = header::HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    Ok(response)
}
