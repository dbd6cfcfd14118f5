//! Forms that went stale while they were open: nothing that was typed is lost, and nothing is done by them.

use strongroom_domain::record::Outcome;

use super::{BASE, Story, VALUE};
use crate::{
    message::Method,
    routes::{Access, ROUTES},
};

const FIFTEEN_MINUTES: i64 = 15 * 60 * 1000;

#[tokio::test]
async fn what_was_typed_outlives_the_session_and_the_sign_in_after_it() {
    let story = Story::start();
    story.set("db", "x").await;
    let old = story.sign_in("ada").await;
    let form = "/vaults/demo/secrets/db/new-version";
    let token = story.get(form, &old).await.form_token().to_owned();
    story.world.clock.advance(61 * 60_000);
    let fields = format!("value={VALUE}&content_type=text%2Fplain&tag-name-1=team&tag-value-1=ledger&enabled=yes");
    let body = format!("csrf_token={token}&{fields}");
    let kept = story.send("POST", form, &old, Some(BASE), &body).await;
    assert_eq!(kept.status, 403, "{}", kept.text);
    let record = story.last();
    assert_eq!((record.outcome, record.reason.as_str()), (Outcome::Unauthenticated, "session-missing"));
    let sign_in = "href=\"/sign-in?return_to=%2Fvaults%2Fdemo%2Fsecrets%2Fdb%2Fnew-version\" target=\"_blank\"";
    for part in ["value=\"text/plain\"", "value=\"ledger\"", sign_in, "Secrets and files are not kept"] {
        assert!(kept.text.contains(part), "{part}: {}", kept.text);
    }
    assert!(!kept.text.contains(VALUE));
    assert_eq!(kept.header("cache-control"), Some("no-store"));
    for origin in [None, Some("https://evil.example")] {
        let led = story.send("POST", form, &old, origin, &body).await;
        assert_eq!((led.status, led.text.as_str()), (303, ""), "nothing of another page is shown: {origin:?}");
    }

    let cookie = story.sign_in("ada").await;
    let again = story.send("POST", form, &cookie, Some(BASE), &body).await;
    assert_eq!((again.status, story.last().reason.as_str()), (403, "foreign-form"));
    for part in ["value=\"text/plain\"", "value=\"ledger\"", "Type it once more", "Your session was renewed"] {
        assert!(again.text.contains(part), "{part}: {}", again.text);
    }
    assert!(!again.text.contains(VALUE) && !again.text.contains(&token));
    let versions =
        |story: &Story| story.world.store.image().objects.values().map(|stored| stored.versions.len()).sum::<usize>();
    let before = versions(&story);
    let token = again.form_token().to_owned();
    let done = story.send("POST", form, &cookie, Some(BASE), &format!("csrf_token={token}&{fields}")).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(versions(&story), before + 1, "once, and only now");
}

#[tokio::test]
async fn a_form_that_needs_a_sign_in_of_just_now_keeps_what_was_typed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.world.clock.advance(FIFTEEN_MINUTES);
    for (form, fields, kept) in [
        ("/vaults/demo/settings", "access_mode=rbac&region=north&tags-shown=yes&revision=1", "value=\"north\""),
        ("/vaults/demo/network", "rules=allow+10.0.0.0%2F8&default=deny&revision=1", "allow 10.0.0.0/8</textarea>"),
        ("/access/new-role", "name=Custom&description=Mine&scopes=%2F", "value=\"Custom\""),
        ("/new-vault", "name=safe&access_mode=rbac&retention_days=7&purge_protection=yes", "value=\"safe\""),
    ] {
        let page = story.submit(form, &cookie, fields).await;
        assert_eq!((page.status, story.last().reason.as_str()), (403, "step-up-required"), "{form}");
        assert!(page.text.contains(kept) && page.text.contains("afresh=yes\" target=\"_blank\""), "{}", page.text);
        assert!(!page.text.contains("What was sent"), "it is the form itself: {}", page.text);
    }
    // What stands on no page of its own is kept as it was sent.
    let version = story.set("db", "x").await;
    let enable = format!("/vaults/demo/secrets/db/{version}/enable");
    let page = story.submit(&enable, &cookie, "reason=incident").await;
    assert_eq!((page.status, story.last().reason.as_str()), (403, "step-up-required"));
    assert!(page.text.contains("What was sent") && page.text.contains("incident"), "{}", page.text);
}

