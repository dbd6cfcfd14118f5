//! Sign-in: the configured providers as links. It never asks for a password.

use askama::Template;

use crate::{RenderError, render};

/// The sign-in page. A provider is a link, not a form, so that the page's `form-action` stays `'self'`.
#[derive(Debug, Clone, Template)]
#[template(path = "sign_in.html")]
pub struct SignInPage {
    /// Host of this installation, so that people can compare it with the address bar.
    pub host: String,
    /// Shows the `Development` badge.
    pub development: bool,
    /// Providers in the order to show them, the last used first.
    pub providers: Vec<Provider>,
    /// Why the last attempt did not lead to a session, as one sentence.
    pub error: Option<String>,
    /// Where an installation that nobody owns yet is set up.
    pub setup_href: Option<String>,
}

/// A way to sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provider {
    /// Its name, as configured.
    pub name: String,
    /// Starts the sign-in.
    pub href: String,
    /// Who it is for, or its host.
    pub detail: Option<String>,
    /// Marked as the one used last in this browser.
    pub last_used: bool,
}

impl SignInPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("sign-in", self)
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let staff = Provider {
            name: "Kestrel SSO".into(),
            href: "/sign-in/kestrel".into(),
            detail: Some("Staff, login.kestrelpay.example".into()),
            last_used: true,
        };
        let partner = Provider {
            name: "Partner ID".into(),
            href: "/sign-in/partner".into(),
            detail: Some("Contractors and auditors".into()),
            last_used: false,
        };
        let dev = Provider {
            name: "Development sign-in".into(),
            href: "/sign-in/dev".into(),
            detail: Some("127.0.0.1:8444, this machine only".into()),
            last_used: false,
        };
        let page = |providers: &[&Provider], development, error: Option<&str>| Self {
            host: if development { "vault.localhost:8443" } else { "vault.kestrelpay.example" }.into(),
            development,
            providers: providers.iter().copied().cloned().collect(),
            error: error.map(Into::into),
            setup_href: None,
        };
        vec![
            ("sign-in", page(&[&staff, &partner], false, None)),
            ("sign-in-development", page(&[&dev], true, None)),
            (
                "sign-in-error",
                page(
                    &[&staff, &partner],
                    false,
                    Some("Kestrel SSO answered, but this sign-in was not started here. Start again."),
                ),
            ),
            ("sign-in-no-provider", page(&[], false, None)),
            ("sign-in-set-up", Self { setup_href: Some("/setup".into()), ..page(&[], false, None) }),
        ]
    }
}
