//! The audit record, and the rule that nothing is answered before its record is durable.
//!
//! A record holds identifiers and reasons: enough to show, to prove and to judge again. It must
//! never hold a value, nor a person's display name.

mod changed;
mod committer;
mod denials;
mod details;
mod filter;
mod flood;
mod managed;
mod news;
mod receipt;
mod recorder;
mod repeats;
mod stretch;
mod tree;
mod used_once;
mod uses;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use changed::{ChangedRow, INSTALLATION, RowKind, tag_digest};
pub use committer::{Committer, CommitterHealth, NoRecord, spawn};
pub use denials::{DenialCount, Denials, DeniedAlike};
pub use details::{MAX_DETAIL, MAX_DETAILS};
pub use filter::{CHALLENGES, IdPrefix, RecordFilter, Without};
pub use flood::{Counted, FloodGate};
pub use news::{ADDRESSES_KEPT, FirstSeen, News, NewsCount};
pub use receipt::{MAX_RECEIPT, Receipt, ReceiptError};
pub(crate) use recorder::Denied;
pub use recorder::{HowItWent, Recorder};
pub use repeats::{Folding, MAX_FOLDED, Repeats};
pub use stretch::{StretchToVerify, VerifiedChain, VerifiedStretch};
pub use tree::{Growth, NodeHead, Segment, TreeCheckpoint, TwoPasts};
pub use used_once::UsedOnce;
pub use uses::{LastUse, OperationsUsed, UseCount, UsedGrant, Uses};

use crate::{
    change::PermittedChange,
    decision::Stage,
    policy::{PolicyAttachment, PolicyRequest},
    principal::PrincipalId,
    vault::VaultChange,
};

/// Longest reason that a person may state, in characters.
pub const MAX_STATED_REASON: usize = 200;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Allowed and done. For a read: the value was opened for the principal.
    Allowed,
    /// The gate said no.
    Denied,
    /// Allowed, or not even judged, and not done: not found, conflict, bad input, fault.
    Failed,
    /// No valid credential.
    Unauthenticated,
}

impl Outcome {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Allowed, Self::Denied, Self::Failed, Self::Unauthenticated];

    /// The word used in records and filters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Unauthenticated => "unauthenticated",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.as_str() == text)
    }
}

/// One audit record. Its canonical form is its JSON, written once and hashed as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Identity: the request id, which is the decision id too.
    pub id: Uuid,
    /// When the request arrived, Unix milliseconds.
    pub at: i64,
    /// Who asked; none for the unauthenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalId>,
    /// `user`, `workload`, `system` or `anonymous`.
    pub principal_kind: String,
    /// The claims of the credential that the issuer's mapping selects and judging may use; nothing
    /// else of a token is kept, and no name or address of a person is mapped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// Groups of the principal that a grant rested on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Client address.
    pub client: String,
    /// Listener that took the connection.
    pub listener: String,
    /// Operation name, Azure's AuditEvent words where they exist.
    pub operation: String,
    /// Vault name as asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<String>,
    /// Kind of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Object name as asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Version that was read or written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of an operation with a key, and of a certificate that its key signs: by which algorithm (JSON Web Algorithms' names).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Revision of the object's row after the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// The rows that the change wrote, as they are afterwards: what rows are compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<ChangedRow>,
    /// What was used up by the change and counts once: what the rows that remember it are compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_once: Option<UsedOnce>,
    /// On a change of a vault: what it made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_change: Option<VaultChange>,
    /// Of a change of a key: what it made of it (`key_ops`: `sign, verify -> verify`), and of a verification what it
    /// found; of what is managed: what was given to whom, or changed into what. In the words of the wire, at most
    /// [`MAX_DETAILS`] of at most [`MAX_DETAIL`] characters, never a value; of tags the names alone. Records of earlier
    /// releases have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// How it ended.
    pub outcome: Outcome,
    /// Machine-readable reason; `ok` when done.
    pub reason: String,
    /// Why, in the words of the person who asked for a value. Free text: at most
    /// [`MAX_STATED_REASON`] characters, without control characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_reason: Option<String>,
    /// HTTP status of the answer. None for what is not answered by itself: jobs, and the further
    /// reads of one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How many alike this record stands for, when floods are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Server time until the record was written, microseconds.
    pub duration_micros: u64,
    /// What each stage of the gate said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Stage>,
    /// How long each policy module of the trace ran, microseconds, by the name of its stage. Beside the trace, not
    /// in it: a decision's course is the same however fast the machine was.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub module_micros: BTreeMap<String, u64>,
    /// SHA-256 of the trace as it stands here (its JSON), hexadecimal: the name by which a
    /// decision's course can be compared with another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_digest: Option<String>,
    /// Revision of the vault's settings that were in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings_revision: Option<i64>,
    /// Revision of what was attached to all vaults, where anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policies_revision: Option<i64>,
    /// On a change of what is attached: each attachment whose module or settings are others now, with all its settings.
    /// Decisions name a revision and a module, and are judged again with these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attached: Vec<PolicyAttachment>,
    /// What policy modules were asked, when any was: enough to ask again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Box<PolicyRequest>>,
}

