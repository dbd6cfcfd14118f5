//! Who is asked for on the audit page, where that is a workload: by its name, as the list shows it, and by its sign-ins,
//! which are on record before anybody is known. Must never narrow a list by a guess: a name of several is told as several.

use strongroom_domain::{action::Action, admin::MAX_WORKLOAD_PAGE, gate::Ask, record::RecordFilter};
use strongroom_web::{Act, Icon, say};
use uuid::Uuid;

use super::{audit_filter::Asked, frame::Viewer, links};

/// Pages of workloads that are gone through for a name.
const PAGES: usize = 10;
/// Most workloads of one name that are told.
const NAMED: usize = 5;

/// Client ids of the workloads whose name is what was asked for, for who may see workloads.
pub(super) async fn named(viewer: &Viewer<'_>, filter: &RecordFilter) -> Vec<Uuid> {
    let Some(name) = &filter.principal else { return Vec::new() };
    let name = name.trim();
    let is_asked = filter.before.is_none() && Uuid::try_parse(name).is_err();
    if !is_asked || !viewer.may(&Ask::server(Action::WorkloadRead)).await {
        return Vec::new();
    }
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let Ok(ctx) = viewer.further() else { break };
        let Ok(page) = viewer.services.admin.list_workloads(&ctx, after, MAX_WORKLOAD_PAGE).await else { break };
        let called = page.items.iter().filter(|workload| workload.name.eq_ignore_ascii_case(name));
        found.extend(called.map(|workload| workload.client_id));
        after = page.next.as_deref().and_then(|next| Uuid::try_parse(next).ok());
        if after.is_none() {
            break;
        }
    }
    found
}

/// The list of one workload, by its client id.
pub(super) fn of_workload(asked: &Asked, client_id: Uuid) -> String {
    asked.address(links::AUDIT, &[("principal", Some(client_id.to_string().as_str()))])
}

/// Ways on: to the workloads of the name that was asked for, and of one that was asked for to its sign-ins. Those that
/// failed are nobody's: only the client id that was claimed is on record, as what they were about.
pub(super) async fn ways(viewer: &Viewer<'_>, asked: &Asked, named: &[Uuid]) -> Vec<Act> {
    let to_workload = |client_id: &Uuid| {
        let label = say!("audit-who-workload-client-id", client_id = client_id);
        Act::link(&label, of_workload(asked, *client_id), Icon::Records)
    };
    let mut ways: Vec<Act> = named.iter().take(NAMED).map(to_workload).collect();
    if let Some(client_id) = asked.filter.principal.as_deref().and_then(|text| Uuid::try_parse(text.trim()).ok()) {
        let names = viewer.services.admin.workload_names(&viewer.call.ctx, [client_id]).await;
        let client_id = client_id.to_string();
        let query = [("object", Some(client_id.as_str())), ("operation", Some("Authentication"))];
        ways.extend(names.values().map(|name| {
            let label = say!("audit-who-sign-ins-of-name", name = name);
            Act::link(&label, links::asked(links::AUDIT, &query), Icon::Records)
        }));
    }
    ways
}
