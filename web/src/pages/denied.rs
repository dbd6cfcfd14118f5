//! Refused: which stage stopped the request, and what to quote.

use askama::Template;

use crate::{Body, Cell, Fact, Panel, RenderError, Section, Shell, Snippet, render, samples, say};

/// The page for a request the gate refused. When even existence is hidden, the handler answers with
/// [`crate::NotFoundPage`] instead.
#[derive(Debug, Clone, Template)]
#[template(path = "denied.html")]
pub struct DeniedPage {
    /// The frame.
    pub shell: Shell,
    /// What was asked for, as the page's title: `db-password`, `Audit`.
    pub object: String,
    /// What was refused, as one sentence: `You cannot reveal this secret's value.`
    pub refused: String,
    /// Headline of the reason: `No role allows this`.
    pub headline: String,
    /// The reason as one sentence.
    pub reason: String,
    /// The reason's code: `no_role`.
    pub reason_code: String,
    /// Stages of the gate in their order, as far as they may be told; one of them stopped.
    pub stages: Vec<Stage>,
    /// The role that would allow it, if known.
    pub missing_role: Option<String>,
    /// The scope at which that role is needed, if known.
    pub missing_scope: Option<String>,
    /// The decision's id, to be quoted.
    pub decision_id: String,
    /// Where it is told why, to whoever was denied and to who may read records.
    pub decision_href: Option<String>,
    /// Where to prove again who one is, when that is what is missing.
    pub step_up_href: Option<String>,
    /// Where others are asked to approve it, with the page that it is for.
    pub ask: Option<(crate::PostForm, String)>,
    /// What this person can see although that was refused.
    pub seen: Vec<Panel>,
    /// Who could give them access.
    pub grants: Vec<Panel>,
    /// Commands that ask for the same, and for the why.
    pub copy_as: Vec<Snippet>,
    /// When that was, where the page is looked at later.
    pub when: Option<crate::Moment>,
    /// A page this person can see, to go on from.
    pub back_href: Option<String>,
}

/// One stage of the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Its name: `Network rules`.
    pub name: String,
    /// What happened there.
    pub state: StageState,
    /// A few words more: `Office VPN`, `Not reached`.
    pub detail: Option<String>,
}

/// What a stage did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageState {
    /// It let the request pass.
    Passed,
    /// It stopped the request.
    Stopped,
    /// The request did not get here.
    NotReached,
}

impl DeniedPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("denied", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    fn seen(&self) -> impl Iterator<Item = (String, &Panel)> {
        self.seen.iter().enumerate().map(|(index, panel)| (format!("s{index}"), panel))
    }

    fn grants(&self) -> impl Iterator<Item = (String, &Panel)> {
        self.grants.iter().enumerate().map(|(index, panel)| (format!("g{index}"), panel))
    }

    fn snippets(&self) -> impl Iterator<Item = (String, &Snippet)> {
        self.copy_as.iter().enumerate().map(|(index, snippet)| (format!("snippet-{index}"), snippet))
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let stage = |name: &str, state, detail: &str| Stage { name: name.into(), state, detail: Some(detail.into()) };
        let seen = vec![
            Fact::code("Identifier", "payments-prod/secrets/paylane-restricted-key"),
            Fact { name: "Value".into(), value: Cell::None("Hidden".into()) },
        ];
        let secret = Self {
            shell: Shell {
                vaults: samples::nav(&["identity-prod", "payments-prod"], Some("payments-prod")),
                ..samples::shell(Section::InVault, &["Vaults", "payments-prod", "Secrets", "paylane-restricted-key"])
            },
            object: "paylane-restricted-key".into(),
            refused: "You can see that this secret exists. You cannot read its value.".into(),
            headline: "No role of yours allows this".into(),
            reason: "Revealing a value needs a role that may get secrets, on this secret, its vault or the server."
                .into(),
            reason_code: "no_role".into(),
            stages: vec![
                stage("Identity", StageState::Passed, "Kestrel SSO"),
                stage("Network rules", StageState::Passed, "Office VPN"),
                stage("Roles", StageState::Stopped, "No assignment"),
                stage("Policy modules", StageState::NotReached, "Not reached"),
                stage("Secret state", StageState::NotReached, "Not reached"),
            ],
            missing_role: Some("Key Vault Secrets User".into()),
            missing_scope: Some("/vaults/payments-prod/secrets/paylane-restricted-key".into()),
            decision_id: "019ab2f4-6c1e-7d30-8f52-0a1b2c3d4e5f".into(),
            decision_href: Some("/why/019ab2f4-6c1e-7d30-8f52-0a1b2c3d4e5f".into()),
            step_up_href: None,
            ask: None,
            seen: vec![Panel::new("What you can see", Body::Facts(seen))],
            grants: vec![Panel::new("Owners", Body::Text(vec!["Owners are hidden.".into()]))],
            copy_as: vec![Snippet::new("Command line", "strongroom secret get paylane-restricted-key")],
            when: None,
            back_href: Some("/vaults/payments-prod/secrets".into()),
        };
        let audit = Self {
            shell: samples::shell(Section::Audit, &["Audit"]),
            object: "Audit".into(),
            refused: "You cannot see the audit records of this installation.".into(),
            headline: "A policy module refused this".into(),
            reason: "The audit log may be read from the office network only.".into(),
            reason_code: "outside_network".into(),
            stages: vec![],
            missing_role: None,
            missing_scope: None,
            decision_id: "019ab2f4-6c1e-7d30-8f52-0a1b2c3d4e60".into(),
            decision_href: None,
            step_up_href: None,
            ask: None,
            seen: vec![],
            grants: vec![],
            copy_as: vec![],
            when: None,
            back_href: None,
        };
        let step_up = Self {
            headline: "A policy module refused".into(),
            reason: "Reading this needs a sign-in with a security key.".into(),
            step_up_href: Some("/auth/kestrel/start?afresh=yes&acr=phrh".into()),
            ..secret.clone()
        };
        vec![("denied", secret), ("denied-step-up", step_up), ("denied-stages-hidden", audit)]
    }
}

impl StageState {
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Stopped => "no",
            Self::NotReached => "nr",
        }
    }

    pub(crate) fn icon(self) -> Option<&'static str> {
        match self {
            Self::Passed => Some("check"),
            Self::Stopped => Some("x"),
            Self::NotReached => None,
        }
    }

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Passed => say!("page-denied-passed"),
            Self::Stopped => say!("page-denied-stopped-the-request"),
            Self::NotReached => say!("page-denied-not-reached"),
        }
    }
}
