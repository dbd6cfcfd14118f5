//! GET /audit/{id}: one record with everything it says. The beginning of an id, as tables show it, will do.

use std::collections::BTreeMap;

use strongroom_domain::{
    admin::AdminError,
    record::{IdPrefix, Record, RecordFilter},
    secret::Page,
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Table, Tone, say};
use uuid::Uuid;

use super::{
    Failure, audit, changed,
    frame::{Place, Viewer},
    links, rendered,
    snippets::{self, Commands},
    view, why,
};
use crate::{message::Response, problem::Problem};

/// Digits of a chain's head that are shown.
const HEAD_DIGITS: usize = 16;
/// Most records that are named where several begin alike.
const ALIKE: usize = 20;

/// # Errors
/// The gate's denial, or why the record cannot be shown.
pub(super) async fn show(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let record = match named(viewer).await? {
        Named::One(record) => record,
        Named::Other(page) => return Ok(page),
    };
    let id = record.id;
    let shell = viewer.shell(&Place::Audit.below(id.to_string())).await;
    let (tone, icon, word) = view::outcome(&record);
    let names = changed::names(viewer, std::iter::once(&*record)).await;
    let commands = Commands::of_installation(viewer.services);
    let ask_why = Act::primary(say!("entry-why"), links::why(id), Icon::Unknown);
    let mut main = changed::panels(&record, &names);
    main.extend([why::stages(&record), chain(viewer, id).await]);
    let page = PanelsPage {
        badges: vec![(tone, icon, word.to_owned())],
        acts: vec![ask_why],
        lead: Some(say!("entry-operation-on-record", operation = record.operation, record = audit::object(&record))),
        main,
        aside: vec![
            Panel::new(say!("entry-record"), Body::Facts(facts(viewer, &record, &names))),
            snippets::panel(vec![
                commands.server(&format!("audit receipt {id}")),
                commands.curl_server("GET", &format!("/api/v1/audit?id={id}"), None),
            ]),
        ],
        ..PanelsPage::new(shell, say!("entry-record-of-at", at = view::moment_millis(record.at).text))
    };
    Ok(rendered(200, page.render()))
}

/// What an address names.
pub(super) enum Named {
    /// A record.
    One(Box<Record>),
    /// None or several, as a page.
    Other(Response),
}

/// The record whose id stands in the address, or the beginning of it.
///
/// # Errors
/// The gate's denial, or why the records cannot be read.
pub(super) async fn named(viewer: &Viewer<'_>) -> Result<Named, Failure> {
    let asked = IdPrefix::parse(viewer.call.parameter(0)).ok_or_else(Problem::no_route)?;
    let filter = RecordFilter { id: Some(asked), limit: ALIKE, ..RecordFilter::default() };
    let page = viewer.services.admin.query_audit(&viewer.call.ctx, filter).await?;
    if page.items.len() > 1 {
        return Ok(Named::Other(rendered(200, several(viewer, &page).await.render())));
    }
    if let Some(record) = page.items.into_iter().next() {
        return Ok(Named::One(Box::new(record)));
    }
    // The look itself went well and is on record as such.
    let shell = viewer.shell(&Place::Audit.below(say!("entry-not-found"))).await;
    let message = say!("entry-there-is-no-record-of");
    let page =
        PanelsPage { lead: Some(message.to_owned()), ..PanelsPage::new(shell, AdminError::RecordNotFound.to_string()) };
    Ok(Named::Other(rendered(200, page.render())))
}

/// Which records begin as what was asked for: more than one.
async fn several(viewer: &Viewer<'_>, page: &Page<Record>) -> PanelsPage {
    let rows = page.items.iter().map(|record| {
        let (tone, icon, word) = view::outcome(record);
        Row::new(vec![
            Cell::link(record.id.to_string(), links::decision(record)),
            Cell::badge(tone, icon, word),
            Cell::text(record.operation.clone()),
            Cell::text(audit::object(record)),
        ])
    });
    let table = Table::new(&["Decision", "Outcome", "Action", "Object"], rows.collect());
    let panel = Panel::new(say!("entry-records"), Body::Table(table));
    let panel =
        if page.next.is_some() { panel.foot(say!("entry-only-the-newest-alike-are", alike = ALIKE)) } else { panel };
    PanelsPage {
        lead: Some(say!("entry-requests-of-the-same-millisecond").to_owned()),
        main: vec![panel],
        ..PanelsPage::new(
            viewer.shell(&Place::Audit.below(say!("entry-several"))).await,
            say!("entry-several-decisions-begin-so").to_owned(),
        )
    }
}

