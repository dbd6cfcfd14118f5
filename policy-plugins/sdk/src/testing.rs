//! A test kit that runs a module natively, along the way that the server takes: the module is
//! asked only about actions it wants to see, and is given only facts it wants to see.
//!
//! ```
//! use strongroom_policy_sdk::testing::{self, Expect};
//! # use strongroom_policy_sdk::{About, Answer, Facts, NoSettings, Policy, Request};
//! # struct Nobody;
//! # impl Policy for Nobody {
//! #     type Settings = NoSettings;
//! #     const ABOUT: About = About { name: "nobody", version: "0.1.0", summary: "", actions: &["*"],
//! #         wants: Facts::empty(), settings_schema: NoSettings::SCHEMA };
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

mod golden;

pub use golden::golden;

use crate::contract::exports::strongroom::policy::guard::{Decision, Guest};
use crate::{Connection, Effect, Exported, Facts, Object, Policy, Principal, Request, matches};

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
        connection: Connection { client_address: "192.0.2.1".to_owned(), listener: "https".to_owned() },
        action: action.to_owned(),
        object: Object {
            vault: "demo".to_owned(),
            kind: "secret".to_owned(),
            name: "example".to_owned(),
            version: None,
            tags: Vec::new(),
            enabled: Some(true),
            not_before: None,
            expires: None,
        },
        time: NOON,
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
/// When the module refuses the settings.
#[must_use]
pub fn ask<P: Policy>(settings: &str, request: &RequestBuilder) -> Decision {
    let mut request = request.0.clone();
    if !P::ABOUT.actions.iter().any(|action| matches(action, &request.action)) {
        return Decision {
            effect: Effect::Abstain,
            reason_code: "action-not-wanted".to_owned(),
            sentence: String::new(),
            relied_on: Vec::new(),
            messages: Vec::new(),
        };
    }
    let wants = P::ABOUT.wants;
    if !wants.contains(Facts::GROUPS) {
        request.principal.groups.clear();
    }
    if !wants.contains(Facts::CLAIMS) {
        request.principal.claims.clear();
    }
    if !wants.contains(Facts::TAGS) {
        request.object.tags.clear();
    }
    let mut decisions = Exported::<P>::decide(vec![request], settings.to_owned()).expect("settings refused");
    decisions.remove(0)
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
