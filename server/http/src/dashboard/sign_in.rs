//! Sign-in at a provider, and the pages around it.
//!
//! What must be kept between the way out and the way back (state, nonce, code verifier, where to go
//! on) is sealed into a cookie of ten minutes; nothing is stored here before somebody has proven who
//! they are. A sign-in begins a new session and ends the one before it.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use strongroom_crypto::Plaintext;
use strongroom_domain::{
    context::RequestContext,
    entrance::EntranceError,
    principal::{Principal, PrincipalKind},
    sign_in::{SignInDemand, SignInError, SignInProvider, SignedIn},
    text::deceives,
    time::uuid_v7,
};
use strongroom_web::{Provider, SignInPage, SignedOutPage, say};
use zeroize::Zeroizing;

use super::{
    frame, links,
    links::ReturnTo,
    redirect, rendered,
    session::{self, set_cookie},
};
use crate::{
    edge::Call,
    message::{Request, Response},
    paths,
    problem::Problem,
    services::Services,
};

/// Name of the cookie of a sign-in under way.
const COOKIE: &str = "__Host-sign-in";
/// Name of the cookie that says which provider was used last. Holds its name in addresses and nothing else.
const LAST_USED: &str = "__Host-provider";
/// How long a browser keeps it, in seconds: a year.
const LAST_USED_SECONDS: u32 = 365 * 86_400;
/// Under which it is sealed.
const LABEL: &str = "sign-in";
/// How long a sign-in may take, in seconds.
const LIFETIME: u32 = 600;
/// Most bytes of a cookie, name and value, that every browser keeps (RFC 6265, section 6.1).
const MAX_COOKIE: usize = 4096;
/// Longest display name, in characters.
const MAX_NAME: usize = 128;
/// Most authentication context classes that a link asks for, and their longest name in bytes.
const MAX_CLASSES: usize = 8;
const MAX_CLASS: usize = 256;
/// Longest form with a logout token, in bytes.
const MAX_LOGOUT: usize = 32 * 1024;

/// GET /sign-in
///
/// # Errors
/// 503 when nobody can sign in and the store cannot say whether that is to be set up.
pub(super) async fn page(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let last_used = request.cookies.as_deref().and_then(|cookies| session::cookie(cookies, LAST_USED));
    let page = form(services, &return_to(request), None, last_used);
    let waits = page.providers.is_empty() && super::setup::is_open(services, call.ctx.now).await?;
    let setup_href = waits.then(|| links::SETUP.to_owned());
    Ok(rendered(200, SignInPage { setup_href, ..page }.render()))
}

/// GET /signed-out
///
/// # Errors
/// None.
pub(super) async fn signed_out(services: &Services, request: &Request) -> Result<Response, Problem> {
    let named = request.query("provider").unwrap_or_default();
    let provider = services.sign_in.providers().into_iter().find(|provider| provider.id == named);
    let back = format!("{}{}", services.addresses.base(), links::SIGNED_OUT);
    let provider_end_href = match &provider {
        // A provider that does not answer takes nothing from the page.
        Some(provider) => services.sign_in.end(&provider.id, &back).await.ok().flatten(),
        None => None,
    };
    let page = SignedOutPage {
        host: frame::host(services).to_owned(),
        development: services.development,
        sign_in_href: links::SIGN_IN.to_owned(),
        provider: provider.map(|provider| provider.name),
        provider_end_href,
    };
    Ok(rendered(200, page.render()))
}

