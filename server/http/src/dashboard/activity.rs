//! What was done with a secret lately, on its own page. That somebody looked at its metadata is no news there.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    names::{ObjectKind, ObjectName, VaultName},
    record::{Record, RecordFilter, Without},
};
use strongroom_web::{Act, Body, Cell, Icon, Panel, Row, Table, say};

use super::{Failure, audit, frame::Viewer, links, view};

/// Most records that are shown.
const MOST: usize = 8;

/// The panel of the secret's page.
pub(super) async fn panel(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Panel {
    let title = say!("activity-activity");
    let told = |words: &str| Panel::new(title, Body::Text(vec![words.to_owned()]));
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return told(say!("activity-hidden"));
    }
    let Ok(records) = lately(viewer, vault, name).await else { return told(say!("activity-could-not-be-read")) };
    if records.is_empty() {
        return told(say!("activity-nothing"));
    }
    let names = audit::names(viewer, records.iter()).await;
    let own_issuer = &viewer.services.objects.gate.own_issuer;
    let rows = records.iter().map(|record| {
        Row::new(vec![
            Cell::Moment(view::moment_millis(record.at)),
            audit::who(record, own_issuer, &names),
            Cell::link(record.operation.clone(), links::decision(record)),
            outcome(record),
        ])
    });
    let table = Table::new(&["When", "Who", "Action", "Outcome"], rows.collect());
    Panel::new(title, Body::Table(table)).note(say!("activity-the-last")).acts(vec![Act::link(
        say!("activity-open-in-audit"),
        links::audit_of_secret(vault, name),
        Icon::Records,
    )])
}

async fn lately(viewer: &Viewer<'_>, vault: &VaultName, name: &ObjectName) -> Result<Vec<Record>, Failure> {
    let looks = [Action::SecretShow, Action::SecretListVersions];
    let filter = RecordFilter {
        vault: Some(vault.to_string()),
        object: Some(name.as_str().to_owned()),
        whole_name: true,
        kind: Some(ObjectKind::Secret),
        without: Without {
            allowed: looks.iter().map(|action| action.operation().to_owned()).collect(),
            ..Without::default()
        },
        limit: MOST,
        ..RecordFilter::default()
    };
    Ok(viewer.services.admin.query_audit(&viewer.further()?, filter).await?.items)
}

fn outcome(record: &Record) -> Cell {
    let (tone, icon, word) = view::outcome(record);
    Cell::badge(tone, icon, word)
}
