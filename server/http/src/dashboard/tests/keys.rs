//! Keys by pages: made, shown, used, changed, deleted.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use data_encoding::BASE64URL_NOPAD;
use strongroom_domain::{
    key::KeyAlgorithm,
    keys::KeyError,
    record::Outcome,
    test_support::world::{demo, name, person},
    vault::VaultUpdate,
};

use zeroize::Zeroizing;

use super::{Story, certificates::hidden};
use crate::edge::{Body, RawRequest, answer};

/// What stands behind a name in a list of facts.
fn fact<'a>(page: &'a str, name: &str) -> &'a str {
    let value = page.split(&format!("<dt>{name}</dt>")).nth(1).unwrap_or_else(|| panic!("{name} in {page}"));
    value.split("class=\"wrapany\">").nth(1).unwrap().split('<').next().unwrap()
}

async fn made(story: &Story, cookie: &str, name: &str, kind: &str) -> String {
    let fields = format!("name={name}&kind={kind}&enabled=yes&tag-name-1=team&tag-value-1=%3Cledger%3E");
    let made = story.submit("/vaults/demo/new-key", cookie, &fields).await;
    assert_eq!(made.status, 303, "{}", made.text);
    let href = made.header("location").unwrap().to_owned();
    let page = story.get(&href, cookie).await.text;
    let act = page.split(&format!("action=\"{href}/")).nth(1).unwrap();
    format!("{href}/{}", act.split('/').next().unwrap())
}

#[tokio::test]
async fn a_key_is_made_shown_and_found() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    assert!(story.get("/vaults/demo/keys", &cookie).await.text.contains("No keys in demo"));
    let version = made(&story, &cookie, "release-signing", "EC+P-256").await;
    let page = story.get("/vaults/demo/keys/release-signing", &cookie).await.text;
    for shown in [
        "EC P-256",
        "Never leaves this vault",
        "-----BEGIN PUBLIC KEY-----",
        "ecdsa-sha2-nistp256 ",
        "&#60;ledger&#62;",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains("<ledger>"), "escaped");
    assert_eq!(story.get(&version, &cookie).await.status, 200);
    let list = story.get("/vaults/demo/keys?q=release", &cookie).await.text;
    assert!(list.contains("One key in demo") && list.contains("sign, verify"), "{list}");
    assert!(story.get("/vaults/demo/keys?q=other", &cookie).await.text.contains("No key is like that"));
    assert!(story.get("/search?q=release", &cookie).await.text.contains("demo/release-signing"));
    assert!(story.get("/search?q=ledger", &cookie).await.text.contains("demo/release-signing"), "by its tag");
    let again = story.submit("/vaults/demo/new-key", &cookie, "name=release-signing&kind=RSA+2048&enabled=yes").await;
    assert_eq!(again.status, 409);
    let narrow =
        story.submit("/vaults/demo/new-key", &cookie, "name=checks&kind=EC+P-256&enabled=yes&op-verify=yes").await;
    assert_eq!(narrow.status, 303, "{}", narrow.text);
    assert!(story.get("/vaults/demo/keys/checks", &cookie).await.text.contains("for verify."));
    let unfit =
        story.submit("/vaults/demo/new-key", &cookie, "name=odd&kind=EC+P-256&enabled=yes&op-encrypt=yes").await;
    assert!(unfit.status == 400 && unfit.text.contains("name=\"op-encrypt\" value=\"yes\" checked"), "{}", unfit.text);
    for (fields, status) in [("name=&kind=EC+P-256", 400), ("name=a&kind=EC+P-1", 400), ("name=a_b&kind=oct+256", 400)]
    {
        assert_eq!(story.submit("/vaults/demo/new-key", &cookie, fields).await.status, status, "{fields}");
    }
}

