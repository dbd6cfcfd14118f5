//! People sign in to the dashboard: OpenID Connect authorization code flow with PKCE (RFC 7636),
//! state, nonce, and the issuer check of RFC 9207.
//!
//! [`Providers::begin`] sends the browser away and gives a [`PendingSignIn`] to keep for it (sealed
//! in a short-lived `__Host-` cookie, or in memory); [`Providers::finish`] takes both together.
//! Must never accept an answer that does not belong to the pending sign-in of the same browser, and
//! never follow where a token points.

mod error;
mod last_look;
mod logout;

pub use error::SignInError;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::{
    AccessTokenHash, AuthType, AuthUrl, AuthenticationContextClass, AuthorizationCode, ClientId, ClientSecret,
    CsrfToken, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse, TokenUrl,
    core::{
        CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreJsonWebKeySet, CoreJwsSigningAlgorithm,
        CoreTokenResponse,
    },
};
use serde::{Deserialize, Serialize};
use strongroom_crypto::{Entropy, EntropyError, SecretText};
use strongroom_domain::{
    principal::Principal,
    sign_in::{ProviderLook, SignInDemand},
    time::Clock,
};
use subtle::ConstantTimeEq;
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop};

use self::last_look::LastLook;

use self::error::{provider_error, verification_error};

use crate::{
    form::Form,
    http_client::HttpClient,
    issuer::{Issuer, IssuerConfig, IssuerConfigError},
    jwks::{Discovery, Snapshot},
    jwt::{CLOCK_SKEW, Claims, TokenError, TokenUse, Unverified, VerifiedClaims},
    mapping,
};

/// How long a person may take at the provider, in milliseconds.
pub const PENDING_LIFETIME_MILLIS: i64 = 10 * 60 * 1000;

/// Most characters of a display name.
const MAX_DISPLAY_NAME: usize = 128;

type Client = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet, EndpointNotSet>;

/// One provider to sign in at. Has no `Debug`: it holds the client secret.
pub struct ProviderConfig {
    /// Name in addresses: `dev`, `corp`.
    pub name: String,
    /// Name on the button.
    pub label: String,
    /// The issuer; its `audience` does not matter here, the client id is the audience.
    pub issuer: IssuerConfig,
    /// Client id of this dashboard at the provider.
    pub client_id: String,
    /// Client secret, unless it is a public client.
    pub client_secret: Option<SecretText>,
    /// Scopes besides `openid`, for example `profile`.
    pub scopes: Vec<String>,
}

/// A sign-in that has begun: what must be kept for the browser until it comes back. Serializable
/// so that it can be sealed into a cookie; never to be stored or sent unsealed. Has no `Debug`.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct PendingSignIn {
    provider: String,
    redirect_uri: String,
    state: String,
    nonce: String,
    pkce_verifier: String,
    created: i64,
    /// Whether the person had to prove again who they are.
    #[serde(default)]
    afresh: bool,
}

impl PendingSignIn {
    /// Name of the provider.
    #[must_use]
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Whether the provider was told to send the browser back to this address. Each provider has one of its own where
    /// there are several, and an honest one sends nobody to another's (RFC 9700, section 4.4.2.2).
    #[must_use]
    pub fn went_out_with(&self, redirect_uri: &str) -> bool {
        self.redirect_uri == redirect_uri
    }

