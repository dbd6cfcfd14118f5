//! What the audit log tells of vaults, and of what was soft deleted in them. Read from the chain's links on and
//! never through a column that is a copy: a writer of the database can empty those, and nothing would notice in
//! time. What was read once is kept, so a purge reads only what is new; of objects, those that are soft deleted now.
//!
//! Nothing is told before the log was checked as a whole, or after that check failed: a record that
//! was taken out cannot be missed by whoever looks for it, only by whoever follows the chain.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use strongroom_crypto::{chain, sha256};
use strongroom_domain::{
    action::Action,
    names::VaultId,
    ports::StoreError,
    record::{ChangedRow, Outcome, Record, RowKind},
    vault::VaultEvidence,
};
use tokio::sync::MutexGuard;
use uuid::Uuid;

use crate::{
    Store,
    entity::audit_record,
    fault::{damaged, store_error},
};

/// Longest wait for the first check of the log.
const PATIENCE: Duration = Duration::from_secs(20);
/// How a record of a change stands in its body: one of a vault's settings, and one of any row. Inside a text of a
/// body every quotation mark is escaped, so nothing that a caller wrote can look like this.
const CHANGES: [&str; 2] = ["%\"vault_change\":{%", "%\"changed\":[%"];
/// Positions of one look: few enough for a statement to end in time, however few of them tell of a change.
const SPAN: i64 = 10_000;
/// After these the rows that a record tells of are soft deleted.
const DELETIONS: [Action; 3] = [Action::SecretDelete, Action::KeyDelete, Action::CertificateDelete];

/// What the last check of the whole log came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogVerdict {
    /// Not checked since the start.
    Pending,
    /// The chains follow, and stand up to every anchor.
    Intact,
    /// Something is missing, edited, exchanged or older than an anchor.
    Contradicted,
}

/// The row of a name: its vault, and a digest of which kind and name it is.
type NameRow = (VaultId, [u8; 16]);

/// What was read so far.
#[derive(Default)]
pub(crate) struct Told {
    /// Last position read of each node's chain.
    read: HashMap<String, i64>,
    vaults: HashMap<VaultId, VaultEvidence>,
    /// Vaults that were purged.
    purged: HashSet<VaultId>,
    /// Names that were soft deleted and not changed since, with their revision from then.
    deleted: HashSet<(NameRow, i64)>,
}

/// What a look at the chains found, in no order among several nodes.
#[derive(Default)]
struct Learned {
    vaults: Vec<(VaultId, VaultEvidence)>,
    purged: Vec<VaultId>,
    names: Vec<NameChange>,
}

/// A change of a name's row. In this order the changes of one row follow each other as they happened: the revisions of
/// a row run without a gap, and a name that is made again begins somewhere else.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NameChange {
    row: (Uuid, [u8; 16]),
    revision: i64,
    /// Anything but a soft delete. Behind one of the same revision, which no honest log has: the doubt counts.
    otherwise: bool,
}

fn digest_of(row: RowKind, id: &str) -> [u8; 16] {
    sha256(format!("{}:{id}", row.as_str()).as_bytes()).first_chunk().copied().unwrap_or_default()
}

impl Told {
    /// Whether a vault was purged.
    pub(crate) fn purged(&self, vault: VaultId) -> bool {
        self.purged.contains(&vault)
    }

    /// Whether the last change of a name's row was a soft delete, and left it at this revision.
    pub(crate) fn deleted(&self, vault: VaultId, row: RowKind, id: &str, revision: i64) -> bool {
        self.deleted.contains(&((vault, digest_of(row, id)), revision))
    }

    fn take(&mut self, mut learned: Learned) {
        for (vault, new) in learned.vaults {
            let told = self.vaults.entry(vault).or_insert(new);
            told.revision = told.revision.max(new.revision);
            told.purge_protection |= new.purge_protection;
        }
        learned.names.sort_unstable();
        for NameChange { row: (vault, digest), revision, otherwise } in learned.names {
            let row = (VaultId(vault), digest);
            self.deleted.remove(&(row, revision.saturating_sub(1)));
            if otherwise {
                self.deleted.remove(&(row, revision));
            } else {
                self.deleted.insert((row, revision));
            }
        }
        if !learned.purged.is_empty() {
            self.purged.extend(learned.purged);
            self.deleted.retain(|((vault, _), _)| !self.purged.contains(vault));
        }
    }
}

