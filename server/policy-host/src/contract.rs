//! The contract between host and module in every version that this host speaks, each with its
//! generated types: `v1` for `policy-plugins/wit`, `v0_1` for what earlier releases shipped and vaults may
//! still have attached. Requests borrow, answers own.
//!
//! Everything that differs between versions stays in here; a module is asked and answers in the
//! domain's types.

pub(crate) mod v0_1;
pub(crate) mod v1;

use strongroom_domain::policy::{PolicyAnswer, PolicyFailure, PolicyRequest};
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::description::ModuleDescription;
use crate::failure::classify;
use crate::module::LoadError;
use crate::runtime::Limiter;

/// Interface that a module must export, without its version.
pub(crate) const INTERFACE: &str = "strongroom:policy/guard@";
/// Versions of the contract that this host speaks.
pub const VERSIONS: &[&str] = &["0.1.0", "1.0.0"];

/// A compiled module in its version of the contract.
pub(crate) enum Pre {
    V0_1(v0_1::PolicyPre<Limiter>),
    V1(v1::PolicyPre<Limiter>),
}

/// A fresh instance in its version of the contract.
pub(crate) enum Instance {
    V0_1(v0_1::Policy),
    V1(v1::Policy),
}

impl Pre {
    /// Finds the exports of a version that the component names.
    pub(crate) fn new(version: &str, pre: InstancePre<Limiter>) -> wasmtime::Result<Self> {
        match version {
            "0.1.0" => v0_1::PolicyPre::new(pre).map(Self::V0_1),
            _ => v1::PolicyPre::new(pre).map(Self::V1),
        }
    }

    pub(crate) fn instantiate(&self, store: &mut Store<Limiter>) -> wasmtime::Result<Instance> {
        match self {
            Self::V0_1(pre) => pre.instantiate(store).map(Instance::V0_1),
            Self::V1(pre) => pre.instantiate(store).map(Instance::V1),
        }
    }
}

impl Instance {
    /// Asks what the module is.
    pub(crate) fn describe(&self, store: &mut Store<Limiter>) -> Result<ModuleDescription, LoadError> {
        match self {
            Self::V0_1(instance) => {
                let told = instance.strongroom_policy_guard().call_describe(&mut *store);
                v0_1::description(&told.map_err(|error| no_description(&error, store))?)
            }
            Self::V1(instance) => {
                let told = instance.strongroom_policy_guard().call_describe(&mut *store);
                v1::description(&told.map_err(|error| no_description(&error, store))?)
            }
        }
        .map_err(LoadError::BadDescription)
    }

    /// Asks whether the module takes these settings; the inner error is its sentence against them.
    pub(crate) fn validate_settings(
        &self,
        store: &mut Store<Limiter>,
        settings: &str,
    ) -> Result<Result<(), String>, PolicyFailure> {
        let validated = match self {
            Self::V0_1(instance) => instance.strongroom_policy_guard().call_validate_settings(&mut *store, settings),
            Self::V1(instance) => instance.strongroom_policy_guard().call_validate_settings(&mut *store, settings),
        };
        validated.map_err(|error| classify(&error, store.data(), PolicyFailure::BadAnswer))
    }

    /// Has a batch judged; the inner error is the module's sentence against its settings.
    pub(crate) fn decide(
        &self,
        store: &mut Store<Limiter>,
        description: &ModuleDescription,
        requests: &[&PolicyRequest],
        settings: &str,
    ) -> Result<Result<Vec<PolicyAnswer>, String>, PolicyFailure> {
        let decided = match self {
            Self::V0_1(instance) => v0_1::decide(instance, store, description, requests, settings),
            Self::V1(instance) => v1::decide(instance, store, description, requests, settings),
        };
        match decided.map_err(|error| classify(&error, store.data(), PolicyFailure::BadAnswer))? {
            Ok(answers) => answers.into_iter().collect::<Result<_, _>>().map(Ok),
            Err(sentence) => Ok(Err(sentence)),
        }
    }
}

/// What a module answers a batch: checked one by one, or its sentence against its settings.
pub(crate) type Decided = wasmtime::Result<Result<Vec<Result<PolicyAnswer, PolicyFailure>>, String>>;

fn no_description(error: &wasmtime::Error, store: &Store<Limiter>) -> LoadError {
    LoadError::NoDescription(classify(error, store.data(), PolicyFailure::BadAnswer))
}

/// The pairs of a map, as lists of pairs are handed over.
fn pairs(map: &std::collections::BTreeMap<String, String>) -> Vec<(&str, &str)> {
    map.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn texts(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}
