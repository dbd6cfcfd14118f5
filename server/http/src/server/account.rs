//! Nothing is said on a connection that is not on record.
//!
//! The library answers by itself where it finds no request that a handler could be given: no valid HTTP, two lengths
//! of one body, more headers than it counts, a head without end or too slow. Such an answer is kept back here, recorded
//! by the edge, and given in the words of every other one. Which answers are the library's own is told by following
//! what it writes: a handler says how long the body of its answer is, and the library is given no other request before that
//! is written.
//!
//! Changes nothing that a handler said, and looks at no body.

use std::{
    io::{self, BufRead as _, Write as _},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_http::StatusCode;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    task::JoinHandle,
};

use super::guard::{Caller, Guarded};
use crate::{edge, message::Response, problem::Problem, services::Services};

/// What every answer begins with, and no body of ours.
const ANSWER: &[u8] = b"HTTP/1.";
/// The library gives up on the first head of a connection.
const TOO_SLOW: u16 = 408;

/// A connection of which every answer is on record.
pub(super) struct Accounted {
    guarded: Guarded,
    caller: Caller,
    services: Arc<Services>,
    written: Written,
    refusal: Option<Refusal>,
}

impl Accounted {
    pub(super) fn new(guarded: Guarded, services: Arc<Services>) -> Self {
        let caller = guarded.caller();
        Self { guarded, caller, services, written: Written::default(), refusal: None }
    }

    pub(super) fn caller(&self) -> Caller {
        self.caller.clone()
    }

    /// What becomes of an answer of the library's own.
    fn refuse(&self, status: u16, answer: &[u8]) -> Refusal {
        let (client, door) = (self.caller.client, &self.caller.door);
        let wire = Arc::clone(&self.caller.wire);
        let problem = Problem::unparsed(self.caller.refused().unwrap_or(status));
        // On record also when the client hangs up.
        let asked = tokio::spawn(edge::unparsed(Arc::clone(&self.services), client, door.name, wire, problem));
        let date = answer.split_inclusive(|byte| *byte == b'\n').find(|line| line.starts_with(b"date: "));
        let date = date.unwrap_or_default().to_vec();
        Refusal::Asked { asked, date, head_only: self.guarded.asks_head() }
    }
}

/// An answer in the place of one of the library's.
enum Refusal {
    Asked { asked: JoinHandle<Response>, date: Vec<u8>, head_only: bool },
    Said { answer: Vec<u8>, taken: usize },
}

impl Refusal {
    /// Ready when the client has taken all of it.
    fn poll(&mut self, mut guarded: Pin<&mut Guarded>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self {
                Self::Asked { asked, date, head_only } => {
                    let answer = match ready!(Pin::new(asked).poll(cx)) {
                        Ok(response) => encoded(&response, date, *head_only)?,
                        Err(error) => {
                            tracing::error!(%error, "a refusal ended in a fault");
                            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                        }
                    };
                    *self = Self::Said { answer, taken: 0 };
                }
                Self::Said { answer, taken } => {
                    let rest = answer.get(*taken..).unwrap_or_default();
                    if rest.is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    match ready!(guarded.as_mut().poll_write(cx, rest))? {
                        0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                        count => *taken += count,
                    }
                }
            }
        }
    }
}

/// The last answer on a connection, as it is sent: to a HEAD without the body whose length it says.
fn encoded(response: &Response, date: &[u8], head_only: bool) -> io::Result<Vec<u8>> {
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = Vec::new();
    let reason = status.canonical_reason().unwrap_or_default();
    write!(answer, "HTTP/1.1 {} {reason}\r\n", status.as_u16())?;
    write!(answer, "content-length: {}\r\nconnection: close\r\n", response.body.len())?;
    for (name, value) in &response.headers {
        write!(answer, "{name}: {value}\r\n")?;
    }
    answer.extend_from_slice(date);
    answer.extend_from_slice(b"\r\n");
    if !head_only {
        answer.extend_from_slice(&response.body);
    }
    Ok(answer)
}

/// Whose the bytes are that the library writes next.
#[derive(Debug, PartialEq, Eq)]
enum Whose {
    /// So many are of handlers, or say nothing yet (100).
    Handlers(usize),
    /// They are an answer of the library's own, with this status.
    Library(u16),
}

/// Follows what is written from answer to answer.
#[derive(Default)]
struct Written {
    /// Bytes to come that are a handler's, or say nothing yet.
    known: usize,
    /// An answer ends with them.
    ends: bool,
}

impl Written {
    /// `bytes` begin where the last ones that were taken ended; `next` gives the length of a handler's body.
    fn whose(&mut self, bytes: &[u8], mut next: impl FnMut() -> Option<usize>) -> Whose {
        while self.known < bytes.len() {
            let Some((head, status)) = head(bytes.get(self.known..).unwrap_or_default()) else {
                tracing::error!("what is written on a connection is no answer");
                self.known = bytes.len();
                break;
            };
            if status < 200 {
                self.known += head;
            } else if let Some(body) = next() {
                self.known = self.known.saturating_add(head).saturating_add(body);
                self.ends = true;
            } else {
                return if self.known == 0 { Whose::Library(status) } else { Whose::Handlers(self.known) };
            }
        }
        Whose::Handlers(self.known.min(bytes.len()))
    }