    /// Whether this is the sign-in that an answer with this `state` belongs to. For callers that
    /// keep several.
    #[must_use]
    pub fn has_state(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// The query with which the browser comes back. Has no `Debug`: it holds the code.
pub struct CallbackParams {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
}

impl CallbackParams {
    /// Reads the decoded pairs of the query; others than `code`, `state`, `iss` and `error` are
    /// ignored.
    ///
    /// # Errors
    /// [`SignInError::MalformedAnswer`] when one is doubled or too long.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, SignInError> {
        let known = &[("code", 4096), ("state", 256), ("iss", 2048), ("error", 256)];
        let mut form = Form::pick(pairs, known).map_err(|_| SignInError::MalformedAnswer)?;
        Ok(Self {
            code: form.take("code"),
            state: form.take("state"),
            iss: form.take("iss"),
            error: form.take("error"),
        })
    }
}

/// Somebody has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Who: the issuer and subject of the id token, groups and claims as configured.
    pub principal: Principal,
    /// What to greet the person with. Must never identify.
    pub display_name: String,
    /// Authentication context class, if told.
    pub acr: Option<String>,
    /// Authentication methods, if told.
    pub amr: Vec<String>,
    /// When the person last authenticated at the provider, Unix seconds, if told.
    pub auth_time: Option<i64>,
    /// The provider's own session (`sid`), if told.
    pub provider_session: Option<String>,
}

struct Provider {
    label: String,
    issuer: Issuer,
    client_id: String,
    client_secret: Option<SecretText>,
    scopes: Vec<String>,
    last_look: LastLook,
}

/// The providers people may sign in at.
pub struct Providers {
    providers: ArcSwap<Vec<(String, Arc<Provider>)>>,
    http: HttpClient,
    clock: Arc<dyn Clock>,
}

impl Providers {
    /// Whether one of them is this issuer.
    #[must_use]
    pub fn knows(&self, issuer: &str) -> bool {
        self.providers.load().iter().any(|(_, provider)| provider.issuer.config.issuer == issuer)
    }

