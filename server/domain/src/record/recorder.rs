//! The recorder: the only place where a [`Held`] outcome opens, and only behind a durable record.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use strongroom_crypto::Entropy;
use uuid::Uuid;

use crate::{
    change::PermittedChange,
    context::RequestContext,
    decision::{Denial, STEP_UP, Stage, asks_for_step_up, lifetime},
    permit::Held,
    principal::Principal,
    record::{Committer, Entry, NoRecord, Outcome, Record, Settled},
    time::{Clock, uuid_v7},
};

/// How long between two tries whether the log can be written, when nobody else tries.
const RESUME_PAUSE: Duration = Duration::from_millis(700);

/// Why something failed or was denied because a row is not what was written there.
const TAMPERED: &str = "tampered";

/// Tells the recorder how an outcome went without giving it away.
pub trait HowItWent {
    /// Outcome and machine-readable reason.
    fn how(&self) -> (Outcome, &str);
}

impl<T, E: HowItWent> HowItWent for Result<T, E> {
    fn how(&self) -> (Outcome, &str) {
        match self {
            Ok(_) => (Outcome::Allowed, "ok"),
            Err(error) => error.how(),
        }
    }
}

impl HowItWent for Denial {
    fn how(&self) -> (Outcome, &str) {
        (Outcome::Denied, self.reason.code())
    }
}

/// What became of a denial that opens a request for approval.
pub(crate) enum Denied {
    /// Both are on record.
    Told(Denial),
    /// The request could not be written, and nothing was.
    NotWritten(Held<Denial>),
}

/// Writes records and releases what they cover.
#[derive(Clone)]
pub struct Recorder {
    committer: Committer,
    clock: Arc<dyn Clock>,
}

impl Recorder {
    /// A recorder over the node's committer.
    #[must_use]
    pub fn new(committer: Committer, clock: Arc<dyn Clock>) -> Self {
        Self { committer, clock }
    }

    /// A steadily rising count of microseconds, for durations only.
    pub(crate) fn ticks_micros(&self) -> u64 {
        self.clock.ticks_micros()
    }

    /// The time it is, Unix milliseconds.
    pub(crate) fn now_millis(&self) -> i64 {
        self.clock.now_millis()
    }

    /// Whether commits work: what readiness shows.
    #[must_use]
    pub fn health(&self) -> &super::CommitterHealth {
        self.committer.health()
    }

    /// Tries about once a second whether the log can be written; while commits fail, by a record that says when the log
    /// went on. Otherwise a node that is not ready gets no request, and so never finds out that the disk
    /// has room again. Never returns; `app` runs it and ends it at shutdown.
    pub async fn resume_when_possible(&self, entropy: &dyn Entropy) {
        loop {
            tokio::time::sleep(RESUME_PAUSE).await;
            if !self.health().is_failing() {
                self.committer.look().await;
                continue;
            }
            let now = self.clock.now_millis();
            let Ok(id) = uuid_v7(now, entropy) else { continue };
            let principal = Arc::new(Principal::system("recorder"));
            let ctx = RequestContext::new(id, principal, IpAddr::V4(Ipv4Addr::LOCALHOST), "internal", now);
            let mut record = Record::of(&ctx, "AuditResume");
            record.outcome = Outcome::Allowed;
            "ok".clone_into(&mut record.reason);
            if self.note(&ctx, record).await.is_ok() {
                tracing::info!(record = %id, "audit records can be written again");
            }
        }
    }

