//! What every implementation of the `PolicyEngine` port has to do, whatever process it runs in.

use strongroom_domain::policy::{
    Effect, MAX_SETTINGS_BYTES, ModuleDigest, PolicyAttachment, PolicyEngine, PolicyFailure,
};
use strongroom_policy_host::{Isolation, PolicyHost, WasmPolicyEngine, limits, understood};

use crate::support::{attach, digest_of, framed, host, request, shipped_digest};

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

    // Who would be asked is known without asking; of a module that is not there nothing is.
    let passed: Vec<_> = mixed.iter().map(|request| engine.passes_over(&naming, request)).collect();
    assert_eq!(passed, [false, true, false, false]);
    assert!(!engine.passes_over(&ModuleDigest([7; 32]), &mixed[1]));
    assert!(engine.wants(&naming, &mixed[0].action) && !engine.wants(&naming, &mixed[1].action));

    // What cannot be judged is a failure.
    let nobody = attach(ModuleDigest([7; 32]), "{}");
    assert_eq!(engine.decide(&nobody, &[request()]).await, Err(PolicyFailure::Missing));
    assert_eq!(engine.check(&nobody).await, Err(PolicyFailure::Missing.into()));
    let oversized = format!("{{}}{}", " ".repeat(MAX_SETTINGS_BYTES));
    for (settings, said) in [
        ("not json", "not JSON"),
        ("[]", "schema: type: object"),
        (r#"{"unknown":1}"#, "schema at /unknown: additionalProperties"),
        (r#"{"required_tags":["owner",7]}"#, "schema at /required_tags/1: type: string"),
        (oversized.as_str(), ""),
    ] {
        let bad = attach(naming, settings);
        let unfit = engine.check(&bad).await.expect_err("such settings are refused");
        assert_eq!(unfit.failure, PolicyFailure::BadSettings, "{settings}");
        let sentence = unfit.sentence.unwrap_or_default();
        assert!(sentence.contains(said), "place and rule are named: {settings}: {sentence}");
        let decided = engine.decide(&bad, &[request()]).await;
        assert_eq!(decided, Err(PolicyFailure::BadSettings), "{settings}");
    }
    // What no schema of this sort can say, the module does.
    let hours = r#"{"utc_offset":0,"hours":[{"days":["mon"],"from":"99:00","until":"18:00"}]}"#;
    let unfit = engine.check(&attach(shipped_digest("office-hours"), hours)).await.expect_err("there is no such hour");
    assert!(unfit.sentence.is_some_and(|sentence| !sentence.contains("schema")));
    assert_eq!(engine.check(&attachment).await, Ok(()));
}

/// Every schema that ships or ever shipped is one that settings are checked against.
#[test]
fn the_schemas_of_shipped_modules_are_understood() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    for (_, description) in engine.modules() {
        assert_eq!(understood(&description.settings_schema), Ok(()), "{}", description.name);
    }
    assert_eq!(understood(r#"{ "title": "two\nlines, and some 日本語" }"#), Ok(()));
    for hides in [r#"{ "title": "a\u202eb" }"#, "{ \"properties\": { \"a\u{200b}\": {} } }"] {
        assert!(understood(hides).is_err_and(|why| why.to_string().contains("nobody sees")), "{hides}");
    }
}

#[tokio::test]
async fn the_wasm_engine_keeps_the_contract_of_the_port() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    policy_engine_contract(&engine).await;
}

#[tokio::test]
async fn the_host_keeps_the_contract_of_the_port_wherever_modules_run() {
    for isolation in [Isolation::Full, Isolation::Process, Isolation::None] {
        policy_engine_contract(&host(isolation, &[], None)).await;
    }
}

/// Where modules run changes neither an answer nor the fuel it took.
#[tokio::test]
async fn long_batches_are_judged_alike_in_a_child_and_here() {
    let (child, here) = (host(Isolation::Full, &[], None), WasmPolicyEngine::with_shipped().expect("a host"));
    let mut requests = Vec::new();
    for index in 0..150_usize {
        let mut request = request();
        request.principal.groups = (0..index).map(|group| format!("{group}-{}", "g".repeat(index * 4))).collect();
        requests.push(request);
    }
    let attachment = attach(shipped_digest("naming-convention"), r#"{"required_tags":["owner"]}"#);
    let answers = child.decide(&attachment, &requests).await.expect("answers");
    assert_eq!(answers.len(), requests.len());
    assert_eq!(Ok(answers), here.decide(&attachment, &requests).await);
}

/// Several modules about one request: in order, up to the first that denies or fails.
#[tokio::test]
async fn modules_are_asked_in_order_until_one_denies() {
    let (naming, expiry) = (shipped_digest("naming-convention"), shipped_digest("enforce-expiry"));
    let (fine, denies) = (attach(naming, "{}"), attach(expiry, r#"{"max_days":90}"#));
    let missing = attach(ModuleDigest([7; 32]), "{}");
    for isolation in [Isolation::Full, Isolation::None] {
        let host = host(isolation, &[], None);
        let effects = async |attachments: &[&PolicyAttachment]| {
            let judged = host.judge(attachments, &request()).await;
            let ran = judged.iter().map(|said| (said.answer == Err(PolicyFailure::Missing), said.micros.is_none()));
            assert!(ran.clone().all(|(missing, not_timed)| missing == not_timed), "what ran was timed");
            judged.into_iter().map(|said| said.answer.map(|answer| answer.effect)).collect::<Vec<_>>()
        };
        assert_eq!(effects(&[]).await, []);
        assert_eq!(effects(&[&fine, &fine]).await, [Ok(Effect::Allow), Ok(Effect::Allow)]);
        assert_eq!(effects(&[&fine, &denies, &fine]).await, [Ok(Effect::Allow), Ok(Effect::Deny)]);
        assert_eq!(effects(&[&fine, &missing, &fine]).await, [Ok(Effect::Allow), Err(PolicyFailure::Missing)]);
    }
}

/// A module is tried with what it wants to see, not with what it is never asked about.
#[tokio::test]
async fn what_fails_at_all_it_wants_to_see_is_not_fit_to_be_attached() {
    let modules = [framed("trap-on-creates")];
    for isolation in [Isolation::Full, Isolation::None] {
        let host = host(isolation, &modules, None);
        let attachment = attach(digest_of(&modules[0]), "{}");
        assert_eq!(host.check(&attachment).await, Err(PolicyFailure::Trap.into()), "{isolation:?}");
        let answers = host.decide(&attachment, &[request()]).await.expect("nobody asks it about a secret");
        assert_eq!(answers[0].effect, Effect::Abstain);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_decisions_at_once_neither_fail_nor_differ() {
    for isolation in [Isolation::Full, Isolation::None] {
        many_at_once(host(isolation, &[], None)).await;
    }
}

async fn many_at_once(engine: PolicyHost) {
    let engine = std::sync::Arc::new(engine);
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
