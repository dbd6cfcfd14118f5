//! The command line's way to a server: a token, and requests with it. The token is one for the workload in the
//! environment, or the one that `strongroom login` kept. Finds the token endpoint by the server's own challenge,
//! as the SDKs do.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use strongroom_crypto::SecretText;
use strongroom_domain::time::Clock as _;
use url::Url;
use zeroize::Zeroizing;

use crate::{cli::Connection, clock::SystemClock, kept_login::KeptLogin, plain::plain};

/// A server, as somebody.
pub(crate) struct Client {
    http: reqwest::Client,
    /// The server's own address, of which the vaults' are below.
    base: String,
    token: SecretText,
}

impl Client {
    /// Gets a token for the server that `url` belongs to.
    pub(crate) async fn connect(connection: &Connection, url: &Url) -> anyhow::Result<Self> {
        let http = http_client(connection.ca.as_deref(), url)?;
        let (authorization, resource) = challenge(&http, url, connection.ca.as_deref()).await?;
        // What the environment says by itself counts before what was kept.
        let token = match Credential::of_environment(connection.client_id.as_deref())? {
            Some((client_id, credential)) => {
                exchange(&http, url, (&authorization, &resource), client_id, &credential).await?.0
            }
            None => kept(&authorization)?,
        };
        Ok(Self { http, base: resource, token })
    }

    /// Sends a request; gives the JSON answer, or the server's own words for what is wrong.
    pub(crate) async fn send(&self, method: Method, url: Url, body: Option<Vec<u8>>) -> anyhow::Result<Value> {
        self.send_if(method, url, body, None).await
    }

    /// The same, only if what is changed is at this revision.
    pub(crate) async fn send_if(
        &self,
        method: Method,
        url: Url,
        body: Option<Vec<u8>>,
        revision: Option<&str>,
    ) -> anyhow::Result<Value> {
        if trouble::names_no_vault(&url, &self.base) {
            bail!("{} names no vault: a vault's address is {}", self.base, self.base.replacen("://", "://NAME.", 1));
        }
        let asked = body.as_deref().map_or_else(|| url.clone(), |body| trouble::with_scope(&url, body));
        let mut request = self.http.request(method, url).bearer_auth(self.token.expose());
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        if let Some(revision) = revision {
            request = request.header("if-match", format!("\"{revision}\""));
        }
        answered(request, &asked).await
    }
}

/// Longest answer that is read, in bytes: a backup of a name with all its versions is the longest there is.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Names below `localhost` are this machine (RFC 6761), whatever the system's resolver says.
fn http_client(ca: Option<&Path>, url: &Url) -> anyhow::Result<reqwest::Client> {
    // No redirects and no plain HTTP: a vault that answers with another address gets nothing sent there.
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .https_only(true)
        .timeout(std::time::Duration::from_secs(30));
    if let Some(path) = ca {
        let pem = std::fs::read(path).with_context(|| format!("the CA file {} cannot be read", path.display()))?;
        let authorities =
            reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|some| !some.is_empty()).with_context(|| {
                format!("the CA file {} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)", path.display())
            })?;
        builder = builder.tls_certs_only(authorities);
    }
    let host = url.host_str().context("the address has no host")?;
    if host.ends_with(".localhost") {
        let loopback = [SocketAddr::from(([127, 0, 0, 1], url.port_or_known_default().unwrap_or(443)))];
        let mut name = host;
        builder = builder.resolve_to_addrs(name, &loopback);
        while let Some((_, parent)) = name.split_once('.') {
            builder = builder.resolve_to_addrs(parent, &loopback);
            name = parent;
        }
    }
    Ok(builder.build()?)
}

