//! What is unusual: who asked from new addresses, who asked for the first time, each in one line, and an hour that
//! had more than twice the requests or denials of the busiest one before. Told in words, each with the records that show
//! it. From what is counted of the log alone; what is not counted is said not to be known.

use std::collections::BTreeMap;

use strongroom_domain::record::{ADDRESSES_KEPT, FirstSeen, Outcome, RecordFilter, Tally};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, say};

use super::{
    Failure, audit,
    audit_filter::{Asked, COUNTED},
    frame::Viewer,
    links, view,
};

const QUARTER: i64 = 15 * 60_000;
const HOUR: i64 = 4 * QUARTER;
const DAY: i64 = 24 * HOUR;
/// Hours that the last one is compared with.
const BEFORE: i64 = 7 * 24;
/// Fewest hours that there must have been, so that a night is not compared with an evening.
const FEWEST: i64 = 24;
/// Fewest requests and denials of an hour that are worth a word.
const REQUESTS: u64 = 100;
const DENIALS: u64 = 20;
/// How many are named of those who were there before and came from new addresses, and of those who are new.
const NAMED_BEFORE: usize = 20;
const NAMED_NEW: usize = 8;

/// The panel of the overview.
///
/// # Errors
/// Why the log cannot be asked.
pub(super) async fn panel(viewer: &Viewer<'_>) -> Result<Panel, Failure> {
    let now = viewer.call.ctx.now;
    let news = viewer.services.admin.news(&viewer.further()?, now - DAY).await?;
    let mut rows = volumes(viewer, now).await?;
    let known = news.is_some();
    let news = news.unwrap_or_default();
    let principals: Vec<_> = news.principals.iter().chain(&news.addresses).map(|seen| &seen.principal).collect();
    let names = audit::names_of(viewer, &principals).await;
    let named =
        |seen: &FirstSeen| audit::named(Some(&seen.principal), "", &viewer.services.objects.gate.own_issuer, &names);
    let mut tell = |list: &[FirstSeen], left_out: usize, most: usize, new: bool| {
        let told = list.iter().take(most);
        rows.extend(told.map(|seen| row(seen.first, words(&named(seen), seen, new), records_of(seen, new))));
        let rest = list.len().saturating_sub(most).saturating_add(left_out);
        if rest > 0 {
            let more = if new {
                say!("anomalies-more-principals", rest = rest)
            } else {
                say!("anomalies-more-addresses", rest = rest)
            };
            rows.push(row(now, more, links::asked(links::AUDIT, &[("range", Some("24h"))])));
        }
    };
    // Anybody who may sign in is new once; whose credential was stolen was there before.
    tell(&news.addresses, news.addresses_left_out, NAMED_BEFORE, false);
    tell(&news.principals, news.principals_left_out, NAMED_NEW, true);
    let title = say!("anomalies-unusual");
    let note = if known { say!("anomalies-last-day") } else { say!("anomalies-not-known") };
    let body = if rows.is_empty() {
        let none = if known { say!("anomalies-none") } else { say!("anomalies-no-volume") };
        Body::Text(vec![none.to_owned()])
    } else {
        Body::Table(Table::new(&["When", "What", ""], rows))
    };
    Ok(Panel::new(title, body).note(note))
}

fn row(at: i64, what: String, href: String) -> Row {
    Row::new(vec![
        Cell::Moment(view::moment_millis(at)),
        Cell::text(what),
        Cell::Acts(vec![Act::link(say!("anomalies-open"), href, Icon::Records)]),
    ])
}

fn from(seen: &FirstSeen) -> &str {
    if seen.client.is_empty() { say!("anomalies-no-address") } else { &seen.client }
}

/// What is told of somebody who is new, or who was there before and came from new addresses.
fn words(name: &str, seen: &FirstSeen, new: bool) -> String {
    let (client, kept) = (from(seen), ADDRESSES_KEPT);
    match (new, seen.beyond, seen.addresses) {
        (true, true, _) => say!("anomalies-principal-beyond", name = name, kept = kept, client = client),
        (true, false, 0 | 1) => say!("anomalies-principal", name = name, client = client),
        (true, false, count) => say!("anomalies-principal-many", name = name, count = count, client = client),
        (false, true, 0) => say!("anomalies-address-beyond", name = name, kept = kept, client = client),
        (false, true, count) => {
            say!("anomalies-address-many-beyond", name = name, count = count, kept = kept, client = client)
        }
        (false, false, 0 | 1) => say!("anomalies-address", name = name, client = client),
        (false, false, count) => say!("anomalies-address-many", name = name, count = count, client = client),
    }
}

/// The records that show it: by the address where there is one alone. An IPv6 address stands for its network.
fn records_of(seen: &FirstSeen, new: bool) -> String {
    let alone = !new && !seen.beyond && seen.addresses == 1 && !seen.client.contains(':');
    let principal = seen.principal.to_string();
    let client = Some(seen.client.as_str()).filter(|_| alone);
    links::asked(links::AUDIT, &[("principal", Some(&principal)), ("client", client), ("range", Some("24h"))])
}

