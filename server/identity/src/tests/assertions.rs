//! Client assertions: by a federated issuer, and by the workload's own certificate.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use strongroom_crypto::SecretText;
use strongroom_domain::identity::{CertificateCredential, Federation, Workload};
use uuid::Uuid;

use crate::{
    FederationIssuers, IssuerConfig, TokenError,
    test_support::{BASE, CLIENT, FakeIssuer, Forge, Gatekeeper, INSTALLATION, NOW, key_set, signer},
    token_endpoint::{AssertionProof, CredentialError, TokenEndpointError, check_assertion, token_endpoints},
};

const FEDERATION_AUDIENCE: &str = "api://AzureADTokenExchange";

fn endpoints() -> Vec<String> {
    token_endpoints(BASE, INSTALLATION)
}

fn federated(issuer: &str) -> Workload {
    let federation = Federation {
        issuer: issuer.into(),
        subject: "repo:1".into(),
        audience: FEDERATION_AUDIENCE.into(),
        pattern: false,
    };
    Workload { federations: vec![federation], ..Workload::new(CLIENT, "app") }
}

fn assertion(issuer: &str) -> Forge {
    Forge::new(issuer, &signer(2)).claim("sub", "repo:1").claim("aud", FEDERATION_AUDIENCE).claim("jti", "j1")
}

#[tokio::test]
async fn an_assertion_counts_for_the_workload_that_names_it_exactly() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let name = issuer.name();
    let gate = Gatekeeper::new(vec![IssuerConfig::new(&name, Vec::new())]);
    let check = async |workload: Option<&Workload>, forge: Forge, seed: u64| {
        check_assertion(&gate.issuers, &endpoints(), workload, &SecretText::new(forge.sign(&signer(seed))), NOW).await
    };
    let known = federated(&name);
    let proof = check(Some(&known), assertion(&name), 2).await.unwrap();
    assert_eq!(
        proof,
        AssertionProof { credential: format!("{name}#repo:1"), id: known.federations[0].id(), once: None }
    );
    let typed = assertion(&name).header("typ", "client-authentication+jwt");
    assert!(check(Some(&known), typed, 2).await.is_ok());

    use CredentialError::*;
    let cases = [
        ("another subject", assertion(&name).claim("sub", "repo:2"), 2, NoFederation),
        ("another audience", assertion(&name).claim("aud", BASE), 2, NoFederation),
        ("another issuer", assertion(&name).claim("iss", "https://id.example"), 2, NoFederation),
        ("expired", assertion(&name).claim("exp", NOW), 2, OutOfTime),
        ("not valid yet", assertion(&name).claim("nbf", NOW + 61), 2, OutOfTime),
        ("another key", assertion(&name), 3, Assertion(TokenError::BadSignature)),
        ("no subject", assertion(&name).claim("sub", Value::Null), 2, Assertion(TokenError::Malformed)),
        ("an access token", assertion(&name).header("typ", "at+jwt"), 2, Assertion(TokenError::WrongType)),
    ];
    for (lie, forge, seed, reason) in cases {
        assert_eq!(check(Some(&known), forge, seed).await, Err(reason), "{lie}");
    }
    assert_eq!(check(None, assertion(&name), 2).await, Err(UnknownFederatedClient));
    assert_eq!(check(Some(&Workload::new(CLIENT, "app")), assertion(&name), 2).await, Err(NoFederation));
    let disabled = Workload { enabled: false, ..federated(&name) };
    assert_eq!(check(Some(&disabled), assertion(&name), 2).await, Err(DisabledFederated));
    assert_eq!(check(Some(&disabled), assertion(&name), 3).await, Err(Assertion(TokenError::BadSignature)));
    let late = assertion(&name).claim("exp", NOW);
    assert_eq!(check(Some(&disabled), late, 2).await, Err(OutOfTime), "told to nobody else");
}

