//! Verifying the audit chain, for the command and for the server's own periodic check alike.

use std::path::Path;

use strongroom_store::{
    Store,
    verify::{VerifyReport, read_anchors, verify_log},
};

/// What a check found, and how much it could know.
pub(crate) struct Checked {
    pub(crate) report: VerifyReport,
    /// Anchors that were compared; none means that a cut-off end cannot be told.
    pub(crate) anchors: usize,
    /// Lines of the anchor file that are no checkpoints.
    pub(crate) unreadable: Vec<usize>,
}

impl Checked {
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

/// Walks every node's chain in the database at `address`.
pub(crate) async fn check(address: &str, key: [u8; 32], anchors: &Path) -> anyhow::Result<Checked> {
    let anchors = if anchors.exists() { read_anchors(anchors)? } else { strongroom_store::verify::Anchors::default() };
    let reader = Store::open_read_only(address).await?;
    let report = verify_log(&reader, &[key], &anchors).await?;
    Ok(Checked { report, anchors: anchors.checkpoints.len() + anchors.trees.len(), unreadable: anchors.unreadable })
}
