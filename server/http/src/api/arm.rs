//! What `az` asks of Azure Resource Manager before it uses a vault (`az cloud register`, `az login`).
//!
//! There are no Azure resources here: one subscription, with the id of the installation, stands for
//! it. Must never list anything that is the installation's own, neither vaults nor people.

use serde_json::json;

use crate::{edge::Call, message::Response, problem::Problem, routes::Endpoint, services::Services};

/// GET /metadata/endpoints: where the parts of this cloud are, as `api-version` 2022-09-01 of Azure
/// has it. Says nothing that the 401 challenge does not say to anybody too.
pub(crate) fn metadata(services: &Services) -> Response {
    let addresses = &services.addresses;
    let base = addresses.base();
    // Vaults are named below the host, port and all.
    let suffix = base.strip_prefix("https://").unwrap_or(base);
    Response::json(
        200,
        &json!({
            "name": "Strongroom",
            "authentication": {
                "loginEndpoint": base,
                "audiences": [base],
                "tenant": addresses.tenant(),
                "identityProvider": "AAD",
            },
            "resourceManager": base,
            "suffixes": { "keyVaultDns": suffix },
        }),
    )
}

/// GET /subscriptions and GET /tenants, for whoever is somebody.
pub(crate) async fn one_of_a_kind(services: &Services, call: &Call) -> Result<Response, Problem> {
    let tenant = services.addresses.tenant();
    let (operation, one) = match call.endpoint {
        Endpoint::TenantList => (
            "TenantList",
            json!({
                "id": format!("/tenants/{tenant}"),
                "tenantId": tenant,
                "displayName": "Strongroom",
                "tenantCategory": "Home",
            }),
        ),
        _ => (
            "SubscriptionList",
            json!({
                "id": format!("/subscriptions/{tenant}"),
                "subscriptionId": tenant,
                "tenantId": tenant,
                "displayName": "Strongroom",
                "state": "Enabled",
                "authorizationSource": "RoleBased",
                "subscriptionPolicies": {},
                "managedByTenants": [],
            }),
        ),
    };
    services.admin.identified(&call.ctx, operation).await?;
    Ok(Response::json(200, &json!({ "value": [one] })))
}
