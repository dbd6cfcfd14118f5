//! One loaded module: how it gets in, and how it is asked.

use strongroom_domain::policy::{PolicyAnswer, PolicyFailure, PolicyRequest};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::contract::exports::strongroom::policy::guard as wire;
use crate::contract::{INTERFACE, Policy, PolicyPre, VERSIONS};
use crate::description::ModuleDescription;
use crate::failure::classify;
use crate::request::Lists;
use crate::runtime::Limiter;
use crate::{answer, limits};

/// Why a module is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Larger than [`limits::MAX_MODULE_BYTES`].
    #[error("the module is larger than {} bytes", limits::MAX_MODULE_BYTES)]
    TooLarge,
    /// [`limits::MAX_MODULES`] are loaded already.
    #[error("{} modules are loaded already", limits::MAX_MODULES)]
    TooMany,
    /// Not a valid component, or one that needs more than modules may have.
    #[error("the module is not a WebAssembly component that runs here: {0}")]
    NotAComponent(String),
    /// Modules import nothing.
    #[error("the module imports {0}; policy modules import nothing")]
    Imports(String),
    /// It speaks no version of the contract that this server speaks.
    #[error("the module does not keep the contract that this server speaks: {0}")]
    WrongContract(String),
    /// Asked what it is, it failed.
    #[error("asked to describe itself, {0}")]
    NoDescription(#[source] PolicyFailure),
    /// What it says about itself breaks the contract.
    #[error("the module breaks the contract: {0}")]
    BadDescription(&'static str),
}

/// A module that is ready to be asked.
pub(crate) struct Module {
    engine: Engine,
    pre: PolicyPre<Limiter>,
    pub(crate) description: ModuleDescription,
    wants: wire::Facts,
}

impl Module {
    /// Compiles and checks a module. Takes tens of milliseconds of processor time, so never
    /// where requests are served.
    pub(crate) fn load(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() > limits::MAX_MODULE_BYTES {
            return Err(LoadError::TooLarge);
        }
        let component =
            Component::from_binary(engine, bytes).map_err(|error| LoadError::NotAComponent(sentence(&error)))?;
        let shape = component.component_type();
        if let Some((name, _)) = shape.imports(engine).next() {
            return Err(LoadError::Imports(answer::cut(name, limits::MAX_TEXT)));
        }
        let spoken = shape.exports(engine).filter_map(|(name, _)| name.strip_prefix(INTERFACE)).collect::<Vec<_>>();
        if !spoken.iter().any(|version| VERSIONS.contains(version)) {
            let found = if spoken.is_empty() { "nothing of the kind".to_owned() } else { spoken.join(", ") };
            let known = VERSIONS.join(", ");
            let sentence = format!("{INTERFACE} is wanted in version {known}, exported is {found}");
            return Err(LoadError::WrongContract(answer::cut(&sentence, limits::MAX_TEXT)));
        }
        // The linker stays empty: there is nothing to import.
        let pre = Linker::new(engine)
            .instantiate_pre(&component)
            .and_then(PolicyPre::new)
            .map_err(|error| LoadError::WrongContract(sentence(&error)))?;
        let (mut store, instance) = start(engine, &pre).map_err(LoadError::NoDescription)?;
        let told = instance
            .strongroom_policy_guard()
            .call_describe(&mut store)
            .map_err(|error| classify(&error, store.data(), PolicyFailure::BadAnswer))
            .map_err(LoadError::NoDescription)?;
        let description = ModuleDescription::from_wire(&told).map_err(LoadError::BadDescription)?;
        Ok(Self { engine: engine.clone(), pre, description, wants: told.wants })
    }

    /// Asks a fresh instance whether it takes these settings.
    pub(crate) fn check(&self, settings: &str) -> Result<(), PolicyFailure> {
        let (mut store, instance) = start(&self.engine, &self.pre)?;
        instance
            .strongroom_policy_guard()
            .call_validate_settings(&mut store, settings)
            .map_err(|error| classify(&error, store.data(), PolicyFailure::BadAnswer))?
            .map_err(|_sentence| PolicyFailure::BadSettings)
    }

    /// Answers a batch: asks about the requests that the module wants to see, at most
    /// [`limits::MAX_BATCH`] per fresh instance, and abstains from the others in its name.
    pub(crate) fn decide(
        &self,
        requests: &[PolicyRequest],
        settings: &str,
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        let wanted = requests.iter().filter(|request| self.description.wants(&request.action)).collect::<Vec<_>>();
        let mut judged = Vec::with_capacity(wanted.len());
        let mut fuel = 0_u64;
        for batch in wanted.chunks(limits::MAX_BATCH) {
            fuel = fuel.saturating_add(self.judge(batch, settings, &mut judged)?);
        }
        let mut judged = judged.into_iter();
        requests
            .iter()
            .map(|request| {
                let mut answer = if self.description.wants(&request.action) {
                    judged.next().ok_or(PolicyFailure::BadAnswer)?
                } else {
                    answer::not_wanted()
                };
                answer.fuel = fuel;
                Ok(answer)
            })
            .collect()
    }

    /// Asks a fresh instance, appends its answers, and says what it burnt.
    fn judge(
        &self,
        requests: &[&PolicyRequest],
        settings: &str,
        answers: &mut Vec<PolicyAnswer>,
    ) -> Result<u64, PolicyFailure> {
        let lists = requests.iter().map(|request| Lists::of(request, self.wants)).collect::<Vec<_>>();
        let wire_requests = lists.iter().map(Lists::as_wire).collect::<Vec<_>>();
        let (mut store, instance) = start(&self.engine, &self.pre)?;
        let decisions = instance
            .strongroom_policy_guard()
            .call_decide(&mut store, &wire_requests, settings)
            .map_err(|error| classify(&error, store.data(), PolicyFailure::BadAnswer))?
            .map_err(|_sentence| PolicyFailure::BadSettings)?;
        if decisions.len() != requests.len() {
            return Err(PolicyFailure::BadAnswer);
        }
        for decision in decisions {
            answers.push(answer::from_wire(decision)?);
        }
        let left = store.get_fuel().map_err(|_| PolicyFailure::Unavailable)?;
        Ok(limits::FUEL.saturating_sub(left))
    }
}

/// Makes a fresh instance within its limits.
fn start(engine: &Engine, pre: &PolicyPre<Limiter>) -> Result<(Store<Limiter>, Policy), PolicyFailure> {
    let mut store = Store::new(engine, Limiter::default());
    store.limiter(|limiter| limiter);
    store.set_epoch_deadline(limits::TICKS);
    store.set_hostcall_fuel(limits::MAX_ANSWER_BYTES);
    store.set_fuel(limits::FUEL).map_err(|_| PolicyFailure::Unavailable)?;
    match pre.instantiate(&mut store) {
        Ok(instance) => Ok((store, instance)),
        Err(error) => Err(classify(&error, store.data(), PolicyFailure::Unavailable)),
    }
}

/// An engine's error on one line.
fn sentence(error: &wasmtime::Error) -> String {
    answer::cut(&format!("{error:#}"), limits::MAX_TEXT)
}
