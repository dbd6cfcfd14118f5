//! The two programs that a child can be: one decides, one compiles.
//!
//! A child is this program, executed anew with a cleared environment and one socket. It confines itself
//! before it reads anything but, where it decides, its other sockets, which have to be there before threads
//! are; it holds no key, no file and no connection. Everything it is told comes over the sockets; when they
//! close, it ends. Must never be given a secret value, and never keeps an instance.

use std::io::{Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::sync::{Arc, Barrier};

use nix::sys::signal::{SigSet, Signal};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use strongroom_domain::policy::PolicyFailure;

use super::confine::{self, Confinement, Role};
use super::frame::{self, Answer, Asked, Done, Hello, Malformed, Order, Question, Ran};
use super::lane;
use crate::artefact::{Artefact, engine_version};
use crate::engine::WasmPolicyEngine;
use crate::limits;

/// Runs the child that the word after the program's name asks for; none when it asks for none. To be
/// called first of all, before any thread.
#[must_use]
pub fn run_child(word: &str) -> Option<ExitCode> {
    let run = match word {
        super::DECIDE => decide,
        super::COMPILE => compile,
        _ => return None,
    };
    let ended = outlive_a_stop().and_then(|()| run());
    Some(if ended.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Why a child ends: nobody is there to read it, so it says nothing.
struct Ended;

impl<E: std::error::Error> From<E> for Ended {
    fn from(_: E) -> Self {
        Self
    }
}

/// Whoever stops the server may tell its whole process group or control group to end, this process too. The server
/// still answers what it has begun, and asks this process: it ends when the server lets go of it, and not before.
/// Blocked here, before any thread, which inherit it.
fn outlive_a_stop() -> Result<(), Ended> {
    let stops: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT].into_iter().collect();
    Ok(stops.thread_block()?)
}

fn decide() -> Result<(), Ended> {
    let closed = confine::enter(Role::Decide)?;
    let mut control = Stream(std::io::stdin().as_fd().try_clone_to_owned()?);

    // Before files are taken away: the engine looks at `/proc/self/pagemap`.
    let engine = Arc::new(WasmPolicyEngine::bare()?);
    let version = engine.version();
    let files = confine::take_files_and_network();
    // A panic is a mistake of this program: end, and let the server start anew.
    std::panic::set_hook(Box::new(|_| std::process::exit(101)));
    let lanes = lane::take_over(&control.0)?;
    let ready = Arc::new(Barrier::new(lanes.len() + 1));
    for lane in lanes {
        let (engine, ready) = (Arc::clone(&engine), Arc::clone(&ready));
        std::thread::Builder::new().name("decider".to_owned()).spawn(move || {
            WasmPolicyEngine::prepare_thread();
            ready.wait();
            if answer_all(&engine, &lane).is_err() {
                std::process::exit(1);
            }
            std::process::exit(0);
        })?;
    }
    engine.start_clock()?;
    let calls = confine::take_system_calls();
    let missing = [&files, &calls].into_iter().filter_map(|step| step.as_ref().err().cloned());
    let confinement = Confinement {
        seccomp: calls.is_ok(),
        landlock: files.is_ok(),
        closed,
        missing: missing.collect::<Vec<_>>().join("; "),
    };
    frame::write_value(&mut control, &Hello { engine: version, confinement })?;
    ready.wait();
    obey(&engine, &mut control)
}

/// Loads and forgets modules until the server is gone.
fn obey(engine: &WasmPolicyEngine, control: &mut Stream) -> Result<(), Ended> {
    while let Some(order) = frame::read_value::<Order>(control)? {
        let done = match order {
            Order::Load { module } => {
                let artefact = frame::read_bytes(control)?.ok_or(Ended)?;
                match engine.load_artefact(module, &Artefact::vouched_for(artefact)) {
                    Ok(description) => Done::Loaded(Box::new(description)),
                    Err(error) => Done::Refused(error.to_string()),
                }
            }
            Order::Forget { module } => {
                engine.forget(&module);
                Done::Forgotten
            }
        };
        frame::write_value(control, &done)?;
    }
    Ok(())
}

/// Answers questions until the server is gone, each thread those of its own lane.
fn answer_all(engine: &WasmPolicyEngine, socket: &OwnedFd) -> Result<(), Ended> {
    let mut buffer = vec![0; limits::MAX_FRAME + 1];
    loop {
        let length = match rustix::net::recv(socket, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((0, _)) => return Ok(()),
            Ok((length, _)) => length,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let reply = reply(engine, buffer.get(..length).ok_or(Malformed)?)?;
        while let Err(error) = rustix::net::send(socket, &reply, SendFlags::NOSIGNAL) {
            if error != Errno::INTR {
                return Err(error.into());
            }
        }
    }
}

/// What is answered to a message; one that is no question ends the process.
pub(crate) fn reply(engine: &WasmPolicyEngine, message: &[u8]) -> Result<Vec<u8>, Malformed> {
    let (number, body) = frame::split(message)?;
    let answer = match frame::decode(body)? {
        Question::Judge { modules, requests, until_denied } => {
            let mut judged: Vec<Ran> = Vec::with_capacity(modules.len());
            for Asked { module, settings } in &modules {
                let ran = crate::engine::timed(|| engine.decide_now(module, settings, &requests));
                let last = until_denied && crate::engine::ends(&ran.judged);
                judged.push(ran);
                if last {
                    break;
                }
            }
            Answer::Judged(judged)
        }
        Question::Check { module } => Answer::Checked(engine.check_now(&module.module, &module.settings)),
    };
    match frame::encode(number, &answer) {
        Ok(reply) => Ok(reply),
        // Longer than an answer may be.
        Err(_) => frame::encode(number, &Answer::Judged(vec![too_long()])),
    }
}

fn too_long() -> Ran {
    Ran { judged: Err(PolicyFailure::BadAnswer), micros: 0 }
}

fn compile() -> Result<(), Ended> {
    confine::enter(Role::Compile)?;
    let mut stream = Stream(std::io::stdin().as_fd().try_clone_to_owned()?);
    let mut config = crate::runtime::config();
    // One thread, which the list of system calls demands; the result is the same.
    config.parallel_compilation(false);
    let engine = wasmtime::Engine::new(&config).map_err(|_| Ended)?;
    let files = confine::take_files_and_network();
    let calls = confine::take_system_calls();
    let missing = [&files, &calls].into_iter().filter_map(|step| step.as_ref().err().cloned());
    let confinement = Confinement {
        seccomp: calls.is_ok(),
        landlock: files.is_ok(),
        closed: 0,
        missing: missing.collect::<Vec<_>>().join("; "),
    };
    frame::write_value(&mut stream, &Hello { engine: engine_version(&engine), confinement })?;
    let module = frame::read_bytes(&mut stream)?.ok_or(Ended)?;
    let compiled: Result<Vec<u8>, String> =
        engine.precompile_component(&module).map_err(|error| crate::module::sentence(&error));
    match compiled {
        Ok(artefact) => {
            frame::write_value(&mut stream, &Ok::<(), String>(()))?;
            frame::write_bytes(&mut stream, &artefact)?;
        }
        Err(sentence) => frame::write_value(&mut stream, &Err::<(), _>(sentence))?,
    }
    Ok(())
}

/// A stream socket, read and written by the two system calls that a child may use for it.
struct Stream(OwnedFd);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::net::recv(&self.0, buffer, RecvFlags::empty())?.0)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        Ok(rustix::net::send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
