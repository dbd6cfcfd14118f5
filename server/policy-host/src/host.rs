//! The policy host of a server: modules come in on demand, are compiled once, and run where the
//! configuration says: in a child that holds nothing, or here.
//!
//! A module is known by its digest. The first decision that needs one finds its bytes (shipped with the
//! product, or from where uploads are kept), has them compiled in a child that can be killed, keeps the
//! result under the installation's MAC, and loads it. What cannot be found or does not compile denies.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use strongroom_domain::policy::{
    AttachmentState, MAX_SETTINGS_BYTES, ModuleDigest, PolicyAnswer, PolicyAttachment, PolicyEngine, PolicyFailure,
    PolicyNeeds, PolicyRequest, PolicyStage, Said, Unfit,
};
use strongroom_domain::policy_module::{LibraryError, ModuleFacts, ModuleLibrary, ModuleLimits};
use strongroom_domain::time::micros;
use tokio::sync::{OwnedMutexGuard, Semaphore};

use crate::cache::{ArtefactSeal, Cache};
use crate::description::ModuleDescription;
use crate::engine::{self, WasmPolicyEngine};
use crate::isolated::{
    Asked, ChildProgram, CompileError, Confinement, Judged, Party, Question, Ran, Refused, Supervisor, Urgency, compile,
};
use crate::signature::Signer;
use crate::{HostError, answer, believe, limits, schema, shape, shipped};

/// How long a module that could not be loaded is not tried again.
const HOLD_OFF: Duration = Duration::from_secs(10);
/// How many modules that were taken in are compiled at a time.
const COMPILING: usize = 2;

/// Where modules run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Isolation {
    /// In a child that seccomp and Landlock hold; without them there is no policy host.
    #[default]
    Full,
    /// In a child, held by whatever of seccomp and Landlock the kernel has.
    Process,
    /// In this process.
    None,
}

/// Where bytes of modules are found that do not ship with the product.
#[async_trait]
pub trait ModuleSource: Send + Sync {
    /// The authentic bytes of the module with this digest, if there is one.
    ///
    /// # Errors
    /// A sentence for the log when that cannot be said.
    async fn bytes(&self, digest: &ModuleDigest) -> Result<Option<SourceModule>, String>;
}

/// A module as it is kept.
pub struct SourceModule {
    /// Its bytes.
    pub bytes: Arc<[u8]>,
    /// The signature that came with them.
    pub signature: Option<Vec<u8>>,
}

/// What a host is made with.
pub struct HostOptions {
    /// Where modules run.
    pub isolation: Isolation,
    /// What children are.
    pub program: ChildProgram,
    /// Directory for compiled modules, which only the server can write; none keeps nothing.
    pub cache: Option<PathBuf>,
    /// Authenticates what is kept there.
    pub seal: Arc<dyn ArtefactSeal>,
    /// Modules besides those that ship.
    pub source: Arc<dyn ModuleSource>,
    /// One of these has to have signed every module that does not ship; empty demands no signature.
    pub signers: Vec<Signer>,
}

/// Why a module is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// No module has this digest.
    #[error("there is no such module")]
    Missing,
    /// What is wrong with it.
    #[error("{0}")]
    Refused(String),
    /// It lacks a signature that is demanded, or has one that does not hold.
    #[error("it is not signed by a key that this server's configuration lists")]
    NotSigned,
    /// The host cannot look at it now.
    #[error("the policy host is not available: {0}")]
    Unavailable(String),
}

enum Runner {
    Child(Supervisor),
    Here(WasmPolicyEngine),
}

/// Evaluates the attached modules of a server.
pub struct PolicyHost(Arc<Inner>);

struct Inner {
    runner: Runner,
    isolation: Isolation,
    program: ChildProgram,
    engine: String,
    cache: Option<Cache>,
    source: Arc<dyn ModuleSource>,
    signers: Vec<Signer>,
    /// Shared, so that nobody matches a module's patterns while others wait for the map.
    loaded: Mutex<HashMap<ModuleDigest, Arc<ModuleDescription>>>,
    failed: Mutex<HashMap<ModuleDigest, Instant>>,
    /// Each module is looked for, compiled, loaded and forgotten by one at a time.
    loading: Mutex<HashMap<ModuleDigest, Arc<tokio::sync::Mutex<()>>>>,
    /// One upload is compiled at a time: it may be made to take as long as it can.
    uploading: Semaphore,
    /// So are a few of those that were taken in, which compile within bounds and are kept compiled. Those that ship
    /// wait for nobody.
    compiling: Semaphore,
}

