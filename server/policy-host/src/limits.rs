//! Every number that bounds a module, in one place.

use std::time::Duration;

/// Largest module that is loaded, in bytes.
pub const MAX_MODULE_BYTES: usize = strongroom_domain::policy_module::MAX_MODULE_BYTES;
/// Most functions that a module may define: many times what a module of any language has that fits into
/// [`MAX_MODULE_BYTES`]. More of them would only keep the compiler busy.
pub const MAX_FUNCTIONS: u64 = 128 * 1024;
/// Most modules that are loaded at once.
pub const MAX_MODULES: usize = 256;
/// Most requests that one instance judges; a longer batch is cut into several.
pub const MAX_BATCH: usize = 64;
/// Fuel of one instance, about one per WebAssembly instruction. An endless loop burns it in about
/// 5 ms; the modules that ship take 3,000 to 7,000 for one request.
pub const FUEL: u64 = 5_000_000;
/// Largest linear memory, in bytes.
pub const MAX_MEMORY_BYTES: usize = 16 * 1024 * 1024;
/// Largest table, in elements.
pub const MAX_TABLE_ELEMENTS: usize = 20_000;
/// Stack of a module, in bytes. It lies on the stack of the calling thread.
pub const MAX_STACK_BYTES: usize = 256 * 1024;
/// Most that is read out of a module's memory in one call, in bytes as the engine counts them.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How often the clock of the backstop ticks.
pub const TICK: Duration = Duration::from_millis(50);
/// Ticks until the backstop stops a module: 250 to 300 ms. It is there for what fuel does not
/// see, and generous, because a loaded machine must not make a healthy module deny.
pub const TICKS: u64 = 6;

/// Instances that run at the same time; further decisions wait for one to end.
pub const MAX_CONCURRENT: usize = 48;
/// Most threads of the policy child.
pub(crate) const MAX_DECIDERS: usize = 32;
/// Instances the pool has room for: more than may run, so that it is never the pool that says no.
pub(crate) const POOL_INSTANCES: u32 = 64;
/// Core instances in one component.
pub(crate) const CORE_INSTANCES_PER_COMPONENT: u32 = 4;
/// Tables in one component.
pub(crate) const TABLES_PER_COMPONENT: u32 = 2;
/// Linear memories in one component.
pub(crate) const MEMORIES_PER_COMPONENT: u32 = 1;

/// Longest reason code, in characters.
pub const MAX_REASON_CODE: usize = 64;
/// Longest sentence, log line and summary, in characters; longer ones are cut.
pub const MAX_TEXT: usize = 256;
/// Most log lines of one answer; further ones are dropped.
pub const MAX_MESSAGES: usize = 8;
/// Most attributes that an answer may name; further ones are dropped.
pub const MAX_RELIED_ON: usize = 32;
/// Longest name of an attribute, in characters; longer ones are cut.
pub const MAX_ATTRIBUTE: usize = 128;
/// Most obligations of one answer, and most entries of a list in one; more deny.
pub const MAX_OBLIGATIONS: usize = 8;
/// Most people whose approval an answer may want.
pub const MAX_APPROVERS: u32 = 8;
/// For how long an approval may count, in seconds.
pub const APPROVAL_SECONDS: std::ops::RangeInclusive<u32> = 60..=604_800;
/// Most facts that a module may want.
pub const MAX_FACTS: usize = 32;
/// Most action patterns of a module, and most object patterns.
pub const MAX_ACTIONS: usize = 64;
/// Longest action or object pattern, in bytes.
pub const MAX_ACTION: usize = 256;
/// Longest version of a module, in characters.
pub const MAX_VERSION: usize = 32;
/// Most exports of a component whose names are shown.
pub(crate) const MAX_EXPORTS: usize = 16;
/// Longest settings schema, in bytes.
pub const MAX_SCHEMA_BYTES: usize = 16 * 1024;

/// Longest message between the server and its policy child, in bytes: what fits into the socket's
/// buffer at its usual size.
pub(crate) const MAX_FRAME: usize = 256 * 1024;
/// Most of a batch that goes into one message, in bytes; a longer batch is cut into several.
pub(crate) const MAX_BATCH_BYTES: usize = 128 * 1024;
/// Longest message on the control socket, in bytes.
pub(crate) const MAX_CONTROL: usize = MAX_ARTEFACT_BYTES;
/// Largest compiled module, in bytes.
pub(crate) const MAX_ARTEFACT_BYTES: usize = 64 * 1024 * 1024;
/// Most compiled modules that are kept on disk.
pub(crate) const MAX_CACHED: usize = 2 * MAX_MODULES;

/// Fuel of an operation that leaves the module for the engine, however little it does there: the most that one can
/// cost. Growing by nothing takes a thousand times as long as an addition.
pub(crate) const FUEL_OF_A_CALL: u8 = u8::MAX;

/// Threads of the policy child, and so the questions that it has at once. More than there are cores: what is slow on
/// one of them shares the core with what is not.
pub(crate) fn deciders() -> usize {
    cores().saturating_mul(2).clamp(4, MAX_DECIDERS)
}

/// How many of those questions may be of modules in shadow.
pub(crate) fn shadows() -> usize {
    cores().saturating_sub(1).clamp(1, MAX_DECIDERS / 2)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
