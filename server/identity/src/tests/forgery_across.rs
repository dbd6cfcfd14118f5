//! The forgery matrix, continued: what is confused across keys, formats, issuers and sorts of token.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair},
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use strongroom_crypto::SeededEntropy;

use crate::{
    IssuerConfig,
    TokenError::{self, *},
    dev_provider::{Authorize, CLIENT_ID, DevProvider},
    test_support::{BASE, CLIENT, FakeIssuer, Forge, Gatekeeper, INSTALLATION, NOW, key_set, signer},
    token_endpoint::own_issuer,
};

fn honest() -> Forge {
    Forge::new(&own_issuer(BASE, INSTALLATION), &signer(1))
}

async fn assert_refused(gate: &Gatekeeper, cases: Vec<(&str, String, TokenError)>) {
    for (lie, token, reason) in cases {
        assert_eq!(gate.ask(&token).await.err(), Some(reason), "{lie}");
    }
}

fn rsa(forge: &Forge, key: &RsaKeyPair, padding: &'static dyn RsaEncoding) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&forge.header), part(&forge.claims));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(padding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn rsa_keys_are_no_secrets_and_stay_with_their_algorithm() {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = key.public_key();
    let n = URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero());
    let e = URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero());
    let jwk = json!({ "kty": "RSA", "kid": "r1", "use": "sig", "alg": "RS256", "n": n, "e": e });
    let encryption = json!({ "kty": "RSA", "kid": "e1", "use": "enc", "n": n, "e": e });
    let symmetric = json!({ "kty": "oct", "kid": "s1", "k": URL_SAFE_NO_PAD.encode("secret") });
    let issuer = FakeIssuer::start(json!({ "keys": [jwk, encryption, symmetric] })).await;
    let gate = Gatekeeper::new(vec![IssuerConfig::new(issuer.name(), vec![BASE.into()])]);
    let forge = || {
        let mut forge = Forge::new(&issuer.name(), &signer(1));
        forge.header = json!({ "alg": "RS256", "typ": "JWT", "kid": "r1" });
        forge
    };
    assert!(gate.ask(&rsa(&forge(), &key, &RSA_PKCS1_SHA256)).await.is_ok());
    let hs = |secret: &[u8], name: &str, algorithm| {
        forge().header("alg", name).sign_as(&EncodingKey::from_secret(secret), algorithm)
    };
    let der = public.as_ref();
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n", STANDARD.encode(der));
    let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let cases = vec![
        ("HS256 with the public key in DER", hs(der, "HS256", Algorithm::HS256), ForbiddenAlgorithm),
        ("HS256 with the public key in PEM", hs(pem.as_bytes(), "HS256", Algorithm::HS256), ForbiddenAlgorithm),
        ("HS256 with the JWK", hs(jwk.to_string().as_bytes(), "HS256", Algorithm::HS256), ForbiddenAlgorithm),
        ("HS384 with the modulus", hs(n.as_bytes(), "HS384", Algorithm::HS384), ForbiddenAlgorithm),
        ("HS512 with the key id", hs(b"r1", "HS512", Algorithm::HS512), ForbiddenAlgorithm),
        (
            "HS256 with a symmetric key of the set",
            forge()
                .header("alg", "HS256")
                .header("kid", "s1")
                .sign_as(&EncodingKey::from_secret(b"secret"), Algorithm::HS256),
            ForbiddenAlgorithm,
        ),
        ("another RSA key", rsa(&forge(), &other, &RSA_PKCS1_SHA256), BadSignature),
        ("the other padding", rsa(&forge(), &key, &RSA_PSS_SHA256), BadSignature),
        ("PS256 with a key that is for RS256", rsa(&forge().header("alg", "PS256"), &key, &RSA_PSS_SHA256), UnknownKey),
        (
            "RS384, which is not configured",
            rsa(&forge().header("alg", "RS384"), &key, &RSA_PKCS1_SHA256),
            ForbiddenAlgorithm,
        ),
        ("a key for encryption", rsa(&forge().header("kid", "e1"), &key, &RSA_PKCS1_SHA256), UnknownKey),
        ("ES256 with an RSA key's id", forge().header("alg", "ES256").sign(&signer(1)), UnknownKey),
        ("EdDSA with an RSA key's id", forge().header("alg", "EdDSA").sign(&signer(1)), UnknownKey),
    ];
    assert_refused(&gate, cases).await;
}

