//! One living child, as the server sees it: questions go out on lanes, each with its answer, and orders on a socket of
//! their own.
//!
//! What comes back is believed to be an answer to a question and nothing more: texts are checked and cut
//! again, so that a child that was taken over can deny and allow, and can do nothing else.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::net::Shutdown;
use strongroom_domain::policy::ModuleDigest;

use super::frame::{self, Answer, Done, Hello, Order, Question};
use super::lane::{Free, Lane, hand_over};
use super::places::{Place, Urgency};
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

/// A child and the sockets to it.
pub(super) struct Link {
    /// As many lanes as there are places, so whoever has a place finds a free one.
    free: Mutex<Vec<Free>>,
    /// All of them, for hanging up.
    ends: Vec<OwnedFd>,
    control: UnixStream,
    /// Held by whoever gives an order, until the child has said how it went.
    ordering: Mutex<()>,
    next: AtomicU64,
    gone: AtomicBool,
}

impl Link {
    /// Starts a child that answers so many questions at once, and waits for its hello.
    pub(super) fn start(program: &ChildProgram, lanes: usize) -> std::io::Result<(Self, Child, Hello)> {
        let lanes = (0..lanes).map(|_| Free::new()).collect::<Result<Vec<_>, _>>()?;
        let (free, of_child): (Vec<_>, Vec<_>) = lanes.into_iter().unzip();
        let ends = free.iter().map(Free::end).collect::<Result<_, _>>()?;
        let (control, its_control) = UnixStream::pair()?;
        // A program that is executed takes three descriptors along, and safe code can give it no more: the others wait for
        // it on the socket that it has.
        hand_over(&control, &of_child)?;
        let mut child = program.command(DECIDE).stdin(Stdio::from(OwnedFd::from(its_control))).spawn()?;
        drop(of_child);
        let hello = read_hello(&control);
        let hello = hello.inspect_err(|_| end(&mut child))?;
        control.set_read_timeout(Some(ORDER_WITHIN))?;
        control.set_write_timeout(Some(ORDER_WITHIN))?;
        let link = Self {
            ends,
            free: Mutex::new(free),
            control,
            ordering: Mutex::default(),
            next: AtomicU64::new(0),
            gone: AtomicBool::new(false),
        };
        Ok((link, child, hello))
    }

