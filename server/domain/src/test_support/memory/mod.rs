//! The storing ports in memory, faithful to their contracts, with faults to order. Here is the database with
//! its commits and its log; `stores` and `objects` read from it.
//!
//! A batch is applied to a copy of the durable image and the copy put in place at once: that moment
//! is the commit. What a fault does happens before or after it, as in a real database.

mod objects;
mod stores;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;

use super::image::Image;
use crate::{
    action::Action,
    names::InstallationId,
    permit::{Held, Permit},
    ports::{AppendError, AuditLog, StoreError},
    record::{
        ChainedRecord, Checkpoint, DenialCount, Denials, Entry, Folding, News, NewsCount, Outcome, Proof, Record,
        RecordFilter, Repeats, Settled, StretchToVerify, Tally, TreeCheckpoint, UseCount, UsedGrant, Uses,
        VerifiedChain, VerifiedStretch,
    },
    secret::Page,
};

/// What befalls one append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The database refuses; nothing happened.
    RolledBack,
    /// The connection breaks during the commit. It comes to its end, done or not, after a while;
    /// until then the database cannot say, and takes no other batch of this node.
    Ambiguous {
        /// Whether the commit happens in the end.
        done: bool,
        /// How long it stays undecided.
        after: Duration,
    },
    /// The adapter panics.
    Panic {
        /// After the commit, or before it.
        done: bool,
    },
    /// The commit takes this long, and then goes well.
    Slow(Duration),
    /// The commit goes well, and the adapter loses count of the answers.
    Miscounted,
    /// The append never comes back, and never happens.
    Hung,
}

struct Database {
    installation: InstallationId,
    durable: Mutex<Image>,
    disk_full: AtomicBool,
    jitter: AtomicU64,
}

/// One node's way to the database.
struct Node {
    name: String,
    faults: Mutex<VecDeque<Fault>>,
    silent: AtomicU32,
    undecided: AtomicBool,
    unread: AtomicBool,
    appending: AtomicU32,
    most_at_once: AtomicU32,
    appends: AtomicU32,
    listed: AtomicU32,
}

/// The store of one node.
#[derive(Clone)]
pub struct MemoryStore {
    database: Arc<Database>,
    node: Arc<Node>,
}

impl MemoryStore {
    /// A store that begins with what survived in `image`.
    #[must_use]
    pub fn new(installation: InstallationId, image: Image) -> Self {
        let database = Database {
            installation,
            durable: Mutex::new(image),
            disk_full: AtomicBool::new(false),
            jitter: AtomicU64::new(0),
        };
        Self::on(Arc::new(database), "node-1")
    }

    /// The same database as another node sees it.
    #[must_use]
    pub fn node(&self, name: &str) -> Self {
        Self::on(Arc::clone(&self.database), name)
    }

    fn on(database: Arc<Database>, name: &str) -> Self {
        let node = Node {
            name: name.to_owned(),
            faults: Mutex::default(),
            silent: AtomicU32::new(0),
            undecided: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            appending: AtomicU32::new(0),
            most_at_once: AtomicU32::new(0),
            appends: AtomicU32::new(0),
            listed: AtomicU32::new(0),
        };
        Self { database, node: Arc::new(node) }
    }

    /// How often all vaults were read.
    #[must_use]
    pub fn listed(&self) -> u32 {
        self.node.listed.load(Ordering::SeqCst)
    }

    /// What is durable at this moment: what a crash would leave.
    #[must_use]
    pub fn image(&self) -> Image {
        self.durable().clone()
    }

    /// Changes rows behind the product's back.
    pub fn meddle<T>(&self, with: impl FnOnce(&mut Image) -> T) -> T {
        with(&mut self.durable())
    }

    /// Keeps the log from being read, and not from being written.
    pub fn keep_log_unread(&self, unread: bool) {
        self.node.unread.store(unread, Ordering::SeqCst);
    }

    fn is_read(&self) -> Result<(), StoreError> {
        let unread = self.node.unread.load(Ordering::SeqCst);
        if unread { Err(StoreError::Unavailable("ordered".to_owned())) } else { Ok(()) }
    }

    /// Orders a fault for one of the next appends, in the order of the calls.
    pub fn order(&self, fault: Fault) {
        self.faults().push_back(fault);
    }

    /// Takes back faults that nothing met.
    pub fn clear_faults(&self) {
        self.faults().clear();
        self.set_disk_full(false);
        self.node.silent.store(0, Ordering::SeqCst);
    }

