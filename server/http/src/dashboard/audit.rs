//! The audit log: what was decided, newest first, and over time.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::ObjectKind,
    principal::PrincipalId,
    record::{Outcome as Ended, Record, RecordFilter},
};
use strongroom_web::{Act, AuditPage, Bar, Cell, ChainBadge, Chart, Icon, Mark, say};
use uuid::Uuid;

use super::{
    Failure, audit_bundle, audit_export,
    audit_filter::{Asked, COUNTED, LOOKED_THROUGH, RANGES},
    audit_lines, audit_verify, audit_views, audit_who, changed,
    frame::{Place, Viewer, without_scheme},
    links, rendered,
    snippets::Commands,
    view,
};
use crate::{
    api::manage::audit::Slip,
    message::{Request, Response},
    services::{ChainStatus, Reached, Verified},
};

/// Records on a page.
const PAGE: usize = 50;
/// Changes that a chart marks, and the newest of all among which they are looked for.
const MARKS: usize = 5;
const MARKS_FROM: usize = 100;
/// For how long the reasons of denials are counted ahead, milliseconds: a day, to the end of its stretch.
const REASONS_COUNTED: i64 = 25 * 3_600_000;
/// Most denials of a longer time whose reasons are read, at a quarter of a millisecond each.
const REASONS_READ: u64 = 300;
/// How operations begin that change what is decided.
const DECIDES: [&str; 6] = ["Vault", "Policy", "Role", "AccessPolicy", "TokenKey", "Setup"];
/// What begins like one of them and changes nothing of that.
const ASKS_AGAIN: &str = "PolicyReplay";
/// Bars as long as this are told by their day.
const LONG_STRETCH: i64 = 2 * 60 * 60 * 1000;
/// Digits of a hash that are shown.
const HASH_DIGITS: usize = 8;

/// # Errors
/// The gate's denial, or why the records cannot be read.
pub(super) async fn list(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let mut asked = match Asked::of(viewer, request, PAGE) {
        Ok(asked) => asked,
        Err(slip) => return slipped(viewer, request, slip).await,
    };
    let first_href = asked.filter.before.map(|_| asked.address(links::AUDIT, &[]));
    let mut listed = audit_lines::ask(viewer, &viewer.call.ctx, &asked).await?;
    let workloads = audit_who::named(viewer, &asked.filter).await;
    // No subject has it, and one workload is called so.
    if let ([client_id], true) = (workloads.as_slice(), listed.is_empty()) {
        asked.ask_for(*client_id);
        listed = audit_lines::ask(viewer, &viewer.further()?, &asked).await?;
    }
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let names = names(viewer, listed.records()).await;
    let commands = Commands::of_installation(viewer.services);
    let counted = if asked.filter.before.is_none() { chart(viewer, &asked).await } else { Ok(None) };
    let (chart, uncounted) = counted.map_or_else(|no| (None, Some(no.why)), |chart| (chart, None));
    let ranges = RANGES.iter().map(|(range, length, _)| {
        let label = say!("audit-last-length", length = Asked::length_words(*length));
        let href = asked.address(links::AUDIT, &[("range", Some(*range)), ("from", None), ("until", None)]);
        Act::Link { label, href, icon: None, primary: false }
    });
    // With scripts, what is new also comes by itself.
    let reload = Act::link(say!("audit-reload"), asked.address(links::AUDIT, &[]), Icon::Records);
    let is_all = listed.next.is_none() && asked.filter.before.is_none();
    let whole = is_all.then(|| listed.records_len());
    // What the chart counts is what the filter takes, where that says since when.
    let about = chart.as_ref().filter(|_| asked.filter.from.is_some()).map(Chart::counted);
    let export = audit_export::act(&asked, whole, about);
    let (command, address) = asked.elsewhere();
    let ways = audit_who::ways(viewer, &asked, &workloads).await;
    let answer = match &chart {
        Some(chart) => answer(viewer, &asked, chart).await,
        None => None,
    };
    let page = AuditPage {
        shell: viewer.shell(&Place::Audit).await,
        rows: listed.rows(&asked, own_issuer, &names),
        folded: listed.folded(),
        next_href: listed.next.as_deref().map(|next| asked.address(links::AUDIT, &[("before", Some(next))])),
        first_href,
        chain: chain((viewer.services.chain)()),
        partial: if let Some(sentence) = listed.folded_in_part(PAGE) {
            Some(sentence)
        } else if asked.looks_for_part() && listed.rows_len() < PAGE && listed.next.is_some() {
            let most = view::grouped(u64::try_from(LOOKED_THROUGH).unwrap_or(0));
            Some(say!("audit-only-most-records-have-been", most = most))
        } else {
            (asked.filter.outcome == Some(Ended::Failed))
                .then(|| say!("audit-requests-without-a-valid-credential").to_owned())
        },
        left_out: asked.left_out(),
        filter: asked.form(),
        views: audit_views::beside(viewer, request.cookies.as_deref(), &asked.address(links::AUDIT, &[])),
        words: asked.words(),
        kind: asked.kind().to_owned(),
        answer,
        chart,
        uncounted,
        acts: ranges
            .chain([
                reload,
                audit_lines::other_way(&asked),
                audit_verify::act(&asked),
                export,
                audit_bundle::act(&asked),
            ])
            .chain(ways)
            .collect(),
        copy_as: vec![
            commands.server(&command),
            commands.curl_server("GET", &address, None),
            audit_export::verifiable(viewer.services.addresses.base(), &(viewer.services.chain)().public_key),
            audit_bundle::verifiable(&(viewer.services.chain)().public_key),
        ],
        exports: audit_export::told(),
    };
    Ok(rendered(200, page.render()))
}

