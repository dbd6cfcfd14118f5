//! Checking the audit trail offline: a database, public keys, and checkpoints kept elsewhere.
//!
//! Needs no secret and changes nothing, so anybody who may read the database can do it, also while
//! a server runs. What is found is named: which record, at which position, of which node.
//!
//! What it can prove: everything up to the last authentic checkpoint is as it was when that was
//! signed. Behind it, the chain shows careless editing, but who can write the database can also
//! rewrite its end: a tail that was written over more than a minute is a finding, because a server does
//! not go on so long without a checkpoint. Checkpoints in the database can be deleted with the records; anchors, kept in a
//! file on another machine, cannot.
//!
//! Rows are compared with what the log says of them: a row put back to an older state is authentic,
//! and only the log knows better. That needs no key either.

mod again;
mod anchors;
mod compare;
mod expected;
mod export;
mod links;
mod once;
mod records;
mod sketch;
mod stored;
mod stretch;
mod trees;
mod walk;

use std::fmt;

use sea_orm::DatabaseConnection;
use strongroom_domain::{ports::StoreError, record::RowKind};
use strongroom_migrations::Standing;
use uuid::Uuid;

pub use anchors::{AnchorError, Anchors, Told, append_anchor, append_tree, parse_anchors, read_anchors};
pub use expected::RowFault;
pub use export::{ExportError, ExportLine, Exported, Later, verify_export};
pub use once::OnceFault;
pub use walk::{verify_chain, verify_log};

use crate::{
    Store,
    connect::{self},
    decoding::Unreadable,
    installation::{self, Installation},
    open::OpenError,
};

/// Most findings that are told one by one.
pub const MAX_FINDINGS: usize = 1000;

/// A database opened for reading only.
pub struct AuditReader {
    pub(crate) connection: DatabaseConnection,
    holds: usize,
}

