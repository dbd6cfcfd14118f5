//! A hostile server in front of the command line: it gets the request, and nothing else gets anything.

use std::{
    net::TcpListener,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
};

use actix_web::{App, HttpResponse, HttpServer, web};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use strongroom_crypto::{DevAuthority, SystemEntropy};
use time::OffsetDateTime;

use super::*;

/// A server with a certificate for `vault.localhost`, that answers everything in one way.
struct Hostile {
    folder: tempfile::TempDir,
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Hostile {
    /// `answer` gets the port, so that it can name addresses.
    fn start(status: u16, header: &'static str, answer: impl Fn(u16) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let begin = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        let authority = DevAuthority::create("test", begin, &SystemEntropy).unwrap();
        let now = OffsetDateTime::from(folder.path().metadata().unwrap().modified().unwrap());
        let names = ["vault.localhost".to_owned(), "*.vault.localhost".to_owned()];
        let (certificate, key) = authority.issue_server(&names, &[], now, 2, &SystemEntropy).unwrap();
        std::fs::write(folder.path().join("ca.pem"), &authority.ca_cert_pem).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.expose().as_bytes()).unwrap(),
            )
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let (count, value) = (Arc::clone(&asked), answer(port));
        let server = HttpServer::new(move || {
            let (count, value) = (Arc::clone(&count), value.clone());
            App::new().default_service(web::to(move || {
                count.fetch_add(1, Ordering::SeqCst);
                let answer = HttpResponse::build(actix_web::http::StatusCode::from_u16(status).unwrap())
                    .insert_header((header, value.clone()))
                    .finish();
                async move { answer }
            }))
        });
        let server = server.workers(1).disable_signals().listen_rustls_0_23(listener, tls).unwrap().run();
        tokio::spawn(server);
        Self { folder, port, asked }
    }

    fn url(&self) -> Url {
        Url::parse(&format!("https://demo.vault.localhost:{}/", self.port)).unwrap()
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn client(&self) -> reqwest::Client {
        http_client(Some(&self.ca()), &self.url()).unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    static TARGET: AtomicU16 = AtomicU16::new(0);
    let elsewhere = Hostile::start(200, "x-here", |_| "here".to_owned());
    TARGET.store(elsewhere.port, Ordering::SeqCst);
    for status in [301, 302, 303, 307, 308] {
        let server = Hostile::start(status, "location", |_| {
            format!("https://vault.localhost:{}/token", TARGET.load(Ordering::SeqCst))
        });
        // The same certificate authority for both, so that nothing but the rule is in the way.
        let pem = [server.ca(), elsewhere.ca()].map(|path| std::fs::read_to_string(path).unwrap()).concat();
        let both = server.folder.path().join("both.pem");
        std::fs::write(&both, pem).unwrap();
        let client = http_client(Some(&both), &server.url()).unwrap();
        let answer = client.post(server.url()).body("client_secret=s").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!((server.asked(), elsewhere.asked()), (1, 0));
    }
}

#[tokio::test]
async fn nothing_but_https_is_spoken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let plain = format!("http://vault.localhost:{}/", listener.local_addr().unwrap().port());
    let error = address::parse(&plain, "--server is").unwrap_err().to_string();
    assert!(error.contains("nothing else is spoken"), "{error}");
    let client = http_client(None, &Url::parse("https://vault.localhost/").unwrap()).unwrap();
    assert!(client.get(&plain).send().await.unwrap_err().is_builder(), "refused before anything is sent");
    assert!(listener.accept().is_err(), "nobody has connected");
}

#[tokio::test]
async fn a_challenge_that_names_a_foreign_authority_is_refused() {
    let challenges: [fn(u16) -> String; 6] = [
        |_| "https://login.example.com/tenant".to_owned(),
        |port| format!("https://evil.localhost:{port}/tenant"),
        |port| format!("https://xvault.localhost:{port}/tenant"),
        |port| format!("https://sub.demo.vault.localhost:{port}/tenant"),
        |port| format!("http://vault.localhost:{port}/tenant"),
        |port| format!("https://vault.localhost:{}/tenant", port ^ 1),
    ];
    for authority in challenges {
        let server = Hostile::start(401, "www-authenticate", |port| {
            format!("Bearer authorization=\"{}\", resource=\"https://vault.localhost\"", authority(port))
        });
        let error = challenge(&server.client(), &server.url(), None).await.unwrap_err().to_string();
        assert!(error.contains("points to another site"), "{}: {error}", authority(server.port));
        assert_eq!(server.asked(), 1);
    }
    let server = Hostile::start(401, "www-authenticate", |port| {
        format!("Bearer authorization=\"https://vault.localhost:{port}/tenant\", resource=\"https://vault.localhost\"")
    });
    let (authority, _) = challenge(&server.client(), &server.url(), None).await.unwrap();
    assert_eq!(authority, format!("https://vault.localhost:{}/tenant", server.port));
}