/// Why there is no chart.
pub(super) struct NoChart {
    /// In words.
    pub(super) why: String,
    /// The records could not be read, and not only that there are too many.
    pub(super) unread: bool,
}

/// The page with the filter as it was typed and what is wrong with it, for whoever may read the log.
async fn slipped(viewer: &Viewer<'_>, request: &Request, slip: Slip) -> Result<Response, Failure> {
    let asked = Asked::slipped(request);
    let Some(filter) = asked.form_with(&slip, viewer.call.ctx.request_id) else { return Err(slip.into()) };
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        // The gate's own answer, and its record.
        viewer.services.admin.query_audit(&viewer.call.ctx, asked.filter.clone()).await?;
        return Err(slip.into());
    }
    let page = AuditPage {
        shell: viewer.shell(&Place::Audit).await,
        rows: Vec::new(),
        folded: None,
        filter,
        views: audit_views::beside(viewer, request.cookies.as_deref(), links::AUDIT),
        words: asked.words(),
        kind: String::new(),
        answer: Some(say!("audit-the-filter-cannot-be-asked").to_owned()),
        chart: None,
        uncounted: None,
        acts: Vec::new(),
        exports: audit_export::told(),
        copy_as: Vec::new(),
        next_href: None,
        first_href: None,
        chain: chain((viewer.services.chain)()),
        partial: None,
        left_out: None,
    };
    Ok(Response { reason: slip.problem.reason, ..rendered(slip.problem.status, page.render()) })
}