    /// So many bytes were taken.
    fn taken(&mut self, count: usize) {
        self.known = self.known.saturating_sub(count);
    }

    /// Whether an answer has come to its end, said once.
    fn has_ended(&mut self) -> bool {
        self.known == 0 && std::mem::take(&mut self.ends)
    }
}

/// Length and status of the head that begins here: the library writes a head at once.
fn head(bytes: &[u8]) -> Option<(usize, u16)> {
    let status = bytes.strip_prefix(ANSWER)?.get(2..5)?;
    let status = std::str::from_utf8(status).ok()?.parse().ok()?;
    let mut rest = bytes;
    while rest.skip_until(b'\n').ok()? > 2 {}
    let length = bytes.len() - rest.len();
    bytes.get(..length)?.ends_with(b"\r\n\r\n").then_some((length, status))
}

impl AsyncRead for Accounted {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().guarded).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Accounted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.refusal.is_none() {
            match this.written.whose(bytes, || this.caller.next_answer()) {
                // Nobody has asked for anything yet.
                Whose::Library(TOO_SLOW) if !this.caller.has_head_begun() => {}
                Whose::Library(status) => this.refusal = Some(this.refuse(status, bytes)),
                Whose::Handlers(count) => {
                    let ours = bytes.get(..count).unwrap_or(bytes);
                    let count = ready!(Pin::new(&mut this.guarded).poll_write(cx, ours))?;
                    this.written.taken(count);
                    return Poll::Ready(Ok(count));
                }
            }
        }
        match &mut this.refusal {
            // The library is told that its answer was taken: it says no other one.
            Some(refusal) => refusal.poll(Pin::new(&mut this.guarded), cx).map_ok(|()| bytes.len()),
            None => Pin::new(&mut this.guarded).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The library flushes when it has nothing left to write.
        ready!(Pin::new(&mut this.guarded).poll_flush(cx))?;
        if this.written.has_ended() {
            this.caller.is_answered();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().guarded).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    fn answer(status: u16, body: &[u8]) -> Vec<u8> {
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\nx: y\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    }

    /// Writes in pieces of at most `piece` bytes, as a connection takes them: what was a handler's, and the library's.
    fn follow(bytes: &[u8], lengths: &[usize], piece: usize) -> (usize, Option<u16>) {
        let (mut written, mut lengths) = (Written::default(), VecDeque::from(lengths.to_vec()));
        let mut at = 0;
        while at < bytes.len() {
            match written.whose(&bytes[at..], || lengths.pop_front()) {
                Whose::Library(status) => return (at, Some(status)),
                Whose::Handlers(count) => {
                    let count = count.min(piece);
                    written.taken(count);
                    at += count;
                }
            }
        }
        (at, None)
    }

    #[test]
    fn an_answer_of_the_librarys_own_is_told_from_those_of_handlers_wherever_it_comes() {
        // A body that looks like an answer of the library is a body.
        let bodies: [&[u8]; 4] = [b"", b"{}", b"<html>\r\n\r\n", b"x\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n"];
        let own = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        for piece in [1, 2, 7, 64, usize::MAX] {
            for first in bodies {
                for second in bodies {
                    let lengths = [first.len(), second.len()];
                    let interim = b"HTTP/1.1 100 Continue\r\n\r\n".as_slice();
                    let ours = [answer(200, first).as_slice(), interim, &answer(404, second)].concat();
                    assert_eq!(follow(&ours, &lengths, piece), (ours.len(), None), "{piece}");
                    let all = [ours.as_slice(), own].concat();
                    assert_eq!(follow(&all, &lengths, piece), (ours.len(), Some(400)), "{piece}");
                }
            }
            assert_eq!(follow(own, &[], piece), (0, Some(400)));
        }
    }

    #[test]
    fn an_answer_has_ended_when_all_of_it_is_taken_and_not_before() {
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n".as_slice();
        for body in [b"".as_slice(), b"{}"] {
            let all = [interim, &answer(200, body)].concat();
            for piece in [1, 7, all.len()] {
                let (mut written, mut next) = (Written::default(), Some(body.len()));
                let mut at = 0;
                while at < all.len() {
                    assert!(!written.has_ended(), "{at}");
                    let Whose::Handlers(count) = written.whose(&all[at..], || next.take()) else { panic!("{at}") };
                    written.taken(count.min(piece));
                    at += count.min(piece);
                }
                assert!(written.has_ended() && !written.has_ended());
            }
        }
    }

    #[test]
    fn what_is_no_answer_goes_through_as_it_is() {
        for bytes in [b"nonsense".as_slice(), b"HTTP/1.1", b"HTTP/1.1 2x0 \r\n\r\n", b"HTTP/1.1 200 OK\r\nx: y"] {
            assert_eq!(follow(bytes, &[], usize::MAX), (bytes.len(), None));
        }
    }
}
