//! A record of the log as it is found, and what is wrong with it by itself. One of which something does not read still
//! has its place in its chain, if that reads.

use sea_orm::{DbErr, FromQueryResult, QueryResult};
use strongroom_crypto::chain;
use strongroom_domain::record::Record;
use uuid::Uuid;

use super::{Finding, links::Link};
use crate::{entity::audit_record, rows};

/// The name of a node, if it reads.
pub(super) struct NodeCell(pub(super) Option<String>);

impl FromQueryResult for NodeCell {
    fn from_query_result(row: &QueryResult, pre: &str) -> Result<Self, DbErr> {
        Ok(Self(row.try_get(pre, "node").ok()))
    }
}

#[derive(FromQueryResult)]
pub(super) struct Node {
    #[expect(dead_code, reason = "whether it reads is what is asked for")]
    node: String,
}

#[derive(FromQueryResult)]
pub(super) struct Id {
    pub(super) id: Uuid,
}

/// A record at its place in a chain. One of which something else does not read still has its place there; of such a
/// one, the body if that reads.
pub(super) struct Chained {
    pub(super) link: Link,
    pub(super) row: Result<audit_record::Model, Option<String>>,
}

impl FromQueryResult for Chained {
    fn from_query_result(row: &QueryResult, pre: &str) -> Result<Self, DbErr> {
        let hash = |column| hash(row.try_get::<Vec<u8>>(pre, column).ok().as_deref());
        let link = Link {
            // What is not a position becomes one that fits nowhere.
            seq: u64::try_from(row.try_get::<i64>(pre, "seq")?).unwrap_or(0),
            record: row.try_get(pre, "id")?,
            record_hash: hash("record_hash"),
            head: hash("head"),
        };
        let row = audit_record::Model::from_query_result(row, pre).map_err(|_| row.try_get(pre, "body").ok());
        Ok(Self { link, row })
    }
}

/// What is not a hash fits nowhere.
pub(super) fn hash(bytes: Option<&[u8]>) -> [u8; 32] {
    bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).unwrap_or_default()
}

/// What is wrong with a record that does not read.
pub(super) fn edited(node: &str, link: &Link, body: Option<&str>) -> Finding {
    let (node, seq, record) = (node.to_owned(), link.seq, link.record);
    let written = |body: &str| chain::record_hash(record.as_bytes(), body.as_bytes()) == link.record_hash;
    if body.is_some_and(written) {
        Finding::RecordHidden { node, seq, record }
    } else {
        Finding::RecordEdited { node, seq, record }
    }
}

/// A record at its place, and what is wrong with it by itself.
pub(super) fn judged(node: &str, Chained { link, row }: Chained) -> (Link, Result<Record, Finding>) {
    let judged = match row {
        Ok(row) => judge_record(node, &link, &row),
        Err(body) => Err(edited(node, &link, body.as_deref())),
    };
    (link, judged)
}

pub(super) fn judge_record(node: &str, link: &Link, row: &audit_record::Model) -> Result<Record, Finding> {
    let (node, seq, id) = (node.to_owned(), link.seq, link.record);
    if chain::record_hash(row.id.as_bytes(), row.body.as_bytes()) != link.record_hash {
        return Err(Finding::RecordEdited { node, seq, record: id });
    }
    // The body is as it was written; what it is found by is not hashed, so it is made again.
    let again = rows::record(row).and_then(|record| Ok((rows::record_row(&record)?, record)));
    match again {
        Ok((again, record))
            if (again.at, &again.outcome, &again.vault, &again.object, &again.principal, again.vault_id)
                == (row.at, &row.outcome, &row.vault, &row.object, &row.principal, row.vault_id) =>
        {
            Ok(record)
        }
        _ => Err(Finding::RecordHidden { node, seq, record: id }),
    }
}
