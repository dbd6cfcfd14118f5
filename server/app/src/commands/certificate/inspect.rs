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
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use serde_json::{Value, json};
use strongroom_crypto::x509::{Document, Finding, Inspected, inspect};
use strongroom_domain::time::Clock as _;
use zeroize::Zeroizing;

use super::{connect, path, pending, revoked, waits};
use crate::{
    cli::{Output, VaultAt, Versioned},
    client::of_certificate,
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
            let refused = of_certificate(refused, &certificate.name);
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
    roots: Option<&[Vec<u8>]>,
    output: Output,
) -> anyhow::Result<()> {
    let now = SystemClock::new().now_millis().div_euclid(1000);
    let (mut found, trusted) = match roots {
        Some(roots) => below(document, roots, now)?,
        None => (inspect(&document.certificates, document.key.as_ref(), now)?, None),
    };
    if let (Some(host), Some(leaf)) = (host, found.first_mut())
        && document.certificates.get(leaf.place).is_none_or(|der| !is_for(der, host))
    {
        leaf.findings.push(Finding::OtherName(host.to_owned()));
    }
    if let Some(leaf) = found.first_mut() {
        leaf.findings.extend(taken_back);
    }
    let said = remarks(&found, trusted);
    match output {
        Output::Json => {
            let told = found.iter().zip(&said).map(|(certificate, said)| told(certificate, said));
            println!("{}", crate::plain::json(&Value::Array(told.collect())));
        }
        Output::Table => print!("{}", drawn(&found, &said, document.key.is_some())),
    }
    if said.iter().flatten().any(|(sort, _)| *sort == WRONG) {
        return Err(Exit::Flawed.into());
    }
    Ok(())
}

/// The roots that somebody trusts; a file of a whole system's may be long.
pub(super) fn roots(document: &[u8]) -> anyhow::Result<Vec<Vec<u8>>> {
    let read = CertificateDer::pem_slice_iter(document).map(|root| root.map(|der| der.to_vec()));
    let roots: Vec<Vec<u8>> = read.collect::<Result<Vec<_>, _>>().context("the roots cannot be read")?;
    if roots.is_empty() { anyhow::bail!("the file of the roots has no certificate in PEM") } else { Ok(roots) }
}

/// The chain with the root above it, of those that are trusted, and whether one of them is in it.
fn below(document: &Document, roots: &[Vec<u8>], now: i64) -> anyhow::Result<(Vec<Inspected>, Option<bool>)> {
    let mut all = document.certificates.clone();
    let count = all.len();
    let alone = inspect(&all, document.key.as_ref(), now)?;
    let stands_above = |root: &[u8]| {
        let read = inspect(&[root.to_vec()], None, now).unwrap_or_default();
        read.iter().any(|root| alone.iter().any(|below| below.issuer == root.subject))
    };
    let above: Vec<Vec<u8>> = roots.iter().filter(|root| !all.contains(root) && stands_above(root)).cloned().collect();
    all.extend(above);
    let mut found = inspect(&all, document.key.as_ref(), now)?;
    // A root that is of no use here is nobody's mistake, and none has a place in the document.
    found.retain(|one| one.place < count || !one.findings.contains(&Finding::Stray));
    for root in found.iter_mut().filter(|one| one.place >= count) {
        root.findings.retain(|finding| *finding != Finding::OutOfOrder);
    }
    let is_trusted = |one: &Inspected| {
        !one.findings.contains(&Finding::Stray) && all.get(one.place).is_some_and(|der| roots.contains(der))
    };
    let trusted = found.iter().any(is_trusted);
    if trusted {
        for one in &mut found {
            one.findings.retain(|finding| *finding != Finding::Incomplete);
        }
    }
    Ok((found, Some(trusted)))
}

const WRONG: &str = "wrong";

/// What is said of each: what is wrong, and what need not be. Most chains leave out the root, because who checks them has
/// it: that a chain ends at an authority is wrong only for who said which roots there are.
fn remarks(found: &[Inspected], trusted: Option<bool>) -> Vec<Vec<(&'static str, String)>> {
    let top = found.iter().rposition(|one| !one.findings.contains(&Finding::Stray));
    let of_one = |(place, one): (usize, &Inspected)| {
        let ends = |finding: &Finding| matches!(finding, Finding::Incomplete | Finding::Circle);
        let lacks_root = trusted.is_none() && place > 0 && one.authority;
        let sort = |finding: &Finding| if lacks_root && *finding == Finding::Incomplete { "note" } else { WRONG };
        let mut said: Vec<(&'static str, String)> =
            one.findings.iter().map(|finding| (sort(finding), finding.to_string())).collect();
        if trusted == Some(false) && top == Some(place) && !one.findings.iter().any(ends) {
            said.push((WRONG, "the chain leads to none of the roots that are trusted".to_owned()));
        }
        said
    };
    found.iter().enumerate().map(of_one).collect()
}

fn told(certificate: &Inspected, said: &[(&'static str, String)]) -> Value {
    let of = |wrong: bool| -> Vec<&str> {
        said.iter().filter(|(sort, _)| (*sort == WRONG) == wrong).map(|(_, words)| words.as_str()).collect()
    };
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
        "findings": of(true),
        "notes": of(false),
    })
}

/// The chain as a tree, each below what it signed, then what belongs to no chain.
fn drawn(found: &[Inspected], said: &[Vec<(&'static str, String)>], with_key: bool) -> String {
    let mut lines = String::new();
    for (place, (certificate, said)) in found.iter().zip(said).enumerate() {
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
        for (name, value) in facts.into_iter().chain(said.iter().cloned()).filter(|(_, value)| !value.is_empty()) {
            lines += &format!("{margin}{name:<10} {}\n", plain(&value));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(authority: bool, findings: &[Finding]) -> Inspected {
        Inspected {
            place: 0,
            subject: String::new(),
            issuer: String::new(),
            serial: String::new(),
            names: Vec::new(),
            not_before: 0,
            not_after: 0,
            key: String::new(),
            signature: String::new(),
            authority,
            findings: findings.to_vec(),
        }
    }

    #[test]
    fn a_root_that_is_left_out_is_no_mistake_and_one_that_is_missed_is() {
        let sorts = |found: &[Inspected], trusted| -> Vec<&str> {
            remarks(found, trusted).into_iter().flatten().map(|(sort, _)| sort).collect()
        };
        let served = [one(false, &[]), one(true, &[Finding::Incomplete])];
        assert_eq!(sorts(&served, None), ["note"]);
        assert_eq!(sorts(&served, Some(false)), [WRONG]);
        assert_eq!(sorts(&[one(false, &[Finding::Incomplete])], None), [WRONG], "its authority is left out");
        let whole = [one(false, &[]), one(true, &[]), one(true, &[Finding::Stray])];
        assert_eq!(sorts(&whole, Some(false)), [WRONG, WRONG], "another root");
        assert_eq!(sorts(&whole[..2], Some(true)), Vec::<&str>::new());
    }
}