/// How many of each sort there were in the time that is looked at; none when there is nothing.
///
/// # Errors
/// Why it cannot be told.
pub(super) async fn chart(viewer: &Viewer<'_>, asked: &Asked) -> Result<Option<Chart>, NoChart> {
    let (from, until, stretch) = asked.window(viewer.call.ctx.now);
    // Whole stretches, so that the first and the last are as long as the others.
    let from = from.div_euclid(stretch) * stretch;
    // To the end of the stretch that is now, so that it is whole too: nothing is recorded of what comes.
    let end = if asked.filter.until.is_some_and(|until| until <= viewer.call.ctx.now) {
        until
    } else {
        (until + stretch - 1).div_euclid(stretch) * stretch
    };
    let filter = RecordFilter {
        from: Some(from),
        until: Some(end),
        before: None,
        look_through: Some(COUNTED),
        ..asked.filter.clone()
    };
    let unread = || NoChart { why: say!("audit-no-chart-the-records-could").to_owned(), unread: true };
    let ctx = viewer.further().map_err(|_| unread())?;
    let tallies = viewer.services.admin.tally_audit(&ctx, filter, stretch).await.map_err(|_| unread())?;
    let Some(tallies) = tallies else {
        let most = view::grouped(u64::try_from(COUNTED).unwrap_or(0));
        return Err(NoChart { why: say!("audit-no-chart-more-than-most", most = most), unread: false });
    };
    // Nothing there.
    if tallies.is_empty() && asked.looks_for_part() {
        return Ok(None);
    }
    let mut bars: BTreeMap<i64, Bar> = BTreeMap::new();
    let mut at = from;
    while at < until {
        let (begin, end) = (Asked::moment(at), Asked::moment(at + stretch));
        let others = [("from", Some(begin.as_str())), ("until", Some(end.as_str())), ("range", None)];
        let href = asked.address(links::AUDIT, &others);
        bars.insert(at, Bar { label: view::moment_millis(at).text, tick: tick(at, stretch), href, ..Bar::default() });
        at += stretch;
    }
    // Nobody tried anything there: they are counted beside the others.
    let challenged: u64 = tallies.iter().filter(|tally| tally.challenge).map(|tally| tally.records).sum();
    for tally in tallies.iter().filter(|tally| !tally.challenge) {
        if let Some(bar) = bars.get_mut(&tally.from) {
            match tally.outcome {
                Ended::Allowed => bar.allowed += tally.records,
                Ended::Denied => bar.denied += tally.records,
                Ended::Failed | Ended::Unauthenticated => bar.failed += tally.records,
            }
        }
    }
    let bars: Vec<Bar> = bars.into_values().collect();
    let sum = |of: fn(&Bar) -> u64| view::grouped(bars.iter().map(of).sum());
    let most_of = |of: fn(&Bar) -> u64| view::grouped(bars.iter().map(of).max().unwrap_or(0));
    let (length, wide) = (Asked::length_words(until - from), Asked::length_words(stretch));
    let mut counts = say!(
        "audit-allowed-allowed-denied-denied-failed",
        allowed = sum(|b| b.allowed),
        denied = sum(|b| b.denied),
        failed = sum(|b| b.failed)
    );
    if challenged > 0 {
        counts.push_str(&say!("audit-challenged-challenged-not-drawn", challenged = view::grouped(challenged)));
    }
    let most = bars.iter().max_by_key(|bar| bar.denied).filter(|bar| bar.denied > 0);
    let most = most
        .map(|bar| say!("audit-most-denials-from-label-denied", label = bar.label, denied = view::grouped(bar.denied)))
        .unwrap_or_default();
    let marks = marks(viewer, asked.filter.vault.clone(), (from, end)).await;
    Ok(Some(Chart {
        marks,
        title: say!("audit-length-by-wide-counts", length = length, wide = wide, counts = counts),
        summary: say!("audit-in-length-counts-most", length = length, counts = counts, most = most),
        most: (most_of(|bar| bar.allowed), most_of(Bar::refused)),
        bars,
        ends: (view::moment_millis(from).text, view::moment_millis(until).text),
    }))
}

/// What the chart answers, as a headline: how much was denied, and why where one reason covers most of it. None where
/// nothing was denied, or something else is asked for.
async fn answer(viewer: &Viewer<'_>, asked: &Asked, chart: &Chart) -> Option<String> {
    let denied: u64 = chart.bars.iter().map(|bar| bar.denied).sum();
    if denied == 0 || !matches!(asked.filter.outcome, None | Some(Ended::Denied)) {
        return None;
    }
    let (from, until, stretch) = asked.window(viewer.call.ctx.now);
    let length = Asked::length_words(until - from.div_euclid(stretch) * stretch);
    let counted = view::grouped(denied);
    let told = match asked.filter.outcome {
        None => {
            let all = view::grouped(chart.counted());
            say!("audit-denied-of-all-in-length", denied = counted, all = all, length = length)
        }
        Some(_) => say!("audit-denied-in-length", denied = counted, length = length),
    };
    let why = if asked.is_of_all_denials() { most_frequent(viewer, from, denied).await } else { None };
    Some(match why {
        Some((share, reason)) => say!("audit-told-one-reason-covers", told = told, share = share, reason = reason),
        None => told,
    })
}

/// The most frequent reason of the denials since a moment, and how many of a hundred it covers; none where it is less
/// than half of them, or not all were counted. Reasons are counted ahead for a day: of a longer time each denial is read
/// for it, so it is told of few alone.
async fn most_frequent(viewer: &Viewer<'_>, from: i64, denied: u64) -> Option<(u64, String)> {
    if from < viewer.call.ctx.now - REASONS_COUNTED && denied > REASONS_READ {
        return None;
    }
    let found = viewer.services.admin.denials(&viewer.further().ok()?, from).await.ok()?;
    if found.in_part {
        return None;
    }
    let mut by_reason: BTreeMap<String, u64> = BTreeMap::new();
    for alike in found.alike {
        *by_reason.entry(alike.reason).or_default() += alike.records;
    }
    let (reason, records) = by_reason.into_iter().max_by_key(|(_, records)| *records)?;
    let share = records.min(denied).saturating_mul(100).checked_div(denied)?;
    (share >= 50).then_some((share, reason))
}

