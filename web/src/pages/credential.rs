//! A credential that was just made: shown this once.

use askama::Template;
use zeroize::Zeroizing;

use crate::{RenderError, Section, Shell, Snippet, render, samples};

/// The page with a new client secret. Holds it, so it has neither `Debug` nor `Clone`.
#[derive(Template)]
#[template(path = "credential.html")]
pub struct CredentialPage {
    /// The frame.
    pub shell: Shell,
    /// What it is for, as the headline.
    pub headline: String,
    /// The client id.
    pub client_id: String,
    /// How the audit log names the change: the decision id.
    pub recorded_as: String,
    /// The workload's page.
    pub done_href: String,
    /// What to set where it is used, with the secret's place left empty.
    pub copy_as: Vec<Snippet>,
    secret: Zeroizing<String>,
}

impl CredentialPage {
    /// Takes the secret over.
    #[must_use]
    pub fn new(
        shell: Shell,
        headline: String,
        client_id: String,
        secret: Zeroizing<String>,
        recorded_as: String,
        done_href: String,
        copy_as: Vec<Snippet>,
    ) -> Self {
        Self { shell, headline, client_id, recorded_as, done_href, copy_as, secret }
    }

    /// The page as HTML, in a buffer that is wiped on drop: send it with `cache-control: no-store`, and
    /// keep no copy.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<Zeroizing<String>, RenderError> {
        render::to_zeroizing("credential", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    fn snippets(&self) -> impl Iterator<Item = (String, &Snippet)> {
        self.copy_as.iter().enumerate().map(|(index, snippet)| (format!("snippet-{index}"), snippet))
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let page = Self::new(
            samples::shell(Section::Access, &["Access", "Workloads", "ledger-worker"]),
            "New client secret of ledger-worker".into(),
            "5f0c3f1d-e9a9-4a71-b51e-0f4a8a2c6d07".into(),
            Zeroizing::new("sr1_sampleSecret-0123456789".into()),
            "019ab2f4-6c1e-7d30-8f52-3b9d1c40aa17".into(),
            "/access/workloads/5f0c3f1d-e9a9-4a71-b51e-0f4a8a2c6d07".into(),
            vec![Snippet::new("Shell", "export AZURE_CLIENT_ID=5f0c3f1d-e9a9-4a71-b51e-0f4a8a2c6d07")],
        );
        vec![("credential", page)]
    }
}
