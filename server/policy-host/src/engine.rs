//! The `PolicyEngine` port: the loaded modules, and how many of them run at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use aws_lc_rs::digest;
use strongroom_domain::policy::{
    Effect, MAX_SETTINGS_BYTES, ModuleDigest, PolicyAnswer, PolicyAttachment, PolicyEngine, PolicyFailure, PolicyNeeds,
    PolicyRequest, Unfit,
};
use strongroom_domain::time::micros;
use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::artefact::{Artefact, engine_version};
use crate::description::ModuleDescription;
use crate::isolated::{Confinement, Judged, Ran, length};
use crate::module::{LoadError, Module};
use crate::runtime::{Ticker, new_engine};
use crate::{limits, shipped, trial};

/// Why there is no policy host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The machine cannot give the engine what it needs.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The thread that ticks could not be started.
    #[error("the clock of the policy host does not start")]
    Clock(#[source] std::io::Error),
    /// The child that runs modules could not be started.
    #[error("the process of policy modules does not start")]
    Child(#[source] std::io::Error),
    /// The kernel does not hold the child as it has to be held.
    #[error("the process of policy modules is not confined: {0}")]
    NotConfined(Confinement),
    /// The directory of compiled modules cannot be used.
    #[error("the directory {} of compiled modules cannot be used", .0.display())]
    Cache(PathBuf, #[source] std::io::Error),
    /// A module that ships with the product does not load.
    #[error("the module {name} that ships with the product does not load")]
    Shipped {
        /// Which one.
        name: &'static str,
        /// Why not.
        source: LoadError,
    },
}

/// Evaluates policy modules in this process.
///
/// Decisions run where they are asked for and block that thread: tens of microseconds for a
/// healthy module, a few milliseconds for one that burns all its fuel, so handing them to another
/// thread would cost more than it saves.
pub struct WasmPolicyEngine {
    engine: Engine,
    modules: ArcSwap<BTreeMap<ModuleDigest, Arc<Module>>>,
    running: Semaphore,
    clock: Mutex<Option<Ticker>>,
}

impl std::fmt::Debug for WasmPolicyEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmPolicyEngine").field("modules", &self.modules.load().len()).finish_non_exhaustive()
    }
}

impl WasmPolicyEngine {
    /// A host without modules.
    ///
    /// # Errors
    /// [`HostError`] when the machine does not give it memory or a thread.
    pub fn new() -> Result<Self, HostError> {
        let host = Self::bare()?;
        host.start_clock()?;
        Ok(host)
    }

    /// A host whose clock does not run yet, for who has to start threads in an order.
    pub(crate) fn bare() -> Result<Self, HostError> {
        let engine = new_engine().map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let running = Semaphore::new(limits::MAX_CONCURRENT);
        Ok(Self { engine, modules: ArcSwap::default(), running, clock: Mutex::default() })
    }

