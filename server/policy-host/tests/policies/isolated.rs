//! The child processes: what holds them, what happens when one is killed, and that hostile modules end
//! nothing but their own decision.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use rustix::process::{Pid, Signal, kill_process};
use strongroom_domain::policy::{AttachmentState, Effect, PolicyEngine, PolicyFailure};
use strongroom_policy_host::signature::{self, Signer};
use strongroom_policy_host::{Isolation, ModuleError, PolicyHost, limits, shipped};

use crate::fixtures::in_frame;
use crate::hostile::{MISBEHAVIOUR, healthy};
use crate::support::{attach, child, digest_of, fixture, framed, host, host_with, request, shipped_digest};

/// The children of this process that decide.
fn deciders() -> Vec<Pid> {
    let own = std::process::id();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("processes").flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let read = |file: &str| std::fs::read_to_string(entry.path().join(file)).unwrap_or_default();
        if read("cmdline").ends_with("\0decide\0") && read("status").contains(&format!("PPid:\t{own}\n")) {
            found.extend(Pid::from_raw(pid));
        }
    }
    found
}

#[tokio::test]
async fn a_child_holds_nothing_and_says_what_holds_it() {
    // A descriptor that is left open by accident, and by purpose across `exec`.
    let left_open = std::fs::File::open("/etc/hostname").expect("a file");
    rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty()).expect("inheritable");
    let host = host(Isolation::Full, &[], None);
    let held = host.confinement().expect("a child");
    assert!(held.is_complete(), "{held}");
    assert!(held.closed >= 1, "{held:?}");
    assert_eq!(held.to_string(), "seccomp in force, Landlock in force");
    healthy(&host).await;

    let pid = deciders().into_iter().next().expect("a child");
    let folder = std::path::PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let status = std::fs::read_to_string(folder.join("status")).expect("its status");
    for line in ["Seccomp:\t2", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{status}");
    }
    // It cannot be looked into, but by root: then there is nothing to see.
    match std::fs::read(folder.join("environ")) {
        Ok(environment) => assert!(environment.is_empty(), "{}", String::from_utf8_lossy(&environment)),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
    if let Ok(open) = std::fs::read_dir(folder.join("fd")) {
        for entry in open.flatten() {
            let target = std::fs::read_link(entry.path()).expect("a descriptor");
            let target = target.to_string_lossy().into_owned();
            let known = ["socket:", "/dev/null", "/memfd:", "pagemap"].iter().any(|known| target.contains(known));
            assert!(known, "{target}");
        }
    }
    drop(left_open);
}

/// By exit code: 13 is a refusal; a forbidden system call ends the process by SIGSYS.
#[test]
fn a_confined_process_can_compute_and_nothing_else() {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGSYS: i32 = 31;
    let attempt = |what: &str, how: &str| {
        Command::new(child().path).env_clear().args(["try", what, how]).status().expect("it starts")
    };
    for how in ["files", "calls"] {
        assert_eq!(attempt("nothing", how).code(), Some(0), "{how}");
    }
    for what in ["read", "write", "connect", "execute"] {
        assert_eq!(attempt(what, "files").code(), Some(13), "{what}: Landlock refuses");
        assert_eq!(attempt(what, "calls").signal(), Some(SIGSYS), "{what}: seccomp ends it");
    }
}

#[tokio::test]
async fn misbehaviour_is_the_same_failure_in_a_child() {
    let modules = MISBEHAVIOUR.map(|(name, _)| framed(name));
    let host = host(Isolation::Full, &modules, None);
    healthy(&host).await;
    let before = deciders();
    for ((name, failure), bytes) in MISBEHAVIOUR.iter().zip(&modules) {
        let attachment = attach(digest_of(bytes), "{}");
        for _ in 0..limits::MAX_CONCURRENT {
            let answer = host.decide(&attachment, &[request()]).await;
            if answer != Err(PolicyFailure::TimedOut) {
                assert_eq!(answer, Err(*failure), "{name}");
            }
        }
        healthy(&host).await;
    }
    assert_eq!(deciders(), before, "no module ended the child");
}

