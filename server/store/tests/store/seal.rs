//! Wrapping everything anew: wholly or not at all.

use strongroom_domain::{
    action::Action,
    change::{Change, PutTokenKeys},
    grant::{Assignment, Scope},
    names::ObjectKind,
    permit::ObjectRef,
    ports::{AuditLog, GrantStore, PurgeSchedule, SealStore, SealedBlob, StoreError, VaultStore},
    principal::{Grantee, PrincipalId},
    record::{Entry, Settled},
    role::Role,
    seal::{Reseal, Rewrapped, RootKeyFact},
    secret::LifeState,
    setup, test_support,
    vault::Vault,
};
use uuid::Uuid;

use crate::support::{Place, Started, entry, on_both, permit, put_vault, set, vault, version};

on_both!(
    everything_is_wrapped_anew_at_once,
    anything_that_came_or_changed_meanwhile_stops_all_of_it,
    an_old_wrapping_does_not_come_back,
    what_is_left_of_a_purged_vault_is_not_wrapped,
    a_root_key_is_taken_up_once,
    of_two_changes_of_the_token_keys_one_happens,
    an_installation_is_set_up_once,
);

fn fact(key_id: &str, since: i64) -> RootKeyFact {
    let provider = "file".to_owned();
    RootKeyFact { key_id: key_id.to_owned(), provider, parameters: String::new(), since, tag: vec![1; 32] }
}

/// Two vaults and a blob under the root key `one`.
async fn sealed(place: &Place) -> Started {
    let s = place.start().await;
    s.put(put_vault(&vault("other"))).await;
    s.store.adopt_root_key(&fact("one", 1), &[("audit", b"old")]).await.unwrap();
    s
}

async fn reseal(s: &Started) -> Reseal {
    let sealed = s.store.sealed_keys().await.unwrap();
    let rewrap = |vault: Vault| Rewrapped {
        before: vault.wrapped_key.clone(),
        after: Vault { wrapped_key: vec![9, 9], tag: vec![2; 32], ..vault },
    };
    Reseal {
        blobs: sealed.blobs.into_iter().map(|(l, before)| (l, Rewrapped { before, after: b"new".to_vec() })).collect(),
        vaults: sealed.vaults.into_iter().map(rewrap).collect(),
        root_key: fact("two", 2),
        retired: "one".to_owned(),
    }
}

fn change(reseal: Reseal) -> Entry {
    entry(permit(Action::SealRotate, test_support::server_ref(), None), Change::Reseal(Box::new(reseal)))
}

async fn everything_is_wrapped_anew_at_once(place: Place) {
    let s = sealed(&place).await;
    let name = vault("demo").name;
    let before = s.store.vault(&name).await.unwrap().unwrap();
    assert_eq!(s.put(change(reseal(&s).await)).await, Settled::Recorded);
    let after = s.store.sealed_keys().await.unwrap();
    assert_eq!(after.root_key.unwrap().key_id, "two");
    assert_eq!(after.blobs, [("audit".to_owned(), b"new".to_vec())]);
    assert!(after.vaults.iter().all(|vault| vault.wrapped_key == [9, 9]) && after.vaults.len() == 2);
    let read = s.store.vault(&name).await.unwrap().unwrap();
    assert_eq!((&read.wrapped_key, read.revision), (&vec![9, 9], before.revision), "no cache has the old one");
    // And back to a key that was in use before.
    let back = Reseal { root_key: fact("one", 3), retired: "two".to_owned(), ..reseal(&s).await };
    assert_eq!(s.put(change(back)).await, Settled::Recorded);
    assert_eq!(s.store.root_key().await.unwrap().unwrap(), fact("one", 3));
}

