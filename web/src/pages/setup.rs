//! The setup of an installation that nobody owns yet, by the code of the server's own terminal.

use askama::Template;

use crate::{Field, FieldKind, Form, RenderError, Shell, render};

/// The page with the form. Neither the code nor a client secret that was typed is ever on it.
#[derive(Debug, Clone, Template)]
#[template(path = "setup.html")]
pub struct SetupPage {
    /// Host of this installation, so that people can compare it with the address bar.
    pub host: String,
    /// The form.
    pub form: Form,
}

impl SetupPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("setup", self)
    }

    fn frame(&self) -> Option<&Shell> {
        None
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = |error: Option<&str>| Self {
            host: "vault.kestrelpay.example".into(),
            form: Form {
                action: "/setup".into(),
                csrf_token: Some("sample-token".into()),
                fields: vec![
                    Field::line("code", "Setup code", "", 64).required().hint("From the server's own terminal."),
                    Field::line("issuer", "Issuer", "https://login.kestrelpay.example", 1024).required(),
                    Field::new("client_secret", "Client secret", FieldKind::Secret),
                ],
                submit: "Set up, once and for all".into(),
                error: error.map(Into::into),
                ..Form::default()
            },
        };
        vec![("setup", page(None)), ("setup-error", page(Some("The code does not count.")))]
    }
}
