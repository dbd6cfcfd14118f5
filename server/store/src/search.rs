//! Names, tags and dates looked through in the database, however many there are: the copies that stand beside the names,
//! which on SQLite an index holds. What may be like what is searched for is then read like any page of a list.
//!
//! A copy that is not of the row's revision counts as like everything, so nothing is missed because an older release wrote
//! the row; whoever asked looks at what is authenticated. An edited copy of the right revision can hide its row here, as
//! the row itself can be taken away, until somebody reads it or the scrub comes by.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait, Condition, DbBackend, EntityTrait, ExprTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, Func, Order},
};
use strongroom_domain::{
    names::{ObjectKind, ObjectName, VaultId},
    permit::Permits,
    ports::StoreError,
    search::{Expiry, Found, MOST_LOOKED_THROUGH, NEAR, Search, SortedBy, Standing},
    secret::SecretItem,
};

use crate::{
    Store,
    endings::prefix,
    entity::secret,
    fault::store_error,
    rows,
    secrets::{NameWithVersion, current, item},
};

/// A row whose copies are of another revision, or none.
const IS_NOT_NOTED: &str = "(noted IS NULL OR noted <> revision)";
/// Labels where there is no tag.
const NO_LABELS: &str = "CASE WHEN labels IS NULL OR labels = '{}}' THEN 1 ELSE 0 END";

/// Active names of a vault, from behind a name on.
fn of_vault(vault: VaultId, kind: ObjectKind, after: Option<&ObjectName>) -> Select<secret::Entity> {
    let query = secret::Entity::find()
        .filter(secret::Column::VaultId.eq(vault.0))
        .filter(secret::Column::Kind.eq(kind.as_str()))
        .filter(secret::Column::State.eq(rows::ACTIVE));
    match after {
        Some(after) => query.filter(secret::Column::Name.gt(kind.qualify(after))),
        None => query,
    }
}

/// Whether a text is in another.
pub(crate) fn contains(backend: DbBackend, text: Expr, part: String) -> Expr {
    let found = match backend {
        DbBackend::Postgres => Func::cust("strpos"),
        _ => Func::cust("instr"),
    };
    Expr::from(found.arg(text).arg(part)).gt(0)
}

/// A text as it stands in labels.
fn as_label(text: &str) -> Result<String, StoreError> {
    Ok(rows::json(&text.to_ascii_lowercase())?.to_ascii_lowercase())
}

/// The same, a part of one.
fn as_part(text: &str) -> Result<String, StoreError> {
    let label = as_label(text)?;
    Ok(label.strip_prefix('"').and_then(|label| label.strip_suffix('"')).unwrap_or(&label).to_owned())
}

/// [`Standing::of`] by the copies.
fn stands(standing: Standing, now: i64) -> String {
    let near = now.saturating_add(NEAR);
    match standing {
        Standing::Disabled => "enabled = 0".to_owned(),
        Standing::Expired => format!("enabled <> 0 AND ends <= {now}"),
        Standing::NotYetValid => format!("enabled <> 0 AND (ends IS NULL OR ends > {now}) AND starts > {now}"),
        Standing::Expiring => {
            format!("enabled <> 0 AND ends > {now} AND ends <= {near} AND (starts IS NULL OR starts <= {now})")
        }
        Standing::Enabled => {
            format!("enabled <> 0 AND (ends IS NULL OR ends > {near}) AND (starts IS NULL OR starts <= {now})")
        }
    }
}

