//! Sign-in from one end to the other: this crate as the client of the development provider, over
//! HTTP on loopback, with an attacker in between.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_crypto::{SecretText, SeededEntropy};
use strongroom_domain::{principal::PrincipalKind, sign_in::SignInDemand, time::Clock};
use url::Url;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use crate::{
    IssuerConfig, PendingSignIn, ProviderConfig, Providers,
    SignInError::{self, *},
    SignedIn, TokenError,
    dev_provider::{Authorize, CLIENT_ID, DevProvider},
    sign_in::{CallbackParams, PENDING_LIFETIME_MILLIS},
    test_support::{FakeIssuer, Forge, ManualClock, NOW, http_client, key_set, signer},
};

const BACK: &str = "https://vault.localhost:8443/sign-in/callback";
const NOW_MILLIS: i64 = NOW * 1000;
const PROVIDER_KEY: u64 = 8;

type Tamper = Box<dyn Fn(Value) -> Value + Send>;

/// The development provider behind HTTP, whose token answers may be tampered with.
struct World {
    provider: Arc<DevProvider>,
    server: MockServer,
    providers: Providers,
    clock: Arc<ManualClock>,
    tamper: Arc<Mutex<Option<Tamper>>>,
}

fn provider_config(issuer: &str) -> ProviderConfig {
    let mut issuer = IssuerConfig::new(issuer, Vec::new());
    issuer.groups_claim = Some("groups".into());
    ProviderConfig {
        name: "dev".into(),
        label: "Development".into(),
        issuer,
        client_id: CLIENT_ID.into(),
        client_secret: None,
        scopes: vec!["profile".into()],
    }
}

impl World {
    async fn start() -> Self {
        let server = MockServer::start().await;
        let provider = Arc::new(DevProvider::new(&server.uri(), vec![BACK.into()], &signer(PROVIDER_KEY)));
        let tamper: Arc<Mutex<Option<Tamper>>> = Arc::default();
        let (discovery, keys) = (provider.discovery(), provider.jwks());
        for (path, body) in [
            ("/.well-known/openid-configuration", serde_json::to_value(discovery).unwrap()),
            ("/jwks", serde_json::to_value(keys).unwrap()),
        ] {
            let answer = ResponseTemplate::new(200).set_body_json(body);
            Mock::given(matchers::path(path)).respond_with(answer).mount(&server).await;
        }
        let (endpoint, tampering) = (Arc::clone(&provider), Arc::clone(&tamper));
        Mock::given(matchers::path("/token"))
            .and(matchers::method("POST"))
            .respond_with(move |request: &wiremock::Request| {
                let form: Vec<_> = url::form_urlencoded::parse(&request.body).into_owned().collect();
                match endpoint.token(form, NOW_MILLIS, &SeededEntropy::new(3)) {
                    Ok(tokens) => {
                        let body: Value = serde_json::from_slice(&tokens.to_json()).unwrap();
                        let tamper = tampering.lock().unwrap();
                        let body = tamper.as_ref().map_or(body.clone(), |tamper| tamper(body));
                        ResponseTemplate::new(200).set_body_json(body)
                    }
                    Err(error) => ResponseTemplate::new(error.status()).set_body_json(error.body()),
                }
            })
            .mount(&server)
            .await;
        let clock = ManualClock::new();
        let shared: Arc<dyn Clock> = clock.clone();
        let providers = Providers::new(vec![provider_config(&server.uri())], http_client(), &shared).unwrap();
        Self { provider, server, providers, clock, tamper }
    }

    async fn begin(&self, seed: u64) -> (Url, PendingSignIn) {
        self.providers
            .begin("dev", BACK, &SignInDemand::default(), &SeededEntropy::new(seed), NOW_MILLIS)
            .await
            .unwrap()
    }

