//! One secret: metadata, versions, and the value only in the answer to a reveal.

use askama::Template;
use zeroize::Zeroizing;

use crate::{
    Act, ColumnSort, ItemState, Moment, Paging, Panel, RenderError, Shell, Snippet, Table, Tag, messages, render,
};

/// One version of one secret. Holds no value unless [`SecretPage::revealed`] is set, and has no
/// `Debug` and no `Clone` for that case.
#[derive(Template)]
#[template(path = "secret.html")]
pub struct SecretPage {
    /// The frame.
    pub shell: Shell,
    /// The secret's name.
    pub name: String,
    /// The vault's name.
    pub vault: String,
    /// The version shown.
    pub version: String,
    /// Whether the version shown is the current one.
    pub current: bool,
    /// Page of the current version, when another one is shown.
    pub current_href: Option<String>,
    /// What one can do with it.
    pub acts: Vec<Act>,
    /// What one may not do and which role is missing, as sentences.
    pub cannot: Vec<String>,
    /// State of the version shown.
    pub state: ItemState,
    /// Content type, if set.
    pub content_type: Option<String>,
    /// Full identifier, as clients use it: `https://demo.vault.localhost:8443/secrets/name/version`.
    pub identifier: String,
    /// Tags of the version shown.
    pub tags: Vec<Tag>,
    /// When the version was created.
    pub created: Moment,
    /// When its attributes last changed.
    pub updated: Moment,
    /// Not-before date, if set.
    pub not_before: Option<Moment>,
    /// Expiry, if set.
    pub expires: Option<Moment>,
    /// What deletion means here: `Recoverable for 90 days, purge protected`.
    pub recovery: String,
    /// The form that reveals the value; `None` when this person cannot reveal it.
    pub reveal: Option<RevealForm>,
    /// Why there is no reveal form, as one sentence: the missing role, or the state of the version.
    pub no_reveal: Option<String>,
    /// Asks others to approve that this person reads the value, where that is what is missing.
    pub ask_approval: Option<crate::PostForm>,
    /// Set only in the answer to a reveal.
    pub revealed: Option<Revealed>,
    /// One page of its versions.
    pub versions: Vec<VersionRow>,
    /// How [`SecretPage::VERSION_COLUMNS`] sort; empty where they do not.
    pub versions_sorts: Vec<Option<ColumnSort>>,
    /// Where the versions go on.
    pub versions_paging: Paging,
    /// What is missing from the versions and why, as one sentence.
    pub versions_partial: Option<String>,
    /// Who can read it, and what was done with it.
    pub panels: Vec<Panel>,
    /// Commands that read this secret with a token variable; never a value.
    pub copy_as: Vec<Snippet>,
}

/// The form that asks for the value.
#[derive(Clone, PartialEq, Eq)]
pub struct RevealForm {
    /// Where the form posts to.
    pub action: String,
    /// Cross-site request token, sent as [`crate::CSRF_FIELD`].
    pub csrf_token: String,
    /// Whether the form asks for a reason (field [`RevealForm::REASON_FIELD`]).
    pub reason: ReasonField,
    /// What was wrong with the last attempt, as one sentence.
    pub error: Option<String>,
    /// For how many seconds the value will be shown.
    pub shown_for_seconds: u32,
    /// Whether the value may have fields, to be shown one by one.
    pub by_field: bool,
    /// Names of the fields, told in the answer to a read of them; empty before.
    pub fields: Vec<String>,
    /// The reason that was given when their names were read.
    pub given_reason: String,
}

impl RevealForm {
    /// Name of the button that asks for the names of the fields alone.
    pub const NAMES_FIELD: &'static str = "names";
    /// Name of the field that names one field of the value.
    pub const ONE_FIELD: &'static str = "field";
    /// Name of the text field of the reason.
    pub const REASON_FIELD: &'static str = "reason";
    /// Longest reason the field takes, in characters; the handler checks it again.
    pub const REASON_MAX: u32 = 200;
}

/// Whether a reveal asks for a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReasonField {
    /// No field.
    Absent,
    /// A field that may stay empty.
    Optional,
    /// A field that must be filled in.
    Required,
}