async fn anything_that_came_or_changed_meanwhile_stops_all_of_it(place: Place) {
    let s = sealed(&place).await;
    let untouched = reseal(&s).await;
    let mut changed = untouched.clone();
    changed.vaults[1].before = vec![7];
    let mut blob = untouched.clone();
    blob.blobs[0].1.before = vec![7];
    let other_key = Reseal { retired: "three".to_owned(), ..untouched.clone() };
    let mut fewer = untouched.clone();
    fewer.vaults.pop();
    for reseal in [changed, blob, other_key, fewer] {
        assert_eq!(s.put(change(reseal)).await, Settled::Conflict);
    }
    s.put(put_vault(&vault("late"))).await;
    assert_eq!(s.put(change(untouched)).await, Settled::Conflict, "a vault came");
    s.store.put_sealed_blob("another", b"x").await.unwrap();
    let kept = s.store.sealed_keys().await.unwrap();
    assert_eq!(kept.root_key.unwrap().key_id, "one");
    assert_eq!(kept.blobs[1], ("audit".to_owned(), b"old".to_vec()));
    assert!(kept.vaults.iter().all(|vault| vault.wrapped_key == [1, 2, 3]));
}

/// Settings that were judged before the rotation must not bring the old wrapping along.
async fn an_old_wrapping_does_not_come_back(place: Place) {
    let s = sealed(&place).await;
    let before = s.store.vault(&vault("demo").name).await.unwrap().unwrap();
    s.put(change(reseal(&s).await)).await;
    let object = ObjectRef { vault: Some((before.id, before.name.clone())), kind: ObjectKind::Vault, name: None };
    let late = Vault { revision: 2, ..(*before).clone() };
    let put =
        |vault: Vault| entry(permit(Action::VaultUpdate, object.clone(), Some(1)), Change::PutVault(Box::new(vault)));
    assert_eq!(s.put(put(late.clone())).await, Settled::Conflict);
    assert_eq!(s.put(put(Vault { wrapped_key: vec![9, 9], ..late })).await, Settled::Recorded);
}

