//! After sign-out: says what ended and what did not.

use askama::Template;

use crate::{RenderError, Shell, render};

/// The page after sign-out.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// Host of this installation.
    pub host: String,
    /// Shows the `Development` badge.
    pub development: bool,
    /// The sign-in page.
    pub sign_in_href: String,
    /// The provider whose own session may go on, if known.
    pub provider: Option<String>,
    /// Where that session is ended too, if the provider offers it.
    pub provider_end_href: Option<String>,
}

impl SignedOutPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("signed-out", self)
    }

    fn frame(&self) -> Option<&Shell> {
        None
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |provider: Option<&str>| Self {
            host: "vault.kestrelpay.example".into(),
            development: false,
            sign_in_href: "/sign-in".into(),
            provider: provider.map(Into::into),
            provider_end_href: None,
        };
        vec![
            ("signed-out", page(Some("Kestrel SSO"))),
            (
                "signed-out-elsewhere",
                Self {
                    provider_end_href: Some("https://login.kestrelpay.example/logout?client_id=strongroom".into()),
                    ..page(Some("Kestrel SSO"))
                },
            ),
            ("signed-out-no-provider", page(None)),
        ]
    }
}
