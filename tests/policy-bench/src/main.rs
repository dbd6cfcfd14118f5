//! What a decision costs, side by side: the same rule natively in Rust, by Cedar, as a module in this process and as
//! one in a child, by one, five and twenty attachments, with fifty modules resident.
//!
//! Each is measured in a process of its own, in turns, so that none has the memory of another and all have the same
//! machine; the median of the turns is printed. Run by `tests/bench --policies`.

mod cedar;
mod hosted;
mod measure;
mod native;

use std::collections::BTreeMap;
use std::process::{Command, ExitCode};

use measure::Figures;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// So many times everything is measured.
const TURNS: usize = 3;
/// By how many attachments a request is judged.
const ATTACHMENTS: [usize; 3] = [1, 5, 20];

/// What is measured: its word on the command line, and its name.
const WAYS: [(&str, &str); 5] = [
    ("native", "natively in Rust"),
    ("cedar", "cedar-policy, evaluation alone"),
    ("cedar-whole", "cedar-policy, with request and entities made"),
    ("in-process", "module in the process, a fresh instance each"),
    ("isolated", "module in the policy process"),
];

fn main() -> ExitCode {
    let word = std::env::args().nth(1);
    match word.as_deref() {
        None => {}
        Some("native") => return say(native::measure()),
        Some("cedar") => return say(cedar::measure(false)),
        Some("cedar-whole") => return say(cedar::measure(true)),
        Some("in-process") => return say(hosted::measure(strongroom_policy_host::Isolation::None)),
        Some("isolated") => return say(hosted::measure(strongroom_policy_host::Isolation::Full)),
        // A child of a host.
        Some(word) => return strongroom_policy_host::run_child(word).unwrap_or(ExitCode::FAILURE),
    }
    let mut turns: BTreeMap<(usize, String), Vec<Figures>> = BTreeMap::new();
    for turn in 1..=TURNS {
        for (place, (word, _)) in WAYS.iter().enumerate() {
            let program = std::env::current_exe().expect("this program");
            let output = Command::new(program).arg(word).output().expect("it runs");
            assert!(output.status.success(), "{word}: {}", String::from_utf8_lossy(&output.stderr));
            for line in String::from_utf8(output.stdout).expect("text").lines() {
                let (key, figures) = Figures::read(line).expect("a line of figures");
                turns.entry((place, key)).or_default().push(figures);
            }
        }
        eprintln!("turn {turn} of {TURNS} done");
    }
    println!("median of {TURNS} turns; lowest and highest p50 behind it\n");
    println!(
        "| how | attachments | p50 | p99 | CPU per module and decision, one at a time | busy |\n|---|---|---|---|---|---|"
    );
    for ((place, key), figures) in &turns {
        let Some(count) = key.strip_prefix("attached ") else { continue };
        let [p50, p99, alone, busy] =
            [|f: &Figures| f.p50, |f: &Figures| f.p99, |f: &Figures| f.alone, |f: &Figures| f.busy]
                .map(|of| measure::median(figures.iter().map(of)));
        let least = figures.iter().map(|f| f.p50).fold(f64::MAX, f64::min);
        let most = figures.iter().map(|f| f.p50).fold(0.0, f64::max);
        let name = WAYS[*place].1;
        println!(
            "| {name} | {} | {p50:.2} µs ({least:.2} to {most:.2}) | {p99:.1} µs | {alone:.2} µs | {busy:.2} µs |",
            count.trim_start()
        );
    }
    println!(
        "\n| each module that ships, one attachment | fuel | p50 in the process | p50 isolated | busy CPU, in the process and isolated |\n|---|---|---|---|---|"
    );
    for ((place, key), figures) in &turns {
        let Some(name) = key.strip_prefix("module ").filter(|_| WAYS[*place].0 == "in-process") else { continue };
        let isolated = &turns[&(place + 1, key.clone())];
        let median = |figures: &[Figures], of: fn(&Figures) -> f64| measure::median(figures.iter().map(of));
        println!(
            "| {name} | {:.0} | {:.1} µs | {:.1} µs | {:.1} and {:.1} µs |",
            median(figures, |f| f.fuel),
            median(figures, |f| f.p50),
            median(isolated, |f| f.p50),
            median(figures, |f| f.busy),
            median(isolated, |f| f.busy),
        );
    }
    println!(
        "\n| memory, MiB | before modules | {} resident | after all decisions |\n|---|---|---|---|",
        hosted::RESIDENT
    );
    for ((place, key), figures) in &turns {
        if key == "memory" {
            let [before, loaded, after] = [|f: &Figures| f.p50, |f: &Figures| f.p99, |f: &Figures| f.alone]
                .map(|of| measure::median(figures.iter().map(of)));
            println!("| {} | {before:.0} | {loaded:.0} | {after:.0} |", WAYS[*place].1);
        }
    }
    ExitCode::SUCCESS
}

fn say(figures: Vec<(String, Figures)>) -> ExitCode {
    for (key, figures) in figures {
        println!("{}", figures.line(&key));
    }
    ExitCode::SUCCESS
}
