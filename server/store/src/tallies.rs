//! How many records there are of each sort, by stretches of time: counted once for each record and kept in memory, so
//! that a chart over a long log costs a look at its stretches and not at its records; and with them when each grant was
//! last used.
//!
//! What is kept is only ever counted from the log, position by position of each node's chain: [`Store::count_log`] goes
//! on from where it was, and so does a question before it is answered. Nothing of it is stored, so there is nothing to
//! edit; a process that starts counts anew. What it cannot tell exactly it does not tell, and the log is asked instead.
//!
//! Its size is bounded: the oldest stretches go first, and names of vaults beyond [`MAX_VAULTS`] are counted together.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement};
use serde::Deserialize;
use strongroom_domain::{
    action::Action,
    ports::StoreError,
    principal::PrincipalId,
    record::{DenialCount, Denials, News, NewsCount, Outcome, Record, RecordFilter, Tally, UseCount, UsedGrant, Uses},
};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::{Store, entity::audit_record, fault::unavailable_or_long, reading, rows, tree};

const MINUTE: i64 = 60_000;
/// How long the stretches are that are kept: of the last days, and of all that is kept.
const WIDTHS: [(i64, i64); 2] = [(MINUTE, 2 * 24 * 60 * MINUTE), (15 * MINUTE, 400 * 24 * 60 * MINUTE)];
/// Most counts that are kept of stretches of one length, about 50 bytes each.
const MAX_COUNTS: usize = 400_000;
/// Most names of vaults, operations and readers of the log that are told apart.
const MAX_VAULTS: usize = 4096;
const MAX_OPERATIONS: usize = 1024;
const MAX_READERS: usize = 256;
/// Positions that are counted by one question to the database: some ten milliseconds.
const AT_ONCE: u64 = 10_000;
/// How long denials are kept by who and why, and how many sorts of them in all minutes, about 200 bytes each.
const DENIED_KEPT: i64 = 25 * 60 * MINUTE;
const MOST_DENIED: usize = 50_000;
/// Most denials that are counted for one answer from the log itself.
const MOST_FROM_LOG: usize = 10_000;
/// The denials of some positions. By position alone: there may be many of other times.
const DENIED: &str = "SELECT at, body FROM audit_records \
                      WHERE node = $1 AND seq > $2 AND seq <= $3 AND outcome || '' = 'denied'";
/// How far behind a question may find the count and still bring it up to date itself.
const MOST_BEHIND: u64 = 20_000;
/// The same of when grants were last used: what is further behind is said not to be known.
const USES_BEHIND: u64 = 2000;
/// Characters of a trace in which its grants stand: stages before them are few and short.
const TRACE: usize = 1500;

/// Name of a vault, operation or reader of the log, by its number. The last one stands for all that have none.
type Number = u32;
const OTHERS: Number = Number::MAX;

/// How a record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sort {
    Of(Outcome),
    Challenge,
    /// What this reader was allowed to read of the log.
    Read(Number),
}

/// What a record counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    vault: Option<Number>,
    operation: Number,
    sort: Sort,
}

/// Stretches of one length.
#[derive(Debug)]
struct Stretches {
    width: i64,
    keep: i64,
    counts: BTreeMap<i64, HashMap<Key, u64>>,
    kept: usize,
    /// Everything from here on is counted.
    whole_from: i64,
}

impl Stretches {
    fn new((width, keep): (i64, i64)) -> Self {
        Self { width, keep, counts: BTreeMap::new(), kept: 0, whole_from: i64::MIN }
    }

    fn add(&mut self, at: i64, key: Key, records: u64) {
        let at = at.div_euclid(self.width).saturating_mul(self.width);
        if at < self.whole_from {
            return;
        }
        let count = self.counts.entry(at).or_default().entry(key).or_insert_with(|| {
            self.kept += 1;
            0
        });
        *count += records;
        let newest = self.counts.last_key_value().map_or(at, |(newest, _)| *newest);
        while let Some(oldest) = self.counts.first_entry() {
            if self.kept <= MAX_COUNTS && newest.saturating_sub(*oldest.key()) <= self.keep {
                break;
            }
            self.whole_from = oldest.key().saturating_add(self.width);
            self.kept -= oldest.remove().len();
        }
    }

    /// Whether stretches of that length from then until then are made of whole ones of these.
    fn can_tell(&self, from: i64, until: i64, stretch: i64) -> bool {
        let whole = |moment: i64| moment.rem_euclid(self.width) == 0;
        from >= self.whole_from && whole(from) && whole(until) && whole(stretch)
    }
}