impl PolicyHost {
    /// Starts a host. Blocks for some milliseconds: call it before serving.
    ///
    /// # Errors
    /// [`HostError`] when children cannot be started or held, or the machine has no room for an engine.
    pub fn start(options: HostOptions) -> Result<Self, HostError> {
        let HostOptions { isolation, program, cache, seal, source, signers } = options;
        let (runner, engine) = if isolation == Isolation::None {
            let here = WasmPolicyEngine::new()?;
            let version = here.version();
            (Runner::Here(here), version)
        } else {
            let child = Supervisor::start(program.clone()).map_err(HostError::Child)?;
            let hello = child.hello();
            if isolation == Isolation::Full && !hello.confinement.is_complete() {
                return Err(HostError::NotConfined(hello.confinement.clone()));
            }
            let version = hello.engine.clone();
            (Runner::Child(child), version)
        };
        let cache = match cache {
            Some(directory) => Some(
                Cache::open(&directory, engine.clone(), seal).map_err(|error| HostError::Cache(directory, error))?,
            ),
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            runner,
            isolation,
            program,
            engine,
            cache,
            source,
            signers,
            loaded: Mutex::default(),
            failed: Mutex::default(),
            loading: Mutex::default(),
            uploading: Semaphore::new(1),
            compiling: Semaphore::new(COMPILING),
        })))
    }

    /// What holds the child that runs modules; none when they run in this process.
    #[must_use]
    pub fn confinement(&self) -> Option<Confinement> {
        match &self.0.runner {
            Runner::Child(child) => Some(child.hello().confinement.clone()),
            Runner::Here(_) => None,
        }
    }

    /// Has a module ready, wherever it comes from, and gives what it says about itself.
    ///
    /// # Errors
    /// [`ModuleError`].
    pub async fn ready(&self, digest: &ModuleDigest) -> Result<ModuleDescription, ModuleError> {
        if let Some(known) = self.0.known(digest) {
            return Ok(known);
        }
        // A task of its own: who asks may stop waiting, and the next one is to find the work done.
        let (host, digest) = (Self(Arc::clone(&self.0)), *digest);
        let work = tokio::spawn(async move { host.find_and_load(digest).await });
        work.await.map_err(|error| ModuleError::Unavailable(error.to_string()))?
    }

    async fn find_and_load(&self, digest: ModuleDigest) -> Result<ModuleDescription, ModuleError> {
        let _alone = self.0.alone_with(digest).await;
        if let Some(known) = self.0.known(&digest) {
            return Ok(known);
        }
        let ships = shipped::shipped().into_iter().chain(shipped::released()).find(|module| module.digest == digest);
        let bytes: Arc<[u8]> = match ships {
            Some(module) => Arc::from(module.bytes),
            None => {
                let found = self.0.source.bytes(&digest).await.map_err(ModuleError::Unavailable)?;
                let found = found.filter(|found| engine::digest_of(&found.bytes) == digest);
                let SourceModule { bytes, signature } = found.ok_or(ModuleError::Missing)?;
                self.0.signed(&bytes, signature.as_deref())?;
                let _turn = self.0.compiling.acquire().await;
                return self.take_in(digest, bytes).await;
            }
        };
        self.take_in(digest, bytes).await
    }

    /// Compiles and loads a module that is being uploaded, so that it is known to be one.
    ///
    /// # Errors
    /// [`ModuleError`].
    pub async fn admit(
        &self,
        bytes: Arc<[u8]>,
        signature: Option<&[u8]>,
    ) -> Result<(ModuleDigest, ModuleDescription), ModuleError> {
        if bytes.len() > limits::MAX_MODULE_BYTES {
            return Err(ModuleError::Refused(crate::LoadError::TooLarge.to_string()));
        }
        shape::check(&bytes).map_err(|error| ModuleError::Refused(error.to_string()))?;
        self.0.signed(&bytes, signature)?;
        let digest = engine::digest_of(&bytes);
        let alone = self.0.alone_with(digest).await;
        if let Some(known) = self.0.known(&digest) {
            return Ok((digest, known));
        }
        let turn = self.0.uploading.acquire().await;
        let description = self.take_in(digest, bytes).await?;
        drop((turn, alone));
        // Here and not where modules are loaded: what an earlier release took in goes on being asked.
        if let Err(why) = schema::understood(&description.settings_schema) {
            self.forget(digest).await;
            return Err(ModuleError::Refused(format!("settings could not be checked against its schema: {why}")));
        }
        Ok((digest, description))
    }

    /// Forgets a module that nothing is attached to any more.
    pub async fn forget(&self, digest: ModuleDigest) {
        let inner = Arc::clone(&self.0);
        let _alone = self.0.alone_with(digest).await;
        inner.lock_loaded().remove(&digest);
        let work = tokio::task::spawn_blocking(move || match &inner.runner {
            Runner::Child(child) => child.forget(digest),
            Runner::Here(engine) => engine.forget(&digest),
        });
        let _ = work.await;
    }

    async fn take_in(&self, digest: ModuleDigest, bytes: Arc<[u8]>) -> Result<ModuleDescription, ModuleError> {
        let inner = Arc::clone(&self.0);
        let work = tokio::task::spawn_blocking(move || inner.load(digest, &bytes));
        work.await.map_err(|error| ModuleError::Unavailable(error.to_string()))?
    }

    /// Whether a module that was missing is there now.
    async fn find(&self, digest: &ModuleDigest) -> Result<(), PolicyFailure> {
        let held_off = |at: &Instant| at.elapsed() < HOLD_OFF;
        if self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).get(digest).is_some_and(held_off) {
            return Err(PolicyFailure::Missing);
        }
        match self.ready(digest).await {
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, module = %digest, "an attached module cannot be loaded");
                if let ModuleError::Refused(_) | ModuleError::NotSigned = error {
                    let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
                    failed.retain(|_, at| held_off(at));
                    failed.insert(*digest, Instant::now());
                }
                Err(match error {
                    ModuleError::Unavailable(_) => PolicyFailure::Unavailable,
                    ModuleError::Missing | ModuleError::Refused(_) | ModuleError::NotSigned => PolicyFailure::Missing,
                })
            }
        }
    }

    /// Has each module judge the requests, in order; where a module is missing, once more when it is found.
    async fn judge_all(
        &self,
        attachments: &[&PolicyAttachment],
        requests: &[PolicyRequest],
        until_denied: bool,
    ) -> Result<Vec<Ran>, PolicyFailure> {
        for attempt in 0..=attachments.len() {
            let judged = self.0.judge(attachments, requests, until_denied).await?;
            let missing = judged.iter().zip(attachments).find(|(ran, _)| ran.judged == Err(PolicyFailure::Missing));
            let Some((_, attachment)) = missing else { return Ok(judged) };
            if attempt == attachments.len() || self.find(&attachment.module).await.is_err() {
                return Ok(judged);
            }
        }
        Err(PolicyFailure::Unavailable)
    }
}

