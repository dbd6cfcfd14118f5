//! Keys of issuers: fetched when needed, not more often than is polite, and kept through an outage.

use std::time::Duration;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::KeySize,
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents},
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use strongroom_crypto::{AuditSigner, SeededEntropy};

use crate::{
    FederationIssuers, HttpClient, IssuerConfig, IssuerConfigError, Issuers,
    TokenError::*,
    TrustedRoots,
    jwks::{HARD_AGE_SECONDS, REFRESH_INTERVAL_SECONDS, SOFT_AGE_SECONDS},
    test_support::{BASE, FakeIssuer, Forge, Gatekeeper, ManualClock, NOW, authority, key_set, signer},
};

fn config(issuer: &FakeIssuer) -> IssuerConfig {
    IssuerConfig::new(issuer.name(), vec![BASE.into()])
}

/// A token that is still good in a week.
fn long_lived(issuer: &FakeIssuer, seed: u64) -> Forge {
    Forge::new(&issuer.name(), &signer(seed)).claim("exp", NOW + 7 * 86_400)
}

#[tokio::test]
async fn nothing_is_fetched_before_it_is_needed_and_then_once() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    assert_eq!(issuer.key_fetches().await, 0);
    for subject in ["ada", "grace", "edsger"] {
        assert!(gate.ask(&long_lived(&issuer, 2).claim("sub", subject).sign(&signer(2))).await.is_ok());
    }
    assert_eq!(issuer.key_fetches().await, 1);
}

#[tokio::test]
async fn many_at_once_cause_one_fetch() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = std::sync::Arc::new(Gatekeeper::new(vec![config(&issuer)]));
    let tasks: Vec<_> = (0..32)
        .map(|number| {
            let (gate, token) =
                (gate.clone(), long_lived(&issuer, 2).claim("sub", format!("s{number}")).sign(&signer(2)));
            tokio::spawn(async move { gate.ask(&token).await.is_ok() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(issuer.key_fetches().await, 1);
}

#[tokio::test]
async fn an_unknown_key_causes_at_most_one_fetch_in_the_interval() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    assert!(gate.ask(&long_lived(&issuer, 2).sign(&signer(2))).await.is_ok());
    for seed in 10..30 {
        assert_eq!(gate.ask(&long_lived(&issuer, seed).sign(&signer(seed))).await.err(), Some(UnknownKey));
    }
    assert_eq!(issuer.key_fetches().await, 1);
    gate.clock.advance(REFRESH_INTERVAL_SECONDS as i64);
    for seed in 10..30 {
        assert_eq!(gate.ask(&long_lived(&issuer, seed).sign(&signer(seed))).await.err(), Some(UnknownKey));
    }
    assert_eq!(issuer.key_fetches().await, 2);
}

#[tokio::test]
async fn a_rotated_key_is_found_and_the_old_one_forgotten() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    let old = long_lived(&issuer, 2).sign(&signer(2));
    assert!(gate.ask(&old).await.is_ok());
    issuer.publish(key_set(&[&signer(3)]));
    gate.clock.advance(REFRESH_INTERVAL_SECONDS as i64);
    assert!(gate.ask(&old).await.is_ok(), "remembered, and nobody has asked the issuer yet");
    assert!(gate.ask(&long_lived(&issuer, 3).sign(&signer(3))).await.is_ok());
    assert_eq!(gate.ask(&old).await.err(), Some(UnknownKey), "no longer remembered");
}

#[tokio::test]
async fn a_withdrawn_key_is_noticed_behind_the_scenes() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    let token = long_lived(&issuer, 2).sign(&signer(2));
    assert!(gate.ask(&token).await.is_ok());
    issuer.publish(key_set(&[&signer(3)]));
    gate.clock.advance(SOFT_AGE_SECONDS as i64);
    for _ in 0..500 {
        if gate.ask(&token).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the withdrawn key still counts");
}

#[tokio::test]
async fn an_outage_is_survived_for_a_day() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    let token = long_lived(&issuer, 2).sign(&signer(2));
    assert!(gate.ask(&token).await.is_ok());
    issuer.answer_with(503);
    gate.clock.advance(HARD_AGE_SECONDS as i64 - 1);
    assert!(gate.ask(&token).await.is_ok());
    let new = long_lived(&issuer, 3).sign(&signer(3));
    assert_eq!(gate.ask(&new).await.err(), Some(IssuerUnavailable));
    gate.clock.advance(1);
    gate.clock.advance(crate::bearer::REMEMBERED_SECONDS as i64);
    assert_eq!(gate.ask(&token).await.err(), Some(IssuerUnavailable));
    issuer.answer_with(200);
    gate.clock.advance(REFRESH_INTERVAL_SECONDS as i64);
    assert!(gate.ask(&token).await.is_ok());
}

