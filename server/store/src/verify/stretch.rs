//! Verifying the records of a stretch of time in the database that is in use: every record as it was written, every link,
//! and the newest signed checkpoint. The same judgement as of the whole log, without rows, anchors and a witness, which
//! only the whole log is compared with. Bounded: so many positions, read page by page.

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};
use strongroom_crypto::chain;
use strongroom_domain::{
    ports::StoreError,
    record::{NodeHead, Proof, StretchToVerify, VerifiedChain, VerifiedStretch},
};
use uuid::Uuid;

use super::{
    Finding, Source, VerifyReport,
    links::Follower,
    records::{Chained, judged},
    walk::PAGE,
};
use crate::{
    Store,
    decoding::FoundRow,
    entity::audit_record,
    fault::{damaged, unavailable_or_long},
    installation, reading,
    tree::{self, nodes},
};

/// Most positions that are verified at once.
const MOST: u64 = 20_000;

/// The first and the last position of a node that a stretch has.
type Positions = (u64, u64);

impl Store {
    /// Verifies a stretch.
    pub(crate) async fn verified(&self, stretch: &StretchToVerify) -> Result<VerifiedStretch, StoreError> {
        let installation = installation::load(&self.log_reader)
            .await?
            .ok_or_else(|| damaged("installation", "the database holds none"))?;
        let mut report = VerifyReport::default();
        let newest = self.latest_tree_checkpoint().await?.filter(|_| !stretch.public_keys.is_empty());
        let (newest, forged) = match newest {
            Some(newest) if newest.is_authentic(installation.id, &stretch.public_keys) => (Some(newest), None),
            other => (None, other),
        };
        report
            .findings
            .extend(forged.map(|forged| Finding::TreeForged { size: forged.size, source: Source::Database }));
        let heads = newest.as_ref().map_or(&[][..], |newest| &newest.heads);
        for head in heads {
            let ends = reading::head_of(&self.log_reader, &head.node).await?.map_or(0, |(ends, _)| ends);
            if ends < head.seq {
                let (node, checkpoint) = (head.node.clone(), head.seq);
                report.add(Finding::Truncated { node, ends, checkpoint, source: Source::Database });
            }
        }
        let mut told =
            VerifiedStretch { checkpoint: newest.as_ref().map(|newest| newest.at), ..VerifiedStretch::default() };
        let mut left = MOST;
        for node in nodes(&self.log_reader).await? {
            let Some((first, last)) = self.positions_of(&node, stretch).await? else { continue };
            if left == 0 {
                told.cut = true;
                break;
            }
            let kept = first.max(last.saturating_add(1).saturating_sub(left));
            told.cut |= kept > first;
            left = left.saturating_sub(last.saturating_add(1).saturating_sub(kept));
            let genesis = chain::genesis(installation.id.0.as_bytes(), &node);
            let head = heads.iter().find(|head| head.node == node);
            let keys = stretch.public_keys.as_slice();
            told.chains.push(self.follow(&node, (kept, last), genesis, (head, keys), &mut report).await?);
        }
        told.findings = report.findings.iter().map(ToString::to_string).collect();
        told.more_findings = report.more_findings;
        Ok(told)
    }

    /// Where a node's records of a stretch begin and end in its chain, by the first and the last of that time.
    async fn positions_of(&self, node: &str, stretch: &StretchToVerify) -> Result<Option<Positions>, StoreError> {
        let mut found = Vec::new();
        for direction in ["ASC", "DESC"] {
            // By time: the index of positions would have every record of the node looked at.
            let ask = format!(
                "SELECT seq FROM audit_records WHERE node || '' = $1 AND seq IS NOT NULL AND at >= $2 AND at < $3 \
                 ORDER BY at {direction}, id {direction} LIMIT 1"
            );
            let places = [node.into(), stretch.from.into(), stretch.until.into()];
            let ask = Statement::from_sql_and_values(self.log_reader.get_database_backend(), ask, places);
            let row = self.log_reader.query_one_raw(ask).await.map_err(|e| unavailable_or_long(&e))?;
            found
                .extend(row.and_then(|row| row.try_get::<i64>("", "seq").ok()).and_then(|seq| u64::try_from(seq).ok()));
        }
        // Records are chained as they are written, which is not always as their requests arrived.
        Ok(found.iter().min().copied().zip(found.iter().max().copied()))
    }

