//! Messages between the server and its policy child, each read by the end that it is for.
//!
//! The first byte says which: a question to the child, its answer, or what crosses on the control socket.

#![no_main]

mod policies;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use strongroom_domain::policy::ModuleDigest;
use strongroom_policy_host::fuzzed::{believed_of_child, control_reads, question, reply_of_child};
use strongroom_policy_host::{WasmPolicyEngine, limits};

/// An engine with a module that keeps the contract, and one that mirrors its settings.
static ENGINE: LazyLock<(WasmPolicyEngine, [ModuleDigest; 2])> = LazyLock::new(|| {
    let engine = policies::engine();
    let modules = [policies::fixtures::in_frame("frame", "(module)"), policies::mirror()];
    let modules = modules.map(|module| engine.load(&module).expect("it keeps the contract"));
    (engine, modules)
});

/// Questions of every sort, and what the child says to them.
fn write_seeds() {
    let Some(folder) = policies::seeds() else { return };
    let (engine, modules) = &*ENGINE;
    let unknown = ModuleDigest([7; 32]);
    for (number, module) in modules.iter().chain([&unknown]).enumerate() {
        for requests in 0..3 {
            let asked = question(*module, "{}", &vec![policies::request(); requests]).expect("a message");
            let replied = reply_of_child(engine, &asked).expect("a reply");
            for (first, message) in [(0, asked), (17 + 4 * requests, replied)] {
                let first = u8::try_from(first).expect("a small number");
                let seed = [[first].as_slice(), &message].concat();
                std::fs::write(folder.join(format!("{number}-{requests}-{first}")), seed).expect("a seed is written");
            }
        }
    }
}

/// What is believed is bounded, and is what was asked for.
fn believe(message: &[u8], modules: usize, requests: usize, until_denied: bool) -> bool {
    let Some(believed) = believed_of_child(message, modules, requests, until_denied) else { return false };
    if let Ok(judged) = believed.judged {
        assert!(judged.len() <= modules);
        for answers in judged.iter().flatten() {
            assert_eq!(answers.len(), requests);
            policies::assert_bounded(answers);
        }
    }
    if let Err(why) = believed.checked {
        assert!(why.sentence.is_none_or(|text| text.chars().count() <= limits::MAX_TEXT));
    }
    true
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let Some((first, message)) = bytes.split_first() else { return };
    let (modules, requests, until_denied) = (usize::from(first >> 4), usize::from(first >> 2 & 3), first & 1 == 0);
    match first & 3 {
        0 => {
            if let Some(reply) = reply_of_child(&ENGINE.0, message) {
                assert!(believe(&reply, modules, requests, until_denied), "the server reads what its child says");
            }
        }
        1 | 2 => {
            believe(message, modules, requests, until_denied);
        }
        _ => {
            control_reads(message);
        }
    }
});
