//! `strongroom certificate inspect`: a chain from the leaf to the root, and what is wrong with it. Private keys are read
//! to see whose they are, and shown to nobody. A server is asked what it shows and told nothing.

use std::{
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use data_encoding::BASE64;
use reqwest::Method;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::{Value, json};
use strongroom_crypto::x509::{Document, Finding, Inspected, inspect};
use strongroom_domain::time::Clock as _;
use zeroize::Zeroizing;

use super::{connect, path, pending, revoked, waits};
use crate::{
    cli::{Output, VaultAt, Versioned},
    clock::SystemClock,
    commands::utc,
    exit::Exit,
    plain::plain,
};

pub(super) fn read(document: &[u8], password: &str) -> anyhow::Result<Document> {
    Ok(Document::read(document, password)?)
}

/// A version with its chain, which stands in its secret alone; without it for whoever may not read that. And that it was
/// revoked, or that nobody knows.
pub(super) async fn fetch(certificate: &Versioned, at: &VaultAt) -> anyhow::Result<(Document, Option<Finding>)> {
    let vault = connect(at).await?;
    let shown = vault.send(Method::GET, &path(certificate), None).await?;
    if waits(&shown) {
        return Err(pending::without(&vault, certificate, &shown).await);
    }
    let taken_back = match shown.pointer("/revocation/status").and_then(Value::as_str) {
        None => None,
        Some("revoked") => Some(Finding::Revoked(revoked(&shown))),
        Some(_) => Some(Finding::RevocationUnknown),
    };
    let document = match vault.value(&certificate.name, certificate.version.as_deref()).await {
        Ok(value) if value.starts_with("-----BEGIN ") => read(value.as_bytes(), ""),
        Ok(value) => {
            read(&Zeroizing::new(BASE64.decode(value.as_bytes()).context("the secret is no PFX in base64")?), "")
        }
        Err(refused) => {
            eprintln!(
                "its secret, in which the chain stands, cannot be read ({refused:#}): this is the certificate alone"
            );
            let leaf = shown.get("cer").and_then(Value::as_str).context("the answer has no certificate")?;
            read(&BASE64.decode(leaf.as_bytes())?, "")
        }
    };
    Ok((document?, taken_back))
}

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a server shows to who connects, whatever is wrong with it.
pub(super) fn presented(host: &str, port: u16) -> anyhow::Result<Document> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(LookedAtLater(provider)))
        .with_no_client_auth();
    let mut addresses = (host, port).to_socket_addrs().with_context(|| format!("{host} has no address"))?;
    let address = addresses.next().with_context(|| format!("{host} has no address"))?;
    let unreached = || format!("{host}:{port} does not answer by TLS");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).with_context(unreached)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from(host.to_owned())?)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).with_context(unreached)?;
    }
    let shown = connection.peer_certificates().context("the server shows no certificate")?;
    Ok(Document { key: None, certificates: shown.iter().map(|der| der.to_vec()).collect() })
}

/// Lets every certificate pass, because what is wrong with it is what is asked for. Nothing is sent over such a connection.
#[derive(Debug)]
struct LookedAtLater(Arc<CryptoProvider>);

impl ServerCertVerifier for LookedAtLater {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a client that asked for a host would take a certificate for its own.
fn is_for(certificate: &[u8], host: &str) -> bool {
    let der = CertificateDer::from(certificate);
    let (Ok(parsed), Ok(name)) = (ParsedCertificate::try_from(&der), ServerName::try_from(host)) else { return false };
    verify_server_name(&parsed, &name).is_ok()
}

pub(super) fn print(
    document: &Document,
    host: Option<&str>,
    taken_back: Option<Finding>,
    output: Output,
) -> anyhow::Result<()> {
    let now = SystemClock::new().now_millis().div_euclid(1000);
    let mut found = inspect(&document.certificates, document.key.as_ref(), now)?;
    if let (Some(host), Some(leaf)) = (host, found.first_mut())
        && document.certificates.get(leaf.place).is_none_or(|der| !is_for(der, host))
    {
        leaf.findings.push(Finding::OtherName(host.to_owned()));
    }
    if let Some(leaf) = found.first_mut() {
        leaf.findings.extend(taken_back);
    }
    match output {
        Output::Json => println!("{}", crate::plain::json(&Value::Array(found.iter().map(told).collect()))),
        Output::Table => print!("{}", drawn(&found, document.key.is_some())),
    }
    if found.iter().any(|certificate| !certificate.findings.is_empty()) {
        return Err(Exit::Flawed.into());
    }
    Ok(())
}

fn told(certificate: &Inspected) -> Value {
    let findings: Vec<String> = certificate.findings.iter().map(ToString::to_string).collect();
    json!({
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial": certificate.serial,
        "names": certificate.names,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "key": certificate.key,
        "signature": certificate.signature,
        "authority": certificate.authority,
        "findings": findings,
    })
}

/// The chain as a tree, each below what it signed, then what belongs to no chain.
fn drawn(found: &[Inspected], with_key: bool) -> String {
    let mut lines = String::new();
    for (place, certificate) in found.iter().enumerate() {
        let stray = certificate.findings.contains(&Finding::Stray);
        let depth = if stray { 0 } else { place };
        let branch = if depth == 0 { String::new() } else { format!("{}\u{2514}\u{2500} ", "   ".repeat(depth - 1)) };
        let subject = if certificate.subject.is_empty() { "(no subject)" } else { &certificate.subject };
        lines += &format!("{branch}{}\n", plain(subject));
        let below = found.get(place + 1).is_some_and(|next| !next.findings.contains(&Finding::Stray)) && !stray;
        let margin = format!("{}{}", "   ".repeat(depth), if below { "\u{2502}  " } else { "   " });
        let key = format!("{}, signed by {}", certificate.key, certificate.signature);
        let moments = [certificate.not_before, certificate.not_after].map(|at| utc(at.saturating_mul(1000)));
        let beside = with_key && place == 0 && !certificate.findings.contains(&Finding::OtherKey);
        let facts = [
            ("names", certificate.names.join(", ")),
            ("issuer", certificate.issuer.clone()),
            ("serial", certificate.serial.clone()),
            ("valid", format!("{} to {}", moments[0], moments[1])),
            ("key", key),
            ("beside it", if beside { "its private key".to_owned() } else { String::new() }),
        ];
        let wrong = certificate.findings.iter().map(|finding| ("wrong", finding.to_string()));
        for (name, value) in facts.into_iter().chain(wrong).filter(|(_, value)| !value.is_empty()) {
            lines += &format!("{margin}{name:<10} {}\n", plain(&value));
        }
    }
    lines
}