impl Store {
    /// Whether there is an installation, in a database of whatever release. Writes nothing, and makes no database
    /// where there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn holds_installation(url: &str) -> Result<bool, OpenError> {
        let connection = match connect::auditor(&connect::place(url)?).await {
            Ok(connection) => connection,
            Err(OpenError::Missing(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        let unusable = |error: sea_orm::DbErr| OpenError::Unusable(error.to_string());
        if !strongroom_migrations::was_made(&connection).await.map_err(unusable)? {
            return Ok(false);
        }
        let found = installation::load(&connection).await.map_err(|error| OpenError::Unusable(error.to_string()))?;
        Ok(found.is_some())
    }

    /// Opens a database for [`verify_chain`]: beside a running server, or a copy of it. Writes
    /// nothing, takes no lock, and needs no key.
    ///
    /// # Errors
    /// [`OpenError`]; a database that is not there is not made.
    pub async fn open_read_only(url: &str) -> Result<AuditReader, OpenError> {
        let connection = connect::auditor(&connect::place(url)?).await?;
        let standing = strongroom_migrations::standing(&connection).await;
        match standing.map_err(|error| OpenError::Unusable(error.to_string()))? {
            Standing::Current => Ok(AuditReader { connection, holds: sketch::HELD }),
            Standing::Behind => Err(OpenError::OlderSchema),
            Standing::Newer { database, program } => Err(OpenError::NewerSchema { database, program }),
        }
    }
}

impl AuditReader {
    /// The same, holding what the log says of so many names at a time: the fewer, the less memory a check
    /// takes, and the more often the log is read.
    #[must_use]
    pub fn holding(self, holds: usize) -> Self {
        Self { holds, ..self }
    }

    /// The installation the database holds.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn installation(&self) -> Result<Option<Installation>, StoreError> {
        installation::load(&self.connection).await
    }
}

/// Where a checkpoint was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// In the database itself.
    Database,
    /// Among the anchors.
    Anchor,
    /// At the witness.
    Witness,
    /// At the end of the exported log that is checked.
    Export,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "the database",
            Self::Anchor => "the anchors",
            Self::Witness => "what the witness keeps",
            Self::Export => "the file itself",
        })
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A record's body was changed.
    RecordEdited {
        /// Whose chain.
        node: String,
        /// Position in it.
        seq: u64,
        /// Which record.
        record: Uuid,
    },
    /// The columns by which a record is found contradict its body.
    RecordHidden {
        /// Whose chain.
        node: String,
        /// Position in it.
        seq: u64,
        /// Which record.
        record: Uuid,
    },
    /// Records are missing in the middle of the chain.
    LinksMissing {
        /// Whose chain.
        node: String,
        /// First missing position.
        from: u64,
        /// Last missing position.
        to: u64,
    },
    /// Two positions were exchanged.
    Reordered {
        /// Whose chain.
        node: String,
        /// The one.
        seq: u64,
        /// The other.
        other: u64,
    },
    /// Records stand in an exported log behind others that follow from them, or among those of another node.
    OutOfOrder {
        /// Whose chain.
        node: String,
        /// First of these positions.
        from: u64,
        /// Last of these positions.
        to: u64,
    },
    /// A position stands in an exported log once more.
    Repeated {
        /// Whose chain.
        node: String,
        /// Position in it.
        seq: u64,
        /// The record that stands there the second time.
        record: Uuid,
    },
    /// An exported log has records that its own checkpoint does not cover: nobody signed them.
    Added {
        /// Whose chain.
        node: String,
        /// First of these positions.
        from: u64,
        /// Last of these positions.
        to: u64,
    },
    /// What stands at this position is not what was chained here.
    LinkBroken {
        /// Whose chain.
        node: String,
        /// Position in it.
        seq: u64,
        /// The record that stands there now.
        record: Uuid,
    },
    /// A record is in no chain.
    Unchained {
        /// Which record.
        record: Uuid,
    },
    /// No key that was given has signed this checkpoint.
    CheckpointForged {
        /// Whose chain it claims to cover.
        node: String,
        /// Up to which position.
        seq: u64,
        /// Where it was found.
        source: Source,
    },
    /// The chain ends before an authentic checkpoint.
    Truncated {
        /// Whose chain.
        node: String,
        /// Last position there is; 0 when there is none.
        ends: u64,
        /// Position of the checkpoint.
        checkpoint: u64,
        /// Where it was found.
        source: Source,
    },
    /// The chain has another head than an authentic checkpoint says: it was rewritten.
    Rewritten {
        /// Whose chain.
        node: String,
        /// Position of the checkpoint.
        seq: u64,
        /// Where it was found.
        source: Source,
    },
    /// Two authentic checkpoints exclude each other: the chain was continued from an older state.
    Forked {
        /// Whose chain.
        node: String,
        /// Position of the checkpoint that the chain contradicts.
        seq: u64,
        /// Where it was found.
        source: Source,
    },
    /// No key that was given has signed this checkpoint of the whole log.
    TreeForged {
        /// How many segments it claims to cover.
        size: u64,
        /// Where it was found.
        source: Source,
    },
    /// The Merkle tree is not the one that an authentic checkpoint covers, while the chains are.
    TreeChanged {
        /// How many segments the checkpoint covers.
        size: u64,
        /// Where it was found.
        source: Source,
    },
    /// The Merkle tree ends before an authentic checkpoint, while the chains do not.
    TreeCut {
        /// How many segments there are.
        ends: u64,
        /// How many segments the checkpoint covers.
        size: u64,
        /// Where it was found.
        source: Source,
    },
    /// A segment of the Merkle tree is not over the positions that it names.
    SegmentChanged {
        /// Whose chain.
        node: String,
        /// First position.
        first: u64,
        /// Last position.
        last: u64,
    },
    /// Stored nodes of the Merkle tree are not what its segments give.
    TreeNodes {
        /// How many are wrong, missing or too many.
        wrong: u64,
    },
    /// Checkpoints that are kept outside the database are not in it any more, while everything they cover is.
    CheckpointsMissing {
        /// How many.
        count: usize,
        /// How many segments the first of them covers.
        first: u64,
        /// How many segments the last of them covers.
        last: u64,
    },
    /// A node went on without checkpoints: nothing proves these records against somebody who can write the
    /// database.
    Uncovered {
        /// Whose chain.
        node: String,
        /// First position that no checkpoint covers.
        from: u64,
        /// Last position.
        to: u64,
        /// Between the times of the first and the last of them, in milliseconds.
        millis: i64,
    },
    /// The database holds a trigger, a view, a rule or a row policy, and no migration makes any.
    Foreign {
        /// Which.
        what: String,
    },
    /// A row holds in a cell what cannot stand there.
    Unreadable {
        /// Of which table.
        table: String,
        /// What its key is made of, as it is found.
        place: String,
        /// Which cell, and what is wrong with it.
        why: String,
    },
    /// A row is not as the log says it was written last.
    Row {
        /// Of which table.
        row: RowKind,
        /// Its identity; for a version of a secret or a key, the name's with the version.
        id: String,
        /// What is wrong.
        fault: RowFault,
    },
    /// An assertion or a code that counts once is not remembered as the log says it was used.
    UsedOnce {
        /// The beginning of its digest.
        id: String,
        /// What is wrong.
        fault: OnceFault,
    },
}

