//! The contract of `PolicyStore`.

use std::sync::Arc;

use strongroom_domain::{
    action::Action,
    change::Change,
    policy::{AttachmentState, ModuleDigest, PolicyAttachment},
    policy_document::PolicyDocument,
    policy_module::{InstallationPolicies, PolicyModule},
    policy_replay::PolicyReplay,
    ports::PolicyStore,
    principal::PrincipalId,
    record::{Entry, Settled},
    test_support,
};
use strongroom_store::{Store, StoreOptions};

use crate::support::{Place, entry, on_both, options, permit};

on_both!(
    modules_come_back_and_stay_while_they_are_attached,
    the_modules_of_all_vaults_change_one_revision_at_a_time,
    documents_change_at_the_revision_that_was_read,
    replays_change_at_the_revision_that_was_read,
);

/// What one node attaches, another one asks with its next request: nothing of it is kept there.
#[tokio::test(flavor = "multi_thread")]
async fn another_node_follows_at_once() {
    let Some(place) = Place::postgres().await else { return };
    let one = place.start().await;
    let second = StoreOptions { node: "second".to_owned(), ..options() };
    let other = Store::open(&place.url, second).await.unwrap();
    assert_eq!(*other.installation_policies().await.unwrap(), InstallationPolicies::default());
    for revision in 1..=5 {
        let module = module(u8::try_from(revision).unwrap());
        assert_eq!(one.put(push(&module, b"one")).await, Settled::Recorded);
        let (attached, entry) = attach(revision, Some(module.digest));
        assert_eq!(one.put(entry).await, Settled::Recorded);
        assert_eq!(*other.installation_policies().await.unwrap(), attached);
        assert_eq!(other.policy_module(&module.digest).await.unwrap().unwrap().1, b"one");
    }
}

pub(crate) fn module(digest: u8) -> PolicyModule {
    PolicyModule {
        digest: ModuleDigest([digest; 32]),
        size: 3,
        name: "rule".to_owned(),
        version: "1.0.0".to_owned(),
        summary: "Says no.".to_owned(),
        uploaded_by: PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() },
        uploaded_at: 7,
        signature: None,
        tag: vec![9; 32],
    }
}

pub(crate) fn push(module: &PolicyModule, bytes: &[u8]) -> Entry {
    push_over(module, bytes, None)
}

fn push_over(module: &PolicyModule, bytes: &[u8], replaces: Option<i64>) -> Entry {
    let change = Change::PutPolicyModule { module: Box::new(module.clone()), bytes: Arc::from(bytes), replaces };
    entry(permit(Action::PolicyModuleWrite, test_support::server_ref(), None), change)
}

fn remove(module: &PolicyModule) -> Entry {
    let change = Change::DeletePolicyModule(Box::new(module.clone()));
    entry(permit(Action::PolicyModuleDelete, test_support::server_ref(), None), change)
}

pub(crate) fn attach(revision: i64, module: Option<ModuleDigest>) -> (InstallationPolicies, Entry) {
    let attachment = |module| PolicyAttachment {
        name: "rule".to_owned(),
        module,
        settings: "{}".to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    };
    let policies =
        InstallationPolicies { policies: module.map(attachment).into_iter().collect(), revision, tag: vec![3; 32] };
    let change = Change::PutInstallationPolicies(Box::new(policies.clone()));
    (policies, entry(permit(Action::PolicyWrite, test_support::server_ref(), None), change))
}

async fn modules_come_back_and_stay_while_they_are_attached(place: Place) {
    let s = place.start().await;
    let (one, other) = (module(1), module(2));
    assert_eq!(s.store.policy_modules().await.unwrap(), []);
    assert_eq!(s.store.policy_module(&one.digest).await.unwrap(), None);
    assert_eq!(s.put(push(&other, b"two")).await, Settled::Recorded);
    assert_eq!(s.put(push(&one, b"one")).await, Settled::Recorded);
    assert_eq!(s.put(push(&one, b"one")).await, Settled::Conflict);
    assert_eq!(s.store.policy_modules().await.unwrap(), [one.clone(), other.clone()]);
    assert_eq!(s.store.policy_module(&one.digest).await.unwrap(), Some((one.clone(), b"one".to_vec())));

    let one = PolicyModule { signature: Some("c2ln".to_owned()), uploaded_at: 8, ..one };
    assert_eq!(s.put(push_over(&one, b"one", Some(6))).await, Settled::Conflict, "somebody else was first");
    assert_eq!(s.put(push_over(&one, b"one", Some(7))).await, Settled::Recorded);
    assert_eq!(s.store.policy_module(&one.digest).await.unwrap(), Some((one.clone(), b"one".to_vec())));

    assert_eq!(s.put(attach(1, Some(one.digest)).1).await, Settled::Recorded);
    assert_eq!(s.put(remove(&one)).await, Settled::Conflict, "attached");
    assert_eq!(s.put(remove(&other)).await, Settled::Recorded);
    assert_eq!(s.put(remove(&other)).await, Settled::Conflict, "gone");
    assert_eq!(s.put(attach(2, None).1).await, Settled::Recorded);
    assert_eq!(s.put(remove(&one)).await, Settled::Recorded);
    assert_eq!(s.store.policy_modules().await.unwrap(), []);
}