/// Numbers for names, up to a limit.
#[derive(Debug)]
struct Names<T> {
    numbers: HashMap<T, Number>,
    most: usize,
    all: bool,
}

impl<T: std::hash::Hash + Eq> Names<T> {
    fn new(most: usize) -> Self {
        Self { numbers: HashMap::new(), most, all: true }
    }

    fn number(&mut self, name: T) -> Number {
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        match Number::try_from(self.numbers.len()) {
            Ok(number) if self.numbers.len() < self.most => {
                self.numbers.insert(name, number);
                number
            }
            _ => {
                self.all = false;
                OTHERS
            }
        }
    }

    /// The number of a name that was asked for: `Some(None)` for one that nothing is counted of, none where that cannot
    /// be told.
    fn find(&self, name: &T) -> Option<Option<Number>> {
        match self.numbers.get(name) {
            Some(number) => Some(Some(*number)),
            None => self.all.then_some(None),
        }
    }
}

/// What is counted by now.
#[derive(Debug)]
pub(crate) struct Tallies(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    /// Up to where each node's chain is.
    nodes: BTreeMap<String, u64>,
    stretches: [Stretches; 2],
    vaults: Names<String>,
    operations: Names<String>,
    readers: Names<PrincipalId>,
    denied: Denied,
    uses: UseCount,
    news: NewsCount,
}

/// Who was denied why, by minutes.
#[derive(Debug)]
struct Denied {
    counts: BTreeMap<i64, DenialCount>,
    sorts: usize,
    /// Everything from here on is counted.
    whole_from: i64,
}

impl Denied {
    fn add(&mut self, at: i64, body: DeniedBody) {
        let minute = at.div_euclid(MINUTE).saturating_mul(MINUTE);
        if minute < self.whole_from {
            return;
        }
        let counts = self.counts.entry(minute).or_default();
        if counts.add(body.principal, body.reason, body.count.unwrap_or(1), (body.id, at)) {
            self.sorts += 1;
        }
        let newest = self.counts.last_key_value().map_or(minute, |(newest, _)| *newest);
        while let Some(oldest) = self.counts.first_entry() {
            if self.sorts <= MOST_DENIED && newest.saturating_sub(*oldest.key()) <= DENIED_KEPT {
                break;
            }
            self.whole_from = oldest.key().saturating_add(MINUTE);
            self.sorts = self.sorts.saturating_sub(oldest.remove().sorts());
        }
    }

    /// Those since a moment, if they are all counted.
    fn since(&self, from: i64) -> Option<Denials> {
        let from = from.div_euclid(MINUTE).saturating_mul(MINUTE);
        if from < self.whole_from {
            return None;
        }
        let mut all = DenialCount::default();
        for (_, counts) in self.counts.range(from..) {
            all.add_all(counts);
        }
        Some(all.told(false))
    }
}

/// What of a denial is counted.
#[derive(Deserialize)]
struct DeniedBody {
    id: Uuid,
    #[serde(default)]
    principal: Option<PrincipalId>,
    reason: String,
    #[serde(default)]
    count: Option<u64>,
}

impl Default for Tallies {
    fn default() -> Self {
        Self(Mutex::new(Counted {
            nodes: BTreeMap::new(),
            stretches: WIDTHS.map(Stretches::new),
            vaults: Names::new(MAX_VAULTS),
            operations: Names::new(MAX_OPERATIONS),
            readers: Names::new(MAX_READERS),
            denied: Denied { counts: BTreeMap::new(), sorts: 0, whole_from: i64::MIN },
            uses: UseCount::default(),
            news: NewsCount::default(),
        }))
    }
}

impl Counted {
    fn add(&mut self, minute: i64, key: Key, records: u64) {
        for stretches in &mut self.stretches {
            stretches.add(minute.saturating_mul(MINUTE), key, records);
        }
    }