    /// What the browser does: follows the address, picks a person, comes back with this query.
    fn pick(&self, url: &Url, person: &str) -> Vec<(String, String)> {
        let Authorize::Pick(page) = self.provider.authorize(url.query_pairs().into_owned()).unwrap() else {
            panic!("the provider refused {url}");
        };
        let mut form: Vec<_> =
            page.request.fields().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        form.push(("person".into(), person.into()));
        match self.provider.choose(form, NOW_MILLIS, &SeededEntropy::new(4)).unwrap() {
            Authorize::Redirect(url) => url.query_pairs().into_owned().collect(),
            Authorize::Pick(_) => panic!("no redirect"),
        }
    }

    async fn finish(&self, pending: PendingSignIn, query: Vec<(String, String)>) -> Result<SignedIn, SignInError> {
        self.providers.finish(pending, CallbackParams::from_pairs(query)?, NOW_MILLIS).await
    }

    /// A whole sign-in as ada.
    async fn sign_in(&self) -> Result<SignedIn, SignInError> {
        let (url, pending) = self.begin(1).await;
        let query = self.pick(&url, "ada");
        self.finish(pending, query).await
    }

    fn tamper(&self, tamper: impl Fn(Value) -> Value + Send + 'static) {
        *self.tamper.lock().unwrap() = Some(Box::new(tamper));
    }

    /// Signs the id token anew, with other claims or another header.
    fn forge(&self, seed: u64, change: impl Fn(Forge) -> Forge + Send + 'static) {
        self.tamper(move |mut body| {
            let token = body["id_token"].as_str().unwrap();
            let mut parts = token
                .split('.')
                .map(|part| URL_SAFE_NO_PAD.decode(part).ok().and_then(|json| serde_json::from_slice(&json).ok()));
            let forge = Forge { header: parts.next().unwrap().unwrap(), claims: parts.next().unwrap().unwrap() };
            body["id_token"] = change(forge).sign(&signer(seed)).into();
            body
        });
    }
}

fn replace(query: Vec<(String, String)>, name: &str, value: Option<&str>) -> Vec<(String, String)> {
    let mut query: Vec<_> = query.into_iter().filter(|(other, _)| other != name).collect();
    query.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    query
}

#[tokio::test]
async fn ada_signs_in() {
    let world = World::start().await;
    assert_eq!(world.providers.list(), [("dev".to_owned(), "Development".to_owned(), world.server.uri())]);
    let (url, pending) = world.begin(1).await;
    let parameter = |name: &str| url.query_pairs().find(|(other, _)| other == name).unwrap().1.into_owned();
    assert_eq!(parameter("scope"), "openid profile");
    assert_eq!(parameter("code_challenge_method"), "S256");
    assert_eq!(parameter("redirect_uri"), BACK);
    assert!(pending.has_state(&parameter("state")));
    assert_eq!(pending.provider(), "dev");
    // Kept sealed, outside: it must survive the way.
    let kept = serde_json::to_vec(&pending).unwrap();
    let query = world.pick(&url, "ada");
    let signed_in = world.finish(serde_json::from_slice(&kept).unwrap(), query).await.unwrap();
    assert_eq!(signed_in.principal.kind, PrincipalKind::User);
    assert_eq!(signed_in.principal.id.issuer, world.server.uri());
    assert_eq!(signed_in.principal.id.subject, "ada");
    assert_eq!(signed_in.principal.groups, ["vault-admins"]);
    assert_eq!(signed_in.display_name, "Ada Lovelace");
    assert_eq!(signed_in.acr.as_deref(), Some("urn:strongroom:development"));
    assert_eq!(signed_in.amr, ["pick"]);
    assert_eq!(signed_in.auth_time, Some(NOW));
}

#[tokio::test]
async fn an_answer_must_belong_to_the_sign_in_of_this_browser() {
    let world = World::start().await;
    let (url, _) = world.begin(1).await;
    let of_another = world.pick(&url, "ada");
    let (_, mine) = world.begin(2).await;
    assert_eq!(world.finish(mine, of_another.clone()).await, Err(StateMismatch));
    for state in [None, Some(""), Some("x")] {
        let (_, pending) = world.begin(1).await;
        assert_eq!(world.finish(pending, replace(of_another.clone(), "state", state)).await, Err(StateMismatch));
    }
}

