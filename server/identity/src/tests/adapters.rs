//! The ports of the domain, on top of this crate.

use std::sync::Arc;

use strongroom_crypto::{Plaintext, RootKey, SecretText, SeededEntropy, hash_client_secret, new_client_secret};
use strongroom_domain::{
    entrance::{ClientProof, CredentialError, Credentials, Proven},
    identity::{ClientSecretHash, Federation, Workload},
    keyring::Keyring,
    names::InstallationId,
    sign_in::{Authenticator, SignIn, SignInDemand, SignInError, TokenRejected},
    time::Clock,
};
use uuid::Uuid;

use crate::{
    FederationIssuers, IssuerConfig, ProviderConfig, Providers, SignInService, WorkloadCredentials,
    test_support::{
        BASE, CLIENT, FakeIssuer, Forge, Gatekeeper, INSTALLATION, ManualClock, NOW, http_client, key_set, own_keys,
        signer,
    },
    token_endpoint::own_issuer,
};

const NOW_MILLIS: i64 = NOW * 1000;

fn keyring() -> Arc<Keyring> {
    let root = RootKey::generate(&SeededEntropy::new(7)).ok().unwrap();
    Arc::new(Keyring::new(root, InstallationId(INSTALLATION)))
}

fn workload(keyring: &Keyring, secret: &SecretText, federations: Vec<Federation>) -> Workload {
    let hash = hash_client_secret(keyring.credentials(), &CLIENT.to_string(), secret.expose()).to_vec();
    let stored = ClientSecretHash { id: Uuid::from_u128(1), hash, expires: None, name: None, created: None };
    Workload { secrets: vec![stored], federations, ..Workload::new(CLIENT, "app") }
}

#[tokio::test]
async fn a_client_secret_becomes_a_token_that_is_accepted() {
    let gate = Gatekeeper::new(Vec::new());
    let keyring = keyring();
    let credentials = WorkloadCredentials::new(keyring.clone(), gate.issuers.clone(), Vec::new(), own_keys(&gate, 1));
    let secret = new_client_secret(&SeededEntropy::new(1)).unwrap();
    let workload = workload(&keyring, &secret, Vec::new());
    let client_id = CLIENT.to_string();
    let wrong = ClientProof::Secret(SecretText::new("srs_".into()));
    let proof = ClientProof::Secret(secret);
    let used = credentials.check(Some(&workload), &client_id, &proof, NOW_MILLIS).await;
    assert_eq!(
        used,
        Ok(Proven { credential: Uuid::from_u128(1).to_string(), id: Uuid::from_u128(1), assertion: None })
    );
    for (workload, proof) in [(None, &proof), (Some(&workload), &wrong)] {
        let refused = credentials.check(workload, &client_id, proof, NOW_MILLIS).await;
        assert_eq!(refused, Err(CredentialError::Invalid));
    }
    let disabled = Workload { enabled: false, ..workload.clone() };
    for (proof, expected) in [(&proof, CredentialError::Disabled), (&wrong, CredentialError::Invalid)] {
        let refused = credentials.check(Some(&disabled), &client_id, proof, NOW_MILLIS).await;
        assert_eq!(refused, Err(expected));
    }
    let token = credentials.mint(&workload, Uuid::from_u128(1), Uuid::from_u128(2), NOW_MILLIS).ok().unwrap();
    assert_eq!(token.expires_in, 3600);
    let port: &dyn Authenticator = &gate.validator;
    let principal = port.authenticate(token.token.expose(), NOW_MILLIS).await.unwrap();
    assert_eq!(principal.id.subject, client_id);
}