#[tokio::test]
async fn issuers_that_only_a_federation_names_count_if_so_configured() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let name = issuer.name();
    let shown = SecretText::new(assertion(&name).sign(&signer(2)));
    let closed = Gatekeeper::new(Vec::new());
    let refused = check_assertion(&closed.issuers, &endpoints(), Some(&federated(&name)), &shown, NOW).await;
    assert_eq!(refused, Err(CredentialError::Assertion(TokenError::UnknownIssuer)));
    assert_eq!(issuer.key_fetches().await, 0);

    let open = Gatekeeper::with(Vec::new(), FederationIssuers::AsRegistered);
    assert!(check_assertion(&open.issuers, &endpoints(), Some(&federated(&name)), &shown, NOW).await.is_ok());
    assert!(check_assertion(&open.issuers, &endpoints(), Some(&federated(&name)), &shown, NOW).await.is_ok());
    assert_eq!(issuer.key_fetches().await, 1);
    // It stays no issuer of bearer tokens.
    let bearer = Forge::new(&name, &signer(2)).sign(&signer(2));
    assert_eq!(open.ask(&bearer).await.err(), Some(TokenError::UnknownIssuer));
    // A workload cannot be federated with the installation's own tokens: they would renew themselves.
    let own = crate::token_endpoint::own_issuer(BASE, INSTALLATION);
    let token = Forge::new(&own, &signer(1)).claim("sub", "repo:1").claim("aud", FEDERATION_AUDIENCE).sign(&signer(1));
    let refused =
        check_assertion(&open.issuers, &endpoints(), Some(&federated(&own)), &SecretText::new(token), NOW).await;
    assert_eq!(refused, Err(CredentialError::Assertion(TokenError::UnknownIssuer)));
}

#[tokio::test]
async fn nobody_can_make_the_server_ask_a_host_of_their_choice() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::with(Vec::new(), FederationIssuers::AsRegistered);
    let shown = SecretText::new(assertion(&issuer.name()).sign(&signer(2)));
    for workload in [None, Some(Workload::new(CLIENT, "app")), Some(federated("https://id.example"))] {
        assert!(check_assertion(&gate.issuers, &endpoints(), workload.as_ref(), &shown, NOW).await.is_err());
    }
    assert!(issuer.server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unreachable_issuer_is_answered_as_a_federation_that_is_not_there() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    issuer.answer_with(500);
    let gate = Gatekeeper::with(Vec::new(), FederationIssuers::AsRegistered);
    let shown = SecretText::new(assertion(&issuer.name()).sign(&signer(2)));
    let error =
        check_assertion(&gate.issuers, &endpoints(), Some(&federated(&issuer.name())), &shown, NOW).await.unwrap_err();
    assert_eq!(error, CredentialError::Assertion(TokenError::IssuerUnavailable), "so the record says");
    assert_eq!(TokenEndpointError::from(error), TokenEndpointError::from(CredentialError::NoFederation));
}

#[tokio::test]
async fn a_subject_pattern_lets_in_what_it_covers() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let name = issuer.name();
    let gate = Gatekeeper::new(vec![IssuerConfig::new(&name, Vec::new())]);
    let subject = "repo:acme/app:ref:refs/heads/*".to_owned();
    let federation = Federation { issuer: name.clone(), subject, audience: FEDERATION_AUDIENCE.into(), pattern: true };
    let workload = Workload { federations: vec![federation], ..Workload::new(CLIENT, "app") };
    for (subject, right) in [("repo:acme/app:ref:refs/heads/main", true), ("repo:acme/app:ref:refs/tags/v1", false)] {
        let shown = SecretText::new(assertion(&name).claim("sub", subject).sign(&signer(2)));
        let proof = check_assertion(&gate.issuers, &endpoints(), Some(&workload), &shown, NOW).await;
        match proof {
            Ok(proof) => assert_eq!((right, proof.credential), (true, format!("{name}#{subject}"))),
            Err(error) => assert_eq!((right, error), (false, CredentialError::NoFederation)),
        }
    }
}

struct Certified {
    key: RsaKeyPair,
    other: RsaKeyPair,
    workload: Workload,
}

