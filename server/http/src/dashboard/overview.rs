//! GET /overview: what needs somebody now. The headline is the answer; what this person may not see is
//! left out, and the page says so.

use strongroom_domain::{action::Action, admin::VaultListing, gate::Ask, names::VaultName, record::Record};
use strongroom_web::{Act, Body, Cell, Fact, Icon, Panel, PanelsPage, Row, Tab, Table, Tone, say};

use super::{
    Failure, anomalies,
    audit::{self, NoChart},
    audit_filter::{Asked, RANGES},
    changed, endings,
    frame::{self, Place, Viewer},
    kept_back, links,
    needs::{self, Attention, Looked},
    rendered, revoked,
    snippets::{self, Commands},
    vaults, view,
};
use crate::{
    message::{Request, Response},
    problem::Problem,
    services::Verified,
};

/// The range that is shown unless the address says another.
const A_DAY: &str = "24h";
/// Changes that are listed, and records among which they are.
const CHANGES: usize = 8;
const CHANGES_FROM: usize = 100;

/// # Errors
/// 503 when the record cannot be written.
pub(super) async fn show(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    // Before anything is asked, which is on record as done.
    let range = range(request)?;
    let VaultListing { vaults, damaged, kept_back } = viewer.services.admin.list_vaults(&viewer.call.ctx).await?;
    let now = viewer.call.ctx.now;
    let mut found = Looked::default();
    let chain = (viewer.services.chain)();
    let reads_audit = viewer.may(&Ask::server(Action::AuditRead)).await;
    found.attention.extend(needs::integrity(&chain, reads_audit));
    found.attention.extend(damaged.iter().map(|name| Attention {
        tone: Tone::Bad,
        icon: Icon::Ban,
        what: say!("overview-vault-name-is-damaged", name = name),
        detail: vaults::damage_words().to_owned(),
        act: Act::link(say!("overview-open"), links::AUDIT, Icon::Records),
        why: None,
    }));
    found.attention.extend(kept_back::needs(&kept_back));
    let mut main = Vec::new();
    if !viewer.services.admin.holds_something(&viewer.call.ctx).await? {
        main.push(no_role(viewer));
    }
    found.add(say!("overview-approvals"), needs::approvals(viewer, &vaults).await);
    let (mut changes, mut chart, mut unusual) = (None, None, None);
    if reads_audit {
        found.add(say!("overview-denials"), needs::denials(viewer, now).await);
        found.add(say!("overview-renewals-of-certificates"), needs::renewals(viewer, now).await);
        match changes_panel(viewer, range, None).await {
            Ok(panel) => changes = Some(panel),
            Err(_) => found.unread(say!("overview-changes-by-people"), None),
        }
        match anomalies::panel(viewer).await {
            Ok(panel) => unusual = Some(panel),
            Err(_) => found.unread(say!("overview-what-is-unusual"), None),
        }
        match audit::chart(viewer, &Asked::of_last(viewer, range)).await {
            Ok(drawn) => chart = drawn,
            Err(NoChart { unread: true, .. }) => found.unread(say!("overview-decisions-over-time"), None),
            Err(NoChart { why, .. }) => found.notices.push(why),
        }
    } else {
        found.hidden.push(say!("overview-denials-and-changes-are-hidden").to_owned());
    }
    if viewer.may(&Ask::server(Action::AssignmentRead)).await {
        found.add(say!("overview-roles-that-end-soon"), needs::roles(viewer, now).await);
    } else {
        found.hidden.push(say!("overview-roles-that-end-soon-are").to_owned());
    }
    if viewer.may(&Ask::server(Action::WorkloadRead)).await {
        found.add(say!("overview-credentials-that-end-soon"), needs::credentials(viewer).await);
    } else {
        found.hidden.push(say!("overview-credentials-that-end-soon-are").to_owned());
    }
    let taken_back = revoked::look(viewer, &vaults, reads_audit).await;
    found.attention.extend(needs::serve_revoked(&taken_back));
    if taken_back.unread {
        found.unread(say!("overview-revoked-certificates"), None);
    }
    if taken_back.more {
        found.notices.push(say!("overview-not-all-certificates-were-looked").to_owned());
    }
    let ending = endings::look(viewer, &vaults).await;
    found.attention.extend(ending.needs);
    found.hidden.extend(ending.hidden);
    if let Some(why) = ending.unread {
        found.unread(say!("overview-what-ends-soon-at-all"), Some(why));
    }
    let headline = found.headline();
    let (attention, hidden, notices) = found.told();
    let rows = attention.into_iter().map(|Attention { tone, icon, what, detail, act, why }| {
        let word = match tone {
            Tone::Bad => say!("overview-now"),
            _ => say!("overview-soon"),
        };
        Row::new(vec![
            Cell::Text { text: what, small: Some(detail) },
            Cell::badge(tone, icon, word),
            Cell::Acts(
                why.map(|href| Act::link(say!("overview-why"), href, Icon::Unknown)).into_iter().chain([act]).collect(),
            ),
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
    main.extend(ending.panel);
    main.extend(unusual);
    main.extend(changes);
    let verified = match &chain.verified {
        None => Cell::text(say!("overview-not-verified-yet")),
        // How far, and how many rows, would tell of what others do.
        Some(Verified { verdict: Ok(_), .. }) if !reads_audit => {
            Cell::badge(Tone::Good, Icon::Check, say!("overview-verified"))
        }
        Some(Verified { at, verdict: Ok(reached) }) => Cell::Badge {
            tone: Tone::Good,
            icon: Icon::Check,
            text: say!("overview-verified-to-position", position = view::grouped(reached.position)),
            small: Some(view::moment_millis(*at).text),
        },
        Some(Verified { verdict: Err(_), .. }) => Cell::badge(Tone::Bad, Icon::Ban, say!("overview-broken")),
    };
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let mut health = vec![
        fact(say!("overview-seal"), Cell::badge(Tone::Good, Icon::Check, say!("overview-unsealed"))),
        fact(say!("overview-audit-chain"), verified),
        fact(say!("overview-stored-data"), frame::stored(&chain, reads_audit)),
        fact(say!("overview-vaults-you-may-list"), Cell::link(vaults.len().to_string(), links::VAULTS)),
    ];
    let commands = Commands::of_installation(viewer.services);
    if reads_audit {
        health.push(Fact::text(say!("overview-records"), view::grouped(chain.position)));
    }
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
        aside: [
            Some(Panel::new(say!("overview-health"), Body::Facts(health))),
            ending.rotation,
            Some(snippets::panel(copy)),
        ]
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

/// What people changed in a vault in the last day.
pub(super) async fn changes_of_a_day(viewer: &Viewer<'_>, vault: &VaultName) -> Option<Panel> {
    let range = RANGES.into_iter().find(|(word, ..)| *word == A_DAY)?;
    let unread = |_| {
        let words = vec![say!("overview-changes-could-not-be-read").to_owned()];
        Panel::new(say!("overview-changes-by-people"), Body::Text(words))
    };
    Some(changes_panel(viewer, range, Some(vault)).await.unwrap_or_else(unread))
}

/// What people changed in the last while, the newest first.
async fn changes_panel(
    viewer: &Viewer<'_>,
    (range, length, _): (&str, i64, i64),
    vault: Option<&VaultName>,
) -> Result<Panel, Failure> {
    let vault = vault.map(|vault| vault.as_str().to_owned());
    let filter = changed::filter(vault.clone(), viewer.call.ctx.now - length, CHANGES_FROM);
    let page = viewer.services.admin.query_audit(&viewer.further()?, filter).await?;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    // Signing in and out is no change of what is kept here.
    let by_people = page.items.iter().filter(|record| !record.operation.starts_with("Session"));
    let by_people: Vec<&Record> = by_people.take(CHANGES).collect();
    let names = changed::names(viewer, by_people.iter().copied()).await;
    let rows = by_people.iter().map(|record| {
        Row::new(vec![
            Cell::Moment(view::moment_millis(record.at)),
            audit::who(record, own_issuer, &names),
            Cell::Link {
                text: changed::sentence(record, &names),
                href: links::entry(record.id),
                small: Some(record.operation.clone()),
            },
        ])
    });
    let rows: Vec<Row> = rows.collect();
    let body = if rows.is_empty() {
        Body::Text(vec![say!("overview-no-person-changed-anything").to_owned()])
    } else {
        Body::Table(Table::new(&["When", "Who", "Change"], rows))
    };
    let note = say!("overview-last-length", length = Asked::length_words(length));
    let panel = Panel::new(say!("overview-changes-by-people"), body).note(note).acts(vec![Act::link(
        say!("overview-open-in-audit"),
        links::asked(links::AUDIT, &[("range", Some(range)), ("vault", vault.as_deref())]),
        Icon::Records,
    )]);
    Ok(panel)
}
