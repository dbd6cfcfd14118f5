//! What is on record of forms: what was done by them, and never what was only looked at or did not come to be.

use strongroom_domain::{
    record::{Outcome, Record},
    test_support::world::PEOPLE,
};
use url::form_urlencoded;
use uuid::Uuid;

use super::{BASE, Story, UNCONFIGURED, VALUE};
use crate::{
    message::Method,
    routes::{Access, Endpoint, ROUTES},
};

/// The records since there were so many, of these operations.
fn since(story: &Story, before: usize, operations: &[&str]) -> Vec<(String, Outcome, Option<u16>)> {
    let records = story.log().split_off(before).into_iter();
    let of_them = records.filter(|record| operations.contains(&record.operation.as_str()));
    of_them.map(|record| (record.operation, record.outcome, record.status)).collect()
}

/// A page, a look, or something that the gate judged or that is in the database now.
fn happened(record: &Record) -> bool {
    let looks = ["Page", "Read", "List", "Get", "Show"].iter().any(|end| record.operation.ends_with(end));
    looks || !record.trace.is_empty() || !record.changed.is_empty()
}

#[tokio::test]
async fn no_form_is_on_record_as_done_that_did_nothing() {
    let story = Story::start();
    story.set("db", VALUE).await;
    let people = [story.sign_in("ada").await, story.sign_in("eve").await];
    let forms = ROUTES.iter().filter(|route| route.access == Access::Session && route.method == Method::Post);
    for route in forms.filter(|route| route.endpoint != Endpoint::SignOut) {
        let path = route.template.replace("{vault}", "demo").replace("{name}", "db");
        let named = |part: &str| if part.starts_with('{') { Uuid::nil().simple().to_string() } else { part.to_owned() };
        let path = path.split('/').map(named).collect::<Vec<_>>().join("/");
        for cookie in &people {
            let token = story.get("/vaults", cookie).await.form_token().to_owned();
            let before = story.log().len();
            let body = format!("csrf_token={token}&step=preview&act=delete&secret=db");
            story.send("POST", &path, cookie, Some(BASE), &body).await;
            for record in story.log().split_off(before) {
                assert!(record.outcome != Outcome::Allowed || happened(&record), "{path}: {record:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_a_grant_would_change_is_shown_to_who_may_give_it_and_is_no_grant_on_record() {
    let story = Story::start();
    let (ada, eve) = (story.sign_in("ada").await, story.sign_in("eve").await);
    let written = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let told = ["RoleAssignmentCreate", "RoleAssignmentPreview", "AccessPolicyWrite", "AccessPolicyPreview"];
    for issuer in [PEOPLE, UNCONFIGURED] {
        let role = format!("issuer={}&subject=eve&role=Owner&scope=%2F&step=preview", written(issuer));
        let policy = format!("issuer={}&subject=eve&get=yes&step=preview", written(issuer));
        for (form, fields, operation) in [
            ("/access/new-assignment", &role, "RoleAssignmentPreview"),
            ("/vaults/demo/access-policy", &policy, "AccessPolicyPreview"),
        ] {
            let before = story.log().len();
            let seen = story.submit(form, &ada, fields).await;
            assert_eq!(seen.status, 200, "{}", seen.text);
            assert_eq!(since(&story, before, &told), [(operation.to_owned(), Outcome::Allowed, Some(200))]);
            let before = story.log().len();
            let refused = story.submit(form, &eve, fields).await;
            assert_eq!(refused.status, 403, "{}", refused.text);
            assert!(!refused.text.contains("No issuer"), "which are configured is not told: {}", refused.text);
            assert_eq!(since(&story, before, &told), [(operation.to_owned(), Outcome::Denied, Some(403))]);
        }
    }
    assert_eq!(story.world.store.image().assignments.len(), 1, "nothing was given");
}

#[tokio::test]
async fn ways_in_and_out_that_nobody_took_are_pages() {
    let story = Story::start();
    story.set("db", VALUE).await;
    let ada = story.sign_in("ada").await;
    for (page, cookie) in [("/sign-in", ""), ("/auth/dev/start", ""), ("/signed-out", ""), ("/signed-out", &*ada)] {
        story.get(page, cookie).await;
        assert_eq!((story.last().operation.as_str(), story.last().outcome), ("Page", Outcome::Allowed), "{page}");
    }
    let asked = "secret=db&act=delete";
    for (form, fields) in [
        ("/me/end-others", ""),
        ("/vaults/demo/bulk-secrets", asked),
        ("/vaults/none/bulk-secrets", asked),
        ("/vaults/none/bulk-secrets", "secret=db&act=disable"),
    ] {
        let before = story.log().len();
        story.submit(form, &ada, fields).await;
        let told = since(&story, before, &["SessionEnd", "SecretBulk"]);
        assert!(told.is_empty(), "{form} {fields}: {told:?}");
    }
    story.submit("/vaults/demo/bulk-secrets", &ada, "secret=db&act=disable").await;
    let bulk = story.log().into_iter().rfind(|record| record.operation == "SecretBulk").unwrap();
    assert_eq!((bulk.vault.as_deref(), bulk.status), (Some("demo"), Some(200)));
}
