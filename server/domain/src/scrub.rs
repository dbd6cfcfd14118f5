//! The scrub: the server looks at everything that is stored by itself, whether anybody asks for it or not, so that a row
//! that was edited is found before it is needed. What it does with each row is what `strongroom verify` does.
//!
//! A few rows at a time: whoever runs it decides how long it pauses between two portions. A round that was broken off
//! by the end of the process begins anew. It refuses nobody anything: a row that is wrong denies whoever comes by it.
//! Whether a row is the *last* one that was written is for the comparison with the log, which the server makes beside it.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use strongroom_crypto::Entropy;

use crate::{
    context::RequestContext,
    keyring::Keyring,
    ports::StoreError,
    principal::{Principal, PrincipalId},
    record::{NoRecord, Outcome, Record, Recorder},
    stored::{Inspector, Seen, StoredRows, StoredWalk, Verdict},
    time::{Clock, uuid_v7},
};

/// Name of the system principal in records.
pub const PRINCIPAL: &str = "scrub";
/// Operation of the record of a whole round.
pub const ROUND: &str = "Scrub";
/// Operation of the record of one row.
pub const FINDING: &str = "ScrubFinding";
/// Why, in both.
const REASON: &str = "tampered";
/// Why, of a row that is authentic and not the one that the log tells of.
const PUT_BACK: &str = "not-as-recorded";
/// Detail of a round's record: the first row that is wrong.
const FIRST: &str = "first";
/// Most rows of a round that are named one by one.
const MAX_NAMED: u64 = 100;
/// Most rows that are known to be on record already; beyond, they are told again.
const MAX_TOLD: usize = 1000;

/// What a round found, or has found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// When the round began, Unix milliseconds.
    pub began: i64,
    /// Rows that are what was written.
    pub authentic: u64,
    /// Values that open at their places.
    pub opened: u64,
    /// Rows that are not.
    pub wrong: u64,
    /// Rows in vaults whose own row is wrong, which nobody can check.
    pub closed: u64,
    /// The first of those that are wrong, for people.
    pub first: Option<String>,
}

impl Scrubbed {
    /// What is wrong, in a sentence; none when nothing is.
    #[must_use]
    pub fn finding(&self) -> Option<String> {
        let first = self.first.as_deref()?;
        Some(match self.wrong {
            0 | 1 => format!("{first} is not what was written there"),
            more => format!("{first} and {} other rows are not what was written there", more.saturating_sub(1)),
        })
    }
}

/// How far a round is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more.
    Going(Scrubbed),
    /// That was all.
    Done(Scrubbed),
}

/// Who writes the scrub's records.
#[must_use]
pub fn principal() -> PrincipalId {
    Principal::system(PRINCIPAL).id
}

/// What the record of a round says was found; none when nothing is wrong.
#[must_use]
pub fn finding_of(record: &Record) -> Option<String> {
    let first = record.details.get(FIRST).cloned();
    (record.outcome != Outcome::Allowed).then(|| {
        let wrong = record.count.unwrap_or(1);
        Scrubbed { wrong, first: first.or_else(|| Some("a row".to_owned())), ..Scrubbed::default() }
            .finding()
            .unwrap_or_default()
    })
}

/// Puts findings on record, each once since the start of the process.
pub struct Findings {
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    told: BTreeSet<String>,
}

impl Findings {
    /// Nothing is told yet.
    #[must_use]
    pub fn new(recorder: Recorder, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { recorder, clock, entropy, told: BTreeSet::new() }
    }

    /// Puts it on record that a row is not the one that the log tells of: `row` says which one and what is wrong, and
    /// nothing of what stands in it. What could not be written is told when it is found again.
    pub async fn tell_put_back(&mut self, row: &str) {
        self.tell(row, PUT_BACK, |_| {}).await;
    }

    async fn tell(&mut self, row: &str, reason: &str, fill: impl FnOnce(&mut Record)) {
        if self.told.contains(row) {
            return;
        }
        let written = self
            .write(FINDING, |record| {
                fill(record);
                record.detail("row", row);
                record.outcome = Outcome::Failed;
                reason.clone_into(&mut record.reason);
            })
            .await;
        if written {
            if self.told.len() >= MAX_TOLD {
                self.told.clear();
            }
            self.told.insert(row.to_owned());
        }
    }

    async fn write(&self, operation: &str, fill: impl FnOnce(&mut Record)) -> bool {
        match self.try_write(operation, fill).await {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(%error, operation, "what the scrub found could not be put on record yet");
                false
            }
        }
    }

    async fn try_write(&self, operation: &str, fill: impl FnOnce(&mut Record)) -> Result<(), NoRecord> {
        let now = self.clock.now_millis();
        let id = uuid_v7(now, &*self.entropy).map_err(|_| NoRecord::NotWritten)?;
        let principal = Arc::new(Principal::system(PRINCIPAL));
        let ctx = RequestContext::new(id, principal, IpAddr::V4(Ipv4Addr::LOCALHOST), "internal", now);
        let mut record = Record::of(&ctx, operation);
        fill(&mut record);
        self.recorder.note_event(record).await
    }
}

