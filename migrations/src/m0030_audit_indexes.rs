//! Indexes by which the audit pages and the overview find records in a long log: by who asked, by operation, and the
//! changes that people made.
//!
//! The operation stands in the body alone, so the index is over an expression: no copy of it can be edited to hide a
//! record. Nothing that a caller wrote can look like it, because a quotation mark inside a text of a body is escaped.

use sea_orm_migration::{
    prelude::*,
    sea_orm::{ConnectionTrait, DbBackend},
};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// What follows `"operation":"` up to the next quotation mark.
const OPERATION_SQLITE: &str = "substr(substr(body, instr(body, '\"operation\":\"') + 13, 64), 1, \
                                instr(substr(body, instr(body, '\"operation\":\"') + 13, 64), '\"') - 1)";
const OPERATION_POSTGRES: &str = "split_part(split_part(body, '\"operation\":\"', 2), '\"', 1)";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        let (operation, position) = match database.get_database_backend() {
            DbBackend::Postgres => (OPERATION_POSTGRES, "strpos"),
            _ => (OPERATION_SQLITE, "instr"),
        };
        for index in [
            "CREATE INDEX audit_records_by_subject ON audit_records (principal, at, id) WHERE principal IS NOT NULL"
                .to_owned(),
            format!("CREATE INDEX audit_records_by_operation ON audit_records (({operation}), at, id)"),
            format!(
                "CREATE INDEX audit_records_of_changes ON audit_records (at, id) WHERE outcome = 'allowed' \
                 AND {position}(body, '\"principal_kind\":\"user\"') > 0 AND {position}(body, '\"changed\":[') > 0"
            ),
        ] {
            database.execute_unprepared(&index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["audit_records_by_subject", "audit_records_by_operation", "audit_records_of_changes"] {
            manager.drop_index(Index::drop().name(name).table("audit_records").to_owned()).await?;
        }
        Ok(())
    }
}
