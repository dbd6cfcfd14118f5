//! What goes with policy modules by pages: documents that they read, decisions that are asked again, requests that wait
//! for somebody else.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    approval::{ApprovalRequest, ApprovalSubject},
    names::ObjectKind,
    test_support::world::{name, person},
};
use uuid::Uuid;

use super::Story;

#[tokio::test]
async fn a_document_is_written_changed_and_removed() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    assert!(story.get("/policy/documents", &cookie).await.text.contains("No document yet."));
    let written = story.submit("/policy/new-document", &cookie, "name=known-sites&text=%3Cb%3E%0D%0Afra").await;
    assert_eq!(written.header("location"), Some("/policy/documents/known-sites"), "{}", written.text);
    let page = story.get("/policy/documents/known-sites", &cookie).await.text;
    assert!(page.contains("&#60;b&#62;\nfra") && page.contains("document/known-sites"), "{page}");
    let again = story.submit("/policy/new-document", &cookie, "name=known-sites&text=other").await;
    assert!(again.status == 409 && again.text.contains("open it to change it"), "{}", again.text);
    for (fields, sentence) in [
        ("name=Known&text=x".to_owned(), "1 to 64 characters of a-z, 0-9 and -"),
        (format!("name=long&text={}", "x".repeat(4097)), "at most 4096 bytes"),
    ] {
        let refused = story.submit("/policy/new-document", &cookie, &fields).await;
        assert!(refused.status == 400 && refused.text.contains(sentence), "{sentence}: {}", refused.text);
    }
    let edit = "/policy/documents/known-sites/edit";
    assert!(story.get(edit, &cookie).await.text.contains("&#60;b&#62;\nfra"));
    let seen = story.revision(edit, &cookie).await;
    assert_eq!(story.submit(edit, &cookie, &format!("text=changed&revision={seen}")).await.status, 303);
    // Who comes late does not undo it, and sees it beside what was typed.
    for late in [format!("text=typed&revision={seen}"), "text=typed".to_owned()] {
        let late = story.submit(edit, &cookie, &late).await;
        assert!(late.status == 412 && late.text.contains("Stored now"), "{}", late.text);
        assert!(late.text.contains("changed</code>") && late.text.contains("typed"), "{}", late.text);
    }
    assert_eq!(story.submit("/policy/documents/none/edit", &cookie, "text=x").await.status, 404);
    let remove = "/policy/documents/known-sites/remove";
    assert_eq!(story.submit(remove, &cookie, "confirm=other&why=told").await.status, 400);
    assert_eq!(
        story.submit(remove, &cookie, "confirm=known-sites&why=told").await.header("location"),
        Some("/policy/documents")
    );
    assert_eq!(story.get("/policy/documents/known-sites", &cookie).await.status, 404);
    let bob = story.sign_in("bob").await;
    let denied = story.get("/policy/documents", &bob).await;
    assert!(denied.status == 403 && denied.text.contains("You cannot see the documents of policy modules."));
    assert_eq!(story.submit("/policy/new-document", &bob, "name=a&text=b").await.status, 403);
}

#[tokio::test]
async fn recorded_decisions_are_asked_again_and_the_result_is_kept() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    story.set("db", "v").await;
    let module = story.module("rule").await;
    story.attached(&cookie, module, "demo", "guard").await;
    let form = story.get("/vaults/demo/replays", &cookie).await.text;
    assert!(form.contains("Nothing was asked again yet.") && form.contains("value=\"enforce\" selected"), "{form}");
    let run = story.submit("/vaults/demo/replays", &cookie, "state-1=enforce&last=50").await;
    assert_eq!(run.status, 303, "{}", run.text);
    let page = story.get(run.header("location").unwrap(), &cookie).await.text;
    assert!(page.contains("guard enforce") && page.contains("What would change"), "{page}");
    assert!(story.get("/vaults/demo/replays", &cookie).await.text.contains("guard enforce"), "it is kept");
    let none = story.submit("/vaults/demo/replays", &cookie, "state-1=detached&last=5").await;
    assert!(story.get(none.header("location").unwrap(), &cookie).await.text.contains("none attached"));
    // Whatever language an address was made in, it sorts in all.
    let sorted = story.get("/vaults/demo/replays?results-sort=newly-denied", &cookie).await.text;
    assert!(sorted.contains("results-sort=tried") && sorted.contains("aria-sort="), "{sorted}");
    for (fields, sentence) in [
        ("state-1=enforce&last=0", "From 1 to 500 decisions"),
        ("state-1=maybe&last=5", "There is no such state."),
        ("state-1=enforce&last=5&policies=%7B", "This is no list of attachments"),
    ] {
        let refused = story.submit("/vaults/demo/replays", &cookie, fields).await;
        assert!(refused.status == 400 && refused.text.contains(sentence), "{fields}: {}", refused.text);
    }
    let bob = story.sign_in("bob").await;
    assert_eq!(story.get("/vaults/demo/replays", &bob).await.status, 403);
    assert_eq!(story.submit("/vaults/demo/replays", &bob, "state-1=off&last=5").await.status, 403);
}

