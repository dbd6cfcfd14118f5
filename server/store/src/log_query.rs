//! What a filter asks of the log: conditions in the words of the indexes, so that a question to a long log is answered
//! by one of them. Must never take less than the filter says because it is quicker.

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select, Statement,
    sea_query::{Expr, Func, LikeExpr, Query, SelectStatement, UnionType},
};
use strongroom_domain::{
    action::Action,
    ports::StoreError,
    principal::PrincipalId,
    record::{CHALLENGES, Outcome, RecordFilter, Without},
};
use uuid::Uuid;

use crate::{Store, entity::audit_record, fault::unavailable_or_long, rows};

/// Most subjects that a part of one means, for each of which the newest records are looked up.
const MAX_SUBJECTS: usize = 20;
/// Most subjects that are gone through for a part of one.
const MAX_STEPS: usize = 5000;
/// Longest reason that its index holds whole, in bytes.
const MOST_OF_REASON: usize = 100;
/// Every subject once: each step goes to the next one in the index.
const SUBJECTS: &str = "\
    WITH RECURSIVE subjects (subject) AS (\
      SELECT (SELECT principal FROM audit_records WHERE principal IS NOT NULL ORDER BY principal LIMIT 1) \
      UNION ALL SELECT (SELECT r.principal FROM audit_records r WHERE r.principal > subjects.subject \
        AND r.principal IS NOT NULL ORDER BY r.principal LIMIT 1) FROM subjects WHERE subjects.subject IS NOT NULL\
    ) SELECT subject FROM subjects LIMIT 5001";

/// A question for records, and the last one that it looks through where there are more.
type Question = (Select<audit_record::Entity>, Option<Uuid>);
/// A part of what is asked for, of one subject if that is what makes it one.
type Part = (RecordFilter, Option<String>);

impl Store {
    /// The last of the newest records that are looked through, where there are more: by whatever else the filter says
    /// that an index finds. Whether an index finds who asked, its subjects say.
    async fn looked_to(
        &self,
        filter: &RecordFilter,
        subjects: Option<&[String]>,
        before: Condition,
    ) -> Result<Option<(Uuid, i64)>, StoreError> {
        use audit_record::Column;

        let in_part = filter.is_looked_for();
        let of_many = filter.principal.is_some() && subjects.is_none();
        let Some(most) = filter.look_through.filter(|_| in_part || of_many) else { return Ok(None) };
        let found = by_index(filter);
        let last = audit_record::Entity::find()
            .select_only()
            .columns([Column::Id, Column::At])
            .filter(self.conditions(&found, None)?)
            .filter(before)
            .order_by_desc(Column::At)
            .order_by_desc(Column::Id)
            .offset(u64::try_from(most).unwrap_or(u64::MAX))
            .limit(1)
            .into_tuple();
        last.one(&self.log_reader).await.map_err(|e| unavailable_or_long(&e))
    }