    /// Starts the clock of the backstop.
    pub(crate) fn start_clock(&self) -> Result<(), HostError> {
        let clock = Ticker::start(&self.engine).map_err(HostError::Clock)?;
        *self.clock.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock);
        Ok(())
    }

    /// Has the calling thread ready to run modules.
    pub(crate) fn prepare_thread() {
        Engine::tls_eager_initialize();
    }

    /// Names the engine's version and configuration.
    pub(crate) fn version(&self) -> String {
        engine_version(&self.engine)
    }

    /// A host with the modules that ship with the product, and those that earlier releases shipped:
    /// attachments name them by their digests.
    ///
    /// # Errors
    /// As [`Self::new`], and [`HostError::Shipped`].
    pub fn with_shipped() -> Result<Self, HostError> {
        let host = Self::new()?;
        for module in shipped::shipped().into_iter().chain(shipped::released()) {
            host.load(module.bytes).map_err(|source| HostError::Shipped { name: module.name, source })?;
        }
        Ok(host)
    }

    /// Compiles a module, checks that it keeps the contract, and has it ready from now on. Loading
    /// the same bytes again changes nothing.
    ///
    /// Takes tens of milliseconds of processor time (more for large modules), which nothing but
    /// the size of the module bounds: call it where waiting is fine, for people who may do that.
    ///
    /// # Errors
    /// [`LoadError`], which says what is wrong with the module.
    pub fn load(&self, bytes: &[u8]) -> Result<ModuleDigest, LoadError> {
        if bytes.len() > limits::MAX_MODULE_BYTES {
            return Err(LoadError::TooLarge);
        }
        let digest = digest_of(bytes);
        let loaded = self.modules.load();
        if loaded.contains_key(&digest) {
            return Ok(digest);
        }
        if loaded.len() >= limits::MAX_MODULES {
            return Err(LoadError::TooMany);
        }
        drop(loaded);
        self.keep(digest, Module::load(&self.engine, bytes)?);
        Ok(digest)
    }

    /// Has a module ready that was compiled before, and gives what it says about itself.
    pub(crate) fn load_artefact(
        &self,
        digest: ModuleDigest,
        artefact: &Artefact,
    ) -> Result<ModuleDescription, LoadError> {
        if self.modules.load().len() >= limits::MAX_MODULES {
            return Err(LoadError::TooMany);
        }
        let module = Module::revive(&self.engine, artefact)?;
        let description = module.description.clone();
        self.keep(digest, module);
        Ok(description)
    }

    /// Forgets a module; decisions under way end with it.
    pub fn forget(&self, digest: &ModuleDigest) {
        self.modules.rcu(|modules| {
            let mut modules = BTreeMap::clone(modules);
            modules.remove(digest);
            modules
        });
    }

    fn keep(&self, digest: ModuleDigest, module: Module) {
        let module = Arc::new(module);
        self.modules.rcu(|modules| {
            let mut modules = BTreeMap::clone(modules);
            modules.insert(digest, Arc::clone(&module));
            modules
        });
    }

    /// What a loaded module says about itself.
    #[must_use]
    pub fn description(&self, digest: &ModuleDigest) -> Option<ModuleDescription> {
        let modules = self.modules.load();
        modules.get(digest).map(|module| module.description.clone())
    }

    /// Names of what a loaded module's component exports: the contract, and whatever else.
    #[must_use]
    pub fn exports(&self, digest: &ModuleDigest) -> Vec<String> {
        self.modules.load().get(digest).map(|module| module.exports.clone()).unwrap_or_default()
    }

    /// Every loaded module, in the order of their digests.
    #[must_use]
    pub fn modules(&self) -> Vec<(ModuleDigest, ModuleDescription)> {
        let modules = self.modules.load();
        modules.iter().map(|(digest, module)| (*digest, module.description.clone())).collect()
    }

    /// The sentence against these settings, if its schema or the module itself refuses them.
    ///
    /// # Errors
    /// What evaluating ran into.
    pub async fn refusal(&self, attachment: &PolicyAttachment) -> Result<Option<String>, PolicyFailure> {
        let _running = self.running.acquire().await.map_err(|_| PolicyFailure::Unavailable)?;
        Ok(self.find(&attachment.module, &attachment.settings)?.take(&attachment.settings)?.err())
    }

    /// Judges on the calling thread.
    pub(crate) fn decide_now(
        &self,
        module: &ModuleDigest,
        settings: &str,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        let module = self.find(module, settings)?;
        let mut answers = Vec::with_capacity(requests.len());
        for batch in batches(requests) {
            answers.extend(module.decide(batch, settings)?);
        }
        Ok(answers)
    }

    /// Holds settings against the module's schema, has the module look at them, and tries it, on the calling thread.
    pub(crate) fn check_now(&self, module: &ModuleDigest, settings: &str) -> Result<(), Unfit> {
        let against = |sentence| Unfit { failure: PolicyFailure::BadSettings, sentence: Some(sentence) };
        let module = self.find(module, settings)?;
        module.take(settings)?.map_err(against)?;
        // One that takes its settings and then fails would deny all that it wants to see: better now than then.
        for request in trial::of(&module.description) {
            module.decide(std::slice::from_ref(&request), settings)?;
        }
        Ok(())
    }

    /// Judges, once there is a place. Waiting for it is not counted.
    pub(crate) async fn run(&self, attachment: &PolicyAttachment, requests: &[PolicyRequest]) -> Ran {
        match self.running.acquire().await {
            Ok(_running) => timed(|| self.decide_now(&attachment.module, &attachment.settings, requests)),
            Err(_) => Ran { judged: Err(PolicyFailure::Unavailable), micros: 0 },
        }
    }

    fn find(&self, module: &ModuleDigest, settings: &str) -> Result<Arc<Module>, PolicyFailure> {
        if settings.len() > MAX_SETTINGS_BYTES {
            return Err(PolicyFailure::BadSettings);
        }
        self.modules.load().get(module).map(Arc::clone).ok_or(PolicyFailure::Missing)
    }
}

#[async_trait]
impl PolicyEngine for WasmPolicyEngine {
    async fn needs(&self, module: &ModuleDigest) -> Option<Arc<PolicyNeeds>> {
        self.modules.load().get(module).map(|module| Arc::clone(&module.needs))
    }

    fn wants(&self, module: &ModuleDigest, action: &str) -> bool {
        self.modules.load().get(module).is_none_or(|module| module.description.wants(action))
    }

    async fn decide(
        &self,
        attachment: &PolicyAttachment,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        self.run(attachment, requests).await.judged
    }

    async fn check(&self, attachment: &PolicyAttachment) -> Result<(), Unfit> {
        let _running = self.running.acquire().await.map_err(|_| PolicyFailure::Unavailable)?;
        self.check_now(&attachment.module, &attachment.settings)
    }

    fn passes_over(&self, module: &ModuleDigest, request: &PolicyRequest) -> bool {
        self.modules.load().get(module).is_some_and(|module| module.description.unwanted(request).is_some())
    }
}

/// Judges, and says how long that took.
pub(crate) fn timed(judge: impl FnOnce() -> Judged) -> Ran {
    let began = Instant::now();
    let judged = judge();
    Ran { judged, micros: micros(began.elapsed()) }
}

/// Whether no further module need be asked: this one denies something, or says nothing.
pub(crate) fn ends(judged: &Judged) -> bool {
    judged.as_ref().map_or(true, |answers| answers.iter().any(|answer| answer.effect == Effect::Deny))
}

/// Cuts requests into the batches that one instance judges. Always the same way, wherever modules run,
/// so that the same requests burn the same fuel.
pub(crate) fn batches(requests: &[PolicyRequest]) -> Vec<&[PolicyRequest]> {
    let (mut batches, mut rest) = (Vec::new(), requests);
    while !rest.is_empty() {
        let mut bytes = 0_usize;
        let fits = |request: &&PolicyRequest| {
            bytes = bytes.saturating_add(if requests.len() == 1 { 0 } else { length(*request) });
            bytes <= limits::MAX_BATCH_BYTES
        };
        let count = rest.iter().take(limits::MAX_BATCH).take_while(fits).count().max(1);
        let (batch, others) = rest.split_at(count);
        batches.push(batch);
        rest = others;
    }
    batches
}

/// SHA-256 of a module's bytes.
pub(crate) fn digest_of(bytes: &[u8]) -> ModuleDigest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    ModuleDigest(hash)
}
