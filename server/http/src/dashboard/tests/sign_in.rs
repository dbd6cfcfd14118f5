//! Signing in, signing out, and being nobody.

use std::sync::Arc;

use strongroom_domain::{grant::Scope, principal::Grantee, record::Outcome, role::Role, test_support::world::person};

use super::{BASE, Provider, Story, VALUE};
use crate::routes::{Access, ROUTES, Site};

#[tokio::test]
async fn a_sign_in_leads_to_the_page_that_was_asked_for() {
    let story = Story::start();
    let led = story.get("/audit?outcome=denied", "").await;
    assert_eq!((led.status, led.header("location")), (303, Some("/sign-in?return_to=%2Faudit%3Foutcome%3Ddenied")));
    let page = story.get(led.header("location").unwrap(), "").await;
    let link = "/auth/dev/start?return_to=%2Faudit%3Foutcome%3Ddenied";
    assert!(page.text.contains(link), "{}", page.text);
    let away = story.get(link, "").await;
    let (to, cookie) = (away.header("location").unwrap(), away.cookie("__Host-sign-in").unwrap());
    assert_eq!(to, "https://idp.example/authorize?redirect_uri=https://vault.localhost:8443/auth/callback");
    assert!(!cookie.contains("audit"), "what is kept is sealed");
    let back = story.get("/auth/callback?state=s1&code=ada", &cookie).await;
    assert_eq!((back.status, back.header("location")), (303, Some("/audit?outcome=denied")));
    let set: Vec<_> = back.headers.iter().filter(|(key, _)| *key == "set-cookie").map(|(_, value)| value).collect();
    assert!(set.iter().all(|v| v.ends_with("Path=/; Secure; HttpOnly; SameSite=Lax")), "{set:?}");
    assert!(set.iter().any(|v| v.starts_with("__Host-sign-in=; Max-Age=0;")), "{set:?}");
    let record = story.last();
    assert_eq!((record.operation.as_str(), record.outcome), ("SessionBegin", Outcome::Allowed));
    assert_eq!(record.principal.unwrap().subject, "ada");
    let page = story.get("/audit?outcome=denied", &back.cookie("__Host-session").unwrap()).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("ada Lovelace"));
}

#[tokio::test]
async fn a_sign_in_that_fails_says_so_and_is_recorded() {
    let story = Story::start();
    let begun = story.get("/auth/dev/start", "").await.cookie("__Host-sign-in").unwrap();
    let broken = format!("{}A", &begun[..begun.len() - 1]);
    for (cookies, query, status, reason) in [
        ("", "state=s1&code=ada", 400, "sign-in-not-begun-here"),
        (broken.as_str(), "state=s1&code=ada", 400, "sign-in-not-begun-here"),
        (begun.as_str(), "state=other&code=ada", 400, "sign-in-state-mismatch"),
        (begun.as_str(), "state=s1&error=access_denied", 403, "sign-in-refused"),
        (begun.as_str(), "state=s1&code=system", 403, "sign-in-refused"),
        (begun.as_str(), "state=s1&code=down", 502, "sign-in-provider-unreachable"),
    ] {
        let page = story.get(&format!("/auth/callback?{query}"), cookies).await;
        assert_eq!(page.status, status, "{query}");
        assert!(page.text.contains("role=\"alert\""), "{query}");
        assert!(page.cookie("__Host-session").is_none());
        assert_eq!((story.last().reason.as_str(), story.last().status), (reason, Some(status)));
    }
    story.world.clock.advance(600_000);
    assert_eq!(story.get("/auth/callback?state=s1&code=ada", &begun).await.status, 400, "too late");
    assert_eq!(story.get("/auth/down/start", "").await.status, 502);
    assert_eq!(story.get("/auth/none/start", "").await.status, 404);
    assert!(story.world.store.image().sessions.is_empty());
}

