//! GET /audit/{id}: one record with everything it says. The beginning of an id, as tables show it, will do.

use std::collections::BTreeMap;

use strongroom_domain::{
    admin::AdminError,
    decision::{Stage, StageEffect},
    record::{IdPrefix, Record, RecordFilter},
    secret::Page,
};
use strongroom_web::{Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Table, Tone};
use uuid::Uuid;

use super::{
    Failure, audit,
    frame::{Place, Viewer},
    links, rendered,
    snippets::{self, Commands},
    view, would_allow,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
};

/// Digits of a chain's head that are shown.
const HEAD_DIGITS: usize = 16;
/// Most records that are named where several begin alike.
const ALIKE: usize = 20;

/// # Errors
/// The gate's denial, or why the record cannot be shown.
pub(super) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let asked = IdPrefix::parse(viewer.call.parameter(0)).ok_or_else(Problem::no_route)?;
    let filter = RecordFilter { id: Some(asked), limit: ALIKE, ..RecordFilter::default() };
    let page = viewer.services.admin.query_audit(&viewer.call.ctx, filter).await?;
    if page.items.len() > 1 {
        return Ok(rendered(200, several(viewer, &page).await.render()));
    }
    let Some(record) = page.items.into_iter().next() else {
        // The look itself went well and is on record as such.
        let shell = viewer.shell(&Place::Audit.below("Not found")).await;
        let message = "There is no record of this decision, or it was counted together with others like it.";
        let page = PanelsPage {
            lead: Some(message.to_owned()),
            ..PanelsPage::new(shell, AdminError::RecordNotFound.to_string())
        };
        return Ok(rendered(200, page.render()));
    };
    let id = record.id;
    let shell = viewer.shell(&Place::Audit.below(id.to_string())).await;
    let (tone, icon, word) = view::outcome(&record);
    let names = audit::names(viewer, std::iter::once(&record)).await;
    let commands = Commands::of_installation(viewer.services);
    let mut main = vec![trace(&record)];
    main.extend(would_allow::panels(viewer, request, &record).await?);
    main.push(chain(viewer, id).await);
    let page = PanelsPage {
        badges: vec![(tone, icon, word.to_owned())],
        lead: Some(format!("{} on {}", record.operation, audit::object(&record))),
        main,
        aside: vec![
            Panel::new("Record", Body::Facts(facts(viewer, &record, &names))),
            snippets::panel(vec![
                commands.server(&format!("audit receipt {id}")),
                commands.curl_server("GET", &format!("/api/v1/audit?id={id}"), None),
            ]),
        ],
        ..PanelsPage::new(shell, format!("Record of {}", view::moment_millis(record.at).text))
    };
    Ok(rendered(200, page.render()))
}

/// Which records begin as what was asked for: more than one.
async fn several(viewer: &Viewer<'_>, page: &Page<Record>) -> PanelsPage {
    let rows = page.items.iter().map(|record| {
        let (tone, icon, word) = view::outcome(record);
        Row::new(vec![
            Cell::link(record.id.to_string(), links::entry(record.id)),
            Cell::badge(tone, icon, word),
            Cell::text(record.operation.clone()),
            Cell::text(audit::object(record)),
        ])
    });
    let table = Table::new(&["Decision", "Outcome", "Action", "Object"], rows.collect());
    let panel = Panel::new("Records", Body::Table(table));
    let panel = if page.next.is_some() { panel.foot(format!("Only the newest {ALIKE} are named.")) } else { panel };
    PanelsPage {
        lead: Some("Requests of the same millisecond have ids that begin alike: choose one.".to_owned()),
        main: vec![panel],
        ..PanelsPage::new(viewer.shell(&Place::Audit.below("Several")).await, "Several decisions begin so".to_owned())
    }
}

fn trace(record: &Record) -> Panel {
    if record.trace.is_empty() {
        return Panel::new(
            "Stages",
            Body::Text(vec!["The gate was not asked: the request did not get that far.".into()]),
        );
    }
    let rows = record.trace.iter().map(|stage| {
        let (tone, icon, word) = match stage.effect {
            StageEffect::Allow => (Tone::Good, Icon::Check, "Passed"),
            StageEffect::Deny => (Tone::Bad, Icon::Ban, "Stopped"),
            StageEffect::Abstain => (Tone::Plain, Icon::Off, "No opinion"),
            StageEffect::NotAsked => (Tone::Plain, Icon::Off, "Not asked"),
            StageEffect::WouldAbstain => (Tone::Planned, Icon::Hourglass, "No opinion"),
            StageEffect::WouldAllow => (Tone::Planned, Icon::Hourglass, "Would pass"),
            StageEffect::WouldDeny => (Tone::Planned, Icon::Hourglass, "Would stop"),
        };
        let fuel = stage.fuel.map_or_else(|| Cell::None("None".to_owned()), |fuel| Cell::text(view::grouped(fuel)));
        let took = record.module_micros.get(&stage.stage);
        let took = took.map_or_else(
            || Cell::None("None".to_owned()),
            |micros| Cell::text(format!("{} µs", view::grouped(*micros))),
        );
        Row::new(vec![
            Cell::text(stage.stage.clone()),
            Cell::badge(tone, icon, word),
            Cell::Text { text: stage.reason.clone(), small: told(stage) },
            fuel,
            took,
        ])
    });
    let table = Table::new(&["Stage", "Said", "Reason", "Fuel", "Time"], rows.collect());
    Panel::new("Stages", Body::Table(table)).note("in the order in which they were judged")
}

