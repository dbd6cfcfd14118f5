//! What every answer keeps: statuses, records, headers, escaping.

use std::collections::BTreeMap;

use strongroom_crypto::SecretText;
use strongroom_domain::{
    grant::Scope,
    principal::Grantee,
    record::Outcome,
    role::Role,
    secret::SecretAttributes,
    test_support::world::{PEOPLE, enabled, name, person},
    text::deceives,
};

use super::{Story, VALUE};

#[tokio::test]
async fn bad_input_gets_a_status_and_a_record() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let long = "x".repeat(200);
    for (target, status) in [
        ("/vaults/x/secrets".to_owned(), 404),
        ("/vaults/demo/secrets/a%2fb".to_owned(), 404),
        ("/vaults/demo/secrets/a/b".to_owned(), 404),
        ("/vaults/demo/secrets/none".to_owned(), 404),
        ("/vaults/gone-vault/secrets".to_owned(), 404),
        ("/vaults/demo/secrets?after=%2e%2e".to_owned(), 400),
        (format!("/vaults/demo/secrets?q={long}"), 400),
        ("/audit?outcome=maybe".to_owned(), 400),
        ("/audit?range=2h".to_owned(), 400),
        ("/audit/x".to_owned(), 404),
        ("/access?scope=vaults".to_owned(), 400),
        ("/access/grants?state=x".to_owned(), 400),
        ("/access/grants?after=x".to_owned(), 400),
        ("/access/roles/x".to_owned(), 404),
        ("/access/workloads/x".to_owned(), 404),
        ("/audit?before=1".to_owned(), 400),
        ("/vaults/demo/secrets?q=%zz".to_owned(), 400),
        ("/vaults/demo/nothing".to_owned(), 404),
        ("/assets/none.js".to_owned(), 404),
        ("/no-such-place".to_owned(), 404),
    ] {
        let before = story.log().len();
        let page = story.get(&target, &cookie).await;
        assert_eq!(page.status, status, "{target}");
        assert!(page.text.starts_with("<!doctype html>"), "{target}");
        assert_eq!(story.log().len(), before + 1, "{target}");
        let request = page.header("x-ms-request-id").unwrap();
        assert_eq!(story.last().id.to_string(), request, "{target}");
        assert!(page.text.contains(request), "{target}: the page names its request");
    }
}

#[tokio::test]
async fn no_record_no_page() {
    let story = Story::start();
    let version = story.set("db-password", VALUE).await;
    let cookie = story.sign_in("ada").await;
    let token = story.get("/vaults", &cookie).await.form_token().to_owned();
    story.world.store.set_disk_full(true);
    for target in ["/vaults", "/vaults/demo/secrets", "/vaults/demo/secrets/db-password", "/audit", "/vaults/demo/x"] {
        let page = story.get(target, &cookie).await;
        assert_eq!(page.status, 503, "{target}");
        assert!(page.text.starts_with("<!doctype html>") && !page.text.contains("db-password</a>"), "{target}");
    }
    let reveal = story.post(&format!("/vaults/demo/secrets/db-password/{version}/reveal"), &cookie, &token).await;
    assert_eq!(reveal.status, 503);
    assert!(!reveal.text.contains(VALUE));
    assert_eq!(story.post("/sign-out", &cookie, &token).await.status, 503);
    story.world.store.set_disk_full(false);
    assert_eq!(story.get("/vaults", &cookie).await.status, 200, "and then it goes on");
}

#[tokio::test]
async fn every_page_carries_its_headers() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let cookie = story.sign_in("ada").await;
    for target in [
        "/sign-in",
        "/signed-out",
        "/vaults",
        "/vaults/demo/secrets",
        "/vaults/demo/secrets/db-password",
        "/audit",
        "/vaults/demo/new-secret",
        "/access",
        "/vaults/demo/secrets/none",
        "/VAULTS/demo/none",
        "/auth/callback",
        "/audit?outcome=x",
    ] {
        let page = story.get(target, &cookie).await;
        for (name, value) in [
            ("content-security-policy", strongroom_web::content_security_policy()),
            ("content-type", "text/html; charset=utf-8"),
            ("cache-control", "no-store"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
        ] {
            let values: Vec<_> = page.headers.iter().filter(|(key, _)| *key == name).map(|(_, v)| v.as_str()).collect();
            assert_eq!(values, [value], "{target} {name}");
        }
        assert!(page.header("permissions-policy").is_some());
    }
}

