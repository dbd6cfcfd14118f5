//! A server elsewhere that this one tells something: over TLS, or on this machine, without credentials in its address and
//! following it nowhere else. Each exchange has an end, and what it answers is read up to a bound.

use std::{fmt, time::Duration};

use anyhow::Context as _;
use reqwest::{RequestBuilder, Response};
use serde::Serialize;
use strongroom_crypto::SecretText;
use url::{Host, Url};

/// Longest exchange, from connecting to the last byte.
const EXCHANGE: Duration = Duration::from_secs(5);

/// How it is reached.
pub(crate) struct Peer {
    /// What it is, in sentences.
    what: &'static str,
    address: Url,
    http: reqwest::Client,
    token: Option<SecretText>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.address)
    }
}

impl Peer {
    /// # Errors
    /// When the address is not one that may be told, or the roots are none.
    pub(crate) fn new(
        what: &'static str,
        address: &str,
        ca: Option<&[u8]>,
        token: Option<SecretText>,
    ) -> anyhow::Result<Self> {
        let address = Url::parse(address).with_context(|| format!("{what} {address} is not an address"))?;
        let here = match address.host() {
            Some(Host::Ipv4(host)) => host.is_loopback(),
            Some(Host::Ipv6(host)) => host.is_loopback(),
            Some(Host::Domain(_)) | None => false,
        };
        anyhow::ensure!(
            address.username().is_empty() && address.password().is_none(),
            "credentials of {what} go into token_file"
        );
        anyhow::ensure!(
            address.scheme() == "https" || (address.scheme() == "http" && here),
            "{what} {address} is told over https, or over http on 127.0.0.1 or [::1]"
        );
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(EXCHANGE)
            .user_agent("strongroom");
        if let Some(pem) = ca {
            builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
        }
        Ok(Self { what, address, http: builder.build()?, token })
    }

    /// A question, with more in its query.
    pub(crate) fn get(&self, name: &str, value: &str) -> RequestBuilder {
        let mut address = self.address.clone();
        address.query_pairs_mut().append_pair(name, value);
        self.http.get(address)
    }

    /// Something to tell.
    pub(crate) fn post(&self, told: &impl Serialize) -> RequestBuilder {
        self.http.post(self.address.clone()).json(told)
    }

    /// What it answers.
    pub(crate) async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        request.send().await.with_context(|| format!("no answer from {self}"))
    }
}

/// The first `most` bytes of an answer.
pub(crate) async fn bounded(mut response: Response, most: usize) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.context("the answer broke off")? {
        let room = most.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if body.len() >= most {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_over_tls_or_on_this_machine() {
        for (address, fine) in [
            ("https://witness.example/log", true),
            ("http://127.0.0.1:9/", true),
            ("http://[::1]:9/", true),
            ("http://localhost:9/", false),
            ("http://witness.example/", false),
            ("https://user:word@witness.example/", false),
            ("ftp://127.0.0.1/", false),
            ("witness", false),
        ] {
            assert_eq!(Peer::new("the witness", address, None, None).is_ok(), fine, "{address}");
        }
    }
}
