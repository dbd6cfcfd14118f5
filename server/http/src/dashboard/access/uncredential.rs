//! The page that asks before a credential of a workload is taken away: when it was last used, and what stops.

use strongroom_domain::{
    action::Action,
    gate::Ask,
    identity::{Federation, Workload},
    principal::PrincipalId,
    record::{Outcome, Record, RecordFilter},
};
use strongroom_web::{Body, Cell, Fact, Form, Panel, PanelsPage, say};
use uuid::Uuid;

use super::workloads;
use crate::{
    dashboard::{
        Failure,
        frame::{Place, Viewer},
        links, rendered,
        snippets::{self, Commands},
        view,
    },
    message::Response,
    problem::Problem,
    routes::Endpoint,
};

/// Tokens given out that are looked through.
const LOOKED: u16 = 1000;

/// A credential that is about to be taken away.
struct Leaving<'a> {
    /// What it is in addresses and commands.
    sort: &'static str,
    command: &'static str,
    kind: &'static str,
    name: String,
    id: Uuid,
    ends: Option<i64>,
    federation: Option<&'a Federation>,
}

impl<'a> Leaving<'a> {
    fn find(workload: &'a Workload, endpoint: Endpoint, id: Uuid) -> Option<Self> {
        match endpoint {
            Endpoint::ClientSecretRemovePage => {
                workload.secrets.iter().find(|secret| secret.id == id).map(|secret| Self {
                    sort: "secrets",
                    command: "secret",
                    kind: say!("access-uncredential-client-secret"),
                    name: secret.name.clone().unwrap_or_else(|| id.to_string()),
                    id,
                    ends: secret.expires,
                    federation: None,
                })
            }
            Endpoint::CertificateRemovePage => {
                workload.certificates.iter().find(|certificate| certificate.id == id).map(|certificate| Self {
                    sort: "certificates",
                    command: "certificate",
                    kind: say!("access-uncredential-certificate"),
                    name: certificate.name.clone(),
                    id,
                    ends: Some(certificate.expires),
                    federation: None,
                })
            }
            _ => workload.federations.iter().find(|federation| federation.id() == id).map(|federation| Self {
                sort: "federations",
                command: "federation",
                kind: say!("access-uncredential-federation"),
                name: federation.subject.clone(),
                id,
                ends: None,
                federation: Some(federation),
            }),
        }
    }

    /// Whether a token was given out for it, as its record says.
    fn was_used(&self, record: &Record) -> bool {
        let said = record.trace.iter().filter(|stage| stage.stage == "credential");
        let mut said = said.filter_map(|stage| stage.detail.as_deref());
        match self.federation {
            None => said.any(|said| said == self.id.to_string()),
            Some(federation) => said.any(|said| {
                let subject = said.strip_prefix(federation.issuer.as_str()).and_then(|rest| rest.strip_prefix('#'));
                subject.is_some_and(|subject| federation.covers_subject(subject))
            }),
        }
    }
}

/// GET /access/workloads/{client_id}/{secrets|certificates|federations}/{credential}/remove
///
/// # Errors
/// 404 for a credential that is not there, the gate's denial, or why the workload cannot be shown.
pub(crate) async fn ask(viewer: &Viewer<'_>) -> Result<Response, Failure> {
    let client_id = workloads::client_id(viewer)?;
    let id = Uuid::try_parse(viewer.call.parameter(1)).map_err(|_| Problem::no_route())?;
    let workload = viewer.services.admin.show_workload(&viewer.call.ctx, client_id).await?;
    let leaving = Leaving::find(&workload, viewer.call.endpoint, id).ok_or_else(Problem::no_route)?;
    let at = links::workload(client_id);
    let left = workload.secrets.len() + workload.certificates.len() + workload.federations.len() - 1;
    let form = Form {
        action: format!("{at}/{}/{id}/remove", leaving.sort),
        csrf_token: Some(viewer.form_token()),
        submit: say!("access-uncredential-remove-for-good").to_owned(),
        danger: true,
        cancel_href: Some(at),
        ..Form::default()
    };
    let facts = vec![
        Fact::text(say!("access-uncredential-workload"), workload.name.clone()),
        Fact::text(leaving.kind, leaving.name.clone()),
        Fact::moment(
            say!("access-uncredential-ends"),
            leaving.ends.map(view::moment),
            say!("access-uncredential-no-end"),
        ),
        Fact {
            name: say!("access-uncredential-last-used").to_owned(),
            value: last_used(viewer, &leaving, client_id).await,
        },
    ];
    let mut stops = vec![say!("access-uncredential-what-proves-itself-by-it").to_owned()];
    stops.push(match left {
        0 => say!("access-uncredential-it-is-the-only-one").to_owned(),
        left => say!("access-uncredential-left", left = left),
    });
    let title = say!("access-uncredential-remove-name", name = leaving.name);
    let commands = Commands::of_installation(viewer.services);
    let page = PanelsPage {
        main: vec![
            Panel::new(say!("access-uncredential-credential"), Body::Facts(facts)),
            Panel::new(say!("access-uncredential-what-stops"), Body::Text(stops)),
            Panel::new(say!("access-uncredential-confirm"), Body::Form(form)),
        ],
        aside: vec![snippets::panel(vec![
            commands.server(&format!("identity {} remove {client_id} {id}", leaving.command)),
            commands.curl_server("DELETE", &format!("/api/v1/workloads/{client_id}/{}/{id}", leaving.sort), None),
        ])],
        ..PanelsPage::new(viewer.shell(&Place::Access.below(title.clone())).await, title)
    };
    Ok(rendered(200, page.render()))
}

/// When a token was last given out for it, for who may read the log.
async fn last_used(viewer: &Viewer<'_>, leaving: &Leaving<'_>, client_id: Uuid) -> Cell {
    let none = |words: &str| Cell::None(words.to_owned());
    if !viewer.may(&Ask::server(Action::AuditRead)).await {
        return none(say!("access-uncredential-told-to-who-may-read"));
    }
    let issuer = super::own_issuer(viewer).to_owned();
    let filter = RecordFilter {
        outcome: Some(Outcome::Allowed),
        operation: Some(Action::TokenIssue.operation().to_owned()),
        whole_principal: Some(PrincipalId { issuer, subject: client_id.to_string() }),
        limit: usize::from(LOOKED),
        ..RecordFilter::default()
    };
    let found = match viewer.further() {
        Ok(ctx) => viewer.services.admin.query_audit(&ctx, filter).await.ok(),
        Err(_) => None,
    };
    let Some(found) = found else { return none(say!("access-uncredential-could-not-be-looked-up")) };
    match found.items.iter().find(|record| leaving.was_used(record)) {
        Some(record) => {
            Cell::When { moment: view::moment_millis(record.at), href: Some(links::why(record.id)), small: None }
        }
        None if found.next.is_some() => Cell::None(say!("access-uncredential-not-among", count = LOOKED)),
        None => none(say!("access-uncredential-never")),
    }
}
