//! How many requests of a kind are on record: counted in the log itself, so that it is the same on every node.

use async_trait::async_trait;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};
use strongroom_domain::{
    policy::{MOST_COUNTED, RecentRequests},
    ports::{RequestCounts, StoreError},
    record::Outcome,
};

use crate::{Store, entity::audit_record, fault::store_error, rows};

#[async_trait]
impl RequestCounts for Store {
    async fn count_recent(&self, requests: &RecentRequests) -> Result<u64, StoreError> {
        let count = statement(self.reader.get_database_backend(), requests)?;
        let row = self.reader.query_one(&count).await.map_err(|e| store_error(&e))?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get("", "counted")).map_err(|e| store_error(&e))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// The question to the database.
fn statement(backend: DbBackend, requests: &RecentRequests) -> Result<SelectStatement, StoreError> {
    use audit_record::Column;

    let RecentRequests { vault, principal, object, outcome, from } = requests;
    // An index of each of the two begins with the vault, goes on with the outcome and ends with the time; the
    // rest is looked at row by row. All outcomes are named, so that the same index serves for any.
    let outcomes = outcome.map_or_else(|| Outcome::ALL.to_vec(), |one| vec![one]);
    let outcomes = outcomes.into_iter().map(Outcome::as_str);
    let mut all = Condition::all()
        .add(Column::Vault.eq(rows::filter_text(vault)))
        .add(Column::Outcome.is_in(outcomes))
        .add(Column::At.gte(*from));
    if let Some(principal) = principal {
        // The column has the subject alone, folded and cut; the body has all of it.
        all = all.add(Column::Principal.eq(rows::filter_text(&principal.subject)));
        all = all.add(in_body(backend, format!("\"principal\":{}", json(principal)?)));
    }
    if let Some((kind, name)) = object {
        all = all.add(Column::Object.eq(rows::filter_text(name)));
        all = all.add(in_body(backend, format!("\"kind\":{}", json(kind)?)));
    }
    let counted =
        Query::select().expr(Expr::val(1)).from(audit_record::Entity).cond_where(all).limit(MOST_COUNTED).to_owned();
    Ok(Query::select().expr_as(Expr::cust("COUNT(*)"), "counted").from_subquery(counted, "recent").to_owned())
}

/// Whether a text is in a body. A quote within a text of the body is escaped, so a part of JSON that begins
/// with one is found as such or not at all.
fn in_body(backend: DbBackend, part: String) -> Expr {
    let found = match backend {
        DbBackend::Postgres => Func::cust("strpos"),
        _ => Func::cust("instr"),
    };
    Expr::from(found.arg(Expr::col(audit_record::Column::Body)).arg(part)).gt(0)
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Unavailable(e.to_string()))
}

#[cfg(test)]
mod tests {
    use sea_orm::Database;
    use strongroom_domain::principal::PrincipalId;

    use super::*;

    /// What is not looked at by an index is looked at record by record, which whoever floods a log makes slow.
    #[tokio::test]
    async fn every_count_is_found_by_an_index_of_what_it_counts() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        strongroom_migrations::migrate(&database).await.unwrap();
        let principal = Some(PrincipalId { issuer: "https://idp".to_owned(), subject: "ada".to_owned() });
        let object = Some(("secret".to_owned(), "db".to_owned()));
        let cases = [
            (principal.clone(), None, vec!["audit_records_by_principal"]),
            (None, object.clone(), vec!["audit_records_by_object"]),
            (principal, object, vec!["audit_records_by_principal", "audit_records_by_object"]),
        ];
        for (principal, object, good) in cases {
            for outcome in [None, Some(Outcome::Denied)] {
                let (principal, object) = (principal.clone(), object.clone());
                let counted = RecentRequests { vault: "demo".to_owned(), principal, object, outcome, from: 1_000 };
                let mut asked = database.get_database_backend().build(&statement(DbBackend::Sqlite, &counted).unwrap());
                asked.sql = format!("EXPLAIN QUERY PLAN {}", asked.sql);
                let rows = database.query_all_raw(asked).await.unwrap();
                let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
                let plan = plan.join("; ");
                assert!(good.iter().any(|index| plan.contains(index)), "{plan}");
                assert!(plan.contains("outcome=? AND at>?"), "{plan}");
            }
        }
    }
}
