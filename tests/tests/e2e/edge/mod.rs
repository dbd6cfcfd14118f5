//! The edge itself: clients that are slow, many or gone; listeners, proxies, certificates, the stop.

mod front;
mod limits;
mod network;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{ClientConfig, RootCertStore, pki_types::ServerName, pki_types::pem::PemObject as _};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::support::{Certificates, MANAGED, TestVault, free_ports, scratch};

/// A server by `serve` whose listeners and limits a story writes itself. Nobody can come as its administrators.
pub(super) struct Edge {
    pub(super) vault: TestVault,
    pub(super) certificates: Certificates,
}

/// The usual single listener.
pub(super) const LISTEN: &str = "listen = \"127.0.0.1:PORT\"\n";

impl Edge {
    /// `top` and `tables` are TOML: keys before the first table, and tables; `PORT`, `NEXT` and `FOLDER`
    /// stand for the server's port, the one after it, and its folder.
    pub(super) async fn start(top: &str, tables: &str) -> Self {
        let folder = scratch();
        let port = free_ports();
        let certificates = Certificates::make(folder.path());
        let config = folder.path().join("strongroom.toml");
        std::fs::write(&config, configuration(folder.path(), port, &certificates, top, tables)).expect("a file");
        let vault = TestVault::serve(folder, &config, port, &certificates.ca_pem()).await;
        Self { vault, certificates }
    }

    /// A connection with TLS, spoken on by hand.
    pub(super) async fn connect(&self) -> Wire {
        let socket = TcpStream::connect(("127.0.0.1", self.vault.port)).await.expect("a connection");
        self.secure(socket).await.expect("TLS")
    }

    /// TLS on a socket that is connected already.
    pub(super) async fn secure(&self, socket: TcpStream) -> std::io::Result<Wire> {
        Wire::secure(socket, &self.certificates.ca_pem(), "vault.localhost").await
    }

    pub(super) fn authority(&self) -> String {
        format!("vault.localhost:{}", self.vault.port)
    }
}

fn configuration(folder: &Path, port: u16, certificates: &Certificates, top: &str, tables: &str) -> String {
    let text = format!(
        r#"
base = "https://vault.localhost:{port}"
data = "{data}"
{top}
[tls]
certificate = "{certificate}"
key = "{key}"
{MANAGED}{tables}"#,
        data = folder.join("data").display(),
        certificate = certificates.certificate.display(),
        key = certificates.key.display(),
    );
    text.replace("NEXT", &(port + 1).to_string())
        .replace("PORT", &port.to_string())
        .replace("FOLDER", &folder.display().to_string())
}

fn speaking(versions: &[&'static rustls::SupportedProtocolVersion], roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A connection on which every byte is chosen.
pub(super) struct Wire(TlsStream<TcpStream>);

impl Wire {
    /// TLS with whoever this CA says to have the name.
    pub(super) async fn secure(socket: TcpStream, ca_pem: &[u8], name: &'static str) -> std::io::Result<Self> {
        Self::offering(socket, ca_pem, name, &[]).await
    }

    /// The same, offering these protocols (ALPN).
    pub(super) async fn offering(
        socket: TcpStream,
        ca_pem: &[u8],
        name: &'static str,
        protocols: &[&str],
    ) -> std::io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let ca = rustls::pki_types::CertificateDer::from_pem_slice(ca_pem).expect("a CA");
        roots.add(ca).expect("a CA");
        let mut config = speaking(rustls::DEFAULT_VERSIONS, roots);
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name).expect("a name");
        Ok(Self(TlsConnector::from(Arc::new(config)).connect(name, socket).await?))
    }

    /// In TLS 1.2 and nothing newer.
    pub(super) async fn of_version_1_2(edge: &Edge) -> std::io::Result<Self> {
        let socket = TcpStream::connect(("127.0.0.1", edge.vault.port)).await?;
        let mut roots = RootCertStore::empty();
        let ca = rustls::pki_types::CertificateDer::from_pem_slice(&edge.certificates.ca_pem()).expect("a CA");
        roots.add(ca).expect("a CA");
        let config = speaking(&[&rustls::version::TLS12], roots);
        let name = ServerName::try_from("vault.localhost").expect("a name");
        Ok(Self(TlsConnector::from(Arc::new(config)).connect(name, socket).await?))
    }

    /// The version of TLS.
    pub(super) fn version(&self) -> Option<rustls::ProtocolVersion> {
        self.0.get_ref().1.protocol_version()
    }

    /// What was agreed on (ALPN).
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.0.get_ref().1.alpn_protocol()
    }

    pub(super) async fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.0.write_all(text.as_bytes()).await?;
        self.0.flush().await
    }

    /// Everything until the server closes, and how long that took.
    pub(super) async fn read_to_end(&mut self) -> (String, Duration) {
        let since = Instant::now();
        let mut all = Vec::new();
        // A reset is an end too.
        let _ = tokio::time::timeout(Duration::from_secs(60), self.0.read_to_end(&mut all))
            .await
            .expect("the server closes the connection");
        (String::from_utf8_lossy(&all).into_owned(), since.elapsed())
    }

    /// The head of one answer; its body, which must not be chunked, is read and dropped.
    pub(super) async fn answer(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("an answer"));
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().expect("a length"))
        });
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body).await.expect("a body");
        head
    }
}
