//! The server's certificate: read at the start, and again whenever its files change, without a
//! restart and without a connection lost. Files that do not fit each other change nothing. One in a vault takes the
//! place of the files from when it was first read (see `own_certificate`).

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    client::verify_server_name,
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use crate::own_certificate::InVault;

/// How often the files are looked at; SIGHUP makes it at once.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The certificate that new connections get.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The files and what was made of them.
pub(crate) struct Certificates {
    certificate: PathBuf,
    key: PathBuf,
    current: Arc<Current>,
    /// What was read last, whether it was any good or not.
    read: Files,
    /// What takes the place of the files.
    vault: Option<InVault>,
}

/// Chain and key, both PEM.
pub(crate) type Files = (Vec<u8>, Zeroizing<Vec<u8>>);

impl Certificates {
    /// Reads the files.
    pub(crate) fn open(certificate: &Path, key: &Path) -> anyhow::Result<Self> {
        let read = read(certificate, key)?;
        let certified = certified(&read).with_context(|| fault(certificate, key))?;
        Ok(Self {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: Arc::new(Current(ArcSwap::from_pointee(certified))),
            read,
            vault: None,
        })
    }

    /// Has the certificate of a vault take the place of the files, now if it can be read.
    pub(crate) async fn use_vault(&mut self, vault: InVault) {
        self.vault = Some(vault);
        self.look_into_vault().await;
    }

    async fn look_into_vault(&mut self) {
        let shown = self.current.0.load_full();
        if let Some(vault) = &mut self.vault
            && let Some(certified) = vault.look(&shown).await
        {
            self.current.0.store(Arc::new(certified));
        }
    }

    /// Says so when the certificate is not for the base or not for the vaults below it, because every client would
    /// refuse it: a reverse proxy in front may have another one, so it is no reason not to start.
    ///
    /// Says so too when it is one of an authority.
    pub(crate) fn warn_of_other_names(&self, base: &str) {
        if self.is_of_an_authority() {
            tracing::warn!(
                certificate = %self.certificate.display(),
                "the certificate is one of an authority (basicConstraints CA:TRUE), as `openssl req -x509` makes them: many \
                 clients, this command line too, refuse a server that shows one (-addext basicConstraints=critical,CA:FALSE)"
            );
        }
        let uncovered = self.not_covered(base);
        if !uncovered.is_empty() {
            tracing::warn!(
                certificate = %self.certificate.display(),
                names = uncovered.join(", "),
                "the certificate does not cover these names, so clients will refuse it there"
            );
        }
    }

    /// Whether it may sign others.
    fn is_of_an_authority(&self) -> bool {
        let leaf = self.current.0.load().cert.first().map(|leaf| leaf.to_vec());
        let looked = leaf.and_then(|leaf| strongroom_crypto::x509::inspect(&[leaf], None, 0).ok());
        looked.is_some_and(|found| found.first().is_some_and(|leaf| leaf.authority))
    }

    /// Which names of an installation at `base` the certificate does not cover.
    fn not_covered(&self, base: &str) -> Vec<String> {
        let covered = covered(&self.current.0.load(), base);
        names(base).into_iter().map(|(_, name)| name).filter(|name| !covered.contains(name)).collect()
    }

    /// TLS 1.2 and 1.3 with AWS-LC. Offers HTTP/1.1 alone (see `strongroom_http::server`).
    pub(crate) fn server_config(&self) -> anyhow::Result<Arc<ServerConfig>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let resolver: Arc<dyn ResolvesServerCert> = self.current.clone();
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Looks at the files; takes what is new and good, and says once what is new and not.
    fn look(&mut self) {
        let read = match read(&self.certificate, &self.key) {
            Ok(read) if read == self.read => return,
            Ok(read) => read,
            // Between the removal of a file and its successor, or for good: the old one goes on.
            Err(error) => {
                if !self.read.0.is_empty() {
                    tracing::error!(error = format!("{error:#}"), "the certificate is kept as it was");
                }
                self.read = Files::default();
                return;
            }
        };
        match certified(&read) {
            Ok(certified) => {
                self.current.0.store(Arc::new(certified));
                tracing::info!(certificate = %self.certificate.display(), "the certificate was read again");
            }
            Err(error) => {
                tracing::error!(
                    error = format!("{error:#}"),
                    files = fault(&self.certificate, &self.key),
                    "the certificate is kept as it was"
                );
            }
        }
        self.read = read;
    }

