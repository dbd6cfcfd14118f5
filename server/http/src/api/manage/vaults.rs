//! `/api/v1/vaults`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::json;
use strongroom_domain::{
    access_policy::AccessMode,
    admin::{ChangedVault, VaultListing},
    key::KeyAlgorithm,
    names::VaultName,
    network::NetworkRules,
    policy::PolicyAttachment,
    secret::LifeState,
    vault::{DEFAULT_RETENTION_DAYS, NewVault, Vault, VaultSettings, VaultUpdate},
};
use utoipa::ToSchema;

use super::vault_name;
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

#[derive(Serialize, ToSchema)]
#[schema(as = Vault)]
pub(crate) struct VaultView<'a> {
    name: &'a str,
    /// Address of its data plane.
    url: String,
    id: String,
    #[schema(value_type = shapes::VaultSettings)]
    settings: SettingsView<'a>,
    recovery_level: &'static str,
    /// Unix milliseconds.
    created_at: i64,
    /// Grows by one with every change; the entity tag.
    revision: i64,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<i64>,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_purge_at: Option<i64>,
    /// After a change of the access mode: what sleeps from then on, what wakes, and the way back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// Settings, with network rules always in their long form.
struct SettingsView<'a>(&'a VaultSettings);

impl Serialize for SettingsView<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let NetworkRules { default_action, rules } = &self.0.network;
        let mut shown = serde_json::to_value(self.0).map_err(serde::ser::Error::custom)?;
        if let Some(settings) = shown.as_object_mut() {
            settings.insert("network".to_owned(), json!({ "default_action": default_action, "rules": rules }));
        }
        shown.serialize(to)
    }
}

impl<'a> VaultView<'a> {
    fn of(services: &Services, vault: &'a Vault) -> Self {
        let (deleted_at, scheduled_purge_at) = match vault.life {
            LifeState::Active => (None, None),
            LifeState::Deleted { deleted_at, purge_at } => {
                (Some(deleted_at.saturating_mul(1000)), Some(purge_at.saturating_mul(1000)))
            }
        };
        Self {
            name: vault.name.as_str(),
            url: services.addresses.vault(&vault.name),
            id: vault.id.to_string(),
            settings: SettingsView(&vault.settings),
            recovery_level: vault.settings.recovery_level(),
            created_at: vault.created_at,
            revision: vault.revision,
            deleted_at,
            scheduled_purge_at,
            warnings: Vec::new(),
        }
    }
}

/// One vault, with its revision as the entity tag that `If-Match` takes.
fn one(services: &Services, status: u16, vault: &Vault) -> Response {
    with_warnings(services, status, vault, Vec::new())
}

fn with_warnings(services: &Services, status: u16, vault: &Vault, warnings: Vec<String>) -> Response {
    let view = VaultView { warnings, ..VaultView::of(services, vault) };
    Response::json(status, &view).with("etag", format!("\"{}\"", vault.revision))
}

/// A list of vaults.
#[derive(Serialize, ToSchema)]
pub(crate) struct VaultList<'a> {
    value: Vec<VaultView<'a>>,
    /// Names of vaults that are not in the list although the caller may see them: what is stored of them fails its
    /// authentication.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    damaged: Vec<&'a str>,
}

fn listed(services: &Services, listing: &VaultListing) -> Response {
    let value = listing.vaults.iter().map(|vault| VaultView::of(services, vault)).collect();
    let damaged = listing.damaged.iter().map(VaultName::as_str).collect();
    Response::json(200, &VaultList { value, damaged })
}

/// GET /api/v1/vaults
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    Ok(listed(services, &services.admin.list_vaults(&call.ctx).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateVault {
    name: String,
    #[serde(default)]
    #[schema(value_type = shapes::NetworkRulesGiven)]
    network: NetworkRules,
    #[serde(default)]
    #[schema(value_type = Vec<shapes::PolicyAttachment>)]
    policies: Vec<PolicyAttachment>,
    /// Days a deleted object stays recoverable.
    #[serde(default = "default_retention")]
    #[schema(minimum = 7, maximum = 90)]
    retention_days: u16,
    #[serde(default)]
    purge_protection: bool,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    region: Option<String>,
    #[serde(default)]
    #[schema(value_type = shapes::AccessMode)]
    access_mode: AccessMode,
    /// Algorithms that no key of the vault is used by.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    refused_algorithms: BTreeSet<KeyAlgorithm>,
    /// Make it even if the network rules keep the caller out.
    #[serde(default)]
    force: bool,
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
        tags: body.tags,
        region: body.region.filter(|region| !region.is_empty()),
        access_mode: body.access_mode,
        refused_algorithms: body.refused_algorithms,
    };
    let new = NewVault { settings, force: body.force };
    let vault = services.admin.create_vault(&call.ctx, &name, new).await?;
    Ok(one(services, 201, &vault))
}

/// GET /api/v1/vaults/{vault}
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let name = vault_name(call.parameter(0))?;
    let vault = services.admin.show_vault(&call.ctx, &name).await?;
    Ok(one(services, 200, &vault))
}

/// PATCH /api/v1/vaults/{vault}: settings that are absent stay as they are.
pub(crate) async fn update(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let name = vault_name(call.parameter(0))?;
    let update: VaultUpdate = wire::body(request)?;
    let expected = expected_revision(request)?;
    let ChangedVault { before, after } = services.admin.change_vault(&call.ctx, &name, expected, &update).await?;
    let warnings = before.settings.access_mode.what_comes_of(after.settings.access_mode);
    Ok(with_warnings(services, 200, &after, warnings))
}

/// DELETE /api/v1/vaults/{vault}: soft delete.
pub(crate) async fn delete(services: &Services, call: &Call) -> Result<Response, Problem> {
    let name = vault_name(call.parameter(0))?;
    let vault = services.admin.delete_vault(&call.ctx, &name).await?;
    Ok(one(services, 200, &vault))
}

/// GET /api/v1/deletedvaults
pub(crate) async fn list_deleted(services: &Services, call: &Call) -> Result<Response, Problem> {
    Ok(listed(services, &services.admin.list_deleted_vaults(&call.ctx).await?))
}

/// GET /api/v1/deletedvaults/{vault}
pub(crate) async fn show_deleted(services: &Services, call: &Call) -> Result<Response, Problem> {
    let name = vault_name(call.parameter(0))?;
    let vault = services.admin.show_deleted_vault(&call.ctx, &name).await?;
    Ok(one(services, 200, &vault))
}

/// POST /api/v1/deletedvaults/{vault}/recover
pub(crate) async fn recover(services: &Services, call: &Call) -> Result<Response, Problem> {
    let name = vault_name(call.parameter(0))?;
    let vault = services.admin.recover_vault(&call.ctx, &name).await?;
    Ok(one(services, 200, &vault))
}

/// DELETE /api/v1/deletedvaults/{vault}: gone for good.
pub(crate) async fn purge(services: &Services, call: &Call) -> Result<Response, Problem> {
    let name = vault_name(call.parameter(0))?;
    services.admin.purge_vault(&call.ctx, &name).await?;
    Ok(Response::empty(204))
}

/// The revision that `If-Match` names; none without the header and for `*`, which means "if it exists".
pub(super) fn expected_revision(request: &Request) -> Result<Option<i64>, Problem> {
    let Some(text) = request.if_match.as_deref().map(str::trim).filter(|text| *text != "*") else { return Ok(None) };
    let tag = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    tag.parse().map(Some).map_err(|_| Problem::bad_parameter("If-Match is a revision, for example \"3\"."))
}
