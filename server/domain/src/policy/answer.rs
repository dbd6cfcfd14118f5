//! What a policy module answers.

use serde::{Deserialize, Serialize};

use super::PolicyFailure;

/// What a module says of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing against it.
    Allow,
    /// The request must not go through.
    Deny,
    /// The module has no opinion on such requests.
    Abstain,
}

impl Effect {
    /// The word used in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Abstain => "abstain",
        }
    }
}

/// How much an alert wants somebody's attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertSeverity {
    /// When there is time.
    Low,
    /// Today.
    Medium,
    /// Now.
    High,
}

impl AlertSeverity {
    /// The word used in records and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a module wants done besides. One that the server does not carry out denies.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Obligation {
    /// Ask for another sign-in, by one of each list that is not empty. Belongs to a denial.
    StepUp {
        /// Authentication context classes, any of which would do.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        acr: Vec<String>,
        /// Authentication methods, any of which would do.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        amr: Vec<String>,
        /// How old the sign-in may be, seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_age: Option<u32>,
    },
    /// Ask other people. Belongs to a denial.
    RequireApproval {
        /// How many of them, 1 to 8.
        approvers: u32,
        /// For how long their consent counts, seconds: a minute to a week.
        valid_for: u32,
    },
    /// Let the answer be kept for so long at most. Belongs to what is not a denial.
    ShortenLifetime {
        /// How long.
        seconds: u32,
    },
    /// Tell whoever is on duty.
    Alert {
        /// How urgent it is.
        severity: AlertSeverity,
        /// One sentence, at most 256 characters.
        sentence: String,
    },
}

impl Obligation {
    /// Its name in the contract.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::StepUp { .. } => "step-up",
            Self::RequireApproval { .. } => "require-approval",
            Self::ShortenLifetime { .. } => "shorten-lifetime",
            Self::Alert { .. } => "alert",
        }
    }

    /// Whether it can go with this effect.
    #[must_use]
    pub fn goes_with(&self, effect: Effect) -> bool {
        match self {
            Self::StepUp { .. } | Self::RequireApproval { .. } => effect == Effect::Deny,
            Self::ShortenLifetime { .. } => effect != Effect::Deny,
            Self::Alert { .. } => true,
        }
    }
}

/// A module's answer to one request. Texts are capped by the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyAnswer {
    /// The verdict.
    pub effect: Effect,
    /// Machine-readable reason, `[a-z0-9-]{1,64}`.
    pub reason_code: String,
    /// One sentence for a person, at most 256 characters.
    pub sentence: String,
    /// Attributes the answer rests on, for example `object.tags.owner`.
    pub relied_on: Vec<String>,
    /// Lines for the log, at most 8 of 256 characters.
    pub messages: Vec<String>,
    /// What is to be done besides, at most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
    /// Fuel the decision burnt (the whole batch's).
    pub fuel: u64,
}

impl PolicyAnswer {
    /// Reasons of the host, which answers in the place of a module that does not want to see the action or the object.
    const UNASKED: [&str; 2] = ["action-not-wanted", "object-not-wanted"];

    /// Whether the module was not asked, because it does not want to see such a request. No module answers anything
    /// without burning fuel.
    #[must_use]
    pub fn is_unasked(&self) -> bool {
        self.effect == Effect::Abstain && self.fuel == 0 && Self::UNASKED.contains(&self.reason_code.as_str())
    }
}

/// What came of asking one module about one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its answer, or why there is none.
    pub answer: Result<PolicyAnswer, PolicyFailure>,
    /// How long it ran, microseconds; none where it was not started. Another one each time: no part of the answer.
    pub micros: Option<u64>,
}

impl From<PolicyFailure> for Said {
    fn from(failure: PolicyFailure) -> Self {
        Self { answer: Err(failure), micros: None }
    }
}
