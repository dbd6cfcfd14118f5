//! A lane: a private pair of sockets between whoever asks and one thread of the child.
//!
//! Whoever has a lane puts a question and reads the answer itself, so that two threads wake each other and no third one
//! has to. It waits where it stands for a short while, which most answers take, and lets its thread go when that is over.
//! A lane that owes an answer is never used for another question: what was given up on is waited for all the same, and
//! where nobody can wait any more, the child is ended.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};

use super::frame::{self, Answer};
use super::link::{Link, Lost};
use super::places::Place;
use crate::limits::{MAX_DECIDERS, MAX_FRAME};

/// How long whoever asks keeps its thread, which serves others too. Five modules have answered by then; one that runs
/// for longer holds up no more than this, and has its place for as long as it runs, so this happens seldom.
const SOON: Duration = Duration::from_micros(200);

/// A lane that is free: the server's end of it, and room for an answer.
pub(super) struct Free {
    /// Of a type that waits for messages. What it is has an end besides, which a datagram socket has not.
    socket: UnixDatagram,
    buffer: Vec<u8>,
}

impl Free {
    /// A lane, and the end of it that is for the child.
    pub(super) fn new() -> io::Result<(Self, OwnedFd)> {
        let (socket, of_child) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        for end in [&socket, &of_child] {
            // As much as the system allows; the usual size does as well.
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(end, 4 * MAX_FRAME);
        }
        let socket = UnixDatagram::from(socket);
        socket.set_nonblocking(true)?;
        Ok((Self { socket, buffer: vec![0; MAX_FRAME + 1] }, of_child))
    }

    /// The same end once more, to shut it.
    pub(super) fn end(&self) -> io::Result<OwnedFd> {
        self.socket.as_fd().try_clone_to_owned()
    }
}

/// A lane that somebody asks on, with the place that its question has until the child has answered.
pub(super) struct Lane {
    link: Arc<Link>,
    free: Option<Free>,
    /// Whether a question is out. What comes next on the lane is its answer.
    owes: bool,
    /// Given back behind the lane, so that whoever has a place finds one.
    _place: Place,
}

impl Lane {
    pub(super) fn new(link: Arc<Link>, free: Free, place: Place) -> Self {
        Self { link, free: Some(free), owes: false, _place: place }
    }

    /// Puts a question.
    pub(super) fn send(&mut self, question: &[u8]) -> Result<(), Lost> {
        let Some(Free { socket, .. }) = &self.free else { return Err(Lost::Gone) };
        loop {
            // Nothing else is on the way, so there is room for what may be sent.
            match rustix::net::send(socket, question, SendFlags::NOSIGNAL) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(Errno::MSGSIZE) => return Err(Lost::TooLong),
                Err(_) => return Err(self.link.lost()),
            }
        }
        self.owes = true;
        Ok(())
    }

    /// The answer, if it comes soon. Blocks until then, or for [`SOON`].
    pub(super) fn soon(&mut self, number: u64) -> Result<Option<Answer>, Lost> {
        let Some(Free { socket, buffer }) = &mut self.free else { return Err(Lost::Gone) };
        let mut wanted = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        // A signal is as good as the end of that time.
        if !matches!(ppoll(&mut wanted, Some(SOON.into()), None), Ok(1..)) {
            return Ok(None);
        }
        let read = socket.recv(buffer);
        self.read(number, read)
    }

    /// The answer, whenever it comes within a bound.
    pub(super) async fn later(mut self, number: u64, within: Duration) -> Result<Answer, Lost> {
        // Where this future ends early the lane stays without its socket, and is given up.
        let Some(Free { socket, mut buffer }) = self.free.take() else { return Err(Lost::Gone) };
        let socket = tokio::net::UnixDatagram::from_std(socket).map_err(|_| self.link.lost())?;
        let Ok(read) = tokio::time::timeout(within, socket.recv(&mut buffer)).await else {
            tracing::error!("the policy child does not answer and is ended");
            return Err(Lost::Late);
        };
        let socket = socket.into_std().map_err(|_| self.link.lost())?;
        self.free = Some(Free { socket, buffer });
        self.read(number, read)?.ok_or(Lost::Gone)
    }

    /// What was read as the answer; none when nothing was there.
    fn read(&mut self, number: u64, read: io::Result<usize>) -> Result<Option<Answer>, Lost> {
        let length = match read {
            Ok(length) if length > 0 => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(None),
            Ok(_) | Err(_) => return Err(self.link.lost()),
        };
        let message = self.free.as_ref().and_then(|free| free.buffer.get(..length)).unwrap_or_default();
        match frame::split(message).and_then(|(of, body)| Ok((of, frame::decode(body)?))) {
            Ok((of, answer)) if of == number => {
                self.owes = false;
                Ok(Some(answer))
            }
            _ => {
                tracing::error!("the policy child said something that is no answer to what it was asked");
                Err(self.link.lost())
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        match self.free.take() {
            Some(free) if !self.owes => self.link.give_back(free),
            // What comes on it would be taken for the answer to another question.
            _ => self.link.hang_up(),
        }
    }
}

/// Sends a child its ends of the lanes, with one byte that says nothing.
pub(super) fn hand_over(to: impl AsFd, ends: &[OwnedFd]) -> io::Result<()> {
    let ends: Vec<BorrowedFd<'_>> = ends.iter().map(|end| end.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DECIDERS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !beside.push(SendAncillaryMessage::ScmRights(&ends)) {
        return Err(ErrorKind::InvalidInput.into());
    }
    rustix::net::sendmsg(to, &[IoSlice::new(&[0])], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// In the child: takes what was handed over.
pub(super) fn take_over(from: impl AsFd) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DECIDERS))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let read = rustix::net::recvmsg(from, &mut [IoSliceMut::new(&mut byte)], &mut beside, RecvFlags::CMSG_CLOEXEC)?;
    let ends: Vec<OwnedFd> = beside
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(ends) => Some(ends),
            _ => None,
        })
        .flatten()
        .collect();
    if read.bytes == 1 && !ends.is_empty() { Ok(ends) } else { Err(ErrorKind::InvalidData.into()) }
}