    /// Records how a held outcome went, and opens it once the record is durable.
    ///
    /// # Errors
    /// [`NoRecord`]; what was held is gone unseen.
    pub async fn release<T: HowItWent>(
        &self,
        ctx: &RequestContext,
        mut record: Record,
        held: Held<T>,
    ) -> Result<T, NoRecord> {
        held.inspect(|outcome| {
            let (outcome, reason) = outcome.how();
            record.outcome = outcome;
            reason.clone_into(&mut record.reason);
        });
        if record.outcome != Outcome::Allowed {
            record.revision = None;
            record.vault_change = None;
            // Nothing came of what they tell.
            record.details.clear();
            record.attached.clear();
        }
        of_one_request(ctx, &record, &[held.request_id()])?;
        match self.write(ctx, record, None).await? {
            Settled::Recorded => Ok(held.open()),
            Settled::Conflict | Settled::Refused => Err(NoRecord::NotWritten),
        }
    }

    /// Records a denial together with the request for approval that it opens, and opens the denial. When the request
    /// cannot be written nothing happened, and the denial is as it was.
    pub(crate) async fn deny(
        &self,
        ctx: &RequestContext,
        mut record: Record,
        change: PermittedChange,
        denial: Held<Denial>,
    ) -> Result<Denied, NoRecord> {
        denial.inspect(|denial| {
            let (outcome, reason) = denial.how();
            record.outcome = outcome;
            reason.clone_into(&mut record.reason);
        });
        record.changed = change.rows();
        of_one_request(ctx, &record, &[denial.request_id(), change.permit().request_id()])?;
        match self.write(ctx, record, Some(change)).await? {
            Settled::Recorded => Ok(Denied::Told(denial.open())),
            Settled::Conflict => Ok(Denied::NotWritten(denial)),
            Settled::Refused => Err(NoRecord::NotWritten),
        }
    }

    /// Makes a change and its record durable, and opens the answer. `None` when the object changed
    /// after it was judged: then nothing happened, nothing is recorded, and the request is judged anew.
    ///
    /// # Errors
    /// [`NoRecord`]; with [`NoRecord::NotWritten`] the change did not happen.
    pub async fn commit<T>(
        &self,
        ctx: &RequestContext,
        mut record: Record,
        change: PermittedChange,
        held: Held<T>,
    ) -> Result<Option<T>, NoRecord> {
        record.outcome = Outcome::Allowed;
        "ok".clone_into(&mut record.reason);
        record.changed = change.rows();
        record.used_once = change.used_once();
        of_one_request(ctx, &record, &[held.request_id(), change.permit().request_id()])?;
        match self.write(ctx, record, Some(change)).await? {
            Settled::Recorded => Ok(Some(held.open())),
            Settled::Conflict => Ok(None),
            Settled::Refused => Err(NoRecord::NotWritten),
        }
    }

    /// The same for a change that was made of something that was read under the permit: opens what is held, makes the
    /// change durable with its record, and opens the answer. What failed meanwhile is recorded as failed.
    ///
    /// # Errors
    /// [`NoRecord`]; with [`NoRecord::NotWritten`] the change did not happen.
    pub async fn commit_held<T, E: HowItWent>(
        &self,
        ctx: &RequestContext,
        record: Record,
        held: Held<Result<(PermittedChange, Held<T>), E>>,
    ) -> Result<Result<Option<T>, E>, NoRecord> {
        let request_id = held.request_id();
        match held.open() {
            Ok((change, answer)) => Ok(Ok(self.commit(ctx, record, change, answer).await?)),
            Err(why) => {
                let held = Held::without_permit(request_id, Err::<Option<T>, E>(why));
                self.release(ctx, record, held).await
            }
        }
    }

    /// Records a request that never reached the gate: malformed, unauthenticated, not routed.
    ///
    /// # Errors
    /// [`NoRecord`].
    pub async fn note(&self, ctx: &RequestContext, record: Record) -> Result<(), NoRecord> {
        of_one_request(ctx, &record, &[])?;
        match self.write(ctx, record, None).await? {
            Settled::Recorded => Ok(()),
            Settled::Conflict | Settled::Refused => Err(NoRecord::NotWritten),
        }
    }

