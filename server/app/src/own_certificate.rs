//! The certificate that the server shows, kept in a vault of its own: read through the gate and on record like every
//! value. What cannot be read, or is not fit to be shown, changes nothing: the last good one stays, and this says so.

use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use async_trait::async_trait;
use rustls::sign::CertifiedKey;
use strongroom_crypto::{
    SecretText,
    x509::{CertificateFacts, Imported, pem},
};
use strongroom_domain::names::{ObjectName, VaultName};
use strongroom_http::services::Services;
use zeroize::Zeroizing;

use crate::certificates::{certified, covered};

/// How far apart looks are, and how soon one is tried again that failed, in milliseconds. Each is a record.
const LOOK_EVERY: i64 = 600_000;
const AGAIN_AFTER: i64 = 60_000;

/// Which certificate it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    vault: VaultName,
    name: ObjectName,
}

impl Place {
    /// `VAULT/NAME`, as the configuration says it.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let wrong = || format!("from_vault of [tls] is VAULT/NAME of a certificate, not {text:?}");
        let (vault, name) = text.split_once('/').with_context(wrong)?;
        Ok(Self {
            vault: VaultName::parse(vault).with_context(wrong)?,
            name: ObjectName::parse(name).with_context(wrong)?,
        })
    }
}

/// What a look at a vault needs of the server.
#[async_trait]
pub(crate) trait Vaults: Send + Sync {
    /// Version and secret of the current version.
    async fn read(&self, place: &Place) -> anyhow::Result<(String, SecretText)>;
    /// Whether the last look failed, for whoever asks how the server is.
    fn set_kept(&self, kept: bool);
    /// Unix milliseconds.
    fn now(&self) -> i64;
    /// The host of the base.
    fn host(&self) -> &str;
}

#[async_trait]
impl Vaults for Services {
    async fn read(&self, place: &Place) -> anyhow::Result<(String, SecretText)> {
        let (version, document) = self.certificates.for_server(&place.vault, &place.name, &*self.clock).await?;
        Ok((version.as_str().to_owned(), document))
    }

    fn set_kept(&self, kept: bool) {
        self.certificate.set_kept(kept);
    }

    fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    fn host(&self) -> &str {
        self.addresses.host()
    }
}

/// The certificate, and how the last look at it went.
pub(crate) struct InVault {
    place: Place,
    vaults: Arc<dyn Vaults>,
    /// What is shown; none until one was read.
    version: Option<String>,
    /// Unix milliseconds.
    next: i64,
}

impl InVault {
    pub(crate) fn new(place: Place, vaults: Arc<dyn Vaults>) -> Self {
        let next = vaults.now();
        Self { place, vaults, version: None, next }
    }

    /// Whether it takes the place of the files.
    pub(crate) fn was_read(&self) -> bool {
        self.version.is_some()
    }

    /// A clock that was put back makes nobody wait for longer.
    pub(crate) fn is_due(&self) -> bool {
        !(1..=LOOK_EVERY).contains(&self.next.saturating_sub(self.vaults.now()))
    }

    /// Another version than the one that is shown, if there is one that can be shown in its place.
    pub(crate) async fn look(&mut self, shown: &CertifiedKey) -> Option<CertifiedKey> {
        let read = self.read(shown).await;
        self.vaults.set_kept(read.is_err());
        self.next = self.vaults.now().saturating_add(if read.is_ok() { LOOK_EVERY } else { AGAIN_AFTER });
        let Place { vault, name } = &self.place;
        match read {
            Ok(None) => None,
            Ok(Some((version, certified))) => {
                tracing::info!(%vault, certificate = %name, version, "the certificate of the vault is shown now");
                self.version = Some(version);
                Some(certified)
            }
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(error, %vault, certificate = %name, "the certificate is kept as it was");
                None
            }
        }
    }

    async fn read(&self, shown: &CertifiedKey) -> anyhow::Result<Option<(String, CertifiedKey)>> {
        let (version, document) = self.vaults.read(&self.place).await?;
        if self.version.as_ref() == Some(&version) {
            return Ok(None);
        }
        let certified = fit(document.expose(), self.vaults.now().div_euclid(1000))?;
        // A mistake in its policy would shut everybody out, and whoever could mend it.
        let (host, covers) = (self.vaults.host(), covered(&certified, self.vaults.host()));
        let lost: Vec<String> = covered(shown, host).into_iter().filter(|name| !covers.contains(name)).collect();
        ensure!(lost.is_empty(), "it is not for {}, for which the one that is shown is", lost.join(" and "));
        Ok(Some((version, certified)))
    }
}

/// What the secret of a certificate holds, if it can be shown at a time.
fn fit(document: &str, now: i64) -> anyhow::Result<CertifiedKey> {
    let imported = if document.starts_with("-----BEGIN ") {
        Imported::from_pem(document.as_bytes(), "", true, now)?
    } else {
        let bytes = data_encoding::BASE64.decode(document.as_bytes()).context("the secret is no PFX in base64")?;
        Imported::from_pkcs12(&Zeroizing::new(bytes), "", true, now)?
    };
    let leaf = CertificateFacts::of(imported.chain.first().context("it holds no certificate")?)?;
    if !(leaf.not_before..=leaf.not_after).contains(&now) {
        bail!("it has expired, or is not valid yet");
    }
    let private = Zeroizing::new(pem(Some(&imported.key.private), &[]).expose().as_bytes().to_vec());
    let chain = pem(None, &imported.chain).expose().as_bytes().to_vec();
    certified(&(chain, private))
}

#[cfg(test)]
mod tests {
    use strongroom_crypto::{DevAuthority, SystemEntropy};

    use super::*;

    const NOW: i64 = 1_800_000_000;

    #[test]
    fn only_what_can_be_shown_is_taken() {
        let now = time::OffsetDateTime::from_unix_timestamp(NOW).unwrap();
        let authority = DevAuthority::create("CA", now, &SystemEntropy).unwrap();
        let issue = || authority.issue_server(&["one.example".to_owned()], &[], now, 30, &SystemEntropy).unwrap();
        let ((one, key), (other, _)) = (issue(), issue());
        let key = key.expose();
        let whole = format!("{key}{one}");
        assert!(fit(&whole, NOW + 60).is_ok());
        let imported = Imported::from_pem(whole.as_bytes(), "", true, NOW).unwrap();
        let pfx = strongroom_crypto::x509::pkcs12(Some(&imported.key.private), &imported.chain, "server").unwrap();
        assert!(fit(&data_encoding::BASE64.encode(pfx.expose()), NOW + 60).is_ok(), "as a PFX too");
        for (document, at) in [
            (&whole, NOW + 31 * 86_400),
            (&whole, NOW - 86_400),
            (&format!("{key}{other}"), NOW + 60),
            (&one, NOW + 60),
            (&"rubbish".to_owned(), NOW + 60),
        ] {
            assert!(fit(document, at).is_err(), "{document}");
        }
    }

    #[test]
    fn a_place_is_a_vault_and_a_name() {
        assert!(Place::parse("infrastructure/server").is_ok());
        for wrong in ["server", "infrastructure/", "/server", "a/b/c", "infra structure/server"] {
            let said = Place::parse(wrong).unwrap_err().to_string();
            assert!(said.contains("VAULT/NAME"), "{said}");
        }
    }
}