/// What a stage says besides its reason, and what a module says that this rests on.
fn told(stage: &Stage) -> Option<String> {
    let relied_on = (!stage.relied_on.is_empty()).then(|| format!("(relied on {})", stage.relied_on.join(", ")));
    let told: Vec<_> = stage.detail.clone().into_iter().chain(relied_on).collect();
    (!told.is_empty()).then(|| told.join(" "))
}

/// Where the record stands in its node's chain, with its neighbours; every link is computed anew.
async fn chain(viewer: &Viewer<'_>, id: Uuid) -> Panel {
    let told = |words: &str| Panel::new("Chain", Body::Text(vec![words.to_owned()]));
    let admin = &viewer.services.admin;
    let Ok(ctx) = viewer.further() else { return told("The chain could not be read.") };
    let receipt = match admin.receipt(&ctx, id).await {
        Ok(receipt) => receipt,
        Err(AdminError::NotCovered) => {
            return told("No checkpoint covers this record yet; the next one will, within seconds.");
        }
        Err(_) => return told("The chain could not be read just now."),
    };
    let (node, seq) = (&receipt.segment.node, receipt.seq);
    let Ok(ctx) = viewer.further() else { return told("The chain could not be read.") };
    // Two before, so that the first neighbour's link can be computed too.
    let Ok(links_) = admin.read_chain(&ctx, node, seq.saturating_sub(3), 4).await else {
        return told("The chain could not be read just now.");
    };
    let mut rows = Vec::new();
    let mut sound = true;
    for (index, link) in links_.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| links_.get(before));
        let holds = before.map(|before| {
            let hash = strongroom_crypto::chain::record_hash(link.id.as_bytes(), link.record.as_bytes());
            strongroom_crypto::chain::extend(&before.head, link.seq, &hash) == link.head
        });
        sound &= holds != Some(false);
        if link.seq.abs_diff(seq) > 1 {
            continue;
        }
        let state = match holds {
            Some(true) => Cell::badge(Tone::Good, Icon::Check, "Fits"),
            Some(false) => Cell::badge(Tone::Bad, Icon::Ban, "Broken"),
            None => Cell::None("First of what was read".to_owned()),
        };
        let head = data_encoding::HEXLOWER.encode(&link.head);
        rows.push(Row {
            cells: vec![
                Cell::Link {
                    text: view::grouped(link.seq),
                    href: links::entry(link.id),
                    small: (link.seq == seq).then(|| "this record".to_owned()),
                },
                Cell::Code(head.chars().take(HEAD_DIGITS).collect()),
                state,
            ],
            marked: link.seq == seq,
        });
    }
    let covered = view::moment_millis(receipt.checkpoint.at).text;
    let words = match sound {
        true => format!(
            "Each link covers the one before it; computed just now. Covered by the signed checkpoint of {covered}."
        ),
        false => "A link does not fit the one before it: verify the whole log (strongroom audit verify).".to_owned(),
    };
    let title = format!("Chain of {node}");
    Panel::new(&title, Body::Table(Table::new(&["Position", "Head", "Link"], rows))).foot(words)
}

fn facts(viewer: &Viewer<'_>, record: &Record, names: &BTreeMap<Uuid, String>) -> Vec<Fact> {
    let view::AuditTime { date, time, .. } = view::audit_time(record.at);
    let mut facts = vec![
        Fact::text("When", format!("{date}, {time} UTC")),
        Fact { name: "Who".to_owned(), value: audit::who(record, &viewer.services.objects.gate.own_issuer, names) },
        Fact::text("Operation", record.operation.clone()),
        Fact::text("Object", audit::object(record)),
        Fact::code("Reason", record.reason.clone()),
    ];
    let given = [
        ("Stated reason", record.stated_reason.clone()),
        ("Version", record.version.clone()),
        ("From", Some(record.client.clone()).filter(|client| !client.is_empty())),
        ("Listener", Some(record.listener.clone()).filter(|listener| !listener.is_empty())),
        ("Answered", record.status.map(|status| status.to_string())),
        ("Stands for", record.count.map(|count| format!("{} alike", view::grouped(count)))),
    ];
    facts.extend(given.into_iter().filter_map(|(name, value)| Some(Fact::text(name, value?))));
    facts.push(Fact::text("Took", format!("{} µs until it was recorded", view::grouped(record.duration_micros))));
    facts.push(Fact::code("Decision", record.id.to_string()));
    facts
}