#[tokio::test]
async fn a_key_is_used_where_it_is() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let version = made(&story, &cookie, "signing", "EC+P-256").await;
    let using = format!("{version}/use");
    let signed = story.submit(&using, &cookie, "operation=sign&algorithm=ES256&input=thetextitself").await;
    assert_eq!(signed.status, 200, "{}", signed.text);
    assert!(!signed.text.contains("thetextitself"), "it is not sent back");
    let signature = fact(&signed.text, "Signature").to_owned();
    assert_eq!(signature.len(), 86, "{signature}");
    let record = story.log().into_iter().rfind(|record| record.operation == "KeySign").unwrap();
    assert_eq!((record.outcome, record.object.as_deref()), (Outcome::Allowed, Some("signing")));
    let verify = async |text: &str| {
        let fields = format!("operation=verify&algorithm=ES256&input={text}&signature={signature}");
        story.submit(&using, &cookie, &fields).await.text
    };
    assert!(verify("thetextitself").await.contains("This key&#39;s, over this text"));
    assert!(verify("another").await.contains("Not this key&#39;s over this text"));
    for (fields, status) in [
        ("operation=decrypt&algorithm=ES256&input=x", 400),
        ("operation=sign&algorithm=RS256&input=x", 400),
        ("operation=sign&algorithm=none&input=x", 400),
        ("operation=sign&algorithm=ES256&input=%21&encoded=yes", 400),
        ("operation=verify&algorithm=ES256&input=x&signature=%21", 400),
    ] {
        let refused = story.submit(&using, &cookie, fields).await;
        assert_eq!(refused.status, status, "{fields}");
        assert!(refused.text.contains("role=\"alert\""), "{fields}");
    }
    let version = made(&story, &cookie, "data", "oct+256").await;
    let using = format!("{version}/use");
    let sealed = story.submit(&using, &cookie, "operation=encrypt&algorithm=A256GCM&input=thetextitself").await;
    assert_eq!(sealed.status, 200);
    assert!(!sealed.text.contains("thetextitself") && fact(&sealed.text, "Tag").len() == 22, "{}", sealed.text);
    let wrapped = story
        .submit(&using, &cookie, "operation=wrapKey&algorithm=A256KW&encoded=yes&input=AAAAAAAAAAAAAAAAAAAAAA")
        .await;
    assert_eq!((wrapped.status, fact(&wrapped.text, "Ciphertext").len()), (200, 32));
}

#[tokio::test]
async fn algorithms_that_the_vault_refuses_are_named_and_not_offered() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let version = made(&story, &cookie, "data", "RSA+2048").await;
    let page = async || story.get("/vaults/demo/keys/data", &cookie).await.text;
    let before = page().await;
    assert!(before.contains("value=\"RSA1_5\"") && before.contains("--algorithm PS256"), "{before}");
    let refused = ["RSA1_5", "PS256"].map(|name| KeyAlgorithm::parse(name).unwrap()).into();
    let update = VaultUpdate { refused_algorithms: Some(refused), ..VaultUpdate::default() };
    let (ctx, vault) = (story.world.request(&person("ada")), demo().unwrap());
    story.world.admin.update_vault(&ctx, &vault, None, &update).await.unwrap();
    let after = page().await;
    assert!(after.contains("This vault refuses operations by PS256 and RSA1_5."), "{after}");
    assert!(!after.contains("value=\"RSA1_5\"") && after.contains("value=\"RSA-OAEP-256\""), "{after}");
    assert!(!after.contains("--algorithm PS256") && after.contains("--algorithm RS256"), "{after}");
    let refused = story.submit(&format!("{version}/use"), &cookie, "operation=sign&algorithm=PS256&input=x").await;
    assert!(refused.status == 403 && refused.text.contains("switched off in this vault"), "{}", refused.text);
}

