//! Who is asking: bearer tokens, the token endpoint, sign-in to the dashboard.
//!
//! # Rooms
//!
//! - [`issuer`]: which issuers count, by configuration. [`jwks`]: their keys, fetched and kept.
//! - [`bearer`]: a token becomes a [`strongroom_domain::principal::Principal`], or a reason why not.
//! - [`token_endpoint`]: client credentials and federated assertions become tokens of this
//!   installation, in the shape that Entra's clients know.
//! - [`sign_in`]: people sign in by OpenID Connect (authorization code with PKCE).
//! - [`dev_provider`]: the provider that development mode brings along.
//! - [`adapters`]: all this behind the ports of the domain.
//!
//! # What this crate never does
//!
//! - No listener and no storage: routes, cookies and rows belong to others.
//! - No decision about permission: it says who somebody is, never what they may do.
//! - No key from a token: `jwk`, `jku`, `x5u` and `x5c` of a header are never looked at.
//! - No token, secret, assertion, code or verifier in an error or a log line.
//! - No clock and no randomness of its own (only the nonce inside an ECDSA signature is AWS-LC's).

pub mod adapters;
pub mod bearer;
pub mod dev_provider;
mod explain;
pub mod http_client;
pub mod issuer;
pub mod jwks;
pub mod sign_in;
pub mod token_endpoint;

mod form;
mod jwt;
mod mapping;
mod strict_json;
mod trace;

#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use adapters::{SignInService, WorkloadCredentials, provider_of};
pub use bearer::BearerValidator;
pub use http_client::{HttpClient, HttpClientError, TrustedRoots};
pub use issuer::{FederationIssuers, IssuerConfig, IssuerConfigError, Issuers, WorkloadWhen};
pub use jwt::TokenError;
pub use sign_in::{CallbackParams, PendingSignIn, ProviderConfig, Providers, SignInError, SignedIn};
