//! Why: what the gate would say of a request, and what it said of a recorded one, to auditors and to whoever was denied.

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

    let read = story.get(&why, &ada).await.text;
    for told in ["Denied at: Roles and access policies", "Stages", "mode=now", "mode=what-if", "policy why"] {
        assert!(read.contains(told), "{told}: {read}");
    }
    let now = story.get(&format!("{why}?mode=now"), &ada).await.text;
    assert!(now.contains("Recorded and now") && now.contains("Would be denied"), "{now}");
    let other = story.get(&format!("{why}?mode=what-if"), &ada).await.text;
    assert!(other.contains("value=\"SecretList\"") && other.contains("value=\"bob\""), "{other}");
    assert_eq!(story.get(&format!("{why}?mode=none"), &ada).await.status, 400);
}

#[tokio::test]
async fn a_question_is_answered_as_the_api_answers_it() {
    let story = Story::start();
    story.set("db-password", VALUE).await;
    let ada = story.sign_in("ada").await;
    assert_eq!(story.get("/why", &ada).await.status, 200);
    let question = "/why?issuer=https%3A%2F%2Fpeople.example&subject=bob&action=SecretGet&vault=demo&name=db-password";
    let answer = story.get(question, &ada).await;
    assert_eq!((answer.status, story.last().operation.as_str()), (200, "DecisionForesee"), "{}", answer.text);
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