#[tokio::test]
async fn what_is_no_module_is_refused_with_a_sentence() {
    let host = host(Isolation::Full, &[], None);
    let refused = async |bytes: Vec<u8>| match host.admit(Arc::from(bytes), None).await {
        Err(ModuleError::Refused(sentence)) => sentence,
        other => panic!("{other:?}"),
    };
    let read = |name: &str| wat::parse_str(fixture(name)).expect(name);
    assert!(refused(read("imports-wasi")).await.contains("import nothing"));
    assert!(refused(read("other-version")).await.contains("9.0.0"));
    for name in ["wrong-contract", "empty-interface", "core-module"] {
        assert!(!refused(read(name)).await.is_empty());
    }
    assert!(refused(framed("spin-at-start")).await.contains("fuel"));
    let sentence = refused(framed("describe-foreign-schema")).await;
    assert!(sentence.contains("settings could not be checked") && sentence.contains("$dynamicRef"), "{sentence}");
    assert!(refused(Vec::new()).await.contains("not a WebAssembly component"));
    assert!(refused(vec![0; limits::MAX_MODULE_BYTES + 1]).await.contains("larger"));
    healthy(&host).await;
}

/// A module that ships, with bytes of its own: one more custom section is another module that does the same.
fn uploaded() -> Vec<u8> {
    let ships = shipped().into_iter().find(|module| module.name == "naming-convention").expect("it ships");
    [ships.bytes, b"\x00\x05\x04mine".as_slice()].concat()
}

/// Where signatures are demanded, they are at every load, not at the upload alone.
#[tokio::test]
async fn only_what_a_listed_key_signed_is_loaded_where_signatures_are_demanded() {
    let module = uploaded();
    // A seed in PKCS#8 (RFC 8410); the public half is what signing with it says.
    let key = |seed: u8| {
        let mut pkcs8 =
            vec![0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        pkcs8.extend_from_slice(&[seed; 32]);
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).expect("a key");
        let spki =
            [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00], pair.public_key().as_ref()];
        (signature::sign(&module, &pkcs8).expect("a signature").to_vec(), Signer::of(&spki.concat()).expect("a signer"))
    };
    let ((good, listed), (other, _)) = (key(1), key(2));
    let attachment = attach(digest_of(&module), "{}");
    for (kept, loads) in [(Some(good.clone()), true), (Some(other.clone()), false), (None, false)] {
        let host = host_with(Isolation::Full, &[(module.clone(), kept)], None, vec![listed]);
        let answer = host.decide(&attachment, &[request()]).await;
        assert_eq!(answer.is_ok(), loads, "{answer:?}");
        healthy(&host).await;
    }
    let host = host_with(Isolation::Full, &[], None, vec![listed]);
    let pushed = async |signature: Option<&[u8]>| host.admit(Arc::from(module.as_slice()), signature).await;
    assert!(matches!(pushed(None).await, Err(ModuleError::NotSigned)));
    assert!(matches!(pushed(Some(&other)).await, Err(ModuleError::NotSigned)));
    pushed(Some(&good)).await.expect("it is signed");
    assert!(matches!(pushed(None).await, Err(ModuleError::NotSigned)), "known and loaded is not signed");
}

/// Who stops waiting for a module to be compiled leaves it to the next one.
#[tokio::test]
async fn a_module_that_nobody_waits_for_is_loaded_all_the_same() {
    let module = uploaded();
    let host = host(Isolation::Full, std::slice::from_ref(&module), None);
    let digest = digest_of(&module);
    let hasty = tokio::time::timeout(Duration::from_millis(1), host.needs(&digest)).await;
    assert!(hasty.is_err(), "compiling takes longer");
    for _ in 0..400 {
        if tokio::time::timeout(Duration::from_millis(1), host.needs(&digest)).await.is_ok_and(|needs| needs.is_some())
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never loaded");
}

/// An upload with as many functions as it can have keeps the compiler busy for as long as that may be. What was taken in
/// before is found, compiled and asked beside it, and so is what ships.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_upload_of_very_many_functions_holds_up_nothing_that_is_to_be_loaded() {
    let module = uploaded();
    let bomb: Arc<[u8]> = in_frame("many functions", &format!("(module {})", "(func)".repeat(100_000))).into();
    let host = Arc::new(host(Isolation::Full, std::slice::from_ref(&module), None));
    let began = Instant::now();
    let upload = {
        let host = Arc::clone(&host);
        tokio::spawn(async move { (host.admit(bomb, None).await.map(|_| ()), began.elapsed()) })
    };
    let said = host.decide(&attach(digest_of(&module), "{}"), &[request()]).await.expect("it is compiled beside");
    assert_eq!(said[0].effect, Effect::Allow);
    healthy(&*host).await;
    let neighbours = began.elapsed();
    let (admitted, took) = upload.await.expect("it ends");
    assert!(neighbours < took, "{neighbours:?} beside an upload of {took:?}");
    match admitted {
        Ok(()) => {}
        Err(ModuleError::Refused(why)) => assert!(why.contains("more time or memory"), "{why}"),
        Err(other) => panic!("{other}"),
    }
    healthy(&*host).await;
}

