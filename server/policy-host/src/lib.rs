//! Loads, limits and evaluates policy modules: the `PolicyEngine` port over WebAssembly.
//!
//! A module is a component that exports the contract in `policy-plugins/wit` and imports nothing.
//! Every batch of requests gets a fresh instance, so nothing a module learnt from one request can
//! reach another one. How long it may run is counted in fuel, which is deterministic; how much
//! memory it may take is limited; what it answers is checked and cut. Whatever goes wrong is a
//! [`PolicyFailure`](strongroom_domain::policy::PolicyFailure), and those deny.
//!
//! A server runs modules through [`PolicyHost`]: in a child process that holds nothing, by default, with
//! compiling in another one. [`WasmPolicyEngine`] runs them in the calling process: for the command line,
//! and inside the child.
//!
//! This crate must never see a key, a secret value or the database: it is made to run in a process
//! that holds none of them. It must never offer a module an import, a clock or randomness, and
//! never reuse an instance.

mod answer;
mod artefact;
mod author;
mod believe;
mod cache;
mod contract;
mod description;
mod engine;
mod facts;
mod failure;
#[doc(hidden)]
pub mod fuzzed;
mod golden;
mod host;
mod isolated;
pub mod limits;
mod module;
mod pattern;
mod runtime;
mod schema;
mod shape;
mod shipped;
pub mod signature;
mod trial;

pub use author::{CONTRACT, component_of};
pub use cache::ArtefactSeal;
pub use contract::VERSIONS as CONTRACT_VERSIONS;
pub use description::ModuleDescription;
pub use engine::{HostError, WasmPolicyEngine};
pub use golden::{GoldenFile, GoldenRun};
pub use host::{HostOptions, Isolation, ModuleError, ModuleSource, PolicyHost, SourceModule};
#[doc(hidden)]
pub use isolated::confine_this_process;
pub use isolated::{ChildProgram, Confinement, run_child};
pub use module::LoadError;
pub use schema::{NotUnderstood, understood};
pub use shipped::{ShippedModule, released, shipped};