    /// Follows a chain from one position to another one, and compares it with what is signed of it.
    async fn follow(
        &self,
        node: &str,
        (first, last): Positions,
        genesis: [u8; 32],
        (signed, keys): (Option<&NodeHead>, &[[u8; 32]]),
        report: &mut VerifyReport,
    ) -> Result<VerifiedChain, StoreError> {
        use audit_record::Column;

        let mut follower = match first.checked_sub(1) {
            None | Some(0) => Follower::new(node, genesis),
            Some(before) => match tree::links(&self.log_reader, node, before.saturating_sub(1), 1).await?.as_slice() {
                [found] if found.seq == before => Follower::behind(node, before, found.head),
                // It is missing, which is found with the next one.
                _ => Follower::behind(node, before.saturating_sub(1), [0; 32]),
            },
        };
        let (mut records, mut newest, mut covered): (u64, Option<Uuid>, _) = (0, None, None);
        let number = |seq: u64| i64::try_from(seq).map_err(|e| damaged("audit chain", e));
        let (mut after, last_place) = (number(first)?.saturating_sub(1), number(last)?);
        loop {
            let page = audit_record::Entity::find()
                .filter(Column::Node.eq(node))
                .filter(Column::Seq.gt(after))
                .filter(Column::Seq.lte(last_place))
                .order_by_asc(Column::Seq)
                .limit(PAGE)
                .into_model::<FoundRow<audit_record::Entity, Chained>>()
                .all(&self.log_reader)
                .await
                .map_err(|e| unavailable_or_long(&e))?;
            let reached = page.iter().rev().find_map(|found| match found {
                FoundRow::Read(_, chained) => i64::try_from(chained.link.seq).ok(),
                FoundRow::Unreadable(..) => None,
            });
            for found in page {
                let chained = match found {
                    FoundRow::Read(_, chained) => chained,
                    FoundRow::Unreadable(_, row) => {
                        report.add(row.into());
                        continue;
                    }
                };
                records = records.saturating_add(1);
                newest = Some(chained.link.record);
                let (link, judged) = judged(node, chained);
                if let Err(finding) = judged {
                    report.add(finding);
                }
                if let Some(finding) = follower.follow(link) {
                    report.add(finding);
                }
                if let Some(signed) = signed.filter(|signed| signed.seq == follower.last) {
                    match signed.head == follower.head {
                        true => covered = Some(signed.seq),
                        false => report.add(rewritten(node, signed.seq)),
                    }
                }
            }
            let Some(reached) = reached else { break };
            after = reached;
        }
        let (reached, head) = (follower.last, follower.head);
        follower.finish().into_iter().for_each(|finding| report.add(finding));
        if let Some(newest) = newest.filter(|_| signed.is_some_and(|signed| signed.seq > reached)) {
            match self.proof(newest).await {
                Ok(Proof::Covered(receipt)) if receipt.verify(keys).is_ok() && receipt.head == head => {
                    covered = Some(reached);
                }
                Ok(Proof::NotYet) => {}
                Ok(_) | Err(StoreError::Damaged(_)) => report.add(rewritten(node, reached)),
                Err(error) => return Err(error),
            }
        }
        Ok(VerifiedChain { node: node.to_owned(), first, last, records, covered })
    }
}

fn rewritten(node: &str, seq: u64) -> Finding {
    Finding::Rewritten { node: node.to_owned(), seq, source: Source::Database }
}