impl Story {
    /// A request of somebody that waits.
    pub(super) fn asked(&self, who: &str) -> Uuid {
        let id = Uuid::from_u128(who.bytes().map(u128::from).sum());
        let vault = self.world.store.image().vaults.values().find(|vault| vault.name == self.vault).unwrap().id;
        let now = self.world.request(&self.ada).seconds();
        let mut request = ApprovalRequest {
            id,
            subject: ApprovalSubject {
                vault,
                principal: person(who).id.clone(),
                action: Action::SecretGet,
                kind: ObjectKind::Secret,
                name: Some(name("db").unwrap()),
                version: None,
                content: None,
            },
            details: BTreeMap::from([("ticket".to_owned(), "<b>7</b>".to_owned())]),
            seen: None,
            attachment: "guard".to_owned(),
            approvers: 1,
            valid_for: 7200,
            opened: now,
            ends: now + 86_400,
            approvals: Vec::new(),
            refusal: None,
            stranger: false,
            revision: 1,
            tag: Vec::new(),
        };
        request.tag = self.world.keyring.tag_approval(&request).unwrap();
        self.world.store.meddle(|image| image.approvals.insert(id, request));
        id
    }
}

#[tokio::test]
async fn somebody_elses_request_is_seen_granted_and_refused() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    assert!(story.get("/vaults/demo/approvals", &cookie).await.text.contains("Nobody asks for anything."));
    story.set("db", "v").await;
    let (own, bobs) = (story.asked("ada"), story.asked("robert"));
    let page = story.get("/vaults/demo/approvals", &cookie).await.text;
    for shown in ["2 requests wait", "SecretGet", "&#60;b&#62;7", "It is your own", "Grant for 2 h", "Grant for 1 h"] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains(&format!("{own}/grant")) && page.contains(&format!("{bobs}/grant")), "{page}");
    let at = |id: Uuid, act: &str| format!("/vaults/demo/approvals/{id}/{act}");
    assert_eq!(story.submit(&at(own, "grant"), &cookie, "").await.status, 403, "nobody answers their own");
    assert_eq!(story.submit(&at(bobs, "grant"), &cookie, "seconds=5").await.status, 400);
    let granted = story.submit(&at(bobs, "grant"), &cookie, "seconds=3600").await;
    assert_eq!((granted.status, granted.header("location")), (303, Some("/vaults/demo/approvals")), "{}", granted.text);
    let page = story.get("/vaults/demo/approvals", &cookie).await.text;
    assert!(page.contains("Granted") && page.contains("One request waits"), "{page}");
    assert_eq!(story.submit(&at(bobs, "refuse"), &cookie, "").await.status, 303);
    assert!(story.get("/vaults/demo/approvals", &cookie).await.text.contains("Refused by"));
    assert_eq!(story.submit(&at(Uuid::nil(), "refuse"), &cookie, "").await.status, 404);
    let eve = story.sign_in("eve").await;
    assert_eq!(story.get("/vaults/demo/approvals", &eve).await.status, 403);
    assert_eq!(story.submit(&at(bobs, "grant"), &eve, "").await.status, 403);
}
