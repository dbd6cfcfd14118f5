//! The caches are exact: whoever asks after a change was acknowledged sees it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use strongroom_domain::{
    names::ObjectKind,
    ports::{ObjectStore, StoreError},
    record::Settled,
};

use crate::support::{Place, name, on_both, set, version};

on_both!(no_reader_sees_less_than_what_was_acknowledged);

async fn no_reader_sees_less_than_what_was_acknowledged(place: Place) {
    let s = Arc::new(place.start().await);
    s.put(set(s.secret("a"), None, &version(), b"1")).await;
    let acknowledged = Arc::new(AtomicI64::new(1));
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (s, acknowledged, over) = (Arc::clone(&s), Arc::clone(&acknowledged), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut reads, mut stale) = (0_u64, 0_u64);
                while !over.load(Ordering::Acquire) {
                    let before = acknowledged.load(Ordering::Acquire);
                    let facts = s.store.facts(s.vault, ObjectKind::Secret, &name("a"), None).await.unwrap().unwrap();
                    let revision = facts.secret.revision;
                    assert!(revision >= before, "{revision} was answered after {before} was acknowledged");
                    match s.read("a", &facts.secret.current, revision).await {
                        Ok(sealed) => assert_eq!(sealed.sealed.ciphertext, revision.to_string().as_bytes()),
                        Err(StoreError::Stale) => {
                            assert!(acknowledged.load(Ordering::Acquire) + 1 > revision);
                            stale += 1;
                        }
                        Err(error) => panic!("{error}"),
                    }
                    reads += 1;
                    tokio::task::yield_now().await;
                }
                (reads, stale)
            })
        })
        .collect();
    for judged in 1..=300_i64 {
        let entry = set(s.secret("a"), Some(judged), &version(), (judged + 1).to_string().as_bytes());
        assert_eq!(s.put(entry).await, Settled::Recorded);
        acknowledged.store(judged + 1, Ordering::Release);
        if judged % 3 == 0 {
            // Let the caches fill, so that there is something to be stale.
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::Release);
    for reader in readers {
        let (reads, stale) = reader.await.unwrap();
        assert!(reads > stale, "{reads} reads, {stale} of them stale");
    }
}
