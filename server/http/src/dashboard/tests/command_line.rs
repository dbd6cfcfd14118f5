//! From the page that asks to a token that counts, and what a page of somebody else can do about it.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use strongroom_crypto::sha256;
use strongroom_domain::record::Outcome;
use zeroize::Zeroizing;

use super::{BASE, Page, Story, raw};
use crate::edge::{Body, RawRequest, answer};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const URI: &str = "http://127.0.0.1:4000/callback";
const STATE: &str = "0123456789abcdef";

fn query(uri: &str) -> String {
    let challenge = BASE64URL_NOPAD.encode(&sha256(VERIFIER.as_bytes()));
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("redirect_uri", uri)
        .append_pair("state", STATE)
        .append_pair("code_challenge", &challenge)
        .finish()
}

impl Story {
    async fn api(&self, method: &str, token: Option<&str>, body: Option<&Value>) -> Page {
        let raw = RawRequest {
            authorization: token.map(|token| Zeroizing::new(format!("Bearer {token}"))),
            content_type: body.map(|_| "application/json".into()),
            body: Body::Read(Zeroizing::new(body.map_or_else(Vec::new, |body| body.to_string().into_bytes()))),
            ..raw(method, "/api/v1/session")
        };
        let response = answer(self.services.clone(), raw).await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        Page { status: response.status, headers: response.headers, text }
    }

    /// Allows it, and gives the address that the browser is sent to.
    async fn allow(&self, cookie: &str) -> url::Url {
        let page = self.get(&format!("/command-line?{}", query(URI)), cookie).await;
        let form = format!("csrf_token={}&{}", page.form_token(), query(URI));
        let back = self.send("POST", "/command-line", cookie, Some(BASE), &form).await;
        assert_eq!(back.status, 303, "{}", back.text);
        url::Url::parse(back.header("location").unwrap()).unwrap()
    }
}

fn parameter(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_person_who_allows_it_lets_the_command_line_in() {
    let story = Story::start();
    let ask = format!("/command-line?{}", query(URI));
    let led = story.get(&ask, "").await;
    assert_eq!(led.status, 303);
    assert!(led.header("location").unwrap().starts_with("/sign-in?return_to=%2Fcommand-line"), "and back here");
    let cookie = story.sign_in("ada").await;
    let page = story.get(&ask, &cookie).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("ada Lovelace"), "{}", page.text);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.ends_with("form-action 'self' http://127.0.0.1:4000"), "{policy}");
    assert!(
        story.get("/vaults", &cookie).await.header("content-security-policy").unwrap().ends_with("form-action 'self'")
    );

    let back = story.allow(&cookie).await;
    assert!(back.as_str().starts_with(URI));
    assert_eq!((parameter(&back, "state").as_deref(), parameter(&back, "iss").as_deref()), (Some(STATE), Some(BASE)));
    assert_eq!((story.last().operation.as_str(), story.last().outcome), ("CommandLineAllow", Outcome::Allowed));
    let code = parameter(&back, "code").unwrap();
    let body = json!({ "code": code, "code_verifier": VERIFIER, "redirect_uri": URI });
    let begun = story.api("POST", None, Some(&body)).await;
    assert_eq!((begun.status, begun.header("cache-control")), (200, Some("no-store")));
    let begun: Value = serde_json::from_str(&begun.text).unwrap();
    assert_eq!((&begun["subject"], &begun["expires_in"]), (&json!("ada"), &json!(3600)));
    let token = begun["access_token"].as_str().unwrap();
    let me = story.api("GET", Some(token), None).await;
    assert_eq!(serde_json::from_str::<Value>(&me.text).unwrap()["name"], "ada Lovelace");
    let again = story.api("POST", None, Some(&body)).await;
    assert_eq!((again.status, story.last().outcome), (401, Outcome::Unauthenticated), "a code counts once");
    assert_eq!(story.api("DELETE", Some(token), None).await.status, 204);
    let after = story.api("GET", Some(token), None).await;
    assert_eq!((after.status, story.last().reason.as_str()), (401, "token-session-over"));
    assert_eq!(story.get("/vaults", &cookie).await.status, 200, "the dashboard goes on");
    for record in story.log() {
        let text = serde_json::to_string(&record).unwrap();
        assert!(!text.contains(token) && !text.contains(&code));
    }
}

#[tokio::test]
async fn nothing_is_given_away_by_a_link_or_to_another_place() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    for uri in
        ["https://evil.example/callback", "http://127.0.0.1.evil.example:1/callback", "http://localhost:1/callback"]
    {
        let page = story.get(&format!("/command-line?{}", query(uri)), &cookie).await;
        assert_eq!((page.status, page.header("location")), (400, None), "{uri}");
        assert!(!page.header("content-security-policy").unwrap().contains("evil"));
        let token = story.get("/vaults", &cookie).await.form_token().to_owned();
        let form = format!("csrf_token={token}&{}", query(uri));
        let sent = story.send("POST", "/command-line", &cookie, Some(BASE), &form).await;
        assert_eq!((sent.status, sent.header("location")), (400, None), "{uri}");
    }
    let page = story.get(&format!("/command-line?{}", query(URI)), &cookie).await;
    let good = format!("csrf_token={}&{}", page.form_token(), query(URI));
    for (origin, form) in
        [(None, good.as_str()), (Some("https://demo.vault.localhost:8443"), good.as_str()), (Some(BASE), &query(URI))]
    {
        let sent = story.send("POST", "/command-line", &cookie, origin, form).await;
        assert_eq!((sent.status, sent.header("location")), (403, None), "{origin:?}");
    }
    assert_eq!(story.world.store.image().sessions.len(), 1, "the dashboard's own");
}
