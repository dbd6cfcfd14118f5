//! A connection under watch: what the HTTP library does not bound is bounded here, and it is given one request at a time.
//!
//! - A client that does not take its answers is dropped. The library waits for ever.
//! - A request head must arrive in time on a kept connection too, and so must what nobody wants of a body any more. The
//!   library watches the first head.
//! - What follows a request waits until its answer is written, with the client but for one portion. The library would
//!   parse it, and answer by what the last head said.
//!
//! Works on bytes and time; where a request ends is [`framing`](super::framing)'s to say.

use std::{
    cell::{Cell, RefCell},
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
use zeroize::Zeroizing;

use super::{
    accept::Door,
    framing::{Framing, Stand},
    seats::Seat,
    stream::Stream,
};
use crate::long_answer::Place;

/// Bytes a second that a client must take of an answer, after its first [`super::Limits::answer`].
const SLOWEST: u64 = 16 * 1024;
/// What no request begins with: shown to the library in the place of one that is refused, so that it ends the connection.
const NO_REQUEST: &[u8] = b"\0";

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
    /// A request was given to the library, and its answer is not written yet.
    answering: Cell<bool>,
    /// Nobody waits for the rest of its body.
    unwanted: Cell<bool>,
    /// Since when there is something to come that must come in time: the rest of a head, or of an unwanted body.
    due_since: Cell<Option<Instant>>,
    /// Who read last, and reads on when an answer is taken: what is due then has a time only while somebody waits for it.
    held: RefCell<Option<Waker>>,
    /// The place of an answer that the client has not taken yet.
    place: RefCell<Option<Place>>,
    /// Length of the body of the answer that is given and not written yet.
    answer: Cell<Option<usize>>,
    /// The status of a request that the library is not shown.
    refused: Cell<Option<u16>>,
}

impl Pulse {
    /// The library is given a request.
    fn begin(&self) {
        self.answering.set(true);
        self.unwanted.set(false);
        self.due_since.set(None);
    }

    fn is_read_by(&self, reader: &Waker) {
        self.held.borrow_mut().get_or_insert_with(|| reader.clone()).clone_from(reader);
    }

    fn go_on(&self) {
        if let Some(reader) = self.held.take() {
            reader.wake();
        }
    }
}

impl Caller {
    /// The rest of the request's body is not waited for.
    pub(super) fn wants_no_more(&self) {
        self.pulse.unwanted.set(true);
    }

    /// A handler gives an answer with a body of this length.
    pub(super) fn answered(&self, body: usize) {
        self.pulse.answer.set(Some(body));
    }

    /// The answer of a handler that is to be written, by the length of its body.
    pub(super) fn next_answer(&self) -> Option<usize> {
        self.pulse.answer.take()
    }

    /// All of an answer is written: the next request may come.
    pub(super) fn is_answered(&self) {
        self.pulse.answering.set(false);
        self.pulse.go_on();
    }

    /// The status of the refusal that is to be given in the library's place, if it is not the library's own.
    pub(super) fn refused(&self) -> Option<u16> {
        self.pulse.refused.get()
    }

    /// Whether a part of a head has arrived whose rest has not.
    pub(super) fn has_head_begun(&self) -> bool {
        self.pulse.due_since.get().is_some()
    }

    /// Keeps the place of an answer until the client has taken all of it, or is gone.
    pub(super) fn keep(&self, place: Option<Place>) {
        self.pulse.place.replace(place);
    }
}

/// A connection under watch.
pub(super) struct Guarded {
    stream: Stream,
    caller: Caller,
    /// Since when the client does not take what is written, and what it took since.
    stuck: Option<(Instant, u64)>,
    timer: Pin<Box<Sleep>>,
    framing: Framing,
    /// Read and not given to the library: the beginning of a head, or what follows a request.
    behind: Zeroizing<Vec<u8>>,
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
        let (framing, behind) = (Framing::default(), Zeroizing::default());
        Self { stream, caller, stuck: None, timer, framing, behind, alarm: None, _seat: seat }
    }

    pub(super) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// Whether the request that is given asks for a head alone.
    pub(super) fn asks_head(&self) -> bool {
        self.framing.asks_head(&self.behind)
    }

    /// What must have happened by when, if anything must.
    fn deadline(&self) -> Option<Instant> {
        let limits = &self.caller.door.limits;
        let written = self.stuck.map(|(since, taken)| since + limits.answer + Duration::from_secs(taken / SLOWEST));
        let due = self.caller.pulse.due_since.get().map(|since| since + limits.head);
        match (written, due) {
            (Some(written), Some(due)) => Some(written.min(due)),
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

impl Guarded {
    /// What was read before goes first.
    fn give_behind(&mut self, buffer: &mut ReadBuf<'_>) -> bool {
        let given = self.framing.pass(&mut self.behind, buffer.remaining());
        buffer.put_slice(self.behind.get(..given).unwrap_or_default());
        self.behind.drain(..given);
        if self.behind.is_empty() {
            self.behind = Zeroizing::default();
        }
        given > 0
    }

    /// What was read behind `before` goes on as far as it may, the rest waits.
    fn give_read(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> bool {
        let read = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        let given = if self.behind.is_empty() { self.framing.pass(read, read.len()) } else { 0 };
        self.behind.extend_from_slice(read.get(given..).unwrap_or_default());
        buffer.set_filled(before + given);
        given > 0
    }

    /// Whether a request begins with what the library is given.
    fn note_begin(&self, before: Stand) {
        if before == Stand::Arriving && matches!(self.framing.stand(), Stand::UnderWay | Stand::Over | Stand::Broken) {
            self.caller.pulse.begin();
        }
    }

    /// Something is to come by a time.
    fn is_overdue(&self, pulse: &Pulse) -> bool {
        let since = pulse.due_since.get().unwrap_or_else(Instant::now);
        pulse.due_since.set(Some(since));
        since.elapsed() >= self.caller.door.limits.head
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let pulse = Rc::clone(&this.caller.pulse);
        pulse.is_read_by(cx.waker());
        while buffer.remaining() > 0 {
            let (stand, answering) = (this.framing.stand(), pulse.answering.get());
            // Nothing new before the old is answered and taken.
            if this.stuck.is_some() || answering && (stand == Stand::Over || pulse.unwanted.get()) {
                return Poll::Pending;
            }
            match stand {
                Stand::Arriving | Stand::UnderWay => {}
                Stand::Over => {
                    this.framing.next();
                    pulse.due_since.set(None);
                    continue;
                }
                // As if the client had gone in the middle of it.
                Stand::Broken => return Poll::Ready(Ok(())),
                Stand::Refused(status) => {
                    pulse.refused.set(Some(status));
                    buffer.put_slice(NO_REQUEST);
                    this.framing.end();
                    return Poll::Ready(Ok(()));
                }
            }
            if !this.behind.is_empty() {
                let gives = this.give_behind(buffer);
                this.note_begin(stand);
                if gives {
                    return Poll::Ready(Ok(()));
                }
                if this.framing.stand() != stand {
                    continue;
                }
            }
            let due = !answering && (stand == Stand::UnderWay || !this.behind.is_empty());
            if due && this.is_overdue(&pulse) {
                this.stream.forget_unsent();
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            let before = buffer.filled().len();
            match Pin::new(&mut this.stream).poll_read(cx, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() == before => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(())) => {
                    let gives = this.give_read(buffer, before);
                    this.note_begin(stand);
                    if gives {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Pending => return this.wait(cx),
                failed @ Poll::Ready(Err(_)) => return failed,
            }
        }
        Poll::Ready(Ok(()))
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
