//! The contract of `ObjectStore`.

use std::collections::BTreeMap;

use strongroom_domain::{
    action::Action,
    names::{ObjectKind, VaultId, VaultName},
    permit::ObjectRef,
    ports::{AuditLog, ObjectStore, StoreError},
    record::Settled,
    search::{Expiry, NEAR, Search, SortedBy, Standing},
    secret::{LifeState, SealedVersion, SecretItem, VersionMeta},
    test_support,
};
use strongroom_store::Store;

use crate::support::{
    Place, Started, life, name, on_both, options, permit, properties, purge, restore, sealed, set, set_sealed, update,
    version,
};

on_both!(
    a_version_comes_back_as_it_was_written,
    a_change_over_another_revision_conflicts,
    an_update_changes_the_attributes_of_one_version_alone,
    a_read_at_another_revision_is_stale,
    a_name_is_deleted_recovered_and_purged,
    a_name_is_taken_out_whole_and_put_back,
    names_are_listed_in_order_by_pages,
    versions_are_listed_by_pages,
    what_ends_first_is_found_wherever_it_is,
    names_and_tags_are_searched_wherever_they_are,
    what_hides_a_name_from_a_search_is_damage,
);

const DELETED: LifeState = LifeState::Deleted { deleted_at: 10, purge_at: 20 };

async fn a_version_comes_back_as_it_was_written(place: Place) {
    let s = place.start().await;
    let (first, second) = (version(), version());
    assert_eq!(s.store.facts(s.vault, ObjectKind::Secret, &name("db"), None).await.unwrap(), None);
    assert_eq!(s.put(set(s.secret("Db"), None, &first, b"one")).await, Settled::Recorded);
    assert_eq!(s.put(set(s.secret("db"), Some(1), &second, b"two")).await, Settled::Recorded);
    // Twice: from the database and, where there is one, from the cache.
    for _ in 0..2 {
        let facts = s.store.facts(s.vault, ObjectKind::Secret, &name("DB"), None).await.unwrap().unwrap();
        assert_eq!((facts.secret.revision, &facts.secret.current), (2, &second));
        assert_eq!((facts.secret.name.as_str(), facts.secret.life), ("db", LifeState::Active));
        let meta = facts.version.clone().unwrap();
        let sealed = s.read("db", &second, 2).await.unwrap();
        assert_eq!(sealed.meta, meta);
        assert_eq!((sealed.sealed.ciphertext.as_slice(), sealed.sealed.row_format), (b"two".as_slice(), 1));
        assert_eq!(sealed.meta.attributes.tags["owner"], "Zoë");
        let older = s.store.facts(s.vault, ObjectKind::Secret, &name("db"), Some(&first)).await.unwrap().unwrap();
        assert_eq!(older.secret, facts.secret);
        assert_eq!(older.version.clone().unwrap().version, first);
        assert_eq!(s.read("db", &first, 2).await.unwrap().sealed.ciphertext, b"one");
        let none = s.store.facts(s.vault, ObjectKind::Secret, &name("db"), Some(&version())).await.unwrap().unwrap();
        assert_eq!((none.secret.revision, &none.version), (2, &None));
    }
}

async fn a_change_over_another_revision_conflicts(place: Place) {
    let s = place.start().await;
    let first = version();
    assert_eq!(s.put(set(s.secret("a"), Some(1), &version(), b"x")).await, Settled::Conflict, "there is no row");
    assert_eq!(s.revision("a").await, None);
    assert_eq!(s.put(set(s.secret("a"), None, &first, b"x")).await, Settled::Recorded);
    assert_eq!(s.put(set(s.secret("a"), None, &version(), b"y")).await, Settled::Conflict, "there is a row");
    assert_eq!(s.put(set(s.secret("a"), Some(7), &version(), b"y")).await, Settled::Conflict, "another revision");
    assert_eq!(s.put(life(s.secret("a"), 7, &first, DELETED)).await, Settled::Conflict);
    assert_eq!(s.put(purge(s.secret("a"), 7)).await, Settled::Conflict);
    assert_eq!(s.put(set(s.secret("a"), Some(1), &first, b"y")).await, Settled::Conflict, "the version exists");
    assert_eq!(s.revision("a").await, Some(1));
    assert_eq!(s.read("a", &first, 1).await.unwrap().sealed.ciphertext, b"x");
}

