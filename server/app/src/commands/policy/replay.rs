//! `strongroom policy replay`: recorded decisions, asked again of a candidate.
//!
//! A record holds what modules were asked. Where it does not hold all that the candidate wants to see, the
//! answer is `indeterminate` and never a guess.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use serde_json::json;
use strongroom_domain::{
    action::Action,
    decision::{Stage, StageEffect},
    gate::BEHIND_A_DENIAL,
    policy::{Effect, PolicyAttachment, PolicyEngine as _, PolicyObject, PolicyRequest, PolicyStage},
    record::{Outcome, Record},
};
use strongroom_policy_host::ModuleDescription;
use strongroom_store::verify::ExportLine;

use super::Loaded;
use crate::{cli::Output, commands::table, plain::plain};

/// Longest line that is read, in bytes.
pub(super) const LONGEST_LINE: u64 = 4 * 1024 * 1024;
/// Reason where the candidate does not want to see a request.
const NOT_WANTED: &str = "not-wanted";
/// Of a listing whose entries the candidate would be asked about.
const ENTRIES: &str = "which entries a listing showed is not on record";
/// Decisions that are named for each group.
const SAMPLES: usize = 3;

/// What is to be replayed.
pub(super) struct Wanted {
    pub(super) settings: String,
    pub(super) attachment: Option<String>,
    pub(super) vault: Option<String>,
}

/// What would become of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    NewlyDenied,
    NewlyAllowed,
    OtherEffect,
    OtherReason,
    Indeterminate,
    Same,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Self::NewlyDenied => "newly denied",
            Self::NewlyAllowed => "no longer denied here",
            Self::OtherEffect => "other effect",
            Self::OtherReason => "other reason",
            Self::Indeterminate => "indeterminate",
            Self::Same => "same",
        }
    }
}

/// Decisions that would change alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    change: Change,
    principal: String,
    operation: String,
    object: String,
    before: String,
    after: String,
}

#[derive(Default)]
struct Seen {
    count: u64,
    samples: Vec<String>,
}

pub(super) async fn run(module: &str, records: &Path, wanted: Wanted, output: Output) -> anyhow::Result<()> {
    let loaded = Loaded::find(module)?;
    let attachment = loaded.attach(&wanted.settings).await?;
    let name = wanted.attachment.unwrap_or_else(|| loaded.description.name.clone());
    let file = std::fs::File::open(records).with_context(|| format!("{} cannot be read", records.display()))?;
    let mut lines = BufReader::new(file);
    let (mut groups, mut number, mut left_out) = (BTreeMap::<Group, Seen>::new(), 0_u64, LeftOut::default());
    let (mut found, mut vaults) = (0_u64, BTreeSet::new());
    loop {
        let mut line = String::new();
        if (&mut lines).take(LONGEST_LINE).read_line(&mut line)? == 0 {
            break;
        }
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let Some(record) = parse(&line).with_context(|| format!("line {number} of {}", records.display()))? else {
            continue;
        };
        found += 1;
        if is_for_modules(&record) {
            vaults.extend(record.vault.clone());
        }
        if !left_out.or_takes(&record, wanted.vault.as_deref()) {
            continue;
        }
        let group = judge(&loaded, &attachment, &name, &record).await?;
        groups.entry(group).or_default().note(&record);
    }
    if found == 0 {
        bail!("no line of {} is a record: give it what `audit export` or `audit query` printed", records.display());
    }
    if let Some(vault) = wanted.vault.filter(|vault| !vaults.contains(vault)) {
        let vaults: Vec<_> = vaults.iter().map(|vault| plain(vault)).collect();
        let vaults = if vaults.is_empty() { "none".to_owned() } else { vaults.join(", ") };
        bail!("no decision in {} is on a vault {vault}; on these: {vaults}", records.display());
    }
    print(&groups, left_out, output)
}

impl Seen {
    fn note(&mut self, record: &Record) {
        self.count += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(record.id.to_string());
        }
    }
}

/// Records that are not asked again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LeftOut {
    not_for_modules: u64,
    of_other_vaults: u64,
}

impl LeftOut {
    /// Whether a record is asked again, of this vault alone where one is wanted. Counted where it is not.
    fn or_takes(&mut self, record: &Record, vault: Option<&str>) -> bool {
        if !is_for_modules(record) {
            self.not_for_modules += 1;
            return false;
        }
        let elsewhere = vault.is_some_and(|vault| record.vault.as_deref() != Some(vault));
        self.of_other_vaults += u64::from(elsewhere);
        !elsewhere
    }
}

