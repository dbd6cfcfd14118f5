//! The answer of a module, built from left to right.

use crate::contract::exports::strongroom::policy::guard::{
    Alert, ApprovalWanted, Decision, Effect, Obligation, Severity, StepUp,
};

/// What a module says of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Answer {
    effect: Effect,
    reason_code: String,
    sentence: String,
    relied_on: Vec<String>,
    messages: Vec<String>,
    obligations: Vec<Obligation>,
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
            obligations: Vec::new(),
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

    /// Says how the caller would have to sign in. With a denial only.
    pub fn step_up(self, step_up: StepUp) -> Self {
        self.obliging(Obligation::StepUp(step_up))
    }

    /// Says how many other people would have to approve, and for how many seconds that counts. With a denial
    /// only.
    pub fn require_approval(self, approvers: u32, valid_for: u32) -> Self {
        self.obliging(Obligation::RequireApproval(ApprovalWanted { approvers, valid_for }))
    }

    /// Lets the answer be kept for so many seconds at most. Not with a denial.
    pub fn shorten_lifetime(self, seconds: u32) -> Self {
        self.obliging(Obligation::ShortenLifetime(seconds))
    }

    /// Tells whoever is on duty.
    pub fn alert(self, severity: Severity, sentence: impl Into<String>) -> Self {
        self.obliging(Obligation::Alert(Alert { severity, sentence: sentence.into() }))
    }

    fn obliging(mut self, obligation: Obligation) -> Self {
        self.obligations.push(obligation);
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
            obligations: answer.obligations,
        }
    }
}