#[tokio::test]
async fn failures_are_retried_soon_at_first_and_then_ever_later() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    issuer.answer_with(500);
    let mut config = config(&issuer);
    config.jwks_uri = Some(format!("{}/jwks", issuer.name()));
    let gate = Gatekeeper::new(vec![config]);
    let token = long_lived(&issuer, 2).sign(&signer(2));
    let mut fetches_after = Vec::new();
    for _ in 0..100 {
        assert_eq!(gate.ask(&token).await.err(), Some(IssuerUnavailable));
        fetches_after.push(issuer.key_fetches().await);
        gate.clock.advance(1);
    }
    let changes: Vec<_> = (1..100).filter(|i| fetches_after[*i] != fetches_after[i - 1]).collect();
    assert_eq!(changes, [1, 3, 7, 15, 31, 61, 91]);
    issuer.answer_with(200);
    gate.clock.advance(30);
    assert!(gate.ask(&token).await.is_ok());
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_keep_keys_from_being_fetched() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    let token = long_lived(&issuer, 2).sign(&signer(2));
    let hung_up = tokio::time::timeout(Duration::ZERO, gate.ask(&token)).await;
    assert!(hung_up.is_err());
    assert!(gate.ask(&token).await.is_ok());
    assert_eq!(issuer.key_fetches().await, 1);
}

#[tokio::test]
async fn documents_of_another_issuer_or_without_keys_do_not_count() {
    let discoveries: [fn(&str) -> Value; 5] = [
        |uri| json!({ "issuer": format!("{uri}/"), "jwks_uri": format!("{uri}/jwks") }),
        |uri| json!({ "issuer": "https://id.example", "jwks_uri": format!("{uri}/jwks") }),
        |uri| json!({ "issuer": uri }),
        |uri| json!({ "issuer": uri, "jwks_uri": "http://id.example/jwks" }),
        |uri| json!({ "issuer": uri, "jwks_uri": "file:///etc/passwd" }),
    ];
    for discovery in discoveries {
        let issuer = FakeIssuer::start_with(key_set(&[&signer(2)]), discovery).await;
        let gate = Gatekeeper::new(vec![config(&issuer)]);
        assert_eq!(gate.ask(&long_lived(&issuer, 2).sign(&signer(2))).await.err(), Some(IssuerUnavailable));
    }
    let symmetric = json!({ "keys": [{ "kty": "oct", "k": "AAAA", "kid": signer(2).key_id() }] });
    for keys in [json!({ "keys": [] }), json!({}), json!([]), symmetric] {
        let issuer = FakeIssuer::start(keys).await;
        let gate = Gatekeeper::new(vec![config(&issuer)]);
        assert_eq!(gate.ask(&long_lived(&issuer, 2).sign(&signer(2))).await.err(), Some(IssuerUnavailable));
    }
}

#[tokio::test]
async fn keys_for_other_uses_do_not_verify() {
    let jwk = serde_json::to_value(signer(2).jwk()).unwrap();
    let with = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        jwk
    };
    for key in [
        with("use", json!("enc")),
        with("key_ops", json!(["encrypt"])),
        with("alg", json!("ES384")),
        with("alg", json!("ECDH-ES")),
        with("kty", json!("OKP")),
        with("crv", json!("P-384")),
        with("x", json!("AAAA")),
    ] {
        let other = serde_json::to_value(signer(3).jwk()).unwrap();
        let issuer = FakeIssuer::start(json!({ "keys": [key, other] })).await;
        let gate = Gatekeeper::new(vec![config(&issuer)]);
        assert_eq!(gate.ask(&long_lived(&issuer, 2).sign(&signer(2))).await.err(), Some(UnknownKey), "{key}");
    }
}

#[tokio::test]
async fn a_token_without_key_id_needs_a_single_fitting_key() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    let token = long_lived(&issuer, 2).header("kid", Value::Null).sign(&signer(2));
    assert!(gate.ask(&token).await.is_ok());
    let issuer = FakeIssuer::start(key_set(&[&signer(2), &signer(3)])).await;
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    let token = long_lived(&issuer, 2).header("kid", Value::Null).sign(&signer(2));
    assert_eq!(gate.ask(&token).await.err(), Some(UnknownKey));
}

