//! GET /audit/verify: the records of the time that the audit page shows, verified now: each as it was written, every link,
//! and the newest signed checkpoint. Whose time it was is on record. It must never say more than was checked: stored rows,
//! anchors and the witness are compared with the whole log alone, by the command.

use data_encoding::HEXLOWER;
use strongroom_domain::record::{StretchToVerify, VerifiedChain, VerifiedStretch};
use strongroom_web::{Act, Body, Cell, Icon, Panel, PanelsPage, Row, Table, Tone, say};

use super::{
    Failure, audit_export,
    audit_filter::Asked,
    frame::{Place, Viewer},
    links, rendered, snippets, view,
};
use crate::message::{Request, Response};

/// Most findings that are shown.
const SHOWN: usize = 50;

/// Leads there from the audit page.
pub(super) fn act(asked: &Asked) -> Act {
    Act::link(say!("audit-verify-this-time"), asked.address(links::AUDIT_VERIFY, &[("group", None)]), Icon::Check)
}

/// # Errors
/// The gate's denial, or why the records cannot be read.
pub(super) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let asked = Asked::of(viewer, request, 1)?;
    let (from, until, _) = asked.window(viewer.call.ctx.now);
    let key = HEXLOWER.decode((viewer.services.chain)().public_key.as_bytes()).unwrap_or_default();
    let public_keys = <[u8; 32]>::try_from(key).ok().into_iter().collect();
    let stretch = StretchToVerify { from, until, public_keys };
    let found = viewer.services.admin.verify_audit(&viewer.call.ctx, &stretch).await?;
    let mut main = Vec::new();
    if !found.findings.is_empty() {
        main.push(Panel::new(say!("audit-verify-findings"), Body::Text(findings(&found))));
    }
    if !found.chains.is_empty() {
        let table = Table::new(&["Node", "Positions", "Records", "Covered"], found.chains.iter().map(row).collect());
        main.push(Panel::new(say!("audit-verify-chains"), Body::Table(table)).foot(covered(&found)));
    }
    main.push(Panel::new(
        say!("audit-verify-what-was-checked"),
        Body::Text(vec![say!("audit-verify-checked").to_owned(), say!("audit-verify-not-checked").to_owned()]),
    ));
    let (from, until) = (view::moment_millis(from).text, view::moment_millis(until).text);
    let page = PanelsPage {
        badges: vec![badge(&found)],
        lead: Some(say!("audit-verify-from-until", from = from, until = until)),
        acts: vec![Act::link(say!("audit-verify-back"), asked.address(links::AUDIT, &[]), Icon::Records)],
        notices: found.cut.then(|| say!("audit-verify-cut").to_owned()).into_iter().collect(),
        main,
        aside: vec![snippets::panel(vec![audit_export::verifiable(
            viewer.services.addresses.base(),
            &(viewer.services.chain)().public_key,
        )])],
        ..PanelsPage::new(viewer.shell(&Place::Audit.below(say!("audit-verify-verified"))).await, headline(&found))
    };
    Ok(rendered(200, page.render()))
}

fn headline(found: &VerifiedStretch) -> String {
    let wrong = u64::try_from(found.findings.len()).unwrap_or(u64::MAX).saturating_add(found.more_findings);
    let records: u64 = found.chains.iter().map(|chain| chain.records).sum();
    match (wrong, records) {
        (0, 0) => say!("audit-verify-nothing-there").to_owned(),
        (0, records) => say!("audit-verify-all-fit", records = view::grouped(records)),
        (wrong, _) => say!("audit-verify-wrong", wrong = view::grouped(wrong)),
    }
}

fn badge(found: &VerifiedStretch) -> (Tone, Icon, String) {
    if found.findings.is_empty() {
        (Tone::Good, Icon::Check, say!("audit-verify-intact").to_owned())
    } else {
        (Tone::Bad, Icon::Ban, say!("audit-verify-broken").to_owned())
    }
}

fn findings(found: &VerifiedStretch) -> Vec<String> {
    let mut told: Vec<String> = found.findings.iter().take(SHOWN).cloned().collect();
    let rest = u64::try_from(found.findings.len().saturating_sub(SHOWN)).unwrap_or(u64::MAX);
    let rest = rest.saturating_add(found.more_findings);
    if rest > 0 {
        told.push(say!("audit-verify-more", rest = view::grouped(rest)));
    }
    told
}

fn row(chain: &VerifiedChain) -> Row {
    let VerifiedChain { node, first, last, records, covered } = chain;
    let covered = match covered {
        Some(covered) if covered >= last => Cell::badge(Tone::Good, Icon::Check, say!("audit-verify-all-covered")),
        Some(covered) => Cell::text(say!("audit-verify-covered-to", position = view::grouped(*covered))),
        None => Cell::None(say!("audit-verify-not-covered").to_owned()),
    };
    let positions = say!("audit-verify-positions", first = view::grouped(*first), last = view::grouped(*last));
    Row::new(vec![Cell::Code(node.clone()), Cell::text(positions), Cell::text(view::grouped(*records)), covered])
}

fn covered(found: &VerifiedStretch) -> String {
    match found.checkpoint {
        Some(at) => say!("audit-verify-by-checkpoint", at = view::moment_millis(at).text),
        None => say!("audit-verify-by-none").to_owned(),
    }
}
