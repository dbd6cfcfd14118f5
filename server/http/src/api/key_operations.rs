//! Using keys, on the wire: one handler for each operation with a key, and random bytes.

use strongroom_crypto::key::{DataAlgorithm, SignAlgorithm};
use strongroom_domain::{
    keys::{KeyAt, Sealing},
    names::{ObjectName, ObjectVersion, VaultName},
    secret::SecretItem,
};

use super::wire::{
    self,
    key_operations::{Answer, DataBody, RandomBody, RandomBytes, SignBody, Verified, VerifyBody},
    name, version,
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// What every operation reads from its path.
struct Target<'a> {
    vault: &'a VaultName,
    name: ObjectName,
    version: Option<ObjectVersion>,
}

impl<'a> Target<'a> {
    fn of(call: &Call, vault: &'a VaultName) -> Result<Self, Problem> {
        Ok(Self { vault, name: name(call)?, version: version(call)? })
    }

    fn at(&self) -> KeyAt<'_> {
        KeyAt { vault: self.vault, name: &self.name, version: self.version.as_ref() }
    }
}

fn kid(services: &Services, vault: &VaultName, item: &SecretItem) -> String {
    services.addresses.object("keys", vault, &item.secret.name, Some(&item.version.version))
}

fn signing(name: &str) -> Result<SignAlgorithm, Problem> {
    SignAlgorithm::parse(name).ok_or_else(|| {
        Problem::bad_parameter(format!("alg must be one of {}.", names(SignAlgorithm::ALL, |a| a.as_str())))
    })
}

fn data(name: &str) -> Result<DataAlgorithm, Problem> {
    DataAlgorithm::parse(name).ok_or_else(|| {
        Problem::bad_parameter(format!("alg must be one of {}.", names(DataAlgorithm::ALL, |a| a.as_str())))
    })
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> String {
    all.iter().map(|algorithm| name(*algorithm)).collect::<Vec<_>>().join(", ")
}

/// POST /keys/{name}/{version}/sign
pub(crate) async fn sign(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let target = Target::of(call, vault)?;
    let body = wire::body::<SignBody>(request)?;
    let algorithm = signing(&body.alg)?;
    let (item, signature) = services.keys.sign(&call.ctx, target.at(), algorithm, body.value.into_vec()).await?;
    Ok(Response::json(200, &Answer::of(kid(services, vault, &item), &signature)))
}

/// POST /keys/{name}/{version}/verify
pub(crate) async fn verify(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let target = Target::of(call, vault)?;
    let body = wire::body::<VerifyBody>(request)?;
    let algorithm = signing(&body.alg)?;
    let (digest, signature) = (body.digest.into_vec(), body.value.into_vec());
    let (_, value) = services.keys.verify(&call.ctx, target.at(), algorithm, digest, signature).await?;
    Ok(Response::json(200, &Verified { value }))
}

/// POST /keys/{name}/{version}/encrypt and …/wrapkey
pub(crate) async fn encrypt(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: Request,
    operation: Sealing,
) -> Result<Response, Problem> {
    let target = Target::of(call, vault)?;
    let body = wire::body::<DataBody>(&request)?;
    drop(request);
    let (algorithm, aad) = (data(&body.alg)?, body.aad.as_ref().map(|aad| aad.0.to_vec()));
    let (item, sealed) =
        services.keys.encrypt(&call.ctx, target.at(), operation, algorithm, body.into_cleartext()).await?;
    Ok(Response::json(200, &Answer::sealed(kid(services, vault, &item), &sealed, aad.as_deref())))
}

/// POST /keys/{name}/{version}/decrypt and …/unwrapkey
pub(crate) async fn decrypt(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
    operation: Sealing,
) -> Result<Response, Problem> {
    let target = Target::of(call, vault)?;
    let body = wire::body::<DataBody>(request)?;
    let algorithm = data(&body.alg)?;
    let (item, opened) =
        services.keys.decrypt(&call.ctx, target.at(), operation, algorithm, body.into_ciphertext()).await?;
    Ok(Response::json(200, &Answer::of(kid(services, vault, &item), opened.expose())))
}

/// POST /rng
pub(crate) async fn random_bytes(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let count = wire::body::<RandomBody>(request)?.count;
    let bytes = services.keys.random_bytes(&call.ctx, vault, count).await?;
    Ok(Response::json(200, &RandomBytes::of(bytes.expose())))
}
