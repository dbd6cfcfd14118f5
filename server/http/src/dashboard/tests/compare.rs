//! Versions side by side.

use super::{Story, VALUE};

#[tokio::test]
async fn versions_are_compared_without_a_value_in_sight() {
    let story = Story::start();
    let first = story.set("db", &format!(r#"{{"host":"one","password":"{VALUE}"}}"#)).await;
    story.set("db", &format!(r#"{{"host":"zwei","password":"{VALUE}","port":1}}"#)).await;
    let ada = story.sign_in("ada").await;
    let page = story.submit(&format!("/vaults/demo/secrets/db/{first}/compare"), &ada, "").await;
    assert_eq!(page.status, 200);
    for shown in ["2 parts of db changed", "host", "password", "Only in the current one"] {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
    assert!(!page.text.contains(VALUE) && !page.text.contains("zwei"), "{}", page.text);
    let reads: Vec<_> = story.log().into_iter().filter(|record| record.operation == "SecretGet").collect();
    assert_eq!(reads.len(), 2, "both are read");
    assert!(reads.iter().all(|record| record.stated_reason.is_some()));
    let bob = story.sign_in("bob").await;
    let denied = story.submit(&format!("/vaults/demo/secrets/db/{first}/compare"), &bob, "").await;
    assert_eq!(denied.status, 403);
    assert_eq!(story.submit("/vaults/demo/secrets/db/none/compare", &ada, "").await.status, 404);
}