impl Inner {
    /// Whether a module may be loaded, by who signed it.
    fn signed(&self, module: &[u8], signature: Option<&[u8]>) -> Result<(), ModuleError> {
        let by = |signer: &Signer| signature.is_some_and(|signature| signer.verify(module, signature).is_ok());
        if self.signers.is_empty() || self.signers.iter().any(by) { Ok(()) } else { Err(ModuleError::NotSigned) }
    }

    /// Waits until nobody else loads or forgets this module.
    async fn alone_with(&self, digest: ModuleDigest) -> OwnedMutexGuard<()> {
        let lock = {
            let mut loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
            // Whoever holds or waits for one has a share of it.
            loading.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(loading.entry(digest).or_default())
        };
        lock.lock_owned().await
    }

    fn known(&self, digest: &ModuleDigest) -> Option<ModuleDescription> {
        self.loaded(digest).map(|description| (*description).clone())
    }

    fn loaded(&self, digest: &ModuleDigest) -> Option<Arc<ModuleDescription>> {
        self.lock_loaded().get(digest).cloned()
    }

    fn lock_loaded(&self) -> std::sync::MutexGuard<'_, HashMap<ModuleDigest, Arc<ModuleDescription>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles unless that was done before, and loads. Blocks.
    fn load(&self, digest: ModuleDigest, bytes: &[u8]) -> Result<ModuleDescription, ModuleError> {
        let kept = self.cache.as_ref().and_then(|cache| cache.get(&digest));
        let artefact = match kept {
            Some(artefact) => artefact,
            None => {
                let any_will_do = self.isolation != Isolation::Full;
                let fits = |hello: &crate::isolated::Hello| {
                    hello.engine == self.engine && (any_will_do || hello.confinement.is_complete())
                };
                let artefact = compile(&self.program, bytes, fits).map_err(|error| match error {
                    CompileError::Unavailable(why) => ModuleError::Unavailable(why),
                    refused => ModuleError::Refused(format!(
                        "the module is not a WebAssembly component that runs here: {refused}"
                    )),
                })?;
                if let Some(cache) = &self.cache {
                    cache.put(&digest, &artefact);
                }
                artefact
            }
        };
        let description = match &self.runner {
            Runner::Child(child) => child.load(digest, &artefact).map_err(|refused| match refused {
                Refused::Module(why) => ModuleError::Refused(answer::cut(&why, limits::MAX_TEXT)),
                Refused::Unavailable => ModuleError::Unavailable("it is being started".to_owned()),
            })?,
            Runner::Here(engine) => {
                engine.load_artefact(digest, &artefact).map_err(|error| ModuleError::Refused(error.to_string()))?
            }
        };
        self.lock_loaded().insert(digest, Arc::new(description.clone()));
        Ok(description)
    }