    /// Whether more records would have to be gone through, to count what a filter takes, than it says: as many as are
    /// found by whatever of it an index finds.
    pub(crate) async fn is_too_much(
        &self,
        filter: &RecordFilter,
        subjects: Option<&[String]>,
    ) -> Result<bool, StoreError> {
        use audit_record::Column;

        let Some(most) = filter.look_through else { return Ok(false) };
        let mut left = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        let whole = filter.whole_principal.as_ref().map(|principal| rows::filter_text(&principal.subject));
        let subjects = whole.map_or_else(|| subjects.map(<[String]>::to_vec), |subject| Some(vec![subject]));
        let found = by_index(filter);
        let found = match (parts(filter, None), subjects) {
            (Some(parts), _) => parts,
            (None, Some(subjects)) => {
                let found = RecordFilter { principal: Some(String::new()), ..found };
                parts(&found, Some(subjects)).unwrap_or_default()
            }
            (None, None) => vec![(found, None)],
        };
        for (part, subject) in found {
            let some = audit_record::Entity::find()
                .select_only()
                .column(Column::At)
                .filter(self.conditions(&part, subject.as_ref().map(std::slice::from_ref))?)
                .limit(left);
            let mut count = Query::select();
            count.expr_as(Expr::col(Column::At).count(), "records").from_subquery(some.into_query(), "some");
            let count = self.log_reader.get_database_backend().build(&count);
            let told = self.log_reader.query_one_raw(count).await.map_err(|e| unavailable_or_long(&e))?;
            let records: i64 = told.and_then(|row| row.try_get("", "records").ok()).unwrap_or_default();
            left = left.saturating_sub(u64::try_from(records).unwrap_or_default());
            if left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What records of one moment are put in order by, in a part. SQLite would take the index of the vault for one
    /// object, because it ends with the id, and look at every record of the vault.
    fn id_in_part(&self, part: &RecordFilter) -> Expr {
        match self.reader.get_database_backend() {
            DbBackend::Sqlite if of_one_object(part) => Expr::cust("+id"),
            _ => Expr::col(audit_record::Column::Id),
        }
    }

    /// The records of a page and the one behind it, by an index wherever there is one, and how far they are looked
    /// through; none before a record that is not there.
    pub(crate) async fn newest_first(
        &self,
        filter: &RecordFilter,
        limit: usize,
    ) -> Result<Option<Question>, StoreError> {
        use audit_record::Column;

        let before = match filter.before {
            None => Condition::all(),
            Some(before) => {
                let mark = audit_record::Entity::find_by_id(before).select_only().column(Column::At).into_tuple();
                let mark: Option<i64> = mark.one(&self.log_reader).await.map_err(|e| unavailable_or_long(&e))?;
                let Some(at) = mark else { return Ok(None) };
                let earlier = Condition::any().add(Column::At.lt(at)).add(Column::At.eq(at).and(Column::Id.lt(before)));
                Condition::all().add(Column::At.lte(at)).add(earlier)
            }
        };
        let wanted = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let subjects = self.subjects(filter).await?;
        let looked_to = self.looked_to(filter, subjects.as_deref(), before.clone()).await?;
        let before = match looked_to {
            None => before,
            Some((id, at)) => {
                let later = Condition::any().add(Column::At.gt(at)).add(Column::At.eq(at).and(Column::Id.gte(id)));
                before.add(Column::At.gte(at)).add(later)
            }
        };
        let looked_to = looked_to.map(|(id, _)| id);
        let Some(parts) = parts(filter, subjects) else {
            let query = audit_record::Entity::find().filter(self.conditions(filter, None)?).filter(before);
            let query = query.order_by_desc(Column::At).order_by_desc(Column::Id).limit(wanted);
            return Ok(Some((query, looked_to)));
        };
        let mut newest: Option<SelectStatement> = None;
        for (part, subject) in parts {
            let of_one = audit_record::Entity::find()
                .select_only()
                .column(Column::Id)
                .filter(self.conditions(&part, subject.as_ref().map(std::slice::from_ref))?)
                .filter(before.clone())
                .order_by_desc(Column::At)
                .order_by_desc(self.id_in_part(&part))
                .limit(wanted);
            let of_one = Query::select().column(Column::Id).from_subquery(of_one.into_query(), "one").to_owned();
            newest = Some(match newest {
                Some(mut others) => others.union(UnionType::All, of_one).to_owned(),
                None => of_one,
            });
        }
        let Some(newest) = newest else { return Ok(None) };
        let all = Condition::all().add(Column::Id.in_subquery(newest));
        let query = audit_record::Entity::find().filter(all);
        let query = query.order_by_desc(Column::At).order_by_desc(Column::Id).limit(wanted);
        Ok(Some((query, looked_to)))
    }

    /// What a filter takes, its page aside. Where the subjects are known that a part of one means, these.
    pub(crate) fn conditions(
        &self,
        filter: &RecordFilter,
        subjects: Option<&[String]>,
    ) -> Result<Condition, StoreError> {
        use audit_record::Column;

        let mut all = Condition::all();
        let by = Leads::of(filter);
        // Not to be asked for by an index of their own, where another one narrows more. PostgreSQL knows by itself which does.
        let sqlite = self.reader.get_database_backend() == DbBackend::Sqlite;
        let beside = sqlite && matches!(by, Leads::Client | Leads::Reason);
        if let Some(outcome) = filter.outcome {
            let column = if beside { Expr::cust("outcome || ''") } else { Expr::col(Column::Outcome) };
            all = all.add(column.eq(outcome.as_str()));
            if outcome != Outcome::Allowed && !beside {
                // In the words of the index, so that it is used: it is over these records alone.
                all = all.add(Expr::cust("outcome <> 'allowed'"));
            }
        }
        if let Some(vault) = &filter.vault {
            let column = if beside { Expr::cust("vault || ''") } else { Expr::col(Column::Vault) };
            all = all.add(column.eq(rows::filter_text(vault)));
        }
        if let Some(object) = &filter.object {
            let whole = Column::Object.eq(rows::filter_text(object));
            all = all.add(if filter.whole_name { whole } else { contains(Column::Object, object) });
        }
        if let Some(text) = &filter.concerns {
            let vault = Column::Vault.eq(rows::filter_text(text));
            all = all.add(Condition::any().add(vault).add(contains(Column::Object, text)));
        }
        match (&filter.principal, subjects) {
            (Some(_), Some(subjects)) => all = all.add(Column::Principal.is_in(subjects.iter().map(String::as_str))),
            (Some(principal), None) => all = all.add(contains(Column::Principal, principal)),
            (None, _) => {}
        }
        if let Some(principal) = &filter.whole_principal {
            let whole = self.place_in_body(principal_in_body(principal)?).gt(0);
            all = all.add(Column::Principal.eq(rows::filter_text(&principal.subject))).add(whole);
        }
        if let Some(operation) = &filter.operation {
            // Whose or of what it is narrows more, and those have indexes too: not to be asked for by this one.
            all = match by == Leads::Whose || beside {
                true => all.add(self.place_of(operation)?.gt(0)),
                false => all.add(Expr::cust(self.operation()).eq(operation.as_str())),
            };
        }
        if let Some(reason) = &filter.reason {
            let outcomes = filter.outcome.map_or_else(|| Outcome::ALL.to_vec(), |one| vec![one]);
            let mut any = Condition::any();
            for outcome in outcomes {
                any = any.add(self.place_in_body(reason_in_body(outcome, reason)?).gt(0));
            }
            all = all.add(any);
            if by == Leads::Reason {
                // In the words of the index, so that it is used: it has no entry of those of which nothing is to be said.
                all = all.add(Expr::cust(self.reason()).eq(reason.as_str())).add(Expr::cust(self.has_a_reason()));
            }
        }
        if let Some(client) = &filter.client {
            // With what follows it, so that nothing else that is called so is taken for it.
            all = all.add(self.place_in_body(format!("\"client\":\"{client}\",\"listener\":")).gt(0));
            if by == Leads::Client {
                all = all.add(Expr::cust(self.client()).eq(client.to_string()));
            }
        }
        if let Some(kind) = filter.kind {
            let told = if by == Leads::Kind { self.kind().to_owned() } else { format!("{} || ''", self.kind()) };
            all = all.add(Expr::cust(told).eq(kind.as_str()));
        }
        if filter.changes_of_people {
            all = all.add(Expr::cust(self.changes_of_people()));
        }
        let Without { challenges, reads_of, allowed } = &filter.without;
        if *challenges {
            all = all.add(Condition::all().add(Expr::cust(self.challenge())).not());
        }
        // None of these expressions is ever null, so that no record falls out of a negation.
        let left_out = |condition: Condition| condition.add(Column::Outcome.eq(Outcome::Allowed.as_str())).not();
        if let Some(reader) = reads_of {
            let reads = self.place_of(Action::AuditRead.operation())?.gt(0);
            let of_reader = self.place_in_body(principal_in_body(reader)?).gt(0);
            all = all.add(left_out(Condition::all().add(reads).add(of_reader)));
        }
        for operation in allowed {
            all = all.add(left_out(Condition::all().add(self.place_of(operation)?.gt(0))));
        }
        if let Some(id) = &filter.id {
            let ids = id.ids();
            all = all.add(Column::Id.between(*ids.start(), *ids.end()));
        }
        if let Some(from) = filter.from {
            all = all.add(Column::At.gte(from));
        }
        if let Some(until) = filter.until {
            all = all.add(Column::At.lt(until));
        }
        Ok(all)
    }

    /// The subjects that a part of one means: none when there are more than can be looked at one by one, so that
    /// records are looked at instead. Each is found by a step in the index, without a look at its records.
    pub(crate) async fn subjects(&self, filter: &RecordFilter) -> Result<Option<Vec<String>>, StoreError> {
        let Some(part) = &filter.principal else { return Ok(None) };
        let backend = self.reader.get_database_backend();
        let steps = Statement::from_string(backend, SUBJECTS);
        let found = self.log_reader.query_all_raw(steps).await.map_err(|e| unavailable_or_long(&e))?;
        if found.len() > MAX_STEPS {
            return Ok(None);
        }
        let part = rows::filter_text(part);
        // One that does not read was not written by Strongroom, and is told by whoever verifies the log.
        let subjects = found.iter().filter_map(|row| row.try_get::<Option<String>>("", "subject").ok().flatten());
        let subjects: Vec<String> = subjects.filter(|subject| subject.contains(&part)).collect();
        Ok(Some(subjects).filter(|subjects| subjects.len() <= MAX_SUBJECTS))
    }

    /// Where an operation stands in a body; 0 for nowhere.
    fn place_of(&self, operation: &str) -> Result<Expr, StoreError> {
        Ok(self.place_in_body(operation_in_body(operation)?))
    }

    fn place_in_body(&self, text: String) -> Expr {
        let found = Func::cust(self.position());
        Expr::from(found.arg(Expr::col(audit_record::Column::Body)).arg(text))
    }

    /// The operation of a body, in the words of its index.
    pub(crate) fn operation(&self) -> &'static str {
        match self.reader.get_database_backend() {
            DbBackend::Postgres => r#"split_part(split_part(body, '"operation":"', 2), '"', 1)"#,
            _ => {
                r#"substr(substr(body, instr(body, '"operation":"') + 13, 64), 1, instr(substr(body, instr(body, '"operation":"') + 13, 64), '"') - 1)"#
            }
        }
    }

    /// The kind of what a body is about: the first one behind its operation.
    fn kind(&self) -> &'static str {
        match self.reader.get_database_backend() {
            DbBackend::Postgres => {
                r#"left(split_part(split_part(split_part(body, '"operation":"', 2), '"kind":"', 2), '"', 1), 31)"#
            }
            _ => {
                r#"substr(substr(substr(body, instr(body, '"operation":"')), instr(substr(body, instr(body, '"operation":"')), '"kind":"') + 8, 32), 1, instr(substr(substr(body, instr(body, '"operation":"')), instr(substr(body, instr(body, '"operation":"')), '"kind":"') + 8, 32), '"') - 1)"#
            }
        }
    }