#[tokio::test]
async fn signatures_in_other_shapes() {
    let token = honest().sign(&signer(1));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with = |bytes: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let integer = |half: &[u8]| {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let mut bytes = half[zeros..].to_vec();
        if bytes[0] & 0x80 != 0 {
            bytes.insert(0, 0);
        }
        [&[2, bytes.len() as u8][..], &bytes].concat()
    };
    let (r, s) = (integer(&raw[..32]), integer(&raw[32..]));
    let der = [&[0x30, (r.len() + s.len()) as u8][..], &r, &s].concat();
    let swapped = [&raw[32..], &raw[..32]].concat();
    let longer = [raw.as_slice(), &[0]].concat();
    let padded = [&[0], raw.as_slice()].concat();
    let zero_s = [&raw[..32], &[0; 32]].concat();
    let cases = vec![
        ("the signature in DER", with(&der), BadSignature),
        ("its halves exchanged", with(&swapped), BadSignature),
        ("a byte behind it", with(&longer), BadSignature),
        ("a byte in front of it", with(&padded), BadSignature),
        ("half of it zero", with(&zero_s), BadSignature),
        ("all of it ones", with(&[0xff; 64]), BadSignature),
        ("an empty one", with(&[]), BadSignature),
        ("a line break behind it", format!("{token}\n"), BadSignature),
        ("a space behind it", format!("{token} "), BadSignature),
        ("a null byte behind it", format!("{token}\0"), BadSignature),
        ("another token behind it", format!("{token},{token}"), Malformed),
        ("its own token twice", format!("{token}.{token}"), Malformed),
    ];
    assert_refused(&Gatekeeper::new(Vec::new()), cases).await;
}