    async fn judge(
        &self,
        attachments: &[&PolicyAttachment],
        requests: &[PolicyRequest],
        until_denied: bool,
    ) -> Result<Vec<Ran>, PolicyFailure> {
        let child = match &self.runner {
            Runner::Here(engine) => {
                let mut judged = Vec::with_capacity(attachments.len());
                for attachment in attachments {
                    judged.push(engine.run(attachment, requests).await);
                    if until_denied && judged.last().is_some_and(|ran| engine::ends(&ran.judged)) {
                        break;
                    }
                }
                return Ok(judged);
            }
            Runner::Child(child) => child,
        };
        let modules = attachments.iter().map(|attachment| asked(attachment)).collect::<Result<Vec<_>, _>>()?;
        // Who wants to see none of it is passed over here as the child would do it: that runs no module, and the way
        // there and back costs more than many a module.
        let mut said: Vec<_> = modules.iter().map(|asked| self.unasked(&asked.module, requests)).collect();
        let modules: Vec<_> =
            modules.into_iter().zip(&said).filter(|(_, said)| said.is_none()).map(|(asked, _)| asked).collect();
        if !modules.is_empty() {
            let asked = believe::Put { modules: modules.len(), requests: requests.len(), until_denied };
            let question = Question::Judge { modules, requests: requests.into(), until_denied };
            let began = Instant::now();
            let answer = child.ask(&question, &party(attachments, requests)).await?;
            // No module ran longer than all together were waited for, whatever the child says.
            let judged = believe::judgement(answer, &asked, micros(began.elapsed()))?;
            for (place, ran) in said.iter_mut().filter(|place| place.is_none()).zip(judged) {
                *place = Some(ran);
            }
        }
        let ended = |ran: &Ran| until_denied && engine::ends(&ran.judged);
        // In order, up to and including the one behind which nobody was to be asked.
        let length = said.iter().position(|ran| ran.as_ref().is_none_or(ended));
        let last = length.map_or(said.len(), |place| place.saturating_add(1));
        Ok(said.into_iter().take(last).flatten().collect())
    }

    /// What is said in the name of a loaded module that wants to see none of these requests; none where one is to be put
    /// to it.
    fn unasked(&self, module: &ModuleDigest, requests: &[PolicyRequest]) -> Option<Ran> {
        let description = self.loaded(module).filter(|description| description.stage == PolicyStage::Request)?;
        let unwanted: Vec<_> = requests.iter().map_while(|request| description.unwanted(request)).collect();
        (!requests.is_empty() && unwanted.len() == requests.len())
            .then(|| Ran { judged: Ok(unwanted.into_iter().map(answer::not_wanted).collect()), micros: 0 })
    }
}

#[async_trait]
impl ModuleLibrary for PolicyHost {
    async fn admit(&self, bytes: Arc<[u8]>, signature: Option<&[u8]>) -> Result<ModuleFacts, LibraryError> {
        let (digest, description) = Self::admit(self, bytes, signature).await?;
        Ok(facts(digest, description))
    }

    async fn facts(&self, module: &ModuleDigest) -> Result<ModuleFacts, LibraryError> {
        Ok(facts(*module, self.ready(module).await?))
    }

    fn limits(&self) -> ModuleLimits {
        ModuleLimits {
            fuel: limits::FUEL,
            memory_bytes: limits::MAX_MEMORY_BYTES as u64,
            stack_bytes: limits::MAX_STACK_BYTES as u64,
            backstop: limits::TICK.saturating_mul(u32::try_from(limits::TICKS).unwrap_or(u32::MAX)),
            messages: limits::MAX_MESSAGES as u64,
            obligations: limits::MAX_OBLIGATIONS as u64,
        }
    }

