//! Hostile modules are refused when they are loaded, or stopped within their budget; either way
//! the next decision is served as if nothing had been.

use std::time::{Duration, Instant};

use strongroom_domain::policy::{Effect, PolicyEngine, PolicyFailure};
use strongroom_policy_host::{Isolation, LoadError, ModuleError, WasmPolicyEngine, limits};

use crate::support::{attach, fixture, framed, host, request, shipped_digest};

/// What each fixture ends with.
pub(crate) const MISBEHAVIOUR: [(&str, PolicyFailure); 12] = [
    ("spin", PolicyFailure::OutOfFuel),
    ("memory-bomb", PolicyFailure::MemoryLimit),
    ("table-bomb", PolicyFailure::MemoryLimit),
    ("recursion", PolicyFailure::MemoryLimit),
    ("trap", PolicyFailure::Trap),
    ("huge-answer", PolicyFailure::BadAnswer),
    ("many-answers", PolicyFailure::BadAnswer),
    ("no-answer", PolicyFailure::BadAnswer),
    ("bad-utf8", PolicyFailure::BadAnswer),
    ("bad-reason", PolicyFailure::BadAnswer),
    ("bad-effect", PolicyFailure::BadAnswer),
    ("wild-pointer", PolicyFailure::BadAnswer),
];

/// No module may hold a thread for longer: the backstop, and slack for a loaded machine.
const WORST: Duration = Duration::from_secs(2);

pub(crate) async fn healthy(engine: &dyn PolicyEngine) {
    let attachment = attach(shipped_digest("naming-convention"), "{}");
    let answers = engine.decide(&attachment, &[request()]).await.expect("still serving");
    assert_eq!(answers[0].effect, Effect::Allow);
}

#[tokio::test]
async fn misbehaviour_is_a_failure_with_a_name() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    for (name, failure) in MISBEHAVIOUR {
        let digest = engine.load(&framed(name)).expect(name);
        let attachment = attach(digest, "{}");
        // More often than the pool has room for: a stopped instance must give its place back.
        for _ in 0..limits::MAX_CONCURRENT * 2 {
            let began = Instant::now();
            let answer = engine.decide(&attachment, &[request()]).await;
            let took = began.elapsed();
            assert!(took < WORST, "{name} took {took:?}");
            // On a machine that stood still the backstop may come before the fuel ends.
            let stood_still = took >= limits::TICK * 5;
            if !(stood_still && answer == Err(PolicyFailure::TimedOut)) {
                assert_eq!(answer, Err(failure), "{name}");
            }
        }
        healthy(&engine).await;
    }
}

#[tokio::test]
async fn nothing_survives_from_one_decision_to_the_next() {
    let engine = WasmPolicyEngine::new().expect("a host");
    let digest = engine.load(&framed("remembers")).expect("it keeps the contract");
    for _ in 0..200 {
        let answers = engine.decide(&attach(digest, "{}"), &[request()]).await.expect("an answer");
        assert_eq!(answers[0].effect, Effect::Allow);
        assert_eq!(answers[0].reason_code, "first");
    }
}

#[tokio::test]
async fn modules_outside_the_contract_are_not_loaded() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    let before = engine.modules().len();
    let load = |name: &str| {
        let bytes = wat::parse_str(fixture(name)).expect(name);
        engine.load(&bytes).expect_err(name)
    };
    assert!(matches!(load("wrong-contract"), LoadError::WrongContract(_)));
    assert!(matches!(load("empty-interface"), LoadError::WrongContract(_)));
    let LoadError::WrongContract(sentence) = load("other-version") else {
        panic!("a version that nobody speaks");
    };
    assert!(sentence.contains("9.0.0") && sentence.contains("1.0.0"), "{sentence}");
    let LoadError::Imports(import) = load("imports-wasi") else {
        panic!("modules import nothing");
    };
    assert_eq!(import, "wasi:clocks/wall-clock@0.2.0");
    assert!(matches!(load("core-module"), LoadError::NotAComponent(_)));
    assert!(matches!(engine.load(&framed("spin-at-start")), Err(LoadError::NoDescription(PolicyFailure::OutOfFuel))));
    assert!(matches!(engine.load(b""), Err(LoadError::NotAComponent(_))));
    assert!(matches!(engine.load(b"\0asm and so on"), Err(LoadError::NotAComponent(_))));
    let oversized = vec![0; limits::MAX_MODULE_BYTES + 1];
    assert!(matches!(engine.load(&oversized), Err(LoadError::TooLarge)));

    assert_eq!(engine.modules().len(), before);
    healthy(&engine).await;
}

/// So many core modules of so many functions each, the smallest there are.
fn of_functions(modules: usize, functions: usize) -> Vec<u8> {
    let number = |mut value: usize| {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(u8::try_from(value % 0x80).expect("seven bits") | 0x80);
            value /= 0x80;
        }
        bytes.push(u8::try_from(value).expect("seven bits"));
        bytes
    };
    let section = |id: u8, body: &[u8]| [&[id][..], &number(body.len()), body].concat();
    let list = |entry: &[u8]| [number(functions), entry.repeat(functions)].concat();
    let (types, bodies) = (section(1, &[1, 0x60, 0, 0]), section(10, &list(&[2, 0, 11])));
    let core = [b"\0asm\x01\0\0\0".to_vec(), types, section(3, &list(&[0])), bodies].concat();
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &core).repeat(modules)].concat()
}

/// As many functions as fit into the largest module, in one core module and in several: counted by the headers of their
/// sections, before anything is compiled, and before a process is started for it.
#[tokio::test]
async fn a_million_functions_are_refused_at_once() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    let host = host(Isolation::Full, &[], None);
    for (modules, functions) in [(1, 1_000_000), (8, 125_000)] {
        let bytes = of_functions(modules, functions);
        assert!(bytes.len() <= limits::MAX_MODULE_BYTES);
        let began = Instant::now();
        assert!(matches!(engine.load(&bytes), Err(LoadError::TooManyFunctions)));
        let Err(ModuleError::Refused(why)) = host.admit(bytes.into(), None).await else { panic!("it is refused") };
        assert!(why.contains("more than 131072 functions"), "{why}");
        assert!(began.elapsed() < WORST / 2, "{:?}", began.elapsed());
    }
    healthy(&engine).await;
    healthy(&host).await;
}

#[tokio::test]
async fn truncated_and_flipped_modules_never_panic() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    let whole = framed("trap");
    // Some of these are modules; what counts is that each is looked at and the host lives.
    for length in (0..whole.len()).step_by(5) {
        let outcome = engine.load(&whole[..length]);
        assert!(!matches!(outcome, Err(LoadError::TooMany)));
        // Where names are all that is cut off, it is a module still.
        assert!(outcome.is_err() || length > whole.len() / 2, "{length} bytes of it");
    }
    for position in (0..whole.len()).step_by(17) {
        let mut flipped = whole.clone();
        flipped[position] ^= 0x55;
        let outcome = engine.load(&flipped);
        assert!(!matches!(outcome, Err(LoadError::TooMany)));
    }
    healthy(&engine).await;
}
