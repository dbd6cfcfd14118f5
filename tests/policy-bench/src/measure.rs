//! Clocks, and what processes took.

use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Decisions before anything is measured.
const WARM_UP: usize = 2_000;
/// Decisions by one module that are measured one at a time; by more modules, as many fewer.
pub(crate) const ROUNDS: usize = 20_000;
/// Decisions that are under way when busy.
pub(crate) const AT_ONCE: usize = 32;

/// Microseconds, and fuel; of memory, MiB in the first three.
#[derive(Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Processor time of one module's decision, one at a time.
    pub(crate) alone: f64,
    /// The same with many under way.
    pub(crate) busy: f64,
    pub(crate) fuel: f64,
}

impl Figures {
    pub(crate) fn line(&self, key: &str) -> String {
        format!("{key}\t{}\t{}\t{}\t{}\t{}", self.p50, self.p99, self.alone, self.busy, self.fuel)
    }

    pub(crate) fn read(line: &str) -> Option<(String, Self)> {
        let mut parts = line.split('\t');
        let key = parts.next()?.to_owned();
        let mut number = || parts.next()?.parse().ok();
        let figures = Self { p50: number()?, p99: number()?, alone: number()?, busy: number()?, fuel: number()? };
        Some((key, figures))
    }
}

pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The key of the figures by so many attachments, in the order of their number.
pub(crate) fn attached(count: usize) -> String {
    format!("attached {count:2}")
}

/// One decision after another, by so many modules each.
pub(crate) async fn one_at_a_time(count: usize, mut decide: impl AsyncFnMut()) -> Figures {
    for _ in 0..WARM_UP / count {
        decide().await;
    }
    let rounds = ROUNDS / count;
    let mut took = Vec::with_capacity(rounds);
    let before = processor_time();
    for _ in 0..rounds {
        let began = Instant::now();
        decide().await;
        took.push(began.elapsed());
    }
    let alone = per_decision(processor_time().saturating_sub(before), rounds * count);
    took.sort_unstable();
    let micros = |at: usize| took[at].as_secs_f64() * 1e6;
    Figures { p50: micros(rounds / 2), p99: micros(rounds * 99 / 100), alone, ..Figures::default() }
}

/// Both for what runs on the thread that asks and waits for nothing.
pub(crate) fn on_this_thread(count: usize, decide: impl Fn() + Sync) -> Figures {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let figures = runtime.block_on(one_at_a_time(count, async || decide()));
    Figures { busy: busy(count, decide), ..figures }
}

/// On every core at once.
fn busy(count: usize, decide: impl Fn() + Sync) -> f64 {
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    // What a thread took is not known any more when it has ended.
    let (done, known) = (Barrier::new(threads + 1), Barrier::new(threads + 1));
    let before = processor_time();
    let took = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                (0..ROUNDS / count).for_each(|_| decide());
                done.wait();
                known.wait();
            });
        }
        done.wait();
        let took = processor_time().saturating_sub(before);
        known.wait();
        took
    });
    per_decision(took, ROUNDS / count * count * threads)
}

pub(crate) fn per_decision(took: Duration, decisions: usize) -> f64 {
    took.as_secs_f64() * 1e6 / decisions as f64
}

/// This process and its children.
fn processes() -> impl Iterator<Item = std::path::PathBuf> {
    let own = std::process::id().to_string();
    let all = std::fs::read_dir("/proc").expect("processes").flatten().map(|process| process.path());
    all.filter(move |path| {
        let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
        path.ends_with(&own) || status.contains(&format!("PPid:\t{own}\n"))
    })
}

/// What all their threads took so far, unless they have ended: one that ends between two of these makes the second less.
pub(crate) fn processor_time() -> Duration {
    let nanoseconds = processes().map(|path| {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(path.join("task")).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
        }
        nanoseconds
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// MiB that are in memory, pages that several share once.
pub(crate) fn memory() -> f64 {
    let kibibytes = processes().map(|path| {
        let text = std::fs::read_to_string(path.join("smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default()
    });
    kibibytes.sum::<f64>() / 1024.0
}
