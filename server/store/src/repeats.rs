//! Records of the log gone through one by one, newest first, and folded where they say the same. Bounded: a page goes
//! through so many records and so many bytes, and the next one goes on from there.

use futures_util::TryStreamExt;
use strongroom_domain::{
    ports::StoreError,
    record::{Folding, MAX_FOLDED, Record, RecordFilter, Repeats},
    secret::Page,
};
use uuid::Uuid;

use crate::{
    Store,
    audit::MAX_PAGE,
    decoding::{FoundRow, kept},
    entity::audit_record,
    fault::unavailable_or_long,
    rows,
};

/// Most bytes of records that are folded for a page.
const MAX_FOLDED_BYTES: usize = 16 * 1024 * 1024;

impl Store {
    /// A page of lines.
    pub(crate) async fn folded(&self, filter: &RecordFilter) -> Result<Page<Repeats>, StoreError> {
        let mut folding = Folding::new(filter.limit.clamp(1, MAX_PAGE));
        let bounds = (MAX_FOLDED, MAX_FOLDED_BYTES);
        let next = self.go_through(filter, bounds, |record| folding.take(record)).await?;
        Ok(Page { items: folding.told(), next })
    }

    /// Gives the records that a filter takes, newest first, until there were so many, or so many bytes of them, or one was
    /// not taken. Tells the last one that was, where there may be more.
    pub(crate) async fn go_through(
        &self,
        filter: &RecordFilter,
        (most, most_bytes): (usize, usize),
        mut take: impl FnMut(Record) -> bool + Send,
    ) -> Result<Option<String>, StoreError> {
        let Some((query, looked_to)) = self.newest_first(filter, most).await? else { return Ok(None) };
        let query = query.into_model::<FoundRow<audit_record::Entity>>();
        let mut found = query.stream(&self.log_reader).await.map_err(|e| unavailable_or_long(&e))?;
        let (mut seen, mut bytes, mut last) = (0, 0, None);
        while let Some(found) = found.try_next().await.map_err(|e| unavailable_or_long(&e))? {
            let id = match &found {
                FoundRow::Read(id, row) => {
                    bytes += row.body.len();
                    Some(*id)
                }
                FoundRow::Unreadable(id, _) => *id,
            };
            let is_full = seen == most || (bytes > most_bytes && seen > 0);
            // One that somebody edited so that it does not read is told by whoever verifies the log.
            let record = if is_full { None } else { kept(found.row().and_then(|row| rows::record(&row))) };
            if is_full || record.is_some_and(|record| !take(record)) {
                return Ok(last.map(|last: Uuid| last.to_string()));
            }
            (seen, last) = (seen + 1, id.or(last));
        }
        Ok(looked_to.map(|last| last.to_string()))
    }
}
