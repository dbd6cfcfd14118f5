//! The contracts of `VaultStore` and `IdentityStore`, and the installation.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    change::{Change, Remaining},
    identity::{Session, UsedAssertion, Workload},
    names::{ObjectKind, ObjectName, VaultName},
    permit::ObjectRef,
    ports::{AuditLog, IdentityStore, SealStore, StoreError, VaultStore},
    principal::Grantee,
    record::{Entry, Settled},
    stored::StoredRows as _,
    test_support,
    vault::MAX_VAULTS,
};
use strongroom_store::Store;

use crate::{
    grants::{add, grant, principal},
    support::{Place, entry, id, on_both, permit, put_vault, vault},
};

on_both!(
    vaults_are_found_by_name,
    a_vault_name_is_taken_once,
    vaults_are_not_without_number,
    workloads_come_back,
    workloads_change_and_go,
    an_owner_that_must_remain_is_there_as_it_was_found,
    workloads_are_listed_in_pages,
    an_assertion_counts_once,
    a_code_counts_once_and_while_its_session_stands,
    sessions_begin_and_end,
    a_session_that_is_hidden_counts_no_more_and_can_be_ended,
    there_is_one_installation,
);

async fn vaults_are_found_by_name(place: Place) {
    let s = place.start().await;
    let other = vault("another");
    assert_eq!(s.put(put_vault(&other)).await, Settled::Recorded);
    for _ in 0..2 {
        let found = s.store.vault(&VaultName::parse("Another").unwrap()).await.unwrap().unwrap();
        assert_eq!(*found, other);
        assert_eq!(s.store.vault(&VaultName::parse("nowhere").unwrap()).await.unwrap(), None);
    }
    let all = s.store.vaults(false).await.unwrap();
    assert_eq!(all.iter().map(|v| v.name.as_str()).collect::<Vec<_>>(), ["another", "demo"]);
}

async fn a_vault_name_is_taken_once(place: Place) {
    let s = place.start().await;
    assert_eq!(s.put(put_vault(&vault("demo"))).await, Settled::Conflict);
    assert_eq!(s.store.vault(&VaultName::parse("demo").unwrap()).await.unwrap().unwrap().id, s.vault);
}

async fn vaults_are_not_without_number(place: Place) {
    let s = place.start().await;
    let all: Vec<_> = (1..MAX_VAULTS).map(|number| put_vault(&vault(&format!("v-{number}")))).collect();
    let settled = s.store.append(all).await.unwrap();
    assert!(settled.iter().all(|one| *one == Settled::Recorded));
    assert_eq!(s.put(put_vault(&vault("one-more"))).await, Settled::Conflict);
    assert_eq!(s.store.vaults(false).await.unwrap().len(), MAX_VAULTS);
}

async fn workloads_come_back(place: Place) {
    let s = place.start().await;
    let workload = workload("payments");
    let put = || make(&workload);
    assert_eq!(s.store.workload(workload.client_id).await.unwrap(), None);
    assert_eq!(s.put(put()).await, Settled::Recorded);
    for _ in 0..2 {
        assert_eq!(*s.store.workload(workload.client_id).await.unwrap().unwrap(), workload);
    }
    assert_eq!(s.put(put()).await, Settled::Conflict);
}

pub(crate) fn workload(name: &str) -> Workload {
    Workload { tag: vec![4; 32], ..Workload::new(id(), name) }
}

pub(crate) fn make(workload: &Workload) -> Entry {
    entry(
        permit(Action::WorkloadCreate, test_support::server_ref(), None),
        Change::PutWorkload { workload: Box::new(workload.clone()), remaining: None },
    )
}

fn workload_ref(workload: &Workload) -> ObjectRef {
    let name = ObjectName::parse(&workload.client_id.to_string()).ok();
    ObjectRef { vault: None, kind: ObjectKind::Workload, name }
}