#[tokio::test]
async fn a_code_of_another_sign_in_is_useless() {
    let world = World::start().await;
    let (url, _) = world.begin(1).await;
    let stolen = world.pick(&url, "ada").into_iter().find(|(name, _)| name == "code").unwrap().1;
    let (url, mine) = world.begin(2).await;
    let query = replace(world.pick(&url, "edsger"), "code", Some(&stolen));
    assert_eq!(world.finish(mine, query).await, Err(Refused), "the verifier is another");
}

#[tokio::test]
async fn a_code_counts_once() {
    let world = World::start().await;
    let (url, pending) = world.begin(1).await;
    let kept = serde_json::to_vec(&pending).unwrap();
    let query = world.pick(&url, "ada");
    assert!(world.finish(pending, query.clone()).await.is_ok());
    assert_eq!(world.finish(serde_json::from_slice(&kept).unwrap(), query).await, Err(Refused));
}

#[tokio::test]
async fn the_answering_issuer_is_checked() {
    let world = World::start().await;
    for iss in [None, Some("https://id.example"), Some("")] {
        let (url, pending) = world.begin(1).await;
        let query = replace(world.pick(&url, "ada"), "iss", iss);
        assert_eq!(world.finish(pending, query).await, Err(IssuerMismatch), "{iss:?}");
    }
}

#[tokio::test]
async fn errors_of_the_provider_have_meaning() {
    let world = World::start().await;
    for (code, expected) in [
        ("access_denied", Denied),
        ("login_required", NoAccount),
        ("server_error", ProviderUnreachable),
        ("invalid_scope", Refused),
    ] {
        let (url, pending) = world.begin(1).await;
        let query = replace(replace(world.pick(&url, "ada"), "code", None), "error", Some(code));
        assert_eq!(world.finish(pending, query).await, Err(expected));
    }
    let (url, pending) = world.begin(1).await;
    let nobody = world.pick(&url, "nobody");
    assert_eq!(world.finish(pending, nobody).await, Err(Denied));
    let (url, pending) = world.begin(1).await;
    let query = replace(world.pick(&url, "ada"), "code", None);
    assert_eq!(world.finish(pending, query).await, Err(MalformedAnswer));
    let doubled = vec![("code".to_owned(), "a".to_owned()), ("code".to_owned(), "b".to_owned())];
    assert_eq!(CallbackParams::from_pairs(doubled).err(), Some(MalformedAnswer));
}

#[tokio::test]
async fn a_sign_in_takes_ten_minutes_at_most() {
    let world = World::start().await;
    for (later, expected) in [(PENDING_LIFETIME_MILLIS, Err(TooLate)), (-1, Err(TooLate))] {
        let (url, pending) = world.begin(1).await;
        let params = CallbackParams::from_pairs(world.pick(&url, "ada")).ok().unwrap();
        assert_eq!(world.providers.finish(pending, params, NOW_MILLIS + later).await, expected);
    }
}

