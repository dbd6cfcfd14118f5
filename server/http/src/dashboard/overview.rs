//! GET /overview: what needs somebody now. The headline is the answer; what this person may not see is
//! left out, and the page says so.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_domain::{
    action::Action,
    admin::{MAX_WORKLOAD_PAGE, ScopeRequest, VaultListing},
    gate::Ask,
    names::VaultName,
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Tab, Table, Tone, say};

use super::{
    Failure, audit,
    audit_filter::{Asked, RANGES},
    endings,
    frame::{self, Place, Viewer},
    links, rendered, revoked,
    snippets::{self, Commands},
    vaults, view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
    services::{StoredStatus, Verified},
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The range that is shown unless the address says another.
const A_DAY: &str = "24h";
/// How near the end of a role is near, in milliseconds.
const ROLE_ENDS: i64 = DAY;
/// How near the end of a credential is near, in seconds: 14 days.
const CREDENTIAL_ENDS: i64 = 14 * 86_400;
/// Most records, assignments that are looked through.
const MOST: usize = 1000;
/// How many denials of one sort need a look.
const DENIALS: u64 = 5;
/// For how long a renewal that failed is told of: it is tried at least once a day. In milliseconds.
const RENEWAL_FAILED: i64 = 2 * DAY;
/// For how long a certificate that somebody has to renew is told of, in milliseconds.
const RENEWAL_WANTED: i64 = 30 * DAY;
/// What makes a certificate's next version, or ends it.
const RENEWALS: &[Action] = &[
    Action::CertificateRenewIfDue,
    Action::CertificateIssue,
    Action::CertificateCreate,
    Action::CertificateImport,
    Action::CertificatePendingMerge,
    Action::CertificateDelete,
];
/// How many certificates are named that were revoked.
const REVOKED: usize = 10;
/// Changes that are listed, and records among which they are.
const CHANGES: usize = 8;
const CHANGES_FROM: usize = 100;

/// Something that needs somebody.
struct Attention {
    tone: Tone,
    icon: Icon,
    what: String,
    detail: String,
    act: Act,
}

/// # Errors
/// 503 when the record cannot be written.
pub(super) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    // Before anything is asked, which is on record as done.
    let range = range(request)?;
    let VaultListing { vaults, damaged } = viewer.services.admin.list_vaults(&viewer.call.ctx).await?;
    let now = viewer.call.ctx.now;
    let mut attention = Vec::new();
    let mut hidden = Vec::new();
    let chain = (viewer.services.chain)();
    if let Some(Verified { at, verdict: Err(finding) }) = &chain.verified {
        attention.push(Attention {
            tone: Tone::Bad,
            icon: Icon::Ban,
            what: say!("overview-the-audit-chain-is-broken").to_owned(),
            detail: say!("overview-finding-found-at", finding = finding, at = view::moment_millis(*at).text),
            act: Act::link(say!("overview-open"), links::AUDIT, Icon::Records),
        });
    }
    if let Some(StoredStatus { at, verdict: Err(_) }) = &chain.stored {
        attention.push(Attention {
            tone: Tone::Bad,
            icon: Icon::Ban,
            what: say!("overview-stored-data-is-damaged").to_owned(),
            detail: say!("overview-a-row-is-not-what", at = view::moment_millis(*at).text),
            act: Act::link(say!("overview-open"), links::AUDIT, Icon::Records),
        });
    }
    attention.extend(damaged.iter().map(|name| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("overview-vault-name-is-damaged", name = name),
        detail: vaults::damage_words().to_owned(),
        act: Act::link(say!("overview-open"), links::AUDIT, Icon::Records),
    }));
    let mut main = Vec::new();
    if !viewer.services.admin.holds_something(&viewer.call.ctx).await? {
        main.push(no_role(viewer));
    }
    let reads_audit = viewer.may(&Ask::server(Action::AuditRead)).await;
    let (mut changes, mut chart, mut notices) = (None, None, Vec::new());
    if reads_audit {
        attention.extend(denials(viewer, now).await);
        attention.extend(renewals(viewer, now).await);
        changes = changes_panel(viewer, range, None).await;
        match audit::chart(viewer, &Asked::of_last(viewer, range)).await {
            Ok(drawn) => chart = drawn,
            Err(why) => notices.push(why),
        }
    } else {
        hidden.push(say!("overview-denials-and-changes-are-hidden").to_owned());
    }
    if viewer.may(&Ask::server(Action::AssignmentRead)).await {
        attention.extend(roles(viewer, now).await);
    } else {
        hidden.push(say!("overview-roles-that-end-soon-are").to_owned());
    }
    if viewer.may(&Ask::server(Action::WorkloadRead)).await {
        attention.extend(credentials(viewer).await);
    } else {
        hidden.push(say!("overview-credentials-that-end-soon-are").to_owned());
    }
    let taken_back = revoked::look(viewer, &vaults, reads_audit).await;
    attention.extend(serve_revoked(&taken_back));
    if taken_back.more {
        notices.push(say!("overview-not-all-certificates-were-looked").to_owned());
    }
    let endings::Ending { panel: ending, rotation, hidden: endings_hidden, notices: endings_failed } =
        endings::look(viewer, &vaults).await;
    hidden.extend(endings_hidden);
    notices.extend(endings_failed);
    let headline = match attention.len() {
        0 => say!("overview-nothing-needs-you").to_owned(),
        1 => say!("overview-one-thing-needs-attention").to_owned(),
        count => say!("overview-count-things-need-attention", count = count),
    };
    let rows = attention.into_iter().map(|Attention { tone, icon, what, detail, act }| {
        let word = match tone {
            Tone::Bad => say!("overview-now"),
            _ => say!("overview-soon"),
        };
        Row::new(vec![
            Cell::Text { text: what, small: Some(detail) },
            Cell::badge(tone, icon, word),
            Cell::Acts(vec![act]),
        ])
    });
    let rows: Vec<Row> = rows.collect();
    main.push(Panel::new(
        say!("overview-needs-attention"),
        if rows.is_empty() {
            Body::Text(vec![say!("overview-nothing-that-you-may-see").to_owned()])
        } else {
            Body::Table(Table::new(&["What", "When", ""], rows))
        },
    ));
    main.extend(ending);
    main.extend(changes);
    let verified = match &chain.verified {
        None => Cell::text(say!("overview-not-verified-yet")),
        Some(Verified { at, verdict: Ok(reached) }) => Cell::Badge {
            tone: Tone::Good,
            icon: Icon::Check,
            text: say!("overview-verified-to-position", position = view::grouped(reached.position)),
            small: Some(view::moment_millis(*at).text),
        },
        Some(Verified { verdict: Err(_), .. }) => Cell::badge(Tone::Bad, Icon::Ban, say!("overview-broken")),
    };
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let health = vec![
        fact(say!("overview-seal"), Cell::badge(Tone::Good, Icon::Check, say!("overview-unsealed"))),
        fact(say!("overview-audit-chain"), verified),
        fact(say!("overview-stored-data"), frame::stored(&chain)),
        Fact::text(say!("overview-records"), view::grouped(chain.position)),
        fact(say!("overview-vaults-you-may-list"), Cell::link(vaults.len().to_string(), links::VAULTS)),
    ];
    let commands = Commands::of_installation(viewer.services);
    let mut copy = vec![commands.server("vault list").labelled(say!("overview-list-vaults"))];
    if reads_audit {
        copy.push(commands.server("audit query --outcome denied").labelled(say!("overview-list-denials")));
    }
    let page = PanelsPage {
        notices,
        cannot: hidden,
        tabs: if reads_audit { ranges(range.0) } else { Vec::new() },
        chart,
        main,
        aside: [Some(Panel::new(say!("overview-health"), Body::Facts(health))), rotation, Some(snippets::panel(copy))]
            .into_iter()
            .flatten()
            .collect(),
        ..PanelsPage::new(viewer.shell_with(&Place::Overview, &vaults).await, headline)
    };
    Ok(rendered(200, page.render()))
}

