//! Giving a role and setting an access policy: what would change is seen before.

use strongroom_domain::test_support::world::PEOPLE;
use url::form_urlencoded;

use super::Story;

#[tokio::test]
async fn what_would_change_is_seen_before_it_is_given() {
    let story = Story::start();
    let (ada, bob) = (story.sign_in("ada").await, story.sign_in("bob").await);
    assert_eq!(story.get("/vaults/demo/secrets", &bob).await.status, 403);
    let people: String = form_urlencoded::byte_serialize(PEOPLE.as_bytes()).collect();
    let give = format!("issuer={people}&subject=bob&role=Key+Vault+Secrets+User&scope=%2Fvaults%2Fdemo");
    let seen = story.submit("/access/new-assignment", &ada, &format!("{give}&step=preview")).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    for said in ["Before and after", "secrets/getSecret/action", "of what they would gain: 1.", "Give the role"] {
        assert!(seen.text.contains(said), "{said}: {}", seen.text);
    }
    assert_eq!(story.get("/vaults/demo/secrets", &bob).await.status, 403, "nothing was written");
    assert_eq!(story.submit("/access/new-assignment", &ada, &give).await.status, 303);
    assert_eq!(story.get("/vaults/demo/secrets", &bob).await.status, 200);
    let again = story.submit("/access/new-assignment", &ada, &format!("{give}&step=preview")).await;
    assert!(again.text.contains("Nothing: all of it is held there already."), "{}", again.text);
    // What is wrong with it is told as when it is given.
    let wrong =
        story.submit("/access/new-assignment", &ada, "issuer=x&subject=bob&role=Owner&scope=x&step=preview").await;
    assert_eq!(wrong.status, 400);

    let policy = format!("issuer={people}&subject=bob&get=yes");
    assert_eq!(story.submit("/vaults/demo/access-policy", &ada, &policy).await.status, 303);
    let other = format!("issuer={people}&subject=bob&list=yes&step=preview");
    let seen = story.submit("/vaults/demo/access-policy", &ada, &other).await;
    for said in ["Before and after", "secrets: get", "Taken away", "secrets: list", "of what they would gain: 0."] {
        assert!(seen.text.contains(said), "{said}: {}", seen.text);
    }
}

/// By access policies a vault begins with nobody who can use it: its maker is told so and what to do, and that works.
#[tokio::test]
async fn a_new_vault_leads_to_one_that_its_maker_can_use() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let form = story.get("/new-vault", &ada).await.text;
    assert!(form.contains("Who can use it at once") && !form.contains("value=\"modules\""), "{form}");
    let made = story.submit("/new-vault", &ada, "name=shut&access_mode=access-policy&retention_days=90").await;
    assert_eq!((made.status, made.header("location")), (303, Some("/vaults/shut/access")));
    let page = story.get("/vaults/shut/access", &ada).await.text;
    assert!(page.contains("Nobody can use what is in this vault"), "{page}");

    let made = story.submit("/new-vault", &ada, "name=mine&access_mode=rbac&retention_days=90").await;
    assert_eq!((made.status, made.header("location")), (303, Some("/vaults/mine")));
    let people: String = form_urlencoded::byte_serialize(PEOPLE.as_bytes()).collect();
    let own = format!("issuer={people}&subject=ada&get=yes&list=yes&set=yes");
    assert_eq!(story.submit("/vaults/mine/access-policy", &ada, &own).await.status, 303);
    let changed = story.submit("/vaults/mine/settings", &ada, "access_mode=access-policy&revision=1").await;
    assert_eq!(changed.status, 303, "{}", changed.text);
    assert_eq!(story.get("/vaults/mine/secrets", &ada).await.status, 200);
    assert!(!story.get("/vaults/mine/access", &ada).await.text.contains("Nobody can use what is in this vault"));
}
