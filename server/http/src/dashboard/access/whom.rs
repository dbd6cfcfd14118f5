//! Whom a grant is for: as cells show it, and as forms ask for it.

use strongroom_domain::{
    admin::WorkloadLabels,
    principal::{Grantee, PrincipalId},
};
use strongroom_web::{Cell, Field, Icon};
use uuid::Uuid;

use super::{known::Known, own_issuer};
use crate::{
    api::manage::grantee::Whom,
    dashboard::{
        form::Sent,
        frame::{Viewer, without_scheme},
    },
    problem::Problem,
};

/// What is said of the workloads among grantees.
pub(super) async fn names<'a>(viewer: &Viewer<'_>, grantees: impl Iterator<Item = &'a Grantee>) -> WorkloadLabels {
    let ids: Vec<Uuid> = grantees.filter_map(|grantee| own_id(viewer, grantee)).collect();
    viewer.services.admin.workload_labels(&viewer.call.ctx, ids).await
}

fn own_id(viewer: &Viewer<'_>, grantee: &Grantee) -> Option<Uuid> {
    match grantee {
        Grantee::Principal { id } => id.workload_of(own_issuer(viewer)),
        Grantee::Group { .. } => None,
    }
}

/// A grantee as a cell.
pub(super) fn cell(viewer: &Viewer<'_>, grantee: &Grantee, labels: &WorkloadLabels) -> Cell {
    let who = |icon, kind: &str, name: String, small| Cell::Who { icon, kind: kind.to_owned(), name, small };
    if let Some(id) = own_id(viewer, grantee) {
        return match labels.names.get(&id) {
            Some(name) => who(Icon::Workload, "Workload", name.clone(), Some(id.to_string())),
            None if labels.gone.contains(&id) => {
                let note = "identity deleted: this counts for nobody, and can be removed".to_owned();
                who(Icon::Workload, "Workload", id.to_string(), Some(note))
            }
            None => who(Icon::Workload, "Workload", id.to_string(), None),
        };
    }
    match grantee {
        Grantee::Principal { id: PrincipalId { issuer, subject } } => {
            who(Icon::Person, "Principal", subject.clone(), Some(without_scheme(issuer).to_owned()))
        }
        Grantee::Group { issuer, group } => {
            who(Icon::Group, "Group", group.clone(), Some(format!("group at {}", without_scheme(issuer))))
        }
    }
}

/// A grantee in words.
pub(super) fn words(grantee: &Grantee, labels: &WorkloadLabels) -> String {
    match grantee {
        Grantee::Principal { id } => {
            let named = Uuid::try_parse(&id.subject).ok().and_then(|id| labels.names.get(&id));
            named.cloned().unwrap_or_else(|| id.subject.clone())
        }
        Grantee::Group { group, .. } => format!("the group {group}"),
    }
}

/// The four parts by which a grantee is named: issuer, subject, group, client id.
pub(super) fn parts(viewer: &Viewer<'_>, grantee: &Grantee) -> [(&'static str, String); 4] {
    let (issuer, subject, group, client_id) = match (own_id(viewer, grantee), grantee) {
        (Some(id), _) => (String::new(), String::new(), String::new(), id.to_string()),
        (None, Grantee::Principal { id }) => (id.issuer.clone(), id.subject.clone(), String::new(), String::new()),
        (None, Grantee::Group { issuer, group }) => (issuer.clone(), String::new(), group.clone(), String::new()),
    };
    [("issuer", issuer), ("subject", subject), ("group", group), ("client_id", client_id)]
}

/// The fields that ask for a grantee, filled in by their names.
pub(super) fn fields(filled: impl Fn(&str) -> String, known: &Known) -> Vec<Field> {
    vec![
        Field::line("client_id", "Workload of this installation, by client id", filled("client_id"), 36)
            .hint("Either a client id, or an issuer with a subject or a group.")
            .known(&known.workloads),
        Field::line("issuer", "Issuer", filled("issuer"), 256)
            .hint("The exact issuer of the tokens, for example https://login.example.com.")
            .known(&known.issuers),
        Field::line("subject", "Subject at that issuer", filled("subject"), 256)
            .hint("One person or app. Names and mail addresses identify nobody; the subject does.")
            .known(&known.subjects),
        Field::line("group", "Group at that issuer", filled("group"), 256)
            .hint("Everybody whom the issuer puts into it.")
            .known(&known.groups),
    ]
}

/// Reads the grantee of a form.
pub(super) fn read(viewer: &Viewer<'_>, sent: &Sent) -> Result<Grantee, Problem> {
    let client_id = match sent.given("client_id") {
        Some(text) => Some(Uuid::try_parse(&text).map_err(|_| Problem::bad_parameter("A client id is a UUID."))?),
        None => None,
    };
    let whom =
        Whom { issuer: sent.given("issuer"), subject: sent.given("subject"), group: sent.given("group"), client_id };
    whom.grantee_to_be(viewer.services)
}
