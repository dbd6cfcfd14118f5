//! The token endpoint: who gets a token, what is in it, and how errors read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_crypto::{MacKey, RootKey, SecretText, SeededEntropy, hash_client_secret, new_client_secret};
use strongroom_domain::identity::{ClientSecretHash, Federation, Workload};
use uuid::Uuid;

use crate::{
    FederationIssuers, IssuerConfig, TokenError,
    test_support::{BASE, CLIENT, FakeIssuer, Forge, Gatekeeper, INSTALLATION, NOW, key_set, signer},
    token_endpoint::{
        CredentialError, Protocol, Tenant, TokenEndpointError, TokenMinter, check_assertion, check_secret, discovery,
        jwks,
    },
};

const FEDERATION_AUDIENCE: &str = "api://AzureADTokenExchange";

fn mac() -> MacKey {
    RootKey::generate(&SeededEntropy::new(7)).ok().unwrap().mac_key("client-secrets-v1", INSTALLATION.as_bytes())
}

fn secret(seed: u64) -> SecretText {
    new_client_secret(&SeededEntropy::new(seed)).unwrap()
}

fn stored(id: u128, seed: u64, expires: Option<i64>) -> ClientSecretHash {
    let hash = hash_client_secret(&mac(), &CLIENT.to_string(), secret(seed).expose()).to_vec();
    ClientSecretHash { id: Uuid::from_u128(id), hash, expires }
}

fn workload() -> Workload {
    Workload {
        client_id: CLIENT,
        name: "app".into(),
        enabled: true,
        secrets: vec![stored(1, 1, None), stored(2, 2, Some(NOW))],
        federations: Vec::new(),
        revision: 1,
        tag: Vec::new(),
    }
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
    let without = Workload { secrets: Vec::new(), ..workload() };
    assert_eq!(check(Some(&without), &secret(1)), Err(CredentialError::WrongSecret));
    let other = Workload { client_id: Uuid::from_u128(5), ..workload() };
    assert_eq!(check(Some(&other), &secret(1)), Err(CredentialError::WrongSecret));
}

#[test]
fn no_answer_tells_why_a_credential_is_refused() {
    use CredentialError::*;
    for error in [UnknownClient, Disabled, WrongSecret, ExpiredSecret] {
        assert_eq!(TokenEndpointError::from(error), TokenEndpointError::InvalidClientSecret);
    }
    for error in [UnknownFederatedClient, DisabledFederated, NoFederation, Assertion(TokenError::BadSignature)] {
        assert_eq!(TokenEndpointError::from(error), TokenEndpointError::InvalidClientAssertion);
    }
}

fn federated(issuer: &str) -> Workload {
    let federation =
        Federation { issuer: issuer.into(), subject: "repo:1".into(), audience: FEDERATION_AUDIENCE.into() };
    Workload { federations: vec![federation], ..workload() }
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
        check_assertion(&gate.issuers, workload, &SecretText::new(forge.sign(&signer(seed))), NOW).await
    };
    let known = federated(&name);
    let proof = check(Some(&known), assertion(&name), 2).await.unwrap();
    assert_eq!((proof.issuer.as_str(), proof.subject.as_str()), (name.as_str(), "repo:1"));
    assert_eq!((proof.jti.as_deref(), proof.expires), (Some("j1"), NOW + 3600));
    let typed = assertion(&name).header("typ", "client-authentication+jwt");
    assert!(check(Some(&known), typed, 2).await.is_ok());

    use CredentialError::*;
    let cases = [
        ("another subject", assertion(&name).claim("sub", "repo:2"), 2, NoFederation),
        ("another audience", assertion(&name).claim("aud", BASE), 2, NoFederation),
        ("another issuer", assertion(&name).claim("iss", "https://id.example"), 2, NoFederation),
        ("expired", assertion(&name).claim("exp", NOW), 2, Assertion(TokenError::Expired)),
        ("not valid yet", assertion(&name).claim("nbf", NOW + 61), 2, Assertion(TokenError::NotYetValid)),
        ("another key", assertion(&name), 3, Assertion(TokenError::BadSignature)),
        ("no subject", assertion(&name).claim("sub", Value::Null), 2, Assertion(TokenError::Malformed)),
        ("an access token", assertion(&name).header("typ", "at+jwt"), 2, Assertion(TokenError::WrongType)),
    ];
    for (lie, forge, seed, reason) in cases {
        assert_eq!(check(Some(&known), forge, seed).await, Err(reason), "{lie}");
    }
    assert_eq!(check(None, assertion(&name), 2).await, Err(UnknownFederatedClient));
    assert_eq!(check(Some(&workload()), assertion(&name), 2).await, Err(NoFederation));
    let disabled = Workload { enabled: false, ..federated(&name) };
    assert_eq!(check(Some(&disabled), assertion(&name), 2).await, Err(DisabledFederated));
}

