//! `/api/v1/audit`.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::Serialize;
use strongroom_domain::{
    action::Action,
    admin::{ACCESS_POLICY_PREVIEW, ASSIGNMENT_PREVIEW},
    names::ObjectKind,
    objects::{ENDING, NAME_SEARCH},
    ports::MAX_CHAIN_PAGE,
    principal::{PrincipalId, SYSTEM_ISSUER},
    record::{ChainedRecord, IdPrefix, Outcome, Record, RecordFilter, TreeCheckpoint, Without},
    scrub,
    secret::Page,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use utoipa::ToSchema;
use uuid::Uuid;

use super::workload_names;
use crate::{
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    routes::ROUTES,
    services::Services,
};

/// Longest text of a filter, in bytes: a principal is an issuer and a subject.
const LONGEST: usize = 1024;
/// Characters of an operation's name that are compared with those there are.
const LONGEST_OPERATION: usize = 64;
/// Operations beside those of actions and routes: what a change of a workload turns out to be, what lists and jobs are
/// called, and what no route was found for.
const OTHERS: [&str; 15] = [
    ACCESS_POLICY_PREVIEW,
    ASSIGNMENT_PREVIEW,
    "AuditResume",
    ENDING,
    NAME_SEARCH,
    "Request",
    "SetupLook",
    scrub::ROUND,
    scrub::FINDING,
    "TokenKeyDestroy",
    "VaultListDeleted",
    "WorkloadDisable",
    "WorkloadEnable",
    "WorkloadList",
    "WorkloadSecretReplace",
];
/// Records on a page of the audit API: default and most.
const AUDIT_PAGE: (usize, usize) = (100, 1000);
#[derive(Serialize, ToSchema)]
#[schema(as = RecordPage)]
pub(crate) struct AuditList<'a> {
    #[schema(value_type = Vec<shapes::Record>)]
    value: &'a [Record],
    next: Option<&'a str>,
    /// Names of workloads that asked, by client id; for who may see workloads.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    names: BTreeMap<Uuid, String>,
}

/// GET /api/v1/audit
pub(crate) async fn query(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let filter = RecordFilter { without: without(call, request)?, ..audit_filter(request, AUDIT_PAGE)? };
    let Page { items, next } = services.admin.query_audit(&call.ctx, filter).await?;
    let names = workload_names(services, call, items.iter().filter_map(|record| record.principal.as_ref())).await;
    Ok(Response::json(200, &AuditList { value: &items, next: next.as_deref(), names }))
}

/// GET /api/v1/audit/checkpoint: the newest signed statement about the whole log.
pub(crate) async fn checkpoint(services: &Services, call: &Call) -> Result<Response, Problem> {
    let checkpoint = services.admin.audit_checkpoint(&call.ctx).await?;
    Ok(Response::json(200, &Newest { installation: services.addresses.tenant(), checkpoint }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = NewestCheckpoint)]
pub(crate) struct Newest<'a> {
    installation: &'a str,
    /// None in the first seconds of an installation's life.
    #[schema(value_type = Option<shapes::TreeCheckpoint>)]
    checkpoint: Option<TreeCheckpoint>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ChainPage<'a> {
    #[schema(value_type = Vec<shapes::ChainedRecord>)]
    value: &'a [ChainedRecord],
    /// Position to go on after; none when the chain has ended.
    next: Option<u64>,
}

/// GET /api/v1/audit/chain/{node}?after=&limit=: records as they were written, in the order of the
/// node's chain, with all that it takes to follow it.
pub(crate) async fn chain(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let after = match request.query("after").filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|_| Problem::bad_parameter("after is a position."))?,
        None => 0,
    };
    let node = call.parameter(0);
    if node.len() > 256 {
        return Err(Problem::bad_parameter("A node's name has at most 256 bytes."));
    }
    let limit = limit(request, (MAX_CHAIN_PAGE, MAX_CHAIN_PAGE))?;
    let page = services.admin.read_chain(&call.ctx, node, after, limit).await?;
    let next = page.last().filter(|_| page.len() == limit).map(|last| last.seq);
    Ok(Response::json(200, &ChainPage { value: &page, next }))
}

