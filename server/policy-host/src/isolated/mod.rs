//! Modules in a process of their own.
//!
//! The server holds the keys; modules are run, and compiled, by children of the same program that hold
//! nothing: see [`confine`] for what they may not do, [`frame`] for what is said, [`supervisor`] for how
//! one is kept running. The server itself never turns bytes into machine code then.

pub(crate) mod child;
mod compiler;
mod confine;
pub(crate) mod frame;
mod lane;
mod link;
mod places;
mod supervisor;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use child::run_child;
pub(crate) use compiler::{CompileError, compile};
pub use confine::Confinement;
pub(crate) use frame::{Answer, Asked, Hello, Judged, Question, Ran, length};
pub(crate) use places::{Party, Urgency};
pub(crate) use supervisor::{Refused, Supervisor};

/// The word that makes a program the child that decides.
pub(crate) const DECIDE: &str = "decide";
/// The word that makes a program the child that compiles.
pub(crate) const COMPILE: &str = "compile";

/// How long a new child may take until it says hello.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// How long loading a module may take.
const ORDER_WITHIN: Duration = Duration::from_secs(10);
/// How long a question may take, beyond what the backstop lets its modules take. What is asked runs at once, so no
/// module and no number of them brings it about that this is not kept.
const REPLY_WITHIN: Duration = Duration::from_secs(3);
/// How long a question waits for a child that is being started again.
const WAIT_FOR_CHILD: Duration = Duration::from_secs(1);
/// How long compiling may take, by the clock.
const COMPILE_WITHIN: Duration = Duration::from_secs(30);
/// How long compiling may take, in seconds of processor time.
const COMPILE_CPU_SECONDS: u64 = 20;

/// The program that children are: its path, and the arguments before the word.
#[derive(Clone, Debug)]
pub struct ChildProgram {
    /// Executed anew for each child.
    pub path: PathBuf,
    /// Arguments before `decide` or `compile`.
    pub arguments: Vec<OsString>,
}

impl ChildProgram {
    /// The program that runs now, whatever has become of its file, with these arguments.
    #[must_use]
    pub fn this_one(arguments: &[&str]) -> Self {
        Self { path: "/proc/self/exe".into(), arguments: arguments.iter().map(OsString::from).collect() }
    }
}

/// Confines the calling process as a child is, with or without the last step. For the tests of this crate,
/// which look at what such a process can still do.
///
/// # Errors
/// What could not be put in force.
#[doc(hidden)]
pub fn confine_this_process(calls: bool) -> Result<(), String> {
    confine::enter(confine::Role::Decide).map_err(|error| error.to_string())?;
    confine::take_files_and_network()?;
    if calls { confine::take_system_calls() } else { Ok(()) }
}
