//! Policy modules: uploaded, looked at, attached in shadow, enforced, put in order, rolled back and detached by forms.

use std::sync::Arc;

use strongroom_domain::{
    grant::Scope,
    policy::{AttachmentState, Effect, ModuleDigest, PolicyFailure, PolicyNeeds, PolicyStage},
    policy_module::MAX_MODULE_BYTES,
    principal::Grantee,
    record::Outcome,
    role::Role,
    test_support::{Verdict, world::person},
};
use zeroize::Zeroizing;

use super::{BASE, Page, RawRequest, Story, answer, raw};
use crate::edge::Body;

const GUARD: &str = "/policy/attached/demo/guard";

fn location(page: &Page) -> &str {
    assert_eq!(page.status, 303, "{}", page.text);
    page.header("location").unwrap()
}

/// What a browser sends for the upload form.
fn parts(token: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in [("csrf_token", token.as_bytes())].iter().chain(files) {
        let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"f\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    body
}

impl Story {
    /// A module that is there.
    pub(super) async fn module(&self, text: &str) -> ModuleDigest {
        let ctx = self.world.request(&self.ada);
        self.services.admin.push_module(&ctx, Arc::from(text.as_bytes()), None).await.unwrap().facts.digest
    }

    /// Attaches a module to a vault, or to all.
    pub(super) async fn attached(&self, cookie: &str, digest: ModuleDigest, to: &str, name: &str) {
        self.world.policies.answer(name, Verdict::Says(Effect::Abstain));
        let fields = format!("where={to}&name={name}&settings=%7B%7D&state=shadow");
        let made = self.submit(&format!("/policy/modules/{digest}/attach"), cookie, &fields).await;
        assert_eq!(location(&made), format!("/policy/attached/{to}/{name}"));
    }

    pub(super) async fn revision(&self, page: &str, cookie: &str) -> String {
        let page = self.get(page, cookie).await;
        let field = page.text.split("name=\"revision\" value=\"").nth(1);
        field.unwrap_or_else(|| panic!("{}", page.text)).split('"').next().unwrap().to_owned()
    }

    /// Gives the guard other settings, so that there is a way back.
    pub(super) async fn changed_settings(&self, cookie: &str, digest: ModuleDigest) {
        let fields = format!("module={digest}&settings=%7B%22x%22%3A1%7D");
        assert_eq!(location(&self.press("settings", cookie, &fields).await), GUARD);
    }

    /// Presses a button of the guard's page.
    async fn press(&self, act: &str, cookie: &str, fields: &str) -> Page {
        let revision = self.revision(GUARD, cookie).await;
        self.submit(&format!("{GUARD}/{act}"), cookie, &format!("revision={revision}&{fields}")).await
    }

    fn policies(&self) -> Vec<(String, AttachmentState, String)> {
        let image = self.world.store.image();
        let vault = image.vaults.values().find(|vault| vault.name == self.vault).unwrap();
        let policies = vault.settings.policies.iter();
        policies.map(|one| (one.name.clone(), one.state, one.settings.clone())).collect()
    }

    async fn upload(&self, cookie: &str, token: &str, files: &[(&str, &[u8])]) -> Page {
        let raw = RawRequest {
            cookies: Some(cookie.into()),
            origin: Some(BASE.into()),
            content_type: Some("multipart/form-data; boundary=x".into()),
            body: Body::Read(Zeroizing::new(parts(token, files))),
            ..raw("POST", "/policy/upload")
        };
        let response = answer(self.services.clone(), raw).await;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        Page { status: response.status, headers: response.headers, text }
    }
}

#[tokio::test]
async fn a_module_is_uploaded_and_removed_by_forms() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let form = story.get("/policy/upload", &cookie).await;
    assert!(form.text.contains("enctype=\"multipart/form-data\"") && form.text.contains("type=\"file\""));
    let token = form.form_token().to_owned();
    let long = vec![b'x'; MAX_MODULE_BYTES + 1];
    let (long_signature, other_signature) = (vec![b'x'; 65], vec![b'y'; 64]);
    for (files, said) in [
        (vec![], "Choose the module"),
        (vec![("module", &b""[..])], "Choose the module"),
        (vec![("module", long.as_slice())], "larger than the 4 MiB"),
        (vec![("module", &b"rule"[..]), ("signature", long_signature.as_slice())], "has 64 bytes"),
        (vec![("module", &b"rule"[..]), ("signature", other_signature.as_slice())], "not signed"),
    ] {
        let refused = story.upload(&cookie, &token, &files).await;
        assert!(refused.status == 400 && refused.text.contains(said), "{said}: {}", refused.text);
        assert!(refused.text.contains("aria-invalid=\"true\""), "{said}: at the field");
    }
    assert_eq!(story.upload(&cookie, "other", &[("module", b"rule")]).await.status, 403);
    assert!(story.world.store.image().policy_modules.is_empty(), "nothing was taken in");
    let log = story.world.store.image().log;
    let why = log.iter().rev().map(|row| &row.record).find(|record| record.reason == "module-not-signed");
    let why = why.expect("the refusal is on record").id;
    let list = story.get("/policy", &cookie).await.text;
    assert!(list.contains("Refused in the last 30 days") && list.contains(&format!("href=\"/audit/{why}\"")), "{list}");

    let pushed = story.upload(&cookie, &token, &[("module", b"rule\r\n--y")]).await;
    let page = location(&pushed).to_owned();
    assert_eq!((story.last().operation.as_str(), story.last().status), ("PolicyModulePush", Some(303)));
    let shown = story.get(&page, &cookie).await.text;
    assert!(shown.contains("fake 1") && shown.contains("A module of a test: rule") && shown.contains("Uploaded"));
    let digest = page.rsplit('/').next().unwrap().to_owned();
    assert!(story.get("/policy", &cookie).await.text.contains(&digest[..12]));

    let remove = format!("{page}/remove");
    assert_eq!(story.submit(&remove, &cookie, "confirm=rule&why=told").await.status, 400);
    let removed = story.submit(&remove, &cookie, &format!("confirm={}&why=told", &digest[..12])).await;
    assert_eq!(location(&removed), "/policy");
    assert_eq!(story.get(&page, &cookie).await.status, 404);
}

