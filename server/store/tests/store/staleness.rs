//! The caches are exact: whoever asks after a change was acknowledged sees it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Instant,
};

use strongroom_domain::{
    names::ObjectKind,
    ports::{AuditLog, ObjectStore, StoreError},
    record::{Settled, spawn},
};

use crate::support::{Place, name, note, on_both, set, version};

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

/// Not a test but a measurement: `cargo test -p strongroom-store rate -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures, asserts little"]
async fn rate_of_durable_changes() {
    for place in [Some(Place::sqlite()), Place::postgres().await].into_iter().flatten() {
        let s = Arc::new(place.start().await);
        let log: Arc<dyn AuditLog> = s.store.clone();
        let (committer, task) = spawn(log);
        let began = Instant::now();
        let workers: Vec<_> = (0..64)
            .map(|worker| {
                let (s, committer) = (Arc::clone(&s), committer.clone());
                tokio::spawn(async move {
                    for n in 0..50_i64 {
                        let entry = set(s.secret(&format!("s{worker}")), (n > 0).then_some(n), &version(), &[7; 1024]);
                        assert_eq!(committer.submit(entry).await, Ok(Settled::Recorded));
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        let sets = 64.0 * 50.0 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        for _ in 0..200 {
            committer.submit(note("alone")).await.unwrap();
        }
        let alone = 200.0 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        for _ in 0..20_000 {
            s.store.facts(s.vault, ObjectKind::Secret, &name("s1"), None).await.unwrap().unwrap();
        }
        let facts = 20_000.0 / began.elapsed().as_secs_f64();
        let database = if place.is_sqlite() { "SQLite" } else { "PostgreSQL" };
        println!("{database}: {sets:.0} sets/s by 64, {alone:.0} records/s by one, {facts:.0} facts/s");
        assert!(sets > 100.0);
        drop(committer);
        task.await.unwrap();
    }
}
