//! Verifying the audit chain, for the command and for the server's own periodic check alike.

use std::path::Path;

use anyhow::Context as _;
use strongroom_store::{
    Store,
    verify::{Anchors, Finding, VerifyReport, read_anchors, verify_log},
};

use crate::witness::Witness;

/// What a check found, and how much it could know.
pub(crate) struct Checked {
    pub(crate) report: VerifyReport,
    /// Anchors that were compared, those of a witness included; none means that a cut-off end cannot be told.
    pub(crate) anchors: usize,
    /// Lines of the anchor file that are no checkpoints.
    pub(crate) unreadable: Vec<usize>,
}

impl Checked {
    /// Whether there is nothing wrong but an end that is missing: what a copy looks like beside newer anchors, and a log
    /// that was cut off too.
    pub(crate) fn is_only_older(&self) -> bool {
        let cut = |finding: &Finding| matches!(finding, Finding::Truncated { .. } | Finding::TreeCut { .. });
        let report = &self.report;
        !report.findings.is_empty()
            && report.more_findings == 0
            && report.findings.iter().all(cut)
            && self.unreadable.is_empty()
    }

    /// What is wrong, one line each.
    pub(crate) fn findings(&self) -> Vec<String> {
        let lines = self.unreadable.iter().map(|line| format!("line {line} of the anchor file is no checkpoint"));
        let mut findings: Vec<String> = self.report.findings.iter().map(ToString::to_string).chain(lines).collect();
        if self.report.more_findings > 0 {
            findings.push(format!("and {} findings more", self.report.more_findings));
        }
        findings
    }
}

/// Walks every node's chain in the database at `address`, and compares it with the anchors and with what a
/// witness keeps.
pub(crate) async fn check(
    address: &str,
    key: [u8; 32],
    anchors: &Path,
    witness: Option<&Witness>,
) -> anyhow::Result<Checked> {
    let mut anchors = if anchors.exists() { read_anchors(anchors)? } else { Anchors::default() };
    let reader = Store::open_read_only(address).await?;
    if let Some(witness) = witness {
        let installation = reader.installation().await?.context("the database holds no installation")?.id;
        let kept = witness.keeps(installation).await?;
        anchors.witnessed =
            kept.context("the witness gives nothing back: ask whoever runs it for a file for --anchors")?;
    }
    let report = verify_log(&reader, &[key], &anchors).await?;
    let compared = anchors.checkpoints.len() + anchors.trees.len() + anchors.witnessed.len();
    Ok(Checked { report, anchors: compared, unreadable: anchors.unreadable })
}