#[tokio::test]
async fn forged_id_tokens_are_refused() {
    type Change = Box<dyn Fn(Forge) -> Forge + Send>;
    let lies: Vec<(&str, u64, Change, SignInError)> = vec![
        ("another nonce", PROVIDER_KEY, Box::new(|f| f.claim("nonce", "other")), NonceMismatch),
        ("no nonce", PROVIDER_KEY, Box::new(|f| f.claim("nonce", Value::Null)), NonceMismatch),
        (
            "another audience",
            PROVIDER_KEY,
            Box::new(|f| f.claim("aud", "other")),
            InvalidToken(TokenError::WrongAudience),
        ),
        (
            "a further audience",
            PROVIDER_KEY,
            Box::new(|f| f.claim("aud", json!([CLIENT_ID, "other"]))),
            InvalidToken(TokenError::WrongAudience),
        ),
        (
            "another issuer",
            PROVIDER_KEY,
            Box::new(|f| f.claim("iss", "https://id.example")),
            InvalidToken(TokenError::UnknownIssuer),
        ),
        ("expired", PROVIDER_KEY, Box::new(|f| f.claim("exp", NOW)), InvalidToken(TokenError::Expired)),
        (
            "issued in the future",
            PROVIDER_KEY,
            Box::new(|f| f.claim("iat", NOW + 61)),
            InvalidToken(TokenError::NotYetValid),
        ),
        (
            "another access token",
            PROVIDER_KEY,
            Box::new(|f| f.claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA")),
            InvalidToken(TokenError::Malformed),
        ),
        ("an access token", PROVIDER_KEY, Box::new(|f| f.header("typ", "at+jwt")), InvalidToken(TokenError::WrongType)),
        ("crit", PROVIDER_KEY, Box::new(|f| f.header("crit", json!(["x"]))), InvalidToken(TokenError::Malformed)),
        ("no subject", PROVIDER_KEY, Box::new(|f| f.claim("sub", Value::Null)), Refused),
        ("an empty subject", PROVIDER_KEY, Box::new(|f| f.claim("sub", "")), InvalidToken(TokenError::Malformed)),
        ("another key", 9, Box::new(|f| f), InvalidToken(TokenError::BadSignature)),
        (
            "another key, named",
            9,
            Box::new(|f| f.header("kid", signer(9).key_id())),
            InvalidToken(TokenError::UnknownKey),
        ),
    ];
    for (lie, seed, change, reason) in lies {
        let world = World::start().await;
        world.forge(seed, change);
        assert_eq!(world.sign_in().await, Err(reason), "{lie}");
    }
    let world = World::start().await;
    world.forge(PROVIDER_KEY, |forge| forge);
    assert!(world.sign_in().await.is_ok(), "signed anew without a change");
}

#[tokio::test]
async fn unsigned_and_missing_id_tokens_are_refused() {
    let world = World::start().await;
    world.tamper(|mut body| {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let claims = body["id_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
        body["id_token"] = format!("{header}.{claims}.").into();
        body
    });
    assert!(matches!(world.sign_in().await, Err(InvalidToken(TokenError::ForbiddenAlgorithm) | Refused)));
    world.tamper(|mut body| {
        body.as_object_mut().unwrap().remove("id_token");
        body
    });
    assert_eq!(world.sign_in().await, Err(InvalidToken(TokenError::Missing)));
}

#[tokio::test]
async fn the_name_to_greet_with_falls_back_and_never_identifies() {
    for (change, expected) in [
        (json!({ "name": " " , "preferred_username": "ada.l" }), "ada.l"),
        (json!({ "name": null, "email": "ada@example.com" }), "ada@example.com"),
        (json!({ "name": null }), "ada"),
        (json!({ "name": "Ada\u{7} L" }), "Ada L"),
    ] {
        let world = World::start().await;
        world.forge(PROVIDER_KEY, move |mut forge| {
            for (name, value) in change.as_object().unwrap() {
                forge = forge.claim(name, value.clone());
            }
            forge
        });
        let signed_in = world.sign_in().await.unwrap();
        assert_eq!((signed_in.display_name.as_str(), signed_in.principal.id.subject.as_str()), (expected, "ada"));
    }
}

#[tokio::test]
async fn who_must_sign_in_again_does() {
    let world = World::start().await;
    let demand = SignInDemand { afresh: true, acr: vec!["phr".into(), "phrh".into()] };
    let begin = async || world.providers.begin("dev", BACK, &demand, &SeededEntropy::new(1), NOW_MILLIS).await.unwrap();
    let (url, pending) = begin().await;
    let asked: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in [("prompt", "login"), ("max_age", "0"), ("acr_values", "phr phrh")] {
        assert!(asked.contains(&(name.to_owned(), value.to_owned())), "{name} in {url}");
    }
    let query = world.pick(&url, "ada");
    assert_eq!(world.finish(pending, query).await.unwrap().auth_time, Some(NOW));
    for proved in [json!(NOW - 61), Value::Null] {
        world.forge(PROVIDER_KEY, move |forge| forge.claim("auth_time", proved.clone()));
        let (url, pending) = begin().await;
        let query = world.pick(&url, "ada");
        assert_eq!(world.finish(pending, query).await, Err(NotAfresh));
    }
    assert_eq!(world.sign_in().await.unwrap().auth_time, None, "who must not is let in all the same");
}

#[tokio::test]
async fn unknown_and_unreachable_providers() {
    let world = World::start().await;
    let (usual, entropy) = (SignInDemand::default(), SeededEntropy::new(1));
    let begun = world.providers.begin("other", BACK, &usual, &entropy, NOW_MILLIS).await;
    assert_eq!(begun.err(), Some(UnknownProvider));
    let begun = world.providers.begin("dev", "not an address", &usual, &entropy, NOW_MILLIS).await;
    assert_eq!(begun.err(), Some(RedirectAddress));

    let issuer = FakeIssuer::start(key_set(&[&signer(2)])).await;
    let shared: Arc<dyn Clock> = world.clock.clone();
    let providers = Providers::new(vec![provider_config(&issuer.name())], http_client(), &shared).unwrap();
    let begun = providers.begin("dev", BACK, &usual, &entropy, NOW_MILLIS).await;
    assert_eq!(begun.err(), Some(ProviderUnreachable), "it has no authorization endpoint");
    issuer.answer_with(500);
    let providers = Providers::new(vec![provider_config(&issuer.name())], http_client(), &shared).unwrap();
    assert_eq!(providers.begin("dev", BACK, &usual, &entropy, NOW_MILLIS).await.err(), Some(ProviderUnreachable));
    let twice =
        Providers::new(vec![provider_config("https://a"), provider_config("https://b")], http_client(), &shared);
    assert!(twice.is_err());
}

#[tokio::test]
async fn a_confidential_client_authenticates_as_the_provider_likes() {
    for (methods, in_header) in
        [(json!(["client_secret_basic"]), true), (json!([]), true), (json!(["client_secret_post"]), false)]
    {
        let supported = methods.clone();
        let issuer = FakeIssuer::start_with(key_set(&[&signer(PROVIDER_KEY)]), move |uri| {
            json!({
                "issuer": uri, "jwks_uri": format!("{uri}/jwks"), "authorization_endpoint": format!("{uri}/authorize"),
                "token_endpoint": format!("{uri}/token"), "token_endpoint_auth_methods_supported": supported,
            })
        })
        .await;
        let mut config = provider_config(&issuer.name());
        config.client_secret = Some(SecretText::new("s3cret".into()));
        let shared: Arc<dyn Clock> = ManualClock::new();
        let providers = Providers::new(vec![config], http_client(), &shared).unwrap();
        let (url, pending) =
            providers.begin("dev", BACK, &SignInDemand::default(), &SeededEntropy::new(1), NOW_MILLIS).await.unwrap();
        let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let query = vec![("state".to_owned(), state), ("code".to_owned(), "c".to_owned())];
        let params = CallbackParams::from_pairs(query).ok().unwrap();
        assert_eq!(providers.finish(pending, params, NOW_MILLIS).await, Err(Refused));
        let requests = issuer.server.received_requests().await.unwrap();
        let exchange = requests.iter().find(|request| request.url.path() == "/token").unwrap();
        assert_eq!(exchange.headers.contains_key("authorization"), in_header, "{methods}");
        assert_eq!(String::from_utf8_lossy(&exchange.body).contains("s3cret"), !in_header, "{methods}");
    }
}