    fn judges_signatures(&self) -> bool {
        !self.0.signers.is_empty()
    }

    async fn forget(&self, module: &ModuleDigest) {
        Self::forget(self, *module).await;
    }

    fn shipped(&self) -> Vec<(ModuleDigest, u64)> {
        shipped::shipped().into_iter().map(|module| (module.digest, module.bytes.len() as u64)).collect()
    }
}

impl From<ModuleError> for LibraryError {
    fn from(error: ModuleError) -> Self {
        match error {
            ModuleError::Missing => Self::Missing,
            ModuleError::Refused(why) => Self::Refused(why),
            ModuleError::NotSigned => Self::NotSigned,
            ModuleError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

fn facts(digest: ModuleDigest, description: ModuleDescription) -> ModuleFacts {
    let ModuleDescription { contract, name, version, summary, settings_schema, actions, objects, facts, stage } =
        description;
    let needs = PolicyNeeds { stage, facts };
    ModuleFacts { digest, contract, name, version, summary, settings_schema, actions, objects, needs }
}

fn asked(attachment: &PolicyAttachment) -> Result<Asked<'_>, PolicyFailure> {
    if attachment.settings.len() > MAX_SETTINGS_BYTES {
        return Err(PolicyFailure::BadSettings);
    }
    Ok(Asked { module: attachment.module, settings: attachment.settings.as_str().into() })
}

/// For whom it is asked, and whether anything depends on it.
fn party(attachments: &[&PolicyAttachment], requests: &[PolicyRequest]) -> Party {
    let vault = requests.first().map(|request| request.object.vault.as_str()).unwrap_or_default().into();
    let in_shadow = |attachment: &&PolicyAttachment| attachment.state == AttachmentState::Shadow;
    let shadow = !attachments.is_empty() && attachments.iter().all(in_shadow);
    Party { vault, urgency: if shadow { Urgency::Shadow } else { Urgency::Decides } }
}

/// What the first module said.
fn first(judged: Vec<Ran>) -> Judged {
    judged.into_iter().next().map_or(Err(PolicyFailure::BadAnswer), |ran| ran.judged)
}

#[async_trait]
impl PolicyEngine for PolicyHost {
    async fn needs(&self, module: &ModuleDigest) -> Option<Arc<PolicyNeeds>> {
        let known = || self.0.loaded(module).map(|description| description.needs());
        if let Some(needs) = known() {
            return Some(needs);
        }
        self.find(module).await.ok()?;
        known()
    }

    fn wants(&self, module: &ModuleDigest, action: &str) -> bool {
        self.0.loaded(module).is_none_or(|description| description.wants(action))
    }

    async fn decide(
        &self,
        attachment: &PolicyAttachment,
        requests: &[PolicyRequest],
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        let mut answers = Vec::with_capacity(requests.len());
        for batch in engine::batches(requests) {
            let judged = self.judge_all(&[attachment], batch, false).await?;
            answers.extend(first(judged)?);
        }
        // No request at all: the module and its settings are judged all the same.
        if requests.is_empty() {
            self.check(attachment).await.map_err(|why| why.failure)?;
        }
        Ok(answers)
    }

    async fn judge(&self, attachments: &[&PolicyAttachment], request: &PolicyRequest) -> Vec<Said> {
        let one = |Ran { judged, micros }| Said {
            micros: (judged != Err(PolicyFailure::Missing)).then_some(micros),
            answer: judged.and_then(|answers| answers.into_iter().next().ok_or(PolicyFailure::BadAnswer)),
        };
        match self.judge_all(attachments, std::slice::from_ref(request), true).await {
            Ok(judged) => judged.into_iter().map(one).collect(),
            Err(failure) => vec![failure.into()],
        }
    }

    async fn check(&self, attachment: &PolicyAttachment) -> Result<(), Unfit> {
        self.find(&attachment.module).await?;
        match &self.0.runner {
            Runner::Here(engine) => engine.check(attachment).await,
            Runner::Child(child) => {
                let question = Question::Check { module: asked(attachment)? };
                believe::check(child.ask(&question, &party(&[], &[])).await?)
            }
        }
    }

    fn passes_over(&self, module: &ModuleDigest, request: &PolicyRequest) -> bool {
        self.0.loaded(module).is_some_and(|description| description.unwanted(request).is_some())
    }
}
