//! The management API under `/api/v1`, one file per aggregate; what they share is here.

pub(crate) mod assignments;
pub(crate) mod audit;
pub(crate) mod vaults;
pub(crate) mod workloads;

use serde::Serialize;
use strongroom_domain::names::VaultName;

use crate::problem::Problem;

/// A list of the management API.
#[derive(Serialize)]
struct List<T> {
    value: Vec<T>,
}

/// A vault's name out of a body.
fn vault_name(text: &str) -> Result<VaultName, Problem> {
    VaultName::parse(text).map_err(|error| Problem::bad_parameter(format!("{error}.")))
}
