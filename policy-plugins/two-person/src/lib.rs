//! `two-person`: what matters most takes two.
//!
//! Whoever asks needs the approval of other people, each of whom is somebody else by issuer and subject. The
//! server keeps the requests and tells which approvals there are for exactly this principal, operation and object;
//! this module counts those that are in their time. Approving needs no approval, or nobody could.

use std::collections::BTreeSet;

use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, Policy, Request, export_policy, facts, matches};

/// Approving, and seeing what waits for it.
const APPROVING: &str = "Strongroom/vaults/approvals/*";
/// Most patterns in one setting, and longest of them in bytes.
const MAX_PATTERNS: usize = 16;
const MAX_PATTERN_BYTES: usize = 128;
/// Most people who may have to approve.
const MAX_APPROVERS: u32 = 8;
/// For how long an approval may count, in seconds: a minute to a week.
const VALID_FOR: std::ops::RangeInclusive<u32> = 60..=604_800;

/// What takes two, and how long they agree for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// For which actions: patterns in which `*` stands for any text; an empty list is all actions.
    #[serde(default)]
    pub actions: Vec<String>,
    /// For which names of objects: patterns as above; an empty list is all objects, and collections.
    #[serde(default)]
    pub names: Vec<String>,
    /// How many other people have to approve.
    #[serde(default = "one")]
    pub approvers: u32,
    /// For how long an approval counts, in seconds.
    #[serde(default = "an_hour")]
    pub valid_for: u32,
}

fn one() -> u32 {
    1
}

fn an_hour() -> u32 {
    3600
}

/// The module.
#[derive(Debug)]
pub struct TwoPerson;

impl Policy for TwoPerson {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "two-person",
        env!("CARGO_PKG_VERSION"),
        "What matters most takes the approval of somebody else, for a while.",
    )
    .facts(&[facts::APPROVALS])
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        let one_of = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, text))
        };
        if matches(APPROVING, &request.action) {
            return Answer::abstain("approving-needs-no-approval");
        }
        // A new version that is due by a policy: the policy was approved when somebody set it, and nobody asks now.
        if request.principal.kind == "system" {
            return Answer::abstain("nobody-asks").relied_on("principal.kind");
        }
        if !one_of(&settings.actions, &request.action) {
            return Answer::abstain("action-not-judged");
        }
        if !one_of(&settings.names, &request.object.name) {
            return Answer::abstain("name-not-judged");
        }
        let own = (&request.principal.issuer, &request.principal.subject);
        let now = request.time;
        let counts = |granted: i64, until: i64| {
            let age = now.checked_sub(granted);
            age.is_some_and(|age| (0..i64::from(settings.valid_for)).contains(&age)) && now < until
        };
        let others: BTreeSet<_> = request
            .approvals
            .iter()
            .filter(|approval| counts(approval.granted, approval.until))
            .map(|approval| (&approval.issuer, &approval.subject))
            .filter(|other| *other != own)
            .collect();
        if others.len() >= settings.approvers as usize {
            return Answer::allow("approved").relied_on("approvals");
        }
        Answer::deny("approval-needed", "Somebody else has to approve this first.")
            .relied_on("approvals")
            .require_approval(settings.approvers, settings.valid_for)
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        let Settings { actions, names, approvers, valid_for } = settings;
        for (setting, patterns) in [("actions", actions), ("names", names)] {
            if patterns.len() > MAX_PATTERNS {
                return Err(format!("{setting} has more than {MAX_PATTERNS} entries"));
            }
            if patterns.iter().any(|pattern| !(1..=MAX_PATTERN_BYTES).contains(&pattern.len())) {
                return Err(format!("an entry of {setting} is not 1 to {MAX_PATTERN_BYTES} bytes"));
            }
        }
        if !(1..=MAX_APPROVERS).contains(approvers) {
            return Err(format!("approvers is 1 to {MAX_APPROVERS}"));
        }
        if !VALID_FOR.contains(valid_for) {
            return Err(format!("valid_for is {} to {} seconds", VALID_FOR.start(), VALID_FOR.end()));
        }
        Ok(())
    }
}

export_policy!(TwoPerson);
