//! Explaining is judging with notes: the verdict is the same, and the advice points to the place.

use serde_json::{Value, json};
use strongroom_crypto::SecretText;
use strongroom_domain::{
    identity::{Federation, Workload},
    sign_in::{CheckState, TokenExplanation},
};

use crate::{
    IssuerConfig,
    test_support::{BASE, CLIENT, FakeIssuer, Forge, Gatekeeper, INSTALLATION, NOW, key_set, signer},
    token_endpoint::{check_assertion, explain_assertion, own_issuer, token_endpoints},
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

/// Which part of which federation an assertion falls short of, and the verdict is that of the token endpoint.
#[tokio::test]
async fn an_assertion_is_explained_against_the_federations_of_its_workload() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let name = issuer.name();
    let gate = Gatekeeper::new(vec![IssuerConfig::new(&name, Vec::new())]);
    let federation = |subject: &str, audience: &str, pattern| Federation {
        issuer: name.clone(),
        subject: subject.into(),
        audience: audience.into(),
        pattern,
    };
    let federations =
        vec![federation("repo:acme/app:ref:*", "api://one", true), federation("job:7", "api://two", false)];
    let workload = Workload { federations, ..Workload::new(CLIENT, "app") };
    let endpoints = token_endpoints(BASE, INSTALLATION);
    let good = || Forge::new(&name, &signer(2)).claim("sub", "repo:acme/app:ref:main").claim("aud", "api://one");
    let none = Workload::new(CLIENT, "app");
    let disabled = Workload { enabled: false, ..workload.clone() };
    let cases = [
        (Some(&workload), good(), 2, None),
        (Some(&workload), good().claim("iss", "https://id.example"), 2, Some("federation issuer")),
        (Some(&workload), good().claim("sub", "repo:acme/app:ref:a:b"), 2, Some("federation subject")),
        (Some(&workload), good().claim("aud", "api://two"), 2, Some("federation audience")),
        (Some(&workload), good(), 3, Some("signature")),
        (Some(&workload), good().claim("exp", NOW), 2, Some("exp")),
        (Some(&workload), good().header("typ", "at+jwt"), 2, Some("typ")),
        (Some(&none), good(), 2, Some("federation issuer")),
        (Some(&disabled), good(), 2, Some("workload")),
        (None, good(), 2, Some("workload")),
    ];
    for (workload, forge, seed, check) in cases {
        let token = SecretText::new(forge.sign(&signer(seed)));
        let told = explain_assertion(&gate.issuers, &endpoints, workload, &token, NOW).await;
        let judged = check_assertion(&gate.issuers, &endpoints, workload, &token, NOW).await;
        assert_eq!(told.reason, judged.err().map(|error| error.code()), "explained as it is judged");
        if let Some(check) = check {
            assert_eq!(failed(&told), [check]);
        }
        assert_eq!(told.checks.iter().all(|check| check.state == CheckState::Passed), told.reason.is_none());
        assert!(token.expose().split('.').all(|part| !serde_json::to_string(&told).unwrap().contains(part)));
    }
    let token = SecretText::new(good().claim("sub", "job:8").sign(&signer(2)));
    let told = explain_assertion(&gate.issuers, &endpoints, Some(&workload), &token, NOW).await;
    let subject = told.checks.iter().find(|check| check.check == "federation subject").unwrap();
    assert_eq!(subject.found, "\"job:8\"");
    assert_eq!(subject.expected, "as in one federation: job:7, repo:acme/app:ref:*");
    assert!(!subject.verified, "whoever sends it may have made it up");
}

/// What a workload signs itself is told by its certificates.
#[tokio::test]
async fn a_workloads_own_assertion_is_explained_by_its_certificates() {
    let gate = Gatekeeper::new(Vec::new());
    let endpoints = token_endpoints(BASE, INSTALLATION);
    let workload = Workload::new(CLIENT, "app");
    let own = || Forge::new(&CLIENT.to_string(), &signer(1)).claim("sub", CLIENT.to_string()).header("alg", "RS256");
    for (forge, check) in [
        (own(), "certificate"),
        (own().header("x5t", "AAAA"), "certificate"),
        (own().header("alg", "ES256"), "allowed alg"),
        (own().claim("sub", "somebody"), "sub"),
    ] {
        let token = SecretText::new(forge.sign(&signer(1)));
        let told = explain_assertion(&gate.issuers, &endpoints, Some(&workload), &token, NOW).await;
        let judged = check_assertion(&gate.issuers, &endpoints, Some(&workload), &token, NOW).await;
        assert_eq!((failed(&told), told.reason), (vec![check], judged.err().map(|error| error.code())));
    }
}