    /// The reason of a body, in the words of its index: what follows the outcome.
    fn reason(&self) -> &'static str {
        match self.reader.get_database_backend() {
            DbBackend::Postgres => {
                r#"left(split_part(split_part(body, '"outcome":"' || outcome || '","reason":"', 2), '"', 1), 127)"#
            }
            _ => {
                r#"substr(substr(body, instr(body, '"outcome":"' || outcome || '","reason":"') + 23 + length(outcome), 128), 1, instr(substr(body, instr(body, '"outcome":"' || outcome || '","reason":"') + 23 + length(outcome), 128), '"') - 1)"#
            }
        }
    }

    /// Of which records there are reasons in their index.
    fn has_a_reason(&self) -> String {
        format!(r#"{}(body, '"outcome":"allowed","reason":"ok",') = 0"#, self.position())
    }

    /// The address that a request came from, in the words of its index.
    pub(crate) fn client(&self) -> &'static str {
        match self.reader.get_database_backend() {
            DbBackend::Postgres => r#"left(split_part(split_part(body, '"client":"', 2), '"', 1), 45)"#,
            _ => {
                r#"substr(substr(body, instr(body, '"client":"') + 10, 46), 1, instr(substr(body, instr(body, '"client":"') + 10, 46), '"') - 1)"#
            }
        }
    }

    /// What a person changed, in the words of its index.
    fn changes_of_people(&self) -> String {
        let position = self.position();
        format!(
            r#"(outcome = 'allowed' AND {position}(body, '"principal_kind":"user"') > 0 AND {position}(body, '"changed":[') > 0)"#
        )
    }

    /// What the database calls the function that finds a text in another.
    pub(crate) fn position(&self) -> &'static str {
        match self.reader.get_database_backend() {
            DbBackend::Postgres => "strpos",
            _ => "instr",
        }
    }

    /// Whether a record is one of [`CHALLENGES`]; words of ours alone, written out, so that it can be grouped by.
    pub(crate) fn challenge(&self) -> String {
        let outcome = Outcome::Unauthenticated.as_str();
        let position = self.position();
        let reasons =
            CHALLENGES.map(|reason| format!(r#"{position}(body, '"outcome":"{outcome}","reason":"{reason}",') > 0"#));
        format!("(outcome = '{outcome}' AND ({}))", reasons.join(" OR "))
    }
}

/// Which index a question is to be answered by: one serves it, and what else is asked for is compared record by record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    /// Who asked, or the one object that it is about.
    Whose,
    /// The address.
    Client,
    /// The reason, which stands behind its outcome.
    Reason,
    /// The kind, where nothing else is asked for that an index finds.
    Kind,
    /// Whichever the database finds best: outcome, vault, operation, time.
    Others,
}