    /// Records something that is not a request: a count of floods, a start, a stop.
    ///
    /// # Errors
    /// [`NoRecord`].
    pub async fn note_event(&self, record: Record) -> Result<(), NoRecord> {
        match self.committer.submit(Entry { record, change: None }).await? {
            Settled::Recorded => Ok(()),
            Settled::Conflict | Settled::Refused => Err(NoRecord::NotWritten),
        }
    }

    async fn write(
        &self,
        ctx: &RequestContext,
        mut record: Record,
        change: Option<PermittedChange>,
    ) -> Result<Settled, NoRecord> {
        if ctx.is_recorded() {
            tracing::error!(request = %ctx.request_id, "a request asks for a second record");
            return Err(NoRecord::NotWritten);
        }
        record.duration_micros = match ctx.began {
            Some(began) => self.clock.ticks_micros().saturating_sub(began),
            None => self.clock.now_millis().saturating_sub(ctx.now).max(0).unsigned_abs().saturating_mul(1000),
        };
        let lifted_by_sign_in = record.outcome == Outcome::Denied && asks_for_step_up(&record.trace);
        if record.reason == TAMPERED {
            let Record { vault, kind, object, version, operation, .. } = &record;
            tracing::error!(
                decision = %record.id,
                operation,
                vault,
                kind,
                object,
                version,
                "a stored row fails its authentication: `strongroom verify` names every one"
            );
        }
        let reason = if lifted_by_sign_in { STEP_UP } else { &record.reason };
        record.status = record.status.or_else(|| ctx.status_of(record.outcome, reason));
        record.trace_digest = digest(&record.trace);
        let status = record.status;
        let lifetime = (record.outcome == Outcome::Allowed).then(|| lifetime(&record.trace)).flatten();
        let fate = self.committer.submit(Entry { record, change }).await;
        // With an unknown fate too: a second record of this id could be taken for the first.
        if matches!(fate, Ok(Settled::Recorded) | Err(NoRecord::Unknown)) {
            ctx.mark_recorded(status);
            ctx.limit_lifetime(lifetime);
        }
        fate
    }
}

/// A record opens what it tells of and nothing else.
fn of_one_request(ctx: &RequestContext, record: &Record, held: &[Uuid]) -> Result<(), NoRecord> {
    if record.id == ctx.request_id && held.iter().all(|id| *id == ctx.request_id) {
        Ok(())
    } else {
        tracing::error!(request = %ctx.request_id, "a record is of another request than what it should open");
        Err(NoRecord::NotWritten)
    }
}

fn digest(trace: &[Stage]) -> Option<String> {
    if trace.is_empty() {
        return None;
    }
    let json = serde_json::to_vec(trace).ok()?;
    Some(data_encoding::HEXLOWER.encode(&strongroom_crypto::sha256(&json)))
}

impl Record {
    /// The part of a record that every request has.
    #[must_use]
    pub fn of(ctx: &RequestContext, operation: &str) -> Self {
        let anonymous = ctx.principal.is_anonymous();
        Self {
            id: ctx.request_id,
            at: ctx.now,
            principal: (!anonymous).then(|| ctx.principal.id.clone()),
            principal_kind: if anonymous { "anonymous" } else { ctx.principal.kind.as_str() }.to_owned(),
            claims: ctx.principal.claims.clone(),
            groups: Vec::new(),
            client: ctx.client.to_canonical().to_string(),
            listener: ctx.listener.clone().into_owned(),
            operation: operation.to_owned(),
            vault: None,
            kind: None,
            object: None,
            version: None,
            algorithm: None,
            revision: None,
            changed: Vec::new(),
            used_once: None,
            vault_change: None,
            details: BTreeMap::new(),
            outcome: Outcome::Failed,
            reason: String::new(),
            stated_reason: ctx.stated_reason().map(str::to_owned),
            status: None,
            count: None,
            duration_micros: 0,
            trace: Vec::new(),
            module_micros: BTreeMap::new(),
            trace_digest: None,
            settings_revision: None,
            policies_revision: None,
            attached: Vec::new(),
            input: None,
        }
    }
}
