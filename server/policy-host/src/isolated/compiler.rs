//! Compiling a module in a child of its own, which is killed when it takes too long.
//!
//! A module that makes the compiler run for minutes, eat memory or crash ends that child and nothing
//! else: its memory and its processor time are limited, and so is the time by the clock.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::frame::{self, Hello};
use super::link::{end, read_hello};
use super::{COMPILE, COMPILE_WITHIN, ChildProgram};
use crate::artefact::Artefact;

/// Why a module was not compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    /// What the compiler says is wrong with it.
    #[error("{0}")]
    Refused(String),
    /// It took more time or memory than compiling may take, or crashed the compiler.
    #[error("compiling it takes more time or memory than a module may take")]
    TooExpensive,
    /// The child cannot be started or is not held as it has to be.
    #[error("the compiler does not start: {0}")]
    Unavailable(String),
}

/// Compiles a module. Blocks, for seconds at worst. `fits` looks at how the child is held.
pub(crate) fn compile(
    program: &ChildProgram,
    module: &[u8],
    fits: impl Fn(&Hello) -> bool,
) -> Result<Artefact, CompileError> {
    let unavailable = |error: std::io::Error| CompileError::Unavailable(error.to_string());
    let (stream, its_stream) = UnixStream::pair().map_err(unavailable)?;
    let child = program.command(COMPILE).stdin(Stdio::from(OwnedFd::from(its_stream))).spawn().map_err(unavailable)?;
    let child = Watched::new(child);
    let hello = read_hello(&stream).map_err(unavailable)?;
    if !fits(&hello) {
        return Err(CompileError::Unavailable(format!("it is not held as it has to be: {}", hello.confinement)));
    }
    // Every wait is bounded by the watcher, which kills the child: then the stream ends.
    stream.set_read_timeout(None).map_err(unavailable)?;
    let done = child.within(|| -> std::io::Result<Option<Result<Vec<u8>, String>>> {
        frame::write_bytes(&mut &stream, module)?;
        match frame::read_value::<Result<(), String>>(&mut &stream)? {
            Some(Ok(())) => Ok(frame::read_bytes(&mut &stream)?.map(Ok)),
            Some(Err(why)) => Ok(Some(Err(why))),
            None => Ok(None),
        }
    });
    match done {
        Ok(Some(Ok(artefact))) => Ok(Artefact::vouched_for(artefact)),
        Ok(Some(Err(why))) => Err(CompileError::Refused(crate::answer::cut(&why, crate::limits::MAX_TEXT))),
        Ok(None) | Err(_) => Err(CompileError::TooExpensive),
    }
}

/// A child that is killed when its time is up, and in any case when this is dropped.
struct Watched {
    child: Arc<Mutex<Child>>,
}

impl Watched {
    fn new(child: Child) -> Self {
        Self { child: Arc::new(Mutex::new(child)) }
    }

    /// Does the work while a watcher looks at the clock.
    fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        let (told, child) = (Arc::clone(&over), Arc::clone(&self.child));
        let watcher = std::thread::Builder::new().name("policy-compile-watch".to_owned()).spawn(move || {
            let (over, changed) = &*told;
            let over = over.lock().unwrap_or_else(PoisonError::into_inner);
            let waited = changed.wait_timeout_while(over, COMPILE_WITHIN, |over| !*over);
            if !*waited.unwrap_or_else(PoisonError::into_inner).0 {
                end(&mut child.lock().unwrap_or_else(PoisonError::into_inner));
            }
        });
        let result = work();
        *over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        over.1.notify_all();
        if let Ok(watcher) = watcher {
            let _ = watcher.join();
        }
        result
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        end(&mut self.child.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