async fn an_update_changes_the_attributes_of_one_version_alone(place: Place) {
    let s = place.start().await;
    let (first, second) = (version(), version());
    s.put(set(s.secret("a"), None, &first, b"1")).await;
    s.put(set(s.secret("a"), Some(1), &second, b"2")).await;
    let stored = s.read("a", &first, 2).await.unwrap();
    assert_eq!(s.put(update(s.secret("a"), 1, &second, &stored.meta)).await, Settled::Conflict, "another revision");
    let unknown = VersionMeta { version: version(), ..stored.meta.clone() };
    assert_eq!(s.put(update(s.secret("a"), 2, &second, &unknown)).await, Settled::Conflict, "no such version");
    let foreign = VersionMeta { data_key_id: [9; 16], ..stored.meta.clone() };
    assert_eq!(s.put(update(s.secret("a"), 2, &second, &foreign)).await, Settled::Conflict, "not of this value");
    assert_eq!(s.revision("a").await, Some(2), "a conflict leaves the name's row too");
    let untouched = s.read("a", &second, 2).await.unwrap();

    assert_eq!(s.put(update(s.secret("a"), 2, &second, &stored.meta)).await, Settled::Recorded);
    let after = s.read("a", &first, 3).await.unwrap();
    assert_eq!(after.sealed, stored.sealed, "the value is as it was");
    assert!(!after.meta.attributes.enabled);
    assert_eq!((after.meta.updated, after.meta.created), (7, stored.meta.created));
    assert_eq!((after.meta.ordinal, &after.meta.tag), (1, &vec![4; 32]));
    assert_eq!(s.read("a", &second, 3).await.unwrap().meta, untouched.meta);
    let facts = s.store.facts(s.vault, ObjectKind::Secret, &name("a"), Some(&first)).await.unwrap().unwrap();
    assert_eq!(facts.version.as_ref(), Some(&after.meta), "also when it was cached before");
}

async fn a_read_at_another_revision_is_stale(place: Place) {
    let s = place.start().await;
    let v = version();
    s.put(set(s.secret("a"), None, &v, b"x")).await;
    for revision in [0, 2] {
        assert!(matches!(s.read("a", &v, revision).await, Err(StoreError::Stale)));
    }
    s.read("a", &v, 1).await.unwrap();
    assert!(matches!(s.read("a", &v, 2).await, Err(StoreError::Stale)), "also when it is cached");
    s.put(life(s.secret("a"), 1, &v, DELETED)).await;
    assert!(matches!(s.read("a", &v, 1).await, Err(StoreError::Stale)));
    assert!(matches!(s.read("none", &v, 1).await, Err(StoreError::Stale)));
    assert!(matches!(s.read("a", &version(), 2).await, Err(StoreError::Damaged(_))), "no such version");
}

async fn a_name_is_deleted_recovered_and_purged(place: Place) {
    let s = place.start().await;
    let (first, second) = (version(), version());
    s.put(set(s.secret("a"), None, &first, b"1")).await;
    s.put(set(s.secret("a"), Some(1), &second, b"2")).await;
    assert_eq!(s.put(life(s.secret("a"), 2, &second, DELETED)).await, Settled::Recorded);
    assert_eq!(names(&s, false, None, 9).await.0, [""; 0]);
    assert_eq!(names(&s, true, None, 9).await.0, ["a"]);
    let facts = s.store.facts(s.vault, ObjectKind::Secret, &name("a"), None).await.unwrap().unwrap();
    assert_eq!(facts.secret.life, DELETED);
    assert_eq!(s.put(life(s.secret("a"), 3, &second, LifeState::Active)).await, Settled::Recorded);
    assert_eq!(names(&s, false, None, 9).await.0, ["a"]);
    s.put(life(s.secret("a"), 4, &second, DELETED)).await;
    assert_eq!(s.put(purge(s.secret("a"), 5)).await, Settled::Recorded);
    assert_eq!(s.revision("a").await, None);
    assert_eq!(names(&s, true, None, 9).await.0, [""; 0]);
    // The same version ids can be written again: nothing was left behind.
    assert_eq!(s.put(set(s.secret("a"), None, &first, b"3")).await, Settled::Recorded);
    assert_eq!(s.read("a", &first, 1).await.unwrap().sealed.ciphertext, b"3");
}

