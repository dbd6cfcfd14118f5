//! Keys on the wire: one handler for each step of their life in the Azure Key Vault data plane.

use strongroom_domain::{
    names::{ObjectName, ObjectVersion, VaultName},
    secret::{SecretItem, VaultFacts},
};

use super::wire::{self, IdForm, Listing, keys as shapes, name, version};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

fn described(
    services: &Services,
    vault: &VaultName,
    (item, facts): &(SecretItem, VaultFacts),
) -> Result<Response, Problem> {
    Ok(Response::json(200, &shapes::bundle(&services.addresses, vault, item, *facts)?))
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
    described(services, vault, &item)
}

/// PUT /keys/{name}
pub(crate) async fn import(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let (key, wanted, attributes) = wire::body::<shapes::ImportKey>(&request)?.split()?;
    drop(request);
    let item = services.keys.import(&call.ctx, vault, &name, key, &wanted, &attributes).await?;
    described(services, vault, &item)
}

/// GET /keys/{name}/{version}
pub(crate) async fn get(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let item = services.keys.show(&call.ctx, vault, &name, version.as_ref()).await?;
    described(services, vault, &item)
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
    described(services, vault, &item)
}

/// GET /keys and GET /deletedkeys
pub(crate) async fn list(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
    deleted: bool,
) -> Result<Response, Problem> {
    let limit = wire::max_results(request)?;
    let after = wire::skip_token(request, |text| ObjectName::parse(text).ok())?;
    let (page, facts) = services.keys.list(&call.ctx, vault, deleted, after.as_ref(), limit).await?;
    let path = if deleted { "/deletedkeys" } else { "/keys" };
    let line = |item| shapes::line(&services.addresses, vault, item, facts, IdForm::Unversioned);
    let next_link = wire::next_page(&services.addresses, vault, path, request, page.next.as_deref());
    Ok(Response::json(200, &Listing { value: page.items.iter().map(line).collect(), next_link }))
}

/// GET /keys/{name}/versions
pub(crate) async fn versions(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let limit = wire::max_results(request)?;
    let after = wire::skip_token(request, |text| ObjectVersion::parse(text).ok())?;
    let (page, facts) = services.keys.versions(&call.ctx, vault, &name, after.as_ref(), limit).await?;
    let line = |item| shapes::line(&services.addresses, vault, item, facts, IdForm::Versioned);
    let path = format!("/keys/{name}/versions");
    let next_link = wire::next_page(&services.addresses, vault, &path, request, page.next.as_deref());
    Ok(Response::json(200, &Listing { value: page.items.iter().map(line).collect(), next_link }))
}

/// DELETE /keys/{name}
pub(crate) async fn delete(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let item = services.keys.delete(&call.ctx, vault, &name(call)?).await?;
    described(services, vault, &item)
}

/// POST /keys/{name}/backup
pub(crate) async fn backup(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let name = name(call)?;
    let place = services.long_answers.enter(&call.ctx.principal.id).await?;
    let blob = services.keys.backup(&call.ctx, vault, &name).await?;
    Ok(Response::json(200, &wire::BackupBlob::of(&blob)).in_place(place))
}

/// POST /keys/restore
pub(crate) async fn restore(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: Request,
) -> Result<Response, Problem> {
    let blob = wire::body::<wire::BackupBlob>(&request)?.bytes();
    drop(request);
    let item = services.keys.restore(&call.ctx, vault, &blob).await?;
    described(services, vault, &item)
}

/// GET /deletedkeys/{name}
pub(crate) async fn get_deleted(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let item = services.keys.get_deleted(&call.ctx, vault, &name(call)?).await?;
    described(services, vault, &item)
}

/// POST /deletedkeys/{name}/recover
pub(crate) async fn recover(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let item = services.keys.recover(&call.ctx, vault, &name(call)?).await?;
    described(services, vault, &item)
}

/// DELETE /deletedkeys/{name}
pub(crate) async fn purge(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    services.keys.purge(&call.ctx, vault, &name(call)?).await?;
    Ok(Response::empty(204))
}