impl From<Unreadable> for Finding {
    fn from(Unreadable { table, place, why }: Unreadable) -> Self {
        Self::Unreadable { table: table.to_owned(), place, why }
    }
}

impl Finding {
    /// The node whose chain is meant, if it is one.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::RecordEdited { node, .. }
            | Self::RecordHidden { node, .. }
            | Self::LinksMissing { node, .. }
            | Self::Reordered { node, .. }
            | Self::OutOfOrder { node, .. }
            | Self::Repeated { node, .. }
            | Self::Added { node, .. }
            | Self::LinkBroken { node, .. }
            | Self::CheckpointForged { node, .. }
            | Self::Truncated { node, .. }
            | Self::Rewritten { node, .. }
            | Self::Forked { node, .. }
            | Self::Uncovered { node, .. }
            | Self::SegmentChanged { node, .. } => Some(node),
            Self::Unchained { .. }
            | Self::TreeForged { .. }
            | Self::TreeChanged { .. }
            | Self::TreeCut { .. }
            | Self::TreeNodes { .. }
            | Self::CheckpointsMissing { .. }
            | Self::Foreign { .. }
            | Self::Unreadable { .. }
            | Self::Row { .. }
            | Self::UsedOnce { .. } => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RecordEdited { node, seq, record } => {
                write!(f, "record {record} (node {node}, position {seq}) was edited")
            }
            Self::RecordHidden { node, seq, record } => {
                write!(f, "record {record} (node {node}, position {seq}) was hidden: its columns contradict its body")
            }
            Self::LinksMissing { node, from, to } => {
                write!(f, "records were dropped: positions {from} to {to} of node {node} are missing")
            }
            Self::Reordered { node, seq, other } => {
                write!(f, "positions {seq} and {other} of node {node} were exchanged")
            }
            Self::OutOfOrder { node, from, to } => {
                write!(f, "records were reordered: positions {from} to {to} of node {node} do not stand at their place")
            }
            Self::Repeated { node, seq, record } => {
                write!(f, "position {seq} of node {node} is repeated (by record {record})")
            }
            Self::Added { node, from, to } => write!(
                f,
                "records were added: positions {from} to {to} of node {node} are not covered by the checkpoint at the end of the file"
            ),
            Self::LinkBroken { node, seq, record } => {
                write!(f, "position {seq} of node {node} (now record {record}) is not what was chained there")
            }
            Self::Unchained { record } => write!(f, "record {record} is in no chain: it was inserted from outside"),
            Self::CheckpointForged { node, seq, source } => {
                write!(f, "a checkpoint of node {node} at position {seq} in {source} is not signed by any known key")
            }
            Self::Truncated { node, ends, checkpoint, source } => write!(
                f,
                "the chain of node {node} was cut: it ends at position {ends}, and a checkpoint in {source} covers position {checkpoint}"
            ),
            Self::Rewritten { node, seq, source } => {
                write!(
                    f,
                    "the chain of node {node} was rewritten at or before position {seq}, by a checkpoint in {source}"
                )
            }
            Self::Forked { node, seq, source } => write!(
                f,
                "the chain of node {node} was forked: at or before position {seq} it went on differently, by a checkpoint in {source} and one in the log, both signed"
            ),
            Self::TreeForged { size, source } => {
                write!(f, "a checkpoint of the log at {size} segments in {source} is not signed by any known key")
            }
            Self::TreeChanged { size, source } => {
                write!(
                    f,
                    "the Merkle tree was changed: its first {size} segments are not those of a checkpoint in {source}"
                )
            }
            Self::TreeCut { ends, size, source } => {
                write!(f, "the Merkle tree was cut: it has {ends} segments, and a checkpoint in {source} covers {size}")
            }
            Self::SegmentChanged { node, first, last } => {
                write!(f, "the Merkle tree is not over positions {first} to {last} of node {node} as they are")
            }
            Self::TreeNodes { wrong } => {
                write!(f, "{wrong} stored nodes of the Merkle tree are not what its segments give")
            }
            Self::CheckpointsMissing { count, first, last } => write!(
                f,
                "{count} of the checkpoints kept outside the database were deleted from audit_checkpoints: those at {first} to {last} segments"
            ),
            Self::Uncovered { node, from, to, millis } => write!(
                f,
                "positions {from} to {to} of node {node} are covered by no checkpoint, though it went on for {} seconds after the first of them",
                millis / 1000
            ),
            Self::Foreign { what } => {
                write!(
                    f,
                    "the database has a {what}, which no release of this program makes: it can drop or change what is written"
                )
            }
            Self::Unreadable { table, place, why } => {
                write!(f, "the row {place} of {table} was edited: a cell holds what cannot stand there ({why})")
            }
            Self::UsedOnce { id, fault } => {
                write!(f, "the used assertion {id} ")?;
                match fault {
                    OnceFault::Missing => f.write_str(
                        "was deleted from used_assertions before its time: whoever has the assertion can use it again",
                    ),
                    OnceFault::Edited => f.write_str("was edited in used_assertions: it is not as the log says"),
                    OnceFault::Again { seconds } => {
                        write!(f, "counted again after {seconds} seconds: what remembered it was taken away meanwhile")
                    }
                }
            }
            Self::Row { row, id, fault } => {
                write!(f, "{} {id} ", row.as_str())?;
                match fault {
                    RowFault::Older { found, recorded } => {
                        write!(f, "was put back: it has revision {found}, and revision {recorded} is on record")
                    }
                    RowFault::Ahead { found, recorded } => {
                        write!(f, "has revision {found}, and the last one on record is {recorded}: records are missing")
                    }
                    RowFault::NotLast => f.write_str("was put back: it is not as it was written last"),
                    RowFault::Back => f.write_str("was put back: it was taken away, by the log"),
                    RowFault::Missing => f.write_str("was deleted: it is there, by the log"),
                    RowFault::Unreadable => {
                        f.write_str("was edited: a cell holds what cannot stand there, and it does not read")
                    }
                    RowFault::Unrecorded => f.write_str("is in no record: it was inserted from outside"),
                }
            }
        }
    }
}

/// One node's chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReport {
    /// Which node.
    pub node: String,
    /// Records at all positions that are there.
    pub records: u64,
    /// Last position; 0 for none.
    pub last: u64,
    /// Head at the last position.
    pub head: Option<[u8; 32]>,
    /// Highest position that an authentic, agreeing checkpoint covers. What lies behind it is not
    /// proven against somebody who can write the database.
    pub covered: Option<u64>,
}

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Every node that was seen, by name.
    pub nodes: Vec<NodeReport>,
    /// Records that no authentic, agreeing checkpoint covers.
    pub uncovered: u64,
    /// When the first of them was made, Unix milliseconds.
    pub uncovered_since: Option<i64>,
    /// Rows that are as the log says.
    pub rows: u64,
    /// Rows that no record tells of, in an installation older than such records: not judged.
    pub untracked: u64,
    /// What is wrong; at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// Findings that are not told one by one.
    pub more_findings: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.findings.is_empty() && self.more_findings == 0
    }

    fn add(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more_findings = self.more_findings.saturating_add(1);
        }
    }
}
