//! The installation's settings: shown to who may, and the keys of tokens changed there.

use super::Story;
use crate::services::ListenerFacts;

#[tokio::test]
async fn settings_are_shown_to_who_may_see_them() {
    let story = Story::start();
    let listener =
        ListenerFacts { name: "public".into(), place: "192.0.2.1:8443".into(), how: "TLS", proxies: Vec::new() };
    story.services.listening.tell(vec![listener]);
    let ada = story.sign_in("ada").await;
    let page = story.get("/settings", &ada).await;
    assert_eq!(page.status, 200);
    for shown in [
        "192.0.2.1:8443",
        "Public key",
        "https://vault.localhost:8443/auth/dev/back-channel-logout",
        "https://vault.localhost:8443/auth/callback",
        "Signing",
        &story.services.keyring.root_key_id(),
        "A start needs",
        "strongroom seal rotate",
    ] {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
    assert!(story.get("/vaults", &ada).await.text.contains("href=\"/settings\""));
    let bob = story.sign_in("bob").await;
    assert_eq!(story.get("/settings", &bob).await.status, 403);
    assert!(!story.get("/vaults", &bob).await.text.contains("href=\"/settings\""), "absent, not locked");
}

#[tokio::test]
async fn the_keys_of_tokens_are_rotated_and_revoked() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let rotated = story.submit("/settings/token-keys/rotate", &ada, "").await;
    assert_eq!((rotated.status, rotated.header("location")), (303, Some("/settings")));
    assert!(story.get("/settings", &ada).await.text.contains("Announced"));
    assert_eq!(story.submit("/settings/token-keys/rotate", &ada, "").await.status, 409, "one waits already");
    let revoke = "/settings/token-keys/revoke";
    assert_eq!(story.submit(revoke, &ada, "confirm=yes&why=told").await.status, 400);
    assert!(story.get("/settings", &ada).await.text.contains("Announced"), "nothing happened");
    assert_eq!(story.submit(revoke, &ada, "confirm=revoke&why=told").await.status, 303);
    let page = story.get("/settings", &ada).await.text;
    assert!(page.contains("Signing") && !page.contains("Announced") && !page.contains("Retired"), "{page}");
    story.world.clock.advance(15 * 60_000);
    assert_eq!(story.get(revoke, &ada).await.status, 403, "it needs a sign-in of just now");
}

#[tokio::test]
async fn a_provider_is_asked_how_it_answers_before_nobody_can_sign_in() {
    let story = Story::start();
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    let test = "/settings/providers/dev/test";
    assert!(story.get("/settings", &ada).await.text.contains(&format!("action=\"{test}\"")));
    let page = story.submit(test, &ada, "").await;
    assert_eq!((page.status, story.last().operation.as_str()), (200, "SignInProviderTest"), "{}", page.text);
    for told in [
        "does not answer as it should",
        "the answer has status 500",
        "https://idp.example/authorize",
        "3 s from",
        "/auth/callback",
    ] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert_eq!(story.submit("/settings/providers/none/test", &ada, "").await.status, 404);
    assert_eq!(story.submit(test, &bob, "").await.status, 403);
}
