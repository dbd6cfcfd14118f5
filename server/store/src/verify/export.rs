//! Checking an exported log, without any database: the records of every node's chain up to a
//! checkpoint, and that checkpoint. Reads line by line and keeps only heads.
//!
//! A file of JSON lines, in this order: one [`ExportLine::Export`], the records of one node after
//! another, and one [`ExportLine::Checkpoint`]. A file without the last line was cut off.
//!
//! Chains take no key to make, so that links follow from each other proves nothing alone: every chain must end
//! exactly at the head that the file's checkpoint has signed for it, and no chain may be there that it does not
//! name. The checkpoint may be a genuine older one with the file cut to it; that is told by newer anchors. The
//! tree's root is over segments, which the file does not have: the signed heads bind the records.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Read as _},
};

use serde::{Deserialize, Serialize};
use strongroom_crypto::{CheckpointBody, chain, verify_named_audit_signature};
use strongroom_domain::{
    names::InstallationId,
    record::{ChainedRecord, Checkpoint, TreeCheckpoint},
};
use uuid::Uuid;

use super::{
    Anchors, Finding, NodeReport, Source, VerifyReport,
    links::{Follower, Link},
};

/// Longest line in bytes.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// One line of an exported log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportLine {
    /// The beginning.
    Export {
        /// Form of the file: 1.
        version: u32,
        /// The installation.
        installation: Uuid,
    },
    /// One record.
    Record {
        /// Whose chain.
        node: String,
        /// The record as it is chained.
        #[serde(flatten)]
        chained: ChainedRecord,
    },
    /// The end: what covers the records before.
    Checkpoint(TreeCheckpoint),
}

/// An exported log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file cannot be read.
    #[error("the exported log cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// A line is none of an exported log.
    #[error("line {0} is none of an exported log")]
    Line(usize),
    /// The first line does not say what it is, in a form that this program knows.
    #[error("the file does not begin like an exported log of a form that this program knows")]
    Form,
    /// The file holds records that somebody chose, without the chain that they are from.
    #[error(
        "the file holds chosen records, as the dashboard's audit page exports them and `audit query` prints them, and no chain \
         that could be followed: `strongroom audit export` writes the whole log so that it can be verified, and \
         `strongroom audit receipt` the proof of one record"
    )]
    Chosen,
    /// The last line is missing.
    #[error("the file has no checkpoint at its end: it was cut off")]
    Cut,
}

/// What checking an exported log found.
#[derive(Clone, Debug, Default)]
pub struct Exported {
    /// The chains, and what is wrong with them.
    pub report: VerifyReport,
    /// How many anchors were compared: everything that they cover is in the file.
    pub compared: usize,
    /// Chains that go on behind the file's end, by authentic anchors that are newer than its checkpoint. An older
    /// export looks like that, and so does one that was cut at an older checkpoint.
    pub later: Vec<Later>,
}

/// A chain that goes on behind the end of an exported log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Later {
    /// Whose chain.
    pub node: String,
    /// Last position in the file; 0 when it has none of this node.
    pub ends: u64,
    /// When the file's checkpoint was signed, Unix milliseconds.
    pub at: i64,
    /// Last position by the anchors.
    pub goes_on: u64,
    /// When that was signed, Unix milliseconds.
    pub goes_on_at: i64,
}

/// What checkpoints say of the chains. One change is one finding, by the checkpoint that tells most of it.
#[derive(Default)]
struct Said {
    covered: BTreeMap<String, u64>,
    beyond: BTreeMap<(String, Source), u64>,
    contradicted: BTreeMap<(String, Source), u64>,
    /// Position and time of the farthest head behind the file's end.
    later: BTreeMap<String, (u64, i64)>,
}

struct Export<'a> {
    installation: InstallationId,
    /// Positions whose heads somebody says, with what the file has there.
    wanted: BTreeSet<(&'a str, u64)>,
    heads: BTreeMap<(String, u64), [u8; 32]>,
    followers: BTreeMap<String, (Follower, u64)>,
    /// Whose records stand at this place of the file.
    of: Option<String>,
    /// Last positions, once all records were read.
    ends: BTreeMap<String, u64>,
    said: Said,
    report: VerifyReport,
}

