//! One row per audit record: its position in its node's chain moves into it, and the table of positions
//! goes away.
//!
//! It goes at once and not one release later: a node of an earlier release that still runs would
//! write records without a position here. Without the table it writes none, and so answers nobody.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

use crate::columns::{bytes, canonical_text, id, number};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// A record that has no position in the table of positions keeps none, and `audit verify` says that it
/// was inserted from outside; a position whose record is gone is a gap in the chain afterwards.
const FILL_IN: &str = "UPDATE audit_records SET node = c.node, seq = c.seq, record_hash = c.record_hash, head = c.head \
                       FROM audit_chain AS c WHERE c.record_id = audit_records.id";
/// The primary key of the old table made a fork impossible; this does.
const POSITIONS: &str = "CREATE UNIQUE INDEX audit_records_by_position ON audit_records (node, seq)";
/// Most requests are allowed, and who asks for those finds them by time: an index over the others alone
/// costs the many nothing.
const NOT_ALLOWED: &str =
    "CREATE INDEX audit_records_by_outcome ON audit_records (outcome, at, id) WHERE outcome <> 'allowed'";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        let (text, blob) = match database.get_database_backend() {
            DbBackend::Postgres => ("text COLLATE \"C\"", "bytea"),
            _ => ("text", "blob"),
        };
        for (column, kind) in [("node", text), ("seq", "bigint"), ("record_hash", blob), ("head", blob)] {
            database.execute_unprepared(&format!("ALTER TABLE audit_records ADD COLUMN {column} {kind}")).await?;
        }
        let by_outcome = "DROP INDEX audit_records_by_outcome";
        for statement in [FILL_IN, POSITIONS, by_outcome, NOT_ALLOWED, "DROP TABLE audit_chain"] {
            database.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let chain = Table::create()
            .table("audit_chain")
            .col(canonical_text(manager, "node"))
            .col(number("seq"))
            .col(id("record_id").unique_key())
            .col(bytes("record_hash"))
            .col(bytes("head"))
            .primary_key(Index::create().col("node").col("seq"))
            .to_owned();
        manager.create_table(chain).await?;
        let database = manager.get_connection();
        for statement in [
            "INSERT INTO audit_chain (node, seq, record_id, record_hash, head) \
             SELECT node, seq, id, record_hash, head FROM audit_records WHERE node IS NOT NULL AND seq IS NOT NULL",
            "DROP INDEX audit_records_by_position",
            "DROP INDEX audit_records_by_outcome",
            "CREATE INDEX audit_records_by_outcome ON audit_records (outcome, at, id)",
        ] {
            database.execute_unprepared(statement).await?;
        }
        for column in ["head", "record_hash", "seq", "node"] {
            database.execute_unprepared(&format!("ALTER TABLE audit_records DROP COLUMN {column}")).await?;
        }
        Ok(())
    }
}
