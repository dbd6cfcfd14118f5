//! `/api/v1/policy-documents`: what policy modules are given that ask for `document/NAME`.

use serde::{Deserialize, Serialize};
use strongroom_domain::policy_document::PolicyDocument;
use utoipa::ToSchema;

use super::List;
use crate::{
    api::wire,
    edge::Call,
    message::{Request, Response},
    openapi::shapes,
    problem::Problem,
    services::Services,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutPolicyDocument)]
pub(crate) struct Body {
    /// At most 4096 bytes. It stands in the record of every decision that it was given for: nothing secret.
    text: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = PolicyDocument)]
pub(crate) struct View<'a> {
    /// `[a-z0-9-]`, 1 to 64 characters: modules ask for the fact `document/NAME`.
    name: &'a str,
    /// In bytes.
    size: usize,
    /// Who wrote it last.
    #[schema(value_type = shapes::PrincipalId)]
    written_by: &'a strongroom_domain::principal::PrincipalId,
    /// Unix milliseconds.
    written_at: i64,
    /// Absent in a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

impl<'a> View<'a> {
    fn listed(document: &'a PolicyDocument) -> Self {
        let PolicyDocument { name, text, written_by, written_at, .. } = document;
        Self { name, size: text.len(), written_by, written_at: *written_at, text: None }
    }

    fn whole(document: &'a PolicyDocument) -> Self {
        Self { text: Some(&document.text), ..Self::listed(document) }
    }
}

/// GET /api/v1/policy-documents
pub(crate) async fn list(services: &Services, call: &Call) -> Result<Response, Problem> {
    let documents = services.admin.list_documents(&call.ctx).await?;
    Ok(Response::json(200, &List { value: documents.iter().map(View::listed).collect() }))
}

/// GET /api/v1/policy-documents/{document}
pub(crate) async fn show(services: &Services, call: &Call) -> Result<Response, Problem> {
    let document = services.admin.show_document(&call.ctx, call.parameter(0)).await?;
    Ok(Response::json(200, &View::whole(&document)))
}

/// PUT /api/v1/policy-documents/{document}: new, or in place of the one of this name.
pub(crate) async fn put(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let Body { text } = wire::body(request)?;
    let document = services.admin.put_document(&call.ctx, call.parameter(0), &text).await?;
    Ok(Response::json(200, &View::whole(&document)))
}

/// DELETE /api/v1/policy-documents/{document}
pub(crate) async fn remove(services: &Services, call: &Call) -> Result<Response, Problem> {
    services.admin.remove_document(&call.ctx, call.parameter(0)).await?;
    Ok(Response::empty(204))
}
