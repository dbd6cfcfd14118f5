//! Secrets on the wire: one handler for each operation of the Azure Key Vault data plane.

use strongroom_domain::{
    certificate::ContentType,
    names::VaultName,
    secret::{OpenedSecret, SecretItem, VaultFacts},
    secrets::SecretPage,
};

use super::{
    object_life::{object_life, object_lists},
    wire::{self, Bundle, IdForm, Listing, Pages, name, version},
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

fn opened(services: &Services, vault: &VaultName, secret: &OpenedSecret) -> Response {
    let item = (&secret.secret, &secret.meta);
    let value = Some(secret.value.expose());
    let bundle = Bundle::of(&services.addresses, vault, item, secret.vault, IdForm::Versioned, value);
    Response::json(200, &bundle.after(secret.previous.as_ref()))
}

async fn described(
    services: &Services,
    _: &Call,
    vault: &VaultName,
    (item, facts): &(SecretItem, VaultFacts),
) -> Result<Response, Problem> {
    Ok(Response::json(200, &Bundle::of_item(&services.addresses, vault, item, *facts, IdForm::Versioned)))
}

fn listed(
    services: &Services,
    vault: &VaultName,
    pages: &Pages<'_>,
    form: IdForm,
    (page, facts): &SecretPage,
) -> Result<Response, Problem> {
    let bundle = |item| Bundle::of_item(&services.addresses, vault, item, *facts, form);
    let next_link = pages.next_link(page.next.as_deref())?;
    Ok(Response::json(200, &Listing { value: page.items.iter().map(bundle).collect(), next_link }))
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

/// GET /secrets/{name}/{version}; with `outContentType`, that of a certificate in this form.
pub(crate) async fn get(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let (name, version) = (name(call)?, version(call)?);
    let form = match request.has_query("outContentType") {
        false => None,
        true => Some(request.query("outContentType").and_then(ContentType::parse).ok_or_else(|| {
            Problem::bad_parameter("outContentType must be application/x-pkcs12 or application/x-pem-file.")
        })?),
    };
    let secret = services.secrets.get_as(&call.ctx, vault, &name, version.as_ref(), form).await?;
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
    described(services, call, vault, &item).await
}

object_lists!(secrets, "secrets", "deletedsecrets");
object_life!(secrets, "secrets", "deletedsecrets");
