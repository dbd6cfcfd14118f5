//! The token endpoint in the shape of Microsoft Entra ID, as far as clients of Key Vault use it.
//!
//! Pure logic: parsing a request, checking a credential, minting a token, wording an error,
//! describing itself. Looking workloads up, recording and answering belong to the callers. The
//! order of a request: [`Tenant::parse`], [`TokenRequest::parse`], the workload is looked up,
//! [`check_secret`] or [`check_assertion`], [`TokenMinter::mint`].
//!
//! Must never let an answer tell an unknown client from a wrong secret or an expired one, nor a disabled
//! workload to whoever did not show a credential of it that is right.

mod assertion;
mod credential;
mod description;
mod error;
mod mint;
mod own_keys;
mod request;

pub(crate) use assertion::explain_assertion;
pub use assertion::{AssertionProof, MAX_ASSERTION_SECONDS, check_assertion};
pub use credential::{CredentialError, check_secret};
pub use description::{Discovery, JwksDocument, Protocol, discovery, jwks};
pub use error::{ErrorBody, TokenEndpointError};
pub use mint::{MintError, TOKEN_LIFETIME_SECONDS, TokenMinter, TokenResponse};
pub use own_keys::OwnKeys;
pub use request::{ASSERTION_TYPE, ClientCredential, Tenant, TokenRequest};

use uuid::Uuid;

/// The issuer of this installation's tokens: `<base>/<installation>/v2.0`. `base` is an origin
/// without trailing slash.
#[must_use]
pub fn own_issuer(base: &str, installation: Uuid) -> String {
    format!("{base}/{installation}/v2.0")
}

/// Every address of this installation's token endpoint: the audiences of a workload's own assertions.
#[must_use]
pub fn token_endpoints(base: &str, installation: Uuid) -> Vec<String> {
    [Tenant::Installation(installation), Tenant::Adfs]
        .into_iter()
        .flat_map(|tenant| ["oauth2/v2.0/token", "oauth2/token"].map(|path| format!("{base}/{tenant}/{path}")))
        .collect()
}