    /// While full, every append is rolled back; reads go on.
    pub fn set_disk_full(&self, full: bool) {
        self.database.disk_full.store(full, Ordering::SeqCst);
    }

    /// Fails the next `times` questions for what is durable.
    pub fn fall_silent(&self, times: u32) {
        self.node.silent.store(times, Ordering::SeqCst);
    }

    /// From now on every call takes between no time and a few milliseconds, by this seed.
    pub fn set_jitter(&self, seed: u64) {
        self.database.jitter.store(seed | 1, Ordering::SeqCst);
    }

    /// How many appends there were, and how many of one node were ever under way at once.
    #[must_use]
    pub fn appends(&self) -> (u32, u32) {
        (self.node.appends.load(Ordering::SeqCst), self.node.most_at_once.load(Ordering::SeqCst))
    }

    fn durable(&self) -> MutexGuard<'_, Image> {
        self.database.durable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, VecDeque<Fault>> {
        self.node.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pause(&self) {
        let state = self.database.jitter.load(Ordering::SeqCst);
        if state == 0 {
            return;
        }
        // Knuth's MMIX generator: reproducible, and good enough to shuffle.
        let next = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.database.jitter.store(next | 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis((next >> 33) % 4)).await;
    }

    fn commit(&self, batch: &[Entry]) -> Vec<Settled> {
        let mut durable = self.durable();
        let mut draft = durable.clone();
        let settled = draft.apply(self.database.installation.0.as_bytes(), &self.node.name, batch);
        *durable = draft;
        settled
    }

    async fn append_with(&self, fault: Option<Fault>, batch: Vec<Entry>) -> Result<Vec<Settled>, AppendError> {
        match fault {
            _ if self.node.undecided.load(Ordering::SeqCst) => {
                Err(AppendError::RolledBack("an undecided commit holds the chain's head".to_owned()))
            }
            _ if self.database.disk_full.load(Ordering::SeqCst) => {
                Err(AppendError::RolledBack("no space left on device".to_owned()))
            }
            None => Ok(self.commit(&batch)),
            Some(Fault::RolledBack) => Err(AppendError::RolledBack("ordered".to_owned())),
            Some(Fault::Slow(time)) => {
                tokio::time::sleep(time).await;
                Ok(self.commit(&batch))
            }
            Some(Fault::Miscounted) => {
                let mut settled = self.commit(&batch);
                settled.pop();
                Ok(settled)
            }
            Some(Fault::Hung) => std::future::pending().await,
            Some(Fault::Panic { done }) => {
                if done {
                    self.commit(&batch);
                }
                std::panic::resume_unwind(Box::new("ordered"))
            }
            Some(Fault::Ambiguous { done, after }) => {
                self.node.undecided.store(true, Ordering::SeqCst);
                let store = self.clone();
                let end = move || {
                    if done {
                        store.commit(&batch);
                    }
                    store.node.undecided.store(false, Ordering::SeqCst);
                };
                if after.is_zero() {
                    end();
                } else {
                    tokio::spawn(async move {
                        tokio::time::sleep(after).await;
                        end();
                    });
                }
                Err(AppendError::Ambiguous("the connection broke".to_owned()))
            }
        }
    }
}

#[async_trait]
impl AuditLog for MemoryStore {
    async fn append(&self, batch: Vec<Entry>) -> Result<Vec<Settled>, AppendError> {
        struct Leaving<'a>(&'a AtomicU32);
        impl Drop for Leaving<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        self.node.appends.fetch_add(1, Ordering::SeqCst);
        let now = self.node.appending.fetch_add(1, Ordering::SeqCst) + 1;
        let _leaving = Leaving(&self.node.appending);
        self.node.most_at_once.fetch_max(now, Ordering::SeqCst);
        let fault = self.faults().pop_front();
        self.pause().await;
        self.append_with(fault, batch).await
    }

