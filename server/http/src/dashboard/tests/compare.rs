//! Versions side by side.

use strongroom_domain::{grant::Scope, principal::Grantee, role::Role, test_support::world::person};

use super::{Story, VALUE};

#[tokio::test]
async fn versions_are_compared_without_a_value_in_sight() {
    let story = Story::start();
    let first = story.set("db", &format!(r#"{{"host":"one","password":"{VALUE}"}}"#)).await;
    story.set("db", &format!(r#"{{"host":"zwei","password":"{VALUE}","port":1}}"#)).await;
    let ada = story.sign_in("ada").await;
    let page = story.submit(&format!("/vaults/demo/secrets/db/{first}/compare"), &ada, "").await;
    assert_eq!(page.status, 200);
    for shown in ["2 parts of db changed", "host", "password", "Only in the later one"] {
        assert!(page.text.contains(shown), "{shown} in {}", page.text);
    }
    assert!(!page.text.contains(VALUE) && !page.text.contains("zwei"), "{}", page.text);
    let reads: Vec<_> = story.log().into_iter().filter(|record| record.operation == "SecretGet").collect();
    assert_eq!(reads.len(), 2, "both are read");
    assert!(reads.iter().all(|record| record.stated_reason.is_some()));
    let bob = story.sign_in("bob").await;
    // Who may read the values may compare them, and roll nothing back.
    let user = Grantee::Principal { id: person("eve").id.clone() };
    story.world.put_grant(user, Role::SecretsUser, Scope::Server).unwrap();
    let eve = story.sign_in("eve").await;
    let page = story.get("/vaults/demo/secrets/db", &eve).await.text;
    assert!(page.contains("/compare\"") && !page.contains("/roll-back\""), "{page}");
    // Who can read it, and what was done with it, for who may see that.
    let page = story.get("/vaults/demo/secrets/db", &ada).await.text;
    let panel = |title: &str| page.split(title).nth(1).map(|rest| rest.split("</section>").next().unwrap().to_owned());
    let readers = panel("Who can read it").unwrap();
    assert!(
        readers.contains("eve") && readers.contains("Key Vault Secrets User") && !readers.contains("bob"),
        "{readers}"
    );
    let activity = panel(">Activity<").unwrap();
    assert!(activity.contains("SecretGet") && !activity.contains("SecretShow"), "{activity}");
    // Two that are both not the current one, whichever is named first.
    let second = story.set("db", r#"{"host":"one"}"#).await;
    story.set("db", "other").await;
    for (one, other) in [(&first, &second), (&second, &first)] {
        let target = format!("/vaults/demo/secrets/db/{one}/compare");
        let page = story.submit(&target, &ada, &format!("with={other}")).await;
        assert!(
            page.status == 200 && page.text.contains("From v1 of ") && page.text.contains(" to v3 of "),
            "{}",
            page.text
        );
        assert!(page.text.contains("Only in the earlier one") && page.text.contains("With another version"));
    }
    let none = story.submit(&format!("/vaults/demo/secrets/db/{first}/compare"), &ada, "with=x").await;
    assert_eq!(none.status, 400);
    let denied = story.submit(&format!("/vaults/demo/secrets/db/{first}/compare"), &bob, "").await;
    assert_eq!(denied.status, 403);
    assert_eq!(story.submit("/vaults/demo/secrets/db/none/compare", &ada, "").await.status, 404);
}
