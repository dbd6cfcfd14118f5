//! Sign-in where nobody signs in: all that is known is which providers are configured.

use async_trait::async_trait;
use strongroom_crypto::Plaintext;

use crate::{
    principal::Principal,
    sign_in::{LogoutToken, SignIn, SignInDemand, SignInError, SignInProvider, SignedIn},
};

/// Somebody whose provider told nothing but who they are.
#[must_use]
pub fn signed_in(principal: &Principal, display_name: &str) -> SignedIn {
    SignedIn {
        principal: principal.clone(),
        display_name: display_name.to_owned(),
        provider_session: None,
        authenticated: None,
    }
}

/// Knows these issuers.
#[derive(Clone, Debug, Default)]
pub struct FakeSignIn(pub Vec<String>);

#[async_trait]
impl SignIn for FakeSignIn {
    fn providers(&self) -> Vec<SignInProvider> {
        Vec::new()
    }

    fn knows(&self, issuer: &str) -> bool {
        self.0.iter().any(|known| known == issuer)
    }

    async fn begin(&self, _: &str, _: &str, _: &SignInDemand, _: i64) -> Result<(String, Plaintext), SignInError> {
        Err(SignInError::UnknownProvider)
    }

    async fn finish(&self, _: &Plaintext, _: &str, _: &[(String, String)], _: i64) -> Result<SignedIn, SignInError> {
        Err(SignInError::UnknownProvider)
    }

    async fn end(&self, _: &str, _: &str) -> Result<Option<String>, SignInError> {
        Err(SignInError::UnknownProvider)
    }

    async fn logout_token(&self, _: &str, _: &str, _: i64) -> Result<LogoutToken, SignInError> {
        Err(SignInError::UnknownProvider)
    }
}