async fn a_name_is_taken_out_whole_and_put_back(place: Place) {
    let s = place.start().await;
    let mut written = Vec::new();
    for judged in 0..90 {
        let v = version();
        s.put(set(s.secret("Db"), (judged > 0).then_some(judged), &v, &judged.to_be_bytes())).await;
        written.push(v);
    }
    let take = async |revision: i64, limit: usize| -> Result<Vec<SealedVersion>, StoreError> {
        let permit = permit(Action::SecretBackup, s.secret("db"), Some(revision));
        test_support::open(s.store.all_versions(permit, limit).await)
    };
    assert!(matches!(take(89, 500).await, Err(StoreError::Stale)));
    assert_eq!(take(90, 10).await.unwrap().len(), 10);
    let all = take(90, 500).await.unwrap();
    assert_eq!(all.iter().map(|v| v.meta.version.clone()).collect::<Vec<_>>(), written, "in the order they were made");
    let metas = async |limit| s.store.version_metas(s.vault, ObjectKind::Secret, &name("db"), limit).await.unwrap();
    assert_eq!(metas(500).await, all.iter().map(|v| v.meta.clone()).collect::<Vec<_>>(), "what is judged leaves");
    assert_eq!(metas(10).await.len(), 10);
    assert!(s.store.version_metas(s.vault, ObjectKind::Key, &name("db"), 500).await.unwrap().is_empty());

    assert_eq!(s.put(restore(s.secret("db"), all.clone())).await, Settled::Conflict, "the name is taken");
    s.put(life(s.secret("db"), 90, written.last().unwrap(), DELETED)).await;
    assert_eq!(s.put(restore(s.secret("db"), all.clone())).await, Settled::Conflict, "deleted is taken too");
    s.put(purge(s.secret("db"), 91)).await;
    let twice = vec![all[0].clone(), all[0].clone()];
    assert_eq!(s.put(restore(s.secret("db"), twice)).await, Settled::Conflict);
    assert_eq!(s.revision("db").await, None, "wholly or not at all");
    assert_eq!(s.put(restore(s.secret("Db"), all.clone())).await, Settled::Recorded);
    let back = take(900, 500).await.unwrap();
    assert_eq!(back.len(), 90);
    for (a, b) in back.iter().zip(&all) {
        assert_eq!((&a.meta, &a.sealed), (&b.meta, &b.sealed));
    }
    assert_eq!(s.read("db", &written[3], 900).await.unwrap().sealed.ciphertext, 3i64.to_be_bytes());
}

async fn names(s: &Started, deleted: bool, after: Option<&str>, limit: usize) -> (Vec<String>, Option<String>) {
    let permit = permit(Action::SecretList, s.secret("any"), None);
    let after = after.map(name);
    let page = test_support::open(s.store.list(permit, deleted, after.as_ref(), limit).await).unwrap();
    let name = |item: SecretItem| {
        assert_eq!(item.secret.current, item.version.version);
        item.secret.name.as_str().to_owned()
    };
    (page.items.into_iter().map(name).collect(), page.next)
}

async fn names_are_listed_in_order_by_pages(place: Place) {
    let s = place.start().await;
    // Byte order: a hyphen before digits before letters, whatever the locale of the database.
    let order = ["a", "a-b", "a0", "a1", "aa", "b"];
    let mut batch = Vec::new();
    for text in ["b", "aa", "A1", "a", "a0", "A-b"] {
        batch.push(set(s.secret(text), None, &version(), b"x"));
    }
    assert_eq!(s.store.append(batch).await.unwrap(), [Settled::Recorded; 6]);
    assert_eq!(names(&s, false, None, 6).await, (order.map(str::to_owned).to_vec(), None));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let (page, next) = names(&s, false, after.as_deref(), 2).await;
        assert!(page.len() <= 2);
        seen.extend(page);
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, order);
}