#[tokio::test]
async fn a_form_undoes_nothing_that_somebody_else_did_since_it_was_opened() {
    let story = Story::start();
    let version = story.set("db", "x").await;
    let cookie = story.sign_in("ada").await;
    story.with_authority(&cookie).await;
    let made = story.submit("/vaults/demo/new-key", &cookie, "name=signing&kind=EC+P-256&enabled=yes").await;
    assert_eq!(made.status, 303, "{}", made.text);
    let key = story.get("/vaults/demo/keys/signing", &cookie).await.text;
    let edit_key = key.split("href=\"").filter_map(|rest| rest.split('"').next()).find(|link| link.ends_with("/edit"));
    let web = story.get("/vaults/demo/certificates/web", &cookie).await.text;
    let edit_web = web.split("href=\"").filter_map(|rest| rest.split('"').next()).find(|link| link.ends_with("/edit"));
    let tagged = "op-verify=yes&enabled=yes&tags-shown=yes&tag-name-1=by&tag-value-1=WHO";
    let policy = "subject=CN%3DWHO.example&issuer=inside&issuer-was=inside&months=3&kind=EC+P-256\
                  &form=application%2Fx-pem-file&usage-digitalSignature=yes";
    for (form, fields) in [
        (format!("/vaults/demo/secrets/db/{version}/edit").as_str(), "content_type=WHO&enabled=yes&tags-shown=yes"),
        ("/vaults/demo/secrets/db/new-version", "value=v&content_type=WHO&enabled=yes"),
        (edit_key.unwrap(), tagged),
        (edit_web.unwrap(), tagged),
        ("/vaults/demo/keys/signing/rotation", "when=after&time=P90D&expiry=P2Y&notify=P1MWHO"),
        ("/vaults/demo/certificates/web/policy", policy),
        (
            "/vaults/demo/issuers/inside/edit",
            "provider=Strongroom-CA&certificate=root&profile=server&max-days=WHO&enabled=yes",
        ),
        ("/vaults/demo/contacts", "contacts=WHO%40app.example"),
    ] {
        let (one, other) = match form {
            _ if form.ends_with("/rotation") => ("", "1D"),
            _ if form.ends_with("issuers/inside/edit") => ("31", "32"),
            _ => ("firstone", "secondone"),
        };
        let revision = story.revision(form, &cookie).await;
        let of = |who: &str, revision: &str| format!("{}&revision={revision}", fields.replace("WHO", who));
        let first = story.submit(form, &cookie, &of(one, &revision)).await;
        assert_eq!(first.status, 303, "{form}: {}", first.text);
        let before = story.world.store.image();
        let late = story.submit(form, &cookie, &of(other, &revision)).await;
        assert_eq!(late.status, 412, "{form}: {}", late.text);
        // What is stored was read after that, for the page.
        let refused = story.log().into_iter().rfind(|record| record.reason == "other-revision").unwrap();
        assert_eq!((refused.outcome, refused.status), (Outcome::Failed, Some(412)), "{form}");
        assert_eq!(story.world.store.image().happened.len(), before.happened.len(), "{form}");
        assert!(late.text.contains("Stored now") && late.text.contains("changed meanwhile"), "{form}: {}", late.text);
        assert!(late.text.contains(one) && late.text.contains(other), "{form}: {}", late.text);
        let now = late.text.split("name=\"revision\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        assert_ne!(now, revision, "{form}");
        let knowing = story.submit(form, &cookie, &of(other, now)).await;
        assert_eq!(knowing.status, 303, "{form}: {}", knowing.text);
    }
}

#[tokio::test]
async fn what_is_refused_has_its_commands_too() {
    let story = Story::start();
    let version = story.set("db", "x").await;
    let pages = ROUTES.iter().filter(|route| route.access == Access::Session && route.method == Method::Get);
    let pages: Vec<String> = pages
        .map(|route| {
            let part = |part: &str| match part {
                "{vault}" => "demo".to_owned(),
                "{name}" => "db".to_owned(),
                "{version}" => version.clone(),
                part if part.starts_with('{') => "something".to_owned(),
                part => part.to_owned(),
            };
            route.template.split('/').map(part).collect::<Vec<_>>().join("/")
        })
        .collect();
    for (who, later) in [("eve", 0), ("ada", FIFTEEN_MINUTES)] {
        let cookie = story.sign_in(who).await;
        story.world.clock.advance(later);
        let mut refused = 0;
        for path in &pages {
            let page = story.get(path, &cookie).await;
            if page.status == 403 {
                assert!(page.text.contains("Copy as"), "{who} {path}: {}", page.text);
                refused += 1;
            }
        }
        assert!(refused > 20, "{who}: {refused}");
    }
}

#[tokio::test]
async fn a_roll_back_supersedes_nothing_that_its_page_did_not_show() {
    let story = Story::start();
    let first = story.set("db", "old").await;
    story.set("db", "new").await;
    let cookie = story.sign_in("ada").await;
    let seen = story.revision("/vaults/demo/secrets/db", &cookie).await;
    story.set("db", "newest").await;
    let at = format!("/vaults/demo/secrets/db/{first}/roll-back");
    let late = story.submit(&at, &cookie, &format!("revision={seen}")).await;
    assert_eq!((late.status, story.last().reason.as_str()), (412, "other-revision"), "{}", late.text);
    let seen = story.revision("/vaults/demo/secrets/db", &cookie).await;
    assert_eq!(story.submit(&at, &cookie, &format!("revision={seen}")).await.status, 303);
}