#[tokio::test]
async fn a_key_is_changed_deleted_and_recovered() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let version = made(&story, &cookie, "signing", "EC+P-256").await;
    let fields = "op-verify=yes&enabled=yes&tags-shown=yes&expires=2031-05-06T07%3A08%3A09";
    let changed = story.submit(&format!("{version}/edit"), &cookie, fields).await;
    assert_eq!(changed.header("location"), Some("/vaults/demo/keys/signing"));
    let form = story.get(&format!("{version}/edit"), &cookie).await.text;
    assert!(form.contains("value=\"2031-05-06T07:08:09\" step=\"1\""), "what is sent back moves nothing: {form}");
    assert!(form.contains("--op verify") && !form.contains("--op sign"), "the key's own: {form}");
    assert!(form.contains("Nobody can use a disabled version"), "{form}");
    let page = story.get("/vaults/demo/keys/signing", &cookie).await.text;
    assert!(page.contains("for verify.") && !page.contains("value=\"sign\""), "{page}");
    assert!(!page.contains("ledger"), "its tags are gone");
    let refused = story.submit(&format!("{version}/use"), &cookie, "operation=sign&algorithm=ES256&input=x").await;
    assert_eq!(refused.status, 403);
    assert_eq!(story.submit(&format!("{version}/disable"), &cookie, "").await.status, 303);
    let page = story.get("/vaults/demo/keys/signing", &cookie).await.text;
    assert!(page.contains("Disabled") && !page.contains("Use the key"));
    assert_eq!(story.submit(&format!("{version}/enable"), &cookie, "").await.status, 303);

    let deleted = story.submit("/vaults/demo/keys/signing/delete", &cookie, "").await;
    assert_eq!(deleted.header("location"), Some("/vaults/demo/deleted-keys"));
    assert_eq!(story.get("/vaults/demo/keys/signing", &cookie).await.status, 404);
    assert!(story.get("/vaults/demo/deleted-keys", &cookie).await.text.contains("One deleted key in demo"));
    assert!(story.get("/vaults/demo/deleted", &cookie).await.text.contains("No deleted secrets in demo"));
    let recovered = story.submit("/vaults/demo/deleted-keys/signing/recover", &cookie, "").await;
    assert_eq!(recovered.header("location"), Some("/vaults/demo/keys/signing"));
    story.submit("/vaults/demo/keys/signing/delete", &cookie, "").await;
    let purge = "/vaults/demo/deleted-keys/signing/purge";
    assert_eq!(story.submit(purge, &cookie, "confirm=other&why=told").await.status, 400);
    assert_eq!(story.submit(purge, &cookie, "confirm=signing&why=told").await.status, 303);
    assert!(story.get("/vaults/demo/deleted-keys", &cookie).await.text.contains("No deleted keys in demo"));
}

#[tokio::test]
async fn a_key_is_rotated_by_hand_and_given_a_policy() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let version = made(&story, &cookie, "signing", "EC+P-256").await;
    let key = "/vaults/demo/keys/signing";
    let page = story.get(key, &cookie).await.text;
    for shown in ["Rotate now", "Only by hand", "Not by itself", "30 days before it", "Never: as usual"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    let rotation = format!("{key}/rotation");
    let form = story.get(&rotation, &cookie).await.text;
    assert!(form.contains("Rotation of signing") && form.contains("value=\"P30D\""), "{form}");
    for (fields, sentence) in [
        ("when=after&time=", "Say how long after or before."),
        ("when=after&time=soon", "A duration is in the form of ISO 8601"),
        ("when=after&time=P6D", "at least 7 days after it was made"),
        ("when=before&time=P30D", "A time before expiry needs an expiryTime that is longer."),
        ("when=weekly&time=P30D", "Say what makes new versions."),
    ] {
        let refused = story.submit(&rotation, &cookie, fields).await;
        assert_eq!(refused.status, 400, "{fields}");
        assert!(refused.text.contains(sentence) && refused.text.contains("role=\"alert\""), "{}", refused.text);
    }
    let set = story.submit(&rotation, &cookie, "when=after&time=P90D&expiry=P18M&notify=").await;
    assert_eq!((set.status, set.header("location")), (303, Some(key)));
    let page = story.get(key, &cookie).await.text;
    for shown in ["90 days after a version was made", "1 year, 6 months", "30 days before it"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains("Not by itself"), "it says when");
    let form = story.get(&rotation, &cookie).await.text;
    assert!(form.contains("value=\"P90D\"") && form.contains("value=\"P1Y6M\""), "{form}");
    let rotated = story.submit(&format!("{key}/rotation/now"), &cookie, "").await;
    assert_eq!((rotated.status, rotated.header("location")), (303, Some(key)));
    let record = story.log().into_iter().rfind(|record| record.operation == "KeyRotate").unwrap();
    assert_eq!((record.outcome, record.object.as_deref()), (Outcome::Allowed, Some("signing")));
    let old = story.get(&version, &cookie).await.text;
    assert!(old.contains("Older version") && !old.contains("Rotate now"), "{old}");
    assert!(!story.get(key, &cookie).await.text.contains("Older version"));
    let bob = story.sign_in("bob").await;
    assert_eq!(story.get(&rotation, &bob).await.status, 403);
    assert_eq!(story.submit(&format!("{key}/rotation/now"), &bob, "").await.status, 403);
}

