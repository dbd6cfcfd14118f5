//! Explaining is judging with notes: the verdict is the same, and the advice points to the place.

use serde_json::{Value, json};
use strongroom_domain::sign_in::{CheckState, TokenExplanation};

use crate::{
    IssuerConfig,
    test_support::{BASE, FakeIssuer, Forge, Gatekeeper, INSTALLATION, NOW, key_set, signer},
    token_endpoint::own_issuer,
};

fn honest() -> Forge {
    Forge::new(&own_issuer(BASE, INSTALLATION), &signer(1))
}

fn failed(explanation: &TokenExplanation) -> Vec<&'static str> {
    let failed = explanation.checks.iter().filter(|check| check.state == CheckState::Failed);
    failed.inspect(|check| assert!(check.advice.is_some(), "{} has an advice", check.check)).map(|c| c.check).collect()
}

#[tokio::test]
async fn every_check_is_told_and_the_verdict_is_that_of_the_gate() {
    let gate = Gatekeeper::new(Vec::new());
    let key = signer(1);
    let sign = |name: &str, value: Value| honest().claim(name, value).sign(&key);
    let cases = [
        (honest().sign(&key), vec![], None),
        (sign("exp", json!(NOW)), vec!["exp"], Some("token-expired")),
        (sign("exp", Value::Null), vec!["exp"], Some("token-malformed")),
        (sign("nbf", json!(NOW + 61)), vec!["nbf"], Some("token-not-yet-valid")),
        (sign("iat", json!("now")), vec!["iat"], Some("token-malformed")),
        (sign("aud", json!("https://vault.azure.net")), vec!["aud"], Some("token-wrong-audience")),
        (sign("sub", json!(7)), vec!["sub, groups and claims"], Some("token-malformed")),
        (sign("iss", json!("https://id.example")), vec!["issuer"], Some("token-unknown-issuer")),
        (sign("iss", Value::Null), vec!["iss"], Some("token-malformed")),
        (honest().header("alg", "none").sign(&key), vec!["alg"], Some("token-forbidden-algorithm")),
        (honest().header("alg", "RS256").sign(&key), vec!["allowed alg"], Some("token-forbidden-algorithm")),
        (honest().header("typ", "logout+jwt").sign(&key), vec!["typ"], Some("token-wrong-type")),
        (honest().header("crit", json!([])).sign(&key), vec!["crit, enc, zip, b64"], Some("token-malformed")),
        (honest().header("kid", 1).sign(&key), vec!["kid"], Some("token-malformed")),
        (honest().header("kid", "other").sign(&key), vec!["key"], Some("token-unknown-key")),
        (honest().sign(&signer(2)), vec!["signature"], Some("token-bad-signature")),
        ("opaque".to_owned(), vec!["shape"], Some("token-malformed")),
        ("a.b.c".to_owned(), vec!["header"], Some("token-malformed")),
        (String::new(), vec!["length"], Some("token-missing")),
        ("x".repeat(20_000), vec!["length"], Some("token-too-large")),
    ];
    for (token, checks, reason) in cases {
        let explanation = gate.validator.explain(&token, NOW * 1000).await;
        assert_eq!((failed(&explanation), explanation.reason), (checks, reason));
        assert_eq!(explanation.checks.len(), 18, "every check is told");
        let judged = gate.ask(&token).await;
        assert_eq!(judged.as_ref().err().map(|error| error.code()), reason, "explained as it is judged");
        assert_eq!(explanation.principal.as_ref(), judged.as_deref().ok());
    }
}

#[tokio::test]
async fn claims_are_looked_at_behind_a_signature_that_fails_and_marked_unverified() {
    let gate = Gatekeeper::new(Vec::new());
    let token = honest().claim("aud", "https://vault.azure.net").claim("exp", NOW - 5).sign(&signer(2));
    let explanation = gate.validator.explain(&token, NOW * 1000).await;
    assert_eq!(failed(&explanation), ["signature", "exp", "aud"]);
    assert_eq!(explanation.reason, Some("token-bad-signature"), "the verdict stands");
    assert_eq!(explanation.principal, None);
    let verified: Vec<_> = explanation.checks.iter().filter(|check| check.verified).map(|check| check.check).collect();
    assert!(verified.contains(&"signature") && !verified.contains(&"exp") && !verified.contains(&"aud"));
}

#[tokio::test]
async fn it_says_what_is_expected_and_never_the_token() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let mut config = IssuerConfig::new(issuer.name(), vec!["https://one".into(), "https://two".into()]);
    config.groups_claim = Some("roles".into());
    let gate = Gatekeeper::new(vec![config]);
    let token = Forge::new(&issuer.name(), &signer(2)).claim("note", "n".repeat(1000)).sign(&signer(2));
    let explanation = gate.validator.explain(&token, NOW * 1000).await;
    assert_eq!(failed(&explanation), ["aud"]);
    let of = |name: &str| explanation.checks.iter().find(|check| check.check == name).unwrap();
    assert_eq!(of("aud").found, format!("{BASE:?}"));
    assert_eq!(of("aud").expected, "exactly one of: https://one, https://two");
    assert!(of("issuer").expected.ends_with(&issuer.name()));
    assert!(of("sub, groups and claims").expected.contains("roles"));
    let told = serde_json::to_string(&explanation).unwrap();
    for part in token.split('.') {
        assert!(!told.contains(part), "no part of the token is repeated");
    }
    issuer.answer_with(500);
    let unreachable = Gatekeeper::new(vec![IssuerConfig::new(issuer.name(), vec![BASE.into()])]);
    let explanation = unreachable.validator.explain(&token, NOW * 1000).await;
    assert_eq!((failed(&explanation), explanation.reason), (vec!["key"], Some("token-issuer-unavailable")));
    assert!(explanation.checks.iter().any(|check| check.advice.is_some_and(|advice| advice.contains("discovery"))));
}