#[tokio::test]
async fn other_formats_and_wrappings() {
    let inner = honest().sign(&signer(1));
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let key = EncodingKey::from_ec_der(&signer(1).pkcs8_der());
    let sign = |header: &str, claims: &str| crate::test_support::sign_text(header, claims, &key, Algorithm::ES256);
    let header = honest().header.to_string();
    let json_form = json!({
        "payload": inner.split('.').nth(1).unwrap(),
        "signatures": [{ "protected": inner.split('.').next().unwrap(), "signature": inner.split('.').nth(2).unwrap() }],
    });
    let cases = vec![
        (
            "a token within a token",
            sign(&honest().header("cty", "JWT").header.to_string(), &format!("\"{inner}\"")),
            Malformed,
        ),
        (
            "an encrypted token",
            format!(
                "{}.{}.{}.{}.{}",
                part(r#"{"alg":"RSA-OAEP","enc":"A256GCM"}"#),
                part("k"),
                part("i"),
                part("c"),
                part("t")
            ),
            ForbiddenAlgorithm,
        ),
        (
            "an encrypted token with dir",
            format!("{}..{}.{}.{}", part(r#"{"alg":"dir","enc":"A256GCM"}"#), part("i"), part("c"), part("t")),
            ForbiddenAlgorithm,
        ),
        ("the JSON form of JWS", json_form.to_string(), Malformed),
        (
            "a detached payload",
            {
                let mut parts = inner.split('.');
                format!("{}..{}", parts.next().unwrap(), parts.nth(1).unwrap())
            },
            Malformed,
        ),
        ("an opaque token", "0123456789abcdef0123456789abcdef".to_owned(), Malformed),
        ("a PASETO", "v4.public.AAAA.BBBB".to_owned(), Malformed),
        ("a SAML assertion", part("<saml:Assertion/>"), Malformed),
        ("claims in UTF-16", sign(&header, "\u{feff}{}"), Malformed),
        (
            "claims that are not UTF-8",
            {
                let claims = URL_SAFE_NO_PAD.encode(b"{\"iss\":\"\xff\"}");
                format!("{}.{claims}.{}", part(&header), inner.split('.').nth(2).unwrap())
            },
            Malformed,
        ),
        (
            "a header named twice in other letters",
            sign(&header.replacen('{', "{\"ALG\":\"none\",\"alg\":\"none\",", 1), "{}"),
            Malformed,
        ),
        (
            "full-width letters in the algorithm",
            honest().header("alg", "ＥＳ２５６").sign(&signer(1)),
            ForbiddenAlgorithm,
        ),
        ("none in mixed letters", honest().header("alg", "nOnE").sign(&signer(1)), ForbiddenAlgorithm),
        ("none with a space", honest().header("alg", "none ").sign(&signer(1)), ForbiddenAlgorithm),
        ("an empty algorithm", honest().header("alg", "").sign(&signer(1)), ForbiddenAlgorithm),
        (
            "an issuer with a letter that only looks the same",
            honest().claim("iss", own_issuer(BASE, INSTALLATION).replace('a', "а")).sign(&signer(1)),
            UnknownIssuer,
        ),
        (
            "an issuer with a user name",
            honest().claim("iss", own_issuer(BASE, INSTALLATION).replace("https://", "https://x@")).sign(&signer(1)),
            UnknownIssuer,
        ),
        (
            "an audience with a letter that only looks the same",
            honest().claim("aud", BASE.replace('a', "а")).sign(&signer(1)),
            WrongAudience,
        ),
        ("an audience with a line break", honest().claim("aud", format!("{BASE}\n")).sign(&signer(1)), WrongAudience),
        ("an audience with a path", honest().claim("aud", format!("{BASE}/.default")).sign(&signer(1)), WrongAudience),
        ("audiences in one text", honest().claim("aud", format!("x {BASE}")).sign(&signer(1)), WrongAudience),
        ("a key id with a wildcard", honest().header("kid", "*").sign(&signer(1)), UnknownKey),
        ("a key id that is a query", honest().header("kid", "' OR 1=1 --").sign(&signer(1)), UnknownKey),
        ("a key id that is an address", honest().header("kid", "https://127.0.0.1:9/k").sign(&signer(1)), UnknownKey),
        (
            "a key id in capitals",
            honest().header("kid", signer(1).key_id().to_uppercase()).sign(&signer(1)),
            UnknownKey,
        ),
        ("a key id of 257 bytes", honest().header("kid", "k".repeat(257)).sign(&signer(1)), Malformed),
        (
            "a fingerprint instead of a key id",
            honest().header("kid", Value::Null).header("x5t", "AAAA").sign(&signer(2)),
            BadSignature,
        ),
    ];
    assert_refused(&Gatekeeper::new(Vec::new()), cases).await;
}

#[tokio::test]
async fn keys_that_are_over() {
    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let gate = Gatekeeper::new(vec![IssuerConfig::new(issuer.name(), vec![BASE.into()])]);
    let old = |subject: &str| Forge::new(&issuer.name(), &signer(2)).claim("sub", subject).sign(&signer(2));
    assert!(gate.ask(&old("a")).await.is_ok());
    issuer.publish(key_set(&[&signer(3)]));
    gate.clock.advance(31);
    let new = Forge::new(&issuer.name(), &signer(3)).sign(&signer(3));
    assert!(gate.ask(&new).await.is_ok(), "an unknown key id makes the server look again");
    assert_refused(
        &gate,
        vec![
            ("a new token under a withdrawn key", old("b"), UnknownKey),
            ("a token accepted before, under a withdrawn key", old("a"), UnknownKey),
            (
                "a withdrawn key under the new one's id",
                Forge::new(&issuer.name(), &signer(3)).sign(&signer(2)),
                BadSignature,
            ),
        ],
    )
    .await;
    gate.issuers.replace_own_keys(&[signer(9).jwk()]).unwrap();
    assert_refused(&gate, vec![("our own key after its end", honest().sign(&signer(1)), UnknownKey)]).await;
}

/// Every other token that is about: none opens the API.
#[tokio::test]
async fn tokens_of_other_sorts() {
    let provider_key = signer(2);
    let issuer = FakeIssuer::start(key_set(&[&provider_key])).await;
    let gate = Gatekeeper::new(vec![IssuerConfig::new(issuer.name(), vec![BASE.into()])]);
    // The development provider in the issuer's place: what it really gives the dashboard.
    let back = format!("{BASE}/auth/callback");
    let provider = DevProvider::new(&issuer.name(), vec![back.clone()], &provider_key);
    let verifier = "v".repeat(43);
    let challenge = URL_SAFE_NO_PAD.encode(strongroom_crypto::sha256(verifier.as_bytes()));
    let pairs = |list: &[(&str, &str)]| {
        list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let chosen = provider
        .choose(
            pairs(&[
                ("response_type", "code"),
                ("client_id", CLIENT_ID),
                ("redirect_uri", &back),
                ("scope", "openid"),
                ("code_challenge", &challenge),
                ("code_challenge_method", "S256"),
                ("person", "ada"),
            ]),
            NOW * 1000,
            &SeededEntropy::new(4),
        )
        .unwrap();
    let Authorize::Redirect(url) = chosen else { panic!("a person was chosen") };
    let code = url.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let redeem = pairs(&[
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT_ID),
        ("code", &code),
        ("redirect_uri", &back),
        ("code_verifier", &verifier),
    ]);
    let tokens = provider.token(redeem, NOW * 1000, &SeededEntropy::new(5)).ok().unwrap();
    let tokens: Value = serde_json::from_slice(&tokens.to_json()).unwrap();
    let id_token = tokens["id_token"].as_str().unwrap().to_owned();
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    let sign = |forge: Forge| forge.sign(&provider_key);
    let of_issuer = || Forge::new(&issuer.name(), &provider_key);
    let cases = vec![
        ("the dashboard's id token", id_token, WrongAudience),
        ("an access token for another service", sign(of_issuer().claim("aud", "https://graph.example")), WrongAudience),
        (
            "an id token for another client",
            sign(of_issuer().claim("aud", "other-client").claim("nonce", "n")),
            WrongAudience,
        ),
        ("a refresh token", sign(of_issuer().header("typ", "rt+jwt")), WrongType),
        ("a logout token", sign(of_issuer().header("typ", "logout+jwt")), WrongType),
        ("a security event", sign(of_issuer().header("typ", "secevent+jwt")), WrongType),
        ("an introspection answer", sign(of_issuer().header("typ", "token-introspection+jwt")), WrongType),
        ("a request object", sign(of_issuer().header("typ", "oauth-authz-req+jwt")), WrongType),
        (
            "a client assertion for the token endpoint",
            {
                let own = Forge::new(&CLIENT.to_string(), &signer(1));
                own.claim("sub", CLIENT.to_string()).claim("aud", format!("{BASE}/adfs/oauth2/token")).sign(&signer(1))
            },
            UnknownIssuer,
        ),
        ("an assertion for federation", sign(of_issuer().claim("aud", "api://AzureADTokenExchange")), WrongAudience),
        (
            "our token, signed by the provider",
            honest().header("kid", provider_key.key_id()).sign(&provider_key),
            UnknownKey,
        ),
        ("the provider's token, signed by us", sign_ours(of_issuer()), BadSignature),
    ];
    assert_refused(&gate, cases).await;
    assert!(gate.ask(&access).await.is_err(), "the dashboard's access token");
}

fn sign_ours(forge: Forge) -> String {
    forge.sign(&signer(1))
}
