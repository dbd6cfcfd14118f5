//! Runs each module's golden cases against the bytes that ship and, where
//! `policy-plugins/build.sh --check` says so, against bytes built a moment ago.

use serde::Deserialize;
use serde_json::Value;
use strongroom_domain::policy::{Effect, PolicyEngine, PolicyFailure, PolicyRequest};
use strongroom_policy_host::{WasmPolicyEngine, shipped};

use crate::support::{attach, guests};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoldenFile {
    base: Value,
    cases: Vec<Case>,
    refused_settings: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    settings: Value,
    with: Value,
    effect: Effect,
    reason_code: String,
}

async fn run(name: &str, bytes: &[u8]) {
    let path = guests().join(name).join("golden.json");
    let text = std::fs::read_to_string(path).expect("a golden file for each module");
    let file: GoldenFile = serde_json::from_str(&text).expect("its shape");
    let engine = WasmPolicyEngine::new().expect("a host");
    let digest = engine.load(bytes).expect("the module loads");
    assert_eq!(engine.description(&digest).expect("loaded").name, name);

    assert!(!file.cases.is_empty());
    for case in &file.cases {
        let mut json = file.base.clone();
        merge(&mut json, &case.with);
        let request: PolicyRequest = serde_json::from_value(json).expect(&case.name);
        let attachment = attach(digest, &case.settings.to_string());
        engine.check(&attachment).await.expect(&case.name);
        let answers = engine.decide(&attachment, std::slice::from_ref(&request)).await.expect(&case.name);
        let found = answers.iter().map(|answer| (answer.effect, answer.reason_code.as_str())).collect::<Vec<_>>();
        assert_eq!(found, [(case.effect, case.reason_code.as_str())], "{}", case.name);
    }
    for settings in &file.refused_settings {
        let attachment = attach(digest, &settings.to_string());
        assert_eq!(engine.check(&attachment).await, Err(PolicyFailure::BadSettings), "{settings}");
    }
}

/// RFC 7396: objects are merged, null removes, anything else replaces.
fn merge(target: &mut Value, patch: &Value) {
    let (Some(members), Value::Object(changes)) = (target.as_object_mut(), patch) else {
        *target = patch.clone();
        return;
    };
    for (name, change) in changes {
        if change.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[tokio::test]
async fn golden_cases_of_the_shipped_modules() {
    for module in shipped() {
        run(module.name, module.bytes).await;
    }
}

#[tokio::test]
async fn golden_cases_of_rebuilt_modules() {
    let Some(folder) = std::env::var_os("STRONGROOM_REBUILT_POLICIES") else {
        return;
    };
    for module in shipped() {
        let file = std::path::Path::new(&folder).join(format!("{}.wasm", module.name));
        run(module.name, &std::fs::read(file).expect("it was rebuilt")).await;
    }
}
