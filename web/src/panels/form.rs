//! Forms. A field that takes a secret never holds one: what was typed is not sent back, not even when
//! the form was refused.

use crate::say;
use std::fmt;

use super::Icon;

/// A form.
#[derive(Clone, Default)]
pub struct Form {
    /// Where it leads: by POST with a token, by GET without.
    pub action: String,
    /// Cross-site request token, sent as [`crate::CSRF_FIELD`]; `None` for a form that only asks (GET).
    pub csrf_token: Option<String>,
    /// The fields, in order.
    pub fields: Vec<Field>,
    /// The words on the button: they say what it does and whether that can be undone.
    pub submit: String,
    /// Whether what it does cannot be undone.
    pub danger: bool,
    /// The words on a second button, which sends `step=preview` along: it shows what would happen, and does nothing.
    pub preview: Option<String>,
    /// A way out.
    pub cancel_href: Option<String>,
    /// What was wrong with the last attempt, as sentences.
    pub error: Option<String>,
    /// Where the record of the last attempt is, if it was refused.
    pub error_href: Option<String>,
    /// What helps, in a tab of its own, so that what was typed stays: the words and where they lead.
    pub beside: Option<(String, String)>,
}

/// The token is left out: it stands for the session that posts.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(say!("panel-form-form"))
            .field("action", &self.action)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// One field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in the request, and its id in the page.
    pub name: String,
    /// Its label.
    pub label: String,
    /// What to know before filling it in, as one sentence.
    pub hint: Option<String>,
    /// Whether it must be filled in.
    pub required: bool,
    /// What it takes.
    pub kind: FieldKind,
    /// What a line can be chosen from, though anything else can be typed: values, and what is said of each.
    pub known: Vec<(String, String)>,
    /// What is wrong with what it holds, as a sentence.
    pub error: Option<String>,
}

/// What a field takes.
#[derive(Debug, Clone)]
pub enum FieldKind {
    /// One line.
    Line {
        /// What it holds now.
        value: String,
        /// Most characters.
        max: u32,
    },
    /// Several lines.
    Lines {
        /// What it holds now.
        value: String,
        /// How many lines are shown.
        rows: u32,
    },
    /// Several lines that machines read.
    Code {
        /// What it holds now.
        value: String,
        /// How many lines are shown.
        rows: u32,
    },
    /// Several lines that are a secret: never filled in by us.
    Secret,
    /// One line that is a secret: never filled in by us, and not shown while it is typed.
    Password,
    /// A file, which makes the form one of several parts.
    File {
        /// What sort of files is looked for: `.wasm`.
        accept: String,
    },
    /// A whole number.
    Number {
        /// What it holds now.
        value: String,
        /// Least.
        min: u32,
        /// Most.
        max: u32,
    },
    /// A moment in UTC, to the minute: `2026-11-23T03:12`, empty for none.
    Moment {
        /// What it holds now.
        value: String,
    },
    /// One of several.
    Choice(Vec<Choice>),
    /// Yes or no.
    Check {
        /// What it holds now.
        checked: bool,
    },
    /// Names with values, as fields `NAME-name-1`, `NAME-value-1` and so on.
    Pairs(Vec<(String, String)>),
    /// Nothing to fill in.
    Hidden {
        /// What it holds.
        value: String,
    },
}

/// One of several.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// Whether it is chosen.
    pub chosen: bool,
}

impl Field {
    /// A field that may stay empty.
    #[must_use]
    pub fn new(name: &str, label: &str, kind: FieldKind) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            hint: None,
            required: false,
            kind,
            known: Vec::new(),
            error: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The same with values to choose from, each with what is said of it.
    #[must_use]
    pub fn known<'a>(self, known: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        Self { known: known.into_iter().map(|(value, said)| (value.clone(), said.clone())).collect(), ..self }
    }

    /// The same with what is wrong with it.
    #[must_use]
    pub fn error(self, error: Option<String>) -> Self {
        Self { error, ..self }
    }

    /// The same, to be filled in.
    #[must_use]
    pub fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// One line.
    #[must_use]
    pub fn line(name: &str, label: &str, value: impl Into<String>, max: u32) -> Self {
        Self::new(name, label, FieldKind::Line { value: value.into(), max })
    }

    /// Several lines.
    #[must_use]
    pub fn lines(name: &str, label: &str, value: impl Into<String>, rows: u32) -> Self {
        Self::new(name, label, FieldKind::Lines { value: value.into(), rows })
    }

    /// Several lines that machines read.
    #[must_use]
    pub fn code(name: &str, label: &str, value: impl Into<String>, rows: u32) -> Self {
        Self::new(name, label, FieldKind::Code { value: value.into(), rows })
    }

    /// A file.
    #[must_use]
    pub fn file(name: &str, label: &str, accept: &str) -> Self {
        Self::new(name, label, FieldKind::File { accept: accept.to_owned() })
    }

    /// Yes or no.
    #[must_use]
    pub fn check(name: &str, label: &str, checked: bool) -> Self {
        Self::new(name, label, FieldKind::Check { checked })
    }

    /// Something the form sends along.
    #[must_use]
    pub fn hidden(name: &str, value: impl Into<String>) -> Self {
        Self::new(name, "", FieldKind::Hidden { value: value.into() })
    }

    /// The ids of what is said about it, in the form with this id.
    pub(crate) fn described(&self, form: &str) -> Option<String> {
        let said = [(self.hint.is_some(), "hint"), (self.error.is_some(), "wrong")];
        let ids = said.iter().filter(|(there, _)| *there).map(|(_, what)| format!("{form}-{}-{what}", self.name));
        Some(ids.collect::<Vec<_>>().join(" ")).filter(|ids| !ids.is_empty())
    }

    /// One of several, given as what is sent and what is shown.
    #[must_use]
    pub fn choice(name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Self {
        let choice = |(value, label): &(&str, &str)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            chosen: *value == chosen,
        };
        Self::new(name, label, FieldKind::Choice(options.iter().map(choice).collect()))
    }
}

impl Form {
    pub(crate) fn method(&self) -> &'static str {
        if self.csrf_token.is_some() { "post" } else { "get" }
    }

    /// Whether it is sent in several parts.
    pub(crate) fn brings_files(&self) -> bool {
        self.fields.iter().any(|field| matches!(field.kind, FieldKind::File { .. }))
    }

    pub(crate) fn icon(&self) -> Icon {
        match (self.danger, &self.csrf_token) {
            (true, _) => Icon::Trash,
            (false, Some(_)) if self.brings_files() => Icon::Upload,
            (false, Some(_)) => Icon::Check,
            (false, None) => Icon::Try,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_does_not_print_its_token() {
        let form = Form { csrf_token: Some("s3cr3t".into()), ..Form::default() };
        assert!(!format!("{form:?}").contains("s3cr3t"));
    }
}
