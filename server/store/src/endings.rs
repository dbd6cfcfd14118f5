//! What ends soon, in several vaults at once, found by the index of ends: however many objects there are, no more rows
//! are read than are looked at.
//!
//! What ends is read from the attributes as they are stored, and those are what the use case holds against their
//! authentication. A row that somebody edited so that it does not end is missing here, as one that somebody took away
//! is, until the comparison with the log finds it.

use std::ops::Range;

use sea_orm::{
    ColumnTrait, DbBackend, DerivePartialModel, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationDef, Select,
    sea_query::{Expr, IntoCondition, Order},
};
use strongroom_domain::{
    names::{ObjectKind, VaultId},
    permit::Permits,
    ports::StoreError,
    secret::{Behind, Endings, SecretItem},
};
use uuid::Uuid;

use crate::{
    Store,
    entity::{secret, secret_version},
    fault::{damaged, store_error},
    rows::{self, VersionRow},
};

/// Most versions that are looked at for one answer.
const MOST: usize = 500;

/// A version with its name, if it is the current one of an active name of its own.
#[derive(DerivePartialModel)]
struct Ending {
    #[sea_orm(nested)]
    version: VersionRow,
    #[sea_orm(nested)]
    name: Option<secret::Model>,
}

/// Kind, end, and whether there is one, in the words of the index of them.
fn words(backend: DbBackend) -> [&'static str; 3] {
    match backend {
        DbBackend::Postgres => [
            "substr(name, 1, strpos(name, '/'))",
            r#"CAST(substring(attributes, '"expires":([0-9]{1,18})') AS bigint)"#,
            r#"strpos(attributes, '"expires":null') = 0"#,
        ],
        _ => [
            "substr(name, 1, instr(name, '/'))",
            r#"CAST(substr(attributes, instr(attributes, '"expires":') + 10, 18) AS INTEGER)"#,
            r#"instr(attributes, '"expires":null') = 0"#,
        ],
    }
}

/// How qualified names of a kind begin; those of secrets are not qualified.
fn prefix(kind: ObjectKind) -> String {
    match kind {
        ObjectKind::Secret => String::new(),
        kind => format!("{}/", kind.as_str()),
    }
}

fn shown_name() -> RelationDef {
    secret_version::Entity::belongs_to(secret::Entity)
        .from((secret_version::Column::VaultId, secret_version::Column::Name))
        .to((secret::Column::VaultId, secret::Column::Name))
        .on_condition(|_, _| {
            Expr::col((secret_version::Entity, secret_version::Column::Version))
                .eq(Expr::col((secret::Entity, secret::Column::Current)))
                .and(Expr::col((secret::Entity, secret::Column::State)).eq(rows::ACTIVE))
                .and(Expr::col((secret::Entity, secret::Column::Managed)).eq(false))
                .into_condition()
        })
        .into()
}

/// The places of the versions that end first.
fn first(
    backend: DbBackend,
    kind: ObjectKind,
    vaults: Vec<Uuid>,
    within: &Range<i64>,
    limit: u64,
) -> Select<secret_version::Entity> {
    let [of_kind, end, ends] = words(backend);
    secret_version::Entity::find()
        .select_only()
        .columns([secret_version::Column::VaultId, secret_version::Column::Name, secret_version::Column::Version])
        .filter(Expr::cust(ends))
        .filter(Expr::cust(of_kind).eq(prefix(kind)))
        .filter(Expr::cust(end).gte(within.start))
        .filter(Expr::cust(end).lt(within.end))
        .filter(secret_version::Column::VaultId.is_in(vaults))
        .order_by(Expr::cust(end), Order::Asc)
        .limit(limit)
}

