//! Comparing rows with what the log says of them, share by share, once the log is verified. For what was not held the
//! first time, the log is read again, in the same moment.

use std::collections::HashSet;

use futures_util::TryStreamExt as _;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, sea_query::Expr,
};
use serde::Deserialize;
use strongroom_domain::{
    ports::StoreError,
    record::{ChangedRow, Outcome},
};

use super::{
    VerifyReport,
    compare::{Ledger, compare},
    expected::{Expected, HELD, Place, changed},
    records::{Chained, judge_record},
    sketch::Sketch,
    walk::database,
};
use crate::{decoding::FoundRow, entity::audit_record, fault::damaged};

/// What reading the log again takes.
pub(super) struct Again<'a> {
    pub(super) moment: &'a DatabaseTransaction,
    pub(super) nodes: &'a [String],
    /// Whether every record was found as it was written.
    pub(super) is_sound: bool,
    /// See [`Expected`].
    pub(super) untracked: bool,
}

/// Of a record, what changed.
#[derive(Deserialize)]
struct Changes {
    outcome: Outcome,
    changed: Vec<ChangedRow>,
}

impl Again<'_> {
    /// Compares all rows with what was learned of the first share, then of the others; what is wrong goes into the
    /// report.
    pub(super) async fn rows(&self, mut sketch: Sketch, report: &mut VerifyReport) -> Result<(), StoreError> {
        let mut named = 0;
        loop {
            compare(self.moment, &mut sketch, self.nodes, &mut named, report).await?;
            let (unclear, next) = sketch.conclude(report);
            self.in_full(unclear, &mut named, report).await?;
            match next {
                Some(next) => sketch = next,
                None => return Ok(()),
            }
            self.teach(&mut sketch).await?;
        }
    }

    async fn in_full(
        &self,
        mut names: Vec<Place>,
        named: &mut usize,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        while !names.is_empty() {
            let only: HashSet<Place> = names.drain(names.len().saturating_sub(HELD)..).collect();
            let mut expected = Expected::of(only, HELD, self.untracked);
            self.teach(&mut expected).await?;
            compare(self.moment, &mut expected, self.nodes, named, report).await?;
            names.extend(expected.later());
        }
        Ok(())
    }

    /// Teaches what the log says. Records in which something was found teach nothing, now as then.
    async fn teach(&self, ledger: &mut impl Ledger) -> Result<(), StoreError> {
        for (index, node) in (0_u16..).zip(self.nodes) {
            if self.is_sound {
                self.sound_chain(index, node, ledger).await?;
            } else {
                self.chain(index, node, ledger).await?;
            }
        }
        Ok(())
    }

    /// The records of a node that tell of changes: most of a log tell of none.
    fn changes(&self, node: &str) -> sea_orm::Select<audit_record::Entity> {
        let finds = if self.moment.get_database_backend() == DbBackend::Postgres { "strpos" } else { "instr" };
        audit_record::Entity::find()
            .filter(audit_record::Column::Node.eq(node))
            .filter(audit_record::Column::Seq.is_not_null())
            .filter(Expr::cust(format!("{finds}(body, '\"changed\":[') > 0")))
            .order_by_asc(audit_record::Column::Seq)
    }

    async fn chain(&self, index: u16, node: &str, ledger: &mut impl Ledger) -> Result<(), StoreError> {
        let chain = self.changes(node).into_model::<FoundRow<audit_record::Entity, Chained>>();
        let mut chain = chain.stream(self.moment).await.map_err(database)?;
        while let Some(found) = chain.try_next().await.map_err(database)? {
            if let FoundRow::Read(_, Chained { link, row: Ok(row) }) = found
                && let Ok(record) = judge_record(node, &link, &row)
            {
                ledger.learn((index, link.seq), changed(record.outcome, &record.changed));
            }
        }
        Ok(())
    }

    async fn sound_chain(&self, index: u16, node: &str, ledger: &mut impl Ledger) -> Result<(), StoreError> {
        let chain =
            self.changes(node).select_only().column(audit_record::Column::Seq).column(audit_record::Column::Body);
        let mut chain = chain.into_tuple::<(i64, String)>().stream(self.moment).await.map_err(database)?;
        while let Some((seq, body)) = chain.try_next().await.map_err(database)? {
            let seq = u64::try_from(seq).map_err(|e| damaged("audit record", e))?;
            let record: Changes = serde_json::from_str(&body).map_err(|e| damaged("audit record", e))?;
            ledger.learn((index, seq), changed(record.outcome, &record.changed));
        }
        Ok(())
    }
}
