//! Logout: where the browser goes to end the provider's session, and which logout tokens count.

use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_domain::time::Clock;

use crate::{
    IssuerConfig, ProviderConfig, Providers,
    SignInError::{self, InvalidToken, UnknownProvider},
    TokenError::{self, *},
    test_support::{FakeIssuer, Forge, ManualClock, NOW, http_client, key_set, signer},
};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const NOW_MILLIS: i64 = NOW * 1000;

struct World {
    issuer: FakeIssuer,
    providers: Providers,
}

impl World {
    async fn start(more: Value) -> Self {
        let issuer = FakeIssuer::start_with(key_set(&[&signer(2)]), |uri| {
            let mut discovery = json!({
                "issuer": uri, "jwks_uri": format!("{uri}/jwks"),
                "authorization_endpoint": format!("{uri}/authorize"), "token_endpoint": format!("{uri}/token"),
            });
            if more["ends"] == true {
                discovery["end_session_endpoint"] = format!("{uri}/end?tenant=1").into();
            }
            discovery
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
        Self { issuer, providers }
    }

    /// A token as the provider would rightly make it.
    fn token(&self) -> Forge {
        Forge::new(&self.issuer.name(), &signer(2))
            .header("typ", "logout+jwt")
            .claim("aud", "dashboard")
            .claim("jti", "t1")
            .claim("sid", "s1")
            .claim("events", json!({ EVENT: {} }))
    }

    async fn refusal(&self, token: &str) -> Option<SignInError> {
        self.providers.logout_token("corp", token, NOW_MILLIS).await.err()
    }
}

#[tokio::test]
async fn the_browser_is_sent_to_where_the_provider_ends_its_session() {
    let world = World::start(json!({ "ends": true })).await;
    let url = world.providers.end("corp", "https://vault.localhost:8443/signed-out").await.unwrap().unwrap();
    let expected = format!(
        "{}/end?tenant=1&client_id=dashboard&post_logout_redirect_uri=https%3A%2F%2Fvault.localhost%3A8443%2Fsigned-out",
        world.issuer.name()
    );
    assert_eq!(url.as_str(), expected);
    assert_eq!(world.providers.end("other", "https://x").await, Err(UnknownProvider));
    let silent = World::start(json!({})).await;
    assert_eq!(silent.providers.end("corp", "https://x").await, Ok(None));
}

#[tokio::test]
async fn a_logout_token_says_whose_session_ends() {
    let world = World::start(json!({})).await;
    let read = async |token: Forge| world.providers.logout_token("corp", &token.sign(&signer(2)), NOW_MILLIS).await;
    let told = read(world.token()).await.unwrap();
    assert_eq!((told.subject.as_deref(), told.session.as_deref()), (Some("ada"), Some("s1")));
    assert_eq!((told.once.used, told.once.expires), (NOW, NOW + 3600));
    assert_eq!(read(world.token().claim("sub", Value::Null)).await.unwrap().subject, None);
    let without = read(world.token().header("typ", Value::Null).claim("sid", Value::Null)).await.unwrap();
    assert_eq!((without.subject.as_deref(), without.session), (Some("ada"), None));
    assert_eq!(without.once.id_hash, told.once.id_hash, "the same token by its id");
    let other = read(world.token().claim("jti", "t2")).await.unwrap();
    assert_ne!(other.once.id_hash, told.once.id_hash);
}

#[tokio::test]
async fn no_other_token_does() {
    let world = World::start(json!({})).await;
    let good = world.token();
    let id_token = good.clone().header("typ", "JWT").claim("events", Value::Null).claim("nonce", "n");
    let cases: Vec<(&str, Forge, TokenError)> = vec![
        ("of another issuer", good.clone().claim("iss", "https://evil.example"), UnknownIssuer),
        ("for another client", good.clone().claim("aud", "other"), WrongAudience),
        ("that has expired", good.clone().claim("exp", NOW), Expired),
        ("without an end", good.clone().claim("exp", Value::Null), Malformed),
        ("from the future", good.clone().claim("iat", NOW + 61), NotYetValid),
        ("without a beginning", good.clone().claim("iat", Value::Null), Malformed),
        ("without an id", good.clone().claim("jti", Value::Null), Malformed),
        ("with an id that is no text", good.clone().claim("jti", 5), Malformed),
        ("of nobody", good.clone().claim("sub", Value::Null).claim("sid", Value::Null), Malformed),
        ("of an empty session", good.clone().claim("sid", ""), Malformed),
        ("of another event", good.clone().claim("events", json!({ "other": {} })), WrongType),
        ("of an event that is no object", good.clone().claim("events", json!({ EVENT: true })), WrongType),
        ("with a nonce", good.clone().claim("nonce", "n"), WrongType),
        ("that is an id token", id_token, WrongType),
        ("of another type", good.clone().header("typ", "at+jwt"), WrongType),
    ];
    for (what, forge, reason) in cases {
        assert_eq!(world.refusal(&forge.sign(&signer(2))).await, Some(InvalidToken(reason)), "{what}");
    }
    assert_eq!(world.refusal(&good.sign(&signer(3))).await, Some(InvalidToken(BadSignature)));
    assert_eq!(world.refusal("").await, Some(InvalidToken(Missing)));
    let elsewhere = world.providers.logout_token("other", &good.sign(&signer(2)), NOW_MILLIS).await;
    assert_eq!(elsewhere, Err(UnknownProvider));
}
