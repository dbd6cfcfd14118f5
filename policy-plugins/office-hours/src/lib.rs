//! `office-hours`: people do their work while somebody is there to see it.
//!
//! A module has no list of time zones, whose rules governments change: settings state the offset from UTC
//! and, where clocks are changed, between which dates another one is in force. Somebody whose token
//! carries the break-glass claim gets in at any time, and an alert says so.

mod calendar;

use calendar::{Date, Moment, Time};
use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, Policy, Request, Severity, export_policy, facts, matches};

/// Most entries in one setting.
const MAX_ENTRIES: usize = 128;
/// Furthest offset from UTC there is, in minutes.
const MAX_OFFSET: i32 = 14 * 60;

/// When people may work.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Minutes that the local clock is ahead of UTC.
    pub utc_offset: i32,
    /// When another offset is in force: summer time.
    #[serde(default)]
    pub offsets: Vec<Offset>,
    /// When work begins and ends. Who comes in the second in which it ends comes too late.
    pub hours: Vec<Hours>,
    /// Days off.
    #[serde(default)]
    pub holidays: Vec<Date>,
    /// The claim that opens the door at any time.
    #[serde(default)]
    pub break_glass: Option<Claim>,
    /// For which actions: patterns in which `*` stands for any text; an empty list is all actions.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Whether workloads are judged as well as people.
    #[serde(default)]
    pub workloads: bool,
}

/// Another offset for a part of the year.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// First moment, Unix seconds.
    pub from: i64,
    /// First moment after it, Unix seconds.
    pub until: i64,
    /// Minutes that the local clock is ahead of UTC.
    pub utc_offset: i32,
}

/// Hours of work.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// On these days.
    pub days: Vec<Day>,
    /// From this time on, for example `08:00`.
    pub from: Time,
    /// Until this time; `24:00` is the end of the day.
    pub until: Time,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "days have names")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// A claim with a value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Its name.
    pub claim: String,
    /// The value it must have, or hold as one of a list.
    pub value: String,
}

/// The module.
#[derive(Debug)]
pub struct OfficeHours;

impl Policy for OfficeHours {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "office-hours",
        env!("CARGO_PKG_VERSION"),
        "People do their work while somebody is there to see it.",
    )
    .facts(&[facts::CLAIMS])
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        let principal = &request.principal;
        if principal.kind != "user" && !(settings.workloads && principal.kind == "workload") {
            return Answer::abstain("not-a-person").relied_on("principal.kind");
        }
        if !settings.actions.is_empty() && !settings.actions.iter().any(|action| matches(action, &request.action)) {
            return Answer::abstain("action-not-judged");
        }
        let now = settings.local(request.time);
        let holiday = settings.holidays.contains(&now.date);
        let at_work = |hours: &Hours| {
            hours.days.contains(&now.day) && (hours.from.minutes()..hours.until.minutes()).contains(&now.minute)
        };
        if !holiday && settings.hours.iter().any(at_work) {
            return Answer::allow("at-work").relied_on("time");
        }
        if settings.break_glass.as_ref().is_some_and(|glass| glass.is_held_by(request)) {
            return Answer::allow("glass-broken")
                .relied_on("principal.claims")
                .alert(Severity::High, "Somebody broke the glass outside office hours.");
        }
        if holiday {
            return Answer::deny("holiday", "This vault is closed today.").relied_on("time");
        }
        Answer::deny("outside-hours", "This vault is closed at this time.").relied_on("time")
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        let Settings { utc_offset, offsets, hours, holidays, break_glass, actions, .. } = settings;
        let lengths = [offsets.len(), hours.len(), holidays.len(), actions.len()];
        if lengths.into_iter().any(|length| length > MAX_ENTRIES) {
            return Err(format!("a setting has more than {MAX_ENTRIES} entries"));
        }
        let mut all = offsets.iter().map(|offset| offset.utc_offset).chain([*utc_offset]);
        if all.any(|offset| offset.unsigned_abs() > MAX_OFFSET.unsigned_abs()) {
            return Err(format!("an offset from UTC is -{MAX_OFFSET} to {MAX_OFFSET} minutes"));
        }
        if offsets.iter().any(|offset| offset.from >= offset.until) {
            return Err("an offset ends before it begins".to_owned());
        }
        if hours.is_empty() {
            return Err("hours is empty: nobody could ever work".to_owned());
        }
        if hours.iter().any(|hours| hours.days.is_empty() || hours.from.minutes() >= hours.until.minutes()) {
            return Err("hours need days, and begin before they end; a night is two entries".to_owned());
        }
        if break_glass.as_ref().is_some_and(|glass| glass.claim.is_empty() || glass.value.is_empty()) {
            return Err("break_glass needs a claim and a value".to_owned());
        }
        Ok(())
    }
}

impl Settings {
    /// The local clock at a moment in Unix seconds.
    fn local(&self, time: i64) -> Moment {
        let other = self.offsets.iter().find(|offset| (offset.from..offset.until).contains(&time));
        let offset = other.map_or(self.utc_offset, |offset| offset.utc_offset);
        Moment::at(time.saturating_add(i64::from(offset) * 60))
    }
}

impl Claim {
    fn is_held_by(&self, request: &Request) -> bool {
        request.principal.claim(&self.claim).is_some_and(|held| held.split(' ').any(|one| one == self.value))
    }
}

export_policy!(OfficeHours);