    /// What a filter takes, if that can be told.
    fn tell(&self, filter: &RecordFilter, stretch: i64) -> Option<Vec<Tally>> {
        let RecordFilter {
            outcome,
            vault,
            object: None,
            whole_name: _,
            concerns: None,
            principal: None,
            whole_principal: None,
            operation,
            reason: None,
            client: None,
            kind: None,
            changes_of_people: false,
            without,
            id: None,
            from: Some(from),
            until: Some(until),
            before: None,
            look_through: _,
            limit: _,
        } = filter
        else {
            return None;
        };
        let stretches = self.stretches.iter().rev().find(|kept| kept.can_tell(*from, *until, stretch))?;
        let vault = match vault {
            Some(vault) => Some(self.vaults.find(&rows::filter_text(vault))?),
            None => None,
        };
        let operation = match operation {
            Some(operation) => Some(self.operations.find(operation)?),
            None => None,
        };
        let reader = match &without.reads_of {
            Some(reader) => self.readers.find(reader)?,
            None => None,
        };
        let mut left_out = Vec::new();
        for operation in &without.allowed {
            left_out.extend(self.operations.find(operation)?);
        }
        // What was asked for and is nowhere takes none of them.
        let is_another = |wanted: Option<Option<Number>>, of: Option<Number>| {
            wanted.is_some_and(|wanted| wanted.is_none() || of != wanted)
        };
        if from >= until {
            return Some(Vec::new());
        }
        let mut told: BTreeMap<(i64, &str, bool), Tally> = BTreeMap::new();
        for (at, counts) in stretches.counts.range(*from..*until) {
            let from = at.div_euclid(stretch).saturating_mul(stretch);
            for (key, records) in counts {
                let (ended, is_left_out) = match key.sort {
                    Sort::Of(ended) => (ended, ended == Outcome::Allowed && left_out.contains(&key.operation)),
                    Sort::Challenge => (Outcome::Unauthenticated, without.challenges),
                    Sort::Read(by) => (Outcome::Allowed, reader == Some(by) || left_out.contains(&key.operation)),
                };
                let of_another = is_another(vault, key.vault) || is_another(operation, Some(key.operation));
                if is_left_out || of_another || outcome.is_some_and(|wanted| wanted != ended) {
                    continue;
                }
                let challenge = key.sort == Sort::Challenge;
                let none = Tally { from, outcome: ended, challenge, records: 0 };
                told.entry((from, ended.as_str(), challenge)).or_insert(none).records += records;
            }
        }
        Some(told.into_values().collect())
    }
}

impl Store {
    /// Counts what was recorded since the last time, in steps that keep nobody waiting. To be called every so often.
    ///
    /// # Errors
    /// When the database cannot say; the next call goes on from there.
    pub async fn count_log(&self) -> Result<(), StoreError> {
        loop {
            let mut counted = self.tallies.0.lock().await;
            if self.count_more(&mut counted, AT_ONCE).await? == 0 {
                return Ok(());
            }
            drop(counted);
            tokio::task::yield_now().await;
        }
    }

    /// What a filter takes, if that is counted, up to what is recorded now.
    pub(crate) async fn counted(&self, filter: &RecordFilter, stretch: i64) -> Result<Option<Vec<Tally>>, StoreError> {
        let mut counted = self.tallies.0.lock().await;
        // What is asked for is told by the log if it is nothing that is counted, or not yet.
        if counted.tell(filter, stretch).is_none() || self.count_more(&mut counted, MOST_BEHIND).await? > 0 {
            return Ok(None);
        }
        Ok(counted.tell(filter, stretch))
    }

    /// How often each principal was denied for each reason since a moment: as it is counted, or else as the newest records
    /// of the log say.
    pub(crate) async fn denied_since(&self, from: i64) -> Result<Denials, StoreError> {
        {
            let mut counted = self.tallies.0.lock().await;
            if counted.denied.since(from).is_some()
                && self.count_more(&mut counted, MOST_BEHIND).await? == 0
                && let Some(told) = counted.denied.since(from)
            {
                return Ok(told);
            }
        }
        let most = u64::try_from(MOST_FROM_LOG).unwrap_or(u64::MAX).saturating_add(1);
        let newest: Vec<(i64, String)> = audit_record::Entity::find()
            .select_only()
            .columns([audit_record::Column::At, audit_record::Column::Body])
            .filter(audit_record::Column::Outcome.eq(Outcome::Denied.as_str()))
            .filter(audit_record::Column::At.gte(from))
            .order_by_desc(audit_record::Column::At)
            .order_by_desc(audit_record::Column::Id)
            .limit(most)
            .into_tuple()
            .all(&self.log_reader)
            .await
            .map_err(|e| unavailable_or_long(&e))?;
        let in_part = newest.len() > MOST_FROM_LOG;
        let mut count = DenialCount::default();
        for (at, body) in newest.into_iter().take(MOST_FROM_LOG) {
            if let Ok(DeniedBody { id, principal, reason, count: records }) = serde_json::from_str(&body) {
                count.add(principal, reason, records.unwrap_or(1), (id, at));
            }
        }
        Ok(count.told(in_part))
    }

