//! Whom a grant is for: as cells show it, and as forms ask for it.

use strongroom_domain::{
    admin::WorkloadLabels,
    principal::{Grantee, PrincipalId},
};
use strongroom_web::{Cell, Field, Icon, say};
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
            Some(name) => who(Icon::Workload, say!("access-whom-workload"), name.clone(), Some(id.to_string())),
            None if labels.gone.contains(&id) => {
                let note = say!("access-whom-identity-deleted-this-counts-for").to_owned();
                who(Icon::Workload, say!("access-whom-workload"), id.to_string(), Some(note))
            }
            None => who(Icon::Workload, say!("access-whom-workload"), id.to_string(), None),
        };
    }
    match grantee {
        Grantee::Principal { id: PrincipalId { issuer, subject } } => {
            who(Icon::Person, say!("access-whom-principal"), subject.clone(), Some(without_scheme(issuer).to_owned()))
        }
        Grantee::Group { issuer, group } => who(
            Icon::Group,
            say!("access-whom-group"),
            group.clone(),
            Some(say!("access-whom-group-at-issuer", issuer = without_scheme(issuer))),
        ),
    }
}

/// A grantee in words.
pub(super) fn words(grantee: &Grantee, labels: &WorkloadLabels) -> String {
    match grantee {
        Grantee::Principal { id } => {
            let named = Uuid::try_parse(&id.subject).ok().and_then(|id| labels.names.get(&id));
            named.cloned().unwrap_or_else(|| id.subject.clone())
        }
        Grantee::Group { group, .. } => say!("access-whom-the-group-group", group = group),
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
        Field::line("client_id", say!("access-whom-workload-of-this-installation-by"), filled("client_id"), 36)
            .hint(say!("access-whom-either-a-client-id-or"))
            .known(&known.workloads),
        Field::line("issuer", say!("access-whom-issuer"), filled("issuer"), 256)
            .hint(say!("access-whom-the-exact-issuer-of-the"))
            .known(&known.issuers),
        Field::line("subject", say!("access-whom-subject-at-that-issuer"), filled("subject"), 256)
            .hint(say!("access-whom-one-person-or-app-names"))
            .known(&known.subjects),
        Field::line("group", say!("access-whom-group-at-that-issuer"), filled("group"), 256)
            .hint(say!("access-whom-everybody-whom-the-issuer-puts"))
            .known(&known.groups),
    ]
}

/// Reads the grantee of a form that gives something.
pub(super) fn read(viewer: &Viewer<'_>, sent: &Sent) -> Result<Grantee, Problem> {
    named(sent)?.grantee_to_be(viewer.services)
}

/// Reads the grantee of a form that takes something away: whatever was given can be.
pub(super) fn read_held(viewer: &Viewer<'_>, sent: &Sent) -> Result<Grantee, Problem> {
    named(sent)?.grantee(viewer.services)
}

fn named(sent: &Sent) -> Result<Whom, Problem> {
    let client_id = match sent.given("client_id") {
        Some(text) => {
            Some(Uuid::try_parse(&text).map_err(|_| Problem::bad_parameter(say!("access-whom-a-client-id-is-a")))?)
        }
        None => None,
    };
    Ok(Whom { issuer: sent.given("issuer"), subject: sent.given("subject"), group: sent.given("group"), client_id })
}
