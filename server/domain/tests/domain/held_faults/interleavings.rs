//! Dice: many requests at once on two nodes, faults and hang-ups in between, perhaps a crash.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use strongroom_domain::{
    action::Action,
    principal::Principal,
    record::{NoRecord, Outcome},
    secret::LifeState,
    secrets::SecretError,
    test_support::{
        Fault, Image,
        world::{INSTALLATION, person},
    },
};
use uuid::Uuid;

use crate::common::Demo;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Set,
    Get,
    GetOfNobody,
    Delete,
    Recover,
    Purge,
}

/// One request: when, on which node, what, and after how long the client is gone.
#[derive(Clone, Debug)]
struct Ask {
    at: u64,
    second_node: bool,
    wish: Wish,
    secret: u8,
    gone_after: Option<u64>,
}

#[derive(Clone, Debug)]
struct Plan {
    asks: Vec<Ask>,
    faults: [Vec<Fault>; 2],
    silent: [u32; 2],
    disk_full: Option<(u64, u64)>,
    jitter: u64,
    crash: Option<u64>,
}

/// What a caller was told, and whether that was on record at that moment.
struct Told {
    id: Uuid,
    wish: Wish,
    outcome: Result<Option<(String, String)>, SecretError>,
    on_record: Option<(Outcome, Option<String>)>,
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let wish = prop_oneof![
        6 => Just(Wish::Set),
        6 => Just(Wish::Get),
        1 => Just(Wish::GetOfNobody),
        3 => Just(Wish::Delete),
        2 => Just(Wish::Recover),
        2 => Just(Wish::Purge),
    ];
    let ask = (0u64..120, any::<bool>(), wish, 0u8..3, prop::option::weighted(0.15, 0u64..40))
        .prop_map(|(at, second_node, wish, secret, gone_after)| Ask { at, second_node, wish, secret, gone_after });
    prop::collection::vec(ask, 1..40)
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        2 => Just(Fault::RolledBack),
        3 => (any::<bool>(), prop_oneof![Just(0u64), 1..400u64, 2000..4000u64])
            .prop_map(|(done, after)| Fault::Ambiguous { done, after: Duration::from_millis(after) }),
        1 => any::<bool>().prop_map(|done| Fault::Panic { done }),
        3 => (1u64..60).prop_map(|ms| Fault::Slow(Duration::from_millis(ms))),
        1 => Just(Fault::Slow(Duration::from_secs(17))),
        1 => Just(Fault::Miscounted),
    ];
    prop::collection::vec(fault, 0..6)
}

fn plans() -> impl Strategy<Value = Plan> {
    let silent = || prop_oneof![3 => Just(0u32), 1 => 1..8u32];
    (
        asks(),
        [faults(), faults()],
        [silent(), silent()],
        prop::option::weighted(0.3, (0u64..100, 1u64..60)),
        any::<u64>(),
        prop::option::weighted(0.5, 0u64..200),
    )
        .prop_map(|(asks, faults, silent, disk_full, jitter, crash)| Plan {
            asks,
            faults,
            silent,
            disk_full,
            jitter,
            crash,
        })
}

fn secret_name(secret: u8) -> String {
    format!("secret-{secret}")
}

/// A value that names the request that brought it.
fn value_of(id: Uuid) -> String {
    format!("value-of-{id}")
}

