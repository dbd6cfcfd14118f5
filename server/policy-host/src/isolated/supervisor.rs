//! Keeps a child running, and asks it.
//!
//! One thread starts the child, loads what was loaded before, and starts the next one when it is gone.
//! Decisions are pure, so a question that was lost with a child is asked again, once; who cannot be answered
//! within a bound gets [`PolicyFailure::Unavailable`], which denies.

use std::collections::BTreeMap;
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use strongroom_domain::policy::{ModuleDigest, PolicyFailure};
use tokio::sync::watch;

use super::frame::{Answer, Hello, Question};
use super::link::{Link, Lost, end};
use super::places::{Party, Places};
use super::{ChildProgram, WAIT_FOR_CHILD};
use crate::artefact::Artefact;
use crate::description::ModuleDescription;
use crate::limits;

/// First pause before a child is started again that did not live for [`LIVED`].
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A child that lived this long is started again at once.
const LIVED: Duration = Duration::from_secs(1);

/// A child that is kept running.
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    hello: Hello,
    thread: Option<JoinHandle<()>>,
    asking: Places,
}

struct Shared {
    program: ChildProgram,
    /// How many questions a child answers at once: the places that there are.
    lanes: usize,
    /// What every new child loads. Held while a child is being made ready, so that nothing is missed.
    modules: Mutex<BTreeMap<ModuleDigest, Artefact>>,
    link: watch::Sender<Option<Arc<Link>>>,
    stopping: Mutex<bool>,
    stop: Condvar,
}

impl Supervisor {
    /// Starts the first child. Blocks until it is ready.
    pub(crate) fn start(program: ChildProgram) -> std::io::Result<Self> {
        let lanes = limits::deciders();
        let (link, child, hello) = Link::start(&program, lanes)?;
        let shared = Arc::new(Shared {
            program,
            lanes,
            modules: Mutex::default(),
            link: watch::Sender::new(None),
            stopping: Mutex::new(false),
            stop: Condvar::new(),
        });
        let (keeper, first) = (Arc::clone(&shared), hello.clone());
        let thread = std::thread::Builder::new()
            .name("policy-keeper".to_owned())
            .spawn(move || keeper.keep((link, child), &first))?;
        let asking = Places::new(lanes, limits::shadows());
        Ok(Self { shared, hello, thread: Some(thread), asking })
    }

    /// What the first child said; later ones say the same or are not used.
    pub(crate) fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Asks the child. A child that went away meanwhile is waited for, within a bound.
    pub(crate) async fn ask(&self, question: &Question<'_>, party: &Party) -> Result<Answer, PolicyFailure> {
        for _ in 0..2 {
            let place = self.asking.take(party).await.ok_or(PolicyFailure::Unavailable)?;
            let link = self.link().await?;
            match link.ask(question, place, party.urgency).await {
                Ok(answer) => return Ok(answer),
                // Nothing is decided by whether settings are taken: what may have killed one child is not put to another.
                Err(Lost::Gone) if matches!(question, Question::Check { .. }) => break,
                Err(Lost::Gone) => {}
                Err(Lost::Late) => break,
                Err(Lost::TooLong) => {
                    tracing::error!("a request is too long for the policy child");
                    break;
                }
            }
        }
        Err(PolicyFailure::Unavailable)
    }

    async fn link(&self) -> Result<Arc<Link>, PolicyFailure> {
        let known = self.shared.link.borrow().clone();
        if let Some(link) = known.filter(|link| !link.is_gone()) {
            return Ok(link);
        }
        let mut changes = self.shared.link.subscribe();
        let alive = |link: &Option<Arc<Link>>| link.as_ref().is_some_and(|link| !link.is_gone());
        match tokio::time::timeout(WAIT_FOR_CHILD, changes.wait_for(alive)).await {
            Ok(Ok(link)) => link.clone().ok_or(PolicyFailure::Unavailable),
            _ => Err(PolicyFailure::Unavailable),
        }
    }