/// A record with the change it tells of, if any: one unit of durability.
#[derive(Debug)]
pub struct Entry {
    /// The record.
    pub record: Record,
    /// The change.
    pub change: Option<PermittedChange>,
}

/// How a member of a committed batch fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Its record, and its change if it had one, are durable.
    Recorded,
    /// Its object was no longer as it was judged: neither change nor record happened.
    Conflict,
    /// The database refused this member for what is in it, and the member's savepoint was rolled
    /// back: neither change nor record happened. One member must not be able to fail the others.
    Refused,
}

/// How many records there are of one outcome in one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// When the stretch begins, Unix milliseconds.
    pub from: i64,
    /// The outcome.
    pub outcome: Outcome,
    /// Whether these are requests without any credential, see [`CHALLENGES`].
    pub challenge: bool,
    /// How many.
    pub records: u64,
}

/// A record as it is chained: with these, and nothing else, a chain can be followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainedRecord {
    /// Position in its node's chain, from 1.
    pub seq: u64,
    /// The record's id.
    pub id: Uuid,
    /// The record as it was written, byte for byte.
    pub record: String,
    /// Head of the chain after it.
    #[serde(with = "tree::hex")]
    pub head: [u8; 32],
}

/// What is known of a record's proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// There is one.
    Covered(Box<Receipt>),
    /// The record is there, and the next checkpoint will cover it.
    NotYet,
    /// There is no such record.
    NoRecord,
}

/// A signed statement of how far one node's chain had come, as earlier releases made them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which chain.
    pub node: String,
    /// Position of the last record covered.
    pub seq: u64,
    /// Chain head at that position.
    pub head: [u8; 32],
    /// Unix milliseconds.
    pub at: i64,
    /// Key id of the signer.
    pub key_id: String,
    /// Ed25519 signature over the canonical body (`strongroom_crypto::CheckpointBody`).
    pub signature: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an earlier release wrote: it must be read, and be written again byte for byte, because
    /// the chain is over these bytes.
    #[test]
    fn records_of_earlier_releases_stay_as_they_were_written() {
        for body in [
            r#"{"id":"01900000-0000-7000-8000-000000000001","at":1,"principal_kind":"anonymous","client":"127.0.0.1","listener":"main","operation":"SecretGet","outcome":"unauthenticated","reason":"token-missing","status":401,"duration_micros":0}"#,
            r#"{"id":"01900000-0000-7000-8000-000000000002","at":2,"principal":{"issuer":"i","subject":"s"},"principal_kind":"workload","client":"::1","listener":"main","operation":"SecretSet","vault":"demo","kind":"secret","object":"db","version":"00","revision":7,"outcome":"allowed","reason":"ok","duration_micros":1000,"trace":[{"stage":"grants","effect":"allow","reason":"Owner","detail":"01900000-0000-7000-8000-000000000003"}],"settings_revision":3}"#,
        ] {
            let record: Record = serde_json::from_str(body).unwrap();
            assert_eq!(serde_json::to_string(&record).unwrap(), body);
        }
    }
}
