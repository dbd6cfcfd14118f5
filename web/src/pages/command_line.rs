//! A program of the command line asks to act as the person who is signed in.

use askama::Template;

use crate::{PostForm, RenderError, Shell, render};

/// The page that asks. Its form's answer leads to the program, so the page's `form-action` must name it.
#[derive(Debug, Clone, Template)]
#[template(path = "command_line.html")]
pub struct CommandLinePage {
    /// Host of this installation.
    pub host: String,
    /// Shows the `Development` badge.
    pub development: bool,
    /// Whom the program would act as.
    pub name: String,
    /// Where they are known: the issuer's host.
    pub detail: Option<String>,
    /// What the program shows as well: `ABCD-EFGH`.
    pub comparison: String,
    /// Allows it.
    pub allow: PostForm,
    /// Where the program waits.
    pub redirect_uri: String,
    /// What it tells its request by.
    pub state: String,
    /// The hash of its verifier.
    pub challenge: String,
    /// Tells the program that it was refused.
    pub cancel_href: String,
}

impl CommandLinePage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("command-line", self)
    }

    fn frame(&self) -> Option<&Shell> {
        None
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = Self {
            host: "vault.kestrelpay.example".into(),
            development: false,
            name: "Ines Okafor".into(),
            detail: Some("login.kestrelpay.example".into()),
            comparison: "K7QX-2MNP".into(),
            allow: PostForm { action: "/command-line".into(), csrf_token: "sample-token".into() },
            redirect_uri: "http://127.0.0.1:52114/callback".into(),
            state: "sample-state-0001".into(),
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
            cancel_href: "http://127.0.0.1:52114/callback?error=access_denied&state=sample-state-0001".into(),
        };
        vec![("command-line", page)]
    }
}
