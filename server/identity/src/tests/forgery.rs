//! The forgery matrix: every row is one way to lie, and the reason it must be refused with.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    TokenError::{self, *},
    test_support::{BASE, FakeIssuer, Forge, Gatekeeper, INSTALLATION, NOW, key_set, sign_text, signer},
    token_endpoint::own_issuer,
};

const OWN_KEY: u64 = 1;

fn own() -> String {
    own_issuer(BASE, INSTALLATION)
}

fn honest() -> Forge {
    Forge::new(&own(), &signer(OWN_KEY))
}

fn es256(seed: u64) -> EncodingKey {
    EncodingKey::from_ec_der(&signer(seed).pkcs8_der())
}

fn unsigned(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

async fn refused(token: &str) -> Option<TokenError> {
    Gatekeeper::new(Vec::new()).ask(token).await.err()
}

async fn assert_refused(cases: Vec<(&str, String, TokenError)>) {
    for (lie, token, reason) in cases {
        assert_eq!(refused(&token).await, Some(reason), "{lie}");
    }
}

#[tokio::test]
async fn the_honest_token_is_accepted() {
    assert_eq!(refused(&honest().sign(&signer(OWN_KEY))).await, None);
}

#[tokio::test]
async fn algorithms() {
    let key = signer(OWN_KEY);
    let jwk = key.jwk();
    let public =
        [&[4u8][..], &URL_SAFE_NO_PAD.decode(&jwk.x).unwrap(), &URL_SAFE_NO_PAD.decode(&jwk.y).unwrap()].concat();
    let jwk_text = serde_json::to_vec(&jwk).unwrap();
    let hs =
        |secret: &[u8]| honest().header("alg", "HS256").sign_as(&EncodingKey::from_secret(secret), Algorithm::HS256);
    let none =
        |name: &str, signature: &str| unsigned(&honest().header("alg", name).header, &honest().claims, signature);
    let own_signature = honest().sign(&key).rsplit_once('.').unwrap().1.to_owned();
    assert_refused(vec![
        ("none, unsigned", none("none", ""), ForbiddenAlgorithm),
        ("none in capitals", none("NONE", ""), ForbiddenAlgorithm),
        ("none, with a signature", none("none", &own_signature), ForbiddenAlgorithm),
        ("HS256 with the public point as secret", hs(&public), ForbiddenAlgorithm),
        ("HS256 with the published key as secret", hs(&jwk_text), ForbiddenAlgorithm),
        ("HS256 with the public point in base64", hs(STANDARD.encode(&public).as_bytes()), ForbiddenAlgorithm),
        ("HS256 with an empty secret", hs(b""), ForbiddenAlgorithm),
        ("HS512", none("HS512", &own_signature), ForbiddenAlgorithm),
        ("another name of ES256", none("es256", &own_signature), ForbiddenAlgorithm),
        ("ES256K", none("ES256K", &own_signature), ForbiddenAlgorithm),
        ("ES384 at an issuer of ES256", none("ES384", &own_signature), ForbiddenAlgorithm),
        ("RS256 at an issuer of ES256", none("RS256", &own_signature), ForbiddenAlgorithm),
        (
            "no algorithm",
            unsigned(&honest().header("alg", Value::Null).header, &honest().claims, &own_signature),
            Malformed,
        ),
        ("algorithm is a list", honest().header("alg", json!(["ES256"])).sign(&key), Malformed),
    ])
    .await;
}

#[tokio::test]
async fn keys_that_a_token_brings_along_are_not_looked_at() {
    let mine = signer(66);
    let jwk = serde_json::to_value(mine.jwk()).unwrap();
    let own_kid = signer(OWN_KEY).key_id();
    let forged = || Forge::new(&own(), &mine);
    assert_refused(vec![
        ("own key id, my key", forged().header("kid", own_kid.clone()).sign(&mine), BadSignature),
        ("my key id", forged().sign(&mine), UnknownKey),
        ("my key in jwk", forged().header("jwk", jwk.clone()).sign(&mine), UnknownKey),
        (
            "my key in jwk, own key id",
            forged().header("jwk", jwk.clone()).header("kid", own_kid.clone()).sign(&mine),
            BadSignature,
        ),
        ("my key in jwk, no key id", forged().header("jwk", jwk).header("kid", Value::Null).sign(&mine), BadSignature),
        ("my key set in jku", forged().header("jku", "http://127.0.0.1:9/jwks").sign(&mine), UnknownKey),
        ("my chain in x5c", forged().header("x5c", json!(["AAAA"])).sign(&mine), UnknownKey),
        ("my chain in x5u", forged().header("x5u", "http://127.0.0.1:9/x").sign(&mine), UnknownKey),
        ("key id is a path", forged().header("kid", "../../../dev/null").sign(&mine), UnknownKey),
        ("key id is empty", forged().header("kid", "").sign(&mine), UnknownKey),
        ("key id is a number", forged().header("kid", 1).sign(&mine), Malformed),
    ])
    .await;
}

#[tokio::test]
async fn headers() {
    let key = signer(OWN_KEY);
    let sign = |name: &str, value: Value| honest().header(name, value).sign(&key);
    assert_refused(vec![
        ("crit", sign("crit", json!(["exp"])), Malformed),
        ("crit, empty", sign("crit", json!([])), Malformed),
        ("b64", sign("b64", json!(false)), Malformed),
        ("compressed", sign("zip", json!("DEF")), Malformed),
        ("encrypted", sign("enc", json!("A256GCM")), Malformed),
        ("an id token's neighbour: logout token", sign("typ", json!("logout+jwt")), WrongType),
        ("a proof of possession", sign("typ", json!("dpop+jwt")), WrongType),
        ("a client assertion", sign("typ", json!("client-authentication+jwt")), WrongType),
        ("type is a number", sign("typ", json!(1)), WrongType),
    ])
    .await;
    for typ in [json!("jwt"), json!("at+jwt"), json!("application/at+jwt"), Value::Null] {
        assert_eq!(refused(&sign("typ", typ)).await, None);
    }
}

#[tokio::test]
async fn issuer_and_audience() {
    let key = signer(OWN_KEY);
    let iss = |value: Value| honest().claim("iss", value).sign(&key);
    let aud = |value: Value| honest().claim("aud", value).sign(&key);
    assert_refused(vec![
        ("another issuer", iss(json!("https://id.example")), UnknownIssuer),
        ("a slash more", iss(json!(format!("{}/", own()))), UnknownIssuer),
        ("capitals", iss(json!(own().to_uppercase())), UnknownIssuer),
        (
            "another installation",
            iss(json!(format!("{BASE}/00000000-0000-0000-0000-000000000000/v2.0"))),
            UnknownIssuer,
        ),
        ("no issuer", iss(Value::Null), Malformed),
        ("issuers", iss(json!([own()])), Malformed),
        ("another audience", aud(json!("https://vault.azure.net")), WrongAudience),
        ("a slash more in the audience", aud(json!(format!("{BASE}/"))), WrongAudience),
        ("the audience in capitals", aud(json!(BASE.to_uppercase())), WrongAudience),
        ("a prefix of the audience", aud(json!("https://vault.localhost")), WrongAudience),
        ("no audience", aud(Value::Null), WrongAudience),
        ("empty list of audiences", aud(json!([])), WrongAudience),
        ("other audiences", aud(json!(["a", "b"])), WrongAudience),
        ("a list within the list", aud(json!([[BASE]])), Malformed),
        ("audience is a number", aud(json!(1)), Malformed),
        ("more audiences than are looked at", aud(json!(vec![BASE; 33])), TooLarge),
    ])
    .await;
    assert_eq!(refused(&aud(json!(["a", BASE]))).await, None);
}

#[tokio::test]
async fn times() {
    let key = signer(OWN_KEY);
    let sign = |name: &str, value: Value| honest().claim(name, value).sign(&key);
    assert_refused(vec![
        ("expired", sign("exp", json!(NOW - 1)), Expired),
        ("expires now", sign("exp", json!(NOW)), Expired),
        ("expired long ago", sign("exp", json!(-5)), Expired),
        ("no expiry", sign("exp", Value::Null), Malformed),
        ("expiry is text", sign("exp", json!((NOW + 60).to_string())), Malformed),
        ("expiry is true", sign("exp", json!(true)), Malformed),
        ("expiry beyond all dates", sign("exp", json!(1e300)), Malformed),
        ("not before in the future", sign("nbf", json!(NOW + 61)), NotYetValid),
        ("issued in the future", sign("iat", json!(NOW + 61)), NotYetValid),
        ("not before is text", sign("nbf", json!("0")), Malformed),
    ])
    .await;
    for (name, value) in [
        ("exp", json!(NOW + 1)),
        ("exp", json!(NOW as f64 + 1.5)),
        ("exp", json!(i64::MAX)),
        ("nbf", json!(NOW + 60)),
        ("iat", json!(NOW + 60)),
        ("nbf", Value::Null),
        ("iat", Value::Null),
    ] {
        assert_eq!(refused(&sign(name, value.clone())).await, None, "{name} {value}");
    }
}

#[tokio::test]
async fn subjects() {
    let key = signer(OWN_KEY);
    let sub = |value: Value| honest().claim("sub", value).sign(&key);
    assert_refused(vec![
        ("no subject", sub(Value::Null), Malformed),
        ("empty subject", sub(json!("")), Malformed),
        ("subject is a number", sub(json!(7)), Malformed),
        ("a line break in the subject", sub(json!("ada\ng\nadmins")), Malformed),
        ("257 characters", sub(json!("a".repeat(257))), TooLarge),
    ])
    .await;
    assert_eq!(refused(&sub(json!("ä".repeat(256)))).await, None);
}

#[tokio::test]
async fn texts_that_are_no_token() {
    let good = honest().sign(&signer(OWN_KEY));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let claims_text = honest().claims.to_string();
    let header_text = honest().header.to_string();
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let sign = |header: &str, claims: &str| sign_text(header, claims, &es256(OWN_KEY), Algorithm::ES256);
    assert_refused(vec![
        ("nothing", String::new(), Missing),
        ("a word", "token".into(), Malformed),
        ("two parts", format!("{header}.{claims}"), Malformed),
        ("four parts", format!("{good}.x"), Malformed),
        ("five parts", format!("{good}.x.y"), Malformed),
        ("a leading space", format!(" {good}"), Malformed),
        ("padding", format!("{header}=.{claims}.{signature}"), Malformed),
        (
            "the other base64",
            sign("{\"alg\":\"ES256\",\"x\":\"\u{3ff}\u{3ff}??>>\"}", "{}").replace(['-', '_'], "+"),
            Malformed,
        ),
        ("no signature", format!("{signed}."), BadSignature),
        ("half a signature", format!("{signed}.{}", &signature[..42]), BadSignature),
        ("one character of signature less", format!("{signed}.{}", &signature[..85]), BadSignature),
        ("a signature of zeros", format!("{signed}.{}", "A".repeat(86)), BadSignature),
        (
            "the signature of other claims",
            format!("{signed}.{}", honest().claim("sub", "eve").sign(&signer(1)).rsplit_once('.').unwrap().1),
            BadSignature,
        ),
        (
            "claims exchanged",
            format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(honest().claim("sub", "eve").claims.to_string())),
            BadSignature,
        ),
        ("oversized", format!("{good}{}", "A".repeat(16 * 1024)), TooLarge),
        ("oversized claims", honest().claim("x", "x".repeat(16 * 1024)).sign(&signer(1)), TooLarge),
        ("two subjects", sign(&header_text, &twice(&claims_text, "\"sub\":\"eve\"")), Malformed),
        ("two subjects, one escaped", sign(&header_text, &twice(&claims_text, "\"s\\u0075b\":\"eve\"")), Malformed),
        ("two algorithms", sign(&twice(&header_text, "\"alg\":\"none\""), &claims_text), Malformed),
        ("two members deep inside", sign(&header_text, &twice(&claims_text, "\"x\":{\"a\":1,\"a\":2}")), Malformed),
        ("claims are a list", sign(&header_text, "[]"), Malformed),
        ("claims are no JSON", sign(&header_text, "{"), Malformed),
        ("a second object behind", sign(&header_text, &format!("{claims_text}{{}}")), Malformed),
        ("header is no JSON", sign("x", &claims_text), Malformed),
    ])
    .await;
}

