//! Credentials of a workload: client secrets, certificates, federations. A client secret is told once, on
//! a page of its own, and never again.

use strongroom_crypto::ClientCertificate;
use strongroom_domain::{
    admin::{ChangedWorkload, NewSecret, WorkloadEdit},
    identity::{Federation, Workload},
};
use strongroom_web::{Act, Body, Cell, CredentialPage, Field, FieldKind, Form, Icon, Panel, Row, Snippet, Table, say};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::workloads::{self, client_id, end};
use crate::{
    api::manage::workloads as workloads_api,
    dashboard::{
        Failure,
        form::{LONG, Sent},
        frame::{Place, Viewer},
        links, redirect,
        refusal::{self, Refusal},
        rendered, sort, view,
    },
    message::{Request, Response},
    problem::Problem,
    routes::Endpoint,
};

/// POST to one of a workload's forms: its name, its state, its credentials.
///
/// # Errors
/// 403 for a form that is not ours, the gate's denial, or why nothing can be written.
pub(crate) async fn change(viewer: &Viewer<'_>, request: &Request) -> Result<Response, Failure> {
    let sent = Sent::accept(viewer, request, LONG)?;
    let client_id = client_id(viewer)?;
    let change = async {
        let edit = edit(viewer.call.endpoint, viewer.call.parameter(1), &sent)?;
        Ok::<_, Failure>(viewer.services.admin.change_workload(&viewer.call.ctx, client_id, &edit).await?)
    };
    match change.await {
        Ok(ChangedWorkload { workload, secret: Some(secret), .. }) => {
            let place = Place::Access.below(workload.name.clone());
            let page = CredentialPage::new(
                viewer.shell(&place).await,
                say!("access-credentials-new-client-secret-of-name", name = workload.name),
                client_id.to_string(),
                Zeroizing::new(secret.expose().to_owned()),
                viewer.call.ctx.request_id.to_string(),
                links::workload(client_id),
                vec![environment(viewer, client_id)],
            );
            drop(secret);
            Ok(rendered(200, page.render()))
        }
        Ok(_) => Ok(redirect(links::workload(client_id))),
        Err(failure) => {
            let refusal = Refusal::of(failure)?;
            let workload = viewer.services.admin.show_workload(&viewer.further()?, client_id).await?;
            Ok(workloads::page(viewer, &workload, Some(&refusal), Vec::new()).await)
        }
    }
}

/// What an app sets; the secret's place stays empty.
fn environment(viewer: &Viewer<'_>, client_id: Uuid) -> Snippet {
    let base = viewer.services.addresses.base();
    Snippet::new(
        say!("access-credentials-environment-of-the-app"),
        format!(
            "export AZURE_AUTHORITY_HOST={base}\nexport AZURE_TENANT_ID=adfs\nexport AZURE_CLIENT_ID={client_id}\n\
             read -rs AZURE_CLIENT_SECRET && export AZURE_CLIENT_SECRET"
        ),
    )
}

fn edit(endpoint: Endpoint, credential: &str, sent: &Sent) -> Result<WorkloadEdit, Problem> {
    let credential = || Uuid::try_parse(credential).map_err(|_| Problem::no_route());
    Ok(match endpoint {
        Endpoint::WorkloadRenameForm => {
            WorkloadEdit::Update { name: Some(sent.text("workload-name").to_owned()), enabled: None }
        }
        Endpoint::WorkloadEnableForm => WorkloadEdit::Update { name: None, enabled: Some(true) },
        Endpoint::WorkloadDisableForm => WorkloadEdit::Update { name: None, enabled: Some(false) },
        Endpoint::NewClientSecretForm => {
            let new = NewSecret {
                name: sent.given("secret-name"),
                expires: sent.moment("secret-expires", say!("access-credentials-the-end"))?,
            };
            if sent.ticked("replace") { WorkloadEdit::ReplaceSecrets(new) } else { WorkloadEdit::AddSecret(new) }
        }
        Endpoint::NewCertificateForm => {
            let pem = sent.secret("certificate");
            let certificate = ClientCertificate::from_pem(pem.expose().as_bytes()).map_err(|error| {
                Problem::bad_parameter(say!("access-credentials-the-certificate-is-refused-error", error = error))
            })?;
            WorkloadEdit::AddCertificate(Box::new(certificate), sent.given("certificate-name"))
        }
        Endpoint::NewFederationForm => WorkloadEdit::AddFederation(workloads_api::federation(Federation {
            issuer: sent.text("issuer").to_owned(),
            subject: sent.text("subject").to_owned(),
            audience: sent.text("audience").to_owned(),
            pattern: sent.ticked("pattern"),
        })?),
        Endpoint::ClientSecretRemoveForm => WorkloadEdit::RemoveSecret(credential()?),
        Endpoint::CertificateRemoveForm => WorkloadEdit::RemoveCertificate(credential()?),
        Endpoint::FederationRemoveForm => WorkloadEdit::RemoveFederation(credential()?),
        _ => return Err(Problem::no_route()),
    })
}

/// What is likely to be a mistake in the federations that are there: the words of the API, each once.
pub(super) async fn foreign(viewer: &Viewer<'_>, workload: &Workload) -> Vec<String> {
    let mut warnings = workloads_api::foreign(viewer.services, viewer.call, &workload.federations).await;
    warnings.sort_unstable();
    warnings.dedup();
    warnings
}