/// What may be like what is searched for.
fn like(backend: DbBackend, kind: ObjectKind, search: &Search) -> Result<Condition, StoreError> {
    let mut all = Condition::all();
    let labels = |part: String| contains(backend, Expr::col(secret::Column::Labels), part);
    let words = search.words.to_ascii_lowercase();
    if !words.is_empty() {
        let before = prefix(kind);
        let name = if before.contains(&words) {
            Expr::cust(format!("substr(name, {})", before.len() + 1))
        } else {
            Expr::col(secret::Column::Name)
        };
        let mut named = Condition::any().add(contains(backend, name, words));
        if search.in_tags {
            named = named.add(labels(as_part(&search.words)?)).add(Expr::cust(IS_NOT_NOTED));
        }
        all = all.add(named);
    }
    let mut copied = Condition::all();
    if let Some((name, value)) = &search.tag {
        let value = value.as_deref().map(as_label).transpose()?.unwrap_or_default();
        copied = copied.add(labels(format!("{}:{value}", as_label(name)?)));
    }
    if let Some(standing) = search.standing {
        copied = copied.add(Expr::cust(format!("({})", stands(standing, search.now))));
    }
    match &search.expires {
        None => {}
        Some(Expiry::Never) => copied = copied.add(Expr::cust("ends IS NULL")),
        Some(Expiry::Within(within)) => {
            copied = copied.add(Expr::cust(format!("(ends >= {} AND ends < {})", within.start, within.end)));
        }
    }
    if !copied.is_empty() {
        all = all.add(Condition::any().add(copied).add(Expr::cust(IS_NOT_NOTED)));
    }
    if let Some(moment) = search.made_before {
        all = all.add(Expr::cust(format!("(made IS NULL OR made < {moment})")));
    }
    Ok(all)
}

/// In the order that is asked for. What has nothing to be sorted by comes last, either way.
fn in_order(backend: DbBackend, query: Select<secret::Entity>, search: &Search) -> Select<secret::Entity> {
    let order = || if search.descending { Order::Desc } else { Order::Asc };
    let sorted = match search.by {
        SortedBy::Name => return query.order_by(secret::Column::Name, order()),
        SortedBy::Standing => {
            let ranks = [Standing::Disabled, Standing::Enabled, Standing::Expired, Standing::Expiring];
            let ranks = ranks.iter().enumerate();
            let ranks = ranks.map(|(rank, one)| format!("WHEN {} THEN {rank}", stands(*one, search.now)));
            let ranks = ranks.collect::<Vec<_>>().join(" ");
            query.order_by(Expr::cust(format!("CASE {ranks} ELSE 4 END")), order())
        }
        SortedBy::Updated => {
            query.order_by(Expr::cust("updated IS NULL"), Order::Asc).order_by(secret::Column::Updated, order())
        }
        SortedBy::Expires => {
            query.order_by(Expr::cust("ends IS NULL"), Order::Asc).order_by(secret::Column::Ends, order())
        }
        SortedBy::Tags => {
            let labels = match backend {
                DbBackend::Postgres => r#"labels COLLATE "C""#,
                _ => "labels",
            };
            query.order_by(Expr::cust(NO_LABELS), Order::Asc).order_by(Expr::cust(labels), order())
        }
    };
    sorted.order_by(secret::Column::Name, Order::Asc)
}

/// The names of what may be like that, one more than there is room for.
fn names(
    backend: DbBackend,
    (vault, kind): (VaultId, ObjectKind),
    search: &Search,
    last: Option<&str>,
    room: usize,
) -> Result<Select<secret::Entity>, StoreError> {
    let mut query = of_vault(vault, kind, search.after.as_ref()).filter(like(backend, kind, search)?);
    if let Some(last) = last {
        query = query.filter(secret::Column::Name.lte(last));
    }
    let room = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
    let query = in_order(backend, query, search).select_only().column(secret::Column::Name);
    Ok(query.offset(Ord::min(search.from, MOST_LOOKED_THROUGH)).limit(room))
}

impl Store {
    pub(crate) async fn searched(&self, permits: &Permits, search: &Search, limit: usize) -> Result<Found, StoreError> {
        let backend = self.reader.get_database_backend();
        let in_order_of_names = search.by == SortedBy::Name && !search.descending;
        let (mut found, mut left, several) = (Found::default(), MOST_LOOKED_THROUGH, permits.iter().count() > 1);
        for permit in permits.iter() {
            let Some((vault, _)) = &permit.object().vault else { return Err(StoreError::Stale) };
            let place = (*vault, permit.object().kind);
            if left == 0 {
                found.in_part = true;
                break;
            }
            let last = self.last_of(place, search, left).await?;
            let room = limit.saturating_sub(found.items.len());
            let mut like: Vec<String> = names(backend, place, search, last.as_deref(), room)?
                .into_tuple()
                .all(&self.reader)
                .await
                .map_err(|e| store_error(&e))?;
            let more = like.len() > room;
            like.truncate(room);
            let goes_on = if more { like.last() } else { last.as_ref() };
            found.next = goes_on.filter(|_| in_order_of_names).map(|name| unqualified(place.1, name));
            found.items.extend(self.those(place, &like).await?.into_iter().map(|item| (*vault, item)));
            found.in_part |= last.is_some();
            if more {
                found.more = true;
                break;
            }
            if several {
                let counted = if last.is_some() { left } else { self.count_of(place, search).await? };
                left = left.saturating_sub(counted);
            }
        }
        Ok(found)
    }

