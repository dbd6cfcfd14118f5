//! What checking the log of a database found, told in lines or as an object.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};
use strongroom_crypto::SecretText;
use strongroom_domain::time::Clock as _;
use strongroom_store::verify::NodeReport;

use super::{
    super::{seal::Place, utc},
    read_key,
};
use crate::{
    audit_check::{self, Checked},
    checkpoints::COVERED_WITHIN,
    cli::VerifyWith,
    clock::SystemClock,
    covering::ANCHORS,
    database,
    exit::Exit,
    jobs::CHECKPOINT_EVERY,
    witness::Witness,
};

/// A log that was looked at.
pub(crate) struct Looked {
    /// Where it is.
    log: String,
    key_file: PathBuf,
    checked: Checked,
    findings: Vec<String>,
}

/// Looks at the log, and compares every row with it.
pub(crate) async fn look(place: &Place, with: VerifyWith) -> anyhow::Result<Looked> {
    let data = &place.data;
    let VerifyWith { anchors, public_key, witness, witness_token_file, witness_ca } = with;
    let witness = witness.map(|address| witness_at(&address, witness_token_file, witness_ca)).transpose()?;
    let key_file = public_key.unwrap_or_else(|| data.join("audit.pub"));
    let key = read_key(&key_file)?;
    let anchors = anchors.unwrap_or_else(|| data.join(ANCHORS));
    let address = place.address();
    let checked = audit_check::check(&address, key, &anchors, witness.as_ref()).await?;
    let mut findings = checked.findings();
    if checked.report.nodes.iter().all(|node| node.records == 0) {
        findings.push("there is no record at all: an installation in use has some".to_owned());
    }
    Ok(Looked { log: database::shown(&address), key_file, checked, findings })
}

impl Looked {
    /// Whether nothing is wrong but that this is a whole, older state.
    fn is_only_older(&self) -> bool {
        self.checked.is_only_older() && self.findings.len() == self.checked.report.findings.len()
    }

    /// How the command ends.
    pub(crate) fn verdict(&self) -> anyhow::Result<()> {
        if !self.findings.is_empty() {
            return Err(Exit::Findings.into());
        }
        if self.checked.anchors == 0 {
            return Err(Exit::Unanchored.into());
        }
        Ok(())
    }

    /// For machines.
    pub(crate) fn object(&self) -> Value {
        let report = &self.checked.report;
        json!({
            "log": self.log,
            "public_key": self.key_file,
            "intact": self.findings.is_empty(),
            "findings": self.findings,
            "only_older": self.is_only_older(),
            "nodes": nodes(&report.nodes),
            "rows": report.rows,
            "rows_not_compared": report.untracked,
            "uncovered": report.uncovered,
            "uncovered_since": report.uncovered_since,
            "anchors": self.checked.anchors,
        })
    }

    /// For people.
    pub(crate) fn print(&self) {
        println!("verifying the log in {} by the public key {}", self.log, self.key_file.display());
        for finding in &self.findings {
            println!("{finding}");
        }
        let report = &self.checked.report;
        for node in &report.nodes {
            println!("{}", of_node(node));
        }
        println!(
            "{} rows are of the revisions that the log tells; whether what is in them is authentic takes the root key: `strongroom verify`",
            report.rows
        );
        if report.untracked > 0 {
            println!("{} rows are older than what the log tells of rows, and were not compared", report.untracked);
        }
        if report.uncovered > 0 {
            let age = report.uncovered_since.map(|since| SystemClock::new().now_millis().saturating_sub(since));
            println!("{}", uncovered(report.uncovered, report.uncovered_since, age));
        }
        if self.checked.anchors > 0 {
            println!("compared with {} checkpoints kept outside the database", self.checked.anchors);
        }
        if self.is_only_older() {
            println!(
                "nothing else is wrong: this is a whole, older state, as a copy beside newer anchors is (server/docs/operations.md, \"Bringing a \
                 copy back\"), and as a log is whose end somebody removed"
            );
        }
        if self.verdict().is_ok() {
            println!("the audit log verifies");
        }
    }
}

/// The chains of the nodes, for machines.
pub(super) fn nodes(nodes: &[NodeReport]) -> Vec<Value> {
    nodes.iter().map(|node| json!({ "node": node.node, "records": node.records, "last": node.last })).collect()
}

/// The chain of a node, for people.
pub(super) fn of_node(node: &NodeReport) -> String {
    format!("node {}: {} records, the last at position {}", node.node, node.records, node.last)
}

/// A witness of the command line.
fn witness_at(address: &str, token: Option<PathBuf>, ca: Option<PathBuf>) -> anyhow::Result<Witness> {
    let read = |path: PathBuf| std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()));
    let token = token.map(read).transpose()?.map(String::from_utf8).transpose().context("the token is no text")?;
    let token = token.map(|token| SecretText::new(token.trim().to_owned()));
    Witness::new(address, ca.map(read).transpose()?.as_deref(), token)
}

/// What is said of records behind the newest checkpoint: nothing to worry about while a running server is about to
/// cover them, and what to do about it when it should have.
fn uncovered(records: u64, since: Option<i64>, age: Option<i64>) -> String {
    let every = CHECKPOINT_EVERY.as_secs();
    let within = i64::try_from(COVERED_WITHIN.as_millis()).unwrap_or(i64::MAX);
    if age.is_some_and(|age| age <= within) {
        return format!(
            "{records} records of the last seconds wait for their checkpoint: a running server signs one every {every} seconds, \
             one that was stopped does at its next start"
        );
    }
    format!(
        "{records} records since {} are not covered by a checkpoint, and whoever can write the database can still rewrite \
         them: start the server if it is stopped, which covers them; if it runs, it should have within {every} seconds, \
         and its log says why it does not",
        since.map_or_else(|| "an unknown time".to_owned(), utc)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_seconds_are_no_alarm_and_older_records_are() {
        let calm = uncovered(2, Some(1000), Some(3000));
        assert!(calm.contains("every 2 seconds") && !calm.contains("rewrite"), "{calm}");
        for age in [Some(60_000), None] {
            let alarm = uncovered(2, Some(1_700_000_000_123), age);
            assert!(alarm.contains("since 2023-11-14 22:13:20.123Z") && alarm.contains("rewrite"), "{alarm}");
        }
    }
}