#[tokio::test]
async fn who_may_not_sees_which_role_is_missing() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    made(&story, &cookie, "signing", "EC+P-256").await;
    let bob = story.sign_in("bob").await;
    let denied = story.get("/vaults/demo/keys/signing", &bob).await;
    assert_eq!(denied.status, 403);
    assert!(denied.text.contains("You cannot see this key.") && denied.text.contains("/vaults/demo/keys/signing"));
    assert_eq!(story.get("/vaults/demo/keys/none", &bob).await.status, 403, "nothing tells what there is");
}

#[tokio::test]
async fn a_key_is_brought_looked_at_and_taken_in() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let token = story.get("/vaults", &ada).await.form_token().to_owned();
    let bytes: Vec<u8> = (1..=32).collect();
    let key = BASE64URL_NOPAD.encode(&bytes);
    let jwk = format!("{{\"kty\":\"oct\",\"k\":\"{key}\"}}");
    let look = async |text: &str| {
        story
            .parts(
                "/vaults/demo/import-key",
                &ada,
                &token,
                &[("name", b"brought".as_slice()), ("pasted", text.as_bytes())],
            )
            .await
    };
    let seen = look(&jwk).await;
    assert!(seen.status == 200 && seen.text.contains("oct 256"), "{}", seen.text);
    assert!(!seen.text.contains(&key) && story.world.store.image().objects.is_empty(), "nothing is kept");
    let sealed = hidden(&seen.text, "sealed").to_owned();
    let fields = format!("name=brought&sealed={sealed}&revision=0&enabled=yes&op-wrapKey=yes&op-unwrapKey=yes");
    let stored = story.submit("/vaults/demo/import-key/store", &ada, &fields).await;
    assert_eq!((stored.status, stored.header("location")), (303, Some("/vaults/demo/keys/brought")), "{}", stored.text);
    assert!(story.get("/vaults/demo/keys/brought", &ada).await.text.contains("wrapKey"));
    // It was new when it was looked at, and is there now.
    let again = story.submit("/vaults/demo/import-key/store", &ada, &fields).await;
    assert!(again.status == 412 && again.text.contains("was not there when"), "{}", again.text);
    let next = look(&jwk).await.text;
    let revision = hidden(&next, "revision");
    assert!(next.contains("becomes its next version") && revision != "0", "{next}");
    let changed = fields.replace("revision=0", "revision=7");
    assert_eq!(story.submit("/vaults/demo/import-key/store", &ada, &changed).await.status, 412, "changed meanwhile");
    let known = fields.replace("revision=0", &format!("revision={revision}"));
    assert_eq!(story.submit("/vaults/demo/import-key/store", &ada, &known).await.status, 303);
    assert_eq!(look("-----BEGIN CERTIFICATE-----").await.status, 400);
    let other = fields.replace("name=brought", "name=other");
    let elsewhere = story.submit("/vaults/demo/import-key/store", &ada, &other).await;
    assert!(elsewhere.status == 400 && elsewhere.text.contains("too long ago, or elsewhere"), "{}", elsewhere.text);
}