/// The last hour, where it had more than twice as much as the busiest one before.
async fn volumes(viewer: &Viewer<'_>, now: i64) -> Result<Vec<Row>, Failure> {
    let until = now.div_euclid(QUARTER) * QUARTER;
    let filter = RecordFilter {
        from: Some(until - (BEFORE + 1) * HOUR),
        until: Some(until),
        look_through: Some(COUNTED),
        limit: 1,
        ..RecordFilter::default()
    };
    let tallies = viewer.services.admin.tally_audit(&viewer.further()?, filter, QUARTER).await?.unwrap_or_default();
    let (begin, end) = (Asked::moment(until - HOUR), Asked::moment(until));
    let at = view::moment_millis(until).text;
    let href = |outcome: Option<&str>| {
        links::asked(links::AUDIT, &[("outcome", outcome), ("from", Some(&begin)), ("until", Some(&end))])
    };
    let mut rows = Vec::new();
    if let Some((count, busiest)) = more_than_twice(&by_hours(&tallies, until, |_| true), REQUESTS) {
        let (count, busiest) = (view::grouped(count), view::grouped(busiest));
        let what = say!("anomalies-requests", count = count, at = at, busiest = busiest);
        rows.push(row(until - HOUR, what, href(None)));
    }
    let denials = by_hours(&tallies, until, |tally| tally.outcome == Outcome::Denied);
    if let Some((count, busiest)) = more_than_twice(&denials, DENIALS).filter(|_| is_long(&tallies, until)) {
        let (count, busiest) = (view::grouped(count), view::grouped(busiest));
        let what = say!("anomalies-denials", count = count, at = at, busiest = busiest);
        rows.push(row(until - HOUR, what, href(Some(Outcome::Denied.as_str()))));
    }
    if !is_long(&tallies, until) {
        rows.clear();
    }
    Ok(rows)
}

/// How many hours ago something was: 0 for the last one.
fn hours_ago(from: i64, until: i64) -> i64 {
    (until - 1 - from).div_euclid(HOUR)
}

/// What there was of each hour, by how many hours ago that was; without requests that nobody tried anything with.
fn by_hours(tallies: &[Tally], until: i64, counts: impl Fn(&Tally) -> bool) -> BTreeMap<i64, u64> {
    let mut hours = BTreeMap::new();
    for tally in tallies.iter().filter(|tally| !tally.challenge && counts(tally)) {
        let hour: &mut u64 = hours.entry(hours_ago(tally.from, until)).or_default();
        *hour = hour.saturating_add(tally.records);
    }
    hours
}

/// Whether there are enough hours to compare with.
fn is_long(tallies: &[Tally], until: i64) -> bool {
    tallies.iter().any(|tally| hours_ago(tally.from, until) >= FEWEST)
}

/// How many there were in the last hour, and in the busiest before, where the last had more than twice as many.
fn more_than_twice(hours: &BTreeMap<i64, u64>, fewest: u64) -> Option<(u64, u64)> {
    let last = hours.get(&0).copied().filter(|last| *last >= fewest)?;
    let busiest = hours.range(1..).map(|(_, records)| *records).max().unwrap_or(0);
    (last > busiest.saturating_mul(2)).then_some((last, busiest))
}

#[cfg(test)]
mod tests {
    use strongroom_domain::principal::PrincipalId;

    use super::*;

    #[test]
    fn nobody_has_more_than_a_line_and_many_addresses_are_told_as_such() {
        let told = |addresses: usize, beyond: bool, new: bool| {
            let principal = PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() };
            let seen = FirstSeen { principal, client: "192.0.2.1".to_owned(), first: 1, addresses, beyond };
            (words("ada", &seen, new), records_of(&seen, new).contains("client="))
        };
        for (addresses, beyond, new, what, by_address) in [
            (1, false, false, "ada asked from 192.0.2.1 for the first time", true),
            (7, false, false, "ada asked from 7 new addresses, from 192.0.2.1 first", false),
            (
                63,
                true,
                false,
                "ada asked from new addresses, from 192.0.2.1 first: 63 of the 64 that are kept apart",
                false,
            ),
            (0, true, false, "ada has more than 64 addresses and asked from 192.0.2.1", false),
            (1, false, true, "ada asked for the first time, from 192.0.2.1", false),
            (7, false, true, "ada asked for the first time, from 7 addresses, from 192.0.2.1 first", false),
            (64, true, true, "ada asked for the first time, from more than 64 addresses, from 192.0.2.1 first", false),
        ] {
            let (words, shown) = told(addresses, beyond, new);
            assert!(words.starts_with(what) && shown == by_address, "{words}");
        }
    }

    #[test]
    fn an_hour_is_unusual_beside_the_busiest_before() {
        let until = 1000 * HOUR;
        let tally = |hours: i64, outcome, records| Tally {
            from: until - hours * HOUR - QUARTER,
            outcome,
            challenge: false,
            records,
        };
        let tallies = |last: u64| {
            [tally(0, Outcome::Allowed, last), tally(3, Outcome::Allowed, 200), tally(30, Outcome::Denied, 100)]
        };
        let of_all = |last: u64| more_than_twice(&by_hours(&tallies(last), until, |_| true), REQUESTS);
        assert_eq!([of_all(99), of_all(400), of_all(401)], [None, None, Some((401, 200))]);
        assert!(is_long(&tallies(1), until) && !is_long(&tallies(1)[..2], until));
        let challenge = Tally { challenge: true, ..tally(0, Outcome::Unauthenticated, 5000) };
        assert!(by_hours(&[challenge], until, |_| true).is_empty(), "nobody tried anything");
    }
}