impl Store {
    pub(crate) async fn endings(
        &self,
        permits: &Permits,
        within: Range<i64>,
        behind: i64,
        limit: usize,
    ) -> Result<Endings, StoreError> {
        let mut vaults = Vec::new();
        let mut kinds = Vec::new();
        for permit in permits.iter() {
            let Some((vault, _)) = &permit.object().vault else { return Err(StoreError::Stale) };
            vaults.push(vault.0);
            kinds.push(permit.object().kind);
        }
        kinds.dedup();
        let [kind] = *kinds else { return Err(StoreError::Stale) };
        let limit = limit.clamp(1, MOST);
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let backend = self.reader.get_database_backend();
        let place = [secret_version::Column::VaultId, secret_version::Column::Name, secret_version::Column::Version];
        let place = Expr::tuple(place.map(|column| Expr::col((secret_version::Entity, column))));
        let places = first(backend, kind, vaults.clone(), &within, one_more).into_query();
        let found = secret_version::Entity::find()
            .filter(place.in_subquery(places))
            .join(JoinType::LeftJoin, shown_name())
            .into_partial_model::<Ending>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        let more = found.len() > limit;
        let mut items = found
            .into_iter()
            .filter_map(|Ending { version, name }| name.map(|name| (version, name)))
            .map(|(version, name)| item(version, &name))
            .collect::<Result<Vec<_>, _>>()?;
        let end = |item: &SecretItem| item.version.attributes.expires;
        items.sort_by(|(_, one), (_, other)| {
            end(one).cmp(&end(other)).then_with(|| one.secret.name.as_str().cmp(other.secret.name.as_str()))
        });
        items.truncate(limit);
        Ok(Endings { items, more, behind: self.behind(kind, vaults, behind).await? })
    }
}

/// How many of all are behind, by vault: read from an index alone.
fn counts(kind: ObjectKind, vaults: Vec<Uuid>, before: i64) -> Select<secret::Entity> {
    // As the indexes say it.
    let (of_all, moment) = match kind {
        ObjectKind::Secret => ("kind = 'secret' AND state = 'active' AND NOT managed".to_owned(), "made"),
        kind => (format!("kind = '{}' AND state = 'active' AND rotate_at IS NOT NULL", kind.as_str()), "rotate_at"),
    };
    secret::Entity::find()
        .select_only()
        .column(secret::Column::VaultId)
        .column_as(Expr::cust("COUNT(*)"), "of_all")
        .column_as(Expr::cust(format!("SUM(CASE WHEN {moment} < {before} THEN 1 ELSE 0 END)")), "behind")
        .filter(Expr::cust(of_all))
        .filter(secret::Column::VaultId.is_in(vaults))
        .group_by(secret::Column::VaultId)
}

impl Store {
    async fn behind(
        &self,
        kind: ObjectKind,
        vaults: Vec<Uuid>,
        before: i64,
    ) -> Result<Vec<(VaultId, Behind)>, StoreError> {
        let rows: Vec<(Uuid, i64, i64)> =
            counts(kind, vaults, before).into_tuple().all(&self.reader).await.map_err(|e| store_error(&e))?;
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        let behind = |(vault, all, behind)| (VaultId(vault), Behind { all: count(all), behind: count(behind) });
        Ok(rows.into_iter().map(behind).collect())
    }
}

fn item(version: VersionRow, name: &secret::Model) -> Result<(VaultId, SecretItem), StoreError> {
    let (secret, version) = rows::current_of(name, version)?;
    if version.attributes.expires.is_none() {
        return Err(damaged("secret version", "its end is none"));
    }
    Ok((VaultId(name.vault_id), SecretItem { secret, version }))
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait, Database, DatabaseConnection, sea_query::SelectStatement};

    use super::*;

    async fn plan(database: &DatabaseConnection, select: &SelectStatement) -> String {
        let mut asked = database.get_database_backend().build(select);
        asked.sql = format!("EXPLAIN QUERY PLAN {}", asked.sql);
        let rows = database.query_all_raw(asked).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
        plan.join("; ")
    }

    /// Whoever looks for what ends must not read every version there is.
    #[tokio::test]
    async fn what_ends_first_is_found_by_the_index_of_ends_in_its_order() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        strongroom_migrations::migrate(&database).await.unwrap();
        for kind in [ObjectKind::Secret, ObjectKind::Certificate] {
            let select = first(DbBackend::Sqlite, kind, vec![Uuid::nil(); 3], &(1..2), 9).into_query();
            let plan = plan(&database, &select).await;
            assert!(plan.contains("versions_by_end"), "{plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{plan}");
        }
        for (kind, index) in [(ObjectKind::Secret, "secrets_by_age"), (ObjectKind::Key, "rotations_by_vault")] {
            let plan = plan(&database, &counts(kind, vec![Uuid::nil(); 3], 1).into_query()).await;
            assert!(plan.contains(&format!("COVERING INDEX {index}")), "{plan}");
        }
    }
}
