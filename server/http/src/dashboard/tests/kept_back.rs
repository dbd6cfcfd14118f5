//! Vaults that something else than roles keeps from somebody: never shown as if they were not there.

use strongroom_domain::{policy::Effect, test_support::Verdict};

use super::{Story, VALUE};

#[tokio::test]
async fn a_vault_that_a_module_keeps_back_is_told_wherever_vaults_are_listed_and_to_nobody_without_a_role() {
    let story = Story::start();
    story.set("ledger-db", VALUE).await;
    story.guard();
    story.world.policies.answer("guard", Verdict::Says(Effect::Deny));
    let (ada, eve) = (story.sign_in("ada").await, story.sign_in("eve").await);
    for (page, headline) in [
        ("/vaults", "<h1>No vault you may list, vaults left out: 1</h1>"),
        ("/overview", "<h1>One thing needs attention</h1>"),
        ("/search?q=ledger", "<h1>Nothing with"),
        ("/policy", "<h1>No policy module that you may see is attached, vaults left out: 1</h1>"),
    ] {
        let told = story.get(page, &ada).await.text;
        for word in [headline, "the policy module guard refuses", "href=\"/vaults/demo\""] {
            assert!(told.contains(word), "{page}: {word}: {told}");
        }
        let stranger = story.get(page, &eve).await.text;
        for word in ["left out", "closed to you", "/vaults/demo", "module guard"] {
            assert!(!stranger.contains(word), "{page}: {word}: {stranger}");
        }
    }
    let module = story.module("rule").await;
    for page in [format!("/policy/modules/{module}"), format!("/policy/modules/{module}/attach")] {
        let told = story.get(&page, &ada).await.text;
        assert!(told.contains("Vault demo is left out: the policy module guard refuses"), "{page}: {told}");
    }
    let found = story.get("/search?q=ledger&as=list", &ada).await.text;
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["notices"].as_array().unwrap().len(), 1, "{found}");
    let why = story.get("/vaults/demo", &ada).await;
    assert!(why.status == 403 && why.text.contains("href=\"/why/"), "{}", why.text);
}
