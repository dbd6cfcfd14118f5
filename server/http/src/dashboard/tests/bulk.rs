//! One act on several secrets, a field of a value, the palette's search and the live tail.

use strongroom_domain::record::Outcome;

use super::{Story, VALUE};

#[tokio::test]
async fn each_of_several_secrets_is_judged_and_recorded_by_itself() {
    let story = Story::start();
    for secret in ["first", "second", "third"] {
        story.set(secret, VALUE).await;
    }
    let ada = story.sign_in("ada").await;
    let list = story.get("/vaults/demo/secrets", &ada).await.text;
    assert!(list.contains("name=\"secret\" value=\"first\"") && list.contains("/vaults/demo/bulk-secrets"), "{list}");
    let before = story.log().len();
    let done =
        story.submit("/vaults/demo/bulk-secrets", &ada, "secret=first&secret=second&secret=none&act=disable").await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("2 of 3: disabled") && done.text.contains("Not done"), "{}", done.text);
    let log = story.log();
    let updates: Vec<_> = log[before..].iter().filter(|record| record.operation == "SecretUpdate").collect();
    let told: Vec<_> = updates.iter().map(|record| (record.object.as_deref().unwrap(), record.outcome)).collect();
    assert_eq!(told, [("first", Outcome::Allowed), ("second", Outcome::Allowed), ("none", Outcome::Failed)]);
    let ids: std::collections::BTreeSet<_> = updates.iter().map(|record| record.id).collect();
    assert_eq!(ids.len(), 3, "a decision for each");
    let tagged = story
        .submit("/vaults/demo/bulk-secrets", &ada, "secret=first&secret=third&act=tag&tag=team&tag-value=ops")
        .await;
    assert!(tagged.text.contains("2 of 2: tagged"), "{}", tagged.text);
    let list = story.get("/vaults/demo/secrets?tag=team%3Dops", &ada).await.text;
    assert!(list.contains(">first<") && list.contains(">third<") && !list.contains(">second<"), "{list}");
    // Nothing is read for it: what somebody else sets meanwhile stays.
    let before = story.log().len();
    for act in ["act=tag&tag=legalhold&tag-value=1", "act=untag&tag=team"] {
        story.submit("/vaults/demo/bulk-secrets", &ada, &format!("secret=third&{act}")).await;
    }
    assert!(story.log()[before..].iter().all(|record| record.operation != "SecretShow"));
    let third = story.get("/vaults/demo/secrets/third", &ada).await.text;
    assert!(third.contains("legalhold") && !third.contains("team"), "{third}");
    // Several are deleted only after they were named once more.
    let asked = story.submit("/vaults/demo/bulk-secrets", &ada, "secret=first&secret=third&act=delete").await;
    assert!(asked.text.contains("Delete 2 secrets of demo?"), "{}", asked.text);
    assert!(asked.text.contains(", and are purged then.") && asked.text.contains("Readers, 24 h"), "{}", asked.text);
    assert!(story.get("/vaults/demo/secrets", &ada).await.text.contains(">first<"), "nothing happened yet");
    let gone = story.submit("/vaults/demo/bulk-secrets", &ada, "secret=first&secret=third&act=delete&sure=yes").await;
    assert!(gone.text.contains("2 of 2: deleted, recoverable"), "{}", gone.text);
    let deleted = story.get("/vaults/demo/deleted", &ada).await.text;
    for shown in ["third", "Deleted by", ">ada<", "Readers, 24 h before", "nobody"] {
        assert!(deleted.contains(shown), "{shown}: {deleted}");
    }
    for (fields, why) in
        [("act=disable", "nothing chosen"), ("secret=a%2Fb&act=disable", "no name"), ("secret=a&act=purge", "no act")]
    {
        assert_eq!(story.submit("/vaults/demo/bulk-secrets", &ada, fields).await.status, 400, "{why}");
        assert_eq!((story.last().outcome, story.last().status), (Outcome::Failed, Some(400)), "{why}");
    }
    // The list stands there once more, with what was sent.
    let again = story.submit("/vaults/demo/bulk-secrets", &ada, "act=tag&tag=kept-tag&tag-value=kept-value").await.text;
    for kept in
        ["No secret was chosen", "value=\"kept-tag\"", "value=\"kept-value\"", ">second<", "value=\"tag\" selected"]
    {
        assert!(again.contains(kept), "{kept}: {again}");
    }
    assert!(done.text.contains("strongroom secret update second --disable --vault-url"), "{}", done.text);
    let eve = story.sign_in("eve").await;
    let refused = story.submit("/vaults/demo/bulk-secrets", &eve, "secret=second&act=enable").await;
    assert!(refused.text.contains("0 of 1") && refused.text.contains("Denied"), "{}", refused.text);
    assert!(!done.text.contains(VALUE) && !list.contains(VALUE));
}