async fn workloads_change_and_go(place: Place) {
    let s = place.start().await;
    let old = workload("payments");
    assert_eq!(s.put(make(&old)).await, Settled::Recorded);
    assert_eq!(*s.store.workload(old.client_id).await.unwrap().unwrap(), old);
    let new = Workload { enabled: false, revision: 2, tag: vec![5; 32], ..old.clone() };
    let change = |revision: i64, to: &Workload| {
        let permit = permit(Action::WorkloadUpdate, workload_ref(&old), Some(revision));
        entry(permit, Change::PutWorkload { workload: Box::new(to.clone()), remaining: None })
    };
    assert_eq!(s.put(change(1, &new)).await, Settled::Recorded);
    assert_eq!(*s.store.workload(old.client_id).await.unwrap().unwrap(), new, "on the next read");
    assert_eq!(s.put(change(1, &new)).await, Settled::Conflict, "it is not as it was judged");
    let delete = |revision| {
        let permit = permit(Action::WorkloadDelete, workload_ref(&old), Some(revision));
        entry(permit, Change::DeleteWorkload { remaining: None })
    };
    assert_eq!(s.put(delete(1)).await, Settled::Conflict);
    assert!(s.store.workload(old.client_id).await.unwrap().is_some());
    assert_eq!(s.put(delete(2)).await, Settled::Recorded);
    assert_eq!(s.store.workload(old.client_id).await.unwrap(), None, "on the next read");
    assert_eq!(s.put(delete(2)).await, Settled::Conflict);
    assert_eq!(s.put(change(2, &Workload { revision: 3, ..new })).await, Settled::Conflict, "what is gone stays gone");
}

async fn an_owner_that_must_remain_is_there_as_it_was_found(place: Place) {
    let s = place.start().await;
    let (going, staying) = (workload("going"), workload("staying"));
    let owner = grant(Grantee::Principal { id: principal("i", "staying", &[]).id });
    for entry in [make(&going), make(&staying), add(&owner)] {
        assert_eq!(s.put(entry).await, Settled::Recorded);
    }
    let remaining =
        |assignment, revision| Some(Remaining { assignment, workload: Some((staying.client_id, revision)) });
    let of = |action| permit(action, workload_ref(&going), Some(1));
    let disabled = Workload { enabled: false, revision: 2, ..going.clone() };
    for (assignment, revision) in [(id(), 1), (owner.id, 2)] {
        let remaining = remaining(assignment, revision);
        let change = Change::PutWorkload { workload: Box::new(disabled.clone()), remaining };
        assert_eq!(s.put(entry(of(Action::WorkloadUpdate), change)).await, Settled::Conflict);
        let change = Change::DeleteWorkload { remaining };
        assert_eq!(s.put(entry(of(Action::WorkloadDelete), change)).await, Settled::Conflict);
        let change = Change::RemoveAssignment { assignment: Box::new(owner.clone()), remaining };
        let removal = permit(Action::AssignmentRemove, test_support::server_ref(), None);
        assert_eq!(s.put(entry(removal, change)).await, Settled::Conflict);
    }
    assert_eq!(*s.store.workload(going.client_id).await.unwrap().unwrap(), going);
    let change = Change::DeleteWorkload { remaining: remaining(owner.id, 1) };
    assert_eq!(s.put(entry(of(Action::WorkloadDelete), change)).await, Settled::Recorded);
}

async fn workloads_are_listed_in_pages(place: Place) {
    let s = place.start().await;
    let mut all: Vec<_> = (0..5).map(|n| workload(&format!("w{n}"))).collect();
    for one in &all {
        assert_eq!(s.put(make(one)).await, Settled::Recorded);
    }
    all.sort_by_key(|one| one.client_id);
    let list = async |after, limit| {
        let permit = permit(Action::WorkloadRead, test_support::server_ref(), None);
        test_support::open(s.store.workloads(permit, after, limit).await).unwrap()
    };
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = list(after, 2).await;
        assert!(page.items.len() <= 2);
        seen.extend(page.items.iter().map(|one| (**one).clone()));
        let Some(next) = page.next else { break };
        after = Some(next.parse().unwrap());
    }
    assert_eq!(seen, all);
    assert_eq!(list(None, 5).await.next, None, "a full last page has no next one");
    let wrong = permit(Action::WorkloadCreate, test_support::server_ref(), None);
    assert!(test_support::open(s.store.workloads(wrong, None, 5).await).is_err(), "another permit lists nothing");
}