/// GET /api/v1/audit/{id}/receipt: one record with its proof.
pub(crate) async fn receipt(services: &Services, call: &Call) -> Result<Response, Problem> {
    let id = Uuid::try_parse(call.parameter(0)).map_err(|_| Problem::bad_parameter("The id of a record is a UUID."))?;
    Ok(Response::json(200, &services.admin.receipt(&call.ctx, id).await?))
}

fn limit(request: &Request, (default, most): (usize, usize)) -> Result<usize, Problem> {
    match request.query("limit").filter(|text| !text.is_empty()) {
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| Problem::bad_parameter(format!("limit is a whole number from 1 to {most}."))),
        None => Ok(default),
    }
}

/// What is wrong with a filter, and with which parameter of it.
#[derive(Debug)]
pub(crate) struct Slip {
    pub(crate) parameter: &'static str,
    pub(crate) problem: Problem,
}

impl Slip {
    pub(crate) fn new(parameter: &'static str, message: impl Into<String>) -> Self {
        Self { parameter, problem: Problem::bad_parameter(message) }
    }

    /// Of this parameter.
    fn of(parameter: &'static str) -> impl Fn(Problem) -> Self {
        move |problem| Self { parameter, problem }
    }
}

impl From<Slip> for Problem {
    fn from(slip: Slip) -> Self {
        slip.problem
    }
}

/// Reads the filters of the audit list, for the API and the dashboard alike.
pub(crate) fn audit_filter(request: &Request, page: (usize, usize)) -> Result<RecordFilter, Slip> {
    let given = |name| request.query(name).filter(|text| !text.is_empty());
    let bounded = |name: &'static str| match given(name) {
        Some(text) if text.len() > LONGEST => Err(Slip::new(name, format!("{name} is longer than {LONGEST} bytes."))),
        other => Ok(other.map(str::to_owned)),
    };
    let outcome = match given("outcome") {
        Some(text) => Some(
            Outcome::parse(text)
                .ok_or_else(|| Slip::new("outcome", "outcome is allowed, denied, failed or unauthenticated."))?,
        ),
        None => None,
    };
    let before = match given("before") {
        Some(text) => Some(Uuid::try_parse(text).map_err(|_| Slip::new("before", "before is a record's whole id."))?),
        None => None,
    };
    let id = match given("id") {
        Some(text) => Some(IdPrefix::parse(text).ok_or_else(|| {
            let least = IdPrefix::LEAST;
            Slip::new("id", format!("id is a record's id, or its beginning of at least {least} characters."))
        })?),
        None => None,
    };
    let moment = |name: &'static str| match given(name) {
        Some(text) => moment(text).map(Some).ok_or_else(|| {
            let forms = "a moment: 2026-01-31T12:00:00Z (RFC 3339) or Unix milliseconds";
            Slip::new(name, format!("{name} is {forms}."))
        }),
        None => Ok(None),
    };
    let vault = bounded("vault")?.map(|vault| vault.to_ascii_lowercase());
    let about = about(bounded("object")?.unwrap_or_default().as_str(), vault).map_err(Slip::of("object"))?;
    let operation =
        given("operation").map(operation_named).transpose().map_err(Slip::of("operation"))?.map(str::to_owned);
    let client = given("client").map(|text| {
        let address = text.trim().parse::<IpAddr>().ok();
        address.ok_or_else(|| Slip::new("client", "client is a whole address: 192.0.2.7 or 2001:db8::7."))
    });
    let kind = given("kind").map(|text| {
        let words = || ObjectKind::ALL.map(ObjectKind::as_str).join(", ");
        ObjectKind::parse(text).ok_or_else(|| Slip::new("kind", format!("kind is one of {}.", words())))
    });
    let principal = bounded("principal")?;
    let whole_principal = principal.as_deref().and_then(principal_of);
    Ok(RecordFilter {
        outcome,
        vault: about.vault,
        object: about.object,
        whole_name: about.whole,
        concerns: about.concerns,
        principal: principal.filter(|_| whole_principal.is_none()),
        whole_principal,
        operation,
        reason: bounded("reason")?,
        client: client.transpose()?.map(|address| address.to_canonical()),
        kind: kind.transpose()?,
        changes_of_people: false,
        without: Without::default(),
        id,
        from: moment("from")?,
        until: moment("until")?,
        before,
        look_through: None,
        limit: limit(request, page).map_err(Slip::of("limit"))?,
    })
}