/// A moment as short as it is told below a chart: the time of day, or the day where bars are hours.
fn tick(at: i64, stretch: i64) -> String {
    let view::AuditTime { date, time, .. } = view::audit_time(at);
    match stretch >= LONG_STRETCH {
        true => date.rsplit_once(' ').map_or_else(|| date.clone(), |(day, _)| day.to_owned()),
        false => time.chars().take("00:00".len()).collect(),
    }
}

/// What people changed of what decides, the newest few, where they fall in a stretch of time. What is kept in vaults
/// changes all the time, and decides nothing. Where a vault is asked for, what was changed of others is left aside.
async fn marks(viewer: &Viewer<'_>, vault: Option<String>, (from, until): (i64, i64)) -> Vec<Mark> {
    let filter = RecordFilter { until: Some(until), ..changed::filter(vault, from, MARKS_FROM) };
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let Ok(page) = viewer.services.admin.query_audit(&ctx, filter).await else { return Vec::new() };
    let decides = |record: &&Record| {
        let operation = record.operation.as_str();
        record.outcome == Ended::Allowed
            && operation != ASKS_AGAIN
            && DECIDES.iter().any(|word| operation.starts_with(word))
    };
    let length = (until - from).max(1);
    let newest: Vec<&Record> = page.items.iter().filter(decides).take(MARKS).collect();
    let names = changed::names(viewer, newest.iter().copied()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let mark = |record: &Record| {
        let who = named(record.principal.as_ref(), &record.principal_kind, own_issuer, &names);
        let place = (record.at - from).clamp(0, length - 1).saturating_mul(1000) / length;
        Mark {
            place: u16::try_from(place).unwrap_or(0),
            label: view::moment_millis(record.at).text,
            what: say!("audit-what-by-who", what = changed::sentence(record, &names), who = who),
            href: links::entry(record.id),
        }
    };
    let mut marks: Vec<Mark> = newest.into_iter().map(mark).collect();
    marks.reverse();
    marks
}

/// Names of the workloads among those who asked.
pub(super) async fn names<'a>(
    viewer: &Viewer<'_>,
    records: impl Iterator<Item = &'a Record>,
) -> BTreeMap<Uuid, String> {
    let principals: Vec<&PrincipalId> = records.filter_map(|record| record.principal.as_ref()).collect();
    names_of(viewer, &principals).await
}

/// Names of the workloads among these.
pub(super) async fn names_of(viewer: &Viewer<'_>, principals: &[&PrincipalId]) -> BTreeMap<Uuid, String> {
    let own = &viewer.services.objects.gate.own_issuer;
    let ours = principals.iter().filter(|id| id.issuer == *own);
    let ids: Vec<Uuid> = ours.filter_map(|id| Uuid::try_parse(&id.subject).ok()).collect();
    viewer.services.admin.workload_names(&viewer.call.ctx, ids).await
}

/// What a subject is called, if it is a workload of ours with a name.
pub(super) fn called<'a>(subject: &str, names: &'a BTreeMap<Uuid, String>) -> Option<&'a String> {
    Uuid::try_parse(subject).ok().and_then(|id| names.get(&id))
}

/// Who that is, in a line.
pub(super) fn named(
    principal: Option<&PrincipalId>,
    kind: &str,
    own_issuer: &str,
    names: &BTreeMap<Uuid, String>,
) -> String {
    match principal {
        None => say!("audit-not-known").to_owned(),
        Some(id) if id.issuer == own_issuer && called(&id.subject, names).is_some() => {
            let name = called(&id.subject, names).map_or("", String::as_str);
            format!("{name} ({})", id.subject)
        }
        Some(id) if id.issuer == own_issuer || kind == "system" => id.subject.clone(),
        // A subject means something at its issuer only.
        Some(id) => say!("audit-subject-at-issuer", subject = id.subject, issuer = without_scheme(&id.issuer)),
    }
}

/// Whom `issuer#subject` names, as the groups of a replay have it.
pub(super) fn principal_of(text: &str) -> Option<PrincipalId> {
    let (issuer, subject) = text.rsplit_once('#')?;
    Some(PrincipalId { issuer: issuer.to_owned(), subject: subject.to_owned() })
}

/// The same in a line. What names nobody stays as it is.
pub(super) fn principal_words(text: &str, own_issuer: &str, names: &BTreeMap<Uuid, String>) -> String {
    principal_of(text).map_or_else(|| text.to_owned(), |id| named(Some(&id), "", own_issuer, names))
}