impl Learned {
    fn record(&mut self, record: &Record) {
        if let Some((revision, change)) = record.revision.zip(record.vault_change) {
            let evidence = VaultEvidence { revision, purge_protection: change.purge_protection };
            self.vaults.push((change.vault, evidence));
        }
        if record.outcome != Outcome::Allowed {
            return;
        }
        let deletes = DELETIONS.iter().any(|action| action.operation() == record.operation);
        for changed in &record.changed {
            self.row(changed, deletes);
        }
    }

    fn row(&mut self, changed: &ChangedRow, deletes: bool) {
        let vault = changed.id.split('/').next().and_then(|id| Uuid::try_parse(id).ok());
        match (changed.row, vault) {
            (RowKind::Vault, Some(vault)) if changed.gone => self.purged.push(VaultId(vault)),
            (kind, Some(vault)) if kind.is_of_object() => self.names.push(NameChange {
                row: (vault, digest_of(changed.row, &changed.id)),
                revision: changed.revision,
                otherwise: changed.gone || !deletes,
            }),
            _ => {}
        }
    }
}

impl Store {
    /// Takes note of a check of the whole log.
    pub fn judge_log(&self, verdict: LogVerdict) {
        self.verdict.send_replace(verdict);
    }

    /// What the log tells of a vault by now.
    pub(crate) async fn told_of(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError> {
        Ok(self.told().await?.vaults.get(&vault).copied())
    }

    /// What the log tells by now.
    pub(crate) async fn told(&self) -> Result<MutexGuard<'_, Told>, StoreError> {
        let mut verdict = self.verdict.subscribe();
        let judged = tokio::time::timeout(PATIENCE, verdict.wait_for(|verdict| *verdict != LogVerdict::Pending)).await;
        match judged.map(|judged| judged.map(|verdict| *verdict)) {
            Ok(Ok(LogVerdict::Intact)) => {}
            Ok(Ok(LogVerdict::Contradicted)) => return Err(damaged("audit log", "it does not verify")),
            _ => return Err(StoreError::Unavailable("the audit log is not checked yet".to_owned())),
        }
        let mut told = self.told.lock().await;
        self.read_on(&mut told).await?;
        Ok(told)
    }

    /// Reads what is new of all chains, as far as they go at one moment: what came before a change that is read is
    /// read with it. Whoever is interrupted has taken nothing.
    async fn read_on(&self, told: &mut Told) -> Result<(), StoreError> {
        use audit_record::Column;

        let heads: Vec<(String, i64)> = audit_record::Entity::find()
            .select_only()
            .column(Column::Node)
            .column_as(Column::Seq.max(), "last")
            .filter(Column::Node.is_not_null())
            .filter(Column::Seq.is_not_null())
            .group_by(Column::Node)
            .into_tuple()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        let heads: HashMap<String, i64> = heads.into_iter().collect();
        if told.read.iter().any(|(node, read)| heads.get(node).is_none_or(|head| head < read)) {
            return Err(damaged("audit chain", "it is shorter than it was"));
        }
        let mut learned = Learned::default();
        for (node, head) in &heads {
            let read = told.read.get(node).copied().unwrap_or(0);
            if read < *head {
                self.read_chain(node, read, *head, &mut learned).await?;
            }
        }
        told.read = heads;
        told.take(learned);
        Ok(())
    }

    /// Reads what a node's chain tells after one position and up to another.
    async fn read_chain(&self, node: &str, mut after: i64, up_to: i64, into: &mut Learned) -> Result<(), StoreError> {
        use audit_record::Column;

        let changes = CHANGES.into_iter().fold(Condition::any(), |any, change| any.add(Column::Body.like(change)));
        while after < up_to {
            let to = after.saturating_add(SPAN).min(up_to);
            let found: Vec<(Uuid, i64, Option<Vec<u8>>, String)> = audit_record::Entity::find()
                .select_only()
                .columns([Column::Id, Column::Seq, Column::RecordHash, Column::Body])
                .filter(Column::Node.eq(node))
                .filter(Column::Seq.gt(after))
                .filter(Column::Seq.lte(to))
                .filter(changes.clone())
                .order_by_asc(Column::Seq)
                .into_tuple()
                .all(&self.reader)
                .await
                .map_err(|e| store_error(&e))?;
            after = to;
            for (id, _, hash, body) in found {
                if chain::record_hash(id.as_bytes(), body.as_bytes()).as_slice() != hash.unwrap_or_default() {
                    return Err(damaged("audit record", "its link has another hash"));
                }
                let record: Record =
                    serde_json::from_str(&body).map_err(|_| damaged("audit record", "it is not one"))?;
                into.record(&record);
            }
        }
        Ok(())
    }
}
