//! Tables: rows of cells. Below 760 pixels a row becomes a block, and each cell says its column.

use super::{Act, Icon, Tone};
use crate::{Moment, Tag, messages};

/// Rows under headings.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// What its parameters in the address begin with, and where links to it lead; none for the one list of a page.
    pub name: Option<String>,
    /// Columns by their names in code and in addresses, as many as each row has cells; shown in the reader's language
    /// ([`crate::messages::column`]). An empty one is for acts.
    pub columns: Vec<String>,
    /// How each column sorts, in their order; empty for a list that has one order only.
    pub sorts: Vec<Option<ColumnSort>>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the list goes on.
    pub paging: Paging,
}

/// A column that the list can be sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSort {
    /// The same list, sorted by this column; the other way round where it is.
    pub href: String,
    /// How it is sorted now, if by this column.
    pub order: Option<Order>,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

impl Order {
    pub(crate) fn aria(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
        }
    }

    pub(crate) fn icon(self) -> &'static str {
        match self {
            Self::Ascending => Icon::Up.name(),
            Self::Descending => Icon::Down.name(),
        }
    }
}

/// One row.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Its cells.
    pub cells: Vec<Cell>,
    /// Whether it is the one that the page is about.
    pub marked: bool,
}

/// Where a list goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paging {
    /// What is on this page: `25 on this page`.
    pub words: String,
    /// The first page, when this is another.
    pub first_href: Option<String>,
    /// The next page.
    pub next_href: Option<String>,
}

/// What is in one place of a table, or beside one fact's name.
#[derive(Debug, Clone)]
pub enum Cell {
    /// Words, with smaller ones below.
    Text {
        /// The words.
        text: String,
        /// Smaller ones.
        small: Option<String>,
    },
    /// A link, with smaller words below.
    Link {
        /// The words.
        text: String,
        /// Where it leads.
        href: String,
        /// Smaller ones.
        small: Option<String>,
    },
    /// An identifier.
    Code(String),
    /// A state: a picture and a word.
    Badge {
        /// What the colour means.
        tone: Tone,
        /// The picture.
        icon: Icon,
        /// The word.
        text: String,
        /// Smaller words below.
        small: Option<String>,
    },
    /// A moment.
    Moment(Moment),
    /// A moment that leads on, or with smaller words below.
    When {
        /// The moment.
        moment: Moment,
        /// Where it leads.
        href: Option<String>,
        /// Smaller words.
        small: Option<String>,
    },
    /// A moment that is near or over: a picture and a word, and the moment below.
    Due {
        /// What the colour means.
        tone: Tone,
        /// The picture.
        icon: Icon,
        /// The word.
        text: String,
        /// The moment.
        moment: Moment,
    },
    /// Tags.
    Tags(Vec<Tag>),
    /// Somebody: what kind, and how they are called.
    Who {
        /// The kind's picture.
        icon: Icon,
        /// The kind, for those who do not see the picture.
        kind: String,
        /// The name.
        name: String,
        /// Smaller words below: an id, an issuer.
        small: Option<String>,
    },
    /// What one can do.
    Acts(Vec<Act>),
    /// Nothing, in a word.
    None(String),
}

impl Cell {
    /// Words.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into(), small: None }
    }

    /// A link.
    #[must_use]
    pub fn link(text: impl Into<String>, href: impl Into<String>) -> Self {
        Self::Link { text: text.into(), href: href.into(), small: None }
    }

    /// What it is sorted by: its own words, a moment by time. None for what is not there.
    #[must_use]
    pub fn sorted_by(&self) -> Option<String> {
        match self {
            Self::Text { text, .. } | Self::Link { text, .. } | Self::Badge { text, .. } | Self::Code(text) => {
                Some(text.to_lowercase())
            }
            Self::Who { name, .. } => Some(name.to_lowercase()),
            Self::Moment(moment) | Self::When { moment, .. } | Self::Due { moment, .. } => Some(moment.iso.clone()),
            Self::Tags(tags) => Some(tags.iter().map(|tag| format!("{}={} ", tag.name, tag.value)).collect()),
            Self::Acts(_) | Self::None(_) => None,
        }
    }

    /// A state.
    #[must_use]
    pub fn badge(tone: Tone, icon: Icon, text: &str) -> Self {
        Self::Badge { tone, icon, text: text.to_owned(), small: None }
    }
}

impl Row {
    /// A row.
    #[must_use]
    pub fn new(cells: Vec<Cell>) -> Self {
        Self { cells, marked: false }
    }
}

impl Table {
    /// A table without a second page.
    #[must_use]
    pub fn new(columns: &[&str], rows: Vec<Row>) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { name: None, columns, sorts: Vec::new(), rows, paging: Paging::default() }
    }

    /// Where a link to a table of this name leads in its page.
    #[must_use]
    pub fn id_of(name: &str) -> String {
        format!("t-{name}")
    }

    /// Whether it is in another order than its own.
    #[must_use]
    pub fn is_sorted(&self) -> bool {
        self.sorts.iter().flatten().any(|sort| sort.order.is_some())
    }

    /// Where links to it lead.
    pub(crate) fn id(&self) -> Option<String> {
        self.name.as_deref().map(Self::id_of)
    }

    /// The headings, each with how its column sorts.
    pub(crate) fn heads(&self) -> impl Iterator<Item = (String, Option<&ColumnSort>)> {
        let sorts = self.sorts.iter().map(Option::as_ref).chain(std::iter::repeat(None));
        self.columns.iter().map(|column| messages::column(column)).zip(sorts)
    }

    /// The cells of a row with their headings.
    pub(crate) fn cells<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = (String, &'a Cell)> {
        self.columns.iter().map(|column| messages::column(column)).zip(&row.cells)
    }
}

impl Paging {
    pub(crate) fn any(&self) -> bool {
        self.first_href.is_some() || self.next_href.is_some()
    }
}
