//! What the audit log tells of vaults. Read from the chain's links on and never through a column that
//! is a copy: a writer of the database can empty those, and nothing would notice in time. What was
//! read once is kept, so a purge reads only what is new.
//!
//! Nothing is told before the log was checked as a whole, or after that check failed: a record that
//! was taken out cannot be missed by whoever looks for it, only by whoever follows the chain.

use std::{collections::HashMap, time::Duration};

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use strongroom_crypto::chain;
use strongroom_domain::{names::VaultId, ports::StoreError, record::Record, vault::VaultEvidence};
use uuid::Uuid;

use crate::{
    Store,
    entity::audit_record,
    fault::{damaged, store_error},
};

/// Longest wait for the first check of the log.
const PATIENCE: Duration = Duration::from_secs(20);
/// How a record of a change of a vault stands in its body. Inside a text of a body every quotation
/// mark is escaped, so nothing that a caller wrote can look like this.
const CHANGE: &str = "%\"vault_change\":{%";

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

/// What was read so far.
#[derive(Default)]
pub(crate) struct Told {
    /// Last position read of each node's chain.
    read: HashMap<String, i64>,
    vaults: HashMap<VaultId, VaultEvidence>,
}

impl Store {
    /// Takes note of a check of the whole log.
    pub fn judge_log(&self, verdict: LogVerdict) {
        self.verdict.send_replace(verdict);
    }

    /// What the log tells of a vault by now.
    pub(crate) async fn told_of(&self, vault: VaultId) -> Result<Option<VaultEvidence>, StoreError> {
        let mut verdict = self.verdict.subscribe();
        let judged = tokio::time::timeout(PATIENCE, verdict.wait_for(|verdict| *verdict != LogVerdict::Pending)).await;
        match judged.map(|judged| judged.map(|verdict| *verdict)) {
            Ok(Ok(LogVerdict::Intact)) => {}
            Ok(Ok(LogVerdict::Contradicted)) => return Err(damaged("audit log", "it does not verify")),
            _ => return Err(StoreError::Unavailable("the audit log is not checked yet".to_owned())),
        }
        let mut told = self.told.lock().await;
        self.read_on(&mut told).await?;
        Ok(told.vaults.get(&vault).copied())
    }

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
        for (node, head) in heads {
            let read = told.read.get(&node).copied().unwrap_or(0);
            if read < head {
                self.read_chain(&node, read, head, &mut told.vaults).await?;
                told.read.insert(node, head);
            }
        }
        Ok(())
    }

    /// Reads what a node's chain tells after one position and up to another.
    async fn read_chain(
        &self,
        node: &str,
        after: i64,
        up_to: i64,
        into: &mut HashMap<VaultId, VaultEvidence>,
    ) -> Result<(), StoreError> {
        use audit_record::Column;

        let found: Vec<(Uuid, Option<Vec<u8>>, String)> = audit_record::Entity::find()
            .select_only()
            .columns([Column::Id, Column::RecordHash, Column::Body])
            .filter(Column::Node.eq(node))
            .filter(Column::Seq.gt(after))
            .filter(Column::Seq.lte(up_to))
            .filter(Column::Body.like(CHANGE))
            .order_by_asc(Column::Seq)
            .into_tuple()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        for (id, hash, body) in found {
            if chain::record_hash(id.as_bytes(), body.as_bytes()).as_slice() != hash.unwrap_or_default() {
                return Err(damaged("audit record", "its link has another hash"));
            }
            let record: Record = serde_json::from_str(&body).map_err(|_| damaged("audit record", "it is not one"))?;
            let Some((revision, change)) = record.revision.zip(record.vault_change) else { continue };
            let told = into.entry(change.vault).or_insert(VaultEvidence { revision, purge_protection: false });
            told.revision = told.revision.max(revision);
            told.purge_protection |= change.purge_protection;
        }
        Ok(())
    }
}