    /// Asks, and waits for the answer. From the moment the child has the question somebody reads the answer, also where
    /// nobody waits for it any more.
    pub(super) async fn ask(
        self: &Arc<Self>,
        question: &Question<'_>,
        place: Place,
        urgency: Urgency,
    ) -> Result<Answer, Lost> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let message = frame::encode(number, question).map_err(|_| Lost::TooLong)?;
        let free = self.lock_free().pop().ok_or(Lost::Gone)?;
        let mut lane = Lane::new(Arc::clone(self), free, place);
        lane.send(&message)?;
        // What is in shadow keeps no thread that somebody may need.
        if urgency == Urgency::Decides
            && let Some(answer) = lane.soon(number)?
        {
            return Ok(answer);
        }
        tokio::spawn(lane.later(number, reply_within(question))).await.unwrap_or(Err(Lost::Gone))
    }

    /// A lane on which nothing is out.
    pub(super) fn give_back(&self, free: Free) {
        self.lock_free().push(free);
    }

    /// Waits until the child is gone, or nobody speaks with it any more.
    pub(super) fn wait_until_gone(&self) {
        // Nothing but the end of the socket is waited for.
        let mut end = [PollFd::new(self.control.as_fd(), PollFlags::empty())];
        while poll(&mut end, PollTimeout::NONE) == Err(Errno::EINTR) {}
        self.hang_up();
    }

    /// Has the child load a module. Blocks.
    pub(super) fn load(
        &self,
        module: ModuleDigest,
        artefact: &Artefact,
    ) -> std::io::Result<Result<ModuleDescription, String>> {
        let _alone = self.ordering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut control = &self.control;
        frame::write_value(&mut control, &Order::Load { module })?;
        frame::write_bytes(&mut control, artefact.bytes())?;
        match frame::read_value(&mut control)? {
            Some(Done::Loaded(description)) => Ok(Ok(*description)),
            Some(Done::Refused(why)) => Ok(Err(why)),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Has the child forget a module. Blocks.
    pub(super) fn forget(&self, module: ModuleDigest) -> std::io::Result<()> {
        let _alone = self.ordering.lock().unwrap_or_else(PoisonError::into_inner);
        let mut control = &self.control;
        frame::write_value(&mut control, &Order::Forget { module })?;
        frame::read_value::<Done>(&mut control).map(|_| ())
    }

    /// Whether the child is known to be gone.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Ends the conversation: the child ends by itself, and nobody waits for it any more.
    pub(super) fn hang_up(&self) {
        self.gone.store(true, Ordering::Release);
        for end in &self.ends {
            let _ = rustix::net::shutdown(end, Shutdown::Both);
        }
        let _ = self.control.shutdown(std::net::Shutdown::Both);
    }

    /// A lane has ended or is of no use, so the child is gone or is to go.
    pub(super) fn lost(&self) -> Lost {
        self.hang_up();
        Lost::Gone
    }

    fn lock_free(&self) -> MutexGuard<'_, Vec<Free>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a question may take: the child takes it up at once, and no module runs for longer than the backstop lets it.
fn reply_within(question: &Question<'_>) -> Duration {
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

#[cfg(test)]
mod tests {
    use rustix::net::{RecvFlags, SendFlags};

    use super::super::frame::Asked;
    use super::super::places::{Party, Places};
    use super::*;

    /// A link with one lane, and what a child has of it.
    fn link() -> (Arc<Link>, OwnedFd, UnixStream) {
        let (free, of_child) = Free::new().unwrap();
        let (control, of_control) = UnixStream::pair().unwrap();
        let link = Link {
            ends: vec![free.end().unwrap()],
            free: Mutex::new(vec![free]),
            control,
            ordering: Mutex::default(),
            next: AtomicU64::new(7),
            gone: AtomicBool::new(false),
        };
        (Arc::new(link), of_child, of_control)
    }

    /// Asks from a task, and says how that went.
    async fn ask(link: &Arc<Link>, places: &Places, urgency: Urgency) -> tokio::task::JoinHandle<Result<Answer, Lost>> {
        let place = places.take(&Party { vault: "demo".into(), urgency }).await.expect("a place");
        let link = Arc::clone(link);
        tokio::spawn(async move {
            let module = Asked { module: ModuleDigest([7; 32]), settings: "{}".into() };
            link.ask(&Question::Check { module }, place, urgency).await
        })
    }

    /// Reads a question as a child does; gives its number.
    async fn asked(child: &OwnedFd) -> u64 {
        let mut buffer = vec![0; 1024];
        loop {
            match rustix::net::recv(child, buffer.as_mut_slice(), RecvFlags::DONTWAIT) {
                Ok((length, _)) => return frame::split(&buffer[..length]).unwrap().0,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    fn say(child: &OwnedFd, number: u64) {
        let message = frame::encode(number, &Answer::Checked(Ok(()))).unwrap();
        rustix::net::send(child, &message, SendFlags::NOSIGNAL).unwrap();
    }

    #[tokio::test]
    async fn an_answer_that_takes_longer_is_waited_for() {
        let ((link, child, _control), places) = (link(), Places::new(1, 1));
        for urgency in [Urgency::Decides, Urgency::Shadow] {
            let waits = ask(&link, &places, urgency).await;
            // The one thread that there is comes here when whoever asks has let it go.
            let number = asked(&child).await;
            assert!(!waits.is_finished() && link.lock_free().is_empty());
            say(&child, number);
            assert_eq!(waits.await.unwrap(), Ok(Answer::Checked(Ok(()))));
            assert_eq!(link.lock_free().len(), 1);
        }
        assert!(!link.is_gone());
    }

    /// What nobody waits for any more has its lane and its place until it is answered, and nobody else gets the answer.
    #[tokio::test]
    async fn a_question_that_was_given_up_keeps_its_lane_until_it_is_answered() {
        let ((link, child, _control), places) = (link(), Places::new(1, 1));
        let waits = ask(&link, &places, Urgency::Decides).await;
        let number = asked(&child).await;
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
        assert!(link.lock_free().is_empty());
        say(&child, number);
        // There is one place, so this waits for the answer to that.
        let next = ask(&link, &places, Urgency::Decides).await;
        let number = asked(&child).await;
        assert!(!next.is_finished());
        say(&child, number);
        assert_eq!(next.await.unwrap(), Ok(Answer::Checked(Ok(()))));
    }

    #[tokio::test]
    async fn an_answer_to_something_else_ends_the_child() {
        let ((link, child, control), places) = (link(), Places::new(1, 1));
        let waits = ask(&link, &places, Urgency::Decides).await;
        let number = asked(&child).await;
        say(&child, number + 1);
        assert_eq!(waits.await.unwrap(), Err(Lost::Gone));
        assert!(link.is_gone() && link.lock_free().is_empty());
        // The keeper sees it, and so does the child.
        link.wait_until_gone();
        assert!(frame::read_bytes(&mut &control).unwrap().is_none());
        assert_eq!(rustix::net::recv(&child, &mut [0; 8], RecvFlags::empty()).unwrap().1, 0);
        let after = ask(&link, &places, Urgency::Decides).await;
        assert_eq!(after.await.unwrap(), Err(Lost::Gone));
    }

    #[tokio::test]
    async fn a_child_that_ends_is_seen_by_all() {
        let ((link, child, control), places) = (link(), Places::new(1, 1));
        let waits = ask(&link, &places, Urgency::Decides).await;
        asked(&child).await;
        drop((child, control));
        assert_eq!(waits.await.unwrap(), Err(Lost::Gone));
        link.wait_until_gone();
        assert!(link.is_gone());
    }
}