/// The stretch of time that is looked at: a day, unless the address says another.
///
/// # Errors
/// 400 for one that is not offered.
fn range(request: &Request) -> Result<(&'static str, i64, i64), Problem> {
    let asked = request.query("range").unwrap_or(A_DAY);
    let found = RANGES.into_iter().find(|(word, ..)| *word == asked);
    found.ok_or_else(|| Problem::bad_parameter(say!("overview-there-is-no-such-range")))
}

/// The others.
fn ranges(shown: &str) -> Vec<Tab> {
    let tab = |(word, length, _): (&str, i64, i64)| Tab {
        label: Asked::length_words(length),
        href: links::asked(links::OVERVIEW, &[("range", (word != A_DAY).then_some(word))]),
        current: word == shown,
    };
    RANGES.map(tab).into_iter().collect()
}

/// What somebody does who may do nothing yet: whom to ask, and what to tell them.
pub(super) fn no_role(viewer: &Viewer<'_>) -> Panel {
    let principal = viewer.session.principal.id.to_string();
    let command = format!(
        "assignment add --role \"Key Vault Secrets User\" --principal {} --scope /vaults/NAME",
        snippets::quoted(&principal)
    );
    let body = Body::Empty {
        headline: say!("overview-you-hold-no-role-and").to_owned(),
        text: say!("overview-ask-an-owner-of-this", principal = principal),
        command: Some(Commands::of_installation(viewer.services).server(&command)),
    };
    Panel::new(say!("overview-what-to-do-first"), body)
}

