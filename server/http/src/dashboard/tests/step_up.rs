//! How sessions age: in use, idle, ended elsewhere, and too old for what cannot be undone.

use strongroom_domain::{
    policy::{AttachmentState, Effect, ModuleDigest, Obligation, PolicyAttachment},
    record::Outcome,
    test_support::Verdict,
    vault::VaultSettings,
};

use super::Story;

const FIFTEEN_MINUTES: i64 = 15 * 60 * 1000;

#[tokio::test]
async fn a_session_in_use_goes_on_and_an_idle_one_ends() {
    let story = Story::start();
    let mut cookie = story.sign_in("ada").await;
    assert!(story.get("/vaults", &cookie).await.cookie("__Host-session").is_none(), "new enough");
    for _ in 0..3 {
        story.world.clock.advance(50 * 60_000);
        let page = story.get("/vaults", &cookie).await;
        assert_eq!(page.status, 200);
        cookie = page.cookie("__Host-session").unwrap();
    }
    story.world.clock.advance(60 * 60_000);
    let led = story.get("/vaults", &cookie).await;
    assert_eq!((led.status, led.header("location")), (303, Some("/sign-in")));
    assert!(led.cookie("__Host-session").is_none(), "what is over is not made anew");
}

#[tokio::test]
async fn what_cannot_be_undone_needs_a_sign_in_of_just_now() {
    let story = Story::start();
    story.set("gone", "x").await;
    let cookie = story.sign_in("ada").await;
    story.submit("/vaults/demo/secrets/gone/delete", &cookie, "").await;
    let purge = "/vaults/demo/deleted/gone/purge";
    assert_eq!(story.get(purge, &cookie).await.status, 200);
    story.world.clock.advance(FIFTEEN_MINUTES);
    let asked = story.get(purge, &cookie).await;
    assert_eq!((asked.status, story.last().reason.as_str()), (403, "step-up-required"));
    let again = "/auth/dev/start?return_to=%2Fvaults%2Fdemo%2Fdeleted%2Fgone%2Fpurge&afresh=yes";
    assert!(asked.text.contains(&again.replace('&', "&#38;")), "{}", asked.text);
    let refused = story.submit(purge, &cookie, "confirm=gone").await;
    assert_eq!((refused.status, story.last().outcome), (403, Outcome::Denied));
    assert_eq!(story.get("/vaults/demo/deleted", &cookie).await.status, 200, "looking goes on");
    assert!(story.get("/vaults/demo/deleted", &cookie).await.text.contains("gone"), "nothing happened");

    let away = story.get(again, &cookie).await;
    assert!(away.header("location").unwrap().contains("max_age=0"));
    let begun = away.cookie("__Host-sign-in").unwrap();
    let back = story.get("/auth/callback?state=s1&code=ada", &format!("{cookie}; {begun}")).await;
    assert_eq!(back.header("location"), Some(purge), "back to what was to be done");
    let fresh = back.cookie("__Host-session").unwrap();
    assert_eq!(story.get(purge, &cookie).await.status, 303, "the session before has ended");
    assert_eq!(story.submit(purge, &fresh, "confirm=gone").await.status, 303);
    assert!(!story.get("/vaults/demo/deleted", &fresh).await.text.contains("Purge gone"));
}

#[tokio::test]
async fn a_policy_that_asks_for_more_says_how_to_prove_it() {
    let story = Story::start();
    story.set("db-password", "x").await;
    let cookie = story.sign_in("ada").await;
    let guard = PolicyAttachment {
        name: "guard".to_owned(),
        module: ModuleDigest([7; 32]),
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    story.world.put_vault(&story.vault, VaultSettings { policies: vec![guard], ..VaultSettings::default() }).unwrap();
    let wanted = Obligation::StepUp { acr: vec!["phr".to_owned(), "phrh".to_owned()], amr: Vec::new(), max_age: None };
    story.world.policies.oblige("guard", vec![wanted]);
    story.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    let page = story.get("/vaults/demo/secrets/db-password", &cookie).await;
    assert_eq!(page.status, 403);
    let again = "/auth/dev/start?return_to=%2Fvaults%2Fdemo%2Fsecrets%2Fdb-password&#38;afresh=yes&#38;acr=phr+phrh";
    assert!(page.text.contains(&format!("href=\"{again}\"")), "{}", page.text);
    story.world.policies.oblige("guard", Vec::new());
    assert!(!story.get("/vaults/demo/secrets/db-password", &cookie).await.text.contains("afresh"));
}

#[tokio::test]
async fn a_provider_ends_sessions_and_its_token_counts_once() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let told = async |provider: &str, body: &str| {
        story.send("POST", &format!("/auth/{provider}/back-channel-logout"), "", None, body).await
    };
    for (provider, body, status) in [
        ("dev", "", 400),
        ("dev", "logout_token=x", 400),
        ("dev", "logout_token=ada.1&logout_token=ada.2", 400),
        ("none", "logout_token=ada.1", 404),
        ("down", "logout_token=ada.1", 503),
    ] {
        let page = told(provider, body).await;
        assert_eq!(page.status, status, "{provider} {body}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.text.starts_with("{\"error\":\"invalid_request\""), "{}", page.text);
    }
    assert_eq!(story.get("/vaults", &cookie).await.status, 200);
    let page = told("dev", "logout_token=ada.1").await;
    assert_eq!((page.status, page.text.as_str()), (200, ""));
    assert_eq!((story.last().operation.as_str(), story.last().outcome), ("SessionEndByProvider", Outcome::Allowed));
    assert_eq!(story.get("/vaults", &cookie).await.status, 303, "at once");
    let again = story.sign_in("ada").await;
    story.world.clock.advance(31_000);
    assert_eq!(told("dev", "logout_token=ada.1").await.status, 400);
    assert_eq!(story.last().reason, "logout-token-replayed");
    assert_eq!(story.get("/vaults", &again).await.status, 200);
}
