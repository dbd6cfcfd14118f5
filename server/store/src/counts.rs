//! How many requests of a kind are on record: counted in the log itself, so that it is the same on every node.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, Func},
};
use strongroom_domain::{
    policy::RecentRequests,
    ports::{RequestCounts, StoreError},
};

use crate::{Store, entity::audit_record, fault::unavailable, rows};

#[async_trait]
impl RequestCounts for Store {
    async fn count_recent(&self, requests: &RecentRequests) -> Result<u64, StoreError> {
        use audit_record::Column;

        let RecentRequests { vault, principal, object, outcome, from } = requests;
        // The index by vault and time finds the stretch; the rest is looked at row by row.
        let mut all = Condition::all().add(Column::Vault.eq(rows::filter_text(vault))).add(Column::At.gte(*from));
        if let Some(outcome) = outcome {
            all = all.add(Column::Outcome.eq(outcome.as_str()));
        }
        if let Some(principal) = principal {
            // The column has the subject alone, folded and cut; the body has all of it.
            all = all.add(Column::Principal.eq(rows::filter_text(&principal.subject)));
            all = all.add(self.in_body(format!("\"principal\":{}", json(principal)?)));
        }
        if let Some((kind, name)) = object {
            all = all.add(Column::Object.eq(rows::filter_text(name)));
            all = all.add(self.in_body(format!("\"kind\":{}", json(kind)?)));
        }
        audit_record::Entity::find().filter(all).count(&self.reader).await.map_err(|e| unavailable(&e))
    }
}

impl Store {
    /// Whether a text is in a body. A quote within a text of the body is escaped, so a part of JSON that begins
    /// with one is found as such or not at all.
    fn in_body(&self, part: String) -> Expr {
        let found = match self.reader.get_database_backend() {
            DbBackend::Postgres => Func::cust("strpos"),
            _ => Func::cust("instr"),
        };
        Expr::from(found.arg(Expr::col(audit_record::Column::Body)).arg(part)).gt(0)
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Unavailable(e.to_string()))
}
