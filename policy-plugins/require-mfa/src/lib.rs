//! `require-mfa`: whoever asks has signed in strongly enough, and not too long ago.
//!
//! It looks at the claims `acr`, `amr` and `auth_time`, so the issuer's mapping must select those that the
//! settings name. A claim that is not there counts as not satisfied. Workloads cannot sign in again,
//! so they are judged only where the settings say so.

use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, Policy, Request, StepUp, export_policy, facts, matches};

/// Most entries in one setting, and longest of them in bytes.
const MAX_ENTRIES: usize = 8;
const MAX_ENTRY_BYTES: usize = 128;
/// Longest age of a sign-in that may be set: a year, in seconds.
const MAX_AGE: u32 = 31_536_000;

/// What a sign-in must be like.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// One of these authentication context classes; an empty list asks for none.
    pub acr: Vec<String>,
    /// One of these authentication methods; an empty list asks for none.
    pub amr: Vec<String>,
    /// How long ago it may be, seconds.
    pub max_age: Option<u32>,
    /// For which actions: patterns in which `*` stands for any text; an empty list is all actions.
    pub actions: Vec<String>,
    /// Whether workloads are judged as well as people.
    pub workloads: bool,
}

/// The module.
#[derive(Debug)]
pub struct RequireMfa;

impl Policy for RequireMfa {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "require-mfa",
        env!("CARGO_PKG_VERSION"),
        "Whoever asks has signed in strongly enough, and not too long ago.",
    )
    .facts(&[facts::CLAIMS])
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        let principal = &request.principal;
        if principal.kind != "user" && !(settings.workloads && principal.kind == "workload") {
            return Answer::abstain("not-a-person").relied_on("principal.kind");
        }
        let judged = |actions: &[String]| actions.iter().any(|action| matches(action, &request.action));
        if !settings.actions.is_empty() && !judged(&settings.actions) {
            return Answer::abstain("action-not-judged");
        }
        // A list in a token is one text here, its members separated by blanks.
        let has_one_of = |claim: &str, wanted: &[String]| {
            let held = principal.claim(claim).unwrap_or_default();
            wanted.is_empty() || held.split(' ').any(|one| wanted.iter().any(|wanted| wanted == one))
        };
        if !has_one_of("acr", &settings.acr) {
            return refuse(settings, "acr-too-weak", "Sign in with a stronger method to do this.", "acr");
        }
        if !has_one_of("amr", &settings.amr) {
            return refuse(settings, "amr-missing", "Sign in with a second factor to do this.", "amr");
        }
        if let Some(max_age) = settings.max_age {
            let at = principal.claim("auth_time").and_then(|text| text.parse::<i64>().ok());
            // A sign-in in the future is no sign-in.
            let age =
                at.and_then(|at| request.time.checked_sub(at)).filter(|age| (-60..=i64::from(max_age)).contains(age));
            if age.is_none() {
                return refuse(settings, "sign-in-too-old", "Sign in again to do this.", "auth_time");
            }
        }
        Answer::allow("signed-in-strongly").relied_on("principal.claims")
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        let Settings { acr, amr, max_age, actions, .. } = settings;
        for (setting, entries) in [("acr", acr), ("amr", amr), ("actions", actions)] {
            if entries.len() > MAX_ENTRIES {
                return Err(format!("{setting} has more than {MAX_ENTRIES} entries"));
            }
            let unfit = |entry: &String| {
                !(1..=MAX_ENTRY_BYTES).contains(&entry.len()) || !entry.bytes().all(|byte| byte.is_ascii_graphic())
            };
            if entries.iter().any(unfit) {
                return Err(format!("an entry of {setting} is not 1 to {MAX_ENTRY_BYTES} printable characters"));
            }
        }
        if max_age.is_some_and(|age| !(1..=MAX_AGE).contains(&age)) {
            return Err(format!("max_age is 1 to {MAX_AGE}"));
        }
        if acr.is_empty() && amr.is_empty() && max_age.is_none() {
            return Err("one of acr, amr and max_age must be set".to_owned());
        }
        Ok(())
    }
}

/// A denial that says how to sign in.
fn refuse(settings: &Settings, code: &str, sentence: &str, claim: &str) -> Answer {
    let Settings { acr, amr, max_age, .. } = settings;
    Answer::deny(code, sentence).relied_on(format!("principal.claims.{claim}")).step_up(StepUp {
        acr: acr.clone(),
        amr: amr.clone(),
        max_age: *max_age,
    })
}

export_policy!(RequireMfa);
