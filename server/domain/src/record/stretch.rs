//! A stretch of the log that is verified while it is in use: what is asked for, and what came of it.

/// A stretch of time whose records are to be verified.
#[derive(Clone, Debug)]
pub struct StretchToVerify {
    /// From this moment on, Unix milliseconds.
    pub from: i64,
    /// Before this one.
    pub until: i64,
    /// What this installation signs checkpoints with. Without any, chains are followed and compared with no checkpoint.
    pub public_keys: Vec<[u8; 32]>,
}

/// What was found of a stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifiedStretch {
    /// Each node whose chain has records in it.
    pub chains: Vec<VerifiedChain>,
    /// What is wrong, each as a sentence; in the words of `audit verify`.
    pub findings: Vec<String>,
    /// Findings that are not told one by one.
    pub more_findings: u64,
    /// There are more records in the time than are verified at once: the newest positions were.
    pub cut: bool,
    /// When the newest authentic checkpoint was signed, Unix milliseconds.
    pub checkpoint: Option<i64>,
}

/// What was followed of one node's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedChain {
    /// Which node.
    pub node: String,
    /// First position.
    pub first: u64,
    /// Last position.
    pub last: u64,
    /// Records that are there.
    pub records: u64,
    /// The position up to which a signed checkpoint covers what was followed. What lies behind it is not proven yet.
    pub covered: Option<u64>,
}