async fn the_modules_of_all_vaults_change_one_revision_at_a_time(place: Place) {
    let s = place.start().await;
    for _ in 0..2 {
        assert_eq!(*s.store.installation_policies().await.unwrap(), InstallationPolicies::default());
    }
    let (first, entry) = attach(1, Some(ModuleDigest([1; 32])));
    assert_eq!(s.put(entry).await, Settled::Recorded);
    for _ in 0..2 {
        assert_eq!(*s.store.installation_policies().await.unwrap(), first);
    }
    assert_eq!(s.put(attach(1, None).1).await, Settled::Conflict);
    assert_eq!(s.put(attach(3, None).1).await, Settled::Conflict);
    let (second, entry) = attach(2, None);
    assert_eq!(s.put(entry).await, Settled::Recorded);
    assert_eq!(*s.store.installation_policies().await.unwrap(), second);
}

pub(crate) fn document(name: &str, text: &str, revision: i64) -> PolicyDocument {
    PolicyDocument {
        name: name.to_owned(),
        text: text.to_owned(),
        written_by: PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() },
        written_at: 7,
        revision,
        tag: vec![9; 32],
    }
}

pub(crate) fn write(document: &PolicyDocument, replaces: Option<i64>) -> Entry {
    let change = Change::PutPolicyDocument { document: Box::new(document.clone()), replaces };
    entry(permit(Action::PolicyDocumentWrite, test_support::server_ref(), None), change)
}

async fn documents_change_at_the_revision_that_was_read(place: Place) {
    let s = place.start().await;
    let remove = |document: &PolicyDocument| {
        let change = Change::DeletePolicyDocument(Box::new(document.clone()));
        entry(permit(Action::PolicyDocumentDelete, test_support::server_ref(), None), change)
    };
    let (hosts, teams) = (document("hosts", "one\u{0}\n", 7), document("teams", "", 7));
    assert_eq!(s.store.policy_document("hosts").await.unwrap(), None);
    assert_eq!(s.put(write(&teams, None)).await, Settled::Recorded);
    assert_eq!(s.put(write(&hosts, None)).await, Settled::Recorded);
    assert_eq!(s.put(write(&hosts, None)).await, Settled::Conflict, "there is one");
    assert_eq!(s.store.policy_documents().await.unwrap(), [hosts.clone(), teams.clone()]);
    let next = document("hosts", "two", 8);
    assert_eq!(s.put(write(&next, Some(6))).await, Settled::Conflict, "another revision");
    assert_eq!(s.put(write(&next, Some(7))).await, Settled::Recorded);
    assert_eq!(s.store.policy_document("hosts").await.unwrap(), Some(next.clone()));
    assert_eq!(s.put(remove(&hosts)).await, Settled::Conflict, "another revision");
    assert_eq!(s.put(remove(&next)).await, Settled::Recorded);
    assert_eq!(s.put(remove(&next)).await, Settled::Conflict, "gone");
    assert_eq!(s.store.policy_documents().await.unwrap(), [teams]);
}

pub(crate) fn replay(slot: i64, revision: i64) -> PolicyReplay {
    PolicyReplay {
        slot,
        id: uuid::Uuid::from_u128(u128::from(revision.unsigned_abs())),
        vault: strongroom_domain::names::VaultId(uuid::Uuid::nil()),
        by: PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() },
        at: 7,
        settings_revision: 1,
        everywhere: false,
        candidate: Vec::new(),
        replayed: 3,
        counted: strongroom_domain::admin::Counted::default(),
        reviews: Vec::new(),
        revision,
        tag: vec![9; 32],
    }
}

/// Keeps what a replay found, in its place.
pub(crate) fn keep(replay: &PolicyReplay, replaces: Option<i64>) -> Entry {
    let change = Change::PutPolicyReplay { replay: Box::new(replay.clone()), replaces };
    entry(permit(Action::PolicyReplay, test_support::server_ref(), None), change)
}

async fn replays_change_at_the_revision_that_was_read(place: Place) {
    let s = place.start().await;
    let (first, other, next) = (replay(0, 1), replay(7, 1), replay(0, 2));
    assert_eq!(s.put(keep(&other, None)).await, Settled::Recorded);
    assert_eq!(s.put(keep(&first, None)).await, Settled::Recorded);
    assert_eq!(s.put(keep(&first, None)).await, Settled::Conflict, "its place is taken");
    assert_eq!(s.store.policy_replays().await.unwrap(), [first, other.clone()]);
    assert_eq!(s.put(keep(&next, Some(1))).await, Settled::Recorded);
    assert_eq!(s.put(keep(&next, Some(1))).await, Settled::Conflict, "another revision");
    assert_eq!(s.store.policy_replays().await.unwrap(), [next, other]);
}
