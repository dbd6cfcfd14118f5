//! A vault's data plane, as the workload of the environment.

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use strongroom_http::api::wire::API_VERSION;
use url::Url;
use zeroize::Zeroizing;

use super::{Client, Refused, address, at};
use crate::{cli::Connection, plain::plain};

/// A vault that requests go to.
pub(crate) struct VaultClient {
    address: Url,
    client: Client,
}

impl VaultClient {
    /// Gets a token for the vault at an address.
    pub(crate) async fn connect(address: &str, connection: &Connection) -> anyhow::Result<Self> {
        if address.is_empty() {
            bail!(
                "no vault: give --vault-url or set VAULT_URL (in development: source the dev.env of the data directory)"
            );
        }
        let address = address::parse(address, "--vault-url and VAULT_URL are")?;
        let client = Client::connect(connection, &address).await?;
        Ok(Self { address, client })
    }

    /// Sends a request about what the path names.
    pub(crate) async fn send(&self, method: Method, path: &[&str], body: Option<Vec<u8>>) -> anyhow::Result<Value> {
        let answer = self.client.send(method, self.at(path)?, body).await;
        let refused = |error: &anyhow::Error| {
            error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == StatusCode::BAD_REQUEST)
        };
        match (answer, path.get(1).and_then(|name| possible(name))) {
            (Err(error), Some(other)) if refused(&error) => {
                Err(error.context(format!("names hold letters, digits and - alone; is it {}?", plain(&other))))
            }
            (answer, _) => answer,
        }
    }

    /// Everything that a listing names, page by page.
    pub(crate) async fn all(&self, path: &[&str]) -> anyhow::Result<Vec<Value>> {
        self.all_asked(path, &[]).await
    }

    /// The same of a listing that is asked for more than usual.
    pub(crate) async fn all_asked(&self, path: &[&str], asked: &[(&str, &str)]) -> anyhow::Result<Vec<Value>> {
        let mut first = self.at(path)?;
        first.query_pairs_mut().extend_pairs(asked);
        let mut next = Some(first);
        let mut items = Vec::new();
        while let Some(url) = next.take() {
            let page = self.client.send(Method::GET, url.clone(), None).await?;
            items.extend(page.get("value").and_then(Value::as_array).cloned().unwrap_or_default());
            if let Some(link) = page.get("nextLink").and_then(Value::as_str) {
                let link = Url::parse(link)?;
                if link.origin() != self.address.origin() {
                    bail!("the server's next page is on another site");
                }
                if link == url {
                    bail!("the server's next page is the same page again");
                }
                next = Some(link);
            }
        }
        Ok(items)
    }

    /// A secret's value: of the current version, or of the one named.
    pub(crate) async fn value(&self, name: &str, version: Option<&str>) -> anyhow::Result<Zeroizing<String>> {
        let mut path = vec!["secrets", name];
        path.extend(version);
        let mut answer = self.send(Method::GET, &path, None).await?;
        match answer.get_mut("value").map(Value::take) {
            Some(Value::String(value)) => Ok(Zeroizing::new(value)),
            _ => None.context("the answer has no value"),
        }
    }

    fn at(&self, path: &[&str]) -> anyhow::Result<Url> {
        at(&self.address, path, &[("api-version", API_VERSION)])
    }
}

/// The name that is in an address, or that `secret import` would give, for one that no vault can have.
fn possible(name: &str) -> Option<String> {
    if name.contains('/') {
        let mut parts = name.split('/').skip_while(|part| !["secrets", "keys", "certificates"].contains(part));
        return parts.nth(1).filter(|name| !name.is_empty()).map(str::to_owned);
    }
    name.contains(['_', '.']).then(|| name.replace(['_', '.'], "-"))
}

#[cfg(test)]
mod tests {
    use super::possible;

    #[test]
    fn a_name_of_an_environment_variable_is_answered_with_that_of_the_secret() {
        assert_eq!(possible("DATABASE_URL.old").as_deref(), Some("DATABASE-URL-old"));
        assert_eq!(possible("DATABASE-URL"), None);
    }
}
