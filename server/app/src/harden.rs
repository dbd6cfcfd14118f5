//! What the process asks of the system for the sake of the keys in its memory: no core dumps, no debugger
//! of the same user, and no swapping of what is in memory once the keys are open.
//!
//! Locking needs `CAP_IPC_LOCK` or a large enough limit (systemd: `LimitMEMLOCK=infinity`); without, it is
//! said in the log and the server goes on: use encrypted swap, or none. It covers what is mapped when it is
//! called, which is the root key, the installation's keys and the signing keys. Memory that is mapped later is
//! left out on purpose: the sandbox of policy modules gives pages back, which locked pages do not allow.

use rustix::{
    mm::{MlockAllFlags, mlockall},
    process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit},
};

/// No core dump, and no other process of this user may look into this one. To be called first.
pub(crate) fn keep_to_oneself() -> std::io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(())
}

/// Locks what is in memory now. To be called when the keys are open.
pub(crate) fn lock_memory() {
    match mlockall(MlockAllFlags::CURRENT | MlockAllFlags::ONFAULT) {
        Ok(()) => tracing::debug!("memory with keys is locked"),
        Err(error) => tracing::warn!(%error, "memory with keys is not locked and may be swapped (see operations)"),
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn the_process_leaves_no_core_and_lets_nobody_look() {
        keep_to_oneself().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let core = getrlimit(Resource::Core);
        assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
    }
}
