//! `rate-guard`: nobody takes out a vault in one go, and nobody goes on guessing.
//!
//! It counts what is on record, so requests that are under way are not seen yet: a burst may go over by as
//! many as are judged at once. Denials count as requests, this module's own included: whoever goes on asking
//! stays out, and nobody can keep out anybody but themselves.

use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, Policy, Request, Severity, export_policy, matches};

/// Requests of the principal in the vault within the last minute.
const LAST_MINUTE: &str = "count/principal/any/60";
/// Denials of the principal in the vault within the last five minutes.
const DENIED_LATELY: &str = "count/principal/denied/300";
/// Highest bound that may be set: where a server stops counting, so a higher one would never be reached.
const MAX_COUNT: u32 = 10_000;
/// Most patterns, and longest of them in bytes.
const MAX_ACTIONS: usize = 8;
const MAX_PATTERN_BYTES: usize = 128;

/// How much is too much.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Most requests of one principal in the vault within a minute.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// Most denials of one principal in the vault within five minutes.
    #[serde(default)]
    pub denied_in_five_minutes: Option<u32>,
    /// For which actions: patterns in which `*` stands for any text; an empty list is all actions.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Whether a denial raises an alert.
    #[serde(default = "yes")]
    pub alert: bool,
}

fn yes() -> bool {
    true
}

/// The module.
#[derive(Debug)]
pub struct RateGuard;

impl Policy for RateGuard {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "rate-guard",
        env!("CARGO_PKG_VERSION"),
        "Nobody asks for too much in a short time, and nobody goes on guessing.",
    )
    .facts(&[LAST_MINUTE, DENIED_LATELY])
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        let judged = |action: &String| matches(action, &request.action);
        if !settings.actions.is_empty() && !settings.actions.iter().any(judged) {
            return Answer::abstain("action-not-judged");
        }
        // There is no vault yet that requests would be counted in.
        let (Some(asked), Some(denied)) = (request.number(LAST_MINUTE), request.number(DENIED_LATELY)) else {
            return Answer::abstain("nothing-counted");
        };
        if settings.denied_in_five_minutes.is_some_and(|most| denied >= i64::from(most)) {
            let sentence = "You were denied too often. Wait five minutes without asking.";
            return refuse(settings, "too-many-denials", sentence, DENIED_LATELY);
        }
        if settings.per_minute.is_some_and(|most| asked >= i64::from(most)) {
            return refuse(settings, "too-many-requests", "You ask too often. Wait a minute.", LAST_MINUTE);
        }
        Answer::allow("within-limits").relied_on(format!("facts.{LAST_MINUTE}")).relied_on(format!("facts.{DENIED_LATELY}"))
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        let bounds = [settings.per_minute, settings.denied_in_five_minutes];
        if bounds.iter().all(Option::is_none) {
            return Err("one of per_minute and denied_in_five_minutes must be set".to_owned());
        }
        if bounds.iter().flatten().any(|bound| !(1..=MAX_COUNT).contains(bound)) {
            return Err(format!("a bound is 1 to {MAX_COUNT}"));
        }
        if settings.actions.len() > MAX_ACTIONS {
            return Err(format!("actions has more than {MAX_ACTIONS} entries"));
        }
        if settings.actions.iter().any(|action| !(1..=MAX_PATTERN_BYTES).contains(&action.len())) {
            return Err(format!("an entry of actions is not 1 to {MAX_PATTERN_BYTES} bytes"));
        }
        Ok(())
    }
}

fn refuse(settings: &Settings, code: &str, sentence: &str, fact: &str) -> Answer {
    let answer = Answer::deny(code, sentence).relied_on(format!("facts.{fact}"));
    if settings.alert { answer.alert(Severity::Medium, format!("A principal is kept out: {code}.")) } else { answer }
}

export_policy!(RateGuard);