/// Whoever was denied again and again in the last day, by reason.
async fn denials(viewer: &Viewer<'_>, now: i64) -> Vec<Attention> {
    let filter =
        RecordFilter { outcome: Some(Outcome::Denied), from: Some(now - DAY), limit: MOST, ..RecordFilter::default() };
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let Ok(page) = viewer.services.admin.query_audit(&ctx, filter).await else { return Vec::new() };
    let names = audit::names(viewer, page.items.iter()).await;
    let mut alike: BTreeMap<(String, String), (u64, &Record)> = BTreeMap::new();
    for record in &page.items {
        let who =
            record.principal.as_ref().map_or_else(|| say!("overview-nobody-known").to_owned(), |id| id.subject.clone());
        // Newest first: the last one seen is when it began.
        let (count, first) = alike.entry((who, record.reason.clone())).or_insert((0, record));
        *count += record.count.unwrap_or(1);
        *first = record;
    }
    let mut alike: Vec<_> = alike.into_iter().filter(|(_, (count, _))| *count >= DENIALS).collect();
    alike.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
    let told = alike.into_iter().take(4).map(|((who, reason), (count, first))| {
        let name = audit::called(&who, &names).cloned().unwrap_or_else(|| who.clone());
        let principal = first.principal.as_ref().map(|_| who.as_str());
        Attention {
            tone: Tone::Bad,
            icon: Icon::Ban,
            what: say!("overview-name-was-denied-count-times", name = name, count = view::grouped(count)),
            detail: say!("overview-reason-since-at", reason = reason, at = view::moment_millis(first.at).text),
            act: Act::link(say!("overview-open"), links::audit(Some("denied"), principal, None, None), Icon::Records),
        }
    });
    told.collect()
}

/// Certificates that are given out and were revoked, and authorities that sign nothing for it.
fn serve_revoked(found: &revoked::Found) -> Vec<Attention> {
    let told = found.revoked.iter().take(REVOKED).map(|(vault, name, one)| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("overview-vault-certificates-name-serves-a", vault = vault, name = name),
        detail: say!("overview-reason-since-at-renew-it", reason = one.reason.as_str(), at = view::moment(one.at).text),
        act: Act::link(say!("overview-open"), links::certificate(vault, name, None), Icon::Certificate),
    });
    let silent = found.silent.iter().take(REVOKED).map(|(vault, name)| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("overview-the-authority-vault-certificates-name", vault = vault, name = name),
        detail: say!("overview-it-or-one-above-it").to_owned(),
        act: Act::link(say!("overview-open"), links::certificate(vault, name, None), Icon::Certificate),
    });
    let rest = found.revoked.len().saturating_sub(REVOKED) + found.silent.len().saturating_sub(REVOKED);
    let rest = u64::try_from(rest).unwrap_or(u64::MAX);
    let rest = (rest > 0).then(|| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("overview-rest-more-certificates-are-revoked", rest = view::grouped(rest)),
        detail: say!("overview-the-certificates-of-each-vault").to_owned(),
        act: Act::link(say!("overview-open"), links::VAULTS, Icon::Certificate),
    });
    silent.chain(told).chain(rest).collect()
}