/// One module whose description never ends is no module, wherever it comes from, and whoever needs it is told at once.
#[tokio::test]
async fn a_module_that_spins_when_it_is_asked_what_it_needs_is_missing() {
    let hostile = [framed("describe-spins"), framed("spin-at-start")];
    let host = host(Isolation::Full, &hostile, None);
    for bytes in &hostile {
        let digest = digest_of(bytes);
        assert!(host.needs(&digest).await.is_none());
        // For a while it is not even tried again.
        let again = tokio::time::timeout(Duration::from_millis(100), host.needs(&digest)).await;
        assert!(matches!(again, Ok(None)), "{again:?}");
        let said = host.judge(&[&attach(digest, "{}")], &request()).await;
        assert!(matches!(&said[..], [said] if said.answer == Err(PolicyFailure::Missing)), "{said:?}");
    }
    healthy(&host).await;
}

#[tokio::test]
async fn a_compiled_module_is_kept_and_not_believed_when_it_was_changed() {
    let directory = tempfile::tempdir().expect("a directory");
    let digest = shipped_digest("naming-convention");
    let kept = || {
        let files = std::fs::read_dir(directory.path()).expect("the cache").flatten();
        files.map(|file| file.path()).collect::<Vec<_>>()
    };
    healthy(&host(Isolation::Full, &[], Some(directory.path()))).await;
    let [file] = kept().try_into().expect("one module");
    let written = std::fs::read(&file).expect("the file");
    // In this process too it is the same machine code.
    healthy(&host(Isolation::None, &[], Some(directory.path()))).await;
    assert_eq!(std::fs::read(&file).expect("the file"), written);

    let mut changed = written.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    std::fs::write(&file, &changed).expect("changed");
    healthy(&host(Isolation::Full, &[], Some(directory.path()))).await;
    assert_eq!(std::fs::read(&file).expect("the file"), written, "{digest} was compiled again");
}

/// A child that is killed under load: nobody is allowed unjudged, and soon everybody is judged again.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_killed_child_denies_or_makes_wait_and_is_back_within_half_a_second() {
    let host = Arc::new(host(Isolation::Full, &[], None));
    let denies = attach(shipped_digest("enforce-expiry"), r#"{"max_days":90}"#);
    let expected = host.decide(&denies, &[request()]).await.expect("an answer");
    assert_eq!(expected[0].effect, Effect::Deny);
    // Both modules are compiled by now: what is measured is the child.
    recovered(&host).await;
    let (stop, judged, failed) =
        (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let load = (0..16).map(|_| {
        let (host, denies, expected) = (Arc::clone(&host), denies.clone(), expected.clone());
        let (stop, judged, failed) = (Arc::clone(&stop), Arc::clone(&judged), Arc::clone(&failed));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                match host.decide(&denies, &[request()]).await {
                    Ok(answers) => {
                        assert_eq!(answers, expected);
                        judged.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(failure) => {
                        assert_eq!(failure, PolicyFailure::Unavailable);
                        failed.fetch_add(1, Ordering::Relaxed);
                        // Whoever was refused comes again, not at once and for ever.
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
            }
        })
    });
    let load = load.collect::<Vec<_>>();
    let mut slowest = Duration::ZERO;
    for _ in 0..5 {
        judged.store(0, Ordering::Relaxed);
        wait_until(|| judged.load(Ordering::Relaxed) > 100).await;
        // Old enough to be started again at once.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let [child] = deciders().try_into().expect("one child");
        kill_process(child, Signal::KILL).expect("killed");
        let killed = Instant::now();
        recovered(&host).await;
        slowest = slowest.max(killed.elapsed());
        assert_ne!(deciders(), [child]);
    }
    stop.store(true, Ordering::Relaxed);
    for task in load {
        task.await.expect("no answer but the right one");
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
}

async fn wait_until(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come about");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn recovered(host: &PolicyHost) {
    let attachment = attach(shipped_digest("naming-convention"), "{}");
    while host.decide(&attachment, &[request()]).await.is_err() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// What is in shadow in one vault, and what is denied by slow modules there, keeps no other vault waiting: neither
/// what somebody still waits for nor what they gave up.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn slow_modules_of_one_vault_hold_up_no_other_and_no_child() {
    let slow = ["spin", "grow-nothing", "spin-in-table"].map(framed);
    let host = Arc::new(host(Isolation::Full, &slow, None));
    let elsewhere = |vault: &str| {
        let mut request = request();
        vault.clone_into(&mut request.object.vault);
        request
    };
    let benign = attach(shipped_digest("naming-convention"), "{}");
    let (mut others, here) = (Vec::new(), elsewhere("other"));
    for bytes in &slow {
        host.check(&attach(digest_of(bytes), "{}")).await.expect_err("it never answers");
    }
    host.decide(&benign, std::slice::from_ref(&here)).await.expect("it is loaded");
    let before = deciders();
    let stop = Arc::new(AtomicBool::new(false));
    for number in 0..24_usize {
        let (host, stop, request) = (Arc::clone(&host), Arc::clone(&stop), elsewhere("demo"));
        let mut attachment = attach(digest_of(&slow[number % slow.len()]), "{}");
        let in_shadow = number % 2 == 0;
        if in_shadow {
            attachment.state = AttachmentState::Shadow;
        }
        others.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let patience = if in_shadow { Duration::from_millis(5) } else { Duration::from_secs(60) };
                let _ = tokio::time::timeout(patience, host.judge(&[&attachment], &request)).await;
            }
        }));
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..200 {
        let began = Instant::now();
        let said = host.judge(&[&benign], &here).await;
        assert!(said.iter().all(|said| said.answer.is_ok()), "{said:?}");
        slowest = slowest.max(began.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    for other in others {
        other.await.expect("it stops");
    }
    // Generous: what was found took a second and more, and then the child.
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    assert_eq!(deciders(), before, "nobody ended the child");
}

/// Whether no thread of a process runs, because it was stopped.
fn is_stopped(process: Pid) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    threads.flatten().all(|thread| {
        let status = std::fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:\tT"))
    })
}