async fn versions_are_listed_by_pages(place: Place) {
    let s = place.start().await;
    let mut written = Vec::new();
    for judged in 0..5 {
        let v = version();
        s.put(set(s.secret("a"), (judged > 0).then_some(judged), &v, b"x")).await;
        written.push(v);
    }
    let elsewhere = version();
    s.put(set(s.secret("b"), None, &elsewhere, b"x")).await;
    // All within a second: what orders them is the order in which they were made.
    written.reverse();
    let page = async |after, limit| {
        let permit = permit(Action::SecretListVersions, s.secret("a"), Some(5));
        test_support::open(s.store.versions(permit, after, limit).await).unwrap()
    };
    let first = page(None, 3).await;
    assert_eq!(first.next.as_deref(), Some(written[2].as_str()));
    let rest = page(Some(&written[2]), 3).await;
    assert_eq!(rest.next, None);
    let seen: Vec<_> = first.items.into_iter().chain(rest.items).map(|item| item.version.version).collect();
    assert_eq!(seen, written);
    assert!(page(Some(&elsewhere), 3).await.items.is_empty(), "a version of another secret is no place in this one");
}

async fn what_ends_first_is_found_wherever_it_is(place: Place) {
    let s = place.start().await;
    let ends = async |object: ObjectRef, judged: Option<i64>, end: Option<i64>| {
        let mut sealed = sealed(&version(), judged.unwrap_or(0) + 1, b"x");
        sealed.meta.key = (object.kind == ObjectKind::Key).then(|| Box::new(properties()));
        sealed.meta.attributes.expires = end;
        // What a caller wrote is no end, however it looks.
        sealed.meta.attributes.content_type = Some("\"expires\":50,".to_owned());
        sealed.meta.attributes.tags = BTreeMap::from([("expires".to_owned(), "60".to_owned())]);
        assert_eq!(s.put(set_sealed(object, judged, sealed)).await, Settled::Recorded);
    };
    ends(s.secret("late"), None, Some(300)).await;
    ends(s.secret("soon"), None, Some(100)).await;
    ends(s.secret("never"), None, None).await;
    ends(s.secret("over"), None, Some(9)).await;
    ends(s.key("k"), None, Some(150)).await;
    // An older version ends, and the current one does not.
    ends(s.secret("renewed"), None, Some(120)).await;
    ends(s.secret("renewed"), Some(1), None).await;
    let found = async |object: ObjectRef, action, within, limit| {
        let collection = ObjectRef { name: None, ..object };
        let permits = test_support::permits(vec![permit(action, collection, None)]).unwrap();
        let endings = test_support::open(s.store.ending(permits, within, 6, limit, false).await).unwrap();
        let names: Vec<_> = endings.items.iter().map(|(_, item)| item.secret.name.to_string()).collect();
        (names.join(" "), endings.more)
    };
    let secrets = async |within, limit| found(s.secret("x"), Action::SecretList, within, limit).await;
    assert_eq!(secrets(10..1000, 9).await, ("soon late".to_owned(), false));
    assert_eq!(secrets(10..300, 9).await, ("soon".to_owned(), false));
    assert_eq!(secrets(10..1000, 1).await, ("soon".to_owned(), true));
    assert_eq!(secrets(0..10, 9).await, ("over".to_owned(), false));
    assert_eq!(found(s.key("x"), Action::KeyList, 10..1000, 9).await, ("k".to_owned(), false));
    // Made at 5, all of them, and the key rotates never.
    let counted = async |object: ObjectRef, action, before| {
        let permits = test_support::permits(vec![permit(action, ObjectRef { name: None, ..object }, None)]).unwrap();
        test_support::open(s.store.ending(permits, 0..1, before, 1, true).await).unwrap()
    };
    assert_eq!(counted(s.secret("x"), Action::SecretList, 6).await.behind, [(s.vault, 5)]);
    assert!(counted(s.secret("x"), Action::SecretList, 5).await.behind.is_empty());
    assert!(counted(s.key("x"), Action::KeyList, 6).await.behind.is_empty());
    assert_eq!(counted(s.secret("x"), Action::SecretList, 5).await.counts, [(s.vault, 5)], "all that there are");
    assert_eq!(counted(s.key("x"), Action::KeyList, 6).await.counts, [(s.vault, 1)]);
    let elsewhere = test_support::secret_ref(VaultId(crate::support::id()), VaultName::parse("other").unwrap(), None);
    assert_eq!(found(elsewhere, Action::SecretList, 10..1000, 9).await, (String::new(), false));

    place.tamper(&["UPDATE secrets SET made = 6 WHERE name = 'soon'"]).await;
    let vault = s.vault;
    drop(s);
    let store = Store::open(&place.url, options()).await.unwrap();
    let younger = store.facts(vault, ObjectKind::Secret, &name("soon"), None).await;
    assert!(matches!(younger, Err(StoreError::Damaged(_))), "nothing looks younger than it is");
}

