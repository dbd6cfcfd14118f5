//! The development provider on its own: codes count once, for one address, one verifier, one minute.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use strongroom_crypto::{SeededEntropy, sha256};
use url::Url;

use crate::{
    dev_provider::{Authorize, CODE_LIFETIME_MILLIS, DevProvider, DevTokenError, RequestRefused},
    test_support::{NOW, signer},
};

const ISSUER: &str = "https://127.0.0.1:8444";
const BACK: &str = "https://vault.localhost:8443/sign-in/callback";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";
const NOW_MILLIS: i64 = NOW * 1000;

type Pairs = Vec<(String, String)>;

fn provider() -> DevProvider {
    DevProvider::new(ISSUER, vec![BACK.into()], &signer(8))
}

fn pairs(list: &[(&str, &str)]) -> Pairs {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Sets a value; an empty one removes it.
fn with(mut pairs: Pairs, name: &str, value: &str) -> Pairs {
    pairs.retain(|(other, _)| other != name);
    if !value.is_empty() {
        pairs.push((name.to_owned(), value.to_owned()));
    }
    pairs
}

fn request() -> Pairs {
    let challenge = URL_SAFE_NO_PAD.encode(sha256(VERIFIER.as_bytes()));
    pairs(&[
        ("response_type", "code"),
        ("client_id", "strongroom-dashboard"),
        ("redirect_uri", BACK),
        ("scope", "openid profile"),
        ("state", "st&te"),
        ("nonce", "n1"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ])
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

fn redirect(answer: Result<Authorize, RequestRefused>) -> Url {
    match answer.unwrap() {
        Authorize::Redirect(url) => url,
        Authorize::Pick(_) => panic!("a page where a redirect should be"),
    }
}

fn code_of(provider: &DevProvider, person: &str, seed: u64, now: i64) -> String {
    let form = with(request(), "person", person);
    let url = redirect(provider.choose(form, now, &SeededEntropy::new(seed)));
    query(&url, "code").unwrap()
}

fn form(code: &str) -> Pairs {
    pairs(&[
        ("grant_type", "authorization_code"),
        ("client_id", "strongroom-dashboard"),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ])
}

fn redeem(provider: &DevProvider, form: Pairs, now: i64) -> Result<Value, DevTokenError> {
    let tokens = provider.token(form, now, &SeededEntropy::new(99))?;
    let body: Value = serde_json::from_slice(&tokens.to_json()).unwrap();
    let claims = body["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap())
}

#[test]
fn metadata() {
    insta::assert_json_snapshot!("dev_provider_discovery", provider().discovery());
    assert_eq!(provider().jwks().keys, [signer(8).jwk()]);
}

#[test]
fn a_person_is_picked_and_the_code_redeemed() {
    let provider = provider();
    let Authorize::Pick(page) = provider.authorize(request()).unwrap() else { panic!("no page") };
    assert_eq!(page.people.iter().map(|person| person.id).collect::<Vec<_>>(), ["ada", "grace", "edsger"]);
    let mut form_back = pairs(&page.request.fields());
    form_back.push(("person".into(), "ada".into()));
    let url = redirect(provider.choose(form_back, NOW_MILLIS, &SeededEntropy::new(1)));
    assert!(url.as_str().starts_with(BACK));
    assert_eq!(query(&url, "state").as_deref(), Some("st&te"));
    assert_eq!(query(&url, "iss").as_deref(), Some(ISSUER));
    let claims = redeem(&provider, form(&query(&url, "code").unwrap()), NOW_MILLIS).unwrap();
    insta::assert_json_snapshot!("dev_provider_id_token", claims);
}

#[test]
fn a_code_counts_once_even_after_a_failed_attempt() {
    let provider = provider();
    let code = code_of(&provider, "ada", 1, NOW_MILLIS);
    assert!(redeem(&provider, form(&code), NOW_MILLIS).is_ok());
    assert_eq!(redeem(&provider, form(&code), NOW_MILLIS), Err(DevTokenError::InvalidGrant));
    let code = code_of(&provider, "ada", 2, NOW_MILLIS);
    let wrong = with(form(&code), "code_verifier", "another-verifier");
    assert_eq!(redeem(&provider, wrong, NOW_MILLIS), Err(DevTokenError::InvalidGrant));
    assert_eq!(redeem(&provider, form(&code), NOW_MILLIS), Err(DevTokenError::InvalidGrant));
}

#[test]
fn what_does_not_belong_to_the_code_is_refused() {
    use DevTokenError::*;
    for (name, value, reason) in [
        ("code", "another", InvalidGrant),
        ("code_verifier", "another", InvalidGrant),
        ("code_verifier", "", InvalidRequest("code_verifier")),
        ("redirect_uri", "https://vault.localhost:8443/sign-in/callback/", InvalidGrant),
        ("redirect_uri", "", InvalidRequest("redirect_uri")),
        ("client_id", "other", InvalidClient),
        ("client_id", "", InvalidRequest("client_id")),
        ("grant_type", "password", UnsupportedGrantType),
        ("grant_type", "", InvalidRequest("grant_type")),
        ("code", "", InvalidRequest("code")),
    ] {
        let provider = provider();
        let code = code_of(&provider, "ada", 1, NOW_MILLIS);
        assert_eq!(redeem(&provider, with(form(&code), name, value), NOW_MILLIS), Err(reason), "{name} {value}");
    }
    let provider = provider();
    let code = code_of(&provider, "ada", 1, NOW_MILLIS);
    let mut doubled = form(&code);
    doubled.push(("code".into(), code));
    assert_eq!(redeem(&provider, doubled, NOW_MILLIS), Err(InvalidRequest("code")));
}

#[test]
fn a_code_counts_for_a_minute() {
    let provider = provider();
    for (later, counts) in [(CODE_LIFETIME_MILLIS - 1, true), (CODE_LIFETIME_MILLIS, false), (-1, false)] {
        let code = code_of(&provider, "grace", 1, NOW_MILLIS);
        assert_eq!(redeem(&provider, form(&code), NOW_MILLIS + later).is_ok(), counts, "{later}");
    }
}

#[test]
fn codes_are_bounded_and_the_oldest_goes_first() {
    let provider = provider();
    let codes: Vec<_> = (0..300).map(|seed| code_of(&provider, "ada", seed, NOW_MILLIS)).collect();
    assert_eq!(redeem(&provider, form(&codes[43]), NOW_MILLIS), Err(DevTokenError::InvalidGrant));
    assert!(redeem(&provider, form(&codes[44]), NOW_MILLIS).is_ok());
    assert!(redeem(&provider, form(&codes[299]), NOW_MILLIS).is_ok());
}

#[test]
fn a_wrong_client_or_address_is_never_redirected_to() {
    for (name, value, reason) in [
        ("client_id", "other", RequestRefused::UnknownClient),
        ("client_id", "", RequestRefused::UnknownClient),
        ("redirect_uri", "https://evil.example/", RequestRefused::RedirectAddress),
        ("redirect_uri", "https://vault.localhost:8443/sign-in/callback?x", RequestRefused::RedirectAddress),
        ("redirect_uri", "HTTPS://vault.localhost:8443/sign-in/callback", RequestRefused::RedirectAddress),
        ("redirect_uri", "", RequestRefused::RedirectAddress),
        ("state", &"s".repeat(1025), RequestRefused::Malformed),
    ] {
        let changed = with(request(), name, value);
        assert_eq!(provider().authorize(changed.clone()), Err(reason), "{name} {value}");
        let chosen = provider().choose(with(changed, "person", "ada"), NOW_MILLIS, &SeededEntropy::new(1));
        assert_eq!(chosen, Err(reason), "{name} {value}");
    }
    let mut doubled = request();
    doubled.push(("redirect_uri".into(), BACK.into()));
    assert_eq!(provider().authorize(doubled), Err(RequestRefused::Malformed));
}

#[test]
fn other_mistakes_are_told_to_the_client() {
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "", "unsupported_response_type"),
        ("response_mode", "fragment", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("scope", "profile", "invalid_scope"),
        ("prompt", "none", "login_required"),
    ] {
        let changed = with(request(), name, value);
        for url in [
            redirect(provider().authorize(changed.clone())),
            redirect(provider().choose(with(changed, "person", "ada"), NOW_MILLIS, &SeededEntropy::new(1))),
        ] {
            assert_eq!(query(&url, "error").as_deref(), Some(error), "{name} {value}");
            assert_eq!(query(&url, "code"), None);
            assert_eq!(query(&url, "state").as_deref(), Some("st&te"));
            assert_eq!(query(&url, "iss").as_deref(), Some(ISSUER));
        }
    }
}

#[test]
fn choosing_nobody_denies() {
    for person in ["", "eve", "Ada"] {
        let form = with(request(), "person", person);
        let url = redirect(provider().choose(form, NOW_MILLIS, &SeededEntropy::new(1)));
        assert_eq!(query(&url, "error").as_deref(), Some("access_denied"));
        assert_eq!(query(&url, "code"), None);
    }
}
