//! Why: what the gate would say of a request, and what it said of a recorded one, to auditors and to whoever was denied.

use strongroom_domain::{
    action::Action,
    grant::Scope,
    policy::{Effect, ModuleDigest},
    principal::Grantee,
    role::Role,
    test_support::{Verdict, world::person},
};

use super::{Story, VALUE};

#[tokio::test]
async fn a_denial_is_explained_to_whom_it_was_told_and_to_auditors_alone() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let (bob, eve, ada) = (story.sign_in("bob").await, story.sign_in("eve").await, story.sign_in("ada").await);
    let denied = story.get("/vaults/demo/secrets", &bob).await;
    let id = story.last().id;
    let why = format!("/why/{id}");
    assert!(denied.status == 403 && denied.text.contains(&format!("href=\"{why}\"")), "{}", denied.text);

    let own = story.get(&why, &bob).await;
    assert_eq!(own.status, 200, "{}", own.text);
    for told in ["No role of yours allows this", "no-role", "Key Vault Reader", "/vaults/demo", &id.to_string()] {
        assert!(own.text.contains(told), "{told}: {}", own.text);
    }
    assert!(!own.text.contains("Newly allowed") && !own.text.contains("127.0.0.1"), "no more than the denial told");
    assert_eq!(story.last().operation, "DecisionShow");
    let foreign = story.get(&why, &eve).await;
    assert_eq!((foreign.status, story.last().reason.as_str()), (404, "record-not-found"));
    let none = story.get("/why/01900000-0000-7000-8000-000000000001", &eve).await;
    assert_eq!(none.status, 404);

    for _ in 0..5 {
        story.get("/vaults/demo/secrets", &bob).await;
    }
    let overview = story.get("/overview", &ada).await.text;
    assert!(overview.contains("bob") && overview.contains("href=\"/why/"), "{overview}");

    let read = story.get(&why, &ada).await.text;
    for told in [
        "Denied at: Roles and access policies",
        "Stages",
        "mode=now",
        "mode=what-if",
        "policy why",
        "Same denial elsewhere",
        "bob at people.example",
    ] {
        assert!(read.contains(told), "{told}: {read}");
    }
    let now = story.get(&format!("{why}?mode=now"), &ada).await.text;
    assert!(now.contains("Recorded and now") && now.contains("Would be denied"), "{now}");
    let other = story.get(&format!("{why}?mode=what-if"), &ada).await.text;
    assert!(other.contains("value=\"SecretList\"") && other.contains("value=\"bob\""), "{other}");
    assert_eq!(story.get(&format!("{why}?mode=none"), &ada).await.status, 400);
}

/// Whoever a module keeps from asking is not led to a question that is refused, and who asks is told what refused it.
#[tokio::test]
async fn what_a_module_keeps_from_an_auditor_is_not_offered_and_its_denial_leads_to_its_why() {
    let story = Story::start();
    let (bob, ada) = (story.sign_in("bob").await, story.sign_in("ada").await);
    story.get("/vaults/demo/secrets", &bob).await;
    let why = format!("/why/{}", story.last().id);
    story.guard();
    story.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    let page = story.get(&why, &ada).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(!page.text.contains("Find out") && !page.text.contains("mode=what-if"), "{}", page.text);
    assert!(page.text.contains("a policy module refuses the question in demo"), "{}", page.text);
    for asked in ["mode=now", "would-allow=yes"] {
        let page = story.get(&format!("{why}?{asked}"), &ada).await;
        let denied = story.last_denied();
        assert_eq!(denied.operation, "RoleAssignmentRead");
        let leads = format!("href=\"/why/{}\"", denied.id);
        assert!(page.text.contains("A policy module refused: guard.") && page.text.contains(&leads), "{}", page.text);
    }
}

#[tokio::test]
async fn a_question_is_answered_as_the_api_answers_it() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let ada = story.sign_in("ada").await;
    assert_eq!(story.get("/why", &ada).await.status, 200);
    let question = "/why?issuer=https%3A%2F%2Fpeople.example&subject=bob&action=SecretGet&vault=demo&name=db-password";
    let answer = story.get(question, &ada).await;
    let id = answer.header("x-ms-request-id").unwrap();
    let record = story.log().into_iter().find(|record| record.id.to_string() == id).unwrap();
    assert_eq!((answer.status, record.operation.as_str()), (200, "DecisionForesee"), "{}", answer.text);
    for told in
        ["Denied at: Roles and access policies", "Would be denied", "policy why --as", "demo/secrets/db-password"]
    {
        assert!(answer.text.contains(told), "{told}: {}", answer.text);
    }
    let changes = story.get(&format!("{question}&would-allow=yes"), &ada).await.text;
    assert!(changes.contains("Key Vault Secrets User"), "{changes}");
    let wrong = story.get(&format!("{question}&from=nowhere"), &ada).await;
    assert!(wrong.status == 400 && wrong.text.contains("This is no IP address."), "{}", wrong.text);
    assert_eq!(story.get(question, &story.sign_in("bob").await).await.status, 403);
}

#[tokio::test]
async fn who_lacks_an_approval_asks_for_it_on_the_page_and_approvers_see_that_it_waits() {
    let story = Story::start();
    let reader = Grantee::Principal { id: person("eve").id.clone() };
    story.world.put_grant(reader, Role::SecretsUser, Scope::Server).unwrap();
    story.guard();
    story.world.policies.sees_alone(ModuleDigest([7; 32]), Action::SecretGet);
    story.world.policies.answer("guard", Verdict::NeedsApproval(1));
    let version = story.set("db-password", VALUE).await;
    let (eve, ada) = (story.sign_in("eve").await, story.sign_in("ada").await);
    let waiting = || story.world.store.image().approvals.len();
    let page = story.get("/vaults/demo/secrets/db-password", &eve).await;
    assert!(page.text.contains("Ask for approval") && page.text.contains("policy module guard"), "{}", page.text);
    assert_eq!(waiting(), 0, "looking asks nobody");
    assert!(!story.get("/overview", &ada).await.text.contains("wait for your approval"));

    let reveal = format!("/vaults/demo/secrets/db-password/{version}/reveal");
    let asked = story.submit(&reveal, &eve, "").await;
    assert_eq!((asked.status, waiting()), (403, 1), "{}", asked.text);
    assert_eq!(story.last_denied().operation, "SecretGet", "what is asked for is the read");
    let page = story.get("/vaults/demo/secrets/db-password", &eve).await;
    assert!(page.text.contains("waits for that") && !page.text.contains("Ask for approval"), "{}", page.text);
    assert_eq!(waiting(), 1);

    for (seen_by_an_approver, told) in [
        ("/overview", "Requests that wait for your approval in demo: 1"),
        ("/vaults/demo", "Requests that wait for approval: 1"),
        ("/vaults/demo/keys", "<span class=\"n\">1<span class=\"sr\"> waiting"),
    ] {
        let page = story.get(seen_by_an_approver, &ada).await;
        assert!(page.text.contains(told), "{seen_by_an_approver}: {}", page.text);
    }
    assert!(!story.get("/overview", &eve).await.text.contains("wait for your approval"), "not their own");
}