/// Whether modules judge what a record tells of: what somebody asks of a vault, and what they were asked.
fn is_for_modules(record: &Record) -> bool {
    let in_vault = record.vault.is_some() && matches!(record.principal_kind.as_str(), "user" | "workload");
    !record.trace.is_empty() && (in_vault || record.input.is_some())
}

/// The record of a line; none for lines of an export that are no records.
pub(super) fn parse(line: &str) -> anyhow::Result<Option<Record>> {
    match serde_json::from_str(line) {
        Ok(ExportLine::Record { chained, .. }) => return Ok(Some(serde_json::from_str(&chained.record)?)),
        Ok(ExportLine::Export { .. } | ExportLine::Checkpoint(_)) => return Ok(None),
        // Of `audit query`, then.
        Err(_) => {}
    }
    let value: serde_json::Value = serde_json::from_str(line)?;
    if value.get("operation").is_none() { Ok(None) } else { Ok(Some(serde_json::from_value(value)?)) }
}

async fn judge(loaded: &Loaded, attachment: &PolicyAttachment, name: &str, record: &Record) -> anyhow::Result<Group> {
    let stage = format!("policy:{name}");
    // Who stood behind a denial was not asked.
    let before = record.trace.iter().find(|one| one.stage == stage && one.reason != BEHIND_A_DENIAL);
    let principal = record.principal.as_ref().map_or_else(|| record.principal_kind.clone(), ToString::to_string);
    let object =
        [record.vault.as_deref(), record.object.as_deref()].into_iter().flatten().collect::<Vec<_>>().join("/");
    let (change, after) = match again(loaded, attachment, record).await? {
        Again::Indeterminate(why) => (Change::Indeterminate, why),
        Again::Denied(reason) => (changed(before, record, StageEffect::Deny, &reason), format!("deny {reason}")),
        Again::NotDenied(effect, reason) => {
            (changed(before, record, effect, &reason), format!("{} {reason}", effect.words()))
        }
    };
    let before = said_before(before, name, record);
    Ok(Group { change, principal, operation: record.operation.clone(), object, before, after })
}

/// What the attachment said then; without a say it was asked all the same.
fn said_before(before: Option<&Stage>, name: &str, record: &Record) -> String {
    let shadow = format!("shadow:{name}");
    match (before, record.trace.iter().find(|one| one.stage == shadow)) {
        (Some(one), _) => format!("{} {}", one.effect.words(), one.reason),
        (None, Some(one)) => format!("in shadow: {} {}", one.effect.words(), one.reason),
        (None, None) => "not asked".to_owned(),
    }
}

/// What the candidate says of a recorded decision.
enum Again {
    Denied(String),
    NotDenied(StageEffect, String),
    Indeterminate(String),
}

async fn again(loaded: &Loaded, attachment: &PolicyAttachment, record: &Record) -> anyhow::Result<Again> {
    let wants = |action: &str| loaded.engine.wants(&attachment.module, action);
    // Whatever is not on record: whoever does not want to see such a request is not asked.
    let in_short = in_short(record);
    if let Some(seen) = record.input.as_deref().filter(|input| !input.action.is_empty()).or(in_short.as_ref())
        && loaded.engine.passes_over(&attachment.module, seen)
    {
        if judges_entries(&loaded.description, wants, record, true) {
            return Ok(Again::Indeterminate(ENTRIES.to_owned()));
        }
        return Ok(Again::NotDenied(StageEffect::NotAsked, NOT_WANTED.to_owned()));
    }
    let Some(input) = record.input.as_deref() else {
        return Ok(Again::Indeterminate("no module was asked, so its input was not recorded".to_owned()));
    };
    let major =
        loaded.description.contract.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(u32::MAX);
    if input.recorded_for < major {
        return Ok(Again::Indeterminate(format!(
            "recorded before contract {major} told modules what it tells them now"
        )));
    }
    if loaded.description.stage == PolicyStage::Request && input.action.is_empty() {
        return Ok(Again::Indeterminate("modules of connections alone were asked".to_owned()));
    }
    if let Some(fact) = loaded.description.facts.iter().find(|fact| !input.holds(fact)) {
        return Ok(Again::Indeterminate(format!("the fact {fact} was not recorded")));
    }
    match loaded.engine.decide(attachment, std::slice::from_ref(input)).await {
        Ok(answers) => {
            let answer = answers.into_iter().next().context("the module gave no answer")?;
            let reason = answer.reason_code;
            Ok(match answer.effect {
                Effect::Deny => Again::Denied(reason),
                _ if is_of_several_versions(record) => {
                    Again::Indeterminate("of several versions one is on record".to_owned())
                }
                _ if judges_entries(&loaded.description, wants, record, false) => {
                    Again::Indeterminate(ENTRIES.to_owned())
                }
                Effect::Allow => Again::NotDenied(StageEffect::Allow, reason),
                Effect::Abstain => Again::NotDenied(StageEffect::Abstain, reason),
            })
        }
        // A clock's verdict is another one each time.
        Err(failure) if failure.is_of_the_moment() => {
            Ok(Again::Indeterminate("the machine was too slow to ask".to_owned()))
        }
        Err(failure) => Ok(Again::Denied(failure.reason_code().to_owned())),
    }
}

