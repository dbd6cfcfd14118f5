//! What the author of a Strongroom policy module uses.
//!
//! A module is a type that implements [`Policy`]: what it is, its settings, and one function that
//! judges one request. [`export_policy!`] turns it into a WebAssembly component that exports the
//! contract in `policy.wit` and imports nothing.
//!
//! ```
//! use strongroom_policy_sdk::{About, Answer, Facts, NoSettings, Policy, Request, export_policy};
//!
//! /// Production secrets are for workloads.
//! struct WorkloadsOnly;
//!
//! impl Policy for WorkloadsOnly {
//!     type Settings = NoSettings;
//!
//!     const ABOUT: About = About {
//!         name: "workloads-only",
//!         version: "0.1.0",
//!         summary: "Only workloads read secrets whose name begins with prod-.",
//!         actions: &["Microsoft.KeyVault/vaults/secrets/getSecret/action"],
//!         wants: Facts::empty(),
//!         settings_schema: NoSettings::SCHEMA,
//!     };
//!
//!     fn decide(request: &Request, _settings: &NoSettings) -> Answer {
//!         if !request.object.name.starts_with("prod-") {
//!             return Answer::abstain("not-production");
//!         }
//!         if request.principal.kind == "workload" {
//!             return Answer::allow("workload").relied_on("principal.kind");
//!         }
//!         Answer::deny("people-not-allowed", "Production secrets are read by workloads only.")
//!             .relied_on("principal.kind")
//!     }
//! }
//!
//! export_policy!(WorkloadsOnly);
//! ```
//!
//! The crate holds the only unsafe code of a module: its allocator, in wasm builds alone. It must
//! never offer a clock, randomness, input or output; a module that had them could not be
//! evaluated again in next year's audit.

mod answer;
pub mod contract;
mod export;
mod pattern;

#[cfg(target_arch = "wasm32")]
mod alloc;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use answer::Answer;
pub use contract::exports::strongroom::policy::guard::{
    Connection, Effect, Facts, Object, PolicyRequest as Request, Principal,
};
#[doc(hidden)]
pub use export::Exported;
pub use pattern::matches;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What a module says about itself; the bounds are those of `policy.wit`.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// `[a-z0-9-]`, 1 to 64 characters.
    pub name: &'static str,
    /// Version of the module; `env!("CARGO_PKG_VERSION")` is a good one.
    pub version: &'static str,
    /// One sentence for a person, at most 256 characters.
    pub summary: &'static str,
    /// Actions it wants to see, 1 to 64 patterns in which `*` stands for any text.
    pub actions: &'static [&'static str],
    /// Facts it wants to see. The others arrive as empty lists, so say [`Facts::all`] when in doubt.
    pub wants: Facts,
    /// JSON Schema of the settings, at most 16 KiB.
    pub settings_schema: &'static str,
}

/// A policy module. Its functions must be pure: same arguments, same answer.
pub trait Policy {
    /// Settings of one attachment, read from a JSON document. Write `deny_unknown_fields` on
    /// them, so that a misspelt setting is refused and not ignored.
    type Settings: DeserializeOwned;

    /// What the module is.
    const ABOUT: About;

    /// Judges one request that [`About::actions`] asked for.
    fn decide(request: &Request, settings: &Self::Settings) -> Answer;

    /// Refuses settings that have the right shape and make no sense.
    ///
    /// # Errors
    /// One sentence for the person who wrote the settings.
    fn validate(settings: &Self::Settings) -> Result<(), String> {
        let _ = settings;
        Ok(())
    }
}

/// The settings of a module that has none: an empty JSON object.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

impl NoSettings {
    /// JSON Schema of the empty object.
    pub const SCHEMA: &'static str = r#"{"type":"object","additionalProperties":false}"#;
}

/// Makes the named [`Policy`] the one that this module exports. Once per crate; builds for other
/// targets than WebAssembly ignore it.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Module = $crate::Exported<$policy>;
    $crate::contract::export!(Module with_types_in $crate::contract);
        };
    };
}
