//! What is known of a request besides what it asks: who, from where, when.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
};

use uuid::Uuid;

use crate::{
    action::Action,
    policy::{PolicyCertificate, PolicyTls},
    principal::Principal,
    record::{MAX_STATED_REASON, Outcome},
};

/// With which status an outcome will be answered: the record is written before the answer, and only
/// the edge knows its answers.
#[derive(Clone, Copy, Debug)]
pub struct Answers {
    /// Status when all went well.
    pub success: u16,
    /// Status of any other outcome by its reason; none when it is not known beforehand.
    pub otherwise: fn(Outcome, &str) -> Option<u16>,
}

/// What is known of a connection besides the client's address and the listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// The trusted proxies that passed the request on, the one that connected to this server last.
    pub proxies: Vec<IpAddr>,
    /// How it is encrypted; none when the encryption ends before this server.
    pub tls: Option<PolicyTls>,
    /// The certificate that the client proved to hold.
    pub client_certificate: Option<PolicyCertificate>,
}

/// The record was not written yet.
const OPEN: u32 = u32::MAX;

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
    pub listener: Cow<'static, str>,
    /// What else is known of the connection.
    pub wire: Arc<Wire>,
    /// When the request arrived, Unix milliseconds. Fixed for the whole request.
    pub now: i64,
    /// The time by which it is judged: when it arrived or, once it has waited long, when it was judged again.
    judged_by: AtomicI64,
    /// [`OPEN`], or the status that was recorded (0 for none).
    recorded: AtomicU32,
    answers: Option<Answers>,
    /// Whether what comes of it is not known yet when its record is written.
    is_open: AtomicBool,
    /// When it began by [`crate::time::Clock::ticks_micros`], if that is known.
    pub(crate) began: Option<u64>,
    stated_reason: OnceLock<String>,
    expected: OnceLock<(Action, i64)>,
    lifetime: OnceLock<u32>,
    lacks_proof: AtomicBool,
    only_looks: AtomicBool,
}

impl RequestContext {
    /// Begins a request.
    #[must_use]
    pub fn new(
        request_id: Uuid,
        principal: Arc<Principal>,
        client: IpAddr,
        listener: impl Into<Cow<'static, str>>,
        now: i64,
    ) -> Self {
        Self {
            request_id,
            principal,
            client,
            listener: listener.into(),
            wire: Arc::default(),
            now,
            judged_by: AtomicI64::new(now),
            recorded: AtomicU32::new(OPEN),
            answers: None,
            is_open: AtomicBool::new(false),
            began: None,
            stated_reason: OnceLock::new(),
            expected: OnceLock::new(),
            lifetime: OnceLock::new(),
            lacks_proof: AtomicBool::new(false),
            only_looks: AtomicBool::new(false),
        }
    }

    /// The same request of somebody who only looks: a page that a link leads to. It asks nobody for anything, so that no
    /// link of another's makes a person ask.
    #[must_use]
    pub fn looking(self) -> Self {
        self.look();
        self
    }

    /// From here on it is such a request: what it asks for is looked at beforehand, and not done.
    pub(crate) fn look(&self) {
        self.only_looks.store(true, Ordering::Release);
    }