/// GET /auth/{provider}/start: to the provider, with a cookie to come back with.
///
/// # Errors
/// None: a failure is the sign-in page with a sentence.
pub(super) async fn start(services: &Services, call: &Call, request: &Request) -> Result<Response, Problem> {
    let return_to = return_to(request);
    let provider = call.parameter(0);
    match services.sign_in.begin(provider, &redirect_address(services, provider), &demand(request), call.ctx.now).await
    {
        Ok((location, kept)) => {
            let value = UnderWay { created: call.ctx.now, return_to, kept }.seal(services)?;
            Ok(redirect(location).with("set-cookie", set_cookie(COOKIE, &value, Some(LIFETIME))))
        }
        Err(SignInError::UnknownProvider) => Err(Problem { reason: "sign-in-unknown-provider", ..Problem::no_route() }),
        Err(error @ SignInError::Unreachable) => Ok(refused(services, &return_to, &error)),
        Err(error @ (SignInError::Refused | SignInError::Invalid(_))) => {
            tracing::error!(%error, reason = error.reason(), "a sign-in could not be begun");
            Err(Problem { reason: error.reason(), ..Problem::internal() })
        }
    }
}

/// Where a provider sends the browser back to. The only one has the common address; where there are several, each has
/// its own, because nothing else says which one an answer is of: few providers name themselves in it (RFC 9207).
pub(super) fn redirect_address(services: &Services, provider: &str) -> String {
    let only = services.sign_in.providers().len() < 2;
    let path = if only { links::CALLBACK.to_owned() } else { links::provider_callback(provider) };
    format!("{}{path}", services.addresses.base())
}

/// What a sign-in must be, as its link says.
fn demand(request: &Request) -> SignInDemand {
    let acr = request.query("acr").unwrap_or_default().split_ascii_whitespace();
    let acr = acr.filter(|class| class.len() <= MAX_CLASS).take(MAX_CLASSES).map(str::to_owned);
    SignInDemand { afresh: request.query("afresh") == Some("yes"), acr: acr.collect() }
}

/// POST /auth/{provider}/back-channel-logout: a provider ends sessions (OpenID Connect Back-Channel Logout 1.0).
///
/// # Errors
/// 503 when the end cannot be recorded; a token that does not hold is answered as section 2.8 says.
pub(super) async fn logged_out_elsewhere(
    services: &Services,
    call: &Call,
    request: &Request,
) -> Result<Response, Problem> {
    let answered = |status, body: Option<serde_json::Value>| {
        body.map_or_else(|| Response::empty(status), |body| Response::json(status, &body))
            .with("cache-control", "no-store".to_owned())
    };
    let refused = |reason: &'static str, status| {
        let body =
            serde_json::json!({ "error": "invalid_request", "error_description": "The logout token does not count." });
        Response { reason, ..answered(status, Some(body)) }
    };
    if request.body.len() > MAX_LOGOUT {
        return Ok(refused("logout-too-large", 413));
    }
    let token = paths::form(&request.body).ok().and_then(|fields| {
        let mut sent = fields.into_iter().filter(|(name, _)| name == "logout_token").map(|(_, value)| value);
        sent.next().filter(|_| sent.next().is_none())
    });
    let Some(token) = token else { return Ok(refused("logout-token-missing", 400)) };
    match services.sign_in.logout_token(call.parameter(0), &token, call.ctx.now).await {
        Ok(told) => match services.entrance.end_at_provider(&call.ctx, told).await {
            Ok(_) => Ok(answered(200, None)),
            Err(EntranceError::Credential(_)) => Ok(refused("logout-token-replayed", 400)),
            Err(error) => Err(error.into()),
        },
        Err(SignInError::UnknownProvider) => Ok(refused("sign-in-unknown-provider", 404)),
        Err(SignInError::Unreachable) => Ok(refused("sign-in-provider-unreachable", 503)),
        Err(error) => Ok(refused(error.reason(), 400)),
    }
}

