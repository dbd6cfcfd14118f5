//! One request: what the library parsed, bounded and copied out of it, and the answer put back.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use actix_http::{ConnectionType, HttpMessage as _, Method, Payload, Request, Response, StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt as _;
use strongroom_domain::context::Wire;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{forwarded, guard::Caller};
use crate::{
    edge::{self, Body, MAX_BODY, RawRequest, Unreadable},
    large_body::{Claim, Pace},
    message,
    problem::Problem,
    services::Services,
};

/// Longest request head in bytes: target, names and values together. [`framing`](super::framing) gives up at 128 KiB,
/// the library at 96 headers.
const MAX_HEAD: usize = 32 * 1024;

/// How much of a long body arrives before it takes a place among the long ones.
const BEGUN: usize = MAX_BODY / 4;

pub(super) async fn handle(services: Arc<Services>, mut request: Request) -> Result<Response<Bytes>, Infallible> {
    let Some(caller) = request.conn_data::<Caller>().cloned() else {
        return Ok(Response::with_body(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()));
    };
    let payload = request.take_payload();
    let announced = match payload {
        Payload::None => 0,
        // In pieces, of a length that is not said: as long as a body may be.
        _ => text(&request, header::CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(usize::MAX),
    };
    let head_only = request.method() == Method::HEAD;
    let mut raw = head(&request, &caller);
    let (client, wire) = (raw.client, Arc::clone(&raw.wire));
    let wanted = match (&raw.body, &payload) {
        (Body::Read(_), Payload::None) | (Body::Unreadable(_) | Body::Arriving(_), _) => None,
        (Body::Read(_), _) => {
            let (wanted, body) = oneshot::channel();
            raw.body = Body::Arriving(body);
            Some(wanted)
        }
    };
    let claim = wanted.as_ref().filter(|_| announced > MAX_BODY).and_then(|_| Claim::of(&services, &raw));
    let mut answering = tokio::spawn(edge::answer(Arc::clone(&services), raw));
    let (mut early, mut broken) = (None, false);
    // Kept until the answer is there.
    let mut place = None;
    if let Some(wanted) = wanted {
        let arriving = async {
            let claimed = claim.map(|claim| {
                async || {
                    let (limit, granted) = claim.judged(&services).await?;
                    place = granted;
                    Ok::<_, Unreadable>(limit)
                }
            });
            read_body(payload, claimed).await
        };
        let arriving = tokio::time::timeout(caller.door.limits.body, arriving);
        // A refusal does not wait for what it does not look at.
        tokio::select! {
            biased;
            body = arriving => {
                broken = matches!(body, Ok(Err(Unreadable::Broken)));
                // Nobody takes it when the answer has come meanwhile.
                let _ = wanted.send(body.unwrap_or(Err(Unreadable::Timeout)));
            }
            answer = &mut answering => early = Some(answer),
        }
    }
    caller.wants_no_more();
    let answered = match early {
        Some(answer) => answer,
        None => answering.await,
    };
    drop(place);
    let mut answer = match answered {
        Ok(mut response) => {
            caller.keep(response.place.take());
            render(response)
        }
        Err(error) => {
            tracing::error!(%error, %client, "a request ended in a fault");
            let recorded = edge::unparsed(services, client, caller.door.name, wire, Problem::internal());
            match tokio::spawn(recorded).await {
                Ok(response) => render(response),
                Err(_) => Response::with_body(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
            }
        }
    };
    if broken {
        // Nothing can follow it.
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    caller.answered(written(&answer, head_only));
    Ok(answer)
}

/// How much of an answer's body the library writes: a HEAD is told its length alone.
pub(super) fn written(answer: &Response<Bytes>, head_only: bool) -> usize {
    if head_only { 0 } else { answer.body().len() }
}

/// The only value of a header; none when it is given twice or is no text.
fn text(request: &Request, name: header::HeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn head(request: &Request, caller: &Caller) -> RawRequest {
    const CLIENT_REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-ms-client-request-id");
    let door = &caller.door;
    let uri = request.uri();
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let target = uri.path_and_query().map_or(0, |target| target.as_str().len());
    let origin = origin(request, caller);
    let body = match origin {
        _ if headers.saturating_add(target) > MAX_HEAD => Body::Unreadable(Unreadable::HeadTooLarge),
        Err(_) => Body::Unreadable(Unreadable::Forwarded),
        Ok(_) => Body::Read(Zeroizing::default()),
    };
    let (client, wire) = origin.unwrap_or_else(|_| (caller.client, Arc::clone(&caller.wire)));
    let owned = |name| text(request, name).map(str::to_owned);
    RawRequest {
        method: request.method().as_str().to_owned(),
        authority: match uri.authority() {
            Some(authority) => authority.as_str().to_owned(),
            None => owned(header::HOST).unwrap_or_default(),
        },
        path: uri.path().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        authorization: owned(header::AUTHORIZATION).map(Zeroizing::new),
        cookies: owned(header::COOKIE),
        origin: owned(header::ORIGIN),
        content_type: owned(header::CONTENT_TYPE),
        if_match: owned(header::IF_MATCH),
        client_request_id: owned(CLIENT_REQUEST_ID),
        accept_language: owned(header::ACCEPT_LANGUAGE),
        user_agent: owned(header::USER_AGENT),
        body,
        client,
        listener: door.name,
        wire,
    }
}

/// Who asks, and by which way: who connected, or whom a trusted proxy names.
fn origin(request: &Request, caller: &Caller) -> Result<(IpAddr, Arc<Wire>), forwarded::Unreadable> {
    let connected = || (caller.client, Arc::clone(&caller.wire));
    let Some(header) = caller.door.forwarded.filter(|_| caller.trusted) else { return Ok(connected()) };
    let lines = request.headers().get_all(header.name()).map(|value| value.to_str().ok());
    let Some(chain) = header.chain(lines, |address| caller.door.is_proxy(address))? else { return Ok(connected()) };
    let mut hops = chain.into_iter();
    let Some(client) = hops.next() else { return Ok(connected()) };
    let mut wire = Wire::clone(&caller.wire);
    wire.proxies = hops.chain([caller.client]).chain(caller.wire.proxies.iter().copied()).collect();
    Ok((client, Arc::new(wire)))
}

/// Reads a body of at most [`MAX_BODY`], or of what is claimed: that is judged once so much has arrived that the
/// place is for a body that comes, and while the connection still reads. Whoever has one keeps to its pace.
async fn read_body(
    mut payload: Payload,
    mut claimed: Option<impl AsyncFnOnce() -> Result<usize, Unreadable>>,
) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
    let mut limit = MAX_BODY;
    let mut pace: Option<Pace> = None;
    let mut body = Zeroizing::new(Vec::new());
    loop {
        let next = match pace {
            None => payload.next().await,
            Some(pace) => {
                tokio::time::timeout_at(pace.due(body.len()), payload.next()).await.map_err(|_| Unreadable::Timeout)?
            }
        };
        let Some(chunk) = next else { return Ok(body) };
        let chunk = chunk.map_err(|_| Unreadable::Broken)?;
        let wanted = body.len() + chunk.len();
        if wanted > BEGUN
            && let Some(claimed) = claimed.take()
        {
            limit = claimed().await?;
            pace = (limit > MAX_BODY).then(|| Pace::begin(body.len()));
        }
        if wanted > limit {
            return Err(Unreadable::BodyTooLarge);
        }
        if wanted > body.capacity() {
            // Grows by copying into a new buffer, so that the old one is wiped.
            let mut grown = Zeroizing::new(Vec::with_capacity(wanted.next_power_of_two()));
            grown.extend_from_slice(&body);
            body = grown;
        }
        body.extend_from_slice(&chunk);
    }
}

pub(super) fn render(response: message::Response) -> Response<Bytes> {
    let message::Response { status, headers, body, .. } = response;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // The body is wiped when the library has copied it to the connection.
    let mut rendered = Response::with_body(status, Bytes::from_owner(body));
    for (name, value) in headers {
        match header::HeaderValue::try_from(value) {
            Ok(value) => rendered.headers_mut().append(header::HeaderName::from_static(name), value),
            Err(_) => {
                tracing::error!(name, "a header of an answer has no form");
                return Response::with_body(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new());
            }
        }
    }
    rendered
}
