//! `/api/v1/policy-modules`: modules, as they ship and as they were uploaded.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use strongroom_domain::{admin::ModuleShown, policy::ModuleDigest};
use utoipa::ToSchema;

use super::List;
use crate::{
    edge::Call,
    message::{Request, Response},
    problem::Problem,
    services::Services,
};

#[derive(Serialize, ToSchema)]
#[schema(as = PolicyModule)]
pub(crate) struct View<'a> {
    /// SHA-256 of its bytes, hexadecimal: what attachments name it by.
    digest: String,
    /// As it says itself, like version and summary.
    name: &'a str,
    version: &'a str,
    summary: &'a str,
    /// In bytes.
    size: u64,
    /// Part of the product: nobody uploaded it, nobody removes it.
    ships: bool,
    /// Whether a signature is kept with it.
    signed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded_by: Option<Uploader<'a>>,
    /// Unix milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    uploaded_at: Option<i64>,
    /// JSON Schema of its settings; in a list only of those that ship.
    #[serde(skip_serializing_if = "str::is_empty")]
    settings_schema: &'a str,
    /// Patterns of the actions that it wants to see; in a list only of those that ship.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    actions: &'a [String],
}

/// The bytes of an uploaded module, as they came.
#[derive(Serialize, ToSchema)]
#[schema(as = PolicyModuleContent)]
pub(crate) struct ContentView {
    digest: String,
    /// The WebAssembly component, base64url without padding.
    content: String,
    /// Its Ed25519 signature, base64url without padding, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PolicyModuleUploader)]
pub(crate) struct Uploader<'a> {
    issuer: &'a str,
    subject: &'a str,
}

impl<'a> View<'a> {
    fn of(module: &'a ModuleShown) -> Self {
        let ModuleShown { facts, size, uploaded, signed } = module;
        Self {
            digest: facts.digest.to_string(),
            name: &facts.name,
            version: &facts.version,
            summary: &facts.summary,
            size: *size,
            ships: uploaded.is_none(),
            signed: *signed,
            uploaded_by: uploaded.as_ref().map(|(by, _)| Uploader { issuer: &by.issuer, subject: &by.subject }),
            uploaded_at: uploaded.as_ref().map(|(_, at)| *at),
            settings_schema: &facts.settings_schema,
            actions: &facts.actions,
        }
    }
}

/// GET /api/v1/policy-modules
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    let modules = services.admin.list_modules(&call.ctx).await?;
    Ok(Response::json(200, &List { value: modules.iter().map(View::of).collect() }))
}

/// POST /api/v1/policy-modules: the body is the module, `signature` its signature if it has one. The same one
/// again is answered alike.
pub(crate) async fn push(services: &Services, call: &Call, request: Request) -> Result<Response, Problem> {
    let signature = match request.query("signature") {
        Some(text) => Some(signature(text).ok_or_else(|| {
            Problem::bad_parameter(
                "signature is an Ed25519 signature of the module, 64 bytes in base64url without padding.",
            )
        })?),
        None if request.has_query("signature") => return Err(Problem::bad_parameter("signature is given once.")),
        None => None,
    };
    let bytes = Arc::from(request.body.as_slice());
    let module = services.admin.push_module(&call.ctx, bytes, signature.as_deref()).await?;
    Ok(Response::json(201, &View::of(&module)))
}

/// GET /api/v1/policy-modules/{digest}
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let module = services.admin.show_module(&call.ctx, digest(call)?).await?;
    Ok(Response::json(200, &View::of(&module)))
}

/// GET /api/v1/policy-modules/{digest}/content
pub(crate) async fn pull(services: &Services, call: &Call) -> Result<Response, Problem> {
    let (module, bytes) = services.admin.pull_module(&call.ctx, digest(call)?).await?;
    let (digest, content) = (module.digest.to_string(), BASE64URL_NOPAD.encode(&bytes));
    Ok(Response::json(200, &ContentView { digest, content, signature: module.signature }))
}

/// DELETE /api/v1/policy-modules/{digest}: one that is attached nowhere.
pub(crate) async fn remove(services: &Services, call: &Call) -> Result<Response, Problem> {
    services.admin.remove_module(&call.ctx, digest(call)?).await?;
    Ok(Response::empty(204))
}

fn signature(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    (bytes.len() == 64).then_some(bytes)
}

fn digest(call: &Call) -> Result<ModuleDigest, Problem> {
    call.parameter(0)
        .parse()
        .map_err(|_| Problem::bad_parameter("A policy module is named by its SHA-256 as 64 hexadecimal digits."))
}
