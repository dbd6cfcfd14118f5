//! GET /audit/export: what a filter takes of the audit log, newest first, as a file of JSON lines. Its first line says
//! what the file holds. Must never look whole when it is not; it carries no chain, so it cannot be verified by itself.

use serde_json::json;
use strongroom_domain::record::{RecordFilter, Without};
use strongroom_web::{Act, Icon, Snippet, say};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Failure, audit_filter::Asked, frame::Viewer, links, view};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Most records of a file; the command line exports all.
pub(super) const EXPORTED: usize = 10_000;
/// About how many bytes of a file at most.
const EXPORT_BYTES: usize = 16 * 1024 * 1024;
/// Records that are read at once.
const PAGE: usize = 1000;

/// The link that exports, with how much it will give: what is on the page where that is all, or about how many there
/// are where that is known.
pub(super) fn act(asked: &Asked, whole: Option<u64>, about: Option<u64>) -> Act {
    let most = u64::try_from(EXPORTED).unwrap_or(u64::MAX);
    let label = match (whole, about) {
        (Some(records), _) => say!("audit-export-all-records", records = view::grouped(records)),
        (None, Some(about)) if about <= most => say!("audit-export-about-records", about = view::grouped(about)),
        (None, Some(about)) => {
            say!("audit-export-newest-most-of-about", most = view::grouped(most), about = view::grouped(about))
        }
        (None, None) => say!("audit-export-newest-most", most = view::grouped(most)),
    };
    Act::link(&label, asked.address(links::AUDIT_EXPORT, &[("group", None)]), Icon::Download)
}

/// What an export holds, and what it cannot do.
pub(super) fn told() -> String {
    say!("audit-export-told", most = view::grouped(u64::try_from(EXPORTED).unwrap_or(u64::MAX)))
}

/// The commands that make an export which can be verified, and verify it.
pub(super) fn verifiable(base: &str, public_key: &str) -> Snippet {
    let export = format!("strongroom audit export --server {base} > audit.jsonl");
    let verify =
        format!("strongroom audit verify --export audit.jsonl --public-key {public_key} --until-own-checkpoint");
    Snippet::new(say!("audit-export-to-be-verified"), format!("{export}\n{verify}"))
}

/// # Errors
/// The gate's denial, or why the records cannot be read.
pub(super) async fn file(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let asked = Asked::of(viewer, request, PAGE)?;
    let part = part(request)?;
    let place = viewer.services.long_answers.enter(&viewer.call.ctx.principal.id).await?;
    // A file has everything, however long that takes.
    let mut filter = RecordFilter { look_through: None, ..asked.filter.clone() };
    let mut lines = Vec::new();
    let mut exported: usize = 0;
    let admin = &viewer.services.admin;
    let mut page = admin.query_audit(&viewer.call.ctx, filter.clone()).await?;
    let goes_on = loop {
        for record in &page.items {
            serde_json::to_writer(&mut lines, record).map_err(|_| Problem::internal())?;
            lines.push(b'\n');
        }
        exported = exported.saturating_add(page.items.len());
        let Some(next) = page.next.as_deref().and_then(|next| Uuid::try_parse(next).ok()) else { break None };
        if exported >= EXPORTED || lines.len() >= EXPORT_BYTES {
            break Some(next);
        }
        filter.before = Some(next);
        page = admin.query_audit(&viewer.further()?, filter.clone()).await?;
    };
    let mut body = head(&asked, exported, goes_on, part).into_bytes();
    body.append(&mut lines);
    let time = view::audit_time(viewer.call.ctx.now).iso.replace([':', '.'], "-");
    let part = if goes_on.is_some() || part > 1 { format!("-part-{part}") } else { String::new() };
    Ok(Response { body: Zeroizing::new(body), ..Response::empty(200) }
        .with("content-type", "application/x-ndjson; charset=utf-8".to_owned())
        .with("content-disposition", format!("attachment; filename=\"audit-{time}{part}.jsonl\""))
        .with("cache-control", "no-store".to_owned())
        .in_place(place))
}

/// Which part of an export is asked for.
fn part(request: &Request) -> Result<u32, Problem> {
    match request.query("part").filter(|text| !text.is_empty()) {
        None => Ok(1),
        Some(text) => {
            let part = text.parse().ok().filter(|part| *part > 0);
            part.ok_or_else(|| Problem::bad_parameter(say!("audit-export-part-is-a-number")))
        }
    }
}

/// The first line: what was asked for, how much of it is here, and where the rest is.
fn head(asked: &Asked, records: usize, goes_on: Option<Uuid>, part: u32) -> String {
    let RecordFilter { from, until, before, without, .. } = &asked.filter;
    let (from, until) = (from.map(Asked::moment), until.map(Asked::moment));
    // A stretch before now would be another one when the rest is asked for.
    let rest = goes_on.map(|before| {
        let (before, part) = (before.to_string(), part.saturating_add(1).to_string());
        let others = [
            ("range", None),
            ("from", from.as_deref()),
            ("until", until.as_deref()),
            ("before", Some(before.as_str())),
            ("part", Some(part.as_str())),
        ];
        asked.address(links::AUDIT_EXPORT, &others)
    });
    let filter: serde_json::Map<_, _> = asked.given().map(|(name, text)| (name.to_owned(), json!(text))).collect();
    let told = json!({
        "export": {
            "filter": filter,
            "without_routine": *without != Without::default(),
            "from": from,
            "until": until,
            "part": part,
            "records": records,
            "whole": goes_on.is_none() && before.is_none(),
            "continue": rest,
        }
    });
    format!("{told}\n")
}