impl Leads {
    fn of(filter: &RecordFilter) -> Self {
        let alone = filter.outcome.is_none() && filter.vault.is_none() && filter.operation.is_none();
        if filter.principal.is_some() || filter.whole_principal.is_some() || of_one_object(filter) {
            Self::Whose
        } else if filter.client.is_some() {
            Self::Client
        } else if filter.reason.as_deref().is_some_and(has_entry) {
            Self::Reason
        } else if filter.kind.is_some() && alone {
            Self::Kind
        } else {
            Self::Others
        }
    }
}

/// Whether the index of reasons has an entry of this one as it is: it is cut, and holds what a body holds.
fn has_entry(reason: &str) -> bool {
    reason != "ok"
        && reason.len() <= MOST_OF_REASON
        && !reason.chars().any(|c| c.is_control() || matches!(c, '"' | '\\'))
}

/// What of a filter an index finds by itself.
fn by_index(filter: &RecordFilter) -> RecordFilter {
    let time = RecordFilter { from: filter.from, until: filter.until, ..RecordFilter::default() };
    match Leads::of(filter) {
        Leads::Client => RecordFilter { client: filter.client, ..time },
        Leads::Reason => RecordFilter { reason: filter.reason.clone(), ..time },
        Leads::Kind => RecordFilter { kind: filter.kind, ..time },
        Leads::Whose | Leads::Others => RecordFilter {
            outcome: filter.outcome,
            vault: filter.vault.clone(),
            operation: filter.operation.clone(),
            ..time
        },
    }
}