/// A purged vault has no key any more, and its secrets wait to be swept: neither stops a rotation, before
/// the sweep or after it.
async fn what_is_left_of_a_purged_vault_is_not_wrapped(place: Place) {
    let s = sealed(&place).await;
    s.put(set(s.secret("left"), None, &version(), b"x")).await;
    let demo = s.store.vault(&vault("demo").name).await.unwrap().unwrap();
    let of = ObjectRef { vault: Some((demo.id, demo.name.clone())), kind: ObjectKind::Vault, name: None };
    let life = LifeState::Deleted { deleted_at: 1, purge_at: 50 };
    let deleted = Change::PutVault(Box::new(Vault { life, revision: 2, ..(*demo).clone() }));
    assert_eq!(s.put(entry(permit(Action::VaultDelete, of.clone(), Some(1)), deleted)).await, Settled::Recorded);
    let judged_before = reseal(&s).await;
    let purge = entry(permit(Action::VaultPurge, of, Some(2)), Change::PurgeVault);
    assert_eq!(s.put(purge).await, Settled::Recorded);
    let names = async || {
        let sealed = s.store.sealed_keys().await.unwrap();
        sealed.vaults.iter().map(|vault| vault.name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["other"]);
    assert_eq!(s.put(change(judged_before)).await, Settled::Conflict, "a vault went");
    assert_eq!(s.put(change(reseal(&s).await)).await, Settled::Recorded);
    while s.store.sweep(500).await.unwrap() {}
    assert_eq!(names().await, ["other"]);
    let again = Reseal { root_key: fact("three", 3), retired: "two".to_owned(), ..reseal(&s).await };
    assert_eq!(s.put(change(again)).await, Settled::Recorded);
}

async fn a_root_key_is_taken_up_once(place: Place) {
    let s = sealed(&place).await;
    let again = s.store.adopt_root_key(&fact("two", 2), &[("audit", b"other")]).await;
    assert!(matches!(again, Err(StoreError::Stale)));
    assert_eq!(s.store.sealed_blob("audit").await.unwrap().unwrap().bytes, b"old");
    // Nor when the row that says so was taken away: what is sealed under it is never written over.
    place.tamper(&["DELETE FROM root_keys"]).await;
    let again = s.store.adopt_root_key(&fact("two", 2), &[("audit", b"other"), ("more", b"new")]).await;
    assert!(matches!(again, Err(StoreError::Stale)));
    assert_eq!(s.store.sealed_blob("audit").await.unwrap().unwrap().bytes, b"old");
    assert_eq!(s.store.sealed_blob("more").await.unwrap(), None);
}

pub(crate) fn blob(bytes: &[u8], revision: i64) -> SealedBlob {
    SealedBlob { bytes: bytes.to_vec(), revision }
}

pub(crate) fn token_keys(before: SealedBlob, after: SealedBlob) -> Entry {
    let put = PutTokenKeys { label: "tokens", before, after };
    let permit = permit(Action::TokenKeyRotate, test_support::server_ref(), None);
    entry(permit, Change::PutTokenKeys(Box::new(put)))
}

/// Two nodes announce a key at the same moment; and a root key does not undo either.
async fn of_two_changes_of_the_token_keys_one_happens(place: Place) {
    let s = sealed(&place).await;
    s.store.put_sealed_blob("tokens", b"one").await.unwrap();
    let stored = async || s.store.sealed_blob("tokens").await.unwrap().unwrap();
    assert_eq!(stored().await, blob(b"one", 0));
    let late = reseal(&s).await;
    let both = vec![
        token_keys(blob(b"one", 0), blob(b"two", 1)),
        token_keys(blob(b"one", 0), blob(b"other", 1)),
        token_keys(blob(b"two", 0), blob(b"three", 1)),
        token_keys(blob(b"two", 1), blob(b"three", 2)),
    ];
    let settled = s.store.append(both).await.unwrap();
    assert_eq!(settled, [Settled::Recorded, Settled::Conflict, Settled::Conflict, Settled::Recorded]);
    assert_eq!(stored().await, blob(b"three", 2));
    assert_eq!(s.put(change(late)).await, Settled::Conflict, "the new key would be lost");
    assert_eq!(s.put(change(reseal(&s).await)).await, Settled::Recorded);
    assert_eq!(stored().await, blob(b"new", 2), "wrapped anew, and the same keys");
    let stale = token_keys(blob(b"three", 2), blob(b"four", 3));
    assert_eq!(s.put(stale).await, Settled::Conflict, "sealed under the old root key");
}

/// Two who have the code name an Owner at the same moment; and a door that was put there again is not opened over it.
async fn an_installation_is_set_up_once(place: Place) {
    let s = sealed(&place).await;
    s.store.add_sealed_blob(setup::LABEL, b"open").await.unwrap();
    s.store.add_sealed_blob(setup::LABEL, b"another").await.unwrap();
    let finish = |subject: &str, id: u128, after: &[u8]| {
        let put = PutTokenKeys { label: setup::LABEL, before: blob(b"open", 0), after: blob(after, 1) };
        let id_of = PrincipalId { issuer: "https://login.example".to_owned(), subject: subject.to_owned() };
        let owner = Assignment {
            id: Uuid::from_u128(id),
            grantee: Grantee::Principal { id: id_of },
            role: Role::Owner.into(),
            scope: Scope::Server,
            created_at: 1,
            ends_at: None,
            tag: vec![3; 32],
        };
        let permit = permit(Action::SetupFinish, test_support::server_ref(), None);
        entry(permit, Change::FinishSetup { put: Box::new(put), owner: Box::new(owner) })
    };
    let settled = s.store.append(vec![finish("ada", 1, b"hers"), finish("eve", 2, b"other")]).await.unwrap();
    assert_eq!(settled, [Settled::Recorded, Settled::Conflict]);
    let owners = s.store.installation_assignments().await.unwrap();
    let subjects: Vec<_> = owners.iter().map(|owner| owner.id).collect();
    assert_eq!(subjects, [Uuid::from_u128(1)]);
    assert_eq!(s.store.sealed_blob(setup::LABEL).await.unwrap().unwrap(), blob(b"hers", 1));
    s.store.add_sealed_blob(setup::LABEL, b"open").await.unwrap();
    assert_eq!(s.store.sealed_blob(setup::LABEL).await.unwrap().unwrap(), blob(b"hers", 1), "it stays shut");
}
