//! Revocation on the wire: not of Azure's API, which has no authority of its own. A version is taken back by whoever issued
//! it elsewhere. What a vault's authority has revoked is said on the vault's host to whoever may read it, and as a list of
//! RFC 5280 on the base host to everybody.

use strongroom_crypto::x509::{Reason, certificates_in};
use strongroom_domain::{
    entrance::EntranceError,
    names::{ObjectName, ObjectVersion, VaultName},
    revocation::{RevocationInvalid, serial_of},
    revocations::{PublishError, ToRevoke},
};

use super::{
    certificates::described,
    wire::{self, name, revocations as shapes},
};
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

/// POST /certificates/{name}/revoke
pub(crate) async fn revoke(
    services: &Services,
    call: &Call,
    vault: &VaultName,
    request: &Request,
) -> Result<Response, Problem> {
    let name = name(call)?;
    let given = wire::body::<shapes::Revoke>(request)?;
    let invalid = |error: RevocationInvalid| Problem::bad_parameter(format!("{error}."));
    let reason = match given.reason.as_deref() {
        None => Reason::Unspecified,
        Some(text) => Reason::parse(text).ok_or_else(|| invalid(RevocationInvalid::Reason))?,
    };
    let version = given.version.as_deref().map(ObjectVersion::parse).transpose();
    let version = version.map_err(|error| Problem::bad_parameter(format!("version: {error}.")))?;
    if given.at_issuer != (given.serial.is_none() && given.certificate.is_none())
        || (given.issuer.is_some() && !given.at_issuer)
    {
        let words =
            "One of serial, certificate and at_issuer says what is revoked, and issuer goes with at_issuer alone.";
        return Err(Problem::bad_parameter(words));
    }
    if given.at_issuer {
        let issuer = given.issuer.as_deref().map(ObjectName::parse).transpose();
        let issuer = issuer.map_err(|error| Problem::bad_parameter(format!("issuer: {error}.")))?;
        let at = (&name, version.as_ref());
        let item = services.certificates.revoke_at_issuer(&call.ctx, vault, at, issuer.as_ref(), reason).await?;
        return described(services, call, vault, &item).await;
    }
    let what = match (given.serial, given.certificate) {
        (Some(serial), None) => ToRevoke::Serial(serial_of(&serial).map_err(invalid)?, version),
        (None, Some(text)) if version.is_none() => {
            let found = certificates_in(text.as_bytes());
            let found = found.map_err(|error| Problem::bad_parameter(format!("certificate: {error}.")))?;
            ToRevoke::Certificate(found.into_iter().next().unwrap_or_default())
        }
        _ => return Err(invalid(RevocationInvalid::What)),
    };
    let shown = services.revoking.revoke(&call.ctx, vault, &name, &what, reason).await?;
    Ok(Response::json(200, &shapes::Revocations::of(services, vault, &name, &shown)))
}

/// GET /certificates/{name}/revocations
pub(crate) async fn show(services: &Services, call: &Call, vault: &VaultName) -> Result<Response, Problem> {
    let name = name(call)?;
    let shown = services.revoking.show(&call.ctx, vault, &name).await?;
    Ok(Response::json(200, &shapes::Revocations::of(services, vault, &name, &shown)))
}

/// GET /crl/{vault}/{authority}/{list}
pub(crate) async fn published(services: &Services, call: &Call) -> Result<Response, Problem> {
    let named = (call.parameter(0), call.parameter(1), call.parameter(2));
    match services.revoking.published(call.ctx.client, named).await {
        Ok(Some(list)) => {
            let mut response = Response::empty(200).with("content-type", "application/pkix-crl".to_owned());
            response.body = zeroize::Zeroizing::new(list.der.clone());
            Ok(response)
        }
        Ok(None) => Err(Problem::no_route()),
        Err(PublishError::TooMany(too_many)) => Err(EntranceError::TooMany(too_many).into()),
        Err(PublishError::Unavailable) => Err(Problem::unavailable("unavailable")),
    }
}
