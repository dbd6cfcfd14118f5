//! The management API under `/api/v1`, one file per aggregate; what they share is here.

pub(crate) mod access;
pub(crate) mod access_policies;
pub(crate) mod approvals;
pub(crate) mod assignments;
pub(crate) mod audit;
pub(crate) mod foresee;
pub(crate) mod grantee;
pub(crate) mod network_hits;
pub(crate) mod policies;
pub(crate) mod policy_documents;
pub(crate) mod policy_modules;
pub(crate) mod replays;
pub(crate) mod roles;
pub(crate) mod session;
pub(crate) mod sessions;
pub(crate) mod token_keys;
pub(crate) mod tokens;
pub(crate) mod vaults;
pub(crate) mod workloads;

use std::collections::BTreeMap;

use serde::Serialize;
use strongroom_domain::{
    admin::WorkloadLabels,
    names::VaultName,
    principal::{Grantee, PrincipalId},
};
use utoipa::ToSchema;

use uuid::Uuid;

use crate::{edge::Call, message::Request, problem::Problem, services::Services};

/// A list of the management API.
#[derive(Serialize, ToSchema)]
pub(crate) struct List<T: ToSchema> {
    value: Vec<T>,
}

/// A vault's name out of a body.
fn vault_name(text: &str) -> Result<VaultName, Problem> {
    VaultName::parse(text).map_err(|error| Problem::bad_parameter(format!("{error}.")))
}

/// A page of a list, and where the next one begins: to be given back as `after`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Listing<T: ToSchema> {
    value: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What people call those among principals that are workloads kept here, for who may see workloads: beside
/// their ids in an answer that is on record by itself.
async fn workload_names<'a>(
    services: &Services,
    call: &Call,
    principals: impl Iterator<Item = &'a PrincipalId>,
) -> BTreeMap<Uuid, String> {
    let own = &services.objects.gate.own_issuer;
    let ids: Vec<Uuid> = principals.filter_map(|id| id.workload_of(own)).collect();
    services.admin.workload_names(&call.ctx, ids).await
}

/// The same for grantees, with those that are gone.
async fn grantee_labels<'a>(
    services: &Services,
    call: &Call,
    grantees: impl Iterator<Item = &'a Grantee>,
) -> WorkloadLabels {
    let own = &services.objects.gate.own_issuer;
    let ids: Vec<Uuid> = grantees.filter_map(|grantee| grantee::principal(grantee)?.workload_of(own)).collect();
    services.admin.workload_labels(&call.ctx, ids).await
}

/// `limit`: 1 to 1,000, 100 when absent.
fn page_limit(request: &Request) -> Result<usize, Problem> {
    match request.query("limit").map(str::parse) {
        None if !request.has_query("limit") => Ok(100),
        Some(Ok(limit @ 1..=1000)) => Ok(limit),
        _ => Err(Problem::bad_parameter("limit is a whole number from 1 to 1000.")),
    }
}

/// The id in the path.
fn id_parameter(call: &Call) -> Result<Uuid, Problem> {
    Uuid::try_parse(call.parameter(0)).map_err(|_| Problem::bad_parameter("An id is a UUID."))
}
