//! The recorder: the only place where a [`Held`] outcome opens, and only behind a durable record.

use std::sync::Arc;

use crate::{
    change::PermittedChange,
    context::RequestContext,
    permit::Held,
    record::{Committer, Entry, NoRecord, Outcome, Record, Settled},
    time::Clock,
};

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

impl HowItWent for crate::decision::Denial {
    fn how(&self) -> (Outcome, &str) {
        (Outcome::Denied, self.reason.code())
    }
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

    /// Whether commits work: what readiness shows.
    #[must_use]
    pub fn health(&self) -> &super::CommitterHealth {
        self.committer.health()
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
        }
        self.write(ctx, record, None).await?;
        Ok(held.open())
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
        match self.write(ctx, record, Some(change)).await? {
            Settled::Recorded => Ok(Some(held.open())),
            Settled::Conflict => Ok(None),
        }
    }

    /// Records a request that never reached the gate: malformed, unauthenticated, not routed.
    ///
    /// # Errors
    /// [`NoRecord`].
    pub async fn note(&self, ctx: &RequestContext, record: Record) -> Result<(), NoRecord> {
        self.write(ctx, record, None).await.map(|_| ())
    }

    /// Records something that is not a request: a count of floods, a start, a stop.
    ///
    /// # Errors
    /// [`NoRecord`].
    pub async fn note_event(&self, record: Record) -> Result<(), NoRecord> {
        self.committer.submit(Entry { record, change: None }).await.map(|_| ())
    }

    async fn write(
        &self,
        ctx: &RequestContext,
        mut record: Record,
        change: Option<PermittedChange>,
    ) -> Result<Settled, NoRecord> {
        let elapsed = self.clock.now_millis().saturating_sub(ctx.now).max(0);
        record.duration_micros = elapsed.unsigned_abs().saturating_mul(1000);
        let settled = self.committer.submit(Entry { record, change }).await?;
        if settled == Settled::Recorded {
            ctx.mark_recorded();
        }
        Ok(settled)
    }
}

impl Record {
    /// The part of a record that every request has.
    #[must_use]
    pub fn of(ctx: &RequestContext, operation: &str) -> Self {
        let anonymous = ctx.principal.id.issuer.is_empty();
        Self {
            id: ctx.request_id,
            at: ctx.now,
            principal: (!anonymous).then(|| ctx.principal.id.clone()),
            principal_kind: if anonymous { "anonymous" } else { ctx.principal.kind.as_str() }.to_owned(),
            client: ctx.client.to_canonical().to_string(),
            listener: ctx.listener.to_owned(),
            operation: operation.to_owned(),
            vault: None,
            kind: None,
            object: None,
            version: None,
            revision: None,
            outcome: Outcome::Failed,
            reason: String::new(),
            status: None,
            count: None,
            duration_micros: 0,
            trace: Vec::new(),
            settings_revision: None,
            input: None,
        }
    }
}
