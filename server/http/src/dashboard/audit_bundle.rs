//! GET /audit/bundle: the newest records that a filter takes, each with its receipt, as a file that is checked without the
//! server and without its database. It proves of each record that it is in the log, and not that none was left out: the
//! first line says what was chosen.

use serde_json::json;
use strongroom_domain::{
    admin::MAX_RECEIPTS,
    record::{Proof, Without},
};
use strongroom_web::{Act, Icon, Snippet, say};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{Failure, audit_filter::Asked, frame::Viewer, links, view};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Leads there from the audit page.
pub(super) fn act(asked: &Asked) -> Act {
    let label = say!("audit-bundle-newest", most = MAX_RECEIPTS);
    Act::link(&label, asked.address(links::AUDIT_BUNDLE, &[("group", None)]), Icon::Download)
}

/// The command that checks a bundle.
pub(super) fn verifiable(public_key: &str) -> Snippet {
    // The name of a download ends in when it was made.
    let command = format!("strongroom audit verify-receipt audit-receipts-*.jsonl --public-key {public_key}");
    Snippet::new(say!("audit-bundle-to-check"), command)
}

/// # Errors
/// The gate's denial, or why the records cannot be read.
pub(super) async fn file(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let mut asked = Asked::of(viewer, request, MAX_RECEIPTS)?;
    // Whoever is handed the file takes it for all that its first line names, the looks of its maker at the log included.
    asked.filter.without = Without::default();
    let place = viewer.services.long_answers.enter(&viewer.call.ctx.principal.id).await?;
    let admin = &viewer.services.admin;
    let page = admin.query_audit(&viewer.call.ctx, asked.filter.clone()).await?;
    let ids: Vec<Uuid> = page.items.iter().map(|record| record.id).collect();
    let proofs = admin.receipts(&viewer.further()?, &ids).await?;
    let (mut lines, mut receipts, mut uncovered) = (Vec::new(), 0_u64, 0_u64);
    for proof in proofs {
        match proof {
            Proof::Covered(receipt) => {
                serde_json::to_writer(&mut lines, &receipt).map_err(|_| Problem::internal())?;
                lines.push(b'\n');
                receipts = receipts.saturating_add(1);
            }
            // The next checkpoint covers it, within seconds.
            Proof::NotYet | Proof::NoRecord => uncovered = uncovered.saturating_add(1),
        }
    }
    let filter: serde_json::Map<_, _> = asked.given().map(|(name, text)| (name.to_owned(), json!(text))).collect();
    let head = json!({
        "bundle": {
            "filter": filter,
            "from": asked.filter.from.map(Asked::moment),
            "until": asked.filter.until.map(Asked::moment),
            "receipts": receipts,
            "not_covered_yet": uncovered,
            "whole": page.next.is_none() && asked.filter.before.is_none() && uncovered == 0,
            // Not the key itself: a file must not say by which key it is to be believed.
            "verify": verifiable("audit.pub").code,
        }
    });
    let mut body = format!("{head}\n").into_bytes();
    body.append(&mut lines);
    let time = view::audit_time(viewer.call.ctx.now).iso.replace([':', '.'], "-");
    Ok(Response { body: Zeroizing::new(body), ..Response::empty(200) }
        .with("content-type", "application/x-ndjson; charset=utf-8".to_owned())
        .with("content-disposition", format!("attachment; filename=\"audit-receipts-{time}.jsonl\""))
        .with("cache-control", "no-store".to_owned())
        .in_place(place))
}
