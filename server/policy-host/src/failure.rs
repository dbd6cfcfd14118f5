//! What an error of the WebAssembly engine means to the gate.

use strongroom_domain::policy::PolicyFailure;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::runtime::Limiter;

/// Names the failure behind an error. `otherwise` is what an error means that is neither a trap
/// nor a limit: while an instance is made, the host's trouble; while an answer is read, the module's.
pub(crate) fn classify(error: &wasmtime::Error, limiter: &Limiter, otherwise: PolicyFailure) -> PolicyFailure {
    if limiter.exceeded {
        return PolicyFailure::MemoryLimit;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => PolicyFailure::OutOfFuel,
        Some(Trap::Interrupt) => PolicyFailure::TimedOut,
        Some(Trap::StackOverflow | Trap::AllocationTooLarge) => PolicyFailure::MemoryLimit,
        Some(_) => PolicyFailure::Trap,
        None if error.is::<PoolConcurrencyLimitError>() => PolicyFailure::Unavailable,
        None => otherwise,
    }
}
