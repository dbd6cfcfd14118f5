//! The audit list: what was decided, newest first.

use askama::Template;

use crate::{Act, Chart, Form, Moment, PostForm, RenderError, Shell, Snippet, render, say};

/// One page of audit records.
#[derive(Debug, Clone, Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    /// The frame.
    pub shell: Shell,
    /// Records, newest first.
    pub rows: Vec<AuditRow>,
    /// How many records the rows stand for, where those are one row that say the same.
    pub folded: Option<String>,
    /// The filter (GET), filled in with what is in force.
    pub filter: Form,
    /// Filters that were saved under a name, and the form that saves this one.
    pub views: SavedViews,
    /// The filter in words, `outcome denied and who “ada”`; empty for none.
    pub words: String,
    /// What is listed, as an adjective of the headline: `denied`; empty for everything.
    pub kind: String,
    /// What the list answers, as a headline: `1,155 denied in 1 d`; none where only the page can be counted.
    pub answer: Option<String>,
    /// How often, over time.
    pub chart: Option<Chart>,
    /// Why there is no chart where there could be one, in words.
    pub uncounted: Option<String>,
    /// Other stretches of time and the export.
    pub acts: Vec<Act>,
    /// What an export holds, as sentences.
    pub exports: String,
    /// Commands that ask the same.
    pub copy_as: Vec<Snippet>,
    /// Older records; `None` on the last page.
    pub next_href: Option<String>,
    /// The newest records; `None` when this is that page.
    pub first_href: Option<String>,
    /// What is known about the chain.
    pub chain: ChainBadge,
    /// What is missing from the list and why, as one sentence.
    pub partial: Option<String>,
    /// What is left out because it says nothing new, or that nothing is.
    pub left_out: Option<LeftOut>,
}

/// What a list leaves out, and the way to the other list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// What is left out, as one sentence.
    pub sentence: String,
    /// What leads to the other list: `Show all`.
    pub label: String,
    /// The other list.
    pub href: String,
}

/// Filters that somebody saved under a name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SavedViews {
    /// Opens each of them, and takes it away.
    pub acts: Vec<Act>,
    /// The query of this page, to be saved.
    pub query: String,
    /// Saves it under the name that is typed.
    pub save: PostForm,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Allowed and done.
    Allowed,
    /// Refused by the gate.
    Denied,
    /// Allowed, or not judged, and not done.
    Failed,
    /// Came with a credential that does not count.
    Unauthenticated,
    /// Came without a credential and was told how to get one.
    Challenged,
}

/// What kind of principal acted; picks the icon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A person.
    Person,
    /// A workload.
    Workload,
    /// The installation itself.
    System,
    /// Nobody that could be told.
    Unknown,
}

/// One audit record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Calendar day in UTC: `23 Nov 2026`.
    pub date: String,
    /// Time of day in UTC to the millisecond: `03:12:07.904`.
    pub time: String,
    /// RFC 3339 in UTC to the millisecond, for the `datetime` attribute.
    pub iso: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Reason code, if one was given.
    pub reason: Option<String>,
    /// What kind of principal acted.
    pub principal_kind: PrincipalKind,
    /// Who acted: a name, or an id when there is no name.
    pub principal: String,
    /// The action: `secrets.get`.
    pub action: String,
    /// The object: `demo/secrets/db-password`.
    pub object: String,
    /// HTTP status of the answer; `None` where none was sent.
    pub status: Option<u16>,
    /// Address the request came from, if any.
    pub address: Option<String>,
    /// The decision's id.
    pub decision_id: String,
    /// The page of the whole record.
    pub href: String,
    /// Of a denial: why.
    pub why_href: Option<String>,
    /// Those that say the same, where this row stands for more than one.
    pub alike: Option<Alike>,
}

/// Records that one row stands for, the newest of which it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alike {
    /// How many: `1,126`.
    pub count: String,
    /// When the first of them was: `23 Nov 2026, 02:41 UTC`.
    pub first: String,
    /// The list of each of them.
    pub href: String,
}

/// What is known about the audit chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainBadge {
    /// No check has run yet.
    NotVerified {
        /// Position of the newest record, if known: `18,204,551`.
        head_position: Option<String>,
        /// First digits of the newest hash, if known.
        head_hash: Option<String>,
    },
    /// The last check found no gap.
    Verified {
        /// Position of the last record the check covered: `18,204,551`.
        head_position: String,
        /// First digits of that record's hash.
        head_hash: String,
        /// When the check ran.
        at: Moment,
    },
    /// The last check found a fault.
    Broken {
        /// What was found and where, as one sentence.
        finding: String,
        /// When the check ran.
        at: Moment,
    },
}

impl AuditPage {
    /// The page as HTML.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails.
    pub fn render(&self) -> Result<String, RenderError> {
        render::to_string("audit", self)
    }

    fn frame(&self) -> Option<&Shell> {
        Some(&self.shell)
    }

    fn snippets(&self) -> impl Iterator<Item = (String, &Snippet)> {
        self.copy_as.iter().enumerate().map(|(index, snippet)| (format!("snippet-{index}"), snippet))
    }

    /// Says what the list holds; it counts the page, because the log has no cheap total,
    /// unless what is charted answers.
    fn headline(&self) -> String {
        if let Some(answer) = &self.answer {
            return answer.clone();
        }
        let count = self.rows.len();
        if let Some(folded) = self.folded.as_ref().filter(|_| count > 0) {
            return say!("page-audit-rows-of-records", rows = count, records = folded);
        }
        let kind = if self.kind.is_empty() { String::new() } else { format!("{} ", self.kind) };
        let noun = if count == 1 { "record" } else { "records" };
        match (count, self.next_href.is_some(), self.first_href.is_some()) {
            (0, ..) => say!("page-audit-no-kind-records", kind = kind),
            (_, false, false) => format!("{count} {kind}{noun}"),
            (_, _, false) => say!("page-audit-newest-count-kind-noun", count = count, kind = kind, noun = noun),
            (_, _, true) => say!("page-audit-count-older-kind-noun", count = count, kind = kind, noun = noun),
        }
    }
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Allowed => say!("page-audit-allowed"),
            Self::Denied => say!("page-audit-denied"),
            Self::Failed => say!("page-audit-failed"),
            Self::Unauthenticated => say!("page-audit-unauthenticated"),
            Self::Challenged => say!("page-audit-challenged"),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Allowed => "allow",
            Self::Denied => "deny",
            Self::Failed | Self::Unauthenticated => "warn",
            Self::Challenged => "off",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Self::Allowed => "check",
            Self::Denied => "ban",
            Self::Failed | Self::Unauthenticated => "circle-x",
            Self::Challenged => "key-round",
        }
    }
}

impl PrincipalKind {
    fn label(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Workload => "workload",
            Self::System => "system",
            Self::Unknown => "unknown",
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Self::Person => "user",
            Self::Workload => "box",
            Self::System => "server",
            Self::Unknown => "circle-help",
        }
    }
}