#[tokio::test]
async fn a_remote_issuer_cannot_speak_for_another() {
    let (first_key, second_key) = (signer(2), signer(3));
    let first = FakeIssuer::start(key_set(&[&first_key])).await;
    let second = FakeIssuer::start(key_set(&[&second_key])).await;
    let config = |issuer: &FakeIssuer| crate::IssuerConfig::new(issuer.name(), vec![BASE.into()]);
    let mut sign_in_only = config(&second);
    sign_in_only.audience = Vec::new();
    let gate = Gatekeeper::new(vec![config(&first), sign_in_only]);
    assert!(gate.ask(&Forge::new(&first.name(), &first_key).sign(&first_key)).await.is_ok());
    for (lie, token, reason) in [
        ("own issuer, first's key", Forge::new(&own(), &first_key).sign(&first_key), UnknownKey),
        ("first issuer, second's key", Forge::new(&first.name(), &second_key).sign(&second_key), UnknownKey),
        ("first issuer, first's key id, own key", Forge::new(&first.name(), &first_key).sign(&signer(1)), BadSignature),
        ("an issuer for sign-in only", Forge::new(&second.name(), &second_key).sign(&second_key), WrongAudience),
    ] {
        assert_eq!(gate.ask(&token).await.err(), Some(reason), "{lie}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_none_is_accepted(token in "[A-Za-z0-9_.-]{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(refused(&token)).is_some());
    }

    /// Base64url is read strictly, so no two texts are the same token.
    #[test]
    fn any_changed_character_is_noticed(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let good = honest().sign(&signer(OWN_KEY));
        let at = at.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != good);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(refused(&changed)).is_some());
    }
}