impl Certified {
    fn new() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let certificate = CertificateCredential {
            id: Uuid::from_u128(77),
            name: "CN=app".into(),
            sha1: vec![1; 20],
            sha256: vec![2; 32],
            public_key: key.public_key().as_ref().to_vec(),
            not_before: NOW - 10,
            expires: NOW + 1000,
            created: NOW,
        };
        let workload = Workload { certificates: vec![certificate], ..Workload::new(CLIENT, "app") };
        Self { key, other: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), workload }
    }
}

/// What MSAL writes: padded fingerprints, times with fractions.
fn own() -> Forge {
    let mut forge = Forge::new(&CLIENT.to_string(), &signer(1));
    forge.header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": URL_SAFE.encode([2; 32]) });
    forge
        .claim("sub", CLIENT.to_string())
        .claim("aud", format!("{BASE}/{INSTALLATION}/oauth2/v2.0/token"))
        .claim("exp", NOW as f64 + 600.5)
        .claim("iat", NOW as f64 + 0.5)
        .claim("jti", "j1")
}

fn rsa(forge: &Forge, key: &RsaKeyPair, padding: &'static dyn RsaEncoding) -> SecretText {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&forge.header), part(&forge.claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    SecretText::new(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[tokio::test]
async fn a_workloads_own_assertion_counts_by_its_registered_certificate() {
    let certified = Certified::new();
    let gate = Gatekeeper::new(Vec::new());
    let check = async |workload: &Workload, assertion: SecretText| {
        check_assertion(&gate.issuers, &endpoints(), Some(workload), &assertion, NOW).await
    };
    let known = &certified.workload;
    let good = check(known, rsa(&own(), &certified.key, &RSA_PSS_SHA256)).await.unwrap();
    assert_eq!(good.credential, Uuid::from_u128(77).to_string());
    let once = good.once.unwrap();
    assert_eq!((once.used, once.expires), (NOW, NOW + 600));
    // As for AD FS: RS256, and the older fingerprint.
    let older = own()
        .header("alg", "RS256")
        .header("x5t#S256", Value::Null)
        .header("x5t", URL_SAFE_NO_PAD.encode([1; 20]))
        .claim("aud", format!("{BASE}/adfs/oauth2/token"));
    let older = check(known, rsa(&older, &certified.key, &RSA_PKCS1_SHA256)).await.unwrap();
    assert_eq!(older.once.unwrap().id_hash, once.id_hash, "the same jti is the same assertion");
    let another = check(known, rsa(&own().claim("jti", "j2"), &certified.key, &RSA_PSS_SHA256)).await.unwrap();
    assert_ne!(another.once.unwrap().id_hash, once.id_hash);

    use CredentialError::{Assertion, NoCertificate, NoFederation, OutOfTime, WrongAudience};
    let x5t = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let cases = [
        ("no fingerprint", own().header("x5t#S256", Value::Null), NoCertificate),
        ("a key id instead", own().header("x5t#S256", Value::Null).header("kid", "77"), NoCertificate),
        ("another fingerprint", own().header("x5t#S256", x5t(&[3; 32])), NoCertificate),
        ("one fingerprint of two is another's", own().header("x5t", x5t(&[3; 20])), NoCertificate),
        ("half a fingerprint", own().header("x5t#S256", x5t(&[2; 16])), Assertion(TokenError::Malformed)),
        ("a fingerprint that is a list", own().header("x5t#S256", json!([1])), Assertion(TokenError::Malformed)),
        ("another subject", own().claim("sub", Uuid::from_u128(1).to_string()), NoCertificate),
        ("another issuer", own().claim("iss", Uuid::from_u128(1).to_string()), NoFederation),
        ("the issuer in capitals", own().claim("iss", CLIENT.to_string().to_uppercase()), NoFederation),
        ("the API as audience", own().claim("aud", BASE), WrongAudience),
        (
            "Entra as audience",
            own().claim("aud", "https://login.microsoftonline.com/x/oauth2/v2.0/token"),
            WrongAudience,
        ),
        ("no audience", own().claim("aud", Value::Null), WrongAudience),
        ("expired", own().claim("exp", NOW), OutOfTime),
        ("for longer than an hour", own().claim("exp", NOW + 3661), OutOfTime),
        ("not valid yet", own().claim("nbf", NOW + 61), OutOfTime),
        ("no expiry", own().claim("exp", Value::Null), Assertion(TokenError::Malformed)),
        ("no jti", own().claim("jti", Value::Null), Assertion(TokenError::Malformed)),
        ("an empty jti", own().claim("jti", ""), Assertion(TokenError::Malformed)),
        ("a long jti", own().claim("jti", "j".repeat(257)), Assertion(TokenError::Malformed)),
        ("an access token", own().header("typ", "at+jwt"), Assertion(TokenError::WrongType)),
        ("critical headers", own().header("crit", json!(["exp"])), Assertion(TokenError::Malformed)),
        ("a chain of another key", own().header("x5c", json!(["AAAA"])).claim("aud", BASE), WrongAudience),
    ];
    for (lie, forge, reason) in cases {
        assert_eq!(check(known, rsa(&forge, &certified.key, &RSA_PSS_SHA256)).await, Err(reason), "{lie}");
    }
    let bad = Err(Assertion(TokenError::BadSignature));
    assert_eq!(check(known, rsa(&own(), &certified.other, &RSA_PSS_SHA256)).await, bad, "another key");
    assert_eq!(check(known, rsa(&own(), &certified.key, &RSA_PKCS1_SHA256)).await, bad, "another padding");
    let sha512 = rsa(&own().header("alg", "RS512"), &certified.key, &RSA_PKCS1_SHA512);
    assert_eq!(check(known, sha512).await, Err(Assertion(TokenError::ForbiddenAlgorithm)));
    let own_kind = SecretText::new(own().header("alg", "ES256").sign(&signer(1)));
    assert_eq!(check(known, own_kind).await, Err(Assertion(TokenError::ForbiddenAlgorithm)), "our own token key");
    let public = jsonwebtoken::EncodingKey::from_secret(&known.certificates[0].public_key);
    let confused = own().header("alg", "HS256").sign_as(&public, jsonwebtoken::Algorithm::HS256);
    let confused = check(known, SecretText::new(confused)).await;
    assert_eq!(confused, Err(Assertion(TokenError::ForbiddenAlgorithm)), "the public key as a secret");
}

#[tokio::test]
async fn a_certificate_counts_within_its_time_for_its_workload_while_registered() {
    let certified = Certified::new();
    let gate = Gatekeeper::new(Vec::new());
    let shown = |now: i64| rsa(&own().claim("exp", now + 60), &certified.key, &RSA_PSS_SHA256);
    let check = async |workload: Option<&Workload>, now: i64| {
        let own = own().claim("iat", now).claim("nbf", now).claim("exp", now + 60);
        let assertion = rsa(&own, &certified.key, &RSA_PSS_SHA256);
        check_assertion(&gate.issuers, &endpoints(), workload, &assertion, now).await.map(drop)
    };
    let known = &certified.workload;
    assert_eq!(check(Some(known), NOW + 999).await, Ok(()));
    assert_eq!(check(Some(known), NOW + 1000).await, Err(CredentialError::NoCertificate), "it has expired");
    assert_eq!(check(Some(known), NOW - 71).await, Err(CredentialError::NoCertificate), "it is not valid yet");
    let without = Workload { certificates: Vec::new(), ..known.clone() };
    assert_eq!(check(Some(&without), NOW).await, Err(CredentialError::NoCertificate));
    let disabled = Workload { enabled: false, ..known.clone() };
    assert_eq!(check(Some(&disabled), NOW).await, Err(CredentialError::DisabledFederated));
    assert_eq!(check(None, NOW).await, Err(CredentialError::UnknownFederatedClient));
    let other = Workload { client_id: Uuid::from_u128(5), ..known.clone() };
    let refused = check_assertion(&gate.issuers, &endpoints(), Some(&other), &shown(NOW), NOW).await;
    assert_eq!(refused.err(), Some(CredentialError::NoFederation), "signed for another client");
}
