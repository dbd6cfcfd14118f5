//! The one way out: small JSON documents from identity providers, over HTTPS.
//!
//! Must never follow a redirect, use a proxy from the environment, read without a bound on size and
//! time, or speak HTTP without TLS to anything but this machine itself.

use std::{future::Future, pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use url::{Host, Url};

/// Time for one exchange, from connecting to the last byte.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes read of any answer.
pub(crate) const MAX_ANSWER_LEN: usize = 256 * 1024;

/// Which certificate authorities identity providers may be certified by.
#[derive(Clone)]
pub enum TrustedRoots {
    /// Those of the operating system. Building the client fails when it has none.
    System,
    /// Those of the operating system, and these (PEM, one or more certificates).
    SystemAnd(Vec<u8>),
    /// Only these (PEM, one or more certificates).
    Only(Vec<u8>),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// The PEM text holds no certificate, or one that does not parse.
    #[error("the extra root certificates are not PEM certificates")]
    Roots,
    /// The TLS library refused, for example because the system has no certificate authorities.
    #[error("the HTTP client cannot be built: {0}")]
    Build(String),
}

/// Why a document was not fetched. Names hosts and statuses, never contents.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not HTTPS, nor HTTP to a loopback address where that is allowed.
    #[error("the address is not one that may be asked: {0}")]
    Forbidden(String),
    /// No connection, no TLS, no answer in time, or an answer cut short.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// Another status than 200.
    #[error("the answer has status {0}")]
    Status(u16),
    /// The answer is longer than 256 KiB.
    #[error("the answer is too long")]
    TooLarge,
}

/// A client for identity providers. Cheap to clone.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    allow_insecure_loopback: bool,
}

impl HttpClient {
    /// Builds a client. `allow_insecure_loopback` permits `http://` to this machine, for
    /// development and tests.
    ///
    /// # Errors
    /// [`HttpClientError`].
    pub fn new(roots: TrustedRoots, allow_insecure_loopback: bool) -> Result<Self, HttpClientError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(EXCHANGE_TIMEOUT)
            .connect_timeout(EXCHANGE_TIMEOUT)
            .https_only(!allow_insecure_loopback)
            .user_agent("strongroom");
        builder = match roots {
            TrustedRoots::System => builder,
            TrustedRoots::SystemAnd(pem) => builder.tls_certs_merge(certificates(&pem)?),
            TrustedRoots::Only(pem) => builder.tls_certs_only(certificates(&pem)?),
        };
        let client = builder.build().map_err(|error| HttpClientError::Build(chain(&error)))?;
        Ok(Self { client, allow_insecure_loopback })
    }

    /// Whether an address may be asked at all.
    pub(crate) fn check_url(&self, text: &str) -> Result<Url, FetchError> {
        let refused = || FetchError::Forbidden(text.chars().take(200).collect());
        let url = Url::parse(text).map_err(|_| refused())?;
        let permitted = match url.scheme() {
            "https" => true,
            "http" => self.allow_insecure_loopback && is_loopback(&url),
            _ => false,
        };
        if permitted && url.username().is_empty() && url.password().is_none() { Ok(url) } else { Err(refused()) }
    }

    /// Fetches a document.
    pub(crate) async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        Ok(self.get_dated(url).await?.0)
    }

    /// The same with the time that the answer says it was given at (`Date`), Unix seconds.
    pub(crate) async fn get_dated(&self, url: &str) -> Result<(Vec<u8>, Option<i64>), FetchError> {
        let url = self.check_url(url)?;
        let request = self.client.get(url).header("accept", "application/json");
        let response = request.send().await.map_err(|error| unreachable_host(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let date = response.headers().get("date").and_then(|date| date.to_str().ok()).and_then(moment);
        Ok((read_bounded(response).await?, date))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let (parts, body) = request.into_parts();
        let url = self.check_url(&parts.uri.to_string())?;
        let sent = self.client.request(parts.method, url).headers(parts.headers).body(body).send();
        let response = sent.await.map_err(|error| unreachable_host(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let mut answer = HttpResponse::new(read_bounded(response).await?);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// Carries the requests of the OpenID Connect library, whatever the status of the answer.
impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.exchange(request))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7), Unix seconds.
fn moment(date: &str) -> Option<i64> {
    OffsetDateTime::parse(date, &Rfc2822).ok().map(OffsetDateTime::unix_timestamp)
}

/// Whether the host of the address is this machine.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

async fn read_bounded(mut response: reqwest::Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable_host(&error))? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_LEN {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn certificates(pem: &[u8]) -> Result<Vec<reqwest::Certificate>, HttpClientError> {
    let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(|_| HttpClientError::Roots)?;
    if certificates.is_empty() { Err(HttpClientError::Roots) } else { Ok(certificates) }
}

fn unreachable_host(error: &reqwest::Error) -> FetchError {
    FetchError::Unreachable(chain(error))
}

/// An error with its causes: the outermost alone says little about a failed handshake.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    use super::*;
    use crate::test_support::{authority, http_client};

    #[test]
    fn an_answer_tells_when_it_was_given() {
        assert_eq!(moment("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn only_https_and_permitted_loopback_may_be_asked() {
        let strict = HttpClient::new(TrustedRoots::Only(authority()), false).unwrap();
        let lenient = http_client();
        for (url, in_production, in_development) in [
            ("https://id.example/x", true, true),
            ("http://id.example/x", false, false),
            ("http://127.0.0.1:1/x", false, true),
            ("http://[::1]:1/x", false, true),
            ("http://localhost/x", false, true),
            ("http://localhost.example/x", false, false),
            ("https://user@id.example/x", false, false),
            ("https://:pw@id.example/x", false, false),
            ("file:///etc/passwd", false, false),
            ("id.example", false, false),
        ] {
            assert_eq!(strict.check_url(url).is_ok(), in_production, "{url}");
            assert_eq!(lenient.check_url(url).is_ok(), in_development, "{url}");
        }
    }

    #[test]
    fn roots_must_be_certificates() {
        for pem in ["", "no certificate"] {
            assert!(matches!(HttpClient::new(TrustedRoots::Only(pem.into()), false), Err(HttpClientError::Roots)));
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed_and_long_answers_are_cut() {
        let server = MockServer::start().await;
        let redirect = ResponseTemplate::new(302).insert_header("location", "/elsewhere");
        Mock::given(wiremock::matchers::path("/moved")).respond_with(redirect).mount(&server).await;
        let long = ResponseTemplate::new(200).set_body_bytes(vec![b' '; MAX_ANSWER_LEN + 1]);
        Mock::given(wiremock::matchers::path("/long")).respond_with(long).mount(&server).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("{}")).mount(&server).await;
        let client = http_client();
        let get = async |path: &str| client.get(&format!("{}{path}", server.uri())).await;
        assert!(matches!(get("/moved").await, Err(FetchError::Status(302))));
        assert!(matches!(get("/long").await, Err(FetchError::TooLarge)));
        assert_eq!(get("/fine").await.unwrap(), b"{}");
    }
}
