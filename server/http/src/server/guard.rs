//! A connection under watch: what the HTTP library does not bound is bounded here.
//!
//! - A client that does not take its answers is dropped. The library waits for ever.
//! - A request head must arrive in time on a kept connection too. The library watches the first one.
//! - Pipelined requests queue up with the client and not in memory. The library parses whatever it has
//!   read, and a request of twenty bytes costs it seven thousand.
//!
//! Works on bytes and time alone; knows nothing of what they say.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future as _,
    io,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use strongroom_domain::context::Wire;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

use super::{accept::Door, seats::Seat, stream::Stream};
use crate::long_answer::Place;

/// Bytes a second that a client must take of an answer, after its first [`super::Limits::answer`].
const SLOWEST: u64 = 16 * 1024;
/// Bytes of heads that are read before the library has parsed what it has: longer than most heads.
const PORTION: usize = 1024;

/// What the handlers of a connection know of it, and tell it.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) door: Arc<Door>,
    /// Where the connection comes from; before anything that a header may say.
    pub(super) client: IpAddr,
    /// Whether headers of this connection may say who the client is.
    pub(super) trusted: bool,
    /// What else is known of the connection.
    pub(super) wire: Arc<Wire>,
    pulse: Rc<Pulse>,
}

/// Where a connection stands between reading and answering.
#[derive(Default)]
struct Pulse {
    /// A request is being handled.
    busy: Cell<bool>,
    /// Bytes of its body that may still come.
    body: Cell<usize>,
    /// Bytes read since it has.
    ahead: Cell<usize>,
    /// When the head that is arriving began to.
    head_since: Cell<Option<Instant>>,
    /// Who waits for reading to go on.
    held: RefCell<Option<Waker>>,
    /// The place of an answer that the client has not taken yet.
    place: RefCell<Option<Place>>,
    /// Lengths of the bodies of the answers that are given and not written yet.
    answers: RefCell<VecDeque<usize>>,
    /// A body was malformed, or ended early: nothing can follow it.
    body_broken: Cell<bool>,
}

impl Pulse {
    fn go_on(&self) {
        if let Some(reader) = self.held.take() {
            reader.wake();
        }
    }
}

/// A request being handled; over when dropped.
pub(super) struct Turn(Rc<Pulse>);

impl Caller {
    /// A request's head has arrived; its body has at most this many bytes.
    pub(super) fn begin(&self, body: usize) -> Turn {
        self.pulse.busy.set(true);
        self.pulse.body.set(body);
        self.pulse.ahead.set(0);
        self.pulse.head_since.set(None);
        Turn(Rc::clone(&self.pulse))
    }

    /// A handler gives an answer with a body of this length.
    pub(super) fn answered(&self, body: usize) {
        self.pulse.answers.borrow_mut().push_back(body);
    }

    /// The next answer of a handler that is written, by the length of its body.
    pub(super) fn next_answer(&self) -> Option<usize> {
        self.pulse.answers.borrow_mut().pop_front()
    }

    /// The body of the request that is answered is malformed, or ended early.
    pub(super) fn body_broke(&self) {
        self.pulse.body_broken.set(true);
    }

    pub(super) fn is_body_broken(&self) -> bool {
        self.pulse.body_broken.get()
    }

    /// Whether a part of a head has arrived whose rest has not.
    pub(super) fn has_head_begun(&self) -> bool {
        self.pulse.head_since.get().is_some()
    }

    /// Keeps the place of an answer until the client has taken all of it, or is gone.
    pub(super) fn keep(&self, place: Option<Place>) {
        self.pulse.place.replace(place);
    }
}

impl Turn {
    /// The body may have this many bytes more than was said when the request began.
    pub(super) fn body_may_grow(&self, more: usize) {
        self.0.body.set(self.0.body.get().saturating_add(more));
        self.0.go_on();
    }

    /// Its body has arrived, or is not wanted.
    pub(super) fn body_is_complete(&self) {
        self.0.body.set(0);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.busy.set(false);
        self.0.body.set(0);
        self.0.go_on();
    }
}