/// Where several providers send people back to one address, one of them hands out the others' answers as its own.
#[tokio::test]
async fn the_answer_of_one_provider_is_never_taken_for_that_of_another() {
    let mut story = Story::start();
    let alone = story.get("/auth/dev/start", "").await.cookie("__Host-sign-in").unwrap();
    Arc::get_mut(&mut story.services).unwrap().sign_in = Arc::new(Provider(&["dev", "partner"]));
    let away = story.get("/auth/partner/start", "").await;
    let to = "https://idp.example/authorize?redirect_uri=https://vault.localhost:8443/auth/partner/callback";
    assert_eq!(away.header("location"), Some(to));
    let begun = away.cookie("__Host-sign-in").unwrap();
    for (cookie, path) in [
        (&begun, "/auth/dev/callback"),
        (&begun, "/auth/callback"),
        (&begun, "/auth/nobody/callback"),
        (&alone, "/auth/callback"),
        (&alone, "/auth/dev/callback"),
    ] {
        let page = story.get(&format!("{path}?state=s1&code=ada"), cookie).await;
        assert_eq!((page.status, page.cookie("__Host-session")), (400, None), "{path}");
        assert_eq!(story.last().reason, "sign-in-issuer-mismatch", "{path}");
    }
    let back = story.get("/auth/partner/callback?state=s1&code=ada", &begun).await;
    // It stands first in this browser from then on; what is no provider changes nothing.
    let used = back.cookie("__Host-provider").unwrap();
    assert_eq!(used, "__Host-provider=partner");
    for (cookie, first, marked) in
        [("", "dev", false), ("__Host-provider=x", "dev", false), (used.as_str(), "partner", true)]
    {
        let page = story.get("/sign-in", cookie).await.text;
        let begins: Vec<&str> =
            page.split("href=\"/auth/").skip(1).map(|rest| rest.split('/').next().unwrap()).collect();
        assert_eq!((begins.len(), begins[0], page.contains("Last used")), (2, first, marked), "{page}");
    }
    let session = back.cookie("__Host-session").unwrap();
    let settings = story.get("/settings", &session).await.text;
    for name in ["dev", "partner"] {
        assert!(settings.contains(&format!("https://vault.localhost:8443/auth/{name}/callback")), "{settings}");
    }
}

#[tokio::test]
async fn a_second_sign_in_ends_the_session_before_it() {
    let story = Story::start();
    let first = story.sign_in("ada").await;
    let begun = story.get("/auth/dev/start", &first).await.cookie("__Host-sign-in").unwrap();
    let back = story.get("/auth/callback?state=s1&code=ada", &format!("{first}; {begun}")).await;
    let second = back.cookie("__Host-session").unwrap();
    assert_ne!(first, second);
    assert_eq!(story.get("/vaults", &first).await.status, 303);
    assert_eq!(story.get("/vaults", &second).await.status, 200);
}

#[tokio::test]
async fn signing_out_ends_the_session_at_once() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let token = story.get("/vaults", &cookie).await.form_token().to_owned();
    let out = story.post("/sign-out", &cookie, &token).await;
    assert_eq!((out.status, out.header("location")), (303, Some("/signed-out?provider=dev")));
    assert_eq!(story.last().operation, "SessionEnd");
    assert_eq!(story.get("/vaults", &cookie).await.status, 303);
    let page = story.get("/signed-out?provider=dev", "").await.text;
    let end = "https://idp.example/end?post_logout_redirect_uri=https://vault.localhost:8443/signed-out";
    assert!(page.contains(&format!("<a class=\"btn\" href=\"{end}\">")), "{page}");
    for other in ["", "?provider=other", "?provider=%22%3E"] {
        assert!(!story.get(&format!("/signed-out{other}"), "").await.text.contains("idp.example"), "{other}");
    }
}

