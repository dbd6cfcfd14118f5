//! What the schedules of keys and of certificates share: the walk over what is due, and the requests in whose name it
//! is done. Nothing here acts.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use strongroom_crypto::Entropy;

use crate::{
    context::RequestContext,
    names::ObjectKind,
    ports::{DueObject, RotationSchedule, StoreError},
    principal::Principal,
    rotation::LifetimeAction,
    time::{Clock, uuid_v7},
};

/// Objects of one look at the schedule.
const BATCH: usize = 50;
/// Most looks in one run; the next run goes on.
const LOOKS: usize = 200;

/// A walk over what is due, in the order of the store and each once, also when it stays due.
pub(crate) struct Due<'a> {
    schedule: &'a dyn RotationSchedule,
    kind: ObjectKind,
    action: LifetimeAction,
    after: Option<DueObject>,
    looks: usize,
}

impl<'a> Due<'a> {
    pub(crate) fn new(schedule: &'a dyn RotationSchedule, kind: ObjectKind, action: LifetimeAction) -> Self {
        Self { schedule, kind, action, after: None, looks: LOOKS }
    }

    /// The next of them; none at the end.
    pub(crate) async fn next(&mut self, clock: &dyn Clock) -> Result<Option<Vec<DueObject>>, StoreError> {
        if self.looks == 0 {
            return Ok(None);
        }
        let now = clock.now_millis().div_euclid(1000);
        let due = self.schedule.due_of_kind(self.kind, self.action, now, self.after.as_ref(), BATCH).await?;
        self.looks = if due.len() < BATCH { 0 } else { self.looks - 1 };
        self.after = due.last().cloned();
        Ok(Some(due).filter(|due| !due.is_empty()))
    }
}

/// A request of the installation itself, for one thing that is due.
pub(crate) fn own_request(
    principal: &str,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<RequestContext, StoreError> {
    let now = clock.now_millis();
    let id = uuid_v7(now, entropy).map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let principal = Arc::new(Principal::system(principal));
    Ok(RequestContext::new(id, principal, IpAddr::V4(Ipv4Addr::LOCALHOST), "internal", now))
}