/// A value on its way to one page. The value is private, wiped on drop, and this type has neither
/// `Debug` nor `Clone`, so that it cannot reach a log by accident.
pub struct Revealed {
    value: Zeroizing<String>,
    /// After how many seconds the page hides the value. The handler sends `Refresh` with the same
    /// number and [`Revealed::hide_href`], so that it works without scripts.
    pub hides_after_seconds: u32,
    /// How the audit log names this reveal: the decision id.
    pub recorded_as: String,
    /// When it was revealed.
    pub revealed_at: Moment,
    /// The reason that was given, if any.
    pub reason: Option<String>,
    /// The same page without the value.
    pub hide_href: String,
    /// The one field of the value that this is, if it is not the whole.
    pub field: Option<String>,
}

impl Revealed {
    /// Takes the value over.
    #[must_use]
    pub fn new(
        value: Zeroizing<String>,
        hides_after_seconds: u32,
        recorded_as: String,
        revealed_at: Moment,
        reason: Option<String>,
        hide_href: String,
    ) -> Self {
        Self { value, hides_after_seconds, recorded_as, revealed_at, reason, hide_href, field: None }
    }

    /// The same as one field of a value.
    #[must_use]
    pub fn of_field(self, field: Option<String>) -> Self {
        Self { field, ..self }
    }
}

/// One version in the list of versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The version's id.
    pub version: String,
    /// Its place among the versions: `v7`.
    pub ordinal: Option<String>,
    /// Its page.
    pub href: String,
    /// Whether it is the current one.
    pub current: bool,
    /// Whether it is the one this page shows.
    pub shown: bool,
    /// Its state.
    pub state: ItemState,
    /// When it was created.
    pub created: Moment,
    /// Who made it, for who may know it.
    pub by: Option<String>,
    /// When it expires, if it does.
    pub expires: Option<Moment>,
    /// What one can do with it.
    pub acts: Vec<Act>,
    /// How often it was read in the last 24 hours, for who may know it.
    pub reads: Option<String>,
    /// Whether it is not the current one and is read all the same.
    pub still_read: bool,
}

impl VersionRow {
    /// What it is sorted by in a column, by the column's word in an address.
    #[must_use]
    pub fn sorted_by(&self, column: &str) -> Option<String> {
        match column {
            "version" => self.ordinal.clone().or_else(|| Some(self.version.clone())),
            "state" => Some(self.state.label().to_lowercase()),
            "created" => Some(self.created.iso.clone()),
            "expires" => self.expires.as_ref().map(|expires| expires.iso.clone()),
            _ => self.reads.clone(),
        }
    }
}

