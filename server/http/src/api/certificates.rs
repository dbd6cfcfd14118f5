//! Certificates on the wire: one handler for each operation of the Azure Key Vault data plane.

use strongroom_domain::{
    names::{ObjectName, ObjectVersion, VaultName},
    secret::{SecretItem, VaultFacts},
};

use super::{
    object_life::object_life,
    wire::{self, IdForm, Listing, Pages, certificates as shapes, name, version},
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// Seconds after which to ask for an operation that waits (Azure: 10).
const ASK_AGAIN: &str = "10";

pub(super) async fn described(
    services: &Services,
    _: &Call,
    vault: &VaultName,
    (item, facts): &(SecretItem, VaultFacts),
) -> Result<Response, Problem> {
    let standing = services.revoking.standing(vault, item).await;
    Ok(Response::json(200, &shapes::bundle(&services.addresses, vault, item, *facts, &standing)?))
}

/// The lines of a page, also of what is not finished on demand.
async fn lines<'a>(
    services: &Services,
    vault: &VaultName,
    (items, facts): (&'a [SecretItem], VaultFacts),
    pending: bool,
    form: IdForm,
) -> Vec<shapes::Line<'a>> {
    let mut lines = Vec::with_capacity(items.len());
    for item in items.iter().filter(|item| pending || shapes::is_finished(item)) {
        let standing = services.revoking.standing(vault, item).await;
        lines.push(shapes::line(&services.addresses, vault, item, facts, form, &standing));
    }
    lines
}

/// POST /certificates/{name}/create
pub(crate) async fn create(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let (policy, attributes) = wire::body::<shapes::Create>(request)?.split()?;
    let (item, _) = services.certificates.create(&call.ctx, vault, &name, policy.as_ref(), &attributes).await?;
    let operation = shapes::operation(&services.addresses, vault, &item, None)?.begun();
    let location = operation.location(request.query("api-version").unwrap_or_default());
    Ok(Response::json(202, &operation).with("location", location).with("retry-after", ASK_AGAIN.to_owned()))
}

/// POST /certificates/{name}/import
pub(crate) async fn import(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let (document, policy, attributes) = wire::body::<shapes::Import>(&request)?.split()?;
    drop(request);
    let now = call.ctx.seconds();
    let read = move || document.read(now);
    let item = services.certificates.import(&call.ctx, (vault, &name), read, &policy, &attributes).await?;
    described(services, call, vault, &item).await
}

/// GET /certificates/{name}/{version}
pub(crate) async fn get(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let item = services.certificates.show(&call.ctx, vault, &name, version.as_ref()).await?;
    described(services, call, vault, &item).await
}

/// PATCH /certificates/{name}/{version}; without a version, or with an empty one, the current one is meant.
pub(crate) async fn update(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let (policy, patch) = wire::body::<shapes::Update>(request)?.split()?;
    let at = (&name, version.as_ref());
    let item = services.certificates.update(&call.ctx, vault, at, &patch, policy.as_ref()).await?;
    described(services, call, vault, &item).await
}

/// GET /certificates and GET /deletedcertificates. Names whose first version is not finished are listed on demand.
pub(crate) async fn list(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
    deleted: bool,
) -> Result<Response, Problem> {
    let limit = wire::max_results(request)?;
    let pending = match request.query("includePending") {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) if text.eq_ignore_ascii_case("false") => false,
        Some(_) => return Err(Problem::bad_parameter("includePending must be true or false.")),
    };
    let path = if deleted { "/deletedcertificates" } else { "/certificates" };
    let pages = Pages::of(services, vault, path, request);
    let after = pages.after(|text| ObjectName::parse(text).ok())?;
    let (page, facts) = services.certificates.list(&call.ctx, vault, deleted, after.as_ref(), limit).await?;
    let value = lines(services, vault, (&page.items, facts), pending, IdForm::Unversioned).await;
    let mut next_link = pages.next_link(page.next.as_deref())?;
    if let Some(link) = next_link.as_mut().filter(|_| pending) {
        link.push_str("&includePending=true");
    }
    Ok(Response::json(200, &Listing { value, next_link }))
}

/// GET /certificates/{name}/versions; without those that are not finished.
pub(crate) async fn versions(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let limit = wire::max_results(request)?;
    let pages = Pages::of(services, vault, format!("/certificates/{name}/versions"), request);
    let after = pages.after(|text| ObjectVersion::parse(text).ok())?;
    let (page, facts) = services.certificates.versions(&call.ctx, vault, &name, after.as_ref(), limit).await?;
    let value = lines(services, vault, (&page.items, facts), false, IdForm::Versioned).await;
    let next_link = pages.next_link(page.next.as_deref())?;
    Ok(Response::json(200, &Listing { value, next_link }))
}

/// GET /certificates/{name}/policy
pub(crate) async fn policy(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let (item, _) = services.certificates.policy(&call.ctx, vault, &name(call)?).await?;
    Ok(Response::json(200, &shapes::Policy::of(&services.addresses, vault, &item)?))
}

/// PATCH /certificates/{name}/policy
pub(crate) async fn update_policy(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let patch = wire::body::<shapes::Policy>(request)?.parse()?;
    let (item, _) = services.certificates.update_policy(&call.ctx, vault, &name, &patch).await?;
    Ok(Response::json(200, &shapes::Policy::of(&services.addresses, vault, &item)?))
}

/// GET /certificates/{name}/pending
pub(crate) async fn pending(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let (item, _) = services.certificates.pending(&call.ctx, vault, &name(call)?).await?;
    let operation = shapes::operation(&services.addresses, vault, &item, request.query("request_id"))?;
    Ok(Response::json(200, &operation).with("retry-after", "0".to_owned()))
}

/// PATCH /certificates/{name}/pending
pub(crate) async fn cancel(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    wire::body::<shapes::Cancel>(request)?.check()?;
    let (item, _) = services.certificates.cancel(&call.ctx, vault, &name).await?;
    Ok(Response::json(200, &shapes::operation(&services.addresses, vault, &item, None)?))
}

/// DELETE /certificates/{name}/pending
pub(crate) async fn delete_pending(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let (item, _) = services.certificates.delete_pending(&call.ctx, vault, &name(call)?).await?;
    Ok(Response::json(200, &shapes::operation(&services.addresses, vault, &item, None)?))
}

/// POST /certificates/{name}/pending/merge
pub(crate) async fn merge(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let (certificates, tags, enabled) = wire::body::<shapes::Merge>(request)?.split()?;
    let (item, facts) =
        services.certificates.merge(&call.ctx, vault, &name, &certificates, tags.as_ref(), enabled).await?;
    let standing = services.revoking.standing(vault, &item).await;
    Ok(Response::json(201, &shapes::bundle(&services.addresses, vault, &item, facts, &standing)?))
}

object_life!(certificates, "certificates", "deletedcertificates");
