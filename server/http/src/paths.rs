//! Addresses: what hosts and paths mean, and how links are built. The only place for either.
//!
//! A host is parsed once: the base (dashboard, token endpoint, management), a vault below it, or
//! foreign. A path is decoded once, segment by segment; there is no second decoding anywhere.

use strongroom_domain::names::{ObjectName, ObjectVersion, VaultName};
use url::Url;
use zeroize::Zeroizing;

/// Longest path and query in bytes.
pub const MAX_TARGET: usize = 8 * 1024;
/// Most path segments and most query pairs.
const MAX_PARTS: usize = 32;
/// Most fields of a form.
const MAX_FIELDS: usize = 128;

/// What a host stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The base itself.
    Base,
    /// A label below the base: a vault, if it is a vault's name at all.
    Vault(Option<VaultName>),
    /// Not ours.
    Foreign,
}

/// The addresses of an installation.
#[derive(Clone, Debug)]
pub struct Addresses {
    base: String,
    authority: String,
    host: String,
    port: u16,
    tenant: String,
}

/// The base URL is not usable.
#[derive(Debug, thiserror::Error)]
#[error("the base URL must be https://HOST[:PORT] without path: {0}")]
pub struct BaseError(String);

impl Addresses {
    /// Addresses below a base URL such as `https://vault.example.com`.
    ///
    /// # Errors
    /// [`BaseError`].
    pub fn new(base: &str, tenant: &str) -> Result<Self, BaseError> {
        let wrong = || BaseError(base.to_owned());
        let url = Url::parse(base).map_err(|_| wrong())?;
        let plain = url.scheme() == "https"
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let Some(url::Host::Domain(host)) = url.host().filter(|_| plain) else { return Err(wrong()) };
        let port = url.port_or_known_default().unwrap_or(443);
        let authority = if port == 443 { host.to_owned() } else { format!("{host}:{port}") };
        Ok(Self {
            base: format!("https://{authority}"),
            host: host.to_ascii_lowercase(),
            authority,
            port,
            tenant: tenant.to_owned(),
        })
    }

    /// `https://BASE`, without a slash at the end: also the audience of API tokens.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The base's name, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The tenant in token URLs: the installation's id.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The authority that the challenge names.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("{}/{}", self.base, self.tenant)
    }

    /// `https://VAULT.BASE`.
    #[must_use]
    pub fn vault(&self, vault: &VaultName) -> String {
        format!("https://{vault}.{}", self.authority)
    }

    /// Identifier of an object of a collection (`secrets`, `keys`), or of one of its versions.
    #[must_use]
    pub fn object(
        &self,
        collection: &str,
        vault: &VaultName,
        name: &ObjectName,
        version: Option<&ObjectVersion>,
    ) -> String {
        match version {
            Some(version) => format!("{}/{collection}/{name}/{version}", self.vault(vault)),
            None => format!("{}/{collection}/{name}", self.vault(vault)),
        }
    }

    /// Identifier of a secret or of one of its versions.
    #[must_use]
    pub fn secret(&self, vault: &VaultName, name: &ObjectName, version: Option<&ObjectVersion>) -> String {
        self.object("secrets", vault, name, version)
    }

    /// Recovery identifier of a soft-deleted object of a collection.
    #[must_use]
    pub fn deleted_object(&self, collection: &str, vault: &VaultName, name: &ObjectName) -> String {
        format!("{}/deleted{collection}/{name}", self.vault(vault))
    }

    /// What a `Host` header (or the authority of an absolute target) stands for.
    #[must_use]
    pub fn classify(&self, authority: &str) -> Host {
        let (host, port) = match authority.rsplit_once(':') {
            // Digits alone (RFC 3986), without a leading zero: one port has one spelling.
            Some((_, port)) if !port.bytes().all(|b| b.is_ascii_digit()) || port.starts_with('0') => {
                return Host::Foreign;
            }
            Some((host, port)) => match port.parse::<u16>() {
                Ok(port) => (host, port),
                Err(_) => return Host::Foreign,
            },
            None => (authority, 443),
        };
        if port != self.port {
            return Host::Foreign;
        }
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if host == self.host {
            return Host::Base;
        }
        match host.strip_suffix(&self.host).and_then(|rest| rest.strip_suffix('.')) {
            Some(label) if !label.is_empty() && !label.contains('.') => Host::Vault(VaultName::parse(label).ok()),
            _ => Host::Foreign,
        }
    }
}

/// A request target that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Longer than [`MAX_TARGET`], or too many parts.
    #[error("the request target is too long")]
    TooLong,
    /// Not percent-encoded UTF-8.
    #[error("the request target is not percent-encoded UTF-8")]
    Encoding,
}

