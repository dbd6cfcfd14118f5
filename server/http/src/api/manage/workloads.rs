//! `/api/v1/workloads`: workload identities and their credentials. Times are Unix seconds. A client
//! secret is in the answer to the request that made it, and in no other.

use serde::{Deserialize, Serialize};
use strongroom_crypto::ClientCertificate;
use strongroom_domain::{
    admin::{ChangedWorkload, MAX_WORKLOAD_PAGE, NewSecret, WorkloadEdit},
    identity::{Federation, Workload},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::grantee::{could_be_an_issuer, unconfigured};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    routes::Endpoint,
    services::Services,
};

#[derive(Serialize, ToSchema)]
#[schema(as = WorkloadSecret)]
struct SecretView<'a> {
    id: Uuid,
    name: Option<&'a str>,
    /// Unix seconds.
    created: Option<i64>,
    /// Unix seconds.
    expires: Option<i64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = WorkloadCertificate)]
struct CertificateView<'a> {
    id: Uuid,
    name: &'a str,
    /// Fingerprints in hexadecimal, as other tools show them.
    sha1: String,
    sha256: String,
    /// Unix seconds.
    not_before: i64,
    /// Unix seconds.
    expires: i64,
    /// Unix seconds.
    created: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Federation)]
struct FederationView<'a> {
    id: Uuid,
    issuer: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject_pattern: Option<&'a str>,
    audience: &'a str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Workload)]
pub(crate) struct WorkloadView<'a> {
    client_id: Uuid,
    name: &'a str,
    enabled: bool,
    /// Unix seconds.
    created: Option<i64>,
    secrets: Vec<SecretView<'a>>,
    certificates: Vec<CertificateView<'a>>,
    federations: Vec<FederationView<'a>>,
    /// The credential that was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Uuid>,
    /// Told this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    /// What is likely to be a mistake, and was done all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl<'a> WorkloadView<'a> {
    fn of(workload: &'a Workload) -> Self {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let secrets = workload.secrets.iter().map(|secret| SecretView {
            id: secret.id,
            name: secret.name.as_deref(),
            created: secret.created,
            expires: secret.expires,
        });
        let certificates = workload.certificates.iter().map(|certificate| CertificateView {
            id: certificate.id,
            name: &certificate.name,
            sha1: hex(&certificate.sha1),
            sha256: hex(&certificate.sha256),
            not_before: certificate.not_before,
            expires: certificate.expires,
            created: certificate.created,
        });
        let federations = workload.federations.iter().map(|federation| FederationView {
            id: federation.id(),
            issuer: &federation.issuer,
            subject: (!federation.pattern).then_some(&federation.subject),
            subject_pattern: federation.pattern.then_some(&federation.subject),
            audience: &federation.audience,
        });
        Self {
            client_id: workload.client_id,
            name: &workload.name,
            enabled: workload.enabled,
            created: workload.created,
            secrets: secrets.collect(),
            certificates: certificates.collect(),
            federations: federations.collect(),
            credential: None,
            client_secret: None,
            warnings: Vec::new(),
        }
    }
}

fn changed(status: u16, changed: &ChangedWorkload) -> Response {
    changed_with(status, changed, Vec::new())
}

fn changed_with(status: u16, changed: &ChangedWorkload, warnings: Vec<String>) -> Response {
    let view = WorkloadView {
        warnings,
        credential: changed.credential,
        client_secret: changed.secret.as_ref().map(strongroom_crypto::SecretText::expose),
        ..WorkloadView::of(&changed.workload)
    };
    // Holds a client secret: no copy anywhere.
    Response::json(status, &view).with("cache-control", "no-store".to_owned())
}

#[derive(Serialize, ToSchema)]
#[schema(as = WorkloadPage)]
pub(crate) struct Page<'a> {
    value: Vec<WorkloadView<'a>>,
    /// What to give as `after` for the next page.
    next: Option<&'a str>,
}