async fn an_assertion_counts_once(place: Place) {
    let s = place.start().await;
    let exchange = async |byte: u8, used: i64, expires: i64| {
        let used = UsedAssertion { id_hash: [byte; 32], used, expires };
        let permit = permit(Action::TokenIssue, test_support::server_ref(), None);
        s.put(entry(permit, Change::UseAssertion(used))).await
    };
    assert_eq!(exchange(1, 1000, 1600).await, Settled::Recorded);
    assert_eq!(exchange(1, 1030, 1600).await, Settled::Recorded, "the client's own repetition");
    assert_eq!(exchange(1, 1031, 1600).await, Settled::Conflict);
    assert_eq!(exchange(2, 1031, 1600).await, Settled::Recorded, "another one");
    assert_eq!(exchange(1, 1600, 1600).await, Settled::Conflict, "to its last second");
    assert_eq!(exchange(3, 1601, 1700).await, Settled::Recorded);
    assert_eq!(exchange(1, 1601, 1700).await, Settled::Recorded, "forgotten once it has expired");
}

async fn a_code_counts_once_and_while_its_session_stands(place: Place) {
    let s = place.start().await;
    let session = |byte: u8, created| Session {
        id_hash: [byte; 32],
        principal: principal("https://idp", "ada", &[]),
        display_name: "Ada".into(),
        created,
        expires: created + 3600,
        provider_session: None,
        authenticated: None,
        begun: None,
        tag: vec![3; 32],
    };
    let change = |change| entry(permit(Action::SessionChange, test_support::server_ref(), None), change);
    let exchange = async |code: u8, at: i64, allowed_from: u8| {
        let session = Box::new(session(code, at));
        let code = UsedAssertion { id_hash: [code; 32], used: at, expires: 1061 };
        s.put(change(Change::BeginCommandLine { session, code, allowed_from: [allowed_from; 32] })).await
    };
    s.put(change(Change::BeginSession(Box::new(session(1, 1000))))).await;
    assert_eq!(exchange(7, 1001, 9).await, Settled::Conflict, "allowed from no session");
    assert_eq!(exchange(7, 1001, 1).await, Settled::Recorded, "and not used up by that");
    assert!(s.store.session(&[7; 32]).await.unwrap().is_some());
    assert_eq!(exchange(7, 1001, 1).await, Settled::Conflict);
    s.put(change(Change::EndSession { id_hash: [7; 32] })).await;
    assert_eq!(exchange(7, 1002, 1).await, Settled::Conflict, "its session has ended");
    assert_eq!(exchange(7, 1061, 1).await, Settled::Conflict, "to its last second");
    assert_eq!(s.store.session(&[7; 32]).await.unwrap(), None);
    s.put(change(Change::EndSession { id_hash: [1; 32] })).await;
    assert_eq!(exchange(8, 1003, 1).await, Settled::Conflict, "what it was allowed from has ended");
    assert_eq!(s.store.session(&[8; 32]).await.unwrap(), None);
}

