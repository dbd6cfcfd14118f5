//! The way to an authority: HTTPS to its directory's server and to those that its directory names.
//!
//! The address of a directory may come from whoever may set up issuers, and everything after it from the authority. So
//! names are resolved here and addresses looked at before anything is connected to, and an answer has an end.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::Deserialize;
use url::{Host, Origin, Url};

/// Time for one exchange, from connecting to the last byte.
const EXCHANGE: Duration = Duration::from_secs(10);
/// Most bytes read of any answer: a chain of certificates is the longest.
const MAX_ANSWER: usize = 256 * 1024;
/// Most exchanges of one step. One with a hundred names takes two hundred, and each may be asked again for its nonce.
const MAX_EXCHANGES: u32 = 700;
/// Most servers that a directory may name.
const MAX_ORIGINS: usize = 8;
/// Longest address.
const MAX_URL: usize = 2048;

/// Which certificate authorities the servers of ACME authorities may be certified by.
#[derive(Clone)]
pub(crate) enum TrustedRoots {
    /// Those of the operating system.
    System,
    /// Only these (PEM).
    Only(Vec<u8>),
}

/// Why something was not asked, or gave no answer. Names servers and statuses, never contents.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum EgressError {
    /// The PEM text holds no certificate, or the TLS library refuses.
    #[error("the client for certificate authorities cannot be built: {0}")]
    Client(String),
    /// Not an address that may be asked.
    #[error("{0} is no https address of a server that the directory is at or names")]
    Forbidden(String),
    /// The name leads to an address that is not public.
    #[error("{0} is at a private address, which the server's configuration does not allow")]
    Private(String),
    /// No connection, no TLS, no answer in time, or an answer cut short.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The answer is longer than 256 KiB.
    #[error("the answer is too long")]
    TooLarge,
    /// More exchanges than one step takes.
    #[error("the authority has this server ask without end")]
    TooMany,
}

/// The client for authorities. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Egress {
    client: reqwest::Client,
    private: bool,
    /// Plain HTTP to this machine, for the tests of this crate.
    plain: bool,
}

impl Egress {
    /// `private` allows addresses that are not public: authorities in the house.
    ///
    /// # Errors
    /// [`EgressError::Client`].
    pub(crate) fn new(roots: TrustedRoots, private: bool) -> Result<Self, EgressError> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(EXCHANGE)
            .connect_timeout(EXCHANGE)
            .https_only(true);
        if !private {
            builder = builder.dns_resolver(PublicOnly);
        }
        if let TrustedRoots::Only(pem) = roots {
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
            if certificates.is_empty() {
                return Err(EgressError::Client("the certificates to trust are not PEM certificates".to_owned()));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let client = builder.build().map_err(|error| EgressError::Client(chain(&error)))?;
        Ok(Self { client, private, plain: false })
    }

    /// One that speaks plain HTTP to this machine.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(EXCHANGE).build().unwrap();
        Self { client, private: true, plain: true }
    }

    /// A conversation with the authority whose directory is at this address.
    pub(crate) fn with(&self, directory: &Url) -> Conversation {
        let known = Known { origins: vec![directory.origin()], ..Known::default() };
        Conversation { egress: self.clone(), directory: directory.clone(), known: Arc::new(Mutex::new(known)) }
    }
}

/// What was learned in a conversation.
#[derive(Default)]
struct Known {
    /// Servers that may be asked.
    origins: Vec<Origin>,
    /// Whether the directory offers renewal information.
    renewal_info: bool,
    /// `Retry-After` of the last answer that was of no success, or else of the last one.
    retry_after: Option<String>,
    /// Status of the last answer.
    status: Option<StatusCode>,
    exchanges: u32,
}

/// The members of a directory that name servers.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Named {
    new_nonce: Option<String>,
    new_account: Option<String>,
    new_order: Option<String>,
    revoke_cert: Option<String>,
    renewal_info: Option<String>,
}

/// A conversation with one authority: one step of an order.
#[derive(Clone)]
pub(crate) struct Conversation {
    egress: Egress,
    directory: Url,
    known: Arc<Mutex<Known>>,
}

impl Conversation {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the directory, once it was fetched, offers renewal information.
    pub(crate) fn offers_renewal_info(&self) -> bool {
        self.known().renewal_info
    }

    /// What the last answer said of when to come back.
    pub(crate) fn retry_after(&self) -> Option<String> {
        self.known().retry_after.clone()
    }

