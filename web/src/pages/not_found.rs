//! Nothing here, or nothing this person may know of: the same page for both.

use askama::Template;

use crate::{RenderError, Section, Shell, render, samples};

/// The page for an address without a page.
#[derive(Debug, Clone, Template)]
#[template(path = "not_found.html")]
pub struct NotFoundPage {
    /// The frame, when somebody is signed in.
    pub shell: Option<Shell>,
    /// Where to go on.
    pub home_href: String,
    /// The request's id.
    pub request_id: String,
}

impl NotFoundPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("not-found", self)
    }

    fn frame(&self) -> Option<&Shell> {
        self.shell.as_ref()
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |shell| Self {
            shell,
            home_href: "/vaults".into(),
            request_id: "019ab2f4-71d8-7a05-9d11-5c0e8f7b6a42".into(),
        };
        vec![
            ("not-found", page(Some(samples::shell(Section::None, &["Not found"])))),
            ("not-found-signed-out", page(None)),
        ]
    }
}
