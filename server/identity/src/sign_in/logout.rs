//! The end of a sign-in at the provider: OpenID Connect RP-Initiated Logout 1.0, by which we send the browser
//! there, and Back-Channel Logout 1.0, by which the provider tells us. No id token is kept for either: the
//! provider is told the client instead, and asks the person when it is not sure.

use strongroom_domain::{identity::UsedAssertion, sign_in::LogoutToken};
use url::Url;

use super::{Providers, SignInError};
use crate::jwt::{Claims, TokenError, TokenUse};

/// The event that a logout token tells (Back-Channel Logout 1.0 section 2.4).
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// Longest `sid` and `jti`, in characters.
const MAX_ID: usize = 256;

/// An id that a token may hold.
fn id(claims: Claims<'_>, name: &str) -> Result<Option<String>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_str() {
            Some(text) if text.is_empty() || text.chars().any(char::is_control) => Err(TokenError::Malformed),
            Some(text) if text.chars().count() > MAX_ID => Err(TokenError::TooLarge),
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(TokenError::Malformed),
        },
    }
}

/// The provider's own session, if a token names it.
pub(super) fn session_of(claims: Claims<'_>) -> Result<Option<String>, TokenError> {
    id(claims, "sid")
}

impl Providers {
    /// Where the browser goes to end the provider's own session; the provider sends it on to `redirect_uri`
    /// (absolute, registered there). None when the provider offers no such place.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`], [`SignInError::ProviderUnreachable`].
    pub async fn end(&self, provider: &str, redirect_uri: &str) -> Result<Option<Url>, SignInError> {
        let provider = self.provider(provider)?;
        let snapshot = provider.snapshot().await?;
        let discovery = snapshot.discovery.as_ref().ok_or(SignInError::ProviderUnreachable)?;
        let Some(endpoint) = &discovery.end_session_endpoint else { return Ok(None) };
        let mut url = self.http.check_url(endpoint).map_err(|_| SignInError::ProviderUnreachable)?;
        url.query_pairs_mut()
            .append_pair("client_id", &provider.client_id)
            .append_pair("post_logout_redirect_uri", redirect_uri);
        Ok(Some(url))
    }

    /// Checks a logout token by every rule of Back-Channel Logout 1.0 section 2.6 but that it counts once.
    ///
    /// # Errors
    /// [`SignInError::UnknownProvider`], [`SignInError::ProviderUnreachable`], [`SignInError::InvalidToken`].
    pub async fn logout_token(&self, provider: &str, token: &str, now_millis: i64) -> Result<LogoutToken, SignInError> {
        let provider = self.provider(provider)?;
        let verified = provider.verified(token, TokenUse::Logout).await?;
        let issuer = provider.issuer.config.issuer.clone();
        let now = now_millis.div_euclid(1000);
        check(verified.view(), issuer, &provider.client_id, now).map_err(SignInError::InvalidToken)
    }
}

/// What a logout token must say, its signature being right.
fn check(claims: Claims<'_>, issuer: String, client_id: &str, now: i64) -> Result<LogoutToken, TokenError> {
    claims.check_audience(&[client_id.to_owned()])?;
    let expires = claims.check_times(now)?;
    claims.time("iat")?.ok_or(TokenError::Malformed)?;
    let event = claims.get("events").and_then(|events| events.get(EVENT));
    // An id token has a nonce and no such event: neither can stand for the other.
    if !event.is_some_and(serde_json::Value::is_object) || claims.get("nonce").is_some() {
        return Err(TokenError::WrongType);
    }
    let token_id = id(claims, "jti")?.ok_or(TokenError::Malformed)?;
    let subject = if claims.get("sub").is_some() { Some(claims.subject()?.to_owned()) } else { None };
    let session = session_of(claims)?;
    if subject.is_none() && session.is_none() {
        return Err(TokenError::Malformed);
    }
    let id_hash = strongroom_crypto::sha256(format!("logout\n{issuer}\n{token_id}").as_bytes());
    Ok(LogoutToken { issuer, subject, session, once: UsedAssertion { id_hash, used: now, expires } })
}
