//! A module is enforced once somebody looked at all that would change by it, or with a reason that is on record.

use strongroom_domain::{
    policy::{AttachmentState, Effect, PolicyFailure},
    test_support::Verdict,
};

use super::{Page, Story};

const GUARD: &str = "/policy/attached/demo/guard";

impl Story {
    async fn enforce(&self, cookie: &str, more: &str) -> Page {
        let revision = self.revision(GUARD, cookie).await;
        self.submit(&format!("{GUARD}/state"), cookie, &format!("state=enforce&revision={revision}{more}")).await
    }

    /// What the guard is in now, and what the newest record of a change says of reviews.
    fn guard_state(&self) -> (AttachmentState, Option<String>, bool) {
        let image = self.world.store.image();
        let vault = image.vaults.values().find(|vault| vault.name == self.vault).unwrap();
        let told = self.log().into_iter().rfind(|record| record.details.contains_key("reviewed"));
        let emergency = told.as_ref().is_some_and(|record| record.details.contains_key("emergency_enforce"));
        let reviewed = told.as_ref().and_then(|record| record.details.get("reviewed").cloned());
        assert_eq!(emergency, told.is_some_and(|record| record.stated_reason.is_some()));
        (vault.settings.policies[0].state, reviewed, emergency)
    }
}

#[tokio::test]
async fn what_would_change_is_reviewed_before_a_module_is_enforced() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.set("db", "v").await;
    story.attached(&cookie, story.module("rule").await, "demo", "guard").await;
    story.get("/vaults/demo/secrets/db", &cookie).await;
    story.world.policies.answer("guard", Verdict::SaysOfContents(Effect::Deny));

    let asked = story.get(&format!("{GUARD}/enforce"), &cookie).await.text;
    assert!(asked.contains("No replay that is kept tried it") && asked.contains("Enforce without review"), "{asked}");
    let refused = story.enforce(&cookie, "").await;
    assert!(refused.status == 409 && refused.text.contains("No replay that is kept"), "{}", refused.text);

    let run = story.submit("/vaults/demo/replays", &cookie, "state-1=enforce&last=50").await;
    let replay = run.header("location").unwrap().to_owned();
    let page = story.get(&replay, &cookie).await.text;
    let groups = page.matches("/review\"").count();
    assert!(groups > 0 && page.contains("Mark as reviewed") && page.contains(", 0 reviewed"), "{page}");
    let shown = story.get(GUARD, &cookie).await.text;
    assert!(shown.contains("not reviewed: look at them first") && shown.contains(&replay), "{shown}");
    let refused = story.enforce(&cookie, "").await;
    assert!(refused.status == 409 && refused.text.contains("are not reviewed"), "{}", refused.text);
    assert_eq!(story.guard_state(), (AttachmentState::Shadow, None, false));

    let review = format!("{replay}/review");
    assert_eq!(story.submit(&review, &cookie, &format!("group={}", groups + 1)).await.status, 400, "there is none");
    for group in 1..=groups {
        let reviewed = story.submit(&review, &cookie, &format!("group={group}")).await;
        assert_eq!(reviewed.header("location"), Some(replay.as_str()), "{}", reviewed.text);
    }
    assert_eq!(story.last().operation, "PolicyReplayReview");
    let page = story.get(&replay, &cookie).await.text;
    assert!(!page.contains("/review\"") && page.contains(&format!(", {groups} reviewed")), "{page}");
    let bob = story.sign_in("bob").await;
    assert_eq!(story.submit(&review, &bob, "group=1").await.status, 403);

    assert!(story.get(&format!("{GUARD}/enforce"), &cookie).await.text.contains("change groups of the newest replay"));
    assert_eq!(story.enforce(&cookie, "").await.header("location"), Some(GUARD));
    let (state, reviewed, emergency) = story.guard_state();
    assert_eq!((state, emergency), (AttachmentState::Enforce, false));
    assert!(reviewed.unwrap().starts_with(&format!("guard: {groups} of {groups} groups of replay ")));
}

#[tokio::test]
async fn an_emergency_enforces_what_nobody_reviewed_and_says_why() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.attached(&cookie, story.module("rule").await, "demo", "guard").await;
    let long = story.enforce(&cookie, &format!("&reason={}", "x".repeat(201))).await;
    assert!(long.status == 400 && long.text.contains("at most 200 characters"), "{}", long.text);
    let done = story.enforce(&cookie, "&reason=INC-7").await;
    assert_eq!(done.header("location"), Some(GUARD), "{}", done.text);
    assert_eq!(story.guard_state(), (AttachmentState::Enforce, Some("guard: no replay".to_owned()), true));
}

#[tokio::test]
async fn what_is_attached_to_be_enforced_begins_in_shadow() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let attach = format!("/policy/modules/{}/attach", story.module("rule").await);
    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    let made = story.submit(&attach, &cookie, "where=demo&name=guard&settings=%7B%7D&state=enforce").await;
    assert_eq!(made.header("location"), Some(format!("{GUARD}/enforce").as_str()), "{}", made.text);
    assert_eq!(story.guard_state(), (AttachmentState::Shadow, None, false));
}

