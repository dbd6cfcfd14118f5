//! What a child may not do: everything but computing and speaking over the sockets it was given.
//!
//! In this order: descriptors that came by accident are closed, resources are limited, the file system,
//! the network and signals to others are taken away (Landlock), and at last every system call that
//! computing does not need (seccomp), on all threads; a call outside the list ends the process. Must be
//! finished before the first byte from outside is read.

use std::collections::BTreeMap;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetStatus,
    Scope,
};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use serde::{Deserialize, Serialize};

/// What holds a child, as it says itself when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// Only the system calls of the list; any other one ends the process.
    pub seccomp: bool,
    /// Neither files nor network connections nor signals to others (Landlock).
    pub landlock: bool,
    /// Inherited descriptors that were closed.
    pub closed: usize,
    /// What could not be put in force, for people; empty when everything is.
    pub missing: String,
}

impl Confinement {
    /// Whether everything that belongs to it is in force.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.seccomp && self.landlock && self.missing.is_empty()
    }
}

impl std::fmt::Display for Confinement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |on| if on { "in force" } else { "NOT in force" };
        write!(f, "seccomp {}, Landlock {}", word(self.seccomp), word(self.landlock))?;
        if self.missing.is_empty() { Ok(()) } else { write!(f, " ({})", self.missing) }
    }
}

/// What a child is for, which is what its resources depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Decide,
    Compile,
}

/// First step, on the only thread: closes every descriptor but the three standard ones, which are the
/// sockets and `/dev/null`, and limits resources. Gives the number of those that were closed.
pub(crate) fn enter(role: Role) -> std::io::Result<usize> {
    let mut closed = 0;
    let open = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .collect::<Vec<_>>();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // The one that listed them is closed already.
        closed += usize::from(nix::unistd::close(descriptor).is_ok());
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    let gibibyte = 1 << 30;
    let mut bounds = vec![(Resource::Core, 0), (Resource::Nofile, 1024), (Resource::Data, 2 * gibibyte)];
    if role == Role::Compile {
        bounds.push((Resource::Cpu, super::COMPILE_CPU_SECONDS));
    }
    for (resource, bound) in bounds {
        let bound = getrlimit(resource).maximum.map_or(bound, |hard| hard.min(bound));
        setrlimit(resource, Rlimit { current: Some(bound), maximum: Some(bound) })?;
    }
    Ok(closed)
}

/// Second step, before other threads are started, which inherit it: no file, no network, no signals.
pub(crate) fn take_files_and_network() -> Result<(), String> {
    // The newest rights that are known here; an older kernel gives those it has.
    let abi = ABI::V6;
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(abi)))
        .and_then(|rules| rules.scope(Scope::from_all(abi)))
        .and_then(|rules| rules.create())
        .and_then(|rules| rules.restrict_self());
    match restricted {
        Ok(status) if status.ruleset != RulesetStatus::NotEnforced => Ok(()),
        Ok(_) => Err("the kernel has no Landlock".to_owned()),
        Err(error) => Err(format!("Landlock: {error}")),
    }
}

/// Last step, on all threads: only these system calls from now on.
pub(crate) fn take_system_calls() -> Result<(), String> {
    // The last one forbids to set another.
    for program in [refused(), allowed()] {
        let program = program.map_err(|error| format!("seccomp: {error}"))?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| format!("seccomp: {error}"))?;
    }
    Ok(())
}

/// Whether a file is there, as the C library of this machine asks.
#[cfg(target_arch = "x86_64")]
const ACCESS: libc::c_long = libc::SYS_access;
#[cfg(not(target_arch = "x86_64"))]
const ACCESS: libc::c_long = libc::SYS_faccessat;
/// Waiting for a signal, likewise.
#[cfg(target_arch = "x86_64")]
const PAUSE: libc::c_long = libc::SYS_pause;
#[cfg(not(target_arch = "x86_64"))]
const PAUSE: libc::c_long = libc::SYS_ppoll;

/// Calls that are answered "no" where others end the process: the allocator asks for the machine's memory nodes when
/// it first grows, and goes on without.
fn refused() -> Result<BpfProgram, seccompiler::BackendError> {
    let rules = [(ACCESS, Vec::new())].into_iter().collect();
    let arch = std::env::consts::ARCH.try_into()?;
    let no = SeccompAction::Errno(libc::EACCES.cast_unsigned());
    SeccompFilter::new(rules, SeccompAction::Allow, no, arch)?.try_into()
}

/// All calls that do not end the process.
fn allowed() -> Result<BpfProgram, seccompiler::BackendError> {
    // What the allocator, the threads and the engine need of the system, and the sockets. A thread that was
    // made before may begin after: it registers itself (`rseq`, robust list), asks for its stack and takes its name.
    let free = [
        // Only to be refused.
        ACCESS,
        libc::SYS_brk,
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_close,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_ftruncate,
        libc::SYS_futex,
        libc::SYS_getcpu,
        libc::SYS_getpid,
        libc::SYS_getrandom,
        libc::SYS_gettid,
        libc::SYS_madvise,
        libc::SYS_membarrier,
        libc::SYS_memfd_create,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_mremap,
        libc::SYS_munmap,
        libc::SYS_nanosleep,
        // Where the standard library lets a second thread wait that ends the process at the same time.
        PAUSE,
        libc::SYS_read,
        libc::SYS_recvfrom,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_sendto,
        libc::SYS_set_robust_list,
        libc::SYS_sigaltstack,
        libc::SYS_write,
    ];
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = free.into_iter().map(|call| (call, Vec::new())).collect();
    let mut only = |call: i64, argument: u8, value: u64| -> Result<(), seccompiler::BackendError> {
        let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)?;
        rules.entry(call).or_default().push(SeccompRule::new(vec![condition])?);
        Ok(())
    };
    // Which pages a module dirtied (`PAGEMAP_SCAN`), and giving them back (`PIDFD_SELF`).
    only(libc::SYS_ioctl, 1, 0xc060_6610)?;
    only(libc::SYS_process_madvise, 0, u64::from((-10_000_i32).cast_unsigned()))?;
    // Sealing the image of a module's memory (`F_ADD_SEALS`), and looking whether a descriptor is open before it is
    // closed, as builds with assertions do (`F_GETFD`).
    only(libc::SYS_fcntl, 1, 1033)?;
    only(libc::SYS_fcntl, 1, 1)?;
    // A thread's name (`PR_SET_NAME`), and the allocator's name for its memory (`PR_SET_VMA`).
    only(libc::SYS_prctl, 0, 15)?;
    only(libc::SYS_prctl, 0, 0x5356_4d41)?;
    let arch = std::env::consts::ARCH.try_into()?;
    SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch)?.try_into()
}
