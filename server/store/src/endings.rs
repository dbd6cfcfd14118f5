//! What ends soon, in several vaults at once, found by the index of ends: however many objects there are, no more rows
//! are read than are looked at.
//!
//! What ends is read from the attributes as they are stored, and those are what the use case holds against their
//! authentication. A row that somebody edited so that it does not end is missing here, as one that somebody took away
//! is, until the comparison with the log finds it.

use std::ops::Range;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, DerivePartialModel, EntityTrait, ExprTrait, JoinType, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, QueryTrait, RelationDef,
    sea_query::{Expr, IntoCondition, Order, Query, SelectStatement, UnionType},
};
use strongroom_domain::{
    names::{ObjectKind, VaultId},
    permit::Permits,
    ports::StoreError,
    secret::{Endings, MOST_BEHIND, MOST_COUNTED, SecretItem},
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
pub(crate) fn prefix(kind: ObjectKind) -> String {
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

/// The same question to each vault, so that what is in others costs nothing; none without a vault.
fn of_each(vaults: &[Uuid], of_one: impl Fn(Uuid) -> SelectStatement) -> Option<SelectStatement> {
    let each = vaults.iter().map(|vault| of_one(*vault));
    let mut each = each.map(|one| Query::select().expr(Expr::cust("*")).from_subquery(one, "one").to_owned());
    let mut every = each.next()?;
    for other in each {
        every.union(UnionType::All, other);
    }
    Some(every)
}

/// The places of the versions that end first.
fn first(
    backend: DbBackend,
    kind: ObjectKind,
    vaults: &[Uuid],
    within: &Range<i64>,
    limit: u64,
) -> Option<SelectStatement> {
    let [of_kind, end, ends] = words(backend);
    let of_one = |vault: Uuid| {
        secret_version::Entity::find()
            .select_only()
            .columns([secret_version::Column::VaultId, secret_version::Column::Name, secret_version::Column::Version])
            .column_as(Expr::cust(end), "ends")
            .filter(Expr::cust(ends))
            .filter(secret_version::Column::VaultId.eq(vault))
            .filter(Expr::cust(of_kind).eq(prefix(kind)))
            .filter(Expr::cust(end).gte(within.start))
            .filter(Expr::cust(end).lt(within.end))
            .order_by(Expr::cust(end), Order::Asc)
            .limit(limit)
            .into_query()
    };
    let every = of_each(vaults, of_one)?;
    let places = Query::select()
        .columns(["vault_id", "name", "version"])
        .from_subquery(every, "every")
        .order_by("ends", Order::Asc)
        .limit(limit)
        .to_owned();
    Some(places)
}

/// How many there are, or, before a moment, how many are behind, by vault: read from an index alone, and no further than
/// counting goes.
fn counts(kind: ObjectKind, vaults: &[Uuid], before: Option<i64>) -> Option<SelectStatement> {
    let of_one = |vault: Uuid| {
        let of_kind = secret::Entity::find()
            .select_only()
            .column(secret::Column::VaultId)
            .filter(secret::Column::VaultId.eq(vault))
            .filter(secret::Column::Kind.eq(kind.as_str()))
            .filter(secret::Column::State.eq(rows::ACTIVE));
        let counted = match (kind, before) {
            (_, None) => of_kind.limit(MOST_COUNTED),
            (ObjectKind::Secret, Some(before)) => of_kind
                .filter(secret::Column::Managed.eq(false))
                .filter(secret::Column::Made.lt(before))
                .limit(MOST_BEHIND),
            (_, Some(before)) => of_kind.filter(secret::Column::RotateAt.lt(before)).limit(MOST_BEHIND),
        };
        counted.into_query()
    };
    let every = of_each(vaults, of_one)?;
    let counts = Query::select()
        .column("vault_id")
        .expr_as(Expr::cust("COUNT(*)"), "counted")
        .from_subquery(every, "every")
        .group_by_col("vault_id")
        .to_owned();
    Some(counts)
}

impl Store {
    pub(crate) async fn endings(
        &self,
        permits: &Permits,
        within: Range<i64>,
        behind: i64,
        limit: usize,
        counted: bool,
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
        let Some(places) = first(backend, kind, &vaults, &within, one_more) else { return Ok(Endings::default()) };
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
        let counts = if counted { self.ending_count(kind, &vaults, None).await? } else { Vec::new() };
        Ok(Endings { items, more, behind: self.ending_count(kind, &vaults, Some(behind)).await?, counts })
    }

    async fn ending_count(
        &self,
        kind: ObjectKind,
        vaults: &[Uuid],
        before: Option<i64>,
    ) -> Result<Vec<(VaultId, u64)>, StoreError> {
        let Some(counts) = counts(kind, vaults, before) else { return Ok(Vec::new()) };
        let counts = self.reader.get_database_backend().build(&counts);
        let rows = self.reader.query_all_raw(counts).await.map_err(|e| store_error(&e))?;
        let count = |row: &QueryResult| -> Result<(VaultId, u64), DbErr> {
            let (vault, count): (Uuid, i64) = (row.try_get("", "vault_id")?, row.try_get("", "counted")?);
            Ok((VaultId(vault), u64::try_from(count).unwrap_or_default()))
        };
        rows.iter().map(count).collect::<Result<Vec<_>, _>>().map_err(|e| store_error(&e))
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
    use sea_orm::{Database, DatabaseConnection};

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
        let vaults = [Uuid::nil(); 3];
        for kind in [ObjectKind::Secret, ObjectKind::Certificate] {
            let plan = plan(&database, &first(DbBackend::Sqlite, kind, &vaults, &(1..2), 9).unwrap()).await;
            let by_index = "versions_by_end (vault_id=? AND <expr>=? AND <expr>>? AND <expr><?)";
            assert_eq!(plan.matches(by_index).count(), vaults.len(), "{plan}");
        }
        for (kind, by_index) in [
            (ObjectKind::Secret, "secrets_by_age (vault_id=? AND kind=? AND state=? AND managed=? AND made<?)"),
            (ObjectKind::Key, "rotations_by_vault (vault_id=? AND kind=? AND state=? AND rotate_at<?)"),
        ] {
            let plan = plan(&database, &counts(kind, &vaults, Some(1)).unwrap()).await;
            assert_eq!(plan.matches(&format!("COVERING INDEX {by_index}")).count(), vaults.len(), "{plan}");
        }
        let plan = plan(&database, &counts(ObjectKind::Key, &vaults, None).unwrap()).await;
        assert_eq!(plan.matches("COVERING INDEX").count(), vaults.len(), "{plan}");
        assert!(counts(ObjectKind::Key, &[], Some(1)).is_none());
    }
}
