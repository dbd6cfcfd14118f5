//! `/api/v1/vaults/{vault}/why`: what the gate would say of a request that nobody makes.

use std::{collections::BTreeMap, net::IpAddr};

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    action::Action,
    admin::Described,
    decision::Stage,
    gate::Foreseen,
    key::KeyAlgorithm,
    names::{ObjectName, ObjectVersion},
    principal::{Principal, PrincipalId, PrincipalKind},
};
use utoipa::ToSchema;
use uuid::Uuid;

use super::vault_name;
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

/// A request that nobody makes. A write is judged as if it left the attributes as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DescribedRequest)]
pub(crate) struct Body {
    /// Who would ask; this or `client_id`.
    #[serde(default)]
    #[schema(value_type = Option<shapes::PrincipalId>)]
    principal: Option<PrincipalId>,
    /// A workload of this server.
    #[serde(default)]
    client_id: Option<Uuid>,
    /// Of `principal`: `user`, which it is when absent, or `workload`.
    #[serde(default)]
    kind: Option<String>,
    /// Groups, as the issuer would name them.
    #[serde(default)]
    groups: Vec<String>,
    /// Claims that the issuer's mapping would select.
    #[serde(default)]
    claims: BTreeMap<String, String>,
    /// From where; from where the caller asks when absent.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client: Option<IpAddr>,
    /// Name of the operation, as in audit records: `SecretGet`.
    operation: String,
    /// Name of the object; absent for the vault, or for all objects of a kind.
    #[serde(default)]
    name: Option<String>,
    /// Its version; absent for the current one.
    #[serde(default)]
    version: Option<String>,
    /// Of an operation with a key: by which algorithm, as audit records have it.
    #[serde(default)]
    algorithm: Option<String>,
}

/// What the gate would say, in the words of a record.
#[derive(Serialize, ToSchema)]
#[schema(as = ForeseenDecision)]
pub(crate) struct View<'a> {
    /// When it was judged, Unix milliseconds.
    at: i64,
    #[schema(value_type = shapes::PrincipalId)]
    principal: &'a PrincipalId,
    principal_kind: &'static str,
    client: String,
    listener: &'a str,
    operation: &'static str,
    vault: &'a str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    algorithm: Option<&'static str>,
    /// `allowed` or `denied`.
    outcome: &'static str,
    /// Machine-readable; `ok` when it would be allowed.
    reason: &'a str,
    /// What each stage would say.
    #[schema(value_type = Vec<serde_json::Value>)]
    trace: &'a [Stage],
    /// How long each policy module ran, microseconds, by the name of its stage.
    module_micros: &'a BTreeMap<String, u64>,
    /// Revision of the vault's settings that were in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings_revision: Option<i64>,
}

impl Body {
    fn described(self, own_issuer: &str) -> Result<Described, Problem> {
        let (id, kind) = match (self.principal, self.client_id, self.kind.as_deref()) {
            (Some(id), None, None | Some("user")) => (id, PrincipalKind::User),
            (Some(id), None, Some("workload")) => (id, PrincipalKind::Workload),
            (None, Some(client_id), None) => {
                let id = PrincipalId { issuer: own_issuer.to_owned(), subject: client_id.to_string() };
                (id, PrincipalKind::Workload)
            }
            _ => {
                return Err(Problem::bad_parameter(
                    "Say who would ask: principal, with kind if it is not user but workload, or client_id.",
                ));
            }
        };
        let action = Action::in_vault(&self.operation).ok_or_else(|| {
            Problem::bad_parameter("operation is the name of an operation on a vault, as audit records have it.")
        })?;
        let name = self.name.as_deref().map(ObjectName::parse).transpose();
        let version = self.version.as_deref().map(ObjectVersion::parse).transpose();
        let algorithm = self.algorithm.as_deref().map(KeyAlgorithm::parse).transpose();
        let Self { groups, claims, client, .. } = self;
        Ok(Described {
            principal: Principal { id, kind, groups, claims, token: None, ends: None },
            client,
            action,
            name: name.map_err(|_| Problem::bad_parameter("name is the name of an object."))?,
            version: version.map_err(|_| Problem::bad_parameter("version is 32 hexadecimal digits."))?,
            algorithm: algorithm
                .map_err(|_| Problem::bad_parameter("algorithm is the name of one of keys: PS256, A256KW."))?,
        })
    }
}

/// POST /api/v1/vaults/{vault}/why
pub(crate) async fn foresee(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let vault = vault_name(call.parameter(0))?;
    let described = wire::body::<Body>(request)?.described(&services.objects.gate.own_issuer)?;
    let ctx = &call.ctx;
    let Foreseen { denied, trace, module_micros, settings_revision } =
        services.admin.foresee(ctx, &vault, &described).await?;
    let view = View {
        at: ctx.now,
        principal: &described.principal.id,
        principal_kind: described.principal.kind.as_str(),
        client: described.client.unwrap_or(ctx.client).to_canonical().to_string(),
        listener: ctx.listener,
        operation: described.action.operation(),
        vault: vault.as_str(),
        kind: described.action.object_kind().as_str(),
        object: described.name.as_ref().map(ObjectName::as_str),
        version: described.version.as_ref().map(ObjectVersion::as_str),
        algorithm: described.algorithm.map(KeyAlgorithm::as_str),
        outcome: if denied.is_some() { "denied" } else { "allowed" },
        reason: denied.as_ref().map_or("ok", |why| why.code()),
        trace: &trace,
        module_micros: &module_micros,
        settings_revision,
    };
    Ok(Response::json(200, &view))
}