/// Where the record stands in its node's chain, with its neighbours; every link is computed anew.
async fn chain(viewer: &Viewer<'_>, id: Uuid) -> Panel {
    let told = |words: &str| Panel::new(say!("entry-chain"), Body::Text(vec![words.to_owned()]));
    let admin = &viewer.services.admin;
    let Ok(ctx) = viewer.further() else { return told(say!("entry-the-chain-could-not-be")) };
    let receipt = match admin.receipt(&ctx, id).await {
        Ok(receipt) => receipt,
        Err(AdminError::NotCovered) => {
            return told(say!("entry-no-checkpoint-covers-this-record"));
        }
        Err(_) => return told(say!("entry-the-chain-could-not-be-read")),
    };
    let (node, seq) = (&receipt.segment.node, receipt.seq);
    let Ok(ctx) = viewer.further() else { return told(say!("entry-the-chain-could-not-be")) };
    // Two before, so that the first neighbour's link can be computed too.
    let Ok(links_) = admin.read_chain(&ctx, node, seq.saturating_sub(3), 4).await else {
        return told(say!("entry-the-chain-could-not-be-read"));
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
            Some(true) => Cell::badge(Tone::Good, Icon::Check, say!("entry-fits")),
            Some(false) => Cell::badge(Tone::Bad, Icon::Ban, say!("entry-broken")),
            None => Cell::None(say!("entry-first-of-what-was-read").to_owned()),
        };
        let head = data_encoding::HEXLOWER.encode(&link.head);
        rows.push(Row {
            cells: vec![
                Cell::Link {
                    text: view::grouped(link.seq),
                    href: links::entry(link.id),
                    small: (link.seq == seq).then(|| say!("entry-this-record").to_owned()),
                },
                Cell::Code(head.chars().take(HEAD_DIGITS).collect()),
                state,
            ],
            marked: link.seq == seq,
        });
    }
    let covered = view::moment_millis(receipt.checkpoint.at).text;
    let words = match sound {
        true => say!("entry-each-link-covers-the-one", covered = covered),
        false => say!("entry-a-link-does-not-fit").to_owned(),
    };
    let title = say!("entry-chain-of-node", node = node);
    Panel::new(&title, Body::Table(Table::new(&["Position", "Head", "Link"], rows))).foot(words)
}

fn facts(viewer: &Viewer<'_>, record: &Record, names: &BTreeMap<Uuid, String>) -> Vec<Fact> {
    let view::AuditTime { date, time, .. } = view::audit_time(record.at);
    let mut facts = vec![
        Fact::text(say!("entry-when"), say!("entry-date-time-utc", date = date, time = time)),
        Fact {
            name: say!("entry-who").to_owned(),
            value: audit::who(record, &viewer.services.objects.gate.own_issuer, names),
        },
        Fact::text(say!("entry-operation"), record.operation.clone()),
        Fact::text(say!("entry-object"), audit::object(record)),
        Fact::code(say!("entry-reason"), record.reason.clone()),
    ];
    let given = [
        (say!("entry-stated-reason"), record.stated_reason.clone()),
        (say!("entry-version"), record.version.clone()),
        (say!("entry-from"), Some(record.client.clone()).filter(|client| !client.is_empty())),
        (say!("entry-listener"), Some(record.listener.clone()).filter(|listener| !listener.is_empty())),
        (say!("entry-answered"), record.status.map(|status| status.to_string())),
        (say!("entry-stands-for"), record.count.map(|count| say!("entry-count-alike", count = view::grouped(count)))),
    ];
    facts.extend(given.into_iter().filter_map(|(name, value)| Some(Fact::text(name, value?))));
    let claims = record.claims.iter().map(|(name, claim)| Fact::code(&say!("entry-claim", name = name), claim.clone()));
    facts.extend(claims);
    if !record.groups.is_empty() {
        facts.push(Fact::text(say!("entry-by-groups"), record.groups.join(", ")));
    }
    facts.push(Fact::text(
        say!("entry-took"),
        say!("entry-duration-micros-s-until-it", duration_micros = view::grouped(record.duration_micros)),
    ));
    facts.push(Fact::code(say!("entry-decision"), record.id.to_string()));
    facts
}