/// Follows every chain of an exported log, and compares it with its own checkpoint, which has to cover exactly what is
/// in the file, and with `anchors`.
///
/// # Errors
/// [`ExportError`] when it is no exported log. What is wrong with the log is in the report.
pub fn verify_export(
    mut file: impl BufRead,
    public_keys: &[[u8; 32]],
    anchors: &Anchors,
) -> Result<Exported, ExportError> {
    let first = line(&mut file)?.ok_or(ExportError::Form)?;
    let installation = match serde_json::from_slice(&first) {
        Ok(ExportLine::Export { version: 1, installation }) => installation,
        Ok(_) => return Err(ExportError::Form),
        Err(_) if is_of_chosen(&first) => return Err(ExportError::Chosen),
        Err(_) => return Err(ExportError::Line(1)),
    };
    let trees = anchors.trees.iter().chain(&anchors.witnessed);
    let trees = trees.flat_map(|tree| &tree.heads).map(|head| (head.node.as_str(), head.seq));
    let single = anchors.checkpoints.iter().map(|checkpoint| (checkpoint.node.as_str(), checkpoint.seq));
    let mut export = Export {
        installation: InstallationId(installation),
        wanted: trees.chain(single).collect(),
        heads: BTreeMap::new(),
        followers: BTreeMap::new(),
        of: None,
        ends: BTreeMap::new(),
        said: Said::default(),
        report: VerifyReport::default(),
    };
    let mut number = 2;
    let checkpoint = loop {
        match next(&mut file, number)? {
            Some((_, ExportLine::Record { node, chained })) => export.follow(&node, chained),
            Some((_, ExportLine::Checkpoint(checkpoint))) => break checkpoint,
            Some((line, ExportLine::Export { .. })) => return Err(ExportError::Line(line)),
            None => return Err(ExportError::Cut),
        }
        number += 1;
    };
    if let Some((line, _)) = next(&mut file, number + 1)? {
        return Err(ExportError::Line(line));
    }
    Ok(export.conclude(&checkpoint, anchors, public_keys))
}

fn line(file: &mut impl BufRead) -> Result<Option<Vec<u8>>, ExportError> {
    let mut line = Vec::new();
    let read = file.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok((read > 0).then_some(line))
}

fn next(file: &mut impl BufRead, number: usize) -> Result<Option<(usize, ExportLine)>, ExportError> {
    let Some(line) = line(file)? else { return Ok(None) };
    let line = serde_json::from_slice(&line).map_err(|_| ExportError::Line(number))?;
    Ok(Some((number, line)))
}

/// Whether a first line is that of a file of chosen records: what was chosen, or a record by itself.
fn is_of_chosen(line: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(line).is_ok_and(|line| {
        line.pointer("/export/filter").is_some()
            || line.get("bundle").is_some()
            || (line.get("operation").is_some() && line.get("outcome").is_some())
    })
}

