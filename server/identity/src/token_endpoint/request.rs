//! What a client asks of the token endpoint (RFC 6749 section 4.4, RFC 7523 section 2.2).

use strongroom_crypto::SecretText;
use uuid::Uuid;

use super::error::TokenEndpointError;
use crate::{
    form::{Form, FormError},
    jwt::MAX_TOKEN_LEN,
};

/// The only `client_assertion_type` there is (RFC 7523 section 2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Known parameters with the most bytes of their values.
const PARAMETERS: &[(&str, usize)] = &[
    ("grant_type", 256),
    ("client_id", 256),
    ("client_secret", 1024),
    ("client_assertion_type", 256),
    ("client_assertion", MAX_TOKEN_LEN),
    ("scope", 2048),
    ("resource", 2048),
];

/// The tenant of a token URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    /// The id of this installation.
    Installation(Uuid),
    /// `adfs`, for which clients skip instance discovery.
    Adfs,
}

impl Tenant {
    /// Reads the first segment of the path of a token or discovery URL.
    ///
    /// # Errors
    /// [`TokenEndpointError::UnknownTenant`].
    pub fn parse(segment: &str, installation: Uuid) -> Result<Self, TokenEndpointError> {
        if segment.eq_ignore_ascii_case("adfs") {
            return Ok(Self::Adfs);
        }
        match Uuid::try_parse(segment) {
            Ok(id) if id == installation => Ok(Self::Installation(id)),
            _ => Err(TokenEndpointError::UnknownTenant),
        }
    }

    /// Reads the first segment of the path of a discovery URL. `organizations`, Entra's name for the
    /// tenant of whoever asks, is described as the only one there is: `az logout` looks it up. No token
    /// is made there.
    ///
    /// # Errors
    /// [`TokenEndpointError::UnknownTenant`].
    pub fn described(segment: &str, installation: Uuid) -> Result<Self, TokenEndpointError> {
        if segment.eq_ignore_ascii_case("organizations") {
            return Ok(Self::Installation(installation));
        }
        Self::parse(segment, installation)
    }
}

impl std::fmt::Display for Tenant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Installation(id) => id.fmt(f),
            Self::Adfs => f.write_str("adfs"),
        }
    }
}

/// How the client says that it is who it says.
pub enum ClientCredential {
    /// `client_secret`.
    Secret(SecretText),
    /// `client_assertion`: a JWT of an issuer the workload is federated with.
    Assertion(SecretText),
}

/// A request for a token of this installation's API. Grant type and scope are right.
pub struct TokenRequest {
    /// The client's name for itself: any text. See [`TokenRequest::workload_id`].
    pub client_id: String,
    /// What it shows for it.
    pub credential: ClientCredential,
}

impl TokenRequest {
    /// Reads the parameters of the form. `base` is the audience of API tokens: an origin without
    /// trailing slash. Unknown parameters (`client_info`, `claims`, ...) are ignored.
    ///
    /// # Errors
    /// [`TokenEndpointError`].
    pub fn parse(base: &str, pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, TokenEndpointError> {
        let mut form = Form::pick(pairs, PARAMETERS).map_err(|error| match error {
            FormError::Duplicate(name) => TokenEndpointError::DuplicateParameter(name),
            FormError::TooLong(name) => TokenEndpointError::InvalidInput(name),
            FormError::TooMany => TokenEndpointError::InvalidInput("too many parameters"),
        })?;
        // Secrets first: whatever goes wrong below, they are cleared.
        let secret = form.take("client_secret").map(SecretText::new);
        let assertion = form.take("client_assertion").map(SecretText::new);
        let mut required = |name| form.take(name).ok_or(TokenEndpointError::MissingParameter(name));
        let grant_type = required("grant_type")?;
        if grant_type != "client_credentials" {
            return Err(TokenEndpointError::grant_type(&grant_type));
        }
        let client_id = required("client_id")?;
        check_scope(base, form.take("scope"), form.take("resource"))?;
        let credential = match (secret, assertion, form.take("client_assertion_type")) {
            (Some(secret), None, None) => ClientCredential::Secret(secret),
            (None, Some(assertion), Some(kind)) if kind == ASSERTION_TYPE => ClientCredential::Assertion(assertion),
            (None, Some(_), None) => return Err(TokenEndpointError::MissingParameter("client_assertion_type")),
            (None, None, Some(_)) => return Err(TokenEndpointError::MissingParameter("client_assertion")),
            (None, None, None) => return Err(TokenEndpointError::MissingCredential),
            (None, Some(_), Some(_)) => return Err(TokenEndpointError::InvalidInput("client_assertion_type")),
            (Some(_), _, _) => {
                return Err(TokenEndpointError::InvalidInput("more than one client credential"));
            }
        };
        Ok(Self { client_id, credential })
    }

    /// The workload that is meant, if the client id can be one at all. If not, go on as for an
    /// unknown workload: the answer must not tell.
    #[must_use]
    pub fn workload_id(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.client_id).ok()
    }
}

