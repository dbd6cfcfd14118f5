//! `strongroom policy reproduce`: what modules said in recorded decisions, said again by the same modules from the records
//! alone, to the last bit.
//!
//! A record holds what modules were asked, the facts included, which module it was and how it answered; the settings are
//! in the record of the change that attached it. What is not there is never looked up elsewhere: then it is
//! `indeterminate`, and never a guess.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use serde_json::json;
use strongroom_domain::{
    action::Action,
    decision::Stage,
    gate::BEHIND_A_DENIAL,
    policy::{ModuleDigest, PolicyAttachment, PolicyEngine as _, PolicyFailure},
    record::Record,
};
use strongroom_policy_host::{WasmPolicyEngine, released, shipped};

use super::{build, read_module, replay};
use crate::{cli::Output, commands::table, exit::Exit, plain::plain};

/// How the stage of an enforced module begins.
const MODULE: &str = "policy:";
/// How the name of an attachment to all vaults begins there.
const EVERYWHERE: &str = "everywhere/";
/// Most answers that are shown one by one.
const SHOWN: usize = 20;

pub(super) async fn run(records: &Path, modules: &[String], output: Output) -> anyhow::Result<()> {
    let engine = WasmPolicyEngine::new()?;
    for module in modules {
        let path = Path::new(module);
        let path = if path.is_dir() { build::product(path)? } else { path.to_owned() };
        engine.load(&read_module(&path)?).with_context(|| format!("{} is not loaded", path.display()))?;
    }
    let (mut settings, mut found, mut asked) = (Settings::default(), Reproduced::default(), BTreeSet::new());
    // A file of a query has the newest first, so what was attached is gathered before anybody is asked.
    each_record(records, async |record| {
        settings.learn(record);
        asked.extend(record.trace.iter().filter(|stage| stage.stage.starts_with(MODULE)).filter_map(module_of));
        Ok(())
    })
    .await?;
    // Compiling each takes its time, so of those that ship no others are.
    for module in shipped().into_iter().chain(released()).filter(|module| asked.contains(&module.digest)) {
        engine.load(module.bytes).with_context(|| format!("the module {} is not loaded", module.name))?;
    }
    each_record(records, async |record| {
        for stage in record.trace.iter().filter(|stage| stage.stage.starts_with(MODULE)) {
            found.note(record, stage, again(&engine, &settings, record, stage).await?);
        }
        Ok(())
    })
    .await?;
    found.print(output)?;
    if found.different.is_empty() { Ok(()) } else { Err(Exit::NotReproduced.into()) }
}

async fn each_record(records: &Path, mut take: impl AsyncFnMut(&Record) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let file = std::fs::File::open(records).with_context(|| format!("{} cannot be read", records.display()))?;
    let (mut lines, mut number, mut found) = (BufReader::new(file), 0_u64, false);
    loop {
        let mut line = String::new();
        if (&mut lines).take(replay::LONGEST_LINE).read_line(&mut line)? == 0 {
            break;
        }
        number += 1;
        if line.trim().is_empty() {
            continue;
        }
        let parsed = replay::parse(&line).with_context(|| format!("line {number} of {}", records.display()))?;
        if let Some(record) = parsed {
            found = true;
            take(&record).await?;
        }
    }
    if !found {
        bail!("no line of {} is a record: give it what `audit export` or `audit query` printed", records.display());
    }
    Ok(())
}

/// What was attached under which settings, as the records of changes tell.
#[derive(Default)]
struct Settings {
    /// By vault, or of all vaults, and by name.
    attached: BTreeMap<(Option<String>, String), Vec<Attached>>,
    /// When a vault of a name was made: names are used again, and revisions then begin again.
    made: BTreeMap<String, BTreeSet<i64>>,
}

struct Attached {
    revision: i64,
    at: i64,
    attachment: PolicyAttachment,
}

impl Settings {
    fn learn(&mut self, record: &Record) {
        let Some(revision) = record.revision else { return };
        if let Some(vault) = record.vault.clone().filter(|_| record.operation == Action::VaultCreate.operation()) {
            self.made.entry(vault).or_default().insert(record.at);
        }
        for attachment in &record.attached {
            let key = (record.vault.clone(), attachment.name.clone());
            let attached = Attached { revision, at: record.at, attachment: attachment.clone() };
            self.attached.entry(key).or_default().push(attached);
        }
    }