    /// Status of the last answer.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.known().status
    }

    /// Whether an address may be asked: of a server that is known, and, as far as the address alone tells, a public one.
    fn permitted(&self, text: &str) -> Result<Url, EgressError> {
        let refused = || EgressError::Forbidden(shown(text));
        if text.len() > MAX_URL {
            return Err(refused());
        }
        let url = Url::parse(text).map_err(|_| refused())?;
        self.check(&url)?;
        if self.known().origins.contains(&url.origin()) { Ok(url) } else { Err(refused()) }
    }

    fn check(&self, url: &Url) -> Result<(), EgressError> {
        let speaks_tls = url.scheme() == "https" || (self.egress.plain && url.scheme() == "http");
        if !speaks_tls || !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Forbidden(shown(url.as_str())));
        }
        // A name is looked at once it is resolved.
        let public = match url.host() {
            Some(Host::Ipv4(address)) => is_public(address.into()),
            Some(Host::Ipv6(address)) => is_public(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        };
        if public || self.egress.private { Ok(()) } else { Err(EgressError::Private(shown(url.as_str()))) }
    }

    async fn exchange(&self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, EgressError> {
        let (mut parts, body) = request.into_parts();
        let url = self.permitted(&parts.uri.to_string())?;
        {
            let mut known = self.known();
            known.exchanges += 1;
            if known.exchanges > MAX_EXCHANGES {
                return Err(EgressError::TooMany);
            }
        }
        parts.headers.insert(header::USER_AGENT, HeaderValue::from_static("strongroom"));
        let is_directory = parts.method == Method::GET && url == self.directory;
        let sent = self.egress.client.request(parts.method, url).headers(parts.headers);
        let response = sent.body(reqwest::Body::wrap(body)).send().await.map_err(|error| no_answer(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_bounded(response).await?;
        if is_directory && status == StatusCode::OK {
            self.learn(&body)?;
        }
        {
            let mut known = self.known();
            known.status = Some(status);
            let said = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
            known.retry_after = said.map(|text| text.trim().chars().take(64).collect());
        }
        let mut answer = http::Response::new(());
        (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
        Ok(BytesResponse { parts: answer.into_parts().0, body: Box::new(Bytes::from(body)) })
    }

    /// Takes in which servers a directory names. What of it is no directory is for whoever reads the rest of it to tell.
    fn learn(&self, directory: &[u8]) -> Result<(), EgressError> {
        let Ok(named) = serde_json::from_slice::<Named>(directory) else { return Ok(()) };
        let offers = named.renewal_info.is_some();
        let all = [named.new_nonce, named.new_account, named.new_order, named.revoke_cert, named.renewal_info];
        for text in all.into_iter().flatten() {
            let url = Url::parse(&text).map_err(|_| EgressError::Forbidden(shown(&text)))?;
            self.check(&url)?;
            let mut known = self.known();
            if !known.origins.contains(&url.origin()) {
                if known.origins.len() >= MAX_ORIGINS {
                    return Err(EgressError::Forbidden(shown(&text)));
                }
                known.origins.push(url.origin());
            }
        }
        self.known().renewal_info = offers;
        Ok(())
    }
}

impl HttpClient for Conversation {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let conversation = self.clone();
        Box::pin(async move { conversation.exchange(request).await.map_err(|error| Error::Other(Box::new(error))) })
    }
}

async fn read_bounded(mut response: reqwest::Response) -> Result<Vec<u8>, EgressError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Err(EgressError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Scheme, host and port of an address, for people; what does not even begin like one, not at all.
fn shown(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.has_host() => url.origin().ascii_serialization().chars().take(200).collect(),
        _ => "an address of the authority".to_owned(),
    }
}

fn no_answer(error: &reqwest::Error) -> EgressError {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(next) = cause {
        if let Some(private) = next.downcast_ref::<EgressError>() {
            return private.clone();
        }
        cause = next.source();
    }
    EgressError::Unreachable(chain(error))
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

/// Resolves names to public addresses alone: what is connected to is what was looked at.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<SocketAddr> = found.iter().copied().filter(|address| is_public(address.ip())).collect();
            if public.is_empty() && !found.is_empty() {
                return Err(EgressError::Private(name).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the public Internet (the registries of RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        || a >= 224
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || (a == 198 && (18..20).contains(&b));
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let segments = address.segments();
    match segments {
        // Ways of writing IPv4 addresses, which lead there (NAT64, 6to4).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // Special purposes, Teredo among them; documentation.
        [0x2001, second, ..] if second < 0x200 || second == 0xdb8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_the_public_internet_is_known() {
        for public in
            ["1.1.1.1", "172.32.0.1", "100.128.0.1", "198.20.0.1", "2606:4700::1111", "2a00::1", "64:ff9b::101:101"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "203.0.113.5",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn only_the_directory_and_what_it_names_is_asked_and_privately_only_where_that_is_allowed() {
        let directory = Url::parse("https://ca.example/dir").unwrap();
        let strict = Egress::new(TrustedRoots::System, false).unwrap().with(&directory);
        let in_house = Egress::new(TrustedRoots::System, true).unwrap().with(&directory);
        for conversation in [&strict, &in_house] {
            assert!(conversation.permitted("https://ca.example/order/1").is_ok());
            for foreign in [
                "https://api.ca.example/order",
                "https://ca.example:444/",
                "http://ca.example/dir",
                "https://u@ca.example/",
                "file:///etc/passwd",
                "order/1",
            ] {
                assert!(conversation.permitted(foreign).is_err(), "{foreign}");
            }
            conversation
                .learn(br#"{"newOrder":"https://api.ca.example/order","newNonce":"https://ca.example/n"}"#)
                .unwrap();
            assert!(conversation.permitted("https://api.ca.example/order/1").is_ok());
            assert!(!conversation.offers_renewal_info());
        }
        let inward = br#"{"newOrder":"https://169.254.169.254/latest"}"#;
        assert!(matches!(strict.learn(inward), Err(EgressError::Private(_))));
        in_house.learn(inward).unwrap();
        assert!(strict.learn(br#"{"newOrder":"http://ca.example/order"}"#).is_err(), "without TLS");
        let many: Vec<String> = (0..9).map(|n| format!("https://{n}.ca.example/")).collect();
        let told = many.iter().map(|url| strict.learn(format!(r#"{{"newOrder":"{url}"}}"#).as_bytes()));
        assert!(told.collect::<Result<Vec<_>, _>>().is_err(), "a directory names a few servers");
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/dir", listener.local_addr().unwrap().port());
        let conversation = Egress::new(TrustedRoots::System, false).unwrap().with(&Url::parse(&url).unwrap());
        let request = Request::builder().uri(&url).body(BodyWrapper::default()).unwrap();
        let refused = conversation.exchange(request).await.map(drop).unwrap_err();
        assert!(matches!(refused, EgressError::Private(_)), "{refused}");
    }
}