/// The principal that is named whole, as `ISSUER#SUBJECT`. Issuers are addresses, or Strongroom itself.
fn principal_of(text: &str) -> Option<PrincipalId> {
    let (issuer, subject) = text.rsplit_once('#')?;
    let is_issuer = issuer.contains("://") || issuer == SYSTEM_ISSUER;
    is_issuer.then(|| PrincipalId { issuer: issuer.to_owned(), subject: subject.to_owned() })
}

/// Every operation that a record can tell of.
fn operations() -> BTreeSet<&'static str> {
    let actions = Action::ALL.iter().map(|action| action.operation());
    let routes = ROUTES.iter().map(|route| crate::api::operation(route.endpoint));
    actions.chain(routes).chain(OTHERS).collect()
}

/// The operation of this name, however its letters are written.
fn operation_named(text: &str) -> Result<&'static str, Problem> {
    let all = operations();
    if let Some(known) = all.iter().copied().find(|known| known.eq_ignore_ascii_case(text)) {
        return Ok(known);
    }
    Err(Problem::bad_parameter(format!(
        "There is no such operation; the nearest is {}. Records show their names.",
        nearest(text, all).unwrap_or_default()
    )))
}

/// The name that is written most like a text.
pub(super) fn nearest(text: &str, names: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    let text: String = text.chars().take(LONGEST_OPERATION).collect::<String>().to_ascii_lowercase();
    names.into_iter().min_by_key(|known| distance(&text, &known.to_ascii_lowercase()))
}

/// How many letters are to be put in, taken out or changed to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (above, wanted) in row.iter_mut().skip(1).zip(other.chars()) {
            let changed = diagonal.saturating_add(usize::from(letter != wanted));
            diagonal = *above;
            left = changed.min(diagonal.saturating_add(1)).min(left.saturating_add(1));
            *above = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Reads what is to be left out: `challenges` and `own`, with a comma between them.
fn without(call: &Call, request: &Request) -> Result<Without, Problem> {
    let mut without = Without::default();
    for word in request.query("without").unwrap_or_default().split(',').filter(|word| !word.is_empty()) {
        match word {
            "challenges" => without.challenges = true,
            "own" => without.reads_of = Some(call.ctx.principal.id.clone()),
            _ => return Err(Problem::bad_parameter("without is challenges, own, or both with a comma between them.")),
        }
    }
    Ok(without)
}

/// What records are to be about.
#[derive(Debug, Default, PartialEq, Eq)]
struct About {
    vault: Option<String>,
    object: Option<String>,
    /// Whether that is a whole name: with its vault in front it was written as records are shown.
    whole: bool,
    concerns: Option<String>,
}

/// Collections of objects, as they stand in paths.
const COLLECTIONS: [&str; 3] = ["secrets", "keys", "certificates"];

/// Takes apart what was asked for as the object: it may be written as records are shown, because an empty
/// answer to that reads as if nobody had ever touched it. A bare name is an object's or a vault's, unless
/// the vault is said besides.
fn about(object: &str, vault: Option<String>) -> Result<About, Problem> {
    let object = object.trim().to_ascii_lowercase();
    let object = object.strip_prefix("/vaults/").unwrap_or(&object).trim_matches('/');
    let (place, name) = match object.split('/').collect::<Vec<_>>().as_slice() {
        [""] => return Ok(About { vault, ..About::default() }),
        [name] if vault.is_some() => return Ok(About { vault, object: Some((*name).to_owned()), ..About::default() }),
        [name] => return Ok(About { concerns: Some((*name).to_owned()), ..About::default() }),
        [place, kind] if COLLECTIONS.contains(kind) => ((*place).to_owned(), None),
        [place, name] => ((*place).to_owned(), Some((*name).to_owned())),
        [place, kind, name] if COLLECTIONS.contains(kind) => ((*place).to_owned(), Some((*name).to_owned())),
        _ => {
            return Err(Problem::bad_parameter(
                "object is part of a name, the name of a vault, VAULT/NAME or VAULT/KIND/NAME (demo/secrets/db).",
            ));
        }
    };
    match vault {
        Some(vault) if vault != place => Err(Problem::bad_parameter("object and vault name two vaults.")),
        _ => Ok(About { vault: Some(place), whole: name.is_some(), object: name, concerns: None }),
    }
}

