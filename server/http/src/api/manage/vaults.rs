//! `/api/v1/vaults`.

use serde::{Deserialize, Serialize};
use strongroom_domain::{
    network::NetworkRules,
    policy::PolicyAttachment,
    vault::{DEFAULT_RETENTION_DAYS, Vault, VaultSettings},
};

use super::{List, vault_name};
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Serialize)]
struct VaultView<'a> {
    name: &'a str,
    url: String,
    id: String,
    settings: &'a VaultSettings,
    recovery_level: &'static str,
    created_at: i64,
}

impl<'a> VaultView<'a> {
    fn of(services: &Services, vault: &'a Vault) -> Self {
        Self {
            name: vault.name.as_str(),
            url: services.addresses.vault(&vault.name),
            id: vault.id.to_string(),
            settings: &vault.settings,
            recovery_level: vault.settings.recovery_level(),
            created_at: vault.created_at,
        }
    }
}

/// GET /api/v1/vaults
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    let vaults = services.admin.list_vaults(&call.ctx).await?;
    let value = vaults.iter().map(|vault| VaultView::of(services, vault)).collect();
    Ok(Response::json(200, &List { value }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateVault {
    name: String,
    #[serde(default)]
    network: NetworkRules,
    #[serde(default)]
    policies: Vec<PolicyAttachment>,
    #[serde(default = "default_retention")]
    retention_days: u16,
    #[serde(default)]
    purge_protection: bool,
}

fn default_retention() -> u16 {
    DEFAULT_RETENTION_DAYS
}

/// POST /api/v1/vaults
pub(crate) async fn create(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let body: CreateVault = wire::body(request)?;
    let name = vault_name(&body.name)?;
    let settings = VaultSettings {
        network: body.network,
        policies: body.policies,
        retention_days: body.retention_days,
        purge_protection: body.purge_protection,
    };
    let vault = services.admin.create_vault(&call.ctx, &name, settings).await?;
    Ok(Response::json(201, &VaultView::of(services, &vault)))
}
