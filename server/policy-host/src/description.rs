//! What a module says about itself, checked once when it is loaded.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use strongroom_domain::policy::{ObjectState, PolicyNeeds, PolicyRequest, PolicyStage};
use strongroom_domain::text::deceives;

use crate::answer::{cut, is_code};
use crate::{limits, pattern};

/// What a module says about itself. Nothing here is to be believed, only shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleDescription {
    /// Version of the contract that it keeps.
    pub contract: String,
    /// `[a-z0-9-]{1,64}`.
    pub name: String,
    /// Version of the module, at most 32 characters.
    pub version: String,
    /// One sentence, at most 256 characters.
    pub summary: String,
    /// When it is asked.
    pub stage: PolicyStage,
    /// Patterns of the actions it is asked about; for others it abstains.
    pub actions: Vec<String>,
    /// Patterns over `KIND/NAME` of the objects it is asked about; for others it abstains.
    pub objects: Vec<String>,
    /// Facts that it is given, by their names in the contract.
    pub facts: Vec<String>,
    /// JSON Schema of its settings: a JSON object, at most 16 KiB.
    pub settings_schema: String,
}

/// What a module answered, whatever the version of its contract.
pub(crate) struct Told<'a> {
    pub(crate) contract: &'static str,
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
    pub(crate) summary: &'a str,
    pub(crate) actions: &'a [String],
    pub(crate) objects: &'a [String],
    pub(crate) needs: PolicyNeeds,
    pub(crate) settings_schema: &'a str,
}

impl ModuleDescription {
    /// Checks what the module answered; the error is the sentence against it.
    pub(crate) fn checked(told: Told<'_>) -> Result<Self, &'static str> {
        if !is_code(told.name) {
            return Err("its name is not made of a-z, 0-9 and -");
        }
        if !(1..=limits::MAX_VERSION).contains(&told.version.len())
            || !told.version.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err("its version is not a version");
        }
        if !are_patterns(told.actions) {
            return Err("it asks for no actions or too many");
        }
        if !are_patterns(told.objects) {
            return Err("it asks for no objects or too many");
        }
        if told.actions.iter().chain(told.objects).any(|pattern| pattern.chars().any(deceives)) {
            return Err("a pattern of its actions or objects has characters in it that nobody sees");
        }
        let PolicyNeeds { stage, facts } = told.needs;
        if facts.len() > limits::MAX_FACTS {
            return Err("it asks for too many facts");
        }
        if stage == PolicyStage::Network && !(facts.is_empty() && told.actions == ["*"] && told.objects == ["*"]) {
            return Err("it judges connections alone, so it sees no facts and every action and object");
        }
        if told.settings_schema.len() > limits::MAX_SCHEMA_BYTES {
            return Err("the schema of its settings is too long");
        }
        match serde_json::from_str::<serde_json::Value>(told.settings_schema) {
            Ok(serde_json::Value::Object(_)) => {}
            _ => return Err("the schema of its settings is not a JSON object"),
        }
        Ok(Self {
            contract: told.contract.to_owned(),
            name: told.name.to_owned(),
            version: told.version.to_owned(),
            summary: cut(told.summary, limits::MAX_TEXT),
            stage,
            actions: told.actions.to_vec(),
            objects: told.objects.to_vec(),
            facts,
            settings_schema: told.settings_schema.to_owned(),
        })
    }

    /// Why the module is not asked about this request, if it does not want to see it.
    pub(crate) fn unwanted(&self, request: &PolicyRequest) -> Option<&'static str> {
        if !self.wants(&request.action) {
            return Some("action-not-wanted");
        }
        // Most ask about every object: then nothing is put together.
        let every = self.objects.iter().any(|wanted| wanted == "*");
        let object = &request.object;
        let wanted = every || one_matches(&self.objects, &format!("{}/{}", object.kind, object.name));
        (!wanted).then_some("object-not-wanted")
    }

    /// Whether the module wants to see an action.
    pub(crate) fn wants(&self, action: &str) -> bool {
        one_matches(&self.actions, action)
    }

    /// A list, if the module asked for the fact of this name, and an empty one otherwise.
    pub(crate) fn given<T>(&self, fact: &str, list: impl FnOnce() -> Vec<T>) -> Vec<T> {
        if self.facts.iter().any(|wanted| wanted == fact) { list() } else { Vec::new() }
    }

    /// What the gate has to know before it asks.
    pub(crate) fn needs(&self) -> Arc<PolicyNeeds> {
        Arc::new(PolicyNeeds { stage: self.stage, facts: self.facts.clone() })
    }
}

pub(crate) fn one_matches(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|wanted| wanted == "*" || pattern::matches(wanted, text))
}

fn are_patterns(patterns: &[String]) -> bool {
    (1..=limits::MAX_ACTIONS).contains(&patterns.len())
        && patterns.iter().all(|pattern| (1..=limits::MAX_ACTION).contains(&pattern.len()))
}

/// What a module of the stage `network` is given of a request: the connection, the vault and the time.
pub(crate) fn connection_alone(request: &PolicyRequest) -> PolicyRequest {
    let mut bare = PolicyRequest {
        recorded_for: request.recorded_for,
        connection: request.connection.clone(),
        time: request.time,
        ..PolicyRequest::default()
    };
    bare.object.vault.clone_from(&request.object.vault);
    bare.object.kind = "vault".to_owned();
    bare.object.state = ObjectState::Absent;
    bare
}
