//! The door for certificate authorities: `GET /.well-known/acme-challenge/TOKEN` in plain HTTP (RFC 8555, section 8.3).
//!
//! Whoever asks for a token of an order that is under way is told its answer, which is no secret; everything else is not
//! found. Reads no body and no header, knows no principal, leads to nothing else of this server, and says nothing that is
//! not on record.

use std::{convert::Infallible, sync::Arc};

use actix_http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use zeroize::Zeroizing;

use super::{
    guard::Caller,
    request::{render, written},
};
use crate::{edge, message, problem::Problem, services::Services};

/// Where an authority looks.
const PLACE: &str = "/.well-known/acme-challenge/";
/// What it does there, as the record names it.
const OPERATION: &str = "ChallengeAnswer";

pub(super) async fn handle(services: Arc<Services>, request: &Request) -> Result<Response<Bytes>, Infallible> {
    let Some(caller) = request.conn_data::<Caller>().cloned() else {
        return Ok(Response::with_body(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()));
    };
    // Over when this answers; a body is not waited for.
    caller.wants_no_more();
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    let token = request.uri().path().strip_prefix(PLACE).filter(|_| asks);
    let answer = match token {
        None => Ok(None),
        Some(token) => services.proofs.answer(token, services.clock.now_millis().div_euclid(1000)).await,
    };
    let shown = match answer {
        Ok(Some(answer)) => Ok(plain(200, answer, "ok")),
        Ok(None) => Ok(plain(404, String::new(), "no-such-challenge")),
        Err(error) => {
            tracing::error!(%error, "a certificate authority was not shown what it looks for");
            Err(Problem::unavailable("challenge-unreadable"))
        }
    };
    let (client, wire) = (caller.client, Arc::clone(&caller.wire));
    let recorded = edge::anonymous(services, client, caller.door.name, wire, OPERATION, shown);
    // On record also when the authority hangs up.
    let answer = match tokio::spawn(recorded).await {
        Ok(response) => render(response),
        Err(_) => Response::with_body(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    };
    caller.answered(written(&answer, *request.method() == Method::HEAD));
    Ok(answer)
}

fn plain(status: u16, body: String, reason: &'static str) -> message::Response {
    message::Response {
        headers: vec![
            ("content-type", "application/octet-stream".to_owned()),
            ("cache-control", "no-store".to_owned()),
        ],
        body: Zeroizing::new(body.into_bytes()),
        reason,
        ..message::Response::empty(status)
    }
}
