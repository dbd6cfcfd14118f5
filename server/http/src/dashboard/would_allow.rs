//! Of a recorded denial: what would let its request through, each change with the command that makes it. Asked for by a
//! link on the record's page, because it is tried and counted each time.

use std::collections::BTreeMap;

use strongroom_domain::{
    admin::{About, Altered, Explained, NotYours, Possible, SingleChange, WouldAllow},
    names::VaultName,
    principal::PrincipalId,
    record::{Outcome, Record},
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Snippet, Table, say};
use uuid::Uuid;

use super::{
    Failure, audit,
    frame::Viewer,
    links,
    snippets::{self, Commands},
    untold::{self, Asking},
    view,
};
use crate::{changes::Told, message::Request};

/// Decisions that are asked again for each change.
const LAST: usize = 200;
/// How long a role is given that the form proposes.
const DAY: i64 = 86_400;

/// Title of the panel.
fn title() -> &'static str {
    say!("would-allow-what-would-allow-it")
}

/// The panels for a record: none where it is no denial on a vault, or is not offered.
pub(super) async fn panels(
    viewer: &Viewer<'_>,
    request: &Request,
    record: &Record,
    asking: &Asking,
) -> Result<Vec<Panel>, Failure> {
    let vault = record.vault.as_deref().and_then(|vault| VaultName::parse(vault).ok());
    let Some(vault) = vault.filter(|_| record.outcome == Outcome::Denied) else { return Ok(Vec::new()) };
    if request.query("would-allow").is_none() {
        return Ok(if asking.is_open() { vec![offered(links::would_allow(record.id))] } else { Vec::new() });
    }
    let found = viewer.services.admin.explain(&viewer.further()?, &vault, &About::Decision(record.id), LAST).await;
    match found {
        Ok(explained) => Ok(told(viewer, &vault, &explained)),
        // Who may read records need not see the roles of the vault.
        Err(why) => Ok(vec![untold::panel(title(), &vault, why)]),
    }
}

/// The way to find out: it is tried and counted each time.
pub(super) fn offered(href: String) -> Panel {
    let text = say!("would-allow-each-change-of-a-rule");
    let find = Act::link(say!("would-allow-find-out"), href, Icon::Compare);
    Panel::new(title(), Body::Text(vec![text.to_owned()])).acts(vec![find])
}

