//! Runs each module's golden cases against the bytes that ship, against those that earlier releases shipped
//! and, where `policy-plugins/build.sh --check` says so, against bytes built a moment ago.

use strongroom_domain::policy::{Effect, ModuleDigest};
use strongroom_policy_host::{GoldenFile, WasmPolicyEngine, released, shipped};

use crate::support::guests;

async fn run(name: &str, bytes: &[u8], cases: &str) {
    let text = std::fs::read_to_string(guests().join(cases)).expect("a golden file for each module");
    let file = GoldenFile::parse(&text).expect("its shape");
    let engine = WasmPolicyEngine::new().expect("a host");
    let digest: ModuleDigest = engine.load(bytes).expect("the module loads");
    assert_eq!(engine.description(&digest).expect("loaded").name, name);
    let run = file.run(&engine, digest).await;
    assert_eq!(run.failed, Vec::<String>::new(), "{name}");
    assert!(run.passed > 0);
    // Not every module abstains; each allows and denies.
    let missing = run.effects_not_covered.iter().filter(|effect| **effect != Effect::Abstain);
    assert_eq!(missing.count(), 0, "{name}");
}

#[tokio::test]
async fn golden_cases_of_the_shipped_modules() {
    for module in shipped() {
        run(module.name, module.bytes, &format!("{}/golden.json", module.name)).await;
    }
}

#[tokio::test]
async fn golden_cases_of_what_earlier_releases_shipped() {
    for module in released() {
        run(module.name, module.bytes, &format!("released/0.1.0/{}.golden.json", module.name)).await;
    }
}

#[tokio::test]
async fn golden_cases_of_rebuilt_modules() {
    let Some(folder) = std::env::var_os("STRONGROOM_REBUILT_POLICIES") else {
        return;
    };
    for module in shipped() {
        let file = std::path::Path::new(&folder).join(format!("{}.wasm", module.name));
        let bytes = std::fs::read(file).expect("it was rebuilt");
        run(module.name, &bytes, &format!("{}/golden.json", module.name)).await;
    }
}