    /// The attachment behind a stage of a decision: the last one up to the revision that was in force.
    fn behind(&self, record: &Record, stage: &Stage) -> Option<&PolicyAttachment> {
        let name = stage.stage.strip_prefix(MODULE)?;
        let (place, revision) = match name.strip_prefix(EVERYWHERE) {
            Some(name) => ((None, name.to_owned()), record.policies_revision?),
            None => ((record.vault.clone(), name.to_owned()), record.settings_revision?),
        };
        let made = place.0.as_ref().and_then(|vault| self.made.get(vault));
        let began = made.and_then(|made| made.range(..=record.at).next_back().copied()).unwrap_or(i64::MIN);
        let ended = made.and_then(|made| made.range(record.at.saturating_add(1)..).next().copied()).unwrap_or(i64::MAX);
        let lived = |one: &&Attached| one.revision <= revision && (began..ended).contains(&one.at);
        let all = self.attached.get(&place)?.iter();
        all.filter(lived).max_by_key(|one| one.revision).map(|one| &one.attachment)
    }
}

/// Which module it was.
fn module_of(stage: &Stage) -> Option<ModuleDigest> {
    stage.detail.as_deref()?.split(' ').next()?.parse().ok()
}

/// What comes of asking again.
#[derive(Debug, PartialEq, Eq)]
enum Again {
    Same,
    Other(Stage),
    Indeterminate(String),
}

async fn again(
    engine: &WasmPolicyEngine,
    settings: &Settings,
    record: &Record,
    stage: &Stage,
) -> anyhow::Result<Again> {
    let unknown = |why: &str| Ok(Again::Indeterminate(why.to_owned()));
    if stage.reason == BEHIND_A_DENIAL {
        return unknown("another module denied before it was asked");
    }
    let Some(module) = module_of(stage) else { return unknown("which module it was is not on record") };
    let Some(input) = record.input.as_deref() else { return unknown("what the module was asked is not on record") };
    if by_the_clock(&stage.reason) {
        return unknown("the clock decided, or the module was not there");
    }
    let Some(description) = engine.description(&module) else {
        return Ok(Again::Indeterminate(format!("the module {module} is not at hand: give its file")));
    };
    let Some(attachment) = settings.behind(record, stage) else {
        return unknown("the record of the change that attached it, with its settings, is not among these");
    };
    if attachment.module != module {
        return unknown("the record of the change that attached this module is not among these");
    }
    let major = description.contract.split('.').next().and_then(|major| major.parse::<u32>().ok()).unwrap_or(u32::MAX);
    if input.recorded_for < major {
        return Ok(Again::Indeterminate(format!(
            "recorded before contract {major} told modules what it tells them now"
        )));
    }
    let lacked = stage.reason == PolicyFailure::FactUnavailable.reason_code();
    if let Some(fact) = description.facts.iter().find(|fact| !input.holds(fact)).filter(|_| !lacked) {
        return Ok(Again::Indeterminate(format!("the fact {fact} is not on record")));
    }
    let said = match engine.decide(attachment, std::slice::from_ref(input)).await {
        Ok(answers) => Ok(answers.into_iter().next().context("the module gave no answer")?),
        Err(failure) if failure.is_of_the_moment() => return unknown("the machine was too slow to ask"),
        Err(failure) => Err(failure),
    };
    let mut said = Stage::of_module(stage.stage.clone(), module, said);
    if stage.relied_on.is_empty() {
        // An earlier release did not record it.
        said.relied_on.clear();
    }
    // To the last bit: as it would stand in the record.
    let alike = serde_json::to_vec(&said)? == serde_json::to_vec(stage)?;
    Ok(if alike { Again::Same } else { Again::Other(said) })
}

/// Whether a failure is none of the module's own.
fn by_the_clock(reason: &str) -> bool {
    [PolicyFailure::TimedOut, PolicyFailure::NotReady, PolicyFailure::Unavailable, PolicyFailure::Missing]
        .iter()
        .any(|failure| failure.reason_code() == reason)
}