/// A connection under watch.
pub(super) struct Guarded {
    stream: Stream,
    caller: Caller,
    /// Since when the client does not take what is written, and what it took since.
    stuck: Option<(Instant, u64)>,
    timer: Pin<Box<Sleep>>,
    /// A whole portion was read and is not parsed yet.
    full: bool,
    /// When the timer wakes; it is set anew only for something earlier.
    alarm: Option<Instant>,
    _seat: Option<Seat>,
}

impl Guarded {
    /// `passed_on` is the proxy that connected in the client's name, if one did.
    pub(super) fn new(
        stream: Stream,
        door: Arc<Door>,
        client: IpAddr,
        trusted: bool,
        passed_on: Option<IpAddr>,
        seat: Option<Seat>,
    ) -> Self {
        let wire = Wire { proxies: passed_on.into_iter().collect(), tls: stream.tls(), client_certificate: None };
        let caller = Caller { door, client, trusted, wire: Arc::new(wire), pulse: Rc::default() };
        let timer = Box::pin(sleep_until(Instant::now()));
        Self { stream, caller, stuck: None, timer, full: false, alarm: None, _seat: seat }
    }

    pub(super) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// What must have happened by when, if anything must.
    fn deadline(&self) -> Option<Instant> {
        let limits = &self.caller.door.limits;
        let written = self.stuck.map(|(since, taken)| since + limits.answer + Duration::from_secs(taken / SLOWEST));
        let head = self.caller.pulse.head_since.get().map(|since| since + limits.head);
        match (written, head) {
            (Some(written), Some(head)) => Some(written.min(head)),
            (one, other) => one.or(other),
        }
    }

    /// Waits for the other end, not longer than it has time.
    fn wait<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        while let Some(deadline) = self.deadline() {
            if self.alarm.is_none_or(|alarm| alarm > deadline) {
                self.timer.as_mut().reset(deadline);
                self.alarm = Some(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.alarm = None;
            if Instant::now() >= deadline {
                self.stream.forget_unsent();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        Poll::Pending
    }

    fn wait_for_taking<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.stuck.get_or_insert_with(|| (Instant::now(), 0));
        self.wait(cx)
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let pulse = Rc::clone(&this.caller.pulse);
        let body = pulse.body.get();
        let ahead = pulse.busy.get() && body == 0;
        // Nothing new before the old is taken, and little before it is answered.
        if this.stuck.is_some() || ahead && pulse.ahead.get() >= PORTION {
            pulse.held.replace(Some(cx.waker().clone()));
            return Poll::Pending;
        }
        if std::mem::take(&mut this.full) && body == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let portion = buffer.remaining().min(if body > 0 { body } else { PORTION });
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(portion));
        match Pin::new(&mut this.stream).poll_read(cx, &mut part) {
            Poll::Ready(Ok(())) => {
                let read = part.filled().len();
                buffer.advance(read);
                this.full = read == portion;
                pulse.body.set(body.saturating_sub(read));
                if ahead {
                    pulse.ahead.set(pulse.ahead.get() + read);
                } else if read > 0 && !pulse.busy.get() && pulse.head_since.get().is_none() {
                    pulse.head_since.set(Some(Instant::now()));
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending => this.wait(cx),
            failed @ Poll::Ready(Err(_)) => failed,
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        match (&written, &mut this.stuck) {
            (Poll::Pending, _) => return this.wait_for_taking(cx),
            (Poll::Ready(Ok(count)), Some((_, taken))) => {
                *taken = taken.saturating_add(u64::try_from(*count).unwrap_or(u64::MAX));
            }
            _ => {}
        }
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The library flushes when it has nothing left to write.
        match Pin::new(&mut this.stream).poll_flush(cx) {
            Poll::Pending => this.wait_for_taking(cx),
            Poll::Ready(done) => {
                this.caller.pulse.place.take();
                if this.stuck.take().is_some() {
                    this.caller.pulse.go_on();
                }
                Poll::Ready(done)
            }
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(cx) {
            Poll::Pending => this.wait_for_taking(cx),
            done @ Poll::Ready(_) => done,
        }
    }
}