    /// Loads a module, now and in every later child. Blocks.
    pub(crate) fn load(&self, module: ModuleDigest, artefact: &Artefact) -> Result<ModuleDescription, Refused> {
        for _ in 0..2 {
            // Outside the lock, which the keeper needs to make a child ready.
            let link = self.wait_for_link()?;
            let mut modules = self.shared.modules();
            if !modules.contains_key(&module) && modules.len() >= limits::MAX_MODULES {
                return Err(Refused::Module(crate::module::LoadError::TooMany.to_string()));
            }
            match link.load(module, artefact) {
                Ok(Ok(description)) => {
                    modules.insert(module, artefact.clone());
                    return Ok(description);
                }
                Ok(Err(why)) => return Err(Refused::Module(why)),
                // Half a message may be on the stream: with this child it cannot go on.
                Err(_) => link.hang_up(),
            }
        }
        Err(Refused::Unavailable)
    }

    /// Forgets a module, now and in every later child. Blocks.
    pub(crate) fn forget(&self, module: ModuleDigest) {
        let mut modules = self.shared.modules();
        if modules.remove(&module).is_none() {
            return;
        }
        let link = self.shared.link.borrow().clone();
        if let Some(link) = link
            && link.forget(module).is_err()
        {
            link.hang_up();
        }
    }

    fn wait_for_link(&self) -> Result<Arc<Link>, Refused> {
        let until = Instant::now() + WAIT_FOR_CHILD;
        loop {
            let known = self.shared.link.borrow().clone();
            match known.filter(|link| !link.is_gone()) {
                Some(link) => return Ok(link),
                None if Instant::now() >= until => return Err(Refused::Unavailable),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

/// Whether a new child is the same program and held by the same things.
fn alike(new: &Hello, first: &Hello) -> bool {
    let held = |hello: &Hello| (hello.confinement.seccomp, hello.confinement.landlock);
    new.engine == first.engine && held(new) == held(first)
}

/// Why a module is not loaded.
#[derive(Debug)]
pub(crate) enum Refused {
    /// What is wrong with it.
    Module(String),
    /// No child.
    Unavailable,
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        *self.shared.stopping.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.stop.notify_all();
        let link = self.shared.link.borrow().clone();
        if let Some(link) = link {
            link.hang_up();
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// Keeps a child running until told to stop. `first` runs already.
    fn keep(&self, first: (Link, Child), hello: &Hello) {
        let mut started = Some(first);
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            if let Some((link, mut child)) = started.take() {
                self.serve(link, &mut child);
            }
            if began.elapsed() >= LIVED {
                pause = FIRST_PAUSE;
            } else if self.pause(pause) {
                return;
            } else {
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            if self.pause(Duration::ZERO) {
                return;
            }
            started = match Link::start(&self.program, self.lanes) {
                Ok((link, child, said)) if alike(&said, hello) => Some((link, child)),
                Ok((_, mut child, said)) => {
                    tracing::error!(confinement = %said.confinement, "a new policy child is held differently and is not used");
                    end(&mut child);
                    None
                }
                Err(error) => {
                    tracing::error!(%error, "the policy child does not start");
                    None
                }
            };
        }
    }

    /// Makes a child ready, has it answer, and ends it.
    fn serve(&self, link: Link, child: &mut Child) {
        let link = Arc::new(link);
        let ready = {
            let modules = self.modules();
            let loaded = modules.iter().all(|(digest, artefact)| matches!(link.load(*digest, artefact), Ok(Ok(_))));
            if loaded && !*self.stopping.lock().unwrap_or_else(PoisonError::into_inner) {
                self.link.send_replace(Some(Arc::clone(&link)));
            }
            loaded
        };
        if ready {
            // A stop that came before the link was there could not hang up.
            if *self.stopping.lock().unwrap_or_else(PoisonError::into_inner) {
                link.hang_up();
            }
            link.wait_until_gone();
        } else {
            tracing::error!("a new policy child does not load what the last one had loaded");
        }
        self.link.send_replace(None);
        let stopping = *self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        match child.wait() {
            Ok(_) if stopping => {}
            Ok(status) => tracing::error!(%status, "the policy child ended and is started again"),
            Err(error) => tracing::error!(%error, "the policy child is lost and is started again"),
        }
    }

    /// Waits; true when it is time to stop.
    fn pause(&self, pause: Duration) -> bool {
        let stopping = self.stopping.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.stop.wait_timeout_while(stopping, pause, |stopping| !*stopping);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn modules(&self) -> std::sync::MutexGuard<'_, BTreeMap<ModuleDigest, Artefact>> {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
