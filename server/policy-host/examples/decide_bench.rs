//! Prints how long decisions take, in this process and in a child, one at a time and when busy:
//! `cargo run --release -p strongroom-policy-host --example decide_bench`.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints figures, for whoever runs it")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use strongroom_domain::policy::{
    AttachmentState, ModuleDigest, PolicyAttachment, PolicyConnection, PolicyEngine, PolicyObject, PolicyPrincipal,
    PolicyRequest,
};
use strongroom_policy_host::{
    ArtefactSeal, ChildProgram, HostOptions, Isolation, ModuleSource, PolicyHost, SourceModule, run_child, shipped,
};

const WARM_UP: usize = 1_000;
const ROUNDS: usize = 10_000;
const AT_ONCE: usize = 32;

fn main() -> ExitCode {
    if let Some(ended) = std::env::args().nth(1).and_then(|word| run_child(&word)) {
        return ended;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure());
    ExitCode::SUCCESS
}

async fn measure() {
    println!(
        "{:<12} {:<20} {:>8} {:>7} {:>10} {:>10} {:>16}",
        "where", "module", "modules", "fuel", "p50", "p99", "busy: CPU/module"
    );
    for (place, isolation) in [("in process", Isolation::None), ("isolated", Isolation::Full)] {
        let began = Instant::now();
        let host = Arc::new(PolicyHost::start(options(isolation)).expect("a host"));
        println!("{place}: ready in {:.1?}", began.elapsed());
        for module in shipped() {
            for count in [1, 5, 20] {
                let attachments = vec![attachment(module.name, module.digest); count];
                let fuel = one_at_a_time(&host, &attachments, WARM_UP).await.2;
                let (p50, p99, _) = one_at_a_time(&host, &attachments, ROUNDS / count).await;
                let cpu = busy(&host, &attachments, ROUNDS / count).await;
                println!(
                    "{place:<12} {:<20} {count:>8} {fuel:>7} {p50:>10.1?} {p99:>10.1?} {:>13.1} µs",
                    module.name,
                    cpu.as_secs_f64() * 1e6
                );
            }
        }
    }
}

/// Half and nearly all of the times, and the fuel of one module.
async fn one_at_a_time(
    host: &PolicyHost,
    attachments: &[PolicyAttachment],
    rounds: usize,
) -> (Duration, Duration, u64) {
    let (request, attached) = (request(), attachments.iter().collect::<Vec<_>>());
    let mut took = Vec::with_capacity(rounds);
    let mut fuel = 0;
    for _ in 0..rounds {
        let began = Instant::now();
        let answers = host.judge(&attached, &request).await;
        took.push(began.elapsed());
        assert_eq!(answers.len(), attached.len(), "every module was asked");
        fuel = answers.iter().flat_map(|said| &said.answer).map(|answer| answer.fuel).max().expect("answers");
    }
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
    (at(0.5), at(0.99), fuel)
}

/// Processor time of this process and its child for one module's decision, with many under way.
async fn busy(host: &Arc<PolicyHost>, attachments: &[PolicyAttachment], rounds: usize) -> Duration {
    let before = processor_time();
    let tasks = (0..AT_ONCE).map(|_| {
        let (host, attachments) = (Arc::clone(host), attachments.to_vec());
        tokio::spawn(async move {
            let (request, attached) = (request(), attachments.iter().collect::<Vec<_>>());
            for _ in 0..rounds / AT_ONCE * 4 {
                assert_eq!(host.judge(&attached, &request).await.len(), attached.len());
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("answers");
    }
    let decisions = rounds / AT_ONCE * 4 * AT_ONCE * attachments.len();
    (processor_time() - before) / u32::try_from(decisions).expect("some thousands")
}

/// What all threads of this process and of its children took so far.
fn processor_time() -> Duration {
    let own = std::process::id().to_string();
    let mut nanoseconds = 0;
    for process in std::fs::read_dir("/proc").expect("processes").flatten() {
        let status = std::fs::read_to_string(process.path().join("status")).unwrap_or_default();
        if process.file_name().to_str() != Some(&own) && !status.contains(&format!("PPid:\t{own}\n")) {
            continue;
        }
        for thread in std::fs::read_dir(process.path().join("task")).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or_default();
        }
    }
    Duration::from_nanos(nanoseconds)
}

fn options(isolation: Isolation) -> HostOptions {
    HostOptions {
        isolation,
        program: ChildProgram::this_one(&[]),
        cache: None,
        seal: Arc::new(NoSeal),
        source: Arc::new(NoUploads),
        signers: Vec::new(),
    }
}

/// Nothing is kept, so nothing is sealed.
struct NoSeal;

impl ArtefactSeal for NoSeal {
    fn tag(&self, _parts: &[&[u8]]) -> [u8; 32] {
        [0; 32]
    }

    fn verify(&self, _parts: &[&[u8]], _tag: &[u8]) -> bool {
        false
    }
}

struct NoUploads;

#[async_trait::async_trait]
impl ModuleSource for NoUploads {
    async fn bytes(&self, _digest: &ModuleDigest) -> Result<Option<SourceModule>, String> {
        Ok(None)
    }
}

/// The module, with settings under which it has something to do and does not deny.
fn attachment(name: &str, module: ModuleDigest) -> PolicyAttachment {
    let settings = match name {
        "enforce-expiry" => r#"{"max_days":90}"#,
        "naming-convention" => r#"{"allowed_names":["db-*"],"required_tags":["owner"]}"#,
        _ => "{}",
    };
    PolicyAttachment {
        name: "bench".to_owned(),
        module,
        settings: settings.to_owned(),
        state: AttachmentState::Enforce,
        authority: false,
        previous: None,
    }
}

/// A write by somebody in eight groups.
fn request() -> PolicyRequest {
    PolicyRequest {
        principal: PolicyPrincipal {
            issuer: "https://issuer.example".to_owned(),
            subject: "ada".to_owned(),
            kind: "user".to_owned(),
            groups: (0..8).map(|group| format!("group-{group}")).collect(),
            claims: BTreeMap::from([("acr".to_owned(), "1".to_owned())]),
        },
        connection: PolicyConnection {
            client_address: "192.0.2.1".to_owned(),
            listener: "https".to_owned(),
            ..PolicyConnection::default()
        },
        action: "Microsoft.KeyVault/vaults/secrets/setSecret/action".to_owned(),
        object: PolicyObject {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "db-password".to_owned(),
            tags: BTreeMap::from([("owner".to_owned(), "payments".to_owned())]),
            enabled: Some(true),
            expires: Some(1_780_401_600),
            ..PolicyObject::default()
        },
        time: 1_780_315_200,
        ..PolicyRequest::default()
    }
}
