//! What a token says about its bearer, and how long that is remembered.

use serde_json::{Value, json};
use strongroom_domain::principal::PrincipalKind;

use crate::{
    IssuerConfig, TokenError, WorkloadWhen,
    bearer::REMEMBERED_SECONDS,
    test_support::{BASE, CLIENT, FakeIssuer, Forge, Gatekeeper, INSTALLATION, NOW, ORIGIN, key_set, signer},
    token_endpoint::{TokenMinter, own_issuer},
};

async fn issuer() -> (FakeIssuer, IssuerConfig) {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let config = IssuerConfig::new(issuer.name(), vec![BASE.into()]);
    (issuer, config)
}

#[tokio::test]
async fn a_token_of_this_installation_is_a_workload() {
    let gate = Gatekeeper::new(Vec::new());
    let minter = TokenMinter::new(BASE, INSTALLATION, &signer(1));
    let minted = minter.mint(CLIENT, ORIGIN, uuid::Uuid::from_u128(9), NOW * 1000).unwrap();
    let principal = gate.ask(minted.access_token.expose()).await.unwrap();
    assert_eq!(principal.kind, PrincipalKind::Workload);
    assert_eq!(principal.id.issuer, own_issuer(BASE, INSTALLATION));
    assert_eq!(principal.id.subject, CLIENT.to_string());
    assert_eq!(principal.claims.get("appid"), Some(&CLIENT.to_string()));
    assert!(principal.groups.is_empty());
    assert_eq!(principal.token, Some(ORIGIN), "what it was made from");
    gate.clock.advance(3599);
    assert!(gate.ask(minted.access_token.expose()).await.is_ok());
    gate.clock.advance(1);
    assert_eq!(gate.ask(minted.access_token.expose()).await.err(), Some(TokenError::Expired));
}

#[tokio::test]
async fn claims_and_groups_follow_the_configuration() {
    let (issuer, mut config) = issuer().await;
    config.groups_claim = Some("roles".into());
    config.claims = ["acr", "amr", "level", "missing", "nested"].map(String::from).to_vec();
    config.workload_when = Some(WorkloadWhen { claim: "idtyp".into(), value: "app".into() });
    let gate = Gatekeeper::new(vec![config]);
    let forge = Forge::new(&issuer.name(), &signer(2))
        .claim("roles", json!(["a", "b"]))
        .claim("acr", "2")
        .claim("amr", json!(["pwd", "otp"]))
        .claim("level", 3)
        .claim("nested", json!({ "a": 1 }))
        .claim("email", "ada@example.com");
    let principal = gate.ask(&forge.sign(&signer(2))).await.unwrap();
    assert_eq!(principal.kind, PrincipalKind::User);
    assert_eq!(principal.groups, ["a", "b"]);
    assert_eq!(serde_json::to_value(&principal.claims).unwrap(), json!({ "acr": "2", "amr": "pwd otp", "level": "3" }));
    let forge = forge.claim("credential", CLIENT.to_string()).claim("generation", 0);
    let app = gate.ask(&forge.claim("idtyp", "app").sign(&signer(2))).await.unwrap();
    assert_eq!(app.kind, PrincipalKind::Workload);
    assert_eq!(app.token, None, "only our own tokens say what they were made from");
}

#[tokio::test]
async fn groups_are_bounded_and_their_shape_is_checked() {
    let (issuer, mut config) = issuer().await;
    config.groups_claim = Some("groups".into());
    let gate = Gatekeeper::new(vec![config]);
    let ask = async |groups: Value| {
        let token = Forge::new(&issuer.name(), &signer(2)).claim("groups", groups).sign(&signer(2));
        gate.ask(&token).await.map(|principal| principal.groups.clone())
    };
    assert_eq!(ask(Value::Null).await, Ok(vec![]));
    assert_eq!(ask(json!("one")).await, Ok(vec!["one".to_owned()]));
    assert_eq!(ask(json!(vec!["g"; 200])).await.map(|groups| groups.len()), Ok(200));
    assert_eq!(ask(json!(vec!["g"; 201])).await, Err(TokenError::TooLarge));
    assert!(ask(json!(["g".repeat(256)])).await.is_ok());
    assert_eq!(ask(json!(["g".repeat(257)])).await, Err(TokenError::TooLarge));
    for groups in [json!([1]), json!({ "a": 1 }), json!([""]), json!(["a\nb"]), json!(1)] {
        assert_eq!(ask(groups).await, Err(TokenError::Malformed));
    }
}

