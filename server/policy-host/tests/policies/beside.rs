//! What hostile modules cost their neighbours.
//!
//! In processor time a bound is held: a decision of a benign module takes no more than a fifth more of it while a hostile
//! one runs beside. A machine that shares its processors and its memory's bandwidth with others makes a round of it worse
//! now and then; what a module really costs its neighbours it costs in every round. So one round within the bound is
//! enough, and none of a few is too much. By the clock the two share what the machine has with everything
//! else, so that is a figure of a machine that does nothing else, apart from the test command: `cargo test -p
//! strongroom-policy-host --test policies -- --ignored --nocapture beside`. The last of it is in `server/docs/figures.md`.

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
/// Decisions of which the processor time is taken at once, pairs of them in a round, and rounds at most.
const AT_ONCE: u64 = 40;
const PAIRS: usize = 3;
const ROUNDS: usize = 12;
/// What a neighbour's decision may take of a processor, in parts of a hundred of what it takes apart.
const BOUND: u64 = 120;
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
/// and as shared. The machine itself is faster at one time and slower at another, for a second and by a quarter, so what
/// is compared was taken one behind the other, in turns one first and the other, and of a round the middle pair counts.
#[test]
fn a_benign_decision_takes_no_fifth_more_of_a_processor_beside_any_hostile_module() {
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
        let ratio = std::thread::scope(|scope| {
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
            let measure = |beside: bool| {
                asked.store(beside, Ordering::Relaxed);
                took(AT_ONCE)
            };
            let middle = || {
                let mut ratios = [0; PAIRS];
                for (pair, ratio) in ratios.iter_mut().enumerate() {
                    let (apart, beside) = if pair % 2 == 0 {
                        (measure(false), measure(true))
                    } else {
                        let beside = measure(true);
                        (measure(false), beside)
                    };
                    *ratio = beside * 100 / apart;
                }
                ratios.sort_unstable();
                ratios[PAIRS / 2]
            };
            let mut best = middle();
            for _ in 1..ROUNDS {
                if best > BOUND {
                    best = best.min(middle());
                }
            }
            best
        });
        println!("{name}: {ratio} % of what it takes apart");
        if ratio > BOUND {
            dearer.push(format!("{name}: {ratio} %"));
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