/// `scope` must be `<base>/.default`, also with the slash doubled as some clients do for resources
/// that end in one; `resource` (first version of the protocol) must be `<base>`, with or without
/// slash. If both are given, both must be right.
fn check_scope(base: &str, scope: Option<String>, resource: Option<String>) -> Result<(), TokenEndpointError> {
    if scope.is_none() && resource.is_none() {
        return Err(TokenEndpointError::MissingParameter("scope"));
    }
    if let Some(scope) = scope {
        let resource = scope.strip_suffix("/.default").ok_or_else(|| TokenEndpointError::scope(&scope))?;
        if !is_base(base, resource) {
            return Err(TokenEndpointError::scope(&scope));
        }
    }
    match resource {
        Some(resource) if !is_base(base, &resource) => Err(TokenEndpointError::scope(&resource)),
        _ => Ok(()),
    }
}

fn is_base(base: &str, resource: &str) -> bool {
    resource == base || resource.strip_suffix('/') == Some(base)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: &str = "https://vault.localhost:8443";

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn parse(list: &[(&str, &str)]) -> Result<TokenRequest, TokenEndpointError> {
        TokenRequest::parse(BASE, pairs(list))
    }

    const GRANT: (&str, &str) = ("grant_type", "client_credentials");
    const CLIENT: (&str, &str) = ("client_id", "0197a1b2-0000-7000-8000-000000000001");
    const SCOPE: (&str, &str) = ("scope", "https://vault.localhost:8443/.default");
    const SECRET: (&str, &str) = ("client_secret", "srs_x");

    #[test]
    fn the_request_of_azure_identity_is_understood() {
        let request = parse(&[CLIENT, SECRET, GRANT, SCOPE, ("client_info", "1"), ("claims", "{}")]).ok().unwrap();
        assert_eq!(request.workload_id().unwrap().to_string(), CLIENT.1);
        assert!(matches!(request.credential, ClientCredential::Secret(secret) if secret.expose() == "srs_x"));
        let assertion =
            [CLIENT, GRANT, SCOPE, ("client_assertion", "a.b.c"), ("client_assertion_type", ASSERTION_TYPE)];
        let request = parse(&assertion).ok().unwrap();
        assert!(matches!(request.credential, ClientCredential::Assertion(text) if text.expose() == "a.b.c"));
    }

    #[test]
    fn a_client_id_that_is_no_uuid_is_not_an_error_here() {
        assert_eq!(parse(&[("client_id", "my-app"), SECRET, GRANT, SCOPE]).ok().unwrap().workload_id(), None);
    }

    #[test]
    fn scope_and_resource_must_name_this_service() {
        for (name, value, right) in [
            ("scope", "https://vault.localhost:8443/.default", true),
            ("scope", "https://vault.localhost:8443//.default", true),
            ("scope", "https://vault.localhost:8443///.default", false),
            ("scope", "https://vault.localhost:8443", false),
            ("scope", "https://vault.localhost:8443/.default openid", false),
            ("scope", "https://vault.localhost/.default", false),
            ("scope", "https://VAULT.localhost:8443/.default", false),
            ("scope", "/.default", false),
            ("resource", "https://vault.localhost:8443", true),
            ("resource", "https://vault.localhost:8443/", true),
            ("resource", "https://vault.localhost:8443/.default", false),
            ("resource", "https://vault.azure.net", false),
        ] {
            let result = parse(&[CLIENT, SECRET, GRANT, (name, value)]);
            if right {
                assert!(result.is_ok(), "{value}");
            } else {
                assert_eq!(result.err(), Some(TokenEndpointError::InvalidScope(value.into())));
            }
        }
        let both = parse(&[CLIENT, SECRET, GRANT, SCOPE, ("resource", "https://elsewhere")]);
        assert!(matches!(both.err(), Some(TokenEndpointError::InvalidScope(_))));
    }

    #[test]
    fn what_is_missing_doubled_or_too_long_is_named() {
        use TokenEndpointError::{DuplicateParameter, InvalidInput, MissingCredential, MissingParameter};
        let long = "s".repeat(1025);
        let assertion = ("client_assertion", "a.b.c");
        let kind = ("client_assertion_type", ASSERTION_TYPE);
        for (list, expected) in [
            (vec![CLIENT, SECRET, SCOPE], MissingParameter("grant_type")),
            (vec![GRANT, SECRET, SCOPE], MissingParameter("client_id")),
            (vec![GRANT, CLIENT, SECRET], MissingParameter("scope")),
            (vec![GRANT, ("client_id", ""), SECRET, SCOPE], MissingParameter("client_id")),
            (vec![GRANT, CLIENT, SCOPE], MissingCredential),
            (vec![GRANT, CLIENT, SCOPE, assertion], MissingParameter("client_assertion_type")),
            (vec![GRANT, CLIENT, SCOPE, kind], MissingParameter("client_assertion")),
            (
                vec![GRANT, CLIENT, SCOPE, assertion, ("client_assertion_type", "saml")],
                InvalidInput("client_assertion_type"),
            ),
            (vec![GRANT, CLIENT, SCOPE, SECRET, assertion, kind], InvalidInput("more than one client credential")),
            (vec![GRANT, GRANT, CLIENT, SECRET, SCOPE], DuplicateParameter("grant_type")),
            (vec![GRANT, CLIENT, SECRET, SECRET, SCOPE], DuplicateParameter("client_secret")),
            (vec![GRANT, CLIENT, ("client_secret", &long), SCOPE], InvalidInput("client_secret")),
        ] {
            assert_eq!(parse(&list).err(), Some(expected), "{list:?}");
        }
        let grant = parse(&[("grant_type", "pass\u{7}word"), CLIENT, SECRET, SCOPE]);
        assert_eq!(grant.err(), Some(TokenEndpointError::UnsupportedGrantType("password".into())));
    }

    #[test]
    fn a_tenant_is_the_installation_or_adfs() {
        let installation = Uuid::from_u128(7);
        assert_eq!(Tenant::parse(&installation.to_string(), installation), Ok(Tenant::Installation(installation)));
        assert_eq!(Tenant::parse("ADFS", installation), Ok(Tenant::Adfs));
        assert_eq!(Tenant::described("Organizations", installation), Ok(Tenant::Installation(installation)));
        assert_eq!(Tenant::described("adfs", installation), Ok(Tenant::Adfs));
        assert_eq!(Tenant::described("common", installation), Err(TokenEndpointError::UnknownTenant));
        for other in ["", "common", "organizations", "00000000-0000-0000-0000-000000000008"] {
            assert_eq!(Tenant::parse(other, installation), Err(TokenEndpointError::UnknownTenant));
        }
    }

    proptest! {
        #[test]
        fn no_form_panics_and_only_this_service_is_granted(
            list in prop::collection::vec(
                (prop_oneof![Just("grant_type"), Just("client_id"), Just("client_secret"), Just("scope"), Just("resource"), Just("x")],
                 prop_oneof![Just("client_credentials".to_owned()), Just(format!("{BASE}/.default")), Just(BASE.to_owned()), ".{0,40}"]),
                0..8),
        ) {
            let form: Vec<_> = list.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            if TokenRequest::parse(BASE, form).is_ok() {
                let names_us = |name| list.iter().any(|(n, v)| *n == name && v.starts_with(BASE));
                prop_assert!(names_us("scope") || names_us("resource"));
            }
        }
    }
}