#[tokio::test]
async fn every_asset_is_served_and_kept_by_browsers() {
    let story = Story::start();
    let sign_in = story.get("/sign-in", "").await;
    let mut immutable = 0;
    for name in strongroom_web::asset_names() {
        let asset = story.get(&format!("/assets/{name}"), "").await;
        assert_eq!(asset.status, 200, "{name}");
        assert!(!asset.text.is_empty() && asset.header("content-type").is_some());
        immutable += usize::from(asset.header("cache-control").unwrap().contains("immutable"));
    }
    assert!(immutable > 2);
    let script = sign_in.text.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(story.get(script, "").await.header("content-type"), Some("text/javascript; charset=utf-8"));
}

#[tokio::test]
async fn what_others_wrote_is_text_and_nothing_else() {
    let story = Story::start();
    let mut attributes = enabled();
    attributes.content_type = Some("<script>alert(1)</script>".into());
    attributes.tags.insert("\"><img src=x>".into(), "'".into());
    let request = story.world.request(&story.ada);
    let value = SecretText::new("<b>".into());
    let set = story.world.secrets.set(&request, &story.vault, &name("odd").unwrap(), &attributes, value).await.unwrap();
    let cookie = story.sign_in("ada%3Cscript%3E").await;
    story
        .world
        .put_grant(Grantee::Principal { id: person("ada<script>").id.clone() }, Role::Owner, Scope::Server)
        .unwrap();
    let page = story.get("/vaults/demo/secrets/odd", &cookie).await;
    let shown =
        story.post(&format!("/vaults/demo/secrets/odd/{}/reveal", set.meta.version), &cookie, page.form_token()).await;
    let targets = ["/vaults/demo/secrets", "/audit?principal=%3Cscript%3E", "/vaults/demo/secrets?q=%3Cimg%3E"];
    let mut pages = vec![page, shown];
    for target in targets {
        pages.push(story.get(target, &cookie).await);
    }
    for page in pages {
        assert_eq!(page.status, 200);
        for tag in ["<script>", "<img", "<b>&"] {
            assert!(!page.text.contains(tag), "{tag}");
        }
    }
}

/// What cannot be read in an address is refused before anything is asked, so that nothing is on record as done.
#[tokio::test]
async fn a_record_tells_the_status_that_was_answered() {
    let story = Story::start();
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    let file = format!("/vaults/demo/certificates/none/{}/public?as=foo", "0".repeat(32));
    for (target, cookie) in [("/overview?range=x", &bob), ("/overview?range=x", &ada), (file.as_str(), &ada)] {
        assert_eq!(story.get(target, cookie).await.status, 400, "{target}");
        let record = story.last();
        assert_eq!((record.status, record.outcome), (Some(400), Outcome::Failed), "{target}");
    }
}

#[test]
fn pages_and_names_agree_on_what_deceives() {
    for c in '\0'..=char::MAX {
        let lays_out = matches!(c, '\n' | '\t');
        assert_eq!(strongroom_web::deceives(c), deceives(c) && !lays_out, "{c:?}");
    }
}

#[tokio::test]
async fn what_deceives_is_visible_on_pages() {
    let story = Story::start();
    let attributes = SecretAttributes {
        content_type: Some("app\u{202e}xslx".to_owned()),
        tags: BTreeMap::from([("team\u{200b}".to_owned(), "ops\u{2066}".to_owned())]),
        ..enabled()
    };
    let (ctx, value) = (story.world.request(&story.ada), SecretText::new(VALUE.to_owned()));
    story.world.secrets.set(&ctx, &story.vault, &name("db").unwrap(), &attributes, value).await.unwrap();
    let lookalike = Grantee::Group { issuer: PEOPLE.to_owned(), group: "admins\u{200b}".to_owned() };
    story.world.put_grant(lookalike, Role::Reader, Scope::Server).unwrap();
    let ada = story.sign_in("ada").await;
    for (page, shown) in [
        ("/vaults/demo/secrets", "app\\u{202e}xslx"),
        ("/vaults/demo/secrets", "team\\u{200b}: ops\\u{2066}"),
        ("/vaults/demo/secrets/db", "app\\u{202e}xslx"),
        ("/access", "admins\\u{200b}"),
    ] {
        let text = story.get(page, &ada).await.text;
        assert!(text.contains(shown), "{page}: {text}");
        assert!(!text.contains(['\u{202e}', '\u{2066}']), "{page}: {text}");
    }
}
