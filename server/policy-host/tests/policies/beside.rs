//! What hostile modules cost their neighbours.
//!
//! In processor time that is held: a decision of a benign module takes no more of it while a hostile one runs beside. By
//! the clock the two share what the machine has with everything else, so that is a figure of a machine that does nothing
//! else, apart from the test command: `cargo test -p strongroom-policy-host --test policies -- --ignored --nocapture
//! beside`. The last of it is in `server/docs/figures.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use strongroom_domain::policy::{Effect, PolicyEngine as _};
use strongroom_policy_host::{Isolation, PolicyHost, WasmPolicyEngine};

use crate::corpus::expectation;
use crate::fixtures::{component, fixture, names};
use crate::support::{attach, digest_of, host, request, shipped_digest};

/// Decisions of which the median is taken.
const DECISIONS: usize = 400;
/// Decisions of which the processor time is taken at once, and how often at most.
const AT_ONCE: u64 = 40;
const ROUNDS: usize = 20;
/// How much slower a neighbour may answer.
const SLOWER: f64 = 1.2;

/// Names and bytes of the hostile modules that can be asked.
fn hostile() -> Vec<(String, Vec<u8>)> {
    let is_asked =
        |name: &String| expectation(&fixture(name)).is_some_and(|become_of| become_of.starts_with("decide: "));
    let bytes = |name: String| (name.clone(), component(&name, &fixture(&name)));
    names().into_iter().filter(is_asked).map(bytes).collect()
}

/// What this thread took of a processor so far, nanoseconds. It counts up to where it was last taken off, so it steps back.
fn processor_time() -> u64 {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("what it took");
    text.split(' ').next().and_then(|taken| taken.parse().ok()).expect("a number")
}

/// Ends a neighbour.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The neighbour is busy all the time: with the hostile module, or with sums, so that both times the machine is as warm
/// and as shared. Of several rounds the least counts, because more is the machine's doing.
#[test]
fn a_benign_decision_takes_no_more_of_a_processor_beside_any_hostile_module() {
    let engine = Arc::new(WasmPolicyEngine::with_shipped().expect("a host"));
    let benign = attach(shipped_digest("naming-convention"), "{}");
    let waiting = || tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let runtime = waiting();
    let took = |decisions: u64| {
        let before = processor_time();
        for _ in 0..decisions {
            let answers = runtime.block_on(engine.decide(&benign, &[request()])).expect("an answer");
            assert_eq!(answers[0].effect, Effect::Allow);
        }
        (processor_time() - before) / decisions
    };
    took(10 * AT_ONCE);
    let mut dearer = Vec::new();
    for (name, bytes) in hostile() {
        let attachment = attach(engine.load(&bytes).expect(&name), "{}");
        let (asked, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        let (apart, beside) = std::thread::scope(|scope| {
            scope.spawn(|| {
                let (runtime, mut sum) = (waiting(), 1_u64);
                while !stop.load(Ordering::Relaxed) {
                    if asked.load(Ordering::Relaxed) {
                        let _ = runtime.block_on(engine.decide(&attachment, &[request()]));
                    } else {
                        sum = (0..10_000).fold(sum, |sum, next| std::hint::black_box(sum.wrapping_mul(31) ^ next));
                    }
                }
            });
            // In any case, or nobody would ever hear of a decision that failed.
            let _stop = Stop(&stop);
            let (mut apart, mut beside) = (u64::MAX, u64::MAX);
            for _ in 0..ROUNDS {
                asked.store(false, Ordering::Relaxed);
                apart = apart.min(took(AT_ONCE));
                asked.store(true, Ordering::Relaxed);
                beside = beside.min(took(AT_ONCE));
                if beside * 10 <= apart * 12 {
                    break;
                }
            }
            (apart, beside)
        });
        println!("{name}: {apart} ns of a processor apart, {beside} beside");
        if beside * 10 > apart * 12 {
            dearer.push(format!("{name}: {beside} instead of {apart} ns"));
        }
    }
    assert!(dearer.is_empty(), "{dearer:#?}");
}

/// The median of a benign module's decisions, one at a time.
async fn median(host: &PolicyHost) -> Duration {
    let benign = attach(shipped_digest("naming-convention"), "{}");
    let mut took = Vec::with_capacity(DECISIONS);
    for _ in 0..DECISIONS {
        let began = Instant::now();
        let answers = host.decide(&benign, &[request()]).await.expect("an answer");
        took.push(began.elapsed());
        assert_eq!(answers[0].effect, Effect::Allow);
    }
    took.sort_unstable();
    took[DECISIONS / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a figure of a quiet machine"]
async fn a_benign_module_answers_as_fast_beside_each_hostile_one() {
    let hostile = hostile();
    let bytes: Vec<_> = hostile.iter().map(|(_, bytes)| bytes.clone()).collect();
    let host = Arc::new(host(Isolation::Full, &bytes, None));
    median(&host).await;
    let mut slower = Vec::new();
    for (name, bytes) in &hostile {
        let attachment = attach(digest_of(bytes), "{}");
        let mut elsewhere = request();
        "elsewhere".clone_into(&mut elsewhere.object.vault);
        host.decide(&attachment, std::slice::from_ref(&elsewhere)).await.expect_err(name);
        let alone = median(&host).await;
        let stop = Arc::new(AtomicBool::new(false));
        let other = {
            let (host, stop) = (Arc::clone(&host), Arc::clone(&stop));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let _ = host.decide(&attachment, std::slice::from_ref(&elsewhere)).await;
                }
            })
        };
        let beside = median(&host).await;
        stop.store(true, Ordering::Relaxed);
        other.await.expect("it stops");
        // What is between before and after is the machine's doing.
        let alone = alone.max(median(&host).await);
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        println!("{name}: {alone:?} alone, {beside:?} beside, {ratio:.2} times");
        if ratio > SLOWER {
            slower.push(format!("{name}: {ratio:.2}"));
        }
    }
    println!("{} of {} modules make it more than {SLOWER} times as slow: {slower:?}", slower.len(), hostile.len());
}