/// Sets a secret with tags and dates; the row's revision before is said.
async fn noted(s: &Started, object: ObjectRef, judged: Option<i64>, tags: &[(&str, &str)], dates: (i64, Option<i64>)) {
    let mut sealed = sealed(&version(), judged.unwrap_or(0) + 1, b"x");
    sealed.meta.key = (object.kind == ObjectKind::Key).then(|| Box::new(properties()));
    // What a caller wrote is no tag, however it looks.
    sealed.meta.attributes.content_type = Some("\"tags\":{\"zone\":\"x\"}".to_owned());
    sealed.meta.attributes.tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    (sealed.meta.updated, sealed.meta.attributes.expires) = dates;
    assert_eq!(s.put(set_sealed(object, judged, sealed)).await, Settled::Recorded);
}

/// What a search finds, and whether there is more.
async fn searched(store: &Store, object: ObjectRef, search: &Search, limit: usize) -> (String, bool) {
    let action = if object.kind == ObjectKind::Key { Action::KeyList } else { Action::SecretList };
    let collection = ObjectRef { name: None, ..object };
    let permits = test_support::permits(vec![permit(action, collection, None)]).unwrap();
    let found = test_support::open(store.search(permits, search, limit).await).unwrap();
    assert!(!found.in_part);
    let names: Vec<_> = found.items.iter().map(|(_, item)| item.secret.name.to_string()).collect();
    (names.join(" "), found.more)
}

