//! Requests by hand, with every detail in reach, and answers with what stories look at.

use std::{net::SocketAddr, sync::Arc};

use reqwest::{
    Certificate, Client, ClientBuilder, Method,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use serde_json::Value;

use super::openapi;

/// Resolves every name to this machine: no story leaves it.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let here: Addrs = Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
        Box::pin(async { Ok(here) })
    }
}

fn plain() -> ClientBuilder {
    let patience = std::time::Duration::from_secs(30);
    Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .http1_only()
        .timeout(patience)
        // Less than the server's 75: what it lets go at the very moment of a request has no answer.
        .pool_idle_timeout(patience)
        .dns_resolver(Arc::new(Loopback))
}

/// A client that trusts this CA alone, follows no redirect and keeps no cookie.
pub(crate) fn client(ca_pem: &[u8]) -> Client {
    let authority = Certificate::from_pem_bundle(ca_pem).expect("a CA in PEM");
    plain().tls_certs_only(authority).build().expect("an HTTP client")
}

/// For looking whether a server is up before its CA can be read.
pub(crate) fn trusting_anybody() -> Client {
    plain().tls_danger_accept_invalid_certs(true).build().expect("an HTTP client")
}

/// A request in the making.
pub(crate) struct Ask(reqwest::RequestBuilder);

impl Ask {
    pub(crate) fn new(client: &Client, method: Method, url: &str) -> Self {
        Self(client.request(method, url))
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes("application/json", body.to_string().into_bytes())
    }

    pub(crate) fn form(self, pairs: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.bytes("application/x-www-form-urlencoded", body.into_bytes())
    }

    pub(crate) fn bytes(self, content_type: &str, body: Vec<u8>) -> Self {
        Self(self.0.header("content-type", content_type).body(body))
    }

    /// Sends, or says why no answer came.
    pub(crate) async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let (client, request) = self.0.build_split();
        let request = request?;
        let managing = request.url().path().starts_with("/api/v1/").then(|| {
            let body = request.body().and_then(|body| body.as_bytes()).map(<[u8]>::to_vec);
            (request.method().to_string(), request.url().path().to_owned(), body)
        });
        let response = client.execute(request).await?;
        let status = response.status().as_u16();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = response.bytes().await?.to_vec();
        if let Some((method, path, asked)) = managing {
            openapi::hold(&method, &path, asked.as_deref(), status, &body);
        }
        Ok(Answer { status, headers, body })
    }

    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The only header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = found.next();
        assert_eq!(found.next(), None, "{name} is given once");
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The id of the request, which is the id of its record.
    pub(crate) fn request_id(&self) -> &str {
        self.header("x-ms-request-id").expect("every answer names its request")
    }

    /// Status, error code and inner error code in one line, for tables.
    pub(crate) fn problem(&self) -> String {
        let body = self.json();
        let part = |pointer| body.pointer(pointer).and_then(Value::as_str);
        let code = part("/error/code").unwrap_or_else(|| panic!("no error code: {}", self.text()));
        assert!(part("/error/message").is_some_and(|m| !m.is_empty()), "an error says what is wrong");
        match part("/error/innererror/code") {
            Some(inner) => format!("{} {code}/{inner}", self.status),
            None => format!("{} {code}", self.status),
        }
    }

    /// Gives the answer back if it has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}