#[derive(Default)]
struct Reproduced {
    decisions: BTreeSet<String>,
    same: u64,
    different: Vec<(String, Stage, Stage)>,
    indeterminate: BTreeMap<String, u64>,
}

impl Reproduced {
    fn note(&mut self, record: &Record, stage: &Stage, again: Again) {
        let id = record.id.to_string();
        match again {
            Again::Same => self.same += 1,
            Again::Other(said) => self.different.push((id.clone(), stage.clone(), said)),
            Again::Indeterminate(why) => *self.indeterminate.entry(why).or_default() += 1,
        }
        self.decisions.insert(id);
    }

    fn print(&self, output: Output) -> anyhow::Result<()> {
        let Self { decisions, same, different, indeterminate } = self;
        if output == Output::Json {
            let different: Vec<_> = different
                .iter()
                .map(|(id, recorded, again)| json!({ "decision": id, "recorded": recorded, "again": again }))
                .collect();
            let shown = json!({
                "decisions": decisions.len(), "reproduced": same, "different": different,
                "indeterminate": indeterminate,
            });
            println!("{}", crate::plain::json(&format_args!("{shown:#}")));
            return Ok(());
        }
        if !different.is_empty() {
            let mut shown = table(&["decision", "stage", "recorded", "again"]);
            for (id, recorded, again) in different.iter().take(SHOWN) {
                let said = |stage: &Stage| plain(&serde_json::to_string(stage).unwrap_or_default());
                shown.add_row([id.clone(), plain(&recorded.stage), said(recorded), said(again)]);
            }
            println!("{shown}");
        }
        for (why, count) in indeterminate {
            println!("indeterminate, {count}: {}", plain(why));
        }
        let unknown: u64 = indeterminate.values().sum();
        println!(
            "answers of modules in {} decisions: {same} the same to the last bit, {} different, {unknown} indeterminate",
            decisions.len(),
            different.len()
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn record(at: i64, besides: Value) -> Record {
        let mut record = json!({
            "id": uuid::Uuid::from_u128(9), "at": at, "principal_kind": "user", "client": "192.0.2.1",
            "listener": "main", "operation": "VaultUpdate", "vault": "demo", "outcome": "allowed", "reason": "ok",
            "duration_micros": 1,
        });
        if let (Value::Object(record), Value::Object(besides)) = (&mut record, besides) {
            record.extend(besides);
        }
        serde_json::from_value(record).unwrap()
    }

    fn attached(at: i64, revision: i64, settings: &str) -> Record {
        let attachment = json!({ "name": "rule", "module": "07".repeat(32), "settings": settings, "state": "enforce" });
        let operation = if revision == 1 { "VaultCreate" } else { "VaultUpdate" };
        record(at, json!({ "operation": operation, "revision": revision, "attached": [attachment] }))
    }

    #[test]
    fn settings_are_those_that_were_in_force_at_that_revision_of_that_vault() {
        let mut settings = Settings::default();
        // The newest first; a vault of the same name was there before.
        for change in
            [attached(50, 4, "later"), attached(30, 2, "second"), attached(20, 1, "first"), attached(5, 9, "gone")]
        {
            settings.learn(&change);
        }
        let stage = |name: &str| Stage::new(name, strongroom_domain::decision::StageEffect::Allow, "fine");
        let behind = |decision: Value, at, name| {
            settings.behind(&record(at, decision), &stage(name)).map(|one| one.settings.clone())
        };
        for (at, revision, expected) in [
            (6, 9, "gone"),
            (25, 1, "first"),
            (35, 2, "second"),
            (45, 3, "second"),
            // It came before the change, and was judged after it.
            (45, 4, "later"),
            (55, 4, "later"),
        ] {
            assert_eq!(behind(json!({ "settings_revision": revision }), at, "policy:rule").as_deref(), Some(expected));
        }
        assert_eq!(behind(json!({ "settings_revision": 1 }), 25, "policy:other"), None);
        assert_eq!(behind(json!({ "settings_revision": 1, "vault": "other" }), 25, "policy:rule"), None);
        assert_eq!(behind(json!({ "settings_revision": 1 }), 25, "policy:everywhere/rule"), None);
        assert_eq!(behind(json!({}), 25, "policy:rule"), None, "recorded before revisions were");
    }
}