/// Makes the request. Value and version go out only as the answer of the domain.
async fn make(demo: &Demo, who: &Arc<Principal>, ask: &Ask, told: &Mutex<Vec<Told>>) {
    let ctx = demo.world.request(who);
    let (id, secret) = (ctx.request_id, secret_name(ask.secret));
    let some = |opened: strongroom_domain::secret::OpenedSecret| {
        Some((opened.meta.version.as_str().to_owned(), opened.value.expose().to_owned()))
    };
    let outcome = match ask.wish {
        Wish::Set => demo.set_in(&ctx, &secret, &value_of(id)).await.map(some),
        Wish::Get | Wish::GetOfNobody => demo.get_in(&ctx, &secret, None).await.map(some),
        Wish::Delete => demo.delete_in(&ctx, &secret).await.map(|_| None),
        Wish::Recover => demo.recover_in(&ctx, &secret).await.map(|_| None),
        Wish::Purge => demo.purge_in(&ctx, &secret).await.map(|()| None),
    };
    // No await since the answer: this is the moment.
    let on_record = demo.world.store.image().record(id).map(|r| (r.outcome, r.version.clone()));
    told.lock().unwrap().push(Told { id, wish: ask.wish, outcome, on_record });
}

async fn run(plan: &Plan) -> (Image, Vec<Told>, bool) {
    let first = Arc::new(Demo::start());
    let second = Arc::new(first.on(first.world.store.node("node-2")));
    first.world.store.set_jitter(plan.jitter);
    for (demo, (faults, silent)) in [&first, &second].into_iter().zip(plan.faults.iter().zip(plan.silent)) {
        faults.iter().for_each(|fault| demo.world.store.order(*fault));
        demo.world.store.fall_silent(silent);
    }
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut requests = tokio::task::JoinSet::new();
    for ask in plan.asks.clone() {
        let (demo, told) = (if ask.second_node { second.clone() } else { first.clone() }, told.clone());
        let who = if ask.wish == Wish::GetOfNobody { person("nobody") } else { demo.ada.clone() };
        requests.spawn(async move {
            tokio::time::sleep(Duration::from_millis(ask.at)).await;
            let patience = Duration::from_millis(ask.gone_after.unwrap_or(3_600_000));
            let _ = tokio::time::timeout(patience, make(&demo, &who, &ask, &told)).await;
        });
    }
    if let Some((from, length)) = plan.disk_full {
        let store = first.world.store.clone();
        requests.spawn(async move {
            tokio::time::sleep(Duration::from_millis(from)).await;
            store.set_disk_full(true);
            tokio::time::sleep(Duration::from_millis(length)).await;
            store.set_disk_full(false);
        });
    }
    let comes_back;
    let image = if let Some(crash) = plan.crash {
        tokio::time::sleep(Duration::from_millis(crash)).await;
        requests.abort_all();
        let restarted = first.after_crash();
        second.world.committer.abort();
        let survived = restarted.world.store.image();
        comes_back = restarted.set("afterwards", "v").await.is_ok();
        survived
    } else {
        while requests.join_next().await.is_some() {}
        // What is undecided comes to its end, and what nothing met is taken back.
        tokio::time::sleep(Duration::from_secs(30)).await;
        first.world.store.clear_faults();
        second.world.store.clear_faults();
        let survived = first.world.store.image();
        comes_back = first.set("afterwards", "v").await.is_ok()
            && second.set("afterwards", "w").await.is_ok()
            && !first.world.recorder.health().is_failing()
            && !second.world.recorder.health().is_failing();
        survived
    };
    assert!(first.world.store.appends().1 <= 1 && second.world.store.appends().1 <= 1, "one batch at a time");
    let told = std::mem::take(&mut *told.lock().unwrap());
    check_values(&first, &image).await;
    (image, told, comes_back)
}

/// Everything that survived opens to exactly what was put in.
async fn check_values(demo: &Demo, image: &Image) {
    let survivors = demo.on(strongroom_domain::test_support::MemoryStore::new(INSTALLATION, image.clone()));
    for row in image.objects.values().filter(|row| row.meta.life == LifeState::Active) {
        for version in row.versions.keys() {
            let request = image.happened.iter().find(|h| h.version.as_ref() == Some(version)).unwrap().request;
            let opened = survivors.get(row.meta.name.as_str(), Some(version)).await.unwrap();
            assert_eq!(opened.value.expose(), value_of(request));
        }
    }
}