    /// Whether it is one.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        self.only_looks.load(Ordering::Acquire)
    }

    /// The same request, with what is known of its answers.
    #[must_use]
    pub fn answered(self, answers: Answers) -> Self {
        Self { answers: Some(answers), ..self }
    }

    /// The same request, with what else is known of its connection.
    #[must_use]
    pub fn over(self, wire: Arc<Wire>) -> Self {
        Self { wire, ..self }
    }

    /// The same request, with the moment it began by [`crate::time::Clock::ticks_micros`]: without it, its
    /// duration is known to the millisecond only.
    #[must_use]
    pub fn begun(self, ticks_micros: u64) -> Self {
        Self { began: Some(ticks_micros), ..self }
    }

    /// Takes note of why a person asks; the record will say it. Only the first statement counts.
    ///
    /// # Errors
    /// A reason longer than [`MAX_STATED_REASON`] characters, or with control characters.
    pub fn state_reason(&self, reason: &str) -> Result<(), UnfitReason> {
        if reason.chars().count() > MAX_STATED_REASON || reason.chars().any(char::is_control) {
            return Err(UnfitReason);
        }
        if !reason.is_empty() {
            self.stated_reason.get_or_init(|| reason.to_owned());
        }
        Ok(())
    }

    /// Why a person asks, if they said it.
    #[must_use]
    pub fn stated_reason(&self) -> Option<&str> {
        self.stated_reason.get().map(String::as_str)
    }

    /// Takes note of the revision that a person saw of the object that they change: at another one, the change is refused.
    /// Only the first statement counts.
    pub fn expect_revision(&self, action: Action, revision: i64) {
        self.expected.get_or_init(|| (action, revision));
    }

    /// The revision that was seen of what this action changes, if it was said.
    pub(crate) fn expected_revision(&self, action: Action) -> Option<i64> {
        self.expected.get().filter(|(of, _)| *of == action).map(|(_, revision)| *revision)
    }

    /// Takes note that whoever asks did not prove lately who they are: a session was left open, or is somebody else's by now.
    /// What gives power away or takes services down is not done for it, whatever it was asked by.
    pub fn without_proof(&self) {
        self.lacks_proof.store(true, Ordering::Release);
    }

    /// Whether they did not.
    #[must_use]
    pub fn lacks_proof(&self) -> bool {
        self.lacks_proof.load(Ordering::Acquire)
    }

    /// For how many seconds the recorded answer may be kept, if a policy module said so.
    #[must_use]
    pub fn lifetime(&self) -> Option<u32> {
        self.lifetime.get().copied()
    }

    pub(crate) fn limit_lifetime(&self, seconds: Option<u32>) {
        if let Some(seconds) = seconds {
            self.lifetime.get_or_init(|| seconds);
        }
    }

    pub(crate) fn status_of(&self, outcome: Outcome, reason: &str) -> Option<u16> {
        let answers = self.answers?;
        match outcome {
            Outcome::Allowed => (!self.is_open.load(Ordering::Acquire)).then_some(answers.success),
            Outcome::Denied | Outcome::Failed | Outcome::Unauthenticated => (answers.otherwise)(outcome, reason),
        }
    }

    /// Has the record say no status if it is allowed: it tells that something was asked for, and what comes of that is
    /// known, and on record, later.
    pub(crate) fn leave_open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// Arrival in Unix seconds.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.now.div_euclid(1000)
    }

    /// The time by which it is judged, Unix milliseconds: what ends by the clock while a request waits has ended.
    #[must_use]
    pub fn judged_by(&self) -> i64 {
        self.judged_by.load(Ordering::Acquire)
    }

    /// The same in Unix seconds.
    #[must_use]
    pub fn judged_seconds(&self) -> i64 {
        self.judged_by().div_euclid(1000)
    }

    /// From now on it is judged by this time. Its record says when it arrived, as ever.
    pub(crate) fn judge_by(&self, now: i64) {
        self.judged_by.fetch_max(now, Ordering::AcqRel);
    }

    /// Whether the request has its audit record, or may have it because the record's fate is
    /// unknown. A request has one record at most; the edge writes one for every request that
    /// reaches its answer without.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Acquire) != OPEN
    }

    /// The status that the record says, if there is a record that says one.
    #[must_use]
    pub fn recorded_status(&self) -> Option<u16> {
        u16::try_from(self.recorded.load(Ordering::Acquire)).ok().filter(|status| *status != 0)
    }

    pub(crate) fn mark_recorded(&self, status: Option<u16>) {
        self.recorded.store(status.map_or(0, u32::from), Ordering::Release);
    }
}

/// A stated reason that cannot be recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a reason has at most {MAX_STATED_REASON} characters on one line")]
pub struct UnfitReason;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn what_is_not_known_yet_has_no_status_and_a_denial_has_one() {
        let principal = Arc::new(Principal::system("test"));
        let ctx = RequestContext::new(Uuid::nil(), principal, Ipv4Addr::LOCALHOST.into(), "main", 0);
        let ctx = ctx.answered(Answers { success: 200, otherwise: |_, _| Some(403) });
        let told = || [Outcome::Allowed, Outcome::Denied].map(|outcome| ctx.status_of(outcome, ""));
        assert_eq!(told(), [Some(200), Some(403)]);
        ctx.leave_open();
        assert_eq!(told(), [None, Some(403)]);
    }
}
