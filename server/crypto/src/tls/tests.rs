use super::*;
use crate::entropy::{NoEntropy, SeededEntropy};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::sync::Arc;
use std::time::Duration as StdDuration;
use time::macros::datetime;

const START: OffsetDateTime = datetime!(2030-01-01 00:00 UTC);

fn authority(seed: u64) -> DevAuthority {
    DevAuthority::create("Strongroom development CA", START, &SeededEntropy::new(seed)).ok().unwrap()
}

fn leaf() -> (String, SecretText) {
    let names = ["vault.localhost", "*.vault.localhost", "localhost"].map(str::to_owned);
    let ips = ["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    authority(1).issue_server(&names, &ips, START, 90, &SeededEntropy::new(2)).ok().unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// Verifies the leaf as a client would who trusts `authority`, `after` days after it was issued.
fn verify(authority: &DevAuthority, name: &str, after: i64) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority.ca_cert_pem)).unwrap();
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build().unwrap();
    let moment = u64::try_from((START + Duration::days(after)).unix_timestamp()).unwrap();
    verifier
        .verify_server_cert(
            &der(&leaf().0),
            &[],
            &ServerName::try_from(name.to_owned()).unwrap(),
            &[],
            UnixTime::since_unix_epoch(StdDuration::from_secs(moment)),
        )
        .map(|_| ())
}

#[test]
fn a_client_that_trusts_the_authority_accepts_the_server_by_each_of_its_names() {
    for name in ["vault.localhost", "demo.vault.localhost", "localhost", "127.0.0.1", "::1"] {
        assert!(verify(&authority(1), name, 1).is_ok(), "{name}");
    }
}

#[test]
fn other_names_authorities_and_moments_are_refused() {
    assert!(verify(&authority(1), "example.com", 1).is_err());
    assert!(verify(&authority(1), "a.b.vault.localhost", 1).is_err());
    assert!(verify(&authority(1), "127.0.0.2", 1).is_err());
    assert!(verify(&authority(2), "vault.localhost", 1).is_err());
    assert!(verify(&authority(1), "vault.localhost", -1).is_err());
    assert!(verify(&authority(1), "vault.localhost", 89).is_ok());
    assert!(verify(&authority(1), "vault.localhost", 91).is_err());
}

#[test]
fn the_leaf_is_for_servers_and_not_for_clients() {
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority(1).ca_cert_pem)).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider())).build().unwrap();
    let moment = u64::try_from(START.unix_timestamp()).unwrap() + 60;
    let now = UnixTime::since_unix_epoch(StdDuration::from_secs(moment));
    assert!(verifier.verify_client_cert(&der(&leaf().0), &[], now).is_err());
}

#[test]
fn a_server_accepts_the_certificate_with_its_key_and_no_other() {
    let (certificate, key) = leaf();
    let serve = |key_pem: &str| {
        rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![der(&certificate)], PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap())
    };
    assert!(serve(key.expose()).is_ok());
    assert!(serve(authority(1).ca_key_pem.expose()).is_err());
}

/// Looks for the encodings that strict clients insist on (RFC 5280 section 4.2.1).
#[test]
fn the_extensions_strict_clients_need_are_there() {
    let contains =
        |certificate: &CertificateDer<'_>, bytes: &[u8]| certificate.windows(bytes.len()).any(|window| window == bytes);
    // OIDs 2.5.29.x with the critical flag (01 01 FF) where it is asked for.
    const SUBJECT_KEY_ID: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0e, 0x04];
    const AUTHORITY_KEY_ID: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x23, 0x04];
    const CRITICAL_KEY_USAGE: &[u8] = &[0x06, 0x03, 0x55, 0x1d, 0x0f, 0x01, 0x01, 0xff];
    // Basic constraints, critical, an octet string: CA true with path length 0; empty.
    const CA_PATH_0: &[u8] =
        &[0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x08, 0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x00];
    const NO_CA: &[u8] = &[0x55, 0x1d, 0x13, 0x01, 0x01, 0xff, 0x04, 0x02, 0x30, 0x00];
    // Extended key usage: serverAuth (1.3.6.1.5.5.7.3.1).
    const SERVER_AUTH: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];

    let (ca, leaf) = (der(&authority(1).ca_cert_pem), der(&leaf().0));
    for certificate in [&ca, &leaf] {
        for extension in [SUBJECT_KEY_ID, AUTHORITY_KEY_ID, CRITICAL_KEY_USAGE] {
            assert!(contains(certificate, extension));
        }
    }
    assert!(contains(&ca, CA_PATH_0));
    assert!(contains(&leaf, NO_CA));
    assert!(contains(&leaf, SERVER_AUTH));
    assert!(!contains(&ca, SERVER_AUTH));
}

#[test]
fn a_stored_authority_issues_again() {
    let made = authority(1);
    let loaded = DevAuthority {
        ca_cert_pem: made.ca_cert_pem.clone(),
        ca_key_pem: SecretText::new(made.ca_key_pem.expose().to_owned()),
    };
    let names = ["vault.localhost".to_owned()];
    assert!(loaded.issue_server(&names, &[], START, 1, &SeededEntropy::new(3)).is_ok());

    let damaged = DevAuthority { ca_cert_pem: "x".to_owned(), ..made };
    let result = damaged.issue_server(&names, &[], START, 1, &SeededEntropy::new(3));
    assert!(matches!(result.err(), Some(TlsError::Authority(_))));
}

#[test]
fn names_lifetimes_and_missing_randomness_are_refused() {
    let issue = |name: &str, days| {
        authority(1).issue_server(&[name.to_owned()], &[], START, days, &SeededEntropy::new(2)).err()
    };
    assert!(issue("vault.localhost", 397).is_none());
    assert!(matches!(issue("vault.localhost", 398), Some(TlsError::Lifetime)));
    assert!(matches!(issue("vault.localhost", 0), Some(TlsError::Lifetime)));
    let long = "a".repeat(64);
    for name in ["", ".", "a..b", "*", "*.", "a.*.b", "-a", "a b", "pässe.localhost", "a\0b", &long] {
        assert!(matches!(issue(name, 90), Some(TlsError::Name(_))), "{name:?}");
    }
    let none = authority(1).issue_server(&[], &[], START, 90, &SeededEntropy::new(2));
    assert!(matches!(none.err(), Some(TlsError::Name(_))));

    let create = |name: &str, start| DevAuthority::create(name, start, &SeededEntropy::new(1)).err();
    assert!(matches!(create("", START), Some(TlsError::Name(_))));
    assert!(matches!(create(&"a".repeat(65), START), Some(TlsError::Name(_))));
    assert!(matches!(create("CA", datetime!(9999-01-01 00:00 UTC)), Some(TlsError::Lifetime)));
    let none = DevAuthority::create("CA", START, &NoEntropy).err();
    assert!(matches!(none, Some(TlsError::Entropy(_))));
}

#[test]
fn serial_numbers_and_keys_differ() {
    let entropy = SeededEntropy::new(2);
    let issue = || authority(1).issue_server(&["a.localhost".to_owned()], &[], START, 90, &entropy).ok().unwrap();
    let (first, first_key) = issue();
    let (second, second_key) = issue();
    assert_ne!(der(&first), der(&second));
    assert_ne!(first_key.expose(), second_key.expose());
}
