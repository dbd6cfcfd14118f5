//! One fault, one story.

use std::{sync::Arc, time::Duration};

use strongroom_crypto::SeededEntropy;
use strongroom_domain::{
    record::{NoRecord, Outcome, Record},
    secrets::SecretError,
    test_support::{Fault, world::INSTALLATION},
};
use tokio::time::Instant;

use crate::common::Demo;

fn no_record<T>(outcome: Result<T, SecretError>) -> Option<NoRecord> {
    match outcome {
        Err(SecretError::NoRecord(why)) => Some(why),
        _ => None,
    }
}

fn assert_untouched(demo: &Demo) {
    let image = demo.world.store.image();
    assert!(image.log.is_empty(), "nothing is recorded");
    assert!(image.objects.is_empty() && image.happened.is_empty(), "nothing happened");
}

const AT_ONCE: Duration = Duration::ZERO;

#[tokio::test(start_paused = true)]
async fn without_faults_a_value_goes_in_and_out_and_both_are_on_record() {
    let demo = Demo::start();
    let set = demo.set("db", "s3cret").await.unwrap();
    let got = demo.get("DB", None).await.unwrap();
    assert_eq!(got.value.expose(), "s3cret");
    assert_eq!(got.meta.version, set.meta.version);

    let image = demo.world.store.image();
    let told: Vec<_> = image.log.iter().map(|l| (l.record.operation.as_str(), l.record.outcome)).collect();
    assert_eq!(told, [("SecretSet", Outcome::Allowed), ("SecretGet", Outcome::Allowed)]);
    assert_eq!(image.verify_chain(INSTALLATION.0.as_bytes()), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_rolled_back_set_is_not_answered_and_did_not_happen() {
    let demo = Demo::start();
    demo.world.store.order(Fault::RolledBack);
    assert_eq!(no_record(demo.set("db", "v").await), Some(NoRecord::NotWritten));
    assert_untouched(&demo);
    assert!(demo.world.recorder.health().is_failing());
    demo.set("db", "v").await.unwrap();
    assert!(!demo.world.recorder.health().is_failing(), "the next commit that works says so");
}

#[tokio::test(start_paused = true)]
async fn a_read_whose_record_is_rolled_back_gives_no_value() {
    let demo = Demo::start();
    demo.set("db", "v").await.unwrap();
    demo.world.store.order(Fault::RolledBack);
    assert_eq!(no_record(demo.get("db", None).await), Some(NoRecord::NotWritten));
}

#[tokio::test(start_paused = true)]
async fn a_denial_is_not_told_without_its_record_either() {
    let demo = Demo::start();
    let mallory = strongroom_domain::test_support::world::person("mallory");
    let ask = |ctx| async move { demo_get(ctx).await };
    async fn demo_get((demo, ctx): (&Demo, strongroom_domain::context::RequestContext)) -> Option<SecretError> {
        demo.get_in(&ctx, "db", None).await.err()
    }
    demo.world.store.order(Fault::RolledBack);
    let untold = ask((&demo, demo.world.request(&mallory))).await;
    assert!(matches!(untold, Some(SecretError::NoRecord(NoRecord::NotWritten))));
    let told = ask((&demo, demo.world.request(&mallory))).await;
    assert!(matches!(told, Some(SecretError::Denied(_))));
    assert_eq!(demo.world.store.image().log.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_commit_that_happened_is_answered_after_asking() {
    let demo = Demo::start();
    demo.world.store.order(Fault::Ambiguous { done: true, after: AT_ONCE });
    let set = demo.set("db", "v").await.unwrap();
    let image = demo.world.store.image();
    assert_eq!(image.happened.len(), 1);
    assert_eq!(image.log[0].record.version.as_deref(), Some(set.meta.version.as_str()));
}

#[tokio::test(start_paused = true)]
async fn an_ambiguous_commit_that_did_not_happen_is_not_answered() {
    let demo = Demo::start();
    demo.world.store.order(Fault::Ambiguous { done: false, after: AT_ONCE });
    assert_eq!(no_record(demo.set("db", "v").await), Some(NoRecord::NotWritten));
    assert_untouched(&demo);
}

#[tokio::test(start_paused = true)]
async fn while_the_database_does_not_say_it_is_asked_again() {
    let demo = Demo::start();
    for done in [true, false] {
        demo.world.store.order(Fault::Ambiguous { done, after: Duration::from_millis(350) });
        assert_eq!(demo.set("db", "v").await.is_ok(), done);
    }
    assert_eq!(demo.world.store.image().happened.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_database_never_says_the_fate_is_unknown_and_the_request_stays_closed() {
    let demo = Demo::start();
    demo.world.store.order(Fault::Ambiguous { done: true, after: Duration::from_secs(3600) });
    let (began, ctx) = (Instant::now(), demo.request());
    assert_eq!(no_record(demo.set_in(&ctx, "db", "v").await), Some(NoRecord::Unknown));
    assert!(began.elapsed() < Duration::from_secs(15), "a bound on waiting");
    // The edge must not write a second record under an id whose first may still turn up.
    assert!(ctx.is_recorded());
    let note = demo.world.recorder.note(&ctx, Record::of(&ctx, "SecretSet")).await;
    assert_eq!(note, Err(NoRecord::NotWritten));

    tokio::time::sleep(Duration::from_secs(3600)).await;
    let image = demo.world.store.image();
    assert_eq!((image.log.len(), image.happened.len()), (1, 1), "it happened with its record, late");
    demo.set("db", "w").await.unwrap();
    assert_eq!(demo.world.store.image().verify_chain(INSTALLATION.0.as_bytes()), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_adapter_ends_neither_the_truth_nor_the_committer() {
    for done in [true, false] {
        let demo = Demo::start();
        demo.world.store.order(Fault::Panic { done });
        assert_eq!(demo.set("db", "v").await.is_ok(), done);
        assert_eq!(demo.world.store.image().happened.len(), usize::from(done));
        demo.set("db", "w").await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_adapter_that_miscounts_is_asked_what_is_durable() {
    let demo = Demo::start();
    demo.world.store.order(Fault::Miscounted);
    demo.set("db", "v").await.unwrap();
    assert_eq!(demo.world.store.image().happened.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hung_append_holds_nobody_for_ever_and_is_never_overtaken() {
    let demo = Arc::new(Demo::start());
    demo.world.store.order(Fault::Hung);
    let began = Instant::now();
    let hung = tokio::spawn({
        let demo = demo.clone();
        async move { no_record(demo.set("db", "v").await) }
    });
    tokio::time::sleep(Duration::from_millis(1950)).await;
    assert!(demo.world.recorder.health().is_failing(), "not ready within two seconds while a commit hangs");
    let queued = no_record(demo.set("db", "w").await);
    assert_eq!(hung.await.unwrap(), Some(NoRecord::Unknown));
    assert_eq!(queued, Some(NoRecord::NotWritten), "what was still waiting was withdrawn");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert_eq!(demo.world.store.appends(), (1, 1), "no second batch beside the one that hangs");
    assert_untouched(&demo);
}

#[tokio::test(start_paused = true)]
async fn a_slow_append_serves_whoever_still_waits_and_forgets_the_withdrawn() {
    let demo = Arc::new(Demo::start());
    demo.world.store.order(Fault::Slow(Duration::from_secs(20)));
    let ask = |value: &'static str| {
        let demo = demo.clone();
        tokio::spawn(async move { no_record(demo.set(value, value).await) })
    };
    let first = ask("first");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let withdrawn = ask("withdrawn");
    tokio::time::sleep(Duration::from_secs(9)).await;
    let served = ask("served");
    assert_eq!(first.await.unwrap(), Some(NoRecord::Unknown));
    assert_eq!(withdrawn.await.unwrap(), Some(NoRecord::NotWritten));
    assert_eq!(served.await.unwrap(), None);
    let image = demo.world.store.image();
    let names: Vec<_> = image.happened.iter().map(|h| h.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["first", "served"], "told NotWritten is certainly not written");
    assert!(!demo.world.recorder.health().is_failing());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_and_writes_nothing_for_the_refused() {
    let demo = Arc::new(Demo::start());
    demo.world.store.order(Fault::Slow(Duration::from_secs(5)));
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..5000 {
        let demo = demo.clone();
        asked.spawn(async move { demo.get("nothing", None).await.err() });
    }
    let answers = asked.join_all().await;
    let refused = answers.iter().filter(|a| matches!(a, Some(SecretError::NoRecord(NoRecord::Overloaded)))).count();
    let told = answers.iter().filter(|a| matches!(a, Some(SecretError::NotFound(..)))).count();
    assert!(refused > 0 && told > 4000, "{refused} refused, {told} told");
    assert_eq!(refused + told, 5000);
    assert_eq!(demo.world.store.image().log.len(), told);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_write_and_answer_answers_nothing_and_loses_nothing() {
    let demo = Arc::new(Demo::start());
    demo.set("db", "acknowledged").await.unwrap();
    // Durable at once, but the adapter takes its time to say so.
    demo.world.store.order(Fault::Ambiguous { done: true, after: AT_ONCE });
    demo.world.store.fall_silent(u32::MAX);
    let asked = tokio::spawn({
        let demo = demo.clone();
        async move { no_record(demo.set("db", "unanswered").await) }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let restarted = demo.after_crash();
    assert_eq!(asked.await.unwrap(), Some(NoRecord::Unknown));

    let image = restarted.world.store.image();
    assert_eq!((image.log.len(), image.happened.len()), (2, 2), "record and change survived together");
    assert_eq!(restarted.get("db", None).await.unwrap().value.expose(), "unanswered");
    let acknowledged = image.happened[0].version.clone().unwrap();
    assert_eq!(restarted.get("db", Some(&acknowledged)).await.unwrap().value.expose(), "acknowledged");
    assert_eq!(restarted.world.store.image().verify_chain(INSTALLATION.0.as_bytes()), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_undoes_nothing_and_hides_nothing() {
    let demo = Demo::start();
    demo.world.store.order(Fault::Slow(Duration::from_millis(100)));
    let gone = tokio::time::timeout(Duration::from_millis(50), demo.set("db", "v")).await;
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let image = demo.world.store.image();
    assert_eq!((image.log.len(), image.happened.len()), (1, 1));
    assert_eq!(demo.get("db", None).await.unwrap().value.expose(), "v");
}

#[tokio::test(start_paused = true)]
async fn a_denied_client_that_hangs_up_is_still_on_record() {
    let demo = Demo::start();
    let mallory = demo.world.request(&strongroom_domain::test_support::world::person("mallory"));
    demo.world.store.order(Fault::Slow(Duration::from_millis(100)));
    let gone = tokio::time::timeout(Duration::from_millis(50), demo.get_in(&mallory, "db", None)).await;
    assert!(gone.is_err());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(demo.world.store.image().log[0].record.outcome, Outcome::Denied);
}

#[tokio::test(start_paused = true)]
async fn of_two_changes_judged_alike_one_is_judged_anew() {
    let demo = Demo::start();
    demo.set("db", "first").await.unwrap();
    let (a, b) = tokio::join!(demo.set("db", "a"), demo.set("db", "b"));
    assert_eq!((a.unwrap().secret.revision - b.unwrap().secret.revision).abs(), 1);
    let image = demo.world.store.image();
    assert_eq!((image.log.len(), image.happened.len()), (3, 3), "the conflict itself leaves no record");
}

#[tokio::test(start_paused = true)]
async fn one_member_that_the_database_refuses_does_not_fail_the_others() {
    let demo = Demo::start();
    let twice = demo.request();
    demo.set_in(&twice, "db", "v").await.unwrap();
    // Another request that (by a fault elsewhere) comes under the same id.
    let same_id = strongroom_domain::context::RequestContext::new(
        twice.request_id,
        demo.ada.clone(),
        twice.client,
        "test",
        twice.now,
    );
    let (refused, fine) = tokio::join!(demo.set_in(&same_id, "db", "w"), demo.set("other", "x"));
    assert_eq!(no_record(refused), Some(NoRecord::NotWritten));
    let read = demo.get_in(&same_id, "db", None).await;
    assert_eq!(no_record(read), Some(NoRecord::NotWritten), "a read has its own record or no answer");
    assert!(fine.is_ok());
    assert!(!demo.world.recorder.health().is_failing(), "the log works; one member was at fault");
    assert_eq!(demo.world.store.image().happened.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_answers_nobody_and_the_node_comes_back_without_a_request() {
    let demo = Arc::new(Demo::start());
    demo.set("db", "v").await.unwrap();
    let resuming = tokio::spawn({
        let demo = demo.clone();
        async move { demo.world.recorder.resume_when_possible(&SeededEntropy::new(99)).await }
    });
    demo.world.store.set_disk_full(true);
    assert_eq!(no_record(demo.get("db", None).await), Some(NoRecord::NotWritten));
    assert_eq!(no_record(demo.set("db", "w").await), Some(NoRecord::NotWritten));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(demo.world.recorder.health().is_failing());

    demo.world.store.set_disk_full(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!demo.world.recorder.health().is_failing(), "nobody asked, and yet it is ready");
    let image = demo.world.store.image();
    let operations: Vec<_> = image.log.iter().map(|l| l.record.operation.as_str()).collect();
    assert_eq!(operations, ["SecretSet", "AuditResume"], "one record says when the log went on");
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(demo.world.store.image().log.len(), 2, "and no more while all is well");
    resuming.abort();
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_to_which_nobody_writes_is_found_within_two_seconds() {
    let demo = Arc::new(Demo::start());
    demo.set("db", "v").await.unwrap();
    let resuming = tokio::spawn({
        let demo = demo.clone();
        async move { demo.world.recorder.resume_when_possible(&SeededEntropy::new(99)).await }
    });
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!demo.world.recorder.health().is_failing());
    demo.world.store.set_disk_full(true);
    tokio::time::sleep(Duration::from_millis(1950)).await;
    assert!(demo.world.recorder.health().is_failing(), "reading works, and nothing could be recorded");
    resuming.abort();
}

#[tokio::test(start_paused = true)]
async fn what_no_checkpoint_can_cover_answers_nobody_until_it_can() {
    let demo = Arc::new(Demo::start());
    demo.set("db", "v").await.unwrap();
    let resuming = tokio::spawn({
        let demo = demo.clone();
        async move { demo.world.recorder.resume_when_possible(&SeededEntropy::new(99)).await }
    });
    let health = demo.world.recorder.health();
    health.set_uncovered(true);
    assert_eq!(no_record(demo.get("db", None).await), Some(NoRecord::NotWritten));
    assert_eq!(no_record(demo.set("db", "w").await), Some(NoRecord::NotWritten));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(health.is_failing());
    assert_eq!(demo.world.store.image().log.len(), 1, "nothing is written while nothing can be covered");

    health.set_uncovered(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!health.is_failing());
    demo.get("db", None).await.unwrap();
    let image = demo.world.store.image();
    let operations: Vec<_> = image.log.iter().map(|l| l.record.operation.as_str()).collect();
    assert_eq!(operations, ["SecretSet", "AuditResume", "SecretGet"]);
    resuming.abort();
}

#[tokio::test(start_paused = true)]
async fn a_node_without_its_committer_is_not_ready_and_answers_nothing() {
    let demo = Demo::start();
    demo.world.committer.abort();
    tokio::task::yield_now().await;
    assert!(demo.world.recorder.health().is_failing());
    assert_eq!(no_record(demo.set("db", "v").await), Some(NoRecord::NotWritten));
    assert_untouched(&demo);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_stop_writes_what_is_queued() {
    let demo = Demo::start();
    demo.world.store.order(Fault::Slow(Duration::from_millis(100)));
    let queued = async {
        let _ = tokio::time::timeout(Duration::from_millis(10), demo.set("a", "v")).await;
        let _ = tokio::time::timeout(Duration::from_millis(10), demo.set("b", "v")).await;
    };
    queued.await;
    let store = demo.world.store.clone();
    let strongroom_domain::test_support::world::World {
        committer,
        recorder,
        objects,
        secrets,
        keys,
        certificates,
        issuers,
        revoking,
        admin,
        ..
    } = demo.world;
    drop((recorder, objects, secrets, keys, certificates, issuers, revoking, admin));
    committer.await.unwrap();
    assert_eq!(store.image().happened.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_opens_nothing_of_another_request() {
    use strongroom_domain::{
        action::Action,
        test_support::{permit, server_ref},
    };
    let demo = Demo::start();
    let (mine, other) = (demo.request(), demo.request());
    let held = permit(other.request_id, Action::AuditRead, server_ref(), None).hold(Ok::<_, SecretError>("theirs"));
    let opened = demo.world.recorder.release(&mine, Record::of(&mine, "AuditRead"), held).await;
    assert_eq!(opened.err(), Some(NoRecord::NotWritten));
    let held = permit(mine.request_id, Action::AuditRead, server_ref(), None).hold(Ok::<_, SecretError>("mine"));
    let opened = demo.world.recorder.release(&mine, Record::of(&other, "AuditRead"), held).await;
    assert_eq!(opened.err(), Some(NoRecord::NotWritten));
    assert_untouched(&demo);
}

#[tokio::test(start_paused = true)]
async fn a_permit_for_a_purged_name_does_not_fit_the_name_made_again() {
    use strongroom_domain::{
        action::Action,
        gate::{Ask, Judgement},
        ports::{ObjectStore, StoreError},
        test_support::{open, world::name},
    };
    let demo = Demo::start();
    let db = name("db").unwrap();
    demo.set("db", "old").await.unwrap();
    let judged = demo.world.gate.judge(&demo.request(), &Ask::secret(Action::SecretGet, &demo.vault, &db)).await;
    let Judgement::Permitted(case) = judged else { panic!("Ada may read") };

    demo.delete_in(&demo.request(), "db").await.unwrap();
    demo.purge_in(&demo.request(), "db").await.unwrap();
    let again = demo.set("db", "new").await.unwrap();
    let read = demo.world.store.read(case.permit, &again.meta.version).await;
    assert!(matches!(open(read), Err(StoreError::Stale)), "judged on another secret");
}