    /// Who asked for the first time since a moment, and from where; none while much is still to be counted.
    pub(crate) async fn news_since(&self, since: i64) -> Result<Option<News>, StoreError> {
        let mut counted = self.tallies.0.lock().await;
        let left = self.count_more(&mut counted, USES_BEHIND).await?;
        Ok(if left == 0 { counted.news.told(since) } else { None })
    }

    /// When grants were last used, up to what is recorded now; none while much is still to be counted.
    pub(crate) async fn used_lately(&self, grants: &[UsedGrant]) -> Result<Option<Uses>, StoreError> {
        let mut counted = self.tallies.0.lock().await;
        let left = self.count_more(&mut counted, USES_BEHIND).await?;
        Ok((left == 0).then(|| counted.uses.told(grants)))
    }

    /// Counts at most so many positions of each chain; how many are left.
    async fn count_more(&self, counted: &mut Counted, most: u64) -> Result<u64, StoreError> {
        let mut left: u64 = 0;
        for node in tree::nodes(&self.log_reader).await? {
            let Some((last, _)) = reading::head_of(&self.log_reader, &node).await? else { continue };
            let begun = counted.nodes.get(&node).copied().unwrap_or(0);
            let end = last.min(begun.saturating_add(most));
            let mut from = begun;
            while from < end {
                let to = end.min(from.saturating_add(AT_ONCE));
                self.count_stretch(counted, &node, from, to).await?;
                from = to;
                counted.nodes.insert(node.clone(), to);
            }
            left = left.saturating_add(last.saturating_sub(end));
        }
        Ok(left)
    }

    /// Counts the positions behind one up to another one. Either all of them are counted or none is.
    async fn count_stretch(&self, counted: &mut Counted, node: &str, after: u64, to: u64) -> Result<(), StoreError> {
        let number = |seq: u64| i64::try_from(seq).map_err(|e| crate::fault::damaged("audit chain", e));
        let (after, to) = (number(after)?, number(to)?);
        let ask = |sql: String| {
            let places = [node.into(), after.into(), to.into()];
            Statement::from_sql_and_values(self.log_reader.get_database_backend(), sql, places)
        };
        let found = self.log_reader.query_all_raw(ask(self.sorted())).await.map_err(|e| unavailable_or_long(&e))?;
        let denied =
            self.log_reader.query_all_raw(ask(DENIED.to_owned())).await.map_err(|e| unavailable_or_long(&e))?;
        let used = self.log_reader.query_all_raw(ask(self.newest_uses())).await.map_err(|e| unavailable_or_long(&e))?;
        for row in used {
            let body: Option<String> = row.try_get("", "body").unwrap_or_default();
            if let Some(record) = body.and_then(|body| serde_json::from_str::<Record>(&body).ok()) {
                counted.uses.add(&record);
            }
        }
        let seen = self.log_reader.query_all_raw(ask(self.first_seen())).await.map_err(|e| unavailable_or_long(&e))?;
        for row in seen {
            let (Ok(who), Ok(client), Ok(first)) = (
                row.try_get::<String>("", "who"),
                row.try_get::<String>("", "client"),
                row.try_get::<i64>("", "first"),
            ) else {
                continue;
            };
            if let Ok(principal) = serde_json::from_str(&who) {
                counted.news.add(principal, &client, first);
            }
        }
        for row in denied {
            let (Ok(at), Ok(body)) = (row.try_get::<i64>("", "at"), row.try_get::<String>("", "body")) else {
                continue;
            };
            if let Ok(body) = serde_json::from_str(&body) {
                counted.denied.add(at, body);
            }
        }
        for row in found {
            // What somebody edited so that it does not read is told by whoever verifies the log.
            let (Ok(minute), Ok(outcome), Ok(sort), Ok(records)) = (
                row.try_get::<i64>("", "minute"),
                row.try_get::<String>("", "outcome"),
                row.try_get::<i32>("", "sort"),
                row.try_get::<i64>("", "records"),
            ) else {
                continue;
            };
            let vault: Option<String> = row.try_get("", "vault").unwrap_or_default();
            let operation: String = row.try_get("", "operation").unwrap_or_default();
            let Some(outcome) = Outcome::parse(&outcome) else { continue };
            let sort = match sort {
                1 => Sort::Challenge,
                2 => {
                    let body: Option<String> = row.try_get("", "told").unwrap_or_default();
                    let record = body.and_then(|body| serde_json::from_str::<Record>(&body).ok());
                    match record.and_then(|record| record.principal) {
                        Some(reader) => Sort::Read(counted.readers.number(reader)),
                        None => Sort::Of(outcome),
                    }
                }
                _ => Sort::Of(outcome),
            };
            let vault = vault.map(|vault| counted.vaults.number(vault));
            let key = Key { vault, operation: counted.operations.number(operation), sort };
            counted.add(minute, key, u64::try_from(records).unwrap_or(0));
        }
        Ok(())
    }

