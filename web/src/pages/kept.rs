//! A form that could not be done as it was sent, and whose page could not be shown again with it: what was typed is
//! kept here, and is sent from here once more. A secret must never be among it.

use askama::Template;

use crate::{PostForm, RenderError, Section, Shell, Snippet, render, samples};

/// The page that keeps what was typed.
#[derive(Debug, Clone, Template)]
#[template(path = "kept.html")]
pub struct KeptPage {
    /// The frame, when somebody is signed in.
    pub shell: Option<Shell>,
    /// Why nothing was done, and what to do, as sentences.
    pub sentences: Vec<String>,
    /// Where to sign in, in a tab of its own: this page is all there is of what was typed.
    pub sign_in_href: Option<String>,
    /// Sends it once more.
    pub post: PostForm,
    /// What was sent, by field, without secrets.
    pub fields: Vec<(String, String)>,
    /// Whether something was sent that is a secret, or a file, and so is not here.
    pub left_out: bool,
    /// Commands that ask for the same.
    pub copy_as: Vec<Snippet>,
}

impl KeptPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("kept", self)
    }

    fn frame(&self) -> Option<&Shell> {
        self.shell.as_ref()
    }

    fn snippets(&self) -> impl Iterator<Item = (String, &Snippet)> {
        self.copy_as.iter().enumerate().map(|(index, snippet)| (format!("snippet-{index}"), snippet))
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |shell, sign_in_href: Option<&str>, left_out| Self {
            shell,
            sentences: vec!["You are not signed in any more, so nothing was done.".into()],
            sign_in_href: sign_in_href.map(Into::into),
            post: PostForm {
                action: "/vaults/payments-prod/secrets/etl-token/new-version".into(),
                csrf_token: "sample-token".into(),
            },
            fields: vec![("content_type".into(), "text/plain".into()), ("tag-name-1".into(), "team".into())],
            left_out,
            copy_as: vec![],
        };
        let shell = samples::shell(Section::Vaults, &["Vaults", "payments-prod"]);
        vec![("kept", page(None, Some("/sign-in"), true)), ("kept-signed-in", page(Some(shell), None, false))]
    }
}