    /// Checks the configuration. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`IssuerConfigError`]; [`IssuerConfigError::Duplicate`] for two providers of one name.
    pub fn new(
        configs: Vec<ProviderConfig>,
        http: HttpClient,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, IssuerConfigError> {
        let providers = Self { providers: ArcSwap::default(), http, clock: Arc::clone(clock) };
        for config in configs {
            providers.add(config)?;
        }
        Ok(providers)
    }

    /// One more. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`IssuerConfigError`]; [`IssuerConfigError::Duplicate`] when there is one of this name.
    pub fn add(&self, config: ProviderConfig) -> Result<(), IssuerConfigError> {
        let (name, provider) = self.prepared(config)?;
        let mut providers = Vec::clone(&self.providers.load());
        if providers.iter().any(|(other, _)| *other == name) {
            return Err(IssuerConfigError::Duplicate(name));
        }
        providers.push((name, Arc::new(provider)));
        self.providers.store(Arc::new(providers));
        Ok(())
    }

    /// Whether one would answer as a provider of its issuer that people can be sent to. Nothing is kept.
    ///
    /// # Errors
    /// [`SignInError::ProviderUnreachable`].
    pub async fn try_out(&self, config: ProviderConfig, redirect_uri: &str) -> Result<(), SignInError> {
        let (_, provider) = self.prepared(config).map_err(|_| SignInError::ProviderUnreachable)?;
        self.client(&provider, &*provider.snapshot().await?, redirect_uri).map(drop)
    }

    fn prepared(&self, config: ProviderConfig) -> Result<(String, Provider), IssuerConfigError> {
        let provider = Provider {
            label: config.label,
            issuer: Issuer::remote(config.issuer, true, &self.http, &self.clock)?,
            client_id: config.client_id,
            client_secret: config.client_secret,
            scopes: config.scopes,
            last_look: LastLook::default(),
        };
        Ok((config.name, provider))
    }

    /// Asks one how it answers now, or tells what it answered a moment ago.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`].
    pub async fn look(&self, provider: &str, now_millis: i64) -> Result<ProviderLook, SignInError> {
        let provider = self.provider(provider)?;
        let keys = provider.issuer.remote_keys().ok_or(SignInError::ProviderUnreachable)?;
        Ok(provider.last_look.or(now_millis, keys.look(now_millis)).await)
    }

    /// Name, label and issuer of every provider, in the order of the configuration.
    #[must_use]
    pub fn list(&self) -> Vec<(String, String, String)> {
        let named = |(name, provider): &(String, Arc<Provider>)| {
            (name.clone(), provider.label.clone(), provider.issuer.config.issuer.clone())
        };
        self.providers.load().iter().map(named).collect()
    }

    fn provider(&self, name: &str) -> Result<Arc<Provider>, SignInError> {
        let providers = self.providers.load();
        let found = providers.iter().find(|(other, _)| other == name);
        found.map(|(_, provider)| Arc::clone(provider)).ok_or(SignInError::UnknownProvider)
    }

    /// Begins a sign-in: where to send the browser, and what to keep for it. The provider will send
    /// it back to `redirect_uri` (absolute, registered there).
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`], [`SignInError::ProviderUnreachable`],
    /// [`SignInError::RedirectAddress`], [`SignInError::Entropy`].
    pub async fn begin(
        &self,
        provider: &str,
        redirect_uri: &str,
        demand: &SignInDemand,
        entropy: &dyn Entropy,
        now_millis: i64,
    ) -> Result<(Url, PendingSignIn), SignInError> {
        let name = provider;
        let provider = self.provider(name)?;
        let pending = PendingSignIn {
            provider: name.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            state: random_text(entropy)?,
            nonce: random_text(entropy)?,
            pkce_verifier: random_text(entropy)?,
            created: now_millis,
            afresh: demand.afresh,
        };
        let client = self.client(&provider, &*provider.snapshot().await?, redirect_uri)?;
        let verifier = PkceCodeVerifier::new(pending.pkce_verifier.clone());
        let (state, nonce) = (pending.state.clone(), pending.nonce.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                move || CsrfToken::new(state),
                move || Nonce::new(nonce),
            )
            .add_scopes(provider.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if demand.afresh {
            // `max_age` makes the provider tell when it was; `prompt` alone would not (Core section 3.1.2.1).
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        for class in &demand.acr {
            request = request.add_auth_context_value(AuthenticationContextClass::new(class.clone()));
        }
        let (url, _, _) = request.url();
        Ok((url, pending))
    }

    /// Finishes a sign-in with the query the browser came back with.
    ///
    /// # Errors
    /// [`SignInError`].
    pub async fn finish(
        &self,
        pending: PendingSignIn,
        params: CallbackParams,
        now_millis: i64,
    ) -> Result<SignedIn, SignInError> {
        if !params.state.as_deref().is_some_and(|state| pending.has_state(state)) {
            return Err(SignInError::StateMismatch);
        }
        let elapsed = now_millis.saturating_sub(pending.created);
        if !(0..PENDING_LIFETIME_MILLIS).contains(&elapsed) {
            return Err(SignInError::TooLate);
        }
        let provider = self.provider(&pending.provider)?;
        let snapshot = provider.snapshot().await?;
        provider.check_answering_issuer(&snapshot, params.iss.as_deref())?;
        if let Some(error) = params.error {
            return Err(provider_error(&error));
        }
        let code = params.code.ok_or(SignInError::MalformedAnswer)?;
        let client = self.client(&provider, &snapshot, &pending.redirect_uri)?;
        let answer = self.redeem(&client, code, &pending).await?;
        self.accept(&provider, &answer, &pending, now_millis).await
    }

    /// Exchanges the code for tokens.
    async fn redeem(
        &self,
        client: &Client,
        code: String,
        pending: &PendingSignIn,
    ) -> Result<CoreTokenResponse, SignInError> {
        client
            .exchange_code(AuthorizationCode::new(code))
            .set_pkce_verifier(PkceCodeVerifier::new(pending.pkce_verifier.clone()))
            .request_async(&self.http)
            .await
            .map_err(|error| match error {
                RequestTokenError::Request(_) => SignInError::ProviderUnreachable,
                RequestTokenError::ServerResponse(_) | RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                    SignInError::Refused
                }
            })
    }

    /// Checks the id token: first as strictly as every token here, then by the rules of OpenID
    /// Connect Core section 3.1.3.7.
    async fn accept(
        &self,
        provider: &Provider,
        answer: &CoreTokenResponse,
        pending: &PendingSignIn,
        now_millis: i64,
    ) -> Result<SignedIn, SignInError> {
        let id_token = answer.id_token().ok_or(SignInError::InvalidToken(TokenError::Missing))?;
        let text = id_token.to_string();
        let verified = provider.verified(&text, TokenUse::Identity).await?;
        verified.view().check_times(now_millis.div_euclid(1000)).map_err(SignInError::InvalidToken)?;
        let client = self.client(provider, &*provider.snapshot().await?, &pending.redirect_uri)?;
        provider.verify_id_token(&client, answer, id_token, &pending.nonce, now_millis)?;
        let who = signed_in(&provider.issuer.config, verified.view())?;
        let since = pending.created.div_euclid(1000).saturating_sub(CLOCK_SKEW);
        // Asked to let the person prove it again, and an older proof came back: Core section 3.1.3.7, 13.
        if pending.afresh && who.auth_time.is_none_or(|proved| proved < since) {
            return Err(SignInError::NotAfresh);
        }
        Ok(who)
    }

    fn client(&self, provider: &Provider, snapshot: &Snapshot, redirect_uri: &str) -> Result<Client, SignInError> {
        let unreachable = |_| SignInError::ProviderUnreachable;
        let discovery = snapshot.discovery.as_ref().ok_or(SignInError::ProviderUnreachable)?;
        let endpoint = |endpoint: &Option<String>| {
            let text = endpoint.as_deref().ok_or(SignInError::ProviderUnreachable)?;
            self.http.check_url(text).map_err(|_| SignInError::ProviderUnreachable)
        };
        let keys: CoreJsonWebKeySet =
            serde_json::from_slice(&snapshot.keys.document).map_err(|_| SignInError::ProviderUnreachable)?;
        let issuer = IssuerUrl::new(discovery.issuer.clone()).map_err(unreachable)?;
        let mut client = CoreClient::new(ClientId::new(provider.client_id.clone()), issuer, keys)
            .set_auth_uri(AuthUrl::from_url(endpoint(&discovery.authorization_endpoint)?))
            .set_token_uri(TokenUrl::from_url(endpoint(&discovery.token_endpoint)?))
            .set_redirect_uri(RedirectUrl::new(redirect_uri.to_owned()).map_err(|_| SignInError::RedirectAddress)?);
        if let Some(secret) = &provider.client_secret {
            client = client
                .set_client_secret(ClientSecret::new(secret.expose().to_owned()))
                .set_auth_type(auth_type(discovery));
        }
        Ok(client)
    }
}

impl Provider {
    /// The claims of a token that this provider signed. Times, audience and all else are for the caller to check.
    async fn verified(&self, token: &str, token_use: TokenUse) -> Result<VerifiedClaims, SignInError> {
        let unverified = Unverified::read(token, token_use).map_err(SignInError::InvalidToken)?;
        if unverified.issuer != self.issuer.config.issuer {
            return Err(SignInError::InvalidToken(TokenError::UnknownIssuer));
        }
        // Renews the key set if the key is new; the OpenID Connect library does not.
        let key = self.issuer.key(unverified.key_id.as_deref(), unverified.algorithm).await;
        let key = key.map_err(|error| match error {
            TokenError::IssuerUnavailable => SignInError::ProviderUnreachable,
            error => SignInError::InvalidToken(error),
        })?;
        unverified.verify(&key).map_err(SignInError::InvalidToken)
    }

    async fn snapshot(&self) -> Result<Arc<Snapshot>, SignInError> {
        let keys = self.issuer.remote_keys().ok_or(SignInError::ProviderUnreachable)?;
        keys.snapshot().await.map_err(|_| SignInError::ProviderUnreachable)
    }

    /// RFC 9207 section 2.4: against an answer of one provider that is taken to another.
    fn check_answering_issuer(&self, snapshot: &Snapshot, iss: Option<&str>) -> Result<(), SignInError> {
        let promised = snapshot
            .discovery
            .as_ref()
            .is_some_and(|discovery| discovery.authorization_response_iss_parameter_supported);
        match iss {
            Some(iss) if iss == self.issuer.config.issuer => Ok(()),
            None if !promised => Ok(()),
            _ => Err(SignInError::IssuerMismatch),
        }
    }

    fn verify_id_token(
        &self,
        client: &Client,
        answer: &CoreTokenResponse,
        id_token: &CoreIdToken,
        nonce: &str,
        now_millis: i64,
    ) -> Result<(), SignInError> {
        let algorithms = self.issuer.config.algorithms.iter().filter_map(|name| {
            serde_json::from_value::<CoreJwsSigningAlgorithm>(serde_json::Value::String(name.clone())).ok()
        });
        // Without this the library would ask the machine's clock.
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now_millis.unsigned_abs());
        let verifier = client.id_token_verifier().set_allowed_algs(algorithms).set_time_fn(move || now.into());
        let claims =
            id_token.claims(&verifier, &Nonce::new(nonce.to_owned())).map_err(|error| verification_error(&error))?;
        if let Some(expected) = claims.access_token_hash() {
            let bad = |_: SignatureVerificationError| SignInError::InvalidToken(TokenError::BadSignature);
            let algorithm = id_token.signing_alg().map_err(|_| SignInError::InvalidToken(TokenError::BadSignature))?;
            let key = id_token.signing_key(&verifier).map_err(bad)?;
            let actual = AccessTokenHash::from_token(answer.access_token(), algorithm, key)
                .map_err(|_| SignInError::InvalidToken(TokenError::Malformed))?;
            if actual != *expected {
                return Err(SignInError::InvalidToken(TokenError::Malformed));
            }
        }
        Ok(())
    }
}

/// What the id token says about the person. Its signature, times, audience and nonce hold.
fn signed_in(config: &IssuerConfig, claims: Claims<'_>) -> Result<SignedIn, SignInError> {
    let principal = mapping::principal(config, claims).map_err(SignInError::InvalidToken)?;
    let named = ["name", "preferred_username", "email"].into_iter().filter_map(|name| claims.text(name));
    let display_name = named
        .map(|name| name.chars().filter(|c| !c.is_control()).take(MAX_DISPLAY_NAME).collect::<String>())
        .find(|name| !name.trim().is_empty())
        .unwrap_or_else(|| principal.id.subject.clone());
    let amr = claims.get("amr").and_then(serde_json::Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Ok(SignedIn {
        principal,
        display_name,
        acr: claims.text("acr").map(str::to_owned),
        amr: amr.iter().filter_map(serde_json::Value::as_str).take(16).map(str::to_owned).collect(),
        auth_time: claims.time("auth_time").map_err(SignInError::InvalidToken)?,
        provider_session: logout::session_of(claims).map_err(SignInError::InvalidToken)?,
    })
}

/// Basic authentication is the default of RFC 6749; some providers take the form only.
fn auth_type(discovery: &Discovery) -> AuthType {
    let supported = &discovery.token_endpoint_auth_methods_supported;
    let basic = supported.is_empty() || supported.iter().any(|method| method == "client_secret_basic");
    if basic { AuthType::BasicAuth } else { AuthType::RequestBody }
}

/// 256 random bits as base64url: 43 characters, which is also what PKCE asks of a verifier.
fn random_text(entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let mut random = zeroize::Zeroizing::new([0u8; 32]);
    entropy.fill(random.as_mut_slice())?;
    Ok(URL_SAFE_NO_PAD.encode(random.as_slice()))
}