/// Filters that together take what one takes, each of which an index serves from its newest record on; none where
/// one does for the whole.
fn parts(filter: &RecordFilter, subjects: Option<Vec<String>>) -> Option<Vec<Part>> {
    if let Some(subjects) = subjects {
        return Some(subjects.into_iter().map(|subject| (filter.clone(), Some(subject))).collect());
    }
    if !of_one_object(filter) {
        return None;
    }
    let outcomes = filter.outcome.map_or_else(|| Outcome::ALL.to_vec(), |one| vec![one]);
    let of = |outcome| (RecordFilter { outcome: Some(outcome), ..filter.clone() }, None);
    Some(outcomes.into_iter().map(of).collect())
}

/// Whether all is of one object.
fn of_one_object(filter: &RecordFilter) -> bool {
    filter.vault.is_some() && filter.object.is_some() && filter.whole_name
}

/// Whether the column contains the text, both folded to lower case (ASCII).
fn contains(column: audit_record::Column, text: &str) -> Expr {
    Expr::col(column).like(escaped(&rows::filter_text(text)))
}

/// How an operation stands in a body. Inside a text of a body every quotation mark is escaped, so
/// nothing that a caller wrote can look like this.
fn operation_in_body(operation: &str) -> Result<String, StoreError> {
    let text = serde_json::to_string(operation).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    Ok(format!("\"operation\":{text},"))
}

