//! Rotation of keys on the wire.

use strongroom_domain::names::{ObjectName, VaultName};

use super::{
    keys::described,
    wire::{self, key_rotation as shapes, name},
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

fn id(services: &Services, vault: &VaultName, name: &ObjectName) -> String {
    format!("{}/rotationpolicy", services.addresses.object("keys", vault, name, None))
}

/// POST /keys/{name}/rotate
pub(crate) async fn rotate(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let item = services.keys.rotate(&call.ctx, vault, &name(call)?).await?;
    described(services, call, vault, &item).await
}

/// GET /keys/{name}/rotationpolicy
pub(crate) async fn get(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let (name, policy) = services.keys.rotation_policy(&call.ctx, vault, &name(call)?).await?;
    Ok(Response::json(200, &shapes::Policy::of(id(services, vault, &name), policy.as_ref())))
}

/// PUT /keys/{name}/rotationpolicy
pub(crate) async fn put(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let terms = wire::body::<shapes::SetPolicy>(request)?.terms()?;
    let (name, policy) = services.keys.set_rotation_policy(&call.ctx, vault, &name, &terms).await?;
    Ok(Response::json(200, &shapes::Policy::of(id(services, vault, &name), Some(&policy))))
}