    /// Keeps looking. Never returns.
    pub(crate) async fn watch(mut self) {
        let mut asked = signal(SignalKind::hangup()).ok();
        loop {
            let hangup = async {
                match &mut asked {
                    Some(signal) => signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            let by_hand = tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => false,
                _ = hangup => true,
            };
            let of_vault = self.vault.as_ref().map(|vault| (vault.was_read(), by_hand || vault.is_due()));
            // Files stand in until the vault has one.
            if of_vault.is_none_or(|(was_read, _)| !was_read) {
                self.look();
            }
            if of_vault.is_some_and(|(_, due)| due) {
                self.look_into_vault().await;
            }
        }
    }
}

/// The names of an installation at `base`: each as it is asked for, and as it is told. Any label stands for all, because only
/// a wildcard covers a vault that has no name yet.
fn names(base: &str) -> [(String, String); 2] {
    [(base.to_owned(), base.to_owned()), (format!("any-vault.{base}"), format!("*.{base}"))]
}

/// Which names of an installation at `base` a certificate covers.
pub(crate) fn covered(certified: &CertifiedKey, base: &str) -> Vec<String> {
    let leaf = certified.cert.first().and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    let covers = |name: &str| {
        let (Some(leaf), Ok(name)) = (&leaf, ServerName::try_from(name)) else { return false };
        verify_server_name(leaf, &name).is_ok()
    };
    names(base).into_iter().filter(|(asked, _)| covers(asked)).map(|(_, told)| told).collect()
}

fn fault(certificate: &Path, key: &Path) -> String {
    format!("{} with {}", certificate.display(), key.display())
}

fn read(certificate: &Path, key: &Path) -> anyhow::Result<Files> {
    let chain = std::fs::read(certificate)
        .with_context(|| format!("the certificate {} cannot be read", certificate.display()))?;
    let key = std::fs::read(key).with_context(|| format!("the certificate's key {} cannot be read", key.display()))?;
    Ok((chain, Zeroizing::new(key)))
}

/// Parses both and holds them against each other.
pub(crate) fn certified((chain, key): &Files) -> anyhow::Result<CertifiedKey> {
    let chain =
        CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().context("the certificate is not PEM")?;
    anyhow::ensure!(!chain.is_empty(), "there is no certificate in the file");
    let key = PrivateKeyDer::from_pem_slice(key).context("the key is not PEM")?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let certified = CertifiedKey::from_der(chain, key, &provider).context("the certificate does not fit its key")?;
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicI64, Ordering},
    };

    use async_trait::async_trait;
    use strongroom_crypto::{DevAuthority, SecretText, SystemEntropy};

    use super::*;
    use crate::own_certificate::{Place, Vaults};

    /// A vault with one certificate, as version and document, and a clock.
    #[derive(Default)]
    struct Kept {
        current: Mutex<Option<(String, String)>>,
        now: AtomicI64,
        kept: AtomicBool,
    }

    #[async_trait]
    impl Vaults for Kept {
        async fn read(&self, _: &Place) -> anyhow::Result<(String, SecretText)> {
            let (version, document) = self.current.lock().unwrap().clone().ok_or_else(|| anyhow::anyhow!("denied"))?;
            Ok((version, SecretText::new(document)))
        }

        fn set_kept(&self, kept: bool) {
            self.kept.store(kept, Ordering::Relaxed);
        }

        fn now(&self) -> i64 {
            self.now.load(Ordering::Relaxed)
        }

        fn host(&self) -> &str {
            "vault.example"
        }
    }

    #[tokio::test]
    async fn a_renewed_certificate_of_a_vault_is_shown_within_ten_minutes_unless_clients_would_refuse_it() {
        let (folder, now) = (tempfile::tempdir().unwrap(), 1_800_000_060_000);
        let (certificate, key) = write(folder.path(), "vault.example");
        let mut certificates = Certificates::open(&certificate, &key).unwrap();
        let vault = Arc::new(Kept { now: AtomicI64::new(now), ..Kept::default() });
        // Each is read for another version from a file of its own.
        let put = |version: &str, name: &str| {
            let folder = tempfile::tempdir().unwrap();
            let (certificate, key) = write(folder.path(), name);
            let document = std::fs::read_to_string(key).unwrap() + &std::fs::read_to_string(certificate).unwrap();
            *vault.current.lock().unwrap() = Some((version.to_owned(), document));
        };
        let passes = |millis: i64| vault.now.fetch_add(millis, Ordering::Relaxed);
        let is_due = |certificates: &Certificates| certificates.vault.as_ref().unwrap().is_due();
        put("1", "vault.example");
        let of_files = leaf(&certificates);
        certificates.use_vault(InVault::new(Place::parse("demo/server").unwrap(), vault.clone())).await;
        let first = leaf(&certificates);
        assert_ne!(first, of_files);

        put("2", "vault.example");
        passes(599_999);
        assert!(!is_due(&certificates));
        passes(1);
        assert!(is_due(&certificates));
        certificates.look_into_vault().await;
        let second = leaf(&certificates);
        assert!(second != first && !is_due(&certificates) && !vault.kept.load(Ordering::Relaxed));

        // For another name, and then not to be read at all: what is shown stays, and is looked at again soon.
        put("3", "other.example");
        for _ in 0..2 {
            certificates.look_into_vault().await;
            assert_eq!(leaf(&certificates), second);
            assert!(vault.kept.load(Ordering::Relaxed) && !is_due(&certificates));
            passes(60_000);
            assert!(is_due(&certificates));
            *vault.current.lock().unwrap() = None;
        }
        put("4", "vault.example");
        certificates.look_into_vault().await;
        assert!(leaf(&certificates) != second && !vault.kept.load(Ordering::Relaxed));
        passes(-86_400_000);
        assert!(is_due(&certificates), "a clock that was put back");
    }

    fn write(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let now = time::OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let authority = DevAuthority::create("CA", now, &SystemEntropy).unwrap();
        let (certificate, key) = authority.issue_server(&[name.to_owned()], &[], now, 30, &SystemEntropy).unwrap();
        let paths = (folder.join("tls.pem"), folder.join("tls.key"));
        std::fs::write(&paths.0, certificate).unwrap();
        std::fs::write(&paths.1, key.expose()).unwrap();
        paths
    }

    fn leaf(certificates: &Certificates) -> Vec<u8> {
        certificates.current.0.load().cert[0].to_vec()
    }

    #[test]
    fn new_files_count_and_broken_ones_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), "one.example.com");
        let mut certificates = Certificates::open(&certificate, &key).unwrap();
        let first = leaf(&certificates);
        certificates.look();
        assert_eq!(leaf(&certificates), first);

        let good_key = std::fs::read(&key).unwrap();
        for broken in [&b""[..], b"rubbish", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            std::fs::write(&key, broken).unwrap();
            certificates.look();
            assert_eq!(leaf(&certificates), first);
        }
        std::fs::remove_file(&key).unwrap();
        certificates.look();
        assert_eq!(leaf(&certificates), first, "no file");
        write(folder.path(), "two.example.com");
        let new_key = std::fs::read(&key).unwrap();
        std::fs::write(&key, &good_key).unwrap();
        certificates.look();
        assert_eq!(leaf(&certificates), first, "a new certificate with the old key");
        std::fs::write(&key, &new_key).unwrap();
        certificates.look();
        assert_ne!(leaf(&certificates), first, "both are there now");
    }

    #[test]
    fn names_that_the_certificate_does_not_cover_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let uncovered = |name: &str, base: &str| {
            let (certificate, key) = write(folder.path(), name);
            Certificates::open(&certificate, &key).unwrap().not_covered(base)
        };
        assert_eq!(uncovered("one.example.com", "two.example.com"), ["two.example.com", "*.two.example.com"]);
        assert_eq!(uncovered("one.example.com", "one.example.com"), ["*.one.example.com"]);
        assert_eq!(uncovered("*.one.example.com", "one.example.com"), ["one.example.com"]);
    }

    #[test]
    fn a_start_with_files_that_do_not_fit_fails() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = write(folder.path(), "one.example.com");
        let old = std::fs::read(&key).unwrap();
        write(folder.path(), "two.example.com");
        std::fs::write(&key, old).unwrap();
        assert!(Certificates::open(&certificate, &key).is_err());
        assert!(Certificates::open(&certificate, &folder.path().join("none")).is_err());
    }
}
