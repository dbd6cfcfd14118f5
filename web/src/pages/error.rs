//! Something failed: what, whether anything changed, and what to do.

use askama::Template;

use crate::{RenderError, Section, Shell, render, samples, say};

/// The page for a request that failed.
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame, when somebody is signed in.
    pub shell: Option<Shell>,
    /// What failed, as the headline: `The list of secrets could not be read`.
    pub failed: String,
    /// Why, as one sentence, as far as it may be told.
    pub cause: Option<String>,
    /// Whether the request changed anything.
    pub changed: Changed,
    /// The request's id, to be quoted.
    pub request_id: String,
    /// The same request once more, when it is safe to repeat.
    pub retry_href: Option<String>,
}

/// Whether a failed request changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Nothing changed.
    Nothing,
    /// It may have changed something: look before you repeat it.
    Unknown,
    /// It took effect although the answer failed.
    Done,
}

impl ErrorPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("error", self)
    }

    fn frame(&self) -> Option<&Shell> {
        self.shell.as_ref()
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |shell, changed, retry_href: Option<&str>, cause: Option<&str>| Self {
            shell,
            failed: "The secrets of payments-prod could not be read".into(),
            cause: cause.map(Into::into),
            changed,
            request_id: "019ab2f4-71d8-7a05-9d11-5c0e8f7b6a42".into(),
            retry_href: retry_href.map(Into::into),
        };
        let shell = || Some(samples::shell(Section::Vaults, &["Vaults", "payments-prod"]));
        vec![
            (
                "error",
                page(
                    shell(),
                    Changed::Nothing,
                    Some("/vaults/payments-prod/secrets"),
                    Some("The database did not answer in time."),
                ),
            ),
            ("error-unknown", page(shell(), Changed::Unknown, None, None)),
            ("error-done", page(shell(), Changed::Done, None, None)),
            ("error-signed-out", page(None, Changed::Nothing, Some("/sign-in"), None)),
        ]
    }
}

impl Changed {
    fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => say!("page-error-nothing-was-changed"),
            Self::Unknown => say!("page-error-it-is-not-known-whether"),
            Self::Done => say!("page-error-the-change-itself-was-made"),
        }
    }
}