async fn sessions_begin_and_end(place: Place) {
    let s = place.start().await;
    let session = |byte: u8, created, expires| Session {
        id_hash: [byte; 32],
        principal: principal("https://idp", "ada", &["ops"]),
        display_name: "Ada".into(),
        created,
        expires,
        provider_session: None,
        authenticated: None,
        begun: None,
        tag: vec![3; 32],
    };
    let change = |change| entry(permit(Action::SessionChange, test_support::server_ref(), None), change);
    let (old, new) = (session(1, 10, 20), session(2, 30, 40));
    assert_eq!(s.put(change(Change::BeginSession(Box::new(old.clone())))).await, Settled::Recorded);
    assert_eq!(*s.store.session(&[1; 32]).await.unwrap().unwrap(), old);
    assert_eq!(s.put(change(Change::EndSession { id_hash: [1; 32] })).await, Settled::Recorded);
    assert_eq!(s.store.session(&[1; 32]).await.unwrap(), None, "an ended session is gone at once");
    assert_eq!(s.put(change(Change::EndSession { id_hash: [1; 32] })).await, Settled::Recorded, "again is no error");
    s.put(change(Change::BeginSession(Box::new(old.clone())))).await;
    s.put(change(Change::BeginSession(Box::new(new.clone())))).await;
    assert_eq!(s.store.session(&[1; 32]).await.unwrap(), None, "expired ones are cleared by the next one");
    assert_eq!(*s.store.session(&[2; 32]).await.unwrap().unwrap(), new);
    assert_eq!(s.put(change(Change::BeginSession(Box::new(new)))).await, Settled::Conflict);
    let own = |byte: u8, subject: &str| {
        let mut session = session(byte, 50, 90);
        session.provider_session = (byte != 3).then(|| format!("at-provider-{byte}"));
        session.principal.id.subject = subject.to_owned();
        change(Change::BeginSession(Box::new(session)))
    };
    for (byte, subject) in [(3, "ada"), (4, "bob"), (5, "ada")] {
        assert_eq!(s.put(own(byte, subject)).await, Settled::Recorded);
    }
    let ada = principal("https://idp", "ada", &[]).id;
    let mut found: Vec<_> = s.store.sessions(&ada).await.unwrap().iter().map(|session| session.id_hash).collect();
    found.sort_unstable();
    assert_eq!(found, [[3; 32], [5; 32]]);
    for byte in [3, 4, 5] {
        assert!(s.store.session(&[byte; 32]).await.unwrap().is_some());
    }
    let at = |issuer: &'static str, id: &'static str| s.store.sessions_at(issuer, id);
    assert_eq!(at("https://idp", "at-provider-5").await.unwrap()[0].id_hash, [5; 32]);
    assert!(at("https://other", "at-provider-5").await.unwrap().is_empty(), "another provider's session");
    let by_token = |sessions, used| {
        let token = UsedAssertion { id_hash: [7; 32], used, expires: 2000 };
        change(Change::EndSessionsAtProvider { sessions, token })
    };
    assert_eq!(s.put(by_token(vec![[4; 32]], 60)).await, Settled::Recorded);
    assert_eq!(s.store.session(&[4; 32]).await.unwrap(), None);
    assert_eq!(s.put(by_token(vec![[5; 32]], 61)).await, Settled::Conflict, "a token counts once");
    assert!(s.store.session(&[5; 32]).await.unwrap().is_some(), "and then ends nothing");
    assert_eq!(s.put(own(4, "bob")).await, Settled::Recorded);
    let permit = permit(Action::SessionRevoke, test_support::server_ref(), None);
    assert_eq!(s.put(entry(permit, Change::EndSessions(vec![[3; 32], [5; 32]]))).await, Settled::Recorded);
    // Page by page.
    for byte in [6, 7, 8] {
        assert_eq!(s.put(own(byte, "carol")).await, Settled::Recorded);
    }
    let (mut all, mut after) = (Vec::new(), None);
    while let Some(last) = {
        let page = s.store.all_sessions(after, 2).await.unwrap();
        all.extend(page.iter().map(|session| session.id_hash[0]));
        page.last().map(|session| session.id_hash)
    } {
        after = Some(last);
    }
    assert_eq!(all, [4, 6, 7, 8]);
    for (byte, left) in [(3, false), (4, true), (5, false)] {
        assert_eq!(s.store.session(&[byte; 32]).await.unwrap().is_some(), left, "also when it was read before");
    }
}

