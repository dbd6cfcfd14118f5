//! Compiled modules: machine code, and therefore trusted like this program itself.
//!
//! The only module with `unsafe` in it. An [`Artefact`] is made from bytes in three places, and each of
//! them knows where the bytes come from: the compiling child that this program started, the cache once
//! the installation's MAC over them is checked, and, in the child that decides, the control socket whose
//! other end is the server. It must never be made from what somebody uploaded.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

/// Machine code of a module, for one version of the engine.
#[derive(Clone)]
pub(crate) struct Artefact(Arc<[u8]>);

impl Artefact {
    /// Takes bytes that an engine of this program compiled and nobody else can have changed.
    pub(crate) fn vouched_for(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The component, ready to be instantiated.
    #[expect(
        unsafe_code,
        reason = "deserialising machine code is unsafe by nature; the bytes are vouched for (see the module's comment), \
                  and the engine refuses those of another version or configuration"
    )]
    pub(crate) fn revive(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `vouched_for` is called where the bytes are known to be the output of
        // `Engine::precompile_component` of this program.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}

/// Names the version and configuration of an engine: artefacts of another one are of no use.
pub(crate) fn engine_version(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