/// Path segments, decoded once. One empty segment at the end (a trailing slash) is dropped; others
/// stay and mean "not given".
///
/// # Errors
/// [`TargetError`].
pub fn segments(path: &str) -> Result<Vec<String>, TargetError> {
    if path.len() > MAX_TARGET {
        return Err(TargetError::TooLong);
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut segments = path.split('/').map(|s| decode(s, false)).collect::<Result<Vec<_>, _>>()?;
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    if segments.len() > MAX_PARTS { Err(TargetError::TooLong) } else { Ok(segments) }
}

/// Query pairs, names and values decoded once.
///
/// # Errors
/// [`TargetError`].
pub fn query(query: &str) -> Result<Vec<(String, String)>, TargetError> {
    if query.len() > MAX_TARGET {
        return Err(TargetError::TooLong);
    }
    let pairs: Vec<_> = query.split('&').filter(|p| !p.is_empty()).collect();
    if pairs.len() > MAX_PARTS {
        return Err(TargetError::TooLong);
    }
    pairs
        .into_iter()
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key, true)?, decode(value, true)?))
        })
        .collect()
}

/// The fields of a form (`application/x-www-form-urlencoded`), decoded once. A field may be a secret, so
/// values are wiped when dropped; [`decode`] makes no other copy.
///
/// # Errors
/// [`TargetError`].
pub(crate) fn form(body: &[u8]) -> Result<Vec<(String, Zeroizing<String>)>, TargetError> {
    let text = std::str::from_utf8(body).map_err(|_| TargetError::Encoding)?;
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    if pairs.clone().count() > MAX_FIELDS {
        return Err(TargetError::TooLong);
    }
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(key, true)?, Zeroizing::new(decode(value, true)?)))
    };
    pairs.map(pair).collect()
}

fn decode(text: &str, plus_is_space: bool) -> Result<String, TargetError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).ok_or(TargetError::Encoding);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high * 16 + low).map_err(|_| TargetError::Encoding)?
            }
            b'+' if plus_is_space => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| TargetError::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dev() -> Addresses {
        Addresses::new("https://vault.localhost:8443", "t").unwrap()
    }

    #[test]
    fn hosts_are_base_vault_or_foreign() {
        let vault = |name: &str| Host::Vault(Some(VaultName::parse(name).unwrap()));
        assert_eq!(dev().classify("vault.localhost:8443"), Host::Base);
        assert_eq!(dev().classify("VAULT.localhost:8443"), Host::Base);
        assert_eq!(dev().classify("Demo.vault.localhost:8443"), vault("demo"));
        assert_eq!(dev().classify("x.vault.localhost:8443"), Host::Vault(None), "no vault can have this name");
        for foreign in [
            "vault.localhost",
            "vault.localhost:443",
            "a.b.vault.localhost:8443",
            "evilvault.localhost:8443",
            "",
            ":",
            "vault.localhost:+8443",
            "vault.localhost:08443",
            "vault.localhost: 8443",
            "vault.localhost:8443:8443",
        ] {
            assert_eq!(dev().classify(foreign), Host::Foreign, "{foreign}");
        }
        let standard = Addresses::new("https://vault.example.com", "t").unwrap();
        assert_eq!(standard.classify("kv1.vault.example.com:443"), standard.classify("kv1.vault.example.com"));
    }

    #[test]
    fn a_base_with_a_path_or_over_http_is_refused() {
        for bad in ["http://vault.example.com", "https://vault.example.com/x", "https://u@v.example", "https://1.2.3.4"]
        {
            assert!(Addresses::new(bad, "t").is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(segments("/secrets/a/").unwrap(), ["secrets", "a"]);
        assert_eq!(segments("/secrets//x").unwrap(), ["secrets", "", "x"]);
        assert_eq!(segments("/secrets/a%2fb").unwrap(), ["secrets", "a/b"]);
        assert_eq!(segments("/secrets/a%252fb").unwrap(), ["secrets", "a%2fb"]);
        assert_eq!(segments("/secrets/%ff"), Err(TargetError::Encoding));
        assert_eq!(segments("/secrets/%4"), Err(TargetError::Encoding));
        assert_eq!(
            query("api%2Dversion=7.6&x").unwrap(),
            [("api-version".into(), "7.6".into()), ("x".into(), String::new())]
        );
    }

    proptest! {
        #[test]
        fn no_target_panics_and_no_segment_that_decodes_to_a_separator_is_a_name(path in "/[ -~]{0,80}") {
            if let Ok(parts) = segments(&path) {
                for part in parts {
                    if part.contains(['/', '%', '\\', '.']) {
                        prop_assert!(ObjectName::parse(&part).is_err());
                    }
                }
            }
        }

        #[test]
        fn classification_never_panics(authority in "\\PC{0,80}") {
            let _ = dev().classify(&authority);
        }
    }
}