/// GET /auth/callback, and GET /auth/{provider}/callback where there are several providers: from the provider, into a
/// session. A sign-in that went out with another of these addresses is refused.
///
/// # Errors
/// 503 when the session cannot be recorded; other failures are the sign-in page with a sentence.
pub(super) async fn callback(
    services: &Services,
    call: &Call,
    request: &Request,
    provider: Option<&str>,
) -> Result<Response, Problem> {
    let now = call.ctx.now;
    let under_way = request
        .cookies
        .as_deref()
        .and_then(|cookies| session::cookie(cookies, COOKIE))
        .and_then(|value| UnderWay::open(services, value, now));
    let Some(UnderWay { return_to, kept, .. }) = under_way else {
        return Ok(refused(services, &ReturnTo::default(), &SignInError::Invalid("sign-in-not-begun-here")));
    };
    let several = services.sign_in.providers().len() > 1;
    let path = match provider {
        Some(provider) => links::provider_callback(provider),
        // One that began while there was one provider: whose answer this is, nothing says any more.
        None if several => {
            let error = SignInError::Invalid("sign-in-issuer-mismatch");
            return Ok(refused(services, &return_to, &error).with("set-cookie", done()));
        }
        None => links::CALLBACK.to_owned(),
    };
    let came_to = format!("{}{path}", services.addresses.base());
    let who = match services.sign_in.finish(&kept, &came_to, &request.query, now).await {
        // People alone have sessions, whatever a provider says.
        Ok(who) if who.principal.is_anonymous() || who.principal.kind != PrincipalKind::User => {
            return Ok(refused(services, &return_to, &SignInError::Refused).with("set-cookie", done()));
        }
        Ok(who) => SignedIn { display_name: shown_name(&who.display_name), ..who },
        // Says nothing about the sign-in under way, which may be another: its cookie stays.
        Err(error @ SignInError::Invalid(_)) => return Ok(refused(services, &return_to, &error)),
        Err(error) => return Ok(refused(services, &return_to, &error).with("set-cookie", done())),
    };
    end_session_before(services, call, request).await?;
    let only = || services.sign_in.providers().into_iter().next().map(|provider| provider.id);
    let used = provider.map(str::to_owned).or_else(only).filter(|id| fits_a_cookie(id));
    let program = call.program.map(|program| program.to_string());
    let cookie = services.entrance.begin_session(&call.ctx, who, program).await?;
    let mut response = redirect(return_to.as_str().to_owned()).with("set-cookie", done());
    if let Some(used) = used {
        response = response.with("set-cookie", set_cookie(LAST_USED, &used, Some(LAST_USED_SECONDS)));
    }
    Ok(session::begun(response, &cookie))
}

/// Ends the session that this browser had until now, so that a new sign-in leaves no old way in.
async fn end_session_before(services: &Services, call: &Call, request: &Request) -> Result<(), Problem> {
    let ctx = &call.ctx;
    let Some(before) = session::find(services, request.cookies.as_deref(), ctx.now).await? else { return Ok(()) };
    let id = uuid_v7(ctx.now, &*services.entropy).map_err(|_| Problem::internal())?;
    let whose: Arc<Principal> = Arc::new(before.principal.clone());
    let ending = RequestContext::new(id, whose, ctx.client, ctx.listener.clone(), ctx.now);
    Ok(services.entrance.end_session(&ending, before.id_hash).await?)
}

fn shown_name(name: &str) -> String {
    name.chars().filter(|c| !deceives(*c)).take(MAX_NAME).collect()
}

fn return_to(request: &Request) -> ReturnTo {
    request.query("return_to").and_then(ReturnTo::parse).unwrap_or_default()
}

/// Takes the cookie of a finished sign-in back.
fn done() -> String {
    set_cookie(COOKIE, "", Some(0))
}