#[tokio::test]
async fn values_of_claims_are_groups_where_that_is_said() {
    let (issuer, mut config) = issuer().await;
    config.groups_claim = Some("groups".into());
    config.claims_as_groups = ["department", "level", "missing"].map(String::from).to_vec();
    let gate = Gatekeeper::new(vec![config]);
    let ask = async |claims: &[(&str, Value)]| {
        let forge = Forge::new(&issuer.name(), &signer(2));
        let forge = claims.iter().fold(forge, |forge, (name, value)| forge.claim(name, value.clone()));
        gate.ask(&forge.sign(&signer(2))).await.map(|principal| principal.groups.clone())
    };
    let payments = ("department", json!(["payments", "risk"]));
    let groups = ask(&[("groups", json!(["ops"])), payments.clone(), ("level", json!(3))]).await;
    assert_eq!(groups.unwrap(), ["ops", "department=payments", "department=risk", "level=3"]);
    let pretended = ask(&[("groups", json!(["department=payments", "other=x"]))]).await;
    assert_eq!(pretended.unwrap(), ["other=x"], "a group that is called like a claim is none");
    for odd in [json!({ "a": 1 }), json!([["payments"]]), json!(""), json!("a\nb"), json!([null])] {
        assert_eq!(ask(&[("department", odd)]).await, Err(TokenError::Malformed));
    }
    assert_eq!(ask(&[("department", json!("x".repeat(256)))]).await, Err(TokenError::TooLarge));
    assert_eq!(ask(&[("groups", json!(vec!["g"; 199])), payments]).await, Err(TokenError::TooLarge));
}

#[tokio::test]
async fn groups_that_were_left_out_are_said_to_be() {
    let (issuer, mut config) = issuer().await;
    config.groups_claim = Some("groups".into());
    let gate = Gatekeeper::new(vec![config]);
    let token =
        Forge::new(&issuer.name(), &signer(2)).claim("_claim_names", json!({ "groups": "src1" })).sign(&signer(2));
    let principal = gate.ask(&token).await.unwrap();
    assert!(principal.groups.is_empty());
    assert_eq!(principal.claims.get(crate::mapping::GROUPS_OVERAGE).map(String::as_str), Some("true"));
}

#[tokio::test]
async fn a_long_claim_is_refused_rather_than_cut() {
    let (issuer, config) = issuer().await;
    let gate = Gatekeeper::new(vec![config]);
    let token = |len| Forge::new(&issuer.name(), &signer(2)).claim("acr", "x".repeat(len)).sign(&signer(2));
    assert!(gate.ask(&token(1024)).await.is_ok());
    assert_eq!(gate.ask(&token(1025)).await.err(), Some(TokenError::TooLarge));
}

#[tokio::test]
async fn what_is_remembered_is_the_same_principal_for_a_minute() {
    let (issuer, config) = issuer().await;
    let gate = Gatekeeper::new(vec![config]);
    let forge = Forge::new(&issuer.name(), &signer(2));
    // What is verified while the key set arrives is verified once more.
    assert!(gate.ask(&forge.clone().claim("sub", "first").sign(&signer(2))).await.is_ok());
    let token = forge.sign(&signer(2));
    let first = gate.ask(&token).await.unwrap();
    gate.clock.advance(REMEMBERED_SECONDS as i64 - 1);
    assert!(std::sync::Arc::ptr_eq(&first, &gate.ask(&token).await.unwrap()));
    gate.clock.advance(1);
    let again = gate.ask(&token).await.unwrap();
    assert!(!std::sync::Arc::ptr_eq(&first, &again));
    assert_eq!(first, again);
}

#[tokio::test]
async fn nothing_is_remembered_past_its_expiry() {
    let (issuer, config) = issuer().await;
    let gate = Gatekeeper::new(vec![config]);
    let token = Forge::new(&issuer.name(), &signer(2)).claim("exp", NOW + 10).sign(&signer(2));
    assert!(gate.ask(&token).await.is_ok());
    gate.clock.advance(9);
    assert!(gate.ask(&token).await.is_ok());
    gate.clock.advance(1);
    assert_eq!(gate.ask(&token).await.err(), Some(TokenError::Expired));
}

#[tokio::test]
async fn own_keys_can_be_rotated() {
    let gate = Gatekeeper::new(Vec::new());
    let own = own_issuer(BASE, INSTALLATION);
    let (old, new) = (Forge::new(&own, &signer(1)).sign(&signer(1)), Forge::new(&own, &signer(5)).sign(&signer(5)));
    assert!(gate.ask(&old).await.is_ok());
    assert_eq!(gate.ask(&new).await.err(), Some(TokenError::UnknownKey));
    gate.issuers.replace_own_keys(&[signer(5).jwk(), signer(1).jwk()]).unwrap();
    assert!(gate.ask(&old).await.is_ok());
    assert!(gate.ask(&new).await.is_ok());
    gate.issuers.replace_own_keys(&[signer(5).jwk()]).unwrap();
    assert_eq!(gate.ask(&old).await.err(), Some(TokenError::UnknownKey), "no longer remembered");
    assert!(gate.issuers.replace_own_keys(&[]).is_err());
    assert!(gate.ask(&new).await.is_ok());
}
