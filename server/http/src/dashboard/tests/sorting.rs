//! Lists in the order that the address asks for, page by page.

use strongroom_domain::objects::NAME_SEARCH;

use super::{Page, Story, VALUE};

/// Names of secrets, in the order in which a page lists them.
fn names(page: &Page) -> Vec<String> {
    let links = page.text.split("class=\"name\" href=\"/vaults/demo/secrets/").skip(1);
    links.filter_map(|link| link.split('"').next().map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_list_is_sorted_by_its_headings_and_goes_on_in_that_order() {
    let story = Story::start();
    for count in 0..30 {
        story.world.clock.advance(1000);
        story.set(&format!("s{:02}", (count * 7) % 30), VALUE).await;
    }
    let cookie = story.sign_in("ada").await;
    let own = story.get("/vaults/demo/secrets", &cookie).await;
    assert!(!own.text.contains("aria-sort"), "it is in the order of names, which is the list's own");
    assert!(own.text.contains("href=\"/vaults/demo/secrets?sort=updated\""), "{}", own.text);
    let first = story.get("/vaults/demo/secrets?sort=updated", &cookie).await;
    assert!(first.text.contains("aria-sort=\"ascending\""));
    let (next, turned) = ("sort=updated&#38;from=25", "sort=updated&#38;order=desc");
    assert!(first.text.contains(next) && first.text.contains(turned), "{}", first.text);
    assert_eq!((names(&first).len(), names(&first)[0].as_str()), (25, "s00"));
    let second = story.get("/vaults/demo/secrets?sort=updated&from=25", &cookie).await;
    assert_eq!((names(&second).len(), names(&second)[4].as_str()), (5, "s23"));
    let newest = story.get("/vaults/demo/secrets?sort=updated&order=desc", &cookie).await;
    assert_eq!((names(&newest).len(), names(&newest)[0].as_str()), (25, "s23"));
    assert!(newest.text.contains("aria-sort=\"descending\""));
    assert!(newest.text.contains("name=\"sort\" value=\"updated\""), "a search keeps the order");
    let found = story.get("/vaults/demo/secrets?q=s2&sort=name&order=desc", &cookie).await;
    assert_eq!(names(&found)[..2], ["s29", "s28"]);
    let beyond = story.get("/vaults/demo/secrets?sort=updated&from=99999999999999999999", &cookie).await;
    assert_eq!((beyond.status, names(&beyond).len()), (200, 25), "what is no number is the first page");
    let unknown = story.get("/vaults/demo/secrets?sort=value", &cookie).await;
    assert_eq!((unknown.status, names(&unknown)[0].as_str()), (200, "s00"), "its own order");
}

#[tokio::test]
async fn all_names_are_sorted_and_searched_however_many_there_are() {
    let story = Story::start();
    for count in 0..620 {
        story.set(&format!("s{count:03}"), VALUE).await;
    }
    let cookie = story.sign_in("ada").await;
    let page = story.get("/vaults/demo/secrets?sort=name&order=desc", &cookie).await;
    assert!(!page.text.contains("are sorted"), "{}", page.text);
    assert_eq!((names(&page).len(), names(&page)[0].as_str()), (25, "s619"));
    let last = story.get("/vaults/demo/secrets?sort=name&order=desc&from=600", &cookie).await;
    assert_eq!((names(&last).len(), names(&last)[19].as_str()), (20, "s000"));
    let found = story.get("/vaults/demo/secrets?q=S619", &cookie).await;
    assert_eq!(names(&found), ["s619"]);
    let expiring = story.get("/vaults/demo/secrets?state=enabled&q=s61&sort=name&order=desc", &cookie).await;
    assert_eq!((names(&expiring).len(), names(&expiring)[0].as_str()), (10, "s619"));
    let before = story.log().len();
    let palette = story.get("/search?q=s619&as=list", &cookie).await;
    let told: serde_json::Value = serde_json::from_str(&palette.text).unwrap();
    assert_eq!((told["found"][0]["name"].as_str(), told["notices"].as_array()), (Some("demo/s619"), Some(&Vec::new())));
    let searches = story.log().split_off(before).into_iter().filter(|record| record.operation == NAME_SEARCH).count();
    assert_eq!(searches, 1, "one record for a search");
    let many = story.get("/search?q=s6&as=list", &cookie).await;
    assert!(!many.text.contains("There is more") && many.text.contains("demo/s619"), "{}", many.text);
    assert!(story.get("/search?q=s5&as=list", &cookie).await.text.contains("There is more like that"));
}

#[tokio::test]
async fn the_overview_shows_a_range_and_marks_what_was_changed_in_it() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let role = "name=Custom&data_actions=Microsoft.KeyVault%2Fvaults%2Fsecrets%2F*&scopes=%2F";
    assert_eq!(story.submit("/access/new-role", &ada, role).await.status, 303);
    let day = story.get("/overview", &ada).await;
    assert!(day.text.contains("<line class=\"change\"") && day.text.contains("Wrote Custom, by ada"), "{}", day.text);
    assert!(day.text.contains("aria-current=\"page\">1 d<") && day.text.contains("last 1 d"), "{}", day.text);
    let hour = story.get("/overview?range=1h", &ada).await;
    assert!(hour.text.contains("aria-current=\"page\">1 h<") && hour.text.contains("last 1 h"), "{}", hour.text);
    assert_eq!(story.get("/overview?range=2h", &ada).await.status, 400);
    let log = story.get("/audit?range=1h", &ada).await;
    assert!(log.text.contains("Changed meanwhile") && log.text.contains("Wrote Custom, by ada"), "{}", log.text);
    let of_vault = story.get("/audit?range=1h&vault=demo", &ada).await;
    assert!(!of_vault.text.contains("Wrote Custom, by ada"), "a role is of no vault: {}", of_vault.text);
    let bob = story.get("/overview", &story.sign_in("bob").await).await;
    assert!(!bob.text.contains("range=1h") && !bob.text.contains("<line class=\"change\""), "who may not read the log");
}

#[tokio::test]
async fn every_list_has_an_order_of_its_own_and_others() {
    let story = Story::start();
    let cookie = story.sign_in("ada").await;
    for list in ["/vaults?sort=name", "/access?sort=role", "/access/grants?sort=last-used", "/access/roles?sort=kind"] {
        let page = story.get(list, &cookie).await;
        assert_eq!(page.status, 200, "{list}");
        assert!(page.text.contains("aria-sort=\"ascending\"") && page.text.contains("class=\"sort\""), "{list}");
    }
    let audit = story.get("/audit", &cookie).await;
    assert!(audit.text.contains("aria-sort=\"descending\""), "a log has one order");
}

#[tokio::test]
async fn a_table_within_a_page_has_an_order_of_its_own_and_keeps_that_of_the_others() {
    let story = Story::start();
    for _ in 0..30 {
        story.world.clock.advance(1000);
        story.set("db", VALUE).await;
    }
    let cookie = story.sign_in("ada").await;
    let own = story.get("/vaults/demo/secrets/db", &cookie).await;
    let next = "href=\"/vaults/demo/secrets/db?versions-from=25#t-versions\"";
    assert!(own.text.contains("id=\"t-versions\"") && own.text.contains(next), "{}", own.text);
    assert!(own.text.contains("newest first") && !own.text.contains("aria-sort"));
    let rest = story.get("/vaults/demo/secrets/db?versions-from=25", &cookie).await;
    assert_eq!((names(&own).len(), names(&rest).len()), (25, 5));
    let oldest = story.get("/vaults/demo/secrets/db?others-sort=who&versions-sort=created", &cookie).await;
    assert_eq!(names(&oldest)[..5], names(&rest).into_iter().rev().collect::<Vec<_>>());
    let turned = "others-sort=who&#38;versions-sort=created&#38;versions-order=desc#t-versions";
    assert!(oldest.text.contains(turned) && !oldest.text.contains("newest first"), "{}", oldest.text);
    let newest = story.get("/vaults/demo/secrets/db?versions-sort=created&versions-order=desc", &cookie).await;
    assert_eq!(names(&newest), names(&own));
    let beyond = story.get("/vaults/demo/secrets/db?versions-from=30", &cookie).await;
    assert_eq!(names(&beyond), names(&own), "beyond the last is the first page");

    story.submit("/vaults/demo/contacts", &cookie, "contacts=zoe%40a.example%0D%0Aada%40a.example").await;
    let told = story.get("/vaults/demo/contacts?contacts-sort=mail-address", &cookie).await;
    let rows = told.text.split("id=\"t-contacts\"").nth(1).unwrap();
    assert!(rows.find("ada@a.example") < rows.find("zoe@a.example"), "{}", told.text);

    story.sign_in("ada").await;
    let me = story.get("/me?sessions-sort=ends", &cookie).await;
    assert!(me.text.contains("aria-sort=\"ascending\"") && me.text.contains("sessions-sort=began#t-sessions"));
}
