//! Bytes in a module's memory as it answers: read out by the contract's types, checked and cut.
//!
//! The first byte says what is asked: the settings, or so many requests.

#![no_main]

mod policies;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use strongroom_domain::policy::{ModuleDigest, PolicyEngine};
use strongroom_policy_host::{WasmPolicyEngine, limits};

static MIRROR: LazyLock<(WasmPolicyEngine, ModuleDigest)> = LazyLock::new(|| {
    let engine = policies::engine();
    let digest = engine.load(&policies::mirror()).expect("it keeps the contract");
    (engine, digest)
});

/// What the hostile answers of the corpus put into their memory from 0x20000 on.
fn write_seeds() {
    let Some(folder) = policies::seeds() else { return };
    for name in policies::fixtures::names() {
        let memory = memory(&policies::fixtures::fixture(&name));
        if !memory.is_empty() {
            for first in [0, 1, 2] {
                let seed = [[first].as_slice(), &memory].concat();
                std::fs::write(folder.join(format!("{name}-{first}")), seed).expect("a seed is written");
            }
        }
    }
}

/// The data of a fixture's text that lies from 0x20000 on.
fn memory(text: &str) -> Vec<u8> {
    let mut memory = Vec::new();
    for part in text.split("(data (i32.const 0x").skip(1) {
        let Some((place, rest)) = part.split_once(')') else { continue };
        let Some(place) = usize::from_str_radix(place, 16).ok().and_then(|place| place.checked_sub(0x2_0000)) else {
            continue;
        };
        let strings = rest.split(')').next().unwrap_or_default().split('"');
        let bytes: Vec<u8> = strings.skip(1).step_by(2).flat_map(unescaped).collect();
        if place + bytes.len() < 0x1000 {
            memory.resize(memory.len().max(place + bytes.len()), 0);
            memory[place..place + bytes.len()].copy_from_slice(&bytes);
        }
    }
    memory
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'\\') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

fuzz_target!(init: write_seeds(), |bytes: &[u8]| {
    let Some((first, answer)) = bytes.split_first() else { return };
    let (engine, mirror) = &*MIRROR;
    let attachment = policies::attach(*mirror, policies::spelled(answer));
    policies::now(async {
        let requests = usize::from(first % 4);
        if requests == 0 {
            if let Err(why) = engine.check(&attachment).await {
                assert!(why.sentence.is_none_or(|text| text.chars().count() <= limits::MAX_TEXT));
            }
        } else if let Ok(answers) = engine.decide(&attachment, &vec![policies::request(); requests]).await {
            assert_eq!(answers.len(), requests);
            policies::assert_bounded(&answers);
        }
    });
});
