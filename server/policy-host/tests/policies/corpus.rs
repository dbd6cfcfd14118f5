//! The corpus of hostile modules: every fixture says itself, in its second line, what must become of it, and
//! after each a benign module answers as if nothing had been.

use std::time::{Duration, Instant};

use strongroom_domain::policy::{Effect, PolicyEngine, PolicyFailure};
use strongroom_policy_host::{WasmPolicyEngine, limits};

use crate::fixtures::{component, fixture, names};
use crate::support::{attach, request, shipped_digest};

/// No module may hold a thread for longer: the backstop, and slack for a loaded machine.
const WORST: Duration = Duration::from_secs(2);

/// What must become of a fixture.
pub(crate) fn expectation(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix(";; => "))
}

/// Whether a failure is one of `CODE or CODE`, or the clock's on a machine that stood still.
fn is_one_of(failure: PolicyFailure, codes: &str, took: Duration) -> bool {
    let stood_still = took >= limits::TICK * 5 && failure == PolicyFailure::TimedOut;
    stood_still || codes.split(" or ").any(|code| code == failure.reason_code())
}

#[tokio::test]
async fn every_hostile_module_is_refused_or_denied_by_name_and_harms_nobody() {
    let engine = WasmPolicyEngine::with_shipped().expect("a host");
    let benign = attach(shipped_digest("naming-convention"), "{}");
    let expected = engine.decide(&benign, &[request()]).await.expect("an answer");
    let (names, mut wrong) = (names(), Vec::new());
    assert!(names.len() >= 60, "{} hostile modules", names.len());
    for name in &names {
        let text = fixture(name);
        let Some(expectation) = expectation(&text) else {
            wrong.push(format!("{name} does not say what must become of it"));
            continue;
        };
        let bytes = component(name, &text);
        let began = Instant::now();
        let found = become_of(&engine, &bytes, expectation).await;
        let took = began.elapsed();
        if let Err(found) = found {
            wrong.push(format!("{name}: {found}, and not {expectation}"));
        }
        // Loading compiles, which takes its time in a build for development.
        if took > 2 * WORST {
            wrong.push(format!("{name} took {took:?}"));
        }
        assert_eq!(engine.decide(&benign, &[request()]).await.as_ref(), Ok(&expected), "after {name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn become_of(engine: &WasmPolicyEngine, bytes: &[u8], expectation: &str) -> Result<(), String> {
    let loaded = engine.load(bytes);
    if let Some(why) = expectation.strip_prefix("refused: ") {
        return match loaded {
            Err(error) => {
                let said = format!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string));
                if said.contains(why) { Ok(()) } else { Err(format!("it is refused because {said}")) }
            }
            Ok(_) => Err("it is loaded".to_owned()),
        };
    }
    let digest = loaded.map_err(|error| format!("it is not loaded: {error}"))?;
    let attachment = attach(digest, "{}");
    if let Some(codes) = expectation.strip_prefix("check: ") {
        let began = Instant::now();
        return match engine.check(&attachment).await {
            Err(why) if is_one_of(why.failure, codes, began.elapsed()) => Ok(()),
            other => Err(format!("checking its settings gives {other:?}")),
        };
    }
    // Twice: a stopped instance must leave nothing behind.
    for _ in 0..2 {
        let began = Instant::now();
        let decided = engine.decide(&attachment, &[request()]).await;
        let took = began.elapsed();
        match (decided, expectation.strip_prefix("decide: ")) {
            (Err(failure), Some(codes)) if is_one_of(failure, codes, took) => {}
            (Ok(answers), None) if expectation == "harmless" => {
                let texts = answers.iter().flat_map(|answer| [&answer.reason_code, &answer.sentence]);
                if texts.into_iter().any(|text| text.chars().any(|one| one.is_control() || one == '\u{202e}')) {
                    return Err("it forges the text of its answer".to_owned());
                }
                if answers.iter().any(|answer| answer.effect == Effect::Deny && answer.sentence.is_empty()) {
                    return Err("it found what it looked for".to_owned());
                }
            }
            (other, _) => return Err(format!("it decides {other:?}")),
        }
        if took > WORST {
            return Err(format!("it takes {took:?}"));
        }
    }
    Ok(())
}
