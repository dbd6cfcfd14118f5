//! The contract of `ApprovalStore`.

use strongroom_domain::{
    action::Action,
    approval::{ApprovalRequest, ApprovalSubject, MAX_IN_VAULT, MAX_OF_PRINCIPAL, MAX_OF_STRANGERS, Verdict},
    change::Change,
    names::{ObjectKind, VaultId, VaultName},
    permit::ObjectRef,
    ports::{ApprovalStore, AuditLog as _, StoreError},
    principal::PrincipalId,
    record::{Entry, Settled},
    test_support,
};
use uuid::Uuid;

use crate::support::{Place, Started, entry, id, name, on_both, permit};

on_both!(
    one_request_is_there_for_the_same_until_it_ends,
    a_principal_has_so_many_and_those_of_others_do_not_count,
    strangers_have_a_share_and_make_room,
    who_is_asked_for_has_their_requests_found,
    an_answer_follows_on_what_was_answered,
    a_row_whose_columns_say_otherwise_is_damaged,
);

fn person(subject: &str) -> PrincipalId {
    PrincipalId { issuer: "https://idp".to_owned(), subject: subject.to_owned() }
}

pub(crate) fn request(s: &Started, who: &str, what: &str, now: i64) -> ApprovalRequest {
    let subject = ApprovalSubject {
        vault: s.vault,
        principal: person(who),
        action: Action::SecretGet,
        kind: ObjectKind::Secret,
        name: Some(name(what)),
        version: None,
        content: None,
    };
    ApprovalRequest { tag: vec![4; 32], ..ApprovalRequest::open(id(), subject, Some(1), "two", 1, 600, now) }
}

fn of_vault(vault: VaultId) -> ObjectRef {
    ObjectRef { vault: Some((vault, VaultName::parse("demo").unwrap())), kind: ObjectKind::Vault, name: None }
}

pub(crate) fn put(s: &Started, request: &ApprovalRequest, replaces: Option<i64>, now: i64) -> Entry {
    let action = if replaces.is_none() { Action::ApprovalOpen } else { Action::ApprovalDecide };
    let change = Change::PutApproval { request: Box::new(request.clone()), replaces, now };
    entry(permit(action, of_vault(s.vault), Some(1)), change)
}

async fn all(s: &Started, now: i64) -> Vec<Uuid> {
    let permit = permit(Action::ApprovalRead, of_vault(s.vault), Some(1));
    let found = test_support::open(s.store.approvals(permit, now).await).unwrap();
    found.iter().map(|request| request.id).collect()
}