/// Asks without a token; gives authority and resource of the challenge.
async fn challenge(http: &reqwest::Client, url: &Url, ca: Option<&Path>) -> anyhow::Result<(String, String)> {
    let mut probe = url.clone();
    // Any protected route answers with the same challenge.
    probe.set_path("/api/v1/vaults");
    probe.set_query(None);
    let response = http.get(probe).send().await.map_err(|error| trouble::no_answer(error, url, ca))?;
    let header = response
        .headers()
        .get("www-authenticate")
        .and_then(|value| value.to_str().ok())
        .with_context(|| trouble::no_challenge(&response, url))?;
    let part = |name: &str| {
        let (_, rest) = header.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let authorization = part("authorization").context("the challenge names no authority")?;
    let resource = part("resource").context("the challenge names no resource")?;
    // The secret goes nowhere but to the server's own site.
    let authority = Url::parse(&authorization)?;
    let (ours, theirs) = (url.host_str().unwrap_or_default(), authority.host_str().unwrap_or_default());
    let same_port = authority.port_or_known_default() == url.port_or_known_default();
    if authority.scheme() != "https" || !same_port || !(ours == theirs || ours.ends_with(&format!(".{theirs}"))) {
        bail!("the server's challenge points to another site, {}", origin(&authority));
    }
    for name in ["STRONGROOM_URL", "AZURE_AUTHORITY_HOST"] {
        if let Ok(configured) = std::env::var(name)
            && Url::parse(&configured)
                .with_context(|| format!("{name} is not an address: it is {configured}, and would be https://HOST"))?
                .origin()
                != authority.origin()
        {
            bail!(
                "{} belongs to {}, and {name} says {configured}: the credential is not sent",
                origin(url),
                origin(&authority)
            );
        }
    }
    Ok((authorization, resource))
}

/// The token that was kept for this server, if it still counts.
fn kept(authorization: &str) -> anyhow::Result<SecretText> {
    let authority = Url::parse(authorization)?;
    let login = format!("strongroom login --server {}", origin(&authority));
    match KeptLogin::find(&authority)? {
        Some(kept) if kept.expires_at > SystemClock::new().now_millis() => Ok(kept.token),
        Some(kept) => bail!("the login of {} has ended: {login}", plain(&kept.name)),
        None => bail!(
            "no login: {login}, or set AZURE_CLIENT_ID and AZURE_CLIENT_SECRET (in development: source \
             the dev.env of the data directory)"
        ),
    }
}

/// Exchanges a workload's credential for a token; gives the seconds that it counts too.
async fn exchange(
    http: &reqwest::Client,
    url: &Url,
    (authorization, resource): (&str, &str),
    client_id: &str,
    credential: &Credential,
) -> anyhow::Result<(SecretText, i64)> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("client_id", client_id);
    match credential {
        Credential::Secret(secret) => form.append_pair("client_secret", secret.expose()),
        Credential::Assertion { token, .. } => form
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", token.expose()),
    };
    let form = form.append_pair("scope", &format!("{resource}/.default")).finish();
    let response = http
        .post(format!("{authorization}/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .map_err(|error| trouble::no_answer(error, url, None))?;
    let status = response.status();
    let answer = json_of(response).await.context("the token endpoint's answer is not JSON")?;
    if !status.is_success() {
        let why = ["/error_description", "/error/message"].iter().find_map(|at| answer.pointer(at)?.as_str());
        let why = why.map_or_else(|| format!("the server answers {status}"), plain);
        let code = answer.get("error").and_then(Value::as_str).unwrap_or_default();
        return Err(trouble::no_token(status, code, &format!("no token for {client_id}: {why}"), credential));
    }
    let token = answer.get("access_token").and_then(Value::as_str).context("the answer has no access_token")?;
    let seconds = answer.get("expires_in").and_then(Value::as_i64).unwrap_or_default();
    Ok((SecretText::new(token.to_owned()), seconds))
}

/// A server that nobody has a token for yet.
pub(crate) struct Door {
    http: reqwest::Client,
    /// The tenant's address.
    authorization: String,
    /// The server's own address.
    pub(crate) base: Url,
}

impl Door {
    /// Finds the server that `url` belongs to.
    pub(crate) async fn find(connection: &Connection, url: &Url) -> anyhow::Result<Self> {
        let http = http_client(connection.ca.as_deref(), url)?;
        let (authorization, resource) = challenge(&http, url, connection.ca.as_deref()).await?;
        let base = address::parse(&resource, "the resource of the server's challenge is")?;
        // What is kept is kept under the authority's name, which was checked.
        if base.origin() != Url::parse(&authorization)?.origin() {
            bail!("the server's challenge names two addresses: {} and {authorization}", origin(&base));
        }
        Ok(Self { http, authorization, base })
    }

    /// A token for a workload's credential, and the seconds that it counts.
    pub(crate) async fn exchange(&self, client_id: &str, credential: &Credential) -> anyhow::Result<(SecretText, i64)> {
        let resource = origin(&self.base);
        exchange(&self.http, &self.base, (&self.authorization, &resource), client_id, credential).await
    }

    /// The same server, with a token.
    pub(crate) fn with(self, token: SecretText) -> Client {
        Client { http: self.http, base: origin(&self.base), token }
    }

    /// Sends a request that needs no token.
    pub(crate) async fn post(&self, path: &[&str], body: Vec<u8>) -> anyhow::Result<Value> {
        let url = at(&self.base, path, &[])?;
        let request = self.http.post(url.clone()).header("content-type", "application/json").body(body);
        answered(request, &url).await
    }
}

/// The JSON of an answer, which is not read without end.
async fn json_of(mut response: reqwest::Response) -> anyhow::Result<Value> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(part) = response.chunk().await? {
        if body.len().saturating_add(part.len()) > MAX_ANSWER {
            bail!("it is longer than {MAX_ANSWER} bytes");
        }
        body.extend_from_slice(&part);
    }
    Ok(serde_json::from_slice(&body)?)
}

/// The JSON answer, or the server's own words for what is wrong.
async fn answered(request: reqwest::RequestBuilder, url: &Url) -> anyhow::Result<Value> {
    let response = request.send().await.map_err(|error| trouble::no_answer(error, url, None))?;
    let status = response.status();
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    let answer = json_of(response).await.with_context(|| format!("the answer ({status}) is not JSON"))?;
    if status.is_success() { Ok(answer) } else { Err(Refused::of(status, &answer, url).into()) }
}

/// The base address for management commands.
pub(crate) fn base(connection: &Connection) -> anyhow::Result<Url> {
    let text = connection.server.as_deref().context("no server: give --server or set STRONGROOM_URL")?;
    address::parse(text, "--server and STRONGROOM_URL are")
}

/// An address below another.
pub(crate) fn at(base: &Url, segments: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Url> {
    // These two would be left out of the path, and the request be about something else.
    if let Some(dots) = segments.iter().find(|segment| [".", ".."].contains(segment)) {
        bail!("{dots} is not a name");
    }
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| anyhow::anyhow!("{base} is not an address"))?.clear().extend(segments);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

mod address;
mod credential;
#[cfg(test)]
mod tests;
mod trouble;
mod vault;

pub(crate) use credential::Credential;
pub(crate) use trouble::{NoToken, Refused, aimed_at, is_forbidden, of_certificate, with_way_out};
pub(crate) use vault::VaultClient;
