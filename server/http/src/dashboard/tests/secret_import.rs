//! A `.env` file by pages: looked at without a change and without a value, then stored one by one.

use strongroom_domain::{
    action::Action,
    grant::Scope,
    principal::Grantee,
    record::Outcome,
    role::Role,
    test_support::world::{name, person},
};

use super::{Page, Story, VALUE, certificates::hidden};

const LOOK: &str = "/vaults/demo/import-secrets";
const STORE: &str = "/vaults/demo/import-secrets/store";
/// Letters alone, as [`VALUE`] is.
const OTHER: &str = "anothervalue";

async fn looked(story: &Story, cookie: &str, text: &str) -> Page {
    let token = story.get("/vaults", cookie).await.form_token().to_owned();
    story.parts(LOOK, cookie, &token, &[("pasted", text.as_bytes())]).await
}

async fn current(story: &Story, secret: &str) -> Option<String> {
    let request = story.world.request(&story.ada);
    let read = story.world.secrets.get(&request, &story.vault, &name(secret).unwrap(), None).await.ok()?;
    Some(read.value.expose().to_owned())
}

#[tokio::test]
async fn a_file_is_looked_at_without_a_change_and_what_is_ticked_is_stored() {
    let story = Story::start();
    story.set("same", VALUE).await;
    story.set("db-password", VALUE).await;
    story.set("gone", VALUE).await;
    let ada = story.sign_in("ada").await;
    assert_eq!(story.submit("/vaults/demo/secrets/gone/delete", &ada, "").await.status, 303);
    let objects = story.world.store.image().objects.len();
    let text = format!("SAME={VALUE}\nDB_PASSWORD={OTHER}\nNEW_ONE='{OTHER}'\nGONE=x\nEMPTY=\nTICKED_OFF={OTHER}\n");
    let page = looked(&story, &ada, &text).await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(page.text.contains("3 would be stored, 1 are the same, 2 are refused"), "{}", page.text);
    assert!(!page.text.contains(VALUE) && !page.text.contains(OTHER), "no value: {}", page.text);
    for told in ["New version", "A deleted secret has the name", "Its value is empty", "DB-PASSWORD"] {
        assert!(page.text.contains(told), "{told}: {}", page.text);
    }
    assert_eq!(story.world.store.image().objects.len(), objects, "nothing was changed");
    assert_eq!(current(&story, "db-password").await.as_deref(), Some(VALUE));
    let mut reads = story.log().into_iter().filter(|record| record.operation == Action::SecretGet.operation());
    assert!(reads.any(|record| record.object.as_deref() == Some("same")), "a comparison is a read");

    // The boxes are called by their places in the file; the last one was ticked off.
    let sealed = hidden(&page.text, "sealed").to_owned();
    let stored = story.submit(STORE, &ada, &format!("sealed={sealed}&take-1=yes&take-2=yes")).await;
    assert!(stored.status == 200 && stored.text.contains("2 of 2 stored"), "{}", stored.text);
    assert!(!stored.text.contains(OTHER), "{}", stored.text);
    assert_eq!(current(&story, "db-password").await.as_deref(), Some(OTHER));
    assert_eq!(current(&story, "new-one").await.as_deref(), Some(OTHER));
    assert_eq!(current(&story, "ticked-off").await, None);
    let sets = story.log().into_iter().filter(|record| record.operation == Action::SecretSet.operation());
    let sets: Vec<_> = sets.filter_map(|record| record.object).collect();
    assert!(sets.ends_with(&["db-password".to_owned(), "new-one".to_owned()]), "{sets:?}");
}

#[tokio::test]
async fn what_is_refused_keeps_none_of_the_others_and_a_file_is_one_sessions() {
    let story = Story::start();
    story.set("fourth", VALUE).await;
    story.set("there", VALUE).await;
    let ada = story.sign_in("ada").await;
    let page = looked(&story, &ada, &format!("NEXT={OTHER}\nTHERE={OTHER}\nTHIRD={OTHER}\nFOURTH={OTHER}\n")).await;
    let sealed = hidden(&page.text, "sealed").to_owned();
    let held = hidden(&page.text, "held").replace('=', "%3D").replace(' ', "+");
    let known = |entry: &str| held.split('+').any(|one| one == entry);
    assert!(known("0%3D0") && known("2%3D0") && !known("1%3D0") && !known("3%3D0"), "{}", page.text);
    // Made and changed between the two forms.
    story.set("third", VALUE).await;
    story.set("fourth", "between").await;
    // Deleted between the two forms.
    assert_eq!(story.submit("/vaults/demo/secrets/there/delete", &ada, "").await.status, 303);
    let stored = story
        .submit(STORE, &ada, &format!("sealed={sealed}&take-0=yes&take-1=yes&take-2=yes&take-3=yes&held={held}"))
        .await;
    assert!(stored.text.contains("1 of 4 stored") && stored.text.contains("Not done"), "{}", stored.text);
    assert_eq!(current(&story, "next").await.as_deref(), Some(OTHER));
    assert_eq!(current(&story, "third").await.as_deref(), Some(VALUE), "what was new takes no place");
    assert_eq!(
        current(&story, "fourth").await.as_deref(),
        Some("between"),
        "nor does a version of what is another now"
    );

    let bob = story.sign_in("bob").await;
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Owner, Scope::Server).unwrap();
    for (who, sealed) in [(&bob, sealed.as_str()), (&ada, "none")] {
        let refused = story.submit(STORE, who, &format!("sealed={sealed}&take-0=yes")).await;
        assert!(refused.status == 400 && refused.text.contains("too long ago, or elsewhere"), "{}", refused.text);
    }
    story.world.clock.advance(601_000);
    let late = story.submit(STORE, &ada, &format!("sealed={sealed}&take-0=yes")).await;
    assert!(late.status == 400 && late.text.contains("too long ago, or elsewhere"), "{}", late.text);
    for (text, words) in [("A", "no = follows"), ("# nothing", "no name in it"), ("A='x", "the quote does not end")] {
        let refused = looked(&story, &ada, text).await;
        assert!(refused.status == 400 && refused.text.contains(words), "{words}: {}", refused.text);
    }
}

#[tokio::test]
async fn who_may_not_store_is_told_so_and_nothing_is_denied_by_looking() {
    let story = Story::start();
    story.set("there", VALUE).await;
    story.world.put_grant(Grantee::Principal { id: person("bob").id.clone() }, Role::Reader, Scope::Server).unwrap();
    let bob = story.sign_in("bob").await;
    let before = story.log().len();
    let page = looked(&story, &bob, &format!("THERE={OTHER}\nNEXT={OTHER}\n")).await;
    assert!(page.text.contains("0 would be stored, 0 are the same, 2 are refused"), "{}", page.text);
    assert!(!page.text.contains("name=\"sealed\""), "{}", page.text);
    assert!(story.log().split_off(before).iter().all(|record| record.outcome != Outcome::Denied));
}