/// What was found out.
pub(super) fn told(viewer: &Viewer<'_>, vault: &VaultName, explained: &Explained) -> Vec<Panel> {
    let Explained { described, foreseen, would_allow } = explained;
    let WouldAllow { changes, not_yours, tried, by_approval, approval, replayed, cut } = would_allow;
    let Some(denied) = &foreseen.denied else {
        let text = say!("would-allow-as-things-are-now-this");
        return vec![Panel::new(title(), Body::Text(vec![text.to_owned()]))];
    };
    let principal = &described.principal.id;
    let mut panels = Vec::new();
    // Safe, and nobody has to change a rule for it.
    if *by_approval {
        panels.push(by_somebody_else(vault, *approval));
    }
    let rows = changes.iter().map(|Possible { change, recorded, lifts_rule }| {
        let words = Told { change, vault, principal }.words();
        let small = lifts_rule.then(|| say!("would-allow-it-takes-the-rule-away").to_owned());
        let cell = match form(viewer, change, principal) {
            Some(href) => Cell::Link { text: words, href, small },
            None => Cell::Text { text: words, small },
        };
        Row::new(vec![
            cell,
            Cell::text(view::grouped(recorded.newly_allowed)),
            Cell::text(view::grouped(recorded.newly_denied)),
            Cell::text(view::grouped(recorded.indeterminate)),
        ])
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        let mut text = say!("would-allow-no-single-change-that-was").to_owned();
        if !tried.is_empty() {
            text.push_str(&say!("would-allow-tried-were-tried", tried = tried.join(", ")));
        }
        panels.push(Panel::new(title(), Body::Text(vec![text])));
    } else {
        let table = Table::new(&["Change", "Newly allowed", "Newly denied", "Cannot be told"], rows);
        let up = if *cut { say!("would-allow-time-was-up-before-all") } else { "" };
        let foot = say!("would-allow-counted-among-the-newest-replayed", replayed = replayed, up = up);
        let now = say!("would-allow-each-by-itself-as-things", code = denied.code());
        panels.push(Panel::new(title(), Body::Table(table)).note(now).foot(foot));
        panels.extend(concerned(changes, &viewer.services.objects.gate.own_issuer));
        let commands = Commands::of_vault(viewer.services, vault);
        let command = |Possible { change, .. }: &Possible| {
            let told = Told { change, vault, principal };
            let snippet: Snippet =
                if told.is_at_vault() { commands.vault(&told.command()) } else { commands.server(&told.command()) };
            snippet.labelled(&told.words())
        };
        let panel = snippets::panel(changes.iter().map(command).collect());
        panels.push(Panel { title: say!("would-allow-commands-that-make-a-change").to_owned(), ..panel });
    }
    if !not_yours.is_empty() {
        let others = not_yours.iter().map(|NotYours { sort, why, role }| {
            let role = role.map_or_else(|| Cell::None(say!("would-allow-none").to_owned()), Cell::text);
            Row::new(vec![Cell::text(*sort), Cell::text(why.clone()), role])
        });
        let table = Table::new(&["Change", "Why not", "Role that would do"], others.collect());
        panels.push(Panel::new(say!("would-allow-changes-that-are-not-yours"), Body::Table(table)));
    }
    panels
}

/// That somebody else could approve it, with the way to the request that waits for that.
fn by_somebody_else(vault: &VaultName, approval: Option<Uuid>) -> Panel {
    let which = match approval {
        Some(id) => say!("would-allow-the-request-that-waits-for", id = id),
        None => say!("would-allow-no-request-waits-for-it").to_owned(),
    };
    let text = say!("would-allow-it-would-do-if-somebody", which = which);
    let href = links::in_vault(vault, "approvals", &[]);
    let open = approval.map(|_| Act::primary(say!("would-allow-open-approvals"), href, Icon::Check));
    Panel::new(say!("would-allow-approval"), Body::Text(vec![text])).acts(open.into_iter().collect())
}

/// The form that makes a change, filled in. What is given in haste ends by itself, unless whoever gives it says otherwise.
fn form(viewer: &Viewer<'_>, change: &SingleChange, principal: &PrincipalId) -> Option<String> {
    let SingleChange::Assign { name, scope, .. } = change else { return None };
    let scope = scope.to_string();
    let client_id = principal.workload_of(&viewer.services.objects.gate.own_issuer).map(|id| id.to_string());
    let is_person = client_id.is_none();
    let whom = [
        ("client_id", client_id.as_deref()),
        ("issuer", is_person.then_some(principal.issuer.as_str())),
        ("subject", is_person.then_some(principal.subject.as_str())),
    ];
    let end = view::for_field(viewer.now().saturating_add(DAY).div_euclid(60) * 60);
    let what = [("role", Some(name.as_str())), ("scope", Some(scope.as_str())), ("ends_at", Some(end.as_str()))];
    Some(links::asked(links::NEW_ASSIGNMENT, &[&whom[..], &what[..]].concat()))
}

/// The recorded decisions that changes would alter, grouped. Those of which it cannot be told are counted beside each
/// change and named here no more.
fn concerned(changes: &[Possible], own_issuer: &str) -> Option<Panel> {
    let groups = changes.iter().flat_map(|Possible { change, recorded, .. }| {
        let told = recorded.groups.iter().filter(|group| group.altered != Altered::Indeterminate);
        told.map(move |group| {
            let sample = group.samples.first();
            Row::new(vec![
                Cell::Text { text: group.altered.word().to_owned(), small: Some(change.sort().to_owned()) },
                Cell::Text {
                    text: audit::principal_words(&group.principal, own_issuer, &BTreeMap::new()),
                    small: Some(group.operation.clone()),
                },
                Cell::Text { text: group.object.clone(), small: Some(group.reason.clone()) },
                Cell::text(view::grouped(group.count)),
                sample.map_or_else(
                    || Cell::None(say!("would-allow-none").to_owned()),
                    |id| Cell::link(id.to_string(), links::why(id)),
                ),
            ])
        })
    });
    let rows: Vec<_> = groups.collect();
    (!rows.is_empty()).then(|| {
        let table = Table::new(&["Becomes", "Who", "Object", "Count", "For example"], rows);
        Panel::new(say!("would-allow-recorded-decisions-that-would-change"), Body::Table(table))
    })
}
