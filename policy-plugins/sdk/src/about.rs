//! What a module says about itself.

use crate::Stage;

/// What a module says about itself; the bounds are those of `policy.wit`.
///
/// ```
/// # use strongroom_policy_sdk::{About, facts};
/// const ABOUT: About = About::new("tagged", env!("CARGO_PKG_VERSION"), "Everything has an owner.")
///     .actions(&["Microsoft.KeyVault/vaults/secrets/setSecret/action"])
///     .facts(&[facts::TAGS]);
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct About {
    /// `[a-z0-9-]`, 1 to 64 characters.
    pub name: &'static str,
    /// Version of the module; `env!("CARGO_PKG_VERSION")` is a good one.
    pub version: &'static str,
    /// One sentence for a person, at most 256 characters.
    pub summary: &'static str,
    /// When it is asked.
    pub stage: Stage,
    /// Actions it wants to see.
    pub actions: &'static [&'static str],
    /// Objects it wants to see, as `KIND/NAME`.
    pub objects: &'static [&'static str],
    /// Facts it wants to see.
    pub facts: &'static [&'static str],
    /// JSON Schema of the settings.
    pub settings_schema: &'static str,
}

impl About {
    /// A module that is asked last, about everything, and sees no facts: narrow it down.
    pub const fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            version,
            summary,
            stage: Stage::Request,
            actions: &["*"],
            objects: &["*"],
            facts: &[],
            settings_schema: crate::NoSettings::SCHEMA,
        }
    }

    /// Actions it wants to see: 1 to 64 patterns in which `*` stands for any text. For others the server
    /// does not start the module at all.
    pub const fn actions(self, actions: &'static [&'static str]) -> Self {
        Self { actions, ..self }
    }

    /// Objects it wants to see: 1 to 64 patterns over `KIND/NAME`, for example `secret/prod-*`.
    pub const fn objects(self, objects: &'static [&'static str]) -> Self {
        Self { objects, ..self }
    }

    /// Facts it wants to see, by the names in [`crate::facts`]. The others are not handed over.
    pub const fn facts(self, facts: &'static [&'static str]) -> Self {
        Self { facts, ..self }
    }

    /// JSON Schema of the settings, at most 16 KiB; `include_str!` a file.
    pub const fn settings_schema(self, settings_schema: &'static str) -> Self {
        Self { settings_schema, ..self }
    }

    /// Judges connections alone, before it is known who asks and for what. It sees no facts, every
    /// action and every object, of which nothing but the vault is told.
    pub const fn of_connections(self) -> Self {
        Self { stage: Stage::Network, ..self }
    }
}
