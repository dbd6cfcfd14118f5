//! What is known of a request besides what it asks: who, from where, when.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use uuid::Uuid;

use crate::principal::Principal;

/// One request, from the moment it is authenticated.
#[derive(Debug)]
pub struct RequestContext {
    /// Request id; also the decision id and the id of its audit record.
    pub request_id: Uuid,
    /// Who asks.
    pub principal: Arc<Principal>,
    /// Address of the client.
    pub client: IpAddr,
    /// Name of the listener that took the connection.
    pub listener: &'static str,
    /// When the request arrived, Unix milliseconds. Fixed for the whole request.
    pub now: i64,
    recorded: AtomicBool,
}

impl RequestContext {
    /// Begins a request.
    #[must_use]
    pub fn new(request_id: Uuid, principal: Arc<Principal>, client: IpAddr, listener: &'static str, now: i64) -> Self {
        Self { request_id, principal, client, listener, now, recorded: AtomicBool::new(false) }
    }

    /// Arrival in Unix seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.now.div_euclid(1000)
    }

    /// Whether the request has its audit record, or may have it because the record's fate is
    /// unknown. A request has one record at most; the edge writes one for every request that
    /// reaches its answer without.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Acquire)
    }

    pub(crate) fn mark_recorded(&self) {
        self.recorded.store(true, Ordering::Release);
    }
}