#[tokio::test]
async fn issuers_that_only_a_federation_names_count_if_so_configured() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let name = issuer.name();
    let shown = SecretText::new(assertion(&name).sign(&signer(2)));
    let closed = Gatekeeper::new(Vec::new());
    let refused = check_assertion(&closed.issuers, Some(&federated(&name)), &shown, NOW).await;
    assert_eq!(refused, Err(CredentialError::Assertion(TokenError::UnknownIssuer)));
    assert_eq!(issuer.key_fetches().await, 0);

    let open = Gatekeeper::with(Vec::new(), FederationIssuers::AsRegistered);
    assert!(check_assertion(&open.issuers, Some(&federated(&name)), &shown, NOW).await.is_ok());
    assert!(check_assertion(&open.issuers, Some(&federated(&name)), &shown, NOW).await.is_ok());
    assert_eq!(issuer.key_fetches().await, 1);
    // It stays no issuer of bearer tokens.
    let bearer = Forge::new(&name, &signer(2)).sign(&signer(2));
    assert_eq!(open.ask(&bearer).await.err(), Some(TokenError::UnknownIssuer));
    // A workload cannot be federated with the installation's own tokens: they would renew themselves.
    let own = crate::token_endpoint::own_issuer(BASE, INSTALLATION);
    let token = Forge::new(&own, &signer(1)).claim("sub", "repo:1").claim("aud", FEDERATION_AUDIENCE).sign(&signer(1));
    let refused = check_assertion(&open.issuers, Some(&federated(&own)), &SecretText::new(token), NOW).await;
    assert_eq!(refused, Err(CredentialError::Assertion(TokenError::UnknownIssuer)));
}

#[tokio::test]
async fn nobody_can_make_the_server_ask_a_host_of_their_choice() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::with(Vec::new(), FederationIssuers::AsRegistered);
    let shown = SecretText::new(assertion(&issuer.name()).sign(&signer(2)));
    for workload in [None, Some(workload()), Some(federated("https://id.example"))] {
        assert!(check_assertion(&gate.issuers, workload.as_ref(), &shown, NOW).await.is_err());
    }
    assert!(issuer.server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unreachable_issuer_is_a_transient_error() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    issuer.answer_with(500);
    let gate = Gatekeeper::with(Vec::new(), FederationIssuers::AsRegistered);
    let shown = SecretText::new(assertion(&issuer.name()).sign(&signer(2)));
    let error = check_assertion(&gate.issuers, Some(&federated(&issuer.name())), &shown, NOW).await.unwrap_err();
    assert_eq!(TokenEndpointError::from(error), TokenEndpointError::Unavailable);
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[test]
fn a_token_has_the_claims_of_entra() {
    let minter = TokenMinter::new(BASE, INSTALLATION, &signer(1));
    let minted = minter.mint(CLIENT, Uuid::from_u128(9), NOW * 1000 + 999).unwrap();
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
        InvalidClientSecret,
        InvalidClientAssertion,
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