async fn one_request_is_there_for_the_same_until_it_ends(place: Place) {
    let s = place.start().await;
    let first = request(&s, "ada", "db", 1000);
    let key = first.subject.key();
    assert_eq!(s.store.approval_for(&key, 1000).await.unwrap(), None);
    assert_eq!(s.put(put(&s, &first, None, 1000)).await, Settled::Recorded);
    assert_eq!(s.store.approval_for(&key, 1000).await.unwrap(), Some(first.clone()));
    assert_eq!(s.store.approval(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(s.put(put(&s, &request(&s, "ada", "DB", 1001), None, 1001)).await, Settled::Conflict, "the same name");
    let other = request(&s, "grace", "db", 1001);
    assert_eq!(s.put(put(&s, &other, None, 1001)).await, Settled::Recorded);
    assert_eq!(all(&s, 1001).await, [first.id, other.id]);

    let end = first.ends;
    assert_eq!(s.store.approval_for(&key, end).await.unwrap(), None, "it has ended");
    let second = request(&s, "ada", "db", end);
    assert_eq!(s.put(put(&s, &second, None, end)).await, Settled::Recorded);
    assert_eq!(s.store.approval(first.id).await.unwrap(), None, "what has ended goes when one comes");
    assert_eq!(all(&s, end).await, [other.id, second.id]);
    // Another process of the same database finds it: nothing is kept in memory.
    s.store.close().await.unwrap();
    drop(s);
    let again = place.open().await;
    assert_eq!(again.approval_for(&key, end).await.unwrap(), Some(second));
}

async fn a_principal_has_so_many_and_those_of_others_do_not_count(place: Place) {
    let s = place.start().await;
    for one in 0..MAX_OF_PRINCIPAL {
        assert_eq!(s.put(put(&s, &request(&s, "ada", &format!("s{one}"), 1000), None, 1000)).await, Settled::Recorded);
    }
    assert_eq!(s.put(put(&s, &request(&s, "ada", "more", 1000), None, 1000)).await, Settled::Conflict);
    assert_eq!(s.put(put(&s, &request(&s, "grace", "more", 1000), None, 1000)).await, Settled::Recorded);
}

async fn strangers_have_a_share_and_make_room(place: Place) {
    let s = place.start().await;
    let requests = |from: u64, to: u64, stranger| -> Vec<ApprovalRequest> {
        let of = |one: u64| {
            let who = format!("{}-{}", if stranger { "stranger" } else { "known" }, one / MAX_OF_PRINCIPAL);
            ApprovalRequest { stranger, ..request(&s, &who, &format!("s{one}"), 1000 + i64::try_from(one).unwrap()) }
        };
        (from..to).map(of).collect()
    };
    let write = async |requests: &[ApprovalRequest]| {
        let entries = requests.iter().map(|request| put(&s, request, None, 1000)).collect();
        s.store.append(entries).await.unwrap()
    };
    let strangers = requests(0, MAX_OF_STRANGERS, true);
    assert!(write(&strangers).await.iter().all(|one| *one == Settled::Recorded));
    let more = requests(MAX_OF_STRANGERS, MAX_OF_STRANGERS + 1, true);
    assert_eq!(write(&more).await, [Settled::Conflict], "the rest is for others");
    // The oldest was answered, and so makes no room.
    let refused = strangers[0].answered(&person("grace").into(), Verdict::Refuse, None, 1100).unwrap();
    assert_eq!(s.put(put(&s, &refused, Some(1), 1100)).await, Settled::Recorded);
    let known = MAX_IN_VAULT - MAX_OF_STRANGERS;
    assert!(write(&requests(0, known, false)).await.iter().all(|one| *one == Settled::Recorded));
    assert_eq!(
        write(&requests(known, known + 1, false)).await,
        [Settled::Recorded],
        "there is room for who holds something"
    );
    assert!(s.store.approval(strangers[0].id).await.unwrap().is_some(), "answered");
    assert!(s.store.approval(strangers[1].id).await.unwrap().is_none(), "the oldest that nobody answered");
    assert_eq!(all(&s, 1200).await.len() as u64, MAX_IN_VAULT);
    assert_eq!(write(&more).await, [Settled::Conflict], "and none for one more stranger");
}

async fn who_is_asked_for_has_their_requests_found(place: Place) {
    let s = place.start().await;
    let (one, other) = (request(&s, "ada", "db", 1000), request(&s, "grace", "db", 1000));
    assert_eq!(s.put(put(&s, &one, None, 1000)).await, Settled::Recorded);
    assert_eq!(s.put(put(&s, &other, None, 1000)).await, Settled::Recorded);
    assert_eq!(s.store.approvals_of(&person("ada"), 1000).await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(s.store.approvals_of(&person("ada"), one.ends).await.unwrap(), [], "it has ended");
    assert_eq!(s.store.approvals_of(&person("eve"), 1000).await.unwrap(), []);
}

async fn an_answer_follows_on_what_was_answered(place: Place) {
    let s = place.start().await;
    let first = request(&s, "ada", "db", 1000);
    let granted = first.answered(&person("grace").into(), Verdict::Grant, None, 1010).unwrap();
    assert_eq!(s.put(put(&s, &granted, Some(1), 1010)).await, Settled::Conflict, "there is none");
    assert_eq!(s.put(put(&s, &first, None, 1000)).await, Settled::Recorded);
    assert_eq!(s.put(put(&s, &granted, Some(1), 1010)).await, Settled::Recorded);
    let refused = first.answered(&person("linus").into(), Verdict::Refuse, None, 1011).unwrap();
    assert_eq!(s.put(put(&s, &refused, Some(1), 1011)).await, Settled::Conflict, "it was granted meanwhile");
    assert_eq!(s.store.approval(first.id).await.unwrap(), Some(granted));
}

async fn a_row_whose_columns_say_otherwise_is_damaged(place: Place) {
    let s = place.start().await;
    let first = request(&s, "ada", "db", 1000);
    assert_eq!(s.put(put(&s, &first, None, 1000)).await, Settled::Recorded);
    place.tamper(&["UPDATE approvals SET ends = 99999999999"]).await;
    assert!(matches!(s.store.approval_for(&first.subject.key(), 1000).await, Err(StoreError::Damaged(_))));
    assert!(matches!(s.store.approval(first.id).await, Err(StoreError::Damaged(_))));
}