    async fn durable(&self, records: &[Uuid]) -> Result<Vec<bool>, StoreError> {
        self.pause().await;
        let silent =
            self.node.silent.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if silent || self.node.undecided.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the database does not say".to_owned()));
        }
        let durable = self.durable();
        Ok(records.iter().map(|id| durable.record(*id).is_some()).collect())
    }

    async fn query(&self, permit: Permit, filter: RecordFilter) -> Held<Result<Page<Record>, StoreError>> {
        self.pause().await;
        if permit.action() != Action::AuditRead {
            return permit.hold(Err(StoreError::Damaged("a permit for something else".to_owned())));
        }
        if let Err(why) = self.is_read() {
            return permit.hold(Err(why));
        }
        let limit = filter.limit.clamp(1, 1000);
        let durable = self.durable();
        let begin = filter.before.map_or(Some(durable.log.len()), |id| durable.log.iter().position(|l| l.id == id));
        let newest_first = durable.log.iter().take(begin.unwrap_or(0)).rev().map(|l| &l.record);
        let mut items: Vec<Record> = newest_first.filter(|r| matches(&filter, r)).take(limit + 1).cloned().collect();
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|r| r.id.to_string());
        permit.hold(Ok(Page { items, next }))
    }

    async fn repeats(&self, permit: Permit, filter: RecordFilter) -> Held<Result<Page<Repeats>, StoreError>> {
        self.pause().await;
        if let Err(why) = self.is_read() {
            return permit.hold(Err(why));
        }
        let durable = self.durable();
        let begin = filter.before.map_or(Some(durable.log.len()), |id| durable.log.iter().position(|l| l.id == id));
        let newest_first = durable.log.iter().take(begin.unwrap_or(0)).rev().map(|l| &l.record);
        let mut folding = Folding::new(filter.limit.clamp(1, 1000));
        let mut last: Option<Uuid> = None;
        for record in newest_first.filter(|record| matches(&filter, record)) {
            if !folding.take(record.clone()) {
                return permit.hold(Ok(Page { items: folding.told(), next: last.map(|last| last.to_string()) }));
            }
            last = Some(record.id);
        }
        permit.hold(Ok(Page { items: folding.told(), next: None }))
    }

    async fn tally(
        &self,
        permit: Permit,
        filter: RecordFilter,
        stretch: i64,
    ) -> Held<Result<Option<Vec<Tally>>, StoreError>> {
        self.pause().await;
        if permit.action() != Action::AuditRead {
            return permit.hold(Err(StoreError::Damaged("a permit for something else".to_owned())));
        }
        if let Err(why) = self.is_read() {
            return permit.hold(Err(why));
        }
        let mut counts: BTreeMap<(i64, &str, bool), Tally> = BTreeMap::new();
        let durable = self.durable();
        for record in durable.log.iter().map(|logged| &logged.record).filter(|record| matches(&filter, record)) {
            let from = record.at.div_euclid(stretch.max(1)) * stretch.max(1);
            let (outcome, challenge) = (record.outcome, record.is_challenge());
            let tally = Tally { from, outcome, challenge, records: 0 };
            counts.entry((from, outcome.as_str(), challenge)).or_insert(tally).records += 1;
        }
        permit.hold(Ok(Some(counts.into_values().collect())))
    }

    async fn uses(&self, grants: &[UsedGrant]) -> Result<Option<Uses>, StoreError> {
        self.pause().await;
        self.is_read()?;
        let mut count = UseCount::default();
        self.durable().log.iter().for_each(|logged| count.add(&logged.record));
        Ok(Some(count.told(grants)))
    }

    async fn news(&self, permit: Permit, since: i64) -> Held<Result<Option<News>, StoreError>> {
        self.pause().await;
        if let Err(why) = self.is_read() {
            return permit.hold(Err(why));
        }
        let mut count = NewsCount::default();
        for Record { principal, client, at, .. } in self.durable().log.iter().map(|logged| &logged.record) {
            if let Some(principal) = principal {
                count.add(principal.clone(), client, *at);
            }
        }
        permit.hold(Ok(count.told(since)))
    }

    async fn denials(&self, permit: Permit, from: i64) -> Held<Result<Denials, StoreError>> {
        self.pause().await;
        if let Err(why) = self.is_read() {
            return permit.hold(Err(why));
        }
        let durable = self.durable();
        let mut count = DenialCount::default();
        let records = durable.log.iter().map(|logged| &logged.record);
        for record in records.filter(|record| record.outcome == Outcome::Denied && record.at >= from) {
            count.add(
                record.principal.clone(),
                record.reason.clone(),
                record.count.unwrap_or(1),
                (record.id, record.at),
            );
        }
        permit.hold(Ok(count.told(false)))
    }

    async fn chain(
        &self,
        permit: Permit,
        node: &str,
        after: u64,
        limit: usize,
    ) -> Held<Result<Vec<ChainedRecord>, StoreError>> {
        self.pause().await;
        let durable = self.durable();
        let of_node = durable.log.iter().filter(|logged| logged.node == node && logged.seq > after);
        let chained = of_node.map(|logged| ChainedRecord {
            seq: logged.seq,
            id: logged.id,
            record: String::from_utf8_lossy(&logged.body).into_owned(),
            head: logged.head,
        });
        permit.hold(Ok(chained.take(limit).collect()))
    }

    async fn verify_stretch(
        &self,
        permit: Permit,
        stretch: &StretchToVerify,
    ) -> Held<Result<VerifiedStretch, StoreError>> {
        self.pause().await;
        if let Err(why) = self.is_read() {
            return permit.hold(Err(why));
        }
        let durable = self.durable();
        let within = stretch.from..stretch.until;
        let mut told = VerifiedStretch::default();
        for logged in durable.log.iter().filter(|logged| within.contains(&logged.record.at)) {
            let (node, seq) = (logged.node.clone(), logged.seq);
            match told.chains.iter_mut().find(|chain| chain.node == node) {
                Some(chain) => (chain.last, chain.records) = (seq, chain.records + 1),
                None => told.chains.push(VerifiedChain { node, first: seq, last: seq, records: 1, covered: None }),
            }
        }
        permit.hold(Ok(told))
    }

    async fn checkpoint(&self, permit: Permit) -> Held<Result<Option<TreeCheckpoint>, StoreError>> {
        permit.hold(Ok(None))
    }

    async fn receipt(&self, permit: Permit, record: Uuid) -> Held<Result<Proof, StoreError>> {
        let known = self.durable().record(record).is_some();
        permit.hold(Ok(if known { Proof::NotYet } else { Proof::NoRecord }))
    }

    async fn receipts(&self, permit: Permit, records: &[Uuid]) -> Held<Result<Vec<Proof>, StoreError>> {
        let durable = self.durable();
        let proof = |id: &Uuid| if durable.record(*id).is_some() { Proof::NotYet } else { Proof::NoRecord };
        permit.hold(Ok(records.iter().map(proof).collect()))
    }

    async fn prove_writable(&self) -> Result<(), StoreError> {
        self.pause().await;
        if self.database.disk_full.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("no space left on device".to_owned()));
        }
        Ok(())
    }

    async fn chain_head(&self) -> Result<Option<(u64, [u8; 32])>, StoreError> {
        Ok(self.durable().head(&self.node.name))
    }

    async fn put_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        self.durable().checkpoints.push(checkpoint.clone());
        Ok(())
    }
}

