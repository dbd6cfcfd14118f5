//! What certificate authorities look for.

use strongroom_domain::proofs::{Proof, ProofStore};

use crate::support::{Place, on_both};

on_both!(
    a_proof_is_kept_by_its_label_until_it_is_forgotten,
    a_proof_that_somebody_edited_is_none_and_keeps_no_other_from_being_found,
    a_database_of_the_release_before_gets_the_table_of_proofs,
);

fn proof(hook: Option<&str>, place: &str, value: &str, until: i64) -> Proof {
    let text = |text: &str| text.to_owned();
    Proof {
        hook: hook.map(text),
        place: text(place),
        value: text(value),
        order: text("first"),
        until,
        tag: vec![1; 32],
    }
}

async fn a_proof_is_kept_by_its_label_until_it_is_forgotten(place: Place) {
    let s = place.start().await;
    let (token, one, two) = (proof(None, "t", "a", 5), proof(Some("h"), "r", "1", 6), proof(Some("h"), "r", "2", 7));
    for row in [&two, &one, &token] {
        assert!(s.store.put_proof(row, 3).await.unwrap());
    }
    assert_eq!(s.store.proofs_of("first").await.unwrap(), [one.clone(), two.clone(), token.clone()]);
    assert_eq!(s.store.proofs_of("other").await.unwrap(), []);
    assert!(!s.store.put_proof(&proof(None, "more", "a", 5), 3).await.unwrap(), "there are as many as may be");
    let again = Proof { value: "b".to_owned(), order: "second".to_owned(), tag: vec![2; 32], ..token.clone() };
    assert!(s.store.put_proof(&again, 3).await.unwrap(), "in place of the one before");
    assert_eq!(s.store.proof("http-01/t").await.unwrap(), Some(again.clone()));
    assert_eq!(s.store.proof("http-01/T").await.unwrap(), None);
    assert_eq!(s.store.lapsed_proofs(6, 10).await.unwrap(), [one.clone(), again.clone()]);
    assert_eq!(s.store.lapsed_proofs(6, 1).await.unwrap().len(), 1);
    s.store.forget_proof(&token).await.unwrap();
    assert!(s.store.proof("http-01/t").await.unwrap().is_some(), "another row than was shown is kept");
    s.store.forget_proof(&again).await.unwrap();
    assert_eq!(s.store.proof("http-01/t").await.unwrap(), None);
}

async fn a_proof_that_somebody_edited_is_none_and_keeps_no_other_from_being_found(place: Place) {
    let s = place.start().await;
    for row in [proof(None, "one", "a", 5), proof(None, "two", "a", 5)] {
        s.store.put_proof(&row, 10).await.unwrap();
    }
    place.tamper(&["UPDATE acme_proofs SET of_order = 'other' WHERE label = 'http-01/one'"]).await;
    assert_eq!(s.store.proofs_of("other").await.unwrap(), []);
    assert_eq!(s.store.proof("http-01/one").await.unwrap(), None);
    assert_eq!(s.store.lapsed_proofs(9, 10).await.unwrap().len(), 1);
}

/// As the release before left it, with every step but the last.
async fn a_database_of_the_release_before_gets_the_table_of_proofs(place: Place) {
    let s = place.start().await;
    s.store.close().await.unwrap();
    drop(s);
    let last = "DELETE FROM seaql_migrations WHERE version = 'm0031_acme_proofs'";
    place.tamper(&["DROP TABLE acme_proofs", last]).await;
    let store = place.open().await;
    assert_eq!(store.proofs_of("first").await.unwrap(), []);
}