    /// The last of the first so many names, if there are more.
    async fn last_of(
        &self,
        (vault, kind): (VaultId, ObjectKind),
        search: &Search,
        most: u64,
    ) -> Result<Option<String>, StoreError> {
        let ends: Vec<String> = of_vault(vault, kind, search.after.as_ref())
            .select_only()
            .column(secret::Column::Name)
            .order_by_asc(secret::Column::Name)
            .offset(most.saturating_sub(1))
            .limit(2)
            .into_tuple()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        Ok(if ends.len() > 1 { ends.into_iter().next() } else { None })
    }

    /// How many names there are.
    async fn count_of(&self, (vault, kind): (VaultId, ObjectKind), search: &Search) -> Result<u64, StoreError> {
        let counted: Vec<i64> = of_vault(vault, kind, search.after.as_ref())
            .select_only()
            .column_as(Expr::cust("COUNT(*)"), "counted")
            .into_tuple()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        Ok(counted.first().and_then(|count| u64::try_from(*count).ok()).unwrap_or_default())
    }

    /// Those of these names that are still there, in their order.
    async fn those(
        &self,
        (vault, kind): (VaultId, ObjectKind),
        names: &[String],
    ) -> Result<Vec<SecretItem>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let places: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let rows = of_vault(vault, kind, None)
            .filter(secret::Column::Name.is_in(names.iter().map(String::as_str)))
            .join(JoinType::LeftJoin, current())
            .into_partial_model::<NameWithVersion>()
            .all(&self.reader)
            .await
            .map_err(|e| store_error(&e))?;
        let mut rows: Vec<_> = rows.into_iter().map(|row| (places.get(row.name.name.as_str()).copied(), row)).collect();
        rows.sort_by_key(|(place, _)| *place);
        rows.into_iter().map(|(_, row)| item(row)).collect()
    }
}

fn unqualified(kind: ObjectKind, name: &str) -> String {
    name.strip_prefix(&prefix(kind)).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use sea_orm::ConnectionTrait as _;
    use sea_orm::{Database, QueryTrait};
    use uuid::Uuid;

    use super::*;

    /// Whoever looks through a large vault must not read a row of each name.
    #[tokio::test]
    async fn what_is_searched_and_sorted_by_is_read_from_an_index_alone() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        strongroom_migrations::migrate(&database).await.unwrap();
        let place = (VaultId(Uuid::nil()), ObjectKind::Secret);
        let words = Search { words: "db".to_owned(), in_tags: true, ..Search::default() };
        let by = |by| Search { by, descending: true, ..Search::default() };
        let tag = Search { tag: Some(("env".to_owned(), None)), ..Search::default() };
        let end = Search { expires: Some(Expiry::Within(1..9)), made_before: Some(5), ..Search::default() };
        let state = Search { standing: Some(Standing::Expiring), ..Search::default() };
        let (by_state, by_update) = (by(SortedBy::Standing), by(SortedBy::Updated));
        let (by_end, by_tags, by_name) = (by(SortedBy::Expires), by(SortedBy::Tags), by(SortedBy::Name));
        for search in [words, tag, end, state, by_state, by_update, by_end, by_tags, by_name] {
            let query = names(DbBackend::Sqlite, place, &search, Some("z"), 25).unwrap().into_query();
            let mut asked = database.get_database_backend().build(&query);
            asked.sql = format!("EXPLAIN QUERY PLAN {}", asked.sql);
            let rows = database.query_all_raw(asked).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect();
            let plan = plan.join("; ");
            assert!(plan.contains("USING COVERING INDEX secrets_"), "{search:?}: {plan}");
        }
    }

    #[test]
    fn what_a_tag_is_searched_by_is_spelt_as_tags_are_stored() {
        assert_eq!(as_label("Env").unwrap(), r#""env""#);
        assert_eq!(as_part(r#"a"B"#).unwrap(), r#"a\"b"#);
        assert_eq!(unqualified(ObjectKind::Key, "key/k1"), "k1");
    }
}
