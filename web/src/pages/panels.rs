//! A page made of panels: what most lists, details and forms are.

use askama::Template;

use crate::{Act, Chart, Form, Icon, Panel, RenderError, Shell, Tag, Tone, render};

/// A page of panels.
#[derive(Debug, Clone, Template)]
#[template(path = "panels.html")]
pub struct PanelsPage {
    /// The frame.
    pub shell: Shell,
    /// The heading; it is the answer to what the page is asked.
    pub headline: String,
    /// States beside the heading.
    pub badges: Vec<(Tone, Icon, String)>,
    /// One or two sentences below it.
    pub lead: Option<String>,
    /// Tags beside them.
    pub tags: Vec<Tag>,
    /// What one can do.
    pub acts: Vec<Act>,
    /// What one may not do and which role is missing, as sentences.
    pub cannot: Vec<String>,
    /// What is missing from the page and why, as sentences.
    pub notices: Vec<String>,
    /// Other views of the same thing.
    pub tabs: Vec<Tab>,
    /// A form that narrows the page (GET), as one bar of lines and choices.
    pub filter: Option<Form>,
    /// How often something happened, behind the first panel of the wide column.
    pub chart: Option<Chart>,
    /// The panels of the wide column.
    pub main: Vec<Panel>,
    /// The panels of the narrow column.
    pub aside: Vec<Panel>,
}

/// One of several views of the same thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tab {
    /// Its name.
    pub label: String,
    /// Where it is.
    pub href: String,
    /// Whether it is this one.
    pub current: bool,
}

impl PanelsPage {
    /// An empty page.
    #[must_use]
    pub fn new(shell: Shell, headline: impl Into<String>) -> Self {
        Self {
            shell,
            headline: headline.into(),
            badges: Vec::new(),
            lead: None,
            tags: Vec::new(),
            acts: Vec::new(),
            cannot: Vec::new(),
            notices: Vec::new(),
            tabs: Vec::new(),
            filter: None,
            chart: None,
            main: Vec::new(),
            aside: Vec::new(),
        }
    }

    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("panels", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    /// The panels with ids, first those of the wide column.
    fn wide(&self) -> impl Iterator<Item = (String, &Panel)> {
        self.main.iter().enumerate().map(|(index, panel)| (format!("p{index}"), panel))
    }

    fn narrow(&self) -> impl Iterator<Item = (String, &Panel)> {
        self.aside.iter().enumerate().map(|(index, panel)| (format!("a{index}"), panel))
    }
}
