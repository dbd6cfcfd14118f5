//! The answer of a module, built from left to right.

use crate::contract::exports::strongroom::policy::guard::{Decision, Effect};

/// What a module says of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    effect: Effect,
    reason_code: String,
    sentence: String,
    relied_on: Vec<String>,
    messages: Vec<String>,
}

impl Answer {
    /// Nothing against the request.
    pub fn allow(reason_code: impl Into<String>) -> Self {
        Self::new(Effect::Allow, reason_code, "")
    }

    /// The request must not go through. The sentence is shown to the one who asked: say what
    /// would make the request acceptable.
    pub fn deny(reason_code: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self::new(Effect::Deny, reason_code, sentence)
    }

    /// No opinion.
    pub fn abstain(reason_code: impl Into<String>) -> Self {
        Self::new(Effect::Abstain, reason_code, "")
    }

    fn new(effect: Effect, reason_code: impl Into<String>, sentence: impl Into<String>) -> Self {
        Self {
            effect,
            reason_code: reason_code.into(),
            sentence: sentence.into(),
            relied_on: Vec::new(),
            messages: Vec::new(),
        }
    }

    /// Names an attribute the answer rests on, for example `object.tags.owner`.
    pub fn relied_on(mut self, attribute: impl Into<String>) -> Self {
        self.relied_on.push(attribute.into());
        self
    }

    /// Adds a line for the log.
    pub fn message(mut self, line: impl Into<String>) -> Self {
        self.messages.push(line.into());
        self
    }

    /// The verdict.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The machine-readable reason.
    #[must_use]
    pub fn reason_code(&self) -> &str {
        &self.reason_code
    }

    /// The sentence for a person.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.sentence
    }
}

impl From<Answer> for Decision {
    fn from(answer: Answer) -> Self {
        Self {
            effect: answer.effect,
            reason_code: answer.reason_code,
            sentence: answer.sentence,
            relied_on: answer.relied_on,
            messages: answer.messages,
        }
    }
}