/// Who asked, as a cell.
pub(super) fn who(record: &Record, own_issuer: &str, names: &BTreeMap<Uuid, String>) -> Cell {
    let (name, small) = told(record, own_issuer, names);
    view::who(&record.principal_kind, name, small)
}

/// What who asked is called, and where that means something.
pub(super) fn told(record: &Record, own_issuer: &str, names: &BTreeMap<Uuid, String>) -> (String, Option<String>) {
    match &record.principal {
        None => (say!("audit-not-known").to_owned(), None),
        Some(id) if id.issuer == own_issuer && called(&id.subject, names).is_some() => {
            (called(&id.subject, names).cloned().unwrap_or_default(), Some(id.subject.clone()))
        }
        Some(id) if id.issuer == own_issuer || record.principal_kind == "system" => (id.subject.clone(), None),
        Some(id) => (id.subject.clone(), Some(without_scheme(&id.issuer).to_owned())),
    }
}

/// `demo/secrets/db-password`, `demo/keys`, `demo`, or what of the installation it was: the path of its address. What
/// has no folder of its own stands right below its vault.
pub(super) fn object(record: &Record) -> String {
    let folder = record.kind.as_deref().and_then(|kind| FOLDERS.iter().find(|(known, _)| known.as_str() == kind));
    match (record.vault.as_deref(), folder, record.object.as_deref()) {
        (Some(vault), Some((_, folder)), Some(name)) => format!("{vault}/{folder}/{name}"),
        (Some(vault), Some((_, folder)), None) => format!("{vault}/{folder}"),
        (Some(vault), None, Some(name)) => format!("{vault}/{name}"),
        (Some(vault), None, None) => vault.to_owned(),
        (None, _, Some(name)) => name.to_owned(),
        (None, _, None) => "installation".to_owned(),
    }
}

/// Where what a vault holds stands in addresses.
const FOLDERS: [(ObjectKind, &str); 6] = [
    (ObjectKind::Secret, "secrets"),
    (ObjectKind::Key, "keys"),
    (ObjectKind::Certificate, "certificates"),
    (ObjectKind::Issuer, "certificates/issuers"),
    (ObjectKind::Contacts, "certificates"),
    (ObjectKind::Revocations, "revocations"),
];

fn chain(status: ChainStatus) -> ChainBadge {
    let short = |head: &str| head.chars().take(HASH_DIGITS).collect::<String>();
    match status.verified {
        None => ChainBadge::NotVerified {
            head_position: (status.position > 0).then(|| view::grouped(status.position)),
            head_hash: (!status.head.is_empty()).then(|| short(&status.head)),
        },
        Some(Verified { at, verdict: Ok(Reached { position, head }) }) => ChainBadge::Verified {
            head_position: view::grouped(position),
            head_hash: short(&head),
            at: view::moment_millis(at),
        },
        Some(Verified { at, verdict: Err(finding) }) => ChainBadge::Broken { finding, at: view::moment_millis(at) },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(about: &serde_json::Value) -> Record {
        let mut whole = json!({
            "id": Uuid::nil(), "at": 0, "principal_kind": "user", "client": "", "listener": "main",
            "operation": "KeySign", "outcome": "allowed", "reason": "ok", "duration_micros": 1,
        });
        for (name, value) in about.as_object().expect("an object") {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).expect("a record")
    }

    #[test]
    fn whatever_a_record_is_about_is_named() {
        for (about, named) in [
            (json!({"vault": "demo", "kind": "secret", "object": "db"}), "demo/secrets/db"),
            (json!({"vault": "demo", "kind": "key", "object": "payroll-signing"}), "demo/keys/payroll-signing"),
            (json!({"vault": "demo", "kind": "certificate", "object": "web"}), "demo/certificates/web"),
            (json!({"vault": "demo", "kind": "issuer", "object": "house"}), "demo/certificates/issuers/house"),
            (json!({"vault": "demo", "kind": "contacts", "object": "contacts"}), "demo/certificates/contacts"),
            (json!({"vault": "demo", "kind": "revocations", "object": "root"}), "demo/revocations/root"),
            (json!({"vault": "demo", "kind": "key"}), "demo/keys"),
            (json!({"vault": "demo", "kind": "vault", "object": "naming"}), "demo/naming"),
            (json!({"vault": "demo", "kind": "vault"}), "demo"),
            (json!({"kind": "workload", "object": "5f0c3f1d"}), "5f0c3f1d"),
            (json!({}), "installation"),
        ] {
            assert_eq!(object(&record(&about)), named);
        }
    }
}
