//! What hostile modules cost their neighbours: a figure of a machine that does nothing else, and so apart from the test
//! command. `cargo test -p strongroom-policy-host --test policies -- --ignored --nocapture beside`; the last of it is in
//! `server/docs/figures.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use strongroom_domain::policy::{Effect, PolicyEngine as _};
use strongroom_policy_host::{Isolation, PolicyHost};

use crate::corpus::expectation;
use crate::fixtures::{component, fixture, names};
use crate::support::{attach, digest_of, host, request, shipped_digest};

/// Decisions of which the median is taken.
const DECISIONS: usize = 400;
/// How much slower a neighbour may answer.
const SLOWER: f64 = 1.2;

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
    let is_asked =
        |name: &String| expectation(&fixture(name)).is_some_and(|become_of| become_of.starts_with("decide: "));
    let hostile: Vec<_> =
        names().into_iter().filter(is_asked).map(|name| (component(&name, &fixture(&name)), name)).collect();
    let bytes: Vec<_> = hostile.iter().map(|(bytes, _)| bytes.clone()).collect();
    let host = Arc::new(host(Isolation::Full, &bytes, None));
    median(&host).await;
    let mut slower = Vec::new();
    for (bytes, name) in &hostile {
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