/// How a reason stands in a body, behind its outcome: those of the stages of a trace stand otherwise.
fn reason_in_body(outcome: Outcome, reason: &str) -> Result<String, StoreError> {
    let text = serde_json::to_string(reason).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    Ok(format!("\"outcome\":\"{}\",\"reason\":{text},", outcome.as_str()))
}

/// How a principal stands in the body of a record of a request of theirs.
fn principal_in_body(principal: &PrincipalId) -> Result<String, StoreError> {
    let text = serde_json::to_string(principal).map_err(|e| StoreError::Unavailable(e.to_string()))?;
    Ok(format!("\"principal\":{text},"))
}

/// A pattern for texts that contain this one.
fn escaped(text: &str) -> LikeExpr {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    LikeExpr::new(pattern).escape('\\')
}

#[cfg(test)]
mod tests {
    use sea_orm::{Database, TransactionTrait as _};
    use strongroom_domain::names::{ObjectKind, ObjectName, VaultId};

    use super::*;
    use crate::{StoreOptions, secrets::listing};

    const RECORDS: &str = "\
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
        INSERT INTO audit_records (id, at, outcome, vault, object, principal, body, node, seq) \
        SELECT ID, i * 1000, CASE WHEN i % 50 = 0 THEN 'denied' ELSE 'allowed' END, 'v' || (i % 6), 's-' || (i % 1000), \
          'worker-' || (i % 100), '{\"principal_kind\":\"workload\",\"client\":\"10.0.0.' || (i % 50) || \
          '\",\"listener\":\"main\",\"operation\":\"' || CASE WHEN i % 97 = 0 THEN 'KeySign' ELSE 'SecretGet' END || \
          '\",\"vault\":\"v\",\"kind\":\"' || CASE WHEN i % 1000 = 0 THEN 'issuer' ELSE 'secret' END || \
          '\",\"outcome\":\"' || CASE WHEN i % 50 = 0 THEN 'denied\",\"reason\":\"no-role' ELSE 'allowed\",\"reason\":\"ok' \
          END || '\",\"status\":200}', 'node-1', i FROM n";

    /// A long log on either database, with the statement by which it says how it goes about another one.
    async fn with_a_long_log(url: &str) -> Store {
        let database = Database::connect(format!("{url}{}", if url.starts_with("sqlite") { "?mode=rwc" } else { "" }));
        let database = database.await.unwrap();
        strongroom_migrations::migrate(&database).await.unwrap();
        let postgres = database.get_database_backend() == DbBackend::Postgres;
        let records = RECORDS.replace("ID,", if postgres { "gen_random_uuid()," } else { "randomblob(16)," });
        database.execute_unprepared(&records).await.unwrap();
        if postgres {
            database.execute_unprepared("ANALYZE").await.unwrap();
        }
        database.close().await.unwrap();
        Store::open(url, StoreOptions::default()).await.unwrap()
    }

