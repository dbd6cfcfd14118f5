//! A test kit that runs a module natively, along the way that the server takes: the module is
//! asked only about requests it wants to see, and is given only facts it wants to see.
//!
//! ```
//! use strongroom_policy_sdk::testing::{self, Expect};
//! # use strongroom_policy_sdk::{About, Answer, NoSettings, Policy, Request};
//! # struct Nobody;
//! # impl Policy for Nobody {
//! #     type Settings = NoSettings;
//! #     const ABOUT: About = About::new("nobody", "0.1.0", "");
//! #     fn decide(_: &Request, _: &NoSettings) -> Answer { Answer::deny("closed", "Come back tomorrow.") }
//! # }
//! let request = testing::request("Microsoft.KeyVault/vaults/secrets/getSecret/action")
//!     .secret("db-password")
//!     .tag("owner", "payments");
//! testing::ask::<Nobody>("{}", &request).expect_deny("closed");
//! ```
//!
//! Panics are how a test fails, so the functions here do.

#![expect(clippy::panic, clippy::expect_used, reason = "a test kit fails by panicking")]

mod bounds;
mod golden;

pub use golden::golden;

use crate::contract::exports::strongroom::policy::guard::{Decision, Fact, FactValue, Guest};
use crate::{
    Answer, Connection, Effect, Exported, Object, ObjectState, Policy, Principal, Request, Stage, facts, matches,
};

/// A request by the user `ada` for the secret `example` of the vault `demo`, at one fixed moment.
pub fn request(action: &str) -> RequestBuilder {
    RequestBuilder(Request {
        principal: Principal {
            issuer: "https://issuer.example".to_owned(),
            subject: "ada".to_owned(),
            kind: "user".to_owned(),
            groups: Vec::new(),
            claims: Vec::new(),
        },
        connection: Connection {
            client_address: "192.0.2.1".to_owned(),
            listener: "https".to_owned(),
            proxies: Vec::new(),
            tls: None,
            client_certificate: None,
        },
        action: action.to_owned(),
        object: Object {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "example".to_owned(),
            version: None,
            state: ObjectState::Active,
            tags: Vec::new(),
            enabled: Some(true),
            not_before: None,
            expires: None,
            created: None,
            updated: None,
            deleted: None,
            purge: None,
        },
        key_operation: None,
        certificate_request: None,
        time: NOON,
        facts: Vec::new(),
        approvals: Vec::new(),
    })
}

/// The moment of [`request`]: noon of 1 June 2026, in Unix seconds.
pub const NOON: i64 = 1_780_315_200;

/// A request under construction.
#[derive(Clone, Debug)]
#[must_use]
pub struct RequestBuilder(Request);

impl RequestBuilder {
    /// Asks for this secret.
    pub fn secret(self, name: &str) -> Self {
        self.object("secret", name)
    }

    /// Asks for an object of this kind.
    pub fn object(mut self, kind: &str, name: &str) -> Self {
        self.0.object.kind = kind.to_owned();
        self.0.object.name = name.to_owned();
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, name: &str, value: &str) -> Self {
        self.0.object.tags.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a group of the principal.
    pub fn group(mut self, group: &str) -> Self {
        self.0.principal.groups.push(group.to_owned());
        self
    }

    /// Adds a claim of the principal.
    pub fn claim(mut self, name: &str, value: &str) -> Self {
        self.0.principal.claims.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a fact that is a number.
    pub fn number(mut self, fact: &str, value: i64) -> Self {
        self.0.facts.push(Fact { name: fact.to_owned(), value: FactValue::Number(value) });
        self
    }

    /// Sets when the object expires, in Unix seconds.
    pub fn expires(mut self, seconds: i64) -> Self {
        self.0.object.expires = Some(seconds);
        self
    }

    /// Changes anything else.
    pub fn with(mut self, change: impl FnOnce(&mut Request)) -> Self {
        change(&mut self.0);
        self
    }

    /// The finished request.
    #[must_use]
    pub fn build(self) -> Request {
        self.0
    }
}

/// Asks a module about one request, as the server would.
///
/// # Panics
/// When the module refuses the settings, or answers what the server takes for no answer.
#[must_use]
pub fn ask<P: Policy>(settings: &str, request: &RequestBuilder) -> Decision {
    let request = &request.0;
    let one_matches = |patterns: &[&str], text: &str| patterns.iter().any(|pattern| matches(pattern, text));
    let object = format!("{}/{}", request.object.kind, request.object.name);
    let not_wanted = |reason_code: &str| Answer::abstain(reason_code).into();
    if !one_matches(P::ABOUT.actions, &request.action) {
        return not_wanted("action-not-wanted");
    }
    if !one_matches(P::ABOUT.objects, &object) {
        return not_wanted("object-not-wanted");
    }
    let request = handed_over(request, P::ABOUT.stage, P::ABOUT.facts);
    let mut decisions = Exported::<P>::decide(vec![request], settings.to_owned()).expect("settings refused");
    let decision = decisions.remove(0);
    if let Some(why) = bounds::broken(&decision) {
        panic!("the server takes this for a bad answer, which denies: {why}");
    }
    decision
}

/// What of a request a module is given that is asked at this stage and wants these facts.
fn handed_over(request: &Request, stage: Stage, wanted: &[&str]) -> Request {
    let mut given = request.clone();
    if stage == Stage::Network {
        given = self::request("").object("vault", "").build();
        given.principal = Principal {
            issuer: String::new(),
            subject: String::new(),
            kind: String::new(),
            groups: Vec::new(),
            claims: Vec::new(),
        };
        given.connection.clone_from(&request.connection);
        given.object.vault.clone_from(&request.object.vault);
        given.object.state = ObjectState::Absent;
        given.object.enabled = None;
        given.time = request.time;
        return given;
    }
    let wants = |fact: &str| wanted.contains(&fact);
    if !wants(facts::GROUPS) {
        given.principal.groups.clear();
    }
    if !wants(facts::CLAIMS) {
        given.principal.claims.clear();
    }
    if !wants(facts::TAGS) {
        given.object.tags.clear();
    }
    if !wants(facts::APPROVALS) {
        given.approvals.clear();
    }
    given.facts.retain(|fact| wants(&fact.name));
    given
}

/// Whether a module takes these settings.
///
/// # Errors
/// The module's sentence against them.
pub fn check_settings<P: Policy>(settings: &str) -> Result<(), String> {
    Exported::<P>::validate_settings(settings.to_owned())
}

/// Assertions about a decision.
pub trait Expect {
    /// The module allows for this reason.
    fn expect_allow(&self, reason_code: &str);
    /// The module denies for this reason.
    fn expect_deny(&self, reason_code: &str);
    /// The module has no opinion.
    fn expect_abstain(&self);
}

impl Expect for Decision {
    #[track_caller]
    fn expect_allow(&self, reason_code: &str) {
        assert_eq!((self.effect, self.reason_code.as_str()), (Effect::Allow, reason_code));
    }

    #[track_caller]
    fn expect_deny(&self, reason_code: &str) {
        assert_eq!((self.effect, self.reason_code.as_str()), (Effect::Deny, reason_code));
        assert!(!self.sentence.is_empty(), "a denial needs a sentence");
    }

    #[track_caller]
    fn expect_abstain(&self) {
        assert_eq!(self.effect, Effect::Abstain, "{}", self.reason_code);
    }
}
