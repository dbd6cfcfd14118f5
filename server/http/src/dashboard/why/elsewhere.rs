//! Beside a denial: who else was denied for the same reason in the last day, counted, each with the way to their records.

use strongroom_domain::record::{Denials, DeniedAlike, Outcome, Record};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, say};

use crate::dashboard::{audit, frame::Viewer, links, view};

const DAY: i64 = 86_400_000;
/// Most who are named; the others are counted.
const NAMED: usize = 10;

/// None for what was no denial.
pub(super) async fn panel(viewer: &Viewer<'_>, record: &Record) -> Option<Panel> {
    if record.outcome != Outcome::Denied {
        return None;
    }
    let of = |principal: Option<&str>| {
        let query = [
            ("outcome", Some("denied")),
            ("reason", Some(record.reason.as_str())),
            ("range", Some("24h")),
            ("principal", principal),
        ];
        links::asked(links::AUDIT, &query)
    };
    let all = Act::link(say!("why-elsewhere-open-in-audit"), of(None), Icon::Records);
    let shown = |body: Body| Panel::new(say!("why-elsewhere-same-denial-elsewhere"), body).acts(vec![all]);
    let ctx = viewer.further().ok()?;
    let Ok(Denials { alike, in_part }) = viewer.services.admin.denials(&ctx, viewer.call.ctx.now - DAY).await else {
        return Some(shown(Body::Text(vec![say!("why-elsewhere-could-not-be-read").to_owned()])));
    };
    let mut same: Vec<&DeniedAlike> = alike.iter().filter(|alike| alike.reason == record.reason).collect();
    if same.is_empty() {
        return Some(shown(Body::Text(vec![say!("why-elsewhere-nobody-in-the-last-day").to_owned()])));
    }
    same.sort_by_key(|alike| std::cmp::Reverse(alike.records));
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let principals: Vec<_> = same.iter().filter_map(|alike| alike.principal.as_ref()).collect();
    let names = audit::names_of(viewer, &principals).await;
    let rows = same.iter().take(NAMED).map(|alike| {
        let name = audit::named(alike.principal.as_ref(), "", own_issuer, &names);
        let whole = alike.principal.as_ref().map(ToString::to_string);
        let count = view::grouped(alike.records);
        Row::new(vec![Cell::link(name, of(whole.as_deref())), Cell::text(count)])
    });
    let table = Table::new(&["Who", "Count"], rows.collect());
    let panel = shown(Body::Table(table)).note(say!("why-elsewhere-last-day"));
    let mut foot = Vec::new();
    if same.len() > NAMED {
        foot.push(say!("why-elsewhere-and-more", count = same.len() - NAMED));
    }
    if in_part {
        foot.push(say!("why-elsewhere-not-all-were-counted").to_owned());
    }
    Some(if foot.is_empty() { panel } else { panel.foot(foot.join(" ")) })
}
