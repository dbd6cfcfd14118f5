//! The landing page: the vaults this person may list.

use askama::Template;

use crate::{RenderError, Section, Shell, render, samples};

/// The list of vaults.
#[derive(Debug, Clone, Template)]
#[template(path = "vaults.html")]
pub struct VaultsPage {
    /// The frame.
    pub shell: Shell,
    /// Every vault this person may list, in order.
    pub vaults: Vec<VaultRow>,
    /// What is missing from the list and why, as one sentence, when it may be incomplete.
    pub partial: Option<String>,
    /// Command that creates a vault, shown when the list is empty.
    pub create_command: Option<String>,
}

/// One vault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VaultRow {
    /// The vault's name.
    pub name: String,
    /// The page of its secrets.
    pub href: String,
    /// Its address for clients: `https://demo.vault.localhost:8443`.
    pub address: String,
}

impl VaultsPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("vaults", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    fn headline(&self) -> String {
        match self.vaults.len() {
            0 => "No vault you may list".into(),
            1 => "One vault".into(),
            count => format!("{count} vaults"),
        }
    }

    /// Every state of the page, by name.
    #[must_use]
    pub fn samples() -> Vec<(&'static str, Self)> {
        let row = |name: &str| VaultRow {
            name: name.into(),
            href: format!("/vaults/{name}/secrets"),
            address: format!("https://{name}.vault.kestrelpay.example"),
        };
        let page = |names: &[&str]| Self {
            shell: Shell { vaults: samples::nav(names, None), ..samples::shell(Section::Vaults, &["Vaults"]) },
            vaults: names.iter().map(|name| row(name)).collect(),
            partial: None,
            create_command: None,
        };
        let names = ["identity-prod", "payments-prod", "platform-prod"];
        vec![
            ("vaults", page(&names)),
            (
                "vaults-partial",
                Self { partial: Some("One vault is sealed and is left out.".into()), ..page(&names[..1]) },
            ),
            ("vaults-empty", Self { create_command: Some("strongroom vault create demo".into()), ..page(&[]) }),
        ]
    }
}
