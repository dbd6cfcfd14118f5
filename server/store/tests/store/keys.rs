//! The contract of `ObjectStore` for keys beside secrets.

use strongroom_domain::{
    action::Action,
    names::ObjectKind,
    permit::ObjectRef,
    ports::{ObjectStore, StoreError},
    record::Settled,
    secret::LifeState,
    test_support,
};

use crate::support::{Place, Started, life, name, on_both, permit, properties, purge, set, version};

on_both!(a_secret_and_a_key_of_one_name_do_not_meet, what_is_a_keys_alone_comes_back,);

const DELETED: LifeState = LifeState::Deleted { deleted_at: 10, purge_at: 20 };

async fn listed(s: &Started, kind: ObjectKind, action: Action, deleted: bool) -> Vec<String> {
    let all = ObjectRef { kind, name: None, ..s.secret("any") };
    let page = test_support::open(s.store.list(permit(action, all, None), deleted, None, 10).await).unwrap();
    page.items.iter().map(|item| item.secret.name.to_string()).collect()
}

async fn a_secret_and_a_key_of_one_name_do_not_meet(place: Place) {
    let s = place.start().await;
    let (of_secret, of_key) = (version(), version());
    assert_eq!(s.put(set(s.secret("Key"), None, &of_secret, b"secret")).await, Settled::Recorded);
    assert_eq!(s.put(set(s.key("key"), None, &of_key, b"key")).await, Settled::Recorded);
    for _ in 0..2 {
        for (kind, current, display) in [(ObjectKind::Secret, &of_secret, "Key"), (ObjectKind::Key, &of_key, "key")] {
            let facts = s.store.facts(s.vault, kind, &name("KEY"), None).await.unwrap().unwrap();
            assert_eq!((&facts.secret.current, facts.secret.name.display()), (current, display));
            assert_eq!(facts.version.as_ref().unwrap().key.is_some(), kind == ObjectKind::Key);
        }
        let foreign = s.store.facts(s.vault, ObjectKind::Key, &name("key"), Some(&of_secret)).await.unwrap().unwrap();
        assert_eq!(foreign.version, None, "a version of the secret is none of the key");
    }
    let opened = permit(Action::KeyGet, s.key("key"), Some(1));
    assert!(matches!(test_support::open(s.store.read(opened, &of_secret).await), Err(StoreError::Damaged(_))));
    assert_eq!(listed(&s, ObjectKind::Secret, Action::SecretList, false).await, ["Key"]);
    assert_eq!(listed(&s, ObjectKind::Key, Action::KeyList, false).await, ["key"]);
    assert_eq!(s.put(life(s.key("key"), 1, &of_key, DELETED)).await, Settled::Recorded);
    assert_eq!(listed(&s, ObjectKind::Secret, Action::SecretList, false).await, ["Key"]);
    assert_eq!(listed(&s, ObjectKind::Key, Action::KeyListDeleted, true).await, ["key"]);
    assert!(listed(&s, ObjectKind::Secret, Action::SecretListDeleted, true).await.is_empty());
    assert_eq!(s.put(purge(s.key("key"), 2)).await, Settled::Recorded);
    assert!(s.store.facts(s.vault, ObjectKind::Key, &name("key"), None).await.unwrap().is_none());
    assert_eq!(s.read("key", &of_secret, 1).await.unwrap().sealed.ciphertext, b"secret");
}

async fn what_is_a_keys_alone_comes_back(place: Place) {
    let s = place.start().await;
    let first = version();
    s.put(set(s.key("k"), None, &first, b"one")).await;
    for _ in 0..2 {
        let facts = s.store.facts(s.vault, ObjectKind::Key, &name("k"), None).await.unwrap().unwrap();
        assert_eq!(facts.version.as_ref().unwrap().key.as_deref(), Some(&properties()));
        let read = permit(Action::KeyGet, s.key("k"), Some(1));
        let sealed = test_support::open(s.store.read(read, &first).await).unwrap();
        assert_eq!(sealed.meta.key.as_deref(), Some(&properties()));
    }
    let versions = permit(Action::KeyListVersions, s.key("k"), Some(1));
    let page = test_support::open(s.store.versions(versions, None, 10).await).unwrap();
    assert_eq!(page.items[0].version.key.as_deref(), Some(&properties()));
}
