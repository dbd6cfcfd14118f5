//! What every implementation of the `PolicyEngine` port has to do, whatever process it runs in.

use strongroom_domain::policy::{Effect, MAX_SETTINGS_BYTES, ModuleDigest, PolicyEngine, PolicyFailure};
use strongroom_policy_host::{WasmPolicyEngine, limits};

use crate::support::{attach, request, shipped_digest};

/// The suite. The engine has the modules that ship.
async fn policy_engine_contract(engine: &dyn PolicyEngine) {
    let naming = shipped_digest("naming-convention");
    let rules = r#"{"allowed_names":["db-*"],"required_tags":["owner"]}"#;

    // Answers come in the order and number of the requests, however many there are.
    let mut other = request();
    other.object.name = "scratch".to_owned();
    let mut read = request();
    read.action = "Microsoft.KeyVault/vaults/secrets/getSecret/action".to_owned();
    let mixed = [request(), read, other.clone(), request()];
    let effects = [Effect::Allow, Effect::Abstain, Effect::Deny, Effect::Allow];
    for times in [0, 1, 2, 25, limits::MAX_BATCH] {
        let requests = mixed.iter().cycle().take(times * mixed.len()).cloned().collect::<Vec<_>>();
        let answers = engine.decide(&attach(naming, rules), &requests).await.expect("answers");
        let found = answers.iter().map(|answer| answer.effect).collect::<Vec<_>>();
        let expected = effects.iter().cycle().take(times * mixed.len()).copied().collect::<Vec<_>>();
        assert_eq!(found, expected);
    }

    // Same arguments, same answer, fuel included.
    let attachment = attach(naming, rules);
    let first = engine.decide(&attachment, &mixed).await.expect("answers");
    for _ in 0..10 {
        assert_eq!(engine.decide(&attachment, &mixed).await.expect("answers"), first);
    }
    assert!(first.iter().all(|answer| answer.fuel > 0));

    // A denial says why, in a code and a sentence, and on what it rests.
    let denial = engine.decide(&attachment, &[other]).await.expect("answers").remove(0);
    assert_eq!(denial.reason_code, "name-not-allowed");
    assert!(!denial.sentence.is_empty());
    assert_eq!(denial.relied_on, ["object.name"]);

    // Settings of one attachment are not those of another one.
    let open = engine.decide(&attach(naming, "{}"), &mixed).await.expect("answers");
    assert!(open.iter().all(|answer| answer.effect != Effect::Deny));

    // What cannot be judged is a failure.
    let nobody = attach(ModuleDigest([7; 32]), "{}");
    assert_eq!(engine.decide(&nobody, &[request()]).await, Err(PolicyFailure::Missing));
    assert_eq!(engine.check(&nobody).await, Err(PolicyFailure::Missing));
    let oversized = format!("{{}}{}", " ".repeat(MAX_SETTINGS_BYTES));
    for settings in ["not json", "[]", r#"{"unknown":1}"#, oversized.as_str()] {
        let bad = attach(naming, settings);
        assert_eq!(engine.check(&bad).await, Err(PolicyFailure::BadSettings), "{settings}");
        let decided = engine.decide(&bad, &[request()]).await;
        assert_eq!(decided, Err(PolicyFailure::BadSettings), "{settings}");
    }
    assert_eq!(engine.check(&attachment).await, Ok(()));
}

#[tokio::test]
async fn the_wasm_engine_keeps_the_contract_of_the_port() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    policy_engine_contract(&engine).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_decisions_at_once_neither_fail_nor_differ() {
    let engine = std::sync::Arc::new(WasmPolicyEngine::with_shipped().expect("a host"));
    let attachment = attach(shipped_digest("enforce-expiry"), r#"{"max_days":90}"#);
    let expected = engine.decide(&attachment, &[request()]).await;
    assert!(expected.is_ok());
    let tasks = (0..400)
        .map(|_| {
            let (engine, attachment) = (engine.clone(), attachment.clone());
            tokio::spawn(async move { engine.decide(&attachment, &[request()]).await })
        })
        .collect::<Vec<_>>();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), expected);
    }
}

#[tokio::test]
async fn a_module_is_only_given_the_facts_it_asked_for() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    let attachment = attach(shipped_digest("enforce-expiry"), r#"{"max_days":90}"#);
    let lean = engine.decide(&attachment, &[request()]).await.expect("an answer");
    let mut crowded = request();
    crowded.principal.groups = (0..200).map(|group| format!("group-{group}")).collect();
    // It wants no groups, so more of them cost it nothing.
    let answer = engine.decide(&attachment, &[crowded]).await.expect("an answer");
    assert_eq!(answer, lean);
}