fn matches(filter: &RecordFilter, record: &Record) -> bool {
    let contains = |wanted: &Option<String>, text: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| text.is_some_and(|t| t.contains(wanted)))
    };
    filter.outcome.is_none_or(|outcome| outcome == record.outcome)
        && filter.vault.as_ref().is_none_or(|vault| record.vault.as_ref() == Some(vault))
        && filter.operation.as_ref().is_none_or(|operation| record.operation == *operation)
        && filter.reason.as_ref().is_none_or(|reason| record.reason == *reason)
        && filter.client.is_none_or(|client| record.client == client.to_string())
        && filter.kind.is_none_or(|kind| record.kind.as_deref() == Some(kind.as_str()))
        && (!filter.changes_of_people || record.is_change_of_person())
        && !filter.without.leaves_out(record)
        && filter.id.as_ref().is_none_or(|id| id.ids().contains(&record.id))
        && filter.from.is_none_or(|from| record.at >= from)
        && filter.until.is_none_or(|until| record.at < until)
        && match filter.whole_name {
            true => filter.object.is_none() || filter.object == record.object,
            false => contains(&filter.object, record.object.as_deref()),
        }
        && (contains(&filter.concerns, record.object.as_deref()) || record.vault == filter.concerns)
        && contains(&filter.principal, record.principal.as_ref().map(|p| p.subject.as_str()))
        && (filter.whole_principal.is_none() || filter.whole_principal == record.principal)
}

/// At most `limit` of them, and the key of the last one where there are more.
fn page<T>(items: impl Iterator<Item = T>, limit: usize, key: impl Fn(&T) -> String) -> Page<T> {
    let mut items: Vec<T> = items.take(limit + 1).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| more).map(key);
    Page { items, next }
}
