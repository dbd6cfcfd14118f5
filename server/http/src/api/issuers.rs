//! Issuers and contacts on the wire: one handler for each operation of the Azure Key Vault data plane.

use strongroom_domain::{
    contacts::Contacts,
    names::{ObjectName, VaultName},
};

use super::wire::{self, Listing, Pages, issuers as shapes, name};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// GET /certificates/issuers
pub(crate) async fn list(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let limit = wire::max_results(request)?;
    let pages = Pages::of(services, vault, "/certificates/issuers", request);
    let after = pages.after(|text| ObjectName::parse(text).ok())?;
    let (page, _) = services.issuers.list(&call.ctx, vault, after.as_ref(), limit).await?;
    let value = page.items.iter().map(|item| shapes::Line::of(&services.addresses, vault, item)).collect();
    let next_link = pages.next_link(page.next.as_deref())?;
    Ok(Response::json(200, &Listing { value, next_link }))
}

/// GET /certificates/issuers/{name}
pub(crate) async fn get(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let issuer = services.issuers.get(&call.ctx, vault, &name(call)?).await?;
    Ok(Response::json(200, &shapes::Issuer::of(&services.addresses, vault, &issuer)))
}

/// PUT /certificates/issuers/{name}
pub(crate) async fn set(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let given = wire::body::<shapes::SetIssuer>(request)?.patch();
    let issuer = services.issuers.set(&call.ctx, vault, &name, &given).await?;
    Ok(Response::json(200, &shapes::Issuer::of(&services.addresses, vault, &issuer)))
}

/// PATCH /certificates/issuers/{name}
pub(crate) async fn update(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let given = wire::body::<shapes::SetIssuer>(request)?.patch();
    let issuer = services.issuers.update(&call.ctx, vault, &name, &given).await?;
    Ok(Response::json(200, &shapes::Issuer::of(&services.addresses, vault, &issuer)))
}

/// DELETE /certificates/issuers/{name}
pub(crate) async fn delete(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let issuer = services.issuers.delete(&call.ctx, vault, &name(call)?).await?;
    Ok(Response::json(200, &shapes::Issuer::of(&services.addresses, vault, &issuer)))
}

/// GET /certificates/contacts
pub(crate) async fn contacts(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let contacts = services.issuers.contacts(&call.ctx, vault).await?;
    Ok(Response::json(200, &shapes::AllContacts::of(&services.addresses, vault, &contacts)))
}

/// PUT /certificates/contacts
pub(crate) async fn set_contacts(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let contacts = wire::body::<Contacts>(request)?;
    services.issuers.set_contacts(&call.ctx, vault, &contacts).await?;
    Ok(Response::json(200, &shapes::AllContacts::of(&services.addresses, vault, &contacts)))
}

/// DELETE /certificates/contacts
pub(crate) async fn delete_contacts(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let contacts = services.issuers.delete_contacts(&call.ctx, vault).await?;
    Ok(Response::json(200, &shapes::AllContacts::of(&services.addresses, vault, &contacts)))
}
