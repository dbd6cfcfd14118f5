//! Keys on the wire: one handler for each step of their life in the Azure Key Vault data plane.

use strongroom_domain::{
    keys::KeyPage,
    names::VaultName,
    secret::{SecretItem, VaultFacts},
};

use super::{
    object_life::{object_life, object_lists},
    wire::{self, IdForm, Listing, Pages, keys as shapes, name, version},
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

pub(super) async fn described(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    (item, facts): &(SecretItem, VaultFacts),
) -> Result<Response, Problem> {
    let mut bundle = shapes::bundle(&services.addresses, vault, item, *facts)?;
    if call.invents_symmetric_keys {
        wire::inventive::leave_symmetric_uses_to_the_vault(&mut bundle);
    }
    Ok(Response::json(200, &bundle))
}

fn listed(
    services: &Services,
    vault: &VaultName,
    pages: &Pages<'_>,
    form: IdForm,
    (page, facts): &KeyPage,
) -> Result<Response, Problem> {
    let line = |item| shapes::line(&services.addresses, vault, item, *facts, form);
    let next_link = pages.next_link(page.next.as_deref())?;
    Ok(Response::json(200, &Listing { value: page.items.iter().map(line).collect(), next_link }))
}

/// POST /keys/{name}/create
pub(crate) async fn create(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let (key, attributes) = wire::body::<shapes::CreateKey>(request)?.split()?;
    let item = services.keys.create(&call.ctx, vault, &name, &key, &attributes).await?;
    described(services, call, vault, &item).await
}

/// PUT /keys/{name}
pub(crate) async fn import(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let (brought, attributes) = wire::body::<shapes::ImportKey>(&request)?.split()?;
    drop(request);
    let item = services.keys.import(&call.ctx, vault, &name, brought, &attributes).await?;
    described(services, call, vault, &item).await
}

/// GET /keys/{name}/{version}
pub(crate) async fn get(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let item = services.keys.show(&call.ctx, vault, &name, version.as_ref()).await?;
    described(services, call, vault, &item).await
}

/// PATCH /keys/{name}/{version}; without a version, or with an empty one, the current one is meant.
pub(crate) async fn update(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let (patch, operations) = wire::body::<shapes::UpdateKey>(request)?.split()?;
    let item = services.keys.update(&call.ctx, vault, &name, version.as_ref(), &patch, operations.as_ref()).await?;
    described(services, call, vault, &item).await
}

object_lists!(keys, "keys", "deletedkeys");
object_life!(keys, "keys", "deletedkeys");
