//! One loaded module: how it gets in, and how it is asked.

use std::sync::Arc;

use strongroom_domain::policy::{PolicyAnswer, PolicyFailure, PolicyNeeds, PolicyRequest, PolicyStage};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::artefact::Artefact;
use crate::contract::{INTERFACE, Instance, Pre, VERSIONS};
use crate::description::{ModuleDescription, connection_alone};
use crate::facts;
use crate::failure::classify;
use crate::runtime::Limiter;
use crate::schema::Schema;
use crate::{answer, limits, shape};

/// Why a module is not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Larger than [`limits::MAX_MODULE_BYTES`].
    #[error("the module is larger than {} bytes", limits::MAX_MODULE_BYTES)]
    TooLarge,
    /// It defines more than [`limits::MAX_FUNCTIONS`].
    #[error("the module defines more than {} functions", limits::MAX_FUNCTIONS)]
    TooManyFunctions,
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
    /// It wants a fact that the contract does not have.
    #[error("the module wants the fact {0:?}, and there is no such fact")]
    UnknownFact(String),
}

/// A module that is ready to be asked.
pub(crate) struct Module {
    engine: Engine,
    pre: Pre,
    pub(crate) description: ModuleDescription,
    pub(crate) needs: Arc<PolicyNeeds>,
    /// Names of what the component exports, the contract and whatever else.
    pub(crate) exports: Vec<String>,
}

impl Module {
    /// Compiles and checks a module. Takes tens of milliseconds of processor time, so never
    /// where requests are served.
    pub(crate) fn load(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() > limits::MAX_MODULE_BYTES {
            return Err(LoadError::TooLarge);
        }
        shape::check(bytes)?;
        let component =
            Component::from_binary(engine, bytes).map_err(|error| LoadError::NotAComponent(sentence(&error)))?;
        Self::of(engine, &component)
    }

    /// Checks a module that was compiled before.
    pub(crate) fn revive(engine: &Engine, artefact: &Artefact) -> Result<Self, LoadError> {
        let component = artefact.revive(engine).map_err(|error| LoadError::NotAComponent(sentence(&error)))?;
        Self::of(engine, &component)
    }

    fn of(engine: &Engine, component: &Component) -> Result<Self, LoadError> {
        let shape = component.component_type();
        if let Some((name, _)) = shape.imports(engine).next() {
            return Err(LoadError::Imports(answer::cut(name, limits::MAX_TEXT)));
        }
        let spoken = shape.exports(engine).filter_map(|(name, _)| name.strip_prefix(INTERFACE)).collect::<Vec<_>>();
        // The newest that both speak.
        let Some(version) = VERSIONS.iter().rev().find(|version| spoken.contains(version)) else {
            let found = if spoken.is_empty() { "nothing of the kind".to_owned() } else { spoken.join(", ") };
            let known = VERSIONS.join(", ");
            let sentence = format!("{INTERFACE} is wanted in version {known}, exported is {found}");
            return Err(LoadError::WrongContract(answer::cut(&sentence, limits::MAX_TEXT)));
        };
        // The linker stays empty: there is nothing to import.
        let pre = Linker::new(engine)
            .instantiate_pre(component)
            .and_then(|pre| Pre::new(version, pre))
            .map_err(|error| LoadError::WrongContract(sentence(&error)))?;
        let (mut store, instance) = start(engine, &pre).map_err(LoadError::NoDescription)?;
        let description = instance.describe(&mut store)?;
        for fact in &description.facts {
            if !facts::is_known(fact) {
                return Err(LoadError::UnknownFact(answer::cut(fact, limits::MAX_ATTRIBUTE)));
            }
        }
        let needs = description.needs();
        Ok(Self { engine: engine.clone(), pre, description, needs, exports: exports(shape.exports(engine)) })
    }

    /// Asks a fresh instance whether it takes these settings; the inner error is its sentence against them.
    fn check(&self, settings: &str) -> Result<Result<(), String>, PolicyFailure> {
        let (mut store, instance) = start(&self.engine, &self.pre)?;
        let checked = instance.validate_settings(&mut store, settings)?;
        Ok(checked.map_err(|sentence| answer::cut(&sentence, limits::MAX_TEXT)))
    }