/// By a column that is not authenticated, sessions were found; and so hidden from whoever ends them.
async fn a_session_that_is_hidden_counts_no_more_and_can_be_ended(place: Place) {
    let s = place.start().await;
    let ada = principal("https://idp", "ada", &[]);
    for (byte, provider_session) in [(1, None), (2, None), (3, None), (4, Some("theirs".to_owned()))] {
        let session = Session {
            id_hash: [byte; 32],
            principal: ada.clone(),
            display_name: "Ada".into(),
            created: 10,
            expires: 90,
            provider_session,
            authenticated: None,
            begun: None,
            tag: vec![3; 32],
        };
        let permit = permit(Action::SessionChange, test_support::server_ref(), None);
        assert_eq!(s.put(entry(permit, Change::BeginSession(Box::new(session)))).await, Settled::Recorded);
    }
    let of = |byte: u8| {
        let hash = format!("{byte:02x}").repeat(32);
        if place.is_sqlite() { format!("x'{hash}'") } else { format!("'\\x{hash}'::bytea") }
    };
    place
        .tamper(&[
            &format!("UPDATE sessions SET principal = NULL WHERE id_hash = {}", of(1)),
            &format!("UPDATE sessions SET principal = 'bob' WHERE id_hash = {}", of(2)),
            &format!("UPDATE sessions SET provider_session = NULL WHERE id_hash = {}", of(4)),
        ])
        .await;
    for (byte, whole) in [(1, false), (2, false), (3, true), (4, false)] {
        assert_eq!(s.store.session(&[byte; 32]).await.is_ok(), whole, "{byte}");
    }
    let hashes = |found: Vec<Arc<Session>>| {
        let mut hashes: Vec<_> = found.iter().map(|session| session.id_hash).collect();
        hashes.sort_unstable();
        hashes
    };
    // What is shown is found without a look at those of others, what is ended by what is authenticated.
    assert_eq!(hashes(s.store.sessions(&ada.id).await.unwrap()), [[3; 32], [4; 32]]);
    let found = hashes(s.store.sessions_to_end(&ada.id).await.unwrap());
    assert_eq!(found, [[1; 32], [2; 32], [3; 32], [4; 32]]);
    let at_provider = s.store.sessions_at("https://idp", "theirs").await.unwrap();
    assert_eq!(at_provider.iter().map(|session| session.id_hash).collect::<Vec<_>>(), [[4; 32]]);
    let mut damaged = Vec::new();
    let reader = Store::open_read_only(&place.url).await.unwrap();
    let mut walk = reader.walk();
    while let Some(portion) = walk.portion().await.unwrap() {
        damaged.extend(portion.into_iter().filter(|found| found.row.is_err()).map(|found| (found.kind, found.id)));
    }
    assert_eq!(damaged.len(), 3, "{damaged:?}");
    let permit = permit(Action::SessionRevoke, test_support::server_ref(), None);
    assert_eq!(s.put(entry(permit, Change::EndSessions(found))).await, Settled::Recorded);
    assert!(s.store.sessions_to_end(&ada.id).await.unwrap().is_empty());
}

async fn there_is_one_installation(place: Place) {
    let store = place.open().await;
    assert_eq!(store.installation().await.unwrap(), None);
    let made = store.create_installation(id(), 77, true, &[("audit", b"sealed")]).await.unwrap();
    assert!(made.development);
    assert!(matches!(store.create_installation(id(), 78, false, &[("audit", b"other")]).await, Err(StoreError::Stale)));
    assert_eq!(store.installation().await.unwrap(), Some(made), "the development mark stays");
    assert_eq!(store.sealed_blob("audit").await.unwrap().unwrap().bytes, b"sealed");
    store.put_sealed_blob("audit", b"rewrapped").await.unwrap();
    assert_eq!(store.sealed_blob("audit").await.unwrap().unwrap().bytes, b"rewrapped");
    assert_eq!(store.sealed_blob("token").await.unwrap(), None);
    assert!(store.put_sealed_blob("big", &vec![0; 1 << 20]).await.is_err());
    drop(store);
    let again = place.open().await;
    assert_eq!(again.installation().await.unwrap(), Some(made));
    // Not even when its row is taken away: what its keys protect would be lost.
    place.tamper(&["DELETE FROM installation"]).await;
    assert!(matches!(again.create_installation(id(), 79, false, &[("audit", b"other")]).await, Err(StoreError::Stale)));
    assert_eq!(again.sealed_blob("audit").await.unwrap().unwrap().bytes, b"rewrapped");
}