#[tokio::test]
async fn a_key_goes_to_a_file_and_comes_back_from_one_and_says_when_it_was_used() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let version = made(&story, &ada, "signer", "EC+P-256").await;
    assert!(story.get("/vaults/demo/keys/signer", &ada).await.text.contains("Never on record"));
    let used = story.submit(&format!("{version}/use"), &ada, "operation=sign&algorithm=ES256&text=x").await;
    assert_eq!(used.status, 200, "{}", used.text);
    let page = story.get("/vaults/demo/keys/signer", &ada).await.text;
    assert!(!page.contains("Never on record") && page.contains("Uses, 24 h"), "{page}");
    for (form, begins) in [("pem", "-----BEGIN PUBLIC KEY-----"), ("jwk", "{")] {
        let file = story.get(&format!("{version}/public?as={form}"), &ada).await;
        assert!(file.status == 200 && file.text.starts_with(begins), "{form}: {}", file.text);
        assert!(file.header("content-disposition").unwrap().contains(&format!("signer.{form}")));
    }
    assert_eq!(story.get(&format!("{version}/public?as=der"), &ada).await.status, 400);

    let token = story.get("/vaults", &ada).await.form_token().to_owned();
    let backup = answer(
        story.services.clone(),
        RawRequest {
            cookies: Some(ada.clone()),
            origin: Some(super::BASE.into()),
            body: Body::Read(Zeroizing::new(format!("csrf_token={token}").into_bytes())),
            ..super::raw("POST", &format!("{version}/backup"))
        },
    )
    .await;
    assert_eq!(backup.status, 200);
    let blob = backup.body.to_vec();
    let restore =
        async |bytes: &[u8]| story.parts("/vaults/demo/restore-key", &ada, &token, &[("backup", bytes)]).await;
    let taken = restore(&blob).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    assert_eq!(restore(b"none").await.status, 400);
    assert_eq!(restore(b"").await.status, 400);
    assert_eq!(story.submit("/vaults/demo/keys/signer/delete", &ada, "").await.status, 303);
    assert_eq!(
        story.submit("/vaults/demo/deleted-keys/signer/purge", &ada, "confirm=signer&why=told").await.status,
        303
    );
    let back = restore(&blob).await;
    assert_eq!((back.status, back.header("location")), (303, Some("/vaults/demo/keys/signer")), "{}", back.text);
    assert_eq!(story.get(&version, &ada).await.status, 200, "with its versions");
}

/// What opens for as long as it takes is opened two at a time and four of one caller: the next is told to come later, and
/// nobody else waits for it.
#[tokio::test]
async fn whoever_has_keys_looked_at_waits_in_line() {
    let story = Story::start();
    let open = Arc::new(AtomicBool::new(false));
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let look = async || {
        let told = Arc::clone(&open);
        let (open, at_once, most) = (Arc::clone(&open), Arc::clone(&at_once), Arc::clone(&most));
        let read = move || {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while !open.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            at_once.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, KeyError>(())
        };
        let (ctx, name) = (story.world.request(&story.ada), name("brought").unwrap());
        let looked = story.services.keys.look_into(&ctx, (&story.vault, &name), read).await;
        // Whoever is told to come later lets the others end.
        if matches!(looked, Err(KeyError::Busy { .. })) {
            told.store(true, Ordering::SeqCst);
        }
        looked
    };
    let (one, two, three, four, five) = tokio::join!(look(), look(), look(), look(), look());
    let all = [one, two, three, four, five];
    assert_eq!(all.iter().filter(|looked| matches!(looked, Ok(Ok(())))).count(), 4, "{all:?}");
    assert_eq!(all.iter().filter(|looked| matches!(looked, Err(KeyError::Busy { .. }))).count(), 1, "{all:?}");
    assert!(most.load(Ordering::SeqCst) <= 2);
    assert_eq!(story.log().iter().filter(|record| record.operation == "KeyInspect").count(), 5, "each on record");
    let bob = story.sign_in("bob").await;
    let token = story.get("/vaults", &bob).await.form_token().to_owned();
    let parts = [("name", b"brought".as_slice()), ("pasted", b"-".as_slice())];
    assert_eq!(story.parts("/vaults/demo/import-key", &bob, &token, &parts).await.status, 403, "before it is read");
}