    async fn plan(store: &Store, mut asked: Statement) -> String {
        let postgres = asked.db_backend == DbBackend::Postgres;
        let explain = if postgres { "EXPLAIN" } else { "EXPLAIN QUERY PLAN" };
        asked.sql = format!("{explain} {}", asked.sql);
        let transaction = store.log_reader.begin().await.unwrap();
        if postgres {
            // The log of a test is read whole as cheaply; what counts is that an index can serve.
            transaction.execute_unprepared("SET LOCAL enable_seqscan = off").await.unwrap();
        }
        let rows = transaction.query_all_raw(asked).await.unwrap();
        let column = if postgres { "QUERY PLAN" } else { "detail" };
        rows.iter().map(|row| row.try_get("", column).unwrap()).collect::<Vec<String>>().join("\n")
    }

    /// What is not found by an index is looked for record by record, which takes seconds in a long log.
    async fn indexes_are_used(url: &str) {
        let store = with_a_long_log(url).await;
        let postgres = store.log_reader.get_database_backend() == DbBackend::Postgres;
        let ada = PrincipalId { issuer: "https://idp".to_owned(), subject: "worker-7".to_owned() };
        let all = RecordFilter { limit: 50, ..RecordFilter::default() };
        let day = || RecordFilter { from: Some(19_000_000), ..all.clone() };
        let without = Without { challenges: true, reads_of: Some(ada.clone()), allowed: vec!["Page".to_owned()] };
        let operation = |name: &str| Some(name.to_owned());
        let reason = |reason: &str| Some(reason.to_owned());
        let (client, kind) = ("10.0.0.7".parse().ok(), Some(ObjectKind::Issuer));
        let cases = [
            (RecordFilter { reason: reason("no-role"), ..all.clone() }, vec!["audit_records_by_reason"]),
            (
                RecordFilter {
                    reason: reason("no-role"),
                    outcome: Some(Outcome::Denied),
                    vault: Some("v1".to_owned()),
                    kind,
                    ..day()
                },
                vec!["audit_records_by_reason"],
            ),
            (RecordFilter { client, ..all.clone() }, vec!["audit_records_by_client"]),
            (
                RecordFilter {
                    client,
                    outcome: Some(Outcome::Denied),
                    vault: Some("v1".to_owned()),
                    operation: operation("SecretGet"),
                    reason: reason("no-role"),
                    ..day()
                },
                vec!["audit_records_by_client"],
            ),
            (RecordFilter { kind, ..all.clone() }, vec!["audit_records_by_kind"]),
            (RecordFilter { kind, vault: Some("v1".to_owned()), ..all.clone() }, vec!["audit_records_by_vault"]),
            (RecordFilter { without, ..all.clone() }, vec!["audit_records_by_time"]),
            (RecordFilter { outcome: Some(Outcome::Denied), ..day() }, vec!["audit_records_by_outcome"]),
            (RecordFilter { vault: Some("v1".to_owned()), ..all.clone() }, vec!["audit_records_by_vault"]),
            (RecordFilter { operation: operation("KeySign"), ..all.clone() }, vec!["audit_records_by_operation"]),
            (
                RecordFilter {
                    operation: operation("CertificateNearExpiry"),
                    outcome: Some(Outcome::Allowed),
                    ..day()
                },
                vec!["audit_records_by_operation"],
            ),
            (RecordFilter { principal: Some("KER-7".to_owned()), ..all.clone() }, vec!["audit_records_by_subject"]),
            (RecordFilter { whole_principal: Some(ada), ..all.clone() }, vec!["audit_records_by_subject"]),
            (RecordFilter { changes_of_people: true, ..day() }, vec!["audit_records_of_changes"]),
            (
                RecordFilter {
                    outcome: Some(Outcome::Allowed),
                    vault: Some("v1".to_owned()),
                    object: Some("s-7".to_owned()),
                    whole_name: true,
                    operation: operation("SecretGet"),
                    ..day()
                },
                vec!["audit_records_by_object"],
            ),
            (
                RecordFilter {
                    vault: Some("v1".to_owned()),
                    object: Some("s-7".to_owned()),
                    whole_name: true,
                    ..all.clone()
                },
                vec!["audit_records_by_object"],
            ),
        ];
        for (filter, indexes) in cases {
            let (query, _) = store.newest_first(&filter, filter.limit).await.unwrap().unwrap();
            let plan = plan(&store, query.build(store.log_reader.get_database_backend())).await;
            // PostgreSQL goes by time where it expects a page's worth of what is asked for soon, and by the outcome where
            // few records have it.
            let by_its_count: &[&str] =
                if postgres { &["audit_records_by_time", "audit_records_by_outcome"] } else { &[] };
            assert!(
                indexes.into_iter().chain(by_its_count.iter().copied()).any(|index| plan.contains(index)),
                "{filter:?}\n{plan}"
            );
            assert!(!plan.contains("Seq Scan"), "{filter:?}\n{plan}");
            let by_steps = plan.lines().filter(|line| line.contains("SCAN audit_records"));
            assert!(by_steps.into_iter().all(|line| line.contains("USING INDEX")), "{filter:?}\n{plan}");
        }
        let nobody = RecordFilter { principal: Some("nobody".to_owned()), ..all };
        assert!(store.newest_first(&nobody, 50).await.unwrap().is_none());
        let backend = store.log_reader.get_database_backend();
        let subjects = plan(&store, Statement::from_string(backend, SUBJECTS)).await;
        assert!(subjects.contains("audit_records_by_subject"), "{subjects}");
        for counting in [store.sorted(), store.newest_uses()] {
            let values = ["node-1".into(), 100.into(), 200.into()];
            let counted = plan(&store, Statement::from_sql_and_values(backend, counting, values)).await;
            assert!(counted.contains("audit_records_by_position"), "{counted}");
            assert!(!counted.contains("SCAN audit_records") && !counted.contains("Seq Scan"), "{counted}");
        }
        let values = ["node-1".into(), 100.into(), 200.into()];
        let seen = plan(&store, Statement::from_sql_and_values(backend, store.first_seen(), values)).await;
        assert!(seen.contains("audit_records_by_position"), "{seen}");
        let after = ObjectName::parse("s-7").unwrap();
        let listed = listing(VaultId(Uuid::nil()), ObjectKind::Secret, false, Some(&after), 25).build(backend);
        // An empty table is read from its beginning by PostgreSQL, whatever indexes there are.
        if backend == DbBackend::Sqlite {
            let listed = plan(&store, listed).await;
            assert!(listed.contains("name>?") && !listed.contains("TEMP B-TREE"), "{listed}");
        }
        store.close().await.unwrap();
    }

    #[tokio::test]
    async fn every_question_to_a_long_log_is_answered_by_an_index_on_sqlite() {
        let folder = tempfile::tempdir().unwrap();
        indexes_are_used(&format!("sqlite://{}", folder.path().join("db").display())).await;
    }

    #[tokio::test]
    async fn every_question_to_a_long_log_is_answered_by_an_index_on_postgres() {
        let server = std::env::var("STRONGROOM_TEST_POSTGRES").expect("the URL of a PostgreSQL server, or skip");
        if server == "skip" {
            return;
        }
        let admin = Database::connect(&server).await.unwrap();
        let name = format!("strongroom_plans_{}", std::process::id());
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        let (base, query) = server.split_once('?').unwrap_or((&server, ""));
        let (authority, _) = base.rsplit_once('/').unwrap();
        indexes_are_used(&format!("{authority}/{name}?{query}")).await;
        admin.execute_unprepared(&format!("DROP DATABASE {name} WITH (FORCE)")).await.unwrap();
    }
}