/// GET /api/v1/workloads
pub(crate) async fn list(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let after = match request.query("after") {
        Some(text) => Some(Uuid::try_parse(text).map_err(|_| Problem::bad_parameter("after is a client id."))?),
        None => None,
    };
    let limit = match request.query("limit") {
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_WORKLOAD_PAGE).contains(limit))
            .ok_or_else(|| Problem::bad_parameter("limit is a whole number from 1 to 100."))?,
        None => MAX_WORKLOAD_PAGE,
    };
    let page = services.admin.list_workloads(&call.ctx, after, limit).await?;
    let value = page.items.iter().map(|workload| WorkloadView::of(workload)).collect();
    Ok(Response::json(200, &Page { value, next: page.next.as_deref() }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddFederation {
    issuer: String,
    /// Exact subject; or a pattern, not both.
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    subject_pattern: Option<String>,
    audience: String,
}

impl AddFederation {
    fn read(self) -> Result<Federation, Problem> {
        let (subject, pattern) = match (self.subject, self.subject_pattern) {
            (Some(subject), None) => (subject, false),
            (None, Some(pattern)) => (pattern, true),
            _ => return Err(Problem::bad_parameter("A federation has either a subject or a subject_pattern.")),
        };
        federation(Federation { issuer: self.issuer, subject, audience: self.audience, pattern })
    }
}

/// A federation whose issuer could be one: with any other it would stand and never count.
pub(crate) fn federation(federation: Federation) -> Result<Federation, Problem> {
    if could_be_an_issuer(&federation.issuer) {
        return Ok(federation);
    }
    Err(Problem::bad_parameter(
        "A federation's issuer is an https address, exactly as its tokens say it: https://token.example.com, for example.",
    ))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWorkload {
    name: String,
    #[serde(default)]
    federations: Vec<AddFederation>,
    /// Whether to make a first client secret, good for 180 days.
    #[serde(default = "yes")]
    secret: bool,
}

fn yes() -> bool {
    true
}

/// POST /api/v1/workloads
pub(crate) async fn create(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: CreateWorkload = wire::body(request)?;
    let federations = body.federations.into_iter().map(AddFederation::read).collect::<Result<Vec<_>, _>>()?;
    let secret = body.secret.then(NewSecret::default);
    let made = services.admin.create_workload(&call.ctx, &body.name, federations, secret).await?;
    let warnings = foreign(services, call, &made.workload.federations).await;
    Ok(changed_with(201, &made, warnings))
}

/// GET /api/v1/workloads/{client_id}
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let workload = services.admin.show_workload(&call.ctx, client_id(call)?).await?;
    Ok(Response::json(200, &WorkloadView::of(&workload)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpdateWorkload {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    enabled: Option<bool>,
}

/// PATCH /api/v1/workloads/{client_id}
pub(crate) async fn update(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: UpdateWorkload = wire::body(request)?;
    edit(services, call, 200, &WorkloadEdit::Update { name: body.name, enabled: body.enabled }).await
}

/// DELETE /api/v1/workloads/{client_id}
pub(crate) async fn delete(services: &Services, call: &Call) -> Result<Response, Problem> {
    services.admin.delete_workload(&call.ctx, client_id(call)?).await?;
    Ok(Response::empty(204))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddSecret {
    #[serde(default)]
    name: Option<String>,
    /// Unix seconds, at most 730 days from now; 180 days from now when absent.
    #[serde(default)]
    expires: Option<i64>,
    /// In place of all others.
    #[serde(default)]
    replace: bool,
}

/// POST /api/v1/workloads/{client_id}/secrets
pub(crate) async fn add_secret(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let AddSecret { name, expires, replace } = wire::body(request)?;
    let new = NewSecret { name, expires };
    let change = if replace { WorkloadEdit::ReplaceSecrets(new) } else { WorkloadEdit::AddSecret(new) };
    edit(services, call, 201, &change).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddCertificate {
    /// PEM.
    certificate: String,
    #[serde(default)]
    name: Option<String>,
}

/// POST /api/v1/workloads/{client_id}/certificates
pub(crate) async fn add_certificate(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: AddCertificate = wire::body(request)?;
    let pem = zeroize::Zeroizing::new(body.certificate);
    let certificate = ClientCertificate::from_pem(pem.as_bytes())
        .map_err(|error| Problem::bad_parameter(format!("The certificate is refused: {error}.")))?;
    edit(services, call, 201, &WorkloadEdit::AddCertificate(Box::new(certificate), body.name)).await
}

/// POST /api/v1/workloads/{client_id}/federations
pub(crate) async fn add_federation(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: AddFederation = wire::body(request)?;
    let federation = body.read()?;
    let change = WorkloadEdit::AddFederation(federation.clone());
    let done = services.admin.change_workload(&call.ctx, client_id(call)?, &change).await?;
    let warnings = foreign(services, call, &[federation]).await;
    Ok(changed_with(201, &done, warnings))
}

/// DELETE /api/v1/workloads/{client_id}/{secrets|certificates|federations}/{credential}
pub(crate) async fn remove(services: &Services, call: &Call) -> Result<Response, Problem> {
    let credential = Uuid::try_parse(call.parameter(1)).map_err(|_| Problem::no_route())?;
    let change = match call.endpoint {
        Endpoint::WorkloadSecretRemove => WorkloadEdit::RemoveSecret(credential),
        Endpoint::WorkloadCertificateRemove => WorkloadEdit::RemoveCertificate(credential),
        _ => WorkloadEdit::RemoveFederation(credential),
    };
    services.admin.change_workload(&call.ctx, client_id(call)?, &change).await?;
    Ok(Response::empty(204))
}

async fn edit(services: &Services, call: &Call, status: u16, edit: &WorkloadEdit) -> Result<Response, Problem> {
    let done = services.admin.change_workload(&call.ctx, client_id(call)?, edit).await?;
    Ok(changed(status, &done))
}

/// What to tell about federations whose issuers are not configured: they may be meant for later.
pub(crate) async fn foreign(services: &Services, call: &Call, federations: &[Federation]) -> Vec<String> {
    let mut warnings = Vec::new();
    for Federation { issuer, .. } in federations {
        if !services.authenticator.knows(issuer) {
            let warning = if services.sign_in.knows(issuer) {
                format!(
                    "{issuer} signs people in and is not among the issuers whose tokens count, so none stands for this workload. An issuer whose tokens count has a table [[issuers]] in the configuration."
                )
            } else {
                format!("No issuer {issuer} is configured, so no token of it stands for this workload.")
            };
            warnings.push(unconfigured(services, call, &warning, services.authenticator.issuers()).await);
        }
    }
    warnings
}

/// Text that is no client id names no workload; whoever may see workloads learns nothing else.
fn client_id(call: &Call) -> Result<Uuid, Problem> {
    Uuid::try_parse(call.parameter(0)).map_err(|_| Problem::no_route())
}