/// (a) Nothing was told that was not on record at that moment; what was told NotWritten never is.
fn check_told(image: &Image, told: &[Told]) {
    let happened: HashMap<Uuid, _> = image.happened.iter().map(|h| (h.request, h)).collect();
    for told in told {
        match (&told.outcome, &told.on_record) {
            (Ok(given), Some((Outcome::Allowed, version))) => {
                // (c) It is among what survived, with the version that was told.
                let record = image.record(told.id).unwrap();
                assert_eq!(&record.version, version);
                if let Some((given_version, value)) = given {
                    assert_eq!(version.as_ref(), Some(given_version));
                    let set =
                        image.happened.iter().find(|h| h.version.as_ref().is_some_and(|v| v.as_str() == given_version));
                    assert_eq!(*value, value_of(set.unwrap().request));
                }
                assert!(matches!(told.wish, Wish::Get) || happened.contains_key(&told.id));
                assert!(told.wish != Wish::GetOfNobody);
            }
            (Err(SecretError::NoRecord(NoRecord::Unknown)), _) => {}
            (Err(SecretError::Contended), Some((Outcome::Failed, _))) => assert!(!happened.contains_key(&told.id)),
            (Err(SecretError::NoRecord(_)), None) => {
                assert!(image.record(told.id).is_none() && !happened.contains_key(&told.id), "certainly not written");
            }
            (Err(SecretError::Denied(_)), Some((Outcome::Denied, _))) => assert_eq!(told.wish, Wish::GetOfNobody),
            (
                Err(
                    SecretError::NotFound(..) | SecretError::DeletedNotFound(_) | SecretError::DeletedButRecoverable(_),
                ),
                Some((Outcome::Failed, _)),
            ) => assert!(!happened.contains_key(&told.id)),
            (outcome, on_record) => {
                panic!("{:?} was told {:?} with {on_record:?} on record", told.wish, outcome.as_ref().err())
            }
        }
    }
}

/// (b) The log and what happened are the same story.
fn check_log(image: &Image) {
    let mut seen = HashSet::new();
    assert!(image.log.iter().all(|l| seen.insert(l.id)), "one record a request");
    let happened: HashMap<Uuid, _> = image.happened.iter().map(|h| (h.request, h)).collect();
    for change in &image.happened {
        let record = image.record(change.request).unwrap();
        assert_eq!((record.operation.as_str(), record.outcome), (change.action.operation(), Outcome::Allowed));
        assert_eq!(record.object, change.name);
        assert_eq!(record.version, change.version.as_ref().map(|v| v.as_str().to_owned()));
        assert!(change.revision.is_none() || record.revision == change.revision);
    }
    let mut made = HashSet::new();
    for logged in image.log.iter().filter(|l| l.record.outcome == Outcome::Allowed) {
        let record = &logged.record;
        if record.operation == Action::SecretGet.operation() {
            assert!(made.contains(&record.version), "read before it was written");
        } else {
            assert!(happened.contains_key(&logged.id), "{} did not happen", record.operation);
            made.insert(record.version.clone());
        }
    }
    // One line of history for each name: every change follows the one that was judged.
    let mut revisions: HashMap<_, Option<i64>> = HashMap::new();
    for change in &image.happened {
        let before = revisions.insert(&change.name, change.revision).flatten();
        if let (Some(before), Some(after)) = (before, change.revision) {
            assert_eq!(after, before + 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_told_that_is_not_on_record_and_nothing_is_on_record_that_did_not_happen(plan in plans()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (image, told, comes_back) = runtime.block_on(run(&plan));
        check_told(&image, &told);
        check_log(&image);
        // (d) No fork, no gap.
        prop_assert_eq!(image.verify_chain(INSTALLATION.0.as_bytes()), Ok(()));
        // (e) Nobody has to do anything.
        prop_assert!(comes_back, "service returns once the faults are over");
    }
}
