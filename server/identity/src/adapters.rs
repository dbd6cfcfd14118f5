//! The ports of the domain, on top of this crate.
//!
//! Must never add a rule of its own: it only translates.

use std::sync::Arc;

use async_trait::async_trait;
use strongroom_crypto::{Entropy, Plaintext, SecretText};
use strongroom_domain::{
    decision::StepUp,
    entrance::{AccessToken, ClientProof, CredentialError as Refused, Credentials, Proven},
    identity::Workload,
    keyring::Keyring,
    principal::{Principal, TokenOrigin},
    setup::{FirstProvider, ProviderDesk},
    sign_in::{
        Authenticator, LogoutToken, ProviderLook, SignIn, SignInDemand, SignInError as SignInRefused, SignInProvider,
        SignedIn, TokenExplanation, TokenRejected,
    },
};
use uuid::Uuid;

use crate::{
    bearer::BearerValidator,
    issuer::{IssuerConfig, Issuers},
    jwt::TokenError,
    sign_in::{CallbackParams, PendingSignIn, ProviderConfig, Providers, SignInError},
    token_endpoint::{CredentialError, OwnKeys, check_assertion, check_secret, explain_assertion},
};

#[async_trait]
impl Authenticator for BearerValidator {
    async fn authenticate(&self, token: &str, now_millis: i64) -> Result<Arc<Principal>, TokenRejected> {
        Self::authenticate(self, token, now_millis).await.map_err(|error| match error {
            TokenError::WrongAudience => TokenRejected::WrongAudience,
            TokenError::Expired => TokenRejected::Expired,
            TokenError::NotYetValid => TokenRejected::NotYetValid,
            TokenError::IssuerUnavailable => TokenRejected::IssuerUnavailable,
            other => TokenRejected::Invalid(other.code()),
        })
    }

    async fn explain(&self, token: &str, now_millis: i64) -> TokenExplanation {
        Self::explain(self, token, now_millis).await
    }

    fn knows(&self, issuer: &str) -> bool {
        Self::knows(self, issuer)
    }

    fn issuers(&self) -> Vec<String> {
        Self::issuers(self)
    }

    fn ends(&self, token: &str) -> Option<i64> {
        Self::ends(self, token)
    }
}

/// Checks the credentials of workloads and mints their tokens.
pub struct WorkloadCredentials {
    keyring: Arc<Keyring>,
    issuers: Arc<Issuers>,
    endpoints: Vec<String>,
    keys: Arc<OwnKeys>,
}

impl WorkloadCredentials {
    /// Client secrets are hashed under the keyring's key, assertions are checked against `issuers`, or
    /// for `endpoints` (the addresses of this token endpoint) when the workload signs them itself. Tokens
    /// are signed with `keys`.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, issuers: Arc<Issuers>, endpoints: Vec<String>, keys: Arc<OwnKeys>) -> Self {
        Self { keyring, issuers, endpoints, keys }
    }
}

#[async_trait]
impl Credentials for WorkloadCredentials {
    async fn check(
        &self,
        workload: Option<&Workload>,
        client_id: &str,
        proof: &ClientProof,
        now_millis: i64,
    ) -> Result<Proven, Refused> {
        let now = now_millis.div_euclid(1000);
        let checked = match proof {
            ClientProof::Secret(secret) => check_secret(workload, self.keyring.credentials(), client_id, secret, now)
                .map(|id| Proven { credential: id.to_string(), id, assertion: None }),
            ClientProof::Assertion(assertion) => {
                check_assertion(&self.issuers, &self.endpoints, workload, assertion, now).await.map(|proof| Proven {
                    credential: proof.credential,
                    id: proof.id,
                    assertion: proof.once,
                })
            }
        };
        checked.map_err(|error| {
            let client = workload.map(|workload| workload.client_id);
            tracing::debug!(?client, reason = error.code(), "a client's credential is refused");
            match error {
                CredentialError::Disabled | CredentialError::DisabledFederated => Refused::Disabled,
                CredentialError::OutOfTime => Refused::OutOfTime,
                CredentialError::WrongAudience => Refused::WrongAudience,
                CredentialError::Assertion(TokenError::IssuerUnavailable) => Refused::IssuerUnavailable,
                _ => Refused::Invalid,
            }
        })
    }

    async fn explain(&self, workload: Option<&Workload>, assertion: &SecretText, now_millis: i64) -> TokenExplanation {
        explain_assertion(&self.issuers, &self.endpoints, workload, assertion, now_millis.div_euclid(1000)).await
    }

    fn mint(&self, workload: &Workload, credential: Uuid, id: Uuid, now_millis: i64) -> Result<AccessToken, Refused> {
        let from = TokenOrigin { credential, generation: workload.generation };
        let minted = self.keys.mint(workload.client_id, from, id, now_millis).map_err(|_| Refused::SigningFailed)?;
        let expires_in = u32::try_from(minted.expires_in).map_err(|_| Refused::SigningFailed)?;
        Ok(AccessToken { token: minted.access_token, expires_in })
    }
}