#[tokio::test]
async fn a_module_that_traps_is_marked_where_it_fails_closed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.set("db", "v").await;
    story.attached(&cookie, story.module("rule").await, "demo", "guard").await;
    let list = story.get("/policy", &cookie).await.text;
    assert!(list.contains("Not signed"), "{list}");
    assert_eq!(story.enforce(&cookie, "&reason=INC-7").await.status, 303);
    story.world.policies.answer("guard", Verdict::Fails(PolicyFailure::Trap));
    assert_eq!(story.get("/vaults/demo/secrets/db", &cookie).await.status, 403);
    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    for page in ["/policy", GUARD] {
        let text = story.get(page, &cookie).await.text;
        assert!(text.contains(">Trap") && text.contains("fails closed:"), "{page}: {text}");
    }
    assert!(story.get(GUARD, &cookie).await.text.contains("policy-trap"));
}

/// What another order would change is asked before anything is put in order, and so it is for modules of all vaults.
#[tokio::test]
async fn another_order_and_modules_of_all_vaults_are_replayed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.set("db", "v").await;
    let module = story.module("rule").await;
    for (to, name) in [("demo", "guard"), ("demo", "second"), ("_all", "wide"), ("_all", "wider")] {
        story.attached(&cookie, module, to, name).await;
    }
    let page = story.get(GUARD, &cookie).await.text;
    assert!(page.contains("Replay it later") && !page.contains("Replay it earlier"), "{page}");
    let swapped = "state-1=enforce&place-1=2&state-2=shadow&place-2=1&last=50";
    let run = story.submit("/vaults/demo/replays", &cookie, swapped).await;
    let tried = story.get(run.header("location").unwrap(), &cookie).await.text;
    assert!(tried.contains("second shadow, guard enforce"), "{tried}");
    let unfit = story.submit("/vaults/demo/replays", &cookie, &swapped.replace("place-1=2", "place-1=0")).await;
    assert!(unfit.status == 400 && unfit.text.contains("A place is a number from 1 to 16"), "{}", unfit.text);

    let page = story.get("/policy/attached/_all/wide", &cookie).await.text;
    assert!(page.contains("/vaults/_all/replays") && page.contains("Replay it later"), "{page}");
    let form = story.get("/vaults/_all/replays", &cookie).await.text;
    assert!(form.contains("Place of wide in the order") && form.contains("--all-vaults"), "{form}");
    let wide = "state-1=enforce&state-2=detached&last=50";
    let run = story.submit("/vaults/_all/replays", &cookie, wide).await;
    let tried = story.get(run.header("location").unwrap(), &cookie).await.text;
    assert!(tried.contains("to all vaults: wide enforce"), "{tried}");
    assert!(story.get("/policy/attached/_all/wide", &cookie).await.text.contains(run.header("location").unwrap()));
}

/// A network module that would lock its author out is forced on purpose alone, in all vaults too.
#[tokio::test]
async fn a_module_that_locks_its_author_out_of_all_vaults_is_forced_on_purpose() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    let module = story.module("rule").await;
    story.attached(&cookie, module, "_all", "wide").await;
    story.world.policies.judges_connections(module);
    story.world.policies.answer("wide", Verdict::Says(Effect::Deny));
    let page = "/policy/attached/_all/wide";
    let fields = format!("state=enforce&reason=INC-7&revision={}", story.revision(page, &cookie).await);
    let refused = story.submit(&format!("{page}/state"), &cookie, &fields).await;
    assert!(refused.text.contains("name=\"force\"") && refused.text.contains("lock you out"), "{}", refused.text);
    let forced = story.submit(&format!("{page}/state"), &cookie, &format!("{fields}&force=yes")).await;
    assert_eq!(forced.header("location"), Some(page), "{}", forced.text);
}

#[tokio::test]
async fn a_module_has_a_view_for_each_question() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.set("db", "v").await;
    let module = story.module("rule").await;
    let at = format!("/policy/modules/{module}");
    let first = story.get(&at, &cookie).await.text;
    assert!(first.contains("imports nothing") && first.contains("strongroom:policy/guard@1.0.0"), "{first}");
    story.attached(&cookie, module, "demo", "guard").await;
    assert_eq!(story.enforce(&cookie, "&reason=INC-7").await.status, 303);
    story.world.policies.answer("guard", Verdict::Fails(PolicyFailure::OutOfFuel));
    assert_eq!(story.get("/vaults/demo/secrets/db", &cookie).await.status, 403);
    story.world.policies.answer("guard", Verdict::Says(Effect::Abstain));
    assert!(story.get(&at, &cookie).await.text.contains("No replay that is kept tried this module"));
    let run = story.submit("/vaults/demo/replays", &cookie, "state-1=enforce&last=50").await;
    let replay = run.header("location").unwrap().to_owned();
    for (tab, shown) in [
        ("replay", replay.as_str()),
        ("settings", "Change as JSON"),
        ("versions", "Not signed"),
        ("attachments", "Over budget"),
        ("logs", "policy-out-of-fuel"),
        ("manifest", "16,384 KiB"),
    ] {
        let page = story.get(&format!("{at}?tab={tab}"), &cookie).await.text;
        assert!(page.contains(shown), "{tab}: {page}");
    }
    assert!(story.get(&format!("{at}/try"), &cookie).await.text.contains("?tab=logs"));
    let bob = story.sign_in("bob").await;
    assert_eq!(story.get(&format!("{at}?tab=logs"), &bob).await.status, 403);
}
