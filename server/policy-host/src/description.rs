//! What a module says about itself, checked once when it is loaded.

use crate::answer::{cut, is_code};
use crate::contract::exports::strongroom::policy::guard as wire;
use crate::{limits, pattern};

/// What a module says about itself. Nothing here is to be believed, only shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleDescription {
    /// `[a-z0-9-]{1,64}`.
    pub name: String,
    /// Version of the module, at most 32 characters.
    pub version: String,
    /// One sentence, at most 256 characters.
    pub summary: String,
    /// Patterns of the actions it is asked about; for others it abstains.
    pub actions: Vec<String>,
    /// JSON Schema of its settings: a JSON object, at most 16 KiB.
    pub settings_schema: String,
}

impl ModuleDescription {
    /// Checks what the module answered; the error is the sentence against it.
    pub(crate) fn from_wire(told: &wire::Description) -> Result<Self, &'static str> {
        if !is_code(&told.name) {
            return Err("its name is not made of a-z, 0-9 and -");
        }
        if !(1..=limits::MAX_VERSION).contains(&told.version.len())
            || !told.version.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err("its version is not a version");
        }
        if !(1..=limits::MAX_ACTIONS).contains(&told.actions.len())
            || told.actions.iter().any(|action| !(1..=limits::MAX_ACTION).contains(&action.len()))
        {
            return Err("it asks for no actions or too many");
        }
        if told.settings_schema.len() > limits::MAX_SCHEMA_BYTES {
            return Err("the schema of its settings is too long");
        }
        match serde_json::from_str::<serde_json::Value>(&told.settings_schema) {
            Ok(serde_json::Value::Object(_)) => {}
            _ => return Err("the schema of its settings is not a JSON object"),
        }
        Ok(Self {
            name: told.name.clone(),
            version: told.version.clone(),
            summary: cut(&told.summary, limits::MAX_TEXT),
            actions: told.actions.clone(),
            settings_schema: told.settings_schema.clone(),
        })
    }

    /// Whether the module wants to be asked about this action.
    pub(crate) fn wants(&self, action: &str) -> bool {
        self.actions.iter().any(|wanted| pattern::matches(wanted, action))
    }
}