/// The panels of a workload's credentials, with forms when this person may change them. A form that was
/// refused says why.
pub(super) async fn panels(
    viewer: &Viewer<'_>,
    workload: &Workload,
    open: bool,
    refusal: Option<&Refusal>,
) -> Vec<Panel> {
    let at = links::workload(workload.client_id);
    let token = viewer.form_token();
    let now = viewer.now();
    let remove = |sort: &str, id: Uuid| {
        let ask = format!("{at}/{sort}/{id}/remove");
        let act = open.then(|| Act::link(say!("access-credentials-remove"), ask, Icon::Trash));
        Cell::Acts(act.into_iter().collect())
    };
    let moment = |seconds: Option<i64>| {
        seconds
            .map_or_else(|| Cell::None(say!("access-credentials-not-known").into()), |s| Cell::Moment(view::moment(s)))
    };

    let secrets = workload.secrets.iter().map(|secret| {
        let name = secret.name.clone().unwrap_or_else(|| say!("access-credentials-client-secret").to_owned());
        Row::new(vec![
            Cell::Text { text: name, small: Some(secret.id.to_string()) },
            moment(secret.created),
            end(secret.expires, now),
            remove("secrets", secret.id),
        ])
    });
    let certificates = workload.certificates.iter().map(|certificate| {
        let thumbprint = data_encoding::HEXLOWER.encode(&certificate.sha256);
        Row::new(vec![
            Cell::Text {
                text: certificate.name.clone(),
                small: Some(say!("access-credentials-sha-256-thumbprint", thumbprint = thumbprint)),
            },
            Cell::Moment(view::moment(certificate.created)),
            end(Some(certificate.expires), now),
            remove("certificates", certificate.id),
        ])
    });
    let federations = workload.federations.iter().map(|federation| {
        let small = if federation.pattern {
            say!("access-credentials-subject-pattern")
        } else {
            say!("access-credentials-exact-subject")
        };
        Row::new(vec![
            Cell::Text { text: federation.subject.clone(), small: Some(small.to_owned()) },
            Cell::text(federation.issuer.clone()),
            Cell::text(federation.audience.clone()),
            remove("federations", federation.id()),
        ])
    });
    let listed = |title: &str, columns: &[&str], rows: Vec<Row>, none: &str| {
        if rows.is_empty() {
            return Panel::new(title, Body::Text(vec![none.to_owned()]));
        }
        sort::panel(viewer, title, &title.to_lowercase().replace(' ', "-"), Table::new(columns, rows), None)
    };
    let mut panels = vec![
        listed(
            say!("access-credentials-federations"),
            &["Subject", "Issuer", "Audience", ""],
            federations.collect(),
            say!("access-credentials-none-no-foreign-token-stands"),
        ),
        listed(
            say!("access-credentials-certificates"),
            &["Name", "Registered", "Ends", ""],
            certificates.collect(),
            say!("access-credentials-none"),
        ),
        listed(
            say!("access-credentials-client-secrets"),
            &["Name", "Made", "Ends", ""],
            secrets.collect(),
            say!("access-credentials-none"),
        ),
    ];
    if open {
        let form = |act: &str, fields, submit: &str| Form {
            action: format!("{at}/{act}"),
            csrf_token: Some(token.clone()),
            fields,
            submit: submit.to_owned(),
            ..Form::default()
        };
        let refused = |endpoint| refusal.filter(|_| viewer.call.endpoint == endpoint);
        let federation = vec![
            Field::line("issuer", say!("access-credentials-issuer"), "", 256)
                .required()
                .hint(say!("access-credentials-the-exact-issuer-of-the")),
            Field::line("subject", say!("access-credentials-subject"), "", 256)
                .required()
                .hint(say!("access-credentials-for-example-repo-owner-name")),
            Field::check("pattern", say!("access-credentials-the-subject-is-a-pattern"), false)
                .hint(say!("access-credentials-stands-for-any-characters-but")),
            Field::line("audience", say!("access-credentials-audience"), "", 256)
                .required()
                .hint(say!("access-credentials-for-example-api-azureadtokenexchange")),
        ];
        let certificate = vec![
            Field::lines("certificate", say!("access-credentials-certificate-pem"), "", 6)
                .required()
                .hint(say!("access-credentials-the-certificate-alone-without-its")),
            Field::line("certificate-name", say!("access-credentials-name"), "", 128),
        ];
        let secret = vec![
            Field::line("secret-name", say!("access-credentials-name"), "", 128)
                .hint(say!("access-credentials-where-it-is-used")),
            Field::new(
                "secret-expires",
                say!("access-credentials-ends-utc"),
                FieldKind::Moment { value: String::new() },
            )
            .hint(say!("access-credentials-at-most-730-days-from")),
            Field::check("replace", say!("access-credentials-in-place-of-all-other"), false)
                .hint(say!("access-credentials-they-stop-counting-at-once")),
        ];
        for (title, endpoint, act, fields, submit) in [
            (
                say!("access-credentials-add-a-federation"),
                Endpoint::NewFederationForm,
                "new-federation",
                federation,
                say!("access-credentials-add-federation"),
            ),
            (
                say!("access-credentials-add-a-certificate"),
                Endpoint::NewCertificateForm,
                "new-certificate",
                certificate,
                say!("access-credentials-add-certificate"),
            ),
            (
                say!("access-credentials-add-a-client-secret"),
                Endpoint::NewClientSecretForm,
                "new-secret",
                secret,
                say!("access-credentials-make-a-client-secret"),
            ),
        ] {
            let form = refusal::form(viewer, form(act, fields, submit), refused(endpoint)).await;
            panels.push(Panel::new(title, Body::Form(form)));
        }
    }
    panels
}
