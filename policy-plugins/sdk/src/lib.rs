//! What the author of a Strongroom policy module uses.
//!
//! A module is a type that implements [`Policy`]: what it is, its settings, and one function that
//! judges one request. [`export_policy!`] turns it into a WebAssembly component that exports the
//! contract in `policy.wit` and imports nothing.
//!
//! ```
//! use strongroom_policy_sdk::{About, Answer, NoSettings, Policy, Request, export_policy};
//!
//! /// Production secrets are for workloads.
//! struct WorkloadsOnly;
//!
//! impl Policy for WorkloadsOnly {
//!     type Settings = NoSettings;
//!
//!     const ABOUT: About = About::new("workloads-only", "0.1.0", "Only workloads read production secrets.")
//!         .actions(&["Microsoft.KeyVault/vaults/secrets/getSecret/action"])
//!         .objects(&["secret/prod-*"])
//!         .settings_schema(NoSettings::SCHEMA);
//!
//!     fn decide(request: &Request, _settings: &NoSettings) -> Answer {
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

mod about;
mod answer;
mod cidr;
pub mod contract;
mod export;
pub mod facts;
mod pattern;

#[cfg(target_arch = "wasm32")]
mod alloc;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use about::About;
pub use answer::Answer;
pub use cidr::Network;
pub use contract::exports::strongroom::policy::guard::{
    Approval, CertificateRequest, ClientCertificate, Connection, Effect, KeyOperation, Object, ObjectState,
    PolicyRequest as Request, Principal, Severity, Stage, StepUp, Tls,
};
#[doc(hidden)]
pub use export::Exported;
pub use pattern::matches;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A policy module. Its functions must be pure: same arguments, same answer.
pub trait Policy {
    /// Settings of one attachment, read from a JSON document. Write `deny_unknown_fields` on
    /// them, so that a misspelt setting is refused and not ignored.
    type Settings: DeserializeOwned;

    /// What the module is.
    const ABOUT: About;

    /// Judges one request of those that [`About::actions`] and [`About::objects`] ask for.
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