#[tokio::test]
async fn an_attachment_begins_in_shadow_and_is_changed_by_forms() {
    let story = Story::start();
    let (digest, cookie) = (story.module("rule").await, story.sign_in("ada").await);
    story.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    let attach = format!("/policy/modules/{digest}/attach");
    assert!(story.get(&attach, &cookie).await.text.contains("value=\"shadow\" selected"));
    let made = story.submit(&attach, &cookie, "where=demo&name=guard&settings=%7B%7D&state=shadow").await;
    assert_eq!(location(&made), GUARD);
    assert_eq!(story.policies(), [("guard".into(), AttachmentState::Shadow, "{}".into())]);

    // Asked without a say, and counted.
    story.set("db", "v").await;
    story.get("/vaults/demo/secrets/db", &cookie).await;
    let page = story.get(GUARD, &cookie).await.text;
    assert!(page.contains("badge shadow") && page.contains("Would have denied") && page.contains("as-told"), "{page}");
    let list = story.get("/policy", &cookie).await.text;
    assert!(list.contains("One policy module in shadow, none enforced") && list.contains("1 shadow"), "{list}");

    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    let form = format!("{GUARD}/settings");
    for (settings, said) in [("%7B", "Line 1, column 1"), ("", "is no JSON")] {
        let fields = format!("module={digest}&settings={settings}&revision={}", story.revision(GUARD, &cookie).await);
        let refused = story.submit(&form, &cookie, &fields).await;
        assert!(refused.status == 400 && refused.text.contains(said), "{said}: {}", refused.text);
        assert!(refused.text.contains("aria-invalid=\"true\""), "at the field");
    }
    story.world.policies.answer("guard", Verdict::Fails(PolicyFailure::BadSettings));
    let before = story.revision(GUARD, &cookie).await;
    let fields = format!("module={digest}&settings=%7B%22kept%22%3A1%7D&revision={before}");
    let refused = story.submit(&form, &cookie, &fields).await;
    assert!(refused.status == 400 && refused.text.contains("the module refuses its settings"), "{}", refused.text);
    assert!(refused.text.contains("{&#34;kept&#34;:1}") && refused.text.contains("aria-invalid"), "{}", refused.text);
    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    assert_eq!(location(&story.submit(&form, &cookie, &fields).await), GUARD);
    assert_eq!(story.policies()[0].2, "{\"kept\":1}");
    let stale = story.submit(&form, &cookie, &fields.replace("kept", "late")).await;
    assert!(stale.status == 412 && stale.text.contains("changed meanwhile"), "{}", stale.text);
    assert!(stale.text.contains("late") && !stale.text.contains(&format!("value=\"{before}\"")), "{}", stale.text);

    story.world.policies.answer("guard", Verdict::SaysOfContents(Effect::Deny));
    let enforce = "state=enforce&reason=INC-7";
    assert_eq!(location(&story.press("state", &cookie, enforce).await), GUARD);
    assert_eq!(story.policies()[0].1, AttachmentState::Enforce);
    assert_eq!(story.get("/vaults/demo/secrets/db", &cookie).await.status, 403, "its denials deny");
    let page = story.get(GUARD, &cookie).await.text;
    assert!(page.contains("Denied in the last day") && page.contains("demo/secrets/db"), "{page}");

    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    assert!(story.get(GUARD, &cookie).await.text.contains("what a roll back puts in its place"));
    assert_eq!(location(&story.press("roll-back", &cookie, "").await), GUARD);
    assert_eq!(story.policies(), [("guard".into(), AttachmentState::Shadow, "{}".into())], "as it was then");

    story.attached(&cookie, digest, "demo", "second").await;
    assert_eq!(location(&story.press("order", &cookie, "to=later").await), GUARD);
    assert_eq!(story.policies().into_iter().map(|one| one.0).collect::<Vec<_>>(), ["second", "guard"]);
    assert_eq!(story.press("order", &cookie, "to=later").await.status, 400, "it is the last");
    assert_eq!(story.press("state", &cookie, "state=on").await.status, 400);

    let detach = story.press("detach", &cookie, "confirm=other&why=told").await;
    assert!(detach.status == 400 && detach.text.contains("type the name guard"), "{}", detach.text);
    assert_eq!(location(&story.press("detach", &cookie, "confirm=guard&why=told").await), "/policy");
    assert_eq!(story.policies().len(), 1);
    for page in [GUARD.to_owned(), format!("{GUARD}/settings"), format!("{GUARD}/detach")] {
        assert_eq!(story.get(&page, &cookie).await.status, 404, "{page}");
        let record = story.last();
        assert_eq!((record.status, record.outcome), (Some(404), Outcome::Failed), "{page}: as it was answered");
    }
}

