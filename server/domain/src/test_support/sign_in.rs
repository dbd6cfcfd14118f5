//! Sign-in where nobody signs in: all that is known is which providers are configured.

use async_trait::async_trait;
use strongroom_crypto::Plaintext;

use crate::{
    principal::Principal,
    sign_in::{SignIn, SignInError, SignInProvider},
};

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

    async fn begin(&self, _: &str, _: &str, _: i64) -> Result<(String, Plaintext), SignInError> {
        Err(SignInError::UnknownProvider)
    }

    async fn finish(&self, _: &Plaintext, _: &[(String, String)], _: i64) -> Result<(Principal, String), SignInError> {
        Err(SignInError::UnknownProvider)
    }
}
