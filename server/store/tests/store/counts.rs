//! The contract of `RequestCounts`.

use strongroom_domain::{
    policy::{MOST_COUNTED, RecentRequests},
    ports::RequestCounts,
    principal::PrincipalId,
    record::{Entry, Outcome, Record, Settled},
};

use crate::support::{Place, Started, on_both, record};

on_both!(
    what_is_on_record_is_counted_by_who_what_and_how_it_went_out,
    a_flood_of_records_hides_nothing_and_is_not_counted_to_its_end,
);

fn principal(issuer: &str, subject: &str) -> PrincipalId {
    PrincipalId { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

async fn put(s: &Started, at: i64, who: &PrincipalId, object: (&str, &str), outcome: Outcome) {
    let record = Record {
        at,
        principal: Some(who.clone()),
        kind: Some(object.0.to_owned()),
        object: Some(object.1.to_owned()),
        outcome,
        ..record("SecretGet")
    };
    assert_eq!(s.put(Entry { record, change: None }).await, Settled::Recorded);
}

async fn what_is_on_record_is_counted_by_who_what_and_how_it_went_out(place: Place) {
    let s = place.start().await;
    let (ada, grace) = (principal("https://idp", "ada"), principal("https://idp", "grace"));
    // Of the same name elsewhere, in other letters, and one that would like to be taken for her.
    let others = [
        principal("https://other", "ada"),
        principal("https://idp", "Ada"),
        principal("https://x", r#"","principal":{"issuer":"https://idp","subject":"ada"}"#),
    ];
    let (db, key) = (("secret", "db"), ("key", "db"));
    put(&s, 1_000, &ada, db, Outcome::Allowed).await;
    put(&s, 2_000, &ada, db, Outcome::Denied).await;
    put(&s, 3_000, &ada, key, Outcome::Failed).await;
    put(&s, 4_000, &grace, db, Outcome::Denied).await;
    for other in &others {
        put(&s, 5_000, other, ("secret", "api"), Outcome::Denied).await;
    }
    let all = RecentRequests { vault: "demo".to_owned(), principal: None, object: None, outcome: None, from: 1_000 };
    let count = async |of: RecentRequests| s.store.count_recent(&of).await.unwrap();
    let by = |who: &PrincipalId| RecentRequests { principal: Some(who.clone()), ..all.clone() };
    let of = |object: (&str, &str)| Some((object.0.to_owned(), object.1.to_owned()));
    assert_eq!(count(by(&ada)).await, 3);
    assert_eq!(count(by(&others[0])).await, 1);
    assert_eq!(count(by(&others[1])).await, 1);
    assert_eq!(count(by(&principal("https://idp", "nobody"))).await, 0);
    assert_eq!(count(RecentRequests { outcome: Some(Outcome::Denied), ..by(&ada) }).await, 1);
    assert_eq!(count(RecentRequests { from: 2_000, ..by(&ada) }).await, 2, "from the moment on");
    assert_eq!(count(RecentRequests { object: of(db), ..all.clone() }).await, 3);
    assert_eq!(count(RecentRequests { object: of(key), ..by(&ada) }).await, 1, "a key is no secret");
    assert_eq!(count(RecentRequests { vault: "other".to_owned(), ..by(&ada) }).await, 0);
}

/// More reads that went out well than are counted: they hide no denial, and counting them stops.
async fn a_flood_of_records_hides_nothing_and_is_not_counted_to_its_end(place: Place) {
    let s = place.start().await;
    let ada = principal("https://idp", "ada");
    let db = ("secret", "db");
    put(&s, 1_000, &ada, db, Outcome::Allowed).await;
    put(&s, 2_000, &ada, db, Outcome::Denied).await;
    // Copies without a place in the chain, which is not what is looked at here.
    let id = if place.is_sqlite() { "randomblob(16)" } else { "gen_random_uuid()" };
    let flood = format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MOST_COUNTED}) \
         INSERT INTO audit_records (id, at, outcome, vault, object, principal, body) \
         SELECT {id}, 3000 + n.i, r.outcome, r.vault, r.object, r.principal, r.body \
         FROM n, audit_records AS r WHERE r.outcome = 'allowed' AND r.object = 'db'"
    );
    place.tamper(&[&flood]).await;
    let object = Some((db.0.to_owned(), db.1.to_owned()));
    let all = RecentRequests { vault: "demo".to_owned(), principal: Some(ada), object, outcome: None, from: 1_000 };
    for counted in
        [all.clone(), RecentRequests { principal: None, ..all.clone() }, RecentRequests { object: None, ..all.clone() }]
    {
        assert_eq!(s.store.count_recent(&counted).await.unwrap(), MOST_COUNTED);
        let denied = RecentRequests { outcome: Some(Outcome::Denied), ..counted };
        assert_eq!(s.store.count_recent(&denied).await.unwrap(), 1);
    }
}