struct Round {
    walk: Box<dyn StoredWalk>,
    inspector: Inspector,
    so_far: Scrubbed,
}

/// Round after round.
pub struct Scrub {
    rows: Arc<dyn StoredRows>,
    keyring: Arc<Keyring>,
    findings: Findings,
    round: Option<Round>,
    /// Whether the last record of a round says that something is wrong.
    wrong_before: bool,
}

impl Scrub {
    /// A scrub that has not begun yet. `wrong_before`: the newest record of a round, of whichever process, tells of
    /// something wrong, so that its end is on record as well.
    #[must_use]
    pub fn new(rows: Arc<dyn StoredRows>, keyring: Arc<Keyring>, findings: Findings, wrong_before: bool) -> Self {
        Self { rows, keyring, findings, round: None, wrong_before }
    }

    /// Looks at the next few rows; begins a round when none is under way. What is wrong is in the server's log and on
    /// record when this returns, each row once since the start of the process.
    ///
    /// # Errors
    /// When the database or the root key's token does not answer: the next call goes on, or begins anew.
    pub async fn portion(&mut self) -> Result<Progress, StoreError> {
        let mut round = self.round.take().unwrap_or_else(|| Round {
            walk: self.rows.walk(),
            inspector: Inspector::new(Arc::clone(&self.keyring), Arc::clone(&self.rows)),
            so_far: Scrubbed { began: self.findings.clock.now_millis(), ..Scrubbed::default() },
        });
        let portion = match round.walk.portion().await {
            Ok(portion) => portion,
            Err(error) => {
                self.round = Some(round);
                return Err(error);
            }
        };
        let Some(portion) = portion else {
            self.conclude(&round.so_far).await;
            return Ok(Progress::Done(round.so_far));
        };
        for found in portion {
            let seen = round.inspector.inspect(found).await?;
            self.take(&mut round.so_far, &seen).await;
        }
        let so_far = round.so_far.clone();
        self.round = Some(round);
        Ok(Progress::Going(so_far))
    }

    async fn take(&mut self, so_far: &mut Scrubbed, seen: &Seen) {
        match seen.verdict {
            Verdict::Authentic { opened } => {
                so_far.authentic = so_far.authentic.saturating_add(1);
                so_far.opened = so_far.opened.saturating_add(u64::from(opened));
            }
            Verdict::Closed => so_far.closed = so_far.closed.saturating_add(1),
            // The comparison with the log names a vault that is missing; one that was purged meanwhile is no finding.
            Verdict::Orphan | Verdict::Left => {}
            Verdict::Wrong => {
                so_far.wrong = so_far.wrong.saturating_add(1);
                let row = seen.to_string();
                if so_far.wrong <= MAX_NAMED {
                    tracing::error!(%row, "a stored row is not what was written there: it was edited, moved, or is damaged");
                    self.tell(seen, &row).await;
                }
                so_far.first.get_or_insert(row);
            }
        }
    }

    async fn tell(&mut self, seen: &Seen, row: &str) {
        let (object, version) = seen.object();
        self.findings
            .tell(row, REASON, |record| {
                record.vault = seen.vault.as_ref().map(|vault| vault.as_str().to_owned());
                record.kind = Some(seen.kind.as_str().to_owned());
                record.object = object.map(str::to_owned);
                record.version = version.map(str::to_owned);
            })
            .await;
    }

    /// Of rounds that find nothing only the first after one that found something is on record.
    async fn conclude(&mut self, found: &Scrubbed) {
        let is_wrong = found.wrong > 0;
        if !is_wrong {
            self.findings.told.clear();
        }
        if !is_wrong && !self.wrong_before {
            return;
        }
        if is_wrong {
            tracing::error!(
                found.wrong,
                found.closed,
                found.authentic,
                "stored rows are not what was written there; `strongroom verify` names them all"
            );
        }
        let written = self
            .findings
            .write(ROUND, |record| {
                record.detail("authentic", found.authentic);
                record.detail("opened", found.opened);
                record.detail("closed", found.closed);
                (record.outcome, record.reason) = match &found.first {
                    None => (Outcome::Allowed, "ok".to_owned()),
                    Some(first) => {
                        record.detail(FIRST, first);
                        record.count = Some(found.wrong);
                        (Outcome::Failed, REASON.to_owned())
                    }
                };
            })
            .await;
        self.wrong_before = is_wrong || !written;
    }
}