/// Whether modules were asked about versions besides the one on record, any of which could be denied, or would have
/// been, had it not been denied.
fn is_of_several_versions(record: &Record) -> bool {
    let denied = |one: &Stage| one.effect == StageEffect::Deny && one.stage.starts_with("policy:");
    record.trace.iter().any(|one| one.reason == "judged-version-by-version")
        || (Action::in_vault(&record.operation).is_some_and(Action::is_of_versions) && record.trace.iter().any(denied))
}

/// Whether a module that lets a recorded listing through would be asked about its entries, which are not on record. Of
/// one that is passed over, whose entries are all of the name that was asked for, it is not.
fn judges_entries(
    description: &ModuleDescription,
    wants: impl Fn(&str) -> bool,
    record: &Record,
    passed_over: bool,
) -> bool {
    let listing = Action::in_vault(&record.operation).filter(|action| action.is_of_entries());
    let (Some(action), Some(kind)) = (listing, record.kind.as_deref()) else { return false };
    if description.stage != PolicyStage::Request || record.outcome == Outcome::Denied {
        return false;
    }
    if record.object.is_some() {
        return !passed_over;
    }
    wants(action.data_action()) && description.objects.iter().any(|pattern| may_be_of(pattern, kind))
}

/// Whether some object of a kind may fit a pattern.
fn may_be_of(pattern: &str, kind: &str) -> bool {
    let literal = pattern.split('*').next().unwrap_or_default().to_ascii_lowercase();
    let kind = format!("{kind}/");
    kind.starts_with(&literal) || literal.starts_with(&kind)
}

/// What tells a module whether it wants to see a recorded request, where nothing more is on record.
fn in_short(record: &Record) -> Option<PolicyRequest> {
    let action = Action::ALL.iter().find(|action| action.operation() == record.operation)?;
    let object = PolicyObject {
        kind: record.kind.clone()?,
        name: record.object.clone().unwrap_or_default(),
        ..PolicyObject::default()
    };
    Some(PolicyRequest { action: action.data_action().to_owned(), object, ..PolicyRequest::default() })
}

fn changed(before: Option<&Stage>, record: &Record, effect: StageEffect, reason: &str) -> Change {
    let denied_before = before.is_some_and(|one| one.effect == StageEffect::Deny);
    // Of a module with authority an allowance is a grant, and anything else is none.
    let grants = effect == StageEffect::Allow;
    match (before, effect == StageEffect::Deny) {
        (_, true) if !denied_before && record.outcome != Outcome::Denied => Change::NewlyDenied,
        (Some(_), false) if denied_before => Change::NewlyAllowed,
        (Some(one), _) if one.effect == StageEffect::NotAsked && reason == NOT_WANTED => Change::Same,
        (Some(one), false) if (one.effect == StageEffect::Allow) != grants => Change::OtherEffect,
        (Some(one), _) if one.reason != reason => Change::OtherReason,
        _ => Change::Same,
    }
}