impl Export<'_> {
    fn follow(&mut self, node: &str, chained: ChainedRecord) {
        if self.of.as_deref() != Some(node) {
            if self.followers.contains_key(node) {
                let (node, from, to) = (node.to_owned(), chained.seq, chained.seq);
                self.report.add(Finding::OutOfOrder { node, from, to });
            }
            self.of = Some(node.to_owned());
        }
        let installation = *self.installation.0.as_bytes();
        let (follower, records) = self
            .followers
            .entry(node.to_owned())
            .or_insert_with(|| (Follower::new(node, chain::genesis(&installation, node)), 0));
        *records = records.saturating_add(1);
        let record_hash = chain::record_hash(chained.id.as_bytes(), chained.record.as_bytes());
        let link = Link { seq: chained.seq, record: chained.id, record_hash, head: chained.head };
        if self.wanted.contains(&(node, chained.seq)) {
            self.heads.insert((node.to_owned(), chained.seq), chained.head);
        }
        if let Some(finding) = follower.follow(link) {
            self.report.add(finding);
        }
    }

    fn conclude(mut self, checkpoint: &TreeCheckpoint, anchors: &Anchors, keys: &[[u8; 32]]) -> Exported {
        for (node, (follower, records)) in std::mem::take(&mut self.followers) {
            let (last, head) = (follower.last, follower.head);
            self.ends.insert(node.clone(), last);
            self.heads.insert((node.clone(), last), head);
            self.report.nodes.push(NodeReport { node, records, last, head: Some(head), covered: None });
            follower.finish().into_iter().for_each(|finding| self.report.add(finding));
        }
        let own = checkpoint.is_authentic(self.installation, keys).then_some(checkpoint);
        match own {
            Some(own) => self.own(own),
            None => self.report.add(Finding::TreeForged { size: checkpoint.size, source: Source::Export }),
        }
        let mut compared: usize = 0;
        let kept = anchors.trees.iter().map(|tree| (tree, Source::Anchor));
        for (tree, source) in kept.chain(anchors.witnessed.iter().map(|tree| (tree, Source::Witness))) {
            if tree.is_authentic(self.installation, keys) {
                compared = compared.saturating_add(usize::from(self.tree(tree, source, own)));
            } else {
                self.report.add(Finding::TreeForged { size: tree.size, source });
            }
        }
        for single in &anchors.checkpoints {
            if self.is_authentic(single, keys) {
                let newer = own.filter(|own| single.at > own.at).map(|_| single.at);
                let whole = self.compare((&single.node, single.seq, &single.head), Source::Anchor, newer);
                compared = compared.saturating_add(usize::from(whole));
            } else {
                let (node, seq, source) = (single.node.clone(), single.seq, Source::Anchor);
                self.report.add(Finding::CheckpointForged { node, seq, source });
            }
        }
        self.told(compared, checkpoint.at)
    }

    /// The file's own checkpoint covers exactly what is in the file.
    fn own(&mut self, own: &TreeCheckpoint) {
        let mut covers: BTreeMap<&str, u64> = BTreeMap::new();
        for head in &own.heads {
            self.compare((&head.node, head.seq, &head.head), Source::Export, None);
            covers.insert(&head.node, head.seq);
        }
        for (node, last) in &self.ends {
            let covered = covers.get(node.as_str()).copied().unwrap_or(0);
            if *last > covered {
                let (node, from, to) = (node.clone(), covered.saturating_add(1), *last);
                self.report.add(Finding::Added { node, from, to });
            }
        }
    }

    /// Compares an authentic anchor; whether everything that it covers is in the file.
    fn tree(&mut self, tree: &TreeCheckpoint, source: Source, own: Option<&TreeCheckpoint>) -> bool {
        let newer = own.filter(|own| tree.size > own.size);
        if let Some(own) = newer {
            // What was covered once is covered by everything signed after it.
            let covers = |node: &str| tree.heads.iter().find(|head| head.node == node).map_or(0, |head| head.seq);
            for head in own.heads.iter().filter(|head| covers(&head.node) < head.seq) {
                self.report.add(Finding::Forked { node: head.node.clone(), seq: head.seq, source });
            }
        } else if own.is_some_and(|own| tree.size == own.size && tree.root != own.root) {
            self.report.add(Finding::TreeChanged { size: tree.size, source });
        }
        let mut whole = true;
        for head in &tree.heads {
            whole &= self.compare((&head.node, head.seq, &head.head), source, newer.map(|_| tree.at));
        }
        whole
    }

    /// Compares one head that a checkpoint signs; false when the file ends before it, as an older one does. `newer` is
    /// when a checkpoint was signed that is newer than the file's own.
    fn compare(&mut self, (node, seq, head): (&str, u64, &[u8; 32]), source: Source, newer: Option<i64>) -> bool {
        let Self { said, .. } = self;
        let name = node.to_owned();
        if seq > self.ends.get(node).copied().unwrap_or(0) {
            if let Some(at) = newer {
                let farthest = said.later.entry(name).or_insert((seq, at));
                *farthest = (seq, at).max(*farthest);
                return false;
            }
            let beyond = said.beyond.entry((name, source)).or_insert(seq);
            *beyond = seq.max(*beyond);
            return true;
        }
        match self.heads.get(&(name.clone(), seq)) {
            Some(found) if found == head => {
                let highest = said.covered.entry(name).or_insert(seq);
                *highest = seq.max(*highest);
            }
            Some(_) => {
                let lowest = said.contradicted.entry((name, source)).or_insert(seq);
                *lowest = seq.min(*lowest);
            }
            // The position is missing, or the file goes on behind what its own checkpoint covers: told as such.
            None => {}
        }
        true
    }

    fn is_authentic(&self, single: &Checkpoint, keys: &[[u8; 32]]) -> bool {
        let body = CheckpointBody {
            installation: *self.installation.0.as_bytes(),
            node: single.node.clone(),
            seq: single.seq,
            head: single.head,
            at_millis: single.at,
        };
        let (name, signed) = (&single.key_id, body.to_signed_bytes());
        keys.iter().any(|key| verify_named_audit_signature(name, key, &signed, &single.signature))
    }

    fn told(mut self, compared: usize, at: i64) -> Exported {
        let Said { covered, beyond, contradicted, later } = std::mem::take(&mut self.said);
        let ends = |node: &str| self.ends.get(node).copied().unwrap_or(0);
        for ((node, source), checkpoint) in beyond {
            let ends = ends(&node);
            self.report.add(Finding::Truncated { node, ends, checkpoint, source });
        }
        for ((node, source), seq) in contradicted {
            self.report.add(Finding::Rewritten { node, seq, source });
        }
        for report in &mut self.report.nodes {
            report.covered = covered.get(&report.node).copied();
        }
        let later = later.into_iter().map(|(node, (goes_on, goes_on_at))| {
            let ends = ends(&node);
            Later { node, ends, at, goes_on, goes_on_at }
        });
        Exported { compared, later: later.collect(), report: self.report }
    }
}

#[cfg(test)]
mod tests;
