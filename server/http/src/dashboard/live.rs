//! GET /audit/live: what was recorded since the last look, as server-sent events.
//!
//! Each batch is a request of its own: with the session of that moment, judged by the gate, on record. A tail so ends
//! with the session, with the right to read, and with the server, and nothing is held for whoever is gone. It does not
//! count as use: an open page keeps no session alive.

use std::collections::BTreeMap;

use serde_json::json;
use strongroom_domain::{
    record::{Outcome, Record},
    throttle::{Rate, Throttle},
};
use strongroom_web::{say, visible};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Failure, audit, audit_filter::Asked, frame::Viewer, links, view};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Records that one batch brings at most.
const BATCH: usize = 50;
/// How far before the last record that was seen is looked again, in milliseconds: ids are of when requests arrived,
/// and one that took longer is recorded later than one that came after it.
const OVERLAP: i64 = 10_000;
/// After how many milliseconds a browser asks again.
const AGAIN: u32 = 3000;
/// Batches of one session: 8 at once, then one a second, whatever number of pages is open.
const BATCHES: Rate = Rate { burst: 8, every_millis: 1000 };

/// Counts the batches of each session.
#[must_use]
pub fn live_batches() -> Throttle<[u8; 32]> {
    Throttle::new(BATCHES)
}

/// # Errors
/// 429 when this session asks too often; the gate's denial, or why the records cannot be read.
pub(super) async fn batch(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let ctx = &viewer.call.ctx;
    let counted = viewer.services.live_batches.count(&viewer.session.id_hash, ctx.now);
    counted.map_err(|too_many| Problem::throttled(too_many.retry_after))?;
    let since = match request.query("since") {
        None => None,
        Some(text) => {
            Some(Uuid::try_parse(text).map_err(|_| Problem::bad_parameter(say!("live-that-is-not-a-records")))?)
        }
    };
    let Asked { mut filter, .. } = Asked::of(viewer, request, BATCH)?;
    filter.before = None;
    match since {
        Some(since) => {
            let seen = arrived(since).saturating_sub(OVERLAP);
            filter.from = Some(filter.from.map_or(seen, |from| from.max(seen)));
        }
        None => filter.limit = 1,
    }
    let page = viewer.services.admin.query_audit(ctx, filter).await?;
    // The request itself, when there is nothing yet to begin after.
    let newest = page.items.first().map_or(since.unwrap_or(ctx.request_id), |record| record.id);
    let newest = since.map_or(newest, |since| newest.max(since));
    let more = since.is_some() && page.next.is_some();
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let names = audit::names(viewer, page.items.iter()).await;
    let records: Vec<_> = match since {
        Some(_) => page.items.iter().rev().map(|record| shown(record, own_issuer, &names)).collect(),
        None => Vec::new(),
    };
    let data = json!({ "since": newest, "records": records, "more": more, "again": AGAIN });
    let body = format!("retry: {AGAIN}\nevent: records\nid: {newest}\ndata: {data}\n\n");
    Ok(Response { body: Zeroizing::new(body.into_bytes()), ..Response::empty(200) }
        .with("content-type", "text/event-stream; charset=utf-8".to_owned())
        .with("cache-control", "no-store".to_owned()))
}

/// When the request of a record arrived, by its id (RFC 9562, version 7), Unix milliseconds.
fn arrived(id: Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX)
}

/// A record as the list shows it; like every list, without a value, for a record has none.
fn shown(record: &Record, own_issuer: &str, names: &BTreeMap<Uuid, String>) -> serde_json::Value {
    let view::AuditTime { date, time, iso } = view::audit_time(record.at);
    let (state, outcome) = match record.outcome {
        Outcome::Allowed => ("allowed", say!("live-allowed")),
        Outcome::Denied => ("denied", say!("live-denied")),
        Outcome::Failed => ("failed", say!("live-failed")),
        Outcome::Unauthenticated => ("failed", say!("live-unauthenticated")),
    };
    let who = audit::named(record.principal.as_ref(), &record.principal_kind, own_issuer, names);
    json!({
        "id": record.id,
        "time": format!("{date}, {time} UTC"),
        "iso": iso,
        "state": state,
        "outcome": outcome,
        "reason": record.reason,
        "who": visible(&who),
        "action": record.operation,
        "object": visible(&audit::object(record)),
        "href": links::entry(record.id),
        "why": (record.outcome == Outcome::Denied).then(|| json!({ "label": say!("live-why"), "href": links::why(record.id) })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_its_request_arrived() {
        let id = Uuid::from_u128((1_795_000_000_123_u128 << 80) | 0x7abc_8000_0000_0000_0001);
        assert_eq!(arrived(id), 1_795_000_000_123);
        assert_eq!(arrived(Uuid::max()), 0xffff_ffff_ffff);
    }
}
