//! The authorization endpoint: who do you want to be today?

use std::sync::PoisonError;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::{Entropy, EntropyError, sha256};
use url::Url;

use super::{CLIENT_ID, CODE_LIFETIME_MILLIS, DevProvider, Grant, MAX_CODES, PEOPLE, Person};
use crate::form::Form;

/// Parameters of an authorization request with the most bytes of their values.
const PARAMETERS: &[(&str, usize)] = &[
    ("response_type", 64),
    ("response_mode", 64),
    ("client_id", 256),
    ("redirect_uri", 2048),
    ("scope", 1024),
    ("state", 1024),
    ("nonce", 1024),
    ("code_challenge", 128),
    ("code_challenge_method", 16),
    ("prompt", 64),
];

/// A request whose client and redirect address are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    redirect_uri: String,
    state: Option<String>,
    nonce: Option<String>,
    challenge: String,
}

impl AuthorizeRequest {
    /// Names and values of the hidden fields that bring the request back with the choice, which
    /// adds a field `person`.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, &str)> {
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("scope", "openid"),
            ("code_challenge", self.challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        fields.extend(self.state.as_deref().map(|state| ("state", state)));
        fields.extend(self.nonce.as_deref().map(|nonce| ("nonce", nonce)));
        fields
    }
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickerPage {
    /// The people to pick from.
    pub people: &'static [Person],
    /// The request to go on with.
    pub request: AuthorizeRequest,
}

/// What the authorization endpoint answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorize {
    /// Show the page.
    Pick(PickerPage),
    /// Send the browser back (303), with a code or with an error.
    Redirect(Url),
}

/// Client or redirect address are wrong: 400, shown here, because sending the browser anywhere
/// would make this an open redirector (RFC 6749 section 4.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefused {
    /// A parameter is doubled or too long.
    #[error("the request is malformed")]
    Malformed,
    /// Another client than [`CLIENT_ID`].
    #[error("the client is not registered")]
    UnknownClient,
    /// Not one of the registered redirect addresses.
    #[error("the redirect address is not registered")]
    RedirectAddress,
    /// No code could be drawn.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
}

impl DevProvider {
    /// `GET /authorize` with the decoded pairs of the query.
    ///
    /// # Errors
    /// [`RequestRefused`].
    pub fn authorize(&self, pairs: impl IntoIterator<Item = (String, String)>) -> Result<Authorize, RequestRefused> {
        match self.read(pairs)? {
            Ok(request) => Ok(Authorize::Pick(PickerPage { people: &PEOPLE, request })),
            Err(redirect) => Ok(Authorize::Redirect(redirect)),
        }
    }

    /// `POST /authorize` with the decoded pairs of the form: the hidden fields and `person`. An
    /// unknown person, or none, denies the sign-in.
    ///
    /// # Errors
    /// [`RequestRefused`].
    pub fn choose(
        &self,
        pairs: impl IntoIterator<Item = (String, String)>,
        now_millis: i64,
        entropy: &dyn Entropy,
    ) -> Result<Authorize, RequestRefused> {
        let pairs: Vec<_> = pairs.into_iter().take(64).collect();
        let mut choice = Form::pick(pairs.iter().cloned(), &[("person", 64)]).map_err(|_| RequestRefused::Malformed)?;
        let request = match self.read(pairs)? {
            Ok(request) => request,
            Err(redirect) => return Ok(Authorize::Redirect(redirect)),
        };
        let chosen = choice.take("person");
        let Some(person) = PEOPLE.iter().find(|person| Some(person.id) == chosen.as_deref()) else {
            let redirect =
                self.redirect(&request.redirect_uri, request.state.as_deref(), ("error", "access_denied"))?;
            return Ok(Authorize::Redirect(redirect));
        };
        let mut random = [0u8; 32];
        entropy.fill(&mut random)?;
        let code = URL_SAFE_NO_PAD.encode(random);
        let redirect = self.redirect(&request.redirect_uri, request.state.as_deref(), ("code", &code))?;
        self.keep(Grant {
            code_hash: sha256(code.as_bytes()),
            person: *person,
            redirect_uri: request.redirect_uri,
            nonce: request.nonce,
            challenge: request.challenge,
            created: now_millis,
        });
        Ok(Authorize::Redirect(redirect))
    }

    /// Reads a request; the inner error is where to send the browser with an error.
    fn read(
        &self,
        pairs: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Result<AuthorizeRequest, Url>, RequestRefused> {
        let mut form = Form::pick(pairs, PARAMETERS).map_err(|_| RequestRefused::Malformed)?;
        if form.take("client_id").as_deref() != Some(CLIENT_ID) {
            return Err(RequestRefused::UnknownClient);
        }
        let redirect_uri = form.take("redirect_uri").ok_or(RequestRefused::RedirectAddress)?;
        if !self.redirect_uris.contains(&redirect_uri) {
            return Err(RequestRefused::RedirectAddress);
        }
        let state = form.take("state");
        let challenge = form.take("code_challenge").filter(|text| is_challenge(text));
        let method = form.take("code_challenge_method");
        let scope = form.take("scope").unwrap_or_default();
        let mode = form.take("response_mode");
        let error = if form.take("response_type").as_deref() != Some("code") {
            "unsupported_response_type"
        } else if mode.is_some_and(|mode| mode != "query") || method.as_deref() != Some("S256") {
            "invalid_request"
        } else if !scope.split(' ').any(|scope| scope == "openid") {
            "invalid_scope"
        } else if form.take("prompt").as_deref() == Some("none") {
            "login_required"
        } else if let Some(challenge) = challenge {
            return Ok(Ok(AuthorizeRequest { redirect_uri, state, nonce: form.take("nonce"), challenge }));
        } else {
            "invalid_request"
        };
        self.redirect(&redirect_uri, state.as_deref(), ("error", error)).map(Err)
    }

    fn redirect(&self, uri: &str, state: Option<&str>, (name, value): (&str, &str)) -> Result<Url, RequestRefused> {
        let mut url = Url::parse(uri).map_err(|_| RequestRefused::RedirectAddress)?;
        let mut query = url.query_pairs_mut();
        query.append_pair(name, value);
        if let Some(state) = state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.issuer);
        drop(query);
        Ok(url)
    }

    fn keep(&self, grant: Grant) {
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        grants.retain(|other| (0..CODE_LIFETIME_MILLIS).contains(&grant.created.saturating_sub(other.created)));
        if grants.len() >= MAX_CODES {
            grants.pop_front();
        }
        grants.push_back(grant);
    }
}

/// A SHA-256 in base64url (RFC 7636 section 4.2).
fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|hash| hash.len() == 32)
}