async fn names_and_tags_are_searched_wherever_they_are(place: Place) {
    let s = place.start().await;
    let near = 1000 + NEAR;
    noted(&s, s.secret("Alpha"), None, &[("Env", "Prod"), ("say", "a \"b\"")], (30, Some(900))).await;
    noted(&s, s.secret("beta"), None, &[("env", "test")], (10, Some(near))).await;
    noted(&s, s.secret("gamma"), None, &[], (20, None)).await;
    noted(&s, s.secret("kEy-of-alpha"), None, &[("a", "env")], (40, Some(near + 1))).await;
    noted(&s, s.key("k1"), None, &[("env", "prod")], (50, None)).await;
    // What the last version says counts.
    noted(&s, s.secret("gamma"), Some(1), &[("zone", "é")], (25, None)).await;
    let base = Search { now: 1000, ..Search::default() };
    let found = async |search: Search, limit| searched(&s.store, s.secret("x"), &search, limit).await;
    let all = |names: &str| (names.to_owned(), false);
    let words = |words: &str, in_tags| Search { words: words.to_owned(), in_tags, ..base.clone() };
    assert_eq!(found(words("ALPHA", false), 9).await, all("Alpha kEy-of-alpha"));
    assert_eq!(found(words("alpha", false), 1).await, ("Alpha".to_owned(), true));
    let after = Search { after: Some(name("alpha")), ..words("alpha", false) };
    assert_eq!(found(after, 9).await, all("kEy-of-alpha"));
    assert_eq!(found(words("env", false), 9).await, all(""));
    assert_eq!(found(words("env", true), 9).await, all("Alpha beta kEy-of-alpha"));
    assert_eq!(found(words("\"B\"", true), 9).await, all("Alpha"));
    assert_eq!(found(words("é", true), 9).await, all("gamma"));
    assert_eq!(found(words("tags", true), 9).await, all(""), "no name of what tags stand in");
    assert_eq!(searched(&s.store, s.key("x"), &words("key", false), 9).await, all(""), "nor how names of keys begin");
    assert_eq!(searched(&s.store, s.key("x"), &words("k", false), 9).await, all("k1"));
    let tag = |tag: &str, value: Option<&str>| Search {
        tag: Some((tag.to_owned(), value.map(str::to_owned))),
        ..base.clone()
    };
    assert_eq!(found(tag("env", None), 9).await, all("Alpha beta"), "small and capital letters are told apart later");
    assert_eq!(found(tag("env", Some("test")), 9).await, all("beta"));
    assert_eq!(found(tag("a", None), 9).await, all("kEy-of-alpha"));
    let stands = |standing| Search { standing: Some(standing), ..base.clone() };
    assert_eq!(found(stands(Standing::Expired), 9).await, all("Alpha"));
    assert_eq!(found(stands(Standing::Expiring), 9).await, all("beta"));
    assert_eq!(found(stands(Standing::Enabled), 9).await, all("gamma kEy-of-alpha"));
    assert_eq!(found(stands(Standing::Disabled), 9).await, all(""));
    let ends = |expires| Search { expires: Some(expires), ..base.clone() };
    assert_eq!(found(ends(Expiry::Never), 9).await, all("gamma"));
    assert_eq!(found(ends(Expiry::Within(900..near)), 9).await, all("Alpha"));
    assert_eq!(found(Search { made_before: Some(5), ..base.clone() }, 9).await, all(""), "made at 5, all of them");
    let by = |by, descending| Search { by, descending, ..base.clone() };
    assert_eq!(found(by(SortedBy::Name, true), 9).await, all("kEy-of-alpha gamma beta Alpha"));
    assert_eq!(found(by(SortedBy::Updated, false), 9).await, all("beta gamma Alpha kEy-of-alpha"));
    assert_eq!(found(by(SortedBy::Updated, true), 2).await, ("kEy-of-alpha Alpha".to_owned(), true));
    assert_eq!(found(Search { from: 2, ..by(SortedBy::Updated, true) }, 2).await, all("gamma beta"));
    assert_eq!(found(by(SortedBy::Expires, false), 9).await, all("Alpha beta kEy-of-alpha gamma"));
    assert_eq!(found(by(SortedBy::Expires, true), 9).await, all("kEy-of-alpha beta Alpha gamma"), "none comes last");
    assert_eq!(found(by(SortedBy::Standing, false), 9).await, all("gamma kEy-of-alpha Alpha beta"));
    assert_eq!(found(by(SortedBy::Tags, false), 9).await, all("kEy-of-alpha Alpha beta gamma"));

    // In two vaults at once, and in one that is not there.
    let elsewhere = test_support::secret_ref(VaultId(crate::support::id()), VaultName::parse("other").unwrap(), None);
    let here = ObjectRef { name: None, ..s.secret("x") };
    let request = crate::support::id();
    let permits = [elsewhere, here].map(|vault| test_support::permit(request, Action::SecretList, vault, None));
    let permits = test_support::permits(permits.into()).unwrap();
    let both = test_support::open(s.store.search(permits, &words("beta", true), 9).await).unwrap();
    assert_eq!((both.items.len(), both.items[0].0, both.in_part), (1, s.vault, false));
}

async fn what_hides_a_name_from_a_search_is_damage(place: Place) {
    let s = place.start().await;
    for secret in ["a", "b", "c"] {
        noted(&s, s.secret(secret), None, &[("env", "prod")], (10, Some(900))).await;
    }
    // An older release writes the row, and not what is copied from the version.
    place.tamper(&["UPDATE secrets SET noted = NULL, labels = NULL WHERE name = 'a'"]).await;
    place.tamper(&["UPDATE secrets SET labels = '{}}' WHERE name = 'b'"]).await;
    place.tamper(&["UPDATE secrets SET ends = NULL WHERE name = 'c'"]).await;
    let (vault, object) = (s.vault, s.secret("x"));
    drop(s);
    let store = Store::open(&place.url, options()).await.unwrap();
    let env = Search { tag: Some(("env".to_owned(), None)), ..Search::default() };
    let permits = test_support::permits(vec![permit(Action::SecretList, ObjectRef { name: None, ..object }, None)]);
    let found = test_support::open(store.search(permits.unwrap(), &env, 1).await).unwrap();
    let first = &found.items[0].1.secret.name;
    assert_eq!((first.as_str(), found.more), ("a", true), "what is not noted is looked at");
    for (secret, damaged) in [("a", false), ("b", true), ("c", true)] {
        let facts = store.facts(vault, ObjectKind::Secret, &name(secret), None).await;
        assert_eq!(matches!(facts, Err(StoreError::Damaged(_))), damaged, "{secret}");
    }
}
