//! The building blocks of pages that are made of panels: facts, tables, forms, commands. Everything is
//! text made by the caller; what a block looks like is decided here and nowhere else.

mod act;
mod chain;
mod form;
mod lanes;
mod table;

pub use act::{Act, Icon, Tone};
pub use chain::ChainLink;
pub use form::{Choice, Field, FieldKind, Form};
pub use lanes::{Coming, Lane, Lanes};
pub use table::{Cell, ColumnSort, Order, Paging, Row, Table};

use crate::{Moment, Stage, say};

/// One box of a page.
#[derive(Debug, Clone)]
pub struct Panel {
    /// The heading, unique in the page.
    pub title: String,
    /// A few words beside the heading.
    pub note: Option<String>,
    /// What one can do here, beside the heading.
    pub acts: Vec<Act>,
    /// What is in it.
    pub body: Body,
    /// A sentence at the foot.
    pub foot: Option<String>,
}

/// What a panel holds.
#[derive(Debug, Clone)]
pub enum Body {
    /// Names and what they stand for.
    Facts(Vec<Fact>),
    /// Rows.
    Table(Table),
    /// Certificates, each above the one that signed it.
    Chain(Vec<ChainLink>),
    /// The stages of a decision.
    Rail(Vec<Stage>),
    /// What comes when.
    Lanes(Lanes),
    /// Something to fill in.
    Form(Form),
    /// Commands to copy.
    Snippets(Vec<Snippet>),
    /// Sentences.
    Text(Vec<String>),
    /// Nothing there: what that means, and a command that changes it.
    Empty {
        /// The fact, as one sentence.
        headline: String,
        /// What to do about it, as one sentence.
        text: String,
        /// A command to copy.
        command: Option<Snippet>,
    },
}

/// A name and what it stands for.
#[derive(Debug, Clone)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// What it stands for.
    pub value: Cell,
}

impl Fact {
    /// A fact in words.
    #[must_use]
    pub fn text(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Cell::text(value) }
    }

    /// An identifier.
    #[must_use]
    pub fn code(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: Cell::Code(value.into()) }
    }

    /// A moment, or the words for there being none.
    #[must_use]
    pub fn moment(name: &str, moment: Option<Moment>, none: &str) -> Self {
        let value = moment.map_or_else(|| Cell::None(none.to_owned()), Cell::Moment);
        Self { name: name.to_owned(), value }
    }
}

/// A command or a piece of code to copy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snippet {
    /// What it is for: `curl`, `Command line`, `Python`.
    pub label: String,
    /// The text, as it is to be pasted.
    pub code: String,
}

impl Snippet {
    /// A snippet.
    #[must_use]
    pub fn new(label: &str, code: impl Into<String>) -> Self {
        Self { label: label.to_owned(), code: code.into() }
    }

    /// The same under another label: where a page has two of one sort.
    #[must_use]
    pub fn labelled(self, label: &str) -> Self {
        Self { label: label.to_owned(), ..self }
    }
}

impl Panel {
    /// A panel with nothing but its heading and what is in it.
    #[must_use]
    pub fn new(title: &str, body: Body) -> Self {
        Self { title: title.to_owned(), note: None, acts: Vec::new(), body, foot: None }
    }

    /// The same with words beside the heading.
    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }

    /// The same with what one can do.
    #[must_use]
    pub fn acts(self, acts: Vec<Act>) -> Self {
        Self { acts, ..self }
    }

    /// The same with a sentence at the foot.
    #[must_use]
    pub fn foot(self, foot: impl Into<String>) -> Self {
        Self { foot: Some(foot.into()), ..self }
    }

    /// The commands that do the same as this page.
    #[must_use]
    pub fn copy_as(snippets: Vec<Snippet>) -> Self {
        Self::new(say!("panel-copy-as"), Body::Snippets(snippets)).note(say!("panel-with-a-token-variable-never"))
    }
}