/// Modules that do not want to see a request are passed over in the server, among others that are asked in the child: the
/// same is said as where all of them run in the server.
#[tokio::test]
async fn what_is_passed_over_is_the_same_here_and_in_a_child() {
    let unasked = attach(shipped_digest("certificate-names"), "{}");
    let passes = attach(shipped_digest("naming-convention"), "{}");
    let denies = attach(shipped_digest("naming-convention"), r#"{"forbidden_names":["db-*"]}"#);
    let missing = attach(digest_of(b"no module"), "{}");
    let (here, child) = (host(Isolation::None, &[], None), host(Isolation::Full, &[], None));
    for attached in [
        vec![&unasked, &passes, &unasked],
        vec![&passes, &unasked, &denies, &unasked],
        vec![&unasked, &denies, &unasked, &passes],
        vec![&unasked, &missing, &unasked],
    ] {
        for module in &attached {
            for host in [&here, &child] {
                host.needs(&module.module).await;
            }
        }
        let answers = async |host: &PolicyHost| {
            let said = host.judge(&attached, &request()).await;
            said.into_iter().map(|said| said.answer).collect::<Vec<_>>()
        };
        assert_eq!(answers(&child).await, answers(&here).await, "{attached:?}");
    }
}

/// A child that does not answer is no child: it is ended, and the question is denied.
#[tokio::test]
async fn a_stopped_child_denies_and_is_replaced() {
    let host = host(Isolation::Full, &[], None);
    healthy(&host).await;
    let [child] = deciders().try_into().expect("one child");
    let unasked = attach(shipped_digest("certificate-names"), "{}");
    host.needs(&unasked.module).await.expect("it ships");
    kill_process(child, Signal::STOP).expect("stopped");
    // The signal is on its way when the call returns; until it is there, the child answers.
    wait_until(|| is_stopped(child)).await;
    let said = host.judge(&[&unasked, &unasked], &request()).await;
    let reasons: Vec<_> = said.into_iter().map(|said| said.answer.expect("it is passed over").reason_code).collect();
    assert_eq!(reasons, ["action-not-wanted"; 2], "who does not want to see it is not asked, wherever it would run");
    let attachment = attach(shipped_digest("naming-convention"), "{}");
    let began = Instant::now();
    assert_eq!(host.decide(&attachment, &[request()]).await, Err(PolicyFailure::Unavailable));
    assert!(began.elapsed() < Duration::from_secs(5));
    recovered(&host).await;
    assert_ne!(deciders(), [child]);
}

/// Who stops a server may stop its whole group: what the server has begun is still decided, by the same child.
#[tokio::test]
async fn a_child_outlives_a_stop_of_the_whole_group() {
    let host = host(Isolation::Full, &[], None);
    healthy(&host).await;
    let [child] = deciders().try_into().expect("one child");
    for stop in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(child, stop).expect("told");
    }
    healthy(&host).await;
    assert_eq!(deciders(), [child]);
    drop(host);
    assert!(deciders().is_empty(), "and ends with its server");
}

/// Children end with their server.
#[tokio::test]
async fn no_child_is_left_behind() {
    let host = host(Isolation::Full, &[], None);
    assert_eq!(deciders().len(), 1);
    drop(host);
    assert!(deciders().is_empty());
}
