//! One living child, as the server sees it: questions go out, answers come back in any order.
//!
//! What comes back is believed to be an answer to a question and nothing more: texts are checked and cut
//! again, so that a child that was taken over can deny and allow, and can do nothing else.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType};
use strongroom_domain::policy::ModuleDigest;
use tokio::sync::oneshot;

use super::frame::{self, Answer, Done, Hello, Order, Question};
use super::places::Place;
use super::{ChildProgram, DECIDE, HELLO_WITHIN, ORDER_WITHIN, REPLY_WITHIN};
use crate::artefact::Artefact;
use crate::description::ModuleDescription;
use crate::limits;

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The child is gone; a new one may know.
    Gone,
    /// It did not answer in time, which no module can bring about: see [`reply_within`].
    Late,
    /// The question is longer than a question may be.
    TooLong,
}

/// Who waits for an answer, and the place that the question has until it comes. Who stops waiting leaves the place
/// taken: the child still has the question.
struct Waiting {
    answer: oneshot::Sender<Answer>,
    place: Place,
}

/// A child and the sockets to it.
pub(super) struct Link {
    socket: OwnedFd,
    control: Mutex<UnixStream>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    next: AtomicU64,
    gone: AtomicBool,
}

impl Link {
    /// Starts a child and waits for its hello.
    pub(super) fn start(program: &ChildProgram) -> std::io::Result<(Self, Child, Hello)> {
        let (socket, its_socket) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        for end in [&socket, &its_socket] {
            // As much as the system allows; the usual size does as well.
            let _ = rustix::net::sockopt::set_socket_send_buffer_size(end, 4 * limits::MAX_FRAME);
        }
        let (control, its_control) = UnixStream::pair()?;
        let mut child = program
            .command(DECIDE)
            .stdin(Stdio::from(its_socket))
            .stdout(Stdio::from(OwnedFd::from(its_control)))
            .spawn()?;
        let hello = read_hello(&control);
        let hello = hello.inspect_err(|_| end(&mut child))?;
        control.set_read_timeout(Some(ORDER_WITHIN))?;
        control.set_write_timeout(Some(ORDER_WITHIN))?;
        let link = Self {
            socket,
            control: Mutex::new(control),
            waiting: Mutex::default(),
            next: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        };
        Ok((link, child, hello))
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask(&self, question: &Question, place: Place) -> Result<Answer, Lost> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let message = frame::encode(number, question).map_err(|_| Lost::TooLong)?;
        let (sender, answer) = oneshot::channel();
        self.lock_waiting().insert(number, Waiting { answer: sender, place });
        let mut unsent = Unsent { link: self, number: Some(number) };
        if self.gone.load(Ordering::Acquire) {
            return Err(Lost::Gone);
        }
        self.send(&message).await?;
        unsent.number = None;
        match tokio::time::timeout(reply_within(question), answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(Lost::Gone),
            Err(_) => {
                self.forget_question(number);
                Err(Lost::Late)
            }
        }
    }

    async fn send(&self, message: &[u8]) -> Result<(), Lost> {
        for _ in 0..REPLY_WITHIN.as_millis() {
            match rustix::net::send(&self.socket, message, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                // The child has as many questions as the buffer holds.
                Err(Errno::AGAIN) => tokio::time::sleep(Duration::from_millis(1)).await,
                Err(Errno::MSGSIZE) => return Err(Lost::TooLong),
                Err(_) => return Err(Lost::Gone),
            }
        }
        Err(Lost::Late)
    }

    /// Hands answers to those who wait, until the child is gone or says something that is no answer.
    pub(super) fn read_until_gone(&self) {
        let mut buffer = vec![0; limits::MAX_FRAME + 1];
        loop {
            let length = match rustix::net::recv(&self.socket, buffer.as_mut_slice(), RecvFlags::empty()) {
                Ok((0, _)) => break,
                Ok((length, _)) => length,
                Err(Errno::INTR) => continue,
                Err(_) => break,
            };
            let message = buffer.get(..length).unwrap_or_default();
            let answer = frame::split(message).and_then(|(number, body)| Ok((number, frame::decode(body)?)));
            let Ok((number, answer)) = answer else {
                tracing::error!("the policy child said something that is no answer");
                break;
            };
            let asked = self.lock_waiting().remove(&number);
            if let Some(Waiting { answer: waiting, place }) = asked {
                drop(place);
                // Whoever asked may have gone meanwhile.
                let _ = waiting.send(answer);
            }
        }
        self.gone.store(true, Ordering::Release);
        // Dropping the senders tells everybody who waits.
        drop(std::mem::take(&mut *self.lock_waiting()));
    }

    /// Has the child load a module. Blocks.
    pub(super) fn load(
        &self,
        module: ModuleDigest,
        artefact: &Artefact,
    ) -> std::io::Result<Result<ModuleDescription, String>> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        frame::write_value(&mut *control, &Order::Load { module })?;
        frame::write_bytes(&mut *control, artefact.bytes())?;
        match frame::read_value(&mut *control)? {
            Some(Done::Loaded(description)) => Ok(Ok(*description)),
            Some(Done::Refused(why)) => Ok(Err(why)),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Has the child forget a module. Blocks.
    pub(super) fn forget(&self, module: ModuleDigest) -> std::io::Result<()> {
        let mut control = self.control.lock().unwrap_or_else(PoisonError::into_inner);
        frame::write_value(&mut *control, &Order::Forget { module })?;
        frame::read_value::<Done>(&mut *control).map(|_| ())
    }

    /// Whether the child is known to be gone.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Ends the conversation: the child ends by itself, and so does [`Self::read_until_gone`].
    pub(super) fn hang_up(&self) {
        let _ = rustix::net::shutdown(&self.socket, Shutdown::Both);
    }

    /// Nobody waits for this answer, and the child does not have the question, or is ended.
    fn forget_question(&self, number: u64) {
        let asked = self.lock_waiting().remove(&number);
        drop(asked);
    }

    fn lock_waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question that the child does not have yet: whoever gives up before takes the place along.
struct Unsent<'a> {
    link: &'a Link,
    number: Option<u64>,
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.link.forget_question(number);
        }
    }
}

/// How long a question may take: the child takes it up at once, and no module runs for longer than the backstop lets it.
fn reply_within(question: &Question) -> Duration {
    let modules = match question {
        Question::Judge { modules, .. } => modules.len(),
        Question::Check { .. } => 1,
    };
    let each = limits::TICK.saturating_mul(u32::try_from(limits::TICKS).unwrap_or(u32::MAX));
    REPLY_WITHIN.saturating_add(each.saturating_mul(u32::try_from(modules).unwrap_or(u32::MAX)))
}

pub(super) fn read_hello(stream: &UnixStream) -> std::io::Result<Hello> {
    stream.set_read_timeout(Some(HELLO_WITHIN))?;
    frame::read_value(&mut &*stream)?.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

/// Kills a child and waits for it, so that nothing of it is left.
pub(super) fn end(child: &mut Child) {
    let _ = child.kill();
    match child.wait() {
        Ok(status) => tracing::debug!(%status, "a policy child ended"),
        Err(error) => tracing::warn!(%error, "a policy child's end is not known"),
    }
}

impl ChildProgram {
    /// The command of a child: no environment, no directory, nowhere to write to but its sockets.
    pub(super) fn command(&self, word: &str) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).arg(word).env_clear().current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}