/// Whatever the version that is there takes, the one that is to come asks for its own.
#[tokio::test]
async fn a_version_that_asks_for_more_comes_back_with_its_own_fields() {
    let story = Story::start();
    let old = story.module(r#"{"properties":{"days":{"type":"integer"}}}"#).await;
    let new = story
        .module(r#"{"required":["group"],"properties":{"days":{"type":"integer"},"group":{"type":"string"}}}"#)
        .await;
    let cookie = story.sign_in("ada").await;
    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    story.attached(&cookie, old, "demo", "guard").await;
    let chosen = story.get(&format!("{GUARD}/settings?module={new}"), &cookie).await.text;
    assert!(chosen.contains("name=\"s-1\"") && chosen.contains(&format!("value=\"{new}\" selected")), "{chosen}");
    story.world.policies.answer("guard", Verdict::Fails(PolicyFailure::BadSettings));
    let refused = story.press("settings", &cookie, &format!("as=form&of={old}&module={new}&s-0=7")).await;
    assert!(refused.status == 400 && refused.text.contains("name=\"s-1\""), "{}", refused.text);
    assert!(refused.text.contains("value=\"7\""), "what was said is kept: {}", refused.text);
    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    let taken = story.press("settings", &cookie, &format!("as=form&of={new}&module={new}&s-0=7&s-1=ops")).await;
    assert_eq!(location(&taken), GUARD);
    assert_eq!(story.policies()[0].2, r#"{"days":7,"group":"ops"}"#);
}

#[tokio::test]
async fn a_module_is_attached_to_all_vaults_and_its_form_loses_nothing() {
    let story = Story::start();
    let (digest, cookie) = (story.module("rule").await, story.sign_in("ada").await);
    let attach = format!("/policy/modules/{digest}/attach");
    story.world.policies.answer("lasting", Verdict::Says(Effect::Abstain));
    for (fields, said) in [
        ("where=nowhere+at+all&name=lasting&settings=%7B%7D&state=shadow", "Choose the vault"),
        ("where=_all&name=no+name&settings=%7B%7D&state=shadow", "letters, digits and hyphens"),
        ("where=_all&name=lasting&settings=x&state=shadow", "this is no JSON"),
        ("where=_all&name=lasting&settings=%7B%7D&state=on", "no such state"),
        ("where=_all&name=lasting&settings=%7B%7D&state=shadow&place=0", "a number from 1"),
        ("where=_all&name=lasting&settings=%7B%7D&state=shadow&place=2", "the last place is 1"),
        ("where=_all&name=lasting&settings=%7B%7D&state=shadow&authority=yes", "never in all of them"),
    ] {
        let refused = story.submit(&attach, &cookie, fields).await;
        assert!(refused.status == 400 && refused.text.contains(said), "{said}: {}", refused.text);
        assert!(refused.text.contains("lasting") || said.starts_with("letters"), "{said}: what was typed is there");
    }
    story.attached(&cookie, digest, "_all", "lasting").await;
    let everywhere = || story.world.store.image().installation_policies.policies.clone();
    assert_eq!(everywhere()[0].state, AttachmentState::Shadow);
    let again = story.submit(&attach, &cookie, "where=_all&name=lasting&settings=%7B%7D&state=shadow").await;
    assert!(again.status == 400 && again.text.contains("is attached to all vaults already"), "{}", again.text);
    let page = "/policy/attached/_all/lasting";
    let enforce = format!("state=enforce&reason=INC-7&revision={}", story.revision(page, &cookie).await);
    assert_eq!(location(&story.submit(&format!("{page}/state"), &cookie, &enforce).await), page);
    assert_eq!(everywhere()[0].state, AttachmentState::Enforce);
    let stale = story.submit(&format!("{page}/state"), &cookie, &enforce.replace("enforce", "off")).await;
    assert!(stale.status == 412 && stale.text.contains("changed meanwhile"), "{}", stale.text);
    assert!(story.get(page, &cookie).await.text.contains("all vaults, and making one"));
    let list = story.get("/policy", &cookie).await.text;
    assert!(list.contains("asked first, in every vault") && list.contains("/policy/attached/_all/lasting"), "{list}");
}

#[tokio::test]
async fn who_may_not_is_told_what_it_takes() {
    let story = Story::start();
    let (digest, ada) = (story.module("rule").await, story.sign_in("ada").await);
    story.attached(&ada, digest, "demo", "guard").await;
    let reader = Grantee::Principal { id: person("bob").id.clone() };
    story.world.put_grant(reader, Role::Reader, Scope::Server).unwrap();
    let bob = story.sign_in("bob").await;
    let page = story.get(GUARD, &bob).await;
    assert!(page.status == 200 && page.text.contains("Changing what is attached needs the role"), "{}", page.text);
    assert!(!page.text.contains("guard/state") && !page.text.contains("guard/detach"), "{}", page.text);
    for refused in [
        story.submit(&format!("{GUARD}/state"), &bob, "state=off&revision=2").await,
        story
            .submit(
                &format!("/policy/modules/{digest}/remove"),
                &bob,
                &format!("confirm={}&why=told", &digest.to_string()[..12]),
            )
            .await,
    ] {
        assert!(refused.status == 403 && refused.text.contains("role"), "{}", refused.text);
    }
    assert_eq!((story.last_denied().outcome, story.policies().len()), (Outcome::Denied, 1));
    let eve = story.sign_in("eve").await;
    let list = story.get("/policy", &eve).await;
    assert_eq!(list.status, 200);
    assert!(list.text.contains("The modules are hidden: seeing this needs the role"), "{}", list.text);
    assert!(!list.text.contains("guard") && !list.text.contains("A module of a test"), "{}", list.text);
    assert_eq!(story.get(GUARD, &eve).await.status, 403);
    assert!(!story.get("/vaults", &eve).await.text.contains("href=\"/policy\""), "absent, not locked");
}

#[tokio::test]
async fn what_a_module_says_of_itself_is_text_and_nothing_else() {
    let story = Story::start();
    let probe = "{\"title\":\"<script>alert(1)</script>\",\"x\":\"\\\"><img src=x>\"}";
    let (digest, cookie) = (story.module(probe).await, story.sign_in("ada").await);
    let needs = PolicyNeeds { stage: PolicyStage::Request, facts: vec!["document/<script>".to_owned()] };
    story.world.policies.wants(digest, &[needs.facts[0].as_str()]);
    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    let attach = format!("/policy/modules/{digest}/attach");
    let hostile = "%7B%22a%22%3A%22%3Cscript%3E%22%7D";
    story.submit(&attach, &cookie, &format!("where=demo&name=guard&settings={hostile}&state=shadow")).await;
    let module = format!("/policy/modules/{digest}");
    let mut pages = Vec::new();
    for target in ["/policy", &module, &attach, &format!("{module}/try"), &format!("{module}/remove"), GUARD] {
        pages.push(story.get(target, &cookie).await);
    }
    for tab in ["replay", "settings", "versions", "attachments", "logs", "manifest"] {
        pages.push(story.get(&format!("{module}?tab={tab}"), &cookie).await);
    }
    pages.push(story.get(&format!("{GUARD}/settings"), &cookie).await);
    pages.push(story.get(&format!("{GUARD}/enforce"), &cookie).await);
    pages.push(story.get("/vaults/demo", &cookie).await);
    for page in pages {
        assert_eq!(page.status, 200, "{}", page.text);
        for tag in ["<script>", "<img"] {
            assert!(!page.text.contains(tag), "{tag}: {}", page.text);
        }
    }
}

#[tokio::test]
async fn the_test_bench_asks_a_module_and_decides_nothing() {
    let story = Story::start();
    let (digest, cookie) = (story.module("rule").await, story.sign_in("ada").await);
    story.world.policies.wants(digest, &["count/denied/5m"]);
    let page = format!("/policy/modules/{digest}/try");
    let form = story.get(&page, &cookie).await.text;
    assert!(form.contains("count/denied/5m") && form.contains("secrets/getSecret/action"), "{form}");
    let request = |facts: &str| {
        let request = serde_json::json!({
            "principal": { "issuer": "i", "subject": "s", "kind": "user", "groups": [], "claims": {} },
            "connection": { "client_address": "192.0.2.7", "listener": "main" },
            "action": "a", "time": 7,
            "object": { "vault": "v", "kind": "secret", "name": "typed", "version": null, "tags": {}, "enabled": null,
                "not_before": null, "expires": null },
            "facts": serde_json::from_str::<serde_json::Value>(facts).unwrap(),
        });
        url::form_urlencoded::byte_serialize(request.to_string().as_bytes()).collect::<String>()
    };
    let whole = request("{\"count/denied/5m\":3}");
    for (fields, said) in [
        ("request=x&settings=%7B%7D".to_owned(), "This is no request"),
        (format!("request={}&settings=%7B%7D", request("{}")), "the request does not say it"),
        (format!("request={whole}&settings=refused"), "is not available"),
    ] {
        let refused = story.submit(&page, &cookie, &fields).await;
        assert!(refused.status == 400 && refused.text.contains(said), "{said}: {}", refused.text);
        assert!(refused.text.contains("aria-invalid=\"true\""), "{said}: at the field");
    }
    let before = story.world.store.image();
    for (verdict, said) in [
        (Verdict::Says(Effect::Deny), "It would deny"),
        (Verdict::Says(Effect::Abstain), "It would have no opinion"),
        (Verdict::SaysNothing, "It gives no usable answer"),
    ] {
        story.world.policies.answer("{}", verdict);
        let asked = story.submit(&page, &cookie, &format!("request={whole}&settings=%7B%7D")).await;
        assert!(asked.status == 200 && asked.text.contains(said), "{said}: {}", asked.text);
        assert!(asked.text.contains("typed") && asked.text.contains("Fuel") != (verdict == Verdict::SaysNothing));
    }
    assert_eq!(story.last().operation, "PolicyModuleRead");
    assert_eq!(before.vaults, story.world.store.image().vaults);
    assert_eq!(story.world.policies.asked().pop().unwrap().object.name, "typed");
}