/// Whether a provider's name can stand in a cookie as it is.
fn fits_a_cookie(id: &str) -> bool {
    id.len() <= MAX_NAME && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The page, the provider first that this browser used last. Where there is one alone, nothing is to be told apart.
fn form(services: &Services, return_to: &ReturnTo, error: Option<String>, last_used: Option<&str>) -> SignInPage {
    let mut providers = services.sign_in.providers();
    let several = providers.len() > 1;
    let is_last = |provider: &SignInProvider| several && last_used == Some(provider.id.as_str());
    providers.sort_by_key(|provider| !is_last(provider));
    let provider = |provider: SignInProvider| Provider {
        href: links::sign_in_start(&provider.id, return_to),
        last_used: is_last(&provider),
        detail: several.then(|| frame::without_scheme(&provider.issuer).to_owned()),
        name: provider.name,
    };
    SignInPage {
        host: frame::host(services).to_owned(),
        development: services.development,
        providers: providers.into_iter().map(provider).collect(),
        error,
        setup_href: None,
    }
}

/// The sign-in page with a sentence: a sign-in that did not lead to a session.
fn refused(services: &Services, return_to: &ReturnTo, error: &SignInError) -> Response {
    let (status, sentence) = match error {
        SignInError::Unreachable => (502, say!("sign-in-the-sign-in-provider-does")),
        SignInError::Refused => (403, say!("sign-in-the-provider-did-not-let")),
        SignInError::UnknownProvider => (400, say!("sign-in-this-way-to-sign-in")),
        SignInError::Invalid(_) => (400, say!("sign-in-this-answer-does-not-belong")),
    };
    let page = form(services, return_to, Some(sentence.to_owned()), None);
    Response { reason: error.reason(), ..rendered(status, page.render()) }
}

/// A sign-in between the way out and the way back.
struct UnderWay {
    /// Unix milliseconds.
    created: i64,
    /// Where to go on.
    return_to: ReturnTo,
    /// What the provider's answer is checked against.
    kept: Plaintext,
}

impl UnderWay {
    /// The cookie's value.
    fn seal(mut self, services: &Services) -> Result<String, Problem> {
        loop {
            let sealed = services.keyring.seal_passing(LABEL, &self.write(), &*services.entropy).map_err(|error| {
                tracing::error!(%error, "a sign-in could not be sealed");
                Problem::internal()
            })?;
            let value = BASE64URL_NOPAD.encode(&sealed);
            if COOKIE.len() + 1 + value.len() <= MAX_COOKIE {
                return Ok(value);
            }
            if self.return_to == ReturnTo::default() {
                tracing::error!(bytes = value.len(), "what a sign-in keeps does not fit into a cookie");
                return Err(Problem::internal());
            }
            // Better to land on the first page than nowhere.
            self.return_to = ReturnTo::default();
        }
    }

    /// Opens a cookie's value; none when it is not ours or too old.
    fn open(services: &Services, value: &str, now: i64) -> Option<Self> {
        if value.len() > MAX_COOKIE {
            return None;
        }
        let sealed = BASE64URL_NOPAD.decode(value.as_bytes()).ok()?;
        let opened = services.keyring.open_passing(LABEL, &sealed).ok()?;
        let under_way = Self::read(opened.expose())?;
        let age = now.checked_sub(under_way.created)?;
        (0..i64::from(LIFETIME) * 1000).contains(&age).then_some(under_way)
    }

    /// `created (8 bytes) ‖ length of return_to (2) ‖ return_to ‖ kept`.
    fn write(&self) -> Plaintext {
        let to = self.return_to.as_str().as_bytes();
        let length = u16::try_from(to.len()).unwrap_or(0);
        let to = to.get(..usize::from(length)).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(10 + to.len() + self.kept.len()));
        bytes.extend_from_slice(&self.created.to_be_bytes());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(to);
        bytes.extend_from_slice(self.kept.expose());
        Plaintext::new(std::mem::take(&mut *bytes))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (created, rest) = bytes.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (to, kept) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        let return_to = std::str::from_utf8(to).ok().and_then(ReturnTo::parse).unwrap_or_default();
        Some(Self { created: i64::from_be_bytes(*created), return_to, kept: Plaintext::from_slice(kept) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let return_to = ReturnTo::parse("/audit?outcome=denied").unwrap();
        let before = UnderWay { created: 7, return_to: return_to.clone(), kept: Plaintext::from_slice(b"kept") };
        let after = UnderWay::read(before.write().expose()).unwrap();
        assert_eq!((after.created, after.return_to, after.kept.expose()), (7, return_to, b"kept".as_slice()));
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(shown_name("Ada\u{0}\r\nLovelace"), "AdaLovelace");
        assert_eq!(shown_name(&"x".repeat(1000)).len(), MAX_NAME);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = UnderWay::read(&bytes);
        }
    }
}