/// Unix milliseconds, of a moment by RFC 3339 or in milliseconds.
pub(crate) fn moment(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse() {
        return Some(millis);
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339)
        // As a field of a browser's form has it: to the minute, here in UTC.
        .or_else(|_| OffsetDateTime::parse(&format!("{text}:00Z"), &Rfc3339))
        .ok()?;
    i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::{About, about, moment, operation_named, principal_of};

    #[test]
    fn operations_are_those_there_are_and_the_nearest_is_named() {
        for written in ["SecretGet", "secretget", "SECRETGET"] {
            assert_eq!(operation_named(written).unwrap(), "SecretGet");
        }
        for known in ["Request", "WorkloadEnable", "ApprovalGrant", "CertificateNearExpiry", "Page"] {
            assert_eq!(operation_named(known).unwrap(), known);
        }
        let nearest = |text: &str| operation_named(text).unwrap_err().message;
        assert!(nearest("SecretGot").contains("the nearest is SecretGet."), "{}", nearest("SecretGot"));
        assert!(nearest("RoleAssignmentAdd").contains("RoleAssignment"), "{}", nearest("RoleAssignmentAdd"));
        assert!(nearest(&"x".repeat(100_000)).len() < 200);
    }

    #[test]
    fn a_principal_may_be_named_whole() {
        let ada = principal_of("https://login.example#ada").unwrap();
        assert_eq!((ada.issuer.as_str(), ada.subject.as_str()), ("https://login.example", "ada"));
        assert_eq!(principal_of("strongroom#purge").unwrap().subject, "purge");
        assert_eq!(principal_of("ada#1"), None, "part of a subject");
    }

    #[test]
    fn an_object_may_be_written_as_it_is_shown() {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let asked = |object: &str, vault: &str| about(object, text(vault)).ok();
        let found = |vault, object, concerns| {
            Some(About { vault: text(vault), object: text(object), whole: false, concerns: text(concerns) })
        };
        let shown = Some(About { vault: text("demo"), object: text("third"), whole: true, concerns: None });
        for whole in ["demo/secrets/Third", "demo/third", "/vaults/demo/secrets/third", " Demo/keys/third "] {
            assert_eq!(asked(whole, ""), shown, "{whole}");
            assert_eq!(asked(whole, "demo"), shown, "{whole}");
            assert_eq!(asked(whole, "other"), None, "{whole}: of two vaults at once there is nothing");
        }
        assert_eq!(asked("demo/secrets", ""), found("demo", "", ""));
        assert_eq!(asked("/vaults/demo", ""), found("", "", "demo"));
        assert_eq!(asked("demo", ""), found("", "", "demo"), "a vault or an object");
        assert_eq!(asked("third", "demo"), found("demo", "third", ""));
        assert_eq!(asked("", "demo"), found("demo", "", ""));
        assert_eq!(asked("", ""), found("", "", ""));
        for wrong in ["demo/things/third", "demo/secrets/third/0123", "a/b/c/d/e"] {
            assert_eq!(asked(wrong, ""), None, "{wrong}");
        }
    }

    #[test]
    fn moments_are_read_in_both_forms() {
        assert_eq!(moment("1700000000123"), Some(1_700_000_000_123));
        assert_eq!(moment("2023-11-14T22:13:20.123Z"), Some(1_700_000_000_123));
        assert_eq!(moment("2023-11-14T23:13:20+01:00"), Some(1_700_000_000_000));
        assert_eq!(moment("2023-11-14T22:13"), Some(1_699_999_980_000));
        assert_eq!(moment("yesterday"), None);
        assert_eq!(moment("99999999999999999999"), None);
    }
}
