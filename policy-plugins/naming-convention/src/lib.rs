//! `naming-convention`: what is created must be named and tagged as agreed.
//!
//! It judges the actions that give an object its name, a restore among them, and nothing else: what is already there
//! stays readable and can be deleted, whatever it is called.

use serde::Deserialize;
use strongroom_policy_sdk::{About, Answer, Policy, Request, export_policy, facts, matches};

/// Most patterns or tags in one setting, and longest of them in bytes.
const MAX_ENTRIES: usize = 64;
const MAX_ENTRY_BYTES: usize = 256;

/// What is agreed. Patterns know `*` for any text, and ignore ASCII case.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A name must match one of these; an empty list allows every name.
    pub allowed_names: Vec<String>,
    /// A name must match none of these, allowed or not.
    pub forbidden_names: Vec<String>,
    /// Tags that must be there with a value that is more than blanks.
    pub required_tags: Vec<String>,
}

/// The module.
#[derive(Debug)]
pub struct NamingConvention;

impl Policy for NamingConvention {
    type Settings = Settings;

    const ABOUT: About = About::new(
        "naming-convention",
        env!("CARGO_PKG_VERSION"),
        "New secrets, keys and certificates must be named and tagged as agreed.",
    )
    .actions(&[
        "Microsoft.KeyVault/vaults/secrets/setSecret/action",
        "Microsoft.KeyVault/vaults/secrets/restore/action",
        "Microsoft.KeyVault/vaults/keys/create/action",
        "Microsoft.KeyVault/vaults/keys/import/action",
        "Microsoft.KeyVault/vaults/keys/restore/action",
        "Microsoft.KeyVault/vaults/certificates/create/action",
        "Microsoft.KeyVault/vaults/certificates/import/action",
        "Microsoft.KeyVault/vaults/certificates/restore/action",
    ])
    .facts(&[facts::TAGS])
    .settings_schema(include_str!("../settings.schema.json"));

    fn decide(request: &Request, settings: &Settings) -> Answer {
        let object = &request.object;
        let name = &object.name;
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, name));

        if any(&settings.forbidden_names) {
            return Answer::deny("name-forbidden", "This name is not to be used in this vault.")
                .relied_on("object.name");
        }
        if !settings.allowed_names.is_empty() && !any(&settings.allowed_names) {
            let agreed = settings.allowed_names.join(", ");
            return Answer::deny("name-not-allowed", format!("Names in this vault match one of: {agreed}."))
                .relied_on("object.name");
        }
        for tag in &settings.required_tags {
            if object.tag(tag).is_none_or(|value| value.trim().is_empty()) {
                return Answer::deny("tag-missing", format!("The tag {tag} is required in this vault."))
                    .relied_on(format!("object.tags.{tag}"));
            }
        }
        Answer::allow("as-agreed").relied_on("object.name").relied_on("object.tags")
    }

    fn validate(settings: &Settings) -> Result<(), String> {
        let Settings { allowed_names, forbidden_names, required_tags } = settings;
        for (setting, entries) in
            [("allowed_names", allowed_names), ("forbidden_names", forbidden_names), ("required_tags", required_tags)]
        {
            if entries.len() > MAX_ENTRIES {
                return Err(format!("{setting} has more than {MAX_ENTRIES} entries"));
            }
            if entries.iter().any(|entry| entry.is_empty() || entry.len() > MAX_ENTRY_BYTES) {
                return Err(format!("an entry of {setting} is empty or longer than {MAX_ENTRY_BYTES} bytes"));
            }
        }
        Ok(())
    }
}

export_policy!(NamingConvention);
