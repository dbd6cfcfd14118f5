//! The `PolicyEngine` port: the loaded modules, and how many of them run at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use aws_lc_rs::digest;
use strongroom_domain::policy::{
    MAX_SETTINGS_BYTES, ModuleDigest, PolicyAnswer, PolicyAttachment, PolicyEngine, PolicyFailure, PolicyNeeds,
    PolicyRequest,
};
use tokio::sync::Semaphore;
use wasmtime::Engine;

use crate::description::ModuleDescription;
use crate::module::{LoadError, Module};
use crate::runtime::{Ticker, new_engine};
use crate::{limits, shipped};

/// Why there is no policy host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The machine cannot give the engine what it needs.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The thread that ticks could not be started.
    #[error("the clock of the policy host does not start")]
    Clock(#[source] std::io::Error),
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
    _clock: Ticker,
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
        let engine = new_engine().map_err(|error| HostError::Engine(format!("{error:#}")))?;
        let clock = Ticker::start(&engine).map_err(HostError::Clock)?;
        Ok(Self { engine, modules: ArcSwap::default(), running: Semaphore::new(limits::MAX_CONCURRENT), _clock: clock })
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
        let module = Arc::new(Module::load(&self.engine, bytes)?);
        self.modules.rcu(|modules| {
            let mut modules = BTreeMap::clone(modules);
            modules.insert(digest, Arc::clone(&module));
            modules
        });
        Ok(digest)
    }

    /// What a loaded module says about itself.
    #[must_use]
    pub fn description(&self, digest: &ModuleDigest) -> Option<ModuleDescription> {
        let modules = self.modules.load();
        modules.get(digest).map(|module| module.description.clone())
    }

    /// Every loaded module, in the order of their digests.
    #[must_use]
    pub fn modules(&self) -> Vec<(ModuleDigest, ModuleDescription)> {
        let modules = self.modules.load();
        modules.iter().map(|(digest, module)| (*digest, module.description.clone())).collect()
    }

    /// The module's sentence against these settings, if it refuses them.
    ///
    /// # Errors
    /// What evaluating ran into.
    pub async fn refusal(&self, attachment: &PolicyAttachment) -> Result<Option<String>, PolicyFailure> {
        let module = self.find(attachment)?;
        let _running = self.running.acquire().await.map_err(|_| PolicyFailure::Unavailable)?;
        Ok(module.check(&attachment.settings)?.err())
    }

    fn find(&self, attachment: &PolicyAttachment) -> Result<Arc<Module>, PolicyFailure> {
        if attachment.settings.len() > MAX_SETTINGS_BYTES {
            return Err(PolicyFailure::BadSettings);
        }
        let modules = self.modules.load();
        modules.get(&attachment.module).map(Arc::clone).ok_or(PolicyFailure::Missing)
    }
}

#[async_trait]
impl PolicyEngine for WasmPolicyEngine {
    async fn needs(&self, module: &ModuleDigest) -> Option<Arc<PolicyNeeds>> {
        self.modules.load().get(module).map(|module| Arc::clone(&module.needs))
    }

    async fn decide(
        &self,
        attachment: &PolicyAttachment,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        let module = self.find(attachment)?;
        let _running = self.running.acquire().await.map_err(|_| PolicyFailure::Unavailable)?;
        module.decide(requests, &attachment.settings)
    }

    async fn check(&self, attachment: &PolicyAttachment) -> Result<(), PolicyFailure> {
        if self.refusal(attachment).await?.is_some() { Err(PolicyFailure::BadSettings) } else { Ok(()) }
    }
}

/// SHA-256 of a module's bytes.
pub(crate) fn digest_of(bytes: &[u8]) -> ModuleDigest {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    ModuleDigest(hash)
}