fn print(groups: &BTreeMap<Group, Seen>, left_out: LeftOut, output: Output) -> anyhow::Result<()> {
    let LeftOut { not_for_modules, of_other_vaults } = left_out;
    let mut totals = BTreeMap::<Change, u64>::new();
    for (group, seen) in groups {
        *totals.entry(group.change).or_default() += seen.count;
    }
    if output == Output::Json {
        let shown: Vec<_> = groups
            .iter()
            .map(|(group, seen)| {
                json!({
                    "change": group.change.word(), "principal": group.principal, "operation": group.operation,
                    "object": group.object, "before": group.before, "after": group.after,
                    "count": seen.count, "samples": seen.samples,
                })
            })
            .collect();
        let totals: BTreeMap<_, _> = totals.iter().map(|(change, count)| (change.word(), count)).collect();
        println!(
            "{}",
            crate::plain::json(&format_args!(
                "{:#}",
                json!({
                    "totals": totals, "not_judged": not_for_modules, "of_other_vaults": of_other_vaults,
                    "groups": shown,
                })
            ))
        );
        return Ok(());
    }
    let mut shown = table(&["change", "count", "principal", "operation", "object", "before", "after", "for example"]);
    for (group, seen) in groups.iter().filter(|(group, _)| group.change != Change::Same) {
        shown.add_row([
            group.change.word().to_owned(),
            seen.count.to_string(),
            plain(&group.principal),
            plain(&group.operation),
            plain(&group.object),
            plain(&group.before),
            plain(&group.after),
            seen.samples.first().cloned().unwrap_or_default(),
        ]);
    }
    if totals.keys().any(|change| *change != Change::Same) {
        println!("{shown}");
    }
    let all = [
        Change::NewlyDenied,
        Change::NewlyAllowed,
        Change::OtherEffect,
        Change::OtherReason,
        Change::Indeterminate,
        Change::Same,
    ];
    let said: Vec<_> =
        all.iter().map(|change| format!("{} {}", totals.get(change).unwrap_or(&0), change.word())).collect();
    let others = if of_other_vaults == 0 { String::new() } else { format!(", {of_other_vaults} on other vaults") };
    println!("{}; left out: {not_for_modules} that are no decisions on a vault{others}", said.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// A read of `demo/db` that somebody made; what is said of it besides.
    fn record(besides: Value) -> Record {
        let mut record = json!({
            "id": "01900000-0000-7000-8000-000000000001", "at": 1, "principal_kind": "user", "client": "192.0.2.1",
            "listener": "main", "operation": "SecretGet", "vault": "demo", "kind": "secret", "object": "db",
            "outcome": "allowed", "reason": "ok", "duration_micros": 1,
            "trace": [{ "stage": "network", "effect": "allow", "reason": "admitted" }],
        });
        if let (Value::Object(record), Value::Object(besides)) = (&mut record, besides) {
            record.extend(besides);
        }
        serde_json::from_value(record).unwrap()
    }

    fn stage(effect: StageEffect, reason: &str) -> Stage {
        Stage::new("policy:rule", effect, reason)
    }

    #[test]
    fn what_is_no_decision_on_a_vault_is_counted_and_not_asked_again() {
        let mut left_out = LeftOut::default();
        assert!(left_out.or_takes(&record(json!({})), None));
        assert!(left_out.or_takes(&record(json!({})), Some("demo")));
        assert!(!left_out.or_takes(&record(json!({})), Some("other")));
        for besides in [json!({ "trace": [] }), json!({ "vault": null }), json!({ "principal_kind": "system" })] {
            // What is no decision for modules is that in every vault.
            assert!(!left_out.or_takes(&record(besides.clone()), None), "{besides}");
            assert!(!left_out.or_takes(&record(besides), Some("other")));
        }
        let by_a_schedule = json!({ "principal_kind": "system", "input": PolicyRequest::default() });
        assert!(left_out.or_takes(&record(by_a_schedule), None), "modules were asked about it");
        assert_eq!(left_out, LeftOut { not_for_modules: 6, of_other_vaults: 1 });
    }

    #[test]
    fn who_was_in_shadow_was_asked_all_the_same() {
        let shadow = Stage::new("shadow:rule", StageEffect::WouldDeny, "no");
        let record = record(json!({ "trace": [shadow] }));
        assert_eq!(said_before(None, "rule", &record), "in shadow: would deny no");
        assert_eq!(said_before(None, "other", &record), "not asked");
        assert_eq!(said_before(Some(&stage(StageEffect::Allow, "fine")), "rule", &record), "allow fine");
    }

    #[test]
    fn all_alike_are_counted_and_some_are_named() {
        let mut seen = Seen::default();
        for _ in 0..SAMPLES + 4 {
            seen.note(&record(json!({})));
        }
        assert_eq!((seen.count, seen.samples.len()), (SAMPLES as u64 + 4, SAMPLES));
    }

    #[test]
    fn what_changes_is_told_from_what_does_not() {
        let (allowed, denied) = (record(json!({})), record(json!({ "outcome": "denied" })));
        let (allow, deny) = (stage(StageEffect::Allow, "fine"), stage(StageEffect::Deny, "no"));
        let unasked = stage(StageEffect::NotAsked, "action-not-wanted");
        let (allows, denies, unasked_now) = (StageEffect::Allow, StageEffect::Deny, StageEffect::NotAsked);
        assert_eq!(changed(None, &allowed, denies, "no"), Change::NewlyDenied);
        assert_eq!(changed(Some(&allow), &allowed, denies, "no"), Change::NewlyDenied);
        assert_eq!(changed(None, &denied, denies, "no"), Change::Same, "somebody else denied it");
        assert_eq!(changed(Some(&deny), &denied, allows, "fine"), Change::NewlyAllowed);
        assert_eq!(changed(Some(&deny), &denied, denies, "no"), Change::Same);
        assert_eq!(changed(Some(&deny), &denied, denies, "other"), Change::OtherReason);
        assert_eq!(changed(Some(&allow), &allowed, allows, "other"), Change::OtherReason);
        assert_eq!(changed(Some(&unasked), &allowed, unasked_now, NOT_WANTED), Change::Same);
        assert_eq!(changed(None, &allowed, allows, "fine"), Change::Same);
        // The same words, and a grant that is none any more.
        let abstain = stage(StageEffect::Abstain, "fine");
        assert_eq!(changed(Some(&allow), &allowed, StageEffect::Abstain, "fine"), Change::OtherEffect);
        assert_eq!(changed(Some(&abstain), &allowed, allows, "other"), Change::OtherEffect);
        assert_eq!(changed(Some(&abstain), &allowed, unasked_now, NOT_WANTED), Change::OtherReason);
    }

    /// A backup and a restore are about all versions, and one is on record.
    #[test]
    fn what_is_said_of_one_version_is_not_said_of_all() {
        let deny = Stage::new("policy:rule", StageEffect::Deny, "no");
        let several = Stage::new("modules", StageEffect::Allow, "judged-version-by-version");
        let backup = |trace: Value| record(json!({ "operation": "SecretBackup", "trace": trace }));
        assert!(is_of_several_versions(&backup(json!([several]))));
        assert!(is_of_several_versions(&backup(json!([deny]))), "nobody was asked about the others any more");
        assert!(!is_of_several_versions(&backup(json!([stage(StageEffect::Allow, "fine")]))));
        assert!(!is_of_several_versions(&record(json!({ "trace": [deny] }))));
    }

    /// Live, whoever lets a listing through, or is not asked about it, leaves out entries, and those are not on record.
    #[test]
    fn a_replay_guesses_nothing_of_the_entries_of_a_listing() {
        let of = |objects: &[&str]| ModuleDescription {
            contract: "1.0".to_owned(),
            name: "rule".to_owned(),
            version: "1".to_owned(),
            summary: String::new(),
            stage: PolicyStage::Request,
            actions: vec!["*".to_owned()],
            objects: objects.iter().map(|&pattern| pattern.to_owned()).collect(),
            facts: Vec::new(),
            settings_schema: "{}".to_owned(),
        };
        let list = record(json!({ "operation": "SecretList", "object": null }));
        for (objects, expected) in [
            (&["secret/prod-*"][..], true),
            (&["*"][..], true),
            (&["sec*"][..], true),
            (&["key/*", "secret/db"][..], true),
            (&["key/*"][..], false),
        ] {
            assert_eq!(judges_entries(&of(objects), |_| true, &list, true), expected, "{objects:?}");
        }
        assert!(!judges_entries(&of(&["*"]), |_| false, &list, false), "it does not want to see the action");
        let denied = record(json!({ "operation": "SecretList", "object": null, "outcome": "denied" }));
        assert!(!judges_entries(&of(&["*"]), |_| true, &denied, false), "nothing was listed");
        assert!(!judges_entries(&of(&["*"]), |_| true, &record(json!({})), false), "it is no listing");
        let versions = record(json!({ "operation": "SecretListVersions" }));
        assert!(!judges_entries(&of(&["secret/prod-*"]), |_| true, &versions, true), "all entries are of this name");
        assert!(judges_entries(&of(&["secret/*"]), |_| true, &versions, false));
    }

    /// What tells a module whether it wants to see a request is in every record.
    #[test]
    fn who_would_be_asked_is_known_without_what_they_were_asked() {
        let seen = in_short(&record(json!({}))).unwrap();
        assert_eq!(seen.action, Action::SecretGet.data_action());
        assert_eq!((seen.object.kind.as_str(), seen.object.name.as_str()), ("secret", "db"));
        assert_eq!(in_short(&record(json!({ "operation": "NoSuchThing" }))), None);
        assert_eq!(in_short(&record(json!({ "kind": null }))), None);
    }
}
