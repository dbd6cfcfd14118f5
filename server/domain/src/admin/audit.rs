//! Use cases of the audit log: reading it.

use uuid::Uuid;

use super::{AdminError, Administration};
use crate::{
    action::Action,
    context::RequestContext,
    gate::{Ask, Case},
    places::{Place, Places},
    ports::MAX_CHAIN_PAGE,
    principal::PrincipalId,
    record::{
        ChainedRecord, Denials, News, Proof, Receipt, Record, RecordFilter, Repeats, StretchToVerify, Tally,
        TreeCheckpoint, VerifiedStretch,
    },
    secret::Page,
};

/// Most stretches of time of a tally.
pub const MAX_STRETCHES: i64 = 1000;
/// Most receipts that are given at once.
pub const MAX_RECEIPTS: usize = 200;
/// How many look through the records at once.
const LOOKS: usize = 2;

/// The places of those who look through the records: a caller has one at a time.
#[derive(Clone)]
pub struct Looks(Places);

impl Default for Looks {
    fn default() -> Self {
        Self(Places::new(LOOKS))
    }
}

impl Looks {
    /// A place, once the caller has none and there is one; none when that takes too long.
    pub async fn enter(&self, caller: &PrincipalId) -> Option<Place> {
        self.0.enter(caller).await
    }
}

impl Administration {
    /// Audit records, newest first.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn query_audit(&self, ctx: &RequestContext, filter: RecordFilter) -> Result<Page<Record>, AdminError> {
        let (case, _place) = self.look(ctx).await?;
        let held = self.audit.query(case.permit, filter).await.map(|page| page.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Audit records, newest first, with those in one line that say the same of the same.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn repeats(&self, ctx: &RequestContext, filter: RecordFilter) -> Result<Page<Repeats>, AdminError> {
        let (case, _place) = self.look(ctx).await?;
        let held = self.audit.repeats(case.permit, filter).await.map(|page| page.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// How many records a filter takes, by outcome and by stretches of so many milliseconds. The filter
    /// says from when until when, and these are at most [`MAX_STRETCHES`] stretches. None where more would have to be
    /// looked through for it than the filter says.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn tally_audit(
        &self,
        ctx: &RequestContext,
        filter: RecordFilter,
        stretch: i64,
    ) -> Result<Option<Vec<Tally>>, AdminError> {
        let bounded = filter
            .from
            .zip(filter.until)
            .is_some_and(|(from, until)| stretch > 0 && until.saturating_sub(from) / stretch <= MAX_STRETCHES);
        if !bounded {
            return Err(AdminError::Invalid("a tally is of a bounded time, in at most 1000 stretches"));
        }
        let (case, _place) = self.look(ctx).await?;
        let held = self.audit.tally(case.permit, filter, stretch).await.map(|tally| tally.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// How often each principal was denied for each reason since a moment (Unix milliseconds, to the minute).
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn denials(&self, ctx: &RequestContext, from: i64) -> Result<Denials, AdminError> {
        let (case, _place) = self.look(ctx).await?;
        let held = self.audit.denials(case.permit, from).await.map(|found| found.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Who asked for the first time since a moment (Unix milliseconds), and from where; none where that is not known.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn news(&self, ctx: &RequestContext, since: i64) -> Result<Option<News>, AdminError> {
        let (case, _place) = self.look(ctx).await?;
        let held = self.audit.news(case.permit, since).await.map(|found| found.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Records of a node's chain as they are chained, for keeping and for checking elsewhere.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn read_chain(
        &self,
        ctx: &RequestContext,
        node: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ChainedRecord>, AdminError> {
        let (case, _place) = self.look(ctx).await?;
        let limit = limit.clamp(1, MAX_CHAIN_PAGE);
        let held = self.audit.chain(case.permit, node, after, limit).await.map(|page| page.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Verifies the records of a stretch of time. Which one is on record.
    ///
    /// # Errors
    /// [`AdminError`]. What is wrong with the log is in what was found.
    pub async fn verify_audit(
        &self,
        ctx: &RequestContext,
        stretch: &StretchToVerify,
    ) -> Result<VerifiedStretch, AdminError> {
        let (mut case, _place) = self.look(ctx).await?;
        case.record.detail("verified_from", stretch.from);
        case.record.detail("verified_until", stretch.until);
        let held = self.audit.verify_stretch(case.permit, stretch).await.map(|found| found.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// The newest signed checkpoint of the whole log, if there is one.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn audit_checkpoint(&self, ctx: &RequestContext) -> Result<Option<TreeCheckpoint>, AdminError> {
        let case = self.admit(ctx, Ask::server(Action::AuditRead)).await?;
        let held = self.audit.checkpoint(case.permit).await.map(|found| found.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// The receipt of a record.
    ///
    /// # Errors
    /// [`AdminError`]; [`AdminError::NotCovered`] for a moment after the record was written.
    pub async fn receipt(&self, ctx: &RequestContext, record: Uuid) -> Result<Receipt, AdminError> {
        let mut case = self.admit(ctx, Ask::server(Action::AuditRead)).await?;
        case.record.object = Some(record.to_string());
        let held = self.audit.receipt(case.permit, record).await.map(|proof| match proof? {
            Proof::Covered(receipt) => Ok(*receipt),
            Proof::NotYet => Err(AdminError::NotCovered),
            Proof::NoRecord => Err(AdminError::RecordNotFound),
        });
        self.recorder.release(ctx, case.record, held).await?
    }

    /// What is known of the proofs of several records, in their order; at most [`MAX_RECEIPTS`].
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn receipts(&self, ctx: &RequestContext, records: &[Uuid]) -> Result<Vec<Proof>, AdminError> {
        if records.len() > MAX_RECEIPTS {
            return Err(AdminError::Invalid("at most 200 receipts are given at once"));
        }
        let (mut case, _place) = self.look(ctx).await?;
        case.record.detail("receipts", records.len());
        let held = self.audit.receipts(case.permit, records).await.map(|proofs| proofs.map_err(AdminError::from));
        self.recorder.release(ctx, case.record, held).await?
    }

    /// Leave to look through the records, and a place to do it.
    pub(super) async fn look(&self, ctx: &RequestContext) -> Result<(Case, Place), AdminError> {
        let case = self.admit(ctx, Ask::server(Action::AuditRead)).await?;
        match self.looks.enter(&ctx.principal.id).await {
            Some(place) => Ok((case, place)),
            None => Err(self.refuse(ctx, case, AdminError::Busy).await),
        }
    }
}
