//! `/api/v1/audit`.

use serde::Serialize;
use strongroom_domain::{
    record::{Outcome, Record, RecordFilter},
    secret::Page,
};
use uuid::Uuid;

use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// Records on a page of the audit API: default and most.
const AUDIT_PAGE: (usize, usize) = (100, 1000);
#[derive(Serialize)]
struct AuditList<'a> {
    value: &'a [Record],
    next: Option<&'a str>,
}

/// GET /api/v1/audit
pub(crate) async fn query(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let filter = audit_filter(request, AUDIT_PAGE)?;
    let Page { items, next } = services.admin.query_audit(&call.ctx, filter).await?;
    Ok(Response::json(200, &AuditList { value: &items, next: next.as_deref() }))
}

/// Reads the filters of the audit list, for the API and the dashboard alike.
pub(crate) fn audit_filter(request: &Request, (default, most): (usize, usize)) -> Result<RecordFilter, Problem> {
    let given = |name| request.query(name).filter(|text| !text.is_empty());
    let bounded = |name| match given(name) {
        Some(text) if text.len() > 256 => Err(Problem::bad_parameter(format!("{name} is longer than 256 bytes."))),
        other => Ok(other.map(str::to_owned)),
    };
    let outcome = match given("outcome") {
        Some(text) => Some(
            Outcome::parse(text)
                .ok_or_else(|| Problem::bad_parameter("outcome is allowed, denied, failed or unauthenticated."))?,
        ),
        None => None,
    };
    let before = match given("before") {
        Some(text) => Some(Uuid::try_parse(text).map_err(|_| Problem::bad_parameter("before is a record's id."))?),
        None => None,
    };
    let limit = match given("limit") {
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| Problem::bad_parameter(format!("limit is a whole number from 1 to {most}.")))?,
        None => default,
    };
    Ok(RecordFilter {
        outcome,
        vault: bounded("vault")?,
        object: bounded("object")?.map(|o| o.to_ascii_lowercase()),
        principal: bounded("principal")?,
        before,
        limit,
    })
}