#[tokio::test]
async fn without_a_session_every_page_leads_to_sign_in_and_tells_nothing() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    for route in ROUTES.iter().filter(|r| r.site == Site::Base && r.access == Access::Session) {
        for (name, version) in [("db-password", version.as_str()), ("none", "0123456789abcdef0123456789abcdef")] {
            let path = route.template.replace("{vault}", "demo").replace("{name}", name).replace("{version}", version);
            for cookies in ["", "__Host-session=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.1.AAAA"] {
                let page = story.send(route.method.as_str(), &path, cookies, Some(BASE), "").await;
                assert_eq!(page.status, 303, "{path}");
                assert!(page.header("location").unwrap().starts_with("/sign-in"), "{path}");
                assert!(page.text.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn people_see_and_end_their_own_sessions_and_no_others() {
    let story = Story::start();
    let first = story.sign_in("ada").await;
    story.world.clock.advance(60_000);
    let second = story.sign_in("ada").await;
    let bob = story.sign_in("bob").await;
    let page = story.get("/me", &second).await;
    assert!(page.text.contains("You have two sessions") && page.text.matches("/end\"").count() == 2, "{}", page.text);
    // Told apart by where they began, and how long the proof counts.
    for told in
        ["127.0.0.1", "A browser", "This one", "0 min old, counts for 15 min more", "or after 60 minutes unused"]
    {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert!(story.get("/me", &bob).await.text.contains("You have this session alone"));

    // The other one, by somebody else: as if it were not there.
    let ends: Vec<&str> =
        page.text.split("action=\"/me/sessions/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let (own, other) = (ends[0], ends[1]);
    for end in [own, other] {
        let refused = story.submit(&format!("/me/sessions/{end}"), &bob, "").await;
        assert_eq!(refused.status, 404);
    }
    let ended = story.submit(&format!("/me/sessions/{other}"), &second, "").await;
    assert_eq!((ended.status, ended.header("location")), (303, Some("/me")));
    assert_eq!(story.get("/vaults", &first).await.header("location"), Some("/sign-in"), "at once");
    assert_eq!(story.get("/vaults", &second).await.status, 200);

    story.sign_in("ada").await;
    story.sign_in("ada").await;
    let ended = story.submit("/me/end-others", &second, "").await;
    assert_eq!(ended.status, 303);
    assert!(story.get("/me", &second).await.text.contains("You have this session alone"));
    assert_eq!(story.log().iter().filter(|record| record.operation == "SessionEnd").count(), 5, "each is on record");
    let last = story.submit(&format!("/me/sessions/{own}"), &second, "").await;
    assert_eq!(last.header("location"), Some("/signed-out?provider=dev"));
    assert_eq!(story.get("/vaults", &second).await.header("location"), Some("/sign-in"));
    assert_eq!(story.get("/vaults", &bob).await.status, 200);
}

#[tokio::test]
async fn a_look_is_kept_in_the_browser_and_is_one_of_a_few() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let saved = story.submit("/me/look", &cookie, "theme=dark&compact=yes&keys=yes&language=en").await;
    let look = saved.cookie("__Host-look").unwrap();
    assert_eq!(look, "__Host-look=dark.compact.keys.en");
    let page = story.get("/vaults", &format!("{cookie}; {look}")).await;
    assert!(page.text.contains("<div class=\"shell dark compact\">"));
    // Single keys are switched off, and on again from the same page, whatever the keys do.
    let quiet = story.submit("/me/look", &cookie, "theme=dark&language=xx").await.cookie("__Host-look").unwrap();
    assert_eq!(quiet, "__Host-look=dark.usual.quiet.any");
    let me = story.get("/me", &format!("{cookie}; {quiet}")).await.text;
    assert!(me.contains("<div class=\"shell dark\" data-quiet-keys>"), "{me}");
    assert!(me.contains("name=\"keys\" value=\"yes\" aria-describedby"), "not ticked: {me}");
    assert!(story.get("/vaults", &cookie).await.text.contains("<div class=\"shell\">"));
    assert_eq!(story.submit("/me/look", &cookie, "theme=%22%3E").await.status, 400);
}

#[tokio::test]
async fn people_drop_a_role_of_their_own_once_they_have_seen_what_they_lose() {
    let story = Story::start();
    let there = || Scope::Vault { vault: story.world.store.image().vaults["demo"].id };
    let bob = Grantee::Principal { id: person("bob").id.clone() };
    let own = story.world.put_grant(bob, Role::SecretsUser, there()).unwrap().id;
    let eve = Grantee::Principal { id: person("eve").id.clone() };
    let hers = story.world.put_grant(eve, Role::SecretsUser, there()).unwrap().id;
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    let drop = format!("/me/roles/{own}/drop");
    assert!(story.get("/me", &bob).await.text.contains(&format!("href=\"{drop}\"")));
    let asked = story.get(&drop, &bob).await;
    assert!(asked.text.contains("You can do nothing here afterwards"), "{}", asked.text);
    for (cookie, id) in [(&bob, hers), (&ada, own)] {
        let other = format!("/me/roles/{id}/drop");
        assert_eq!(story.get(&other, cookie).await.status, 404);
        assert_eq!(story.submit(&other, cookie, "").await.status, 404, "not theirs to give up");
    }
    let dropped = story.submit(&drop, &bob, "").await;
    assert_eq!((dropped.status, dropped.header("location")), (303, Some("/me")));
    let record = story.log().into_iter().rfind(|record| record.operation == "RoleAssignmentDelete").unwrap();
    assert_eq!((record.outcome, record.status), (Outcome::Allowed, Some(303)));
    assert!(record.trace.iter().any(|stage| stage.reason == "own-assignment"), "{:?}", record.trace);
    assert_ne!(story.get("/vaults/demo", &bob).await.status, 200);

    // The last Owner hears that it stays, and stays.
    let ids = story.world.store.image().assignments.iter().map(|given| given.id).collect::<Vec<_>>();
    let owner = format!("/me/roles/{}/drop", ids[0]);
    assert!(story.get(&owner, &ada).await.text.contains("You are the last Owner"));
    assert_eq!(story.submit(&owner, &ada, "").await.status, 409);
}

#[tokio::test]
async fn pinned_vaults_stand_first_for_whoever_pinned_them_and_name_none_that_is_not_listed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    assert_eq!(story.submit("/new-vault", &cookie, "name=zulu&access_mode=rbac&retention_days=7").await.status, 303);
    let saved = story.submit("/me/pins", &cookie, "vault=zulu&pinned=yes&back=%2Fvaults%3Fsort%3Dname").await;
    assert_eq!((saved.status, saved.header("location")), (303, Some("/vaults?sort=name")));
    let pins = saved.cookie("__Host-pins").unwrap();
    let pinned = format!("{cookie}; {pins}");
    let page = story.get("/vaults", &pinned).await;
    let plain = story.get("/vaults", &cookie).await;
    for class in ["vault", "name"] {
        let at = |text: &str, vault: &str| text.find(&format!("class=\"{class}\" href=\"/vaults/{vault}\"")).unwrap();
        assert!(at(&page.text, "zulu") < at(&page.text, "demo"), "{class}");
        assert!(at(&plain.text, "zulu") > at(&plain.text, "demo"), "{class}");
    }
    assert!(page.text.contains("<small>Pinned</small>") && !plain.text.contains("Pinned"));
    assert!(story.get("/vaults/zulu", &pinned).await.text.contains("Unpin<span class=\"sr\"> zulu</span>"));

    // In the same browser, for somebody who may list no vault.
    let bob = format!("{}; {pins}", story.sign_in("bob").await);
    assert!(!story.get("/vaults", &bob).await.text.contains("zulu"));
    let (hidden, absent) = (
        story.submit("/me/pins", &bob, "vault=zulu&pinned=yes"),
        story.submit("/me/pins", &bob, "vault=none&pinned=yes"),
    );
    let (hidden, absent) = (hidden.await, absent.await);
    assert_eq!((hidden.status, absent.status), (400, 400));
    assert!(hidden.cookie("__Host-pins").is_none() && hidden.text.contains("no vault of this name that you may list"));
    assert_eq!(story.submit("/me/pins", &cookie, "vault=zulu&pinned=maybe").await.status, 400);

    let unpinned = story.submit("/me/pins", &pinned, "vault=zulu&pinned=no&back=https%3A%2F%2Fevil.example").await;
    assert_eq!(unpinned.header("location"), Some("/vaults"));
    let none = unpinned.cookie("__Host-pins").unwrap();
    assert!(pins.starts_with(&none) && pins.len() == none.len() + 33, "{pins} {none}");
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_of_somebody_else_after_a_fresh_sign_in() {
    let story = Story::start();
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    let end = "/access/end-sessions";
    assert!(story.get("/access", &ada).await.text.contains(&format!("href=\"{end}\"")));
    let form = story.get(&format!("{end}?issuer=https%3A%2F%2Fpeople.example&subject=bob"), &ada).await.text;
    assert!(form.contains("value=\"bob\"") && form.contains("session end --issuer"), "{form}");
    let whom = "issuer=https%3A%2F%2Fpeople.example&subject=bob";
    assert_eq!(story.submit(end, &bob, whom).await.status, 403, "nobody without the role");
    assert_eq!(story.submit(end, &ada, "issuer=&subject=bob").await.status, 400);
    let ended = story.submit(end, &ada, whom).await;
    assert!(ended.status == 200 && ended.text.contains("One session was ended"), "{}", ended.text);
    let record = story.last();
    assert_eq!((record.operation.as_str(), record.outcome), ("SessionRevoke", Outcome::Allowed));
    assert_eq!(story.get("/vaults", &bob).await.status, 303, "at once");
    assert!(story.submit(end, &ada, whom).await.text.contains("Nobody of this issuer and subject"));
    story.world.clock.advance(15 * 60_000);
    assert_eq!(story.submit(end, &ada, whom).await.status, 403);
    assert_eq!(story.last().reason, "step-up-required");
}
