//! Secrets on the wire: one handler for each operation of the Azure Key Vault data plane.

use strongroom_domain::{
    names::{ObjectName, ObjectVersion, VaultName},
    secret::{OpenedSecret, SecretItem, VaultFacts},
    secrets::SecretPage,
};

use super::wire::{self, Bundle, IdForm, Listing, name, version};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

fn opened(services: &Services, vault: &VaultName, secret: &OpenedSecret) -> Response {
    let item = (&secret.secret, &secret.meta);
    let value = Some(secret.value.expose());
    Response::json(200, &Bundle::of(&services.addresses, vault, item, secret.vault, IdForm::Versioned, value))
}

fn described(services: &Services, vault: &VaultName, (item, facts): &(SecretItem, VaultFacts)) -> Response {
    Response::json(200, &Bundle::of_item(&services.addresses, vault, item, *facts, IdForm::Versioned))
}

fn listed(
    services: &Services,
    vault: &VaultName,
    request: &Request,
    path: &str,
    form: IdForm,
    (page, facts): &SecretPage,
) -> Response {
    let bundle = |item| Bundle::of_item(&services.addresses, vault, item, *facts, form);
    let next_link = wire::next_page(&services.addresses, vault, path, request, page.next.as_deref());
    Response::json(200, &Listing { value: page.items.iter().map(bundle).collect(), next_link })
}

/// PUT /secrets/{name}
pub(crate) async fn set(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let (attributes, value) = wire::body::<wire::SetSecret>(&request)?.split();
    drop(request);
    let secret = services.secrets.set(&call.ctx, vault, &name, &attributes, value).await?;
    Ok(opened(services, vault, &secret))
}

/// GET /secrets/{name}/{version}
pub(crate) async fn get(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let secret = services.secrets.get(&call.ctx, vault, &name, version.as_ref()).await?;
    Ok(opened(services, vault, &secret))
}

/// PATCH /secrets/{name}/{version}; without a version, or with an empty one, the current one is meant.
pub(crate) async fn update(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let patch = wire::body::<wire::UpdateSecret>(request)?.patch();
    let item = services.secrets.update(&call.ctx, vault, &name, version.as_ref(), &patch).await?;
    Ok(described(services, vault, &item))
}

/// GET /secrets and GET /deletedsecrets
pub(crate) async fn list(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
    deleted: bool,
) -> Result<Response, Problem> {
    let limit = wire::max_results(request)?;
    let after = wire::skip_token(request, |text| ObjectName::parse(text).ok())?;
    let page = services.secrets.list(&call.ctx, vault, deleted, after.as_ref(), limit).await?;
    let path = if deleted { "/deletedsecrets" } else { "/secrets" };
    Ok(listed(services, vault, request, path, IdForm::Unversioned, &page))
}

/// GET /secrets/{name}/versions
pub(crate) async fn versions(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let limit = wire::max_results(request)?;
    let after = wire::skip_token(request, |text| ObjectVersion::parse(text).ok())?;
    let page = services.secrets.versions(&call.ctx, vault, &name, after.as_ref(), limit).await?;
    Ok(listed(services, vault, request, &format!("/secrets/{name}/versions"), IdForm::Versioned, &page))
}

/// DELETE /secrets/{name}
pub(crate) async fn delete(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let item = services.secrets.delete(&call.ctx, vault, &name(call)?).await?;
    Ok(described(services, vault, &item))
}

/// POST /secrets/{name}/backup
pub(crate) async fn backup(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let name = name(call)?;
    let place = services.long_answers.enter(&call.ctx.principal.id).await?;
    let blob = services.secrets.backup(&call.ctx, vault, &name).await?;
    Ok(Response::json(200, &wire::BackupBlob::of(&blob)).in_place(place))
}

/// POST /secrets/restore
pub(crate) async fn restore(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: Request,
) -> Result<Response, Problem> {
    let blob = wire::body::<wire::BackupBlob>(&request)?.bytes();
    drop(request);
    let item = services.secrets.restore(&call.ctx, vault, &blob).await?;
    Ok(described(services, vault, &item))
}

/// GET /deletedsecrets/{name}
pub(crate) async fn get_deleted(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let item = services.secrets.get_deleted(&call.ctx, vault, &name(call)?).await?;
    Ok(described(services, vault, &item))
}

/// POST /deletedsecrets/{name}/recover
pub(crate) async fn recover(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let item = services.secrets.recover(&call.ctx, vault, &name(call)?).await?;
    Ok(described(services, vault, &item))
}

/// DELETE /deletedsecrets/{name}
pub(crate) async fn purge(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    services.secrets.purge(&call.ctx, vault, &name(call)?).await?;
    Ok(Response::empty(204))
}