/// Sign-in at the configured providers, with the randomness it needs.
pub struct SignInService {
    providers: Providers,
    entropy: Arc<dyn Entropy>,
    step_up: Vec<(String, StepUp)>,
}

impl SignInService {
    /// Sign-in at these providers.
    #[must_use]
    pub fn new(providers: Providers, entropy: Arc<dyn Entropy>) -> Self {
        Self { providers, entropy, step_up: Vec::new() }
    }

    /// The same where people of these issuers must have signed in so before what cannot be undone.
    #[must_use]
    pub fn with_step_up(self, step_up: Vec<(String, StepUp)>) -> Self {
        Self { step_up, ..self }
    }
}

#[async_trait]
impl SignIn for SignInService {
    fn providers(&self) -> Vec<SignInProvider> {
        let named = |(id, name, issuer)| SignInProvider { id, name, issuer };
        self.providers.list().into_iter().map(named).collect()
    }

    fn knows(&self, issuer: &str) -> bool {
        self.providers.knows(issuer)
    }

    fn step_up(&self, issuer: &str) -> Option<StepUp> {
        self.step_up.iter().find(|(known, _)| known == issuer).map(|(_, terms)| terms.clone())
    }

    async fn look(&self, provider: &str, now_millis: i64) -> Result<ProviderLook, SignInRefused> {
        self.providers.look(provider, now_millis).await.map_err(refused)
    }

    async fn begin(
        &self,
        provider: &str,
        redirect_uri: &str,
        demand: &SignInDemand,
        now_millis: i64,
    ) -> Result<(String, Plaintext), SignInRefused> {
        let (url, pending) =
            self.providers.begin(provider, redirect_uri, demand, &*self.entropy, now_millis).await.map_err(refused)?;
        let kept = serde_json::to_vec(&pending).map_err(|_| SignInRefused::Invalid("sign-in-unwritable"))?;
        Ok((url.into(), Plaintext::new(kept)))
    }

    async fn finish(
        &self,
        kept: &Plaintext,
        came_to: &str,
        query: &[(String, String)],
        now_millis: i64,
    ) -> Result<SignedIn, SignInRefused> {
        let pending: PendingSignIn =
            serde_json::from_slice(kept.expose()).map_err(|_| refused(SignInError::StateMismatch))?;
        if !pending.went_out_with(came_to) {
            return Err(refused(SignInError::IssuerMismatch));
        }
        let params = CallbackParams::from_pairs(query.iter().cloned()).map_err(refused)?;
        let signed_in = self.providers.finish(pending, params, now_millis).await.map_err(refused)?;
        Ok(SignedIn {
            principal: signed_in.principal,
            display_name: signed_in.display_name,
            provider_session: signed_in.provider_session,
            authenticated: signed_in.auth_time,
        })
    }

    async fn end(&self, provider: &str, redirect_uri: &str) -> Result<Option<String>, SignInRefused> {
        Ok(self.providers.end(provider, redirect_uri).await.map_err(refused)?.map(Into::into))
    }

    async fn logout_token(&self, provider: &str, token: &str, now_millis: i64) -> Result<LogoutToken, SignInRefused> {
        self.providers.logout_token(provider, token, now_millis).await.map_err(refused)
    }
}

/// What a provider that was named in the setup is like: everything else as where a configuration does not say.
#[must_use]
pub fn provider_of(named: &FirstProvider) -> ProviderConfig {
    let issuer = IssuerConfig::new(named.issuer.clone(), Vec::new());
    ProviderConfig {
        name: named.name.clone(),
        label: named.label.clone(),
        issuer: IssuerConfig { groups_claim: named.groups_claim.clone(), ..issuer },
        client_id: named.client_id.clone(),
        client_secret: named.client_secret.as_ref().map(|secret| SecretText::new(secret.expose().to_owned())),
        scopes: vec!["profile".to_owned()],
    }
}

#[async_trait]
impl ProviderDesk for SignInService {
    async fn try_out(&self, provider: &FirstProvider) -> Result<(), SignInRefused> {
        // Where people come back to does not matter here: nobody is sent.
        let back = "https://setup.invalid/auth/callback";
        self.providers.try_out(provider_of(provider), back).await.map_err(refused)
    }

    fn take_up(&self, provider: &FirstProvider) -> Result<(), SignInRefused> {
        self.providers.add(provider_of(provider)).map_err(|error| {
            tracing::error!(%error, "a provider that was tried out cannot be added");
            SignInRefused::Unreachable
        })
    }
}

fn refused(error: SignInError) -> SignInRefused {
    match error {
        SignInError::UnknownProvider => SignInRefused::UnknownProvider,
        SignInError::ProviderUnreachable => SignInRefused::Unreachable,
        SignInError::Denied | SignInError::NoAccount | SignInError::Refused => SignInRefused::Refused,
        other => SignInRefused::Invalid(other.code()),
    }
}
