//! The OpenAPI document of the management API (`/api/v1`): paths, parameters, and statuses come from the
//! route table, bodies from the types that are read and written, so neither can be said twice. Nothing
//! here answers requests. Written to `server/docs/openapi.json`, which a test holds against it.
//!
//! Source: OpenAPI Specification 3.1.

mod operations;
pub(crate) mod shapes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use utoipa::{
    ToSchema,
    openapi::{
        Components, Content, HttpMethod, Info, License, OpenApi, PathItem, Paths, Ref, RefOr, Required, Response,
        Schema,
        path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        response::ResponseBuilder,
        schema::{ObjectBuilder, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    api::success_status,
    message::Method,
    problem::Envelope,
    routes::{Access, ROUTES, Route},
};

/// Statuses of refusals that any operation of the management API may answer, and what they say.
const REFUSALS: [(u16, &str); 11] = [
    (400, "The request is malformed or outside the documented limits. Nothing was changed."),
    (401, "No valid token."),
    (403, "The caller may not do this; the message names the missing action."),
    (404, "There is no such thing, or none that the caller may know of."),
    (405, "The path does not take this method."),
    (409, "It exists already, or is in a state that does not allow this."),
    (412, "`If-Match` names another revision than the present one."),
    (413, "The body is too long."),
    (429, "Too many requests; `Retry-After` says when to try again."),
    (500, "The server failed, or what is stored is not what the audit log tells of. Nothing was changed."),
    (503, "The request cannot be recorded or answered now; nothing was done."),
];

/// One body, of a request or an answer.
#[derive(Clone, Copy)]
pub(super) struct Body {
    /// Under which its schema is kept: two bodies of one name must have one shape.
    name: fn() -> String,
    schema: fn() -> RefOr<Schema>,
    below: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Body {
    pub(super) fn of<T: ToSchema>() -> Self {
        Self::named::<T>(|| T::name().into_owned())
    }

    /// For a generic type, whose own name does not tell what it holds.
    pub(super) fn named<T: ToSchema>(name: fn() -> String) -> Self {
        Self { name, schema: T::schema, below: T::schemas }
    }

    /// Puts it under its name and refers to it.
    fn content(self, schemas: &mut BTreeMap<String, RefOr<Schema>>) -> Content {
        let mut found = vec![((self.name)(), (self.schema)())];
        (self.below)(&mut found);
        schemas.extend(found);
        Content::new(Some(Ref::from_schema_name((self.name)())))
    }
}

/// What the route table does not say of an operation.
pub(super) struct Operation {
    pub(super) tag: &'static str,
    pub(super) summary: &'static str,
    /// Parameters of the query: name, meaning.
    pub(super) query: &'static [(&'static str, &'static str)],
    pub(super) body: Option<Body>,
    /// Media type of a body that is not JSON.
    pub(super) media: Option<&'static str>,
    /// None when the answer has no body.
    pub(super) answer: Option<Body>,
}

/// The routes that the document tells of.
fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(|route| route.template.starts_with("/api/"))
}

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    let mut schemas = BTreeMap::new();
    let error = Body::of::<Envelope<'_>>().content(&mut schemas);
    let mut paths = Paths::new();
    for route in routes() {
        if let Some(operation) = operations::of(route.endpoint) {
            let described = describe(route, operation, &error, &mut schemas);
            paths.paths.entry(route.template.to_owned()).or_default().merge_operations(described);
        }
    }
    let mut components = Components::new();
    components.schemas.extend(schemas);
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build()),
    );
    let mut info = Info::new("Strongroom management API", "1");
    info.description = Some(
        "Served at the server's own address, not at a vault's. Every request is judged by the gate and recorded. \
         The data plane of a vault is Azure Key Vault's (see azure-compatibility.md)."
            .to_owned(),
    );
    info.license = Some(License::new(env!("CARGO_PKG_LICENSE")));
    let mut document = OpenApi::new(info, paths);
    document.components = Some(components);
    document.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("bearer", [])]);
    document
}

fn describe(
    route: &Route,
    operation: Operation,
    error: &Content,
    schemas: &mut BTreeMap<String, RefOr<Schema>>,
) -> PathItem {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let parameter = |name: &str, place, required| -> ParameterBuilder {
        ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(text()))
    };
    let of_path = route
        .template
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| parameter(name, ParameterIn::Path, Required::True).build());
    let of_query = operation.query.iter().map(|(name, meaning)| {
        parameter(name, ParameterIn::Query, Required::False).description(Some(*meaning)).build()
    });
    let parameters: Vec<Parameter> = of_path.chain(of_query).collect();
    let success = ResponseBuilder::new().description("Done.");
    let success = match operation.answer {
        Some(body) => success.content("application/json", body.content(schemas)),
        None => success,
    };
    let mut building = OperationBuilder::new()
        .tag(operation.tag)
        .summary(Some(operation.summary))
        .operation_id(Some(format!("{:?}", route.endpoint)))
        .response(success_status(route.endpoint).to_string(), success.build());
    if route.access == Access::Public {
        // None at all, where the document asks for a token everywhere.
        building = building.securities(Some(Vec::new()));
    }
    if !parameters.is_empty() {
        building = building.parameters(Some(parameters));
    }
    if let Some(body) = operation.body {
        let body = RequestBodyBuilder::new()
            .content("application/json", body.content(schemas))
            .required(Some(Required::True))
            .build();
        building = building.request_body(Some(body));
    }
    if let Some(media) = operation.media {
        // Of what is not JSON, OpenAPI 3.1 says the media type alone.
        let body = RequestBodyBuilder::new().content(media, Content::default()).required(Some(Required::True)).build();
        building = building.request_body(Some(body));
    }
    for (status, meaning) in REFUSALS {
        let refusal: Response =
            ResponseBuilder::new().description(meaning).content("application/json", error.clone()).build();
        building = building.response(status.to_string(), refusal);
    }
    let method = match route.method {
        Method::Put => HttpMethod::Put,
        Method::Post => HttpMethod::Post,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
        _ => HttpMethod::Get,
    };
    PathItem::new(method, building.build())
}