    /// Whether settings fit the module's schema, and the module takes them. A schema that is not understood was
    /// taken in by an earlier release, and the module alone is asked.
    pub(crate) fn take(&self, settings: &str) -> Result<Result<(), String>, PolicyFailure> {
        if let Ok(schema) = Schema::parse(&self.description.settings_schema)
            && let Err(sentence) = schema.check(settings)
        {
            return Ok(Err(sentence));
        }
        self.check(settings)
    }

    /// Answers a batch: asks about the requests that the module wants to see, at most
    /// [`limits::MAX_BATCH`] per fresh instance, and abstains from the others in its name.
    pub(crate) fn decide(
        &self,
        requests: &[PolicyRequest],
        settings: &str,
    ) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        if self.description.stage == PolicyStage::Network {
            let bare: Vec<_> = requests.iter().map(connection_alone).collect();
            return self.decide_wanted(&bare, settings);
        }
        self.decide_wanted(requests, settings)
    }

    fn decide_wanted(&self, requests: &[PolicyRequest], settings: &str) -> Result<Vec<PolicyAnswer>, PolicyFailure> {
        let unwanted: Vec<_> = requests.iter().map(|request| self.description.unwanted(request)).collect();
        let wanted: Vec<_> = requests
            .iter()
            .zip(&unwanted)
            .filter(|(_, unwanted)| unwanted.is_none())
            .map(|(request, _)| request)
            .collect();
        let gathered = |request: &&PolicyRequest| self.description.facts.iter().all(|fact| request.holds(fact));
        if !wanted.iter().all(gathered) {
            return Err(PolicyFailure::FactUnavailable);
        }
        let mut judged = Vec::with_capacity(wanted.len());
        let mut fuel = 0_u64;
        for batch in wanted.chunks(limits::MAX_BATCH) {
            fuel = fuel.saturating_add(self.judge(batch, settings, &mut judged)?);
        }
        let mut judged = judged.into_iter();
        unwanted
            .into_iter()
            .map(|unwanted| {
                let mut answer = match unwanted {
                    Some(reason_code) => answer::not_wanted(reason_code),
                    None => judged.next().ok_or(PolicyFailure::BadAnswer)?,
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
        let (mut store, instance) = start(&self.engine, &self.pre)?;
        let decided = instance
            .decide(&mut store, &self.description, requests, settings)?
            .map_err(|_sentence| PolicyFailure::BadSettings)?;
        if decided.len() != requests.len() {
            return Err(PolicyFailure::BadAnswer);
        }
        answers.extend(decided);
        let left = store.get_fuel().map_err(|_| PolicyFailure::Unavailable)?;
        Ok(limits::FUEL.saturating_sub(left))
    }
}

/// The names of exports, as many as are shown.
fn exports<'a, T>(found: impl ExactSizeIterator<Item = (&'a str, T)>) -> Vec<String> {
    let more = found.len().saturating_sub(limits::MAX_EXPORTS);
    let names = found.take(limits::MAX_EXPORTS).map(|(name, _)| answer::cut(name, limits::MAX_ATTRIBUTE));
    names.chain((more > 0).then(|| format!("{more} more"))).collect()
}

/// Makes a fresh instance within its limits.
fn start(engine: &Engine, pre: &Pre) -> Result<(Store<Limiter>, Instance), PolicyFailure> {
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
pub(crate) fn sentence(error: &wasmtime::Error) -> String {
    answer::cut(&format!("{error:#}"), limits::MAX_TEXT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_exports_are_named_and_the_others_counted() {
        let named = |names: &[&'static str]| exports(names.iter().map(|&name| (name, ())));
        assert_eq!(named(&["one", "a\u{202e}b"]), ["one", "a\u{fffd}b"]);
        let many = named(&["x"; limits::MAX_EXPORTS + 3]);
        assert_eq!((many.len(), many.last().map(String::as_str)), (limits::MAX_EXPORTS + 1, Some("3 more")));
    }
}
