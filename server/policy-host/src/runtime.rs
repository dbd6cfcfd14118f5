//! The WebAssembly engine: one per process, its limits, and the clock of its backstop.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, PoolingAllocationConfig, ResourceLimiter,
};

use crate::limits;

/// An engine that runs nothing but deterministic code.
pub(crate) fn new_engine() -> wasmtime::Result<Engine> {
    Engine::new(&config())
}

/// The one configuration: no threads, no relaxed SIMD, one NaN. Compiled modules are of use only to an
/// engine that has it.
pub(crate) fn config() -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(limits::POOL_INSTANCES)
        .total_core_instances(limits::POOL_INSTANCES * limits::CORE_INSTANCES_PER_COMPONENT)
        .total_tables(limits::POOL_INSTANCES * limits::TABLES_PER_COMPONENT)
        .total_memories(limits::POOL_INSTANCES * limits::MEMORIES_PER_COMPONENT)
        .max_core_instances_per_component(limits::CORE_INSTANCES_PER_COMPONENT)
        .max_tables_per_component(limits::TABLES_PER_COMPONENT)
        .max_memories_per_component(limits::MEMORIES_PER_COMPONENT)
        .max_memory_size(limits::MAX_MEMORY_BYTES)
        .table_elements(limits::MAX_TABLE_ELEMENTS)
        // What a decision touches stays mapped and is zeroed by hand: a third of the time
        // without it goes into page faults and madvise.
        .linear_memory_keep_resident(256 * 1024)
        .table_keep_resident(16 * 1024)
        .pagemap_scan(Enabled::Auto);

    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .consume_fuel(true)
        .operator_cost(costs())
        .epoch_interruption(true)
        .max_wasm_stack(limits::MAX_STACK_BYTES)
        .memory_init_cow(true)
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .wasm_shared_everything_threads(false)
        .shared_memory(false)
        .wasm_backtrace_max_frames(None);
    config
}

/// What each operation costs: one, and more where it calls the engine, which takes much longer than its count says.
/// Copying and filling memory calls it too; that costs by the byte, and modules do much of it.
fn costs() -> OperatorCost {
    const CALL: u8 = limits::FUEL_OF_A_CALL;
    OperatorCost {
        MemoryGrow: CALL,
        TableGrow: CALL,
        MemoryInit: CALL,
        TableInit: CALL,
        TableCopy: CALL,
        TableFill: CALL,
        DataDrop: CALL,
        ElemDrop: CALL,
        RefFunc: CALL,
        ..OperatorCost::new()
    }
}

/// Advances the epoch of an engine until it is dropped.
pub(crate) struct Ticker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let engine = engine.clone();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("policy-clock".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(limits::TICK) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread only waits and counts; it cannot have panicked.
            let _ = thread.join();
        }
    }
}

/// Refuses an instance more memory and tables than it may have, and remembers that it did.
///
/// Refusing is an error and not a failed `memory.grow`: a module that goes over its limit is
/// stopped there, and the failure says why.
#[derive(Default)]
pub(crate) struct Limiter {
    pub(crate) exceeded: bool,
}

impl Limiter {
    fn bound(&mut self, desired: usize, limit: usize) -> wasmtime::Result<bool> {
        if desired > limit {
            self.exceeded = true;
            wasmtime::bail!("{desired} is more than {limit}");
        }
        Ok(true)
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.bound(desired, limits::MAX_MEMORY_BYTES)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.bound(desired, limits::MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        limits::CORE_INSTANCES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        limits::TABLES_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        limits::MEMORIES_PER_COMPONENT as usize
    }
}
