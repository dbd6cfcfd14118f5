//! Indexes by which the audit pages find records by their reason, by the address that they came from and by the kind of
//! what they are about, in a log of any length.
//!
//! Like the operation (see `m0030_audit_indexes`) these stand in the body alone, so no copy can be edited to hide a record,
//! and what an index finds is compared with the body again. Most records were allowed and their reason says nothing: they
//! have no entry among the reasons. PostgreSQL takes no entry of any length, so both cut what they hold.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What follows the outcome, up to the next quotation mark.
const REASON_SQLITE: &str = "substr(substr(body, instr(body, '\"outcome\":\"' || outcome || '\",\"reason\":\"') + 23 + \
                             length(outcome), 128), 1, instr(substr(body, instr(body, '\"outcome\":\"' || outcome || \
                             '\",\"reason\":\"') + 23 + length(outcome), 128), '\"') - 1)";
const REASON_POSTGRES: &str =
    "left(split_part(split_part(body, '\"outcome\":\"' || outcome || '\",\"reason\":\"', 2), '\"', 1), 127)";
/// What follows `"client":"` up to the next quotation mark.
const CLIENT_SQLITE: &str = "substr(substr(body, instr(body, '\"client\":\"') + 10, 46), 1, \
                             instr(substr(body, instr(body, '\"client\":\"') + 10, 46), '\"') - 1)";
const CLIENT_POSTGRES: &str = "left(split_part(split_part(body, '\"client\":\"', 2), '\"', 1), 45)";
/// What follows the first `"kind":"` behind the operation.
const KIND_SQLITE: &str = "substr(substr(substr(body, instr(body, '\"operation\":\"')), \
                           instr(substr(body, instr(body, '\"operation\":\"')), '\"kind\":\"') + 8, 32), 1, \
                           instr(substr(substr(body, instr(body, '\"operation\":\"')), \
                           instr(substr(body, instr(body, '\"operation\":\"')), '\"kind\":\"') + 8, 32), '\"') - 1)";
const KIND_POSTGRES: &str =
    "left(split_part(split_part(split_part(body, '\"operation\":\"', 2), '\"kind\":\"', 2), '\"', 1), 31)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_connection().get_database_backend();
        for (name, keys, only) in indexes(backend) {
            let index = format!("CREATE INDEX {name} ON audit_records (({keys}), at, id){only}");
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_connection().get_database_backend();
        for (name, ..) in indexes(backend) {
            manager.get_connection().execute_unprepared(&format!("DROP INDEX {name}")).await?;
        }
        Ok(())
    }
}

/// Each index by its name, with what it is over and of which records it has entries.
fn indexes(backend: DbBackend) -> [(&'static str, &'static str, String); 3] {
    let (reason, client, kind, position) = match backend {
        DbBackend::Postgres => (REASON_POSTGRES, CLIENT_POSTGRES, KIND_POSTGRES, "strpos"),
        _ => (REASON_SQLITE, CLIENT_SQLITE, KIND_SQLITE, "instr"),
    };
    let with_a_reason = format!(" WHERE {position}(body, '\"outcome\":\"allowed\",\"reason\":\"ok\",') = 0");
    [
        ("audit_records_by_reason", reason, with_a_reason),
        ("audit_records_by_client", client, String::new()),
        ("audit_records_by_kind", kind, String::new()),
    ]
}
