//! A private CA for servers that bring no certificate of their own.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType};

/// Files of a CA and of one server certificate it issued.
pub(crate) struct Certificates {
    pub(crate) ca: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes them in a folder: for the base in development, vaults below it, and loopback.
    pub(crate) fn make(folder: &Path) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.distinguished_name.push(rcgen::DnType::CommonName, "End-to-end CA");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key")).expect("a CA");

        let names = ["vault.localhost", "*.vault.localhost", "demo.vault.localhost", "localhost"];
        let mut server = CertificateParams::new(names.map(str::to_owned).to_vec()).expect("host names");
        server.subject_alt_names.push(SanType::IpAddress(IpAddr::from(Ipv4Addr::LOCALHOST)));
        let key = KeyPair::generate().expect("a key");
        let certificate = server.signed_by(&key, &authority).expect("a certificate");

        let file = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("a file");
            path
        };
        Self {
            ca: file("ca.pem", &authority.pem()),
            certificate: file("server.pem", &certificate.pem()),
            key: file("server.key", &key.serialize_pem()),
        }
    }

    pub(crate) fn ca_pem(&self) -> Vec<u8> {
        std::fs::read(&self.ca).expect("the CA file")
    }
}

/// A self-signed RSA certificate as a client registers it, and its private key, both PEM.
pub(crate) fn client_certificate() -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.distinguished_name.push(rcgen::DnType::CommonName, "payments");
    let key = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).expect("an RSA key");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}