#[tokio::test]
async fn an_unreachable_issuer_is_told_apart() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::with(Vec::new(), FederationIssuers::AsRegistered);
    let keyring = keyring();
    let credentials = WorkloadCredentials::new(keyring.clone(), gate.issuers.clone(), Vec::new(), own_keys(&gate, 1));
    let federation = Federation { issuer: issuer.name(), subject: "s".into(), audience: "a".into(), pattern: false };
    let secret = new_client_secret(&SeededEntropy::new(1)).unwrap();
    let workload = workload(&keyring, &secret, vec![federation]);
    let forge = Forge::new(&issuer.name(), &signer(2)).claim("sub", "s").claim("aud", "a");
    let proof = ClientProof::Assertion(SecretText::new(forge.sign(&signer(2))));
    let client_id = CLIENT.to_string();
    issuer.answer_with(503);
    let answer = credentials.check(Some(&workload), &client_id, &proof, NOW_MILLIS).await;
    assert_eq!(answer, Err(CredentialError::IssuerUnavailable));
    issuer.answer_with(200);
    gate.clock.advance(1);
    let answer = credentials.check(Some(&workload), &client_id, &proof, NOW_MILLIS).await;
    assert_eq!(
        answer,
        Ok(Proven { credential: format!("{}#s", issuer.name()), id: workload.federations[0].id(), assertion: None })
    );
}

#[tokio::test]
async fn refusals_of_tokens_keep_their_reason() {
    let gate = Gatekeeper::new(Vec::new());
    let own = Forge::new(&own_issuer(BASE, INSTALLATION), &signer(1));
    let port: &dyn Authenticator = &gate.validator;
    for (forge, seed, reason) in [
        (own.clone().claim("aud", "x"), 1, "token-wrong-audience"),
        (own.clone().claim("exp", NOW), 1, "token-expired"),
        (own.clone().claim("nbf", NOW + 61), 1, "token-not-yet-valid"),
        (own, 2, "token-bad-signature"),
    ] {
        let refused = port.authenticate(&forge.sign(&signer(seed)), NOW_MILLIS).await.unwrap_err();
        assert_eq!(refused.reason(), reason);
    }
    assert_eq!(port.authenticate("", NOW_MILLIS).await, Err(TokenRejected::Invalid("token-missing")));
}

#[tokio::test]
async fn sign_in_keeps_what_it_needs_outside() {
    let issuer = FakeIssuer::start_with(key_set(&[&signer(2)]), |uri| {
        serde_json::json!({
            "issuer": uri, "jwks_uri": format!("{uri}/jwks"),
            "authorization_endpoint": format!("{uri}/authorize"), "token_endpoint": format!("{uri}/token"),
        })
    })
    .await;
    let config = ProviderConfig {
        name: "corp".into(),
        label: "Corporate".into(),
        issuer: IssuerConfig::new(issuer.name(), Vec::new()),
        client_id: "dashboard".into(),
        client_secret: None,
        scopes: Vec::new(),
    };
    let clock: Arc<dyn Clock> = ManualClock::new();
    let providers = Providers::new(vec![config], http_client(), &clock).unwrap();
    let service = SignInService::new(providers, Arc::new(SeededEntropy::new(1)));
    assert_eq!(
        service.providers().iter().map(|p| (p.id.as_str(), p.name.as_str())).collect::<Vec<_>>(),
        [("corp", "Corporate")]
    );
    let back = "https://vault.localhost:8443/back";
    let (url, kept) = service.begin("corp", back, &SignInDemand::default(), NOW_MILLIS).await.ok().unwrap();
    let state = url::Url::parse(&url).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    let query =
        |state: &str| vec![("state".to_owned(), state.to_owned()), ("error".to_owned(), "access_denied".to_owned())];
    let answer = service.finish(&kept, back, &query("x"), NOW_MILLIS).await;
    assert_eq!(answer.err(), Some(SignInError::Invalid("sign-in-state-mismatch")));
    for elsewhere in ["https://vault.localhost:8443/other", "https://vault.localhost:8443/back/", ""] {
        let answer = service.finish(&kept, elsewhere, &query(&state), NOW_MILLIS).await;
        assert_eq!(answer.err(), Some(SignInError::Invalid("sign-in-issuer-mismatch")), "{elsewhere}");
    }
    assert_eq!(service.finish(&kept, back, &query(&state), NOW_MILLIS).await.err(), Some(SignInError::Refused));
    let garbage = Plaintext::from_slice(b"{}");
    let answer = service.finish(&garbage, back, &query(&state), NOW_MILLIS).await;
    assert_eq!(answer.err(), Some(SignInError::Invalid("sign-in-state-mismatch")));
    assert_eq!(
        service.begin("other", back, &SignInDemand::default(), NOW_MILLIS).await.err(),
        Some(SignInError::UnknownProvider)
    );
}
