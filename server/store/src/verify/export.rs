//! Checking an exported log, without any database: the records of every node's chain up to a
//! checkpoint, and that checkpoint. Reads line by line and keeps only heads.
//!
//! A file of JSON lines, in this order: one [`ExportLine::Export`], the records of one node after
//! another, and one [`ExportLine::Checkpoint`]. A file without the last line was cut off.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Read as _},
};

use serde::{Deserialize, Serialize};
use strongroom_crypto::{CheckpointBody, chain, verify_named_audit_signature};
use strongroom_domain::{
    names::InstallationId,
    record::{ChainedRecord, TreeCheckpoint},
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
    /// The last line is missing.
    #[error("the file has no checkpoint at its end: it was cut off")]
    Cut,
}

struct Export<'a> {
    installation: InstallationId,
    /// Positions whose heads somebody says, with what the file has there.
    wanted: BTreeSet<(&'a str, u64)>,
    heads: BTreeMap<(String, u64), [u8; 32]>,
    followers: BTreeMap<String, (Follower, u64)>,
    report: VerifyReport,
}

/// Follows every chain of an exported log, and compares the ends with its checkpoint and with `anchors`.
///
/// # Errors
/// [`ExportError`] when it is no exported log. What is wrong with the log is in the report.
pub fn verify_export(
    mut file: impl BufRead,
    public_keys: &[[u8; 32]],
    anchors: &Anchors,
) -> Result<VerifyReport, ExportError> {
    let Some((_, ExportLine::Export { version: 1, installation })) = next(&mut file, 1)? else {
        return Err(ExportError::Form);
    };
    let trees = anchors.trees.iter().chain(&anchors.witnessed);
    let trees = trees.flat_map(|tree| &tree.heads).map(|head| (head.node.as_str(), head.seq));
    let single = anchors.checkpoints.iter().map(|checkpoint| (checkpoint.node.as_str(), checkpoint.seq));
    let mut export = Export {
        installation: InstallationId(installation),
        wanted: trees.chain(single).collect(),
        heads: BTreeMap::new(),
        followers: BTreeMap::new(),
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

fn next(file: &mut impl BufRead, number: usize) -> Result<Option<(usize, ExportLine)>, ExportError> {
    let mut line = Vec::new();
    if file.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    let line = serde_json::from_slice(&line).map_err(|_| ExportError::Line(number))?;
    Ok(Some((number, line)))
}

impl Export<'_> {
    fn follow(&mut self, node: &str, chained: ChainedRecord) {
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

    fn conclude(mut self, checkpoint: &TreeCheckpoint, anchors: &Anchors, keys: &[[u8; 32]]) -> VerifyReport {
        let mut ends = BTreeMap::new();
        for (node, (follower, records)) in std::mem::take(&mut self.followers) {
            let (last, head) = (follower.last, follower.head);
            ends.insert(node.clone(), last);
            self.heads.insert((node.clone(), last), head);
            self.report.nodes.push(NodeReport { node, records, last, head: Some(head), covered: None });
            follower.finish().into_iter().for_each(|finding| self.report.add(finding));
        }
        let own = checkpoint.is_authentic(self.installation, keys);
        if !own {
            self.report.add(Finding::TreeForged { size: checkpoint.size, source: Source::Database });
        }
        let mut said: BTreeSet<(&str, u64, [u8; 32], Source)> = BTreeSet::new();
        if own {
            said.extend(checkpoint.heads.iter().map(|h| (h.node.as_str(), h.seq, h.head, Source::Database)));
        }
        let kept = anchors.trees.iter().map(|tree| (tree, Source::Anchor));
        for (tree, source) in kept.chain(anchors.witnessed.iter().map(|tree| (tree, Source::Witness))) {
            if tree.is_authentic(self.installation, keys) {
                // What was covered later than this file ends is not missing from it.
                let older = tree.size <= checkpoint.size;
                let heads = tree.heads.iter().filter(|_| older);
                said.extend(heads.map(|h| (h.node.as_str(), h.seq, h.head, source)));
            } else {
                self.report.add(Finding::TreeForged { size: tree.size, source });
            }
        }
        for single in &anchors.checkpoints {
            let body = CheckpointBody {
                installation: *self.installation.0.as_bytes(),
                node: single.node.clone(),
                seq: single.seq,
                head: single.head,
                at_millis: single.at,
            };
            let (name, signed) = (&single.key_id, body.to_signed_bytes());
            if keys.iter().any(|key| verify_named_audit_signature(name, key, &signed, &single.signature)) {
                said.insert((single.node.as_str(), single.seq, single.head, Source::Anchor));
            } else {
                let (node, seq, source) = (single.node.clone(), single.seq, Source::Anchor);
                self.report.add(Finding::CheckpointForged { node, seq, source });
            }
        }
        let mut covered: BTreeMap<&str, u64> = BTreeMap::new();
        for (node, seq, head, source) in said {
            let ends = ends.get(node).copied().unwrap_or(0);
            let node_name = node.to_owned();
            match self.heads.get(&(node_name.clone(), seq)) {
                _ if seq > ends => {
                    self.report.add(Finding::Truncated { node: node_name, ends, checkpoint: seq, source });
                }
                Some(found) if *found == head => {
                    let highest = covered.entry(node).or_insert(seq);
                    *highest = seq.max(*highest);
                }
                Some(_) => self.report.add(Finding::Rewritten { node: node_name, seq, source }),
                None => {}
            }
        }
        for report in &mut self.report.nodes {
            report.covered = covered.get(report.node.as_str()).copied();
        }
        self.report
    }
}
