//! Of a recorded denial: what would let its request through, each change with the command that makes it. Asked for by a
//! link on the record's page, because it is tried and counted each time.

use strongroom_domain::{
    admin::{About, Explained, NotYours, Possible, WouldAllow},
    names::VaultName,
    record::{Outcome, Record},
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Snippet, Table};

use super::{
    Failure,
    frame::Viewer,
    links,
    snippets::{self, Commands},
    view,
};
use crate::{changes::Told, message::Request};

/// Decisions that are asked again for each change.
const LAST: usize = 200;
/// Title of the panel.
const TITLE: &str = "What would allow it";

/// The panels for a record: none where it is no denial on a vault.
pub(super) async fn panels(viewer: &Viewer<'_>, request: &Request, record: &Record) -> Result<Vec<Panel>, Failure> {
    let vault = record.vault.as_deref().and_then(|vault| VaultName::parse(vault).ok());
    let Some(vault) = vault.filter(|_| record.outcome == Outcome::Denied) else { return Ok(Vec::new()) };
    if request.query("would-allow").is_none() {
        let text = "Each change of a rule that you could make is tried by the gate on rules as they would be; nothing is changed.";
        let find = Act::link("Find out", links::would_allow(record.id), Icon::Compare);
        return Ok(vec![Panel::new(TITLE, Body::Text(vec![text.to_owned()])).acts(vec![find])]);
    }
    let found = viewer.services.admin.explain(&viewer.further()?, &vault, &About::Decision(record.id), LAST).await;
    match found {
        Ok(explained) => Ok(told(viewer, &vault, &explained)),
        // Who may read records need not see the roles of the vault.
        Err(why) => Ok(vec![Panel::new(TITLE, Body::Text(vec![format!("It is not told: {why}.")]))]),
    }
}

fn told(viewer: &Viewer<'_>, vault: &VaultName, explained: &Explained) -> Vec<Panel> {
    let Explained { described, foreseen, would_allow } = explained;
    let WouldAllow { changes, not_yours, tried, by_approval, approval, replayed, cut } = would_allow;
    let Some(denied) = &foreseen.denied else {
        let text = "As things are now, this request is allowed.";
        return vec![Panel::new(TITLE, Body::Text(vec![text.to_owned()]))];
    };
    let principal = &described.principal.id;
    let rows = changes.iter().map(|Possible { change, recorded }| {
        Row::new(vec![
            Cell::text(Told { change, vault, principal }.words()),
            Cell::text(view::grouped(recorded.newly_allowed)),
            Cell::text(view::grouped(recorded.newly_denied)),
            Cell::text(view::grouped(recorded.indeterminate)),
        ])
    });
    let rows: Vec<_> = rows.collect();
    let mut panels = Vec::new();
    if rows.is_empty() {
        let mut text =
            "No single change that was tried and that you could make would let this request through.".to_owned();
        if !tried.is_empty() {
            text.push_str(&format!(" Tried were: {}.", tried.join(", ")));
        }
        panels.push(Panel::new(TITLE, Body::Text(vec![text])));
    } else {
        let table = Table::new(&["Change", "Newly allowed", "Newly denied", "Cannot be told"], rows);
        let up = if *cut { " Time was up before all was tried and counted." } else { "" };
        let foot =
            format!("Counted among the newest {replayed} decisions on the vault, asked again with each change.{up}");
        let now = format!("each by itself, as things are now ({})", denied.code());
        panels.push(Panel::new(TITLE, Body::Table(table)).note(now).foot(foot));
        panels.extend(concerned(changes));
        let commands = Commands::of_vault(viewer.services, vault);
        let command = |Possible { change, .. }: &Possible| {
            let told = Told { change, vault, principal };
            let snippet: Snippet =
                if told.is_at_vault() { commands.vault(&told.command()) } else { commands.server(&told.command()) };
            snippet.labelled(&told.words())
        };
        let panel = snippets::panel(changes.iter().map(command).collect());
        panels.push(Panel { title: "Commands that make a change".to_owned(), ..panel });
    }
    if *by_approval {
        let which = match approval {
            Some(id) => format!("The request that waits for it is {id}."),
            None => "No request waits for it now; one is opened when it is asked for again.".to_owned(),
        };
        let text = format!("It would do if somebody else approved, as the module that denied says. {which}");
        panels.push(Panel::new("Approval", Body::Text(vec![text])));
    }
    if !not_yours.is_empty() {
        let others = not_yours.iter().map(|NotYours { sort, why, role }| {
            let role = role.map_or_else(|| Cell::None("None".to_owned()), Cell::text);
            Row::new(vec![Cell::text(*sort), Cell::text(why.clone()), role])
        });
        let table = Table::new(&["Change", "Why not", "Role that would do"], others.collect());
        panels.push(Panel::new("Changes that are not yours to make", Body::Table(table)));
    }
    panels
}

/// The recorded decisions that changes would alter, grouped.
fn concerned(changes: &[Possible]) -> Option<Panel> {
    let groups = changes.iter().flat_map(|Possible { change, recorded }| {
        recorded.groups.iter().map(move |group| {
            let sample = group.samples.first();
            Row::new(vec![
                Cell::Text { text: group.altered.word().to_owned(), small: Some(change.sort().to_owned()) },
                Cell::Text { text: group.principal.clone(), small: Some(group.operation.clone()) },
                Cell::Text { text: group.object.clone(), small: Some(group.reason.clone()) },
                Cell::text(view::grouped(group.count)),
                sample.map_or_else(|| Cell::None("None".to_owned()), |id| Cell::link(id.to_string(), links::entry(id))),
            ])
        })
    });
    let rows: Vec<_> = groups.collect();
    (!rows.is_empty()).then(|| {
        let table = Table::new(&["Becomes", "Who", "Object", "Count", "For example"], rows);
        Panel::new("Recorded decisions that would change", Body::Table(table))
    })
}