/// Certificates whose renewal failed in the last two days and has not come about since, and those that somebody has to
/// renew.
async fn renewals(viewer: &Viewer<'_>, now: i64) -> Vec<Attention> {
    let mut told = Vec::new();
    for (operation, since) in [
        (Action::CertificateRenewIfDue, RENEWAL_FAILED),
        (Action::CertificateEnroll, RENEWAL_FAILED),
        (Action::CertificateNearExpiry, RENEWAL_WANTED),
    ] {
        let (failed, by_issuer) = (operation != Action::CertificateNearExpiry, operation == Action::CertificateEnroll);
        // What a module forbids is not renewed either.
        let outcomes: &[Outcome] = if failed { &[Outcome::Failed, Outcome::Denied] } else { &[Outcome::Allowed] };
        let mut records = Vec::new();
        for outcome in outcomes {
            records.extend(renewal_records(viewer, operation, *outcome, now - since).await.unwrap_or_default());
        }
        // Another node was faster.
        records.retain(|record| record.reason != "not-due");
        records.sort_by_key(|record| std::cmp::Reverse(record.at));
        if records.is_empty() {
            continue;
        }
        let mut later = Vec::new();
        for renewed in RENEWALS {
            later.extend(renewal_records(viewer, *renewed, Outcome::Allowed, now - since).await.unwrap_or_default());
        }
        let mut seen = BTreeSet::new();
        for record in records {
            let same = |other: &Record| (&other.vault, &other.object) == (&record.vault, &record.object);
            // Also within the same millisecond: what was renewed is not due, so nothing fails right after it. An issuer
            // fails after it was asked.
            let from = record.at + i64::from(by_issuer);
            let is_over = later.iter().any(|other| same(other) && other.at >= from);
            // Newest first.
            if !seen.insert((record.vault.clone(), record.object.clone())) || is_over {
                continue;
            }
            let part = |part: &Option<String>| part.clone().unwrap_or_default();
            let what = format!("{}/certificates/{}", part(&record.vault), part(&record.object));
            told.push(Attention {
                tone: if failed { Tone::Bad } else { Tone::Warn },
                icon: Icon::Hourglass,
                what: match (failed, by_issuer) {
                    (true, true) => say!("overview-what-was-not-issued-by", what = what),
                    (true, false) => say!("overview-what-could-not-be-renewed", what = what),
                    (false, _) => say!("overview-what-ends-soon", what = what),
                },
                detail: if by_issuer {
                    say!(
                        "overview-reason-last-asked-at",
                        reason = record.reason,
                        at = view::moment_millis(record.at).text
                    )
                } else if failed {
                    say!(
                        "overview-reason-last-tried-at-it",
                        reason = record.reason,
                        at = view::moment_millis(record.at).text
                    )
                } else {
                    say!("overview-told-at-as-its-policy", at = view::moment_millis(record.at).text)
                },
                act: Act::link(say!("overview-open"), links::entry(record.id), Icon::Records),
            });
        }
    }
    told
}

/// Records of one sort of thing that happened with renewals, the newest first.
async fn renewal_records(viewer: &Viewer<'_>, action: Action, outcome: Outcome, from: i64) -> Option<Vec<Record>> {
    let filter = RecordFilter {
        operation: Some(action.operation().to_owned()),
        outcome: Some(outcome),
        from: Some(from),
        limit: MOST,
        ..RecordFilter::default()
    };
    let page = viewer.services.admin.query_audit(&viewer.further().ok()?, filter).await.ok()?;
    Some(page.items)
}