    /// Of some positions, who asked from where, and when first: whoever a body names, as it stands there.
    pub(crate) fn first_seen(&self) -> String {
        let (position, client) = (self.position(), self.client());
        format!(
            r#"SELECT who, client, MIN(at) AS first FROM (
                 SELECT at, {client} AS client, substr(body, {position}(body, '"principal":') + 12,
                   {position}(body, ',"principal_kind":"') - {position}(body, '"principal":') - 12) AS who
                 FROM audit_records WHERE node = $1 AND seq > $2 AND seq <= $3 AND {position}(body, '"principal":') > 0
                   AND {position}(body, ',"principal_kind":"') > {position}(body, '"principal":') + 12
               ) found GROUP BY who, client"#
        )
    }

    /// Of some positions the last record of each operation with each grant. The database only tells them apart; what a
    /// record rested on, it says itself. By position alone: there may be many of other times. A body is long and is looked
    /// at once: what is made of it is made of the two pieces.
    pub(crate) fn newest_uses(&self) -> String {
        let position = self.position();
        let (role, policy) = (granted_by(position, "grants"), granted_by(position, "access-policy"));
        format!(
            r#"WITH found AS MATERIALIZED (
                 SELECT seq, vault, principal, substr(body, {position}(body, '"operation":"') + 13, 64) AS named,
                   substr(body, {position}(body, '"trace":['), {TRACE}) AS trace
                 FROM audit_records WHERE node = $1 AND seq > $2 AND seq <= $3 AND outcome || '' IN ('allowed', 'failed')
               ), granted AS MATERIALIZED (
                 SELECT seq, vault, principal, substr(named, 1, {position}(named || '"', '"') - 1) AS operation,
                   {role} AS role, {policy} AS policy FROM found
               ), newest AS (
                 SELECT MAX(seq) AS seq FROM granted WHERE role <> '' OR policy <> ''
                 GROUP BY operation, role, policy, CASE WHEN policy <> '' THEN vault END,
                   CASE WHEN policy <> '' THEN principal END
               ) SELECT r.body AS body FROM newest JOIN audit_records r ON r.node = $1 AND r.seq = newest.seq"#
        )
    }

    /// The records of some positions, counted by what they count as. The bodies of reads of the log are told, because
    /// who read stands there.
    pub(crate) fn sorted(&self) -> String {
        let (challenge, operation) = (self.challenge(), self.operation());
        let read = format!("(outcome = 'allowed' AND operation = '{}')", Action::AuditRead.operation());
        format!(
            "SELECT minute, outcome, vault, operation, CASE WHEN {read} THEN 2 ELSE challenge END AS sort, \
               CASE WHEN {read} THEN body END AS told, COUNT(*) AS records FROM (\
               SELECT CAST(at AS bigint) / {MINUTE} AS minute, outcome, vault, {operation} AS operation, body, \
                 CAST(CASE WHEN {challenge} THEN 1 ELSE 0 END AS integer) AS challenge \
               FROM audit_records WHERE node = $1 AND seq > $2 AND seq <= $3\
             ) found GROUP BY minute, outcome, vault, operation, challenge, CASE WHEN {read} THEN body END"
        )
    }
}

/// The grant that a stage of a trace names, or what stands there instead: as long as an id. Empty where the stage did not
/// allow. Inside a text of a body every quotation mark is escaped, so nothing that a caller wrote looks like this.
fn granted_by(position: &str, stage: &str) -> String {
    let stage = format!(r#""stage":"{stage}","effect":"allow""#);
    let from = format!("substr(trace, {position}(trace, '{stage}'))");
    format!(
        r#"CASE WHEN {position}(trace, '{stage}') > 0 THEN substr({from}, {position}({from}, '"detail":"') + 10, 36) ELSE '' END"#
    )
}
