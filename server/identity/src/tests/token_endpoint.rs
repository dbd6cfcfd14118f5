//! The token endpoint: who gets a token, what is in it, and how errors read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_crypto::{MacKey, RootKey, SecretText, SeededEntropy, hash_client_secret, new_client_secret};
use strongroom_domain::identity::{ClientSecretHash, Workload};
use uuid::Uuid;

use crate::{
    TokenError,
    test_support::{BASE, CLIENT, INSTALLATION, NOW, ORIGIN, signer},
    token_endpoint::{
        CredentialError, Protocol, Tenant, TokenEndpointError, TokenMinter, check_secret, discovery, jwks,
    },
};

fn mac() -> MacKey {
    RootKey::generate(&SeededEntropy::new(7)).ok().unwrap().mac_key("client-secrets-v1", INSTALLATION.as_bytes())
}

fn secret(seed: u64) -> SecretText {
    new_client_secret(&SeededEntropy::new(seed)).unwrap()
}

fn stored(id: u128, seed: u64, expires: Option<i64>) -> ClientSecretHash {
    let hash = hash_client_secret(&mac(), &CLIENT.to_string(), secret(seed).expose()).to_vec();
    ClientSecretHash { id: Uuid::from_u128(id), hash, expires, name: None, created: None }
}

fn workload() -> Workload {
    Workload { secrets: vec![stored(1, 1, None), stored(2, 2, Some(NOW))], ..Workload::new(CLIENT, "app") }
}

fn check(workload: Option<&Workload>, shown: &SecretText) -> Result<Uuid, CredentialError> {
    check_secret(workload, &mac(), &CLIENT.to_string(), shown, NOW)
}

#[test]
fn a_client_secret_counts_for_its_workload_until_it_expires() {
    let good = workload();
    assert_eq!(check(Some(&good), &secret(1)), Ok(Uuid::from_u128(1)));
    assert_eq!(check(Some(&good), &secret(2)), Err(CredentialError::ExpiredSecret));
    assert_eq!(check_secret(Some(&good), &mac(), "", &secret(2), NOW - 1), Ok(Uuid::from_u128(2)));
    assert_eq!(check(Some(&good), &secret(3)), Err(CredentialError::WrongSecret));
    assert_eq!(check(Some(&good), &SecretText::new(String::new())), Err(CredentialError::WrongSecret));
    assert_eq!(check(None, &secret(1)), Err(CredentialError::UnknownClient));
    let disabled = Workload { enabled: false, ..workload() };
    assert_eq!(check(Some(&disabled), &secret(1)), Err(CredentialError::Disabled));
    assert_eq!(check(Some(&disabled), &secret(2)), Err(CredentialError::ExpiredSecret), "told to nobody else");
    assert_eq!(check(Some(&disabled), &secret(3)), Err(CredentialError::WrongSecret), "told to nobody else");
    let without = Workload { secrets: Vec::new(), ..workload() };
    assert_eq!(check(Some(&without), &secret(1)), Err(CredentialError::WrongSecret));
    let other = Workload { client_id: Uuid::from_u128(5), ..workload() };
    assert_eq!(check(Some(&other), &secret(1)), Err(CredentialError::WrongSecret));
}

#[test]
fn no_answer_tells_why_a_credential_is_refused() {
    use CredentialError::*;
    for error in [UnknownClient, WrongSecret, ExpiredSecret] {
        assert_eq!(TokenEndpointError::from(error), TokenEndpointError::InvalidClientSecret);
    }
    for error in [UnknownFederatedClient, NoFederation, NoCertificate, Assertion(TokenError::BadSignature)] {
        assert_eq!(TokenEndpointError::from(error), TokenEndpointError::InvalidClientAssertion);
    }
    // Of these the credential was looked at first, and is right.
    for error in [Disabled, DisabledFederated] {
        assert_eq!(TokenEndpointError::from(error), TokenEndpointError::ClientDisabled);
    }
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_token_has_the_claims_of_entra() {
    let minter = TokenMinter::new(BASE, INSTALLATION, &signer(1));
    let minted = minter.mint(CLIENT, ORIGIN, Uuid::from_u128(9), NOW * 1000 + 999).unwrap();
    let mut parts = minted.access_token.expose().split('.');
    let header = decoded(parts.next().unwrap());
    assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT", "kid": signer(1).key_id() }));
    insta::assert_json_snapshot!("access_token_claims", decoded(parts.next().unwrap()));
    let body: Value = serde_json::from_slice(&minted.to_json()).unwrap();
    let expected = json!({
        "token_type": "Bearer", "expires_in": 3600, "ext_expires_in": 3600, "access_token": minted.access_token.expose()
    });
    assert_eq!(body, expected);
}

#[test]
fn discovery_documents() {
    let installation = Tenant::Installation(INSTALLATION);
    for (name, tenant, protocol) in [
        ("discovery_v2", installation, Protocol::V2),
        ("discovery_v1", installation, Protocol::V1),
        ("discovery_adfs", Tenant::Adfs, Protocol::V1),
    ] {
        insta::assert_json_snapshot!(name, discovery(BASE, INSTALLATION, tenant, protocol));
    }
    let adfs = |protocol| discovery(BASE, INSTALLATION, Tenant::Adfs, protocol);
    assert_eq!(adfs(Protocol::V1), adfs(Protocol::V2));
    insta::assert_json_snapshot!("key_set", jwks(vec![signer(1).jwk()]));
}

#[test]
fn error_bodies() {
    use TokenEndpointError::*;
    let errors = [
        MissingParameter("grant_type"),
        DuplicateParameter("scope"),
        InvalidInput("client_secret"),
        UnknownTenant,
        UnsupportedGrantType("password".into()),
        InvalidScope("https://vault.azure.net/.default".into()),
        MissingCredential,
        ClientDisabled,
        InvalidClientSecret,
        InvalidClientAssertion,
        AssertionOutOfTime,
        AssertionWrongAudience,
        TooManyRequests,
        Unavailable,
    ];
    let bodies: Vec<Value> = errors
        .iter()
        .map(|error| {
            let body = error.body(Uuid::from_u128(1), Uuid::from_u128(2), NOW * 1000);
            json!({ "status": error.status(), "body": body })
        })
        .collect();
    insta::assert_json_snapshot!("token_endpoint_errors", bodies);
}