/// Roles that end within a day.
async fn roles(viewer: &Viewer<'_>, now: i64) -> Vec<Attention> {
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let Ok(page) = viewer.services.admin.list_assignments(&ctx, &ScopeRequest::Server, None, None, MOST).await else {
        return Vec::new();
    };
    let near = page
        .items
        .iter()
        .filter(|shown| shown.assignment.ends_at.is_some_and(|end| (now..now + ROLE_ENDS).contains(&end)));
    let told = near.map(|shown| Attention {
        tone: Tone::Warn,
        icon: Icon::Hourglass,
        what: say!("overview-role-at-scope-ends", role = shown.role, scope = shown.scope),
        detail: shown.assignment.ends_at.map(|end| view::moment_millis(end).text).unwrap_or_default(),
        act: Act::link(
            say!("overview-review"),
            links::asked(links::ACCESS, &[("scope", Some(&shown.scope))]),
            Icon::Person,
        ),
    });
    told.collect()
}

/// Credentials of workloads that end within two weeks.
async fn credentials(viewer: &Viewer<'_>) -> Vec<Attention> {
    let now = viewer.now();
    let Ok(ctx) = viewer.further() else { return Vec::new() };
    let Ok(page) = viewer.services.admin.list_workloads(&ctx, None, MAX_WORKLOAD_PAGE).await else {
        return Vec::new();
    };
    let told = page.items.iter().filter(|workload| workload.enabled).filter_map(|workload| {
        let secrets = workload.secrets.iter().filter_map(|secret| secret.expires);
        let ends = secrets.chain(workload.certificates.iter().map(|certificate| certificate.expires));
        let next = ends.filter(|end| *end - now <= CREDENTIAL_ENDS).min()?;
        let over = next <= now;
        Some(Attention {
            tone: if over { Tone::Bad } else { Tone::Warn },
            icon: Icon::Key,
            what: say!(
                "overview-a-credential-of-name-else",
                name = workload.name,
                else_of = if over { say!("overview-is-over") } else { "ends" }
            ),
            detail: view::moment(next).text,
            act: Act::link(say!("overview-open"), links::workload(workload.client_id), Icon::Workload),
        })
    });
    told.collect()
}

/// What people changed in a vault in the last day.
pub(super) async fn changes_of_a_day(viewer: &Viewer<'_>, vault: &VaultName) -> Option<Panel> {
    let range = RANGES.into_iter().find(|(word, ..)| *word == A_DAY)?;
    changes_panel(viewer, range, Some(vault)).await
}

/// What people changed in the last while, the newest first.
async fn changes_panel(
    viewer: &Viewer<'_>,
    (range, length, _): (&str, i64, i64),
    vault: Option<&VaultName>,
) -> Option<Panel> {
    let vault = vault.map(|vault| vault.as_str().to_owned());
    let filter = RecordFilter {
        changes_of_people: true,
        vault: vault.clone(),
        from: Some(viewer.call.ctx.now - length),
        limit: CHANGES_FROM,
        ..RecordFilter::default()
    };
    let page = viewer.services.admin.query_audit(&viewer.further().ok()?, filter).await.ok()?;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    // Signing in and out is no change of what is kept here.
    let by_people = page.items.iter().filter(|record| !record.operation.starts_with(say!("overview-session")));
    let rows = by_people.take(CHANGES).map(|record| {
        Row::new(vec![
            Cell::Moment(view::moment_millis(record.at)),
            audit::who(record, own_issuer, &BTreeMap::new()),
            Cell::link(record.operation.clone(), links::entry(record.id)),
            Cell::text(audit::object(record)),
        ])
    });
    let rows: Vec<Row> = rows.collect();
    let body = if rows.is_empty() {
        Body::Text(vec![say!("overview-no-person-changed-anything").to_owned()])
    } else {
        Body::Table(Table::new(&["When", "Who", "Change", "Where"], rows))
    };
    let note = say!("overview-last-length", length = Asked::length_words(length));
    let panel = Panel::new(say!("overview-changes-by-people"), body).note(note).acts(vec![Act::link(
        say!("overview-open-in-audit"),
        links::asked(links::AUDIT, &[("range", Some(range)), ("vault", vault.as_deref())]),
        Icon::Records,
    )]);
    Some(panel)
}