#[tokio::test]
async fn every_permitted_algorithm_verifies() {
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = RsaPublicKeyComponents::<Vec<u8>>::from(rsa.public_key());
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = rsa.as_der().unwrap();
    // The token library wants PKCS#1, which lies inside PKCS#8 behind version, algorithm and lengths.
    let rsa_key = EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]);
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
    let point = p384.public_key().as_ref().to_vec();
    let p384_key = EncodingKey::from_ec_der(p384.to_pkcs8v1().unwrap().as_ref());
    let ed = AuditSigner::generate(&SeededEntropy::new(4)).ok().unwrap();
    let ed_key = EncodingKey::from_ed_der(ed.to_pkcs8().expose());
    let keys = json!({ "keys": [
        { "kty": "RSA", "kid": "rsa", "n": b64(&public.n), "e": b64(&public.e) },
        { "kty": "EC", "crv": "P-384", "kid": "p384", "x": b64(&point[1..49]), "y": b64(&point[49..]) },
        { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(&ed.public_key()), "use": "sig" },
    ]});
    let issuer = FakeIssuer::start(keys).await;
    let mut only_pss = config(&issuer);
    only_pss.algorithms = vec!["PS256".into()];
    let gate = Gatekeeper::new(vec![config(&issuer)]);
    let strict = Gatekeeper::new(vec![only_pss]);
    for (kid, name, key, algorithm) in [
        ("rsa", "RS256", &rsa_key, Algorithm::RS256),
        ("rsa", "PS256", &rsa_key, Algorithm::PS256),
        ("p384", "ES384", &p384_key, Algorithm::ES384),
        ("ed", "EdDSA", &ed_key, Algorithm::EdDSA),
    ] {
        let token = long_lived(&issuer, 2).header("kid", kid).header("alg", name).sign_as(key, algorithm);
        assert!(gate.ask(&token).await.is_ok(), "{name}");
        let expected = if name == "PS256" { None } else { Some(ForbiddenAlgorithm) };
        assert_eq!(strict.ask(&token).await.err(), expected, "{name}");
    }
    let not_configured = long_lived(&issuer, 2).header("kid", "rsa").header("alg", "RS512");
    let token = not_configured.sign_as(&rsa_key, Algorithm::RS512);
    assert_eq!(gate.ask(&token).await.err(), Some(ForbiddenAlgorithm));
}

#[tokio::test]
async fn configuration_is_refused_early() {
    let strict = HttpClient::new(TrustedRoots::Only(authority()), false).unwrap();
    let build = |config: Vec<IssuerConfig>| {
        let federation = FederationIssuers::ConfiguredOnly;
        Issuers::new("https://own", BASE, &[signer(1).jwk()], config, federation, strict.clone(), ManualClock::new())
            .err()
    };
    let good = || IssuerConfig::new("https://id.example", vec![BASE.into()]);
    let name = || "https://id.example".to_owned();
    assert_eq!(build(vec![good()]), None);
    assert_eq!(build(vec![good(), good()]), Some(IssuerConfigError::Duplicate(name())));
    for address in [
        "http://id.example",
        "http://127.0.0.1:1",
        "id.example",
        "https://id.example?x",
        "https://id.example#x",
        "https://id.example\n",
    ] {
        let config = IssuerConfig::new(address, Vec::new());
        assert_eq!(build(vec![config]), Some(IssuerConfigError::NotAnAddress(address.into())), "{address}");
    }
    assert_eq!(
        build(vec![IssuerConfig::new("https://own", Vec::new())]),
        Some(IssuerConfigError::Duplicate("https://own".into()))
    );
    for algorithms in [vec![], vec!["none"], vec!["HS256"], vec!["RS256", "HS256"], vec!["ES256K"]] {
        let mut config = good();
        config.algorithms = algorithms.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(build(vec![config]), Some(IssuerConfigError::BadAlgorithm(name())), "{algorithms:?}");
    }
    let mut config = good();
    config.kind = strongroom_domain::principal::PrincipalKind::System;
    assert_eq!(build(vec![config]), Some(IssuerConfigError::BadKind(name())));
    let mut config = good();
    config.jwks_uri = Some("http://id.example/jwks".into());
    assert_eq!(build(vec![config]), Some(IssuerConfigError::BadJwksUri(name())));
}