impl SecretPage {
    /// Name of the table of versions, for its parameters in the address.
    pub const VERSIONS: &'static str = "versions";
    /// Headings of the table of versions; those of which no version has anything are left out.
    pub const VERSION_COLUMNS: [&'static str; 5] = ["Version", "State", "Created", "Expires", "Reads, 24 h"];

    /// The page as HTML, in a buffer that is wiped on drop and was never reallocated. When the page
    /// is [revealed](Self::revealed) the text holds the value: hand it to the answer, send it with
    /// `cache-control: no-store`, and keep no copy.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<Zeroizing<String>, RenderError> {
        render::to_zeroizing("secret", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    fn panels(&self) -> impl Iterator<Item = (String, &Panel)> {
        self.panels.iter().enumerate().map(|(index, panel)| (format!("p{index}"), panel))
    }

    fn snippets(&self) -> impl Iterator<Item = (String, &Snippet)> {
        self.copy_as.iter().enumerate().map(|(index, snippet)| (format!("snippet-{index}"), snippet))
    }

    /// The headings of the versions, each with how it sorts where there is more than one.
    fn version_heads(&self) -> impl Iterator<Item = (String, Option<&ColumnSort>)> {
        let [_, _, _, expires, reads] = Self::VERSION_COLUMNS;
        let shown = move |column: &str| {
            (column != expires || self.any_version_expires()) && (column != reads || self.any_version_reads())
        };
        let several = self.versions.len() > 1 || self.versions_paging.any();
        let sorts = self.versions_sorts.iter().map(move |sort| sort.as_ref().filter(|_| several));
        let heads = Self::VERSION_COLUMNS.into_iter().zip(sorts.chain(std::iter::repeat(None)));
        heads.filter(move |(column, _)| shown(column)).map(|(column, sort)| (messages::column(column), sort))
    }

    fn versions_sorted(&self) -> bool {
        self.versions_sorts.iter().flatten().any(|sort| sort.order.is_some())
    }

    fn any_version_acts(&self) -> bool {
        self.versions.iter().any(|row| !row.acts.is_empty())
    }

    fn any_version_reads(&self) -> bool {
        self.versions.iter().any(|row| row.reads.is_some())
    }

    fn any_version_expires(&self) -> bool {
        self.versions.iter().any(|row| row.expires.is_some())
    }
}

/// A stretch of a revealed value that is shown in one colour.
pub(crate) enum Run<'a> {
    /// Letters and white space.
    Plain(&'a str),
    /// Digits.
    Digits(&'a str),
    /// Everything else.
    Symbols(&'a str),
    /// A carriage return, which HTML keeps only as a character reference.
    CarriageReturn,
}

impl Revealed {
    /// Whether a page can carry the value without changing it. HTML has no way to write U+0000.
    pub(crate) fn exact(&self) -> bool {
        !self.value.contains('\0')
    }

    /// The value in stretches that borrow from it; together they are the value.
    pub(crate) fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let mut rest = self.value.as_str();
        std::iter::from_fn(move || {
            let kind = Kind::of(rest.chars().next()?);
            let end = match kind {
                Kind::CarriageReturn => 1,
                _ => rest.find(|next| Kind::of(next) != kind).unwrap_or(rest.len()),
            };
            let (run, after) = rest.split_at_checked(end)?;
            rest = after;
            Some(match kind {
                Kind::Plain => Run::Plain(run),
                Kind::Digit => Run::Digits(run),
                Kind::Symbol => Run::Symbols(run),
                Kind::CarriageReturn => Run::CarriageReturn,
            })
        })
    }
}

#[derive(PartialEq, Eq, Clone, Copy)]
enum Kind {
    Plain,
    Digit,
    Symbol,
    CarriageReturn,
}

impl Kind {
    fn of(character: char) -> Self {
        match character {
            '\r' => Self::CarriageReturn,
            _ if character.is_numeric() => Self::Digit,
            _ if character.is_alphabetic() || character.is_whitespace() => Self::Plain,
            _ => Self::Symbol,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn revealed(value: &str) -> Revealed {
        Revealed::new(Zeroizing::new(value.into()), 30, "d".into(), Moment::default(), None, "/".into())
    }

    fn shown(value: &str) -> SecretPage {
        let (_, page) = SecretPage::samples().swap_remove(0);
        SecretPage { revealed: Some(revealed(value)), ..page }
    }

    /// What a browser makes of the element that holds the value.
    fn read_back(html: &str) -> String {
        let element = html.split("id=\"value\"").nth(1).unwrap();
        let inner = element.split_once('>').unwrap().1.split("</code>").next().unwrap();
        let parsed = inner.replace("\r\n", "\n").replace('\r', "\n");
        ["<i>", "</i>", "<em>", "</em>"]
            .iter()
            .fold(parsed, |text, tag| text.replace(tag, ""))
            .replace("&#13;", "\r")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#38;", "&")
    }

    #[test]
    fn a_value_is_only_in_the_answer_to_a_reveal() {
        for (name, page) in SecretPage::samples() {
            let html = page.render().unwrap();
            assert_eq!(html.contains("data-value"), page.revealed.is_some(), "{name}");
            assert_eq!(html.contains("class=\"reveal\""), page.revealed.is_none() && page.reveal.is_some(), "{name}");
        }
    }

    #[test]
    fn the_page_is_written_into_a_buffer_of_its_exact_size() {
        let html = shown("p4ss").render().unwrap();
        assert_eq!(html.capacity(), html.len());
    }

    #[test]
    fn colours_follow_the_kinds_of_characters() {
        assert!(shown("aB12#-é").render().unwrap().contains(">aB<i>12</i><em>#-</em>é</code>"));
    }

    #[test]
    fn a_value_with_a_nul_is_not_offered_for_copying() {
        assert!(!shown("a\0b").render().unwrap().contains("data-copy-exact"));
        assert!(shown("a b").render().unwrap().contains("data-copy-exact"));
    }

    proptest! {
        #[test]
        fn a_browser_reads_back_the_exact_value(value in "[^\\x00]{0,40}") {
            prop_assert_eq!(read_back(&shown(&value).render().unwrap()), value);
        }

        #[test]
        fn line_ends_and_markup_survive(value in "[\r\n<>&\"'#;a1/i]{0,24}") {
            prop_assert_eq!(read_back(&shown(&value).render().unwrap()), value);
        }
    }
}