#[tokio::test]
async fn one_field_of_a_value_is_revealed_and_no_other() {
    let story = Story::start();
    let value = format!(r#"{{"host":"pg.example","password":"{VALUE}"}}"#);
    let version = story.set("db", &value).await;
    let ada = story.sign_in("ada").await;
    let reveal = format!("/vaults/demo/secrets/db/{version}/reveal");
    let names = story.submit(&reveal, &ada, "reason=INC-1&names=yes").await;
    assert_eq!(names.status, 200);
    assert!(names.text.contains("name=\"field\" value=\"password\""), "{}", names.text);
    assert!(!names.text.contains(VALUE) && !names.text.contains("pg.example"), "names alone");
    let host = story.submit(&reveal, &ada, "reason=INC-1&field=host").await;
    assert!(host.text.contains("pg") && !host.text.contains(VALUE), "one field alone");
    assert!(host.header("refresh").unwrap().starts_with("30; url="));
    let missing = story.submit(&reveal, &ada, "reason=INC-1&field=none").await;
    assert!(missing.text.contains("no such field") && !missing.text.contains(VALUE), "{}", missing.text);
    let reads: Vec<_> = story.log().into_iter().filter(|record| record.operation == "SecretGet").collect();
    assert_eq!(reads.len(), 3, "each of them is a read");
    assert!(reads.iter().all(|record| record.stated_reason.as_deref() == Some("INC-1")));
    let page = story.get("/vaults/demo/secrets/db", &ada).await.text;
    assert!(page.contains("Reads, 24 h") && page.contains("data-label=\"Reads, 24 h\">3<"), "{page}");
    assert!(!page.contains(VALUE));
}

#[tokio::test]
async fn the_palette_finds_what_may_be_listed_and_nothing_else() {
    let story = Story::start();
    story.set("ledger-db", VALUE).await;
    let ada = story.sign_in("ada").await;
    let found = story.get("/search?q=ledger&as=list", &ada).await;
    assert_eq!((found.status, found.header("cache-control")), (200, Some("no-store")));
    assert_eq!(found.header("content-type"), Some("application/json; charset=utf-8"));
    let told: serde_json::Value = serde_json::from_str(&found.text).unwrap();
    let expected =
        serde_json::json!({ "kind": "Secret", "name": "demo/ledger-db", "href": "/vaults/demo/secrets/ledger-db" });
    assert_eq!(told["found"], serde_json::json!([expected]));
    assert!(!found.text.contains(VALUE));
    let eve = story.sign_in("eve").await;
    let nothing = story.get("/search?q=ledger&as=list", &eve).await;
    assert_eq!((nothing.status, nothing.text.contains("ledger")), (200, false), "{}", nothing.text);
    assert_eq!(story.get("/search?q=ledger&as=list", "").await.status, 303);
}

/// The data of the one event of a batch.
fn batch(text: &str) -> serde_json::Value {
    let data = text.split("\ndata: ").nth(1).and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
    serde_json::from_str(data).unwrap()
}

#[tokio::test]
async fn a_live_tail_is_a_request_to_the_gate_for_every_batch_and_ends_with_the_session() {
    let story = Story::start();
    let ada = story.sign_in("ada").await;
    let began = story.get("/audit/live", &ada).await;
    assert_eq!((began.status, began.header("content-type")), (200, Some("text/event-stream; charset=utf-8")));
    assert_eq!(began.header("cache-control"), Some("no-store"));
    let since = batch(&began.text)["since"].as_str().unwrap().to_owned();
    story.world.clock.advance(1000);
    story.set("db", VALUE).await;
    let next = story.get(&format!("/audit/live?since={since}"), &ada).await;
    let told = batch(&next.text);
    let set = told["records"].as_array().unwrap().iter().find(|record| record["action"] == "SecretSet").unwrap();
    assert_eq!(
        (&set["object"], &set["who"], &set["outcome"]),
        (&"demo/secrets/db".into(), &"ada at people.example".into(), &"Allowed".into())
    );
    assert!(!next.text.contains(VALUE));
    assert!(
        told["records"].as_array().unwrap().iter().all(|record| record["action"] != "AuditRead"),
        "not its own reads"
    );
    assert_eq!((story.last().operation.as_str(), story.last().outcome), ("AuditRead", Outcome::Allowed));
    let denied = story.get(&format!("/audit/live?since={since}&outcome=denied"), &ada).await;
    assert_eq!(batch(&denied.text)["records"], serde_json::json!([]), "by the filter of the page");
    assert_eq!(story.get("/audit/live?since=nothing", &ada).await.status, 400);
    // Who may not read the log gets nothing, and neither does a session that is over.
    let eve = story.sign_in("eve").await;
    assert_eq!(story.get("/audit/live", &eve).await.status, 403);
    let statuses = [(); 8].map(|()| "/audit/live");
    let mut refused = 0;
    for target in statuses {
        refused += usize::from(story.get(target, &ada).await.status == 429);
    }
    assert!(refused > 0, "so many batches and no more");
    story.world.clock.advance(60_000);
    assert!(story.get("/audit/live", &ada).await.cookie("__Host-session").is_none(), "an open page is no use of it");
    let token = story.get("/vaults", &ada).await.form_token().to_owned();
    story.post("/sign-out", &ada, &token).await;
    assert_eq!(story.get(&format!("/audit/live?since={since}"), &ada).await.status, 303);
}
